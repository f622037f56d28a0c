//! The services as processes of this machine: Kafka from its jars, Redis, and moto's S3 server.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::Context;

use crate::kit::services::janitor::Janitor;
use crate::kit::services::kafka::{self, Ports};
use crate::kit::services::ports::free_port;
use crate::kit::services::ready::listens;
use crate::kit::services::secure::Identity;

/// The folder of its jars.
pub const KAFKA: &str = "kafka-4.3.1";

/// Where `tests/run` puts what it fetches.
pub fn installed() -> PathBuf {
    std::env::var_os("SSAMMU_TEST_SERVICES_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/services"), PathBuf::from)
}

/// A process with its log in the run's folder.
pub struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Process {
    fn start(janitor: &Janitor, name: &'static str, command: &mut Command) -> anyhow::Result<Self> {
        let log = janitor.folder().join(format!("{name}.log"));
        let file = File::create(&log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .process_group(janitor.group())
            .spawn()
            .with_context(|| format!("{name} cannot be started; tests/run installs what the tests need"))?;
        Ok(Self { name, child, log })
    }

    /// Takes note of its end, which the janitor brought about.
    pub fn reap(mut self) {
        if let Err(error) = self.child.wait() {
            eprintln!("{} did not end: {error}", self.name);
        }
    }

    fn alive(&mut self) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(20).collect();
            let tail: Vec<&str> = tail.into_iter().rev().collect();
            anyhow::bail!("{} ended with {status}:\n{}", self.name, tail.join("\n"));
        }
        Ok(())
    }
}

/// Starts the broker on `ports`.
pub async fn start_kafka(janitor: &Janitor, ports: Ports, identity: &Identity) -> anyhow::Result<Process> {
    let jars = installed().join(KAFKA);
    anyhow::ensure!(jars.is_dir(), "{} is missing; tests/run fetches it", jars.display());
    let folder = janitor.folder().join("kafka");
    fs::create_dir(&folder)?;
    let inside = [ports.direct, ports.troubled, ports.secure, free_port(), free_port()];
    let mut settings = kafka::settings(ports, identity, "127.0.0.1", inside);
    settings.push(("log.dirs", folder.join("data").display().to_string()));
    let properties = folder.join("server.properties");
    fs::write(
        &properties,
        settings.iter().map(|(name, value)| format!("{name}={}\n", value.replace('\\', "\\\\"))).collect::<String>(),
    )?;
    let logging = folder.join("log4j2.properties");
    fs::write(
        &logging,
        "rootLogger.level=warn\nrootLogger.appenderRef.out.ref=out\nappender.out.type=Console\nappender.out.name=out\n\
         appender.out.layout.type=PatternLayout\nappender.out.layout.pattern=%d %p %m (%c)%n\n",
    )?;
    let java = |memory: &str| {
        let mut java = Command::new("java");
        // The broker is one of many processes on few cores: quick to start counts for more than fast in the long run.
        java.args([memory, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"])
            .arg(format!("-Dlog4j2.configurationFile={}", logging.display()))
            .arg("-cp")
            .arg(jars.join("*"));
        java
    };
    let cluster_id = "c3NhbW11LXdvcmtlci1lMg";
    let format = java("-Xmx128m")
        .args(["kafka.tools.StorageTool", "format", "-t", cluster_id, "-c"])
        .arg(&properties)
        .output()
        .context("java cannot be started; tests/run installs it")?;
    anyhow::ensure!(
        format.status.success(),
        "Kafka's folder cannot be formatted: {}",
        String::from_utf8_lossy(&format.stderr)
    );
    let mut process = Process::start(janitor, "kafka", java("-Xmx512m").arg("kafka.Kafka").arg(&properties))?;
    kafka::answers(&format!("127.0.0.1:{}", ports.direct), || process.alive()).await?;
    Ok(process)
}

/// Starts Redis on `port`.
pub async fn start_redis(janitor: &Janitor, port: u16) -> anyhow::Result<Process> {
    let mut command = Command::new("redis-server");
    command
        .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &port.to_string(), "--dir"])
        .arg(janitor.folder());
    let mut process = Process::start(janitor, "redis", &mut command)?;
    listens("Redis", port, || process.alive()).await?;
    Ok(process)
}

/// Starts an S3 server on `port`.
pub async fn start_s3(janitor: &Janitor, port: u16) -> anyhow::Result<Process> {
    let mut command = Command::new(installed().join("venv/bin/moto_server"));
    command.args(["-H", "127.0.0.1", "-p", &port.to_string()]).current_dir(janitor.folder());
    let mut process = Process::start(janitor, "s3", &mut command)?;
    listens("the S3 server", port, || process.alive()).await?;
    Ok(process)
}
