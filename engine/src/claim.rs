//! What frames and PDUs say about an asset, without the repeats.

use std::collections::HashMap;

use dissectors::registry::ProtocolId;
use dissectors::sink::{self, Attribute, Subject};

use crate::conversation::Host;
use crate::counters::Counters;
use crate::limits::Limits;
use crate::observation::{Claim, FlowFacts};
use crate::observer::Origin;

/// Times that a value leaves at once when it is said again instead of another.
const TOLD_AGAIN: u8 = 3;
/// Conversations in which it does.
const TOLD_FLOWS: u8 = 2;
/// Changes from one value to another that leave at once, for each thing that is
/// said: what changes more often has several values.
const CHANGES: u8 = 32;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    subject: Host,
    vlan: Option<u16>,
    unit: Option<u32>,
    protocol: ProtocolId,
    attribute: Attribute,
    value: Box<str>,
}

/// What one thing is said about, and how: of it a device says one value at a time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Topic {
    subject: Host,
    vlan: Option<u16>,
    unit: Option<u32>,
    protocol: ProtocolId,
    attribute: Attribute,
    source: &'static str,
}

/// The value said last of a topic.
#[derive(Debug)]
struct Said {
    slot: u32,
    /// How often the value changed.
    changes: u8,
    /// Times and conversations in which it was said since it came up.
    times: u8,
    flows: u8,
}

#[derive(Debug)]
struct Entry {
    claim: Claim,
    /// The flow that said it last.
    flow: u64,
    changed: bool,
}

/// All distinct claims, in order of first sight.
#[derive(Debug)]
pub struct Claims {
    entries: Vec<Entry>,
    by_key: HashMap<Key, u32>,
    said: HashMap<Topic, Said>,
    changed: Vec<u32>,
    most: usize,
}

impl Claims {
    /// None yet.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            entries: Vec::new(),
            by_key: HashMap::new(),
            said: HashMap::new(),
            changed: Vec::new(),
            most: limits.claims,
        }
    }

    /// Notes a claim; the observation where it is new, or where it is said again
    /// instead of another: that something changed is not left to the next flush.
    pub fn note(
        &mut self,
        facts: &FlowFacts,
        claim: &sink::Claim,
        origin: Origin,
        counters: &mut Counters,
    ) -> Option<Claim> {
        let (sender, receiver) = if origin.from_client {
            (facts.client, facts.server)
        } else {
            (facts.server, facts.client)
        };
        let (subject, unit) = match claim.subject {
            Subject::Sender => (sender, None),
            Subject::Receiver => (receiver, None),
            Subject::Unit(unit) => (sender, Some(unit)),
        };
        let key = Key {
            subject: Host::from(&subject),
            vlan: facts.vlan,
            unit,
            protocol: origin.protocol,
            attribute: claim.attribute,
            value: claim.value.clone(),
        };
        let topic = Topic {
            subject: key.subject,
            vlan: key.vlan,
            unit,
            protocol: origin.protocol,
            attribute: claim.attribute,
            source: claim.source,
        };
        if let Some(slot) = self.by_key.get(&key).copied() {
            let entry = self.entries.get_mut(slot as usize)?;
            let another_flow = entry.flow != facts.id;
            entry.flow = facts.id;
            entry.claim.count = entry.claim.count.saturating_add(1);
            entry.claim.flow_count = entry.claim.flow_count.saturating_add(another_flow.into());
            entry.claim.last_seen_ns = entry.claim.last_seen_ns.max(origin.time_ns);
            entry.claim.last_frame = origin.frame;
            if claim.confidence > entry.claim.confidence {
                entry.claim.confidence = claim.confidence;
                entry.claim.source = claim.source;
            }
            if !entry.changed {
                entry.changed = true;
                self.changed.push(slot);
            }
            let leaves = self.say(topic, slot, another_flow);
            return leaves.then(|| self.entries.get(slot as usize))?.map(|own| own.claim.clone());
        }
        if self.entries.len() >= self.most {
            counters.claims_overflow = counters.claims_overflow.saturating_add(1);
            return None;
        }
        let slot = u32::try_from(self.entries.len()).ok()?;
        let claim = Claim {
            sequence: 0,
            subject,
            vlan: facts.vlan,
            unit,
            protocol: origin.protocol,
            attribute: claim.attribute,
            value: claim.value.clone(),
            source: claim.source,
            confidence: claim.confidence,
            count: 1,
            flow_count: 1,
            time_ns: origin.time_ns,
            last_seen_ns: origin.time_ns,
            frame: origin.frame,
            last_frame: origin.frame,
        };
        self.entries.push(Entry { claim: claim.clone(), flow: facts.id, changed: false });
        self.by_key.insert(key, slot);
        self.say(topic, slot, true);
        counters.claims = counters.claims.saturating_add(1);
        Some(claim)
    }

    /// Notes that a value was said of a topic; whether it should leave at once.
    fn say(&mut self, topic: Topic, slot: u32, another_flow: bool) -> bool {
        let Some(said) = self.said.get_mut(&topic) else {
            self.said.insert(topic, Said { slot, changes: 0, times: 1, flows: 1 });
            return false;
        };
        if said.slot != slot {
            said.changes = said.changes.saturating_add(1);
            (said.slot, said.times, said.flows) = (slot, 1, 1);
            return said.changes <= CHANGES;
        }
        said.times = said.times.saturating_add(1);
        said.flows = said.flows.saturating_add(another_flow.into());
        let early = said.times <= TOLD_AGAIN || (another_flow && said.flows <= TOLD_FLOWS);
        early && said.changes > 0 && said.changes <= CHANGES
    }

    /// The observations of all that changed, in order of first sight.
    pub fn take_changed(&mut self) -> Vec<Claim> {
        let mut changed = std::mem::take(&mut self.changed);
        changed.sort_unstable();
        let observation = |slot: u32| {
            let entry = self.entries.get_mut(slot as usize)?;
            entry.changed = false;
            Some(entry.claim.clone())
        };
        changed.into_iter().filter_map(observation).collect()
    }
}
