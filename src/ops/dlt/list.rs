//! `dlt list`.

use std::collections::{BTreeMap, HashMap};

use clap::Args;

use super::answers::Answers;
use super::erased::Erasures;
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
    let nothing = (Vec::new(), HashMap::new());
    let (mut found, replays) = super::read(&config, selection, nothing, |(found, replays), letter, chosen| {
        let most: &mut u64 = replays.entry(letter.request()).or_default();
        *most = letter.replays.max(*most);
        if chosen {
            found.push(letter);
        }
    })
    .await?;
    found.sort_by(|a: &Letter, b| a.age().cmp(&b.age()));
    let mut answers = Answers::new(&config.topics);
    for letter in &found {
        answers.look_for(letter, replays.get(&letter.request()).copied().unwrap_or_default());
    }
    let answers = answers.read(&config).await?;
    let erased = Erasures::to_show(&config, found.iter()).await;
    for letter in found.iter().take(args.filter.limit.unwrap_or(usize::MAX)) {
        let answered = answers.of(letter).map(|ending| text::printable(ending.to_string().as_bytes()));
        let (answer_unknown, member_erased) = (answers.is_unknown(letter), erased.holds(letter));
        let summary = Summary { answered, answer_unknown, member_erased, ..letter.summary() };
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
    let unknown = found.iter().filter(|letter| answers.is_unknown(letter)).count();
    if unknown > 0 {
        say!("{unknown} of them perhaps answered: outcomes from then are no longer kept")?;
    }
    let erased = found.iter().filter(|letter| erased.holds(letter)).count();
    if erased > 0 {
        say!("{erased} of them of members that were erased since (session delete)")?;
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
