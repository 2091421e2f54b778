//! GRE, ERSPAN, VXLAN, GENEVE and TZSP: another packet inside this one.
//!
//! Sources: RFC 2784, 2890, 1701, 2637 (GRE); draft-foschiano-erspan-03 (ERSPAN);
//! RFC 7637 (NVGRE); RFC 7348, draft-smith-vxlan-group-policy-05 and
//! draft-ietf-nvo3-vxlan-gpe-13 (VXLAN); RFC 8926 (GENEVE).

use dissectors::reader::Reader;

use super::Walk;
use crate::mirror::Mirror;
use crate::packet::{Ip, Packet, Payload, Tunnel};

const VXLAN_PORT: u16 = 4789;
const VXLAN_PORT_OF_LINUX: u16 = 8472;
const VXLAN_PORT_GENERIC: u16 = 4790;
const GENEVE_PORT: u16 = 6081;
const TZSP_PORT: u16 = 37008;

/// What a tunnel's header says comes after it.
#[derive(Clone, Copy)]
enum Inner {
    Ethernet,
    Ip,
    Ppp,
    Ethertype(u16),
}

impl Walk<'_> {
    /// One layer deeper: what a tunnel carries.
    fn inner<'a>(&mut self, tunnel: Tunnel, inner: Inner, bytes: &'a [u8]) -> Packet<'a> {
        if !self.enter(Some(tunnel)) {
            return self.nothing("tunnel_depth", bytes);
        }
        match inner {
            Inner::Ethernet => self.ethernet(bytes),
            Inner::Ip => self.ip(bytes),
            Inner::Ppp => self.ppp(bytes),
            Inner::Ethertype(kind) => self.ethertype(kind, bytes),
        }
    }

    /// GRE. What it carries stays unread where that is no packet we know.
    pub(super) fn gre<'a>(&mut self, ip: Ip, bytes: &'a [u8]) -> Packet<'a> {
        let mut reader = Reader::new(bytes);
        if !matches!(bytes, [_, flags, ..] if flags & 0x07 <= 1) {
            return self.found(Payload::OtherIp(ip, 47), bytes);
        }
        let Some(header) = GreHeader::read(&mut reader) else { return self.short(bytes) };
        let rest = reader.rest();
        let erspan = match header.protocol {
            0x88be if header.sequence.is_none() => Some((Inner::Ethernet, rest)),
            0x88be => erspan_2(rest),
            0x22eb => erspan_3(rest),
            _ => None,
        };
        if erspan.is_some() || header.protocol == 0x6558 {
            self.numbered(ip, &header, rest);
        }
        match (header.protocol, erspan) {
            (_, Some((inner, rest))) => self.inner(Tunnel::Erspan, inner, rest),
            (0x6558, _) => self.inner(Tunnel::Gre, Inner::Ethernet, rest),
            (0x880b, _) => self.inner(Tunnel::Gre, Inner::Ppp, strip_hdlc(rest)),
            (kind @ (0x0800 | 0x86dd | 0x8847 | 0x8848), _) => {
                self.inner(Tunnel::Gre, Inner::Ethertype(kind), rest)
            }
            _ => self.found(Payload::OtherIp(ip, 47), bytes),
        }
    }

    /// Holds the number of a mirrored frame against those before it. GRE that carries
    /// IP or PPP is somebody's network, where loss is not that of a mirror.
    fn numbered(&mut self, ip: Ip, header: &GreHeader, rest: &[u8]) {
        let (Some(mirrors), Some(sequence)) = (&mut self.mirrors, header.sequence) else { return };
        let session = match (header.protocol, rest) {
            (0x88be, [_, _, high, low, ..]) => session(*high, *low),
            (0x22eb, [_, _, high, low, _, _, _, _, _, _, _, engine, ..]) => {
                session(*high, *low) | u32::from(engine >> 4) << 16
            }
            _ => 0,
        };
        let (source, destination, key) = (ip.source, ip.destination, header.key);
        let mirror = Mirror { source, destination, key, session };
        let missing = mirrors.frame(mirror, sequence);
        self.counters.mirror_gaps = self.counters.mirror_gaps.saturating_add(missing);
    }

    /// What a datagram to the port of a tunnel carries; none where its header
    /// breaks one of the tunnel's rules.
    #[inline]
    pub(super) fn udp_tunnel<'a>(&mut self, port: u16, bytes: &'a [u8]) -> Option<Packet<'a>> {
        match port {
            VXLAN_PORT | VXLAN_PORT_OF_LINUX | VXLAN_PORT_GENERIC | GENEVE_PORT | TZSP_PORT => {
                self.known_udp_tunnel(port, bytes)
            }
            _ => None,
        }
    }

    fn known_udp_tunnel<'a>(&mut self, port: u16, bytes: &'a [u8]) -> Option<Packet<'a>> {
        let (tunnel, (inner, rest)) = match port {
            GENEVE_PORT => (Tunnel::Geneve, geneve(bytes)?),
            TZSP_PORT => (Tunnel::Tzsp, tzsp(bytes)?),
            _ => (Tunnel::Vxlan, vxlan(bytes)?),
        };
        // Too short for an Ethernet header, and not because it was cut.
        if matches!(inner, Inner::Ethernet) && rest.len() < 14 && self.missing == 0 {
            return None;
        }
        Some(self.inner(tunnel, inner, rest))
    }
}

