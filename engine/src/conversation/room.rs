//! Room for new conversations: those that were silent longest leave.
//!
//! A site's own conversations are few. What fills the table over months are scans and
//! traffic of offices, so what spoke no industrial protocol leaves before what did. What
//! was done in a conversation stays known: should it begin again, it goes on from there.

use std::collections::HashSet;

use super::source::Source;
use super::{Conversations, Place, key};
use crate::observation::Conversation;
use crate::slots;

/// Conversations that have left.
#[derive(Debug, Default)]
pub struct Gone {
    /// The numbers of those that had operations, and so behaviours.
    pub ids: HashSet<u32>,
    /// The last that there is to say of each, in order of first sight.
    pub last: Vec<Conversation>,
}

impl Conversations {
    /// Whether some have left.
    #[inline]
    #[must_use]
    pub const fn has_gone(&self) -> bool {
        !self.gone.last.is_empty()
    }

    /// Those that have left since the last time.
    pub fn take_gone(&mut self) -> Gone {
        std::mem::take(&mut self.gone)
    }

    /// The input has ended: all flows end at once, and for those that there is no room for
    /// nothing makes room any more.
    pub const fn end(&mut self) {
        self.ended = true;
    }

    /// Makes room for more conversations of a source, or of any; none after the end.
    pub(super) fn make_room(&mut self, source: Option<u32>) -> Option<()> {
        if self.ended {
            return None;
        }
        let most = if source.is_some() { self.most_per_source } else { self.most };
        let all = (0u32..)
            .zip(&self.entries)
            .filter(|(_, own)| source.is_none_or(|source| own.source == source))
            .filter_map(|(slot, own)| {
                Some(((own.pdus > 0, own.last_seen_ns), (own.number?, slot)))
            });
        for ((spoke, _), (number, slot)) in slots::leaving(all, most) {
            self.let_go(Place { slot, number }, spoke);
        }
        let entries = &self.entries;
        let stays = |slot: u32| entries.get(slot as usize).is_some_and(|own| own.number.is_some());
        self.by_key.retain(|_, slot| stays(*slot));
        let Self { sources, free_sources, .. } = self;
        self.by_client.retain(|_, slot| {
            let own = sources.get_mut(*slot as usize);
            // Its behaviours name it: it goes the next time, after them.
            let idle = own.filter(|own| own.conversations == 0 && own.behaviours == 0);
            if let Some(own) = idle {
                *own = Source::default();
                free_sources.push(*slot);
                return false;
            }
            true
        });
        Some(())
    }

    fn let_go(&mut self, place: Place, spoke: bool) {
        let Some(entry) = self.get_mut(place) else { return };
        let mut last = entry.observation(place);
        last.left = true;
        entry.number = None;
        let (source, history) = (entry.source, entry.history);
        let pair = key(&entry.flow, entry.protocol);
        if let Some(source) = self.sources.get_mut(source as usize) {
            source.conversations = source.conversations.saturating_sub(1);
        }
        if spoke {
            self.gone.ids.insert(place.id());
        }
        if let Some(protocol) = pair.protocol.filter(|_| history.first_seen_ns != i64::MIN) {
            let own = (pair.client, pair.server, pair.vlan, protocol);
            if self.known.len() < self.most || self.known.contains_key(&own) {
                self.known.insert(own, history);
            }
        }
        self.gone.last.push(last);
        self.free.push(place.slot);
        self.evicted_count = self.evicted_count.saturating_add(1);
    }
}
