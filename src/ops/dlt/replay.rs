//! `dlt replay`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::Args;
use futures_util::{StreamExt, stream};
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, timeout_at};

use super::answers::Answers;
use super::erased::Erasures;
use super::filter::Filter;
use super::follow::Waiting;
use super::letter::{Contents, Letter};
use super::plan::{Left, Plan, Planner, Settled, outgoing};
use crate::config::{Config, Settings, read_duration};
use crate::events::record::Coordinates;
use crate::kafka::error::KafkaError;
use crate::kafka::outgoing::Producer;
use crate::kafka::producer::KafkaProducer;
use crate::kafka::reader::{Seen, Start, follow};
use crate::kafka::snapshot;
use crate::ops::audit::{Access, Looked};
use crate::ops::{self, text};
use crate::print::{PrintError, say};
use crate::telemetry::log;

#[derive(Args)]
pub struct ReplayArgs {
    #[command(flatten)]
    filter: Filter,
    /// Send them; without this nothing is sent
    #[arg(long)]
    yes: bool,
    /// Leave what has been replayed this often
    #[arg(long, value_name = "N", default_value_t = 3)]
    max_replays: u64,
    /// Send also what is older than the outcomes that are kept: whether it was answered since is not known
    #[arg(long)]
    unknown: bool,
    /// Wait for the outcomes and show how each request ended
    #[arg(long, requires = "yes")]
    follow: bool,
    /// How long to wait for them
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = read_duration, requires = "follow")]
    timeout: Duration,
    #[command(flatten)]
    access: Access,
    #[command(flatten)]
    settings: Settings,
}

/// Records on their way to the broker at once; it keeps their order.
const AT_ONCE: usize = 100;
/// What lies in dead letters is read when they are sent, so many at once, and about so many bytes.
const READ_AT_ONCE: usize = 1_000;
const READ_AT_ONCE_BYTES: usize = 16 << 20;

pub async fn run(args: ReplayArgs) -> anyhow::Result<()> {
    let config = args.settings.check()?;
    super::start_log(&config)?;
    let selection = args.filter.select(&config)?;
    let request_topics = config.topics.requests().map(|(topic, _)| topic).to_vec();
    let planner = super::read(&config, selection, Planner::new(request_topics), |planner, letter, chosen| {
        planner.add(letter, chosen);
    })
    .await?;
    let mut answers = Answers::new(&config.topics);
    // Each is the latest of its request.
    planner.candidates().for_each(|letter| answers.look_for(letter, letter.replays));
    let answers = answers.read(&config).await?;
    let erased = erasures(&config, &planner).await?;
    let plan = planner.finish(args.max_replays, args.filter.limit, |letter| {
        let answered = answers.of(letter).map(|_| Settled::Answered);
        let unknown = !args.unknown && answers.is_unknown(letter);
        answered.or(erased.holds(letter).then_some(Settled::Erased)).or(unknown.then_some(Settled::Unknown))
    });
    let partitions = target_partitions(&config, &plan).await?;
    if !args.yes {
        for letter in &plan.send {
            say!("would send {}{}", letter.summary(), moved(letter, &partitions))?;
        }
        say!("{} would be sent; --yes sends them", plan.send.len())?;
        return Ok(tell_counts(&plan, args.max_replays)?);
    }
    let topics = plan.send.iter().map(|letter| letter.at.topic.to_string()).collect::<BTreeSet<_>>();
    let (topics, records) = (topics.into_iter().collect(), Some(plan.send.len()));
    let looked = Looked { changes: true, topics, records, ..Looked::new("dlt replay") };
    args.access.note(&looked.of(plan.send.iter().filter_map(|letter| letter.member)))?;
    // Before anything is sent, so that no outcome is missed.
    let outcomes = if args.follow { Some(arriving(&config).await?) } else { None };
    let (sent, shown) = send(&config, &plan, &partitions).await?;
    let shown = shown.and_then(|()| say!("{} sent", sent.len())).and_then(|()| tell_counts(&plan, args.max_replays));
    // Nobody follows who does not read.
    let followed = match outcomes {
        Some(outcomes) if shown.is_ok() => wait(&config, &sent, outcomes, args.timeout).await,
        Some(_) | None => Ok(shown?),
    };
    ensure!(sent.len() == plan.send.len(), "{} could not be sent", plan.send.len() - sent.len());
    followed
}

