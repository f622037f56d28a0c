//! What the state in Redis must do with what others wrote there.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use futures_util::future::join_all;
use ssammu_worker::state::{Begin, MemberState, Saved, StateError};

use super::fixtures::{claim, member, open, put_session, session};

/// A session that cannot be read can be replaced. `put` stores a value under a key behind the state's back.
pub async fn an_unreadable_session_can_be_replaced(state: &dyn MemberState, put: impl AsyncFn(String, &'static str)) {
    let stored = [("not even JSON", None), (r#"{"version": 5, "from": "the future"}"#, Some(5)), ("[]", None)];
    for (json, version) in stored {
        let claim = claim(member());
        put(format!("resume:{{{}}}", claim.member), json).await;
        assert_eq!(state.begin(&claim).await.unwrap(), Begin::Unreadable { version });

        let other = Some(version.map_or(1, |version| version + 1));
        assert_eq!(state.save(&claim, &put_session(other, session(9))).await.unwrap(), Saved::Conflict);
        assert_eq!(state.save(&claim, &put_session(version, session(6))).await.unwrap(), Saved::Done);
        assert_eq!(state.begin(&claim).await.unwrap(), open(Some(session(6)), None, None));
    }
}

/// What happens at the same moment shares a round trip, and is answered as if it did not: to each its own reply, and a
/// key that holds something else is nobody's fault but its member's. `spoil` makes a key unusable behind the state's back.
pub async fn what_happens_at_once_is_answered_one_by_one(state: &dyn MemberState, spoil: impl AsyncFn(String)) {
    let claims: Vec<_> = (0..200).map(|_| claim(member())).collect();
    let (answered, spoilt) = (&claims[70], &claims[140]);
    assert_eq!(state.save(answered, &put_session(None, session(5))).await.unwrap(), Saved::Done);
    spoil(format!("resume:{{{}}}", spoilt.member)).await;
    let begun = join_all(claims.iter().map(|claim| state.begin(claim))).await;
    for (claim, begun) in claims.iter().zip(begun) {
        if claim == spoilt {
            assert!(matches!(begun, Err(StateError::Fault(_))), "{begun:?}");
        } else {
            let expected = (claim == answered).then(|| session(5));
            assert_eq!(begun.unwrap(), open(expected, None, None));
        }
    }
    for claim in claims.iter().filter(|claim| *claim != spoilt) {
        assert!(state.renew(claim).await.unwrap());
    }
}
