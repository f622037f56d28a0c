//! HTML as models write it into a text: its tags are taken off, its breaks become line ends, its entities characters.
//!
//! What a sentence is about stays (`<div>와 <span>`): a tag counts as one when its partner is there, or when it stands where
//! a line begins; a break counts unless it is spoken of. Code in backticks stays as it is.

use std::borrow::Cow;

use super::turn::is_spoken_of;

/// They end a line, and have no partner.
const BREAKS: [&str; 6] = ["br", "hr", "n", "nl", "newline", "lb"];
/// A line of its own is between them and their partners.
const BLOCKS: [&str; 28] = [
    "html",
    "head",
    "title",
    "body",
    "p",
    "div",
    "ul",
    "ol",
    "li",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "blockquote",
    "pre",
    "table",
    "thead",
    "tbody",
    "tr",
    "section",
    "article",
    "details",
    "summary",
    "dl",
    "dt",
    "dd",
];
/// They say how the words between them look.
const INLINE: [&str; 29] = [
    "b", "strong", "i", "em", "u", "s", "strike", "del", "ins", "mark", "small", "big", "sub", "sup", "code", "kbd",
    "samp", "var", "tt", "span", "font", "a", "q", "cite", "center", "td", "th", "label", "abbr",
];
/// Entities without a number.
const ENTITIES: [(&str, &str); 27] = [
    ("lt", "<"),
    ("gt", ">"),
    ("amp", "&"),
    ("quot", "\""),
    ("apos", "'"),
    ("nbsp", " "),
    ("middot", "·"),
    ("hellip", "…"),
    ("ldquo", "“"),
    ("rdquo", "”"),
    ("lsquo", "‘"),
    ("rsquo", "’"),
    ("laquo", "«"),
    ("raquo", "»"),
    ("ndash", "–"),
    ("mdash", "—"),
    ("rarr", "→"),
    ("larr", "←"),
    ("times", "×"),
    ("divide", "÷"),
    ("le", "≤"),
    ("ge", "≥"),
    ("ne", "≠"),
    ("deg", "°"),
    ("bull", "•"),
    ("copy", "©"),
    ("ensp", " "),
];
/// Characters of a tag with its attributes, and of an entity.
const LONGEST_TAG: usize = 200;
const LONGEST_ENTITY: usize = 10;
/// Tags that may be open at once.
const MAX_OPEN: usize = 32;

/// `text` without tags and entities.
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(['<', '&']) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for tag in tags(text).iter().filter(|tag| tag.counts) {
        out.push_str(text.get(at..tag.start).unwrap_or_default());
        out.push_str(tag.becomes(&out));
        at = tag.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    Cow::Owned(if out.contains('&') { with_characters(&out) } else { out })
}

/// Whether a tag in `text` stands there since its partner is missing, which may be behind it.
pub fn is_open(text: &str) -> bool {
    text.contains('<') && tags(text).iter().any(|tag| !tag.counts && !tag.closes)
}

/// A tag at a place in the text.
struct Tag<'a> {
    start: usize,
    end: usize,
    name: &'a str,
    kind: Kind,
    closes: bool,
    /// It is markup, and not what the sentence is about.
    counts: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Break,
    Block,
    Inline,
    /// It goes whether or not it has a partner: a comment, a mark of a citation (Command R).
    Remark,
}

impl Tag<'_> {
    /// What takes its place behind `before`.
    fn becomes(&self, before: &str) -> &'static str {
        match self.kind {
            Kind::Remark => "",
            // A power, or else the number of a footnote, as Markdown has it.
            Kind::Inline if self.name == "sup" && !self.closes => {
                if is_generic(before.chars().next_back()) || before.ends_with(')') { "^" } else { "[^" }
            }
            Kind::Inline
                if self.name == "sup" && before.trim_end_matches(|c: char| c.is_ascii_digit()).ends_with("[^") =>
            {
                "]"
            }
            Kind::Inline if matches!(self.name, "td" | "th") && self.closes => " ",
            Kind::Inline => "",
            Kind::Block if self.name == "li" && !self.closes => "\n- ",
            Kind::Break | Kind::Block => "\n",
        }
    }
}

/// The tags of `text` outside of code, in order.
fn tags(text: &str) -> Vec<Tag<'_>> {
    let mut tags: Vec<Tag<'_>> = Vec::new();
    // Those that wait for a partner, by where they are among `tags`.
    let mut open: Vec<usize> = Vec::new();
    let mut code = false;
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| rest.find(['<', '`'])) {
        let start = at + found;
        at = start + 1;
        let rest = text.get(start..).unwrap_or_default();
        if rest.starts_with('`') {
            code = !code;
        }
        let before = text.get(..start).and_then(|before| before.chars().next_back());
        let Some(mut tag) = read(rest, start).filter(|_| !code) else { continue };
        let after = text.get(tag.end..).unwrap_or_default();
        let partner = || {
            open.iter().rev().take(MAX_OPEN).position(|open| tags.get(*open).is_some_and(|open| open.name == tag.name))
        };
        let partner = tag.closes.then(partner).flatten();
        // `Vec<b>` is code as well.
        let generic = tag.name.len() == 1 && !tag.closes && is_generic(before);
        if generic || (partner.is_none() && tag.kind != Kind::Remark && is_spoken_of(before, after)) {
            continue;
        }
        at = tag.end;
        match partner {
            Some(above) => {
                open.truncate(open.len() - above);
                if let Some(partner) = open.pop().and_then(|open| tags.get_mut(open)) {
                    partner.counts = true;
                }
                tag.counts = true;
            }
            None if tag.kind == Kind::Block => {
                tag.counts = tag.closes || before.is_none_or(|c| matches!(c, '\n' | '.' | '!' | '?' | '>'));
            }
            None => tag.counts = matches!(tag.kind, Kind::Break | Kind::Remark),
        }
        if !tag.closes {
            open.push(tags.len());
        }
        tags.push(tag);
    }
    tags
}

