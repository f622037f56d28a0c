//! A résumé, judged as Markdown: what the document is made of.

use super::given::Given;
use super::{of_calls, raw, text};
use crate::eval::cases::Member;
use crate::eval::check::{Check, Finding, wrong};
use crate::eval::phrase::Rules;
use crate::eval::recording::Call;
use crate::events::request::{MajorType, PreferredJob};

/// Headings that the document has already.
const THERE_ALREADY: [&str; 2] = ["이력서", "기본 정보"];
/// What models leave to be filled in.
const PLACEHOLDERS: [&str; 10] =
    ["OOO", "○○", "XXX", "[이름", "[회사", "[이메일", "[연락처", "[작성", "(작성 필요)", "홍길동"];

/// Judges the résumé that the model wrote; where it was laid out without one, that is all there is to say.
pub fn judge(member: &Member, rules: &Rules, markdown: Option<&str>, calls: &[Call]) -> Vec<Finding> {
    let mut findings = vec![Finding::of(Check::Answered, None)];
    let Some(markdown) = markdown else {
        findings.push(Finding::of(Check::ByModel, Some("모델 없이 배열됨".to_owned())));
        return findings;
    };
    findings.extend(of_calls(calls, raw(calls), markdown));
    let texts = given(member);
    let invented = Given::new(&texts).invented(markdown);
    let lost = rules.unsaid(markdown, &member.facts);
    let forbidden = member.forbidden.iter().find(|forbidden| rules.says(markdown, &[forbidden]));
    let listed = |text: &[String]| text.iter().map(|text| text::quoted(text)).collect::<Vec<_>>().join(", ");
    let sound = [
        (Check::ByModel, None),
        (Check::NothingInvented, wrong(!invented.is_empty(), || listed(&invented))),
        (
            Check::NothingLost,
            wrong(!lost.is_empty(), || {
                format!("{}개 가운데 {}개: {}", member.facts.len(), lost.len(), lost.join(", "))
            }),
        ),
        (Check::NothingForbidden, forbidden.cloned()),
        (Check::Korean, text::not_korean(markdown, &texts.join("\n"))),
        (Check::Clean, unclean(markdown)),
        (Check::Headings, misheaded(markdown)),
        (Check::Lists, unlisted(markdown, member)),
    ];
    findings.extend(sound.map(|(check, reason)| Finding::of(check, reason)));
    findings
}

/// All that the member gave, in the words of the prompt and of the case.
fn given(member: &Member) -> Vec<String> {
    let inputs = &member.inputs;
    let texts = [&inputs.company_name, &inputs.position, &inputs.additional_experiences];
    let mut texts: Vec<String> = texts.into_iter().flatten().cloned().collect();
    texts.extend(inputs.preferred_job.as_ref().map(|job| PreferredJob::label(job).to_owned()));
    texts.extend(inputs.major_type.map(|major| MajorType::label(major).to_owned()));
    // The worker reads no number as none of it, and says so to the model.
    let counts = [inputs.certification_count, inputs.project_count, inputs.work_period];
    texts.extend(counts.map(|count| count.unwrap_or_default().to_string()));
    // What is a question's own was confirmed by the answer; in doubt it may be said.
    texts.extend(member.questions.iter().chain(&member.answers).chain(&member.allowed_names).cloned());
    texts.push(inputs.email.clone());
    texts
}

fn unclean(markdown: &str) -> Option<String> {
    let shows = |mark: &str| format!("'{mark}'이(가) 보임");
    if let Some(token) = text::token(markdown) {
        return Some(shows(token));
    }
    if markdown.contains("```") {
        return Some(shows("```"));
    }
    PLACEHOLDERS.into_iter().find(|placeholder| markdown.contains(placeholder)).map(shows)
}

/// Headings, without their marks, and how deep they are.
fn headings(markdown: &str) -> impl Iterator<Item = (usize, &str)> {
    markdown.lines().filter_map(|line| {
        let text = line.trim_start_matches('#');
        let depth = line.len() - text.len();
        (depth > 0 && text.starts_with(' ')).then(|| (depth, text.trim()))
    })
}

