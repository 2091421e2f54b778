//! Several capture files as one timeline.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::Frame;
use super::error::{CaptureError, Problem};
use super::file::{CaptureFile, Compression, FileFacts};
use super::input::{Input, Opened};

/// Bytes read at a time of a file that is read alone or with few others.
const BUFFER: usize = 1 << 18;
/// Bytes read at a time where many files are open, and to look at the first frame.
const SMALL_BUFFER: usize = 1 << 17;
/// Files with a large buffer.
const FEW: usize = 16;
/// Files open at a time; a zstd file counts as many, for its window.
const MAX_OPEN: usize = 256;
const ZSTD_COST: usize = 32;

/// Later than every frame.
const NEVER: (i64, usize) = (i64::MAX, usize::MAX);

/// Frames of all inputs in the order of their time.
///
/// A file is opened when its first frame is due: rotated files follow one
/// another, overlapping ones are merged. The frames of one file keep their order
/// even where its times run backwards.
#[derive(Debug)]
pub struct Timeline {
    facts: Vec<FileFacts>,
    slots: Vec<Slot>,
    /// The file that gives frames until another one has an earlier frame, out of
    /// its slot; and its index.
    current: Option<Box<CaptureFile>>,
    index: usize,
    /// Its line of files.
    line: u32,
    /// The latest file of each line.
    lines: Vec<usize>,
    /// The earliest frame of all other files.
    horizon: (i64, usize),
    /// The next frame of the other open files.
    waiting: BinaryHeap<Reverse<(i64, usize)>>,
    /// The first file that was not opened yet.
    next: usize,
    /// What the open files cost, of [`MAX_OPEN`].
    cost: usize,
    stop: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Slot {
    input: Input,
    file: Option<Box<CaptureFile>>,
    first_ns: Option<i64>,
    read: Arc<AtomicU64>,
    /// Whether all its frames were read.
    ended: bool,
    line: u32,
}

impl Timeline {
    /// Looks at the first frame of every input and puts them in order.
    ///
    /// An input that cannot be read has its reason in [`FileFacts::error`]; the
    /// others are read all the same.
    ///
    /// # Errors
    ///
    /// There is no usable input at all.
    pub fn open(inputs: Vec<Input>) -> Result<Self, CaptureError> {
        Self::open_until(inputs, Arc::default())
    }

    /// The same, where pipes and standard input end once `stop` says so: they may be
    /// silent for as long as they like.
    ///
    /// # Errors
    ///
    /// There is no usable input at all.
    pub fn open_until(inputs: Vec<Input>, stop: Arc<AtomicBool>) -> Result<Self, CaptureError> {
        let alone = inputs.len() == 1;
        let mut looked: Vec<_> =
            inputs.into_iter().map(|input| look(input, alone, &stop)).collect();
        if looked.iter().all(|(facts, slot)| facts.error.is_some() && slot.first_ns.is_none()) {
            let mut errors: Vec<_> =
                looked.into_iter().filter_map(|(facts, _)| facts.error).collect();
            return Err(match errors.pop() {
                Some(only) if errors.is_empty() => only,
                Some(last) => {
                    errors.push(last);
                    CaptureError { path: "".into(), problem: Problem::NoneUsable(errors) }
                }
                None => CaptureError { path: "".into(), problem: Problem::NothingNamed },
            });
        }
        looked.sort_by(|(a, x), (b, y)| {
            let key = |first: Option<i64>| (first.is_none(), first);
            (key(x.first_ns), &a.path).cmp(&(key(y.first_ns), &b.path))
        });
        let (facts, slots) = looked.into_iter().unzip();
        Ok(Self {
            facts,
            slots,
            current: None,
            index: 0,
            line: 0,
            lines: Vec::new(),
            horizon: NEVER,
            waiting: BinaryHeap::new(),
            next: 0,
            cost: 0,
            stop,
        })
    }

    /// The next frame; none at the end of all inputs. Its bytes are slices of the
    /// read buffer.
    #[expect(clippy::should_implement_trait, reason = "an iterator cannot lend its items")]
    #[inline]
    pub fn next(&mut self) -> Option<Frame<'_>> {
        if !self.advance() && !self.choose() {
            return None;
        }
        let file = u32::try_from(self.index).unwrap_or(u32::MAX);
        let facts = self.facts.get(self.index)?;
        let number = facts.packets.saturating_add(facts.other_records);
        Some(self.current.as_ref()?.frame(file, self.line, number))
    }

    /// Reads on in the current file. False if another file has an earlier frame
    /// now, or has to take over.
    #[inline]
    fn advance(&mut self) -> bool {
        let (Some(file), Some(facts)) = (&mut self.current, self.facts.get_mut(self.index)) else {
            return false;
        };
        match file.advance(facts) {
            Some(time_ns) if (time_ns, self.index) < self.horizon => return true,
            Some(time_ns) => {
                self.waiting.push(Reverse((time_ns, self.index)));
                if let Some(slot) = self.slots.get_mut(self.index) {
                    slot.file = self.current.take();
                }
            }
            None => {
                self.cost = self.cost.saturating_sub(cost(facts));
                self.current = None;
                if let Some(slot) = self.slots.get_mut(self.index) {
                    slot.ended = true;
                }
            }
        }
        false
    }

