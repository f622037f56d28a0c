//! Boilerplate: what a model or a server says instead of a reply, or before it. Pleasantries, refusals, errors.

use std::sync::LazyLock;

use super::html;
use super::object::{self, Value};
use super::phrases::{key, reply};
use super::{beginning, is_alphanumeric, is_hangul, one_line, sentence};

/// Characters of a line that announces the reply.
const LONGEST_ANNOUNCEMENT: usize = 40;
/// Characters of a sentence that only is polite.
const LONGEST_POLITE: usize = 60;
/// Sentences of a refusal, characters of an apology that is all of it, and of what a program says when it failed.
const LONGEST_REFUSAL: usize = 4;
const LONGEST_APOLOGY: usize = 12;
const LONGEST_FAILURE: usize = 200;
/// Words of the longest beginning of an error's report.
const BEGINNING_WORDS: usize = 5;

/// Whether `sentence` only says that the reply is coming (`네, 알겠습니다.`, `다음은 피드백입니다:`, `Here is the feedback:`).
pub fn is_announcement(sentence: &str) -> bool {
    if sentence.chars().count() > LONGEST_ANNOUNCEMENT {
        return false;
    }
    let bare = bare(sentence);
    let leads_in = sentence.trim_end().ends_with([':', '：'])
        && (bare.ends_with("다음과같습니다") || reply::LEADS.iter().any(|lead| bare.starts_with(lead)));
    // `예:` begins an example.
    let pleasant = reply::PLEASANTRIES.contains(&bare.as_str()) && !sentence.trim_end().ends_with([':', '：']);
    pleasant || reply::ANNOUNCEMENTS.iter().any(|end| bare.ends_with(end)) || leads_in
}

/// What follows the announcement that `line` begins with (`다음은 피드백입니다: `).
pub fn without_announcement(line: &str) -> Option<&str> {
    let (at, colon) = line.char_indices().take(LONGEST_ANNOUNCEMENT).find(|(_, c)| matches!(c, ':' | '：'))?;
    let (start, rest) = line.split_at_checked(at + colon.len_utf8())?;
    // A sentence before it is judged by itself.
    (is_announcement(start) && sentence::split(start, true).is_empty()).then(|| rest.trim())
}

/// Whether `sentence` only is polite, and no part of a reply: thanks, good wishes, offers of more help.
pub fn is_polite(sentence: &str) -> bool {
    if sentence.chars().count() > LONGEST_POLITE {
        return false;
    }
    let bare = bare(sentence);
    reply::PLEASANTRIES.contains(&bare.as_str()) || POLITE.stand_in(&bare)
}

/// Letters and digits in lower case.
fn bare(sentence: &str) -> String {
    let mut bare = String::with_capacity(sentence.len());
    bare.extend(sentence.chars().filter(|c| is_alphanumeric(*c)).map(|c| c.to_ascii_lowercase()));
    bare
}

/// Whether `text` is the report of an error and not a reply: a program's or a server's words that took a reply's place.
/// What begins like one and then speaks of an answer is a reply: errors are a topic of interviews.
pub fn is_error(text: &str) -> bool {
    reports_error(text, false)
}

/// Whether `text`, whose end is still to come, may turn out to be one.
pub fn may_be_error(text: &str) -> bool {
    reports_error(text, true)
}

/// Of a text that is `truncated` only whole sentences tell that it is none.
fn reports_error(text: &str, truncated: bool) -> bool {
    let report = text.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '<');
    let words: Vec<&str> = report.split_whitespace().take(BEGINNING_WORDS).collect();
    let start = words.join(" ").to_ascii_lowercase();
    if start.starts_with("<html") || start.starts_with("<!doctype") {
        return !speaks_of_an_answer(&html::plain(text), truncated);
    }
    if is_error_object(text) {
        return true;
    }
    // `Error:`, `[ERROR]`, `openai.APIConnectionError:`
    let named = start.split_once([':', ']']).is_some_and(|(name, _)| {
        !name.contains(' ') && name.chars().count() <= 60 && reply::ERROR_NAMES.iter().any(|end| name.ends_with(end))
    });
    let begins = reply::ERRORS.iter().find_map(|report| start.strip_prefix(report));
    match begins {
        Some(rest) if !is_about(rest) => !speaks_of_an_answer(text, truncated),
        None if named => !speaks_of_an_answer(text, truncated),
        _ => FAILURES.stand_in(beginning(text, LONGEST_FAILURE)) && all_fail(text, truncated),
    }
}

