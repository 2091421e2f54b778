//! After a clock that is set back everything is told as if it had not been.

use super::*;
use crate::observation::{Observation, RhythmKind};

const HOUR: i64 = 3_600 * SECOND;

/// A client and a server, beside hosts that always talk.
struct Site {
    wire: Wire,
    id: u8,
    asked: u32,
    answered: u32,
}

impl Site {
    fn new() -> Self {
        let mut wire = Wire::to_port(502);
        wire.engine = Engine::new(Options {
            rhythm: true,
            health: true,
            spoof: true,
            delta_ns: Some(10 * SECOND),
            early_ns: Some(SECOND / 2),
            ..Options::default()
        });
        wire.time_ns -= wire.time_ns.rem_euclid(60 * SECOND);
        let mut site = Self { wire, id: 0, asked: 1, answered: 1 };
        site.wire.handshake();
        site.poll(2);
        site
    }

    /// Other hosts talk for so many seconds.
    fn others(&mut self, seconds: u32) {
        for _ in 0..seconds * 2 {
            self.wire.time_ns += SECOND / 2;
            self.wire.packet(17, (7, 8), &[0, 99, 0, 99, 0, 12, 0, 0, 1, 2, 3, 4], 0);
        }
    }

    /// Asks to read (3) or to write (6).
    fn ask(&mut self, code: u8) {
        self.id = self.id.wrapping_add(1);
        let request = [0, self.id, 0, 0, 0, 6, 1, code, 0, self.id, 0, 1];
        self.wire.client(self.asked, self.answered, ACK, &request);
        self.asked += 12;
    }

    fn write(&mut self) {
        self.ask(6);
        let answer = [0, self.id, 0, 0, 0, 6, 1, 6, 0, self.id, 0, 1];
        self.wire.server(self.answered, self.asked, ACK, &answer);
        self.answered += 12;
    }

    fn poll(&mut self, times: u32) {
        for _ in 0..times {
            self.id = self.id.wrapping_add(1);
            self.wire.client(self.asked, self.answered, ACK, &read(self.id));
            self.asked += 12;
            self.wire.server(self.answered, self.asked, ACK, &answer(self.id));
            self.answered += 11;
            self.others(1);
        }
    }

    /// Says by ARP where it is, though nobody asked.
    fn announces(&mut self) {
        let mac = [2, 0, 0, 0, 0, 77];
        let mut bytes = vec![255; 6];
        bytes.extend(mac);
        bytes.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
        bytes.extend(mac);
        bytes.extend([10, 0, 0, 77, 0, 0, 0, 0, 0, 0, 10, 0, 0, 77]);
        self.wire.number += 1;
        self.wire.engine.push(&Frame {
            time_ns: self.wire.time_ns,
            file: 0,
            line: 0,
            number: self.wire.number,
            interface: 0,
            link_type: 1,
            original_len: bytes.len() as u32,
            bytes: &bytes,
        });
    }

    /// Loses a request, of which the next one shows that it was sent.
    fn loses(&mut self) {
        self.asked += 12;
        self.ask(3);
    }

    fn told(&mut self, wanted: fn(&Observation) -> bool) -> usize {
        self.wire.engine.drain().iter().filter(|one| wanted(one)).count()
    }
}

/// What is done before the clock may be set back, and after it; what is to be told then.
struct Case {
    name: &'static str,
    before: fn(&mut Site),
    after: fn(&mut Site),
    told: fn(&Observation) -> bool,
}

const CASES: [Case; 12] = [
    Case {
        name: "writes of a client that had told all that it may",
        before: |site| (0..600).for_each(|_| site.write()),
        after: |site| {
            (0..20).for_each(|_| {
                site.write();
                site.others(1);
            })
        },
        told: |one| matches!(one, Observation::Transaction(own) if own.class.is_change() && !own.awaits),
    },
    Case {
        name: "counts of conversations",
        before: |site| site.poll(20),
        after: |site| site.poll(30),
        told: |one| matches!(one, Observation::Conversation(own) if own.flow.server.port == 502),
    },
    Case {
        name: "bytes that cannot be read",
        before: |_| {},
        after: |site| {
            site.wire.client(site.asked, site.answered, ACK, &[0xff; 20]);
            site.others(20);
        },
        told: |one| matches!(one, Observation::Health(own) if own.unread_bytes > 0),
    },
    Case {
        name: "ARP that nobody asked for, minute by minute",
        before: |_| {},
        after: |site| {
            (0..3).for_each(|_| {
                site.announces();
                site.others(60);
            })
        },
        told: |one| matches!(one, Observation::Arp(_)),
    },
    Case {
        name: "what a conversation lost",
        before: Site::loses,
        after: |site| {
            site.loses();
            site.others(30);
        },
        told: |one| matches!(one, Observation::Loss(_)),
    },
    Case {
        name: "a request that waits for an answer when the clock is set back",
        before: |site| site.ask(6),
        after: |_| {},
        told: |one| matches!(one, Observation::Transaction(own) if !own.awaits && !own.answered),
    },
    Case {
        name: "a request that waits for an answer after that",
        before: |site| {
            site.ask(6);
            site.others(1);
        },
        after: |site| {
            site.ask(6);
            site.others(1);
        },
        told: |one| matches!(one, Observation::Transaction(own) if own.awaits),
    },
    Case {
        name: "segments behind a hole when the clock is set back",
        before: Site::loses,
        after: |_| {},
        told: |one| matches!(one, Observation::Loss(_)),
    },
    Case {
        name: "calls that nobody answers",
        before: |site| {
            (0..4).for_each(|_| {
                site.ask(3);
                site.others(5);
            })
        },
        after: |site| {
            (0..20).for_each(|_| {
                site.ask(3);
                site.others(5);
            })
        },
        told: |one| matches!(one, Observation::NoReply(_)),
    },
    Case {
        name: "a poll that ends",
        before: |site| site.poll(60),
        after: |site| {
            site.poll(60);
            site.others(60);
        },
        told: |one| matches!(one, Observation::Rhythm(own) if own.kind == RhythmKind::Overdue),
    },
    Case {
        name: "a poll that ends when the clock is set back",
        before: |site| site.poll(60),
        after: |site| site.others(320),
        told: |one| matches!(one, Observation::Rhythm(own) if own.kind == RhythmKind::Overdue),
    },
    Case {
        name: "a poll that begins",
        before: |site| site.poll(10),
        after: |site| site.poll(40),
        told: |one| matches!(one, Observation::Rhythm(own) if own.kind == RhythmKind::Periodic),
    },
];

/// What a case tells where the clock is set back by so much.
fn told(case: &Case, step_ns: i64) -> usize {
    let mut site = Site::new();
    (case.before)(&mut site);
    site.wire.engine.drain();
    site.wire.time_ns -= step_ns;
    site.others(40);
    (case.after)(&mut site);
    site.told(case.told)
}

#[test]
fn a_clock_that_is_set_back_silences_nothing() {
    let silenced: Vec<_> = CASES
        .iter()
        .map(|case| (case.name, told(case, 0), told(case, HOUR)))
        .filter(|(_, before, after)| *before == 0 || before != after)
        .collect();

    assert!(silenced.is_empty(), "{silenced:#?}");
}

#[test]
fn flows_that_are_silent_end_though_the_clock_was_set_back() {
    let active = |step_ns: i64| {
        let mut site = Site::new();
        site.wire.datagram(true, &[1, 2, 3, 4]);
        site.wire.time_ns -= step_ns;
        site.others(200);
        site.wire.count("flows_active")
    };

    // The connection, and those who always talk.
    assert_eq!((2, 2), (active(0), active(HOUR)));
}
