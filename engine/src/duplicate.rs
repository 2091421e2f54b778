//! Packets that the sensor received twice: from two mirror ports, from both
//! directions of one, or before and after a router.
//!
//! A packet is a copy when the same bytes came shortly before. Bytes that a
//! network changes on the way do not count: tags, hardware addresses, time to
//! live, header checksum and class of an IP packet. What tells a copy from the
//! same thing said again is the IP identification. Without one (IPv6, and
//! stacks that always send 0) only copies within a millisecond count.
//!
//! A TCP segment that is sent again within that time and without identification
//! is dropped too. That is harmless: its bytes were seen, and an acknowledgement
//! said twice acknowledges nothing new.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;

use crate::counters::Counters;
use crate::limits::Limits;
use crate::packet::{Ip, Packet, Payload};

/// Remembers the packets of the last moments.
#[derive(Debug)]
pub struct DuplicateFilter {
    /// The last packets, each at its number modulo the ring's size.
    ring: Vec<Entry>,
    /// The number of the last packet of each bucket.
    newest: Vec<u64>,
    /// The number of the next packet. The first is 1: 0 is none.
    next: u64,
    window_ns: i64,
    short_window_ns: i64,
    seeds: [u64; 4],
}

/// A packet that was seen.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    digest: Digest,
    time_ns: i64,
    /// The number of the packet before it in the same bucket.
    previous: u64,
}

/// Two hashes of a packet, by independent seeds.
type Digest = (u64, u64);

impl DuplicateFilter {
    /// A filter that has seen nothing.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        let random = RandomState::new();
        let size = limits.duplicate_ring.next_power_of_two();
        Self {
            ring: vec![Entry::default(); size],
            newest: vec![0; size.saturating_mul(2)],
            next: 1,
            window_ns: limits.duplicate_window_ns,
            short_window_ns: limits.duplicate_unidentified_ns,
            seeds: [0_u8, 1, 2, 3].map(|n| random.hash_one(n)),
        }
    }

    /// Whether the same packet was seen shortly before. Counts it, as the second
    /// copy of a redundant network where it is one.
    pub fn is_duplicate(
        &mut self,
        packet: &Packet<'_>,
        time_ns: i64,
        counters: &mut Counters,
    ) -> bool {
        let Some((digest, identified)) = self.digest(packet) else { return false };
        let window = if identified { self.window_ns } else { self.short_window_ns };
        if self.seen(digest, time_ns, window) {
            let count = if packet.link.redundancy.is_some() {
                &mut counters.redundant_frames
            } else {
                &mut counters.duplicate_frames
            };
            *count = count.saturating_add(1);
            return true;
        }
        false
    }

    /// Whether the packet was seen within `window`; remembers it where it was not.
    /// A copy prolongs nothing, so that what is sent again and again stays visible.
    #[inline]
    fn seen(&mut self, digest: Digest, time_ns: i64, window: i64) -> bool {
        let Some(newest) = place(digest.0, self.newest.len()).and_then(|n| self.newest.get_mut(n))
        else {
            return false;
        };
        let size = self.ring.len();
        let oldest = self.next.saturating_sub(size.try_into().unwrap_or(u64::MAX)).max(1);
        let mut number = *newest;
        // Numbers fall along the way, so it ends at what the ring has forgotten.
        while number >= oldest {
            let Some(entry) = place(number, size).and_then(|n| self.ring.get(n)) else { break };
            if entry.digest == digest {
                if time_ns.saturating_sub(entry.time_ns).saturating_abs() <= window {
                    return true;
                }
                // Those before it are older still, and could be thousands.
                break;
            }
            number = entry.previous;
        }
        if let Some(entry) = place(self.next, size).and_then(|n| self.ring.get_mut(n)) {
            *entry = Entry { digest, time_ns, previous: *newest };
        }
        *newest = self.next;
        self.next = self.next.saturating_add(1);
        false
    }

    /// The hash of what a copy has in common, and whether it has an identification
    /// of its own. None where copies cannot be told.
    #[inline]
    fn digest(&self, packet: &Packet<'_>) -> Option<(Digest, bool)> {
        let mut hash = Hash::new(&self.seeds, packet.body.len());
        let identified = match &packet.payload {
            Payload::Tcp(ip, tcp) => hash.ip(ip, 6, tcp.cut.into()),
            Payload::Udp(ip, udp) => hash.ip(ip, 17, udp.cut.into()),
            Payload::OtherIp(ip, protocol) => hash.ip(ip, *protocol, 0),
            Payload::Fragment(ip, fragment) => {
                let place = u64::from(fragment.offset) << 1 | u64::from(fragment.more);
                hash.ip(ip, fragment.protocol, place << 32 | u64::from(fragment.cut))
            }
            Payload::Arp { .. } => hash.frame(packet, 0x0806),
            // Their cyclic frames have no counter: the same process image twice is
            // the same bytes twice.
            Payload::Ethernet { ethertype: ETHERCAT | POWERLINK, .. } => return None,
            Payload::Ethernet { ethertype, .. } => hash.frame(packet, *ethertype),
            Payload::Serial { .. } | Payload::Nothing(_) => return None,
        };
        hash.bytes(packet.body);
        Some(((hash.first, hash.second), identified))
    }
}

