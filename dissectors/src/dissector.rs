//! What a dissector is: pure functions over bytes.
//!
//! A dissector never buffers, waits, fails, asks the time, or keeps anything
//! that grows. The engine reassembles, joins fragments, remembers requests and
//! bounds all of it, once for every protocol.
//!
//! 1. `probe` is strict and written apart from `decode`: a lenient parser used
//!    as a probe recognises everything.
//! 2. `frame` is split from `decode`: the engine owns the bytes that wait for
//!    more, so segmentation and loss are solved once.
//! 3. `decode` cannot fail: a broken PDU gives the facts it has, and anomalies.
//! 4. Nothing is allocated from a length on the wire, no wire count is looped
//!    over without consuming bytes, and only [`crate::reader`] touches a byte
//!    by position.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::anomaly::Anomaly;
use crate::field::Field;
use crate::pdu::Pdu;
use crate::registry::ProtocolId;
use crate::sink::{Carried, Sink};

/// Whether bytes are this protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// They are not.
    No,
    /// They may be; too few to tell.
    NeedMore,
    /// Plausible, but without a mark of its own.
    Weak,
    /// A magic, a checksum or an exact length rule holds.
    Strong,
}

/// What stands at the front of a byte stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// One whole PDU of n bytes, 1 <= n <= `max_pdu`.
    Pdu(usize),
    /// The beginning of a PDU; n bytes in all are wanted, more than are there.
    NeedBytes(usize),
    /// Known filler of n bytes, n >= 1.
    Skip(usize),
    /// No PDU can begin here: the engine looks for the next one.
    Bad(Anomaly),
}

/// The way bytes went; which of the two ends is the client is a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the endpoint with the lower address.
    AToB,
    /// To the endpoint with the lower address.
    BToA,
}

impl Direction {
    /// The other way.
    #[must_use]
    pub const fn reverse(self) -> Self {
        match self {
            Self::AToB => Self::BToA,
            Self::BToA => Self::AToB,
        }
    }
}

/// Which side sent something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sender {
    /// The side that asks.
    Client,
    /// The side that answers.
    Server,
    /// Not known.
    Unknown,
}

/// What carries the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// A TCP stream.
    Tcp,
    /// UDP datagrams.
    Udp,
    /// Frames of layer 2.
    Ethernet,
    /// A serial line, as capture files record it.
    Serial,
}

impl Transport {
    /// The word in output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Ethernet => "ethernet",
            Self::Serial => "serial",
        }
    }
}

/// What may label a flow with this protocol away from its ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffPort {
    /// A strong probe.
    Strong,
    /// Two valid pairs of request and response, or a strong probe.
    Paired,
    /// Nothing.
    Never,
}

/// The facts about a dissector.
#[derive(Debug)]
pub struct Registration {
    /// Its id.
    pub id: ProtocolId,
    /// Its name, also the Sigma service.
    pub name: &'static str,
    /// Its TCP ports.
    pub tcp: &'static [u16],
    /// Its UDP ports.
    pub udp: &'static [u16],
    /// The layers that may hand it bytes.
    pub parents: &'static [ProtocolId],
    /// Longest PDU in bytes.
    pub max_pdu: usize,
    /// How far to look for the next PDU after a bad one, in bytes.
    pub resync_window: usize,
    /// What may label it away from its ports.
    pub off_port: OffPort,
    /// Open requests remembered per flow.
    pub open_requests: usize,
    /// Every field it can emit.
    pub fields: &'static [Field],
}

/// A request whose answer has not been seen.
#[derive(Clone, Debug)]
pub struct OpenRequest {
    /// The request, with its protocol and pairing key.
    pub pdu: Box<Pdu>,
    /// The way it went.
    pub direction: Direction,
    /// The frames it came from.
    pub frames: Frames,
    /// Packet time of the frame that completed it.
    pub time_ns: i64,
}

/// One frame of the input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameId {
    /// The file, counted from 0.
    pub file: u32,
    /// The frame's number in its file, counted from 1, as Wireshark counts.
    pub number: u64,
}

/// The frames that carried one message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Frames {
    /// The frame that completed it.
    pub last: FrameId,
    /// Those before it, oldest first; empty for a message of one frame.
    pub earlier: Vec<FrameId>,
}

