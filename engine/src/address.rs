//! Which hardware and IP addresses send together.

use std::collections::HashMap;
use std::net::IpAddr;

use dissectors::dissector::FrameId;

use crate::conversation::Host;
use crate::limits::Limits;
use crate::observation::Address;
use crate::packet::Mac;

type Key = (Option<Mac>, Option<IpAddr>, Option<u16>);

/// Times that a pair leaves at once because its IP had been another's.
const TOLD_AGAIN: u8 = 32;

#[derive(Debug)]
struct Entry {
    address: Address,
    changed: bool,
    told_again: u8,
}

/// A sender's addresses in one frame.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// Hardware address.
    pub mac: Option<Mac>,
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
    /// Of each IP on a segment the pair that sent last.
    holders: HashMap<(IpAddr, Option<u16>), u32>,
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
            holders: HashMap::new(),
            changed: Vec::new(),
            most: limits.addresses,
            overflow_count: 0,
        }
    }

    /// Notes a sender; the observation where the pair is new, or where its IP had
    /// been with another hardware address meanwhile.
    pub fn note(&mut self, seen: &Seen) -> Option<Address> {
        let key = (seen.mac, seen.ip, seen.vlan);
        if let Some(slot) = self.by_key.get(&key).copied() {
            self.change(slot, |own| {
                own.first_seen_ns = own.first_seen_ns.min(seen.time_ns);
                own.last_seen_ns = own.last_seen_ns.max(seen.time_ns);
                own.packets = own.packets.saturating_add(seen.arp.into());
                own.arp |= seen.arp;
                own.ttl = own.ttl.max(seen.ttl);
                own.last_frame = seen.frame;
            });
            return self.taken_back(seen, slot);
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
            last_frame: seen.frame,
        };
        self.entries.push(Entry { address: address.clone(), changed: false, told_again: 0 });
        self.by_key.insert(key, slot);
        if let Some(ip) = seen.ip {
            self.holders.insert((ip, seen.vlan), slot);
        }
        Some(address)
    }

    fn taken_back(&mut self, seen: &Seen, slot: u32) -> Option<Address> {
        let holder = self.holders.get_mut(&(seen.ip?, seen.vlan))?;
        if *holder == slot {
            return None;
        }
        *holder = slot;
        let entry = self.entries.get_mut(slot as usize)?;
        entry.told_again = entry.told_again.saturating_add(1);
        (entry.told_again <= TOLD_AGAIN).then(|| entry.address.clone())
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

    /// When the hosts in `seen` last sent a frame that belonged to no flow.
    pub fn add_last_seen(&self, seen: &mut HashMap<Host, i64>) {
        for Entry { address, .. } in &self.entries {
            let host = match (address.ip, address.mac) {
                (Some(ip), _) => Host::Ip(ip),
                (None, Some(mac)) => Host::Mac(mac),
                (None, None) => continue,
            };
            if let Some(last_ns) = seen.get_mut(&host) {
                *last_ns = (*last_ns).max(address.last_seen_ns);
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(host: u8, frame: u64) -> Seen {
        Seen {
            mac: Some([0, 0, 0, 0, 0, host]),
            ip: Some(IpAddr::from([10, 0, 0, 1])),
            vlan: None,
            ttl: 64,
            arp: true,
            frame: FrameId { file: 0, number: frame },
            time_ns: 0,
        }
    }

    #[test]
    fn a_pair_whose_ip_was_with_another_leaves_again() {
        let mut addresses = Addresses::new(&Limits::default());
        let left: Vec<bool> = [1, 2, 2, 1, 1, 2]
            .into_iter()
            .zip(1..)
            .map(|(host, frame)| addresses.note(&seen(host, frame)).is_some())
            .collect();

        assert_eq!(left, [true, true, false, true, false, true]);
    }

    #[test]
    fn two_devices_that_fight_for_an_ip_do_not_fill_the_batch() {
        let mut addresses = Addresses::new(&Limits::default());
        let left = (0_u8..200).filter(|turn| addresses.note(&seen(turn % 2, 1)).is_some()).count();

        assert_eq!(left, 2 + 2 * usize::from(TOLD_AGAIN));
    }
}
