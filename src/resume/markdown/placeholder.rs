//! Blanks that a model leaves for the member to fill in.

use super::line::MAX_LINE;
use super::mask::{is_blank_word, is_date_mask, without_counts};
use super::phrases::blank;
use super::words::{is_made_of, protected, squeeze};
use crate::llm::text::beginning;

/// Longer brackets hold sentences.
const MAX_BLANK: usize = 60;

/// The line without its blanks, or `None` when nothing is left of it. Code and addresses are never looked at.
pub fn fill_in(line: &str) -> Option<String> {
    let trimmed = line.trim();
    if line.len() > MAX_LINE {
        return Some(line.to_owned());
    }
    if trimmed.starts_with('|') {
        return table_row(line, trimmed);
    }
    if trimmed.is_empty()
        || !trimmed.contains(char::is_alphanumeric) && !trimmed.contains(['○', '◯', '〇', '□', '△', '[', '{', '<'])
    {
        // Rules and blank lines. A line of underscores is a rule too.
        return Some(line.to_owned());
    }
    let text = trimmed.trim_start_matches(['#', '-', '*', '+', '>', ' ']);
    if is_no_value(text) {
        return None;
    }
    let heading = trimmed.starts_with('#');
    let blanks = Blanks::of(line, heading);
    if !blanks.found {
        return Some(line.to_owned());
    }
    let left = tidied(&blanks.left, line.len() - line.trim_start().len());
    let value = left.split_once([':', '：']).map_or(left.as_str(), |(_, value)| value);
    let marker = value.trim_start().trim_end_matches(|c: char| !c.is_alphanumeric());
    // "1." is the marker of a list, not a text.
    let seen = !marker.is_empty() && !marker.chars().all(|c| c.is_ascii_digit());
    (seen && !is_left_over(value)).then_some(left)
}

/// Whether what is left beside a blank says nothing alone.
fn is_left_over(value: &str) -> bool {
    is_made_of(&squeeze(value), blank::EMPTY_WITHOUT)
}

fn table_row(line: &str, row: &str) -> Option<String> {
    let cells: Vec<(String, bool)> = super::tables::cells(row)
        .iter()
        .map(|cell| {
            let blanks = Blanks::of(cell, true);
            (tidied(&blanks.left, 0), blanks.found)
        })
        .collect();
    if super::tables::is_delimiter(row) || !cells.iter().any(|(cell, blank)| *blank || is_no_value(cell)) {
        return Some(line.to_owned());
    }
    let says = |cell: &str, blank: bool| {
        cell.contains(char::is_alphanumeric) && !is_no_value(cell) && !(blank && is_left_over(cell))
    };
    let values = cells.iter().skip(1).any(|(cell, blank)| says(cell, *blank));
    let cells = cells.iter().map(|(cell, blank)| if *blank && !says(cell, true) { "" } else { cell.as_str() });
    let row = format!("| {} |", cells.collect::<Vec<_>>().join(" | "));
    values.then_some(row)
}

/// Whether a text, or the value behind its label, says that there is no value.
fn is_no_value(text: &str) -> bool {
    let (label, value) = text.split_once([':', '：']).unwrap_or(("", text));
    let (label, value) = (squeeze(label), squeeze(value));
    let is = |names: &[&str]| names.contains(&value.as_str());
    // `장애: 없음` says something.
    let of_a_blank = || label.is_empty() || is_made_of(&label, blank::WORDS) || label.is_ascii();
    let of_nothing = !label.is_empty() && !text.contains(char::is_numeric) && is_mute(text);
    let of_a_person = || label.is_empty() || blank::NAME_LABELS.contains(&label.as_str());
    of_nothing || is(blank::NO_VALUES) || is(blank::NONE) && of_a_blank() || is(blank::ANYBODY) && of_a_person()
}

