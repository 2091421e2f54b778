//! One hard case of traffic each, as hand-made segments.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test makes its own traffic"
)]

mod attempts;
mod clock;
mod delta;
mod early;
mod health;
mod identification;
mod points;
mod previous;
mod ranges;
mod requests;
mod rhythm;
mod spoof;
mod streams;

use super::*;

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;
const SECOND: i64 = 1_000_000_000;

/// A client, a server, and the engine between them.
struct Wire {
    engine: Engine,
    number: u64,
    time_ns: i64,
    client_port: u16,
    server_port: u16,
    log: String,
}

impl Wire {
    fn to_port(server_port: u16) -> Self {
        Self::with(server_port, PduLogging::Only)
    }

    /// One that makes observations instead of a log.
    fn observed(server_port: u16) -> Self {
        Self::with(server_port, PduLogging::Off)
    }

    fn with(server_port: u16, pdu_log: PduLogging) -> Self {
        let options = Options { pdu_log, keep_duplicates: true, ..Options::default() };
        Self {
            engine: Engine::new(options),
            number: 0,
            time_ns: 1_700_000_000 * SECOND,
            client_port: 40_000,
            server_port,
            log: String::new(),
        }
    }

    /// The same after the handshake: both sides' next byte is number 1.
    fn open(server_port: u16) -> Self {
        let mut wire = Self::to_port(server_port);
        wire.handshake();
        wire
    }

    fn handshake(&mut self) {
        self.client(0, 0, SYN, &[]);
        self.server(0, 1, SYN | ACK, &[]);
    }

    fn client(&mut self, sequence: u32, acknowledgement: u32, flags: u8, payload: &[u8]) {
        self.segment(true, sequence, acknowledgement, flags, payload, 0);
    }

    fn server(&mut self, sequence: u32, acknowledgement: u32, flags: u8, payload: &[u8]) {
        self.segment(false, sequence, acknowledgement, flags, payload, 0);
    }

    /// A segment whose last `cut` bytes were not captured.
    fn segment(
        &mut self,
        by_client: bool,
        sequence: u32,
        acknowledgement: u32,
        flags: u8,
        payload: &[u8],
        cut: usize,
    ) {
        let (ports, hosts) = if by_client {
            ((self.client_port, self.server_port), (1, 2))
        } else {
            ((self.server_port, self.client_port), (2, 1))
        };
        let mut body = Vec::new();
        body.extend(ports.0.to_be_bytes());
        body.extend(ports.1.to_be_bytes());
        body.extend(sequence.to_be_bytes());
        body.extend(acknowledgement.to_be_bytes());
        body.extend([0x50, flags, 16, 0, 0, 0, 0, 0]);
        body.extend(payload);
        self.packet(6, hosts, &body, cut);
    }

    fn datagram(&mut self, by_client: bool, payload: &[u8]) {
        let (ports, hosts) = if by_client {
            ((self.client_port, self.server_port), (1, 2))
        } else {
            ((self.server_port, self.client_port), (2, 1))
        };
        let mut body = Vec::new();
        body.extend(ports.0.to_be_bytes());
        body.extend(ports.1.to_be_bytes());
        body.extend((payload.len() as u16 + 8).to_be_bytes());
        body.extend([0, 0]);
        body.extend(payload);
        self.packet(17, hosts, &body, 0);
    }

    fn packet(&mut self, protocol: u8, hosts: (u8, u8), body: &[u8], cut: usize) {
        let mut bytes = vec![2, 0, 0, 0, 0, hosts.1, 2, 0, 0, 0, 0, hosts.0, 8, 0, 0x45, 0];
        bytes.extend((body.len() as u16 + 20).to_be_bytes());
        bytes.extend([0, 0, 0x40, 0, 64, protocol, 0, 0, 10, 0, 0, hosts.0, 10, 0, 0, hosts.1]);
        bytes.extend(body);
        self.number += 1;
        self.time_ns += 1_000_000;
        let original_len = bytes.len() as u32;
        bytes.truncate(bytes.len() - cut);
        self.engine.push(&Frame {
            time_ns: self.time_ns,
            file: 0,
            line: 0,
            number: self.number,
            interface: 0,
            link_type: 1,
            original_len,
            bytes: &bytes,
        });
    }

    /// Ends the input; the frames of all PDUs.
    fn frames(&mut self) -> Vec<String> {
        self.engine.finish();
        self.log.push_str(&String::from_utf8(self.engine.take_pdus()).unwrap());
        let frames = |line: &str| {
            let (_, rest) = line.split_once("\"frames\":").unwrap();
            rest.split_once(']').unwrap().0.trim_start_matches('[').to_owned()
        };
        self.log.lines().map(frames).collect()
    }

    fn count(&self, name: &str) -> u64 {
        self.engine.counters().named().get(name).copied().unwrap_or_default()
    }
}

fn read(id: u8) -> [u8; 12] {
    [0, id, 0, 0, 0, 6, 1, 3, 0, 100, 0, 1]
}

fn answer(id: u8) -> [u8; 11] {
    [0, id, 0, 0, 0, 5, 1, 3, 2, 0, 7]
}

/// An exchange that identifies the flow; 12 and 11 bytes.
fn identified() -> Wire {
    let mut wire = Wire::open(502);
    wire.client(1, 1, ACK, &read(1));
    wire.server(1, 13, ACK, &answer(1));
    wire
}
