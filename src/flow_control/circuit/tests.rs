use super::*;

const PROBE_EVERY: Duration = Duration::from_secs(2);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn opened_at(now: Instant) -> Circuit {
    let mut circuit = Circuit::tried_by_callers(PROBE_EVERY);
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
    let mut circuit = Circuit::tried_by_callers(PROBE_EVERY);
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
    let mut circuit = Circuit::tried_by_callers(PROBE_EVERY);
    assert!(!circuit.failed(now, now + ms(60_000), None));
    assert!(!circuit.failed(now, now + ms(61_999), None));
    assert!(circuit.failed(now, now + ms(62_000), None));
}

#[test]
fn what_only_a_person_can_mend_opens_it_at_once_where_nothing_ever_worked() {
    let now = Instant::now();
    let mut never_worked = Circuit::tried_by_callers(PROBE_EVERY);
    assert!(never_worked.misconfigured(now, now, ms(5_000)));
    assert_eq!(never_worked.try_call(now), Err(NotBefore(now + ms(5_000))));

    let mut worked = Circuit::tried_by_callers(PROBE_EVERY);
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
    assert_eq!(circuit.try_call(now + ms(1)), Ok(Passage::Free));
    assert_eq!(circuit.try_call(now + ms(1)), Ok(Passage::Free));
}

