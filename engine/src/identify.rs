//! Which dissector owns a flow: by structure, with the port as a hint.
//!
//! A strong mark decides at once. What is only plausible is held, and decided by
//! requests and answers that fit, or by several PDUs in a row on the protocol's
//! own port, or on the port of a server that is known from other flows. Then everything held is dissected as if the flow had been known
//! from its start, so that the first request is not lost. What stays undecided
//! is unknown, and is looked at once more after a gap or much traffic.

use std::sync::Arc;

use dissectors::anomaly::Anomaly;
use dissectors::dissector::{
    Context, Direction, Frame, FrameId, OffPort, Probe, Sender, Transport,
};
use dissectors::pdu::Role;
use dissectors::registry::{FlowState, ProtocolId};
use dissectors::sink::Sink;

use crate::counters::Counters;
use crate::dissect::{RoleSource, Session, View, Work};
use crate::flow::{DIRECTIONS, Sides};
use crate::known_servers::KnownServers;
use crate::observation::{FlowFacts, IdentifiedBy};
use crate::reassembly::{Chunk, Step};

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
    /// Whether the flow was looked at a second time.
    looked_twice: bool,
    /// A protocol that the flow has stopped following.
    refused: Option<ProtocolId>,
    /// The protocol that was tried last, to name it should it fail.
    tried: Option<ProtocolId>,
}

/// Payloads that wait until their flow is identified.
#[derive(Debug, Default)]
pub(crate) struct Held {
    bytes: Vec<u8>,
    payloads: Vec<Payload>,
    sides: Sides<usize>,
    /// Directions in which bytes are missing before the next payload.
    gaps: Sides<bool>,
    /// Protocols that one of them may be, as bits in the order of the registry.
    candidates: u64,
}

#[derive(Debug)]
struct Payload {
    direction: Direction,
    end: usize,
    frame: FrameId,
    earlier: Box<[FrameId]>,
    time_ns: i64,
    sequence: u32,
    start: bool,
    after_gap: bool,
}

impl Held {
    /// Memory that it takes, in bytes.
    const fn cost(&self) -> usize {
        let payloads = self.payloads.len().saturating_mul(size_of::<Payload>());
        self.bytes.len().saturating_add(payloads)
    }

    /// The payloads in the order in which they came.
    fn iter(&self) -> impl Iterator<Item = (&Payload, &[u8])> {
        let mut start = 0usize;
        self.payloads.iter().map(move |payload| {
            let bytes = self.bytes.get(start..payload.end).unwrap_or_default();
            start = payload.end;
            (payload, bytes)
        })
    }

    fn push(&mut self, direction: Direction, chunk: &Chunk<'_>) {
        let after_gap = std::mem::take(self.gaps.get_mut(direction));
        self.bytes.extend_from_slice(chunk.bytes);
        let side = self.sides.get_mut(direction);
        *side = side.saturating_add(chunk.bytes.len());
        self.payloads.push(Payload {
            direction,
            end: self.bytes.len(),
            frame: chunk.frame,
            earlier: chunk.earlier.into(),
            time_ns: chunk.time_ns,
            sequence: chunk.sequence,
            start: chunk.start,
            after_gap,
        });
    }
}

/// What held payloads are worth as one protocol.
#[derive(Clone, Copy, Debug, Default)]
struct Judgement {
    strong: bool,
    pairs: u32,
    pdus: Sides<u32>,
    /// Bytes that are no PDU, or the beginning of one without its end.
    misfit: usize,
    open_end: bool,
    /// PDUs that must come from the client, less those from the server, by direction.
    votes: Sides<i32>,
}

impl Judgement {
    /// Whether all there is is one request and its answer.
    const fn is_one_exchange(&self) -> bool {
        self.pairs == 1
            && self.pdus.a_to_b == 1
            && self.pdus.b_to_a == 1
            && self.misfit == 0
            && !self.open_end
    }
}

