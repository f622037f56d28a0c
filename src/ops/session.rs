//! `ssammu-worker session`: what is stored of members, and removing it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use clap::{Args, Subcommand};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::app;
use crate::config::{Config, Settings};
use crate::documents::Inventory;
use crate::events::record::Flow;
use crate::events::request::{MemberId, SKIPPED};
use crate::ops;
use crate::ops::text::{moment, printable, printable_lines};
use crate::print::say;
use crate::state::holder::Holder;
use crate::state::inspect::{Holdings, Inspect, StoredSession};
use crate::state::redis::RedisState;
use crate::state::session::Exchange;
use crate::state::{Begin, Claim, MemberState};
use crate::telemetry::log;
use crate::worker::locks::Locks;

/// What can be done with what is stored of members.
#[derive(Subcommand)]
pub enum Command {
    /// List the interviews that are under way, without what was asked and answered
    List(Box<ListArgs>),
    /// Show a member's interview and how much is stored of the member
    Show(Box<ShowArgs>),
    /// Remove what is stored of a member; without --yes only say what would be removed
    ///
    /// That is the session, the draft, the list of ended questions and the saved outcomes in Redis, and the documents
    /// in S3. It is refused while a worker works for the member.
    ///
    /// Records in Kafka, dead letters too, stay until their topics' retention ends, and a bucket that keeps versions
    /// keeps the earlier ones. `dlt replay` leaves what the member had sent before: when the member was removed, and
    /// nothing else, is remembered in Redis for a year. A request that still waits in Kafka is worked as usual and leaves
    /// new data.
    Delete(Box<DeleteArgs>),
}

#[derive(Args)]
pub struct ListArgs {
    #[command(flatten)]
    settings: Settings,
}

#[derive(Args)]
pub struct ShowArgs {
    /// The member
    member: MemberId,
    /// Show the whole session: what the member entered, was asked and answered
    #[arg(long)]
    payload: bool,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Args)]
pub struct DeleteArgs {
    /// The member
    member: MemberId,
    /// Remove it; without this nothing is removed
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    settings: Settings,
}

impl Command {
    /// Does what the command line says.
    ///
    /// # Errors
    /// What to tell the person who ran it.
    pub async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::List(args) => list(&connect(&args.settings.check()?).await?).await,
            Self::Show(args) => show(&connect(&args.settings.check()?).await?, args.member, args.payload).await,
            Self::Delete(args) => {
                let config = args.settings.check()?;
                delete(&config, args.member, args.yes).await
            }
        }
    }
}

async fn list(state: &RedisState) -> anyhow::Result<()> {
    let members = state.members().await?;
    for member in &members {
        // It may have ended meanwhile.
        if let Some(stored) = state.session(*member).await? {
            say!("{}", line(*member, &stored))?;
        }
    }
    Ok(say!("{} sessions", members.len())?)
}

/// A session in one line, without texts.
fn line(member: MemberId, stored: &StoredSession) -> String {
    let expires = stored
        .expires_in
        .map_or_else(|| "never expires".to_owned(), |left| format!("expires in {}", whole_seconds(left)));
    let Some(session) = &stored.session else { return format!("member {member}  unreadable  {expires}") };
    let asked = session.exchanges.last().map_or_else(|| "-".to_owned(), |exchange| moment(exchange.asked_at));
    let (questions, started) = (session.exchanges.len(), moment(session.started_at));
    format!("member {member}  questions {questions}  started {started}  last asked {asked}  {expires}")
}

fn whole_seconds(duration: Duration) -> humantime::FormattedDuration {
    humantime::format_duration(Duration::from_secs(duration.as_secs()))
}

async fn show(state: &RedisState, member: MemberId, payload: bool) -> anyhow::Result<()> {
    match state.session(member).await? {
        None => say!("member {member} has no session")?,
        Some(stored) => {
            say!("{}", line(member, &stored))?;
            if let Some(session) = &stored.session {
                say!("session {}  version {}", session.session_id, session.version)?;
                for (index, exchange) in session.exchanges.iter().enumerate() {
                    say!("{}", question(index, exchange))?;
                }
                if payload {
                    say!("{}", printable_lines(&serde_json::to_string_pretty(session)?))?;
                }
            }
        }
    }
    Ok(say!("{}", in_words(&state.holdings(member).await?))?)
}

fn question(index: usize, exchange: &Exchange) -> String {
    let answer = match exchange.answer.as_deref() {
        None => "open",
        Some(SKIPPED) => "skipped",
        Some(_) => "answered",
    };
    let number = index.saturating_add(1);
    format!("question {number}  {}  asked {}  {answer}", exchange.question_id, moment(exchange.asked_at))
}

