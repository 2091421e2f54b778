//! pcap files of every age and byte order.

use engine::capture::{ByteOrder, Container, Resolution};

use super::{BIG, LITTLE, SECOND, START, contents, expected, payload, pcap, read};

#[test]
fn pcap_of_either_byte_order_is_read() {
    for (order, name) in [(LITTLE, ByteOrder::Little), (BIG, ByteOrder::Big)] {
        let (frames, facts) = read("order", &pcap(order, 5));

        assert_eq!(expected(5), frames);
        assert_eq!((Some(Container::Pcap), Some(name)), (facts.container, facts.byte_order));
        assert_eq!((5, 5 * 40 + 13 + 26 + 39 + 52), (facts.packets, facts.bytes));
        assert_eq!(Some(i64::from(START) * SECOND + 7_000), facts.first_seen_ns);
        assert_eq!(Some(i64::from(START + 4) * SECOND + 7_000), facts.last_seen_ns);
        assert_eq!((false, 0, None), (facts.truncated, facts.skipped_bytes, facts.error));
    }
}

#[test]
fn nanosecond_pcap_is_read() {
    for order in [LITTLE, BIG] {
        let mut file = order.pcap_header(0xa1b2_3c4d, (2, 4), 0, 113);
        file.extend(order.words(&[START, 999_999_999, 2, 60]));
        file.extend(b"ab");
        let (frames, facts) = read("nano", &file);

        assert_eq!(i64::from(START) * SECOND + 999_999_999, frames[0].time_ns);
        assert_eq!(
            (113, 60, &b"ab"[..]),
            (frames[0].link_type, frames[0].original_len, &*frames[0].bytes)
        );
        assert_eq!(Some(Resolution::Decimal(9)), facts.resolution);
    }
}

#[test]
fn record_headers_of_patched_libpcaps_are_told_by_what_follows() {
    // Magic, and bytes that follow the 16 of a record header.
    let variants = [(0xa1b2_cd34, 8), (0xa1b2_cd34, 12), (0xa1b2_c3d4, 8), (0xa1b2_c3d4, 4)];
    for order in [LITTLE, BIG] {
        for (magic, more) in variants {
            let mut file = order.pcap_header(magic, (2, 4), 65_535, 1);
            for index in 0..9 {
                let length = payload(index).len() as u32;
                file.extend(order.words(&[START + index, 7, length, length]));
                file.extend(vec![2; more]);
                file.extend(payload(index));
            }
            let (frames, facts) = read("patched", &file);

            assert_eq!(expected(9), frames, "{magic:x} with {more} more bytes");
            assert!(!facts.truncated);
        }
    }
}

#[test]
fn old_versions_have_the_lengths_the_other_way_round() {
    for version in [(2, 1), (543, 0)] {
        let mut file = LITTLE.pcap_header(0xa1b2_c3d4, version, 96, 1);
        file.extend(LITTLE.words(&[START, 0, 1_000, 3]));
        file.extend(b"abc");
        let (frames, _) = read("old", &file);

        assert_eq!((1_000, &b"abc"[..]), (frames[0].original_len, &*frames[0].bytes));
    }
}

#[test]
fn a_frame_check_sequence_is_cut_off() {
    // Bit 26 says that the length, two units of two bytes, is given.
    let mut file = LITTLE.pcap_header(0xa1b2_c3d4, (2, 4), 65_535, 0x2400_0001);
    file.extend(LITTLE.words(&[START, 0, 8, 8]));
    file.extend(b"datafcs!");
    file.extend(LITTLE.words(&[START, 0, 4, 80]));
    file.extend(b"data");
    let (frames, _) = read("fcs", &file);
    assert_eq!(
        (4, &b"data"[..], 1),
        (frames[0].original_len, &*frames[0].bytes, frames[0].link_type)
    );
    assert_eq!((76, &b"data"[..]), (frames[1].original_len, &*frames[1].bytes));

    let flags = LITTLE.option(2, &LITTLE.word(4 << 5));
    let file = [
        LITTLE.section(),
        LITTLE.interface(1, 0, &LITTLE.option(13, &[32])),
        LITTLE.packet(0, 0, b"datafcs!", &[]),
        LITTLE.interface(1, 0, &[]),
        LITTLE.packet(1, 0, b"datafcs!", &flags),
    ];
    let (frames, _) = read("fcs-ng", &file.concat());
    assert_eq!(vec![&b"data"[..]; 2], contents(&frames));
}
