//! What one test has for itself: topics, groups, members, a place in S3, a model server, and the workers it starts.

use std::ffi::OsStr;
use std::io::PipeWriter;
use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::process::Command;
use tokio::sync::OnceCell;

use crate::kit::gateway_process::GatewayProcess;
use crate::kit::model::ModelServer;
use crate::kit::offsets::Commits;
use crate::kit::outcome_reader::OutcomeReader;
use crate::kit::request_producer::RequestProducer;
use crate::kit::s3::{ACCESS_KEY, Bucket, REGION, SECRET_KEY};
use crate::kit::services::ports::free_port;
use crate::kit::services::{BUCKET, Services};
use crate::kit::settings::Settings;
use crate::kit::topics::Topics;
use crate::kit::worker_process::{Ended, Log, WorkerProcess, run_to_end};

static ENVS: AtomicU32 = AtomicU32::new(1);
static MEMBERS: AtomicI64 = AtomicI64::new(1001);

/// How long Maven may take; the first time it fetches what is needed.
const MAVEN_PATIENCE: Duration = Duration::from_mins(15);

/// How many partitions a test's topics have: more than one, so that a test that hangs on there being one fails.
pub const PARTITIONS: i32 = 2;

/// A test's own corner of the services.
pub struct TestEnv {
    pub services: Arc<Services>,
    pub topics: Topics,
    pub model: ModelServer,
    pub requests: RequestProducer,
    created: OnceCell<()>,
    logs: Mutex<Vec<Log>>,
}

impl TestEnv {
    pub async fn new(services: Arc<Services>) -> Self {
        let topics = Topics::new(&format!("e2e{}", ENVS.fetch_add(1, Ordering::Relaxed)));
        let requests = RequestProducer::new(&services.kafka);
        Self {
            services,
            topics,
            model: ModelServer::start().await,
            requests,
            created: OnceCell::new(),
            logs: Mutex::default(),
        }
    }

    /// A member that no other test knows.
    pub fn member(&self) -> i64 {
        MEMBERS.fetch_add(1, Ordering::Relaxed)
    }

    /// The prefix of this test's documents.
    pub fn prefix(&self) -> String {
        format!("{}/", self.topics.suffix)
    }

    pub fn bucket(&self) -> Bucket {
        Bucket::new(&self.services)
    }

