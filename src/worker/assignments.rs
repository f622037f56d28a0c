//! The assignment of one membership: which partitions are ours, and how far each is.
//!
//! Plain bookkeeping, without a clock and without Kafka. What the [membership](crate::worker::membership) is told by its group
//! goes in; what to read, to store and to commit comes out.

use std::collections::BTreeMap;

use tokio_util::sync::CancellationToken;

use crate::events::record::Coordinates;
use crate::kafka::position::{Partition, Position, Start};
use crate::worker::assigned::{Assigned, Generation};
use crate::worker::work::Lane;

/// The partitions of one membership.
#[derive(Debug, Default)]
pub struct Assignments {
    partitions: BTreeMap<Partition, Assigned>,
    /// Raised with each assignment.
    generation: u64,
}

/// A record to be worked, and the assignment in which it was read. The fencing token of our own bookkeeping: what was
/// begun in an earlier assignment of the same partition releases nothing of a later one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    partition: Partition,
    offset: i64,
    generation: Generation,
}

impl Ticket {
    /// For the record at these coordinates, read in this generation.
    pub fn new(at: &Coordinates, generation: Generation) -> Self {
        let partition = Partition { topic: at.topic.clone(), number: at.partition };
        Self { partition, offset: at.offset, generation }
    }
}

impl Assignments {
    /// Partitions are ours from here on, each from its start. What is `oldest` now is as old as outcomes are remembered.
    pub fn assign(&mut self, starts: &[(Partition, Start)], oldest: i64) {
        self.generation += 1;
        for (partition, start) in starts {
            self.partitions.insert(partition.clone(), Assigned::new(self.generation, start, oldest));
        }
    }

    /// Partitions are to be let go: nothing more of theirs is read, or waits. What is in work is still theirs.
    pub fn revoke(&mut self, partitions: &[Partition]) {
        for partition in partitions {
            if let Some(assigned) = self.partitions.get_mut(partition) {
                assigned.revoke();
            }
        }
    }

    /// Whether anything of these partitions is in work.
    pub fn is_in_work(&self, partitions: &[Partition]) -> bool {
        partitions.iter().any(|partition| self.partitions.get(partition).is_some_and(Assigned::is_in_work))
    }

    /// Partitions are no longer ours: nothing is stored or committed for them any more.
    pub fn forget(&mut self, partitions: &[Partition]) {
        for partition in partitions {
            self.partitions.remove(partition);
        }
    }

    /// Partitions that may be read.
    pub fn readable(&mut self) -> impl Iterator<Item = (&Partition, &mut Assigned)> {
        self.partitions.iter_mut().filter(|(_, assigned)| !assigned.is_revoked())
    }

    /// A record has begun. The token is cancelled when its partition is let go.
    pub fn begin(&mut self, ticket: &Ticket) -> CancellationToken {
        let Some(assigned) = self.of(ticket) else {
            let gone = CancellationToken::new();
            gone.cancel();
            return gone;
        };
        assigned.begin()
    }

    /// A record that had begun is left to whoever reads it next: it is not done.
    pub fn leave(&mut self, ticket: &Ticket) {
        if let Some(assigned) = self.of(ticket) {
            assigned.leave();
        }
    }

    /// A record is done: its outcome has been acknowledged.
    pub fn finish(&mut self, ticket: &Ticket) {
        if let Some(assigned) = self.of(ticket) {
            assigned.finish(ticket.offset);
        }
    }

    fn of(&mut self, ticket: &Ticket) -> Option<&mut Assigned> {
        self.partitions.get_mut(&ticket.partition).filter(|assigned| assigned.generation() == ticket.generation)
    }

    /// Positions that have changed since this was last asked.
    pub fn take_changed(&mut self) -> Vec<(Partition, Position)> {
        let changed = self
            .partitions
            .iter_mut()
            .filter_map(|(partition, assigned)| assigned.take_changed().map(|position| (partition.clone(), position)));
        changed.collect()
    }

    /// Of those that are [to be committed](Self::to_commit) the ones that were stored since this was last asked.
    pub fn grown(&mut self) -> Vec<(Partition, Position)> {
        let grown =
            self.partitions.iter_mut().filter_map(|(partition, assigned)| Some((partition.clone(), assigned.grown()?)));
        grown.collect()
    }

