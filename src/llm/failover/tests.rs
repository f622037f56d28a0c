mod consent;
mod one_request;
mod streams;
mod told;
mod warming;

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures_util::future::join_all;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::flow_control::slots::Slots;
use crate::llm::naming::Trouble;
use crate::llm::{Heard, Preamble, Prompt};

/// Says what it is told to say, then the last thing again and again; to probes, too, unless they have an answer of their
/// own.
struct Scripted {
    name: &'static str,
    script: Mutex<VecDeque<Result<Completion, Fault>>>,
    to_probes: Mutex<Option<Result<Completion, Fault>>>,
    takes: Mutex<Duration>,
    /// Nobody gets an answer.
    hangs: AtomicBool,
    /// Not even who asks for its models.
    lists_nothing: AtomicBool,
    calls: AtomicUsize,
    probes: AtomicUsize,
    warmings: AtomicUsize,
}

impl Scripted {
    fn new(name: &'static str, script: impl IntoIterator<Item = Result<Completion, Fault>>) -> Arc<Self> {
        Self::taking(Duration::ZERO, name, script)
    }

    fn taking(
        takes: Duration,
        name: &'static str,
        script: impl IntoIterator<Item = Result<Completion, Fault>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            name,
            script: Mutex::new(script.into_iter().collect()),
            to_probes: Mutex::default(),
            takes: Mutex::new(takes),
            hangs: AtomicBool::default(),
            lists_nothing: AtomicBool::default(),
            calls: AtomicUsize::default(),
            probes: AtomicUsize::default(),
            warmings: AtomicUsize::default(),
        })
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    fn probes(&self) -> usize {
        self.probes.load(Ordering::SeqCst)
    }

    fn warmings(&self) -> usize {
        self.warmings.load(Ordering::SeqCst)
    }

    fn hang(&self, hangs: bool) {
        self.hangs.store(hangs, Ordering::SeqCst);
    }

    /// Calls take so long from now on, and probes are answered at once.
    fn answer_probes_and_take(&self, takes: Duration) {
        *self.to_probes.lock().unwrap() = Some(said("1"));
        *self.takes.lock().unwrap() = takes;
    }

    fn next(&self) -> Result<Completion, Fault> {
        let mut script = self.script.lock().unwrap();
        if script.len() > 1 { script.pop_front().unwrap() } else { script.front().unwrap().clone() }
    }
}

#[async_trait]
impl Endpoint for Scripted {
    fn name(&self) -> &'static str {
        self.name
    }

    async fn call(&self, ask: &Ask, limit: Instant, _heard: Option<&Heard<'_>>) -> Result<Completion, Fault> {
        let is_probe = ask.max_tokens == 1;
        let counter = match (is_probe, ask.prompts[0].preamble.json()) {
            (false, _) => &self.calls,
            (true, "") => &self.probes,
            (true, _) => &self.warmings,
        };
        counter.fetch_add(1, Ordering::SeqCst);
        let to_probes = self.to_probes.lock().unwrap().clone().filter(|_| is_probe);
        let takes = if to_probes.is_some() { Duration::ZERO } else { *self.takes.lock().unwrap() };
        let result = to_probes.unwrap_or_else(|| self.next());
        let takes = if self.hangs.load(Ordering::SeqCst) { LONG * 1_000 } else { takes };
        let answered = Instant::now() + takes;
        sleep_until(answered.min(limit)).await;
        if answered > limit { fails(Cause::Silent) } else { result }
    }

    fn keeps_beginnings(&self) -> bool {
        self.name == "vllm"
    }

    async fn check(&self, limit: Instant) -> Result<(), Trouble> {
        if self.lists_nothing.load(Ordering::SeqCst) || Instant::now() >= limit {
            sleep_until(limit).await;
            return Err(Fault::transport(Cause::Silent).into());
        }
        match self.script.lock().unwrap().front().unwrap() {
            Ok(_) => Ok(()),
            Err(fault) => Err(fault.clone().into()),
        }
    }
}

