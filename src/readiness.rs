//! Whether the worker can do its job now, part by part.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::telemetry::metrics::Metrics;

/// How often a part is looked at while it is ready, and while it is not.
const LOOK: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What is known of each part. Looking costs nothing: the parts are checked in the background.
#[derive(Debug)]
pub struct Readiness {
    parts: Mutex<BTreeMap<&'static str, Result<(), String>>>,
    metrics: Arc<Metrics>,
}

impl Readiness {
    /// Nothing is ready before it was looked at.
    pub fn new(parts: &[&'static str], metrics: Arc<Metrics>) -> Arc<Self> {
        let unknown = || Err("not looked at yet".to_owned());
        let parts = parts.iter().map(|part| (*part, unknown())).collect();
        Arc::new(Self { parts: Mutex::new(parts), metrics })
    }

    /// Takes note of a part, and says so in the log when it changed.
    pub fn note(&self, part: &'static str, now: Result<(), String>) {
        self.metrics.ready.with_label_values(&[part]).set(i64::from(now.is_ok()));
        let before = self.parts().insert(part, now.clone());
        match (before, now) {
            (Some(Ok(())), Ok(())) => {}
            (_, Ok(())) => tracing::info!(part, "ready"),
            (Some(Err(before)), Err(reason)) if before == reason => {}
            (_, Err(reason)) => tracing::warn!(part, reason, "not ready"),
        }
    }

    /// The parts that are not ready, and why.
    pub fn missing(&self) -> BTreeMap<&'static str, String> {
        self.parts().iter().filter_map(|(part, state)| Some((*part, state.clone().err()?))).collect()
    }

    fn parts(&self) -> MutexGuard<'_, BTreeMap<&'static str, Result<(), String>>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks at a part for ever.
pub async fn watch<F>(readiness: Arc<Readiness>, part: &'static str, check: impl Fn() -> F)
where
    F: Future<Output = Result<(), String>>,
{
    loop {
        let state = check().await;
        let pause = if state.is_ok() { LOOK } else { LOOK_AGAIN };
        readiness.note(part, state);
        tokio::time::sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_has_to_be_ready() {
        let readiness = Readiness::new(&["kafka", "redis"], Arc::new(Metrics::new().unwrap()));
        readiness.note("kafka", Ok(()));
        assert_eq!(readiness.missing().keys().copied().collect::<Vec<_>>(), ["redis"]);
        readiness.note("redis", Ok(()));
        assert!(readiness.missing().is_empty());
        readiness.note("kafka", Err("away".to_owned()));
        assert_eq!(readiness.missing().get("kafka").map(String::as_str), Some("away"));
    }
}
