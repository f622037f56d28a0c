//! A scenario's environment: the services, and for each run topics, groups and a model of its own.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use tokio::runtime::Runtime;

use crate::kit::s3::{ACCESS_KEY, Bucket, REGION, SECRET_KEY};
use crate::kit::services::ports::free_port;
use crate::kit::services::{BUCKET, Services};
use crate::kit::settings::Settings;
use crate::load::Sender;
use crate::model::{self, Seen};
use crate::process::Process;
use crate::topic::{Counter, Topic};

/// For what takes a moment, and how long may pass without any progress.
pub const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(20);

const REQUESTS: [&str; 3] = ["FeedbackRequested", "ResumeInit", "ResumeAnswer"];
const OUTCOMES: [&str; 4] = ["FeedbackGenerated", "ResumeQuestionGenerated", "ResumeCompleted", "RequestFailed"];

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Worker,
    Floor,
}

impl Subject {
    pub fn name(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Floor => "floor",
        }
    }
}

/// Kafka, Redis and S3, and the programs.
pub struct BenchEnv {
    runtime: Runtime,
    services: Services,
    worker: PathBuf,
    logs: PathBuf,
    pub is_short: bool,
}

impl BenchEnv {
    /// Starts the services; logs go to `folder`.
    pub fn open(folder: &Path, is_short: bool) -> anyhow::Result<Self> {
        let logs = folder.join("logs");
        std::fs::create_dir_all(&logs)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let services = runtime.block_on(Services::start(free_port()))?;
        let worker = std::env::var_os("SSAMMU_WORKER");
        let worker = worker.map_or_else(|| env!("CARGO_BIN_EXE_ssammu-worker").into(), PathBuf::from);
        Ok(Self { runtime, services, worker, logs, is_short })
    }

    /// The worker's program.
    pub fn worker(&self) -> &Path {
        &self.worker
    }

    /// A size for the measurement, or one that is enough to see that the bench works.
    pub fn size<T>(&self, full: T, short: T) -> T {
        if self.is_short { short } else { full }
    }

    pub fn close(self) {
        self.runtime.block_on(self.services.stop());
    }

    /// Topics with this many partitions, and a model that takes `latency` for a call.
    pub fn set(&self, partitions: i32, latency: Duration) -> anyhow::Result<Set<'_>> {
        let name = format!("bench{}", uuid::Uuid::new_v4().simple());
        let model_port = free_port();
        let played = Settings::default().with(model::PORT, model_port).with(model::LATENCY_MS, latency.as_millis());
        let model = self.start_self("model", &played)?;
        let mut settings = Settings::default()
            .with("KAFKA_BOOTSTRAP_SERVERS", &self.services.kafka)
            .with("REDIS_URL", format!("redis://127.0.0.1:{}", self.services.redis_port))
            .with("VLLM_URL", format!("http://127.0.0.1:{model_port}"))
            .with("S3_BUCKET_NAME", BUCKET)
            .with("S3_UPLOAD_PREFIX", format!("{name}/"))
            .with("AWS_ENDPOINT_URL_S3", format!("http://127.0.0.1:{}", self.services.s3_port))
            .with("AWS_REGION", REGION)
            .with("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .with("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
            .with("AWS_EC2_METADATA_DISABLED", "true")
            .with("MAX_IN_FLIGHT", 64)
            .with("GROUP_FEEDBACK", format!("{name}-feedback"))
            .with("GROUP_RESUME", format!("{name}-resume"));
        for kind in REQUESTS.iter().chain(&OUTCOMES) {
            settings = settings.with(&setting_of(kind), format!("{name}-{kind}"));
        }
        let set = Set { env: self, name, partitions, settings, model };
        until("the model listens", || Ok(TcpStream::connect(("127.0.0.1", model_port)).is_ok().then_some(())))?;
        set.make_topics()?;
        Ok(set)
    }

    fn start_self(&self, role: &'static str, settings: &Settings) -> anyhow::Result<Process> {
        let log = self.logs.join(format!("{role}.log"));
        let program = std::env::current_exe()?;
        Process::start(self.services.process_group, &program, &["--play", role], settings, log)
    }
}

/// Asks until there is an answer.
pub fn until<T>(what: &str, mut ask: impl FnMut() -> anyhow::Result<Option<T>>) -> anyhow::Result<T> {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        anyhow::ensure!(Instant::now() < end, "after {PATIENCE:?} still not: {what}");
        std::thread::sleep(LOOK);
    }
}

/// `FeedbackRequested` is named by `TOPIC_FEEDBACK_REQUESTED`.
fn setting_of(kind: &str) -> String {
    let word =
        |letter: char| letter.is_ascii_uppercase().then_some('_').into_iter().chain([letter.to_ascii_uppercase()]);
    format!("TOPIC{}", kind.chars().flat_map(word).collect::<String>())
}

/// What one run has for itself. Dropping it takes it from the services again.
pub struct Set<'a> {
    env: &'a BenchEnv,
    name: String,
    partitions: i32,
    settings: Settings,
    model: Process,
}

