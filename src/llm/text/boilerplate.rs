//! Boilerplate: what a model or a server says instead of a reply, or before it. Pleasantries, refusals, errors.

use serde_json::Value;

use super::is_alphanumeric;
use super::phrases::reply;

/// Characters of a line that announces the reply.
const LONGEST_ANNOUNCEMENT: usize = 40;
/// Words of the longest beginning of an error's report.
const BEGINNING_WORDS: usize = 5;

/// Whether `sentence` only says that the reply is coming (`네, 알겠습니다.`, `다음은 피드백입니다:`, `Here is the feedback:`).
pub fn is_announcement(sentence: &str) -> bool {
    if sentence.chars().count() > LONGEST_ANNOUNCEMENT {
        return false;
    }
    let bare: String = sentence.chars().filter(|c| is_alphanumeric(*c)).flat_map(char::to_lowercase).collect();
    let leads_in = sentence.trim_end().ends_with([':', '：'])
        && (bare.ends_with("다음과같습니다") || bare.starts_with("다음은") || bare.starts_with("here"));
    reply::PLEASANTRIES.contains(&bare.as_str())
        || reply::ANNOUNCEMENTS.iter().any(|end| bare.ends_with(end))
        || leads_in
}

/// What follows the announcement that `line` begins with (`다음은 피드백입니다: `).
pub fn without_announcement(line: &str) -> Option<&str> {
    let (at, colon) = line.char_indices().take(LONGEST_ANNOUNCEMENT).find(|(_, c)| matches!(c, ':' | '：'))?;
    let (start, rest) = line.split_at_checked(at + colon.len_utf8())?;
    is_announcement(start).then(|| rest.trim())
}

/// Whether `text` is the report of an error and not a reply: a program's or a server's words that took a reply's place.
pub fn is_error(text: &str) -> bool {
    let start = text.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '<');
    let words: Vec<&str> = start.split_whitespace().take(BEGINNING_WORDS).collect();
    let start = words.join(" ").to_lowercase();
    // `Error:`, `[ERROR]`, `openai.APIConnectionError:`
    let named = start.split_once([':', ']']).is_some_and(|(name, _)| {
        !name.contains(' ') && name.chars().count() <= 60 && reply::ERROR_NAMES.iter().any(|end| name.ends_with(end))
    });
    named || reply::ERRORS.iter().any(|beginning| start.starts_with(beginning)) || is_error_object(text)
}

/// A JSON object that reports an error, in the forms of OpenAI, FastAPI and vLLM.
fn is_error_object(text: &str) -> bool {
    let text = text.trim();
    if !text.starts_with('{') {
        return false;
    }
    let Ok(Value::Object(object)) = serde_json::from_str::<Value>(text) else {
        return false;
    };
    object.contains_key("error") || object.contains_key("detail") || object.get("object") == Some(&Value::from("error"))
}

/// Whether the model only says that it will not or cannot answer.
pub fn is_refusal(sentences: &[&str]) -> bool {
    if sentences.len() > 2 {
        return false;
    }
    let text = sentences.join(" ").to_lowercase();
    let holds = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let korean = holds(reply::APOLOGIES) && holds(reply::INABILITIES);
    korean || reply::REFUSALS.iter().any(|beginning| text.starts_with(beginning))
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

    #[test]
    fn a_refusal_is_short_and_apologises() {
        let refuses = |text: &str| is_refusal(&[text]);
        assert!(refuses("죄송합니다만 답변드릴 수 없습니다.") && refuses("As an AI, I cannot do that."));
        assert!(!refuses("이 답변만으로는 이해했는지 알 수 없습니다.") && !refuses("I think it is right."));
        let long = ["죄송하지만 근거가 없습니다.", "예시도 없습니다.", "수치를 더하세요."];
        assert!(!is_refusal(&long));
    }
}
