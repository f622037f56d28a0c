//! Documents in S3, or in any store that speaks its language.

mod credentials;
mod options;

use std::env;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use aws_config::BehaviorVersion;
use aws_config::meta::region::RegionProviderChain;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Builder, RequestChecksumCalculation, ResponseChecksumValidation, SharedCredentialsProvider};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::operation::list_objects_v2::{ListObjectsV2Error, ListObjectsV2Output};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use md5::{Digest, Md5};
use time::OffsetDateTime;
use tokio::time::timeout;

use self::credentials::Expiry;
pub use self::options::{Encryption, StoreOptions, Trusted};
use super::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, DocumentError, Documents, Inventory, Link, Removal, Version,
    Versions,
};

/// Seoul, where the service runs.
const DEFAULT_REGION: &str = "ap-northeast-2";

/// Where the SDK looks for credentials.
const CREDENTIALS: &str = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or a role";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// An attempt, and the search for credentials before it.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(15);
/// A look at the bucket: a store that hangs is told before whoever watches it loses patience.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);
const SILENT: &str = "the store did not answer in time";

/// What the store answers to one document, whatever it does with others.
const REJECTIONS: [&str; 3] = ["EntityTooLarge", "KeyTooLongError", "InvalidDigest"];

/// Documents as objects in one bucket.
#[derive(Clone, Debug)]
pub struct S3Documents {
    client: Client,
    bucket: String,
    link_ttl: Duration,
    encryption: Option<Encryption>,
    /// Whose the bucket has to be.
    owner: Option<String>,
    /// Where requests go, as far as that is known before the first.
    endpoint: String,
    /// When the credentials end, and with them what they have signed.
    credentials_end: Expiry,
    /// The bucket may not be looked at, and that was said.
    hidden: Arc<AtomicBool>,
}

impl S3Documents {
    /// Documents in `bucket`, with credentials, region and endpoint found as in any AWS program. Makes no request
    /// to the store. `link_ttl` is from a second to seven days.
    pub async fn from_env(bucket: impl Into<String>, link_ttl: Duration, options: StoreOptions) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(OPERATION_TIMEOUT)
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest());
        if let Some(trusted) = options.trusted {
            loader = loader.http_client(trusted.client());
        }
        let shared = loader
            .region(RegionProviderChain::default_provider().or_else(DEFAULT_REGION))
            .timeout_config(timeouts)
            // The caller has the deadline, so it also has the retries.
            .retry_config(RetryConfig::disabled())
            .load()
            .await;
        // Stores other than Amazon's seldom answer to a bucket's own host name.
        let given = env::var("AWS_ENDPOINT_URL_S3").ok().filter(|url| !url.is_empty());
        let given = given.or_else(|| shared.endpoint_url().map(str::to_owned));
        let (path_style, bucket) = (given.is_some(), bucket.into());
        let region = shared.region().map_or(DEFAULT_REGION, AsRef::as_ref);
        let endpoint = given.unwrap_or_else(|| format!("https://{bucket}.s3.{region}.amazonaws.com"));
        // Nor do they all know the checksums that the SDK would add.
        let config = Builder::from(&shared)
            .force_path_style(path_style)
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        let documents = Self::of(config, shared.credentials_provider(), bucket, link_ttl);
        Self { encryption: options.encryption, owner: options.owner, endpoint, ..documents }
    }

    /// Where requests go, as far as that is known before the first.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    fn of(
        mut config: Builder,
        credentials: Option<SharedCredentialsProvider>,
        bucket: String,
        link_ttl: Duration,
    ) -> Self {
        let credentials_end = Expiry::default();
        if let Some(credentials) = credentials {
            config = config.credentials_provider(credentials_end.watching(credentials));
        }
        Self {
            client: Client::from_conf(config.build()),
            bucket,
            link_ttl,
            encryption: None,
            owner: None,
            endpoint: String::new(),
            credentials_end,
            hidden: Arc::default(),
        }
    }

    /// Whether the bucket is there and can be used.
    async fn look(&self) -> Result<(), DocumentError> {
        let Err(error) =
            self.client.head_bucket().bucket(&self.bucket).set_expected_bucket_owner(self.owner()).send().await
        else {
            self.hidden.store(false, Ordering::Relaxed);
            return Ok(());
        };
        if is_denied(&error) {
            return self.check_hidden().await;
        }
        // An answer to a HEAD has no words: what it means, expired credentials or another region, a list is told.
        if is_wordless(&error)
            && let Err(told) = self.first().await
        {
            return Err(classify(&told));
        }
        Err(classify(&error))
    }

    /// The first object of the list, if there is any.
    async fn first(&self) -> Result<ListObjectsV2Output, SdkError<ListObjectsV2Error>> {
        let list = self.client.list_objects_v2().bucket(&self.bucket).max_keys(1);
        list.set_expected_bucket_owner(self.owner()).send().await
    }

    fn owner(&self) -> Option<String> {
        self.owner.clone()
    }

    /// Whether a bucket that may not be looked at may still be used: it is there, and who only stores and reads
    /// documents needs no permission to list them. An answer to a HEAD has no words, so the store is asked for a list, too:
    /// that tells wrong credentials, unless the store itself does not tell them apart.
    async fn check_hidden(&self) -> Result<(), DocumentError> {
        let Err(error) = self.first().await else {
            return Ok(());
        };
        if !is_denied(&error) {
            return Err(classify(&error));
        }
        if !self.hidden.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                bucket = self.bucket,
                "the bucket may not be looked at (403) and counts as ready: s3:ListBucket would allow the check; whether \
                 documents can be stored shows only when one is, and where credentials are wrong, none can"
            );
        }
        Ok(())
    }
}

