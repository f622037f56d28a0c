//! What a model's reply says about the next question.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::llm::text::markup::{self, Kind};
use crate::llm::text::phrases::label;
use crate::llm::text::{beginning, boilerplate, envelope, is_readable, one_line, sentence, visible};

/// Characters of a question, at most.
const MAX_CHARS: usize = 500;
/// Characters of a reply that are looked at.
const MAX_READ: usize = 20_000;
/// Places in a reply where a JSON object is looked for.
const MAX_OBJECTS: usize = 16;
/// How much of two questions must be the same to make them one: of their pairs of characters, in percent.
const SAME_PERCENT: usize = 90;
/// The word that says that nothing more needs to be asked.
const ENOUGH: &str = "없음";
/// How a request ends that asks without a question mark.
const REQUESTS: [&str; 8] =
    ["주세요", "주십시오", "보세요", "하십시오", "말씀하세요", "설명하세요", "작성하세요", "적으세요"];
/// How an English request begins.
const ENGLISH_REQUESTS: [&str; 6] = ["please", "describe", "tell", "explain", "share", "could"];

/// What a model's reply comes down to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The résumé can be written.
    Enough,
    /// One question, 1 to 500 characters, as a member should read it.
    Question(String),
    /// Neither: worth asking again.
    Unusable,
}

/// Reads a reply to [`question`](super::prompt::question); `earlier` are the questions already asked, `truncated` says that
/// the model ran out of room, and `may_end` that it was told how to say that it knows enough.
///
/// The reply counts as JSON when it holds an object with `enough` or `question`, whatever stands around it. `enough` then
/// decides: when it is true a question beside it is ignored, because the schema makes the model write something there.
/// A model that may not end is taken at its question, and means enough when it leaves that empty.
/// Otherwise the reply is read as plain text. `없음` means enough only when it is all that the reply says. Of several
/// questions the first counts. An object that breaks off, an unfinished question, an error and a question that was asked
/// before are unusable.
pub fn read(text: &str, truncated: bool, earlier: &[&str], may_end: bool) -> Reading {
    let text = visible(beginning(text, MAX_READ));
    let reply = envelope::turn(&text);
    if boilerplate::is_error(&reply) {
        return Reading::Unusable;
    }
    match object(&reply) {
        Some(object) => match (object.get("enough").is_some_and(is_true), object.get("question")) {
            (true, _) if may_end => Reading::Enough,
            (enough, Some(Value::String(question))) => {
                let nothing = enough || (!may_end && question.trim().is_empty());
                // The object is complete, so the question is, too.
                match read_plain(&visible(question), false, earlier) {
                    Reading::Unusable if nothing => Reading::Enough,
                    reading => reading,
                }
            }
            (true, _) => Reading::Enough,
            (false, _) => Reading::Unusable,
        },
        None if is_object_broken(&reply) => Reading::Unusable,
        None => read_plain(&reply, truncated, earlier),
    }
}

/// The first object in `reply` that speaks of a question.
fn object(reply: &str) -> Option<Map<String, Value>> {
    let objects = reply.match_indices('{').take(MAX_OBJECTS).filter_map(|(at, _)| {
        let mut values = serde_json::Deserializer::from_str(reply.get(at..)?).into_iter::<Value>();
        match values.next()? {
            Ok(Value::Object(object)) => Some(object),
            _ => None,
        }
    });
    let mut ours = objects.filter(|object| object.contains_key("enough") || object.contains_key("question"));
    ours.next()
}

/// Whether `reply`, which holds no whole object of ours, was meant to be one.
fn is_object_broken(reply: &str) -> bool {
    let names_a_property = ["\"question\"", "\"enough\""].iter().any(|property| reply.contains(property));
    let plain = reply.trim_start_matches('`');
    let plain = plain.strip_prefix("json").unwrap_or(plain).trim_start();
    plain.starts_with('{') || (reply.contains('{') && names_a_property)
}

