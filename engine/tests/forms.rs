//! The same conversation in another form on the wire says the same: encapsulated, over
//! IPv6, cut into other segments, reordered, doubled, fragmented, on another link type.
//!
//! Made from captures of others and of this project; what each form must keep stands
//! beside it.

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
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use engine::{Options, PduLogging};
use traffic::{Owned, Random, Seen, captures_of, frames_of, replay, replay_with};
use wire::{Form, Packet, encapsulations, packets, written};

/// Frames of one capture at most.
const MOST: usize = 1_000;

/// Captures of every protocol that there is a dissector for.
fn all() -> Vec<PathBuf> {
    let folders =
        ["public/modbus", "public/umas", "public/s7comm", "public/dnp3", "lab", "tristation"];
    folders.iter().flat_map(|folder| captures_of(folder)).collect()
}

/// What each PDU says, without flow, frames, times and what depends on them.
fn rows(seen: &Seen) -> Vec<String> {
    let volatile = ["transaction\":", "latency_ms\":", "request_frames"];
    let meaning = |line: &String| -> String {
        let parts = line
            .find("\"protocol\"")
            .and_then(|at| line.get(at..))
            .unwrap_or_default()
            .split(",\"");
        parts
            .filter(|part| !volatile.iter().any(|name| part.starts_with(name)))
            .collect::<Vec<_>>()
            .join("|")
    };
    seen.pdus.iter().map(meaning).collect()
}

/// The same in an order of its own: some forms shift messages of both sides against
/// each other.
fn sorted(mut rows: Vec<String>) -> Vec<String> {
    rows.sort();
    rows
}

fn shortened(row: &str) -> String {
    row.chars().take(400).collect()
}

fn difference(expected: &[String], actual: &[String]) -> String {
    let count = |rows: &[String]| {
        let mut counts = BTreeMap::<String, i32>::new();
        rows.iter().for_each(|row| *counts.entry(row.clone()).or_default() += 1);
        counts
    };
    let (a, b) = (count(expected), count(actual));
    let mut out = format!("{} rows, now {}", expected.len(), actual.len());
    let gone = a.iter().filter(|(row, n)| b.get(*row).unwrap_or(&0) < *n).take(2);
    let new = b.iter().filter(|(row, n)| a.get(*row).unwrap_or(&0) < *n).take(2);
    gone.for_each(|(row, _)| out += &format!("\n  - {}", shortened(row)));
    new.for_each(|(row, _)| out += &format!("\n  + {}", shortened(row)));
    out
}

/// Captures that have no equal in a form, and why.
const WITHOUT_EQUAL: &[(&str, &str, &str)] = &[
    ("bytes", "zeek.zeek__4SICS-GeekLounge-151022-min.pcap", "malformed: its segment ends it"),
    ("bytes", "zeek.zeek__modbus-eit.pcap", "malformed: its segment ends it"),
    (
        "bytes",
        "ITI.ICS-Security-Tools__modbus_test_2.pcap",
        "retransmitted, cut elsewhere each time",
    ),
    ("bytes", "idaholab.Malcolm-Test-Artifacts__DNP3.pcap", "merged flows of one address"),
    ("reordered", "idaholab.Malcolm-Test-Artifacts__DNP3.pcap", "merged flows of one address"),
    ("one side", "arkime.arkime__modbus.pcap", "a user code fits both sides"),
    ("one side", "idaholab.Malcolm-Test-Artifacts__DNP3.pcap", "merged flows of one address"),
    ("late", "ntop.nDPI__dnp3.pcap", "begins between a message and its copy"),
    ("cut", "OISF.suricata-verify__dnp3-max-points__test.pcap", NEVER),
    ("cut", "OISF.suricata-verify__dnp3-too-long-reassembly-request__input.pcap", NEVER),
    ("cut", "OISF.suricata-verify__dnp3-too-long-reassembly-response__input.pcap", NEVER),
    ("cut", "zeek.zeek__dnp3-flowbuffer-overflow-assert.pcap", NEVER),
];

/// The beginning is read where the frame is cut, and nothing where the rest never comes.
const NEVER: &str = "its whole never comes";

fn has_equal(form: &str, name: &str) -> bool {
    !WITHOUT_EQUAL.iter().any(|(end, own, _)| form.ends_with(end) && *own == name)
}

