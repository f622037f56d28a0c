//! What of a request's progress is told, and when (contract, section 3a). Pure: time is an argument.

use std::time::Duration;

use tokio::time::Instant;

use crate::events::progress::{News, Stage};

/// So long after its work began nothing is told of it: most requests are nearly done by then, and cost nothing.
const FIRST_AFTER: Duration = Duration::from_millis(300);
/// Between two records at least.
const GAP: Duration = Duration::from_millis(150);
/// After the first record of who has two: what is told then should be worth it.
const LATE_GAP: Duration = Duration::from_secs(1);
/// How long a request waits before that is told.
const WAITING_AFTER: Duration = Duration::from_secs(2);

/// Records that one worker tells of a request, and that one tells who found that another had begun. Together they are what
/// the contract allows.
const FIRST_MAX: u32 = 6;
const LATER_MAX: u32 = 2;

/// The highest percentage: it is done when its outcome is there.
const PERCENT_MAX: u8 = 99;

/// What is due now.
#[derive(Debug, PartialEq, Eq)]
pub enum Due {
    Nothing,
    Tell(News),
    /// It has waited for long. That may be told unless it was answered before.
    AskWhetherAnswered,
}

/// How much of a résumé is written.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    pub chars: usize,
    /// What such résumés usually have.
    pub usual: usize,
}

/// The pace of one request.
#[derive(Debug)]
pub struct Pace {
    is_resume: bool,
    /// Another worker has begun with it, or may have.
    is_later: bool,
    /// It has not been answered, and nobody else is at it.
    is_open: bool,
    has_ended: bool,
    waits_since: Option<Instant>,
    /// How long it has waited before: who tries again and again what is away waits all the while.
    waited: Duration,
    began: Option<Instant>,
    /// Nothing is told before.
    not_before: Option<Instant>,
    told: u32,
    texts: u32,
    last: Option<Stage>,
    has_waited: bool,
    /// Whether it was answered is being asked.
    is_asked: bool,
    /// What is told as soon as it may be. The latest wins.
    held: Option<News>,
    heading: String,
    percent: u8,
    next_percent: u8,
    /// When the request was [`age`](Self::sequence) old.
    born: Instant,
    age: u64,
    sequence: Option<u64>,
}

impl Pace {
    /// Of a request that was read now, so many milliseconds after it was sent, and waits for its turn. Where another worker
    /// may have begun with it, it is `is_later`.
    pub fn new(is_resume: bool, is_later: bool, age: i64, now: Instant) -> Self {
        Self {
            is_resume,
            is_later,
            is_open: false,
            has_ended: false,
            waits_since: Some(now),
            waited: Duration::ZERO,
            began: None,
            not_before: None,
            told: 0,
            texts: 0,
            last: None,
            has_waited: false,
            is_asked: false,
            held: None,
            heading: String::new(),
            percent: 0,
            next_percent: 0,
            born: now,
            age: u64::try_from(age).unwrap_or(0),
            sequence: None,
        }
    }

    /// It holds no slot from now on.
    pub fn waits(&mut self, now: Instant) {
        self.waits_since.get_or_insert(now);
    }

    /// It has a slot.
    pub fn goes_on(&mut self, now: Instant) {
        self.waited += self.waits_since.take().map_or(Duration::ZERO, |since| now.duration_since(since));
        self.began.get_or_insert(now);
    }

    /// It is known not to be answered, and to be nobody else's.
    pub fn opened(&mut self) {
        self.is_open = true;
    }

    /// Another worker is at it, and tells of it until this one has it for itself again.
    pub fn met_another(&mut self) {
        self.is_later = true;
        self.is_open = false;
        self.held = None;
    }

    /// Nothing more is told.
    pub fn ends(&mut self) {
        self.has_ended = true;
        self.held = None;
    }

    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Whether what the model writes may be told now.
    pub fn is_due(&self, now: Instant) -> bool {
        self.may_tell(now) && self.has_room(Stage::Writing)
    }

    /// There is a text to tell: what of it is to be told now.
    pub fn wrote(&mut self, text: &str, now: Instant) -> Option<News> {
        self.offer(now, Stage::Writing, || News::Text(text.to_owned()))
    }

    /// A résumé's section is being written: what of it is to be told now. Its percentages are told at even steps.
    pub fn wrote_section(&mut self, heading: &str, extent: Extent, now: Instant) -> Option<News> {
        let written = extent.chars.saturating_mul(100) / extent.usual.max(1);
        self.percent = self.percent.max(u8::try_from(written).unwrap_or(PERCENT_MAX).min(PERCENT_MAX));
        let is_new = self.heading != heading;
        let is_step = if self.is_later {
            is_new
        } else {
            self.percent >= self.next_percent || (is_new && self.percent == PERCENT_MAX)
        };
        if !is_step || heading.is_empty() {
            return None;
        }
        let percent = (!self.is_later).then_some(self.percent);
        self.offer(now, Stage::Writing, || News::Section { heading: heading.to_owned(), percent })
    }

