//! The records that leave the engine.

mod health;
mod points;
mod rhythm;
mod spoof;

use std::net::IpAddr;
use std::sync::Arc;

use dissectors::anomaly::Anomalies;
use dissectors::dissector::{FrameId, Frames, Transport};
use dissectors::field::FieldId;
use dissectors::operation::{Class, Operation};
use dissectors::pdu::{Phase, Role, Status};
use dissectors::registry::ProtocolId;
use dissectors::sink::{Attribute, ContentKind};
use dissectors::value::Value;

pub use self::health::{Health, HealthKind, Loss};
pub use self::points::{DifferentCell, PointQuality, Readback};
pub use self::rhythm::{NoReply, Rhythm, RhythmKind};
pub use self::spoof::{Arp, HeaderShift, ShiftKind};
use crate::packet::Mac;

/// One end of a flow. Where there is no IP, the MAC is the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Hardware address, as seen on this segment: a router's, for a routed peer.
    pub mac: Option<Mac>,
    /// Network address.
    pub ip: Option<IpAddr>,
    /// Port; 0 where the transport has none.
    pub port: u16,
}

/// How a flow's protocol is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IdentifiedBy {
    /// Valid PDUs on the protocol's own port.
    Port,
    /// A strong mark in the bytes.
    Probe,
    /// Requests and answers that fit.
    Pairing,
    /// The link layer says so.
    Ethertype,
    /// Another flow announced it.
    Association,
}

impl IdentifiedBy {
    /// The word in output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Port => "port",
            Self::Probe => "probe",
            Self::Pairing => "pairing",
            Self::Ethertype => "ethertype",
            Self::Association => "association",
        }
    }
}

/// What is known of the flow that an observation comes from.
#[derive(Clone, Debug)]
pub struct FlowFacts {
    /// The flow's number, in order of first packets.
    pub id: u64,
    /// Who asks.
    pub client: Endpoint,
    /// Who answers.
    pub server: Endpoint,
    /// Outermost VLAN id.
    pub vlan: Option<u16>,
    /// The interface of its first packet, as [`Health::interface`] counts.
    pub interface: u32,
    /// What carries it.
    pub transport: Transport,
    /// The flow's protocol.
    pub protocol: Option<ProtocolId>,
    /// How that is known.
    pub identified_by: Option<IdentifiedBy>,
    /// Belief in it, in percent.
    pub confidence: u8,
    /// The frame of its first packet.
    pub frame: FrameId,
}

/// A request with its answer; or one of them alone; or an event.
///
/// Those of notable classes leave the engine one by one; the others are folded
/// into behaviours. Times and frames of the request come first.
#[derive(Clone, Debug)]
pub struct Transaction {
    /// Rises with every observation of a run.
    pub sequence: u64,
    /// The number of its behaviour; of several parts, of the first of the highest
    /// class. None where a bound left it without one.
    pub behaviour: Option<u64>,
    /// The number of its conversation. None where a bound left it without one.
    pub conversation: Option<u32>,
    /// Its flow.
    pub flow: Arc<FlowFacts>,
    /// Packet time of the request, or of the one PDU there is.
    pub time_ns: i64,
    /// The frames of the request; none where only the answer was seen.
    pub request_frames: Option<Frames>,
    /// The frames of the answer.
    pub response_frames: Option<Frames>,
    /// From request to answer.
    pub latency_ns: Option<i64>,
    /// The dissector.
    pub protocol: ProtocolId,
    /// `Request` where a request was seen.
    pub role: Role,
    /// Whether an answer was seen.
    pub answered: bool,
    /// Whether its answer may still come: it leaves again then, or when it is given up, and
    /// is counted nowhere before.
    pub awaits: bool,
    /// Whether it is the news of a behaviour that was never seen before: where an operation
    /// leaves only because somebody asks for each, the observation of the behaviour is.
    pub first: bool,
    /// Function code.
    pub code: u16,
    /// Its name and class.
    pub operation: Operation,
    /// The highest ranked class among its parts.
    pub class: Class,
    /// The addressed station.
    pub unit: Option<u32>,
    /// What is addressed: of several parts, those of the highest class, at most 16.
    pub targets: Vec<String>,
    /// Elements addressed.
    pub quantity: Option<u32>,
    /// Values written, or read, at most `limits.observation_values`.
    pub values: Vec<Value>,
    /// How many values there were.
    pub value_count: usize,
    /// The values of the same objects before a change, one for each of `values`; none
    /// where one of them is not known, or nobody asks.
    pub previous_values: Vec<Value>,
    /// How it went.
    pub status: Status,
    /// The step of a two-step command.
    pub phase: Option<Phase>,
    /// Departures from the specification in either PDU.
    pub anomalies: Anomalies,
    /// The protocol's own fields of both PDUs; of the answer where both have one.
    pub fields: Vec<(FieldId, Value)>,
    /// What the two ends had done in this conversation before.
    pub history: History,
}

