//! Who does what to whom, again and again: repetition becomes counts.
//!
//! A behaviour is found by its key: conversation, protocol, role, unit,
//! operation, class, target and status. Reads have the object type as target and
//! keep the addresses as intervals; everything else has the exact object.
//! Transaction ids, times, values and ephemeral ports are never part of a key.
//!
//! The usual PDU repeats one of the last few of its flow, so its slot stands in
//! the flow's memo: no hash table is asked and nothing is allocated.

mod entry;
mod index;
mod key;
mod overflow;
mod recurrence;
mod rhythm;
mod room;

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use dissectors::anomaly::Anomalies;
use dissectors::dissector::FrameId;
use dissectors::pdu::Role;
use dissectors::target::Target;
use dissectors::value::Value;

use self::entry::Entry;
use self::index::Index;
pub use self::key::{Key, TargetRef};
use self::overflow::{Counts, Overflow};
pub use self::recurrence::digest;
use self::rhythm::{News, Rhythms};
use crate::conversation::{Conversations, share};
use crate::counters::Counters;
use crate::limits::Limits;
use crate::observation::{Behaviour, FlowFacts, Rhythm};

/// Occurrences of a PDU of unknown role after which it is news.
const UNKNOWN_ROLE_COUNT: u64 = 3;
/// Behaviour slots remembered per flow.
pub const REMEMBERED: usize = 8;

/// One occurrence of a behaviour.
#[derive(Clone, Copy, Debug)]
pub struct Occurrence<'a> {
    /// What it is.
    pub key: Key<'a>,
    /// What it addresses, whole.
    pub target: Option<&'a Target>,
    /// Function code.
    pub code: u16,
    /// Its flow.
    pub flow: &'a Arc<FlowFacts>,
    /// The frame that showed it.
    pub frame: FrameId,
    /// Packet time.
    pub time_ns: i64,
    /// Whether there was an answer, and after how long.
    pub answered: bool,
    /// Time to the answer.
    pub latency_ns: Option<i64>,
    /// What it carried.
    pub values: &'a [Value],
    /// Departures from the specification.
    pub anomalies: Anomalies,
    /// Number of the exchange: parts of one count once.
    pub exchange: u64,
    /// Whether it is sent when something happens, and not in a rhythm.
    pub spontaneous: bool,
}

/// What became of an occurrence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noted {
    /// Slot of the behaviour.
    pub slot: u32,
    /// Its number in the run.
    pub number: u64,
    /// Whether the behaviour should leave now because it is new.
    pub news: bool,
    /// Whether it was never seen before, in earlier runs neither.
    pub first: bool,
    /// Whether it is a cyclic write that carried nothing unusual.
    pub settled: bool,
    /// Whether it carried other values than the last time at the same place.
    pub changed: bool,
}

impl Noted {
    /// What became of an exchange of which both are parts.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            first: self.first || other.first,
            settled: self.settled && other.settled,
            changed: self.changed || other.changed,
            ..self
        }
    }
}

/// All behaviours.
#[derive(Debug)]
pub struct Behaviours {
    entries: Vec<Entry>,
    /// How many behaviours and overflow rows there were so far.
    numbers: u64,
    free: Vec<u32>,
    index: Index,
    /// Slots on probation of all sources, oldest first, with their generation.
    probation: VecDeque<(u32, u32)>,
    overflow: Overflow,
    changed: Vec<u32>,
    limits: Limits,
    most_per_source: usize,
    /// What an eviction made leave.
    evicted: Vec<Behaviour>,
    /// The ids of those that an earlier run had.
    known: HashSet<u128>,
    /// Whether new addresses of a known behaviour are news.
    tells_growth: bool,
    /// Kept where somebody asks.
    rhythms: Option<Box<Rhythms>>,
}

impl Behaviours {
    /// None yet.
    pub fn new(limits: &Limits, rhythm: bool, ranges: bool) -> Self {
        let most_per_source = share(limits.behaviours, limits.behaviours_per_source_percent);
        Self {
            entries: Vec::new(),
            numbers: 0,
            free: Vec::new(),
            index: Index::default(),
            probation: VecDeque::new(),
            overflow: Overflow::new(most_per_source),
            changed: Vec::new(),
            limits: limits.clone(),
            most_per_source,
            evicted: Vec::new(),
            known: HashSet::new(),
            rhythms: rhythm.then(|| Box::new(Rhythms::new(limits.rhythms))),
            tells_growth: ranges,
        }
    }

    /// Counts an occurrence, of which `recent` is its flow's memory. None where
    /// it went into an overflow row.
    #[inline]
    pub fn note(
        &mut self,
        occurrence: &Occurrence<'_>,
        recent: &mut [u32; REMEMBERED],
        conversations: &mut Conversations,
        source: u32,
        now_ns: i64,
        counters: &mut Counters,
    ) -> Option<Noted> {
        let digest = occurrence.key.digest();
        let place = recent.get_mut((digest >> 61) as usize);
        let remembered = place.as_ref().and_then(|slot| slot.checked_sub(1));
        let slot = match remembered.filter(|slot| self.is(*slot, digest, &occurrence.key)) {
            Some(slot) => slot,
            None => {
                let found = self.find_or_make(occurrence, digest, conversations, source, counters);
                let Some(slot) = found else {
                    self.count_overflow(occurrence, counters);
                    return None;
                };
                if let Some(place) = place {
                    *place = slot.saturating_add(1);
                }
                slot
            }
        };
        let entry = self.entries.get_mut(slot as usize)?;
        let (number, before) = (entry.number, entry.count);
        let first = before == 0 && !entry.known;
        let (settled, changed) = entry.count(occurrence, &self.limits);
        if let Some(rhythms) = &mut self.rhythms {
            entry.beat(slot, occurrence, rhythms);
        }
        if !entry.changed {
            entry.changed = true;
            self.changed.push(slot);
        }
        if !entry.protected && entry.is_protected() {
            entry.protected = true;
        }
        let due = if entry.role == Role::Unknown { UNKNOWN_ROLE_COUNT } else { 1 };
        let mut news = entry.emitted_count.is_none() && before != entry.count && entry.count == due;
        let grown = std::mem::take(&mut entry.grown);
        news |= grown && self.tells_growth && entry.emitted_count.is_some();
        if news
            && !entry.known
            && let Some(source) = conversations.source_mut(source)
            && !source.new_behaviours.take(now_ns, self.limits.new_behaviours)
        {
            counters.suppressed_behaviours = counters.suppressed_behaviours.saturating_add(1);
            news = false;
        }
        Some(Noted { slot, number, news, first, settled, changed })
    }

