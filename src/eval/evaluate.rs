//! A whole evaluation: the model is woken, asked all that the cases ask for, and what comes is judged.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use anyhow::{Context, anyhow};
use futures_util::StreamExt;
use futures_util::stream;
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::app;
use crate::config::Config;
use crate::documents::folder::FolderDocuments;
use crate::documents::retrying::RetryingDocuments;
use crate::eval::asking::Asking;
use crate::eval::cases::{Cases, FeedbackCase};
use crate::eval::check::Kind;
use crate::eval::items;
use crate::eval::judge::Judge;
use crate::eval::recording::{RecordedEndpoint, RecordedModel};
use crate::eval::report::{FORMAT, Figures, Item, Report, Setup};
use crate::eval::server::{PrefixCache, Server};
use crate::events::outcome::timestamp;
use crate::events::request::MemberId;
use crate::flow_control::slots::Slots;
use crate::llm::chat::Endpoint;
use crate::llm::classify::Health;
use crate::llm::failover::Failover;
use crate::llm::vllm::{Vllm, VllmSettings};
use crate::llm::{Ask, Model, Preamble, Prompt};
use crate::resume::agent::Settings as Interviews;
use crate::state::Lifetimes;
use crate::state::memory::MemoryState;
use crate::telemetry::log;

/// How often progress is told.
const PROGRESS: Duration = Duration::from_secs(2);
/// Longer than any evaluation takes.
const KEPT: Duration = Duration::from_hours(240);

/// How an evaluation is run.
pub struct Options {
    pub only: Vec<String>,
    pub at_once: usize,
    /// Time for one request.
    pub limit: Duration,
    /// Where documents are written.
    pub documents: PathBuf,
    /// Who judges, too.
    pub judge: Option<VllmSettings>,
}

/// Asks all that the cases ask for, and judges what comes. Whoever interrupts it gets a report of what came until then.
///
/// # Errors
/// When nothing came that could be judged.
pub async fn evaluate(
    config: &Config,
    options: &Options,
    folder: &Path,
    cases: &Cases,
    old: Option<&Report>,
) -> anyhow::Result<Report> {
    let endpoint: Arc<dyn Endpoint> = Arc::new(Vllm::new(config.vllm.clone())?);
    wake(endpoint.as_ref(), options.limit).await?;
    let server = Server::new(&config.vllm.url)?;
    let model = named_model(&config.vllm, &server).await;
    let asking = asking(config, options)?;
    let (began, started) = (OffsetDateTime::now_utc(), Instant::now());
    let cached_before = server.prefix_cache().await;
    let mut items = ask_all(&asking, cases, options).await?;
    let cached =
        server.prefix_cache().await.zip(cached_before).and_then(|(after, before)| PrefixCache::since(after, before));
    let seconds = started.elapsed().as_secs_f64();
    if items.iter().all(|item| item.calls.iter().all(|call| call.raw.is_none())) {
        let why = items.iter().flat_map(|item| &item.calls).find_map(|call| call.fault.clone());
        return Err(anyhow!("the model answered nothing: {}", why.unwrap_or_else(|| "it was not asked".to_owned())));
    }
    let mut judged_by = None;
    if let Some(settings) = &options.judge {
        judge_all(config, options, settings, cases, &mut items, old).await?;
        judged_by = named_model(settings, &Server::new(&settings.url)?).await;
    }
    let deadline = u64::try_from(config.request_deadline.as_millis()).unwrap_or(u64::MAX);
    let setup = Setup {
        model,
        judge: judged_by,
        cases: folder.display().to_string(),
        only: options.only.clone(),
        at_once: options.at_once,
        limit_seconds: options.limit.as_secs(),
        deadline_seconds: config.request_deadline.as_secs(),
    };
    Ok(Report {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        began: timestamp(began),
        setup,
        figures: Figures::of(&items, seconds, cached, deadline),
        left_out: items::wanted(&cases.feedback, &cases.members).len().saturating_sub(items.len()),
        items,
    })
}

/// The model as it is named, or as its server does.
async fn named_model(settings: &VllmSettings, server: &Server) -> Option<String> {
    match &settings.model {
        Some(model) => Some(model.clone()),
        None => server.model(settings.api_key.as_deref()).await,
    }
}

