//! HTML in a résumé, turned into Markdown. What only names an element (`<main>을 시맨틱하게`) is no HTML, and stays as it is.

use super::line::Line;
use super::words::protected;

/// The elements that a browser knows and a writer may have meant as markup. Any other `<...>` is text that merely looks
/// like a tag, such as `List<String>`.
#[rustfmt::skip]
const ELEMENTS: &[&str] = &[
    "a", "abbr", "address", "article", "aside", "b", "base", "big", "blockquote", "body", "br", "button", "caption", "center",
    "cite", "code", "col", "dd", "del", "details", "div", "dl", "dt", "em", "embed", "figcaption", "figure", "font", "footer",
    "form", "h1", "h2", "h3", "h4", "h5", "h6", "head", "header", "hr", "html", "i", "iframe", "img", "input", "ins", "kbd",
    "label", "li", "link", "main", "mark", "meta", "nav", "object", "ol", "p", "pre", "q", "s", "samp", "script", "section",
    "small", "span", "strike", "strong", "style", "sub", "summary", "sup", "svg", "table", "tbody", "td", "tfoot", "th",
    "thead", "title", "tr", "tt", "u", "ul", "var", "wbr",
];
/// More are no résumé's.
const MAX_TAGS: usize = 2_000;
/// What stands within these is not seen.
const HIDDEN: &[&str] = &["script", "style", "head", "title", "svg", "iframe", "object"];
/// They stand on lines of their own.
#[rustfmt::skip]
const BLOCKS: &[&str] = &[
    "p", "div", "section", "article", "aside", "center", "header", "footer", "main", "nav", "body", "html", "form", "details",
    "summary", "blockquote", "figure", "figcaption", "address", "dl", "dd", "dt", "caption",
];
/// They may be left open, within these.
const LEFT_OPEN: &[(&str, &[&str])] = &[
    ("li", &["ul", "ol"]),
    ("dt", &["dl"]),
    ("dd", &["dl"]),
    ("tr", &["table"]),
    ("td", &["table"]),
    ("th", &["table"]),
    ("thead", &["table"]),
    ("tbody", &["table"]),
];

/// Whether a browser knows the element.
pub fn is_element(name: &str) -> bool {
    ELEMENTS.contains(&name)
}

/// A tag or a comment.
#[derive(Debug)]
struct Tag<'a> {
    at: usize,
    end: usize,
    /// In lower case; `!` for a comment.
    name: String,
    closes: bool,
    attributes: &'a str,
    /// The tag that it is closed by.
    partner: Option<usize>,
}

/// The text with its HTML as Markdown.
pub fn as_markdown(text: &str) -> String {
    if !text.contains('<') {
        return text.to_owned();
    }
    let mut tags = tags(text);
    if tags.len() > MAX_TAGS {
        return text.to_owned();
    }
    pair(&mut tags);
    let markup: Vec<&Tag<'_>> = tags.iter().filter(|tag| is_markup(tag, &tags, text)).collect();
    let mut writer = Writer::default();
    let mut at = 0;
    for tag in &markup {
        if tag.at < at {
            continue;
        }
        writer.text(text.get(at..tag.at).unwrap_or_default());
        at = tag.end;
        if let (true, Some(partner)) = (HIDDEN.contains(&tag.name.as_str()), tag.partner.and_then(|at| tags.get(at))) {
            at = partner.end;
            continue;
        }
        writer.tag(tag, tag.partner.and_then(|at| tags.get(at)), text);
    }
    writer.text(text.get(at..).unwrap_or_default());
    writer.finish()
}

/// The tags of known elements, without those within code.
fn tags(text: &str) -> Vec<Tag<'_>> {
    let mut tags = Vec::new();
    let mut start = 0;
    let mut searched = 0;
    for line in Line::all(text) {
        // A line was trimmed at its end; where the next begins, the text itself says.
        let end = text.get(start..).and_then(|rest| rest.find('\n')).map_or(text.len(), |length| start + length);
        let whole = text.get(start..end).unwrap_or_default();
        let is_code = if line.code { vec![true; whole.len()] } else { protected(whole) };
        for (at, _) in whole.match_indices('<') {
            if start + at < searched || is_code.get(at).copied().unwrap_or_default() {
                continue;
            }
            if let Some(tag) = tag_at(text, start + at) {
                searched = tag.end;
                tags.push(tag);
            }
        }
        start = end + 1;
    }
    tags
}

