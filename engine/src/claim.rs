//! What frames and PDUs say about an asset, without the repeats.
//! [`room`] says which of it leaves where there is too much.

mod room;

use std::collections::HashMap;

use dissectors::registry::ProtocolId;
use dissectors::sink::{self, Attribute, Subject};

use crate::conversation::{Host, share};
use crate::limits::Limits;
use crate::observation::{Claim, FlowFacts};
use crate::observer::Origin;
use crate::slots;

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

/// Whom claims are about, on a segment.
type Who = (Host, Option<u16>);

#[derive(Debug)]
struct Entry {
    /// With the counts since it was told last.
    claim: Claim,
    /// Rises with every claim: the order of first sight.
    number: u64,
    /// Whether it is there; the place is free where not.
    live: bool,
    /// Whether it was said more than once.
    again: bool,
    /// The flow that said it last.
    flow: u64,
    changed: bool,
}

impl Entry {
    fn who(&self) -> Who {
        (Host::from(&self.claim.subject), self.claim.vlan)
    }

    /// The observation, whose counts are told by it.
    fn tell(&mut self) -> Claim {
        self.changed = false;
        let told = self.claim.clone();
        (self.claim.count, self.claim.flow_count) = (0, 0);
        told
    }
}

/// All distinct claims.
#[derive(Debug)]
pub struct Claims {
    entries: Vec<Entry>,
    free: Vec<u32>,
    by_key: HashMap<Key, u32>,
    said: HashMap<Topic, Said>,
    /// How many there are about each.
    of_subject: HashMap<Who, usize>,
    changed: Vec<u32>,
    /// What of those that have left was not told yet.
    gone: Vec<Claim>,
    most: usize,
    most_per_subject: usize,
    /// How many there ever were.
    pub made: u64,
    /// How many have left to make room.
    pub evicted_count: u64,
}

impl Claims {
    /// None yet.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            entries: Vec::new(),
            free: Vec::new(),
            by_key: HashMap::new(),
            said: HashMap::new(),
            of_subject: HashMap::new(),
            changed: Vec::new(),
            gone: Vec::new(),
            most: limits.claims,
            most_per_subject: share(limits.claims, limits.flows_per_source_percent),
            made: 0,
            evicted_count: 0,
        }
    }

    /// Notes a claim; the observation where it is new, or where it is said again
    /// instead of another: that something changed is not left to the next flush.
    pub fn note(
        &mut self,
        facts: &FlowFacts,
        claim: &sink::Claim,
        origin: Origin,
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
            (entry.flow, entry.again) = (facts.id, true);
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
            return leaves.then(|| self.entries.get_mut(slot as usize).map(Entry::tell))?;
        }
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
        let slot = self.make(claim, facts.id)?;
        self.by_key.insert(key, slot);
        self.say(topic, slot, true);
        self.entries.get_mut(slot as usize).map(Entry::tell)
    }

    #[cold]
    fn make(&mut self, claim: Claim, flow: u64) -> Option<u32> {
        if self.entries.len().saturating_sub(self.free.len()) >= self.most {
            self.make_room(None);
        }
        let number = self.made;
        let entry = Entry { claim, number, live: true, again: false, flow, changed: false };
        let who = entry.who();
        if self.of_subject.get(&who).is_some_and(|count| *count >= self.most_per_subject) {
            self.make_room(Some(who));
        }
        let slot = slots::put(&mut self.entries, &mut self.free, entry)?;
        let count = self.of_subject.entry(who).or_default();
        *count = count.saturating_add(1);
        self.made = self.made.saturating_add(1);
        Some(slot)
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
        let changed = std::mem::take(&mut self.changed);
        let observation = |slot: u32| {
            let entry = self.entries.get_mut(slot as usize)?;
            // One that was told early is there more than once.
            entry.changed.then(|| (entry.number, entry.tell()))
        };
        let mut all: Vec<_> = changed.into_iter().filter_map(observation).collect();
        all.sort_unstable_by_key(|(number, _)| *number);
        all.into_iter().map(|(_, claim)| claim).collect()
    }
}

#[cfg(test)]
mod tests {
    use dissectors::dissector::{FrameId, Transport};

    use super::*;
    use crate::observation::Endpoint;

    fn flow(sender: u8) -> FlowFacts {
        let end = Endpoint { mac: None, ip: Some([10, 0, 0, sender].into()), port: 502 };
        FlowFacts {
            id: 1,
            client: end,
            server: end,
            vlan: None,
            interface: 0,
            transport: Transport::Udp,
            protocol: None,
            identified_by: None,
            confidence: 0,
            frame: FrameId { file: 0, number: 1 },
        }
    }

    #[test]
    fn no_table_grows_past_its_bound() {
        let mut claims = Claims::new(&Limits { claims: 64, ..Limits::default() });
        for time_ns in 0..10_000 {
            let sender = u8::try_from(time_ns % 200).unwrap_or_default();
            let claim = sink::Claim {
                subject: Subject::Unit(u32::try_from(time_ns % 7).unwrap_or_default()),
                attribute: Attribute::Serial,
                value: format!("{}", time_ns % 977).into(),
                source: "identity",
                confidence: 95,
            };
            let protocol = ProtocolId::Modbus;
            let frame = FrameId { file: 0, number: 1 };
            claims.note(
                &flow(sender),
                &claim,
                Origin { protocol, from_client: true, frame, time_ns },
            );
        }
        let tables =
            [claims.entries.len(), claims.by_key.len(), claims.said.len(), claims.of_subject.len()];

        assert!(tables.iter().all(|count| *count <= 64), "{tables:?}");
        assert!(claims.changed.len() <= 2 * 64);
    }
}
