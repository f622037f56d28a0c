//! The document store as the résumé agent uses it: uploads are tried again inside their deadline, and while the store
//! is away they wait, except for one that finds out whether it is back.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::{debug, info, warn};

use super::{DocumentError, Documents};
use crate::flow_control::backoff::Backoff;
use crate::flow_control::circuit::Circuit;
use crate::flow_control::turnstile::{Pass, Turnstile};

const BACKOFF: Backoff = Backoff { base: Duration::from_millis(200), cap: Duration::from_secs(3) };

/// A document store with patience.
pub struct Archive {
    documents: Arc<dyn Documents>,
    circuit: Mutex<Circuit>,
    turnstile: Turnstile,
}

impl Archive {
    /// Uploads to `documents`, which works as far as is known.
    pub fn new(documents: Arc<dyn Documents>) -> Self {
        // How often the one that finds out tries is its backoff's affair.
        let circuit = Mutex::new(Circuit::new(Duration::ZERO));
        Self { documents, circuit, turnstile: Turnstile::default() }
    }

    /// Whether uploads wait because the store is away.
    pub fn is_away(&self) -> bool {
        self.turnstile.is_shut()
    }

    /// Follows whether the store is away.
    pub fn watch(&self) -> watch::Receiver<bool> {
        self.turnstile.watch()
    }

    /// Waits until it makes sense to upload: not at all while the store works, one at a time while it is away. An
    /// upload's deadline begins after this, so that an outage fails those that were uploading when it began, and those
    /// that find out, and no others.
    pub async fn admit(&self) -> Pass {
        self.turnstile.enter().await
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
                    self.note(|circuit, now| circuit.succeeded(now));
                    return Ok(());
                }
                Ok(Err(refused @ DocumentError::Refused(_))) => return Err(refused),
                Ok(Err(DocumentError::Unavailable(reason))) => reason,
                Err(_) => "the store did not answer in time".to_owned(),
            };
            self.note(|circuit, now| circuit.failed(started, now, None));
            let again = Instant::now() + BACKOFF.jittered(attempt);
            if again >= deadline {
                return Err(DocumentError::Unavailable(reason));
            }
            debug!(attempt, reason, "the document could not be stored; trying again");
            sleep_until(again).await;
            attempt += 1;
        }
    }

    /// Takes in what an upload says about the store.
    fn note(&self, learn: impl FnOnce(&mut Circuit, Instant) -> bool) {
        let mut circuit = self.circuit.lock().unwrap_or_else(PoisonError::into_inner);
        if !learn(&mut circuit, Instant::now()) {
            return;
        }
        let away = circuit.is_open();
        // Under the lock, so that changes are seen in the order in which they happened.
        self.turnstile.set_shut(away);
        if away {
            warn!("the document store is unavailable; finished résumés wait until it is back");
        } else {
            info!("the document store is back");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use async_trait::async_trait;
    use futures_util::FutureExt;

    use super::*;
    use crate::documents::Link;

    /// Stands for a store in trouble: answers in a given order, and then well.
    #[derive(Default)]
    struct Troubled(Mutex<VecDeque<DocumentError>>);

    impl Troubled {
        fn with(errors: impl IntoIterator<Item = DocumentError>) -> Archive {
            Archive::new(Arc::new(Self(Mutex::new(errors.into_iter().collect()))))
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
        let archive = Troubled::with((0..3).map(|_| down()));
        archive.put("a.docx", b"a", in_seconds(60)).await.unwrap();
        assert!(!archive.is_away());
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_for_good_is_told_at_once_and_holds_nobody_up() {
        let archive = Troubled::with([DocumentError::Refused("no such bucket".to_owned())]);
        let refused = archive.put("a.docx", b"a", in_seconds(60)).now_or_never().unwrap();
        assert!(matches!(refused, Err(DocumentError::Refused(_))));
        assert!(!archive.is_away());
    }

    #[tokio::test(start_paused = true)]
    async fn while_the_store_is_away_one_upload_at_a_time_finds_out() {
        let archive = Troubled::with((0..1_000).map(|_| down()));
        assert!(archive.put("a.docx", b"a", in_seconds(10)).await.is_err());
        assert!(archive.is_away());
        let probe = archive.admit().now_or_never();
        assert!(probe.is_some() && archive.admit().now_or_never().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn everybody_uploads_again_when_one_upload_worked() {
        let archive = Troubled::with((0..8).map(|_| down()));
        let found_out = async {
            let _pass = archive.admit().await;
            archive.put("a.docx", b"a", in_seconds(60)).await
        };
        found_out.await.unwrap();
        assert!(!archive.is_away());
        assert!(archive.admit().now_or_never().is_some());
    }
}
