//! Mutated filters, capture files and frames of every link type: no panic, no hang, and
//! nothing that the kernel or the next stage could not take.
//!
//! A fixed number of rounds in the suite; `make soak` goes on for minutes.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    dead_code,
    reason = "a test makes its own traffic, and one that fails may panic"
)]

mod traffic;

use std::path::{Path, PathBuf};

use engine::capture::live::filter::{self, Instruction};
use engine::capture::{Input, Timeline};
use engine::counters::Counters;
use engine::decode::decode;
use engine::packet::Payload;
use traffic::{Owned, Random, captures_of, dnp3, frames_of, modbus, s7comm, seeds};

/// A word or number of the language of filters, or one that is none.
fn word(random: &mut Random) -> String {
    const WORDS: [&str; 36] = [
        "and",
        "or",
        "not",
        "!",
        "&&",
        "||",
        "(",
        ")",
        "ether",
        "ip",
        "ip6",
        "arp",
        "tcp",
        "udp",
        "icmp",
        "icmp6",
        "src",
        "dst",
        "host",
        "net",
        "port",
        "portrange",
        "proto",
        "vlan",
        "less",
        "greater",
        "10.1.2.3",
        "10.1.0.0/16",
        "fe80::1",
        "fe80::/10",
        "02:00:00:00:00:01",
        "502-503",
        "tcp port 502",
        "host 10.0.0.1",
        "mask",
        "\\",
    ];
    match random.below(8) {
        0 => (random.next() >> random.below(64)).to_string(),
        1 => format!("{}.{}.0.0/{}", random.below(260), random.below(3), random.below(40)),
        _ => WORDS[random.below(WORDS.len())].to_owned(),
    }
}

/// A test that is understood.
fn sound_test(random: &mut Random) -> String {
    let end = ["", "src ", "dst "][random.below(3)];
    match random.below(8) {
        0 => format!("{end}host 10.0.0.{}", random.below(4)),
        1 => format!("{end}net 10.0.{}.0/{}", random.below(3), 20 + random.below(5)),
        2 => format!("{}{end}port {}", ["", "tcp ", "udp "][random.below(3)], random.below(1000)),
        3 => format!("{end}portrange {}-{}", random.below(500), 500 + random.below(40_000)),
        4 => format!("greater {}", random.below(200)),
        5 => format!("ether {end}host 02:00:00:00:00:0{}", random.below(4)),
        6 => ["vlan", "vlan 7"][random.below(2)].to_owned(),
        _ => ["ip", "ip6", "arp", "tcp", "udp", "icmp", "icmp6"][random.below(7)].to_owned(),
    }
}

/// A filter that is understood, of a few tests.
fn sound(random: &mut Random, depth: usize) -> String {
    if depth == 0 || random.once_in(3) {
        return sound_test(random);
    }
    let (left, right) = (sound(random, depth - 1), sound(random, depth - 1));
    match random.below(3) {
        0 => format!("({left} and {right})"),
        1 => format!("({left} or {right})"),
        _ => format!("not ({left})"),
    }
}

/// Checks a program as the kernel does: known codes, jumps forward and inside, a return at
/// its end.
fn check(program: &[Instruction], text: &str) {
    assert!((1..=4096).contains(&program.len()), "{text}");
    for (at, one) in program.iter().enumerate() {
        let left = program.len() - at - 1;
        match one.code {
            0x05 => assert!((one.k as usize) < left, "{text}: {one:?} at {at}"),
            0x15 | 0x25 | 0x35 | 0x45 => {
                let longest = usize::from(one.jt.max(one.jf));
                assert!(longest < left, "{text}: {one:?} at {at}");
            }
            0x20 | 0x28 | 0x30 | 0x80 | 0x48 | 0xb1 | 0x54 | 0x06 => {}
            _ => panic!("{text}: {one:?} at {at}"),
        }
    }
    assert_eq!(0x06, program.last().unwrap().code, "{text}");
}

