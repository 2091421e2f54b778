//! The flow of an identified protocol: decoding, children, fragments, and what
//! the pairing of requests and answers makes of it. [`framing`] finds the PDUs.

mod framing;

use std::collections::BTreeMap;
use std::sync::Arc;

use dissectors::anomaly::{Anomalies, Anomaly};
use dissectors::dissector::{Context, Direction, FrameId, Frames, OpenRequest, Sender};
use dissectors::operation::{Class, Operation};
use dissectors::pdu::{Pdu, Role};
use dissectors::registry::{FlowState, ProtocolId};
use dissectors::sink::{Carried, Sink};

use self::framing::{Recent, Side};
use crate::counters::Counters;
use crate::flow::{DIRECTIONS, Identity, Sides};
use crate::join::{Arrival, Joined, Joins};
use crate::known_servers::KnownServers;
use crate::limits::Limits;
use crate::observation::{FlowFacts, IdentifiedBy};
use crate::observer::{Answer, FlowMemo, Observer, Origin, Pair};
use crate::pairing::{KeyUse, Ring, asks_the_same};

/// Places in a row where no PDU could begin, after which a flow is given up.
const VIOLATIONS: u8 = 3;
/// Faults of dissectors after which a flow is left alone.
const PANICS: u8 = 3;
/// Most frames kept of one message.
const MAX_FRAMES: usize = 64;
/// Exchanges after a gap during which nothing is missed.
const UNSETTLED: u8 = 16;
/// PDUs in a row that contradict a guessed direction before it is turned.
const CONTRADICTIONS: u8 = 2;

/// Adds a frame to those of a message, once, and no more than are kept.
pub(crate) fn add_frame(frames: &mut Vec<FrameId>, frame: FrameId) {
    if frames.len() < MAX_FRAMES && !frames.contains(&frame) {
        frames.push(frame);
    }
}

/// What all flows share while one of them is worked on.
pub(crate) struct Work<'a> {
    pub limits: &'a Limits,
    pub pdu_log: bool,
    pub now_ns: i64,
    pub counters: &'a mut Counters,
    pub observer: &'a mut Observer,
    pub sinks: &'a mut Sinks,
    pub waiting: &'a mut Waits,
    pub servers: &'a mut KnownServers,
}

/// What waits in all flows.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    /// Bytes that wait for the rest of their PDU or message.
    pub carry: usize,
    /// Bytes that wait for the protocol of their flow.
    pub held: usize,
    /// Flows with a session.
    pub sessions: usize,
    /// The first frames of payloads that wait, with how many wait from there on.
    /// Kept for the log of PDUs alone.
    frames: BTreeMap<FrameId, u32>,
}

impl Waits {
    /// From this frame on payload waits.
    pub fn begin(&mut self, frame: FrameId) {
        let count = self.frames.entry(frame).or_default();
        *count = count.saturating_add(1);
    }

    /// What waited from this frame on does no longer.
    pub fn end(&mut self, frame: FrameId) {
        if let Some(count) = self.frames.get_mut(&frame) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.frames.remove(&frame);
            }
        }
    }

    /// The earliest frame whose payload waits.
    pub fn oldest(&self) -> Option<FrameId> {
        self.frames.keys().next().copied()
    }
}

/// What a flow shows of itself to the stages behind reassembly.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub identity: &'a Identity,
    /// The direction that the first SYN went, where it was seen.
    pub syn: Option<Direction>,
    /// The direction of the first packet.
    pub first: Direction,
    /// Whether so little was lost that absence means something.
    pub complete: bool,
    /// Whether the flow was under way when it was first seen.
    pub midstream: bool,
    /// Whether the flow ended by FIN or RST.
    pub closed: bool,
}

/// How it is known who the client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RoleSource {
    /// The SYN.
    Syn,
    /// A PDU that only one side can have sent.
    Bytes,
    /// The ports.
    Port,
}

/// Where a message came from.
#[derive(Clone, Copy)]
struct Carrier<'a> {
    direction: Direction,
    last: FrameId,
    earlier: &'a [FrameId],
    time_ns: i64,
    start: bool,
    end: bool,
}

