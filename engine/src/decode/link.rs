//! Link types of capture files: down to an ethertype or the network layer.
//!
//! Sources: the list of link types at tcpdump.org; RFC 1661, 2516 (PPP, PPPoE).

use dissectors::reader::Reader;

use super::Walk;
use crate::packet::{Mac, Packet, Payload};

/// Bytes of a frame check sequence.
const FCS: usize = 4;

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

    /// A PPPoE session (RFC 2516, 4).
    pub(super) fn pppoe<'a>(&mut self, bytes: &'a [u8]) -> Packet<'a> {
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

#[cfg(test)]
mod tests {
    use crate::decode::frames::{
        ETHERNET, IPV4, TCP, ethernet, ipv4, ipv6, nothing, read, tcp, tunnelled,
    };
    use crate::packet::Payload;

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
