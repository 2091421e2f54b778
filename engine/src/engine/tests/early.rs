//! Requests that matter, told before their answers have come.

use super::*;
use crate::observation::Transaction;

const HALF: i64 = SECOND / 2;

/// A flow with one exchange, of which requests are told early.
fn hasty() -> Wire {
    let mut wire = Wire::observed(502);
    wire.engine = Engine::new(Options { health: true, early_ns: Some(HALF), ..Options::default() });
    wire.handshake();
    wire.client(1, 1, ACK, &read(1));
    wire.server(1, 13, ACK, &answer(1));
    wire.transactions();
    wire
}

/// A write of one coil, whose answer is the same.
fn write(transaction: u8) -> Vec<u8> {
    vec![0, transaction, 0, 0, 0, 6, 1, 5, 0, 9, 0xff, 0]
}

impl Wire {
    fn transactions(&mut self) -> Vec<Transaction> {
        let all = self.engine.drain().into_iter();
        all.filter_map(|one| match one {
            Observation::Transaction(own) => Some(*own),
            _ => None,
        })
        .collect()
    }

    /// Silence for so long, in which the engine is told of time as interfaces do.
    fn silence(&mut self, duration_ns: i64) {
        let ends_ns = self.time_ns + duration_ns;
        while self.time_ns < ends_ns {
            self.time_ns += SECOND / 4;
            self.engine.tick(self.time_ns);
        }
    }
}

fn waits(found: &[Transaction]) -> Vec<(bool, bool)> {
    found.iter().map(|own| (own.awaits, own.answered)).collect()
}

#[test]
fn a_command_is_told_before_its_answer_and_again_with_it() {
    let mut wire = hasty();
    wire.client(13, 12, ACK, &write(2));
    wire.silence(SECOND);
    let early = wire.transactions();
    wire.silence(SECOND);
    wire.server(12, 25, ACK, &write(2));
    let late = wire.transactions();

    assert_eq!((vec![(true, false)], vec![(false, true)]), (waits(&early), waits(&late)));
    assert_eq!(early[0].request_frames, late[0].request_frames);
    assert_eq!((early[0].time_ns, &early[0].targets), (late[0].time_ns, &late[0].targets));
}

#[test]
fn a_command_that_nobody_answers_is_told_early_and_at_last() {
    let mut wire = hasty();
    wire.client(13, 12, ACK, &write(2));
    wire.silence(40 * SECOND);

    assert_eq!(vec![(true, false), (false, false)], waits(&wire.transactions()));
}

#[test]
fn what_is_answered_in_time_and_what_only_looks_is_not_told_early() {
    let mut wire = hasty();
    wire.client(13, 12, ACK, &write(2));
    wire.server(12, 25, ACK, &write(2));
    wire.client(25, 24, ACK, &read(3));
    wire.silence(5 * SECOND);

    assert_eq!(vec![(false, true)], waits(&wire.transactions()));
}

#[test]
fn an_early_request_is_in_no_count() {
    let mut wire = hasty();
    wire.client(13, 12, ACK, &write(2));
    wire.silence(SECOND);
    let before = wire.engine.counters().behaviours;
    wire.silence(40 * SECOND);

    assert_eq!((1, 2), (before, wire.engine.counters().behaviours));
}

#[test]
fn a_device_that_is_told_to_listen_only_owes_no_answer() {
    let mut wire = hasty();
    wire.client(13, 12, ACK, &[0, 2, 0, 0, 0, 6, 1, 8, 0, 4, 0, 0]);
    wire.server(12, 25, ACK, &[]);
    wire.silence(40 * SECOND);
    let found = wire.transactions();

    assert_eq!(vec![(true, false), (false, false)], waits(&found));
    assert!(found.iter().all(|own| own.anomalies.is_empty()));
    assert_eq!(0, wire.engine.counters().unanswered);
}

#[test]
fn a_device_may_refuse_to_listen_only() {
    let mut wire = hasty();
    wire.client(13, 12, ACK, &[0, 2, 0, 0, 0, 6, 1, 8, 0, 4, 0, 0]);
    wire.server(12, 25, ACK, &[0, 2, 0, 0, 0, 3, 1, 0x88, 1]);
    let found = wire.transactions();

    assert_eq!((vec![(false, true)], true), (waits(&found), found[0].status.is_failure()));
}

#[test]
fn it_does_not_matter_when_time_was_first_told() {
    let mut told = Vec::new();
    for late_ns in [0, 300, 700] {
        let mut wire = Wire::observed(502);
        wire.engine = Engine::new(Options { health: true, ..Options::default() });
        wire.engine.tick(wire.time_ns - SECOND + late_ns * 1_000_000);
        wire.handshake();
        wire.client(1, 1, ACK, &read(1));
        let first = wire.engine.drain().into_iter().next();
        told.push(matches!(first, Some(Observation::Health(_))));
    }

    assert_eq!(vec![true; 3], told);
}

#[test]
fn a_clock_that_is_set_back_makes_no_request_unanswered() {
    let mut wire = hasty();
    wire.time_ns -= 3_600 * SECOND;
    wire.client(13, 12, ACK, &write(2));
    wire.server(12, 25, ACK, &write(2));

    assert_eq!(vec![(false, true)], waits(&wire.transactions()));
}
