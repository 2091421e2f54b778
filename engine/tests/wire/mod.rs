//! Packets taken out of their frames, and put into others.

use super::traffic::{Owned, Random};

const TCP: u8 = 6;
const UDP: u8 = 17;

/// An IP packet with TCP or UDP, apart from its frame.
#[derive(Clone, Debug)]
pub struct Packet {
    pub time_ns: i64,
    /// Destination and source.
    pub macs: [u8; 12],
    pub ips: ([u8; 4], [u8; 4]),
    pub id: u16,
    pub ttl: u8,
    pub protocol: u8,
    /// The transport header up to its options.
    pub header: Vec<u8>,
    pub payload: Vec<u8>,
}

/// What is put around a packet.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// Ethernet and IPv4.
    Plain,
    /// Ethernet and IPv6.
    Six,
    /// Tags between: ethertype and tag, each 32 bits.
    Tagged(&'static [u32]),
    /// MPLS labels, the last with the mark of the bottom.
    Mpls(usize),
    /// PPP over Ethernet.
    Pppoe,
    /// LLC and SNAP instead of an ethertype.
    Snap,
    /// The whole frame in GRE (transparent Ethernet bridging).
    Gre,
    /// The packet in GRE with key and sequence number.
    GreIp,
    /// The whole frame as ERSPAN of this type.
    Erspan(u8),
    /// The whole frame in VXLAN.
    Vxlan,
    /// The whole frame in GENEVE with options.
    Geneve,
    /// The packet in IPv4.
    IpIp,
    /// The packet in IPv6.
    IpInSix,
    /// Another link type.
    Link(u16),
    /// With a trailer of the parallel redundancy protocol.
    Prp,
    /// With a tag of high-availability seamless redundancy.
    Hsr,
    /// With IPv4 options.
    Options,
    /// With IPv6 extension headers.
    SixExtended,
    /// With zeros up to the shortest frame.
    Padded,
}

/// Each form that carries what it is given whole.
pub fn encapsulations() -> Vec<(&'static str, Form)> {
    vec![
        ("IPv6", Form::Six),
        ("IPv6 with extension headers", Form::SixExtended),
        ("VLAN", Form::Tagged(&[0x8100_0064])),
        ("QinQ", Form::Tagged(&[0x88a8_0064, 0x8100_0007])),
        ("four tags", Form::Tagged(&[0x9100_0001, 0x88a8_0002, 0x8100_0003, 0x8100_0004])),
        ("MPLS", Form::Mpls(1)),
        ("MPLS of three labels", Form::Mpls(3)),
        ("PPPoE", Form::Pppoe),
        ("SNAP", Form::Snap),
        ("GRE", Form::Gre),
        ("GRE of IP", Form::GreIp),
        ("ERSPAN I", Form::Erspan(1)),
        ("ERSPAN II", Form::Erspan(2)),
        ("ERSPAN III", Form::Erspan(3)),
        ("VXLAN", Form::Vxlan),
        ("GENEVE", Form::Geneve),
        ("IP in IP", Form::IpIp),
        ("IP in IPv6", Form::IpInSix),
        ("NULL", Form::Link(0)),
        ("LOOP", Form::Link(108)),
        ("RAW", Form::Link(101)),
        ("IPv4", Form::Link(228)),
        ("PPP", Form::Link(9)),
        ("SLL", Form::Link(113)),
        ("SLL2", Form::Link(276)),
        ("PRP", Form::Prp),
        ("HSR", Form::Hsr),
        ("IPv4 options", Form::Options),
        ("padded", Form::Padded),
    ]
}

/// The packets of Ethernet frames with IPv4 and TCP or UDP; others are left out.
pub fn packets(frames: &[Owned]) -> Vec<Packet> {
    frames.iter().filter_map(packet).collect()
}

