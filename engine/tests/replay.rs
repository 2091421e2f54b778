//! What is said does not depend on how it travelled: cut, reordered, doubled and
//! lossy replays of the same traffic.

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

use std::collections::BTreeSet;

use traffic::{
    Owned, Random, Seen, Talk, asks, captures_of, dnp3, frames_of, modbus, owned, replay, s7comm,
    tells,
};

/// The three protocols' talks, and the PDUs that each has.
fn talks() -> [(&'static str, Talk, usize); 3] {
    // DNP3 logs the transport segments' application messages; S7comm the
    // connection, and every job with its answer.
    [("modbus", modbus(), 48), ("s7comm", s7comm(), 32), ("dnp3", dnp3(), 36)]
}

fn differing(expected: &[String], actual: &[String]) -> Option<String> {
    if expected == actual {
        return None;
    }
    let at = expected.iter().zip(actual).position(|(a, b)| a != b);
    let at = at.unwrap_or_else(|| expected.len().min(actual.len()));
    Some(format!(
        "{} and {} rows, from row {at}:\n{:?}\n{:?}",
        expected.len(),
        actual.len(),
        expected.get(at),
        actual.get(at)
    ))
}

#[test]
fn every_message_of_a_talk_is_a_pdu() {
    for (name, talk, pdus) in talks() {
        let seen = replay(&talk.whole());

        assert_eq!(pdus, seen.pdus.len(), "{name}: {:?}", seen.counters);
        assert_eq!((0, 0), (seen.counter("unanswered"), seen.counter("unsolicited")), "{name}");
    }
}

#[test]
fn a_message_cut_at_any_byte_is_the_same_message() {
    for (name, talk, _) in talks() {
        let expected = replay(&talk.whole()).rows();
        let longest = talk.said.iter().map(|said| said.bytes.len()).max().unwrap();
        for at in 1..longest {
            let cut = talk.frames(|len| if at < len { vec![at] } else { Vec::new() });

            let difference = differing(&expected, &replay(&cut).rows());
            assert_eq!(None, difference, "{name} cut at {at}");
        }
    }
}

#[test]
fn messages_sent_byte_by_byte_are_the_same_messages() {
    for (name, talk, _) in talks() {
        let expected = replay(&talk.whole()).rows();
        let bytes = talk.frames(|len| (1..len).collect());

        assert_eq!(None, differing(&expected, &replay(&bytes).rows()), "{name}");
    }
}

#[test]
fn a_message_in_many_segments_is_of_the_last_one() {
    let registers = [&[0, 1, 0, 0, 0, 203, 1, 3, 200][..], &[0; 200]].concat();
    let talk = Talk::new(502, vec![asks([0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 100]), tells(registers)]);
    let in_bytes = talk.frames(|len| if len > 12 { (1..len).collect() } else { Vec::new() });

    let seen = replay(&in_bytes);

    // Handshake, request, and a segment for each byte of the answer.
    assert_eq!(1, seen.count("{\"frame\":212,"), "{:?}", seen.pdus.last());
}

#[test]
fn messages_that_share_segments_are_the_same_messages() {
    for (name, talk, _) in talks() {
        // All requests in one segment, then all answers: a client that does not wait.
        let mut together = talk.clone();
        let all = |by_client| {
            let of = talk.said.iter().filter(move |said| said.by_client == by_client);
            of.flat_map(|said| said.bytes.clone()).collect::<Vec<u8>>()
        };
        together.said = vec![traffic::asks(all(true)), traffic::tells(all(false))];
        let mut expected = replay(&talk.whole()).rows();
        let mut actual = replay(&together.whole()).rows();
        expected.sort();
        actual.sort();

        // The order of the two sides differs, and with it what is open at a time.
        let anomalies = |rows: &[String]| -> Vec<String> {
            rows.iter().map(|row| row.split("|anomalies").next().unwrap().to_owned()).collect()
        };
        assert_eq!(anomalies(&expected), anomalies(&actual), "{name}");
    }
}

/// Swaps frames that travel the same way, within a window of four.
fn reordered(frames: &[Owned], random: &mut Random) -> Vec<Owned> {
    let mut frames = frames.to_vec();
    let source = |frame: &Owned| frame.bytes[26..30].to_vec();
    for at in 3..frames.len().saturating_sub(4) {
        let other = at + random.below(3);
        // Only runs of one side change places: the other answers what it has heard.
        let one_way = (at..=other).all(|n| source(&frames[n]) == source(&frames[at]));
        if one_way {
            frames.swap(at, other);
            let times = (frames[at].time_ns, frames[other].time_ns);
            (frames[other].time_ns, frames[at].time_ns) = times;
        }
    }
    frames
}

#[test]
fn reordered_and_doubled_segments_are_the_same_messages() {
    for (name, talk, _) in talks() {
        let expected = replay(&talk.whole()).rows();
        for seed in 0..40 {
            let mut random = Random::new(seed);
            let cut = talk.frames(|len| {
                let mut ends: Vec<usize> = (0..3).map(|_| random.below(len)).collect();
                ends.sort_unstable();
                ends
            });
            let mut frames = Vec::new();
            for frame in reordered(&cut, &mut random) {
                if random.once_in(4) {
                    frames.push(frame.clone());
                }
                frames.push(frame);
            }

            let seen = replay(&frames);
            let mut rows = seen.rows();
            let mut expected = expected.clone();
            // Within a reordered run the log has the order of frames.
            rows.sort();
            expected.sort();
            assert_eq!(None, differing(&expected, &rows), "{name}, seed {seed}");
            assert_eq!(0, seen.counter("tcp_gap_bytes"), "{name}, seed {seed}");
        }
    }
}

#[test]
fn a_talk_joined_anywhere_has_its_roles_right() {
    for (name, talk, _) in talks() {
        let whole = talk.whole();
        for start in 2..whole.len().saturating_sub(8) {
            let seen = replay(&whole[start..]);

            let turned = seen.count("\"client_port\":40001") != seen.pdus.len();
            let wrong = turned || seen.counter("unsolicited") > 0;
            assert!(!wrong && !seen.pdus.is_empty(), "{name} from frame {start}: {:?}", seen.pdus);
        }
    }
}

#[test]
fn a_talk_of_which_one_side_is_seen_has_its_roles_right() {
    for (name, talk, _) in talks() {
        for by_client in [true, false] {
            let port = if by_client { talk.client.port } else { talk.server.port };
            let one_way: Vec<Owned> = talk
                .whole()
                .into_iter()
                .skip(2)
                .filter(|frame| frame.bytes[34..36] == port.to_be_bytes())
                .collect();
            let seen = replay(&one_way);

            assert_eq!(
                seen.pdus.len(),
                seen.count("\"client_port\":40001"),
                "{name}, by client: {by_client}"
            );
            assert!(!seen.pdus.is_empty(), "{name}, by client: {by_client}");
            assert_eq!((0, 0), (seen.counter("unanswered"), seen.counter("unsolicited")), "{name}");
        }
    }
}

/// Every write that the log has: what it says without where and when.
fn changes(seen: &Seen) -> BTreeSet<String> {
    let changing = ["\"class\":\"write\"", "\"class\":\"command\"", "\"class\":\"mode_stop\""];
    let is_change = |line: &&String| {
        line.contains("\"role\":\"request\"") && changing.iter().any(|class| line.contains(class))
    };
    // A loss may leave an anomaly on the next PDU; what it does stays the same.
    let without_anomalies = |row: &String| {
        let (before, rest) = row.split_once("anomalies\":[").unwrap();
        let (_, after) = rest.split_once(']').unwrap();
        format!("{before}{after}")
    };
    let kept: Vec<String> = seen.pdus.iter().filter(is_change).cloned().collect();
    Seen { pdus: kept, counters: seen.counters.clone() }
        .rows()
        .iter()
        .map(without_anomalies)
        .collect()
}

fn lossy(frames: &[Owned], per_mille: usize, random: &mut Random) -> Vec<Owned> {
    frames.iter().filter(|_| random.below(1000) >= per_mille).cloned().collect()
}

#[test]
fn frames_that_are_lost_invent_no_write() {
    for (name, talk, _) in talks() {
        let frames = talk.frames(|len| vec![len / 3, len / 2]);
        let original = changes(&replay(&frames));
        for seed in 0..60 {
            let mut random = Random::new(seed);
            let kept = lossy(&frames, [1, 10, 100][seed as usize % 3], &mut random);
            let seen = replay(&kept);

            let invented: Vec<_> = changes(&seen).difference(&original).cloned().collect();
            assert!(invented.is_empty(), "{name}, seed {seed}: {invented:?}");
            assert_eq!(kept.len() as u64, seen.counter("frames"), "{name}, seed {seed}");
        }
    }
}

#[test]
fn a_lost_segment_costs_its_messages_alone() {
    for (name, talk, pdus) in talks() {
        let whole = talk.whole();
        for lost in 6..whole.len() - 4 {
            let kept: Vec<&Owned> =
                whole.iter().enumerate().filter(|(n, _)| *n != lost).map(|(_, f)| f).collect();
            let seen = replay(kept);

            assert_eq!(pdus - 1, seen.pdus.len(), "{name} without frame {lost}");
        }
    }
}

/// The messages of which one of the segments in `lost` is a part, if each message is cut
/// into `parts` segments.
fn touched(lost: [usize; 2], parts: usize) -> usize {
    // The handshake is two frames.
    let message = |frame: usize| (frame - 2) / parts;
    1 + usize::from(message(lost[0]) != message(lost[1]))
}

#[test]
fn two_lost_segments_cost_their_messages_alone_however_they_are_cut() {
    for (name, talk, pdus) in talks() {
        for parts in 1..=3usize {
            let frames = talk.frames(|len| (1..parts).map(|n| len * n / parts).collect());
            let data = 2 + 6 * parts..frames.len() - 2 - 4 * parts;
            for first in data.clone() {
                for second in first + 1..(first + 2 * parts).min(data.end) {
                    let kept: Vec<&Owned> = frames
                        .iter()
                        .enumerate()
                        .filter(|(n, _)| *n != first && *n != second)
                        .map(|(_, frame)| frame)
                        .collect();
                    let seen = replay(kept);

                    assert_eq!(
                        pdus - touched([first, second], parts),
                        seen.pdus.len(),
                        "{name} in {parts} parts without frames {first} and {second}"
                    );
                }
            }
        }
    }
}

/// A client that does not wait, so that messages begin anywhere in segments.
fn pipelined(talk: &Talk) -> (Talk, Vec<usize>) {
    let mut together = talk.clone();
    let requests: Vec<&Vec<u8>> =
        talk.said.iter().filter(|said| said.by_client).map(|said| &said.bytes).collect();
    let lengths = requests.iter().map(|bytes| bytes.len()).collect();
    together.said = vec![asks(requests.into_iter().flatten().copied().collect::<Vec<u8>>())];
    (together, lengths)
}

#[test]
fn two_lost_segments_of_a_stream_cost_the_messages_they_are_part_of() {
    for (name, talk, _) in talks() {
        let (talk, lengths) = pipelined(&talk);
        let ends: Vec<usize> = lengths
            .iter()
            .scan(0, |end, len| {
                *end += len;
                Some(*end)
            })
            .collect();
        for size in [7, 20, 50] {
            let frames = talk.frames(|len| (size..len).step_by(size).collect());
            let whole = replay(&frames).pdus.len();
            let segments = frames.len() - 4;
            for first in 100 / size..segments {
                for second in first + 1..(first + 4).min(segments) {
                    let kept: Vec<&Owned> = frames
                        .iter()
                        .enumerate()
                        .filter(|(n, _)| *n != first + 2 && *n != second + 2)
                        .map(|(_, frame)| frame)
                        .collect();
                    let seen = replay(kept).pdus.len();
                    let lost = |start: usize, end: usize| {
                        [first, second]
                            .iter()
                            .any(|segment| start < (segment + 1) * size && end > segment * size)
                    };
                    let touched = ends
                        .iter()
                        .zip(&lengths)
                        .filter(|(end, len)| lost(*end - *len, **end))
                        .count();

                    assert!(
                        (whole - touched..whole).contains(&seen),
                        "{name} in segments of {size} without {first} and {second}: {seen} of {whole}"
                    );
                }
            }
        }
    }
}

/// A client that gives every request the same transaction.
#[test]
fn a_lost_answer_shifts_no_later_one_to_the_request_before() {
    let read = |n: u8| vec![0, 3, 0, 0, 0, 6, 1, 3, 0, n, 0, 1];
    let answer = |n: u8| vec![0, 3, 0, 0, 0, 5, 1, 3, 2, 0, n];
    let said = (10..20).flat_map(|n| [asks(read(n)), tells(answer(n))]).collect();
    let mut frames = Talk::new(502, said).whole();
    frames.retain(|frame| !frame.bytes.ends_with(&answer(14)));

    let seen = replay(&frames);

    assert_eq!(19, seen.pdus.len());
    for n in (10..20).filter(|n| *n != 14) {
        let pair = format!("\"target\":\"hr:{n}\",\"quantity\":1,\"values\":[{n}]");
        assert_eq!(1, seen.count(&pair), "{n}: {:?}", seen.pdus);
    }
}

/// Request and answer are the same bytes, and neither tells who sent it.
#[test]
fn writes_alone_are_found_on_another_port() {
    let write = |n: u8| vec![0, n, 0, 0, 0, 6, 255, 6, 0, 100, 0, n];
    let said = (1..30).flat_map(|n| [asks(write(n)), tells(write(n))]).collect();

    let seen = replay(&Talk::new(44_444, said).whole());

    assert_eq!(58, seen.pdus.len());
    assert_eq!(29, seen.count("\"role\":\"request\""));
    assert_eq!(29, seen.count("\"status\":\"ok\""));
}

#[test]
fn messages_in_pieces_are_found_on_another_port() {
    for (name, mut talk, _) in talks() {
        talk.server.port = 44_444;
        let expected = replay(&talk.whole()).rows();
        for seed in 0..30 {
            let mut random = Random::new(seed);
            let cut = talk.frames(|len| {
                let mut ends: Vec<usize> = (0..4).map(|_| random.below(len)).collect();
                ends.sort_unstable();
                ends
            });

            let difference = differing(&expected, &replay(&cut).rows());
            assert_eq!(None, difference, "{name}, seed {seed}");
        }
    }
}

/// A terminal server greets, and asks for a name, before it hands its line on.
#[test]
fn what_was_said_before_the_first_message_hides_no_later_one() {
    let before = [
        tells(*b"\x03\0\0Welcome\r\n"),
        tells(*b"\x05login: "),
        asks(*b"\x0boperator\r\n"),
        tells(*b"\x05connected to line 4\r\n"),
    ];
    for (name, talk, pdus) in [("s7comm", s7comm(), 32), ("dnp3", dnp3(), 36)] {
        for port in [talk.server.port, 44_444] {
            let mut greeted = talk.clone();
            greeted.server.port = port;
            greeted.said.splice(..0, before.clone());

            for cut in [usize::MAX, 7] {
                let seen = replay(&greeted.frames(|len| (cut..len).step_by(cut).collect()));
                assert_eq!(
                    pdus,
                    seen.pdus.len(),
                    "{name} on {port}, in {cut}: {:?}",
                    seen.counters
                );
            }
        }
    }
}

/// ROC Plus has the checksum of Modbus RTU, and its group 2 in the place of a function:
/// destination, source, opcode, length, data (ROC Plus Protocol Specification, 2).
#[test]
fn messages_of_roc_plus_are_not_modbus_rtu() {
    let message = |to_device: bool, opcode: u8, data: &[u8]| {
        let (to, from) = if to_device { ([1, 2], [3, 4]) } else { ([3, 4], [1, 2]) };
        let head = [&to[..], &from, &[opcode, data.len() as u8], data].concat();
        let crc = head.iter().fold(0xffffu16, |crc, byte| {
            (0..8).fold(crc ^ u16::from(*byte), |crc, _| {
                if crc & 1 == 1 { crc >> 1 ^ 0xa001 } else { crc >> 1 }
            })
        });
        [&head[..], &crc.to_le_bytes()].concat()
    };
    // Its requests without data look like reads of bits, its empty answers like their values.
    for both in [true, false] {
        let said = (0..40u8).flat_map(|n| {
            let data: Vec<u8> = (0..20 + n).collect();
            let opcode = [6, 7, 5, 17][usize::from(n % 4)];
            let answer = message(both, opcode, if n % 3 == 0 { &[] } else { &data });
            [asks(message(true, opcode, &[])), tells(answer)]
        });
        let seen = replay(&Talk::new(4_000, said.collect()).whole());
        assert_eq!(0, seen.pdus.len(), "{:?}", seen.pdus);
    }
}

/// A sensor may see an answer before its request.
#[test]
fn an_answer_seen_early_shifts_no_later_one_to_the_request_before() {
    let read = |n: u8| vec![0, 3, 0, 0, 0, 6, 1, 3, 0, n, 0, 1];
    let answer = |n: u8| vec![0, 3, 0, 0, 0, 5, 1, 3, 2, 0, n];
    let said = (10..20).flat_map(|n| [asks(read(n)), tells(answer(n))]).collect();
    let mut frames = Talk::new(502, said).whole();
    let request = frames.iter().position(|frame| frame.bytes.ends_with(&read(14))).unwrap();
    let response = frames.iter().position(|frame| frame.bytes.ends_with(&answer(14))).unwrap();
    frames.swap(request, response);

    let seen = replay(&frames);

    for n in (10..20).filter(|n| *n != 14) {
        let pair = format!("\"target\":\"hr:{n}\",\"quantity\":1,\"values\":[{n}]");
        assert_eq!(1, seen.count(&pair), "{n}: {:?}", seen.pdus);
    }
}

#[test]
fn lossy_replays_of_captures_invent_no_write() {
    let folders = ["public/modbus", "public/s7comm", "public/dnp3", "lab"];
    for path in folders.iter().flat_map(|folder| captures_of(folder)) {
        let frames = frames_of(&path, 2_000);
        let original = changes(&replay(&frames));
        for (seed, per_mille) in [(1, 1), (2, 10), (3, 100)] {
            let kept = lossy(&frames, per_mille, &mut Random::new(seed));
            let seen = replay(&kept);

            let invented: Vec<_> = changes(&seen).difference(&original).cloned().collect();
            assert!(invented.is_empty(), "{}, {per_mille} in 1000: {invented:?}", path.display());
            assert_eq!(kept.len() as u64, seen.counter("frames"), "{}", path.display());
        }
    }
}

#[test]
fn the_same_frames_give_the_same_log() {
    for (name, talk, _) in talks() {
        let frames = lossy(&talk.frames(|len| vec![len / 2]), 30, &mut Random::new(7));

        assert_eq!(replay(&frames).pdus, replay(&frames).pdus, "{name}");
    }
}

#[test]
fn a_capture_that_ends_early_keeps_what_it_has() {
    for (name, talk, _) in talks() {
        let whole = talk.whole();
        let all = replay(&whole).rows();
        for end in 8..whole.len() {
            let rows = replay(&whole[..end]).rows();

            assert_eq!(None, differing(&all[..rows.len()], &rows), "{name} up to frame {end}");
        }
    }
}

#[test]
fn a_clock_that_jumps_is_counted_and_breaks_nothing() {
    let mut frames = modbus().whole();
    let half = frames.len() / 2;
    for frame in &mut frames[half..] {
        frame.time_ns -= 3_600_000_000_000;
    }
    let seen = replay(&frames);

    assert_eq!(
        (48, (frames.len() - half) as u64),
        (seen.pdus.len(), seen.counter("time_backwards"))
    );
    let ends = [i64::MIN, i64::MAX, 0, i64::MIN, i64::MAX];
    let frames: Vec<Owned> = modbus()
        .whole()
        .into_iter()
        .zip(ends.iter().cycle())
        .map(|(frame, time_ns)| owned(*time_ns, frame.bytes))
        .collect();
    assert_eq!(frames.len() as u64, replay(&frames).counter("frames"));
}
