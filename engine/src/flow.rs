//! Flows: their key and table, who is client and server, and which are forgotten.
//!
//! The table is a slab of slots with chained hash buckets. Buckets are chosen by
//! SipHash with random keys, so that traffic cannot aim at one; a small
//! direct-mapped cache of recent flows, compared by the whole key, spares the
//! usual packet the hash. Nothing here depends on the order of a hash map: the
//! slab and its rotating hand decide which flow is forgotten.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use dissectors::dissector::{Direction, Transport};

use crate::dissect::View;
use crate::identify::Application;
use crate::limits::Limits;
use crate::observation::Endpoint;
use crate::observer::{DirectionTotals, FlowTotals};
use crate::packet::{Mac, Tcp};
use crate::reassembly::{HalfFlow, Stream, Waiting};

/// A slot number that stands for none.
const NONE: u32 = u32::MAX;
/// Entries of the cache of recent flows.
const RECENT: usize = 8192;
/// Slots looked at to find the flow that is forgotten for a new one.
const CANDIDATES: usize = 16;
/// Slots of a turn over the table, at least.
const TURN: usize = 128;
/// Slots looked at to find another flow of the same source.
const SOURCE_CANDIDATES: usize = 64;

/// One thing for each direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sides<T> {
    pub a_to_b: T,
    pub b_to_a: T,
}

impl<T> Sides<T> {
    #[inline]
    pub const fn get(&self, direction: Direction) -> &T {
        match direction {
            Direction::AToB => &self.a_to_b,
            Direction::BToA => &self.b_to_a,
        }
    }

    #[inline]
    pub const fn get_mut(&mut self, direction: Direction) -> &mut T {
        match direction {
            Direction::AToB => &mut self.a_to_b,
            Direction::BToA => &mut self.b_to_a,
        }
    }
}

/// Both directions, in the order in which they are gone through.
pub(crate) const DIRECTIONS: [Direction; 2] = [Direction::AToB, Direction::BToA];

/// An address as two numbers; IPv4 and MAC addresses take the low one.
type Address = [u64; 2];

/// What tells one flow from another; end A is the one with the lower address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FlowKey {
    a: Address,
    b: Address,
    a_port: u16,
    b_port: u16,
    vlan: u16,
    kind: Kind,
}

/// Hashes all words at once: one by one costs a keyed hash thrice as much.
impl Hash for FlowKey {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        let ([a, b], [c, d]) = (self.a, self.b);
        let rest = u64::from(self.a_port) << 48
            | u64::from(self.b_port) << 32
            | u64::from(self.vlan) << 16
            | u64::from(self.kind as u8);
        state.write([a, b, c, d, rest].map(u64::to_le_bytes).as_flattened());
    }
}

/// What the addresses of a key are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    TcpV4,
    TcpV6,
    UdpV4,
    UdpV6,
    /// Hardware addresses; both ports are the ethertype.
    Ethernet,
    /// File and interface of a serial line; `a_port` tells sent from received.
    Serial,
}

/// The end of a flow that answers. It has a port: neither Ethernet nor a serial line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ServerKey {
    address: Address,
    port: u16,
    vlan: u16,
    kind: Kind,
}

const fn number(ip: IpAddr) -> Address {
    match ip {
        IpAddr::V4(ip) => [0, ip.to_bits() as u64],
        IpAddr::V6(ip) => {
            let [a, b, c, d, e, f, g, h] = ip.segments();
            [
                (a as u64) << 48 | (b as u64) << 32 | (c as u64) << 16 | d as u64,
                (e as u64) << 48 | (f as u64) << 32 | (g as u64) << 16 | h as u64,
            ]
        }
    }
}

fn mac_number(mac: Mac) -> Address {
    let [a, b, c, d, e, f] = mac;
    [0, u64::from_be_bytes([0, 0, a, b, c, d, e, f])]
}

