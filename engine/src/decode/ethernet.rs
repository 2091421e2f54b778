//! Ethernet frames: their tags, and what the ethertype says is inside.
//!
//! Sources: IEEE 802.1Q, 802.1ah, 802.1AE (tags); IEC 62439-3 (PRP, HSR); RFC 826
//! (ARP); RFC 1042 (SNAP).

use std::net::{IpAddr, Ipv4Addr};

use dissectors::reader::Reader;

use super::{Walk, length};
use crate::packet::{Packet, Payload};

/// VLAN tags read before a frame counts as unreadable.
const TAGS: usize = 4;
/// The largest number in the type field that is a length (IEEE 802.3).
pub(super) const LARGEST_LENGTH: u16 = 1500;

pub(super) const IPV4: u16 = 0x0800;
pub(super) const ARP: u16 = 0x0806;
pub(super) const IPV6: u16 = 0x86dd;
pub(super) const BRIDGED: u16 = 0x6558;

impl Walk<'_> {
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

    pub(super) fn tagged<'a>(&mut self, mut kind: u16, mut bytes: &'a [u8]) -> Packet<'a> {
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

    pub(super) fn other_ethertype<'a>(&self, ethertype: u16, bytes: &'a [u8]) -> Packet<'a> {
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
    pub(super) fn llc<'a>(&mut self, bytes: &'a [u8]) -> Packet<'a> {
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
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use crate::decode::frames::{
        ETHERNET, IPV4, TAG_7, TAG_9, TCP, ethernet, inner_frame, ipv4, nothing, read, tcp,
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
}
