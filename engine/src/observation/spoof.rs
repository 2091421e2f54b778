//! Records about senders that may not be who they say.

use std::net::IpAddr;
use std::sync::Arc;

use dissectors::dissector::FrameId;

use super::FlowFacts;
use crate::packet::Mac;

/// The ARP messages of one sender in one minute, where they were more than asking
/// for a few addresses.
#[derive(Clone, Debug)]
pub struct Arp {
    /// Rises with every observation of a run.
    pub sequence: u64,
    /// The sender as its messages have it.
    pub mac: Mac,
    /// Its address.
    pub ip: IpAddr,
    /// Outermost VLAN id.
    pub vlan: Option<u16>,
    /// The interface.
    pub interface: u32,
    /// Packet time of the first message in that minute.
    pub from_ns: i64,
    /// Packet time of the last.
    pub until_ns: i64,
    /// Questions.
    pub request_count: u64,
    /// Addresses asked for.
    pub target_count: u64,
    /// Those of them that had never sent anything by ARP.
    pub silent_count: u64,
    /// Answers.
    pub reply_count: u64,
    /// Answers that nobody was seen to ask for.
    pub unasked_count: u64,
    /// Messages about its own address to all.
    pub gratuitous_count: u64,
    /// The first and the last frame.
    pub frames: (FrameId, FrameId),
}

/// What is not as before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ShiftKind {
    /// The time to live.
    Ttl,
    /// An IP identification that left the row of its sender, which then went on.
    IpId,
    /// Bytes of a TCP stream that were sent twice, and differ.
    Overlap,
}

impl ShiftKind {
    /// The word in output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ttl => "ttl",
            Self::IpId => "ip_id",
            Self::Overlap => "overlap",
        }
    }
}

/// Something in one direction of a flow that another machine may have sent.
#[derive(Clone, Debug)]
pub struct HeaderShift {
    /// Rises with every observation of a run.
    pub sequence: u64,
    /// What is not as before.
    pub kind: ShiftKind,
    /// The flow.
    pub flow: Arc<FlowFacts>,
    /// Whether it came from the client, as far as it says.
    pub from_client: bool,
    /// Packet time.
    pub time_ns: i64,
    /// The value before, and the one that is different; none of an overlap.
    pub values: Option<(u32, u32)>,
    /// The frame before, and the one that is different.
    pub frames: (FrameId, FrameId),
    /// How often that has happened in this direction of the flow.
    pub count: u32,
}
