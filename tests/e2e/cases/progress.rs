//! What members see of their requests while they are worked, through Kafka, with a model that writes token by token.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::kit::model::answer::Turn;
use crate::kit::model::{Answer, ModelServer};
use crate::kit::outcome_reader::{OutcomeReader, Record};
use crate::kit::proxy::FaultProxy;
use crate::kit::schemas;
use crate::kit::settings::Settings;
use crate::kit::test_env::{PARTITIONS, TestEnv};
use crate::kit::topics::{PROGRESS, admin};
use crate::kit::wait::eventually;

crate::case::cases![
    the_first_sentence_is_there_before_half_of_the_reply_has_been_generated,
    a_fallback_in_the_middle_begins_the_text_anew_and_counts_on,
    a_worker_that_is_killed_in_the_middle_is_followed_by_one_that_counts_on,
    a_rebalance_in_the_middle_leaves_all_that_is_told_in_order,
    who_waits_for_its_turn_is_told_so,
    who_waits_for_a_model_is_told_so,
    who_waits_for_the_store_is_told_so,
    a_resume_tells_how_far_it_is,
    without_the_topic_nothing_is_streamed_until_it_comes,
    turned_off_nothing_is_told_and_nothing_streamed,
    a_topic_that_is_deleted_takes_nothing_from_the_outcomes,
];

/// Five sentences of a good model's.
const TEXT: &str = "핵심 개념을 정확하게 짚으셨고 설명의 순서도 자연스럽습니다. 다만 연결을 맺는 과정과 흐름 제어에 대한 설명이 빠져 있습니다. \
    재전송이 언제 일어나는지 예를 들어 보시면 좋겠습니다. 혼잡 제어가 왜 필요한지도 함께 말해 보세요. 마지막으로 두 방식을 언제 고를지 정리해 보세요.";
const OTHER: &str = "답변의 방향은 올바르게 잡으셨고 용어도 알맞게 쓰셨습니다. 하지만 근거가 되는 예시가 부족해서 설득력이 떨어집니다. \
    직접 겪은 사례를 하나 들어 보시면 훨씬 좋아집니다.";
/// Two characters a token.
const PACE: Duration = Duration::from_millis(40);

async fn ask(env: &TestEnv, member: i64, id: &str, question: &str) {
    let value = json!({"memberId": member, "problemId": 42, "question": question, "answer": "기다려 보겠습니다."});
    env.requests.ask(&env.topics.feedback_requested, &value).header("ce_id", id).send().await;
}

async fn progress(env: &TestEnv) -> OutcomeReader {
    env.create_topics().await;
    OutcomeReader::over(&env.services.kafka, &env.topics, &[env.topics.of(PROGRESS)], PARTITIONS).await
}

/// What was told of a request, as soon as it is so much.
async fn told(progress: &OutcomeReader, id: &str, count: usize) -> Vec<Record> {
    let of = |records: &[Record]| {
        let of_request = |record: &&Record| record.json()["requestId"] == id;
        records.iter().filter(of_request).cloned().collect::<Vec<_>>()
    };
    progress
        .wait_for(&format!("progress {count} of {id}"), |records| Some(of(records)).filter(|told| told.len() >= count))
        .await
}

/// All that was told of a request keeps to the contract, also beside its outcome.
async fn assert_kept(progress: &OutcomeReader, id: &str, outcome: &Record) -> Vec<Value> {
    progress.everything().await;
    let told = told(progress, id, 0).await;
    assert!(told.len() <= 8, "{} are told of {id}", told.len());
    let values: Vec<Value> = told.iter().map(Record::json).collect();
    for (record, value) in told.iter().zip(&values) {
        schemas::assert_valid("RequestProgress", value);
        assert_eq!(record.key, outcome.key);
        assert_eq!(record.header("ce_type"), Some("RequestProgress"));
        assert_eq!(record.header("ce_causationid"), outcome.header("ce_causationid"));
        assert_eq!(record.header("ce_subject"), outcome.header("ce_subject"));
        assert!(Uuid::parse_str(record.header("ce_id").unwrap()).is_ok());
        assert!(time(record) <= time(outcome), "nothing is told after the outcome: {value}");
        assert!(value.get("context").is_none());
    }
    let sequences: Vec<u64> = values.iter().map(|value| value["sequence"].as_u64().unwrap()).collect();
    assert!(sequences.windows(2).all(|pair| pair[1] >= pair[0] + 150), "{sequences:?}");
    values
}

