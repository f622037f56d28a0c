//! One partition while it is ours: what becomes of each record that is read of it, and where reading goes on.
//!
//! A partition is read from its front on. Records of a member of whom too much waits are [parked](Parked); when their
//! member has room again, reading turns back to them for a while (a seek), and then goes on at the front.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::events::record::{Record, RecordTime};
use crate::flow_control::place::Tenure;
use crate::kafka::position::{Position, Start};
use crate::worker::offsets::{Offsets, Take, is_ours};
use crate::worker::parked::Parked;
use crate::worker::work::Lane;

/// How much is read at most before reading goes on at the front: what others wait for.
const BACK_RECORDS: usize = 2_000;
const BACK_BYTES: usize = 1 << 20;

/// How long reading stays at the front at least, from the first record that comes there.
const FRONT: Duration = Duration::from_millis(300);

/// How long it waits there for the first one, where there is one as far as is known: what was being fetched has to come in
/// before it.
const FIRST_AT_FRONT: Duration = Duration::from_secs(2);

/// A partition's bookkeeping.
#[derive(Debug)]
pub struct Assigned {
    generation: Generation,
    offsets: Offsets,
    /// Read, but too far ahead of the first open record.
    held: Option<Record>,
    /// One after the last record that was read there.
    front: i64,
    parked: Parked<Lane>,
    /// Parked records are being read again.
    back: Option<Back>,
    /// Not before then is reading to turn back again; `None` where that is counted from the next look.
    front_until: Option<Instant>,
    /// Nothing has come at the front since reading turned there.
    awaits_front: bool,
    /// Where its log ended when somebody looked last.
    end: i64,
    in_work: usize,
    reads: u64,
    /// How many reads there had been when it was last found behind the end of its log.
    behind_at: Option<u64>,
    /// Somebody has looked: what is to be read next is not before this offset.
    nothing_before: i64,
    /// Its position has changed since it was last stored.
    changed: bool,
    /// It was stored since [`grown`](Self::grown) was last asked.
    stored: bool,
    /// It is about to be let go: nothing more of it begins.
    revoked: bool,
    tenure: Tenure,
    /// What is older than this, in milliseconds since 1970, was answered long ago or is too old to be answered: the group
    /// begins here, or its offsets were reset, so that nobody knows what was done.
    news_from: Option<i64>,
    /// Something that old was read, and told of.
    has_old: bool,
    /// Where it was when its log began anew: until it is there again, librdkafka commits nothing by itself.
    was_at: i64,
}

/// Which assignment it is, and which log: work that began in another releases nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generation {
    assignment: u64,
    log: u64,
}

/// Reading has turned back.
#[derive(Debug)]
struct Back {
    /// The least offset that can come next.
    next: i64,
    records: usize,
    bytes: usize,
}

/// What becomes of a record that was read.
#[derive(Debug, PartialEq)]
pub enum Read {
    /// It is to be worked, or [parked](Assigned::park).
    Work(Record),
    /// It was parked: it is to be worked if it can be [taken up](Assigned::take_up).
    Parked(Record),
    /// It is done already, or in work.
    Skip,
    /// It lies between parked ones.
    Pass,
    /// It lies too far ahead of the first open record: it is held until that is done.
    Hold,
    /// It is [too old](Start) for anybody to know what became of it; whether it is the first such one.
    Old { is_first: bool },
    /// The log has begun anew, with a record that is held now: nothing that was read before counts any more.
    Anew,
}

impl Assigned {
    /// It is ours from here on. What is `oldest` now, in milliseconds since 1970, is as old as outcomes are remembered.
    pub fn new(assignment: u64, start: &Start, oldest: i64) -> Self {
        let offsets = match start {
            Start::At { position, end } => Offsets::resume(position, *end),
            Start::Never | Start::Unknown | Start::Anew { .. } => Offsets::fresh(),
        };
        let knows = match start {
            Start::At { position, .. } => is_ours(position),
            Start::Unknown => true,
            Start::Never | Start::Anew { .. } => false,
        };
        let was_at = if let Start::Anew { was_at } = start { *was_at } else { 0 };
        Self {
            generation: Generation { assignment, log: 0 },
            offsets,
            held: None,
            front: 0,
            parked: Parked::default(),
            back: None,
            front_until: None,
            awaits_front: false,
            end: 0,
            in_work: 0,
            reads: 0,
            behind_at: None,
            nothing_before: 0,
            changed: false,
            stored: false,
            revoked: false,
            tenure: Tenure::default(),
            news_from: (!knows).then_some(oldest),
            has_old: false,
            was_at,
        }
    }

