//! Flows: their key and table, who is client and server, and which are forgotten.
//!
//! The table is a slab of slots with chained hash buckets. Buckets are chosen by
//! SipHash with random keys, so that traffic cannot aim at one; a small
//! direct-mapped cache of recent flows, compared by the whole key, spares the
//! usual packet the hash. Nothing here depends on the order of a hash map: the
//! slab and its rotating hand decide which flow is forgotten.

mod key;
mod table;

use dissectors::dissector::{Direction, FrameId, Transport};

pub(crate) use self::key::{FlowKey, ServerKey};
pub(crate) use self::table::{FlowTable, Room, Settled};
use crate::dissect::View;
use crate::identify::Application;
use crate::observer::{DirectionTotals, FlowTotals};
use crate::packet::{Mac, Tcp};
use crate::reassembly::{HalfFlow, Stream, Waiting};

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

/// Nanoseconds without an answer after which nobody waits for one any more.
const ANSWER_NS: i64 = 3_000_000_000;

/// Which flow it is, and between whom.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub key: FlowKey,
    /// The flow's number, in order of first packets.
    pub id: u64,
    /// The interface of its first packet.
    pub interface: u32,
    /// The frame of its first packet.
    pub frame: FrameId,
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
    /// Packet time of the latest packet of each direction.
    pub last_ns: Sides<i64>,
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

    /// What the flow carried, with `client` as the direction of the client, now that
    /// it ends at `now_ns`.
    pub fn totals(&self, client: Direction, now_ns: i64) -> FlowTotals {
        let totals = |direction| {
            let traffic: &Traffic = self.traffic.get(direction);
            DirectionTotals {
                packets: traffic.packets,
                bytes: traffic.bytes,
                gap_bytes: self.halves.get(direction).lost,
                last_seen_ns: *self.last_ns.get(direction),
            }
        };
        FlowTotals {
            flows: 1,
            first_seen_ns: self.first_ns,
            last_seen_ns: self.latest_ns(),
            client: totals(client),
            server: totals(client.reverse()),
            vain: self.vain(client, now_ns),
        }
    }

    /// Whether the client got nothing for its trouble: no answer in time, a refusal,
    /// or a connection that was closed again with nothing in it.
    fn vain(&self, client: Direction, now_ns: i64) -> bool {
        let unanswered = self.traffic.get(client.reverse()).packets == 0
            && now_ns.saturating_sub(self.latest_ns()) >= ANSWER_NS;
        match self.identity.key.transport() {
            Transport::Tcp => {
                let (a, b) = (&self.halves.a_to_b, &self.halves.b_to_a);
                let silent = !a.talked && !b.talked && a.lost == 0 && b.lost == 0;
                let whole = self.syn.is_some() && !self.halves.has_unseen();
                silent && whole && (unanswered || self.closed())
            }
            Transport::Udp => unanswered,
            Transport::Ethernet | Transport::Serial => false,
        }
    }

    /// Packet time of its latest packet.
    #[inline]
    pub fn latest_ns(&self) -> i64 {
        self.last_ns.a_to_b.max(self.last_ns.b_to_a)
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
        } else if self.one_sided() && !(self.halves.a_to_b.talked || self.halves.b_to_a.talked) {
            limits.opening
        } else {
            limits.tcp
        }
    }

    /// Whether something in it does not wait for packets alone.
    fn is_waiting(&self) -> bool {
        self.waiting.is_some() || self.application.is_waiting() || self.closed()
    }
}

/// Nanoseconds without a packet after which a flow is forgotten.
#[derive(Clone, Copy, Debug)]
struct IdleLimits {
    tcp: i64,
    udp: i64,
    closed: i64,
    /// Of a flow that nobody has answered yet, and that carried nothing.
    opening: i64,
    /// Nanoseconds after which a flow in which something waits is looked at.
    armed: i64,
}
