//! Probes: calls for one token, which nobody waits for. They find out that a server is back that was away, and that one
//! is away which leaves calls without an answer; a list of models proves neither, as the engine behind it may hang.

use std::sync::LazyLock;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::{Instant, sleep, sleep_until};

use super::{Failover, Server, locked};
use crate::llm::classify::{Completion, Fault};
use crate::llm::{Ask, Preamble, Prompt};

/// How long the probe may take that finds out about a call without an answer: at most, and at least.
const SUSPECTED: Duration = Duration::from_millis(2_500);
const SUSPECTED_LEAST: Duration = Duration::from_secs(1);
/// How long a server that has passed such a probe is not suspected again.
const TRUSTED: Duration = Duration::from_secs(5);
/// How long a probe of a server that is away may take while another is out already.
const SHORT: Duration = Duration::from_secs(5);
/// And while none is: a server that loads its model when it is first asked answers nobody sooner.
const LONG: Duration = Duration::from_mins(1);

/// A server that answers a probe within this is not on a slow machine, and has room.
const QUICK: Duration = Duration::from_millis(250);

/// As little as can be asked.
static PROBE: LazyLock<Ask> = LazyLock::new(|| {
    static NOTHING: LazyLock<Preamble> = LazyLock::new(|| Preamble::new([]));
    Ask {
        flow: None,
        prompts: vec![Prompt { preamble: &NOTHING, text: "1".into() }],
        temperature: 0.0,
        max_tokens: 1,
        min_tokens: 1,
        schema: None,
    }
});

impl Failover {
    /// Probes each server while it is away, or is suspected to be. Never ends.
    pub async fn probe_forever(&self) {
        join_all(self.servers.iter().enumerate().map(|(index, server)| self.look_after(index, server))).await;
    }

    async fn look_after(&self, index: usize, server: &Server) {
        let mut changes = self.breaker.changes();
        let mut suspected = server.suspected.subscribe();
        loop {
            changes.mark_unchanged();
            if self.breaker.next_probe(index).is_some() {
                self.probe_until_back(index, server).await;
                suspected.mark_unchanged();
            }
            tokio::select! {
                // The senders live as long as this.
                _ = changes.changed() => {}
                _ = suspected.changed() => {
                    let patience = (*suspected.borrow_and_update()).clamp(SUSPECTED_LEAST, SUSPECTED);
                    let (started, result) = self.probe(server, patience).await;
                    self.learn(index, server, started, &result);
                    let is_open = || self.breaker.next_probe(index).is_some();
                    tokio::select! {
                        () = sleep(TRUSTED) => {}
                        _ = changes.wait_for(|()| is_open()) => {}
                    }
                }
            }
        }
    }

    /// Probes again and again, beside those that are out: one that hangs keeps no other from finding out.
    async fn probe_until_back(&self, index: usize, server: &Server) {
        let mut changes = self.breaker.changes();
        let mut out = FuturesUnordered::new();
        loop {
            changes.mark_unchanged();
            let Some(due) = self.breaker.next_probe(index) else { return };
            tokio::select! {
                () = sleep_until(due) => {
                    self.breaker.probe_sent(index, rand::random());
                    out.push(self.probe(server, if out.is_empty() { LONG } else { SHORT }));
                }
                Some((started, result)) = out.next() => self.learn(index, server, started, &result),
                _ = changes.changed() => {}
            }
        }
    }

    async fn probe(&self, server: &Server, patience: Duration) -> (Instant, Result<Completion, Fault>) {
        let started = Instant::now();
        let result = server.endpoint.call(&PROBE, started + patience, None).await;
        let outcome = result.as_ref().map(drop).map_err(|fault| fault.cause);
        self.observer.probed(server.name(), outcome);
        if outcome.is_ok() && started.elapsed() <= QUICK {
            *locked(&server.last_quick) = Some(Instant::now());
        }
        if let Ok(Completion { usage: Some(usage), .. }) = result {
            self.observer.tokens(usage);
        }
        (started, result)
    }

    fn learn(&self, index: usize, server: &Server, started: Instant, result: &Result<Completion, Fault>) {
        if let Some(verdict) = self.verdict(result) {
            self.breaker.record_probe(index, started, verdict, |change| self.tell(server, change, result));
        }
    }
}
