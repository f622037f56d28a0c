//! The composition root: the worker, put together from its settings and back ends. `run`, `dev` and tests start the
//! same program.

use std::fmt::Display;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::config::Config;
use crate::documents::Documents;
use crate::documents::retrying::RetryingDocuments;
use crate::documents::s3::S3Documents;
use crate::events::record::RequestKind;
use crate::exit;
use crate::feedback;
use crate::flow_control::slots::Slots;
use crate::flow_control::trouble::{LASTING, Trouble};
use crate::http;
use crate::kafka::admin;
use crate::kafka::client::Connection;
use crate::kafka::consumer;
use crate::kafka::outgoing::Producer;
use crate::kafka::producer::KafkaProducer;
use crate::kafka::teller::KafkaTeller;
use crate::kafka::telling::Dropped;
use crate::kafka::topics::Topics;
use crate::llm::chat::Endpoint;
use crate::llm::failover::{Failover, Observer, Patience};
use crate::llm::openai::OpenAi;
use crate::llm::vllm::Vllm;
use crate::proxies::Proxies;
use crate::readiness::{self, Readiness};
use crate::resume;
use crate::resume::agent::{self, Agent};
use crate::state::holder::Holder;
use crate::state::redis::RedisState;
use crate::state::watched::WatchedState;
use crate::state::{Lifetimes, MemberState};
use crate::supervise::Supervisor;
use crate::telemetry::log;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::model::ModelMetrics;
use crate::worker::intake::Intake;
use crate::worker::locks::Locks;
use crate::worker::membership::rebalance::REVOKE_GRACE;
use crate::worker::membership::{Group, Stop};
use crate::worker::progress::Reports;
use crate::worker::screens::Screens;
use crate::worker::work::{self, Worker};

/// How long a member whose worker died waits for its lock, unless it is renewed.
const LOCK_TTL: Duration = Duration::from_secs(10);
/// How long the last acknowledgements may take when everything else has stopped.
const FLUSH: Duration = Duration::from_secs(2);
/// How long threads that wait for a broker may keep the program.
pub const LAST_THREADS: Duration = Duration::from_secs(1);
/// What the end takes at most, beyond `SHUTDOWN_GRACE`.
pub const ENDING: Duration =
    consumer::LEAVE_TIMEOUT.saturating_add(FLUSH).saturating_add(LAST_THREADS).saturating_add(exit::LAST_LINES);
const LOOK: Duration = Duration::from_millis(500);
/// What is told of how the outcome topics are set up; and how often that is looked at, and when something is wrong.
const OUTCOME_TOPICS: &str = "outcome topics";
const TOPICS_LOOK: Duration = Duration::from_secs(600);
const TOPICS_LOOK_AGAIN: Duration = Duration::from_secs(60);
/// How long a model may take to say that it is there.
const MODEL_CHECK: Duration = Duration::from_secs(5);

/// Where sessions and documents are kept.
pub struct BackEnds {
    pub state: Arc<dyn MemberState>,
    pub state_name: &'static str,
    pub documents: Arc<dyn Documents>,
    pub documents_name: &'static str,
}

/// Documents in S3, as the settings say.
pub async fn documents(config: &Config) -> S3Documents {
    S3Documents::from_env(config.s3_bucket.as_str(), config.resume_url_ttl, config.s3_options.clone()).await
}

/// Tells which calls go through a proxy that the environment names.
fn tell_of_proxies(config: &Config, store: &str) {
    let proxies = Proxies::of_environment();
    match config.vllm.through_proxy {
        true => proxies.tell("model", config.vllm.url.as_str()),
        false => proxies.tell_unused("model", config.vllm.url.as_str(), "VLLM_PROXY=true"),
    }
    if let Some(fallback) = &config.openai {
        proxies.tell("fallback", fallback.base_url.as_str());
    }
    proxies.tell("s3", store);
}

/// How long things are remembered.
pub fn lifetimes(config: &Config) -> Lifetimes {
    Lifetimes { session: config.session_ttl, outcome: config.outcome_ttl, lock: LOCK_TTL }
}

impl BackEnds {
    /// Redis and S3, as the settings say.
    pub async fn services(config: &Config) -> Self {
        let documents = documents(config).await;
        tell_of_proxies(config, documents.endpoint());
        if config.resume_url_ttl > Duration::from_hours(1) {
            tracing::warn!(
                "RESUME_URL_TTL is longer than an hour: so long can whoever reads outcomes, or is passed a link, open a résumé"
            );
        }
        Self {
            state: Arc::new(
                RedisState::connect(&config.redis, lifetimes(config))
                    .replicated(&config.redis, config.redis_wait_replicas)
                    .telling_of_losses(),
            ),
            state_name: "redis",
            documents: Arc::new(documents),
            documents_name: "s3",
        }
    }
}

