//! What becomes of exchanges: what folds, what leaves, and in which order.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that fails may panic"
)]

mod addresses;
mod claims;
mod room;
mod table;
mod told;
mod wanted;

use std::sync::Arc;

use engine::counters::Counters;
use engine::dissectors::anomaly::Anomaly;
use engine::dissectors::dissector::{Direction, FrameId, Frames, OpenRequest, Transport};
use engine::dissectors::operation::{Class, Operation};
use engine::dissectors::pdu::{Pdu, Role, Status};
use engine::dissectors::registry::ProtocolId;
use engine::dissectors::sink::{self, Attribute, ContentKind, Subject};
use engine::dissectors::target::{Space, Span, Target};
use engine::dissectors::value::Value;
use engine::limits::Limits;
use engine::observation::{Behaviour, Content, Endpoint, FlowFacts, Observation, Transaction};
use engine::observer::{
    Answer, Asked, DirectionTotals, FlowMemo, FlowTotals, Observer, Origin, Pair,
};

const SECOND: i64 = 1_000_000_000;
const READ: Operation = Operation::new("read_holding_registers", Class::Read);
const WRITE: Operation = Operation::new("write_single_register", Class::Write);
const LOGIN: Operation = Operation::new("log_in", Class::AuthLogin);
const REFUSED: Status = Status::failed(2, "illegal_data_address");

/// A client on its flow to a server, and the observer behind it.
struct Plant {
    observer: Observer,
    counters: Counters,
    facts: Arc<FlowFacts>,
    memo: FlowMemo,
    frame: u64,
}

impl Plant {
    fn new() -> Self {
        Self::with(Limits::default())
    }

    fn with(limits: Limits) -> Self {
        Self {
            observer: Observer::new(&limits, &Asked::default()),
            counters: Counters::new(),
            facts: Arc::new(facts(1, 50_000)),
            memo: FlowMemo::default(),
            frame: 0,
        }
    }

    fn pair(&mut self, request: Option<Pdu>, answer: Option<Pdu>, time_ns: i64) {
        self.frame += 2;
        let frames = |number| Frames { last: FrameId { file: 0, number }, earlier: Vec::new() };
        let (asked, answered) = (frames(self.frame - 1), frames(self.frame));
        let request = request.map(|pdu| OpenRequest {
            pdu: Box::new(pdu),
            direction: Direction::AToB,
            frames: asked,
            time_ns,
        });
        let answer = answer.as_ref().map(|pdu| Answer {
            pdu,
            frames: &answered,
            time_ns: time_ns + 1_000_000,
        });
        let pair = Pair { request: request.as_ref(), answer };
        self.observer.pair(&self.facts, &mut self.memo, pair, &mut self.counters);
    }

    /// A request and an answer that went well.
    fn done(&mut self, request: Pdu, values: &[u16], time_ns: i64) {
        let mut answer = request.clone();
        answer.role = Role::Response;
        answer.values.clear();
        answer.status(Status::Ok);
        let reads = !request.class().is_change();
        for value in values.iter().filter(|_| reads) {
            answer.value(*value);
        }
        self.pair(Some(request), Some(answer), time_ns);
    }

    fn read(&mut self, first: u32, count: u32, time_ns: i64) {
        let mut request = request(READ, first, count);
        request.quantity(count);
        self.done(request, &[7], time_ns);
    }

    fn write(&mut self, at: u32, value: u16, time_ns: i64) {
        let mut request = request(WRITE, at, 1);
        request.value(value);
        self.done(request, &[], time_ns);
    }

    fn refused(&mut self, request: Pdu, time_ns: i64) {
        let mut answer = request.clone();
        answer.role = Role::Response;
        answer.status(REFUSED);
        self.pair(Some(request), Some(answer), time_ns);
    }

    fn taken(&mut self) -> Vec<Observation> {
        self.observer.take()
    }

    fn flushed(&mut self) -> Vec<Observation> {
        self.observer.flush(&mut self.counters);
        self.taken()
    }
}

fn facts(client: u8, port: u16) -> FlowFacts {
    let end = |last, port| Endpoint {
        mac: Some([2, 0, 0, 0, 0, last]),
        ip: Some([10, 0, 0, last].into()),
        port,
    };
    FlowFacts {
        id: port.into(),
        client: end(client, port),
        server: end(200, 502),
        vlan: None,
        interface: 0,
        transport: Transport::Tcp,
        protocol: Some(ProtocolId::Modbus),
        identified_by: None,
        confidence: 99,
        frame: FrameId::default(),
    }
}

fn request(operation: Operation, first: u32, count: u32) -> Pdu {
    let mut pdu = Pdu::new(ProtocolId::Modbus, Role::Request, 3, operation);
    pdu.unit(1u8).target(Target::new(Space::new("hr"), Span::range(first, count)));
    pdu
}

