use time::OffsetDateTime;
use uuid::Uuid;

use crate::resume::question::Reading;
use crate::resume::session::{Exchange, Session};

/// What became of the model's reply.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// The question is in the session; wait for the member.
    Waiting(Box<Session>),
    /// The model knows enough: create the résumé, in this very turn.
    Enough,
    /// Nothing usable: ask the model more firmly, or give up.
    Nothing,
}

/// Puts the model's question into the session.
pub fn generate_question(session: &Session, reading: Reading, question_id: Uuid, now: OffsetDateTime) -> Asked {
    match reading {
        Reading::Enough => Asked::Enough,
        Reading::Unusable => Asked::Nothing,
        Reading::Question(question) => {
            let mut session = Box::new(session.clone());
            session.exchanges.push(Exchange { question_id, question, asked_at: now, answer: None });
            Asked::Waiting(session)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resume::session::tests::{NOW, asked};

    #[test]
    fn a_question_waits_for_its_answer() {
        let id = Uuid::from_u128(9);
        let Asked::Waiting(session) = generate_question(&asked(0), Reading::Question("무엇?".to_owned()), id, NOW)
        else {
            panic!("a question")
        };
        assert_eq!(session.open_question().map(|open| open.question_id), Some(id));
    }

    #[test]
    fn enough_and_nothing_leave_the_session_alone() {
        assert_eq!(generate_question(&asked(0), Reading::Enough, Uuid::nil(), NOW), Asked::Enough);
        assert_eq!(generate_question(&asked(0), Reading::Unusable, Uuid::nil(), NOW), Asked::Nothing);
    }
}