    /// Settings for a worker of this test. Each call gives another `HTTP_ADDR`.
    pub fn settings(&self) -> Settings {
        let mut settings = Settings::default()
            .with("KAFKA_BOOTSTRAP_SERVERS", &self.services.kafka)
            .with("REDIS_URL", format!("redis://127.0.0.1:{}", self.services.redis_port))
            .with("VLLM_URL", self.model.url())
            .with("S3_BUCKET_NAME", BUCKET)
            .with("S3_UPLOAD_PREFIX", self.prefix())
            .with("AWS_ENDPOINT_URL_S3", format!("http://127.0.0.1:{}", self.services.s3_port))
            .with("AWS_REGION", REGION)
            .with("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .with("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
            .with("AWS_EC2_METADATA_DISABLED", "true")
            .with("HTTP_ADDR", format!("127.0.0.1:{}", free_port()));
        for (name, value) in self.topics.settings() {
            settings = settings.with(name, value);
        }
        settings
    }

    /// Makes the topics, once.
    pub async fn create_topics(&self) {
        self.created.get_or_init(|| self.topics.create(&self.services.kafka, PARTITIONS)).await;
    }

    /// A worker that is ready.
    pub async fn worker(&self) -> WorkerProcess {
        self.worker_with(&self.settings()).await
    }

    /// A worker with these settings that is ready.
    pub async fn worker_with(&self, settings: &Settings) -> WorkerProcess {
        self.create_topics().await;
        let mut worker = self.start_worker(settings);
        worker.ready().await;
        worker
    }

    /// A worker that has just been started, whether its topics are there or not.
    pub fn start_worker(&self, settings: &Settings) -> WorkerProcess {
        let log = Log::default();
        self.logs.lock().expect("the logs").push(log.clone());
        WorkerProcess::start(self.services.process_group, settings, log)
    }

    /// A worker that has just been started with this as its standard error, or without one.
    pub fn start_worker_with_stderr(&self, settings: &Settings, stderr: Option<PipeWriter>) -> WorkerProcess {
        WorkerProcess::start_with_stderr(self.services.process_group, settings, stderr)
    }

    /// The program's own gateway, ready.
    pub async fn gateway(&self) -> GatewayProcess {
        self.gateway_with(&self.settings()).await
    }

    /// The program's own gateway with these settings, ready.
    pub async fn gateway_with(&self, settings: &Settings) -> GatewayProcess {
        self.create_topics().await;
        let mut gateway = self.start_gateway(&["gateway"], settings);
        gateway.process.ready().await;
        gateway
    }

    /// A command that serves the gateway at `GATEWAY_ADDR`, or at a free port; it has just been started.
    pub fn start_gateway(&self, arguments: &[&str], settings: &Settings) -> GatewayProcess {
        let log = Log::default();
        self.logs.lock().expect("the logs").push(log.clone());
        GatewayProcess::start(self.services.process_group, arguments, settings, log)
    }

    /// Runs another command of the program to its end.
    pub async fn run(&self, arguments: &[&str], settings: &Settings) -> Ended {
        run_to_end(self.services.process_group, arguments, settings).await
    }

    /// Runs a program that is not ours to its end; it is killed when it takes longer than `patience`.
    pub async fn run_other(&self, program: &mut Command, patience: Duration) -> Output {
        let running = program
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(self.services.process_group)
            .kill_on_drop(true)
            .spawn()
            .expect("the program starts; tests/run installs it");
        let ended = tokio::time::timeout(patience, running.wait_with_output()).await;
        ended.expect("the program ends in time").expect("its output can be read")
    }

    /// Runs the tests of the Maven program in `tests/NAME`, which says of each of its `checks` that it held: none may go
    /// missing.
    pub async fn run_maven<N: AsRef<OsStr>, V: AsRef<OsStr>>(
        &self,
        name: &str,
        variables: impl IntoIterator<Item = (N, V)>,
        checks: usize,
    ) {
        let mut maven = Command::new("mvn");
        let pom = format!("{}/tests/{name}/pom.xml", env!("CARGO_MANIFEST_DIR"));
        maven.args(["-q", "-B", "-f", &pom, "test"]).envs(variables);
        let output = self.run_other(&mut maven, MAVEN_PATIENCE).await;
        let stdout = String::from_utf8_lossy(&output.stdout);
        // Maven puts a colour code before the first line, in batch mode too.
        let proven = stdout.lines().filter(|line| line.contains("proven: ")).count();
        assert!(
            output.status.success() && proven == checks,
            "{proven} of {checks} checks held; Maven ended with {}\n{stdout}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// A reader of all outcomes and dead letters.
    pub async fn outcomes(&self) -> OutcomeReader {
        self.create_topics().await;
        OutcomeReader::open(&self.services.kafka, &self.topics, PARTITIONS).await
    }

    /// What the worker's group has committed for a request topic of this test.
    pub fn commits(&self, topic: &str) -> Commits {
        let flow = if topic == self.topics.feedback_requested { "feedback" } else { "resume" };
        Commits {
            bootstrap: self.services.kafka.clone(),
            group: format!("ssammu-{flow}-{}", self.topics.suffix),
            topic: topic.to_owned(),
            partitions: PARTITIONS,
        }
    }

    /// What the workers wrote last, for a failure.
    pub fn log_tails(&self) -> String {
        let logs = self.logs.lock().expect("the logs");
        logs.iter()
            .enumerate()
            .map(|(number, log)| format!("-- log of worker {}\n{}\n", number + 1, log.tail()))
            .collect()
    }

    /// Gives back what it took from the services.
    pub async fn leave(&self) {
        if self.created.initialized() {
            self.topics.delete(&self.services.kafka).await;
        }
    }
}
