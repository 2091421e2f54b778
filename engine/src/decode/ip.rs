//! IPv4, IPv6 and what they carry: TCP, UDP and whatever wraps another packet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use dissectors::reader::Reader;

use super::{Walk, length};
use crate::packet::{Fragment, Ip, Packet, Payload, Tcp, Tunnel, Udp};

/// Extension headers read before a packet counts as malformed.
const EXTENSIONS: usize = 16;

impl Walk<'_> {
    /// An IP packet of either version: its first four bits say which.
    pub(super) fn ip<'a>(&mut self, bytes: &'a [u8]) -> Packet<'a> {
        match bytes.first().map(|first| first >> 4) {
            Some(4) => self.ipv4(bytes),
            Some(6) => self.ipv6(bytes),
            Some(_) => self.nothing("malformed", bytes),
            None => self.short(bytes),
        }
    }

    /// An IPv4 packet (RFC 791, 3.1). Bytes after its length are padding; a
    /// length of 0 is a segment that the network card was still to cut.
    #[inline(always)]
    pub(super) fn ipv4<'a>(&mut self, bytes: &'a [u8]) -> Packet<'a> {
        let Some(head) = Reader::new(bytes).array::<20>() else { return self.short(bytes) };
        let [first, _, l1, l0, i1, i0, f1, f0, ttl, protocol, _, _, addresses @ ..] = head;
        let [s3, s2, s1, s0, d3, d2, d1, d0] = addresses;
        let header = usize::from(first & 0x0f) << 2;
        let total = usize::from(u16::from_be_bytes([l1, l0]));
        if first >> 4 != 4 || header < 20 || (total != 0 && total < header) {
            return self.nothing("malformed", bytes);
        }
        let whole = if total == 0 { bytes } else { self.bound(bytes, total) };
        let Some(body) = whole.get(header..) else { return self.short(bytes) };
        let ip = Ip {
            source: IpAddr::V4(Ipv4Addr::new(s3, s2, s1, s0)),
            destination: IpAddr::V4(Ipv4Addr::new(d3, d2, d1, d0)),
            ttl,
            id: Some(u16::from_be_bytes([i1, i0]).into()),
        };
        let part = u16::from_be_bytes([f1, f0]);
        let (more, offset) = (part & 0x2000 != 0, u32::from(part & 0x1fff) << 3);
        if more || offset > 0 {
            return self.fragment(ip, protocol, offset, more, body);
        }
        self.transport(ip, protocol, body)
    }

    /// An IPv6 packet (RFC 8200) with its extension headers.
    pub(super) fn ipv6<'a>(&mut self, bytes: &'a [u8]) -> Packet<'a> {
        let mut reader = Reader::new(bytes);
        let (Some([first, _, _, _, l1, l0, next, ttl]), Some(source), Some(destination)) =
            (reader.array(), reader.array::<16>(), reader.array::<16>())
        else {
            return self.short(bytes);
        };
        if first >> 4 != 6 {
            return self.nothing("malformed", bytes);
        }
        let ip = Ip {
            source: IpAddr::V6(Ipv6Addr::from(source)),
            destination: IpAddr::V6(Ipv6Addr::from(destination)),
            ttl,
            id: None,
        };
        // 0: a jumbogram (RFC 2675) or a segment that the network card was still
        // to cut. Both reach to the end of the frame, unless nothing follows.
        let declared = usize::from(u16::from_be_bytes([l1, l0]));
        let rest = reader.rest();
        let body = if declared == 0 { rest } else { self.bound(rest, declared) };
        self.headers(ip, next, body)
    }

    /// The headers between that of an IP packet and its transport.
    pub(super) fn headers<'a>(&mut self, mut ip: Ip, mut next: u8, bytes: &'a [u8]) -> Packet<'a> {
        if ip.source.is_ipv4() {
            return self.transport(ip, next, bytes);
        }
        let mut reader = Reader::new(bytes);
        for _ in 0..EXTENSIONS {
            let here = reader.rest();
            match next {
                // Hop-by-hop, routing, destination, authentication, mobility, HIP, shim6.
                0 | 43 | 51 | 60 | 135 | 139 | 140 => {
                    let Some(after) = skip_extension(next == 51, &mut reader) else {
                        return self.short(here);
                    };
                    next = after;
                }
                44 => {
                    let Some([after, _, o1, o0, id @ ..]) = reader.array::<8>() else {
                        return self.short(here);
                    };
                    let part = u16::from_be_bytes([o1, o0]);
                    let (more, offset) = (part & 1 != 0, u32::from(part & 0xfff8));
                    ip.id = Some(u32::from_be_bytes(id));
                    if more || offset > 0 {
                        return self.fragment(ip, after, offset, more, reader.rest());
                    }
                    next = after;
                }
                _ => return self.transport(ip, next, here),
            }
        }
        self.nothing("malformed", reader.rest())
    }

    fn fragment<'a>(
        &mut self,
        ip: Ip,
        protocol: u8,
        offset: u32,
        more: bool,
        bytes: &'a [u8],
    ) -> Packet<'a> {
        let (cut, depth) = (self.missing, self.depth);
        let fragment = Fragment { protocol, offset, more, bytes, cut, depth };
        self.found(Payload::Fragment(ip, fragment), bytes)
    }

    /// What an unfragmented IP packet carries.
    #[inline(always)]
    pub(super) fn transport<'a>(&mut self, ip: Ip, protocol: u8, bytes: &'a [u8]) -> Packet<'a> {
        match protocol {
            6 => self.tcp(ip, bytes),
            17 => self.udp(ip, bytes),
            _ => self.other(ip, protocol, bytes),
        }
    }

    /// What wraps another packet, or is left to others.
    fn other<'a>(&mut self, ip: Ip, protocol: u8, bytes: &'a [u8]) -> Packet<'a> {
        match protocol {
            4 | 41 if !self.enter(Some(Tunnel::IpInIp)) => self.nothing("tunnel_depth", bytes),
            4 => self.ipv4(bytes),
            41 => self.ipv6(bytes),
            47 => self.gre(ip, bytes),
            51 => self.authenticated(ip, bytes),
            137 if !self.deeper() => self.nothing("tunnel_depth", bytes),
            137 => self.mpls(bytes),
            _ => self.found(Payload::OtherIp(ip, protocol), bytes),
        }
    }

    /// An authentication header (RFC 4302): what follows it is in the clear.
    fn authenticated<'a>(&mut self, ip: Ip, bytes: &'a [u8]) -> Packet<'a> {
        let mut reader = Reader::new(bytes);
        match skip_extension(true, &mut reader) {
            Some(_) if !self.deeper() => self.nothing("tunnel_depth", bytes),
            Some(next) => self.transport(ip, next, reader.rest()),
            None => self.short(bytes),
        }
    }

    /// A TCP segment (RFC 9293, 3.1).
    #[inline(always)]
    fn tcp<'a>(&mut self, ip: Ip, bytes: &'a [u8]) -> Packet<'a> {
        let Some(head) = Reader::new(bytes).array::<20>() else { return self.short(bytes) };
        let [s1, s0, d1, d0, q3, q2, q1, q0, a3, a2, a1, a0, offset, flags, ..] = head;
        let header = usize::from(offset >> 4) << 2;
        let beyond = u32::try_from(header.saturating_sub(bytes.len())).unwrap_or(u32::MAX);
        if header < 20 || beyond > self.missing {
            return self.nothing("malformed", bytes);
        }
        let tcp = Tcp {
            source_port: u16::from_be_bytes([s1, s0]),
            destination_port: u16::from_be_bytes([d1, d0]),
            sequence: u32::from_be_bytes([q3, q2, q1, q0]),
            acknowledgement: u32::from_be_bytes([a3, a2, a1, a0]),
            flags,
            payload: bytes.get(header..).unwrap_or_default(),
            cut: self.missing.saturating_sub(beyond),
        };
        self.found(Payload::Tcp(ip, tcp), bytes)
    }

    /// A UDP datagram (RFC 768), or what a tunnel carries in it.
    ///
    /// Bytes after its length belong to nobody. A length of 0 reaches to the end
    /// (RFC 2675, 4); one beyond the IP packet is malformed, as receivers see it.
    #[inline(always)]
    fn udp<'a>(&mut self, ip: Ip, bytes: &'a [u8]) -> Packet<'a> {
        let Some([s1, s0, d1, d0, l1, l0, _, _]) = Reader::new(bytes).array::<8>() else {
            return self.short(bytes);
        };
        let declared = u32::from(u16::from_be_bytes([l1, l0]));
        let carried = length(bytes).saturating_add(self.missing);
        if declared != 0 && (declared < 8 || declared > carried) {
            return self.nothing("malformed", bytes);
        }
        let bytes = match usize::try_from(declared) {
            Ok(declared @ 8..) => self.bound(bytes, declared),
            _ => bytes,
        };
        let udp = Udp {
            source_port: u16::from_be_bytes([s1, s0]),
            destination_port: u16::from_be_bytes([d1, d0]),
            payload: bytes.get(8..).unwrap_or_default(),
            cut: self.missing,
        };
        match self.udp_tunnel(udp.source_port, udp.destination_port, udp.payload) {
            Some(packet) => packet,
            None => self.found(Payload::Udp(ip, udp), bytes),
        }
    }
}

