//! The model as the worker sees it: a primary server and perhaps a fallback, behind one circuit breaker, with retries
//! inside the deadline.
//!
//! A call that may succeed on another try is repeated on the same server after a jittered pause. The fallback is
//! asked when the primary is unavailable (its circuit is open), silent or misconfigured. While no server can be used,
//! calls wait for one instead of failing, and hold no slot meanwhile. Who finds out that a server is back, or hangs, is a probe (`probing.rs`) and no
//! member's request. How many calls are out at once is not limited here: a request in work has at most one out, and the
//! requests in work are limited.

mod calling;
mod probing;
mod silence;
mod warming;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::{debug, info, warn};

use super::chat::Endpoint;
use super::classify::{Action, Cause, Completion, Fault, Health, Usage};
use super::usual::Usual;
use super::{Ask, LastSign, Listener, Model, ModelFailure, Reply, Times};
use crate::events::record::Flow;
use crate::flow_control::backoff::Backoff;
use crate::flow_control::breaker::{Among, Breaker, Change, Verdict};
use crate::flow_control::gate::GatePermit;
use crate::flow_control::place::Place;
use crate::flow_control::reach::Reach;

use self::calling::Attempt;
use self::silence::{Silences, Span};

/// Told what happens, for metrics. Does nothing by default.
pub trait Observer: Send + Sync {
    /// A call goes out.
    fn call_began(&self) {}
    /// A call is no longer out: it ended, or was dropped.
    fn call_ended(&self) {}
    /// A call had a result, after so many seconds.
    fn called(&self, _endpoint: &'static str, _result: Result<(), Cause>, _seconds: f64) {}
    /// A request is going to be sent once more.
    fn retried(&self, _cause: Cause) {}
    /// A probe had a result.
    fn probed(&self, _endpoint: &'static str, _result: Result<(), Cause>) {}
    /// A server counts as unavailable from now on, or no longer.
    fn circuit(&self, _endpoint: &'static str, _is_open: bool) {}
    /// What a reply cost.
    fn tokens(&self, _usage: Usage) {}
    /// A reply was heard as it was written: its first token after so long, each later one after so much more.
    fn streamed(&self, _endpoint: &'static str, _flow: Flow, _first: Duration, _per_token: Option<Duration>) {}
}

impl Observer for () {}

/// How patient the worker is with its models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    pub backoff: Backoff,
    /// The least pause after a fault that only a person can mend, and before the next probe.
    pub misconfigured: Duration,
    /// How often a server that is unavailable is probed, at first.
    pub probe_every: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let backoff = Backoff { base: Duration::from_millis(200), cap: Duration::from_secs(5) };
        Self { backoff, misconfigured: backoff.cap, probe_every: Duration::from_secs(2) }
    }
}

/// What is wrong with each server, and that another stands in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct NotReady(Vec<String>);

/// A [`Model`] made of one or two servers.
pub struct Failover {
    /// The primary, and after it the fallback.
    servers: Vec<Server>,
    /// With one circuit for each server.
    breaker: Breaker,
    /// The fallback is beyond the country's borders, and for those alone that may go so far.
    is_asked_for_consent: bool,
    patience: Patience,
    observer: Arc<dyn Observer>,
}

/// A server, and what is known of it beside its circuit.
struct Server {
    endpoint: Arc<dyn Endpoint>,
    /// What it usually takes for each kind of request, as their longest replies tell them apart, and whether they are heard.
    kinds: Mutex<BTreeMap<(u32, bool), Kind>>,
    /// When it last answered anybody, or said a word of a reply that is heard.
    last_sign: LastSign,
    /// What it took to read what prompts begin with: that tells a slow server before its answers do.
    reading: Mutex<Duration>,
    /// When it last answered a probe at once: it is no slow one then.
    last_quick: Mutex<Option<Instant>>,
    /// Told that a call has been out for oddly long, and how long a probe may take to find out why.
    suspected: watch::Sender<Duration>,
    /// Why its circuit is open, while it is.
    trouble: Mutex<Option<String>>,
}

/// What it takes a server to answer requests of one kind.
#[derive(Debug, Default)]
struct Kind {
    /// Until it says the first word; the whole answer where that is not heard before.
    first: Usual,
    /// The longest silence within a reply.
    pause: Usual,
}

impl Server {
    fn new(endpoint: Arc<dyn Endpoint>) -> Self {
        let suspected = watch::Sender::new(Duration::ZERO);
        let (kinds, reading, trouble) = (Mutex::default(), Mutex::default(), Mutex::default());
        let (last_sign, last_quick) = (LastSign::default(), Mutex::default());
        Self { endpoint, kinds, last_sign, reading, last_quick, suspected, trouble }
    }

    fn name(&self) -> &'static str {
        self.endpoint.name()
    }

    /// Tells of its silences in requests of a kind, for which there is time for `whole`.
    fn silences(&self, ask: &Ask, whole: Duration, is_heard: bool) -> Silences {
        let mut kinds = locked(&self.kinds);
        let kind = kinds.entry((ask.max_tokens, is_heard)).or_default();
        // A request is read and then written, which may take as long again.
        let reading = locked(&self.reading).saturating_mul(2).min(whole / 2);
        Silences { before: Span::of(&kind.first, whole, reading), within: Span::of(&kind.pause, whole, Duration::ZERO) }
    }

    /// It has answered in full.
    fn answered(&self, ask: &Ask, is_heard: bool, times: Times, now: Instant) {
        self.last_sign.now(now);
        let mut kinds = locked(&self.kinds);
        let kind = kinds.entry((ask.max_tokens, is_heard)).or_default();
        kind.first.answered(times.to_first().unwrap_or(now.duration_since(times.asked)));
        if times.first.is_some() {
            kind.pause.answered(times.pause);
        }
    }

    fn was_quick_since(&self, then: Instant) -> bool {
        locked(&self.last_quick).is_some_and(|quick| quick > then)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Failover {
    /// A model that asks `primary` and, where there is one, `fallback`.
    pub fn new(
        primary: Arc<dyn Endpoint>,
        fallback: Option<Arc<dyn Endpoint>>,
        patience: Patience,
        observer: Arc<dyn Observer>,
    ) -> Self {
        let servers: Vec<_> = [primary].into_iter().chain(fallback).map(Server::new).collect();
        let breaker = Breaker::probed(servers.len(), patience.probe_every);
        servers.iter().for_each(|server| observer.circuit(server.name(), false));
        Self { servers, breaker, is_asked_for_consent: false, patience, observer }
    }

    /// The same, whose fallback gets only what may go overseas.
    #[must_use]
    pub fn only_with_consent(self) -> Self {
        Self { is_asked_for_consent: true, ..self }
    }

    /// The servers that a request may go to. One that may not go overseas has no fallback: it waits, and fails, as where
    /// there is none.
    fn among(&self, reach: Reach) -> Among<'_> {
        if self.is_asked_for_consent && reach == Reach::Home { self.breaker.first_alone() } else { self.breaker.all() }
    }

    /// Follows whether no server can be used.
    pub fn watch(&self) -> watch::Receiver<bool> {
        self.breaker.watch()
    }

    /// Whether any server answers; costs no tokens. For start-up and readiness. A primary that only a person can mend, or
    /// whose circuit is open, is told even while the fallback answers: else everything would go there, and nobody would
    /// know. So is any that does not answer where the fallback is not for everybody.
    pub async fn check(&self, limit: Instant) -> Result<(), NotReady> {
        let mut troubles = Vec::new();
        let mut primary_has_to_be_told = false;
        for (server, left) in self.servers.iter().zip((1..=self.servers.len()).rev()) {
            let open = locked(&server.trouble).clone();
            // One that hangs leaves the others their share of the time.
            let share = limit.saturating_duration_since(Instant::now()) / u32::try_from(left).unwrap_or(u32::MAX);
            match (server.endpoint.check(Instant::now() + share).await, open) {
                (Ok(()), None) if primary_has_to_be_told => {
                    let whom =
                        if self.is_asked_for_consent { " for members who agreed, and the others wait" } else { "" };
                    troubles.push(format!("{} stands in{whom}", server.name()));
                }
                (Ok(()), None) => return Ok(()),
                (Ok(()), Some(fault)) => {
                    primary_has_to_be_told |= troubles.is_empty();
                    troubles.push(format!("{}: {fault}, though it lists its models", server.name()));
                }
                (Err(trouble), open) => {
                    let is_for_good = trouble.cause.is_misconfiguration() || open.is_some();
                    let has_to_be_told = is_for_good || self.is_asked_for_consent;
                    primary_has_to_be_told |= troubles.is_empty() && has_to_be_told;
                    troubles.push(format!("{}: {trouble}", server.name()));
                }
            }
        }
        Err(NotReady(troubles))
    }

    /// Tells of a server's circuit that opened or closed.
    fn tell(&self, server: &Server, change: Change, result: &Result<Completion, Fault>) {
        let (endpoint, is_open) = (server.name(), change == Change::Opened);
        *locked(&server.trouble) = result.as_ref().err().filter(|_| is_open).map(ToString::to_string);
        self.observer.circuit(endpoint, is_open);
        match result {
            Err(fault) if is_open => {
                warn!(endpoint, cause = %fault, "the model server is unavailable; probing until it is back")
            }
            _ => info!(endpoint, "the model server is back"),
        }
    }

    /// What a call or a probe says about its server; `None` where that is unclear.
    fn verdict(&self, result: &Result<Completion, Fault>) -> Option<Verdict> {
        let Err(fault) = result else { return Some(Verdict::Works) };
        match fault.cause.health() {
            Health::Up => Some(Verdict::Works),
            Health::Down if fault.cause == Cause::Silent => Some(Verdict::Silent),
            Health::Down if fault.cause.is_misconfiguration() => {
                Some(Verdict::Misconfigured { pause: self.asked_pause(fault) })
            }
            Health::Down => Some(Verdict::Down { retry_after: fault.retry_after }),
            Health::Unclear => None,
        }
    }

    /// How long the server is to be left alone after a fault.
    fn asked_pause(&self, fault: &Fault) -> Duration {
        let least = if fault.cause.is_misconfiguration() { self.patience.misconfigured } else { Duration::ZERO };
        fault.retry_after.unwrap_or_default().max(least)
    }

    /// How long to wait after the fault of attempt number `attempt`.
    fn pause(&self, attempt: u32, fault: &Fault) -> Duration {
        self.asked_pause(fault).saturating_add(self.patience.backoff.jittered(attempt))
    }
}

/// How one ask goes.
struct Course<'a> {
    /// The servers that it may go to.
    among: Among<'a>,
    /// How much time there was for it.
    whole: Duration,
    deadline: Instant,
    /// The servers that were called.
    tried: Vec<usize>,
    /// The servers that failed in a way that may be the request's own.
    broke: Vec<usize>,
    /// The longest beginning of a reply that broke off. It was paid for.
    beginning: String,
}

impl Course<'_> {
    fn keep(&mut self, beginning: String) {
        if beginning.trim().len() > self.beginning.trim().len() {
            self.beginning = beginning;
        }
    }

