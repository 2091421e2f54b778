//! VXLAN, GENEVE, TZSP, GTP-U, Teredo and MPLS: another packet in a datagram.
//!
//! Sources: RFC 7348, draft-smith-vxlan-group-policy-05 and draft-ietf-nvo3-vxlan-gpe-13
//! (VXLAN); RFC 8926 (GENEVE); 3GPP TS 29.281, 5 (GTP-U); RFC 4380, 5.1.1, and 6081, 4 (Teredo);
//! RFC 7510 (MPLS).

use dissectors::reader::Reader;

use super::Walk;
use super::tunnel::Inner;
use crate::packet::{Packet, Tunnel};

const VXLAN_PORT: u16 = 4789;
const VXLAN_PORT_OF_LINUX: u16 = 8472;
const VXLAN_PORT_GENERIC: u16 = 4790;
const GENEVE_PORT: u16 = 6081;
const TZSP_PORT: u16 = 37008;
const GTP_PORT: u16 = 2152;
const TEREDO_PORT: u16 = 3544;
const MPLS_PORT: u16 = 6635;

impl Walk<'_> {
    /// What a datagram to the port of a tunnel carries; none where its header
    /// breaks one of the tunnel's rules.
    #[inline]
    pub(super) fn udp_tunnel<'a>(
        &mut self,
        source: u16,
        destination: u16,
        bytes: &'a [u8],
    ) -> Option<Packet<'a>> {
        match (source, destination) {
            (
                _,
                VXLAN_PORT | VXLAN_PORT_OF_LINUX | VXLAN_PORT_GENERIC | GENEVE_PORT | TZSP_PORT
                | GTP_PORT | TEREDO_PORT | MPLS_PORT,
            ) => self.known_udp_tunnel(destination, bytes),
            // Its clients have ports of their own.
            (TEREDO_PORT, _) => self.known_udp_tunnel(source, bytes),
            _ => None,
        }
    }

    fn known_udp_tunnel<'a>(&mut self, port: u16, bytes: &'a [u8]) -> Option<Packet<'a>> {
        let (tunnel, (inner, rest)) = match port {
            GENEVE_PORT => (Tunnel::Geneve, geneve(bytes)?),
            TZSP_PORT => (Tunnel::Tzsp, tzsp(bytes)?),
            GTP_PORT => (Tunnel::Gtp, gtp(bytes)?),
            TEREDO_PORT => (Tunnel::Teredo, teredo(bytes)?),
            MPLS_PORT => (Tunnel::Mpls, mpls(bytes)?),
            _ => (Tunnel::Vxlan, vxlan(bytes)?),
        };
        // Too short for an Ethernet header, and not because it was cut.
        if matches!(inner, Inner::Ethernet) && rest.len() < 14 && self.missing == 0 {
            return None;
        }
        Some(self.inner(tunnel, inner, rest))
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

/// GTP-U: version 1, a packet of a user; the fields that its flags announce, and
/// extension headers up to the one after which none comes. The length is exact.
fn gtp(bytes: &[u8]) -> Option<(Inner, &[u8])> {
    let mut reader = Reader::new(bytes);
    let [flags, 0xff] = reader.array::<2>()? else { return None };
    let length = usize::from(reader.u16_be()?);
    reader.skip(4)?;
    if flags & 0xf8 != 0x30 || length != reader.len() {
        return None;
    }
    if flags & 0x07 != 0 {
        let [_, _, _, mut next] = reader.array::<4>()?;
        while next != 0 {
            // Units of four bytes, of which the last is the type of the next one.
            let units = usize::from(reader.u8()?);
            let extension = reader.take((units << 2).checked_sub(1)?)?;
            next = *extension.last()?;
        }
    }
    let packet = reader.rest();
    matches!(packet.first()? >> 4, 4 | 6).then_some((Inner::Ip, packet))
}

/// Teredo: who the sender claims to be and where it was seen, where it says so, then
/// an IPv6 packet, and trailers up to the end of the datagram.
fn teredo(bytes: &[u8]) -> Option<(Inner, &[u8])> {
    let mut packet = bytes;
    if let [0, 1, identifier, authentication, rest @ ..] = packet {
        let lengths = usize::from(*identifier).saturating_add((*authentication).into());
        // Both texts, a nonce of eight bytes and a confirmation.
        packet = rest.get(lengths.saturating_add(9)..)?;
    }
    if let [0, 0, _, _, _, _, _, _, rest @ ..] = packet {
        packet = rest;
    }
    let [0x60..=0x6f, _, _, _, high, low, ..] = packet else { return None };
    let length = usize::from(u16::from_be_bytes([*high, *low])).saturating_add(40);
    let mut trailers = Reader::new(packet.get(length..)?);
    while !trailers.is_empty() {
        let [_, length] = trailers.array::<2>()?;
        trailers.skip(length.into())?;
    }
    Some((Inner::Ip, packet))
}

