//! Records that were read and put back, because too much of their member waits already.
//!
//! Of a parked record only the offset is kept: it is read again when its member has room. A member's order is kept, since
//! while one of its records is parked every later one of the same partition is parked, too.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::Hash;
use std::ops::Range;

/// The parked records of a partition, by member `M`.
#[derive(Debug)]
pub struct Parked<M> {
    members: BTreeMap<i64, M>,
    offsets: HashMap<M, BTreeSet<i64>>,
    /// Members with parked records and room for them.
    wanting: HashSet<M>,
}

impl<M: Copy + Eq + Hash> Default for Parked<M> {
    fn default() -> Self {
        Self { members: BTreeMap::new(), offsets: HashMap::new(), wanting: HashSet::new() }
    }
}

impl<M: Copy + Eq + Hash> Parked<M> {
    /// A record is put back.
    pub fn park(&mut self, member: M, offset: i64) {
        self.members.insert(offset, member);
        self.offsets.entry(member).or_default().insert(offset);
    }

    /// Whether any record of this member is parked.
    pub fn has(&self, member: M) -> bool {
        self.offsets.contains_key(&member)
    }

    /// Whether the record at this offset is parked.
    pub fn contains(&self, offset: i64) -> bool {
        self.members.contains_key(&offset)
    }

    /// There is room for this member's records, if any are parked.
    pub fn want(&mut self, member: M) {
        if self.has(member) {
            self.wanting.insert(member);
        }
    }

    /// There is room for the records of every member of whom `has_room` says so.
    pub fn want_where(&mut self, has_room: impl Fn(M) -> bool) {
        self.wanting.extend(self.offsets.keys().copied().filter(|member| has_room(*member)));
    }

    /// There is no more room for the record at this offset.
    pub fn leave(&mut self, offset: i64) {
        if let Some(member) = self.members.get(&offset) {
            self.wanting.remove(member);
        }
    }

    /// The first offset from here on at which a record lies that is its member's next and has room.
    pub fn wanted(&self, from: i64) -> Option<i64> {
        let firsts = self.wanting.iter().filter_map(|member| self.offsets.get(member)?.first());
        firsts.copied().filter(|first| *first >= from).min()
    }

    /// The record at this offset is taken up again, if it is its member's next.
    pub fn take(&mut self, offset: i64) -> bool {
        let offsets = self.members.get(&offset).and_then(|member| self.offsets.get(member));
        let is_next = offsets.is_some_and(|offsets| offsets.first() == Some(&offset));
        if is_next {
            self.remove(offset);
        }
        is_next
    }

    /// Forgets what lies in this range, and says what that was.
    pub fn forget(&mut self, range: Range<i64>) -> Vec<i64> {
        let gone: Vec<i64> = self.members.range(range).map(|(offset, _)| *offset).collect();
        for offset in &gone {
            self.remove(*offset);
        }
        gone
    }

    pub fn count(&self) -> usize {
        self.members.len()
    }

    fn remove(&mut self, offset: i64) {
        let Some(member) = self.members.remove(&offset) else { return };
        let Some(offsets) = self.offsets.get_mut(&member) else { return };
        offsets.remove(&offset);
        if offsets.is_empty() {
            self.offsets.remove(&member);
            self.wanting.remove(&member);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parked(records: &[(u8, i64)]) -> Parked<u8> {
        let mut parked = Parked::default();
        records.iter().for_each(|(member, offset)| parked.park(*member, *offset));
        parked
    }

    #[test]
    fn a_members_next_record_is_wanted_where_there_is_room() {
        let mut parked = parked(&[(1, 3), (2, 4), (1, 5)]);
        assert_eq!(parked.wanted(0), None);
        parked.want(9);
        parked.want(2);
        assert_eq!((parked.wanted(0), parked.wanted(5)), (Some(4), None));
        parked.want(1);
        assert_eq!(parked.wanted(0), Some(3));
        parked.leave(3);
        assert_eq!(parked.wanted(0), Some(4));
    }

    #[test]
    fn a_members_records_are_taken_in_their_order_only() {
        let mut parked = parked(&[(1, 3), (1, 5)]);
        assert_eq!([parked.take(5), parked.take(4), parked.take(3), parked.take(5)], [false, false, true, true]);
        assert_eq!((parked.has(1), parked.count()), (false, 0));
    }

    #[test]
    fn what_is_forgotten_is_wanted_no_more() {
        let mut parked = parked(&[(1, 3), (2, 4), (1, 5)]);
        parked.want(1);
        parked.want(2);
        assert_eq!(parked.forget(3..5), [3, 4]);
        assert_eq!((parked.wanted(0), parked.has(2), parked.contains(4)), (Some(5), false, false));
    }
}
