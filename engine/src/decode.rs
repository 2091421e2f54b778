//! The layers of a frame, down to what its flow carries.
//!
//! ```text
//! link type ─► Ethernet, PPP, SLL, ... ─► tags, labels ─► IP ─► TCP, UDP
//!                  ▲                                      │
//!                  └────────── tunnel, at most 6 ◄────────┘
//! ```
//!
//! [`link`] reads link types, [`ethernet`] tags and ethertypes, [`label`] what is
//! under MPLS, [`ip`] what IP carries, [`tunnel`] what wraps another packet. Every layer hands the rest of its bytes to the
//! next; a layer that cannot be read is [`Payload::Nothing`] with its reason,
//! and its bytes are counted. Nothing is guessed: bytes on the port of a tunnel
//! that break one rule of its header are a plain datagram.
//!
//! The way of the usual packet, Ethernet to TCP, is inlined by force: handing a
//! header from one function to the next costs more than reading it [V].

mod ethernet;
#[cfg(test)]
mod frames;
mod ip;
mod label;
mod link;
mod tunnel;
mod udp_tunnel;

use crate::counters::Counters;
use crate::fragment::Whole;
use crate::limits::TUNNEL_DEPTH;
use crate::mirror::Mirrors;
use crate::packet::{Link, Packet, Payload, Tunnel};

/// Reads the layers of one frame down to the innermost TCP, UDP, ARP, ethertype
/// or serial bytes.
///
/// Never fails. `original_len` is the frame's length on the wire. Counts the
/// frame's link type, whether it is empty or cut, and bytes that stay unread;
/// not the frame itself.
#[must_use]
pub fn decode<'a>(
    link_type: u16,
    bytes: &'a [u8],
    original_len: u32,
    counters: &mut Counters,
) -> Packet<'a> {
    decode_frame(link_type, bytes, original_len, counters, None)
}

/// The same, where mirrored frames that are missing are counted too.
pub(crate) fn decode_frame<'a>(
    link_type: u16,
    bytes: &'a [u8],
    original_len: u32,
    counters: &mut Counters,
    mirrors: Option<&mut Mirrors>,
) -> Packet<'a> {
    match counters.link_types.get_mut(&link_type) {
        Some(count) => *count = count.saturating_add(1),
        None => drop(counters.link_types.insert(link_type, 1)),
    }
    let missing = original_len.saturating_sub(length(bytes));
    if missing > 0 {
        counters.frames_truncated = counters.frames_truncated.saturating_add(1);
    }
    let mut walk = Walk { link: Link::default(), missing, depth: 0, counters, mirrors };
    if bytes.is_empty() {
        walk.counters.frames_empty = walk.counters.frames_empty.saturating_add(1);
        return walk.nothing("empty", bytes);
    }
    walk.link_type(link_type, bytes)
}

/// Reads what an IP packet carried that was put together from fragments.
#[must_use]
pub fn decode_whole<'a>(whole: &'a Whole, counters: &mut Counters) -> Packet<'a> {
    decode_fragments(whole, counters, None)
}

/// The same, where mirrored frames that are missing are counted too: a mirror's packets
/// are longer than what they carry, and so often in pieces.
pub(crate) fn decode_fragments<'a>(
    whole: &'a Whole,
    counters: &mut Counters,
    mirrors: Option<&mut Mirrors>,
) -> Packet<'a> {
    let (link, missing, depth) = (whole.link, whole.cut, whole.depth);
    let mut walk = Walk { link, missing, depth, counters, mirrors };
    // A whole can hold a fragment again: that is bounded as tunnels are.
    if walk.deeper() {
        walk.headers(whole.ip, whole.protocol, &whole.bytes)
    } else {
        walk.nothing("tunnel_depth", &whole.bytes)
    }
}

/// What is known on the way down a frame.
struct Walk<'c> {
    /// The link layer that was read last.
    link: Link,
    /// Bytes that the layer at hand has on the wire beyond those captured.
    missing: u32,
    /// Tunnels passed.
    depth: u8,
    counters: &'c mut Counters,
    /// The sequence numbers of mirrors, where they are followed.
    mirrors: Option<&'c mut Mirrors>,
}

