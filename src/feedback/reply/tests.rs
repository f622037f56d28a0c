use proptest::prelude::*;

use super::*;
use crate::llm::text::cases;
use crate::llm::text::{tokens, turn};

const GOOD: &str = "핵심을 정확히 파악했습니다. 다만 예시가 없습니다. 수치를 더하면 좋습니다.";

fn feedback(text: &str) -> String {
    read(text, false).unwrap()
}

#[test]
fn what_real_models_say_becomes_feedback() {
    cases::hold("feedback", read);
}

#[test]
fn a_good_reply_stays_as_it_is() {
    assert_eq!(feedback(GOOD), GOOD);
    let english = "The core is right. Node.js v1.2 took 3.5 s, i.e. too long. Add an example.";
    assert_eq!(feedback(english), english);
    let code = "`List<String>`의 __init__과 2**10은 맞습니다. O(n log n)도 맞습니다. (예: a < b) 좋습니다.";
    assert_eq!(feedback(code), code.replace('`', ""));
}

#[test]
fn labels_are_stripped_even_broken_or_repeated_ones() {
    for label in [
        "피드백:",
        "**피드백**:",
        "**피드백:**",
        "Feedback:",
        "답변:",
        "피드백 :",
        "[피드백]",
        "피드백]",
        "# 피드백\n",
        "### **피드백**\n\n",
        "피드백\n",
        "assistant:",
        "Assistant: 피드백: ",
        "assistant\n",
        "<|im_start|>assistant\n",
        "피드백(3~5문장):",
        "💡 **피드백**\n\n",
        "**피드백**",
        "〈피드백〉\n",
        "■ 피드백\n",
        "### Response:\n",
        "TCP와 UDP 답변에 대한 피드백:",
        "면접 답변 피드백\n\n",
    ] {
        assert_eq!(feedback(&format!("{label} {GOOD}")), GOOD, "{label}");
    }
}

#[test]
fn quotes_and_fences_around_the_whole_are_stripped() {
    for (open, close) in [
        ("\"", "\""),
        ("“", "”"),
        ("```\n", "\n```"),
        ("```text\n피드백: ", "\n```\n"),
        ("<답변>", "</답변>"),
        ("\"", ""),
    ] {
        assert_eq!(feedback(&format!("{open}{GOOD}{close}")), GOOD, "{open}");
    }
    assert_eq!(feedback(&format!("{{\"feedback\": \"{GOOD}\"}}")), GOOD);
    assert_eq!(feedback(&format!("\"피드백: {GOOD}\"")), GOOD);
}

#[test]
fn lists_and_headings_become_flowing_sentences() {
    let text = "## 피드백\n\n1. **핵심 파악**\n핵심을 파악했습니다.\n\n2. **부족한 점**: 예시가 없습니다\n- 수치를 더하면 좋습니다\n\n### 총평\n좋은 답변입니다.";
    assert_eq!(
        feedback(text),
        "핵심을 파악했습니다. 부족한 점: 예시가 없습니다. 수치를 더하면 좋습니다. 좋은 답변입니다."
    );
    assert_eq!(feedback("**핵심을 짚었습니다**"), "핵심을 짚었습니다.");
    assert_eq!(feedback("# 핵심을 짚었습니다\n예시도 좋습니다."), "핵심을 짚었습니다. 예시도 좋습니다.");
    let notes = "제안은 이렇습니다.\n- 예시 추가\n- 격리 수준\n\n그러면 좋습니다.";
    assert_eq!(feedback(notes), "제안은 이렇습니다. 예시 추가, 격리 수준. 그러면 좋습니다.");
    assert_eq!(feedback("다음과 같습니다. 1. 빠릅니다. 2. 쉽습니다."), "다음과 같습니다. 빠릅니다. 쉽습니다.");
}

#[test]
fn a_line_that_holds_a_sentence_is_no_title() {
    assert_eq!(feedback("핵심입니다. 예시도 좋음\n\n더하면 좋습니다."), "핵심입니다. 예시도 좋음. 더하면 좋습니다.");
    assert_eq!(feedback("- 핵심입니다. 그래도\n예시가 없습니다."), "핵심입니다. 그래도 예시가 없습니다.");
}

