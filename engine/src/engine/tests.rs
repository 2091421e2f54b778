//! One hard case of traffic each, as hand-made segments.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test makes its own traffic"
)]

use super::*;
use crate::dissect::tests::FAULT;

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
        let options = Options { pdu_log: true, keep_duplicates: true, ..Options::default() };
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

#[test]
fn a_fault_in_a_dissector_costs_the_state_of_its_flow_alone() {
    let mut wire = identified();
    let mut broken = read(2);
    broken.iter_mut().zip(FAULT).for_each(|(byte, fault)| *byte = *fault);
    wire.client(13, 12, ACK, &broken);
    wire.client(25, 12, ACK, &read(3));
    wire.server(12, 37, ACK, &answer(3));

    assert_eq!(vec!["3", "4", "6", "7"], wire.frames());
    assert_eq!(1, wire.count("panics.modbus"));
}

#[test]
fn a_flow_whose_dissector_fails_thrice_is_left_alone_and_others_are_not() {
    let mut wire = identified();
    let mut broken = read(2);
    broken.iter_mut().zip(FAULT).for_each(|(byte, fault)| *byte = *fault);
    for n in 0..5 {
        wire.client(13 + n * 12, 12, ACK, &broken);
    }
    wire.client(13 + 60, 12, ACK, &read(3));
    wire.client_port = 40_001;
    wire.handshake();
    wire.client(1, 1, ACK, &read(1));
    wire.server(1, 13, ACK, &answer(1));

    assert_eq!(vec!["3", "4", "13", "14"], wire.frames());
    assert_eq!(3, wire.count("panics.modbus"));
}

#[test]
fn what_is_sent_again_is_no_second_pdu() {
    let mut wire = identified();
    wire.client(13, 12, ACK, &read(2));
    wire.client(13, 12, ACK, &read(2));
    wire.server(12, 25, ACK, &answer(2));

    assert_eq!(vec!["3", "4", "5", "7"], wire.frames());
    assert_eq!((1, 0), (wire.count("tcp_retransmissions"), wire.count("tcp_overlap_conflicts")));
}

#[test]
fn what_is_sent_again_with_other_bytes_is_a_conflict_and_the_first_copy_counts() {
    let mut wire = identified();
    wire.client(13, 12, ACK, &[0, 2, 0, 0, 0, 6, 1, 6, 0, 1, 0, 1]);
    wire.client(13, 12, ACK, &[0, 2, 0, 0, 0, 6, 1, 6, 0, 1, 0, 9]);
    wire.server(12, 25, ACK, &[0, 2, 0, 0, 0, 6, 1, 6, 0, 1, 0, 1]);

    assert_eq!(vec!["3", "4", "5", "7"], wire.frames());
    assert_eq!(
        (1, 1),
        (wire.count("tcp_overlap_conflicts"), wire.count("anomalies.overlap_conflict"))
    );
    assert_eq!(0, wire.count("anomalies.value_mismatch"));
}

#[test]
fn of_early_segments_that_overlap_the_first_copy_wins() {
    let mut wire = identified();
    let write = [0, 2, 0, 0, 0, 6, 1, 6, 0, 1, 0, 1];
    let mut forged = write;
    forged[11] = 9;
    wire.client(13 + 6, 12, ACK, &write[6..]);
    wire.client(13, 12, ACK, &forged);
    wire.server(12, 25, ACK, &write);

    assert_eq!(vec!["3", "4", "5,6", "7"], wire.frames());
    assert_eq!(
        (1, 0),
        (wire.count("tcp_overlap_conflicts"), wire.count("anomalies.value_mismatch"))
    );
}

#[test]
fn a_keep_alive_byte_is_not_part_of_the_stream() {
    let mut wire = identified();
    wire.client(12, 12, ACK, &[0]);
    wire.client(13, 12, ACK, &read(2));

    assert_eq!(vec!["3", "4", "6"], wire.frames());
    assert_eq!(0, wire.count("tcp_retransmissions"));
}

