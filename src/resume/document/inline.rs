//! Running text: formatting, line breaks and links.

use std::io;

use url::Url;

use super::period;
use super::xml::{Part, is_xml_char};
use crate::llm::text::{is_hangul, visible};

/// Links beyond this become text; nobody follows them all.
const MAX_LINKS: usize = 1_000;
/// Word refuses longer addresses.
const MAX_URL_BYTES: usize = 2_000;
/// What may follow an address without a space.
const PARTICLES: &[&str] =
    &["에", "에서", "에는", "를", "을", "은", "는", "이", "가", "로", "으로", "와", "과", "의", "도", "입니다"];
/// Letters of a heading that fit beside each other in a line; with more, its period stands below.
const HEADING_WIDTH: usize = 70;

/// The addresses that the document links to, in the order of their relationship ids.
#[derive(Default)]
pub struct Links {
    urls: Vec<String>,
    /// All that the member wrote, as addresses are compared.
    given: String,
}

impl Links {
    /// For a document whose member gave these texts.
    pub fn given<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        Self { urls: Vec::new(), given: texts.map(bare).collect::<Vec<_>>().join("\n") }
    }

    /// The id of a link, unless the document must not have it: an address that the reader does not see leads where the
    /// member said, or nowhere.
    fn add(&mut self, url: String, seen: &str) -> Option<String> {
        let address = bare(&url);
        let is_seen = || bare(seen) == address || Url::parse(seen).is_ok_and(|seen| bare(seen.as_str()) == address);
        if self.urls.len() >= MAX_LINKS || !(self.is_given(&address) || is_seen()) {
            return None;
        }
        self.urls.push(url);
        Some(relationship_id(self.urls.len()))
    }

    fn is_given(&self, address: &str) -> bool {
        // `a.kr` is not in `aa.kr`, nor in `a.kr.example`.
        let goes_on = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '@' | '/' | '_');
        let ends = |at: usize| {
            let (before, after) = (self.given.get(..at), self.given.get(at + address.len()..));
            let after = after.map(|after| after.trim_start_matches('.'));
            before.is_some_and(|before| !before.ends_with(goes_on))
                && after.is_some_and(|after| !after.starts_with(goes_on))
        };
        !address.is_empty() && self.given.match_indices(address).any(|(at, _)| ends(at))
    }

    /// Relationship id and address of each link.
    pub fn iter(&self) -> impl Iterator<Item = (String, &str)> {
        self.urls.iter().enumerate().map(|(index, url)| (relationship_id(index + 1), url.as_str()))
    }
}

/// Text as addresses are compared: without schemes, `www.` and case, and a last slash is none.
fn bare(text: &str) -> String {
    let mut text = text.trim().to_lowercase();
    for scheme in ["https://", "http://", "mailto:", "www."] {
        text = text.replace(scheme, "");
    }
    text.trim_end_matches('/').to_owned()
}

fn relationship_id(number: usize) -> String {
    format!("link{number}")
}

/// What running text is made of.
#[derive(Clone)]
pub enum Piece {
    Run(Run),
    Link { id: String, runs: Vec<Run> },
}

/// Text of one format. A line end in it breaks the line.
#[derive(Clone)]
pub struct Run {
    style: Option<&'static str>,
    /// `None` as its paragraph's style has it. A character style could only turn that over (ECMA-376, part 1, 17.7.3), so
    /// what is not bold in a bold heading says so itself.
    bold: Option<bool>,
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
    /// An empty run of the same look.
    fn like(&self) -> Self {
        Self { text: String::new(), ..*self }
    }

    /// A run of this text that stands back in a bold heading.
    fn detail(&self, style: &'static str, text: &str) -> Self {
        Self { style: Some(style), bold: Some(false), text: text.to_owned(), ..*self }
    }

