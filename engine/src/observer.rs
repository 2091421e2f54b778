//! What the flow stages found, turned into observations: repetition becomes
//! counts, what is new or matters leaves one by one.

mod asked;
mod early;
mod fold;
mod taken;
mod totals;

use std::sync::Arc;

use dissectors::anomaly::Anomaly;
use dissectors::dissector::{FrameId, OpenRequest};
use dissectors::sink;
use dissectors::value::Value;

use self::fold::Folded;
pub use self::taken::{Answer, Asked, FlowMemo, Origin, Pair};
pub use self::totals::{DirectionTotals, FlowTotals};
use crate::address::{Addresses, Seen};
use crate::behaviour::{Behaviours, Noted};
use crate::calls::Calls;
use crate::claim::Claims;
use crate::content::Contents;
use crate::conversation::{Conversations, Counted, Place};
use crate::counters::Counters;
use crate::exchange::Exchange;
use crate::limits::Limits;
use crate::loss::Losses;
use crate::objects::Objects;
use crate::observation::{FlowFacts, History, KnownConversation, Observation};
use crate::packet::{Ip, Link};
use crate::pdu_json::Writer;
use crate::pdu_log::{PduLog, PduLogging};
use crate::points::Points;
use crate::timestamp::Clock;
use crate::wanted::{Wanted, Watch};

/// Observations for which a new batch has room at most.
const USUAL_BATCH: usize = 1024;

/// Folds, counts and emits.
#[derive(Debug)]
pub struct Observer {
    limits: Limits,
    batch: Vec<Observation>,
    sequence: u64,
    /// The time of what was exchanged: rates are counted by it.
    clock: Clock,
    exchanges: u64,
    conversations: Conversations,
    behaviours: Behaviours,
    addresses: Addresses,
    claims: Claims,
    contents: Contents,
    /// Kept where somebody asks, as are the losses.
    calls: Option<Box<Calls>>,
    losses: Option<Box<Losses>>,
    /// Whether it is said which senders may not be who they say.
    spoof: bool,
    /// What objects hold, where somebody asks.
    objects: Option<Box<Objects>>,
    /// What becomes of single points, where somebody asks.
    points: Option<Box<Points>>,
    /// The values before those that the exchange at hand changes; none once one of
    /// them is not known.
    previous: Option<Vec<Value>>,
    /// What leaves one by one though it would be folded, where somebody asks.
    watch: Option<Box<Watch>>,
    pdu_log: Option<(PduLog, Writer)>,
    /// Whether no observations are made.
    quiet: bool,
}

impl Observer {
    /// An observer that has seen nothing.
    #[must_use]
    pub fn new(limits: &Limits, asked: &Asked) -> Self {
        let Asked { pdu_log, rhythm, health, spoof, previous, points, ranges } = *asked;
        Self {
            limits: limits.clone(),
            batch: Vec::new(),
            sequence: 0,
            clock: Clock::default(),
            exchanges: 0,
            conversations: Conversations::new(limits),
            behaviours: Behaviours::new(limits, rhythm, ranges),
            addresses: Addresses::new(limits),
            claims: Claims::new(limits),
            contents: Contents::new(limits),
            calls: rhythm.then(|| Box::new(Calls::new(limits.calls))),
            losses: health.then(Box::default),
            spoof,
            objects: previous.then(|| Box::new(Objects::new(limits.object_values))),
            points: points.then(|| Box::new(Points::new(limits))),
            previous: None,
            watch: None,
            pdu_log: (pdu_log != PduLogging::Off)
                .then(|| (PduLog::new(limits.pdu_log_waiting), Writer::new())),
            quiet: pdu_log == PduLogging::Only,
        }
    }

    /// Sets what leaves one by one though it would be folded.
    pub fn watch(&mut self, wanted: Vec<Wanted>) {
        self.watch = Watch::new(wanted, self.limits.wanted);
    }

    /// Learns what two ends had done before this run.
    pub fn know(&mut self, known: &KnownConversation) {
        self.conversations.know(known);
    }

    /// Learns that an earlier run had a behaviour.
    pub fn know_behaviour(&mut self, id: u128) {
        self.behaviours.know(id);
    }

    /// Learns the period and the deviation that a rhythm had in an earlier run.
    pub fn know_rhythm(&mut self, id: u128, period_ns: f64, deviation_ns: f64) {
        self.behaviours.know_rhythm(id, period_ns, deviation_ns);
    }

    /// The next frame of the input begins. `oldest_waiting` is the earliest frame
    /// whose payload still waits somewhere in the engine (for identification, for
    /// an earlier segment): the log of PDUs is written up to it.
    #[inline]
    pub fn frame(&mut self, frame: FrameId, oldest_waiting: Option<FrameId>) {
        if let Some((log, _)) = &mut self.pdu_log {
            log.frame(frame, oldest_waiting);
        }
    }

