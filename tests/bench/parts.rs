//! The parts that decide, without I/O: what each costs of a request's CPU time.
//!
//! `cargo bench --bench parts`. It prints the size of an ordinary résumé's document, too.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use serde_json::json;
use ssammu_worker::events::decode::decode;
use ssammu_worker::events::headers;
use ssammu_worker::events::outcome::{Origin, Outcome};
use ssammu_worker::events::record::{
    Coordinates, Header, Record, RecordTime, RequestKind, record_name, request_id, request_name,
};
use ssammu_worker::events::request::{FeedbackRequest, MajorType, MemberId, PreferredJob, ResumeInputs};
use ssammu_worker::feedback::{prompt, reply};
use ssammu_worker::resume::document::{Document, render};
use ssammu_worker::resume::markdown;
use ssammu_worker::resume::session::{Exchange, Session};
use ssammu_worker::worker::offsets::Offsets;
use time::OffsetDateTime;
use uuid::Uuid;

const QUESTION: &str = "TCP와 UDP의 차이점을 설명하고, 각각 어떤 서비스에 어울리는지 말해 주세요.";
const ANSWER: &str = "TCP는 연결을 맺고 순서를 지켜 주지만 느리고, UDP는 빠르지만 유실될 수 있습니다.";
const REPLY: &str = "피드백: 질문의 핵심을 대체로 파악하고 있는 **답변**입니다. 다만 왜 그렇게 동작하는지에 대한 근거가 부족합니다. \
    연결 설정과 재전송, 흐름 제어를 예로 들어 두 방식의 차이를 설명하면 더 설득력 있는 답변이 됩니다.";
const RESUME: &str = include_str!("system/resume.md");
const NOW: OffsetDateTime = time::macros::datetime!(2026-11-22 10:00 UTC);

fn record() -> Record {
    let value = json!({"memberId": 7, "problemId": 42, "question": QUESTION, "answer": ANSWER});
    Record {
        kind: RequestKind::FeedbackRequested,
        at: Coordinates { topic: "FeedbackRequested".into(), partition: 3, offset: 42 },
        time: Some(RecordTime::Create(1_763_800_000_000)),
        key: Some(b"7".to_vec()),
        value: Some(value.to_string().into_bytes()),
        headers: vec![Header::new("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")],
    }
}

fn inputs() -> ResumeInputs {
    ResumeInputs {
        email: "member@careerbee.co.kr".to_owned(),
        preferred_job: Some(PreferredJob::Backend),
        major_type: Some(MajorType::Major),
        certification_count: 2,
        project_count: 3,
        work_period: 20,
        company_name: Some("주식회사 커리어비".to_owned()),
        position: Some("백엔드 개발자".to_owned()),
        additional_experiences: Some("교내 알고리즘 동아리를 운영했습니다.".to_owned()),
    }
}

fn session() -> Session {
    let exchange = |number| Exchange {
        question_id: Uuid::from_u128(number),
        question: "그 프로젝트에서 직접 맡은 부분과 가장 어려웠던 점은 무엇이었나요?".to_owned(),
        asked_at: NOW,
        answer: Some(ANSWER.to_owned()),
    };
    Session { exchanges: (1..=3).map(exchange).collect(), ..Session::begin(Uuid::from_u128(1), inputs(), NOW) }
}

fn feedback(c: &mut Criterion) {
    let record = record();
    c.bench_function("decode and validate a request", |b| {
        b.iter(|| decode(RequestKind::FeedbackRequested, black_box(record.value.as_deref())));
    });
    let request = FeedbackRequest { problem_id: Some(42), question: QUESTION.to_owned(), answer: ANSWER.to_owned() };
    c.bench_function("build the prompts of a feedback", |b| b.iter(|| prompt::prompts(black_box(&request))));
    c.bench_function("clean a reply", |b| b.iter(|| reply::read(black_box(REPLY), false)));
    let Some(member) = MemberId::new(7) else { return };
    c.bench_function("ids, outcome and headers", |b| {
        b.iter(|| {
            let id = request_id(black_box(&record), None);
            let origin = Origin { record: &record, member, request_id: &id };
            let names = (request_name(&record, member, &id), record_name(&record.at));
            let outcome = Outcome::Feedback { problem_id: Some(42), feedback: REPLY.to_owned() };
            let saved = outcome.into_saved(&origin, NOW);
            (names, saved.map(|saved| headers::of_outcome(&origin, &saved)))
        });
    });
}

/// A partition's bookkeeping with many open records of which every other one is done.
fn offsets(c: &mut Criterion) {
    for open in [64, 1_000, 20_000] {
        let mut offsets = Offsets::fresh();
        for offset in 0..open {
            offsets.take(offset);
            if offset % 2 == 1 {
                offsets.finish(offset);
            }
        }
        c.bench_function(&format!("offset map: take and finish one, {open} taken"), |b| {
            b.iter_batched_ref(
                || offsets.clone(),
                |offsets| {
                    let taken = offsets.take(open);
                    offsets.finish(open);
                    taken
                },
                BatchSize::SmallInput,
            );
        });
        c.bench_function(&format!("offset map: what to commit, {open} taken"), |b| b.iter(|| offsets.position()));
    }
}

fn resume(c: &mut Criterion) {
    let session = session();
    c.bench_function("encode a session", |b| b.iter(|| serde_json::to_vec(black_box(&session))));
    c.bench_function("clean a résumé's Markdown", |b| b.iter(|| markdown::clean(black_box(RESUME))));
    let inputs = inputs();
    let Some(cleaned) = markdown::clean(RESUME) else { return };
    let document = Document { inputs: &inputs, markdown: &cleaned, created: NOW };
    if let Ok(bytes) = render(&document) {
        println!("a document of {} characters of Markdown has {} bytes", cleaned.chars().count(), bytes.len());
    }
    c.bench_function("Markdown to document", |b| b.iter(|| render(black_box(&document))));
}

criterion_group!(parts, feedback, offsets, resume);
criterion_main!(parts);
