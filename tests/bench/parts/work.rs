//! The parts that decide, without I/O, and what they are given.

use serde_json::json;
use ssammu_worker::events::decode;
use ssammu_worker::events::headers;
use ssammu_worker::events::outcome::{Origin, Outcome};
use ssammu_worker::events::record::{
    Coordinates, Header, Record, RecordTime, RequestKind, record_name, request_id, request_name,
};
use ssammu_worker::events::request::{FeedbackRequest, MajorType, MemberId, PreferredJob, ResumeInputs};
use ssammu_worker::feedback::{prompt, reply};
use ssammu_worker::resume::document::{self, Document};
use ssammu_worker::resume::markdown;
use ssammu_worker::state::session::{Exchange, Session};
use ssammu_worker::worker::offsets::Offsets;
use time::OffsetDateTime;
use uuid::Uuid;

const QUESTION: &str = "TCP와 UDP의 차이점을 설명하고, 각각 어떤 서비스에 어울리는지 말해 주세요.";
const ANSWER: &str = "TCP는 연결을 맺고 순서를 지켜 주지만 느리고, UDP는 빠르지만 유실될 수 있습니다.";
/// What a model says to it.
pub const REPLY: &str = "피드백: 질문의 핵심을 대체로 파악하고 있는 **답변**입니다. 다만 왜 그렇게 동작하는지에 대한 근거가 부족합니다. \
    연결 설정과 재전송, 흐름 제어를 예로 들어 두 방식의 차이를 설명하면 더 설득력 있는 답변이 됩니다.";
/// An ordinary résumé.
pub const RESUME: &str = include_str!("../system/resume.md");
const NOW: OffsetDateTime = time::macros::datetime!(2026-11-22 10:00 UTC);

/// A feedback request as it comes from Kafka.
pub fn record() -> Record {
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

/// The same, decoded.
pub fn request() -> FeedbackRequest {
    FeedbackRequest { problem_id: Some(42), question: QUESTION.to_owned(), answer: ANSWER.to_owned() }
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

/// An interview with three answers.
pub fn session() -> Session {
    let question = "그 프로젝트에서 직접 맡은 부분과 가장 어려웠던 점은 무엇이었나요?";
    let exchange = |number| Exchange {
        answer: Some(ANSWER.to_owned()),
        ..Exchange::open(Uuid::from_u128(number), question.to_owned(), NOW)
    };
    Session { exchanges: (1..=3).map(exchange).collect(), ..Session::begin(Uuid::from_u128(1), inputs(), NOW) }
}

/// A partition's bookkeeping with `taken` records in work, of which every other one is done.
pub fn offsets(taken: i64) -> Offsets {
    let mut offsets = Offsets::fresh();
    for offset in 0..taken {
        offsets.take(offset);
        if offset % 2 == 1 {
            offsets.finish(offset);
        }
    }
    offsets
}

pub fn decode(record: &Record) -> impl Sized + use<> {
    decode::decode(RequestKind::FeedbackRequested, record.value.as_deref())
}

pub fn build_prompts(request: &FeedbackRequest) -> impl Sized + use<> {
    prompt::prompts(request)
}

pub fn clean_reply(text: &&str) -> Option<String> {
    reply::read(text, false)
}

/// All that goes out with an outcome but the text itself.
pub fn ids_and_headers(record: &Record) -> impl Sized + use<> {
    let member = MemberId::new(7)?;
    let id = request_id(record, None);
    let digest = record.digest();
    let origin = Origin { record, digest, member, request_id: &id, context: None };
    let names = (request_name(record, digest, member, &id), record_name(record, digest));
    let outcome = Outcome::Feedback { problem_id: Some(42), feedback: REPLY.to_owned() };
    let saved = outcome.into_saved(&origin, NOW).ok()?;
    Some((names, headers::of_outcome(&origin, &saved)))
}

/// One record more is taken and finished.
pub fn take_and_finish(offsets: &mut Offsets, offset: i64) {
    offsets.take(offset);
    offsets.finish(offset);
}

pub fn to_commit(offsets: &Offsets) -> impl Sized + use<> {
    offsets.position()
}

pub fn encode_session(session: &Session) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(session)
}

pub fn clean_markdown(text: &&str) -> Option<String> {
    markdown::clean(text)
}

/// A résumé as a Word document: its bytes.
pub fn render(markdown: &String) -> Option<Vec<u8>> {
    document::render(&Document { inputs: &inputs(), answers: &[], markdown, created: NOW }).ok()
}
