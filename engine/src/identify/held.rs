//! Payloads that wait until their flow is identified.

use dissectors::dissector::{Direction, FrameId};

use crate::flow::Sides;
use crate::history::differs;
use crate::reassembly::Chunk;

/// Conflicting copies kept of one flow.
const MOST_CONFLICTS: usize = 4;

/// Payloads that wait until their flow is identified.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(super) bytes: Vec<u8>,
    pub(super) payloads: Vec<Payload>,
    pub(super) sides: Sides<usize>,
    /// Directions in which bytes are missing before the next payload.
    pub(super) gaps: Sides<bool>,
    /// Bytes that came twice and differ: the direction, and the frames of both copies.
    pub(super) conflicts: Vec<(Direction, (FrameId, FrameId))>,
    /// Protocols that one of them may be, as bits in the order of the registry.
    pub(super) candidates: u64,
}

#[derive(Debug)]
pub(super) struct Payload {
    pub(super) direction: Direction,
    pub(super) end: usize,
    pub(super) frame: FrameId,
    pub(super) earlier: Box<[FrameId]>,
    pub(super) time_ns: i64,
    pub(super) sequence: u32,
    pub(super) start: bool,
    pub(super) cut: u32,
    pub(super) after_gap: bool,
}

impl Held {
    /// Memory that it takes, in bytes.
    pub(super) const fn cost(&self) -> usize {
        let payloads = self.payloads.len().saturating_mul(size_of::<Payload>());
        self.bytes.len().saturating_add(payloads)
    }

    /// The payloads in the order in which they came.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Payload, &[u8])> {
        let mut start = 0usize;
        self.payloads.iter().map(move |payload| {
            let bytes = self.bytes.get(start..payload.end).unwrap_or_default();
            start = payload.end;
            (payload, bytes)
        })
    }

    /// The frame of the first copy of bytes that come again and are not the same.
    pub(super) fn differing(&self, direction: Direction, chunk: &Chunk<'_>) -> Option<FrameId> {
        self.iter()
            .find(|(payload, bytes)| {
                payload.direction == direction && differs(bytes, payload.sequence, chunk)
            })
            .map(|(payload, _)| payload.frame)
    }

    /// Keeps that bytes came twice and differ, to be told with the flow.
    pub(super) fn conflict(&mut self, direction: Direction, frames: (FrameId, FrameId)) {
        if self.conflicts.len() < MOST_CONFLICTS {
            self.conflicts.push((direction, frames));
        }
    }

    pub(super) fn push(&mut self, direction: Direction, chunk: &Chunk<'_>) {
        let after_gap = std::mem::take(self.gaps.get_mut(direction));
        self.bytes.extend_from_slice(chunk.bytes);
        let side = self.sides.get_mut(direction);
        *side = side.saturating_add(chunk.bytes.len());
        self.payloads.push(Payload {
            direction,
            end: self.bytes.len(),
            frame: chunk.frame,
            earlier: chunk.earlier.into(),
            time_ns: chunk.time_ns,
            sequence: chunk.sequence,
            start: chunk.start,
            cut: chunk.cut,
            after_gap,
        });
    }
}
