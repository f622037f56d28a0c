//! A member's visit: one feedback request, and a résumé dialogue to its document, with what is told while it is written.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use serde::Serialize;
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use crate::events::header_names::{CE_CAUSATIONID, CE_ID};
use crate::events::outcome::{OutcomeData, ResumeCompleted};
use crate::events::progress::{RequestProgress, Stage};
use crate::events::record::{Header, text_header};
use crate::events::request::data::{AnswerInputs, FeedbackRequested, Inputs, ResumeAnswer, ResumeInit};
use crate::events::request::{MajorType, PreferredJob};
use crate::kafka::client::Connection;
use crate::kafka::outgoing::{OutgoingRecord, Producer};
use crate::kafka::producer::KafkaProducer;
use crate::kafka::reader::{Seen, Start, follow};
use crate::kafka::topics::Topics;
use crate::print::say;

const MEMBER: i64 = 7;
/// How much longer than the worker may take for a request, until nothing is waited for any more.
const SPARE: Duration = Duration::from_secs(30);
/// What took so many tenths of a request's time, or more, was slow.
const SLOW_TENTHS: u32 = 9;

const ANSWERS: [&str; 3] = [
    "Kafka로 주문 이벤트를 처리하는 백엔드를 맡아, 소비자 지연을 30초에서 2초로 줄였습니다.",
    "트래픽이 몰릴 때 멱등 키와 재시도 정책을 설계해 중복 주문을 없앴습니다.",
    "코드 리뷰 문화를 만들고 배포 자동화로 배포 시간을 40분에서 5분으로 단축했습니다.",
];

/// Plays the visit and prints each event as it comes, whether or not anybody reads it. The worker has `deadline` for a
/// request.
///
/// # Errors
/// When anything else comes than the contract says, or the model is too slow: the error says what took how long.
pub async fn show(kafka: &Connection, topics: &Topics, documents: &Path, deadline: Duration) -> anyhow::Result<()> {
    let told: Vec<String> = topics.outcomes.values().chain(&topics.progress).map(ToString::to_string).collect();
    let connection = kafka.clone();
    let arriving = tokio::task::spawn_blocking(move || follow(&connection, &told, &Start::Beginning)).await??;
    let (producer, asked) = (KafkaProducer::open(kafka)?, Instant::now());
    let (request_id, written) = (String::new(), String::new());
    let mut visit = Visit { producer, arriving, topics, deadline, asked, request_id, written };

    let request = FeedbackRequested {
        member_id: MEMBER,
        problem_id: Some(42),
        question: "TCP와 UDP의 차이점은?".to_owned(),
        answer: "TCP는 느리지만 신뢰성이 높고, UDP는 빠릅니다.".to_owned(),
        context: None,
        request_id: None,
    };
    visit.send(&topics.feedback_requested, &request).await?;
    let outcome = visit.next().await?;
    ensure!(matches!(outcome, OutcomeData::Feedback(_)), visit.instead_of("a feedback", &outcome));

    let request = ResumeInit { member_id: MEMBER, inputs: inputs(), context: None, request_id: None };
    visit.send(&topics.resume_init, &request).await?;
    let completed = visit.interview().await?;
    let document = documents.join(&completed.resume_object_key);
    ensure!(document.is_file(), "the document is not at {}", document.display());
    ensure!(!completed.degraded, "the model did not write the résumé{}", visit.slowness());
    let _ = say!("document   {}", document.display());
    Ok(())
}

fn inputs() -> Inputs {
    Inputs {
        email: "ssammu@careerbee.kr".to_owned(),
        preferred_job: Some(PreferredJob::Backend),
        certification_count: Some(2),
        project_count: Some(3),
        major_type: Some(MajorType::Major),
        company_name: Some("커리어비".to_owned()),
        work_period: Some(18),
        position: Some("백엔드 개발자".to_owned()),
        additional_experiences: Some("오픈소스 메시지 큐 프로젝트에 기여했습니다.".to_owned()),
    }
}

struct Visit<'a> {
    producer: KafkaProducer,
    arriving: Receiver<Seen>,
    topics: &'a Topics,
    deadline: Duration,
    /// When the last request was sent.
    asked: Instant,
    request_id: String,
    /// What was told of its text so far.
    written: String,
}