#[async_trait]
impl Documents for S3Documents {
    async fn put(&self, key: &str, document: Vec<u8>) -> Result<(), DocumentError> {
        let encryption = self.encryption.clone();
        self.client
            .put_object()
            .set_server_side_encryption(encryption.as_ref().map(|encryption| encryption.algorithm.clone()))
            .set_ssekms_key_id(encryption.and_then(|encryption| encryption.key_id))
            .bucket(&self.bucket)
            .set_expected_bucket_owner(self.owner())
            .key(key)
            .content_type(CONTENT_TYPE)
            .content_disposition(CONTENT_DISPOSITION)
            .cache_control(CACHE_CONTROL)
            // Buckets whose objects are locked take none without a digest; this one every store knows.
            .content_md5(BASE64_STANDARD.encode(Md5::digest(&document)))
            .body(ByteStream::from(document))
            .send()
            .await
            .map_err(|error| classify(&error))?;
        Ok(())
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, DocumentError> {
        let request = self.client.get_object().bucket(&self.bucket).key(key).set_expected_bucket_owner(self.owner());
        let found = match request.send().await {
            Ok(found) => found,
            Err(error) if error.as_service_error().is_some_and(GetObjectError::is_no_such_key) => return Ok(None),
            Err(error) => return Err(classify(&error)),
        };
        let document = found.body.collect().await;
        let document = document.map_err(|_| DocumentError::Unavailable("the document broke off".to_owned()))?;
        Ok(Some(document.to_vec()))
    }

    async fn link(&self, key: &str) -> Result<Link, DocumentError> {
        // Signatures know whole seconds.
        let signed_at = OffsetDateTime::now_utc().truncate_to_second();
        let lifetime = PresigningConfig::builder()
            .start_time(signed_at.into())
            .expires_in(self.link_ttl)
            .build()
            .map_err(|error| DocumentError::Refused(format!("a link cannot be signed: {error}")))?;
        let request = self.client.get_object().bucket(&self.bucket).key(key).presigned(lifetime).await;
        let url = request.map_err(|error| classify(&error))?.uri().to_owned();
        let expires_at = signed_at + self.link_ttl;
        let credentials_end = self.credentials_end.of_the_last().map(|end| end.truncate_to_second());
        Ok(Link { url, expires_at: credentials_end.map_or(expires_at, |end| end.min(expires_at)) })
    }

    async fn check(&self) -> Result<(), DocumentError> {
        let looked = timeout(CHECK_TIMEOUT, self.look()).await;
        looked.unwrap_or_else(|_| Err(DocumentError::Unavailable(SILENT.to_owned())))
    }
}

#[async_trait]
impl Inventory for S3Documents {
    async fn keys(&self, prefix: &str) -> Result<Vec<String>, DocumentError> {
        let mut keys = Vec::new();
        let list = self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix);
        let mut pages = list.set_expected_bucket_owner(self.owner()).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| classify(&error))?;
            keys.extend(page.contents().iter().filter_map(|object| object.key().map(str::to_owned)));
        }
        Ok(keys)
    }

    async fn remove(&self, key: &str) -> Result<Removal, DocumentError> {
        let request = self.client.delete_object().bucket(&self.bucket).key(key).set_expected_bucket_owner(self.owner());
        let removed = request.send().await;
        let removed = removed.map_err(|error| classify(&error))?;
        Ok(if removed.delete_marker() == Some(true) { Removal::Hidden } else { Removal::Gone })
    }

    async fn versions(&self, prefix: &str) -> Result<Versions, DocumentError> {
        let mut all = Vec::new();
        let mut after = (None, None);
        loop {
            let page = self.client.list_object_versions().bucket(&self.bucket).prefix(prefix);
            let page = page.set_expected_bucket_owner(self.owner());
            let page = page.set_key_marker(after.0.clone()).set_version_id_marker(after.1.clone()).send().await;
            let page = match page {
                Ok(page) => page,
                Err(error) if is_denied(&error) => return Ok(Versions::Denied),
                Err(error) if knows_no_versions(&error) => return Ok(Versions::None),
                Err(error) => return Err(classify(&error)),
            };
            let versions = page.versions().iter().map(|version| (version.key(), version.version_id()));
            let marks = page.delete_markers().iter().map(|mark| (mark.key(), mark.version_id()));
            let named = |(key, id): (Option<&str>, Option<&str>)| Some(Version { key: key?.into(), id: id?.into() });
            all.extend(versions.chain(marks).filter_map(named));
            if page.is_truncated() != Some(true) {
                return Ok(Versions::All(all));
            }
            let next = (page.next_key_marker, page.next_version_id_marker);
            if next.0.is_none() || next == after {
                return Err(DocumentError::Unavailable("the list of versions does not go on".to_owned()));
            }
            after = next;
        }
    }

    async fn remove_version(&self, version: &Version) -> Result<(), DocumentError> {
        let Version { key, id } = version;
        let request = self.client.delete_object().bucket(&self.bucket).key(key).version_id(id);
        let removed = request.set_expected_bucket_owner(self.owner()).send().await;
        removed.map(drop).map_err(|error| classify(&error))
    }
}

