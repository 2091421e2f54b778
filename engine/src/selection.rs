//! Frames picked out of capture files, or out of the latest ones, once more: those behind an alert, and what
//! stands around them in their flows.
//!
//! The files are read twice: once to learn the flows of the frames that are wanted,
//! once to take them with their context. Both stop at the last frame that can matter.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::IpAddr;
use std::path::PathBuf;

use crate::capture::{CaptureError, FileFacts, Frame, Input, Timeline};
use crate::counters::Counters;
use crate::decode::decode;
use crate::packet::Payload;
use crate::recent::{FrameSource, MAX_INTERFACES, RecentFrames};

/// Bytes of context that wait at a time, of all selections; past it no more is taken.
const MOST_WAITING: usize = 16 << 20;
const SYN: u8 = 2;
const ACK: u8 = 16;

/// Frames wanted of one capture file.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The file.
    pub path: PathBuf,
    /// Numbers of frames, as Wireshark counts.
    pub frames: Vec<u64>,
}

/// How much may be picked.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Frames of a flow before and after one that is wanted.
    pub context: usize,
    /// Frames in all.
    pub frames: usize,
    /// Bytes in all.
    pub bytes: usize,
}

/// Why a frame was picked, the better reason first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// It was asked for.
    Wanted,
    /// It opened the connection of one that was.
    Handshake,
    /// It came shortly before or after one in the same flow.
    Context,
}

impl Reason {
    /// The word for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wanted => "evidence",
            Self::Handshake => "handshake",
            Self::Context => "context",
        }
    }
}

/// Who sent a packet to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// Sender, and its port where there is one.
    pub source: (IpAddr, u16),
    /// Receiver.
    pub destination: (IpAddr, u16),
    /// `tcp`, `udp`, or `ip`.
    pub transport: &'static str,
}

/// A frame that was picked.
#[derive(Clone, Debug)]
pub struct Picked {
    /// Its file: its index in [`Selection::files`].
    pub file: u32,
    /// Its number in the file.
    pub number: u64,
    /// Nanoseconds since 1970.
    pub time_ns: i64,
    /// The interface in the file.
    pub interface: u32,
    /// LINKTYPE_ value.
    pub link_type: u16,
    /// Bytes on the wire.
    pub original_len: u32,
    /// The bytes kept.
    pub bytes: Vec<u8>,
    /// Why it is here.
    pub reason: Reason,
    /// Its ends, where it is IP.
    pub ends: Option<Ends>,
}

/// What was picked.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// The frames, in the order of the timeline.
    pub frames: Vec<Picked>,
    /// The files, as far as they were read.
    pub files: Vec<FileFacts>,
    /// Frames wanted that are not in their file.
    pub missing_count: u64,
    /// Frames that were found and left out for the bounds.
    pub left_out_count: u64,
}

