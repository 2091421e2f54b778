//! The layers of a frame, down to what its flow carries.
//!
//! ```text
//! link type ─► Ethernet, PPP, SLL, ... ─► tags, labels ─► IP ─► TCP, UDP
//!                  ▲                                      │
//!                  └────────── tunnel, at most 6 ◄────────┘
//! ```
//!
//! [`link`] reads link types, tags and labels, [`ip`] what IP carries, [`tunnel`]
//! what wraps another packet. Every layer hands the rest of its bytes to the
//! next; a layer that cannot be read is [`Payload::Nothing`] with its reason,
//! and its bytes are counted. Nothing is guessed: bytes on the port of a tunnel
//! that break one rule of its header are a plain datagram.

mod ip;
mod link;
mod tunnel;

use crate::counters::Counters;
use crate::fragment::Whole;
use crate::limits::TUNNEL_DEPTH;
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
    match counters.link_types.get_mut(&link_type) {
        Some(count) => *count = count.saturating_add(1),
        None => drop(counters.link_types.insert(link_type, 1)),
    }
    let missing = original_len.saturating_sub(length(bytes));
    if missing > 0 {
        counters.frames_truncated = counters.frames_truncated.saturating_add(1);
    }
    let mut walk = Walk { link: Link::default(), missing, depth: 0, counters };
    if bytes.is_empty() {
        walk.counters.frames_empty = walk.counters.frames_empty.saturating_add(1);
        return walk.nothing("empty", bytes);
    }
    walk.link_type(link_type, bytes)
}

