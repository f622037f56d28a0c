//! A circuit breaker: one circuit for each server of a service, and one half-open gate before all of them.
//!
//! A circuit decides to which server a call goes, and when; the gate decides who may begin at all. While no circuit is
//! closed it lets one at a time pass: who waits there is not yet in anybody's deadline, so that an outage fails those who
//! found out, and one at a time after them, who are told, and not the backlog.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::circuit::{Circuit, LONGEST_PAUSE, NotBefore, Passage};
use super::gate::{Gate, GatePermit, Way};

/// What a service's calls and probes taught about it, and whom that lets through.
#[derive(Debug)]
pub struct Breaker {
    /// One for each server, in the order in which they are preferred.
    circuits: Mutex<Vec<Circuit>>,
    /// What is known of all servers together.
    all: Together,
    /// The same of the first of them alone, of the first two, and so on, for who may not use the others.
    first: Vec<Together>,
    /// Told of whatever may let a call out that could not go out before, or end one that is out.
    changes: watch::Sender<()>,
}

/// What is known of several servers together.
#[derive(Debug, Default)]
struct Together {
    gate: Gate,
    /// Whether no circuit is closed.
    away: watch::Sender<bool>,
}

impl Together {
    fn set(&self, is_away: bool) {
        self.gate.set(if is_away { Way::OneAtATime } else { Way::Free });
        self.away.send_if_modified(|away| std::mem::replace(away, is_away) != is_away);
    }
}

/// The servers of a service that somebody may use: so many from the first on.
#[derive(Clone, Copy, Debug)]
pub struct Among<'a> {
    breaker: &'a Breaker,
    servers: usize,
}

/// What a call or a probe said about its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Works,
    /// It is down, and asks to be left alone for a while, perhaps.
    Down {
        retry_after: Option<Duration>,
    },
    /// It did not answer for longer than it ever takes.
    Silent,
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

/// A server that may be called now; to be kept until it is recorded what came of that.
#[derive(Debug)]
pub struct Picked<'a> {
    pub server: usize,
    /// `Some` where this one call finds out whether the server is back: how many before it found that it is not.
    pub trial: Option<u32>,
    breaker: &'a Breaker,
}

impl Drop for Picked<'_> {
    fn drop(&mut self) {
        if self.trial.is_some() {
            self.breaker.update(self.server, drop, |circuit, _| {
                circuit.trial_ended();
                false
            });
        }
    }
}

impl Breaker {
    /// For a service with so many servers, all of which work as far as is known. One that is unavailable gets one call
    /// per `probe_every`.
    pub fn new(servers: usize, probe_every: Duration) -> Self {
        Self::of((0..servers).map(|_| Circuit::tried_by_callers(probe_every)).collect())
    }

    /// The same, where somebody probes a server that is unavailable, whenever [`next_probe`](Self::next_probe) says so:
    /// until a probe was answered nobody calls it.
    pub fn probed(servers: usize, probe_every: Duration) -> Self {
        Self::of((0..servers).map(|_| Circuit::probed(probe_every)).collect())
    }

    fn of(circuits: Vec<Circuit>) -> Self {
        let first = circuits.iter().skip(1).map(|_| Together::default()).collect();
        Self { circuits: Mutex::new(circuits), all: Together::default(), first, changes: watch::Sender::new(()) }
    }

