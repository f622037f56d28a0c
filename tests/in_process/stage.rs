//! What one test works with: a broker of its own, workers, and everything that these need.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use ssammu_worker::config;
use ssammu_worker::documents::Documents;
use ssammu_worker::documents::retrying::RetryingDocuments;
use ssammu_worker::events::progress;
use ssammu_worker::events::record::{Coordinates, Flow, Record, RequestKind};
use ssammu_worker::feedback::Writer;
use ssammu_worker::flow_control::place::Place;
use ssammu_worker::flow_control::slots::Slots;
use ssammu_worker::kafka::client::Connection;
use ssammu_worker::kafka::embedded::EmbeddedBroker;
use ssammu_worker::llm::Model;
use ssammu_worker::resume::agent::{self, Agent};
use ssammu_worker::state::holder::Holder;
use ssammu_worker::telemetry::metrics::Metrics;
use ssammu_worker::worker::intake::{Intake, IntakeError};
use ssammu_worker::worker::locks::Locks;
use ssammu_worker::worker::membership::rebalance::REVOKE_GRACE;
use ssammu_worker::worker::membership::{Group, Stop};
use ssammu_worker::worker::progress::Reports;
use ssammu_worker::worker::screens::Screens;
use ssammu_worker::worker::work::{Job, Settings, Worker};
use time::OffsetDateTime;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::doubles::documents::StagedDocuments;
use crate::doubles::in_time;
use crate::doubles::model::ScriptedModel;
use crate::doubles::producer::StagedProducer;
use crate::doubles::state::StagedState;
use crate::doubles::teller::StagedTeller;
use crate::kit::offsets::Commits;
use crate::kit::request_producer::{Request, RequestProducer};
use crate::kit::wait::{PATIENCE, eventually};

/// The topic of each kind of request is called like it.
pub const FEEDBACK_REQUESTED: &str = "FeedbackRequested";
pub const RESUME_INIT: &str = "ResumeInit";
pub const RESUME_ANSWER: &str = "ResumeAnswer";

pub const LASTING: Duration = Duration::from_secs(600);

/// What makes librdkafka quick. The embedded broker answers a fetch when the client's wait is over, and rebalances a
/// second before the session ends.
const QUICK: [(&str, &str); 4] = [
    ("fetch.wait.max.ms", "10"),
    ("auto.commit.interval.ms", "100"),
    ("heartbeat.interval.ms", "100"),
    ("session.timeout.ms", "3000"),
];

/// A broker inside the process, with the request topics.
pub struct Kafka {
    broker: EmbeddedBroker,
    requests: RequestProducer,
    bootstrap: String,
    partitions: i32,
    /// The `group.instance.id` of whoever joins from now on.
    instance: Option<&'static str>,
}

impl Kafka {
    /// With so many partitions a topic.
    pub fn start(partitions: i32) -> Self {
        let broker = EmbeddedBroker::start().unwrap();
        for topic in [FEEDBACK_REQUESTED, RESUME_INIT, RESUME_ANSWER] {
            broker.create_topic(topic, partitions).unwrap();
        }
        let bootstrap = broker.address().unwrap();
        Self { broker, requests: RequestProducer::new(&bootstrap), bootstrap, partitions, instance: None }
    }

    /// All members have this `group.instance.id`.
    pub fn with_static_members(self, instance: &'static str) -> Self {
        Self { instance: Some(instance), ..self }
    }

    /// A request for feedback, to be sent.
    pub fn feedback(&self, member: i64, answer: &str) -> Request<'_> {
        self.request(FEEDBACK_REQUESTED, &feedback(member, answer))
    }

    /// Any request, to be sent.
    pub fn request(&self, topic: &str, value: &Value) -> Request<'_> {
        self.requests.ask(topic, value).partition(0)
    }

    /// What is no request, to be sent.
    pub fn garbage(&self, value: &[u8]) -> Request<'_> {
        self.requests.request(FEEDBACK_REQUESTED).value(value).partition(0)
    }

    /// What the group of this topic has committed.
    pub fn commits(&self, topic: &str) -> Commits {
        let group = if topic == FEEDBACK_REQUESTED { Flow::Feedback } else { Flow::Resume }.name().to_owned();
        Commits { bootstrap: self.bootstrap.clone(), group, topic: topic.to_owned(), partitions: self.partitions }
    }

    /// What is committed for the first partition of the feedback requests: the offset, and how many records behind it are
    /// done.
    pub async fn committed(&self) -> (i64, u32) {
        let commit = self.commits(FEEDBACK_REQUESTED).all().await.swap_remove(0);
        (commit.offset, commit.done_behind())
    }

    /// A member of a group is told that its partitions are lost.
    pub fn expel_a_member(&self) {
        self.broker.expel_a_member().unwrap();
    }

    /// A member of a group is told that another one has its name.
    pub fn fence_a_member(&self) {
        self.broker.fence_a_member().unwrap();
    }

    /// From now on nobody may join a group, or everybody again.
    pub fn deny_groups(&self, denied: bool) {
        self.broker.deny_groups(denied).unwrap();
    }

    /// From now on nobody may read anything, or everybody again.
    pub fn deny_reading(&self, denied: bool) {
        self.broker.deny_reading(denied).unwrap();
    }

    fn connection(&self) -> Connection {
        let named = self.instance.map(|instance| ("group.instance.id", instance));
        let properties = QUICK.into_iter().chain(named);
        let properties = properties.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Connection { bootstrap: self.bootstrap.clone(), properties }
    }
}

