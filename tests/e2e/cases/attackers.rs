//! Clients that would take all of the gateway, or of the worker's own server, on loopback and within bounds; and what honest
//! ones notice of them. An attacker is another client by what the proxy on this machine, which is believed, says of it.

use std::sync::Arc;

use futures_util::future::join_all;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::kit::gateway_process::{Event, Events, FEEDBACK_PATH, GatewayProcess, reply};
use crate::kit::model::Answer;
use crate::kit::test_env::TestEnv;
use crate::kit::wait::{PATIENCE, eventually};

crate::case::cases![
    slow_and_idle_connections_keep_nobody_out_and_are_cut_off,
    bodies_that_do_not_come_take_one_clients_share_and_no_more,
    one_client_that_takes_all_it_can_leaves_the_others_theirs,
    a_member_with_too_many_streams_keeps_the_newest_and_loses_nothing,
    feedback_for_nobody_is_one_at_a_time,
    a_server_that_asks_for_many_has_no_share,
    the_gateway_tells_what_is_taken_and_refused,
];

const SUBSCRIBE: &str = "/api/v1/sse/subscribe";
/// Addresses that nobody has, for whom a proxy asks.
const ATTACKER: &str = "198.51.100.66";
const OTHER: &str = "203.0.113.7";
/// How many callers and streams one client may have.
const CALLERS: usize = 16;
const STREAMS: usize = 32;

fn feedback(member: i64) -> Value {
    json!({"memberId": member, "question": "캐시란?", "answer": "가까이 두고 쓰는 사본입니다."})
}

/// Connects and says so much, and nothing more.
async fn say(address: &str, words: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("it accepts");
    stream.write_all(words.as_bytes()).await.expect("it is heard");
    stream
}

/// What comes until the connection ends.
async fn rest(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset is an end, too.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("it ends");
    String::from_utf8_lossy(&answer).into_owned()
}

/// A request for a client that is not on this machine.
fn of(client: &str, request: RequestBuilder) -> RequestBuilder {
    request.header("x-forwarded-for", client)
}

async fn stream(gateway: &GatewayProcess, client: &str, member: i64) -> Result<reqwest::Response, u16> {
    let request = gateway.ask(Method::GET, &format!("{SUBSCRIBE}?memberId={member}"));
    let response = of(client, request).send().await.expect("the gateway answers");
    if response.status() == 200 { Ok(response) } else { Err(response.status().as_u16()) }
}

