//! How long to wait before the next try.

use std::convert::Infallible;
use std::time::Duration;

/// Full jitter: somewhere between nothing and an exponentially growing limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Limit of the first wait.
    pub base: Duration,
    /// Limit of every wait.
    pub cap: Duration,
}

impl Backoff {
    /// The wait after failed try number `attempt` (from 0); `random` lies between 0 and 1.
    pub fn wait(self, attempt: u32, random: f64) -> Duration {
        let limit = self.base.saturating_mul(2_u32.saturating_pow(attempt.min(16))).min(self.cap);
        limit.mul_f64(random.clamp(0.0, 1.0))
    }

    /// [`wait`](Self::wait) with a random number.
    pub fn jittered(self, attempt: u32) -> Duration {
        self.wait(attempt, rand::random())
    }

    /// Retries until it succeeds, with these pauses. `failed` is told of each failure, with the number of the attempt
    /// from 0, and says whether it is one for good.
    ///
    /// # Errors
    /// What `failed` says.
    pub async fn retry<T, E, X, F>(
        self,
        mut act: impl FnMut() -> F,
        mut failed: impl FnMut(E, u32) -> Result<(), X>,
    ) -> Result<T, X>
    where
        F: Future<Output = Result<T, E>>,
    {
        let mut attempt = 0;
        loop {
            match act().await {
                Ok(done) => return Ok(done),
                Err(error) => failed(error, attempt)?,
            }
            tokio::time::sleep(self.jittered(attempt)).await;
            attempt = attempt.saturating_add(1);
        }
    }

    /// As [`retry`](Self::retry), where no failure is one for good.
    pub async fn retry_forever<T, E, F>(self, act: impl FnMut() -> F, mut failed: impl FnMut(E, u32)) -> T
    where
        F: Future<Output = Result<T, E>>,
    {
        let told = |error, attempt| {
            failed(error, attempt);
            Ok::<_, Infallible>(())
        };
        let Ok(done) = self.retry(act, told).await;
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(2) };

    #[test]
    fn the_limit_doubles_up_to_the_cap() {
        let limits: Vec<u128> = (0..6).map(|attempt| BACKOFF.wait(attempt, 1.0).as_millis()).collect();
        assert_eq!(limits, [100, 200, 400, 800, 1_600, 2_000]);
        assert_eq!(BACKOFF.wait(u32::MAX, 1.0), Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn what_fails_is_tried_again_until_it_succeeds_or_fails_for_good() {
        let mut left = vec![Ok(7), Err("again"), Err("again")];
        let mut told = Vec::new();
        let done = BACKOFF
            .retry_forever(|| std::future::ready(left.pop().unwrap()), |error, attempt| told.push((error, attempt)));
        assert_eq!(done.await, 7);
        assert_eq!(told, [("again", 0), ("again", 1)]);
        let for_good = |error: &'static str, attempt| if attempt < 2 { Ok(()) } else { Err(error) };
        let failed: Result<(), _> = BACKOFF.retry(|| std::future::ready(Err("never")), for_good).await;
        assert_eq!(failed, Err("never"));
    }

    #[test]
    fn the_wait_is_spread_over_the_whole_limit() {
        assert_eq!(BACKOFF.wait(3, 0.0), Duration::ZERO);
        assert_eq!(BACKOFF.wait(3, 0.5), Duration::from_millis(400));
    }
}
