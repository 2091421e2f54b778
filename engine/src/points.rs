//! What becomes of single points, where somebody asks: written values that read back
//! differently, and points that change their quality.

mod cells;
mod crowd;
mod flags;
mod readback;

use std::sync::Arc;

use dissectors::dissector::FrameId;

use crate::exchange::Exchange;
use crate::limits::Limits;
use crate::observation::{FlowFacts, Observation};

use self::flags::Flags;
use self::readback::Readbacks;

/// Both.
#[derive(Debug)]
pub struct Points {
    readbacks: Readbacks,
    flags: Flags,
}

impl Points {
    /// Of nothing that was written or seen yet.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self { readbacks: Readbacks::new(limits.readbacks), flags: Flags::new(limits.point_flags) }
    }

    /// Writes and points that were not looked at because the tables were full.
    #[must_use]
    pub const fn overflow_count(&self) -> u64 {
        self.readbacks.overflow_count.saturating_add(self.flags.overflow_count)
    }

    /// Notes a finished exchange, of which the last frame is `frame`; what there is to
    /// say of it is added to `told`.
    #[inline]
    pub fn note(
        &mut self,
        facts: &Arc<FlowFacts>,
        exchange: &Exchange<'_>,
        frame: FrameId,
        told: &mut Vec<Observation>,
    ) {
        if exchange.class.is_change() || self.readbacks.waits(facts, exchange) {
            self.readbacks.note(facts, exchange, frame, told);
        }
        if !exchange.carrying.flags.is_empty() {
            self.flags.note(facts, exchange, frame, told);
        }
    }
}