impl FlowKey {
    /// The key of a packet between two IP ends, and the way the packet went.
    #[inline]
    pub fn ip(
        source: (IpAddr, u16),
        destination: (IpAddr, u16),
        vlan: Option<u16>,
        tcp: bool,
    ) -> (Self, Direction) {
        let kind = match (tcp, source.0) {
            (true, IpAddr::V4(_)) => Kind::TcpV4,
            (true, IpAddr::V6(_)) => Kind::TcpV6,
            (false, IpAddr::V4(_)) => Kind::UdpV4,
            (false, IpAddr::V6(_)) => Kind::UdpV6,
        };
        Self::ordered(
            (number(source.0), source.1),
            (number(destination.0), destination.1),
            vlan,
            kind,
        )
    }

    /// The key of a frame between two hardware addresses.
    pub fn ethernet(
        source: Mac,
        destination: Mac,
        ethertype: u16,
        vlan: Option<u16>,
    ) -> (Self, Direction) {
        Self::ordered(
            (mac_number(source), ethertype),
            (mac_number(destination), ethertype),
            vlan,
            Kind::Ethernet,
        )
    }

    /// The key of a serial line.
    pub const fn serial(file: u32, interface: u32) -> Self {
        Self {
            a: [file as u64, interface as u64],
            b: [0; 2],
            a_port: 0,
            b_port: 0,
            vlan: u16::MAX,
            kind: Kind::Serial,
        }
    }

    #[inline]
    fn ordered(
        source: (Address, u16),
        destination: (Address, u16),
        vlan: Option<u16>,
        kind: Kind,
    ) -> (Self, Direction) {
        let forward = source <= destination;
        let (a, b) = if forward { (source, destination) } else { (destination, source) };
        let key =
            Self { a: a.0, b: b.0, a_port: a.1, b_port: b.1, vlan: vlan.unwrap_or(u16::MAX), kind };
        (key, if forward { Direction::AToB } else { Direction::BToA })
    }

    /// What carries the flow.
    pub const fn transport(&self) -> Transport {
        match self.kind {
            Kind::TcpV4 | Kind::TcpV6 => Transport::Tcp,
            Kind::UdpV4 | Kind::UdpV6 => Transport::Udp,
            Kind::Ethernet => Transport::Ethernet,
            Kind::Serial => Transport::Serial,
        }
    }

    /// Outermost VLAN id.
    pub const fn vlan(&self) -> Option<u16> {
        if self.vlan == u16::MAX { None } else { Some(self.vlan) }
    }

    /// The receiver of packets that go `direction`, as the server of the flow.
    pub const fn server(&self, direction: Direction) -> Option<ServerKey> {
        let (address, port) = match direction {
            Direction::AToB => (self.b, self.b_port),
            Direction::BToA => (self.a, self.a_port),
        };
        match self.kind {
            Kind::Ethernet | Kind::Serial => None,
            Kind::TcpV4 | Kind::TcpV6 | Kind::UdpV4 | Kind::UdpV6 => {
                Some(ServerKey { address, port, vlan: self.vlan, kind: self.kind })
            }
        }
    }

    /// Ports of sender and receiver.
    #[inline]
    pub const fn ports(&self, direction: Direction) -> (u16, u16) {
        match (self.kind, direction) {
            (Kind::Ethernet | Kind::Serial, _) => (0, 0),
            (_, Direction::AToB) => (self.a_port, self.b_port),
            (_, Direction::BToA) => (self.b_port, self.a_port),
        }
    }

    /// The sender of packets that go `direction`.
    pub fn sender(&self, direction: Direction, mac: Option<Mac>) -> Endpoint {
        let (address, port) = match direction {
            Direction::AToB => (self.a, self.a_port),
            Direction::BToA => (self.b, self.b_port),
        };
        let [high, low] = address;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "IPv4 addresses are the low 32 bits of the number"
        )]
        let ip = match self.kind {
            Kind::TcpV4 | Kind::UdpV4 => Some(IpAddr::V4(Ipv4Addr::from_bits(low as u32))),
            Kind::TcpV6 | Kind::UdpV6 => {
                Some(IpAddr::V6(Ipv6Addr::from_bits(u128::from(high) << 64 | u128::from(low))))
            }
            Kind::Ethernet | Kind::Serial => None,
        };
        let mac = mac.or_else(|| {
            (self.kind == Kind::Ethernet).then(|| {
                let [_, _, a, b, c, d, e, f] = low.to_be_bytes();
                [a, b, c, d, e, f]
            })
        });
        Endpoint { mac, ip, port: if ip.is_some() { port } else { 0 } }
    }

    /// A cheap mix for the cache of recent flows. What it maps to is compared
    /// by the whole key, so that nobody gains by aiming at it but a slower look-up.
    #[inline]
    fn mix(&self) -> usize {
        let [_, a] = self.a;
        let [_, b] = self.b;
        let ports = u64::from(self.a_port) << 16 | u64::from(self.b_port);
        let mixed = (a ^ b.rotate_left(24) ^ ports.rotate_left(40) ^ u64::from(self.vlan))
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 51) as u16 as usize
    }
}

