//! What the state in Redis must do with what others wrote there.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use ssammu_worker::state::{Begin, MemberState, Saved};

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