fn packet(frame: &Owned) -> Option<Packet> {
    let bytes = &frame.bytes;
    let whole = frame.original_len as usize == bytes.len();
    if frame.link_type != 1 || !whole || bytes.get(12..15)? != [8, 0, 0x45] {
        return None;
    }
    let length = usize::from(u16::from_be_bytes([bytes[16], bytes[17]]));
    let fragmented = u16::from_be_bytes([bytes[20], bytes[21]]) & 0x3fff != 0;
    let body = bytes.get(34..14 + length)?;
    let at = match bytes[23] {
        TCP => usize::from(body.get(12)? >> 4) * 4,
        UDP => 8,
        _ => return None,
    };
    if fragmented || body.len() < at {
        return None;
    }
    Some(Packet {
        time_ns: frame.time_ns,
        macs: bytes[..12].try_into().unwrap(),
        ips: (bytes[26..30].try_into().unwrap(), bytes[30..34].try_into().unwrap()),
        id: u16::from_be_bytes([bytes[18], bytes[19]]),
        ttl: bytes[22],
        protocol: bytes[23],
        header: body[..at].to_vec(),
        payload: body[at..].to_vec(),
    })
}

impl Packet {
    /// The same with ports that no protocol has for its own.
    pub fn on_other_ports(&self) -> Self {
        let mut other = self.clone();
        for at in [0, 2] {
            let port = u16::from_be_bytes([self.header[at], self.header[at + 1]]);
            let moved = if port < 32_000 { port + 30_000 } else { port };
            other.header[at..at + 2].copy_from_slice(&moved.to_be_bytes());
        }
        other
    }

    pub const fn is_tcp(&self) -> bool {
        self.protocol == TCP
    }

    /// Whether it opens a connection, from either side.
    pub fn opens(&self) -> bool {
        self.protocol == TCP && self.header[13] & 2 != 0
    }

    /// Its two ends, whoever sent it.
    pub fn flow(&self) -> [([u8; 4], [u8; 2]); 2] {
        let port = |at: usize| [self.header[at], self.header[at + 1]];
        let mut ends = [(self.ips.0, port(0)), (self.ips.1, port(2))];
        ends.sort_unstable();
        ends
    }

    /// A TCP segment as several of 1 to `most` bytes; a datagram stays one.
    pub fn cut(&self, most: usize, random: &mut Random) -> Vec<Self> {
        if self.protocol != TCP || self.payload.len() <= 1 || most == usize::MAX {
            return vec![self.clone()];
        }
        let sequence = u32::from_be_bytes(self.header[4..8].try_into().unwrap());
        let (mut parts, mut at) = (Vec::new(), 0);
        while at < self.payload.len() {
            let end = (at + 1 + random.below(most)).min(self.payload.len());
            let mut part = self.clone();
            part.payload = self.payload[at..end].to_vec();
            part.header[4..8].copy_from_slice(&sequence.wrapping_add(at as u32).to_be_bytes());
            part.id = self.id.wrapping_mul(251).wrapping_add(at as u16);
            part.time_ns += parts.len() as i64 * 1_000;
            // FIN stands in the last one, SYN in the first.
            if end < self.payload.len() {
                part.header[13] &= !1;
            }
            if at > 0 {
                part.header[13] &= !2;
            }
            parts.push(part);
            at = end;
        }
        parts
    }

    /// Header and payload; of a datagram with its length.
    fn body(&self) -> Vec<u8> {
        [&self.header[..], &self.payload].concat()
    }

    fn v4(&self, options: &[u8]) -> Vec<u8> {
        v4(self.ips, self.protocol, self.id, self.ttl, 0x4000, options, &self.body())
    }

    fn v6(&self, extension: &[u8], first: u8) -> Vec<u8> {
        v6(self.ips, first, &[extension, &self.body()].concat())
    }
}

fn v4(
    ips: ([u8; 4], [u8; 4]),
    protocol: u8,
    id: u16,
    ttl: u8,
    fragment: u16,
    options: &[u8],
    body: &[u8],
) -> Vec<u8> {
    let words = 5 + options.len() / 4;
    let mut packet = vec![0x40 | words as u8, 0];
    packet.extend(((words * 4 + body.len()) as u16).to_be_bytes());
    packet.extend(id.to_be_bytes());
    packet.extend(fragment.to_be_bytes());
    packet.extend([ttl, protocol, 0, 0]);
    packet.extend(ips.0);
    packet.extend(ips.1);
    packet.extend(options);
    packet.extend(body);
    packet
}

