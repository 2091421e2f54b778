//! Fragments in any order, twice, cut, disagreeing, too many.

use super::*;

const SECOND: i64 = 1_000_000_000;

/// A defragmenter with what it counted and the number of the next frame.
struct Bench {
    defragmenter: Defragmenter,
    counters: Counters,
    next: u64,
    time_ns: i64,
}

impl Bench {
    fn new(limits: &Limits) -> Self {
        let defragmenter = Defragmenter::new(limits);
        Self { defragmenter, counters: Counters::new(), next: 1, time_ns: 0 }
    }

    fn push_cut(
        &mut self,
        id: u32,
        offset: u32,
        more: bool,
        bytes: &[u8],
        cut: u32,
    ) -> Option<Whole> {
        let ip = Ip {
            source: IpAddr::from([10, 0, 0, 1]),
            destination: IpAddr::from([10, 0, 0, 2]),
            ttl: 64,
            id: Some(id),
        };
        let fragment = Fragment { protocol: 17, offset, more, bytes, cut, depth: 0 };
        let frame = FrameId { file: 0, number: self.next };
        self.next = self.next.saturating_add(1);
        self.defragmenter.push(
            &Link::default(),
            &ip,
            &fragment,
            frame,
            self.time_ns,
            &mut self.counters,
        )
    }

    fn push(&mut self, offset: u32, more: bool, bytes: &[u8]) -> Option<Whole> {
        self.push_cut(7, offset, more, bytes, 0)
    }

    fn dropped(&self) -> u64 {
        self.counters.ip_fragments_dropped
    }
}

fn bench() -> Bench {
    Bench::new(&Limits::default())
}

#[test]
fn fragments_in_any_order_give_the_same_whole() {
    let pieces: [(u32, bool, &[u8]); 3] =
        [(0, true, b"abcdefgh"), (8, true, b"ijklmnop"), (16, false, b"qrs")];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut bench = bench();
        let wholes: Vec<Whole> = order
            .iter()
            .filter_map(|n| {
                let (offset, more, bytes) = pieces[*n];
                bench.push(offset, more, bytes)
            })
            .collect();
        let [whole] = &wholes[..] else { panic!("one whole: {wholes:?}") };

        assert_eq!(b"abcdefghijklmnopqrs".as_slice(), whole.bytes);
        assert_eq!((0, false, 17), (whole.cut, whole.conflict, whole.protocol));
        assert_eq!(3, whole.frames.last.number);
        assert_eq!(vec![1, 2], whole.frames.earlier.iter().map(|id| id.number).collect::<Vec<_>>());
        assert_eq!((0, 1), (bench.defragmenter.cost, bench.counters.ip_fragments_joined));
    }
}

#[test]
fn a_fragment_seen_twice_changes_nothing() {
    let mut bench = bench();
    assert!(bench.push(0, true, b"abcdefgh").is_none());
    assert!(bench.push(0, true, b"abcdefgh").is_none());
    let whole = bench.push(8, false, b"ij").unwrap();

    assert_eq!((b"abcdefghij".as_slice(), false), (&whole.bytes[..], whole.conflict));
    assert_eq!(0, bench.counters.ip_fragment_overlaps);
    assert_eq!(1, whole.frames.earlier.len());
}

#[test]
fn where_fragments_disagree_the_first_copy_wins_and_it_is_told() {
    let mut bench = bench();
    assert!(bench.push(8, true, b"ijklmnop").is_none());
    assert!(bench.push(0, true, b"abcdefgh--------").is_none());
    let whole = bench.push(16, false, b"q").unwrap();

    assert_eq!((b"abcdefghijklmnopq".as_slice(), true), (&whole.bytes[..], whole.conflict));
    assert_eq!(1, bench.counters.ip_fragment_overlaps);
}

#[test]
fn an_overlap_with_the_same_bytes_is_no_conflict() {
    let mut bench = bench();
    assert!(bench.push(0, true, b"abcdefghijklmnop").is_none());
    let whole = bench.push(8, false, b"ijklmnopqr").unwrap();

    assert_eq!((b"abcdefghijklmnopqr".as_slice(), false), (&whole.bytes[..], whole.conflict));
}