    /// A sender's addresses: called for the first packet of each direction of a
    /// flow, when a flow's MAC changes, and for ARP.
    pub fn address(
        &mut self,
        link: &Link,
        ip: Option<&Ip>,
        arp: bool,
        frame: FrameId,
        time_ns: i64,
    ) {
        if self.quiet || (link.source.is_none() && ip.is_none()) {
            return;
        }
        let seen = Seen {
            mac: link.source,
            ip: ip.map(|ip| ip.source),
            vlan: link.vlan,
            // ARP has no time to live.
            ttl: ip.filter(|_| !arp).map_or(0, |ip| ip.ttl),
            arp,
            frame,
            time_ns,
        };
        self.seen(&seen);
    }

    fn seen(&mut self, seen: &Seen) {
        let told = self.addresses.note(seen, &self.conversations);
        for address in self.addresses.take_gone().into_iter().chain(told) {
            self.emit(Observation::Address(Box::new(address)));
        }
    }

    /// A PDU, as soon as it was decoded, for the log of every PDU; `request` is
    /// the one that it answers.
    #[inline]
    pub fn pdu(
        &mut self,
        facts: &Arc<FlowFacts>,
        answer: Answer<'_>,
        request: Option<&OpenRequest>,
    ) {
        if let Some((log, writer)) = &mut self.pdu_log {
            log.add(answer.frames.last, |out| writer.write(out, facts, &answer, request));
        }
    }

    /// A finished exchange.
    pub fn pair(
        &mut self,
        facts: &Arc<FlowFacts>,
        memo: &mut FlowMemo,
        pair: Pair<'_>,
        counters: &mut Counters,
    ) {
        if self.quiet {
            return;
        }
        let Some(exchange) = Exchange::new(&pair) else { return };
        self.clock.pass(exchange.time_ns);
        self.exchanges = self.exchanges.saturating_add(1);
        self.previous = self.objects.is_some().then(Vec::new);
        let place = self.conversation(facts, memo, &exchange);
        if self.conversations.has_gone() {
            self.let_go(counters);
        }
        let counted = place.and_then(|place| {
            let entry = self.conversations.get_mut(place)?;
            let history = entry.count(Counted {
                class: exchange.class,
                pdus: exchange.pdus(),
                answered: exchange.answered(),
                failed: exchange.status.refuses(),
                time_ns: exchange.time_ns,
            });
            Some((place, entry.source, history))
        });
        let mut folded = Folded::default();
        if let Some((place, source, _)) = counted {
            self.conversations.mark(place);
            self.emit_conversation(place, false);
            folded = self.fold(facts, memo, &exchange, place.id(), source, counters);
        }
        let history = counted.map_or(History::default(), |(_, _, history)| history);
        let told = counted.map(|(place, source, _)| (place.id(), source));
        if self.leaves(&exchange, told, folded, counters) {
            let frames =
                (pair.request.map(|open| &open.frames), pair.answer.map(|answer| answer.frames));
            let history = match history.first_seen_ns {
                i64::MIN => History { first_seen_ns: exchange.time_ns, ..history },
                _ => history,
            };
            let most = self.limits.observation_values;
            let conversation = (counted.map(|(place, ..)| place.id()), history);
            let mut record =
                exchange.transaction(facts, frames, folded.behaviour(), conversation, most);
            record.first =
                folded.noted.is_some_and(|own| own.first) && exchange.speaks_for_itself();
            let previous = self.previous.take().unwrap_or_default();
            // Only where there is one for each of them.
            if previous.len() == record.values.len() {
                record.previous_values = previous;
            }
            self.emit(Observation::Transaction(Box::new(record)));
        }
        if let Some(points) = &mut self.points {
            let frame = pair.answer.map_or(exchange.frame, |answer| answer.frames.last);
            let mut told = Vec::new();
            points.note(facts, &exchange, frame, &mut told);
            told.into_iter().for_each(|one| self.emit(one));
        }
    }

    /// Something that a dissector said about an asset.
    pub fn claim(&mut self, facts: &Arc<FlowFacts>, claim: &sink::Claim, origin: Origin) {
        if self.quiet {
            return;
        }
        let told = self.claims.note(facts, claim, origin);
        for claim in self.claims.take_gone().into_iter().chain(told) {
            self.emit(Observation::Claim(Box::new(claim)));
        }
    }

    /// A piece of a transfer.
    pub fn content(
        &mut self,
        facts: &Arc<FlowFacts>,
        content: &sink::Content,
        bytes: &[u8],
        origin: Origin,
        counters: &mut Counters,
    ) {
        if self.quiet {
            return;
        }
        for ended in self.contents.note(facts, content, bytes, origin, counters) {
            self.emit(Observation::Content(Box::new(ended)));
        }
    }

