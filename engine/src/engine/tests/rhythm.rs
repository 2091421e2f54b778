//! What happens to rhythms, and calls that nobody answers.

use super::*;
use crate::observation::{NoReply, Rhythm, RhythmKind};

/// A master that polls a server each second beside other traffic.
struct Plant {
    wire: Wire,
    seen: Vec<Observation>,
    id: u8,
    asked: u32,
    answered: u32,
}

impl Plant {
    fn new() -> Self {
        let options = Options { rhythm: true, health: true, ..Options::default() };
        let mut wire = Wire::to_port(502);
        wire.engine = Engine::new(options);
        wire.handshake();
        Self { wire, seen: Vec::new(), id: 0, asked: 1, answered: 1 }
    }

    /// Other hosts talk for so many seconds.
    fn others(&mut self, seconds: u32) {
        for _ in 0..seconds * 2 {
            self.wire.time_ns += SECOND / 2;
            self.wire.packet(17, (7, 8), &[0, 99, 0, 99, 0, 12, 0, 0, 1, 2, 3, 4], 0);
        }
    }

    fn ask(&mut self) {
        self.id = self.id.wrapping_add(1);
        self.wire.client(self.asked, self.answered, ACK, &read(self.id));
        self.asked += 12;
    }

    fn reply(&mut self) {
        self.wire.server(self.answered, self.asked, ACK, &answer(self.id));
        self.answered += 11;
    }

    /// Polls `times`, one every `seconds`.
    fn poll(&mut self, times: u32, seconds: u32) {
        for _ in 0..times {
            self.ask();
            self.reply();
            self.others(seconds);
        }
    }

    fn rhythms(&mut self) -> Vec<Rhythm> {
        self.seen.extend(self.wire.engine.drain());
        let rhythm = |seen: &Observation| match seen {
            Observation::Rhythm(own) => Some((**own).clone()),
            _ => None,
        };
        self.seen.iter().filter_map(rhythm).collect()
    }

    fn kinds(&mut self) -> Vec<RhythmKind> {
        self.rhythms().iter().map(|own| own.kind).collect()
    }

    fn unanswered(&mut self) -> Vec<NoReply> {
        self.seen.extend(self.wire.engine.drain());
        let calls = |seen: &Observation| match seen {
            Observation::NoReply(own) => Some((**own).clone()),
            _ => None,
        };
        self.seen.iter().filter_map(calls).collect()
    }
}

fn seconds(ns: Option<f64>) -> Option<i64> {
    ns.map(|ns| (ns / 1e9).round() as i64)
}

#[test]
fn a_poll_that_stops_is_overdue_after_its_deadline() {
    let mut plant = Plant::new();
    plant.poll(30, 1);
    let last_ns = plant.rhythms()[0].last_seen_ns;
    plant.others(9);
    let before = plant.kinds();
    plant.others(4);
    let overdue = plant.rhythms().pop().unwrap();

    assert_eq!(vec![RhythmKind::Periodic], before);
    assert_eq!(RhythmKind::Overdue, overdue.kind);
    assert_eq!(Some(10 * SECOND), overdue.deadline_ns);
    assert_eq!(Some(1), seconds(overdue.period_ns));
    assert_eq!(Some((100, 100)), overdue.interval);
    assert!(overdue.last_seen_ns > last_ns);
    assert_eq!(Some(overdue.last_seen_ns + 1_000_000), overdue.server_last_seen_ns);
    assert_eq!(Some(overdue.last_seen_ns), overdue.client_last_seen_ns);
}

#[test]
fn what_was_overdue_returns_once() {
    let mut plant = Plant::new();
    plant.poll(30, 1);
    plant.others(30);
    plant.poll(5, 1);
    let kinds = plant.kinds();
    let returned = plant.rhythms().pop().unwrap();

    assert_eq!([RhythmKind::Overdue, RhythmKind::Returned], kinds[1..]);
    assert_eq!(Some(31), seconds(returned.observed_ns));
}

#[test]
fn nothing_is_overdue_past_the_end_of_the_capture() {
    let mut plant = Plant::new();
    plant.poll(30, 1);
    plant.others(9);
    plant.wire.engine.finish();

    assert_eq!(vec![RhythmKind::Periodic], plant.kinds());
}

#[test]
fn a_deadline_begins_anew_after_a_time_in_which_nothing_was_seen() {
    let mut plant = Plant::new();
    plant.poll(30, 1);
    plant.wire.time_ns += 60 * SECOND;
    plant.others(9);
    let soon = plant.kinds();
    plant.others(4);

    assert_eq!(vec![RhythmKind::Periodic], soon);
    assert_eq!(vec![RhythmKind::Periodic, RhythmKind::Overdue], plant.kinds());
}

#[test]
fn a_period_changes_when_three_windows_in_a_row_are_off() {
    let mut plant = Plant::new();
    plant.poll(25, 1);
    plant.poll(55, 2);
    let soon = plant.kinds();
    plant.poll(20, 2);
    let changed = plant.rhythms().pop().unwrap();

    assert_eq!(vec![RhythmKind::Periodic], soon);
    assert_eq!(RhythmKind::PeriodChange, changed.kind);
    assert_eq!((Some(1), Some(2)), (seconds(changed.period_ns), seconds(changed.observed_ns)));
}

#[test]
fn a_poll_that_comes_when_it_likes_has_no_period() {
    let mut plant = Plant::new();
    for wait in [1, 3, 2, 7, 1, 4].into_iter().cycle().take(60) {
        plant.poll(1, wait);
    }
    plant.others(60);

    assert_eq!(Vec::<RhythmKind>::new(), plant.kinds());
}

