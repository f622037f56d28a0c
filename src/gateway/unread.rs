//! Reads what is left of a request that was answered before it was read: else the connection would have to be closed,
//! which breaks the answer on its way, and the next request of whoever reuses the connection.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes, HttpBody};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use futures_util::{Stream, StreamExt};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// What is left is read up to this size and for so long; whoever sends more finds the connection closed.
const LEFT_MAX_BYTES: usize = 1024 * 1024;
const READING: Duration = Duration::from_secs(2);

/// Answers, and reads the rest of what was asked.
pub async fn read(request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    if body.is_end_stream() {
        return next.run(Request::from_parts(head, body)).await;
    }
    let (back, mut given_back) = oneshot::channel();
    let lent = Lent { body: Some(body.into_data_stream()), back: Some(back) };
    let response = next.run(Request::from_parts(head, Body::from_stream(lent))).await;
    // What is still being read, by a server behind this one, is not given back.
    if let Ok(rest) = given_back.try_recv() {
        // Too much, too slow or broken: all the same, the connection is closed.
        let _ = timeout(READING, drain(rest)).await;
    }
    response
}

async fn drain(mut rest: BodyDataStream) {
    let mut left = LEFT_MAX_BYTES;
    while left > 0
        && let Some(Ok(data)) = rest.next().await
    {
        left = left.saturating_sub(data.len());
    }
}

/// A body that is given back by whoever does not read it to its end.
struct Lent {
    body: Option<BodyDataStream>,
    back: Option<oneshot::Sender<BodyDataStream>>,
}

impl Stream for Lent {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let next = std::task::ready!(body.poll_next_unpin(context));
        if !matches!(next, Some(Ok(_))) {
            self.body = None;
        }
        Poll::Ready(next)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let (Some(body), Some(back)) = (self.body.take(), self.back.take()) {
            // Nobody wants it when the caller has gone.
            let _ = back.send(body);
        }
    }
}
