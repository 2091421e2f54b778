//! Traffic made for tests: frames, streams of three protocols, and what an engine
//! makes of them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use engine::capture::{Frame, Timeline, expand};
use engine::{Engine, Options, PduLogging};

pub const SYN: u8 = 2;
pub const ACK: u8 = 16;
pub const FIN: u8 = 1;

/// A frame that owns its bytes.
#[derive(Clone, Debug)]
pub struct Owned {
    pub time_ns: i64,
    pub link_type: u16,
    pub original_len: u32,
    pub bytes: Vec<u8>,
}

/// Small numbers that look random and are the same on every run (xorshift).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    /// True once in `n`.
    pub fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// The seeds of a soak: `fixed` of them in the suite, and as many as `OTMON_SOAK_SECONDS`
/// have room for where that is set; from `OTMON_SOAK_SEED` on. At the end it says how many.
pub fn seeds(what: &str, fixed: u64) -> impl Iterator<Item = u64> {
    let setting = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let first = setting("OTMON_SOAK_SEED").unwrap_or(1);
    let room = setting("OTMON_SOAK_SECONDS").map(Duration::from_secs);
    let (start, what) = (Instant::now(), what.to_owned());
    (first..).take_while(move |seed| {
        let rounds = seed - first;
        let goes_on = room.map_or(rounds < fixed, |room| start.elapsed() < room);
        if !goes_on {
            println!("{what}: {rounds} rounds in {:.0?}", start.elapsed());
        }
        goes_on
    })
}

/// An end of a conversation.
#[derive(Clone, Copy, Debug)]
pub struct End {
    pub ip: [u8; 4],
    pub port: u16,
}

/// An Ethernet frame with an IPv4 packet.
pub fn ip(source: [u8; 4], destination: [u8; 4], protocol: u8, id: u16, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, destination[3], 2, 0, 0, 0, 0, source[3], 8, 0, 0x45, 0];
    frame.extend((body.len() as u16 + 20).to_be_bytes());
    frame.extend(id.to_be_bytes());
    frame.extend([0x40, 0, 64, protocol, 0, 0]);
    frame.extend(source);
    frame.extend(destination);
    frame.extend(body);
    frame
}

/// An Ethernet frame with a TCP segment.
pub fn tcp(
    from: End,
    to: End,
    sequence: u32,
    acknowledgement: u32,
    flags: u8,
    payload: &[u8],
) -> Vec<u8> {
    let mut body = Vec::with_capacity(20 + payload.len());
    body.extend(from.port.to_be_bytes());
    body.extend(to.port.to_be_bytes());
    body.extend(sequence.to_be_bytes());
    body.extend(acknowledgement.to_be_bytes());
    body.extend([0x50, flags, 0x20, 0, 0, 0, 0, 0]);
    body.extend(payload);
    let id = sequence.wrapping_mul(31).wrapping_add(u32::from(flags)) as u16;
    ip(from.ip, to.ip, 6, id, &body)
}

/// An Ethernet frame with a UDP datagram.
pub fn udp(from: End, to: End, id: u16, payload: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(8 + payload.len());
    body.extend(from.port.to_be_bytes());
    body.extend(to.port.to_be_bytes());
    body.extend((payload.len() as u16 + 8).to_be_bytes());
    body.extend([0, 0]);
    body.extend(payload);
    ip(from.ip, to.ip, 17, id, &body)
}

/// One piece of a conversation, before it is put into segments.
#[derive(Clone, Debug)]
pub struct Said {
    pub by_client: bool,
    pub bytes: Vec<u8>,
}

pub fn asks(bytes: impl Into<Vec<u8>>) -> Said {
    Said { by_client: true, bytes: bytes.into() }
}

pub fn tells(bytes: impl Into<Vec<u8>>) -> Said {
    Said { by_client: false, bytes: bytes.into() }
}

/// A conversation over TCP: two ends, and what they say in turn.
#[derive(Clone, Debug)]
pub struct Talk {
    pub client: End,
    pub server: End,
    pub said: Vec<Said>,
    /// Sequence numbers begin so that they wrap on the way.
    pub first_sequence: u32,
    pub handshake: bool,
}

