//! The node `check_completion`, which decides the conditional edge: another question, or the résumé.

use crate::state::session::Session;

/// Where the graph goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    GenerateQuestion(NextQuestion),
    CreateResume,
}

/// A question that is to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextQuestion {
    /// From 1.
    pub number: u32,
    /// Most that are asked.
    pub max: u32,
    /// The model may say instead that it knows enough.
    pub may_end: bool,
}

/// Whether there is another question to ask: from `min` to `max` are. `decided` says that the model already knew enough
/// in an earlier try of this very turn, when that was its to say.
pub fn check_completion(session: &Session, min: u32, max: u32, decided: bool) -> Next {
    let asked = u32::try_from(session.exchanges.len()).unwrap_or(u32::MAX);
    if decided || asked >= max {
        return Next::CreateResume;
    }
    Next::GenerateQuestion(NextQuestion { number: asked + 1, max, may_end: asked >= min })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::session::tests::asked;

    #[test]
    fn questions_are_asked_up_to_the_limit() {
        let question = |number, may_end| Next::GenerateQuestion(NextQuestion { number, max: 3, may_end });
        assert_eq!(check_completion(&asked(0), 1, 3, false), question(1, false));
        assert_eq!(check_completion(&asked(2), 1, 3, false), question(3, true));
        assert_eq!(check_completion(&asked(3), 1, 3, false), Next::CreateResume);
    }

    #[test]
    fn the_model_may_end_the_questions_once_the_least_have_been_asked() {
        let may_end = |questions, min| match check_completion(&asked(questions), min, 3, false) {
            Next::GenerateQuestion(next) => Some(next.may_end),
            Next::CreateResume => None,
        };
        for (min, expected) in [
            (0, [Some(true), Some(true), Some(true)]),
            (1, [Some(false), Some(true), Some(true)]),
            (2, [Some(false), Some(false), Some(true)]),
            (3, [Some(false), Some(false), Some(false)]),
        ] {
            assert_eq!([0, 1, 2].map(|questions| may_end(questions, min)), expected, "{min}");
            assert_eq!(may_end(3, min), None);
        }
    }

    /// Also one of a worker that asked for fewer questions.
    #[test]
    fn a_decision_that_was_paid_for_is_not_asked_again() {
        assert_eq!(check_completion(&asked(1), 1, 3, true), Next::CreateResume);
        assert_eq!(check_completion(&asked(0), 1, 3, true), Next::CreateResume);
    }
}
