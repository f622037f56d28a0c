//! Retries and a circuit breaker around a document store, as the résumé agent uses it: an upload is tried again until its
//! deadline. While the store is away uploads wait, except for one, the probe, that finds out whether it is back. A store
//! that refuses everything (credentials, permissions, the bucket) is away, too: a finished résumé waits until a person has
//! put that right, and does not fail for it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tracing::{debug, info, warn};

use super::{DocumentError, Documents, Link};
use crate::flow_control::backoff::Backoff;
use crate::flow_control::breaker::{Breaker, Change, Verdict};
use crate::flow_control::circuit::NotBefore;
use crate::flow_control::gate::GatePermit;
use crate::flow_control::progress::Progress;
use crate::flow_control::trouble::Trouble;

const BACKOFF: Backoff = Backoff { base: Duration::from_millis(200), cap: Duration::from_secs(3) };
const LINK_BACKOFF: Backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(2) };
/// How long a store may take to say that it is there.
const CHECK: Duration = Duration::from_secs(5);
/// How long a store that refuses everything is left alone: only a person can change that.
const REFUSED_PAUSE: Duration = Duration::from_secs(3);
/// The store is one server to its breaker.
const STORE: usize = 0;

/// A document store whose uploads are retried.
pub struct RetryingDocuments {
    documents: Arc<dyn Documents>,
    breaker: Breaker,
    /// Uploads that wait or are under way.
    uploads: AtomicUsize,
    /// Why the last upload failed.
    trouble: Mutex<String>,
    /// Links that could not be signed yet.
    links: Arc<Trouble>,
}

/// Why no document can be stored now.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    #[error(transparent)]
    Store(#[from] DocumentError),
    /// With what the last of them found out.
    #[error("documents cannot be stored: {0}")]
    Uploads(String),
}

/// A document that is to be stored; dropped when it is, or when that was given up.
pub struct Upload<'a>(&'a RetryingDocuments);

impl Drop for Upload<'_> {
    fn drop(&mut self) {
        self.0.uploads.fetch_sub(1, Ordering::Relaxed);
    }
}

impl RetryingDocuments {
    /// Uploads to `documents`, which works as far as is known.
    pub fn new(documents: Arc<dyn Documents>) -> Self {
        // No pause between the tries of a probe: its own backoff paces them.
        let breaker = Breaker::new(1, Duration::ZERO);
        let links = Trouble::new("the credentials (AWS_ACCESS_KEY_ID, a profile, a role), AWS_ENDPOINT_URL_S3");
        Self { documents, breaker, uploads: AtomicUsize::new(0), trouble: Mutex::default(), links }
    }

    /// Follows whether the store is away.
    pub fn watch(&self) -> watch::Receiver<bool> {
        self.breaker.watch()
    }

    /// Whether the store can be used now; for readiness. What uploads found out counts for more than what the store says
    /// of itself: a bucket that may be looked at need not be one that takes documents.
    ///
    /// # Errors
    /// Why not.
    pub async fn check(&self) -> Result<(), NotReady> {
        let started = Instant::now();
        let checked = timeout(CHECK, self.documents.check()).await;
        checked.unwrap_or_else(|_| Err(DocumentError::Unavailable("the store does not answer".to_owned())))?;
        if !self.breaker.is_away() {
            return Ok(());
        }
        if self.uploads.load(Ordering::Relaxed) == 0 {
            // Nobody is there to find out by uploading; the next upload is.
            self.record(started, Verdict::Works);
            return Ok(());
        }
        Err(NotReady::Uploads(self.trouble().clone()))
    }

    /// Links that wait for their signature.
    pub fn links(&self) -> &Arc<Trouble> {
        &self.links
    }

    /// A download link for `key`, signed now; for as long as that takes.
    pub async fn link(&self, key: &str) -> Link {
        let waiting = self.links.enter();
        let failed = |error: DocumentError, attempt| {
            debug!(attempt, %error, "no link could be signed; trying again");
            waiting.because(format!("no link can be signed: {error}"));
        };
        LINK_BACKOFF.retry_forever(|| self.documents.link(key), failed).await
    }

    /// Begins an upload.
    pub fn upload(&self) -> Upload<'_> {
        self.uploads.fetch_add(1, Ordering::Relaxed);
        Upload(self)
    }

    fn trouble(&self) -> MutexGuard<'_, String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Learns from an upload what it says about the store.
    fn record(&self, started: Instant, verdict: Verdict) {
        self.breaker.record(STORE, started, verdict, |change| match change {
            Change::Opened => {
                let reason = self.trouble().clone();
                warn!(reason, "the document store is unavailable; finished résumés wait until it is back");
            }
            Change::Closed => info!("the document store is back"),
        });
    }
}

