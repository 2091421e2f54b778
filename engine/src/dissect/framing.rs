//! The PDUs of a stream: where each begins and ends, and the search for the next
//! one after a gap or where none can begin.
//!
//! PDUs are slices of their packet wherever they can be. Bytes are copied only
//! where a PDU goes on in the next segment. The next one is searched for first
//! where the next segment begins, then byte by byte; there only what another PDU,
//! the end of the segment or a strong mark confirms is believed.

use dissectors::anomaly::Anomaly;
use dissectors::dissector::{Direction, Frame, FrameId, Frames, Probe, Transport};

use super::{Carrier, MAX_FRAMES, PANICS, Session, UNSETTLED, View, Work, add_frame, count_bytes};
use crate::calls::Call;
use crate::counters::Counters;
use crate::flow::DIRECTIONS;
use crate::reassembly::Chunk;

/// A run of carried bytes that one frame brought.
#[derive(Clone, Copy, Debug)]
struct Part {
    frame: FrameId,
    time_ns: i64,
    len: usize,
}

/// One direction of an identified flow.
#[derive(Debug, Default)]
pub(super) struct Side {
    /// The beginning of a PDU, or what was passed over while searching for one.
    pub(super) carry: Vec<u8>,
    parts: Vec<Part>,
    /// Bytes that the PDU in `carry` has in all, as far as is known.
    wanted: usize,
    /// Whether the next PDU is being searched for.
    pub(super) seeking: bool,
    /// Whether bytes before the search were not seen.
    pub(super) after_gap: bool,
    /// Where in `carry` the search goes on.
    searched: usize,
    /// Bytes passed over in this search.
    pub(super) passed: usize,
}

impl Side {
    fn append(&mut self, bytes: &[u8], chunk: &Chunk<'_>) {
        if bytes.is_empty() {
            return;
        }
        self.carry.extend_from_slice(bytes);
        for frame in chunk.earlier {
            if self.parts.iter().all(|part| part.frame != *frame) && self.parts.len() < MAX_FRAMES {
                self.parts.push(Part { frame: *frame, time_ns: chunk.time_ns, len: 0 });
            }
        }
        let full = self.parts.len() > MAX_FRAMES;
        match self.parts.last_mut() {
            Some(part) if part.frame == chunk.frame || full => {
                // Of too many frames the last stays known: it is the message's own.
                part.frame = chunk.frame;
                part.len = part.len.saturating_add(bytes.len());
                part.time_ns = part.time_ns.max(chunk.time_ns);
            }
            _ => self.parts.push(Part {
                frame: chunk.frame,
                time_ns: chunk.time_ns,
                len: bytes.len(),
            }),
        }
    }

    /// Forgets the frames of the first `n` bytes.
    fn pass_parts(&mut self, mut n: usize) {
        let mut whole = 0usize;
        for part in &mut self.parts {
            if part.len > n {
                part.len = part.len.saturating_sub(n);
                break;
            }
            n = n.saturating_sub(part.len);
            whole = whole.saturating_add(1);
        }
        self.parts.drain(..whole);
    }

    /// The frames of the first `n` bytes and the packet time of the latest.
    fn origin_of(&self, n: usize) -> (Frames, i64) {
        let mut frames = Frames::default();
        let mut time_ns = i64::MIN;
        let mut covered = 0usize;
        for part in &self.parts {
            if covered >= n {
                break;
            }
            covered = covered.saturating_add(part.len);
            time_ns = time_ns.max(part.time_ns);
            if frames.last == FrameId::default() {
                frames.last = part.frame;
            } else if part.frame > frames.last {
                let before = std::mem::replace(&mut frames.last, part.frame);
                add_frame(&mut frames.earlier, before);
            } else if part.frame != frames.last {
                add_frame(&mut frames.earlier, part.frame);
            }
        }
        (frames, time_ns)
    }