#[test]
fn five_times_the_usual_rate_is_a_burst() {
    let mut plant = Plant::new();
    plant.poll(400, 1);
    for _ in 0..60 {
        plant.ask();
        plant.reply();
    }
    let burst = plant.rhythms().pop().unwrap();

    assert_eq!(RhythmKind::Burst, burst.kind);
    assert_eq!(Some(11), burst.usual_count);
    assert_eq!(Some(56), burst.burst_count);
}

#[test]
fn calls_that_nobody_answers_are_told_and_so_is_the_answer() {
    let mut plant = Plant::new();
    plant.poll(3, 1);
    for _ in 0..25 {
        plant.ask();
        plant.others(1);
    }
    let in_vain = plant.unanswered();
    let heard_ns = in_vain[0].server_last_seen_ns;
    plant.reply();
    plant.others(1);
    let all = plant.unanswered();

    let counts = |calls: &[NoReply]| -> Vec<(bool, Option<u32>, u64)> {
        calls.iter().map(|own| (own.answered, own.unit, own.request_count)).collect()
    };
    assert_eq!(vec![(false, None, 11), (false, None, 21)], counts(&in_vain));
    assert_eq!(in_vain[0].last_answer_ns, heard_ns);
    assert_eq!(Some(&(true, None, 25)), counts(&all).get(2));
}

#[test]
fn a_silent_station_is_told_beside_those_that_answer() {
    let mut plant = Plant::new();
    for _ in 0..15 {
        plant.ask();
        plant.reply();
        let mut other = read(200);
        other[6] = 9;
        plant.wire.client(plant.asked, plant.answered, ACK, &other);
        plant.asked += 12;
        plant.others(1);
    }

    let calls: Vec<_> =
        plant.unanswered().iter().map(|own| (own.unit, own.request_count)).collect();
    assert_eq!(vec![(Some(9), 11)], calls);
}

#[test]
fn a_gateway_that_refuses_for_a_station_is_no_answer_of_the_station() {
    let mut plant = Plant::new();
    for turn in 0..30u8 {
        plant.ask();
        if turn < 10 {
            plant.reply();
        } else {
            let refusal = [0, plant.id, 0, 0, 0, 3, answer(1)[6], 0x83, 0x0b];
            plant.wire.server(plant.answered, plant.asked, ACK, &refusal);
            plant.answered += 9;
        }
        plant.others(1);
    }
    let calls: Vec<_> =
        plant.unanswered().iter().map(|own| (own.unit.is_some(), own.request_count)).collect();

    assert_eq!(vec![(true, 11)], calls);
}

#[test]
fn attempts_to_connect_are_calls() {
    let mut plant = Plant::new();
    for port in 0..12 {
        plant.wire.client_port = 41_000 + port;
        plant.wire.server_port = 503;
        plant.wire.client(0, 0, SYN, &[]);
        plant.others(1);
    }
    let calls = plant.unanswered();

    assert_eq!((11, 0, 0), (calls[0].open_count, calls[0].request_count, calls[0].refused_count));
    assert_eq!((1, None), (calls.len(), calls[0].protocol));
    assert_eq!(503, calls[0].flow.server.port);
}

#[test]
fn a_refused_attempt_says_that_the_server_is_there() {
    let mut plant = Plant::new();
    for port in 0..12 {
        plant.wire.client_port = 41_000 + port;
        plant.wire.server_port = 503;
        plant.wire.client(0, 0, SYN, &[]);
        plant.wire.server(0, 1, RST | ACK, &[]);
        plant.others(1);
    }
    let calls = plant.unanswered();

    assert_eq!((11, 10), (calls[0].open_count, calls[0].refused_count));
}

#[test]
fn a_period_that_an_earlier_run_had_counts_from_the_third_time() {
    let mut before = Plant::new();
    before.poll(30, 1);
    let learned = before.rhythms().remove(0);
    let mut plant = Plant::new();
    let (period, deviation) = (learned.period_ns.unwrap(), learned.deviation_ns.unwrap());
    plant.wire.engine.know_rhythm(learned.id, period, deviation);
    plant.poll(4, 1);
    plant.others(12);

    assert_eq!(vec![RhythmKind::Overdue], plant.kinds());
}

#[test]
fn a_behaviour_that_an_earlier_run_had_leaves_but_is_not_new() {
    let mut before = Plant::new();
    before.poll(2, 1);
    let behaviours = |plant: &mut Plant| -> Vec<(u128, bool)> {
        let behaviour = |seen| match seen {
            Observation::Behaviour(own) => Some((own.id, own.new)),
            _ => None,
        };
        plant.wire.engine.drain().into_iter().filter_map(behaviour).collect()
    };
    let first = behaviours(&mut before);
    let mut plant = Plant::new();
    plant.wire.engine.know_behaviour(first[0].0);
    plant.poll(2, 1);

    assert_eq!((1, true), (first.len(), first[0].1));
    assert_eq!(vec![(first[0].0, false)], behaviours(&mut plant));
}

#[test]
fn where_no_frame_comes_no_poll_is_overdue() {
    let mut plant = Plant::new();
    plant.poll(30, 1);
    for _ in 0..120 {
        plant.wire.time_ns += SECOND / 4;
        plant.wire.engine.tick(plant.wire.time_ns);
    }

    assert_eq!(vec![RhythmKind::Periodic], plant.kinds());
}
