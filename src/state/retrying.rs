//! Waiting for a state store that is away. A request is never failed for it: what was paid for must be saved, and
//! what is not begun can wait.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::flow_control::backoff::Backoff;
use crate::state::StateError;

const BACKOFF: Backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(2) };

/// The store refused for good, or holds what cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateFault {
    #[error("state store fault: {0}")]
    Refused(String),
    /// See [`StateError::AnsweredUnreadably`].
    #[error("the request was answered, and nobody knows how: {0}")]
    AnsweredUnreadably(String),
}

impl StateFault {
    /// An error that no other try helps with; else why the store is away.
    ///
    /// # Errors
    /// When another try can succeed.
    pub fn of(error: StateError) -> Result<Self, String> {
        match error {
            StateError::Fault(reason) => Ok(Self::Refused(reason)),
            StateError::AnsweredUnreadably(reason) => Ok(Self::AnsweredUnreadably(reason)),
            StateError::Unavailable(reason) => Err(reason),
        }
    }
}

/// Does `operation` again for as long as the store is away.
///
/// # Errors
/// [`StateFault`] when another try cannot help.
pub async fn until_available<T, F>(operation: impl Fn() -> F) -> Result<T, StateFault>
where
    F: Future<Output = Result<T, StateError>>,
{
    let failed = |error, attempt| match StateFault::of(error) {
        Ok(fault) => Err(fault),
        Err(reason) => {
            tracing::debug!(attempt, reason, "the state store is away; trying again");
            Ok(())
        }
    };
    BACKOFF.retry(operation, failed).await
}

/// As [`until_available`], for what was paid for: a fault, too, is met by another try until `deadline`. Something between
/// us and the store may have said it, and may be gone in a moment.
///
/// # Errors
/// [`StateFault`] when it is still one then.
pub async fn until_taken<T, F>(deadline: Instant, operation: impl Fn() -> F) -> Result<T, StateFault>
where
    F: Future<Output = Result<T, StateError>>,
{
    let mut attempt = 0;
    loop {
        let fault = match until_available(&operation).await {
            Ok(done) => return Ok(done),
            Err(fault @ StateFault::AnsweredUnreadably(_)) => return Err(fault),
            Err(fault @ StateFault::Refused(_)) => fault,
        };
        let again = Instant::now() + BACKOFF.jittered(attempt);
        if again >= deadline {
            return Err(fault);
        }
        tracing::debug!(attempt, %fault, "what was paid for could not be saved; trying again");
        sleep_until(again).await;
        attempt += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// How many tries it takes to save what the store refuses so often.
    async fn tries(refusals: u32) -> (bool, u32) {
        let tries = AtomicU32::new(0);
        let operation = || {
            let is_refused = tries.fetch_add(1, Ordering::Relaxed) < refusals;
            std::future::ready(if is_refused { Err(StateError::Fault("ERR".to_owned())) } else { Ok(()) })
        };
        let deadline = Instant::now() + Duration::from_secs(60);
        let taken = until_taken(deadline, operation).await.is_ok();
        assert!(Instant::now() < deadline);
        (taken, tries.load(Ordering::Relaxed))
    }

    #[tokio::test(start_paused = true)]
    async fn a_fault_is_tried_again_until_the_deadline() {
        assert_eq!(tries(5).await, (true, 6));
        let (taken, tries) = tries(u32::MAX).await;
        assert!(!taken && tries > 20, "{tries}");
    }
}
