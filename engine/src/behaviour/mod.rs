//! Who does what to whom, again and again: repetition becomes counts.
//!
//! A behaviour is found by its key: conversation, protocol, role, unit,
//! operation, class, target and status. Reads have the object type as target and
//! keep the addresses as intervals; everything else has the exact object.
//! Transaction ids, times, values and ephemeral ports are never part of a key.
//!
//! The usual PDU repeats one of the last few of its flow, so its slot stands in
//! the flow's memo: no hash table is asked and nothing is allocated.

mod index;
mod key;
mod overflow;
mod recurrence;
mod rhythm;

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use dissectors::anomaly::Anomalies;
use dissectors::dissector::FrameId;
use dissectors::operation::{Class, Operation};
use dissectors::pdu::{Role, Status};
use dissectors::registry::ProtocolId;
use dissectors::target::{Span, Target};
use dissectors::value::Value;

use self::index::Index;
pub use self::key::{Key, TargetRef};
use self::key::{TargetKey, identity};
use self::overflow::{Counts, Overflow};
use self::recurrence::{Groups, Intervals, ValueState};
use self::rhythm::{Beat, News, Rhythms, deadline_of};
use crate::conversation::{Conversations, share};
use crate::counters::Counters;
use crate::limits::Limits;
use crate::observation::{Behaviour, FlowFacts, Rhythm};
use crate::token_bucket::TokenBucket;

/// What an entry must last to be protected: seen three times, over two windows.
const PROTECTED_COUNT: u64 = 3;
const WINDOW_NS: i64 = 60 * 1_000_000_000;
/// Occurrences after which a write may count as settled.
const SETTLED_COUNT: u64 = 100;
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
    /// Whether it is a cyclic write that carried nothing unusual.
    pub settled: bool,
}

impl Noted {
    /// What became of an exchange of which both are parts.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self { settled: self.settled && other.settled, ..self }
    }
}

#[derive(Debug)]
struct Entry {
    conversation: u32,
    protocol: ProtocolId,
    role: Role,
    unit: Option<u32>,
    operation: Operation,
    class: Class,
    target: TargetKey,
    status: Status,
    digest: u64,
    number: u64,
    id: u128,
    source: u32,
    flow: Arc<FlowFacts>,
    frame: FrameId,
    /// The latest frame that showed addresses that were not read before.
    latest_frame: FrameId,
    /// Whether it has shown such since it was looked at last.
    grown: bool,
    code: u16,
    count: u64,
    answered: bool,
    first_seen_ns: i64,
    last_seen_ns: i64,
    latency_ns: f64,
    latency_count: u64,
    groups: Groups,
    intervals: Intervals,
    values: Option<Box<ValueState>>,
    anomalies: Anomalies,
    failures: TokenBucket,
    exchange: u64,
    generation: u32,
    live: bool,
    protected: bool,
    changed: bool,
    /// Whether an earlier run had it.
    known: bool,
    /// The count that left last; none before it left.
    emitted_count: Option<u64>,
}

