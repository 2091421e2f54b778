//! Capture files of every form, whole and damaged, are read as far as they are sound.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test makes its own files, and one that fails may panic"
)]

use std::io::Write;
use std::path::{Path, PathBuf};

use engine::capture::{
    ByteOrder, Compression, Container, FileFacts, Input, Problem, Resolution, Timeline, expand,
};

#[path = "harness/captures.rs"]
mod captures;

use captures::captures;

const SECOND: i64 = 1_000_000_000;
/// The second of the first frame.
const START: u32 = 1_500_000_000;

/// A folder that is removed again.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("otmon-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// A frame as it was read, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    file: u32,
    number: u64,
    time_ns: i64,
    interface: u32,
    link_type: u16,
    original_len: u32,
    bytes: Vec<u8>,
}

fn read_all(timeline: &mut Timeline) -> Vec<Seen> {
    let mut all = Vec::new();
    while let Some(frame) = timeline.next() {
        all.push(Seen {
            file: frame.file,
            number: frame.number,
            time_ns: frame.time_ns,
            interface: frame.interface,
            link_type: frame.link_type,
            original_len: frame.original_len,
            bytes: frame.bytes.to_vec(),
        });
    }
    all
}

/// Reads one file of these bytes.
fn read(name: &str, bytes: &[u8]) -> (Vec<Seen>, FileFacts) {
    let folder = Folder::new(name);
    let path = folder.file("capture", bytes);
    let mut timeline = Timeline::open(vec![Input::Path(path)]).unwrap();
    let frames = read_all(&mut timeline);
    (frames, timeline.files()[0].clone())
}

/// Why a file of these bytes is not read.
fn refused(name: &str, bytes: &[u8]) -> Problem {
    let folder = Folder::new(name);
    let path = folder.file("capture", bytes);
    Timeline::open(vec![Input::Path(path)]).unwrap_err().problem
}

/// Numbers in one byte order.
#[derive(Clone, Copy, Debug)]
struct Order {
    big: bool,
}

const LITTLE: Order = Order { big: false };
const BIG: Order = Order { big: true };

impl Order {
    fn half(self, value: u16) -> [u8; 2] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn word(self, value: u32) -> [u8; 4] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn words(self, values: &[u32]) -> Vec<u8> {
        values.iter().flat_map(|value| self.word(*value)).collect()
    }

    fn long(self, value: u64) -> [u8; 8] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn pcap_header(self, magic: u32, version: (u16, u16), snap_len: u32, link: u32) -> Vec<u8> {
        let version = [self.half(version.0), self.half(version.1)].concat();
        [&self.word(magic)[..], &version, &self.words(&[0, 0, snap_len, link])].concat()
    }

    fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let padding = vec![0; body.len().next_multiple_of(4) - body.len()];
        let length = self.word((12 + body.len() + padding.len()) as u32);
        [&self.word(kind)[..], &length, body, &padding, &length].concat()
    }

    fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
        let padding = vec![0; value.len().next_multiple_of(4) - value.len()];
        [&self.half(code)[..], &self.half(value.len() as u16), value, &padding].concat()
    }

    fn section(self) -> Vec<u8> {
        let body =
            [&self.word(0x1a2b_3c4d)[..], &self.half(1), &self.half(0), &self.long(u64::MAX)];
        self.block(0x0a0d_0d0a, &body.concat())
    }

    fn interface(self, link_type: u16, snap_len: u32, options: &[u8]) -> Vec<u8> {
        let body = [&self.half(link_type)[..], &self.half(0), &self.word(snap_len), options];
        self.block(1, &body.concat())
    }

    fn packet(self, interface: u32, stamp: u64, bytes: &[u8], options: &[u8]) -> Vec<u8> {
        let length = bytes.len() as u32;
        let words = [interface, (stamp >> 32) as u32, stamp as u32, length, length];
        let padding = vec![0; bytes.len().next_multiple_of(4) - bytes.len()];
        self.block(6, &[&self.words(&words), bytes, &padding, options].concat())
    }
}