/// Which flow it is, and between whom.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub key: FlowKey,
    /// The flow's number, in order of first packets.
    pub id: u64,
    /// Hardware address of the sender of each direction, once it was seen.
    pub macs: Sides<Option<Mac>>,
}

/// Packets of one direction.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traffic {
    pub packets: u64,
    pub bytes: u64,
}

/// One flow. What every packet needs stands in its first three cache lines.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Flow {
    pub identity: Identity,
    pub halves: Sides<HalfFlow>,
    pub application: Application,
    pub traffic: Sides<Traffic>,
    pub last_ns: i64,
    pub waiting: Option<Box<Waiting>>,
    chain: u32,
    /// The direction of the client's packets, where a SYN told it.
    pub syn: Option<Direction>,
    /// The direction of the first packet: its sender is the source that the
    /// share of the table is counted for.
    opened_by: Direction,
    live: bool,
    /// Whether it is looked at soon, because something in it waits.
    armed: bool,
    pub first_ns: i64,
}

const _: () = assert!(size_of::<Flow>() <= 256, "a flow takes four cache lines");

/// The stages of one flow, apart from each other.
pub(crate) struct Parts<'a> {
    pub view: View<'a>,
    pub stream: Stream<'a>,
    pub application: &'a mut Application,
}

impl Flow {
    /// Takes the flow apart, for its stages to work side by side.
    #[inline]
    pub fn parts(&mut self) -> Parts<'_> {
        let (complete, closed) = (self.complete(), self.closed());
        Parts {
            view: View {
                identity: &self.identity,
                syn: self.syn,
                first: self.opened_by,
                complete,
                midstream: self.syn.is_none(),
                closed,
            },
            stream: Stream { halves: &mut self.halves, waiting: &mut self.waiting },
            application: &mut self.application,
        }
    }

    /// Takes note of what the header of a segment says: acknowledgements, and by
    /// its SYN who is the client.
    #[inline]
    pub fn header(&mut self, direction: Direction, tcp: &Tcp<'_>) {
        if tcp.is_opening()
            && self.syn.is_none()
            && !(self.halves.a_to_b.talked || self.halves.b_to_a.talked)
        {
            self.syn = Some(if tcp.is_acknowledging() { direction.reverse() } else { direction });
        }
        self.halves.acknowledge(direction, tcp);
    }

    /// What the flow carried, with `client` as the direction of the client.
    pub fn totals(&self, client: Direction) -> FlowTotals {
        let totals = |direction| {
            let traffic: &Traffic = self.traffic.get(direction);
            DirectionTotals {
                packets: traffic.packets,
                bytes: traffic.bytes,
                gap_bytes: self.halves.get(direction).lost,
            }
        };
        FlowTotals {
            first_seen_ns: self.first_ns,
            last_seen_ns: self.last_ns,
            client: totals(client),
            server: totals(client.reverse()),
        }
    }

    /// Whether the flow ended by FIN or RST.
    pub const fn closed(&self) -> bool {
        let (a, b) = (&self.halves.a_to_b, &self.halves.b_to_a);
        a.reset || b.reset || (a.finished && b.finished)
    }

    /// Whether packets of one direction alone were seen.
    pub const fn one_sided(&self) -> bool {
        self.traffic.a_to_b.packets == 0 || self.traffic.b_to_a.packets == 0
    }

    /// Whether so little was lost that absence means something: both directions
    /// seen, and less than a thousandth of the bytes missing.
    #[inline]
    pub fn complete(&self) -> bool {
        let lost = self.halves.a_to_b.lost.saturating_add(self.halves.b_to_a.lost);
        let seen = self.traffic.a_to_b.bytes.saturating_add(self.traffic.b_to_a.bytes);
        // A handshake alone does not show that the way back is seen.
        let heard = |direction| {
            let handshake = u64::from(self.halves.get(direction).syn);
            self.traffic.get(direction).packets > handshake
        };
        heard(Direction::AToB)
            && heard(Direction::BToA)
            && !self.halves.has_unseen()
            && (lost == 0 || lost.saturating_mul(1000) < seen.saturating_add(lost))
    }

    const fn idle_limit(&self, limits: &IdleLimits) -> i64 {
        if self.closed() {
            limits.closed
        } else if matches!(self.identity.key.transport(), Transport::Udp) {
            limits.udp
        } else {
            limits.tcp
        }
    }

    /// Whether something in it does not wait for packets alone.
    fn is_waiting(&self) -> bool {
        self.waiting.is_some() || self.application.is_waiting() || self.closed()
    }
}

