//! The bytes that streams carried lately, to tell a faithful copy from a forged one.
//!
//! All flows share one ring of bytes: what a flow sent is there until others have
//! sent as much as the ring holds. A flow keeps the number of its latest record, and
//! each record that of the one before it in the same direction.

use dissectors::dissector::FrameId;

use crate::reassembly::Chunk;

/// Records of a direction that a copy is held against at most.
const LOOK_BACK: usize = 64;
/// Bytes kept of one segment.
const MOST: usize = 16 << 10;
/// Bytes that a record stands for on average, where the ring is full.
const USUAL: usize = 256;

/// The number of the latest record of a direction; 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Latest(u64);

#[derive(Clone, Copy, Debug, Default)]
struct Record {
    before: Latest,
    /// Where its bytes begin, counted from the first byte of the run.
    at: u64,
    sequence: u32,
    len: u32,
    frame: FrameId,
}

/// The ring.
#[derive(Debug)]
pub(crate) struct History {
    bytes: Box<[u8]>,
    /// Where the next bytes go, counted from the first byte of the run.
    head: u64,
    records: Box<[Record]>,
    /// Records so far.
    count: u64,
}

impl History {
    /// Of so many bytes.
    pub fn new(bytes: usize) -> Self {
        Self {
            bytes: vec![0; bytes].into_boxed_slice(),
            head: 0,
            records: vec![Record::default(); bytes.div_ceil(USUAL)].into_boxed_slice(),
            count: 0,
        }
    }

    /// Keeps the bytes of a segment that goes on.
    #[inline]
    pub fn add(&mut self, latest: &mut Latest, chunk: &Chunk<'_>) {
        let kept = chunk.bytes.get(..MOST).unwrap_or(chunk.bytes);
        let room = self.bytes.len() as u64;
        let Some(mut place) = self.head.checked_rem(room) else { return };
        if place.saturating_add(kept.len() as u64) > room {
            // A segment stands in one piece.
            self.head = self.head.saturating_add(room.saturating_sub(place));
            place = 0;
        }
        let from = usize::try_from(place).unwrap_or_default();
        let Some(target) = self.bytes.get_mut(from..).and_then(|rest| rest.get_mut(..kept.len()))
        else {
            return;
        };
        target.copy_from_slice(kept);
        let record = Record {
            before: *latest,
            at: self.head,
            sequence: chunk.sequence,
            len: u32::try_from(kept.len()).unwrap_or_default(),
            frame: chunk.frame,
        };
        self.head = self.head.saturating_add(kept.len() as u64);
        self.count = self.count.saturating_add(1);
        *latest = Latest(self.count);
        if let Some(place) = slot(&self.records, self.count)
            && let Some(old) = self.records.get_mut(place)
        {
            *old = record;
        }
    }

    /// The frame of the first copy of bytes that come again and are not the same.
    #[cold]
    pub fn differing(&self, latest: Latest, chunk: &Chunk<'_>) -> Option<FrameId> {
        let mut next = latest;
        for _ in 0..LOOK_BACK {
            let record = self.get(next)?;
            let from = usize::try_from(record.at.checked_rem(self.bytes.len() as u64)?).ok()?;
            let own = self.bytes.get(from..)?.get(..record.len as usize)?;
            if differs(own, record.sequence, chunk) {
                return Some(record.frame);
            }
            next = record.before;
        }
        None
    }

    /// A record whose bytes are still there.
    fn get(&self, latest: Latest) -> Option<&Record> {
        let age = self.count.checked_sub(latest.0)?;
        if latest.0 == 0 || age >= self.records.len() as u64 {
            return None;
        }
        let record = self.records.get(slot(&self.records, latest.0)?)?;
        (self.head.saturating_sub(record.at) <= self.bytes.len() as u64).then_some(record)
    }
}

#[inline]
fn slot(records: &[Record], number: u64) -> Option<usize> {
    usize::try_from(number.checked_rem(records.len() as u64)?).ok()
}

