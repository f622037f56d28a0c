//! The model as the worker sees it: a primary server and perhaps a fallback, behind one circuit breaker, with retries
//! inside the deadline.
//!
//! A call that may succeed on another try is repeated on the same server after a jittered pause. The fallback is
//! asked when the primary is unavailable (its circuit is open), silent or misconfigured. While no server can be used,
//! calls wait for one instead of failing, and a single probe per interval finds out. How many calls are out at once is
//! not limited here: a request in work has at most one out, and the requests in work are limited.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::{debug, info, warn};

use super::chat::Endpoint;
use super::classify::{Action, Cause, Completion, Fault, Health, Usage};
use super::{Ask, Model, ModelFailure, Reply};
use crate::flow_control::backoff::Backoff;
use crate::flow_control::breaker::{Breaker, Change, Verdict};
use crate::flow_control::circuit::NotBefore;
use crate::flow_control::gate::GatePermit;

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
    /// What a reply cost.
    fn tokens(&self, _usage: Usage) {}
}

impl Observer for () {}

/// How patient the worker is with its models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    pub backoff: Backoff,
    /// The least pause after a fault that only a person can mend, and before the next probe.
    pub misconfigured: Duration,
    /// How often a server that is unavailable gets a call.
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
    endpoints: Vec<Arc<dyn Endpoint>>,
    /// With one circuit for each endpoint.
    breaker: Breaker,
    patience: Patience,
    observer: Arc<dyn Observer>,
}

/// A call that is out, as the observer counts them. A guard, so that a call whose future is dropped is counted, too.
struct CallOut<'a>(&'a dyn Observer);

impl<'a> CallOut<'a> {
    fn begin(observer: &'a dyn Observer) -> Self {
        observer.call_began();
        Self(observer)
    }
}

impl Drop for CallOut<'_> {
    fn drop(&mut self) {
        self.0.call_ended();
    }
}

impl Failover {
    /// A model that asks `primary` and, where there is one, `fallback`.
    pub fn new(
        primary: Arc<dyn Endpoint>,
        fallback: Option<Arc<dyn Endpoint>>,
        patience: Patience,
        observer: Arc<dyn Observer>,
    ) -> Self {
        let endpoints: Vec<_> = [primary].into_iter().chain(fallback).collect();
        let breaker = Breaker::new(endpoints.len(), patience.probe_every);
        Self { endpoints, breaker, patience, observer }
    }

    /// Follows whether no server can be used.
    pub fn watch(&self) -> watch::Receiver<bool> {
        self.breaker.watch()
    }

    /// Whether any server answers; costs no tokens. For start-up and readiness. A primary that only a person can mend is
    /// told even while the fallback answers: else everything would go there, and nobody would know.
    pub async fn check(&self, limit: Instant) -> Result<(), NotReady> {
        let mut troubles = Vec::new();
        let mut needs_a_person = false;
        for endpoint in &self.endpoints {
            match endpoint.check(limit).await {
                Ok(()) if needs_a_person => troubles.push(format!("{} stands in", endpoint.name())),
                Ok(()) => return Ok(()),
                Err(trouble) => {
                    needs_a_person |= troubles.is_empty() && trouble.cause.is_misconfiguration();
                    troubles.push(format!("{}: {trouble}", endpoint.name()));
                }
            }
        }
        Err(NotReady(troubles))
    }

    /// Learns from a call what it says about its server.
    fn record(&self, index: usize, endpoint: &'static str, started: Instant, result: &Result<Completion, Fault>) {
        let Some(verdict) = self.verdict(result) else { return };
        self.breaker.record(index, started, verdict, |change| match result {
            Err(fault) if change == Change::Opened => {
                warn!(endpoint, cause = %fault, "the model server is unavailable; probing until it is back")
            }
            _ => info!(endpoint, "the model server is back"),
        });
    }

    /// What a call says about its server; `None` where that is unclear.
    fn verdict(&self, result: &Result<Completion, Fault>) -> Option<Verdict> {
        let Err(fault) = result else { return Some(Verdict::Works) };
        match fault.cause.health() {
            Health::Up => Some(Verdict::Works),
            Health::Down if fault.cause.is_misconfiguration() => {
                Some(Verdict::Misconfigured { pause: self.asked_pause(fault) })
            }
            Health::Down => Some(Verdict::Down { retry_after: fault.retry_after }),
            Health::Unclear => None,
        }
    }

    /// Until a server works again, or it is time to probe.
    async fn wait_for_server(&self, until: Instant) {
        let mut unavailable = self.breaker.watch();
        // Either way the caller looks again.
        drop(timeout_at(until, unavailable.wait_for(|unavailable| !unavailable)).await);
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

#[async_trait]
impl Model for Failover {
    async fn admit(&self) -> GatePermit {
        self.breaker.admit().await
    }

    async fn ask(&self, ask: &Ask, deadline: Instant) -> Result<Reply, ModelFailure> {
        let mut attempt = 0;
        let mut last_fault = None;
        // The server that has just asked to be left for the other.
        let mut left = None;
        // Whether that has happened since the last pause: two servers do not send a request to and fro.
        let mut switched = false;
        let mut dropped_before = false;
        while Instant::now() < deadline {
            let started = Instant::now();
            let index = match self.breaker.pick(started, left.take()) {
                Ok(index) => index,
                Err(NotBefore(at)) => {
                    self.wait_for_server(at.min(deadline)).await;
                    continue;
                }
            };
            let Some(endpoint) = self.endpoints.get(index) else { break };
            let name = endpoint.name();
            if let Some((_, Fault { cause, .. })) = last_fault {
                self.observer.retried(cause);
            }
            let call_limit = limit(started, ask.attempt_timeout, deadline);
            let call_out = CallOut::begin(self.observer.as_ref());
            let result = endpoint.call(ask, call_limit).await;
            drop(call_out);
            let outcome = result.as_ref().map(drop).map_err(|fault| fault.cause);
            self.observer.called(name, outcome, started.elapsed().as_secs_f64());
            // An idle connection may have been closed just as it was taken from the pool. That says nothing about
            // the server, and nobody can tell it from a real reset: the first one is repeated at once.
            if outcome == Err(Cause::Dropped) && !std::mem::replace(&mut dropped_before, true) {
                last_fault = Some((name, Fault::transport(Cause::Dropped)));
                continue;
            }
            // Nor does silence, when the deadline left the server no fair time to answer.
            let fair = call_limit.duration_since(started) >= ask.attempt_timeout / 2;
            if fair || outcome != Err(Cause::Silent) {
                self.record(index, name, started, &result);
            }
            let fault = match result {
                Ok(completion) => {
                    completion.usage.into_iter().for_each(|usage| self.observer.tokens(usage));
                    return Ok(Reply { text: completion.text, truncated: completion.truncated });
                }
                Err(fault) => fault,
            };
            debug!(endpoint = name, cause = %fault, attempt, "no reply");
            let pause = self.pause(attempt, &fault);
            match fault.cause.action() {
                Action::GiveUp => return Err(ModelFailure::Unusable(format!("{name}: {fault}"))),
                // The endpoint has tried whatever is briefer.
                Action::AskBriefly => return Err(ModelFailure::TooLong),
                Action::TryOther if !switched && self.breaker.has_other(index) => {
                    left = Some(index);
                    switched = true;
                }
                Action::TryOther | Action::TryAgain => {
                    sleep_until(limit(Instant::now(), pause, deadline)).await;
                    attempt += 1;
                    switched = false;
                }
            }
            last_fault = Some((name, fault));
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
