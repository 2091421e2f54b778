//! Capture files of every form, whole and damaged, are read as far as they are sound.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test makes its own files, and one that fails may panic"
)]

use std::io::Write;
use std::path::PathBuf;

use engine::capture::{FileFacts, Input, Problem, Timeline};

mod compressed;
mod corpus;
mod damaged;
mod pcap;
mod pcapng;
mod timeline;

#[path = "../harness/captures.rs"]
mod captures;

const SECOND: i64 = 1_000_000_000;
/// The second of the first frame.
const START: u32 = 1_500_000_000;

/// A folder that is removed again.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("otmon-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// A frame as it was read, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    file: u32,
    number: u64,
    time_ns: i64,
    interface: u32,
    link_type: u16,
    original_len: u32,
    bytes: Vec<u8>,
}

fn read_all(timeline: &mut Timeline) -> Vec<Seen> {
    let mut all = Vec::new();
    while let Some(frame) = timeline.next() {
        all.push(Seen {
            file: frame.file,
            number: frame.number,
            time_ns: frame.time_ns,
            interface: frame.interface,
            link_type: frame.link_type,
            original_len: frame.original_len,
            bytes: frame.bytes.to_vec(),
        });
    }
    all
}

/// Reads one file of these bytes.
fn read(name: &str, bytes: &[u8]) -> (Vec<Seen>, FileFacts) {
    let folder = Folder::new(name);
    let path = folder.file("capture", bytes);
    let mut timeline = Timeline::open(vec![Input::Path(path)]).unwrap();
    let frames = read_all(&mut timeline);
    (frames, timeline.files()[0].clone())
}

/// Why a file of these bytes is not read.
fn refused(name: &str, bytes: &[u8]) -> Problem {
    let folder = Folder::new(name);
    let path = folder.file("capture", bytes);
    Timeline::open(vec![Input::Path(path)]).unwrap_err().problem
}

/// Numbers in one byte order.
#[derive(Clone, Copy, Debug)]
struct Order {
    big: bool,
}

const LITTLE: Order = Order { big: false };
const BIG: Order = Order { big: true };

impl Order {
    fn half(self, value: u16) -> [u8; 2] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn word(self, value: u32) -> [u8; 4] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn words(self, values: &[u32]) -> Vec<u8> {
        values.iter().flat_map(|value| self.word(*value)).collect()
    }

    fn long(self, value: u64) -> [u8; 8] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn pcap_header(self, magic: u32, version: (u16, u16), snap_len: u32, link: u32) -> Vec<u8> {
        let version = [self.half(version.0), self.half(version.1)].concat();
        [&self.word(magic)[..], &version, &self.words(&[0, 0, snap_len, link])].concat()
    }

    fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let padding = vec![0; body.len().next_multiple_of(4) - body.len()];
        let length = self.word((12 + body.len() + padding.len()) as u32);
        [&self.word(kind)[..], &length, body, &padding, &length].concat()
    }

    fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
        let padding = vec![0; value.len().next_multiple_of(4) - value.len()];
        [&self.half(code)[..], &self.half(value.len() as u16), value, &padding].concat()
    }

    fn section(self) -> Vec<u8> {
        let body =
            [&self.word(0x1a2b_3c4d)[..], &self.half(1), &self.half(0), &self.long(u64::MAX)];
        self.block(0x0a0d_0d0a, &body.concat())
    }

    fn interface(self, link_type: u16, snap_len: u32, options: &[u8]) -> Vec<u8> {
        let body = [&self.half(link_type)[..], &self.half(0), &self.word(snap_len), options];
        self.block(1, &body.concat())
    }

    fn packet(self, interface: u32, stamp: u64, bytes: &[u8], options: &[u8]) -> Vec<u8> {
        let length = bytes.len() as u32;
        let words = [interface, (stamp >> 32) as u32, stamp as u32, length, length];
        let padding = vec![0; bytes.len().next_multiple_of(4) - bytes.len()];
        self.block(6, &[&self.words(&words), bytes, &padding, options].concat())
    }
}

/// What frame `index` carries: between 40 and 107 bytes.
fn payload(index: u32) -> Vec<u8> {
    (0..40 + index * 13 % 68).map(|at| (at * 7 + index) as u8).collect()
}

/// A pcap file of microseconds with `count` frames, one each second.
fn pcap(order: Order, count: u32) -> Vec<u8> {
    let mut file = order.pcap_header(0xa1b2_c3d4, (2, 4), 65_535, 1);
    for index in 0..count {
        file.extend(pcap_record(order, START + index, &payload(index)));
    }
    file
}

fn pcap_record(order: Order, second: u32, bytes: &[u8]) -> Vec<u8> {
    let length = bytes.len() as u32;
    [&order.words(&[second, 7, length, length])[..], bytes].concat()
}

/// The same as pcapng.
fn pcapng(order: Order, count: u32) -> Vec<u8> {
    let mut file = [order.section(), order.interface(1, 0, &[])].concat();
    for index in 0..count {
        let stamp = u64::from(START + index) * 1_000_000 + 7;
        file.extend(order.packet(0, stamp, &payload(index), &[]));
    }
    file
}

/// The frames of [`pcap`] and [`pcapng`].
fn expected(count: u32) -> Vec<Seen> {
    (0..count)
        .map(|index| Seen {
            file: 0,
            number: u64::from(index) + 1,
            time_ns: i64::from(START + index) * SECOND + 7_000,
            interface: 0,
            link_type: 1,
            original_len: payload(index).len() as u32,
            bytes: payload(index),
        })
        .collect()
}

fn contents(frames: &[Seen]) -> Vec<&[u8]> {
    frames.iter().map(|frame| &frame.bytes[..]).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}
