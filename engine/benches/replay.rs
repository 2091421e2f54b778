//! How many packets a second each stage of the engine carries.
//!
//! ```text
//! OTMON_BENCH=big.pcap cargo bench -p engine
//! ```
//!
//! Prints one line per stage: what all stages up to it cost, and what it adds.
//! `OTMON_BENCH` names a capture; without it a plant of 2,000 Modbus flows is
//! made. With `OTMON_BENCH_COUNTERS` the engine's counters follow.

use std::hint::black_box;
use std::time::{Duration, Instant};

use engine::capture::{Frame, Input, Timeline, expand};
use engine::counters::Counters;
use engine::decode::decode;
use engine::duplicate::DuplicateFilter;
use engine::limits::Limits;
use engine::{Engine, Options, PduLogging};

/// Runs of each stage; the fastest counts, since other programs only add.
const RUNS: u32 = 5;

/// A frame that owns its bytes.
struct Owned {
    time_ns: i64,
    number: u64,
    link_type: u16,
    original_len: u32,
    start: usize,
    end: usize,
}

/// Frames in memory, so that reading the file is measured apart.
#[derive(Default)]
struct Frames {
    bytes: Vec<u8>,
    frames: Vec<Owned>,
}

impl Frames {
    fn push(&mut self, frame: &Frame<'_>) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(frame.bytes);
        self.frames.push(Owned {
            time_ns: frame.time_ns,
            number: frame.number,
            link_type: frame.link_type,
            original_len: frame.original_len,
            start,
            end: self.bytes.len(),
        });
    }

