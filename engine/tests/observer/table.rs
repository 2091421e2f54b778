//! What is kept in the table of behaviours, and what has to go.

use super::*;

#[test]
fn an_identity_is_the_same_on_every_run_and_from_every_client_port() {
    let id = |port| {
        let mut plant = Plant::new();
        plant.facts = Arc::new(facts(1, port));
        plant.read(0, 10, SECOND);
        behaviours(&plant.taken())[0].id
    };

    // SHA-256 of the key's words, made apart from this program.
    assert_eq!(0xcf67_0243_b07e_d590_67db_d81e_f624_35ea, id(50_000));
    assert_eq!(id(50_000), id(50_001));
}

#[test]
fn the_oldest_on_probation_goes_first_and_its_count_is_kept_in_an_overflow_row() {
    let limits = Limits {
        behaviours: 100,
        behaviours_per_source_percent: 4,
        new_behaviours: (1, 1),
        ..Limits::default()
    };
    let mut plant = Plant::with(limits);
    for at in 0..10 {
        plant.write(at, 1, SECOND);
    }
    let all = plant.flushed();

    let overflow: Vec<_> =
        behaviours(&all).iter().filter(|own| own.overflow).map(|own| own.count).collect();
    let kept: Vec<_> = behaviours(&all)
        .iter()
        .filter(|own| !own.overflow && own.new && own.target.as_deref() != Some("hr:0"))
        .map(|own| own.target.clone().unwrap())
        .collect();
    assert_eq!(vec![5], overflow);
    assert_eq!(vec!["hr:8", "hr:9", "hr:6", "hr:7"], kept);
    assert_eq!(6, plant.counters.behaviours_evicted);
}

#[test]
fn what_lasts_is_never_evicted_for_something_new() {
    let limits = Limits { behaviours: 100, behaviours_per_source_percent: 2, ..Limits::default() };
    let mut plant = Plant::with(limits);
    for n in 0..5 {
        plant.write(1, 1, n * 30 * SECOND);
        plant.write(2, 1, n * 30 * SECOND);
    }
    plant.write(3, 1, 200 * SECOND);
    plant.write(1, 1, 200 * SECOND);
    let all = plant.flushed();

    let rows: Vec<_> = behaviours(&all)
        .iter()
        .filter(|own| own.last_seen_ns >= 120 * SECOND)
        .map(|own| (own.target.clone(), own.count, own.overflow))
        .collect();
    let row = |target: Option<&str>, count, overflow| (target.map(str::to_owned), count, overflow);
    assert_eq!(
        vec![row(Some("hr:1"), 6, false), row(Some("hr:2"), 5, false), row(None, 1, true)],
        rows
    );
    assert_eq!(0, plant.counters.behaviours_evicted);
}

#[test]
fn a_message_of_unknown_role_is_news_the_third_time() {
    let mut plant = Plant::new();
    let mut seen = Vec::new();
    for n in 0..3 {
        let mut odd = request(READ, 0, 1);
        odd.role = Role::Unknown;
        plant.pair(None, Some(odd), n * SECOND);
        seen.push(behaviours(&plant.taken()).len());
    }

    assert_eq!(vec![0, 0, 1], seen);
}

#[test]
fn a_flush_repeats_nothing_that_did_not_change() {
    let mut plant = Plant::new();
    plant.read(0, 1, SECOND);
    plant.flushed();

    assert_eq!(0, plant.flushed().len());
}

#[test]
fn new_behaviours_past_their_rate_leave_in_the_flush() {
    let mut plant = Plant::with(Limits { new_behaviours: (1, 2), ..Limits::default() });
    for at in 0..5 {
        plant.write(at, 1, SECOND);
    }
    let at_once = plant.taken();
    let later = plant.flushed();

    let new = |all: &[Observation]| behaviours(all).iter().filter(|own| own.new).count();
    assert_eq!((2, 3, 3), (new(&at_once), new(&later), plant.counters.suppressed_behaviours));
}

#[test]
fn intervals_stay_within_their_bound() {
    let mut plant = Plant::with(Limits { intervals: 3, ..Limits::default() });
    for first in [0, 1000, 2000, 2900, 60_000] {
        plant.read(first, 10, SECOND);
    }
    plant.taken();
    let all = plant.flushed();

    assert_eq!(vec![(0, 1009), (2000, 2909), (60_000, 60_009)], behaviours(&all)[0].intervals);
}
