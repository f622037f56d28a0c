//! CPU time from `/proc`, split as far as threads tell what it was for.

use std::fs;
use std::ops::{AddAssign, Sub};
use std::path::Path;
use std::time::Duration;

use anyhow::Context;

/// What `stat` counts in: hundredths of a second, on every Linux there is.
const TICK: Duration = Duration::from_millis(10);

/// librdkafka's own threads, and the one that polls a producer for rdkafka. The kernel keeps 15 letters of a name.
const KAFKA: [&str; 2] = ["rdk:", "producer pollin"];

/// CPU time in parts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu {
    /// The first thread, on which all tasks run, in the program's own code.
    pub tasks_user: Duration,
    /// The first thread in the kernel: its reads, writes and waits.
    pub tasks_kernel: Duration,
    /// The Kafka client's threads.
    pub kafka: Duration,
    /// Threads for what blocks, and those that have ended.
    pub others: Duration,
}

impl Cpu {
    /// What a process took so far.
    pub fn of(id: u32) -> anyhow::Result<Self> {
        let process = format!("/proc/{id}");
        let mut cpu = Self::default();
        for thread in fs::read_dir(format!("{process}/task"))? {
            let thread = thread?;
            // One may end at any time; the whole keeps what it took.
            let Ok(time) = Time::of(&thread.path()) else { continue };
            if thread.file_name().to_str() == Some(&id.to_string()) {
                (cpu.tasks_user, cpu.tasks_kernel) = (time.user, time.kernel);
            } else if KAFKA.iter().any(|name| time.name.starts_with(name)) {
                cpu.kafka += time.user + time.kernel;
            }
        }
        // The whole after its parts, so that they are not more than it.
        let whole = Time::of(Path::new(&process))?;
        cpu.others = (whole.user + whole.kernel).saturating_sub(cpu.all());
        Ok(cpu)
    }

    pub fn all(&self) -> Duration {
        self.tasks_user + self.tasks_kernel + self.kafka + self.others
    }
}

impl AddAssign for Cpu {
    fn add_assign(&mut self, other: Self) {
        self.tasks_user += other.tasks_user;
        self.tasks_kernel += other.tasks_kernel;
        self.kafka += other.kafka;
        self.others += other.others;
    }
}

impl Sub for Cpu {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            tasks_user: self.tasks_user.saturating_sub(earlier.tasks_user),
            tasks_kernel: self.tasks_kernel.saturating_sub(earlier.tasks_kernel),
            kafka: self.kafka.saturating_sub(earlier.kafka),
            others: self.others.saturating_sub(earlier.others),
        }
    }
}

/// What a process or a thread took.
struct Time {
    name: String,
    user: Duration,
    kernel: Duration,
}

impl Time {
    fn of(folder: &Path) -> anyhow::Result<Self> {
        let stat = fs::read_to_string(folder.join("stat"))?;
        // The name may hold anything.
        let (before, fields) = stat.rsplit_once(')').context("it has no name")?;
        let (_, name) = before.split_once('(').context("it has no name")?;
        // utime and stime are the 14th and 15th field; the first two are gone.
        let mut ticks = fields.split_whitespace().skip(11).map(str::parse::<u32>);
        let mut time = || anyhow::Ok(TICK * ticks.next().context("it has no time")??);
        Ok(Self { name: name.to_owned(), user: time()?, kernel: time()? })
    }
}
