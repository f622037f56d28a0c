//! Event streams: each browser keeps one open, and is told what it missed when it comes back.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderName};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream;
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, broadcast, watch};

use crate::events::request::MemberId;
use crate::gateway::Served;
use crate::gateway::history::{Delivery, LastEvent};
use crate::gateway::hub::{Hub, Subscription};
use crate::gateway::refusal::Refusal;
use crate::gateway::stream::{Message, messages};

const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// When a browser comes back that was cut off.
const RETRY: Duration = Duration::from_secs(2);
/// When to come again while all places are taken.
const CROWDED: Duration = Duration::from_secs(30);

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Tells proxies not to hold events back.
const UNBUFFERED: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");

/// What a stream is asked for with.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    #[serde(default)]
    member_id: String,
    last_event_id: Option<String>,
    #[serde(default)]
    records: bool,
}

/// Opens a stream.
pub async fn subscribe(
    State(served): State<Arc<Served>>,
    headers: HeaderMap,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<impl IntoResponse, Refusal> {
    let host = served.guard.host(&headers)?.to_owned();
    let Query(asked) = asked.map_err(|_| Refusal::invalid("records", "records는 true 또는 false여야 합니다."))?;
    let member = asked.member_id.parse().map_err(|_| Refusal::no_member())?;
    let place = served.streams.clone().try_acquire_owned().map_err(|_| Refusal::too_many(CROWDED))?;
    let last = headers.get(LAST_EVENT_ID).and_then(|last| last.to_str().ok()).or(asked.last_event_id.as_deref());
    let open = Open {
        member,
        last: last.and_then(LastEvent::parse),
        records: asked.records,
        host,
        hub: served.hub.clone(),
        stopping: served.stopping.clone(),
        coming: None,
        due: VecDeque::new(),
        ready: VecDeque::from([Event::default().comment("open").retry(RETRY)]),
        _place: place,
    };
    let events = stream::unfold(open, async |mut open| Some((Ok::<_, Infallible>(open.next().await?), open)));
    let ping = Event::default().event("ping").data("{}");
    Ok(([UNBUFFERED], Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE).event(ping))))
}

/// A stream that is open.
struct Open {
    member: MemberId,
    last: Option<LastEvent>,
    records: bool,
    /// Where the browser finds this gateway.
    host: String,
    hub: Arc<Hub>,
    stopping: watch::Receiver<bool>,
    coming: Option<broadcast::Receiver<Delivery>>,
    /// What is to be told; it becomes text only when its turn comes.
    due: VecDeque<Delivery>,
    ready: VecDeque<Event>,
    _place: OwnedSemaphorePermit,
}

impl Open {
    /// The next event; `None` ends the stream, and the browser comes back.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if *self.stopping.borrow() {
                return None;
            }
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if let Some(delivery) = self.due.pop_front() {
                self.ready.extend(messages(&delivery, self.records, &self.host).into_iter().map(event));
                continue;
            }
            match &mut self.coming {
                None => {
                    // Before the past is known, a last event has no place in it.
                    tokio::select! {
                        () = self.hub.caught_up() => {}
                        _ = self.stopping.changed() => continue,
                    }
                    let Subscription { missed, coming } = self.hub.subscribe(self.member, self.last.as_ref());
                    self.coming = Some(coming);
                    self.due.extend(missed);
                }
                Some(coming) => {
                    let next = tokio::select! {
                        next = coming.recv() => next,
                        _ = self.stopping.changed() => continue,
                    };
                    // Who is too slow is cut off, and told what it missed when it comes back.
                    self.due.push_back(next.ok()?);
                }
            }
        }
    }
}

fn event(message: Message) -> Event {
    Event::default().id(message.id).event(message.event).data(message.data)
}
