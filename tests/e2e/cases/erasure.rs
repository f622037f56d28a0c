//! A member is erased (`session delete`), and nothing of it comes back; what is kept has an end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::http::Method;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::kit::gateway_process::{FEEDBACK_PATH, GatewayProcess};
use crate::kit::model::{Answer, Kind};
use crate::kit::outcome_reader::{OutcomeReader, Record};
use crate::kit::policy::Policy;
use crate::kit::redis::Redis;
use crate::kit::s3::Bucket;
use crate::kit::services::ports::free_port;
use crate::kit::settings::Settings;
use crate::kit::test_env::{PARTITIONS, TestEnv};
use crate::kit::wait::eventually;
use crate::kit::worker_process::Ended;

crate::case::cases![
    nothing_comes_back_of_a_member_who_was_erased,
    that_a_letters_member_was_erased_is_shown,
    a_bucket_that_keeps_versions_has_none_left,
    more_documents_than_a_page_lists_are_removed,
    versions_that_may_not_be_seen_or_removed_are_told_and_the_next_run_goes_on,
    a_removal_that_was_interrupted_goes_on_and_brings_nothing_back_meanwhile,
    dead_letters_before_a_moment_are_deleted_and_nothing_else,
    a_topic_that_keeps_what_members_wrote_for_too_long_is_told,
    the_gateway_forgets_in_time,
];

async fn delete(env: &TestEnv, member: i64, settings: &Settings) -> Ended {
    env.run(&["session", "delete", &member.to_string(), "--yes"], settings).await
}

async fn erase(env: &TestEnv, member: i64) {
    let ended = delete(env, member, &env.settings()).await;
    assert!(ended.status.success(), "{}\n{}", ended.stdout, ended.stderr);
}

/// Runs a command that must succeed; its output.
async fn output(env: &TestEnv, arguments: &[&str]) -> String {
    let ended = env.run(arguments, &env.settings()).await;
    assert!(ended.status.success(), "{arguments:?}: {}\n{}", ended.stdout, ended.stderr);
    ended.stdout
}

fn feedback(member: i64, answer: &str) -> Value {
    json!({"memberId": member, "question": "캐시란?", "answer": answer})
}

async fn ask(env: &TestEnv, member: i64, answer: &str) {
    env.requests.ask(&env.topics.feedback_requested, &feedback(member, answer)).send().await;
}

async fn init(env: &TestEnv, member: i64) {
    let value = json!({"memberId": member, "inputs": {"email": "hong@example.kr"}});
    env.requests.ask(&env.topics.resume_init, &value).send().await;
}

/// The keys of a member in Redis.
async fn keys(env: &TestEnv, member: i64) -> BTreeSet<String> {
    let redis = Redis::connect(&env.services).await;
    let keys: Vec<String> = redis.run("KEYS", &[&format!("*:{{{member}}}*")]).await;
    keys.into_iter().collect()
}

fn marks(member: i64) -> BTreeSet<String> {
    ["erased", "erased:answered"].map(|key| format!("resume:{{{member}}}:{key}")).into()
}

/// Outcomes by their requests: of each the ids, without repeats.
fn by_request(outcomes: &[Record]) -> BTreeMap<String, BTreeSet<String>> {
    let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for outcome in outcomes {
        let header = |name| outcome.header(name).expect("a header").to_owned();
        ids.entry(header("ce_causationid")).or_default().insert(header("ce_id"));
    }
    ids
}

/// A worker that gives up on the model soon.
fn hasty(env: &TestEnv) -> Settings {
    env.settings().with("REQUEST_DEADLINE", "3s").with("MIN_QUESTIONS", 0)
}

