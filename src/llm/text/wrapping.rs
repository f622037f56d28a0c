//! What a model puts around its reply: special tokens, thoughts, roles, labels, quotes, pleasantries.

use serde_json::Value;

use super::fence::Fence;
use super::one_line;

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
/// Sentences, without spaces and marks, that only say that the reply is coming.
const PLEASANTRIES: [&str; 16] = [
    "네",
    "예",
    "네알겠습니다",
    "알겠습니다",
    "물론입니다",
    "물론이죠",
    "네물론입니다",
    "감사합니다",
    "좋은질문입니다",
    "좋은답변감사합니다",
    "답변감사합니다",
    "sure",
    "certainly",
    "ofcourse",
    "okay",
    "absolutely",
];
/// How such sentences end when they are longer.
const ANNOUNCEMENTS: [&str; 8] = [
    "피드백드리겠습니다",
    "피드백을드리겠습니다",
    "피드백해드리겠습니다",
    "피드백을제공하겠습니다",
    "피드백입니다",
    "질문드리겠습니다",
    "질문을드리겠습니다",
    "다음질문입니다",
];
/// Characters of a line that announces the reply.
const LONGEST_ANNOUNCEMENT: usize = 40;

/// `text` without thoughts, special tokens and the marks of our own prompt, up to where the model's turn ended.
pub fn turn(text: &str) -> String {
    let mut text = without_thoughts(text).to_owned();
    for token in BARE_TOKENS {
        text = text.replace(token, "");
    }
    let spoken = without_start(&text);
    let mut end = spoken.len();
    for token in END_OF_TURN {
        // A reply may begin with the end of the turn before it.
        let first = spoken.match_indices(token).map(|(at, _)| at).find(|at| says_something(spoken.get(..*at)));
        end = end.min(first.unwrap_or(end));
    }
    let text = without_tokens(spoken.get(..end).unwrap_or_default());
    let mut text = without_echo(&text).to_owned();
    for fence in Fence::ALL {
        text = text.replace(&fence.open(), "").replace(&fence.close(), "");
    }
    text.trim().trim_start_matches("<s>").trim_end_matches("</s>").trim().to_owned()
}

/// `text` without our own prompt: what comes before a fence that the model opens, or after one that it repeats.
fn without_echo(text: &str) -> &str {
    let opened = Fence::ALL.iter().filter_map(|fence| text.find(&fence.open())).min();
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
    let has_number = named.chars().any(|c| c.is_ascii_digit()) && numbered.len() < named.trim_start().len();
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

/// Whether `sentence` only says that the reply is coming (`네, 알겠습니다.`, `다음은 피드백입니다:`, `Here is the feedback:`).
pub fn is_announcement(sentence: &str) -> bool {
    if sentence.chars().count() > LONGEST_ANNOUNCEMENT {
        return false;
    }
    let bare: String = sentence.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    let leads_in = sentence.trim_end().ends_with([':', '：'])
        && (bare.ends_with("다음과같습니다") || bare.starts_with("다음은") || bare.starts_with("here"));
    PLEASANTRIES.contains(&bare.as_str()) || ANNOUNCEMENTS.iter().any(|end| bare.ends_with(end)) || leads_in
}

/// Whether `text` is the report of an error and not a reply: a program's or a server's words that took a reply's place.
pub fn is_error(text: &str) -> bool {
    const BEGINNINGS: [&str; 17] = [
        "error code",
        "traceback (most recent call last)",
        "internal server error",
        "bad gateway",
        "service unavailable",
        "gateway timeout",
        "connection error",
        "connection refused",
        "request timed out",
        "llm 호출",
        "오류가 발생했습니다",
        "에러가 발생했습니다",
        "서버 오류",
        "<!doctype",
        "<html",
        "panicked at",
        "upstream connect error",
    ];
    const NAMES: [&str; 5] = ["error", "exception", "오류", "에러", "fatal"];
    let start = one_line(text).to_lowercase();
    let start = start.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '<');
    // `Error:`, `[ERROR]`, `openai.APIConnectionError:`
    let named = start.split_once([':', ']']).is_some_and(|(name, _)| {
        !name.contains(' ') && name.chars().count() <= 60 && NAMES.iter().any(|end| name.ends_with(end))
    });
    named || BEGINNINGS.iter().any(|beginning| start.starts_with(beginning)) || is_error_object(text)
}

/// A JSON object that reports an error, in the forms of OpenAI, FastAPI and vLLM.
fn is_error_object(text: &str) -> bool {
    let Ok(Value::Object(object)) = serde_json::from_str::<Value>(text.trim()) else {
        return false;
    };
    object.contains_key("error") || object.contains_key("detail") || object.get("object") == Some(&Value::from("error"))
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

    #[test]
    fn announcements_are_told_from_sentences() {
        for sentence in [
            "네, 알겠습니다.",
            "다음은 답변에 대한 피드백입니다.",
            "피드백은 다음과 같습니다:",
            "Here is the feedback:",
            "Sure!",
        ] {
            assert!(is_announcement(sentence), "{sentence}");
        }
        for sentence in ["네트워크 계층을 잘 설명했습니다.", "핵심은 다음과 같습니다.", "예시가 좋습니다."]
        {
            assert!(!is_announcement(sentence), "{sentence}");
        }
    }

    #[test]
    fn errors_are_told_from_replies() {
        for text in [
            "Error: connection refused",
            "[ERROR] LLM",
            "Error code: 400 - {'object': 'error'}",
            "openai.APIConnectionError: Connection error.",
            "Traceback (most recent call last):\n  File",
            "{\"error\": {\"message\": \"x\"}}",
            "{\"detail\":\"Not Found\"}",
            "<html><body>502</body></html>",
            "오류: 모델을 부르지 못했습니다.",
            "LLM 호출 실패: timeout",
            "오류가 발생했습니다. 다시 시도하세요.",
        ] {
            assert!(is_error(text), "{text}");
        }
        for text in [
            "Error와 Exception의 차이를 잘 설명했습니다.",
            "오류가 발생했을 때의 처리를 더하면 좋습니다.",
            "답변의 오류: 없습니다.",
            "{\"enough\": true}",
        ] {
            assert!(!is_error(text), "{text}");
        }
    }
}
