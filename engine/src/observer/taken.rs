//! What the flow stages hand to the observer.

use dissectors::dissector::{FrameId, Frames, OpenRequest};
use dissectors::pdu::Pdu;
use dissectors::registry::ProtocolId;

use crate::behaviour::REMEMBERED;
use crate::calls::CallMemo;
use crate::conversation::Place;
use crate::pdu_log::PduLogging;

/// What the observer remembers in a flow, so that the usual packet needs no look-up.
///
/// The engine keeps one per flow and hands it back; it means nothing elsewhere.
#[derive(Clone, Copy, Debug, Default)]
pub struct FlowMemo {
    /// Its conversation; none yet, or one that may have left since.
    pub(super) conversation: Option<Place>,
    /// Behaviour slots plus one that the flow used lately, by key digest.
    pub(super) recent: [u32; REMEMBERED],
    pub(super) calls: CallMemo,
}

/// An answer, or a message that stands alone.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The PDU.
    pub pdu: &'a Pdu,
    /// The frames that carried it.
    pub frames: &'a Frames,
    /// Packet time of the frame that completed it.
    pub time_ns: i64,
}

/// A request and its answer, as pairing joined them: at least one of them.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'a> {
    /// The request; none for events and for answers whose request was not seen.
    pub request: Option<&'a OpenRequest>,
    /// The answer; none where it was not seen in time.
    pub answer: Option<Answer<'a>>,
}

/// The message that a claim or a piece of content stood in.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// Who decoded it.
    pub protocol: ProtocolId,
    /// Whether the client sent it.
    pub from_client: bool,
    /// The frame that completed it.
    pub frame: FrameId,
    /// Packet time of that frame.
    pub time_ns: i64,
}

/// What is asked of an observer beside what it always tells.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked {
    /// Whether every PDU is written as a line.
    pub pdu_log: PduLogging,
    /// What happens to rhythms, and what stays unanswered.
    pub rhythm: bool,
    /// What conversations lost.
    pub health: bool,
    /// Which senders may not be who they say.
    pub spoof: bool,
    /// What objects held before a change.
    pub previous: bool,
    /// What becomes of written values, and of the quality of points.
    pub points: bool,
    /// When a behaviour reads addresses that it did not read before.
    pub ranges: bool,
}
