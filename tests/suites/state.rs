//! What every [`MemberState`] must do.
//!
//! Each function works for members of its own, so that all may run at once and again and again on one store.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use ssammu_worker::events::outcome::{SavedOutcome, Scope};
use ssammu_worker::events::record::Flow;
use ssammu_worker::state::holder::Holder;
use ssammu_worker::state::session::{Ended, Exchange, Session};
use ssammu_worker::state::{Begin, Change, Claim, Lifetimes, MemberState, Renewal, Saved, SessionChange, Write};
use time::OffsetDateTime;
use uuid::Uuid;

use super::fixtures::{
    Test, another, change, claim, draft, ended, exchange, member, nothing, open, outcome, put_session, request_outcome,
    session, tests, with_session,
};

/// The lifetimes for [`all`]: nothing expires during a test.
pub const LASTING: Lifetimes = Lifetimes {
    session: Duration::from_secs(3_600),
    outcome: Duration::from_secs(3_600),
    lock: Duration::from_secs(60),
};

/// The tests for a store with [`LASTING`] lifetimes.
pub fn all() -> Vec<Test> {
    tests![
        a_new_request_finds_nothing_and_takes_the_lock,
        a_locked_member_is_busy_for_others_and_open_for_the_holder,
        a_lock_of_an_earlier_start_of_the_same_instance_is_taken_over,
        a_released_lock_can_be_taken,
        only_the_holder_releases_and_renews,
        a_lock_that_is_gone_is_taken_again_until_the_request_is_answered,
        a_saved_turn_is_there_at_the_next,
        an_answered_request_is_found_by_any_record_of_it,
        an_outcome_for_the_record_alone_leaves_the_request_open,
        whoever_only_asks_whether_it_is_answered_takes_nothing,
        an_outcome_releases_the_lock_and_its_absence_keeps_it,
        a_save_that_is_repeated_finds_its_own_answer,
        a_request_answered_elsewhere_refuses_a_second_answer,
        an_answer_needs_no_lock_but_the_version,
        a_failure_that_may_be_tried_again_gives_way_to_whoever_has_the_lock,
        a_draft_is_saved_unless_somebody_else_has_the_lock,
        a_session_at_another_version_is_left_alone,
        a_session_that_is_gone_is_a_conflict,
        a_refused_change_writes_no_part_of_itself,
        deleted_parts_are_gone_and_kept_parts_stay,
        the_first_outcome_remembered_stays,
        a_remembered_outcome_needs_no_lock_and_takes_none,
        only_the_last_64_ended_questions_are_remembered,
        members_and_flows_do_not_meet,
        of_many_takers_one_gets_the_lock,
        of_many_turns_on_one_version_one_is_saved,
        of_many_answers_to_one_request_one_is_saved,
        text_of_any_kind_comes_back_as_it_was,
        what_a_newer_worker_stored_beside_survives_a_turn,
        the_store_says_that_it_can_be_used,
    ]
}

async fn a_new_request_finds_nothing_and_takes_the_lock(state: &dyn MemberState) {
    for flow in [Flow::Feedback, Flow::Resume] {
        let first = Claim { flow, ..claim(member()) };
        assert_eq!(state.begin(&first).await.unwrap(), open(None, None, None));
        assert_eq!(state.begin(&another(&first)).await.unwrap(), Begin::Busy);
    }
}

async fn a_locked_member_is_busy_for_others_and_open_for_the_holder(state: &dyn MemberState) {
    let holder = claim(member());
    state.begin(&holder).await.unwrap();
    let same_request = Claim { token: Uuid::new_v4(), ..holder.clone() };
    assert_eq!(state.begin(&another(&holder)).await.unwrap(), Begin::Busy);
    assert_eq!(state.begin(&same_request).await.unwrap(), Begin::Busy);
    assert_eq!(state.begin(&holder).await.unwrap(), open(None, None, None));
}