    /// Its document goes to the store: whether that is to be told now.
    pub fn stores(&mut self, now: Instant) -> Option<News> {
        if self.last == Some(Stage::Storing) {
            return None;
        }
        self.offer(now, Stage::Storing, || News::Storing)
    }

    /// What is due by now.
    pub fn tick(&mut self, now: Instant) -> Due {
        let is_long = self.waits_since.is_some_and(|since| self.waited + now.duration_since(since) >= WAITING_AFTER);
        if is_long && !self.has_waited && self.may_wait(now) {
            // A turn of its own says whether it is answered. Who may not be the first with it does not know before.
            if self.is_open {
                self.told(&News::Waiting, now);
                return Due::Tell(News::Waiting);
            }
            if !self.is_later && !std::mem::replace(&mut self.is_asked, true) {
                return Due::AskWhetherAnswered;
            }
        }
        if !self.may_tell(now) {
            return Due::Nothing;
        }
        let Some(news) = self.held.take() else { return Due::Nothing };
        self.told(&news, now);
        Due::Tell(news)
    }

    /// It is known whether it was answered; where that is not to be known, it counts as open.
    pub fn is_answered(&mut self, answered: bool, now: Instant) -> Option<News> {
        let still_waits = self.waits_since.is_some() && !self.has_waited && !self.is_later;
        if answered || !still_waits || !self.may_wait(now) {
            return None;
        }
        self.told(&News::Waiting, now);
        Some(News::Waiting)
    }

    /// The number of what is told now: milliseconds since the request was sent, and more than the last.
    pub fn sequence(&mut self, now: Instant) -> u64 {
        let since = u64::try_from(now.duration_since(self.born).as_millis()).unwrap_or(u64::MAX);
        let least = self.sequence.map_or(0, |last| last.saturating_add(1));
        let sequence = self.age.saturating_add(since).max(least);
        self.sequence = Some(sequence);
        sequence
    }

    /// Tells it now, or as soon as it may be told.
    fn offer(&mut self, now: Instant, stage: Stage, news: impl FnOnce() -> News) -> Option<News> {
        if self.has_ended || !self.has_room(stage) {
            return None;
        }
        let news = news();
        if !self.may_tell(now) {
            self.held = Some(news);
            return None;
        }
        self.told(&news, now);
        Some(news)
    }

    /// Whether something may be told of its work.
    fn may_tell(&self, now: Instant) -> bool {
        let has_begun = self.began.is_some_and(|began| now.duration_since(began) >= FIRST_AFTER);
        has_begun && !self.has_ended && self.not_before.is_none_or(|at| now >= at)
    }

    fn may_wait(&self, now: Instant) -> bool {
        !self.has_ended && self.not_before.is_none_or(|at| now >= at) && self.has_room(Stage::Waiting)
    }

    /// Whether another record of this stage may be told: what is written leaves room for what only happens once.
    fn has_room(&self, stage: Stage) -> bool {
        let max = if self.is_later { LATER_MAX } else { FIRST_MAX };
        let storing = u32::from(self.is_resume && self.last != Some(Stage::Storing));
        let waiting = u32::from(!self.is_later && !self.has_waited);
        let kept = match stage {
            Stage::Storing => 0,
            Stage::Waiting => storing,
            Stage::Writing => storing + waiting,
        };
        self.told + kept < max
    }

    fn told(&mut self, news: &News, now: Instant) {
        self.told += 1;
        self.last = Some(news.stage());
        self.held = None;
        let gap = match news {
            News::Waiting => {
                self.has_waited = true;
                GAP
            }
            // A long text is told seldom in the end, so that there is something left to tell.
            News::Text(_) => {
                self.texts += 1;
                if self.is_later { LATE_GAP } else { GAP * 2_u32.pow(self.texts.saturating_sub(2).min(FIRST_MAX)) }
            }
            News::Section { heading, .. } => {
                self.heading.clone_from(heading);
                let left = FIRST_MAX.saturating_sub(self.told + 1 + u32::from(!self.has_waited));
                let step = u32::from(100_u8.saturating_sub(self.percent)) / (left + 1);
                self.next_percent = self.percent.saturating_add(u8::try_from(step.max(1)).unwrap_or(PERCENT_MAX));
                GAP
            }
            News::Storing => GAP,
        };
        self.not_before = Some(now + gap);
    }
}

#[cfg(test)]
mod tests;
