//! How long an event stream stays open: until it is old, or its member has opened more than one may have. Its browser comes
//! back, and is told what it missed.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Sleep, sleep};
use tokio_util::sync::CancellationToken;

use crate::events::request::MemberId;
use crate::telemetry::gateway::StreamEnd;

/// Streams of one member; the oldest ends for the next.
const OF_A_MEMBER: usize = 8;

/// Which streams each member has.
#[derive(Debug, Default)]
pub struct Leases {
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    counter: u64,
    of: HashMap<MemberId, VecDeque<(u64, CancellationToken)>>,
}

/// One stream's.
pub struct Lease {
    leases: Arc<Leases>,
    member: MemberId,
    number: u64,
    crowded: CancellationToken,
    age: Pin<Box<Sleep>>,
}

impl Leases {
    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A stream of this member that may be so old. Where it has too many now, its oldest is told.
    pub fn begin(self: &Arc<Self>, member: MemberId, age: Duration) -> Lease {
        let crowded = CancellationToken::new();
        let mut open = self.open();
        open.counter = open.counter.saturating_add(1);
        let number = open.counter;
        let theirs = open.of.entry(member).or_default();
        theirs.push_back((number, crowded.clone()));
        if theirs.len() > OF_A_MEMBER
            && let Some((_, oldest)) = theirs.pop_front()
        {
            oldest.cancel();
        }
        Lease { leases: self.clone(), member, number, crowded, age: Box::pin(sleep(age)) }
    }
}

impl Lease {
    /// Done when the stream has to end.
    pub async fn over(&mut self) -> StreamEnd {
        tokio::select! {
            () = self.crowded.cancelled() => StreamEnd::Crowded,
            () = &mut self.age => StreamEnd::Age,
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut open = self.leases.open();
        if let Some(theirs) = open.of.get_mut(&self.member) {
            theirs.retain(|(number, _)| *number != self.number);
            if theirs.is_empty() {
                open.of.remove(&self.member);
            }
        }
    }
}

/// An age up to a tenth more or less, so that streams that began together do not end together; `random` is from 0 to 1.
pub fn about(age: Duration, random: f64) -> Duration {
    age.mul_f64(0.9 + 0.2 * random.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn a_members_oldest_stream_ends_for_one_too_many() {
        let leases = Arc::new(Leases::default());
        let member = |id| MemberId::new(id).unwrap();
        let mut theirs: Vec<Lease> = (0..8).map(|_| leases.begin(member(7), MINUTE)).collect();
        let _other = leases.begin(member(8), MINUTE);
        assert!(theirs.iter_mut().all(|lease| lease.over().now_or_never().is_none()));
        drop(theirs.remove(3));
        theirs.push(leases.begin(member(7), MINUTE));
        assert!(theirs.iter_mut().all(|lease| lease.over().now_or_never().is_none()), "one had gone");
        theirs.push(leases.begin(member(7), MINUTE));
        let ended: Vec<bool> = theirs.iter_mut().map(|lease| lease.over().now_or_never().is_some()).collect();
        assert_eq!(ended, [true, false, false, false, false, false, false, false, false]);
        assert_eq!(theirs[0].over().await, StreamEnd::Crowded);
        drop(theirs);
        assert_eq!(leases.open().of.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_grows_so_old_and_not_all_at_once() {
        let leases = Arc::new(Leases::default());
        let began = tokio::time::Instant::now();
        assert_eq!(leases.begin(MemberId::new(7).unwrap(), MINUTE).over().await, StreamEnd::Age);
        assert!(began.elapsed() >= MINUTE);
        assert_eq!((about(MINUTE, 0.0), about(MINUTE, 1.0)), (MINUTE * 9 / 10, MINUTE * 11 / 10));
    }
}
