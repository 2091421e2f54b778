//! Segments that came early, and wait for an earlier one.

use dissectors::dissector::FrameId;

use crate::flow::Sides;

pub(super) fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

/// A segment that came early.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) sequence: u32,
    pub(super) bytes: Box<[u8]>,
    pub(super) cut: u32,
    pub(super) frame: FrameId,
    pub(super) earlier: Box<[FrameId]>,
    pub(super) time_ns: i64,
    pub(super) start: bool,
}

impl Piece {
    pub(super) fn len(&self) -> u32 {
        length(&self.bytes).saturating_add(self.cut)
    }
}

/// Early segments of one direction, in order and without overlap.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) pieces: Vec<Piece>,
    pub(super) bytes: usize,
    /// When the hole before them appeared, or the stream last moved.
    pub(super) since_ns: i64,
}

/// Early segments of a flow.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    pub(super) queues: Sides<Queue>,
}

impl Waiting {
    /// The earliest frame of what waits.
    pub fn oldest(&self) -> Option<FrameId> {
        let queues = [&self.queues.a_to_b, &self.queues.b_to_a];
        queues.iter().flat_map(|queue| &queue.pieces).map(|piece| piece.frame).min()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.queues.a_to_b.pieces.is_empty() && self.queues.b_to_a.pieces.is_empty()
    }

    pub(super) const fn bytes(&self) -> usize {
        self.queues.a_to_b.bytes.saturating_add(self.queues.b_to_a.bytes)
    }
}
