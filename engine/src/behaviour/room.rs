//! Places for behaviours: one is found, made, or taken from another.

use std::collections::HashSet;
use std::sync::Arc;

use super::entry::Entry;
use super::key::identity;
use super::overflow::Counts;
use super::{Behaviours, Occurrence};
use crate::conversation::Conversations;
use crate::counters::Counters;

impl Behaviours {
    #[cold]
    #[inline(never)]
    pub(super) fn find_or_make(
        &mut self,
        occurrence: &Occurrence<'_>,
        digest: u64,
        conversations: &mut Conversations,
        source: u32,
        counters: &mut Counters,
    ) -> Option<u32> {
        let is = |slot| self.is(slot, digest, &occurrence.key);
        let hash = self.index.hash(&occurrence.key);
        if let Some(slot) = self.index.find(hash, is) {
            return Some(slot);
        }
        self.make_room(conversations, source, counters)?;
        let mut entry = Entry::new(occurrence, digest, source);
        self.numbers = self.numbers.saturating_add(1);
        entry.number = self.numbers;
        entry.id =
            identity(&occurrence.key, entry.target.text().as_deref(), occurrence.flow, false);
        entry.known = self.known.contains(&entry.id);
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => u32::try_from(self.entries.len()).ok()?,
        };
        match self.entries.get_mut(slot as usize) {
            Some(old) => {
                entry.generation = old.generation.wrapping_add(1);
                *old = entry;
            }
            None => self.entries.push(entry),
        }
        let generation = self.entries.get(slot as usize).map_or(0, |entry| entry.generation);
        self.index.insert(hash, slot);
        self.probation.push_back((slot, generation));
        if let Some(source) = conversations.source_mut(source) {
            source.behaviours = source.behaviours.saturating_add(1);
            source.probation.push_back((slot, generation));
        }
        counters.behaviours = counters.behaviours.saturating_add(1);
        Some(slot)
    }

    /// Makes room for one more of `source`: first its own on probation go, then
    /// any on probation; those that last never go for a new one.
    fn make_room(
        &mut self,
        conversations: &mut Conversations,
        source: u32,
        counters: &mut Counters,
    ) -> Option<()> {
        let held = conversations.source_mut(source)?;
        let used = self.entries.len().saturating_sub(self.free.len());
        let full = used >= self.limits.behaviours;
        if !full && held.behaviours < self.most_per_source {
            return Some(());
        }
        let mut victim = None;
        while let Some((slot, generation)) = held.probation.pop_front() {
            if self.on_probation(slot, generation) {
                victim = Some(slot);
                break;
            }
        }
        if victim.is_none() && held.behaviours < self.most_per_source {
            while let Some((slot, generation)) = self.probation.pop_front() {
                if self.on_probation(slot, generation) {
                    victim = Some(slot);
                    break;
                }
            }
        }
        self.evict(victim?, conversations, counters);
        // Slots taken through a source's own list stay in the common one for a while.
        if self.probation.len() > self.limits.behaviours.saturating_mul(2) {
            let mut probation = std::mem::take(&mut self.probation);
            probation.retain(|(slot, generation)| self.on_probation(*slot, *generation));
            self.probation = probation;
        }
        Some(())
    }

    /// Lets the behaviours of conversations go that have left. Lasting ones stay known.
    pub fn let_go(
        &mut self,
        gone: &HashSet<u32>,
        conversations: &mut Conversations,
        counters: &mut Counters,
    ) {
        for slot in 0..u32::try_from(self.entries.len()).unwrap_or(u32::MAX) {
            let Some(entry) = self.entries.get(slot as usize) else { return };
            if entry.live && gone.contains(&entry.key().conversation) {
                if entry.protected {
                    self.know(entry.id);
                }
                self.evict(slot, conversations, counters);
            }
        }
    }

    fn on_probation(&self, slot: u32, generation: u32) -> bool {
        self.entries
            .get(slot as usize)
            .is_some_and(|entry| entry.live && entry.generation == generation && !entry.protected)
    }

    fn evict(&mut self, slot: u32, conversations: &mut Conversations, counters: &mut Counters) {
        let Some(entry) = self.entries.get_mut(slot as usize) else { return };
        entry.live = false;
        if let Some(rhythms) = &mut self.rhythms {
            entry.groups.rhythms().for_each(|link| rhythms.release(link, slot));
        }
        self.index.remove(&entry.key(), slot);
        self.free.push(slot);
        counters.behaviours_evicted = counters.behaviours_evicted.saturating_add(1);
        if let Some(source) = conversations.source_mut(entry.source) {
            source.behaviours = source.behaviours.saturating_sub(1);
        }
        if entry.emitted_count.is_some() {
            // Python has a row for it: that row gets its last counts.
            if entry.changed {
                let last = entry.observation();
                self.evicted.push(last);
            }
            return;
        }
        counters.behaviours_overflow = counters.behaviours_overflow.saturating_add(entry.count);
        let counts = Counts {
            flow: Arc::clone(&entry.flow),
            frame: entry.frame,
            code: entry.code,
            count: entry.count,
            first_seen_ns: entry.first_seen_ns,
            last_seen_ns: entry.last_seen_ns,
            answered: entry.answered,
            anomalies: entry.anomalies,
        };
        self.overflow.add(&entry.key(), counts, &mut self.numbers);
    }
}
