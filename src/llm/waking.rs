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
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

    /// What a client with this limit hears of a server that answers while all of this process's tasks are asleep.
    async fn heard_after_sleep(limit: Duration, asleep: Duration) -> Option<String> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let (reached, is_reached) = tokio::sync::oneshot::channel();
        // It has a thread of its own, and so goes on.
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 1_024]).unwrap();
            reached.send(()).unwrap();
            stream.write_all(ANSWER).unwrap();
        });
        let mut limit = Limit::from(Instant::now() + limit);
        let asking = tokio::spawn(async move {
            let response = limit.within(None, reqwest::get(url)).await?.unwrap();
            limit.within(None, response.text()).await?.ok()
        });
        is_reached.await.unwrap();
        thread::sleep(asleep);
        asking.await.unwrap()
    }

    #[tokio::test]
    async fn what_came_while_it_slept_through_the_limit_is_heard() {
        let heard = heard_after_sleep(Duration::from_millis(200), Duration::from_secs(1)).await;
        assert_eq!(heard.as_deref(), Some("ok"));
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
