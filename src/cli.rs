//! The commands. `--help` is the manual.

#[cfg(test)]
mod deployment;
mod secret_flags;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::error::ErrorKind;
use clap::{Arg, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use url::Url;

use crate::app::{self, BackEnds};
use crate::config::{Config, Mistakes, Settings, read_duration};
use crate::contract::asyncapi;
use crate::dev;
use crate::eval;
use crate::exit;
use crate::gateway::auth::settings::is_loopback;
use crate::gateway::{self, settings::GatewaySettings};
use crate::http;
use crate::kafka::admin::{self, Admin, Found, Shape, Wanted};
use crate::kafka::error::KafkaError;
use crate::open_files;
use crate::ops;
use crate::print::say;
use crate::proxies::Proxies;
use crate::telemetry::log;

/// As if SIGINT had killed it: work was left undone.
const ASKED_TWICE: u8 = 130;

/// Answers CareerBee's feedback and résumé requests from Kafka with a language model.
#[derive(Parser)]
#[command(version, max_term_width = 110)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the worker
    Run(Box<RunArgs>),
    /// Run the worker with everything embedded: no service has to be installed
    Dev(DevArgs),
    /// Make the topics that are missing, and say what differs from what the worker needs
    Topics(Box<TopicsArgs>),
    /// Look at dead letters, and send them back to be worked again
    #[command(subcommand)]
    Dlt(ops::dlt::Command),
    /// Look at members' résumé interviews, and remove a member's data
    #[command(subcommand)]
    Session(ops::session::Command),
    /// Serve a page to try the worker with, the old HTTP API and event streams, all by way of Kafka
    ///
    /// It stands in for the product's own servers in development, demonstrations and
    /// migration; the worker does not need it. Beyond loopback it starts only where
    /// GATEWAY_API_TOKENS_FILE, GATEWAY_AUTH_URL or GATEWAY_JWT_KEY_FILE says who may ask,
    /// or GATEWAY_OPEN=true that everybody may. A request's Idempotency-Key header, where
    /// there is one, is its id: sent again, it is the same request. An outcome answers
    /// the callers that wait for it, and goes to the member's event streams:
    ///
    ///   POST /feedback/create, /api/v1/feedback/create
    ///   POST /api/v1/resume/agent/init, /api/v1/resume/agent/update
    ///   GET  /api/v1/sse/subscribe?memberId=7
    ///        &lastEventId=ID, or the header Last-Event-ID: what came after it; 0 for all
    ///        &records=true: the records of Kafka, too
    ///   GET  /documents/KEY, /health-check, /livez, /readyz, and the page at /
    #[command(verbatim_doc_comment)]
    Gateway(Box<GatewayArgs>),
    /// Ask a worker, or a gateway, whether it is ready; exits with 0 when it is
    Healthcheck(Box<HealthcheckArgs>),
    /// Serve the scripted model of `dev` by itself: vLLM's API, for trying things out without a GPU
    ScriptedModel {
        /// Where to listen
        #[arg(long, default_value = "127.0.0.1:8001")]
        addr: String,
        /// How long each reply takes
        #[arg(long, default_value = "1500ms", value_parser = read_duration)]
        latency: Duration,
        /// How many tokens it writes a second: then the latency is that of the first one alone
        #[arg(long)]
        tokens_per_second: Option<NonZeroU32>,
        /// Misbehave as real models do, in this way, or in all of them by turns
        #[arg(long, value_enum, num_args = 0..=1, default_missing_value = "all")]
        misbehave: Option<dev::model::Misbehaviour>,
    },
    /// Judge what a model makes of the prompts: asks all that the cases ask for, as the worker would, without Kafka or Redis
    ///
    /// A table is printed, and a report written, as JSON and as a page with every reply. It exits with 1 when, against
    /// --baseline, something that counts fell beyond chance, and with 2 when nothing could be judged. docs/eval.md says
    /// what is judged, and what no program can see.
    Eval(Box<eval::EvalArgs>),
    /// Write the contract's documents into a folder: the JSON Schemas of all events, and asyncapi.yaml
    Schemas {
        /// The folder
        #[arg(default_value = "schemas")]
        folder: PathBuf,
    },
}

#[derive(Args)]
struct RunArgs {
    #[command(flatten)]
    settings: Settings,
}

#[derive(Args)]
struct GatewayArgs {
    #[command(flatten)]
    gateway: GatewaySettings,
    #[command(flatten)]
    settings: Settings,
}