impl Talk {
    pub fn new(port: u16, said: Vec<Said>) -> Self {
        Self {
            client: End { ip: [10, 0, 0, 1], port: 40_001 },
            server: End { ip: [10, 0, 0, 2], port },
            said,
            first_sequence: u32::MAX - 40,
            handshake: true,
        }
    }

    /// Frames of the talk, each message cut into segments by `cut`: of a message's
    /// length the ends of its segments.
    pub fn frames(&self, mut cut: impl FnMut(usize) -> Vec<usize>) -> Vec<Owned> {
        let mut frames = Vec::new();
        let mut time_ns = 1_700_000_000_000_000_000;
        let mut push = |bytes: Vec<u8>| {
            time_ns += 1_000_000;
            frames.push(owned(time_ns, bytes));
        };
        let (client, server) = (self.client, self.server);
        let (mut sent, mut told) = (self.first_sequence, self.first_sequence.wrapping_add(5_000));
        if self.handshake {
            push(tcp(client, server, sent, 0, SYN, &[]));
            push(tcp(server, client, told, sent.wrapping_add(1), SYN | ACK, &[]));
        }
        sent = sent.wrapping_add(1);
        told = told.wrapping_add(1);
        for said in &self.said {
            let mut start = 0;
            let mut ends = cut(said.bytes.len());
            ends.push(said.bytes.len());
            for end in ends {
                let part = &said.bytes[start..end];
                if part.is_empty() {
                    continue;
                }
                if said.by_client {
                    push(tcp(client, server, sent, told, ACK, part));
                    sent = sent.wrapping_add(part.len() as u32);
                } else {
                    push(tcp(server, client, told, sent, ACK, part));
                    told = told.wrapping_add(part.len() as u32);
                }
                start = end;
            }
        }
        push(tcp(client, server, sent, told, FIN | ACK, &[]));
        push(tcp(server, client, told, sent.wrapping_add(1), FIN | ACK, &[]));
        frames
    }

    /// One segment for each message.
    pub fn whole(&self) -> Vec<Owned> {
        self.frames(|_| Vec::new())
    }
}

pub fn owned(time_ns: i64, bytes: Vec<u8>) -> Owned {
    Owned { time_ns, link_type: 1, original_len: bytes.len() as u32, bytes }
}

/// What an engine made of frames.
pub struct Seen {
    /// The PDU log, in its order.
    pub pdus: Vec<String>,
    pub counters: BTreeMap<String, u64>,
}

impl Seen {
    pub fn counter(&self, name: &str) -> u64 {
        self.counters.get(name).copied().unwrap_or_default()
    }

    /// What the PDUs say, without where and when: it must not depend on how the
    /// bytes were cut into segments.
    pub fn rows(&self) -> Vec<String> {
        self.pdus.iter().map(|line| meaning(line)).collect()
    }

    /// How many PDUs have `"key":value`.
    pub fn count(&self, text: &str) -> usize {
        self.pdus.iter().filter(|line| line.contains(text)).count()
    }
}

/// A line of the PDU log without frames and times.
fn meaning(line: &str) -> String {
    let from_flow = line.split_once("\"transport\"").map_or(line, |(_, rest)| rest);
    let mut kept = String::new();
    for part in from_flow.split(",\"") {
        let volatile = ["transaction\":", "latency_ms\":"];
        if !volatile.iter().any(|name| part.starts_with(name)) {
            kept.push_str(part);
            kept.push('|');
        }
    }
    kept
}

/// Runs an engine with a PDU log over frames.
pub fn replay<'a>(frames: impl IntoIterator<Item = &'a Owned>) -> Seen {
    replay_with(
        frames,
        Options { pdu_log: PduLogging::Only, keep_duplicates: true, ..Options::default() },
    )
}

