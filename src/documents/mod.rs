//! Where finished documents are stored.

pub mod folder;
pub mod retrying;
pub mod s3;

use async_trait::async_trait;
use time::OffsetDateTime;

/// What a Word document is, to a browser.
/// Nobody but the member keeps a copy on the way.
pub const CACHE_CONTROL: &str = "private, no-store";
pub const CONTENT_TYPE: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
/// `이력서.docx` for every browser: headers are ASCII, so the real name is percent-encoded (RFC 8187).
pub const CONTENT_DISPOSITION: &str =
    "attachment; filename=\"resume.docx\"; filename*=UTF-8''%EC%9D%B4%EB%A0%A5%EC%84%9C.docx";

/// A link to a document that works for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub url: String,
    pub expires_at: OffsetDateTime,
}

/// Why a document could not be stored or linked. The text never holds a secret or what a member wrote.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The store is down, slow or asks to come again: another try can succeed.
    #[error("document store unavailable: {0}")]
    Unavailable(String),
    /// The store refuses everything (no such bucket, access denied, no credentials): no try succeeds until a person acts.
    #[error("document store refused: {0}")]
    Refused(String),
    /// The store will never take this very document; others it may.
    #[error("document store rejected the document: {0}")]
    Rejected(String),
}

/// A store for finished documents. Storing the same key again replaces the object and is harmless.
#[async_trait]
pub trait Documents: Send + Sync {
    /// Stores a Word document under `key`.
    async fn put(&self, key: &str, document: Vec<u8>) -> Result<(), DocumentError>;

    /// The document under `key`; `None` when there is none.
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, DocumentError>;

    /// A download link for `key`, signed anew at each call.
    async fn link(&self, key: &str) -> Result<Link, DocumentError>;

    /// Whether the store can be used now; for readiness.
    async fn check(&self) -> Result<(), DocumentError>;
}

/// What operators need of a store: which documents there are, and removing them.
#[async_trait]
pub trait Inventory: Send + Sync {
    /// All keys that begin with `prefix`, in order.
    async fn keys(&self, prefix: &str) -> Result<Vec<String>, DocumentError>;

    /// Removes a document, or hides it where the store keeps versions; one that is not there counts as removed.
    async fn remove(&self, key: &str) -> Result<Removal, DocumentError>;

    /// All versions of documents with keys that begin with `prefix`, and the marks of those that are hidden.
    async fn versions(&self, prefix: &str) -> Result<Versions, DocumentError>;

    /// Removes a version for good.
    async fn remove_version(&self, version: &Version) -> Result<(), DocumentError>;
}

/// What became of a document that was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    Gone,
    /// It is there no more for those who do not ask for its versions.
    Hidden,
}

/// A version of a document, or the mark that hides it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    pub key: String,
    pub id: String,
}

/// What a store has of documents beside those that are to be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Versions {
    All(Vec<Version>),
    /// The store knows of no versions.
    None,
    /// They may not be looked at.
    Denied,
}
