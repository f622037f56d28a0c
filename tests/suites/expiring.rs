//! What every [`MemberState`] must do as time goes by.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::time::Duration;

use ssammu_worker::state::{Begin, Claim, Lifetimes, MemberState, Renewal, Saved, SessionChange, Write};

use super::fixtures::{
    Test, another, change, claim, draft, ended, member, nothing, open, put_session, request_outcome, session, tests,
};

/// The lifetimes for [`all`].
pub const SHORT: Lifetimes = Lifetimes {
    session: Duration::from_millis(700),
    outcome: Duration::from_millis(700),
    lock: Duration::from_millis(700),
};

/// The tests for a store with [`SHORT`] lifetimes.
pub fn all() -> Vec<Test> {
    tests![
        a_lock_that_nobody_renews_ends,
        a_renewed_lock_outlives_its_first_term,
        beginning_again_renews_the_lock,
        a_worker_that_lost_its_lock_can_write_nothing_stale,
        sessions_and_outcomes_expire,
        a_session_outlives_the_work_for_it,
    ]
}

async fn a_lock_that_nobody_renews_ends(state: &dyn MemberState) {
    let dead = claim(member());
    state.begin(&dead).await.unwrap();
    take_over(state, &another(&dead)).await;
    assert_eq!(state.renew(&dead).await.unwrap(), Renewal::Theirs);
}

async fn a_renewed_lock_outlives_its_first_term(state: &dyn MemberState) {
    let holder = claim(member());
    state.begin(&holder).await.unwrap();
    outlive_two_terms(async || assert_eq!(state.renew(&holder).await.unwrap(), Renewal::Ours)).await;
    assert_eq!(state.begin(&another(&holder)).await.unwrap(), Begin::Busy);
}

async fn beginning_again_renews_the_lock(state: &dyn MemberState) {
    let holder = claim(member());
    outlive_two_terms(async || assert_eq!(state.begin(&holder).await.unwrap(), open(None, None, None))).await;
    assert_eq!(state.begin(&another(&holder)).await.unwrap(), Begin::Busy);
}

async fn a_worker_that_lost_its_lock_can_write_nothing_stale(state: &dyn MemberState) {
    let paused = claim(member());
    state.begin(&paused).await.unwrap();
    let successor = another(&paused);
    take_over(state, &successor).await;
    assert_eq!(state.save(&successor, &put_session(None, session(1))).await.unwrap(), Saved::Done);

    assert_eq!(state.save(&paused, &put_session(None, session(9))).await.unwrap(), Saved::Conflict);
    let current = SessionChange { draft: Write::Put(draft()), ..nothing(Some(1)) };
    assert_eq!(state.save(&paused, &change(Some(current), None)).await.unwrap(), Saved::Conflict, "no lock, no draft");
    let stale = SessionChange { session: Write::Put(session(9)), ..nothing(None) };
    assert_eq!(state.save(&paused, &change(Some(stale), request_outcome(1))).await.unwrap(), Saved::Conflict);
}

async fn sessions_and_outcomes_expire(state: &dyn MemberState) {
    let claim = claim(member());
    state.begin(&claim).await.unwrap();
    let turn = SessionChange {
        expected: None,
        session: Write::Put(session(1)),
        draft: Write::Put(draft()),
        ended: Write::Put(ended(1)),
    };
    state.save(&claim, &change(Some(turn), request_outcome(1))).await.unwrap();
    // The lock, which would hold the session, is free for as long as the outcome is there.
    until(async || state.begin(&claim).await.unwrap() == open(None, None, None)).await;
}

async fn a_session_outlives_the_work_for_it(state: &dyn MemberState) {
    let holder = claim(member());
    state.begin(&holder).await.unwrap();
    assert_eq!(state.save(&holder, &put_session(None, session(1))).await.unwrap(), Saved::Done);
    outlive_two_terms(async || assert_eq!(state.renew(&holder).await.unwrap(), Renewal::Ours)).await;
    assert_eq!(state.save(&holder, &put_session(Some(1), session(2))).await.unwrap(), Saved::Done);
    outlive_two_terms(async || assert!(matches!(state.begin(&holder).await.unwrap(), Begin::Open { .. }))).await;
    assert_eq!(state.begin(&holder).await.unwrap(), open(Some(session(2)), None, None));
}

/// Tries to begin until the lock of another has ended.
async fn take_over(state: &dyn MemberState, claim: &Claim) {
    until(async || state.begin(claim).await.unwrap() != Begin::Busy).await;
}

/// Polls until something is so; fails when it takes far longer than [`SHORT`] lifetimes allow.
async fn until(condition: impl AsyncFn() -> bool) {
    let poll = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        while !condition().await {
            ticks.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(15), poll).await.expect("it did not happen in time");
}

/// Does something every few milliseconds for two lifetimes of a lock.
async fn outlive_two_terms(act: impl AsyncFn()) {
    let end = tokio::time::Instant::now() + 2 * SHORT.lock;
    let mut ticks = tokio::time::interval(SHORT.lock / 20);
    while tokio::time::Instant::now() < end {
        act().await;
        ticks.tick().await;
    }
}
