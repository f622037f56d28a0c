//! What operators may see of the state in Redis.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use fred::interfaces::{ClientLike, KeysInterface};
use fred::types::Key;
use futures_util::future::Either;
use futures_util::{Stream, StreamExt};
use tokio::time::timeout;

use super::RedisState;
use crate::events::record::Flow;
use crate::events::request::MemberId;
use crate::state::erasure::Holdings;
use crate::state::inspect::{Inspect, StoredSession};
use crate::state::keys::{self, Kind};
use crate::state::{StateError, format, stored};

/// How many keys a step of a scan looks at.
const SCAN_STEP: u32 = 1_000;
/// The longest wait for the next key of a scan: there may be many that do not match.
const SCAN_PATIENCE: Duration = Duration::from_secs(30);

/// What `PTTL` answers for a key without an end.
const NO_EXPIRY: i64 = -1;

impl RedisState {
    /// Whether Redis answers; who only looks need not be allowed to write.
    pub async fn answers(&self) -> Result<(), StateError> {
        self.connection.client()?.ping(None).await.map_err(|error| self.connection.failed(&error))
    }

    /// The keys that match a pattern, on all primaries of a cluster.
    async fn scan(&self, pattern: &str) -> Result<BTreeSet<String>, StateError> {
        let client = self.connection.client()?;
        let mut found = std::pin::pin!(if client.client_config().server.is_clustered() {
            Either::Left(client.scan_cluster_buffered(pattern, Some(SCAN_STEP), None))
        } else {
            Either::Right(client.scan_buffered(pattern, Some(SCAN_STEP), None))
        });
        let mut all = BTreeSet::new();
        while let Some(key) = next(&mut found).await? {
            let key: Key = key.map_err(|error| self.connection.failed(&error))?;
            all.extend(key.into_string());
        }
        Ok(all)
    }

    /// Everything that is stored of a member.
    pub(super) async fn stored(&self, member: MemberId) -> Result<Vec<(String, Kind)>, StateError> {
        let mut all = Vec::new();
        for flow in [Flow::Feedback, Flow::Resume] {
            let found = self.scan(&format!("{}*", keys::root_of(flow, member))).await?;
            all.extend(found.into_iter().filter_map(|key| {
                let kind = keys::kind(flow, member, &key)?;
                Some((key, kind))
            }));
        }
        Ok(all)
    }
}

async fn next<T>(found: &mut (impl Stream<Item = T> + Unpin)) -> Result<Option<T>, StateError> {
    let next = timeout(SCAN_PATIENCE, found.next()).await;
    next.map_err(|_| StateError::Unavailable("a scan of the keys did not go on".to_owned()))
}

#[async_trait]
impl Inspect for RedisState {
    async fn members(&self) -> Result<BTreeSet<MemberId>, StateError> {
        let keys = self.scan("resume:{*}").await?;
        Ok(keys.iter().filter_map(|key| keys::session_owner(key)).collect())
    }

    async fn session(&self, member: MemberId) -> Result<Option<StoredSession>, StateError> {
        let client = self.connection.client()?;
        let key = keys::root_of(Flow::Resume, member);
        let json: Option<Vec<u8>> = client.get(&key).await.map_err(|error| self.connection.failed(&error))?;
        let Some(json) = json else { return Ok(None) };
        let left: i64 = client.pttl(&key).await.map_err(|error| self.connection.failed(&error))?;
        Ok(Some(StoredSession {
            session: stored::read(format::SESSION, &json).ok().flatten(),
            // Below that it has expired between the two commands.
            expires_in: (left != NO_EXPIRY).then(|| Duration::from_millis(u64::try_from(left).unwrap_or(0))),
        }))
    }

    async fn holdings(&self, member: MemberId) -> Result<Holdings, StateError> {
        let mut holdings = Holdings::default();
        self.stored(member).await?.iter().for_each(|(_, kind)| holdings.count(*kind));
        Ok(holdings)
    }
}
