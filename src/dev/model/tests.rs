use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use url::Url;

use super::*;
use crate::flow_control::place::Place;
use crate::llm::chat::Endpoint;
use crate::llm::classify::Cause;
use crate::llm::failover::{Failover, Patience};
use crate::llm::vllm::{Vllm, VllmSettings};
use crate::llm::{Ask, Heard, LastSign, Model, ModelFailure, Preamble, Prompt, Role};
use crate::resume::prompt::question_schema;

/// A running server and what ends it.
struct Running {
    url: Url,
    stop: oneshot::Sender<()>,
    task: JoinHandle<io::Result<()>>,
}

async fn start(latency: Duration) -> Running {
    follow(Script { latency, ..Script::default() }).await
}

async fn follow(script: Script) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(serve(listener, script, async { drop(stopped.await) }));
    Running { url, stop, task }
}

fn client(server: &Running, model: Option<&str>) -> Vllm {
    let model = model.map(str::to_owned);
    Vllm::new(VllmSettings { url: server.url.clone(), model, api_key: None, through_proxy: false }).unwrap()
}

fn ask(system: &'static str, user: &str) -> Ask {
    let preamble = Preamble::kept([(Role::System, system)]);
    Ask {
        flow: None,
        prompts: vec![Prompt { preamble, text: user.into() }],
        temperature: 0.7,
        max_tokens: 512,
        min_tokens: 128,
        schema: None,
    }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

#[tokio::test]
async fn the_workers_own_client_gets_all_three_kinds_of_reply() {
    let server = start(Duration::ZERO).await;
    let vllm = Arc::new(client(&server, None));
    let model = Failover::new(vllm, None, Patience::default(), Arc::new(()));
    let said = async |ask: Ask| model.ask(&ask, &Place::only(), soon(), None).await.unwrap();

    let feedback = said(ask("면접관", "<질문>\nACID란?\n</질문>")).await;
    assert!(feedback.text.contains("'ACID란'") && !feedback.truncated);

    for may_end in [true, false] {
        let schema = question_schema(may_end);
        let valid = jsonschema::validator_for(&schema.schema).unwrap();
        let question = said(Ask { schema: Some(schema), ..ask("이력서 컨설턴트", "") }).await;
        assert!(valid.is_valid(&serde_json::from_str(&question.text).unwrap()), "{}", question.text);
    }

    let resume = said(ask("이력서 전문가", "<답변>\nKafka를 썼습니다.\n</답변>")).await;
    assert!(resume.text.starts_with("# 소개") && resume.text.contains("Kafka를 썼습니다."));
    assert_eq!(said(ask("이력서 전문가", "<답변>\nKafka를 썼습니다.\n</답변>")).await, resume);
}

#[tokio::test]
async fn its_count_keeps_a_long_prompt_from_being_sent() {
    let server = start(Duration::ZERO).await;
    let (vllm, limit) = (client(&server, None), soon());
    let fits = ask("면접관", &"가".repeat(3500));
    assert!(vllm.call(&fits, limit, None).await.is_ok());
    let model = Failover::new(Arc::new(vllm), None, Patience::default(), Arc::new(()));
    let too_long = ask("면접관", &"가".repeat(4000));
    assert_eq!(model.ask(&too_long, &Place::only(), limit, None).await, Err(ModelFailure::TooLong));
}

#[tokio::test]
async fn a_reply_that_has_no_room_breaks_off() {
    let server = start(Duration::ZERO).await;
    let ask = Ask { max_tokens: 20, min_tokens: 1, ..ask("면접관", "ACID란?") };
    let completion = client(&server, None).call(&ask, soon(), None).await.unwrap();
    assert!(completion.truncated);
    assert_eq!(completion.usage.unwrap().completion, u64::from(estimate_text(&completion.text)));
    assert!(estimate_text(&completion.text) <= 20 && !completion.text.is_empty());
}

#[tokio::test]
async fn another_model_is_refused_as_vllm_does() {
    let server = start(Duration::ZERO).await;
    let fault = client(&server, Some("aya")).call(&ask("면접관", "ACID란?"), soon(), None).await.unwrap_err();
    assert_eq!((fault.cause, fault.status), (Cause::UnknownModel, Some(404)));
}

#[tokio::test]
async fn what_vllm_refuses_is_refused_with_its_status() {
    let server = start(Duration::ZERO).await;
    let http = reqwest::Client::builder().tls_certs_only([]).build().unwrap();
    let long = json!({"messages": [{"role": "user", "content": "가".repeat(5000)}]}).to_string();
    let greedy = json!({"messages": [], "max_tokens": 5000}).to_string();
    for (path, body, status, param) in [
        ("/v1/chat/completions", "{".to_owned(), 400, json!("body.messages")),
        ("/v1/chat/completions", "{}".to_owned(), 400, json!("body.messages")),
        ("/v1/chat/completions", long, 400, json!("input_tokens")),
        ("/v1/chat/completions", greedy, 400, json!("max_tokens")),
        ("/v1/nowhere", String::new(), 404, Value::Null),
        ("/health", String::new(), 405, Value::Null),
    ] {
        let answer = http.post(server.url.join(path).unwrap()).body(body).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{path}");
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["error"]["param"], param, "{path}");
    }
    let health = http.get(server.url.join("/health").unwrap()).send().await.unwrap();
    assert_eq!(health.status().as_u16(), 200);
}

#[tokio::test]
async fn it_takes_its_time_and_stops_when_told() {
    let server = start(Duration::from_millis(80)).await;
    let started = Instant::now();
    client(&server, None).call(&ask("면접관", "ACID란?"), soon(), None).await.unwrap();
    assert!(started.elapsed() >= Duration::from_millis(80));
    server.stop.send(()).unwrap();
    server.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_reply_is_written_token_by_token_and_is_the_same() {
    let (latency, tokens_per_second) = (Duration::from_millis(40), NonZeroU32::new(500));
    let server = follow(Script { latency, tokens_per_second, misbehaviour: None }).await;
    let (client, ask, sign) = (client(&server, None), ask("면접관", "ACID란?"), LastSign::default());
    let whole = client.call(&ask, soon(), None).await.unwrap();
    let heard = Heard::new(&(), &sign);
    let written = client.call(&ask, soon(), Some(&heard)).await.unwrap();
    assert_eq!(written, whole);
    let times = heard.times();
    assert!(times.tokens > 10 && times.to_first().unwrap() >= latency, "{times:?}");
    let written = latency + Duration::from_millis(2) * (times.tokens - 1);
    assert!(times.last - times.asked >= written, "{times:?}");
    assert_eq!(heard.into_text(), whole.text);
}

#[tokio::test]
async fn what_a_stream_costs_is_told_to_who_asks_for_it() {
    let server = start(Duration::ZERO).await;
    let http = reqwest::Client::builder().tls_certs_only([]).build().unwrap();
    let asked = async |more: &str| {
        let body = format!(r#"{{"messages":[{{"role":"user","content":"ACID란?"}}]{more}}}"#);
        let answer = http.post(server.url.join("/v1/chat/completions").unwrap()).body(body).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (_, plain) = asked(r#","stream":true"#).await;
    assert!(plain.starts_with("data: {") && plain.ends_with("data: [DONE]\n\n") && !plain.contains("usage"));
    let (_, told) = asked(r#","stream":true,"stream_options":{"include_usage":true}"#).await;
    assert!(told.contains(r#""choices":[],"usage":{"prompt_tokens""#), "{told}");
    assert_eq!(asked(r#","stream_options":{"include_usage":true}"#).await.0, 400);
}
