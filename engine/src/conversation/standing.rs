//! What the conversations say of their ends: who only sent, and who is there.

use std::collections::HashMap;

use super::Conversations;
use super::entry::Entry;
use crate::address::Key;

/// PDUs, and the time between the first and the last, from which one speaks whom nobody answers.
const PDUS: u64 = 3;
const PDUS_NS: i64 = 10_000_000_000;

/// What is known of somebody, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Sent something.
    Once,
    /// Was answered, answered, or went on.
    There,
    /// The same in an industrial protocol.
    Speaks,
}

impl Conversations {
    /// The ends that are there, with the time of the last that they said.
    pub fn standings(&self) -> HashMap<Key, (Standing, i64)> {
        let mut found = HashMap::new();
        for own in self.entries.iter().filter(|own| own.number.is_some()) {
            let Some(standing) = own.standing() else { continue };
            for end in [&own.flow.client, &own.flow.server] {
                let key = (end.mac, end.ip, own.flow.vlan);
                let (known, last_ns) = found.entry(key).or_insert((standing, own.last_seen_ns));
                *known = (*known).max(standing);
                *last_ns = (*last_ns).max(own.last_seen_ns);
            }
        }
        found
    }
}

impl Entry {
    fn standing(&self) -> Option<Standing> {
        let span_ns = self.last_seen_ns.saturating_sub(self.first_seen_ns);
        let goes_on = self.pdus >= PDUS && span_ns >= PDUS_NS;
        if self.answered_count > 0 || goes_on {
            return Some(Standing::Speaks);
        }
        (self.client_packets > 0 && self.server_packets > 0).then_some(Standing::There)
    }
}
