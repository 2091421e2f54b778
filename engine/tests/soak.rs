//! Mutated traffic: no panic, no hang, and counters that add up.
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

use engine::dissectors::registry::ProtocolId;
use engine::wanted::Wanted;
use engine::{Options, PduLogging};
use traffic::{Owned, Random, captures_of, dnp3, frames_of, modbus, replay_with, s7comm, seeds};

/// Frames of a capture that are mutated.
const FRAMES: usize = 400;

/// Changes a few frames: bits, bytes, lengths, order, times, whole stretches.
fn mutate(frames: &mut Vec<Owned>, random: &mut Random) {
    let changes = 1 + frames.len() / 8;
    for _ in 0..changes {
        let at = random.below(frames.len());
        let other = random.below(frames.len());
        let len = frames[at].bytes.len();
        if len == 0 {
            continue;
        }
        // What an attacker writes is mostly behind the headers.
        let place =
            if random.once_in(5) { random.below(len) } else { random.below(len).max(len.min(54)) };
        let place = place.min(len - 1);
        match random.below(10) {
            0 => frames[at].bytes[place] ^= 1 << random.below(8),
            1 => frames[at].bytes[place] = random.next() as u8,
            2 => frames[at].bytes[place] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
            3 => frames[at].bytes.truncate(place),
            4 => frames.swap(at, other),
            5 => drop(frames.remove(at)),
            6 => {
                let copy = frames[at].clone();
                frames.insert(other, copy);
            }
            7 => {
                frames[at].time_ns =
                    frames[at].time_ns.wrapping_add(random.next() as i64 >> random.below(60))
            }
            8 => {
                let from = random.below(len);
                let part = frames[at].bytes[from..].to_vec();
                let into = &mut frames[other].bytes;
                let start = random.below(into.len().max(1)).min(into.len());
                into.splice(start.., part);
            }
            _ => {
                let end = (place + random.below(16)).min(len);
                for byte in &mut frames[at].bytes[place..end] {
                    *byte = random.next() as u8;
                }
            }
        }
        if frames.is_empty() {
            return;
        }
    }
}

/// Runs one mutation of `frames`.
fn soak(name: &str, frames: &[Owned], seed: u64) {
    let mut random = Random::new(seed);
    let mut mutated = frames.to_vec();
    mutate(&mut mutated, &mut random);
    let options = Options {
        pdu_log: match seed % 3 {
            0 => PduLogging::Only,
            1 => PduLogging::Off,
            _ => PduLogging::Beside,
        },
        keep_duplicates: seed.is_multiple_of(3),
        rhythm: seed.is_multiple_of(2),
        health: seed.is_multiple_of(2),
        previous: seed.is_multiple_of(4),
        ranges: seed.is_multiple_of(2),
        spoof: seed.is_multiple_of(4),
        delta_ns: seed.is_multiple_of(4).then_some(10_000_000),
        wanted: ProtocolId::ALL.iter().map(|own| Wanted::all_of(*own)).collect(),
        ..Options::default()
    };
    let seen = replay_with(&mutated, options);

    let pdus: u64 = seen
        .counters
        .iter()
        .filter(|(counter, _)| counter.starts_with("pdus."))
        .map(|(_, count)| count)
        .sum();
    let panics: Vec<_> =
        seen.counters.keys().filter(|counter| counter.starts_with("panics")).collect();
    assert!(panics.is_empty(), "{name}, seed {seed}: {panics:?}");
    assert_eq!(mutated.len() as u64, seen.counter("frames"), "{name}, seed {seed}");
    assert!(seen.counter("transactions") * 2 <= pdus, "{name}, seed {seed}");
    if seed % 3 != 1 {
        assert_eq!(pdus, seen.pdus.len() as u64, "{name}, seed {seed}");
    }
}

#[test]
fn mutated_talks_break_nothing() {
    let talks = [("modbus", modbus()), ("s7comm", s7comm()), ("dnp3", dnp3())];
    let whole = talks.clone().map(|(name, talk)| (name, talk.whole()));
    let parts = talks.map(|(name, talk)| (name, talk.frames(|len| vec![len / 3, len / 2])));
    for seed in seeds("talks", 300) {
        for (name, frames) in whole.iter().chain(&parts) {
            soak(name, frames, seed);
        }
    }
}

#[test]
fn mutated_captures_break_nothing() {
    let folders = [
        "public/modbus",
        "public/s7comm",
        "public/dnp3",
        "public/umas",
        "tristation",
        "lab",
        "public/tunnel-vlan-l2",
        "public/tcp-ip-edge",
        "public/malformed",
    ];
    let captures: Vec<(String, Vec<Owned>)> = folders
        .iter()
        .flat_map(|folder| captures_of(folder))
        .map(|path| (path.display().to_string(), frames_of(&path, FRAMES)))
        .filter(|(_, frames)| !frames.is_empty())
        .collect();
    for seed in seeds("captures", 2) {
        for (name, frames) in &captures {
            soak(name, frames, seed);
        }
    }
}
