//! Faults that other consumers of this kind are known for, each staged.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::case::Case;
use crate::kit::gateway::{Gateway, Record};
use crate::kit::model::Answer;
use crate::kit::model::script::FEEDBACK;
use crate::kit::redis::Redis;
use crate::kit::settings::Settings;
use crate::kit::stage::Stage;
use crate::kit::wait::eventually;
use crate::kit::worker::Worker;

pub fn cases() -> Vec<Case> {
    let always = crate::case::list![
        closing_commits_what_is_finished_and_nothing_else,
        a_worker_frozen_past_its_lock_and_session_changes_nothing_when_it_wakes,
        no_request_is_lost_or_doubled_while_a_second_worker_comes_and_goes,
        slow_work_never_exceeds_the_poll_interval,
        the_older_of_two_workers_with_one_instance_id_ends_and_says_why,
        commit_metadata_of_somebody_else_is_ignored,
        what_is_done_behind_a_slow_head_is_not_worked_again_after_a_kill,
        what_lies_too_far_ahead_for_the_commits_map_waits_and_is_not_lost,
        a_partition_that_comes_back_while_its_record_is_in_work_is_read_again,
        a_topic_that_is_deleted_and_made_again_is_read_from_its_beginning,
    ];
    let with_fail_points = crate::case::list![
        a_panic_in_a_request_is_internal_and_the_worker_goes_on,
        a_panic_outside_a_request_ends_the_process_and_nothing_is_lost,
    ];
    always.into_iter().chain(with_fail_points.into_iter().map(Case::with_fail_points)).collect()
}

/// The session timeout is the shortest that a broker takes.
const SHORT_SESSION: &str = "session.timeout.ms=6000";

/// Asks for feedback in partition 0, so that all requests of a test share their offsets; gives the request's id.
async fn ask(stage: &Stage, member: i64, text: &str) -> String {
    let value = json!({"memberId": member, "question": text, "answer": "잘 모르겠지만 설명해 보겠습니다."});
    let request = stage.spring.ask(&stage.topics.feedback_requested, &value).partition(0);
    request.send().await.to_string()
}

async fn outcome(gateway: &Gateway, id: &str) -> Record {
    let find = |records: &[Record]| records.iter().find(|record| record.answers(id)).cloned();
    gateway.wait_for(&format!("the outcome of {id}"), find).await
}

/// Every outcome that is there is of one of these requests, each has one with one id, and there are no dead letters.
async fn assert_each_answered_once(gateway: &Gateway, requests: &[String]) {
    let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for record in gateway.everything().await {
        assert!(!record.is_dead_letter() && record.kind != "RequestFailed", "{record:?}");
        let header = |name| record.header(name).expect("the header").to_owned();
        ids.entry(header("ce_causationid")).or_default().insert(header("ce_id"));
    }
    let answered: BTreeSet<&String> = ids.keys().collect();
    assert_eq!(answered, requests.iter().collect());
    assert!(ids.values().all(|ids| ids.len() == 1), "a request has outcomes with two ids: {ids:?}");
}

