//! Waiting for something to become true, never longer than a limit and never just for time to pass.

use std::time::{Duration, Instant};

/// How long a test waits for what should take a moment; long, because the machine may be slow and busy.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks `probe` until it has a value. Panics after [`PATIENCE`].
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut probe: impl FnMut() -> F) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = probe().await {
            return value;
        }
        assert!(Instant::now() < end, "after {PATIENCE:?} still not: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