    /// The record that is held, to be [read](Self::read) again.
    pub fn take_held(&mut self) -> Option<Record> {
        self.held.take()
    }

    /// Where to go on reading, if not where it is: a parked record whose member has room, or the front again.
    pub fn turn(&mut self, now: Instant) -> Option<i64> {
        let Some(back) = &self.back else {
            let next = self.parked.wanted(0)?;
            if now < *self.front_until.get_or_insert(now + FRONT) {
                return None;
            }
            // It lies at the front, where it is read again.
            self.held = None;
            self.back = Some(Back { next, records: BACK_RECORDS, bytes: BACK_BYTES });
            return Some(next);
        };
        let is_enough = back.records == 0 || back.bytes == 0;
        if !is_enough && self.parked.wanted(back.next).is_some() {
            return None;
        }
        let is_there = back.next == self.front;
        self.back = None;
        self.awaits_front = true;
        self.front_until = Some(now + if self.front < self.end { FIRST_AT_FRONT } else { FRONT });
        (!is_there).then_some(self.front)
    }

    /// A record was read. Records come in the order of their offsets, from where reading has [turned](Self::turn).
    pub fn read(&mut self, record: Record, oldest: i64) -> Read {
        let offset = record.at.offset;
        self.reads += 1;
        if let Some(back) = &mut self.back {
            if offset < back.next {
                return self.begin_anew(record, oldest);
            }
            let came_through = back.next..offset.min(self.front);
            back.next = offset.saturating_add(1);
            back.records = back.records.saturating_sub(1);
            back.bytes = back.bytes.saturating_sub(record.size());
            // What was parked there and did not come is gone from the log.
            for gone in self.parked.forget(came_through) {
                self.offsets.finish(gone);
                self.changed = true;
            }
            if offset < self.front {
                return if self.parked.contains(offset) { Read::Parked(record) } else { Read::Pass };
            }
            self.back = None;
        }
        if std::mem::take(&mut self.awaits_front) {
            self.front_until = None;
        }
        let take = self.offsets.take(offset);
        self.front = if take == Take::Wait { offset } else { offset.saturating_add(1) };
        match take {
            Take::Work if self.is_old(&record) => {
                self.offsets.finish(offset);
                self.changed = true;
                Read::Old { is_first: !std::mem::replace(&mut self.has_old, true) }
            }
            Take::Work => Read::Work(record),
            Take::Skip => {
                self.changed = true;
                Read::Skip
            }
            Take::Wait => {
                self.held = Some(record);
                Read::Hold
            }
            Take::Anew => self.begin_anew(record, oldest),
        }
    }

    fn is_old(&self, record: &Record) -> bool {
        let time = record.time.map(RecordTime::millis);
        time.zip(self.news_from).is_some_and(|(time, news_from)| time < news_from)
    }

    fn begin_anew(&mut self, record: Record, oldest: i64) -> Read {
        self.forget_log(Offsets::begin(record.at.offset), oldest);
        self.held = Some(record);
        Read::Anew
    }

    /// The log is another one, to be read from its beginning.
    pub fn begin_at_beginning(&mut self, oldest: i64) {
        self.forget_log(Offsets::fresh(), oldest);
    }

    /// Nothing that was read of the log before counts any more.
    fn forget_log(&mut self, offsets: Offsets, oldest: i64) {
        self.was_at = self.was_at.max(self.first_open().unwrap_or(0));
        self.generation.log += 1;
        self.news_from = Some(oldest);
        self.has_old = false;
        self.offsets = offsets;
        self.held = None;
        self.front = 0;
        self.parked = Parked::default();
        self.back = None;
        self.in_work = 0;
        self.nothing_before = 0;
        self.end = 0;
        self.awaits_front = false;
        self.tenure = Tenure::default();
        self.changed = true;
    }

