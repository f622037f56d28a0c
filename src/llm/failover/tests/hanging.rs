//! A server that hangs, or that answers probes and nothing else, with and without another beside it.

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// With the pauses that the worker has.
fn beside(primary: &Arc<Scripted>, fallback: &Arc<Scripted>, observer: Arc<dyn Observer>) -> Failover {
    Failover::new(primary.clone(), Some(fallback.clone()), Patience::default(), observer)
}

fn by_itself(primary: &Arc<Scripted>) -> Failover {
    Failover::new(primary.clone(), None, Patience::default(), Arc::new(()))
}

fn two() -> (Arc<Scripted>, Arc<Scripted>) {
    (Scripted::new("vllm", [said("제가")]), Scripted::new("openai", [said("대신")]))
}

/// Asks as feedback does, and tells how long it took.
async fn timed(model: &Failover, deadline: Duration) -> (Result<String, ModelFailure>, Duration) {
    let started = Instant::now();
    let reply = model.ask(&ask(), &Place::only(), started + deadline, None).await.map(|reply| reply.text);
    (reply, started.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_primary_that_hangs_costs_only_who_finds_out_and_that_one_little_whatever_the_deadline() {
    for (deadline_s, known_s) in [(60, 8), (20, 8), (8, 5), (5, 3), (3, 2)] {
        let (primary, fallback) = two();
        primary.hang(true);
        let model = beside(&primary, &fallback, Arc::new(()));
        let asking = async {
            for number in 0..10 {
                let (reply, took) = timed(&model, SECOND * deadline_s).await;
                assert_eq!(reply, Ok("대신".to_owned()), "{deadline_s} s, number {number}");
                let most = if number < 2 { SECOND * known_s } else { Duration::ZERO };
                assert!(took <= most, "{deadline_s} s: number {number} took {took:?}");
                sleep(SECOND * 3).await;
            }
        };
        probed(&model, asking).await;
        assert!(primary.calls() <= 2, "{} calls", primary.calls());
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_takes_at_most_half_of_what_is_left_while_another_server_is_untried() {
    let (primary, fallback) = two();
    primary.answer_probes_and_take(MINUTE);
    let model = beside(&primary, &fallback, Arc::new(()));
    let (reply, took) = probed(&model, timed(&model, SECOND * 40)).await;
    assert_eq!((reply, took), (Ok("대신".to_owned()), SECOND * 20));
}

#[tokio::test(start_paused = true)]
async fn silence_is_three_times_what_the_server_usually_takes() {
    let (primary, fallback) = two();
    primary.answer_probes_and_take(SECOND * 3);
    let model = beside(&primary, &fallback, Arc::new(()));
    let asking = async {
        for _ in 0..4 {
            assert_eq!(timed(&model, MINUTE).await, (Ok("제가".to_owned()), SECOND * 3));
        }
        primary.answer_probes_and_take(MINUTE);
        assert_eq!(timed(&model, MINUTE).await, (Ok("대신".to_owned()), SECOND * 9));
    };
    probed(&model, asking).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_is_not_left_for_its_silence_while_others_are_answered() {
    let (primary, fallback) = two();
    primary.answer_probes_and_take(SECOND);
    let model = beside(&primary, &fallback, Arc::new(()));
    let asking = async {
        for _ in 0..4 {
            timed(&model, MINUTE).await.0.unwrap();
        }
        primary.answer_probes_and_take(SECOND * 20);
        let slow = timed(&model, MINUTE);
        let others = async {
            sleep(SECOND).await;
            primary.answer_probes_and_take(SECOND);
            timed(&model, MINUTE).await.0.unwrap();
        };
        let ((reply, took), ()) = tokio::join!(slow, others);
        assert_eq!((reply, took), (Ok("제가".to_owned()), SECOND * 20));
    };
    probed(&model, asking).await;
    assert_eq!(fallback.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_always_slow_is_left_alone() {
    let (primary, fallback) = two();
    primary.answer_probes_and_take(SECOND * 14);
    let notes = Arc::new(Notes::default());
    let model = beside(&primary, &fallback, notes.clone());
    let asking = async {
        for _ in 0..20 {
            assert_eq!(timed(&model, SECOND * 30).await, (Ok("제가".to_owned()), SECOND * 14));
        }
    };
    probed(&model, asking).await;
    assert_eq!(*notes.circuits.lock().unwrap(), [("vllm", false), ("openai", false)]);
    assert!(primary.probes() <= 4 * 4, "{} probes: it is known by now what it takes", primary.probes());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_answers_probes_alone_costs_ever_fewer_members_a_little_time() {
    let (primary, fallback) = two();
    let notes = Arc::new(Notes::default());
    let model = beside(&primary, &fallback, notes.clone());
    let asking = async {
        for _ in 0..4 {
            timed(&model, MINUTE).await.0.unwrap();
        }
        primary.answer_probes_and_take(LONG * 1_000);
        let (before, mut delayed) = (primary.calls(), 0);
        for _ in 0..600 {
            let (reply, took) = timed(&model, MINUTE).await;
            assert!(reply.is_ok() && took <= SECOND * 30, "{reply:?} after {took:?}");
            delayed += usize::from(took > Duration::ZERO);
            sleep(SECOND).await;
        }
        assert_eq!(delayed, primary.calls() - before);
        assert!(delayed < 600 / 20, "{delayed} of 600 were delayed");
    };
    probed(&model, asking).await;
    let changes = notes.circuits.lock().unwrap().split_off(2);
    assert_eq!(changes, [("vllm", true)], "it does not open and close in turn");
}

#[tokio::test(start_paused = true)]
async fn a_primary_that_works_again_gets_its_requests_back() {
    let (primary, fallback) = two();
    primary.hang(true);
    let notes = Arc::new(Notes::default());
    let model = beside(&primary, &fallback, notes.clone());
    let asking = async {
        for _ in 0..30 {
            timed(&model, MINUTE).await.0.unwrap();
            sleep(SECOND).await;
        }
        primary.hang(false);
        let healed = Instant::now();
        while timed(&model, MINUTE).await.0 != Ok("제가".to_owned()) {
            sleep(SECOND).await;
        }
        assert!(healed.elapsed() < SECOND * 8, "{:?}", healed.elapsed());
    };
    probed(&model, asking).await;
    assert_eq!(notes.circuits.lock().unwrap().split_off(2), [("vllm", true), ("vllm", false)]);
}

#[tokio::test(start_paused = true)]
async fn without_another_server_a_hang_is_known_before_those_in_work_have_failed_and_one_at_a_time_begins() {
    for deadline_s in [3, 5, 8, 30, 60] {
        let primary = Scripted::new("vllm", [said("x")]);
        primary.hang(true);
        let model = by_itself(&primary);
        let asking = async {
            let in_work = futures_util::future::join_all((0..2).map(|_| timed(&model, SECOND * deadline_s))).await;
            assert!(in_work.iter().all(|(reply, _)| reply.is_err()));
            let first = model.admit(Reach::Home).await;
            let mut others: Vec<_> = (0..17).map(|_| Box::pin(model.admit(Reach::Home))).collect();
            sleep(SECOND * 40).await;
            for other in &mut others {
                assert!(futures_util::poll!(other.as_mut()).is_pending(), "{deadline_s} s");
            }
            primary.hang(false);
            drop(first);
            let mut is_back = false;
            for other in others {
                let _permit = other.await;
                // Its deadline may come before the next probe.
                let is_answered = timed(&model, SECOND * deadline_s).await.0.is_ok();
                assert!(is_answered || !is_back, "{deadline_s} s");
                is_back = is_answered;
            }
            assert!(is_back, "{deadline_s} s");
        };
        probed(&model, asking).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_circuit_closes_by_itself_when_nobody_asks() {
    let primary = Scripted::new("vllm", [said("x")]);
    primary.hang(true);
    let model = by_itself(&primary);
    let asking = async {
        timed(&model, SECOND * 8).await.0.unwrap_err();
        assert!(*model.watch().borrow());
        primary.hang(false);
        tokio::time::timeout(SECOND * 10, model.watch().wait_for(|away| !away)).await.unwrap().unwrap();
    };
    probed(&model, asking).await;
    assert_eq!(primary.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_not_oddly_long_stays_where_it_is_though_others_open_the_circuit() {
    let (primary, fallback) = two();
    primary.answer_probes_and_take(SECOND * 4);
    let model = beside(&primary, &fallback, Arc::new(()));
    let busy = async {
        sleep(SECOND).await;
        let busy = Verdict::Down { retry_after: None };
        (0..5).for_each(|_| model.breaker.record(0, Instant::now(), busy, drop));
        assert!(model.breaker.next_probe(0).is_some());
    };
    let ((reply, took), ()) = probed(&model, async { tokio::join!(timed(&model, MINUTE), busy) }).await;
    assert_eq!((reply, took), (Ok("제가".to_owned()), SECOND * 4));
}

#[tokio::test(start_paused = true)]
async fn who_is_sent_away_by_a_server_that_is_away_asks_the_other_at_once() {
    let busy = Fault { cause: Cause::Busy, status: Some(503), retry_after: Some(LONG) };
    let (primary, fallback) = (Scripted::new("vllm", [Err(busy)]), Scripted::new("openai", [said("대신")]));
    let model = beside(&primary, &fallback, Arc::new(()));
    for _ in 0..4 {
        model.breaker.record(0, Instant::now(), Verdict::Down { retry_after: None }, drop);
    }
    assert_eq!(timed(&model, MINUTE).await, (Ok("대신".to_owned()), Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_check_tells_of_an_open_circuit_though_the_server_lists_its_models() {
    let (primary, fallback) = two();
    primary.hang(true);
    let model = beside(&primary, &fallback, Arc::new(()));
    let limit = Instant::now() + MINUTE;
    assert_eq!(model.check(limit).await, Ok(()));
    let asking = async {
        for _ in 0..2 {
            timed(&model, SECOND * 8).await.0.unwrap();
        }
    };
    probed(&model, asking).await;
    assert_eq!(
        model.check(limit).await.unwrap_err().to_string(),
        "vllm: the server did not answer in time, though it lists its models; openai stands in"
    );
}

/// Whoever is alone with a model that is away is told in time, and it costs nothing; the others wait.
#[tokio::test(start_paused = true)]
async fn who_is_let_in_while_no_model_answers_waits_for_a_probe_until_the_deadline() {
    let primary = Scripted::new("vllm", (0..200).map(|_| fails(Cause::Unreachable)));
    let model = alone(&primary, Arc::new(()));
    find_dead(&model).await;
    let calls = primary.calls();
    let asking = async {
        let _permit = model.admit(Reach::Home).await;
        asked(&model, LONG).await
    };
    let failed = probed(&model, asking).await;
    assert!(failed.is_err() && primary.calls() == calls, "{failed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_lost_on_its_way_to_a_quick_server_is_made_again() {
    let primary = Scripted::new("vllm", [said("제가")]);
    let model = by_itself(&primary);
    primary.answer_probes_and_take(HOUR);
    let found = async {
        sleep(MINUTE / 2 - SECOND).await;
        primary.answer_probes_and_take(SECOND);
    };
    let ((reply, took), ()) = probed(&model, async { tokio::join!(timed(&model, MINUTE), found) }).await;
    assert_eq!((reply, primary.calls()), (Ok("제가".to_owned()), 2));
    assert!(took < MINUTE / 2 + SECOND * 12, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_server_gets_all_the_time_that_a_request_has() {
    let primary = Scripted::taking(SECOND * 55, "vllm", [said("제가")]);
    let model = by_itself(&primary);
    for _ in 0..5 {
        assert_eq!(probed(&model, timed(&model, MINUTE)).await, (Ok("제가".to_owned()), SECOND * 55));
    }
    assert_eq!(primary.calls(), 5);
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_a_long_reply_waits_longer_before_it_counts_as_lost() {
    let primary = Scripted::new("vllm", [said("제가")]);
    let model = by_itself(&primary);
    primary.answer_probes_and_take(SECOND * 45);
    let long = Ask { max_tokens: 1_800, ..ask() };
    let reply = probed(&model, model.ask(&long, &Place::only(), Instant::now() + SECOND * 50, None)).await;
    assert_eq!((reply.map(|reply| reply.text), primary.calls()), (Ok("제가".to_owned()), 1));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_there_counts_though_its_time_is_over_by_then() {
    let within = Duration::from_secs(4);
    for _ in 0..20 {
        let (primary, fallback) =
            (Scripted::taking(within / 2, "vllm", [said("제때")]), Scripted::new("openai", [said("x")]));
        assert_eq!(asked(&pair(&primary, &fallback), within).await, Ok("제때".to_owned()));
    }
}
