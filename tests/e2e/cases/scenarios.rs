//! Faults that other consumers of this kind are known for, each staged.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::{Value, json};

use crate::case::Case;
use crate::kit::model::Answer;
use crate::kit::model::script::FEEDBACK;
use crate::kit::outcome_reader::{OutcomeReader, Record};
use crate::kit::redis::Redis;
use crate::kit::settings::Settings;
use crate::kit::test_env::TestEnv;
use crate::kit::wait::eventually;
use crate::kit::worker_process::WorkerProcess;

pub fn cases() -> Vec<Case> {
    let always = crate::case::list![
        closing_commits_what_is_finished_and_nothing_else,
        a_worker_frozen_past_its_lock_and_session_changes_nothing_when_it_wakes,
        no_request_is_lost_or_doubled_while_a_second_worker_comes_and_goes,
        slow_work_never_exceeds_the_poll_interval,
        commit_metadata_of_somebody_else_is_ignored,
        what_is_done_behind_a_slow_head_is_not_worked_again_after_a_kill,
        what_lies_too_far_ahead_for_the_commits_map_waits_and_is_not_lost,
        a_partition_that_comes_back_while_its_record_is_in_work_is_read_again,
        a_topic_that_is_deleted_and_made_again_is_read_from_its_beginning,
        a_topic_made_again_loses_nothing_though_it_is_longer_than_before,
        a_topic_made_again_while_no_worker_runs_is_answered_anew,
        a_transaction_leaves_no_lag,
        large_requests_in_work_do_not_take_all_the_memory,
    ];
    let with_fail_points = crate::case::list![
        a_panic_in_a_request_is_internal_and_the_worker_goes_on,
        a_panic_after_the_answer_sends_it_once_more_and_the_worker_goes_on,
        a_panic_of_the_intake_ends_the_process_and_nothing_is_lost,
    ];
    always.into_iter().chain(with_fail_points.into_iter().map(Case::with_fail_points)).collect()
}

/// Asks for feedback in partition 0, so that all requests of a test share their offsets; gives the request's id.
async fn ask(env: &TestEnv, member: i64, text: &str) -> String {
    let value = json!({"memberId": member, "question": text, "answer": "잘 모르겠지만 설명해 보겠습니다."});
    let request = env.requests.ask(&env.topics.feedback_requested, &value).partition(0);
    request.send().await.to_string()
}

async fn outcome(outcomes: &OutcomeReader, id: &str) -> Record {
    let find = |records: &[Record]| records.iter().find(|record| record.answers(id)).cloned();
    outcomes.wait_for(&format!("the outcome of {id}"), find).await
}

/// Every outcome that is there is of one of these requests, each has one with one id, and there are no dead letters.
async fn assert_each_answered_once(outcomes: &OutcomeReader, requests: &[String]) {
    let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for record in outcomes.everything().await {
        assert!(!record.is_dead_letter() && record.kind != "RequestFailed", "{record:?}");
        let header = |name| record.header(name).expect("the header").to_owned();
        ids.entry(header("ce_causationid")).or_default().insert(header("ce_id"));
    }
    let answered: BTreeSet<&String> = ids.keys().collect();
    assert_eq!(answered, requests.iter().collect());
    assert!(ids.values().all(|ids| ids.len() == 1), "a request has outcomes with two ids: {ids:?}");
}