/// Flows of one source.
type SourceCounts = std::collections::HashMap<Address, u32>;

/// All flows.
pub(crate) struct FlowTable {
    flows: Vec<Flow>,
    /// When the flow of each slot is to be looked at next, though nothing comes.
    due_ns: Vec<i64>,
    free: Vec<u32>,
    heads: Vec<u32>,
    recent: Box<[u32]>,
    hasher: RandomState,
    sources: SourceCounts,
    hand: u32,
    swept: u32,
    opened: u64,
    live: usize,
    limit: usize,
    source_limit: usize,
    idle: IdleLimits,
}

/// Nanoseconds without a packet after which a flow is forgotten.
#[derive(Clone, Copy, Debug)]
struct IdleLimits {
    tcp: i64,
    udp: i64,
    closed: i64,
    /// Nanoseconds after which a flow in which something waits is looked at.
    armed: i64,
}

/// What stands in the way of one more flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// Nothing.
    Free,
    /// This flow has to go first.
    After(u32),
    /// Its source holds its share, and none of its flows was found.
    Refused,
}

impl FlowTable {
    pub fn new(limits: &Limits) -> Self {
        Self {
            flows: Vec::new(),
            due_ns: Vec::new(),
            free: Vec::new(),
            heads: vec![NONE; 1024],
            recent: vec![NONE; RECENT].into_boxed_slice(),
            hasher: RandomState::new(),
            sources: SourceCounts::default(),
            hand: 0,
            swept: 0,
            opened: 0,
            live: 0,
            limit: limits.flows.clamp(1, (NONE as usize).saturating_sub(1)),
            source_limit: limits
                .flows
                .saturating_mul(limits.flows_per_source_percent)
                .checked_div(100)
                .unwrap_or_default()
                .max(1),
            idle: IdleLimits {
                tcp: limits.tcp_idle_ns,
                udp: limits.udp_idle_ns,
                closed: limits.closed_ns,
                armed: limits.answer_ns,
            },
        }
    }

    /// The flow in a slot.
    #[inline]
    pub fn get_mut(&mut self, slot: u32) -> Option<&mut Flow> {
        self.flows.get_mut(slot as usize).filter(|flow| flow.live)
    }

    fn bucket(&self, key: &FlowKey) -> usize {
        #[expect(clippy::cast_possible_truncation, reason = "any bits of the hash will do")]
        let hash = self.hasher.hash_one(key) as usize;
        hash & self.heads.len().saturating_sub(1)
    }

    /// The slot of a flow.
    #[inline]
    pub fn find(&mut self, key: &FlowKey) -> Option<u32> {
        let mix = key.mix() % RECENT;
        let recent = self.recent.get(mix).copied().unwrap_or(NONE);
        if let Some(flow) = self.flows.get(recent as usize)
            && flow.live
            && flow.identity.key == *key
        {
            return Some(recent);
        }
        let mut slot = self.heads.get(self.bucket(key)).copied().unwrap_or(NONE);
        while let Some(flow) = self.flows.get(slot as usize) {
            if flow.identity.key == *key {
                if let Some(recent) = self.recent.get_mut(mix) {
                    *recent = slot;
                }
                return Some(slot);
            }
            slot = flow.chain;
        }
        None
    }

