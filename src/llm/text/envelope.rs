//! The envelope: what a model puts around its reply. Special tokens and thoughts, an echo of our own prompt, roles and
//! labels, quotes.

use std::borrow::Cow;

use super::fence::Fence;
use super::markup::{Kind, Line};
use super::phrases::{label, role};
use super::{is_alphanumeric, is_hangul, object, turn, without};

/// Quotes that may enclose a whole reply.
const QUOTES: [(char, char); 8] =
    [('"', '"'), ('\'', '\''), ('“', '”'), ('‘', '’'), ('「', '」'), ('『', '』'), ('«', '»'), ('`', '`')];

/// Characters of a tag that a model makes up.
const LONGEST_TAG: usize = 30;
/// Characters of a label with the words before its name, and of a remark behind it.
const LONGEST_LABEL: usize = 40;
/// Role words of templates that stick to the end of a sentence when a server drops the tokens around them.
const STUCK_ROLES: [&str; 5] = ["assistant", "user", "model", "human", "system"];

/// `text` without thoughts, special tokens and the marks of our own prompt, up to where the model's turn ended.
pub fn turn(text: &str) -> Cow<'_, str> {
    match turn::own(text) {
        Cow::Borrowed(text) if !text.contains('<') => Cow::Borrowed(text.trim()),
        text => Cow::Owned(without_wrapping(without_fences(&text).trim()).trim().to_owned()),
    }
}

/// What is between a tag at the beginning of `text` and its partner at the end: `<interview_feedback>…`.
fn without_wrapping(text: &str) -> &str {
    let inner = || {
        let (name, rest) = text.strip_prefix('<')?.split_once('>')?;
        let is_name =
            name.chars().count() <= LONGEST_TAG && name.chars().all(|c| c.is_alphanumeric() || "_- ".contains(c));
        let inner = rest.strip_suffix('>')?.strip_suffix(name)?.strip_suffix("</")?;
        (is_name && !inner.contains('<')).then_some(inner)
    };
    inner().unwrap_or(text)
}

/// `text` without the marks of our own prompt.
fn without_fences(text: &str) -> Cow<'_, str> {
    Fence::ALL
        .iter()
        .fold(Cow::Borrowed(without_echo(text)), |text, fence| without(without(text, fence.open()), fence.close()))
}

/// `text` without our own prompt: what comes before a fence that the model opens, or after one that it repeats.
fn without_echo(text: &str) -> &str {
    let opened = Fence::ALL.iter().filter_map(|fence| text.find(fence.open())).min();
    let before = opened.and_then(|at| text.get(..at)).filter(|before| says_something(before));
    let closed =
        Fence::ALL.iter().filter_map(|fence| text.rfind(&fence.close()).map(|at| at + fence.close().len())).max();
    let after = closed.and_then(|at| text.get(at..)).filter(|after| says_something(after));
    before.or(after).unwrap_or(text)
}

fn says_something(text: &str) -> bool {
    text.chars().any(is_alphanumeric)
}

/// What is within a code fence around the whole of `text`, which may be cut off.
pub fn without_code_fence(text: &str) -> &str {
    let text = text.trim();
    let inner = || {
        let (language, inner) = text.strip_prefix("```")?.split_once('\n')?;
        let is_name = language.trim().chars().all(|c| c.is_ascii_alphanumeric());
        is_name.then(|| inner.trim().trim_end_matches("```").trim())
    };
    inner().unwrap_or(text)
}

/// What follows the label that `line` begins with, or `None` when it begins with none of `names` as a label: `피드백:`,
/// `[피드백]`, `피드백]`, `피드백 1 :`, `질문 2.`, or the name alone. The marks of bold and headings are expected to be gone.
pub fn without_label<'a>(line: &'a str, names: &[&str]) -> Option<&'a str> {
    let opened = line.trim_start_matches(|c: char| c.is_whitespace() || "[(【<《「『〈〔{*_#=\"'".contains(c));
    names.iter().find_map(|name| after_label(opened, name))
}