/// What a dissector may know besides the bytes.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The way the bytes went.
    pub direction: Direction,
    /// Which side sent them, as far as the flow is known.
    pub sender: Sender,
    /// What carried them.
    pub transport: Transport,
    /// The sender's port; 0 where there is none.
    pub source_port: u16,
    /// The receiver's port; 0 where there is none.
    pub destination_port: u16,
    /// Packet time in nanoseconds since 1970.
    pub time_ns: i64,
    /// The layer that handed the bytes over.
    pub parent: Option<ProtocolId>,
    /// What that layer knows.
    pub carried: Carried,
    /// Whether the bytes begin where a segment or datagram begins.
    pub segment_start: bool,
    /// Whether the bytes end where a segment or datagram ends.
    pub segment_end: bool,
    /// Whether bytes just before these were not seen.
    pub after_gap: bool,
    /// The flow's open requests.
    pub open: &'a [OpenRequest],
}

impl<'a> Context<'a> {
    /// A context for bytes without a flow; tests and probes start from it.
    #[must_use]
    pub const fn bare(transport: Transport) -> Self {
        Self {
            direction: Direction::AToB,
            sender: Sender::Unknown,
            transport,
            source_port: 0,
            destination_port: 0,
            time_ns: 0,
            parent: None,
            carried: Carried { unit: None, pairing_key: None, code: None },
            segment_start: true,
            segment_end: true,
            after_gap: false,
            open: &[],
        }
    }

    /// The open request that a message going this way answers: the oldest of
    /// `protocol` with this pairing key that went the other way.
    #[must_use]
    pub fn request(&self, protocol: ProtocolId, pairing_key: u64) -> Option<&'a OpenRequest> {
        self.open.iter().find(|open| {
            open.pdu.protocol == protocol
                && open.pdu.pairing_key == Some(pairing_key)
                && open.direction != self.direction
        })
    }
}

/// A protocol. See the module's text for the rules.
pub trait Dissector {
    /// Its facts.
    const REGISTRATION: Registration;

    /// Whether it only opens and closes connections for the protocols inside it:
    /// what two ends do there goes by the name of the protocol inside.
    const CARRIER: bool = false;

    /// Whether every message says which side sent it, under a checksum: who
    /// opened the connection then says nothing, since either side may.
    const NAMES_SENDER: bool = false;

    /// Function codes of which every operation leaves by itself, though its class
    /// repeats and is folded elsewhere: those that rules count one by one.
    const SINGLY: &'static [u16] = &[];

    /// Bytes of the longest whole that fragments of it can make; what is longer is
    /// no message of the protocol.
    const LONGEST_JOINED: usize = usize::MAX;

    /// What it remembers of a flow; at most 256 bytes, no heap.
    type Flow: Default + Copy + core::fmt::Debug;

    /// Whether `bytes`, the front of a segment or datagram, are this protocol.
    /// Strict, without memory or allocation.
    fn probe(bytes: &[u8], cx: &Context<'_>) -> Probe;

    /// Finds the end of the message at the front of `bytes`. A message that can
    /// be framed but breaks the specification is framed; `decode` names the anomaly.
    fn frame(bytes: &[u8], cx: &Context<'_>) -> Frame;

    /// Which side must have sent `pdu`, from its bytes alone. `Unknown` unless
    /// they leave no doubt: a flow's client is decided by it.
    fn sender(pdu: &[u8], cx: &Context<'_>) -> Sender;

    /// Whether `answer` follows so closely from `request` that neither chance nor another
    /// protocol is likely: one such exchange names a flow away from the protocol's ports.
    /// An echo proves nothing.
    fn proves(_request: &[u8], _answer: &[u8]) -> bool {
        false
    }

    /// Reads one framed PDU. Never fails.
    fn decode(flow: &mut Self::Flow, pdu: &[u8], cx: &Context<'_>, out: &mut Sink);

    /// Reads a whole that the engine joined from [`Sink::fragment`]s of `key`.
    fn joined(flow: &mut Self::Flow, key: u64, whole: &[u8], cx: &Context<'_>, out: &mut Sink) {
        let _ = (flow, key, whole, cx, out);
    }

    /// Bytes of `direction` were lost; `lost` of them, where that is known.
    fn gap(flow: &mut Self::Flow, direction: Direction, lost: Option<u32>) {
        let _ = (flow, direction, lost);
    }
}
