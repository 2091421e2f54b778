//! Client, server, protocol and port, across flows; and who of them sends how much.
//! [`room`] says which conversations leave where there are too many.

mod entry;
mod room;
mod source;
mod standing;

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use dissectors::dissector::Transport;
use dissectors::registry::ProtocolId;

pub use self::entry::Counted;
use self::entry::Entry;
pub use self::room::Gone;
use self::source::Source;
pub use self::standing::Standing;
use crate::limits::Limits;
use crate::observation::{Conversation, Endpoint, FlowFacts, History, KnownConversation};
use crate::observer::FlowTotals;
use crate::packet::Mac;
use crate::slots;

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

/// Where a conversation is, and its number, by which it is told whether it is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    slot: u32,
    number: NonZeroU32,
}

impl Place {
    /// Its number in the run, from 0.
    #[must_use]
    pub const fn id(self) -> u32 {
        self.number.get().saturating_sub(1)
    }
}

/// All conversations and their clients.
#[derive(Debug)]
pub struct Conversations {
    entries: Vec<Entry>,
    free: Vec<u32>,
    by_key: HashMap<Key, u32>,
    sources: Vec<Source>,
    free_sources: Vec<u32>,
    by_client: HashMap<(Host, Option<u16>), u32>,
    changed: Vec<Place>,
    /// What was done before this run, and in conversations that have left.
    known: HashMap<Pair, History>,
    /// Those that have left and were not asked for yet.
    gone: Gone,
    /// How many there ever were.
    made: u64,
    /// Whether the input has ended, and nothing makes room any more.
    ended: bool,
    most: usize,
    most_per_source: usize,
    /// How often one was not kept.
    pub overflow_count: u64,
    /// How many have left to make room.
    pub evicted_count: u64,
}

