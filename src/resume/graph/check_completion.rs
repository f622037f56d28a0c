use crate::resume::session::Session;

/// Where the graph goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The model may ask question `number` of at most `max`, or say that it knows enough.
    GenerateQuestion {
        number: u32,
        max: u32,
    },
    CreateResume,
}

/// Whether there is another question to ask. `decided` says that the model already knew enough in an earlier try of
/// this very turn.
pub fn check_completion(session: &Session, max: u32, decided: bool) -> Next {
    let asked = u32::try_from(session.exchanges.len()).unwrap_or(u32::MAX);
    if decided || asked >= max { Next::CreateResume } else { Next::GenerateQuestion { number: asked + 1, max } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resume::session::tests::asked;

    #[test]
    fn questions_are_asked_up_to_the_limit() {
        assert_eq!(check_completion(&asked(0), 3, false), Next::GenerateQuestion { number: 1, max: 3 });
        assert_eq!(check_completion(&asked(2), 3, false), Next::GenerateQuestion { number: 3, max: 3 });
        assert_eq!(check_completion(&asked(3), 3, false), Next::CreateResume);
    }

    #[test]
    fn a_decision_that_was_paid_for_is_not_asked_again() {
        assert_eq!(check_completion(&asked(1), 3, true), Next::CreateResume);
    }
}
