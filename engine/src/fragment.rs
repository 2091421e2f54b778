//! IP packets put together from their fragments.
//!
//! Bytes that were seen first stay: what a later fragment says otherwise about
//! the same place is counted and told, not believed. Bounds hold for every
//! packet and for all of them together; the oldest gives way.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use dissectors::dissector::{FrameId, Frames};

use crate::counters::Counters;
use crate::limits::Limits;
use crate::packet::{Fragment, Ip, Link};
use crate::timestamp::waited_ns;

/// The longest IP payload, of IPv4 and of IPv6 without jumbograms.
const LONGEST: u32 = 65_535;
/// What a piece, and a packet without its pieces, cost beside their bytes.
const PIECE_COST: usize = 64;
const PACKET_COST: usize = 320;

/// An IP packet that is whole again, less its header.
#[derive(Clone, Debug)]
pub struct Whole {
    /// The link layer of its first piece.
    pub link: Link,
    /// The header of its first piece.
    pub ip: Ip,
    /// The protocol number of what it carries.
    pub protocol: u8,
    /// What it carries, the transport header included; up to the first byte that
    /// the snap length cut off.
    pub bytes: Vec<u8>,
    /// Bytes after them that were not captured.
    pub cut: u32,
    /// Tunnels around it.
    pub depth: u8,
    /// The frames that gave it bytes.
    pub frames: Frames,
    /// Whether fragments disagreed about its bytes or its length.
    pub conflict: bool,
}

/// What fragments of one packet have in common. IPv6 names the protocol in the
/// first of them only (RFC 8200, 4.5).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    vlan: Option<u16>,
    source: IpAddr,
    destination: IpAddr,
    id: u32,
    protocol: Option<u8>,
}

/// A stretch of bytes that one fragment gave.
#[derive(Debug)]
struct Piece {
    offset: u32,
    end: u32,
    /// Fewer than the stretch is long where the snap length cut them.
    bytes: Box<[u8]>,
}

/// A packet of which something is missing.
#[derive(Debug)]
struct Pending {
    /// Its place in the order of age.
    age: u64,
    since_ns: i64,
    /// Link, header and protocol of the piece at offset 0.
    first: Option<(Link, Ip, u8)>,
    /// In order, without overlap.
    pieces: Vec<Piece>,
    /// Where it ends, once its last piece was seen.
    end: Option<u32>,
    depth: u8,
    conflict: bool,
    cost: usize,
    /// Fragments taken in.
    fragments: u64,
    frames: Vec<FrameId>,
}

/// Puts fragments together.
#[derive(Debug)]
pub struct Defragmenter {
    pending: HashMap<Key, Pending>,
    /// The same by age.
    by_age: BTreeMap<u64, Key>,
    next_age: u64,
    cost: usize,
    total: usize,
    pieces: usize,
    wait_ns: i64,
}

