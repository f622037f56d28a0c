//! Reads one consumer group for as long as the worker runs: one membership after the other, should one end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{timeout, timeout_at};

use crate::events::record::RequestKind;
use crate::flow_control::backoff::Backoff;
use crate::kafka::client::Connection;
use crate::kafka::consumer::{FatalError, GroupConsumer, members_of, namesake};
use crate::kafka::error::KafkaError;
use crate::worker::letting_go::LettingGo;
use crate::worker::membership::{Done, Ended, Group, Membership, Stop};

const REOPEN_BACKOFF: Backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(10) };

/// How often a worker that stands aside, or by, looks whether it is needed.
const ASIDE_TICK: Duration = Duration::from_secs(5);

/// A consumer group and what reads it.
pub struct Intake {
    pub connection: Connection,
    pub topics: Vec<(Arc<str>, RequestKind)>,
    pub group: Group,
    /// What its requests need, and whether each is away.
    pub needs: Vec<watch::Receiver<bool>>,
}

/// Why an intake ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    #[error("the Kafka consumer of group {group} could not be opened")]
    Open { group: String, source: KafkaError },
    /// Without the panic's own text, which may quote what a member wrote: the log has its place.
    #[error("a task of group {group} panicked")]
    Panicked { group: String },
}

impl Intake {
    /// Reads and works until told to stop, then leaves the group.
    ///
    /// # Errors
    /// [`IntakeError`] when it cannot go on. What was in work is redelivered to whoever reads next.
    pub async fn run(self, mut stop: watch::Receiver<Stop>) -> Result<(), IntakeError> {
        let Self { connection, topics, group, needs } = self;
        let mut needs = LettingGo::without(needs);
        let (mut attempt, mut is_waiting_for_name) = (0, false);
        // What is in work when a membership ends goes on beside the next one, which waits for its locks or finds its results.
        let mut in_work = Vec::new();
        loop {
            let wake = Arc::new(Notify::new());
            let consumer = GroupConsumer::open(&connection, &group.name, &topics, wake.clone())
                .map_err(|source| IntakeError::Open { group: group.name.clone(), source })?;
            let mut membership = Membership::new(&group, consumer, wake);
            let ended = membership.run(&mut stop, &mut needs).await;
            if matches!(ended, Ok(Ended::Fatal(FatalError::Fenced))) {
                topics.iter().for_each(|(_, kind)| group.worker.locks.fence(kind.flow()));
            }
            in_work.retain_mut(|tasks: &mut JoinSet<Done>| {
                while tasks.try_join_next().is_some() {}
                !tasks.is_empty()
            });
            in_work.push(membership.close().await);
            match ended.map_err(|_panic| IntakeError::Panicked { group: group.name.clone() })? {
                Ended::Stopped => break,
                Ended::Fatal(FatalError::Fenced) => {
                    if !stand_by(&connection, &group, &mut stop).await {
                        break;
                    }
                }
                Ended::LetGo => match stand_aside(&connection, &group.name, &needs, &mut stop).await {
                    Some(reason) => tracing::info!(group = group.name, reason, "joining again"),
                    None => break,
                },
                Ended::Fatal(why @ (FatalError::NotReleased | FatalError::Other(_))) => {
                    is_waiting_for_name = tell(&group, &why, is_waiting_for_name);
                    let stopped = stop.wait_for(|stop| *stop != Stop::No);
                    if timeout(REOPEN_BACKOFF.jittered(attempt), stopped).await.is_ok() {
                        break;
                    }
                    // A name that becomes free is taken soon.
                    attempt = if is_waiting_for_name { 0 } else { attempt + 1 };
                }
            }
        }
        let until = *stop.borrow();
        finish(in_work, until).await;
        Ok(())
    }
}

/// Says why a membership ended that is begun again; of its own name, which is not free yet, once. Whether that is why.
fn tell(group: &Group, why: &FatalError, was_told: bool) -> bool {
    let (name, is_name) = (&group.name, *why == FatalError::NotReleased);
    match is_name {
        true if was_told => tracing::debug!(group = name, %why, "joining again"),
        true => tracing::warn!(
            group = name,
            "{why}: waiting for that. Where it is another worker that lives, this one needs a group.instance.id of its own"
        ),
        false => tracing::error!(group = name, reason = %why, "the membership ended; joining again"),
    }
    group.stand(Err(format!("it waits to be a member: {why}")));
    is_name
}

/// Waits until nobody else has this worker's name, which another one took from it: to join before would take it back, and so
/// on for ever. Nobody ends for it: each of two may have lost the name in one of its groups, and has it in the other. False
/// when the worker stops first.
async fn stand_by(connection: &Connection, group: &Group, stop: &mut watch::Receiver<Stop>) -> bool {
    let mut is_told = false;
    loop {
        let (asked, name) = (connection.clone(), group.name.clone());
        let address = match tokio::task::spawn_blocking(move || namesake(&asked, &name)).await {
            // Never at once: should the broker not say who has the name, two workers do not take it from each other all the time.
            Ok(Ok(None)) if is_told => {
                tracing::info!(group = group.name, "joining again");
                return true;
            }
            Ok(Ok(Some(address))) => format!(" at {address}"),
            Ok(Ok(None) | Err(_)) | Err(_) => String::new(),
        };
        let why = format!("another worker{address} has the same group.instance.id: standing by until it is gone");
        if !std::mem::replace(&mut is_told, true) {
            tracing::warn!(group = group.name, "{why}. Where both should work, each needs a name of its own");
        }
        group.stand(Err(why));
        let stopped = stop.wait_for(|stop| *stop != Stop::No);
        if timeout(ASIDE_TICK, stopped).await.is_ok() {
            return false;
        }
    }
}

/// Waits outside of the group until there is a reason to be a member of it; `None` when the worker stops first.
async fn stand_aside(
    connection: &Connection,
    group: &str,
    needs: &LettingGo,
    stop: &mut watch::Receiver<Stop>,
) -> Option<&'static str> {
    loop {
        let stopped = stop.wait_for(|stop| *stop != Stop::No);
        if timeout(ASIDE_TICK, stopped).await.is_ok() {
            return None;
        }
        if !needs.is_away() {
            return Some("what was away is back");
        }
        let (connection, name) = (connection.clone(), group.to_owned());
        let counting = tokio::task::spawn_blocking(move || members_of(&connection, &name));
        match counting.await {
            Ok(Ok(1..)) => {}
            Ok(Ok(0)) => return Some("the group has no other member any more"),
            Ok(Err(_)) | Err(_) => return Some("the group's members could not be counted"),
        }
    }
}

/// Waits for what earlier memberships have in work, for as long as a stop allows; the rest is redelivered.
async fn finish(in_work: Vec<JoinSet<Done>>, stop: Stop) {
    let Stop::Until(deadline) = stop else { return };
    for mut tasks in in_work {
        let finished = async { while tasks.join_next().await.is_some() {} };
        // What is left is cancelled when it is dropped.
        let _ = timeout_at(deadline, finished).await;
    }
}
