//! Records about what the sensor saw, and what it did not.

use std::sync::Arc;

use dissectors::registry::ProtocolId;

use super::FlowFacts;

/// What a record says about an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HealthKind {
    /// Nothing is known before its end.
    Start,
    /// Nothing is known after its start.
    End,
    /// What was not good in ten seconds.
    Window,
    /// No frame came, for much longer than usual.
    Silent,
    /// The same, from the end of one file to the start of the next.
    Hole,
    /// The clock jumped back.
    Back,
    /// The capturing machine lost frames since it last said how many.
    Dropped,
}

impl HealthKind {
    /// The word in output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::End => "end",
            Self::Window => "window",
            Self::Silent => "silent",
            Self::Hole => "hole",
            Self::Back => "back",
            Self::Dropped => "dropped",
        }
    }
}

/// How well an interface was seen for a time.
#[derive(Clone, Debug)]
pub struct Health {
    /// Rises with every observation of a run.
    pub sequence: u64,
    /// What it says.
    pub kind: HealthKind,
    /// The interface: files that follow one another share theirs.
    pub interface: u32,
    /// The file of its latest frame.
    pub file: u32,
    /// Where it begins; of a clock that jumped back the time before the jump.
    pub from_ns: i64,
    /// Where it ends; of a clock that jumped back the time after it.
    pub until_ns: i64,
    /// Frames.
    pub frames: u64,
    /// Bytes of them on the wire.
    pub bytes: u64,
    /// TCP payload bytes that were acknowledged or passed over, but not seen.
    pub gap_bytes: u64,
    /// Frames that the capturing machine says it lost.
    pub dropped_packets: u64,
    /// Second copies of mirrored frames.
    pub duplicate_frames: u64,
    /// Frames that the snap length cut.
    pub truncated_frames: u64,
    /// Frames of TCP flows.
    pub tcp_frames: u64,
    /// Those of them in flows of which the other direction was not seen.
    pub one_sided_frames: u64,
    /// Frames more than a second older than one before them.
    pub late_frames: u64,
    /// Mirrored packets that are missing by the sequence numbers of their tunnel.
    pub mirror_gap_frames: u64,
    /// Faults of dissectors; each cost a flow what it remembered.
    pub fault_count: u64,
    /// Bytes of identified flows in which no PDU could be read.
    pub unread_bytes: u64,
    /// What was forgotten, or not kept, because a table was full.
    pub left_out_count: u64,
}

/// Bytes of a conversation that the sensor did not see, in one window.
#[derive(Clone, Debug)]
pub struct Loss {
    /// Rises with every observation of a run.
    pub sequence: u64,
    /// The flow that lost bytes last.
    pub flow: Arc<FlowFacts>,
    /// The dissector.
    pub protocol: Option<ProtocolId>,
    /// The window.
    pub from_ns: i64,
    /// Its end.
    pub until_ns: i64,
    /// Holes.
    pub gap_count: u64,
    /// Bytes in them, as far as known.
    pub gap_bytes: u64,
}
