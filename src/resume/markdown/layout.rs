//! The résumé that needs no model.

use crate::events::request::{ResumeInputs, SKIPPED};

/// Lays a résumé out from what the member entered and answered, and nothing else. Numbers that are 0, fields that are
/// empty and questions that were skipped are left out, so the result may be empty.
///
/// What the member wrote is escaped: `# x`, `| a |` or `<b>` is shown as it was typed.
pub fn lay_out(inputs: &ResumeInputs, exchanges: &[(&str, &str)]) -> String {
    let mut sections = Vec::new();
    let period = (inputs.work_period > 0).then(|| period(inputs.work_period));
    let career = [("회사", &inputs.company_name), ("직책", &inputs.position), ("근무 기간", &period)];
    let career = career.iter().filter_map(|(label, value)| fact(label, value.as_deref()?));
    sections.extend(section("경력", career.collect()));

    let counts = [("자격증", inputs.certification_count), ("프로젝트", inputs.project_count)];
    let counts = counts.iter().filter(|(_, count)| *count > 0);
    sections.extend(section(
        "자격증 및 프로젝트",
        counts.filter_map(|(label, count)| fact(label, &format!("{count}개"))).collect(),
    ));

    sections
        .extend(section("추가 경험", inputs.additional_experiences.iter().filter_map(|text| prose(text)).collect()));

    let answered = exchanges.iter().filter(|(_, answer)| answer.trim() != SKIPPED);
    let answers = answered.filter_map(|(question, answer)| {
        let answer = prose(answer)?;
        let question = line(question);
        Some(if question.is_empty() { format!("{answer}\n") } else { format!("### {question}\n\n{answer}\n") })
    });
    sections.extend(section("인터뷰 문답", answers.collect()));
    sections.join("\n")
}

fn section(title: &str, lines: Vec<String>) -> Option<String> {
    (!lines.is_empty()).then(|| format!("## {title}\n\n{}\n", lines.join("\n")))
}

fn fact(label: &str, value: &str) -> Option<String> {
    let value = line(value);
    (!value.is_empty()).then(|| format!("- **{label}:** {value}"))
}

fn period(months: u64) -> String {
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
            lay_out(&inputs, &[("어떤 일을 했나요?", "주문 처리\n결제"), ("또?", SKIPPED), ("빈 답?", " \n")]),
            "## 경력\n\n- **회사:** 카카오\n- **직책:** 백엔드 개발자\n- **근무 기간:** 2년 3개월\n\n\
             ## 자격증 및 프로젝트\n\n- **자격증:** 2개\n- **프로젝트:** 3개\n\n\
             ## 추가 경험\n\n해커톤 수상\n\n동아리 운영\n\n\
             ## 인터뷰 문답\n\n### 어떤 일을 했나요\\?\n\n주문 처리\n결제\n\n"
        );
    }

    #[test]
    fn what_is_absent_gets_no_section() {
        assert_eq!(lay_out(&inputs(), &[("질문?", SKIPPED)]), "");
    }

    #[test]
    fn months_are_told_in_years() {
        assert_eq!([5, 12, 25].map(period), ["5개월", "1년", "2년 1개월"]);
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