    fn iter(&self) -> impl Iterator<Item = Frame<'_>> {
        self.frames.iter().map(|owned| Frame {
            time_ns: owned.time_ns,
            file: 0,
            line: 0,
            number: owned.number,
            interface: 0,
            link_type: owned.link_type,
            original_len: owned.original_len,
            bytes: self.bytes.get(owned.start..owned.end).unwrap_or_default(),
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures the clock on the wall")]
fn timed(mut run: impl FnMut()) -> Duration {
    let once = |run: &mut dyn FnMut()| {
        let start = Instant::now();
        run();
        start.elapsed()
    };
    (0..RUNS).map(|_| once(&mut run)).min().unwrap_or_default()
}

fn each(input: &Frames, mut stage: impl FnMut(&Frame<'_>)) -> Duration {
    timed(|| input.iter().for_each(|frame| stage(&frame)))
}

fn report(stage: &str, packets: usize, time: Duration, before: Duration) {
    let packets = f64::from(u32::try_from(packets).unwrap_or(u32::MAX));
    let ns = time.as_secs_f64() * 1e9 / packets;
    let added = ns - before.as_secs_f64() * 1e9 / packets;
    println!("{stage:<28} {:>8.2} M packets/s {ns:>8.1} ns {added:>+8.1} ns", 1e3 / ns);
}

fn main() {
    let mut input = Frames::default();
    let path = std::env::var_os("OTMON_BENCH");
    if let Some(path) = &path {
        let open = || {
            let inputs: Vec<Input> = expand(&[path.into()]).unwrap_or_default();
            Timeline::open(inputs)
        };
        let Ok(mut timeline) = open() else {
            println!("{} is not a capture.", path.display());
            return;
        };
        while let Some(frame) = timeline.next() {
            input.push(&frame);
        }
        let read = timed(|| {
            if let Ok(mut timeline) = open() {
                while let Some(frame) = timeline.next() {
                    black_box(frame.bytes.len());
                }
            }
        });
        report("capture alone", input.frames.len(), read, Duration::ZERO);
    } else {
        plant(&mut input);
    }
    let packets = input.frames.len();
    let empty = each(&input, |frame| {
        black_box(frame.bytes.first());
    });
    report("frames in memory", packets, empty, Duration::ZERO);
    let mut counters = Counters::new();
    let decoded = each(&input, |frame| {
        black_box(decode(frame.link_type, frame.bytes, frame.original_len, &mut counters));
    });
    report("+ decode", packets, decoded, empty);
    let filtered = timed(|| {
        let mut filter = DuplicateFilter::new(&Limits::default());
        for frame in input.iter() {
            let packet = decode(frame.link_type, frame.bytes, frame.original_len, &mut counters);
            black_box(filter.is_duplicate(&packet, frame.time_ns, &mut counters));
        }
    });
    report("+ duplicate", packets, filtered, decoded);
    let run = |keep_duplicates, pdu_log| {
        let mut engine = Engine::new(Options { keep_duplicates, pdu_log, ..Options::default() });
        for (n, frame) in input.iter().enumerate() {
            engine.push(&frame);
            if n % 4096 == 0 {
                black_box(engine.drain());
                black_box(engine.take_pdus());
            }
        }
        engine.finish();
        black_box(engine.drain());
        engine
    };
    let whole = timed(|| drop(run(false, PduLogging::Off)));
    report("+ flow to observer", packets, whole, filtered);
    let kept = timed(|| drop(run(true, PduLogging::Off)));
    report("  without duplicate", packets, kept, whole);
    let logged = timed(|| drop(run(false, PduLogging::Only)));
    report("  with the PDU log", packets, logged, whole);
    if std::env::var_os("OTMON_BENCH_COUNTERS").is_some() {
        for (name, count) in run(false, PduLogging::Off).counters().named() {
            if count > 0 {
                println!("{name} {count}");
            }
        }
    }
}

/// Polls of 2,000 clients, 400 packets each: request, answer and both
/// acknowledgements, from the handshake on.
fn plant(input: &mut Frames) {
    const FLOWS: u32 = 2_000;
    const ROUNDS: u32 = 100;
    let mut number = 0u64;
    let mut push = |time_ns: i64, bytes: &[u8]| {
        number = number.wrapping_add(1);
        input.push(&Frame {
            time_ns,
            file: 0,
            line: 0,
            number,
            interface: 0,
            link_type: 1,
            original_len: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            bytes,
        });
    };
    for round in 0..ROUNDS {
        for flow in 0..FLOWS {
            let time_ns = i64::from(round)
                .wrapping_mul(1_000_000_000)
                .wrapping_add(i64::from(flow).wrapping_mul(400_000));
            let [_, _, high, low] = flow.to_be_bytes();
            let client = [10, 1, high, low];
            let server = [10, 2, high, low];
            let (sent, answered) = (round.wrapping_mul(12), round.wrapping_mul(29));
            let [_, _, txid_high, txid_low] = round.to_be_bytes();
            let ask = [txid_high, txid_low, 0, 0, 0, 6, 1, 3, 0, 100, 0, 10];
            let mut tell = vec![txid_high, txid_low, 0, 0, 0, 23, 1, 3, 20];
            tell.resize(29, low);
            let after = (sent.wrapping_add(12), answered.wrapping_add(29));
            if round == 0 {
                push(time_ns, &tcp(client, server, 40_000, 502, u32::MAX, 0, 2, &[]));
                push(time_ns, &tcp(server, client, 502, 40_000, u32::MAX, 0, 18, &[]));
            }
            push(time_ns, &tcp(client, server, 40_000, 502, sent, answered, 24, &ask));
            push(time_ns, &tcp(server, client, 502, 40_000, answered, after.0, 16, &[]));
            push(time_ns, &tcp(server, client, 502, 40_000, answered, after.0, 24, &tell));
            push(time_ns, &tcp(client, server, 40_000, 502, after.0, after.1, 16, &[]));
        }
    }
}

/// An Ethernet frame with a TCP segment.
#[expect(clippy::too_many_arguments, reason = "the fields of two headers")]
fn tcp(
    source: [u8; 4],
    destination: [u8; 4],
    source_port: u16,
    destination_port: u16,
    sequence: u32,
    acknowledgement: u32,
    flags: u8,
    payload: &[u8],
) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap_or_default().wrapping_add(40);
    let [id_high, id_low] = sequence.wrapping_add(u32::from(flags)).to_be_bytes().map(u16::from)
        [2..]
        .try_into()
        .unwrap_or([0, 0]);
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0];
    frame.extend(length.to_be_bytes());
    frame.extend((id_high << 8 | id_low).to_be_bytes());
    frame.extend([0, 0, 64, 6, 0, 0]);
    frame.extend(source);
    frame.extend(destination);
    frame.extend(source_port.to_be_bytes());
    frame.extend(destination_port.to_be_bytes());
    frame.extend(sequence.to_be_bytes());
    frame.extend(acknowledgement.to_be_bytes());
    frame.extend([0x50, flags, 4, 0, 0, 0, 0, 0]);
    frame.extend(payload);
    frame
}
