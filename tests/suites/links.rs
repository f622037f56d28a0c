//! What a store of documents must do whose links are `http` or `https`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use ssammu_worker::documents::Documents;
use url::Url;

use super::documents::{LINK_TTL, Test, key};

/// The tests, for a store made with [`LINK_TTL`].
pub fn all() -> Vec<Test> {
    vec![
        ("a download has the type and the name of the contract", |documents| {
            Box::pin(a_download_has_the_type_and_the_name_of_the_contract(documents))
        }),
        ("a link is signed for its lifetime", |documents| Box::pin(a_link_is_signed_for_its_lifetime(documents))),
    ]
}

async fn a_download_has_the_type_and_the_name_of_the_contract(documents: &dyn Documents) {
    let key = key("a.docx");
    documents.put(&key, b"document".to_vec()).await.unwrap();
    let response = reqwest::get(documents.link(&key).await.unwrap().url).await.unwrap();
    assert_eq!(
        response.headers()["content-type"],
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    );
    assert_eq!(
        response.headers()["content-disposition"],
        "attachment; filename=\"resume.docx\"; filename*=UTF-8''%EC%9D%B4%EB%A0%A5%EC%84%9C.docx"
    );
}

async fn a_link_is_signed_for_its_lifetime(documents: &dyn Documents) {
    let link = documents.link(&key("a.docx")).await.unwrap();
    let url = Url::parse(&link.url).unwrap();
    let query = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    assert_eq!(query("X-Amz-Expires"), Some(LINK_TTL.as_secs().to_string()));
    let signed_at = link.expires_at - LINK_TTL;
    let format = time::macros::format_description!("[year][month][day]T[hour][minute][second]Z");
    assert_eq!(query("X-Amz-Date"), Some(signed_at.format(&format).unwrap()), "the end is exact");
    assert!(query("X-Amz-Signature").is_some());
}
