//! What happens to HTTP connections, as metrics of whoever serves.

use prometheus::{IntCounterVec, IntGauge, Opts, Registry};

/// The gauges and counters of one HTTP server.
#[derive(Clone, Debug)]
pub struct HttpMetrics {
    pub connections: IntGauge,
    cut: IntCounterVec,
}

/// Why a connection was refused, or ended although its other end did not want that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// All places were taken.
    Full,
    /// It waited, and somebody else needed its place.
    GaveWay,
    /// What it asked for did not come in time.
    SlowHead,
    /// A body did not come in time.
    SlowBody,
    /// Nothing of an answer was taken.
    NotReading,
    /// The process had no file left for it.
    NoFiles,
}

impl Cut {
    /// As the metric has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::GaveWay => "gave_way",
            Self::SlowHead => "slow_head",
            Self::SlowBody => "slow_body",
            Self::NotReading => "not_reading",
            Self::NoFiles => "no_files",
        }
    }
}

impl HttpMetrics {
    /// All at zero.
    ///
    /// # Errors
    /// When two metrics have one name.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let connections = IntGauge::new("http_connections", "Connections to the HTTP server that are open.")?;
        let cut = Opts::new(
            "http_connections_cut_total",
            "Connections that were refused or ended: full, gave_way (it waited, and another needed its place), slow_head, slow_body, not_reading, no_files.",
        );
        let cut = IntCounterVec::new(cut, &["reason"])?;
        registry.register(Box::new(connections.clone()))?;
        registry.register(Box::new(cut.clone()))?;
        Ok(Self { connections, cut })
    }

    /// A connection was cut off.
    pub fn cut(&self, why: Cut) {
        self.cut_all(why, 1);
    }

    /// So many connections were.
    pub fn cut_all(&self, why: Cut, count: usize) {
        self.cut.with_label_values(&[why.name()]).inc_by(u64::try_from(count).unwrap_or(u64::MAX));
    }
}