/// A flow whose protocol is known. What every PDU needs stands in front.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Session {
    ring: Ring,
    pub facts: Arc<FlowFacts>,
    protocol: ProtocolId,
    running: ProtocolId,
    client: Direction,
    roles: RoleSource,
    /// Directions whose bytes do not simply go on: carried, or searched through.
    held_up: Sides<bool>,
    /// Whether a request was joined with its answer.
    paired: bool,
    /// Exchanges to go before absence means something again.
    unsettled: u8,
    /// Places in a row where no PDU could begin.
    bad: u8,
    panics: u8,
    contradictions: u8,
    /// Anomalies of the flow that its next PDU carries.
    pending: Anomalies,
    /// Requests that were given up; their answers may still come.
    given_up: u32,
    /// Whether the latest answer came before a request that it could belong to.
    answered_early: bool,
    pub memo: FlowMemo,
    recent: Sides<Recent>,
    keys: KeyUse,
    /// Bytes of this flow in `Waits::carry`.
    counted: usize,
    children: Vec<FlowState>,
    joins: Joins,
    sides: Sides<Side>,
    state: FlowState,
}

impl Session {
    pub fn new(
        protocol: ProtocolId,
        facts: Arc<FlowFacts>,
        client: Direction,
        roles: RoleSource,
        midstream: bool,
    ) -> Self {
        let mut sides = Sides::<Side>::default();
        for direction in DIRECTIONS {
            sides.get_mut(direction).seeking = midstream;
            sides.get_mut(direction).after_gap = midstream;
        }
        Self {
            ring: Ring::default(),
            facts,
            protocol,
            running: protocol,
            client,
            roles,
            held_up: Sides { a_to_b: midstream, b_to_a: midstream },
            paired: false,
            unsettled: 0,
            bad: 0,
            panics: 0,
            contradictions: 0,
            pending: Anomalies::NONE,
            given_up: 0,
            answered_early: false,
            memo: FlowMemo::default(),
            recent: Sides::default(),
            keys: KeyUse::default(),
            counted: 0,
            children: Vec::new(),
            joins: Joins::default(),
            sides,
            state: FlowState::new(protocol),
        }
    }

    /// The direction of the client's packets.
    pub const fn client(&self) -> Direction {
        self.client
    }

    /// Whose flow it is.
    pub const fn protocol(&self) -> ProtocolId {
        self.protocol
    }

    /// Notes an anomaly for the next PDU.
    pub const fn note(&mut self, anomaly: Anomaly) {
        self.pending.add(anomaly);
    }

    /// Whether a request waits for its answer.
    pub fn is_waiting(&self) -> bool {
        !self.ring.open().is_empty()
    }

    /// Whether it still follows its protocol.
    pub const fn follows(&self) -> bool {
        self.bad < VIOLATIONS
    }

    /// Bytes of a direction were not seen.
    pub fn gap(&mut self, direction: Direction, lost: Option<u32>, work: &mut Work<'_>) {
        if self.panics >= PANICS {
            return;
        }
        let side = self.sides.get_mut(direction);
        let passed = side.clear();
        side.seeking = true;
        side.after_gap = true;
        side.passed = 0;
        count_bytes(&mut work.counters.skipped_bytes, passed);
        Counters::count(&mut work.counters.resync, self.protocol);
        self.unsettled = UNSETTLED;
        work.observer.gap(&self.facts);
        // Answers are among what was lost. A client that gives every request the
        // same key would else have each later answer taken for that of the request before.
        while let Some(index) = self.ring.superseded(direction) {
            self.given_up = self.given_up.saturating_add(1);
            self.close(index, work);
        }
        self.running = self.protocol;
        self.state.gap(direction, lost);
        for child in &mut self.children {
            self.running = child.protocol();
            child.gap(direction, lost);
        }
        let dropped = self.joins.gap(direction, &mut work.waiting.carry);
        work.counters.joins_dropped = work.counters.joins_dropped.saturating_add(dropped);
        self.count_carry(work);
    }

    /// A dissector failed: its memory of this flow starts anew.
    pub fn fault(&mut self, work: &mut Work<'_>) {
        Counters::count(&mut work.counters.panics, self.running);
        self.panics = self.panics.saturating_add(1);
        self.state = FlowState::new(self.protocol);
        self.children.clear();
        let dropped = self.joins.finish(&mut work.waiting.carry);
        work.counters.joins_dropped = work.counters.joins_dropped.saturating_add(dropped);
        for direction in DIRECTIONS {
            let side = self.sides.get_mut(direction);
            side.clear();
            side.seeking = true;
            side.after_gap = true;
            side.passed = 0;
        }
        self.unsettled = UNSETTLED;
        self.count_carry(work);
    }