fn time(record: &Record) -> OffsetDateTime {
    OffsetDateTime::parse(record.header("ce_time").unwrap(), &Rfc3339).unwrap()
}

fn texts(told: &[Value]) -> Vec<&str> {
    told.iter().filter_map(|told| told["text"].as_str()).collect()
}

async fn the_first_sentence_is_there_before_half_of_the_reply_has_been_generated(env: Arc<TestEnv>) {
    let (_worker, outcomes, progress) = (env.worker().await, env.outcomes().await, progress(&env).await);
    let member = env.member();
    env.model.always(Answer::text(TEXT).paced(PACE));
    ask(&env, member, "slow", "TCP란?").await;
    let first = told(&progress, "slow", 1).await;
    let (written, all) = (env.model.load().tokens, TEXT.chars().count().div_ceil(2));
    assert!(written * 2 < all, "{written} of {all} tokens were written");
    assert_eq!((&first[0].json()["stage"], &first[0].json()["problemId"]), (&json!("WRITING"), &json!(42)));
    let outcome = outcomes.expect(member, "FeedbackGenerated").await;
    let told = assert_kept(&progress, "slow", &outcome).await;
    let feedback = outcome.json()["feedback"].as_str().unwrap().to_owned();
    assert!(texts(&told).len() > 2 && texts(&told).iter().all(|text| feedback.starts_with(text)), "{told:?}");
}

fn with_fallback(env: &TestEnv, fallback: &ModelServer) -> Settings {
    let settings = env.settings().with("LLM_FALLBACK", "openai");
    settings.with("OPENAI_BASE_URL", format!("{}/v1", fallback.url()))
}

async fn a_fallback_in_the_middle_begins_the_text_anew_and_counts_on(env: Arc<TestEnv>) {
    let fallback = ModelServer::start().await;
    let _worker = env.worker_with(&with_fallback(&env, &fallback)).await;
    let (outcomes, progress, member) = (env.outcomes().await, progress(&env).await, env.member());
    let cut = TEXT.chars().count() / 3;
    env.model.next([Answer::text(TEXT).paced(PACE).turns(cut, Turn::Cut)]);
    env.model.always(Answer::bad_gateway());
    fallback.always(Answer::text(OTHER).paced(PACE));
    ask(&env, member, "cut", "TCP란?").await;
    let outcome = outcomes.expect(member, "FeedbackGenerated").await;
    assert_eq!(outcome.json()["feedback"], OTHER);
    let told = assert_kept(&progress, "cut", &outcome).await;
    let (of_first, of_other): (Vec<&str>, Vec<&str>) =
        texts(&told).into_iter().partition(|text| TEXT.starts_with(text));
    assert!(!of_first.is_empty() && !of_other.is_empty(), "{told:?}");
    assert!(of_other.iter().all(|text| OTHER.starts_with(text)), "{told:?}");
}

async fn a_worker_that_is_killed_in_the_middle_is_followed_by_one_that_counts_on(env: Arc<TestEnv>) {
    let worker = env.worker().await;
    let (outcomes, progress, member) = (env.outcomes().await, progress(&env).await, env.member());
    env.model.always(Answer::text(TEXT).paced(PACE));
    ask(&env, member, "killed", "TCP란?").await;
    let before = told(&progress, "killed", 1).await.len();
    worker.kill().await;
    let _next = env.worker().await;
    let outcome = outcomes.expect(member, "FeedbackGenerated").await;
    let told = assert_kept(&progress, "killed", &outcome).await;
    assert!(told.len() > before, "the next one tells of it, too: {told:?}");
}

async fn a_rebalance_in_the_middle_leaves_all_that_is_told_in_order(env: Arc<TestEnv>) {
    let _worker = env.worker().await;
    let (outcomes, progress) = (env.outcomes().await, progress(&env).await);
    env.model.always(Answer::text(TEXT).paced(PACE * 2));
    let members: Vec<(i64, String)> = (0..4).map(|number| (env.member(), format!("moved-{number}"))).collect();
    for (member, id) in &members {
        ask(&env, *member, id, "TCP란?").await;
    }
    for (_, id) in &members {
        told(&progress, id, 1).await;
    }
    let _other = env.worker().await;
    for (member, id) in &members {
        let outcome = outcomes.expect(*member, "FeedbackGenerated").await;
        let told = assert_kept(&progress, id, &outcome).await;
        assert!(!texts(&told).is_empty());
    }
}

