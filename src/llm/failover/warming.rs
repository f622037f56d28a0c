//! Warming: the beginnings that prompts of a kind share are sent once to a server that has just come, for one token that
//! nobody waits for. From then on its prefix cache has them. On a slow server the reading of one takes longer than all the
//! rest of a request, and may take longer than a request has.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep};
use tracing::{debug, info};

use super::{Failover, Server, locked};
use crate::llm::classify::{Completion, Health};
use crate::llm::{Ask, Preamble, Prompt};

/// How long a slow server may read one beginning.
const LONGEST: Duration = Duration::from_mins(5);
/// How long to wait for a server that is not there yet.
const AGAIN: Duration = Duration::from_secs(5);

impl Failover {
    /// Warms each server that keeps what prompts begin with, as soon as it answers, and again when it was away. Never ends.
    pub async fn warm_forever(&self, beginnings: &[&'static Preamble]) {
        let servers = self.servers.iter().enumerate().filter(|(_, server)| server.endpoint.keeps_beginnings());
        join_all(servers.map(|(index, server)| self.keep_warm(index, server, beginnings))).await;
    }

    async fn keep_warm(&self, index: usize, server: &Server, beginnings: &[&'static Preamble]) {
        let mut changes = self.breaker.changes();
        let is_away = || self.breaker.next_probe(index).is_some();
        loop {
            // The sender lives as long as this.
            let _ = changes.wait_for(|()| !is_away()).await;
            let started = Instant::now();
            if self.warm(server, beginnings).await {
                let took_s = started.elapsed().as_secs_f64();
                info!(endpoint = server.name(), took_s, "the model server has read what all prompts begin with");
                let _ = changes.wait_for(|()| is_away()).await;
            } else {
                sleep(AGAIN).await;
            }
        }
    }

    /// Whether the server is there; what it takes is remembered. What it refuses is left: it would refuse that again.
    async fn warm(&self, server: &Server, beginnings: &[&'static Preamble]) -> bool {
        let mut longest = Duration::ZERO;
        for preamble in beginnings {
            let started = Instant::now();
            let prompts = vec![Prompt { preamble, text: "1".into() }];
            let ask = Ask { flow: None, prompts, temperature: 0.0, max_tokens: 1, min_tokens: 1, schema: None };
            match server.endpoint.call(&ask, Instant::now() + LONGEST, None).await {
                Ok(Completion { usage, .. }) => {
                    longest = longest.max(started.elapsed());
                    *locked(&server.reading) = longest;
                    usage.into_iter().for_each(|usage| self.observer.tokens(usage));
                }
                Err(fault) if fault.cause.health() == Health::Up => debug!(%fault, "a beginning was refused"),
                Err(fault) => {
                    debug!(%fault, "the model server cannot be warmed yet");
                    return false;
                }
            }
        }
        true
    }
}