fn behaviours(observations: &[Observation]) -> Vec<&Behaviour> {
    let own = observations.iter().map(|observation| match observation {
        Observation::Behaviour(own) => Some(&**own),
        _ => None,
    });
    own.flatten().collect()
}

fn transactions(observations: &[Observation]) -> Vec<&Transaction> {
    let own = observations.iter().map(|observation| match observation {
        Observation::Transaction(own) => Some(&**own),
        _ => None,
    });
    own.flatten().collect()
}

fn contents(observations: &[Observation]) -> Vec<&Content> {
    let own = observations.iter().map(|observation| match observation {
        Observation::Content(own) => Some(&**own),
        _ => None,
    });
    own.flatten().collect()
}

#[test]
fn a_poll_is_one_behaviour_however_often_it_repeats() {
    let mut plant = Plant::new();
    for n in 0..1000 {
        plant.read(100, 10, n * SECOND);
    }
    let first = plant.taken();
    let last = plant.flushed();

    assert_eq!((1, 0), (behaviours(&first).len(), transactions(&first).len()));
    let [poll] = behaviours(&last)[..] else { panic!("one behaviour") };
    assert_eq!((1000, Some("hr")), (poll.count, poll.target.as_deref()));
    assert_eq!(vec![(100, 109)], poll.intervals);
    assert_eq!((Some(1e9), Some(0.0)), (poll.period_ns, poll.period_deviation_ns));
    assert_eq!(Some(1e6), poll.latency_ns);
    assert_eq!((true, false), (behaviours(&first)[0].new, poll.new));
}

#[test]
fn addresses_near_each_other_are_one_interval_and_far_ones_are_not() {
    let mut plant = Plant::new();
    for first in [0, 14, 1000, 5, 20_000] {
        plant.read(first, 10, SECOND);
    }
    plant.taken();
    let all = plant.flushed();

    assert_eq!(vec![(0, 23), (1000, 1009), (20_000, 20_009)], behaviours(&all)[0].intervals);
}

#[test]
fn interleaved_polls_of_one_operation_keep_their_period() {
    let mut plant = Plant::new();
    for n in 0..100 {
        plant.read(0, 10, n * SECOND);
        plant.read(500, 10, n * SECOND + 10_000_000);
    }
    plant.taken();
    let all = plant.flushed();

    assert_eq!(Some(1e9), behaviours(&all)[0].period_ns);
    assert_eq!(0, behaviours(&all)[0].values.as_ref().unwrap().change_count);
}

#[test]
fn a_write_is_a_behaviour_of_its_exact_object_and_leaves_by_itself() {
    let mut plant = Plant::new();
    plant.write(4, 1, SECOND);
    plant.write(5, 1, SECOND);
    let all = plant.taken();

    let targets: Vec<_> = behaviours(&all).iter().map(|own| own.target.as_deref()).collect();
    assert_eq!(vec![Some("hr:4"), Some("hr:5")], targets);
    let [first, _] = transactions(&all)[..] else { panic!("two writes") };
    assert_eq!(
        (vec!["hr:4".to_owned()], vec![Value::Unsigned(1)]),
        (first.targets.clone(), first.values.clone())
    );
    assert_eq!(
        (true, Status::Ok, Some(1_000_000)),
        (first.answered, first.status, first.latency_ns)
    );
}

#[test]
fn a_settled_write_is_silent_until_it_carries_another_value() {
    let mut plant = Plant::new();
    for n in 0..300 {
        plant.write(4, u16::try_from(n % 2).unwrap(), n * SECOND);
    }
    plant.taken();
    plant.write(4, 1, 300 * SECOND);
    let usual = plant.taken();
    plant.write(4, 999, 301 * SECOND);
    let unusual = plant.taken();

    assert_eq!((0, 1), (transactions(&usual).len(), transactions(&unusual).len()));
    assert!(plant.counters.settled_writes > 0);
}

#[test]
fn a_settled_write_of_many_values_is_silent_within_their_range() {
    let mut plant = Plant::new();
    for n in 0..300 {
        plant.write(4, u16::try_from(n % 100).unwrap(), n * SECOND);
    }
    plant.taken();
    plant.write(4, 50, 300 * SECOND);
    plant.write(4, 101, 301 * SECOND);

    let outside: Vec<_> =
        transactions(&plant.taken()).iter().map(|own| own.values.clone()).collect();
    assert_eq!(vec![vec![Value::Unsigned(101)]], outside);
}

#[test]
fn a_settled_write_that_is_refused_leaves() {
    let mut plant = Plant::new();
    for n in 0..200 {
        plant.write(4, 1, n * SECOND);
    }
    plant.taken();
    let mut write = request(WRITE, 4, 1);
    write.value(1u16);
    plant.refused(write, 200 * SECOND);

    assert_eq!(REFUSED, transactions(&plant.taken())[0].status);
}

