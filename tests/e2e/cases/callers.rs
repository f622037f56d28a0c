//! Callers of the old HTTP API: they know no question ids, give up after a while, and are one address for all members.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::gateway_process::{FEEDBACK_PATH, GatewayProcess, INIT_PATH, SOON, UPDATE_PATH, reply};
use crate::kit::model::Answer;
use crate::kit::outcome_reader::OutcomeReader;
use crate::kit::redis::Redis;
use crate::kit::services::ports::free_port;
use crate::kit::test_env::TestEnv;
use crate::kit::upstream::Upstream;
use crate::kit::wait::eventually;

crate::case::cases![
    the_product_backends_feedback_comes_in_its_envelope,
    an_answer_that_expired_in_an_outage_is_not_taken_later,
    an_answer_whose_caller_had_gone_shows_its_question_to_the_next,
    a_caller_that_a_proxy_cut_off_finds_the_interview_where_it_is,
    after_a_restart_an_unseen_question_is_still_unseen,
    two_clicks_on_one_answer_both_show_the_next_question,
    a_resume_that_nobody_waited_for_is_shown_to_the_next_click,
    an_init_that_nobody_waited_for_is_shown_before_it_is_answered,
    three_hundred_feedbacks_of_one_backend_are_all_answered,
    who_finds_no_place_is_told_when_to_come_again,
    what_is_not_served_here_is_passed_on,
    a_server_behind_that_is_away_is_told,
];

/// How long an impatient caller waits, which is enough for whatever does not think; and how long a slow model thinks.
const IMPATIENCE: &str = "5s";
const THINKING: Duration = Duration::from_secs(9);

const FIRST: &str = "첫째 답";
const AGAIN: &str = "첫째 답, 다시";

fn feedback(member: i64) -> Value {
    json!({"memberId": member, "question": "캐시란?", "answer": "가까이 두고 쓰는 사본입니다."})
}

fn init(member: i64) -> Value {
    json!({"memberId": member, "inputs": {"email": "hong@example.kr"}})
}

/// An answer as the product's backend sends it.
fn update(member: i64, answer: &str) -> Value {
    json!({"memberId": member, "inputs": {"answer": answer}})
}

/// A gateway whose callers do not wait long.
async fn impatient(env: &TestEnv) -> GatewayProcess {
    env.gateway_with(&env.settings().with("GATEWAY_TIMEOUT", IMPATIENCE)).await
}

/// The questions of the member's open interview with their answers.
async fn interview(env: &TestEnv, member: i64) -> Vec<(String, Option<String>)> {
    let session = Redis::connect(&env.services).await.session(member).await.expect("an interview is open");
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let exchanges = session["exchanges"].as_array().unwrap().iter();
    exchanges.map(|exchange| (text(&exchange["question"]).unwrap(), text(&exchange["answer"]))).collect()
}

/// The question in a reply to the member's answer.
fn question(member: i64, (status, body): (u16, Value)) -> String {
    let question = body["question"].as_str().unwrap_or_default().to_owned();
    assert_eq!((status, body), (200, json!({"memberId": member, "isComplete": false, "question": question})));
    question
}

/// Begins an interview: its first question.
async fn begin(gateway: &GatewayProcess, outcomes: &OutcomeReader, member: i64) -> String {
    let (status, first) = gateway.call(INIT_PATH, &init(member)).await;
    let question = first["question"].as_str().unwrap_or_default().to_owned();
    assert_eq!((status, first), (200, json!({"memberId": member, "question": question})));
    outcomes.expect(member, "ResumeQuestionGenerated").await;
    question
}

async fn the_product_backends_feedback_comes_in_its_envelope(env: Arc<TestEnv>) {
    let (_worker, gateway, member) = (env.worker().await, env.gateway().await, env.member());
    let (status, body) = gateway.call("/feedback/create", &feedback(member)).await;
    let (message, text) = (body["message"].as_str().unwrap(), body["data"]["feedback"].as_str().unwrap());
    assert!(!message.is_empty() && !text.is_empty());
    let data = json!({"memberId": member, "feedback": text});
    assert_eq!((status, &body), (200, &json!({"httpStatusCode": 200, "message": message, "data": data})));
    assert_eq!(reply(gateway.ask(Method::GET, "/health-check")).await, (200, json!({"status": "ok"})));
    assert_eq!(reply(gateway.ask(Method::GET, "/feedback/create")).await.0, 405);
}

