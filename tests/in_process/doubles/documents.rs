//! A folder of documents that can refuse them.

use std::time::Duration;

use async_trait::async_trait;
use ssammu_worker::documents::folder::FolderDocuments;
use ssammu_worker::documents::{DocumentError, Documents, Link};
use tempfile::TempDir;
use tokio::sync::watch;

use super::in_time;

const LASTING: Duration = Duration::from_secs(600);

/// A [`FolderDocuments`] that takes documents when a test wants.
pub struct StagedDocuments {
    folder: FolderDocuments,
    _dir: TempDir,
    refuses: watch::Sender<bool>,
    /// Documents that it was to store and did not.
    refused: watch::Sender<usize>,
}

impl StagedDocuments {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = FolderDocuments::new(dir.path(), LASTING);
        Self { folder, _dir: dir, refuses: watch::Sender::new(false), refused: watch::Sender::new(0) }
    }

    /// Whether it refuses every document from now on.
    pub fn refuse(&self, refuses: bool) {
        self.refuses.send_replace(refuses);
    }

    /// Waits until it has refused so many documents.
    pub async fn has_refused(&self, count: usize) {
        let what = format!("{count} documents are refused");
        in_time(&what, self.refused.subscribe().wait_for(|refused| *refused >= count)).await.unwrap();
    }
}

#[async_trait]
impl Documents for StagedDocuments {
    async fn put(&self, key: &str, document: Vec<u8>) -> Result<(), DocumentError> {
        if *self.refuses.borrow() {
            self.refused.send_modify(|refused| *refused += 1);
            return Err(DocumentError::Refused("access denied".to_owned()));
        }
        self.folder.put(key, document).await
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, DocumentError> {
        self.folder.get(key).await
    }

    async fn link(&self, key: &str) -> Result<Link, DocumentError> {
        self.folder.link(key).await
    }

    async fn check(&self) -> Result<(), DocumentError> {
        self.folder.check().await
    }
}