#[test]
fn a_sentence_broken_over_lines_stays_one() {
    assert_eq!(feedback("UDP는 TCP보다\n빠릅니다.\t예시도\r\n좋습니다."), "UDP는 TCP보다 빠릅니다. 예시도 좋습니다.");
}

#[test]
fn special_tokens_and_a_dialogue_that_goes_on_are_cut() {
    for rest in [
        "<|im_end|>",
        "<|END_OF_TURN_TOKEN|>더",
        "</s>",
        "\n\n질문: TCP란?\n답변: 모름",
        "\nUser: 다음",
        "\n<질문>\n더\n</질문>\n더.",
    ] {
        assert_eq!(feedback(&format!("{GOOD}{rest}")), GOOD, "{rest}");
    }
}

#[test]
fn an_echo_of_the_prompt_is_dropped() {
    assert_eq!(feedback(&format!("질문: TCP란?\n답변: 느립니다.\n피드백: {GOOD}")), GOOD);
    assert_eq!(feedback(&format!("<질문>\nTCP?\n</질문>\n\n<답변>\n느립니다.\n</답변>\n\n{GOOD}")), GOOD);
    assert_eq!(read("질문: TCP란?\n답변: 느립니다.", false), None);
}

#[test]
fn announcements_are_dropped() {
    for start in [
        "네, 알겠습니다. ",
        "다음은 답변에 대한 피드백입니다:\n\n",
        "Here is the feedback:\n",
        "물론입니다! 피드백 드리겠습니다. ",
    ] {
        assert_eq!(feedback(&format!("{start}{GOOD}")), GOOD, "{start}");
    }
}

#[test]
fn an_unfinished_last_sentence_is_cut() {
    assert_eq!(feedback(&format!("{GOOD} 또한 3.5초가")), GOOD);
    assert_eq!(read(&format!("{GOOD} 또한 좋습니다"), true).unwrap(), GOOD);
    assert_eq!(read(&format!("{GOOD} 또한 Node."), true).unwrap(), GOOD);
    assert_eq!(feedback("핵심을 파악했습니다. 또한 좋습니다"), "핵심을 파악했습니다. 또한 좋습니다.");
}

#[test]
fn one_whole_sentence_is_still_feedback() {
    assert_eq!(feedback("예시를 더하면 좋습니다."), "예시를 더하면 좋습니다.");
}

#[test]
fn five_sentences_are_the_most() {
    let text = "하나다. 둘이다. 셋이다. 넷이다. 다섯이다. 여섯이다.";
    assert_eq!(feedback(text), "하나다. 둘이다. 셋이다. 넷이다. 다섯이다.");
}

#[test]
fn as_many_whole_sentences_as_fit_the_column_are_kept() {
    let sentence = |start: &str, chars: usize| {
        let letters = (0..).filter_map(|at| char::from_u32(0xAC00 + at * at % 11_171));
        let filling: String = letters.take(chars - start.chars().count() - 2).collect();
        format!("{start}{filling}다.")
    };
    let (first, second) = (sentence("먼저 ", 499), sentence("다음 ", 500));
    assert_eq!(feedback(&format!("{first} {second} 끝이다.")), format!("{first} {second}"));
    assert_eq!(feedback(&format!("{first}  {} 끝이다.", sentence("다음 ", 501))), first);
    assert_eq!(read(&sentence("먼저 ", 1_001), false), None);
}

#[test]
fn a_sentence_that_comes_again_is_dropped_and_garbage_ends_the_text() {
    assert_eq!(feedback("핵심을 파악했습니다. 핵심을 파악했습니다. 좋습니다."), "핵심을 파악했습니다. 좋습니다.");
    assert_eq!(feedback(&format!("{GOOD} {}다.", "아".repeat(40))), GOOD);
    assert_eq!(read(&format!("{}.", "the ".repeat(30).trim()), false), None);
}

