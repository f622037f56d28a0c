//! Bodies: requests' that have to come in time, and answers' that hold something until they are taken.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

/// How much of a body has to come in a second, beyond the time that every body has.
const BYTES_PER_SECOND: u32 = 4 * 1024;

/// A body did not come in time.
#[derive(Debug, thiserror::Error)]
#[error("the body did not come in time")]
pub struct TooSlow;

/// Whether it failed because a body did not come in time.
pub fn is_too_slow(error: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| (*error).source()).any(|error| error.is::<TooSlow>())
}

/// A body whose sender is waited for only so long. Time in which nobody wants to read it does not count.
pub struct InTime<B> {
    body: B,
    left: Duration,
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
    is_late: bool,
    on_late: Box<dyn FnMut() + Send>,
}

impl<B> InTime<B> {
    /// A body that has so much time, and a second more for each 4 KiB that have come; `on_late` is told when that was too little.
    pub fn new(body: B, time: Duration, on_late: impl FnMut() + Send + 'static) -> Self {
        Self { body, left: time, waiting: None, is_late: false, on_late: Box::new(on_late) }
    }
}

impl<B> HttpBody for InTime<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<axum::BoxError>,
{
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        if self.is_late {
            return Poll::Ready(Some(Err(TooSlow.into())));
        }
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            let waited = self.waiting.take().map_or(Duration::ZERO, |(since, _)| since.elapsed());
            let data = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref());
            let bytes = data.map_or(0, |data| u32::try_from(data.len()).unwrap_or(u32::MAX));
            let earned = Duration::from_secs(1) * bytes / BYTES_PER_SECOND;
            self.left = self.left.saturating_sub(waited).saturating_add(earned);
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let left = self.left;
        let (_, timer) = self.waiting.get_or_insert_with(|| (Instant::now(), Box::pin(sleep(left))));
        ready!(timer.as_mut().poll(context));
        self.is_late = true;
        (self.on_late)();
        Poll::Ready(Some(Err(TooSlow.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A body that holds something until it has been sent, or nobody wants it any more.
pub struct Holding<B, T> {
    body: B,
    _held: T,
}

impl<B, T> Holding<B, T> {
    pub fn new(body: B, held: T) -> Self {
        Self { body, _held: held }
    }
}

impl<B, T> HttpBody for Holding<B, T>
where
    B: HttpBody + Unpin,
    T: Unpin,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::body::Body;
    use futures_util::StreamExt;
    use futures_util::stream::unfold;

    use super::*;

    /// A body of so many pieces of so many bytes, each of which takes that long to come.
    fn sent(pieces: u32, length: usize, each: Duration) -> Body {
        Body::from_stream(unfold(0, move |piece| async move {
            sleep(each).await;
            (piece < pieces).then(|| (Ok::<_, std::io::Error>(vec![b'x'; length]), piece + 1))
        }))
    }

    /// How many pieces came, and how it ended; and how often it was told that it was late.
    async fn read(body: Body, pause: Duration) -> (usize, bool, usize) {
        let told = Arc::new(AtomicUsize::new(0));
        let counted = told.clone();
        let late = move || {
            counted.fetch_add(1, Ordering::Relaxed);
        };
        let mut data = Body::new(InTime::new(body, Duration::from_secs(10), late)).into_data_stream();
        let mut pieces = 0;
        loop {
            sleep(pause).await;
            match data.next().await {
                Some(Ok(_)) => pieces += 1,
                Some(Err(error)) => return (pieces, is_too_slow(&error), told.load(Ordering::Relaxed)),
                None => return (pieces, false, told.load(Ordering::Relaxed)),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_has_to_come_in_time_however_it_is_cut_up() {
        let second = Duration::from_secs(1);
        assert_eq!(read(sent(3, 100, second * 2), Duration::ZERO).await, (3, false, 0));
        assert_eq!(read(sent(1, 100, second * 60), Duration::ZERO).await, (0, true, 1));
        let (drops, is_late, told) = read(sent(60, 1, second), Duration::ZERO).await;
        assert!((9..=10).contains(&drops) && is_late && told == 1, "a drop a second");
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_body_has_as_long_as_it_needs_and_who_reads_slowly_costs_its_sender_nothing() {
        let second = Duration::from_secs(1);
        assert_eq!(read(sent(100, 8 * 1024, second), Duration::ZERO).await, (100, false, 0));
        assert_eq!(read(sent(5, 1, second), second * 30).await, (5, false, 0));
    }
}
