//! A circuit breaker: one circuit for each server of a service, and one half-open gate before all of them.
//!
//! A circuit decides to which server a call goes, and when; the gate decides who may begin at all. It is shut while
//! every circuit is open: who waits there is not yet in anybody's deadline, so that an outage fails those who found
//! out, and no others.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::circuit::{Circuit, LONGEST_PAUSE, NotBefore};
use super::gate::{Gate, GatePermit};

/// What a service's calls taught about it, and whom that lets through.
#[derive(Debug)]
pub struct Breaker {
    /// One for each server, in the order in which they are preferred.
    circuits: Mutex<Vec<Circuit>>,
    /// Shut while all circuits are open.
    gate: Gate,
}

/// What a call said about its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Works,
    /// It is down, and asks to be left alone for a while, perhaps.
    Down {
        retry_after: Option<Duration>,
    },
    /// Only a person can mend it: it is left alone for this long.
    Misconfigured {
        pause: Duration,
    },
}

/// What became of a server's circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The server is unavailable from now on.
    Opened,
    /// The server is back.
    Closed,
}

impl Breaker {
    /// For a service with so many servers, all of which work as far as is known. One that is unavailable gets one call
    /// per `probe_every`.
    pub fn new(servers: usize, probe_every: Duration) -> Self {
        let circuits = (0..servers).map(|_| Circuit::new(probe_every)).collect();
        Self { circuits: Mutex::new(circuits), gate: Gate::default() }
    }

    /// Waits until it makes sense to begin: not at all while a server works, one at a time while none does.
    pub async fn admit(&self) -> GatePermit {
        self.gate.enter().await
    }

    /// Whether no server works.
    pub fn is_away(&self) -> bool {
        self.gate.is_shut()
    }

    /// Follows whether no server works.
    pub fn watch(&self) -> watch::Receiver<bool> {
        self.gate.watch()
    }

    /// The first server that may be called; `last_choice` only when no other may.
    ///
    /// # Errors
    /// When to ask again, while all circuits are open and no probe is due.
    pub fn pick(&self, now: Instant, last_choice: Option<usize>) -> Result<usize, NotBefore> {
        let mut circuits = self.circuits();
        let order = (0..circuits.len()).filter(|server| Some(*server) != last_choice).chain(last_choice);
        let mut earliest = NotBefore(now + LONGEST_PAUSE);
        for server in order {
            match circuits.get_mut(server).map(|circuit| circuit.try_call(now)) {
                Some(Ok(())) => return Ok(server),
                Some(Err(not_before)) => earliest = earliest.min(not_before),
                None => {}
            }
        }
        Err(earliest)
    }

    /// Whether a server other than this one works, as far as is known.
    pub fn has_other(&self, server: usize) -> bool {
        self.circuits().iter().enumerate().any(|(other, circuit)| other != server && !circuit.is_open())
    }

    /// Learns what a call that began at `started` said about its server. Tells when this opened or closed the server's
    /// circuit: once, however many calls say the same.
    pub fn record(&self, server: usize, started: Instant, verdict: Verdict, tell: impl FnOnce(Change)) {
        let mut circuits = self.circuits();
        let Some(circuit) = circuits.get_mut(server) else { return };
        let now = Instant::now();
        let changed = match verdict {
            Verdict::Works => circuit.succeeded(now),
            Verdict::Down { retry_after } => circuit.failed(started, now, retry_after),
            Verdict::Misconfigured { pause } => circuit.misconfigured(started, now, pause),
        };
        if !changed {
            return;
        }
        let change = if circuit.is_open() { Change::Opened } else { Change::Closed };
        // Under the lock, so that changes are seen and told in the order in which they happened.
        self.gate.set_shut(circuits.iter().all(Circuit::is_open));
        tell(change);
    }

    fn circuits(&self) -> MutexGuard<'_, Vec<Circuit>> {
        self.circuits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const PROBE_EVERY: Duration = Duration::from_secs(2);
    const DOWN: Verdict = Verdict::Down { retry_after: None };

    fn told(breaker: &Breaker, server: usize, verdicts: impl IntoIterator<Item = Verdict>) -> Vec<Change> {
        let mut changes = Vec::new();
        for verdict in verdicts {
            breaker.record(server, Instant::now(), verdict, |change| changes.push(change));
        }
        changes
    }

    #[tokio::test(start_paused = true)]
    async fn each_change_is_told_once_however_many_calls_say_the_same() {
        let breaker = Breaker::new(1, PROBE_EVERY);
        assert_eq!(told(&breaker, 0, [DOWN; 20]), [Change::Opened]);
        assert_eq!(told(&breaker, 0, [Verdict::Works; 20]), [Change::Closed]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_only_a_person_can_mend_opens_it_for_as_long_as_is_said() {
        let breaker = Breaker::new(1, PROBE_EVERY);
        let pause = Duration::from_secs(5);
        assert_eq!(told(&breaker, 0, [Verdict::Misconfigured { pause }]), [Change::Opened]);
        assert_eq!(breaker.pick(Instant::now(), None), Err(NotBefore(Instant::now() + pause)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_gate_is_shut_while_every_circuit_is_open() {
        let breaker = Breaker::new(2, PROBE_EVERY);
        told(&breaker, 0, [DOWN; 5]);
        assert!(!breaker.is_away() && breaker.has_other(0) && !breaker.has_other(1));
        told(&breaker, 1, [DOWN; 5]);
        assert!(breaker.is_away());
        let probe = breaker.admit().now_or_never();
        let mut waiting = std::pin::pin!(breaker.admit());
        assert!(probe.is_some() && waiting.as_mut().now_or_never().is_none());
        told(&breaker, 1, [Verdict::Works]);
        assert!(!breaker.is_away() && waiting.now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn the_change_is_told_after_the_gate_has_it() {
        let breaker = Breaker::new(1, Duration::ZERO);
        let mut shut = Vec::new();
        for verdict in [DOWN, DOWN, DOWN, DOWN, DOWN, Verdict::Works] {
            breaker.record(0, Instant::now(), verdict, |_| shut.push(breaker.is_away()));
        }
        assert_eq!(shut, [true, false]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_server_is_called_unless_it_is_the_last_choice_or_open() {
        let breaker = Breaker::new(2, PROBE_EVERY);
        let pick = |last_choice| breaker.pick(Instant::now(), last_choice);
        assert_eq!((pick(None), pick(Some(0))), (Ok(0), Ok(1)));
        told(&breaker, 0, [DOWN; 5]);
        assert_eq!((pick(None), pick(Some(1))), (Ok(1), Ok(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn while_every_circuit_is_open_each_server_gets_one_probe_and_the_next_is_due_at_the_earliest() {
        let breaker = Breaker::new(2, PROBE_EVERY);
        told(&breaker, 0, [DOWN; 5]);
        tokio::time::advance(Duration::from_millis(500)).await;
        told(&breaker, 1, [DOWN; 5]);
        let pick = || breaker.pick(Instant::now(), None);
        let first = Instant::now() + Duration::from_millis(1_500);
        assert_eq!(pick(), Err(NotBefore(first)));
        tokio::time::advance(PROBE_EVERY).await;
        assert_eq!((pick(), pick()), (Ok(0), Ok(1)));
        assert_eq!(pick(), Err(NotBefore(Instant::now() + PROBE_EVERY)));
    }
}