/// What a form of a capture is held against: only its packets that the form can carry.
fn held_against(
    paths: &[PathBuf],
    form: &str,
    change: impl Fn(&[Packet], &mut Random) -> Vec<Owned>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    for path in paths {
        let packets = packets(&frames_of(path, MOST));
        let plain: Vec<Owned> = packets.iter().map(|packet| written(packet, Form::Plain)).collect();
        let expected = sorted(rows(&replay(&plain)));
        let mut random = Random::new(11);
        let changed = sorted(rows(&replay(&change(&packets, &mut random))));
        let name = path.file_name().unwrap().to_string_lossy();
        if expected != changed && has_equal(form, &name) {
            wrong.push(format!("{form}: {name}: {}", difference(&expected, &changed)));
        }
    }
    wrong
}

fn assert_same(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} captures differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn what_is_inside_an_encapsulation_says_the_same() {
    let paths = all();
    let wrong = encapsulations().into_iter().flat_map(|(name, form)| {
        held_against(&paths, name, |packets, _| {
            packets.iter().map(|packet| written(packet, form)).collect()
        })
    });
    assert_same(&wrong.collect::<Vec<_>>());
}

#[test]
fn segments_of_any_size_say_the_same() {
    let paths = all();
    let wrong = [1, 2, 3, 5, 8, 13, 20, 536].into_iter().flat_map(|most| {
        held_against(&paths, &format!("{most} bytes"), |packets, random| {
            let cut = |packet: &Packet| packet.cut(most, random);
            packets.iter().flat_map(cut).map(|packet| written(&packet, Form::Plain)).collect()
        })
    });
    assert_same(&wrong.collect::<Vec<_>>());
}

#[test]
fn segments_in_another_order_and_twice_say_the_same() {
    let paths = all();
    assert_same(&held_against(&paths, "reordered", |packets, random| {
        let mut out = Vec::new();
        let opened: BTreeSet<_> =
            packets.iter().filter(|packet| packet.opens()).map(Packet::flow).collect();
        for packet in packets {
            // Where the beginning was not seen, the first segment is taken for it.
            let size = if opened.contains(&packet.flow()) { 40 } else { usize::MAX };
            let mut parts = packet.cut(size, random);
            let times: Vec<i64> = parts.iter().map(|part| part.time_ns).collect();
            for at in (1..parts.len()).rev() {
                let other = random.below(at + 1);
                parts.swap(at, other);
            }
            for (mut part, time_ns) in parts.into_iter().zip(times) {
                part.time_ns = time_ns;
                out.push(written(&part, Form::Plain));
                // A datagram that comes twice is two.
                if packet.is_tcp() && random.once_in(3) {
                    out.push(written(&part, Form::Plain));
                }
            }
        }
        out
    }));
}

#[test]
fn packets_in_fragments_say_the_same() {
    let paths = all();
    for (form, size) in [(Form::Plain, 8), (Form::Plain, 24), (Form::Six, 16)] {
        assert_same(&held_against(&paths, "fragments", |packets, random| {
            packets.iter().flat_map(|packet| wire::fragments(packet, form, size, random)).collect()
        }));
    }
}

/// What a PDU is: its first frame, protocol, role, function and unit.
fn kinds(seen: &Seen) -> BTreeSet<String> {
    let names = ["frames\":", "protocol\"", "role\"", "function_code\"", "unit\""];
    let kind = |line: &String| -> String {
        let parts = line.trim_start_matches("{\"").split(",\"");
        let own = parts.filter(|part| names.iter().any(|name| part.starts_with(name)));
        let own: Vec<_> = own.take(names.len()).collect();
        // Of several frames the first.
        own.join(" ").replace(']', ",").split(',').enumerate().fold(
            String::new(),
            |all, (at, part)| {
                if at == 0 || part.contains('"') { all + part } else { all }
            },
        )
    };
    seen.pdus.iter().map(kind).collect()
}

/// Answers of UMAS, and acknowledgements of S7comm, have the code of their request,
/// which was not seen.
fn takes_code(kind: &str) -> bool {
    kind.contains("role\":\"response")
        && (kind.contains("umas") || kind.contains("function_code\":0 "))
}

