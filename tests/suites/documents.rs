//! What every store of documents must do.
//!
//! Each function uses keys of its own, so that all may run at once and again and again on one store.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::Duration;

use futures_util::future::{LocalBoxFuture, join_all};
use ssammu_worker::documents::{DocumentError, Documents};
use time::OffsetDateTime;
use url::Url;
use uuid::Uuid;

/// A sentence, and the function that proves it.
pub type Test = (&'static str, for<'a> fn(&'a dyn Documents) -> LocalBoxFuture<'a, ()>);

/// How long the links of a store under test last.
pub const LINK_TTL: Duration = Duration::from_secs(15 * 60);

macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        vec![$((stringify!($name), |documents| Box::pin($name(documents)))),*]
    };
}

/// The tests for every store, made with [`LINK_TTL`].
pub fn all() -> Vec<Test> {
    tests![
        a_stored_document_is_behind_its_link,
        a_stored_document_can_be_got_and_another_cannot,
        storing_again_replaces_the_document,
        documents_do_not_meet,
        a_key_may_hold_any_character,
        a_link_tells_when_it_ends,
        writers_of_one_key_leave_one_whole_document,
        the_store_says_that_it_can_be_used,
    ]
}

async fn a_stored_document_is_behind_its_link(documents: &dyn Documents) {
    let key = key("resume_agent_20261122_190000_00c0ffee.docx");
    documents.put(&key, vec![0x50, 0x4b, 0x03, 0x04, 0x00, 0xff]).await.unwrap();
    assert_eq!(download(documents, &key).await, [0x50, 0x4b, 0x03, 0x04, 0x00, 0xff]);
}

async fn a_stored_document_can_be_got_and_another_cannot(documents: &dyn Documents) {
    let (stored, other) = (key("이력서 1.docx"), key("이력서 1.docx"));
    documents.put(&stored, vec![0x50, 0x4b, 0x00, 0xff]).await.unwrap();
    assert_eq!(documents.get(&stored).await.unwrap(), Some(vec![0x50, 0x4b, 0x00, 0xff]));
    assert_eq!(documents.get(&other).await.unwrap(), None);
}

async fn storing_again_replaces_the_document(documents: &dyn Documents) {
    let key = key("a.docx");
    documents.put(&key, b"a longer first version".to_vec()).await.unwrap();
    documents.put(&key, b"second".to_vec()).await.unwrap();
    assert_eq!(download(documents, &key).await, b"second");
}

async fn documents_do_not_meet(documents: &dyn Documents) {
    let (first, second) = (key("a.docx"), key("a.docx"));
    documents.put(&first, b"first".to_vec()).await.unwrap();
    documents.put(&second, b"second".to_vec()).await.unwrap();
    assert_eq!(download(documents, &first).await, b"first");
    assert_eq!(download(documents, &second).await, b"second");
}

async fn a_key_may_hold_any_character(documents: &dyn Documents) {
    let key = key("이력서 100% #1 + a&b?.docx");
    documents.put(&key, b"document".to_vec()).await.unwrap();
    assert_eq!(download(documents, &key).await, b"document");
}

async fn a_link_tells_when_it_ends(documents: &dyn Documents) {
    let before = OffsetDateTime::now_utc().truncate_to_second();
    let link = documents.link(&key("a.docx")).await.unwrap();
    let after = OffsetDateTime::now_utc();
    assert!(link.expires_at >= before + LINK_TTL && link.expires_at <= after + LINK_TTL, "{}", link.expires_at);
}

async fn writers_of_one_key_leave_one_whole_document(documents: &dyn Documents) {
    let key = key("a.docx");
    let versions: Vec<Vec<u8>> = (0..8).map(|number| vec![number; 20_000]).collect();
    join_all(versions.iter().map(async |version| {
        // A store may ask one of several writers at the same moment to come again.
        for _ in 0..20 {
            match documents.put(&key, version.clone()).await {
                Ok(()) => return,
                Err(DocumentError::Unavailable(_)) => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        }
        panic!("a writer was turned away 20 times");
    }))
    .await;
    assert!(versions.contains(&download(documents, &key).await));
}

async fn the_store_says_that_it_can_be_used(documents: &dyn Documents) {
    documents.check().await.unwrap();
}

async fn download(documents: &dyn Documents, key: &str) -> Vec<u8> {
    let url = Url::parse(&documents.link(key).await.unwrap().url).unwrap();
    match url.scheme() {
        "file" => tokio::fs::read(url.to_file_path().unwrap()).await.unwrap(),
        _ => {
            let response = reqwest::get(url).await.unwrap().error_for_status().unwrap();
            response.bytes().await.unwrap().to_vec()
        }
    }
}

/// A key that no other test uses.
pub fn key(name: &str) -> String {
    format!("resume/{}/{name}", Uuid::new_v4())
}
