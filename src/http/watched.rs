//! A connection that is watched: its other end has to send what it asks for in time, and to take what it is answered.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::net::sockopt::{
    set_socket_keepalive, set_socket_linger, set_tcp_keepcnt, set_tcp_keepidle, set_tcp_keepintvl,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

use crate::telemetry::http::{Cut, HttpMetrics};

/// How often the other end's machine is asked whether it is still there, and after how many silent answers it is not.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const KEEP_ALIVE_TRIES: u32 = 3;

/// What a connection is at, as the requests that were begun and the state since.
#[derive(Debug)]
pub struct Phase {
    begun: AtomicU64,
    state: AtomicU8,
}

/// A head is to come, which began with its first byte, or with the connection.
const ASKING: u8 = 0;
const SERVED: u8 = 1;
/// Whether another head will come is not known.
const IDLE: u8 = 2;

impl Phase {
    /// A connection that has just come, whose head is to come.
    pub fn new() -> Self {
        Self { begun: AtomicU64::new(0), state: AtomicU8::new(ASKING) }
    }

    /// A head has come, and is served.
    pub fn begin(&self) {
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.state.store(SERVED, Ordering::Relaxed);
    }

    /// It was served.
    pub fn rest(&self) {
        self.state.store(IDLE, Ordering::Relaxed);
    }

    /// Something has come.
    fn hear(&self) {
        // A body, or a request ahead of its time, is none.
        let _ = self.state.compare_exchange(IDLE, ASKING, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Which head is waited for, if one is.
    fn asking(&self) -> Option<u64> {
        (self.state.load(Ordering::Relaxed) == ASKING).then(|| self.begun.load(Ordering::Relaxed))
    }
}

/// The connection.
pub struct Watched {
    stream: TcpStream,
    phase: Arc<Phase>,
    /// How long a head may take.
    head: Duration,
    /// The head that is waited for, by the requests before it.
    heading: Option<(u64, Pin<Box<Sleep>>)>,
    taking: Taking,
    /// How long the whole buffer has been full.
    stuck: Option<Pin<Box<Sleep>>>,
    metrics: HttpMetrics,
}

impl Watched {
    /// Watches a connection; `taking` is how long its other end may take nothing of what is there for it.
    pub fn new(stream: TcpStream, phase: Arc<Phase>, head: Duration, taking: Duration, metrics: HttpMetrics) -> Self {
        // Where an option is unknown, the connection works without it.
        let _ = (stream.set_nodelay(true), set_socket_keepalive(&stream, true));
        let _ = (set_tcp_keepidle(&stream, KEEP_ALIVE), set_tcp_keepintvl(&stream, KEEP_ALIVE));
        let _ = set_tcp_keepcnt(&stream, KEEP_ALIVE_TRIES);
        #[cfg(target_os = "linux")]
        let _ =
            rustix::net::sockopt::set_tcp_user_timeout(&stream, u32::try_from(taking.as_millis()).unwrap_or(u32::MAX));
        let taking = Taking { limit: taking, queued: 0, since: None };
        Self { stream, phase, head, heading: None, taking, stuck: None, metrics }
    }

    /// Writes, unless nothing of what was written before is taken.
    fn write(
        &mut self,
        context: &mut Context<'_>,
        attempt: impl FnOnce(Pin<&mut TcpStream>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let queued = queued(&self.stream);
        if self.taking.is_over(queued, Instant::now()) {
            return Poll::Ready(Err(self.give_up()));
        }
        if let Poll::Ready(written) = attempt(Pin::new(&mut self.stream), context) {
            self.stuck = None;
            self.note(&written);
            self.taking.queued = queued.saturating_add(*written.as_ref().unwrap_or(&0));
            return Poll::Ready(written);
        }
        let limit = self.taking.limit;
        let stuck = self.stuck.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(stuck.as_mut().poll(context));
        Poll::Ready(Err(self.give_up()))
    }

    /// The kernel may be the first to give up (`TCP_USER_TIMEOUT`).
    fn note<T>(&self, done: &io::Result<T>) {
        if done.as_ref().is_err_and(|error| error.kind() == ErrorKind::TimedOut) {
            self.metrics.cut(Cut::NotReading);
        }
    }

    fn give_up(&mut self) -> io::Error {
        self.metrics.cut(Cut::NotReading);
        // What is still queued is of no use: the kernel need not keep it for who does not read.
        let _ = set_socket_linger(&self.stream, Some(Duration::ZERO));
        io::Error::new(ErrorKind::TimedOut, "what is sent is not taken")
    }
}

/// Whether the other end takes what is sent, by what is still queued for it whenever more is written: its kernel answers
/// although its program reads nothing, and a stream that says little never fills a buffer.
#[derive(Debug)]
struct Taking {
    limit: Duration,
    /// What was queued when more had been written.
    queued: usize,
    /// Since when nothing has been taken.
    since: Option<Instant>,
}

impl Taking {
    fn is_over(&mut self, queued: usize, now: Instant) -> bool {
        if queued == 0 {
            self.since = None;
            return false;
        }
        if queued < self.queued {
            self.since = Some(now);
        }
        now.duration_since(*self.since.get_or_insert(now)) >= self.limit
    }
}

/// What the kernel still has of what was written: not sent, or not acknowledged.
#[cfg(target_os = "linux")]
fn queued(stream: &TcpStream) -> usize {
    use std::ffi::c_int;

    use rustix::ioctl::{Getter, Opcode, ioctl};
    const OUTPUT_QUEUED: Opcode = libc::TIOCOUTQ as Opcode;
    // SAFETY: the kernel writes one int for this code, whose type this is.
    let queued = unsafe { ioctl(stream, Getter::<OUTPUT_QUEUED, c_int>::new()) };
    queued.ok().and_then(|queued| usize::try_from(queued).ok()).unwrap_or(0)
}

#[cfg(not(target_os = "linux"))]
fn queued(_: &TcpStream) -> usize {
    0
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(context, buffer) {
            if buffer.filled().len() > before {
                self.phase.hear();
            }
            self.note(&read);
            return Poll::Ready(read);
        }
        let Some(number) = self.phase.asking() else { return Poll::Pending };
        let head = self.head;
        if self.heading.as_ref().is_none_or(|(of, _)| *of != number) {
            self.heading = Some((number, Box::pin(sleep(head))));
        }
        if let Some((_, timer)) = &mut self.heading {
            ready!(timer.as_mut().poll(context));
        }
        self.metrics.cut(Cut::SlowHead);
        Poll::Ready(Err(io::Error::new(ErrorKind::TimedOut, "no request came")))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.write(context, |stream, context| stream.poll_write(context, bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(context, |stream, context| stream.poll_write_vectored(context, bytes))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_takes_something_now_and_then_is_waited_for_and_who_takes_nothing_is_not() {
        let (begin, second) = (Instant::now(), Duration::from_secs(1));
        let mut taking = Taking { limit: second * 60, queued: 0, since: None };
        let mut look = |at: u32, queued: usize, written: usize| {
            let is_over = taking.is_over(queued, begin + second * at);
            taking.queued = queued + written;
            is_over
        };
        assert!(!look(0, 0, 30) && !look(15, 0, 30), "all is taken");
        assert!(!look(30, 60, 30) && !look(89, 90, 30), "nothing is, for less than a minute");
        assert!(!look(90, 100, 30), "a little was");
        assert!(!look(149, 130, 30));
        assert!(look(150, 160, 0));
        assert!(!look(151, 0, 0));
    }
}
