//! Addresses that a known behaviour did not read before.

use super::*;

/// Of each time the reads of one client leave: their addresses, and the frame of the latest new ones.
fn left(options: Options, reads: &[u8]) -> Vec<(Vec<(u32, u32)>, u64)> {
    let mut wire = Wire::to_port(502);
    wire.engine = Engine::new(options);
    wire.handshake();
    let (mut asked, mut answered) = (1, 1);
    for first in reads {
        let request = [0, 1, 0, 0, 0, 6, 1, 3, 0, *first, 0, 2];
        let answer = [0, 1, 0, 0, 0, 7, 1, 3, 4, 0, 1, 0, 2];
        wire.client(asked, answered, ACK, &request);
        asked += request.len() as u32;
        wire.server(answered, asked, ACK, &answer);
        answered += answer.len() as u32;
    }
    let found = wire.engine.drain().into_iter().filter_map(|seen| match seen {
        Observation::Behaviour(own) => Some((own.intervals, own.latest_frame.number)),
        _ => None,
    });
    found.collect()
}

#[test]
fn a_behaviour_leaves_again_when_it_reads_new_addresses_and_names_the_frame() {
    let options = Options { ranges: true, ..Options::default() };

    assert_eq!(
        vec![(vec![(10, 11)], 3), (vec![(10, 11), (100, 101)], 7)],
        left(options, &[10, 10, 100, 100])
    );
}

#[test]
fn without_the_option_it_leaves_once() {
    assert_eq!(vec![(vec![(10, 11)], 3)], left(Options::default(), &[10, 10, 100, 100]));
}