async fn nothing_comes_back_of_a_member_who_was_erased(env: Arc<TestEnv>) {
    let (outcomes, member) = (env.outcomes().await, env.member());
    let worker = env.worker_with(&hasty(&env)).await;
    env.model.always(Answer::busy());
    env.model.always_to_probes(Answer::text("네"));
    ask(&env, member, "실패할 답변").await;
    outcomes.expect_failure(member, "LLM_UNAVAILABLE").await;
    outcomes.dead_letter(feedback(member, "실패할 답변").to_string().as_bytes()).await;
    worker.stop().await;
    env.model.well();
    let worker = env.worker_with(&hasty(&env)).await;
    ask(&env, member, "답변").await;
    outcomes.expect(member, "FeedbackGenerated").await;
    env.model.when_asked(Kind::Question, [Answer::enough()]);
    init(&env, member).await;
    outcomes.expect(member, "ResumeCompleted").await;
    env.model.well();
    init(&env, member).await;
    outcomes.expect(member, "ResumeQuestionGenerated").await;
    worker.stop().await;
    // These wait in Kafka.
    ask(&env, member, "기다리는 답변").await;
    let answer = json!({"memberId": member, "answer": "이어서 답합니다."});
    env.requests.ask(&env.topics.resume_answer, &answer).send().await;

    erase(&env, member).await;
    let told = output(&env, &["dlt", "replay", "--yes", "--unknown"]).await;
    assert!(told.contains("0 sent") && told.contains("1  left: their members were erased since"), "{told}");
    let topics = [&env.topics.feedback_requested, &env.topics.resume_init, &env.topics.resume_answer];
    for topic in topics {
        for partition in 0..PARTITIONS {
            env.commits(topic).write(partition, 0, "").await;
        }
    }
    let calls = env.model.calls().len();
    let _worker = env.worker_with(&hasty(&env)).await;
    for topic in topics {
        env.commits(topic).reach_the_end().await;
    }
    for _ in 0..2 {
        outcomes.expect_failure(member, "DEADLINE_EXCEEDED").await;
    }
    outcomes.everything().await;
    let answered = by_request(&outcomes.of(member));
    assert!(answered.len() == 6 && answered.values().all(|ids| ids.len() == 1), "{answered:?}");
    assert_eq!(env.model.calls().len(), calls, "nothing is paid for");
    assert_eq!(keys(&env, member).await, marks(member));
    assert_eq!(env.bucket().keys(&format!("{}{member}/", env.prefix())).await, [""; 0]);
    assert_eq!(outcomes.records().iter().filter(|record| record.is_dead_letter()).count(), 1);

    // Who comes back is a member like any other.
    ask(&env, member, "새 답변").await;
    outcomes.expect(member, "FeedbackGenerated").await;
    init(&env, member).await;
    outcomes.expect(member, "ResumeQuestionGenerated").await;
}

async fn that_a_letters_member_was_erased_is_shown(env: Arc<TestEnv>) {
    let (outcomes, erased, other) = (env.outcomes().await, env.member(), env.member());
    let worker = env.worker_with(&hasty(&env)).await;
    env.model.always(Answer::busy());
    env.model.always_to_probes(Answer::text("네"));
    for member in [erased, other] {
        ask(&env, member, "답변").await;
        outcomes.expect_failure(member, "LLM_UNAVAILABLE").await;
    }
    let letter = outcomes.dead_letter(feedback(erased, "답변").to_string().as_bytes()).await;
    outcomes.dead_letter(feedback(other, "답변").to_string().as_bytes()).await;
    worker.stop().await;
    erase(&env, erased).await;
    let told = output(&env, &["session", "show", &erased.to_string()]).await;
    assert!(told.contains(&format!("member {erased} was erased at 2")), "{told}");
    let told = output(&env, &["dlt", "list"]).await;
    let is_marked = |member: i64| {
        told.lines().any(|line| line.contains(&format!("member {member}  ")) && line.ends_with("member erased"))
    };
    assert!(is_marked(erased) && !is_marked(other), "{told}");
    assert!(told.contains("1 of them of members that were erased since"), "{told}");
    let at = format!("{}/{}/{}", letter.topic, letter.partition, letter.offset);
    let told = output(&env, &["dlt", "show", &at]).await;
    assert!(told.lines().next().is_some_and(|line| line.ends_with("member erased")), "{told}");

    // Who only looks can do without Redis.
    let away = env.settings().with("REDIS_URL", format!("redis://127.0.0.1:{}", free_port()));
    let ended = env.run(&["dlt", "list"], &away).await;
    assert!(ended.status.success() && ended.stdout.contains("2 dead letters"), "{}\n{}", ended.stdout, ended.stderr);
    assert!(ended.stderr.contains("whose data was erased is not known"), "{}", ended.stderr);
}

/// A bucket with versions, in which a member has three of two documents and a hidden one; and its settings.
async fn with_versions(env: &TestEnv, member: i64) -> (Bucket, Settings) {
    let bucket = Bucket::versioned(&env.services, &format!("versioned-{}", env.topics.suffix)).await;
    for key in ["a.docx", "a.docx", "b.docx", "hidden.docx"] {
        bucket.put(&format!("{}{member}/{key}", env.prefix()), b"docx").await;
    }
    bucket.delete(&format!("{}{member}/hidden.docx", env.prefix())).await;
    let settings = env.settings().with("S3_BUCKET_NAME", &bucket.name);
    (bucket, settings)
}