#[test]
fn a_zero_window_probe_is_the_first_byte_of_what_follows() {
    let mut wire = identified();
    wire.client(13, 12, ACK, &read(2)[..1]);
    wire.client(13, 12, ACK, &read(2));

    assert_eq!(vec!["3", "4", "5,6"], wire.frames());
}

#[test]
fn a_hole_that_the_other_side_has_filled_is_given_up() {
    let mut wire = identified();
    // Request 2 was not seen; request 3 waits until its bytes are acknowledged.
    wire.client(25, 12, ACK, &read(3));
    wire.server(12, 37, ACK, &answer(3));

    assert_eq!(vec!["3", "4", "5", "6"], wire.frames());
    assert_eq!((12, 0), (wire.count("tcp_gap_bytes"), wire.count("unsolicited")));
}

#[test]
fn a_hole_in_one_direction_seen_alone_is_given_up_after_two_seconds() {
    let mut wire = Wire::to_port(502);
    for n in 0..4 {
        wire.client(1 + n * 12, 1, ACK, &read(1));
    }
    wire.client(73, 1, ACK, &read(2));
    wire.time_ns += 3 * SECOND;
    wire.client(85, 1, ACK, &read(3));

    assert_eq!(vec!["1", "2", "3", "4", "5", "6"], wire.frames());
    assert_eq!(24, wire.count("tcp_gap_bytes"));
}

#[test]
fn a_request_without_an_answer_is_unanswered_where_the_answer_would_be_seen() {
    let mut wire = identified();
    wire.client(13, 12, ACK, &read(2));
    wire.server(12, 25, ACK, &[]);
    wire.time_ns += 6 * SECOND;
    wire.client(25, 12, ACK, &read(3));
    wire.server(12, 37, ACK, &answer(3));

    assert_eq!((1, 2), (wire.count("unanswered"), wire.count("transactions")));
}

#[test]
fn a_request_is_given_up_while_its_flow_is_silent() {
    let mut wire = identified();
    wire.client(13, 12, ACK, &read(2));
    wire.server(12, 25, ACK, &[]);
    for second in 1..20 {
        wire.engine.tick(wire.time_ns + second * SECOND);
    }

    assert_eq!(1, wire.count("unanswered"));
}

#[test]
fn a_request_at_the_end_of_the_capture_is_not_unanswered() {
    let mut wire = identified();
    wire.client(13, 12, ACK, &read(2));
    wire.frames();

    assert_eq!((0, 3), (wire.count("unanswered"), wire.count("pdus.modbus")));
}

#[test]
fn an_answer_to_nothing_is_marked_on_a_flow_without_loss() {
    let mut wire = identified();
    wire.server(12, 13, ACK, &answer(9));
    wire.frames();

    assert_eq!(
        (1, 1),
        (wire.count("unsolicited"), wire.count("anomalies.response_without_request"))
    );
}

#[test]
fn an_answer_to_a_request_before_the_capture_is_not_marked() {
    let mut wire = Wire::to_port(502);
    wire.server(1, 1, ACK, &answer(1));
    wire.client(1, 12, ACK, &read(2));
    wire.server(12, 13, ACK, &answer(2));

    assert_eq!(vec!["1", "2", "3"], wire.frames());
    assert_eq!((0, 1), (wire.count("unsolicited"), wire.count("transactions")));
}

#[test]
fn a_transaction_id_used_again_for_something_else_is_marked() {
    let mut wire = identified();
    wire.client(13, 12, ACK, &read(2));
    wire.client(25, 12, ACK, &[0, 2, 0, 0, 0, 6, 1, 6, 0, 1, 0, 1]);
    wire.frames();

    assert_eq!(1, wire.count("anomalies.duplicate_transaction"));
}

#[test]
fn a_client_that_always_uses_one_transaction_id_is_not_marked() {
    let mut wire = Wire::open(502);
    for n in 0..6 {
        wire.client(1 + n * 12, 1, ACK, &read(0));
        wire.client(1 + n * 12 + 12, 1, ACK, &[]);
    }
    wire.server(1, 73, ACK, &answer(0));
    wire.frames();

    assert_eq!(0, wire.count("anomalies.duplicate_transaction"));
}

