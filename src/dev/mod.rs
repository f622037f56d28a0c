//! `ssammu-worker dev`: the worker with everything embedded, so that nothing has to be installed. The broker is
//! librdkafka's mock broker, sessions live in memory, documents in a folder, and the model is a script that speaks
//! vLLM's API over real HTTP. The gateway with its page is there, too.

mod demo;
pub mod model;

use std::mem::ManuallyDrop;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use url::Url;

use crate::app::{self, BackEnds};
use crate::config::{Config, Mistakes};
use crate::documents::folder::FolderDocuments;
use crate::gateway::auth::settings::is_loopback;
use crate::gateway::{self, settings::GatewaySettings};
use crate::kafka::embedded::EmbeddedBroker;
use crate::print::say;
use crate::state::memory::MemoryState;

/// Partitions of each topic.
const PARTITIONS: i32 = 4;
/// Where the page is, unless that is taken.
const GATEWAY_ADDR: &str = "127.0.0.1:8000";

/// What can be changed.
#[derive(Clone, Debug)]
pub struct Options {
    /// End after the demonstration.
    pub once: bool,
    /// A real model server instead of the script.
    pub vllm_url: Option<Url>,
    /// How fast the script writes; at once without it.
    pub tokens_per_second: Option<NonZeroU32>,
    /// Where documents are written.
    pub documents: PathBuf,
    /// Where the page is served; without it on port 8000, or any that is free.
    pub gateway_addr: Option<String>,
}

/// Runs everything in this process: sends one feedback request and one whole résumé dialogue through Kafka, prints
/// what comes, and stays up until `stop` is done, also where a real model was too slow for the demonstration.
///
/// # Errors
/// When a part ends by itself, or the demonstration does not end as it should and the model is the script, or it was to end
/// after that.
pub async fn run(mut config: Config, options: Options, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
    let broker = EmbeddedBroker::start().context("the embedded broker could not be started")?;
    // It ends with the process: clients that are still closing would complain that it has gone.
    let broker = ManuallyDrop::new(broker);
    for topic in config.topics.all() {
        broker.create_topic(&topic, PARTITIONS)?;
    }
    config.kafka.bootstrap = broker.address()?;
    let (end_model, model_ends) = oneshot::channel::<()>();
    let is_real = options.vllm_url.is_some();
    if let Some(url) = options.vllm_url {
        config.vllm.url = url;
    } else {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        config.vllm.url = Url::parse(&format!("http://{}", listener.local_addr()?))?;
        let script = model::Script { tokens_per_second: options.tokens_per_second, ..model::Script::default() };
        tokio::spawn(model::serve(listener, script, async {
            let _ = model_ends.await;
        }));
    }
    std::fs::create_dir_all(&options.documents).context("the documents folder could not be made")?;
    let documents = options.documents.canonicalize()?;
    let listener = TcpListener::bind(&config.http_addr).await.context("HTTP_ADDR could not be listened on")?;
    let page = match options.gateway_addr {
        // Nobody has to prove anything here.
        Some(addr) if !is_loopback(&addr) => {
            anyhow::bail!("--gateway-addr {addr}: `dev` is for this machine alone, and so for loopback addresses")
        }
        Some(addr) => gateway::listen(&addr).await?,
        None => match TcpListener::bind(GATEWAY_ADDR).await {
            Ok(page) => page,
            Err(_) => gateway::listen("127.0.0.1:0").await?,
        },
    };

    // Whether or not anybody reads it: the page is there all the same.
    let _ = say!(
        "page       http://{}/\nKafka      {}\nmodel      {}\nhealth     http://{}/readyz, /livez, /metrics\ndocuments  {}\n",
        page.local_addr()?,
        config.kafka.bootstrap,
        config.vllm.url,
        listener.local_addr()?,
        documents.display()
    );

    let store = Arc::new(FolderDocuments::new(&documents, config.resume_url_ttl));
    let back_ends = BackEnds {
        state: Arc::new(MemoryState::new(app::lifetimes(&config))),
        state_name: "sessions",
        documents: store.clone(),
        documents_name: "documents",
    };
    let (end_worker, worker_ends) = oneshot::channel::<()>();
    let worker = app::run(&config, back_ends, listener, async {
        let _ = worker_ends.await;
    });
    let (end_gateway, gateway_ends) = oneshot::channel::<()>();
    // The broker is as old as this process: all that it has is worth remembering.
    let shown = gateway::Options { replay: None, ..GatewaySettings::defaults()?.check().map_err(Mistakes)? };
    let gateway = gateway::run(&config, shown, store, page, async {
        let _ = gateway_ends.await;
    });
    let (kafka, topics, deadline) = (config.kafka.clone(), config.topics.clone(), config.request_deadline);
    let user = async {
        let mut stop = std::pin::pin!(stop);
        let shown = tokio::select! {
            shown = demo::show(&kafka, &topics, &documents, deadline) => shown,
            () = &mut stop => return Ok(()),
        };
        if options.once || (shown.is_err() && !is_real) {
            return shown;
        }
        if let Err(error) = shown {
            let _ = say!("\nThe demonstration did not come to its end: {error:#}.");
        }
        let _ =
            say!("\nEverything stays up: open the page, or use the broker above from another program. Ctrl-C ends it.");
        stop.await;
        Ok(())
    };
    let mut servers = std::pin::pin!(async { tokio::try_join!(worker, gateway).map(|_| ()) });
    let result = tokio::select! {
        ended = &mut servers => ended,
        shown = user => {
            let _ = (end_worker.send(()), end_gateway.send(()));
            servers.await.and(shown)
        }
    };
    let _ = end_model.send(());
    result
}