/// When the members of what may be sent were erased.
async fn erasures(config: &Config, planner: &Planner) -> anyhow::Result<Erasures> {
    if planner.candidates().all(|letter| letter.member.is_none()) {
        return Ok(Erasures::default());
    }
    let state = ops::redis(config).await.context("whose data was erased is not known, so nothing is sent")?;
    Ok(Erasures::of(&state, planner.candidates()).await?)
}

/// Partitions of each topic that something is sent to.
async fn target_partitions(config: &Config, plan: &Plan) -> anyhow::Result<BTreeMap<String, usize>> {
    let mut topics: Vec<String> = plan.send.iter().map(|letter| letter.original.topic.to_string()).collect();
    topics.sort_unstable();
    topics.dedup();
    let there = super::partitions(config, &topics).await?;
    if let Some(missing) = topics.iter().find(|topic| !there.contains_key(*topic)) {
        bail!("{missing} does not exist: nothing was sent");
    }
    Ok(there)
}

/// Whether its topic lacks its partition.
fn lacks_partition(letter: &Letter, partitions: &BTreeMap<String, usize>) -> bool {
    let count = partitions.get(letter.original.topic.as_ref()).copied().unwrap_or_default();
    letter.original.partition.is_none_or(|partition| usize::try_from(partition).map_or(true, |index| index >= count))
}

fn moved(letter: &Letter, partitions: &BTreeMap<String, usize>) -> &'static str {
    if lacks_partition(letter, partitions) { "  (its key decides the partition)" } else { "" }
}

/// Sends in order, whether or not anybody reads of it; what is no longer there, and what the broker refuses, is told and
/// left out of what is returned.
async fn send<'a>(
    config: &Config,
    plan: &'a Plan,
    partitions: &BTreeMap<String, usize>,
) -> anyhow::Result<(Vec<&'a Letter>, Result<(), PrintError>)> {
    let producer = Arc::new(KafkaProducer::open(&config.kafka)?);
    let (mut sent, mut shown) = (Vec::new(), Ok(()));
    let mut trouble = std::pin::pin!(producer.lasting_trouble());
    let mut is_told = false;
    let mut left = plan.send.as_slice();
    while !left.is_empty() {
        let (now, later) = left.split_at(readable_at_once(left));
        left = later;
        let mut contents = contents(config, now).await?;
        let sending = stream::iter(now).map(|letter| {
            let outgoing = contents.remove(&letter.at).map(|contents| {
                let mut outgoing = outgoing(letter, contents);
                if lacks_partition(letter, partitions) {
                    outgoing.partition = None;
                }
                outgoing
            });
            let producer = producer.clone();
            async move {
                let Some(outgoing) = outgoing else { return (letter, Err("it is no longer there".to_owned())) };
                (letter, producer.send(&outgoing).await.map_err(|refused| refused.to_string()))
            }
        });
        let mut sending = std::pin::pin!(sending.buffered(AT_ONCE));
        loop {
            let next = tokio::select! {
                next = sending.next() => next,
                reason = &mut trouble, if !is_told => {
                    log::tell(format_args!("waiting: {reason}"));
                    is_told = true;
                    continue;
                }
            };
            let Some((letter, result)) = next else { break };
            match result {
                Ok(()) => {
                    shown = shown.and_then(|()| say!("sent {}{}", letter.summary(), moved(letter, partitions)));
                    sent.push(letter);
                }
                Err(reason) => log::tell(format_args!("not sent {}: {reason}", letter.at)),
            }
        }
    }
    Ok((sent, shown))
}

/// How many of these letters are read at once, at least one.
fn readable_at_once(letters: &[Letter]) -> usize {
    let mut bytes = 0_usize;
    let fitting = letters.iter().take(READ_AT_ONCE).take_while(|letter| {
        bytes = bytes.saturating_add(letter.size);
        bytes <= READ_AT_ONCE_BYTES
    });
    fitting.count().max(1)
}

