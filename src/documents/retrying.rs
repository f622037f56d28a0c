//! Retries and a circuit breaker around a document store, as the résumé agent uses it: an upload is tried again until its
//! deadline. While the store is away uploads wait, except for one, the probe, that finds out whether it is back.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::{debug, info, warn};

use super::{DocumentError, Documents};
use crate::flow_control::backoff::Backoff;
use crate::flow_control::breaker::{Breaker, Change, Verdict};
use crate::flow_control::gate::GatePermit;

const BACKOFF: Backoff = Backoff { base: Duration::from_millis(200), cap: Duration::from_secs(3) };
/// The store is one server to its breaker.
const STORE: usize = 0;

/// A document store whose uploads are retried.
pub struct RetryingDocuments {
    documents: Arc<dyn Documents>,
    breaker: Breaker,
}

impl RetryingDocuments {
    /// Uploads to `documents`, which works as far as is known.
    pub fn new(documents: Arc<dyn Documents>) -> Self {
        // No pause between probes: one upload at a time is the probe, and its own backoff paces its tries.
        Self { documents, breaker: Breaker::new(1, Duration::ZERO) }
    }

    /// Whether uploads wait because the store is away.
    pub fn is_away(&self) -> bool {
        self.breaker.is_away()
    }

    /// Follows whether the store is away.
    pub fn watch(&self) -> watch::Receiver<bool> {
        self.breaker.watch()
    }

    /// Waits until it makes sense to upload: not at all while the store works, one at a time while it is away. An
    /// upload's deadline begins after this, so that an outage fails those that were uploading when it began, and those
    /// that find out, and no others.
    pub async fn admit(&self) -> GatePermit {
        self.breaker.admit().await
    }

    /// Stores a Word document, trying again until `deadline`.
    ///
    /// # Errors
    /// The last error when the store was away until the deadline; at once when it refuses for good.
    pub async fn put(&self, key: &str, document: &[u8], deadline: Instant) -> Result<(), DocumentError> {
        let mut attempt = 0;
        loop {
            let started = Instant::now();
            let stored = timeout_at(deadline, self.documents.put(key, document.to_vec())).await;
            let reason = match stored {
                Ok(Ok(())) => {
                    self.record(started, Verdict::Works);
                    return Ok(());
                }
                Ok(Err(refused @ DocumentError::Refused(_))) => return Err(refused),
                Ok(Err(DocumentError::Unavailable(reason))) => reason,
                Err(_) => "the store did not answer in time".to_owned(),
            };
            self.record(started, Verdict::Down { retry_after: None });
            let again = Instant::now() + BACKOFF.jittered(attempt);
            if again >= deadline {
                return Err(DocumentError::Unavailable(reason));
            }
            debug!(attempt, reason, "the document could not be stored; trying again");
            sleep_until(again).await;
            attempt += 1;
        }
    }

    /// Learns from an upload what it says about the store.
    fn record(&self, started: Instant, verdict: Verdict) {
        self.breaker.record(STORE, started, verdict, |change| match change {
            Change::Opened => warn!("the document store is unavailable; finished résumés wait until it is back"),
            Change::Closed => info!("the document store is back"),
        });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;

    use async_trait::async_trait;
    use futures_util::FutureExt;

    use super::*;
    use crate::documents::Link;

    /// Stands for a store in trouble: answers in a given order, and then well.
    #[derive(Default)]
    struct Troubled(Mutex<VecDeque<DocumentError>>);

    impl Troubled {
        fn with(errors: impl IntoIterator<Item = DocumentError>) -> RetryingDocuments {
            RetryingDocuments::new(Arc::new(Self(Mutex::new(errors.into_iter().collect()))))
        }
    }

    #[async_trait]
    impl Documents for Troubled {
        async fn put(&self, _key: &str, _document: Vec<u8>) -> Result<(), DocumentError> {
            self.0.lock().unwrap().pop_front().map_or(Ok(()), Err)
        }

        async fn get(&self, _key: &str) -> Result<Option<Vec<u8>>, DocumentError> {
            Ok(None)
        }

        async fn link(&self, _key: &str) -> Result<Link, DocumentError> {
            Err(down())
        }

        async fn check(&self) -> Result<(), DocumentError> {
            Ok(())
        }
    }

    fn down() -> DocumentError {
        DocumentError::Unavailable("down".to_owned())
    }

    fn in_seconds(seconds: u64) -> Instant {
        Instant::now() + Duration::from_secs(seconds)
    }

    #[tokio::test(start_paused = true)]
    async fn an_upload_is_tried_again_until_it_works() {
        let documents = Troubled::with((0..3).map(|_| down()));
        documents.put("a.docx", b"a", in_seconds(60)).await.unwrap();
        assert!(!documents.is_away());
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_for_good_is_told_at_once_and_holds_nobody_up() {
        let documents = Troubled::with([DocumentError::Refused("no such bucket".to_owned())]);
        let refused = documents.put("a.docx", b"a", in_seconds(60)).now_or_never().unwrap();
        assert!(matches!(refused, Err(DocumentError::Refused(_))));
        assert!(!documents.is_away());
    }

    #[tokio::test(start_paused = true)]
    async fn while_the_store_is_away_one_upload_at_a_time_finds_out() {
        let documents = Troubled::with((0..1_000).map(|_| down()));
        assert!(documents.put("a.docx", b"a", in_seconds(10)).await.is_err());
        assert!(documents.is_away());
        let probe = documents.admit().now_or_never();
        assert!(probe.is_some() && documents.admit().now_or_never().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn everybody_uploads_again_when_one_upload_worked() {
        let documents = Troubled::with((0..8).map(|_| down()));
        let found_out = async {
            let _permit = documents.admit().await;
            documents.put("a.docx", b"a", in_seconds(60)).await
        };
        found_out.await.unwrap();
        assert!(!documents.is_away());
        assert!(documents.admit().now_or_never().is_some());
    }
}