/// Asks for one token: a server that is not there would be waited for in every case, and one that has just come loads its
/// model now.
async fn wake(endpoint: &dyn Endpoint, limit: Duration) -> anyhow::Result<()> {
    static NOTHING: LazyLock<Preamble> = LazyLock::new(|| Preamble::new([]));
    let ask = Ask {
        flow: None,
        prompts: vec![Prompt { preamble: &NOTHING, text: "1".into() }],
        temperature: 0.0,
        max_tokens: 1,
        min_tokens: 1,
        schema: None,
    };
    match endpoint.call(&ask, Instant::now() + limit, None).await {
        Err(fault) if fault.cause.health() == Health::Down => Err(anyhow!("the model does not answer: {fault}")),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// A model that is looked after while it is used.
fn started(model: Failover) -> Arc<dyn Model> {
    let model = Arc::new(model);
    let probed = model.clone();
    tokio::spawn(async move { probed.probe_forever().await });
    model
}

/// The worker's parts, with what stands in for its services.
fn asking(config: &Config, options: &Options) -> anyhow::Result<Asking> {
    let recorded = |endpoint| -> Arc<dyn Endpoint> { Arc::new(RecordedEndpoint(endpoint)) };
    let model = started(app::model(config, Arc::new(()), recorded)?);
    let model: Arc<dyn Model> = Arc::new(RecordedModel(model));
    let state = Arc::new(MemoryState::new(Lifetimes { session: KEPT, outcome: KEPT, lock: KEPT }));
    let documents = FolderDocuments::new(&options.documents, config.resume_url_ttl);
    Ok(Asking {
        model,
        state,
        documents: Arc::new(RetryingDocuments::new(Arc::new(documents))),
        interviews: Interviews {
            min_questions: config.min_questions,
            max_questions: config.max_questions,
            upload_prefix: String::new(),
            deadline: options.limit,
        },
        slots: Slots::new(options.at_once).of_group(),
        limit: options.limit,
    })
}

async fn ask_all(asking: &Asking, cases: &Cases, options: &Options) -> anyhow::Result<Vec<Item>> {
    let wanted = items::wanted(&cases.feedback, &cases.members);
    let all = wanted.len();
    let works = wanted.iter().zip(1..).map(async |(wanted, number)| {
        let member = MemberId::new(number).context("more cases than members")?;
        let worked = asking.work(member, *wanted).await?;
        anyhow::Ok((number, items::item(*wanted, worked, &cases.rules, &options.documents)))
    });
    let interrupted = async {
        // Without a signal handler the first one ends the program, as anywhere.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let mut works = Box::pin(stream::iter(works).buffer_unordered(options.at_once).take_until(Box::pin(interrupted)));
    let (mut done, mut told) = (Vec::new(), Instant::now());
    while let Some(worked) = works.next().await {
        done.push(worked?);
        if told.elapsed() >= PROGRESS || done.len() == all {
            told = Instant::now();
            let faults = done.iter().filter(|(_, item)| item.findings.iter().any(|finding| !finding.holds)).count();
            log::tell(format_args!("{} of {all} done, {faults} with a fault", done.len()));
        }
    }
    done.sort_unstable_by_key(|(number, _)| *number);
    Ok(done.into_iter().map(|(_, item)| item).collect())
}

/// Has each feedback judged by another model.
async fn judge_all(
    config: &Config,
    options: &Options,
    settings: &VllmSettings,
    cases: &Cases,
    items: &mut [Item],
    old: Option<&Report>,
) -> anyhow::Result<()> {
    let config = Config { vllm: settings.clone(), ..config.clone() };
    let judge = Judge {
        model: started(app::model(&config, Arc::new(()), |endpoint| endpoint)?),
        slots: Slots::new(options.at_once).of_group(),
        limit: options.limit,
    };
    let by_id: HashMap<&str, &FeedbackCase> = cases.feedback.iter().map(|case| (case.id.as_str(), case)).collect();
    let feedback = |items: &Item| (items.kind == Kind::Feedback).then(|| items.read.clone()).flatten();
    let old: HashMap<&str, String> = old
        .into_iter()
        .flat_map(|old| &old.items)
        .filter_map(|item| Some((item.id.as_str(), feedback(item)?)))
        .collect();
    log::tell("the judge reads");
    let judged = items.iter_mut().map(async |item| {
        if let (Some(read), Some(case)) = (feedback(item), by_id.get(item.id.as_str())) {
            item.opinion = Some(judge.judge(case, &read, old.get(item.id.as_str()).map(String::as_str)).await);
        }
    });
    stream::iter(judged).buffer_unordered(options.at_once).collect::<Vec<()>>().await;
    Ok(())
}
