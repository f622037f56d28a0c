//! What happens in a gateway, as metrics.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

use crate::telemetry::http::HttpMetrics;
use crate::telemetry::metrics::text;

/// The gateway's metrics.
#[derive(Debug)]
pub struct GatewayMetrics {
    registry: Registry,
    pub http: HttpMetrics,
    pub streams: IntGauge,
    pub callers: IntGauge,
    pub history_bytes: IntGauge,
    pub history_members: IntGauge,
    pub replayed_events: IntCounter,
    pub lag_cuts: IntCounter,
    refused: IntCounterVec,
    ended: IntCounterVec,
}

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// One client asked too often.
    Rate,
    /// All callers' places were taken.
    Callers,
    /// All event streams' places were taken.
    Streams,
    /// One client has as many callers as one may.
    ClientCallers,
    /// One client has as many streams as one may.
    ClientStreams,
    /// One client waits for feedback that names no member.
    NoMember,
}

impl Refused {
    fn name(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Callers => "callers",
            Self::Streams => "streams",
            Self::ClientCallers => "client_callers",
            Self::ClientStreams => "client_streams",
            Self::NoMember => "no_member",
        }
    }
}

/// Why the gateway ended an event stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// It was open for as long as one may be.
    Age,
    /// Its member opened more than one may have.
    Crowded,
}

impl StreamEnd {
    fn name(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Crowded => "crowded",
        }
    }
}

impl GatewayMetrics {
    /// All at zero.
    ///
    /// # Errors
    /// When two metrics have one name.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new_custom(Some("ssammu".to_owned()), None)?;
        let gauge = |name, help| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone())).map(|()| gauge)
        };
        let counter = |name, help| {
            let counter = IntCounter::new(name, help)?;
            registry.register(Box::new(counter.clone())).map(|()| counter)
        };
        let by_reason = |name, help| {
            let counters = IntCounterVec::new(Opts::new(name, help), &["reason"])?;
            registry.register(Box::new(counters.clone())).map(|()| counters)
        };
        Ok(Self {
            http: HttpMetrics::new(&registry)?,
            streams: gauge("gateway_streams", "Event streams that are open; at most GATEWAY_STREAMS.")?,
            callers: gauge("gateway_callers", "Callers that wait; at most GATEWAY_CALLERS.")?,
            history_bytes: gauge("gateway_history_bytes", "What is remembered of members, in bytes.")?,
            history_members: gauge("gateway_history_members", "Members of whom something is remembered.")?,
            replayed_events: counter(
                "gateway_replayed_records_total",
                "Records that members were told when they came back.",
            )?,
            lag_cuts: counter("gateway_lag_cuts_total", "Event streams that were cut off because they were too slow.")?,
            refused: by_reason(
                "gateway_refused_total",
                "Requests that were told to come again: rate, callers, streams, client_callers, client_streams, no_member.",
            )?,
            ended: by_reason(
                "gateway_streams_ended_total",
                "Event streams that the gateway ended, and whose browsers come back: age, crowded (its member opened more).",
            )?,
            registry,
        })
    }

    pub fn refused(&self, why: Refused) {
        self.refused.with_label_values(&[why.name()]).inc();
    }

    pub fn ended(&self, why: StreamEnd) {
        self.ended.with_label_values(&[why.name()]).inc();
    }

    /// In Prometheus' text format.
    ///
    /// # Errors
    /// When a metric is inconsistent.
    pub fn text(&self) -> prometheus::Result<String> {
        text(&self.registry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateways_metrics_are_named_like_the_workers() {
        let metrics = GatewayMetrics::new().unwrap();
        metrics.refused(Refused::ClientStreams);
        metrics.ended(StreamEnd::Age);
        let text = metrics.text().unwrap();
        for line in [
            "ssammu_http_connections 0",
            "ssammu_gateway_refused_total{reason=\"client_streams\"} 1",
            "ssammu_gateway_streams_ended_total{reason=\"age\"} 1",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }
}
