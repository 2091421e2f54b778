//! Written values that read back differently, and points that change their quality.

use super::*;
use crate::observation::{DifferentCell, PointQuality, Readback};

/// A client of a Modbus server, or of an outstation, that is asked what becomes of points.
struct Talk {
    wire: Wire,
    asked: u32,
    answered: u32,
}

impl Talk {
    fn to(port: u16) -> Self {
        let mut wire = Wire::to_port(port);
        wire.engine = Engine::new(Options { points: true, ..Options::default() });
        wire.handshake();
        Self { wire, asked: 1, answered: 1 }
    }

    /// A request and its answer, a second after those before.
    fn exchange(&mut self, request: &[u8], answer: &[u8]) -> &mut Self {
        self.wire.time_ns += SECOND;
        self.wire.client(self.asked, self.answered, ACK, request);
        self.asked += request.len() as u32;
        if !answer.is_empty() {
            self.wire.server(self.answered, self.asked, ACK, answer);
            self.answered += answer.len() as u32;
        }
        self
    }

    /// The same of Modbus PDUs.
    fn ask(&mut self, request: &[u8], answer: &[u8]) -> &mut Self {
        let adu = |pdu: &[u8]| match pdu {
            [] => Vec::new(),
            _ => [&[0, 1, 0, 0, 0, pdu.len() as u8 + 1, 1], pdu].concat(),
        };
        self.exchange(&adu(request), &adu(answer))
    }

    fn write(&mut self, register: u8, value: u8) -> &mut Self {
        self.ask(&[6, 0, register, 0, value], &[6, 0, register, 0, value])
    }

    /// Registers 100 to 102 are read as these, so often.
    fn read(&mut self, values: [u8; 3], times: u8) -> &mut Self {
        let [a, b, c] = values;
        for _ in 0..times {
            self.ask(&[3, 0, 100, 0, 3], &[3, 6, 0, a, 0, b, 0, c]);
        }
        self
    }

    fn told(&mut self) -> (Vec<Readback>, Vec<PointQuality>) {
        self.wire.engine.finish();
        let (mut readbacks, mut qualities) = (Vec::new(), Vec::new());
        for one in self.wire.engine.drain() {
            match one {
                Observation::Readback(own) => readbacks.push(*own),
                Observation::PointQuality(own) => qualities.push(*own),
                _ => {}
            }
        }
        (readbacks, qualities)
    }

    /// Of each write that was judged its target, and what is different.
    fn readbacks(&mut self) -> Vec<(String, Vec<DifferentCell>)> {
        self.told().0.into_iter().map(|own| (own.target, own.different)).collect()
    }
}

fn different(at: u32, written: f64, read: f64) -> Vec<DifferentCell> {
    vec![DifferentCell { at, written, read }]
}

#[test]
fn a_value_that_is_read_as_it_was_written_is_as_it_should_be() {
    let told = Talk::to(502).write(101, 50).read([7, 50, 9], 1).read([7, 51, 9], 9).readbacks();

    assert_eq!(vec![("hr:101".to_owned(), Vec::new())], told);
}

#[test]
fn a_value_that_is_never_read_as_it_was_written_is_different() {
    let told = Talk::to(502).write(101, 50).read([7, 8, 9], 9).readbacks();

    assert_eq!(vec![("hr:101".to_owned(), different(101, 50.0, 8.0))], told);
}

#[test]
fn a_value_that_comes_late_is_as_it_should_be() {
    let told = Talk::to(502).write(101, 50).read([7, 8, 9], 4).read([7, 50, 9], 9).readbacks();

    assert_eq!(vec![("hr:101".to_owned(), Vec::new())], told);
}

#[test]
fn who_writes_in_between_begins_anew() {
    let mut talk = Talk::to(502);
    talk.write(101, 50).read([7, 8, 9], 2).write(101, 8).read([7, 8, 9], 9);

    assert_eq!(vec![("hr:101".to_owned(), Vec::new())], talk.readbacks());
}

#[test]
fn a_write_without_an_answer_leaves_unknown_what_it_did() {
    let mut talk = Talk::to(502);
    talk.write(101, 50).ask(&[6, 0, 101, 0, 8], &[]);
    talk.wire.time_ns += 10 * SECOND;
    talk.read([7, 8, 9], 9);

    assert_eq!(Vec::<(String, Vec<DifferentCell>)>::new(), talk.readbacks());
}

#[test]
fn a_refused_write_changes_nothing() {
    let told = Talk::to(502).ask(&[6, 0, 101, 0, 50], &[0x86, 3]).read([7, 8, 9], 9).readbacks();

    assert_eq!(Vec::<(String, Vec<DifferentCell>)>::new(), told);
}

#[test]
fn a_masked_write_leaves_unknown_what_it_did() {
    let masked: &[u8] = &[22, 0, 101, 0, 0xf2, 0, 0x25];
    let told = Talk::to(502).write(101, 50).ask(masked, masked).read([7, 8, 9], 9).readbacks();

    assert_eq!(Vec::<(String, Vec<DifferentCell>)>::new(), told);
}