/// Whether `rest`, behind the name of an error, goes on with a sentence about it.
fn is_about(rest: &str) -> bool {
    reply::ABOUT.contains(&rest.split_whitespace().next().unwrap_or_default())
}

/// Whether a sentence of it is none that a program says when it failed.
fn speaks_of_an_answer(text: &str, truncated: bool) -> bool {
    let is_korean = |sentence: &String| sentence.contains(is_hangul);
    sentence::split(&one_line(text), truncated).iter().any(|sentence| is_korean(sentence) && !fails(sentence))
}

fn all_fail(text: &str, truncated: bool) -> bool {
    if text.chars().nth(LONGEST_FAILURE).is_some() {
        return false;
    }
    let sentences = sentence::split(&one_line(text), truncated);
    !sentences.is_empty()
        && sentences.iter().all(|sentence| fails(sentence) || is_polite(sentence) || regrets(sentence))
        && sentences.iter().any(|sentence| fails(sentence))
}

fn fails(sentence: &str) -> bool {
    FAILURES.stand_in(sentence)
}

/// Phrases that are all looked for in one go.
struct Phrases {
    phrases: Vec<(char, &'static str)>,
    /// A bit for each character that one may begin with, and that may come second.
    first: u128,
    second: u128,
}

impl Phrases {
    fn of(lists: &[&[&'static str]]) -> Self {
        let all = lists.iter().copied().flatten().copied();
        let phrases: Vec<(char, &str)> = all.filter_map(|phrase| Some((phrase.chars().next()?, phrase))).collect();
        let bits =
            |at| phrases.iter().filter_map(|(_, phrase)| phrase.chars().nth(at)).fold(0, |bits, c| bits | Self::bit(c));
        Self { first: bits(0), second: bits(1), phrases }
    }

    fn bit(c: char) -> u128 {
        1 << (u32::from(c) % u128::BITS)
    }

    /// Whether `text` holds one of them.
    fn stand_in(&self, text: &str) -> bool {
        let mut last = None;
        text.char_indices().any(|(at, c)| {
            let Some((before, start)) = last.replace((c, at)) else { return false };
            let may_be = self.second & Self::bit(c) != 0 && self.first & Self::bit(before) != 0;
            let begins =
                |rest: &str| self.phrases.iter().any(|(first, phrase)| *first == before && rest.starts_with(phrase));
            may_be && text.get(start..).is_some_and(begins)
        })
    }
}

static POLITE: LazyLock<Phrases> = LazyLock::new(|| Phrases::of(&[reply::POLITE, reply::OFFERS]));
static FAILURES: LazyLock<Phrases> = LazyLock::new(|| Phrases::of(&[reply::FAILURES]));
static APOLOGIES: LazyLock<Phrases> = LazyLock::new(|| Phrases::of(&[reply::APOLOGIES]));
static INABILITIES: LazyLock<Phrases> = LazyLock::new(|| Phrases::of(&[reply::INABILITIES]));
static SURE_REFUSALS: LazyLock<Phrases> = LazyLock::new(|| Phrases::of(&[reply::SURE_REFUSALS]));
static REFUSED: LazyLock<Phrases> = LazyLock::new(|| Phrases::of(&[reply::REFUSED]));
static REGRETS: LazyLock<Phrases> = LazyLock::new(|| Phrases::of(&[reply::REGRETS]));

/// A JSON object that reports an error, in the forms of OpenAI, FastAPI and vLLM, and holds nothing of what was asked for.
fn is_error_object(text: &str) -> bool {
    let text = text.trim();
    if !text.starts_with('{') {
        return false;
    }
    let Some(object) = object::objects(text).next().filter(|object| object.with_any(key::ASKED).is_none()) else {
        return false;
    };
    let says = |name: &str| object.get(name).is_some_and(|value| *value != Value::Nothing);
    says("error") || says("detail") || object.get("object") == Some(&Value::Text("error".to_owned()))
}

/// Whether the model only says that it will not or cannot answer.
pub fn is_refusal(sentences: &[&str]) -> bool {
    if sentences.len() > LONGEST_REFUSAL {
        return false;
    }
    let lower: Vec<String> = sentences.iter().map(|sentence| sentence.to_ascii_lowercase()).collect();
    lower.iter().any(|sentence| refuses(sentence) || apologises(sentence))
        && lower.iter().all(|sentence| refuses(sentence) || regrets(sentence) || is_polite(sentence))
}

/// Whether `sentence` may be part of a refusal, or of the report of an error.
pub fn may_be_refusal(sentence: &str) -> bool {
    let lower = sentence.to_ascii_lowercase();
    fails(sentence) || refuses(&lower) || regrets(&lower) || is_polite(sentence)
}

fn refuses(sentence: &str) -> bool {
    let english =
        || reply::REFUSALS.iter().any(|beginning| sentence.starts_with(beginning)) && REFUSED.stand_in(sentence);
    let korean =
        || INABILITIES.stand_in(sentence) && (SURE_REFUSALS.stand_in(sentence) || APOLOGIES.stand_in(sentence));
    if sentence.contains(is_hangul) { korean() } else { english() }
}

/// Whether it does nothing else.
fn apologises(sentence: &str) -> bool {
    sentence.chars().nth(LONGEST_APOLOGY).is_none() && regrets(sentence)
}

fn regrets(sentence: &str) -> bool {
    REGRETS.stand_in(sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

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
            "답변을 생성하지 못했습니다. 잠시 후 다시 시도해 주세요.",
            "요청을 처리하는 중 문제가 발생했습니다.",
            "Connection refused (os error 111)",
            "502 Bad Gateway",
        ] {
            assert!(is_error(text), "{text}");
        }
        for text in [
            "Error와 Exception의 차이를 잘 설명했습니다.",
            "오류가 발생했을 때의 처리를 더하면 좋습니다.",
            "답변의 오류: 없습니다.",
            "{\"enough\": true}",
            "{\"error\": null, \"question\": \"왜?\"}",
            "Connection refused와 timeout을 잘 구분했습니다.",
            "Connection refused is explained well. Add the backlog.",
            "NullPointerException: 원인을 잘 짚었습니다. 예방법도 말하세요.",
            "Service Unavailable(503)을 잘 설명했습니다.",
            "오류: 인덱스가 언제나 빠르다는 설명은 틀렸습니다.",
            "실패했을 때 다시 시도하는 방법을 설명했습니다. 지수 백오프를 더하면 좋습니다.",
        ] {
            assert!(!is_error(text), "{text}");
        }
    }

    #[test]
    fn a_refusal_is_short_and_apologises() {
        let refuses = |text: &str| is_refusal(&[text]);
        assert!(refuses("죄송합니다만 답변드릴 수 없습니다.") && refuses("As an AI, I cannot do that."));
        assert!(!refuses("이 답변만으로는 이해했는지 알 수 없습니다.") && !refuses("I think it is right."));
        let long = ["죄송하지만 근거가 없습니다.", "예시도 없습니다.", "수치를 더하세요."];
        assert!(!is_refusal(&long));
        for text in [
            "저는 AI라서 이 요청을 도와드릴 수 없습니다.",
            "해당 내용에는 답변을 제공하지 않습니다.",
            "해당 요청은 처리할 수 없습니다.",
            "Unfortunately, I can't help with that.",
            "I’m not able to assist with this request.",
            "I'm just an AI and can't provide that.",
            "이 질문에는 답변할 수 없습니다.",
            "죄송합니다.",
            "Sorry.",
        ] {
            assert!(refuses(text), "{text}");
        }
        assert!(is_refusal(&[
            "죄송합니다.",
            "저는 AI 언어 모델로서 답변드릴 수 없습니다.",
            "다른 질문이 있으시면 말씀해 주세요."
        ]));
        for text in [
            "As an AI engineer, you should mention loss functions.",
            "I cannot find an example.",
            "HTTP 요청의 흐름을 알기 어렵습니다.",
            "인공지능과 머신러닝의 차이에 대한 설명이 없습니다.",
        ] {
            assert!(!refuses(text), "{text}");
        }
        assert!(!is_refusal(&["이 답변은 질문에 대한 답변을 제공하지 않습니다.", "TCP의 특징을 설명해 보세요."]));
    }

    #[test]
    fn what_only_is_polite_is_told_from_advice() {
        for text in [
            "더 궁금한 점이 있으면 알려 주세요!",
            "앞으로도 좋은 답변을 기대하겠습니다.",
            "화이팅입니다!",
            "도움이 되셨길 바랍니다.",
            "Let me know if you have questions.",
            "무엇을 도와드릴까요?",
        ] {
            assert!(is_polite(text), "{text}");
        }
        for text in
            ["이 예시는 이해에 도움이 됩니다.", "좋은 결과를 수치로 말하세요.", "질문이 무엇을 묻는지 파악하세요."]
        {
            assert!(!is_polite(text), "{text}");
        }
    }
}
