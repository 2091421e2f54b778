//! Which conversations make room for new ones, and what is still known of them.

use engine::observation::Conversation;

use super::*;

/// Room for 16 conversations, of which a source may hold `percent`.
fn small(percent: usize) -> Plant {
    Plant::with(Limits {
        conversations: 16,
        flows_per_source_percent: percent,
        ..Limits::default()
    })
}

fn of(all: &[Observation]) -> Vec<&Conversation> {
    let own = all.iter().filter_map(|own| match own {
        Observation::Conversation(own) => Some(&**own),
        _ => None,
    });
    own.collect()
}

/// The clients of the conversations that have left.
fn left(all: &[Observation]) -> Vec<u16> {
    of(all).iter().filter(|own| own.left).map(|own| own.flow.client.port).collect()
}

impl Plant {
    /// A client, told by its port, reads at a time.
    fn reads(&mut self, client: u8, time_ns: i64) {
        self.facts = Arc::new(facts(client, 50_000 + u16::from(client)));
        self.memo = FlowMemo::default();
        self.read(0, 10, time_ns);
    }

    /// A flow of no industrial protocol to a port ended.
    fn other(&mut self, client: u8, port: u16, time_ns: i64) {
        let mut own = facts(client, port);
        (own.protocol, own.server.port) = (None, port);
        let one = DirectionTotals { packets: 1, bytes: 60, gap_bytes: 0, last_seen_ns: time_ns };
        let totals = FlowTotals {
            flows: 1,
            first_seen_ns: time_ns,
            last_seen_ns: time_ns,
            client: one,
            server: one,
            vain: false,
        };
        self.observer.flow_counted(&Arc::new(own), FlowMemo::default(), totals);
    }
}

#[test]
fn the_conversation_that_was_silent_longest_makes_room_for_a_new_one() {
    let mut plant = small(100);
    for client in 1..=16 {
        plant.reads(client, i64::from(client) * SECOND);
    }
    plant.reads(1, 20 * SECOND);
    let before = plant.flushed();
    plant.reads(17, 21 * SECOND);
    plant.reads(18, 22 * SECOND);
    let all = plant.flushed();

    assert_eq!((vec![], vec![50_002, 50_003]), (left(&before), left(&all)));
    assert_eq!(18, plant.counters.conversations);
    assert_eq!(2, plant.counters.conversations_evicted);
    assert_eq!(0, plant.counters.conversations_overflow);
}

#[test]
fn traffic_of_no_industrial_protocol_makes_room_before_a_conversation_of_one() {
    let mut plant = small(100);
    plant.reads(1, SECOND);
    for port in 1_000..1_040 {
        plant.other(2, port, i64::from(port) * SECOND);
    }
    plant.reads(1, 2_000 * SECOND);
    let all = plant.flushed();

    let expected: Vec<u16> = (1_000..1_025).collect();
    assert_eq!(expected, left(&all));
    assert_eq!(
        Some(2),
        of(&all).iter().filter(|own| own.id == 0).map(|own| own.answered_count).max()
    );
}

#[test]
fn a_source_that_holds_its_share_makes_room_among_its_own() {
    let mut plant = small(25);
    for client in 1..=4 {
        plant.other(client, 80, SECOND);
    }
    for port in 1_000..1_100 {
        plant.other(9, port, i64::from(port) * SECOND);
    }
    let all = plant.flushed();

    assert_eq!((1_000..1_096).collect::<Vec<u16>>(), left(&all));
}

#[test]
fn a_conversation_that_comes_back_goes_on_with_what_was_done_in_it() {
    let mut plant = small(100);
    for n in 0..5 {
        plant.facts = Arc::new(facts(1, 50_001));
        plant.read(0, 10, n * 30 * SECOND);
    }
    let first = plant.flushed();
    for client in 2..=18 {
        plant.reads(client, 200 * SECOND);
    }
    let flood = plant.flushed();
    assert_eq!(vec![50_001, 50_002], left(&flood));
    // The flow may have been silent all the time, and still know its old place.
    plant.facts = Arc::new(facts(1, 50_001));
    plant.memo = FlowMemo::default();
    plant.read(0, 10, 300 * SECOND);
    plant.write(0, 1, 301 * SECOND);
    let all = plant.flushed();

    let [told] = transactions(&all)[..] else { panic!("the write alone") };
    assert_eq!((6, 0), (told.history.read_count, told.history.change_count));
    assert_eq!(Some(18), told.conversation);
    let id = |all: &[Observation]| behaviours(all)[0].id;
    let again = behaviours(&all).into_iter().find(|own| own.id == id(&first)).unwrap();
    assert_eq!((false, 1), (again.new, again.count));
}

#[test]
fn a_flow_finds_that_its_conversation_has_left_while_it_was_silent() {
    let mut plant = small(100);
    plant.reads(1, SECOND);
    let (facts, memo) = (Arc::clone(&plant.facts), plant.memo);
    for client in 2..=18 {
        plant.reads(client, 2 * SECOND);
    }
    drop(plant.flushed());
    (plant.facts, plant.memo) = (facts, memo);
    plant.read(0, 10, 3 * SECOND);
    let all = plant.flushed();

    let own: Vec<_> =
        of(&all).iter().filter(|own| !own.left).map(|own| (own.id, own.flow.client.port)).collect();
    assert_eq!(vec![(18, 50_001), (18, 50_001)], own);
}

#[test]
fn sources_without_a_conversation_leave_room_for_others() {
    let mut plant = small(25);
    for client in 1..=200 {
        plant.other(client, 80, i64::from(client) * SECOND);
    }
    let all = plant.flushed();

    assert_eq!(184, left(&all).len());
    assert_eq!(0, plant.counters.conversations_overflow);
}