/// What workers share: the state, the documents, the model, and where outcomes go.
pub struct Shared {
    pub state: Arc<StagedState>,
    pub model: Arc<ScriptedModel>,
    pub producer: Arc<StagedProducer>,
    pub documents: Arc<StagedDocuments>,
    /// Who is told of progress, where it is on.
    pub teller: Option<Arc<StagedTeller>>,
    /// How long an answered request counts as remembered.
    pub outcome_ttl: Duration,
    /// How long work that is nearly done may hold up a revocation.
    pub revoke_grace: Duration,
}

impl Shared {
    pub fn new() -> Self {
        Self::over(StagedState::new())
    }

    pub fn over(state: StagedState) -> Self {
        Self {
            state: Arc::new(state),
            model: Arc::new(ScriptedModel::new()),
            producer: Arc::new(StagedProducer::new()),
            documents: Arc::new(StagedDocuments::new()),
            teller: None,
            outcome_ttl: LASTING,
            revoke_grace: REVOKE_GRACE,
        }
    }

    /// With progress.
    pub fn telling() -> (Self, Arc<StagedTeller>) {
        let teller = Arc::new(StagedTeller::new());
        (Self { teller: Some(teller.clone()), ..Self::new() }, teller)
    }

    fn reports(&self, metrics: &Arc<Metrics>) -> Option<Arc<Reports>> {
        let teller = self.teller.clone()?;
        let reports = Reports::new(teller, progress::NAME.into(), self.state.clone(), metrics.clone());
        tokio::spawn(reports.clone().run());
        Some(reports)
    }

    /// The same, but for a model of its own.
    pub fn with_its_own_model(&self) -> Self {
        Self {
            state: self.state.clone(),
            model: Arc::new(ScriptedModel::new()),
            producer: self.producer.clone(),
            documents: self.documents.clone(),
            teller: self.teller.clone(),
            outcome_ttl: self.outcome_ttl,
            revoke_grace: self.revoke_grace,
        }
    }

    /// A worker whose interviews have one question.
    pub fn worker(&self) -> Arc<Worker> {
        self.interviewer(1)
    }

    /// A worker whose interviews have at most so many questions.
    pub fn interviewer(&self, max_questions: u32) -> Arc<Worker> {
        self.worker_with(self.model.clone(), max_questions, PATIENCE)
    }

    /// A worker with another model, and so much time for a request.
    pub fn worker_with(&self, model: Arc<dyn Model>, max_questions: u32, deadline: Duration) -> Arc<Worker> {
        Arc::new(Worker {
            state: self.state.clone(),
            model: model.clone(),
            documents: self.documents.clone(),
            producer: self.producer.clone(),
            agent: Agent {
                model,
                state: self.state.clone(),
                documents: Arc::new(RetryingDocuments::new(self.documents.clone() as Arc<dyn Documents>)),
                settings: agent::Settings {
                    min_questions: 1,
                    max_questions,
                    upload_prefix: "resume/".to_owned(),
                    deadline,
                },
            },
            locks: Locks::new(self.state.clone(), LASTING, Holder::started(None, OffsetDateTime::now_utc())),
            feedback: Writer::default(),
            screens: Screens::new(LASTING),
            metrics: Arc::new(Metrics::new().unwrap()),
            settings: Settings {
                topics: config::Settings::defaults().unwrap().check().unwrap().topics,
                feedback_group: Flow::Feedback.name().to_owned(),
                resume_group: Flow::Resume.name().to_owned(),
                request_deadline: deadline,
                request_max_age: LASTING,
            },
        })
    }

    /// A worker that joins the group of a flow, and works so many requests at once.
    pub fn join(&self, kafka: &Kafka, flow: Flow, slots: usize) -> Member {
        self.join_with(kafka, flow, self.worker(), Slots::new(slots))
    }