/// The reproduction of a real outage: the model is away, the answer's caller gives up, the model comes back, and the
/// member answers again what is still on the screen.
async fn an_answer_that_expired_in_an_outage_is_not_taken_later(env: Arc<TestEnv>) {
    let (worker, outcomes) = (env.worker().await, env.outcomes().await);
    let (gateway, member) = (impatient(&env).await, env.member());
    let first = begin(&gateway, &outcomes, member).await;
    env.model.always(Answer::busy());
    // One is at the model when the outage begins, and one is let in to find out whether it is over: the others wait.
    for _ in 0..2 {
        env.requests.ask(&env.topics.feedback_requested, &feedback(env.member())).send().await;
        worker.wait_for_log("the model server is unavailable").await;
    }
    eventually("both have come", || async {
        let (_, metrics) = worker.get("/metrics").await?;
        let received = format!("ssammu_records_received_total{{topic=\"{}\"}} 2", env.topics.feedback_requested);
        metrics.contains(&received).then_some(())
    })
    .await;
    let (status, _) = gateway.call(UPDATE_PATH, &update(member, FIRST)).await;
    assert_eq!(status, 504);
    outcomes.expect_failure(member, "DEADLINE_EXCEEDED").await;
    env.model.well();
    worker.wait_for_log("the model server is back").await;

    let second = question(member, gateway.call(UPDATE_PATH, &update(member, AGAIN)).await);
    assert_eq!(interview(&env, member).await, [(first, Some(AGAIN.to_owned())), (second, None)]);
}

async fn an_answer_whose_caller_had_gone_shows_its_question_to_the_next(env: Arc<TestEnv>) {
    let (_worker, outcomes) = (env.worker().await, env.outcomes().await);
    let (gateway, member) = (impatient(&env).await, env.member());
    let first = begin(&gateway, &outcomes, member).await;
    let second = unheard(&env, &gateway, &outcomes, member).await;
    let shown = question(member, gateway.call(UPDATE_PATH, &update(member, AGAIN)).await);
    assert_eq!(shown, second);
    let so_far = [(first, Some(FIRST.to_owned())), (second, None)];
    assert_eq!(interview(&env, member).await, so_far, "nothing lands under a question that nobody saw");
    // From here it goes on.
    let third = question(member, gateway.call(UPDATE_PATH, &update(member, "둘째 답")).await);
    assert_eq!(interview(&env, member).await.pop(), Some((third, None)));
}

/// Answers the first question while the model takes longer than the caller waits: the second question.
async fn unheard(env: &TestEnv, gateway: &GatewayProcess, outcomes: &OutcomeReader, member: i64) -> String {
    env.model.next([Answer::question("배포는 어떻게 하셨나요?").after(THINKING)]);
    let (status, body) = gateway.call(UPDATE_PATH, &update(member, FIRST)).await;
    assert_eq!((status, &body["code"]), (504, &json!("TIMEOUT")));
    let late = outcomes.expect(member, "ResumeQuestionGenerated").await.json();
    late["question"].as_str().unwrap().to_owned()
}

async fn a_caller_that_a_proxy_cut_off_finds_the_interview_where_it_is(env: Arc<TestEnv>) {
    let (_worker, outcomes) = (env.worker().await, env.outcomes().await);
    let (gateway, member) = (env.gateway().await, env.member());
    begin(&gateway, &outcomes, member).await;
    env.model.next([Answer::question("장애는 어떻게 알아챘나요?").after(Duration::from_secs(3))]);
    let cut = gateway.post(UPDATE_PATH, &update(member, FIRST)).timeout(Duration::from_secs(1)).send().await;
    assert!(cut.is_err_and(|error| error.is_timeout()));
    outcomes.expect(member, "ResumeQuestionGenerated").await;
    let shown = question(member, gateway.call(UPDATE_PATH, &update(member, AGAIN)).await);
    assert_eq!(shown, "장애는 어떻게 알아챘나요?");
    assert_eq!(interview(&env, member).await[0].1.as_deref(), Some(FIRST));
}

async fn after_a_restart_an_unseen_question_is_still_unseen(env: Arc<TestEnv>) {
    let (_worker, outcomes) = (env.worker().await, env.outcomes().await);
    let settings = env.settings().with("GATEWAY_TIMEOUT", IMPATIENCE);
    let settings = settings.with("GATEWAY_ADDR", format!("127.0.0.1:{}", free_port()));
    let (gateway, member) = (env.gateway_with(&settings).await, env.member());
    begin(&gateway, &outcomes, member).await;
    let second = unheard(&env, &gateway, &outcomes, member).await;
    gateway.process.kill().await;
    let gateway = env.gateway_with(&settings).await;
    assert_eq!(question(member, gateway.call(UPDATE_PATH, &update(member, AGAIN)).await), second);
    assert_eq!(interview(&env, member).await[0].1.as_deref(), Some(FIRST));
}