fn is_true(value: &Value) -> bool {
    match value {
        Value::Bool(enough) => *enough,
        Value::String(enough) => matches!(enough.trim().to_lowercase().as_str(), "true" | "yes" | "예"),
        _ => false,
    }
}

fn read_plain(text: &str, truncated: bool, earlier: &[&str]) -> Reading {
    if says_enough(text) {
        return Reading::Enough;
    }
    match first_question(text, truncated) {
        Some(question) if is_new(&question, earlier) => Reading::Question(question),
        _ => Reading::Unusable,
    }
}

/// Whether `text` is [`ENOUGH`] alone, but for labels, markup and marks.
fn says_enough(text: &str) -> bool {
    let words: Vec<String> = markup::lines(text).into_iter().map(|line| unlabelled(&line.text).0).collect();
    let bare: String = words.concat().chars().filter(|c| c.is_alphanumeric()).collect();
    bare == ENOUGH
}

/// `line` without the labels, numbers and speakers before it, and whether there were any.
fn unlabelled(line: &str) -> (String, bool) {
    let mut text = envelope::without_quotes(line);
    let mut labelled = false;
    while let Some(rest) = envelope::without_label(text, label::QUESTION)
        .or_else(|| envelope::without_speaker(text))
        .or_else(|| markup::without_bullet(text))
    {
        text = envelope::without_quotes(rest);
        labelled = true;
    }
    (text.to_owned(), labelled)
}

/// The first whole question, with the sentences that lead to it.
fn first_question(text: &str, truncated: bool) -> Option<String> {
    let blocks = blocks(text);
    let last = blocks.len().checked_sub(1)?;
    blocks.iter().enumerate().find_map(|(at, block)| {
        // Only the last block can be the one that broke off.
        let sentences = sentence::split(block, truncated && at == last);
        let asks = |sentence: &String| is_marked_question(sentence);
        let end = sentences.iter().position(asks).or_else(|| sentences.iter().position(|text| is_request(text)))?;
        let asking = sentences.get(end)?;
        let lead = sentences.iter().take(end).filter(|sentence| !boilerplate::is_announcement(sentence));
        let whole: Vec<&str> = lead.chain([asking]).map(String::as_str).collect();
        [whole.join(" "), asking.clone()]
            .into_iter()
            .map(|text| unlabelled(&text).0)
            .find(|text| (1..=MAX_CHARS).contains(&text.chars().count()) && text.chars().any(is_readable))
    })
}

/// The parts of `text` that may each hold a question: paragraphs, and points of a list.
fn blocks(text: &str) -> Vec<String> {
    let mut blocks: Vec<String> = vec![String::new()];
    for line in markup::lines(envelope::without_quotes(text)) {
        if envelope::without_label(&line.text, label::ANSWER).is_some() {
            break;
        }
        let (text, labelled) = unlabelled(&line.text);
        if labelled || line.kind != Kind::Text {
            blocks.push(String::new());
        }
        if let Some(block) = blocks.last_mut() {
            block.push(' ');
            block.push_str(&text);
        }
    }
    blocks.iter().map(|block| one_line(block).into_owned()).filter(|block| !block.is_empty()).collect()
}

fn words(sentence: &str) -> &str {
    sentence.trim_end_matches(|c: char| !c.is_alphanumeric())
}

fn is_marked_question(sentence: &str) -> bool {
    let marks: &str = sentence.get(words(sentence).len()..).unwrap_or_default();
    marks.contains(['?', '？']) || sentence::is_question(words(sentence))
}

/// Whether `sentence` asks for something without asking a question (`구체적으로 알려 주세요.`).
fn is_request(sentence: &str) -> bool {
    let words = words(sentence);
    let first = words.split(' ').next().unwrap_or_default();
    REQUESTS.iter().any(|ending| words.ends_with(ending))
        || ENGLISH_REQUESTS.iter().any(|word| first.eq_ignore_ascii_case(word))
}

/// Whether a reader would find the question among none of the `earlier` ones.
pub fn is_new(question: &str, earlier: &[&str]) -> bool {
    !earlier.iter().any(|earlier| is_same(earlier, question))
}

