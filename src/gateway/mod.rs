//! `ssammu-worker gateway`: what the product's Spring server and SSE gateway do around the worker, for development,
//! demonstrations and migration. The worker itself never needs it.
//!
//! A request's way: `api` reads it (`requests`), waits for its outcome (`waiting`) and sends it to Kafka; `feed` reads
//! what comes back, and `hub` remembers it (`history`) and tells the caller (`outcomes`) and the member's event streams
//! (`sse`, `stream`); how far requests are comes beside that, for whoever listens just then (`progress`). It knows which
//! question a member was last shown (`interview`), and what it missed while it was
//! away (`absence`). What is none of its own goes to the server before it (`pass`). Who asks, and for whom they may, is
//! known before all that (`guard`, `site`, `client`, `auth`), what one client may take is told by `shares` and for how long a
//! stream is open by `lease`, and what records say of themselves has to agree (`trust`).

mod absence;
mod api;
pub mod auth;
mod client;
mod entry;
mod feed;
mod files;
mod guard;
mod history;
mod hub;
mod interview;
mod lease;
mod links;
mod outcomes;
mod pass;
mod progress;
mod refusal;
mod requests;
pub mod settings;
mod shares;
mod site;
mod sse;
mod stream;
mod trust;
mod unread;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde_json::json;
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tokio::time::sleep;
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer, ExposeHeaders};
use url::Url;

use crate::config::Config;
use crate::documents::Documents;
use crate::gateway::auth::settings::Parts;
use crate::gateway::auth::{Auth, Proof};
use crate::gateway::client::{Client, Network, Trusted};
use crate::gateway::feed::{Feed, ProgressFeed};
use crate::gateway::guard::Guard;
use crate::gateway::history::Limits;
use crate::gateway::hub::Hub;
use crate::gateway::lease::Leases;
use crate::gateway::links::Links;
use crate::gateway::outcomes::Call;
use crate::gateway::pass::Upstream;
use crate::gateway::refusal::Refusal;
use crate::gateway::shares::{CROWDED, Kind, SUBSCRIBE, Shares};
use crate::gateway::trust::Trust;
use crate::http;
use crate::http::server::Server;
use crate::kafka::outgoing::Producer as _;
use crate::kafka::producer::KafkaProducer;
use crate::kafka::topics::Topics;
use crate::readiness::{self, Readiness};
use crate::supervise::Supervisor;
use crate::telemetry::gateway::{GatewayMetrics, Refused};

/// Longest body of a request, in bytes.
const BODY_MAX_BYTES: usize = 64 * 1024;
/// How long a browser may remember what a page may do.
const PREFLIGHT: Duration = Duration::from_secs(600);
/// How long connections may take to end, and then the last acknowledgements.
const STOPPING: Duration = Duration::from_secs(3);
const FLUSH: Duration = Duration::from_secs(1);

/// The page is all our own: nothing inline, nothing from elsewhere, in nobody's frame.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

/// How a gateway is run.
#[derive(Debug)]
pub struct Options {
    /// How far back it reads when it starts, and remembers; `None`: from the first record, and as long as there is room.
    pub replay: Option<Duration>,
    /// How long a caller waits for an outcome.
    pub timeout: Duration,
    /// Host names under which it may be asked for, besides loopback names and addresses.
    pub allowed_hosts: Vec<String>,
    /// Other origins whose pages may ask.
    pub allowed_origins: Vec<String>,
    /// What links begin with, without a `/` at its end; `None`: as the request says it.
    pub public_url: Option<String>,
    /// Where to pass on what is not served here.
    pub pass_to: Option<Url>,
    /// Calls of one client address a second; 0: no limit.
    pub client_rate: u32,
    /// Proxies before it, and servers that ask for many, besides this machine.
    pub trusted_proxies: Vec<Network>,
    /// Callers that may wait at once, those that are passed on too.
    pub callers: usize,
    /// Event streams that may be open at once.
    pub streams: usize,
    /// Callers and streams of one client address; 0: no limit.
    pub client_callers: usize,
    pub client_streams: usize,
    /// How long a stream is open, a tenth more or less.
    pub stream_age: Duration,
    /// What connections may take.
    pub http: http::server::Limits,
    /// Who may ask, and for whom.
    pub auth: Auth,
    /// What is served.
    pub parts: Parts,
}

/// What the handlers share.
struct AppState {
    hub: Arc<Hub>,
    producer: Arc<KafkaProducer>,
    documents: Arc<dyn Documents>,
    /// What keys of documents begin with.
    prefix: String,
    topics: Topics,
    auth: Auth,
    parts: Parts,
    guard: Guard,
    links: Links,
    trusted: Trusted,
    upstream: Option<Upstream>,
    timeout: Duration,
    callers: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    shares: Arc<Shares>,
    leases: Arc<Leases>,
    stream_age: Duration,
    metrics: Arc<GatewayMetrics>,
    stopping: watch::Receiver<bool>,
}

