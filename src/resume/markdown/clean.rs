//! A model's reply as usable Markdown.

use super::boilerplate::{is_closing, is_opening, is_remark_heading};
use super::placeholder::fill_in;
use crate::llm::text::phrases::resume;
use crate::llm::text::{is_foreign, turn};

/// Longer replies are no résumés: the model ran away.
const MAX_REPLY_BYTES: usize = 64 * 1024;
/// Letters and digits below headings that make a résumé worth sending.
const MIN_LETTERS: usize = 10;
const MAX_TITLE: usize = 40;

/// Turns a model's reply into the Markdown of a résumé: without code fences around it, talk about it, blanks to fill in,
/// and what the document says itself (its title, the basic facts). `None` when nothing is left that is worth sending.
pub fn clean(reply: &str) -> Option<String> {
    if reply.len() > MAX_REPLY_BYTES {
        return None;
    }
    let text = reply.replace("\r\n", "\n").replace(['\u{feff}', '\r'], "");
    let mut lines = headings_made_plain(Line::all(unwrapped(&turn::own(&text))));
    drop_title(&mut lines);
    drop_openings(&mut lines);
    drop_closings(&mut lines);
    drop_facts(&mut lines);
    fill_in_blanks(&mut lines);
    drop_empty_headings(&mut lines);
    trim(&mut lines);
    worth_sending(&lines).then(|| join(&lines))
}

struct Line {
    text: String,
    /// Part of a fenced code block, fences included.
    code: bool,
}

impl Line {
    fn all(text: &str) -> Vec<Self> {
        let mut open: Option<&str> = None;
        let lines = text.split('\n').map(|line| {
            let fence = ["```", "~~~"].into_iter().find(|fence| line.trim_start().starts_with(fence));
            let code = open.is_some() || fence.is_some();
            match (open, fence) {
                (None, Some(_)) => open = fence,
                (Some(opened), Some(closing)) if opened == closing => open = None,
                _ => {}
            }
            Self { text: line.trim_end().to_owned(), code }
        });
        lines.collect()
    }

    fn prose(text: String) -> Self {
        Self { text, code: false }
    }

    /// Level and text of a heading.
    fn heading(&self) -> Option<(usize, &str)> {
        let text = self.text.trim_start();
        let title = text.trim_start_matches('#');
        let level = text.len() - title.len();
        ((1..=6).contains(&level) && !self.code && title.starts_with(' ')).then(|| (level, title.trim()))
    }

    fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }

    fn is_rule(&self) -> bool {
        let text = self.text.replace(' ', "");
        !self.code
            && text.len() >= 3
            && ["-", "*", "_"].iter().any(|mark| text.trim_matches(|c| mark.contains(c)).is_empty())
    }
}

/// The content of a code fence around the whole résumé, or the text as it is.
fn unwrapped(text: &str) -> &str {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        start += line.len();
        if Line::prose(line.to_owned()).heading().is_some() {
            break;
        }
        let Some(language) = line.trim().strip_prefix("```") else { continue };
        if !matches!(language.trim().to_lowercase().as_str(), "" | "markdown" | "md" | "text" | "plaintext" | "txt") {
            continue;
        }
        let inside = text.get(start..).unwrap_or_default();
        // The last fence closes it: there may be code blocks within.
        return inside.rfind("\n```").and_then(|end| inside.get(..end)).unwrap_or(inside);
    }
    text
}

/// Headings of every kind as lines with `#`; bold lines count when there is no other.
fn headings_made_plain(lines: Vec<Line>) -> Vec<Line> {
    let mut plain: Vec<Line> = Vec::with_capacity(lines.len());
    for line in lines {
        let underline = line.text.trim();
        let below = plain.last().is_some_and(|above| !above.code && !above.is_blank() && above.heading().is_none());
        if !line.code && below && underline.len() >= 3 && underline.chars().all(|c| c == '=') {
            if let Some(above) = plain.last_mut() {
                above.text = format!("# {}", above.text.trim());
            }
            continue;
        }
        // Below a paragraph, a rule would make the whole paragraph a heading.
        if line.is_rule() && below {
            plain.push(Line::prose(String::new()));
        }
        plain.push(line);
    }
    if !plain.iter().any(|line| line.heading().is_some()) {
        for line in plain.iter_mut().filter(|line| !line.code) {
            let text = line.text.trim().trim_end_matches(':');
            let title = text.strip_prefix("**").and_then(|text| text.strip_suffix("**"));
            let title = title.map(|title| title.trim().trim_end_matches(':').to_owned());
            if let Some(title) = title.filter(|title| is_short(title) && !title.contains("**") && !title.is_empty()) {
                line.text = format!("## {title}");
            }
        }
    }
    plain
}

fn is_short(title: &str) -> bool {
    title.chars().count() <= MAX_TITLE
}

