//! Which pairs of addresses make room for new ones, and which stay.

use engine::dissectors::dissector::FrameId;
use engine::observation::Address;
use engine::packet::{Ip, Link, Mac};

use super::*;

/// Room for 16 pairs, of which a hardware address may hold `percent`.
fn small(percent: usize) -> Plant {
    Plant::with(Limits { addresses: 16, flows_per_source_percent: percent, ..Limits::default() })
}

fn of(all: &[Observation]) -> Vec<&Address> {
    let own = all.iter().filter_map(|own| match own {
        Observation::Address(own) => Some(&**own),
        _ => None,
    });
    own.collect()
}

/// The last bytes of the IPs that have left.
fn left(all: &[Observation]) -> Vec<u8> {
    of(all).iter().filter(|own| own.left).map(|own| last(own)).collect()
}

fn last(own: &Address) -> u8 {
    match own.ip {
        Some(std::net::IpAddr::V4(ip)) => ip.octets()[3],
        _ => panic!("every pair has an IP"),
    }
}

impl Plant {
    fn sends(&mut self, mac: Mac, ip: u8, arp: bool, time_ns: i64) {
        self.frame += 1;
        let link = Link {
            source: Some(mac),
            destination: None,
            vlan: None,
            tunnel: None,
            redundancy: None,
        };
        let own = [10, 0, 0, ip].into();
        let ip = Ip { source: own, destination: own, ttl: 64, id: None };
        let frame = FrameId { file: 0, number: self.frame };
        self.observer.address(&link, Some(&ip), arp, frame, time_ns);
    }

    /// A device sends, with the hardware address that `facts` has for it.
    fn device(&mut self, ip: u8, time_ns: i64) {
        self.sends([2, 0, 0, 0, 0, ip], ip, false, time_ns);
    }

    /// The flow of `facts` ended, or was counted.
    fn counted(&mut self, packets: (u64, u64), time_ns: i64) {
        let side = |packets| DirectionTotals {
            packets,
            last_seen_ns: time_ns,
            ..DirectionTotals::default()
        };
        let totals = FlowTotals {
            flows: 1,
            first_seen_ns: time_ns,
            last_seen_ns: time_ns,
            client: side(packets.0),
            server: side(packets.1),
            vain: false,
        };
        self.observer.flow_counted(&Arc::clone(&self.facts), self.memo, totals);
    }
}

#[test]
fn the_pair_that_was_silent_longest_makes_room_for_a_new_one() {
    let mut plant = small(100);
    for ip in 1..=16 {
        plant.device(ip, i64::from(ip) * SECOND);
    }
    plant.device(1, 20 * SECOND);
    let before = plant.flushed();
    plant.device(17, 21 * SECOND);
    plant.device(18, 22 * SECOND);
    let all = plant.flushed();

    assert_eq!((vec![], vec![2, 3]), (left(&before), left(&all)));
    let new: Vec<u8> = of(&all).iter().filter(|own| !own.left).map(|own| last(own)).collect();
    assert_eq!(vec![17, 18], new);
    assert_eq!(2, plant.counters.addresses_evicted);
    assert_eq!(0, plant.counters.addresses_overflow);
}

#[test]
fn made_up_senders_push_out_nobody_who_is_there() {
    let mut plant = small(100);
    // One reads from a controller, two talk, one sends now and then: all long before the flood.
    plant.device(1, SECOND);
    plant.device(200, SECOND);
    plant.read(0, 10, SECOND);
    let mut other = facts(3, 50_003);
    (other.protocol, other.server) = (None, facts(4, 80).client);
    plant.device(3, SECOND);
    plant.device(4, SECOND);
    (plant.facts, plant.memo) = (Arc::new(other), FlowMemo::default());
    plant.counted((5, 5), 2 * SECOND);
    for n in 0..3 {
        plant.sends([2, 0, 0, 0, 0, 5], 5, true, n * 6 * SECOND);
    }
    for n in 0..=255 {
        plant.sends([6, 6, 6, 6, 6, n], n, true, 100 * SECOND + i64::from(n));
    }
    let all = plant.flushed();

    let gone =
        of(&all).iter().filter(|own| own.left).map(|own| own.mac.unwrap()).collect::<Vec<_>>();
    assert_eq!(256 + 5 - 16, gone.len());
    assert!(gone.iter().all(|mac| mac[0] == 6), "{gone:?}");
}

#[test]
fn a_pair_that_talks_in_an_industrial_protocol_leaves_last() {
    let mut plant = small(100);
    plant.device(1, SECOND);
    plant.device(200, SECOND);
    plant.read(0, 10, SECOND);
    for ip in 10..60 {
        for n in 0..3 {
            plant.sends([2, 0, 0, 0, 0, ip], ip, true, i64::from(ip) * SECOND + n * 6 * SECOND);
        }
    }
    let all = plant.flushed();

    assert_eq!((10..46).collect::<Vec<u8>>(), left(&all));
}

#[test]
fn a_hardware_address_that_holds_its_share_makes_room_among_its_own() {
    let mut plant = small(25);
    for ip in 1..=4 {
        plant.device(ip, SECOND);
    }
    for ip in 100..200 {
        plant.sends([2, 0, 0, 0, 0, 99], ip, false, i64::from(ip) * SECOND);
    }
    let all = plant.flushed();

    assert_eq!((100..196).collect::<Vec<u8>>(), left(&all));
}

#[test]
fn a_pair_whose_flow_goes_on_comes_back_when_it_is_counted() {
    let mut plant = small(100);
    plant.device(1, SECOND);
    plant.device(200, SECOND);
    plant.read(0, 10, SECOND);
    let (own, memo) = (Arc::clone(&plant.facts), plant.memo);
    for client in 2..=17 {
        plant.facts = Arc::new(facts(client, 50_000));
        plant.memo = FlowMemo::default();
        plant.device(client, i64::from(client) * SECOND);
        plant.read(0, 10, i64::from(client) * SECOND);
    }
    let before = plant.flushed();
    (plant.facts, plant.memo) = (own, memo);
    plant.counted((7, 0), 60 * SECOND);
    let all = plant.flushed();

    assert_eq!(vec![1, 2], left(&before));
    let back: Vec<_> = of(&all)
        .iter()
        .filter(|own| last(own) == 1)
        .map(|own| (own.packets, own.last_seen_ns))
        .collect();
    assert_eq!(vec![(0, 60 * SECOND), (7, 60 * SECOND)], back);
}

#[test]
fn at_the_end_of_the_input_nothing_makes_room() {
    let mut plant = small(100);
    plant.observer.end();
    for ip in 1..=18 {
        plant.device(ip, i64::from(ip) * SECOND);
    }
    let all = plant.flushed();

    assert_eq!((vec![], 16), (left(&all), of(&all).len()));
    assert_eq!((0, 2), (plant.counters.addresses_evicted, plant.counters.addresses_overflow));
}

#[test]
fn an_ip_whose_holder_has_left_is_not_taken_back_from_it() {
    let mut plant = small(100);
    plant.device(1, SECOND);
    plant.sends([6, 0, 0, 0, 0, 1], 1, true, 2 * SECOND);
    plant.counted((5, 0), 50 * SECOND);
    for ip in 2..=16 {
        plant.device(ip, 10 * SECOND);
    }
    let all = plant.flushed();
    plant.device(1, 60 * SECOND);

    assert_eq!([6, 0, 0, 0, 0, 1], of(&all).iter().find(|own| own.left).unwrap().mac.unwrap());
    assert!(plant.taken().is_empty());
}