impl GatewayArgs {
    /// Where to listen, how a gateway is run, and what it needs of the worker's settings.
    fn check(self) -> Result<(String, gateway::Options, Config), Mistakes> {
        let addr = self.gateway.addr.clone();
        match (self.settings.check(), self.gateway.check()) {
            (Ok(config), Ok(options)) => Ok((addr, options, config)),
            (config, options) => {
                let of_both = [config.err().map(|mistakes| mistakes.0), options.err()];
                Err(Mistakes(of_both.into_iter().flatten().flatten().collect()))
            }
        }
    }
}

#[derive(Args)]
struct HealthcheckArgs {
    /// Whom to ask, as host:port [default: HTTP_ADDR]
    address: Option<String>,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Args)]
struct DevArgs {
    /// End after the demonstration; exits with 1 when anything went wrong
    #[arg(long)]
    once: bool,
    /// A real model server instead of the scripted one
    #[arg(long)]
    vllm_url: Option<Url>,
    /// Model to ask for; without it the first that the server lists
    #[arg(long)]
    model_name: Option<String>,
    /// How many tokens the scripted model writes a second; all at once without it
    #[arg(long)]
    tokens_per_second: Option<NonZeroU32>,
    /// Time for one request; a slow model needs more
    #[arg(long, env, hide_env_values = true, value_parser = read_duration, default_value = "60s")]
    request_deadline: Duration,
    /// Where documents are written
    #[arg(long, default_value = "target/dev-documents")]
    documents: PathBuf,
    /// Where health and metrics are served
    #[arg(long, default_value = "127.0.0.1:0")]
    http_addr: String,
    /// Where the page is served [default: 127.0.0.1:8000, or any free port]
    #[arg(long)]
    gateway_addr: Option<String>,
    /// What to log, as tracing's directives
    #[arg(long, env, hide_env_values = true, default_value = "warn")]
    rust_log: String,
}

#[derive(Args)]
struct TopicsArgs {
    #[command(flatten)]
    settings: Settings,
    /// Partitions of each new topic
    #[arg(long, default_value_t = admin::PARTITIONS, value_parser = clap::value_parser!(i32).range(1..=10_000))]
    partitions: i32,
    /// Replicas of each new topic [default: the broker's]
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..=100))]
    replication: Option<i32>,
    /// How long new topics keep records, which hold what members wrote
    #[arg(long, value_parser = read_duration, default_value = "7d")]
    retention: Duration,
    /// How long new dead-letter topics keep records
    #[arg(long, value_parser = read_duration, default_value = "30d")]
    dead_letter_retention: Duration,
    /// How long a new topic of progress keeps records
    #[arg(long, value_parser = read_duration, default_value = "1h")]
    progress_retention: Duration,
    /// How long anything may keep what members wrote: topics that keep it longer are told
    #[arg(long, env, hide_env_values = true, value_parser = read_duration, default_value = "35d")]
    personal_data_max_age: Duration,
}

impl Cli {
    /// What the command line and the environment say. Where they cannot be read, or ask for the manual, the process ends.
    pub fn read() -> Self {
        let matches = without_empty_variables(Self::command()).try_get_matches();
        let read = matches.and_then(|matches| {
            secret_flags::refuse(&mut Self::command(), &matches)?;
            Self::from_arg_matches(&matches)
        });
        read.unwrap_or_else(|error| match error.kind() {
            // The manual has every variable.
            ErrorKind::DisplayHelp => Self::parse(),
            _ => error.exit(),
        })
    }

    /// Does what the command line says.
    ///
    /// # Errors
    /// What to tell the person who ran it.
    pub fn run(self) -> anyhow::Result<()> {
        // One thread carries everything that waits; what blocks or computes goes to threads of its own.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let done = runtime.block_on(async {
            match self.command {
                Command::Run(args) => run(args.settings.check()?).await,
                Command::Dev(args) => dev(args).await,
                Command::Topics(args) => topics(*args).await,
                Command::Dlt(command) => command.run().await,
                Command::Session(command) => command.run().await,
                Command::Gateway(args) => {
                    let (addr, options, config) = args.check()?;
                    gateway(&addr, options, config).await
                }
                Command::Healthcheck(args) => {
                    let config = args.settings.check()?;
                    http::healthcheck(args.address.as_deref().unwrap_or(&config.http_addr)).await
                }
                Command::ScriptedModel { addr, latency, tokens_per_second, misbehave } => {
                    let script = dev::model::Script { latency, tokens_per_second, misbehaviour: misbehave };
                    scripted_model(&addr, script).await
                }
                Command::Eval(args) => args.run().await,
                Command::Schemas { folder } => schemas(&folder),
            }
        });
        // A thread that waits for a dead broker does not keep the process.
        runtime.shutdown_timeout(app::LAST_THREADS);
        done
    }
}