    pub(super) fn clear(&mut self) -> usize {
        let passed = self.carry.len();
        self.carry.clear();
        self.parts.clear();
        self.wanted = 0;
        self.searched = 0;
        passed
    }
}

impl Session {
    /// Takes the next bytes of a stream in.
    #[inline]
    pub fn stream(
        &mut self,
        direction: Direction,
        chunk: &Chunk<'_>,
        view: &View<'_>,
        work: &mut Work<'_>,
    ) {
        if self.panics >= PANICS {
            return;
        }
        if view.identity.key.transport() == Transport::Tcp {
            work.history.add(self.latest.get_mut(direction), chunk);
        }
        if !*self.held_up.get(direction) {
            self.walk(direction, chunk, chunk.bytes, view, work);
        } else if self.sides.get(direction).seeking {
            self.seek(direction, chunk, view, work);
        } else {
            self.fill(direction, chunk, chunk.bytes, view, work);
        }
        if *self.held_up.get(direction) {
            if chunk.cut > 0 {
                self.cut_off(direction, view, work);
            }
            self.count_carry(work);
        }
        self.give_up_old(chunk.time_ns, view, work);
    }

    /// The rest of the PDU that is carried was not captured: reads what is there.
    #[cold]
    fn cut_off(&mut self, direction: Direction, view: &View<'_>, work: &mut Work<'_>) {
        let side = self.sides.get_mut(direction);
        if side.seeking || side.carry.is_empty() {
            return;
        }
        let (frames, time_ns) = side.origin_of(side.carry.len());
        let carry = std::mem::take(&mut side.carry);
        side.clear();
        let origin = Carrier {
            direction,
            last: frames.last,
            earlier: &frames.earlier,
            time_ns,
            start: false,
            end: true,
        };
        self.cut_pdu(&carry, &origin, view, work);
    }

    /// Takes a datagram in.
    pub fn datagram(
        &mut self,
        direction: Direction,
        chunk: &Chunk<'_>,
        view: &View<'_>,
        work: &mut Work<'_>,
    ) {
        if self.panics >= PANICS {
            return;
        }
        let mut rest = chunk.bytes;
        let mut start = true;
        while !rest.is_empty() {
            let cx = self.context(direction, chunk.time_ns, start, true, view);
            match self.protocol.frame(rest, &cx) {
                Frame::Pdu(n) if n >= 1 && n <= rest.len() => {
                    let (pdu, after) = rest.split_at(n);
                    // What follows is a message where it is one by itself.
                    let more = match self.protocol.frame(after, &cx) {
                        Frame::Pdu(n) if !after.is_empty() => after
                            .get(..n)
                            .is_some_and(|next| self.protocol.probe(next, &cx) != Probe::No),
                        _ => false,
                    };
                    if !more && after.iter().any(|byte| *byte != 0) {
                        self.pending.add(Anomaly::TrailingBytes);
                        count_bytes(&mut work.counters.skipped_bytes, after.len());
                    }
                    let origin = Carrier {
                        direction,
                        last: chunk.frame,
                        earlier: chunk.earlier,
                        time_ns: chunk.time_ns,
                        start,
                        end: after.is_empty(),
                    };
                    if chunk.cut > 0 && after.is_empty() {
                        self.cut_pdu(pdu, &origin, view, work);
                        break;
                    }
                    self.pdu(pdu, &origin, view, work);
                    if !more {
                        break;
                    }
                    rest = after;
                    start = false;
                }
                Frame::Skip(n) if n >= 1 => {
                    rest = rest.get(n..).unwrap_or_default();
                    start = false;
                }
                Frame::NeedBytes(_) if chunk.cut > 0 => {
                    let origin = Carrier {
                        direction,
                        last: chunk.frame,
                        earlier: chunk.earlier,
                        time_ns: chunk.time_ns,
                        start,
                        end: true,
                    };
                    self.cut_pdu(rest, &origin, view, work);
                    break;
                }
                // What is too short to begin a PDU was cut, and is nobody's fault.
                Frame::Bad(_) if chunk.cut > 0 => {
                    count_bytes(&mut work.counters.skipped_bytes, rest.len());
                    break;
                }
                framed => {
                    let why = match framed {
                        Frame::Bad(why) => why,
                        _ => Anomaly::LengthMismatch,
                    };
                    self.misfit(why, rest.len(), work.counters);
                    break;
                }
            }
        }
        self.give_up_old(chunk.time_ns, view, work);
    }

