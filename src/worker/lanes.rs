//! Whose turn it is: one lane a member, worked strictly one record at a time and in order.
//!
//! Members take turns: a lane that has had its turn goes to the back, and partitions are served round robin, so that
//! neither a member nor a partition with many records holds up the rest.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::Hash;

/// Backpressure: members of a partition that are ready for their turn before its reading stops.
const READY_MAX: usize = 64;

/// Backpressure: bytes of records that wait, over all partitions; a partition may always have its least. Half of it is
/// for records whose turn is next, and reading stops when that is full; half is for those behind others of their member.
const WAITING_MAX_BYTES: usize = 16 << 20;
const WAITING_LEAST_BYTES: usize = 256 << 10;

/// What of one member may wait in a partition; more of it is [parked](crate::worker::parked).
const LANE_MAX: usize = 64;
const LANE_MAX_BYTES: usize = 64 << 10;

/// The part of its room at which a lane wants more.
const LOW: usize = 4;

/// What waits in a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Lanes that could go on at once.
    pub ready: usize,
    /// The size in bytes of all that waits, for a turn or for the record before it.
    pub bytes: usize,
    /// The size of those that could go on at once.
    pub ready_bytes: usize,
}

impl Load {
    /// Whether enough of a partition is ready already; `partitions` share the memory.
    pub fn is_full(&self, partitions: usize) -> bool {
        self.ready >= READY_MAX || self.ready_bytes >= half_share(partitions)
    }
}

/// Half of the bytes that may wait of one of so many partitions.
fn half_share(partitions: usize) -> usize {
    (WAITING_MAX_BYTES / partitions.max(1)).max(WAITING_LEAST_BYTES) / 2
}

/// Waiting records of type `T`, by member `M`, from partitions `P`.
#[derive(Debug)]
pub struct Lanes<M, P, T> {
    lanes: HashMap<M, Lane<P, T>>,
    /// Partitions with a ready lane, in the order in which they are served.
    served_next: VecDeque<P>,
    partitions: BTreeMap<P, Partition<M>>,
}

#[derive(Debug)]
struct Lane<P, T> {
    busy: bool,
    waiting: VecDeque<Queued<P, T>>,
}

#[derive(Debug)]
struct Queued<P, T> {
    partition: P,
    bytes: usize,
    record: T,
}

#[derive(Debug)]
struct Partition<M> {
    ready: VecDeque<M>,
    waiting: usize,
    bytes: usize,
    ready_bytes: usize,
}

impl<M: Copy + Eq + Hash, P: Clone + Ord, T> Default for Lanes<M, P, T> {
    fn default() -> Self {
        Self { lanes: HashMap::new(), served_next: VecDeque::new(), partitions: BTreeMap::new() }
    }
}

impl<M: Copy + Eq + Hash, P: Clone + Ord, T> Lanes<M, P, T> {
    /// Puts a record at the end of its member's lane.
    pub fn push(&mut self, member: M, partition: P, bytes: usize, record: T) {
        let queue = self.partitions.entry(partition.clone()).or_insert_with(|| Partition {
            ready: VecDeque::new(),
            waiting: 0,
            bytes: 0,
            ready_bytes: 0,
        });
        queue.waiting += 1;
        queue.bytes += bytes;
        let lane = self.lanes.entry(member).or_insert_with(|| Lane { busy: false, waiting: VecDeque::new() });
        lane.waiting.push_back(Queued { partition: partition.clone(), bytes, record });
        if !lane.busy && lane.waiting.len() == 1 {
            self.make_ready(member, partition);
        }
    }

    /// The next record whose turn it is; its lane is busy until [`finish`](Self::finish).
    pub fn start_next(&mut self) -> Option<(M, T)> {
        loop {
            let partition = self.served_next.pop_front()?;
            let Some(queue) = self.partitions.get_mut(&partition) else { continue };
            let Some(member) = queue.ready.pop_front() else { continue };
            if !queue.ready.is_empty() {
                self.served_next.push_back(partition.clone());
            }
            let Some(lane) = self.lanes.get_mut(&member) else { continue };
            let Some(waiting) = lane.waiting.pop_front() else { continue };
            lane.busy = true;
            queue.ready_bytes = queue.ready_bytes.saturating_sub(waiting.bytes);
            self.forget(&waiting.partition, waiting.bytes);
            return Some((member, waiting.record));
        }
    }

    /// The record of this member that was in work is done: the lane may go on.
    pub fn finish(&mut self, member: M) {
        let Some(lane) = self.lanes.get_mut(&member) else { return };
        lane.busy = false;
        match lane.waiting.front() {
            Some(waiting) => {
                let partition = waiting.partition.clone();
                self.make_ready(member, partition);
            }
            None => {
                self.lanes.remove(&member);
            }
        }
    }

