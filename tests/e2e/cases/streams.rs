//! Replies that are read as they are written: the worker's own client against a model server that streams.

use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use ssammu_worker::flow_control::place::Place;
use ssammu_worker::flow_control::slots::Slots;
use ssammu_worker::llm::failover::{Failover, Patience};
use ssammu_worker::llm::openai::{OpenAi, OpenAiSettings};
use ssammu_worker::llm::vllm::{Vllm, VllmSettings};
use ssammu_worker::llm::{Ask, Listener, Model, ModelFailure, Preamble, Prompt, Reply, Role};
use tokio_util::sync::CancellationToken;

use crate::kit::model::answer::Turn;
use crate::kit::model::script::FEEDBACK;
use crate::kit::model::stream::tokens;
use crate::kit::model::{Answer, ModelServer};
use crate::kit::test_env::TestEnv;

crate::case::cases![
    a_reply_is_heard_while_it_is_written,
    a_server_stops_writing_as_soon_as_nobody_wants_the_reply,
    a_reply_that_breaks_off_is_asked_for_again,
    a_reply_that_stands_still_goes_to_the_fallback,
    the_longest_beginning_is_kept_where_nobody_answers_in_time,
    a_server_that_cannot_stream_is_asked_as_before_and_remembered,
];

const SECOND: Duration = Duration::from_secs(1);

/// Writes down what it hears, and when; the text begins anew where a reply does.
struct Notes {
    began: Instant,
    text: Mutex<String>,
    begun: Mutex<u32>,
    first: Mutex<Option<Duration>>,
}

impl Notes {
    fn new() -> Self {
        Self { began: Instant::now(), text: Mutex::default(), begun: Mutex::default(), first: Mutex::default() }
    }

    fn text(&self) -> String {
        self.text.lock().expect("the text").clone()
    }
}

impl Listener for Notes {
    fn begins(&self) {
        *self.begun.lock().expect("the count") += 1;
        self.text.lock().expect("the text").clear();
    }

    fn hears(&self, more: &str) {
        self.first.lock().expect("the time").get_or_insert(self.began.elapsed());
        self.text.lock().expect("the text").push_str(more);
    }
}

fn vllm(server: &ModelServer) -> Arc<Vllm> {
    let url = server.url().parse().expect("a URL");
    Arc::new(Vllm::new(VllmSettings { url, model: None, api_key: None, through_proxy: false }).expect("a client"))
}

fn openai(server: &ModelServer) -> Arc<OpenAi> {
    let base_url = format!("{}/v1", server.url()).parse().expect("a URL");
    Arc::new(OpenAi::new(OpenAiSettings { base_url, model: "gpt".to_owned(), api_key: None }).expect("a client"))
}

fn alone(server: &ModelServer) -> Failover {
    Failover::new(vllm(server), None, Patience::default(), Arc::new(()))
}

/// Asks for feedback, while somebody probes as in the worker.
async fn ask(model: &Failover, notes: &Notes, within: Duration) -> Result<Reply, ModelFailure> {
    static PREAMBLE: LazyLock<Preamble> = LazyLock::new(|| Preamble::new([(Role::System, "면접관")]));
    let ask = Ask {
        flow: None,
        prompts: vec![Prompt { preamble: &PREAMBLE, text: "TCP란?".into() }],
        temperature: 0.7,
        max_tokens: 512,
        min_tokens: 200,
        schema: None,
    };
    let slots = Slots::new(1).of_group();
    let slot = slots.try_acquire().expect("a slot");
    let place = Place::new(slots, slot, CancellationToken::new(), Arc::new(()));
    let deadline = tokio::time::Instant::now() + within;
    tokio::select! {
        reply = model.ask(&ask, &place, deadline, Some(notes)) => reply,
        () = model.probe_forever() => panic!("it has ended"),
    }
}

async fn a_reply_is_heard_while_it_is_written(env: Arc<TestEnv>) {
    let (server, notes) = (&env.model, Notes::new());
    server.always(Answer::text(FEEDBACK).paced(Duration::from_millis(10)));
    let reply = ask(&alone(server), &notes, SECOND * 20).await.expect("a reply");
    assert_eq!((reply.text.as_str(), reply.truncated, notes.text().as_str()), (FEEDBACK, false, FEEDBACK));
    let first = notes.first.lock().expect("the time").expect("something was heard");
    assert!(first * 3 < notes.began.elapsed(), "first after {first:?}, whole after {:?}", notes.began.elapsed());
    let calls = server.calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].body["stream_options"], json!({"include_usage": true}));
    assert_eq!(server.load().tokens, tokens(FEEDBACK).count());
}

