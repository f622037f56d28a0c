//! The names under which a member's state is stored. The braces make one member's keys of one flow share a cluster
//! slot, so that a script may touch them together.

use super::{Claim, Flow, Scope};

/// The lock on a member's work.
pub(super) fn lock(claim: &Claim) -> String {
    format!("{}:lock", root(claim))
}

/// The session itself.
pub(super) fn session(claim: &Claim) -> String {
    root(claim)
}

/// The draft of a document.
pub(super) fn draft(claim: &Claim) -> String {
    format!("{}:draft", root(claim))
}

/// What is kept of sessions that ended.
pub(super) fn ended(claim: &Claim) -> String {
    format!("{}:ended", root(claim))
}

/// The journal entry for the request or for the record alone.
pub(super) fn outcome(claim: &Claim, scope: Scope) -> String {
    let id = match scope {
        Scope::Request => claim.request,
        Scope::Record => claim.record,
    };
    format!("{}:outcome:{id}", root(claim))
}

/// Every key that a turn may read or write, in the order that the Redis scripts expect. Feedback has no session.
pub(super) fn all(claim: &Claim) -> Vec<String> {
    let mut keys = vec![lock(claim), outcome(claim, Scope::Request), outcome(claim, Scope::Record)];
    match claim.flow {
        Flow::Feedback => {}
        Flow::Resume => keys.extend([session(claim), draft(claim), ended(claim)]),
    }
    keys
}

fn root(claim: &Claim) -> String {
    format!("{}:{{{}}}", claim.flow.name(), claim.member)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::events::request::MemberId;

    fn claim(flow: Flow) -> Claim {
        Claim {
            flow,
            member: MemberId::new(7).unwrap(),
            request: Uuid::from_u128(1),
            record: Uuid::from_u128(2),
            token: Uuid::from_u128(3),
        }
    }

    #[test]
    fn a_resume_turn_uses_the_keys_of_the_contract() {
        assert_eq!(
            all(&claim(Flow::Resume)),
            [
                "resume:{7}:lock",
                "resume:{7}:outcome:00000000-0000-0000-0000-000000000001",
                "resume:{7}:outcome:00000000-0000-0000-0000-000000000002",
                "resume:{7}",
                "resume:{7}:draft",
                "resume:{7}:ended",
            ]
        );
    }

    #[test]
    fn feedback_has_a_lock_and_a_journal_of_its_own() {
        assert_eq!(
            all(&claim(Flow::Feedback)),
            [
                "feedback:{7}:lock",
                "feedback:{7}:outcome:00000000-0000-0000-0000-000000000001",
                "feedback:{7}:outcome:00000000-0000-0000-0000-000000000002",
            ]
        );
    }
}
