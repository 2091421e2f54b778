//! Operations past a bound: one row for a conversation, protocol and operation.

use std::collections::HashMap;
use std::sync::Arc;

use dissectors::anomaly::Anomalies;
use dissectors::dissector::FrameId;
use dissectors::pdu::{Role, Status};
use dissectors::registry::ProtocolId;

use super::key::{Key, TargetRef, identity};
use crate::observation::{Behaviour, FlowFacts};

/// Occurrences that have no behaviour of their own.
#[derive(Clone, Debug)]
pub struct Counts {
    /// A flow that showed them.
    pub flow: Arc<FlowFacts>,
    /// A frame that showed them.
    pub frame: FrameId,
    /// Function code.
    pub code: u16,
    /// How many.
    pub count: u64,
    /// First packet time.
    pub first_seen_ns: i64,
    /// Last packet time.
    pub last_seen_ns: i64,
    /// Whether one was answered.
    pub answered: bool,
    /// Departures from the specification.
    pub anomalies: Anomalies,
}

#[derive(Debug)]
struct Row {
    key: Key<'static>,
    number: u64,
    id: u128,
    counts: Counts,
    changed: bool,
    emitted: bool,
}

/// The overflow rows, in order of first need.
#[derive(Debug)]
pub struct Overflow {
    rows: Vec<Row>,
    index: HashMap<(u32, ProtocolId, u64), u32>,
    changed: Vec<u32>,
    most: usize,
}

impl Overflow {
    /// At most `most` rows.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { rows: Vec::new(), index: HashMap::new(), changed: Vec::new(), most }
    }

    /// Adds occurrences of `key`, in a new row as the behaviour of the next number.
    /// Past the bound of rows the counter alone tells.
    pub fn add(&mut self, key: &Key<'_>, counts: Counts, numbers: &mut u64) {
        let of = (key.conversation, key.protocol, key.operation.id());
        let next = self.rows.len();
        let slot = match self.index.get(&of) {
            Some(slot) => *slot,
            None if next >= self.most => return,
            None => {
                let Ok(slot) = u32::try_from(next) else { return };
                let key = Key {
                    conversation: key.conversation,
                    protocol: key.protocol,
                    role: Role::Unknown,
                    unit: None,
                    operation: key.operation,
                    class: key.class,
                    target: TargetRef::None,
                    status: Status::None,
                };
                let id = identity(&key, None, &counts.flow, true);
                let counts = Counts { count: 0, ..counts.clone() };
                *numbers = numbers.saturating_add(1);
                let number = *numbers;
                self.rows.push(Row { key, number, id, counts, changed: false, emitted: false });
                self.index.insert(of, slot);
                slot
            }
        };
        let Some(row) = self.rows.get_mut(slot as usize) else { return };
        let own = &mut row.counts;
        own.count = own.count.saturating_add(counts.count);
        own.first_seen_ns = own.first_seen_ns.min(counts.first_seen_ns);
        own.last_seen_ns = own.last_seen_ns.max(counts.last_seen_ns);
        own.answered |= counts.answered;
        own.anomalies.add_all(counts.anomalies);
        if !row.changed {
            row.changed = true;
            self.changed.push(slot);
        }
    }

    /// The rows that changed, in their order.
    pub fn take_changed(&mut self) -> Vec<Behaviour> {
        let mut changed = std::mem::take(&mut self.changed);
        changed.sort_unstable();
        let observation = |slot: u32| {
            let row = self.rows.get_mut(slot as usize)?;
            row.changed = false;
            let new = !std::mem::replace(&mut row.emitted, true);
            Some(row.observation(new))
        };
        changed.into_iter().filter_map(observation).collect()
    }
}

impl Row {
    fn observation(&self, new: bool) -> Behaviour {
        let (key, counts) = (&self.key, &self.counts);
        Behaviour {
            sequence: 0,
            number: self.number,
            id: self.id,
            new,
            flow: Arc::clone(&counts.flow),
            protocol: key.protocol,
            role: key.role,
            code: counts.code,
            operation: key.operation,
            class: key.class,
            unit: None,
            target: None,
            intervals: Vec::new(),
            status: key.status,
            answered: counts.answered,
            count: counts.count,
            first_seen_ns: counts.first_seen_ns,
            last_seen_ns: counts.last_seen_ns,
            period_ns: None,
            period_deviation_ns: None,
            latency_ns: None,
            values: None,
            anomalies: counts.anomalies,
            frame: counts.frame,
            latest_frame: counts.frame,
            overflow: true,
        }
    }
}
