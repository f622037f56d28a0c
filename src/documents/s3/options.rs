//! What an operator says of the store beyond its bucket: how it encrypts, and whom to trust that it is the store.

use std::fmt;

use aws_sdk_s3::config::SharedHttpClient;
use aws_sdk_s3::types::ServerSideEncryption;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, ConnectorBuilder};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// What is said beyond the bucket.
#[derive(Clone, Debug, Default)]
pub struct StoreOptions {
    /// `None`: as the bucket says.
    pub encryption: Option<Encryption>,
    /// `None`: whom the system trusts.
    pub trusted: Option<Trusted>,
    /// The account that the bucket has to belong to; `None`: whichever.
    pub owner: Option<String>,
}

/// How the store is to encrypt documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encryption {
    pub(super) algorithm: ServerSideEncryption,
    pub(super) key_id: Option<String>,
}

impl Encryption {
    /// One of [`ALGORITHMS`](Self::ALGORITHMS); `None` where it is none of them, or does not take the key.
    pub fn new(algorithm: &str, key_id: Option<String>) -> Option<Self> {
        if !Self::ALGORITHMS.contains(&algorithm) || key_id.is_some() && !algorithm.starts_with("aws:kms") {
            return None;
        }
        Some(Self { algorithm: algorithm.into(), key_id })
    }

    pub const ALGORITHMS: [&str; 3] = ["AES256", "aws:kms", "aws:kms:dsse"];
}

/// Certificates of those who may vouch for the store, in place of the system's.
#[derive(Clone)]
pub struct Trusted(Vec<u8>);

impl Trusted {
    /// Certificates in PEM; `None` where there is none, or one cannot be read.
    pub fn read(pem: &str) -> Option<Self> {
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().ok()?;
        let count = certificates.len();
        let (read, _) = RootCertStore::empty().add_parsable_certificates(certificates);
        (count > 0 && read == count).then(|| Self(pem.as_bytes().to_vec()))
    }

    /// What the SDK makes its connections with; but for whom it trusts, as by itself.
    pub(super) fn client(self) -> SharedHttpClient {
        Builder::new().build_with_connector_fn(move |settings, components| {
            let trusted = TrustStore::empty().with_pem_certificate(self.0.clone());
            let mut connector = ConnectorBuilder::default()
                .tls_provider(Provider::rustls(CryptoMode::AwsLc))
                .proxy_config(ProxyConfig::from_env());
            if let Ok(context) = TlsContext::builder().with_trust_store(trusted).build() {
                connector.set_tls_context(context);
            }
            connector.set_connector_settings(settings.cloned());
            if let Some(components) = components {
                connector.set_sleep_impl(components.sleep_impl());
            }
            connector.build()
        })
    }
}

impl fmt::Debug for Trusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trusted({} bytes)", self.0.len())
    }
}