fn after_label<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let named = without_prefix(line, name)?;
    let numbered = named.trim_start_matches([' ', '#']).trim_start_matches(|c: char| c.is_ascii_digit());
    let has_number = numbered.len() < named.trim_start().len() && named.chars().any(|c| c.is_ascii_digit());
    let after = if has_number { numbered } else { named };
    let after = without_remark(after);
    let closed = after.trim_start_matches(|c: char| c == ' ' || "])】>》」』〉〕}*_\"'".contains(c));
    // What is bold by itself is a label, too.
    let bold = after.starts_with("** ") || after.starts_with("**\n");
    let bracket = bold || after.trim_start().starts_with([']', ')', '】', '>', '》', '」', '』', '〉', '〕', '}']);
    let rest = if let Some(rest) = closed.strip_prefix([':', '：', ';', '→', '=']) {
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
    Some(rest.trim_start_matches(|c: char| c.is_whitespace() || "*_=".contains(c)))
}

/// What follows a remark about a label: `(3~5문장):`. Without a label's mark behind it, it belongs to a sentence.
fn without_remark(after: &str) -> &str {
    let rest = || {
        let (remark, rest) = after.trim_start().strip_prefix('(')?.split_once(')')?;
        let marked = rest.trim_start_matches([' ', '*', '_', ']', '】', '〉', '》']);
        let is_label =
            remark.chars().count() <= LONGEST_LABEL && (marked.is_empty() || marked.starts_with([':', '：']));
        is_label.then_some(rest)
    };
    rest().unwrap_or(after)
}

/// What follows a label that ends with one of `names`: `TCP 답변에 대한 피드백: `.
pub fn without_long_label<'a>(line: &'a str, names: &[&str]) -> Option<&'a str> {
    let (at, colon) = line.char_indices().take(LONGEST_LABEL).find(|(_, c)| matches!(c, ':' | '：'))?;
    let (label, rest) = line.split_at_checked(at)?;
    let label = label.trim_end_matches([' ', '*', '_', ']', '】', ')']).to_lowercase();
    let whole = label.contains(['.', '!', '?', ',']);
    (!whole && names.iter().any(|name| label.ends_with(name)))
        .then(|| rest.strip_prefix(colon).unwrap_or(rest).trim_start())
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

/// Whether `line` begins the other side's turn (`질문:`, `user:`, and as a heading `Instruction:`).
pub fn is_other_turn(line: &Line) -> bool {
    without_label(&line.text, label::OTHERS).is_some()
        || is_headed(line, label::HEADED)
        || is_role(&line.text, role::OTHERS)
}

/// Whether `line`, which follows what the model said, begins another turn of anybody's, or a remark about the reply.
pub fn is_next_turn(line: &Line) -> bool {
    let begins = |names: &[&str]| line.text.contains([':', '：']) && without_label(&line.text, names).is_some();
    is_other_turn(line) || is_role(&line.text, role::OWN) || begins(label::SURE_SPEAKERS) || begins(label::ENDNOTES)
}

/// Whether the model's own turn begins with `line`.
pub fn is_own_turn(line: &Line) -> bool {
    without_label(&line.text, label::SPEAKERS).is_some()
        || is_headed(line, label::OWN_HEADINGS)
        || is_role(&line.text, role::OWN)
}

/// Whether `line` is a heading that says whose turn it is.
fn is_headed(line: &Line, names: &[&str]) -> bool {
    line.kind == Kind::Heading && without_label(&line.text, names).is_some()
}

/// Whether `line` is nothing but the name of a role, as templates write it.
fn is_role(line: &str, roles: &[&str]) -> bool {
    roles.contains(&line)
}

