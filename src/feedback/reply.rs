//! What of a model's reply becomes the feedback.

use std::borrow::Cow;

use serde_json::Value;

use crate::llm::text::markup::{self, Kind, Line};
use crate::llm::text::phrases::label;
use crate::llm::text::{beginning, boilerplate, envelope, is_alphanumeric, is_readable, one_line, sentence, visible};

/// Sentences of a feedback, at most.
const MAX_SENTENCES: usize = 5;
/// Characters of a feedback, at most: the product's column holds no more.
const MAX_CHARS: usize = 1_000;
/// Characters of a reply that are looked at: enough for any feedback with all its envelope.
const MAX_READ: usize = 20_000;
/// Characters of a point's name (`핵심 파악`) above the text that belongs to it.
const LONGEST_NAME: usize = 25;
/// Letters from which on a sentence of hardly any different ones is garbage.
const GARBAGE_LETTERS: usize = 20;
/// Different letters that are hardly any.
const FEW_LETTERS: usize = 4;
/// Times that a word may stand in a row.
const MAX_ECHOES: usize = 5;

/// The feedback in a model's reply, as a member should read it, or `None` when there is none.
///
/// Up to 5 whole sentences on one line, up to 1,000 characters (Unicode code points), without labels, markup, quotes or
/// an unfinished end; `truncated` says that the model ran out of room. The prompt asks for 3 sentences or more, but one
/// or two whole ones are still useful to the member and already paid for, so they count. Errors, refusals and text that
/// does not say anything do not. Reading a feedback again changes nothing.
pub fn read(text: &str, truncated: bool) -> Option<String> {
    let mut text = Cow::Borrowed(beginning(text, MAX_READ).trim());
    let mut truncated = truncated;
    // What was in an envelope may be in another one. Every pass but the first only takes away, so there is a last one.
    loop {
        let feedback = pass(&text, truncated)?;
        if feedback == text {
            return Some(feedback);
        }
        (text, truncated) = (Cow::Owned(feedback), false);
    }
}

/// Takes one envelope away.
fn pass(text: &str, truncated: bool) -> Option<String> {
    let text = visible(text);
    let reply = envelope::turn(&text);
    if boilerplate::is_error(&reply) {
        return None;
    }
    let json = reply.starts_with(['{', '"']).then(|| serde_json::from_str(&reply));
    let reply = match json {
        Some(Ok(Value::Object(object))) => Cow::Owned(object.get("feedback")?.as_str()?.to_owned()),
        Some(Ok(Value::String(text))) => Cow::Owned(text),
        _ => reply,
    };
    let text = flow(&own_lines(&reply));
    let mut sentences: Vec<&str> = Vec::new();
    let whole = sentence::split(envelope::without_quotes(&text), truncated);
    for sentence in whole.iter().map(|sentence| without_bullets(sentence)).take_while(|sentence| !is_garbage(sentence))
    {
        let announces = sentences.is_empty() && whole.len() > 1 && boilerplate::is_announcement(sentence);
        let repeats = sentences.last() == Some(&sentence);
        if !announces && !repeats {
            sentences.push(sentence);
        }
    }
    if boilerplate::is_refusal(&sentences) {
        return None;
    }
    let feedback = fit(&sentences);
    let unclosed = feedback.strip_prefix(['"', '“']).filter(|rest| !rest.contains(['"', '”']));
    let feedback = unclosed.unwrap_or(&feedback).trim();
    feedback.chars().any(is_readable).then(|| feedback.to_owned())
}

/// As many of `sentences` as a feedback may hold.
fn fit(sentences: &[&str]) -> String {
    let mut feedback = String::new();
    let mut chars = 0;
    for sentence in sentences.iter().take(MAX_SENTENCES) {
        let more = sentence.chars().count() + usize::from(!feedback.is_empty());
        if chars + more > MAX_CHARS {
            break;
        }
        if !feedback.is_empty() {
            feedback.push(' ');
        }
        feedback.push_str(sentence);
        chars += more;
    }
    feedback
}

/// The lines of the feedback itself: no label, no announcement, no echo of the prompt, no dialogue that goes on.
fn own_lines(reply: &str) -> Vec<Line> {
    let mut lines = markup::lines(envelope::without_quotes(reply));
    let echoes =
        lines.iter().find(|line| line.kind != Kind::Blank).is_some_and(|line| envelope::is_other_turn(&line.text));
    if echoes {
        // The question and the answer again: the feedback begins where a label says so.
        let label = lines.iter().position(|line| envelope::without_label(&line.text, label::SURELY_FEEDBACK).is_some());
        lines.drain(..label.unwrap_or(lines.len()));
    }
    let mut own: Vec<Line> = Vec::new();
    for mut line in lines {
        if own.iter().all(|line| line.kind == Kind::Blank) {
            unlabel(&mut line);
        } else if envelope::is_other_turn(&line.text) {
            break;
        }
        own.push(line);
    }
    own
}

