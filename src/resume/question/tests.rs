use proptest::prelude::*;

use super::*;
use crate::llm::text::cases;
use crate::llm::text::{tokens, turn};

const ASKED: &str = "Kafka 프로젝트에서 어떤 역할을 맡으셨나요?";

fn plain(text: &str) -> Reading {
    read(text, false, &[], true)
}

fn asks(question: &str) -> Reading {
    Reading::Question(question.to_owned())
}

#[test]
fn what_real_models_ask_becomes_a_question() {
    cases::hold("question", |text, truncated| match read(text, truncated, &[], true) {
        Reading::Question(question) => Some(question),
        Reading::Enough | Reading::Unusable => None,
    });
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
        1 => prop::sample::select(tokens::tests::spellings()).prop_map(str::to_owned),
        1 => "(질문|Q|답변|1|assistant|user)[.:\\]] ?",
        2 => "(\\*\\*|`|```json\n|#|- |\\[|\\]|\\{|\\}|\"|'|,|\"enough\": (true|False)|\"question\": |question: |/\\* |\\*/)",
        1 => "(<질문>|</질문>|<br>|&lt;|\\\\n|\\\\_|\\(예: )",
        2 => "(맡으셨나요|알려 주세요|부탁드립니다|없음|좋습니다|네|Kafka|무엇을 도와드릴까요|您担任什么)",
        2 => "[.?!…🙂 \n\u{0}\u{200B}]",
        1 => "\\PC{0,5}",
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn keeps_its_promises(text: &str, truncated: bool) -> Result<(), TestCaseError> {
    let Reading::Question(question) = read(text, truncated, &[], true) else { return Ok(()) };
    prop_assert!((1..=MAX_CHARS).contains(&question.chars().count()));
    prop_assert!(!question.chars().any(char::is_control));
    prop_assert_eq!(visible(&question), question.as_str());
    prop_assert!(!turn::holds_token(&question), "{}", question);
    let options = question.rsplit_once(" (").filter(|_| question.ends_with(')'));
    let asked = options.map_or(&*question, |(asked, _)| asked);
    prop_assert!(sentence::is_marked(&question) || sentence::is_marked(asked), "{}", question);
    prop_assert_eq!(unlabelled(&question), (question.clone(), false));
    prop_assert_eq!(read(text, truncated, &[&question], true), Reading::Unusable);
    prop_assert_eq!(read(&question, false, &[], true), Reading::Question(question));
    Ok(())
}

#[test]
fn a_question_keeps_its_promises_for_any_mixture_of_what_models_write() {
    let (mut texts, mut usable) = (0, 0);
    for text in cases::mixtures() {
        texts += 1;
        usable += usize::from(matches!(read(&text, texts % 2 == 0, &[], true), Reading::Question(_)));
        keeps_its_promises(&text, texts % 2 == 0).unwrap_or_else(|broken| panic!("{text:?}: {broken}"));
    }
    assert!(usable > texts / 20, "{usable} of {texts}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_question_keeps_its_promises_for_any_reply(
        text in prop_oneof![9 => pieces(), 1 => any::<String>()],
        truncated: bool,
    ) {
        keeps_its_promises(&text, truncated)?;
    }

    #[test]
    fn the_question_of_a_whole_object_is_read_word_by_word(topic in "[가-힣]{2,8}( [A-Z][a-z]{2,6})?") {
        let question = format!("{topic} 경험에서 얻은 가장 큰 성과는 무엇인가요?");
        let object = serde_json::json!({"enough": false, "question": question});
        prop_assert_eq!(read(&object.to_string(), true, &[], true), Reading::Question(question));
    }
}