async fn who_waits_for_its_turn_is_told_so(env: Arc<TestEnv>) {
    let _worker = env.worker_with(&env.settings().with("MAX_IN_FLIGHT", 1)).await;
    let (outcomes, progress) = (env.outcomes().await, progress(&env).await);
    let [first, other] = [env.member(), env.member()];
    env.model.always(Answer::text(TEXT).paced(PACE * 2));
    ask(&env, first, "first", "TCP란?").await;
    told(&progress, "first", 1).await;
    // One waits for the member's first, and one for the only slot.
    ask(&env, first, "behind", "UDP란?").await;
    ask(&env, other, "other", "UDP란?").await;
    for (member, id) in [(first, "first"), (first, "behind"), (other, "other")] {
        let outcome = outcomes.expect(member, "FeedbackGenerated").await;
        let told = assert_kept(&progress, id, &outcome).await;
        let waits = told.iter().filter(|told| told["stage"] == "WAITING").count();
        assert_eq!(waits, usize::from(id != "first"), "{told:?}");
    }
}

async fn who_waits_for_a_model_is_told_so(env: Arc<TestEnv>) {
    let _worker = env.worker().await;
    let (outcomes, progress) = (env.outcomes().await, progress(&env).await);
    env.model.always(Answer::bad_gateway());
    let members = [env.member(), env.member(), env.member()].map(|member| (member, format!("away-{member}")));
    for (member, id) in &members {
        ask(&env, *member, id, "TCP란?").await;
    }
    for (_, id) in &members {
        assert_eq!(told(&progress, id, 1).await[0].json()["stage"], "WAITING");
    }
    env.model.well();
    for (member, id) in &members {
        let outcome = outcomes.expect(*member, "FeedbackGenerated").await;
        let waits = |told: &&Value| told["stage"] == "WAITING";
        assert_eq!(assert_kept(&progress, id, &outcome).await.iter().filter(waits).count(), 1);
    }
}

async fn who_waits_for_the_store_is_told_so(env: Arc<TestEnv>) {
    let proxy = FaultProxy::start(env.services.s3_port).await;
    let settings = env.settings().with("AWS_ENDPOINT_URL_S3", format!("http://127.0.0.1:{}", proxy.port()));
    let _worker = env.worker_with(&settings.with("MAX_QUESTIONS", 1)).await;
    let (outcomes, progress, member) = (env.outcomes().await, progress(&env).await, env.member());
    let init = json!({"memberId": member, "inputs": {"email": "a@b.kr", "preferred_job": "BACKEND"}});
    env.requests.ask(&env.topics.resume_init, &init).send().await;
    let question = outcomes.expect(member, "ResumeQuestionGenerated").await;
    proxy.refuse();
    let answer =
        json!({"memberId": member, "answer": "주문 서버를 맡았습니다.", "questionId": question.json()["questionId"]});
    env.requests.ask(&env.topics.resume_answer, &answer).header("ce_id", "stored").send().await;
    let waiting = |records: &[Record]| records.iter().any(|record| record.json()["stage"] == "WAITING").then_some(());
    progress.wait_for("the wait", waiting).await;
    proxy.heal();
    let outcome = outcomes.expect(member, "ResumeCompleted").await;
    let told = assert_kept(&progress, "stored", &outcome).await;
    let stages: Vec<&str> = told.iter().filter_map(|told| told["stage"].as_str()).collect();
    assert!(stages.contains(&"STORING") && stages.iter().filter(|stage| **stage == "WAITING").count() == 1, "{told:?}");
}

