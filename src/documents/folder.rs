//! Documents in a folder, for development.

use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use time::OffsetDateTime;
use tokio::fs;
use url::Url;
use uuid::Uuid;

use super::{DocumentError, Documents, Link};

/// Documents as files under a folder; a key is a path in it. Links are `file://` addresses.
#[derive(Clone, Debug)]
pub struct FolderDocuments {
    folder: PathBuf,
    link_ttl: Duration,
}

impl FolderDocuments {
    /// Documents under `folder`, which is made when it is needed. The links never stop working; `link_ttl` is only
    /// what they say.
    pub fn new(folder: impl Into<PathBuf>, link_ttl: Duration) -> Self {
        Self { folder: folder.into(), link_ttl }
    }

    /// The file for a key, which must not lead out of the folder.
    fn path(&self, key: &str) -> Result<PathBuf, DocumentError> {
        let inside = !key.is_empty()
            && !key.ends_with('/')
            && !key.contains('\0')
            && Path::new(key).components().all(|part| matches!(part, Component::Normal(_)));
        if !inside {
            return Err(DocumentError::Refused("a document's key must be a path inside the folder".to_owned()));
        }
        let folder = std::path::absolute(&self.folder).map_err(|error| classify(&error))?;
        Ok(folder.join(key))
    }
}

#[async_trait]
impl Documents for FolderDocuments {
    async fn put(&self, key: &str, document: Vec<u8>) -> Result<(), DocumentError> {
        let path = self.path(key)?;
        // A reader sees the old document or the new one, never a part.
        let part = path.with_file_name(format!(".{}.part", Uuid::new_v4()));
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).await.map_err(|error| classify(&error))?;
        }
        let written = match fs::write(&part, document).await {
            Ok(()) => fs::rename(&part, &path).await,
            Err(error) => Err(error),
        };
        if let Err(error) = written {
            // Best effort: the write's own error is what counts.
            let _ = fs::remove_file(&part).await;
            return Err(classify(&error));
        }
        Ok(())
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, DocumentError> {
        match fs::read(self.path(key)?).await {
            Ok(document) => Ok(Some(document)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(classify(&error)),
        }
    }

    async fn link(&self, key: &str) -> Result<Link, DocumentError> {
        let url = Url::from_file_path(self.path(key)?)
            .map_err(|()| DocumentError::Refused("the folder has no file address".to_owned()))?;
        Ok(Link { url: url.into(), expires_at: OffsetDateTime::now_utc() + self.link_ttl })
    }

    async fn check(&self) -> Result<(), DocumentError> {
        fs::create_dir_all(&self.folder).await.map_err(|error| classify(&error))
    }
}

fn classify(error: &io::Error) -> DocumentError {
    let text = error.kind().to_string();
    match error.kind() {
        ErrorKind::StorageFull
        | ErrorKind::QuotaExceeded
        | ErrorKind::ResourceBusy
        | ErrorKind::Interrupted
        | ErrorKind::TimedOut
        | ErrorKind::WouldBlock => DocumentError::Unavailable(text),
        // The list of kinds is open; what is not known to pass needs a person.
        _ => DocumentError::Refused(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_key_that_leads_out_of_the_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let documents = FolderDocuments::new(folder.path().join("inner"), Duration::from_secs(60));
        for key in ["../a.docx", "a/../../b.docx", "/etc/a.docx", "", ".", "a/", "a\0b"] {
            assert!(matches!(documents.put(key, Vec::new()).await, Err(DocumentError::Refused(_))), "{key:?}");
            assert!(matches!(documents.link(key).await, Err(DocumentError::Refused(_))), "{key:?}");
            assert!(matches!(documents.get(key).await, Err(DocumentError::Refused(_))), "{key:?}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_failed_write_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("taken.docx")).unwrap();
        let documents = FolderDocuments::new(folder.path(), Duration::from_secs(60));
        assert!(matches!(documents.put("taken.docx", vec![1]).await, Err(DocumentError::Refused(_))));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn a_folder_that_is_a_file_cannot_be_used() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let documents = FolderDocuments::new(file.path(), Duration::from_secs(60));
        assert!(matches!(documents.check().await, Err(DocumentError::Refused(_))));
    }
}
