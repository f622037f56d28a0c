//! A process that is measured from outside: what it costs is read from `/proc`.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Instant;

use anyhow::Context;

use crate::cpu::Cpu;
use crate::kit::settings::Settings;

/// Opens as many files as it may, one a connection; `exec` keeps the process's id.
const WITHOUT_LIMIT: &str = r#"ulimit -n "$(ulimit -Hn)"; exec "$0" "$@""#;

const LAST_LINES: usize = 20;

/// A started process. Dropping it kills it.
pub struct Process {
    child: Child,
    log: PathBuf,
    /// Where its part of the log begins.
    log_start: u64,
    pub started: Instant,
}

impl Process {
    /// Starts `program` with these settings alone as its environment; what it writes goes to `log`.
    pub fn start(
        group: i32,
        program: &Path,
        arguments: &[&str],
        settings: &Settings,
        log: PathBuf,
    ) -> anyhow::Result<Self> {
        let file = File::options().create(true).append(true).open(&log)?;
        let log_start = file.metadata()?.len();
        let child = Command::new("/bin/sh")
            .args(["-c", WITHOUT_LIMIT])
            .arg(program)
            .args(arguments)
            .env_clear()
            .envs(settings.iter())
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .process_group(group)
            .spawn()
            .with_context(|| format!("{} cannot be started", program.display()))?;
        Ok(Self { child, log, log_start, started: Instant::now() })
    }

    /// User and system time so far, of all its threads.
    pub fn cpu(&self) -> anyhow::Result<Cpu> {
        Cpu::of(self.child.id()).with_context(|| self.last_words())
    }

    /// Resident memory now, in bytes.
    pub fn rss(&self) -> anyhow::Result<u64> {
        self.status("VmRSS")
    }

    /// The most resident memory so far, in bytes.
    pub fn peak_rss(&self) -> anyhow::Result<u64> {
        self.status("VmHWM")
    }

    fn status(&self, name: &str) -> anyhow::Result<u64> {
        let status = self.proc("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        Ok(kibibytes.with_context(|| format!("/proc/PID/status has no {name}"))? * 1024)
    }

    fn proc(&self, file: &str) -> anyhow::Result<String> {
        let path = format!("/proc/{}/{file}", self.child.id());
        fs::read_to_string(&path).with_context(|| format!("{path}; {}", self.last_words()))
    }

    /// An error when it has ended, with what it wrote last.
    pub fn alive(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            Some(status) => anyhow::bail!("it ended with {status}; {}", self.last_words()),
            None => Ok(()),
        }
    }

    /// Waits until it has ended.
    pub fn ended(mut self) -> anyhow::Result<ExitStatus> {
        Ok(self.child.wait()?)
    }

    /// Asks it to end, and waits until it has.
    pub fn stop(self) -> anyhow::Result<ExitStatus> {
        let id = self.child.id().to_string();
        Command::new("/bin/sh").args(["-c", r#"kill -s TERM "$0""#, &id]).status()?;
        self.ended()
    }

    /// The end of its log.
    pub fn last_words(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let own = usize::try_from(self.log_start).ok().and_then(|start| log.get(start..));
        let own = String::from_utf8_lossy(own.unwrap_or_default());
        let lines: Vec<&str> = own.lines().collect();
        let last = lines.get(lines.len().saturating_sub(LAST_LINES)..).unwrap_or_default();
        let log = self.log.display();
        if last.is_empty() {
            format!("it wrote nothing to {log}")
        } else {
            format!("the end of {log}:\n{}", last.join("\n"))
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
