//! What is served as it is: the page, and the documents of finished résumés.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Extension, Router};

use crate::documents::{CONTENT_DISPOSITION, CONTENT_TYPE};
use crate::gateway::AppState;
use crate::gateway::auth::Proof;
use crate::gateway::refusal::Refusal;
use crate::gateway::trust::owner;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// The page: where each of its files is, what it is, and its text. A module imports only from those above it.
const PAGE: [(&str, &str, &str); 19] = [
    ("/", HTML, include_str!("page/index.html")),
    ("/page/page.css", CSS, include_str!("page/page.css")),
    ("/page/dom.js", JAVASCRIPT, include_str!("page/dom.js")),
    ("/page/records.js", JAVASCRIPT, include_str!("page/records.js")),
    ("/page/progress.js", JAVASCRIPT, include_str!("page/progress.js")),
    ("/page/views.js", JAVASCRIPT, include_str!("page/views.js")),
    ("/page/state.js", JAVASCRIPT, include_str!("page/state.js")),
    ("/page/stream.js", JAVASCRIPT, include_str!("page/stream.js")),
    ("/page/fields.js", JAVASCRIPT, include_str!("page/fields.js")),
    ("/page/member.js", JAVASCRIPT, include_str!("page/member.js")),
    ("/page/requests.js", JAVASCRIPT, include_str!("page/requests.js")),
    ("/page/status.js", JAVASCRIPT, include_str!("page/status.js")),
    ("/page/feedback.js", JAVASCRIPT, include_str!("page/feedback.js")),
    ("/page/interview.js", JAVASCRIPT, include_str!("page/interview.js")),
    ("/page/resume.js", JAVASCRIPT, include_str!("page/resume.js")),
    ("/page/events.js", JAVASCRIPT, include_str!("page/events.js")),
    ("/page/tabs.js", JAVASCRIPT, include_str!("page/tabs.js")),
    ("/page/screen.js", JAVASCRIPT, include_str!("page/screen.js")),
    ("/page/page.js", JAVASCRIPT, include_str!("page/page.js")),
];

/// `GET /`, and what the page loads. Its addresses are relative: a proxy may put all of it under a path of its own.
pub fn page<S: Clone + Send + Sync + 'static>() -> Router<S> {
    PAGE.iter().fold(Router::new(), |router, &(path, content_type, text)| {
        router.route(path, get(async move || ([(header::CONTENT_TYPE, content_type)], text)))
    })
}

/// `GET /documents/{key}`: only documents whose completion the gateway has seen, and to a member only its own.
pub async fn document(
    State(app): State<Arc<AppState>>,
    Extension(proof): Extension<Proof>,
    key: Result<Path<String>, PathRejection>,
) -> Result<impl IntoResponse, Refusal> {
    let Path(key) = key.map_err(|_| Refusal::no_document())?;
    // Whether there is one of another member is nobody else's business.
    if !app.hub.has_document(&key) {
        return Err(Refusal::no_document());
    }
    let Some(owner) = owner(&app.prefix, &key) else {
        tracing::warn!(
            "a document that is not below S3_UPLOAD_PREFIX and its member is not served: is that the worker's?"
        );
        return Err(Refusal::no_document());
    };
    if proof.member().is_some_and(|member| member != owner) {
        return Err(Refusal::no_document());
    }
    let found = app.documents.get(&key).await.map_err(|error| {
        tracing::warn!(%error, "a document could not be read");
        Refusal::no_store()
    })?;
    let document = found.ok_or_else(Refusal::no_document)?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE), (header::CONTENT_DISPOSITION, CONTENT_DISPOSITION)], document))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::*;

    #[test]
    fn every_file_of_the_page_is_served() {
        let folder = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/gateway/page")).unwrap();
        let files: BTreeSet<_> = folder.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        let served = PAGE.iter().map(|(path, ..)| path.strip_prefix("/page/").unwrap_or("index.html").to_owned());
        assert_eq!(files, served.collect());
    }

    #[test]
    fn modules_say_their_job_first_and_import_from_those_above_them() {
        let mut above = BTreeSet::new();
        for (path, _, text) in PAGE.iter().filter(|(_, content_type, _)| *content_type == JAVASCRIPT) {
            assert!(text.starts_with("// "), "{path}");
            for line in text.lines().filter(|line| line.starts_with("import ")) {
                let name = line.split_once(" from './").and_then(|(_, name)| name.strip_suffix("';"));
                assert!(name.is_some_and(|name| above.contains(&format!("/page/{name}"))), "{path}: {line}");
            }
            above.insert((*path).to_owned());
        }
    }
}
