//! One partition while it is ours: what becomes of each record that is read of it, and where reading goes on.
//!
//! A partition is read from its front on. Records of a member of whom too much waits are [parked](Parked); when their
//! member has room again, reading turns back to them for a while (a seek), and then goes on at the front.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::events::record::Record;
use crate::kafka::position::Position;
use crate::worker::offsets::{Offsets, Take};
use crate::worker::parked::Parked;
use crate::worker::place::Tenure;
use crate::worker::work::Lane;

/// How much is read at most before reading goes on at the front: what others wait for.
const BACK_RECORDS: usize = 2_000;
const BACK_BYTES: usize = 1 << 20;

/// How long reading stays at the front at least.
const FRONT: Duration = Duration::from_millis(300);

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
    /// Not before then is reading to turn back again.
    front_until: Option<Instant>,
    in_work: usize,
    /// Its position has changed since it was last stored.
    changed: bool,
    /// It is about to be let go: nothing more of it begins.
    revoked: bool,
    tenure: Tenure,
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
    /// The log has begun anew, with a record that is held now: nothing that was read before counts any more.
    Anew,
}

impl Assigned {
    /// It is ours from here on.
    pub fn new(assignment: u64, offsets: Offsets) -> Self {
        Self {
            generation: Generation { assignment, log: 0 },
            offsets,
            held: None,
            front: 0,
            parked: Parked::default(),
            back: None,
            front_until: None,
            in_work: 0,
            changed: false,
            revoked: false,
            tenure: Tenure::default(),
            was_at: 0,
        }
    }

    /// The record that is held, to be [read](Self::read) again.
    pub fn take_held(&mut self) -> Option<Record> {
        self.held.take()
    }

