//! The interview's questions, which small models take for headings: what was answered below them stays.

use super::line::{Line, unmarked};

/// What the answers are headed in their place, as where the document is laid out without the model.
pub const EXPERIENCE: &str = "주요 경험";
/// How a question to the member ends. Names and sentences that only sound like one (`무엇이든 물어보세요`) end otherwise.
const ASKS: [&str; 12] = [
    "있나요",
    "었나요",
    "았나요",
    "였나요",
    "했나요",
    "인가요",
    "하나요",
    "으셨나요",
    "셨나요",
    "습니까",
    "입니까",
    "시겠어요",
];
const REQUESTS: [&str; 6] = ["알려", "말씀해", "설명해", "소개해", "들려", "이야기해"];
const PLEASE: [&str; 3] = ["주세요", "주십시오", "주시겠어요"];

/// Drops lines that are a question to the member. Of headings the first is named [`EXPERIENCE`], unless the one above is.
pub fn drop_questions(lines: &mut Vec<Line>) {
    let mut experience = false;
    lines.retain_mut(|line| {
        if line.code || line.is_row() {
            return true;
        }
        let Some((level, title)) = line.heading() else { return !asks(unmarked(&line.text)) };
        if !asks(title) {
            experience = title == EXPERIENCE;
            return true;
        }
        if std::mem::replace(&mut experience, true) {
            return false;
        }
        line.text = format!("{} {EXPERIENCE}", "#".repeat(level));
        true
    });
}

/// Whether a line is one question and nothing else.
fn asks(line: &str) -> bool {
    let line = line.trim().trim_matches('*').trim();
    let words = line.trim_end_matches(['?', '？', '.', ' ']);
    let marked = line.ends_with(['?', '？']);
    let one = !words.contains(['.', '?', '？', '\'', '"', '‘', '“']) || words.len() < 12;
    let requests = || {
        let verb = PLEASE.iter().find_map(|please| words.strip_suffix(please));
        verb.is_some_and(|verb| REQUESTS.iter().any(|request| verb.trim_end().ends_with(request)))
    };
    one && (marked && ASKS.iter().any(|end| words.ends_with(end)) || requests())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without(text: &str) -> String {
        let mut lines = Line::all(text);
        drop_questions(&mut lines);
        super::super::line::join(&lines)
    }

    #[test]
    fn questions_go_and_what_was_answered_stays() {
        assert_eq!(
            without("# 소개\n\n## 맡은 일을 알려 주세요.\n\n결제\n\n## 어려웠던 점이 있나요?\n\n동시성\n\n# 자격"),
            "# 소개\n\n## 주요 경험\n\n결제\n\n\n동시성\n\n# 자격"
        );
        assert_eq!(without("# 경력\n- 결제\n- 인원은 몇 명이었나요?\n- 5명"), "# 경력\n- 결제\n- 5명");
        assert_eq!(without("**어떤 역할을 맡으셨나요?**\n개발"), "개발");
    }

    #[test]
    fn what_only_sounds_like_a_question_stays() {
        for text in [
            "# '왜 느린가요?' 발표",
            "## 무엇이든 물어보세요",
            "- 고객이 무엇을 원하는지 물었습니다.",
            "- FAQ: 환불은 어떻게 하나요?를 없앴습니다",
            "```\n있나요?\n```",
            "- \"무엇이 불편하신가요?\"",
        ] {
            assert_eq!(without(text), text);
        }
    }
}
