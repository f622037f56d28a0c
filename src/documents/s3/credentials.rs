//! When credentials end. The SDK keeps them, asks for new ones in time, and does not say which it has.

use std::sync::{Arc, Mutex, PoisonError};

use aws_credential_types::provider::future;
use aws_sdk_s3::config::{ProvideCredentials, SharedCredentialsProvider};
use time::OffsetDateTime;

/// When those credentials end that the SDK was given last.
#[derive(Clone, Debug, Default)]
pub struct Expiry(Arc<Mutex<Option<OffsetDateTime>>>);

impl Expiry {
    /// The same credentials; from now on it is known when they end.
    pub fn watching(&self, credentials: SharedCredentialsProvider) -> Watched {
        Watched { credentials, expiry: self.clone() }
    }

    /// `None` where they do not end, or none were asked for yet.
    pub fn of_the_last(&self) -> Option<OffsetDateTime> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Credentials that are looked at on their way to the SDK.
#[derive(Debug)]
pub struct Watched {
    credentials: SharedCredentialsProvider,
    expiry: Expiry,
}

impl ProvideCredentials for Watched {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let credentials = self.credentials.provide_credentials().await?;
            let end = credentials.expiry().map(OffsetDateTime::from);
            *self.expiry.0.lock().unwrap_or_else(PoisonError::into_inner) = end;
            Ok(credentials)
        })
    }
}
