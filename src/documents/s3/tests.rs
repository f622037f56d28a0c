use std::io::{Read, Seek};

use aws_sdk_s3::config::Credentials;
use tracing_subscriber::EnvFilter;

use super::*;
use crate::fake_http::{FakeServer, Reaction};
use crate::fake_tls::FakeTls;
use crate::telemetry::log;

fn passes(status: u16, code: &str) -> bool {
    matches!(answered(status, code), DocumentError::Unavailable(_))
}

#[test]
fn a_store_that_asks_to_come_again_is_unavailable() {
    assert!(passes(503, "SlowDown"));
    assert!(passes(500, "InternalError"));
    assert!(passes(502, ""));
    assert!(passes(429, ""));
    assert!(passes(400, "RequestTimeout"));
    assert!(passes(409, "OperationAborted"));
    assert!(passes(400, "ExpiredToken"));
    assert!(passes(400, "IncompleteBody"));
    assert!(passes(200, "InternalError"), "an error inside a success is as good as a 500");
}

#[test]
fn what_is_wrong_with_one_document_is_no_refusal_of_all() {
    assert!(matches!(answered(400, "EntityTooLarge"), DocumentError::Rejected(_)));
    assert!(matches!(answered(400, "InvalidRequest"), DocumentError::Refused(_)), "encryption may be demanded");
}

#[test]
fn what_a_person_must_put_right_is_refused() {
    assert!(!passes(404, "NoSuchBucket"));
    assert!(!passes(404, ""));
    assert!(!passes(403, "AccessDenied"));
    assert!(!passes(403, "InvalidAccessKeyId"));
    assert!(!passes(403, "SignatureDoesNotMatch"));
    assert!(!passes(403, "RequestTimeTooSkewed"));
    assert!(!passes(400, "InvalidBucketName"));
    assert!(!passes(301, "PermanentRedirect"));
}

fn documents_at(endpoint: &str) -> S3Documents {
    documents(endpoint, None)
}

fn documents(endpoint: &str, credentials_end: Option<OffsetDateTime>) -> S3Documents {
    documents_of(config_of(endpoint), credentials_end)
}

fn config_of(endpoint: &str) -> Builder {
    Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(aws_sdk_s3::config::Region::new(DEFAULT_REGION))
        .endpoint_url(endpoint)
        .force_path_style(true)
        .retry_config(RetryConfig::disabled())
}

fn documents_of(config: Builder, credentials_end: Option<OffsetDateTime>) -> S3Documents {
    let credentials = Credentials::new("id", "secret", None, credentials_end.map(Into::into), "tests");
    let credentials = SharedCredentialsProvider::new(credentials);
    S3Documents::of(config, Some(credentials), "resumes".to_owned(), Duration::from_secs(60))
}

#[tokio::test]
async fn a_link_ends_with_the_credentials_that_signed_it() {
    let now = OffsetDateTime::now_utc().truncate_to_second();
    for (end, expected) in [(30, 30), (3_600, 60)] {
        let end = now + Duration::from_secs(end);
        let link = documents("http://127.0.0.1:9", Some(end)).link("a.docx").await.unwrap();
        let lasts = link.expires_at - now;
        assert!((expected..=expected + 2).contains(&lasts.whole_seconds()), "{lasts}");
    }
}

#[tokio::test]
async fn a_document_is_stored_with_its_digest() {
    let store = FakeServer::new(|_, _| Reaction::Answer(200, String::new())).await;
    documents_at(store.url.as_str()).put("a.docx", b"hello".to_vec()).await.unwrap();
    let got = store.got("/resumes/a.docx?x-id=PutObject").remove(0);
    assert!(got.headers.contains(&("content-md5".to_owned(), "XUFAKrxLKna5cZ2REBfFkg==".to_owned())), "{got:?}");
}

