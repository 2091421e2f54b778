//! The open requests of a flow: which of them an answer belongs to.

use dissectors::anomaly::Anomaly;
use dissectors::dissector::{Direction, FrameId, Frames, OpenRequest};
use dissectors::pdu::Pdu;
use dissectors::registry::ProtocolId;

/// Entries of a list for which an open request keeps room.
const ROOM: usize = 32;

/// Open requests, oldest first, in slots that keep their memory.
///
/// The open ones stand together, from `head` on; those before and after them
/// are spare. A flow that asks and is answered in turn moves nothing.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    slots: Vec<OpenRequest>,
    head: usize,
    open: usize,
}

impl Ring {
    /// The open requests, oldest first.
    #[inline]
    pub fn open(&self) -> &[OpenRequest] {
        self.slots.get(self.head..self.head.saturating_add(self.open)).unwrap_or_default()
    }

    #[inline]
    fn open_mut(&mut self) -> &mut [OpenRequest] {
        self.slots.get_mut(self.head..self.head.saturating_add(self.open)).unwrap_or_default()
    }

    /// Swaps a request in as the newest; `pdu` gets the memory of an old one.
    #[inline]
    pub fn push(
        &mut self,
        pdu: &mut Box<Pdu>,
        direction: Direction,
        last: FrameId,
        earlier: &[FrameId],
        time_ns: i64,
    ) {
        if self.open == 0 {
            self.head = 0;
        }
        let at = self.head.saturating_add(self.open);
        if at == self.slots.len() && self.head > 0 {
            self.slots.rotate_left(self.head);
            self.head = 0;
        }
        let at = self.head.saturating_add(self.open);
        if at == self.slots.len() {
            let empty = Pdu::new(pdu.protocol, pdu.role, pdu.code, pdu.operation);
            // Most flows have one request open: room for four is not made at once.
            if self.slots.len() < 4 {
                self.slots.reserve_exact(1);
            }
            self.slots.push(OpenRequest {
                pdu: Box::new(empty),
                direction,
                frames: Frames::default(),
                time_ns,
            });
        }
        if let Some(slot) = self.slots.get_mut(at) {
            std::mem::swap(&mut slot.pdu, pdu);
            // Room made for a long message is not left in a flow.
            let (own, given) = (&mut *slot.pdu, &mut **pdu);
            give_back(&mut own.values, &mut given.values);
            give_back(&mut own.indices, &mut given.indices);
            give_back(&mut own.flags, &mut given.flags);
            give_back(&mut own.times, &mut given.times);
            give_back(&mut own.fields, &mut given.fields);
            give_back(&mut own.items, &mut given.items);
            slot.direction = direction;
            slot.frames.last = last;
            slot.frames.earlier.clear();
            slot.frames.earlier.extend_from_slice(earlier);
            slot.time_ns = time_ns;
            self.open = self.open.saturating_add(1);
        }
    }

    /// Where the oldest request with this key stands that went `direction`.
    #[inline]
    pub fn find(&self, protocol: ProtocolId, key: u64, direction: Direction) -> Option<usize> {
        self.open().iter().position(|open| {
            open.pdu.pairing_key == Some(key)
                && open.direction == direction
                && open.pdu.protocol == protocol
        })
    }

    /// Where a request stands whose answer went the way `answers` and is not to be
    /// told from that of a later one with the same key.
    pub fn superseded(&self, answers: Direction) -> Option<usize> {
        let open = self.open();
        open.iter().enumerate().find_map(|(at, older)| {
            let later = open.get(at.saturating_add(1)..).unwrap_or_default();
            let same = later.iter().any(|newer| {
                newer.pdu.pairing_key == older.pdu.pairing_key
                    && newer.direction == older.direction
                    && newer.pdu.protocol == older.pdu.protocol
            });
            (older.direction != answers && same).then_some(at)
        })
    }

    /// Notes an anomaly on an open request.
    pub fn note(&mut self, index: usize, anomaly: Anomaly) {
        if let Some(open) = self.open_mut().get_mut(index) {
            open.pdu.anomalies.add(anomaly);
        }
    }

    /// Takes a request out; its slot becomes spare.
    #[inline]
    pub fn remove(&mut self, index: usize) {
        if index >= self.open {
            return;
        }
        if index > 0 {
            let last = index.saturating_add(1);
            if let Some(part) = self.open_mut().get_mut(..last) {
                part.rotate_right(1);
            }
        }
        self.head = self.head.saturating_add(1);
        self.open = self.open.saturating_sub(1);
    }
}

