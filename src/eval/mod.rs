//! `ssammu-worker eval`: whether what a model makes of our prompts is any good. It asks all that the cases ask for, through
//! the worker's own prompts, budget, client and readers, judges what a program can judge, and says what got better and
//! worse. `docs/eval.md` is its manual.

mod asking;
mod baseline;
mod cases;
mod check;
mod evaluate;
mod html;
mod items;
mod judge;
mod judging;
mod phrase;
mod recording;
mod report;
mod server;
mod table;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use url::Url;

use crate::config::{Settings, read_duration};
use crate::eval::baseline::Change;
use crate::eval::cases::Cases;
use crate::eval::evaluate::{Options, evaluate};
use crate::eval::report::Report;
use crate::llm::vllm::VllmSettings;
use crate::print::say;
use crate::telemetry::log;

/// What `eval` is told. The model and its deadline are the worker's own settings.
#[derive(Args)]
pub struct EvalArgs {
    /// The cases: a folder, or one file of it
    #[arg(long, default_value = "tests/eval")]
    cases: PathBuf,
    /// Only cases with one of these in their id, separated by commas
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Where the report is written
    #[arg(long, default_value = "target/eval/report.json")]
    out: PathBuf,
    /// Where its page is written [default: beside the report]
    #[arg(long)]
    html: Option<PathBuf>,
    /// An older report to compare with
    #[arg(long)]
    baseline: Option<PathBuf>,
    /// Requests that are worked at once
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    at_once: u16,
    /// Time for one request, and for each of its calls, however long REQUEST_DEADLINE is: a slow server is judged, too
    #[arg(long, default_value = "5m", value_parser = read_duration)]
    limit: Duration,
    /// Where the documents of résumés are written
    #[arg(long, default_value = "target/eval/documents")]
    documents: PathBuf,
    /// A model server that judges feedback, too, from 1 to 5; what members wrote goes there
    #[arg(long)]
    judge_url: Option<Url>,
    /// Model to ask for there; without it the first that the server lists
    #[arg(long, requires = "judge_url")]
    judge_model: Option<String>,
    /// Key of that server, if it wants one
    #[arg(long, env, hide_env_values = true)]
    judge_api_key: Option<String>,
    #[command(flatten)]
    settings: Settings,
}

/// Nothing was judged, and so nothing is said of the model.
#[derive(Debug, thiserror::Error)]
#[error("eval could not run")]
pub struct CouldNotRun;

/// Against the older report, something that counts got worse.
#[derive(Debug, thiserror::Error)]
#[error("worse than before, beyond chance: {0}")]
pub struct Fell(String);

impl EvalArgs {
    /// Does what the command line says.
    ///
    /// # Errors
    /// [`CouldNotRun`], or [`Fell`], or that nobody can be shown anything.
    pub async fn run(self) -> anyhow::Result<()> {
        let mut config = self.settings.check()?;
        log::start(config.log_format, "error")?;
        // Who stands in for the model would be judged in its place.
        config.openai = None;
        let options = Options {
            only: self.only,
            at_once: usize::from(self.at_once),
            limit: self.limit,
            documents: self.documents,
            judge: self.judge_url.map(|url| VllmSettings {
                url,
                model: self.judge_model,
                api_key: self.judge_api_key,
                through_proxy: config.vllm.through_proxy,
            }),
        };
        let html = self.html.unwrap_or_else(|| self.out.with_extension("html"));
        let (report, changes) = async {
            let cases = Cases::read(&self.cases, &options.only)?;
            let old = self.baseline.as_deref().map(old_report).transpose()?;
            let is_older = old.as_ref().is_none_or(|old| old.items.iter().any(|item| cases.has(&item.id)));
            ensure!(is_older, "the baseline has none of these cases");
            // A model may take hours, which are not to be lost for want of a folder.
            [&self.out, &html].into_iter().try_for_each(|file| make_folder(file))?;
            let report = evaluate(&config, &options, &self.cases, &cases, old.as_ref()).await?;
            let changes = old.map(|old| baseline::compare(&old.items, &report.items));
            write(&self.out, &serde_json::to_string_pretty(&report)?)?;
            write(&html, &html::page(&report, changes.as_deref()))?;
            anyhow::Ok((report, changes))
        }
        .await
        .context(CouldNotRun)?;
        let shown =
            say!("{}report    {}, {}", table::table(&report, changes.as_deref()), self.out.display(), html.display());
        let fell: Vec<String> =
            changes.into_iter().flatten().filter(|change| change.fell).map(|change| named(&change)).collect();
        if !fell.is_empty() {
            return Err(Fell(fell.join(", ")).into());
        }
        Ok(shown?)
    }
}

fn named(change: &Change) -> String {
    format!("{} {}", change.kind.name(), change.check.name())
}

fn old_report(file: &Path) -> anyhow::Result<Report> {
    let read = || baseline::read(&std::fs::read_to_string(file)?);
    read().with_context(|| format!("the baseline {}", file.display()))
}

fn make_folder(file: &Path) -> anyhow::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).with_context(|| format!("{} could not be made", folder.display()))
}

fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(file, text).with_context(|| format!("{} could not be written", file.display()))
}