fn misheaded(markdown: &str) -> Option<String> {
    let first = markdown.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    if !first.starts_with("# ") {
        return Some(format!("제목으로 시작하지 않음: {}", text::quoted(first)));
    }
    headings(markdown).find_map(|(depth, heading)| {
        let bare = heading.trim_matches(|c: char| !c.is_alphanumeric());
        wrong(THERE_ALREADY.contains(&bare), || format!("'{bare}'은(는) 문서에 이미 있음"))
            .or_else(|| wrong(heading.ends_with('?'), || format!("질문이 제목임: {}", text::quoted(heading))))
            .or_else(|| wrong(depth > 3, || format!("{depth}단계 제목")))
    })
}

fn unlisted(markdown: &str, member: &Member) -> Option<String> {
    let lines = || markdown.lines().map(str::trim_start);
    if let Some(line) = lines().find(|line| line.starts_with(['▪', '•', '·', '●', '■'])) {
        return Some(format!("목록이 아닌 목록: {}", text::quoted(line)));
    }
    let has_something_to_list = member.answers.iter().any(|answer| !answer.trim().is_empty());
    let has_points = lines().any(|line| line.starts_with("- ") || line.starts_with("* "));
    wrong(has_something_to_list && !has_points, || "목록이 없음".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::phrase::tests::rules;
    use crate::events::request::data::Inputs;

    const GOOD: &str = "# 경력\n\n## 모아페이\n\n- Kafka로 정산 배치를 90분에서 7분으로 줄였습니다.";

    fn member() -> Member {
        Member {
            id: "rs-01".to_owned(),
            inputs: Inputs {
                company_name: Some("모아페이".to_owned()), work_period: Some(35), ..Inputs::default()
            },
            questions: vec!["무엇을 맡으셨나요?".to_owned()],
            answers: vec!["Kafka로 정산 배치를 90분에서 7분으로 줄였습니다.".to_owned()],
            facts: vec![vec!["90분".to_owned()], vec!["Kafka".to_owned(), "카프카".to_owned()]],
            allowed_names: vec!["2년 11개월".to_owned()],
            forbidden: vec!["비전공".to_owned()],
            note: String::new(),
        }
    }

    fn fallen(markdown: Option<&str>) -> Vec<Check> {
        let call = Call {
            prompt: 1,
            raw: markdown.map(str::to_owned),
            truncated: false,
            fault: None,
            prompt_tokens: None,
            reply_tokens: None,
            millis: 0,
            first_token_millis: None,
        };
        let findings = judge(&member(), &rules(), markdown, &[call]);
        findings.iter().filter(|finding| !finding.holds).map(|finding| finding.check).collect()
    }

    #[test]
    fn a_good_resume_has_no_fault_and_each_fault_is_found_by_its_check_alone() {
        assert_eq!(fallen(Some(GOOD)), []);
        assert_eq!(fallen(None), [Check::ByModel]);
        for (check, resume) in [
            (Check::NothingInvented, format!("{GOOD}\n- 매출을 37% 늘렸습니다.")),
            (Check::NothingInvented, format!("{GOOD}\n- Kubernetes를 썼습니다.")),
            (Check::NothingLost, GOOD.replace("90분에서 ", "")),
            (Check::NothingForbidden, format!("{GOOD}\n- 비전공이지만 노력했습니다.")),
            (Check::Korean, format!("{GOOD}\n- 結果를 냈습니다.")),
            (Check::Clean, format!("{GOOD}\n- [이름 입력]")),
            (Check::Clean, format!("{GOOD}<|im_end|>").replace("im_end", "")),
            (Check::Headings, format!("# 이력서\n\n{GOOD}")),
            (Check::Headings, GOOD.replace("# 경력\n\n", "")),
            (Check::Headings, format!("{GOOD}\n\n## 무엇을 맡으셨나요?")),
            (Check::Lists, GOOD.replace("- ", "")),
            (Check::Lists, GOOD.replace("- ", "▪ ")),
        ] {
            assert_eq!(fallen(Some(&resume)), [check], "{resume}");
        }
    }
}
