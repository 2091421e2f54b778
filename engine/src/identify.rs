//! Which dissector owns a flow: by structure, with the port as a hint.
//!
//! A strong mark decides at once. What is only plausible is held, and decided by
//! requests and answers that fit, or by several PDUs in a row on the protocol's
//! own port, or on the port of a server that is known from other flows. Then
//! everything held is dissected as if the flow had been known from its start, so
//! that the first request is not lost. What stays undecided is unknown, and is
//! looked at once more after a gap or much traffic.

mod ends;
mod evidence;
mod held;

use std::sync::Arc;

use dissectors::anomaly::Anomaly;
use dissectors::dissector::{Direction, Frame, FrameId, OffPort, Probe, Transport};
use dissectors::registry::ProtocolId;

pub(crate) use self::ends::client_by_port;
use self::ends::{
    Place, add_exchange, client_of, count_evicted, is_registered, place_of, ports_of, vote,
};
use self::evidence::{candidates, context, decide, is_exact, sender_of, weigh};
use self::held::Held;
use crate::counters::Counters;
use crate::dissect::{Session, View, Work};
use crate::flow::{DIRECTIONS, Sides};
use crate::observation::{FlowFacts, IdentifiedBy};
use crate::reassembly::{Chunk, Step};
use crate::timestamp::waited_ns;

/// Payload bytes after which an unknown flow is looked at once more.
const SECOND_LOOK: u32 = 10 << 20;
/// Bytes below which payloads, on average, are crumbs: so many more of them are held.
const CRUMBS: usize = 16;
/// Belief in a flow's protocol, in percent, from which on its server is known for it.
const LEARNT: u8 = 80;
/// Nanoseconds that payloads are held on a protocol's port before what is there decides.
const HOLD_NS: i64 = 5_000_000_000;

/// What the application stages know of a flow.
#[derive(Debug, Default)]
pub(crate) struct Application {
    session: Option<Box<Session>>,
    held: Option<Box<Held>>,
    /// Payload bytes that went by since it was found unknown.
    unseen: u32,
    /// Payloads looked at without a decision.
    looked_at: u16,
    /// Whether no protocol was found.
    unknown: bool,
    /// Whether what is held may still be all of one protocol.
    hopeful: bool,
    /// Whether the flow was looked at a second time.
    looked_twice: bool,
    /// A protocol that the flow has stopped following.
    refused: Option<ProtocolId>,
    /// The protocol that was tried last, to name it should it fail.
    tried: Option<ProtocolId>,
}

/// A protocol found, and why it is believed.
#[derive(Clone, Copy, Debug)]
struct Verdict {
    protocol: ProtocolId,
    by: IdentifiedBy,
    confidence: u8,
    votes: Sides<i32>,
    /// Whether something that is held is no PDU of it: the PDUs are searched for.
    astray: bool,
}

impl Application {
    /// Whether the flow's protocol is known.
    pub const fn is_identified(&self) -> bool {
        self.session.is_some()
    }

    /// Whether payloads wait for a decision, or requests for an answer.
    #[inline]
    pub fn is_waiting(&self) -> bool {
        self.held.is_some() || self.session.as_ref().is_some_and(|session| session.is_waiting())
    }

    /// Whether it is not yet decided whose flow it is.
    pub const fn is_undecided(&self) -> bool {
        self.session.is_none() && !self.unknown && self.looked_at > 0
    }

    /// The flow's session.
    pub fn session_mut(&mut self) -> Option<&mut Session> {
        self.session.as_deref_mut()
    }

    /// The first frame that is held.
    pub fn oldest_held(&self) -> Option<FrameId> {
        self.held.as_ref().and_then(|held| held.payloads.first()).map(|payload| payload.frame)
    }

    /// Takes the next bytes of a flow in.
    #[inline]
    pub fn payload(
        &mut self,
        direction: Direction,
        chunk: &Chunk<'_>,
        view: &View<'_>,
        work: &mut Work<'_>,
    ) {
        match &mut self.session {
            Some(session) => {
                feed(session, direction, chunk, view, work);
                if !session.follows() {
                    self.leave(direction, chunk, view, work);
                }
            }
            None => self.look(direction, chunk, view, work),
        }
    }

    /// Takes what reassembly hands on.
    #[inline]
    pub fn step(
        &mut self,
        direction: Direction,
        step: Step<'_>,
        view: &View<'_>,
        work: &mut Work<'_>,
    ) {
        match step {
            Step::Bytes(chunk) => {
                if !chunk.bytes.is_empty() {
                    self.payload(direction, &chunk, view, work);
                }
            }
            Step::Lost(lost) => self.gap(direction, lost, work),
            Step::Repeat(chunk) => {
                if let Some(session) = &mut self.session {
                    session.repeat(direction, &chunk, work);
                } else if let Some(held) = &mut self.held
                    && let Some(first) = held.differing(direction, &chunk)
                {
                    let count = &mut work.counters.tcp_overlap_conflicts;
                    *count = count.saturating_add(1);
                    held.conflict(direction, (first, chunk.frame));
                }
            }
            Step::Conflict(first, copy) => {
                if let Some(session) = &mut self.session {
                    session.conflict(direction, (first, copy), work);
                } else if let Some(held) = &mut self.held {
                    held.conflict(direction, (first, copy));
                }
            }
        }
    }