    /// Gives up everything that waits, at the end of the flow.
    pub fn finish(&mut self, view: &View<'_>, work: &mut Work<'_>) {
        while let Some(open) = self.ring.open().first() {
            let old = work.now_ns.saturating_sub(open.time_ns) > work.limits.answer_ns;
            self.give_up(0, old || view.closed, view, work);
        }
        let dropped = self.joins.finish(&mut work.waiting.carry);
        work.counters.joins_dropped = work.counters.joins_dropped.saturating_add(dropped);
        for direction in DIRECTIONS {
            let passed = self.sides.get_mut(direction).clear();
            count_bytes(&mut work.counters.skipped_bytes, passed);
        }
        self.count_carry(work);
    }

    /// Requests that have waited too long are unanswered.
    #[inline]
    pub fn give_up_old(&mut self, view: &View<'_>, work: &mut Work<'_>) {
        while let Some(open) = self.ring.open().first()
            && work.now_ns.saturating_sub(open.time_ns) > work.limits.answer_ns
        {
            self.give_up(0, true, view, work);
        }
    }

    /// Gives an open request up; `answerable` says whether its answer had the time
    /// to come.
    fn give_up(&mut self, index: usize, answerable: bool, view: &View<'_>, work: &mut Work<'_>) {
        let missed = answerable && view.complete && self.unsettled == 0;
        self.given_up = self.given_up.saturating_add(1);
        if missed {
            work.counters.unanswered = work.counters.unanswered.saturating_add(1);
            count_anomaly(work.counters, Anomaly::Unanswered);
            self.ring.note(index, Anomaly::Unanswered);
        }
        self.close(index, work);
    }

    /// Takes an open request for one whose answer will not be seen.
    fn close(&mut self, index: usize, work: &mut Work<'_>) {
        if let Some(open) = self.ring.open().get(index) {
            let pair = Pair { request: Some(open), answer: None };
            work.observer.pair(&self.facts, &mut self.memo, pair, work.counters);
        }
        self.ring.remove(index);
    }

