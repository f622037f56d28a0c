//! What members have on their screens, as far as this worker knows: the store may lose what it was told last, and answers
//! that name no question would then be stored under another one.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use crate::events::outcome::{OutcomeData, SavedOutcome};
use crate::events::request::MemberId;

/// Members that are remembered, at least; twice as many at most. An entry takes some 50 bytes.
const MEMBERS: usize = 20_000;

/// The question that each member was shown last, in two generations: when the younger is full, the older is forgotten.
pub struct Screens {
    lifetime: Duration,
    generations: Mutex<[HashMap<MemberId, (Uuid, Instant)>; 2]>,
}

impl Screens {
    /// What was shown longer ago than `lifetime` does not count. It is the lifetime of what the store remembers of ended
    /// interviews: a question of one that another worker has ended is known there for as long as it counts here.
    pub fn new(lifetime: Duration) -> Self {
        Self { lifetime, generations: Mutex::default() }
    }

    /// The question that the member was shown last.
    pub fn question(&self, member: MemberId) -> Option<Uuid> {
        let generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let (question, at) = generations.iter().find_map(|generation| generation.get(&member))?;
        (at.elapsed() < self.lifetime).then_some(*question)
    }

    /// An outcome was saved, and will be on the member's screen.
    pub fn show(&self, member: MemberId, outcome: &SavedOutcome) {
        let OutcomeData::Question(question) = outcome.data() else { return };
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let [young, old] = &mut *generations;
        if young.len() >= MEMBERS {
            *old = std::mem::take(young);
        }
        young.insert(member, (question.question_id, Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::outcome::samples;

    const LIFETIME: Duration = Duration::from_secs(60);

    fn member(number: i64) -> MemberId {
        MemberId::new(number).unwrap()
    }

    fn question(number: u32) -> SavedOutcome {
        SavedOutcome::new(Uuid::nil(), String::new(), samples::question(number)).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_question_counts_until_it_is_old() {
        let screens = Screens::new(LIFETIME);
        assert_eq!(screens.question(member(7)), None);
        (1..=2).for_each(|number| screens.show(member(7), &question(number)));
        screens.show(member(7), &SavedOutcome::new(Uuid::nil(), String::new(), samples::feedback()).unwrap());
        assert_eq!((screens.question(member(7)), screens.question(member(8))), (Some(samples::question_id(2)), None));
        tokio::time::advance(LIFETIME).await;
        assert_eq!(screens.question(member(7)), None);
    }

    #[tokio::test]
    async fn the_latest_members_are_remembered_and_no_more_than_there_is_room_for() {
        let screens = Screens::new(LIFETIME);
        let all = 5 * MEMBERS as i64 / 2;
        for number in 1..=all {
            screens.show(member(number), &question(1));
        }
        let known = (1..=all).filter(|number| screens.question(member(*number)).is_some()).count();
        assert!(
            known <= 2 * MEMBERS
                && (all - MEMBERS as i64..=all).all(|number| screens.question(member(number)).is_some())
        );
    }
}
