//! How long a call has been silent, and what that means. A reply that is heard while it is written begins its silence anew
//! with each sign of life; any other call is silent from its beginning on.

use std::future::pending;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Usual;
use crate::llm::waking::sleep_until;
use crate::llm::{Heard, Times};

/// How often a reply's pace is looked at, in shares of the time that there is.
const LOOKS: u32 = 8;

/// After how long silence means something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    /// Whether that is known from a server's answers.
    pub is_known: bool,
    odd_after: Duration,
    silent_after: Duration,
}

impl Span {
    /// By what is usual; by `least` and a share of `whole` as long as that is not known.
    pub fn of(usual: &Usual, whole: Duration, least: Duration) -> Self {
        let is_known = usual.at_most().is_some();
        let least = if is_known { Duration::ZERO } else { least };
        let (odd_after, silent_after) = (usual.odd_after(whole).max(least), usual.silent_after(whole).max(least));
        Self { is_known, odd_after, silent_after }
    }

    /// After this long a probe should find out.
    pub fn odd_after(&self) -> Duration {
        self.odd_after
    }

    /// After this long it counts against the server.
    pub fn silent_after(&self) -> Duration {
        self.silent_after
    }
}

/// What silences of a server mean in requests of one kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Silences {
    /// Before the first token.
    pub before: Span,
    /// Between tokens.
    pub within: Span,
}

/// The silence of one call.
pub(super) struct Silence<'a> {
    pub started: Instant,
    pub heard: Option<&'a Heard<'a>>,
    pub silences: Silences,
}

impl Silence<'_> {
    pub fn times(&self) -> Times {
        self.heard.map_or_else(|| Times::from(self.started), Heard::times)
    }

    /// Since when it lasts.
    pub fn since(&self) -> Instant {
        self.times().last
    }

    /// Whether it is one within a reply.
    pub fn has_begun(&self) -> bool {
        self.times().first.is_some()
    }

    pub fn span(&self) -> Span {
        if self.has_begun() { self.silences.within } else { self.silences.before }
    }

    /// Whether it counts against the server.
    pub fn is_due(&self, now: Instant) -> bool {
        now.duration_since(self.since()) >= self.span().silent_after
    }

    /// Waits until it has lasted so long, and tells since when.
    pub async fn lasts(&self, long: impl Fn(&Span) -> Duration) -> Instant {
        self.lasts_by(|span, _| long(span)).await
    }

    /// The same, where it matters whether the reply has begun.
    pub async fn lasts_by(&self, long: impl Fn(&Span, bool) -> Duration) -> Instant {
        loop {
            let since = self.since();
            let due = since + long(&self.span(), self.has_begun());
            if due <= Instant::now() {
                return since;
            }
            // Within a reply another silence means something.
            tokio::select! {
                () = sleep_until(due) => {}
                () = self.begins(), if !self.has_begun() => {}
            }
        }
    }

    async fn begins(&self) {
        match self.heard {
            Some(heard) => heard.first().await,
            None => pending().await,
        }
    }

    /// Waits until there is a sign of life.
    pub async fn ends(&self, since: Instant) {
        if self.heard.is_none() {
            return pending().await;
        }
        while self.since() == since {
            sleep(self.span().odd_after).await;
        }
    }

    /// Waits until it shows that a reply will not be there in `whole`: half of that has gone, and nothing is being written,
    /// or so slowly that there will not be `wanted` tokens.
    pub async fn too_slow(&self, whole: Duration, wanted: u32) {
        sleep_until(self.started + whole / 2).await;
        while self.times().keeps_pace(Instant::now(), whole, wanted) {
            sleep(whole / LOOKS).await;
        }
    }
}
