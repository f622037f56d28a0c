//! Running text: formatting, line breaks and links.

use std::io;

use url::Url;

use super::xml::{Part, is_xml_char};

/// Links beyond this become text; nobody follows them all.
const MAX_LINKS: usize = 1_000;
/// Word refuses longer addresses.
const MAX_URL_BYTES: usize = 2_000;

/// The addresses that the document links to, in the order of their relationship ids.
#[derive(Default)]
pub struct Links(Vec<String>);

impl Links {
    fn add(&mut self, url: String) -> Option<String> {
        if self.0.len() >= MAX_LINKS {
            return None;
        }
        self.0.push(url);
        Some(relationship_id(self.0.len()))
    }

    /// Relationship id and address of each link.
    pub fn iter(&self) -> impl Iterator<Item = (String, &str)> {
        self.0.iter().enumerate().map(|(index, url)| (relationship_id(index + 1), url.as_str()))
    }
}

fn relationship_id(number: usize) -> String {
    format!("link{number}")
}

/// What running text is made of.
pub enum Piece {
    Run(Run),
    Link { id: String, runs: Vec<Run> },
}

/// Text of one format. A line end in it breaks the line.
pub struct Run {
    style: Option<&'static str>,
    bold: bool,
    italic: bool,
    strike: bool,
    text: String,
}

impl Piece {
    pub fn write(&self, part: &mut Part) -> io::Result<()> {
        match self {
            Self::Run(run) => run.write(part),
            Self::Link { id, runs } => {
                let attributes = [("r:id", id.as_str()), ("w:history", "1")];
                part.element("w:hyperlink", &attributes, |part| runs.iter().try_for_each(|run| run.write(part)))
            }
        }
    }
}

impl Run {
    fn write(&self, part: &mut Part) -> io::Result<()> {
        part.element("w:r", &[], |part| {
            if self.style.is_some() || self.bold || self.italic || self.strike {
                part.element("w:rPr", &[], |part| self.write_properties(part))?;
            }
            for (index, line) in self.text.split('\n').enumerate() {
                if index > 0 {
                    part.empty("w:br", &[])?;
                }
                write_line(part, line)?;
            }
            Ok(())
        })
    }

    fn write_properties(&self, part: &mut Part) -> io::Result<()> {
        if let Some(style) = self.style {
            part.property("w:rStyle", style)?;
        }
        // Word keeps what Latin and what complex scripts look like apart.
        let switches = [
            (self.bold, "w:b"),
            (self.bold, "w:bCs"),
            (self.italic, "w:i"),
            (self.italic, "w:iCs"),
            (self.strike, "w:strike"),
        ];
        switches.into_iter().filter(|(on, _)| *on).try_for_each(|(_, name)| part.empty(name, &[]))
    }
}

fn write_line(part: &mut Part, line: &str) -> io::Result<()> {
    for (index, words) in line.split('\t').enumerate() {
        if index > 0 {
            part.empty("w:tab", &[])?;
        }
        if !words.is_empty() {
            part.text("w:t", &[("xml:space", "preserve")], words)?;
        }
    }
    Ok(())
}

/// The text of one paragraph or table cell as it grows.
#[derive(Default)]
pub struct Inline {
    pieces: Vec<Piece>,
    // Depths, since the same emphasis may be nested.
    bold: usize,
    italic: usize,
    strike: usize,
    link: Option<OpenLink>,
    /// About how many Latin letters the longest line takes up.
    width: usize,
}

struct OpenLink {
    /// `None` for an address that the document must not link to.
    id: Option<String>,
    runs: Vec<Run>,
}

/// A kind of emphasis.
#[derive(Clone, Copy)]
pub enum Emphasis {
    Bold,
    Italic,
    Strike,
}

impl Inline {
    pub fn begin(&mut self, emphasis: Emphasis) {
        let depth = self.depth(emphasis);
        *depth = depth.saturating_add(1);
    }

    pub fn end(&mut self, emphasis: Emphasis) {
        let depth = self.depth(emphasis);
        *depth = depth.saturating_sub(1);
    }

    fn depth(&mut self, emphasis: Emphasis) -> &mut usize {
        match emphasis {
            Emphasis::Bold => &mut self.bold,
            Emphasis::Italic => &mut self.italic,
            Emphasis::Strike => &mut self.strike,
        }
    }

    /// Begins a link; what follows until [`end_link`](Self::end_link) is its text.
    pub fn begin_link(&mut self, address: &str, links: &mut Links) {
        let id = allowed(address).and_then(|url| links.add(url));
        self.link = Some(OpenLink { id, runs: Vec::new() });
    }

    pub fn end_link(&mut self) {
        let Some(OpenLink { id, runs }) = self.link.take() else { return };
        match id {
            Some(id) if !runs.is_empty() => self.pieces.push(Piece::Link { id, runs }),
            _ => self.pieces.extend(runs.into_iter().map(Piece::Run)),
        }
    }

