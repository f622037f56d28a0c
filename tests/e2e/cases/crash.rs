//! The worker dies between any two steps of a request; another one goes on.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::case::Case;
use crate::kit::model::Kind;
use crate::kit::outcome_reader::{OutcomeReader, Record};
use crate::kit::redis::Redis;
use crate::kit::settings::Settings;
use crate::kit::test_env::TestEnv;

/// Where the worker dies, in the order of a request's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Point {
    Received,
    Decoded,
    BeforeBegin,
    Begun,
    BeforeCall,
    Called,
    DraftSaved,
    BeforeUpload,
    Uploaded,
    BeforeSave,
    Saved,
    Sent,
    Stored,
    Committed,
}

/// Each with the name that the worker knows it by.
const POINTS: [(Point, &str); 14] = [
    (Point::Received, "received"),
    (Point::Decoded, "decoded"),
    (Point::BeforeBegin, "before_begin"),
    (Point::Begun, "begun"),
    (Point::BeforeCall, "before_call"),
    (Point::Called, "called"),
    (Point::DraftSaved, "draft_saved"),
    (Point::BeforeUpload, "before_upload"),
    (Point::Uploaded, "uploaded"),
    (Point::BeforeSave, "before_save"),
    (Point::Saved, "saved"),
    (Point::Sent, "sent"),
    (Point::Stored, "stored"),
    (Point::Committed, "committed"),
];

/// The request that is in work when the worker dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Feedback,
    Init,
    Answer,
    LastAnswer,
}

const STEPS: [(Step, &str); 4] =
    [(Step::Feedback, "feedback"), (Step::Init, "init"), (Step::Answer, "answer"), (Step::LastAnswer, "last_answer")];

pub fn cases() -> Vec<Case> {
    let all = STEPS.into_iter().flat_map(|step| POINTS.into_iter().map(move |point| (step, point)));
    all.filter(|((step, _), (point, _))| step.passes(*point))
        .map(|((step, step_name), (point, point_name))| {
            let run = move |env| Box::pin(dies_and_is_followed(env, step, point, point_name)) as _;
            Case::new(format!("{step_name}_when_{point_name}"), run).with_fail_points()
        })
        .collect()
}

/// The `SIGABRT` of a fail point: as sudden as `SIGKILL`, and nobody else sends it.
const ABORTED: i32 = 6;

/// The request whose worker dies.
const REQUEST: &str = "the-request";

impl Step {
    fn passes(self, point: Point) -> bool {
        let for_the_document = matches!(point, Point::DraftSaved | Point::BeforeUpload | Point::Uploaded);
        self == Self::LastAnswer || !for_the_document
    }

    /// Model calls until the worker dies.
    fn calls_before(point: Point) -> usize {
        usize::from(point >= Point::Called)
    }

    /// Model calls for the request in all: one, and one more where the first was not saved yet.
    fn calls(self, point: Point) -> usize {
        let unsaved = match self {
            Self::LastAnswer => point == Point::Called,
            Self::Feedback | Self::Init | Self::Answer => (Point::Called..=Point::BeforeSave).contains(&point),
        };
        if unsaved { 2 } else { 1 }
    }

    fn outcome(self) -> &'static str {
        match self {
            Self::Feedback => "FeedbackGenerated",
            Self::Init | Self::Answer => "ResumeQuestionGenerated",
            Self::LastAnswer => "ResumeCompleted",
        }
    }

    /// The name of the flow in Redis.
    fn flow(self) -> &'static str {
        if self == Self::Feedback { "feedback" } else { "resume" }
    }
}

/// A static member, so that the group gives the next worker its partitions at once.
fn settings(env: &TestEnv) -> Settings {
    env.settings().with("KAFKA_PROPERTIES", "group.instance.id=crash").with("MAX_QUESTIONS", 2)
}

/// One member's requests and their outcomes.
struct Talk<'a> {
    env: &'a TestEnv,
    outcomes: &'a OutcomeReader,
    member: i64,
}