#[tokio::test]
async fn a_document_is_nothing_for_caches_and_goes_into_no_other_accounts_bucket() {
    let store = FakeServer::new(|_, _| Reaction::Answer(200, String::new())).await;
    let plain = documents_at(store.url.as_str());
    let documents = S3Documents { owner: Some("123456789012".to_owned()), ..plain.clone() };
    for documents in [&documents, &plain] {
        documents.put("a.docx", b"hello".to_vec()).await.unwrap();
        documents.get("a.docx").await.unwrap();
        documents.check().await.unwrap();
    }
    let (put, got, looked) = ("/resumes/a.docx?x-id=PutObject", "/resumes/a.docx?x-id=GetObject", "/resumes/");
    for path in [put, got, looked] {
        let requests: Vec<_> = store.got(path).into_iter().collect();
        assert_eq!(requests.len(), 2, "{path}");
        let sent = |of: usize, name: &str| {
            requests[of].headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.clone())
        };
        assert_eq!(sent(0, "x-amz-expected-bucket-owner").as_deref(), Some("123456789012"), "{path}");
        assert_eq!(sent(1, "x-amz-expected-bucket-owner"), None, "{path}");
        assert_eq!(sent(0, "cache-control").as_deref(), (path == put).then_some("private, no-store"), "{path}");
    }
    // A browser sends no header that a link would have to be signed with.
    let link = documents.link("a.docx").await.unwrap().url;
    assert!(!link.contains("owner"), "{link}");
}

#[tokio::test]
async fn a_document_is_encrypted_as_the_settings_say() {
    let store = FakeServer::new(|_, _| Reaction::Answer(200, String::new())).await;
    for (algorithm, key) in [("AES256", None), ("aws:kms", None), ("aws:kms:dsse", Some("arn:aws:kms:k/1"))] {
        let encryption = Encryption::new(algorithm, key.map(str::to_owned));
        let documents = S3Documents { encryption, ..documents_at(store.url.as_str()) };
        documents.put("a.docx", b"hello".to_vec()).await.unwrap();
        let got = store.got("/resumes/a.docx?x-id=PutObject").pop().unwrap();
        let sent = |name: &str| got.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str());
        assert_eq!(sent("x-amz-server-side-encryption"), Some(algorithm));
        assert_eq!(sent("x-amz-server-side-encryption-aws-kms-key-id"), key);
    }
}

#[tokio::test]
async fn a_store_is_trusted_by_the_certificates_that_are_given_and_else_told_why_not() {
    let server = FakeTls::start();
    let https = |host: &str| format!("https://{host}:{}", server.port);
    let told = documents_at(&https("127.0.0.1")).check().await.unwrap_err().to_string();
    assert!(told.contains("invalid peer certificate: UnknownIssuer"), "{told}");
    let trusting = |host| {
        let trusted = Trusted::read(&server.certificate).unwrap();
        documents_of(config_of(&https(host)).http_client(trusted.client()), None)
    };
    trusting("127.0.0.1").check().await.unwrap();
    let told = trusting("localhost").check().await.unwrap_err().to_string();
    assert!(told.contains("not valid for name \"localhost\""), "{told}");
    let plain = FakeServer::new(|_, _| Reaction::Close).await;
    let told = documents_at(&plain.url.as_str().replace("http:", "https:")).check().await.unwrap_err().to_string();
    assert!(told.contains("cannot be reached: "), "{told}");
}

const NO_VERSIONS: &str = r#"<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></ListBucketResult>"#;

#[tokio::test]
async fn all_versions_and_marks_are_listed_page_by_page() {
    let store = FakeServer::new(|got, _| {
        let is_first = !got.path.contains("key-marker");
        let next = "<NextKeyMarker>7/b</NextKeyMarker><NextVersionIdMarker>v2</NextVersionIdMarker>";
        let list = match is_first {
            true => format!(
                "<IsTruncated>true</IsTruncated>{next}<Version><Key>7/a</Key><VersionId>v1</VersionId></Version>\
                 <DeleteMarker><Key>7/b</Key><VersionId>v2</VersionId></DeleteMarker>"
            ),
            false => {
                "<IsTruncated>false</IsTruncated><Version><Key>7/b</Key><VersionId>null</VersionId></Version>".into()
            }
        };
        Reaction::Answer(200, format!("<ListVersionsResult>{list}</ListVersionsResult>"))
    })
    .await;
    let documents = documents_at(store.url.as_str());
    let version = |key: &str, id: &str| Version { key: key.to_owned(), id: id.to_owned() };
    let all = [version("7/a", "v1"), version("7/b", "v2"), version("7/b", "null")];
    assert_eq!(documents.versions("7/").await.unwrap(), Versions::All(all.to_vec()));
}

#[tokio::test]
async fn a_list_of_versions_that_does_not_go_on_is_no_list() {
    for marker in ["", "<NextKeyMarker>7/a</NextKeyMarker>"] {
        let page = format!("<ListVersionsResult><IsTruncated>true</IsTruncated>{marker}</ListVersionsResult>");
        let store = FakeServer::new(move |_, _| Reaction::Answer(200, page.clone())).await;
        let failed = documents_at(store.url.as_str()).versions("7/").await;
        assert!(matches!(failed, Err(DocumentError::Unavailable(_))), "{failed:?}");
    }
}

