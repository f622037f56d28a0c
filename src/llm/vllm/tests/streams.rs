//! Replies that are read as they are written.

use std::io::Write as _;
use std::sync::Mutex;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::*;
use crate::llm::classify::Usage;
use crate::llm::{LastSign, Listener};

const NOW: Duration = Duration::ZERO;
const TICK: Duration = Duration::from_millis(20);

/// Writes down what it hears at once; `|` where a reply begins.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Listener for Notes {
    fn begins(&self) {
        self.0.lock().unwrap().push("|".to_owned());
    }
    fn hears(&self, more: &str) {
        self.0.lock().unwrap().push(more.to_owned());
    }
}

fn event(json: &Value) -> String {
    format!("data: {json}\n\n")
}

fn delta(text: &str) -> String {
    event(&json!({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]}))
}

fn end() -> String {
    let usage = json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15});
    event(&json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}))
        + &event(&json!({"choices": [], "usage": usage}))
        + "data: [DONE]\n\n"
}

/// A stream in these pieces, one tick after the other.
fn streams<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, end: End) -> Reaction {
    Reaction::Pieces(pieces.into_iter().map(|piece| (TICK, piece.to_vec())).collect(), end)
}

fn says(text: &str) -> Reaction {
    streams([(delta(text) + &end()).as_bytes()], End::Told)
}

async fn heard(vllm: &Vllm) -> (Result<Completion, Fault>, Vec<String>) {
    let (notes, server) = (Notes::default(), LastSign::default());
    let result = vllm.call(&ask("TCP란?"), soon(), Some(&Heard::new(&notes, &server))).await;
    (result, notes.0.into_inner().unwrap())
}

/// What is said to who listens, and what was asked for each time.
async fn asked_twice(react: impl Fn(&Got, usize) -> Reaction + Send + Sync + 'static) -> (String, Vec<Value>) {
    let server = serving(100, react).await;
    let vllm = client(&server);
    let first = heard(&vllm).await.0.unwrap().text;
    assert_eq!(heard(&vllm).await.0.unwrap().text, first);
    (first, server.got(CHAT).into_iter().map(|got| json!([got.body["stream"], got.body["stream_options"]])).collect())
}

#[tokio::test]
async fn a_reply_is_heard_in_the_pieces_in_which_it_comes_and_is_what_a_whole_answer_would_be() {
    let stream = delta("") + &delta("좋은 ") + &delta("답변") + &delta("입니다.") + &end();
    let half = stream.find("답변").unwrap() + 1;
    let server =
        serving(100, move |_, _| streams([&stream.as_bytes()[..half], &stream.as_bytes()[half..]], End::Told)).await;
    let (result, notes) = heard(&client(&server)).await;
    let usage = Some(Usage { prompt: 10, completion: 5 });
    assert_eq!(result, Ok(Completion { text: "좋은 답변입니다.".to_owned(), truncated: false, usage }));
    assert_eq!(notes, ["|", "좋은 ", "답변입니다."], "what comes together is heard together");
    let body = &server.got(CHAT)[0].body;
    assert_eq!((&body["stream"], &body["stream_options"]), (&json!(true), &json!({"include_usage": true})));
}

