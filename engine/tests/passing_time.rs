//! What is said does not depend on how time passes: a sensor is told now and then how late
//! it is, a file has nothing but its frames.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    dead_code,
    reason = "a test makes its own traffic, and one that fails may panic"
)]

mod traffic;

use std::path::Path;

use engine::{Engine, Options};
use traffic::{Owned, Random, frame_of, frames_of};

const SECOND: i64 = 1_000_000_000;
/// Captures of what waits, repeats, is lost and falls silent.
const CAPTURES: [&str; 6] = [
    "demo/plant.pcapng",
    "network/channel_silent.pcapng",
    "network/poll_stopped.pcapng",
    "dnp3/disable_unsolicited.pcapng",
    "modbus/diagnostics.pcapng",
    "s7comm/stop_start.pcapng",
];

fn options() -> Options {
    Options {
        rhythm: true,
        health: true,
        spoof: true,
        previous: true,
        points: true,
        ranges: true,
        delta_ns: Some(7 * SECOND),
        ..Options::default()
    }
}

/// The frames of a capture with some of them lost, and with pauses of up to a minute.
fn frames(name: &str, random: &mut Random) -> Vec<Owned> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pcaps").join(name);
    let mut frames = frames_of(&path, 3_000);
    assert!(!frames.is_empty(), "{name}");
    let mut later_ns = 0;
    frames.retain_mut(|frame| {
        if random.once_in(40) {
            later_ns += random.below(60_000) as i64 * (SECOND / 1_000);
        }
        frame.time_ns += later_ns;
        !random.once_in(10)
    });
    frames
}

/// All that an engine says of frames, where `ticks` gives the times between two of them.
fn said(frames: &[Owned], mut ticks: impl FnMut(i64, i64) -> Vec<i64>) -> Vec<String> {
    let mut engine = Engine::new(options());
    let mut said = Vec::new();
    let mut latest_ns = frames[0].time_ns - 3 * SECOND;
    for (number, frame) in (1..).zip(frames) {
        for time_ns in ticks(latest_ns, frame.time_ns) {
            engine.tick(time_ns);
        }
        latest_ns = latest_ns.max(frame.time_ns);
        engine.push(&frame_of(frame, number));
        said.extend(engine.drain());
    }
    engine.finish();
    said.extend(engine.drain());
    said.iter().map(|one| format!("{one:?}")).collect()
}

#[test]
fn what_is_said_does_not_depend_on_what_lets_time_pass() {
    for (seed, name) in (1..).zip(CAPTURES.iter().cycle()).take(4 * CAPTURES.len()) {
        let mut random = Random::new(seed);
        let frames = frames(name, &mut random);
        let expected = said(&frames, |_, _| Vec::new());
        // As where an interface is quiet: every quarter of a second, a bit late.
        let quiet = said(&frames, |from_ns, to_ns| {
            let every = 250_000_000 + random.below(9_000_000);
            (from_ns..to_ns).step_by(every).skip(1).collect()
        });
        let now_and_then = said(&frames, |from_ns, to_ns| {
            let room = usize::try_from(to_ns - from_ns).unwrap_or_default();
            let mut times: Vec<i64> =
                (0..random.below(4)).map(|_| random.below(room) as i64).collect();
            times.sort_unstable();
            times.iter().map(|after_ns| from_ns + after_ns).collect()
        });

        for (how, actual) in [("quiet", quiet), ("now and then", now_and_then)] {
            let both = expected.iter().zip(&actual);
            let differing = both.clone().find(|(one, other)| one != other);
            assert_eq!(None, differing, "{name}, seed {seed}, {how}");
            assert_eq!(expected.len(), actual.len(), "{name}, seed {seed}, {how}");
        }
    }
}

#[test]
fn a_year_without_a_frame_is_passed_at_once() {
    let mut random = Random::new(1);
    let mut frames = frames(CAPTURES[0], &mut random);
    let middle = frames.len() / 2;
    for frame in &mut frames[middle..] {
        frame.time_ns += 365 * 24 * 3600 * SECOND;
    }
    let expected = said(&frames, |_, _| Vec::new());
    // What was decided by then, is: the rest of the year adds nothing.
    let ticked = said(&frames, |from_ns, to_ns| {
        (from_ns..to_ns.min(from_ns + 400 * SECOND)).step_by(250_000_000).collect()
    });

    assert_eq!(expected.len(), ticked.len());
}