impl Entry {
    #[inline]
    fn key(&self) -> Key<'_> {
        Key {
            conversation: self.conversation,
            protocol: self.protocol,
            role: self.role,
            unit: self.unit,
            operation: self.operation,
            class: self.class,
            target: self.target.as_ref(),
            status: self.status,
        }
    }

    fn new(occurrence: &Occurrence<'_>, digest: u64, source: u32) -> Self {
        let key = occurrence.key;
        Self {
            conversation: key.conversation,
            protocol: key.protocol,
            role: key.role,
            unit: key.unit,
            operation: key.operation,
            class: key.class,
            target: TargetKey::from(key.target),
            status: key.status,
            digest,
            number: 0,
            id: 0,
            source,
            flow: Arc::clone(occurrence.flow),
            frame: occurrence.frame,
            latest_frame: occurrence.frame,
            grown: false,
            code: occurrence.code,
            count: 0,
            answered: false,
            first_seen_ns: occurrence.time_ns,
            last_seen_ns: occurrence.time_ns,
            latency_ns: 0.0,
            latency_count: 0,
            groups: Groups::default(),
            intervals: Intervals::default(),
            values: None,
            anomalies: Anomalies::NONE,
            failures: TokenBucket::default(),
            exchange: 0,
            generation: 0,
            live: true,
            protected: false,
            changed: false,
            known: false,
            emitted_count: None,
        }
    }

    /// Counts an occurrence; whether it is a settled write.
    #[inline]
    fn count(&mut self, occurrence: &Occurrence<'_>, limits: &Limits) -> bool {
        let again = self.exchange == occurrence.exchange;
        if !again {
            self.exchange = occurrence.exchange;
            self.count = self.count.saturating_add(1);
            self.answered |= occurrence.answered;
            self.first_seen_ns = self.first_seen_ns.min(occurrence.time_ns);
            self.last_seen_ns = self.last_seen_ns.max(occurrence.time_ns);
            if let Some(latency) = occurrence.latency_ns {
                #[expect(clippy::cast_precision_loss, reason = "a mean of nanoseconds")]
                let latency = latency as f64;
                self.latency_ns += latency;
                self.latency_count = self.latency_count.saturating_add(1);
            }
        }
        self.anomalies.add_all(occurrence.anomalies);
        let range = self.range_of(occurrence);
        let group = self.groups.note(range, occurrence.time_ns, limits.request_groups);
        if let Some((first, last)) = range
            && group.new
            && self.intervals.add(first, last, limits.intervals)
        {
            self.latest_frame = occurrence.frame;
            self.grown = true;
        }
        let settles = self.class == Class::Write && self.count >= SETTLED_COUNT && group.steady;
        let writes = self.class == Class::Write;
        let usual = note_values(&mut self.values, occurrence.values, group.values, writes);
        settles && usual
    }

    #[inline]
    const fn is_protected(&self) -> bool {
        self.count >= PROTECTED_COUNT
            && self.last_seen_ns.div_euclid(WINDOW_NS) != self.first_seen_ns.div_euclid(WINDOW_NS)
    }

    /// Counts an occurrence in its rhythm. What answers an unseen request, or may
    /// be either, has none.
    #[inline(never)]
    fn beat(&mut self, slot: u32, occurrence: &Occurrence<'_>, rhythms: &mut Rhythms) {
        if !matches!(self.role, Role::Request | Role::Event) {
            return;
        }
        let range = self.range_of(occurrence);
        let Some((before, link)) = self.groups.rhythm_mut() else { return };
        let mut own = *link;
        let beat = Beat {
            key: &occurrence.key,
            behaviour: slot,
            range,
            before,
            time_ns: occurrence.time_ns,
            frame: occurrence.frame,
            interface: occurrence.flow.interface,
            spontaneous: occurrence.spontaneous,
        };
        rhythms.note(&mut own, &beat, || self.rhythm_id(range));
        if let Some((_, link)) = self.groups.rhythm_mut() {
            *link = own;
        }
    }

    /// The digest of the rhythm of one of its address ranges.
    fn rhythm_id(&self, range: Option<(u32, u32)>) -> u128 {
        let target = self.target.text();
        let place = match (range, target) {
            (Some((first, last)), Some(target)) => Some(format!("{target}:{first}-{last}")),
            (_, target) => target,
        };
        let key = Key { status: Status::None, ..self.key() };
        identity(&key, place.as_deref(), &self.flow, false)
    }

    /// The address range that its group is told by.
    fn range_of(&self, occurrence: &Occurrence<'_>) -> Option<(u32, u32)> {
        match self.target {
            TargetKey::Space(..) => occurrence.target.and_then(addresses),
            TargetKey::None | TargetKey::Exact(_) => None,
        }
    }

    /// The record of what happened to one of its rhythms.
    fn rhythm(&self, news: &News, facts: &rhythm::Facts) -> Rhythm {
        Rhythm {
            sequence: 0,
            kind: news.kind,
            id: self.rhythm_id(facts.range),
            flow: Arc::clone(&self.flow),
            behaviour: self.number,
            conversation: self.conversation.into(),
            protocol: self.protocol,
            role: self.role,
            operation: self.operation,
            class: self.class,
            unit: self.unit,
            target: self.target.text(),
            interval: facts.range,
            time_ns: news.time_ns,
            count: facts.count,
            last_seen_ns: news.last_seen_ns,
            frame: facts.frame,
            period_ns: news.period.map(|(period, _)| period.into()),
            deviation_ns: news.period.map(|(_, deviation)| deviation.into()),
            deadline_ns: deadline_of(news.period),
            observed_ns: news.observed_ns.map(f64::from),
            burst_count: news.burst.map(|(count, _)| count.into()),
            usual_count: news.burst.map(|(_, usual)| usual.into()),
            client_last_seen_ns: None,
            server_last_seen_ns: None,
            unanswered_count: 0,
        }
    }

    fn observation(&mut self) -> Behaviour {
        let new = self.emitted_count.replace(self.count).is_none() && !self.known;
        let period = self.groups.period();
        #[expect(clippy::cast_precision_loss, reason = "a mean of nanoseconds")]
        let latency = (self.latency_count > 0).then(|| self.latency_ns / self.latency_count as f64);
        Behaviour {
            sequence: 0,
            number: self.number,
            id: self.id,
            new,
            flow: Arc::clone(&self.flow),
            protocol: self.protocol,
            role: self.role,
            code: self.code,
            operation: self.operation,
            class: self.class,
            unit: self.unit,
            target: self.target.text(),
            intervals: self.intervals.to_vec(),
            status: self.status,
            answered: self.answered,
            count: self.count,
            first_seen_ns: self.first_seen_ns,
            last_seen_ns: self.last_seen_ns,
            period_ns: period.map(|(mean, _)| mean),
            period_deviation_ns: period.map(|(_, deviation)| deviation),
            latency_ns: latency,
            values: self.values.as_ref().map(|state| state.facts()),
            anomalies: self.anomalies,
            frame: self.frame,
            latest_frame: self.latest_frame,
            overflow: false,
        }
    }
}

/// Notes values, of which `before` is the digest at the same place; whether a
/// write carried none that are unusual.
#[inline]
fn note_values(
    state: &mut Option<Box<ValueState>>,
    values: &[Value],
    before: Option<&mut u64>,
    writes: bool,
) -> bool {
    let Some(first) = values.first() else { return true };
    let digest = recurrence::digest(values);
    let changed = match before {
        Some(before) if *before == digest => return true,
        Some(before) => std::mem::replace(before, digest) != 0,
        None => true,
    };
    match state {
        Some(state) => state.note(values, first, digest, changed),
        None => {
            *state = Some(Box::new(ValueState::new(values, first, digest, writes)));
            false
        }
    }
}

/// The addresses of a target within its space; a bit counts as its byte.
fn addresses(target: &Target) -> Option<(u32, u32)> {
    match target.span {
        Span::Bit { byte, .. } => Some((byte, byte)),
        _ => target.interval(),
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
    /// Kept where somebody asks.
    /// Whether new addresses of a known behaviour are news.
    tells_growth: bool,
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
        let settled = entry.count(occurrence, &self.limits);
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
        Some(Noted { slot, number, news, settled })
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

    #[cold]
    #[inline(never)]
    fn find_or_make(
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
