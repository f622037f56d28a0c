//! The connection to Redis: made in the background, replaced whenever it is lost, for as long as the state lives.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fred::clients::Client;
use fred::error::Error;
use fred::interfaces::{ClientLike, EventInterface};
use fred::types::config::{ConnectionConfig, PerformanceConfig, ReconnectPolicy, TcpConfig};
use tokio::sync::Notify;

use super::address::RedisAddress;
use super::error::{asks_for_new_connection, classify, describe};
use tokio_util::task::AbortOnDropHandle;

use crate::state::StateError;

/// The longest wait for one command, queueing and a new connection included.
const COMMAND_TIMEOUT: Duration = Duration::from_millis(1_500);
/// The longest wait for a connection, and for each step of its greeting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The shortest and the longest pause between two tries to connect, in milliseconds.
const RECONNECT_DELAYS_MS: (u32, u32) = (50, 2_000);

/// A client that is connected whenever Redis can be reached, and fails at once when it cannot.
pub(super) struct Connection {
    client: Client,
    link: Arc<Link>,
    _keeper: AbortOnDropHandle<()>,
}

/// What is known of the connection.
#[derive(Default)]
struct Link {
    /// The latest trouble; none since the last successful connect.
    trouble: Mutex<Option<String>>,
    /// Rung when the connection should be replaced.
    replace: Notify,
}

impl Connection {
    /// Begins to connect and returns at once. Must be called inside a Tokio runtime.
    pub(super) fn open(address: &RedisAddress) -> Self {
        let performance =
            PerformanceConfig { default_command_timeout: COMMAND_TIMEOUT, ..PerformanceConfig::default() };
        let connection = ConnectionConfig {
            connection_timeout: CONNECT_TIMEOUT,
            internal_command_timeout: CONNECT_TIMEOUT,
            // Whether a lost command was applied is for the caller to find out; the client must not repeat it.
            max_command_attempts: 1,
            reconnect_on_auth_error: true,
            tcp: TcpConfig { nodelay: Some(true), ..TcpConfig::default() },
            ..ConnectionConfig::default()
        };
        let (shortest, longest) = RECONNECT_DELAYS_MS;
        let policy = ReconnectPolicy::new_exponential(0, shortest, longest, 2);
        let client = Client::new(address.config(), Some(performance), Some(connection), Some(policy));
        let link = Arc::new(Link::default());
        let keeper = AbortOnDropHandle::new(tokio::spawn(keep(client.clone(), link.clone())));
        Self { client, link, _keeper: keeper }
    }

    /// The client, if it is connected. Without this check commands would wait for a connection until they time out
    /// (fred's own `fail_fast` is not applied to scripts).
    pub(super) fn client(&self) -> Result<&Client, StateError> {
        if self.client.is_connected() {
            return Ok(&self.client);
        }
        let trouble = self.link.trouble();
        let trouble = trouble.as_deref().unwrap_or("connecting");
        Err(StateError::Unavailable(format!("no connection to Redis: {trouble}")))
    }

    /// Whether a script may touch only keys that share a slot.
    pub(super) fn is_clustered(&self) -> bool {
        self.client.is_clustered()
    }

    /// The fate of a command's error.
    pub(super) fn failed(&self, error: &Error) -> StateError {
        if asks_for_new_connection(error) {
            self.link.replace.notify_one();
        }
        classify(error)
    }
}

async fn keep(client: Client, link: Arc<Link>) {
    tokio::join!(drive(&client, &link), listen(&client, &link), replace(&client, &link));
}

/// Runs the client. It reconnects by itself for ever, but gives up on a server that it thinks misconfigured: a
/// person may be about to put that right.
async fn drive(client: &Client, link: &Link) {
    loop {
        let mut driver = AbortOnDropHandle::new(client.connect());
        if let Ok(Err(error)) = (&mut driver).await {
            link.set_trouble(Some(describe(&error)));
        }
        tokio::time::sleep(Duration::from_millis(RECONNECT_DELAYS_MS.1.into())).await;
    }
}

/// Notes and logs how the connection fares, once a change.
async fn listen(client: &Client, link: &Link) {
    let mut errors = client.error_rx();
    let mut connects = client.reconnect_rx();
    loop {
        tokio::select! {
            Ok((error, _)) = errors.recv() => link.set_trouble(Some(describe(&error))),
            Ok(_) = connects.recv() => link.set_trouble(None),
            // Both channels lagged: what is next tells enough.
            else => tokio::task::yield_now().await,
        }
    }
}

async fn replace(client: &Client, link: &Link) {
    loop {
        link.replace.notified().await;
        // It answers when the new connection stands. Its failures reach `listen`.
        let _ = client.force_reconnection().await;
    }
}

impl Link {
    fn trouble(&self) -> MutexGuard<'_, Option<String>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_trouble(&self, trouble: Option<String>) {
        let mut current = self.trouble();
        match (&*current, &trouble) {
            (None, Some(reason)) => tracing::warn!(%reason, "the connection to Redis is down"),
            (Some(_), None) => tracing::info!("the connection to Redis is up again"),
            (None, None) | (Some(_), Some(_)) => {}
        }
        *current = trouble;
    }
}