async fn a_resume_tells_how_far_it_is(env: Arc<TestEnv>) {
    let _worker = env.worker_with(&env.settings().with("MAX_QUESTIONS", 1)).await;
    let (outcomes, progress, member) = (env.outcomes().await, progress(&env).await, env.member());
    let init = json!({"memberId": member, "inputs": {"email": "a@b.kr", "preferred_job": "BACKEND"}});
    env.requests.ask(&env.topics.resume_init, &init).send().await;
    let question = outcomes.expect(member, "ResumeQuestionGenerated").await;
    let section =
        |name: &str| format!("## {name}\n\n{}\n\n", "- 주문 서버를 맡아 응답 지연을 절반으로 줄임\n".repeat(9));
    let resume =
        ["# 이력서\n\n".to_owned(), section("자기소개"), section("경력"), section("프로젝트"), section("기술")]
            .concat();
    env.model.always(Answer::text(&resume).paced(PACE / 4));
    let answer =
        json!({"memberId": member, "answer": "주문 서버를 맡았습니다.", "questionId": question.json()["questionId"]});
    env.requests.ask(&env.topics.resume_answer, &answer).header("ce_id", "resume").send().await;
    let outcome = outcomes.expect(member, "ResumeCompleted").await;
    let told = assert_kept(&progress, "resume", &outcome).await;
    let sections: Vec<&str> = told.iter().filter_map(|told| told["section"].as_str()).collect();
    assert!(sections.contains(&"자기소개") && sections.len() > 2, "{told:?}");
    let percents: Vec<u64> = told.iter().filter_map(|told| told["percent"].as_u64()).collect();
    assert!(percents.len() == sections.len() && percents.is_sorted(), "{told:?}");
    assert!(texts(&told).is_empty());
    assert!(told.iter().all(|told| told["sessionId"] == outcome.json()["sessionId"]), "{told:?}");
}

async fn without_the_topic_nothing_is_streamed_until_it_comes(env: Arc<TestEnv>) {
    let topic = env.topics.of("Late");
    let settings = env.settings().with("TOPIC_REQUEST_PROGRESS", &topic);
    let worker = env.worker_with(&settings).await;
    let (outcomes, member) = (env.outcomes().await, env.member());
    let told = |text: &str| worker.log().lines().filter(|line| line.contains(text)).count();
    eventually("it is told", || async { (told("no progress is told") == 1).then_some(()) }).await;
    ask(&env, member, "early", "TCP란?").await;
    outcomes.expect(member, "FeedbackGenerated").await;
    assert!(env.model.calls().iter().all(|call| call.body["stream"] != true));
    let made = env.run(&["topics", "--replication", "1"], &settings).await;
    assert!(made.stdout.contains(&format!("made    {topic}")), "{}", made.stdout);
    eventually("it has come", || async { (told("progress is told from now on") == 1).then_some(()) }).await;
    ask(&env, member, "late", "TCP란?").await;
    outcomes.expect(member, "FeedbackGenerated").await;
    assert_eq!(env.model.calls().last().unwrap().body["stream"], true);
    assert_eq!(told("no progress is told"), 1);
    admin(&env.services.kafka).delete_topics(&[&topic], &Default::default()).await.unwrap();
}

async fn turned_off_nothing_is_told_and_nothing_streamed(env: Arc<TestEnv>) {
    let worker = env.worker_with(&env.settings().with("TOPIC_REQUEST_PROGRESS", "off")).await;
    let (outcomes, progress, member) = (env.outcomes().await, progress(&env).await, env.member());
    env.model.always(Answer::text(TEXT).after(Duration::from_millis(600)));
    ask(&env, member, "quiet", "TCP란?").await;
    outcomes.expect(member, "FeedbackGenerated").await;
    assert!(env.model.calls().iter().all(|call| call.body["stream"] != true));
    assert!(progress.everything().await.is_empty() && !worker.log().contains("no progress is told"));
}

async fn a_topic_that_is_deleted_takes_nothing_from_the_outcomes(env: Arc<TestEnv>) {
    let (worker, outcomes, progress) = (env.worker().await, env.outcomes().await, progress(&env).await);
    env.model.always(Answer::text(TEXT).paced(PACE));
    let [before, after] = [env.member(), env.member()];
    ask(&env, before, "before", "TCP란?").await;
    told(&progress, "before", 1).await;
    let topic = env.topics.of(PROGRESS);
    admin(&env.services.kafka).delete_topics(&[&topic], &Default::default()).await.unwrap();
    ask(&env, after, "after", "TCP란?").await;
    for member in [before, after] {
        assert_eq!(outcomes.expect(member, "FeedbackGenerated").await.json()["feedback"], TEXT);
    }
    let (status, body) = worker.get("/readyz").await.unwrap();
    assert_eq!(status, 200, "{body}");
}
