//! The model as the worker sees it: a primary server and perhaps a fallback, behind one gate, with retries inside the
//! deadline.
//!
//! A call that may succeed on another try is repeated on the same server after a jittered pause. The fallback is
//! asked when the primary is unavailable (its circuit is open), silent or misconfigured. While no server can be used,
//! calls wait for one instead of failing, and a single probe per interval finds out.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::{debug, info, warn};

use super::chat::Endpoint;
use super::classify::{Action, Cause, Completion, Fault, Health, Usage};
use super::gate::Gate;
use super::{Ask, Model, ModelFailure, Reply};
use crate::flow_control::backoff::Backoff;
use crate::flow_control::circuit::{Circuit, Entry};
use crate::flow_control::turnstile::{Pass, Turnstile};

/// Told what happens, for metrics. Does nothing by default.
pub trait Observer: Send + Sync {
    /// A call ended, after so many seconds.
    fn called(&self, _endpoint: &'static str, _result: Result<(), Cause>, _seconds: f64) {}
    /// A request is going to be sent once more.
    fn retried(&self, _cause: Cause) {}
    /// What a reply cost.
    fn tokens(&self, _usage: Usage) {}
    /// A server became unavailable, or came back.
    fn circuit(&self, _endpoint: &'static str, _open: bool) {}
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

/// A [`Model`] made of one or two servers.
pub struct Failover {
    /// The primary, and after it the fallback.
    endpoints: Vec<Arc<dyn Endpoint>>,
    /// One for each endpoint.
    circuits: Mutex<Vec<Circuit>>,
    /// Shut while all circuits are open.
    turnstile: Turnstile,
    gate: Arc<Gate>,
    patience: Patience,
    observer: Arc<dyn Observer>,
}

enum Pick {
    Call(usize),
    NotBefore(Instant),
}

impl Failover {
    /// A model that asks `primary` and, where there is one, `fallback`.
    pub fn new(
        primary: Arc<dyn Endpoint>,
        fallback: Option<Arc<dyn Endpoint>>,
        gate: Arc<Gate>,
        patience: Patience,
        observer: Arc<dyn Observer>,
    ) -> Self {
        let endpoints: Vec<_> = [primary].into_iter().chain(fallback).collect();
        let circuits = endpoints.iter().map(|_| Circuit::new(patience.probe_every)).collect();
        Self { endpoints, circuits: Mutex::new(circuits), turnstile: Turnstile::default(), gate, patience, observer }
    }

    /// The gate that all calls pass.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Follows whether no server can be used.
    pub fn watch(&self) -> watch::Receiver<bool> {
        self.turnstile.watch()
    }

    /// Whether any server answers; costs no tokens. For start-up and readiness. A primary that only a person can mend is
    /// told even while the fallback answers: else everything would go there, and nobody would know.
    pub async fn check(&self, limit: Instant) -> Result<(), String> {
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
        Err(troubles.join("; "))
    }

    fn circuits(&self) -> MutexGuard<'_, Vec<Circuit>> {
        self.circuits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first server that may be called; `last_choice` only when no other may.
    fn pick(&self, now: Instant, last_choice: Option<usize>) -> Pick {
        let mut circuits = self.circuits();
        let order = (0..circuits.len()).filter(|index| Some(*index) != last_choice).chain(last_choice);
        let mut earliest = None;
        for index in order {
            match circuits.get_mut(index).map(|circuit| circuit.enter(now)) {
                Some(Entry::Now) => return Pick::Call(index),
                Some(Entry::NotBefore(at)) => {
                    earliest = Some(earliest.map_or(at, |earliest: Instant| earliest.min(at)))
                }
                None => {}
            }
        }
        Pick::NotBefore(earliest.unwrap_or(now + self.patience.probe_every))
    }

    /// Whether a server other than this one works, as far as is known.
    fn has_other(&self, index: usize) -> bool {
        self.circuits().iter().enumerate().any(|(other, circuit)| other != index && !circuit.is_open())
    }

    /// Takes in what a call says about its server.
    fn record(&self, index: usize, endpoint: &'static str, started: Instant, result: &Result<Completion, Fault>) {
        let now = Instant::now();
        let mut circuits = self.circuits();
        let Some(circuit) = circuits.get_mut(index) else { return };
        let changed = match result {
            Ok(_) => circuit.succeeded(now),
            Err(fault) => match fault.cause.health() {
                Health::Up => circuit.succeeded(now),
                Health::Down if fault.cause.is_misconfiguration() => {
                    circuit.misconfigured(started, now, self.asked_pause(fault))
                }
                Health::Down => circuit.failed(started, now, fault.retry_after),
                Health::Unclear => false,
            },
        };
        if !changed {
            return;
        }
        let open = circuit.is_open();
        // Told under the lock, so that changes are seen in the order in which they happened.
        self.turnstile.set_shut(circuits.iter().all(Circuit::is_open));
        drop(circuits);
        self.observer.circuit(endpoint, open);
        match result {
            Err(fault) if open => {
                warn!(endpoint, cause = %fault, "the model server is unavailable; probing until it is back")
            }
            _ => info!(endpoint, "the model server is back"),
        }
    }

    /// Until a server works again, or it is time to probe.
    async fn wait_for_server(&self, until: Instant) {
        let mut unavailable = self.turnstile.watch();
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
    async fn admit(&self) -> Pass {
        self.turnstile.enter().await
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
            let Ok(pass) = timeout_at(deadline, self.gate.enter()).await else { break };
            let started = Instant::now();
            let picked = match self.pick(started, left.take()) {
                Pick::Call(index) => self.endpoints.get(index).map(|endpoint| (index, endpoint)),
                Pick::NotBefore(at) => {
                    drop(pass);
                    self.wait_for_server(at.min(deadline)).await;
                    continue;
                }
            };
            let Some((index, endpoint)) = picked else { break };
            let name = endpoint.name();
            if let Some((_, Fault { cause, .. })) = last_fault {
                self.observer.retried(cause);
            }
            let call_limit = limit(started, ask.attempt_timeout, deadline);
            let result = endpoint.call(ask, call_limit).await;
            drop(pass);
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
                Action::TryOther if !switched && self.has_other(index) => {
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
            None => "its turn did not come".to_owned(),
        }))
    }
}

/// `span` from `now`, or the deadline when that comes first.
fn limit(now: Instant, span: Duration, deadline: Instant) -> Instant {
    now.checked_add(span).map_or(deadline, |end| end.min(deadline))
}

#[cfg(test)]
mod tests;
