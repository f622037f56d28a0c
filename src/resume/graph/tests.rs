//! The edges, one test a rule, by the effects that a step asks for.

use std::time::Duration;

use uuid::Uuid;

use super::*;
use crate::state::session::tests::{NOW, asked, inputs};
use crate::state::session::{Draft, Ended};
use crate::state::{SessionChange, Write};

const GRAPH: Graph = Graph { min_questions: 1, max_questions: 3 };
const STAMP: Stamp = Stamp { request: Uuid::from_u128(77), now: NOW };
const QUESTION: &str = "가장 어려웠던 문제를 어떻게 해결하셨나요?";
const RESUME: &str = "# 경력\n\n- 주문 이벤트를 처리했습니다.";
const ENOUGH: &str = "없음";
/// Neither a question nor a résumé.
const NOTHING: &str = "";

fn opened(session: Option<Session>) -> Opened {
    Opened { expected: session.as_ref().map(|_| 4), session, draft: None, ended: None, shown: None }
}

/// With what an earlier try of this turn has paid for.
fn tried(session: Session, markdown: Option<&str>) -> Opened {
    let draft = Draft::of(&given(&session), markdown.map(str::to_owned));
    Opened { draft: Some(draft), ..opened(Some(session)) }
}

/// The session with its open question answered.
fn given(session: &Session) -> Arc<Session> {
    let mut session = session.clone();
    session.exchanges.last_mut().unwrap().answer = Some("답변".to_owned());
    Arc::new(session)
}

/// The session of a member who has just begun.
fn begun() -> Arc<Session> {
    Arc::new(Session::begin(STAMP.session_id(), inputs(), NOW))
}

fn reply(text: &str) -> Event<'static> {
    Event::Replied(Ok(Reply { text: text.to_owned(), truncated: false }))
}

fn no_model() -> ModelFailure {
    ModelFailure::Unavailable("timed out".to_owned())
}

/// What the last of these events leads to.
fn after(start: (State, Vec<Effect>), events: Vec<Event<'_>>) -> Vec<Effect> {
    let step = |(state, _), event| GRAPH.step(state, event, STAMP);
    events.into_iter().fold(start, step).1
}

fn after_init(opened: Opened, events: Vec<Event<'_>>) -> Vec<Effect> {
    after(GRAPH.step(State::Start(opened), Event::Init(&inputs()), STAMP), events)
}

fn after_answer(opened: Opened, events: Vec<Event<'_>>) -> Vec<Effect> {
    let answer = ResumeAnswer { answer: Some("답변".to_owned()), question_id: None };
    after(GRAPH.step(State::Start(opened), Event::Answer { answer: &answer, sent_at: None }, STAMP), events)
}

fn attempt(number: u32) -> Attempt {
    Attempt::first(NextQuestion { number, max: 3, may_end: number > 1 })
}

/// How the turn ended.
fn ended(effects: &[Effect]) -> &Finished {
    let Some(Effect::End(finished)) = effects.last() else { panic!("it goes on: {effects:?}") };
    finished
}

fn failed(effects: &[Effect]) -> FailureCode {
    let Some(Effect::Fail(failure)) = effects.last() else { panic!("it goes on: {effects:?}") };
    failure.code
}

#[test]
fn an_init_leads_to_the_first_question() {
    let effects = after_init(opened(None), vec![]);
    assert_eq!(effects, [Effect::WaitForModel, Effect::AskQuestion(begun(), attempt(1))]);
}

#[test]
fn the_same_init_gets_the_first_question_again_and_changes_nothing() {
    let effects = after_init(opened(Some(asked(1))), vec![]);
    let (change, outcome) = ended(&effects);
    assert_eq!((effects.len(), change), (1, &unchanged(Some(4))));
    assert!(matches!(outcome, Outcome::Question { number: 1, question, .. } if question == "질문 1?"));
}

#[test]
fn an_init_whose_outcome_was_lost_gets_its_question_again_and_ends_nothing() {
    let session = Session { session_id: STAMP.session_id(), ..asked(3) };
    let effects = after_init(opened(Some(session)), vec![]);
    let (change, outcome) = ended(&effects);
    assert_eq!((effects.len(), change), (1, &unchanged(Some(4))));
    assert!(matches!(outcome, Outcome::Question { number: 1, question, .. } if question == "질문 1?"));
}

#[test]
fn what_a_request_leads_to_has_the_same_ids_each_time_and_another_request_or_question_has_others() {
    let other = Stamp { request: Uuid::from_u128(78), ..STAMP };
    let later = Stamp { now: NOW + Duration::from_secs(1), ..STAMP };
    assert_eq!((STAMP.session_id(), STAMP.question_id(1)), (later.session_id(), later.question_id(1)));
    let ids =
        [STAMP.session_id(), STAMP.question_id(1), STAMP.question_id(2), other.session_id(), other.question_id(1)];
    assert_eq!(ids.iter().collect::<std::collections::HashSet<_>>().len(), ids.len());
}

