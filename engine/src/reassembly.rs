//! TCP bytes in order, and the gaps between them.
//!
//! A segment that comes when its turn is goes on as a slice of its packet,
//! without a copy. One that comes early waits; what was sent twice goes on once,
//! and the first copy wins. A hole is given up when the other side acknowledges
//! past it (the sensor lost the bytes, not the network), when too much waits
//! behind it, or when nothing moved for `limits.gap_ns` of packet time.
mod half;
mod waiting;

use dissectors::dissector::{Direction, FrameId};

use self::half::{FIN, RST, STALE, ahead};
pub(crate) use self::half::{HalfFlow, opens_anew};
pub(crate) use self::waiting::Waiting;
use self::waiting::{Piece, length};
use crate::counters::Counters;
use crate::flow::Sides;
use crate::limits::Limits;
use crate::packet::Tcp;
use crate::timestamp::waited_ns;

/// Missing bytes from which on the stream is another one, whose SYN was not seen:
/// more than any window of the field leaves open.
const ANEW: u32 = 1 << 24;
/// Stale segments in a row after which the stream is taken up anew.
const STALE_SEGMENTS: u8 = 3;

/// Bytes of a stream in order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chunk<'a> {
    pub bytes: &'a [u8],
    /// The frame that carried them, and its packet time.
    pub frame: FrameId,
    /// Frames that carried other fragments of the same IP packet.
    pub earlier: &'a [FrameId],
    pub time_ns: i64,
    /// Sequence number of the first byte.
    pub sequence: u32,
    /// Whether they begin where a segment or datagram begins.
    pub start: bool,
    /// Bytes right behind them that the snap length cut off.
    pub cut: u32,
}

/// What comes out of reassembly, in order.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step<'a> {
    /// The next bytes.
    Bytes(Chunk<'a>),
    /// Bytes that went on before came again.
    Repeat(Chunk<'a>),
    /// Bytes are missing here; how many, where that is known.
    Lost(Option<u32>),
    /// A copy with other bytes was dropped: the frames of the first, and of the copy.
    Conflict(FrameId, FrameId),
}

/// The bytes of one flow that reassembly works on.
pub(crate) struct Stream<'a> {
    pub halves: &'a mut Sides<HalfFlow>,
    pub waiting: &'a mut Option<Box<Waiting>>,
}

/// A segment with where it came from.
#[derive(Clone, Copy)]
pub(crate) struct Segment<'a> {
    pub tcp: Tcp<'a>,
    pub direction: Direction,
    pub frame: FrameId,
    pub earlier: &'a [FrameId],
    pub time_ns: i64,
}

/// Puts the segments of all flows in order.
pub(crate) struct Reassembly {
    /// Bytes that wait in all flows.
    waiting: usize,
    segments_limit: usize,
    bytes_limit: usize,
    total_limit: usize,
    gap_ns: i64,
}

impl Reassembly {
    pub const fn new(limits: &Limits) -> Self {
        Self {
            waiting: 0,
            segments_limit: limits.out_of_order_segments,
            bytes_limit: limits.out_of_order_bytes,
            total_limit: limits.out_of_order_total,
            gap_ns: limits.gap_ns,
        }
    }