/// Frames of which only the beginning was captured.
#[test]
fn frames_that_are_cut_invent_nothing() {
    let mut wrong = Vec::new();
    let (mut whole, mut found) = (0, 0);
    for path in all() {
        let frames = frames_of(&path, MOST);
        let expected = kinds(&replay(&frames));
        whole += expected.len();
        for length in [64, 68, 96, 128] {
            let mut cut = frames.clone();
            cut.iter_mut().for_each(|frame| frame.bytes.truncate(length));
            let seen = replay(&cut);
            let other = kinds(&seen).difference(&expected).cloned().collect::<Vec<_>>();
            let other: Vec<_> = other.into_iter().filter(|kind| !takes_code(kind)).collect();
            found += if length == 96 { kinds(&seen).len() - other.len() } else { 0 };
            let name = path.file_name().unwrap().to_string_lossy();
            if !other.is_empty() && has_equal("cut", &name) {
                wrong.push(format!("{length}: {}: {other:?}", path.display()));
            }
        }
    }
    println!("{found} of {whole} PDUs with 96 bytes of each frame");
    assert_same(&wrong);
}

/// Frames of which those that `seen` refuses are not there; numbers stay.
fn without(frames: &[Owned], seen: impl Fn(usize, &Owned) -> bool) -> Vec<Owned> {
    let blank = |frame: &Owned| Owned { bytes: Vec::new(), original_len: 0, ..frame.clone() };
    let frames = frames.iter().enumerate();
    frames.map(|(at, frame)| if seen(at, frame) { frame.clone() } else { blank(frame) }).collect()
}

/// A sensor that sees one side, or joins late: it may know less, and nothing else.
#[test]
fn what_is_seen_in_part_invents_nothing() {
    let mut wrong = Vec::new();
    let (mut there, mut found) = (0, 0);
    for path in all() {
        let frames = frames_of(&path, MOST);
        let expected = kinds(&replay(&frames));
        let side = |low: bool| {
            move |_: usize, frame: &Owned| {
                let ends = frame.bytes.get(26..30).zip(frame.bytes.get(30..34));
                ends.is_none_or(|(source, target)| (source < target) == low)
            }
        };
        let third = frames.len() / 3;
        for (form, part) in [
            ("one side", without(&frames, side(true))),
            ("other side", without(&frames, side(false))),
            ("late", without(&frames, |at, _| at >= third)),
        ] {
            let seen = kinds(&replay(&part));
            let other: Vec<_> = seen.difference(&expected).filter(|own| !takes_code(own)).collect();
            if form != "late" {
                found += seen.len() - other.len();
            }
            let name = path.file_name().unwrap().to_string_lossy();
            if !other.is_empty() && has_equal(form, &name) {
                wrong.push(format!("{form}: {name}: {} {other:?}", other.len()));
            }
        }
        there += expected.len();
    }
    println!("{found} of {there} PDUs with one side at a time");
    assert!(found * 10 >= there * 9, "{found} of {there}");
    assert_same(&wrong);
}

/// Servers away from the ports of their protocols.
#[test]
fn most_is_found_on_other_ports() {
    let (mut there, mut found) = (0, 0);
    for path in all() {
        let packets = packets(&frames_of(&path, MOST));
        let plain: Vec<Owned> = packets.iter().map(|packet| written(packet, Form::Plain)).collect();
        let moved: Vec<Owned> =
            packets.iter().map(|packet| written(&packet.on_other_ports(), Form::Plain)).collect();
        let (expected, moved) = (kinds(&replay(&plain)), kinds(&replay(&moved)));
        there += expected.len();
        found += moved.intersection(&expected).count();
        if moved.len() * 20 < expected.len() * 19 {
            println!("{}: {} of {}", path.display(), moved.len(), expected.len());
        }
    }
    println!("{found} of {there} PDUs on other ports");
    assert!(found * 100 >= there * 95, "{found} of {there}");
}

/// A mirror port that shows every frame twice.
#[test]
fn mirrored_frames_say_the_same() {
    let mut wrong = Vec::new();
    for path in all() {
        let packets = packets(&frames_of(&path, MOST));
        let plain: Vec<Owned> = packets.iter().map(|packet| written(packet, Form::Plain)).collect();
        let options =
            || Options { pdu_log: PduLogging::Only, keep_duplicates: false, ..Options::default() };
        let expected = sorted(rows(&replay_with(&plain, options())));
        let twice: Vec<Owned> = packets
            .iter()
            .flat_map(|packet| {
                let copy = Packet { time_ns: packet.time_ns + 20_000, ..packet.clone() };
                // The other port of the mirror adds a tag.
                [written(packet, Form::Plain), written(&copy, Form::Tagged(&[0x8100_0007]))]
            })
            .collect();
        let changed = sorted(rows(&replay_with(&twice, options())));
        if expected != changed {
            wrong.push(format!("{}: {}", path.display(), difference(&expected, &changed)));
        }
    }
    assert_same(&wrong);
}