    /// Positions that librdkafka would not commit by itself: with a map of what is done behind their offset, which may have
    /// grown, or below what was committed before, as their log has begun anew.
    pub fn to_commit(&self) -> Vec<(Partition, Position)> {
        let to_commit =
            self.partitions.iter().filter_map(|(partition, assigned)| Some((partition.clone(), assigned.to_commit()?)));
        to_commit.collect()
    }

    /// This topic was made again: its partitions, which begin anew, are to be read from their beginning.
    pub fn begin_anew(&mut self, topic: &str, oldest: i64) -> Vec<Partition> {
        let of_topic =
            self.partitions.iter_mut().filter(|(partition, it)| *partition.topic == *topic && !it.is_revoked());
        let begun = of_topic.map(|(partition, assigned)| {
            assigned.begin_at_beginning(oldest);
            partition.clone()
        });
        begun.collect()
    }

    /// There is room for this member's records in the partitions of which `has_room` says so.
    pub fn make_room(&mut self, member: Lane, has_room: impl Fn(&Partition) -> bool) {
        for (partition, assigned) in &mut self.partitions {
            if assigned.has_parked(member) && has_room(partition) {
                assigned.make_room(member);
            }
        }
    }

    /// There is room for parked records wherever `has_room` says so, of whichever member.
    pub fn make_room_where(&mut self, has_room: impl Fn(Lane, &Partition) -> bool) {
        for (partition, assigned) in &mut self.partitions {
            assigned.make_room_where(|member| has_room(member, partition));
        }
    }

    /// How many records are parked.
    pub fn parked(&self) -> usize {
        self.partitions.values().map(Assigned::parked).sum()
    }

    /// The lag, in records, of a partition that ends at `end`; `None` while nothing is known of it, or when it is not
    /// ours.
    pub fn lag(&self, partition: &Partition, end: i64) -> Option<i64> {
        let open = self.partitions.get(partition)?.first_open()?;
        Some((end - open).max(0))
    }

    /// A partition of which nothing has come since this was last asked, although its log goes on to its end, and where to
    /// look for what is there. Only those that are full are held back on purpose.
    pub fn gone_quiet(
        &mut self,
        ends: &[(Partition, i64)],
        is_full: impl Fn(&Partition) -> bool,
    ) -> Option<(Partition, i64, i64)> {
        let quiet = ends.iter().filter_map(|(partition, end)| {
            let next = self.partitions.get_mut(partition)?.gone_quiet(*end, is_full(partition))?;
            Some((partition.clone(), next, *end))
        });
        // All of them are asked each time.
        quiet.reduce(|first, _| first)
    }

    /// Nothing is to be read of a partition before this offset.
    pub fn holds_nothing_before(&mut self, partition: &Partition, offset: i64) {
        if let Some(assigned) = self.partitions.get_mut(partition) {
            assigned.holds_nothing_before(offset);
        }
    }

    /// How many partitions are not read now: a record of theirs is held, or they are full.
    pub fn held_back(&self, is_full: impl Fn(&Partition) -> bool) -> usize {
        let held_back = self.partitions.iter().filter(|(partition, it)| it.is_holding() || is_full(partition));
        held_back.count()
    }

    /// All partitions that are ours.
    pub fn partitions(&self) -> Vec<Partition> {
        self.partitions.keys().cloned().collect()
    }

    pub fn len(&self) -> usize {
        self.partitions.len()
    }