/// A flow without direction: both ends, the lower one first, and the transport.
type Key = ((IpAddr, u16), (IpAddr, u16), &'static str);

/// What is known of a flow that is wanted.
#[derive(Debug, Default)]
struct Watched {
    before: VecDeque<Picked>,
    after: usize,
    handshake: Vec<Picked>,
}

/// Picks the wanted frames out of their files, with context.
///
/// Frames are numbered within their file, so each file counts for itself; several
/// are one timeline. A frame that is not there any more is counted as missing.
///
/// # Errors
///
/// No file can be read.
pub fn select(wanted: &[Wanted], bounds: Bounds) -> Result<Selection, CaptureError> {
    let mut numbers: BTreeMap<PathBuf, BTreeSet<u64>> = BTreeMap::new();
    for one in wanted {
        let own = numbers.entry(one.path.clone()).or_default();
        own.extend(both_ends(&one.frames, bounds.frames));
    }
    let all: usize = wanted.iter().map(|one| one.frames.len()).sum();
    let open = || Timeline::open(numbers.keys().cloned().map(Input::Path).collect());
    let mut first = open()?;
    let asked = [Asked::in_order(&first, &numbers, all)];
    let flows = flows_of(&mut first, &asked);
    let mut second = open()?;
    let asked = [Asked::in_order(&second, &numbers, all)];
    let mut selection = pick(&mut second, &asked, flows, bounds).pop().unwrap_or_default();
    selection.files = second.files().to_vec();
    Ok(selection)
}

/// Picks frames out of those that are still there, with context: for each list of
/// `wanted`, frames by file and number, a selection of its own.
///
/// They are gone through twice, however many lists there are. [`Selection::files`] stays empty.
#[must_use]
pub fn select_recent(
    recent: &RecentFrames,
    wanted: &[Vec<(u32, u64)>],
    bounds: Bounds,
) -> Vec<Selection> {
    let asked: Vec<Asked> = wanted.iter().map(|own| Asked::recent(own, bounds)).collect();
    let flows = flows_of(&mut recent.iter(), &asked);
    pick(&mut recent.iter(), &asked, flows, bounds)
}

/// What one selection asks for.
#[derive(Debug, Default)]
struct Asked {
    /// Numbers of frames, of each file.
    by_file: Vec<BTreeSet<u64>>,
    /// Frames asked for in all, also those past the bounds.
    all: usize,
}

impl Asked {
    /// Of each file of a timeline, in its order, the frames wanted.
    fn in_order(
        timeline: &Timeline,
        numbers: &BTreeMap<PathBuf, BTreeSet<u64>>,
        all: usize,
    ) -> Self {
        let of = |facts: &FileFacts| numbers.get(&facts.path).cloned().unwrap_or_default();
        Self { by_file: timeline.files().iter().map(of).collect(), all }
    }

    fn recent(wanted: &[(u32, u64)], bounds: Bounds) -> Self {
        let mut by_file: Vec<BTreeSet<u64>> = Vec::new();
        for (file, number) in both_ends(wanted, bounds.frames) {
            let file = file as usize;
            // Live, a file is an interface, and there are few.
            if file >= MAX_INTERFACES {
                continue;
            }
            if by_file.len() <= file {
                by_file.resize_with(file.saturating_add(1), BTreeSet::new);
            }
            if let Some(own) = by_file.get_mut(file) {
                own.insert(number);
            }
        }
        Self { by_file, all: wanted.len() }
    }

    fn count(&self) -> usize {
        self.by_file.iter().map(BTreeSet::len).sum()
    }
}

/// Who asks for which frame, of several selections.
struct Askers {
    by_file: Vec<BTreeMap<u64, Vec<usize>>>,
}

impl Askers {
    fn of(asked: &[Asked]) -> Self {
        let mut by_file: Vec<BTreeMap<u64, Vec<usize>>> = Vec::new();
        for (place, one) in asked.iter().enumerate() {
            if by_file.len() < one.by_file.len() {
                by_file.resize_with(one.by_file.len(), BTreeMap::new);
            }
            for (all, own) in by_file.iter_mut().zip(&one.by_file) {
                own.iter().for_each(|number| all.entry(*number).or_default().push(place));
            }
        }
        Self { by_file }
    }

    fn count(&self) -> usize {
        self.by_file.iter().map(BTreeMap::len).sum()
    }

    fn for_frame(&self, frame: &Frame<'_>) -> &[usize] {
        let own = self.by_file.get(frame.file as usize);
        own.and_then(|own| own.get(&frame.number)).map_or(&[], Vec::as_slice)
    }
}

/// The flows that one selection is about, and how many of its frames are there.
type Flows = (HashMap<Key, Watched>, usize);

/// Frames between two looks at whether all is there.
const LOOK: u64 = 64;

/// Takes what is wanted out of the frames that are left, for each selection.
fn pick(
    frames: &mut impl FrameSource,
    asked: &[Asked],
    flows: Vec<Flows>,
    bounds: Bounds,
) -> Vec<Selection> {
    let askers = Askers::of(asked);
    let mut by_flow: HashMap<Key, Vec<usize>> = HashMap::new();
    for (place, (own, _)) in flows.iter().enumerate() {
        own.keys().for_each(|key| by_flow.entry(*key).or_default().push(place));
    }
    let room = MOST_WAITING.checked_div(asked.len()).unwrap_or_default();
    let found: Vec<usize> = flows.iter().map(|(_, found)| *found).collect();
    let mut takings: Vec<Taking> =
        flows.into_iter().map(|(flows, found)| Taking::new(bounds, room, flows, found)).collect();
    let mut at = 0u64;
    while !at.is_multiple_of(LOOK) || takings.iter().any(|taking| !taking.is_done(at)) {
        let Some(frame) = frames.next() else { break };
        at = at.saturating_add(1);
        let (ends, flags) = ends_of(&frame);
        let wanted = askers.for_frame(&frame);
        let near = ends.and_then(key_of).and_then(|key| by_flow.get(&key));
        let near = near.map_or(&[][..], Vec::as_slice);
        for place in near.iter().chain(wanted.iter().filter(|place| !near.contains(place))) {
            if let Some(taking) = takings.get_mut(*place) {
                taking.look(&frame, at, (ends, flags), wanted.contains(place));
            }
        }
    }
    let selections = takings.into_iter().zip(asked).zip(found);
    selections.map(|((taking, asked), found)| taking.end(asked, found)).collect()
}

/// At most `most` of a list: where it is longer, its beginning and its end, since of
/// a transfer those say the most.
fn both_ends<T: Copy>(list: &[T], most: usize) -> impl Iterator<Item = T> {
    let front = if list.len() > most { most.saturating_sub(most / 4) } else { list.len() };
    let back = list.len().saturating_sub(most.saturating_sub(front)).max(front);
    let ends = [list.get(..front), list.get(back..)];
    ends.into_iter().flatten().flatten().copied()
}

/// The flows of the frames wanted, for each selection.
fn flows_of(frames: &mut impl FrameSource, asked: &[Asked]) -> Vec<Flows> {
    let askers = Askers::of(asked);
    let mut to_come = askers.count();
    let mut all: Vec<Flows> = asked.iter().map(|_| Flows::default()).collect();
    while to_come > 0 {
        let Some(frame) = frames.next() else { break };
        let wanted = askers.for_frame(&frame);
        if wanted.is_empty() {
            continue;
        }
        to_come = to_come.saturating_sub(1);
        let key = ends_of(&frame).0.and_then(key_of);
        for place in wanted {
            let Some((flows, found)) = all.get_mut(*place) else { continue };
            *found = found.saturating_add(1);
            if let Some(key) = key {
                flows.insert(key, Watched::default());
            }
        }
    }
    all
}

/// The ends of a frame's innermost packet, and its TCP flags.
fn ends_of(frame: &Frame<'_>) -> (Option<Ends>, Option<u8>) {
    let mut counters = Counters::default();
    let packet = decode(frame.link_type, frame.bytes, frame.original_len, &mut counters);
    let (ip, ports, transport, flags) = match packet.payload {
        Payload::Tcp(ip, tcp) => {
            (ip, (tcp.source_port, tcp.destination_port), "tcp", Some(tcp.flags))
        }
        Payload::Udp(ip, udp) => (ip, (udp.source_port, udp.destination_port), "udp", None),
        Payload::Fragment(ip, _) | Payload::OtherIp(ip, _) => (ip, (0, 0), "ip", None),
        _ => return (None, None),
    };
    let ends =
        Ends { source: (ip.source, ports.0), destination: (ip.destination, ports.1), transport };
    (Some(ends), flags)
}

/// The flow of these ends; packets without ports are in none.
fn key_of(ends: Ends) -> Option<Key> {
    if ends.transport == "ip" {
        return None;
    }
    let (low, high) = if ends.source <= ends.destination {
        (ends.source, ends.destination)
    } else {
        (ends.destination, ends.source)
    };
    Some((low, high, ends.transport))
}

/// What is taken for one selection on the second reading.
struct Taking {
    bounds: Bounds,
    flows: HashMap<Key, Watched>,
    /// Bytes of frames that wait as context, and how many may.
    waiting: usize,
    room: usize,
    /// Frames wanted that are still to come.
    to_come: usize,
    /// Flows whose frames after a wanted one are still to come.
    unfinished: usize,
    /// Where the last frame was that was wanted.
    last: u64,
    picks: BTreeMap<(i64, u32, u64), Picked>,
}

/// Frames read on for context that does not come.
const READ_ON: u64 = 100_000;

impl Taking {
    fn new(bounds: Bounds, room: usize, flows: HashMap<Key, Watched>, to_come: usize) -> Self {
        let picks = BTreeMap::new();
        Self { bounds, flows, waiting: 0, room, to_come, unfinished: 0, last: 0, picks }
    }

    /// Whether nothing more is to come of the frames past `at`.
    const fn is_done(&self, at: u64) -> bool {
        self.to_come == 0 && (self.unfinished == 0 || at.saturating_sub(self.last) > READ_ON)
    }

    /// What was taken, within the bounds; `found` of the frames asked for were there.
    fn end(self, asked: &Asked, found: usize) -> Selection {
        let mut frames: Vec<Picked> = self.picks.into_values().collect();
        let there = frames.len();
        keep_the_best(&mut frames, self.bounds);
        let count = asked.count();
        let left_out = there.saturating_sub(frames.len());
        let left_out = left_out.saturating_add(asked.all.saturating_sub(count));
        Selection {
            frames,
            files: Vec::new(),
            missing_count: u64::try_from(count.saturating_sub(found)).unwrap_or(0),
            left_out_count: u64::try_from(left_out).unwrap_or(0),
        }
    }

    /// Takes a frame, the one of all at `at`, that is wanted or of a flow that is watched.
    fn look(
        &mut self,
        frame: &Frame<'_>,
        at: u64,
        (ends, flags): (Option<Ends>, Option<u8>),
        wanted: bool,
    ) {
        if wanted {
            self.last = at;
            self.to_come = self.to_come.saturating_sub(1);
        }
        let watched = ends.and_then(key_of).and_then(|key| self.flows.get_mut(&key));
        let Some(watched) = watched else {
            if wanted {
                keep(&mut self.picks, picked(frame, ends, Reason::Wanted));
            }
            return;
        };
        note_handshake(watched, flags, || picked(frame, ends, Reason::Handshake));
        if wanted {
            for before in watched.before.drain(..).chain(watched.handshake.iter().cloned()) {
                if before.reason == Reason::Context {
                    self.waiting = self.waiting.saturating_sub(before.bytes.len());
                }
                keep(&mut self.picks, before);
            }
            keep(&mut self.picks, picked(frame, ends, Reason::Wanted));
            self.unfinished = self.unfinished.saturating_add(usize::from(watched.after == 0));
            watched.after = self.bounds.context;
            if watched.after == 0 {
                self.unfinished = self.unfinished.saturating_sub(1);
            }
        } else if watched.after > 0 {
            keep(&mut self.picks, picked(frame, ends, Reason::Context));
            watched.after = watched.after.saturating_sub(1);
            self.unfinished = self.unfinished.saturating_sub(usize::from(watched.after == 0));
        } else if self.bounds.context > 0 {
            if watched.before.len() >= self.bounds.context
                && let Some(oldest) = watched.before.pop_front()
            {
                self.waiting = self.waiting.saturating_sub(oldest.bytes.len());
            }
            if self.waiting.saturating_add(frame.bytes.len()) <= self.room {
                self.waiting = self.waiting.saturating_add(frame.bytes.len());
                watched.before.push_back(picked(frame, ends, Reason::Context));
            }
        }
    }
}

/// Remembers how the flow's latest connection was opened.
fn note_handshake(watched: &mut Watched, flags: Option<u8>, frame: impl Fn() -> Picked) {
    let Some(flags) = flags else { return };
    match (flags & (SYN | ACK), watched.handshake.len()) {
        (SYN, _) => watched.handshake = vec![frame()],
        // The answer to it, and the answer to that.
        (both, 1) if both == SYN | ACK => watched.handshake.push(frame()),
        (ACK, 2) => watched.handshake.push(frame()),
        _ => {}
    }
}

fn picked(frame: &Frame<'_>, ends: Option<Ends>, reason: Reason) -> Picked {
    Picked {
        file: frame.file,
        number: frame.number,
        time_ns: frame.time_ns,
        interface: frame.interface,
        link_type: frame.link_type,
        original_len: frame.original_len,
        bytes: frame.bytes.to_vec(),
        reason,
        ends,
    }
}

/// Keeps a frame, once, for the best of its reasons.
fn keep(picks: &mut BTreeMap<(i64, u32, u64), Picked>, new: Picked) {
    let place = (new.time_ns, new.file, new.number);
    picks.entry(place).and_modify(|old| old.reason = old.reason.min(new.reason)).or_insert(new);
}

/// Takes out what is past the bounds: context first, then the middle of what was wanted.
fn keep_the_best(frames: &mut Vec<Picked>, bounds: Bounds) {
    let mut order: Vec<usize> = Vec::with_capacity(frames.len());
    for reason in [Reason::Wanted, Reason::Handshake, Reason::Context] {
        let own: Vec<usize> = (0..frames.len())
            .filter(|at| frames.get(*at).is_some_and(|frame| frame.reason == reason))
            .collect();
        order.extend(from_outside_in(&own));
    }
    let mut kept = vec![false; frames.len()];
    let (mut count, mut size) = (0usize, 0usize);
    for at in order {
        let Some(frame) = frames.get(at) else { continue };
        let whole = size.saturating_add(frame.bytes.len());
        if count < bounds.frames && whole <= bounds.bytes {
            count = count.saturating_add(1);
            size = whole;
            if let Some(kept) = kept.get_mut(at) {
                *kept = true;
            }
        }
    }
    let mut kept = kept.into_iter();
    frames.retain(|_| kept.next().unwrap_or(false));
}

/// The first of a list, the last, the second, the last but one, and so on.
fn from_outside_in(list: &[usize]) -> Vec<usize> {
    let (mut front, mut back) = (list.iter(), list.iter().rev());
    let pairs = std::iter::from_fn(|| Some([front.next()?, back.next()?]));
    pairs.flatten().take(list.len()).copied().collect()
}

#[cfg(test)]
mod tests;