async fn two_clicks_on_one_answer_both_show_the_next_question(env: Arc<TestEnv>) {
    let (_worker, outcomes) = (env.worker().await, env.outcomes().await);
    let (gateway, member) = (env.gateway().await, env.member());
    begin(&gateway, &outcomes, member).await;
    let answer = update(member, FIRST);
    let (one, other) = tokio::join!(gateway.call(UPDATE_PATH, &answer), gateway.call(UPDATE_PATH, &answer));
    assert_eq!(question(member, one), question(member, other));
    assert_eq!(interview(&env, member).await.len(), 2);
}

async fn a_resume_that_nobody_waited_for_is_shown_to_the_next_click(env: Arc<TestEnv>) {
    let _worker = env.worker_with(&env.settings().with("MAX_QUESTIONS", "1")).await;
    let (outcomes, gateway, member) = (env.outcomes().await, impatient(&env).await, env.member());
    begin(&gateway, &outcomes, member).await;
    env.model.next([Answer::text("# 이력서\n\n- 주문 서비스를 맡았습니다.").after(THINKING)]);
    assert_eq!(gateway.call(UPDATE_PATH, &update(member, FIRST)).await.0, 504);
    let key = outcomes.expect(member, "ResumeCompleted").await.json()["resumeObjectKey"].clone();
    let expected = json!({"memberId": member, "isComplete": true, "resumeObjectKey": key});
    assert_eq!(gateway.call(UPDATE_PATH, &update(member, AGAIN)).await, (200, expected));
}

async fn an_init_that_nobody_waited_for_is_shown_before_it_is_answered(env: Arc<TestEnv>) {
    let (_worker, outcomes) = (env.worker().await, env.outcomes().await);
    let (gateway, member) = (impatient(&env).await, env.member());
    env.model.next([Answer::question("맡은 일은 무엇인가요?").after(THINKING)]);
    assert_eq!(gateway.call(INIT_PATH, &init(member)).await.0, 504);
    outcomes.expect(member, "ResumeQuestionGenerated").await;
    // Also to who would wait for an event.
    let blind = gateway.post(UPDATE_PATH, &update(member, "보지 못한 질문의 답")).header("prefer", "respond-async");
    let shown = question(member, reply(blind).await);
    assert_eq!(interview(&env, member).await, [(shown, None)]);
    // An init finds it too, without asking the model.
    let (_, first) = gateway.call(INIT_PATH, &init(member)).await;
    assert_eq!((&first["question"], env.model.calls().len()), (&json!("맡은 일은 무엇인가요?"), 1));
}

async fn three_hundred_feedbacks_of_one_backend_are_all_answered(env: Arc<TestEnv>) {
    let (_worker, gateway) = (env.worker().await, env.gateway().await);
    let asked = (0..300).map(|_| gateway.post("/feedback/create", &feedback(env.member())).send());
    let replies = join_all(asked).await;
    let statuses = replies.iter().map(|reply| reply.as_ref().unwrap().status().as_u16());
    let refused: Vec<u16> = statuses.filter(|status| *status != 200).collect();
    assert!(refused.is_empty(), "{refused:?}");
}

async fn who_finds_no_place_is_told_when_to_come_again(env: Arc<TestEnv>) {
    let _worker = env.worker().await;
    let settings = env.settings().with("GATEWAY_CALLERS", "1").with("GATEWAY_STREAMS", "1");
    let (gateway, member) = (env.gateway_with(&settings).await, env.member());
    env.model.next([Answer::stall()]);
    let waiting = gateway.post(FEEDBACK_PATH, &feedback(member)).send();
    let refused = async {
        env.model.wait_for("the call", |load| load.at_work == 1).await;
        overloaded(gateway.post(FEEDBACK_PATH, &feedback(member)).send().await.unwrap()).await;
    };
    tokio::select! {
        _ = waiting => panic!("the model never answers"),
        () = refused => {}
    }
    let _events = gateway.events(&format!("memberId={member}"), "").await;
    let stream = gateway.ask(Method::GET, &format!("/api/v1/sse/subscribe?memberId={member}"));
    overloaded(stream.send().await.unwrap()).await;

    let gateway = env.gateway_with(&env.settings().with("GATEWAY_CLIENT_RATE", "1")).await;
    let replies = join_all((0..20).map(|_| gateway.post(FEEDBACK_PATH, &json!([])).send())).await;
    let refused = replies.into_iter().map(Result::unwrap).find(|reply| reply.status() != 400).expect("a refusal");
    overloaded(refused).await;
}