/// The value of a counter, over all its labels.
async fn counted(worker: &WorkerProcess, name: &str) -> u64 {
    let (_, text) = worker.get("/metrics").await.expect("metrics");
    let lines = text.lines().filter(|line| line.split(['{', ' ']).next() == Some(name));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

/// Waits until the map of what is done behind the committed offset names so many records.
async fn mapped(env: &TestEnv, head: i64, count: u32) {
    let commits = env.commits(&env.topics.feedback_requested);
    eventually(&format!("a commit at {head} with {count} done behind it"), || async {
        let commit = commits.all().await.swap_remove(0);
        (commit.offset == head && commit.done_behind() == count).then_some(())
    })
    .await;
}

fn instance(env: &TestEnv) -> Settings {
    env.settings().with("KAFKA_PROPERTIES", "group.instance.id=one")
}

/// confluentinc/parallel-consumer#826 committed the highest offset seen.
async fn closing_commits_what_is_finished_and_nothing_else(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let worker = env.worker_with(&env.settings().with("SHUTDOWN_GRACE", "1s")).await;
    env.model.when("첫째로 느린 질문", [Answer::stall(), Answer::text(FEEDBACK)]);
    let mut requests = vec![ask(&env, env.member(), "첫째로 느린 질문").await];
    env.model.wait_for("the slow call", |load| load.at_work == 1).await;
    for _ in 0..5 {
        requests.push(ask(&env, env.member(), "빠른 질문").await);
    }
    for request in &requests[1..] {
        outcome(&outcomes, request).await;
    }
    worker.stop().await;
    let commit = env.commits(&env.topics.feedback_requested).all().await.swap_remove(0);
    assert_eq!((commit.offset, commit.done_behind()), (0, 5), "{commit:?}");

    let next = env.worker().await;
    outcome(&outcomes, &requests[0]).await;
    env.commits(&env.topics.feedback_requested).reach_the_end().await;
    assert_each_answered_once(&outcomes, &requests).await;
    assert_eq!(counted(&next, "ssammu_records_skipped_total").await, 5);
    assert_eq!(env.model.calls().len(), 7, "only the slow one is worked again");
}

async fn a_worker_frozen_past_its_lock_and_session_changes_nothing_when_it_wakes(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let redis = Redis::connect(&env.services).await;
    let mut frozen = env.worker_with(&env.settings()).await;
    let member = env.member();
    let resume = async |topic: &str, value: Value| env.requests.ask(topic, &value).send().await.to_string();
    let answer = async |question: &Record, text: &str| {
        let value = json!({"memberId": member, "answer": text, "questionId": question.json()["questionId"]});
        resume(&env.topics.resume_answer, value).await
    };
    let inputs = json!({"memberId": member, "inputs": {"email": "a@b.kr", "preferred_job": "BACKEND"}});
    let mut requests = vec![resume(&env.topics.resume_init, inputs).await];
    let first = outcome(&outcomes, &requests[0]).await;
    let stale = "얼어붙은 워커의 질문입니다. 무엇이 남았나요?";
    let slow = Answer::question(stale).after(Duration::from_secs(1));
    env.model.next([slow]);
    requests.push(answer(&first, "얼어붙은 답변").await);
    env.model.wait_for("the call", |load| load.at_work == 1).await;
    frozen.pause().await;
    env.model.wait_for("the answer is out", |load| load.at_work == 0).await;

    // The group and the lock let go of the frozen worker by themselves.
    let next = env.worker_with(&env.settings()).await;
    let second = outcome(&outcomes, &requests[1]).await;
    assert_ne!(second.json()["question"], stale);
    requests.push(answer(&second, "새 답변").await);
    let third = outcome(&outcomes, &requests[2]).await;
    assert_eq!(third.json()["questionNumber"], 3);
    env.commits(&env.topics.resume_answer).reach_the_end().await;
    let (session, commits) = (redis.session(member).await, env.commits(&env.topics.resume_answer).all().await);

    frozen.resume().await;
    frozen.wait_for_log("partitions were lost").await;
    frozen.ready().await;
    assert!(frozen.stop().await.success());
    assert_eq!(redis.session(member).await, session, "what it had in hand is stale");
    assert_eq!(env.commits(&env.topics.resume_answer).all().await, commits);
    requests.push(answer(&third, "마지막 답변").await);
    assert_eq!(outcome(&outcomes, &requests[3]).await.kind, "ResumeCompleted");
    assert!(next.stop().await.success());
    assert_each_answered_once(&outcomes, &requests).await;
    let shown = outcomes.everything().await.iter().any(|record| record.json()["question"] == stale);
    assert!(!shown, "what was not saved is never sent");
}

/// confluentinc/librdkafka#4059: assignments were lost when a commit met a cooperative rebalance.
/// fede1024/rust-rdkafka#535: a partition whose queue was dropped was never read again.
async fn no_request_is_lost_or_doubled_while_a_second_worker_comes_and_goes(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let _first = env.worker().await;
    env.model.always(Answer::text(FEEDBACK).after(Duration::from_millis(300)));
    let members: Vec<i64> = (0..16).map(|_| env.member()).collect();
    let mut requests = Vec::new();
    let mut send = async |numbers: std::ops::Range<u32>| {
        for number in numbers {
            for member in &members {
                let value = json!({"memberId": member, "problemId": number, "question": "무엇?", "answer": "그것."});
                requests.push(env.requests.ask(&env.topics.feedback_requested, &value).send().await.to_string());
            }
        }
    };
    send(0..6).await;
    let second = env.worker().await;
    send(6..12).await;
    eventually("the second worker has work", || async {
        (counted(&second, "ssammu_outcomes_total").await > 0).then_some(())
    })
    .await;
    assert!(second.stop().await.success());
    send(12..14).await;
    env.commits(&env.topics.feedback_requested).reach_the_end().await;
    assert_each_answered_once(&outcomes, &requests).await;
    assert_eq!(env.model.calls().len(), requests.len(), "work that is nearly done is waited for");
    for member in members {
        let mut seen = Vec::new();
        for record in outcomes.of(member) {
            let problem = record.json()["problemId"].as_i64().expect("a problem");
            if !seen.contains(&problem) {
                seen.push(problem);
            }
        }
        assert!(seen.is_sorted(), "member {member} was answered out of order: {seen:?}");
    }
}

async fn slow_work_never_exceeds_the_poll_interval(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let settings = env.settings().with("KAFKA_PROPERTIES", "max.poll.interval.ms=6000").with("MAX_IN_FLIGHT", 1);
    let worker = env.worker_with(&settings).await;
    env.model.when("오래 걸리는 질문", [Answer::text(FEEDBACK).after(Duration::from_secs(8))]);
    // The second waits for the only place meanwhile.
    let requests = [ask(&env, env.member(), "오래 걸리는 질문").await, ask(&env, env.member(), "기다리는 질문").await];
    env.commits(&env.topics.feedback_requested).reach_the_end().await;
    assert_each_answered_once(&outcomes, &requests).await;
    assert_eq!(env.model.calls().len(), 2);
    let log = worker.log();
    assert!(!log.contains("MAXPOLL") && !log.contains("partitions revoked") && !log.contains("lost"), "{log}");
}

async fn commit_metadata_of_somebody_else_is_ignored(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let commits = env.commits(&env.topics.feedback_requested);
    let mut requests = Vec::new();
    for (partition, metadata) in [(0, "bAQAAAAM="), (1, "s1:이것은 base64가 아닙니다")] {
        for number in 0..3 {
            let value = json!({"memberId": env.member(), "question": "누구의 것?", "answer": "모르겠습니다."});
            let request = env.requests.ask(&env.topics.feedback_requested, &value).partition(partition);
            let place = request.send().await;
            assert_eq!(place.offset, number);
            requests.push(place.to_string());
        }
        commits.write(partition, 1, metadata).await;
    }
    let _worker = env.worker().await;
    commits.reach_the_end().await;
    let after_the_commit: Vec<String> = requests.into_iter().filter(|place| !place.ends_with("/0")).collect();
    assert_each_answered_once(&outcomes, &after_the_commit).await;
}

async fn what_is_done_behind_a_slow_head_is_not_worked_again_after_a_kill(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let worker = env.worker_with(&instance(&env)).await;
    let slow = env.member();
    env.model.when("느린 머리", [Answer::stall(), Answer::text(FEEDBACK)]);
    let mut requests = vec![ask(&env, slow, "느린 머리").await];
    for _ in 0..200 {
        requests.push(ask(&env, env.member(), "빠른 꼬리").await);
    }
    mapped(&env, 0, 200).await;
    worker.kill().await;

    let next = env.worker_with(&instance(&env)).await;
    env.commits(&env.topics.feedback_requested).reach_the_end().await;
    assert_each_answered_once(&outcomes, &requests).await;
    assert_eq!(counted(&next, "ssammu_records_skipped_total").await, 200);
    assert_eq!(counted(&next, "ssammu_journal_hits_total").await, 0);
    assert_eq!(env.model.calls().len(), 202);
    assert_eq!(outcomes.everything().await.len(), 201);
}

/// confluentinc/parallel-consumer stores no map when it would be too big, and works everything again.
async fn what_lies_too_far_ahead_for_the_commits_map_waits_and_is_not_lost(env: Arc<TestEnv>) {
    // As many as the worker maps, and some more.
    const MAPPED: usize = 24_000;
    const MORE: usize = 50;
    let outcomes = env.outcomes().await;
    let worker = env.worker_with(&instance(&env)).await;
    let (slow, topic) = (env.member(), &env.topics.feedback_requested);
    env.model.when("느린 머리", [Answer::stall(), Answer::text(FEEDBACK)]);
    let head = ask(&env, slow, "느린 머리").await;
    // Nobody's records: each becomes a dead letter.
    let rest = (1..MAPPED + MORE).map(|_| env.requests.request(topic).value("누구의 것도 아닌").partition(0).send());
    futures_util::future::join_all(rest).await;
    mapped(&env, 0, u32::try_from(MAPPED - 1).expect("a count")).await;
    let commit = env.commits(topic).all().await.swap_remove(0);
    assert!(commit.metadata.len() <= 4096, "{} characters", commit.metadata.len());
    assert_eq!(counted(&worker, "ssammu_records_received_total").await, MAPPED as u64);
    eventually("the lag is told", || async {
        (counted(&worker, "ssammu_partition_lag").await == (MAPPED + MORE) as u64).then_some(())
    })
    .await;
    assert_eq!(counted(&worker, "ssammu_partitions_held_back").await, 1);
    worker.kill().await;

    let next = env.worker_with(&instance(&env)).await;
    outcome(&outcomes, &head).await;
    env.commits(topic).reach_the_end().await;
    assert_eq!(counted(&next, "ssammu_records_skipped_total").await, MAPPED as u64 - 1);
    let letters: Vec<Record> = outcomes.everything().await.into_iter().filter(Record::is_dead_letter).collect();
    let originals: BTreeSet<&[u8]> =
        letters.iter().flat_map(|letter| letter.headers_named("kafka_dlt-original-offset")).collect();
    assert_eq!((letters.len(), originals.len()), (MAPPED + MORE - 1, MAPPED + MORE - 1));
}

/// confluentinc/parallel-consumer#875: records of an earlier assignment were dropped, and their offsets with them.
async fn a_partition_that_comes_back_while_its_record_is_in_work_is_read_again(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let first = env.worker().await;
    env.model.when("오래 걸리는 질문", [Answer::text(FEEDBACK).after(Duration::from_secs(15))]);
    // One in each partition: one of them goes away and comes back.
    let mut requests = Vec::new();
    for partition in [0, 1] {
        let value = json!({"memberId": env.member(), "question": "오래 걸리는 질문", "answer": "글쎄요."});
        let request = env.requests.ask(&env.topics.feedback_requested, &value).partition(partition);
        requests.push(request.send().await.to_string());
    }
    env.model.wait_for("both calls", |load| load.at_work == 2).await;
    let second = env.worker().await;
    first.wait_for_log("partitions revoked").await;
    assert!(second.stop().await.success());
    assert!(outcomes.records().is_empty(), "the work is not done yet");
    env.commits(&env.topics.feedback_requested).reach_the_end().await;
    assert_each_answered_once(&outcomes, &requests).await;
    assert_eq!(env.model.calls().len(), 2);
}

async fn a_topic_that_is_deleted_and_made_again_is_read_from_its_beginning(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let _worker = env.worker().await;
    let mut requests = Vec::new();
    let first = env.member();
    for member in [first, env.member(), env.member()] {
        requests.push(ask(&env, member, "지워지기 전").await);
    }
    outcomes.expect(first, "FeedbackGenerated").await;
    let topic = &env.topics.feedback_requested;
    env.commits(topic).reach_the_end().await;
    env.topics.make_again(&env.services.kafka, topic).await;
    // Where the same member's request of before stood; neither has an id of its own.
    let again = ask(&env, first, "다시 만든 뒤").await;
    assert_eq!(again, requests[0], "the offsets begin anew");
    outcomes.expect(first, "FeedbackGenerated").await;
    let member = env.member();
    ask(&env, member, "다시 만든 뒤").await;
    outcomes.expect(member, "FeedbackGenerated").await;
    let ids: BTreeSet<String> =
        outcomes.everything().await.iter().filter_map(|it| it.header("ce_id").map(str::to_owned)).collect();
    assert_eq!((ids.len(), env.model.calls().len()), (5, 5));
}

/// The new one has grown past where the group was in the old one before anybody looks: no offset tells.
async fn a_topic_made_again_loses_nothing_though_it_is_longer_than_before(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let worker = env.worker().await;
    let topic = &env.topics.feedback_requested;
    let asked = async |number: usize| {
        let member = env.member();
        let value = json!({"memberId": member, "question": "다시 만든 토픽", "answer": format!("답변 {number}")});
        env.requests.ask(topic, &value).partition(0).send().await;
        member
    };
    for number in 0..5 {
        let member = asked(number).await;
        outcomes.expect(member, "FeedbackGenerated").await;
    }
    env.commits(topic).reach_the_end().await;
    env.topics.make_again(&env.services.kafka, topic).await;
    let mut members = Vec::new();
    for number in 0..20 {
        members.push(asked(number).await);
    }
    for member in members {
        outcomes.expect(member, "FeedbackGenerated").await;
    }
    env.commits(topic).reach_the_end().await;
    assert!(worker.stop().await.success());
}

/// A worker that was not there finds the old one's offsets again, and in the journal what answered the records that had them.
async fn a_topic_made_again_while_no_worker_runs_is_answered_anew(env: Arc<TestEnv>) {
    let (outcomes, worker, member) = (env.outcomes().await, env.worker().await, env.member());
    let topic = &env.topics.feedback_requested;
    let first = ask(&env, member, "지워지기 전").await;
    let before = outcomes.expect(member, "FeedbackGenerated").await;
    env.commits(topic).reach_the_end().await;
    assert!(worker.stop().await.success());
    env.topics.make_again(&env.services.kafka, topic).await;
    assert_eq!(ask(&env, member, "다시 만든 뒤").await, first, "the offsets begin anew");
    let _worker = env.worker().await;
    let after = outcomes.expect(member, "FeedbackGenerated").await;
    assert_ne!(before.header("ce_id"), after.header("ce_id"));
    assert_eq!(env.model.calls().len(), 2);
}

/// The mark at a transaction's end takes an offset, and is no record.
async fn a_transaction_leaves_no_lag(env: Arc<TestEnv>) {
    let (outcomes, worker, member) = (env.outcomes().await, env.worker().await, env.member());
    let value = json!({"memberId": member, "question": "트랜잭션이란?", "answer": "글쎄요."}).to_string();
    let topic = env.topics.feedback_requested.clone();
    let mut settings = ClientConfig::new();
    settings.set("bootstrap.servers", &env.services.kafka).set("transactional.id", &env.topics.suffix);
    tokio::task::spawn_blocking(move || {
        let patience = Duration::from_secs(30);
        let producer: BaseProducer = settings.create().expect("a producer");
        producer.init_transactions(patience).expect("transactions");
        producer.begin_transaction().expect("a transaction");
        producer
            .send(BaseRecord::<str, str>::to(&topic).payload(&value))
            .map_err(|(error, _)| error)
            .expect("a record");
        producer.commit_transaction(patience).expect("committed");
    })
    .await
    .expect("the producer has ended");
    outcomes.expect(member, "FeedbackGenerated").await;
    eventually("nothing is left to do", || async {
        let (_, metrics) = worker.get("/metrics").await?;
        let mut lags = metrics.lines().filter(|line| line.starts_with("ssammu_partition_lag{")).peekable();
        (lags.peek().is_some() && lags.all(|line| line.ends_with(" 0"))).then_some(())
    })
    .await;
}

async fn large_requests_in_work_do_not_take_all_the_memory(env: Arc<TestEnv>) {
    env.model.always(Answer::stall());
    let settings = env.settings().with("MAX_IN_FLIGHT", "1000");
    let worker = env.worker_with(&settings).await;
    let large = "x".repeat(900_000);
    for _ in 0..400 {
        let value = json!({"memberId": env.member(), "question": "큰 요청", "answer": "글쎄요.", "unknown": large});
        env.requests.ask(&env.topics.feedback_requested, &value).send().await;
    }
    eventually("nothing more is read", || async {
        (counted(&worker, "ssammu_partitions_held_back").await == 2).then_some(())
    })
    .await;
    let (peak, begun) = (worker.peak_memory() >> 20, counted(&worker, "ssammu_requests_in_work").await);
    assert!(peak < 200 && begun >= 30, "{peak} MiB with {begun} requests in work");
    worker.kill().await;
}

async fn a_panic_in_a_request_is_internal_and_the_worker_goes_on(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let worker = env.worker_with(&env.settings().with("SSAMMU_FAIL_POINT", "before_call:panic")).await;
    let (first, second) = (env.member(), env.member());
    ask(&env, first, "넘어지는 질문").await;
    let failed = outcomes.expect_failure(first, "INTERNAL").await.json();
    assert_eq!(failed["retryable"], true);
    ask(&env, second, "다음 질문").await;
    outcomes.expect(second, "FeedbackGenerated").await;
    // What is sent again is worked anew, since nothing is left of the lock.
    ask(&env, first, "넘어지는 질문").await;
    outcomes.expect(first, "FeedbackGenerated").await;
    let letters: Vec<Record> = outcomes.everything().await.into_iter().filter(Record::is_dead_letter).collect();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].header("kafka_dlt-exception-fqcn"), Some("INTERNAL"));
    assert!(worker.stop().await.success());
}

