//! Servers of protocols that were found on ports of their own choice.
//!
//! What one flow has shown of a server holds for the next flow to it: a known
//! server's port counts as the protocol's own. Short flows, of one exchange each,
//! add up to the two exchanges that a name away from the protocol's port takes.

use std::collections::{BTreeMap, HashMap};

use dissectors::registry::ProtocolId;

use crate::flow::ServerKey;

/// What is known of one server.
#[derive(Clone, Copy, Debug)]
struct Entry {
    protocol: ProtocolId,
    /// The client port of the one exchange that was seen, until a second makes
    /// the server known.
    seen_from: Option<u16>,
    /// When it was used last, in uses of the table.
    used: u64,
}

/// A bounded table of servers; the one that was not used for longest is forgotten.
#[derive(Debug)]
pub(crate) struct KnownServers {
    entries: HashMap<ServerKey, Entry>,
    /// The servers in the order of their last use.
    order: BTreeMap<u64, ServerKey>,
    uses: u64,
    limit: usize,
}

impl KnownServers {
    /// A table of at most `limit` servers.
    pub fn new(limit: usize) -> Self {
        Self { entries: HashMap::new(), order: BTreeMap::new(), uses: 0, limit }
    }

    /// Whether a server speaks a protocol, as earlier flows have shown.
    pub fn knows(&mut self, server: ServerKey, protocol: ProtocolId) -> bool {
        let known = self
            .entries
            .get(&server)
            .is_some_and(|entry| entry.protocol == protocol && entry.seen_from.is_none());
        if known {
            self.touch(server);
        }
        known
    }

    /// Takes note that a server speaks a protocol. Says whether another server
    /// had to be forgotten.
    pub fn learn(&mut self, server: ServerKey, protocol: ProtocolId) -> bool {
        self.put(server, protocol, None)
    }

    /// Takes note of a flow's only exchange. Says whether the server is known by it,
    /// and whether another one had to be forgotten.
    pub fn exchange(
        &mut self,
        server: ServerKey,
        protocol: ProtocolId,
        client_port: u16,
    ) -> (bool, bool) {
        match self.entries.get(&server) {
            Some(entry) if entry.protocol == protocol => match entry.seen_from {
                Some(port) if port == client_port => {
                    self.touch(server);
                    (false, false)
                }
                Some(_) | None => (true, self.learn(server, protocol)),
            },
            // A known server stays what it is until it breaks its protocol.
            Some(entry) if entry.seen_from.is_none() => (false, false),
            Some(_) | None => (false, self.put(server, protocol, Some(client_port))),
        }
    }

    /// Forgets that a server speaks a protocol: it does not any more.
    pub fn forget(&mut self, server: ServerKey, protocol: ProtocolId) {
        if self.entries.get(&server).is_some_and(|entry| entry.protocol == protocol)
            && let Some(entry) = self.entries.remove(&server)
        {
            self.order.remove(&entry.used);
        }
    }

    fn touch(&mut self, server: ServerKey) {
        let Some(entry) = self.entries.get_mut(&server) else { return };
        self.order.remove(&entry.used);
        self.uses = self.uses.saturating_add(1);
        entry.used = self.uses;
        self.order.insert(self.uses, server);
    }

    fn put(&mut self, server: ServerKey, protocol: ProtocolId, seen_from: Option<u16>) -> bool {
        let new = !self.entries.contains_key(&server);
        let full = new && self.entries.len() >= self.limit;
        if full && let Some((_, oldest)) = self.order.pop_first() {
            self.entries.remove(&oldest);
        }
        let used = self.entries.get(&server).map_or(0, |entry| entry.used);
        self.entries.insert(server, Entry { protocol, seen_from, used });
        self.touch(server);
        full
    }
}
