//! A member's inputs and answers, with the résumé that should come of them: an orderly one holds a model to the form, and to
//! what was said, better than any rule does. Its answers deny something and tell an address, neither of which is in it.

use time::OffsetDateTime;
use uuid::Uuid;

use crate::events::request::{PreferredJob, ResumeInputs};
use crate::state::session::Exchange;

const EXCHANGES: [(&str, &str); 2] = [
    (
        "한빛유통에서 개선한 일을 알려 주시겠어요?",
        "반품 창고를 맡았습니다. 하루 320건을 4명이 처리했는데 반품 하나에 평균 5일이 걸려 고객 문의가 한 달에 210건씩 왔습니다. \
검수 순서를 바꾸고 상자에 바코드를 붙여 2일로 줄였고 문의는 60건이 됐습니다.",
    ),
    (
        "SAP 같은 시스템을 써 본 적이 있나요?",
        "SAP는 안 써 봤고, 엑셀 매크로로 재고표를 만들어 매주 6시간 걸리던 집계를 40분으로 줄였습니다. \
신입 3명에게 사용법도 가르쳤어요. 물류관리사 있고 집은 한빛시 한빛로 7이에요.",
    ),
];

pub const RESUME: &str = "\
# 소개
반품과 재고 업무의 처리 시간을 줄여 온 물류 담당자입니다.

# 경력
## 한빛유통 | 물류 담당 | 14개월
- 하루 320건의 반품을 4명이 처리하는 반품 창고를 담당
- 검수 순서를 바꾸고 상자에 바코드를 붙여 평균 5일 걸리던 반품 처리를 2일로 단축
- 반품에 대한 고객 문의를 한 달 210건에서 60건으로 감소
- 엑셀 매크로로 재고표를 만들어 매주 6시간 걸리던 집계를 40분으로 단축
- 신입 3명에게 재고표 사용법을 교육

# 자격 및 기타 경험
- 물류관리사";

pub fn inputs() -> ResumeInputs {
    ResumeInputs {
        email: String::new(),
        preferred_job: Some(PreferredJob::Other("물류 기획".to_owned())),
        major_type: None,
        certification_count: 1,
        project_count: 0,
        work_period: 14,
        company_name: Some("한빛유통".to_owned()),
        position: Some("물류 담당".to_owned()),
        additional_experiences: None,
    }
}

pub fn exchanges() -> Vec<Exchange> {
    let answered = |(question, answer): (&str, &str)| Exchange {
        answer: Some(answer.to_owned()),
        ..Exchange::open(Uuid::nil(), question.to_owned(), OffsetDateTime::UNIX_EPOCH)
    };
    EXCHANGES.into_iter().map(answered).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resume::markdown;

    #[test]
    fn the_example_is_a_resume_by_our_own_rules() {
        assert_eq!(markdown::clean(RESUME).as_deref(), Some([RESUME, "\n"].concat().as_str()));
    }

    #[test]
    fn each_number_of_the_example_was_given() {
        let given: String =
            EXCHANGES.iter().flat_map(|(question, answer)| [*question, " ", *answer, " 14개월 "]).collect();
        let numbers = RESUME.split(|c: char| !c.is_ascii_digit()).filter(|number| !number.is_empty());
        assert!(numbers.clone().count() >= 10);
        for number in numbers {
            assert!(given.contains(number), "{number}");
        }
        assert!(!RESUME.contains("SAP") && !RESUME.contains("한빛로"));
    }
}