async fn a_panic_after_the_answer_sends_it_once_more_and_the_worker_goes_on(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let worker = env.worker_with(&env.settings().with("SSAMMU_FAIL_POINT", "sent:panic")).await;
    let (first, second) = (env.member(), env.member());
    ask(&env, first, "보내고 넘어지는 질문").await;
    outcomes.expect(first, "FeedbackGenerated").await;
    ask(&env, second, "다음 질문").await;
    outcomes.expect(second, "FeedbackGenerated").await;
    env.commits(&env.topics.feedback_requested).reach_the_end().await;
    let sent: Vec<Record> =
        outcomes.everything().await.into_iter().filter(|sent| sent.member() == Some(first)).collect();
    assert!(matches!(&sent[..], [one, again] if one.header("ce_id") == again.header("ce_id")), "{sent:?}");
    assert!(worker.stop().await.success());
}

async fn a_panic_of_the_intake_ends_the_process_and_nothing_is_lost(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let mut worker = env.worker_with(&env.settings().with("SSAMMU_FAIL_POINT", "stored:panic")).await;
    let request = ask(&env, env.member(), "보내고 넘어지는 질문").await;
    let status = worker.ended().await;
    assert_eq!(status.code(), Some(1));
    let log = worker.log();
    assert!(log.contains("the feedback intake panicked"), "the log names what ended");
    assert!(log.contains("the program panicked"), "the log has the place");
    assert!(!log.contains("fail point stored reached"), "what a panic says may quote a member:\n{log}");
    let _next = env.worker().await;
    env.commits(&env.topics.feedback_requested).reach_the_end().await;
    assert_each_answered_once(&outcomes, &[request]).await;
    assert_eq!(env.model.calls().len(), 1);
}