/// Runs the worker until `stop` is done, then finishes what is in work. Health and metrics are served on `listener`.
///
/// # Errors
/// When a part of it ends by itself: the error names it.
pub async fn run(
    config: &Config,
    back_ends: BackEnds,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let metrics = Arc::new(Metrics::new()?);
    let model = Arc::new(model(config, Arc::new(ModelMetrics(metrics.clone())), |endpoint| endpoint)?);
    let slots = Slots::new(config.max_in_flight);
    // A request in work has at most one call out.
    metrics.model_calls_limit.set(i64::try_from(config.max_in_flight).unwrap_or(i64::MAX));
    let producer = Arc::new(KafkaProducer::open(&config.kafka).context("the Kafka producer could not be opened")?);
    let BackEnds { state, state_name, documents, documents_name } = back_ends;
    let waiting_for_state = Trouble::new("REDIS_URL, the user's rights, memory and replicas");
    let state: Arc<dyn MemberState> = Arc::new(WatchedState::new(state, waiting_for_state.clone()));
    let locks = Locks::new(
        state.clone(),
        LOCK_TTL,
        Holder::started(config.kafka.property("group.instance.id"), OffsetDateTime::now_utc()),
    );
    let retrying = Arc::new(RetryingDocuments::new(documents.clone()));
    let worker = Arc::new(Worker {
        state: state.clone(),
        model: model.clone(),
        documents: documents.clone(),
        producer: producer.clone(),
        agent: Agent {
            model: model.clone(),
            state: state.clone(),
            documents: retrying.clone(),
            settings: agent::Settings {
                min_questions: config.min_questions,
                max_questions: config.max_questions,
                upload_prefix: config.s3_upload_prefix.clone(),
                deadline: config.request_deadline,
            },
        },
        locks: locks.clone(),
        feedback: feedback::Writer::default(),
        screens: Screens::new(config.outcome_ttl),
        metrics: metrics.clone(),
        settings: work::Settings {
            topics: config.topics.clone(),
            feedback_group: config.group_feedback.clone(),
            resume_group: config.group_resume.clone(),
            request_deadline: config.request_deadline,
            request_max_age: config.request_max_age,
        },
    });

    let (teller, reports) = progress(config, &state, &metrics);
    let redelivered = config.request_max_age.saturating_add(config.request_deadline);
    if config.outcome_ttl < redelivered {
        tracing::warn!(
            "OUTCOME_TTL is shorter than REQUEST_MAX_AGE and REQUEST_DEADLINE together: \
             what is redelivered late is worked and paid for again"
        );
    }
    let parts = ["kafka", "topics", "feedback group", "resume group", state_name, documents_name];
    // The worker does its job without a model, too: it waits, and says so to members.
    let ready = metrics.ready.clone();
    let readiness = Readiness::new(&parts, &["model", OUTCOME_TOPICS], move |part, is_ready| {
        // How topics are set up hinders nobody now.
        if part != OUTCOME_TOPICS {
            ready.with_label_values(&[part]).set(i64::from(is_ready));
        }
    });
    let (stop_sender, stop_receiver) = watch::channel(Stop::No);
    let intake = |group: &str, kinds: &[RequestKind], needs| {
        let (joined, has_joined) = watch::channel(Err("it is not a member of its group yet".to_owned()));
        let topics = config.topics.requests().into_iter().filter(|(_, kind)| kinds.contains(kind)).collect();
        let intake = Intake {
            connection: config.kafka.clone(),
            topics,
            group: Group {
                name: group.to_owned(),
                worker: worker.clone(),
                slots: slots.clone(),
                metrics: metrics.clone(),
                reports: reports.clone(),
                outcome_ttl: config.outcome_ttl,
                revoke_grace: REVOKE_GRACE,
                joined,
            },
            needs,
        };
        (intake.run(stop_receiver.clone()), has_joined)
    };
    let (feedback, feedback_joined) =
        intake(&config.group_feedback, &[RequestKind::FeedbackRequested], vec![model.watch()]);
    let kinds = [RequestKind::ResumeInit, RequestKind::ResumeAnswer];
    let (resume, resume_joined) = intake(&config.group_resume, &kinds, vec![model.watch(), retrying.watch()]);
    let mut supervisor = Supervisor::default();
    supervisor.foreground("the feedback intake", feedback);
    supervisor.foreground("the resume intake", resume);

    if let Some(reports) = &reports {
        supervisor.background("telling progress", reports.clone().run());
    }
    if let Some(teller) = &teller {
        supervisor.background("the producer of progress", teller.clone().run());
    }
    supervisor.background("the HTTP server", http::serve(listener, readiness.clone(), metrics.clone()));
    supervisor.background("renewing locks", locks.renew());
    let probed = model.clone();
    supervisor.background("probing the model", async move { probed.probe_forever().await });
    let warmed = model.clone();
    supervisor.background("warming the model", async move {
        let beginnings: Vec<_> =
            feedback::prompt::beginning().into_iter().chain(resume::prompt::beginnings()).collect();
        warmed.warm_forever(&beginnings).await;
    });
    let circuits = vec![("model", model.watch()), (documents_name, retrying.watch())];
    let observed = Observed { slots, circuits, state: waiting_for_state.clone(), producer: producer.clone() };
    supervisor.background("the gauges", observe(metrics.clone(), observed));
    let kafka = producer.clone();
    look_after(&mut supervisor, &readiness, "kafka", producer.unacknowledged(), move || {
        let kafka = kafka.clone();
        async move { kafka.check().await }
    });
    let (kafka, topics) = (producer.clone(), config.topics.needed());
    look_after(&mut supervisor, &readiness, "topics", producer.refused_by_topic(), move || {
        let (kafka, topics) = (kafka.clone(), topics.clone());
        async move { kafka.check_topics(&topics).await }
    });
    look_after(&mut supervisor, &readiness, state_name, &waiting_for_state, move || {
        let state = state.clone();
        async move { state.check().await }
    });
    let links = retrying.links().clone();
    look_after(&mut supervisor, &readiness, documents_name, &links, move || {
        let documents = retrying.clone();
        async move { documents.check().await }
    });
    look_after(&mut supervisor, &readiness, "model", &Trouble::new("VLLM_URL"), move || {
        let model = model.clone();
        async move { model.check(Instant::now() + MODEL_CHECK).await }
    });
    let (connection, topics) = (config.kafka.clone(), config.topics.clone());
    supervisor.background("looking at the outcome topics", look_at_topics(readiness.clone(), connection, topics));
    for (part, joined) in [("feedback group", feedback_joined), ("resume group", resume_joined)] {
        supervisor.background(format!("following the {part}"), follow(readiness.clone(), part, joined));
    }

    let tell = || {
        tracing::info!(grace = ?config.shutdown_grace, "stopping: finishing what is in work");
        readiness.stop();
        tell_to_stop(&stop_sender, config.shutdown_grace);
    };
    let result = supervisor.watch(stop, tell).await;
    // After a failure the groups are left in order all the same, so that others have the partitions at once, and what is paid
    // for is finished: it may be another group's trouble.
    let until = tell_to_stop(&stop_sender, config.shutdown_grace);
    supervisor.shutdown(until + consumer::LEAVE_TIMEOUT).await;
    tokio::task::spawn_blocking(move || {
        // Dropping a producer blocks; what it has not sent is of no use any more.
        drop((reports, teller));
        producer.flush(FLUSH);
    })
    .await?;
    result
}