/// Whether there are only dots or dashes behind the label.
fn is_mute(text: &str) -> bool {
    let value = text.split_once([':', '：']).map_or("", |(_, value)| value).trim().trim_matches('*').trim();
    !value.is_empty() && value.chars().all(|c| matches!(c, '.' | '…' | '-' | '–' | '—' | '_' | '?'))
}

/// A text without its blanks, and whether there were any.
struct Blanks {
    left: String,
    found: bool,
}

impl Blanks {
    /// `strict` takes no blank for a label.
    fn of(text: &str, strict: bool) -> Self {
        let bracketed = without_brackets(text, strict);
        let is_code = protected(&bracketed.left);
        let mut found = bracketed.found;
        let mut at = 0;
        let kept = bracketed.left.split_inclusive(' ').filter(|word| {
            let code = is_code.get(at..at + word.trim_end().len()).is_some_and(|code| code.contains(&true));
            at += word.len();
            let blank = !code && is_blank_word(word.trim()) || code && is_sample_address(word.trim());
            found |= blank;
            !blank
        });
        let kept: String = kept.collect();
        let (kept, dates) = without_date_masks(&kept);
        let (kept, counts) = without_counts(&kept);
        Self { left: kept, found: found || dates || counts }
    }
}

/// `https://github.com/username`
fn is_sample_address(word: &str) -> bool {
    let Some((_, address)) = word.split_once("://") else { return false };
    let address = address.trim_end_matches(|c: char| !c.is_alphanumeric() && c != '/').to_lowercase();
    let (host, path) = address.split_once('/').unwrap_or((&address, ""));
    let host = host.trim_start_matches("www.");
    matches!(
        host,
        "example.com" | "example.org" | "yourwebsite.com" | "yourdomain.com" | "your-domain.com" | "domain.com"
    ) || path.trim_end_matches('/').split('/').any(|part| {
        let part = part.trim_start_matches('@');
        matches!(
            part,
            "username"
                | "user-name"
                | "yourname"
                | "your-name"
                | "yourusername"
                | "your-username"
                | "yourid"
                | "your-id"
                | "your_username"
                | "johndoe"
                | "honggildong"
                | "profile-url"
        )
    })
}

/// The text without values such as `YYYY.MM ~ YYYY.MM`. A format that is named in a sentence stays.
fn without_date_masks(text: &str) -> (String, bool) {
    if !text.contains("YY") && !text.contains("0000") && !text.contains("MM") {
        return (text.to_owned(), false);
    }
    let (label, value) = text.split_once([':', '：', '|']).unwrap_or(("", text));
    if is_date_mask(value) {
        return (text.get(..text.len() - value.len()).unwrap_or(label).to_owned(), true);
    }
    let Some((before, (inside, after))) =
        text.split_once('(').and_then(|(before, rest)| Some((before, rest.split_once(')')?)))
    else {
        return (text.to_owned(), false);
    };
    // A day, or a particle behind it, tells of a format: `형식(YYYY.MM.DD)을 통일`.
    let format = inside.contains(['D', 'd']) && !inside.contains('~') || after.starts_with(char::is_alphanumeric);
    if is_date_mask(inside) && !format { ([before, after].concat(), true) } else { (text.to_owned(), false) }
}

fn without_brackets(text: &str, strict: bool) -> Blanks {
    let is_code = protected(text);
    let mut left = String::with_capacity(text.len());
    let mut found = false;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let c = rest.chars().next().unwrap_or_default();
        let code = is_code.get(at).copied().unwrap_or_default();
        let opens = "[({<（【「《〈［$%".contains(c);
        if opens
            && !code
            && let Some(bracket) = Bracket::at(text, at).filter(|bracket| bracket.is_blank(strict))
        {
            found = true;
            at = text.len() - without_particle(bracket.after).len();
            // `[성과]%`
            at += text.get(at..).map_or(0, |rest| if rest.starts_with('%') { 1 } else { 0 });
            continue;
        }
        left.push(c);
        at += c.len_utf8();
    }
    Blanks { left, found }
}

