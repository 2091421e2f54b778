//! Which hardware and IP addresses send together.
//! [`room`] says which of them leave where there are too many.

mod room;

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use dissectors::dissector::FrameId;

use crate::conversation::{Conversations, Host, share};
use crate::limits::Limits;
use crate::observation::Address;
use crate::packet::Mac;
use crate::slots;

/// Hardware address, network address, VLAN id.
pub type Key = (Option<Mac>, Option<IpAddr>, Option<u16>);

/// Times that a pair leaves at once because its IP had been another's.
const TOLD_AGAIN: u8 = 32;

#[derive(Debug)]
struct Entry {
    address: Address,
    /// Rises with every pair: the order of first sight.
    number: u64,
    /// Whether it is there; the place is free where not.
    live: bool,
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

/// All pairs of addresses.
#[derive(Debug)]
pub struct Addresses {
    entries: Vec<Entry>,
    free: Vec<u32>,
    by_key: HashMap<Key, u32>,
    /// Of each IP on a segment the pair that sent last.
    holders: HashMap<(IpAddr, Option<u16>), u32>,
    /// How many pairs each hardware address has.
    of_mac: HashMap<Mac, usize>,
    changed: Vec<u32>,
    /// The last of those that have left and were not asked for yet.
    gone: Vec<Address>,
    /// Of those that have left, who was more than seen: a flow of theirs may go on.
    left: HashSet<Key>,
    made: u64,
    /// Whether the input has ended, and nothing makes room any more.
    ended: bool,
    most: usize,
    most_per_mac: usize,
    /// Pairs that were not kept.
    pub overflow_count: u64,
    /// Pairs that have left to make room.
    pub evicted_count: u64,
}

impl Addresses {
    /// None yet.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            entries: Vec::new(),
            free: Vec::new(),
            by_key: HashMap::new(),
            holders: HashMap::new(),
            of_mac: HashMap::new(),
            changed: Vec::new(),
            gone: Vec::new(),
            left: HashSet::new(),
            made: 0,
            ended: false,
            most: limits.addresses,
            most_per_mac: share(limits.addresses, limits.flows_per_source_percent),
            overflow_count: 0,
            evicted_count: 0,
        }
    }

    /// Notes a sender; the observation where the pair is new, or where its IP had
    /// been with another hardware address meanwhile. Where there are too many, the
    /// conversations say whose pairs are worth the most.
    pub fn note(&mut self, seen: &Seen, conversations: &Conversations) -> Option<Address> {
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
        let made = self.make(key, seen, conversations);
        if made.is_none() {
            self.overflow_count = self.overflow_count.saturating_add(1);
        }
        made
    }

    #[cold]
    fn make(&mut self, key: Key, seen: &Seen, conversations: &Conversations) -> Option<Address> {
        if self.entries.len().saturating_sub(self.free.len()) >= self.most {
            self.make_room(None, conversations)?;
        }
        if let Some(mac) = seen.mac
            && self.of_mac.get(&mac).is_some_and(|count| *count >= self.most_per_mac)
        {
            self.make_room(Some(mac), conversations)?;
        }
        let address = Address {
            sequence: 0,
            left: false,
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
        self.made = self.made.saturating_add(1);
        let entry = Entry {
            address: address.clone(),
            number: self.made,
            live: true,
            changed: false,
            told_again: 0,
        };
        let slot = slots::put(&mut self.entries, &mut self.free, entry)?;
        self.by_key.insert(key, slot);
        self.left.remove(&key);
        if let Some(mac) = seen.mac {
            let count = self.of_mac.entry(mac).or_default();
            *count = count.saturating_add(1);
        }
        if let Some(ip) = seen.ip {
            self.holders.insert((ip, seen.vlan), slot);
        }
        Some(address)
    }

    fn taken_back(&mut self, seen: &Seen, slot: u32) -> Option<Address> {
        let holder = self.holders.entry((seen.ip?, seen.vlan)).or_insert(slot);
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
        if let Some(slot) = self.by_key.get(&key).copied() {
            self.change(slot, |own| {
                own.packets = own.packets.saturating_add(packets);
                own.last_seen_ns = own.last_seen_ns.max(last_seen_ns);
            });
        }
    }

    /// When the hosts in `seen` last sent a frame that belonged to no flow.
    pub fn add_last_seen(&self, seen: &mut HashMap<Host, i64>) {
        for Entry { address, .. } in self.entries.iter().filter(|own| own.live) {
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
        let changed = std::mem::take(&mut self.changed);
        let observation = |slot: u32| {
            let entry = self.entries.get_mut(slot as usize)?;
            // One that has left may be another by now.
            std::mem::take(&mut entry.changed).then(|| (entry.number, entry.address.clone()))
        };
        let mut all: Vec<_> = changed.into_iter().filter_map(observation).collect();
        all.sort_unstable_by_key(|(number, _)| *number);
        all.into_iter().map(|(_, address)| address).collect()
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
        let limits = Limits::default();
        let (mut addresses, none) = (Addresses::new(&limits), Conversations::new(&limits));
        let left: Vec<bool> = [1, 2, 2, 1, 1, 2]
            .into_iter()
            .zip(1..)
            .map(|(host, frame)| addresses.note(&seen(host, frame), &none).is_some())
            .collect();

        assert_eq!(left, [true, true, false, true, false, true]);
    }

    #[test]
    fn two_devices_that_fight_for_an_ip_do_not_fill_the_batch() {
        let limits = Limits::default();
        let (mut addresses, none) = (Addresses::new(&limits), Conversations::new(&limits));
        let left =
            (0_u8..200).filter(|turn| addresses.note(&seen(turn % 2, 1), &none).is_some()).count();

        assert_eq!(left, 2 + 2 * usize::from(TOLD_AGAIN));
    }
}
