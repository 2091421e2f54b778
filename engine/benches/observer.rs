//! What an exchange, an observation and a line of the PDU log cost.
//!
//! `cargo bench -p engine --bench observer` prints nanoseconds per call: of a poll
//! that repeats in its flow, of polls of many flows, of writes, and of log lines.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a benchmark may stop at a fault of its own"
)]

use std::sync::Arc;
use std::time::Instant;

use dissectors::dissector::{Direction, FrameId, Frames, OpenRequest, Transport};
use dissectors::operation::{Class, Operation};
use dissectors::pdu::{Pdu, Role, Status};
use dissectors::registry::ProtocolId;
use dissectors::target::{Space, Span, Target};
use engine::PduLogging;
use engine::counters::Counters;
use engine::dissectors;
use engine::limits::Limits;
use engine::observation::{Endpoint, FlowFacts};
use engine::observer::{Answer, Asked, FlowMemo, Observer, Pair};

const ROUNDS: i64 = 1_000_000;
const RUNS: u32 = 3;

fn facts(id: u64) -> Arc<FlowFacts> {
    let end = |number: u64, port| Endpoint {
        mac: Some([0, 0, 0, 0, 0, 1]),
        ip: Some(std::net::Ipv4Addr::from(0x0a00_0000 + u32::try_from(number).unwrap_or(0)).into()),
        port,
    };
    Arc::new(FlowFacts {
        id,
        client: end(id % 16, 50_000),
        server: end(1000 + id, 502),
        vlan: None,
        interface: 0,
        transport: Transport::Tcp,
        protocol: Some(ProtocolId::Modbus),
        identified_by: None,
        confidence: 99,
        frame: FrameId::default(),
    })
}

/// A request and its answer for `count` registers.
fn exchange(operation: Operation, first: u32, count: u16) -> (Pdu, Pdu) {
    let mut request = Pdu::new(ProtocolId::Modbus, Role::Request, 3, operation);
    let target = Target::new(Space::new("hr"), Span::range(first, count.into()));
    request.unit(1u8).target(target).quantity(u32::from(count));
    let mut answer = request.clone();
    answer.role = Role::Response;
    answer.status(Status::Ok);
    let carrying = if operation.class().is_change() { &mut request } else { &mut answer };
    for register in 0..count {
        carrying.value(register);
    }
    (request, answer)
}

struct Bench {
    observer: Observer,
    counters: Counters,
    memos: Vec<(Arc<FlowFacts>, FlowMemo)>,
}

impl Bench {
    fn new(flows: u64) -> Self {
        Self {
            observer: Observer::new(&Limits::default(), &Asked::default()),
            counters: Counters::new(),
            memos: (0..flows).map(|id| (facts(id), FlowMemo::default())).collect(),
        }
    }

    /// Nanoseconds of one exchange, in a run of [`ROUNDS`].
    fn pairs(&mut self, exchanges: &[(Pdu, Pdu)]) -> u128 {
        let frames = Frames { last: FrameId { file: 0, number: 1 }, earlier: Vec::new() };
        let mut requests: Vec<OpenRequest> = exchanges
            .iter()
            .map(|(request, _)| OpenRequest {
                pdu: Box::new(request.clone()),
                direction: Direction::AToB,
                frames: frames.clone(),
                time_ns: 0,
            })
            .collect();
        let flows = self.memos.len();
        let start = now();
        for (round, time_ns) in (0..ROUNDS).enumerate() {
            let time_ns = time_ns * 1_000_000;
            let at = round % exchanges.len();
            let request = &mut requests[at];
            request.time_ns = time_ns;
            let answer = Answer { pdu: &exchanges[at].1, frames: &frames, time_ns: time_ns + 900 };
            let (facts, memo) = &mut self.memos[(round / exchanges.len()) % flows];
            let pair = Pair { request: Some(request), answer: Some(answer) };
            self.observer.pair(facts, memo, pair, &mut self.counters);
            if round % 256 == 0 {
                self.observer.take();
            }
        }
        start.elapsed().as_nanos() / ROUNDS.unsigned_abs() as u128
    }
}

/// Prints the fastest of some runs: other programs only add.
fn report(name: &str, mut run: impl FnMut() -> u128) {
    let fastest = (0..RUNS).map(|_| run()).min().unwrap_or_default();
    println!("{name:40} {fastest:6} ns");
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures the machine's time")]
fn now() -> Instant {
    Instant::now()
}

/// Nanoseconds of one line of the PDU log, in a run of [`ROUNDS`].
fn lines(answer: &Pdu) -> u128 {
    let mut observer =
        Observer::new(&Limits::default(), &Asked { pdu_log: PduLogging::Only, ..Asked::default() });
    let facts = facts(1);
    let start = now();
    for number in 1..=ROUNDS.unsigned_abs() {
        let frames = Frames { last: FrameId { file: 0, number }, earlier: Vec::new() };
        observer.frame(frames.last, None);
        let answer = Answer { pdu: answer, frames: &frames, time_ns: 1_700_000_000_123_456_789 };
        observer.pdu(&facts, answer, None);
        if number % 256 == 0 {
            observer.take_pdus();
        }
    }
    start.elapsed().as_nanos() / ROUNDS.unsigned_abs() as u128
}

fn main() {
    const READ: Operation = Operation::new("read_holding_registers", Class::Read);
    const WRITE: Operation = Operation::new("write_multiple_registers", Class::Write);
    let polls: Vec<_> = (0..8u32).map(|n| exchange(READ, n * 100, 10)).collect();
    let scan: Vec<_> = (0..60_000u32).map(|n| exchange(WRITE, n, 1)).collect();
    for (name, flows, exchanges) in [
        ("one poll of 10 registers", 1, &vec![exchange(READ, 0, 10)]),
        ("one poll of 125 registers", 1, &vec![exchange(READ, 0, 125)]),
        ("8 interleaved polls", 1, &polls),
        ("8 interleaved polls of 1000 flows", 1000, &polls),
        ("8 interleaved polls of 20000 flows", 20_000, &polls),
        ("one settled write of 10 registers", 1, &vec![exchange(WRITE, 0, 10)]),
        ("writes to 60000 objects", 1, &scan),
    ] {
        report(name, || Bench::new(flows).pairs(exchanges));
    }
    let (_, answer) = exchange(READ, 0, 10);
    report("one line of the PDU log", || lines(&answer));
}
