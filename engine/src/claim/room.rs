//! Room for new claims: those that were not said for longest leave.
//!
//! Whoever makes up devices lets each of them say something once. So what was said once
//! leaves before what was said again. Whoever is told of a claim keeps it: one that was
//! let go and is said again is told once more, and counts on.

use super::{Claims, Who};
use crate::observation::Claim;
use crate::slots;

impl Claims {
    /// What those that have left since the last time had still to say, in order of first sight.
    pub fn take_gone(&mut self) -> Vec<Claim> {
        std::mem::take(&mut self.gone)
    }

    /// Makes room for more claims about somebody, or about anybody.
    pub(super) fn make_room(&mut self, who: Option<Who>) {
        let most = if who.is_some() { self.most_per_subject } else { self.most };
        let all = (0u32..)
            .zip(&self.entries)
            .filter(|(_, own)| own.live && who.is_none_or(|who| own.who() == who))
            .map(|(slot, own)| ((own.again, own.claim.last_seen_ns), (own.number, slot)));
        for (_, (_, slot)) in slots::leaving(all, most) {
            self.let_go(slot);
        }
        let entries = &self.entries;
        let stays = |slot: u32| entries.get(slot as usize).is_some_and(|own| own.live);
        self.by_key.retain(|_, slot| stays(*slot));
        self.said.retain(|_, said| stays(said.slot));
        self.of_subject.retain(|_, count| *count > 0);
        self.changed.retain(|slot| stays(*slot));
    }

    fn let_go(&mut self, slot: u32) {
        let Some(entry) = self.entries.get_mut(slot as usize) else { return };
        entry.live = false;
        if let Some(count) = self.of_subject.get_mut(&entry.who()) {
            *count = count.saturating_sub(1);
        }
        if std::mem::take(&mut entry.changed) {
            self.gone.push(entry.claim.clone());
        }
        self.free.push(slot);
        self.evicted_count = self.evicted_count.saturating_add(1);
    }
}