fn is_generic(before: Option<char>) -> bool {
    before.is_some_and(|c| c.is_ascii_alphanumeric())
}

/// The tag that `text`, which stands at `start`, begins with.
fn read(text: &str, start: usize) -> Option<Tag<'_>> {
    let inner = text.strip_prefix('<')?;
    if inner.starts_with("!--") {
        let end = start + text.find("-->").map_or(text.len(), |end| end + "-->".len());
        return Some(Tag { start, end, name: "", kind: Kind::Remark, closes: false, counts: false });
    }
    let closes = inner.starts_with('/');
    let named = inner.trim_start_matches('/');
    let rest = named.trim_start_matches(|c: char| c.is_ascii_alphanumeric());
    let written = named.get(..named.len() - rest.len())?;
    let end =
        rest.char_indices().take(LONGEST_TAG).take_while(|(_, c)| !matches!(c, '<' | '\n')).find(|(_, c)| *c == '>');
    let (attributes, _) = rest.split_at_checked(end?.0)?;
    // `<b && c>` and `<i, j>` are none.
    let plain =
        attributes.trim().trim_end_matches('/').is_empty() || (attributes.starts_with(' ') && attributes.contains('='));
    let name = |names: &[&'static str]| names.iter().copied().find(|name| name.eq_ignore_ascii_case(written));
    let (name, kind) = if matches!(written, "co" | "cite") && attributes.trim_start().starts_with(':') {
        ("co", Kind::Remark)
    } else if !plain {
        return None;
    } else if let Some(name) = name(&BREAKS) {
        (name, Kind::Break)
    } else if let Some(name) = name(&BLOCKS) {
        (name, Kind::Block)
    } else {
        // A type parameter is a capital: `<T>`, `<S>`.
        (name(&INLINE).filter(|_| written.len() > 1 || written.chars().all(|c| c.is_ascii_lowercase()))?, Kind::Inline)
    };
    let len = text.len() - rest.len() + attributes.len() + 1;
    Some(Tag { start, end: start + len, name, kind, closes, counts: false })
}

/// `text` with the characters that its entities stand for.
fn with_characters(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        match entity(after) {
            Some((c, beyond)) => {
                out.push_str(&c);
                rest = beyond;
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// What the entity stands for whose name `text` begins with, and what follows it.
fn entity(text: &str) -> Option<(String, &str)> {
    let end = text.char_indices().take(LONGEST_ENTITY).find(|(_, c)| *c == ';')?.0;
    let (name, rest) = text.split_at_checked(end)?;
    let rest = rest.strip_prefix(';')?;
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => number.parse(),
        };
        let c = code.ok().and_then(char::from_u32)?;
        let c = match c {
            '\t' => ' ',
            '\n' | '\r' => '\n',
            c => Some(c).filter(|c| !c.is_control())?,
        };
        return Some((c.to_string(), rest));
    }
    ENTITIES.iter().find(|(known, _)| *known == name).map(|(_, c)| ((*c).to_owned(), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_taken_off_and_breaks_end_a_line() {
        for (html, text) in [
            ("핵심을 <strong>짚었습니다</strong>.<br/>예시를", "핵심을 짚었습니다.\n예시를"),
            ("<p>핵심</p><p>예시</p>", "\n핵심\n\n예시\n"),
            ("<ul><li>핵심</li><li>예시</li></ul>", "\n\n- 핵심\n\n- 예시\n\n"),
            ("<span style=\"color: red\">핵심</span> <EM>예시</EM>", "핵심 예시"),
            ("O(n<sup>2</sup>)입니다.<sup>1</sup>", "O(n^2)입니다.[^1]"),
            ("<b>핵심</b>을 <i>짚은</i>은", "핵심을 짚은은"),
            ("핵심<!-- 초안 -->을 <co: 0>짚었다</co: 0>", "핵심을 짚었다"),
            ("a &lt; b &amp;&amp; c&nbsp;&#39;d&#x27;", "a < b && c 'd'"),
        ] {
            assert_eq!(plain(html), text);
        }
    }

    #[test]
    fn what_a_sentence_is_about_stays() {
        for text in [
            "<div>와 <span>의 차이를 설명했습니다.",
            "`<br>`과 `<b>굵게</b>`를 비교했습니다.",
            "<br> 태그는 줄을 바꿉니다.",
            "List<b>와 Map<S, T>",
            "a < b이고 c > d, a <b && c> d",
            "R&D; AT&T, &없음;",
            "<header>와 <custom-tag>",
        ] {
            assert_eq!(plain(text), text);
        }
    }
}