const ETHERCAT: u16 = 0x88a4;
const POWERLINK: u16 = 0x88ab;

/// The place of `number` in a table whose size is a power of two.
#[inline]
fn place(number: u64, size: usize) -> Option<usize> {
    let mask = u64::try_from(size).ok()?.wrapping_sub(1);
    usize::try_from(number & mask).ok()
}

/// Two hashes that multiply and fold, by seeds that a sender cannot know: not
/// for long-lived tables, but whoever hides one packet behind another must guess
/// 128 bits within milliseconds.
struct Hash {
    keys: (u64, u64),
    first: u64,
    second: u64,
}

impl Hash {
    #[inline]
    fn new(seeds: &[u64; 4], length: usize) -> Self {
        let [first_key, second_key, first, second] = *seeds;
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        Self { keys: (first_key, second_key), first: first ^ length, second: second ^ length }
    }

    #[inline]
    fn add(&mut self, x: u64, y: u64) {
        self.first = fold(x ^ self.keys.0, y ^ self.first);
        self.second = fold(x ^ self.keys.1, y ^ self.second);
    }

    /// Adds the header of an IP packet less what routers change. Gives whether it
    /// has an identification.
    #[inline]
    fn ip(&mut self, ip: &Ip, protocol: u8, part: u64) -> bool {
        let id = ip.id.unwrap_or_default();
        let own = u64::from(id) << 8 | u64::from(protocol);
        match (ip.source, ip.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let pair = u64::from(source.to_bits()) << 32 | u64::from(destination.to_bits());
                self.add(pair, own);
            }
            (source, destination) => {
                self.add(own, 6);
                self.address(source);
                self.address(destination);
            }
        }
        if part != 0 {
            self.add(part, own);
        }
        id != 0
    }

    fn address(&mut self, address: IpAddr) {
        if let IpAddr::V6(address) = address {
            self.chunk(&address.octets());
        }
    }

    /// Adds the header of a frame less tags. Two frames of a redundant network
    /// are the same where their numbers are.
    fn frame(&mut self, packet: &Packet<'_>, ethertype: u16) -> bool {
        let mac = |address: Option<[u8; 6]>| {
            let [a, b, c, d, e, f] = address.unwrap_or_default();
            u64::from_le_bytes([a, b, c, d, e, f, 0, 0])
        };
        let number = packet.link.redundancy.map_or(0, |number| u64::from(number) << 1 | 1);
        self.add(mac(packet.link.source), mac(packet.link.destination));
        self.add(ethertype.into(), number);
        true
    }

    #[inline]
    fn bytes(&mut self, bytes: &[u8]) {
        let (chunks, rest) = bytes.as_chunks::<16>();
        for chunk in chunks {
            self.chunk(chunk);
        }
        if rest.is_empty() {
            return;
        }
        if let Some(last) = bytes.last_chunk::<16>() {
            self.chunk(last);
        } else {
            let mut padded = [0; 16];
            padded.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            self.chunk(&padded);
        }
    }

    #[inline]
    fn chunk(&mut self, chunk: &[u8; 16]) {
        let [a, b, c, d, e, f, g, h, tail @ ..] = *chunk;
        self.add(u64::from_le_bytes([a, b, c, d, e, f, g, h]), u64::from_le_bytes(tail));
    }
}