fn tag_at(text: &str, at: usize) -> Option<Tag<'_>> {
    let rest = text.get(at + 1..)?;
    if rest.starts_with("!--") {
        let end = rest.find("-->").map_or(text.len(), |length| at + 1 + length + "-->".len());
        return Some(Tag { at, end, name: "!".to_owned(), closes: false, attributes: "", partner: None });
    }
    if ["!doctype", "?xml"]
        .iter()
        .any(|start| rest.get(..start.len()).is_some_and(|rest| rest.eq_ignore_ascii_case(start)))
    {
        let end = at + 1 + rest.find('>')? + 1;
        return Some(Tag { at, end, name: "!".to_owned(), closes: false, attributes: "", partner: None });
    }
    let closes = rest.starts_with('/');
    let rest = rest.strip_prefix('/').unwrap_or(rest);
    let length = rest.find(|c: char| !c.is_ascii_alphanumeric()).filter(|length| *length > 0)?;
    let (name, after) = rest.split_at_checked(length)?;
    let name = name.to_ascii_lowercase();
    let (attributes, _) = after.split_once('>')?;
    let clean = attributes.is_empty() || attributes.starts_with([' ', '/', '\n']);
    let end = at + 1 + usize::from(closes) + length + attributes.len() + 1;
    (is_element(&name) && clean && !attributes.contains('<')).then_some(Tag {
        at,
        end,
        name,
        closes,
        attributes,
        partner: None,
    })
}

fn pair(tags: &mut [Tag<'_>]) {
    let mut open: Vec<(usize, String)> = Vec::new();
    let mut pairs = Vec::new();
    for (index, tag) in tags.iter().enumerate() {
        if !tag.closes {
            open.push((index, tag.name.clone()));
        } else if let Some(found) = open.iter().rposition(|(_, name)| *name == tag.name) {
            pairs.push((open.remove(found).0, index));
        }
    }
    for (one, other) in pairs {
        for (at, partner) in [(one, other), (other, one)] {
            if let Some(tag) = tags.get_mut(at) {
                tag.partner = Some(partner);
            }
        }
    }
}

/// Whether a tag was meant as one. Of an element that is only named there is one tag, without attributes, among words.
fn is_markup(tag: &Tag<'_>, tags: &[Tag<'_>], text: &str) -> bool {
    let before = text.get(..tag.at).and_then(|before| before.rsplit('\n').next()).unwrap_or_default();
    let after = text.get(tag.end..).and_then(|after| after.split('\n').next()).unwrap_or_default();
    let begins_line = before.trim().is_empty();
    let alone = begins_line && after.trim().is_empty();
    let within = |outer: &str| {
        let partner = |outer: &Tag<'_>| outer.partner.and_then(|at| tags.get(at)).map_or(text.len(), |tag| tag.at);
        tags.iter().any(|found| found.name == outer && !found.closes && found.at < tag.at && tag.at < partner(found))
    };
    tag.name == "!"
        || tag.partner.is_some()
        || tag.attributes.contains('=')
        || matches!(tag.name.as_str(), "br" | "wbr")
        || tag.name == "hr" && (alone || tag.attributes.contains('/'))
        || tag.name == "p" && begins_line && !after.starts_with([' ', ',', '(']) && !alone
        || LEFT_OPEN.iter().any(|(name, outer)| *name == tag.name && outer.iter().any(|outer| within(outer)))
        || alone
            && (tag.closes || BLOCKS.contains(&tag.name.as_str()) || matches!(tag.name.as_str(), "ul" | "ol" | "table"))
}

#[derive(Default)]
struct Writer {
    out: String,
    /// The numbers of the open lists' next items; `None` for bullets.
    lists: Vec<Option<usize>>,
    items: usize,
    table: Option<Rows>,
}

/// A table, row by row and cell by cell; whether a cell is open.
#[derive(Default)]
struct Rows {
    rows: Vec<Vec<String>>,
    open: bool,
}