/// An empty variable counts as unset: docker compose passes one that nobody set as an empty one.
fn without_empty_variables(command: clap::Command) -> clap::Command {
    let is_empty = |arg: &Arg| arg.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
    let command = command.mut_args(|arg| if is_empty(&arg) { arg.env(None::<&'static str>) } else { arg });
    command.mut_subcommands(without_empty_variables)
}

async fn run(config: Config) -> anyhow::Result<()> {
    log::start(config.log_format, &config.log_directives)?;
    let mut stop = pin!(stop_signal()?);
    let listener = TcpListener::bind(&config.http_addr)
        .await
        .with_context(|| format!("HTTP_ADDR: {} could not be listened on", config.http_addr))?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        kafka = config.kafka.bootstrap,
        redis = %config.redis,
        model = config.vllm.url.host_str(),
        fallback = config.openai.is_some(),
        bucket = config.s3_bucket,
        http = %listener.local_addr()?,
        max_in_flight = config.max_in_flight,
        // Whoever stops it waits as long, or has it killed.
        stops_within = ?(config.shutdown_grace + app::ENDING),
        "starting"
    );
    if let Some((needed, limit)) = open_files::make_room(config.max_in_flight) {
        tracing::warn!(needed, limit, "MAX_IN_FLIGHT needs more open files than the process may have (ulimit -n)");
    }
    if let Some(fallback) = &config.openai {
        let gets = if config.fallback_needs_consent {
            "requests with ce_overseasconsent=true alone (OPENAI_ONLY_WITH=consent)"
        } else {
            "every request that the model server cannot answer; OPENAI_ONLY_WITH=consent asks for a header"
        };
        tracing::info!(fallback = fallback.base_url.host_str(), gets, "the fallback is on; it may be overseas");
    }
    if !config.fallback_ignored.is_empty() {
        tracing::warn!(
            ignored = config.fallback_ignored.join(", "),
            "the fallback stays off; LLM_FALLBACK=openai turns it on, and takes members' data out of the country"
        );
    }
    // Looking for a region and credentials may take seconds.
    let back_ends = tokio::select! {
        back_ends = BackEnds::services(&config) => Some(back_ends),
        () = &mut stop => None,
    };
    if let Some(back_ends) = back_ends {
        app::run(&config, back_ends, listener, stop).await?;
    }
    tracing::info!("stopped");
    Ok(())
}

async fn gateway(addr: &str, options: gateway::Options, config: Config) -> anyhow::Result<()> {
    log::start(config.log_format, &config.log_directives)?;
    let mut stop = pin!(stop_signal()?);
    let listener = gateway::listen(addr).await?;
    open_files::make_room(0);
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        kafka = config.kafka.bootstrap,
        bucket = config.s3_bucket,
        http = %listener.local_addr()?,
        proof = options.auth.told(),
        "starting the gateway"
    );
    if options.auth.is_open() && !is_loopback(addr) {
        tracing::warn!("GATEWAY_OPEN: whoever reaches it may ask for any member's data");
    }
    let documents = tokio::select! {
        documents = app::documents(&config) => Some(documents),
        () = &mut stop => None,
    };
    if let Some(documents) = documents {
        Proxies::of_environment().tell("s3", documents.endpoint());
        gateway::run(&config, options, Arc::new(documents), listener, stop).await?;
    }
    tracing::info!("stopped");
    Ok(())
}

async fn dev(args: DevArgs) -> anyhow::Result<()> {
    log::start(log::Format::Text, &args.rust_log)?;
    let mut config = Settings::defaults()?.check()?;
    config.http_addr = args.http_addr;
    config.vllm.model = args.model_name;
    config.request_deadline = args.request_deadline;
    let options = dev::Options {
        once: args.once,
        vllm_url: args.vllm_url,
        tokens_per_second: args.tokens_per_second,
        documents: args.documents,
        gateway_addr: args.gateway_addr,
    };
    dev::run(config, options, stop_signal()?).await
}

async fn topics(args: TopicsArgs) -> anyhow::Result<()> {
    let TopicsArgs { settings, partitions, replication, retention, dead_letter_retention, progress_retention, .. } =
        args;
    let max_age = args.personal_data_max_age;
    let shape = Shape { partitions, replication, retention, dead_letter_retention, progress_retention };
    let config = settings.check()?;
    log::start(config.log_format, "warn")?;
    let admin = Admin::open(&config.kafka)?;
    let mut shown = Ok(());
    let mut say = |line: String| {
        if shown.is_ok() {
            shown = say!("{line}");
        }
    };
    let inventory = admin.inventory(config.topics.all()).await?;
    let mut there = inventory.partitions;
    for wanted in Wanted::all(&config.topics) {
        let Some(partitions) = there.get(&wanted.name).copied() else {
            let made = admin.create(&wanted, shape).await;
            made.with_context(|| format!("{} could not be made", wanted.name))?;
            say(format!("made    {} ({} partitions)", wanted.name, shape.partitions));
            there.insert(wanted.name, usize::try_from(shape.partitions).unwrap_or(0));
            continue;
        };
        say(format!("exists  {} ({partitions} partitions)", wanted.name));
        match differences(&admin, &wanted, partitions, &there).await {
            Ok((differences, found)) => {
                let kept = admin::kept_too_long(&wanted, &found, max_age);
                differences.iter().chain(&kept).for_each(|difference| say(format!("differs {difference}")));
            }
            Err(error) => say(format!("unknown {} could not be looked at: {error}", wanted.name)),
        }
    }
    if !inventory.held_by_one.is_empty() {
        let topics = inventory.held_by_one.join(", ");
        say(format!("alone   one replica holds {topics}: with its broker goes what is in them"));
    }
    Ok(shown?)
}

/// How a topic differs from what it should be, and what it is like.
async fn differences(
    admin: &Admin,
    wanted: &Wanted,
    partitions: usize,
    there: &BTreeMap<String, usize>,
) -> Result<(Vec<String>, Found), KafkaError> {
    let found = admin.describe(&wanted.name, partitions).await?;
    let request = match wanted.dead_letters_of().and_then(|topic| there.get_key_value(topic)) {
        Some((topic, partitions)) => Some(admin.describe(topic, *partitions).await?),
        None => None,
    };
    Ok((admin::differences(wanted, &found, request.as_ref()), found))
}

async fn scripted_model(addr: &str, script: dev::model::Script) -> anyhow::Result<()> {
    let listener = TcpListener::bind(addr).await.with_context(|| format!("{addr} could not be listened on"))?;
    // It serves whoever knows its address, too.
    let _ = say!("http://{}", listener.local_addr()?);
    Ok(dev::model::serve(listener, script, stop_signal()?).await?)
}

fn schemas(folder: &std::path::Path) -> anyhow::Result<()> {
    let mut shown = Ok(());
    std::fs::create_dir_all(folder)?;
    for (name, text) in asyncapi::files()? {
        let file = folder.join(name);
        std::fs::write(&file, text)?;
        shown = shown.and_then(|()| say!("{}", file.display()));
    }
    Ok(shown?)
}

/// Done when the process is asked to stop (SIGTERM, or SIGINT from a terminal). Being asked again ends it at once.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let (asked, stop) = oneshot::channel();
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        next().await;
        let _ = asked.send(());
        next().await;
        tracing::warn!("asked to stop a second time: ending at once");
        exit::end(ASKED_TWICE);
    });
    Ok(async {
        let _ = stop.await;
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_make_sense() {
        Cli::command().debug_assert();
    }

    #[test]
    fn told_to_stop_it_has_ended_before_kubernetes_kills_it() {
        let grace = Settings::defaults().unwrap().check().unwrap().shutdown_grace;
        assert!(
            grace + app::ENDING < Duration::from_secs(30),
            "terminationGracePeriodSeconds, unless somebody sets it"
        );
    }

    #[test]
    fn every_setting_is_an_environment_variable() {
        let commands = Cli::command();
        for name in ["run", "gateway"] {
            let arguments = commands.find_subcommand(name).unwrap().get_arguments();
            let without: Vec<&Arg> = arguments.filter(|argument| argument.get_env().is_none()).collect();
            assert!(without.is_empty(), "{without:?}");
        }
    }
}
