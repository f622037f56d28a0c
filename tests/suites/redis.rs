//! What the state in Redis must do with what others wrote there.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use futures_util::future::join_all;
use ssammu_worker::state::session::Session;
use ssammu_worker::state::{Begin, MemberState, Renewal, Saved, StateError};

use super::fixtures::{SENT, claim, member, open, put_session, session};

/// What every program so far has written (golden files).
const STORED: [[&str; 3]; 2] = [
    [
        include_str!("../golden/session.unnumbered.json"),
        include_str!("../golden/draft.unnumbered.json"),
        include_str!("../golden/ended.unnumbered.json"),
    ],
    [
        include_str!("../golden/session.1.json"),
        include_str!("../golden/draft.1.json"),
        include_str!("../golden/ended.1.json"),
    ],
];

/// `put` stores a value under a key behind the state's back.
pub async fn what_earlier_workers_stored_is_gone_on_with(state: &dyn MemberState, put: impl AsyncFn(String, String)) {
    for parts in STORED {
        let claim = claim(member());
        let keys = ["", ":draft", ":ended"].map(|part| format!("resume:{{{}}}{part}", claim.member));
        for (key, json) in keys.into_iter().zip(parts) {
            put(key, json.to_owned()).await;
        }
        let begun = state.begin(&claim).await.unwrap();
        let Begin::Open { session: Some(session), draft: Some(draft), ended: Some(ended) } = begun else {
            panic!("{begun:?}")
        };
        assert_eq!((draft.fingerprint, ended.question_ids.len()), (session.fingerprint(), 3));
        let next = Session { version: session.version + 1, ..session.clone() };
        assert_eq!(state.save(&claim, &put_session(None, next.clone())).await.unwrap(), Saved::Conflict);
        assert_eq!(state.save(&claim, &put_session(Some(session.version), next.clone())).await.unwrap(), Saved::Done);
        assert_eq!(state.begin(&claim).await.unwrap(), open(Some(next), Some(draft), Some(ended)));
    }
}

/// Whatever stands there in place of a version: a change that expects what was shown is never refused, or a request would
/// begin again without end. `put` stores a value under a key behind the state's back.
pub async fn an_unreadable_session_can_be_replaced(state: &dyn MemberState, put: impl AsyncFn(String, String)) {
    let at = |version: &str| format!(r#"{{"version": {version}, "from": "the future"}}"#);
    let [[_, _, _], [whole, _, _]] = STORED;
    let stored = [
        ("not even JSON".to_owned(), None),
        ("[]".to_owned(), None),
        (at("5"), Some(5)),
        (at("5.0"), Some(5)),
        (at("1.7636e+12"), Some(1_763_600_000_000)),
        (at(r#"4, "version": 5"#), Some(5)),
        (at("5.5"), None),
        (at("-1"), None),
        (at("1e999"), None),
        (at(r#""5""#), None),
        (at("null"), None),
        // Readable, but for a version that Lua's numbers do not hold.
        (whole.replace("1795341600252", "18446744073709551615"), None),
        (whole.replace("1795341600252", "9007199254740993"), Some(9_007_199_254_740_992)),
    ];
    for (json, version) in stored {
        let claim = claim(member());
        put(format!("resume:{{{}}}", claim.member), json.clone()).await;
        assert_eq!(state.begin(&claim).await.unwrap(), Begin::Unreadable { version }, "{json}");

        let other = Some(version.map_or(1, |version| version + 1));
        assert_eq!(state.save(&claim, &put_session(other, session(9))).await.unwrap(), Saved::Conflict, "{json}");
        assert_eq!(state.save(&claim, &put_session(version, session(6))).await.unwrap(), Saved::Done, "{json}");
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
        assert_eq!(state.renew(claim).await.unwrap(), Renewal::Ours);
    }
}

/// Whoever wrote it; and what is none hinders nobody. `put` stores a value under a key behind the state's back.
pub async fn a_mark_of_erasure_is_heeded_as_it_is_written(state: &dyn MemberState, put: impl AsyncFn(String, String)) {
    for (mark, is_erased) in [(SENT.to_string(), true), ((SENT - 1).to_string(), false), ("soon".to_owned(), false)] {
        let claim = claim(member());
        put(format!("resume:{{{}}}:erased", claim.member), mark.clone()).await;
        let expected = if is_erased { Begin::Erased { was_answered: false } } else { open(None, None, None) };
        assert_eq!(state.begin(&claim).await.unwrap(), expected, "{mark}");
    }
}
