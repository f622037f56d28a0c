//! One server's circuit: closed while the server works, open while it does not, half-open while there is reason to think
//! that it is back. Pure: time and randomness are arguments, so that its rules are tested without waiting.
//!
//! Who finds out that the server is back is decided when it is made. Either callers do: whenever a probe is due, the next
//! call is it. Or probes of its own do: then no call goes out until one has passed, and after that one call at a time, the
//! trial, until one has succeeded. A server that answers a probe need not be able to do what is really asked of it.

use std::time::Duration;

use tokio::time::Instant;

/// Failures in a row after which a server counts as unavailable.
const FAILURES: u32 = 5;
/// Time over which at least two failures in a row do so too.
const LASTING: Duration = Duration::from_secs(2);
/// However long a server asks to be left alone, it is asked again after this.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The longest pause between probes that the length of an outage makes, and the share of the outage that it is.
const SLOWEST_PROBE: Duration = Duration::from_secs(10);
const PROBE_SHARE: u32 = 10;
/// Probes in a row that close the circuit while nobody calls.
const CALM: u32 = 3;

/// Closed, open or half-open, as what calls and probes say of the server has it.
#[derive(Debug)]
pub struct Circuit {
    probe_every: Duration,
    is_probed: bool,
    failures: u32,
    /// Since when nothing but failures came.
    failing_since: Option<Instant>,
    last_success: Option<Instant>,
    /// Since the last call that succeeded it has been open: one failure is enough to open it again.
    on_probation: bool,
    /// Trials that failed since the last call that succeeded.
    failed_trials: u32,
    away: Option<Away>,
}

/// What is known of a server whose circuit is not closed.
#[derive(Debug)]
struct Away {
    since: Instant,
    next_probe: Instant,
    passed: Option<Passed>,
    trial_out: bool,
}

/// Probes have passed since the last failure: the circuit is half-open.
#[derive(Clone, Copy, Debug)]
struct Passed {
    since: Instant,
    /// How many in a row, while no trial was out.
    times: u32,
}

/// The circuit is open, and no probe is due before this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NotBefore(pub Instant);

/// A call may go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// As one of many.
    Free,
    /// As the only one, after so many that failed: [`Circuit::trial_ended`] has to be told of its end.
    Trial { failed: u32 },
}

impl Circuit {
    /// A closed circuit that lets one call through per `probe_every` while it is open.
    pub fn tried_by_callers(probe_every: Duration) -> Self {
        Self {
            probe_every,
            is_probed: false,
            failures: 0,
            failing_since: None,
            last_success: None,
            on_probation: false,
            failed_trials: 0,
            away: None,
        }
    }

    /// A closed circuit that wants a probe per `probe_every` while it is not closed, ever more seldom when that is for
    /// long.
    pub fn probed(probe_every: Duration) -> Self {
        Self { is_probed: true, ..Self::tried_by_callers(probe_every) }
    }

    /// Whether the server counts as unavailable, or was not proven to be back.
    pub fn is_open(&self) -> bool {
        self.away.is_some()
    }

    /// Whether a call may find out if the server is back.
    pub fn is_half_open(&self) -> bool {
        self.away.as_ref().is_some_and(|away| !self.is_probed || away.passed.is_some())
    }

    /// Asks to send a call.
    ///
    /// # Errors
    /// When the next probe is due, while the circuit is open.
    pub fn try_call(&mut self, now: Instant) -> Result<Passage, NotBefore> {
        let Some(away) = &mut self.away else { return Ok(Passage::Free) };
        if !self.is_probed && now >= away.next_probe {
            away.next_probe = now + self.probe_every;
            return Ok(Passage::Free);
        }
        if self.is_probed && away.passed.is_some() && !away.trial_out {
            away.trial_out = true;
            return Ok(Passage::Trial { failed: self.failed_trials });
        }
        Err(NotBefore(away.next_probe))
    }

    /// The trial is no longer out, whatever came of it.
    pub fn trial_ended(&mut self) {
        if let Some(away) = &mut self.away {
            away.trial_out = false;
        }
    }

    /// The server answered a call. Tells whether this closed the circuit.
    pub fn succeeded(&mut self, now: Instant) -> bool {
        self.last_success = Some(now);
        self.on_probation = false;
        self.failed_trials = 0;
        self.close()
    }

    /// A call that began at `started` found the server unavailable. Tells whether this opened the circuit.
    ///
    /// A call that began before the last success says nothing about the time since, and is left out.
    pub fn failed(&mut self, started: Instant, now: Instant, retry_after: Option<Duration>) -> bool {
        self.fail(started, now, now, retry_after.unwrap_or_default(), false)
    }

