//! Room for new pairs of addresses: those that were silent longest leave.
//!
//! Whoever makes up addresses sends once from each. So what was seen once leaves before
//! what was there for a while, and what talked in an industrial protocol leaves last.

use std::collections::HashMap;

use super::{Addresses, Entry, Key};
use crate::conversation::{Conversations, Standing};
use crate::observation::Address;
use crate::packet::Mac;
use crate::slots;

/// Frames, and the time between the first and the last, from which a pair is there.
const FRAMES: u64 = 3;
const FRAMES_NS: i64 = 10_000_000_000;

impl Addresses {
    /// The last of those that have left since the last time, in order of first sight.
    pub fn take_gone(&mut self) -> Vec<Address> {
        std::mem::take(&mut self.gone)
    }

    /// Whether a pair has left that may still send in a flow; none comes back after the end.
    pub fn has_left(&self, key: &Key) -> bool {
        !self.ended && self.left.contains(key)
    }

    /// The input has ended: for what there is no room, nothing makes room any more.
    pub const fn end(&mut self) {
        self.ended = true;
    }

    /// Makes room for more pairs of a hardware address, or of any; none after the end.
    pub(super) fn make_room(
        &mut self,
        mac: Option<Mac>,
        conversations: &Conversations,
    ) -> Option<()> {
        if self.ended {
            return None;
        }
        let most = if mac.is_some() { self.most_per_mac } else { self.most };
        let talks = conversations.standings();
        let all = (0u32..)
            .zip(&self.entries)
            .filter(|(_, own)| own.live && (mac.is_none() || own.address.mac == mac))
            .map(|(slot, own)| (rank(own, &talks), (own.number, slot)));
        for ((standing, _), (_, slot)) in slots::leaving(all, most) {
            self.let_go(slot, standing);
        }
        let entries = &self.entries;
        let stays = |slot: u32| entries.get(slot as usize).is_some_and(|own| own.live);
        self.by_key.retain(|_, slot| stays(*slot));
        self.holders.retain(|_, slot| stays(*slot));
        self.of_mac.retain(|_, count| *count > 0);
        self.changed.retain(|slot| stays(*slot));
        Some(())
    }

    fn let_go(&mut self, slot: u32, standing: Standing) {
        let Some(entry) = self.entries.get_mut(slot as usize) else { return };
        (entry.live, entry.changed) = (false, false);
        if let Some(count) = entry.address.mac.and_then(|mac| self.of_mac.get_mut(&mac)) {
            *count = count.saturating_sub(1);
        }
        if standing > Standing::Once && self.left.len() < self.most {
            self.left.insert((entry.address.mac, entry.address.ip, entry.address.vlan));
        }
        self.gone.push(Address { left: true, ..entry.address.clone() });
        self.free.push(slot);
        self.evicted_count = self.evicted_count.saturating_add(1);
    }
}

/// What leaves first is the least.
fn rank(own: &Entry, talks: &HashMap<Key, (Standing, i64)>) -> (Standing, i64) {
    let address = &own.address;
    let span_ns = address.last_seen_ns.saturating_sub(address.first_seen_ns);
    let lasts = address.packets >= FRAMES && span_ns >= FRAMES_NS;
    let itself = if lasts { Standing::There } else { Standing::Once };
    match talks.get(&(address.mac, address.ip, address.vlan)) {
        Some((standing, last_ns)) => (itself.max(*standing), address.last_seen_ns.max(*last_ns)),
        None => (itself, address.last_seen_ns),
    }
}