/// Who tells how far requests are, where that is not turned off. It fails nobody: without it outcomes come all the same.
fn progress(
    config: &Config,
    state: &Arc<dyn MemberState>,
    metrics: &Arc<Metrics>,
) -> (Option<Arc<KafkaTeller>>, Option<Arc<Reports>>) {
    let Some(topic) = &config.topics.progress else { return (None, None) };
    let counted = metrics.clone();
    let dropped = move |dropped: Dropped| counted.progress_dropped.with_label_values(&[dropped.name()]).inc();
    match KafkaTeller::open(&config.kafka, topic.clone(), dropped) {
        Ok(teller) => {
            let teller = Arc::new(teller);
            let reports = Reports::new(teller.clone(), topic.clone(), state.clone(), metrics.clone());
            (Some(teller), Some(reports))
        }
        Err(error) => {
            tracing::warn!(%error, "no progress is told: its producer could not be opened");
            (None, None)
        }
    }
}

/// Tells the intakes until when to finish what is in work. The first word counts, however the worker came to its end.
fn tell_to_stop(stop: &watch::Sender<Stop>, grace: Duration) -> Instant {
    let mut until = Instant::now() + grace;
    stop.send_if_modified(|stop| match *stop {
        Stop::No => {
            *stop = Stop::Until(until);
            true
        }
        Stop::Until(told) => {
            until = told;
            false
        }
    });
    until
}

