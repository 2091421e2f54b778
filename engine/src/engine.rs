//! The pipeline: every stage in its order, for one frame after the other.
//!
//! ```text
//! decode ─► duplicate ─► defragment ─► flow ─► reassembly ─► identify ─► dissect
//!                                                     pairing ─► observer ◄─┘
//! ```
//!
//! Time is the running maximum of packet times. A frame from the past keeps its
//! own time in what it says; durations never run backwards.

mod watch;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use dissectors::anomaly::Anomaly;
use dissectors::dissector::{Direction, FrameId, Transport};

use crate::arp::{Arps, Message};
use crate::capture::Frame;
use crate::counters::Counters;
use crate::decode::{decode_fragments, decode_frame};
use crate::delta::Deltas;
use crate::dissect::{Sinks, View, Waits, Work};
use crate::duplicate::DuplicateFilter;
use crate::flow::{DIRECTIONS, Flow, FlowKey, FlowTable, Parts, Room, Settled};
use crate::fragment::Defragmenter;
use crate::identify::{Application, client_by_port};
use crate::interface::{ALONE, Interfaces};
use crate::known_servers::KnownServers;
use crate::limits::Limits;
use crate::mirror::Mirrors;
use crate::observation::{FlowFacts, KnownConversation, Observation};
use crate::observer::{Asked, FlowMemo, Observer};
use crate::packet::{Ip, Link, Packet, Payload, Tcp};
use crate::pdu_log::PduLogging;
use crate::reassembly::{Chunk, Reassembly, Segment, Step, opens_anew};
use crate::shift::Shifts;

/// Packet time between two sweeps over the flows.
const TICK_NS: i64 = 1_000_000_000;
/// How far a frame may lie behind those before it without being counted.
const BACKWARDS_NS: i64 = 1_000_000_000;
/// The link type of a serial line that may carry any protocol.
const SERIAL_ANY: u16 = 250;

/// What a run of the engine is to do.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The bounds.
    pub limits: Limits,
    /// Whether the second copies of mirrored packets are analysed too.
    pub keep_duplicates: bool,
    /// Whether every PDU is written to the log, see [`Engine::take_pdus`].
    pub pdu_log: PduLogging,
    /// Whether it is said what happens to rhythms, and what stays unanswered.
    pub rhythm: bool,
    /// Whether it is said how well interfaces and conversations were seen.
    pub health: bool,
    /// Whether it is said which senders may not be who they say.
    pub spoof: bool,
    /// Whether it is told what objects held before a change.
    pub previous: bool,
    /// Whether a behaviour leaves whenever it reads addresses that it did not read before.
    pub ranges: bool,
    /// Packet time after which the counts of everything that changed leave, again
    /// and again; none for at the end alone.
    pub delta_ns: Option<i64>,
}

/// Frames in, observations out.
pub struct Engine {
    limits: Limits,
    keep_duplicates: bool,
    pdu_log: bool,
    /// Whether interfaces are watched.
    watches: bool,
    deltas: Option<Deltas>,
    spoof: Option<Box<Spoof>>,
    interfaces: Interfaces,
    mirrors: Mirrors,
    now_ns: Option<i64>,
    ticked_ns: i64,
    counters: Counters,
    duplicates: DuplicateFilter,
    fragments: Defragmenter,
    flows: FlowTable,
    reassembly: Reassembly,
    sinks: Sinks,
    waiting: Waits,
    servers: KnownServers,
    observer: Observer,
}

/// What is remembered to tell forged packets.
#[derive(Default)]
struct Spoof {
    arps: Arps,
    shifts: Shifts,
}

/// Where a packet came from.
#[derive(Clone, Copy)]
struct Arrival<'a> {
    frame: FrameId,
    earlier: &'a [FrameId],
    time_ns: i64,
    wire_len: u32,
    /// Whether fragments of it disagreed about its bytes.
    conflict: bool,
}

