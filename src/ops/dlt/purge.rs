//! `dlt purge`.

use anyhow::{Context, ensure};
use clap::Args;
use time::OffsetDateTime;

use super::filter::When;
use crate::config::{Config, Settings};
use crate::kafka::error::KafkaError;
use crate::kafka::purge::{self, Older};
use crate::ops::audit::{Access, Looked};
use crate::ops::text;
use crate::print::say;
use crate::telemetry::log;

#[derive(Args)]
pub struct PurgeArgs {
    /// Those kept before this moment: RFC 3339, or how long ago (30d)
    #[arg(long, value_name = "TIME")]
    before: When,
    /// Only of this request topic; may be given several times [default: all three]
    #[arg(long, value_name = "TOPIC")]
    topic: Vec<String>,
    /// Delete them; without this nothing is deleted
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    access: Access,
    #[command(flatten)]
    settings: Settings,
}

pub async fn run(args: PurgeArgs) -> anyhow::Result<()> {
    let config = args.settings.check()?;
    super::start_log(&config)?;
    let before = args.before.millis(OffsetDateTime::now_utc());
    let topics = dead_letter_topics(&config, &args.topic)?;
    let topics = super::existing(&config, &topics).await?;
    let (kafka, names) = (config.kafka.clone(), topics.clone());
    let looking = tokio::task::spawn_blocking(move || purge::older(&kafka, &names, before));
    let older = looking.await.map_err(KafkaError::from).flatten().context("the dead letters could not be looked at")?;
    let moment = text::instant(Some(before));
    if !args.yes {
        for topic in &topics {
            say!("would delete {:>8}  of {topic}, kept before {moment}", count(&older, topic))?;
        }
        let all: i64 = older.iter().map(Older::count).sum();
        return Ok(say!("{all} would be deleted; --yes deletes them")?);
    }
    let records = older.iter().map(Older::count).sum::<i64>();
    let (topics_noted, records) = (topics.clone(), usize::try_from(records).ok());
    args.access.note(&Looked { changes: true, topics: topics_noted, records, ..Looked::new("dlt purge") })?;
    let mut shown = Ok(());
    let mut failed = 0;
    for topic in &topics {
        let of_topic: Vec<Older> = older.iter().filter(|older| older.topic == *topic).cloned().collect();
        let mut deleted = 0;
        for (older, result) in of_topic.iter().zip(purge::delete(&config.kafka, &of_topic).await?) {
            match result {
                Ok(()) => deleted += older.count(),
                Err(error) => {
                    failed += 1;
                    log::tell(format_args!("{} of {topic}/{} are left: {error}", older.count(), older.partition));
                }
            }
        }
        // Whoever does not read of it hinders nothing.
        shown = shown.and_then(|()| say!("deleted {deleted:>8}  of {topic}, kept before {moment}"));
    }
    ensure!(failed == 0, "{failed} partitions could not be purged");
    Ok(shown?)
}

fn count(older: &[Older], topic: &str) -> i64 {
    older.iter().filter(|older| older.topic == topic).map(Older::count).sum()
}

/// The topics of dead letters that an operator means, by the names of their request topics, or by their own.
fn dead_letter_topics(config: &Config, named: &[String]) -> anyhow::Result<Vec<String>> {
    let requests = config.topics.requests().map(|(topic, _)| topic.to_string());
    let own = |name: &String| requests.iter().find(|topic| config.topics.dead_letters(topic) == *name);
    let named: Vec<String> = named.iter().map(|name| own(name).unwrap_or(name).clone()).collect();
    let topics = super::request_topics(&config.topics, &named)?;
    let dead_letters: Vec<String> = topics.iter().map(|topic| config.topics.dead_letters(topic)).collect();
    // Settings may call an outcome topic so.
    let outcomes = config.topics.outcomes.values().chain(config.topics.progress.as_ref());
    let others: Vec<&str> = outcomes.map(AsRef::as_ref).chain(requests.iter().map(String::as_str)).collect();
    for topic in &dead_letters {
        ensure!(!others.contains(&topic.as_str()), "{topic} has more than dead letters: nothing was deleted");
    }
    Ok(dead_letters)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::events::outcome::OutcomeKind;

    fn config() -> Config {
        Settings::defaults().unwrap().check().unwrap()
    }

    #[test]
    fn dead_letters_are_meant_by_either_name_and_nothing_else_is() {
        let topics = |named: &[&str]| {
            let named: Vec<String> = named.iter().map(ToString::to_string).collect();
            dead_letter_topics(&config(), &named)
        };
        let all = ["FeedbackRequested-dlt", "ResumeInit-dlt", "ResumeAnswer-dlt"];
        assert_eq!(topics(&[]).unwrap(), all);
        assert_eq!(topics(&["ResumeInit"]).unwrap(), ["ResumeInit-dlt"]);
        assert_eq!(topics(&["ResumeInit-dlt", "ResumeAnswer"]).unwrap(), all[1..]);
        for other in ["RequestFailed", "RequestFailed-dlt", "Elsewhere"] {
            assert!(topics(&[other]).is_err(), "{other}");
        }
    }

    #[test]
    fn a_topic_that_takes_outcomes_too_is_left_alone() {
        let mut config = config();
        config.topics.outcomes.insert(OutcomeKind::RequestFailed, Arc::from("ResumeInit-dlt"));
        assert!(dead_letter_topics(&config, &[]).is_err());
        assert!(dead_letter_topics(&config, &["ResumeAnswer".to_owned()]).is_ok());
    }
}
