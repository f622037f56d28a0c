//! What every store of state must do when a member is erased.
//!
//! Each function works for members of its own, so that all may run at once and again and again on one store.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use futures_util::future::LocalBoxFuture;
use ssammu_worker::events::outcome::Scope;
use ssammu_worker::events::record::Flow;
use ssammu_worker::state::erasure::{Erasure, Holdings};
use ssammu_worker::state::{Begin, Claim, MemberState, Renewal, Saved, SessionChange, Write};
use uuid::Uuid;

use super::fixtures::{
    SENT, another, change, claim, draft, ended, member, nothing, open, outcome, put_session, request_outcome, session,
    tests,
};

/// A store from which members can be erased.
pub trait Store: MemberState + Erasure {}

impl<T: MemberState + Erasure> Store for T {}

/// A sentence, and the function that proves it.
pub type Test = (&'static str, for<'a> fn(&'a dyn Store) -> LocalBoxFuture<'a, ()>);

/// The tests for a store with lifetimes in which nothing expires.
pub fn all() -> Vec<Test> {
    tests![
        what_was_sent_until_the_mark_is_not_begun_and_what_comes_later_is,
        an_erased_request_waits_for_nobody_and_gives_its_lock_back,
        everything_is_removed_but_locks_and_the_mark,
        a_request_that_had_been_answered_is_known_by_its_name_alone,
        whoever_slept_past_the_erasure_saves_nothing,
        nothing_is_remembered_of_what_was_sent_before,
        a_member_is_erased_again_and_again_and_its_neighbours_are_left_alone,
    ]
}

/// The same request, of this flow and sent then.
fn sent(claim: &Claim, flow: Flow, sent_at: Option<i64>) -> Claim {
    Claim { flow, sent_at, ..claim.clone() }
}

const UNANSWERED: Begin = Begin::Erased { was_answered: false };
const ANSWERED: Begin = Begin::Erased { was_answered: true };

async fn what_was_sent_until_the_mark_is_not_begun_and_what_comes_later_is(state: &dyn Store) {
    let claim = claim(member());
    assert_eq!(state.erased_at(claim.member).await.unwrap(), None);
    state.mark_erased(claim.member, SENT).await.unwrap();
    assert_eq!(state.erased_at(claim.member).await.unwrap(), Some(SENT));
    for flow in [Flow::Feedback, Flow::Resume] {
        for sent_at in [Some(SENT - 1), Some(SENT), None, Some(i64::MIN)] {
            assert_eq!(state.begin(&sent(&claim, flow, sent_at)).await.unwrap(), UNANSWERED, "{sent_at:?}");
        }
        for sent_at in [Some(SENT + 1), Some(i64::MAX)] {
            let later = sent(&claim, flow, sent_at);
            assert_eq!(state.begin(&later).await.unwrap(), open(None, None, None), "{sent_at:?}");
            state.release(&later).await.unwrap();
        }
    }
}

async fn an_erased_request_waits_for_nobody_and_gives_its_lock_back(state: &dyn Store) {
    let (at_work, waiting) = (claim(member()), SENT + 1);
    state.begin(&at_work).await.unwrap();
    state.mark_erased(at_work.member, SENT).await.unwrap();
    assert_eq!(state.begin(&another(&at_work)).await.unwrap(), UNANSWERED);
    let later = Claim { sent_at: Some(waiting), ..another(&at_work) };
    assert_eq!(state.begin(&later).await.unwrap(), Begin::Busy);
    assert_eq!(state.begin(&at_work).await.unwrap(), UNANSWERED);
    assert_eq!(state.begin(&later).await.unwrap(), open(None, None, None));
}

/// A session, a draft, ended questions, and an outcome of each flow.
async fn with_everything(state: &dyn Store) -> [Claim; 2] {
    let resume = claim(member());
    let feedback = Claim { flow: Flow::Feedback, token: Uuid::new_v4(), ..another(&resume) };
    let turn = SessionChange {
        expected: None,
        session: Write::Put(session(1)),
        draft: Write::Put(draft()),
        ended: Write::Put(ended(2)),
    };
    assert_eq!(state.save(&resume, &change(Some(turn), request_outcome(1))).await.unwrap(), Saved::Done);
    let failed = change(None, Some((Scope::Record, outcome(2))));
    assert_eq!(state.save(&feedback, &failed).await.unwrap(), Saved::Done);
    [resume, feedback]
}

async fn everything_is_removed_but_locks_and_the_mark(state: &dyn Store) {
    let [resume, _] = with_everything(state).await;
    let holder = Claim { sent_at: Some(i64::MAX), ..another(&resume) };
    state.begin(&holder).await.unwrap();
    state.mark_erased(resume.member, SENT).await.unwrap();
    let all = Holdings { sessions: 1, drafts: 1, ended: 1, outcomes: 2, locks: 0 };
    assert_eq!(state.forget(resume.member).await.unwrap(), all);
    assert_eq!(state.forget(resume.member).await.unwrap(), Holdings::default(), "there is nothing any more");
    assert_eq!(state.renew(&holder).await.unwrap(), Renewal::Ours);
    assert_eq!(state.erased_at(resume.member).await.unwrap(), Some(SENT));
    assert_eq!(state.begin(&holder).await.unwrap(), open(None, None, None));
    assert!(!state.is_answered(&resume).await.unwrap());
}

async fn a_request_that_had_been_answered_is_known_by_its_name_alone(state: &dyn Store) {
    let [resume, feedback] = with_everything(state).await;
    state.mark_erased(resume.member, SENT).await.unwrap();
    assert_eq!(state.begin(&resume).await.unwrap(), Begin::Answered(outcome(1)), "until it is removed");
    state.forget(resume.member).await.unwrap();
    let by = |claim: &Claim, record| Claim { record, token: Uuid::new_v4(), ..claim.clone() };
    for answered in [&resume, &by(&resume, Uuid::new_v4()), &feedback] {
        assert_eq!(state.begin(answered).await.unwrap(), ANSWERED);
    }
    // A failure that may be tried again was that of its record.
    for open in [&by(&feedback, Uuid::new_v4()), &another(&resume)] {
        assert_eq!(state.begin(open).await.unwrap(), UNANSWERED);
    }
    let sent_again = Claim { sent_at: Some(SENT + 1), ..resume };
    assert_eq!(state.begin(&sent_again).await.unwrap(), open(None, None, None), "it is a request like any other");
}

async fn whoever_slept_past_the_erasure_saves_nothing(state: &dyn Store) {
    let init = claim(member());
    let feedback = Claim { flow: Flow::Feedback, token: Uuid::new_v4(), ..another(&init) };
    for claim in [&init, &feedback] {
        state.begin(claim).await.unwrap();
        // As if it had expired.
        state.release(claim).await.unwrap();
    }
    state.mark_erased(init.member, SENT).await.unwrap();
    for claim in [&init, &feedback] {
        assert_eq!(state.renew(claim).await.unwrap(), Renewal::Theirs, "its work is for nothing");
    }
    let put = SessionChange { session: Write::Put(session(1)), draft: Write::Put(draft()), ..nothing(None) };
    for (claim, change) in [
        (&init, put_session(None, session(1))),
        (&init, change(Some(put), request_outcome(1))),
        (&feedback, change(None, request_outcome(1))),
        (&feedback, change(None, Some((Scope::Record, outcome(1))))),
    ] {
        assert_eq!(state.save(claim, &change).await.unwrap(), Saved::Conflict, "{change:?}");
        assert_eq!(state.begin(claim).await.unwrap(), UNANSWERED);
    }
    assert_eq!(state.forget(init.member).await.unwrap(), Holdings::default());
}

async fn nothing_is_remembered_of_what_was_sent_before(state: &dyn Store) {
    let before = claim(member());
    state.mark_erased(before.member, SENT).await.unwrap();
    assert_eq!(state.remember(&before, Scope::Request, &outcome(1)).await.unwrap(), outcome(1));
    assert!(!state.is_answered(&before).await.unwrap());
    let after = Claim { sent_at: Some(SENT + 1), ..another(&before) };
    assert_eq!(state.remember(&after, Scope::Request, &outcome(2)).await.unwrap(), outcome(2));
    assert_eq!(state.begin(&after).await.unwrap(), Begin::Answered(outcome(2)));
}

async fn a_member_is_erased_again_and_again_and_its_neighbours_are_left_alone(state: &dyn Store) {
    let (erased, neighbour) = (claim(member()), claim(member()));
    state.save(&neighbour, &put_session(None, session(1))).await.unwrap();
    for at in [SENT - 10, SENT + 10] {
        state.mark_erased(erased.member, at).await.unwrap();
        state.forget(erased.member).await.unwrap();
        assert_eq!(state.erased_at(erased.member).await.unwrap(), Some(at));
        let (until, from) =
            (Claim { sent_at: Some(at), ..erased.clone() }, Claim { sent_at: Some(at + 1), ..erased.clone() });
        assert_eq!(state.begin(&until).await.unwrap(), UNANSWERED);
        assert_eq!(state.begin(&from).await.unwrap(), open(None, None, None));
        state.release(&from).await.unwrap();
    }
    assert_eq!(state.erased_at(neighbour.member).await.unwrap(), None);
    assert_eq!(state.begin(&neighbour).await.unwrap(), open(Some(session(1)), None, None));
}
