//! A member's visit: one feedback request, and a résumé dialogue to its document.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;
use uuid::Uuid;

use crate::events::header_names::CE_ID;
use crate::events::outcome::OutcomeKind;
use crate::events::record::Header;
use crate::kafka::client::Connection;
use crate::kafka::outgoing::{OutgoingRecord, Producer};
use crate::kafka::producer::KafkaProducer;
use crate::kafka::reader::{Seen, Start, follow};
use crate::kafka::topics::Topics;

const MEMBER: i64 = 7;
/// Longer than the worker may take for any request.
const PATIENCE: Duration = Duration::from_secs(90);

const ANSWERS: [&str; 3] = [
    "Kafka로 주문 이벤트를 처리하는 백엔드를 맡아, 소비자 지연을 30초에서 2초로 줄였습니다.",
    "트래픽이 몰릴 때 멱등 키와 재시도 정책을 설계해 중복 주문을 없앴습니다.",
    "코드 리뷰 문화를 만들고 배포 자동화로 배포 시간을 40분에서 5분으로 단축했습니다.",
];

/// Plays the visit and prints each event as it comes.
///
/// # Errors
/// When anything else comes than the contract says.
pub async fn show(kafka: &Connection, topics: &Topics, documents: &Path) -> anyhow::Result<()> {
    let outcomes: Vec<String> = topics.outcomes.values().map(ToString::to_string).collect();
    let connection = kafka.clone();
    let arriving = tokio::task::spawn_blocking(move || follow(&connection, &outcomes, &Start::Beginning)).await??;
    let mut visit = Visit { producer: KafkaProducer::open(kafka)?, arriving, topics };

    let question = "TCP와 UDP의 차이점은?";
    let answer = "TCP는 느리지만 신뢰성이 높고, UDP는 빠릅니다.";
    let request = json!({"memberId": MEMBER, "problemId": 42, "question": question, "answer": answer});
    visit.send(&topics.feedback_requested, &request).await?;
    visit.expect(OutcomeKind::FeedbackGenerated).await?;

    let inputs = json!({
        "email": "ssammu@careerbee.kr", "preferred_job": "BACKEND", "certification_count": 2, "project_count": 3,
        "major_type": "MAJOR", "company_name": "커리어비", "work_period": 18, "position": "백엔드 개발자",
        "additional_experiences": "오픈소스 메시지 큐 프로젝트에 기여했습니다.",
    });
    visit.send(&topics.resume_init, &json!({"memberId": MEMBER, "inputs": inputs})).await?;
    let mut answers = ANSWERS.iter();
    let completed = loop {
        let (kind, outcome) = visit.next().await?;
        match kind {
            OutcomeKind::ResumeQuestionGenerated => {
                let answer = answers.next().context("the worker asked more questions than it may")?;
                let answer = json!({
                    "memberId": MEMBER, "inputs": {"answer": answer}, "questionId": outcome.get("questionId"),
                });
                visit.send(&topics.resume_answer, &answer).await?;
            }
            OutcomeKind::ResumeCompleted => break outcome,
            other => bail!("{} came instead of a question or a résumé", other.name()),
        }
    };
    let key = completed.get("resumeObjectKey").and_then(Value::as_str).context("the résumé has no object key")?;
    let document = documents.join(key);
    ensure!(document.is_file(), "the document is not at {}", document.display());
    ensure!(completed.get("degraded") == Some(&Value::Bool(false)), "the model did not write the résumé");
    println!("document   {}", document.display());
    Ok(())
}

struct Visit<'a> {
    producer: KafkaProducer,
    arriving: Receiver<Seen>,
    topics: &'a Topics,
}

impl Visit<'_> {
    async fn send(&self, topic: &Arc<str>, value: &Value) -> anyhow::Result<()> {
        println!("→ {topic} {value}");
        let outgoing = OutgoingRecord {
            topic: topic.clone(),
            partition: None,
            key: Some(MEMBER.to_string().into_bytes()),
            value: Some(value.to_string().into_bytes()),
            headers: vec![Header::new(CE_ID, Uuid::new_v4().to_string())],
        };
        Ok(self.producer.send(&outgoing).await?)
    }

    async fn next(&mut self) -> anyhow::Result<(OutcomeKind, Value)> {
        let seen = timeout(PATIENCE, self.arriving.recv()).await.context("nothing came in time")?;
        let seen = seen.context("the outcome topics can no longer be read")?;
        let value: Value = serde_json::from_slice(seen.value.as_deref().unwrap_or_default())?;
        println!("← {} {value}\n", seen.topic);
        let kind = self.topics.outcomes.iter().find(|(_, topic)| topic.as_ref() == seen.topic);
        Ok((*kind.context("an unknown topic")?.0, value))
    }

    async fn expect(&mut self, wanted: OutcomeKind) -> anyhow::Result<Value> {
        let (kind, value) = self.next().await?;
        ensure!(kind == wanted, "{} came instead of {}", kind.name(), wanted.name());
        Ok(value)
    }
}
