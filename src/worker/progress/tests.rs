use serde_json::{Value, json};

use super::*;
use crate::events::open_enum::OpenEnum;
use crate::events::progress::{RequestProgress, SECTION_MAX};
use crate::events::record::{Coordinates, Record, RequestKind};
use crate::kafka::telling::Dropped;
use crate::state::Lifetimes;
use crate::state::memory::MemoryState;

const SECOND: Duration = Duration::from_secs(1);
/// When the records of these tests were sent.
const SENT: i64 = 5_000;

#[derive(Default)]
struct Told(Mutex<Vec<RequestProgress>>);

impl Told {
    fn all(&self) -> Vec<RequestProgress> {
        self.0.lock().unwrap().clone()
    }
}

impl Teller for Told {
    fn is_heard(&self) -> bool {
        true
    }

    fn tell(&self, record: &OutgoingRecord) -> Result<(), Dropped> {
        self.0.lock().unwrap().push(RequestProgress::read(record.value.as_deref().unwrap()).unwrap());
        Ok(())
    }
}

fn reports() -> (Arc<Reports>, Arc<Told>) {
    let told = Arc::new(Told::default());
    let lifetimes = Lifetimes { session: SECOND, outcome: SECOND, lock: SECOND };
    let (state, metrics) = (Arc::new(MemoryState::new(lifetimes)), Arc::new(Metrics::new().unwrap()));
    (Reports::new(told.clone(), "RequestProgress".into(), state, metrics), told)
}

/// The report of a request whose work began a second ago, from a partition that is ours `since` then.
async fn at_work(reports: &Arc<Reports>, kind: RequestKind, value: &Value, since: i64) -> Arc<dyn Progress> {
    let record = Record {
        kind,
        at: Coordinates { topic: kind.name().into(), partition: 0, offset: 1 },
        time: Some(RecordTime::Create(SENT)),
        key: None,
        value: Some(value.to_string().into_bytes()),
        headers: Vec::new(),
    };
    let report = reports.open(&Arc::new(Job::new(record)), since, CancellationToken::new());
    report.goes_on();
    tokio::time::advance(SECOND).await;
    report
}

fn feedback() -> Value {
    json!({"memberId": 7, "question": "Q", "answer": "A"})
}

fn answer() -> Value {
    json!({"memberId": 7, "answer": "A"})
}

#[tokio::test(start_paused = true)]
async fn who_slept_tells_nothing_more_of_what_it_had() {
    for looks_first in [false, true] {
        let (reports, told) = reports();
        let report = at_work(&reports, RequestKind::FeedbackRequested, &feedback(), 0).await;
        report.wrote("하나.");
        assert_eq!(told.all().len(), 1);
        tokio::time::advance(ASLEEP).await;
        if looks_first {
            reports.tick(Instant::now());
        }
        report.wrote("하나. 둘.");
        reports.tick(Instant::now());
        tokio::time::advance(SECOND).await;
        report.wrote("하나. 둘. 셋.");
        reports.tick(Instant::now());
        assert_eq!(told.all().len(), 1);
        let next = at_work(&reports, RequestKind::FeedbackRequested, &feedback(), 0).await;
        next.wrote("다음.");
        assert_eq!(told.all().len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_too_long_to_be_told_is_cut_or_left_out() {
    let (reports, told) = reports();
    let report = at_work(&reports, RequestKind::FeedbackRequested, &feedback(), 0).await;
    report.wrote("");
    report.wrote(&"가".repeat(1_001));
    assert!(told.all().is_empty());
    report.wrote(&"가".repeat(1_000));
    assert_eq!(told.all().len(), 1);
    let report = at_work(&reports, RequestKind::ResumeAnswer, &answer(), 0).await;
    report.wrote_section(&"나".repeat(SECTION_MAX + 1), 10);
    let section = told.all().pop().unwrap().section.unwrap();
    assert_eq!(section, "나".repeat(SECTION_MAX));
}

#[tokio::test(start_paused = true)]
async fn what_resumes_usually_have_is_learnt_from_those_that_were_written() {
    let (reports, told) = reports();
    let mut percents = Vec::new();
    for chars in [USUAL * 2; 12] {
        let report = at_work(&reports, RequestKind::ResumeAnswer, &answer(), 0).await;
        report.wrote_section("경력", chars / 2);
        percents.push(told.all().pop().unwrap().percent.unwrap());
        report.wrote_section("경력", chars);
        report.stores(true);
        report.ends();
        // Of this one the model wrote a part that was of no use.
        let broken = at_work(&reports, RequestKind::ResumeAnswer, &answer(), 0).await;
        broken.wrote_section("경력", USUAL / 2);
        broken.stores(false);
        reports.tick(Instant::now());
    }
    let (first, last) = (percents.first().unwrap(), percents.last().unwrap());
    assert!(*first == 99 && (50..=53).contains(last), "{percents:?}");
}

#[tokio::test(start_paused = true)]
async fn what_was_there_before_its_partition_was_ours_is_told_in_two_records_without_a_percentage() {
    let (reports, told) = reports();
    for (since, records) in [(SENT - 1, 3), (SENT, 2)] {
        let report = at_work(&reports, RequestKind::ResumeAnswer, &answer(), since).await;
        report.wrote_section("경력", 100);
        tokio::time::advance(SECOND).await;
        report.wrote_section("기술", 1_000);
        tokio::time::advance(SECOND).await;
        report.stores(true);
        let all = std::mem::take(&mut *told.0.lock().unwrap());
        assert_eq!(all.len(), records);
        assert_eq!(all[0].percent.is_some(), records == 3);
        assert_eq!(all.last().unwrap().stage, OpenEnum::Known(Stage::Storing));
        reports.tick(Instant::now());
    }
}

#[tokio::test(start_paused = true)]
async fn of_requests_that_are_gone_nothing_is_kept() {
    let (reports, _) = reports();
    let report = at_work(&reports, RequestKind::FeedbackRequested, &feedback(), 0).await;
    reports.tick(Instant::now());
    assert_eq!(reports.reports().reports.len(), 1);
    drop(report);
    reports.tick(Instant::now());
    assert_eq!(reports.reports().reports.len(), 0);
    for nobodys in [json!({"memberId": 7, "question": "Q"}), json!({"question": "Q"}), json!(null)] {
        let report = at_work(&reports, RequestKind::FeedbackRequested, &nobodys, 0).await;
        assert!(!report.is_wanted());
    }
    assert_eq!(reports.reports().reports.len(), 0);
}
