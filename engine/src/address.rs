//! Which hardware and IP addresses send together.

use std::collections::HashMap;
use std::net::IpAddr;

use dissectors::dissector::FrameId;

use crate::limits::Limits;
use crate::observation::Address;
use crate::packet::Mac;

type Key = (Mac, Option<IpAddr>, Option<u16>);

#[derive(Debug)]
struct Entry {
    address: Address,
    changed: bool,
}

/// A sender's addresses in one frame.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// Hardware address.
    pub mac: Mac,
    /// Network address.
    pub ip: Option<IpAddr>,
    /// Outermost VLAN id.
    pub vlan: Option<u16>,
    /// Time to live; 0 where there is none.
    pub ttl: u8,
    /// Whether ARP said so.
    pub arp: bool,
    /// The frame.
    pub frame: FrameId,
    /// Packet time.
    pub time_ns: i64,
}

/// All pairs of addresses, in order of first sight.
#[derive(Debug)]
pub struct Addresses {
    entries: Vec<Entry>,
    by_key: HashMap<Key, u32>,
    changed: Vec<u32>,
    most: usize,
    /// Pairs that were not kept.
    pub overflow_count: u64,
}

impl Addresses {
    /// None yet.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            entries: Vec::new(),
            by_key: HashMap::new(),
            changed: Vec::new(),
            most: limits.addresses,
            overflow_count: 0,
        }
    }

    /// Notes a sender; the observation where the pair is new.
    pub fn note(&mut self, seen: &Seen) -> Option<Address> {
        let key = (seen.mac, seen.ip, seen.vlan);
        if let Some(slot) = self.by_key.get(&key).copied() {
            self.change(slot, |own| {
                own.first_seen_ns = own.first_seen_ns.min(seen.time_ns);
                own.last_seen_ns = own.last_seen_ns.max(seen.time_ns);
                own.packets = own.packets.saturating_add(seen.arp.into());
                own.arp |= seen.arp;
                own.ttl = own.ttl.max(seen.ttl);
            });
            return None;
        }
        if self.entries.len() >= self.most {
            self.overflow_count = self.overflow_count.saturating_add(1);
            return None;
        }
        let slot = u32::try_from(self.entries.len()).ok()?;
        let address = Address {
            sequence: 0,
            mac: seen.mac,
            ip: seen.ip,
            vlan: seen.vlan,
            packets: seen.arp.into(),
            first_seen_ns: seen.time_ns,
            last_seen_ns: seen.time_ns,
            arp: seen.arp,
            ttl: seen.ttl,
            frame: seen.frame,
        };
        self.entries.push(Entry { address: address.clone(), changed: false });
        self.by_key.insert(key, slot);
        Some(address)
    }

    /// Adds the packets that a known pair sent in a flow.
    pub fn add_packets(&mut self, key: Key, packets: u64, last_seen_ns: i64) {
        if packets > 0
            && let Some(slot) = self.by_key.get(&key).copied()
        {
            self.change(slot, |own| {
                own.packets = own.packets.saturating_add(packets);
                own.last_seen_ns = own.last_seen_ns.max(last_seen_ns);
            });
        }
    }

    /// The observations of all that changed, in order of first sight.
    pub fn take_changed(&mut self) -> Vec<Address> {
        let mut changed = std::mem::take(&mut self.changed);
        changed.sort_unstable();
        let observation = |slot: u32| {
            let entry = self.entries.get_mut(slot as usize)?;
            entry.changed = false;
            Some(entry.address.clone())
        };
        changed.into_iter().filter_map(observation).collect()
    }

    fn change(&mut self, slot: u32, change: impl FnOnce(&mut Address)) {
        let Some(entry) = self.entries.get_mut(slot as usize) else { return };
        change(&mut entry.address);
        if !entry.changed {
            entry.changed = true;
            self.changed.push(slot);
        }
    }
}
