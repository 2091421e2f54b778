//! Requests and answers, and dissectors that fail.

use super::*;
use crate::dissect::tests::FAULT;

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
fn requests_beyond_what_a_client_leaves_open_are_a_flood() {
    let mut wire = identified();
    for turn in 0..70 {
        wire.client(13 + turn * 12, 12, ACK, &read(2 + turn as u8));
    }

    assert_eq!(6, wire.count("anomalies.request_flood"));
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
fn a_datagram_may_hold_several_messages_and_bytes_after_them() {
    let mut wire = Wire::to_port(502);
    wire.datagram(true, &read(0));
    wire.datagram(false, &answer(0));
    wire.datagram(true, &[read(1), read(2), read(3)].concat());
    wire.datagram(false, &[&answer(1)[..], &answer(2), b"rest"].concat());

    assert_eq!(vec!["1", "2", "3", "3", "3", "4", "4"], wire.frames());
    assert_eq!(1, wire.count("anomalies.trailing_bytes"));
}