impl Writer {
    fn text(&mut self, text: &str) {
        match &mut self.table {
            Some(table) => {
                if let Some(cell) = table.rows.last_mut().and_then(|row| row.last_mut()).filter(|_| table.open) {
                    cell.push_str(&text.replace('\n', " ").replace('|', "\\|"));
                } else if !text.trim().is_empty() {
                    self.out.push_str(text);
                }
            }
            None if self.items > 0 || !self.lists.is_empty() => {
                // The lines of an item are one, and between items there is nothing to see.
                let starts = self.out.ends_with([' ', '\n']);
                let text = text.split('\n').map(str::trim).collect::<Vec<_>>().join(" ");
                self.out.push_str(if starts { text.trim_start() } else { &text });
            }
            None => self.out.push_str(text),
        }
    }

    fn mark(&mut self, mark: &str) {
        match &mut self.table {
            Some(table) => {
                if let Some(cell) = table.rows.last_mut().and_then(|row| row.last_mut()).filter(|_| table.open) {
                    cell.push_str(mark);
                }
            }
            None => self.out.push_str(mark),
        }
    }

    fn block(&mut self) {
        if self.table.is_some() || self.items > 0 {
            self.mark(" ");
        } else {
            self.out.push_str("\n\n");
        }
    }

    fn tag(&mut self, tag: &Tag<'_>, partner: Option<&Tag<'_>>, text: &str) {
        let in_row = self.out.rsplit('\n').next().is_some_and(|line| line.trim_start().starts_with('|'));
        let in_heading = self.out.rsplit('\n').next().is_some_and(|line| line.starts_with('#'));
        let in_table = self.table.is_some() || in_row;
        match tag.name.as_str() {
            "b" | "strong" => self.pair("**", tag, partner, text),
            "i" | "em" => self.pair("*", tag, partner, text),
            "s" | "del" | "strike" => self.pair("~~", tag, partner, text),
            "code" | "kbd" | "samp" | "tt" => self.pair("`", tag, partner, text),
            "br" if in_table => self.mark("<br>"),
            "br" if in_heading => self.mark(" "),
            "br" => self.out.push('\n'),
            "hr" => self.out.push_str("\n\n---\n\n"),
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.block();
                let level = tag.name.trim_start_matches('h').parse().unwrap_or(1);
                if !tag.closes && !in_table && self.items == 0 {
                    self.out.extend(["#".repeat(level).as_str(), " "]);
                }
            }
            // What never closes would swallow all that follows.
            "ul" | "ol" | "table" if partner.is_none() => self.block(),
            "ul" | "ol" if tag.closes => {
                self.lists.pop();
                self.items = self.lists.len();
                self.out.push_str(if self.lists.is_empty() { "\n\n" } else { "" });
            }
            "ul" | "ol" => {
                self.out.push_str(if self.lists.is_empty() { "\n\n" } else { "" });
                self.lists.push((tag.name == "ol").then_some(1));
            }
            "li" => self.item(tag.closes),
            "table" => self.begin_or_end_table(tag.closes),
            "tr" | "td" | "th" => self.row_or_cell(tag),
            "a" => self.link(tag, partner, text),
            "img" if !in_table => self.mark(attribute(tag.attributes, "alt").unwrap_or_default()),
            "pre" if !in_table => self.out.push_str(if tag.closes { "\n```\n\n" } else { "\n\n```\n" }),
            name if BLOCKS.contains(&name) && !in_row => self.block(),
            _ => {}
        }
    }

    /// The mark of emphasis, which is one within a line alone.
    fn pair(&mut self, mark: &str, tag: &Tag<'_>, partner: Option<&Tag<'_>>, text: &str) {
        let Some(partner) = partner else { return };
        let (from, to) = if tag.closes { (partner.end, tag.at) } else { (tag.end, partner.at) };
        let inside = text.get(from..to).unwrap_or_default();
        if !inside.trim().is_empty() && !inside.contains('\n') {
            self.mark(mark);
        }
    }

    fn item(&mut self, closes: bool) {
        if closes {
            self.items = self.items.saturating_sub(1);
            return;
        }
        self.items = self.lists.len();
        let indent = " ".repeat(3 * self.lists.len().saturating_sub(1));
        let marker = match self.lists.last_mut() {
            Some(Some(number)) => {
                *number += 1;
                format!("{}. ", *number - 1)
            }
            _ => "- ".to_owned(),
        };
        let line = if self.out.ends_with('\n') || self.out.is_empty() { "" } else { "\n" };
        self.out.extend([line, &indent, &marker]);
    }

    fn begin_or_end_table(&mut self, closes: bool) {
        if !closes && self.table.is_none() {
            self.table = Some(Rows::default());
        } else if let Some(table) = self.table.take() {
            self.out.push_str("\n\n");
            for (index, row) in table.rows.iter().filter(|row| !row.is_empty()).enumerate() {
                let cells = row.iter().map(|cell| cell.split_whitespace().collect::<Vec<_>>().join(" "));
                self.out.extend(["| ", &cells.collect::<Vec<_>>().join(" | "), " |\n"]);
                if index == 0 {
                    self.out.extend(["|", &"---|".repeat(row.len()), "\n"]);
                }
            }
            self.out.push('\n');
        }
    }

    fn row_or_cell(&mut self, tag: &Tag<'_>) {
        let Some(table) = &mut self.table else { return };
        table.open = !tag.closes && tag.name != "tr";
        if tag.name == "tr" && !tag.closes || table.rows.is_empty() {
            table.rows.push(Vec::new());
        }
        if table.open
            && let Some(row) = table.rows.last_mut()
        {
            row.push(String::new());
        }
    }

    fn link(&mut self, tag: &Tag<'_>, partner: Option<&Tag<'_>>, text: &str) {
        let opening = if tag.closes { partner } else { Some(tag).filter(|_| partner.is_some()) };
        let address = opening.and_then(|tag| attribute(tag.attributes, "href"));
        let web = |address: &&str| address.starts_with("http") || address.starts_with("mailto:");
        let Some(address) = address.filter(web).filter(|address| !address.contains([' ', '(', ')', '<', '>'])) else {
            return;
        };
        let closing = opening.and_then(|tag| Some((tag.end, partner?.at.max(tag.end))));
        let one_line = closing.and_then(|(from, to)| text.get(from..to)).is_none_or(|inside| !inside.contains('\n'));
        if one_line {
            let mark = if tag.closes { format!("]({address})") } else { "[".to_owned() };
            self.mark(&mark);
        }
    }

    fn finish(mut self) -> String {
        if self.table.is_some() {
            self.begin_or_end_table(true);
        }
        self.out
    }
}

