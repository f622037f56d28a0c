//! How long a server usually takes, and from when on the silence of one that has not answered yet means something. Pure:
//! what it was told of is all that it knows.

use std::collections::VecDeque;
use std::time::Duration;

/// Answers that say what is usual, and from how many on they do.
const RECENT: usize = 16;
const KNOWN_FROM: usize = 4;
/// Silence that lasts so many times as long as what is usual means something,
const FACTOR: u32 = 3;
/// and none that is shorter than this, unless there is little time for the whole.
const LEAST: Duration = Duration::from_secs(5);
/// However little time there is, an answer may take so long.
const BRIEFEST: Duration = Duration::from_secs(1);
/// Shares of the time for the whole request after which silence is odd, and after which it counts.
const ODD_SHARE: u32 = 4;
const SILENT_SHARE: u32 = 3;

/// What a server took for its last answers to requests of one kind.
#[derive(Debug, Default)]
pub(super) struct Usual {
    last: VecDeque<Duration>,
    /// Kept, since every call asks for it.
    at_most: Option<Duration>,
}

impl Usual {
    /// It answered after this long.
    pub fn answered(&mut self, took: Duration) {
        self.last.truncate(RECENT - 1);
        self.last.push_front(took);
        self.at_most = (self.last.len() >= KNOWN_FROM).then(|| second_longest(&self.last));
    }

    /// What it takes at most as a rule, once that is known: the second longest of its last answers, so that one that took
    /// very long says nothing yet.
    pub fn at_most(&self) -> Option<Duration> {
        self.at_most
    }

    /// After how long silence is odd enough to ask whether the server is there; `whole` is the time for the request.
    pub fn odd_after(&self, whole: Duration) -> Duration {
        self.silence(whole / ODD_SHARE)
    }

    /// After how long silence counts against the server.
    pub fn silent_after(&self, whole: Duration) -> Duration {
        self.silence(whole / SILENT_SHARE)
    }

    /// What can be waited for may be little where requests have little time. But what the server usually takes, and a
    /// little more, is never silence.
    fn silence(&self, longest: Duration) -> Duration {
        let usual = self.at_most().unwrap_or_default();
        usual.saturating_mul(FACTOR).max(LEAST).min(longest).max(usual + usual / 4).max(BRIEFEST)
    }
}

fn second_longest(all: &VecDeque<Duration>) -> Duration {
    let (_, second) = all.iter().fold((Duration::ZERO, Duration::ZERO), |(longest, second), one| {
        if *one > longest { (*one, longest) } else { (longest, second.max(*one)) }
    });
    second
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn after(answers: impl IntoIterator<Item = u64>) -> Usual {
        let mut usual = Usual::default();
        answers.into_iter().for_each(|seconds| usual.answered(s(seconds)));
        usual
    }

    #[test]
    fn nothing_is_usual_before_a_few_answers() {
        assert_eq!(after([1, 2, 3]).at_most(), None);
        assert_eq!(after([1, 2, 3, 4]).at_most(), Some(s(3)));
    }

    #[test]
    fn one_answer_that_took_long_is_not_usual_and_two_are() {
        let others = [2; 10];
        assert_eq!(after(others.into_iter().chain([50])).at_most(), Some(s(2)));
        assert_eq!(after(others.into_iter().chain([50, 50])).at_most(), Some(s(50)));
    }

    #[test]
    fn what_was_usual_long_ago_is_forgotten() {
        assert_eq!(after([50; 20].into_iter().chain([1; RECENT])).at_most(), Some(s(1)));
    }

    #[test]
    fn silence_is_three_times_what_is_usual_and_at_least_five_seconds() {
        assert_eq!(after([]).silent_after(MINUTE), s(5));
        assert_eq!(after([1; 4]).silent_after(MINUTE), s(5));
        assert_eq!(after([4; 4]).silent_after(MINUTE), s(12));
        assert_eq!(after([4; 4]).odd_after(MINUTE), s(12));
    }

    #[test]
    fn where_requests_have_little_time_a_share_of_it_is_silence() {
        let quick = after([0; 4]);
        assert_eq!((quick.odd_after(s(12)), quick.silent_after(s(12))), (s(3), s(4)));
        assert_eq!((quick.odd_after(s(1)), quick.silent_after(s(1))), (BRIEFEST, BRIEFEST));
    }

    #[test]
    fn what_the_server_usually_takes_is_never_silence() {
        let slow = after([8; 4]);
        assert_eq!((slow.odd_after(s(12)), slow.silent_after(s(12))), (s(10), s(10)));
    }
}