/// What lies in these dead letters, as far as they are still there.
async fn contents(config: &Config, letters: &[Letter]) -> anyhow::Result<HashMap<Coordinates, Contents>> {
    let places: BTreeSet<Coordinates> = letters.iter().map(|letter| letter.at.clone()).collect();
    let kafka = config.kafka.clone();
    let reading = tokio::task::spawn_blocking(move || snapshot::read_these(&kafka, &places));
    let seen = reading.await.map_err(KafkaError::from).flatten().context("the dead letters could not be read again")?;
    let found = seen.into_iter().filter_map(|seen| Letter::read(seen, &config.topics));
    Ok(found.map(|(letter, contents)| (letter.at, contents)).collect())
}

fn tell_counts(plan: &Plan, max_replays: u64) -> Result<(), PrintError> {
    for (code, count) in plan.by_code() {
        say!("{count:>8}  {}", text::printable(code.as_bytes()))?;
    }
    let Left { looping, superseded, foreign, answered, erased, unknown, beyond_limit } = plan.left;
    let left = [
        (answered, "left: answered since".to_owned()),
        (erased, "left: their members were erased since (session delete)".to_owned()),
        (unknown, "left: older than the outcomes that are kept, perhaps answered (--unknown)".to_owned()),
        (looping, format!("left: replayed {max_replays} times or more (--max-replays)")),
        (superseded, "left: kept again later, and only the latest counts".to_owned()),
        (foreign, "left: from a topic that is no request topic of these settings".to_owned()),
        (beyond_limit, "left: beyond --limit".to_owned()),
    ];
    for (count, text) in left.iter().filter(|(count, _)| *count > 0) {
        say!("{count:>8}  {text}")?;
    }
    Ok(())
}

/// Outcomes and dead letters from now on.
async fn arriving(config: &Config) -> anyhow::Result<Receiver<Seen>> {
    let requests = config.topics.requests().map(|(topic, _)| topic.to_string());
    let topics: Vec<String> = config.topics.needed().into_iter().filter(|topic| !requests.contains(topic)).collect();
    let kafka = config.kafka.clone();
    Ok(tokio::task::spawn_blocking(move || follow(&kafka, &topics, &Start::Now)).await??)
}

/// Shows each ending as it comes.
async fn wait(
    config: &Config,
    sent: &[&Letter],
    mut arriving: Receiver<Seen>,
    patience: Duration,
) -> anyhow::Result<()> {
    let mut waiting = Waiting::new(&config.topics);
    sent.iter().for_each(|letter| waiting.add(letter));
    let end = Instant::now() + patience;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    while !waiting.is_empty() {
        let Ok(next) = timeout_at(end, arriving.recv()).await else { break };
        let Some(seen) = next else { bail!("the outcome topics can no longer be read") };
        if let Some((at, ending)) = waiting.end(seen) {
            let ending = text::printable(ending.to_string().as_bytes());
            say!("ended {at}  {ending}  ({} of {})", sent.len() - waiting.len(), sent.len())?;
            *counts.entry(ending).or_default() += 1;
        }
    }
    for (ending, count) in &counts {
        say!("{count:>8}  {ending}")?;
    }
    ensure!(waiting.is_empty(), "{} had not ended after {}", waiting.len(), humantime::format_duration(patience));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::letter::tests::{letter, seen};
    use super::*;

    #[test]
    fn letters_are_read_as_many_as_fit_and_one_at_least() {
        let letters = |sizes: &[usize]| -> Vec<Letter> {
            let letter = letter(seen(0, "", &[]));
            sizes.iter().map(|size| Letter { size: *size, ..letter.clone() }).collect()
        };
        let half = READ_AT_ONCE_BYTES / 2;
        assert_eq!(readable_at_once(&letters(&[half, half, 1])), 2);
        assert_eq!(readable_at_once(&letters(&[3 * half, 1])), 1);
        assert_eq!(readable_at_once(&letters(&[1; READ_AT_ONCE + 1])), READ_AT_ONCE);
    }
}