#[test]
fn another_syn_on_the_same_ports_is_another_flow() {
    let mut wire = identified();
    wire.client(500_000, 0, SYN, &[]);
    wire.server(900_000, 500_001, SYN | ACK, &[]);
    wire.client(500_001, 900_001, ACK, &read(1));
    wire.server(900_001, 500_013, ACK, &answer(1));

    assert_eq!(vec!["3", "4", "7", "8"], wire.frames());
    assert_eq!((2, 0), (wire.count("flows"), wire.count("tcp_gap_bytes")));
}

#[test]
fn a_syn_sent_again_is_the_same_flow() {
    let mut wire = Wire::to_port(502);
    wire.client(0, 0, SYN, &[]);
    wire.client(0, 0, SYN, &[]);
    wire.server(0, 1, SYN | ACK, &[]);
    wire.client(1, 1, ACK, &read(1));
    wire.client(0, 0, SYN, &[]);

    assert_eq!((vec!["4".to_owned()], 1), (wire.frames(), wire.count("flows")));
}

#[test]
fn a_syn_may_carry_the_first_bytes() {
    let mut wire = Wire::to_port(502);
    wire.client(0, 0, SYN, &read(1));
    wire.server(0, 13, SYN | ACK, &[]);
    wire.server(1, 13, ACK, &answer(1));

    assert_eq!(vec!["1", "3"], wire.frames());
}

#[test]
fn the_text_of_an_rst_is_no_payload() {
    let mut wire = identified();
    wire.server(12, 13, RST | ACK, b"connection reset by peer");

    assert_eq!(vec!["3", "4"], wire.frames());
    assert_eq!(0, wire.count("bad.modbus"));
}

#[test]
fn bytes_that_the_snap_length_cut_are_a_hole_of_known_size() {
    let mut wire = identified();
    wire.client(13, 12, ACK, &read(2));
    wire.segment(false, 12, 25, ACK, &answer(2), 4);
    wire.client(25, 23, ACK, &read(3));
    wire.server(23, 37, ACK, &answer(3));

    assert_eq!(vec!["3", "4", "5", "7", "8"], wire.frames());
    assert_eq!((4, 0), (wire.count("tcp_gap_bytes"), wire.count("tcp_out_of_order")));
}

#[test]
fn a_stream_taken_up_in_the_middle_of_a_message_begins_with_the_next() {
    let mut wire = Wire::to_port(502);
    wire.server(6, 1, ACK, &answer(0)[5..]);
    wire.client(1, 12, ACK, &read(2));
    wire.server(12, 13, ACK, &answer(2));

    assert_eq!(vec!["2", "3"], wire.frames());
    assert_eq!(0, wire.count("anomalies.protocol_violation"));
}

#[test]
fn after_bytes_that_are_no_message_the_next_one_in_the_segment_is_read() {
    let mut wire = identified();
    let mut bytes = vec![0xff; 7];
    bytes.extend(read(2));
    wire.client(13, 12, ACK, &bytes);
    wire.server(12, 32, ACK, &answer(2));

    assert_eq!(vec!["3", "4", "5", "6"], wire.frames());
    assert_eq!((7, 1), (wire.count("skipped_bytes"), wire.count("anomalies.discarded_data")));
}

#[test]
fn a_flow_that_stops_following_its_protocol_is_given_up() {
    let mut wire = identified();
    for n in 0..4 {
        wire.client(13 + n * 20, 12, ACK, b"GET / HTTP/1.1\r\nabc\n");
    }
    wire.frames();

    assert_eq!((1, 1), (wire.count("unpinned_flows"), wire.count("anomalies.protocol_violation")));
}

#[test]
fn a_single_request_on_its_port_counts_at_the_end_of_the_flow() {
    let mut wire = Wire::open(502);
    wire.client(1, 1, ACK, &read(1));
    wire.client(13, 1, FIN | ACK, &[]);

    assert_eq!(vec!["3"], wire.frames());
}

#[test]
fn a_single_request_on_another_port_counts_for_nothing() {
    let mut wire = Wire::open(5_020);
    wire.client(1, 1, ACK, &read(1));

    assert_eq!((0, 1), (wire.frames().len(), wire.count("held_dropped")));
}

