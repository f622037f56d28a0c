//! What goes to the dead letters, and what it looks like there (contract, section 5).

use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::{AdminOptions, NewPartitions};
use serde_json::json;

use crate::kit::model::Answer;
use crate::kit::outcome_reader::{OutcomeReader, Record};
use crate::kit::test_env::TestEnv;
use crate::kit::topics::{admin, has_partitions};

crate::case::cases![
    what_names_no_member_is_kept_byte_for_byte_and_hurts_nobody_else,
    a_value_may_nest_to_level_128_and_no_deeper,
    the_headers_are_springs_in_springs_encodings,
    a_second_trip_appends_where_it_came_from_and_replaces_what_went_wrong,
    without_the_partition_the_key_decides,
    a_failure_for_people_to_look_at_is_an_outcome_and_a_dead_letter,
];

/// Arrays within each other.
fn nested(levels: usize) -> String {
    format!("{}{}", "[".repeat(levels), "]".repeat(levels))
}

async fn dead_letter_of_key(outcomes: &OutcomeReader, key: &str) -> Record {
    outcomes
        .wait_for(&format!("the dead letter with key {key}"), |records| {
            records
                .iter()
                .find(|record| record.is_dead_letter() && record.key.as_deref() == Some(key.as_bytes()))
                .cloned()
        })
        .await
}

async fn what_names_no_member_is_kept_byte_for_byte_and_hurts_nobody_else(env: Arc<TestEnv>) {
    let (_worker, outcomes) = (env.worker().await, env.outcomes().await);
    let huge = format!("{{\"memberId\": 0, \"answer\": \"{}\"}}", "a".repeat(1_048_000));
    let deep = nested(100_000);
    let deep_member = format!("{{\"memberId\": 7, \"extra\": {deep}}}");
    let unclosed = "[".repeat(100_000);
    let values: Vec<Option<&[u8]>> = vec![
        None,
        Some(b""),
        Some(b"not json"),
        Some(b"{\"memberId\": 7"),
        Some(b"{\"memberId\": 7} and more"),
        Some(b"[{\"memberId\": 7}]"),
        Some(b"\"{}\""),
        Some(b"null"),
        Some(b"7"),
        Some(b"{}"),
        Some(b"{\"memberId\": null, \"member_id\": null}"),
        Some(b"{\"memberId\": 0}"),
        Some(b"{\"memberId\": -1}"),
        Some(b"{\"memberId\": 2.5}"),
        Some(b"{\"memberId\": \"seven\"}"),
        Some(b"{\"memberId\": 9223372036854775808}"),
        Some(b"{\"memberId\": [7]}"),
        Some(b"{\"memberId\": 7, \"question\": \"\xff\xfe\"}"),
        Some(b"\x00\x01\x02"),
        Some(huge.as_bytes()),
        Some(deep.as_bytes()),
        Some(deep_member.as_bytes()),
        Some(unclosed.as_bytes()),
    ];
    let topics = [&env.topics.feedback_requested, &env.topics.resume_init, &env.topics.resume_answer];
    for (number, value) in values.iter().enumerate() {
        let mut request = env.requests.request(topics[number % 3]).key(format!("row-{number}"));
        if let Some(value) = value {
            request = request.value(*value);
        }
        request.send().await;
    }
    for (number, value) in values.iter().enumerate() {
        let letter = dead_letter_of_key(&outcomes, &format!("row-{number}")).await;
        assert_eq!(letter.value.as_deref(), *value, "row {number}");
        assert_eq!(letter.topic, format!("{}-dlt", topics[number % 3]));
        assert_eq!(letter.header("kafka_dlt-exception-fqcn"), Some("UNDECODABLE"), "row {number}");
    }
    let member = env.member();
    let value = json!({"memberId": member, "question": "힙이란?", "answer": "동적으로 쓰는 메모리입니다."});
    env.requests.ask(&env.topics.feedback_requested, &value).send().await;
    outcomes.expect(member, "FeedbackGenerated").await;
    let told = outcomes.records().iter().filter(|record| !record.is_dead_letter()).count();
    assert_eq!(told, 1, "nobody is told about a record that names nobody");
}

async fn a_value_may_nest_to_level_128_and_no_deeper(env: Arc<TestEnv>) {
    let (_worker, outcomes) = (env.worker().await, env.outcomes().await);
    let request = |member: i64, levels: usize| {
        let extra = nested(levels);
        format!(
            "{{\"memberId\": {member}, \"question\": \"스택?\", \"answer\": \"나중에 온 것이 먼저 나갑니다.\", \"extra\": {extra}}}"
        )
    };
    let (at, over) = (env.member(), env.member());
    // The object itself is the first level.
    let over_value = request(over, 128);
    env.requests.request(&env.topics.feedback_requested).key("over").value(over_value.clone()).send().await;
    env.requests.request(&env.topics.feedback_requested).key("at").value(request(at, 127)).send().await;
    outcomes.expect(at, "FeedbackGenerated").await;
    let letter = outcomes.dead_letter(over_value.as_bytes()).await;
    assert_eq!(letter.header("kafka_dlt-exception-fqcn"), Some("UNDECODABLE"));
    assert!(outcomes.of(over).is_empty());
}

