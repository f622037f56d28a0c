//! Members who watch their requests being worked: what the gateway makes of `RequestProgress`, whoever tells it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::kit::gateway_process::{Event, Events, FEEDBACK_PATH};
use crate::kit::test_env::TestEnv;

crate::case::cases![
    progress_is_told_as_it_comes_and_neither_later_nor_after_the_outcome,
    records_of_progress_are_shown_to_who_asks_for_records,
    without_the_topic_all_else_is_served_and_that_is_said_once,
];

const TEXT: &str = "답변은 핵심을 파악하고 있습니다.";

/// What a worker tells of a feedback request.
async fn tell(env: &TestEnv, member: i64, request: &str, sequence: u64, text: &str) {
    let value = json!({
        "memberId": member, "eventName": "PROBLEM_FEEDBACK", "requestId": request, "problemId": 42,
        "sequence": sequence, "stage": "WRITING", "text": text,
    });
    let record = env.requests.ask(&env.topics.of("RequestProgress"), &value);
    record.header("ce_causationid", request).send().await;
}

/// The outcome of a request, as a worker sends it.
async fn answer(env: &TestEnv, member: i64, request: &str) {
    let value = json!({"memberId": member, "problemId": 42, "feedback": TEXT});
    let record = env.requests.ask(&env.topics.of("FeedbackGenerated"), &value);
    let record = record.header("ce_id", format!("outcome-of-{request}")).header("ce_subject", member.to_string());
    record.header("ce_causationid", request).send().await;
}

/// Reads on until progress comes that says `text`.
async fn until_told(events: &mut Events, text: &str) -> Event {
    loop {
        let event = events.next().await;
        if event.name.ends_with("-progress") && event.json()["text"] == text {
            return event;
        }
    }
}

/// Tells until the stream hears it: the gateway reads from the end, wherever that is when it begins.
async fn warm_up(env: &TestEnv, events: &mut Events, member: i64) {
    let telling = async {
        for sequence in 1.. {
            tell(env, member, "warming-up", sequence, "준비 중입니다.").await;
            sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        _ = until_told(events, "준비 중입니다.") => {}
        () = telling => unreachable!("it tells without an end"),
    }
}

async fn progress_is_told_as_it_comes_and_neither_later_nor_after_the_outcome(env: Arc<TestEnv>) {
    let (gateway, member) = (env.gateway().await, env.member());
    let mut events = gateway.events(&format!("memberId={member}"), "").await;
    warm_up(&env, &mut events, member).await;
    let more = format!("{TEXT} 다만 근거가 부족합니다.");
    tell(&env, member, "a", 2_000, TEXT).await;
    tell(&env, member, "a", 1_900, "늦게 온 것입니다.").await;
    tell(&env, member, "a", 2_000, "다시 온 것입니다.").await;
    tell(&env, member, "a", 2_400, &more).await;
    let event = until_told(&mut events, TEXT).await;
    assert_eq!((event.id.as_str(), event.name.as_str()), ("", "problem-feedback-progress"));
    assert_eq!(event.data, json!({"problemId": 42, "text": TEXT}).to_string());
    assert_eq!(events.next().await.json()["text"], more.as_str());
    answer(&env, member, "a").await;
    let outcome = events.expect("problem-feedback").await;
    tell(&env, member, "a", 9_000, "결과 뒤에 온 것입니다.").await;
    tell(&env, member, "b", 1, TEXT).await;
    assert_eq!(events.next().await.json()["text"], TEXT, "nothing after the outcome");
    // Whoever comes back gets outcomes, and no progress of the past.
    let mut again = gateway.events(&format!("memberId={member}"), "0").await;
    assert_eq!(again.expect("problem-feedback").await, outcome);
    tell(&env, member, "b", 2, &more).await;
    assert_eq!(again.next().await.json()["text"], more.as_str());
}

async fn records_of_progress_are_shown_to_who_asks_for_records(env: Arc<TestEnv>) {
    let (gateway, member) = (env.gateway().await, env.member());
    let mut events = gateway.events(&format!("memberId={member}&records=true"), "").await;
    warm_up(&env, &mut events, member).await;
    tell(&env, member, "a", 2_000, TEXT).await;
    let record = loop {
        let event = events.next().await;
        if event.name == "progress-record" && event.json()["value"]["requestId"] == "a" {
            break event;
        }
    };
    assert_eq!(record.id, "");
    let shown: Value = record.json();
    assert_eq!((&shown["topic"], &shown["value"]["text"]), (&json!(env.topics.of("RequestProgress")), &json!(TEXT)));
    events.expect("problem-feedback-progress").await;
}

async fn without_the_topic_all_else_is_served_and_that_is_said_once(env: Arc<TestEnv>) {
    const TOLD: &str = "members are not shown how far their requests are";
    let _worker = env.worker().await;
    let body = |problem: u32| json!({"memberId": env.member(), "problemId": problem, "question": "캐시란?", "answer": "사본입니다."});
    for (name, lines) in [("no-such-topic", 1), ("off", 0)] {
        let gateway = env.gateway_with(&env.settings().with("TOPIC_REQUEST_PROGRESS", name)).await;
        assert_eq!(gateway.call(FEEDBACK_PATH, &body(1)).await.0, 200, "{name}");
        if lines > 0 {
            gateway.process.wait_for_log(TOLD).await;
        }
        assert_eq!(gateway.call(FEEDBACK_PATH, &body(2)).await.0, 200, "{name}");
        assert_eq!(gateway.process.log().matches(TOLD).count(), lines, "{name}");
    }
}