/// What frame `index` carries: between 40 and 107 bytes.
fn payload(index: u32) -> Vec<u8> {
    (0..40 + index * 13 % 68).map(|at| (at * 7 + index) as u8).collect()
}

/// A pcap file of microseconds with `count` frames, one each second.
fn pcap(order: Order, count: u32) -> Vec<u8> {
    let mut file = order.pcap_header(0xa1b2_c3d4, (2, 4), 65_535, 1);
    for index in 0..count {
        file.extend(pcap_record(order, START + index, &payload(index)));
    }
    file
}

fn pcap_record(order: Order, second: u32, bytes: &[u8]) -> Vec<u8> {
    let length = bytes.len() as u32;
    [&order.words(&[second, 7, length, length])[..], bytes].concat()
}

/// The same as pcapng.
fn pcapng(order: Order, count: u32) -> Vec<u8> {
    let mut file = [order.section(), order.interface(1, 0, &[])].concat();
    for index in 0..count {
        let stamp = u64::from(START + index) * 1_000_000 + 7;
        file.extend(order.packet(0, stamp, &payload(index), &[]));
    }
    file
}

/// The frames of [`pcap`] and [`pcapng`].
fn expected(count: u32) -> Vec<Seen> {
    (0..count)
        .map(|index| Seen {
            file: 0,
            number: u64::from(index) + 1,
            time_ns: i64::from(START + index) * SECOND + 7_000,
            interface: 0,
            link_type: 1,
            original_len: payload(index).len() as u32,
            bytes: payload(index),
        })
        .collect()
}