/// To the product's backend a status from 400 to 499 says that the member's input is wrong for good.
async fn overloaded(reply: reqwest::Response) {
    assert_eq!(reply.status(), 503);
    assert!(reply.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 1);
    let body: Value = reply.json().await.unwrap();
    assert_eq!((&body["code"], &body["retryable"]), (&json!("OVERLOADED"), &json!(true)));
}

async fn what_is_not_served_here_is_passed_on(env: Arc<TestEnv>) {
    let old = Upstream::start().await;
    let settings = env.settings().with("GATEWAY_PASS_TO", format!("{}/base/", old.url()));
    let (_worker, gateway, member) = (env.worker().await, env.gateway_with(&settings).await, env.member());
    // The server behind answers with what it got.
    let secret = "회원이 쓴 내용";
    let sent = json!({"file_url": secret});
    let request = gateway.post("/resume/extract?memberId=7&x=%EA%B0%80", &sent);
    let answer = request.header("authorization", "Bearer t").header("connection", "x-hop").header("x-hop", "1");
    let answer = answer.send().await.unwrap();
    assert_eq!(
        (answer.status(), &answer.headers()["x-old"]),
        (reqwest::StatusCode::IM_A_TEAPOT, &"yes".parse().unwrap())
    );
    assert!(answer.headers().get("content-security-policy").is_none(), "its headers are its own");
    let got: Value = answer.json().await.unwrap();
    assert_eq!(got["target"], "POST /base/resume/extract?memberId=7&x=%EA%B0%80");
    assert_eq!(got["body"], sent.to_string());
    assert_eq!((&got["headers"]["authorization"], &got["headers"]["x-hop"]), (&json!("Bearer t"), &Value::Null));
    assert_eq!(got["headers"]["x-forwarded-host"], gateway.address);
    assert_eq!(got["headers"]["x-forwarded-for"], "127.0.0.1");

    // As it comes, and not only at its end; and a body without an end goes the other way.
    let mut stream = gateway.ask(Method::GET, "/stream").send().await.unwrap();
    assert_eq!(stream.chunk().await.unwrap().as_deref(), Some(b"first".as_slice()));
    old.go_on();
    assert_eq!(stream.chunk().await.unwrap().as_deref(), Some(b"second".as_slice()));
    let redirect = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let redirected = redirect.get(format!("http://{}/moved", gateway.address)).send().await.unwrap();
    assert_eq!(
        (redirected.status().as_u16(), &redirected.headers()["location"]),
        (302, &"/elsewhere".parse().unwrap())
    );

    // What is served here is not, whoever is behind; nor is what a foreign page asks for.
    assert_eq!(gateway.call("/feedback/create", &feedback(member)).await.0, 200);
    assert_eq!(reply(gateway.ask(Method::GET, "/health-check")).await.1, json!({"status": "ok"}));
    let foreign = gateway.post("/resume/extract", &sent).header("origin", "http://evil.example");
    assert_eq!(reply(foreign).await.0, 403);
    assert_eq!(old.requests(), 3);
    assert!(!gateway.process.log().contains(secret) && !gateway.process.log().contains("memberId=7"));
}

async fn a_server_behind_that_is_away_is_told(env: Arc<TestEnv>) {
    let settings = env.settings().with("GATEWAY_PASS_TO", format!("http://127.0.0.1:{}", free_port()));
    let gateway = env.gateway_with(&settings).await;
    let (status, body) = reply(gateway.ask(Method::GET, "/docs?secret=1")).await;
    assert_eq!((status, &body["code"], &body["retryable"]), (502, &json!("UPSTREAM_UNAVAILABLE"), &json!(true)));
    // The answer does not wait for the log.
    eventually("the log tells of it", async || gateway.process.log().contains("GATEWAY_PASS_TO").then_some(())).await;
    assert!(!gateway.process.log().contains("secret"));

    // One that takes the connection and says nothing is not waited for longer than any caller.
    let old = Upstream::start().await;
    let settings = env.settings().with("GATEWAY_PASS_TO", old.url()).with("GATEWAY_TIMEOUT", "1s");
    let gateway = env.gateway_with(&settings).await;
    let silent = tokio::time::timeout(SOON, reply(gateway.ask(Method::GET, "/silent"))).await;
    assert_eq!(silent.expect("it is told soon").0, 502);
    eventually("the request is given up", || async { (old.given_up() == 1).then_some(()) }).await;
}