    /// Takes a segment in and hands on what is now in order, of both directions.
    #[inline]
    pub fn segment<'a>(
        &mut self,
        stream: &mut Stream<'_>,
        segment: &Segment<'a>,
        now_ns: i64,
        counters: &mut Counters,
        deliver: &mut impl FnMut(Direction, Step<'_>, &mut Counters),
    ) {
        let Segment { tcp, direction, frame, earlier, time_ns } = *segment;
        if stream.waiting.is_some() {
            self.close_holes(stream, direction.reverse(), now_ns, counters, deliver);
        }
        let half = stream.halves.get_mut(direction);
        if tcp.flags & RST != 0 {
            // What an RST carries is a text for people, not the stream.
            half.reset = true;
            return;
        }
        let mut sequence = tcp.sequence;
        if tcp.is_opening() {
            sequence = sequence.wrapping_add(1);
            if !half.talked {
                half.started = true;
                half.syn = true;
                half.next = sequence;
            }
        }
        let len = length(tcp.payload).saturating_add(tcp.cut);
        if len > 0 {
            if !half.started {
                half.started = true;
                half.next = sequence;
            }
            half.talked = true;
            let chunk = Chunk {
                bytes: tcp.payload,
                frame,
                earlier,
                time_ns,
                sequence,
                start: true,
                cut: tcp.cut,
            };
            if sequence == half.next && stream.waiting.is_none() {
                half.stale = 0;
                half.next = sequence.wrapping_add(len);
                deliver(direction, Step::Bytes(chunk), counters);
                if tcp.cut > 0 {
                    lose(half, tcp.cut, direction, counters, deliver);
                }
            } else {
                self.out_of_turn(stream, direction, chunk, tcp.cut, now_ns, counters, deliver);
            }
        }
        if tcp.flags & FIN != 0 {
            let half = stream.halves.get_mut(direction);
            half.finished = true;
            if half.started && sequence.wrapping_add(len) == half.next {
                half.next = half.next.wrapping_add(1);
            }
        }
    }