#[test]
fn a_failure_that_began_before_the_last_success_is_left_out() {
    let now = Instant::now();
    let mut circuit = Circuit::tried_by_callers(PROBE_EVERY);
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
    assert_eq!(circuit.try_call(first), Ok(Passage::Free));
    assert_eq!(circuit.try_call(first), Err(NotBefore(first + PROBE_EVERY)));
    assert_eq!(circuit.try_call(first + PROBE_EVERY), Ok(Passage::Free));
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

/// Open since `now`, with probes of its own.
fn probed_and_open(now: Instant) -> Circuit {
    let mut circuit = Circuit::probed(PROBE_EVERY);
    assert!((0..5).any(|_| circuit.failed(now, now, None)));
    circuit
}

/// The same after a probe that was sent when the first is due, and passed at once; and when that was.
fn half_open(now: Instant) -> (Circuit, Instant) {
    let (mut circuit, at) = (probed_and_open(now), now + PROBE_EVERY);
    circuit.probe_sent(at, 0.0);
    assert!(!circuit.probe_passed(at, at));
    (circuit, at)
}

#[test]
fn where_probes_find_out_no_call_goes_out_before_one_has_passed() {
    let now = Instant::now();
    let mut circuit = probed_and_open(now);
    assert!(circuit.try_call(now + ms(60_000)).is_err() && !circuit.is_half_open());
    assert_eq!(circuit.next_probe(), Some(now + PROBE_EVERY));
    circuit.probe_sent(now + PROBE_EVERY, 0.0);
    assert_eq!(circuit.next_probe(), Some(now + PROBE_EVERY * 2));
    assert!(!circuit.probe_passed(now + PROBE_EVERY, now + PROBE_EVERY));
    assert!(circuit.is_open() && circuit.is_half_open());
}

#[test]
fn after_a_probe_has_passed_one_call_at_a_time_goes_out_and_its_success_closes_it() {
    let (mut circuit, at) = half_open(Instant::now());
    assert_eq!(circuit.try_call(at), Ok(Passage::Trial { failed: 0 }));
    assert!(circuit.try_call(at).is_err());
    circuit.trial_ended();
    assert_eq!(circuit.try_call(at), Ok(Passage::Trial { failed: 0 }));
    assert!(circuit.succeeded(at));
    assert_eq!((circuit.try_call(at), circuit.try_call(at)), (Ok(Passage::Free), Ok(Passage::Free)));
}

#[test]
fn a_trial_that_fails_opens_it_again_and_each_makes_the_pause_longer() {
    let (mut circuit, mut at) = half_open(Instant::now());
    let mut pauses = Vec::new();
    for failed in 0..5 {
        assert_eq!(circuit.try_call(at), Ok(Passage::Trial { failed }));
        assert!(!circuit.failed(at, at, None), "it was open already");
        circuit.trial_ended();
        assert!(circuit.try_call(at).is_err() && !circuit.is_half_open());
        let next = circuit.next_probe().unwrap();
        pauses.push(next.duration_since(at).as_secs());
        at = next;
        circuit.probe_sent(at, 0.0);
        circuit.probe_passed(at, at);
    }
    assert_eq!(pauses, [4, 8, 16, 30, 30]);
}

#[test]
fn while_nobody_calls_three_probes_in_a_row_close_it_and_one_failure_opens_it_again() {
    let (mut circuit, at) = half_open(Instant::now());
    assert!(!circuit.probe_passed(at, at));
    assert!(circuit.probe_passed(at, at));
    assert!(!circuit.is_open());
    assert!(circuit.failed(at, at, None), "a probe is no proof that calls are answered");
    circuit.probe_passed(at, at);
    assert!(circuit.succeeded(at) && !circuit.failed(at, at, None));
}

#[test]
fn probes_do_not_close_it_while_a_trial_is_out() {
    let (mut circuit, at) = half_open(Instant::now());
    circuit.try_call(at).unwrap();
    assert!((0..9).all(|_| !circuit.probe_passed(at, at)));
}

#[test]
fn a_call_or_probe_that_began_before_a_probe_passed_says_nothing_about_the_time_since() {
    let now = Instant::now();
    let (mut circuit, at) = half_open(now);
    circuit.was_silent(now, at + ms(30_000));
    circuit.probe_failed(at - ms(1), at + ms(30_000), Duration::ZERO);
    assert!(circuit.is_half_open());
    circuit.probe_failed(at, at + ms(30_000), Duration::ZERO);
    assert!(!circuit.is_half_open());
}

#[test]
fn probes_become_rarer_in_a_long_outage_and_are_spread() {
    let now = Instant::now();
    let mut circuit = probed_and_open(now);
    let mut pauses = Vec::new();
    for (away_s, random) in [(10, 0.0), (40, 0.0), (40, 1.0), (3_600, 0.0)] {
        let at = now + Duration::from_secs(away_s);
        circuit.probe_sent(at, random);
        pauses.push(circuit.next_probe().unwrap().duration_since(at).as_secs());
    }
    assert_eq!(pauses, [2, 4, 5, 10]);
}

#[test]
fn a_probe_that_is_told_to_wait_makes_the_next_one_wait_within_reason() {
    let now = Instant::now();
    let mut circuit = probed_and_open(now);
    for (asked, waits) in [(ms(9_000), ms(9_000)), (Duration::MAX, LONGEST_PAUSE)] {
        circuit.probe_failed(now, now, asked);
        assert_eq!(circuit.next_probe(), Some(now + waits));
    }
}

#[test]
fn silence_fails_from_its_beginning_so_that_two_at_once_are_enough_when_they_lasted() {
    let now = Instant::now();
    let mut circuit = Circuit::probed(PROBE_EVERY);
    assert!(!circuit.was_silent(now, now + ms(5_000)));
    assert!(circuit.was_silent(now, now + ms(5_000)));
    let mut brief = Circuit::probed(PROBE_EVERY);
    assert!((0..4).all(|_| !brief.was_silent(now, now + ms(1_999))));
}

#[test]
fn a_hang_that_a_probe_confirms_opens_it_at_once_unless_an_answer_came_meanwhile() {
    let now = Instant::now();
    let mut circuit = Circuit::probed(PROBE_EVERY);
    circuit.succeeded(now + ms(1));
    assert!(!circuit.hang_confirmed(now, now + ms(2_500)));
    assert!(circuit.hang_confirmed(now + ms(1), now + ms(2_500)));
}
