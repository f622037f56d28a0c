//! What is known of whoever asks.

use tokio::time::Instant;

use crate::events::request::MemberId;
use crate::gateway::refusal::Refusal;

/// For whom somebody may ask; an extension of each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Nobody has to prove anything: it listens on loopback alone, or an operator has opened it.
    Open,
    /// A server that has a token asks, for any member.
    Service,
    /// A member asks, for itself.
    Member {
        member: MemberId,
        /// When it has to prove that again; `None`: at its next request.
        until: Option<Instant>,
    },
}

impl Proof {
    /// The member that asks; `None` where it may be any.
    pub fn member(self) -> Option<MemberId> {
        match self {
            Self::Member { member, .. } => Some(member),
            Self::Open | Self::Service => None,
        }
    }

    /// When a stream that rests on this ends.
    pub fn until(self) -> Option<Instant> {
        match self {
            Self::Member { until, .. } => until,
            Self::Open | Self::Service => None,
        }
    }

    /// For whom is asked where the query names this member, or nobody by an empty text: the member always comes from the
    /// proof, where there is one.
    ///
    /// # Errors
    /// When that is nobody, or somebody else.
    pub fn asks_for(self, named: &str) -> Result<MemberId, Refusal> {
        match self.member() {
            Some(member) if named.is_empty() || named.parse() == Ok(member) => Ok(member),
            Some(_) => Err(Refusal::other_member()),
            None => named.parse().map_err(|_| Refusal::no_member()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_asks_for_itself_alone_and_a_server_for_anybody() {
        let seven = MemberId::new(7).unwrap();
        let proof = Proof::Member { member: seven, until: None };
        assert_eq!((proof.asks_for(""), proof.asks_for("7")), (Ok(seven), Ok(seven)));
        for other in ["8", "0", "x", " 7", "7,8", "-7"] {
            assert_eq!(proof.asks_for(other), Err(Refusal::other_member()), "{other}");
        }
        for proof in [Proof::Open, Proof::Service] {
            assert_eq!(proof.asks_for("8").map(MemberId::get), Ok(8));
            assert_eq!(proof.asks_for(""), Err(Refusal::no_member()));
        }
    }
}
