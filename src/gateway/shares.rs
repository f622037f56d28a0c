//! What one client may take of the gateway, so that it leaves something for others. Who asks for many (a server of ours, a
//! proxy, this machine) has as much as there is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::gateway::AppState;
use crate::gateway::client::Client;
use crate::gateway::refusal::Refusal;
use crate::http::Group;
use crate::http::body::Holding;
use crate::telemetry::gateway::{GatewayMetrics, Refused};

/// Where streams are opened.
pub const SUBSCRIBE: &str = "/api/v1/sse/subscribe";
/// When to come again while all callers' places are taken, and while all streams' are.
pub const CROWDED: Duration = Duration::from_secs(5);
pub const STREAMS_CROWDED: Duration = Duration::from_secs(30);
/// Requests of one client at once for feedback that names no member: each is work that waits for no other.
const NO_MEMBER: usize = 1;

/// What is shared out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Stream,
    /// Whoever waits for an outcome, a document or the server behind this one.
    Caller,
    /// Whoever waits for feedback that names no member.
    NoMember,
}

/// Who has how much.
pub struct Shares {
    callers: usize,
    streams: usize,
    taken: Mutex<HashMap<(Kind, Group), usize>>,
    metrics: Arc<GatewayMetrics>,
}

/// A client's part, until the last that holds it is dropped.
#[derive(Clone)]
pub struct Share {
    part: Option<Arc<Part>>,
}

struct Part {
    shares: Arc<Shares>,
    of: (Kind, Group),
}

impl Shares {
    /// So many callers and streams for one client at once; 0: no limit.
    pub fn new(callers: usize, streams: usize, metrics: Arc<GatewayMetrics>) -> Arc<Self> {
        Arc::new(Self { callers, streams, taken: Mutex::default(), metrics })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<(Kind, Group), usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more for this client.
    ///
    /// # Errors
    /// When it has as many as one may have.
    pub fn take(self: &Arc<Self>, kind: Kind, client: &Client) -> Result<Share, Refusal> {
        let (most, why, pause): (usize, Refused, Duration) = match kind {
            Kind::Stream => (self.streams, Refused::ClientStreams, STREAMS_CROWDED),
            Kind::Caller => (self.callers, Refused::ClientCallers, CROWDED),
            Kind::NoMember => (NO_MEMBER, Refused::NoMember, CROWDED),
        };
        if client.is_many || most == 0 {
            return Ok(Share { part: None });
        }
        let of = (kind, client.group());
        let mut taken = self.taken();
        let theirs = taken.entry(of).or_default();
        if *theirs >= most {
            self.metrics.refused(why);
            return Err(Refusal::full(pause));
        }
        *theirs = theirs.saturating_add(1);
        Ok(Share { part: Some(Arc::new(Part { shares: self.clone(), of })) })
    }
}

impl Share {
    /// Whether it is a part of what one client may have.
    pub fn is_of_one(&self) -> bool {
        self.part.is_some()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let mut taken = self.shares.taken();
        if let Some(theirs) = taken.get_mut(&self.of) {
            *theirs = theirs.saturating_sub(1);
            if *theirs == 0 {
                taken.remove(&self.of);
            }
        }
    }
}

/// Lets a client in that does not ask too often and has something left of its share, which it holds until the answer has been
/// taken. It comes before anything is read or looked up for it.
pub async fn admit(State(app): State<Arc<AppState>>, client: Client, mut request: Request, next: Next) -> Response {
    let kind = if request.uri().path() == SUBSCRIBE { Kind::Stream } else { Kind::Caller };
    match let_in(&app, kind, &client) {
        Ok(share) => {
            // Whoever is answered before the work is done holds it on.
            request.extensions_mut().insert(share.clone());
            next.run(request).await.map(|body| Body::new(Holding::new(body, share)))
        }
        Err(refusal) => refusal.into_response(),
    }
}

/// Its share, where it does not ask too often.
///
/// # Errors
/// When it does, or has nothing left.
pub fn let_in(app: &AppState, kind: Kind, client: &Client) -> Result<Share, Refusal> {
    app.guard.rate(client).inspect_err(|_| app.metrics.refused(Refused::Rate))?;
    app.shares.take(kind, client)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;

    use super::*;
    use crate::gateway::client::Trusted;

    fn client(address: &str) -> Client {
        Trusted::default().client(address.parse().unwrap(), &HeaderMap::new())
    }

    fn shares() -> Arc<Shares> {
        Shares::new(2, 3, Arc::new(GatewayMetrics::new().unwrap()))
    }

    #[test]
    fn one_client_has_its_share_of_each_kind_and_others_have_theirs() {
        let (shares, one) = (shares(), client("2001:db8::1"));
        let take = |kind, client: &Client| shares.take(kind, client);
        let held = [take(Kind::Caller, &one).unwrap(), take(Kind::Caller, &client("2001:db8::2")).unwrap()];
        let refused = take(Kind::Caller, &one).err().unwrap();
        assert_eq!((refused.status.as_u16(), refused.code), (503, "OVERLOADED"));
        let streams: Vec<_> = (0..10).filter_map(|_| take(Kind::Stream, &one).ok()).collect();
        assert_eq!(streams.len(), 3);
        let unnamed: Vec<_> = (0..10).filter_map(|_| take(Kind::NoMember, &one).ok()).collect();
        assert_eq!(unnamed.len(), 1);
        assert!(take(Kind::Caller, &client("2001:db8:0:1::1")).is_ok(), "another");
        drop(held);
        assert!(take(Kind::Caller, &one).is_ok());
        drop((streams, unnamed));
        assert!(shares.taken().is_empty());
        assert!(shares.metrics.text().unwrap().contains("refused_total{reason=\"client_streams\"} 7"));
    }

    #[test]
    fn who_asks_for_many_has_what_there_is() {
        let (shares, server) = (shares(), client("127.0.0.1"));
        let held: Vec<_> = (0..1_000).map(|_| shares.take(Kind::Caller, &server).unwrap()).collect();
        assert_eq!((held.len(), shares.taken().len()), (1_000, 0));
        let unlimited = Shares::new(0, 0, shares.metrics.clone());
        assert!((0..1_000).all(|_| unlimited.take(Kind::Stream, &client("192.0.2.1")).is_ok()));
    }

    #[test]
    fn who_is_answered_before_the_work_is_done_holds_its_share_on() {
        let (shares, one) = (shares(), client("192.0.2.1"));
        let (first, _second) = (shares.take(Kind::Caller, &one).unwrap(), shares.take(Kind::Caller, &one).unwrap());
        let held_on = first.clone();
        drop(first);
        assert!(shares.take(Kind::Caller, &one).is_err());
        drop(held_on);
        assert!(shares.take(Kind::Caller, &one).is_ok());
    }
}