fn drop_title(lines: &mut Vec<Line>) {
    let first = lines.iter().position(|line| line.heading().is_some());
    let Some(at) = first else { return };
    if lines.get(at).and_then(Line::heading).is_some_and(|(_, title)| is_title(title)) {
        lines.remove(at);
    }
}

fn is_title(text: &str) -> bool {
    let text = text.trim_matches(|c: char| !c.is_alphanumeric() && c != '(' && c != '[').to_lowercase();
    let named = |title: &&str| {
        let whole = text == **title;
        let last = text.strip_suffix(*title).is_some_and(|before| !before.ends_with(char::is_alphanumeric));
        let first =
            text.strip_prefix(*title).is_some_and(|rest| rest.trim_start().starts_with(['-', '–', '—', ':', '|', '(']));
        whole || last || first
    };
    is_short(&text) && resume::TITLES.iter().any(named)
}

/// Drops what is said about the résumé before its first section.
fn drop_openings(lines: &mut Vec<Line>) {
    let end = lines.iter().position(|line| line.heading().is_some()).unwrap_or(lines.len());
    let sections = lines.split_off(end);
    let mut kept = Vec::new();
    for paragraph in lines.chunk_by(|a, b| a.is_blank() == b.is_blank()) {
        let text = text_of(paragraph);
        if !is_opening(&text) && !is_title(text.trim()) {
            kept.extend(paragraph.iter().map(|line| Line { text: line.text.clone(), code: line.code }));
        }
    }
    *lines = kept;
    lines.extend(sections);
}

/// Drops what is said about the résumé in or after its last section.
fn drop_closings(lines: &mut Vec<Line>) {
    while let Some(last) = lines.iter().rposition(|line| line.heading().is_some()) {
        if lines.get(last).and_then(Line::heading).is_some_and(|(_, title)| is_remark_heading(&squeezed(title))) {
            lines.truncate(last);
            continue;
        }
        let mut end = last + 1;
        let section = lines.get(end..).unwrap_or_default();
        for paragraph in section.chunk_by(|a, b| a.is_blank() == b.is_blank()) {
            let listed = paragraph.first().is_some_and(|line| {
                line.code
                    || line.text.trim_start().starts_with(['-', '+', '|', '#'])
                    || line.text.trim_start().starts_with("* ")
            });
            if !listed && is_closing(&text_of(paragraph)) {
                lines.truncate(end);
                break;
            }
            end += paragraph.len();
        }
        return;
    }
}

fn text_of(paragraph: &[Line]) -> String {
    paragraph.iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join("\n")
}

fn squeezed(title: &str) -> String {
    let title = title.trim_start_matches(|c: char| c.is_ascii_digit());
    title.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Drops the section that repeats the basic facts, up to the next heading of any level.
fn drop_facts(lines: &mut Vec<Line>) {
    let mut within = false;
    lines.retain(|line| {
        if let Some((_, title)) = line.heading() {
            within = resume::FACTS.contains(&squeezed(title).as_str());
        }
        !within
    });
}

fn fill_in_blanks(lines: &mut Vec<Line>) {
    let filled =
        lines.drain(..).filter_map(|line| if line.code { Some(line) } else { fill_in(&line.text).map(Line::prose) });
    *lines = filled.collect();
}

/// Drops headings that have nothing below them any more.
fn drop_empty_headings(lines: &mut Vec<Line>) {
    // From the end: the level of the heading that follows, unless there is text in between.
    let mut follows = Some(0);
    let mut kept: Vec<Line> = lines
        .drain(..)
        .rev()
        .filter(|line| match (line.heading(), follows) {
            (Some((level, _)), Some(next)) if next <= level => false,
            (Some((level, _)), _) => {
                follows = Some(level);
                true
            }
            (None, _) => {
                if !line.is_blank() && !line.is_rule() {
                    follows = None;
                }
                true
            }
        })
        .collect();
    kept.reverse();
    *lines = kept;
}

/// Drops blank lines and rules at both ends, and blank lines that follow one another.
fn trim(lines: &mut Vec<Line>) {
    let edge = |line: &Line| line.is_blank() || line.is_rule();
    lines.truncate(lines.iter().rposition(|line| !edge(line)).map_or(0, |last| last + 1));
    lines.drain(..lines.iter().position(|line| !edge(line)).unwrap_or(lines.len()));
    lines.dedup_by(|line, before| line.is_blank() && before.is_blank() && !line.code);
}

fn worth_sending(lines: &[Line]) -> bool {
    let text = lines.iter().filter(|line| line.heading().is_none());
    let letters = text.flat_map(|line| line.text.chars()).filter(|c| c.is_alphanumeric()).count();
    letters >= MIN_LETTERS && lines.iter().any(|line| line.heading().is_some()) && !is_foreign(&text_of(lines))
}

fn join(lines: &[Line]) -> String {
    let mut text = text_of(lines);
    text.push('\n');
    text
}
