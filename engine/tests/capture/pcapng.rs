//! pcapng files: sections, interfaces, blocks and what they say.

use engine::capture::{ByteOrder, Container};

use super::{BIG, LITTLE, contents, expected, pcapng, read};

#[test]
fn pcapng_of_either_byte_order_is_read() {
    for (order, name) in [(LITTLE, ByteOrder::Little), (BIG, ByteOrder::Big)] {
        let (frames, facts) = read("ng", &pcapng(order, 5));

        assert_eq!(expected(5), frames);
        assert_eq!((Some(Container::Pcapng), Some(name)), (facts.container, facts.byte_order));
        assert_eq!((false, 0, None), (facts.truncated, facts.skipped_bytes, facts.error));
    }
}

#[test]
fn each_section_has_its_own_byte_order_and_interfaces() {
    let file = [
        LITTLE.section(),
        LITTLE.interface(1, 0, &LITTLE.option(2, b"eth0")),
        LITTLE.interface(113, 0, &LITTLE.option(2, b"any")),
        LITTLE.packet(1, 1, b"one", &[]),
        BIG.section(),
        BIG.interface(276, 0, &[]),
        BIG.packet(0, 2, b"two", &[]),
    ];
    let (frames, facts) = read("sections", &file.concat());

    assert_eq!(vec![&b"one"[..], b"two"], contents(&frames));
    assert_eq!(
        vec![(1, 113), (2, 276)],
        frames.iter().map(|f| (f.interface, f.link_type)).collect::<Vec<_>>()
    );
    assert_eq!(Some(ByteOrder::Mixed), facts.byte_order);
    assert_eq!(vec![1, 113, 276], facts.link_types);
    assert_eq!(
        (3, vec!["eth0".to_owned(), "any".to_owned()]),
        (facts.interface_count, facts.interface_names)
    );
}

#[test]
fn time_stamps_of_every_resolution_become_nanoseconds() {
    let cases = [
        (3, 1_500, 0, 1_500_000_000),
        (6, 1_500, 0, 1_500_000),
        (9, 1_500, 0, 1_500),
        (12, 1_500_000, 0, 1_500),
        (0, 3, 0, 3_000_000_000),
        (127, u64::MAX, 0, 0),
        (0x80, 3, 0, 3_000_000_000),
        (0x8a, 1_536, 0, 1_500_000_000),
        (0x80 | 30, 1 << 30, 0, 1_000_000_000),
        (0x80 | 63, u64::MAX, 0, 1_999_999_999),
        (0xff, u64::MAX, 0, 0),
        (6, 5, 100, 100_000_005_000),
        (6, 5, -100, -99_999_995_000),
        // Later than nanoseconds can say.
        (6, u64::MAX, 0, i64::MAX),
        (0, u64::MAX, i64::MAX, i64::MAX),
        (6, 0, i64::MIN, i64::MIN),
    ];
    for (resolution, stamp, offset, time_ns) in cases {
        let options =
            [BIG.option(9, &[resolution]), BIG.option(14, &BIG.long(offset.cast_unsigned()))];
        let file = [
            BIG.section(),
            BIG.interface(1, 0, &options.concat()),
            BIG.packet(0, stamp, b"x", &[]),
        ];
        let (frames, _) = read("resolution", &file.concat());

        assert_eq!(time_ns, frames[0].time_ns, "{resolution:#x} {stamp} {offset}");
    }
}

#[test]
fn simple_and_obsolete_packet_blocks_are_read() {
    let file = [
        BIG.section(),
        BIG.interface(1, 4, &[]),
        BIG.block(2, &[&BIG.half(0)[..], &BIG.half(3), &BIG.words(&[0, 9, 2, 90]), b"pb"].concat()),
        BIG.block(3, &[&BIG.word(70)[..], b"spb!"].concat()),
        BIG.block(
            2,
            &[&BIG.half(0)[..], &BIG.half(0xffff), &BIG.words(&[0, 9, 2, 2]), b"pb"].concat(),
        ),
    ];
    let (frames, facts) = read("packets", &file.concat());

    assert_eq!(vec![&b"pb"[..], b"spb!", b"pb"], contents(&frames));
    // A simple packet has the time of the frame before.
    assert_eq!(vec![9_000; 3], frames.iter().map(|f| f.time_ns).collect::<Vec<_>>());
    assert_eq!(vec![90, 70, 2], frames.iter().map(|f| f.original_len).collect::<Vec<_>>());
    assert_eq!((1, 3), (facts.untimed_packets, facts.dropped_before_frames));
}

#[test]
fn what_a_file_says_beside_its_frames_is_kept() {
    let statistics = |interface: u64, system: u64| {
        let counts =
            [LITTLE.option(5, &LITTLE.long(interface)), LITTLE.option(7, &LITTLE.long(system))];
        LITTLE.block(5, &[LITTLE.words(&[0, 0, 0]), counts.concat()].concat())
    };
    let packet_options =
        [LITTLE.option(1, b"look"), LITTLE.option(4, &LITTLE.long(6)), LITTLE.option(0, &[])];
    let file = [
        LITTLE.section(),
        LITTLE.interface(1, 0, &LITTLE.option(1, b"tap 3")),
        statistics(1, 10),
        LITTLE.packet(0, 1, b"a", &packet_options.concat()),
        LITTLE.block(4, &[LITTLE.option(1, b"\x0a\0\0\x01plc\0"), LITTLE.option(0, &[])].concat()),
        LITTLE.block(10, b"TLSKsecret"),
        statistics(4, 12),
    ];
    let (frames, facts) = read("beside", &file.concat());

    assert_eq!(1, frames.len());
    assert_eq!(
        (vec!["tap 3".to_owned(), "look".to_owned()], 2),
        (facts.comments, facts.comment_count)
    );
    // Statistics tell the drops since the start, so the last ones are all of them.
    assert_eq!(
        (6, 4, 12),
        (facts.dropped_before_frames, facts.dropped_by_interface, facts.dropped_by_system)
    );
    assert_eq!(vec![("10.0.0.1".parse().unwrap(), "plc".to_owned())], facts.names);
    assert_eq!(1, facts.secrets_blocks);
}

#[test]
fn frames_are_numbered_as_wireshark_does() {
    // Verified with tshark 4.0.17: custom blocks, journal entries and system calls
    // have numbers, unknown blocks do not.
    let mut file = [LITTLE.section(), LITTLE.interface(1, 0, &[])].concat();
    for kind in [0xbad, 9, 0x4000_0bad, 0x204, 0x8000_0001, 7] {
        file.extend(LITTLE.packet(0, 1, b"frame", &[]));
        file.extend(LITTLE.block(kind, &[0; 40]));
    }
    file.extend(LITTLE.packet(0, 1, b"frame", &[]));
    let (frames, facts) = read("numbers", &file);

    assert_eq!(vec![1, 3, 5, 7, 9, 10, 11], frames.iter().map(|f| f.number).collect::<Vec<_>>());
    assert_eq!((7, 4), (facts.packets, facts.other_records));
}

#[test]
fn a_frame_of_an_unknown_interface_is_passed_over() {
    let file = [
        pcapng(LITTLE, 1),
        LITTLE.packet(9, 0, b"lost", &[]),
        pcapng(LITTLE, 1)[28 + 20..].to_vec(),
    ];
    let (frames, facts) = read("stranger", &file.concat());

    assert_eq!(vec![1, 3], frames.iter().map(|f| f.number).collect::<Vec<_>>());
    assert_eq!((36, None), (facts.skipped_bytes, facts.error));
}
