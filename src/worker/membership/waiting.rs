//! A record that waits for its turn.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::flow_control::progress::Progress;
use crate::worker::assignments::Ticket;
use crate::worker::progress::Reports;
use crate::worker::work::Job;

pub(super) struct Waiting {
    pub job: Arc<Job>,
    pub ticket: Ticket,
    pub progress: Arc<dyn Progress>,
}

impl Waiting {
    /// It has been read of a partition that is ours `since` then, in milliseconds since 1970, until `tenure` ends.
    pub fn new(
        reports: Option<&Arc<Reports>>,
        job: Job,
        ticket: Ticket,
        since: Option<i64>,
        tenure: CancellationToken,
    ) -> Self {
        let job = Arc::new(job);
        let progress = match reports {
            Some(reports) => reports.open(&job, since.unwrap_or(i64::MAX), tenure),
            None => Arc::new(()),
        };
        Self { job, ticket, progress }
    }
}