async fn a_lock_of_an_earlier_start_of_the_same_instance_is_taken_over(state: &dyn MemberState) {
    let (then, now) = (OffsetDateTime::UNIX_EPOCH, OffsetDateTime::now_utc());
    let [before, after] = [then, now].map(|at| Holder::started(Some("worker-1"), at));
    let (first, next) = (Claim { token: before.token(), ..claim(member()) }, after.token());
    state.begin(&first).await.unwrap();
    assert_eq!(state.begin(&Claim { token: before.token(), ..another(&first) }).await.unwrap(), Begin::Busy);
    let next = Claim { token: next, ..first.clone() };
    assert_eq!(state.begin(&next).await.unwrap(), open(None, None, None));
    assert_eq!(state.renew(&first).await.unwrap(), Renewal::Theirs);
    for earlier in [first.clone(), Claim { token: before.token(), ..another(&first) }, another(&first)] {
        assert_eq!(state.begin(&earlier).await.unwrap(), Begin::Busy, "it stays taken over");
    }
    assert_eq!(state.renew(&next).await.unwrap(), Renewal::Ours);
}

async fn a_released_lock_can_be_taken(state: &dyn MemberState) {
    let first = claim(member());
    let second = another(&first);
    state.begin(&first).await.unwrap();
    state.release(&first).await.unwrap();
    assert_eq!(state.begin(&second).await.unwrap(), open(None, None, None));
    assert_eq!(state.renew(&first).await.unwrap(), Renewal::Theirs);
}

async fn only_the_holder_releases_and_renews(state: &dyn MemberState) {
    let holder = claim(member());
    let other = another(&holder);
    state.begin(&holder).await.unwrap();
    assert_eq!(state.renew(&other).await.unwrap(), Renewal::Theirs);
    state.release(&other).await.unwrap();
    assert_eq!(state.renew(&holder).await.unwrap(), Renewal::Ours);
    assert_eq!(state.begin(&other).await.unwrap(), Begin::Busy);
}

async fn a_lock_that_is_gone_is_taken_again_until_the_request_is_answered(state: &dyn MemberState) {
    let slow = claim(member());
    let next = Claim { token: Uuid::new_v4(), ..slow.clone() };
    state.begin(&slow).await.unwrap();
    state.release(&slow).await.unwrap();
    assert_eq!(state.renew(&slow).await.unwrap(), Renewal::Ours, "its work goes on");
    assert_eq!(state.begin(&next).await.unwrap(), Begin::Busy, "and nobody pays for it a second time");

    state.release(&slow).await.unwrap();
    state.begin(&next).await.unwrap();
    assert_eq!(state.save(&next, &change(None, request_outcome(1))).await.unwrap(), Saved::Done);
    assert_eq!(state.renew(&slow).await.unwrap(), Renewal::Theirs, "there is nothing left to do");
    assert_eq!(state.begin(&another(&slow)).await.unwrap(), open(None, None, None));
}

async fn a_saved_turn_is_there_at_the_next(state: &dyn MemberState) {
    let first = claim(member());
    state.begin(&first).await.unwrap();
    let turn = SessionChange {
        expected: None,
        session: Write::Put(session(1)),
        draft: Write::Put(draft()),
        ended: Write::Put(ended(3)),
    };
    assert_eq!(state.save(&first, &change(Some(turn), request_outcome(1))).await.unwrap(), Saved::Done);
    let next = another(&first);
    assert_eq!(state.begin(&next).await.unwrap(), open(Some(session(1)), Some(draft()), Some(ended(3))));

    assert_eq!(state.save(&next, &put_session(Some(1), session(2))).await.unwrap(), Saved::Done);
    assert_eq!(state.begin(&next).await.unwrap(), open(Some(session(2)), Some(draft()), Some(ended(3))));
}

async fn an_answered_request_is_found_by_any_record_of_it(state: &dyn MemberState) {
    let first = claim(member());
    state.begin(&first).await.unwrap();
    state.save(&first, &change(None, request_outcome(1))).await.unwrap();
    let again = Claim { record: Uuid::new_v4(), token: Uuid::new_v4(), ..first.clone() };
    assert_eq!(state.begin(&again).await.unwrap(), Begin::Answered(outcome(1)));
    assert_eq!(state.begin(&first).await.unwrap(), Begin::Answered(outcome(1)));
    assert_eq!(state.begin(&another(&first)).await.unwrap(), open(None, None, None), "no repeat took the lock");
}