    /// Forgets everything that waits from partitions that are no longer ours. What is in work stays.
    pub fn drop_partitions(&mut self, gone: &[P]) {
        for lane in self.lanes.values_mut() {
            lane.waiting.retain(|waiting| !gone.contains(&waiting.partition));
        }
        self.lanes.retain(|_, lane| lane.busy || !lane.waiting.is_empty());
        // A lane may have lost its first record, so that it is ready from another partition now.
        self.served_next.clear();
        for queue in self.partitions.values_mut() {
            queue.ready.clear();
            queue.ready_bytes = 0;
        }
        self.partitions.retain(|partition, _| !gone.contains(partition));
        let ready: Vec<(M, P)> = self
            .lanes
            .iter()
            .filter(|(_, lane)| !lane.busy)
            .filter_map(|(member, lane)| Some((*member, lane.waiting.front()?.partition.clone())))
            .collect();
        for (member, partition) in ready {
            self.make_ready(member, partition);
        }
    }

    /// Whether [`start_next`](Self::start_next) would give a record.
    pub fn has_ready(&self) -> bool {
        !self.served_next.is_empty()
    }

    /// What waits from a partition.
    pub fn load(&self, partition: &P) -> Load {
        self.partitions.get(partition).map_or_else(Load::default, |queue| Load {
            ready: queue.ready.len(),
            bytes: queue.bytes,
            ready_bytes: queue.ready_bytes,
        })
    }

    /// Whether one more record of this member may wait; `partitions` share the memory. A member of whom nothing is here
    /// may always: what is ready is limited by [`Load::is_full`].
    pub fn has_room(&self, member: M, partition: &P, partitions: usize) -> bool {
        self.is_below(member, partition, partitions, 1)
    }

    /// Whether so little of this member waits that more should be read.
    pub fn is_low(&self, member: M, partition: &P, partitions: usize) -> bool {
        self.is_below(member, partition, partitions, LOW)
    }

    fn is_below(&self, member: M, partition: &P, partitions: usize, part: usize) -> bool {
        let Some(lane) = self.lanes.get(&member) else { return true };
        let here = lane.waiting.iter().filter(|waiting| waiting.partition == *partition);
        let (count, bytes) = here.fold((0, 0), |(count, bytes), waiting| (count + 1, bytes + waiting.bytes));
        let load = self.load(partition);
        let behind = load.bytes.saturating_sub(load.ready_bytes);
        count < LANE_MAX / part && bytes < LANE_MAX_BYTES / part && behind < half_share(partitions) / part
    }

    /// All records that wait.
    pub fn waiting(&self) -> usize {
        self.partitions.values().map(|queue| queue.waiting).sum()
    }

    fn make_ready(&mut self, member: M, partition: P) {
        let Some(queue) = self.partitions.get_mut(&partition) else { return };
        let first = self.lanes.get(&member).and_then(|lane| lane.waiting.front());
        queue.ready_bytes += first.map_or(0, |waiting| waiting.bytes);
        if queue.ready.is_empty() {
            self.served_next.push_back(partition);
        }
        queue.ready.push_back(member);
    }

