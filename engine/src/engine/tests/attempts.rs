//! Attempts that come to nothing.

use super::*;
use crate::observation::Conversation;

/// Packet time passes without a frame, second by second.
fn wait(wire: &mut Wire, seconds: i64) {
    for _ in 0..seconds {
        wire.time_ns += SECOND;
        wire.engine.tick(wire.time_ns);
    }
}

/// Flows and vain flows of each conversation that has left so far.
fn conversations(wire: &mut Wire) -> Vec<Conversation> {
    let all = wire.engine.drain();
    let own = all.into_iter().filter_map(|observation| match observation {
        Observation::Conversation(own) => Some(*own),
        _ => None,
    });
    own.collect()
}

/// How many flows of the one conversation came to nothing.
fn vain(wire: &mut Wire) -> u64 {
    wire.engine.finish();
    let all = conversations(wire);
    all.last().map(|own| own.vain_count).unwrap()
}

#[test]
fn an_attempt_that_nobody_answers_is_forgotten_after_a_minute() {
    let mut wire = Wire::observed(502);
    wire.client(0, 0, SYN, &[]);
    wait(&mut wire, 60);
    assert_eq!(0, conversations(&mut wire).len());

    wait(&mut wire, 3);
    let [own] = &conversations(&mut wire)[..] else { panic!("one conversation") };
    assert_eq!((1, 1, 1), (own.vain_count, own.packets, own.flow.frame.number));
}

#[test]
fn a_connection_that_waits_for_its_first_byte_is_not_forgotten() {
    let mut wire = Wire::observed(502);
    wire.handshake();
    wait(&mut wire, 300);

    assert_eq!(0, conversations(&mut wire).len());
}

#[test]
fn a_refusal_is_vain() {
    let mut wire = Wire::observed(502);
    wire.client(0, 0, SYN, &[]);
    wire.server(0, 1, RST | ACK, &[]);

    assert_eq!(1, vain(&mut wire));
}

#[test]
fn a_connection_that_is_closed_with_nothing_in_it_is_vain() {
    let mut wire = Wire::observed(502);
    wire.handshake();
    wire.client(1, 1, RST, &[]);

    assert_eq!(1, vain(&mut wire));
}

#[test]
fn an_attempt_that_the_end_of_the_input_cuts_short_is_not_vain() {
    let mut wire = Wire::observed(502);
    wire.client(0, 0, SYN, &[]);

    assert_eq!(0, vain(&mut wire));
}

#[test]
fn a_connection_that_is_open_at_the_end_of_the_input_is_not_vain() {
    let mut wire = Wire::observed(502);
    wire.handshake();
    wait(&mut wire, 10);

    assert_eq!(0, vain(&mut wire));
}

#[test]
fn a_connection_of_which_bytes_were_lost_is_not_vain() {
    let mut wire = Wire::observed(502);
    wire.handshake();
    wire.client(1, 500, ACK, &[]);
    wire.client(1, 500, FIN | ACK, &[]);
    wire.server(500, 2, FIN | ACK, &[]);

    assert_eq!(0, vain(&mut wire));
}

#[test]
fn a_datagram_without_an_answer_is_vain_and_one_with_an_answer_is_not() {
    let mut wire = Wire::observed(5000);
    wire.datagram(true, &[1]);
    wait(&mut wire, 4);
    assert_eq!(1, vain(&mut wire));

    let mut wire = Wire::observed(5000);
    wire.datagram(true, &[1]);
    wire.datagram(false, &[1]);
    wait(&mut wire, 4);
    assert_eq!(0, vain(&mut wire));
}
