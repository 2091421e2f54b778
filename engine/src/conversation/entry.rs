//! One conversation: who, and what was counted.

use std::num::NonZeroU32;
use std::sync::Arc;

use dissectors::operation::Class;
use dissectors::registry::ProtocolId;

use super::Place;
use crate::observation::{Conversation, FlowFacts, History};
use crate::observer::FlowTotals;

/// Operations at which a conversation leaves again: what its two ends are shows
/// while they talk.
const TOLD_AGAIN: [u64; 3] = [32, 256, 2048];

/// One conversation.
#[derive(Debug)]
pub struct Entry {
    /// Its number; none where it has left and the place is free.
    pub(super) number: Option<NonZeroU32>,
    /// Its first flow.
    pub flow: Arc<FlowFacts>,
    /// Whose operations are counted.
    pub protocol: Option<ProtocolId>,
    /// Its client.
    pub source: u32,
    flow_count: u64,
    vain_count: u64,
    pub(super) first_seen_ns: i64,
    pub(super) last_seen_ns: i64,
    pub(super) client_packets: u64,
    pub(super) server_packets: u64,
    bytes: u64,
    gap_bytes: u64,
    pub(super) pdus: u64,
    classes: Vec<(Class, u64)>,
    failure_count: u64,
    pub(super) answered_count: u64,
    pub(super) history: History,
    pub(super) changed: bool,
    pub(super) emitted: bool,
    /// Whether it should be told of again before the next flush.
    pub(super) due: bool,
}

/// An exchange, as far as a conversation counts it.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    /// Class of the operation.
    pub class: Class,
    /// PDUs seen of it.
    pub pdus: u64,
    /// Whether a request was answered.
    pub answered: bool,
    /// Whether the answer was negative.
    pub failed: bool,
    /// Packet time.
    pub time_ns: i64,
}

impl Entry {
    /// One in which nothing was counted yet.
    pub(super) fn new(
        number: NonZeroU32,
        facts: &Arc<FlowFacts>,
        protocol: Option<ProtocolId>,
        source: u32,
        time_ns: i64,
        history: Option<History>,
    ) -> Self {
        Self {
            number: Some(number),
            flow: Arc::clone(facts),
            protocol,
            source,
            flow_count: 0,
            vain_count: 0,
            first_seen_ns: time_ns,
            last_seen_ns: time_ns,
            client_packets: 0,
            server_packets: 0,
            bytes: 0,
            gap_bytes: 0,
            pdus: 0,
            classes: Vec::new(),
            failure_count: 0,
            answered_count: 0,
            history: history.unwrap_or(History { first_seen_ns: i64::MIN, ..History::default() }),
            changed: false,
            emitted: false,
            due: false,
        }
    }

    /// Adds what a flow carried.
    pub(super) fn add_flow(&mut self, totals: &FlowTotals) {
        let (client, server) = (totals.client, totals.server);
        self.flow_count = self.flow_count.saturating_add(totals.flows);
        self.vain_count = self.vain_count.saturating_add(totals.vain.into());
        self.first_seen_ns = self.first_seen_ns.min(totals.first_seen_ns);
        self.last_seen_ns = self.last_seen_ns.max(totals.last_seen_ns);
        self.client_packets = self.client_packets.saturating_add(client.packets);
        self.server_packets = self.server_packets.saturating_add(server.packets);
        self.bytes = self.bytes.saturating_add(client.bytes).saturating_add(server.bytes);
        self.gap_bytes =
            self.gap_bytes.saturating_add(client.gap_bytes).saturating_add(server.gap_bytes);
    }

    /// Counts an exchange, and tells what was done before it.
    #[inline]
    pub fn count(&mut self, counted: Counted) -> History {
        if self.history.first_seen_ns == i64::MIN {
            self.history.first_seen_ns = counted.time_ns;
        }
        let before = self.history;
        let side = match counted.class {
            // Whoever acknowledges neither only looks nor changes anything yet.
            Class::AlarmAck => None,
            class if class.is_change() => Some(&mut self.history.change_count),
            _ => Some(&mut self.history.read_count),
        };
        if let Some(side) = side {
            *side = side.saturating_add(1);
        }
        let operations = before.read_count.saturating_add(before.change_count).saturating_add(1);
        self.due |= TOLD_AGAIN.contains(&operations);
        self.pdus = self.pdus.saturating_add(counted.pdus);
        self.answered_count = self.answered_count.saturating_add(counted.answered.into());
        self.failure_count = self.failure_count.saturating_add(counted.failed.into());
        self.last_seen_ns = self.last_seen_ns.max(counted.time_ns);
        match self.classes.iter_mut().find(|(known, _)| *known == counted.class) {
            Some((_, count)) => *count = count.saturating_add(1),
            None => self.classes.push((counted.class, 1)),
        }
        before
    }

    pub(super) fn observation(&mut self, place: Place) -> Conversation {
        let new = !self.emitted;
        self.emitted = true;
        self.due = false;
        let server_alone = self.client_packets == 0 && self.server_packets > 0;
        let mut classes = self.classes.clone();
        classes.sort_unstable();
        Conversation {
            sequence: 0,
            id: place.id().into(),
            new,
            left: false,
            flow: Arc::clone(&self.flow),
            protocol: self.protocol,
            flow_count: self.flow_count.max(1),
            vain_count: self.vain_count,
            first_seen_ns: self.first_seen_ns,
            last_seen_ns: self.last_seen_ns,
            packets: self.client_packets.saturating_add(self.server_packets),
            bytes: self.bytes,
            pdus: self.pdus,
            classes,
            failure_count: self.failure_count,
            answered_count: if server_alone { self.pdus } else { self.answered_count },
            one_sided: (self.client_packets == 0) != (self.server_packets == 0),
            gap_bytes: self.gap_bytes,
        }
    }
}