/// `line` before the name of a role that sticks to its end: `좋습니다.user`.
pub fn before_stuck_role(line: &str) -> Option<&str> {
    let words = STUCK_ROLES.iter().find_map(|role| line.strip_suffix(role))?;
    words.ends_with(|c: char| is_hangul(c) || matches!(c, '.' | '!' | '?' | '"' | '”' | ')')).then_some(words)
}

/// `text` without the quotes that enclose it as a whole.
pub fn without_quotes(text: &str) -> &str {
    let text = text.trim();
    let thrice = ["\"\"\"", "'''"].iter().find_map(|marks| text.strip_prefix(marks)?.strip_suffix(marks));
    let text = thrice.unwrap_or(text).trim();
    QUOTES
        .iter()
        .find_map(|(open, close)| {
            let inner = text.strip_prefix(*open)?.strip_suffix(*close)?;
            (!inner.contains([*open, *close])).then_some(inner.trim())
        })
        .unwrap_or(text)
}

/// Whether `text`, whose end is still to come, begins with what may enclose it as a whole.
pub fn may_be_enclosed(text: &str) -> bool {
    let text = text.trim_start();
    let quoted = QUOTES.iter().any(|(open, close)| {
        let inner = text.strip_prefix(*open);
        // Those of JSON may be unescaped within.
        inner.is_some_and(|inner| matches!(open, '"' | '\'' | '“' | '‘') || !inner.contains([*open, *close]))
    });
    let listed = text.starts_with('[') && object::value(text).is_some();
    quoted || listed || text.starts_with(['{', '<']) || text.starts_with("```") || text.starts_with("~~~")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_our_own_prompt_are_dropped_and_code_stays() {
        assert_eq!(turn("<답변>\n좋습니다.\n</답변>"), "좋습니다.");
        assert_eq!(turn("<질문>\nTCP?\n</질문>\n<답변>\n음\n</답변>\n좋습니다."), "좋습니다.");
        assert_eq!(turn("좋습니다.\n<질문>\n다음\n</질문>\n더"), "좋습니다.");
        assert_eq!(turn("<interview_feedback>\n좋습니다.\n</interview_feedback>"), "좋습니다.");
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
            "**피드백** 좋다",
            "피드백(3~5문장): 좋다",
            "〈피드백〉 좋다",
            "피드백 (Korean): 좋다",
        ] {
            assert_eq!(without_label(line, &["피드백", "feedback"]), Some("좋다"), "{line}");
        }
        assert_eq!(without_label("피드백", &["피드백"]), Some(""));
        assert_eq!(without_long_label("TCP 답변에 대한 피드백: 좋다", &["피드백"]), Some("좋다"));
        assert_eq!(without_long_label("좋다. 피드백: 좋다", &["피드백"]), None);
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
        let line = |kind, text: &str| Line { kind, text: text.to_owned() };
        let text = |text| line(Kind::Text, text);
        for other in [text("User: 다음"), text("질문: 다음"), text("user"), line(Kind::Heading, "Instruction:")] {
            assert!(is_other_turn(&other) && is_next_turn(&other), "{other:?}");
        }
        for own in [text("질문은 좋다"), text("입력: 배열"), text("model은 좋다"), text("note")] {
            assert!(!is_next_turn(&own), "{own:?}");
        }
        for next in [text("assistant"), text("면접관: 네"), text("(Translation: good)")] {
            assert!(is_next_turn(&next) && !is_other_turn(&next), "{next:?}");
        }
        assert_eq!(before_stuck_role("좋습니다.assistant"), Some("좋습니다."));
        assert_eq!(before_stuck_role("역할은 user"), None);
    }

    #[test]
    fn quotes_around_the_whole_are_dropped_and_others_stay() {
        assert_eq!(without_quotes("\"좋다\""), "좋다");
        assert_eq!(without_quotes("“좋다”"), "좋다");
        assert_eq!(without_quotes("\"A\"와 \"B\""), "\"A\"와 \"B\"");
        assert_eq!(without_quotes("\""), "\"");
    }
}
