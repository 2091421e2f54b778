//! GRE, ERSPAN, VXLAN, GENEVE and TZSP: another packet inside this one.
//!
//! Sources: RFC 2784, 2890, 1701, 2637 (GRE); draft-foschiano-erspan-03 (ERSPAN);
//! RFC 7637 (NVGRE); RFC 7348 and draft-smith-vxlan-group-policy-05 (VXLAN);
//! RFC 8926 (GENEVE).

use dissectors::reader::Reader;

use super::Walk;
use crate::packet::{Ip, Packet, Payload, Tunnel};

const VXLAN_PORT: u16 = 4789;
const VXLAN_PORT_OF_LINUX: u16 = 8472;
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
            0x88be if !header.sequenced => Some((Inner::Ethernet, rest)),
            0x88be => erspan_2(rest),
            0x22eb => erspan_3(rest),
            _ => None,
        };
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

    /// What a datagram to the port of a tunnel carries; none where its header
    /// breaks one of the tunnel's rules.
    #[inline]
    pub(super) fn udp_tunnel<'a>(&mut self, port: u16, bytes: &'a [u8]) -> Option<Packet<'a>> {
        match port {
            VXLAN_PORT | VXLAN_PORT_OF_LINUX | GENEVE_PORT | TZSP_PORT => {
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
    sequenced: bool,
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
        if key {
            reader.skip(4)?;
        }
        if sequenced {
            reader.skip(4)?;
        }
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
        Some(Self { protocol, sequenced })
    }
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

/// VXLAN: the bit for a network id, no bits but those of the group policy.
fn vxlan(bytes: &[u8]) -> Option<(Inner, &[u8])> {
    match bytes {
        [0x08, 0, 0, 0, _, _, _, 0, frame @ ..] => Some((Inner::Ethernet, frame)),
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
