//! Where and when it was measured.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::kit::services::native::KAFKA;

/// The machine, the versions, the date and the load, as far as they can be found out.
pub fn describe(worker: &Path) -> Value {
    let cpu = read("/proc/cpuinfo")
        .lines()
        .find_map(|line| Some(line.strip_prefix("model name")?.trim_matches(['\t', ':', ' ']).to_owned()));
    json!({
        "date": OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default(),
        "cpu": cpu,
        "cores": std::thread::available_parallelism().map(usize::from).ok(),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "load": read("/proc/loadavg").trim(),
        "worker": says(worker, "--version"),
        "redis": says(Path::new("redis-server"), "--version"),
        "java": says(Path::new("java"), "--version"),
        "kafka": KAFKA,
        "build": if cfg!(debug_assertions) { "debug" } else { "release" },
    })
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// The first line that a program prints.
fn says(program: &Path, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).lines().next()?.to_owned())
}
