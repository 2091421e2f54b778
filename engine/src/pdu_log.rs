//! The log of PDUs in capture order, although some are decoded late.
//!
//! Payloads wait until their flow is identified, or until an earlier segment
//! comes. Their PDUs then belong before others that are written already, so
//! lines wait in turn while the engine holds an earlier frame, within a bound.

use std::collections::VecDeque;

use dissectors::dissector::FrameId;

/// Whether every PDU is written to the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PduLogging {
    /// It is not: observations are made.
    #[default]
    Off,
    /// It is, and no observations are made.
    Only,
    /// It is, and observations are made as well.
    Beside,
}

/// Frames of one file that came one after the other: the first, and its place
/// among all frames of the input.
#[derive(Clone, Copy, Debug)]
struct Run {
    file: u32,
    number: u64,
    place: u64,
}

/// A line that waits: the place of its frame, and where its text stands.
#[derive(Clone, Copy, Debug)]
struct Line {
    place: u64,
    start: usize,
    end: usize,
}

/// The lines that may be taken, and those that wait.
#[derive(Debug)]
pub struct PduLog {
    ready: Vec<u8>,
    /// By place; those of one place in the order of their adding.
    waiting: VecDeque<Line>,
    /// Their texts, and those of lines that went since the last tidying.
    text: Vec<u8>,
    waiting_bytes: usize,
    most_waiting: usize,
    /// Where frames stand, oldest run first. Files that overlap in time take
    /// turns, so the number of a frame does not tell.
    runs: VecDeque<Run>,
    next_place: u64,
    /// Lines of earlier frames than this may go.
    released: u64,
}

impl PduLog {
    /// An empty log, in which `most_waiting` bytes may wait.
    #[must_use]
    pub fn new(most_waiting: usize) -> Self {
        Self {
            ready: Vec::new(),
            waiting: VecDeque::new(),
            text: Vec::new(),
            waiting_bytes: 0,
            most_waiting,
            runs: VecDeque::new(),
            next_place: 0,
            released: 0,
        }
    }

    /// The next frame begins; frames from `oldest_waiting` on may still give lines.
    #[inline]
    pub fn frame(&mut self, frame: FrameId, oldest_waiting: Option<FrameId>) {
        let follows = self.runs.back().is_some_and(|run| {
            run.file == frame.file
                && frame.number.checked_sub(run.number) == self.next_place.checked_sub(run.place)
        });
        if !follows {
            self.runs.push_back(Run {
                file: frame.file,
                number: frame.number,
                place: self.next_place,
            });
        }
        let here = self.next_place;
        self.next_place = here.saturating_add(1);
        self.released = oldest_waiting.map_or(here, |oldest| self.place(oldest).min(here));
        if !self.waiting.is_empty() {
            self.release(self.released);
        }
        // Runs that end before the released place are not asked for any more.
        while self.runs.get(1).is_some_and(|next| next.place <= self.released) {
            self.runs.pop_front();
        }
    }

    /// Adds the line that `write` gives, of the message that `frame` completed.
    #[inline]
    pub fn add(&mut self, frame: FrameId, write: impl FnOnce(&mut Vec<u8>)) {
        let place = self.place(frame);
        if self.waiting.is_empty() && place <= self.released {
            write(&mut self.ready);
            return;
        }
        let start = self.text.len();
        write(&mut self.text);
        let end = self.text.len();
        self.waiting_bytes = self.waiting_bytes.saturating_add(end.saturating_sub(start));
        let at = if self.waiting.back().is_none_or(|last| last.place <= place) {
            self.waiting.len()
        } else {
            self.waiting.partition_point(|line| line.place <= place)
        };
        self.waiting.insert(at, Line { place, start, end });
        if self.waiting_bytes > self.most_waiting {
            // Half of what waits goes, in order: a line decoded later comes late.
            let half = self.waiting.len() / 2;
            let until = self.waiting.get(half).map_or(u64::MAX, |line| line.place);
            self.release(until.saturating_add(1));
        }
    }

    /// Takes the lines that are in order.
    pub fn take(&mut self) -> Vec<u8> {
        // The next ones take about as much.
        let next = Vec::with_capacity(self.ready.len());
        std::mem::replace(&mut self.ready, next)
    }

    /// Where a frame stands among all of the input.
    fn place(&self, frame: FrameId) -> u64 {
        let own =
            self.runs.iter().rev().find(|run| run.file == frame.file && run.number <= frame.number);
        match own {
            Some(run) => run.place.saturating_add(frame.number.saturating_sub(run.number)),
            None => 0,
        }
    }

    fn release(&mut self, before: u64) {
        while let Some(line) = self.waiting.pop_front_if(|line| line.place < before) {
            let text = self.text.get(line.start..line.end).unwrap_or_default();
            self.waiting_bytes = self.waiting_bytes.saturating_sub(text.len());
            self.ready.extend_from_slice(text);
        }
        self.tidy();
    }

    /// Drops the texts of lines that went, once they are the larger part.
    fn tidy(&mut self) {
        if self.waiting.is_empty() {
            self.text.clear();
        } else if self.text.len() / 2 > self.waiting_bytes {
            let mut kept = Vec::with_capacity(self.waiting_bytes.saturating_mul(2));
            for line in &mut self.waiting {
                let start = kept.len();
                kept.extend_from_slice(self.text.get(line.start..line.end).unwrap_or_default());
                *line = Line { place: line.place, start, end: kept.len() };
            }
            self.text = kept;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(file: u32, number: u64) -> FrameId {
        FrameId { file, number }
    }

    fn add(log: &mut PduLog, id: FrameId) {
        log.add(id, |out| out.extend_from_slice(format!("{}.{}\n", id.file, id.number).as_bytes()));
    }

    fn taken(log: &mut PduLog) -> String {
        String::from_utf8(log.take()).unwrap()
    }

    #[test]
    fn a_line_comes_at_once_while_nothing_waits() {
        let mut log = PduLog::new(1000);
        log.frame(frame(0, 1), None);
        add(&mut log, frame(0, 1));

        assert_eq!("0.1\n", taken(&mut log));
    }

    #[test]
    fn a_line_decoded_late_still_comes_in_order() {
        let mut log = PduLog::new(1000);
        for number in 1..=3 {
            log.frame(frame(0, number), (number > 1).then_some(frame(0, 1)));
            if number > 1 {
                add(&mut log, frame(0, number));
            }
        }
        add(&mut log, frame(0, 1));
        log.frame(frame(0, 4), None);

        assert_eq!("0.1\n0.2\n0.3\n", taken(&mut log));
    }

    #[test]
    fn files_that_overlap_keep_the_order_of_their_frames() {
        let mut log = PduLog::new(1000);
        log.frame(frame(1, 1), None);
        log.frame(frame(0, 1), Some(frame(1, 1)));
        add(&mut log, frame(0, 1));
        log.frame(frame(1, 2), Some(frame(1, 1)));
        add(&mut log, frame(1, 2));
        add(&mut log, frame(1, 1));
        log.frame(frame(u32::MAX, u64::MAX), None);

        assert_eq!("1.1\n0.1\n1.2\n", taken(&mut log));
    }

    #[test]
    fn what_waits_is_bounded_and_nothing_is_lost() {
        let mut log = PduLog::new(40);
        for number in 1..=100 {
            log.frame(frame(0, number), Some(frame(0, 1)));
            add(&mut log, frame(0, number));
            assert!(log.waiting_bytes <= 40);
        }
        log.frame(frame(u32::MAX, u64::MAX), None);

        assert_eq!(100, taken(&mut log).lines().count());
    }
}