    /// Bytes that went on before came again; other bytes than the first time
    /// are a conflict.
    pub fn repeat(&mut self, direction: Direction, chunk: &Chunk<'_>, work: &mut Work<'_>) {
        let latest = *self.latest.get(direction);
        if let Some(first) = work.history.differing(latest, chunk) {
            let count = &mut work.counters.tcp_overlap_conflicts;
            *count = count.saturating_add(1);
            self.conflict(direction, (first, chunk.frame), work);
        }
        if direction == self.client {
            let Self { facts, memo, .. } = self;
            work.observer.call(facts, memo, Call::Repeat, None, chunk.frame, chunk.time_ns);
        }
    }

    /// Bytes were sent twice that differ: the frames of the first copy and of the other.
    #[cold]
    pub fn conflict(
        &mut self,
        direction: Direction,
        frames: (FrameId, FrameId),
        work: &mut Work<'_>,
    ) {
        self.pending.add(Anomaly::OverlapConflict);
        self.conflicts = self.conflicts.saturating_add(1);
        let from_client = direction == self.client;
        work.observer.conflict(&self.facts, from_client, frames, self.conflicts, work.now_ns);
    }

    /// Reads the PDUs at the front of a segment; nothing is carried.
    #[inline]
    fn walk(
        &mut self,
        direction: Direction,
        chunk: &Chunk<'_>,
        bytes: &[u8],
        view: &View<'_>,
        work: &mut Work<'_>,
    ) {
        let mut rest = bytes;
        let mut start = chunk.start && bytes.len() == chunk.bytes.len();
        while !rest.is_empty() {
            let cx = self.context(direction, chunk.time_ns, start, true, view);
            match self.protocol.frame(rest, &cx) {
                Frame::Pdu(n) if n >= 1 && n <= rest.len() => {
                    let (pdu, after) = rest.split_at(n);
                    let origin = Carrier {
                        direction,
                        last: chunk.frame,
                        earlier: chunk.earlier,
                        time_ns: chunk.time_ns,
                        start,
                        end: after.is_empty(),
                    };
                    self.pdu(pdu, &origin, view, work);
                    rest = after;
                }
                Frame::NeedBytes(n) if n > rest.len() && n <= self.max_pdu() => {
                    let side = self.sides.get_mut(direction);
                    side.append(rest, chunk);
                    side.wanted = n;
                    *self.held_up.get_mut(direction) = true;
                    return;
                }
                Frame::Skip(n) if n >= 1 => rest = rest.get(n..).unwrap_or_default(),
                framed => {
                    *self.held_up.get_mut(direction) = true;
                    self.sides.get_mut(direction).append(rest, chunk);
                    self.lose_sync(framed, direction, chunk, view, work);
                    return;
                }
            }
            start = false;
        }
    }

    fn max_pdu(&self) -> usize {
        self.protocol.registration().max_pdu
    }

