//! What is served as it is: the page, and the documents of finished résumés.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse;

use crate::documents::{CONTENT_DISPOSITION, CONTENT_TYPE};
use crate::gateway::Served;
use crate::gateway::refusal::Refusal;

/// `GET /`
pub async fn page() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], include_str!("page/index.html"))
}

/// `GET /page.css`
pub async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("page/page.css"))
}

/// `GET /page.js`
pub async fn script() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("page/page.js"))
}

/// `GET /documents/{key}`: only documents whose completion the gateway has seen.
pub async fn document(
    State(served): State<Arc<Served>>,
    key: Result<Path<String>, PathRejection>,
) -> Result<impl IntoResponse, Refusal> {
    let Path(key) = key.map_err(|_| Refusal::no_document())?;
    if !served.hub.has_document(&key) {
        return Err(Refusal::no_document());
    }
    let found = served.documents.get(&key).await.map_err(|error| {
        tracing::warn!(%error, "a document could not be read");
        Refusal::no_store()
    })?;
    let document = found.ok_or_else(Refusal::no_document)?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE), (header::CONTENT_DISPOSITION, CONTENT_DISPOSITION)], document))
}