/// What client and server had done in their conversation before an operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Operations that only look.
    pub read_count: u64,
    /// Operations that change something.
    pub change_count: u64,
    /// Packet time of the first operation.
    pub first_seen_ns: i64,
}

impl History {
    /// This one as what followed `before`, which begins it.
    #[must_use]
    pub const fn after(self, before: Self) -> Self {
        Self {
            read_count: self.read_count.saturating_add(before.read_count),
            change_count: self.change_count.saturating_add(before.change_count),
            first_seen_ns: before.first_seen_ns,
        }
    }
}

/// What two ends had done in one protocol before this run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownConversation {
    /// Who asked: by its IP, or by its MAC where it has none.
    pub client: Endpoint,
    /// Who was asked.
    pub server: Endpoint,
    /// Outermost VLAN id.
    pub vlan: Option<u16>,
    /// What they spoke, on whatever port.
    pub protocol: ProtocolId,
    /// What was done.
    pub history: History,
}

/// Who does what to whom, again and again.
#[derive(Clone, Debug)]
pub struct Behaviour {
    /// Rises with every observation of a run.
    pub sequence: u64,
    /// Its number in the run, never used again.
    pub number: u64,
    /// Digest of the key: the same on every run and sensor.
    pub id: u128,
    /// Whether this is the behaviour's first observation.
    pub new: bool,
    /// The flow that showed it first.
    pub flow: Arc<FlowFacts>,
    /// The dissector.
    pub protocol: ProtocolId,
    /// The part that its PDUs play.
    pub role: Role,
    /// Function code.
    pub code: u16,
    /// Its name and class.
    pub operation: Operation,
    /// Class.
    pub class: Class,
    /// The addressed station.
    pub unit: Option<u32>,
    /// Address space of a read, exact object of everything else.
    pub target: Option<String>,
    /// Addresses read, as merged intervals.
    pub intervals: Vec<(u32, u32)>,
    /// How it goes.
    pub status: Status,
    /// Whether an answer was ever seen.
    pub answered: bool,
    /// How often.
    pub count: u64,
    /// First and last packet time.
    pub first_seen_ns: i64,
    /// Last packet time.
    pub last_seen_ns: i64,
    /// Mean interval, from 2 occurrences on.
    pub period_ns: Option<f64>,
    /// Standard deviation of the interval.
    pub period_deviation_ns: Option<f64>,
    /// Mean time to the answer.
    pub latency_ns: Option<f64>,
    /// The values that it carried.
    pub values: Option<ValueFacts>,
    /// Departures from the specification.
    pub anomalies: Anomalies,
    /// The frame that showed it first.
    pub frame: FrameId,
    /// The latest frame that showed addresses that were not read before; the first
    /// frame where none did.
    pub latest_frame: FrameId,
    /// Whether the row stands for operations past a bound.
    pub overflow: bool,
}

/// The values of a behaviour.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueFacts {
    /// `bool`, `integer`, `float`, `text`, `bytes`, `time`.
    pub kind: &'static str,
    /// The lowest, where they are numbers.
    pub min: Option<f64>,
    /// The highest.
    pub max: Option<f64>,
    /// The first value of the last occurrence.
    pub last: Value,
    /// How often the values differed from those before.
    pub change_count: u64,
}

/// Client, server and protocol, across flows.
#[derive(Clone, Debug)]
pub struct Conversation {
    /// Rises with every observation of a run.
    pub sequence: u64,
    /// The conversation's number in the run: a later observation of the same
    /// number replaces the earlier one.
    pub id: u64,
    /// Whether this is the conversation's first observation.
    pub new: bool,
    /// Whether it is the last: it was silent longest and made room. Should it begin
    /// again, it does so under another number.
    pub left: bool,
    /// The first of its flows; the client's port is that flow's.
    pub flow: Arc<FlowFacts>,
    /// The dissector whose operations are counted; none on other traffic.
    pub protocol: Option<ProtocolId>,
    /// Flows.
    pub flow_count: u64,
    /// First packet time.
    pub first_seen_ns: i64,
    /// Last packet time.
    pub last_seen_ns: i64,
    /// Flows in which the client got nothing: no answer, a refusal, or a
    /// connection that was closed again with nothing in it.
    pub vain_count: u64,
    /// Packets, both ways.
    pub packets: u64,
    /// Bytes on the wire, both ways.
    pub bytes: u64,
    /// PDUs, both ways.
    pub pdus: u64,
    /// Operations by class.
    pub classes: Vec<(Class, u64)>,
    /// Answers that were negative.
    pub failure_count: u64,
    /// Requests that were answered; where the server's side alone is seen, its messages.
    pub answered_count: u64,
    /// Whether one direction was never seen.
    pub one_sided: bool,
    /// Bytes that the sensor did not see.
    pub gap_bytes: u64,
}