/// A bracket in a text.
struct Bracket<'a> {
    open: char,
    inside: &'a str,
    before: &'a str,
    after: &'a str,
}

impl<'a> Bracket<'a> {
    fn at(text: &'a str, at: usize) -> Option<Self> {
        let (before, rest) = text.split_at_checked(at)?;
        let near = beginning(rest, MAX_BLANK + 8);
        let (opening, closing) = [
            ("{{", "}}"),
            ("${", "}"),
            ("<<", ">>"),
            ("[[", "]]"),
            ("[", "]"),
            ("(", ")"),
            ("（", "）"),
            ("{", "}"),
            ("<", ">"),
            ("《", "》"),
            ("〈", "〉"),
            ("［", "］"),
            ("【", "】"),
            ("「", "」"),
            ("%%", "%%"),
        ]
        .into_iter()
        .find(|(opening, closing)| {
            near.starts_with(opening) && near.get(opening.len()..).is_some_and(|rest| rest.contains(closing))
        })?;
        let (inside, after) = rest.get(opening.len()..)?.split_once(closing)?;
        let open = opening.chars().next_back()?;
        (inside.chars().count() <= MAX_BLANK).then_some(Self { open, inside: inside.trim(), before, after })
    }

    fn is_blank(&self, strict: bool) -> bool {
        let inside = self.inside.to_lowercase();
        let squeezed = squeeze(&inside);
        if matches!(inside.as_str(), "" | "x" | "n" | "xx") && self.open == '[' {
            // `[ ]% 향상`, and no box to tick.
            return self.after.starts_with(['%', '명', '건', '배']);
        }
        if self.is_path() || matches!(inside.as_str(), "x" | "") {
            return false;
        }
        let asks = blank::REQUEST_STARTS.iter().any(|start| inside.starts_with(start))
            || blank::REQUEST_ENDS.iter().any(|end| inside.ends_with(end));
        if matches!(self.open, '(' | '（') {
            let remark = blank::REMARKS.contains(&squeezed.as_str())
                || blank::REMARK_ENDS
                    .iter()
                    .any(|end| squeezed.strip_suffix(end).is_some_and(|what| is_made_of(what, blank::WORDS)));
            return remark || self.is_whole_value() && (asks || self.names_blank(&squeezed));
        }
        // `[text](address)` and `[text][reference]` are links.
        if self.open == '[' && self.after.starts_with(['(', '[']) || self.is_label(strict) {
            return false;
        }
        let dots = self.inside.chars().all(|c| matches!(c, '.' | '…' | '_' | ' ' | '-'));
        dots && self.is_whole_value()
            || self.open == '[' && (asks || is_blank_word(&self.inside.to_uppercase()) || is_date_mask(self.inside))
            || asks && !inside.is_ascii()
            || self.names_blank(&squeezed)
            || self.inside.contains([',', '/', '·', '~']) && self.names_blanks()
            || self.is_field()
    }

    /// `[기간: YYYY.MM ~ YYYY.MM]`
    fn is_field(&self) -> bool {
        let Some((label, value)) = self.inside.split_once([':', '：']) else { return false };
        let value_is_blank = is_date_mask(value) || is_blank_word(value.trim()) || self.names_blank(&squeeze(value));
        is_made_of(&squeeze(label), blank::WORDS) && value_is_blank
    }

    /// `[기술 1, 기술 2]`
    fn names_blanks(&self) -> bool {
        let mut parts = self.inside.split([',', '/', '·', '~']).map(squeeze).filter(|part| !part.is_empty());
        parts.all(|part| self.names_blank(&part))
    }

    /// Whether it holds what a blank is called by. A single English word, or one in braces or angles, may also be a
    /// variable or an element: then only where there is nothing beside it.
    fn names_blank(&self, squeezed: &str) -> bool {
        // `[기술 1]`
        let name = squeezed.trim_end_matches(|c: char| c.is_ascii_digit());
        if name.is_ascii() {
            let words = self.inside.split_whitespace().count();
            return is_made_of(name, blank::ENGLISH) && (self.open == '[' && words > 1 || self.is_whole_value());
        }
        is_made_of(name, blank::WORDS)
            && (!squeezed.contains(|c: char| c.is_ascii_digit()) || name.len() < squeezed.len())
    }

