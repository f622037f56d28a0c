//! Erasing a member in Redis.

use async_trait::async_trait;
use fred::interfaces::KeysInterface;
use fred::types::{Expiration, Value};

use super::{RedisState, milliseconds};
use crate::events::request::MemberId;
use crate::state::StateError;
use crate::state::erasure::{Erasure, Holdings, MARKED_FOR};
use crate::state::keys::{self, Kind};

#[async_trait]
impl Erasure for RedisState {
    async fn mark_erased(&self, member: MemberId, at: i64) -> Result<(), StateError> {
        let lifetime = Expiration::EX(i64::try_from(MARKED_FOR.as_secs()).unwrap_or(i64::MAX));
        let client = self.connection.client()?;
        let marked = client.set(keys::erased(member), at.to_string(), Some(lifetime), None, false).await;
        marked.map_err(|error| self.connection.failed(&error))
    }

    async fn erased_at(&self, member: MemberId) -> Result<Option<i64>, StateError> {
        let at = self.connection.client()?.get(keys::erased(member)).await;
        at.map_err(|error| self.connection.failed(&error))
    }

    async fn forget(&self, member: MemberId) -> Result<Holdings, StateError> {
        let mut removed = Holdings::default();
        for (key, kind) in self.stored(member).await? {
            let was_there = match kind {
                Kind::Lock => false,
                Kind::Outcome => self.forget_outcome(member, key).await?,
                Kind::Session | Kind::Draft | Kind::Ended => {
                    let count: Result<i64, _> = self.connection.client()?.del(key).await;
                    count.map_err(|error| self.connection.failed(&error))? > 0
                }
            };
            if was_there {
                removed.count(kind);
            }
        }
        Ok(removed)
    }
}

impl RedisState {
    async fn forget_outcome(&self, member: MemberId, key: String) -> Result<bool, StateError> {
        let name = keys::name_of_outcome(&key).unwrap_or_default().to_owned();
        let args = vec![name, milliseconds(self.lifetimes.outcome)];
        let reply = self.run(&self.forget, vec![key, keys::erased_answered(member)], args).await?;
        Ok(reply.first().and_then(Value::as_i64) == Some(1))
    }
}