fn six(ip: [u8; 4]) -> Vec<u8> {
    [&[0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &ip].concat()
}

fn v6(ips: ([u8; 4], [u8; 4]), next: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend((body.len() as u16).to_be_bytes());
    packet.extend([next, 64]);
    packet.extend(six(ips.0));
    packet.extend(six(ips.1));
    packet.extend(body);
    packet
}

/// A frame of the machine that mirrors, to the sensor.
fn outer(protocol: u8, id: u16, body: &[u8]) -> Vec<u8> {
    let packet = v4(([192, 0, 2, 1], [192, 0, 2, 2]), protocol, id, 64, 0, &[], body);
    [&[2, 0, 0, 0, 9, 2, 2, 0, 0, 0, 9, 1, 8, 0][..], &packet].concat()
}

fn datagram(port: u16, body: &[u8]) -> Vec<u8> {
    let mut udp = Vec::new();
    udp.extend(50_000u16.to_be_bytes());
    udp.extend(port.to_be_bytes());
    udp.extend((body.len() as u16 + 8).to_be_bytes());
    udp.extend([0, 0]);
    udp.extend(body);
    udp
}

/// A packet as a frame of a form.
pub fn written(packet: &Packet, form: Form) -> Owned {
    let v4 = packet.v4(&[]);
    let frame = [&packet.macs[..], &[8, 0], &v4].concat();
    let ethernet = |middle: &[u8], inner: &[u8]| [&packet.macs[..], middle, inner].concat();
    let id = packet.id;
    let (link_type, bytes) = match form {
        Form::Plain => (1, frame),
        Form::Six => (1, ethernet(&[0x86, 0xdd], &packet.v6(&[], packet.protocol))),
        Form::SixExtended => {
            // Hop-by-hop options, then destination options: each 8 bytes of padding.
            let hop = [60, 0, 1, 4, 0, 0, 0, 0];
            let destination = [packet.protocol, 0, 1, 4, 0, 0, 0, 0];
            (1, ethernet(&[0x86, 0xdd], &packet.v6(&[hop, destination].concat(), 0)))
        }
        Form::Tagged(tags) => {
            let tags: Vec<u8> = tags.iter().flat_map(|tag| tag.to_be_bytes()).collect();
            (1, ethernet(&[&tags[..], &[8, 0]].concat(), &v4))
        }
        Form::Mpls(count) => {
            let labels: Vec<u8> = (1..=count)
                .flat_map(|at| (16_000u32 << 12 | u32::from(at == count) << 8 | 64).to_be_bytes())
                .collect();
            (1, ethernet(&[&[0x88, 0x47][..], &labels].concat(), &v4))
        }
        Form::Pppoe => {
            let length = (v4.len() as u16 + 2).to_be_bytes();
            (1, ethernet(&[&[0x88, 0x64, 0x11, 0, 0, 9][..], &length, &[0, 0x21]].concat(), &v4))
        }
        // Longer ones would be read as an ethertype.
        Form::Snap if v4.len() > 1_400 => (1, frame),
        Form::Snap => {
            let length = (v4.len() as u16 + 8).to_be_bytes();
            (1, ethernet(&[&length[..], &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0]].concat(), &v4))
        }
        Form::Gre => (1, outer(47, id, &[&[0, 0, 0x65, 0x58][..], &frame].concat())),
        Form::GreIp => {
            let head = [0x30, 0, 8, 0, 0, 0, 0, 7, 0, 0, 0, 1];
            (1, outer(47, id, &[&head[..], &v4].concat()))
        }
        Form::Erspan(1) => (1, outer(47, id, &[&[0, 0, 0x88, 0xbe][..], &frame].concat())),
        Form::Erspan(2) => {
            let head = [0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 5, 0, 9, 0, 0, 0, 0];
            (1, outer(47, id, &[&head[..], &frame].concat()))
        }
        Form::Erspan(_) => {
            let head = [0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 5, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0];
            (1, outer(47, id, &[&head[..], &frame].concat()))
        }
        Form::Vxlan => {
            let head = [8, 0, 0, 0, 0, 0, 42, 0];
            (1, outer(17, id, &datagram(4789, &[&head[..], &frame].concat())))
        }
        Form::Geneve => {
            let head = [1, 0, 0x65, 0x58, 0, 0, 42, 0, 1, 2, 3, 0];
            (1, outer(17, id, &datagram(6081, &[&head[..], &frame].concat())))
        }
        Form::IpIp => (1, outer(4, id, &v4)),
        Form::IpInSix => {
            let packet = v6(([192, 0, 2, 1], [192, 0, 2, 2]), 4, &v4);
            (1, ethernet(&[0x86, 0xdd], &packet))
        }
        Form::Link(kind @ (0 | 108)) => {
            let family = if kind == 0 { 2u32.to_le_bytes() } else { 2u32.to_be_bytes() };
            (kind, [&family[..], &v4].concat())
        }
        Form::Link(9) => (9, [&[0xff, 3, 0, 0x21][..], &v4].concat()),
        Form::Link(113) => {
            let head = [0, 0, 0, 1, 0, 6];
            (113, [&head[..], &packet.macs[6..], &[0, 0, 8, 0], &v4].concat())
        }
        Form::Link(276) => {
            let head = [8, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6];
            (276, [&head[..], &packet.macs[6..], &[0, 0], &v4].concat())
        }
        Form::Link(kind) => (kind, v4),
        Form::Prp => {
            let size = 0xa000 | (v4.len() as u16 + 6);
            let trailer = [&id.to_be_bytes()[..], &size.to_be_bytes(), &[0x88, 0xfb]].concat();
            (1, [frame, trailer].concat())
        }
        Form::Hsr => {
            let size = (v4.len() as u16 + 6).to_be_bytes();
            let tag = [&[0x89, 0x2f][..], &size, &id.to_be_bytes(), &[8, 0]].concat();
            (1, ethernet(&tag, &v4))
        }
        Form::Options => (1, ethernet(&[8, 0], &packet.v4(&[0x94, 4, 0, 0, 1, 1, 1, 0]))),
        Form::Padded => {
            let mut frame = frame;
            frame.resize(frame.len().max(60), 0);
            (1, frame)
        }
    };
    Owned { time_ns: packet.time_ns, link_type, original_len: bytes.len() as u32, bytes }
}

