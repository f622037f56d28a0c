//! The operators' commands: `dlt` and `session`.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::kit::model::{Answer, Kind};
use crate::kit::outcome_reader::{OutcomeReader, Record};
use crate::kit::redis::Redis;
use crate::kit::settings::Settings;
use crate::kit::test_env::{PARTITIONS, TestEnv};
use crate::kit::wait::eventually;

crate::case::cases![
    a_replayed_request_is_what_it_was_and_is_answered,
    a_replay_that_is_run_twice_is_answered_once,
    what_was_answered_since_is_shown_as_such_and_not_replayed,
    a_replay_that_crosses_the_request_sent_again_answers_once,
    a_replayed_init_ends_no_newer_interview,
    a_replay_leaves_what_a_member_had_sent_who_was_erased,
    a_request_that_fails_again_is_kept_again_until_the_limit,
    dead_letters_are_listed_by_code_member_topic_and_time,
    a_dead_letter_is_shown_and_its_payload_only_when_asked_for,
    sessions_are_listed_and_shown_without_texts,
    a_members_data_is_removed_and_nobody_elses,
    nothing_is_removed_while_the_member_is_locked,
];

/// A worker that gives up on the model soon.
fn hasty(env: &TestEnv) -> Settings {
    env.settings().with("REQUEST_DEADLINE", "3s")
}

/// Runs a command that must succeed; its output.
async fn output(env: &TestEnv, arguments: &[&str]) -> String {
    let ended = env.run(arguments, &env.settings()).await;
    assert!(ended.status.success(), "{arguments:?}: {}\n{}", ended.stdout, ended.stderr);
    ended.stdout
}

/// Runs a command that must fail; its errors.
async fn refusal(env: &TestEnv, arguments: &[&str]) -> String {
    let ended = env.run(arguments, &env.settings()).await;
    assert_eq!(ended.status.code(), Some(1), "{arguments:?}: {}\n{}", ended.stdout, ended.stderr);
    ended.stderr
}

fn feedback(member: i64) -> Value {
    json!({"memberId": member, "question": "캐시란?", "answer": "비밀스러운 답변입니다."})
}

/// Has a request fail for want of a model; its dead letter.
async fn failed_request(env: &TestEnv, outcomes: &OutcomeReader, member: i64) -> Record {
    env.model.always(Answer::busy());
    // Requests go on to fail, and do not wait for the model.
    env.model.always_to_probes(Answer::text("네"));
    let value = feedback(member);
    env.requests.ask(&env.topics.feedback_requested, &value).send().await;
    outcomes.expect_failure(member, "LLM_UNAVAILABLE").await;
    outcomes.dead_letter(value.to_string().as_bytes()).await
}

fn place(record: &Record) -> String {
    format!("{}/{}/{}", record.topic, record.partition, record.offset)
}

async fn a_replayed_request_is_what_it_was_and_is_answered(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let _worker = env.worker_with(&hasty(&env)).await;
    let (topic, member) = (&env.topics.feedback_requested, env.member());
    env.model.always(Answer::busy());
    let sent = env
        .requests
        .ask(topic, &feedback(member))
        .key("another key")
        .partition(1)
        .header("twice", "1")
        .header("twice", "2")
        .header("binary", [0, 159, 146, 150])
        .null_header("nothing")
        .send()
        .await;
    outcomes.expect_failure(member, "LLM_UNAVAILABLE").await;
    let letter = outcomes.dead_letter(feedback(member).to_string().as_bytes()).await;

    let told = output(&env, &["dlt", "replay"]).await;
    assert!(told.contains(&format!("from {sent}  LLM_UNAVAILABLE  member {member}  replays 0")), "{told}");
    assert!(told.contains("1 would be sent"), "{told}");
    let requests = OutcomeReader::over(&env.services.kafka, &env.topics, std::slice::from_ref(topic), PARTITIONS).await;
    requests.wait_for("the first request", |records| (records.len() == 1).then_some(())).await;

    env.model.well();
    let told = output(&env, &["dlt", "replay", "--yes", "--follow", "--timeout", "50s"]).await;
    assert!(told.contains("1 sent") && told.contains("FeedbackGenerated  (1 of 1)"), "{told}");
    let answered = outcomes.expect(member, "FeedbackGenerated").await;
    assert_eq!(answered.header("ce_causationid"), Some(format!("{sent}#1").as_str()));

    let replayed = requests.wait_for("the replay", |records| records.get(1).cloned()).await;
    assert_eq!(requests.records().len(), 2, "a dry run sends nothing");
    assert_eq!(replayed.partition, 1);
    assert_eq!(replayed.key.as_deref(), Some(b"another key".as_slice()));
    assert_eq!(replayed.value.as_deref(), Some(feedback(member).to_string().as_bytes()));
    let headers: Vec<(&str, Option<&[u8]>)> =
        replayed.headers.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
    let id = sent.to_string();
    let first_sent = i64::from_be_bytes(letter.headers_named("kafka_dlt-original-timestamp")[0].try_into().unwrap());
    let first_sent = first_sent.to_string();
    let expected: Vec<(&str, Option<&[u8]>)> = vec![
        ("twice", Some(b"1")),
        ("twice", Some(b"2")),
        ("binary", Some(&[0, 159, 146, 150])),
        ("nothing", None),
        ("ce_id", Some(id.as_bytes())),
        ("replay-count", Some(b"1")),
        ("replay-original-timestamp", Some(first_sent.as_bytes())),
    ];
    assert_eq!(headers, expected);
}

