//! Time limits that this process may have slept through, because its machine was paused or gave it no turn. What a server
//! said meanwhile lies in the socket: it is read before the limit counts. Else a reply that was paid for is asked for again.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{self, Instant, timeout, timeout_at};

/// Whoever wakes so long after a limit has slept through it.
const SLEPT: Duration = Duration::from_millis(500);
/// How long it may take to read what came meanwhile.
const READING: Duration = Duration::from_secs(1);

/// Until when a call may take; a little longer, once, for who has slept through it.
pub(super) struct Limit {
    end: Instant,
    was_slept_through: bool,
}

impl From<Instant> for Limit {
    fn from(end: Instant) -> Self {
        Self { end, was_slept_through: false }
    }
}

impl Limit {
    /// What `future` gives, unless the limit is reached before, or `longest` is over.
    pub async fn within<T>(&mut self, longest: Option<Duration>, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        let end = longest.map_or(self.end, |longest| self.end.min(Instant::now() + longest));
        if let Ok(output) = timeout_at(end, &mut future).await {
            return Some(output);
        }
        if self.was_slept_through || end.elapsed() < SLEPT {
            return None;
        }
        self.was_slept_through = true;
        self.end = self.end.max(Instant::now() + READING);
        timeout(READING, future).await.ok()
    }
}

/// As [`time::sleep_until`], and longer for who has slept through it.
pub(super) async fn sleep_until(end: Instant) {
    time::sleep_until(end).await;
    if end.elapsed() >= SLEPT {
        time::sleep(READING).await;
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::thread;

    use tokio::sync::oneshot;

    use super::*;

    /// What takes many turns to come from a socket to whoever waits for it, as in a process with much to do.
    fn after_many_turns(mut from: oneshot::Receiver<()>) -> oneshot::Receiver<()> {
        for _ in 0..1_000 {
            let (to, next) = oneshot::channel();
            tokio::spawn(async move { from.await.is_ok_and(|()| to.send(()).is_ok()) });
            from = next;
        }
        from
    }

    #[tokio::test]
    async fn what_came_while_it_slept_through_the_limit_is_heard() {
        let (said, heard) = oneshot::channel();
        let heard = after_many_turns(heard);
        let mut limit = Limit::from(Instant::now() + SLEPT / 2);
        let asking = tokio::spawn(async move { limit.within(None, heard).await });
        tokio::task::yield_now().await;
        said.send(()).unwrap();
        // The one thread of all tasks: nothing goes on.
        thread::sleep(SLEPT * 2);
        assert_eq!(asking.await.unwrap(), Some(Ok(())));
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_awake_keeps_a_limit_to_the_millisecond() {
        let (began, seven) = (Instant::now(), Duration::from_secs(7));
        let mut limit = Limit::from(began + seven);
        assert_eq!(limit.within(Some(seven / 7), pending::<()>()).await, None);
        assert_eq!(began.elapsed(), seven / 7);
        assert_eq!(limit.within(Some(seven), pending::<()>()).await, None);
        assert_eq!(began.elapsed(), seven);
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_slept_through_it_gets_a_moment_once() {
        let began = Instant::now();
        let mut limit = Limit::from(began);
        tokio::time::advance(SLEPT).await;
        assert_eq!(limit.within(None, pending::<()>()).await, None);
        assert_eq!(limit.within(None, pending::<()>()).await, None);
        assert_eq!(began.elapsed(), SLEPT + READING);
    }
}
