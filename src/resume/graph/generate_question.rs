use time::OffsetDateTime;
use uuid::Uuid;

use crate::resume::question::{Reading, is_new};
use crate::state::session::{Exchange, Session};

/// What is asked where the model has nothing to ask but may not end the interview: good for anyone, in this order.
const OWN_QUESTIONS: [&str; 3] = [
    "가장 자신 있게 소개할 수 있는 프로젝트나 업무를 하나 골라, 그 안에서 맡은 역할을 구체적으로 말씀해 주시겠어요?",
    "지금까지 개발하면서 부딪힌 가장 어려운 문제는 무엇이었고, 어떻게 해결하셨나요?",
    "직접 만들거나 개선한 결과가 얼마나 좋아졌는지, 수치로 보여 줄 수 있는 성과가 있다면 무엇인가요?",
];

/// What became of the model's reply.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// The question is in the session; wait for the member.
    Waiting(Box<Session>),
    /// The model knows enough: create the résumé, in this very turn.
    Enough,
    /// The model knows enough before it may: ask it more firmly, or [ask ourselves](ask_ourselves).
    TooEarly,
    /// Nothing usable: ask the model more firmly, or give up.
    Nothing,
}

/// Puts the model's question into the session. `may_end` says whether the model may know enough already.
pub fn generate_question(
    session: &Session,
    reading: Reading,
    may_end: bool,
    question_id: Uuid,
    now: OffsetDateTime,
) -> Asked {
    match reading {
        Reading::Enough if may_end => Asked::Enough,
        Reading::Enough => Asked::TooEarly,
        Reading::Unusable => Asked::Nothing,
        Reading::Question(question) => Asked::Waiting(waiting(session, question, question_id, now)),
    }
}

/// Puts a question of our own into the session, one that has not been asked: a member who begins an interview gets a
/// question, and no failure because the model is content with little.
pub fn ask_ourselves(session: &Session, question_id: Uuid, now: OffsetDateTime) -> Asked {
    let asked: Vec<&str> = session.exchanges.iter().map(|exchange| exchange.question.as_str()).collect();
    match OWN_QUESTIONS.into_iter().find(|question| is_new(question, &asked)) {
        Some(question) => Asked::Waiting(waiting(session, question.to_owned(), question_id, now)),
        None => Asked::Nothing,
    }
}

fn waiting(session: &Session, question: String, question_id: Uuid, now: OffsetDateTime) -> Box<Session> {
    let mut session = Box::new(session.clone());
    session.exchanges.push(Exchange { question_id, question, asked_at: now, answer: None });
    session
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resume::question;
    use crate::state::session::tests::{NOW, asked};

    #[test]
    fn a_question_waits_for_its_answer() {
        let id = Uuid::from_u128(9);
        let Asked::Waiting(session) =
            generate_question(&asked(0), Reading::Question("무엇?".to_owned()), false, id, NOW)
        else {
            panic!("a question")
        };
        assert_eq!(session.open_question().map(|open| open.question_id), Some(id));
    }

    #[test]
    fn enough_and_nothing_leave_the_session_alone() {
        let became = |reading, may_end| generate_question(&asked(0), reading, may_end, Uuid::nil(), NOW);
        assert_eq!(became(Reading::Enough, true), Asked::Enough);
        assert_eq!(became(Reading::Enough, false), Asked::TooEarly);
        for may_end in [true, false] {
            assert_eq!(became(Reading::Unusable, may_end), Asked::Nothing);
        }
    }

    #[test]
    fn our_own_questions_are_asked_once_each_and_then_there_is_nothing() {
        let mut session = asked(0);
        for expected in OWN_QUESTIONS {
            let Asked::Waiting(mut asked) = ask_ourselves(&session, Uuid::nil(), NOW) else { panic!("{expected}") };
            let open = asked.exchanges.last_mut().unwrap();
            assert_eq!(open.question, expected);
            open.answer = Some("답".to_owned());
            session = *asked;
        }
        assert_eq!(ask_ourselves(&session, Uuid::nil(), NOW), Asked::Nothing);
    }

    #[test]
    fn our_own_questions_are_such_as_are_taken_from_a_model() {
        for own in OWN_QUESTIONS {
            assert_eq!(question::read(own, false, &[], false), Reading::Question(own.to_owned()));
        }
    }
}
