//! How long to wait before the next try.

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

    #[test]
    fn the_wait_is_spread_over_the_whole_limit() {
        assert_eq!(BACKOFF.wait(3, 0.0), Duration::ZERO);
        assert_eq!(BACKOFF.wait(3, 0.5), Duration::from_millis(400));
    }
}
