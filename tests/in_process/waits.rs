//! Who has to wait takes no place from who can go on, and waits no longer than it has to.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use ssammu_worker::events::record::{Flow, RequestKind};
use ssammu_worker::llm::ModelFailure;
use ssammu_worker::state::holder::Holder;
use ssammu_worker::state::{Begin, Claim, MemberState};
use ssammu_worker::worker::locks::Locks;
use time::OffsetDateTime;
use tokio::time::Instant;
use uuid::Uuid;

use crate::doubles::state::StagedState;
use crate::interview::{answer, begun, document, init};
use crate::kit::wait::eventually;
use crate::stage::{FEEDBACK_REQUESTED, Kafka, Member, RESUME_ANSWER, RESUME_INIT, Shared, record, work};

#[tokio::test]
async fn journal_repeats_and_refusals_are_answered_while_all_slots_would_wait_for_the_model() {
    let (kafka, shared) = (Kafka::start(1), Shared::new());
    let member = shared.join(&kafka, Flow::Feedback, 2);
    kafka.feedback(7, "답변").header("ce_id", "request-7").send().await;
    shared.producer.outcome(7).await;
    shared.model.goes_away();
    for waiting in 20..24 {
        kafka.feedback(waiting, "답변").send().await;
    }
    kafka.feedback(7, "답변").header("ce_id", "request-7").send().await;
    kafka.feedback(8, "").send().await;
    let [first, again] = shared.producer.outcomes(7, 2).await.try_into().unwrap();
    assert_eq!(first.id(), again.id());
    assert_eq!(shared.producer.outcome(8).await.json()["code"], "INVALID_REQUEST");
    assert_eq!((shared.model.asked().len(), shared.producer.sent().len()), (1, 3));
    shared.model.comes_back();
    for waiting in 20..24 {
        assert_eq!(shared.producer.outcome(waiting).await.topic(), "FeedbackGenerated");
    }
    assert_eq!((shared.model.asked().len(), member.metrics.lock_waits.get()), (5, 0));
    member.stop().await;
    assert_eq!(kafka.committed().await, (7, 0));
}

#[tokio::test]
async fn an_answer_to_no_interview_is_told_so_while_the_model_is_away() {
    let (kafka, shared) = (Kafka::start(1), Shared::new());
    let question = begun(&shared, 7).await;
    shared.model.goes_away();
    let member = shared.join(&kafka, Flow::Resume, 1);
    kafka.request(RESUME_INIT, &init(20)).send().await;
    eventually("the init is read", || async { (received(&member, RESUME_INIT) == 1).then_some(()) }).await;
    let mut stranger = answer(&question);
    stranger["memberId"] = 8.into();
    kafka.request(RESUME_ANSWER, &stranger).send().await;
    assert_eq!(shared.producer.outcome(8).await.json()["code"], "NO_ACTIVE_SESSION");
    member.stop().await;
}

#[tokio::test]
async fn a_resume_that_needs_only_the_store_goes_on_while_the_model_is_away() {
    let (kafka, shared) = (Kafka::start(1), Shared::new());
    let question = begun(&shared, 7).await;
    shared.documents.refuse(true);
    let member = shared.join(&kafka, Flow::Resume, 1);
    kafka.request(RESUME_ANSWER, &answer(&question)).send().await;
    shared.documents.has_refused(1).await;
    shared.model.goes_away();
    kafka.request(RESUME_INIT, &init(20)).send().await;
    eventually("the init is read", || async { (received(&member, RESUME_INIT) == 1).then_some(()) }).await;
    shared.documents.refuse(false);
    let outcomes = shared.producer.outcomes(7, 2).await;
    document(&shared, &outcomes[1]).await;
    assert_eq!((outcomes.len(), shared.model.asked().len()), (2, 2));
    member.stop().await;
}