impl Set<'_> {
    /// Another value for a setting of what is started from now on.
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.settings = std::mem::take(&mut self.settings).with(name, value);
        self
    }

    /// The topic that has `kind` as its default name.
    pub fn topic(&self, kind: &str) -> Topic {
        let (bootstrap, name) = (self.env.services.kafka.clone(), format!("{}-{kind}", self.name));
        Topic { bootstrap, name, partitions: self.partitions }
    }

    /// A sender whose records may wait for company: for a backlog.
    pub fn sender(&self) -> anyhow::Result<Sender> {
        Sender::open(&self.env.services.kafka, 20)
    }

    /// Starts the worker or the floor.
    pub fn start(&self, subject: Subject) -> anyhow::Result<Process> {
        match subject {
            Subject::Worker => self.start_worker(free_port()),
            Subject::Floor => self.env.start_self("floor", &self.settings),
        }
    }

    /// Starts a worker, and waits until it is ready.
    pub fn start_ready_worker(&self) -> anyhow::Result<Process> {
        let port = free_port();
        let mut worker = self.start_worker(port)?;
        let url = format!("http://127.0.0.1:{port}/readyz");
        until("the worker is ready", || {
            worker.alive()?;
            let answer = self.env.runtime.block_on(reqwest::get(&url));
            Ok(answer.is_ok_and(|answer| answer.status().is_success()).then_some(()))
        })?;
        Ok(worker)
    }

    fn start_worker(&self, port: u16) -> anyhow::Result<Process> {
        let settings = self.settings.clone().with("HTTP_ADDR", format!("127.0.0.1:{port}"));
        let log = self.env.logs.join("worker.log");
        Process::start(self.env.services.process_group, &self.env.worker, &["run"], &settings, log)
    }

    /// An error that says what is known when something does not come: what is in the topics, and what those who had a
    /// part in it wrote last.
    pub fn lost(&self, what: &str, processes: &[Process]) -> anyhow::Error {
        let mut told = format!("{what}\nin the topics:");
        let dead_letters = REQUESTS.map(|kind| format!("{kind}-dlt"));
        let kinds = REQUESTS.iter().chain(&OUTCOMES).copied().chain(dead_letters.iter().map(String::as_str));
        for kind in kinds {
            // Writing to a string cannot fail.
            let _ = match Counter::open(&self.topic(kind)).and_then(|counter| counter.count()) {
                Ok(0) => continue,
                Ok(count) => write!(told, " {kind} {count}"),
                Err(error) => write!(told, " {kind} ({error:#})"),
            };
        }
        for process in processes.iter().chain([&self.model]) {
            let _ = write!(told, "\n{}", process.last_words());
        }
        anyhow::Error::msg(told)
    }

    /// What the model was asked since the last look.
    pub fn model_saw(&self) -> anyhow::Result<Seen> {
        let url = self.settings.get("VLLM_URL").context("there is no model")?;
        let url = format!("{url}{}", model::SEEN);
        self.env.runtime.block_on(async { Ok(reqwest::get(url).await?.json().await?) })
    }

    /// The size in bytes of each document that was stored, of at most so many.
    pub fn document_sizes(&self, count: usize) -> anyhow::Result<Vec<f64>> {
        let bucket = Bucket::new(&self.env.services);
        self.env.runtime.block_on(async {
            let mut sizes = Vec::new();
            for key in bucket.keys(&format!("{}/", self.name)).await.iter().take(count) {
                sizes.push(bucket.get(key).await.1.len() as f64);
            }
            Ok(sizes)
        })
    }

    fn make_topics(&self) -> anyhow::Result<()> {
        let (group, log) = (self.env.services.process_group, self.env.logs.join("topics.log"));
        let arguments = ["topics", "--partitions", &self.partitions.to_string()];
        let made = Process::start(group, &self.env.worker, &arguments, &self.settings, log)?.ended()?;
        anyhow::ensure!(made.success(), "the topics were not made: {made}");
        for kind in REQUESTS.iter().chain(&OUTCOMES) {
            let topic = self.topic(kind);
            until("a new topic can be used", || Ok(topic.is_usable()?.then_some(())))?;
        }
        Ok(())
    }

    fn clear(&self) -> anyhow::Result<()> {
        let names =
            REQUESTS.iter().flat_map(|kind| [format!("{}-{kind}", self.name), format!("{}-{kind}-dlt", self.name)]);
        let names: Vec<String> = names.chain(OUTCOMES.iter().map(|kind| format!("{}-{kind}", self.name))).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let admin: AdminClient<DefaultClientContext> =
            ClientConfig::new().set("bootstrap.servers", &self.env.services.kafka).create()?;
        self.env.runtime.block_on(admin.delete_topics(&names, &AdminOptions::new()))?;
        let mut redis = TcpStream::connect(("127.0.0.1", self.env.services.redis_port))?;
        redis.write_all(b"FLUSHALL\r\n")?;
        redis.read_exact(&mut [0; 5]).context("Redis was not emptied")
    }
}

impl Drop for Set<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.clear() {
            eprintln!("a run was not cleared away: {error:#}");
        }
    }
}
