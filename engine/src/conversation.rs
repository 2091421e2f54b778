//! Client, server, protocol and port, across flows; and who of them sends how much.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use dissectors::dissector::Transport;
use dissectors::operation::Class;
use dissectors::registry::ProtocolId;

use crate::limits::Limits;
use crate::observation::{Conversation, Endpoint, FlowFacts, History, KnownConversation};
use crate::observer::FlowTotals;
use crate::packet::Mac;
use crate::token_bucket::TokenBucket;

/// Operations at which a conversation leaves again: what its two ends are shows
/// while they talk.
const TOLD_AGAIN: [u64; 3] = [32, 256, 2048];

/// What an endpoint is known by: its IP, or its MAC where there is no IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// Network address.
    Ip(IpAddr),
    /// Hardware address.
    Mac(Mac),
    /// Neither: a serial line.
    Unnamed,
}

impl From<&Endpoint> for Host {
    fn from(endpoint: &Endpoint) -> Self {
        match (endpoint.ip, endpoint.mac) {
            (Some(ip), _) => Self::Ip(ip),
            (None, Some(mac)) => Self::Mac(mac),
            (None, None) => Self::Unnamed,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    client: Host,
    server: Host,
    protocol: Option<ProtocolId>,
    transport: Transport,
    port: u16,
    vlan: Option<u16>,
}

/// Two ends and what they speak, on whatever port.
type Pair = (Host, Host, Option<u16>, ProtocolId);

/// A client on its segment: its rates, and its share of the tables.
#[derive(Debug, Default)]
pub struct Source {
    /// New behaviours that leave.
    pub new_behaviours: TokenBucket,
    /// Behaviours that it holds.
    pub behaviours: usize,
    /// Its behaviours on probation, oldest first: slot and generation.
    pub probation: VecDeque<(u32, u32)>,
    notable: Vec<(Class, TokenBucket)>,
    conversations: usize,
}

impl Source {
    /// Whether another operation of `class` may leave one by one.
    pub fn may_send(&mut self, class: Class, now_ns: i64, limits: &Limits) -> bool {
        match self.notable.iter_mut().find(|(known, _)| *known == class) {
            Some((_, bucket)) => bucket.take(now_ns, limits.notable),
            None => {
                let mut bucket = TokenBucket::default();
                let sends = bucket.take(now_ns, limits.notable);
                self.notable.push((class, bucket));
                sends
            }
        }
    }
}

/// One conversation.
#[derive(Debug)]
pub struct Entry {
    /// Its first flow.
    pub flow: Arc<FlowFacts>,
    /// Whose operations are counted.
    pub protocol: Option<ProtocolId>,
    /// Its client.
    pub source: u32,
    flow_count: u64,
    vain_count: u64,
    first_seen_ns: i64,
    last_seen_ns: i64,
    client_packets: u64,
    server_packets: u64,
    bytes: u64,
    gap_bytes: u64,
    pdus: u64,
    classes: Vec<(Class, u64)>,
    failure_count: u64,
    answered_count: u64,
    history: History,
    changed: bool,
    emitted: bool,
    /// Whether it should leave again before the next flush.
    due: bool,
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

    fn observation(&mut self, id: u32) -> Conversation {
        let new = !self.emitted;
        self.emitted = true;
        self.due = false;
        let mut classes = self.classes.clone();
        classes.sort_unstable();
        Conversation {
            sequence: 0,
            id: id.into(),
            new,
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
            answered_count: self.answered_count,
            one_sided: (self.client_packets == 0) != (self.server_packets == 0),
            gap_bytes: self.gap_bytes,
        }
    }
}

/// All conversations and their clients.
#[derive(Debug)]
pub struct Conversations {
    entries: Vec<Entry>,
    by_key: HashMap<Key, u32>,
    sources: Vec<Source>,
    by_client: HashMap<(Host, Option<u16>), u32>,
    changed: Vec<u32>,
    /// What was done before this run.
    known: HashMap<Pair, History>,
    most: usize,
    most_per_source: usize,
    /// How often one was not kept.
    pub overflow_count: u64,
}

impl Conversations {
    /// None yet.
    pub fn new(limits: &Limits) -> Self {
        Self {
            entries: Vec::new(),
            by_key: HashMap::new(),
            sources: Vec::new(),
            by_client: HashMap::new(),
            changed: Vec::new(),
            known: HashMap::new(),
            most: limits.conversations,
            most_per_source: share(limits.conversations, limits.flows_per_source_percent),
            overflow_count: 0,
        }
    }

    /// Learns what two ends had done before this run; no more than fit.
    pub fn know(&mut self, known: &KnownConversation) {
        if self.known.len() >= self.most {
            return;
        }
        let (client, server) = (Host::from(&known.client), Host::from(&known.server));
        let (vlan, protocol, before) = (known.vlan, known.protocol, known.history);
        // Live, the first frames may have come before what is known was read.
        for (key, slot) in &self.by_key {
            let found = (key.client, key.server, key.vlan, key.protocol);
            if found == (client, server, vlan, Some(protocol))
                && let Some(entry) = self.entries.get_mut(*slot as usize)
            {
                entry.history = entry.history.after(before);
            }
        }
        self.known.insert((client, server, vlan, protocol), before);
    }

    /// What was done before; nothing where that was later: captures come in any order.
    fn history(&self, key: &Key, time_ns: i64) -> Option<History> {
        if self.known.is_empty() {
            return None;
        }
        let known = self.known.get(&(key.client, key.server, key.vlan, key.protocol?));
        known.filter(|history| history.first_seen_ns <= time_ns).copied()
    }

    /// The conversation of a flow, made where it is new; none past the bounds.
    pub fn find(
        &mut self,
        facts: &Arc<FlowFacts>,
        protocol: Option<ProtocolId>,
        time_ns: i64,
    ) -> Option<u32> {
        let key = key(facts, protocol);
        if let Some(slot) = self.by_key.get(&key) {
            return Some(*slot);
        }
        let source = self.source(key.client, key.vlan);
        let full = self.entries.len() >= self.most;
        let held = source.and_then(|source| self.sources.get_mut(source as usize));
        let (Some(source), Some(held), false) = (source, held, full) else {
            self.overflow_count = self.overflow_count.saturating_add(1);
            return None;
        };
        if held.conversations >= self.most_per_source {
            self.overflow_count = self.overflow_count.saturating_add(1);
            return None;
        }
        held.conversations = held.conversations.saturating_add(1);
        let history = self.history(&key, time_ns);
        let slot = u32::try_from(self.entries.len()).ok()?;
        self.entries.push(Entry {
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
        });
        self.by_key.insert(key, slot);
        self.mark(slot);
        Some(slot)
    }

    /// The conversation that a PDU of `protocol` counts in, where the flow's is
    /// `slot`: the same, if one of the two protocols carries the other. A layer
    /// that does nothing but carry gives its name up for the one inside.
    pub fn of_pdu(
        &mut self,
        slot: u32,
        facts: &Arc<FlowFacts>,
        protocol: ProtocolId,
        time_ns: i64,
    ) -> Option<u32> {
        let Some(outer) = self.entries.get(slot as usize)?.protocol else {
            return self.find(facts, Some(protocol), time_ns);
        };
        if outer == protocol || outer.registration().parents.contains(&protocol) {
            return Some(slot);
        }
        if !protocol.registration().parents.contains(&outer) {
            return self.find(facts, Some(protocol), time_ns);
        }
        if outer.is_carrier() {
            let inner = key(facts, Some(protocol));
            if let Some(known) = self.by_key.get(&inner) {
                return Some(*known);
            }
            let before = self.history(&inner, time_ns);
            let entry = self.entries.get_mut(slot as usize)?;
            entry.protocol = Some(protocol);
            if let Some(before) = before {
                entry.history = entry.history.after(before);
            }
            // The outer key stays: the next flow begins as the outer layer again.
            self.by_key.insert(inner, slot);
        }
        Some(slot)
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// What was done in a conversation so far; none before its first operation.
    #[must_use]
    pub fn so_far(&self, slot: u32) -> Option<History> {
        let entry = self.entries.get(slot as usize)?;
        Some(entry.history).filter(|own| own.first_seen_ns != i64::MIN)
    }

    /// One of them.
    #[inline]
    pub fn get_mut(&mut self, slot: u32) -> Option<&mut Entry> {
        self.entries.get_mut(slot as usize)
    }

    /// A client.
    #[inline]
    pub fn source_mut(&mut self, source: u32) -> Option<&mut Source> {
        self.sources.get_mut(source as usize)
    }

    /// Says that a conversation changed since it was last emitted.
    #[inline]
    pub fn mark(&mut self, slot: u32) {
        if let Some(entry) = self.entries.get_mut(slot as usize)
            && !entry.changed
        {
            entry.changed = true;
            self.changed.push(slot);
        }
    }

    /// Adds what a flow carried.
    pub fn add_flow(&mut self, slot: u32, totals: &FlowTotals) {
        let Some(entry) = self.entries.get_mut(slot as usize) else { return };
        let (client, server) = (totals.client, totals.server);
        entry.flow_count = entry.flow_count.saturating_add(totals.flows);
        entry.vain_count = entry.vain_count.saturating_add(totals.vain.into());
        entry.first_seen_ns = entry.first_seen_ns.min(totals.first_seen_ns);
        entry.last_seen_ns = entry.last_seen_ns.max(totals.last_seen_ns);
        entry.client_packets = entry.client_packets.saturating_add(client.packets);
        entry.server_packets = entry.server_packets.saturating_add(server.packets);
        entry.bytes = entry.bytes.saturating_add(client.bytes).saturating_add(server.bytes);
        entry.gap_bytes =
            entry.gap_bytes.saturating_add(client.gap_bytes).saturating_add(server.gap_bytes);
        self.mark(slot);
    }

    /// The observation of a conversation that has not left yet, or is due to leave
    /// again. While only a
    /// carrying layer was seen it may still get another name, so it waits for its
    /// flow to end.
    pub fn first_observation(&mut self, slot: u32, ended: bool) -> Option<Conversation> {
        self.entries
            .get_mut(slot as usize)
            .filter(|entry| !entry.emitted || entry.due)
            .filter(|entry| ended || !entry.protocol.is_some_and(ProtocolId::is_carrier))
            .map(|entry| entry.observation(slot))
    }

    /// The observations of all that changed, in order of first sight.
    pub fn take_changed(&mut self) -> Vec<Conversation> {
        let mut changed = std::mem::take(&mut self.changed);
        changed.sort_unstable();
        let observation = |slot: u32| {
            let entry = self.entries.get_mut(slot as usize)?;
            entry.changed = false;
            Some(entry.observation(slot))
        };
        changed.into_iter().filter_map(observation).collect()
    }

    fn source(&mut self, client: Host, vlan: Option<u16>) -> Option<u32> {
        if let Some(source) = self.by_client.get(&(client, vlan)) {
            return Some(*source);
        }
        // Every source has a conversation, so their bound is the same.
        if self.sources.len() >= self.most {
            return None;
        }
        let source = u32::try_from(self.sources.len()).ok()?;
        self.sources.push(Source::default());
        self.by_client.insert((client, vlan), source);
        Some(source)
    }
}

/// A share of a bound, in percent.
#[must_use]
pub const fn share(bound: usize, percent: usize) -> usize {
    bound.saturating_mul(percent) / 100
}

fn key(facts: &FlowFacts, protocol: Option<ProtocolId>) -> Key {
    Key {
        client: Host::from(&facts.client),
        server: Host::from(&facts.server),
        protocol,
        transport: facts.transport,
        port: facts.server.port,
        vlan: facts.vlan,
    }
}
