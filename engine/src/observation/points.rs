//! Records about single points: what was written to them, and how good they are.

use std::sync::Arc;

use dissectors::dissector::FrameId;
use dissectors::registry::ProtocolId;

use super::{Endpoint, FlowFacts};

/// A write that was accepted, and what its objects held when they were read after it.
///
/// Told the first times of the same target, and whenever they turn out to be different.
#[derive(Clone, Debug)]
pub struct Readback {
    /// Rises with every observation of a run.
    pub sequence: u64,
    /// The flow of the read.
    pub flow: Arc<FlowFacts>,
    /// The dissector.
    pub protocol: ProtocolId,
    /// The addressed station behind the server.
    pub unit: Option<u32>,
    /// What was written to.
    pub target: String,
    /// Who wrote.
    pub writer: Endpoint,
    /// Packet time of the answer to the write.
    pub written_ns: i64,
    /// Packet time of the request of the read.
    pub time_ns: i64,
    /// The frames of the write, of the first read that showed something else, and of
    /// the last.
    pub frames: (FrameId, FrameId, FrameId),
    /// The elements that hold something else, at most 16; bytes where the protocol
    /// addresses bytes.
    pub different: Vec<DifferentCell>,
}

/// An element that does not hold what was written to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DifferentCell {
    /// Its number.
    pub at: u32,
    /// What was written.
    pub written: f64,
    /// What it holds.
    pub read: f64,
}

/// Points of one kind whose quality is now another.
#[derive(Clone, Debug)]
pub struct PointQuality {
    /// Rises with every observation of a run.
    pub sequence: u64,
    /// The flow of the message that says so.
    pub flow: Arc<FlowFacts>,
    /// The dissector.
    pub protocol: ProtocolId,
    /// The station.
    pub unit: Option<u32>,
    /// Packet time.
    pub time_ns: i64,
    /// The frame that says so.
    pub frame: FrameId,
    /// The kind of points: `g30`.
    pub space: String,
    /// Their flags before; none where they were not seen before.
    pub before: Option<u8>,
    /// Their flags now, without those that do not tell of quality.
    pub now: u8,
    /// The numbers of the first 16 of them.
    pub points: Vec<u32>,
    /// How many they are.
    pub count: u32,
}
