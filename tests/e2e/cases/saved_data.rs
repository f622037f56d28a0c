//! What other workers have stored: older ones, newer ones, side by side with this one.

use std::sync::Arc;

use serde_json::{Value, json};

use super::resume::{answer, init, question};
use crate::kit::redis::Redis;
use crate::kit::test_env::TestEnv;

crate::case::cases![
    an_interview_that_an_earlier_worker_began_goes_on,
    what_a_newer_worker_stored_beside_survives_an_answer,
    what_a_newer_worker_stored_in_a_newer_format_is_left_alone,
    an_outcome_of_a_newer_format_is_neither_paid_again_nor_replaced,
];

/// As it was written before stored data had a format number (golden file).
const BEGUN: &str = include_str!("../../golden/first_question.unnumbered.json");

fn key(member: i64) -> String {
    format!("resume:{{{member}}}")
}

/// Answers the open question of [`BEGUN`].
async fn answer_first(env: &TestEnv, member: i64) {
    let begun: Value = serde_json::from_str(BEGUN).unwrap();
    let id = &begun["exchanges"][0]["questionId"];
    let value = json!({"memberId": member, "inputs": {"answer": "캐시를 맡았습니다."}, "questionId": id});
    env.requests.ask(&env.topics.resume_answer, &value).send().await;
}

async fn an_interview_that_an_earlier_worker_began_goes_on(env: Arc<TestEnv>) {
    let (_worker, outcomes, member) = (env.worker().await, env.outcomes().await, env.member());
    let redis = Redis::connect(&env.services).await;
    let () = redis.run("SET", &[&key(member), BEGUN]).await;
    answer_first(&env, member).await;
    let second = question(&outcomes, member, 2).await;
    let stored = redis.session(member).await.unwrap();
    assert_eq!((&stored["format"], &stored["version"]), (&json!(1), &json!(1_795_341_600_251_u64)));
    assert_eq!(stored["exchanges"][0]["answer"], "캐시를 맡았습니다.");
    answer(&env, &second, "응답이 빨라졌습니다.").await;
    question(&outcomes, member, 3).await;
}

async fn what_a_newer_worker_stored_beside_survives_an_answer(env: Arc<TestEnv>) {
    let (_worker, outcomes, member) = (env.worker().await, env.outcomes().await, env.member());
    let redis = Redis::connect(&env.services).await;
    let mut stored: Value = serde_json::from_str(BEGUN).unwrap();
    let places = ["", "/inputs", "/exchanges/0"];
    for place in places {
        stored.pointer_mut(place).unwrap()["mood"] = json!({"at": place});
    }
    let () = redis.run("SET", &[&key(member), &stored.to_string()]).await;
    answer_first(&env, member).await;
    question(&outcomes, member, 2).await;
    let stored = redis.session(member).await.unwrap();
    for place in places {
        assert_eq!(stored.pointer(place).unwrap()["mood"], json!({"at": place}));
    }
}

async fn what_a_newer_worker_stored_in_a_newer_format_is_left_alone(env: Arc<TestEnv>) {
    let (_worker, outcomes, member) = (env.worker().await, env.outcomes().await, env.member());
    let redis = Redis::connect(&env.services).await;
    // All that this worker knows is there, and may mean something else.
    let newer = BEGUN.replacen('{', r#"{"format":2,"#, 1);
    let () = redis.run("SET", &[&key(member), &newer]).await;
    answer_first(&env, member).await;
    let failed = outcomes.expect_failure(member, "INTERNAL").await.json();
    assert_eq!(failed["retryable"], true);
    init(&env, member).await;
    outcomes.expect_failure(member, "INTERNAL").await;
    let stored: String = redis.run("GET", &[&key(member)]).await;
    assert_eq!(stored, newer);
    assert_eq!(env.model.calls().len(), 0, "nothing was paid");

    let () = redis.run("SET", &[&key(member), BEGUN]).await;
    answer_first(&env, member).await;
    question(&outcomes, member, 2).await;
}

async fn an_outcome_of_a_newer_format_is_neither_paid_again_nor_replaced(env: Arc<TestEnv>) {
    let (_worker, outcomes, member) = (env.worker().await, env.outcomes().await, env.member());
    let redis = Redis::connect(&env.services).await;
    let value = json!({"memberId": member, "question": "TCP와 UDP의 차이점은?", "answer": "UDP는 순서가 없습니다."});
    let ask = async || {
        env.requests.ask(&env.topics.feedback_requested, &value).header("ce_id", "asked-before").send().await;
    };
    ask().await;
    let first = outcomes.expect(member, "FeedbackGenerated").await;
    let keys: Vec<String> = redis.run("KEYS", &[&format!("feedback:{{{member}}}:outcome:*")]).await;
    let [entry] = keys.as_slice() else { panic!("{keys:?}") };
    let stored: String = redis.run("GET", &[entry]).await;
    let newer = stored.replacen(r#"{"format":1,"#, r#"{"format":2,"#, 1);
    assert_ne!(newer, stored);

    let damaged = stored.replacen(r#""type":"FeedbackGenerated""#, r#""type":"FeedbackSung""#, 1);
    for (unreadable, count) in [newer, damaged, "of another codec".to_owned()].into_iter().zip(1..) {
        let () = redis.run("SET", &[entry, &unreadable]).await;
        ask().await;
        let letters = outcomes.wait_for("a dead letter", |_| {
            Some(outcomes.dead_letters(value.to_string().as_bytes())).filter(|letters| letters.len() == count)
        });
        for letter in letters.await {
            let message = letter.header("kafka_dlt-exception-message").unwrap();
            assert!(message.contains("was answered, and nobody knows how"), "{message}");
        }
        let kept: String = redis.run("GET", &[entry]).await;
        assert_eq!((kept, env.model.calls().len()), (unreadable, 1));
    }
    assert_eq!(outcomes.of(member).len(), 1, "the member got its answer, and nothing that contradicts it");

    // As the newer workers see it.
    let () = redis.run("SET", &[entry, &stored]).await;
    ask().await;
    let again = outcomes.expect(member, "FeedbackGenerated").await;
    assert_eq!((again.header("ce_id"), again.value.as_ref()), (first.header("ce_id"), first.value.as_ref()));
}
