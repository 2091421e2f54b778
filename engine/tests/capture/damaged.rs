//! Cut, corrupt and odd files are read as far as they are sound.

use engine::capture::{Input, Problem, Timeline};

use super::{
    BIG, Folder, LITTLE, SECOND, START, contents, expected, gzip, payload, pcap, pcap_record,
    pcapng, read, read_all, refused, zstd,
};

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