async fn is_alive(address: &str) -> bool {
    let request = format!("GET /livez HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    rest(say(address, &request).await).await.ends_with("ok")
}

/// A metric of the gateway.
async fn metric(gateway: &GatewayProcess, name: &str) -> Option<u64> {
    let text = gateway.ask(Method::GET, "/metrics").send().await.ok()?.text().await.ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

async fn slow_and_idle_connections_keep_nobody_out_and_are_cut_off(env: Arc<TestEnv>) {
    let (worker, gateway) = (env.worker().await, env.gateway().await);
    let mut attackers = Vec::new();
    for address in [&gateway.address, &worker.address] {
        for words in ["", "GET /livez HTTP/1.1\r\nHost: localhost\r\nX-A: "] {
            // More than the worker has places, together.
            for _ in 0..200 {
                attackers.push(say(address, words).await);
            }
        }
        assert!(is_alive(address).await);
    }
    assert_eq!(gateway.call(FEEDBACK_PATH, &feedback(env.member())).await.0, 200);
    let answers = join_all(attackers.into_iter().map(rest)).await;
    assert!(answers.iter().all(String::is_empty), "nobody of them asked for anything");
    let slow = metric(&gateway, "ssammu_http_connections_cut_total{reason=\"slow_head\"}").await;
    assert_eq!(slow, Some(400));
    let (_, metrics) = worker.get("/metrics").await.expect("the worker answers");
    assert!(metrics.contains("ssammu_http_connections_cut_total{reason=\"gave_way\"}"), "{metrics}");
}

async fn bodies_that_do_not_come_take_one_clients_share_and_no_more(env: Arc<TestEnv>) {
    let (_worker, gateway) = (env.worker().await, env.gateway().await);
    let head = format!(
        "POST {FEEDBACK_PATH} HTTP/1.1\r\nHost: {}\r\nX-Forwarded-For: {ATTACKER}\r\nContent-Type: application/json\r\n\
         Content-Length: 1000\r\n\r\n{{",
        gateway.address
    );
    let attackers = join_all((0..CALLERS).map(|_| say(&gateway.address, &head))).await;
    let ask = |client: &'static str| of(client, gateway.post(FEEDBACK_PATH, &feedback(env.member())));
    eventually("its share is taken", || async { (reply(ask(ATTACKER)).await.0 == 503).then_some(()) }).await;
    assert_eq!(reply(ask(OTHER)).await.0, 200);
    for answer in join_all(attackers.into_iter().map(rest)).await {
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    }
    assert_eq!(reply(ask(ATTACKER)).await.0, 200, "its places came back");
}

async fn one_client_that_takes_all_it_can_leaves_the_others_theirs(env: Arc<TestEnv>) {
    let settings = env.settings().with("GATEWAY_STREAMS", STREAMS + 1);
    let (_worker, gateway, member) = (env.worker().await, env.gateway_with(&settings).await, env.member());
    let mut taken = Vec::new();
    // Whatever it calls itself on the way to the proxy.
    for number in 0..STREAMS {
        let named = format!("10.0.0.{number}, {ATTACKER}");
        taken.push(stream(&gateway, &named, env.member()).await.expect("its share"));
    }
    assert_eq!(stream(&gateway, ATTACKER, env.member()).await.err(), Some(503));
    let mut events = Events::of(stream(&gateway, OTHER, member).await.expect("a place for another")).await;
    assert_eq!(reply(of(OTHER, gateway.post(FEEDBACK_PATH, &feedback(member)))).await.0, 200);
    events.expect("problem-feedback").await;
    drop(taken);
    eventually("its places come back", || async { stream(&gateway, ATTACKER, member).await.ok() }).await;
}

async fn a_member_with_too_many_streams_keeps_the_newest_and_loses_nothing(env: Arc<TestEnv>) {
    let (_worker, gateway, member) = (env.worker().await, env.gateway().await, env.member());
    let query = format!("memberId={member}");
    let mut oldest = gateway.events(&query, "").await;
    assert_eq!(gateway.call(FEEDBACK_PATH, &feedback(member)).await.0, 200);
    let Event { id, .. } = oldest.expect("problem-feedback").await;
    let mut others = Vec::new();
    for _ in 0..8 {
        others.push(gateway.events(&query, "").await);
    }
    assert_eq!(oldest.maybe_next().await, None, "it ended for the ninth");
    assert_eq!(gateway.call(FEEDBACK_PATH, &feedback(member)).await.0, 200);
    for stream in &mut others {
        stream.expect("problem-feedback").await;
    }
    gateway.events(&query, &id).await.expect("problem-feedback").await;
}

async fn feedback_for_nobody_is_one_at_a_time(env: Arc<TestEnv>) {
    let (_worker, gateway) = (env.worker().await, env.gateway().await);
    let unnamed = json!({"question": "캐시란?", "answer": "가까이 두고 쓰는 사본입니다."});
    let ask = |client: &'static str| of(client, gateway.post(FEEDBACK_PATH, &unnamed));
    env.model.next([Answer::stall()]);
    // Its caller does not wait; its work counts all the same.
    assert_eq!(reply(ask(ATTACKER).header("prefer", "respond-async")).await.0, 202);
    env.model.wait_for("the call", |load| load.at_work == 1).await;
    let (status, refused) = reply(ask(ATTACKER)).await;
    assert_eq!((status, &refused["code"]), (503, &json!("OVERLOADED")));
    assert_eq!(reply(ask(OTHER)).await.0, 200);
    let replies = join_all((0..20).map(|_| reply(gateway.post(FEEDBACK_PATH, &unnamed)))).await;
    assert!(replies.iter().all(|(status, _)| *status == 200), "a server asks for as many as it has");
    assert_eq!(metric(&gateway, "ssammu_gateway_history_members").await, Some(0));
}

async fn a_server_that_asks_for_many_has_no_share(env: Arc<TestEnv>) {
    let settings = env.settings().with("GATEWAY_TRUSTED_PROXIES", "203.0.113.0/24, 2001:db8::/32");
    let (_worker, gateway) = (env.worker().await, env.gateway_with(&settings).await);
    let mut streams = Vec::new();
    for _ in 0..=STREAMS {
        streams.push(stream(&gateway, OTHER, env.member()).await.expect("a server's"));
        streams.push(stream(&gateway, "127.0.0.1", env.member()).await.expect("this machine's"));
    }
}

async fn the_gateway_tells_what_is_taken_and_refused(env: Arc<TestEnv>) {
    let settings = env.settings().with("GATEWAY_CLIENT_STREAMS", 1);
    let (_worker, gateway, member) = (env.worker().await, env.gateway_with(&settings).await, env.member());
    assert_eq!(gateway.call(FEEDBACK_PATH, &feedback(member)).await.0, 200);
    let _open = stream(&gateway, ATTACKER, member).await.expect("its share");
    assert_eq!(stream(&gateway, ATTACKER, member).await.err(), Some(503));
    let mut back = gateway.events(&format!("memberId={member}&lastEventId=0"), "").await;
    back.expect("problem-feedback").await;
    for (name, expected) in [
        ("ssammu_gateway_streams", 2),
        ("ssammu_gateway_callers", 0),
        ("ssammu_gateway_refused_total{reason=\"client_streams\"}", 1),
        ("ssammu_gateway_replayed_records_total", 4),
        ("ssammu_gateway_lag_cuts_total", 0),
        ("ssammu_gateway_history_members", 1),
    ] {
        assert_eq!(metric(&gateway, name).await, Some(expected), "{name}");
    }
    assert!(metric(&gateway, "ssammu_gateway_history_bytes").await.is_some_and(|bytes| bytes > 0));
    assert!(metric(&gateway, "ssammu_http_connections").await.is_some_and(|open| open >= 3));
}