    /// Bytes of an identified flow were lost: what is being transferred in it is
    /// not seen whole.
    pub fn gap(&mut self, facts: &Arc<FlowFacts>, lost: Option<u32>, now_ns: i64) {
        self.contents.gap(facts);
        if let Some(losses) = &mut self.losses {
            losses.add(facts, lost.unwrap_or_default().into(), now_ns);
        }
    }

    /// A flow's facts changed: it was identified, lost its identity, or client and
    /// server were swapped. Its conversation is now that of the new facts.
    pub fn identified(&mut self, facts: &Arc<FlowFacts>, memo: &mut FlowMemo, time_ns: i64) {
        if self.quiet {
            return;
        }
        let Some(protocol) = facts.protocol else {
            // What the flow did under its old name stays in that conversation.
            return;
        };
        memo.conversation = self.conversations.find(facts, Some(protocol), time_ns);
        if let Some(place) = memo.conversation {
            self.emit_conversation(place, false);
        }
    }

    /// A flow ended, was evicted, or the input did.
    pub fn flow_ended(&mut self, facts: &Arc<FlowFacts>) {
        for ended in self.contents.flow_ended(facts) {
            self.emit(Observation::Content(Box::new(ended)));
        }
    }

    /// Counts what a flow carried, at its end or while it goes on.
    pub fn flow_counted(&mut self, facts: &Arc<FlowFacts>, memo: FlowMemo, totals: FlowTotals) {
        if self.quiet {
            return;
        }
        for (end, sent) in [(&facts.client, totals.client), (&facts.server, totals.server)] {
            if sent.packets == 0 {
                continue;
            }
            let key = (end.mac, end.ip, facts.vlan);
            if self.addresses.has_left(&key) {
                self.seen(&Seen {
                    mac: end.mac,
                    ip: end.ip,
                    vlan: facts.vlan,
                    ttl: 0,
                    arp: false,
                    frame: facts.frame,
                    time_ns: sent.last_seen_ns,
                });
            }
            self.addresses.add_packets(key, sent.packets, sent.last_seen_ns);
        }
        let place = memo.conversation.filter(|place| self.conversations.has(*place));
        let first = totals.first_seen_ns;
        let place = place.or_else(|| self.conversations.find(facts, facts.protocol, first));
        if let Some(place) = place {
            self.conversations.add_flow(place, &totals);
            self.emit_conversation(place, true);
        }
    }

    /// The input has ended: what is counted from here on is what was under way.
    pub const fn end(&mut self) {
        self.conversations.end();
        self.addresses.end();
    }

    /// Emits everything that is left, at the end of the input.
    pub fn finish(&mut self, counters: &mut Counters) {
        for told in self.take_call_news() {
            self.no_reply(told, |_| None);
        }
        for loss in self.losses.as_mut().map(|losses| losses.take()).unwrap_or_default() {
            self.emit(Observation::Loss(Box::new(loss)));
        }
        self.flush(counters);
    }

    /// Emits the counts of everything that changed since they were last emitted.
    /// A new behaviour that was held back leaves now.
    pub fn flush(&mut self, counters: &mut Counters) {
        counters.addresses_evicted = self.addresses.evicted_count;
        counters.addresses_overflow = self.addresses.overflow_count;
        counters.claims = self.claims.made;
        counters.claims_evicted = self.claims.evicted_count;
        self.let_go(counters);
        counters.conversations = self.conversations.made();
        counters.conversations_overflow = self.conversations.overflow_count;
        counters.conversations_evicted = self.conversations.evicted_count;
        counters.rhythms_overflow = self.behaviours.rhythm_overflow();
        counters.object_values_overflow = self.objects.as_ref().map_or(0, |own| own.overflow_count);
        counters.points_overflow = self.points.as_ref().map_or(0, |points| points.overflow_count());
        counters.calls_overflow = self.calls.as_ref().map_or(0, |calls| calls.overflow_count);
        for address in self.addresses.take_changed() {
            self.emit(Observation::Address(Box::new(address)));
        }
        for claim in self.claims.take_changed() {
            self.emit(Observation::Claim(Box::new(claim)));
        }
        for conversation in self.conversations.take_changed() {
            self.emit(Observation::Conversation(Box::new(conversation)));
        }
        let changed = self.behaviours.take_changed();
        self.batch.reserve(changed.len());
        for slot in changed {
            if let Some(behaviour) = self.behaviours.changed_observation(slot) {
                self.emit(Observation::Behaviour(Box::new(behaviour)));
            }
        }
        for behaviour in self.behaviours.take_changed_overflow() {
            self.emit(Observation::Behaviour(Box::new(behaviour)));
        }
    }