    /// Whether a flow that a packet of `direction` opens has room.
    pub fn room(&mut self, key: &FlowKey, direction: Direction) -> Room {
        let source = source_of(key, direction);
        let held = self.sources.get(&source).copied().unwrap_or_default() as usize;
        if held >= self.source_limit {
            return self.victim(SOURCE_CANDIDATES, Some(source)).map_or(Room::Refused, Room::After);
        }
        if self.live < self.limit {
            return Room::Free;
        }
        self.victim(CANDIDATES, None).map_or(Room::Refused, Room::After)
    }

    /// Of the next flows at the hand, the one that is missed least: closed
    /// before open, unknown before identified, and the longest silent.
    fn victim(&mut self, candidates: usize, source: Option<Address>) -> Option<u32> {
        let mut found: Option<((bool, bool, i64), u32)> = None;
        for _ in 0..candidates.min(self.flows.len()) {
            let slot = self.hand;
            self.hand = self.hand.wrapping_add(1);
            if self.hand as usize >= self.flows.len() {
                self.hand = 0;
            }
            let Some(flow) = self.get_mut(slot) else { continue };
            if source.is_some_and(|source| source != source_of(&flow.identity.key, flow.opened_by))
            {
                continue;
            }
            let rank = (!flow.closed(), flow.application.is_identified(), flow.last_ns);
            if found.is_none_or(|(best, _)| rank < best) {
                found = Some((rank, slot));
            }
        }
        found.map(|(_, slot)| slot)
    }

    /// Of the next flows at the hand, the identified one that is missed least.
    pub fn session_victim(&mut self) -> Option<u32> {
        let mut found: Option<((bool, i64), u32)> = None;
        let mut seen = 0usize;
        for _ in 0..self.flows.len() {
            let slot = self.hand;
            self.hand = self.hand.wrapping_add(1);
            if self.hand as usize >= self.flows.len() {
                self.hand = 0;
            }
            let Some(flow) = self.get_mut(slot) else { continue };
            if !flow.application.is_identified() {
                continue;
            }
            let rank = (!flow.closed(), flow.last_ns);
            if found.is_none_or(|(best, _)| rank < best) {
                found = Some((rank, slot));
            }
            seen = seen.saturating_add(1);
            if seen >= CANDIDATES {
                break;
            }
        }
        found.map(|(_, slot)| slot)
    }

    /// Opens a flow. There must be room.
    pub fn open(&mut self, key: FlowKey, direction: Direction, time_ns: i64) -> Option<u32> {
        self.opened = self.opened.saturating_add(1);
        let flow = Flow {
            identity: Identity { key, id: self.opened, macs: Sides::default() },
            last_ns: time_ns,
            traffic: Sides::default(),
            halves: Sides::default(),
            waiting: None,
            application: Application::default(),
            first_ns: time_ns,
            syn: None,
            chain: NONE,
            opened_by: direction,
            live: true,
            armed: false,
        };
        let due_ns = time_ns.saturating_add(flow.idle_limit(&self.idle));
        let slot = match self.free.pop() {
            Some(slot) => {
                *self.flows.get_mut(slot as usize)? = flow;
                slot
            }
            None => {
                let slot = u32::try_from(self.flows.len()).ok()?;
                self.flows.push(flow);
                self.due_ns.push(0);
                slot
            }
        };
        *self.due_ns.get_mut(slot as usize)? = due_ns;
        self.live = self.live.saturating_add(1);
        let count = self.sources.entry(source_of(&key, direction)).or_default();
        *count = count.saturating_add(1);
        if self.live > self.heads.len() {
            self.rehash();
        } else {
            self.link(slot);
        }
        Some(slot)
    }

    fn link(&mut self, slot: u32) {
        let Some(flow) = self.flows.get(slot as usize) else { return };
        let bucket = self.bucket(&flow.identity.key);
        if let (Some(head), Some(flow)) =
            (self.heads.get_mut(bucket), self.flows.get_mut(slot as usize))
        {
            flow.chain = std::mem::replace(head, slot);
        }
    }