pub fn replay_with<'a>(frames: impl IntoIterator<Item = &'a Owned>, options: Options) -> Seen {
    let mut engine = Engine::new(options);
    let mut log = Vec::new();
    for (number, frame) in (1..).zip(frames) {
        engine.push(&frame_of(frame, number));
        if number % 512 == 0 {
            log.extend(engine.take_pdus());
            drop(engine.drain());
        }
    }
    engine.finish();
    log.extend(engine.take_pdus());
    let pdus = String::from_utf8(log).unwrap().lines().map(str::to_owned).collect();
    Seen { pdus, counters: engine.counters().named() }
}

pub fn frame_of(frame: &Owned, number: u64) -> Frame<'_> {
    Frame {
        time_ns: frame.time_ns,
        file: 0,
        line: 0,
        number,
        interface: 0,
        link_type: frame.link_type,
        original_len: frame.original_len,
        bytes: &frame.bytes,
    }
}

/// The folder of third-party captures, where there is one.
pub fn captures() -> Option<PathBuf> {
    let default = || PathBuf::from("../../shared/corpus");
    let folder = std::env::var_os("OTMON_CAPTURES").map_or_else(default, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    let required = std::env::var_os("OTMON_REQUIRE_CAPTURES").is_some_and(|value| value == "1");
    assert!(!required, "{} has the captures and is not there", folder.display());
    println!("skipped: no captures in {}", folder.display());
    None
}

/// The captures of a folder below [`captures`], by name.
pub fn captures_of(folder: &str) -> Vec<PathBuf> {
    let Some(all) = captures() else { return Vec::new() };
    let Ok(entries) = std::fs::read_dir(all.join(folder)) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|kind| kind != "json"))
        .collect();
    paths.sort();
    paths
}

/// The frames of a capture, as many as `limit`.
pub fn frames_of(path: &PathBuf, limit: usize) -> Vec<Owned> {
    let Ok(inputs) = expand(std::slice::from_ref(path)) else { return Vec::new() };
    let Ok(mut timeline) = Timeline::open(inputs) else { return Vec::new() };
    let mut frames = Vec::new();
    while frames.len() < limit
        && let Some(frame) = timeline.next()
    {
        frames.push(Owned {
            time_ns: frame.time_ns,
            link_type: frame.link_type,
            original_len: frame.original_len,
            bytes: frame.bytes.to_vec(),
        });
    }
    frames
}

/// Modbus: reads, writes and an exception, as a client in the field sends them.
pub fn modbus() -> Talk {
    let header = |id: u16, pdu: &[u8]| {
        let [high, low] = id.to_be_bytes();
        let mut bytes = vec![high, low, 0, 0, 0, pdu.len() as u8 + 1, 1];
        bytes.extend(pdu);
        bytes
    };
    let mut said = Vec::new();
    for id in 0..6u16 {
        said.push(asks(header(id * 4, &[3, 0, 100, 0, 10])));
        let mut registers = vec![3, 20];
        registers.extend((0..20).map(|n| n + id as u8));
        said.push(tells(header(id * 4, &registers)));
        said.push(asks(header(id * 4 + 1, &[6, 0, 7, 0, id as u8])));
        said.push(tells(header(id * 4 + 1, &[6, 0, 7, 0, id as u8])));
        said.push(asks(header(id * 4 + 2, &[16, 0, 5, 0, 2, 4, 0, 7, 1, id as u8])));
        said.push(tells(header(id * 4 + 2, &[16, 0, 5, 0, 2])));
        said.push(asks(header(id * 4 + 3, &[1, 0xff, 0xf0, 0, 8])));
        said.push(tells(header(id * 4 + 3, &[0x81, 2])));
    }
    Talk::new(502, said)
}

