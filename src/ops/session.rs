//! `ssammu-worker session`: what is stored of members, and removing it.

mod delete;

use std::time::Duration;

use clap::{Args, Subcommand};

use crate::config::{Config, Settings};
use crate::events::request::{MemberId, SKIPPED};
use crate::ops;
use crate::ops::audit::{Access, Looked};
use crate::ops::text::{instant, moment, printable_lines};
use crate::print::say;
use crate::state::erasure::{Erasure, Holdings};
use crate::state::inspect::{Inspect, StoredSession};
use crate::state::redis::RedisState;
use crate::state::session::Exchange;
use crate::telemetry::log;

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
    /// in S3 with all their versions. Where versions may not be listed or removed (s3:ListBucketVersions,
    /// s3:DeleteObjectVersion) it says what is left, and exits with 1. Run again, it goes on where it was interrupted. It
    /// is refused while a worker works for the member.
    ///
    /// Records in Kafka, dead letters too, stay until their topics' retention ends (`dlt purge` empties dead-letter
    /// topics early), and what a gateway remembers until GATEWAY_REPLAY is over. None of it brings anything back: when
    /// the member was removed is remembered in Redis for a year, requests from before end in DEADLINE_EXCEEDED, and
    /// `dlt replay` leaves them. What the member sends later is worked as usual.
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
    access: Access,
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
    access: Access,
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
            Self::Show(args) => {
                let config = args.settings.check()?;
                args.access.note(&Looked { payload: args.payload, ..Looked::new("session show") }.of([args.member]))?;
                show(&connect(&config).await?, args.member, args.payload).await
            }
            Self::Delete(args) => {
                let config = args.settings.check()?;
                args.access.note(&Looked { changes: args.yes, ..Looked::new("session delete") }.of([args.member]))?;
                delete::run(&config, args.member, args.yes).await
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
    if let Some(at) = state.erased_at(member).await? {
        say!("member {member} was erased at {}", instant(Some(at)))?;
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

/// Redis, once it answers.
async fn connect(config: &Config) -> anyhow::Result<RedisState> {
    log::start(config.log_format, "error")?;
    ops::redis(config).await
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

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