impl Upload<'_> {
    /// Whether uploads wait because the store is away.
    pub fn has_to_wait(&self) -> bool {
        self.0.breaker.is_away()
    }

    /// Waits until it makes sense to upload: not at all while the store works, one at a time while it is away. An
    /// upload's deadline begins after this, so that an outage fails those that were uploading when it began, and those
    /// that find out, and no others.
    pub async fn admit(&self) -> GatePermit {
        let permit = self.0.breaker.admit().await;
        while let Err(NotBefore(at)) = self.0.breaker.pick(Instant::now(), None) {
            // The probe is not due yet, unless another upload finds the store back before.
            drop(timeout_at(at, self.0.watch().wait_for(|is_away| !is_away)).await);
        }
        permit
    }

    /// Stores a Word document, trying again until `deadline`. Between two tries its request waits, which its `progress` knows.
    ///
    /// # Errors
    /// [`DocumentError::Unavailable`] when the store was away until the deadline; [`DocumentError::Refused`] when it
    /// refuses everything, and uploads [have to wait](Self::admit) for that; [`DocumentError::Rejected`] at once.
    pub async fn put(
        &self,
        key: &str,
        document: &[u8],
        deadline: Instant,
        progress: &dyn Progress,
    ) -> Result<(), DocumentError> {
        let mut attempt = 0;
        loop {
            let started = Instant::now();
            let stored = timeout_at(deadline, self.0.documents.put(key, document.to_vec())).await;
            let error = match stored {
                Ok(Ok(())) => {
                    self.0.record(started, Verdict::Works);
                    return Ok(());
                }
                Ok(Err(rejected @ DocumentError::Rejected(_))) => return Err(rejected),
                Ok(Err(error)) => error,
                Err(_) => DocumentError::Unavailable("the store did not answer in time".to_owned()),
            };
            *self.0.trouble() = error.to_string();
            let is_refusal = matches!(error, DocumentError::Refused(_));
            let verdict = match is_refusal {
                true => Verdict::Misconfigured { pause: REFUSED_PAUSE },
                false => Verdict::Down { retry_after: None },
            };
            self.0.record(started, verdict);
            let again = Instant::now() + BACKOFF.jittered(attempt);
            if again >= deadline || (is_refusal && self.has_to_wait()) {
                return Err(error);
            }
            debug!(attempt, %error, "the document could not be stored; trying again");
            progress.waits();
            sleep_until(again).await;
            progress.goes_on();
            attempt += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;

    use async_trait::async_trait;
    use futures_util::FutureExt;

    use super::*;
    use crate::flow_control::trouble::LASTING;

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

    fn refused() -> DocumentError {
        DocumentError::Refused("access denied".to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn an_upload_is_tried_again_until_it_works() {
        let documents = Troubled::with((0..3).map(|_| down()));
        let upload = documents.upload();
        upload.put("a.docx", b"a", in_seconds(60), &()).await.unwrap();
        assert!(!upload.has_to_wait());
    }

    #[tokio::test(start_paused = true)]
    async fn a_document_that_is_rejected_fails_at_once_and_holds_nobody_up() {
        let documents = Troubled::with([DocumentError::Rejected("too large".to_owned())]);
        let upload = documents.upload();
        let rejected = upload.put("a.docx", b"a", in_seconds(60), &()).now_or_never().unwrap();
        assert!(matches!(rejected, Err(DocumentError::Rejected(_))));
        assert!(!upload.has_to_wait());
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_refuses_everything_is_waited_for() {
        let documents = Troubled::with((0..3).map(|_| refused()));
        let upload = documents.upload();
        let mut tries = 0;
        while let Err(error) = upload.put("a.docx", b"a", in_seconds(60), &()).await {
            assert!(matches!(error, DocumentError::Refused(_)) && upload.has_to_wait());
            assert!(
                documents.check().await.unwrap_err().to_string().contains("access denied"),
                "though it can be looked at"
            );
            let refused_at = Instant::now();
            let _permit = upload.admit().await;
            assert_eq!(refused_at.elapsed(), REFUSED_PAUSE);
            tries += 1;
        }
        assert_eq!(tries, 3);
        documents.check().await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn one_refusal_among_successes_is_tried_again() {
        let documents = Troubled::with([refused()]);
        documents.record(Instant::now(), Verdict::Works);
        tokio::time::advance(Duration::from_secs(1)).await;
        let upload = documents.upload();
        upload.put("b.docx", b"b", in_seconds(60), &()).await.unwrap();
        assert!(!upload.has_to_wait());
    }

    #[tokio::test(start_paused = true)]
    async fn while_the_store_is_away_one_upload_at_a_time_finds_out() {
        let documents = Troubled::with((0..1_000).map(|_| down()));
        let upload = documents.upload();
        assert!(upload.put("a.docx", b"a", in_seconds(10), &()).await.is_err());
        assert!(upload.has_to_wait());
        let probe = upload.admit().now_or_never();
        assert!(probe.is_some() && documents.upload().admit().now_or_never().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn everybody_uploads_again_when_one_upload_worked() {
        let documents = Troubled::with((0..8).map(|_| down()));
        let upload = documents.upload();
        let found_out = async {
            let _permit = upload.admit().await;
            upload.put("a.docx", b"a", in_seconds(60), &()).await
        };
        found_out.await.unwrap();
        assert!(!upload.has_to_wait());
        assert!(upload.admit().now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_nobody_uploads_to_counts_as_back_when_it_says_so() {
        let documents = Troubled::with((0..1_000).map(|_| down()));
        assert!(documents.upload().put("a.docx", b"a", in_seconds(10), &()).await.is_err());
        assert!(*documents.watch().borrow());
        tokio::time::advance(Duration::from_secs(1)).await;
        documents.check().await.unwrap();
        assert!(!*documents.watch().borrow());
    }

    #[tokio::test(start_paused = true)]
    async fn a_link_that_cannot_be_signed_is_told_for_as_long_as_it_waits() {
        let documents = Troubled::with([]);
        let signing = async { documents.link("a.docx").await };
        assert!(timeout(LASTING, signing).await.is_err());
        assert_eq!(documents.links().lasting(), None, "nobody waits any more");
        let mut signing = Box::pin(documents.link("a.docx"));
        assert!(timeout(LASTING, &mut signing).await.is_err());
        let told = documents.links().lasting().unwrap();
        assert!(told.contains("no link can be signed") && told.contains("AWS_ACCESS_KEY_ID"), "{told}");
    }
}
