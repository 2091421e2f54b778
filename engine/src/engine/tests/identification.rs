//! Which protocol a flow is taken for.

use super::*;

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
    /// One flow from `client_port` that asks once, and is answered with an echo.
    fn exchange(&mut self, client_port: u16, id: u8) {
        let write = [0, id, 0, 0, 0, 6, 1, 6, 0, 1, 0, 1];
        self.client_port = client_port;
        self.handshake();
        self.client(1, 1, ACK, &write);
        self.server(1, 13, ACK, &write);
    }

    /// A server off the port of its protocol that a flow of two exchanges has made known.
    fn at_a_known_server() -> Self {
        let mut wire = Self::to_port(5_020);
        wire.exchange(40_000, 1);
        wire.client(13, 13, ACK, &read(2));
        wire.server(13, 25, ACK, &answer(2));
        wire
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
fn one_answer_with_what_was_asked_for_names_a_protocol_on_another_port() {
    let mut wire = Wire::open(5_020);
    wire.client(1, 1, ACK, &read(1));
    wire.server(1, 13, ACK, &answer(1));

    assert_eq!(vec!["3", "4"], wire.frames());
    assert_eq!(1, wire.count("anomalies.nonstandard_port"));
}

#[test]
fn one_answer_of_another_transaction_names_nothing() {
    let mut wire = Wire::open(5_020);
    wire.client(1, 1, ACK, &read(1));
    wire.server(1, 13, ACK, &answer(2));

    assert_eq!((0, 2), (wire.frames().len(), wire.count("held_dropped")));
}

#[test]
fn one_echo_on_another_port_counts_for_nothing() {
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
    wire.client(13, 13, ACK, &read(2));
    wire.server(13, 25, ACK, &answer(2));

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
    wire.client(13, 13, RST, &[]);
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
        wire.client(25 + n * 20, 24, ACK, b"GET / HTTP/1.1\r\nabc\n");
    }
    wire.exchange(40_001, 1);
    wire.engine.finish();

    assert_eq!((1, 1), (wire.count("identified_flows"), wire.count("unpinned_flows")));
}

#[test]
fn the_server_that_was_not_used_for_longest_is_forgotten_first() {
    let mut wire = Wire::to_port(5_020);
    let limits = Limits { known_servers: 2, ..Limits::default() };
    let options =
        Options { limits, pdu_log: PduLogging::Only, keep_duplicates: true, ..Options::default() };
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
        wire.exchange(client_port, 1);
    }

    assert_eq!(
        vec![(40_000, "association", 90), (40_001, "pairing", 80), (40_002, "association", 90),],
        wire.beliefs()
    );
}

/// A write of 123 registers, and its answer.
fn long_write() -> (Vec<u8>, [u8; 12]) {
    let mut write = vec![0, 9, 0, 0, 0, 253, 1, 16, 0, 5, 0, 123, 246];
    write.extend((0..246).map(|n: u16| n.to_be_bytes()[1]));
    (write, [0, 9, 0, 0, 0, 6, 1, 16, 0, 5, 0, 123])
}

#[test]
fn a_first_message_in_more_than_256_crumbs_is_read() {
    for port in [502, 5_020] {
        let (write, answer) = long_write();
        let mut wire = Wire::open(port);
        for (at, byte) in (1u32..).zip(&write) {
            wire.client(at, 1, ACK, &[*byte]);
        }
        wire.server(1, 260, ACK, &answer);
        wire.engine.finish();

        assert_eq!((1, 0), (wire.count("identified_flows"), wire.count("held_dropped")), "{port}");
        assert_eq!(2, wire.frames().len());
    }
}

#[test]
fn crumbs_that_are_no_message_are_held_no_longer_than_256() {
    let mut wire = Wire::open(502);
    wire.client(1, 1, ACK, &[0]);
    for at in 2..400 {
        wire.client(at, 1, ACK, b"x");
    }

    assert_eq!((0, 256), (wire.frames().len(), wire.count("held_dropped")));
}

#[test]
fn crumbs_are_held_up_to_the_bytes_of_a_direction() {
    // A length that the whole of what is held would not fill.
    let limits = Limits { held_bytes: 300, ..Limits::default() };
    let options = Options { limits, keep_duplicates: true, ..Options::default() };
    let mut wire = Wire::open(502);
    wire.engine = Engine::new(options);
    wire.handshake();
    let (write, _) = long_write();
    let long = [&[0, 9, 0, 0, 3, 0, 1, 90], &write[..], &write[..]].concat();
    for (at, byte) in (1u32..).zip(&long) {
        wire.client(at, 1, ACK, &[*byte]);
    }

    assert_eq!(300, wire.count("held_dropped"));
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
fn a_dnp3_outstation_that_opens_the_connection_is_still_the_server() {
    // Reset link, from master 1024 to outstation 1.
    let from_master = [0x05, 0x64, 0x05, 0xc0, 0x01, 0x00, 0x00, 0x04, 0xe9, 0x21];
    let mut wire = Wire::open(20_000);
    wire.server(1, 1, ACK, &from_master);
    wire.engine.finish();

    let log = String::from_utf8(wire.engine.take_pdus()).unwrap();
    assert!(log.contains("\"client_port\":20000"), "{log}");
}
