//! Replies that are heard while they are written: what silence means then, and what is kept of one that breaks off.

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const TICK: Duration = Duration::from_millis(50);

/// How a reply is written.
#[derive(Clone, Copy)]
struct Writing {
    first: Duration,
    tokens: u32,
    pause: Duration,
    end: End,
}

#[derive(Clone, Copy)]
enum End {
    Whole,
    Fails(Cause),
    Never,
}

/// Twenty tokens a second.
const WELL: Writing = Writing { first: TICK, tokens: 100, pause: TICK, end: End::Whole };

/// The same until it stands still.
const STALLS: Writing = Writing { tokens: 10, end: End::Never, ..WELL };

fn breaks(tokens: u32, cause: Cause) -> Writing {
    Writing { tokens, end: End::Fails(cause), ..WELL }
}

/// Writes as it is told, the last thing again and again; probes are answered at once unless it hangs.
struct Writer {
    name: &'static str,
    script: Mutex<VecDeque<Writing>>,
    hangs: AtomicBool,
    calls: AtomicUsize,
}

impl Writer {
    fn new(name: &'static str, script: impl IntoIterator<Item = Writing>) -> Arc<Self> {
        let script = Mutex::new(script.into_iter().collect());
        Arc::new(Self { name, script, hangs: AtomicBool::default(), calls: AtomicUsize::default() })
    }

    fn writes(&self, script: impl IntoIterator<Item = Writing>) {
        *self.script.lock().unwrap() = script.into_iter().collect();
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    async fn write(&self, heard: Option<&Heard<'_>>) -> Result<Completion, Fault> {
        let Writing { first, tokens, pause, end } = {
            let mut script = self.script.lock().unwrap();
            if script.len() > 1 { script.pop_front().unwrap() } else { *script.front().unwrap() }
        };
        sleep(first).await;
        for number in 0..tokens {
            if number > 0 {
                sleep(pause).await;
            }
            heard.unwrap().hears(self.word(), 1);
        }
        match end {
            End::Whole => Ok(Completion { text: self.text(tokens), truncated: false, usage: None }),
            End::Fails(cause) => fails(cause),
            End::Never => std::future::pending().await,
        }
    }

    fn word(&self) -> &'static str {
        if self.name == "vllm" { "제" } else { "대" }
    }

    fn text(&self, tokens: u32) -> String {
        self.word().repeat(usize::try_from(tokens).unwrap())
    }
}

#[async_trait]
impl Endpoint for Writer {
    fn name(&self) -> &'static str {
        self.name
    }

    async fn call(&self, ask: &Ask, limit: Instant, heard: Option<&Heard<'_>>) -> Result<Completion, Fault> {
        let answer = async {
            if self.hangs.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            if ask.max_tokens == 1 {
                return said("1");
            }
            self.calls.fetch_add(1, Ordering::SeqCst);
            self.write(heard).await
        };
        timeout_at(limit, answer).await.unwrap_or_else(|_| fails(Cause::Silent))
    }

    async fn check(&self, _: Instant) -> Result<(), Trouble> {
        Ok(())
    }
}

/// Hears the reply.
#[derive(Default)]
struct Ear(Mutex<String>);

impl Listener for Ear {
    fn begins(&self) {
        self.0.lock().unwrap().clear();
    }
    fn hears(&self, more: &str) {
        self.0.lock().unwrap().push_str(more);
    }
}

fn beside(primary: &Arc<Writer>, fallback: &Arc<Writer>, observer: Arc<dyn Observer>) -> Failover {
    Failover::new(primary.clone(), Some(fallback.clone()), Patience::default(), observer)
}

fn by_itself(primary: &Arc<Writer>, observer: Arc<dyn Observer>) -> Failover {
    Failover::new(primary.clone(), None, Patience::default(), observer)
}

fn two() -> (Arc<Writer>, Arc<Writer>) {
    (Writer::new("vllm", [WELL]), Writer::new("openai", [WELL]))
}

/// Asks and listens: what is heard is the beginning of what is replied.
async fn timed(model: &Failover, within: Duration) -> (Result<Reply, ModelFailure>, Duration) {
    let (ear, started) = (Ear::default(), Instant::now());
    let reply = model.ask(&ask(), &Place::only(), started + within, Some(&ear)).await;
    if let Ok(reply) = &reply {
        assert_eq!(*ear.0.lock().unwrap(), reply.text);
    }
    (reply, started.elapsed())
}

fn whole(writer: &Writer, tokens: u32) -> Result<Reply, ModelFailure> {
    Ok(Reply { text: writer.text(tokens), truncated: false })
}

