//! Waiting for a service that has just been started.

use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::net::TcpStream;

/// Probes until it works; gives up after `limit` or as soon as `alive` fails.
pub async fn until<F>(
    name: &str,
    limit: Duration,
    mut alive: impl FnMut() -> anyhow::Result<()>,
    mut probe: impl FnMut() -> F,
) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>>,
{
    let end = Instant::now() + limit;
    loop {
        alive()?;
        match probe().await {
            Ok(()) => return Ok(()),
            Err(error) if Instant::now() > end => {
                return Err(error).with_context(|| format!("{name} was not ready after {limit:?}"));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Waits until `port` takes connections.
pub async fn listens(name: &str, port: u16, alive: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<()> {
    until(name, Duration::from_secs(60), alive, || async move {
        TcpStream::connect(("127.0.0.1", port)).await?;
        Ok(())
    })
    .await
}
