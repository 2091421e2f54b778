//! Claims, transfers, and what is said again.

use super::*;

#[test]
fn a_claim_leaves_once_and_is_counted() {
    let mut plant = Plant::new();
    let claim = sink::Claim {
        subject: Subject::Sender,
        attribute: Attribute::Vendor,
        value: "Acme".into(),
        source: "identify",
        confidence: 95,
    };
    let origin = Origin {
        protocol: ProtocolId::Modbus,
        from_client: false,
        frame: FrameId { file: 0, number: 9 },
        time_ns: SECOND,
    };
    for _ in 0..3 {
        plant.observer.claim(&plant.facts, &claim, origin);
    }
    let (first, last) = (plant.taken(), plant.flushed());

    let counts = |all: &[Observation]| {
        let own = |own: &Observation| match own {
            Observation::Claim(own) => Some((own.count, own.subject.port)),
            _ => None,
        };
        all.iter().filter_map(own).collect::<Vec<_>>()
    };
    assert_eq!((vec![(1, 502)], vec![(2, 502)]), (counts(&first), counts(&last)));
}

/// Sends `pieces` as one transfer; the last one ends it where `ends`.
fn transfer(plant: &mut Plant, pieces: &[&[u8]], ends: bool) {
    for (at, bytes) in pieces.iter().enumerate() {
        let content = sink::Content {
            transfer: 1,
            kind: ContentKind::Program,
            name: "OB1".into(),
            to_server: true,
            bytes: 0..bytes.len(),
            last: ends && at + 1 == pieces.len(),
        };
        let origin = Origin {
            protocol: ProtocolId::Modbus,
            from_client: true,
            frame: FrameId { file: 0, number: 1 + at as u64 },
            time_ns: SECOND,
        };
        plant.observer.content(&plant.facts, &content, bytes, origin, &mut plant.counters);
    }
}

#[test]
fn a_transfer_has_the_digest_of_all_its_pieces() {
    let mut plant = Plant::new();
    transfer(&mut plant, &[b"a", b"b", b"c"], true);
    let all = plant.taken();

    let [own] = contents(&all)[..] else { panic!("one transfer") };
    // FIPS 180-2, B.1: the digest of "abc".
    let start = [0xba, 0x78, 0x16, 0xbf];
    assert_eq!((3, true, start), (own.size, own.complete, *own.sha256.first_chunk().unwrap()));
    assert_eq!(b"abc", &*own.head);
}

#[test]
fn a_transfer_with_lost_bytes_or_without_its_end_is_not_complete() {
    let mut plant = Plant::new();
    transfer(&mut plant, &[b"a"], false);
    plant.observer.gap(&plant.facts, None, 0);
    transfer(&mut plant, &[b"c"], true);
    transfer(&mut plant, &[b"d"], false);
    plant.observer.flow_ended(&plant.facts);
    let all = plant.taken();

    let complete: Vec<_> = contents(&all).iter().map(|own| own.complete).collect();
    assert_eq!(vec![false, false], complete);
}

#[test]
fn a_transfer_past_the_bound_is_hashed_up_to_it() {
    let mut plant = Plant::with(Limits { content_bytes: 2, ..Limits::default() });
    transfer(&mut plant, &[b"abc", b"d"], true);
    let all = plant.taken();

    assert_eq!((2, false), (contents(&all)[0].size, contents(&all)[0].complete));
    assert_eq!(1, plant.counters.contents_dropped);
}

/// The serial numbers that leave when a device says these, each in a flow, and in the end.
fn left(said: &[(&str, u16)]) -> Vec<(String, u64, u64)> {
    let mut plant = Plant::new();
    for (at, (serial, flow)) in said.iter().enumerate() {
        let claim = sink::Claim {
            subject: Subject::Sender,
            attribute: Attribute::Serial,
            value: (*serial).into(),
            source: "identity",
            confidence: 95,
        };
        let at = u64::try_from(at).unwrap();
        let origin = Origin {
            protocol: ProtocolId::Modbus,
            from_client: false,
            frame: FrameId { file: 0, number: at + 1 },
            time_ns: i64::try_from(at).unwrap() * SECOND,
        };
        let facts = Arc::new(facts(1, *flow));
        plant.observer.claim(&facts, &claim, origin);
    }
    let mut observations = plant.taken();
    observations.extend(plant.flushed());
    let claims = observations.iter().filter_map(|observation| match observation {
        Observation::Claim(own) => Some((own.value.to_string(), own.count, own.flow_count)),
        _ => None,
    });
    claims.collect()
}

#[test]
fn what_is_said_again_and_again_leaves_once_and_is_counted_in_the_end() {
    assert_eq!(
        left(&[("A", 1), ("A", 1), ("A", 2), ("A", 3)]),
        [("A".into(), 1, 1), ("A".into(), 3, 2)]
    );
}

#[test]
fn another_value_leaves_until_it_is_settled() {
    let said = [("A", 1), ("B", 1), ("B", 1), ("B", 1), ("B", 1), ("B", 2), ("B", 2), ("B", 3)];

    assert_eq!(
        left(&said),
        [
            ("A".into(), 1, 1),
            ("B".into(), 1, 1),
            ("B".into(), 1, 0),
            ("B".into(), 1, 0),
            ("B".into(), 2, 1),
            ("B".into(), 2, 1),
        ]
    );
}

#[test]
fn a_value_that_comes_back_leaves_again() {
    let said = [("A", 1), ("B", 1), ("A", 1)];

    assert_eq!(left(&said), [("A".into(), 1, 1), ("B".into(), 1, 1), ("A".into(), 1, 0)]);
}