/// A hardware address and an IP address seen together as sender.
#[derive(Clone, Debug)]
pub struct Address {
    /// Rises with every observation of a run.
    pub sequence: u64,
    /// Whether this is its last: it was silent longest and made room for others.
    pub left: bool,
    /// Hardware address; none where the link layer has none.
    pub mac: Option<Mac>,
    /// Network address.
    pub ip: Option<IpAddr>,
    /// Outermost VLAN id.
    pub vlan: Option<u16>,
    /// Frames sent.
    pub packets: u64,
    /// First packet time.
    pub first_seen_ns: i64,
    /// Last packet time.
    pub last_seen_ns: i64,
    /// Whether ARP said so.
    pub arp: bool,
    /// The highest time to live seen: below 64 and off the usual starts it came
    /// through a router.
    pub ttl: u8,
    /// The first frame.
    pub frame: FrameId,
    /// The last frame that began a flow, or was ARP.
    pub last_frame: FrameId,
}

/// Something said about an asset.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Rises with every observation of a run.
    pub sequence: u64,
    /// Whom it is about: the endpoint.
    pub subject: Endpoint,
    /// Outermost VLAN id.
    pub vlan: Option<u16>,
    /// The station behind the endpoint, where it is about that.
    pub unit: Option<u32>,
    /// The dissector.
    pub protocol: ProtocolId,
    /// What it says.
    pub attribute: Attribute,
    /// The value.
    pub value: Box<str>,
    /// How it is known.
    pub source: &'static str,
    /// Belief in percent.
    pub confidence: u8,
    /// How often it was said since it was told last.
    pub count: u64,
    /// In how many flows more.
    pub flow_count: u64,
    /// Packet time of the first time.
    pub time_ns: i64,
    /// Packet time of the last time.
    pub last_seen_ns: i64,
    /// The frame that said it first.
    pub frame: FrameId,
    /// The frame that said it last.
    pub last_frame: FrameId,
}

/// A program, firmware or file that was transferred.
#[derive(Clone, Debug)]
pub struct Content {
    /// Rises with every observation of a run.
    pub sequence: u64,
    /// Its flow.
    pub flow: Arc<FlowFacts>,
    /// The dissector.
    pub protocol: ProtocolId,
    /// What it is.
    pub kind: ContentKind,
    /// Its name.
    pub name: Box<str>,
    /// Whether it went to the server.
    pub to_server: bool,
    /// Bytes seen.
    pub size: u64,
    /// SHA-256 of them.
    pub sha256: [u8; 32],
    /// The first of them, at most [`Content::HEAD`].
    pub head: Box<[u8]>,
    /// Whether all of it was seen.
    pub complete: bool,
    /// First and last packet time.
    pub first_seen_ns: i64,
    /// Last packet time.
    pub last_seen_ns: i64,
    /// First and last frame.
    pub frames: (FrameId, FrameId),
}

impl Content {
    /// Bytes of its front that are kept: what it is shows there.
    pub const HEAD: usize = 64;
}

/// A record that leaves the engine.
#[derive(Clone, Debug)]
pub enum Observation {
    /// One operation that matters by itself.
    Transaction(Box<Transaction>),
    /// Something that is done, new or counted on.
    Behaviour(Box<Behaviour>),
    /// Somebody who talks to somebody, new or counted on.
    Conversation(Box<Conversation>),
    /// Addresses that belong together.
    Address(Box<Address>),
    /// Something said about an asset.
    Claim(Box<Claim>),
    /// Something that was transferred.
    Content(Box<Content>),
    /// What happened to a rhythm.
    Rhythm(Box<Rhythm>),
    /// Calls that stay unanswered.
    NoReply(Box<NoReply>),
    /// How well an interface was seen.
    Health(Box<Health>),
    /// What was lost of a conversation.
    Loss(Box<Loss>),
    /// The ARP messages of a sender.
    Arp(Box<Arp>),
    /// Something in a flow that another machine may have sent.
    HeaderShift(Box<HeaderShift>),
    /// What the objects of a write held after it.
    Readback(Box<Readback>),
    /// Points whose quality is now another.
    PointQuality(Box<PointQuality>),
}

impl Observation {
    /// Its number in the run.
    pub fn sequence_mut(&mut self) -> &mut u64 {
        match self {
            Self::Transaction(own) => &mut own.sequence,
            Self::Behaviour(own) => &mut own.sequence,
            Self::Conversation(own) => &mut own.sequence,
            Self::Address(own) => &mut own.sequence,
            Self::Claim(own) => &mut own.sequence,
            Self::Content(own) => &mut own.sequence,
            Self::Rhythm(own) => &mut own.sequence,
            Self::NoReply(own) => &mut own.sequence,
            Self::Health(own) => &mut own.sequence,
            Self::Loss(own) => &mut own.sequence,
            Self::Arp(own) => &mut own.sequence,
            Self::HeaderShift(own) => &mut own.sequence,
            Self::Readback(own) => &mut own.sequence,
            Self::PointQuality(own) => &mut own.sequence,
        }
    }
}
