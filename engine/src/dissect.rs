//! The flow of an identified protocol: decoding, children, fragments, and what
//! the pairing of requests and answers makes of it. [`framing`] finds the PDUs,
//! [`layers`] reads them, [`requests`] joins requests with their answers.

mod framing;
mod layers;
mod requests;

use std::collections::BTreeMap;
use std::sync::Arc;

use dissectors::anomaly::{Anomalies, Anomaly};
use dissectors::dissector::{Context, Direction, FrameId, Frames, Sender};
use dissectors::operation::{Class, Operation};
use dissectors::pdu::{Pdu, Role};
use dissectors::registry::{FlowState, ProtocolId};
use dissectors::sink::Carried;

use self::framing::Side;
use self::layers::Layer;
pub(crate) use self::layers::Sinks;
use crate::counters::Counters;
use crate::flow::{DIRECTIONS, Identity, Sides};
use crate::history::{History, Latest};
use crate::join::Joins;
use crate::known_servers::KnownServers;
use crate::limits::Limits;
use crate::observation::{FlowFacts, IdentifiedBy};
use crate::observer::{Answer, FlowMemo, Observer, Pair};
use crate::pairing::{KeyUse, Ring};
use crate::timestamp::waited_ns;

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
    pub history: &'a mut History,
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
    /// Whether the message at hand was cut off by the snap length.
    truncated: bool,
    /// Whether a request was joined with its answer.
    paired: bool,
    /// Exchanges to go before absence means something again.
    unsettled: u8,
    /// Places in a row where no PDU could begin.
    bad: u8,
    panics: u8,
    contradictions: u8,
    /// Times that bytes were sent twice and differed.
    conflicts: u32,
    /// Anomalies of the flow that its next PDU carries.
    pending: Anomalies,
    /// Requests that were given up; their answers may still come.
    given_up: u32,
    /// Up to when requests that wait were told without their answers.
    told_early_ns: i64,
    /// Whether the latest answer came before a request that it could belong to.
    answered_early: bool,
    pub memo: FlowMemo,
    /// The bytes that each direction carried last.
    latest: Sides<Latest>,
    keys: KeyUse,
    /// Bytes of this flow in `Waits::carry`.
    counted: usize,
    children: Vec<FlowState>,
    joins: Joins,
    sides: Sides<Side>,
    state: FlowState,
}

impl Session {
    /// A session; `seeks` says that its first PDU has to be searched for.
    pub fn new(
        protocol: ProtocolId,
        facts: Arc<FlowFacts>,
        client: Direction,
        roles: RoleSource,
        seeks: bool,
    ) -> Self {
        let mut sides = Sides::<Side>::default();
        for direction in DIRECTIONS {
            sides.get_mut(direction).seeking = seeks;
            sides.get_mut(direction).after_gap = seeks;
        }
        Self {
            ring: Ring::default(),
            facts,
            protocol,
            running: protocol,
            client,
            roles,
            held_up: Sides { a_to_b: seeks, b_to_a: seeks },
            truncated: false,
            paired: false,
            unsettled: 0,
            bad: 0,
            panics: 0,
            contradictions: 0,
            conflicts: 0,
            pending: Anomalies::NONE,
            given_up: 0,
            told_early_ns: i64::MIN,
            answered_early: false,
            memo: FlowMemo::default(),
            latest: Sides::default(),
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
        work.observer.gap(&self.facts, lost, work.now_ns);
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
        self.truncated = false;
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
            let old = waited_ns(work.now_ns, open.time_ns) > work.limits.answer_ns;
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

    /// Requests that have waited too long by the time of the engine are unanswered.
    pub fn give_up_late(&mut self, view: &View<'_>, work: &mut Work<'_>) {
        while let Some(open) = self.ring.open().first()
            && waited_ns(work.now_ns, open.time_ns) > work.limits.answer_ns
        {
            self.give_up(0, true, view, work);
        }
    }

    /// The same by the time of the frame at hand, which may lie far behind that of the
    /// engine where the clock was set back.
    #[inline]
    pub fn give_up_old(&mut self, now_ns: i64, view: &View<'_>, work: &mut Work<'_>) {
        while let Some(open) = self.ring.open().first()
            && now_ns.saturating_sub(open.time_ns) > work.limits.answer_ns
        {
            self.give_up(0, true, view, work);
        }
    }

    /// Tells of the requests that matter and wait since `until_ns` or longer, each once.
    pub fn tell_early(&mut self, until_ns: i64, work: &mut Work<'_>) {
        if self.told_early_ns > until_ns {
            // The clock was set back.
            self.told_early_ns = i64::MIN;
        }
        for open in self.ring.open() {
            if open.time_ns > self.told_early_ns && open.time_ns <= until_ns {
                work.observer.early(&self.facts, self.memo, open);
            }
        }
        self.told_early_ns = until_ns;
    }

    /// Gives an open request up; `answerable` says whether its answer had the time
    /// to come.
    fn give_up(&mut self, index: usize, answerable: bool, view: &View<'_>, work: &mut Work<'_>) {
        let asks = self.ring.open().get(index).is_some_and(|open| !open.pdu.unconfirmed);
        let missed = asks && answerable && view.complete && self.unsettled == 0;
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

    /// Reads what is there of a message whose rest the snap length cut off.
    #[cold]
    fn cut_pdu(
        &mut self,
        bytes: &[u8],
        origin: &Carrier<'_>,
        view: &View<'_>,
        work: &mut Work<'_>,
    ) {
        self.truncated = true;
        self.pdu(bytes, origin, view, work);
        self.truncated = false;
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
        self.unreadable(Anomaly::ProtocolViolation, frame, time_ns, work);
    }

    /// Says, as a record of its own, why bytes of the flow could not be read.
    #[cold]
    fn unreadable(&mut self, why: Anomaly, frame: FrameId, time_ns: i64, work: &mut Work<'_>) {
        const UNREADABLE: Operation = Operation::new("unreadable_bytes", Class::Unknown);
        let mut pdu = Pdu::new(self.protocol, Role::Unknown, 0, UNREADABLE);
        pdu.anomalies = std::mem::take(&mut self.pending);
        pdu.anomalies.add(why);
        count_anomalies(work.counters, pdu.anomalies);
        let frames = Frames { last: frame, earlier: Vec::new() };
        let answer = Answer { pdu: &pdu, frames: &frames, time_ns };
        let pair = Pair { request: None, answer: Some(answer) };
        work.observer.pair(&self.facts, &mut self.memo, pair, work.counters);
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