/// Teaches what is usual.
async fn asked_four_times(model: &Failover) {
    for _ in 0..4 {
        timed(model, MINUTE).await.0.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_stands_still_goes_to_the_fallback_soon_whatever_a_whole_one_takes() {
    let (primary, fallback) = two();
    let model = beside(&primary, &fallback, Arc::new(()));
    let asking = async {
        primary.writes([Writing { pause: SECOND / 5, ..WELL }]);
        asked_four_times(&model).await;
        primary.writes([STALLS]);
        let (reply, took) = timed(&model, MINUTE).await;
        assert_eq!(reply, whole(&fallback, 100));
        assert!(took < SECOND * 12, "{took:?}");
    };
    probed(&model, asking).await;
    assert_eq!((primary.calls(), fallback.calls()), (5, 1));
}

#[tokio::test(start_paused = true)]
async fn so_does_one_that_does_not_begin() {
    let (primary, fallback) = two();
    let model = beside(&primary, &fallback, Arc::new(()));
    let asking = async {
        primary.writes([Writing { pause: SECOND / 5, ..WELL }]);
        asked_four_times(&model).await;
        primary.writes([Writing { tokens: 0, end: End::Never, ..WELL }]);
        let (reply, took) = timed(&model, MINUTE).await;
        assert_eq!(reply, whole(&fallback, 100));
        assert!(took < SECOND * 12, "{took:?}");
    };
    probed(&model, asking).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_hangs_in_the_middle_of_its_first_reply_is_found_out_by_a_probe() {
    let (primary, fallback) = two();
    primary.writes([STALLS]);
    let model = beside(&primary, &fallback, Arc::new(()));
    let asking = async {
        let hangs = async {
            sleep(TICK * 5).await;
            primary.hangs.store(true, Ordering::SeqCst);
        };
        let ((reply, took), ()) = tokio::join!(timed(&model, MINUTE), hangs);
        assert_eq!(reply, whole(&fallback, 100));
        assert!(took < SECOND * 14, "{took:?}");
    };
    probed(&model, asking).await;
}

#[tokio::test(start_paused = true)]
async fn each_word_begins_the_silence_anew() {
    let (primary, fallback) = two();
    primary.writes([Writing { pause: SECOND * 4, tokens: 12, ..WELL }]);
    let model = beside(&primary, &fallback, Arc::new(()));
    let asking = async {
        for _ in 0..6 {
            // Its pace says nothing: it is done before half of the time has gone.
            assert_eq!(timed(&model, MINUTE * 2).await.0, whole(&primary, 12));
        }
    };
    probed(&model, asking).await;
    assert_eq!(fallback.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_the_first_word_is_not_left_while_others_are_written_to() {
    let (primary, fallback) = two();
    let model = beside(&primary, &fallback, Arc::new(()));
    let asking = async {
        asked_four_times(&model).await;
        primary.writes([Writing { tokens: 500, ..WELL }, Writing { first: SECOND * 20, ..WELL }]);
        let ((long, _), (late, took)) = tokio::join!(timed(&model, MINUTE * 2), timed(&model, MINUTE * 2));
        assert_eq!((long, late), (whole(&primary, 500), whole(&primary, 100)));
        assert!(took > SECOND * 20, "{took:?}");
    };
    probed(&model, asking).await;
    assert_eq!(fallback.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_stands_still_is_left_though_others_are_written_and_that_says_nothing_about_the_server() {
    let (primary, fallback) = two();
    let notes = Arc::new(Notes::default());
    let model = beside(&primary, &fallback, notes.clone());
    let asking = async {
        asked_four_times(&model).await;
        primary.writes([Writing { tokens: 500, ..WELL }, STALLS]);
        let ((long, _), (lost, took)) = tokio::join!(timed(&model, MINUTE * 2), timed(&model, MINUTE * 2));
        assert_eq!((long, lost), (whole(&primary, 500), whole(&fallback, 100)));
        assert!(took < SECOND * 12, "{took:?}");
    };
    probed(&model, asking).await;
    assert!(notes.circuits.lock().unwrap().iter().all(|(_, is_open)| !is_open));
}

#[tokio::test(start_paused = true)]
async fn at_half_of_the_time_a_reply_is_left_for_another_server_only_where_it_will_not_be_there_in_time() {
    // 128 tokens are worth having, in forty seconds.
    for (pause, stays) in [(SECOND / 5, true), (SECOND / 2, false)] {
        let (primary, fallback) = two();
        primary.writes([Writing { pause, tokens: 128, ..WELL }]);
        let model = beside(&primary, &fallback, Arc::new(()));
        let (reply, took) = probed(&model, timed(&model, SECOND * 40)).await;
        assert_eq!(reply.unwrap().text == primary.text(128), stays, "{pause:?}");
        assert!(stays || took < SECOND * 26, "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_trickle_ends_at_the_deadline_with_what_there_is() {
    let primary = Writer::new("vllm", [Writing { pause: SECOND * 2, tokens: 1_000, ..WELL }]);
    let notes = Arc::new(Notes::default());
    let model = by_itself(&primary, notes.clone());
    let (reply, took) = probed(&model, timed(&model, MINUTE)).await;
    assert_eq!((reply, took), (Ok(Reply { text: primary.text(30), truncated: true }), MINUTE));
    assert_eq!(primary.calls(), 1);
    assert!(notes.circuits.lock().unwrap().iter().all(|(_, is_open)| !is_open), "it is slow and not away");
}

#[tokio::test(start_paused = true)]
async fn without_another_server_a_reply_that_was_lost_on_its_way_is_asked_for_again() {
    let primary = Writer::new("vllm", [STALLS, WELL]);
    let model = by_itself(&primary, Arc::new(()));
    let (reply, took) = probed(&model, timed(&model, MINUTE)).await;
    assert_eq!(reply, whole(&primary, 100));
    assert!(took < SECOND * 20, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn without_another_server_a_hang_opens_the_circuit_and_what_was_written_is_the_reply() {
    let primary = Writer::new("vllm", [STALLS]);
    let notes = Arc::new(Notes::default());
    let model = by_itself(&primary, notes.clone());
    let asking = async {
        let hangs = async {
            sleep(TICK * 5).await;
            primary.hangs.store(true, Ordering::SeqCst);
        };
        let ((reply, took), ()) = tokio::join!(timed(&model, MINUTE), hangs);
        assert_eq!((reply, took), (Ok(Reply { text: primary.text(10), truncated: true }), MINUTE));
    };
    probed(&model, asking).await;
    assert!(notes.circuits.lock().unwrap().contains(&("vllm", true)));
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_breaks_off_is_asked_for_again_and_only_the_whole_one_counts() {
    for cause in [Cause::Cut, Cause::Aborted, Cause::Broken, Cause::Busy] {
        let primary = Writer::new("vllm", [breaks(30, cause), Writing { tokens: 5, ..WELL }]);
        let (reply, _) = timed(&by_itself(&primary, Arc::new(())), MINUTE).await;
        assert_eq!(reply, whole(&primary, 5), "{cause:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn where_nobody_answers_in_time_the_longest_beginning_is_the_reply() {
    let primary = Writer::new(
        "vllm",
        [breaks(3, Cause::Cut), breaks(8, Cause::Cut), breaks(5, Cause::Aborted), breaks(0, Cause::Cut)],
    );
    let (reply, took) = timed(&by_itself(&primary, Arc::new(())), MINUTE).await;
    assert_eq!((reply, took), (Ok(Reply { text: primary.text(8), truncated: true }), MINUTE));
}

#[tokio::test(start_paused = true)]
async fn a_beginning_is_no_reply_where_the_model_refuses_or_has_said_nothing() {
    let primary = Writer::new("vllm", [breaks(3, Cause::Cut), breaks(8, Cause::Filtered)]);
    assert!(matches!(timed(&by_itself(&primary, Arc::new(())), MINUTE).await.0, Err(ModelFailure::Unusable(_))));
    let primary = Writer::new("vllm", [breaks(0, Cause::Cut)]);
    assert!(matches!(timed(&by_itself(&primary, Arc::new(())), MINUTE).await.0, Err(ModelFailure::Unavailable(_))));
}

type Told = (&'static str, Flow, Duration, Option<Duration>);

#[derive(Default)]
struct Clock(Mutex<Vec<Told>>);

impl Observer for Clock {
    fn streamed(&self, endpoint: &'static str, flow: Flow, first: Duration, per_token: Option<Duration>) {
        self.0.lock().unwrap().push((endpoint, flow, first, per_token));
    }
}

#[tokio::test(start_paused = true)]
async fn how_fast_a_reply_was_written_is_told_by_server_and_flow() {
    let primary = Writer::new("vllm", [breaks(2, Cause::Cut), WELL, Writing { tokens: 1, ..WELL }]);
    let clock = Arc::new(Clock::default());
    let model = by_itself(&primary, clock.clone());
    for flow in [Some(Flow::Feedback), Some(Flow::Resume), None] {
        let ask = Ask { flow, ..ask() };
        model.ask(&ask, &Place::only(), Instant::now() + MINUTE, Some(&Ear::default())).await.unwrap();
    }
    let told = clock.0.lock().unwrap();
    assert_eq!(*told, [("vllm", Flow::Feedback, TICK, Some(TICK)), ("vllm", Flow::Resume, TICK, None)]);
}