    /// Bytes of a direction were not seen.
    pub fn gap(&mut self, direction: Direction, lost: Option<u32>, work: &mut Work<'_>) {
        if let Some(session) = &mut self.session {
            session.gap(direction, lost, work);
        } else if let Some(held) = &mut self.held {
            *held.gaps.get_mut(direction) = true;
        } else if self.unknown && !self.looked_twice {
            self.look_again();
        }
    }

    const fn look_again(&mut self) {
        self.unknown = false;
        self.looked_twice = true;
        self.looked_at = 0;
        self.unseen = 0;
    }

    /// A payload of a flow whose protocol is not known.
    fn look(
        &mut self,
        direction: Direction,
        chunk: &Chunk<'_>,
        view: &View<'_>,
        work: &mut Work<'_>,
    ) {
        if self.unknown {
            let len = u32::try_from(chunk.bytes.len()).unwrap_or(u32::MAX);
            self.unseen = self.unseen.saturating_add(len);
            if self.unseen < SECOND_LOOK || self.looked_twice {
                return;
            }
            self.look_again();
        }
        self.looked_at = self.looked_at.saturating_add(1);
        let (strong, weak) = self.probe(direction, chunk, view, work.counters);
        if let Some(protocol) = strong {
            let sender = sender_of(protocol, chunk.bytes, &context(direction, chunk, view));
            let mut votes = Sides::default();
            vote(&mut votes, direction, sender);
            let astray = self.held.as_deref().is_some_and(|held| {
                let mut sink = work.sinks.take(0);
                let judgement = weigh(protocol, held, view, &mut sink);
                work.sinks.put(0, sink);
                judgement.misfit > 0
            });
            let verdict =
                Verdict { protocol, by: IdentifiedBy::Probe, confidence: 90, votes, astray };
            self.identify(&verdict, view, work);
            return self.payload(direction, chunk, view, work);
        }
        let limits = work.limits;
        if weak != 0 || self.held.is_some() {
            self.hold(direction, chunk, weak, work);
            let count = self.held.as_ref().map_or(0, |held| held.payloads.len());
            // Crumbs of a few bytes are not worth a judgement each, and the more there are
            // the less one of them changes.
            let seldom = CRUMBS.max((count >> 3).next_power_of_two());
            if (count <= limits.held_payloads || count.is_multiple_of(seldom))
                && let Some(verdict) = self.judge(view, work, false)
            {
                return self.identify(&verdict, view, work);
            }
        }
        let undecided = match &self.held {
            None => usize::from(self.looked_at) >= limits.held_payloads,
            Some(held) => {
                let crumbs = held.bytes.len() < held.payloads.len().saturating_mul(CRUMBS);
                let most = match (crumbs, self.hopeful) {
                    // Their bytes are the bound.
                    (true, true) => usize::MAX,
                    (true, false) => limits.held_payloads.saturating_mul(CRUMBS),
                    (false, _) => limits.held_payloads,
                };
                held.payloads.len() >= most
                    || DIRECTIONS.iter().any(|side| *held.sides.get(*side) >= limits.held_bytes)
                    || work.waiting.held > limits.held_total
            }
        };
        if undecided {
            self.drop_held(work);
            self.unknown = true;
        }
    }

    /// Tries every protocol on a payload: the strongest, and all that are plausible.
    fn probe(
        &mut self,
        direction: Direction,
        chunk: &Chunk<'_>,
        view: &View<'_>,
        counters: &mut Counters,
    ) -> (Option<ProtocolId>, u64) {
        let cx = context(direction, chunk, view);
        let mut weak = 0u64;
        // A protocol's own port first, then the longer message.
        let mut best: Option<((bool, usize), ProtocolId)> = None;
        let mut strong = 0u8;
        for (bit, protocol) in candidates(view, self.refused) {
            self.tried = Some(protocol);
            match protocol.probe(chunk.bytes, &cx) {
                Probe::No if is_exact(protocol, chunk.bytes, &cx, view) => weak |= bit,
                Probe::No => {}
                Probe::NeedMore | Probe::Weak => weak |= bit,
                Probe::Strong => {
                    let length = match protocol.frame(chunk.bytes, &cx) {
                        Frame::Pdu(n) => n,
                        Frame::NeedBytes(_) | Frame::Skip(_) | Frame::Bad(_) => 0,
                    };
                    let allowed = is_registered(protocol, view)
                        || protocol.registration().off_port != OffPort::Never;
                    if !allowed {
                        continue;
                    }
                    strong = strong.saturating_add(1);
                    let rank = (is_registered(protocol, view), length);
                    if best.is_none_or(|(before, _)| rank > before) {
                        best = Some((rank, protocol));
                    }
                }
            }
        }
        if strong > 1 {
            counters.ambiguous_flows = counters.ambiguous_flows.saturating_add(1);
        }
        (best.map(|(_, protocol)| protocol), weak)
    }