    fn context(
        &self,
        direction: Direction,
        time_ns: i64,
        start: bool,
        end: bool,
        view: &View<'_>,
    ) -> Context<'_> {
        let (source_port, destination_port) = view.identity.key.ports(direction);
        Context {
            direction,
            sender: if direction == self.client { Sender::Client } else { Sender::Server },
            transport: view.identity.key.transport(),
            source_port,
            destination_port,
            time_ns,
            parent: None,
            carried: Carried::default(),
            segment_start: start,
            segment_end: end,
            after_gap: self.is_after_gap(direction),
            open: self.ring.open(),
        }
    }

    /// Whether bytes before the next PDU of a direction were not seen.
    #[inline]
    const fn is_after_gap(&self, direction: Direction) -> bool {
        *self.held_up.get(direction) && self.sides.get(direction).after_gap
    }

    /// Reads one PDU of the flow's own protocol.
    #[inline]
    fn pdu(&mut self, bytes: &[u8], origin: &Carrier<'_>, view: &View<'_>, work: &mut Work<'_>) {
        self.bad = 0;
        if self.roles == RoleSource::Port {
            self.weigh_role(bytes, origin, view, work);
        }
        let mut budget = bytes.len().saturating_mul(4);
        let layer = Layer { protocol: self.protocol, parent: None, depth: 0 };
        self.message(layer, bytes, Carried::default(), origin, &mut budget, view, work);
        if self.is_after_gap(origin.direction) {
            self.sides.get_mut(origin.direction).after_gap = false;
        }
    }

    /// Holds a guessed direction against what a PDU says.
    #[cold]
    fn weigh_role(
        &mut self,
        bytes: &[u8],
        origin: &Carrier<'_>,
        view: &View<'_>,
        work: &mut Work<'_>,
    ) {
        let cx = self.context(origin.direction, origin.time_ns, origin.start, origin.end, view);
        let client = match self.protocol.sender(bytes, &cx) {
            Sender::Client => origin.direction,
            Sender::Server => origin.direction.reverse(),
            Sender::Unknown => return,
        };
        if client == self.client {
            self.roles = RoleSource::Bytes;
            return;
        }
        self.contradictions = self.contradictions.saturating_add(1);
        if self.contradictions < CONTRADICTIONS {
            return;
        }
        self.roles = RoleSource::Bytes;
        self.client = client;
        work.counters.direction_flips = work.counters.direction_flips.saturating_add(1);
        let facts = Arc::make_mut(&mut self.facts);
        std::mem::swap(&mut facts.client, &mut facts.server);
        self.memo = FlowMemo::default();
        work.observer.identified(&self.facts, &mut self.memo, origin.time_ns);
    }

    /// Reads one message of any layer, with all that is inside it.
    #[expect(clippy::too_many_arguments, reason = "the parts of one call, taken apart once")]
    fn message(
        &mut self,
        layer: Layer,
        bytes: &[u8],
        carried: Carried,
        origin: &Carrier<'_>,
        budget: &mut usize,
        view: &View<'_>,
        work: &mut Work<'_>,
    ) {
        let mut sink = work.sinks.take(layer.depth);
        let left_out = sink.left_out();
        sink.begin(layer.protocol);
        self.running = layer.protocol;
        let after_gap = self.is_after_gap(origin.direction);
        let Self { state, children, ring, client, .. } = self;
        let cx = layer.context(*client, carried, origin, ring.open(), after_gap, view);
        #[cfg(test)]
        tests::fault_injected(bytes);
        state_of(state, children, layer.protocol).decode(bytes, &cx, &mut sink);
        count_bytes_u64(
            &mut work.counters.items_left_out,
            sink.left_out().saturating_sub(left_out),
        );
        self.found(layer, bytes, &mut sink, origin, budget, view, work);
        work.sinks.put(layer.depth, sink);
    }

    /// Hands on what a dissector found in one message.
    #[expect(clippy::too_many_arguments, reason = "the parts of one call, taken apart once")]
    fn found(
        &mut self,
        layer: Layer,
        bytes: &[u8],
        sink: &mut Sink,
        origin: &Carrier<'_>,
        budget: &mut usize,
        view: &View<'_>,
        work: &mut Work<'_>,
    ) {
        let deeper = layer.depth.saturating_add(1);
        let too_deep = deeper > work.limits.depth && !sink.children().is_empty();
        if too_deep {
            self.pending.add(Anomaly::DepthExceeded);
        }
        for pdu in sink.pdus_mut() {
            self.emit(pdu, origin, view, work);
        }
        let told_by = Origin {
            protocol: layer.protocol,
            from_client: origin.direction == self.client,
            frame: origin.last,
            time_ns: origin.time_ns,
        };
        for claim in sink.claims() {
            work.observer.claim(&self.facts, claim, told_by, work.counters);
        }
        for content in sink.contents() {
            let piece = sink.copied(&content.bytes);
            work.observer.content(&self.facts, content, piece, told_by, work.counters);
        }
        for fragment in sink.fragments() {
            let arrival = Arrival {
                protocol: layer.protocol,
                direction: origin.direction,
                key: fragment.key,
                part: fragment.part,
                frame: origin.last,
                time_ns: origin.time_ns,
            };
            let part = sink.copied(&fragment.bytes);
            let joined = self.joins.fragment(
                &arrival,
                origin.earlier,
                part,
                work.limits,
                &mut work.waiting.carry,
            );
            match joined {
                Joined::Alone => {
                    self.whole(layer, fragment.key, part, origin, budget, view, work);
                }
                Joined::Whole(whole, earlier) => {
                    let origin = Carrier { earlier: &earlier, ..*origin };
                    let mut budget = whole.len().saturating_mul(4);
                    self.whole(layer, fragment.key, &whole, &origin, &mut budget, view, work);
                }
                Joined::Waiting { dropped: false } | Joined::Repeated => {}
                Joined::Waiting { dropped: true } | Joined::Missing => {
                    work.counters.joins_dropped = work.counters.joins_dropped.saturating_add(1);
                    // The sensor may have missed the part; only on a whole
                    // flow was it the sender who left it out.
                    if view.complete && !view.midstream && self.unsettled == 0 {
                        self.pending.add(Anomaly::FragmentMissing);
                    }
                }
            }
        }
        if too_deep {
            return;
        }
        for child in sink.children() {
            let part = bytes.get(child.bytes.clone()).unwrap_or_default();
            if part.len().max(1) > *budget {
                count_bytes_u64(&mut work.counters.items_left_out, 1);
                break;
            }
            *budget = budget.saturating_sub(part.len().max(1));
            let inner =
                Layer { protocol: child.protocol, parent: Some(layer.protocol), depth: deeper };
            self.message(inner, part, child.carried, origin, budget, view, work);
        }
    }

    /// Reads a whole that was joined from fragments.
    #[expect(clippy::too_many_arguments, reason = "the parts of one call, taken apart once")]
    fn whole(
        &mut self,
        layer: Layer,
        key: u64,
        bytes: &[u8],
        origin: &Carrier<'_>,
        budget: &mut usize,
        view: &View<'_>,
        work: &mut Work<'_>,
    ) {
        let deeper = Layer { depth: layer.depth.saturating_add(1), ..layer };
        if deeper.depth > work.limits.depth {
            self.pending.add(Anomaly::DepthExceeded);
            return;
        }
        let mut sink = work.sinks.take(deeper.depth);
        let left_out = sink.left_out();
        sink.begin(layer.protocol);
        self.running = layer.protocol;
        let after_gap = self.is_after_gap(origin.direction);
        let Self { state, children, ring, client, .. } = self;
        let cx = layer.context(*client, Carried::default(), origin, ring.open(), after_gap, view);
        state_of(state, children, layer.protocol).joined(key, bytes, &cx, &mut sink);
        count_bytes_u64(
            &mut work.counters.items_left_out,
            sink.left_out().saturating_sub(left_out),
        );
        self.found(deeper, bytes, &mut sink, origin, budget, view, work);
        work.sinks.put(deeper.depth, sink);
    }

    /// Hands one PDU on: to the log, and to its request or answer.
    #[inline]
    fn emit(
        &mut self,
        pdu: &mut Box<Pdu>,
        origin: &Carrier<'_>,
        view: &View<'_>,
        work: &mut Work<'_>,
    ) {
        Counters::count(&mut work.counters.pdus, pdu.protocol);
        pdu.anomalies.add_all(std::mem::take(&mut self.pending));
        match pdu.role {
            Role::Request => self.request(pdu, origin, view, work),
            Role::Response => self.response(pdu, origin, view, work),
            Role::Event | Role::Unknown => self.alone(pdu, origin, work),
        }
    }

    #[inline]
    fn request(
        &mut self,
        pdu: &mut Box<Pdu>,
        origin: &Carrier<'_>,
        view: &View<'_>,
        work: &mut Work<'_>,
    ) {
        let waits = !pdu.unconfirmed && pdu.pairing_key.is_some();
        if waits && let Some(key) = pdu.pairing_key {
            let varies = self.keys.note(key);
            if !self.ring.open().is_empty() {
                if !varies {
                    self.supersede(pdu.protocol, key, origin, view, work);
                }
                self.check_open(pdu, key, varies, origin.direction, view, work);
            }
        }
        count_anomalies(work.counters, pdu.anomalies);
        if work.pdu_log {
            with_answer(pdu, origin, |answer| work.observer.pdu(&self.facts, answer, None));
        }
        self.ring.push(pdu, origin.direction, origin.last, origin.earlier, origin.time_ns);
        if !waits && let Some((last, before)) = self.ring.open().split_last() {
            let pair = Pair { request: Some(last), answer: None };
            let index = before.len();
            work.observer.pair(&self.facts, &mut self.memo, pair, work.counters);
            self.ring.remove(index);
        }
    }

    /// A client that gives every request the same key asks again only when it has
    /// its answer, or has given it up. What is still open then was answered where
    /// the sensor did not see it, or before the sensor saw the request itself; it
    /// would draw each later answer to the request before. Requests of one segment
    /// were sent together.
    fn supersede(
        &mut self,
        protocol: ProtocolId,
        key: u64,
        origin: &Carrier<'_>,
        view: &View<'_>,
        work: &mut Work<'_>,
    ) {
        while let Some(index) = self.ring.find(protocol, key, origin.direction)
            && self.ring.open().get(index).is_some_and(|open| open.frames.last != origin.last)
        {
            self.give_up(index, !self.answered_early, view, work);
        }
    }

    /// Holds a request against those that are open.
    fn check_open(
        &mut self,
        pdu: &mut Pdu,
        key: u64,
        varies: bool,
        direction: Direction,
        view: &View<'_>,
        work: &mut Work<'_>,
    ) {
        if varies
            && view.complete
            && self.unsettled == 0
            && let Some(at) = self.ring.find(pdu.protocol, key, direction)
            && self.ring.open().get(at).is_some_and(|open| !asks_the_same(&open.pdu, pdu))
        {
            pdu.anomalies.add(Anomaly::DuplicateTransaction);
        }
        let limit = pdu.protocol.registration().open_requests.max(1);
        while self.ring.open().len() >= limit {
            work.counters.open_requests_dropped =
                work.counters.open_requests_dropped.saturating_add(1);
            self.give_up(0, false, view, work);
        }
    }

    #[inline]
    fn response(
        &mut self,
        pdu: &mut Pdu,
        origin: &Carrier<'_>,
        view: &View<'_>,
        work: &mut Work<'_>,
    ) {
        let asked = origin.direction.reverse();
        let found = pdu.pairing_key.and_then(|key| self.ring.find(pdu.protocol, key, asked));
        let Some(index) = found else {
            return self.unsolicited(pdu, origin, view, work);
        };
        self.answered_early = false;
        if let Some(open) = self.ring.open().get(index) {
            inherit(pdu, open);
            count_anomalies(work.counters, pdu.anomalies);
            let facts = &self.facts;
            let memo = &mut self.memo;
            with_answer(pdu, origin, |answer| {
                if work.pdu_log {
                    work.observer.pdu(facts, answer, Some(open));
                }
                let pair = Pair { request: Some(open), answer: Some(answer) };
                work.observer.pair(facts, memo, pair, work.counters);
            });
        }
        self.ring.remove(index);
        work.counters.transactions = work.counters.transactions.saturating_add(1);
        self.unsettled = self.unsettled.saturating_sub(1);
        if !self.paired {
            self.paired = true;
            self.confirm();
        }
    }

    /// An answer to nothing that was seen.
    fn unsolicited(
        &mut self,
        pdu: &mut Pdu,
        origin: &Carrier<'_>,
        view: &View<'_>,
        work: &mut Work<'_>,
    ) {
        self.answered_early = true;
        let could_be_seen = pdu.pairing_key.is_some()
            && view.complete
            && self.unsettled == 0
            && (!view.midstream || self.paired);
        if self.given_up > 0 {
            self.given_up = self.given_up.saturating_sub(1);
        } else if could_be_seen {
            work.counters.unsolicited = work.counters.unsolicited.saturating_add(1);
            pdu.anomalies.add(Anomaly::ResponseWithoutRequest);
        }
        self.alone(pdu, origin, work);
    }

    fn alone(&mut self, pdu: &Pdu, origin: &Carrier<'_>, work: &mut Work<'_>) {
        count_anomalies(work.counters, pdu.anomalies);
        let facts = &self.facts;
        let memo = &mut self.memo;
        with_answer(pdu, origin, |answer| {
            if work.pdu_log {
                work.observer.pdu(facts, answer, None);
            }
            let pair = Pair { request: None, answer: Some(answer) };
            work.observer.pair(facts, memo, pair, work.counters);
        });
    }

    /// The first exchange confirms what the flow was taken for.
    fn confirm(&mut self) {
        let (by, confidence) = match self.facts.identified_by {
            Some(IdentifiedBy::Probe) => (IdentifiedBy::Probe, 99),
            Some(IdentifiedBy::Port) | None => (IdentifiedBy::Pairing, 90),
            Some(by) => (by, self.facts.confidence),
        };
        if self.facts.confidence < confidence {
            let facts = Arc::make_mut(&mut self.facts);
            facts.identified_by = Some(by);
            facts.confidence = confidence;
        }
    }

    /// Says, as a record of its own, that the flow stopped following its protocol.
    pub fn violation(&mut self, frame: FrameId, time_ns: i64, work: &mut Work<'_>) {
        const UNREADABLE: Operation = Operation::new("unreadable_bytes", Class::Unknown);
        let mut pdu = Pdu::new(self.protocol, Role::Unknown, 0, UNREADABLE);
        pdu.anomalies = std::mem::take(&mut self.pending);
        pdu.anomalies.add(Anomaly::ProtocolViolation);
        count_anomalies(work.counters, pdu.anomalies);
        let frames = Frames { last: frame, earlier: Vec::new() };
        let answer = Answer { pdu: &pdu, frames: &frames, time_ns };
        let pair = Pair { request: None, answer: Some(answer) };
        work.observer.pair(&self.facts, &mut self.memo, pair, work.counters);
    }
}

