//! The résumé that needs no model.

use super::asked::EXPERIENCE;
use super::words::squeeze;
use crate::events::request::{ResumeInputs, SKIPPED};

/// Answers that say nothing alone, without spaces and marks.
#[rustfmt::skip]
const NOTHING: &[&str] = &[
    "네", "넵", "예", "응", "아니요", "아니오", "아뇨", "없음", "없습니다", "없어요", "없다", "해당없음", "해당사항없음", "모름",
    "모릅니다", "모르겠습니다", "모르겠어요", "잘모르겠습니다", "잘모르겠어요", "기억나지않습니다", "기억이안납니다", "패스",
    "스킵", "pass", "skip", "no", "none", "na", "yes", "ㅇㅇ", "ㄴㄴ",
];

/// Lays a résumé out from what the member entered and answered, and nothing else. Fields that are empty, and questions that
/// were skipped, are left out, so the result may be empty. What was asked is no part of a résumé, nor how many projects
/// there are: the answers stand alone. Company, post and time are among the document's basic facts.
///
/// What the member wrote is escaped: `# x`, `| a |` or `<b>` is shown as it was typed.
pub fn lay_out(inputs: &ResumeInputs, answers: &[&str]) -> String {
    let told = |answer: &&&str| answer.trim() != SKIPPED && !NOTHING.contains(&squeeze(answer).as_str());
    let answers = answers.iter().filter(told).flat_map(|answer| items(answer)).filter_map(|text| prose(&text));
    let answers: Vec<String> = answers.map(|prose| format!("- {}", indented(&prose))).collect();
    let more = inputs.additional_experiences.as_deref().and_then(prose).unwrap_or_default();
    let sections = [section(EXPERIENCE, answers.join("\n")), section("추가 경험", more)];
    sections.into_iter().flatten().collect::<Vec<_>>().join("\n")
}

/// An answer as the items of a list: one, or those that the member typed as such.
fn items(answer: &str) -> Vec<String> {
    let mut items: Vec<String> = Vec::new();
    for line in answer.lines() {
        let item = line.trim_start().strip_prefix(['-', '*', '•', '·']).filter(|rest| rest.starts_with(' '));
        match (item, items.last_mut()) {
            (Some(text), _) => items.push(text.to_owned()),
            (None, Some(last)) => last.extend(["\n", line]),
            (None, None) => items.push(line.to_owned()),
        }
    }
    items
}

fn section(title: &str, text: String) -> Option<String> {
    (!text.is_empty()).then(|| format!("# {title}\n\n{text}\n"))
}

/// Paragraphs and lines as those of a list's item.
fn indented(prose: &str) -> String {
    prose.replace('\n', "\n  ").replace("\n  \n", "\n\n")
}

/// Months in years and months.
pub fn months(months: u64) -> String {
    match (months / 12, months % 12) {
        (0, months) => format!("{months}개월"),
        (years, 0) => format!("{years}년"),
        (years, months) => format!("{years}년 {months}개월"),
    }
}

/// Escaped text in one line.
fn line(text: &str) -> String {
    escape(&text.split(is_space).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" "))
}

/// Escaped text with its paragraphs and line ends, or `None` when there is nothing to see.
fn prose(text: &str) -> Option<String> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut prose = String::new();
    let mut gap = false;
    for text in text.split('\n').map(line) {
        if text.is_empty() {
            gap = !prose.is_empty();
            continue;
        }
        if !prose.is_empty() {
            prose.push_str(if gap { "\n\n" } else { "\n" });
        }
        gap = false;
        prose.push_str(&text);
    }
    (!prose.is_empty()).then_some(prose)
}

/// Whether the character parts words. Control characters do too: some of them would begin a new line.
fn is_space(c: char) -> bool {
    c.is_whitespace() || c.is_control()
}

/// Text that Markdown shows as it is. CommonMark lets every ASCII punctuation mark be escaped, and no other character
/// begins markup in a line whose spaces are single.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_punctuation() {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use pulldown_cmark::{Event, Options, Parser};

    use super::*;
    use crate::state::session::tests::inputs;

    #[test]
    fn all_that_the_member_gave_is_laid_out() {
        let inputs = ResumeInputs {
            certification_count: 2,
            project_count: 3,
            work_period: 27,
            company_name: Some("카카오".to_owned()),
            position: Some("백엔드 개발자".to_owned()),
            additional_experiences: Some("해커톤 수상\n\n동아리 운영".to_owned()),
            ..inputs()
        };
        assert_eq!(
            lay_out(&inputs, &["주문 처리\n결제", SKIPPED, " \n", "없습니다.", "둘:\n- 가\n- 나\n\n끝"]),
            "# 주요 경험\n\n- 주문 처리\n  결제\n- 둘\\:\n- 가\n- 나\n\n  끝\n\n# 추가 경험\n\n해커톤 수상\n\n동아리 운영\n"
        );
    }

    #[test]
    fn what_is_absent_gets_no_section() {
        assert_eq!(lay_out(&inputs(), &[SKIPPED]), "");
    }

    #[test]
    fn months_are_told_in_years() {
        assert_eq!([5, 12, 25].map(months), ["5개월", "1년", "2년 1개월"]);
    }

    /// What a reader sees of Markdown that must hold nothing but text.
    fn seen(markdown: &str) -> String {
        let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
        let events = Parser::new_ext(markdown, options).map(|event| match event {
            Event::Text(text) => text.into_string(),
            Event::SoftBreak => "\n".to_owned(),
            Event::Start(pulldown_cmark::Tag::Paragraph) => String::new(),
            Event::End(pulldown_cmark::TagEnd::Paragraph) => "\n\n".to_owned(),
            event => panic!("markup: {event:?}"),
        });
        events.collect::<String>().trim_end().to_owned()
    }

    #[test]
    fn a_member_who_types_markup_sees_what_was_typed() {
        for text in [
            "# x",
            "| a |\n|---|\n| b |",
            "<b>x</b>",
            "[x](javascript:alert(1))",
            "**x** ~~y~~ `z`",
            "1. a\n- b\n* c",
            "x\n===",
            "x\n---",
            "&amp; &#35;",
            "\\# \\\\",
            "<https://a.kr>",
            "> q",
            "```\nx\n```",
            "![i](j)",
            "- [x] t",
        ] {
            assert_eq!(seen(&prose(text).unwrap()), text);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_shown_word_for_word(text in r"(\PC|[\n\r\t \x00-\x1f#*_`~|<>\[\]()!&.:=+-])*") {
            let words = |text: &str| text.split(is_space).filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>();
            let shown = prose(&text).map(|markdown| seen(&markdown)).unwrap_or_default();
            prop_assert_eq!(words(&shown), words(&text));
        }
    }
}