    /// A call waited in vain from `started` until now, for longer than the server ever takes: all that time it failed.
    /// Tells whether this opened the circuit.
    pub fn was_silent(&mut self, started: Instant, now: Instant) -> bool {
        self.fail(started, started, now, Duration::ZERO, false)
    }

    /// A call that began at `started` was told what only a person can mend: the server is left alone for `pause`. Tells
    /// whether this opened the circuit, as the first such call does where none has ever succeeded.
    pub fn misconfigured(&mut self, started: Instant, now: Instant, pause: Duration) -> bool {
        self.fail(started, now, now, pause, self.last_success.is_none())
    }

    /// When the next probe is due, unless the circuit is closed.
    pub fn next_probe(&self) -> Option<Instant> {
        self.away.as_ref().map(|away| away.next_probe)
    }

    /// A probe goes out. `random` lies between 0 and 1.
    pub fn probe_sent(&mut self, now: Instant, random: f64) {
        let pause = self.pause(now);
        if let Some(away) = &mut self.away {
            away.next_probe = now + pause + (pause / 4).mul_f64(random.clamp(0.0, 1.0));
        }
    }

    /// A probe that began at `started` was answered. Tells whether this closed the circuit, as several in a row do where
    /// nobody calls.
    pub fn probe_passed(&mut self, started: Instant, now: Instant) -> bool {
        let Some(away) = self.away.as_mut().filter(|away| started >= away.since) else { return false };
        let passed = away.passed.get_or_insert(Passed { since: now, times: 0 });
        if !away.trial_out {
            passed.times += 1;
        }
        passed.times >= CALM && self.close()
    }

    /// A probe that began at `started` was not answered, or refused: the next is due after `pause` at the earliest.
    pub fn probe_failed(&mut self, started: Instant, now: Instant, pause: Duration) {
        let pause = self.pause(now).max(pause.min(LONGEST_PAUSE));
        if let Some(away) = self.away.as_mut().filter(|away| away.passed.is_none_or(|passed| started >= passed.since)) {
            away.passed = None;
            away.next_probe = away.next_probe.max(now + pause);
        }
    }

    /// A probe that began at `started`, because a call has been out for oddly long, was not answered either. Tells
    /// whether this opened the circuit.
    pub fn hang_confirmed(&mut self, started: Instant, now: Instant) -> bool {
        self.fail(started, now, now, Duration::ZERO, true)
    }

    fn fail(&mut self, started: Instant, failing_since: Instant, now: Instant, pause: Duration, certain: bool) -> bool {
        if self.last_success.is_some_and(|success| started < success) {
            return false;
        }
        if self.away.is_some() {
            self.fail_again(started, now, pause);
            return false;
        }
        self.failures = self.failures.saturating_add(1);
        let since = self.failing_since.map_or(failing_since, |since| since.min(failing_since));
        self.failing_since = Some(since);
        let lasting = self.failures > 1 && now.duration_since(since) >= LASTING;
        if !(certain || lasting || self.on_probation || self.failures >= FAILURES) {
            return false;
        }
        let next_probe = now + pause.min(LONGEST_PAUSE).max(self.probe_every);
        // What closed it last time was not enough.
        self.failed_trials = self.failed_trials.saturating_add(u32::from(self.on_probation));
        self.on_probation = true;
        self.away = Some(Away { since: now, next_probe, passed: None, trial_out: false });
        true
    }

    /// Another failure while it is not closed.
    fn fail_again(&mut self, started: Instant, now: Instant, pause: Duration) {
        let Some(away) = &mut self.away else { return };
        if away.passed.is_some_and(|passed| started < passed.since) {
            // It began before the server was seen to answer.
            return;
        }
        let is_trial = away.passed.take().is_some();
        let says_more = started >= away.since || !pause.is_zero();
        self.failed_trials = self.failed_trials.saturating_add(u32::from(is_trial));
        let least = if is_trial { self.pause(now) } else { self.probe_every };
        if let Some(away) = self.away.as_mut().filter(|_| says_more) {
            away.next_probe = away.next_probe.max(now + pause.min(LONGEST_PAUSE).max(least));
        }
    }

    /// Between probes: longer in a long outage, and after each trial that failed.
    fn pause(&self, now: Instant) -> Duration {
        let away = self.away.as_ref().map_or(Duration::ZERO, |away| now.duration_since(away.since));
        let pause = (away / PROBE_SHARE).min(SLOWEST_PROBE).max(self.probe_every);
        pause.saturating_mul(1 << self.failed_trials.min(8)).min(LONGEST_PAUSE)
    }

    fn close(&mut self) -> bool {
        self.failures = 0;
        self.failing_since = None;
        self.away.take().is_some()
    }
}

#[cfg(test)]
mod tests;
