//! What happens with the model, as metrics.

use std::sync::Arc;
use std::time::Duration;

use crate::events::record::Flow;
use crate::llm::classify::{Cause, Usage};
use crate::llm::failover::Observer;
use crate::telemetry::metrics::Metrics;

/// Counts model calls.
#[derive(Debug)]
pub struct ModelMetrics(pub Arc<Metrics>);

impl Observer for ModelMetrics {
    fn call_began(&self) {
        self.0.model_calls_out.inc();
    }

    fn call_ended(&self) {
        self.0.model_calls_out.dec();
    }

    fn called(&self, endpoint: &'static str, result: Result<(), Cause>, seconds: f64) {
        let result = result.map_or_else(Cause::label, |()| "ok");
        self.0.model_calls.with_label_values(&[endpoint, result]).inc();
        self.0.model_call_seconds.observe(seconds);
    }

    fn retried(&self, cause: Cause) {
        self.0.model_retries.with_label_values(&[cause.label()]).inc();
    }

    fn probed(&self, endpoint: &'static str, result: Result<(), Cause>) {
        let result = result.map_or_else(Cause::label, |()| "ok");
        self.0.model_probes.with_label_values(&[endpoint, result]).inc();
    }

    fn circuit(&self, endpoint: &'static str, is_open: bool) {
        self.0.model_circuit_open.with_label_values(&[endpoint]).set(i64::from(is_open));
    }

    fn streamed(&self, endpoint: &'static str, flow: Flow, first: Duration, per_token: Option<Duration>) {
        let labels = [endpoint, flow.name()];
        self.0.model_time_to_first_token.with_label_values(&labels).observe(first.as_secs_f64());
        if let Some(per_token) = per_token {
            self.0.model_time_per_output_token.with_label_values(&labels).observe(per_token.as_secs_f64());
        }
    }

    fn tokens(&self, usage: Usage) {
        self.0.model_tokens.with_label_values(&["prompt"]).inc_by(usage.prompt);
        self.0.model_tokens.with_label_values(&["completion"]).inc_by(usage.completion);
    }
}
