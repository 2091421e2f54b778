//! Link types of capture files, tags and labels: down to the network layer.
//!
//! Sources: the list of link types at tcpdump.org; IEEE 802.1Q, 802.1ah, 802.1AE
//! (tags); RFC 1661, 2516 (PPP, PPPoE); RFC 3032, 4385, 4448 (MPLS, pseudo-wires);
//! IEC 62439-3 (PRP, HSR).

use std::net::{IpAddr, Ipv4Addr};

use dissectors::reader::Reader;

use super::{Walk, length};
use crate::packet::{Mac, Packet, Payload};

/// VLAN tags read before a frame counts as unreadable.
const TAGS: usize = 4;
/// Labels read before a stack counts as malformed.
const LABELS: usize = 16;
/// The largest number in the type field that is a length (IEEE 802.3).
const LARGEST_LENGTH: u16 = 1500;
/// Bytes of a frame check sequence.
const FCS: usize = 4;

const IPV4: u16 = 0x0800;
const ARP: u16 = 0x0806;
const IPV6: u16 = 0x86dd;
const BRIDGED: u16 = 0x6558;

impl Walk<'_> {
    /// A whole frame, as its capture file says what it is.
    #[inline(always)]
    pub(super) fn link_type<'a>(&mut self, link_type: u16, bytes: &'a [u8]) -> Packet<'a> {
        match link_type {
            1 => self.ethernet(bytes),
            0 | 108 => self.loopback(bytes),
            9 | 50 => self.ppp_frame(bytes),
            12 | 14 | 101 | 228 | 229 => self.ip(bytes),
            104 => self.cisco_hdlc(bytes),
            113 => self.cooked(bytes),
            276 => self.cooked_v2(bytes),
            240 => self.netanalyzer(bytes, false),
            241 => self.netanalyzer(bytes, true),
            250 => self.rtac_serial(bytes),
            165 | 257 => self.found(Payload::Serial { link_type, sent: None, bytes }, bytes),
            _ => self.nothing("unknown_link_type", bytes),
        }
    }

    /// An Ethernet frame: the link layer of what is inside it.
    #[inline(always)]
    pub(super) fn ethernet<'a>(&mut self, bytes: &'a [u8]) -> Packet<'a> {
        let mut reader = Reader::new(bytes);
        let (Some(destination), Some(source), Some(kind)) =
            (reader.array(), reader.array(), reader.u16_be())
        else {
            return self.short(bytes);
        };
        self.link.destination = Some(destination);
        self.link.source = Some(source);
        self.ethertype(kind, reader.rest())
    }

    /// Tags, then what the innermost ethertype says.
    #[inline(always)]
    pub(super) fn ethertype<'a>(&mut self, kind: u16, bytes: &'a [u8]) -> Packet<'a> {
        match kind {
            IPV4 => {
                self.redundancy_trailer(bytes);
                self.ipv4(bytes)
            }
            _ => self.tagged(kind, bytes),
        }
    }

    fn tagged<'a>(&mut self, mut kind: u16, mut bytes: &'a [u8]) -> Packet<'a> {
        for _ in 0..TAGS {
            let mut reader = Reader::new(bytes);
            let tag = match kind {
                0x8100 | 0x88a8 | 0x9100 | 0x9200 => reader.u16_be().map(|control| {
                    let id = control & 0x0fff;
                    self.link.vlan = self.link.vlan.or((id != 0).then_some(id));
                }),
                // HSR: path and size, then the sequence number.
                0x892f => reader.u16_be().and_then(|_| reader.u16_be()).map(|sequence| {
                    self.link.redundancy = Some(sequence);
                }),
                // VN-Tag, and the E-Tag of IEEE 802.1BR: ports of a fabric.
                0x8926 => reader.skip(4),
                0x893f => reader.skip(6),
                _ => return self.untagged(kind, bytes),
            };
            let (Some(()), Some(next)) = (tag, reader.u16_be()) else { return self.short(bytes) };
            (kind, bytes) = (next, reader.rest());
        }
        match kind {
            0x8100 | 0x88a8 | 0x9100 | 0x9200 | 0x892f | 0x8926 | 0x893f => {
                self.nothing("tag_depth", bytes)
            }
            _ => self.untagged(kind, bytes),
        }
    }

    fn untagged<'a>(&mut self, kind: u16, bytes: &'a [u8]) -> Packet<'a> {
        let bytes = self.redundancy_trailer(bytes);
        match kind {
            IPV4 => self.ipv4(bytes),
            IPV6 => self.ipv6(bytes),
            ARP => self.arp(bytes),
            0x8847 | 0x8848 => self.mpls(bytes),
            0x8864 => self.pppoe(bytes),
            0x88e5 => self.macsec(bytes),
            0x88e7 => self.backbone(bytes, 4),
            0x8903 => self.backbone(bytes, 2),
            BRIDGED => self.inner_ethernet(bytes),
            0x8870 => self.llc(bytes),
            0..=LARGEST_LENGTH => {
                let bytes = self.bound(bytes, kind.into());
                self.llc(bytes)
            }
            0x05dd..=0x05ff => self.nothing("malformed", bytes),
            _ => self.other_ethertype(kind, bytes),
        }
    }

    fn other_ethertype<'a>(&self, ethertype: u16, bytes: &'a [u8]) -> Packet<'a> {
        self.found(Payload::Ethernet { ethertype, bytes, cut: self.missing }, bytes)
    }

    /// Cuts off the trailer of a PRP frame (IEC 62439-3, 4.2.7) and keeps its
    /// sequence number. It counts only where its size is that of the frame's
    /// payload: an IP packet ends in any bytes.
    #[inline]
    fn redundancy_trailer<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let Some((payload, [q1, q0, z1, z0, 0x88, 0xfb])) = bytes.split_last_chunk() else {
            return bytes;
        };
        let lan_and_size = u16::from_be_bytes([*z1, *z0]);
        let fits = u32::from(lan_and_size & 0x0fff) == length(bytes);
        if self.missing > 0 || !fits || !matches!(lan_and_size >> 12, 0xa | 0xb) {
            return bytes;
        }
        self.link.redundancy = Some(u16::from_be_bytes([*q1, *q0]));
        payload
    }

    /// A whole Ethernet frame inside another: its addresses and tags count.
    pub(super) fn inner_ethernet<'a>(&mut self, bytes: &'a [u8]) -> Packet<'a> {
        if self.enter(None) { self.ethernet(bytes) } else { self.nothing("tunnel_depth", bytes) }
    }

    /// The customer's frame after the tag of a backbone: IEEE 802.1ah (four
    /// bytes) or Cisco FabricPath (two).
    fn backbone<'a>(&mut self, bytes: &'a [u8], tag: usize) -> Packet<'a> {
        match bytes.get(tag..) {
            Some(inner) => self.inner_ethernet(inner),
            None => self.short(bytes),
        }
    }

    /// IEEE 802.1AE: read on only where nothing is encrypted or changed.
    fn macsec<'a>(&mut self, bytes: &'a [u8]) -> Packet<'a> {
        let mut reader = Reader::new(bytes);
        let Some(control) = reader.u8() else { return self.short(bytes) };
        // Version 0, with E (encrypted) or C (changed) clear.
        if control & 0x8c != 0 {
            return self.nothing("encrypted", bytes);
        }
        // Short length and packet number, and a secure channel where it is named.
        let (Some(()), Some(kind)) =
            (reader.skip(if control & 0x20 == 0 { 5 } else { 13 }), reader.u16_be())
        else {
            return self.short(bytes);
        };
        if !self.deeper() {
            return self.nothing("tunnel_depth", bytes);
        }
        // The integrity check value at the end.
        let rest = reader.rest();
        let (inner, missing) = match rest.len().checked_sub(16) {
            Some(inner) if self.missing == 0 => (inner, 0),
            _ => (rest.len(), self.missing.saturating_sub(16)),
        };
        self.missing = missing;
        self.tagged(kind, rest.get(..inner).unwrap_or_default())
    }

    /// ARP for IPv4 (RFC 826); any other is left to others.
    fn arp<'a>(&mut self, bytes: &'a [u8]) -> Packet<'a> {
        let mut reader = Reader::new(bytes);
        let (Some(kinds), Some(operation)) = (reader.array::<6>(), reader.u16_be()) else {
            return self.short(bytes);
        };
        if !matches!(kinds, [_, _, 0x08, 0x00, 6, 4]) || !matches!(operation, 1 | 2) {
            return self.other_ethertype(ARP, bytes);
        }
        let (Some(mac), Some(ip), Some(_), Some(target)) =
            (reader.array::<6>(), reader.array::<4>(), reader.skip(6), reader.array::<4>())
        else {
            return self.short(bytes);
        };
        let ip = IpAddr::V4(Ipv4Addr::from(ip));
        let target = IpAddr::V4(Ipv4Addr::from(target));
        let message = bytes.get(..28).unwrap_or(bytes);
        self.found(Payload::Arp { mac, ip, target, reply: operation == 2 }, message)
    }

    /// IEEE 802.2, with SNAP where it has it.
    fn llc<'a>(&mut self, bytes: &'a [u8]) -> Packet<'a> {
        match bytes {
            // Encapsulated Ethernet (RFC 1042) and its bridge-tunnel variant.
            [0xaa, 0xaa, 0x03, 0, 0, 0 | 0xf8, k1, k0, rest @ ..] => {
                match u16::from_be_bytes([*k1, *k0]) {
                    IPV4 => self.ipv4(rest),
                    IPV6 => self.ipv6(rest),
                    ARP => self.arp(rest),
                    kind => self.other_ethertype(kind, rest),
                }
            }
            [0x06, 0x06, 0x03, rest @ ..] => self.ipv4(rest),
            _ => self.other_ethertype(0, bytes),
        }
    }

    /// An MPLS label stack and what is under it.
    ///
    /// No field says what that is. An IP version with a header that fits is IP; a
    /// control word or none before an Ethernet frame of a known type is a
    /// pseudo-wire; anything else stays unread.
    pub(super) fn mpls<'a>(&mut self, bytes: &'a [u8]) -> Packet<'a> {
        let mut reader = Reader::new(bytes);
        for _ in 0..LABELS {
            let Some(entry) = reader.u32_be() else { return self.short(bytes) };
            if entry & 0x100 == 0 {
                continue;
            }
            let inner = reader.rest();
            let available = length(inner).saturating_add(self.missing);
            return match inner {
                [0x45..=0x4f, ..] if is_ipv4(inner, available) => self.ipv4(inner),
                [0x60..=0x6f, ..] if is_ipv6(inner, available) => self.ipv6(inner),
                [0, 0, _, _, frame @ ..] if is_ethernet(frame) => self.inner_ethernet(frame),
                frame if is_ethernet(frame) => self.inner_ethernet(frame),
                _ => self.other_ethertype(0x8847, bytes),
            };
        }
        self.nothing("malformed", bytes)
    }

    /// A PPPoE session (RFC 2516, 4).
    fn pppoe<'a>(&mut self, bytes: &'a [u8]) -> Packet<'a> {
        let Some([0x11, 0, _, _, l1, l0]) = Reader::new(bytes).array::<6>() else {
            return if bytes.len() < 6 {
                self.short(bytes)
            } else {
                self.nothing("malformed", bytes)
            };
        };
        let rest = bytes.get(6..).unwrap_or_default();
        let frame = self.bound(rest, u16::from_be_bytes([l1, l0]).into());
        self.ppp(frame)
    }

    /// A PPP frame of a serial link, with HDLC's address and control or without.
    fn ppp_frame<'a>(&mut self, bytes: &'a [u8]) -> Packet<'a> {
        match bytes {
            [0xff, 0x03, rest @ ..] => self.ppp(rest),
            [0x0f | 0x8f, ..] => self.cisco_hdlc(bytes),
            _ => self.ppp(bytes),
        }
    }

    /// A PPP protocol number, of one byte where it is compressed (RFC 1661, 2),
    /// and what it names.
    pub(super) fn ppp<'a>(&mut self, bytes: &'a [u8]) -> Packet<'a> {
        let mut reader = Reader::new(bytes);
        let kind = match reader.peek() {
            Some(first) if first & 1 == 1 => reader.u8().map(u16::from),
            _ => reader.u16_be(),
        };
        match kind {
            Some(0x0021) => self.ipv4(reader.rest()),
            Some(0x0057) => self.ipv6(reader.rest()),
            Some(0x0281 | 0x0283) => self.mpls(reader.rest()),
            Some(_) => self.nothing("unknown_ppp_protocol", bytes),
            None => self.short(bytes),
        }
    }

    /// Cisco HDLC: address, control, ethertype.
    fn cisco_hdlc<'a>(&mut self, bytes: &'a [u8]) -> Packet<'a> {
        let mut reader = Reader::new(bytes);
        let (Some(_), Some(kind)) = (reader.u16_be(), reader.u16_be()) else {
            return self.short(bytes);
        };
        self.tagged(kind, reader.rest())
    }

    /// BSD loopback: an address family in the byte order of the machine that
    /// captured, which need not be the file's.
    fn loopback<'a>(&mut self, bytes: &'a [u8]) -> Packet<'a> {
        let Some(([a, b, c, d], rest)) = bytes.split_first_chunk() else {
            return self.short(bytes);
        };
        let family = match [a, b, c, d] {
            [0, 0, 0, family] | [family, 0, 0, 0] => *family,
            _ => 0,
        };
        match family {
            2 => self.ipv4(rest),
            // IPv6 of Linux, Windows, and the BSDs.
            10 | 23 | 24 | 28 | 30 => self.ipv6(rest),
            _ => self.nothing("unknown_link_type", bytes),
        }
    }

    /// Linux cooked capture (LINKTYPE_LINUX_SLL).
    fn cooked<'a>(&mut self, bytes: &'a [u8]) -> Packet<'a> {
        let mut reader = Reader::new(bytes);
        let (Some(_), Some(hardware), Some(length), Some(address), Some(kind)) = (
            reader.u16_be(),
            reader.u16_be(),
            reader.u16_be(),
            reader.array::<8>(),
            reader.u16_be(),
        ) else {
            return self.short(bytes);
        };
        self.cooked_payload(hardware, length, address, kind, reader.rest())
    }

    /// Linux cooked capture, version 2 (LINKTYPE_LINUX_SLL2).
    fn cooked_v2<'a>(&mut self, bytes: &'a [u8]) -> Packet<'a> {
        let mut reader = Reader::new(bytes);
        let (Some(kind), Some(()), Some(hardware), Some(_), Some(length), Some(address)) = (
            reader.u16_be(),
            reader.skip(6),
            reader.u16_be(),
            reader.u8(),
            reader.u8(),
            reader.array::<8>(),
        ) else {
            return self.short(bytes);
        };
        self.cooked_payload(hardware, length.into(), address, kind, reader.rest())
    }

    fn cooked_payload<'a>(
        &mut self,
        hardware: u16,
        address_length: u16,
        address: [u8; 8],
        kind: u16,
        bytes: &'a [u8],
    ) -> Packet<'a> {
        let [mac @ .., _, _] = address;
        self.link.source = (address_length == 6 && mac != Mac::default()).then_some(mac);
        match (hardware, kind) {
            // Netlink has families where others have ethertypes.
            (824, _) => self.nothing("unknown_link_type", bytes),
            (_, 0x0004) => self.llc(bytes),
            // A Novell frame, whose length was the type field.
            (_, 0x0001) => self.other_ethertype(0, bytes),
            (_, 0..=0x05ff) => self.nothing("unknown_link_type", bytes),
            _ => self.tagged(kind, bytes),
        }
    }

    /// Hilscher netANALYZER: four bytes, then an Ethernet frame with its check
    /// sequence; in transparent mode preamble and start delimiter come first.
    fn netanalyzer<'a>(&mut self, bytes: &'a [u8], transparent: bool) -> Packet<'a> {
        let Some(mut frame) = bytes.get(4..) else { return self.short(bytes) };
        if transparent {
            let start = frame.iter().position(|byte| *byte != 0x55);
            match start.and_then(|start| frame.get(start..)) {
                Some([0xd5, rest @ ..]) => frame = rest,
                _ => return self.nothing("malformed", bytes),
            }
        }
        match frame.len().checked_sub(FCS) {
            Some(end) if self.missing == 0 => frame = frame.get(..end).unwrap_or_default(),
            _ => {
                let fcs = u32::try_from(FCS).unwrap_or_default();
                self.missing = self.missing.saturating_sub(fcs);
            }
        }
        self.ethernet(frame)
    }

    /// Serial line of an SEL RTAC: relative time (8 bytes), event, control lines,
    /// two more bytes, then what went over the line.
    fn rtac_serial<'a>(&mut self, bytes: &'a [u8]) -> Packet<'a> {
        let mut reader = Reader::new(bytes);
        let (Some(()), Some(event), Some(())) = (reader.skip(8), reader.u8(), reader.skip(3))
        else {
            return self.short(bytes);
        };
        let sent = match event {
            1 | 3 => Some(true),
            2 | 4 => Some(false),
            _ => None,
        };
        let line = reader.rest();
        if line.is_empty() {
            return self.nothing("line_status", bytes);
        }
        self.found(Payload::Serial { link_type: 250, sent, bytes: line }, line)
    }
}