/// A packet in fragments of `size` bytes, sometimes in another order.
pub fn fragments(packet: &Packet, form: Form, size: usize, random: &mut Random) -> Vec<Owned> {
    let body = packet.body();
    if body.len() <= size || body.len() / size >= 60 {
        return vec![written(packet, form)];
    }
    let mut out = Vec::new();
    for (number, part) in body.chunks(size).enumerate() {
        let at = (number * size / 8) as u16;
        let more = (number + 1) * size < body.len();
        let (ethertype, bytes) = if matches!(form, Form::Six) {
            let place = at << 3 | u16::from(more);
            let head = [
                &[packet.protocol, 0][..],
                &place.to_be_bytes(),
                &[0, 0],
                &packet.id.to_be_bytes(),
            ];
            ([0x86, 0xdd], v6(packet.ips, 44, &[&head.concat()[..], part].concat()))
        } else {
            let place = at | u16::from(more) << 13;
            ([8, 0], v4(packet.ips, packet.protocol, packet.id, packet.ttl, place, &[], part))
        };
        let bytes = [&packet.macs[..], &ethertype, &bytes].concat();
        let time_ns = packet.time_ns + number as i64 * 1_000;
        out.push(Owned { time_ns, link_type: 1, original_len: bytes.len() as u32, bytes });
    }
    if random.once_in(2) {
        let times: Vec<i64> = out.iter().map(|frame| frame.time_ns).collect();
        out.reverse();
        out.iter_mut().zip(times).for_each(|(frame, time_ns)| frame.time_ns = time_ns);
    }
    out
}
