//! The node `create_resume`: what the model wrote, or else the member's own words.

use crate::events::request::SKIPPED;
use crate::llm::{ModelFailure, Reply};
use crate::resume::markdown;
use crate::state::session::Session;

/// A résumé, ready to be rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resume {
    pub markdown: String,
    /// It was laid out from the member's own words, without the model.
    pub degraded: bool,
}

/// What the model's reply comes down to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    Markdown(String),
    /// Worth asking again.
    Unusable,
    /// It broke off in its first line, so that nothing of it is whole.
    BrokenOff,
    NoReply(ModelFailure),
}

/// Reads a model's reply.
pub fn read(reply: Result<Reply, ModelFailure>) -> Written {
    let reply = match reply {
        Ok(reply) => reply,
        Err(ModelFailure::Unusable(_)) => return Written::Unusable,
        Err(failure @ (ModelFailure::Unavailable(_) | ModelFailure::TooLong)) => return Written::NoReply(failure),
    };
    // The last line of a reply that broke off is not whole.
    let whole = if reply.truncated { reply.text.rsplit_once('\n').map(|(whole, _)| whole) } else { Some(&*reply.text) };
    match whole.map(markdown::clean) {
        Some(Some(markdown)) => Written::Markdown(markdown),
        Some(None) => Written::Unusable,
        None => Written::BrokenOff,
    }
}

/// The résumé that the model wrote, or else one laid out from the inputs and answers: the last step never fails for
/// the model's sake.
pub fn create_resume(session: &Session, written: Option<String>) -> Resume {
    match written {
        Some(markdown) => Resume { markdown, degraded: false },
        None => Resume { markdown: markdown::lay_out(&session.inputs, &answered(session)), degraded: true },
    }
}

fn answered(session: &Session) -> Vec<&str> {
    let answers = session.exchanges.iter().filter_map(|exchange| exchange.answer.as_deref());
    answers.filter(|answer| *answer != SKIPPED).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::session::tests::asked;

    fn read_text(text: &str, truncated: bool) -> Written {
        read(Ok(Reply { text: text.to_owned(), truncated }))
    }

    #[test]
    fn of_a_reply_that_broke_off_the_last_line_is_left_out() {
        let (whole, broken) = ("# 경력\n\n- 주문 이벤트를 처리했습니다.", "\n- 장애를 일");
        let Written::Markdown(markdown) = read_text(&[whole, broken].concat(), true) else {
            panic!("most of it is there")
        };
        assert!(markdown.contains("주문 이벤트를") && !markdown.contains("장애를"), "{markdown}");
        assert_eq!(read_text("# 경력", true), Written::BrokenOff);
    }

    #[test]
    fn a_reply_without_a_resume_is_worth_asking_again_and_an_outage_is_not() {
        assert_eq!(read_text("", false), Written::Unusable);
        assert_eq!(read(Err(ModelFailure::Unusable("empty".to_owned()))), Written::Unusable);
        assert_eq!(read(Err(ModelFailure::TooLong)), Written::NoReply(ModelFailure::TooLong));
    }

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
