//! The latest frames, so that those behind a live alert can be saved.
//!
//! Bytes go round in one block of memory; a frame is gone when its bytes are
//! written over. Nothing is copied until somebody asks.

use std::collections::VecDeque;

use crate::capture::{Frame, Timeline};

/// Interfaces that are captured at a time.
pub const MAX_INTERFACES: usize = 64;

/// Frames, one after the other.
pub trait FrameSource {
    /// The next frame; none at the end.
    fn next(&mut self) -> Option<Frame<'_>>;
}

impl FrameSource for Timeline {
    fn next(&mut self) -> Option<Frame<'_>> {
        Timeline::next(self)
    }
}

/// A frame that is kept: without its bytes, and where they are.
#[derive(Clone, Copy, Debug)]
struct Kept {
    frame: Frame<'static>,
    at: usize,
    len: usize,
}

/// The latest frames, as many as fit.
#[derive(Debug)]
pub struct RecentFrames {
    bytes: Vec<u8>,
    /// Where the next frame goes.
    at: usize,
    kept: VecDeque<Kept>,
    most_frames: usize,
}

impl RecentFrames {
    /// Room for so many bytes; none keeps nothing.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        // The smallest frames are 60 bytes, so this never cuts what there is room for.
        Self { bytes: vec![0; bytes], at: 0, kept: VecDeque::new(), most_frames: bytes / 60 }
    }

    /// Keeps a frame; the oldest make room.
    pub fn push(&mut self, frame: &Frame<'_>) {
        let len = frame.bytes.len();
        if len > self.bytes.len() {
            return;
        }
        if self.bytes.len().saturating_sub(self.at) < len {
            // What is left behind the last frame stays unused until the next round.
            let end = self.at;
            while self.kept.front().is_some_and(|oldest| oldest.at >= end) {
                self.kept.pop_front();
            }
            self.at = 0;
        }
        let end = self.at.saturating_add(len);
        while self.kept.front().is_some_and(|oldest| oldest.at >= self.at && oldest.at < end)
            || self.kept.len() >= self.most_frames.max(1)
        {
            self.kept.pop_front();
        }
        let Some(place) = self.bytes.get_mut(self.at..end) else { return };
        place.copy_from_slice(frame.bytes);
        let without_bytes = Frame { bytes: &[], ..*frame };
        self.kept.push_back(Kept { frame: without_bytes, at: self.at, len });
        self.at = end;
    }

    /// Takes over the frames of another, which has none then.
    pub fn take_over(&mut self, other: &mut Self) {
        let mut frames = other.iter();
        while let Some(frame) = frames.next() {
            self.push(&frame);
        }
        other.kept.clear();
        other.at = 0;
    }

    /// The frames that are there, the oldest first.
    #[must_use]
    pub fn iter(&self) -> Recent<'_> {
        Recent { frames: self, next: 0 }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }
}

/// The latest frames, one after the other.
#[derive(Debug)]
pub struct Recent<'a> {
    frames: &'a RecentFrames,
    next: usize,
}

impl FrameSource for Recent<'_> {
    fn next(&mut self) -> Option<Frame<'_>> {
        let kept = self.frames.kept.get(self.next)?;
        self.next = self.next.saturating_add(1);
        let bytes = self.frames.bytes.get(kept.at..)?.get(..kept.len)?;
        Some(Frame { bytes, ..kept.frame })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(number: u64, bytes: &[u8]) -> Frame<'_> {
        let original_len = u32::try_from(bytes.len()).unwrap();
        let line = 0;
        Frame { time_ns: 0, file: 0, line, number, interface: 0, link_type: 1, original_len, bytes }
    }

    fn pushed(room: usize, lengths: &[usize]) -> RecentFrames {
        let mut recent = RecentFrames::new(room);
        for (number, len) in (1u64..).zip(lengths) {
            recent.push(&frame(number, &vec![u8::try_from(number).unwrap(); *len]));
        }
        recent
    }

    /// Numbers of the frames that are there; each must have its own bytes.
    fn numbers(recent: &RecentFrames) -> Vec<u64> {
        let mut frames = recent.iter();
        let mut found = Vec::new();
        while let Some(frame) = frames.next() {
            assert!(frame.bytes.iter().all(|byte| u64::from(*byte) == frame.number));
            found.push(frame.number);
        }
        found
    }

    #[test]
    fn the_latest_frames_are_there_and_the_oldest_make_room() {
        assert_eq!(vec![2, 3, 4], numbers(&pushed(300, &[100, 100, 100, 100])));
        assert_eq!(vec![4, 5], numbers(&pushed(300, &[100, 100, 100, 100, 150])));
    }

    #[test]
    fn a_frame_that_does_not_fit_behind_the_last_one_begins_the_next_round() {
        assert_eq!(vec![2, 3], numbers(&pushed(250, &[100, 100, 90])));
        assert_eq!(vec![3, 4], numbers(&pushed(250, &[100, 100, 90, 100])));
    }

    #[test]
    fn a_frame_longer_than_the_room_is_not_kept() {
        assert_eq!(vec![1], numbers(&pushed(120, &[100, 500])));
        assert!(pushed(0, &[1, 2]).is_empty());
    }

    #[test]
    fn frames_that_waited_elsewhere_are_taken_over_once() {
        let (mut recent, mut waited) = (pushed(300, &[100]), pushed(300, &[100, 100]));
        recent.take_over(&mut waited);
        recent.take_over(&mut waited);

        assert_eq!((vec![1, 1, 2], true), (numbers(&recent), waited.is_empty()));
    }

    #[test]
    fn frames_without_bytes_do_not_pile_up() {
        assert_eq!(2, pushed(120, &[0; 100]).len());
    }
}
