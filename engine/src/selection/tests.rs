//! Frames are picked out of a file of one's own making.

use std::io::Write as _;
use std::path::PathBuf;

use super::{Bounds, Reason, Selection, Wanted, both_ends, from_outside_in, select};
use crate::capture::writer::{Source, Writer, Written};

const BOUNDS: Bounds = Bounds { context: 2, frames: 200, bytes: 1 << 20 };
/// Frames of the flow that the tests look at have odd numbers: another runs beside it.
const PORTS: [u16; 2] = [1000, 2000];

/// A TCP segment of a client at `port`, or of its server, with as many bytes of payload.
fn segment(port: u16, from_client: bool, flags: u8, payload: usize) -> Vec<u8> {
    let (client, server) = ([10, 0, 0, 1], [10, 0, 0, 2]);
    let (source, destination) = if from_client { (client, server) } else { (server, client) };
    let ports = if from_client { [port, 502] } else { [502, port] };
    let mut frame = vec![0u8; 12];
    frame.extend([8, 0, 0x45, 0]);
    frame.extend(u16::try_from(payload.saturating_add(40)).unwrap().to_be_bytes());
    frame.extend([0, 1, 0, 0, 64, 6, 0, 0]);
    frame.extend(source);
    frame.extend(destination);
    frame.extend(ports.iter().flat_map(|port| port.to_be_bytes()));
    frame.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 0, 100, 0, 0, 0, 0]);
    frame.extend(vec![0x55; payload]);
    frame
}

/// Two connections side by side: three frames that open each, then twenty of data.
fn capture(name: &str, payload: usize) -> PathBuf {
    let mut writer = Writer::new("", "test");
    let source = Source { link_type: 1, name: None, description: "a test".into() };
    let opening = [(true, 2), (false, 0x12), (true, 0x10)];
    let data = (0..20).map(|turn| (turn % 2 == 0, 0x18));
    let mut times = 1i64..;
    for (turn, (from_client, flags)) in opening.into_iter().chain(data).enumerate() {
        for port in PORTS {
            let size = if turn < 3 { 0 } else { payload };
            let bytes = segment(port, from_client, flags, size);
            let time_ns = times.next().unwrap();
            let original_len = u32::try_from(bytes.len()).unwrap();
            writer.frame(&source, Written { time_ns, original_len, bytes: &bytes, comment: "" });
        }
    }
    let path = std::env::temp_dir().join(format!("otmon-{}-{name}.pcapng", std::process::id()));
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).open(&path).unwrap();
    file.write_all(&writer.finish()).unwrap();
    path
}

fn of(name: &str, payload: usize, frames: &[u64], bounds: Bounds) -> Selection {
    let path = capture(name, payload);
    let found = select(&[Wanted { path: path.clone(), frames: frames.to_vec() }], bounds);
    std::fs::remove_file(path).unwrap();
    found.unwrap()
}

fn numbers(selection: &Selection, reason: Reason) -> Vec<u64> {
    let own = selection.frames.iter().filter(|frame| frame.reason == reason);
    own.map(|frame| frame.number).collect()
}

#[test]
fn a_frame_comes_with_its_neighbours_in_the_flow_and_its_handshake() {
    let found = of("context", 10, &[21], BOUNDS);

    assert_eq!(vec![21], numbers(&found, Reason::Wanted));
    assert_eq!(vec![17, 19, 23, 25], numbers(&found, Reason::Context));
    assert_eq!(vec![1, 3, 5], numbers(&found, Reason::Handshake));
    assert_eq!((0, 0), (found.missing_count, found.left_out_count));
}

#[test]
fn frames_that_are_not_there_are_missing() {
    let found = of("missing", 10, &[45, 400], BOUNDS);

    assert_eq!(vec![45], numbers(&found, Reason::Wanted));
    assert_eq!(1, found.missing_count);
}

#[test]
fn context_gives_way_before_evidence() {
    let found = of("few", 10, &[7, 9, 11], Bounds { frames: 4, ..BOUNDS });

    assert_eq!(vec![7, 9, 11], numbers(&found, Reason::Wanted));
    assert_eq!(vec![1], numbers(&found, Reason::Handshake));
    assert_eq!(4, found.left_out_count, "5, 3, 13, 15");
}

#[test]
fn of_much_evidence_the_beginning_and_the_end_are_kept() {
    let all: Vec<u64> = (4..=23).map(|turn| turn * 2 - 1).collect();
    let found = of("bytes", 1000, &all, Bounds { bytes: 4 * 1054 + 500, ..BOUNDS });

    assert_eq!(vec![7, 9, 43, 45], numbers(&found, Reason::Wanted));
    assert_eq!(vec![1, 3, 5], numbers(&found, Reason::Handshake));
}

#[test]
fn a_long_list_keeps_its_beginning_and_its_end() {
    let list: Vec<u64> = (0..100).collect();

    assert_eq!(vec![0, 1, 2, 3, 4, 5, 98, 99], both_ends(&list, 8).collect::<Vec<_>>());
    assert_eq!(list, both_ends(&list, 100).collect::<Vec<_>>());
    assert_eq!(vec![4, 9, 5, 8, 6], from_outside_in(&[4, 5, 6, 8, 9]));
}

#[test]
fn a_file_that_cannot_be_read_is_an_error() {
    let path = PathBuf::from("no-such-file.pcapng");

    assert!(select(&[Wanted { path, frames: vec![1] }], BOUNDS).is_err());
}