    /// Where to go on reading, if not where it is: a parked record whose member has room, or the front again.
    pub fn turn(&mut self, now: Instant) -> Option<i64> {
        let Some(back) = &self.back else {
            if self.front_until.is_some_and(|until| now < until) {
                return None;
            }
            let next = self.parked.wanted(0)?;
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
        self.front_until = Some(now + FRONT);
        (!is_there).then_some(self.front)
    }

    /// A record was read. Records come in the order of their offsets, from where reading has [turned](Self::turn).
    pub fn read(&mut self, record: Record) -> Read {
        let offset = record.at.offset;
        if let Some(back) = &mut self.back {
            if offset < back.next {
                return self.begin_anew(record);
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
        let take = self.offsets.take(offset);
        self.front = if take == Take::Wait { offset } else { offset.saturating_add(1) };
        match take {
            Take::Work => Read::Work(record),
            Take::Skip => {
                self.changed = true;
                Read::Skip
            }
            Take::Wait => {
                self.held = Some(record);
                Read::Hold
            }
            Take::Anew => self.begin_anew(record),
        }
    }

    fn begin_anew(&mut self, record: Record) -> Read {
        self.forget_log(Offsets::begin(record.at.offset));
        self.held = Some(record);
        Read::Anew
    }

    /// The log is another one: nothing that was read of the one before counts any more.
    fn forget_log(&mut self, offsets: Offsets) {
        self.was_at = self.was_at.max(self.first_open().unwrap_or(0));
        self.generation.log += 1;
        self.offsets = offsets;
        self.held = None;
        self.front = 0;
        self.parked = Parked::default();
        self.back = None;
        self.in_work = 0;
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
        self.parked.len()
    }

    /// There is room for parked records of this member.
    pub fn make_room(&mut self, member: Lane) {
        self.parked.want(member);
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
        std::mem::take(&mut self.changed).then(|| self.offsets.position())
    }

    /// The position, if librdkafka would not commit it by itself.
    pub fn to_commit(&self) -> Option<Position> {
        let position = self.offsets.position();
        (!position.metadata.is_empty() || position.offset < self.was_at).then_some(position)
    }

    /// The first record that is not done; `None` before anything is known of the partition.
    pub fn first_open(&self) -> Option<i64> {
        self.offsets.first_open()
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
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::events::record::{Coordinates, RequestKind};
    use crate::events::request::MemberId;
    use crate::worker::lanes::Lanes;

    fn record(offset: i64) -> Record {
        let at = Coordinates { topic: "ResumeInit".into(), partition: 0, offset };
        Record { kind: RequestKind::ResumeInit, at, time: None, key: None, value: None, headers: vec![] }
    }

    fn lane(member: i64) -> Lane {
        Lane::Member(MemberId::new(member).unwrap())
    }

    /// With records 0..8 read, of which these are parked.
    fn parked(offsets: &[i64]) -> Assigned {
        let mut assigned = Assigned::new(1, Offsets::fresh());
        for offset in 0..8 {
            assert_eq!(assigned.read(record(offset)), Read::Work(record(offset)));
            if offsets.contains(&offset) {
                assigned.park(lane(1), offset);
            } else {
                assigned.finish(offset);
            }
        }
        assigned
    }

    #[test]
    fn reading_turns_back_to_what_is_parked_when_there_is_room_and_then_to_the_front() {
        let (mut assigned, now) = (parked(&[3, 5]), Instant::now());
        assert_eq!(assigned.turn(now), None);
        assigned.make_room(lane(1));
        assert_eq!((assigned.turn(now), assigned.turn(now)), (Some(3), None));
        assert_eq!(assigned.read(record(3)), Read::Parked(record(3)));
        assert!(assigned.take_up(3, true));
        assert_eq!((assigned.turn(now), assigned.read(record(4))), (None, Read::Pass));
        assert_eq!(assigned.read(record(5)), Read::Parked(record(5)));
        assert!(!assigned.take_up(5, false), "there is no more room");
        assert_eq!((assigned.turn(now), assigned.turn(now)), (Some(8), None));
        assigned.make_room(lane(1));
        assert_eq!((assigned.turn(now), assigned.turn(now + FRONT)), (None, Some(5)));
        assert_eq!((assigned.read(record(8)), assigned.first_open()), (Read::Work(record(8)), Some(3)));
    }

    #[test]
    fn what_was_parked_and_is_gone_from_the_log_holds_the_commit_back_no_more() {
        for next in [4, 8, 20] {
            let (mut assigned, now) = (parked(&[0, 1, 2, 3]), Instant::now());
            assigned.make_room(lane(1));
            assert_eq!(assigned.turn(now), Some(0));
            let read = assigned.read(record(next));
            assert_eq!(read, if next < 8 { Read::Pass } else { Read::Work(record(next)) });
            assert_eq!((assigned.parked(), assigned.first_open()), (0, Some(next.max(8))), "{next}");
        }
    }

    #[test]
    fn work_of_a_log_that_is_gone_releases_nothing_of_the_one_that_began_anew() {
        let mut assigned = Assigned::new(1, Offsets::fresh());
        for offset in 0..8 {
            assigned.read(record(offset));
            assigned.begin();
        }
        (0..7).for_each(|offset| assigned.finish(offset));
        let before = assigned.generation();
        assert_eq!(assigned.read(record(0)), Read::Anew);
        assert_ne!(assigned.generation(), before);
        let again = assigned.take_held().map(|held| assigned.read(held));
        assert_eq!((again, assigned.is_in_work()), (Some(Read::Work(record(0))), false));
        // It lies below what was committed, so that nobody commits it by itself.
        assert_eq!(assigned.to_commit(), Some(Position { offset: 0, metadata: String::new() }));
        for offset in 0..8 {
            assigned.read(record(offset));
            assigned.finish(offset);
        }
        assert_eq!(assigned.to_commit(), None);
    }

    #[test]
    fn a_record_that_is_held_is_read_again_after_reading_turned_back() {
        let (mut assigned, now) = (parked(&[0]), Instant::now());
        let far = record(crate::worker::offsets::SPAN_MAX);
        assert_eq!(assigned.read(far.clone()), Read::Hold);
        assigned.make_room(lane(1));
        assert_eq!((assigned.turn(now), assigned.is_holding()), (Some(0), false));
        assert_eq!(assigned.read(record(0)), Read::Parked(record(0)));
        assert!(assigned.take_up(0, true));
        assert_eq!(assigned.turn(now), Some(far.at.offset));
        assigned.finish(0);
        assert_eq!(assigned.read(far.clone()), Read::Work(far));
    }

    /// One step of a random life of a partition.
    #[derive(Clone, Debug)]
    enum Step {
        Read,
        Start,
        Finish(usize),
        Pass,
        Delete(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            8 => Just(Step::Read),
            3 => Just(Step::Start),
            3 => (0..8_usize).prop_map(Step::Finish),
            1 => Just(Step::Pass),
            1 => (0..200_usize).prop_map(Step::Delete),
        ]
    }

    /// A log, a reader of it, and what a membership does with both.
    struct Life {
        log: Vec<Option<i64>>,
        at: i64,
        now: Instant,
        assigned: Assigned,
        lanes: Lanes<Lane, u8, i64>,
        in_work: Vec<(Lane, i64)>,
        begun: Vec<(Lane, i64)>,
    }

    /// Four of these fill a lane.
    const BYTES: usize = 20_000;

    impl Life {
        fn read(&mut self) {
            if let Some(offset) = self.assigned.turn(self.now) {
                self.at = offset;
            }
            let next = (self.at..).zip(self.log.get(self.at as usize..).unwrap_or_default());
            let Some((offset, member)) = next.filter_map(|(offset, member)| Some((offset, (*member)?))).next() else {
                return;
            };
            let record = self.assigned.take_held().unwrap_or_else(|| {
                self.at = offset + 1;
                record(offset)
            });
            let (offset, lane) = (record.at.offset, lane(self.log[record.at.offset as usize].unwrap_or(member)));
            let has_room = self.lanes.has_room(lane, &0, 1);
            match self.assigned.read(record) {
                Read::Work(_) if self.assigned.has_parked(lane) || !has_room => self.assigned.park(lane, offset),
                Read::Work(_) => self.lanes.push(lane, 0, BYTES, offset),
                Read::Parked(_) if self.assigned.take_up(offset, has_room) => self.lanes.push(lane, 0, BYTES, offset),
                _ => {}
            }
        }

        fn start(&mut self) {
            if let Some((lane, offset)) = self.lanes.start_next() {
                self.assigned.begin();
                self.in_work.push((lane, offset));
                self.begun.push((lane, offset));
                self.make_room(lane);
            }
        }

        fn finish(&mut self, which: usize) {
            if !self.in_work.is_empty() {
                let (lane, offset) = self.in_work.remove(which % self.in_work.len());
                self.assigned.finish(offset);
                self.lanes.finish(lane);
                self.make_room(lane);
            }
        }

        fn make_room(&mut self, lane: Lane) {
            if self.lanes.is_low(lane, &0, 1) {
                self.assigned.make_room(lane);
            }
        }
    }

    proptest! {
        /// Against the log itself: whatever the schedule, and whatever retention deletes meanwhile, each record is worked
        /// once, a member's in order, and nothing that is still there is left out.
        #[test]
        fn every_record_is_worked_once_and_each_members_in_order(
            log in proptest::collection::vec(prop_oneof![6 => Just(1_i64), 1 => 2..5_i64], 1..200),
            steps in proptest::collection::vec(step(), 1..600),
        ) {
            let (log, end) = (log.into_iter().map(Some).collect::<Vec<_>>(), log_end());
            let length = log.len() as i64;
            let mut life = Life {
                log, at: 0, now: Instant::now(), assigned: Assigned::new(1, Offsets::fresh()), lanes: Lanes::default(),
                in_work: vec![], begun: vec![],
            };
            let mut deleted = BTreeSet::new();
            for step in steps.into_iter().chain(end) {
                match step {
                    Step::Read => life.read(),
                    Step::Start => life.start(),
                    Step::Finish(which) => life.finish(which),
                    Step::Pass => life.now += FRONT,
                    // The last stays, so that somebody notices.
                    Step::Delete(which) => if let Some(member) = life.log.get_mut(which)
                        && (which as i64) < length - 1 && member.take().is_some() { deleted.insert(which as i64); },
                }
            }
            let offsets: Vec<i64> = life.begun.iter().map(|(_, offset)| *offset).collect();
            let once: BTreeSet<i64> = offsets.iter().copied().collect();
            prop_assert_eq!(once.len(), offsets.len(), "worked twice");
            let missing: Vec<i64> = (0..length).filter(|o| !once.contains(o) && !deleted.contains(o)).collect();
            prop_assert!(missing.is_empty(), "lost: {missing:?}");
            for member in 1..5 {
                let of_member = life.begun.iter().filter(|(of, _)| *of == lane(member)).map(|(_, offset)| *offset);
                prop_assert!(of_member.is_sorted());
            }
            prop_assert_eq!((life.assigned.parked(), life.assigned.first_open()), (0, Some(length)));
        }
    }

    /// Steps that bring any life to its end.
    fn log_end() -> impl Iterator<Item = Step> {
        (0..3_000).flat_map(|_| [Step::Read, Step::Read, Step::Start, Step::Finish(0), Step::Pass])
    }
}