/// Whether bytes under a label are an IPv4 packet: the length fits, and either
/// exactly or the header sums up as RFC 791 wants it (anonymised captures have
/// wrong sums).
fn is_ipv4(bytes: &[u8], available: u32) -> bool {
    let header = bytes.first().map_or(0, |first| usize::from(first & 0x0f) << 2);
    let Some(head) = bytes.get(..header) else { return false };
    let (words, _) = head.as_chunks::<2>();
    let mut total = 0;
    let mut sum = 0_u32;
    for (place, word) in words.iter().enumerate() {
        let word = u32::from(u16::from_be_bytes(*word));
        if place == 1 {
            total = word;
        }
        sum = sum.wrapping_add(word);
    }
    sum = (sum & 0xffff).wrapping_add(sum >> 16);
    sum = (sum & 0xffff).wrapping_add(sum >> 16);
    header >= 20 && (total == available || (sum == 0xffff && total <= available))
}

/// Whether bytes under a label are an IPv6 packet: the length fits, and a header
/// follows that IPv6 is used with.
fn is_ipv6(bytes: &[u8], available: u32) -> bool {
    let Some([_, _, _, _, l1, l0, next, _]) = Reader::new(bytes).array::<8>() else {
        return false;
    };
    u32::from(u16::from_be_bytes([l1, l0])).saturating_add(40) <= available
        && matches!(next, 0 | 4 | 6 | 17 | 41 | 43 | 44 | 47 | 50 | 51 | 58 | 59 | 60 | 132)
}

