//! The node `generate_question`: what becomes of a model's reply to it.

use super::check_completion::NextQuestion;
use crate::resume::question::{Reading, is_new};

/// What is asked where the model has nothing to ask but may not end the interview: good for anyone, in this order.
const OWN_QUESTIONS: [&str; 3] = [
    "가장 자신 있게 소개할 수 있는 프로젝트나 업무를 하나 골라, 그 안에서 맡은 역할을 구체적으로 말씀해 주시겠어요?",
    "지금까지 개발하면서 부딪힌 가장 어려운 문제는 무엇이었고, 어떻게 해결하셨나요?",
    "직접 만들거나 개선한 결과가 얼마나 좋아졌는지, 수치로 보여 줄 수 있는 성과가 있다면 무엇인가요?",
];

/// One of the two times that the model is asked for a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub next: NextQuestion,
    /// The second time, in firmer words.
    pub is_firm: bool,
    /// The first time the model said that it knows enough, before it may.
    pub is_content: bool,
}

impl Attempt {
    pub fn first(next: NextQuestion) -> Self {
        Self { next, is_firm: false, is_content: false }
    }
}

/// What became of the model's reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Ask the member this, and wait.
    Question(String),
    /// The model knows enough: create the résumé, in this very turn.
    Enough,
    /// Nothing usable, or the model knows enough before it may: ask it more firmly.
    Again(Attempt),
    /// The model knows enough before it may, and was asked firmly: [ask ourselves](own_question).
    TooEarly,
    /// Nothing usable in two replies: give up.
    Nothing,
}

/// Decides what a reply leads to.
pub fn generate_question(attempt: Attempt, reading: Reading) -> Asked {
    let is_content = match reading {
        Reading::Question(question) => return Asked::Question(question),
        Reading::Enough if attempt.next.may_end => return Asked::Enough,
        Reading::Enough => true,
        Reading::Unusable => attempt.is_content,
    };
    match (attempt.is_firm, is_content) {
        (false, _) => Asked::Again(Attempt { is_firm: true, is_content, ..attempt }),
        (true, true) => Asked::TooEarly,
        (true, false) => Asked::Nothing,
    }
}

/// A question of our own that has not been asked: a member who begins an interview gets a question, and no failure
/// because the model is content with little.
pub fn own_question(asked: &[&str]) -> Option<&'static str> {
    OWN_QUESTIONS.into_iter().find(|question| is_new(question, asked))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resume::question;

    fn first(may_end: bool) -> Attempt {
        Attempt::first(NextQuestion { number: 1, max: 3, may_end })
    }

    fn firm(is_content: bool) -> Attempt {
        Attempt { is_firm: true, is_content, ..first(false) }
    }

    #[test]
    fn enough_is_enough_only_where_the_model_may_end() {
        assert_eq!(generate_question(first(true), Reading::Enough), Asked::Enough);
        assert_eq!(generate_question(first(false), Reading::Enough), Asked::Again(firm(true)));
    }

    #[test]
    fn an_unusable_reply_is_asked_for_once_more() {
        assert_eq!(generate_question(first(false), Reading::Unusable), Asked::Again(firm(false)));
        assert_eq!(generate_question(firm(false), Reading::Unusable), Asked::Nothing);
    }

    #[test]
    fn a_model_that_was_content_once_is_no_failure() {
        for (attempt, reading) in
            [(firm(true), Reading::Unusable), (firm(true), Reading::Enough), (firm(false), Reading::Enough)]
        {
            assert_eq!(generate_question(attempt, reading), Asked::TooEarly, "{attempt:?}");
        }
    }

    #[test]
    fn our_own_questions_are_asked_once_each_and_then_there_is_nothing() {
        let mut asked = Vec::new();
        for expected in OWN_QUESTIONS {
            assert_eq!(own_question(&asked), Some(expected));
            asked.push(expected);
        }
        assert_eq!(own_question(&asked), None);
    }

    #[test]
    fn our_own_questions_are_such_as_are_taken_from_a_model() {
        for own in OWN_QUESTIONS {
            assert_eq!(question::read(own, false, &[], false), Reading::Question(own.to_owned()));
        }
    }
}
