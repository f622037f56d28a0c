//! Load shedding by hand-over: a worker that cannot reach what its requests need lets its partitions go to those who may.
//!
//! What it cannot reach may be away for everybody, which nobody can tell from here. So it goes only while the group has
//! other members, and comes back when what it lacks is back, or when nobody is left: of a group that is cut off as a whole
//! the last member stays, and keeps answering what needs neither model nor store. Whoever came back for that goes no more
//! before it could reach everything, and each time waits twice as long: members that come and go cost the group more
//! than one that waits.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// How long a worker waits for what it cannot reach before it lets its partitions go, the first time.
const PATIENCE: Duration = Duration::from_secs(45);
/// Up to so much longer, at random: members that lost the same thing at once do not go at once.
const SPREAD: Duration = Duration::from_secs(15);
/// The longest patience, in doublings.
const DOUBLINGS_MAX: u32 = 6;

/// What a group's requests need, and whether it has been away for so long that its partitions are better off elsewhere.
#[derive(Debug)]
pub struct LettingGo {
    /// Whether each thing is away.
    away: Vec<watch::Receiver<bool>>,
    since: Option<Instant>,
    /// How long to wait now.
    patience: Duration,
    gone: u32,
    /// It has gone since everything was there.
    has_gone: bool,
}

impl LettingGo {
    /// For requests that need these things, each of which is told to be away or not.
    pub fn without(away: Vec<watch::Receiver<bool>>) -> Self {
        let mut letting_go = Self { away, since: None, patience: PATIENCE, gone: 0, has_gone: false };
        letting_go.draw_patience(rand::random());
        letting_go
    }

    /// Looks whether anything has been away for too long; to be asked every now and then.
    pub fn is_due(&mut self, now: Instant) -> bool {
        if !self.is_away() {
            (self.since, self.has_gone) = (None, false);
            return false;
        }
        let since = *self.since.get_or_insert(now);
        !self.has_gone && now.duration_since(since) >= self.patience
    }

    /// Whether the partitions are let go now, in a group of so many members: then it has gone.
    pub fn goes(&mut self, group: &str, members: usize) -> bool {
        if members < 2 || !self.is_away() {
            return false;
        }
        tracing::warn!(
            group,
            members,
            "the model or the document store cannot be reached from here; the partitions are left to the other members"
        );
        self.has_gone = true;
        self.gone = self.gone.saturating_add(1);
        self.draw_patience(rand::random());
        true
    }

    /// Whether anything is away now.
    pub fn is_away(&self) -> bool {
        self.away.iter().any(|away| *away.borrow())
    }

    /// `random` lies between 0 and 1.
    fn draw_patience(&mut self, random: f64) {
        let patience = PATIENCE + SPREAD.mul_f64(random);
        self.patience = patience.saturating_mul(1 << self.gone.min(DOUBLINGS_MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn cut_off() -> (watch::Sender<bool>, LettingGo, Instant) {
        let away = watch::Sender::new(true);
        let mut letting_go = LettingGo::without(vec![watch::Sender::new(false).subscribe(), away.subscribe()]);
        let now = Instant::now();
        assert!(!letting_go.is_due(now));
        (away, letting_go, now)
    }

    #[test]
    fn partitions_are_let_go_when_something_was_away_for_about_a_minute() {
        let (_away, mut letting_go, begun) = cut_off();
        assert!(!letting_go.is_due(begun + PATIENCE - SECOND));
        assert!(letting_go.is_due(begun + PATIENCE + SPREAD));
    }

    #[test]
    fn a_short_outage_moves_nothing() {
        let (away, mut letting_go, begun) = cut_off();
        away.send_replace(false);
        assert!(!letting_go.is_due(begun + PATIENCE + SPREAD));
        away.send_replace(true);
        assert!(!letting_go.is_due(begun + PATIENCE + SPREAD + SECOND));
    }

    #[test]
    fn who_has_gone_goes_no_more_until_everything_is_back_and_then_waits_twice_as_long() {
        let (away, mut letting_go, begun) = cut_off();
        assert!(!letting_go.goes("one", 1) && letting_go.is_due(begun + PATIENCE + SPREAD), "nobody else is there");
        assert!(letting_go.goes("one", 2));
        assert!(!letting_go.is_due(begun + 1_000 * PATIENCE));
        away.send_replace(false);
        assert!(!letting_go.is_due(begun));
        away.send_replace(true);
        assert!(!letting_go.is_due(begun));
        assert!(!letting_go.is_due(begun + 2 * PATIENCE - SECOND));
        assert!(letting_go.is_due(begun + 2 * (PATIENCE + SPREAD)));
    }
}