    /// Takes the JSON lines of the PDU log that are in order, whole lines only.
    pub fn take_pdus(&mut self) -> Vec<u8> {
        self.pdu_log.as_mut().map(|(log, _)| log.take()).unwrap_or_default()
    }

    /// Takes the observations made since the last call, oldest first.
    pub fn take(&mut self) -> Vec<Observation> {
        // The next batch is about as long.
        let room = self.batch.len().min(USUAL_BATCH);
        std::mem::replace(&mut self.batch, Vec::with_capacity(room))
    }

    /// The conversation of an exchange, through the flow's memory.
    #[inline]
    fn conversation(
        &mut self,
        facts: &Arc<FlowFacts>,
        memo: &mut FlowMemo,
        exchange: &Exchange<'_>,
    ) -> Option<Place> {
        let protocol = exchange.asking.protocol;
        let place = match memo.conversation {
            Some(place) if self.conversations.has(place) => place,
            _ => {
                let of = facts.protocol.or(Some(protocol));
                self.conversations.find(facts, of, exchange.time_ns)?
            }
        };
        memo.conversation = self.conversations.of_pdu(place, facts, protocol, exchange.time_ns);
        memo.conversation
    }

    /// Tells of the conversations that have left, and lets their behaviours go.
    #[cold]
    fn let_go(&mut self, counters: &mut Counters) {
        let gone = self.conversations.take_gone();
        if !gone.ids.is_empty() {
            self.behaviours.let_go(&gone.ids, &mut self.conversations, counters);
            for behaviour in self.behaviours.take_evicted() {
                self.emit(Observation::Behaviour(Box::new(behaviour)));
            }
        }
        for conversation in gone.last {
            self.emit(Observation::Conversation(Box::new(conversation)));
        }
    }

    /// Whether an exchange leaves as a record of its own.
    fn leaves(
        &mut self,
        exchange: &Exchange<'_>,
        counted: Option<(u32, u32)>,
        folded: Folded,
        counters: &mut Counters,
    ) -> bool {
        let conversation = counted.map_or(u32::MAX, |(own, _)| own);
        let watch = self.watch.as_mut();
        let wanted = watch.is_some_and(|own| own.wants(exchange, conversation, folded.changed));
        if !wanted && self.stays(exchange, folded.noted, counters) {
            return false;
        }
        let now_ns = self.now_ns();
        let source = counted.and_then(|(_, source)| self.conversations.source_mut(source));
        let may = source.is_none_or(|source| source.may_send(exchange.class, now_ns, &self.limits));
        if !may {
            counters.suppressed_notable = counters.suppressed_notable.saturating_add(1);
        }
        may
    }

    /// Whether an exchange is no more than one more of its behaviours.
    fn stays(
        &mut self,
        exchange: &Exchange<'_>,
        folded: Option<Noted>,
        counters: &mut Counters,
    ) -> bool {
        let both = [exchange.request, exchange.answer];
        if both.into_iter().flatten().any(|pdu| pdu.cyclic) {
            return true;
        }
        let failed = exchange.status.refuses();
        let unusual = failed || !exchange.anomalies.is_empty();
        // That a read has no answer is told once as such, and as an anomaly where
        // the answer would have been seen: the anomaly alone is no further news.
        let sound = exchange.anomalies.without(Anomaly::Unanswered).is_empty();
        if exchange.asking.protocol.leaves_singly(exchange.asking.code) {
            // Rules count it one by one: only the bound on its source holds.
        } else if !exchange.class.is_notable() && sound {
            if !failed && !exchange.unanswered() {
                return true;
            }
            // A read that fails or stays unanswered again and again is a habit after a while.
            let now_ns = self.now_ns();
            let often = folded.is_some_and(|own| {
                if failed {
                    !self.behaviours.may_send_failure(own.slot, now_ns)
                } else {
                    !self.behaviours.may_send_unanswered(own.slot)
                }
            });
            if often {
                counters.suppressed_notable = counters.suppressed_notable.saturating_add(1);
                return true;
            }
        } else if folded.is_some_and(|own| own.settled) && !unusual && !exchange.unanswered() {
            counters.settled_writes = counters.settled_writes.saturating_add(1);
            return true;
        }
        false
    }

    fn now_ns(&self) -> i64 {
        self.clock.now_ns().unwrap_or(i64::MIN)
    }

    fn emit_conversation(&mut self, place: Place, ended: bool) {
        if let Some(conversation) = self.conversations.first_observation(place, ended) {
            self.emit(Observation::Conversation(Box::new(conversation)));
        }
    }

    fn emit(&mut self, mut observation: Observation) {
        self.sequence = self.sequence.saturating_add(1);
        *observation.sequence_mut() = self.sequence;
        self.batch.push(observation);
    }
}
