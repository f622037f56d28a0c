use std::sync::LazyLock;

use futures_util::future::join_all;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::*;
use crate::fake_http::{End, FakeServer, Got, Reaction};
use crate::fake_tls::FakeTls;
use crate::flow_control::backoff::Backoff;
use crate::flow_control::place::Place;
use crate::llm::classify::Insecure;
use crate::llm::failover::{Failover, Patience};
use crate::llm::{Model, Preamble, Role};

mod connection;
mod streams;

const UNKNOWN_MODEL: &str =
    r#"{"error":{"message":"The model `/model` does not exist.","type":"NotFoundError","param":"model","code":404}}"#;
const OVERFLOW: &str = r#"{"error":{"message":"This model's maximum context length is 4096 tokens.","type":"BadRequestError","param":"input_tokens","code":400}}"#;
const FOR_EVER: Duration = Duration::from_secs(1000);
const CHAT: &str = "/v1/chat/completions";

/// A vLLM with a 4,096 token context that answers chats by `react` and counts every prompt as `tokens`.
async fn serving(tokens: u32, react: impl Fn(&Got, usize) -> Reaction + Send + Sync + 'static) -> FakeServer {
    FakeServer::new(move |got, before| match got.path.as_str() {
        "/v1/models" => Reaction::Answer(200, models("/model")),
        "/tokenize" => Reaction::Answer(200, format!(r#"{{"count":{tokens},"max_model_len":4096}}"#)),
        _ => react(got, before),
    })
    .await
}

/// vLLM's list with one model.
pub fn models(id: &str) -> String {
    format!(r#"{{"object":"list","data":[{{"id":"{id}","object":"model","owned_by":"vllm","max_model_len":4096}}]}}"#)
}

/// A whole completion.
pub fn said(text: &str) -> Reaction {
    let body = serde_json::json!({
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    });
    Reaction::Answer(200, body.to_string())
}

fn settings(server: &FakeServer) -> VllmSettings {
    VllmSettings { url: server.url.clone(), model: None, api_key: None, through_proxy: false }
}

fn client(server: &FakeServer) -> Vllm {
    Vllm::new(settings(server)).unwrap()
}

fn named(server: &FakeServer, model: &str) -> Vllm {
    Vllm::new(VllmSettings { model: Some(model.to_owned()), ..settings(server) }).unwrap()
}

/// A rich prompt with an example, and a lean one without.
fn ask(question: &str) -> Ask {
    static RICH: LazyLock<Preamble> =
        LazyLock::new(|| Preamble::new([(Role::System, "면접관"), (Role::User, &"예시 ".repeat(200))]));
    static LEAN: LazyLock<Preamble> = LazyLock::new(|| Preamble::new([(Role::System, "면접관")]));
    let prompt = |preamble| Prompt { preamble, text: question.into() };
    Ask {
        flow: None,
        prompts: vec![prompt(&RICH), prompt(&LEAN)],
        temperature: 0.7,
        max_tokens: 512,
        min_tokens: 128,
        schema: None,
    }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

async fn call(vllm: &Vllm) -> Result<String, Cause> {
    called(vllm, &ask("TCP란?"), soon()).await
}

async fn called(vllm: &Vllm, ask: &Ask, limit: Instant) -> Result<String, Cause> {
    vllm.call(ask, limit, None).await.map(|completion| completion.text).map_err(|fault| fault.cause)
}

#[tokio::test]
async fn the_listed_model_is_asked_and_looked_up_once() {
    let server = serving(100, |_, _| said("좋습니다.")).await;
    let vllm = client(&server);
    for _ in 0..3 {
        assert_eq!(call(&vllm).await, Ok("좋습니다.".to_owned()));
    }
    assert_eq!(server.got("/v1/models").len(), 1);
    let chats = server.got(CHAT);
    assert_eq!(chats.len(), 3);
    assert_eq!(chats[0].method, "POST");
    assert_eq!(chats[0].body["model"], "/model");
    assert_eq!(chats[0].body["max_tokens"], 512);
    assert_eq!(chats[0].body["messages"].as_array().unwrap().len(), 3);
    assert!(server.got("/tokenize").is_empty(), "the bound settles it");
}

#[tokio::test]
async fn many_calls_at_once_look_the_model_up_once() {
    let server = serving(100, |_, _| said("네.")).await;
    let vllm = client(&server);
    let replies = join_all((0..20).map(|_| call(&vllm))).await;
    assert!(replies.iter().all(|reply| reply.as_deref() == Ok("네.")));
    assert_eq!(server.got("/v1/models").len(), 1);
}

#[tokio::test]
async fn who_waited_for_a_lookup_shares_its_failure_and_the_next_call_looks_again() {
    let server = FakeServer::new(
        |_, before| if before == 0 { Reaction::Close } else { Reaction::Answer(200, models("/model")) },
    )
    .await;
    let vllm = client(&server);
    let replies = join_all((0..20).map(|_| vllm.served(soon()))).await;
    assert!(replies.iter().all(|reply| reply.as_ref().is_err_and(|fault| fault.cause == Cause::Dropped)));
    assert_eq!(server.got("/v1/models").len(), 1);
    assert_eq!(vllm.served(soon()).await.unwrap().id, "/model");
}

#[tokio::test]
async fn the_address_may_end_in_its_version_and_slashes() {
    let server = serving(100, |_, _| said("네.")).await;
    for path in ["", "/", "/v1", "/v1/"] {
        let url = server.url.join(path).unwrap();
        let vllm = Vllm::new(VllmSettings { url, ..settings(&server) }).unwrap();
        assert_eq!(call(&vllm).await, Ok("네.".to_owned()), "{path}");
    }
    assert_eq!(server.got(CHAT).len(), 4);
}

#[tokio::test]
async fn a_key_is_sent_as_bearer_and_no_key_sends_no_header() {
    let server = serving(100, |_, _| said("네.")).await;
    for (key, header) in [(None, None), (Some(""), None), (Some("sk-1"), Some("Bearer sk-1"))] {
        let vllm = Vllm::new(VllmSettings { api_key: key.map(str::to_owned), ..settings(&server) }).unwrap();
        call(&vllm).await.unwrap();
        let last = server.got(CHAT).pop().unwrap();
        let sent = last.headers.iter().find(|(name, _)| name == "authorization").map(|(_, value)| value.as_str());
        assert_eq!(sent, header);
    }
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_without_telling_the_key() {
    let server = serving(100, |_, _| said("네.")).await;
    let key = VllmSettings { api_key: Some("비밀\n".to_owned()), ..settings(&server) };
    let error = Vllm::new(key).unwrap_err();
    assert!(matches!(error, SetupError::Key) && !error.to_string().contains("비밀"));
    let url = Url::parse("ftp://gpu/v1").unwrap();
    assert!(matches!(Vllm::new(VllmSettings { url, ..settings(&server) }), Err(SetupError::Address)));
}

#[tokio::test]
async fn a_dead_server_is_told_and_found_when_it_is_back() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = Url::parse(&format!("http://{address}")).unwrap();
    let vllm = Vllm::new(VllmSettings { url, model: None, api_key: None, through_proxy: false }).unwrap();
    assert_eq!(call(&vllm).await, Err(Cause::Unreachable));
    assert_eq!(vllm.check(soon()).await.unwrap_err().cause, Cause::Unreachable);

    let _server = FakeServer::on(TcpListener::bind(address).await.unwrap(), |got, _| match got.path.as_str() {
        "/v1/models" => Reaction::Answer(200, models("/model")),
        _ => said("돌아왔습니다."),
    });
    assert_eq!(vllm.check(soon()).await, Ok(()));
    assert_eq!(call(&vllm).await, Ok("돌아왔습니다.".to_owned()));
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_costs_one_repeat_and_no_failure() {
    // Every other request meets a connection that the server has just closed.
    let server = serving(100, |_, before| if before % 2 == 1 { Reaction::Close } else { said("네.") }).await;
    let model = Failover::new(
        Arc::new(client(&server)),
        None,
        Patience { backoff: Backoff { base: FOR_EVER, cap: FOR_EVER }, ..Patience::default() },
        Arc::new(()),
    );
    for _ in 0..4 {
        let limit = Instant::now() + Duration::from_secs(5);
        assert_eq!(model.ask(&ask("TCP란?"), &Place::only(), limit, None).await.unwrap().text, "네.");
    }
    assert_eq!(server.got(CHAT).len(), 7);
}

#[tokio::test]
async fn a_model_that_was_replaced_is_looked_up_anew_and_asked_at_once() {
    let server = FakeServer::new(|got, before| match (got.path.as_str(), before) {
        ("/v1/models", 0) => Reaction::Answer(200, models("/old")),
        ("/v1/models", _) => Reaction::Answer(200, models("/new")),
        _ if got.body["model"] == "/old" => Reaction::Answer(404, UNKNOWN_MODEL.to_owned()),
        _ => said("새 모델입니다."),
    })
    .await;
    assert_eq!(call(&client(&server)).await, Ok("새 모델입니다.".to_owned()));
    assert_eq!(server.got(CHAT).len(), 2);
}

#[tokio::test]
async fn a_model_that_is_listed_and_yet_unknown_is_not_asked_in_a_loop() {
    let server = serving(100, |_, _| Reaction::Answer(404, UNKNOWN_MODEL.to_owned())).await;
    let vllm = client(&server);
    assert_eq!(call(&vllm).await, Err(Cause::UnknownModel));
    assert_eq!(server.got(CHAT).len(), 1);
    assert_eq!(call(&vllm).await, Err(Cause::UnknownModel));
    assert_eq!(server.got("/v1/models").len(), 4, "each try looks again");
}

#[tokio::test]
async fn a_named_model_is_asked_even_of_a_server_without_a_list() {
    let server = FakeServer::new(|got, _| match got.path.as_str() {
        CHAT => said("네."),
        _ => Reaction::Answer(404, r#"{"detail":"Not Found"}"#.to_owned()),
    })
    .await;
    assert_eq!(call(&named(&server, "aya")).await, Ok("네.".to_owned()));
    assert_eq!(server.got(CHAT)[0].body["model"], "aya");
    assert_eq!(call(&client(&server)).await, Err(Cause::NotAnApi));
}

#[tokio::test]
async fn a_named_model_is_asked_though_the_list_may_not_be_seen_or_has_another_form() {
    let denied = r#"{"error":{"message":"Missing scopes: api.model.read.","type":"invalid_request_error"}}"#;
    let not_for_this_key = r#"{"error":{"message":"key not allowed to access this route","type":"auth_error"}}"#;
    for (status, list) in [(401, denied), (403, not_for_this_key), (200, r#"{"models":[{"name":"aya"}]}"#)] {
        let server = FakeServer::new(move |got, _| match got.path.as_str() {
            "/v1/models" => Reaction::Answer(status, list.to_owned()),
            CHAT => said("네."),
            _ => Reaction::Answer(404, String::new()),
        })
        .await;
        let vllm = named(&server, "aya");
        assert_eq!(call(&vllm).await, Ok("네.".to_owned()), "{list}");
        assert_eq!(server.got(CHAT)[0].body["model"], "aya");
        assert_eq!(vllm.check(soon()).await, Ok(()), "{list}");
    }
}

#[tokio::test]
async fn a_model_that_is_not_listed_is_told_and_asked_all_the_same() {
    let alias = serving(100, |_, _| said("네.")).await;
    let vllm = named(&alias, "alias");
    let told = vllm.check(soon()).await.unwrap_err();
    assert_eq!(told.to_string(), "the server does not list the model `alias`; it lists `/model`");
    assert_eq!(call(&vllm).await, Ok("네.".to_owned()));
    assert_eq!(vllm.check(soon()).await, Ok(()));

    let wrong = serving(100, |_, _| Reaction::Answer(404, UNKNOWN_MODEL.to_owned())).await;
    let vllm = named(&wrong, "wrong");
    assert_eq!(call(&vllm).await, Err(Cause::UnknownModel));
    let told = vllm.check(soon()).await.unwrap_err();
    assert_eq!(told.to_string(), "the server does not serve the model `wrong`; it lists `/model`");
}

#[tokio::test]
async fn a_server_without_models_or_with_something_else_is_misconfigured() {
    for (body, cause) in [(r#"{"data":[]}"#, Cause::UnknownModel), ("<html>", Cause::NotAnApi)] {
        let server = FakeServer::new(move |_, _| Reaction::Answer(200, body.to_owned())).await;
        assert_eq!(call(&client(&server)).await, Err(cause));
    }
    let server = FakeServer::new(|_, _| Reaction::Answer(401, r#"{"error":"Unauthorized"}"#.to_owned())).await;
    assert_eq!(call(&client(&server)).await, Err(Cause::Denied));
}

#[tokio::test]
async fn a_long_answer_counts_the_frame_once_and_then_only_what_its_bytes_leave_open() {
    let server = serving(900, |_, _| said("네.")).await;
    let vllm = client(&server);
    // Too long for the byte bound of the whole, not for a frame of 900 tokens.
    let ask = ask(&"가".repeat(850));
    for _ in 0..3 {
        assert_eq!(called(&vllm, &ask, soon()).await, Ok("네.".to_owned()));
    }
    let counted = server.got("/tokenize");
    assert_eq!(counted.len(), 1);
    assert_eq!(counted[0].body["messages"][2]["content"], ".");
    assert!(server.got(CHAT).iter().all(|chat| chat.body["messages"].as_array().unwrap().len() == 3));
}

#[tokio::test]
async fn examples_are_dropped_when_the_servers_count_leaves_no_room_for_them() {
    let server = FakeServer::new(|got, _| match got.path.as_str() {
        "/v1/models" => Reaction::Answer(200, models("/model")),
        "/tokenize" => {
            let tokens = if got.body["messages"].as_array().unwrap().len() == 3 { 3585 } else { 3584 };
            Reaction::Answer(200, format!(r#"{{"count":{tokens}}}"#))
        }
        _ => said("네."),
    })
    .await;
    assert_eq!(called(&client(&server), &ask(&"가".repeat(2000)), soon()).await, Ok("네.".to_owned()));
    let chat = &server.got(CHAT)[0].body;
    assert_eq!(chat["messages"].as_array().unwrap().len(), 2);
    assert_eq!(chat["max_tokens"], 512);
}

#[tokio::test]
async fn what_cannot_fit_is_not_sent_at_all() {
    let server = serving(4000, |_, _| said("네.")).await;
    assert_eq!(called(&client(&server), &ask(&"가".repeat(4000)), soon()).await, Err(Cause::Overflow));
    assert!(server.got(CHAT).is_empty());
}

#[tokio::test]
async fn a_server_that_cannot_count_is_asked_once_and_estimated_after_that() {
    for (status, body) in [(404, r#"{"detail":"Not Found"}"#), (405, ""), (500, "boom"), (200, "{}")] {
        let server = FakeServer::new(move |got, _| match got.path.as_str() {
            "/v1/models" => Reaction::Answer(200, models("/model")),
            "/tokenize" => Reaction::Answer(status, body.to_owned()),
            _ => said("네."),
        })
        .await;
        let vllm = client(&server);
        for _ in 0..3 {
            // 1,500 Hangul syllables: 4,500 bytes are too many, 1,500 tokens are not.
            assert_eq!(called(&vllm, &ask(&"가".repeat(1500)), soon()).await, Ok("네.".to_owned()));
        }
        assert_eq!(server.got("/tokenize").len(), 1, "{status}");
        assert_eq!(server.got(CHAT)[0].body["messages"].as_array().unwrap().len(), 3);
    }
}

#[tokio::test]
async fn a_counter_that_hangs_costs_two_seconds_once() {
    let server = FakeServer::new(|got, _| match got.path.as_str() {
        "/v1/models" => Reaction::Answer(200, models("/model")),
        "/tokenize" => Reaction::Stall(Vec::new()),
        _ => said("네."),
    })
    .await;
    let (vllm, started) = (client(&server), Instant::now());
    for _ in 0..3 {
        assert_eq!(called(&vllm, &ask(&"가".repeat(1500)), soon()).await, Ok("네.".to_owned()));
    }
    assert!((2.0..4.0).contains(&started.elapsed().as_secs_f64()), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_server_that_finds_it_too_long_is_asked_ever_more_briefly() {
    let server = serving(100, |_, before| match before {
        0..=2 => Reaction::Answer(400, OVERFLOW.to_owned()),
        _ => said("짧게 답합니다."),
    })
    .await;
    let vllm = client(&server);
    // The rich prompt, the lean one, the lean one with the least reply: three refusals are the end of it.
    assert_eq!(call(&vllm).await, Err(Cause::Overflow));
    let sent: Vec<(usize, u64)> = server
        .got(CHAT)
        .iter()
        .map(|chat| (chat.body["messages"].as_array().unwrap().len(), chat.body["max_tokens"].as_u64().unwrap()))
        .collect();
    assert_eq!(sent, [(3, 512), (2, 512), (2, 128)]);
    assert_eq!(call(&vllm).await, Ok("짧게 답합니다.".to_owned()));
}

#[tokio::test]
async fn what_is_huge_in_bytes_is_too_long_before_anything_is_asked() {
    let server = serving(100, |_, _| said("네.")).await;
    let huge = ask(&"가".repeat(4096 * 32 / 3));
    assert_eq!(called(&client(&server), &huge, soon()).await, Err(Cause::Overflow));
    assert!(server.got(CHAT).is_empty() && server.got("/tokenize").is_empty());
}

#[tokio::test]
async fn a_count_that_is_slow_because_its_prompt_is_long_makes_no_other_be_estimated() {
    let server = FakeServer::new(|got, before| match (got.path.as_str(), before) {
        ("/v1/models", _) => Reaction::Answer(200, models("/model")),
        // The frame, the long prompt, and the one after it.
        ("/tokenize", 1) => Reaction::Stall(Vec::new()),
        ("/tokenize", _) => Reaction::Answer(200, r#"{"count":900}"#.to_owned()),
        _ => said("네."),
    })
    .await;
    let vllm = client(&server);
    assert_eq!(called(&vllm, &ask(&"가".repeat(9_000)), soon()).await, Ok("네.".to_owned()), "the lean one");
    assert_eq!(called(&vllm, &ask(&"가".repeat(1_500)), soon()).await, Ok("네.".to_owned()));
    let counted = server.got("/tokenize");
    assert!(counted.last().unwrap().body["messages"][2]["content"].as_str().is_some_and(|text| text.len() == 4_500));
}

#[tokio::test]
async fn what_a_server_refuses_is_left_out_from_then_on() {
    let server = serving(100, |got, _| match got.body.get("temperature") {
        Some(_) => Reaction::Answer(400, r#"{"error":{"message":"Unsupported","param":"temperature"}}"#.to_owned()),
        None => said("네."),
    })
    .await;
    let vllm = client(&server);
    for _ in 0..3 {
        assert_eq!(call(&vllm).await, Ok("네.".to_owned()));
    }
    let had: Vec<bool> = server.got(CHAT).iter().map(|chat| chat.body.get("temperature").is_some()).collect();
    assert_eq!(had, [true, false, false, false]);
}

#[tokio::test]
async fn retry_after_comes_with_the_fault() {
    let server = serving(100, |_, _| Reaction::With(429, "retry-after", "7", "{}".to_owned())).await;
    let fault = client(&server).call(&ask("TCP란?"), soon(), None).await.unwrap_err();
    assert_eq!(fault, Fault { cause: Cause::Busy, status: Some(429), retry_after: Some(Duration::from_secs(7)) });
}

#[tokio::test]
async fn a_dropped_call_closes_its_connection_so_that_the_server_can_stop() {
    let server = serving(100, |_, _| Reaction::Stall(Vec::new())).await;
    let vllm = client(&server);
    let limit = Duration::from_millis(200);
    assert!(tokio::time::timeout(limit, call(&vllm)).await.is_err());
    server.until_hung_up().await;
}
