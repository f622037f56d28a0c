//! The node `receive_answer`: whether an answer belongs to the open question.

use time::OffsetDateTime;

use crate::events::request::{ResumeAnswer, SKIPPED};
use crate::state::session::{Ended, Session};

/// Why an answer is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no interview that it could belong to.
    NoActiveSession,
    /// It belongs to a question that is no longer open: a second click, a second tab.
    Stale,
}

/// Stores an answer with its question.
///
/// An answer that names no question belongs to the open one, unless it was sent (`sent_at`, the record's time)
/// before that question was asked. Of interviews that ended, enough is known to tell a second click from an answer
/// to nothing.
pub fn receive_answer(
    session: Option<&Session>,
    ended: Option<&Ended>,
    answer: &ResumeAnswer,
    sent_at: Option<OffsetDateTime>,
) -> Result<Session, Refusal> {
    let before = |moment: OffsetDateTime| sent_at.is_some_and(|sent| sent < to_millis(moment));
    let Some((session, open)) = session.and_then(|session| Some((session, session.open_question()?))) else {
        let stale = ended.is_some_and(|ended| match &answer.question_id {
            Some(id) => ended.question_ids.iter().any(|question| is(*question, id)),
            None => before(ended.ended_at),
        });
        return Err(if stale { Refusal::Stale } else { Refusal::NoActiveSession });
    };
    let stale = match &answer.question_id {
        Some(id) => !is(open.question_id, id),
        None => before(open.asked_at),
    };
    if stale {
        return Err(Refusal::Stale);
    }
    let mut session = session.clone();
    if let Some(open) = session.exchanges.last_mut() {
        open.answer = Some(answer.answer.clone().unwrap_or_else(|| SKIPPED.to_owned()));
    }
    Ok(session)
}

fn is(question: uuid::Uuid, id: &str) -> bool {
    uuid::Uuid::try_parse(id.trim()).is_ok_and(|id| id == question)
}

/// Records carry whole milliseconds: a click in the very millisecond of the question is not before it.
fn to_millis(moment: OffsetDateTime) -> OffsetDateTime {
    moment.replace_millisecond(moment.millisecond()).unwrap_or(moment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::session::tests::{NOW, asked};
    use std::time::Duration;
    use uuid::Uuid;

    fn answer(question: Option<u128>) -> ResumeAnswer {
        let question_id = question.map(|id| Uuid::from_u128(id).to_string());
        ResumeAnswer { answer: Some("답변".to_owned()), question_id }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn an_answer_goes_to_the_question_that_it_names() {
        let session = receive_answer(Some(&asked(2)), None, &answer(Some(2)), Some(NOW - SECOND)).unwrap();
        assert_eq!(session.exchanges[1].answer.as_deref(), Some("답변"));
        assert_eq!(receive_answer(Some(&asked(2)), None, &answer(Some(1)), None), Err(Refusal::Stale));
        let foreign = ResumeAnswer { answer: None, question_id: Some("nonsense".to_owned()) };
        assert_eq!(receive_answer(Some(&asked(2)), None, &foreign, None), Err(Refusal::Stale));
    }

    #[test]
    fn an_unnamed_answer_sent_before_the_question_is_a_second_click_on_the_one_before() {
        let sent = |at| receive_answer(Some(&asked(2)), None, &answer(None), at);
        assert_eq!(sent(Some(NOW - SECOND)), Err(Refusal::Stale));
        assert!(sent(Some(NOW)).is_ok() && sent(Some(NOW + SECOND)).is_ok() && sent(None).is_ok());
    }

    #[test]
    fn a_click_in_the_questions_own_millisecond_is_not_before_it() {
        let mut session = asked(1);
        session.exchanges[0].asked_at = NOW + Duration::from_micros(400);
        assert!(receive_answer(Some(&session), None, &answer(None), Some(NOW)).is_ok());
    }

    #[test]
    fn a_skipped_question_is_recorded_as_such() {
        let skipped = ResumeAnswer { answer: None, question_id: None };
        let session = receive_answer(Some(&asked(1)), None, &skipped, None).unwrap();
        assert_eq!(session.exchanges[0].answer.as_deref(), Some("<미응답>"));
    }

    #[test]
    fn without_a_session_only_a_click_on_an_ended_one_is_stale() {
        let ended = Ended::after(&asked(3), None, NOW);
        let refused = |answer, at| receive_answer(None, Some(&ended), &answer, at).unwrap_err();
        assert_eq!(refused(answer(Some(3)), None), Refusal::Stale);
        assert_eq!(refused(answer(Some(9)), None), Refusal::NoActiveSession);
        assert_eq!(refused(answer(None), Some(NOW - SECOND)), Refusal::Stale);
        assert_eq!(refused(answer(None), Some(NOW + SECOND)), Refusal::NoActiveSession);
        assert_eq!(receive_answer(None, None, &answer(Some(3)), None), Err(Refusal::NoActiveSession));
    }
}