fn in_words(holdings: &Holdings) -> String {
    let Holdings { sessions, drafts, ended, outcomes, locks } = holdings;
    format!(
        "sessions {sessions}, drafts {drafts}, lists of ended questions {ended}, saved outcomes {outcomes}, locks {locks}"
    )
}

async fn delete(config: &Config, member: MemberId, yes: bool) -> anyhow::Result<()> {
    let state = Arc::new(connect(config).await?);
    let documents = app::documents(config).await;
    let prefix = format!("{}{member}/", config.s3_upload_prefix);
    if !yes {
        say!("would be removed: {}", in_words(&Holdings { locks: 0, ..state.holdings(member).await? }))?;
        let keys = documents.keys(&prefix).await?;
        for key in &keys {
            say!("would be removed: {}", printable(key.as_bytes()))?;
        }
        return Ok(say!("--yes removes this: {} documents and what is in Redis", keys.len())?);
    }
    let locks =
        Locks::new(state.clone(), app::lifetimes(config).lock, Holder::started(None, OffsetDateTime::now_utc()));
    let renewing = tokio::spawn(locks.clone().renew());
    let claims = [Flow::Feedback, Flow::Resume].map(|flow| claim(flow, member));
    let removed = match lock(state.as_ref(), &claims).await {
        Ok(()) => {
            let held = claims.each_ref().map(|claim| locks.hold(claim));
            let removed = remove(state.as_ref(), &documents, member, &prefix).await;
            held.into_iter().for_each(crate::worker::locks::Held::released);
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

/// The lock on one flow of a member, as a worker takes it for a request that nobody has sent.
fn claim(flow: Flow, member: MemberId) -> Claim {
    Claim { flow, member, request: Uuid::new_v4(), record: Uuid::new_v4(), token: Uuid::new_v4() }
}

/// Keeps every worker from the member.
async fn lock(state: &dyn MemberState, claims: &[Claim]) -> anyhow::Result<()> {
    for claim in claims {
        match state.begin(claim).await? {
            Begin::Busy => bail!("a worker works for member {} now: nothing was removed; try again", claim.member),
            Begin::Open { .. } | Begin::Unreadable { .. } | Begin::Newer(_) => {}
            Begin::Answered(_) => bail!("the journal knows a request that was never sent: nothing was removed"),
        }
    }
    Ok(())
}

async fn remove(state: &dyn Inspect, documents: &dyn Inventory, member: MemberId, prefix: &str) -> anyhow::Result<()> {
    let mut shown = Ok(());
    // What is left when this fails half-way is found again by the next try.
    for key in documents.keys(prefix).await? {
        documents.remove(&key).await?;
        shown = shown.and_then(|()| say!("removed: {}", printable(key.as_bytes())));
    }
    let forgotten = in_words(&state.forget(member).await?);
    Ok(shown.and_then(|()| say!("removed: {forgotten}"))?)
}

/// Redis, once it answers.
async fn connect(config: &Config) -> anyhow::Result<RedisState> {
    log::start(config.log_format, "error")?;
    ops::redis(config).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::session::tests::{NOW, asked};

    const MEMBER: i64 = 7;

    #[test]
    fn a_line_shows_no_text_of_the_member() {
        let member = MemberId::new(MEMBER).unwrap();
        let stored = StoredSession { session: Some(asked(2)), expires_in: Some(Duration::from_millis(3_600_500)) };
        assert_eq!(
            line(member, &stored),
            "member 7  questions 2  started 2026-11-22T10:00:00Z  last asked 2026-11-22T10:00:00Z  expires in 1h"
        );
        let unreadable = StoredSession { session: None, expires_in: None };
        assert_eq!(line(member, &unreadable), "member 7  unreadable  never expires");
    }

    #[test]
    fn a_question_is_open_answered_or_skipped() {
        let exchange = |answer: Option<&str>| Exchange {
            answer: answer.map(str::to_owned),
            ..Exchange::open(Uuid::from_u128(1), "비밀?".to_owned(), NOW)
        };
        let id = Uuid::from_u128(1);
        for (answer, word) in [(None, "open"), (Some("비밀"), "answered"), (Some(SKIPPED), "skipped")] {
            let expected = format!("question 2  {id}  asked 2026-11-22T10:00:00Z  {word}");
            assert_eq!(question(1, &exchange(answer)), expected);
        }
    }
}