fn contents(frames: &[Seen]) -> Vec<&[u8]> {
    frames.iter().map(|frame| &frame.bytes[..]).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

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

#[test]
fn a_file_cut_anywhere_gives_every_frame_before_the_cut() {
    let folder = Folder::new("cut");
    for (whole, start) in
        [(pcap(LITTLE, 4), 24), (pcap(BIG, 4), 24), (pcapng(LITTLE, 4), 48), (pcapng(BIG, 4), 48)]
    {
        let all = expected(4);
        let mut ends = vec![start];
        for frame in &all {
            let body = frame.bytes.len();
            let record = if start == 24 { 16 + body } else { 32 + body.next_multiple_of(4) };
            ends.push(ends[ends.len() - 1] + record);
        }
        assert_eq!(whole.len(), ends[4]);
        for cut in start..whole.len() {
            let path = folder.file("capture", &whole[..cut]);
            let mut timeline = Timeline::open(vec![Input::Path(path)]).unwrap();
            let frames = read_all(&mut timeline);
            let complete = ends.iter().filter(|end| **end <= cut).count() - 1;

            assert_eq!(all[..complete], frames, "cut at {cut}");
            let facts = &timeline.files()[0];
            assert_eq!(
                (!ends.contains(&cut), None),
                (facts.truncated, facts.error.as_ref()),
                "cut at {cut}"
            );
        }
    }
}

#[test]
fn a_file_cut_in_its_header_is_refused_in_words() {
    assert_eq!(Problem::CutInHeader, refused("header", &pcap(LITTLE, 1)[..23]));
    assert_eq!(Problem::NotACapture, refused("magic", &pcap(LITTLE, 1)[..3]));
    // Nothing but the start of a section is a capture without frames, cut short.
    let (frames, facts) = read("section", &pcapng(LITTLE, 1)[..20]);
    assert_eq!((0, true), (frames.len(), facts.truncated));
}

#[test]
fn frames_after_garbage_are_found_again() {
    for (order, form) in [(LITTLE, "pcap"), (BIG, "pcap"), (LITTLE, "pcapng"), (BIG, "pcapng")] {
        for length in [1, 3, 4, 15, 16, 17, 100, 5_000, 900_000] {
            let make = if form == "pcap" { pcap } else { pcapng };
            let before = make(order, 3);
            let whole = make(order, 8);
            let garbage: Vec<u8> = (0..length).map(|at: u32| (at * 37 % 211 + 40) as u8).collect();
            let file = [&before[..], &garbage, &whole[before.len()..]].concat();
            let (frames, facts) = read("garbage", &file);

            assert_eq!(expected(8), frames, "{form} {order:?} with {length} bytes");
            assert_eq!(u64::from(length), facts.skipped_bytes, "{form} {order:?}");
            assert_eq!((false, None), (facts.truncated, facts.error));
        }
    }
}

#[test]
fn garbage_of_more_than_a_mebibyte_ends_the_file_with_a_reason() {
    for make in [pcap, pcapng] {
        let before = make(LITTLE, 3);
        let file = [&before[..], &vec![0xdb; 1_200_000], &make(LITTLE, 8)[before.len()..]].concat();
        let (frames, facts) = read("much-garbage", &file);

        assert_eq!(expected(3), frames);
        let problem = facts.error.unwrap().problem;
        assert!(
            matches!(problem, Problem::Damaged { offset, .. } if offset == before.len() as u64)
        );
    }
}

#[test]
fn a_hole_of_zeros_is_passed_over_however_long() {
    for (order, make) in
        [(LITTLE, pcap as fn(_, _) -> _), (BIG, pcap), (LITTLE, pcapng), (BIG, pcapng)]
    {
        let before: Vec<u8> = make(order, 3);
        let rest = make(order, 8)[before.len()..].to_vec();
        let (frames, facts) = read("hole", &[&before[..], &vec![0; 3_000_000], &rest].concat());
        assert_eq!(expected(8), frames);
        assert_eq!((3_000_000, false), (facts.skipped_bytes, facts.truncated));

        let (frames, facts) = read("tail", &[&before[..], &[0; 5_000]].concat());
        assert_eq!(expected(3), frames);
        assert_eq!((5_000, true, None), (facts.skipped_bytes, facts.truncated, facts.error));
    }
}

#[test]
fn a_record_that_claims_four_gibibytes_is_not_believed() {
    let mut file = pcap(LITTLE, 2);
    file.extend(LITTLE.words(&[START, 0, u32::MAX, u32::MAX]));
    file.extend(pcap_record(LITTLE, START + 2, &payload(2)));
    let (frames, facts) = read("huge", &file);
    assert_eq!(expected(3), frames);
    assert_eq!(16, facts.skipped_bytes);

    let mut file = pcapng(LITTLE, 2);
    file.extend(LITTLE.words(&[6, 0xffff_fff0, 0, 0, 0, 0xffff_0000, 0xffff_0000]));
    file.extend(LITTLE.packet(0, u64::from(START + 2) * 1_000_000 + 7, &payload(2), &[]));
    let (frames, facts) = read("huge-ng", &file);
    assert_eq!(expected(3), frames);
    assert_eq!(28, facts.skipped_bytes);
}

#[test]
fn odd_records_of_broken_writers_are_frames_all_the_same() {
    let mut file = LITTLE.pcap_header(0xa1b2_c3d4, (2, 4), 0, 1);
    // No original length; a fraction of more than a second; a clock that jumps.
    for words in [[START, 0, 3, 0], [START, 2_000_000, 3, 3], [5, 0, 3, 3], [START, 0, 3, 3]] {
        file.extend(LITTLE.words(&words));
        file.extend(b"abc");
    }
    let (frames, facts) = read("odd", &file);

    assert_eq!(vec![&b"abc"[..]; 4], contents(&frames));
    assert_eq!(vec![3; 4], frames.iter().map(|f| f.original_len).collect::<Vec<_>>());
    assert_eq!(i64::from(START + 2) * SECOND, frames[1].time_ns);
    assert_eq!((0, false), (facts.skipped_bytes, facts.truncated));
}

#[test]
fn a_usb_transfer_longer_than_any_frame_is_cut_as_by_a_snap_length() {
    let long = 300_000;
    let mut file = LITTLE.pcap_header(0xa1b2_c3d4, (2, 4), 0, 249);
    for _ in 0..2 {
        file.extend(LITTLE.words(&[START, 0, long, long]));
        file.extend(vec![1; long as usize]);
    }
    let (frames, facts) = read("usb", &file);
    let lengths: Vec<_> = frames.iter().map(|f| (f.bytes.len(), f.original_len)).collect();
    assert_eq!(vec![(262_144, long); 2], lengths);
    assert_eq!((0, false), (facts.skipped_bytes, facts.truncated));

    let long = 700_000;
    let file = [
        LITTLE.section(),
        LITTLE.interface(249, 0, &[]),
        LITTLE.packet(0, 1, &vec![1; long as usize], &[]),
        LITTLE.packet(0, 1, b"next", &[]),
    ];
    let (frames, _) = read("usb-ng", &file.concat());
    let lengths: Vec<_> = frames.iter().map(|f| (f.bytes.len(), f.original_len)).collect();
    assert_eq!(vec![(262_144, long), (4, 4)], lengths);
}

#[test]
fn compressed_captures_are_read_in_every_number_of_parts() {
    let whole = pcap(LITTLE, 50);
    let (front, back) = whole.split_at(1_000);
    let skippable = [&[0x53, 0x2a, 0x4d, 0x18][..], &LITTLE.word(5), b"notes"].concat();
    let cases = [
        (Compression::Gzip, gzip(&whole)),
        (Compression::Gzip, [gzip(front), gzip(back), gzip(b""), vec![0; 512]].concat()),
        (Compression::Zstd, zstd(&whole)),
        (Compression::Zstd, [skippable.clone(), zstd(front), skippable, zstd(back)].concat()),
    ];
    for (compression, file) in cases {
        let (frames, facts) = read("compressed", &file);

        assert_eq!(expected(50), frames);
        assert_eq!(
            (Some(compression), Some(Container::Pcap)),
            (facts.compression, facts.container)
        );
        assert_eq!((file.len() as u64, false, None), (facts.size, facts.truncated, facts.error));
    }
}

#[test]
fn a_compressed_file_cut_anywhere_gives_what_can_be_decompressed() {
    let whole = pcapng(LITTLE, 6);
    let folder = Folder::new("compressed-cut");
    for file in [gzip(&whole), zstd(&whole)] {
        for cut in 1..file.len() {
            let path = folder.file("capture", &file[..cut]);
            let Ok(mut timeline) = Timeline::open(vec![Input::Path(path)]) else { continue };
            let frames = read_all(&mut timeline);
            let facts = &timeline.files()[0];

            assert_eq!(expected(6)[..frames.len()], frames);
            assert_eq!((true, None), (facts.truncated, facts.error.as_ref()), "cut at {cut}");
        }
    }
}

#[test]
fn what_a_decompressor_holds_back_is_not_lost_with_the_end() {
    // Four blocks of 128 KiB, all within the window.
    let count = 5_000;
    let whole = pcap(LITTLE, count);
    for file in [gzip(&whole), zstd(&whole)] {
        let (frames, facts) = read("held-back", &file[..file.len() - 9]);

        assert_eq!(expected(count)[..frames.len()], frames);
        assert!(frames.len() > 3_500, "{} frames", frames.len());
        assert_eq!((true, None), (facts.truncated, facts.error));
    }
}

#[test]
fn corrupt_compression_keeps_what_came_before() {
    let whole = pcap(LITTLE, 50);
    let mut damaged = gzip(&whole);
    let checksum = damaged.len() - 8;
    damaged[checksum] ^= 1;
    let mut zstd_file = [zstd(&whole), zstd(&whole)].concat();
    let second = zstd(&whole).len();
    zstd_file[second] ^= 1;
    for file in [damaged, [gzip(&whole), b"text".to_vec()].concat(), zstd_file] {
        let (frames, facts) = read("corrupt", &file);

        assert_eq!(expected(50), frames);
        assert!(matches!(facts.error.unwrap().problem, Problem::Corrupt(_)));
    }
}

#[test]
fn a_compression_bomb_is_streamed() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&pcap(LITTLE, 3)).unwrap();
    for _ in 0..64 {
        encoder.write_all(&vec![0; 1 << 20]).unwrap();
    }
    let (frames, facts) = read("bomb", &encoder.finish().unwrap());

    assert_eq!(expected(3), frames);
    assert_eq!((64 << 20, true), (facts.skipped_bytes, facts.truncated));
}