    pub fn is_empty(&self) -> bool {
        self.partitions.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;
    use crate::events::record::{Record, RequestKind};
    use crate::events::request::MemberId;
    use crate::worker::assigned::Read;
    use crate::worker::lanes::Lanes;
    use crate::worker::offsets::SPAN_MAX;

    fn partition(number: i32) -> Partition {
        Partition { topic: "ResumeInit".into(), number }
    }

    fn record(number: i32, offset: i64) -> Record {
        let at = Coordinates { topic: "ResumeInit".into(), partition: number, offset };
        Record { kind: RequestKind::ResumeInit, at, time: None, key: None, value: None, headers: vec![] }
    }

    /// An assignment of partitions that were never committed.
    fn fresh(numbers: &[i32]) -> Assignments {
        let mut assignments = Assignments::default();
        let starts: Vec<_> = numbers.iter().map(|number| (partition(*number), Start::Never)).collect();
        assignments.assign(&starts, 0);
        assignments
    }

    fn assigned(assignments: &mut Assignments, number: i32) -> &mut Assigned {
        let found = assignments.readable().find(|(partition, _)| partition.number == number);
        found.expect("a partition that may be read").1
    }

    /// Reads a record that is to be worked.
    fn read(assignments: &mut Assignments, number: i32, offset: i64) -> Ticket {
        let assigned = assigned(assignments, number);
        let Read::Work(record) = assigned.read(record(number, offset), 0) else {
            panic!("{offset} is not to be worked")
        };
        Ticket::new(&record.at, assigned.generation())
    }

    /// Begins a record.
    fn begun(assignments: &mut Assignments, number: i32, offset: i64) -> Ticket {
        let ticket = read(assignments, number, offset);
        assignments.begin(&ticket);
        ticket
    }

    fn at(number: i32, offset: i64, metadata: &str) -> (Partition, Position) {
        (partition(number), Position { offset, metadata: metadata.to_owned() })
    }

    /// Where it was committed, with this map.
    fn resumed(offset: i64, metadata: &str) -> Start {
        Start::At { position: at(0, offset, metadata).1, end: None }
    }

    #[test]
    fn a_partition_is_read_from_where_it_was_committed() {
        let mut assignments = Assignments::default();
        // Of 5, 6 and 7 the second is done.
        assignments.assign(&[(partition(0), resumed(5, "s1:Ag")), (partition(1), Start::Never)], 0);
        let first = assigned(&mut assignments, 0);
        let read = [5, 6, 7].map(|offset| first.read(record(0, offset), 0));
        assert_eq!(read, [Read::Work(record(0, 5)), Read::Skip, Read::Work(record(0, 7))]);
        assert_eq!(assigned(&mut assignments, 1).read(record(1, 40), 0), Read::Work(record(1, 40)));
    }

    #[test]
    fn a_position_is_stored_once_whenever_it_has_changed() {
        let mut assignments = fresh(&[0, 1]);
        let (first, second) = (begun(&mut assignments, 0, 3), begun(&mut assignments, 0, 4));
        begun(&mut assignments, 1, 8);
        assert_eq!(assignments.take_changed(), []);
        assignments.finish(&second);
        assert_eq!(assignments.take_changed(), [at(0, 3, "s1:Ag")]);
        assert_eq!(assignments.take_changed(), []);
        assert_eq!(assignments.to_commit(), [at(0, 3, "s1:Ag")]);
        assert_eq!((assignments.grown(), assignments.grown()), (vec![at(0, 3, "s1:Ag")], vec![]));
        assignments.finish(&first);
        assert_eq!((assignments.take_changed(), assignments.to_commit()), (vec![at(0, 5, "s1:")], vec![]));
    }

    #[test]
    fn what_is_skipped_is_stored_too() {
        let mut assignments = Assignments::default();
        assignments.assign(&[(partition(0), resumed(5, "s1:AQ"))], 0);
        assert_eq!(assigned(&mut assignments, 0).read(record(0, 5), 0), Read::Skip);
        assert_eq!(assignments.take_changed(), [at(0, 6, "s1:")]);
    }

    #[test]
    fn work_of_an_earlier_assignment_releases_nothing_of_a_later_one() {
        let mut assignments = fresh(&[0]);
        let earlier = begun(&mut assignments, 0, 3);
        assignments.forget(&[partition(0)]);
        assignments.finish(&earlier);
        assert_eq!(assignments.take_changed(), []);
        assignments.assign(&[(partition(0), Start::Never)], 0);
        let later = begun(&mut assignments, 0, 3);
        assignments.finish(&earlier);
        assert!(assignments.is_in_work(&[partition(0)]));
        assert_eq!(assignments.take_changed(), []);
        assignments.finish(&later);
        assert!(!assignments.is_in_work(&[partition(0)]));
        assert_eq!(assignments.take_changed(), [at(0, 4, "s1:")]);
    }

    #[test]
    fn what_was_read_in_an_earlier_assignment_does_not_count_as_work_of_a_later_one() {
        let mut assignments = fresh(&[0]);
        let earlier = read(&mut assignments, 0, 3);
        assignments.assign(&[(partition(0), Start::Never)], 0);
        assert!(assignments.begin(&earlier).is_cancelled());
        assert!(!assignments.is_in_work(&[partition(0)]));
    }

    #[test]
    fn a_partition_that_stays_is_not_touched_by_an_assignment_of_others() {
        let mut assignments = fresh(&[0]);
        let kept = begun(&mut assignments, 0, 3);
        assignments.assign(&[(partition(1), Start::Never)], 0);
        assert_eq!(assignments.len(), 2);
        assert!(assignments.is_in_work(&[partition(0)]));
        assignments.finish(&kept);
        assert_eq!(assignments.take_changed(), [at(0, 4, "s1:")]);
    }

    #[test]
    fn a_revoked_partition_is_read_no_more_and_still_releases_what_was_in_work() {
        let mut assignments = fresh(&[0, 1]);
        let ticket = begun(&mut assignments, 0, 3);
        assignments.revoke(&[partition(0)]);
        assert_eq!(assignments.readable().map(|(partition, _)| partition.number).collect::<Vec<_>>(), [1]);
        assert!(assignments.is_in_work(&[partition(0), partition(1)]));
        assignments.finish(&ticket);
        assert!(!assignments.is_in_work(&[partition(0), partition(1)]));
        assert_eq!(assignments.take_changed(), [at(0, 4, "s1:")]);
        assignments.forget(&[partition(0)]);
        assert_eq!(assignments.partitions(), [partition(1)]);
    }

    #[test]
    fn who_waits_is_told_that_its_partition_is_let_go_and_what_is_left_is_not_done() {
        let mut assignments = fresh(&[0, 1]);
        let tickets = [0, 1].map(|number| read(&mut assignments, number, 3));
        let [moves, stays] = tickets.each_ref().map(|ticket| assignments.begin(ticket));
        assignments.revoke(&[partition(0)]);
        assert_eq!((moves.is_cancelled(), stays.is_cancelled()), (true, false));
        assignments.leave(&tickets[0]);
        assert!(!assignments.is_in_work(&[partition(0)]));
        assert_eq!(assignments.take_changed(), []);
        // Lost, or assigned anew without a word between.
        assignments.forget(&[partition(1)]);
        assert!(stays.is_cancelled() && assignments.begin(&tickets[1]).is_cancelled());
    }

    #[test]
    fn what_was_lost_is_neither_stored_nor_committed() {
        let mut assignments = fresh(&[0]);
        let (_open, done) = (begun(&mut assignments, 0, 3), begun(&mut assignments, 0, 4));
        assignments.finish(&done);
        assignments.forget(&[partition(0)]);
        assert_eq!((assignments.take_changed(), assignments.to_commit()), (vec![], vec![]));
        assert!(assignments.is_empty());
    }

    #[test]
    fn a_record_too_far_ahead_is_held_until_the_first_open_one_is_done() {
        let mut assignments = fresh(&[0, 1]);
        let first = begun(&mut assignments, 0, 0);
        let (far, nobody_is_full) = (record(0, SPAN_MAX), |_: &Partition| false);
        assert_eq!(assigned(&mut assignments, 0).read(far.clone(), 0), Read::Hold);
        assert_eq!(assignments.held_back(nobody_is_full), 1);
        assignments.finish(&first);
        let held = assigned(&mut assignments, 0).take_held();
        assert_eq!(held, Some(far.clone()));
        assert_eq!(assignments.held_back(nobody_is_full), 0);
        assert_eq!(assigned(&mut assignments, 0).read(far.clone(), 0), Read::Work(far));
    }

    #[test]
    fn a_revocation_lets_go_of_what_is_held() {
        let mut assignments = fresh(&[0]);
        begun(&mut assignments, 0, 0);
        assert_eq!(assigned(&mut assignments, 0).read(record(0, SPAN_MAX), 0), Read::Hold);
        assignments.revoke(&[partition(0)]);
        assert_eq!(assignments.held_back(|_| false), 0);
    }

    #[test]
    fn whose_lane_went_with_another_partition_is_wanted_where_it_is_parked() {
        let member = |number| Lane::Member(MemberId::new(number).unwrap());
        let (mut assignments, mut lanes) = (fresh(&[0, 1]), Lanes::default());
        for number in [1, 2] {
            // Of each a record waits in the first partition, and one is parked in the second.
            lanes.push(member(number), partition(0), 10, ());
            read(&mut assignments, 1, number);
            assigned(&mut assignments, 1).park(member(number), number);
        }
        lanes.push(member(1), partition(1), 1 << 20, ());
        lanes.drop_partitions(&[partition(0)]);
        assert_eq!(assigned(&mut assignments, 1).turn(Instant::now()), None);
        assignments.make_room_where(|member, partition| lanes.is_low(member, partition, 2));
        let (it, now) = (assigned(&mut assignments, 1), Instant::now());
        let turns = [now, now + Duration::from_secs(1)].map(|now| it.turn(now));
        assert_eq!(turns, [None, Some(2)], "the first still has enough");
    }

    #[test]
    fn a_partition_is_quiet_when_nothing_comes_of_it_although_its_log_goes_on() {
        let mut assignments = fresh(&[0, 1]);
        let ends = |first, second| [(partition(0), first), (partition(1), second)];
        let quiet = |assignments: &mut Assignments, ends: &[_]| assignments.gone_quiet(ends, |_| false);
        read(&mut assignments, 0, 3);
        assert_eq!(quiet(&mut assignments, &ends(4, 0)), None);
        assert_eq!(quiet(&mut assignments, &ends(6, 0)), None, "it may come");
        assert_eq!(quiet(&mut assignments, &ends(6, 0)), Some((partition(0), 4, 6)));
        read(&mut assignments, 0, 4);
        assert_eq!(quiet(&mut assignments, &ends(6, 0)), None, "one has come");
        assert_eq!(assignments.gone_quiet(&ends(6, 0), |_| true), None, "there is no room for it");
        assert_eq!(quiet(&mut assignments, &ends(6, 9)), None);
        assert_eq!(quiet(&mut assignments, &ends(6, 9)), Some((partition(0), 5, 6)));
        // Marks of a transaction, or a record that was removed.
        assignments.holds_nothing_before(&partition(0), 6);
        assert_eq!(quiet(&mut assignments, &ends(6, 9)), Some((partition(1), 0, 9)));
        assignments.holds_nothing_before(&partition(1), 9);
        assert_eq!(quiet(&mut assignments, &ends(6, 9)), None);
        assert_eq!(quiet(&mut assignments, &ends(7, 9)), None);
        assert_eq!(quiet(&mut assignments, &ends(7, 9)), Some((partition(0), 6, 7)));
    }

    #[test]
    fn full_partitions_count_as_held_back() {
        assert_eq!(fresh(&[0, 1, 2]).held_back(|partition| partition.number > 0), 2);
    }

    #[test]
    fn a_topic_that_was_made_again_is_committed_at_its_beginning_until_it_is_as_long_as_before() {
        let mut assignments = fresh(&[0, 1]);
        assignments.assign(&[(Partition { topic: "ResumeAnswer".into(), number: 2 }, Start::Never)], 0);
        let tickets = [3, 4].map(|offset| begun(&mut assignments, 0, offset));
        assignments.finish(&tickets[0]);
        assert_eq!(assignments.take_changed(), [at(0, 4, "s1:")]);
        assert_eq!(assignments.begin_anew("ResumeInit", 0), [partition(0), partition(1)]);
        // What was in work is of the topic before.
        assignments.finish(&tickets[1]);
        assert_eq!((assignments.take_changed().len(), assignments.to_commit()), (2, vec![at(0, 0, "s1:")]));
        for offset in 0..4 {
            assert_eq!(assignments.to_commit(), [at(0, offset, "s1:")]);
            let ticket = begun(&mut assignments, 0, offset);
            assignments.finish(&ticket);
        }
        assert_eq!(assignments.to_commit(), []);
    }

    #[test]
    fn the_lag_is_counted_from_the_first_record_that_is_not_done() {
        let mut assignments = fresh(&[0]);
        assert_eq!(assignments.lag(&partition(0), 9), None);
        let (first, second) = (begun(&mut assignments, 0, 3), begun(&mut assignments, 0, 4));
        assignments.finish(&second);
        assert_eq!(assignments.lag(&partition(0), 9), Some(6));
        assignments.finish(&first);
        // The end is as old as its answer.
        assert_eq!((assignments.lag(&partition(0), 9), assignments.lag(&partition(0), 2)), (Some(4), Some(0)));
        // Marks of a transaction, and a record behind them.
        assignments.holds_nothing_before(&partition(0), 7);
        assert_eq!((assignments.lag(&partition(0), 7), assignments.lag(&partition(0), 8)), (Some(0), Some(1)));
        let third = begun(&mut assignments, 0, 7);
        assert_eq!(assignments.lag(&partition(0), 8), Some(1));
        assignments.finish(&third);
        assert_eq!(assignments.lag(&partition(0), 8), Some(0));
        assert_eq!(assignments.lag(&partition(1), 9), None);
    }
}
