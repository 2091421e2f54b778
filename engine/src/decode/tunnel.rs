//! GRE and ERSPAN: another packet inside this one.
//!
//! Sources: RFC 2784, 2890, 1701, 2637 (GRE); draft-foschiano-erspan-03 (ERSPAN);
//! RFC 7637 (NVGRE).

use dissectors::reader::Reader;

use super::Walk;
use crate::mirror::Mirror;
use crate::packet::{Ip, Packet, Payload, Tunnel};

/// What a tunnel's header says comes after it.
#[derive(Clone, Copy)]
pub(super) enum Inner {
    Ethernet,
    Ip,
    Ppp,
    Ethertype(u16),
}

impl Walk<'_> {
    /// One layer deeper: what a tunnel carries.
    pub(super) fn inner<'a>(
        &mut self,
        tunnel: Tunnel,
        inner: Inner,
        bytes: &'a [u8],
    ) -> Packet<'a> {
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
        ETHERNET, IPV4, IPV6, TCP, inner_frame, ipv4, ipv6, nothing, read, tcp, tunnelled,
    };
    use crate::packet::{Payload, Tunnel};

    /// Who sent [`inner_frame`].
    const INNER: Option<[u8; 6]> = Some([2, 0, 0, 0, 0, 4]);

    /// A GRE packet: flags and version, protocol, the rest.
    fn gre(head: [u8; 4], rest: &[u8]) -> Vec<u8> {
        [ETHERNET, IPV4, &ipv4(47, &[&head, rest].concat())].concat()
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
}