    fn rehash(&mut self) {
        self.heads = vec![NONE; self.heads.len().saturating_mul(2)];
        for slot in 0..u32::try_from(self.flows.len()).unwrap_or(NONE) {
            if self.get_mut(slot).is_some() {
                self.link(slot);
            }
        }
    }

    /// Forgets a flow and hands over the segments that still wait in it.
    pub fn remove(&mut self, slot: u32) -> Option<Box<Waiting>> {
        let flow = self.get_mut(slot)?;
        flow.live = false;
        let (key, chain) = (flow.identity.key, flow.chain);
        let opened_by = flow.opened_by;
        flow.application = Application::default();
        let waiting = flow.waiting.take();
        // Unlinks it from its bucket.
        let bucket = self.bucket(&key);
        let head = self.heads.get(bucket).copied().unwrap_or(NONE);
        if head == slot {
            if let Some(head) = self.heads.get_mut(bucket) {
                *head = chain;
            }
        } else {
            let mut before = head;
            while let Some(flow) = self.flows.get_mut(before as usize) {
                if flow.chain == slot {
                    flow.chain = chain;
                    break;
                }
                before = flow.chain;
            }
        }
        let source = source_of(&key, opened_by);
        if let Some(count) = self.sources.get_mut(&source) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.sources.remove(&source);
            }
        }
        self.live = self.live.saturating_sub(1);
        self.free.push(slot);
        waiting
    }

    /// Sees to it that a flow is looked at soon if something in it waits.
    #[inline]
    pub fn arm(&mut self, slot: u32, now_ns: i64) {
        if let Some(flow) = self.flows.get_mut(slot as usize)
            && !flow.armed
            && flow.is_waiting()
            && let Some(due_ns) = self.due_ns.get_mut(slot as usize)
        {
            flow.armed = true;
            *due_ns = now_ns.saturating_add(self.idle.armed);
        }
    }

    /// The next flow in this turn over the table whose time has come. A turn ends
    /// after a share of the slots; `None` then.
    pub fn next_due(&mut self, turn: &mut Turn, now_ns: i64) -> Option<u32> {
        while turn.left > 0 {
            turn.left = turn.left.saturating_sub(1);
            let slot = self.swept;
            self.swept = slot.wrapping_add(1);
            if self.swept as usize >= self.due_ns.len() {
                self.swept = 0;
            }
            if self.due_ns.get(slot as usize).is_some_and(|due_ns| *due_ns <= now_ns) {
                return Some(slot);
            }
        }
        None
    }

    /// Begins a turn over a share of the table.
    pub fn turn(&self) -> Turn {
        let share = self.due_ns.len().div_ceil(32).max(TURN);
        Turn { left: share.min(self.due_ns.len()) }
    }

    /// Whether a flow that was looked at has been silent for so long that it is
    /// forgotten; if not, sets when it is looked at next.
    pub fn settle(&mut self, slot: u32, now_ns: i64) -> Settled {
        let idle = self.idle;
        let Some(flow) = self.flows.get_mut(slot as usize).filter(|flow| flow.live) else {
            if let Some(due_ns) = self.due_ns.get_mut(slot as usize) {
                *due_ns = i64::MAX;
            }
            return Settled::Stays;
        };
        let end_ns = flow.last_ns.saturating_add(flow.idle_limit(&idle));
        if end_ns < now_ns {
            return Settled::Ends;
        }
        flow.armed = flow.is_waiting();
        if let Some(due_ns) = self.due_ns.get_mut(slot as usize) {
            *due_ns = if flow.armed { now_ns.saturating_add(idle.armed) } else { end_ns };
        }
        Settled::Stays
    }

    /// Every slot, in order.
    pub fn slots(&self) -> std::ops::Range<u32> {
        0..u32::try_from(self.flows.len()).unwrap_or(NONE)
    }
}

/// A turn over a share of the table.
pub(crate) struct Turn {
    left: usize,
}

/// What becomes of a flow that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// It stays.
    Stays,
    /// It has been silent for too long.
    Ends,
}

const fn source_of(key: &FlowKey, direction: Direction) -> Address {
    match direction {
        Direction::AToB => key.a,
        Direction::BToA => key.b,
    }
}