    /// Learns that an earlier run had a behaviour.
    pub fn know(&mut self, id: u128) {
        if self.known.len() < self.limits.behaviours {
            self.known.insert(id);
        }
    }

    /// Learns the period and the deviation that a rhythm had in an earlier run.
    pub fn know_rhythm(&mut self, id: u128, period_ns: f64, deviation_ns: f64) {
        if let Some(rhythms) = &mut self.rhythms {
            rhythms.know(id, period_ns, deviation_ns);
        }
    }

    /// Lets time pass; see [`Rhythms::tick`].
    pub fn tick(
        &mut self,
        now_ns: i64,
        lag_ns: impl Fn(&FlowFacts) -> i64,
        seen_since_ns: impl Fn(u32) -> i64,
    ) {
        if let Some(rhythms) = &mut self.rhythms {
            let entries = &self.entries;
            let lag_ns = |slot: u32| entries.get(slot as usize).map_or(0, |own| lag_ns(&own.flow));
            rhythms.tick(now_ns, lag_ns, seen_since_ns);
        }
    }

    /// Whether something happened to a rhythm.
    #[inline]
    #[must_use]
    pub fn has_rhythm_news(&self) -> bool {
        self.rhythms.as_ref().is_some_and(|rhythms| rhythms.has_news())
    }

    /// What happened to rhythms since the last time.
    pub fn take_rhythm_news(&mut self) -> Vec<Rhythm> {
        let Some(rhythms) = &mut self.rhythms else { return Vec::new() };
        let news = rhythms.take_news();
        let observation = |news: News| {
            let facts = rhythms.facts(news.slot)?;
            let entry = self.entries.get(facts.behaviour as usize)?;
            Some(entry.rhythm(&news, &facts))
        };
        news.into_iter().filter_map(observation).collect()
    }

    /// Places without a rhythm for want of room.
    #[must_use]
    pub fn rhythm_overflow(&self) -> u64 {
        self.rhythms.as_ref().map_or(0, |rhythms| rhythms.overflow_count)
    }

    /// Whether one more failed read of a behaviour may leave.
    pub fn may_send_failure(&mut self, slot: u32, now_ns: i64) -> bool {
        let rate = self.limits.failed_reads;
        self.entries.get_mut(slot as usize).is_some_and(|entry| entry.failures.take(now_ns, rate))
    }

    /// Whether one more unanswered read of a behaviour may leave: the first few,
    /// and then each time their count has doubled.
    #[must_use]
    pub fn may_send_unanswered(&self, slot: u32) -> bool {
        self.entries.get(slot as usize).is_some_and(|entry| {
            entry.count <= self.limits.unanswered_reads || entry.count.is_power_of_two()
        })
    }

    /// The observation of a behaviour now.
    pub fn observation(&mut self, slot: u32) -> Option<Behaviour> {
        self.entries.get_mut(slot as usize).map(Entry::observation)
    }

    /// What had to leave because its slot was taken.
    #[inline]
    pub fn take_evicted(&mut self) -> Vec<Behaviour> {
        std::mem::take(&mut self.evicted)
    }

    /// The slots of all that changed, in order.
    pub fn take_changed(&mut self) -> Vec<u32> {
        let mut changed = std::mem::take(&mut self.changed);
        changed.sort_unstable();
        changed
    }

    /// The observation of a slot that changed; none where its count has left.
    pub fn changed_observation(&mut self, slot: u32) -> Option<Behaviour> {
        let entry = self.entries.get_mut(slot as usize)?;
        let changed = std::mem::take(&mut entry.changed);
        let leaves = changed && entry.live && entry.emitted_count != Some(entry.count);
        leaves.then(|| entry.observation())
    }

    /// The observations of the overflow rows that changed.
    pub fn take_changed_overflow(&mut self) -> Vec<Behaviour> {
        self.overflow.take_changed()
    }

    #[inline]
    fn is(&self, slot: u32, digest: u64, key: &Key<'_>) -> bool {
        self.entries
            .get(slot as usize)
            .is_some_and(|entry| entry.digest == digest && entry.live && entry.key() == *key)
    }

    /// Counts an occurrence without a place of its own.
    #[cold]
    fn count_overflow(&mut self, occurrence: &Occurrence<'_>, counters: &mut Counters) {
        counters.behaviours_overflow = counters.behaviours_overflow.saturating_add(1);
        let counts = Counts {
            flow: Arc::clone(occurrence.flow),
            frame: occurrence.frame,
            code: occurrence.code,
            count: 1,
            first_seen_ns: occurrence.time_ns,
            last_seen_ns: occurrence.time_ns,
            answered: occurrence.answered,
            anomalies: occurrence.anomalies,
        };
        self.overflow.add(&occurrence.key, counts, &mut self.numbers);
    }
}
