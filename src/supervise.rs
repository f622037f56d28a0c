//! Supervision of the tasks that a program is made of. One that fails, panics, or ends although nothing told it to takes
//! the program down in order, with an error that names it: better a restart than a program that does half of its work.

use std::collections::HashMap;

use anyhow::{Context, anyhow};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, timeout_at};

/// How a task may end, as [`std::process::Termination`] is for `main`.
pub trait Ending: Send + 'static {
    fn into_result(self) -> anyhow::Result<()>;
}

impl Ending for () {
    fn into_result(self) -> anyhow::Result<()> {
        Ok(())
    }
}

impl<E: Into<anyhow::Error> + Send + 'static> Ending for Result<(), E> {
    fn into_result(self) -> anyhow::Result<()> {
        self.map_err(Into::into)
    }
}

/// A program's tasks, each with the name of the part that it is.
#[derive(Default)]
pub struct Supervisor {
    /// They end when they are told to stop, and not before.
    foreground: Tasks,
    /// They are not meant to end.
    background: Tasks,
}

impl Supervisor {
    /// Starts a task that ends when it is told to stop, and not before.
    pub fn foreground<T: Ending>(&mut self, part: impl Into<String>, task: impl Future<Output = T> + Send + 'static) {
        self.foreground.start(part.into(), task);
    }

    /// Starts a task that is not meant to end.
    pub fn background<T: Ending>(&mut self, part: impl Into<String>, task: impl Future<Output = T> + Send + 'static) {
        self.background.start(part.into(), task);
    }

    /// Watches all tasks until `stop` is done; then `tell` tells the foreground to stop, and its end is awaited.
    ///
    /// # Errors
    /// When a task failed, panicked, or ended although nothing told it to: what is said in the log, too. The others
    /// still run.
    pub async fn watch(&mut self, stop: impl Future<Output = ()>, tell: impl FnOnce()) -> anyhow::Result<()> {
        let watched = self.until_stopped(stop, tell).await;
        watched.inspect_err(|error| tracing::error!(error = format!("{error:#}"), "ending"))
    }

    async fn until_stopped(&mut self, stop: impl Future<Output = ()>, tell: impl FnOnce()) -> anyhow::Result<()> {
        tokio::select! {
            () = stop => tell(),
            ended = self.foreground.next() => return Err(ended.untold()),
            ended = self.background.next() => return Err(ended.untold()),
        }
        while !self.foreground.running.is_empty() {
            tokio::select! {
                ended = self.foreground.next() => ended.result?,
                ended = self.background.next() => return Err(ended.untold()),
            }
        }
        Ok(())
    }

    /// Ends all tasks. Those of the foreground have until then to end by themselves, if they were told to.
    pub async fn shutdown(mut self, until: Instant) {
        let ending = async { while self.foreground.running.join_next().await.is_some() {} };
        // What has not ended by then is cancelled.
        let _ = timeout_at(until, ending).await;
        self.foreground.running.shutdown().await;
        self.background.running.shutdown().await;
    }
}

#[derive(Default)]
struct Tasks {
    running: JoinSet<anyhow::Result<()>>,
    parts: HashMap<Id, String>,
}

/// A task that has ended, and how.
struct Ended {
    part: String,
    result: anyhow::Result<()>,
}

impl Tasks {
    fn start<T: Ending>(&mut self, part: String, task: impl Future<Output = T> + Send + 'static) {
        let started = self.running.spawn(async move { task.await.into_result() });
        self.parts.insert(started.id(), part);
    }

    /// The next that ends; waits for ever where none runs. Cancel safe.
    async fn next(&mut self) -> Ended {
        let Some(ended) = self.running.join_next_with_id().await else { return std::future::pending().await };
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let part = self.parts.remove(&id).unwrap_or_default();
        let result = match ended {
            Ok((_, result)) => result.with_context(|| format!("{part} failed")),
            // Its own text may quote what a member wrote.
            Err(error) if error.is_panic() => Err(anyhow!("{part} panicked: the log has its place")),
            Err(_) => Err(anyhow!("{part} was cancelled")),
        };
        Ended { part, result }
    }
}

impl Ended {
    /// Why the program ends, when nothing told the task to.
    fn untold(self) -> anyhow::Error {
        self.result.err().unwrap_or_else(|| anyhow!("{} ended although nothing told it to", self.part))
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, poll_fn, ready};
    use std::task::Poll;
    use std::time::Duration;

    use anyhow::bail;
    use tokio::sync::Notify;

    use super::*;

    /// Watches a program that nothing tells to stop.
    async fn ends_with(start: impl FnOnce(&mut Supervisor)) -> String {
        let mut supervisor = Supervisor::default();
        start(&mut supervisor);
        let error = supervisor.watch(pending(), || {}).await.unwrap_err();
        format!("{error:#}")
    }

    #[tokio::test]
    async fn a_task_that_ends_although_nothing_told_it_to_ends_the_program_and_is_named() {
        let ended = "the part ended although nothing told it to";
        assert_eq!(ends_with(|tasks| tasks.background("the part", ready(()))).await, ended);
        assert_eq!(ends_with(|tasks| tasks.foreground("the part", ready(()))).await, ended);
    }

    #[tokio::test]
    async fn a_task_that_fails_ends_the_program_and_says_why() {
        let failed = |tasks: &mut Supervisor| {
            tasks.foreground("another", pending::<()>());
            tasks.background("the part", async { bail!("no room") as anyhow::Result<()> });
        };
        assert_eq!(ends_with(failed).await, "the part failed: no room");
    }

    #[tokio::test]
    async fn a_panic_ends_the_program_without_its_text() {
        let panics = poll_fn(|_| -> Poll<()> { panic!("what a member wrote") });
        assert_eq!(
            ends_with(|tasks| tasks.background("the part", panics)).await,
            "the part panicked: the log has its place"
        );
    }

    #[tokio::test]
    async fn a_program_that_is_told_to_stop_waits_for_its_foreground() {
        let mut supervisor = Supervisor::default();
        let stopped = std::sync::Arc::new(Notify::new());
        let told = stopped.clone();
        supervisor.foreground("the part", async move { told.notified().await });
        supervisor.background("another", pending::<()>());
        supervisor.watch(ready(()), || stopped.notify_one()).await.unwrap();
        supervisor.shutdown(Instant::now()).await;
    }

    #[tokio::test]
    async fn a_failure_while_stopping_is_no_success() {
        let mut supervisor = Supervisor::default();
        supervisor.foreground("the part", async { bail!("too late") as anyhow::Result<()> });
        let error = supervisor.watch(ready(()), || {}).await.unwrap_err();
        assert_eq!(format!("{error:#}"), "the part failed: too late");
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_end_in_time_is_cancelled() {
        let mut supervisor = Supervisor::default();
        supervisor.foreground("the part", pending::<()>());
        let until = Instant::now() + Duration::from_secs(3);
        supervisor.shutdown(until).await;
        assert_eq!(Instant::now(), until);
    }
}
