//! Lists as models write them: other signs than Markdown's, no space behind the sign, and what is indented without being in
//! one.

use super::line::{Line, indentation, marker, unmarked};
use super::phrases::BULLETS;

/// Text that is indented further would be code.
const CODE: usize = 4;

/// The lines without indentation that no list is the reason for.
pub fn outdented(lines: Vec<Line>) -> Vec<Line> {
    let mut outdent = Outdent::default();
    let line = |line: Line| if line.code { line } else { Line::prose(outdent.line(&line.text)) };
    lines.into_iter().map(line).collect()
}

/// The lines with Markdown's own markers.
pub fn marked(lines: Vec<Line>) -> Vec<Line> {
    // A marker without a text is none.
    let is_empty = |line: &Line| !line.code && matches!(line.text.trim(), "-" | "*" | "+" | "•" | "**");
    let marked = |line: Line| if line.code { line } else { Line::prose(with_marker(&line.text)) };
    lines.into_iter().filter(|line| !is_empty(line)).map(marked).collect()
}

/// Takes indentation away.
#[derive(Default)]
struct Outdent {
    /// Whether a list may go on, and how far it was indented as a whole.
    list: Option<usize>,
    after_blank: bool,
}

impl Outdent {
    fn line(&mut self, text: &str) -> String {
        let indent = indentation(text);
        if text.trim().is_empty() {
            self.after_blank = true;
            return String::new();
        }
        let after_blank = std::mem::take(&mut self.after_blank);
        let begins_item = is_item(text);
        let heading = text.trim_start().starts_with('#');
        if heading || (self.list.is_some() && !begins_item && after_blank && indent < 2) {
            self.list = None;
        }
        let outdent = match self.list {
            Some(outdent) => outdent.min(indent),
            None if begins_item => {
                self.list = Some(if indent >= CODE { indent } else { 0 });
                if indent >= CODE { indent } else { 0 }
            }
            None => indent,
        };
        text.get(outdent..).unwrap_or_default().to_owned()
    }
}

fn is_item(text: &str) -> bool {
    let text = text.trim_start();
    marker(text) > 0 && !text.starts_with('>') || with_marker(text) != text
}

/// The line with `- ` in the place of another sign, and with a space behind a marker that lacks it.
fn with_marker(text: &str) -> String {
    let indent = indentation(text);
    let (spaces, body) = text.split_at_checked(indent).unwrap_or(("", text));
    if let Some(rest) = body.strip_prefix(BULLETS) {
        // Circles in a row are a rating, or stand for a name.
        let rating = rest.starts_with(BULLETS);
        let item = rest.trim_start();
        if !rating && item.contains(char::is_alphanumeric) {
            return format!("{spaces}- {item}");
        }
        return text.to_owned();
    }
    let at = marker(body);
    if at > 0 && body.starts_with(['-', '*', '+']) {
        // Two signs, one behind the other: `- • Java`.
        let item = unmarked(body);
        let doubled =
            item.strip_prefix(BULLETS).filter(|rest| rest.starts_with(' ') && !rest.trim_start().starts_with(BULLETS));
        return doubled.map_or_else(|| text.to_owned(), |rest| format!("{spaces}- {}", rest.trim_start()));
    }
    let letter = |rest: &str| rest.starts_with(|c: char| c.is_alphabetic() || matches!(c, '[' | '(' | '`' | '"'));
    if let Some(rest) = body.strip_prefix('-').filter(|rest| letter(rest) || rest.starts_with("**")) {
        return format!("{spaces}- {rest}");
    }
    if let Some(rest) = body.strip_prefix('*').filter(|rest| letter(rest) && !rest.contains('*')) {
        return format!("{spaces}- {rest}");
    }
    let digits = body.len() - body.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    if (1..=2).contains(&digits) {
        let (number, rest) = body.split_at_checked(digits).unwrap_or((body, ""));
        let korean_or_name = |rest: &str| rest.starts_with(|c: char| c.is_alphabetic() && !c.is_ascii_lowercase());
        if let Some(rest) = rest.strip_prefix(['.', ')']).filter(|rest| korean_or_name(rest)) {
            return format!("{spaces}{number}. {rest}");
        }
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        super::super::line::join(&marked(outdented(Line::all(text))))
    }

    #[test]
    fn signs_of_every_kind_are_markers() {
        for text in [
            "• Java",
            "•Java",
            "– Java",
            "· Java",
            "▪ Java",
            "-Java",
            "*Java",
            "- • Java",
            "✔ Java",
            "➤ Java",
            "－ Java".replace('－', "−").as_str(),
        ] {
            assert_eq!(plain(text), "- Java", "{text}");
        }
        assert_eq!(plain("1)자바\n2.Kotlin"), "1. 자바\n2. Kotlin");
    }

    #[test]
    fn what_only_looks_like_a_marker_stays() {
        for text in [
            "●●●○○",
            "○○대학교",
            "-1도",
            "--watch 옵션",
            "*강조*와 글",
            "1.5배",
            "3.x 버전",
            "---",
            "**굵게**",
            "* * *",
        ] {
            assert_eq!(plain(text), text);
        }
    }

    #[test]
    fn text_outside_of_lists_is_not_indented_and_lists_stay_nested() {
        assert_eq!(plain("### 가\n    2019.11\n    나, 다"), "### 가\n2019.11\n나, 다");
        assert_eq!(plain("    - 가\n      - 나\n    - 다"), "- 가\n  - 나\n- 다");
        assert_eq!(plain("- 가\n    - 나\n\n    다\n\n라\n    마"), "- 가\n    - 나\n\n    다\n\n라\n마");
    }
}