/// Which protocol reads a message, inside which, and how deep.
#[derive(Clone, Copy)]
struct Layer {
    protocol: ProtocolId,
    parent: Option<ProtocolId>,
    depth: usize,
}

impl Layer {
    #[inline]
    fn context<'a>(
        self,
        client: Direction,
        carried: Carried,
        origin: &Carrier<'_>,
        open: &'a [OpenRequest],
        after_gap: bool,
        view: &View<'_>,
    ) -> Context<'a> {
        let (source_port, destination_port) = view.identity.key.ports(origin.direction);
        Context {
            direction: origin.direction,
            sender: if origin.direction == client { Sender::Client } else { Sender::Server },
            transport: view.identity.key.transport(),
            source_port,
            destination_port,
            time_ns: origin.time_ns,
            parent: self.parent,
            carried,
            segment_start: origin.start,
            segment_end: origin.end,
            after_gap,
            open,
        }
    }
}

/// The memory of a protocol within a flow.
#[inline]
fn state_of<'a>(
    root: &'a mut FlowState,
    children: &'a mut Vec<FlowState>,
    protocol: ProtocolId,
) -> &'a mut FlowState {
    if root.protocol() == protocol {
        return root;
    }
    let at = children.iter().position(|child| child.protocol() == protocol).unwrap_or_else(|| {
        children.push(FlowState::new(protocol));
        children.len().saturating_sub(1)
    });
    children.get_mut(at).unwrap_or(root)
}

