//! Event streams: each browser keeps one open, and is told what it missed when it comes back.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, broadcast, watch};
use tokio::time::{Instant, sleep_until};

use crate::events::request::MemberId;
use crate::gateway::AppState;
use crate::gateway::auth::Proof;
use crate::gateway::client::Client;
use crate::gateway::entry::Entry;
use crate::gateway::history::{Delivery, LastEvent};
use crate::gateway::hub::{Hub, Subscription};
use crate::gateway::lease::{Lease, about};
use crate::gateway::progress::Progress;
use crate::gateway::refusal::Refusal;
use crate::gateway::shares::STREAMS_CROWDED;
use crate::gateway::stream::{Message, messages, progress_messages};
use crate::telemetry::gateway::{GatewayMetrics, Refused, StreamEnd};

const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// When a browser comes back that was cut off.
const RETRY: Duration = Duration::from_secs(2);
/// When a browser comes back whose stream was old, and one whose member has more streams than one may have.
const SOON: Duration = Duration::from_millis(100);
const LATER: Duration = Duration::from_secs(60);

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Tell proxies not to hold events back, as buffering and compressing them would.
const UNBUFFERED: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");
const UNCHANGED: (HeaderName, &str) = (header::CACHE_CONTROL, "no-store, no-transform");

/// What a stream is asked for with.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamQuery {
    #[serde(default)]
    member_id: String,
    last_event_id: Option<String>,
    #[serde(default)]
    records: bool,
}

/// Opens a stream.
pub async fn subscribe(
    State(app): State<Arc<AppState>>,
    client: Client,
    Extension(proof): Extension<Proof>,
    headers: HeaderMap,
    asked: Result<Query<StreamQuery>, QueryRejection>,
) -> Result<impl IntoResponse, Refusal> {
    let base = app.links.base(&headers, app.guard.host(&headers)?, &client);
    let Query(asked) = asked.map_err(|_| Refusal::invalid("records", "records는 true 또는 false여야 합니다."))?;
    let member = proof.asks_for(&asked.member_id)?;
    if asked.records && !app.parts.page && proof != Proof::Service {
        return Err(Refusal::forbidden());
    }
    let place = app.streams.clone().try_acquire_owned().map_err(|_| {
        app.metrics.refused(Refused::Streams);
        Refusal::full(STREAMS_CROWDED)
    })?;
    let last = headers.get(LAST_EVENT_ID).and_then(|last| last.to_str().ok()).or(asked.last_event_id.as_deref());
    let open = Open {
        member,
        last: last.and_then(LastEvent::parse),
        had: None,
        records: asked.records,
        base,
        hub: app.hub.clone(),
        stopping: app.stopping.clone(),
        coming: None,
        due: VecDeque::new(),
        ready: VecDeque::from([Event::default().comment("open").retry(RETRY)]),
        telling: None,
        lease: app.leases.begin(member, about(app.stream_age, rand::random())),
        is_over: false,
        metrics: app.metrics.clone(),
        _place: place,
    };
    let events = stream::unfold(open, async |mut open| Some((Ok::<_, Infallible>(open.next().await?), open)));
    // Whoever comes back has to prove again who it is.
    let events = events.take_until(ended(proof.until()));
    let ping = Event::default().event("ping").data("{}");
    Ok(([UNBUFFERED, UNCHANGED], Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE).event(ping))))
}

/// A stream that is open.
struct Open {
    member: MemberId,
    last: Option<LastEvent>,
    /// What has been told; `None` before it listens.
    had: Option<LastEvent>,
    records: bool,
    /// What links begin with.
    base: String,
    hub: Arc<Hub>,
    stopping: watch::Receiver<bool>,
    coming: Option<Coming>,
    /// What is to be told; it becomes text only when its turn comes.
    due: VecDeque<Delivery>,
    ready: VecDeque<Event>,
    /// Whose events are being taken; once the next is asked for, they are.
    telling: Option<Arc<Entry>>,
    lease: Lease,
    /// What is ready is the last that is told.
    is_over: bool,
    metrics: Arc<GatewayMetrics>,
    _place: OwnedSemaphorePermit,
}

/// What comes while it is open.
struct Coming {
    deliveries: broadcast::Receiver<Delivery>,
    progress: broadcast::Receiver<Arc<Progress>>,
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
            if self.is_over {
                return None;
            }
            if let Some(told) = self.telling.take() {
                self.had = Some(LastEvent::of(&told));
                self.hub.show(&told);
            }
            if let Some(delivery) = self.due.pop_front() {
                self.ready.extend(messages(&delivery, self.records, &self.base).into_iter().map(event));
                self.telling = Some(delivery.entry);
                continue;
            }
            match &mut self.coming {
                None => {
                    // Before the past is known, a last event has no place in it.
                    tokio::select! {
                        () = self.hub.caught_up() => {}
                        _ = self.stopping.changed() => continue,
                    }
                    let Subscription { missed, had, coming, progress } =
                        self.hub.subscribe(self.member, self.last.take());
                    (self.coming, self.had) = (Some(Coming { deliveries: coming, progress }), Some(had));
                    self.metrics.replayed_events.inc_by(u64::try_from(missed.len()).unwrap_or(u64::MAX));
                    self.due.extend(missed);
                }
                Some(coming) => {
                    tokio::select! {
                        biased;
                        _ = self.stopping.changed() => {}
                        why = self.lease.over() => self.say_goodbye(why),
                        next = coming.deliveries.recv() => match next {
                            Ok(delivery) => self.due.push_back(delivery),
                            // Who is too slow is cut off, and told what it missed when it comes back.
                            Err(RecvError::Lagged(_)) => {
                                self.metrics.lag_cuts.inc();
                                return None;
                            }
                            Err(RecvError::Closed) => return None,
                        },
                        told = coming.progress.recv() => match told {
                            Ok(progress) => self.tell(&progress),
                            Err(RecvError::Lagged(_)) => {}
                            Err(RecvError::Closed) => return None,
                        },
                    }
                }
            }
        }
    }
}

impl Open {
    /// Ends the stream, and says when to come back. A page that knows the event comes back by itself, and shows nothing of it.
    fn say_goodbye(&mut self, why: StreamEnd) {
        self.metrics.ended(why);
        let event = match why {
            StreamEnd::Age => Event::default().event("again").data("{}").retry(SOON),
            StreamEnd::Crowded => Event::default().comment("too many streams of this member").retry(LATER),
        };
        self.ready.push_back(event);
        self.is_over = true;
    }

    /// Tells how far a request is, unless its outcome has come while this waited to be told.
    fn tell(&mut self, progress: &Progress) {
        if !self.hub.is_over(progress) {
            self.ready.extend(progress_messages(progress, self.records).into_iter().map(event));
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // It no longer listens when the hub is told.
        self.coming = None;
        if let Some(had) = self.had.take() {
            self.hub.leave(self.member, had);
        }
    }
}

/// Done at this moment, if ever.
async fn ended(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn event(message: Message) -> Event {
    let event = Event::default().event(message.event).data(message.data);
    match message.id {
        Some(id) => event.id(id),
        None => event,
    }
}