/// The model that the settings name, with its fallback; `around` may put something around each server's client.
///
/// # Errors
/// When a client cannot be made.
pub fn model(
    config: &Config,
    observer: Arc<dyn Observer>,
    around: impl Fn(Arc<dyn Endpoint>) -> Arc<dyn Endpoint>,
) -> anyhow::Result<Failover> {
    let primary = around(Arc::new(Vllm::new(config.vllm.clone()).context("the model client")?));
    let fallback = match &config.openai {
        Some(settings) => Some(around(Arc::new(OpenAi::new(settings.clone()).context("the fallback's client")?))),
        None => None,
    };
    let model = Failover::new(primary, fallback, Patience::default(), observer);
    Ok(if config.fallback_needs_consent { model.only_with_consent() } else { model })
}

/// Looks at a part of the worker for as long as it runs.
fn look_after<F, E>(
    supervisor: &mut Supervisor,
    readiness: &Arc<Readiness>,
    part: &'static str,
    trouble: &Arc<Trouble>,
    check: impl Fn() -> F + Send + Sync + 'static,
) where
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: Display + 'static,
{
    let watching = readiness::watch(readiness.clone(), part, trouble.clone(), check);
    supervisor.background(format!("the check of {part}"), watching);
}

/// Tells of outcome topics that are set up so that outcomes can be refused or lost. Each look takes a client of its own, so
/// it is seldom.
async fn look_at_topics(readiness: Arc<Readiness>, connection: Connection, topics: Topics) {
    loop {
        let pause = match admin::concerns(&connection, &topics).await {
            Ok(concerns) => {
                let told = if concerns.is_empty() { Ok(()) } else { Err(concerns.join("; ")) };
                // What is found at the first look is there to stay.
                if told.is_err() {
                    readiness.note(OUTCOME_TOPICS, told.clone());
                }
                let pause = if told.is_ok() { TOPICS_LOOK } else { TOPICS_LOOK_AGAIN };
                readiness.note(OUTCOME_TOPICS, told);
                pause
            }
            // That brokers are away is told elsewhere.
            Err(error) => {
                tracing::debug!(%error, "the outcome topics could not be looked at");
                TOPICS_LOOK_AGAIN
            }
        };
        tokio::time::sleep(pause).await;
    }
}

/// Follows whether a group has been joined, and why not.
async fn follow(readiness: Arc<Readiness>, part: &'static str, mut joined: watch::Receiver<Result<(), String>>) {
    loop {
        let state = joined.borrow_and_update().clone();
        let was_joined = state.is_ok();
        readiness.note(part, state);
        let changed = joined.wait_for(|joined| joined.is_ok() != was_joined);
        // An intake that has ended is dealt with where it is awaited.
        if timeout(LASTING, changed).await.is_ok_and(|changed| changed.is_err()) {
            return std::future::pending().await;
        }
    }
}

/// What the gauges are read from.
struct Observed {
    slots: Arc<Slots>,
    circuits: Vec<(&'static str, watch::Receiver<bool>)>,
    state: Arc<Trouble>,
    producer: Arc<KafkaProducer>,
}

/// Keeps the gauges that are read, not counted.
async fn observe(metrics: Arc<Metrics>, observed: Observed) {
    let mut ticks = tokio::time::interval(LOOK);
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let Observed { slots, circuits, state, producer } = observed;
    let sending = [producer.unacknowledged(), producer.refused_by_topic()];
    loop {
        ticks.tick().await;
        metrics.requests_in_work.set(count(slots.in_work()));
        metrics.log_lines_lost.inc_by(log::lost_lines().saturating_sub(metrics.log_lines_lost.get()));
        metrics.state_waiting.set(count(state.waiting()));
        metrics.unacknowledged.set(count(sending.iter().map(|trouble| trouble.waiting()).sum()));
        let oldest = sending.iter().map(|trouble| trouble.oldest()).max().unwrap_or_default();
        metrics.oldest_unacknowledged_seconds.set(oldest.as_secs_f64());
        for (part, open) in &circuits {
            metrics.circuit_open.with_label_values(&[*part]).set(i64::from(*open.borrow()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_failure_while_the_worker_stops_moves_no_deadline() {
        let (stop, grace) = (watch::Sender::new(Stop::No), Duration::from_secs(20));
        let until = tell_to_stop(&stop, grace);
        assert_eq!(until, Instant::now() + grace);
        tokio::time::advance(grace / 2).await;
        assert_eq!((tell_to_stop(&stop, grace), *stop.borrow()), (until, Stop::Until(until)));
    }
}