#[tokio::test]
async fn whoever_needs_no_store_goes_on_while_it_is_away() {
    let (kafka, shared) = (Kafka::start(1), Shared::new());
    let mut questions = Vec::new();
    for member in [7, 8, 9] {
        questions.push(begun(&shared, member).await);
    }
    shared.documents.refuse(true);
    let [feedback, resume] = shared.join_both(&kafka, 1);
    for question in &questions {
        kafka.request(RESUME_ANSWER, &answer(question)).send().await;
    }
    // One of them finds out whether the store is back; the others are finished, and wait.
    eventually("all résumés are written", || async { (shared.model.asked().len() == 6).then_some(()) }).await;
    shared.documents.has_refused(1).await;
    kafka.feedback(20, "답변").send().await;
    assert_eq!(shared.producer.outcome(20).await.topic(), "FeedbackGenerated");
    kafka.request(RESUME_INIT, &init(21)).send().await;
    assert_eq!(shared.producer.outcome(21).await.topic(), "ResumeQuestionGenerated");
    shared.documents.refuse(false);
    for member in [7, 8, 9] {
        document(&shared, &shared.producer.outcomes(member, 2).await[1]).await;
    }
    assert_eq!(shared.model.asked().len(), 8, "no résumé is written twice");
    for member in [feedback, resume] {
        member.stop().await;
    }
}

#[tokio::test]
async fn a_resume_without_a_model_is_not_asked_for_again_while_it_waits_for_the_store() {
    let shared = Shared::new();
    let question = begun(&shared, 7).await;
    shared.model.fails(ModelFailure::TooLong);
    shared.documents.refuse(true);
    let worker = shared.worker();
    let working =
        tokio::spawn(async move { work(&worker, record(RequestKind::ResumeAnswer, 0, &answer(&question))).await });
    shared.documents.has_refused(1).await;
    shared.model.goes_away();
    shared.documents.refuse(false);
    let outcomes = shared.producer.outcomes(7, 2).await;
    working.await.unwrap();
    let completed = outcomes[1].json();
    assert_eq!((outcomes[1].topic(), &completed["degraded"]), ("ResumeCompleted", &true.into()));
    assert_eq!(shared.model.asked().len(), 2);
}

#[tokio::test]
async fn who_waits_for_a_members_lock_holds_nobody_up() {
    let (kafka, shared) = (Kafka::start(1), Shared::new());
    let held = shared.state.lock(Flow::Feedback, 7).await;
    let member = shared.join(&kafka, Flow::Feedback, 1);
    kafka.feedback(7, "답변").send().await;
    eventually("it waits for the lock", || async { (member.metrics.lock_waits.get() > 0).then_some(()) }).await;
    for other in 20..23 {
        kafka.feedback(other, "답변").send().await;
        assert_eq!(shared.producer.outcome(other).await.topic(), "FeedbackGenerated");
    }
    shared.state.release(&held).await.unwrap();
    assert_eq!(shared.producer.outcome(7).await.topic(), "FeedbackGenerated");
    member.stop().await;
}

#[tokio::test]
async fn a_partition_that_moves_takes_its_waiters_along() {
    let (kafka, unlucky) = (Kafka::start(2), Shared::new());
    unlucky.model.goes_away();
    for (partition, member) in [(0, 10), (1, 11), (0, 12), (1, 13)] {
        kafka.feedback(member, "답변").partition(partition).send().await;
    }
    let old = unlucky.join(&kafka, Flow::Feedback, 9);
    eventually("they are read", || async { (old.received() == 4).then_some(()) }).await;
    let lucky = unlucky.with_its_own_model();
    let new = lucky.join(&kafka, Flow::Feedback, 1);
    new.has_partitions(1).await;
    let answered = |sent: &crate::doubles::producer::Sent| sent.json()["memberId"].as_i64().unwrap();
    eventually("the moved partition's members are answered", || async {
        (lucky.model.asked().len() == 2).then_some(())
    })
    .await;
    eventually("both outcomes are there", || async { (lucky.producer.sent().len() == 2).then_some(()) }).await;
    let mut members: Vec<i64> = lucky.producer.sent().iter().map(answered).collect();
    members.sort_unstable();
    assert!(members == [10, 12] || members == [11, 13], "{members:?}");
    assert_eq!(new.metrics.lock_waits.get(), 0, "its lock is free at once");
    unlucky.model.comes_back();
    for member in 10..14 {
        unlucky.producer.outcome(member).await;
    }
    assert_eq!((unlucky.model.asked().len(), lucky.model.asked().len()), (2, 2));
    kafka.commits(FEEDBACK_REQUESTED).reach_the_end().await;
    for member in [old, new] {
        member.stop().await;
    }
}