/// Both halves of the product of two numbers, folded into one.
#[inline]
fn fold(x: u64, y: u64) -> u64 {
    let (low, high) = x.carrying_mul(y, 0);
    low ^ high
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{Link, Udp};

    const MILLISECOND: i64 = 1_000_000;

    /// A filter, and whether it takes what it gets for copies.
    struct Bench {
        filter: DuplicateFilter,
        counters: Counters,
    }

    impl Bench {
        fn new() -> Self {
            let filter = DuplicateFilter::new(&Limits::default());
            Self { filter, counters: Counters::new() }
        }

        fn is_copy(&mut self, packet: &Packet<'_>, time_ns: i64) -> bool {
            self.filter.is_duplicate(packet, time_ns, &mut self.counters)
        }
    }

    fn ip(id: Option<u32>) -> Ip {
        let (source, destination) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        Ip { source, destination, ttl: 64, id }
    }

    fn datagram(ip: Ip, body: &[u8]) -> Packet<'_> {
        let payload = body.get(8..).unwrap_or_default();
        let udp = Udp { source_port: 1, destination_port: 2, payload, cut: 0 };
        Packet { link: Link::default(), payload: Payload::Udp(ip, udp), body }
    }

    fn frame(ethertype: u16, redundancy: Option<u16>) -> Packet<'static> {
        let link = Link { source: Some([2; 6]), redundancy, ..Link::default() };
        let payload = Payload::Ethernet { ethertype, bytes: b"pdu", cut: 0 };
        Packet { link, payload, body: b"pdu" }
    }

    #[test]
    fn the_same_packet_within_ten_milliseconds_is_a_copy() {
        for (later, expected) in
            [(0, true), (10 * MILLISECOND, true), (10 * MILLISECOND + 1, false)]
        {
            let mut bench = Bench::new();
            assert!(!bench.is_copy(&datagram(ip(Some(7)), b"header__pdu"), 5));

            assert_eq!(expected, bench.is_copy(&datagram(ip(Some(7)), b"header__pdu"), 5 + later));
            assert_eq!(u64::from(expected), bench.counters.duplicate_frames);
        }
    }

    #[test]
    fn a_copy_may_have_another_vlan_and_time_to_live() {
        let mut bench = Bench::new();
        let first = datagram(ip(Some(7)), b"header__pdu");
        let mut routed = first;
        routed.link.vlan = Some(9);
        routed.link.source = Some([3; 6]);
        routed.payload = datagram(Ip { ttl: 63, ..ip(Some(7)) }, b"header__pdu").payload;
        assert!(!bench.is_copy(&first, 0));

        assert!(bench.is_copy(&routed, 1));
    }

    #[test]
    fn what_differs_in_one_place_is_no_copy() {
        let mut bench = Bench::new();
        let mut bytes = [0_u8; 75];
        assert!(!bench.is_copy(&datagram(ip(Some(7)), &bytes), 0));
        for place in 0..bytes.len() {
            bytes[place] ^= 1;
            assert!(!bench.is_copy(&datagram(ip(Some(7)), &bytes), 0), "byte {place}");
            bytes[place] ^= 1;
        }
        for length in 0..bytes.len() {
            assert!(!bench.is_copy(&datagram(ip(Some(7)), &bytes[..length]), 0), "length {length}");
        }

        assert!(!bench.is_copy(&datagram(ip(Some(8)), &bytes), 0));
        let mut other = ip(Some(7));
        std::mem::swap(&mut other.source, &mut other.destination);
        assert!(!bench.is_copy(&datagram(other, &bytes), 0));
        assert!(bench.is_copy(&datagram(ip(Some(7)), &bytes), 0));
    }

    #[test]
    fn without_an_identification_only_a_millisecond_counts() {
        for id in [None, Some(0)] {
            let mut bench = Bench::new();
            assert!(!bench.is_copy(&datagram(ip(id), b"header__pdu"), 0));
            assert!(bench.is_copy(&datagram(ip(id), b"header__pdu"), MILLISECOND));

            assert!(!bench.is_copy(&datagram(ip(id), b"header__pdu"), MILLISECOND + 1));
        }
    }

    #[test]
    fn a_copy_prolongs_nothing() {
        let mut bench = Bench::new();
        let times = [0, 6, 12, 18, 24].map(|time| time * MILLISECOND);
        let copies = times.map(|time| bench.is_copy(&datagram(ip(Some(7)), b"header__pdu"), time));

        assert_eq!([false, true, false, true, false], copies);
    }

    #[test]
    fn a_packet_4096_packets_ago_is_forgotten() {
        let mut bench = Bench::new();
        for id in 1..=4097 {
            assert!(!bench.is_copy(&datagram(ip(Some(id)), b"header__pdu"), 0));
        }

        assert!(bench.is_copy(&datagram(ip(Some(2)), b"header__pdu"), 0));
        assert!(!bench.is_copy(&datagram(ip(Some(1)), b"header__pdu"), 0));
    }

    #[test]
    fn both_copies_of_a_redundant_network_are_one_frame() {
        let mut bench = Bench::new();
        assert!(!bench.is_copy(&frame(0x88b8, Some(1)), 0));
        assert!(bench.is_copy(&frame(0x88b8, Some(1)), 1));
        assert!(!bench.is_copy(&frame(0x88b8, Some(2)), 2));

        assert_eq!((1, 0), (bench.counters.redundant_frames, bench.counters.duplicate_frames));
    }

    #[test]
    fn cyclic_frames_without_a_counter_are_never_copies() {
        let mut bench = Bench::new();
        for ethertype in [0x88a4, 0x88ab] {
            assert!(!bench.is_copy(&frame(ethertype, None), 0));
            assert!(!bench.is_copy(&frame(ethertype, None), 0));
        }
        assert!(!bench.is_copy(&frame(0x8892, None), 0));

        assert!(bench.is_copy(&frame(0x8892, None), 0));
    }

    #[test]
    fn the_seed_of_a_run_changes_nothing() {
        let mut benches = [Bench::new(), Bench::new()];
        let mut state = 1_u32;
        let mut copies = 0;
        for number in 0..50_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let packet = datagram(ip(Some(state >> 20)), b"header__pdu");
            let found = benches.each_mut().map(|bench| bench.is_copy(&packet, number * 1_000));
            assert_eq!(found[0], found[1]);
            copies += u32::from(found[0]);
        }

        assert!(copies > 0);
    }

    #[test]
    fn the_clock_may_be_anywhere() {
        let mut bench = Bench::new();
        let packet = datagram(ip(Some(7)), b"header__pdu");

        assert!(!bench.is_copy(&packet, i64::MIN));
        assert!(!bench.is_copy(&packet, i64::MAX));
        assert!(!bench.is_copy(&packet, 0));
    }
}
