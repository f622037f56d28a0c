//! `dlt list`.

use std::collections::BTreeMap;

use clap::Args;

use super::filter::Filter;
use super::letter::Summary;
use crate::config::Settings;
use crate::print::say;

#[derive(Args)]
pub struct ListArgs {
    #[command(flatten)]
    filter: Filter,
    /// One JSON object a line, and no counts
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: Settings,
}

pub async fn run(args: ListArgs) -> anyhow::Result<()> {
    let config = args.settings.check()?;
    super::start_log(&config)?;
    let selection = args.filter.select(&config)?;
    let mut found = super::read(&config, selection, Vec::new(), |found, letter, chosen| {
        if chosen {
            let (time, at) = letter.age();
            found.push(((time, at.clone()), letter.summary()));
        }
    })
    .await?;
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    let shown = found.iter().map(|(_, summary)| summary).take(args.filter.limit.unwrap_or(usize::MAX));
    if args.json {
        for summary in shown {
            say!("{}", serde_json::to_string(summary)?)?;
        }
        return Ok(());
    }
    for summary in shown {
        say!("{summary}")?;
    }
    say!("{} dead letters", found.len())?;
    for (code, count) in by_code(found.iter().map(|(_, summary)| summary)) {
        say!("{count:>8}  {code}")?;
    }
    Ok(())
}

fn by_code<'a>(summaries: impl Iterator<Item = &'a Summary>) -> BTreeMap<&'a str, usize> {
    let mut counts = BTreeMap::new();
    for summary in summaries {
        *counts.entry(summary.code.as_deref().unwrap_or("-")).or_default() += 1;
    }
    counts
}
