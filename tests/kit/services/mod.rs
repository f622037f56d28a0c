//! The real services that the tests run against: started once, used by all, gone when the run is.

mod docker;
mod janitor;
mod kafka;
pub mod native;
pub mod own_redis;
pub mod ports;
mod ready;
pub mod secure;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;

use crate::kit::proxy::FaultProxy;
use crate::kit::services::janitor::Janitor;
use crate::kit::services::kafka::Ports;
use crate::kit::services::own_redis::OwnRedis;
use crate::kit::services::ports::free_port;
use crate::kit::services::secure::Identity;

/// The bucket that all tests share; each has its own prefix.
pub const BUCKET: &str = "resumes";

/// Kafka, Redis and S3.
pub struct Services {
    /// The broker's `bootstrap.servers`.
    pub kafka: String,
    /// The way to the broker that a test can trouble. One test at a time: whoever holds the lock.
    pub troubled_kafka: tokio::sync::Mutex<FaultProxy>,
    /// The same broker for those with a password, over TLS, and whom to trust that it is the broker.
    pub secure_kafka: String,
    pub kafka_ca: PathBuf,
    pub redis_port: u16,
    pub s3_port: u16,
    /// What everything that is started later must join, so that it ends with the run.
    pub process_group: i32,
    janitor: Janitor,
    engine: Engine,
}

/// What keeps the services running.
enum Engine {
    Native { processes: Vec<native::Process> },
    Docker { containers: Vec<docker::Container> },
}

/// The setting `SSAMMU_TEST_SERVICES`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Choice {
    /// Docker where an engine answers and its images can be had.
    Auto,
    Docker,
    Native,
}

impl Choice {
    fn from_environment() -> anyhow::Result<Self> {
        match std::env::var("SSAMMU_TEST_SERVICES").as_deref() {
            Err(_) | Ok("" | "auto") => Ok(Self::Auto),
            Ok("docker") => Ok(Self::Docker),
            Ok("native") => Ok(Self::Native),
            Ok(other) => anyhow::bail!("SSAMMU_TEST_SERVICES is {other:?}; it can be docker or native"),
        }
    }
}

impl Services {
    /// Starts everything at once, S3 on the port given, and waits until it can be used.
    pub async fn start(s3_port: u16) -> anyhow::Result<Self> {
        let choice = Choice::from_environment()?;
        if choice == Choice::Native || choice == Choice::Auto && !docker::engine_answers() {
            return Self::start_with(false, s3_port).await;
        }
        match Self::start_with(true, s3_port).await {
            Err(error) if choice == Choice::Auto => {
                eprintln!("Docker answers but cannot run the services, so they run natively: {error:#}");
                Self::start_with(false, s3_port).await
            }
            result => result,
        }
    }

    async fn start_with(containers: bool, s3_port: u16) -> anyhow::Result<Self> {
        let began = Instant::now();
        let janitor = Janitor::start(containers)?;
        let (redis_port, troubled) = (free_port(), free_port());
        let proxy = FaultProxy::start(troubled).await;
        let ports = Ports { direct: free_port(), troubled, proxy: proxy.port(), secure: free_port() };
        let identity = Identity::make(janitor.folder())?;
        let engine = if containers {
            let (kafka, redis, s3) = tokio::try_join!(
                docker::start_kafka(&janitor, ports, &identity),
                docker::start_redis(&janitor, redis_port),
                docker::start_s3(&janitor, s3_port)
            )?;
            Engine::Docker { containers: vec![kafka, redis, s3] }
        } else {
            let (s3, redis, kafka) = tokio::try_join!(
                native::start_s3(&janitor, s3_port),
                native::start_redis(&janitor, redis_port),
                native::start_kafka(&janitor, ports, &identity)
            )?;
            Engine::Native { processes: vec![kafka, redis, s3] }
        };
        let services = Self {
            kafka: format!("127.0.0.1:{}", ports.direct),
            secure_kafka: format!("127.0.0.1:{}", ports.secure),
            kafka_ca: identity.ca,
            troubled_kafka: tokio::sync::Mutex::new(proxy),
            redis_port,
            s3_port,
            process_group: janitor.group(),
            janitor,
            engine,
        };
        crate::kit::s3::Bucket::new(&services).create().await.context("the bucket could not be made")?;
        let kind = if containers { "in containers" } else { "as processes" };
        eprintln!("Kafka, Redis and S3 run {kind} after {:.1} s", began.elapsed().as_secs_f32());
        Ok(services)
    }

    /// A Redis that one test may do with as it likes, with these arguments beside those that everybody's has.
    pub async fn another_redis(&self, arguments: &[&str]) -> OwnRedis {
        let port = free_port();
        let started = match self.engine {
            Engine::Native { .. } => OwnRedis::process(&self.janitor, port, arguments),
            Engine::Docker { .. } => OwnRedis::container(&self.janitor, port, arguments).await,
        };
        let redis = started.expect("another Redis can be started");
        ready::listens("another Redis", port, || Ok(())).await.expect("it listens");
        redis
    }

    /// A replica of such a Redis.
    pub async fn replica_of(&self, primary: &OwnRedis) -> OwnRedis {
        let host = match self.engine {
            Engine::Native { .. } => "127.0.0.1",
            Engine::Docker { .. } => docker::THIS_MACHINE,
        };
        self.another_redis(&["--replicaof", host, &primary.port.to_string()]).await
    }

    /// Ends everything and removes what it left.
    pub async fn stop(self) {
        match self.engine {
            Engine::Docker { containers } => {
                for container in containers {
                    if let Err(error) = container.rm().await {
                        eprintln!("a container could not be removed: {error}");
                    }
                }
                self.janitor.finish();
            }
            Engine::Native { processes } => {
                self.janitor.finish();
                processes.into_iter().for_each(native::Process::reap);
            }
        }
    }
}
