//! Which claims make room for new ones, and what is told of those that come back.

use engine::observation::Claim;

use super::*;

/// Room for 16 claims, of which those about one device may be `percent`.
fn small(percent: usize) -> Plant {
    Plant::with(Limits { claims: 16, flows_per_source_percent: percent, ..Limits::default() })
}

fn of(all: &[Observation]) -> Vec<&Claim> {
    let own = all.iter().filter_map(|own| match own {
        Observation::Claim(own) => Some(&**own),
        _ => None,
    });
    own.collect()
}

/// Device and value of each claim, with how often it was said since it was told last.
fn told(all: &[Observation]) -> Vec<(u8, String, u64)> {
    let device = |own: &Claim| own.subject.mac.unwrap()[5];
    of(all).iter().map(|own| (device(own), own.value.to_string(), own.count)).collect()
}

impl Plant {
    /// A device says its serial number.
    fn says(&mut self, device: u8, serial: &str, time_ns: i64) {
        self.frame += 1;
        let claim = sink::Claim {
            subject: Subject::Sender,
            attribute: Attribute::Serial,
            value: serial.into(),
            source: "identity",
            confidence: 95,
        };
        let origin = Origin {
            protocol: ProtocolId::Modbus,
            from_client: true,
            frame: FrameId { file: 0, number: self.frame },
            time_ns,
        };
        self.observer.claim(&Arc::new(facts(device, 50_000)), &claim, origin);
    }

    /// How many claims there were so far.
    fn made(&mut self) -> u64 {
        drop(self.flushed());
        self.counters.claims
    }

    /// The devices whose claim is a new one when they say who they are again.
    fn gone(&mut self, devices: std::ops::RangeInclusive<u8>) -> Vec<u8> {
        let is_new = |device: &u8| {
            let before = self.made();
            self.says(*device, "own", 1_000 * SECOND);
            self.made() > before
        };
        devices.filter(is_new).collect()
    }
}

#[test]
fn the_claim_that_was_not_said_for_longest_makes_room_for_a_new_one() {
    let mut plant = small(100);
    for device in 1..=16 {
        plant.says(device, "own", i64::from(device) * SECOND);
    }
    let before = plant.flushed();
    plant.says(17, "own", 20 * SECOND);
    let all = plant.flushed();

    assert_eq!((16, vec![(17, "own".into(), 1)]), (told(&before).len(), told(&all)));
    assert_eq!((17, 1), (plant.counters.claims, plant.counters.claims_evicted));
    assert_eq!(Vec::<u8>::new(), plant.gone(2..=17));
    assert_eq!(vec![1], plant.gone(1..=1));
}

#[test]
fn what_made_up_devices_say_pushes_out_nothing_that_was_said_again() {
    let mut plant = small(100);
    for time in 0..3 {
        for device in 1..=8 {
            plant.says(device, "own", time * SECOND);
        }
    }
    for device in 20..=255 {
        plant.says(device, "made up", 100 * SECOND + i64::from(device));
    }

    assert_eq!(Vec::<u8>::new(), plant.gone(1..=8));
    assert_eq!(8 + 236 - 16, plant.counters.claims_evicted);
}

#[test]
fn no_claim_is_hidden_however_many_there_were() {
    let mut plant = small(100);
    for device in 1..=255 {
        plant.says(device, "own", i64::from(device) * SECOND);
    }
    let all = plant.flushed();

    let expected: Vec<_> = (1..=255).map(|device| (device, "own".into(), 1)).collect();
    assert_eq!(expected, told(&all));
}

#[test]
fn a_device_that_says_ever_new_values_makes_room_among_its_own() {
    let mut plant = small(25);
    for device in 1..=4 {
        plant.says(device, "own", SECOND);
    }
    for number in 0..100 {
        plant.says(99, &format!("{number}"), (10 + number) * SECOND);
    }

    assert_eq!(Vec::<u8>::new(), plant.gone(1..=4));
    assert_eq!(96, plant.counters.claims_evicted);
}

#[test]
fn what_was_said_of_a_claim_that_leaves_is_told_and_counts_on_when_it_comes_back() {
    let mut plant = small(100);
    for time in 0..5 {
        plant.says(1, "own", time * SECOND);
    }
    for device in 2..=17 {
        plant.says(device, "own", 10 * SECOND);
        plant.says(device, "own", 11 * SECOND);
    }
    plant.says(1, "own", 20 * SECOND);
    plant.says(1, "own", 21 * SECOND);
    let all = plant.flushed();

    let own: Vec<u64> = of(&all)
        .iter()
        .filter(|own| own.subject.mac.unwrap()[5] == 1)
        .map(|own| own.count)
        .collect();
    assert_eq!(vec![1, 4, 1, 1], own);
    let said: u64 = of(&all).iter().map(|own| own.count).sum();
    assert_eq!(7 + 32, said, "nothing is counted twice, and nothing is lost");
}

#[test]
fn a_value_said_instead_of_another_leaves_at_once_though_claims_have_left() {
    let mut plant = small(100);
    plant.says(1, "A", SECOND);
    for device in 20..=60 {
        plant.says(device, "made up", 2 * SECOND);
    }
    plant.says(1, "B", 100 * SECOND);
    plant.says(1, "A", 101 * SECOND);
    let all = plant.taken();

    let own: Vec<_> = told(&all).into_iter().filter(|own| own.0 == 1).collect();
    assert_eq!(vec![(1, "A".into(), 1), (1, "B".into(), 1), (1, "A".into(), 1)], own);
}

#[test]
fn of_claims_that_were_said_again_the_one_silent_longest_leaves_first() {
    let mut plant = small(100);
    for device in 1..=16 {
        plant.says(device, "own", SECOND);
        plant.says(device, "own", i64::from(30 - device) * SECOND);
    }
    plant.says(17, "own", 40 * SECOND);

    assert_eq!(vec![16], plant.gone(16..=16));
    assert_eq!(18, plant.made());
}

#[test]
fn claims_are_told_in_the_order_in_which_they_were_said_first() {
    let mut plant = small(100);
    for device in 1..=16 {
        plant.says(device, "own", i64::from(16 - device) * SECOND);
    }
    for device in [17, 18] {
        plant.says(device, "own", 20 * SECOND);
    }
    drop(plant.flushed());
    for device in [18, 17, 2] {
        plant.says(device, "own", 21 * SECOND);
    }

    let order: Vec<u8> = told(&plant.flushed()).iter().map(|own| own.0).collect();
    assert_eq!(vec![2, 17, 18], order);
}

#[test]
fn a_device_whose_claims_have_left_may_say_as_much_again() {
    let mut plant = small(25);
    for number in 0..4 {
        plant.says(99, &format!("{number}"), SECOND);
    }
    for device in 1..=16 {
        plant.says(device, "own", 2 * SECOND);
    }
    for number in 0..4 {
        plant.says(99, &format!("again {number}"), 3 * SECOND);
    }

    assert_eq!((24, 8), (plant.made(), plant.counters.claims_evicted));
}