impl Visit<'_> {
    /// Answers questions until the résumé is there.
    async fn interview(&mut self) -> anyhow::Result<ResumeCompleted> {
        let mut answers = ANSWERS.iter();
        loop {
            let question = match self.next().await? {
                OutcomeData::Question(question) => question,
                OutcomeData::Completed(completed) => return Ok(completed),
                other => bail!(self.instead_of("a question or a résumé", &other)),
            };
            let answer = answers.next().context("the worker asked more questions than it may")?;
            let request = ResumeAnswer {
                member_id: MEMBER,
                inputs: Some(AnswerInputs { answer: Some((*answer).to_owned()) }),
                question_id: Some(question.question_id.to_string()),
                ..ResumeAnswer::default()
            };
            self.send(&self.topics.resume_answer, &request).await?;
        }
    }

    async fn send(&mut self, topic: &Arc<str>, request: &impl Serialize) -> anyhow::Result<()> {
        let value = serde_json::to_string(request)?;
        let _ = say!("→ {topic} {value}");
        self.request_id = Uuid::new_v4().to_string();
        self.written.clear();
        let outgoing = OutgoingRecord {
            topic: topic.clone(),
            partition: None,
            key: Some(MEMBER.to_string().into_bytes()),
            value: Some(value.into_bytes()),
            headers: vec![Header::new(CE_ID, self.request_id.as_str())],
        };
        self.asked = Instant::now();
        Ok(self.producer.send(&outgoing).await?)
    }

    async fn next(&mut self) -> anyhow::Result<OutcomeData> {
        let until = Instant::now() + self.deadline + SPARE;
        let (seen, value) = loop {
            let seen = timeout_at(until, self.arriving.recv()).await;
            let seen = seen.map_err(|_| anyhow!("nothing came{}", self.slowness()))?;
            let mut seen = seen.context("the outcome topics can no longer be read")?;
            let value = seen.value.take().unwrap_or_default();
            // The page may be open already, and its members ask, too. Topics are read in no common order, so what is told may be
            // of the request before, which has ended.
            if text_header(&seen.headers, CE_CAUSATIONID) != Some(self.request_id.as_str()) {
                continue;
            }
            if self.topics.progress.as_deref() != Some(seen.topic.as_str()) {
                break (seen, value);
            }
            if let Some(progress) = RequestProgress::read(&value) {
                self.tell(&progress);
            }
        };
        let took = self.asked.elapsed().as_secs_f64();
        let _ = say!("← {} {} (after {took:.1} s)\n", seen.topic, String::from_utf8_lossy(&value));
        let kind = self.topics.outcome_kind(&seen.topic).context("an unknown topic")?;
        OutcomeData::read(kind, &value).context("an outcome that is none of the contract")
    }

    /// Prints how far the request is: of its text what is new.
    fn tell(&mut self, progress: &RequestProgress) {
        let now = match (&progress.text, &progress.section, progress.stage.known()) {
            (Some(text), ..) => {
                let new = text.strip_prefix(&self.written).unwrap_or(text).trim().to_owned();
                self.written.clone_from(text);
                new
            }
            (None, Some(section), _) => match progress.percent {
                Some(percent) => format!("{section} ({percent} %)"),
                None => section.clone(),
            },
            (None, None, Some(Stage::Waiting)) => "it waits".to_owned(),
            (None, None, Some(Stage::Storing)) => "its document is being stored".to_owned(),
            (None, None, Some(Stage::Writing) | None) => return,
        };
        let _ = say!("  … {now} (after {:.1} s)", self.asked.elapsed().as_secs_f64());
    }

    fn instead_of(&self, wanted: &str, outcome: &OutcomeData) -> String {
        let code = match outcome {
            OutcomeData::Failed(failed) => format!(" ({})", failed.code.name()),
            _ => String::new(),
        };
        format!("{}{code} came instead of {wanted}{}", outcome.kind().name(), self.slowness())
    }

    /// How long it took, and what that means where it was long.
    fn slowness(&self) -> String {
        let took = self.asked.elapsed();
        let means = if took * 10 >= self.deadline * SLOW_TENTHS {
            format!(": the model is too slow for REQUEST_DEADLINE={}", humantime::format_duration(self.deadline))
        } else {
            String::new()
        };
        format!(" after {:.1} s{means}", took.as_secs_f64())
    }
}
