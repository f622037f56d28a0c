//! `session delete`.

use std::sync::Arc;

use anyhow::bail;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{connect, in_words};
use crate::app;
use crate::config::Config;
use crate::documents::{DocumentError, Inventory, Removal, Version, Versions};
use crate::events::record::Flow;
use crate::events::request::MemberId;
use crate::ops::text::printable;
use crate::print::{PrintError, say};
use crate::state::erasure::{Erasure, Holdings};
use crate::state::holder::Holder;
use crate::state::inspect::Inspect;
use crate::state::redis::RedisState;
use crate::state::{Begin, Claim, MemberState};
use crate::worker::locks::{Held, Locks};

/// What the store has to allow so that its versions can be seen.
const LISTING: &str = "s3:ListBucketVersions";

pub async fn run(config: &Config, member: MemberId, yes: bool) -> anyhow::Result<()> {
    let state = Arc::new(connect(config).await?);
    let documents = app::documents(config).await;
    let prefix = format!("{}{member}/", config.s3_upload_prefix);
    if !yes {
        return say_what_would_go(state.as_ref(), &documents, member, &prefix).await;
    }
    let locks =
        Locks::new(state.clone(), app::lifetimes(config).lock, Holder::started(None, OffsetDateTime::now_utc()));
    let renewing = tokio::spawn(locks.clone().renew());
    let claims = [Flow::Feedback, Flow::Resume].map(|flow| claim(flow, member));
    let removed = match lock(state.as_ref(), &claims).await {
        Ok(()) => {
            let held = claims.each_ref().map(|claim| locks.hold(claim));
            let removed = remove(state.as_ref(), &documents, member, &prefix).await;
            held.into_iter().for_each(Held::released);
            removed
        }
        refused => refused,
    };
    renewing.abort();
    for claim in &claims {
        // At worst they expire by themselves. A lock that is not ours is left alone.
        let _ = state.release(claim).await;
    }
    removed
}

async fn say_what_would_go(
    state: &RedisState,
    documents: &dyn Inventory,
    member: MemberId,
    prefix: &str,
) -> anyhow::Result<()> {
    say!("would be removed: {}", in_words(&Holdings { locks: 0, ..state.holdings(member).await? }))?;
    let keys = documents.keys(prefix).await?;
    for key in &keys {
        say!("would be removed: {}", printable(key.as_bytes()))?;
    }
    match documents.versions(prefix).await? {
        Versions::All(all) if all.len() > keys.len() => {
            say!("would be removed: {} versions in all, and marks of documents that are hidden", all.len())?;
        }
        Versions::All(_) | Versions::None => {}
        Versions::Denied => say!("whether there are earlier versions is not known: {LISTING} is denied")?,
    }
    Ok(say!("--yes removes this: {} documents and what is in Redis", keys.len())?)
}

/// The lock on one flow of a member, as a worker takes it for a request that nobody has sent, and that no mark can be
/// later than.
fn claim(flow: Flow, member: MemberId) -> Claim {
    let [request, record, token] = [(); 3].map(|()| Uuid::new_v4());
    Claim { flow, member, request, record, sent_at: Some(i64::MAX), token }
}

/// Keeps every worker from the member.
async fn lock(state: &dyn MemberState, claims: &[Claim]) -> anyhow::Result<()> {
    for claim in claims {
        match state.begin(claim).await? {
            Begin::Busy => bail!("a worker works for member {} now: nothing was removed; try again", claim.member),
            Begin::Open { .. } | Begin::Unreadable { .. } | Begin::Newer(_) => {}
            Begin::Answered(_) | Begin::Erased { .. } => {
                bail!("the state knows a request that was never sent: nothing was removed")
            }
        }
    }
    Ok(())
}

/// The mark comes first: whatever is interrupted after it, nothing comes back, and the next try finds what is left.
async fn remove(state: &dyn Erasure, documents: &dyn Inventory, member: MemberId, prefix: &str) -> anyhow::Result<()> {
    let now = OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000;
    state.mark_erased(member, i64::try_from(now).unwrap_or(i64::MAX)).await?;
    // Whoever does not read of it hinders nothing.
    let mut shown = say!("removed: {}", in_words(&state.forget(member).await?));
    let mut hidden = 0;
    for key in documents.keys(prefix).await? {
        hidden += usize::from(documents.remove(&key).await? == Removal::Hidden);
        shown = shown.and_then(|()| say!("removed: {}", printable(key.as_bytes())));
    }
    match documents.versions(prefix).await? {
        Versions::All(all) => remove_versions(documents, &all, shown).await,
        Versions::None => Ok(shown?),
        Versions::Denied if hidden > 0 => {
            bail!("of {hidden} documents the bucket keeps earlier versions, which are left: {LISTING} is denied")
        }
        Versions::Denied => {
            bail!("whether the bucket keeps earlier versions could not be looked at: {LISTING} is denied")
        }
    }
}

async fn remove_versions(
    documents: &dyn Inventory,
    all: &[Version],
    shown: Result<(), PrintError>,
) -> anyhow::Result<()> {
    let mut refused = Vec::new();
    for version in all {
        match documents.remove_version(version).await {
            Ok(()) => {}
            // Others may go all the same.
            Err(error @ (DocumentError::Refused(_) | DocumentError::Rejected(_))) => refused.push(error),
            Err(error @ DocumentError::Unavailable(_)) => return Err(error.into()),
        }
    }
    if let Some(error) = refused.first() {
        let (left, all) = (refused.len(), all.len());
        bail!("{left} of {all} versions are left (s3:DeleteObjectVersion is denied, or they are locked): {error}");
    }
    shown?;
    if !all.is_empty() {
        say!("removed: {} versions of documents", all.len())?;
    }
    Ok(())
}