#[test]
fn two_exchanges_name_a_protocol_on_another_port_with_an_anomaly() {
    let mut wire = Wire::open(5_020);
    for n in 0..2 {
        wire.client(1 + 12 * u32::from(n), 1 + 11 * u32::from(n), ACK, &read(n));
        wire.server(1 + 11 * u32::from(n), 13 + 12 * u32::from(n), ACK, &answer(n));
    }

    assert_eq!(vec!["3", "4", "5", "6"], wire.frames());
    assert_eq!(1, wire.count("anomalies.nonstandard_port"));
}

impl Wire {
    /// One flow from `client_port` that asks once and is answered.
    fn exchange(&mut self, client_port: u16, id: u8) {
        self.client_port = client_port;
        self.handshake();
        self.client(1, 1, ACK, &read(id));
        self.server(1, 13, ACK, &answer(id));
    }

    /// A server off the port of its protocol that a flow of two exchanges has made known.
    fn at_a_known_server() -> Self {
        let mut wire = Self::to_port(5_020);
        wire.exchange(40_000, 1);
        wire.client(13, 12, ACK, &read(2));
        wire.server(12, 25, ACK, &answer(2));
        wire
    }

    /// One flow from `client_port` that writes once and is answered.
    fn write(&mut self, client_port: u16) {
        let write = [0, 1, 0, 0, 0, 6, 1, 6, 0, 1, 0, 1];
        self.client_port = client_port;
        self.handshake();
        self.client(1, 1, ACK, &write);
        self.server(1, 13, ACK, &write);
    }

    /// Ends the input; of the flow of every write, by client port, how it is
    /// identified, and how far that is believed.
    fn beliefs(&mut self) -> Vec<(u16, &'static str, u8)> {
        self.engine.finish();
        let mut beliefs = Vec::new();
        for observation in self.engine.drain() {
            if let Observation::Transaction(write) = observation
                && let Some(by) = write.flow.identified_by
            {
                beliefs.push((write.flow.client.port, by.as_str(), write.flow.confidence));
            }
        }
        beliefs.sort_unstable();
        beliefs
    }
}

#[test]
fn one_exchange_on_another_port_counts_for_nothing() {
    let mut wire = Wire::to_port(5_020);
    wire.exchange(40_000, 1);

    assert_eq!((0, 2), (wire.frames().len(), wire.count("held_dropped")));
}

#[test]
fn one_exchange_with_a_known_server_is_enough() {
    let mut wire = Wire::at_a_known_server();
    wire.exchange(40_001, 1);

    assert_eq!(vec!["3", "4", "5", "6", "9", "10"], wire.frames());
    assert_eq!(2, wire.count("anomalies.nonstandard_port"));
}

#[test]
fn a_single_request_to_a_known_server_counts_at_the_end_of_the_flow() {
    let mut wire = Wire::at_a_known_server();
    wire.client_port = 40_001;
    wire.handshake();
    wire.client(1, 1, ACK, &read(1));

    assert_eq!(vec!["3", "4", "5", "6", "9"], wire.frames());
}

#[test]
fn an_exchange_held_before_its_server_was_known_is_not_lost() {
    let mut wire = Wire::to_port(5_020);
    wire.exchange(40_001, 1);
    wire.exchange(40_000, 1);
    wire.client(13, 12, ACK, &read(2));
    wire.server(12, 25, ACK, &answer(2));

    assert_eq!(vec!["3", "4", "7", "8", "9", "10"], wire.frames());
}

#[test]
fn single_exchanges_from_two_ports_make_a_server_known() {
    let mut wire = Wire::to_port(5_020);
    wire.exchange(40_000, 1);
    wire.exchange(40_001, 1);

    assert_eq!(vec!["3", "4", "7", "8"], wire.frames());
    assert_eq!((2, 0), (wire.count("identified_flows"), wire.count("held_dropped")));
}