impl Defragmenter {
    /// A defragmenter that waits for nothing.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            pending: HashMap::new(),
            by_age: BTreeMap::new(),
            next_age: 0,
            cost: 0,
            total: limits.ip_fragment_total,
            pieces: limits.ip_fragment_pieces,
            wait_ns: limits.fragment_ns,
        }
    }

    /// Takes in a fragment, and gives the whole once nothing of it is missing, to
    /// be read by [`crate::decode::decode_whole`].
    pub fn push(
        &mut self,
        link: &Link,
        ip: &Ip,
        fragment: &Fragment<'_>,
        frame: FrameId,
        now_ns: i64,
        counters: &mut Counters,
    ) -> Option<Whole> {
        add(&mut counters.ip_fragments, 1);
        self.forget_old(now_ns, counters);
        let Some((start, end)) = stretch(fragment) else {
            add(&mut counters.ip_fragments_dropped, 1);
            return None;
        };
        let key = Key {
            vlan: link.vlan,
            source: ip.source,
            destination: ip.destination,
            id: ip.id.unwrap_or_default(),
            protocol: ip.source.is_ipv4().then_some(fragment.protocol),
        };
        let pending = self.pending.entry(key.clone()).or_insert_with(|| {
            let age = self.next_age;
            self.next_age = age.saturating_add(1);
            self.by_age.insert(age, key.clone());
            self.cost = self.cost.saturating_add(PACKET_COST);
            Pending::new(age, now_ns, fragment.depth)
        });
        let before = pending.cost;
        let (taken, conflict) = pending.take_in(start, end, fragment, frame);
        if conflict {
            pending.conflict = true;
            add(&mut counters.ip_fragment_overlaps, 1);
        }
        if taken == Taken::Refused {
            add(&mut counters.ip_fragments_dropped, 1);
        } else {
            pending.fragments = pending.fragments.saturating_add(1);
        }
        if start == 0 && pending.first.is_none() && taken != Taken::Refused {
            pending.first = Some((*link, *ip, fragment.protocol));
        }
        self.cost = self.cost.saturating_add(pending.cost).saturating_sub(before);
        if pending.is_whole() {
            let pending = self.remove(&key)?;
            add(&mut counters.ip_fragments_joined, 1);
            return pending.join(frame);
        }
        if pending.pieces.len() > self.pieces {
            self.drop_packet(&key, counters);
        }
        while self.cost > self.total {
            let Some(oldest) = self.by_age.values().next().cloned() else { break };
            self.drop_packet(&oldest, counters);
        }
        None
    }

    /// Gives up what still waits, at the end of the input.
    pub fn finish(&mut self, counters: &mut Counters) {
        while let Some(oldest) = self.by_age.values().next().cloned() {
            self.drop_packet(&oldest, counters);
        }
    }

    /// Gives up what has waited too long for the rest.
    fn forget_old(&mut self, now_ns: i64, counters: &mut Counters) {
        while let Some(oldest) = self.by_age.values().next() {
            let since = self.pending.get(oldest).map_or(i64::MIN, |pending| pending.since_ns);
            if waited_ns(now_ns, since) <= self.wait_ns {
                break;
            }
            let oldest = oldest.clone();
            self.drop_packet(&oldest, counters);
        }
    }

    fn drop_packet(&mut self, key: &Key, counters: &mut Counters) {
        if let Some(pending) = self.remove(key) {
            add(&mut counters.ip_fragments_dropped, pending.fragments);
        }
    }

    fn remove(&mut self, key: &Key) -> Option<Pending> {
        let pending = self.pending.remove(key)?;
        self.by_age.remove(&pending.age);
        self.cost = self.cost.saturating_sub(PACKET_COST).saturating_sub(pending.cost);
        Some(pending)
    }
}

/// What became of a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    /// It gave bytes.
    New,
    /// All of its bytes were known.
    Known,
    /// It contradicts where the packet ends.
    Refused,
}

impl Pending {
    const fn new(age: u64, since_ns: i64, depth: u8) -> Self {
        Self {
            age,
            since_ns,
            first: None,
            pieces: Vec::new(),
            end: None,
            depth,
            conflict: false,
            cost: 0,
            fragments: 0,
            frames: Vec::new(),
        }
    }

    /// Keeps the bytes that are new. Also gives whether the fragment contradicts
    /// those before it.
    fn take_in(
        &mut self,
        start: u32,
        end: u32,
        fragment: &Fragment<'_>,
        frame: FrameId,
    ) -> (Taken, bool) {
        let seen_to = self.pieces.last().map_or(0, |piece| piece.end);
        let ends = match self.end {
            Some(known) => end > known || (!fragment.more && end != known),
            None => !fragment.more && end < seen_to,
        };
        if ends {
            return (Taken::Refused, true);
        }
        if !fragment.more {
            self.end = Some(end);
        }
        let mut new = Vec::new();
        let mut from = start;
        let mut conflict = false;
        for piece in &self.pieces {
            if piece.end <= from {
                continue;
            }
            if piece.offset >= end {
                break;
            }
            if piece.offset > from {
                new.push(cut_out(fragment, start, from, piece.offset));
            }
            conflict |= differs(piece, fragment, start, end);
            from = piece.end;
        }
        if from < end {
            new.push(cut_out(fragment, start, from, end));
        }
        if new.is_empty() {
            return (Taken::Known, conflict);
        }
        for piece in new {
            self.cost = self.cost.saturating_add(piece.bytes.len()).saturating_add(PIECE_COST);
            let place = self.pieces.partition_point(|other| other.offset < piece.offset);
            self.pieces.insert(place, piece);
        }
        self.depth = self.depth.max(fragment.depth);
        self.frames.push(frame);
        (Taken::New, conflict)
    }