#[test]
fn nothing_usable_is_none() {
    for text in [
        "",
        " \n ",
        "...",
        "?!.",
        "피드백:",
        "핵심을",
        "😊😊.",
        "Это ответ.",
        "Error: connection refused.",
        "Traceback (most recent call last):\n  File \"a.py\".",
        "{\"error\": {\"message\": \"좋습니다.\"}}",
        "피드백: Error: timeout.",
        "죄송합니다. 이 요청에는 답변드릴 수 없습니다.",
        "I'm sorry, but I can't help with that.",
        "<think>핵심을 파악했습니다.",
    ] {
        assert_eq!(read(text, false), None, "{text}");
    }
}

#[test]
fn characters_that_nobody_sees_are_dropped() {
    assert_eq!(feedback("핵심\u{0}을\u{200B} 파악\u{1B}했습니다."), "핵심을 파악했습니다.");
}

pub fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        2 => prop::sample::select(tokens::tests::spellings()).prop_map(str::to_owned),
        1 => "(피드백|답변|질문|Feedback|assistant|user|analysis|assistantfinal|면접관|Instruction)[:\\](]? ?",
        1 => "(\\*\\*|\\*|`|```|__|_|~~|==|#|- |1\\. |가\\. |Step 1\\. |II\\. |> |\\||\\[|\\]\\(|\\(|\\)|\\[1\\]|【4†source】)",
        1 => "(<답변>|</답변>|<\\||<br>|<b>|</b>|<p>|<li>|&lt;|&amp;|&gt;|\\\\n|\\\\_|\\$|\\\\\\(|\\\\\\)|▁|Ċ)",
        1 => "(\\{|\\}|\"feedback\": |'피드백': |\"content\": |\"error\": |: |, |null|True|// |\\[ )",
        2 => "(좋습니다|빠릅니다|왜 그런가요|3\\.5|2021\\. 5\\. 27\\. |Node\\.js|e\\.g\\.|vs\\.|etc\\.|부족함|다음은|네|라는|을 |토큰)",
        1 => "(Connection refused|Error: |죄송합니다|수 없습니다|감사합니다|화이팅|你好|это|Sure|ㅋㅋ|:\\)|\\^\\^)",
        2 => "[.?!…。\"“”'\\\\🙂✨❤👍]",
        1 => "[ \n\r\t\u{0}\u{200B}\u{200D}\u{202E}\u{3164}\u{FE0F}]",
        1 => "\\PC{0,5}",
        1 => "[가-힣a-z]{1,8}",
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn keeps_its_promises(text: &str, truncated: bool) -> Result<(), TestCaseError> {
    let Some(feedback) = read(text, truncated) else { return Ok(()) };
    prop_assert!((1..=MAX_CHARS).contains(&feedback.chars().count()));
    prop_assert!(!feedback.chars().any(char::is_control));
    prop_assert_eq!(visible(&feedback), feedback.as_str());
    prop_assert!(sentence::is_marked(&feedback), "{}", feedback);
    prop_assert!(sentence::split(&feedback, false).len() <= MAX_SENTENCES);
    prop_assert!(!turn::holds_token(&feedback), "{}", feedback);
    prop_assert_eq!(one_line(&feedback), feedback.clone());
    prop_assert_eq!(read(&feedback, false), Some(feedback));
    Ok(())
}

#[test]
fn a_feedback_keeps_its_promises_for_any_mixture_of_what_models_write() {
    let (mut texts, mut usable) = (0, 0);
    for text in cases::mixtures() {
        texts += 1;
        usable += usize::from(read(&text, texts % 2 == 0).is_some());
        keeps_its_promises(&text, texts % 2 == 0).unwrap_or_else(|broken| panic!("{text:?}: {broken}"));
    }
    assert!(usable > texts / 4, "{usable} of {texts}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_feedback_keeps_its_promises_for_any_reply(text in prop_oneof![9 => pieces(), 1 => any::<String>()], truncated: bool) {
        keeps_its_promises(&text, truncated)?;
    }

    #[test]
    fn whole_korean_sentences_are_kept_word_by_word(
        sentences in prop::collection::vec("[가-힣]{2,6}(은|는) [A-Za-z]{2,8}보다 [0-9]\\.[0-9]배 [가-힣]{1,6}합니다\\.", 1..=5),
    ) {
        let mut sentences = sentences;
        sentences.dedup();
        let text = sentences.join(" ");
        prop_assert_eq!(read(&text, false), Some(text));
    }
}