/// The facts of a GRE header.
struct GreHeader {
    protocol: u16,
    key: Option<u32>,
    sequence: Option<u32>,
}

impl GreHeader {
    /// Reads the header with its optional fields.
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let flags = reader.u16_be()?;
        let protocol = reader.u16_be()?;
        let has = |bit: u16| flags & bit != 0;
        let (checksum, routing, key, sequenced, acknowledged) =
            (has(0x8000), has(0x4000), has(0x2000), has(0x1000), has(0x0080));
        if checksum || routing {
            reader.skip(4)?;
        }
        let key = if key { Some(reader.u32_be()?) } else { None };
        let sequence = if sequenced { Some(reader.u32_be()?) } else { None };
        // Version 1 of PPTP.
        if flags & 0x0007 == 1 && acknowledged {
            reader.skip(4)?;
        }
        // Source routes: family, offset, length; the last one is empty. Each
        // takes four bytes or more, so the bytes bound the loop.
        if routing {
            loop {
                let (family, _, length) = (reader.u16_be()?, reader.u8()?, reader.u8()?);
                reader.skip(length.into())?;
                if family == 0 && length == 0 {
                    break;
                }
            }
        }
        Some(Self { protocol, key, sequence })
    }
}

/// The session of ERSPAN, ten bits in both types.
fn session(high: u8, low: u8) -> u32 {
    u32::from(u16::from_be_bytes([high & 0x03, low]))
}

/// ERSPAN type II: version 1 and eight bytes.
fn erspan_2(bytes: &[u8]) -> Option<(Inner, &[u8])> {
    match bytes {
        [0x10..=0x1f, _, _, _, _, _, _, _, frame @ ..] => Some((Inner::Ethernet, frame)),
        _ => None,
    }
}

/// ERSPAN type III: version 2 and twelve bytes, eight more where the last bit
/// says so; what follows is an Ethernet frame or an IP packet.
fn erspan_3(bytes: &[u8]) -> Option<(Inner, &[u8])> {
    let (head, mut rest) = bytes.split_first_chunk::<12>()?;
    let [first, .., frame_type, flags] = *head;
    if first >> 4 != 2 {
        return None;
    }
    if flags & 1 != 0 {
        rest = rest.get(8..)?;
    }
    match frame_type >> 2 & 0x1f {
        0 => Some((Inner::Ethernet, rest)),
        2 => Some((Inner::Ip, rest)),
        _ => None,
    }
}

