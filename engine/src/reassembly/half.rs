//! What headers say of one direction of a TCP flow: what was sent, what was acknowledged.

use dissectors::dissector::Direction;

use crate::flow::Sides;
use crate::packet::Tcp;

pub(super) const FIN: u8 = 1;
const SYN: u8 = 2;
pub(super) const RST: u8 = 4;
const ACK: u8 = 16;

/// Bytes behind the expected ones that no retransmission comes from.
pub(super) const STALE: u32 = 1 << 20;

impl Tcp<'_> {
    /// Whether it opens a connection, from either side.
    #[inline]
    pub(crate) const fn is_opening(&self) -> bool {
        self.flags & SYN != 0
    }

    /// Whether it breaks a connection off.
    #[inline]
    pub(crate) const fn is_reset(&self) -> bool {
        self.flags & RST != 0
    }

    /// Whether its acknowledgement number means something.
    #[inline]
    pub(crate) const fn is_acknowledging(&self) -> bool {
        self.flags & ACK != 0
    }
}

/// What is known of one direction of a TCP flow.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HalfFlow {
    /// Bytes that were sent but not seen.
    pub lost: u64,
    /// Sequence number of the next byte, once the direction has started.
    pub next: u32,
    /// The highest acknowledgement sent in this direction.
    pub(super) acked: u32,
    /// Whether `acked` means something.
    pub(super) acking: bool,
    /// Whether `next` means something.
    pub started: bool,
    /// Whether it started with its SYN.
    pub syn: bool,
    /// Whether payload was seen.
    pub talked: bool,
    /// Whether its FIN was seen.
    pub finished: bool,
    /// Whether its RST was seen.
    pub reset: bool,
    /// Segments in a row from far behind.
    pub(super) stale: u8,
}

impl HalfFlow {
    /// Whether it acknowledged something.
    pub const fn is_acking(&self) -> bool {
        self.acking
    }
}

impl Sides<HalfFlow> {
    /// Takes note of what a segment acknowledges.
    #[inline]
    pub fn acknowledge(&mut self, direction: Direction, tcp: &Tcp<'_>) {
        let half = self.get_mut(direction);
        if tcp.is_acknowledging()
            && tcp.flags & RST == 0
            && (!half.acking || ahead(tcp.acknowledgement, half.acked) > 0)
        {
            half.acked = tcp.acknowledgement;
            half.acking = true;
        }
    }

    /// Whether one side acknowledged bytes that were not seen yet.
    #[inline]
    pub const fn has_unseen(&self) -> bool {
        const fn unseen(sent: &HalfFlow, received: &HalfFlow) -> bool {
            sent.started && received.acking && ahead(received.acked, sent.next) > 0
        }
        unseen(&self.a_to_b, &self.b_to_a) || unseen(&self.b_to_a, &self.a_to_b)
    }
}

/// How far `a` is ahead of `b`; negative where it is behind.
#[inline]
pub(super) const fn ahead(a: u32, b: u32) -> i32 {
    a.wrapping_sub(b).cast_signed()
}

/// Whether a segment opens another connection than the flow has seen, on the
/// same ports: its SYN starts elsewhere.
#[inline]
pub(crate) fn opens_anew(halves: &Sides<HalfFlow>, direction: Direction, tcp: &Tcp<'_>) -> bool {
    if !tcp.is_opening() || tcp.flags & RST != 0 {
        return false;
    }
    let half = halves.get(direction);
    let first = tcp.sequence.wrapping_add(1);
    let other = halves.get(direction.reverse());
    // A retransmitted SYN is behind what followed it, by little.
    let repeated = half.started && ahead(half.next, first) >= 0 && {
        half.syn && ahead(half.next, first).unsigned_abs() < STALE
    };
    let talked = half.talked || other.talked || half.finished || other.finished;
    !repeated && half.started && talked || (tcp.flags & ACK == 0 && !half.started && other.talked)
}