#[tokio::test]
async fn who_is_at_a_model_that_went_away_is_left_to_the_next_owner_too() {
    let (kafka, unlucky) = (Kafka::start(2), Shared::new());
    let asking = [unlucky.model.hold("답변 0"), unlucky.model.hold("답변 1")];
    for (partition, member) in [(0, 10), (1, 11)] {
        kafka.feedback(member, &format!("답변 {partition}")).partition(partition).send().await;
    }
    let old = unlucky.join(&kafka, Flow::Feedback, 9);
    for gate in &asking {
        gate.reached().await;
    }
    unlucky.model.goes_away();
    let lucky = unlucky.with_its_own_model();
    let new = lucky.join(&kafka, Flow::Feedback, 1);
    eventually("the moved partition's member is answered", || async {
        (lucky.producer.sent().len() == 1).then_some(())
    })
    .await;
    for gate in asking {
        gate.open();
    }
    for member in [10, 11] {
        unlucky.producer.outcome(member).await;
    }
    kafka.commits(FEEDBACK_REQUESTED).reach_the_end().await;
    for member in [old, new] {
        member.stop().await;
    }
}

#[tokio::test]
async fn a_stop_does_not_wait_for_who_waits() {
    let (kafka, shared) = (Kafka::start(1), Shared::new());
    let question = begun(&shared, 7).await;
    shared.documents.refuse(true);
    let held = shared.state.lock(Flow::Feedback, 8).await;
    let [feedback, resume] = shared.join_both(&kafka, 9);
    kafka.feedback(8, "답변").send().await;
    kafka.request(RESUME_ANSWER, &answer(&question)).send().await;
    shared.documents.has_refused(1).await;
    shared.model.goes_away();
    kafka.feedback(20, "답변").send().await;
    eventually("they are read", || async { (feedback.received() == 2).then_some(()) }).await;
    for member in [feedback, resume] {
        member.stop().await;
    }
    // None of them was told anything, and whoever comes next goes on from what is there.
    assert_eq!((shared.producer.sent().len(), kafka.committed().await), (1, (0, 0)));
    shared.state.release(&held).await.unwrap();
    shared.documents.refuse(false);
    shared.model.comes_back();
    let next = shared.join_both(&kafka, 9);
    for member in [8, 20] {
        assert_eq!(shared.producer.outcome(member).await.topic(), "FeedbackGenerated");
    }
    document(&shared, &shared.producer.outcomes(7, 2).await[1]).await;
    assert_eq!(shared.model.asked().len(), 4, "no résumé is written twice");
    for member in next {
        member.stop().await;
    }
}

#[tokio::test]
async fn garbage_without_a_dead_letter_topic_stops_nobody() {
    let (kafka, shared) = (Kafka::start(1), Shared::new());
    let gate = shared.producer.hold_dead_letters();
    for _ in 0..4 {
        kafka.garbage(b"\xff no request").send().await;
    }
    kafka.feedback(7, "답변").send().await;
    let member = shared.join(&kafka, Flow::Feedback, 2);
    assert_eq!(shared.producer.outcome(7).await.topic(), "FeedbackGenerated");
    gate.open();
    kafka.commits(FEEDBACK_REQUESTED).reach_the_end().await;
    member.stop().await;
}