/// Runs a program over a frame without a VLAN tag; what it keeps.
fn run(program: &[Instruction], frame: &[u8]) -> u32 {
    let (mut a, mut x, mut at) = (0u32, 0u32, 0usize);
    loop {
        let one = program[at];
        let load = |from: usize, size: usize| {
            let bytes = frame.get(from..from.checked_add(size)?)?;
            Some(bytes.iter().fold(0u32, |all, byte| all << 8 | u32::from(*byte)))
        };
        let k = one.k as usize;
        at += 1;
        let loaded = match one.code {
            0x06 => return one.k,
            0x05 => {
                at += k;
                continue;
            }
            0x15 | 0x25 | 0x35 | 0x45 => {
                let holds = match one.code {
                    0x15 => a == one.k,
                    0x25 => a > one.k,
                    0x35 => a >= one.k,
                    _ => a & one.k != 0,
                };
                at += usize::from(if holds { one.jt } else { one.jf });
                continue;
            }
            0x54 => Some(a & one.k),
            0x80 => Some(frame.len() as u32),
            // What the kernel knows besides the bytes.
            0x20 | 0x28 | 0x30 if one.k >= 0xffff_f000 => Some(0),
            0x20 => load(k, 4),
            0x28 => load(k, 2),
            0x30 => load(k, 1),
            0x48 => load(x as usize + k, 2),
            0xb1 => {
                let Some(byte) = load(k, 1) else { return 0 };
                x = (byte & 0x0f) << 2;
                continue;
            }
            code => panic!("{code:#x}"),
        };
        match loaded {
            Some(value) => a = value,
            None => return 0,
        }
    }
}

/// Frames of three talks, whole and cut short.
fn some_frames() -> Vec<Vec<u8>> {
    let talks = [modbus(), s7comm(), dnp3()];
    talks.iter().flat_map(|talk| talk.whole()).map(|frame| frame.bytes).take(60).collect()
}

#[test]
fn a_filter_is_refused_or_a_program_that_the_kernel_takes() {
    let frames = some_frames();
    for seed in seeds("filters", 20_000) {
        let mut random = Random::new(seed);
        let words: Vec<String> = (0..1 + random.below(14)).map(|_| word(&mut random)).collect();
        let mut text = words.join(" ");
        if random.once_in(4) {
            text = sound(&mut random, 6);
            let at = random.below(text.len());
            text.replace_range(at..at, &word(&mut random));
        }
        let Ok(program) = filter::parse(&text, 96) else { continue };
        check(&program, &text);
        for frame in &frames[..3] {
            assert!([0, 96].contains(&run(&program, frame)), "{text}");
        }
    }
}

#[test]
fn what_a_filter_keeps_its_contrary_drops_and_joined_ones_keep_what_both_do() {
    let frames = some_frames();
    for seed in seeds("meanings of filters", 3_000) {
        let mut random = Random::new(seed);
        let (one, other) = (sound(&mut random, 3), sound(&mut random, 3));
        let compiled =
            |text: &str| filter::parse(text, 96).unwrap_or_else(|no| panic!("{text}: {no}"));
        let (first, second) = (compiled(&one), compiled(&other));
        let contrary = compiled(&format!("not ({one})"));
        let both = compiled(&format!("({one}) and ({other})"));
        let either = compiled(&format!("({one}) or ({other})"));
        let frame = &frames[random.below(frames.len())];
        // A load behind the end of a cut frame drops it whatever is asked.
        let kept = |program: &[Instruction]| run(program, frame) > 0;

        assert_eq!(kept(&first), !kept(&contrary), "{one}");
        assert_eq!(kept(&first) && kept(&second), kept(&both), "{one} and {other}");
        assert_eq!(kept(&first) || kept(&second), kept(&either), "{one} or {other}");
    }
}

/// Changes bits, bytes and lengths of a file, drops and repeats stretches, cuts it.
fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..1 + random.below(6) {
        if bytes.is_empty() {
            return;
        }
        // The first bytes say what all others mean.
        let within = if random.once_in(3) { bytes.len().min(64) } else { bytes.len() };
        let at = random.below(within);
        let end = (at + 1 + random.below(64)).min(bytes.len());
        match random.below(8) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.next() as u8,
            2 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
            3 => bytes.truncate(at.max(8)),
            4 => drop(bytes.drain(at..end)),
            5 => {
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            6 => {
                let number = (random.next() >> random.below(64)) as u32;
                let place = at.min(bytes.len().saturating_sub(4));
                if let Some(four) = bytes.get_mut(place..place + 4) {
                    four.copy_from_slice(&number.to_le_bytes());
                }
            }
            _ => {
                for byte in &mut bytes[at..end] {
                    *byte = random.next() as u8;
                }
            }
        }
    }
}