/// MPLS: a stack of labels that ends before a packet.
fn mpls(bytes: &[u8]) -> Option<(Inner, &[u8])> {
    let labels = bytes.as_chunks::<4>().0;
    let bottom = labels.iter().position(|[_, _, third, _]| third & 1 == 1)?;
    let packet = bytes.get(bottom.saturating_add(1).saturating_mul(4)..)?;
    matches!(packet.first()? >> 4, 4 | 6).then_some((Inner::Ethertype(0x8847), bytes))
}

#[cfg(test)]
mod tests {
    use crate::decode::frames::{
        ETHERNET, IPV4, TCP, datagram, inner_frame, ipv4, ipv6, nothing, read, tcp, tunnelled, udp,
    };
    use crate::packet::Tunnel;

    /// Who sent [`inner_frame`].
    const INNER: Option<[u8; 6]> = Some([2, 0, 0, 0, 0, 4]);

    fn over_udp(port: u16, head: &[u8], rest: &[u8]) -> Vec<u8> {
        [ETHERNET, IPV4, &ipv4(17, &datagram(port, &[head, rest].concat()))].concat()
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
            // An echo, a length that is off, and version 2.
            (2152, &[0x30, 1, 0, 0, 0, 0, 0, 1]),
            (2152, &[0x30, 0xff, 0, 9, 0, 0, 0, 1]),
            (2152, &[0x48, 0xff, 0, 0, 0, 0, 0, 1]),
            (3544, &[0x60, 0, 0, 0, 0, 9, 59, 64]),
            (6635, &[0, 0, 1, 64]),
        ] {
            let frame = over_udp(port, head, &inner_frame());
            let packet = read(1, &frame);

            assert_eq!((None, port), (packet.link.tunnel, udp(&packet).1.destination_port));
        }
    }

    /// A G-PDU: flags, what stands behind the tunnel's number, the packet.
    fn gtp(flags: u8, fields: &[u8], packet: &[u8]) -> Vec<u8> {
        let rest = [fields, packet].concat();
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&[flags, 0xff], &length[..], &[0, 0, 0, 9], &rest].concat()
    }

    #[test]
    fn gtp_carries_ip_after_its_fields_and_extensions() {
        let extension = [0, 7, 0, 0x85, 1, 0, 9, 0];
        for bytes in [
            gtp(0x30, &[], &ipv4(6, TCP)),
            gtp(0x30, &[], &ipv6(6, TCP)),
            gtp(0x32, &[0, 7, 0, 0], &ipv4(6, TCP)),
            gtp(0x34, &extension, &ipv4(6, TCP)),
        ] {
            let frame = over_udp(2152, &bytes, &[]);

            assert_eq!((Some(Tunnel::Gtp), None, None), tunnelled(&read(1, &frame)));
        }
    }

    #[test]
    fn teredo_carries_ipv6_after_what_it_says_of_its_sender() {
        let authentication = [0, 1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0];
        let origin = [0, 0, 0xf0, 0x11, 0xf5, 0xff, 0xff, 0xfe];
        for head in [&[][..], &origin, &authentication, &[&authentication[..], &origin].concat()] {
            let frame = over_udp(3544, head, &ipv6(6, TCP));

            assert_eq!((Some(Tunnel::Teredo), None, None), tunnelled(&read(1, &frame)));
        }
        let trailed = [&ipv6(6, TCP)[..], &[4, 2, 1, 2]].concat();
        let frame = over_udp(3544, &trailed, &[]);
        assert_eq!(b"pdu", tcp(&read(1, &frame)).1.payload);
    }

    #[test]
    fn labels_carry_ip() {
        let frame = over_udp(6635, &[0, 1, 0, 64, 0, 2, 1, 64], &ipv4(6, TCP));

        assert_eq!((Some(Tunnel::Mpls), None, None), tunnelled(&read(1, &frame)));
    }

    #[test]
    fn the_seventh_tunnel_in_datagrams_is_not_opened() {
        let mut packet = ipv4(6, TCP);
        for _ in 0..6 {
            packet = ipv4(17, &datagram(2152, &gtp(0x30, &[], &packet)));
        }

        assert_eq!(b"pdu", tcp(&read(101, &packet)).1.payload);
        let seventh = ipv4(17, &datagram(2152, &gtp(0x30, &[], &packet)));
        assert_eq!("tunnel_depth", nothing(&read(101, &seventh)));
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