    /// Completes the PDU that is carried, then reads on.
    fn fill(
        &mut self,
        direction: Direction,
        chunk: &Chunk<'_>,
        bytes: &[u8],
        view: &View<'_>,
        work: &mut Work<'_>,
    ) {
        let mut rest = bytes;
        loop {
            let side = self.sides.get_mut(direction);
            if side.carry.is_empty() {
                return self.walk(direction, chunk, rest, view, work);
            }
            let missing = side.wanted.saturating_sub(side.carry.len());
            let (now, later) = rest.split_at(missing.min(rest.len()));
            side.append(now, chunk);
            rest = later;
            if side.carry.len() < side.wanted {
                return;
            }
            let mut carry = std::mem::take(&mut side.carry);
            let cx = self.context(direction, chunk.time_ns, false, rest.is_empty(), view);
            let framed = self.protocol.frame(&carry, &cx);
            let len = carry.len();
            match framed {
                Frame::Pdu(n) if n >= 1 && n <= len => {
                    let (frames, time_ns) = self.sides.get(direction).origin_of(n);
                    let origin = Carrier {
                        direction,
                        last: frames.last,
                        earlier: &frames.earlier,
                        time_ns,
                        start: false,
                        end: n == len && rest.is_empty(),
                    };
                    self.pdu(carry.get(..n).unwrap_or_default(), &origin, view, work);
                    self.put_back(direction, carry, n);
                }
                Frame::NeedBytes(n) if n > len && n <= self.max_pdu() => {
                    let side = self.sides.get_mut(direction);
                    side.carry = carry;
                    side.wanted = n;
                    if rest.is_empty() {
                        return;
                    }
                }
                Frame::Skip(n) if n >= 1 => self.put_back(direction, carry, n),
                framed => {
                    carry.extend_from_slice(rest);
                    let side = self.sides.get_mut(direction);
                    side.carry = Vec::new();
                    side.append(rest, chunk);
                    side.carry = carry;
                    self.lose_sync(framed, direction, chunk, view, work);
                    return;
                }
            }
        }
    }

    /// Carries what is left of `carry` behind its first `n` bytes.
    fn put_back(&mut self, direction: Direction, mut carry: Vec<u8>, n: usize) {
        let n = n.min(carry.len());
        carry.drain(..n);
        let side = self.sides.get_mut(direction);
        side.pass_parts(n);
        side.wanted = carry.len();
        side.carry = carry;
    }

    /// Counts a place where no PDU can begin.
    fn misfit(&mut self, why: Anomaly, len: usize, counters: &mut Counters) {
        Counters::count(&mut counters.bad, self.protocol);
        count_bytes(&mut counters.skipped_bytes, len);
        self.bad = self.bad.saturating_add(1);
        self.pending.add(why);
        self.pending.add(Anomaly::DiscardedData);
    }

    /// What is carried does not begin with a PDU: searches for the next one.
    #[cold]
    fn lose_sync(
        &mut self,
        framed: Frame,
        direction: Direction,
        chunk: &Chunk<'_>,
        view: &View<'_>,
        work: &mut Work<'_>,
    ) {
        let why = match framed {
            Frame::Bad(why) => why,
            // A promise that the contract does not allow.
            Frame::Pdu(_) | Frame::NeedBytes(_) | Frame::Skip(_) => Anomaly::Oversize,
        };
        self.misfit(why, 0, work.counters);
        if !self.follows() {
            return;
        }
        Counters::count(&mut work.counters.resync, self.protocol);
        let side = self.sides.get_mut(direction);
        side.seeking = true;
        side.after_gap = false;
        side.searched = 1;
        side.passed = 0;
        self.search(direction, chunk, view, work);
    }

    /// The next segment of a direction in which the next PDU is searched for.
    #[cold]
    fn seek(
        &mut self,
        direction: Direction,
        chunk: &Chunk<'_>,
        view: &View<'_>,
        work: &mut Work<'_>,
    ) {
        let cx = self.context(direction, chunk.time_ns, true, true, view);
        let begins = chunk.start
            && match self.protocol.frame(chunk.bytes, &cx) {
                Frame::Pdu(n) => {
                    n == chunk.bytes.len() || self.protocol.probe(chunk.bytes, &cx) != Probe::No
                }
                Frame::NeedBytes(n) => {
                    n > chunk.bytes.len()
                        && n <= self.max_pdu()
                        && self.protocol.probe(chunk.bytes, &cx) == Probe::Strong
                }
                Frame::Skip(_) | Frame::Bad(_) => false,
            };
        let side = self.sides.get_mut(direction);
        if begins {
            let passed = side.clear();
            side.seeking = false;
            *self.held_up.get_mut(direction) = side.after_gap;
            count_bytes(&mut work.counters.skipped_bytes, passed);
            return self.walk(direction, chunk, chunk.bytes, view, work);
        }
        // After a gap a long PDU may have to end first; else the flow stopped
        // following its protocol.
        if !side.after_gap || side.passed > self.protocol.registration().resync_window {
            Counters::count(&mut work.counters.bad, self.protocol);
            self.bad = self.bad.saturating_add(1);
            if !self.follows() {
                return;
            }
        }
        self.sides.get_mut(direction).append(chunk.bytes, chunk);
        self.search(direction, chunk, view, work);
    }