async fn the_headers_are_springs_in_springs_encodings(env: Arc<TestEnv>) {
    let (_worker, outcomes) = (env.worker().await, env.outcomes().await);
    let topic = &env.topics.resume_init;
    let now = i64::try_from(time::OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000).unwrap();
    // Another record first, so that the offset is not 0.
    env.requests.request(topic).key("before").value("x").partition(1).send().await;
    let place = env
        .requests
        .request(topic)
        .key("the-key")
        .value("not json: 비밀스러운 내용")
        .header("ce_id", "abc")
        .header("twice", "1")
        .header("twice", "2")
        .header("binary", [0, 159, 146, 150])
        .null_header("nothing")
        .partition(1)
        .timestamp(now)
        .send()
        .await;
    assert!(place.offset > 0);
    let letter = dead_letter_of_key(&outcomes, "the-key").await;
    assert_eq!(letter.partition, 1);
    assert_eq!(letter.value.as_deref(), Some("not json: 비밀스러운 내용".as_bytes()));
    let own: Vec<(&str, Option<&[u8]>)> = letter
        .headers
        .iter()
        .filter(|(name, _)| !name.starts_with("kafka_dlt-"))
        .map(|(name, value)| (name.as_str(), value.as_deref()))
        .collect();
    let expected: Vec<(&str, Option<&[u8]>)> = vec![
        ("ce_id", Some(b"abc")),
        ("twice", Some(b"1")),
        ("twice", Some(b"2")),
        ("binary", Some(&[0, 159, 146, 150])),
        ("nothing", None),
    ];
    assert_eq!(own, expected);
    let group = format!("ssammu-resume-{}", env.topics.suffix);
    let bytes = |name: &str| -> Vec<u8> {
        let values = letter.headers_named(&format!("kafka_dlt-{name}"));
        assert_eq!(values.len(), 1, "{name}");
        values[0].to_vec()
    };
    assert_eq!(bytes("original-topic"), topic.as_bytes());
    assert_eq!(bytes("original-partition"), [0, 0, 0, 1]);
    assert_eq!(bytes("original-offset"), place.offset.to_be_bytes());
    assert_eq!(bytes("original-timestamp"), now.to_be_bytes());
    assert_eq!(bytes("original-timestamp-type"), b"CreateTime");
    assert_eq!(bytes("original-consumer-group"), group.as_bytes());
    assert_eq!(bytes("exception-fqcn"), b"UNDECODABLE");
    assert_eq!(bytes("exception-cause-fqcn"), b"UNDECODABLE");
    for name in ["exception-message", "exception-stacktrace"] {
        let text = String::from_utf8(bytes(name)).expect("text");
        assert!(!text.is_empty() && text.len() <= 1024, "{name}: {text}");
        assert!(!text.contains("비밀"), "{name} holds what the member wrote: {text}");
    }
}

async fn a_second_trip_appends_where_it_came_from_and_replaces_what_went_wrong(env: Arc<TestEnv>) {
    let (_worker, outcomes) = (env.worker().await, env.outcomes().await);
    let topic = &env.topics.feedback_requested;
    let place = env
        .requests
        .request(topic)
        .key("again")
        .value("still not json")
        .header("kafka_dlt-original-topic", "Earlier")
        .header("kafka_dlt-original-partition", 9_i32.to_be_bytes())
        .header("kafka_dlt-original-offset", 99_i64.to_be_bytes())
        .header("kafka_dlt-exception-fqcn", "LLM_UNAVAILABLE")
        .header("kafka_dlt-exception-message", "an old story")
        .send()
        .await;
    let letter = dead_letter_of_key(&outcomes, "again").await;
    assert_eq!(letter.headers_named("kafka_dlt-original-topic"), [b"Earlier".as_slice(), topic.as_bytes()]);
    assert_eq!(
        letter.headers_named("kafka_dlt-original-partition"),
        [9_i32.to_be_bytes(), place.partition.to_be_bytes()]
    );
    assert_eq!(letter.headers_named("kafka_dlt-original-offset"), [99_i64.to_be_bytes(), place.offset.to_be_bytes()]);
    assert_eq!(letter.headers_named("kafka_dlt-exception-fqcn"), [b"UNDECODABLE"]);
    let messages = letter.headers_named("kafka_dlt-exception-message");
    assert!(messages.len() == 1 && messages[0] != b"an old story", "{messages:?}");
}

async fn without_the_partition_the_key_decides(env: Arc<TestEnv>) {
    env.create_topics().await;
    let topic = &env.topics.feedback_requested;
    let more = NewPartitions::new(topic, 4);
    let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(30)));
    admin(&env.services.kafka).create_partitions([&more], &options).await.expect("Kafka adds partitions");
    has_partitions(&env.services.kafka, topic, 4).await;
    let (_worker, outcomes) = (env.worker().await, env.outcomes().await);
    env.requests.request(topic).key("far-away").value("nonsense").partition(3).send().await;
    let letter = dead_letter_of_key(&outcomes, "far-away").await;
    assert_eq!(letter.headers_named("kafka_dlt-original-partition"), [3_i32.to_be_bytes()]);
}

async fn a_failure_for_people_to_look_at_is_an_outcome_and_a_dead_letter(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let _worker = env.worker_with(&env.settings().with("REQUEST_DEADLINE", "3s")).await;
    let member = env.member();
    env.model.always(Answer::busy());
    let value =
        json!({"memberId": member, "problemId": 8, "question": "트리란?", "answer": "순환이 없는 그래프입니다."});
    let place = env.requests.ask(&env.topics.feedback_requested, &value).header("x-spring", "kept").send().await;
    let failed = outcomes.expect_failure(member, "LLM_UNAVAILABLE").await;
    let letter = outcomes.dead_letter(value.to_string().as_bytes()).await;
    assert_eq!(letter.header("kafka_dlt-exception-fqcn"), Some("LLM_UNAVAILABLE"));
    assert_eq!(letter.header("x-spring"), Some("kept"));
    assert_eq!(letter.key.as_deref(), Some(member.to_string().as_bytes()));
    assert_eq!(letter.partition, place.partition);
    assert_eq!(failed.json()["problemId"], 8);
}
