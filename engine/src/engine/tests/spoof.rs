//! Senders that may not be who they say.

use super::*;
use crate::observation::{Arp, HeaderShift, ShiftKind};

fn asked() -> Wire {
    let mut wire = Wire::to_port(502);
    wire.engine = Engine::new(Options { spoof: true, ..Options::default() });
    wire.time_ns -= wire.time_ns.rem_euclid(60 * SECOND);
    wire
}

impl Wire {
    fn raw(&mut self, bytes: &[u8]) {
        self.number += 1;
        self.time_ns += 1_000_000;
        self.engine.push(&Frame {
            time_ns: self.time_ns,
            file: 0,
            line: 0,
            number: self.number,
            interface: 0,
            link_type: 1,
            original_len: bytes.len() as u32,
            bytes,
        });
    }

    /// Host `sender` asks for host `target`, or answers it.
    fn arp(&mut self, sender: u8, target: u8, reply: bool) {
        let mac = [2, 0, 0, 0, 0, sender];
        let mut bytes = vec![255; 6];
        bytes.extend(mac);
        bytes.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, if reply { 2 } else { 1 }]);
        bytes.extend(mac);
        bytes.extend([10, 0, 0, sender, 0, 0, 0, 0, 0, 0, 10, 0, 0, target]);
        self.raw(&bytes);
    }

    /// A segment of the client with this time to live and IP identification.
    fn header(&mut self, ttl: u8, id: u16) {
        let mut bytes = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 40];
        bytes.extend(id.to_be_bytes());
        bytes.extend([0x40, 0, ttl, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        bytes.extend([0x9c, 0x40, 1, 0xf6, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 16, 16, 0, 0, 0, 0, 0]);
        self.raw(&bytes);
    }

    fn forged(&mut self) -> (Vec<Arp>, Vec<HeaderShift>) {
        self.engine.finish();
        let (mut arps, mut shifts) = (Vec::new(), Vec::new());
        for one in self.engine.drain() {
            match one {
                Observation::Arp(own) => arps.push(*own),
                Observation::HeaderShift(own) => shifts.push(*own),
                _ => {}
            }
        }
        (arps, shifts)
    }
}

#[test]
fn asking_for_a_few_addresses_and_answering_is_nothing() {
    let mut wire = asked();
    for target in 2..6 {
        wire.arp(1, target, false);
        wire.arp(target, 1, true);
    }

    assert!(wire.forged().0.is_empty());
}

#[test]
fn asking_for_many_addresses_is_told_as_their_count_doubles_and_at_the_end() {
    let mut wire = asked();
    wire.arp(3, 1, true);
    wire.forged();
    for target in 2..22 {
        wire.arp(1, target, false);
    }
    let (arps, _) = wire.forged();

    let counts: Vec<_> = arps.iter().map(|arp| (arp.target_count, arp.silent_count)).collect();
    assert_eq!(vec![(8, 7), (16, 15), (20, 19)], counts);
    assert_eq!((2, 21), (arps[2].frames.0.number, arps[2].frames.1.number));
}

#[test]
fn an_answer_that_nobody_asked_for_and_one_about_oneself_are_told() {
    let mut wire = asked();
    wire.arp(1, 2, true);
    wire.arp(3, 3, false);
    let (arps, _) = wire.forged();

    let counts: Vec<_> = arps.iter().map(|arp| (arp.unasked_count, arp.gratuitous_count)).collect();
    assert_eq!(vec![(1, 0), (0, 1)], counts);
}

#[test]
fn another_time_to_live_in_a_flow_is_told() {
    let mut wire = asked();
    for id in 1..10 {
        wire.header(64, id);
    }
    wire.header(128, 10);
    let (_, shifts) = wire.forged();

    let shift = &shifts[0];
    assert_eq!(
        (ShiftKind::Ttl, Some((64, 128)), true),
        (shift.kind, shift.values, shift.from_client)
    );
    assert_eq!((1, 9, 10), (shifts.len(), shift.frames.0.number, shift.frames.1.number));
}

#[test]
fn an_identification_out_of_its_row_is_told_when_the_row_goes_on() {
    let mut wire = asked();
    for id in 1..20 {
        wire.header(64, id);
    }
    wire.header(64, 0x8000);
    wire.header(64, 20);
    let (_, shifts) = wire.forged();

    let shift = &shifts[0];
    assert_eq!((ShiftKind::IpId, Some((19, 0x8000))), (shift.kind, shift.values));
    assert_eq!((1, 20), (shifts.len(), shift.frames.1.number));
}

#[test]
fn a_row_of_identifications_that_begins_elsewhere_is_nothing() {
    let mut wire = asked();
    for id in (1..20).chain(0x8000..0x8020) {
        wire.header(64, id);
    }

    assert!(wire.forged().1.is_empty());
}

#[test]
fn bytes_that_were_sent_twice_and_differ_are_told_with_both_frames() {
    let mut wire = asked();
    wire.handshake();
    wire.client(1, 1, ACK, &read(1));
    wire.server(1, 13, ACK, &answer(1));
    wire.client(13, 12, ACK, &read(2));
    wire.client(13, 12, ACK, &read(3));
    let (_, shifts) = wire.forged();

    assert_eq!((ShiftKind::Overlap, None), (shifts[0].kind, shifts[0].values));
    assert_eq!((5, 6), (shifts[0].frames.0.number, shifts[0].frames.1.number));
}