impl Engine {
    /// An engine that has seen nothing.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let Options {
            limits,
            keep_duplicates,
            pdu_log,
            rhythm,
            health,
            spoof,
            previous,
            ranges,
            delta_ns,
        } = options;
        Self {
            keep_duplicates,
            pdu_log: pdu_log != PduLogging::Off,
            watches: rhythm || health,
            deltas: delta_ns.map(Deltas::every),
            spoof: spoof.then(Box::default),
            interfaces: Interfaces::new(health),
            mirrors: Mirrors::default(),
            now_ns: None,
            ticked_ns: i64::MIN,
            counters: Counters::new(),
            duplicates: DuplicateFilter::new(&limits),
            fragments: Defragmenter::new(&limits),
            flows: FlowTable::new(&limits),
            reassembly: Reassembly::new(&limits),
            sinks: Sinks::default(),
            waiting: Waits::default(),
            servers: KnownServers::new(limits.known_servers),
            observer: Observer::new(
                &limits,
                &Asked { pdu_log, rhythm, health, spoof, previous, ranges },
            ),
            limits,
        }
    }

    /// Learns what two ends had done before this run, before their first frame.
    pub fn know(&mut self, known: &KnownConversation) {
        self.observer.know(known);
    }

    /// Learns that an earlier run had a behaviour: it leaves, but not as new.
    pub fn know_behaviour(&mut self, id: u128) {
        self.observer.know_behaviour(id);
    }

    /// Learns the period and the deviation that a rhythm had in an earlier run.
    pub fn know_rhythm(&mut self, id: u128, period_ns: f64, deviation_ns: f64) {
        self.observer.know_rhythm(id, period_ns, deviation_ns);
    }

    /// Takes the next frame in.
    pub fn push(&mut self, frame: &Frame<'_>) {
        let arrival = Arrival {
            frame: FrameId { file: frame.file, number: frame.number },
            earlier: &[],
            time_ns: frame.time_ns,
            wire_len: frame.original_len,
            conflict: false,
        };
        self.counters.frames = self.counters.frames.saturating_add(1);
        self.counters.bytes = self.counters.bytes.saturating_add(frame.original_len.into());
        self.interfaces.switch(frame, &self.counters);
        if self.watches {
            self.interfaces.frame(frame, &self.counters);
        }
        self.advance(frame.time_ns);
        if self.pdu_log {
            self.observer.frame(arrival.frame, self.waiting.oldest());
        }
        self.mirrors.switch(self.interfaces.current());
        let packet = decode_frame(
            frame.link_type,
            frame.bytes,
            frame.original_len,
            &mut self.counters,
            Some(&mut self.mirrors),
        );
        if !self.keep_duplicates
            && self.duplicates.is_duplicate(&packet, frame.time_ns, &mut self.counters)
        {
            return;
        }
        self.packet(&packet, arrival, frame.interface);
    }

    /// Lets time pass without a frame. A time before that of the frames changes nothing.
    pub fn tick(&mut self, now_ns: i64) {
        self.advance(now_ns);
    }

    /// Takes note that the capturing machine lost so many frames since the last time:
    /// on the first interface of a line of files, or on that of the latest frame.
    pub fn dropped(&mut self, line: Option<u32>, packets: u64) {
        self.interfaces.dropped(line, packets);
    }

    /// Ends the input: flows end, and everything counted is emitted.
    pub fn finish(&mut self) {
        self.fragments.finish(&mut self.counters);
        let missing = self.mirrors.finish();
        self.counters.mirror_gaps = self.counters.mirror_gaps.saturating_add(missing);
        for slot in self.flows.slots() {
            self.end_flow(slot);
        }
        if self.pdu_log {
            let end = FrameId { file: u32::MAX, number: u64::MAX };
            self.observer.frame(end, None);
        }
        if self.watches {
            self.interfaces.finish(&self.counters);
            for health in self.interfaces.take_news() {
                self.observer.health(health);
            }
        }
        if let Some(spoof) = &mut self.spoof {
            spoof.arps.end();
            self.tell_arps();
        }
        self.observer.finish(&mut self.counters);
    }

    /// Takes the observations made since the last call, oldest first.
    pub fn drain(&mut self) -> Vec<Observation> {
        self.observer.take()
    }

    /// Takes the lines of the PDU log that are in order. Empty without `pdu_log`.
    pub fn take_pdus(&mut self) -> Vec<u8> {
        self.observer.take_pdus()
    }

    /// Counts observations that left the engine and got no further.
    pub const fn count_left_out(&mut self, count: u64) {
        self.counters.suppressed_backlog = self.counters.suppressed_backlog.saturating_add(count);
    }

    /// What was counted so far.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Packet time of the latest frame; none before the first.
    #[must_use]
    pub const fn now_ns(&self) -> Option<i64> {
        self.now_ns
    }

    fn advance(&mut self, time_ns: i64) {
        let now = self.now_ns.unwrap_or(time_ns);
        if now.saturating_sub(time_ns) > BACKWARDS_NS {
            self.counters.time_backwards = self.counters.time_backwards.saturating_add(1);
        }
        let now = now.max(time_ns);
        self.now_ns = Some(now);
        if now.saturating_sub(self.ticked_ns) >= TICK_NS {
            self.ticked_ns = now;
            self.sweep();
        }
    }

    /// Looks at flows whose time has come: idle ones end, and what waited too
    /// long is given up.
    fn sweep(&mut self) {
        let now_ns = self.now_ns.unwrap_or_default();
        let mut turn = self.flows.turn();
        while let Some(slot) = self.flows.next_due(&mut turn, now_ns) {
            self.in_flow(slot, |parts, reassembly, counters, deliver| {
                for direction in DIRECTIONS {
                    reassembly.close_holes(
                        &mut parts.stream,
                        direction,
                        now_ns,
                        counters,
                        &mut |direction, step, counters| {
                            deliver(parts.application, direction, step, &parts.view, counters);
                        },
                    );
                }
            });
            self.with_application(slot, |application, view, work| {
                application.decide_late(view, work);
                if let Some(session) = application.session_mut() {
                    session.give_up_old(view, work);
                }
            });
            if self.flows.settle(slot, now_ns) == Settled::Ends {
                self.end_flow(slot);
            }
        }
        if self.watches {
            self.watch(now_ns);
        }
        if let Some(spoof) = &mut self.spoof {
            spoof.arps.turn(now_ns);
            self.tell_arps();
        }
        if self.deltas.as_mut().is_some_and(|deltas| deltas.is_due(now_ns)) {
            self.tell_deltas();
        }
    }

    fn packet(&mut self, packet: &Packet<'_>, arrival: Arrival<'_>, interface: u32) {
        let Packet { link, payload, .. } = packet;
        match payload {
            Payload::Tcp(ip, tcp) => self.tcp(link, ip, tcp, arrival),
            Payload::Udp(ip, udp) => {
                let ports = (udp.source_port, udp.destination_port);
                let (key, direction) =
                    FlowKey::ip((ip.source, ports.0), (ip.destination, ports.1), link.vlan, false);
                if let Some(slot) = self.flow(key, direction, link, Some(ip), arrival) {
                    self.datagram(slot, direction, (udp.payload, udp.cut), arrival);
                }
            }
            Payload::Fragment(ip, fragment) => {
                let whole = self.fragments.push(
                    link,
                    ip,
                    fragment,
                    arrival.frame,
                    arrival.time_ns,
                    &mut self.counters,
                );
                if let Some(whole) = whole {
                    let packet =
                        decode_fragments(&whole, &mut self.counters, Some(&mut self.mirrors));
                    let arrival = Arrival {
                        earlier: &whole.frames.earlier,
                        conflict: whole.conflict,
                        ..arrival
                    };
                    self.packet(&packet, arrival, interface);
                }
            }
            Payload::Arp { mac, ip, target, reply } => {
                if let Some(spoof) = &mut self.spoof {
                    spoof.arps.note(&Message {
                        mac: *mac,
                        ip: *ip,
                        target: *target,
                        reply: *reply,
                        vlan: link.vlan,
                        interface: self.interfaces.current(),
                        frame: arrival.frame,
                        time_ns: arrival.time_ns,
                    });
                    self.tell_arps();
                }
                let link = Link { source: Some(*mac), ..*link };
                let ip = Ip { source: *ip, destination: *ip, ttl: 0, id: None };
                self.observer.address(&link, Some(&ip), true, arrival.frame, arrival.time_ns);
            }
            Payload::OtherIp(ip, _) => {
                self.observer.address(link, Some(ip), false, arrival.frame, arrival.time_ns);
            }
            Payload::Ethernet { ethertype, bytes, cut } => {
                if let (Some(source), Some(destination)) = (link.source, link.destination) {
                    let (key, direction) =
                        FlowKey::ethernet(source, destination, *ethertype, link.vlan);
                    if let Some(slot) = self.flow(key, direction, link, None, arrival) {
                        self.datagram(slot, direction, (bytes, *cut), arrival);
                    }
                }
            }
            Payload::Serial { link_type: SERIAL_ANY, sent, bytes } => {
                let key = FlowKey::serial(arrival.frame.file, interface);
                let direction =
                    if *sent == Some(false) { Direction::BToA } else { Direction::AToB };
                if let Some(slot) = self.flow(key, direction, link, None, arrival) {
                    self.datagram(slot, direction, (bytes, 0), arrival);
                }
            }
            Payload::Serial { bytes, .. } => {
                let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                self.counters.undecoded("serial_line", len);
            }
            Payload::Nothing(_) => {}
        }
    }

    fn tcp(&mut self, link: &Link, ip: &Ip, tcp: &Tcp<'_>, arrival: Arrival<'_>) {
        let (key, direction) = FlowKey::ip(
            (ip.source, tcp.source_port),
            (ip.destination, tcp.destination_port),
            link.vlan,
            true,
        );
        if tcp.is_opening()
            && let Some(slot) = self.flows.find(&key)
            && self.flows.get_mut(slot).is_some_and(|flow| opens_anew(&flow.halves, direction, tcp))
        {
            self.end_flow(slot);
        }
        let Some(slot) = self.flow(key, direction, link, Some(ip), arrival) else { return };
        if let Some(flow) = self.flows.get_mut(slot) {
            flow.header(direction, tcp);
        }
        if self.watches && (tcp.is_opening() || tcp.is_reset()) {
            self.handshake(slot, direction, tcp, arrival);
        }
        let segment = Segment {
            tcp: *tcp,
            direction,
            frame: arrival.frame,
            earlier: arrival.earlier,
            time_ns: arrival.time_ns,
        };
        let now_ns = self.now_ns.unwrap_or_default();
        self.in_flow(slot, |parts, reassembly, counters, deliver| {
            reassembly.segment(
                &mut parts.stream,
                &segment,
                now_ns,
                counters,
                &mut |direction, step, counters| {
                    deliver(parts.application, direction, step, &parts.view, counters);
                },
            );
        });
        self.flows.arm(slot, now_ns);
    }

    /// Bytes without a stream, and how many behind them the snap length cut off.
    fn datagram(
        &mut self,
        slot: u32,
        direction: Direction,
        (bytes, cut): (&[u8], u32),
        arrival: Arrival<'_>,
    ) {
        if bytes.is_empty() {
            return;
        }
        let chunk = Chunk {
            bytes,
            frame: arrival.frame,
            earlier: arrival.earlier,
            time_ns: arrival.time_ns,
            sequence: 0,
            start: true,
            cut,
        };
        self.with_application(slot, |application, view, work| {
            application.payload(direction, &chunk, view, work);
        });
        self.flows.arm(slot, self.now_ns.unwrap_or_default());
    }

    /// The flow of a packet, opened where it is new, with the packet counted.
    #[inline]
    fn flow(
        &mut self,
        key: FlowKey,
        direction: Direction,
        link: &Link,
        ip: Option<&Ip>,
        arrival: Arrival<'_>,
    ) -> Option<u32> {
        let slot = match self.flows.find(&key) {
            Some(slot) => slot,
            None => self.open_flow(key, direction, arrival)?,
        };
        if self.waiting.sessions >= self.limits.sessions {
            self.end_a_session(slot);
        }
        let flow = self.flows.get_mut(slot)?;
        let last_ns = flow.last_ns.get_mut(direction);
        *last_ns = (*last_ns).max(arrival.time_ns);
        let traffic = flow.traffic.get_mut(direction);
        let first = traffic.packets == 0;
        traffic.packets = traffic.packets.saturating_add(1);
        traffic.bytes = traffic.bytes.saturating_add(arrival.wire_len.into());
        if self.watches && ip.is_some() && matches!(key.transport(), Transport::Tcp) {
            let alone =
                traffic.packets > ALONE && flow.traffic.get(direction.reverse()).packets == 0;
            self.interfaces.tcp(alone);
        }
        if arrival.conflict
            && let Some(session) = flow.application.session_mut()
        {
            session.note(Anomaly::OverlapConflict);
        }
        let mac = flow.identity.macs.get_mut(direction);
        if first || *mac != link.source {
            *mac = link.source;
            // The other end's, until it is heard itself: a mirror may never show it.
            let other = flow.identity.macs.get_mut(direction.reverse());
            if other.is_none() {
                *other = link.destination.filter(|[first, ..]| first & 1 == 0);
            }
            self.observer.address(link, ip, false, arrival.frame, arrival.time_ns);
        }
        if self.spoof.is_some()
            && let Some(ip) = ip
        {
            self.note_header(slot, direction, ip, arrival);
        }
        Some(slot)
    }

    #[cold]
    fn open_flow(
        &mut self,
        key: FlowKey,
        direction: Direction,
        arrival: Arrival<'_>,
    ) -> Option<u32> {
        match self.flows.room(&key, direction) {
            Room::Free => {}
            Room::After(slot) => {
                self.counters.flows_evicted = self.counters.flows_evicted.saturating_add(1);
                self.end_flow(slot);
            }
            Room::Refused => {
                self.counters.flows_refused = self.counters.flows_refused.saturating_add(1);
                return None;
            }
        }
        self.counters.flows = self.counters.flows.saturating_add(1);
        let (interface, frame) = (self.interfaces.current(), arrival.frame);
        self.flows.open(key, direction, (interface, frame), arrival.time_ns)
    }

    /// Makes room for one more session, not at the cost of the flow in `keep`.
    #[cold]
    fn end_a_session(&mut self, keep: u32) {
        let Some(slot) = self.flows.session_victim().filter(|slot| *slot != keep) else { return };
        self.counters.sessions_evicted = self.counters.sessions_evicted.saturating_add(1);
        let mut ended = None;
        self.with_application(slot, |application, view, work| {
            ended = application.end_session(view, work);
        });
        drop(ended);
    }

    /// Ends a flow and forgets it.
    fn end_flow(&mut self, slot: u32) {
        if self.flows.get_mut(slot).is_none() {
            return;
        }
        let now_ns = self.now_ns.unwrap_or_default();
        self.in_flow(slot, |parts, reassembly, counters, deliver| {
            reassembly.finish(
                &mut parts.stream,
                now_ns,
                counters,
                &mut |direction, step, counters| {
                    deliver(parts.application, direction, step, &parts.view, counters);
                },
            );
        });
        let mut ended = None;
        self.with_application(slot, |application, view, work| {
            application.decide_last(view, work);
            let client = client_of(application, view);
            let session = application.end_session(view, work);
            let (facts, memo) = session.map_or_else(
                || (Arc::new(unidentified(view, client)), FlowMemo::default()),
                |session| (session.facts, session.memo),
            );
            ended = Some((facts, memo, client));
        });
        let Some(flow) = self.flows.get_mut(slot) else { return };
        if matches!(flow.identity.key.transport(), dissectors::dissector::Transport::Tcp)
            && flow.one_sided()
        {
            self.counters.one_sided_flows = self.counters.one_sided_flows.saturating_add(1);
        }
        if let Some((facts, memo, client)) = ended {
            let totals = flow.totals(client, now_ns);
            let since = match &mut self.deltas {
                Some(deltas) => deltas.end(slot, totals),
                None => Some(totals),
            };
            self.observer.flow_ended(&facts);
            if let Some(since) = since {
                self.observer.flow_counted(&facts, memo, since);
            }
        }
        self.reassembly.forget(self.flows.remove(slot));
    }

    /// Runs `stage` on a flow whose reassembly may hand bytes on.
    #[inline]
    fn in_flow(
        &mut self,
        slot: u32,
        stage: impl FnOnce(
            &mut Parts<'_>,
            &mut Reassembly,
            &mut Counters,
            &mut dyn FnMut(&mut Application, Direction, Step<'_>, &View<'_>, &mut Counters),
        ),
    ) {
        let Some(flow) = self.flows.get_mut(slot) else { return };
        let now_ns = self.now_ns.unwrap_or_default();
        let waited = if self.pdu_log {
            flow.waiting.as_ref().and_then(|waiting| waiting.oldest())
        } else {
            None
        };
        let Self {
            limits, pdu_log, reassembly, sinks, waiting, servers, observer, counters, ..
        } = self;
        let mut deliver = |application: &mut Application,
                           direction: Direction,
                           step: Step<'_>,
                           view: &View<'_>,
                           counters: &mut Counters| {
            let mut work = Work {
                limits,
                pdu_log: *pdu_log,
                now_ns,
                counters,
                observer,
                sinks,
                waiting,
                servers,
            };
            guarded(application, &mut work, |application, work| {
                application.step(direction, step, view, work);
            });
        };
        let mut parts = flow.parts();
        stage(&mut parts, reassembly, counters, &mut deliver);
        if *pdu_log {
            let waits = flow.waiting.as_ref().and_then(|waiting| waiting.oldest());
            if waited != waits {
                waited.into_iter().for_each(|frame| waiting.end(frame));
                waits.into_iter().for_each(|frame| waiting.begin(frame));
            }
        }
    }

    /// Runs `stage` on the application stages of a flow.
    fn with_application(
        &mut self,
        slot: u32,
        stage: impl FnOnce(&mut Application, &View<'_>, &mut Work<'_>),
    ) {
        let Some(flow) = self.flows.get_mut(slot) else { return };
        let Parts { view, application, .. } = flow.parts();
        let mut work = Work {
            limits: &self.limits,
            pdu_log: self.pdu_log,
            now_ns: self.now_ns.unwrap_or_default(),
            counters: &mut self.counters,
            observer: &mut self.observer,
            sinks: &mut self.sinks,
            waiting: &mut self.waiting,
            servers: &mut self.servers,
        };
        guarded(application, &mut work, |application, work| stage(application, &view, work));
    }
}

