//! A question of the résumé interview, judged.

use std::collections::HashMap;

use super::{of_calls, raw, text};
use crate::eval::cases::Member;
use crate::eval::check::{Check, Finding, wrong};
use crate::eval::phrase::plain;
use crate::eval::recording::Call;
use crate::llm::text::sentence;

/// Characters that are asked for, at most.
const CHARS: usize = 200;
/// How much of two questions is the same at most, of their pairs of characters, in percent.
const ALIKE_PERCENT: usize = 70;
/// What a consultant has no business to ask.
const PERSONAL: [&str; 14] = [
    "이름이",
    "이름을",
    "성함",
    "연락처",
    "전화번호",
    "휴대폰",
    "이메일",
    "주소를",
    "주소가",
    "생년월일",
    "주민등록",
    "나이가",
    "결혼",
    "종교",
];
/// How a question ends that has no question mark.
const REQUESTS: [&str; 4] = ["주세요.", "주십시오.", "주세요", "보세요."];

/// Judges the question that came after `before` exchanges of the case.
pub fn judge(member: &Member, before: usize, question: &str, calls: &[Call]) -> Vec<Finding> {
    let given = member.answers.join("\n");
    let sentences = sentence::split(question, false);
    let asked: Vec<&String> = member.questions.iter().take(before).collect();
    let reply = raw(calls);
    // A reply in JSON is as it came when its question is.
    let inner = serde_json::from_str::<serde_json::Value>(reply).ok();
    let inner = inner.as_ref().and_then(|reply| reply.get("question")?.as_str()).unwrap_or(reply);
    let mut findings = vec![Finding::of(Check::Answered, None)];
    findings.extend(of_calls(calls, inner, question));
    let sound = [
        (Check::OneQuestion, not_one(question, &sentences)),
        (Check::Korean, text::not_korean(question, &given)),
        (Check::Polite, text::not_polite(&sentences)),
        (Check::Clean, text::not_flowing(question, &given)),
        (Check::NewQuestion, asked.iter().find(|asked| is_alike(asked, question)).map(|asked| text::quoted(asked))),
        (Check::NothingPersonal, PERSONAL.iter().find(|word| question.contains(**word)).map(ToString::to_string)),
    ];
    findings.extend(sound.map(|(check, reason)| Finding::of(check, reason)));
    findings
}

fn not_one(question: &str, sentences: &[String]) -> Option<String> {
    let asks = |sentence: &&String| sentence.contains('?') || REQUESTS.iter().any(|end| sentence.ends_with(end));
    let (asking, chars) = (sentences.iter().filter(asks).count(), question.chars().count());
    wrong(asking != 1, || format!("질문 {asking}개")).or_else(|| wrong(chars > CHARS, || format!("{chars}자")))
}

/// Whether two questions are one in other words, by the pairs of characters that they share.
fn is_alike(one: &str, other: &str) -> bool {
    let (one, other) = (pairs(one), pairs(other));
    let all: usize = one.values().sum::<usize>() + other.values().sum::<usize>();
    let shared: usize = one.iter().map(|(pair, count)| *count.min(other.get(pair).unwrap_or(&0))).sum();
    all > 0 && shared * 200 >= all * ALIKE_PERCENT
}

fn pairs(text: &str) -> HashMap<(char, char), usize> {
    let letters: Vec<char> = plain(text).into_iter().filter(|c| c.is_alphanumeric()).collect();
    let mut pairs = HashMap::new();
    for (first, second) in letters.iter().zip(letters.iter().skip(1)) {
        *pairs.entry((*first, *second)).or_default() += 1;
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::request::data::Inputs;

    const GOOD: &str = "정산 배치를 줄일 때 가장 어려웠던 기술적 선택은 무엇이었나요?";

    fn fallen(question: &str) -> Vec<Check> {
        let member = Member {
            id: "rs-01".to_owned(),
            inputs: Inputs::default(),
            questions: vec!["최근에 어떤 기술이나 프로젝트에 참여했는가?".to_owned(), "성과는 무엇인가요?".to_owned()],
            answers: vec!["정산을 맡았습니다.".to_owned(), String::new()],
            facts: Vec::new(),
            allowed_names: Vec::new(),
            forbidden: Vec::new(),
            note: String::new(),
        };
        let call = Call {
            prompt: 1,
            raw: Some(serde_json::json!({"question": question, "enough": false}).to_string()),
            truncated: false,
            fault: None,
            prompt_tokens: None,
            reply_tokens: None,
            millis: 0,
            first_token_millis: None,
        };
        let findings = judge(&member, 1, question, &[call]);
        findings.iter().filter(|finding| !finding.holds).map(|finding| finding.check).collect()
    }

    #[test]
    fn a_good_question_has_no_fault_and_each_fault_is_found_by_its_check_alone() {
        assert_eq!(fallen(GOOD), []);
        assert_eq!(fallen("성과는 무엇인가요?"), [], "that one is not asked yet");
        for (check, question) in [
            (Check::OneQuestion, format!("{GOOD} 그리고 팀은 몇 명이었나요?")),
            (Check::OneQuestion, format!("{}{GOOD}", "정산 배치에 대해 여쭙겠습니다. ".repeat(12))),
            (Check::Polite, "정산 배치를 줄일 때 무엇이 어려웠는가?".to_owned()),
            (Check::Clean, format!("질문: {GOOD}")),
            (Check::NothingPersonal, "연락처를 알려 주시겠어요?".to_owned()),
            (Check::Korean, "What was the hardest part of it? 말씀해 주세요".to_owned()),
        ] {
            assert!(fallen(&question).contains(&check), "{question}: {:?}", fallen(&question));
        }
        let again = "최근에 어떤 프로젝트에 참여했는가?";
        assert_eq!(fallen(again), [Check::Polite, Check::NewQuestion]);
    }
}