#[tokio::test]
async fn a_store_without_versions_is_told_from_one_that_does_not_show_them() {
    let error = |code: &str| format!("<Error><Code>{code}</Code></Error>");
    for (status, body, expected) in [
        (501, error("NotImplemented"), Versions::None),
        (405, error("MethodNotAllowed"), Versions::None),
        (400, error("NotImplemented"), Versions::None),
        (200, NO_VERSIONS.to_owned(), Versions::None),
        (403, error("AccessDenied"), Versions::Denied),
    ] {
        let answer = body.clone();
        let store = FakeServer::new(move |_, _| Reaction::Answer(status, answer.clone())).await;
        assert_eq!(documents_at(store.url.as_str()).versions("7/").await.unwrap(), expected, "{status} {body}");
    }
    for (status, code) in
        [(403, "InvalidAccessKeyId"), (404, "NoSuchBucket"), (503, "SlowDown"), (200, "InternalError")]
    {
        let store = FakeServer::new(move |_, _| Reaction::Answer(status, error(code))).await;
        assert!(documents_at(store.url.as_str()).versions("7/").await.is_err(), "{code}");
    }
    let store = FakeServer::new(|_, _| {
        Reaction::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n<ListVersionsResult>".to_vec())
    })
    .await;
    let failed = documents_at(store.url.as_str()).versions("7/").await;
    assert!(matches!(failed, Err(DocumentError::Unavailable(_))), "an answer that breaks off is none: {failed:?}");
}

#[tokio::test]
async fn a_store_that_keeps_versions_says_so_when_a_document_is_removed() {
    for (answer, removal) in [
        (Reaction::With(204, "x-amz-delete-marker", "true", String::new()), Removal::Hidden),
        (Reaction::Answer(204, String::new()), Removal::Gone),
    ] {
        let answer = std::sync::Mutex::new(Some(answer));
        let store = FakeServer::new(move |_, _| answer.lock().unwrap().take().unwrap_or(Reaction::Close)).await;
        assert_eq!(documents_at(store.url.as_str()).remove("7/a").await.unwrap(), removal);
    }
    let store = FakeServer::new(|_, _| Reaction::Answer(204, String::new())).await;
    let version = Version { key: "7/a".to_owned(), id: "null".to_owned() };
    documents_at(store.url.as_str()).remove_version(&version).await.unwrap();
    assert_eq!(store.got("/resumes/7/a?x-id=DeleteObject&versionId=null").len(), 1);
}

#[tokio::test]
async fn nothing_of_a_document_is_logged_however_much_is() {
    // While a thread's own subscriber is the only one, lines that another thread comes by first are off for all.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry());
    let file = Arc::new(tempfile::tempfile().unwrap());
    for (format, directives) in [
        (log::Format::Text, "trace"),
        (log::Format::Json, "trace,aws_smithy_runtime=trace,aws_sigv4=trace,hyper_util=trace"),
    ] {
        let lines = log::subscriber(format, EnvFilter::new(directives), file.clone());
        let _guard = tracing::subscriber::set_default(lines);
        let store = FakeServer::new(|_, _| Reaction::Answer(200, "hidden words".to_owned())).await;
        let documents = documents_at(store.url.as_str());
        documents.put("a.docx", b"hidden words".to_vec()).await.unwrap();
        assert_eq!(documents.get("a.docx").await.unwrap().as_deref(), Some(b"hidden words".as_slice()));
        tracing::trace!(target: "ssammu_worker::documents", "stored");
    }
    let (mut file, mut log) = (file.as_ref(), String::new());
    file.rewind().unwrap();
    file.read_to_string(&mut log).unwrap();
    assert!(log.contains("aws_smithy_runtime") && log.matches("stored").count() == 2, "{log}");
    // Whatever the libraries hold in their hands, they write at this level.
    let mut loudest = log.lines().filter(|line| line.contains("TRACE"));
    assert!(loudest.all(|line| line.contains("ssammu_worker::documents")), "{log}");
    for form in ["hidden words", "104, 105, 100, 100", "68696464656e", "aGlkZGVu"] {
        assert!(!log.contains(form), "{form} in {log}");
    }
}