/// Makes an answer of a PDU for as long as `use_it` runs.
#[inline]
fn with_answer(pdu: &Pdu, origin: &Carrier<'_>, use_it: impl FnOnce(Answer<'_>)) {
    let frames = Frames { last: origin.last, earlier: origin.earlier.to_vec() };
    use_it(Answer { pdu, frames: &frames, time_ns: origin.time_ns });
}

/// Gives an answer what its request says and it does not.
#[inline]
fn inherit(pdu: &mut Pdu, open: &OpenRequest) {
    let asked = open.pdu.class();
    if pdu.operation.class() != asked && pdu.operation.class() != Class::AuthFail {
        pdu.operation = pdu.operation.with_class(asked);
    }
    if pdu.unit.is_none() {
        pdu.unit = open.pdu.unit;
    }
    if pdu.target.is_none() {
        pdu.target.clone_from(&open.pdu.target);
    }
    if pdu.quantity.is_none() {
        pdu.quantity = open.pdu.quantity;
    }
    if pdu.phase.is_none() {
        pdu.phase = open.pdu.phase;
    }
}

/// The sinks of the layers of one message; boxed, since each is taken out while
/// its layer is read.
#[derive(Debug, Default)]
pub(crate) struct Sinks(Vec<Option<Box<Sink>>>);