async fn an_outcome_for_the_record_alone_leaves_the_request_open(state: &dyn MemberState) {
    let first = claim(member());
    state.begin(&first).await.unwrap();
    state.save(&first, &change(None, Some((Scope::Record, outcome(1))))).await.unwrap();
    let redelivered = Claim { token: Uuid::new_v4(), ..first.clone() };
    assert_eq!(state.begin(&redelivered).await.unwrap(), Begin::Answered(outcome(1)));

    let sent_again = Claim { record: Uuid::new_v4(), token: Uuid::new_v4(), ..first };
    assert_eq!(state.begin(&sent_again).await.unwrap(), open(None, None, None));
    assert_eq!(state.save(&sent_again, &change(None, request_outcome(2))).await.unwrap(), Saved::Done);
    assert_eq!(state.begin(&redelivered).await.unwrap(), Begin::Answered(outcome(2)), "the request's counts first");
}

async fn whoever_only_asks_whether_it_is_answered_takes_nothing(state: &dyn MemberState) {
    for scope in [Scope::Request, Scope::Record] {
        let claim = claim(member());
        assert!(!state.is_answered(&claim).await.unwrap());
        assert_eq!(state.begin(&another(&claim)).await.unwrap(), open(None, None, None), "no lock was taken");
        state.remember(&claim, scope, &outcome(1)).await.unwrap();
        assert!(state.is_answered(&claim).await.unwrap());
        assert_eq!(state.begin(&another(&claim)).await.unwrap(), Begin::Busy, "nor given back");
        let again = Claim { record: Uuid::new_v4(), ..claim.clone() };
        assert_eq!(state.is_answered(&again).await.unwrap(), scope == Scope::Request);
    }
}

async fn an_outcome_releases_the_lock_and_its_absence_keeps_it(state: &dyn MemberState) {
    let first = claim(member());
    let second = another(&first);
    state.begin(&first).await.unwrap();
    assert_eq!(state.save(&first, &put_session(None, session(1))).await.unwrap(), Saved::Done);
    assert_eq!(state.begin(&second).await.unwrap(), Begin::Busy);
    assert_eq!(state.save(&first, &change(None, request_outcome(1))).await.unwrap(), Saved::Done);
    assert_eq!(state.begin(&second).await.unwrap(), open(Some(session(1)), None, None));
}

async fn a_save_that_is_repeated_finds_its_own_answer(state: &dyn MemberState) {
    let claim = claim(member());
    state.begin(&claim).await.unwrap();
    let turn = SessionChange { session: Write::Put(session(1)), ..nothing(None) };
    let turn = change(Some(turn), request_outcome(1));
    assert_eq!(state.save(&claim, &turn).await.unwrap(), Saved::Done);
    assert_eq!(state.save(&claim, &turn).await.unwrap(), Saved::Answered(outcome(1)));
    assert_eq!(state.begin(&another(&claim)).await.unwrap(), open(Some(session(1)), None, None));
}

async fn a_request_answered_elsewhere_refuses_a_second_answer(state: &dyn MemberState) {
    let slow = claim(member());
    state.begin(&slow).await.unwrap();
    let quick = Claim { record: Uuid::new_v4(), token: Uuid::new_v4(), ..slow.clone() };
    state.remember(&quick, Scope::Request, &outcome(1)).await.unwrap();

    let turn = SessionChange { session: Write::Put(session(1)), ..nothing(None) };
    let saved = state.save(&slow, &change(Some(turn), request_outcome(2))).await.unwrap();
    assert_eq!(saved, Saved::Answered(outcome(1)));
    assert_eq!(
        state.begin(&another(&slow)).await.unwrap(),
        open(None, None, None),
        "nothing was written, and the lock is free"
    );
}

async fn an_answer_needs_no_lock_but_the_version(state: &dyn MemberState) {
    let paused = claim(member());
    state.begin(&paused).await.unwrap();
    state.release(&paused).await.unwrap();
    let other = another(&paused);
    state.begin(&other).await.unwrap();

    let turn = SessionChange { session: Write::Put(session(1)), ..nothing(None) };
    assert_eq!(state.save(&paused, &change(Some(turn), request_outcome(1))).await.unwrap(), Saved::Done);
    assert_eq!(state.renew(&other).await.unwrap(), Renewal::Ours, "the lock of another is left alone");
    let turn = SessionChange { session: Write::Put(session(1)), ..nothing(None) };
    assert_eq!(state.save(&other, &change(Some(turn), request_outcome(2))).await.unwrap(), Saved::Conflict);
}

