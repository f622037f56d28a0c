//! Everything that is counted, in one place.

use prometheus::core::Collector;
use prometheus::{
    Encoder, Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};

use crate::telemetry::http::HttpMetrics;

/// The worker's metrics.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    pub http: HttpMetrics,
    pub requests_in_work: IntGauge,
    pub requests_waiting: IntGaugeVec,
    pub partitions_assigned: IntGaugeVec,
    pub partitions_held_back: IntGaugeVec,
    pub partition_lag: IntGaugeVec,
    pub offset_map_chars: IntGaugeVec,
    pub records_received: IntCounterVec,
    pub records_skipped: IntCounterVec,
    pub records_outdated: IntCounterVec,
    pub outcomes: IntCounterVec,
    pub dead_letters: IntCounterVec,
    pub refused_records: IntCounter,
    pub progress_told: IntCounterVec,
    pub progress_dropped: IntCounterVec,
    pub journal_hits: IntCounter,
    pub lock_waits: IntCounter,
    pub state_waiting: IntGauge,
    pub unacknowledged: IntGauge,
    pub oldest_unacknowledged_seconds: Gauge,
    pub request_seconds: HistogramVec,
    pub model_calls: IntCounterVec,
    pub model_call_seconds: Histogram,
    pub model_time_to_first_token: HistogramVec,
    pub model_time_per_output_token: HistogramVec,
    pub model_retries: IntCounterVec,
    pub model_tokens: IntCounterVec,
    pub model_calls_out: IntGauge,
    pub model_calls_limit: IntGauge,
    pub model_probes: IntCounterVec,
    pub model_circuit_open: IntGaugeVec,
    pub circuit_open: IntGaugeVec,
    pub ready: IntGaugeVec,
    pub log_lines_lost: IntCounter,
}

/// From an answer found in the journal to one that took the whole deadline.
const SECONDS: [f64; 14] = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// OpenTelemetry's, and beyond them for models that run without a GPU.
const FIRST_TOKEN: [f64; 14] = [0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0];
const PER_TOKEN: [f64; 13] = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5];

