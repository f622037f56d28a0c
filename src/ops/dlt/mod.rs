//! `ssammu-worker dlt`: what could not be answered, and sending it back (contract, section 5).

mod answers;
mod erased;
mod filter;
mod follow;
mod letter;
mod list;
mod plan;
mod purge;
mod replay;
mod show;

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use clap::Subcommand;

use self::filter::{Filter, Selection};
use self::letter::Letter;
use crate::config::Config;
use crate::kafka::admin::Admin;
use crate::kafka::error::KafkaError;
use crate::kafka::snapshot::Snapshot;
use crate::kafka::topics::Topics;
use crate::telemetry::log;

/// What can be done with dead letters.
#[derive(Subcommand)]
pub enum Command {
    /// List dead letters, oldest first, and count them by code
    ///
    /// A request that was answered since, by a replay or because it was sent again, is shown as such: as far back as the
    /// outcome topics reach. So is one whose member was erased since (`session delete`).
    List(Box<list::ListArgs>),
    /// Show one dead letter with its headers
    Show(Box<show::ShowArgs>),
    /// Send dead letters back to their request topics; without --yes only say what would be sent
    ///
    /// They go back as they came, the oldest first: same key, value, partition and headers, with their request's id
    /// as ce_id, with replay-count raised by one, and with the time at which they were first sent. Dead letters that are
    /// kept while this runs are not read.
    ///
    /// Of several dead letters of one request only the latest is sent. A request that was answered since is left: its
    /// outcome is found in the outcome topics. What was kept longer ago than these reach may have been answered, and is
    /// left, too, unless --unknown is given. To send the same dead letter twice is safe within OUTCOME_TTL: whatever
    /// answered the request, the worker takes it from its journal.
    ///
    /// What a member was sent away with (`session delete`) does not come back: requests from before that are left.
    Replay(Box<replay::ReplayArgs>),
    /// Delete the oldest dead letters; without --yes only say how many would go
    ///
    /// All that were kept before a moment go, whatever they are and whether or not they were answered; none that was kept
    /// later does, and no other topic is touched. It needs Delete on the topics (ACL). Nobody can read them from then on;
    /// a broker's disk has them until it begins its next segment (`segment.ms`).
    Purge(Box<purge::PurgeArgs>),
}

impl Command {
    /// Does what the command line says.
    ///
    /// # Errors
    /// What to tell the person who ran it.
    pub async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::List(args) => list::run(*args).await,
            Self::Show(args) => show::run(*args).await,
            Self::Replay(args) => replay::run(*args).await,
            Self::Purge(args) => purge::run(*args).await,
        }
    }
}

/// Starts the log: warnings only, on standard error.
fn start_log(config: &Config) -> anyhow::Result<()> {
    log::start(config.log_format, "warn")
}

/// Hands every dead letter that is there now, and whether the filter lets it through, to `each`.
async fn read<T: Send + 'static>(
    config: &Config,
    selection: Selection,
    mut into: T,
    mut each: impl FnMut(&mut T, Letter, bool) + Send + 'static,
) -> anyhow::Result<T> {
    let wanted: Vec<String> = selection.topics.iter().map(|topic| config.topics.dead_letters(topic)).collect();
    let topics = existing(config, &wanted).await?;
    let (kafka, names) = (config.kafka.clone(), config.topics.clone());
    let reading = tokio::task::spawn_blocking(move || {
        let snapshot = Snapshot::take(&kafka, &topics, selection.since)?;
        snapshot.read(|seen| {
            if let Some((letter, _)) = Letter::read(seen, &names) {
                let chosen = selection.takes(&letter);
                each(&mut into, letter, chosen);
            }
        })?;
        Ok(into)
    });
    reading.await.map_err(KafkaError::from).flatten().context("the dead letters could not be read")
}

/// The topics to be read; those that do not exist are told.
async fn existing(config: &Config, wanted: &[String]) -> anyhow::Result<Vec<String>> {
    let there = partitions(config, wanted).await?;
    for missing in wanted.iter().filter(|topic| !there.contains_key(*topic)) {
        log::tell(format_args!("{missing} does not exist"));
    }
    Ok(there.into_keys().collect())
}

/// How many partitions each topic has, of those that exist.
async fn partitions(config: &Config, topics: &[String]) -> anyhow::Result<BTreeMap<String, usize>> {
    let admin = Admin::open(&config.kafka)?;
    Ok(admin.inventory(topics.to_vec()).await?.partitions)
}

/// The request topics that an operator names; all when none is named.
fn request_topics(topics: &Topics, named: &[String]) -> anyhow::Result<Vec<String>> {
    let all = topics.requests().map(|(topic, _)| topic.to_string());
    if let Some(stranger) = named.iter().find(|name| !all.contains(name)) {
        bail!("{stranger} is not a request topic: those are {}", all.join(", "));
    }
    Ok(all.into_iter().filter(|topic| named.is_empty() || named.contains(topic)).collect())
}

impl Filter {
    fn select(&self, config: &Config) -> anyhow::Result<Selection> {
        let topics = request_topics(&config.topics, &self.topic)?;
        Ok(self.selection(topics, time::OffsetDateTime::now_utc()))
    }
}
