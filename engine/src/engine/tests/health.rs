//! How well interfaces and conversations were seen.

use super::*;
use crate::observation::{Health, HealthKind, Loss};

fn watched() -> Wire {
    let mut wire = Wire::to_port(502);
    wire.engine = Engine::new(Options { health: true, ..Options::default() });
    // A window begins.
    wire.time_ns -= wire.time_ns.rem_euclid(10 * SECOND);
    wire
}

impl Wire {
    fn pause(&mut self, seconds: u32) {
        for _ in 0..seconds {
            self.time_ns += SECOND;
            self.packet(17, (7, 8), &[0, 99, 0, 99, 0, 12, 0, 0, 1, 2, 3, 4], 0);
        }
    }

    fn health(&mut self) -> (Vec<Health>, Vec<Loss>) {
        self.engine.finish();
        let (mut health, mut losses) = (Vec::new(), Vec::new());
        for seen in self.engine.drain() {
            match seen {
                Observation::Health(own) => health.push(*own),
                Observation::Loss(own) => losses.push(*own),
                _ => {}
            }
        }
        (health, losses)
    }

    fn kinds(&mut self) -> Vec<HealthKind> {
        self.health().0.iter().map(|own| own.kind).collect()
    }
}

#[test]
fn what_is_good_has_no_row_between_start_and_end() {
    let mut wire = watched();
    wire.handshake();
    wire.client(1, 1, ACK, &read(1));
    wire.server(1, 13, ACK, &answer(1));
    wire.pause(60);
    let (health, losses) = wire.health();

    assert_eq!([HealthKind::Start, HealthKind::End], *kinds_of(&health));
    assert_eq!(60 * SECOND + 63_000_000, health[1].from_ns - health[0].from_ns);
    assert!(losses.is_empty());
}

#[test]
fn bytes_that_could_not_be_read_are_told() {
    let mut wire = watched();
    wire.handshake();
    wire.client(1, 1, ACK, &read(1));
    wire.server(1, 13, ACK, &answer(1));
    wire.client(13, 12, ACK, &[0xff; 20]);
    wire.pause(20);
    let (health, _) = wire.health();
    let told: u64 = health.iter().map(|own| own.unread_bytes).sum();

    assert_eq!((20, 20), (told, wire.count("skipped_bytes")));
}

#[test]
fn flows_that_were_forgotten_are_told() {
    let mut wire = watched();
    let limits = Limits { flows: 4, ..Limits::default() };
    wire.engine = Engine::new(Options { health: true, limits, ..Options::default() });
    for port in 0..40 {
        wire.packet(17, (7, 8), &[0, 99, 0, 200 + port, 0, 12, 0, 0, 1, 2, 3, 4], 0);
    }
    wire.pause(20);
    let (health, _) = wire.health();
    let told: u64 = health.iter().map(|own| own.left_out_count).sum();
    let counted = wire.count("flows_evicted") + wire.count("flows_refused");

    assert!(counted > 0);
    assert_eq!(counted, told);
}

fn kinds_of(health: &[Health]) -> Vec<HealthKind> {
    health.iter().map(|own| own.kind).collect()
}

#[test]
fn lost_bytes_are_told_of_the_interface_and_of_the_conversation() {
    let mut wire = watched();
    wire.handshake();
    wire.client(1, 1, ACK, &read(1));
    wire.server(1, 13, ACK, &answer(1));
    wire.client(25, 23, ACK, &read(3));
    wire.server(23, 37, ACK, &answer(3));
    wire.pause(20);
    let (health, losses) = wire.health();

    let window = &health[1];
    assert_eq!((HealthKind::Window, 23), (window.kind, window.gap_bytes));
    assert_eq!(10 * SECOND, window.until_ns - window.from_ns);
    assert_eq!((1, 2, 23), (losses.len(), losses[0].gap_count, losses[0].gap_bytes));
    assert_eq!(window.until_ns, losses[0].until_ns);
}

