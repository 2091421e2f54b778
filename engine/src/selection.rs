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

/// Bytes of context that wait at a time; past it no more context is taken.
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
    let by_file = in_order(&first, &numbers);
    let flows = flows_of(&mut first, &by_file);
    let mut second = open()?;
    let by_file = in_order(&second, &numbers);
    let mut selection = pick(&mut second, &by_file, flows, all, bounds);
    selection.files = second.files().to_vec();
    Ok(selection)
}

/// Picks frames out of those that are still there, with context.
///
/// `wanted` are frames by file and number; [`Selection::files`] stays empty.
#[must_use]
pub fn select_recent(recent: &RecentFrames, wanted: &[(u32, u64)], bounds: Bounds) -> Selection {
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
    let flows = flows_of(&mut recent.iter(), &by_file);
    pick(&mut recent.iter(), &by_file, flows, wanted.len(), bounds)
}

/// Takes what is wanted out of the frames that are left, where `all` were asked for.
fn pick(
    frames: &mut impl FrameSource,
    by_file: &[BTreeSet<u64>],
    (flows, found): (HashMap<Key, Watched>, usize),
    all: usize,
    bounds: Bounds,
) -> Selection {
    let mut taking = Taking::new(bounds, flows, found);
    while !taking.is_done() {
        let Some(frame) = frames.next() else { break };
        let own = by_file.get(frame.file as usize);
        taking.look(&frame, own.is_some_and(|own| own.contains(&frame.number)));
    }
    let asked: usize = by_file.iter().map(BTreeSet::len).sum();
    let mut frames: Vec<Picked> = taking.picks.into_values().collect();
    let there = frames.len();
    keep_the_best(&mut frames, bounds);
    let left_out = there.saturating_sub(frames.len()).saturating_add(all.saturating_sub(asked));
    Selection {
        frames,
        files: Vec::new(),
        missing_count: u64::try_from(asked.saturating_sub(found)).unwrap_or(0),
        left_out_count: u64::try_from(left_out).unwrap_or(0),
    }
}

/// At most `most` of a list: where it is longer, its beginning and its end, since of
/// a transfer those say the most.
fn both_ends<T: Copy>(list: &[T], most: usize) -> impl Iterator<Item = T> {
    let front = if list.len() > most { most.saturating_sub(most / 4) } else { list.len() };
    let back = list.len().saturating_sub(most.saturating_sub(front)).max(front);
    let ends = [list.get(..front), list.get(back..)];
    ends.into_iter().flatten().flatten().copied()
}

/// Of each file of a timeline, in its order, the frames wanted.
fn in_order(timeline: &Timeline, numbers: &BTreeMap<PathBuf, BTreeSet<u64>>) -> Vec<BTreeSet<u64>> {
    let of = |facts: &FileFacts| numbers.get(&facts.path).cloned().unwrap_or_default();
    timeline.files().iter().map(of).collect()
}

/// The flows of the frames wanted, and how many of them there are.
fn flows_of(
    frames: &mut impl FrameSource,
    by_file: &[BTreeSet<u64>],
) -> (HashMap<Key, Watched>, usize) {
    let asked = by_file.iter().map(BTreeSet::len).sum::<usize>();
    let (mut flows, mut found) = (HashMap::new(), 0usize);
    while found < asked {
        let Some(frame) = frames.next() else { break };
        if by_file.get(frame.file as usize).is_some_and(|own| own.contains(&frame.number)) {
            found = found.saturating_add(1);
            if let Some(key) = ends_of(&frame).0.and_then(key_of) {
                flows.insert(key, Watched::default());
            }
        }
    }
    (flows, found)
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

/// What is taken on the second reading.
struct Taking {
    bounds: Bounds,
    flows: HashMap<Key, Watched>,
    /// Bytes of frames that wait as context.
    waiting: usize,
    /// Frames wanted that are still to come.
    to_come: usize,
    /// Flows whose frames after a wanted one are still to come.
    unfinished: usize,
    /// Frames since the last that was wanted.
    since: u64,
    picks: BTreeMap<(i64, u32, u64), Picked>,
}

/// Frames read on for context that does not come.
const READ_ON: u64 = 100_000;

impl Taking {
    fn new(bounds: Bounds, flows: HashMap<Key, Watched>, to_come: usize) -> Self {
        let picks = BTreeMap::new();
        Self { bounds, flows, waiting: 0, to_come, unfinished: 0, since: 0, picks }
    }

    const fn is_done(&self) -> bool {
        self.to_come == 0 && (self.unfinished == 0 || self.since > READ_ON)
    }

    fn look(&mut self, frame: &Frame<'_>, wanted: bool) {
        self.since = self.since.saturating_add(1);
        let (ends, flags) = ends_of(frame);
        if wanted {
            self.since = 0;
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
            if self.waiting.saturating_add(frame.bytes.len()) <= MOST_WAITING {
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
