//! What a model puts around its reply: special tokens, thoughts, roles, labels, quotes.

use std::borrow::Cow;

use super::fence::Fence;
use super::without;

/// Special tokens that end a turn; what follows them was made up.
const END_OF_TURN: [&str; 9] = [
    "<|im_end|>",
    "<|END_OF_TURN_TOKEN|>",
    "<|END_RESPONSE|>",
    "<|eot_id|>",
    "<|end_of_text|>",
    "<|endoftext|>",
    "<|end|>",
    "<end_of_turn>",
    "<|im_start|>user",
];
/// Special tokens without bars.
const BARE_TOKENS: [&str; 11] = [
    "<start_of_turn>model",
    "<start_of_turn>",
    "<BOS_TOKEN>",
    "<EOS_TOKEN>",
    "<bos>",
    "<eos>",
    "<unk>",
    "[/INST]",
    "[INST]",
    "<<SYS>>",
    "<</SYS>>",
];
/// Characters of a special token between its bars; a longer one is text.
const LONGEST_TOKEN: usize = 40;
/// How a model names itself before it speaks.
const SPEAKERS: [&str; 10] =
    ["assistant", "어시스턴트", "chatbot", "model", "챗봇", "면접관", "컨설턴트", "interviewer", "ai", "bot"];
/// How a model names the other side when it goes on with a dialogue of its own.
const OTHERS: [&str; 6] = ["user", "human", "사용자", "지원자", "질문", "question"];
/// Quotes that may enclose a whole reply.
const QUOTES: [(char, char); 8] =
    [('"', '"'), ('\'', '\''), ('“', '”'), ('‘', '’'), ('「', '」'), ('『', '』'), ('«', '»'), ('`', '`')];
/// `text` without thoughts, special tokens and the marks of our own prompt, up to where the model's turn ended.
pub fn turn(text: &str) -> Cow<'_, str> {
    // Most replies hold nothing of all that: each begins with one of these.
    if !text.contains('<') && !text.contains('[') {
        return Cow::Borrowed(text.trim());
    }
    let mut text = Cow::Borrowed(without_thoughts(text));
    for token in BARE_TOKENS {
        text = without(text, token);
    }
    let spoken = without_start(&text);
    let mut end = spoken.len();
    for token in END_OF_TURN.into_iter().filter(|token| spoken.contains(token)) {
        // A reply may begin with the end of the turn before it.
        let first = spoken.match_indices(token).map(|(at, _)| at).find(|at| says_something(spoken.get(..*at)));
        end = end.min(first.unwrap_or(end));
    }
    let text = without_tokens(spoken.get(..end).unwrap_or_default());
    let mut text = Cow::Borrowed(without_echo(&text));
    for fence in Fence::ALL {
        text = without(without(text, fence.open()), fence.close());
    }
    Cow::Owned(text.trim().trim_start_matches("<s>").trim_end_matches("</s>").trim().to_owned())
}

/// `text` without our own prompt: what comes before a fence that the model opens, or after one that it repeats.
fn without_echo(text: &str) -> &str {
    let opened = Fence::ALL.iter().filter_map(|fence| text.find(fence.open())).min();
    let before = opened.and_then(|at| text.get(..at)).filter(|before| says_something(Some(before)));
    let closed =
        Fence::ALL.iter().filter_map(|fence| text.rfind(&fence.close()).map(|at| at + fence.close().len())).max();
    let after = closed.and_then(|at| text.get(at..)).filter(|after| says_something(Some(after)));
    before.or(after).unwrap_or(text)
}

fn says_something(text: Option<&str>) -> bool {
    text.is_some_and(|text| without_tokens(text).chars().any(char::is_alphanumeric))
}

/// What follows a model's thoughts; nothing when it never stopped thinking.
fn without_thoughts(text: &str) -> &str {
    match text.rsplit_once("</think>") {
        Some((_, reply)) => reply,
        None if text.trim_start().starts_with("<think>") => "",
        None => text,
    }
}

/// `text` without the start of a turn and its bare role (`<|im_start|>assistant`).
fn without_start(text: &str) -> &str {
    let text = text.trim_start();
    let Some(rest) = text.strip_prefix("<|im_start|>").or_else(|| text.strip_prefix("<|start_header_id|>")) else {
        return text;
    };
    rest.strip_prefix("assistant").unwrap_or(rest)
}

/// `text` without `<|...|>`.
fn without_tokens(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("<|") {
        out.push_str(before);
        let is_name = |name: &str| {
            name.len() <= LONGEST_TOKEN && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-:/.".contains(c))
        };
        match after.split_once("|>").filter(|(name, _)| is_name(name)) {
            Some((_, beyond)) => rest = beyond,
            None => {
                out.push_str("<|");
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
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
    without_label(line, &SPEAKERS)
}

/// Whether `line` begins the other side's turn (`질문:`, `user:`).
pub fn is_other_turn(line: &str) -> bool {
    without_label(line, &OTHERS).is_some()
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
    fn special_tokens_are_dropped_and_end_the_turn() {
        for text in [
            "<|im_start|>assistant\n좋습니다.<|im_end|>\n<|im_start|>user\n다음",
            "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>좋습니다.<|END_OF_TURN_TOKEN|><|USER_TOKEN|>다음",
            "<s>좋습니다.</s>",
            "<|eot_id|>좋습니다.<|eot_id|>",
            "<start_of_turn>model\n좋습니다.<end_of_turn>",
            "[/INST] 좋습니다.",
            "<think>무엇을 쓸까</think>\n좋습니다.",
        ] {
            assert_eq!(turn(text), "좋습니다.", "{text}");
        }
        assert_eq!(turn("<think>아직 생각"), "");
    }

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
