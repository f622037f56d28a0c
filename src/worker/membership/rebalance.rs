//! What a membership does when its group gives it partitions, takes them away, or a topic was made again.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::Instant;

use super::Membership;
use crate::kafka::asking::{Committed, TopicIds};
use crate::kafka::consumer::FatalError;
use crate::kafka::error::KafkaError;
use crate::kafka::position::{Partition, Start};
use crate::worker::progress::millis;

/// How long work that is nearly done may hold up a revocation. All partitions of the member stand still meanwhile.
pub const REVOKE_GRACE: Duration = Duration::from_secs(1);

/// How often committed positions are asked for until a topic of which they cannot be read holds up no other.
const COMMITTED_TRIES: u32 = 2;
const COMMITTED_RETRY: Duration = Duration::from_secs(1);

/// Partitions that are to be let go, and until when work that is nearly done may hold that up.
pub(super) struct Revocation {
    partitions: Vec<Partition>,
    pub(super) deadline: Instant,
}

impl Membership<'_> {
    pub(super) fn on_revoked(&mut self, partitions: Vec<Partition>, lost: bool) {
        self.lanes.drop_partitions(&partitions);
        self.assignments.revoke(&partitions);
        self.make_room_for_all();
        let grace = if lost { Duration::ZERO } else { self.group.revoke_grace };
        if lost {
            tracing::warn!(group = self.group.name, partitions = partitions.len(), "partitions were lost");
            // Another member may have them already: nothing is stored for them any more.
            self.forget(&partitions);
            self.group.stand(Err("its partitions were lost, and it is not a member again yet".to_owned()));
        }
        self.revocation = Some(Revocation { partitions, deadline: Instant::now() + grace });
    }

    /// What keeps it from being a member; one that is works on.
    pub(super) fn on_trouble(&self, reason: String) {
        if self.group.joined.borrow().is_err() {
            self.group.stand(Err(reason));
        }
    }

    pub(super) fn ask_committed(&mut self, partitions: Vec<Partition>, tries: u32) {
        let now = millis(OffsetDateTime::now_utc());
        for partition in &partitions {
            self.ours_since.entry(partition.clone()).or_insert(now);
        }
        let asking = self.consumer.committed(partitions.clone(), tries > COMMITTED_TRIES);
        self.assigning = Some(Box::pin(async move {
            let committed = asking.await.unwrap_or_else(|panicked| Err(panicked.into()));
            if committed.is_err() {
                tokio::time::sleep(COMMITTED_RETRY).await;
            }
            (partitions, tries, committed)
        }));
    }

    pub(super) fn on_committed(
        &mut self,
        partitions: Vec<Partition>,
        tries: u32,
        committed: Result<Committed, KafkaError>,
    ) {
        let Committed { mut starts, topics } = match committed {
            Ok(committed) => committed,
            Err(error) => {
                tracing::debug!(group = self.group.name, %error, "committed offsets could not be read; asking again");
                self.group.stand(Err(format!("its offsets cannot be read: {error}")));
                return self.ask_committed(partitions, tries + 1);
            }
        };
        let made_again = self.made_again(topics);
        for (_, start) in starts.iter_mut().filter(|(partition, _)| made_again.contains(&partition.topic)) {
            let was_at = if let Start::At { position, .. } = start { position.offset } else { 0 };
            *start = Start::Anew { was_at };
        }
        if let Err(error) = self.consumer.assign(&starts) {
            self.broken = Some(FatalError::Other(format!("an assignment could not be taken: {error}")));
            return;
        }
        // Of those that it had before.
        self.begin_anew(&made_again);
        self.assignments.assign(&starts, self.oldest());
        self.is_quiet = false;
        self.group.stand(Ok(()));
        self.metrics.assigned(self.assignments.len());
        tracing::info!(
            group = self.group.name,
            added = starts.len(),
            now = self.assignments.len(),
            "partitions assigned"
        );
    }

    /// The topics that are others than those that had their names before.
    pub(super) fn made_again(&mut self, topics: TopicIds) -> Vec<Arc<str>> {
        let mut made_again = Vec::new();
        for (topic, id) in topics {
            if self.topics.insert(topic.clone(), id).is_some_and(|before| before != id) {
                tracing::warn!(topic = %topic, "the topic was deleted and made again: it is read from its beginning");
                made_again.push(topic);
            }
        }
        made_again
    }

    pub(super) fn begin_anew(&mut self, topics: &[Arc<str>]) {
        let oldest = self.oldest();
        for topic in topics {
            let partitions = self.assignments.begin_anew(topic, oldest);
            self.lanes.drop_partitions(&partitions);
            self.make_room_for_all();
            for partition in partitions {
                if let Err(error) = self.consumer.seek(&partition, 0) {
                    self.broken = Some(FatalError::Other(format!("a topic could not be read anew: {error}")));
                }
            }
            self.commit_maps();
        }
    }

    /// Answers a revocation once its partitions are at rest, or its time is over.
    pub(super) fn answer_revocation(&mut self) {
        let Some(revocation) = &self.revocation else { return };
        if self.assignments.is_in_work(&revocation.partitions) && Instant::now() < revocation.deadline {
            return;
        }
        let Some(revocation) = self.revocation.take() else { return };
        self.store();
        self.commit_maps();
        self.forget(&revocation.partitions);
        if let Err(error) = self.consumer.unassign(&revocation.partitions) {
            self.broken = Some(FatalError::Other(format!("a revocation could not be answered: {error}")));
        }
        self.metrics.assigned(self.assignments.len());
        let (gone, left) = (revocation.partitions.len(), self.assignments.len());
        tracing::info!(group = self.group.name, gone, now = left, "partitions revoked");
    }

    pub(super) fn forget(&mut self, partitions: &[Partition]) {
        self.assignments.forget(partitions);
        for partition in partitions {
            self.ours_since.remove(partition);
            self.metrics.forget_lag(&partition.topic, partition.number);
        }
    }
}