impl Conversations {
    /// None yet.
    pub fn new(limits: &Limits) -> Self {
        Self {
            entries: Vec::new(),
            free: Vec::new(),
            by_key: HashMap::new(),
            sources: Vec::new(),
            free_sources: Vec::new(),
            by_client: HashMap::new(),
            changed: Vec::new(),
            known: HashMap::new(),
            gone: Gone::default(),
            made: 0,
            ended: false,
            most: limits.conversations,
            most_per_source: share(limits.conversations, limits.flows_per_source_percent),
            overflow_count: 0,
            evicted_count: 0,
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
    ) -> Option<Place> {
        let key = key(facts, protocol);
        if let Some(slot) = self.by_key.get(&key) {
            return self.place(*slot);
        }
        let made = self.make(key, facts, protocol, time_ns);
        if made.is_none() {
            self.overflow_count = self.overflow_count.saturating_add(1);
        }
        made
    }

    #[cold]
    fn make(
        &mut self,
        key: Key,
        facts: &Arc<FlowFacts>,
        protocol: Option<ProtocolId>,
        time_ns: i64,
    ) -> Option<Place> {
        if self.entries.len().saturating_sub(self.free.len()) >= self.most {
            self.make_room(None)?;
        }
        let source = self.source(key.client, key.vlan)?;
        if self.sources.get(source as usize)?.conversations >= self.most_per_source {
            self.make_room(Some(source))?;
        }
        let history = self.history(&key, time_ns);
        self.made = self.made.saturating_add(1);
        #[expect(clippy::cast_possible_truncation, reason = "after 2^32 they begin again")]
        let number = NonZeroU32::new(self.made as u32).unwrap_or(NonZeroU32::MIN);
        let entry = Entry::new(number, facts, protocol, source, time_ns, history);
        let slot = slots::put(&mut self.entries, &mut self.free, entry)?;
        let held = self.sources.get_mut(source as usize)?;
        held.conversations = held.conversations.saturating_add(1);
        self.by_key.insert(key, slot);
        let place = Place { slot, number };
        self.mark(place);
        Some(place)
    }

    /// The conversation that a PDU of `protocol` counts in, where the flow's is
    /// at `place`: the same, if one of the two protocols carries the other. A layer
    /// that does nothing but carry gives its name up for the one inside.
    pub fn of_pdu(
        &mut self,
        place: Place,
        facts: &Arc<FlowFacts>,
        protocol: ProtocolId,
        time_ns: i64,
    ) -> Option<Place> {
        let Some(outer) = self.get(place)?.protocol else {
            return self.find(facts, Some(protocol), time_ns);
        };
        if outer == protocol || outer.registration().parents.contains(&protocol) {
            return Some(place);
        }
        if !protocol.registration().parents.contains(&outer) {
            return self.find(facts, Some(protocol), time_ns);
        }
        if outer.is_carrier() {
            let inner = key(facts, Some(protocol));
            if let Some(known) = self.by_key.get(&inner) {
                return self.place(*known);
            }
            let before = self.history(&inner, time_ns);
            let entry = self.get_mut(place)?;
            entry.protocol = Some(protocol);
            if let Some(before) = before {
                entry.history = entry.history.after(before);
            }
            // The outer key stays: the next flow begins as the outer layer again.
            self.by_key.insert(inner, place.slot);
        }
        Some(place)
    }

    /// How many there ever were.
    #[must_use]
    pub const fn made(&self) -> u64 {
        self.made
    }

    /// What was done in a conversation so far; none before its first operation.
    #[must_use]
    pub fn so_far(&self, place: Place) -> Option<History> {
        Some(self.get(place)?.history).filter(|own| own.first_seen_ns != i64::MIN)
    }

    /// Whether a conversation is still there.
    #[inline]
    #[must_use]
    pub fn has(&self, place: Place) -> bool {
        self.get(place).is_some()
    }

    /// One of them; none where it has left.
    #[inline]
    pub fn get_mut(&mut self, place: Place) -> Option<&mut Entry> {
        self.entries.get_mut(place.slot as usize).filter(|own| own.number == Some(place.number))
    }

    #[inline]
    fn get(&self, place: Place) -> Option<&Entry> {
        self.entries.get(place.slot as usize).filter(|own| own.number == Some(place.number))
    }

    fn place(&self, slot: u32) -> Option<Place> {
        let number = self.entries.get(slot as usize)?.number?;
        Some(Place { slot, number })
    }

    /// A client.
    #[inline]
    pub fn source_mut(&mut self, source: u32) -> Option<&mut Source> {
        self.sources.get_mut(source as usize)
    }

    /// Says that a conversation changed since it was last emitted.
    #[inline]
    pub fn mark(&mut self, place: Place) {
        if let Some(entry) = self.get_mut(place)
            && !entry.changed
        {
            entry.changed = true;
            self.changed.push(place);
        }
    }

    /// Adds what a flow carried.
    pub fn add_flow(&mut self, place: Place, totals: &FlowTotals) {
        if let Some(entry) = self.get_mut(place) {
            entry.add_flow(totals);
            self.mark(place);
        }
    }

    /// The observation of a conversation that was not told of yet, or is due to be told of
    /// again. While only a carrying layer was seen it may still get another name, so it
    /// waits for its flow to end.
    pub fn first_observation(&mut self, place: Place, ended: bool) -> Option<Conversation> {
        self.get_mut(place)
            .filter(|entry| !entry.emitted || entry.due)
            .filter(|entry| ended || !entry.protocol.is_some_and(ProtocolId::is_carrier))
            .map(|entry| entry.observation(place))
    }

    /// The observations of all that changed, in order of first sight.
    pub fn take_changed(&mut self) -> Vec<Conversation> {
        let mut changed = std::mem::take(&mut self.changed);
        changed.sort_unstable_by_key(|place| place.number);
        let observation = |place: Place| {
            let entry = self.get_mut(place)?;
            entry.changed = false;
            Some(entry.observation(place))
        };
        changed.into_iter().filter_map(observation).collect()
    }

    fn source(&mut self, client: Host, vlan: Option<u16>) -> Option<u32> {
        if let Some(source) = self.by_client.get(&(client, vlan)) {
            return Some(*source);
        }
        let source = match self.free_sources.pop() {
            Some(source) => source,
            // Each has a conversation, or behaviours that go soon after it.
            None if self.sources.len() >= self.most.saturating_mul(2) => return None,
            None => {
                let source = u32::try_from(self.sources.len()).ok()?;
                self.sources.push(Source::default());
                source
            }
        };
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
