//! `dlt replay`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{bail, ensure};
use clap::Args;
use futures_util::{StreamExt, stream};
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, timeout_at};

use super::filter::Filter;
use super::follow::Waiting;
use super::letter::Letter;
use super::plan::{Left, Plan, Planner, outgoing};
use crate::config::{Config, Settings, read_duration};
use crate::kafka::outgoing::Producer;
use crate::kafka::producer::KafkaProducer;
use crate::kafka::reader::{Seen, Start, follow};
use crate::ops::text;
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
    /// Wait for the outcomes and show how each request ended
    #[arg(long, requires = "yes")]
    follow: bool,
    /// How long to wait for them
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = read_duration, requires = "follow")]
    timeout: Duration,
    #[command(flatten)]
    settings: Settings,
}

/// Records on their way to the broker at once; it keeps their order.
const AT_ONCE: usize = 100;

pub async fn run(args: ReplayArgs) -> anyhow::Result<()> {
    let config = args.settings.check()?;
    super::start_log(&config)?;
    let selection = args.filter.select(&config)?;
    let request_topics = config.topics.requests().map(|(topic, _)| topic).to_vec();
    let planner = super::read(&config, selection, Planner::new(request_topics), |planner, letter, chosen| {
        planner.add(letter, chosen);
    })
    .await?;
    let plan = planner.finish(args.max_replays, args.filter.limit);
    let partitions = target_partitions(&config, &plan).await?;
    if !args.yes {
        for letter in &plan.send {
            say!("would send {}{}", letter.summary(), moved(letter, &partitions))?;
        }
        say!("{} would be sent; --yes sends them", plan.send.len())?;
        return Ok(tell_counts(&plan, args.max_replays)?);
    }
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

/// Sends in order, whether or not anybody reads of it; what the broker refuses is told and left out of what is returned.
async fn send<'a>(
    config: &Config,
    plan: &'a Plan,
    partitions: &BTreeMap<String, usize>,
) -> anyhow::Result<(Vec<&'a Letter>, Result<(), PrintError>)> {
    let producer = Arc::new(KafkaProducer::open(&config.kafka)?);
    let sending = stream::iter(&plan.send).map(|letter| {
        let mut outgoing = outgoing(letter);
        if lacks_partition(letter, partitions) {
            outgoing.partition = None;
        }
        let producer = producer.clone();
        async move { (letter, producer.send(&outgoing).await) }
    });
    let mut sending = std::pin::pin!(sending.buffered(AT_ONCE));
    let (mut sent, mut shown) = (Vec::new(), Ok(()));
    let mut trouble = std::pin::pin!(producer.lasting_trouble());
    let mut is_told = false;
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
            Err(refused) => log::tell(format_args!("not sent {}: {refused}", letter.at)),
        }
    }
    Ok((sent, shown))
}

fn tell_counts(plan: &Plan, max_replays: u64) -> Result<(), PrintError> {
    for (code, count) in plan.by_code() {
        say!("{count:>8}  {}", text::printable(code.as_bytes()))?;
    }
    let Left { looping, superseded, foreign, beyond_limit } = plan.left;
    let left = [
        (looping, format!("left: replayed {max_replays} times or more (--max-replays)")),
        (superseded, "left: kept again later, and only the latest counts".to_owned()),
        (foreign, "left: from a topic that is no request topic of these settings".to_owned()),
        (beyond_limit, "left: beyond --limit".to_owned()),
        (
            plan.send.iter().filter(|letter| letter.answers_any_question).count(),
            "of these are answers that name no question: they answer the one that is open when they are worked"
                .to_owned(),
        ),
    ];
    for (count, text) in left.iter().filter(|(count, _)| *count > 0) {
        say!("{count:>8}  {text}")?;
    }
    Ok(())
}

/// Outcomes and dead letters from now on.
async fn arriving(config: &Config) -> anyhow::Result<Receiver<Seen>> {
    let requests = config.topics.requests().map(|(topic, _)| topic.to_string());
    let topics: Vec<String> = config.topics.all().into_iter().filter(|topic| !requests.contains(topic)).collect();
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
