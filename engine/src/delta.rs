//! When counts leave while their flows go on, and what of each flow was counted.

use crate::observer::FlowTotals;

/// The times of deltas, and what they counted.
#[derive(Debug)]
pub struct Deltas {
    every_ns: i64,
    due_ns: Option<i64>,
    /// What was counted of the flow in each slot.
    counted: Vec<FlowTotals>,
}

impl Deltas {
    /// Deltas every so many nanoseconds of packet time.
    #[must_use]
    pub const fn every(every_ns: i64) -> Self {
        Self { every_ns, due_ns: None, counted: Vec::new() }
    }

    /// Whether it is time. Times are whole multiples, so that two runs that begin
    /// apart count alike.
    pub fn is_due(&mut self, now_ns: i64) -> bool {
        let every_ns = self.every_ns.max(1);
        let next = now_ns.saturating_sub(now_ns.rem_euclid(every_ns)).saturating_add(every_ns);
        match self.due_ns.replace(next) {
            // It is due later than the next where the clock was set back.
            Some(due_ns) if now_ns < due_ns && due_ns <= next => {
                self.due_ns = Some(due_ns);
                false
            }
            Some(_) => true,
            None => false,
        }
    }

    /// What the flow in a slot carried since it was last counted; none where it
    /// carried nothing.
    pub fn since(&mut self, slot: u32, totals: FlowTotals) -> Option<FlowTotals> {
        let slot = slot as usize;
        if slot >= self.counted.len() {
            self.counted.resize(slot.saturating_add(1), FlowTotals::default());
        }
        let before = self.counted.get_mut(slot)?;
        let since = totals.since(before);
        *before = totals;
        since
    }

    /// The same at the end of the flow, whose slot is then another one's.
    pub fn end(&mut self, slot: u32, totals: FlowTotals) -> Option<FlowTotals> {
        let before = self.counted.get_mut(slot as usize).map(std::mem::take);
        totals.since(&before.unwrap_or_default())
    }
}