    fn forget(&mut self, partition: &P, bytes: usize) {
        if let Some(queue) = self.partitions.get_mut(partition) {
            queue.waiting -= 1;
            queue.bytes -= bytes;
            if queue.waiting == 0 {
                self.partitions.remove(partition);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Test = Lanes<u8, u8, u32>;

    fn pushed(records: &[(u8, u8, u32)]) -> Test {
        let mut lanes = Test::default();
        for (member, partition, record) in records {
            lanes.push(*member, *partition, 10, *record);
        }
        lanes
    }

    #[test]
    fn a_member_is_worked_one_record_at_a_time_in_order() {
        let mut lanes = pushed(&[(1, 0, 10), (1, 0, 11)]);
        assert_eq!(lanes.start_next(), Some((1, 10)));
        assert_eq!(lanes.start_next(), None);
        lanes.finish(1);
        assert_eq!(lanes.start_next(), Some((1, 11)));
        lanes.finish(1);
        assert_eq!((lanes.start_next(), lanes.waiting()), (None, 0));
    }

    #[test]
    fn members_do_not_wait_for_each_other() {
        let mut lanes = pushed(&[(1, 0, 10), (1, 0, 11), (2, 0, 20)]);
        assert_eq!((lanes.start_next(), lanes.start_next()), (Some((1, 10)), Some((2, 20))));
    }

    #[test]
    fn a_member_with_many_records_goes_to_the_back_after_each() {
        let mut lanes = pushed(&[(1, 0, 10), (1, 0, 11), (1, 0, 12), (2, 0, 20), (3, 0, 30)]);
        assert_eq!(lanes.start_next(), Some((1, 10)));
        lanes.finish(1);
        assert_eq!(
            (lanes.start_next(), lanes.start_next(), lanes.start_next()),
            (Some((2, 20)), Some((3, 30)), Some((1, 11)))
        );
    }

    #[test]
    fn partitions_take_turns() {
        let mut lanes = pushed(&[(1, 0, 1), (2, 0, 2), (3, 0, 3), (4, 1, 4)]);
        let order: Vec<u32> = std::iter::from_fn(|| lanes.start_next()).map(|(_, record)| record).collect();
        assert_eq!(order, [1, 4, 2, 3]);
    }

    #[test]
    fn load_counts_what_is_ready_and_what_waits_behind() {
        let mut lanes = pushed(&[(1, 0, 1), (1, 0, 2), (2, 0, 3)]);
        assert_eq!(lanes.load(&0), Load { ready: 2, bytes: 30, ready_bytes: 20 });
        lanes.start_next();
        assert_eq!(lanes.load(&0), Load { ready: 1, bytes: 20, ready_bytes: 10 });
        lanes.finish(1);
        assert_eq!(lanes.load(&0), Load { ready: 2, bytes: 20, ready_bytes: 20 });
        assert_eq!(lanes.load(&9), Load::default());
    }

    #[test]
    fn a_partition_is_full_with_enough_members_or_with_its_share_of_the_memory() {
        let load = |ready, ready_bytes| Load { ready, bytes: ready_bytes, ready_bytes };
        assert_eq!((load(63, 0).is_full(1), load(64, 0).is_full(1)), (false, true));
        assert_eq!((load(1, (8 << 20) - 1).is_full(1), load(1, 8 << 20).is_full(1)), (false, true));
        assert_eq!((load(1, (2 << 20) - 1).is_full(4), load(1, 2 << 20).is_full(4)), (false, true));
        assert_eq!((load(1, (128 << 10) - 1).is_full(1_000), load(1, 128 << 10).is_full(1_000)), (false, true));
    }

    #[test]
    fn a_member_with_much_has_no_room_and_does_not_fill_its_partition() {
        for (bytes, most) in [(100, 64), (4 << 10, 16), (900 << 10, 1)] {
            let mut lanes = Test::default();
            let mut pushed = 0;
            while lanes.has_room(1, &0, 1) {
                lanes.push(1, 0, bytes, pushed);
                pushed += 1;
            }
            assert_eq!(pushed, most, "of {bytes} bytes");
            assert!(!lanes.load(&0).is_full(1));
            assert_eq!((lanes.has_room(2, &0, 1), lanes.has_room(1, &9, 1)), (true, true));
        }
    }

    #[test]
    fn a_lane_wants_more_when_a_quarter_is_left() {
        let mut lanes = Test::default();
        (0..64).for_each(|number| lanes.push(1, 0, 100, number));
        while !lanes.is_low(1, &0, 1) {
            lanes.start_next();
            lanes.finish(1);
        }
        assert_eq!(lanes.waiting(), 15);
    }

    #[test]
    fn members_with_much_leave_room_for_those_of_whom_nothing_is_here() {
        let mut lanes = Test::default();
        for member in 1..=100 {
            for number in 0..64 {
                if lanes.has_room(member, &0, 1_000) {
                    lanes.push(member, 0, 1_000, number);
                }
            }
            // All of them are in work.
            lanes.start_next();
        }
        assert!(!lanes.has_room(1, &0, 1_000), "the memory for what waits behind others is full");
        assert_eq!((lanes.has_room(200, &0, 1_000), lanes.load(&0).is_full(1_000)), (true, false));
    }

    #[test]
    fn dropping_a_partition_keeps_the_rest_of_a_members_lane() {
        let mut lanes = pushed(&[(1, 0, 1), (1, 1, 2), (2, 0, 3)]);
        lanes.drop_partitions(&[0]);
        assert_eq!((lanes.start_next(), lanes.start_next()), (Some((1, 2)), None));
    }

    proptest! {
        #[test]
        fn every_record_comes_once_and_each_member_in_order(
            records in proptest::collection::vec((0..6_u8, 0..3_u8), 0..80),
            picks in proptest::collection::vec(any::<bool>(), 0..400),
        ) {
            let mut lanes = Test::default();
            let (mut source, mut busy, mut seen) = (records.iter().zip(0_u32..), Vec::new(), Vec::new());
            for pick in picks.into_iter().chain(std::iter::repeat_n(true, 400)) {
                if !pick && let Some(((member, partition), number)) = source.next() {
                    lanes.push(*member, *partition, 1, number);
                } else if let Some((member, record)) = lanes.start_next() {
                    prop_assert!(!busy.contains(&member));
                    busy.push(member);
                    seen.push((member, record));
                } else if let Some(member) = busy.pop() {
                    lanes.finish(member);
                } else if let Some(((member, partition), number)) = source.next() {
                    lanes.push(*member, *partition, 1, number);
                }
            }
            prop_assert_eq!(seen.len(), records.len());
            for member in 0..6 {
                let mine: Vec<u32> = seen.iter().filter(|(who, _)| *who == member).map(|(_, r)| *r).collect();
                prop_assert!(mine.is_sorted());
            }
            prop_assert_eq!(lanes.waiting(), 0);
        }
    }
}