#[test]
fn an_interface_is_silent_after_much_more_than_its_usual_pause() {
    let mut wire = watched();
    wire.pause(60);
    wire.time_ns += 2 * SECOND;
    wire.pause(60);
    wire.time_ns += 30 * SECOND;
    wire.pause(1);
    let (health, _) = wire.health();

    // It is noticed while it lasts, and told whole at its end.
    let expected = [HealthKind::Start, HealthKind::Silent, HealthKind::Silent, HealthKind::End];
    assert_eq!(expected, *kinds_of(&health));
    assert_eq!(31 * SECOND + 1_000_000, health[2].until_ns - health[2].from_ns);
}

#[test]
fn an_interface_that_is_always_quiet_is_not_silent() {
    let mut wire = watched();
    for _ in 0..40 {
        wire.time_ns += 5 * SECOND;
        wire.pause(1);
    }
    let late = wire.kinds().iter().filter(|kind| **kind == HealthKind::Silent).count();

    assert!(late <= 2, "{late} pauses of the first seconds alone");
}

#[test]
fn one_direction_alone_is_told() {
    let mut wire = watched();
    for n in 0..20 {
        wire.client(1 + 12 * n, 1 + 11 * n, ACK, &read(1));
    }
    wire.pause(20);
    let (health, _) = wire.health();

    assert_eq!(
        (HealthKind::Window, 20, 17),
        (health[1].kind, health[1].tcp_frames, health[1].one_sided_frames)
    );
}

#[test]
fn a_clock_that_jumps_back_is_told_once_a_window() {
    let mut wire = watched();
    wire.pause(5);
    wire.time_ns -= 3 * SECOND;
    wire.pause(20);
    let (health, _) = wire.health();
    let back = health.iter().find(|own| own.kind == HealthKind::Back).unwrap();

    assert_eq!(2 * SECOND - 1_000_000, back.from_ns - back.until_ns);
}

#[test]
fn frames_that_the_machine_lost_are_told_with_the_time_it_happened_in() {
    let mut wire = watched();
    wire.pause(5);
    wire.engine.dropped(None, 0);
    wire.pause(5);
    wire.engine.dropped(None, 7);
    let (health, _) = wire.health();
    let dropped = health.iter().find(|own| own.kind == HealthKind::Dropped).unwrap();

    assert_eq!(7, dropped.dropped_packets);
    assert_eq!(5 * SECOND + 5_000_000, dropped.until_ns - dropped.from_ns);
}

#[test]
fn mirrored_frames_that_are_missing_are_told_of_the_interface() {
    let two = |n: u32| {
        let number = n.to_be_bytes();
        [&[0x10, 0, 0x88, 0xbe], &number[..], &[0x10, 7, 0, 1, 0, 0, 0, 1]].concat()
    };
    let three = |n: u32| {
        let number = n.to_be_bytes();
        let head = [0x20, 7, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0];
        [&[0x10, 0, 0x22, 0xeb], &number[..], &head].concat()
    };
    let bridged = |n: u32| {
        let number = n.to_be_bytes();
        [&[0x30, 0, 0x65, 0x58, 0, 0, 0, 9], &number[..]].concat()
    };
    let unnumbered = |_| vec![0, 0, 0x88, 0xbe];
    let heads: [&dyn Fn(u32) -> Vec<u8>; 4] = [&two, &three, &bridged, &unnumbered];
    for (head, missing) in heads.into_iter().zip([7, 7, 7, 0]) {
        let mut wire = watched();
        for n in (1..5).chain(12..100) {
            let inner = [0; 60];
            wire.packet(47, (7, 8), &[&head(n), &inner[..]].concat(), 0);
        }
        wire.pause(20);
        let (health, _) = wire.health();
        let told: u64 = health.iter().map(|own| own.mirror_gap_frames).sum();

        assert_eq!((missing, missing), (told, wire.count("mirror_gaps")));
    }
}

#[test]
fn a_bad_time_is_told_when_it_is_over_though_no_frame_comes() {
    let mut wire = watched();
    wire.handshake();
    wire.client(1, 1, ACK, &read(1));
    wire.server(1, 13, ACK, &answer(1));
    wire.client(25, 23, ACK, &read(3));
    wire.engine.drain();
    wire.engine.tick(wire.time_ns + 10 * SECOND);
    let told = wire.engine.drain();

    let lost = told.iter().find_map(|seen| match seen {
        Observation::Health(own) => Some((own.kind, own.gap_bytes)),
        _ => None,
    });
    assert_eq!(Some((HealthKind::Window, 12)), lost);
}