/// Whether bytes under a label are an Ethernet frame, by a type that plants use
/// or a length that fits.
fn is_ethernet(bytes: &[u8]) -> bool {
    let Some(kind) = dissectors::reader::u16_be_at(bytes, 12) else { return false };
    match kind {
        IPV4 => bytes.get(14).is_some_and(|first| first >> 4 == 4),
        IPV6 => bytes.get(14).is_some_and(|first| first >> 4 == 6),
        ARP | 0x8035 | 0x8100 | 0x88a8 | 0x9100 | 0x8847 | 0x8848 | 0x8863 | 0x8864 => true,
        // OT and what keeps networks together.
        0x8892 | 0x88a4 | 0x88ab | 0x88b5..=0x88ba | 0x88cc | 0x88cd | 0x88e1 | 0x88e3 => true,
        0x88e5 | 0x88e7 | 0x88f7 | 0x88fb | 0x8902 | 0x890f | 0x892f => true,
        3..=LARGEST_LENGTH => bytes.len().checked_sub(14).is_some_and(|n| usize::from(kind) <= n),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use crate::decode::frames::{
        ETHERNET, IPV4, TAG_7, TAG_9, TCP, ethernet, inner_frame, ipv4, ipv6, nothing, read, tcp,
        tunnelled,
    };
    use crate::packet::Payload;

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

    /// A frame with PRP's trailer after `payload`; `size` is what the trailer says.
    fn redundant(payload: &[u8], lan: u16, size: usize) -> Vec<u8> {
        let lan_and_size = (lan | u16::try_from(size).unwrap()).to_be_bytes();
        [ETHERNET, &[0x88, 0xb8], payload, &[0x12, 0x34], &lan_and_size, &[0x88, 0xfb]].concat()
    }

    #[test]
    fn another_ethertype_is_handed_over() {
        let frame = [ETHERNET, &[0x88, 0x92], b"pdu"].concat();

        assert_eq!((0x8892, b"pdu".as_slice()), ethernet(&read(1, &frame)));
    }

    #[test]
    fn a_tag_of_a_switch_fabric_is_passed_over() {
        let vn_tag = [ETHERNET, &[0x89, 0x26, 0, 0, 0, 1], IPV4, &ipv4(6, TCP)].concat();
        let e_tag = [ETHERNET, &[0x89, 0x3f, 0, 0, 0, 1, 0, 0], IPV4, &ipv4(6, TCP)].concat();

        assert_eq!(b"pdu", tcp(&read(1, &vn_tag)).1.payload);
        assert_eq!(b"pdu", tcp(&read(1, &e_tag)).1.payload);
    }

    #[test]
    fn a_prp_trailer_is_cut_off_where_its_size_fits() {
        let fits = redundant(b"goose", 0xb000, 11);
        let packet = read(1, &fits);

        assert_eq!((0x88b8, b"goose".as_slice()), ethernet(&packet));
        assert_eq!(Some(0x1234), packet.link.redundancy);
        for wrong in [redundant(b"goose", 0xb000, 12), redundant(b"goose", 0xc000, 11)] {
            assert_eq!(None, read(1, &wrong).link.redundancy);
        }
    }

    #[test]
    fn an_hsr_tag_is_removed() {
        let frame =
            [ETHERNET, &[0x89, 0x2f, 0x00, 0x0b, 0x12, 0x34, 0x88, 0xb8], b"goose"].concat();
        let packet = read(1, &frame);

        assert_eq!((0x88b8, b"goose".as_slice()), ethernet(&packet));
        assert_eq!(Some(0x1234), packet.link.redundancy);
    }

    #[test]
    fn an_llc_frame_ends_where_its_length_says() {
        let frame = [ETHERNET, &[0, 3, 0x42, 0x42, 0x03], &[0; 43]].concat();

        assert_eq!((0, [0x42, 0x42, 0x03].as_slice()), ethernet(&read(1, &frame)));
    }

    #[test]
    fn snap_with_an_ethertype_is_read_on() {
        let packet = ipv4(6, TCP);
        let length = u16::try_from(packet.len()).unwrap().saturating_add(8).to_be_bytes();
        let frame = [ETHERNET, &length, &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &packet].concat();
        let cisco = [ETHERNET, &[0, 9, 0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0, 1]].concat();

        assert_eq!(b"pdu", tcp(&read(1, &frame)).1.payload);
        assert_eq!((0, &cisco[14..]), ethernet(&read(1, &cisco)));
    }

    #[test]
    fn arp_for_another_protocol_is_left_to_others() {
        let frame = [ETHERNET, &[8, 6, 0, 1, 0x86, 0xdd, 6, 16, 0, 1], &[0; 44]].concat();

        assert_eq!(0x0806, ethernet(&read(1, &frame)).0);
    }

    #[test]
    fn macsec_is_seen_and_read_only_in_the_clear() {
        let channel = [0, 20, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0, 1];
        let clear =
            [ETHERNET, &[0x88, 0xe5, 0x20], &channel[1..], IPV4, &ipv4(6, TCP), &[0xff; 16]]
                .concat();
        let mut encrypted = clear.clone();
        encrypted[14] = 0x2c;

        assert_eq!(b"pdu", tcp(&read(1, &clear)).1.payload);
        assert_eq!("encrypted", nothing(&read(1, &encrypted)));
    }

    #[test]
    fn a_backbone_frame_gives_the_customers() {
        let provider = [ETHERNET, TAG_9, &[0x88, 0xe7, 0, 0, 0, 1], &inner_frame()].concat();
        let fabric_path = [ETHERNET, &[0x89, 0x03, 0, 0x40], &inner_frame()].concat();

        for frame in [provider, fabric_path] {
            assert_eq!((None, Some(7), Some([2, 0, 0, 0, 0, 4])), tunnelled(&read(1, &frame)));
        }
    }

    #[test]
    fn under_labels_there_is_ip() {
        let stack = [0, 1, 0, 64, 0, 2, 1, 64];
        let old = [ETHERNET, &[0x88, 0x47], &stack, &ipv4(6, TCP)].concat();
        let new = [ETHERNET, &[0x88, 0x47], &stack, &ipv6(6, TCP)].concat();

        assert_eq!(b"pdu", tcp(&read(1, &old)).1.payload);
        assert_eq!(b"pdu", tcp(&read(1, &new)).1.payload);
    }

    #[test]
    fn under_labels_there_is_a_pseudo_wire_with_a_control_word_or_without() {
        let label = [0x88, 0x47, 0, 1, 1, 64];
        let with = [ETHERNET, &label, &[0, 0, 0, 9], &inner_frame()].concat();
        let without = [ETHERNET, &label, &inner_frame()].concat();

        for frame in [with, without] {
            assert_eq!((None, Some(7), Some([2, 0, 0, 0, 0, 4])), tunnelled(&read(1, &frame)));
        }
    }

    #[test]
    fn what_is_not_known_under_a_label_stays_unread() {
        let frame = [ETHERNET, &[0x88, 0x47, 0, 1, 1, 64, 0x45], &[0xff; 40]].concat();

        assert_eq!((0x8847, &frame[14..]), ethernet(&read(1, &frame)));
    }

    #[test]
    fn a_pppoe_session_carries_ip() {
        let packet = ipv4(6, TCP);
        let length = u16::try_from(packet.len()).unwrap().saturating_add(2).to_be_bytes();
        let head = [0x88, 0x64, 0x11, 0, 0, 9, length[0], length[1], 0x00, 0x21];
        let frame = [ETHERNET, &head, &packet, &[0; 4]].concat();
        let control = [ETHERNET, &head[..8], &[0xc0, 0x21], &packet].concat();

        assert_eq!(b"pdu", tcp(&read(1, &frame)).1.payload);
        assert_eq!("unknown_ppp_protocol", nothing(&read(1, &control)));
    }

    #[test]
    fn ppp_is_read_with_every_way_of_saving_bytes() {
        for head in [&[0xff, 3, 0, 0x21][..], &[0, 0x21], &[0x21], &[0xff, 3, 0x21]] {
            for link_type in [9, 50] {
                let frame = [head, &ipv4(6, TCP)].concat();

                assert_eq!(b"pdu", tcp(&read(link_type, &frame)).1.payload);
            }
        }
    }

    #[test]
    fn cisco_hdlc_names_an_ethertype() {
        let frame = [&[0x0f, 0], IPV4, &ipv4(6, TCP)].concat();

        assert_eq!(b"pdu", tcp(&read(104, &frame)).1.payload);
        assert_eq!(b"pdu", tcp(&read(50, &frame)).1.payload);
    }

    #[test]
    fn loopback_frames_name_the_family_in_either_byte_order() {
        for link_type in [0, 108] {
            for family in [[2, 0, 0, 0], [0, 0, 0, 2]] {
                let frame = [&family[..], &ipv4(6, TCP)].concat();

                assert_eq!(b"pdu", tcp(&read(link_type, &frame)).1.payload);
            }
        }
        for family in [10, 23, 24, 28, 30] {
            let frame = [&[family, 0, 0, 0][..], &ipv6(6, TCP)].concat();

            assert_eq!(b"pdu", tcp(&read(0, &frame)).1.payload);
        }
    }

    #[test]
    fn raw_frames_are_ip_of_either_version() {
        for link_type in [12, 14, 101, 228, 229] {
            assert_eq!(b"pdu", tcp(&read(link_type, &ipv4(6, TCP))).1.payload);
            assert_eq!(b"pdu", tcp(&read(link_type, &ipv6(6, TCP))).1.payload);
            assert_eq!("malformed", nothing(&read(link_type, &[0x50; 40])));
        }
    }

    #[test]
    fn a_cooked_frame_names_its_sender_and_its_ethertype() {
        let address = [2, 0, 0, 0, 0, 2, 0, 0];
        let first =
            [&[0, 4, 0, 1, 0, 6], &address[..], &[0x81, 0, 0, 7], IPV4, &ipv4(6, TCP)].concat();
        let second =
            [&[0x81, 0, 0, 0, 0, 0, 0, 3, 0, 1, 4, 6], &address[..], &[0, 7], IPV4, &ipv4(6, TCP)]
                .concat();

        for (link_type, frame) in [(113, first), (276, second)] {
            let packet = read(link_type, &frame);

            assert_eq!((None, Some(7), Some([2, 0, 0, 0, 0, 2])), tunnelled(&packet));
            assert_eq!(None, packet.link.destination);
        }
    }

    #[test]
    fn a_cooked_frame_without_an_address_has_no_sender() {
        let frame = [&[0, 0, 3, 4, 0, 6], &[0; 8][..], IPV4, &ipv4(6, TCP)].concat();

        assert_eq!((None, None, None), tunnelled(&read(113, &frame)));
    }

    #[test]
    fn netanalyzer_frames_end_with_their_check_sequence() {
        let frame = [ETHERNET, &[0x88, 0x92], b"pdu"].concat();
        let plain = [&[0; 4], &frame[..], b"fcs!"].concat();
        let transparent = [&[0; 4], &[0x55; 7][..], &[0xd5], &frame, b"fcs!"].concat();

        assert_eq!((0x8892, b"pdu".as_slice()), ethernet(&read(240, &plain)));
        assert_eq!((0x8892, b"pdu".as_slice()), ethernet(&read(241, &transparent)));
        assert_eq!("malformed", nothing(&read(241, &plain)));
    }

    #[test]
    fn a_serial_line_tells_who_sent() {
        let line = |event| [&[0, 0, 0, 1, 0, 0, 0, 2, event, 0, 0, 0], b"pdu".as_slice()].concat();

        for (event, expected) in [(1, Some(true)), (2, Some(false)), (3, Some(true)), (7, None)] {
            let frame = line(event);
            let Payload::Serial { link_type, sent, bytes } = read(250, &frame).payload else {
                panic!("serial")
            };
            assert_eq!((250, expected, b"pdu".as_slice()), (link_type, sent, bytes));
        }
        assert_eq!("line_status", nothing(&read(250, &line(0)[..12])));
    }

    #[test]
    fn serial_frames_of_field_buses_are_handed_over() {
        for expected in [165, 257] {
            let Payload::Serial { link_type, sent, bytes } = read(expected, b"pdu").payload else {
                panic!("serial")
            };
            assert_eq!((expected, None, b"pdu".as_slice()), (link_type, sent, bytes));
        }
    }
}
