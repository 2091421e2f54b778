//! What the flow stages found, turned into observations: repetition becomes
//! counts, what is new or matters leaves one by one.

use std::sync::Arc;

use dissectors::dissector::{FrameId, Frames, OpenRequest};
use dissectors::pdu::Pdu;
use dissectors::sink;

use crate::counters::Counters;
use crate::limits::Limits;
use crate::observation::{FlowFacts, Observation};
use crate::packet::{Ip, Link};

/// What the observer remembers in a flow, so that the usual packet needs no look-up.
#[derive(Clone, Copy, Debug, Default)]
pub struct FlowMemo {}

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
    pub fn new(_limits: &Limits) -> Self {
        Self { batch: Vec::new() }
    }

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

    /// Something that a dissector said about an asset; `from_client` tells who
    /// sent the message that said so.
    pub fn claim(
        &mut self,
        _facts: &Arc<FlowFacts>,
        _from_client: bool,
        _claim: &sink::Claim,
        _protocol: dissectors::registry::ProtocolId,
        _frame: FrameId,
        _time_ns: i64,
        _counters: &mut Counters,
    ) {
    }

    /// A piece of a transfer.
    pub fn content(
        &mut self,
        _facts: &Arc<FlowFacts>,
        _content: &sink::Content,
        _bytes: &[u8],
        _protocol: dissectors::registry::ProtocolId,
        _frame: FrameId,
        _time_ns: i64,
        _counters: &mut Counters,
    ) {
    }

    /// A flow was identified (or lost its identity): its conversation is now
    /// that of its protocol.
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

    /// Takes the observations made since the last call, oldest first.
    pub fn take(&mut self) -> Vec<Observation> {
        std::mem::take(&mut self.batch)
    }
}