#[tokio::test]
async fn a_connection_is_used_again_after_a_stream() {
    let server = serving(100, |_, _| says("네.")).await;
    let vllm = client(&server);
    for _ in 0..3 {
        heard(&vllm).await.0.unwrap();
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_whole_answer_to_a_request_for_a_stream_is_read_and_no_stream_is_asked_for_any_more() {
    let (text, asked) = asked_twice(|_, _| said("네.")).await;
    assert_eq!(text, "네.");
    assert_eq!(asked, [json!([true, {"include_usage": true}]), json!([false, null])]);
}

#[tokio::test]
async fn what_a_server_refuses_of_a_stream_is_left_out() {
    let refuses = |status: u16, message: &'static str, field: &'static str| {
        asked_twice(move |got, _| match &got.body[field] {
            Value::Null | Value::Bool(false) => said("네."),
            _ => Reaction::Answer(status, json!({"error": {"message": message}}).to_string()),
        })
    };
    let (with, without) = (json!([true, {"include_usage": true}]), json!([false, null]));
    for (status, message) in [(400, "'stream' is not supported"), (422, "streaming is off"), (501, "Not Implemented")] {
        let (_, asked) = refuses(status, message, "stream").await;
        assert_eq!(asked, [with.clone(), without.clone(), without.clone()], "{status} {message}");
    }
    let (_, asked) = asked_twice(|got, _| match got.body.get("stream_options") {
        None => says("네."),
        Some(_) => Reaction::Answer(400, json!({"error": {"message": "Unknown field: stream_options"}}).to_string()),
    })
    .await;
    assert_eq!(asked, [with, json!([true, null]), json!([true, null])]);
}

#[tokio::test]
async fn a_refusal_without_a_word_costs_no_call_and_the_next_request_shows_whether_it_was_the_streams() {
    let asked = async |react: fn(&Got) -> Reaction| {
        let server = serving(100, move |got, _| react(got)).await;
        let vllm = client(&server);
        let mut came = Vec::new();
        for _ in 0..4 {
            came.push(heard(&vllm).await.0.is_ok());
        }
        let asked: Vec<bool> = server.got(CHAT).iter().map(|got| got.body["stream"] == true).collect();
        (came, asked)
    };
    let by_streams = asked(|got| if got.body["stream"] == true { refusal() } else { said("네.") }).await;
    assert_eq!(by_streams, (vec![false, true, true, true], vec![true, false, false, false]));
    let always = asked(|_| refusal()).await;
    assert_eq!(always, (vec![false; 4], vec![true, false, true, false]));
}

fn refusal() -> Reaction {
    Reaction::Answer(400, json!({"error": {"message": "bad request"}}).to_string())
}

#[tokio::test]
async fn once_a_stream_has_come_a_refusal_that_names_nothing_is_no_streams() {
    let server = serving(100, |_, before| match before {
        0 => says("네."),
        _ => Reaction::Answer(400, "{}".to_owned()),
    })
    .await;
    let vllm = client(&server);
    heard(&vllm).await.0.unwrap();
    assert_eq!(heard(&vllm).await.0.unwrap_err().cause, Cause::Rejected);
    assert_eq!(server.got(CHAT).len(), 2);
}

#[tokio::test]
async fn an_error_in_a_stream_is_judged_by_what_it_says() {
    for (error, cause) in [
        (json!({"error": {"message": "x", "code": 500}}), Cause::Broken),
        (json!({"object": "error", "message": "busy", "code": 503}), Cause::Busy),
        (json!({"choices": [{"delta": {}, "finish_reason": "abort"}]}), Cause::Aborted),
        (json!({"choices": [{"delta": {}, "finish_reason": "content_filter"}]}), Cause::Filtered),
    ] {
        let stream = delta("좋은") + &event(&error);
        let server = serving(100, move |_, _| streams([stream.as_bytes()], End::Told)).await;
        let (result, notes) = heard(&client(&server)).await;
        assert_eq!((result.unwrap_err().cause, notes), (cause, vec!["|".to_owned(), "좋은".to_owned()]), "{error}");
    }
}

#[tokio::test]
async fn a_stream_that_breaks_is_cut_unless_the_reply_was_whole_by_then() {
    for (stream, result) in [
        (delta("좋은"), Err(Cause::Cut)),
        (delta("좋은") + &end(), Ok("좋은".to_owned())),
        (": wait\n\n".to_owned(), Err(Cause::Cut)),
    ] {
        for (end, cause) in [(End::Cut, Cause::Cut), (End::Never, Cause::Silent)] {
            let stream = stream.clone();
            let server = serving(100, move |_, _| streams([stream.as_bytes()], end)).await;
            let (notes, sign) = (Notes::default(), LastSign::default());
            let limit = Instant::now() + Duration::from_secs(1);
            let got = client(&server).call(&ask("TCP란?"), limit, Some(&Heard::new(&notes, &sign))).await;
            let got = got.map(|completion| completion.text).map_err(|fault| fault.cause);
            assert_eq!(got, result.clone().map_err(|_| cause));
        }
    }
}

#[tokio::test]
async fn a_reply_that_is_whole_is_not_kept_waiting_by_comments() {
    let whole = delta("좋은") + &event(&json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}));
    let comments = std::iter::repeat_n((TICK * 10, b": wait\n\n".to_vec()), 20);
    let pieces: Vec<_> = std::iter::once((NOW, whole.into_bytes())).chain(comments).collect();
    let server = serving(100, move |_, _| Reaction::Pieces(pieces.clone(), End::Never)).await;
    let asked = Instant::now();
    assert_eq!(heard(&client(&server)).await.0.unwrap().text, "좋은");
    assert!(asked.elapsed() < TICK * 100, "{:?}", asked.elapsed());
}

#[tokio::test]
async fn who_asks_for_a_whole_answer_after_all_has_heard_nothing_of_it() {
    let refusal = json!({"error": {"message": "'stream' is not supported", "code": 400}});
    let stream = delta("좋은") + &event(&refusal);
    let server = serving(100, move |got, _| match got.body["stream"] == true {
        true => streams([stream.as_bytes()], End::Told),
        false => said("네."),
    })
    .await;
    let (notes, sign) = (Notes::default(), LastSign::default());
    let heard = Heard::new(&notes, &sign);
    assert_eq!(client(&server).call(&ask("TCP란?"), soon(), Some(&heard)).await.unwrap().text, "네.");
    assert_eq!(heard.times().first, None);
    assert_eq!(*notes.0.lock().unwrap(), ["|", "좋은", "|"]);
}