/// Reads what an IP packet carried that was put together from fragments.
#[must_use]
pub fn decode_whole<'a>(whole: &'a Whole, counters: &mut Counters) -> Packet<'a> {
    let mut walk = Walk { link: whole.link, missing: whole.cut, depth: whole.depth, counters };
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
    use crate::packet::{Fragment, Ip, Tcp, Udp};
    use std::net::IpAddr;

    const ETHERNET: &[u8] = &[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    const IPV4: &[u8] = &[0x08, 0x00];
    const TAG_7: &[u8] = &[0x81, 0x00, 0xe0, 0x07];
    const TAG_9: &[u8] = &[0x88, 0xa8, 0x00, 0x09];

    /// Ports 1025 and 502, sequence 1, acknowledgement 2, PSH and ACK.
    const TCP: &[u8] =
        &[4, 1, 1, 0xf6, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x18, 1, 0, 0, 0, 0, 0, b'p', b'd', b'u'];
    /// Ports 1025 and 20000, four bytes.
    const UDP: &[u8] = &[4, 1, 0x4e, 0x20, 0, 12, 0, 0, b'p', b'd', b'u', b'!'];

    /// An IPv4 packet from 10.0.0.1 to 10.0.0.2.
    fn ipv4(protocol: u8, body: &[u8]) -> Vec<u8> {
        let total = u16::try_from(body.len()).unwrap().saturating_add(20).to_be_bytes();
        let head =
            [0x45, 0, total[0], total[1], 0, 7, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        [&head, body].concat()
    }

    /// An IPv6 packet from fd00::1 to fd00::2.
    fn ipv6(next: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        let mut head = vec![0x60, 0, 0, 0, length[0], length[1], next, 64];
        for last in [1, 2] {
            head.extend([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
        }
        [&head, body].concat()
    }

    fn read<'a>(link_type: u16, bytes: &'a [u8]) -> Packet<'a> {
        decode(link_type, bytes, length(bytes), &mut Counters::new())
    }

    fn tcp<'a>(packet: &Packet<'a>) -> (Ip, Tcp<'a>) {
        let Payload::Tcp(ip, tcp) = packet.payload else { panic!("TCP: {packet:?}") };
        (ip, tcp)
    }

    fn udp<'a>(packet: &Packet<'a>) -> (Ip, Udp<'a>) {
        let Payload::Udp(ip, udp) = packet.payload else { panic!("UDP: {packet:?}") };
        (ip, udp)
    }

    fn nothing(packet: &Packet<'_>) -> &'static str {
        let Payload::Nothing(why) = packet.payload else { panic!("nothing: {packet:?}") };
        why
    }

    #[test]
    fn a_tcp_segment_is_read_with_its_addresses() {
        let frame = [ETHERNET, IPV4, &ipv4(6, TCP)].concat();
        let packet = read(1, &frame);
        let (ip, tcp) = tcp(&packet);

        assert_eq!(Some([2, 0, 0, 0, 0, 2]), packet.link.source);
        assert_eq!(Some([2, 0, 0, 0, 0, 1]), packet.link.destination);
        assert_eq!(IpAddr::from([10, 0, 0, 1]), ip.source);
        assert_eq!(IpAddr::from([10, 0, 0, 2]), ip.destination);
        assert_eq!((64, Some(7)), (ip.ttl, ip.id));
        assert_eq!(
            (1025, 502, 1, 2),
            (tcp.source_port, tcp.destination_port, tcp.sequence, tcp.acknowledgement)
        );
        assert_eq!((0x18, b"pdu".as_slice(), 0), (tcp.flags, tcp.payload, tcp.cut));
        assert_eq!(TCP, packet.body);
    }

    #[test]
    fn padding_after_a_short_packet_is_not_payload() {
        let frame = [ETHERNET, IPV4, &ipv4(6, TCP), &[0; 3]].concat();

        assert_eq!(b"pdu", tcp(&read(1, &frame)).1.payload);
    }

    #[test]
    fn a_packet_of_length_0_reaches_to_the_end_of_its_frame() {
        let mut packet = ipv4(6, TCP);
        packet[2..4].fill(0);

        assert_eq!(b"pdu", tcp(&read(101, &packet)).1.payload);
    }

    #[test]
    fn the_outermost_vlan_is_kept() {
        let frame = [ETHERNET, TAG_7, TAG_9, IPV4, &ipv4(6, TCP)].concat();
        let packet = read(1, &frame);

        assert_eq!(Some(7), packet.link.vlan);
        assert_eq!(b"pdu", tcp(&packet).1.payload);
    }

    #[test]
    fn a_priority_tag_names_no_vlan() {
        let frame = [ETHERNET, &[0x81, 0, 0xc0, 0], IPV4, &ipv4(6, TCP)].concat();

        assert_eq!(None, read(1, &frame).link.vlan);
    }

    #[test]
    fn a_fifth_tag_is_not_read() {
        let four = [TAG_7, TAG_7, TAG_7, TAG_7].concat();
        let frame = [ETHERNET, &four, IPV4, &ipv4(6, TCP)].concat();
        let deeper = [ETHERNET, &four, TAG_7, IPV4, &ipv4(6, TCP)].concat();

        assert_eq!(b"pdu", tcp(&read(1, &frame)).1.payload);
        assert_eq!("tag_depth", nothing(&read(1, &deeper)));
    }

    #[test]
    fn a_datagram_is_read_over_both_versions_of_ip() {
        let (old, new) = (ipv4(17, UDP), ipv6(17, UDP));

        assert_eq!(b"pdu!", udp(&read(228, &old)).1.payload);
        let packet = read(229, &new);
        let (ip, udp) = udp(&packet);
        assert_eq!(
            (1025, 20000, b"pdu!".as_slice()),
            (udp.source_port, udp.destination_port, udp.payload)
        );
        assert_eq!("fd00::1", ip.source.to_string());
        assert_eq!("fd00::2", ip.destination.to_string());
    }

    #[test]
    fn arp_tells_whose_address_is_whose() {
        let message =
            [0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, 2, 10, 0, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 2];
        let frame = [ETHERNET, &[0x08, 0x06], &message, &[0; 18]].concat();
        let Payload::Arp { mac, ip, target, reply } = read(1, &frame).payload else {
            panic!("ARP")
        };

        assert_eq!(([2, 0, 0, 0, 0, 2], true), (mac, reply));
        assert_eq!((IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2])), (ip, target));
    }

    #[test]
    fn another_ethertype_is_handed_over() {
        let frame = [ETHERNET, &[0x88, 0x92], b"pdu"].concat();
        let Payload::Ethernet { ethertype, bytes, cut } = read(1, &frame).payload else {
            panic!("ethertype")
        };

        assert_eq!((0x8892, b"pdu".as_slice(), 0), (ethertype, bytes, cut));
    }

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

    #[test]
    fn a_data_offset_outside_the_segment_is_malformed() {
        for offset in [0x40, 0x60] {
            let mut segment = TCP[..20].to_vec();
            segment[12] = offset;

            assert_eq!("malformed", nothing(&read(101, &ipv4(6, &segment))));
        }
    }

    #[test]
    fn a_fragment_says_where_it_belongs() {
        let mut packet = ipv4(17, b"12345678");
        packet[6..8].copy_from_slice(&[0x20, 0x03]);
        let Payload::Fragment(_, Fragment { protocol, offset, more, bytes, .. }) =
            read(101, &packet).payload
        else {
            panic!("fragment")
        };

        assert_eq!((17, 24, true, b"12345678".as_slice()), (protocol, offset, more, bytes));
    }
}
