//! Nothing that a test run starts outlives it, however the run ends: by itself, by Ctrl-C, or by `kill -9`.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::Context;

/// The label of this run's containers, with [`Janitor::run`] as its value.
pub const LABEL: &str = "ssammu-worker-e2e";

/// Waits until its standard input closes, which the system does when the test process is gone, whatever ended it. Then it
/// kills the process group that all children of the run live in, and removes the run's containers and folder.
/// `set -m` gives the idle process, and with it the children, a group of their own that the janitor is not part of.
const SCRIPT: &str = r#"
set -m
tail -f /dev/null >/dev/null & group=$!
trap '' INT TERM HUP
echo "$group"
cat >/dev/null
kill -KILL -- "-$group"
if [ "$2" != none ]; then
  docker ps -aq --filter "label=$2" | while read -r id; do docker rm -f -v "$id"; done
fi >/dev/null 2>&1
for _ in 1 2 3 4 5; do rm -rf -- "$1" && break; sleep 0.2; done
"#;

/// Cleans up after the run.
pub struct Janitor {
    shell: Child,
    group: i32,
    folder: PathBuf,
    run: String,
}

impl Janitor {
    /// Starts the janitor and makes the run's folder.
    pub fn start(containers: bool) -> anyhow::Result<Self> {
        use std::os::unix::process::CommandExt;
        let folder = tempfile::Builder::new().prefix("ssammu-e2e-").tempdir()?.keep();
        let run = folder.file_name().context("the run's folder has no name")?.to_string_lossy().into_owned();
        let label = if containers { format!("{LABEL}={run}") } else { "none".to_owned() };
        let mut shell = Command::new("bash")
            .args(["-c", SCRIPT, "janitor"])
            .arg(&folder)
            .arg(label)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("bash is needed to clean up after the tests")?;
        let mut line = String::new();
        BufReader::new(shell.stdout.take().context("the janitor has no output")?).read_line(&mut line)?;
        let group = line.trim().parse().context("the janitor did not name its process group")?;
        Ok(Self { shell, group, folder, run })
    }

    /// The process group for everything that must not outlive the run.
    pub fn group(&self) -> i32 {
        self.group
    }

    /// A folder that goes when the run ends.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A name that no other run has.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// Cleans up now.
    pub fn finish(mut self) {
        drop(self.shell.stdin.take());
        if let Err(error) = self.shell.wait() {
            eprintln!("the janitor did not end: {error}");
        }
    }
}
