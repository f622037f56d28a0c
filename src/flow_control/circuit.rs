//! One server's circuit: closed while the server works, open while it does not, half-open whenever a probe is due.
//! Pure: the time is an argument, so that its rules are tested without waiting.

use std::time::Duration;

use tokio::time::Instant;

/// Failures in a row after which a server counts as unavailable.
const FAILURES: u32 = 5;
/// Time over which at least two failures in a row do so too.
const LASTING: Duration = Duration::from_secs(2);
/// However long a server asks to be left alone, it is asked again after this.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Closed, open or half-open, as what calls say of the server has it.
#[derive(Debug)]
pub struct Circuit {
    probe_every: Duration,
    failures: u32,
    /// When the first of the failures in a row happened.
    failing_since: Option<Instant>,
    last_success: Option<Instant>,
    /// While open: when the next call may go out.
    next_probe: Option<Instant>,
}

/// The circuit is open, and no probe is due before this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NotBefore(pub Instant);

impl Circuit {
    /// A closed circuit that lets one call through per `probe_every` while it is open.
    pub fn new(probe_every: Duration) -> Self {
        Self { probe_every, failures: 0, failing_since: None, last_success: None, next_probe: None }
    }

    /// Whether the server counts as unavailable.
    pub fn is_open(&self) -> bool {
        self.next_probe.is_some()
    }

    /// Asks to send a call. While the circuit is open, a call that may go out is the probe, and the next has to wait.
    ///
    /// # Errors
    /// When the next probe is due, while the circuit is open.
    pub fn try_call(&mut self, now: Instant) -> Result<(), NotBefore> {
        match self.next_probe {
            Some(at) if now < at => Err(NotBefore(at)),
            Some(_) => {
                self.next_probe = Some(now + self.probe_every);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The server answered. Tells whether this closed the circuit.
    pub fn succeeded(&mut self, now: Instant) -> bool {
        self.failures = 0;
        self.failing_since = None;
        self.last_success = Some(now);
        self.next_probe.take().is_some()
    }

    /// A call that began at `started` found the server unavailable. Tells whether this opened the circuit.
    ///
    /// A call that began before the last success says nothing about the time since, and is left out.
    pub fn failed(&mut self, started: Instant, now: Instant, retry_after: Option<Duration>) -> bool {
        self.fail(started, now, retry_after.unwrap_or_default(), false)
    }

    /// A call that began at `started` was told what only a person can mend: the server is left alone for `pause`. Tells
    /// whether this opened the circuit, as the first such call does where none has ever succeeded.
    pub fn misconfigured(&mut self, started: Instant, now: Instant, pause: Duration) -> bool {
        self.fail(started, now, pause, self.last_success.is_none())
    }

    fn fail(&mut self, started: Instant, now: Instant, pause: Duration, certain: bool) -> bool {
        if self.last_success.is_some_and(|success| started < success) {
            return false;
        }
        self.failures = self.failures.saturating_add(1);
        let since = *self.failing_since.get_or_insert(now);
        let lasting = self.failures > 1 && now.duration_since(since) >= LASTING;
        let was_open = self.is_open();
        if was_open || certain || lasting || self.failures >= FAILURES {
            let pause = pause.min(LONGEST_PAUSE).max(self.probe_every);
            self.next_probe = self.next_probe.max(Some(now + pause));
        }
        !was_open && self.is_open()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROBE_EVERY: Duration = Duration::from_secs(2);

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn opened_at(now: Instant) -> Circuit {
        let mut circuit = Circuit::new(PROBE_EVERY);
        let opened: Vec<bool> = (0..5).map(|_| circuit.failed(now, now, None)).collect();
        assert_eq!(opened, [false, false, false, false, true]);
        circuit
    }

    #[test]
    fn five_failures_in_a_row_open_it() {
        assert!(opened_at(Instant::now()).is_open());
    }

    #[test]
    fn a_success_in_between_starts_the_count_anew() {
        let now = Instant::now();
        let mut circuit = Circuit::new(PROBE_EVERY);
        for round in 0..9 {
            let at = now + ms(round * 100);
            (0..4).for_each(|_| assert!(!circuit.failed(at, at, None)));
            assert!(!circuit.succeeded(at));
        }
        assert!(!circuit.is_open());
    }

    #[test]
    fn two_failures_two_seconds_apart_open_it_and_one_never_does() {
        let now = Instant::now();
        let mut circuit = Circuit::new(PROBE_EVERY);
        assert!(!circuit.failed(now, now + ms(60_000), None));
        assert!(!circuit.failed(now, now + ms(61_999), None));
        assert!(circuit.failed(now, now + ms(62_000), None));
    }

    #[test]
    fn what_only_a_person_can_mend_opens_it_at_once_where_nothing_ever_worked() {
        let now = Instant::now();
        let mut never_worked = Circuit::new(PROBE_EVERY);
        assert!(never_worked.misconfigured(now, now, ms(5_000)));
        assert_eq!(never_worked.try_call(now), Err(NotBefore(now + ms(5_000))));

        let mut worked = Circuit::new(PROBE_EVERY);
        worked.succeeded(now);
        (0..4).for_each(|_| assert!(!worked.misconfigured(now, now, ms(5_000))));
        assert!(worked.misconfigured(now, now, ms(5_000)));
    }

    #[test]
    fn any_success_closes_it() {
        let now = Instant::now();
        let mut circuit = opened_at(now);
        assert!(circuit.succeeded(now + ms(1)));
        assert!(!circuit.is_open());
        assert_eq!(circuit.try_call(now + ms(1)), Ok(()));
        assert_eq!(circuit.try_call(now + ms(1)), Ok(()));
    }

    #[test]
    fn a_failure_that_began_before_the_last_success_is_left_out() {
        let now = Instant::now();
        let mut circuit = Circuit::new(PROBE_EVERY);
        circuit.succeeded(now + ms(10));
        (0..20).for_each(|_| assert!(!circuit.failed(now, now + ms(30_000), None)));
        assert!(!circuit.is_open());
    }

    #[test]
    fn while_open_one_call_goes_out_per_interval() {
        let now = Instant::now();
        let mut circuit = opened_at(now);
        let first = now + PROBE_EVERY;
        assert_eq!(circuit.try_call(now), Err(NotBefore(first)));
        assert_eq!(circuit.try_call(first), Ok(()));
        assert_eq!(circuit.try_call(first), Err(NotBefore(first + PROBE_EVERY)));
        assert_eq!(circuit.try_call(first + PROBE_EVERY), Ok(()));
    }

    #[test]
    fn a_server_that_asks_for_a_pause_gets_it_within_reason() {
        let now = Instant::now();
        let mut circuit = opened_at(now);
        circuit.failed(now, now, Some(ms(9_000)));
        assert_eq!(circuit.try_call(now), Err(NotBefore(now + ms(9_000))));
        circuit.failed(now, now, Some(Duration::MAX));
        assert_eq!(circuit.try_call(now), Err(NotBefore(now + LONGEST_PAUSE)));
        circuit.failed(now, now, None);
        assert_eq!(circuit.try_call(now), Err(NotBefore(now + LONGEST_PAUSE)));
    }
}
