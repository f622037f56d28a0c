//! When members were away: a browser that comes back without a last event is told what came in between. Browsers'
//! own `EventSource` names its last event; polyfills that begin anew after an error do not.

use std::collections::HashMap;

use tokio::time::{Duration, Instant};

use crate::events::request::MemberId;
use crate::gateway::history::LastEvent;

/// Longest absence after which a member is told what it missed without asking for it.
pub const ABSENCE_MAX: Duration = Duration::from_secs(120);
/// Members that are remembered before those are dropped that were away for too long.
const MEMBERS: usize = 1_024;

/// Who left, when, and what it had been told last.
#[derive(Debug)]
pub struct Absences {
    left: HashMap<MemberId, Left>,
    /// When this gateway began, by the process's clock and in milliseconds since 1970.
    began: (Instant, i64),
}

#[derive(Debug)]
struct Left {
    had: LastEvent,
    at: Instant,
}

impl Absences {
    /// Nobody has left yet, and it is `now`, `millis` since 1970.
    pub fn new(now: Instant, millis: i64) -> Self {
        Self { left: HashMap::new(), began: (now, millis) }
    }

    /// The last event stream of a member ended; `had` is what it had been told last.
    pub fn leave(&mut self, member: MemberId, had: LastEvent, now: Instant) {
        if self.left.len() >= MEMBERS {
            self.left.retain(|_, left| now.duration_since(left.at) <= ABSENCE_MAX);
        }
        self.left.insert(member, Left { had, at: now });
    }

    /// A member that names no last event is back: what it had last. Shortly after this gateway began, whoever is new
    /// to it may have had a stream of the one before, whose end nobody knows: it may be told once more what it had.
    pub fn back(&mut self, member: MemberId, now: Instant) -> Option<LastEvent> {
        let (began, millis) = self.began;
        match self.left.remove(&member) {
            Some(left) => (now.duration_since(left.at) <= ABSENCE_MAX).then_some(left.had),
            None if now.duration_since(began) <= ABSENCE_MAX => {
                let longest = i64::try_from(ABSENCE_MAX.as_millis()).unwrap_or(i64::MAX);
                Some(LastEvent::at(millis.saturating_sub(longest)))
            }
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const BEGAN: i64 = 1_000_000;

    fn member(id: i64) -> MemberId {
        MemberId::new(id).unwrap()
    }

    #[test]
    fn who_was_away_for_a_while_is_told_from_where_it_left() {
        let now = Instant::now();
        let mut absences = Absences::new(now, BEGAN);
        absences.leave(member(7), LastEvent::at(5), now + 200 * SECOND);
        assert_eq!(absences.back(member(7), now + 320 * SECOND), Some(LastEvent::at(5)));
        assert_eq!(absences.back(member(7), now + 320 * SECOND), None, "it is there now");
        absences.leave(member(7), LastEvent::at(6), now + 400 * SECOND);
        assert_eq!(absences.back(member(7), now + 521 * SECOND), None, "too long ago");
        assert_eq!(absences.back(member(8), now + 521 * SECOND), None, "never there");
    }

    #[test]
    fn after_a_restart_nobody_knows_who_was_there() {
        let now = Instant::now();
        let mut absences = Absences::new(now, BEGAN);
        let since = Some(LastEvent::at(BEGAN - 120_000));
        assert_eq!(absences.back(member(7), now + 120 * SECOND), since);
        assert_eq!(absences.back(member(7), now + 121 * SECOND), None);
        absences.leave(member(7), LastEvent::at(5), now + SECOND);
        assert_eq!(absences.back(member(7), now + 2 * SECOND), Some(LastEvent::at(5)), "this one was");
    }

    #[test]
    fn who_does_not_come_back_is_forgotten() {
        let now = Instant::now();
        let mut absences = Absences::new(now, BEGAN);
        for id in 1..=10_000 {
            absences.leave(member(id), LastEvent::at(1), now + u32::try_from(id).unwrap() * SECOND);
        }
        assert!(absences.left.len() <= MEMBERS);
    }
}