    fn hold(
        &mut self,
        direction: Direction,
        chunk: &Chunk<'_>,
        candidates: u64,
        work: &mut Work<'_>,
    ) {
        if work.pdu_log && self.held.is_none() {
            work.waiting.begin(chunk.frame);
        }
        let held = self.held.get_or_insert_default();
        held.candidates |= candidates;
        let before = held.cost();
        held.push(direction, chunk);
        let added = held.cost().saturating_sub(before);
        work.waiting.held = work.waiting.held.saturating_add(added);
    }

    /// Takes the held payloads out.
    fn take_held(&mut self, work: &mut Work<'_>) -> Option<Box<Held>> {
        let oldest = self.oldest_held();
        let held = self.held.take()?;
        work.waiting.held = work.waiting.held.saturating_sub(held.bytes.len());
        if work.pdu_log
            && let Some(oldest) = oldest
        {
            work.waiting.end(oldest);
        }
        Some(held)
    }

    fn drop_held(&mut self, work: &mut Work<'_>) {
        if let Some(held) = self.take_held(work) {
            let count = u64::try_from(held.payloads.len()).unwrap_or_default();
            work.counters.held_dropped = work.counters.held_dropped.saturating_add(count);
        }
    }

    /// Decides what the held payloads are. At the end of a flow, or when they have
    /// waited long, whole PDUs on their own port are enough.
    fn judge(&mut self, view: &View<'_>, work: &mut Work<'_>, last: bool) -> Option<Verdict> {
        let held = self.held.as_deref()?;
        let tried = &mut self.tried;
        let mut sink = work.sinks.take(0);
        let mut best: Option<Verdict> = None;
        let mut only = None;
        let mut hopeful = false;
        for (bit, protocol) in candidates(view, self.refused) {
            if held.candidates & bit == 0 {
                continue;
            }
            let registered = is_registered(protocol, view);
            if !registered && protocol.registration().off_port == OffPort::Never {
                continue;
            }
            *tried = Some(protocol);
            let judgement = weigh(protocol, held, view, &mut sink);
            hopeful |= judgement.misfit == 0;
            let (client, _) = client_of(protocol, &judgement.votes, view);
            let place = place_of(protocol, client, view, work.servers);
            let Some((by, confidence)) = decide(&judgement, protocol, place, last) else {
                // What is judged once more at its end was counted when it came.
                if place == Place::Elsewhere && !last && judgement.is_one_exchange() {
                    only.get_or_insert((protocol, client, judgement.votes));
                }
                continue;
            };
            if best.is_none_or(|best| confidence > best.confidence) {
                let astray = judgement.misfit > 0;
                best = Some(Verdict { protocol, by, confidence, votes: judgement.votes, astray });
            }
        }
        work.sinks.put(0, sink);
        self.hopeful = hopeful;
        best.or_else(|| {
            let (protocol, client, votes) = only?;
            add_exchange(protocol, client, view, work).then_some(Verdict {
                protocol,
                by: IdentifiedBy::Pairing,
                confidence: 80,
                votes,
                astray: false,
            })
        })
    }

