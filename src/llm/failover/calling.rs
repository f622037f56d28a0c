//! One call: when it is left for another server, because this one says nothing or not enough, or given up as lost.

use std::convert::Infallible;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::silence::{Silence, Span};
use super::{Course, Failover, Observer, Server};
use crate::flow_control::breaker::Picked;
use crate::llm::classify::{Cause, Completion, Fault, Usage};
use crate::llm::{Ask, Heard, Listener, Times};

/// What no model takes for a token that is not on a slow machine: there probes show it.
const PER_TOKEN: Duration = Duration::from_millis(33);
/// How long a server that has just answered a probe may take to go on with a reply.
const GOES_ON: Duration = Duration::from_secs(1);

/// What came of one call.
pub(super) struct Attempt {
    pub started: Instant,
    pub result: Result<Completion, Fault>,
    /// Whether it says something about the server.
    pub is_telling: bool,
    /// What was heard of the reply.
    pub beginning: String,
}

/// A call that is out, as the observer counts them. A guard, so that a call whose future is dropped is counted, too.
struct CallOut<'a>(&'a dyn Observer);

impl<'a> CallOut<'a> {
    fn begin(observer: &'a dyn Observer) -> Self {
        observer.call_began();
        Self(observer)
    }
}

impl Drop for CallOut<'_> {
    fn drop(&mut self) {
        self.0.call_ended();
    }
}

impl Failover {
    /// Sends an ask to a server. While another works that was not `tried` yet, the call gets at most half of what is left,
    /// unless the reply is being written by then and will be there in time; and it is left for that one as soon as it is
    /// known that this one hangs.
    pub(super) async fn call(
        &self,
        picked: &Picked<'_>,
        server: &Server,
        ask: &Ask,
        course: &Course<'_>,
        listener: Option<&dyn Listener>,
    ) -> Attempt {
        let started = Instant::now();
        let heard = listener.map(|listener| Heard::new(listener, &server.last_sign));
        let silences = server.silences(ask, course.whole, listener.is_some());
        let silence = Silence { started, heard: heard.as_ref(), silences };
        let has_other = course.among.has_other(&course.tried);
        let left = course.deadline.duration_since(started);
        let call = server.endpoint.call(ask, course.deadline, heard.as_ref());
        let call_out = CallOut::begin(self.observer.as_ref());
        let silent = || Err(Fault::transport(Cause::Silent));
        let (result, is_too_slow) = tokio::select! {
            // What has come is not asked for again, though its time may be over, too: the process may have slept.
            biased;
            result = call => (result, false),
            never = self.suspect(server, &silence, course.deadline) => match never {},
            () = Self::left(course, picked, server, &silence), if has_other => (silent(), false),
            () = silence.too_slow(left, ask.min_tokens), if has_other => (silent(), true),
            () = lost(server, &silence, (left / 2).max(PER_TOKEN * ask.max_tokens)), if !has_other => (silent(), false),
        };
        drop(call_out);
        let (outcome, now) = (result.as_ref().map(drop).map_err(|fault| fault.cause), Instant::now());
        let times = silence.times();
        self.observer.called(server.name(), outcome, now.duration_since(started).as_secs_f64());
        if let Ok(completion) = &result {
            server.answered(ask, listener.is_some(), times, now);
            self.tell_times(server, ask, times, completion.usage);
        }
        // Silence says nothing about a server that had no fair time to say something, or that goes on with others.
        let is_silent = silence.is_due(now) && !(times.first.is_some() && server.last_sign.is_after(times.last));
        let is_slow = is_too_slow && times.first.is_some();
        let is_telling = outcome != Err(Cause::Silent) || is_slow || is_silent;
        Attempt { started, result, is_telling, beginning: heard.map(Heard::into_text).unwrap_or_default() }
    }

    /// Tells how fast a reply was written that was heard.
    fn tell_times(&self, server: &Server, ask: &Ask, times: Times, usage: Option<Usage>) {
        if let (Some(flow), Some(first)) = (ask.flow, times.to_first()) {
            let per_token = times.per_token(usage.map(|usage| usage.completion));
            self.observer.streamed(server.name(), flow, first, per_token);
        }
    }

    /// While a call is silent for oddly long, a probe finds out why.
    async fn suspect(&self, server: &Server, silence: &Silence<'_>, deadline: Instant) -> Infallible {
        loop {
            silence.lasts(Span::odd_after).await;
            server.suspected.send_replace(deadline.saturating_duration_since(Instant::now()) / 2);
            sleep(silence.span().odd_after()).await;
        }
    }

    /// Waits until a call is to be left for another server: because a probe has found that this one hangs, or because it
    /// says nothing to anybody for longer than it usually takes, where that is known. Within a reply it is enough that it
    /// says no more of this one.
    async fn left(course: &Course<'_>, picked: &Picked<'_>, server: &Server, silence: &Silence<'_>) {
        let hangs = async {
            loop {
                let since = silence.lasts(Span::odd_after).await;
                course.among.left_for_another(picked.server).await;
                if silence.since() == since {
                    return;
                }
            }
        };
        let is_silent = async {
            // Whoever failed a trial may be slow: it gets more time in the next.
            let times = 1 << picked.trial.unwrap_or_default().min(8);
            loop {
                let since = silence.lasts(|span| span.silent_after().saturating_mul(times)).await;
                let means_something = silence.span().is_known || picked.trial.is_some();
                if means_something && (silence.has_begun() || !server.last_sign.is_after(since)) {
                    return;
                }
                silence.ends(since).await;
            }
        };
        tokio::select! {
            () = hangs => {}
            () = is_silent => {}
        }
    }
}

/// Waits until a call must have been lost on its way, at the earliest after `span`: a server that answers probes at once is
/// no slow one, and this is longer than it needs. Within a reply it never needs so long.
async fn lost(server: &Server, silence: &Silence<'_>, span: Duration) {
    loop {
        let least = |of: &Span, begun: bool| if begun { of.silent_after() } else { of.silent_after().max(span) };
        let since = silence.lasts_by(least).await;
        while silence.since() == since {
            if server.was_quick_since(since) {
                // Whoever has just come back goes on with what it was writing.
                if silence.has_begun() {
                    sleep(GOES_ON).await;
                }
                if silence.since() == since {
                    return;
                }
            } else {
                sleep(silence.span().odd_after()).await;
            }
        }
    }
}