    /// Searches what is carried for a PDU that something confirms.
    fn search(
        &mut self,
        direction: Direction,
        chunk: &Chunk<'_>,
        view: &View<'_>,
        work: &mut Work<'_>,
    ) {
        let protocol = self.protocol;
        let cx = self.context(direction, chunk.time_ns, false, true, view);
        let side = self.sides.get(direction);
        let bytes = side.carry.as_slice();
        let mut hope = None;
        let mut found = None;
        for at in side.searched..bytes.len() {
            let here = bytes.get(at..).unwrap_or_default();
            let probe = protocol.probe(here, &cx);
            if probe == Probe::No {
                continue;
            }
            match protocol.frame(here, &cx) {
                Frame::Pdu(n) => {
                    let after = here.get(n..).unwrap_or_default();
                    let confirmed = probe == Probe::Strong
                        || after.is_empty()
                        || (protocol.probe(after, &cx) != Probe::No
                            && matches!(
                                protocol.frame(after, &cx),
                                Frame::Pdu(_) | Frame::NeedBytes(_)
                            ));
                    if confirmed {
                        found = Some(at);
                        break;
                    }
                }
                Frame::NeedBytes(n) if n > here.len() && n <= protocol.registration().max_pdu => {
                    hope = hope.or(Some(at));
                }
                Frame::NeedBytes(_) | Frame::Skip(_) | Frame::Bad(_) => {}
            }
        }
        let window = protocol.registration().resync_window;
        let len = bytes.len();
        // What is behind a hope is searched again when more is there.
        let keep_from = found.or(hope).unwrap_or(len).max(len.saturating_sub(window));
        let side = self.sides.get_mut(direction);
        side.carry.drain(..keep_from);
        side.pass_parts(keep_from);
        side.searched = 0;
        side.passed = side.passed.saturating_add(keep_from);
        side.wanted = side.carry.len();
        count_bytes(&mut work.counters.skipped_bytes, keep_from);
        if found == Some(keep_from) {
            side.seeking = false;
            self.fill(direction, chunk, &[], view, work);
        }
    }

    pub(super) fn count_carry(&mut self, work: &mut Work<'_>) {
        for direction in DIRECTIONS {
            let side = self.sides.get(direction);
            *self.held_up.get_mut(direction) = side.seeking || !side.carry.is_empty();
        }
        let now = self.sides.a_to_b.carry.len().saturating_add(self.sides.b_to_a.carry.len());
        if now == self.counted {
            return;
        }
        let total = &mut work.waiting.carry;
        *total = total.saturating_sub(self.counted).saturating_add(now);
        self.counted = now;
        if *total > work.limits.carry_total {
            *total = total.saturating_sub(now);
            self.counted = 0;
            work.counters.carry_dropped = work.counters.carry_dropped.saturating_add(1);
            for direction in DIRECTIONS {
                let side = self.sides.get_mut(direction);
                if !side.carry.is_empty() {
                    let passed = side.clear();
                    side.carry = Vec::new();
                    side.seeking = true;
                    side.after_gap = true;
                    count_bytes(&mut work.counters.skipped_bytes, passed);
                    *self.held_up.get_mut(direction) = true;
                }
            }
            self.unsettled = UNSETTLED;
        }
    }
}