impl Walk<'_> {
    /// The end of the way: what was found.
    #[inline(always)]
    const fn found<'a>(&self, payload: Payload<'a>, body: &'a [u8]) -> Packet<'a> {
        Packet { link: self.link, payload, body }
    }

    /// The end of the way: bytes that cannot be read.
    #[cold]
    fn nothing<'a>(&mut self, why: &'static str, bytes: &'a [u8]) -> Packet<'a> {
        self.counters.undecoded(why, bytes.len().try_into().unwrap_or(u64::MAX));
        self.found(Payload::Nothing(why), bytes)
    }

    /// The end of the way: a header that is longer than what is there.
    #[cold]
    fn short<'a>(&mut self, bytes: &'a [u8]) -> Packet<'a> {
        self.nothing(if self.missing > 0 { "truncated" } else { "malformed" }, bytes)
    }

    /// The first `declared` bytes, as many as there are; the others are missing.
    #[inline(always)]
    fn bound<'a>(&mut self, bytes: &'a [u8], declared: usize) -> &'a [u8] {
        if let Some(whole) = bytes.get(..declared) {
            self.missing = 0;
            whole
        } else {
            let missing = declared.saturating_sub(bytes.len());
            self.missing = u32::try_from(missing).unwrap_or(u32::MAX);
            bytes
        }
    }

    /// One layer deeper. False where it is too deep: every layer that can hold one
    /// of its own kind asks first, so that no frame exhausts the stack.
    const fn deeper(&mut self) -> bool {
        self.depth = self.depth.saturating_add(1);
        self.depth <= TUNNEL_DEPTH
    }

    /// One layer deeper, with a link layer of its own. False where it is too deep.
    fn enter(&mut self, tunnel: Option<Tunnel>) -> bool {
        self.link = Link { tunnel: tunnel.or(self.link.tunnel), ..Link::default() };
        self.deeper()
    }
}