    /// Puts back a record that was to be worked.
    pub fn park(&mut self, member: Lane, offset: i64) {
        self.parked.park(member, offset);
    }

    /// Whether a record of this member is parked: then every later one has to be.
    pub fn has_parked(&self, member: Lane) -> bool {
        self.parked.has(member)
    }

    /// How many records are parked.
    pub fn parked(&self) -> usize {
        self.parked.count()
    }

    /// There is room for parked records of this member.
    pub fn make_room(&mut self, member: Lane) {
        self.parked.want(member);
    }

    /// There is room for parked records of every member of whom `has_room` says so.
    pub fn make_room_where(&mut self, has_room: impl Fn(Lane) -> bool) {
        self.parked.want_where(has_room);
    }

    /// Takes up the record at this offset, if there is room for it and it is its member's next.
    pub fn take_up(&mut self, offset: i64, has_room: bool) -> bool {
        if !has_room {
            self.parked.leave(offset);
        }
        has_room && self.parked.take(offset)
    }

    /// A record has begun. The token is cancelled when the partition is let go.
    pub fn begin(&mut self) -> CancellationToken {
        self.in_work += 1;
        self.tenure()
    }

    /// Cancelled when the partition is let go.
    pub fn tenure(&self) -> CancellationToken {
        self.tenure.token()
    }

    /// A record that had begun is left to whoever reads it next: it is not done.
    pub fn leave(&mut self) {
        self.in_work = self.in_work.saturating_sub(1);
    }

    /// A record is done: its outcome has been acknowledged.
    pub fn finish(&mut self, offset: i64) {
        self.offsets.finish(offset);
        self.in_work = self.in_work.saturating_sub(1);
        self.changed = true;
    }

    /// It is to be let go: nothing more of it is read, or waits. What is in work is still its.
    pub fn revoke(&mut self) {
        self.revoked = true;
        self.held = None;
        self.tenure.end();
    }

    /// The position, if it has changed since this was last asked.
    pub fn take_changed(&mut self) -> Option<Position> {
        self.stored |= self.changed;
        std::mem::take(&mut self.changed).then(|| self.offsets.position())
    }

    /// The position, if it was stored since this was last asked and librdkafka would not commit it by itself.
    pub fn grown(&mut self) -> Option<Position> {
        std::mem::take(&mut self.stored).then(|| self.to_commit()).flatten()
    }

    /// The position, if librdkafka would not commit it by itself.
    pub fn to_commit(&self) -> Option<Position> {
        let position = self.offsets.position();
        (self.offsets.has_map() || position.offset < self.was_at).then_some(position)
    }

    /// The first record that is not done; `None` before anything is known of the partition.
    pub fn first_open(&self) -> Option<i64> {
        self.offsets.first_open()
    }

    /// Where to look for a record, if nothing has come since this was last asked, and was not held back either, although the
    /// log goes on to `end`.
    pub fn gone_quiet(&mut self, end: i64, is_full: bool) -> Option<i64> {
        self.end = end;
        let next = self.front.max(self.offsets.position().offset).max(self.nothing_before);
        let is_held_back = is_full || self.revoked || self.is_holding() || self.back.is_some();
        let is_behind = next < end && !is_held_back;
        let before = std::mem::replace(&mut self.behind_at, is_behind.then_some(self.reads));
        (is_behind && before == Some(self.reads)).then_some(next)
    }

    /// Nothing is to be read before this offset.
    pub fn holds_nothing_before(&mut self, offset: i64) {
        self.nothing_before = offset;
    }

    /// For the [`Ticket`](crate::worker::assignments::Ticket)s of its records.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    pub fn is_in_work(&self) -> bool {
        self.in_work > 0
    }

    pub fn is_revoked(&self) -> bool {
        self.revoked
    }

    /// Whether the next record is held until the first open one is done.
    pub fn is_holding(&self) -> bool {
        self.held.is_some()
    }
}

#[cfg(test)]
mod tests;