#[test]
fn compressed_in_compressed_is_refused() {
    let whole = pcap(LITTLE, 3);
    for file in [gzip(&gzip(&whole)), gzip(&zstd(&whole)), zstd(&gzip(&whole))] {
        assert_eq!(Problem::Nested, refused("nested", &file));
    }
}

#[test]
fn what_is_no_capture_is_refused_in_two_sentences() {
    let folder = Folder::new("refused");
    std::fs::create_dir_all(folder.0.join("empty")).unwrap();
    let cases = [
        (folder.file("nothing", b""), "is empty. Check"),
        (
            folder.file("text.pcap", b"# a text"),
            "is not a capture file. Give a pcap or pcapng file",
        ),
        (
            folder.file("a.xz", b"\xfd7zXZ\0\0\x04"),
            "is compressed with xz, which otmon does not read. Convert it first: `xz -d ",
        ),
        (
            folder.file("a.snoop", b"snoop\0\0\0\0\0\0\x02"),
            "is a snoop capture, which otmon does not read. Convert it first: `editcap ",
        ),
        (folder.0.join("missing"), "does not exist. Check the path."),
        (folder.0.join("empty"), "is a directory"),
    ];
    for (path, words) in cases {
        let error = Timeline::open(vec![Input::Path(path.clone())]).unwrap_err().to_string();

        assert!(error.starts_with(&path.display().to_string()), "{error}");
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn a_directory_stands_for_its_captures_by_magic_and_name() {
    let folder = Folder::new("directory");
    let capture = pcap(LITTLE, 1);
    let b = folder.file("b", &capture);
    let a = folder.file("a.txt", &gzip(&capture));
    let c = folder.file("c.dat", &pcapng(BIG, 1));
    folder.file("notes.pcap", b"text");
    folder.file("void.pcap", b"");
    folder.file("text.gz", &gzip(b"text"));
    std::fs::create_dir_all(folder.0.join("more")).unwrap();
    folder.file("more/d.pcap", &capture);

    let inputs = expand(&[b.clone(), folder.0.clone(), "-".into(), "-".into()]).unwrap();

    let expected = [b, a, c].map(Input::Path);
    assert_eq!([&expected[..], &[Input::Stdin]].concat(), inputs);
}

#[test]
fn a_directory_without_captures_is_said_to_be_one() {
    let folder = Folder::new("bare");
    folder.file("notes.pcap", b"text");

    assert_eq!(Problem::NoCaptures, expand(std::slice::from_ref(&folder.0)).unwrap_err().problem);
    assert_eq!(Problem::NothingNamed, expand(&[]).unwrap_err().problem);
}

/// A file with a frame at each of these seconds.
fn at_seconds(folder: &Folder, name: &str, seconds: &[u32]) -> Input {
    let mut file = LITTLE.pcap_header(0xa1b2_c3d4, (2, 4), 65_535, 1);
    for second in seconds {
        file.extend(pcap_record(LITTLE, START + second, &[*second as u8; 60]));
    }
    Input::Path(folder.file(name, &file))
}

/// File and second of each frame, and the names of the files in order.
fn timeline_of(inputs: Vec<Input>) -> (Vec<(u32, u8)>, Vec<String>, Timeline) {
    let mut timeline = Timeline::open(inputs).unwrap();
    let frames = read_all(&mut timeline).iter().map(|f| (f.file, f.bytes[0])).collect();
    let name = |facts: &FileFacts| facts.path.file_name().unwrap().to_string_lossy().into_owned();
    let names = timeline.files().iter().map(name).collect();
    (frames, names, timeline)
}

#[test]
fn rotated_files_follow_one_another_by_their_first_frames() {
    let folder = Folder::new("rotated");
    let inputs = vec![
        at_seconds(&folder, "a", &[20, 21]),
        at_seconds(&folder, "b", &[0, 1]),
        at_seconds(&folder, "c", &[10, 11]),
    ];
    let (frames, names, timeline) = timeline_of(inputs);

    assert_eq!(vec![(0, 0), (0, 1), (1, 10), (1, 11), (2, 20), (2, 21)], frames);
    assert_eq!(vec!["b", "c", "a"], names);
    let (read, total) = timeline.progress();
    assert_eq!(3 * (24 + 2 * 76), total);
    assert_eq!(total, read);
}

#[test]
fn overlapping_files_are_merged_by_time_and_each_keeps_its_order() {
    let folder = Folder::new("merged");
    let inputs = vec![
        at_seconds(&folder, "a", &[0, 3, 6]),
        at_seconds(&folder, "b", &[1, 4, 2, 7]),
        at_seconds(&folder, "c", &[3, 5]),
        at_seconds(&folder, "none", &[]),
    ];
    let (frames, names, _) = timeline_of(inputs);

    let expected = vec![(0, 0), (1, 1), (0, 3), (2, 3), (1, 4), (1, 2), (2, 5), (0, 6), (1, 7)];
    assert_eq!(expected, frames);
    assert_eq!(vec!["a", "b", "c", "none"], names);
}

#[test]
fn a_bad_file_does_not_stop_the_others() {
    let folder = Folder::new("others");
    let mut broken = pcap(LITTLE, 2);
    broken.extend(vec![0xdb; 1_200_000]);
    let inputs = vec![
        Input::Path(folder.0.join("missing")),
        Input::Path(folder.file("text", b"text")),
        Input::Path(folder.file("broken", &broken)),
        at_seconds(&folder, "sound", &[1, 2, 3]),
    ];
    let (frames, names, timeline) = timeline_of(inputs);

    assert_eq!(5, frames.len());
    assert_eq!(vec!["broken", "sound", "missing", "text"], names);
    let problems: Vec<_> = timeline.files().iter().map(|f| f.error.is_some()).collect();
    assert_eq!(vec![true, false, true, true], problems);
}

#[test]
fn without_any_usable_input_every_reason_is_told() {
    let folder = Folder::new("all-bad");
    let inputs =
        vec![Input::Path(folder.0.join("missing")), Input::Path(folder.file("text", b"text"))];
    let error = Timeline::open(inputs).unwrap_err().to_string();

    assert!(error.starts_with("None of the 2 inputs can be read."), "{error}");
    assert!(
        error.contains("missing does not exist.") && error.contains("text is not a capture"),
        "{error}"
    );
}

#[test]
fn more_files_than_can_be_open_are_read_late_and_said_to_be() {
    let folder = Folder::new("many");
    let inputs = (0..260).map(|n| at_seconds(&folder, &format!("{n:03}"), &[1, 2])).collect();
    let (frames, _, timeline) = timeline_of(inputs);

    assert_eq!(520, frames.len());
    assert_eq!(4, timeline.files().iter().filter(|facts| facts.late).count());
    assert!(timeline.files().iter().all(|facts| facts.packets == 2 && facts.error.is_none()));
}

#[test]
fn mutated_captures_end_and_never_invent_long_frames() {
    let folder = Folder::new("mutated");
    let seeds = [
        pcap(LITTLE, 6),
        pcap(BIG, 6),
        pcapng(LITTLE, 6),
        [pcapng(BIG, 3), pcapng(LITTLE, 3)].concat(),
        gzip(&pcap(LITTLE, 6)),
        zstd(&pcapng(LITTLE, 6)),
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let special = [0, 1, 0x7f, 0x80, 0xff, 0x0a, 0x0d, 6];
    for round in 0..900 {
        let mut file = seeds[round % seeds.len()].clone();
        for _ in 0..=random(4) {
            let at = random(file.len());
            match random(5) {
                0 => file[at] = special[random(special.len())],
                1 => file[at] ^= 1 << random(8),
                2 => file.truncate(at.max(1)),
                3 => drop(file.drain(at..(at + random(40)).min(file.len() - 1).max(at))),
                _ => file.splice(at..at, vec![random(256) as u8; random(40)]).for_each(drop),
            }
        }
        let length = file.len();
        let path = folder.file("capture", &file);
        let Ok(mut timeline) = Timeline::open(vec![Input::Path(path)]) else { continue };
        let frames = read_all(&mut timeline);

        assert!(frames.iter().all(|frame| frame.bytes.len() <= 262_144), "round {round}");
        assert!(frames.len() <= length.max(1_000), "round {round}");
        assert_eq!(frames.len() as u64, timeline.files()[0].packets);
    }
}

/// Frames in the file, and what is known about it.
fn count(path: &Path) -> (u64, String) {
    let mut timeline = match Timeline::open(vec![Input::Path(path.to_owned())]) {
        Ok(timeline) => timeline,
        Err(error) => return (0, error.to_string()),
    };
    let mut count = 0;
    while timeline.next().is_some() {
        count += 1;
    }
    let [facts] = timeline.files() else { panic!("one file, one entry") };
    let mut remarks = Vec::new();
    if facts.truncated {
        remarks.push("truncated".to_owned());
    }
    if facts.skipped_bytes > 0 {
        remarks.push(format!("skipped {}", facts.skipped_bytes));
    }
    remarks.extend(facts.error.iter().map(ToString::to_string));
    (count, remarks.join(", "))
}

/// The captures that the manifest does not mark as sound: what is read of them.
/// tshark stops at the first damaged record; the frames after it are found again.
const DAMAGED: [(&str, u64, &str); 6] = [
    // Three bytes too many after frame 18; tshark reads 18.
    ("malformed/OISF.suricata-verify__10.7.29.101_49898-178.63.41.150_25.pcap", 199, "skipped 3"),
    // Bytes are missing in frame 1, so the next header is not where it should be.
    // tshark takes payload for a header and shows a frame of 1970; what follows is
    // one record that is cut.
    ("malformed/OISF.suricata-verify__fuzz.pcap", 1, "damaged at byte 228"),
    // 80 bytes too many after frame 6, where tshark stops.
    ("malformed/OISF.suricata-verify__tls_DER-incomplete-content.pcap", 13, "skipped 80"),
    ("malformed/OISF.suricata-verify__tls_DER-incomplete-header.pcap", 13, "skipped 80"),
    ("tunnel-vlan-l2/ntop.nDPI__fuzz-2021-10-13.pcap", 1, "truncated"),
    ("tunnel-vlan-l2/secdev.scapy__bad_rsn_parsing_overrides_ssid.pcap", 1, "truncated"),
];

#[test]
fn every_capture_has_as_many_frames_as_its_manifest_says() {
    let Some(folder) = captures() else { return };
    let manifest = std::fs::read_to_string(folder.join("public/MANIFEST.tsv")).unwrap();
    let mut differing = Vec::new();
    for line in manifest.lines().skip(1) {
        let columns: Vec<_> = line.split('\t').collect();
        let (file, packets, status) = (columns[0], columns[7].parse().unwrap(), columns[13]);
        let (frames, remark) = DAMAGED
            .iter()
            .find(|(damaged, ..)| *damaged == file)
            .map_or((packets, ""), |(_, frames, remark)| (*frames, *remark));
        let (count, remarks) = count(&folder.join("public").join(file));
        let as_said = if remark.is_empty() { remarks.is_empty() } else { remarks.contains(remark) };
        if count != frames || !as_said || (status == "ok") != remark.is_empty() {
            differing.push(format!("{file}: {packets} ({status}), read {count} ({remarks})"));
        }
    }

    assert_eq!(Vec::<String>::new(), differing);
}
