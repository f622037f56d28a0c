//! What both ways of running a broker have in common.

use std::time::Duration;

use anyhow::Context;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::kit::services::ready::until;
use crate::kit::services::secure::Identity;

/// Where the broker listens. What a listener advertises must be known before the broker starts.
#[derive(Clone, Copy)]
pub struct Ports {
    /// For everybody.
    pub direct: u16,
    /// For clients that a test wants to trouble: its advertised address is the fault proxy's.
    pub troubled: u16,
    /// The fault proxy in front of `troubled`.
    pub proxy: u16,
    /// For those with a password, over TLS.
    pub secure: u16,
}

/// The settings of a broker that is a whole cluster, for a machine with little memory: `inside` are the addresses to
/// listen on (direct, troubled, secure, inner,
/// controller).
pub fn settings(ports: Ports, identity: &Identity, host: &str, inside: [u16; 5]) -> Vec<(&'static str, String)> {
    let [direct, troubled, secure, inner, controller] = inside;
    let mut settings = identity.settings();
    settings.extend([
        ("process.roles", "broker,controller".to_owned()),
        ("node.id", "1".to_owned()),
        ("controller.quorum.voters", format!("1@localhost:{controller}")),
        (
            "listeners",
            format!(
                "DIRECT://{host}:{direct},TROUBLED://{host}:{troubled},SECURE://{host}:{secure},INNER://{host}:{inner},CONTROLLER://{host}:{controller}"
            ),
        ),
        (
            "advertised.listeners",
            format!(
                "DIRECT://127.0.0.1:{},TROUBLED://127.0.0.1:{},SECURE://127.0.0.1:{},INNER://localhost:{inner},CONTROLLER://localhost:{controller}",
                ports.direct, ports.proxy, ports.secure
            ),
        ),
        (
            "listener.security.protocol.map",
            "DIRECT:PLAINTEXT,TROUBLED:PLAINTEXT,SECURE:SASL_SSL,INNER:PLAINTEXT,CONTROLLER:PLAINTEXT".to_owned(),
        ),
        ("inter.broker.listener.name", "INNER".to_owned()),
        ("controller.listener.names", "CONTROLLER".to_owned()),
        ("auto.create.topics.enable", "false".to_owned()),
        ("group.initial.rebalance.delay.ms", "0".to_owned()),
        ("offsets.topic.num.partitions", "4".to_owned()),
        ("offsets.topic.replication.factor", "1".to_owned()),
        ("transaction.state.log.replication.factor", "1".to_owned()),
        ("transaction.state.log.min.isr", "1".to_owned()),
        ("share.coordinator.state.topic.replication.factor", "1".to_owned()),
        ("share.coordinator.state.topic.min.isr", "1".to_owned()),
        // Each partition maps its index files in full: many small topics must not eat the memory.
        ("log.index.size.max.bytes", "262144".to_owned()),
        ("log.cleaner.dedupe.buffer.size", "16777216".to_owned()),
        ("num.recovery.threads.per.data.dir", "1".to_owned()),
        // Of groups of the new protocol: a test does not wait 45 s for a member that was killed.
        ("group.consumer.min.session.timeout.ms", "6000".to_owned()),
        ("group.consumer.session.timeout.ms", "6000".to_owned()),
        ("group.consumer.min.heartbeat.interval.ms", "1000".to_owned()),
        ("group.consumer.heartbeat.interval.ms", "1000".to_owned()),
    ]);
    settings
}

/// Waits until the broker answers, or `alive` says why it never will.
pub async fn answers(bootstrap: &str, alive: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<()> {
    until("Kafka", Duration::from_secs(90), alive, || {
        let bootstrap = bootstrap.to_owned();
        async move {
            tokio::task::spawn_blocking(move || {
                let client: BaseConsumer = ClientConfig::new()
                    .set("bootstrap.servers", bootstrap)
                    .set("log_level", "0")
                    .create()
                    .context("a Kafka client could not be made")?;
                let metadata = client.fetch_metadata(None, Duration::from_millis(900))?;
                anyhow::ensure!(!metadata.brokers().is_empty(), "no broker has registered yet");
                Ok(())
            })
            .await?
        }
    })
    .await
}
