//! Which records of a partition are done, and what to commit so that nobody works them again.
//!
//! The committed offset is the first record that is not done. Which later ones are done already travels in the
//! commit's metadata: `s1:` and, in base64, a bitmap whose bit *i* stands for offset *committed + i*.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::kafka::position::{MAP_PREFIX as PREFIX, Position};

/// What a broker takes as commit metadata by default (`offset.metadata.max.bytes`), in characters.
const METADATA_MAX: usize = 4096;

/// Most offsets between the first open record and the last one taken. The bitmap of so many always fits the
/// metadata, so that the map is never lost, whatever the pattern.
pub const SPAN_MAX: i64 = 24_000;

const _: () = assert!(PREFIX.len() + (SPAN_MAX as usize).div_ceil(8).div_ceil(3) * 4 <= METADATA_MAX);

/// What to do with a record that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Take {
    /// It is to be worked; [`Offsets::finish`] it afterwards.
    Work,
    /// It is done already, or in work.
    Skip,
    /// It lies too far ahead: ask again when earlier ones are done.
    Wait,
    /// It lies before what was read already: the log has begun anew, and with it all bookkeeping.
    Anew,
}

/// The bookkeeping of one partition during one assignment.
#[derive(Clone, Debug, Default)]
pub struct Offsets {
    /// Taken and not finished.
    open: BTreeSet<i64>,
    /// Left open by the commit that was resumed, and not read again yet.
    unread: BTreeSet<i64>,
    /// One after the last offset that is known.
    next: i64,
    /// The last offset that was read; before that, where reading begins.
    cursor: i64,
}

impl Offsets {
    /// Goes on from a commit. Of what lies at the log's end or beyond, no map knows anything: the log has lost what was there
    /// when it was written.
    pub fn resume(position: &Position, end: Option<i64>) -> Self {
        let head = position.offset;
        let done = decode(&position.metadata).into_iter().filter_map(|bit| head.checked_add(bit));
        let done: BTreeSet<i64> = done.filter(|offset| end.is_none_or(|end| *offset < end)).collect();
        let next = done.last().map_or(head, |last| last.saturating_add(1));
        let unread = (head..next).filter(|offset| !done.contains(offset)).collect();
        Self { open: BTreeSet::new(), unread, next, cursor: head }
    }

    /// Goes on from where the partition is read when nothing was ever committed: the first record says where.
    pub fn fresh() -> Self {
        Self::default()
    }

    /// Begins at this offset, of which nothing is known.
    pub fn begin(offset: i64) -> Self {
        Self { next: offset, cursor: offset, ..Self::default() }
    }

    /// A record was read. Records of a partition are read in the order of their offsets.
    pub fn take(&mut self, offset: i64) -> Take {
        if offset < self.cursor {
            return Take::Anew;
        }
        self.cursor = offset;
        if offset < self.next {
            // What was left open before this offset and did not come is gone from the log.
            self.unread = self.unread.split_off(&offset);
            return if self.unread.remove(&offset) {
                self.open.insert(offset);
                Take::Work
            } else {
                Take::Skip
            };
        }
        self.unread.clear();
        if self.open.first().is_some_and(|first| offset - first >= SPAN_MAX) {
            return Take::Wait;
        }
        self.open.insert(offset);
        self.next = offset.saturating_add(1);
        Take::Work
    }

    /// A record that was taken is done: its outcome has been acknowledged.
    pub fn finish(&mut self, offset: i64) {
        self.open.remove(&offset);
    }

    /// Whether anything is done behind the position.
    pub fn has_map(&self) -> bool {
        self.position().metadata != PREFIX
    }

    /// What to commit now.
    pub fn position(&self) -> Position {
        let offset = self.head();
        let open = self.open.iter().chain(&self.unread).map(|open| open - offset);
        Position { offset, metadata: encode(self.next - offset, open) }
    }

    /// The first record that is not done; `None` before anything is known of the partition.
    pub fn first_open(&self) -> Option<i64> {
        (self.next > 0).then(|| self.head())
    }

    fn head(&self) -> i64 {
        let open = self.open.first().copied().unwrap_or(i64::MAX);
        let unread = self.unread.first().copied().unwrap_or(i64::MAX);
        self.next.min(open).min(unread)
    }
}

/// Whether a worker has committed this. A stranger did where a person has reset the group's offsets.
pub fn is_ours(position: &Position) -> bool {
    position.metadata.starts_with(PREFIX)
}