/// A protocol found, and why it is believed.
#[derive(Clone, Copy, Debug)]
struct Verdict {
    protocol: ProtocolId,
    by: IdentifiedBy,
    confidence: u8,
    votes: Sides<i32>,
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
                    session.repeat(direction, &chunk, work.counters);
                }
            }
            Step::Conflict => {
                if let Some(session) = &mut self.session {
                    session.note(Anomaly::OverlapConflict);
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
            let verdict = Verdict { protocol, by: IdentifiedBy::Probe, confidence: 90, votes };
            self.identify(&verdict, view, work);
            return self.payload(direction, chunk, view, work);
        }
        let limits = work.limits;
        if weak != 0 || self.held.is_some() {
            self.hold(direction, chunk, weak, work);
            let count = self.held.as_ref().map_or(0, |held| held.payloads.len());
            // Crumbs of a few bytes are not worth a judgement each.
            if (count <= limits.held_payloads || count.is_multiple_of(CRUMBS))
                && let Some(verdict) = self.judge(view, work, false)
            {
                return self.identify(&verdict, view, work);
            }
        }
        let undecided = match &self.held {
            None => usize::from(self.looked_at) >= limits.held_payloads,
            Some(held) => {
                let most = if held.bytes.len() < held.payloads.len().saturating_mul(CRUMBS) {
                    limits.held_payloads.saturating_mul(CRUMBS)
                } else {
                    limits.held_payloads
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
                best = Some(Verdict { protocol, by, confidence, votes: judgement.votes });
            }
        }
        work.sinks.put(0, sink);
        best.or_else(|| {
            let (protocol, client, votes) = only?;
            add_exchange(protocol, client, view, work).then_some(Verdict {
                protocol,
                by: IdentifiedBy::Pairing,
                confidence: 80,
                votes,
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
            transport,
            protocol: Some(verdict.protocol),
            identified_by: Some(verdict.by),
            confidence: verdict.confidence,
        };
        let midstream = transport == Transport::Tcp && view.midstream;
        let mut session = Session::new(verdict.protocol, Arc::new(facts), client, roles, midstream);
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
        self.session = Some(Box::new(session));
        let Some(held) = held else { return };
        for (payload, bytes) in held.iter() {
            let chunk = Chunk {
                bytes,
                frame: payload.frame,
                earlier: &payload.earlier,
                time_ns: payload.time_ns,
                sequence: payload.sequence,
                start: payload.start,
            };
            if payload.after_gap {
                self.gap(payload.direction, None, work);
            }
            self.payload(payload.direction, &chunk, view, work);
        }
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
        if first.is_some_and(|first| work.now_ns.saturating_sub(first.time_ns) > HOLD_NS)
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

/// The ports of a protocol.
const fn ports_of(protocol: ProtocolId, transport: Transport) -> &'static [u16] {
    match transport {
        Transport::Tcp => protocol.registration().tcp,
        Transport::Udp => protocol.registration().udp,
        Transport::Ethernet | Transport::Serial => &[],
    }
}

/// Whether one end of the flow has a port of the protocol. A serial line has no
/// ports, and every protocol is at home there.
fn is_registered(protocol: ProtocolId, view: &View<'_>) -> bool {
    let transport = view.identity.key.transport();
    let (a, b) = view.identity.key.ports(Direction::AToB);
    let ports = ports_of(protocol, transport);
    transport == Transport::Serial || ports.contains(&a) || ports.contains(&b)
}

/// Where a flow is, seen from a protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// On a port of the protocol.
    OwnPort,
    /// At a server of which other flows have shown that it speaks the protocol.
    KnownServer,
    /// Anywhere else.
    Elsewhere,
}

fn place_of(
    protocol: ProtocolId,
    client: Direction,
    view: &View<'_>,
    servers: &mut KnownServers,
) -> Place {
    if is_registered(protocol, view) {
        return Place::OwnPort;
    }
    match view.identity.key.server(client) {
        Some(server) if servers.knows(server, protocol) => Place::KnownServer,
        Some(_) | None => Place::Elsewhere,
    }
}

/// Adds the only exchange of a flow to those of its server; whether that makes the
/// server known.
fn add_exchange(
    protocol: ProtocolId,
    client: Direction,
    view: &View<'_>,
    work: &mut Work<'_>,
) -> bool {
    let key = &view.identity.key;
    let (client_port, _) = key.ports(client);
    let Some(server) = key.server(client) else { return false };
    let (known, evicted) = work.servers.exchange(server, protocol, client_port);
    count_evicted(evicted, work.counters);
    known
}

fn count_evicted(evicted: bool, counters: &mut Counters) {
    let count = &mut counters.known_servers_evicted;
    *count = count.saturating_add(u64::from(evicted));
}

/// Whether the rest of a segment is whole messages by their own lengths, on the port
/// of the protocol: what breaks a rule of its function is a malformed message there,
/// not another protocol.
fn is_exact(protocol: ProtocolId, bytes: &[u8], cx: &Context<'_>, view: &View<'_>) -> bool {
    if view.identity.key.transport() != Transport::Tcp || !is_registered(protocol, view) {
        return false;
    }
    let mut rest = bytes;
    while let Frame::Pdu(n @ 1..) = protocol.frame(rest, cx) {
        match rest.get(n..) {
            Some([]) => return true,
            Some(next) => rest = next,
            None => return false,
        }
    }
    false
}

/// The protocols that may own a flow, with their bits: those that no other
/// protocol has to hand its bytes to.
fn candidates(
    view: &View<'_>,
    refused: Option<ProtocolId>,
) -> impl Iterator<Item = (u64, ProtocolId)> {
    let transport = view.identity.key.transport();
    ProtocolId::ALL.iter().copied().filter_map(move |protocol| {
        let facts = protocol.registration();
        let direct = facts.parents.is_empty() || !ports_of(protocol, transport).is_empty();
        let bit = 1u64.checked_shl(protocol as u32)?;
        (direct && refused != Some(protocol)).then_some((bit, protocol))
    })
}

fn context<'a>(direction: Direction, chunk: &Chunk<'_>, view: &View<'_>) -> Context<'a> {
    let (source_port, destination_port) = view.identity.key.ports(direction);
    Context {
        direction,
        source_port,
        destination_port,
        time_ns: chunk.time_ns,
        segment_start: chunk.start,
        ..Context::bare(view.identity.key.transport())
    }
}

/// Which side sent the first PDU of `bytes`.
fn sender_of(protocol: ProtocolId, bytes: &[u8], cx: &Context<'_>) -> Sender {
    match protocol.frame(bytes, cx) {
        Frame::Pdu(n) => protocol.sender(bytes.get(..n).unwrap_or(bytes), cx),
        Frame::NeedBytes(_) | Frame::Skip(_) | Frame::Bad(_) => Sender::Unknown,
    }
}

const fn vote(votes: &mut Sides<i32>, direction: Direction, sender: Sender) {
    let vote = votes.get_mut(direction);
    *vote = match sender {
        Sender::Client => vote.saturating_add(1),
        Sender::Server => vote.saturating_sub(1),
        Sender::Unknown => *vote,
    };
}

/// Who is the client: the SYN says so, else what the PDUs are, else the ports,
/// else who spoke first. What the PDUs are comes before the SYN where each of
/// them names its sender: a DNP3 outstation may open the connection.
fn client_of(protocol: ProtocolId, votes: &Sides<i32>, view: &View<'_>) -> (Direction, RoleSource) {
    let for_a = votes.a_to_b.saturating_sub(votes.b_to_a);
    match (view.syn, for_a) {
        (Some(opener), _) if !protocol.names_sender() => (opener, RoleSource::Syn),
        (_, 1..) => (Direction::AToB, RoleSource::Bytes),
        (_, ..0) => (Direction::BToA, RoleSource::Bytes),
        (Some(opener), 0) => (opener, RoleSource::Syn),
        (None, 0) => (client_by_port(view, Some(protocol)), RoleSource::Port),
    }
}

/// Who is the client as far as ports tell.
pub(crate) fn client_by_port(view: &View<'_>, protocol: Option<ProtocolId>) -> Direction {
    let key = &view.identity.key;
    let transport = key.transport();
    let (a, b) = key.ports(Direction::AToB);
    let is_own = |port: &u16| match protocol {
        Some(protocol) => ports_of(protocol, transport).contains(port),
        None => ProtocolId::ALL.iter().any(|any| ports_of(*any, transport).contains(port)),
    };
    match (is_own(&a), is_own(&b)) {
        (true, false) => Direction::BToA,
        (false, true) => Direction::AToB,
        _ if a < b => Direction::BToA,
        _ if b < a => Direction::AToB,
        _ => view.first,
    }
}

/// Holds payloads against one protocol, as dissecting them would.
fn weigh(protocol: ProtocolId, held: &Held, view: &View<'_>, sink: &mut Sink) -> Judgement {
    let mut judgement = Judgement::default();
    let mut state = FlowState::new(protocol);
    let mut streams = Sides::<Vec<u8>>::default();
    let mut open: Vec<(u64, Direction)> = Vec::new();
    let datagrams = view.identity.key.transport() == Transport::Udp;
    for (payload, bytes) in held.iter() {
        let stream = streams.get_mut(payload.direction);
        if datagrams || payload.after_gap {
            judgement.misfit = judgement.misfit.saturating_add(stream.len());
            stream.clear();
        }
        let mut start = stream.is_empty();
        stream.extend_from_slice(bytes);
        let mut at = 0usize;
        while at < stream.len() {
            let here = stream.get(at..).unwrap_or_default();
            let chunk = Chunk {
                bytes: here,
                frame: payload.frame,
                earlier: &[],
                time_ns: payload.time_ns,
                sequence: payload.sequence,
                start,
            };
            let cx = context(payload.direction, &chunk, view);
            let probe = protocol.probe(here, &cx);
            let framed = match probe {
                Probe::No if !is_exact(protocol, here, &cx, view) => Frame::Bad(Anomaly::Malformed),
                Probe::No | Probe::NeedMore | Probe::Weak | Probe::Strong => {
                    protocol.frame(here, &cx)
                }
            };
            match framed {
                Frame::Pdu(n) if n >= 1 && n <= here.len() && probe != Probe::NeedMore => {
                    let pdu = here.get(..n).unwrap_or_default();
                    vote(&mut judgement.votes, payload.direction, protocol.sender(pdu, &cx));
                    let count = judgement.pdus.get_mut(payload.direction);
                    *count = count.saturating_add(1);
                    judgement.strong |= probe == Probe::Strong;
                    sink.begin(protocol);
                    state.decode(pdu, &cx, sink);
                    for pdu in sink.pdus() {
                        let Some(key) = pdu.pairing_key else { continue };
                        let asked = (key, payload.direction.reverse());
                        let found = open.iter().position(|open| *open == asked);
                        // What fits both sides, as the echo of a write does, asks
                        // first and answers then.
                        match (pdu.role, found) {
                            (Role::Request, _) | (Role::Unknown, None) => {
                                open.push((key, payload.direction));
                            }
                            (Role::Response | Role::Unknown, Some(found)) => {
                                open.remove(found);
                                judgement.pairs = judgement.pairs.saturating_add(1);
                            }
                            (Role::Response | Role::Event, _) => {}
                        }
                    }
                    at = at.saturating_add(n);
                }
                Frame::Skip(n) if n >= 1 => at = at.saturating_add(n),
                Frame::NeedBytes(_) => break,
                Frame::Pdu(_) if probe == Probe::NeedMore => break,
                Frame::Pdu(_) | Frame::Skip(_) | Frame::Bad(_) => {
                    // The next segment may begin with a PDU.
                    judgement.misfit = judgement.misfit.saturating_add(here.len());
                    at = stream.len();
                }
            }
            start = false;
        }
        stream.drain(..at.min(stream.len()));
    }
    judgement.open_end = DIRECTIONS.iter().any(|side| !streams.get(*side).is_empty());
    judgement
}

/// The table of evidence: what is believed of a protocol, and how far.
fn decide(
    judgement: &Judgement,
    protocol: ProtocolId,
    place: Place,
    last: bool,
) -> Option<(IdentifiedBy, u8)> {
    let Judgement { strong, pairs, pdus, misfit, open_end, .. } = *judgement;
    let total = pdus.a_to_b.saturating_add(pdus.b_to_a);
    // Of both sides one more: some of their PDUs should have fitted.
    let enough = if pdus.a_to_b == 0 || pdus.b_to_a == 0 { 3 } else { 4 };
    let whole = total >= 1 && !open_end;
    let in_a_row = misfit == 0 && (total >= enough || (last && whole));
    let paired = protocol.registration().off_port == OffPort::Paired;
    if strong {
        Some((IdentifiedBy::Probe, 90))
    } else {
        match place {
            Place::OwnPort if pairs >= 1 => Some((IdentifiedBy::Pairing, 90)),
            Place::OwnPort if in_a_row => Some((IdentifiedBy::Port, 60)),
            Place::KnownServer if pairs >= 1 || in_a_row => Some((IdentifiedBy::Association, 90)),
            Place::Elsewhere if paired && pairs >= 2 => Some((IdentifiedBy::Pairing, 80)),
            Place::OwnPort | Place::KnownServer | Place::Elsewhere => None,
        }
    }
}