async fn a_failure_that_may_be_tried_again_gives_way_to_whoever_has_the_lock(state: &dyn MemberState) {
    for flow in [Flow::Feedback, Flow::Resume] {
        let paused = Claim { flow, ..claim(member()) };
        let fail = change(None, Some((Scope::Record, outcome(1))));
        state.begin(&paused).await.unwrap();
        state.release(&paused).await.unwrap();
        let next_owner = Claim { token: Uuid::new_v4(), ..paused.clone() };
        state.begin(&next_owner).await.unwrap();

        assert_eq!(state.save(&paused, &fail).await.unwrap(), Saved::Conflict);
        assert_eq!(state.renew(&next_owner).await.unwrap(), Renewal::Ours, "the lock of another is left alone");
        assert_eq!(state.save(&next_owner, &change(None, request_outcome(2))).await.unwrap(), Saved::Done);
        assert_eq!(state.save(&paused, &fail).await.unwrap(), Saved::Answered(outcome(2)));

        let alone = Claim { flow, ..claim(member()) };
        assert_eq!(state.save(&alone, &fail).await.unwrap(), Saved::Done, "nobody is at it");
    }
}

async fn a_draft_is_saved_unless_somebody_else_has_the_lock(state: &dyn MemberState) {
    let claim = claim(member());
    let save_draft = change(Some(SessionChange { draft: Write::Put(draft()), ..nothing(None) }), None);
    state.begin(&claim).await.unwrap();
    assert_eq!(state.save(&claim, &save_draft).await.unwrap(), Saved::Done);
    assert_eq!(state.save(&claim, &save_draft).await.unwrap(), Saved::Done, "again is harmless");

    // As if the lock had expired while the work went on.
    state.release(&claim).await.unwrap();
    assert_eq!(state.save(&claim, &save_draft).await.unwrap(), Saved::Done);
    let other = another(&claim);
    assert_eq!(state.begin(&other).await.unwrap(), Begin::Busy, "the lock was taken again");

    state.release(&claim).await.unwrap();
    assert_eq!(state.begin(&other).await.unwrap(), open(None, Some(draft()), None));
    let delete_draft = change(Some(SessionChange { draft: Write::Delete, ..nothing(None) }), None);
    assert_eq!(state.save(&claim, &delete_draft).await.unwrap(), Saved::Conflict, "somebody else has it now");
    assert_eq!(state.begin(&other).await.unwrap(), open(None, Some(draft()), None));
}

async fn a_session_at_another_version_is_left_alone(state: &dyn MemberState) {
    let claim = with_session(state, 4).await;
    for expected in [None, Some(3), Some(5)] {
        let turn = SessionChange { session: Write::Put(session(9)), ..nothing(expected) };
        let answer = change(Some(turn), request_outcome(1));
        assert_eq!(state.save(&claim, &answer).await.unwrap(), Saved::Conflict);
        assert_eq!(state.save(&claim, &put_session(expected, session(9))).await.unwrap(), Saved::Conflict);
    }
    assert_eq!(state.begin(&claim).await.unwrap(), open(Some(session(4)), None, None), "the lock is still ours");
}

async fn a_session_that_is_gone_is_a_conflict(state: &dyn MemberState) {
    let claim = claim(member());
    state.begin(&claim).await.unwrap();
    assert_eq!(state.save(&claim, &put_session(Some(1), session(2))).await.unwrap(), Saved::Conflict);
    assert_eq!(state.begin(&claim).await.unwrap(), open(None, None, None));
}

async fn a_refused_change_writes_no_part_of_itself(state: &dyn MemberState) {
    let claim = with_session(state, 1).await;
    let stale = SessionChange {
        expected: Some(7),
        session: Write::Delete,
        draft: Write::Put(draft()),
        ended: Write::Put(ended(1)),
    };
    assert_eq!(state.save(&claim, &change(Some(stale), request_outcome(1))).await.unwrap(), Saved::Conflict);
    assert_eq!(state.begin(&claim).await.unwrap(), open(Some(session(1)), None, None));
}

async fn deleted_parts_are_gone_and_kept_parts_stay(state: &dyn MemberState) {
    let claim = with_session(state, 1).await;
    let write = SessionChange { draft: Write::Put(draft()), ended: Write::Put(ended(2)), ..nothing(Some(1)) };
    assert_eq!(state.save(&claim, &change(Some(write), None)).await.unwrap(), Saved::Done);
    let finish = SessionChange { session: Write::Delete, draft: Write::Delete, ..nothing(Some(1)) };
    assert_eq!(state.save(&claim, &change(Some(finish), request_outcome(1))).await.unwrap(), Saved::Done);
    assert_eq!(state.begin(&another(&claim)).await.unwrap(), open(None, None, Some(ended(2))));
}