/// Whether the store has no list of versions: it says so, or answers with another list.
fn knows_no_versions<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    let SdkError::ServiceError(refusal) = error else { return false };
    let (status, code) = (refusal.raw().status(), refusal.err().code().unwrap_or_default());
    matches!(code, "NotImplemented" | "MethodNotAllowed")
        || matches!(status.as_u16(), 405 | 501)
        || status.is_success() && code.is_empty()
}

/// Whether the store refuses and does not say why.
fn is_wordless<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    let SdkError::ServiceError(refusal) = error else { return false };
    refusal.raw().status().as_u16() == 400 && refusal.err().code().unwrap_or_default().is_empty()
}

/// Whether the store knows who asks, as far as it says, and does not allow it.
fn is_denied<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    let SdkError::ServiceError(refusal) = error else { return false };
    let code = refusal.err().code().unwrap_or_default();
    refusal.raw().status().as_u16() == 403 && matches!(code, "" | "Forbidden" | "AccessDenied")
}

/// The fate of a failed call.
fn classify<E: ProvideErrorMetadata>(error: &SdkError<E>) -> DocumentError
where
    SdkError<E>: Error,
{
    match error {
        SdkError::ServiceError(refusal) => {
            answered(refusal.raw().status().as_u16(), refusal.err().code().unwrap_or_default())
        }
        SdkError::TimeoutError(_) => DocumentError::Unavailable(SILENT.to_owned()),
        SdkError::ResponseError(_) => DocumentError::Unavailable("the store's answer cannot be read".to_owned()),
        // A kind of its own has what may pass: a connection that ended before the answer.
        SdkError::DispatchFailure(failure)
            if failure.is_io() || failure.is_timeout() || failure.as_other().is_some() =>
        {
            DocumentError::Unavailable(format!("the store cannot be reached: {}", root_cause(error)))
        }
        SdkError::DispatchFailure(_) => not_sent(error),
        SdkError::ConstructionFailure(_) => not_sent(error),
        // The SDK may grow more kinds; none is known to be for good.
        _ => DocumentError::Unavailable("the call failed in an unknown way".to_owned()),
    }
}

/// What is at the bottom of it: no route, no listener, a certificate that nobody trusts.
fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// A request that never left: its credentials, its address or the request itself could not be made.
fn not_sent(error: &dyn Error) -> DocumentError {
    let mut causes = String::new();
    let mut cause = Some(error);
    while let Some(error) = cause {
        causes.push_str(&error.to_string());
        cause = error.source();
    }
    let says = |text: &str| causes.contains(text);
    if says("no providers in chain provided credentials") || says("the credential provider was not enabled") {
        DocumentError::Refused(format!("there are no AWS credentials ({CREDENTIALS})"))
    } else if says("credentials") {
        DocumentError::Unavailable(format!("no AWS credentials could be loaded ({CREDENTIALS})"))
    } else {
        DocumentError::Refused("the request cannot be made; look at the endpoint, bucket and region".to_owned())
    }
}

/// The fate of a call that the store answered with an error. A `HEAD` has no body, and so no code.
fn answered(status: u16, code: &str) -> DocumentError {
    let text = match (status, code) {
        (404, "" | "NotFound" | "NoSuchBucket") => "there is no such bucket (404)".to_owned(),
        (301 | 307 | 308, _) => format!("the bucket is in another region ({status})"),
        (403, "" | "Forbidden" | "AccessDenied") => "access to the bucket is denied (403)".to_owned(),
        (400, "") => {
            "the store refuses without a reason (400), as where AWS_REGION is another than the bucket's".to_owned()
        }
        (_, "") => format!("status {status}"),
        _ => format!("{code} ({status})"),
    };
    let passing = match status {
        408 | 409 | 425 | 429 => true,
        // A store may refuse for now with a 4xx of its own.
        400..=499 => matches!(
            code,
            "SlowDown"
                | "Throttling"
                | "ThrottlingException"
                | "RequestTimeout"
                | "OperationAborted"
                | "ConditionalRequestConflict"
                | "TokenRefreshRequired"
                | "ExpiredToken"
                // Damaged or cut off on its way.
                | "BadDigest"
                | "IncompleteBody"
        ),
        300..=399 => false,
        _ => true,
    };
    if passing {
        DocumentError::Unavailable(text)
    } else if REJECTIONS.contains(&code) {
        DocumentError::Rejected(text)
    } else {
        DocumentError::Refused(text)
    }
}

#[cfg(test)]
mod tests;