    /// A worker that joins the groups of both flows, and works so many requests at once.
    pub fn join_both(&self, kafka: &Kafka, slots: usize) -> [Member; 2] {
        let (worker, slots) = (self.worker(), Slots::new(slots));
        [Flow::Feedback, Flow::Resume].map(|flow| self.join_with(kafka, flow, worker.clone(), slots.clone()))
    }

    fn join_with(&self, kafka: &Kafka, flow: Flow, worker: Arc<Worker>, slots: Arc<Slots>) -> Member {
        let (stop, stopping) = watch::channel(Stop::No);
        let (joined, has_joined) = watch::channel(Err("not yet".to_owned()));
        let kinds = RequestKind::ALL.into_iter().filter(|kind| kind.flow() == flow);
        let intake = Intake {
            connection: kafka.connection(),
            topics: kinds.map(|kind| (kind.name().into(), kind)).collect(),
            group: Group {
                name: flow.name().to_owned(),
                worker: worker.clone(),
                slots,
                metrics: worker.metrics.clone(),
                reports: self.reports(&worker.metrics),
                outcome_ttl: self.outcome_ttl,
                revoke_grace: self.revoke_grace,
                joined,
            },
            needs: Vec::new(),
        };
        Member { flow, metrics: worker.metrics.clone(), stop, has_joined, intake: tokio::spawn(intake.run(stopping)) }
    }
}

/// A member of a consumer group.
pub struct Member {
    flow: Flow,
    pub metrics: Arc<Metrics>,
    stop: watch::Sender<Stop>,
    has_joined: watch::Receiver<Result<(), String>>,
    intake: JoinHandle<Result<(), IntakeError>>,
}

impl Member {
    /// Waits until the group has given it its partitions, perhaps none.
    pub async fn joined(&mut self) {
        in_time("the group is joined", self.has_joined.wait_for(Result::is_ok)).await.unwrap();
    }

    /// Waits until it is no member of the group, for this reason.
    pub async fn not_joined(&mut self, reason: &str) {
        let is_why = |joined: &Result<(), String>| joined.as_ref().is_err_and(|why| why.contains(reason));
        in_time("the group is left", self.has_joined.wait_for(is_why)).await.unwrap();
    }

    /// Waits until it has so many partitions.
    pub async fn has_partitions(&self, count: i64) {
        let partitions = self.metrics.partitions_assigned.with_label_values(&[self.flow.name()]);
        let what = format!("{count} partitions are assigned");
        eventually(&what, || async { (partitions.get() == count).then_some(()) }).await;
    }

    /// Waits until so many records wait for their turn.
    pub async fn has_waiting(&self, count: i64) {
        let waiting = self.metrics.requests_waiting.with_label_values(&[self.flow.name()]);
        let what = format!("{count} records wait");
        eventually(&what, || async { (waiting.get() == count).then_some(()) }).await;
    }

    /// How many feedback requests it was given to work.
    pub fn received(&self) -> u64 {
        self.metrics.records_received.with_label_values(&[FEEDBACK_REQUESTED]).get()
    }

    /// How many feedback requests it knew to be done.
    pub fn skipped(&self) -> u64 {
        self.metrics.records_skipped.with_label_values(&[FEEDBACK_REQUESTED]).get()
    }

    /// Tells it to stop, with all the time that its work needs.
    pub fn tell_to_stop(&self) {
        self.stop.send_replace(Stop::Until(Instant::now() + LASTING));
    }

    /// Ends it, whatever is in work.
    pub async fn cut_off(self) {
        self.stop.send_replace(Stop::Until(Instant::now()));
        self.ended().await;
    }

    /// Ends it when its work is done.
    pub async fn stop(self) {
        self.tell_to_stop();
        self.ended().await;
    }

    async fn ended(self) {
        in_time("the intake ends", self.intake).await.unwrap().unwrap();
    }
}

/// A request for feedback.
pub fn feedback(member: i64, answer: &str) -> Value {
    json!({"memberId": member, "question": "TCP와 UDP의 차이는 무엇인가요?", "answer": answer})
}

/// A record as if it had been read from its topic.
pub fn record(kind: RequestKind, offset: i64, value: &Value) -> Record {
    Record {
        kind,
        at: Coordinates { topic: kind.name().into(), partition: 0, offset },
        time: None,
        key: None,
        value: Some(value.to_string().into_bytes()),
        headers: Vec::new(),
    }
}

/// Works a record in a worker that has nothing else to do.
pub async fn work(worker: &Worker, record: Record) {
    let slots = Slots::new(1).of_group();
    let slot = slots.acquire().await;
    let mut place = Place::new(slots, slot, CancellationToken::new(), Arc::new(()));
    in_time("the record is worked", worker.work(&Job::new(record), &mut place)).await;
}
