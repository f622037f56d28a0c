//! The envelope: what a model puts around its reply. Special tokens and thoughts, an echo of our own prompt, roles and
//! labels, quotes.

use std::borrow::Cow;

use super::fence::Fence;
use super::phrases::label;
use super::{tokens, without};

/// Quotes that may enclose a whole reply.
const QUOTES: [(char, char); 8] =
    [('"', '"'), ('\'', '\''), ('“', '”'), ('‘', '’'), ('「', '」'), ('『', '』'), ('«', '»'), ('`', '`')];

/// `text` without thoughts, special tokens and the marks of our own prompt, up to where the model's turn ended.
pub fn turn(text: &str) -> Cow<'_, str> {
    // Most replies hold nothing of all that: each begins with one of these.
    if !text.contains('<') && !text.contains('[') {
        return Cow::Borrowed(text.trim());
    }
    let text = tokens::own_turn(text);
    let mut text = Cow::Borrowed(without_echo(&text));
    for fence in Fence::ALL {
        text = without(without(text, fence.open()), fence.close());
    }
    Cow::Owned(tokens::without_ends(&text).to_owned())
}

/// `text` without our own prompt: what comes before a fence that the model opens, or after one that it repeats.
fn without_echo(text: &str) -> &str {
    let opened = Fence::ALL.iter().filter_map(|fence| text.find(fence.open())).min();
    let before = opened.and_then(|at| text.get(..at)).filter(|before| tokens::says_something(before));
    let closed =
        Fence::ALL.iter().filter_map(|fence| text.rfind(&fence.close()).map(|at| at + fence.close().len())).max();
    let after = closed.and_then(|at| text.get(at..)).filter(|after| tokens::says_something(after));
    before.or(after).unwrap_or(text)
}

/// What follows the label that `line` begins with, or `None` when it begins with none of `names` as a label: `피드백:`,
/// `[피드백]`, `피드백]`, `피드백 1 :`, `질문 2.`, or the name alone. The marks of bold and headings are expected to be gone.
pub fn without_label<'a>(line: &'a str, names: &[&str]) -> Option<&'a str> {
    let opened = line.trim_start_matches(|c: char| c.is_whitespace() || "[(【<《「『*_#\"'".contains(c));
    names.iter().find_map(|name| after_label(opened, name))
}

fn after_label<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let named = without_prefix(line, name)?;
    let numbered = named.trim_start_matches([' ', '#']).trim_start_matches(|c: char| c.is_ascii_digit());
    let has_number = numbered.len() < named.trim_start().len() && named.chars().any(|c| c.is_ascii_digit());
    let after = if has_number { numbered } else { named };
    let closed = after.trim_start_matches(|c: char| c == ' ' || "])】>》」』*_\"'".contains(c));
    let bracket = after.trim_start().starts_with([']', ')', '】', '>', '》', '」', '』']);
    let rest = if let Some(rest) = closed.strip_prefix([':', '：']) {
        rest
    } else if let Some(rest) = closed.strip_prefix(['.', ')']).filter(|_| has_number) {
        rest
    } else if let Some(rest) = closed.strip_prefix(['-', '–', '—']).filter(|rest| rest.starts_with(' ')) {
        rest
    } else if bracket || closed.is_empty() {
        closed
    } else {
        return None;
    };
    Some(rest.trim_start_matches(|c: char| c.is_whitespace() || "*_".contains(c)))
}

/// What follows `prefix` in `text`, whatever the case of its ASCII letters.
fn without_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// What follows the name that the model gave itself (`assistant:`).
pub fn without_speaker(line: &str) -> Option<&str> {
    without_label(line, label::SPEAKERS)
}

/// Whether `line` begins the other side's turn (`질문:`, `user:`).
pub fn is_other_turn(line: &str) -> bool {
    without_label(line, label::OTHERS).is_some()
}

/// `text` without the quotes that enclose it as a whole.
pub fn without_quotes(text: &str) -> &str {
    let text = text.trim();
    QUOTES
        .iter()
        .find_map(|(open, close)| {
            let inner = text.strip_prefix(*open)?.strip_suffix(*close)?;
            (!inner.contains([*open, *close])).then_some(inner.trim())
        })
        .unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_our_own_prompt_are_dropped_and_code_stays() {
        assert_eq!(turn("<답변>\n좋습니다.\n</답변>"), "좋습니다.");
        assert_eq!(turn("<질문>\nTCP?\n</질문>\n<답변>\n음\n</답변>\n좋습니다."), "좋습니다.");
        assert_eq!(turn("좋습니다.\n<질문>\n다음\n</질문>\n더"), "좋습니다.");
        assert_eq!(turn("List<String>과 a <| b |> c"), "List<String>과 a <| b |> c");
    }

    #[test]
    fn labels_are_known_in_all_their_forms() {
        for line in [
            "피드백: 좋다",
            "피드백 : 좋다",
            "[피드백] 좋다",
            "피드백] 좋다",
            "【피드백】좋다",
            "FEEDBACK：좋다",
            "**피드백:** 좋다",
            "**피드백**: 좋다",
            "# 피드백: 좋다",
            "피드백 1. 좋다",
            "피드백 - 좋다",
        ] {
            assert_eq!(without_label(line, &["피드백", "feedback"]), Some("좋다"), "{line}");
        }
        assert_eq!(without_label("피드백", &["피드백"]), Some(""));
    }

    #[test]
    fn a_word_that_begins_a_sentence_is_no_label() {
        for line in ["피드백을 드리면 좋다", "피드백 루프는 좋다", "답변(3-way)은 좋다", "답변 3개가 좋다", "피", ""]
        {
            assert_eq!(without_label(line, &["피드백", "답변"]), None, "{line}");
        }
    }

    #[test]
    fn speakers_and_other_turns_are_known() {
        assert_eq!(without_speaker("Assistant: 좋다"), Some("좋다"));
        assert_eq!(without_speaker("AI는 좋다"), None);
        assert!(is_other_turn("User: 다음") && is_other_turn("질문: 다음") && !is_other_turn("질문은 좋다"));
    }

    #[test]
    fn quotes_around_the_whole_are_dropped_and_others_stay() {
        assert_eq!(without_quotes("\"좋다\""), "좋다");
        assert_eq!(without_quotes("“좋다”"), "좋다");
        assert_eq!(without_quotes("\"A\"와 \"B\""), "\"A\"와 \"B\"");
        assert_eq!(without_quotes("\""), "\"");
    }
}
