//! What the flow stages found, turned into observations: repetition becomes
//! counts, what is new or matters leaves one by one.

use std::sync::Arc;

use dissectors::dissector::{FrameId, Frames, OpenRequest};
use dissectors::pdu::Pdu;
use dissectors::registry::ProtocolId;
use dissectors::sink;

use crate::counters::Counters;
use crate::limits::Limits;
use crate::observation::{FlowFacts, Observation};
use crate::packet::{Ip, Link};

/// What the observer remembers in a flow, so that the usual packet needs no look-up.
///
/// The engine keeps one per flow and hands it back; it means nothing elsewhere.
#[derive(Clone, Copy, Debug, Default)]
pub struct FlowMemo {
    /// Conversation slot plus one; 0 is none yet.
    _conversation: u32,
    /// Behaviour slots plus one that the flow used lately, by key digest.
    _recent: [u32; 8],
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

/// What one direction of a flow carried.
#[derive(Clone, Copy, Debug, Default)]
pub struct DirectionTotals {
    /// Packets.
    pub packets: u64,
    /// Bytes on the wire.
    pub bytes: u64,
    /// Bytes that the sensor did not see.
    pub gap_bytes: u64,
}

/// What a flow carried.
#[derive(Clone, Copy, Debug, Default)]
pub struct FlowTotals {
    /// First packet time.
    pub first_seen_ns: i64,
    /// Last packet time.
    pub last_seen_ns: i64,
    /// Sent by the client.
    pub client: DirectionTotals,
    /// Sent by the server.
    pub server: DirectionTotals,
}

/// Folds, counts and emits.
#[derive(Debug)]
pub struct Observer {
    batch: Vec<Observation>,
}

impl Observer {
    /// An observer that has seen nothing.
    #[must_use]
    pub fn new(_limits: &Limits, _pdu_log: bool) -> Self {
        Self { batch: Vec::new() }
    }

    /// The next frame of the input begins. `oldest_waiting` is the earliest frame
    /// whose payload still waits somewhere in the engine (for identification, for
    /// an earlier segment): the log of PDUs is written up to it.
    pub fn frame(&mut self, _frame: FrameId, _oldest_waiting: Option<FrameId>) {}

    /// A sender's addresses: called for the first packet of each direction of a
    /// flow, when a flow's MAC changes, and for ARP.
    pub fn address(
        &mut self,
        _link: &Link,
        _ip: Option<&Ip>,
        _arp: bool,
        _frame: FrameId,
        _time_ns: i64,
    ) {
    }

    /// A PDU, as soon as it was decoded, for the log of every PDU; `request` is
    /// the one that it answers.
    pub fn pdu(
        &mut self,
        _facts: &Arc<FlowFacts>,
        _answer: Answer<'_>,
        _request: Option<&OpenRequest>,
    ) {
    }

    /// A finished exchange.
    pub fn pair(
        &mut self,
        _facts: &Arc<FlowFacts>,
        _memo: &mut FlowMemo,
        _pair: Pair<'_>,
        _counters: &mut Counters,
    ) {
    }

    /// Something that a dissector said about an asset.
    pub fn claim(
        &mut self,
        _facts: &Arc<FlowFacts>,
        _claim: &sink::Claim,
        _origin: Origin,
        _counters: &mut Counters,
    ) {
    }

    /// A piece of a transfer.
    pub fn content(
        &mut self,
        _facts: &Arc<FlowFacts>,
        _content: &sink::Content,
        _bytes: &[u8],
        _origin: Origin,
        _counters: &mut Counters,
    ) {
    }

    /// Bytes of an identified flow were lost: what is being transferred in it is
    /// not seen whole.
    pub fn gap(&mut self, _facts: &Arc<FlowFacts>) {}

    /// A flow's facts changed: it was identified, lost its identity, or client and
    /// server were swapped. Its conversation is now that of the new facts.
    pub fn identified(&mut self, _facts: &Arc<FlowFacts>, _memo: &mut FlowMemo, _time_ns: i64) {}

    /// A flow ended, was evicted, or the input did.
    pub fn flow_ended(
        &mut self,
        _facts: &Arc<FlowFacts>,
        _memo: FlowMemo,
        _totals: FlowTotals,
        _counters: &mut Counters,
    ) {
    }

    /// Emits the counts of everything that changed since they were last emitted.
    pub fn flush(&mut self, _counters: &mut Counters) {}

    /// Takes the JSON lines of the PDU log that are in order, whole lines only.
    pub fn take_pdus(&mut self) -> Vec<u8> {
        Vec::new()
    }

    /// Takes the observations made since the last call, oldest first.
    pub fn take(&mut self) -> Vec<Observation> {
        std::mem::take(&mut self.batch)
    }
}