impl Sinks {
    #[inline]
    pub fn take(&mut self, depth: usize) -> Box<Sink> {
        self.0.get_mut(depth).and_then(Option::take).unwrap_or_default()
    }

    #[inline]
    pub fn put(&mut self, depth: usize, sink: Box<Sink>) {
        if self.0.len() <= depth {
            self.0.resize_with(depth.saturating_add(1), || None);
        }
        if let Some(place) = self.0.get_mut(depth) {
            *place = Some(sink);
        }
    }
}

fn count_bytes(counter: &mut u64, bytes: usize) {
    count_bytes_u64(counter, u64::try_from(bytes).unwrap_or(u64::MAX));
}

const fn count_bytes_u64(counter: &mut u64, n: u64) {
    *counter = counter.saturating_add(n);
}

fn count_anomaly(counters: &mut Counters, anomaly: Anomaly) {
    if let Some(count) = counters.anomalies.get_mut(anomaly as usize) {
        *count = count.saturating_add(1);
    }
}

#[inline]
fn count_anomalies(counters: &mut Counters, anomalies: Anomalies) {
    if !anomalies.is_empty() {
        for anomaly in anomalies.iter() {
            count_anomaly(counters, anomaly);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    /// A payload that begins so makes its dissector fail, in tests of this crate.
    pub(crate) const FAULT: &[u8] = b"\xde\xad\x00\x00";

    pub(super) fn fault_injected(bytes: &[u8]) {
        assert!(!bytes.starts_with(FAULT), "a fault that a test asked for");
    }
}