#[test]
fn of_several_registers_those_that_are_different_are_named() {
    let mut talk = Talk::to(502);
    talk.ask(&[16, 0, 100, 0, 3, 6, 0, 1, 0, 2, 0, 3], &[16, 0, 100, 0, 3]).read([1, 9, 3], 9);

    assert_eq!(vec![("hr:100-102".to_owned(), different(101, 2.0, 9.0))], talk.readbacks());
}

#[test]
fn coils_are_read_back_too() {
    let on: &[u8] = &[5, 0, 2, 0xff, 0];
    let mut talk = Talk::to(502);
    talk.ask(on, on);
    for _ in 0..9 {
        talk.ask(&[1, 0, 0, 0, 8], &[1, 1, 0b1111_1011]);
    }

    assert_eq!(vec![("coil:2".to_owned(), different(2, 1.0, 0.0))], talk.readbacks());
}

#[test]
fn it_is_told_a_few_times_and_when_it_turns() {
    let mut talk = Talk::to(502);
    for value in 0..40 {
        talk.write(101, value).read([7, value, 9], 1);
    }
    talk.write(101, 99).read([7, 8, 9], 9);
    let told = talk.readbacks();

    assert_eq!((17, different(101, 99.0, 8.0)), (told.len(), told[16].1.clone()));
}

/// A DNP3 message of outstation 4 and master 3, in one link frame.
fn dnp3(from_master: bool, user: &[u8]) -> Vec<u8> {
    let crc = |bytes: &[u8]| {
        let step =
            |sum: u16, bit: u16| if (sum ^ bit) & 1 == 1 { sum >> 1 ^ 0xa6bc } else { sum >> 1 };
        let byte = |sum: u16, byte: &u8| (0..8).fold(sum, |sum, n| step(sum, u16::from(byte >> n)));
        (!bytes.iter().fold(0, byte)).to_le_bytes()
    };
    let (control, to, from) = if from_master { (0xc4, 4, 3) } else { (0x44, 3, 4) };
    let mut frame = vec![5, 0x64, user.len() as u8 + 5, control, to, 0, from, 0];
    let check = crc(&frame);
    frame.extend(check);
    for block in user.chunks(16) {
        frame.extend(block);
        frame.extend(crc(block));
    }
    frame
}

/// Class 0 is polled, and analog inputs 0 and 1 are told with these flags.
fn poll(talk: &mut Talk, flags: [u8; 2]) {
    let [a, b] = flags;
    let answer = [0xc0, 0xc0, 129, 0, 0, 30, 2, 0, 0, 1, a, 7, 0, b, 8, 0];
    talk.exchange(&dnp3(true, &[0xc0, 0xc0, 1, 60, 1, 6]), &dnp3(false, &answer));
}

#[test]
fn points_that_are_always_well_are_no_news() {
    let mut talk = Talk::to(20000);
    (0..3).for_each(|_| poll(&mut talk, [1, 1]));

    assert!(talk.told().1.is_empty());
}

#[test]
fn a_point_that_is_forced_is_told_once_with_what_it_was() {
    let mut talk = Talk::to(20000);
    for flags in [[1, 1], [1, 0x11], [1, 0x11], [1, 1]] {
        poll(&mut talk, flags);
    }
    let told: Vec<_> =
        talk.told().1.into_iter().map(|own| (own.points, own.before, own.now)).collect();

    assert_eq!(vec![(vec![1], Some(1), 0x11), (vec![1], Some(0x11), 1)], told);
}

#[test]
fn a_point_that_was_forced_before_anybody_looked_is_told_as_such() {
    let mut talk = Talk::to(20000);
    poll(&mut talk, [1, 0x11]);
    let told: Vec<_> =
        talk.told().1.into_iter().map(|own| (own.unit, own.before, own.now)).collect();

    assert_eq!(vec![(Some(4), None, 0x11)], told);
}

/// Analog output 0 is set, and read as these so often.
fn set_point(value: u8, reads: &[u8]) -> Vec<Vec<DifferentCell>> {
    let mut talk = Talk::to(20000);
    let command =
        |code: &[u8]| [&[0xc0, 0xc1], code, &[41, 2, 0x28, 1, 0, 0, 0, value, 0, 0]].concat();
    let (request, answer) = (command(&[5]), command(&[129, 0, 0]));
    talk.exchange(&dnp3(true, &request), &dnp3(false, &answer));
    for own in reads {
        let answer = [0xc0, 0xc0, 129, 0, 0, 40, 2, 0, 0, 0, 1, *own, 0];
        talk.exchange(&dnp3(true, &[0xc0, 0xc0, 1, 60, 1, 6]), &dnp3(false, &answer));
    }
    talk.readbacks().into_iter().map(|own| own.1).collect()
}

#[test]
fn a_set_point_is_read_back_as_the_state_of_its_output() {
    assert_eq!(vec![Vec::<DifferentCell>::new()], set_point(40, &[40]));
    assert_eq!(vec![different(0, 40.0, 9.0)], set_point(40, &[9; 9]));
}
