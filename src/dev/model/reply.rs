//! What the scripted model says. It reads the worker's prompts as a model would: what stands between `<name>` and
//! `</name>` is material, and nothing else is used, so that no fact appears that the member did not give.

use std::fmt::Write as _;

use serde_json::json;

/// Asked in this order, each once.
const QUESTIONS: [&str; 6] = [
    "가장 자신 있게 소개할 수 있는 프로젝트는 무엇이고, 그 안에서 어떤 역할을 맡으셨나요?",
    "그때 사용한 기술을 고른 이유는 무엇인가요?",
    "개발하면서 부딪힌 가장 어려운 문제를 어떻게 해결하셨나요?",
    "일한 결과로 성능이나 비용이 얼마나 나아졌는지 수치로 말씀해 주실 수 있나요?",
    "동료와 협업하며 의견이 갈렸을 때 어떻게 조율하셨나요?",
    "지원하는 직무를 위해 요즘 따로 공부하는 주제가 있나요?",
];

/// Characters of the question that are quoted in a feedback.
const TOPIC_CHARS: usize = 60;

/// The next question as the worker's schema wants it, or word that there is enough where that `may_end` the interview.
pub fn question(asked: &str, may_end: bool) -> String {
    let next = QUESTIONS.into_iter().find(|question| !asked.contains(question));
    let question = next.unwrap_or_default();
    let reply =
        if may_end { json!({"enough": next.is_none(), "question": question}) } else { json!({"question": question}) };
    reply.to_string()
}

/// Four sentences on the question that was asked.
pub fn feedback(asked: &str) -> String {
    let question = fenced(asked, "질문").next().unwrap_or(asked);
    let topic = topic(question);
    format!(
        "답변은 '{topic}' 질문의 핵심을 대체로 파악하고 있습니다. \
         다만 각 개념이 왜 그렇게 동작하는지에 대한 근거가 부족해 설명이 다소 단편적으로 들립니다. \
         동작 원리를 순서대로 설명하고, 장점과 함께 단점이나 한계도 짚어 주면 이해의 깊이가 드러납니다. \
         직접 겪은 사례나 실제 서비스의 예를 하나 덧붙이면 더욱 설득력 있는 답변이 됩니다."
    )
}

/// A résumé in Markdown from the inputs and the answers.
pub fn resume(asked: &str) -> String {
    let facts: Vec<(&str, &str)> = fenced(asked, "지원자정보")
        .flat_map(str::lines)
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim(), value.trim()))
        .filter(|(name, value)| !name.is_empty() && !value.is_empty())
        .collect();
    let job = facts.iter().find(|(name, _)| name.contains("직무")).map(|(_, value)| *value);
    let mut markdown = String::from("# 소개\n\n");
    match job {
        Some(job) => line(&mut markdown, &format!("**{job}** 직무에 지원하는 개발자입니다.")),
        None => line(&mut markdown, "맡은 일을 **스스로 설명할 수 있는** 개발자입니다."),
    }
    if !facts.is_empty() {
        line(&mut markdown, "\n# 한눈에 보기\n\n| 항목 | 내용 |\n| --- | --- |");
        for (name, value) in &facts {
            line(&mut markdown, &format!("| {} | {} |", cell(name), cell(value)));
        }
    }
    let answers = answers(asked);
    if !answers.is_empty() {
        line(&mut markdown, "\n# 프로젝트와 경험");
    }
    for (index, answer) in answers.iter().enumerate() {
        line(&mut markdown, &format!("\n## 경험 {}\n", index + 1));
        let mut sentences =
            answer.split_inclusive(". ").flat_map(str::lines).map(str::trim).filter(|text| !text.is_empty());
        if let Some(first) = sentences.next() {
            line(&mut markdown, &format!("- **{first}**"));
        }
        for sentence in sentences {
            line(&mut markdown, &format!("  - {sentence}"));
        }
    }
    markdown
}

/// What the member answered.
pub fn answers(asked: &str) -> Vec<&str> {
    fenced(asked, "답변").map(str::trim).filter(|answer| !answer.is_empty()).collect()
}

/// What the member was asked.
pub fn questions(asked: &str) -> Vec<&str> {
    fenced(asked, "질문").map(str::trim).filter(|question| !question.is_empty()).collect()
}

/// The texts between `<name>` and `</name>`, in order.
fn fenced<'a>(text: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = text;
    std::iter::from_fn(move || {
        let (_, after) = rest.split_once(&open)?;
        let (inner, after) = after.split_once(&close)?;
        rest = after;
        Some(inner)
    })
}

/// The first sentence of a question, without what would end or quote a sentence, and not too long.
fn topic(question: &str) -> String {
    let first = question.trim().split(['?', '.', '!', '\n', '？', '。']).find(|part| !part.trim().is_empty());
    first.unwrap_or_default().replace(['\'', '"'], "").trim().chars().take(TOPIC_CHARS).collect()
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn line(markdown: &mut String, text: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(markdown, "{text}");
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn each_question_is_asked_once_and_then_there_is_enough() {
        let mut asked = String::new();
        for number in 0..=QUESTIONS.len() {
            let reply: Value = serde_json::from_str(&question(&asked, true)).unwrap();
            assert_eq!(reply["enough"], number == QUESTIONS.len());
            let text = reply["question"].as_str().unwrap();
            assert_eq!(text.is_empty(), number == QUESTIONS.len());
            assert!(text.is_empty() || !asked.contains(text));
            asked.push_str(&format!("<질문>\n{text}\n</질문>\n"));
        }
    }

    #[test]
    fn a_feedback_has_four_sentences_and_names_the_topic() {
        let asked =
            "<질문>\nTCP와 UDP의 '차이점'은? 자세히.\n</질문>\n\n<답변>\n모릅니다.\n</답변>\n\n피드백을 쓰세요.";
        let feedback = feedback(asked);
        assert!(feedback.starts_with("답변은 'TCP와 UDP의 차이점은' 질문의"), "{feedback}");
        assert_eq!(feedback.matches("다.").count(), 4);
        assert!(feedback.chars().count() < 1000);
    }

    #[test]
    fn a_prompt_of_another_shape_still_gets_a_feedback() {
        for asked in ["", "ACID란?", "<질문>", "???", "</질문><질문>"] {
            assert_eq!(feedback(asked).matches("다.").count(), 4, "{asked}");
        }
    }

    #[test]
    fn a_resume_is_made_of_the_members_facts_alone() {
        let asked = "<지원자정보>\n자격증 수: 2개\n희망 직무: 백엔드\n추가 경험: a|b: c\n</지원자정보>\n\n<질문>\n역할은?\n</질문>\n\
                     <답변>\n주문 서버를 맡았습니다. Kafka를 썼습니다.\n지연이 줄었습니다.\n</답변>\n\n이력서를 쓰세요.";
        let expected = "\
# 소개

**백엔드** 직무에 지원하는 개발자입니다.

# 한눈에 보기

| 항목 | 내용 |
| --- | --- |
| 자격증 수 | 2개 |
| 희망 직무 | 백엔드 |
| 추가 경험 | a\\|b: c |

# 프로젝트와 경험

## 경험 1

- **주문 서버를 맡았습니다.**
  - Kafka를 썼습니다.
  - 지연이 줄었습니다.
";
        assert_eq!(resume(asked), expected);
    }

    #[test]
    fn a_resume_without_any_material_is_still_one() {
        assert_eq!(resume("이력서를 쓰세요."), "# 소개\n\n맡은 일을 **스스로 설명할 수 있는** 개발자입니다.\n");
    }
}
