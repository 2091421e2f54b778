//! One conversation in tunnels, each direction with a number of its own, is one flow.

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

use traffic::{End, Owned, ip, modbus, owned, replay, udp};

const SWITCH: End = End { ip: [192, 0, 2, 1], port: 49_152 };
const SENSOR: [u8; 4] = [192, 0, 2, 2];

/// Puts each frame into what `tunnel` makes of its number, its bytes, and of who sent it.
fn wrapped(tunnel: impl Fn(u16, &[u8], bool) -> Vec<u8>) -> Vec<Owned> {
    let talk = modbus();
    let sent = |frame: &Owned| frame.bytes[26..30] == talk.client.ip;
    let frames = talk.whole().into_iter().zip(1..);
    frames.map(|(frame, id)| owned(frame.time_ns, tunnel(id, &frame.bytes, sent(&frame)))).collect()
}

fn assert_one_flow(frames: &[Owned]) {
    let counts = |frames: &[Owned]| {
        let seen = replay(frames);
        let named = ["identified_flows", "transactions", "unanswered"];
        (seen.pdus.len(), named.map(|name| seen.counter(name)))
    };

    assert_eq!(counts(&modbus().whole()), counts(frames));
    assert_eq!((48, [1, 24, 0]), counts(frames));
}

#[test]
fn a_mirror_with_a_vxlan_identifier_for_each_direction_shows_one_flow() {
    assert_one_flow(&wrapped(|id, frame, by_client| {
        let head = [8, 0, 0, 0, 0, 0, if by_client { 1 } else { 2 }, 0];
        let to = End { ip: SENSOR, port: 4_789 };
        udp(SWITCH, to, id, &[&head, frame].concat())
    }));
}

#[test]
fn a_mirror_with_an_erspan_session_for_each_direction_shows_one_flow() {
    assert_one_flow(&wrapped(|id, frame, by_client| {
        let session = if by_client { 1 } else { 2 };
        let gre = [0x10, 0, 0x88, 0xbe, 0, 0, 0, id as u8];
        let erspan = [0x10, 7, 0, session, 0, 0, 0, 1];
        ip(SWITCH.ip, SENSOR, 47, id, &[&gre[..], &erspan, frame].concat())
    }));
}

#[test]
fn a_users_packets_with_a_gtp_endpoint_for_each_direction_are_one_flow() {
    assert_one_flow(&wrapped(|id, frame, by_client| {
        let packet = &frame[14..];
        let [high, low] = (packet.len() as u16).to_be_bytes();
        let head = [0x30, 0xff, high, low, 0, 0, 0, u8::from(by_client)];
        let end = |last| End { ip: [192, 0, 2, last], port: 2_152 };
        let (from, to) = if by_client { (end(1), end(2)) } else { (end(2), end(1)) };
        udp(from, to, id, &[&head, packet].concat())
    }));
}