    /// Takes a flow for a protocol and dissects what was held.
    fn identify(&mut self, verdict: &Verdict, view: &View<'_>, work: &mut Work<'_>) {
        let (client, roles) = client_of(verdict.protocol, &verdict.votes, view);
        let identity = view.identity;
        let transport = identity.key.transport();
        let facts = FlowFacts {
            id: identity.id,
            client: identity.key.sender(client, *identity.macs.get(client)),
            server: identity.key.sender(client.reverse(), *identity.macs.get(client.reverse())),
            vlan: identity.key.vlan(),
            interface: identity.interface,
            transport,
            protocol: Some(verdict.protocol),
            identified_by: Some(verdict.by),
            confidence: verdict.confidence,
            frame: identity.frame,
        };
        let seeks = transport == Transport::Tcp && (view.midstream || verdict.astray);
        let mut session = Session::new(verdict.protocol, Arc::new(facts), client, roles, seeks);
        let (_, server_port) = identity.key.ports(client);
        let ports = ports_of(verdict.protocol, transport);
        if !ports.is_empty() && !is_registered(verdict.protocol, view) {
            session.note(Anomaly::NonstandardPort);
            let others = ProtocolId::ALL.iter().filter(|other| **other != verdict.protocol);
            if others.into_iter().any(|other| ports_of(*other, transport).contains(&server_port)) {
                session.note(Anomaly::PortMismatch);
            }
        }
        let shown = matches!(verdict.by, IdentifiedBy::Pairing | IdentifiedBy::Probe);
        if shown
            && verdict.confidence >= LEARNT
            && !ports.contains(&server_port)
            && let Some(server) = identity.key.server(client)
        {
            let evicted = work.servers.learn(server, verdict.protocol);
            count_evicted(evicted, work.counters);
        }
        work.counters.identified_flows = work.counters.identified_flows.saturating_add(1);
        work.waiting.sessions = work.waiting.sessions.saturating_add(1);
        let held = self.take_held(work);
        let first = held.as_ref().and_then(|held| held.payloads.first());
        let time_ns = first.map_or(work.now_ns, |payload| payload.time_ns);
        work.observer.identified(&session.facts, &mut session.memo, time_ns);
        for (direction, frames) in held.iter().flat_map(|held| &held.conflicts) {
            session.conflict(*direction, *frames, work);
        }
        self.session = Some(Box::new(session));
        let Some(held) = held else { return };
        let now_ns = work.now_ns;
        for (payload, bytes) in held.iter() {
            // What was held long is not late: its answer may be held behind it.
            work.now_ns = payload.time_ns;
            let chunk = Chunk {
                bytes,
                frame: payload.frame,
                earlier: &payload.earlier,
                time_ns: payload.time_ns,
                sequence: payload.sequence,
                start: payload.start,
                cut: payload.cut,
            };
            if payload.after_gap {
                self.gap(payload.direction, None, work);
            }
            self.payload(payload.direction, &chunk, view, work);
        }
        work.now_ns = now_ns;
    }

    /// The flow stopped following its protocol: the others are tried.
    #[cold]
    fn leave(
        &mut self,
        direction: Direction,
        chunk: &Chunk<'_>,
        view: &View<'_>,
        work: &mut Work<'_>,
    ) {
        let Some(mut session) = self.session.take() else { return };
        if let Some(server) = view.identity.key.server(session.client()) {
            work.servers.forget(server, session.protocol());
        }
        session.violation(chunk.frame, chunk.time_ns, work);
        session.finish(view, work);
        work.waiting.sessions = work.waiting.sessions.saturating_sub(1);
        work.counters.unpinned_flows = work.counters.unpinned_flows.saturating_add(1);
        if self.refused.is_some() {
            self.unknown = true;
            self.looked_twice = true;
            return;
        }
        self.refused = Some(session.protocol());
        self.look_again();
        self.look(direction, chunk, view, work);
    }

    /// Decides a flow whose payloads have waited long: nothing more may come.
    pub fn decide_late(&mut self, view: &View<'_>, work: &mut Work<'_>) {
        let first = self.held.as_ref().and_then(|held| held.payloads.first());
        if first.is_some_and(|first| waited_ns(work.now_ns, first.time_ns) > HOLD_NS)
            && let Some(verdict) = self.judge(view, work, true)
        {
            self.identify(&verdict, view, work);
        }
    }

    /// Decides what is held, at the end of the flow.
    pub fn decide_last(&mut self, view: &View<'_>, work: &mut Work<'_>) {
        match self.judge(view, work, true) {
            Some(verdict) => self.identify(&verdict, view, work),
            None => self.drop_held(work),
        }
    }

    /// Ends the session, and hands it over.
    pub fn end_session(&mut self, view: &View<'_>, work: &mut Work<'_>) -> Option<Box<Session>> {
        let mut session = self.session.take()?;
        session.finish(view, work);
        work.waiting.sessions = work.waiting.sessions.saturating_sub(1);
        Some(session)
    }

    /// A dissector failed while it worked on this flow.
    #[cold]
    pub fn fault(&mut self, work: &mut Work<'_>) {
        match &mut self.session {
            Some(session) => session.fault(work),
            None => {
                self.drop_held(work);
                self.unknown = true;
                self.looked_twice = true;
                if let Some(tried) = self.tried {
                    Counters::count(&mut work.counters.panics, tried);
                }
            }
        }
    }
}

#[inline]
fn feed(
    session: &mut Session,
    direction: Direction,
    chunk: &Chunk<'_>,
    view: &View<'_>,
    work: &mut Work<'_>,
) {
    match view.identity.key.transport() {
        Transport::Tcp | Transport::Serial => session.stream(direction, chunk, view, work),
        Transport::Udp | Transport::Ethernet => session.datagram(direction, chunk, view, work),
    }
}