#[test]
fn a_refused_read_leaves_and_a_habit_of_them_is_counted() {
    let mut plant = Plant::new();
    for n in 0..100 {
        plant.refused(request(READ, 0, 1), n * 1000);
    }
    let all = plant.taken();

    assert_eq!(20, transactions(&all).len());
    assert_eq!(80, plant.counters.suppressed_notable);
}

#[test]
fn a_request_without_answer_leaves_as_such() {
    let mut plant = Plant::new();
    plant.pair(Some(request(WRITE, 4, 1)), None, SECOND);
    let all = plant.taken();

    let [own] = transactions(&all)[..] else { panic!("one transaction") };
    assert_eq!((false, Status::None, None), (own.answered, own.status, own.latency_ns));
}

#[test]
fn a_read_that_stays_unanswered_leaves_a_few_times_and_then_as_its_count_doubles() {
    let mut plant = Plant::new();
    let mut read = request(READ, 0, 1);
    read.anomaly(Anomaly::Unanswered);
    for n in 0..100 {
        plant.pair(Some(read.clone()), None, n * 60 * SECOND);
    }

    // 1 to 8, then 16, 32 and 64.
    assert_eq!(11, transactions(&plant.taken()).len());
    assert_eq!(89, plant.counters.suppressed_notable);
}

#[test]
fn a_refused_log_in_is_auth_fail() {
    let mut plant = Plant::new();
    plant.refused(request(LOGIN, 0, 1), SECOND);

    assert_eq!(Class::AuthFail, transactions(&plant.taken())[0].class);
}

#[test]
fn history_is_what_was_done_before() {
    let mut plant = Plant::new();
    for n in 0..3 {
        plant.read(0, 1, n * SECOND);
    }
    plant.write(1, 1, 3 * SECOND);
    plant.write(2, 1, 4 * SECOND);

    let all = plant.taken();
    let history: Vec<_> = transactions(&all)
        .iter()
        .map(|own| (own.history.read_count, own.history.change_count, own.history.first_seen_ns))
        .collect();
    assert_eq!(vec![(3, 0, 0), (3, 1, 0)], history);
}

#[test]
fn an_anomaly_leaves_by_itself_but_never_of_cyclic_data() {
    let mut plant = Plant::new();
    let mut odd = request(READ, 0, 1);
    odd.anomaly(Anomaly::TrailingBytes);
    let mut cyclic = odd.clone();
    cyclic.cyclic = true;
    plant.done(odd, &[1], SECOND);
    plant.done(cyclic, &[1], 2 * SECOND);

    assert_eq!(1, transactions(&plant.taken()).len());
}

#[test]
fn notable_operations_past_their_rate_are_counted() {
    let mut plant = Plant::with(Limits { notable: (1, 5), ..Limits::default() });
    for at in 0..8 {
        plant.write(at, 1, SECOND);
    }

    assert_eq!(5, transactions(&plant.taken()).len());
    assert_eq!(3, plant.counters.suppressed_notable);
}

#[test]
fn the_parts_of_a_message_are_behaviours_each_and_count_once() {
    let mut plant = Plant::new();
    for n in 0..2 {
        let mut read = Pdu::new(ProtocolId::Modbus, Role::Request, 3, READ);
        let mut answer = Pdu::new(ProtocolId::Modbus, Role::Response, 3, READ);
        answer.status(Status::Ok);
        for (space, first) in [("g1", 0), ("g1", 500), ("g30", 0)] {
            let target = Target::new(Space::new(space), Span::range(first, 4));
            read.item(Some(target.clone()));
            answer.item(Some(target));
            answer.value(9u16);
        }
        plant.pair(Some(read), Some(answer), n * SECOND);
    }
    let all = plant.flushed();

    let counts: Vec<_> = behaviours(&all)
        .iter()
        .map(|own| (own.target.clone().unwrap(), own.count))
        .skip(2)
        .collect();
    assert_eq!(vec![("g1".to_owned(), 2), ("g30".to_owned(), 2)], counts);
    assert_eq!(vec![(0, 3), (500, 503)], behaviours(&all)[2].intervals);
}