/// The length of `bytes`, as lengths on the wire are counted.
#[inline]
fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use frames::{
        ETHERNET, IPV4, IPV6, TAG_7, TAG_9, TCP, UDP, datagram, inner_frame, ipv4, ipv6, nothing,
        tcp,
    };

    #[test]
    fn an_unknown_link_type_is_counted() {
        let mut counters = Counters::new();
        let packet = decode(105, &[1, 2, 3], 3, &mut counters);

        assert_eq!("unknown_link_type", nothing(&packet));
        assert_eq!(Some(&3), counters.undecoded.get("unknown_link_type"));
        assert_eq!(Some(&1), counters.link_types.get(&105));
    }

    #[test]
    fn a_cut_frame_gives_what_is_there_and_says_what_is_missing() {
        let frame = [ETHERNET, IPV4, &ipv4(6, TCP)].concat();
        let mut counters = Counters::new();
        let packet = decode(1, &frame[..55], length(&frame), &mut counters);
        let (_, tcp) = tcp(&packet);

        assert_eq!((b"p".as_slice(), 2), (tcp.payload, tcp.cut));
        assert_eq!(1, counters.frames_truncated);
        assert_eq!("truncated", nothing(&decode(1, &frame[..40], length(&frame), &mut counters)));
    }

    /// Frames of every kind with their link types.
    fn seeds() -> Vec<(u16, Vec<u8>)> {
        let gre = |head: &[u8], rest: &[u8]| ipv4(47, &[head, rest].concat());
        let over =
            |port, head: &[u8], rest: &[u8]| ipv4(17, &datagram(port, &[head, rest].concat()));
        let inner = inner_frame();
        let mut fragment = ipv4(17, b"fragment");
        fragment[6] = 0x20;
        let packets = [
            ipv4(6, TCP),
            ipv6(6, TCP),
            ipv6(0, &[&[60, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0], TCP].concat()),
            ipv6(44, &[&[17, 0, 0, 1, 0, 0, 0, 9], b"12345678".as_slice()].concat()),
            fragment,
            ipv4(4, &ipv4(41, &ipv6(17, UDP))),
            gre(&[0xb0, 0, 0x65, 0x58, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1], &inner),
            gre(&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 7, 0, 1, 0, 0, 0, 1], &inner),
            gre(&[0, 0, 0x88, 0x47, 0, 1, 1, 64], &ipv4(6, TCP)),
            over(4789, &[8, 0, 0, 0, 0, 0, 9, 0], &inner),
            over(6081, &[2, 0, 0x65, 0x58, 0, 0, 9, 0, 1, 2, 3, 1, 0, 0, 0, 0], &inner),
            over(37008, &[1, 0, 0, 1, 0, 10, 1, 0xaa, 1], &inner),
        ];
        let mut seeds = vec![
            (1, [ETHERNET, &[0x88, 0x47, 0, 1, 1, 64, 0, 0, 0, 9], &inner].concat()),
            (
                1,
                [ETHERNET, &[0x88, 0xe5, 0, 20, 0, 0, 0, 1], IPV4, &ipv4(6, TCP), &[0; 16]]
                    .concat(),
            ),
            (1, [ETHERNET, &[0x88, 0xe7, 0, 0, 0, 1], &inner].concat()),
            (1, [ETHERNET, &[0, 46, 0xaa, 0xaa, 3, 0, 0, 0], IPV4, &ipv4(17, UDP)].concat()),
            (1, [ETHERNET, &[0x88, 0x64, 0x11, 0, 0, 9, 0, 45, 0, 0x21], &ipv4(6, TCP)].concat()),
            (113, [&[0, 4, 0, 1, 0, 6], &ETHERNET[..8], TAG_9, IPV4, &ipv4(6, TCP)].concat()),
            (250, [&[0, 0, 0, 1, 0, 0, 0, 2, 1, 0, 0, 0], TCP].concat()),
        ];
        for packet in packets {
            let kind = if packet[0] >> 4 == 4 { IPV4 } else { IPV6 };
            seeds.push((1, [ETHERNET, TAG_7, kind, &packet].concat()));
            seeds.push((101, packet));
        }
        seeds
    }

    /// The payload and how much of it is missing.
    fn payload<'a>(packet: &Packet<'a>) -> (&'a [u8], u32) {
        match packet.payload {
            Payload::Tcp(_, tcp) => (tcp.payload, tcp.cut),
            Payload::Udp(_, udp) => (udp.payload, udp.cut),
            Payload::Fragment(_, fragment) => (fragment.bytes, fragment.cut),
            Payload::Ethernet { bytes, cut, .. } => (bytes, cut),
            _ => (&[], 0),
        }
    }

    #[test]
    fn a_frame_cut_anywhere_gives_the_front_of_what_the_whole_gives() {
        for (link_type, frame) in seeds() {
            let whole = frames::read(link_type, &frame);
            let (expected, _) = payload(&whole);
            for end in 0..frame.len() {
                let packet = decode(link_type, &frame[..end], length(&frame), &mut Counters::new());
                let same = std::mem::discriminant(&packet.payload)
                    == std::mem::discriminant(&whole.payload)
                    && packet.link == whole.link;
                if same && !matches!(packet.payload, Payload::Serial { .. }) {
                    let (found, cut) = payload(&packet);
                    assert!(expected.starts_with(found), "{packet:?} of {whole:?}");
                    assert_eq!(length(expected), length(found).saturating_add(cut), "{packet:?}");
                }
            }
        }
    }

    #[test]
    fn mutated_frames_never_panic_and_give_only_their_own_bytes() {
        let seeds = seeds();
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state >> 11).unwrap() % below
        };
        let types = [0, 1, 9, 50, 101, 104, 108, 113, 165, 240, 241, 250, 257, 276, 105];
        let limits = crate::limits::Limits::default();
        let mut defragmenter = crate::fragment::Defragmenter::new(&limits);
        let mut filter = crate::duplicate::DuplicateFilter::new(&limits);
        let mut counters = Counters::new();
        for number in 0..300_000 {
            let (link_type, frame) = &seeds[random(seeds.len())];
            let mut frame = frame.clone();
            for _ in 0..=random(4) {
                let place = random(frame.len());
                match random(4) {
                    0 => frame[place] ^= 1 << random(8),
                    1 => frame[place] = [0, 1, 0x7f, 0x80, 0xff][random(5)],
                    2 => frame.truncate(place.max(1)),
                    _ => drop(
                        frame.splice(place..place, [0x45, 0, 0, 0].into_iter().take(random(5))),
                    ),
                }
            }
            let link_type = if random(8) == 0 { types[random(types.len())] } else { *link_type };
            let missing = u32::try_from(random(3)).unwrap();
            let original = length(&frame).saturating_add(missing);
            let packet = decode(link_type, &frame, original, &mut counters);
            let inside = frame.as_ptr_range();
            for bytes in [packet.body, payload(&packet).0] {
                let range = bytes.as_ptr_range();
                assert!(bytes.is_empty() || inside.start <= range.start && range.end <= inside.end);
            }
            let time_ns = i64::from(number) * 1_000_000;
            filter.is_duplicate(&packet, time_ns, &mut counters);
            if let Payload::Fragment(ip, fragment) = &packet.payload {
                let frame = dissectors::dissector::FrameId::default();
                let whole =
                    defragmenter.push(&packet.link, ip, fragment, frame, time_ns, &mut counters);
                if let Some(whole) = whole {
                    let _ = decode_whole(&whole, &mut counters);
                }
            }
        }
        assert!(counters.ip_fragments_joined > 0);
    }
}