#[tokio::test]
async fn a_store_that_hangs_up_is_unavailable() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let documents = documents_at(&format!("http://{}", listener.local_addr().unwrap()));
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            // Something of the request has come when it hangs up.
            let _ = tokio::io::AsyncReadExt::read(&mut connection, &mut [0; 16]).await;
        }
    });
    let failed = documents.put("a.docx", vec![0; 100_000]).await;
    assert!(matches!(failed, Err(DocumentError::Unavailable(_))), "{failed:?}");
    let failed = documents.check().await;
    assert!(matches!(failed, Err(DocumentError::Unavailable(_))), "{failed:?}");
}

#[tokio::test]
async fn why_a_store_cannot_be_reached_is_told() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let documents = documents_at(&format!("http://{}", listener.local_addr().unwrap()));
    drop(listener);
    let failed = documents.check().await.unwrap_err().to_string();
    assert!(failed.contains("cannot be reached: Connection refused"), "{failed}");
}

/// A store whose bucket may not be looked at, and that says this to whoever asks for a list.
async fn hiding(status: u16, code: &'static str) -> FakeServer {
    FakeServer::new(move |got, _| match got.method.as_str() {
        "HEAD" => Reaction::Answer(403, String::new()),
        _ => Reaction::Answer(status, format!("<Error><Code>{code}</Code><Message>비밀</Message></Error>")),
    })
    .await
}

#[tokio::test]
async fn a_bucket_that_may_not_be_looked_at_can_be_used() {
    let store = hiding(403, "AccessDenied").await;
    let documents = documents_at(store.url.as_str());
    documents.check().await.unwrap();
    assert!(documents.hidden.load(Ordering::Relaxed), "it was said");
    documents.check().await.unwrap();
    assert_eq!(store.got("/resumes/").len(), 2);
}

#[tokio::test]
async fn wrong_credentials_are_told_from_a_missing_permission_where_the_store_does() {
    for code in ["InvalidAccessKeyId", "SignatureDoesNotMatch", "RequestTimeTooSkewed"] {
        let store = hiding(403, code).await;
        let failed = documents_at(store.url.as_str()).check().await;
        let Err(DocumentError::Refused(text)) = failed else { panic!("{failed:?}") };
        assert_eq!(text, format!("{code} (403)"));
    }
    let busy = hiding(503, "SlowDown").await;
    assert!(matches!(documents_at(busy.url.as_str()).check().await, Err(DocumentError::Unavailable(_))));
}

#[tokio::test]
async fn what_a_refusal_without_words_means_is_asked_for() {
    let store = FakeServer::new(|got, _| match got.method.as_str() {
        "HEAD" => Reaction::Answer(400, String::new()),
        _ => Reaction::Answer(400, "<Error><Code>ExpiredToken</Code></Error>".to_owned()),
    })
    .await;
    let failed = documents_at(store.url.as_str()).check().await.unwrap_err().to_string();
    assert_eq!(failed, "document store unavailable: ExpiredToken (400)");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_is_told_while_somebody_waits() {
    let store = FakeServer::new(|_, _| Reaction::Stall(Vec::new())).await;
    let began = tokio::time::Instant::now();
    let failed = documents_at(store.url.as_str()).check().await.unwrap_err().to_string();
    assert!(failed.contains("did not answer in time") && began.elapsed() <= CHECK_TIMEOUT, "{failed}");
}

#[tokio::test]
async fn a_bucket_that_is_missing_or_elsewhere_cannot_be_used() {
    for (status, told) in [
        (404, "there is no such bucket (404)"),
        (301, "the bucket is in another region (301)"),
        (400, "the store refuses without a reason (400), as where AWS_REGION is another than the bucket's"),
    ] {
        let store = FakeServer::new(move |_, _| Reaction::Answer(status, String::new())).await;
        let failed = documents_at(store.url.as_str()).check().await;
        let Err(DocumentError::Refused(text)) = failed else { panic!("{failed:?}") };
        assert_eq!(text, told);
    }
}

#[test]
fn the_file_name_is_the_one_of_the_contract_in_ascii() {
    let (_, encoded) = CONTENT_DISPOSITION.split_once("filename*=UTF-8''").unwrap();
    let plain = url::form_urlencoded::parse(format!("name={encoded}").as_bytes()).next().unwrap().1.into_owned();
    assert_eq!(plain, "이력서.docx");
    assert!(CONTENT_DISPOSITION.is_ascii());
}