#[test]
fn an_init_goes_on_as_the_session_of_its_earlier_try() {
    let session = Session::begin(Uuid::from_u128(5), inputs(), NOW - Duration::from_secs(9));
    let draft = Draft { fingerprint: begun().fingerprint(), ..Draft::of(&session, None) };
    let effects = after_init(Opened { draft: Some(draft), ..opened(None) }, vec![]);
    assert_eq!(effects, [Effect::WaitForModel, Effect::WriteResume(Arc::new(session))]);
}

#[test]
fn an_answer_leads_to_the_next_question_while_there_is_one() {
    let effects = after_answer(opened(Some(asked(2))), vec![]);
    assert_eq!(effects, [Effect::WaitForModel, Effect::AskQuestion(given(&asked(2)), attempt(3))]);
}

#[test]
fn the_last_answer_leads_to_the_resume() {
    let effects = after_answer(opened(Some(asked(3))), vec![]);
    assert_eq!(effects, [Effect::WaitForModel, Effect::WriteResume(given(&asked(3)))]);
}

#[test]
fn an_answer_to_no_open_question_ends_the_turn() {
    assert_eq!(failed(&after_answer(opened(None), vec![])), FailureCode::NoActiveSession);
    let second_click = ResumeAnswer { answer: None, question_id: Some(Uuid::from_u128(1).to_string()) };
    let event = Event::Answer { answer: &second_click, sent_at: None };
    let (_, effects) = GRAPH.step(State::Start(opened(Some(asked(2)))), event, STAMP);
    assert_eq!(failed(&effects), FailureCode::StaleAnswer);
}

#[test]
fn an_answer_to_what_the_state_has_lost_is_told_to_the_member_and_to_operators() {
    let lost = Uuid::from_u128(9);
    let rolled_back = |shown| Opened { shown, ..opened(Some(asked(2))) };
    let answer = ResumeAnswer { answer: None, question_id: Some(lost.to_string()) };
    let event = || Event::Answer { answer: &answer, sent_at: None };
    let (_, effects) = GRAPH.step(State::Start(rolled_back(Some(lost))), event(), STAMP);
    assert_eq!((&effects[0], failed(&effects)), (&Effect::Note(Note::RolledBack), FailureCode::NoActiveSession));
    let (_, effects) = GRAPH.step(State::Start(rolled_back(None)), event(), STAMP);
    assert_eq!((effects.len(), failed(&effects)), (1, FailureCode::NoActiveSession));
}

#[test]
fn a_decision_that_was_paid_for_leads_to_the_resume() {
    let effects = after_answer(tried(asked(2), None), vec![]);
    assert_eq!(effects, [Effect::WaitForModel, Effect::WriteResume(given(&asked(2)))]);
}

#[test]
fn a_resume_that_was_paid_for_is_stored_without_a_model() {
    let effects = after_answer(tried(asked(3), Some(RESUME)), vec![]);
    let resume = Resume { markdown: RESUME.to_owned(), degraded: false };
    assert_eq!(effects, [Effect::StoreDocument(given(&asked(3)), resume)]);
}

#[test]
fn a_draft_of_another_answer_is_worth_nothing() {
    let mut opened = tried(asked(3), Some(RESUME));
    opened.draft.as_mut().unwrap().fingerprint = Uuid::nil();
    let effects = after_answer(opened, vec![]);
    assert_eq!(effects, [Effect::WaitForModel, Effect::WriteResume(given(&asked(3)))]);
}

#[test]
fn a_question_is_saved_and_waits_for_the_member() {
    let effects = after_answer(opened(Some(asked(1))), vec![reply(QUESTION)]);
    let open = Exchange::open(STAMP.question_id(2), QUESTION.to_owned(), NOW);
    let mut session = Session { version: 5, ..Session::clone(&given(&asked(1))) };
    session.exchanges.push(open);
    let session_id = session.session_id;
    let change =
        SessionChange { expected: Some(4), session: Write::Put(session), draft: Write::Delete, ended: Write::Keep };
    let question = QUESTION.to_owned();
    let outcome = Outcome::Question { session_id, question_id: STAMP.question_id(2), number: 2, max: 3, question };
    assert_eq!(effects, [Effect::End(Box::new((change, outcome)))]);
}

#[test]
fn a_first_version_is_the_time() {
    let effects = after_init(opened(None), vec![reply(QUESTION)]);
    let Write::Put(session) = &ended(&effects).0.session else { panic!("a session") };
    assert_eq!(i128::from(session.version), NOW.unix_timestamp_nanos() / 1_000_000);
}

#[test]
fn an_init_ends_the_interview_before_it() {
    let mut before = opened(Some(asked(2)));
    before.ended = Some(Ended::after(&asked(1), None, NOW));
    let expected = Ended::after(&asked(2), before.ended.as_ref(), NOW);
    let effects = after_init(before, vec![reply(QUESTION)]);
    assert_eq!(ended(&effects).0.ended, Write::Put(expected));
}