/// Whether bytes of a stream from `sequence` on are others than those of `chunk` where
/// both say something.
pub(crate) fn differs(own: &[u8], sequence: u32, chunk: &Chunk<'_>) -> bool {
    let ahead = chunk.sequence.wrapping_sub(sequence).cast_signed();
    let skipped = ahead.unsigned_abs() as usize;
    let (own, copy) = if ahead >= 0 {
        (own.get(skipped..), Some(chunk.bytes))
    } else {
        (Some(own), chunk.bytes.get(skipped..))
    };
    let (Some(own), Some(copy)) = (own, copy) else { return false };
    own.iter().zip(copy).any(|(own, copy)| own != copy)
}

#[cfg(test)]
mod tests {
    use dissectors::dissector::FrameId;

    use super::{Chunk, History, Latest};

    fn chunk(sequence: u32, bytes: &[u8], number: u64) -> Chunk<'_> {
        Chunk {
            bytes,
            frame: FrameId { file: 0, number },
            earlier: &[],
            time_ns: 0,
            sequence,
            start: true,
            cut: 0,
        }
    }

    fn frame(history: &History, latest: Latest, sequence: u32, bytes: &[u8]) -> Option<u64> {
        history.differing(latest, &chunk(sequence, bytes, 99)).map(|frame| frame.number)
    }

    #[test]
    fn a_copy_is_held_against_every_byte_that_it_repeats() {
        let mut history = History::new(4096);
        let mut latest = Latest::default();
        history.add(&mut latest, &chunk(u32::MAX - 1, b"abcd", 1));
        history.add(&mut latest, &chunk(2, b"efgh", 2));

        assert_eq!(None, frame(&history, latest, u32::MAX - 1, b"abcdefgh"));
        assert_eq!(None, frame(&history, latest, 0, b"cdef"));
        assert_eq!(Some(1), frame(&history, latest, 1, b"D"));
        assert_eq!(Some(2), frame(&history, latest, 1, b"dX"));
        assert_eq!(Some(2), frame(&history, latest, 5, b"Hi"));
        assert_eq!(None, frame(&history, latest, 6, b"??"));
        assert_eq!(None, frame(&history, latest, u32::MAX - 4, b"???"));
    }

    #[test]
    fn directions_are_kept_apart() {
        let mut history = History::new(4096);
        let (mut one, mut other) = (Latest::default(), Latest::default());
        history.add(&mut one, &chunk(0, b"abcd", 1));
        history.add(&mut other, &chunk(0, b"ABCD", 2));

        assert_eq!(None, frame(&history, one, 0, b"abcd"));
        assert_eq!(None, frame(&history, other, 0, b"ABCD"));
        assert_eq!(Some(2), frame(&history, other, 0, b"abcd"));
    }

    #[test]
    fn what_was_overwritten_is_not_judged() {
        let mut history = History::new(1024);
        let (mut one, mut other) = (Latest::default(), Latest::default());
        history.add(&mut one, &chunk(0, &[1; 300], 1));
        history.add(&mut other, &chunk(0, &[2; 700], 2));
        assert_eq!(Some(1), frame(&history, one, 0, &[9]));

        history.add(&mut other, &chunk(700, &[3; 100], 3));
        assert_eq!(None, frame(&history, one, 0, &[9]));
        assert_eq!(Some(2), frame(&history, other, 0, &[9]));

        for number in 4..20 {
            history.add(&mut other, &chunk(number * 100, &[4], number.into()));
        }
        assert_eq!(None, frame(&history, other, 0, &[9]));
    }

    #[test]
    fn a_history_without_room_says_nothing() {
        let mut history = History::new(0);
        let mut latest = Latest::default();
        history.add(&mut latest, &chunk(0, b"abcd", 1));

        assert_eq!(None, frame(&history, latest, 0, b"x"));
    }
}
