//! What is told of requests while they are worked, and that nobody waits for it.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use ssammu_worker::events::record::Flow;

use crate::doubles::model::Voice;
use crate::doubles::teller::StagedTeller;
use crate::interview::{answer, begun, document, init};
use crate::kit::wait::eventually;
use crate::stage::{Kafka, Member, RESUME_ANSWER, RESUME_INIT, Shared};

const FIRST: &str = "핵심 개념을 잘 짚으셨습니다.";
const SECOND: &str = "다만 연결을 맺는 과정에 대한 설명이 빠져 있습니다.";
const THIRD: &str = "재전송 방식을 예로 들면 답변이 훨씬 탄탄해집니다.";

/// A worker that has the partitions of a flow, one of each topic: of what was there before it tells less.
async fn joins(shared: &Shared, kafka: &Kafka, flow: Flow, slots: usize) -> Member {
    let mut member = shared.join(kafka, flow, slots);
    member.joined().await;
    // It may have joined before it has any.
    member.has_partitions(if flow == Flow::Resume { 2 } else { 1 }).await;
    member
}

/// What is told of a member's request once it is so much; until then the model goes on with its sentence.
async fn told_while_it_talks(voice: &Voice, teller: &StagedTeller, member: i64, count: usize) -> Vec<Value> {
    let words = AtomicUsize::new(0);
    eventually(&format!("{count} are told of member {member}"), || async {
        let told = teller.told(member);
        if told.len() < count {
            talks(voice, &words);
        }
        (told.len() >= count).then_some(told)
    })
    .await
}

/// A word that it has not said yet: what says the same again and again is no reply.
fn talks(voice: &Voice, words: &AtomicUsize) {
    voice.says(&format!("{}번째로 ", words.fetch_add(1, Ordering::Relaxed)));
}

fn sequences(told: &[Value]) -> Vec<u64> {
    told.iter().map(|told| told["sequence"].as_u64().unwrap()).collect()
}

/// They rise, and lie as far apart as records have to.
fn assert_apart(told: &[Value]) {
    let sequences = sequences(told);
    assert!(sequences.windows(2).all(|pair| pair[1] >= pair[0] + 150), "{sequences:?}");
}

