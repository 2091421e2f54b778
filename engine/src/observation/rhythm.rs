//! Records about what comes in a rhythm, and about what stays unanswered.

use std::sync::Arc;

use dissectors::dissector::FrameId;
use dissectors::operation::{Class, Operation};
use dissectors::pdu::Role;
use dissectors::registry::ProtocolId;

use super::FlowFacts;

/// What happened to a rhythm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RhythmKind {
    /// It has become regular.
    Periodic,
    /// Its period is another one, three windows in a row.
    PeriodChange,
    /// It is late by more than its deadline.
    Overdue,
    /// It was overdue, and came again.
    Returned,
    /// It comes far more often than ever.
    Burst,
}

impl RhythmKind {
    /// The word in output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Periodic => "periodic",
            Self::PeriodChange => "period_change",
            Self::Overdue => "overdue",
            Self::Returned => "returned",
            Self::Burst => "burst",
        }
    }
}

/// Something asked, written or sent again and again at one place, and what
/// happened to its rhythm. How it was answered makes no difference.
#[derive(Clone, Debug)]
pub struct Rhythm {
    /// Rises with every observation of a run.
    pub sequence: u64,
    /// What happened.
    pub kind: RhythmKind,
    /// Digest of the key: the same on every run and sensor.
    pub id: u128,
    /// The flow that showed the behaviour first.
    pub flow: Arc<FlowFacts>,
    /// The number of the behaviour that showed it last.
    pub behaviour: u64,
    /// The number of its conversation.
    pub conversation: u64,
    /// The dissector.
    pub protocol: ProtocolId,
    /// The part that its PDUs play.
    pub role: Role,
    /// Its name and class.
    pub operation: Operation,
    /// Class.
    pub class: Class,
    /// The addressed station.
    pub unit: Option<u32>,
    /// Address space of a read, exact object of everything else.
    pub target: Option<String>,
    /// First and last address of a read.
    pub interval: Option<(u32, u32)>,
    /// Packet time at which it was noticed.
    pub time_ns: i64,
    /// Occurrences.
    pub count: u64,
    /// Packet time of the last occurrence; of one that returned, of the last before.
    pub last_seen_ns: i64,
    /// The frame of the latest occurrence.
    pub frame: FrameId,
    /// The learned period: a median.
    pub period_ns: Option<f64>,
    /// Median distance of the intervals from the period.
    pub deviation_ns: Option<f64>,
    /// How long it may stay away.
    pub deadline_ns: Option<i64>,
    /// Of a changed period the new one, of an overdue or returned one how long it
    /// stayed away.
    pub observed_ns: Option<f64>,
    /// Of a burst, the occurrences in its ten seconds.
    pub burst_count: Option<u64>,
    /// The 99th percentile of the occurrences in ten seconds.
    pub usual_count: Option<u64>,
    /// Packet time of the last frame of the client to anybody; told of what is overdue.
    pub client_last_seen_ns: Option<i64>,
    /// The same of the server.
    pub server_last_seen_ns: Option<i64>,
    /// Calls to the server in a row that nobody answered, until now.
    pub unanswered_count: u64,
}

/// A client calls a server again and again, and no answer is seen; or at last one is.
#[derive(Clone, Debug)]
pub struct NoReply {
    /// Rises with every observation of a run.
    pub sequence: u64,
    /// Whether an answer came now.
    pub answered: bool,
    /// The flow of the latest call.
    pub flow: Arc<FlowFacts>,
    /// The dissector; none where the calls were no more than attempts to connect.
    pub protocol: Option<ProtocolId>,
    /// The addressed station behind the server.
    pub unit: Option<u32>,
    /// Requests in a row.
    pub request_count: u64,
    /// Segments of them that the client sent again.
    pub repeat_count: u64,
    /// Attempts to open a connection.
    pub open_count: u64,
    /// Attempts that the server refused.
    pub refused_count: u64,
    /// Packet time of the first of these calls.
    pub since_ns: i64,
    /// Packet time of the latest call, or of the answer.
    pub time_ns: i64,
    /// Packet time of the last answer before; none where there never was one.
    pub last_answer_ns: Option<i64>,
    /// The frames of the first and the latest call.
    pub frames: (FrameId, FrameId),
    /// Packet time of the last frame of the server to anybody.
    pub server_last_seen_ns: Option<i64>,
}