async fn a_replay_that_is_run_twice_is_answered_once(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let worker = env.worker_with(&hasty(&env)).await;
    let member = env.member();
    failed_request(&env, &outcomes, member).await;
    env.model.well();
    let calls = env.model.calls().len();
    worker.stop().await;
    // Nobody has answered it yet, so it is sent each time.
    for _ in 0..2 {
        let told = output(&env, &["dlt", "replay", "--yes"]).await;
        assert!(told.contains("1 sent"), "{told}");
    }
    let _worker = env.worker_with(&hasty(&env)).await;
    let first = outcomes.expect(member, "FeedbackGenerated").await;
    let second = outcomes.expect(member, "FeedbackGenerated").await;
    assert_eq!((first.header("ce_id"), first.json()), (second.header("ce_id"), second.json()));
    assert_eq!(env.model.calls().len(), calls + 1, "nothing is paid for twice");
    let told = output(&env, &["dlt", "replay", "--yes"]).await;
    assert!(told.contains("0 sent") && told.contains("1  left: answered since"), "{told}");
}

/// Has a request with an id of its own fail for want of a model.
async fn failed_request_with_id(env: &TestEnv, outcomes: &OutcomeReader, member: i64) {
    env.model.always(Answer::busy());
    env.requests.ask(&env.topics.feedback_requested, &feedback(member)).header("ce_id", "same").send().await;
    outcomes.expect_failure(member, "LLM_UNAVAILABLE").await;
    outcomes.dead_letter(feedback(member).to_string().as_bytes()).await;
    env.model.well();
}