    /// Whether it is part of a path, a generic or a call: `/users/{id}`, `List<Name>`, `[name].tsx`.
    fn is_path(&self) -> bool {
        let latin = |c: char| c.is_ascii_alphanumeric();
        self.before.ends_with(|c: char| matches!(c, '/' | '.' | '=' | '$' | '@' | '#') || self.open != '(' && latin(c))
            || self.open != '(' && self.after.starts_with(|c: char| matches!(c, '/' | '=') || latin(c))
            || self.open != '('
                && self.after.starts_with('.')
                && self.after.get(1..).is_some_and(|after| after.starts_with(latin))
            || self.before.trim_end().ends_with(['→', '>']) && self.open == '['
            || self.after.trim_start().starts_with(['→', '>']) && self.open == '['
    }

    /// Whether it names what follows: `[기간] 2023.01`, `[역할]: 백엔드`.
    fn is_label(&self, strict: bool) -> bool {
        let first = !self.before.contains(char::is_alphanumeric);
        let sure = blank::SURE_ENDS.iter().any(|end| squeeze(self.inside).ends_with(end));
        let names = self.after.starts_with([' ', ':', '：']) && self.after.contains(char::is_alphanumeric);
        let blank_follows = self.after.trim_start_matches([' ', ':', '~', '-', '|', ',']).starts_with(['[', '{', '<']);
        let may = !sure || self.after.starts_with(':');
        first && !strict && names && self.open == '[' && may && !blank_follows
    }

    /// Whether there is nothing but it and other brackets, a label aside.
    fn is_whole_value(&self) -> bool {
        let before = self.before.rsplit_once([':', '：', '|']).map_or(self.before, |(_, value)| value);
        let after = self.after.split_once('|').map_or(self.after, |(value, _)| value);
        !before.contains(char::is_alphanumeric) && !without_bracketed(after).contains(char::is_alphanumeric)
    }
}

fn without_bracketed(text: &str) -> String {
    let mut depth = 0_usize;
    text.chars()
        .filter(|c| {
            let opens = matches!(c, '[' | '{' | '<' | '(');
            let closes = matches!(c, ']' | '}' | '>' | ')');
            depth += usize::from(opens);
            let outside = depth == 0;
            depth = depth.saturating_sub(usize::from(closes));
            outside
        })
        .collect()
}

fn without_particle(text: &str) -> &str {
    let word_ends = |rest: &str| !rest.starts_with(char::is_alphanumeric);
    blank::PARTICLES
        .iter()
        .filter_map(|particle| text.strip_prefix(particle))
        .find(|rest| word_ends(rest))
        .unwrap_or(text)
}

/// The line without what hung on its blanks: empty brackets, doubled separators, spaces.
fn tidied(line: &str, indent: usize) -> String {
    let mut text = line.trim().to_owned();
    loop {
        let before = text.len();
        for (odd, plain) in [
            ("()", ""),
            ("( )", ""),
            ("(, ", "("),
            (", )", ")"),
            ("[]", ""),
            ("\"\"", ""),
            ("''", ""),
            ("****", ""),
            ("** **", " "),
            (", ,", ","),
            (",,", ","),
            ("| |", "|"),
            ("  ", " "),
            (" ,", ","),
            ("( ", "("),
            ("· ·", "·"),
            ("( ~ )", ""),
            ("(~)", ""),
        ] {
            text = text.replace(odd, plain);
        }
        if text.len() == before {
            break;
        }
    }
    let text = text.trim_end_matches([' ', '|', ',', '·', '/', '-']);
    format!("{}{}", " ".repeat(indent), text.trim())
}

#[cfg(test)]
mod tests;
