//! One behaviour: what is kept of it, and what an occurrence adds.

use std::sync::Arc;

use dissectors::anomaly::Anomalies;
use dissectors::dissector::FrameId;
use dissectors::operation::{Class, Operation};
use dissectors::pdu::{Role, Status};
use dissectors::registry::ProtocolId;
use dissectors::target::{Span, Target};
use dissectors::value::Value;

use super::Occurrence;
use super::key::{Key, TargetKey, identity};
use super::recurrence::{self, Groups, Intervals, ValueState};
use super::rhythm::{self, Beat, News, Rhythms, deadline_of};
use crate::limits::Limits;
use crate::observation::{Behaviour, FlowFacts, Rhythm};
use crate::token_bucket::TokenBucket;

/// What an entry must last to be protected: seen three times, over two windows.
const PROTECTED_COUNT: u64 = 3;
const WINDOW_NS: i64 = 60 * 1_000_000_000;
/// Occurrences after which a write may count as settled.
const SETTLED_COUNT: u64 = 100;

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) conversation: u32,
    pub(super) protocol: ProtocolId,
    pub(super) role: Role,
    pub(super) unit: Option<u32>,
    pub(super) operation: Operation,
    pub(super) class: Class,
    pub(super) target: TargetKey,
    pub(super) status: Status,
    pub(super) digest: u64,
    pub(super) number: u64,
    pub(super) id: u128,
    pub(super) source: u32,
    pub(super) flow: Arc<FlowFacts>,
    pub(super) frame: FrameId,
    /// The latest frame that showed addresses that were not read before.
    pub(super) latest_frame: FrameId,
    /// Whether it has shown such since it was looked at last.
    pub(super) grown: bool,
    pub(super) code: u16,
    pub(super) count: u64,
    pub(super) answered: bool,
    pub(super) first_seen_ns: i64,
    pub(super) last_seen_ns: i64,
    pub(super) latency_ns: f64,
    pub(super) latency_count: u64,
    pub(super) groups: Groups,
    pub(super) intervals: Intervals,
    pub(super) values: Option<Box<ValueState>>,
    pub(super) anomalies: Anomalies,
    pub(super) failures: TokenBucket,
    pub(super) exchange: u64,
    pub(super) generation: u32,
    pub(super) live: bool,
    pub(super) protected: bool,
    pub(super) changed: bool,
    /// Whether an earlier run had it.
    pub(super) known: bool,
    /// The count that left last; none before it left.
    pub(super) emitted_count: Option<u64>,
}

impl Entry {
    #[inline]
    pub(super) fn key(&self) -> Key<'_> {
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

    pub(super) fn new(occurrence: &Occurrence<'_>, digest: u64, source: u32) -> Self {
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

    /// Counts an occurrence; whether it is a settled write, and whether it carried
    /// other values than the last time.
    #[inline]
    pub(super) fn count(&mut self, occurrence: &Occurrence<'_>, limits: &Limits) -> (bool, bool) {
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
        let (usual, changed) =
            note_values(&mut self.values, occurrence.values, group.values, writes);
        (settles && usual, changed)
    }

    #[inline]
    pub(super) const fn is_protected(&self) -> bool {
        self.count >= PROTECTED_COUNT
            && self.last_seen_ns.div_euclid(WINDOW_NS) != self.first_seen_ns.div_euclid(WINDOW_NS)
    }

    /// Counts an occurrence in its rhythm. What answers an unseen request, or may
    /// be either, has none.
    #[inline(never)]
    pub(super) fn beat(&mut self, slot: u32, occurrence: &Occurrence<'_>, rhythms: &mut Rhythms) {
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
    pub(super) fn rhythm_id(&self, range: Option<(u32, u32)>) -> u128 {
        let target = self.target.text();
        let place = match (range, target) {
            (Some((first, last)), Some(target)) => Some(format!("{target}:{first}-{last}")),
            (_, target) => target,
        };
        let key = Key { status: Status::None, ..self.key() };
        identity(&key, place.as_deref(), &self.flow, false)
    }

    /// The address range that its group is told by.
    pub(super) fn range_of(&self, occurrence: &Occurrence<'_>) -> Option<(u32, u32)> {
        match self.target {
            TargetKey::Space(..) => occurrence.target.and_then(addresses),
            TargetKey::None | TargetKey::Exact(_) => None,
        }
    }

    /// The record of what happened to one of its rhythms.
    pub(super) fn rhythm(&self, news: &News, facts: &rhythm::Facts) -> Rhythm {
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

    pub(super) fn observation(&mut self) -> Behaviour {
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
/// write carried none that are unusual, and whether they are other than those before.
#[inline]
fn note_values(
    state: &mut Option<Box<ValueState>>,
    values: &[Value],
    before: Option<&mut u64>,
    writes: bool,
) -> (bool, bool) {
    let Some(first) = values.first() else { return (true, false) };
    let digest = recurrence::digest(values);
    let changed = match before {
        Some(before) if *before == digest => return (true, false),
        Some(before) => std::mem::replace(before, digest) != 0,
        None => true,
    };
    let usual = match state {
        Some(state) => state.note(values, first, digest, changed),
        None => {
            *state = Some(Box::new(ValueState::new(values, first, digest, writes)));
            false
        }
    };
    (usual, true)
}

/// The addresses of a target within its space; a bit counts as its byte.
fn addresses(target: &Target) -> Option<(u32, u32)> {
    match target.span {
        Span::Bit { byte, .. } => Some((byte, byte)),
        _ => target.interval(),
    }
}
