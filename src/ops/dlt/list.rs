//! `dlt list`.

use std::collections::BTreeMap;

use clap::Args;

use super::answers::Answers;
use super::filter::Filter;
use super::letter::{Letter, Summary};
use crate::config::Settings;
use crate::ops::text;
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
            found.push(letter);
        }
    })
    .await?;
    found.sort_by(|a: &Letter, b| a.age().cmp(&b.age()));
    let mut answers = Answers::new(&config.topics);
    found.iter().for_each(|letter| answers.look_for(letter));
    let answers = answers.read(&config).await?;
    for letter in found.iter().take(args.filter.limit.unwrap_or(usize::MAX)) {
        let answered = answers.of(letter).map(|ending| text::printable(ending.to_string().as_bytes()));
        let summary = Summary { answered, ..letter.summary() };
        if args.json {
            say!("{}", serde_json::to_string(&summary)?)?;
        } else {
            say!("{summary}")?;
        }
    }
    if args.json {
        return Ok(());
    }
    say!("{} dead letters", found.len())?;
    for (code, count) in by_code(&found) {
        say!("{count:>8}  {code}")?;
    }
    let answered = found.iter().filter(|letter| answers.of(letter).is_some()).count();
    if answered > 0 {
        say!("{answered} of them answered since")?;
    }
    Ok(())
}

fn by_code(letters: &[Letter]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for letter in letters {
        let code = letter.code.as_deref().map_or_else(|| "-".to_owned(), |code| text::printable(code.as_bytes()));
        *counts.entry(code).or_default() += 1;
    }
    counts
}