/// Reads a file to its end; its frames and their bytes.
fn read(path: &Path) -> (u64, u64) {
    let Ok(mut timeline) = Timeline::open(vec![Input::Path(path.to_owned())]) else {
        return (0, 0);
    };
    let (mut frames, mut bytes, mut last) = (0u64, 0u64, 0);
    while let Some(frame) = timeline.next() {
        frames += 1;
        bytes += frame.bytes.len() as u64;
        assert!(frame.number > last, "{}", path.display());
        last = frame.number;
    }
    (frames, bytes)
}

#[test]
fn a_mutated_capture_file_is_read_to_its_end() {
    const LONGEST: usize = 100_000;
    let folders = ["public/file-format", "public/linktype", "public/tcp-ip-edge"];
    let mut files: Vec<Vec<u8>> = folders
        .iter()
        .flat_map(|folder| captures_of(folder))
        .filter_map(|path| std::fs::read(path).ok())
        .filter(|bytes| bytes.len() <= LONGEST)
        .collect();
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pcaps/modbus/diagnostics.pcapng");
    files.push(std::fs::read(own).unwrap());
    let name = format!("otmon-formats-{}.cap", std::process::id());
    let path: PathBuf = std::env::temp_dir().join(name);
    for seed in seeds("capture files", 12) {
        for (number, file) in files.iter().enumerate() {
            let mut random = Random::new(seed.wrapping_mul(1_000) + number as u64);
            let mut mutated = file.clone();
            mutate(&mut mutated, &mut random);
            std::fs::write(&path, &mutated).unwrap();

            let (frames, bytes) = read(&path);
            // Compression aside, no frame is made of nothing.
            let packed = mutated.starts_with(&[0x1f, 0x8b]) || mutated.starts_with(&[0x28, 0xb5]);
            assert!(packed || bytes <= mutated.len() as u64, "seed {seed}, file {number}");
            assert!(packed || frames <= mutated.len() as u64, "seed {seed}, file {number}");
        }
    }
    std::fs::remove_file(&path).unwrap();
}

/// Link types that are read, and some that are not.
const LINK_TYPES: [u16; 24] = [
    0, 1, 6, 9, 10, 12, 14, 50, 101, 104, 105, 108, 113, 127, 143, 165, 228, 229, 240, 241, 250,
    257, 276, 65_535,
];

#[test]
fn mutated_frames_of_every_link_type_are_decoded_within_their_bytes() {
    let folders =
        ["public/tunnel-vlan-l2", "public/linktype", "public/it-icmpv6", "public/malformed"];
    let mut frames: Vec<Owned> = folders
        .iter()
        .flat_map(|folder| captures_of(folder))
        .flat_map(|path| frames_of(&path, 20))
        .filter(|frame| frame.bytes.len() <= 2_000)
        .collect();
    frames.extend(modbus().whole());
    let mut counters = Counters::new();
    for seed in seeds("frames", 60) {
        for (number, frame) in frames.iter().enumerate() {
            let mut random = Random::new(seed.wrapping_mul(10_000) + number as u64);
            let mut bytes = frame.bytes.clone();
            mutate(&mut bytes, &mut random);
            let own = random.below(3) > 0;
            let link_type =
                if own { frame.link_type } else { LINK_TYPES[random.below(LINK_TYPES.len())] };
            let original =
                if random.once_in(3) { random.next() as u32 } else { bytes.len() as u32 };
            let packet = decode(link_type, &bytes, original, &mut counters);

            let payload = match &packet.payload {
                Payload::Tcp(_, tcp) => tcp.payload,
                Payload::Udp(_, udp) => udp.payload,
                Payload::Serial { bytes, .. } => bytes,
                _ => continue,
            };
            assert!(payload.len() <= bytes.len(), "seed {seed}, frame {number}");
        }
    }
}