#[test]
fn an_exchange_on_the_same_ports_again_shows_nothing_new() {
    let mut wire = Wire::to_port(5_020);
    wire.exchange(40_000, 1);
    wire.client(13, 12, RST, &[]);
    wire.exchange(40_000, 1);

    assert_eq!(0, wire.frames().len());
}

#[test]
fn single_exchanges_with_two_servers_make_neither_known() {
    let mut wire = Wire::to_port(5_020);
    wire.exchange(40_000, 1);
    wire.server_port = 5_021;
    wire.exchange(40_001, 1);

    assert_eq!(0, wire.frames().len());
}

#[test]
fn what_is_no_message_is_not_named_after_a_known_server() {
    let mut wire = Wire::at_a_known_server();
    wire.client_port = 40_001;
    wire.handshake();
    wire.client(1, 1, ACK, b"GET / HTTP/1.1\r\nabc\n");

    assert_eq!(vec!["3", "4", "5", "6"], wire.frames());
}

#[test]
fn a_server_that_stops_following_its_protocol_is_no_longer_known() {
    let mut wire = Wire::at_a_known_server();
    for n in 0..4 {
        wire.client(25 + n * 20, 23, ACK, b"GET / HTTP/1.1\r\nabc\n");
    }
    wire.exchange(40_001, 1);
    wire.engine.finish();

    assert_eq!((1, 1), (wire.count("identified_flows"), wire.count("unpinned_flows")));
}

#[test]
fn the_server_that_was_not_used_for_longest_is_forgotten_first() {
    let mut wire = Wire::to_port(5_020);
    let limits = Limits { known_servers: 2, ..Limits::default() };
    let options = Options { limits, pdu_log: true, keep_duplicates: true };
    wire.engine = Engine::new(options);
    // The first server is used again, so that the third displaces the second.
    for (server_port, client_port) in
        [(5_020, 1), (5_021, 2), (5_020, 3), (5_022, 4), (5_020, 5), (5_021, 6)]
    {
        wire.server_port = server_port;
        wire.exchange(40_000 + client_port, 1);
    }
    wire.engine.finish();

    assert_eq!((2, 3), (wire.count("known_servers_evicted"), wire.count("identified_flows")));
}

#[test]
fn a_flow_to_a_known_server_says_that_other_flows_announced_it() {
    let mut wire = Wire::to_port(5_020);
    wire.engine = Engine::new(Options { keep_duplicates: true, ..Options::default() });
    for client_port in 40_000..40_003 {
        wire.write(client_port);
    }

    assert_eq!(
        vec![(40_000, "association", 90), (40_001, "pairing", 80), (40_002, "association", 90),],
        wire.beliefs()
    );
}

#[test]
fn other_traffic_on_the_port_of_a_protocol_is_not_named_after_it() {
    let mut wire = Wire::open(502);
    for n in 0..20 {
        wire.client(1 + n * 24, 1, ACK, b"SSH-2.0-OpenSSH_9.6 abc\n");
    }

    assert_eq!((0, 0), (wire.frames().len(), wire.count("identified_flows")));
}

#[test]
fn a_datagram_may_hold_several_messages_and_bytes_after_them() {
    let mut wire = Wire::to_port(502);
    wire.datagram(true, &read(0));
    wire.datagram(false, &answer(0));
    wire.datagram(true, &[read(1), read(2), read(3)].concat());
    wire.datagram(false, &[&answer(1)[..], &answer(2), b"rest"].concat());

    assert_eq!(vec!["1", "2", "3", "3", "3", "4", "4"], wire.frames());
    assert_eq!(1, wire.count("anomalies.trailing_bytes"));
}

#[test]
fn a_dnp3_outstation_that_opens_the_connection_is_still_the_server() {
    // Reset link, from master 1024 to outstation 1.
    let from_master = [0x05, 0x64, 0x05, 0xc0, 0x01, 0x00, 0x00, 0x04, 0xe9, 0x21];
    let mut wire = Wire::open(20_000);
    wire.server(1, 1, ACK, &from_master);
    wire.engine.finish();

    let log = String::from_utf8(wire.engine.take_pdus()).unwrap();
    assert!(log.contains("\"client_port\":20000"), "{log}");
}