/// Runs a gateway on `listener` until `stop` is done.
///
/// # Errors
/// When a part of it ends by itself: the error names it.
pub async fn run(
    config: &Config,
    options: Options,
    documents: Arc<dyn Documents>,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let metrics = Arc::new(GatewayMetrics::new().context("the metrics could not be made")?);
    let hub = Hub::new(Limits { age: options.replay, ..Limits::default() });
    let producer = Arc::new(KafkaProducer::open(&config.kafka).context("the Kafka producer could not be opened")?);
    let readiness = Readiness::new(&["kafka"], &[], |_, _| {});
    let (stop_sender, stopping) = watch::channel(false);
    let since = options.replay.map(|replay| millis(OffsetDateTime::now_utc() - replay));
    let trust = Arc::new(Trust::default());
    let (connection, topics) = (config.kafka.clone(), config.topics.clone());
    let feed = Feed { connection, topics, since, hub: hub.clone(), trust: trust.clone() };

    let mut supervisor = Supervisor::default();
    let (kafka, topics, known) = (producer.clone(), feed.names(), hub.clone());
    let check = move || {
        let (kafka, topics, known) = (kafka.clone(), topics.clone(), known.clone());
        async move { check(&kafka, &topics, &known).await }
    };
    let watching = readiness::watch(readiness.clone(), "kafka", producer.unacknowledged().clone(), check);
    supervisor.background("the check of kafka", watching);
    if let Some(topic) = config.topics.progress.clone() {
        let feed = ProgressFeed { connection: config.kafka.clone(), topic, hub: hub.clone(), trust };
        supervisor.background("reading progress", feed.run(producer.clone()));
    }
    supervisor.background("reading Kafka", feed.run());
    options.auth.follow(&mut supervisor);
    if let Some(age) = options.replay {
        supervisor.background("forgetting", hub.clone().forget_in_time(age));
    }

    let origins: Vec<_> = options.allowed_origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    let trusted = Trusted::new(options.trusted_proxies);
    let app = Arc::new(AppState {
        hub,
        producer: producer.clone(),
        documents,
        prefix: config.s3_upload_prefix.clone(),
        topics: config.topics.clone(),
        auth: options.auth,
        parts: options.parts,
        guard: Guard::new(options.allowed_hosts, options.allowed_origins, options.client_rate),
        links: Links::new(options.public_url),
        trusted: trusted.clone(),
        upstream: options.pass_to.map(|base| Upstream::new(&base, options.timeout)).transpose()?,
        timeout: options.timeout,
        callers: Arc::new(Semaphore::new(options.callers)),
        streams: Arc::new(Semaphore::new(options.streams)),
        shares: Shares::new(options.client_callers, options.client_streams, metrics.clone()),
        leases: Arc::default(),
        stream_age: options.stream_age,
        metrics: metrics.clone(),
        stopping: stopping.clone(),
    });
    let (measured, most) = (app.clone(), (options.callers, options.streams));
    let text = http::measured(move || measure(&measured, most));
    let server = Server {
        router: router(app, &origins, readiness.clone()).merge(text.layer(middleware::map_response(harden))),
        limits: options.http,
        is_many: Box::new(move |address| trusted.has(address)),
        full: || Refusal::full(CROWDED).into_response(),
        metrics: metrics.http.clone(),
    };
    let server = server.run(listener, until(stopping.clone()));
    supervisor.foreground("the HTTP server", async move {
        tokio::select! {
            () = server => {}
            () = async { until(stopping).await; sleep(STOPPING).await } => {
                tracing::warn!("not every connection ended in time");
            }
        }
    });
    let tell = || {
        tracing::info!("stopping");
        readiness.stop();
        stop_sender.send_replace(true);
    };
    let result = supervisor.watch(stop, tell).await;
    supervisor.shutdown(Instant::now()).await;
    tokio::task::spawn_blocking(move || producer.flush(FLUSH)).await?;
    result
}

/// Listens where the settings say.
///
/// # Errors
/// When that cannot be done.
pub async fn listen(addr: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(addr).await.with_context(|| format!("GATEWAY_ADDR: {addr} could not be listened on"))
}

fn millis(time: OffsetDateTime) -> i64 {
    time.unix_timestamp().saturating_mul(1_000)
}