impl Talk<'_> {
    async fn send(&self, topic: &str, id: &str, mut value: Value) {
        value["memberId"] = self.member.into();
        self.env.requests.ask(topic, &value).header("ce_id", id).send().await;
    }

    async fn ask_feedback(&self, id: &str) {
        let value = json!({"problemId": 7, "question": "교착 상태란?", "answer": "서로 기다리는 상태입니다."});
        self.send(&self.env.topics.feedback_requested, id, value).await;
    }

    async fn init(&self, id: &str) {
        let value = json!({"inputs": {"email": "a@b.kr", "preferred_job": "BACKEND"}});
        self.send(&self.env.topics.resume_init, id, value).await;
    }

    async fn answer(&self, id: &str, question: &Record) {
        let value = json!({"answer": "주문 이벤트를 처리했습니다.", "questionId": question.json()["questionId"]});
        self.send(&self.env.topics.resume_answer, id, value).await;
    }

    /// The outcome of a request.
    async fn outcome(&self, id: &str) -> Record {
        let find = |records: &[Record]| records.iter().find(|record| record.answers(id)).cloned();
        self.outcomes.wait_for(&format!("the outcome of {id}"), find).await
    }

    /// Brings the dialogue to where the step begins; gives the open question.
    async fn prepare(&self, step: Step) -> Option<Record> {
        if matches!(step, Step::Feedback | Step::Init) {
            return None;
        }
        let worker = self.env.worker_with(&settings(self.env)).await;
        self.init("prepared-init").await;
        let mut question = self.outcome("prepared-init").await;
        if step == Step::LastAnswer {
            self.answer("prepared-answer", &question).await;
            question = self.outcome("prepared-answer").await;
        }
        assert!(worker.stop().await.success());
        Some(question)
    }

    async fn request(&self, step: Step, question: Option<&Record>) {
        match (step, question) {
            (Step::Feedback, _) => self.ask_feedback(REQUEST).await,
            (_, None) => self.init(REQUEST).await,
            (_, Some(question)) => self.answer(REQUEST, question).await,
        }
    }

    /// Goes on after the request's outcome, to the end.
    async fn finish(&self, step: Step, outcome: &Record) {
        if step == Step::Feedback {
            self.ask_feedback("next").await;
            assert_eq!(self.outcome("next").await.kind, "FeedbackGenerated");
            return;
        }
        let mut last = outcome.clone();
        if step == Step::LastAnswer {
            self.init("next-init").await;
            last = self.outcome("next-init").await;
            assert_eq!(last.json()["questionNumber"], 1, "the dialogue is over, and another may begin");
        }
        for id in ["next-1", "next-2"] {
            if last.kind != "ResumeCompleted" {
                self.answer(id, &last).await;
                last = self.outcome(id).await;
            }
        }
        assert_eq!(last.kind, "ResumeCompleted");
    }
}

/// What the member reads: a link is signed anew each time.
fn content(record: &Record) -> Value {
    let mut content = record.json();
    if let Some(fields) = content.as_object_mut() {
        fields.remove("resumeUrl");
        fields.remove("resumeUrlExpiresAt");
    }
    content
}

async fn dies_and_is_followed(env: Arc<TestEnv>, step: Step, point: Point, point_name: &'static str) {
    let outcomes = env.outcomes().await;
    let redis = Redis::connect(&env.services).await;
    let talk = Talk { env: &env, outcomes: &outcomes, member: env.member() };
    let question = talk.prepare(step).await;
    let (before, paid) = (redis.session(talk.member).await, env.model.calls().len());

    let mut dying = env.start_worker(&settings(&env).with("SSAMMU_FAIL_POINT", point_name));
    talk.request(step, question.as_ref()).await;
    let status = dying.ended().await;
    assert_eq!(status.signal(), Some(ABORTED), "it ended in another way: {status}");
    assert_eq!(env.model.calls().len() - paid, Step::calls_before(point), "calls before it died");
    let at_death = redis.session(talk.member).await;
    if point < Point::Saved {
        assert_eq!(at_death, before, "an unfinished request has changed the session");
    }
    let lock = format!("{}:{{{}}}:lock", step.flow(), talk.member);
    let left: i64 = redis.run("PTTL", &[&lock]).await;
    let locked = (Point::Begun..=Point::BeforeSave).contains(&point);
    assert!(if locked { (1..=10_000).contains(&left) } else { left == -2 }, "the lock ends in {left} ms");

    let _next = env.worker_with(&settings(&env)).await;
    for topic in [&env.topics.feedback_requested, &env.topics.resume_init, &env.topics.resume_answer] {
        env.commits(topic).reach_the_end().await;
    }
    let records = outcomes.everything().await;
    let outcomes: Vec<&Record> = records.iter().filter(|record| record.answers(REQUEST)).collect();
    let ids: BTreeSet<_> = outcomes.iter().map(|outcome| outcome.header("ce_id")).collect();
    // The outcome had been sent, but the commit had not: it comes again.
    let times = if matches!(point, Point::Sent | Point::Stored) { 2 } else { 1 };
    assert_eq!((ids.len(), outcomes.len()), (1, times), "ids and outcomes");
    let outcome = *outcomes.first().expect("there is one");
    assert_eq!(outcome.kind, step.outcome());
    assert!(outcomes.iter().all(|other| content(other) == content(outcome)), "one id, two contents");
    assert!(!records.iter().any(Record::is_dead_letter));
    assert_eq!(env.model.calls().len() - paid, step.calls(point), "calls for the request");
    let after = redis.session(talk.member).await;
    if point >= Point::Saved {
        assert_eq!(after, at_death, "a finished request has changed the session again");
    }
    if step == Step::LastAnswer {
        let documents = env.bucket().keys(&env.prefix()).await;
        assert_eq!(documents, [outcome.json()["resumeObjectKey"].as_str().expect("a key")]);
        assert_eq!(env.model.count(Kind::Question), 2);
        assert_eq!(after, None);
    }
    talk.finish(step, outcome).await;
}