async fn what_was_answered_since_is_shown_as_such_and_not_replayed(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let _worker = env.worker_with(&hasty(&env).with("OUTCOME_TTL", "1s")).await;
    let member = env.member();
    failed_request_with_id(&env, &outcomes, member).await;
    let told = output(&env, &["dlt", "list"]).await;
    assert!(!told.contains("answered"), "{told}");
    env.requests.ask(&env.topics.feedback_requested, &feedback(member)).header("ce_id", "same").send().await;
    outcomes.expect(member, "FeedbackGenerated").await;
    let redis = Redis::connect(&env.services).await;
    eventually("the outcome is forgotten", || async {
        let outcomes: Vec<String> = redis.run("KEYS", &[&format!("feedback:{{{member}}}:outcome:*")]).await;
        outcomes.is_empty().then_some(())
    })
    .await;

    let told = output(&env, &["dlt", "list"]).await;
    assert!(told.contains("replays 0  answered FeedbackGenerated\n"), "{told}");
    assert!(told.contains("1 of them answered since"), "{told}");
    let told = output(&env, &["dlt", "list", "--json"]).await;
    assert!(told.contains(r#""answered":"FeedbackGenerated""#), "{told}");
    let calls = env.model.calls().len();
    let told = output(&env, &["dlt", "replay", "--yes"]).await;
    assert!(told.contains("0 sent") && told.contains("1  left: answered since"), "{told}");
    let answered = outcomes.of(member).into_iter().filter(|record| record.kind == "FeedbackGenerated");
    assert_eq!((answered.count(), env.model.calls().len()), (1, calls));
}

async fn a_replay_that_crosses_the_request_sent_again_answers_once(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let worker = env.worker_with(&hasty(&env)).await;
    let member = env.member();
    failed_request_with_id(&env, &outcomes, member).await;
    let calls = env.model.calls().len();
    worker.stop().await;
    env.requests.ask(&env.topics.feedback_requested, &feedback(member)).header("ce_id", "same").send().await;
    output(&env, &["dlt", "replay", "--yes"]).await;
    let _worker = env.worker_with(&hasty(&env)).await;
    let first = outcomes.expect(member, "FeedbackGenerated").await;
    let second = outcomes.expect(member, "FeedbackGenerated").await;
    assert_eq!((first.header("ce_id"), first.json()), (second.header("ce_id"), second.json()));
    assert_eq!(env.model.calls().len(), calls + 1, "nothing is paid for twice");
}

async fn a_replayed_init_ends_no_newer_interview(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let _worker = env.worker_with(&hasty(&env)).await;
    let member = env.member();
    env.model.always(Answer::busy());
    init(&env, member).await;
    outcomes.expect_failure(member, "LLM_UNAVAILABLE").await;
    env.model.well();
    init(&env, member).await;
    let answer = async |question: Record| {
        let id = &question.json()["questionId"];
        let value = json!({"memberId": member, "answer": "주문 서버를 맡았습니다.", "questionId": id});
        env.requests.ask(&env.topics.resume_answer, &value).send().await;
        outcomes.expect(member, "ResumeQuestionGenerated").await
    };
    let second = answer(outcomes.expect(member, "ResumeQuestionGenerated").await).await;

    let told = output(&env, &["dlt", "replay", "--yes", "--follow", "--timeout", "50s"]).await;
    assert!(told.contains("RequestFailed STALE_ANSWER  (1 of 1)"), "{told}");
    outcomes.expect_failure(member, "STALE_ANSWER").await;
    let third = answer(second.clone()).await.json();
    assert_eq!((&third["questionNumber"], &third["sessionId"]), (&json!(3), &second.json()["sessionId"]));
    let told = output(&env, &["dlt", "list"]).await;
    assert!(told.contains("answered RequestFailed STALE_ANSWER"), "{told}");
}

async fn a_replay_leaves_what_a_member_had_sent_who_was_erased(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let _worker = env.worker_with(&hasty(&env)).await;
    let (erased, other) = (env.member(), env.member());
    failed_request(&env, &outcomes, erased).await;
    failed_request(&env, &outcomes, other).await;
    output(&env, &["session", "delete", &erased.to_string(), "--yes"]).await;
    env.model.well();
    let told = output(&env, &["dlt", "replay", "--yes"]).await;
    assert!(told.contains("1 sent") && told.contains("1  left: their members were erased since"), "{told}");
    outcomes.expect(other, "FeedbackGenerated").await;
    assert!(outcomes.of(erased).iter().all(|record| record.kind != "FeedbackGenerated"));

    // Who comes back is a member like any other.
    failed_request(&env, &outcomes, erased).await;
    env.model.well();
    let told = output(&env, &["dlt", "replay", "--yes"]).await;
    assert!(told.contains("1 sent"), "{told}");
    outcomes.expect(erased, "FeedbackGenerated").await;
}

async fn a_request_that_fails_again_is_kept_again_until_the_limit(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let worker = env.worker_with(&hasty(&env)).await;
    let member = env.member();
    let value = feedback(member).to_string();
    failed_request(&env, &outcomes, member).await;
    let told = output(&env, &["dlt", "replay", "--yes", "--follow", "--timeout", "50s"]).await;
    assert!(told.contains("RequestFailed LLM_UNAVAILABLE  (1 of 1)"), "{told}");
    let again =
        outcomes.wait_for("the second dead letter", |_| outcomes.dead_letters(value.as_bytes()).get(1).cloned()).await;
    assert_eq!(again.header("replay-count"), Some("1"));

    let told = output(&env, &["dlt", "replay", "--yes", "--max-replays", "1"]).await;
    assert!(told.contains("0 sent") && told.contains("1  left: replayed 1 times or more"), "{told}");
    assert!(told.contains("1  left: kept again later"), "{told}");

    env.model.well();
    // Until that is known, a request is told at its deadline, which is short here.
    worker.wait_for_log("the model server is back").await;
    output(&env, &["dlt", "replay", "--yes"]).await;
    outcomes.expect_failure(member, "LLM_UNAVAILABLE").await;
    let answered = outcomes.expect(member, "FeedbackGenerated").await;
    let id = again.header("ce_id").unwrap();
    assert_eq!(answered.header("ce_causationid"), Some(format!("{id}#2").as_str()));
}

async fn dead_letters_are_listed_by_code_member_topic_and_time(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let _worker = env.worker_with(&hasty(&env)).await;
    let member = env.member();
    let failed = failed_request(&env, &outcomes, member).await;
    env.requests.request(&env.topics.resume_init).key("x").value("비밀").send().await;
    let unreadable = outcomes.dead_letter("비밀".as_bytes()).await;

    let list = async |filters: &[&str]| -> Vec<String> {
        let told = output(&env, &[&["dlt", "list", "--json"], filters].concat()).await;
        assert!(!told.contains("비밀"), "{told}");
        let lines = told.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        lines.map(|line| line["at"].as_str().expect("its place").to_owned()).collect()
    };
    let (failed, unreadable) = (place(&failed), place(&unreadable));
    let (failed, unreadable) = (failed.as_str(), unreadable.as_str());
    let member = member.to_string();
    assert_eq!(list(&[]).await, [failed, unreadable]);
    assert_eq!(list(&["--code", "UNDECODABLE"]).await, [unreadable]);
    assert_eq!(list(&["--code", "UNDECODABLE", "--code", "LLM_UNAVAILABLE"]).await.len(), 2);
    assert_eq!(list(&["--member", &member]).await, [failed]);
    assert_eq!(list(&["--topic", &env.topics.resume_init]).await, [unreadable]);
    assert_eq!(list(&["--topic", &env.topics.resume_answer]).await, [""; 0]);
    assert_eq!(list(&["--since", "1h", "--until", "0s"]).await.len(), 2);
    assert_eq!(list(&["--until", "1h"]).await, [""; 0]);
    assert_eq!(list(&["--since", "2100-01-01T00:00:00Z"]).await, [""; 0]);
    assert_eq!(list(&["--limit", "1"]).await, [failed]);

    let told = output(&env, &["dlt", "list"]).await;
    assert!(told.contains("2 dead letters\n       1  LLM_UNAVAILABLE\n       1  UNDECODABLE\n"), "{told}");
    let told = refusal(&env, &["dlt", "list", "--topic", "Elsewhere"]).await;
    assert!(told.contains("Elsewhere is not a request topic"), "{told}");
}

async fn a_dead_letter_is_shown_and_its_payload_only_when_asked_for(env: Arc<TestEnv>) {
    let (_worker, outcomes) = (env.worker().await, env.outcomes().await);
    let topic = &env.topics.resume_answer;
    let sent = env.requests.request(topic).key("k").value("비밀\u{1b}[2J").header("binary", [0, 255]).send().await;
    let letter = outcomes.dead_letter("비밀\u{1b}[2J".as_bytes()).await;
    let at = place(&letter);
    let told = output(&env, &["dlt", "show", &at]).await;
    for line in [
        format!("kafka_dlt-original-partition = {}", sent.partition),
        format!("kafka_dlt-original-offset = {}", sent.offset),
        "kafka_dlt-exception-fqcn = UNDECODABLE".to_owned(),
        "binary = base64:AP8=".to_owned(),
        format!("request id  {sent}"),
    ] {
        assert!(told.contains(&line), "{line} is not in {told}");
    }
    assert!(!told.contains("비밀"), "{told}");
    let told = output(&env, &["dlt", "show", &at, "--payload"]).await;
    assert!(told.contains("비밀\\u{1b}[2J"), "{told}");
    let nowhere = format!("{}/{}/{}", letter.topic, letter.partition, letter.offset + 1);
    assert!(refusal(&env, &["dlt", "show", &nowhere]).await.contains("there is no record"));
}

async fn init(env: &TestEnv, member: i64) {
    let value = json!({"memberId": member, "inputs": {"email": "hong@example.kr"}});
    env.requests.ask(&env.topics.resume_init, &value).send().await;
}

async fn sessions_are_listed_and_shown_without_texts(env: Arc<TestEnv>) {
    let (_worker, outcomes, member) = (env.worker().await, env.outcomes().await, env.member());
    let asked = "어떤 프로젝트를 하셨나요?";
    env.model.when_asked(Kind::Question, [Answer::question(asked)]);
    init(&env, member).await;
    let question = outcomes.expect(member, "ResumeQuestionGenerated").await.json();

    let told = output(&env, &["session", "list"]).await;
    let line = told.lines().find(|line| line.starts_with(&format!("member {member} "))).expect("the member's line");
    assert!(line.contains("questions 1") && line.contains("expires in 23h"), "{line}");
    let member = member.to_string();
    let told = output(&env, &["session", "show", &member]).await;
    let (session, question) = (question["sessionId"].as_str().unwrap(), question["questionId"].as_str().unwrap());
    assert!(told.contains(session) && told.contains(question) && told.contains("open"), "{told}");
    assert!(told.contains("sessions 1, drafts 0, lists of ended questions 0, saved outcomes 1"), "{told}");
    assert!(!told.contains(asked) && !told.contains("hong@example.kr"), "{told}");
    let told = output(&env, &["session", "show", &member, "--payload"]).await;
    assert!(told.contains(asked) && told.contains("hong@example.kr"), "{told}");
}

async fn a_members_data_is_removed_and_nobody_elses(env: Arc<TestEnv>) {
    let _worker = env.worker_with(&env.settings().with("MIN_QUESTIONS", 0)).await;
    let outcomes = env.outcomes().await;
    let member = env.member();
    // Its number begins with the other's, and so do its keys.
    let other = member * 10;
    for member in [member, other] {
        env.requests.ask(&env.topics.feedback_requested, &feedback(member)).send().await;
        outcomes.expect(member, "FeedbackGenerated").await;
        env.model.when_asked(Kind::Question, [Answer::enough()]);
        init(&env, member).await;
        outcomes.expect(member, "ResumeCompleted").await;
        env.model.well();
        init(&env, member).await;
        outcomes.expect(member, "ResumeQuestionGenerated").await;
    }
    let redis = Redis::connect(&env.services).await;
    let keys = async |member: i64| -> usize {
        let keys: Vec<String> = redis.run("KEYS", &[&format!("*:{{{member}}}*")]).await;
        keys.len()
    };
    let documents = async |member: i64| env.bucket().keys(&format!("{}{member}/", env.prefix())).await;
    let (all_keys, all_documents) = (keys(member).await, documents(member).await);
    assert_eq!((all_keys, all_documents.len()), (5, 1), "a session, ended questions, three outcomes; a document");

    let id = member.to_string();
    let told = output(&env, &["session", "delete", &id]).await;
    assert!(told.contains("sessions 1, drafts 0, lists of ended questions 1, saved outcomes 3"), "{told}");
    assert!(told.contains(&all_documents[0]), "{told}");
    assert_eq!((keys(member).await, documents(member).await.len()), (5, 1), "a dry run removes nothing");

    output(&env, &["session", "delete", &id, "--yes"]).await;
    assert_eq!((keys(member).await, documents(member).await.len()), (2, 0), "the mark, and names of what was answered");
    assert_eq!((keys(other).await, documents(other).await.len()), (5, 1));
    let value = json!({"memberId": member, "answer": "이어서 답합니다."});
    env.requests.ask(&env.topics.resume_answer, &value).send().await;
    outcomes.expect_failure(member, "NO_ACTIVE_SESSION").await;
}

async fn nothing_is_removed_while_the_member_is_locked(env: Arc<TestEnv>) {
    let (_worker, outcomes, member) = (env.worker().await, env.outcomes().await, env.member());
    init(&env, member).await;
    outcomes.expect(member, "ResumeQuestionGenerated").await;
    let redis = Redis::connect(&env.services).await;
    // As a worker at work has it.
    let lock = format!("resume:{{{member}}}:lock");
    let () = redis.run("SET", &[&lock, "somebody else's token", "PX", "600000"]).await;
    let id = member.to_string();
    let told = refusal(&env, &["session", "delete", &id, "--yes"]).await;
    assert!(told.contains("a worker works for member") && told.contains("nothing was removed"), "{told}");
    assert!(redis.session(member).await.is_some());
    let locks: Vec<String> = redis.run("KEYS", &[&format!("*:{{{member}}}:lock")]).await;
    assert_eq!(locks, [lock.as_str()], "the holder keeps its lock, and no other is left behind");

    let _: i64 = redis.run("DEL", &[&lock]).await;
    output(&env, &["session", "delete", &id, "--yes"]).await;
    assert!(redis.session(member).await.is_none());
}