    /// A segment before or after its turn.
    #[cold]
    #[expect(clippy::too_many_arguments, reason = "the parts of one call, taken apart once")]
    fn out_of_turn(
        &mut self,
        stream: &mut Stream<'_>,
        direction: Direction,
        chunk: Chunk<'_>,
        cut: u32,
        now_ns: i64,
        counters: &mut Counters,
        deliver: &mut impl FnMut(Direction, Step<'_>, &mut Counters),
    ) {
        let len = length(chunk.bytes).saturating_add(cut);
        let half = stream.halves.get_mut(direction);
        let distance = ahead(chunk.sequence, half.next);
        let behind = if distance < 0 { distance.unsigned_abs() } else { 0 };
        if behind >= STALE {
            // A connection whose SYN was not seen, or something injected.
            half.stale = half.stale.saturating_add(1);
            if half.stale < STALE_SEGMENTS {
                return;
            }
            half.stale = 0;
            half.next = chunk.sequence;
            counters.tcp_gaps = counters.tcp_gaps.saturating_add(1);
            self.forget_queue(stream, direction);
            deliver(direction, Step::Lost(None), counters);
        } else if behind >= len {
            // Everything was seen before. One byte just behind is a keep-alive:
            // its content means nothing.
            if !(behind == 1 && len == 1) {
                counters.tcp_retransmissions = counters.tcp_retransmissions.saturating_add(1);
                deliver(direction, Step::Repeat(chunk), counters);
            }
            return;
        }
        let half = stream.halves.get_mut(direction);
        half.stale = 0;
        let skipped = usize::try_from(behind).unwrap_or(usize::MAX);
        let chunk = if behind > 0 && ahead(chunk.sequence, half.next) < 0 {
            counters.tcp_retransmissions = counters.tcp_retransmissions.saturating_add(1);
            let (old, new) = chunk.bytes.split_at_checked(skipped).unwrap_or((chunk.bytes, &[]));
            deliver(direction, Step::Repeat(Chunk { bytes: old, cut: 0, ..chunk }), counters);
            Chunk { bytes: new, sequence: half.next, start: false, ..chunk }
        } else {
            chunk
        };
        let cut = len.saturating_sub(behind).saturating_sub(length(chunk.bytes)).min(cut);
        if chunk.sequence == half.next && stream.waiting.is_none() {
            half.next = half.next.wrapping_add(length(chunk.bytes)).wrapping_add(cut);
            deliver(direction, Step::Bytes(chunk), counters);
            if cut > 0 {
                lose(half, cut, direction, counters, deliver);
            }
            return;
        }
        if chunk.sequence != half.next {
            counters.tcp_out_of_order = counters.tcp_out_of_order.saturating_add(1);
        }
        self.wait(stream, direction, chunk, cut, now_ns, counters, deliver);
        self.close_holes(stream, direction, now_ns, counters, deliver);
    }

    /// Puts a segment into the queue, apart from what is already there.
    #[expect(clippy::too_many_arguments, reason = "the parts of one call, taken apart once")]
    fn wait(
        &mut self,
        stream: &mut Stream<'_>,
        direction: Direction,
        chunk: Chunk<'_>,
        cut: u32,
        now_ns: i64,
        counters: &mut Counters,
        deliver: &mut impl FnMut(Direction, Step<'_>, &mut Counters),
    ) {
        let next = stream.halves.get(direction).next;
        let queue = stream.waiting.get_or_insert_default().queues.get_mut(direction);
        if queue.pieces.is_empty() {
            queue.since_ns = now_ns;
        }
        // Positions are counted from the next byte expected.
        let from = chunk.sequence.wrapping_sub(next);
        let kept = length(chunk.bytes);
        let to = from.saturating_add(kept).saturating_add(cut);
        let part = |start: u32, end: u32| -> Piece {
            let begin = start.saturating_sub(from).min(kept) as usize;
            let finish = end.saturating_sub(from).min(kept) as usize;
            let bytes = chunk.bytes.get(begin..finish).unwrap_or_default();
            Piece {
                sequence: next.wrapping_add(start),
                cut: end.saturating_sub(start).saturating_sub(length(bytes)),
                bytes: bytes.into(),
                frame: chunk.frame,
                earlier: chunk.earlier.into(),
                time_ns: chunk.time_ns,
                start: chunk.start && start == from,
            }
        };
        let mut cursor = from;
        let mut conflict = None;
        let mut index = 0usize;
        while cursor < to {
            let Some(piece) = queue.pieces.get(index) else {
                let piece = part(cursor, to);
                self.waiting = self.waiting.saturating_add(piece.bytes.len());
                queue.bytes = queue.bytes.saturating_add(piece.bytes.len());
                queue.pieces.push(piece);
                break;
            };
            let piece_from = piece.sequence.wrapping_sub(next);
            let piece_to = piece_from.saturating_add(piece.len());
            if piece_to <= cursor {
                index = index.saturating_add(1);
            } else if cursor < piece_from {
                let end = piece_from.min(to);
                let piece = part(cursor, end);
                self.waiting = self.waiting.saturating_add(piece.bytes.len());
                queue.bytes = queue.bytes.saturating_add(piece.bytes.len());
                queue.pieces.insert(index, piece);
                cursor = end;
                index = index.saturating_add(1);
            } else {
                let end = piece_to.min(to);
                let new = part(cursor, end);
                let old = cursor.saturating_sub(piece_from) as usize;
                let old = piece.bytes.get(old..).unwrap_or_default();
                if old.iter().zip(new.bytes.iter()).any(|(old, new)| old != new) {
                    conflict = Some(piece.frame);
                }
                cursor = end;
                index = index.saturating_add(1);
            }
        }
        if let Some(first) = conflict {
            counters.tcp_overlap_conflicts = counters.tcp_overlap_conflicts.saturating_add(1);
            deliver(direction, Step::Conflict(first, chunk.frame), counters);
        }
        self.drain(stream, direction, now_ns, counters, deliver);
    }

    /// Hands on what is in turn.
    fn drain(
        &mut self,
        stream: &mut Stream<'_>,
        direction: Direction,
        now_ns: i64,
        counters: &mut Counters,
        deliver: &mut impl FnMut(Direction, Step<'_>, &mut Counters),
    ) {
        let half = stream.halves.get_mut(direction);
        let Some(waiting) = stream.waiting else { return };
        let queue = waiting.queues.get_mut(direction);
        let mut done = 0usize;
        for piece in &queue.pieces {
            if piece.sequence != half.next {
                break;
            }
            done = done.saturating_add(1);
            half.next = half.next.wrapping_add(piece.len());
            let chunk = Chunk {
                bytes: &piece.bytes,
                frame: piece.frame,
                earlier: &piece.earlier,
                time_ns: piece.time_ns,
                sequence: piece.sequence,
                start: piece.start,
                cut: piece.cut,
            };
            if !piece.bytes.is_empty() {
                deliver(direction, Step::Bytes(chunk), counters);
            }
            if piece.cut > 0 {
                lose(half, piece.cut, direction, counters, deliver);
            }
        }
        if done > 0 {
            queue.since_ns = now_ns;
            for piece in queue.pieces.drain(..done) {
                queue.bytes = queue.bytes.saturating_sub(piece.bytes.len());
                self.waiting = self.waiting.saturating_sub(piece.bytes.len());
            }
            if waiting.is_empty() {
                *stream.waiting = None;
            }
        }
    }

    /// Gives up the holes of a direction that will not be filled.
    pub fn close_holes(
        &mut self,
        stream: &mut Stream<'_>,
        direction: Direction,
        now_ns: i64,
        counters: &mut Counters,
        deliver: &mut impl FnMut(Direction, Step<'_>, &mut Counters),
    ) {
        loop {
            let other = *stream.halves.get(direction.reverse());
            let Some(waiting) = stream.waiting.as_mut() else { return };
            let queue = waiting.queues.get_mut(direction);
            let Some(first) = queue.pieces.first() else { return };
            let acknowledged = other.acking && ahead(other.acked, first.sequence) >= 0;
            let full = queue.pieces.len() > self.segments_limit
                || queue.bytes > self.bytes_limit
                || self.waiting > self.total_limit;
            let late = waited_ns(now_ns, queue.since_ns) > self.gap_ns;
            if !(acknowledged || full || late) {
                return;
            }
            self.give_up(stream, direction, now_ns, counters, deliver);
        }
    }

    /// Gives up the first hole of a direction.
    fn give_up(
        &mut self,
        stream: &mut Stream<'_>,
        direction: Direction,
        now_ns: i64,
        counters: &mut Counters,
        deliver: &mut impl FnMut(Direction, Step<'_>, &mut Counters),
    ) {
        let first = stream
            .waiting
            .as_ref()
            .and_then(|waiting| waiting.queues.get(direction).pieces.first());
        let Some(first) = first else { return };
        let half = stream.halves.get_mut(direction);
        let missing = first.sequence.wrapping_sub(half.next);
        half.next = first.sequence;
        if missing < ANEW {
            lose(half, missing, direction, counters, deliver);
        } else {
            counters.tcp_gaps = counters.tcp_gaps.saturating_add(1);
            deliver(direction, Step::Lost(None), counters);
        }
        self.drain(stream, direction, now_ns, counters, deliver);
    }

    /// Hands on everything that waits, at the end of a flow.
    pub fn finish(
        &mut self,
        stream: &mut Stream<'_>,
        now_ns: i64,
        counters: &mut Counters,
        deliver: &mut impl FnMut(Direction, Step<'_>, &mut Counters),
    ) {
        for direction in crate::flow::DIRECTIONS {
            while stream
                .waiting
                .as_ref()
                .is_some_and(|waiting| !waiting.queues.get(direction).pieces.is_empty())
            {
                self.give_up(stream, direction, now_ns, counters, deliver);
            }
        }
    }

    fn forget_queue(&mut self, stream: &mut Stream<'_>, direction: Direction) {
        let Some(waiting) = stream.waiting else { return };
        let queue = std::mem::take(waiting.queues.get_mut(direction));
        self.waiting = self.waiting.saturating_sub(queue.bytes);
        if waiting.is_empty() {
            *stream.waiting = None;
        }
    }

    /// Forgets what waits in a flow that goes.
    pub fn forget(&mut self, waiting: Option<Box<Waiting>>) {
        if let Some(waiting) = waiting {
            self.waiting = self.waiting.saturating_sub(waiting.bytes());
        }
    }
}

/// Counts missing bytes and says so.
fn lose(
    half: &mut HalfFlow,
    missing: u32,
    direction: Direction,
    counters: &mut Counters,
    deliver: &mut impl FnMut(Direction, Step<'_>, &mut Counters),
) {
    half.lost = half.lost.saturating_add(missing.into());
    counters.tcp_gaps = counters.tcp_gaps.saturating_add(1);
    counters.tcp_gap_bytes = counters.tcp_gap_bytes.saturating_add(missing.into());
    deliver(direction, Step::Lost(Some(missing)), counters);
}