/// VXLAN: the bit for a network id, no bits but those of the group policy or of
/// the generic extension, which says what follows.
fn vxlan(bytes: &[u8]) -> Option<(Inner, &[u8])> {
    match bytes {
        [0x08, 0, 0, 0, _, _, _, 0, frame @ ..] => Some((Inner::Ethernet, frame)),
        [0x0c, 0, 0, 1 | 2, _, _, _, 0, packet @ ..] => Some((Inner::Ip, packet)),
        [0x0c, 0, 0, 3, _, _, _, 0, frame @ ..] => Some((Inner::Ethernet, frame)),
        [0x88, policy, _, _, _, _, _, 0, frame @ ..] if policy & 0xb7 == 0 => {
            Some((Inner::Ethernet, frame))
        }
        _ => None,
    }
}

/// GENEVE: version 0, reserved bits clear, options that end where they should.
fn geneve(bytes: &[u8]) -> Option<(Inner, &[u8])> {
    let mut reader = Reader::new(bytes);
    let [words, flags, k1, k0, _, _, _, 0] = reader.array::<8>()? else { return None };
    if words & 0xc0 != 0 || flags & 0x3f != 0 {
        return None;
    }
    let mut options = Reader::new(reader.take(usize::from(words) << 2)?);
    while !options.is_empty() {
        let [_, _, _, length] = options.array::<4>()?;
        options.skip(usize::from(length & 0x1f) << 2)?;
    }
    let inner = match u16::from_be_bytes([k1, k0]) {
        0x6558 => Inner::Ethernet,
        kind @ (0x0800 | 0x86dd | 0x8847 | 0x8848) => Inner::Ethertype(kind),
        _ => return None,
    };
    Some((inner, reader.rest()))
}

/// TZSP: version 1, a packet, Ethernet; then tags up to the one that ends them.
fn tzsp(bytes: &[u8]) -> Option<(Inner, &[u8])> {
    let mut reader = Reader::new(bytes);
    let [1, 0 | 1, 0, 1] = reader.array::<4>()? else { return None };
    loop {
        match reader.u8()? {
            0 => {}
            1 => return Some((Inner::Ethernet, reader.rest())),
            _ => {
                let length = reader.u8()?;
                reader.skip(length.into())?;
            }
        }
    }
}

/// A PPP frame less HDLC's address and control, which PPTP may keep.
fn strip_hdlc(bytes: &[u8]) -> &[u8] {
    match bytes {
        [0xff, 0x03, rest @ ..] => rest,
        _ => bytes,
    }
}

#[cfg(test)]
mod tests {
    use crate::decode::frames::{
        ETHERNET, IPV4, IPV6, TCP, datagram, inner_frame, ipv4, ipv6, nothing, read, tcp,
        tunnelled, udp,
    };
    use crate::packet::{Payload, Tunnel};

    /// Who sent [`inner_frame`].
    const INNER: Option<[u8; 6]> = Some([2, 0, 0, 0, 0, 4]);

    /// A GRE packet: flags and version, protocol, the rest.
    fn gre(head: [u8; 4], rest: &[u8]) -> Vec<u8> {
        [ETHERNET, IPV4, &ipv4(47, &[&head, rest].concat())].concat()
    }

    fn over_udp(port: u16, head: &[u8], rest: &[u8]) -> Vec<u8> {
        [ETHERNET, IPV4, &ipv4(17, &datagram(port, &[head, rest].concat()))].concat()
    }

    #[test]
    fn gre_carries_ip_with_every_optional_field() {
        let key = [0, 0, 0, 1];
        for (flags, fields) in [
            (0x00, vec![]),
            (0x80, vec![0, 0, 0, 0]),
            (0x20, key.to_vec()),
            (0x10, key.to_vec()),
            (0xb0, [[0; 4], key, key].concat()),
            (0x40, vec![0, 0, 0, 0, 0, 2, 0, 4, 10, 0, 0, 9, 0, 0, 0, 0]),
        ] {
            let frame = gre([flags, 0, 8, 0], &[&fields, &ipv4(6, TCP)[..]].concat());

            assert_eq!((Some(Tunnel::Gre), None, None), tunnelled(&read(1, &frame)));
        }
    }