async fn a_bucket_that_keeps_versions_has_none_left(env: Arc<TestEnv>) {
    let member = env.member();
    let (bucket, settings) = with_versions(&env, member).await;
    let prefix = |member: i64| format!("{}{member}/", env.prefix());
    let other = member * 10;
    bucket.put(&format!("{}a.docx", prefix(other)), b"docx").await;
    assert_eq!(bucket.versions(&prefix(member)).await, 5);
    let dry = env.run(&["session", "delete", &member.to_string()], &settings).await;
    assert!(dry.status.success() && dry.stdout.contains("would be removed: 5 versions in all"), "{}", dry.stdout);
    assert_eq!(bucket.versions(&prefix(member)).await, 5, "a dry run removes nothing");
    for _ in 0..2 {
        let ended = delete(&env, member, &settings).await;
        assert!(ended.status.success(), "{}\n{}", ended.stdout, ended.stderr);
        assert_eq!((bucket.versions(&prefix(member)).await, bucket.versions(&prefix(other)).await), (0, 1));
    }
}

async fn more_documents_than_a_page_lists_are_removed(env: Arc<TestEnv>) {
    let member = env.member();
    let bucket = Bucket::another(&env.services, &format!("large-{}", env.topics.suffix)).await;
    let keys = (0..1_001).map(|number| format!("{}{member}/{number}.docx", env.prefix()));
    stream::iter(keys).for_each_concurrent(8, async |key| bucket.put(&key, b"docx").await).await;
    let ended = delete(&env, member, &env.settings().with("S3_BUCKET_NAME", &bucket.name)).await;
    assert!(ended.status.success(), "{}\n{}", ended.stdout, ended.stderr);
    assert_eq!(bucket.versions(&format!("{}{member}/", env.prefix())).await, 0);
}

async fn versions_that_may_not_be_seen_or_removed_are_told_and_the_next_run_goes_on(env: Arc<TestEnv>) {
    let member = env.member();
    let (bucket, settings) = with_versions(&env, member).await;
    let prefix = format!("{}{member}/", env.prefix());
    let s3 = Policy::open(env.services.s3_port).await;
    let settings = settings.with("AWS_ENDPOINT_URL_S3", s3.url());
    let told = async |settings: &Settings| {
        let ended = delete(&env, member, settings).await;
        assert_eq!(ended.status.code(), Some(1), "{}\n{}", ended.stdout, ended.stderr);
        ended.stderr
    };
    s3.deny_versions(Some(Method::GET));
    let seen = told(&settings).await;
    assert!(seen.contains("of 2 documents") && seen.contains("s3:ListBucketVersions"), "{seen}");
    assert_eq!(bucket.keys(&prefix).await, [""; 0], "whoever does not ask for versions finds nothing");
    let seen = told(&settings).await;
    assert!(seen.contains("could not be looked at: s3:ListBucketVersions"), "{seen}");
    // Nobody knows whether this one keeps any.
    let seen = told(&env.settings().with("AWS_ENDPOINT_URL_S3", s3.url())).await;
    assert!(seen.contains("could not be looked at"), "{seen}");
    s3.deny_versions(Some(Method::DELETE));
    let seen = told(&settings).await;
    assert!(seen.contains("7 of 7 versions are left") && seen.contains("s3:DeleteObjectVersion"), "{seen}");
    s3.deny_versions(None);
    assert!(delete(&env, member, &settings).await.status.success());
    assert_eq!(bucket.versions(&prefix).await, 0);
}

async fn a_removal_that_was_interrupted_goes_on_and_brings_nothing_back_meanwhile(env: Arc<TestEnv>) {
    let (outcomes, member) = (env.outcomes().await, env.member());
    let worker = env.worker_with(&hasty(&env)).await;
    env.model.when_asked(Kind::Question, [Answer::enough()]);
    init(&env, member).await;
    outcomes.expect(member, "ResumeCompleted").await;
    worker.stop().await;
    ask(&env, member, "기다리는 답변").await;
    let nowhere = env.settings().with("AWS_ENDPOINT_URL_S3", format!("http://127.0.0.1:{}", free_port()));
    let ended = delete(&env, member, &nowhere).await;
    assert_eq!(ended.status.code(), Some(1), "{}\n{}", ended.stdout, ended.stderr);
    assert_eq!(keys(&env, member).await, marks(member), "the mark was there first, and the locks are free");
    let _worker = env.worker_with(&hasty(&env)).await;
    outcomes.expect_failure(member, "DEADLINE_EXCEEDED").await;
    let documents = format!("{}{member}/", env.prefix());
    assert_eq!(env.bucket().keys(&documents).await.len(), 1);
    erase(&env, member).await;
    assert_eq!(env.bucket().keys(&documents).await, [""; 0]);
}