async fn a_server_stops_writing_as_soon_as_nobody_wants_the_reply(env: Arc<TestEnv>) {
    let (server, notes) = (&env.model, Notes::new());
    server.always(Answer::text(&FEEDBACK.repeat(20)).paced(Duration::from_millis(20)));
    let model = alone(server);
    let dropped = tokio::select! {
        reply = ask(&model, &notes, SECOND * 60) => panic!("it was not written by then: {reply:?}"),
        load = server.wait_for("ten tokens", |load| load.tokens >= 10) => load,
    };
    let load = server.wait_for("a client that went away", |load| load.abandoned == 1).await;
    assert!(load.tokens <= dropped.tokens + 3, "{} tokens were written for nobody", load.tokens - dropped.tokens);

    // So it does at the deadline, with what there is by then as the reply.
    let reply = ask(&model, &notes, SECOND).await.expect("a beginning");
    assert!(reply.truncated && !reply.text.is_empty());
    let heard = tokens(&reply.text).count() + load.tokens;
    let load = server.wait_for("another", |load| load.abandoned == 2).await;
    assert!(load.tokens <= heard + 3, "{} tokens were written for nobody", load.tokens - heard);
}

async fn a_reply_that_breaks_off_is_asked_for_again(env: Arc<TestEnv>) {
    let server = &env.model;
    let error =
        json!({"error": {"message": "EngineCore died", "type": "InternalServerError", "param": null, "code": 500}});
    for turn in [Turn::Cut, Turn::Error(error)] {
        let (before, notes) = (server.calls().len(), Notes::new());
        server.next([Answer::text(FEEDBACK).turns(20, turn.clone())]);
        let reply = ask(&alone(server), &notes, SECOND * 20).await.expect("a reply");
        assert_eq!((reply.text.as_str(), notes.text().as_str()), (FEEDBACK, FEEDBACK), "{turn:?}");
        assert_eq!((server.calls().len() - before, *notes.begun.lock().expect("the count")), (2, 2), "{turn:?}");
    }
    let notes = Notes::new();
    server.next([Answer::text(FEEDBACK).turns(20, Turn::Pause(SECOND))]);
    assert_eq!(ask(&alone(server), &notes, SECOND * 20).await.expect("a reply").text, FEEDBACK);
    assert_eq!(*notes.begun.lock().expect("the count"), 1, "a pause is no end");
}

async fn a_reply_that_stands_still_goes_to_the_fallback(env: Arc<TestEnv>) {
    let (server, fallback) = (&env.model, ModelServer::start().await);
    let model = Failover::new(vllm(server), Some(openai(&fallback)), Patience::default(), Arc::new(()));
    for _ in 0..4 {
        ask(&model, &Notes::new(), SECOND * 20).await.expect("a reply");
    }
    server.always(Answer::text(FEEDBACK).turns(20, Turn::Stall));
    let notes = Notes::new();
    let reply = ask(&model, &notes, SECOND * 20).await.expect("a reply");
    assert_eq!((reply.text.as_str(), notes.text().as_str()), (FEEDBACK, FEEDBACK));
    assert_eq!((server.load().abandoned, fallback.load().calls), (1, 1));
    assert!(notes.began.elapsed() < SECOND * 8, "known after {:?}", notes.began.elapsed());
}

async fn the_longest_beginning_is_kept_where_nobody_answers_in_time(env: Arc<TestEnv>) {
    let (server, notes) = (&env.model, Notes::new());
    // At a pace: what is written just before a connection breaks may be lost.
    let breaks = |after| Answer::text(FEEDBACK).paced(Duration::from_millis(20)).turns(after, Turn::Cut);
    server.next([breaks(30), breaks(10)]);
    server.always(Answer::busy());
    let reply = ask(&alone(server), &notes, SECOND * 3).await.expect("a beginning");
    let beginning: String = tokens(FEEDBACK).take(30).collect();
    assert_eq!((&reply.text, reply.truncated, &notes.text()), (&beginning, true, &beginning));
}

async fn a_server_that_cannot_stream_is_asked_as_before_and_remembered(env: Arc<TestEnv>) {
    let server = &env.model;
    let streamed = |server: &ModelServer| {
        let asked = server.calls().into_iter().map(|call| call.body["stream"] == true);
        asked.collect::<Vec<bool>>()
    };
    // A whole answer is an answer.
    server.always(Answer::text(FEEDBACK).plain());
    let model = alone(server);
    for _ in 0..2 {
        assert_eq!(ask(&model, &Notes::new(), SECOND * 20).await.expect("a reply").text, FEEDBACK);
    }
    assert_eq!(streamed(server), [true, false]);

    let refusing = ModelServer::start().await;
    refusing.refuses("stream");
    let model = alone(&refusing);
    for _ in 0..2 {
        assert_eq!(ask(&model, &Notes::new(), SECOND * 20).await.expect("a reply").text, FEEDBACK);
    }
    assert_eq!(streamed(&refusing), [true, false, false]);

    let without_options = ModelServer::start().await;
    without_options.refuses("stream_options");
    let (model, notes) = (alone(&without_options), Notes::new());
    assert_eq!(ask(&model, &notes, SECOND * 20).await.expect("a reply").text, FEEDBACK);
    assert_eq!((streamed(&without_options), notes.text().as_str()), (vec![true, true], FEEDBACK));
}