    /// Makes the file with the earliest frame the current one; false at the end.
    fn choose(&mut self) -> bool {
        while self.is_due() {
            self.open_next();
        }
        let Some(Reverse((_, index))) = self.waiting.pop() else { return false };
        let others = self.waiting.peek().map_or(NEVER, |Reverse(next)| *next);
        let unopened = self.unopened().filter(|_| self.cost < MAX_OPEN).unwrap_or(NEVER);
        self.horizon = others.min(unopened);
        self.index = index;
        let slot = self.slots.get_mut(index);
        self.line = slot.as_ref().map_or(0, |slot| slot.line);
        self.current = slot.and_then(|slot| slot.file.take());
        true
    }

    /// The first frame of the files that are not open yet.
    fn unopened(&self) -> Option<(i64, usize)> {
        let slot = self.slots.get(self.next)?;
        slot.first_ns.map(|first_ns| (first_ns, self.next))
    }

    /// Whether the next file has to be opened now; if it has to wait, it is late.
    fn is_due(&mut self) -> bool {
        let Some(next) = self.unopened() else { return false };
        let due = self.waiting.peek().is_none_or(|Reverse(earliest)| next < *earliest);
        if due && self.cost >= MAX_OPEN {
            if let Some(facts) = self.facts.get_mut(self.next) {
                facts.late = true;
            }
            return false;
        }
        due
    }

    fn open_next(&mut self) {
        let index = self.next;
        self.next = index.saturating_add(1);
        let line = self.line_of(index);
        let (Some(slot), Some(facts)) = (self.slots.get_mut(index), self.facts.get_mut(index))
        else {
            return;
        };
        slot.line = line;
        if slot.file.is_none() {
            let buffer = if self.cost < FEW { BUFFER } else { SMALL_BUFFER };
            let late = facts.late;
            *facts = FileFacts::new(slot.input.path().to_owned());
            facts.late = late;
            slot.first_ns = None;
            match slot.input.open(&self.stop) {
                Ok(opened) => slot.start(opened, buffer, facts),
                Err(error) => facts.error = Some(error),
            }
        }
        if let Some(first_ns) = slot.first_ns {
            self.cost = self.cost.saturating_add(cost(facts));
            self.waiting.push(Reverse((first_ns, index)));
        }
    }

    /// The line of a file that begins: that of a file with a name like its own that
    /// has ended, else of the one that ended last, else a new one.
    fn line_of(&mut self, index: usize) -> u32 {
        let stem = |file: usize| self.facts.get(file).map(|facts| stem(&facts.path));
        let own = stem(index);
        let free = |line: &usize| {
            let latest = self.lines.get(*line).copied().unwrap_or_default();
            self.slots.get(latest).is_some_and(|slot| slot.ended)
        };
        let best = (0..self.lines.len()).filter(free).max_by_key(|line| {
            let latest = self.lines.get(*line).copied().unwrap_or_default();
            (stem(latest) == own, self.facts.get(latest).and_then(|facts| facts.last_seen_ns))
        });
        let line = best.unwrap_or(self.lines.len());
        match self.lines.get_mut(line) {
            Some(latest) => *latest = index,
            None => self.lines.push(index),
        }
        u32::try_from(line).unwrap_or(u32::MAX)
    }

    /// What is known about every input, in the order of their first frames.
    #[must_use]
    pub fn files(&self) -> &[FileFacts] {
        &self.facts
    }

    /// Bytes read and bytes there are, on disk; the latter is 0 if an input does
    /// not tell.
    #[must_use]
    pub fn progress(&self) -> (u64, u64) {
        let read = self.slots.iter().map(|slot| slot.read.load(Ordering::Relaxed)).sum();
        let known = self.facts.iter().all(|facts| facts.size > 0 || facts.error.is_some());
        let total = self.facts.iter().map(|facts| facts.size).sum();
        (read, if known { total } else { 0 })
    }
}

/// The name of a file without its digits: that of a rotated capture stays the same.
fn stem(path: &Path) -> String {
    path.to_string_lossy().chars().filter(|letter| !letter.is_ascii_digit()).collect()
}

fn cost(facts: &FileFacts) -> usize {
    if facts.compression == Some(Compression::Zstd) { ZSTD_COST } else { 1 }
}

/// Reads up to the first frame. What cannot be opened again stays open.
fn look(input: Input, alone: bool, stop: &Arc<AtomicBool>) -> (FileFacts, Slot) {
    let mut facts = FileFacts::new(input.path().to_owned());
    let mut slot =
        Slot { input, file: None, first_ns: None, read: Arc::default(), ended: false, line: 0 };
    match slot.input.open(stop) {
        Ok(opened) => {
            let keep = alone || !opened.repeatable;
            let buffer = if alone { BUFFER } else { SMALL_BUFFER };
            slot.start(opened, buffer, &mut facts);
            if !keep && slot.first_ns.is_some() {
                slot.file = None;
                slot.read = Arc::default();
                facts = FileFacts {
                    path: facts.path,
                    size: facts.size,
                    container: facts.container,
                    compression: facts.compression,
                    first_seen_ns: facts.first_seen_ns,
                    ..FileFacts::default()
                };
            }
        }
        Err(error) => facts.error = Some(error),
    }
    (facts, slot)
}

impl Slot {
    /// Reads the file header and the first frame.
    fn start(&mut self, opened: Opened, buffer: usize, facts: &mut FileFacts) {
        self.read = Arc::clone(&opened.read);
        let Some(mut file) = CaptureFile::start(opened, buffer, facts) else { return };
        self.first_ns = file.advance(facts);
        if self.first_ns.is_some() {
            self.file = Some(Box::new(file));
        }
    }
}