#[tokio::test]
async fn a_conflict_that_never_ends_costs_at_most_three_paid_calls_and_ends_in_internal() {
    let shared = Shared::new();
    shared.state.conflict_for_ever();
    work(&shared.worker(), record(RequestKind::ResumeInit, 0, &init(7))).await;
    let failed = shared.producer.outcome(7).await;
    assert_eq!((failed.topic(), &failed.json()["code"]), ("RequestFailed", &"INTERNAL".into()));
    assert_eq!(shared.model.asked().len(), 3);
    shared.producer.dead_letters(1).await;
}

#[tokio::test]
async fn replies_that_are_unusable_and_conflicts_together_cost_no_more_than_three_paid_calls() {
    let shared = Shared::new();
    shared.state.conflict_for_ever();
    // The first reply, and whatever follows the first question.
    shared.model.says("?");
    work(&shared.worker(), record(RequestKind::ResumeInit, 0, &init(7))).await;
    assert_eq!(shared.producer.outcome(7).await.json()["code"], "INTERNAL");
    assert_eq!(shared.model.asked().len(), 3);
}

#[tokio::test]
async fn what_was_paid_for_is_not_thrown_away_because_saving_it_is_refused_for_a_while() {
    let shared = Shared::over(StagedState::new());
    shared.state.refuse_changes(3);
    work(&shared.worker(), record(RequestKind::FeedbackRequested, 0, &feedback(8))).await;
    assert_eq!(shared.producer.outcome(8).await.topic(), "FeedbackGenerated");
    assert_eq!(shared.model.asked().len(), 1);
    let question = begun(&shared, 7).await;
    // The draft and the outcome.
    shared.state.refuse_changes(2);
    work(&shared.worker(), record(RequestKind::ResumeAnswer, 0, &answer(&question))).await;
    document(&shared, &shared.producer.outcomes(7, 2).await[1]).await;
    assert_eq!(shared.model.asked().len(), 3);
}

#[tokio::test]
async fn a_resume_whose_time_went_into_waiting_for_the_state_is_stored_all_the_same() {
    let shared = Shared::over(StagedState::new());
    let question = begun(&shared, 7).await;
    let mut worker = Arc::into_inner(shared.worker()).unwrap();
    worker.agent.settings.deadline = Duration::from_millis(300);
    // Its draft waits for longer than that.
    shared.state.goes_away(6);
    let value = answer(&question);
    work(&Arc::new(worker), record(RequestKind::ResumeAnswer, 0, &value)).await;
    document(&shared, &shared.producer.outcomes(7, 2).await[1]).await;
}

