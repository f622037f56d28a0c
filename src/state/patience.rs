//! Waiting for a state store that is away. A request is never failed for it: what was paid for must be saved, and
//! what is not begun can wait.

use std::time::Duration;

use crate::flow_control::backoff::Backoff;
use crate::state::StateError;

const BACKOFF: Backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(2) };

/// The store refused for good, or holds what cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("state store fault: {0}")]
pub struct StateFault(pub String);

/// Does `operation` again for as long as the store is away.
///
/// # Errors
/// [`StateFault`] when another try cannot help.
pub async fn until_available<T, F>(operation: impl Fn() -> F) -> Result<T, StateFault>
where
    F: Future<Output = Result<T, StateError>>,
{
    let failed = |error, attempt| match error {
        StateError::Fault(reason) => Err(StateFault(reason)),
        StateError::Unavailable(reason) => {
            tracing::debug!(attempt, reason, "the state store is away; trying again");
            Ok(())
        }
    };
    BACKOFF.retry(operation, failed).await
}