#[test]
fn a_fragment_that_contradicts_the_end_is_dropped() {
    let mut bench = bench();
    assert!(bench.push(8, false, b"ij").is_none());
    assert!(bench.push(16, true, b"qrstuvwx").is_none());
    assert!(bench.push(8, false, b"i").is_none());
    let whole = bench.push(0, true, b"abcdefgh").unwrap();

    assert_eq!((b"abcdefghij".as_slice(), true), (&whole.bytes[..], whole.conflict));
    assert_eq!((2, 2), (bench.dropped(), bench.counters.ip_fragment_overlaps));
}

#[test]
fn packets_with_other_ids_are_kept_apart() {
    let mut bench = bench();
    assert!(bench.push_cut(1, 0, true, b"abcdefgh", 0).is_none());
    assert!(bench.push_cut(2, 8, false, b"ij", 0).is_none());
    let whole = bench.push_cut(1, 8, false, b"kl", 0).unwrap();

    assert_eq!(b"abcdefghkl".as_slice(), whole.bytes);
}

#[test]
fn a_cut_fragment_ends_what_can_be_read_of_the_whole() {
    let mut bench = bench();
    assert!(bench.push_cut(7, 0, true, b"abcd", 12).is_none());
    let whole = bench.push(16, false, b"qrs").unwrap();

    assert_eq!((b"abcd".as_slice(), 15), (&whole.bytes[..], whole.cut));
}

#[test]
fn a_fragment_past_the_longest_packet_or_without_bytes_is_dropped() {
    let mut bench = bench();
    assert!(bench.push(65_528, false, b"abcdefgh").is_none());
    assert!(bench.push(0, true, b"abcdefg").is_none());

    assert_eq!((2, 0), (bench.dropped(), bench.defragmenter.cost));
}

#[test]
fn fragments_wait_thirty_seconds_of_packet_time() {
    let mut bench = bench();
    assert!(bench.push(0, true, b"abcdefgh").is_none());
    bench.time_ns = 30 * SECOND;
    assert!(bench.push_cut(8, 0, true, b"abcdefgh", 0).is_none());
    assert_eq!(0, bench.dropped());
    bench.time_ns += 1;
    assert!(bench.push(8, false, b"ij").is_none());

    assert_eq!(1, bench.dropped());
}

#[test]
fn fragments_from_before_the_clock_was_set_back_wait_no_longer() {
    let mut bench = bench();
    bench.time_ns = i64::MAX;
    assert!(bench.push(0, true, b"abcdefgh").is_none());
    bench.time_ns = i64::MIN;

    assert!(bench.push(8, false, b"ij").is_none());
    assert_eq!(1, bench.dropped());
}

#[test]
fn a_packet_in_too_many_pieces_is_dropped() {
    let mut bench = bench();
    for piece in 0..65 {
        assert!(bench.push(piece * 16, true, b"abcdefgh").is_none());
    }

    assert_eq!((65, 0), (bench.dropped(), bench.defragmenter.cost));
}

#[test]
fn the_oldest_gives_way_when_the_bytes_of_all_reach_their_bound() {
    let limits = Limits { ip_fragment_total: 10_000, ..Limits::default() };
    let mut bench = Bench::new(&limits);
    for id in 0..1000 {
        assert!(bench.push_cut(id, 0, true, b"abcdefgh", 0).is_none());
        assert!(bench.defragmenter.cost <= 10_000);
    }

    assert!(bench.push_cut(0, 8, false, b"ij", 0).is_none());
    assert!(bench.push_cut(999, 8, false, b"ij", 0).is_some());
}

#[test]
fn what_still_waits_at_the_end_is_counted() {
    let mut bench = bench();
    assert!(bench.push(0, true, b"abcdefgh").is_none());
    assert!(bench.push(16, true, b"abcdefgh").is_none());
    bench.defragmenter.finish(&mut bench.counters);

    assert_eq!((2, 2), (bench.counters.ip_fragments, bench.dropped()));
}