async fn dead_letters_before_a_moment_are_deleted_and_nothing_else(env: Arc<TestEnv>) {
    env.create_topics().await;
    let [of_feedback, of_init, _] = env.topics.dead_letters();
    let others = [env.topics.feedback_requested.clone(), env.topics.of("RequestFailed")];
    let now = OffsetDateTime::now_utc().unix_timestamp() * 1_000;
    let [old, moment, young] = [3_600_000, 1_800_000, 60_000].map(|ago| now - ago);
    let put = async |topic: &str, partition, at: i64| {
        env.requests.request(topic).key("7").value(at.to_string()).partition(partition).timestamp(at).send().await;
    };
    // What stands behind a younger one stays, whatever its time.
    for (partition, at) in [(0, old), (0, old + 1), (0, moment), (0, old), (0, young), (1, moment - 1)] {
        put(&of_feedback, partition, at).await;
    }
    put(&of_init, 0, old).await;
    for other in &others {
        put(other, 0, old).await;
    }
    let left = async |topics: &[String]| {
        let reader = OutcomeReader::over(&env.services.kafka, &env.topics, topics, PARTITIONS).await;
        let text = |record: &Record| String::from_utf8(record.value.clone().unwrap()).unwrap();
        let mut left: Vec<String> = reader.everything().await.iter().map(text).collect();
        left.sort();
        left
    };
    let before = OffsetDateTime::from_unix_timestamp(moment / 1_000).unwrap();
    let before = before.format(&time::format_description::well_known::Rfc3339).unwrap();
    let purge = ["dlt", "purge", "--before", &before];
    let told = output(&env, &purge).await;
    assert!(told.contains(&format!("3  of {of_feedback}")) && told.contains("4 would be deleted"), "{told}");
    let dead_letters = [of_feedback.clone(), of_init.clone()];
    assert_eq!(left(&dead_letters).await.len(), 7, "a dry run deletes nothing");
    let told = output(&env, &[&purge[..], &["--topic", &env.topics.feedback_requested, "--yes"]].concat()).await;
    assert!(told.contains(&format!("deleted        3  of {of_feedback}")) && !told.contains(&of_init), "{told}");
    let expected = [moment, old, young].map(|at| at.to_string());
    let mut expected = expected.to_vec();
    expected.sort();
    assert_eq!(left(std::slice::from_ref(&of_feedback)).await, expected);
    assert_eq!(left(std::slice::from_ref(&of_init)).await.len(), 1, "another topic was not meant");
    output(&env, &[&purge[..], &["--yes"]].concat()).await;
    assert_eq!((left(std::slice::from_ref(&of_init)).await.len(), left(&others).await.len()), (0, 2));
    let told = output(&env, &[&purge[..], &["--yes"]].concat()).await;
    assert!(told.contains(&format!("deleted        0  of {of_feedback}")), "{told}");
    let ended = env.run(&["dlt", "purge", "--before", "0s", "--topic", &others[1], "--yes"], &env.settings()).await;
    assert!(ended.status.code() == Some(1) && ended.stderr.contains("is not a request topic"), "{}", ended.stderr);
}

async fn a_topic_that_keeps_what_members_wrote_for_too_long_is_told(env: Arc<TestEnv>) {
    env.create_topics().await;
    let told = output(&env, &["topics"]).await;
    assert!(!told.contains("PERSONAL_DATA_MAX_AGE"), "{told}");
    let settings = env.settings().with("PERSONAL_DATA_MAX_AGE", "6d");
    let ended = env.run(&["topics"], &settings).await;
    let topic = &env.topics.resume_init;
    let line = format!("differs {topic} keeps what members wrote for 7 days (retention.ms), and may for 6 ");
    assert!(ended.status.success() && ended.stdout.contains(&line), "{}", ended.stdout);
}

async fn the_gateway_forgets_in_time(env: Arc<TestEnv>) {
    let (outcomes, member) = (env.outcomes().await, env.member());
    let _worker = env.worker_with(&hasty(&env)).await;
    let gateway = env.gateway_with(&env.settings().with("GATEWAY_REPLAY", "6s")).await;
    let lasting = env.gateway().await;
    env.model.when_asked(Kind::Question, [Answer::enough()]);
    init(&env, member).await;
    let completed = outcomes.expect(member, "ResumeCompleted").await.json();
    let path = format!("/documents/{}", completed["resumeObjectKey"].as_str().unwrap());
    let status = async |gateway: &GatewayProcess| {
        gateway.ask(Method::GET, &path).send().await.expect("the gateway answers").status().as_u16()
    };
    eventually("both gateways know the document", || async {
        (status(&gateway).await == 200 && status(&lasting).await == 200).then_some(())
    })
    .await;
    eventually("it is forgotten", || async { (status(&gateway).await == 404).then_some(()) }).await;
    assert_eq!(status(&lasting).await, 200);
    assert_eq!(gateway.call(FEEDBACK_PATH, &feedback(member, "답변")).await.0, 200);
    let mut events = gateway.events(&format!("memberId={member}&lastEventId=0"), "").await;
    events.expect("problem-feedback").await;
}
