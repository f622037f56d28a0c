//! What happens in a consumer group, as metrics.

use crate::telemetry::metrics::Metrics;

/// The gauges and counters of one group.
#[derive(Clone, Copy, Debug)]
pub struct GroupMetrics<'a> {
    pub metrics: &'a Metrics,
    pub group: &'a str,
}

impl GroupMetrics<'_> {
    /// A record is to be worked.
    pub fn received(&self, topic: &str) {
        self.metrics.records_received.with_label_values(&[topic]).inc();
    }

    /// A record was done already.
    pub fn skipped(&self, topic: &str) {
        self.metrics.records_skipped.with_label_values(&[topic]).inc();
    }

    /// A record is older than outcomes are remembered.
    pub fn outdated(&self, topic: &str) {
        self.metrics.records_outdated.with_label_values(&[topic]).inc();
    }

    pub fn assigned(&self, partitions: usize) {
        self.metrics.partitions_assigned.with_label_values(&[self.group]).set(gauge(partitions));
    }

    pub fn held_back(&self, partitions: usize) {
        self.metrics.partitions_held_back.with_label_values(&[self.group]).set(gauge(partitions));
    }

    pub fn waiting(&self, requests: usize) {
        self.metrics.requests_waiting.with_label_values(&[self.group]).set(gauge(requests));
    }

    /// The longest map in a commit's metadata.
    pub fn longest_map(&self, chars: usize) {
        self.metrics.offset_map_chars.with_label_values(&[self.group]).set(gauge(chars));
    }

    pub fn lag(&self, topic: &str, partition: i32, records: i64) {
        let number = partition.to_string();
        self.metrics.partition_lag.with_label_values(&[self.group, topic, &number]).set(records);
    }

    /// The lag is another worker's to tell.
    pub fn forget_lag(&self, topic: &str, partition: i32) {
        // It may not have been measured yet.
        let _ = self.metrics.partition_lag.remove_label_values(&[self.group, topic, &partition.to_string()]);
    }
}

fn gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