fn attribute<'a>(attributes: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = attributes.split_once(&format!("{name}="))?;
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    rest.split(quote).nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(html: &str) -> String {
        let lines = as_markdown(html);
        lines.split('\n').map(str::trim_end).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn headings_paragraphs_lists_and_tables_become_markdown() {
        let html = "<div class=\"a\">\n<h2>소개</h2>\n<p>결제 <b>서버</b>를<br/>맡음</p>\n<ul>\n  <li>하나\n  <ol><li>둘</li></ol></li>\n  <li><p>셋</p></li>\n</ul></div>";
        assert_eq!(seen(html), "## 소개\n결제 **서버**를\n맡음\n- 하나\n   1. 둘\n-  셋");
        let table = "<table>\n<tr><th>회사</th><th>기간</th></tr>\n<tr><td>가|나</td><td>2<br>3</td></tr></table>";
        assert_eq!(seen(table), "| 회사 | 기간 |\n|---|---|\n| 가\\|나 | 2<br>3 |");
        assert_eq!(seen("<!DOCTYPE html><html><body><h1>소개</h1></body></html>"), "# 소개");
        assert_eq!(
            seen("<a href=\"https://a.kr\">글</a> <script>x()</script><!-- 숨김 -->끝"),
            "[글](https://a.kr) 끝"
        );
    }

    #[test]
    fn markdown_below_a_tag_is_markdown() {
        assert_eq!(seen("<div align=\"center\">\n# 경력\n- 가\n</div>"), "# 경력\n- 가");
        assert_eq!(seen("<details><summary>경력</summary>\n- 가\n</details>"), "경력\n- 가");
    }

    #[test]
    fn what_only_names_an_element_stays() {
        for text in [
            "- React의 <main>, <button> 을 교체",
            "- <header> 누락을 검사",
            "- <p> 태그와 <div> 남용",
            "- <script> 지연 로딩과 <img> 최적화",
            "List<String>, Map<K, V>, a < b, 1<2",
            "`<b>x</b>`와 <a> 태그",
            "```\n<b>x</b>\n```",
            "</body> 앞에 배치",
        ] {
            assert_eq!(as_markdown(text), text);
        }
    }
}
