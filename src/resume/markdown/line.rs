//! The lines of a résumé, as they are turned from what a model wrote into Markdown.

/// Bytes of a line in which blanks, citations and formulas are looked for: what stands around each is looked at, too, and
/// nobody writes a longer one.
pub const MAX_LINE: usize = 4_096;

/// A line without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub text: String,
    /// Part of a fenced code block, fences included.
    pub code: bool,
}

impl Line {
    /// The lines of a text. A fence that never closes fences nothing.
    pub fn all(text: &str) -> Vec<Self> {
        let mut lines: Vec<Self> = Vec::new();
        let mut open: Option<(Fence<'_>, usize)> = None;
        for text in text.split('\n') {
            let found = Fence::of(text);
            let code = open.is_some() || found.is_some();
            match (&open, found) {
                (None, Some(fence)) => open = Some((fence, lines.len())),
                (Some((opened, _)), Some(fence)) if fence.closes(opened) => open = None,
                _ => {}
            }
            lines.push(Self { text: text.trim_end().to_owned(), code });
        }
        if let Some((_, at)) = open {
            if let Some(fence) = lines.get_mut(at) {
                fence.text.clear();
            }
            lines.iter_mut().skip(at).for_each(|line| line.code = false);
        }
        lines
    }

    pub fn prose(text: String) -> Self {
        Self { text, code: false }
    }

    /// Level and text of a heading.
    pub fn heading(&self) -> Option<(usize, &str)> {
        let text = self.text.trim_start();
        let title = text.trim_start_matches('#');
        let level = text.len() - title.len();
        ((1..=6).contains(&level) && !self.code && title.starts_with(' ')).then(|| (level, title.trim()))
    }

    pub fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }

    pub fn is_rule(&self) -> bool {
        let text = self.text.replace(' ', "");
        !self.code
            && text.len() >= 3
            && ["-", "*", "_"].iter().any(|mark| text.trim_matches(|c| mark.contains(c)).is_empty())
    }

    /// Whether the line begins an item of a list.
    pub fn is_item(&self) -> bool {
        !self.code && !self.is_rule() && marker(&self.text) > indentation(&self.text)
    }

    pub fn is_row(&self) -> bool {
        !self.code && self.text.trim_start().starts_with('|')
    }

    /// Whether the line is a paragraph's, neither a heading nor an item, a row, a quote or code.
    pub fn is_plain(&self) -> bool {
        let marked = self.heading().is_some() || self.is_item() || self.is_row() || self.is_rule();
        !self.code && !self.is_blank() && !marked && !self.text.trim_start().starts_with('>')
    }
}

pub fn join(lines: &[Line]) -> String {
    lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join("\n")
}

/// The marks around a code block.
pub struct Fence<'a> {
    mark: char,
    length: usize,
    /// What the code is written in.
    pub language: &'a str,
}

impl<'a> Fence<'a> {
    pub fn of(line: &'a str) -> Option<Self> {
        let line = line.trim();
        let mark = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
        let language = line.trim_start_matches(mark);
        let length = line.len() - language.len();
        // Three backticks around a piece of code in a line are no fence.
        let fits = length >= 3 && !(mark == '`' && language.contains('`'));
        // What follows the language says how it looks: `{.markdown}`, `markdown title="a.md"`.
        let language = language.split_whitespace().next().unwrap_or_default().trim_matches(['{', '}', '.']);
        fits.then_some(Self { mark, length, language })
    }

    pub fn closes(&self, opened: &Self) -> bool {
        self.mark == opened.mark && self.length >= opened.length && self.language.is_empty()
    }

    /// Whether it may stand within the block that `outer` opened.
    pub fn is_like(&self, outer: &Self) -> bool {
        self.mark == outer.mark && self.length >= outer.length
    }
}

/// Columns of spaces in front.
pub fn indentation(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Bytes up to the text of a list's item: its indentation and markers. Only the indentation where there is none.
pub fn marker(line: &str) -> usize {
    let mut at = indentation(line);
    while let Some(rest) = line.get(at..) {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let sign = if (1..=9).contains(&digits) { rest.get(digits..).unwrap_or_default() } else { rest };
        let signs: &[char] = if sign.len() < rest.len() { &['.', ')'] } else { &['-', '*', '+', '>'] };
        let Some(after) = sign.strip_prefix(signs) else { break };
        if !after.starts_with(' ') && !after.is_empty() {
            break;
        }
        at = line.len() - after.trim_start_matches(' ').len();
        if after.is_empty() {
            break;
        }
    }
    at
}

/// The text of a line behind its markers.
pub fn unmarked(line: &str) -> &str {
    line.get(marker(line)..).unwrap_or_default()
}