async fn the_first_outcome_remembered_stays(state: &dyn MemberState) {
    for scope in [Scope::Request, Scope::Record] {
        let claim = claim(member());
        assert_eq!(state.remember(&claim, scope, &outcome(1)).await.unwrap(), outcome(1));
        assert_eq!(state.remember(&claim, scope, &outcome(2)).await.unwrap(), outcome(1));
        assert_eq!(state.begin(&claim).await.unwrap(), Begin::Answered(outcome(1)));
    }
}

async fn a_remembered_outcome_needs_no_lock_and_takes_none(state: &dyn MemberState) {
    let holder = claim(member());
    let other = another(&holder);
    state.begin(&holder).await.unwrap();
    state.remember(&other, Scope::Request, &outcome(1)).await.unwrap();
    assert_eq!(state.begin(&other).await.unwrap(), Begin::Answered(outcome(1)), "even while the member is locked");
    assert_eq!(state.renew(&holder).await.unwrap(), Renewal::Ours);
}

async fn only_the_last_64_ended_questions_are_remembered(state: &dyn MemberState) {
    let claim = claim(member());
    state.begin(&claim).await.unwrap();
    let turn = SessionChange { ended: Write::Put(ended(70)), ..nothing(None) };
    state.save(&claim, &change(Some(turn), None)).await.unwrap();
    let Begin::Open { ended: Some(kept), .. } = state.begin(&claim).await.unwrap() else { panic!("it was stored") };
    assert_eq!(kept.question_ids, ended(70).question_ids[6..]);
}

async fn members_and_flows_do_not_meet(state: &dyn MemberState) {
    let resume = claim(member());
    let feedback = Claim { flow: Flow::Feedback, token: Uuid::new_v4(), ..resume.clone() };
    let neighbour = Claim { member: member(), token: Uuid::new_v4(), ..resume.clone() };
    for claim in [&resume, &feedback, &neighbour] {
        assert_eq!(state.begin(claim).await.unwrap(), open(None, None, None));
    }
    state.save(&feedback, &change(None, request_outcome(1))).await.unwrap();
    let turn = SessionChange { session: Write::Put(session(1)), ..nothing(None) };
    state.save(&resume, &change(Some(turn), request_outcome(2))).await.unwrap();
    assert_eq!(state.begin(&feedback).await.unwrap(), Begin::Answered(outcome(1)));
    assert_eq!(state.begin(&resume).await.unwrap(), Begin::Answered(outcome(2)));
    assert_eq!(state.begin(&neighbour).await.unwrap(), open(None, None, None));
}

async fn of_many_takers_one_gets_the_lock(state: &dyn MemberState) {
    let first = claim(member());
    let takers: Vec<Claim> = (0..100).map(|_| another(&first)).collect();
    let found = join_all(takers.iter().map(|claim| state.begin(claim))).await;
    let open = found.iter().filter(|begin| matches!(begin, Ok(Begin::Open { .. }))).count();
    let busy = found.iter().filter(|begin| matches!(begin, Ok(Begin::Busy))).count();
    assert_eq!((open, busy), (1, 99));
}

async fn of_many_turns_on_one_version_one_is_saved(state: &dyn MemberState) {
    let first = with_session(state, 1).await;
    let claims: Vec<Claim> = (0..100).map(|_| another(&first)).collect();
    let turn = SessionChange { session: Write::Put(session(2)), ..nothing(Some(1)) };
    let turn = change(Some(turn), request_outcome(1));
    let saved = join_all(claims.iter().map(|claim| state.save(claim, &turn))).await;
    let done = saved.iter().filter(|saved| matches!(saved, Ok(Saved::Done))).count();
    let conflicts = saved.iter().filter(|saved| matches!(saved, Ok(Saved::Conflict))).count();
    assert_eq!((done, conflicts), (1, 99));
}