/// The value of a counter, over all its labels.
async fn counted(worker: &Worker, name: &str) -> u64 {
    let (_, text) = worker.get("/metrics").await.expect("metrics");
    let lines = text.lines().filter(|line| line.split(['{', ' ']).next() == Some(name));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

/// Waits until the map of what is done behind the committed offset names so many records.
async fn mapped(stage: &Stage, head: i64, count: u32) {
    let commits = stage.commits(&stage.topics.feedback_requested);
    eventually(&format!("a commit at {head} with {count} done behind it"), || async {
        let commit = commits.all().await.swap_remove(0);
        (commit.offset == head && commit.done_behind() == count).then_some(())
    })
    .await;
}

fn instance(stage: &Stage) -> Settings {
    stage.settings().with("KAFKA_PROPERTIES", "group.instance.id=one")
}

/// confluentinc/parallel-consumer#826 committed the highest offset seen.
async fn closing_commits_what_is_finished_and_nothing_else(stage: Arc<Stage>) {
    let gateway = stage.gateway().await;
    let worker = stage.worker_with(&stage.settings().with("SHUTDOWN_GRACE", "1s")).await;
    stage.model.when("첫째로 느린 질문", [Answer::stall(), Answer::text(FEEDBACK)]);
    let mut requests = vec![ask(&stage, stage.member(), "첫째로 느린 질문").await];
    stage.model.wait_for("the slow call", |load| load.at_work == 1).await;
    for _ in 0..5 {
        requests.push(ask(&stage, stage.member(), "빠른 질문").await);
    }
    for request in &requests[1..] {
        outcome(&gateway, request).await;
    }
    worker.stop().await;
    let commit = stage.commits(&stage.topics.feedback_requested).all().await.swap_remove(0);
    assert_eq!((commit.offset, commit.done_behind()), (0, 5), "{commit:?}");

    let next = stage.worker().await;
    outcome(&gateway, &requests[0]).await;
    stage.commits(&stage.topics.feedback_requested).reach_the_end().await;
    assert_each_answered_once(&gateway, &requests).await;
    assert_eq!(counted(&next, "ssammu_records_skipped_total").await, 5);
    assert_eq!(stage.model.calls().len(), 7, "only the slow one is worked again");
}

async fn a_worker_frozen_past_its_lock_and_session_changes_nothing_when_it_wakes(stage: Arc<Stage>) {
    let gateway = stage.gateway().await;
    let redis = Redis::connect(&stage.services).await;
    let settings = || stage.settings().with("KAFKA_PROPERTIES", SHORT_SESSION);
    let mut frozen = stage.worker_with(&settings()).await;
    let member = stage.member();
    let resume = async |topic: &str, value: Value| stage.spring.ask(topic, &value).send().await.to_string();
    let answer = async |question: &Record, text: &str| {
        let value = json!({"memberId": member, "answer": text, "questionId": question.json()["questionId"]});
        resume(&stage.topics.resume_answer, value).await
    };
    let inputs = json!({"memberId": member, "inputs": {"email": "a@b.kr", "preferred_job": "BACKEND"}});
    let mut requests = vec![resume(&stage.topics.resume_init, inputs).await];
    let first = outcome(&gateway, &requests[0]).await;
    let stale = "얼어붙은 워커의 질문입니다. 무엇이 남았나요?";
    let slow = Answer::question(stale).after(Duration::from_secs(1));
    stage.model.next([slow]);
    requests.push(answer(&first, "얼어붙은 답변").await);
    stage.model.wait_for("the call", |load| load.at_work == 1).await;
    frozen.pause().await;
    stage.model.wait_for("the answer is out", |load| load.at_work == 0).await;

    // The group and the lock let go of the frozen worker by themselves.
    let next = stage.worker_with(&settings()).await;
    let second = outcome(&gateway, &requests[1]).await;
    assert_ne!(second.json()["question"], stale);
    requests.push(answer(&second, "새 답변").await);
    let third = outcome(&gateway, &requests[2]).await;
    assert_eq!(third.json()["questionNumber"], 3);
    stage.commits(&stage.topics.resume_answer).reach_the_end().await;
    let (session, commits) = (redis.session(member).await, stage.commits(&stage.topics.resume_answer).all().await);

    frozen.resume().await;
    frozen.wait_for_log("partitions were lost").await;
    frozen.ready().await;
    assert!(frozen.stop().await.success());
    assert_eq!(redis.session(member).await, session, "what it had in hand is stale");
    assert_eq!(stage.commits(&stage.topics.resume_answer).all().await, commits);
    requests.push(answer(&third, "마지막 답변").await);
    assert_eq!(outcome(&gateway, &requests[3]).await.kind, "ResumeCompleted");
    assert!(next.stop().await.success());
    assert_each_answered_once(&gateway, &requests).await;
    let shown = gateway.everything().await.iter().any(|record| record.json()["question"] == stale);
    assert!(!shown, "what was not saved is never sent");
}

/// confluentinc/librdkafka#4059: assignments were lost when a commit met a cooperative rebalance.
/// fede1024/rust-rdkafka#535: a partition whose queue was dropped was never read again.
async fn no_request_is_lost_or_doubled_while_a_second_worker_comes_and_goes(stage: Arc<Stage>) {
    let gateway = stage.gateway().await;
    let _first = stage.worker().await;
    stage.model.always(Answer::text(FEEDBACK).after(Duration::from_millis(300)));
    let members: Vec<i64> = (0..16).map(|_| stage.member()).collect();
    let mut requests = Vec::new();
    let mut send = async |numbers: std::ops::Range<u32>| {
        for number in numbers {
            for member in &members {
                let value = json!({"memberId": member, "problemId": number, "question": "무엇?", "answer": "그것."});
                requests.push(stage.spring.ask(&stage.topics.feedback_requested, &value).send().await.to_string());
            }
        }
    };
    send(0..6).await;
    let second = stage.worker().await;
    send(6..12).await;
    eventually("the second worker has work", || async {
        (counted(&second, "ssammu_outcomes_total").await > 0).then_some(())
    })
    .await;
    assert!(second.stop().await.success());
    send(12..14).await;
    stage.commits(&stage.topics.feedback_requested).reach_the_end().await;
    assert_each_answered_once(&gateway, &requests).await;
    assert_eq!(stage.model.calls().len(), requests.len(), "work that is nearly done is waited for");
    for member in members {
        let mut seen = Vec::new();
        for record in gateway.outcomes(member) {
            let problem = record.json()["problemId"].as_i64().expect("a problem");
            if !seen.contains(&problem) {
                seen.push(problem);
            }
        }
        assert!(seen.is_sorted(), "member {member} was answered out of order: {seen:?}");
    }
}

async fn slow_work_never_exceeds_the_poll_interval(stage: Arc<Stage>) {
    let gateway = stage.gateway().await;
    let properties = format!("{SHORT_SESSION},max.poll.interval.ms=6000");
    let settings = stage.settings().with("KAFKA_PROPERTIES", properties).with("MAX_IN_FLIGHT", 1);
    let worker = stage.worker_with(&settings).await;
    stage.model.when("오래 걸리는 질문", [Answer::text(FEEDBACK).after(Duration::from_secs(8))]);
    // The second waits for the only place meanwhile.
    let requests =
        [ask(&stage, stage.member(), "오래 걸리는 질문").await, ask(&stage, stage.member(), "기다리는 질문").await];
    stage.commits(&stage.topics.feedback_requested).reach_the_end().await;
    assert_each_answered_once(&gateway, &requests).await;
    assert_eq!(stage.model.calls().len(), 2);
    let log = worker.log();
    assert!(!log.contains("MAXPOLL") && !log.contains("partitions revoked") && !log.contains("lost"), "{log}");
}

async fn the_older_of_two_workers_with_one_instance_id_ends_and_says_why(stage: Arc<Stage>) {
    let gateway = stage.gateway().await;
    let mut older = stage.worker_with(&instance(&stage)).await;
    stage.model.when("둘이 받는 질문", [Answer::stall(), Answer::text(FEEDBACK)]);
    let request = ask(&stage, stage.member(), "둘이 받는 질문").await;
    stage.model.wait_for("the call", |load| load.at_work == 1).await;
    let _newer = stage.worker_with(&instance(&stage)).await;
    let status = older.ended().await;
    assert_eq!(status.code(), Some(1));
    assert!(older.log().contains("another worker has the same group.instance.id"));
    outcome(&gateway, &request).await;
    assert_each_answered_once(&gateway, &[request]).await;
}

async fn commit_metadata_of_somebody_else_is_ignored(stage: Arc<Stage>) {
    let gateway = stage.gateway().await;
    let commits = stage.commits(&stage.topics.feedback_requested);
    let mut requests = Vec::new();
    for (partition, metadata) in [(0, "bAQAAAAM="), (1, "s1:이것은 base64가 아닙니다")] {
        for number in 0..3 {
            let value = json!({"memberId": stage.member(), "question": "누구의 것?", "answer": "모르겠습니다."});
            let request = stage.spring.ask(&stage.topics.feedback_requested, &value).partition(partition);
            let place = request.send().await;
            assert_eq!(place.offset, number);
            requests.push(place.to_string());
        }
        commits.write(partition, 1, metadata).await;
    }
    let _worker = stage.worker().await;
    commits.reach_the_end().await;
    let after_the_commit: Vec<String> = requests.into_iter().filter(|place| !place.ends_with("/0")).collect();
    assert_each_answered_once(&gateway, &after_the_commit).await;
}

async fn what_is_done_behind_a_slow_head_is_not_worked_again_after_a_kill(stage: Arc<Stage>) {
    let gateway = stage.gateway().await;
    let worker = stage.worker_with(&instance(&stage)).await;
    let slow = stage.member();
    stage.model.when("느린 머리", [Answer::stall(), Answer::text(FEEDBACK)]);
    let mut requests = vec![ask(&stage, slow, "느린 머리").await];
    for _ in 0..200 {
        requests.push(ask(&stage, stage.member(), "빠른 꼬리").await);
    }
    mapped(&stage, 0, 200).await;
    worker.kill().await;
    // The dead worker's lock ends.
    let redis = Redis::connect(&stage.services).await;
    let _: i64 = redis.run("DEL", &[&format!("feedback:{{{slow}}}:lock")]).await;

    let next = stage.worker_with(&instance(&stage)).await;
    stage.commits(&stage.topics.feedback_requested).reach_the_end().await;
    assert_each_answered_once(&gateway, &requests).await;
    assert_eq!(counted(&next, "ssammu_records_skipped_total").await, 200);
    assert_eq!(counted(&next, "ssammu_journal_hits_total").await, 0);
    assert_eq!(stage.model.calls().len(), 202);
    assert_eq!(gateway.everything().await.len(), 201);
}

/// confluentinc/parallel-consumer stores no map when it would be too big, and works everything again.
async fn what_lies_too_far_ahead_for_the_commits_map_waits_and_is_not_lost(stage: Arc<Stage>) {
    // As many as the worker maps, and some more.
    const MAPPED: usize = 24_000;
    const MORE: usize = 50;
    let gateway = stage.gateway().await;
    let worker = stage.worker_with(&instance(&stage)).await;
    let (slow, topic) = (stage.member(), &stage.topics.feedback_requested);
    stage.model.when("느린 머리", [Answer::stall(), Answer::text(FEEDBACK)]);
    let head = ask(&stage, slow, "느린 머리").await;
    // Nobody's records: each becomes a dead letter.
    let rest = (1..MAPPED + MORE).map(|_| stage.spring.request(topic).value("누구의 것도 아닌").partition(0).send());
    futures_util::future::join_all(rest).await;
    mapped(&stage, 0, u32::try_from(MAPPED - 1).expect("a count")).await;
    let commit = stage.commits(topic).all().await.swap_remove(0);
    assert!(commit.metadata.len() <= 4096, "{} characters", commit.metadata.len());
    assert_eq!(counted(&worker, "ssammu_records_received_total").await, MAPPED as u64);
    eventually("the lag is told", || async {
        (counted(&worker, "ssammu_partition_lag").await == (MAPPED + MORE) as u64).then_some(())
    })
    .await;
    assert_eq!(counted(&worker, "ssammu_partitions_held_back").await, 1);
    worker.kill().await;
    // The dead worker's lock ends.
    let redis = Redis::connect(&stage.services).await;
    let _: i64 = redis.run("DEL", &[&format!("feedback:{{{slow}}}:lock")]).await;

    let next = stage.worker_with(&instance(&stage)).await;
    outcome(&gateway, &head).await;
    stage.commits(topic).reach_the_end().await;
    assert_eq!(counted(&next, "ssammu_records_skipped_total").await, MAPPED as u64 - 1);
    let letters: Vec<Record> = gateway.everything().await.into_iter().filter(Record::is_dead_letter).collect();
    let originals: BTreeSet<&[u8]> =
        letters.iter().flat_map(|letter| letter.headers_named("kafka_dlt-original-offset")).collect();
    assert_eq!((letters.len(), originals.len()), (MAPPED + MORE - 1, MAPPED + MORE - 1));
}

/// confluentinc/parallel-consumer#875: records of an earlier assignment were dropped, and their offsets with them.
async fn a_partition_that_comes_back_while_its_record_is_in_work_is_read_again(stage: Arc<Stage>) {
    let gateway = stage.gateway().await;
    let first = stage.worker().await;
    stage.model.when("오래 걸리는 질문", [Answer::text(FEEDBACK).after(Duration::from_secs(15))]);
    // One in each partition: one of them goes away and comes back.
    let mut requests = Vec::new();
    for partition in [0, 1] {
        let value = json!({"memberId": stage.member(), "question": "오래 걸리는 질문", "answer": "글쎄요."});
        let request = stage.spring.ask(&stage.topics.feedback_requested, &value).partition(partition);
        requests.push(request.send().await.to_string());
    }
    stage.model.wait_for("both calls", |load| load.at_work == 2).await;
    let second = stage.worker().await;
    first.wait_for_log("partitions revoked").await;
    assert!(second.stop().await.success());
    assert!(gateway.records().is_empty(), "the work is not done yet");
    stage.commits(&stage.topics.feedback_requested).reach_the_end().await;
    assert_each_answered_once(&gateway, &requests).await;
    assert_eq!(stage.model.calls().len(), 2);
}

async fn a_topic_that_is_deleted_and_made_again_is_read_from_its_beginning(stage: Arc<Stage>) {
    let gateway = stage.gateway().await;
    let _worker = stage.worker().await;
    let mut requests = Vec::new();
    for _ in 0..3 {
        requests.push(ask(&stage, stage.member(), "지워지기 전").await);
    }
    let topic = &stage.topics.feedback_requested;
    stage.commits(topic).reach_the_end().await;
    stage.topics.make_again(&stage.services.kafka, topic).await;
    let again = ask(&stage, stage.member(), "다시 만든 뒤").await;
    assert_eq!(again, requests[0], "the offsets begin anew");
    let member = stage.member();
    ask(&stage, member, "다시 만든 뒤").await;
    gateway.expect(member, "FeedbackGenerated").await;
    assert_eq!(gateway.everything().await.len(), 5);
}

async fn a_panic_in_a_request_is_internal_and_the_worker_goes_on(stage: Arc<Stage>) {
    let gateway = stage.gateway().await;
    let worker = stage.worker_with(&stage.settings().with("SSAMMU_FAIL_POINT", "before_call:panic")).await;
    let (first, second) = (stage.member(), stage.member());
    ask(&stage, first, "넘어지는 질문").await;
    let failed = gateway.expect_failure(first, "INTERNAL").await.json();
    assert_eq!(failed["retryable"], true);
    ask(&stage, second, "다음 질문").await;
    gateway.expect(second, "FeedbackGenerated").await;
    // What is sent again is worked anew, since nothing is left of the lock.
    ask(&stage, first, "넘어지는 질문").await;
    gateway.expect(first, "FeedbackGenerated").await;
    let letters: Vec<Record> = gateway.everything().await.into_iter().filter(Record::is_dead_letter).collect();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].header("kafka_dlt-exception-fqcn"), Some("INTERNAL"));
    assert!(worker.stop().await.success());
}

async fn a_panic_outside_a_request_ends_the_process_and_nothing_is_lost(stage: Arc<Stage>) {
    let gateway = stage.gateway().await;
    let mut worker = stage.worker_with(&stage.settings().with("SSAMMU_FAIL_POINT", "sent:panic")).await;
    let request = ask(&stage, stage.member(), "보내고 넘어지는 질문").await;
    let status = worker.ended().await;
    assert_eq!(status.code(), Some(1));
    assert!(worker.log().contains("a task of group"), "the log names what ended");
    let _next = stage.worker().await;
    stage.commits(&stage.topics.feedback_requested).reach_the_end().await;
    assert_each_answered_once(&gateway, &[request]).await;
    assert_eq!(stage.model.calls().len(), 1);
}