    /// Whether nothing is missing from offset 0 to the end.
    fn is_whole(&self) -> bool {
        let reached = self
            .pieces
            .iter()
            .try_fold(0, |reached, piece| (piece.offset == reached).then_some(piece.end));
        reached.is_some() && reached == self.end
    }

    /// The whole; `last` completed it.
    fn join(mut self, last: FrameId) -> Option<Whole> {
        let (link, ip, protocol) = self.first?;
        let length = usize::try_from(self.end?).ok()?;
        let mut bytes = Vec::with_capacity(length);
        for piece in &self.pieces {
            bytes.extend_from_slice(&piece.bytes);
            // What follows a hole has no place in a contiguous whole.
            if piece.is_cut() {
                break;
            }
        }
        let cut = u32::try_from(length.saturating_sub(bytes.len())).unwrap_or(u32::MAX);
        self.frames.retain(|frame| *frame != last);
        let frames = Frames { last, earlier: self.frames };
        let (depth, conflict) = (self.depth, self.conflict);
        Some(Whole { link, ip, protocol, bytes, cut, depth, frames, conflict })
    }
}

impl Piece {
    fn is_cut(&self) -> bool {
        length(&self.bytes) < self.end.saturating_sub(self.offset)
    }
}

/// Where a fragment begins and ends; none where no packet can hold it.
///
/// All but the last are multiples of eight bytes; of those that are not, the odd
/// bytes do not count, as the offsets of the others cannot point after them.
fn stretch(fragment: &Fragment<'_>) -> Option<(u32, u32)> {
    let all = length(fragment.bytes).saturating_add(fragment.cut);
    let all = if fragment.more { all & !7 } else { all };
    let end = fragment.offset.checked_add(all)?;
    (all > 0 && end <= LONGEST).then_some((fragment.offset, end))
}

/// The bytes of `fragment`, which begins at `start`, between two offsets.
fn cut_out(fragment: &Fragment<'_>, start: u32, from: u32, to: u32) -> Piece {
    let bytes = between(fragment.bytes, from.saturating_sub(start), to.saturating_sub(start));
    Piece { offset: from, end: to, bytes: bytes.into() }
}

/// Whether two fragments have other bytes where they overlap, as far as both
/// were captured.
fn differs(piece: &Piece, fragment: &Fragment<'_>, start: u32, end: u32) -> bool {
    let from = piece.offset.max(start);
    let to = piece.end.min(end);
    let old =
        between(&piece.bytes, from.saturating_sub(piece.offset), to.saturating_sub(piece.offset));
    let new = between(fragment.bytes, from.saturating_sub(start), to.saturating_sub(start));
    old.iter().zip(new).any(|(old, new)| old != new)
}

/// The bytes between two offsets, as many as there are.
fn between(bytes: &[u8], from: u32, to: u32) -> &[u8] {
    let to = usize::try_from(to).unwrap_or(usize::MAX).min(bytes.len());
    let from = usize::try_from(from).unwrap_or(usize::MAX);
    bytes.get(from..to).unwrap_or_default()
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

fn add(counter: &mut u64, n: u64) {
    *counter = counter.saturating_add(n);
}

#[cfg(test)]
mod tests;