#[test]
fn an_unusable_question_is_asked_for_once_more_and_firmly() {
    let effects = after_answer(opened(Some(asked(1))), vec![reply(NOTHING)]);
    let firmly = Attempt { is_firm: true, ..attempt(2) };
    let note = Effect::Note(Note::NoQuestion { number: 2 });
    assert_eq!(effects, [note, Effect::AskQuestion(given(&asked(1)), firmly)]);
}

#[test]
fn without_a_question_in_two_replies_the_turn_fails() {
    let unusable = Event::Replied(Err(ModelFailure::Unusable("empty".to_owned())));
    let effects = after_answer(opened(Some(asked(1))), vec![reply(NOTHING), unusable]);
    assert_eq!((effects.len(), failed(&effects)), (2, FailureCode::LlmBadOutput));
}

#[test]
fn without_a_model_there_is_no_question() {
    let effects = after_answer(opened(Some(asked(1))), vec![Event::Replied(Err(no_model()))]);
    assert_eq!(effects, [Effect::Fail(no_model().into())]);
}

#[test]
fn a_model_that_would_end_too_early_twice_leaves_the_question_to_us() {
    let effects = after_init(opened(None), vec![reply(ENOUGH), reply(ENOUGH)]);
    assert_eq!(effects[0], Effect::Note(Note::TooEarly { number: 1 }));
    let own = own_question(&[]).unwrap();
    assert!(matches!(&ended(&effects).1, Outcome::Question { question, .. } if question == own));
}

#[test]
fn where_ours_are_used_up_too_nobody_is_told_that_one_was_asked() {
    let graph = Graph { min_questions: 5, max_questions: 5 };
    let mut session = asked(3);
    for number in 0..3 {
        let used: Vec<String> = session.exchanges[..number].iter().map(|exchange| exchange.question.clone()).collect();
        let own = own_question(&used.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
        session.exchanges[number].question = own.to_owned();
    }
    let answer = ResumeAnswer { answer: Some("답변".to_owned()), question_id: None };
    let begin = Event::Answer { answer: &answer, sent_at: None };
    let events = [begin, reply(ENOUGH), reply(ENOUGH)];
    let step = |(state, _), event| graph.step(state, event, STAMP);
    let effects = events.into_iter().fold((State::Start(opened(Some(session))), Vec::new()), step).1;
    assert_eq!((effects.len(), failed(&effects)), (1, FailureCode::LlmBadOutput));
}

#[test]
fn that_the_model_knows_enough_is_saved_before_it_writes() {
    let effects = after_answer(opened(Some(asked(2))), vec![reply(ENOUGH)]);
    let decision = tried(asked(2), None).draft.unwrap();
    assert_eq!(effects, [Effect::SaveDraft(decision), Effect::WriteResume(given(&asked(2)))]);
}

#[test]
fn a_resume_is_saved_before_it_is_stored() {
    let effects = after_answer(opened(Some(asked(3))), vec![reply(RESUME)]);
    let [Effect::SaveDraft(draft), Effect::StoreDocument(session, resume)] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!((draft.markdown.as_ref(), resume.degraded), (Some(&resume.markdown), false));
    assert_eq!((draft.fingerprint, session), (session.fingerprint(), &given(&asked(3))));
}

#[test]
fn an_unusable_resume_is_asked_for_once_more_and_then_laid_out() {
    let again = after_answer(opened(Some(asked(3))), vec![reply(NOTHING)]);
    assert_eq!(again, [Effect::WriteResume(given(&asked(3)))]);
    let laid_out = after_answer(opened(Some(asked(3))), vec![reply(NOTHING), reply(NOTHING)]);
    let resume = create_resume(&given(&asked(3)), None);
    assert_eq!(laid_out, [Effect::Note(Note::NoResume), Effect::StoreDocument(given(&asked(3)), resume)]);
}

#[test]
fn without_a_model_the_resume_is_laid_out_at_once() {
    let effects = after_answer(opened(Some(asked(3))), vec![Event::Replied(Err(no_model()))]);
    let resume = create_resume(&given(&asked(3)), None);
    assert_eq!(effects, [Effect::Note(Note::NoModel(no_model())), Effect::StoreDocument(given(&asked(3)), resume)]);
}

#[test]
fn a_stored_document_ends_the_interview() {
    let object_key = "resume/7/a.docx".to_owned();
    let stored = Event::Stored { object_key: object_key.clone() };
    let effects = after_answer(tried(asked(3), Some(RESUME)), vec![stored]);
    let change = SessionChange {
        expected: Some(4),
        session: Write::Delete,
        draft: Write::Delete,
        ended: Write::Put(Ended::after(&asked(3), None, NOW)),
    };
    let outcome = Outcome::Completed { session_id: asked(3).session_id, object_key, degraded: false };
    assert_eq!(effects, [Effect::End(Box::new((change, outcome)))]);
}

#[test]
fn an_event_that_nothing_waits_for_ends_the_turn() {
    let (_, effects) = GRAPH.step(State::Start(opened(None)), reply(QUESTION), STAMP);
    assert_eq!(failed(&effects), FailureCode::Internal);
}
