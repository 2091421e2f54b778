//! Bytes that are sent twice: faithful copies change nothing, others are told.

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

use traffic::{ACK, Owned, Random, Seen, Talk, dnp3, modbus, owned, replay, s7comm, tcp};

/// Bytes in front of the payload of a segment: Ethernet, IPv4, TCP.
const HEADERS: usize = 54;

fn payload(frame: &Owned) -> &[u8] {
    &frame.bytes[HEADERS..]
}

fn sequence(frame: &Owned) -> u32 {
    u32::from_be_bytes(frame.bytes[38..42].try_into().unwrap())
}

/// A segment that sends the bytes of `from` again, from `skip` on, as `bytes`.
fn again(talk: &Talk, from: &Owned, skip: u32, bytes: &[u8]) -> Owned {
    let by_client = from.bytes[29] == talk.client.ip[3];
    let (source, target) =
        if by_client { (talk.client, talk.server) } else { (talk.server, talk.client) };
    let acknowledged = u32::from_be_bytes(from.bytes[42..46].try_into().unwrap());
    let at = sequence(from).wrapping_add(skip);
    owned(from.time_ns + 1_000, tcp(source, target, at, acknowledged, ACK, bytes))
}

/// The number of the conflicts counted, and of the PDUs that carry one.
fn conflicts(seen: &Seen) -> (u64, usize) {
    (seen.counter("tcp_overlap_conflicts"), seen.count("overlap_conflict"))
}

/// A talk with `made` put after frame `at`.
fn with(frames: &[Owned], at: usize, made: Owned) -> Vec<Owned> {
    let mut all = frames.to_vec();
    all.insert(at + 1, made);
    all
}

#[test]
fn a_copy_with_other_bytes_is_told_wherever_it_overlaps() {
    for talk in [modbus(), s7comm(), dnp3()] {
        let frames = talk.whole();
        let expected = replay(&frames).rows().len();
        for at in 2..frames.len() - 2 {
            let len = payload(&frames[at]).len();
            for (skip, length) in [(0, len), (0, 1), (len - 1, 1), (1, len - 1)] {
                let mut bytes = payload(&frames[at])[skip..skip + length].to_vec();
                *bytes.last_mut().unwrap() ^= 0x55;
                // One byte right before the next one is a keep-alive.
                if length == 1 && skip == len - 1 {
                    continue;
                }
                let made = again(&talk, &frames[at], skip as u32, &bytes);
                let seen = replay(&with(&frames, at, made));

                assert_eq!(1, conflicts(&seen).0, "frame {at}, {length} bytes from {skip}");
                assert_eq!(expected, seen.rows().len(), "frame {at}");
                // The message after it carries the anomaly.
                let last = at == frames.len() - 3;
                assert!(last || conflicts(&seen).1 == 1, "frame {at}: {:?}", seen.pdus);
            }
        }
    }
}

#[test]
fn a_copy_over_several_segments_is_held_against_each() {
    let talk = modbus();
    let frames = talk.frames(|length| (1..length).collect());
    let whole = talk.whole();
    let request = payload(&whole[2]).to_vec();
    let last = 2 + request.len() - 1;
    for wrong in 0..request.len() {
        let mut bytes = request.clone();
        bytes[wrong] ^= 1;
        let made = again(&talk, &frames[2], 0, &bytes);
        let seen = replay(&with(&frames, last, made));
        assert_eq!(1, conflicts(&seen).0, "byte {wrong}");
    }
    let faithful = again(&talk, &frames[2], 0, &request);
    assert_eq!((0, 0), conflicts(&replay(&with(&frames, last, faithful))));
}

#[test]
fn a_copy_that_goes_on_is_told_and_what_is_new_in_it_is_read() {
    let talk = modbus();
    let frames = talk.whole();
    let expected = replay(&frames).rows();
    // The second request comes together with another version of the first.
    let mut bytes = payload(&frames[2]).to_vec();
    bytes[9] ^= 1;
    bytes.extend(payload(&frames[4]));
    let mut changed = frames.clone();
    changed[4] = again(&talk, &frames[2], 0, &bytes);
    changed[4].time_ns = frames[4].time_ns;
    let seen = replay(&changed);

    assert_eq!((1, 1), conflicts(&seen));
    assert_eq!(expected.len(), seen.rows().len());
}

#[test]
fn a_copy_that_waits_for_an_earlier_segment_is_told() {
    let talk = modbus();
    let mut frames = talk.frames(|length| vec![length / 2]);
    // The halves of the first request: the second first, then again with other bytes.
    let mut bytes = payload(&frames[3]).to_vec();
    bytes[0] ^= 1;
    let made = again(&talk, &frames[3], 0, &bytes);
    frames.swap(2, 3);
    let seen = replay(&with(&frames, 2, made));

    assert_eq!(1, conflicts(&seen).0);
    assert_eq!(replay(&frames).rows().len(), seen.rows().len());
}

#[test]
fn a_copy_made_before_the_protocol_is_known_is_told() {
    let mut talk = modbus();
    talk.server.port = 40_404;
    let frames = talk.whole();
    let mut bytes = payload(&frames[2]).to_vec();
    bytes[11] ^= 1;
    let made = again(&talk, &frames[2], 0, &bytes);
    let seen = replay(&with(&frames, 2, made));

    assert_eq!((1, 1), conflicts(&seen));
}

#[test]
fn faithful_copies_keep_alives_and_late_segments_are_no_conflict() {
    let mut random = Random::new(7);
    for talk in [modbus(), s7comm(), dnp3()] {
        let frames = talk.whole();
        let expected = replay(&frames).rows();
        for _ in 0..100 {
            let at = 2 + random.below(frames.len() - 4);
            let len = payload(&frames[at]).len();
            let skip = random.below(len);
            let bytes = payload(&frames[at])[skip..].to_vec();
            let copy = again(&talk, &frames[at], skip as u32, &bytes);
            let keep_alive = again(&talk, &frames[at], len as u32 - 1, &[0]);
            let mut all = with(&frames, at, keep_alive);
            // The copy may come late, after others.
            let later = at + 1 + random.below(frames.len() - at - 2);
            all.insert(later + 1, copy);
            let seen = replay(&all);

            assert_eq!((0, 0), conflicts(&seen));
            assert_eq!(expected, seen.rows());
        }
    }
}