/// S7comm: connection, set-up, then reads and writes of a data block.
pub fn s7comm() -> Talk {
    let tpkt = |cotp: &[u8]| {
        let mut bytes = vec![3, 0, 0, cotp.len() as u8 + 4];
        bytes.extend(cotp);
        bytes
    };
    let s7 = |kind: u8, reference: u8, parameter: &[u8], rest: &[u8]| {
        let mut bytes = vec![2, 0xf0, 0x80, 0x32, kind, 0, 0, 0, reference];
        bytes.extend([0, parameter.len() as u8, 0, rest.len() as u8]);
        if kind == 3 {
            bytes.extend([0, 0]);
        }
        bytes.extend(parameter);
        bytes.extend(rest);
        tpkt(&bytes)
    };
    let mut said = vec![
        asks(tpkt(&[17, 0xe0, 0, 0, 0, 1, 0, 0xc0, 1, 10, 0xc1, 2, 1, 0, 0xc2, 2, 1, 2])),
        tells(tpkt(&[17, 0xd0, 0, 1, 0, 2, 0, 0xc0, 1, 10, 0xc1, 2, 1, 0, 0xc2, 2, 1, 2])),
        asks(s7(1, 0, &[0xf0, 0, 0, 1, 0, 1, 1, 0xe0], &[])),
        tells(s7(3, 0, &[0xf0, 0, 0, 1, 0, 1, 0, 0xf0], &[])),
    ];
    for n in 1..8u8 {
        let item = [0x12, 10, 0x10, 2, 0, 4, 0, 1, 0x84, 0, 0, n * 8];
        let read = [&[4, 1][..], &item].concat();
        said.push(asks(s7(1, n * 2, &read, &[])));
        said.push(tells(s7(3, n * 2, &[4, 1], &[0xff, 4, 0, 32, 1, 2, 3, n])));
        let write = [&[5, 1][..], &item].concat();
        said.push(asks(s7(1, n * 2 + 1, &write, &[0, 4, 0, 32, 9, 9, 9, n])));
        said.push(tells(s7(3, n * 2 + 1, &[5, 1], &[0xff])));
    }
    Talk::new(102, said)
}

/// DNP3: integrity polls, a select and operate, and answers of two transport
/// segments.
pub fn dnp3() -> Talk {
    let mut said = Vec::new();
    for n in 0..6u8 {
        let sequence = n * 3 % 16;
        said.push(asks(dnp3_link(true, &[&[0xc0 | n, 0xc0 | sequence, 1, 60, 2, 6]])));
        // Binary inputs with flags, 200 of them: two segments.
        let mut answer = vec![0xc0 | sequence, 129, 0, 0, 1, 2, 0, 0, 199];
        answer.extend((0..200u8).map(|bit| if bit % 3 == n % 3 { 0x81 } else { 1 }));
        let (front, back) = answer.split_at(200);
        let first = [&[0x40 | (n * 2)][..], front].concat();
        let second = [&[0x80 | (n * 2 + 1)][..], back].concat();
        said.push(tells(dnp3_link(false, &[&first, &second])));
        for (step, function) in [(1, 3), (2, 4)] {
            let sequence = (sequence + step) % 16;
            let crob = [12, 1, 0x17, 1, n, 3, 1, 100, 0, 0, 0, 100, 0, 0, 0, 0];
            let ask = [&[0xc0 | (n + step), 0xc0 | sequence, function][..], &crob].concat();
            said.push(asks(dnp3_link(true, &[&ask])));
            let tell = [&[0xc0 | (n * 2 + step), 0xc0 | sequence, 129, 0, 0][..], &crob].concat();
            said.push(tells(dnp3_link(false, &[&tell])));
        }
    }
    Talk::new(20_000, said)
}

/// Link frames around transport segments, with their checksums.
fn dnp3_link(from_master: bool, segments: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for segment in segments {
        let control = if from_master { 0xc4 } else { 0x44 };
        let (to, from) = if from_master { (10, 1) } else { (1, 10) };
        let header = [5, 0x64, segment.len() as u8 + 5, control, to, 0, from, 0];
        bytes.extend(header);
        bytes.extend(dnp3_crc(&header).to_le_bytes());
        for block in segment.chunks(16) {
            bytes.extend(block);
            bytes.extend(dnp3_crc(block).to_le_bytes());
        }
    }
    bytes
}

/// CRC-16/DNP (IEEE 1815, 9.2.4.3).
fn dnp3_crc(bytes: &[u8]) -> u16 {
    let mut crc = 0u16;
    for byte in bytes {
        crc ^= u16::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xa6bc } else { crc >> 1 };
        }
    }
    !crc
}
