use crate::events::request::SKIPPED;
use crate::resume::markdown;
use crate::state::session::Session;

/// A résumé, ready to be rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resume {
    pub markdown: String,
    /// It was laid out from the member's own words, without the model.
    pub degraded: bool,
}

/// The résumé that the model wrote, or else one laid out from the inputs and answers: the last step never fails for
/// the model's sake.
pub fn create_resume(session: &Session, written: Option<String>) -> Resume {
    match written {
        Some(markdown) => Resume { markdown, degraded: false },
        None => Resume { markdown: markdown::lay_out(&session.inputs, &answered(session)), degraded: true },
    }
}

fn answered(session: &Session) -> Vec<(&str, &str)> {
    let pairs = session.exchanges.iter().filter_map(|exchange| {
        let answer = exchange.answer.as_deref().filter(|answer| *answer != SKIPPED)?;
        Some((exchange.question.as_str(), answer))
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::session::tests::asked;

    #[test]
    fn what_the_model_wrote_is_taken() {
        let resume = create_resume(&asked(1), Some("# 경력".to_owned()));
        assert_eq!(resume, Resume { markdown: "# 경력".to_owned(), degraded: false });
    }

    #[test]
    fn without_the_model_the_answers_are_laid_out_and_skipped_ones_left_out() {
        let mut session = asked(3);
        session.exchanges[0].answer = Some("주문 이벤트를 처리했습니다".to_owned());
        session.exchanges[1].answer = Some(SKIPPED.to_owned());
        let resume = create_resume(&session, None);
        assert!(resume.degraded && resume.markdown.contains("주문 이벤트를 처리했습니다"));
        assert!(!resume.markdown.contains("미응답"));
    }
}