/// A map of `span` offsets, all done but the `open` ones. One that holds nothing is written, too: it says who committed.
fn encode(span: i64, open: impl Iterator<Item = i64>) -> String {
    let span = usize::try_from(span).unwrap_or(0);
    let mut bitmap = vec![0xff_u8; span.div_ceil(8)];
    if let (Some(last), used @ 1..) = (bitmap.last_mut(), span % 8) {
        *last = !(0xff << used);
    }
    for open in open.filter_map(|open| usize::try_from(open).ok()) {
        if let Some(byte) = bitmap.get_mut(open / 8) {
            *byte &= !(1 << (open % 8));
        }
    }
    let length = bitmap.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    bitmap.truncate(length);
    format!("{PREFIX}{}", STANDARD_NO_PAD.encode(bitmap))
}

/// The set bits of a map; none for metadata of anybody else.
fn decode(metadata: &str) -> Vec<i64> {
    let Some(bitmap) = metadata.strip_prefix(PREFIX).and_then(|text| STANDARD_NO_PAD.decode(text).ok()) else {
        return Vec::new();
    };
    let bits = bitmap
        .iter()
        .zip(0_i64..)
        .flat_map(|(byte, index)| (0..8).filter(move |bit| byte & (1 << bit) != 0).map(move |bit| index * 8 + bit));
    bits.take_while(|bit| *bit < SPAN_MAX + 8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(offset: i64, metadata: &str) -> Position {
        Position { offset, metadata: metadata.to_owned() }
    }

    fn taken(offsets: &[i64]) -> Offsets {
        let mut tracker = Offsets::fresh();
        for offset in offsets {
            assert_eq!(tracker.take(*offset), Take::Work);
        }
        tracker
    }

    #[test]
    fn the_commit_stays_at_the_first_open_record() {
        let mut offsets = taken(&[5, 6, 7]);
        offsets.finish(6);
        assert_eq!(offsets.position().offset, 5);
        offsets.finish(5);
        assert_eq!(offsets.position(), at(7, "s1:"));
        offsets.finish(7);
        assert_eq!(offsets.position(), at(8, "s1:"));
    }

    #[test]
    fn what_is_done_above_the_commit_is_skipped_after_a_crash() {
        let mut offsets = taken(&[5, 6, 7, 8, 9]);
        for done in [6, 8] {
            offsets.finish(done);
        }
        let mut resumed = Offsets::resume(&offsets.position(), None);
        let again: Vec<Take> = (5..11).map(|offset| resumed.take(offset)).collect();
        assert_eq!(again, [Take::Work, Take::Skip, Take::Work, Take::Skip, Take::Work, Take::Work]);
    }

    #[test]
    fn knowledge_survives_a_second_crash_before_it_was_read_again() {
        let mut offsets = taken(&[5, 6, 7]);
        offsets.finish(7);
        let mut resumed = Offsets::resume(&offsets.position(), None);
        assert_eq!(resumed.take(5), Take::Work);
        assert_eq!(resumed.position(), offsets.position());
    }

    #[test]
    fn offsets_that_do_not_exist_do_not_hold_the_commit_back() {
        let mut offsets = taken(&[5, 9]);
        offsets.finish(5);
        assert_eq!(offsets.position().offset, 9);
        let mut offsets = taken(&[5, 6, 7]);
        offsets.finish(7);
        let mut resumed = Offsets::resume(&offsets.position(), None);
        // 5 and 6 were deleted meanwhile.
        assert_eq!(resumed.take(7), Take::Skip);
        assert_eq!(resumed.position(), at(8, "s1:"));
    }

    /// Golden file: what every program so far has written.
    const GOLDEN: &str = include_str!("../../tests/golden/offsets.s1.txt");

    #[test]
    fn a_map_is_written_and_read_as_its_format_says() {
        let all: Vec<i64> = (100..130).collect();
        let mut offsets = taken(&all);
        let done = |offset: &i64| offset % 3 != 0 || *offset == 111;
        all.iter().filter(|offset| done(offset)).for_each(|offset| offsets.finish(*offset));
        assert_eq!(offsets.position(), at(102, GOLDEN), "a map that looks different needs another prefix");
        let mut resumed = Offsets::resume(&at(102, GOLDEN), None);
        for offset in 102..130 {
            assert_eq!(resumed.take(offset), if done(&offset) { Take::Skip } else { Take::Work }, "{offset}");
        }
    }

    #[test]
    fn metadata_of_a_newer_format_or_of_a_stranger_counts_as_no_map() {
        for foreign in ["", "x", "s1:%%", "s2:AAAA", "{\"a\":1}", "bnVsbA=="] {
            let mut offsets = Offsets::resume(&at(5, foreign), None);
            assert_eq!((offsets.take(5), offsets.take(6)), (Take::Work, Take::Work), "{foreign}");
        }
    }

    #[test]
    fn a_record_before_those_that_were_read_is_of_a_log_that_begins_anew() {
        let mut offsets = Offsets::resume(&at(500, ""), None);
        assert_eq!(offsets.take(3), Take::Anew);
        offsets = Offsets::begin(3);
        assert_eq!((offsets.take(3), offsets.take(4)), (Take::Work, Take::Work));
        assert_eq!(offsets.position().offset, 3);
    }

    #[test]
    fn a_map_knows_nothing_of_what_the_log_has_lost() {
        let mut offsets = taken(&[5, 6, 7, 8]);
        for done in [6, 8] {
            offsets.finish(done);
        }
        // The log was cut off at 7, and is written anew from there on.
        let mut resumed = Offsets::resume(&offsets.position(), Some(7));
        let again: Vec<Take> = (5..9).map(|offset| resumed.take(offset)).collect();
        assert_eq!(again, [Take::Work, Take::Skip, Take::Work, Take::Work]);
    }

    #[test]
    fn a_commit_says_whose_it_is() {
        assert!(is_ours(&taken(&[5]).position()));
        assert!(!is_ours(&at(5, "")) && !is_ours(&at(5, "s2:AAAA")));
    }

    #[test]
    fn a_record_too_far_ahead_waits_until_the_map_fits() {
        let mut offsets = taken(&[0]);
        for offset in 1..SPAN_MAX {
            assert_eq!(offsets.take(offset), Take::Work);
            offsets.finish(offset);
        }
        assert_eq!(offsets.take(SPAN_MAX), Take::Wait);
        assert!(offsets.position().metadata.len() <= METADATA_MAX);
        offsets.finish(0);
        assert_eq!(offsets.take(SPAN_MAX), Take::Work);
        let mut sparse = taken(&[0]);
        assert_eq!(sparse.take(i64::MAX - 1), Take::Wait);
    }

    /// One step of a random life of a partition.
    #[derive(Clone, Debug)]
    enum Step {
        Read,
        Finish(usize),
        Crash,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![5 => Just(Step::Read), 4 => (0..64_usize).prop_map(Step::Finish), 1 => Just(Step::Crash)]
    }

    proptest! {
        /// Against a reference that remembers every single offset: after any schedule nothing is lost, and what was
        /// done and committed is never worked again.
        #[test]
        fn any_schedule_works_every_record_and_repeats_none_that_was_committed_as_done(
            gaps in proptest::collection::vec(1..4_i64, 1..120),
            steps in proptest::collection::vec(step(), 1..400),
        ) {
            let log: Vec<i64> = gaps.iter().scan(0, |at, gap| { *at += gap; Some(*at) }).collect();
            let mut offsets = Offsets::fresh();
            let (mut cursor, mut in_work, mut done) = (0, Vec::new(), BTreeSet::new());
            for step in steps {
                match step {
                    Step::Read => if let Some(offset) = log.get(cursor) {
                        match offsets.take(*offset) {
                            Take::Work => { prop_assert!(!done.contains(offset)); in_work.push(*offset); cursor += 1; }
                            Take::Skip => { prop_assert!(done.contains(offset)); cursor += 1; }
                            Take::Wait => {}
                            Take::Anew => prop_assert!(false, "the log is one and the same"),
                        }
                    },
                    Step::Finish(which) => if !in_work.is_empty() {
                        let offset = in_work.swap_remove(which % in_work.len());
                        offsets.finish(offset);
                        done.insert(offset);
                    },
                    Step::Crash => {
                        let position = offsets.position();
                        prop_assert!(log.iter().filter(|o| **o < position.offset).all(|o| done.contains(o)));
                        offsets = if position.offset == 0 { Offsets::fresh() } else { Offsets::resume(&position, None) };
                        cursor = log.iter().position(|o| *o >= position.offset).unwrap_or(log.len());
                        in_work.clear();
                    }
                }
            }
            while let Some(offset) = log.get(cursor) {
                if offsets.take(*offset) == Take::Work { in_work.push(*offset); }
                cursor += 1;
            }
            for offset in in_work { offsets.finish(offset); done.insert(offset); }
            prop_assert_eq!(done.len(), log.len());
            prop_assert_eq!(offsets.position().offset, log.last().map_or(0, |last| last + 1));
        }

        #[test]
        fn no_metadata_panics(offset in any::<i64>(), metadata in ".{0,40}") {
            let mut offsets = Offsets::resume(&at(offset, &metadata), None);
            offsets.take(offset);
            offsets.position();
        }
    }
}