/// Takes labels, the model's name and an announcement off the first line.
fn unlabel(line: &mut Line) {
    while let Some(rest) =
        envelope::without_label(&line.text, label::FEEDBACK).or_else(|| envelope::without_speaker(&line.text))
    {
        line.text = rest.to_owned();
    }
    if let Some(rest) = boilerplate::without_announcement(&line.text) {
        line.text = rest.to_owned();
    }
    if line.text.is_empty() {
        line.kind = Kind::Blank;
    }
}

/// The text of `lines` as it flows. Headings and the names of points are dropped, and a point or a paragraph that lacks its
/// mark gets one, unless it is the last: that one is judged as the end of the text.
fn flow(lines: &[Line]) -> String {
    let mut text = String::new();
    for (at, line) in lines.iter().enumerate() {
        let mut later = lines.iter().skip(at + 1);
        let next = later.clone().next().map(|line| line.kind);
        let following = later.find(|line| line.kind != Kind::Blank).map(|line| line.kind);
        let named = line.kind == Kind::Item && next == Some(Kind::Text) && line.text.chars().count() <= LONGEST_NAME;
        let closes = following.is_some() && (next != Some(Kind::Text) || line.kind == Kind::Heading);
        let listed = line.kind == Kind::Item && line.text.ends_with(char::is_alphanumeric);
        if sentence::is_marked(&line.text) {
            text.push_str(&line.text);
        } else if let Some(sentence) = sentence::finished(&line.text) {
            text.push_str(if closes { &sentence } else { &line.text });
        } else if line.kind != Kind::Heading && !named {
            text.push_str(&line.text);
            if listed && closes {
                text.push(if following == Some(Kind::Item) { ',' } else { '.' });
            }
        }
        text.push('\n');
    }
    one_line(&text).into_owned()
}

/// `sentence` without the number or mark of a list's point before it.
fn without_bullets(sentence: &str) -> &str {
    let mut sentence = sentence;
    while let Some(rest) = markup::without_bullet(sentence) {
        sentence = rest;
    }
    sentence
}

/// Whether a sentence repeats itself without end, as models do that have lost the thread.
fn is_garbage(sentence: &str) -> bool {
    echoes(sentence) || has_few_letters(sentence)
}

/// Whether a word stands in a row too often.
fn echoes(sentence: &str) -> bool {
    let mut last = None;
    let mut row = 0;
    sentence.split(' ').any(|word| {
        row = if last == Some(word) { row + 1 } else { 1 };
        last = Some(word);
        row > MAX_ECHOES
    })
}

/// Whether its many letters are hardly any different ones.
fn has_few_letters(sentence: &str) -> bool {
    let mut letters = 0;
    let mut different = Vec::with_capacity(FEW_LETTERS + 1);
    for c in sentence.chars().filter(|c| is_alphanumeric(*c)) {
        letters += 1;
        if !different.contains(&c) {
            different.push(c);
        }
        if different.len() > FEW_LETTERS {
            return false;
        }
    }
    letters >= GARBAGE_LETTERS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "핵심을 정확히 파악했습니다. 다만 예시가 없습니다. 수치를 더하면 좋습니다.";

    fn feedback(text: &str) -> String {
        read(text, false).unwrap()
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
    fn a_sentence_broken_over_lines_stays_one() {
        assert_eq!(
            feedback("UDP는 TCP보다\n빠릅니다.\t예시도\r\n좋습니다."),
            "UDP는 TCP보다 빠릅니다. 예시도 좋습니다."
        );
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
            let filling: String = "서로다른낱말".chars().cycle().take(chars - start.chars().count() - 2).collect();
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

    fn pieces() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            "(피드백|답변|질문|Feedback|assistant|user)[:\\]]? ?",
            "(\\*\\*|\\*|`|```|__|~~|#|- |1\\. |가\\. |> |\\||\\[|\\]\\(|\\(|\\))",
            "(<\\|im_end\\|>|</s>|<s>|<답변>|</답변>|<think>|</think>|<\\|)",
            "(좋습니다|빠릅니다|왜 그런가요|3\\.5|Node\\.js|e\\.g\\.|vs\\.|etc\\.|부족함|다음은|네|라는)",
            "[.?!…。\"“”'\\\\]",
            "[ \n\r\t\u{0}\u{200B}]",
            "\\PC{0,5}",
            "[가-힣a-z]{1,8}",
        ];
        prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn a_feedback_keeps_its_promises_for_any_reply(text in prop_oneof![pieces(), any::<String>()], truncated: bool) {
            if let Some(feedback) = read(&text, truncated) {
                prop_assert!((1..=MAX_CHARS).contains(&feedback.chars().count()));
                prop_assert!(!feedback.chars().any(char::is_control));
                prop_assert!(sentence::is_marked(&feedback), "{}", feedback);
                prop_assert!(sentence::split(&feedback, false).len() <= MAX_SENTENCES);
                prop_assert_eq!(one_line(&feedback), feedback.clone());
                prop_assert_eq!(read(&feedback, false), Some(feedback));
            }
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
}
