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
    let mut assigned = Assigned::new(1, &Start::Never, 0);
    for offset in 0..8 {
        assert_eq!(assigned.read(record(offset), 0), Read::Work(record(offset)));
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
    assert_eq!(assigned.turn(now), None);
    let now = now + FRONT;
    assert_eq!((assigned.turn(now), assigned.turn(now)), (Some(3), None));
    assert_eq!(assigned.read(record(3), 0), Read::Parked(record(3)));
    assert!(assigned.take_up(3, true));
    assert_eq!((assigned.turn(now), assigned.read(record(4), 0)), (None, Read::Pass));
    assert_eq!(assigned.read(record(5), 0), Read::Parked(record(5)));
    assert!(!assigned.take_up(5, false), "there is no more room");
    assert_eq!((assigned.turn(now), assigned.turn(now)), (Some(8), None));
    assigned.make_room(lane(1));
    assert_eq!((assigned.turn(now), assigned.turn(now + FRONT)), (None, Some(5)));
    assert_eq!((assigned.read(record(8), 0), assigned.first_open()), (Read::Work(record(8)), Some(3)));
}

#[test]
fn reading_stays_at_the_front_however_long_what_lies_there_takes_to_come() {
    let (mut assigned, now) = (parked(&[3, 5]), Instant::now());
    assigned.gone_quiet(10, false);
    assigned.make_room(lane(1));
    assert_eq!(assigned.turn(now), None);
    let now = now + FRONT;
    assert_eq!((assigned.turn(now), assigned.read(record(3), 0)), (Some(3), Read::Parked(record(3))));
    assert!(!assigned.take_up(3, false));
    assert_eq!(assigned.turn(now), Some(8));
    assigned.make_room(lane(1));
    // It is slow in coming, and only then does the time begin in which the rest is read.
    let now = now + FRONT * 3;
    assert_eq!((assigned.turn(now), assigned.read(record(8), 0)), (None, Read::Work(record(8))));
    assert_eq!((assigned.turn(now), assigned.turn(now + FRONT / 2)), (None, None));
    assert_eq!(assigned.turn(now + FRONT), Some(3));
    assert_eq!(assigned.read(record(3), 0), Read::Parked(record(3)));
    assert!(!assigned.take_up(3, false));
    // Nothing more comes, though something is there: a record may have been removed.
    let now = now + FRONT;
    assert_eq!(assigned.turn(now), Some(9));
    assigned.make_room(lane(1));
    assert_eq!((assigned.turn(now + FRONT), assigned.turn(now + FIRST_AT_FRONT)), (None, Some(3)));
}

#[test]
fn what_was_parked_and_is_gone_from_the_log_holds_the_commit_back_no_more() {
    for next in [4, 8, 20] {
        let (mut assigned, now) = (parked(&[0, 1, 2, 3]), Instant::now());
        assigned.make_room(lane(1));
        assert_eq!((assigned.turn(now), assigned.turn(now + FRONT)), (None, Some(0)));
        let read = assigned.read(record(next), 0);
        assert_eq!(read, if next < 8 { Read::Pass } else { Read::Work(record(next)) });
        assert_eq!((assigned.parked(), assigned.first_open()), (0, Some(next.max(8))), "{next}");
    }
}

#[test]
fn work_of_a_log_that_is_gone_releases_nothing_of_the_one_that_began_anew() {
    let mut assigned = Assigned::new(1, &Start::Never, 0);
    for offset in 0..8 {
        assigned.read(record(offset), 0);
        assigned.begin();
    }
    (0..7).for_each(|offset| assigned.finish(offset));
    let before = assigned.generation();
    assert_eq!(assigned.read(record(0), 0), Read::Anew);
    assert_ne!(assigned.generation(), before);
    let again = assigned.take_held().map(|held| assigned.read(held, 0));
    assert_eq!((again, assigned.is_in_work()), (Some(Read::Work(record(0))), false));
    // It lies below what was committed, so that nobody commits it by itself.
    assert_eq!(assigned.to_commit(), Some(Position { offset: 0, metadata: "s1:".to_owned() }));
    for offset in 0..8 {
        assigned.read(record(offset), 0);
        assigned.finish(offset);
    }
    assert_eq!(assigned.to_commit(), None);
}

#[test]
fn what_is_older_than_outcomes_are_remembered_is_skipped_where_nobody_knows_what_was_done() {
    let ours = Position { offset: 0, metadata: "s1:".to_owned() };
    let strangers = Position { offset: 0, metadata: String::new() };
    for (start, skips) in [
        (Start::Never, true),
        (Start::Anew { was_at: 9 }, true),
        (Start::At { position: strangers, end: None }, true),
        (Start::At { position: ours, end: None }, false),
        (Start::Unknown, false),
    ] {
        let mut assigned = Assigned::new(1, &start, 1_000);
        let at = |offset, millis| Record { time: Some(RecordTime::Create(millis)), ..record(offset) };
        if skips {
            assert_eq!(assigned.read(at(0, 998), 5_000), Read::Old { is_first: true });
            assert_eq!(assigned.read(at(1, 999), 5_000), Read::Old { is_first: false });
            assert_eq!(assigned.take_changed().map(|position| position.offset), Some(2));
        } else {
            assert_eq!(assigned.read(at(0, 998), 5_000), Read::Work(at(0, 998)), "{start:?}");
        }
        // What came since then is for somebody, however long it waits; so is what has no time.
        assert_eq!(assigned.read(at(2, 1_000), 5_000), Read::Work(at(2, 1_000)));
        assert_eq!(assigned.read(record(3), 5_000), Read::Work(record(3)));
        // Whoever has reset the log has reset the offsets.
        assert_eq!(assigned.read(at(0, 4_999), 5_000), Read::Anew);
        let held = assigned.take_held().map(|held| assigned.read(held, 5_000));
        assert_eq!(held, Some(Read::Old { is_first: true }));
    }
}

#[test]
fn a_record_that_is_held_is_read_again_after_reading_turned_back() {
    let (mut assigned, now) = (parked(&[0]), Instant::now());
    let far = record(crate::worker::offsets::SPAN_MAX);
    assert_eq!(assigned.read(far.clone(), 0), Read::Hold);
    assigned.make_room(lane(1));
    assert_eq!((assigned.turn(now), assigned.turn(now + FRONT), assigned.is_holding()), (None, Some(0), false));
    assert_eq!(assigned.read(record(0), 0), Read::Parked(record(0)));
    assert!(assigned.take_up(0, true));
    assert_eq!(assigned.turn(now), Some(far.at.offset));
    assigned.finish(0);
    assert_eq!(assigned.read(far.clone(), 0), Read::Work(far));
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
        match self.assigned.read(record, 0) {
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
            log, at: 0, now: Instant::now(), assigned: Assigned::new(1, &Start::Never, 0), lanes: Lanes::default(),
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