fn stages(told: &[Value]) -> Vec<&str> {
    told.iter().map(|told| told["stage"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_sentence_is_told_while_the_next_is_written_and_the_outcome_begins_with_it() {
    let (kafka, (shared, teller)) = (Kafka::start(1), Shared::telling());
    let member = joins(&shared, &kafka, Flow::Feedback, 9).await;
    let voice = shared.model.speaks();
    kafka.feedback(7, "답변").header("ce_id", "request-7").send().await;
    voice.says(&format!("{FIRST} 그리고 "));
    let told = told_while_it_talks(&voice, &teller, 7, 1).await;
    assert_eq!((told[0]["text"].as_str(), stages(&told)), (Some(FIRST), vec!["WRITING"]));
    assert_eq!(
        (told[0]["requestId"].as_str(), told[0]["eventName"].as_str()),
        (Some("request-7"), Some("PROBLEM_FEEDBACK"))
    );
    assert!(shared.producer.sent().is_empty(), "its outcome is yet to come");
    voice.says("설명이 분명합니다. 이어서 ");
    let told = told_while_it_talks(&voice, &teller, 7, 2).await;
    voice.says("예시를 들어 주세요.");
    drop(voice);
    let outcome = shared.producer.outcome(7).await;
    let feedback = outcome.json()["feedback"].as_str().unwrap().to_owned();
    for told in &told {
        assert!(feedback.starts_with(told["text"].as_str().unwrap()), "{feedback} {told}");
    }
    member.stop().await;
    assert_apart(&told);
    assert_eq!(teller.told(7), told, "nothing follows the outcome");
}

#[tokio::test]
async fn a_text_that_begins_anew_is_told_from_its_beginning_and_counted_on() {
    let (kafka, (shared, teller)) = (Kafka::start(1), Shared::telling());
    let member = joins(&shared, &kafka, Flow::Feedback, 9).await;
    let voice = shared.model.speaks();
    kafka.feedback(7, "답변").send().await;
    voice.says(&format!("{FIRST} 그리고 "));
    told_while_it_talks(&voice, &teller, 7, 1).await;
    voice.begins_anew();
    voice.says(&format!("{SECOND} 그리고 "));
    let told = told_while_it_talks(&voice, &teller, 7, 2).await;
    assert_eq!((told[0]["text"].as_str(), told[1]["text"].as_str()), (Some(FIRST), Some(SECOND)));
    assert_apart(&told);
    voice.says("끝입니다.");
    drop(voice);
    let feedback = shared.producer.outcome(7).await.json()["feedback"].clone();
    assert!(feedback.as_str().unwrap().starts_with(SECOND), "{feedback}");
    member.stop().await;
}

#[tokio::test]
async fn a_model_that_is_quick_is_not_told_of() {
    let (kafka, (shared, teller)) = (Kafka::start(1), Shared::telling());
    let member = joins(&shared, &kafka, Flow::Feedback, 9).await;
    for number in 20..30 {
        kafka.feedback(number, "답변").send().await;
    }
    for number in 20..30 {
        shared.producer.outcome(number).await;
        assert_eq!(teller.told(number), [Value::Null; 0]);
    }
    assert_eq!(shared.model.listened(), 10);
    member.stop().await;
}

#[tokio::test]
async fn nobody_listens_where_nothing_can_be_told_and_outcomes_come_as_ever() {
    let (kafka, (shared, teller)) = (Kafka::start(1), Shared::telling());
    teller.heard(false);
    let member = joins(&shared, &kafka, Flow::Feedback, 9).await;
    kafka.feedback(7, "답변").send().await;
    shared.producer.outcome(7).await;
    assert_eq!(shared.model.listened(), 0);
    // The topic has come.
    teller.heard(true);
    kafka.feedback(8, "답변").send().await;
    shared.producer.outcome(8).await;
    assert_eq!(shared.model.listened(), 1);
    member.stop().await;
    let quiet = Shared::new();
    let mut member = quiet.join(&kafka, Flow::Feedback, 9);
    member.joined().await;
    kafka.feedback(9, "답변").send().await;
    quiet.producer.outcomes(9, 1).await;
    assert_eq!(quiet.model.listened(), 0, "it is off");
    member.stop().await;
}

#[tokio::test]
async fn what_cannot_be_sent_is_dropped_and_the_outcome_comes() {
    let (kafka, (shared, teller)) = (Kafka::start(1), Shared::telling());
    teller.falls_behind();
    let member = joins(&shared, &kafka, Flow::Feedback, 9).await;
    let voice = shared.model.speaks();
    kafka.feedback(7, "답변").send().await;
    voice.says(&format!("{FIRST} 그리고 "));
    let dropped = member.metrics.progress_dropped.with_label_values(&["behind"]);
    let words = AtomicUsize::new(0);
    eventually("one is dropped", || async {
        talks(&voice, &words);
        (dropped.get() == 1).then_some(())
    })
    .await;
    voice.says("분명합니다.");
    drop(voice);
    assert_eq!(shared.producer.outcome(7).await.topic(), "FeedbackGenerated");
    assert_eq!((teller.told(7).len(), member.metrics.progress_told.with_label_values(&["WRITING"]).get()), (0, 0));
    member.stop().await;
}

#[tokio::test]
async fn who_waits_for_a_model_is_told_so_once() {
    let (kafka, (shared, teller)) = (Kafka::start(1), Shared::telling());
    let member = joins(&shared, &kafka, Flow::Feedback, 1).await;
    shared.model.goes_away();
    for number in [7, 8] {
        kafka.feedback(number, "답변").send().await;
    }
    for number in [7, 8] {
        let told = teller.tells(number, 1).await;
        assert_eq!(stages(&told), ["WAITING"]);
        assert!(sequences(&told)[0] >= 2_000, "{told:?}");
        assert!(told[0].get("text").is_none());
    }
    shared.model.comes_back();
    for number in [7, 8] {
        shared.producer.outcome(number).await;
        assert_eq!(teller.told(number).len(), 1);
    }
    member.stop().await;
}

#[tokio::test]
async fn who_waits_behind_an_earlier_request_is_told_so_unless_there_is_nothing_to_wait_for() {
    let (kafka, (shared, teller)) = (Kafka::start(1), Shared::telling());
    let member = joins(&shared, &kafka, Flow::Feedback, 9).await;
    kafka.feedback(7, "처음").header("ce_id", "answered").send().await;
    shared.producer.outcome(7).await;
    let gate = shared.model.hold("느린 답변");
    kafka.feedback(7, "느린 답변").header("ce_id", "slow").send().await;
    gate.reached().await;
    kafka.feedback(7, "처음").header("ce_id", "answered").send().await;
    kafka.feedback(7, "").header("ce_id", "invalid").send().await;
    kafka.feedback(7, "다음").header("ce_id", "next").send().await;
    let told = teller.tells(7, 1).await;
    assert_eq!((told[0]["requestId"].as_str(), stages(&told)), (Some("next"), vec!["WAITING"]));
    gate.open();
    shared.producer.outcomes(7, 5).await;
    let waits: Vec<Value> = teller.told(7).into_iter().filter(|told| told["stage"] == "WAITING").collect();
    assert_eq!(waits, told, "one was answered, and one is none that could be");
    member.stop().await;
}

#[tokio::test]
async fn a_resume_tells_its_sections_and_its_document() {
    let (kafka, (shared, teller)) = (Kafka::start(1), Shared::telling());
    let question = begun(&shared, 7).await;
    let member = joins(&shared, &kafka, Flow::Resume, 1).await;
    let voice = shared.model.speaks();
    kafka.request(RESUME_ANSWER, &answer(&question)).send().await;
    let section = |name: &str| format!("## {name}\n\n{}\n\n", "- 주문 서버를 맡아 지연을 절반으로 줄임\n".repeat(12));
    voice.says("# 이력서\n\n## 자기소개\n\n");
    told_while_it_talks(&voice, &teller, 7, 1).await;
    for (count, name) in (2..).zip(["경력", "프로젝트"]) {
        voice.says(&format!("\n\n{}", section(name)));
        told_while_it_talks(&voice, &teller, 7, count).await;
    }
    shared.documents.refuse(true);
    drop(voice);
    shared.documents.has_refused(1).await;
    let told = teller.tells(7, 5).await;
    assert_eq!(stages(&told), ["WRITING", "WRITING", "WRITING", "STORING", "WAITING"]);
    shared.documents.refuse(false);
    let outcomes = shared.producer.outcomes(7, 2).await;
    document(&shared, &outcomes[1]).await;
    for told in &told {
        assert_eq!(
            (&told["sessionId"], &told["eventName"]),
            (&outcomes[1].json()["sessionId"], &"ADVANCED_RESUME_UPDATE".into())
        );
        assert!(told.get("text").is_none(), "{told}");
    }
    let sections: Vec<&str> = told.iter().filter_map(|told| told["section"].as_str()).collect();
    assert_eq!(sections, ["자기소개", "경력", "프로젝트"]);
    let percents: Vec<u64> = told.iter().filter_map(|told| told["percent"].as_u64()).collect();
    assert!(percents.len() == 3 && percents.is_sorted() && percents[2] > 40 && percents[2] < 100, "{percents:?}");
    let all = teller.told(7);
    assert_apart(&all);
    assert!(all.len() <= 6, "{all:?}");
    member.stop().await;
    assert_eq!(teller.told(7).len(), all.len());
}

#[tokio::test]
async fn of_a_question_only_a_wait_is_told() {
    let (kafka, (shared, teller)) = (Kafka::start(1), Shared::telling());
    let member = joins(&shared, &kafka, Flow::Resume, 1).await;
    shared.model.goes_away();
    kafka.request(RESUME_INIT, &init(7)).send().await;
    let told = teller.tells(7, 1).await;
    assert_eq!((stages(&told), told[0]["eventName"].as_str()), (vec!["WAITING"], Some("ADVANCED_RESUME_INIT")));
    shared.model.comes_back();
    assert_eq!(shared.producer.outcome(7).await.topic(), "ResumeQuestionGenerated");
    assert_eq!((shared.model.listened(), teller.told(7).len()), (1, 1));
    member.stop().await;
}

#[tokio::test]
async fn the_next_worker_tells_two_records_above_those_of_one_that_was_cut_off() {
    let (kafka, (shared, teller)) = (Kafka::start(1), Shared::telling());
    let member = joins(&shared, &kafka, Flow::Feedback, 9).await;
    let voice = shared.model.speaks();
    kafka.feedback(7, "답변").send().await;
    voice.says(&format!("{FIRST} 그리고 "));
    told_while_it_talks(&voice, &teller, 7, 1).await;
    member.cut_off().await;
    drop(voice);
    let voice = shared.model.speaks();
    let next = shared.join(&kafka, Flow::Feedback, 9);
    voice.says(&format!("{SECOND} 그리고 "));
    told_while_it_talks(&voice, &teller, 7, 2).await;
    voice.says(&format!("분명합니다. {THIRD} 그리고 "));
    let told = told_while_it_talks(&voice, &teller, 7, 3).await;
    assert_apart(&told);
    assert_eq!(told[1]["text"].as_str(), Some(SECOND));
    for sentence in [FIRST, "차이를 분명히 하세요.", "정리가 좋습니다."] {
        voice.says(&format!("분명합니다. {sentence} 그리고 "));
    }
    voice.says("끝입니다.");
    drop(voice);
    shared.producer.outcome(7).await;
    assert_eq!(teller.told(7).len(), 3);
    next.stop().await;
}

#[tokio::test]
async fn whose_partition_has_moved_tells_nothing_more_and_still_answers() {
    let (kafka, (shared, teller)) = (Kafka::start(1), Shared::telling());
    let mut member = joins(&shared, &kafka, Flow::Feedback, 9).await;
    let voice = shared.model.speaks();
    kafka.feedback(7, "답변").send().await;
    voice.says(&format!("{FIRST} 그리고 "));
    told_while_it_talks(&voice, &teller, 7, 1).await;
    kafka.expel_a_member();
    member.not_joined("lost").await;
    // It is a member again, and has read the request once more.
    eventually("it is read again", || async { (member.received() == 2).then_some(()) }).await;
    voice.says("설명이 분명합니다. 이어서 예시를 들어 주세요.");
    drop(voice);
    shared.producer.outcomes(7, 2).await;
    assert_eq!(teller.told(7).len(), 1);
    member.stop().await;
}