/// Runs dissectors so that a fault in one costs no more than the state of its flow.
#[inline]
fn guarded(
    application: &mut Application,
    work: &mut Work<'_>,
    stage: impl FnOnce(&mut Application, &mut Work<'_>),
) {
    let run = AssertUnwindSafe(|| stage(application, work));
    if catch_unwind(run).is_err() {
        application.fault(work);
    }
}

/// The direction of the client's packets, as well as it is known.
fn client_of(application: &mut Application, view: &View<'_>) -> Direction {
    let client = application.session_mut().map(|session| session.client());
    client.or(view.syn).unwrap_or_else(|| client_by_port(view, None))
}

/// The client of a flow, its facts, and what the observer remembers of it.
fn whose(flow: &mut Flow) -> (Direction, Arc<FlowFacts>, FlowMemo) {
    let Parts { view, application, .. } = flow.parts();
    let client = client_of(application, &view);
    match application.session_mut() {
        Some(session) => (client, Arc::clone(&session.facts), session.memo),
        None => (client, Arc::new(unidentified(&view, client)), FlowMemo::default()),
    }
}

/// The facts of a flow whose protocol was not found.
fn unidentified(view: &View<'_>, client: Direction) -> FlowFacts {
    let identity = view.identity;
    let server = client.reverse();
    FlowFacts {
        id: identity.id,
        client: identity.key.sender(client, *identity.macs.get(client)),
        server: identity.key.sender(server, *identity.macs.get(server)),
        vlan: identity.key.vlan(),
        interface: identity.interface,
        transport: identity.key.transport(),
        protocol: None,
        identified_by: None,
        confidence: 0,
        frame: identity.frame,
    }
}

#[cfg(test)]
mod tests;