/// Remembers what it was told.
#[derive(Default)]
struct Notes {
    all: Mutex<Vec<String>>,
    circuits: Mutex<Vec<(&'static str, bool)>>,
    calls_out: AtomicUsize,
}

impl Observer for Notes {
    fn called(&self, endpoint: &'static str, result: Result<(), Cause>, _seconds: f64) {
        self.note(format!("{endpoint} {}", result.map_or_else(Cause::label, |()| "ok")));
    }
    fn retried(&self, cause: Cause) {
        self.note(format!("retry {}", cause.label()));
    }
    fn tokens(&self, usage: Usage) {
        self.note(format!("tokens {} {}", usage.prompt, usage.completion));
    }
    fn circuit(&self, endpoint: &'static str, is_open: bool) {
        self.circuits.lock().unwrap().push((endpoint, is_open));
    }
    fn call_began(&self) {
        self.calls_out.fetch_add(1, Ordering::SeqCst);
    }
    fn call_ended(&self) {
        self.calls_out.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Notes {
    fn note(&self, note: String) {
        self.all.lock().unwrap().push(note);
    }

    fn all(&self) -> Vec<String> {
        self.all.lock().unwrap().clone()
    }

    fn calls_out(&self) -> usize {
        self.calls_out.load(Ordering::SeqCst)
    }
}

const QUICK: Patience = Patience {
    backoff: Backoff { base: Duration::from_millis(2), cap: Duration::from_millis(10) },
    misconfigured: Duration::from_millis(20),
    probe_every: Duration::from_millis(20),
};

fn said(text: &str) -> Result<Completion, Fault> {
    Ok(Completion { text: text.to_owned(), truncated: false, usage: Some(Usage { prompt: 10, completion: 5 }) })
}

fn fails(cause: Cause) -> Result<Completion, Fault> {
    Err(Fault::transport(cause))
}

fn ask() -> Ask {
    Ask {
        flow: None,
        prompts: vec![Prompt { preamble: Preamble::kept([]), text: "질문".into() }],
        temperature: 0.7,
        max_tokens: 512,
        min_tokens: 128,
        schema: None,
    }
}

fn alone(primary: &Arc<Scripted>, observer: Arc<dyn Observer>) -> Failover {
    Failover::new(primary.clone(), None, QUICK, observer)
}

fn pair(primary: &Arc<Scripted>, fallback: &Arc<Scripted>) -> Failover {
    Failover::new(primary.clone(), Some(fallback.clone()), QUICK, Arc::new(()))
}

async fn asked(model: &Failover, within: Duration) -> Result<String, ModelFailure> {
    model.ask(&ask(), &Place::only(), Instant::now() + within, None).await.map(|reply| reply.text)
}

/// Does it while somebody probes, as the worker does.
async fn probed<T>(model: &Failover, doing: impl Future<Output = T>) -> T {
    tokio::select! {
        done = doing => done,
        () = model.probe_forever() => panic!("it has ended"),
    }
}

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(120);

#[tokio::test]
async fn a_fault_that_can_pass_is_tried_again_until_there_is_a_reply() {
    for cause in
        [Cause::Unreachable, Cause::Dropped, Cause::Silent, Cause::Cut, Cause::Busy, Cause::Broken, Cause::Aborted]
    {
        let primary = Scripted::new("vllm", [fails(cause), fails(cause), said("좋습니다.")]);
        assert_eq!(asked(&alone(&primary, Arc::new(())), LONG).await, Ok("좋습니다.".to_owned()), "{cause:?}");
        assert_eq!(primary.calls(), 3);
    }
}

#[tokio::test]
async fn an_answer_without_use_goes_back_to_the_caller_and_not_to_the_fallback() {
    for cause in [Cause::Rejected, Cause::Garbage, Cause::Empty, Cause::Filtered, Cause::Repetitive, Cause::ToolCall] {
        let (primary, fallback) = (Scripted::new("vllm", [fails(cause)]), Scripted::new("openai", [said("x")]));
        let failure = asked(&pair(&primary, &fallback), LONG).await;
        assert!(matches!(failure, Err(ModelFailure::Unusable(_))), "{cause:?}: {failure:?}");
        assert_eq!((primary.calls(), fallback.calls()), (1, 0));
    }
}

#[tokio::test]
async fn a_prompt_that_cannot_get_briefer_is_too_long() {
    let primary = Scripted::new("vllm", [fails(Cause::Overflow)]);
    assert_eq!(asked(&alone(&primary, Arc::new(())), LONG).await, Err(ModelFailure::TooLong));
}

#[tokio::test]
async fn a_silent_or_misconfigured_primary_is_left_for_the_fallback_at_once() {
    for cause in [Cause::Silent, Cause::Denied, Cause::UnknownModel, Cause::NotAnApi] {
        let (primary, fallback) = (Scripted::new("vllm", [fails(cause)]), Scripted::new("openai", [said("대신")]));
        assert_eq!(asked(&pair(&primary, &fallback), LONG).await, Ok("대신".to_owned()), "{cause:?}");
        assert_eq!((primary.calls(), fallback.calls()), (1, 1));
    }
}

#[tokio::test]
async fn two_misconfigured_servers_do_not_send_a_request_to_and_fro() {
    let (primary, fallback) =
        (Scripted::new("vllm", [fails(Cause::Denied)]), Scripted::new("openai", [fails(Cause::Denied)]));
    let patience = Patience { misconfigured: LONG, ..QUICK };
    let model = Failover::new(primary.clone(), Some(fallback.clone()), patience, Arc::new(()));
    assert!(matches!(asked(&model, SHORT).await, Err(ModelFailure::Unavailable(_))));
    assert_eq!((primary.calls(), fallback.calls()), (1, 1));
}

#[tokio::test]
async fn a_primary_that_is_merely_busy_keeps_its_requests() {
    let (primary, fallback) =
        (Scripted::new("vllm", [fails(Cause::Busy), said("제가")]), Scripted::new("openai", [said("x")]));
    assert_eq!(asked(&pair(&primary, &fallback), LONG).await, Ok("제가".to_owned()));
    assert_eq!(fallback.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_primary_whose_circuit_is_open_is_probed_and_gets_no_members_request() {
    let (primary, fallback) =
        (Scripted::new("vllm", [fails(Cause::Unreachable)]), Scripted::new("openai", [said("대신")]));
    let model = pair(&primary, &fallback);
    assert_eq!(asked(&model, LONG).await, Ok("대신".to_owned()));
    assert!(!*model.watch().borrow(), "the fallback works");
    let calls = primary.calls();
    let asking = async {
        for _ in 0..200 {
            assert_eq!(asked(&model, LONG).await, Ok("대신".to_owned()));
            sleep(QUICK.probe_every / 10).await;
        }
    };
    probed(&model, asking).await;
    assert_eq!(primary.calls(), calls);
    let probes = primary.probes();
    assert!((10..=20).contains(&probes), "{probes} probes in the time of twenty");
}

#[tokio::test]
async fn no_answer_by_the_deadline_is_unavailable_and_names_the_last_fault() {
    let busy = Fault { cause: Cause::Busy, status: Some(503), retry_after: None };
    let primary = Scripted::new("vllm", [Err(busy)]);
    let failure = asked(&alone(&primary, Arc::new(())), SHORT).await.unwrap_err();
    assert_eq!(failure, ModelFailure::Unavailable("vllm: the server has no room right now (HTTP 503)".to_owned()));
}

#[tokio::test]
async fn a_deadline_that_is_over_makes_no_call() {
    let primary = Scripted::new("vllm", [said("x")]);
    assert!(asked(&alone(&primary, Arc::new(())), Duration::ZERO).await.is_err());
    assert_eq!(primary.calls(), 0);
}

#[tokio::test]
async fn retry_after_is_honoured_and_ends_with_the_deadline() {
    let busy = |seconds| Err(Fault { cause: Cause::Busy, status: Some(429), retry_after: Some(seconds) });
    let started = Instant::now();
    let primary = Scripted::new("vllm", [busy(Duration::from_millis(150)), said("네.")]);
    asked(&alone(&primary, Arc::new(())), LONG).await.unwrap();
    assert!(started.elapsed() >= Duration::from_millis(150));

    let primary = Scripted::new("vllm", [busy(Duration::MAX)]);
    assert!(asked(&alone(&primary, Arc::new(())), SHORT).await.is_err());
    assert_eq!(primary.calls(), 1);
}

#[tokio::test]
async fn a_misconfigured_server_is_not_asked_in_a_hot_loop_and_heals() {
    let primary = Scripted::new("vllm", [fails(Cause::Denied), fails(Cause::Denied), said("이제 됩니다.")]);
    let started = Instant::now();
    let model = alone(&primary, Arc::new(()));
    assert_eq!(probed(&model, asked(&model, LONG)).await, Ok("이제 됩니다.".to_owned()));
    assert!(started.elapsed() >= QUICK.misconfigured * 2);
}

#[tokio::test]
async fn the_first_dropped_connection_is_repeated_at_once_and_does_not_count_against_the_server() {
    let slow = Patience { backoff: Backoff { base: LONG, cap: LONG }, ..QUICK };
    let script = (0..20).flat_map(|_| [fails(Cause::Dropped), said("네.")]);
    let primary = Scripted::new("vllm", script);
    let model = Failover::new(primary.clone(), None, slow, Arc::new(()));
    let watch = model.watch();
    for _ in 0..10 {
        asked(&model, Duration::from_secs(5)).await.unwrap();
    }
    assert_eq!(primary.calls(), 20);
    assert!(!watch.has_changed().unwrap());
}

#[tokio::test]
async fn five_failures_open_the_circuit_and_one_success_closes_it() {
    let script = (0..7).map(|_| fails(Cause::Unreachable)).chain([said("돌아왔습니다.")]);
    let model = alone(&Scripted::new("vllm", script), Arc::new(()));
    let mut watch = model.watch();
    assert!(!*watch.borrow_and_update());
    let (reply, opened) = probed(&model, async {
        tokio::join!(asked(&model, LONG), async {
            let opened = watch.wait_for(|open| *open).await.is_ok();
            watch.wait_for(|open| !*open).await.unwrap();
            opened
        })
    })
    .await;
    assert_eq!(reply, Ok("돌아왔습니다.".to_owned()));
    assert!(opened);
    assert!(!*model.watch().borrow());
}

#[tokio::test(start_paused = true)]
async fn who_was_asking_when_the_model_went_away_holds_no_slot_until_a_call_can_go_out() {
    let primary = Scripted::new("vllm", [fails(Cause::Unreachable)]);
    let model = alone(&primary, Arc::new(()));
    let slots = Slots::new(2).of_group();
    let place = || Place::new(slots.clone(), slots.try_acquire().unwrap(), CancellationToken::new(), Arc::new(()));
    let (ask, places) = (ask(), [place(), place()]);
    let asking = join_all(places.each_ref().map(|place| model.ask(&ask, place, Instant::now() + LONG, None)));
    let others = async {
        // Two go on that need no model, while two wait for it.
        let taken = timeout_at(Instant::now() + LONG / 4, join_all([slots.acquire(), slots.acquire()]));
        let _slots = taken.await.expect("their slots are free");
        assert!(*model.watch().borrow());
        *primary.script.lock().unwrap() = [said("돌아왔습니다.")].into();
        let calls = primary.calls();
        sleep(LONG / 4).await;
        assert_eq!(primary.calls(), calls, "a call that is out has a slot");
    };
    let (replies, ()) = probed(&model, async { tokio::join!(asking, others) }).await;
    assert!(replies.iter().all(Result::is_ok), "{replies:?}");
}

#[tokio::test(start_paused = true)]
async fn silence_counts_against_the_server_only_when_it_had_fair_time_to_answer() {
    for (within, opens) in [(900, false), (5_000, true), (60_000, true)] {
        let primary = Scripted::new("vllm", [said("x")]);
        primary.hang(true);
        let model = alone(&primary, Arc::new(()));
        for _ in 0..3 {
            model.ask(&ask(), &Place::only(), Instant::now() + Duration::from_millis(within), None).await.unwrap_err();
        }
        assert_eq!(*model.watch().borrow(), opens, "{within}");
    }
}

/// Asks until the worker knows that no server can be used.
async fn find_dead(model: &Failover) {
    let mut away = model.watch();
    tokio::select! {
        reply = asked(model, LONG) => panic!("the model is not dead: {reply:?}"),
        known = away.wait_for(|away| *away) => drop(known.unwrap()),
    }
}

#[tokio::test(start_paused = true)]
async fn while_the_model_is_dead_waiting_requests_make_no_call_and_all_are_answered_when_it_is_back() {
    let script = (0..40).map(|_| fails(Cause::Unreachable)).chain([said("네.")]);
    let primary = Scripted::new("vllm", script);
    let model = alone(&primary, Arc::new(()));
    find_dead(&model).await;
    let (started, found) = (Instant::now(), primary.calls());
    let asks = futures_util::future::join_all((0..100).map(|_| asked(&model, LONG)));
    let replies = probed(&model, asks).await;
    assert!(replies.iter().all(Result::is_ok));
    assert_eq!((primary.calls() - found, primary.probes()), (100, 40 - found + 1));
    let least = QUICK.probe_every * u32::try_from(40 - found).unwrap();
    assert!(started.elapsed() >= least, "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_dead_model_is_probed_rather_than_hammered() {
    let primary = Scripted::new("vllm", [fails(Cause::Unreachable)]);
    let model = alone(&primary, Arc::new(()));
    find_dead(&model).await;
    let (found, within) = (primary.calls(), Duration::from_millis(200));
    let asks = futures_util::future::join_all((0..200).map(|_| asked(&model, within)));
    let replies = probed(&model, asks).await;
    assert!(replies.iter().all(|reply| matches!(reply, Err(ModelFailure::Unavailable(_)))));
    assert_eq!(primary.calls(), found);
    // At most one probe per 20 ms.
    assert!((5..=10).contains(&primary.probes()), "{} probes", primary.probes());
}

#[tokio::test]
async fn a_request_that_never_had_a_server_to_ask_says_so() {
    let denied = Err(Fault { cause: Cause::Denied, status: None, retry_after: Some(LONG) });
    let model = alone(&Scripted::new("vllm", [denied]), Arc::new(()));
    find_dead(&model).await;
    let failure = asked(&model, QUICK.probe_every).await.unwrap_err();
    assert_eq!(failure, ModelFailure::Unavailable("no server could be asked".to_owned()));
}

#[tokio::test]
async fn a_model_that_was_never_there_is_an_outage_from_the_first_call() {
    let script = (0..3).map(|_| fails(Cause::UnknownModel)).chain([said("이제 있습니다.")]);
    let primary = Scripted::new("vllm", script);
    let model = alone(&primary, Arc::new(()));
    let started = Instant::now();
    let (first, later) = probed(&model, async {
        tokio::join!(asked(&model, LONG), async {
            model.watch().wait_for(|open| *open).await.unwrap();
            assert_eq!(primary.calls(), 1);
            futures_util::future::join_all((0..20).map(|_| asked(&model, LONG))).await
        })
    })
    .await;
    assert!(later.into_iter().chain([first]).all(|reply| reply == Ok("이제 있습니다.".to_owned())));
    // One call that was refused, and one for each request; two probes that were refused, and one that passed.
    assert_eq!((primary.calls(), primary.probes()), (1 + 21, 2 + 1));
    assert!(started.elapsed() >= QUICK.misconfigured * 3, "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn while_no_model_answers_one_at_a_time_is_let_in() {
    let primary = Scripted::new("vllm", (0..5).map(|_| fails(Cause::Unreachable)));
    let model = alone(&primary, Arc::new(()));
    drop(model.admit(Reach::Home).await);
    find_dead(&model).await;
    let trial = model.admit(Reach::Home).await;
    let mut second = std::pin::pin!(model.admit(Reach::Home));
    assert!(futures_util::poll!(second.as_mut()).is_pending());
    drop(trial);
    let trial = second.await;
    let mut third = std::pin::pin!(model.admit(Reach::Home));
    assert!(futures_util::poll!(third.as_mut()).is_pending());
    model.breaker.record(0, Instant::now(), Verdict::Works, drop);
    third.await;
    drop(trial);
}

mod hanging;