async fn of_many_answers_to_one_request_one_is_saved(state: &dyn MemberState) {
    let first = claim(member());
    let tries: Vec<(Claim, Change)> = (0..100)
        .map(|number| {
            let claim = Claim { record: Uuid::new_v4(), token: Uuid::new_v4(), ..first.clone() };
            (claim, change(None, request_outcome(number)))
        })
        .collect();
    let saved = join_all(tries.iter().map(|(claim, change)| state.save(claim, change))).await;
    let Begin::Answered(winner) = state.begin(&first).await.unwrap() else { panic!("one of them was saved") };
    let done = saved.iter().filter(|saved| matches!(saved, Ok(Saved::Done))).count();
    let told = saved.iter().filter(|saved| matches!(saved, Ok(Saved::Answered(outcome)) if *outcome == winner)).count();
    assert_eq!((done, told), (1, 99));
}

async fn text_of_any_kind_comes_back_as_it_was(state: &dyn MemberState) {
    let claim = claim(member());
    let texts =
        ["", "-", "'\"\\\u{0}\u{7}\u{1b}", "이력서 ✅ 👩‍💻", "{\"version\": 9}", "]]> ${x} %s \r\n\u{2028}\u{feff}"];
    let mut stored = session(1);
    stored.inputs.known.additional_experiences = Some(texts.concat());
    stored.exchanges = texts.into_iter().map(|text| Exchange { question: text.to_owned(), ..exchange() }).collect();
    state.begin(&claim).await.unwrap();
    assert_eq!(state.save(&claim, &put_session(None, stored.clone())).await.unwrap(), Saved::Done);
    assert_eq!(state.begin(&claim).await.unwrap(), open(Some(stored), None, None));

    let texts = json!({"texts": texts, "number": i64::MAX, "nested": {"null": null, "float": 0.1}}).to_string();
    // Nothing that reads it into numbers, names and texts would keep it as it is.
    let odd = r#"{ "n":1.50, "n": 12345678901234567890.0, "text":"\ud800" }"#;
    for context in [texts.as_str(), odd] {
        let claim = another(&claim);
        let id = Uuid::nil();
        let data = format!(r#"{{"memberId":7,"feedback":".","context":{context},"new":{context}}}"#);
        let stored = format!(r#"{{"id":"{id}","time":"","type":"FeedbackGenerated","data":{data}}}"#);
        let outcome: SavedOutcome = serde_json::from_str(&stored).unwrap();
        assert_eq!(outcome.json().get(), data);
        state.save(&claim, &change(None, Some((Scope::Request, outcome.clone())))).await.unwrap();
        assert_eq!(state.begin(&claim).await.unwrap(), Begin::Answered(outcome));
    }
}

/// Old and new workers take turns on an interview while one replaces the other.
async fn what_a_newer_worker_stored_beside_survives_a_turn(state: &dyn MemberState) {
    let beside = json!({"mood": ["좋음", 1, 0.5, null], "at": {"place": "새 버전"}}).as_object().cloned().unwrap();
    let mut newer = session(1);
    newer.unknown = beside.clone();
    newer.inputs.unknown = beside.clone();
    newer.exchanges[0].unknown = beside.clone();
    let list = Ended { unknown: beside.clone(), ..ended(3) };
    let claim = claim(member());
    state.begin(&claim).await.unwrap();
    let turn = SessionChange { session: Write::Put(newer), ended: Write::Put(list), ..nothing(None) };
    state.save(&claim, &change(Some(turn), None)).await.unwrap();

    let (mut found, earlier) = session_and_ended(state, &claim).await;
    found.version = 2;
    found.exchanges[0].answer = Some("답".to_owned());
    found.exchanges.push(exchange());
    let list = Ended::after(&found, Some(&earlier), found.started_at);
    let turn = SessionChange { session: Write::Put(found.clone()), ended: Write::Put(list), ..nothing(Some(1)) };
    state.save(&claim, &change(Some(turn), None)).await.unwrap();

    let (kept, list) = session_and_ended(state, &claim).await;
    assert_eq!(kept, found);
    for unknown in [&kept.unknown, &kept.inputs.unknown, &kept.exchanges[0].unknown, &list.unknown] {
        assert_eq!(*unknown, beside);
    }
    assert_eq!(list.question_ids.len(), 5);
}

async fn session_and_ended(state: &dyn MemberState, claim: &Claim) -> (Session, Ended) {
    match state.begin(claim).await.unwrap() {
        Begin::Open { session: Some(session), ended: Some(ended), .. } => (session, ended),
        other => panic!("both were stored: {other:?}"),
    }
}

async fn the_store_says_that_it_can_be_used(state: &dyn MemberState) {
    state.check().await.unwrap();
}