#[tokio::test(start_paused = true)]
async fn a_lock_whose_renewal_failed_is_renewed_at_the_next_look_and_not_only_when_it_would_be_due_again() {
    let state = Arc::new(StagedState::new());
    let claim = state.lock(Flow::Feedback, 7).await;
    // Due every second, looked at every half.
    let locks = Locks::new(state.clone(), Duration::from_secs(9), Holder::started(None, OffsetDateTime::now_utc()));
    let _held = locks.hold(&claim);
    state.refuse_renewals(2);
    let (start, renewing) = (Instant::now(), tokio::spawn(locks.clone().renew()));
    eventually("it is renewed five times", || async { (state.renewals().len() == 5).then_some(()) }).await;
    renewing.abort();
    let after = state.renewals().iter().map(|at| at.duration_since(start).as_millis()).collect::<Vec<_>>();
    assert_eq!(after, [1_000, 1_500, 2_000, 3_000, 4_000]);
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_was_given_back_while_it_was_renewed_is_nobodys() {
    let state = Arc::new(StagedState::new());
    let claim = state.lock(Flow::Feedback, 7).await;
    let locks = Locks::new(state.clone(), Duration::from_secs(9), Holder::started(None, OffsetDateTime::now_utc()));
    let (held, slow) = (locks.hold(&claim), state.hold_next_renewal());
    let renewing = tokio::spawn(locks.clone().renew());
    slow.reached().await;
    held.give_back().await;
    slow.open();
    // Until it is over: the clock goes on only when nothing else does.
    tokio::time::sleep(Duration::from_millis(1)).await;
    let other = Claim { token: Uuid::new_v4(), ..claim.clone() };
    assert!(matches!(state.begin(&other).await, Ok(Begin::Open { .. })));
    assert_eq!(state.renewals().len(), 1);
    renewing.abort();
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_expired_while_its_work_goes_on_is_kept_from_whoever_would_pay_again() {
    let lock = Duration::from_secs(9);
    let shared = Shared::over(StagedState::with_locks(lock));
    let mut worker = Arc::into_inner(shared.worker()).unwrap();
    worker.locks = Locks::new(shared.state.clone(), lock, Holder::started(None, OffsetDateTime::now_utc()));
    let worker = Arc::new(worker);
    let asking = shared.model.hold("답변");
    let value = json!({"memberId": 7, "question": "캐시란?", "answer": "답변"});
    let (slow, request) = (worker.clone(), record(RequestKind::FeedbackRequested, 0, &value));
    let working = tokio::spawn(async move { work(&slow, request).await });
    asking.reached().await;
    // It was asleep, or the store was away.
    tokio::time::sleep(lock).await;
    let renewing = tokio::spawn(Locks::renew(worker.locks.clone()));
    eventually("it looks for the lock", || async { (!shared.state.renewals().is_empty()).then_some(()) }).await;
    let next = shared.worker();
    let (worker, again) = (next.clone(), record(RequestKind::FeedbackRequested, 0, &value));
    let waiting = tokio::spawn(async move { work(&worker, again).await });
    eventually("the next one waits", || async { (next.metrics.lock_waits.get() > 0).then_some(()) }).await;
    asking.open();
    working.await.unwrap();
    waiting.await.unwrap();
    assert_eq!(shared.model.asked().len(), 1);
    renewing.abort();
}

#[tokio::test(start_paused = true)]
async fn who_was_fenced_in_a_group_pays_for_nothing_of_it_any_more_and_renews_none_of_its_locks() {
    let shared = Shared::new();
    let worker = shared.worker();
    let (asking, saving) = (shared.model.hold("답변"), shared.state.hold_next_answer());
    let done = shared.worker();
    let paid = record(RequestKind::FeedbackRequested, 0, &feedback(8));
    let paid = tokio::spawn(async move { work(&done, paid).await });
    saving.reached().await;
    let value = json!({"memberId": 7, "question": "캐시란?", "answer": "답변"});
    let (fenced, left) = (worker.clone(), record(RequestKind::FeedbackRequested, 1, &value));
    let working = tokio::spawn(async move { work(&fenced, left).await });
    asking.reached().await;
    let renewing = tokio::spawn(worker.locks.clone().renew());
    let [held, other] = [shared.state.lock(Flow::Feedback, 9).await, shared.state.lock(Flow::Resume, 9).await];
    let [held, other] = [held, other].map(|claim| worker.locks.hold(&claim));
    worker.locks.fence(Flow::Feedback);
    working.await.unwrap();
    saving.open();
    paid.await.unwrap();
    assert_eq!(shared.producer.outcome(8).await.topic(), "FeedbackGenerated", "what was paid for is saved and sent");
    assert_eq!((shared.producer.sent().len(), shared.model.asked().len()), (1, 2));
    let before = shared.state.renewals().len();
    eventually("what is held in another group is renewed", || async {
        (shared.state.renewals().len() == before + 3).then_some(())
    })
    .await;
    drop(other);
    let before = shared.state.renewals().len();
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert_eq!(shared.state.renewals().len(), before);
    drop(held);
    // What it is given later is its own.
    let again = record(RequestKind::FeedbackRequested, 2, &feedback(10));
    work(&worker, again).await;
    assert_eq!(shared.producer.outcome(10).await.topic(), "FeedbackGenerated");
    renewing.abort();
}

#[tokio::test(start_paused = true)]
async fn who_was_asleep_past_its_lock_leaves_the_request_to_whoever_has_taken_it() {
    let lock = Duration::from_secs(9);
    let shared = Shared::over(StagedState::with_locks(lock));
    let mut worker = Arc::into_inner(shared.worker()).unwrap();
    worker.locks = Locks::new(shared.state.clone(), lock, Holder::started(None, OffsetDateTime::now_utc()));
    let worker = Arc::new(worker);
    let asking = shared.model.hold("답변");
    let value = json!({"memberId": 7, "question": "캐시란?", "answer": "답변"});
    let (slept, request) = (worker.clone(), record(RequestKind::FeedbackRequested, 0, &value));
    let working = tokio::spawn(async move { work(&slept, request).await });
    asking.reached().await;
    // Nobody renews its lock meanwhile.
    tokio::time::sleep(lock).await;
    let other = shared.state.lock(Flow::Feedback, 7).await;
    let renewing = tokio::spawn(Locks::renew(worker.locks.clone()));
    eventually("it looks for the lock", || async { (worker.metrics.lock_waits.get() > 0).then_some(()) }).await;
    assert_eq!(shared.model.asked().len(), 1);
    // That one ends without an answer.
    shared.state.release(&other).await.unwrap();
    asking.open();
    working.await.unwrap();
    assert_eq!(shared.producer.outcome(7).await.topic(), "FeedbackGenerated");
    assert_eq!(shared.model.asked().len(), 2);
    renewing.abort();
}

#[tokio::test]
async fn a_panic_outside_of_a_turn_is_told_to_its_member_once() {
    let (kafka, shared) = (Kafka::start(1), Shared::new());
    shared.state.panic_once();
    let worker = shared.worker();
    let request = || record(RequestKind::FeedbackRequested, 0, &feedback(7));
    work(&worker, request()).await;
    let failed = shared.producer.outcome(7).await;
    assert_eq!((failed.topic(), &failed.json()["code"]), ("RequestFailed", &"INTERNAL".into()));
    // The record is read again, after a crash perhaps.
    work(&worker, request()).await;
    let again = shared.producer.outcomes(7, 2).await.remove(1);
    assert_eq!((again.id(), shared.model.asked().len()), (failed.id(), 0));
    shared.producer.dead_letters(2).await;
    // Who panics while another worker has the member's lock lets that one finish.
    let held = shared.state.lock(Flow::Feedback, 8).await;
    shared.state.panic_once();
    kafka.feedback(8, "답변").send().await;
    let member = shared.join(&kafka, Flow::Feedback, 1);
    kafka.feedback(9, "답변").send().await;
    assert_eq!(shared.producer.outcome(9).await.topic(), "FeedbackGenerated");
    shared.state.release(&held).await.unwrap();
    assert_eq!(shared.producer.outcome(8).await.json()["code"], "INTERNAL");
    member.stop().await;
}

#[tokio::test]
async fn a_panic_where_nobody_expects_one_costs_its_own_record_and_no_other() {
    let (kafka, shared) = (Kafka::start(1), Shared::new());
    shared.producer.panic_for(7);
    kafka.feedback(7, "답변").send().await;
    kafka.feedback(8, "답변").send().await;
    let member = shared.join(&kafka, Flow::Feedback, 1);
    let letter = shared.producer.dead_letters(1).await.remove(0);
    assert_eq!(letter.header("kafka_dlt-exception-fqcn"), Some("INTERNAL"));
    shared.producer.outcome(8).await;
    kafka.commits(FEEDBACK_REQUESTED).reach_the_end().await;
    member.stop().await;
}

fn feedback(member: i64) -> Value {
    json!({"memberId": member, "question": "캐시란?", "answer": "가까이 두고 쓰는 사본입니다."})
}

fn received(member: &Member, topic: &str) -> u64 {
    member.metrics.records_received.with_label_values(&[topic]).get()
}
