//! What a membership learns from where its partitions end: how far behind it is, and whether they have gone quiet.

use super::{LAG_TICK, Membership};
use crate::kafka::asking::Ends;
use crate::kafka::consumer::FatalError;
use crate::kafka::error::KafkaError;
use crate::kafka::position::Partition;

impl Membership<'_> {
    pub(super) fn ask_ends(&mut self) {
        if self.measuring.is_some() || self.assignments.is_empty() {
            return;
        }
        let asking = self.consumer.ends(self.assignments.partitions());
        self.measuring = Some(Box::pin(async { asking.await.unwrap_or_else(|panicked| Err(panicked.into())) }));
    }

    pub(super) fn on_ends(&mut self, ends: Result<Ends, KafkaError>) {
        match ends {
            Ok(Ends { ends, topics }) => {
                let made_again = self.made_again(topics);
                self.begin_anew(&made_again);
                ends.iter().for_each(|(partition, end)| self.measure(partition, *end));
                self.listen_for_silence(&ends);
            }
            Err(error) => tracing::debug!(group = self.group.name, %error, "the lag could not be measured"),
        }
    }

    fn measure(&self, partition: &Partition, end: i64) {
        if let Some(lag) = self.assignments.lag(partition, end) {
            self.metrics.lag(&partition.topic, partition.number, lag);
        }
    }

    /// Looks at a partition of which nothing comes although it should.
    fn listen_for_silence(&mut self, ends: &[(Partition, i64)]) {
        match self.gone_quiet(ends) {
            None if self.is_quiet => {
                self.is_quiet = false;
                self.group.stand(Ok(()));
            }
            Some((partition, next, end)) if !self.is_quiet && self.looking.is_none() => {
                let asking = self.consumer.holds_any(partition.clone(), next, end);
                self.looking = Some(Box::pin(async move {
                    let holds_any = asking.await.unwrap_or_else(|panicked| Err(panicked.into()));
                    (partition, end, holds_any)
                }));
            }
            None | Some(_) => {}
        }
    }

    pub(super) fn on_looked(&mut self, partition: Partition, end: i64, holds_any: Result<bool, KafkaError>) {
        if let Ok(false) = holds_any {
            self.assignments.holds_nothing_before(&partition, end);
            return self.measure(&partition, end);
        }
        let Some((Partition { topic, number }, ..)) = self.gone_quiet(&[(partition, end)]) else { return };
        let quiet = format!(
            "nothing has come of {topic}/{number} for {LAG_TICK:?} and longer, although its log goes on to {end}"
        );
        match holds_any {
            // librdkafka takes the leader of a topic that was made again for an outdated one, where a leader before it had been
            // elected anew; it never asks it.
            Ok(_) => self.broken = Some(FatalError::Other(format!("{quiet} and another client can read it"))),
            Err(error) => {
                self.is_quiet = true;
                self.group.stand(Err(format!(
                    "{quiet}: {error}; see KAFKA_BOOTSTRAP_SERVERS, the group's rights and the partition's leader"
                )));
            }
        }
    }

    fn gone_quiet(&mut self, ends: &[(Partition, i64)]) -> Option<(Partition, i64, i64)> {
        let partitions = self.assignments.len();
        self.assignments.gone_quiet(ends, |partition| self.lanes.load(partition).is_full(partitions))
    }
}