/// Passes over an extension header: next header, length in units of eight bytes
/// after the first eight; of four after the first eight in an authentication header.
fn skip_extension(authentication: bool, reader: &mut Reader<'_>) -> Option<u8> {
    let next = reader.u8()?;
    let units = usize::from(reader.u8()?);
    let more = if authentication { units << 2 } else { units << 3 };
    reader.skip(more.saturating_add(6))?;
    Some(next)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use crate::decode::frames::{
        ETHERNET, IPV4, TCP, UDP, datagram, ipv4, ipv6, nothing, read, tcp, udp,
    };
    use crate::packet::{Fragment, Payload};

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

    #[test]
    fn options_of_ip_and_tcp_are_not_payload() {
        let mut segment = TCP.to_vec();
        segment[12] = 0x60;
        segment.splice(20..20, [1, 1, 1, 1]);
        let mut packet = ipv4(6, &segment);
        packet[0] = 0x46;
        packet[3] += 4;
        packet.splice(20..20, [1, 1, 1, 1]);

        assert_eq!(b"pdu", tcp(&read(101, &packet)).1.payload);
    }

    #[test]
    fn an_ip_header_that_contradicts_itself_is_malformed() {
        for (place, value) in [(0, 0x44), (0, 0x35), (3, 19)] {
            let mut packet = ipv4(6, TCP);
            packet[place] = value;

            assert_eq!("malformed", nothing(&read(228, &packet)));
        }
    }

    #[test]
    fn a_length_beyond_the_frame_counts_as_cut() {
        let mut packet = ipv4(6, TCP);
        packet[3] += 5;
        let packet = read(101, &packet);

        assert_eq!((b"pdu".as_slice(), 5), (tcp(&packet).1.payload, tcp(&packet).1.cut));
    }

    #[test]
    fn extension_headers_are_passed_over() {
        let hop = [43, 0, 1, 4, 0, 0, 0, 0];
        let routing = [60, 0, 4, 0, 0, 0, 0, 0];
        let options = [51, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let authentication = [44, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1];
        let check = [0; 12];
        let whole = [6, 0, 0, 0, 0, 0, 0, 9];
        let body = [&hop[..], &routing, &options, &authentication, &check, &whole, TCP].concat();
        let packet = ipv6(0, &body);

        assert_eq!((b"pdu".as_slice(), Some(9)), {
            let packet = read(101, &packet);
            let (ip, tcp) = tcp(&packet);
            (tcp.payload, ip.id)
        });
    }

    #[test]
    fn endless_extension_headers_are_malformed() {
        let body = [60, 0, 1, 4, 0, 0, 0, 0].repeat(40);

        assert_eq!("malformed", nothing(&read(101, &ipv6(60, &body))));
    }

    #[test]
    fn an_authentication_header_hides_nothing() {
        let header = [6, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1];
        let body = [&header[..], &[0; 12], TCP].concat();

        assert_eq!(b"pdu", tcp(&read(101, &ipv4(51, &body))).1.payload);
    }

    #[test]
    fn an_ipv6_fragment_says_where_it_belongs() {
        let packet = ipv6(44, &[&[17, 0, 0, 0x19, 0, 0, 0, 9], b"12345678".as_slice()].concat());
        let Payload::Fragment(ip, Fragment { protocol, offset, more, bytes, .. }) =
            read(101, &packet).payload
        else {
            panic!("fragment")
        };

        assert_eq!((17, 24, true, b"12345678".as_slice()), (protocol, offset, more, bytes));
        assert_eq!(Some(9), ip.id);
    }

    #[test]
    fn a_datagram_ends_where_its_length_says() {
        let longer = [UDP, b"trailer"].concat();
        let packet = ipv4(17, &longer);

        assert_eq!(b"pdu!", udp(&read(101, &packet)).1.payload);
    }

    #[test]
    fn a_datagram_of_length_0_reaches_to_the_end() {
        let mut jumbo = datagram(20000, b"pdu!");
        jumbo[5] = 0;

        assert_eq!(b"pdu!", udp(&read(101, &ipv4(17, &jumbo))).1.payload);
    }

    #[test]
    fn a_datagram_longer_than_its_packet_is_malformed() {
        for length in [7, 13] {
            let mut wrong = datagram(20000, b"pdu!");
            wrong[5] = length;

            assert_eq!("malformed", nothing(&read(101, &ipv4(17, &wrong))));
        }
    }

    #[test]
    fn another_protocol_is_named_by_its_number() {
        let packet = ipv4(1, b"ping");
        let packet = read(101, &packet);

        assert!(matches!(packet.payload, Payload::OtherIp(_, 1)));
        assert_eq!(b"ping", packet.body);
    }
}