    /// What is left of it all where nobody has answered in time.
    fn ends(self, listener: Option<&dyn Listener>) -> Option<Reply> {
        if self.beginning.trim().is_empty() {
            return None;
        }
        if let Some(listener) = listener {
            listener.begins();
            listener.hears(&self.beginning);
        }
        Some(Reply { text: self.beginning, truncated: true })
    }
}

#[async_trait]
impl Model for Failover {
    async fn admit(&self, reach: Reach) -> GatePermit {
        self.among(reach).admit().await
    }

    async fn ask(
        &self,
        ask: &Ask,
        place: &Place,
        deadline: Instant,
        listener: Option<&dyn Listener>,
    ) -> Result<Reply, ModelFailure> {
        let whole = deadline.saturating_duration_since(Instant::now());
        let among = self.among(place.reach());
        let (tried, broke, beginning) = (Vec::new(), Vec::new(), String::new());
        let mut course = Course { among, whole, deadline, tried, broke, beginning };
        let mut attempt = 0;
        let mut last_fault = None;
        // The server that has just asked to be left for the other.
        let mut left = None;
        // Whether that has happened since the last pause: two servers do not send a request to and fro.
        let mut switched = false;
        let mut dropped_before = false;
        let mut changes = self.breaker.changes();
        while Instant::now() < deadline {
            // It may have been given up since the last call.
            if timeout_at(deadline, place.take_slot_for_good()).await.is_err() {
                break;
            }
            changes.mark_unchanged();
            let Ok(picked) = among.pick(Instant::now(), left.take()) else {
                place.give_up_slot();
                // Either way it looks again.
                drop(timeout_at(deadline, changes.changed()).await);
                continue;
            };
            let Some(server) = self.servers.get(picked.server) else { break };
            let name = server.name();
            if let Some((_, Fault { cause, .. })) = last_fault {
                self.observer.retried(cause);
            }
            course.tried.push(picked.server);
            let Attempt { started, result, is_telling, beginning } =
                self.call(&picked, server, ask, &course, listener).await;
            // An idle connection may have been closed just as it was taken from the pool. That says nothing about
            // the server, and nobody can tell it from a real reset: the first one is repeated at once.
            let is_dropped = matches!(&result, Err(fault) if fault.cause == Cause::Dropped);
            if is_dropped && !std::mem::replace(&mut dropped_before, true) {
                last_fault = Some((name, Fault::transport(Cause::Dropped)));
                continue;
            }
            // One request says that only once about a server, however often it is tried.
            let may_be_ours = matches!(&result, Err(fault) if fault.may_be_the_requests());
            let is_known = may_be_ours && course.broke.contains(&picked.server);
            if may_be_ours && !is_known {
                course.broke.push(picked.server);
            }
            if let Some(verdict) = self.verdict(&result).filter(|_| is_telling && !is_known) {
                self.breaker.record(picked.server, started, verdict, |change| self.tell(server, change, &result));
            }
            let index = picked.server;
            drop(picked);
            let fault = match result {
                Ok(completion) => {
                    completion.usage.into_iter().for_each(|usage| self.observer.tokens(usage));
                    return Ok(Reply { text: completion.text, truncated: completion.truncated });
                }
                Err(fault) => fault,
            };
            debug!(endpoint = name, cause = %fault, attempt, "no reply");
            course.keep(beginning);
            let pause = self.pause(attempt, &fault);
            let action = fault.cause.action();
            // Who can leave a server that is away, or breaks at this very request, does not wait for what that asks for.
            let leaves = action == Action::TryOther || is_known || self.breaker.next_probe(index).is_some();
            match action {
                Action::GiveUp => return Err(ModelFailure::Unusable(format!("{name}: {fault}"))),
                // The endpoint has tried whatever is briefer.
                Action::AskBriefly => return Err(ModelFailure::TooLong),
                Action::TryOther | Action::TryAgain if leaves && !switched && among.has_other(&[index]) => {
                    left = Some(index);
                    switched = true;
                }
                Action::TryOther | Action::TryAgain => {
                    if among.is_away() {
                        place.give_up_slot();
                    }
                    sleep_until(limit(Instant::now(), pause, deadline)).await;
                    attempt += 1;
                    switched = false;
                }
            }
            last_fault = Some((name, fault));
        }
        if let Some(reply) = course.ends(listener) {
            return Ok(reply);
        }
        Err(ModelFailure::Unavailable(match last_fault {
            Some((name, fault)) => format!("{name}: {fault}"),
            None => "no server could be asked".to_owned(),
        }))
    }
}

/// `span` from `now`, or the deadline when that comes first.
fn limit(now: Instant, span: Duration, deadline: Instant) -> Instant {
    now.checked_add(span).map_or(deadline, |end| end.min(deadline))
}

#[cfg(test)]
mod tests;
