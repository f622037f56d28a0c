//! What a membership learns from where its partitions end: how far behind it is, and whether they have gone quiet.

use super::{LAG_TICK, Membership};
use crate::kafka::asking::Ends;
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
                for (partition, end) in &ends {
                    if let Some(lag) = self.assignments.lag(partition, *end) {
                        self.metrics.lag(&partition.topic, partition.number, lag);
                    }
                }
                self.listen_for_silence(&ends);
            }
            Err(error) => tracing::debug!(group = self.group.name, %error, "the lag could not be measured"),
        }
    }

    /// Looks at a partition of which nothing comes although it should.
    fn listen_for_silence(&mut self, ends: &[(Partition, i64)]) {
        let partitions = self.assignments.len();
        let quiet = self.assignments.gone_quiet(ends, |partition| self.lanes.load(partition).is_full(partitions));
        match quiet {
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

    pub(super) fn on_looked(&mut self, partition: &Partition, end: i64, holds_any: Result<bool, KafkaError>) {
        let why = match holds_any {
            Ok(false) => return self.assignments.holds_nothing_before(partition, end),
            Ok(true) => "another client reads them".to_owned(),
            Err(error) => error.to_string(),
        };
        if self.assignments.lag(partition, end) != Some(0) {
            self.is_quiet = true;
            let Partition { topic, number } = partition;
            self.group.stand(Err(format!(
                "nothing has come of {topic}/{number} for {LAG_TICK:?} and longer, although its log goes on to {end}: {why}; see \
                 KAFKA_BOOTSTRAP_SERVERS, the group's rights and the partition's leader"
            )));
        }
    }
}