/// Gives a list with much more room than a request needs back for one with less.
#[inline]
fn give_back<T: Clone>(own: &mut Vec<T>, given: &mut Vec<T>) {
    if own.capacity() > ROOM {
        std::mem::swap(own, given);
        if own.capacity() > ROOM {
            *own = Vec::new();
        }
        own.clone_from(given);
    }
}

/// Whether two requests ask the same: a client that repeats itself after its
/// own time-out reuses the key without doing wrong.
pub(crate) fn asks_the_same(a: &Pdu, b: &Pdu) -> bool {
    a.code == b.code && a.target == b.target && a.quantity == b.quantity && a.values == b.values
}

/// Whether a flow's clients tell their requests apart by key. Many always use
/// the same one, and then its reuse says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KeyUse {
    last: Option<u64>,
    varies: bool,
}

impl KeyUse {
    /// Notes the key of a request; says whether keys have varied so far.
    #[inline]
    pub fn note(&mut self, key: u64) -> bool {
        self.varies |= self.last.is_some_and(|last| last != key);
        self.last = Some(key);
        self.varies
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dissectors::operation::{Class, Operation};
    use dissectors::pdu::Role;

    fn ask(ring: &mut Ring, key: u64, code: u16) {
        let mut pdu = Box::new(Pdu::new(
            ProtocolId::FIRST,
            Role::Request,
            code,
            Operation::new("read_coils", Class::Read),
        ));
        pdu.pairing_key(key);
        ring.push(&mut pdu, Direction::AToB, FrameId::default(), &[], 0);
    }

    fn codes(ring: &Ring) -> Vec<u16> {
        ring.open().iter().map(|open| open.pdu.code).collect()
    }

    #[test]
    fn a_key_used_twice_is_answered_oldest_first() {
        let mut ring = Ring::default();
        ask(&mut ring, 7, 1);
        ask(&mut ring, 7, 2);

        let found = ring.find(ProtocolId::FIRST, 7, Direction::AToB).unwrap();

        assert_eq!(0, found);
        ring.remove(found);
        assert_eq!(vec![2], codes(&ring));
    }

    #[test]
    fn requests_stay_in_order_whatever_is_answered_first() {
        let mut ring = Ring::default();
        for code in 1..=4 {
            ask(&mut ring, u64::from(code), code);
        }
        ring.remove(2);
        ring.remove(0);
        ask(&mut ring, 5, 5);
        ask(&mut ring, 6, 6);

        assert_eq!(vec![2, 4, 5, 6], codes(&ring));
    }

    #[test]
    fn of_requests_with_one_key_the_newest_supersedes_the_others() {
        let mut ring = Ring::default();
        for (key, code) in [(7, 1), (8, 2), (7, 3)] {
            ask(&mut ring, key, code);
        }

        assert_eq!(Some(0), ring.superseded(Direction::BToA));
        assert_eq!(None, ring.superseded(Direction::AToB));
        ring.remove(0);
        assert_eq!(None, ring.superseded(Direction::BToA));
    }

    #[test]
    fn slots_are_used_again() {
        let mut ring = Ring::default();
        for n in 0..1000 {
            ask(&mut ring, n, 1);
            ask(&mut ring, n, 2);
            ring.remove(0);
            ring.remove(0);
        }

        assert_eq!((2, 0), (ring.slots.len(), ring.open().len()));
    }

    #[test]
    fn room_for_a_long_message_does_not_stay_in_a_flow() {
        let mut ring = Ring::default();
        let mut pdu = Box::new(Pdu::new(
            ProtocolId::FIRST,
            Role::Request,
            1,
            Operation::new("read_coils", Class::Read),
        ));
        pdu.values.reserve(4096);
        pdu.value(7u8);
        ring.push(&mut pdu, Direction::AToB, FrameId::default(), &[], 0);

        let kept = &ring.open()[0].pdu.values;
        assert_eq!((1, true), (kept.len(), kept.capacity() <= ROOM));
        assert!(pdu.values.capacity() >= 4096);
    }

    #[test]
    fn a_request_is_answered_by_the_other_side_alone() {
        let mut ring = Ring::default();
        ask(&mut ring, 7, 1);

        assert_eq!(None, ring.find(ProtocolId::FIRST, 7, Direction::BToA));
    }

    #[test]
    fn a_client_that_always_uses_one_key_does_not_vary_it() {
        let mut keys = KeyUse::default();

        assert_eq!([false, false, true, true], [0, 0, 1, 0].map(|key| keys.note(key)));
    }
}