impl Metrics {
    /// All metrics at zero.
    ///
    /// # Errors
    /// When two metrics have one name.
    pub fn new() -> prometheus::Result<Self> {
        let new = Registry::new_custom(Some("ssammu".to_owned()), None)?;
        let counter = |name, help| add(&new, IntCounter::new(name, help)?);
        let counters = |name, help, labels| add(&new, IntCounterVec::new(Opts::new(name, help), labels)?);
        let gauge = |name, help| add(&new, IntGauge::new(name, help)?);
        let gauges = |name, help, labels| add(&new, IntGaugeVec::new(Opts::new(name, help), labels)?);
        Ok(Self {
            http: HttpMetrics::new(&new)?,
            requests_in_work: gauge("requests_in_work", "Requests in work now; at most MAX_IN_FLIGHT.")?,
            requests_waiting: gauges("requests_waiting", "Records read and waiting for their turn.", &["group"])?,
            partitions_assigned: gauges("partitions_assigned", "Partitions that this worker reads.", &["group"])?,
            partitions_held_back: gauges(
                "partitions_held_back",
                "Partitions that are not read now, because enough of theirs waits already.",
                &["group"],
            )?,
            partition_lag: gauges(
                "partition_lag",
                "Records of a partition from the first that is not done to the end; of partitions that this worker reads.",
                &["group", "topic", "partition"],
            )?,
            offset_map_chars: gauges(
                "offset_map_chars",
                "Longest map of finished records in commit metadata now; brokers take 4096 characters.",
                &["group"],
            )?,
            records_received: counters("records_received_total", "Records read from request topics.", &["topic"])?,
            records_skipped: counters(
                "records_skipped_total",
                "Records that were read again and known to be done by the commit's map.",
                &["topic"],
            )?,
            records_outdated: counters(
                "records_outdated_total",
                "Records older than OUTCOME_TTL at the start of a group or after its offsets were reset: nobody knows what became of them.",
                &["topic"],
            )?,
            outcomes: counters("outcomes_total", "Outcomes sent, by type and failure code.", &["type", "code"])?,
            dead_letters: counters("dead_letters_total", "Dead letters sent, by code.", &["code"])?,
            refused_records: counter(
                "refused_records_total",
                "Outcomes and dead letters that the broker will never take (too large). Each is in the log.",
            )?,
            progress_told: counters(
                "progress_told_total",
                "Progress records handed over to be sent, by what the request was at.",
                &["stage"],
            )?,
            progress_dropped: counters(
                "progress_dropped_total",
                "Progress records that were dropped: behind (too many waited), late (no broker took it within a second), refused.",
                &["reason"],
            )?,
            journal_hits: counter("journal_hits_total", "Requests answered from the journal, without work.")?,
            lock_waits: counter("lock_waits_total", "Times that a request waited for a member's lock.")?,
            state_waiting: gauge("state_waiting", "Requests that wait for the state store, which is away or refuses.")?,
            unacknowledged: gauge(
                "unacknowledged",
                "Outcomes and dead letters that were sent and that no broker has acknowledged yet.",
            )?,
            oldest_unacknowledged_seconds: add(
                &new,
                Gauge::new("oldest_unacknowledged_seconds", "For how long the oldest of them has waited.")?,
            )?,
            request_seconds: add(
                &new,
                HistogramVec::new(
                    HistogramOpts::new("request_seconds", "From a request's turn to its acknowledged outcome.")
                        .buckets(SECONDS.to_vec()),
                    &["flow"],
                )?,
            )?,
            model_calls: counters("model_calls_total", "Calls to a model, by result.", &["endpoint", "result"])?,
            model_call_seconds: add(
                &new,
                Histogram::with_opts(
                    HistogramOpts::new("model_call_seconds", "How long a call to a model took.")
                        .buckets(SECONDS.to_vec()),
                )?,
            )?,
            model_time_to_first_token: add(
                &new,
                HistogramVec::new(
                    HistogramOpts::new(
                        "model_time_to_first_token_seconds",
                        "How long the first token of a streamed reply took.",
                    )
                    .buckets(FIRST_TOKEN.to_vec()),
                    &["endpoint", "flow"],
                )?,
            )?,
            model_time_per_output_token: add(
                &new,
                HistogramVec::new(
                    HistogramOpts::new(
                        "model_time_per_output_token_seconds",
                        "How long each token of a streamed reply took after the first.",
                    )
                    .buckets(PER_TOKEN.to_vec()),
                    &["endpoint", "flow"],
                )?,
            )?,
            model_retries: counters(
                "model_retries_total",
                "Model calls that were made again, by reason.",
                &["reason"],
            )?,
            model_tokens: counters("model_tokens_total", "Tokens that the model counted.", &["kind"])?,
            model_calls_out: gauge("model_calls_out", "Calls to models that are out now.")?,
            model_calls_limit: gauge("model_calls_limit", "Calls to models that may be out at once.")?,
            model_probes: counters(
                "model_probes_total",
                "Calls for one token that find out whether a model is there, by result.",
                &["endpoint", "result"],
            )?,
            model_circuit_open: gauges(
                "model_circuit_open",
                "1 while a model server is away; another one may stand in.",
                &["endpoint"],
            )?,
            circuit_open: gauges(
                "circuit_open",
                "1 while the model or the document store is away and the requests that need it are held back.",
                &["part"],
            )?,
            ready: gauges("ready", "1 for each part that is ready.", &["part"])?,
            log_lines_lost: counter(
                "log_lines_lost_total",
                "Lines of the log that were lost, because whoever reads it was gone, or slower than it is written.",
            )?,
            registry: new,
        })
    }

    /// In Prometheus' text format.
    ///
    /// # Errors
    /// When a metric is inconsistent.
    pub fn text(&self) -> prometheus::Result<String> {
        text(&self.registry)
    }
}

/// All that is registered, in Prometheus' text format.
///
/// # Errors
/// When a metric is inconsistent.
pub fn text(registry: &Registry) -> prometheus::Result<String> {
    let mut text = Vec::new();
    TextEncoder::new().encode(&registry.gather(), &mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn add<C: Collector + Clone + 'static>(registry: &Registry, metric: C) -> prometheus::Result<C> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_written_with_their_help() {
        let metrics = Metrics::new().unwrap();
        metrics.outcomes.with_label_values(&["RequestFailed", "INTERNAL"]).inc();
        let text = metrics.text().unwrap();
        assert!(text.contains("# HELP ssammu_outcomes_total "));
        assert!(text.contains("ssammu_outcomes_total{code=\"INTERNAL\",type=\"RequestFailed\"} 1"));
        assert!(text.contains("ssammu_requests_in_work 0"));
    }
}