    /// All servers, for who may use any.
    pub fn all(&self) -> Among<'_> {
        Among { breaker: self, servers: self.first.len() + 1 }
    }

    /// The first server alone, for who may use no other.
    pub fn first_alone(&self) -> Among<'_> {
        Among { breaker: self, servers: 1 }
    }

    /// Waits until it makes sense to begin: not at all while a server works, one at a time while none does.
    pub async fn admit(&self) -> GatePermit {
        self.all().admit().await
    }

    /// Whether no server works.
    pub fn is_away(&self) -> bool {
        self.all().is_away()
    }

    /// Follows whether no server works.
    pub fn watch(&self) -> watch::Receiver<bool> {
        self.all.away.subscribe()
    }

    /// Follows whether to [`pick`](Self::pick) anew.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// The first server that may be called; `last_choice` only when no other may.
    ///
    /// # Errors
    /// When to ask again, while all circuits are open and no probe is due.
    pub fn pick(&self, now: Instant, last_choice: Option<usize>) -> Result<Picked<'_>, NotBefore> {
        self.all().pick(now, last_choice)
    }

    /// When the server is to be probed next; never while it works.
    pub fn next_probe(&self, server: usize) -> Option<Instant> {
        self.circuits().get(server).and_then(Circuit::next_probe)
    }

    /// A probe goes out; `random`, between 0 and 1, spreads the next ones.
    pub fn probe_sent(&self, server: usize, random: f64) {
        self.update(server, drop, |circuit, now| {
            circuit.probe_sent(now, random);
            false
        });
    }

    /// Learns what a probe that began at `started` said about its server. Tells when this changed the server's circuit.
    /// Where the server counts as working, a probe that was sent for its silence opens the circuit with its own.
    pub fn record_probe(&self, server: usize, started: Instant, verdict: Verdict, tell: impl FnOnce(Change)) {
        self.update(server, tell, |circuit, now| {
            let works = !circuit.is_open();
            let pause = match verdict {
                Verdict::Works => return circuit.probe_passed(started, now),
                Verdict::Silent if works => return circuit.hang_confirmed(started, now),
                Verdict::Down { retry_after } if works => return circuit.failed(started, now, retry_after),
                Verdict::Misconfigured { pause } if works => return circuit.misconfigured(started, now, pause),
                Verdict::Silent => Duration::ZERO,
                Verdict::Down { retry_after } => retry_after.unwrap_or_default(),
                Verdict::Misconfigured { pause } => pause,
            };
            circuit.probe_failed(started, now, pause);
            false
        });
    }

    /// Learns what a call that began at `started` said about its server. Tells when this opened or closed the server's
    /// circuit: once, however many calls say the same.
    pub fn record(&self, server: usize, started: Instant, verdict: Verdict, tell: impl FnOnce(Change)) {
        self.update(server, tell, |circuit, now| match verdict {
            Verdict::Works => circuit.succeeded(now),
            Verdict::Down { retry_after } => circuit.failed(started, now, retry_after),
            Verdict::Silent => circuit.was_silent(started, now),
            Verdict::Misconfigured { pause } => circuit.misconfigured(started, now, pause),
        });
    }

    fn update(&self, server: usize, tell: impl FnOnce(Change), act: impl FnOnce(&mut Circuit, Instant) -> bool) {
        let mut circuits = self.circuits();
        let Some(circuit) = circuits.get_mut(server) else { return };
        let changed = act(circuit, Instant::now());
        let is_open = circuit.is_open();
        if !changed && !is_open {
            return;
        }
        // Under the lock, so that changes are seen and told in the order in which they happened.
        self.all.set(circuits.iter().all(Circuit::is_open));
        for (last, first) in self.first.iter().enumerate() {
            first.set(circuits.iter().take(last + 1).all(Circuit::is_open));
        }
        self.changes.send_replace(());
        if changed {
            tell(if is_open { Change::Opened } else { Change::Closed });
        }
    }

    fn circuits(&self) -> MutexGuard<'_, Vec<Circuit>> {
        self.circuits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> Among<'a> {
    /// As [`Breaker::admit`], where these servers are all that there is.
    pub async fn admit(self) -> GatePermit {
        self.together().gate.enter().await
    }

    /// Whether none of them works.
    pub fn is_away(self) -> bool {
        *self.together().away.borrow()
    }

    /// As [`Breaker::pick`].
    ///
    /// # Errors
    /// When to ask again, while all their circuits are open and no probe is due.
    pub fn pick(self, now: Instant, last_choice: Option<usize>) -> Result<Picked<'a>, NotBefore> {
        let breaker = self.breaker;
        let mut circuits = breaker.circuits();
        let order = (0..self.servers).filter(|server| Some(*server) != last_choice).chain(last_choice);
        let mut earliest = NotBefore(now + LONGEST_PAUSE);
        for server in order {
            match circuits.get_mut(server).map(|circuit| circuit.try_call(now)) {
                Some(Ok(Passage::Free)) => return Ok(Picked { server, trial: None, breaker }),
                Some(Ok(Passage::Trial { failed })) => return Ok(Picked { server, trial: Some(failed), breaker }),
                Some(Err(not_before)) => earliest = earliest.min(not_before),
                None => {}
            }
        }
        Err(earliest)
    }

    /// Whether one of them other than these works, as far as is known.
    pub fn has_other(self, servers: &[usize]) -> bool {
        let circuits = self.breaker.circuits();
        let mut those = circuits.iter().take(self.servers).enumerate();
        those.any(|(other, circuit)| !servers.contains(&other) && !circuit.is_open())
    }

    /// Waits until no call may go to this server while another of them works.
    pub async fn left_for_another(self, server: usize) {
        let mut changes = self.breaker.changes();
        loop {
            let is_open = |circuit: &Circuit| circuit.is_open() && !circuit.is_half_open();
            let open = self.breaker.circuits().get(server).is_some_and(is_open);
            // The sender lives as long as this.
            if open && self.has_other(&[server]) || changes.changed().await.is_err() {
                return;
            }
        }
    }

    fn together(self) -> &'a Together {
        self.servers.checked_sub(1).and_then(|last| self.breaker.first.get(last)).unwrap_or(&self.breaker.all)
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

    fn picked(breaker: &Breaker, last_choice: Option<usize>) -> Result<usize, NotBefore> {
        breaker.pick(Instant::now(), last_choice).map(|picked| picked.server)
    }

    fn probed(breaker: &Breaker, server: usize, verdict: Verdict) -> Vec<Change> {
        let mut changes = Vec::new();
        breaker.record_probe(server, Instant::now(), verdict, |change| changes.push(change));
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
        assert_eq!(picked(&breaker, None), Err(NotBefore(Instant::now() + pause)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_gate_is_shut_while_every_circuit_is_open() {
        let breaker = Breaker::new(2, PROBE_EVERY);
        told(&breaker, 0, [DOWN; 5]);
        assert!(!breaker.is_away() && breaker.all().has_other(&[0]) && !breaker.all().has_other(&[1]));
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
        let pick = |last_choice| picked(&breaker, last_choice);
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
        let pick = || picked(&breaker, None);
        let first = Instant::now() + Duration::from_millis(1_500);
        assert_eq!(pick(), Err(NotBefore(first)));
        tokio::time::advance(PROBE_EVERY).await;
        assert_eq!((pick(), pick()), (Ok(0), Ok(1)));
        assert_eq!(pick(), Err(NotBefore(Instant::now() + PROBE_EVERY)));
    }

    #[tokio::test(start_paused = true)]
    async fn where_probes_find_out_one_at_a_time_begins_and_calls_nobody_before_one_has_passed() {
        let breaker = Breaker::probed(1, PROBE_EVERY);
        told(&breaker, 0, [DOWN; 5]);
        tokio::time::advance(PROBE_EVERY * 100).await;
        let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(breaker.admit())).collect();
        let begun: Vec<_> = waiting.iter_mut().filter_map(|one| one.as_mut().now_or_never()).collect();
        assert!(begun.len() == 1 && picked(&breaker, None).is_err());
        assert_eq!(probed(&breaker, 0, Verdict::Works), []);
        assert!(picked(&breaker, None).is_ok() && breaker.is_away());
    }

    #[tokio::test(start_paused = true)]
    async fn one_call_at_a_time_tries_a_server_that_answered_a_probe_and_the_others_go_to_the_other_server() {
        let breaker = Breaker::probed(2, PROBE_EVERY);
        told(&breaker, 0, [DOWN; 5]);
        probed(&breaker, 0, Verdict::Works);
        let trial = breaker.pick(Instant::now(), None).unwrap();
        assert_eq!((trial.server, trial.trial), (0, Some(0)));
        assert_eq!(picked(&breaker, None), Ok(1));
        let mut changes = breaker.changes();
        drop(trial);
        assert!(changes.has_changed().unwrap(), "others may try now");
        changes.mark_unchanged();
        assert_eq!(picked(&breaker, None), Ok(0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_is_left_when_its_server_is_away_and_another_works() {
        let breaker = Breaker::probed(2, PROBE_EVERY);
        let mut left = std::pin::pin!(breaker.all().left_for_another(0));
        assert!(left.as_mut().now_or_never().is_none());
        told(&breaker, 1, [DOWN; 5]);
        assert_eq!(probed(&breaker, 0, Verdict::Silent), [Change::Opened]);
        assert!(left.as_mut().now_or_never().is_none(), "no other works");
        told(&breaker, 1, [Verdict::Works]);
        assert!(left.now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn while_a_server_works_a_probe_opens_its_circuit_by_silence_alone() {
        let breaker = Breaker::probed(1, PROBE_EVERY);
        told(&breaker, 0, [Verdict::Works]);
        let pause = PROBE_EVERY;
        for verdict in [Verdict::Works, DOWN, Verdict::Misconfigured { pause }] {
            assert_eq!(probed(&breaker, 0, verdict), []);
        }
        assert_eq!(probed(&breaker, 0, Verdict::Silent), [Change::Opened]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_may_use_the_first_server_alone_waits_while_it_is_away_and_never_gets_another() {
        let breaker = Breaker::probed(2, PROBE_EVERY);
        let alone = breaker.first_alone();
        assert!(!alone.is_away() && !alone.has_other(&[0]) && breaker.all().has_other(&[0]));
        assert_eq!(told(&breaker, 0, [DOWN; 5]), [Change::Opened]);
        assert!(alone.is_away() && !breaker.is_away());
        assert!(alone.pick(Instant::now(), None).is_err() && picked(&breaker, None) == Ok(1));
        let trial = alone.admit().now_or_never();
        let mut waiting = std::pin::pin!(alone.admit());
        assert!(trial.is_some_and(|permit| permit.is_trial()));
        let _trial = alone.admit().now_or_never();
        assert!(waiting.as_mut().now_or_never().is_none(), "one at a time");
        assert!(breaker.admit().now_or_never().is_some_and(|permit| !permit.is_trial()));
        let mut left = std::pin::pin!(alone.left_for_another(0));
        assert!(left.as_mut().now_or_never().is_none());
        told(&breaker, 0, [Verdict::Works]);
        assert!(!alone.is_away() && waiting.now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn of_one_server_the_first_alone_is_all() {
        let breaker = Breaker::new(1, PROBE_EVERY);
        told(&breaker, 0, [DOWN; 5]);
        assert!(breaker.first_alone().is_away() && breaker.is_away());
    }
}