    /// Adds text; addresses in it become links.
    pub fn text(&mut self, text: &str, links: &mut Links) {
        let mut rest = text;
        while self.link.is_none() {
            let Some((before, address, after)) = find_address(rest) else { break };
            self.run(before, false);
            self.begin_link(address, links);
            self.run(address, false);
            self.end_link();
            rest = after;
        }
        self.run(rest, false);
    }

    /// Adds a piece of code within a sentence.
    pub fn code(&mut self, code: &str) {
        self.run(code, true);
    }

    /// Adds text as it is, without looking for addresses.
    pub fn plain(&mut self, text: &str) {
        self.run(text, false);
    }

    pub fn line_break(&mut self) {
        self.run("\n", false);
    }

    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.link.as_ref().is_none_or(|link| link.runs.is_empty())
    }

    /// About how many Latin letters the text takes up.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The finished text.
    pub fn finish(mut self) -> Vec<Piece> {
        self.end_link();
        self.pieces
    }

    fn run(&mut self, text: &str, code: bool) {
        let text: String = text.chars().filter(|&c| is_xml_char(c) && c != '\r').collect();
        if text.is_empty() {
            return;
        }
        let letters = text.chars().map(|c| if c.is_ascii() { 1 } else { 2 });
        self.width = letters.fold(self.width, usize::saturating_add);
        let is_linked = self.link.as_ref().is_some_and(|link| link.id.is_some());
        let style = if is_linked { Some("Hyperlink") } else { code.then_some("InlineCode") };
        let run = Run { style, bold: self.bold > 0, italic: self.italic > 0, strike: self.strike > 0, text };
        match &mut self.link {
            Some(link) => link.runs.push(run),
            None => self.pieces.push(Piece::Run(run)),
        }
    }
}

/// The address in the form that Word accepts, or `None` where the document must not link to it.
fn allowed(address: &str) -> Option<String> {
    let url = Url::parse(address.trim()).ok()?;
    let fits = match url.scheme() {
        "http" | "https" => url.has_host(),
        "mailto" => url.path().contains('@') && !url.as_str().contains([' ', '<', '>', '"']),
        _ => false,
    };
    (fits && url.as_str().len() <= MAX_URL_BYTES).then(|| url.into())
}

/// The first web address in a text, with what is before and after it.
fn find_address(text: &str) -> Option<(&str, &str, &str)> {
    let mut searched = 0;
    while let Some(colon) = text.get(searched..)?.find("://").map(|at| searched + at) {
        let (head, _) = text.split_at_checked(colon)?;
        let scheme = ["https", "http"].into_iter().find(|scheme| head.ends_with(scheme));
        let (before, rest) = text.split_at_checked(colon - scheme.map_or(0, str::len))?;
        // A Korean particle follows without a space, so an address ends with the first character that is not ASCII.
        let end = rest.find(|c: char| !c.is_ascii_graphic() || "<>\"'`|\\^{}".contains(c)).unwrap_or(rest.len());
        let (whole, _) = rest.split_at_checked(end)?;
        let closing = if whole.contains('(') { "" } else { ")" };
        let address = whole.trim_end_matches(|c| ".,;:!?]*_~".contains(c) || closing.contains(c));
        if scheme.is_some() && address.len() > "https://".len() && allowed(address).is_some() {
            return Some((before, address, rest.get(address.len()..)?));
        }
        searched = before.len() + whole.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_and_mail_addresses_are_linked() {
        assert_eq!(
            allowed("https://github.com/한글?q=a b").as_deref(),
            Some("https://github.com/%ED%95%9C%EA%B8%80?q=a%20b")
        );
        assert_eq!(allowed("mailto:a@b.kr").as_deref(), Some("mailto:a@b.kr"));
        for address in [
            "javascript:alert(1)",
            "file:///etc/passwd",
            "data:text/html,x",
            "github.com/a",
            "https://",
            "mailto:x",
            "\\\\server\\share",
        ] {
            assert_eq!(allowed(address), None, "{address}");
        }
        assert_eq!(allowed(&format!("https://a.kr/{}", "x".repeat(MAX_URL_BYTES))), None);
    }

    #[test]
    fn an_address_in_a_sentence_ends_before_punctuation_and_particles() {
        assert_eq!(find_address("(https://a.kr/b_c), 끝"), Some(("(", "https://a.kr/b_c", "), 끝")));
        assert_eq!(find_address("주소는 http://a.kr/b에서"), Some(("주소는 ", "http://a.kr/b", "에서")));
        assert_eq!(
            find_address("https://로 시작하는 https://a.kr."),
            Some(("https://로 시작하는 ", "https://a.kr", "."))
        );
        assert_eq!(find_address("주소 없음"), None);
    }
}
