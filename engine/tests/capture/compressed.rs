//! Compressed captures, whole and damaged.

use std::io::Write;

use engine::capture::{Compression, Container, Input, Problem, Timeline};

use super::{Folder, LITTLE, expected, gzip, pcap, pcapng, read, read_all, refused, zstd};

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