async fn until(mut stopping: watch::Receiver<bool>) {
    // A sender that is gone means the same.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// Whether requests can be sent and their outcomes seen.
async fn check(kafka: &KafkaProducer, topics: &[String], hub: &Hub) -> anyhow::Result<()> {
    if let Some(reason) = kafka.refused_by_topic().lasting() {
        anyhow::bail!(reason);
    }
    kafka.check().await?;
    kafka.check_topics(topics).await?;
    anyhow::ensure!(hub.is_caught_up(), "still reading what came before");
    Ok(())
}

/// What is counted, with what is open now; `most` callers and streams may be.
fn measure(app: &AppState, (callers, streams): (usize, usize)) -> prometheus::Result<String> {
    let open = |most: usize, places: &Semaphore| gauge(most.saturating_sub(places.available_permits()));
    app.metrics.callers.set(open(callers, &app.callers));
    app.metrics.streams.set(open(streams, &app.streams));
    let (members, bytes) = app.hub.remembered();
    app.metrics.history_members.set(gauge(members));
    app.metrics.history_bytes.set(gauge(bytes));
    app.metrics.text()
}

fn gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn router(app: Arc<AppState>, origins: &[HeaderValue], readiness: Arc<Readiness>) -> Router {
    parts(app.parts)
        .route_layer(middleware::from_fn_with_state(app.clone(), auth::prove))
        // All of these take something of which one client has only its share, and some ask the login.
        .route_layer(middleware::from_fn_with_state(app.clone(), shares::admit))
        // Deployments of the old server ask whether the process is there; /readyz says more.
        .route("/health-check", get(async || Json(json!({"status": "ok"}))))
        // Browsers ask for it beside whatever they show; the page has its own.
        .route("/favicon.ico", get(async || StatusCode::NO_CONTENT))
        .method_not_allowed_fallback(async || Refusal::wrong_method())
        .layer(middleware::map_response(harden))
        // What is passed on keeps the headers that the server behind gave it.
        .fallback(elsewhere)
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
        .layer(middleware::from_fn_with_state(app.clone(), auth::recognise))
        .layer(cors(origins))
        .layer(middleware::from_fn_with_state(app.clone(), only_our_own))
        .layer(middleware::from_fn(unread::read))
        .with_state(app)
        .merge(http::health(readiness).layer(middleware::map_response(harden)))
}

/// What is served to those who may ask.
fn parts(parts: Parts) -> Router<Arc<AppState>> {
    let ask = |call: Call| {
        post(move |state, client, proof, share, headers, body| {
            api::ask(call, state, client, proof, share, headers, body)
        })
    };
    let mut router = Router::new();
    if parts.page {
        router = router.merge(files::page());
    }
    if parts.api {
        router = router
            .route("/feedback/create", ask(Call::FeedbackInEnvelope))
            .route("/api/v1/feedback/create", ask(Call::Feedback))
            .route("/api/v1/resume/agent/init", ask(Call::Init))
            .route("/api/v1/resume/agent/update", ask(Call::Update));
    }
    if parts.events {
        router = router.route(SUBSCRIBE, get(sse::subscribe));
    }
    if parts.documents {
        router = router.route("/documents/{*key}", get(files::document));
    }
    router
}

/// Lets pages of these origins call with whatever they bring.
fn cors(origins: &[HeaderValue]) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins.iter().cloned()))
        .allow_credentials(true)
        .allow_methods(AllowMethods::mirror_request())
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(ExposeHeaders::list([header::RETRY_AFTER, header::CONTENT_DISPOSITION]))
        .max_age(PREFLIGHT)
}

/// What is not served here.
async fn elsewhere(
    State(app): State<Arc<AppState>>,
    client: Client,
    proof: Option<Extension<Proof>>,
    mut request: Request,
) -> Response {
    let Some(upstream) = &app.upstream else { return harden(Refusal::nothing_here().into_response()).await };
    // The server behind believes any member number: whoever asks must be allowed to.
    match proof {
        // What this gateway's callers prove with is none of that server's business.
        Some(Extension(Proof::Service)) => drop(request.headers_mut().remove(header::AUTHORIZATION)),
        Some(Extension(Proof::Open | Proof::Member { .. })) => {}
        None => return harden(Refusal::unauthenticated().into_response()).await,
    }
    match pass_on(&app, upstream, &client, request).await {
        Ok(response) => response,
        Err(refusal) => harden(refusal.into_response()).await,
    }
}

async fn pass_on(app: &AppState, upstream: &Upstream, client: &Client, request: Request) -> Result<Response, Refusal> {
    let share = shares::let_in(app, Kind::Caller, client)?;
    let place = app.callers.clone().try_acquire_owned().map_err(|_| {
        app.metrics.refused(Refused::Callers);
        Refusal::full(CROWDED)
    })?;
    upstream.pass(client, request, (share, place)).await
}

/// Refuses foreign hosts and origins before anything else.
async fn only_our_own(State(app): State<Arc<AppState>>, request: Request, next: Next) -> Response {
    let own = app.guard.host(request.headers()).map(|_| ());
    match own.and_then(|()| app.guard.site(request.method(), request.uri().path(), request.headers())) {
        Ok(()) => next.run(request).await,
        Err(refusal) => harden(refusal.into_response()).await,
    }
}

/// Headers for every response of ours.
async fn harden(mut response: Response) -> Response {
    let rules: [(HeaderName, &'static str); 6] = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        // What is shown belongs to a member, and the page changes with the program.
        (header::CACHE_CONTROL, "no-store"),
        // No page of another origin shows it as a picture or the like, or keeps a window of ours.
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, value) in rules {
        // An event stream says more of how it may be kept.
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
