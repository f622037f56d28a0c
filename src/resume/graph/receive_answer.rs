//! The node `receive_answer`: whether an answer belongs to the open question.

use time::OffsetDateTime;
use uuid::Uuid;

use crate::events::request::{ResumeAnswer, SKIPPED};
use crate::state::session::{Ended, Session};

/// Why an answer is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no interview that it could belong to.
    NoActiveSession,
    /// It names a question that nobody asked, as far as is remembered.
    NeverAsked,
    /// What is stored is older than what the member was shown: the store was rolled back.
    RolledBack,
    /// It belongs to a question that is no longer open: a second click, a second tab.
    Stale,
}

/// What is known of a member's interviews.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    pub session: Option<&'a Session>,
    pub ended: Option<&'a Ended>,
    /// The question that this worker has shown to the member last, if it remembers one.
    pub shown: Option<Uuid>,
}

impl Known<'_> {
    /// Whether a remembered interview asked this question.
    fn has_asked(&self, id: Uuid) -> bool {
        let in_session = |session: &Session| session.exchanges.iter().any(|exchange| exchange.question_id == id);
        self.session.is_some_and(in_session) || self.ended.is_some_and(|ended| ended.question_ids.contains(&id))
    }

    /// The store has lost what the member was shown: it would take an answer to that for an answer to what was before.
    fn is_rolled_back(&self) -> bool {
        self.shown.is_some_and(|shown| !self.has_asked(shown))
    }
}

/// Stores an answer with its question.
///
/// An answer that names no question belongs to the open one, unless it was sent (`sent_at`, the record's time)
/// before that question was asked, or the open one is not what the member was shown. Of interviews that ended, enough is
/// known to tell a second click from an answer to nothing.
pub fn receive_answer(
    known: Known<'_>,
    answer: &ResumeAnswer,
    sent_at: Option<OffsetDateTime>,
) -> Result<Session, Refusal> {
    let open = known.session.and_then(|session| Some((session, session.open_question()?)));
    let before = |moment: OffsetDateTime| sent_at.is_some_and(|sent| sent < to_millis(moment));
    match answer.question_id.as_deref().map(|id| Uuid::try_parse(id.trim()).ok()) {
        Some(Some(id)) if open.is_some_and(|(_, open)| open.question_id == id) => {}
        Some(Some(id)) if known.has_asked(id) => return Err(Refusal::Stale),
        Some(id) if id.is_some() && id == known.shown => return Err(Refusal::RolledBack),
        Some(_) => return Err(Refusal::NeverAsked),
        None if known.is_rolled_back() => return Err(Refusal::RolledBack),
        None => {
            let newer = open.map(|(_, open)| open.asked_at).or(known.ended.map(|ended| ended.ended_at));
            if newer.is_some_and(before) {
                return Err(Refusal::Stale);
            }
        }
    }
    let mut session = open.ok_or(Refusal::NoActiveSession)?.0.clone();
    if let Some(open) = session.exchanges.last_mut() {
        open.answer = Some(answer.answer.clone().unwrap_or_else(|| SKIPPED.to_owned()));
    }
    Ok(session)
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

    fn answer(question: Option<u128>) -> ResumeAnswer {
        let question_id = question.map(|id| Uuid::from_u128(id).to_string());
        ResumeAnswer { answer: Some("답변".to_owned()), question_id }
    }

    const SECOND: Duration = Duration::from_secs(1);
    const NOTHING: Known<'_> = Known { session: None, ended: None, shown: None };

    fn known(session: &Session) -> Known<'_> {
        Known { session: Some(session), ..NOTHING }
    }

    #[test]
    fn an_answer_goes_to_the_question_that_it_names() {
        let session = asked(2);
        let taken = receive_answer(known(&session), &answer(Some(2)), Some(NOW - SECOND)).unwrap();
        assert_eq!(taken.exchanges[1].answer.as_deref(), Some("답변"));
        assert_eq!(receive_answer(known(&session), &answer(Some(1)), None), Err(Refusal::Stale));
    }

    #[test]
    fn an_answer_to_what_nobody_asked_is_no_second_click() {
        let (session, before) = (asked(2), Ended::of(vec![Uuid::from_u128(3)], NOW));
        let known = Known { ended: Some(&before), ..known(&session) };
        let refused = |answer| receive_answer(known, &answer, None).unwrap_err();
        let named = |id: &str| ResumeAnswer { answer: None, question_id: Some(id.to_owned()) };
        assert_eq!(refused(answer(Some(9))), Refusal::NeverAsked);
        assert_eq!(refused(named("nonsense")), Refusal::NeverAsked);
        assert_eq!(refused(answer(Some(3))), Refusal::Stale, "of the interview before");
    }

    #[test]
    fn an_unnamed_answer_sent_before_the_question_is_a_second_click_on_the_one_before() {
        let session = asked(2);
        let sent = |at| receive_answer(known(&session), &answer(None), at);
        assert_eq!(sent(Some(NOW - SECOND)), Err(Refusal::Stale));
        assert!(sent(Some(NOW)).is_ok() && sent(Some(NOW + SECOND)).is_ok() && sent(None).is_ok());
    }

    #[test]
    fn an_unnamed_answer_is_to_what_the_member_was_shown() {
        let (session, before) = (asked(2), Ended::of(vec![Uuid::from_u128(3)], NOW));
        let shown = |id| Known { ended: Some(&before), shown: Some(Uuid::from_u128(id)), ..known(&session) };
        let taken = |id| receive_answer(shown(id), &answer(None), None);
        // Another worker has asked since, in this interview or in one after it.
        assert!([1, 2, 3].into_iter().all(|id| taken(id).is_ok()));
        assert_eq!(taken(9), Err(Refusal::RolledBack));
        assert_eq!(receive_answer(shown(9), &answer(Some(9)), None), Err(Refusal::RolledBack));
        assert!(receive_answer(shown(9), &answer(Some(2)), None).is_ok(), "it says what it is to");
        let gone = Known { session: None, ..shown(9) };
        assert_eq!(receive_answer(gone, &answer(None), Some(NOW - SECOND)), Err(Refusal::RolledBack));
    }

    #[test]
    fn a_click_in_the_questions_own_millisecond_is_not_before_it() {
        let mut session = asked(1);
        session.exchanges[0].asked_at = NOW + Duration::from_micros(400);
        assert!(receive_answer(known(&session), &answer(None), Some(NOW)).is_ok());
    }

    #[test]
    fn a_skipped_question_is_recorded_as_such() {
        let (session, skipped) = (asked(1), ResumeAnswer { answer: None, question_id: None });
        let session = receive_answer(known(&session), &skipped, None).unwrap();
        assert_eq!(session.exchanges[0].answer.as_deref(), Some("<미응답>"));
    }

    #[test]
    fn without_a_session_only_a_click_on_an_ended_one_is_stale() {
        let ended = Ended::after(&asked(3), None, NOW);
        let known = Known { ended: Some(&ended), ..NOTHING };
        let refused = |answer, at| receive_answer(known, &answer, at).unwrap_err();
        assert_eq!(refused(answer(Some(3)), None), Refusal::Stale);
        assert_eq!(refused(answer(Some(9)), None), Refusal::NeverAsked);
        assert_eq!(refused(answer(None), Some(NOW - SECOND)), Refusal::Stale);
        assert_eq!(refused(answer(None), Some(NOW + SECOND)), Refusal::NoActiveSession);
        assert_eq!(receive_answer(NOTHING, &answer(None), None), Err(Refusal::NoActiveSession));
    }
}
