//! What frames and PDUs say about an asset, without the repeats.

use std::collections::HashMap;

use dissectors::registry::ProtocolId;
use dissectors::sink::{self, Attribute, Subject};

use crate::conversation::Host;
use crate::counters::Counters;
use crate::limits::Limits;
use crate::observation::{Claim, FlowFacts};
use crate::observer::Origin;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    subject: Host,
    vlan: Option<u16>,
    unit: Option<u32>,
    protocol: ProtocolId,
    attribute: Attribute,
    value: Box<str>,
}

#[derive(Debug)]
struct Entry {
    claim: Claim,
    changed: bool,
}

/// All distinct claims, in order of first sight.
#[derive(Debug)]
pub struct Claims {
    entries: Vec<Entry>,
    by_key: HashMap<Key, u32>,
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
            changed: Vec::new(),
            most: limits.claims,
        }
    }

    /// Notes a claim; the observation where it is new.
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
        if let Some(slot) = self.by_key.get(&key).copied() {
            let entry = self.entries.get_mut(slot as usize)?;
            entry.claim.count = entry.claim.count.saturating_add(1);
            if claim.confidence > entry.claim.confidence {
                entry.claim.confidence = claim.confidence;
                entry.claim.source = claim.source;
            }
            if !entry.changed {
                entry.changed = true;
                self.changed.push(slot);
            }
            return None;
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
            time_ns: origin.time_ns,
            frame: origin.frame,
        };
        self.entries.push(Entry { claim: claim.clone(), changed: false });
        self.by_key.insert(key, slot);
        counters.claims = counters.claims.saturating_add(1);
        Some(claim)
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
