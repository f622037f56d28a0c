//! The real program, as a process of its own.

use std::io::PipeWriter;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use crate::kit::settings::Settings;
use crate::kit::wait::{PATIENCE, eventually};

/// Everything that a process wrote, line by line.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub fn text(&self) -> String {
        self.0.lock().expect("the log").join("\n")
    }

    /// The last lines, for a failure.
    pub fn tail(&self) -> String {
        let lines = self.0.lock().expect("the log");
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    fn follow(&self, stream: impl AsyncRead + Unpin + Send + 'static) -> JoinHandle<()> {
        let log = self.0.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(stream).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                log.lock().expect("the log").push(line);
            }
        })
    }
}

/// What a command that ended by itself left behind.
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// Runs the program to its end, with these arguments and nothing but these settings as its environment.
pub async fn run_to_end(group: i32, arguments: &[&str], settings: &Settings) -> Ended {
    let child = command(group, PROGRAM, arguments, settings).spawn().expect("the program starts");
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
    let output = output.expect("the program ends").expect("its output can be read");
    Ended {
        status: output.status,
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The program that is tested.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_ssammu-worker");

fn command(group: i32, program: &str, arguments: &[&str], settings: &Settings) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(settings.iter())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(group)
        .kill_on_drop(true);
    command
}

/// A running `ssammu-worker run`, or another command that stays up. Dropping it kills it.
pub struct WorkerProcess {
    child: Child,
    pub address: String,
    log: Log,
    readers: Vec<JoinHandle<()>>,
}

impl WorkerProcess {
    /// Starts it; `HTTP_ADDR` must be among the settings.
    pub fn start(group: i32, settings: &Settings, log: Log) -> Self {
        let address = settings.get("HTTP_ADDR").expect("HTTP_ADDR is set");
        Self::start_command(group, &["run"], address, settings, log)
    }

    /// Starts a command that serves its health at `address`.
    pub fn start_command(group: i32, arguments: &[&str], address: &str, settings: &Settings, log: Log) -> Self {
        let mut child = command(group, PROGRAM, arguments, settings).spawn().expect("the program starts");
        let stdout = log.follow(child.stdout.take().expect("its output"));
        let stderr = log.follow(child.stderr.take().expect("its errors"));
        Self { child, address: address.to_owned(), log, readers: vec![stdout, stderr] }
    }

    /// Starts it with this as its standard error, which is read here no more; with `None` there is no standard error.
    pub fn start_with_stderr(group: i32, settings: &Settings, stderr: Option<PipeWriter>) -> Self {
        let address = settings.get("HTTP_ADDR").expect("HTTP_ADDR is set").to_owned();
        let mut command = match stderr {
            Some(pipe) => {
                let mut command = command(group, PROGRAM, &["run"], settings);
                command.stderr(pipe);
                command
            }
            None => command(group, "/bin/sh", &["-c", "exec \"$0\" run 2>&-", PROGRAM], settings),
        };
        let child = command.spawn().expect("the program starts");
        Self { child, address, log: Log::default(), readers: Vec::new() }
    }

    /// Everything that it has written so far.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// Waits for a line that holds `text`.
    pub async fn wait_for_log(&self, text: &str) {
        eventually(&format!("{text:?} in the log"), || async { self.log().contains(text).then_some(()) }).await;
    }

    /// Status and body of a GET, or `None` while it does not answer.
    pub async fn get(&self, path: &str) -> Option<(u16, String)> {
        let url = format!("http://{}{path}", self.address);
        let client = reqwest::Client::builder().timeout(Duration::from_secs(2)).build().expect("a client");
        let response = client.get(url).send().await.ok()?;
        Some((response.status().as_u16(), response.text().await.ok()?))
    }

    /// Waits until `/readyz` says 200.
    pub async fn ready(&mut self) {
        let end = tokio::time::Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("its state") {
                panic!("the worker ended with {status} instead of getting ready");
            }
            let answer = self.get("/readyz").await;
            if matches!(answer, Some((200, _))) {
                return;
            }
            assert!(tokio::time::Instant::now() < end, "the worker is not ready after {PATIENCE:?}: {answer:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until `/readyz` says 503 and names `what`, a part or why it is not ready; one that was not looked at yet is not
    /// what is waited for.
    pub async fn unready(&self, what: &str) {
        eventually(&format!("/readyz names {what}"), || async {
            let (status, body) = self.get("/readyz").await?;
            let body: serde_json::Value = serde_json::from_str(&body).ok()?;
            let mut parts = body["notReady"].as_object()?.iter().filter(|(_, reason)| *reason != "starting");
            let is_named = parts.any(|(part, reason)| format!("{part} {reason}").to_lowercase().contains(what));
            (status == 503 && is_named).then_some(())
        })
        .await;
    }

    /// What `/readyz` says of a part that it can be without: `None` where that is ready.
    pub async fn optional(&self, part: &str) -> Option<String> {
        let (_, body) = self.get("/readyz").await.expect("the worker answers");
        let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        body["optionalNotReady"][part].as_str().map(str::to_owned)
    }

    /// Waits until `/readyz` says this of a part that it can be without.
    pub async fn lacks(&self, part: &str, what: &str) {
        eventually(&format!("/readyz says {what:?} of the {part}"), || async {
            self.optional(part).await?.contains(what).then_some(())
        })
        .await;
    }

    /// Waits until a part that it can be without is ready.
    pub async fn has(&self, part: &str) {
        eventually(&format!("the {part} is ready"), || async { self.optional(part).await.is_none().then_some(()) })
            .await;
    }

    /// The most memory that it has had so far, in bytes.
    pub fn peak_memory(&self) -> u64 {
        let process = self.child.id().expect("the worker runs");
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("what Linux says of it");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
        peak.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1_024
    }

    /// Sends it a signal: `TERM`, `INT`, `KILL`, `STOP`, `CONT`.
    pub async fn signal(&self, name: &str) {
        let process = self.child.id().expect("the worker runs").to_string();
        let status = Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &process]).status().await;
        assert!(status.is_ok_and(|status| status.success()), "the signal {name} could not be sent");
    }

    /// Freezes it, as a host without a free core would.
    pub async fn pause(&self) {
        self.signal("STOP").await;
    }

    pub async fn resume(&self) {
        self.signal("CONT").await;
    }

    /// Waits until it has ended, and all that it wrote is in the log.
    pub async fn ended(&mut self) -> ExitStatus {
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let status = status.expect("the worker ends").expect("its status");
        for reader in &mut self.readers {
            reader.await.expect("the log is read");
        }
        status
    }

    /// Asks it to end, and waits until it has.
    pub async fn stop(mut self) -> ExitStatus {
        self.signal("TERM").await;
        self.ended().await
    }

    /// Ends it without asking.
    pub async fn kill(mut self) {
        self.signal("KILL").await;
        self.ended().await;
    }
}