    #[test]
    fn gre_carries_ipv6_labels_and_ppp() {
        let new = gre([0, 0, 0x86, 0xdd], &ipv6(6, TCP));
        let labelled = gre([0, 0, 0x88, 0x47], &[&[0, 1, 1, 64], &ipv4(6, TCP)[..]].concat());
        let pptp = [0x30, 0x81, 0x88, 0x0b];
        let fields = [0, 43, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0xff, 0x03, 0x21];
        let pptp = gre(pptp, &[&fields, &ipv4(6, TCP)[..]].concat());

        for frame in [new, labelled, pptp] {
            assert_eq!((Some(Tunnel::Gre), None, None), tunnelled(&read(1, &frame)));
        }
    }

    #[test]
    fn gre_carries_ethernet() {
        let bridged = gre([0, 0, 0x65, 0x58], &inner_frame());
        let nvgre = gre([0x20, 0, 0x65, 0x58], &[&[0, 0, 5, 1], &inner_frame()[..]].concat());

        for frame in [bridged, nvgre] {
            assert_eq!((Some(Tunnel::Gre), Some(7), INNER), tunnelled(&read(1, &frame)));
        }
    }

    #[test]
    fn an_unknown_protocol_in_gre_stays_unread() {
        for head in [[0, 0, 0x20, 0x01], [0, 2, 8, 0]] {
            let frame = gre(head, &ipv4(6, TCP));

            assert!(matches!(read(1, &frame).payload, Payload::OtherIp(_, 47)));
        }
    }

    #[test]
    fn a_mirrored_frame_is_read_in_all_types_of_erspan() {
        let sequence = [0, 0, 0, 1];
        let one = gre([0, 0, 0x88, 0xbe], &inner_frame());
        let head = [0x10, 7, 0, 1, 0, 0, 0, 1];
        let two = gre([0x10, 0, 0x88, 0xbe], &[&sequence, &head[..], &inner_frame()].concat());
        let mut head = vec![0x20, 7, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0];
        let three = gre([0x10, 0, 0x22, 0xeb], &[&sequence, &head[..], &inner_frame()].concat());
        head[11] = 1;
        let platform =
            gre([0x10, 0, 0x22, 0xeb], &[&sequence, &head[..], &[0; 8], &inner_frame()].concat());

        for frame in [one, two, three, platform] {
            assert_eq!((Some(Tunnel::Erspan), Some(7), INNER), tunnelled(&read(1, &frame)));
        }
    }

    #[test]
    fn erspan_3_carries_ip_too() {
        let head = [0, 0, 0, 1, 0x20, 7, 0, 1, 0, 0, 0, 1, 0, 0, 0x08, 0];
        let frame = gre([0x10, 0, 0x22, 0xeb], &[&head, &ipv4(6, TCP)[..]].concat());

        assert_eq!((Some(Tunnel::Erspan), None, None), tunnelled(&read(1, &frame)));
    }

    #[test]
    fn vxlan_carries_ethernet() {
        for port in [4789, 8472] {
            for head in [[8, 0, 0, 0, 0, 0, 9, 0], [0x88, 0x48, 0, 5, 0, 0, 9, 0]] {
                let frame = over_udp(port, &head, &inner_frame());

                assert_eq!((Some(Tunnel::Vxlan), Some(7), INNER), tunnelled(&read(1, &frame)));
            }
        }
    }

    #[test]
    fn generic_vxlan_says_what_it_carries() {
        let bridged = over_udp(4789, &[0x0c, 0, 0, 3, 0, 0, 9, 0], &inner_frame());
        let routed = over_udp(4790, &[0x0c, 0, 0, 1, 0, 0, 9, 0], &ipv4(6, TCP));

        assert_eq!((Some(Tunnel::Vxlan), Some(7), INNER), tunnelled(&read(1, &bridged)));
        assert_eq!((Some(Tunnel::Vxlan), None, None), tunnelled(&read(1, &routed)));
    }