    fn write(&self, part: &mut Part) -> io::Result<()> {
        part.element("w:r", &[], |part| {
            if self.style.is_some() || self.bold.is_some() || self.italic || self.strike {
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
        if self.bold == Some(false) {
            part.property("w:b", 0)?;
            part.property("w:bCs", 0)?;
        }
        // Word keeps what Latin and what complex scripts look like apart.
        let bold = self.bold == Some(true);
        let switches =
            [(bold, "w:b"), (bold, "w:bCs"), (self.italic, "w:i"), (self.italic, "w:iCs"), (self.strike, "w:strike")];
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
    /// And the longest word, which no line breaks.
    longest_word: usize,
}

struct OpenLink {
    /// `None` for an address that no document links to.
    url: Option<String>,
    runs: Vec<Run>,
}

/// A kind of emphasis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    pub fn begin_link(&mut self, address: &str) {
        self.link = Some(OpenLink { url: allowed(address), runs: Vec::new() });
    }

    pub fn end_link(&mut self, links: &mut Links) {
        let Some(OpenLink { url, mut runs }) = self.link.take() else { return };
        let seen: String = runs.iter().map(|run| run.text.as_str()).collect();
        match url.filter(|_| !runs.is_empty()).and_then(|url| links.add(url, &seen)) {
            Some(id) => {
                runs.iter_mut().for_each(|run| run.style = Some("Hyperlink"));
                self.pieces.push(Piece::Link { id, runs });
            }
            None => self.pieces.extend(runs.into_iter().map(Piece::Run)),
        }
    }

    /// Adds text; addresses in it become links.
    pub fn text(&mut self, text: &str, links: &mut Links) {
        let mut rest = text;
        while self.link.is_none() {
            let Some((before, address, after)) = find_address(rest) else { break };
            self.run(before, false);
            self.begin_link(address);
            self.run(address, false);
            self.end_link(links);
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

    /// As many as its longest word takes up.
    pub fn longest_word(&self) -> usize {
        self.longest_word
    }

    /// The finished text.
    pub fn finish(mut self) -> Vec<Piece> {
        // A link that never ended is text.
        self.pieces.extend(self.link.take().into_iter().flat_map(|link| link.runs).map(Piece::Run));
        self.pieces
    }

    /// The finished text of a heading: the name as it is, a role behind it lighter, a period at the right.
    pub fn finish_heading(self) -> Vec<Piece> {
        let width = self.width;
        let mut pieces = self.finish();
        let named = pieces.len() > 1;
        let period = match pieces.last_mut() {
            Some(Piece::Run(run)) if run.style.is_none() => match period::split_off(&run.text, named) {
                Some((before, period)) => {
                    let period = period.to_owned();
                    run.text = before.to_owned();
                    Some(period)
                }
                None => None,
            },
            _ => None,
        };
        let mut role = false;
        let mut arranged = Vec::with_capacity(pieces.len() + 2);
        for piece in pieces {
            match piece {
                Piece::Run(run) if !role && run.style.is_none() => match run.text.find(" | ") {
                    Some(at) => {
                        let (name, rest) = run.text.split_at(at);
                        arranged.push(Piece::Run(Run { text: name.to_owned(), ..run.like() }));
                        arranged.push(Piece::Run(run.detail("EntryRole", rest)));
                        role = true;
                    }
                    None => arranged.push(Piece::Run(run)),
                },
                Piece::Run(run) if role && run.style.is_none() => {
                    let text = run.text.clone();
                    arranged.push(Piece::Run(run.detail("EntryRole", &text)));
                }
                piece => arranged.push(piece),
            }
        }
        // The name may be a piece of its own: `**카카오** (2022.03 ~)`.
        arranged.retain(|piece| !matches!(piece, Piece::Run(run) if run.text.is_empty()));
        if let Some(period) = period {
            let gap = if width <= HEADING_WIDTH { '\t' } else { '\n' };
            let plain = Run { style: None, bold: None, italic: false, strike: false, text: String::new() };
            arranged.push(Piece::Run(plain.detail("EntryPeriod", &format!("{gap}{period}"))));
        }
        arranged
    }

    fn run(&mut self, text: &str, code: bool) {
        let text: String = seen(text).chars().filter(|&c| is_xml_char(c)).collect();
        if text.is_empty() {
            return;
        }
        let letters = text.chars().map(|c| if c.is_ascii() { 1 } else { 2 });
        self.width = letters.fold(self.width, usize::saturating_add);
        for word in text.split(|c: char| c.is_whitespace() || c == '-') {
            self.longest_word = self.longest_word.max(word.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum());
        }
        let style = code.then_some("InlineCode");
        let run = Run {
            style,
            bold: (self.bold > 0).then_some(true),
            italic: self.italic > 0,
            strike: self.strike > 0,
            text,
        };
        match &mut self.link {
            Some(link) => link.runs.push(run),
            None => self.pieces.push(Piece::Run(run)),
        }
    }
}

/// A text without what hides, or turns text around: none of the characters that nobody sees but those that emoji need.
fn seen(text: &str) -> String {
    let parts = text.split('\t').map(visible);
    parts.collect::<Vec<_>>().join("\t")
}

/// The address in the form that Word accepts, or `None` where the document must not link to it.
fn allowed(address: &str) -> Option<String> {
    let url = Url::parse(address.trim()).ok()?;
    let fits = match url.scheme() {
        // A name before the host looks like one.
        "http" | "https" => url.has_host() && url.username().is_empty() && url.password().is_none(),
        // To one person, and nobody beside.
        "mailto" => {
            url.path().matches('@').count() == 1
                && url.query().is_none()
                && !url.as_str().contains([' ', '<', '>', '"', ','])
        }
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
        let (whole, _) = rest.split_at_checked(end_of_address(rest))?;
        let address = without_marks(whole);
        if scheme.is_some() && address.len() > "https://".len() && allowed(address).is_some() {
            return Some((before, address, rest.get(address.len()..)?));
        }
        searched = before.len() + whole.len();
    }
    None
}

/// Where an address ends that a text begins with. A Korean particle follows it without a space; a Korean word within it
/// follows a slash: `/@hong/카프카-정리`.
fn end_of_address(text: &str) -> usize {
    let mut korean = false;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        let ends = c.is_whitespace() || c.is_control() || "<>\"'`|\\^{}“”‘’".contains(c);
        if ends {
            return at;
        }
        if c.is_ascii() {
            korean &= c != '/';
        } else if !is_hangul(c) {
            return at;
        } else if !korean {
            let rest = text.get(at..).unwrap_or_default();
            let word = rest.find(|c: char| !is_hangul(c)).map_or(rest, |end| rest.get(..end).unwrap_or_default());
            if before != '/' || PARTICLES.contains(&word) {
                return at;
            }
            korean = true;
        }
        before = c;
    }
    text.len()
}

/// An address without the marks of the sentence that it stands in.
fn without_marks(whole: &str) -> &str {
    let spare = |open: char, close: char| whole.matches(close).count().saturating_sub(whole.matches(open).count());
    // Brackets that the address did not open.
    let mut unopened = [(')', spare('(', ')')), (']', spare('[', ']'))];
    let mut address = whole;
    loop {
        let shorter = address.trim_end_matches(|c| ".,;:!?*_~".contains(c));
        let closing = unopened
            .iter_mut()
            .find_map(|(close, spare)| Some((shorter.strip_suffix(*close).filter(|_| *spare > 0)?, spare)));
        address = match closing {
            Some((shorter, spare)) => {
                *spare -= 1;
                shorter
            }
            None if shorter.len() == address.len() => return address,
            None => shorter,
        };
    }
}

#[cfg(test)]
mod tests;
