//! Counts that leave while their flows go on.

use super::*;

fn counted(every_s: i64) -> Wire {
    let mut wire = Wire::to_port(502);
    let delta_ns = Some(every_s * SECOND);
    wire.engine = Engine::new(Options { delta_ns, ..Options::default() });
    wire.time_ns -= wire.time_ns.rem_euclid(every_s * SECOND);
    wire.handshake();
    wire
}

impl Wire {
    /// Asks and is answered once a second.
    fn poll(&mut self, from: u32, times: u32) {
        for n in from..from + times {
            self.client(1 + 12 * n, 1 + 11 * n, ACK, &read(n as u8));
            self.server(1 + 11 * n, 13 + 12 * n, ACK, &answer(n as u8));
            self.time_ns += SECOND;
        }
    }

    /// Flows and packets of conversations, packets and last times of addresses, and
    /// counts of behaviours that left.
    fn told(&mut self) -> (Vec<(u64, u64)>, Vec<u64>, Vec<u64>) {
        let mut told = (Vec::new(), Vec::new(), Vec::new());
        for one in self.engine.drain() {
            match one {
                Observation::Conversation(own) => told.0.push((own.flow_count, own.packets)),
                Observation::Address(own) => told.1.push(own.packets),
                Observation::Behaviour(own) => told.2.push(own.count),
                _ => {}
            }
        }
        told
    }
}

#[test]
fn counts_of_a_flow_that_goes_on_leave_with_each_delta_and_once() {
    let mut wire = counted(10);
    wire.poll(0, 9);
    let first = wire.told();
    wire.poll(9, 11);
    let second = wire.told();
    wire.engine.finish();
    let last = wire.told();

    assert_eq!((vec![(1, 0)], vec![0, 0], vec![1]), first);
    assert_eq!((vec![(1, 22)], vec![11, 11], vec![10]), second);
    assert_eq!((vec![(1, 42)], vec![21, 21], vec![20]), last);
}

#[test]
fn what_did_not_change_does_not_leave_again() {
    let mut wire = counted(10);
    wire.poll(0, 11);
    wire.told();
    wire.time_ns += 30 * SECOND;
    wire.packet(17, (7, 8), &[0, 99, 0, 99, 0, 12, 0, 0, 1, 2, 3, 4], 0);
    wire.told();
    wire.time_ns += 30 * SECOND;
    wire.packet(17, (7, 8), &[0, 99, 0, 99, 0, 12, 0, 0, 1, 2, 3, 4], 0);
    let (_, _, behaviours) = wire.told();

    assert!(behaviours.is_empty());
}

#[test]
fn flows_of_the_moment_are_counted_until_they_end() {
    let mut wire = counted(10);
    wire.poll(0, 2);
    let during = (wire.engine.counters().flows, wire.engine.counters().flows_active);
    wire.engine.finish();

    assert_eq!((1, 1), during);
    assert_eq!((1, 0), (wire.engine.counters().flows, wire.engine.counters().flows_active));
}