#[tokio::test]
async fn a_server_sees_that_nobody_wants_its_reply_any_more() {
    let stream = delta("좋은");
    let server = serving(100, move |_, _| streams([stream.as_bytes()], End::Never)).await;
    let (vllm, notes, sign) = (client(&server), Notes::default(), LastSign::default());
    let question = ask("TCP란?");
    let first = async {
        while notes.0.lock().unwrap().len() < 2 {
            tokio::task::yield_now().await;
        }
    };
    let heard = Heard::new(&notes, &sign);
    tokio::select! {
        result = vllm.call(&question, Instant::now() + FOR_EVER, Some(&heard)) => panic!("{result:?}"),
        () = first => {}
    }
    server.until_hung_up().await;
}

#[tokio::test]
async fn a_stream_may_come_compressed_and_is_heard_all_the_same() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    let mut pieces = Vec::new();
    for event in [delta("좋은 "), delta("답변"), end()] {
        gzip.write_all(event.as_bytes()).unwrap();
        gzip.flush().unwrap();
        pieces.push(std::mem::take(gzip.get_mut()));
    }
    pieces.push(gzip.finish().unwrap());
    let whole = pieces.clone();
    let server = serving(100, move |_, _| streams(whole.iter().map(Vec::as_slice), End::Told)).await;
    let (result, notes) = heard(&client(&server)).await;
    assert_eq!(
        (result.unwrap().text.as_str(), notes),
        ("좋은 답변", vec!["|".to_owned(), "좋은 ".to_owned(), "답변".to_owned()])
    );

    let broken =
        serving(100, move |_, _| streams([[pieces[0].as_slice(), b"garbage"].concat().as_slice()], End::Told)).await;
    assert_eq!(heard(&client(&broken)).await.0.unwrap_err().cause, Cause::Cut);
}

#[tokio::test]
async fn what_no_reply_can_be_is_not_read_to_its_end() {
    let endless =
        |piece: Vec<u8>| serving(100, move |_, _| Reaction::Pieces(vec![(NOW, piece.clone()); 64], End::Never));
    // A line without an end, a reply without one, a whole answer without one, comments without one; all that is compressed of
    // nothing.
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(&vec![b'\n'; 64 << 20]).unwrap();
    let line = b"data: ".iter().copied().chain([b'x'; 64 << 10]).collect();
    let reply = delta(&"가".repeat(20 << 10)).into_bytes();
    let plain = std::iter::once(b'{').chain([b' '; 64 << 10]).collect();
    let comments = b": wait\n\n".repeat(8 << 10);
    for piece in [line, reply, plain, comments, gzip.finish().unwrap()] {
        let server = endless(piece).await;
        assert_eq!(heard(&client(&server)).await.0.unwrap_err().cause, Cause::Garbage);
    }
}

/// Processor time of this thread.
fn thread_time() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(told.split(' ').next().unwrap().parse().unwrap())
}

/// Of the client alone: the server has a thread of its own.
#[tokio::test]
#[ignore = "measures; with --release --ignored --nocapture"]
async fn what_a_streamed_reply_of_150_tokens_costs_beside_a_whole_one() {
    const REPLIES: u32 = 200;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let pause_us = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let pause = std::sync::Arc::clone(&pause_us);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let _server = FakeServer::on(TcpListener::from_std(listener).unwrap(), move |got, _| {
                let pause = Duration::from_micros(pause.load(std::sync::atomic::Ordering::SeqCst));
                match (got.path.as_str(), got.body["stream"] == true) {
                    ("/v1/models", _) => Reaction::Answer(200, models("/model")),
                    (_, true) => {
                        let events = std::iter::repeat_n(delta("가나"), 150).chain([end()]);
                        Reaction::Pieces(events.map(|event| (pause, event.into_bytes())).collect(), End::Told)
                    }
                    (_, false) => said(&"가나".repeat(150)),
                }
            });
            std::future::pending::<()>().await;
        });
    });
    let vllm = Vllm::new(VllmSettings { url, model: None, api_key: None, through_proxy: false }).unwrap();
    for (name, is_heard, pause) in [("whole", false, 0), ("a token each", true, 1_000), ("as it comes", true, 0)] {
        pause_us.store(pause, std::sync::atomic::Ordering::SeqCst);
        let (mut before, mut pieces) = (Duration::ZERO, 0);
        for number in 0..=REPLIES {
            let (notes, sign) = (Notes::default(), LastSign::default());
            let heard = is_heard.then(|| Heard::new(&notes, &sign));
            vllm.call(&ask("TCP란?"), soon(), heard.as_ref()).await.unwrap();
            pieces += notes.0.lock().unwrap().len();
            if number == 0 {
                before = thread_time();
            }
        }
        let each = (thread_time() - before) / REPLIES;
        println!(
            "{name}: {each:?} of the processor a reply, heard in {} pieces",
            pieces as f64 / f64::from(REPLIES + 1)
        );
    }
}
