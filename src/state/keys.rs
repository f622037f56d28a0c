//! The names under which a member's state is stored. The braces make one member's keys of one flow share a cluster
//! slot, so that a script may touch them together.

use uuid::Uuid;

use super::Claim;
use super::erasure::Holdings;
use crate::events::outcome::Scope;
use crate::events::record::Flow;
use crate::events::request::MemberId;

const LOCK: &str = ":lock";
const OUTCOME: &str = ":outcome:";
const DRAFT: &str = ":draft";
const ENDED: &str = ":ended";
const ERASED: &str = ":erased";
const ANSWERED: &str = ":answered";
/// How many of [`all`] keys a renewal looks at: all up to the session, where there is one.
const HELD: usize = 6;

/// The lock on a member's work.
pub(super) fn lock(claim: &Claim) -> String {
    root(claim) + LOCK
}

/// The session itself.
pub(super) fn session(claim: &Claim) -> String {
    root(claim)
}

/// The draft of a document.
pub(super) fn draft(claim: &Claim) -> String {
    root(claim) + DRAFT
}

/// What is kept of sessions that ended.
pub(super) fn ended(claim: &Claim) -> String {
    root(claim) + ENDED
}

/// The journal entry for the request or for the record alone.
pub(super) fn outcome(claim: &Claim, scope: Scope) -> String {
    outcome_below(&root(claim), claim, scope)
}

fn outcome_below(root: &str, claim: &Claim, scope: Scope) -> String {
    let id = match scope {
        Scope::Request => claim.request,
        Scope::Record => claim.record,
    };
    [root, OUTCOME, id.hyphenated().encode_lower(&mut Uuid::encode_buffer())].concat()
}

/// Every key that a turn may read or write, in the order that the Redis scripts expect. Feedback has no session.
pub(super) fn all(claim: &Claim) -> Vec<String> {
    let root = root(claim);
    let [request, record] = [Scope::Request, Scope::Record].map(|scope| outcome_below(&root, claim, scope));
    let lock = [&root, LOCK].concat();
    let (erased, answered) = (erased(claim.member), erased_answered(claim.member));
    match claim.flow {
        Flow::Feedback => vec![lock, request, record, erased, answered],
        Flow::Resume => {
            let (draft, ended) = ([&root, DRAFT].concat(), [&root, ENDED].concat());
            vec![lock, request, record, erased, answered, root, draft, ended]
        }
    }
}

/// What is held for as long as a turn goes on, and what shows that it is over: the first of [`all`].
pub(super) fn held(claim: &Claim) -> Vec<String> {
    let mut keys = all(claim);
    keys.truncate(HELD);
    keys
}

/// The keys of nobody's turn, with which the store is tried out: what may be done with members', of both flows, may be done
/// with these. They share a slot.
pub(super) fn trial(id: Uuid) -> Vec<String> {
    let [feedback, resume] = [Flow::Feedback, Flow::Resume].map(|flow| trial_root(flow, id));
    let erased = [&resume, ERASED].concat();
    let answered = [&erased, ANSWERED].concat();
    let turn = [LOCK, ":outcome:request", ":outcome:record"].map(|part| [&feedback, part].concat());
    let session = ["", DRAFT, ENDED].map(|part| [&resume, part].concat());
    turn.into_iter().chain([erased, answered]).chain(session).collect()
}

/// A key that nobody uses, to be written and removed.
pub(super) fn trial_written(id: Uuid) -> String {
    trial_root(Flow::Resume, id) + LOCK
}

fn trial_root(flow: Flow, id: Uuid) -> String {
    format!("{}:{{trial {id}}}", flow.name())
}

fn root(claim: &Claim) -> String {
    root_of(claim.flow, claim.member)
}

/// What all keys of a member and flow begin with.
pub(super) fn root_of(flow: Flow, member: MemberId) -> String {
    [flow.name(), ":{", &member.to_string(), "}"].concat()
}

/// When a member was erased, in both flows: what is in the braces is the same, and so is the slot.
pub(super) fn erased(member: MemberId) -> String {
    root_of(Flow::Resume, member) + ERASED
}

/// Which of a member's requests had been answered before that, by their names.
pub(super) fn erased_answered(member: MemberId) -> String {
    erased(member) + ANSWERED
}

/// The name of the request, or of the record, in the key of a journal entry.
pub(super) fn name_of_outcome(key: &str) -> Option<&str> {
    key.rsplit_once(OUTCOME).map(|(_, name)| name)
}

/// Whose session is stored under this key, if it is a session's.
pub(super) fn session_owner(key: &str) -> Option<MemberId> {
    key.strip_prefix("resume:{")?.strip_suffix('}')?.parse().ok()
}

/// What a stored value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Lock,
    Session,
    Draft,
    Ended,
    Outcome,
}

/// What is stored under a key of this member and flow; `None` for keys that are not ours.
pub(super) fn kind(flow: Flow, member: MemberId, key: &str) -> Option<Kind> {
    match key.strip_prefix(&root_of(flow, member))? {
        "" => Some(Kind::Session),
        LOCK => Some(Kind::Lock),
        DRAFT => Some(Kind::Draft),
        ENDED => Some(Kind::Ended),
        rest => rest.starts_with(OUTCOME).then_some(Kind::Outcome),
    }
}

impl Holdings {
    pub(super) fn count(&mut self, kind: Kind) {
        let count = match kind {
            Kind::Lock => &mut self.locks,
            Kind::Session => &mut self.sessions,
            Kind::Draft => &mut self.drafts,
            Kind::Ended => &mut self.ended,
            Kind::Outcome => &mut self.outcomes,
        };
        *count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(flow: Flow) -> Claim {
        Claim {
            flow,
            member: MemberId::new(7).unwrap(),
            request: Uuid::from_u128(1),
            record: Uuid::from_u128(2),
            sent_at: None,
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
                "resume:{7}:erased",
                "resume:{7}:erased:answered",
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
                "resume:{7}:erased",
                "resume:{7}:erased:answered",
            ]
        );
    }

    #[test]
    fn every_key_of_a_members_data_is_known_again_and_no_other() {
        let claim = claim(Flow::Resume);
        let kinds: Vec<_> = all(&claim).iter().filter_map(|key| kind(Flow::Resume, claim.member, key)).collect();
        let expected = [Kind::Lock, Kind::Outcome, Kind::Outcome, Kind::Session, Kind::Draft, Kind::Ended];
        assert_eq!(kinds, expected);
        let erased = [erased(claim.member), erased_answered(claim.member)];
        let others = ["resume:{77}", "resume:{7}x", "resume:{7}:other", "feedback:{7}:lock"];
        for other in erased.iter().map(String::as_str).chain(others) {
            assert_eq!(kind(Flow::Resume, claim.member, other), None, "{other}");
        }
    }

    #[test]
    fn a_journal_entry_is_named_after_its_request() {
        let name = Uuid::from_u128(1).to_string();
        assert_eq!(name_of_outcome(&outcome(&claim(Flow::Feedback), Scope::Request)), Some(name.as_str()));
        assert_eq!(name_of_outcome("resume:{7}:draft"), None);
    }

    #[test]
    fn only_a_sessions_key_has_a_session_owner() {
        assert_eq!(session_owner("resume:{7}"), MemberId::new(7));
        for other in ["resume:{7}:lock", "resume:{}", "resume:{x}", "resume:{0}", "feedback:{7}"] {
            assert_eq!(session_owner(other), None, "{other}");
        }
    }
}