/// Whether two questions are the same to a reader: alike but for case, spaces and marks, or nearly so. Questions that
/// name different things in Latin letters or numbers (Kafka, Redis) never are.
fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.to_lowercase(), other.to_lowercase());
    let (a, b) = (bare(&one), bare(&other));
    if a == b {
        return true;
    }
    if terms(&one) != terms(&other) {
        return false;
    }
    let (pairs_a, pairs_b) = (pairs(&a), pairs(&b));
    let shared: usize = pairs_a.iter().map(|(pair, count)| (*count).min(pairs_b.get(pair).copied().unwrap_or(0))).sum();
    let all: usize = pairs_a.values().sum::<usize>() + pairs_b.values().sum::<usize>();
    2 * shared * 100 >= all * SAME_PERCENT && shared > 0
}

fn bare(text: &str) -> Vec<char> {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// The words in Latin letters and digits, in order, each once.
fn terms(text: &str) -> Vec<&str> {
    let mut terms: Vec<&str> =
        text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|term| !term.is_empty()).collect();
    terms.sort_unstable();
    terms.dedup();
    terms
}

fn pairs(chars: &[char]) -> HashMap<(char, char), usize> {
    let mut pairs = HashMap::new();
    for (a, b) in chars.iter().zip(chars.iter().skip(1)) {
        *pairs.entry((*a, *b)).or_insert(0) += 1;
    }
    pairs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ASKED: &str = "Kafka 프로젝트에서 어떤 역할을 맡으셨나요?";

    fn plain(text: &str) -> Reading {
        read(text, false, &[], true)
    }

    fn asks(question: &str) -> Reading {
        Reading::Question(question.to_owned())
    }

    #[test]
    fn the_object_of_the_schema_is_read() {
        assert_eq!(plain(&format!("{{\"enough\": false, \"question\": \"{ASKED}\"}}")), asks(ASKED));
        assert_eq!(plain("{\"enough\": true, \"question\": \"\"}"), Reading::Enough);
    }

    #[test]
    fn the_object_is_found_within_fences_and_text_and_with_extra_keys() {
        let object = format!("{{\"reason\": {{\"a\": 1}}, \"enough\": \"false\", \"question\": \"- Q: {ASKED}\"}}");
        for text in [
            format!("```json\n{object}\n```"),
            format!("다음과 같습니다:\n{object}\n감사합니다."),
            format!("{{\"result\": {object}}}"),
            format!("[{object}]"),
            format!("<|im_start|>assistant\n{object}<|im_end|>"),
        ] {
            assert_eq!(plain(&text), asks(ASKED), "{text}");
        }
        assert_eq!(plain("{\"enough\": \"true\", \"question\": null}"), Reading::Enough);
    }

    #[test]
    fn enough_wins_over_a_question_beside_it() {
        assert_eq!(plain(&format!("{{\"enough\": true, \"question\": \"{ASKED}\"}}")), Reading::Enough);
    }

    #[test]
    fn a_model_that_may_not_end_is_taken_at_its_question() {
        let read = |text: &str| read(text, false, &[ASKED], false);
        let other = "Redis를 고른 이유는 무엇인가요?";
        for enough in ["true", "false"] {
            assert_eq!(read(&format!("{{\"enough\": {enough}, \"question\": \"{other}\"}}")), asks(other));
        }
        assert_eq!(read(&format!("{{\"question\": \"{other}\"}}")), asks(other));
        for nothing in [
            "{\"question\": \"\"}",
            "{\"question\": \" \"}",
            "{\"question\": \"없음\"}",
            "{\"enough\": true, \"question\": \"\"}",
            "{\"enough\": true, \"question\": null}",
            "{\"enough\": true, \"question\": \"충분합니다.\"}",
            "{\"enough\": true}",
            "없음",
        ] {
            assert_eq!(read(nothing), Reading::Enough, "{nothing}");
        }
        let again = format!("{{\"question\": \"{ASKED}\"}}");
        for unusable in [again.as_str(), "{\"question\": \"충분합니다.\"}", "{\"question\": null}", "{}", ""] {
            assert_eq!(read(unusable), Reading::Unusable, "{unusable}");
        }
    }

    #[test]
    fn an_object_without_a_question_is_unusable() {
        for text in [
            "{\"enough\": false, \"question\": null}",
            "{\"enough\": false, \"question\": \"\"}",
            "{\"enough\": false}",
            "{\"question\": {\"type\": \"string\"}}",
            "{}",
            "[]",
            "{\"error\": \"무엇인가요?\"}",
        ] {
            assert_eq!(plain(text), Reading::Unusable, "{text}");
        }
        assert_eq!(plain("{\"enough\": false, \"question\": \"없음\"}"), Reading::Enough);
    }

    #[test]
    fn an_object_that_breaks_off_is_unusable_and_a_whole_one_is_not() {
        let whole = format!("{{\"enough\": false, \"question\": \"{ASKED}\"}}");
        assert_eq!(read(&format!("{whole}\n\n\n"), true, &[], true), asks(ASKED));
        for broken in [
            whole.trim_end_matches('}'),
            "{\"enough\": false, \"question\": \"어떤 역할을 맡으",
            "```json\n{\"enough\"",
            "{",
        ] {
            assert_eq!(read(broken, true, &[], true), Reading::Unusable, "{broken}");
        }
    }

    #[test]
    fn the_word_alone_means_enough() {
        for text in ["없음", "없음.", " \"없음\"\n", "**없음**", "- Q: 없음", "질문: 없음", "```\n없음\n```", "[없음]"]
        {
            assert_eq!(plain(text), Reading::Enough, "{text}");
        }
    }

    #[test]
    fn a_reply_that_merely_contains_the_word_is_not_enough() {
        assert_eq!(
            plain("경력 없음으로 적으셨는데, 어떤 프로젝트를 하셨나요?"),
            asks("경력 없음으로 적으셨는데, 어떤 프로젝트를 하셨나요?")
        );
        assert_eq!(plain("더 물을 것이 없음"), Reading::Unusable);
        assert_eq!(plain("없음없음"), Reading::Unusable);
    }

    #[test]
    fn labels_numbers_and_markup_are_stripped() {
        for label in [
            "- Q: ",
            "Q: ",
            "Q1. ",
            "Q1: ",
            "질문: ",
            "질문 1: ",
            "[질문] ",
            "**질문**: ",
            "1. ",
            "1) ",
            "> ",
            "다음 질문: ",
            "assistant: 질문: ",
        ] {
            assert_eq!(plain(&format!("{label}{ASKED}")), asks(ASKED), "{label}");
        }
        assert_eq!(plain(&format!("\"**{ASKED}**\"")), asks(ASKED));
    }

    #[test]
    fn of_several_questions_the_first_counts() {
        assert_eq!(plain(&format!("- Q: {ASKED}\n- Q: 성과는 무엇인가요?")), asks(ASKED));
        assert_eq!(plain(&format!("{ASKED} 성과는 무엇인가요?")), asks(ASKED));
        assert_eq!(plain(&format!("다음 질문을 드리겠습니다.\n\n1. {ASKED}\n2. 성과는 무엇인가요?")), asks(ASKED));
        assert_eq!(plain(&format!("질문: {ASKED}\n답변: 리드였습니다. 또 무엇이 있나요?")), asks(ASKED));
    }

    #[test]
    fn sentences_that_lead_to_the_question_stay_with_it() {
        let text = "Kafka를 쓰셨다고 하셨습니다. 어떤 역할을 맡으셨나요?";
        assert_eq!(plain(text), asks(text));
        assert_eq!(plain(&format!("네, 알겠습니다. {text}")), asks(text));
    }

    #[test]
    fn a_request_counts_as_a_question() {
        assert_eq!(plain("가장 큰 성과를 수치와 함께 알려 주세요."), asks("가장 큰 성과를 수치와 함께 알려 주세요."));
        assert_eq!(plain("어떤 역할을 맡으셨나요"), asks("어떤 역할을 맡으셨나요?"));
        assert_eq!(plain("Describe your role."), asks("Describe your role."));
        assert_eq!(plain("안녕하세요. 역할을 알려 주세요."), asks("역할을 알려 주세요."));
    }

    #[test]
    fn what_asks_nothing_is_unusable() {
        for text in [
            "",
            "?",
            "이력서가 좋습니다.",
            "Error: timeout?",
            "죄송합니다. 도와드릴 수 없습니다.",
            "Kafka",
            "LLM 호출 실패: 왜인가요?",
        ] {
            assert_eq!(plain(text), Reading::Unusable, "{text}");
        }
    }

    #[test]
    fn a_question_that_is_too_long_is_cut_to_the_sentence_that_asks() {
        let lead = format!("{}입니다.", "경험".repeat(250));
        assert_eq!(plain(&format!("{lead} {ASKED}")), asks(ASKED));
        assert_eq!(plain(&format!("{}인가요?", "경험".repeat(250))), Reading::Unusable);
        let longest = format!("{}인가요?", "경".repeat(496));
        assert_eq!(plain(&longest), asks(&longest));
    }

    #[test]
    fn a_truncated_question_is_unusable_and_a_whole_one_before_it_is_not() {
        assert_eq!(read("어떤 역할을 맡으셨나요", true, &[], true), Reading::Unusable);
        assert_eq!(read(&format!("{ASKED} 그리고 어떤"), true, &[], true), asks(ASKED));
        assert_eq!(read(&format!("1. {ASKED}\n2. 그리고"), true, &[], true), asks(ASKED));
    }

    #[test]
    fn a_question_that_was_asked_before_is_unusable() {
        for again in [
            "kafka 프로젝트에서 어떤 역할을 맡으셨나요",
            "**Kafka  프로젝트에서, 어떤 역할을 맡으셨나요??**",
            "Kafka 프로젝트에서는 어떤 역할을 맡으셨나요?",
        ] {
            assert_eq!(read(again, false, &["성과는?", ASKED], true), Reading::Unusable, "{again}");
        }
        for other in ["Redis 프로젝트에서 어떤 역할을 맡으셨나요?", "Kafka 프로젝트에서 어떤 성과를 내셨나요?"]
        {
            assert_eq!(read(other, false, &[ASKED], true), asks(other));
        }
    }

    fn pieces() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            "(질문|Q|답변|1|assistant)[.:\\]] ?",
            "(\\*\\*|`|```json\n|#|- |\\[|\\]|\\{|\\}|\"|,|\"enough\": (true|false)|\"question\": )",
            "(<\\|im_end\\|>|</s>|<질문>|</질문>)",
            "(맡으셨나요|알려 주세요|없음|좋습니다|네|Kafka)",
            "[.?!… \n\u{0}\u{200B}]",
            "\\PC{0,5}",
        ];
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn a_question_keeps_its_promises_for_any_reply(
            text in prop_oneof![pieces(), any::<String>()],
            truncated: bool,
        ) {
            if let Reading::Question(question) = read(&text, truncated, &[], true) {
                prop_assert!((1..=MAX_CHARS).contains(&question.chars().count()));
                prop_assert!(!question.chars().any(char::is_control));
                prop_assert!(sentence::is_marked(&question), "{}", question);
                prop_assert_eq!(unlabelled(&question), (question.clone(), false));
                prop_assert_eq!(read(&text, truncated, &[&question], true), Reading::Unusable);
            }
        }

        #[test]
        fn the_question_of_a_whole_object_is_read_word_by_word(topic in "[가-힣]{2,8}( [A-Z][a-z]{2,6})?") {
            let question = format!("{topic} 경험에서 얻은 가장 큰 성과는 무엇인가요?");
            let object = serde_json::json!({"enough": false, "question": question});
            prop_assert_eq!(read(&object.to_string(), true, &[], true), Reading::Question(question));
        }
    }
}