    #[test]
    fn geneve_carries_ethernet_and_ip_after_its_options() {
        let option = [1, 2, 3, 1, 0, 0, 0, 0];
        let bridged = over_udp(6081, &[0, 0, 0x65, 0x58, 0, 0, 9, 0], &inner_frame());
        let routed =
            over_udp(6081, &[&[2, 0x40, 0x08, 0, 0, 0, 9, 0], &option[..]].concat(), &ipv4(6, TCP));

        assert_eq!((Some(Tunnel::Geneve), Some(7), INNER), tunnelled(&read(1, &bridged)));
        assert_eq!((Some(Tunnel::Geneve), None, None), tunnelled(&read(1, &routed)));
    }

    #[test]
    fn tzsp_carries_ethernet_after_its_tags() {
        let frame = over_udp(37008, &[1, 0, 0, 1, 0, 10, 1, 0xaa, 1], &inner_frame());

        assert_eq!((Some(Tunnel::Tzsp), Some(7), INNER), tunnelled(&read(1, &frame)));
    }

    #[test]
    fn a_datagram_to_a_tunnels_port_is_plain_where_its_header_is_not_that_tunnels() {
        for (port, head) in [
            (4789, &[0, 0, 0, 0, 0, 0, 9, 0][..]),
            (4789, &[8, 0, 0, 0, 0, 0, 9, 1]),
            (4789, &[8, 1, 0, 0, 0, 0, 9, 0]),
            (6081, &[0x40, 0, 0x65, 0x58, 0, 0, 9, 0]),
            (6081, &[1, 0, 0x65, 0x58, 0, 0, 9, 0, 0, 0, 0, 9]),
            (6081, &[0, 0, 0x12, 0x34, 0, 0, 9, 0]),
            (37008, &[1, 0, 0, 0x12, 1]),
            (37008, &[2, 0, 0, 1, 1]),
        ] {
            let frame = over_udp(port, head, &inner_frame());
            let packet = read(1, &frame);

            assert_eq!((None, port), (packet.link.tunnel, udp(&packet).1.destination_port));
        }
    }

    #[test]
    fn ip_in_ip_is_read_in_all_four_ways() {
        for frame in [
            [ETHERNET, IPV4, &ipv4(4, &ipv4(6, TCP))].concat(),
            [ETHERNET, IPV4, &ipv4(41, &ipv6(6, TCP))].concat(),
            [ETHERNET, IPV6, &ipv6(4, &ipv4(6, TCP))].concat(),
            [ETHERNET, IPV6, &ipv6(41, &ipv6(6, TCP))].concat(),
        ] {
            assert_eq!((Some(Tunnel::IpInIp), None, None), tunnelled(&read(1, &frame)));
        }
    }

    #[test]
    fn the_seventh_tunnel_is_not_opened() {
        let mut packet = ipv4(6, TCP);
        for _ in 0..6 {
            packet = ipv4(4, &packet);
        }

        assert_eq!(b"pdu", tcp(&read(101, &packet)).1.payload);
        assert_eq!("tunnel_depth", nothing(&read(101, &ipv4(4, &packet))));
    }

    #[test]
    fn a_frame_cut_inside_a_tunnel_says_what_is_missing_of_its_payload() {
        let frame = over_udp(4789, &[8, 0, 0, 0, 0, 0, 9, 0], &inner_frame());
        let captured = &frame[..frame.len() - 2];
        let original = u32::try_from(frame.len()).unwrap();
        let packet =
            crate::decode::decode(1, captured, original, &mut crate::counters::Counters::new());

        assert_eq!((b"p".as_slice(), 2), (tcp(&packet).1.payload, tcp(&packet).1.cut));
    }
}