#[test]
fn what_a_class_poll_brings_back_is_a_behaviour_per_object_group() {
    let mut plant = Plant::new();
    let mut poll = Pdu::new(ProtocolId::Modbus, Role::Request, 1, READ);
    poll.item(Some(Target::new(Space::new("g60v1"), Span::Whole)));
    let mut answer = Pdu::new(ProtocolId::Modbus, Role::Response, 129, READ);
    answer.status(Status::Ok);
    for (group, value) in [(1, 5u16), (30, 6)] {
        answer.item(Some(Target::new(Space::numbered("g", group), Span::range(0, 1))));
        answer.value(value);
    }
    plant.pair(Some(poll), Some(answer), SECOND);

    let all = plant.taken();
    let rows: Vec<_> =
        behaviours(&all).iter().map(|own| (own.role, own.target.clone().unwrap())).collect();
    let row = |role, target: &str| (role, target.to_owned());
    assert_eq!(
        vec![row(Role::Request, "g60v1"), row(Role::Response, "g1"), row(Role::Response, "g30")],
        rows
    );
}

#[test]
fn a_write_among_reads_decides_what_leaves() {
    let mut plant = Plant::new();
    let mut mixed = Pdu::new(ProtocolId::Modbus, Role::Request, 3, READ);
    mixed.item(Some(Target::new(Space::new("a"), Span::Whole)));
    let item = mixed.item(Some(Target::new(Space::new("b"), Span::Whole))).unwrap();
    item.class = Some(Class::Write);
    plant.done(mixed, &[], SECOND);

    let all = plant.taken();
    let [own] = transactions(&all)[..] else { panic!("one transaction") };
    assert_eq!((Class::Write, vec!["b".to_owned()]), (own.class, own.targets.clone()));
}

#[test]
fn the_same_input_gives_the_same_observations_in_the_same_order() {
    let run = || {
        let mut plant = Plant::with(Limits { behaviours: 64, ..Limits::default() });
        for n in 0..400u32 {
            plant.facts = Arc::new(facts(u8::try_from(n % 16).unwrap(), 50_000));
            plant.memo = FlowMemo::default();
            plant.write(n % 37, 1, i64::from(n) * SECOND);
        }
        let mut all = plant.taken();
        all.extend(plant.flushed());
        format!("{all:?}")
    };

    assert_eq!(run(), run());
}

#[test]
fn a_conversation_adds_its_flows_up() {
    let mut plant = Plant::new();
    for port in [50_000, 50_001] {
        let own = Arc::new(facts(1, port));
        let mut memo = FlowMemo::default();
        plant.observer.identified(&own, &mut memo, SECOND);
        let sent =
            DirectionTotals { packets: 3, bytes: 300, gap_bytes: 1, last_seen_ns: 2 * SECOND };
        let totals = FlowTotals {
            flows: 1,
            first_seen_ns: SECOND,
            last_seen_ns: 2 * SECOND,
            client: sent,
            server: DirectionTotals::default(),
            vain: port == 50_001,
        };
        plant.observer.flow_counted(&own, memo, totals);
    }
    let mut all = plant.taken();
    all.extend(plant.flushed());

    let rows: Vec<_> = all
        .iter()
        .filter_map(|own| match own {
            Observation::Conversation(own) => Some(&**own),
            _ => None,
        })
        .collect();
    let [first, last] = rows[..] else { panic!("new once, and its counts") };
    assert_eq!((true, 0, false), (first.new, first.packets, last.new));
    assert_eq!((2, 6, 600, 2), (last.flow_count, last.packets, last.bytes, last.gap_bytes));
    assert_eq!(1, last.vain_count);
    assert!(last.one_sided);
    assert_eq!(first.id, last.id);
}

#[test]
fn a_layer_that_only_opens_connections_gives_its_name_to_the_one_inside() {
    let mut plant = Plant::new();
    plant.facts = Arc::new(FlowFacts { protocol: Some(ProtocolId::Cotp), ..facts(1, 50_000) });
    plant.observer.identified(&plant.facts, &mut plant.memo, SECOND);
    let open = Operation::new("open_connection", Class::SessionOpen);
    plant.pair(Some(Pdu::new(ProtocolId::Cotp, Role::Request, 0, open)), None, SECOND);
    let mut read = request(READ, 0, 1);
    read.protocol = ProtocolId::S7comm;
    plant.done(read, &[1], 2 * SECOND);
    let all = plant.flushed();

    let named: Vec<_> = all
        .iter()
        .filter_map(|own| match own {
            Observation::Conversation(own) => Some((own.protocol, own.new)),
            _ => None,
        })
        .collect();
    assert_eq!(vec![(Some(ProtocolId::S7comm), true), (Some(ProtocolId::S7comm), false)], named);
}

#[test]
fn sequence_rises_with_every_observation() {
    let mut plant = Plant::new();
    plant.write(1, 1, SECOND);
    let mut all = plant.taken();
    all.extend(plant.flushed());

    let mut numbers: Vec<u64> = all.iter_mut().map(|own| *own.sequence_mut()).collect();
    assert_eq!((1..=numbers.len() as u64).collect::<Vec<_>>(), {
        numbers.sort_unstable();
        numbers
    });
}
