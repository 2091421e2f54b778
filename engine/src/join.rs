//! Application messages that come in fragments, joined to a whole.
//!
//! DNP3 transport segments, COTP data units without end mark, S7 user data:
//! the dissector says what belongs together, the engine keeps it. A whole with
//! a part missing is never delivered.

use dissectors::dissector::{Direction, FrameId};
use dissectors::registry::ProtocolId;
use dissectors::sink::Part;

use crate::dissect::add_frame;
use crate::limits::Limits;

/// One message of which fragments were seen.
#[derive(Debug)]
struct Join {
    protocol: ProtocolId,
    direction: Direction,
    key: u64,
    sequence: Option<(u16, u16)>,
    bytes: Vec<u8>,
    frames: Vec<FrameId>,
    time_ns: i64,
}

/// The messages of one flow of which fragments were seen.
#[derive(Debug, Default)]
pub(crate) struct Joins {
    open: Vec<Join>,
}

/// What a fragment led to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Joined {
    /// The whole is the fragment itself.
    Alone,
    /// The whole, and the frames of the fragments before this one.
    Whole(Vec<u8>, Vec<FrameId>),
    /// More is to come; of a whole given up on the way, `dropped` says so.
    Waiting {
        /// Whether an earlier whole with this key was given up.
        dropped: bool,
    },
    /// The fragment came twice.
    Repeated,
    /// It belongs to nothing that was seen from its start on.
    Missing,
    /// The whole is longer than its protocol allows.
    TooLong,
}

/// A fragment on its way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub protocol: ProtocolId,
    pub direction: Direction,
    pub key: u64,
    pub part: Part,
    pub frame: FrameId,
    pub time_ns: i64,
}

impl Joins {
    /// Takes a fragment in. `total` counts the bytes that wait in all flows.
    pub fn fragment(
        &mut self,
        arrival: &Arrival,
        earlier: &[FrameId],
        bytes: &[u8],
        limits: &Limits,
        total: &mut usize,
    ) -> Joined {
        let Arrival { protocol, direction, key, part, frame, time_ns } = *arrival;
        let at = self.open.iter().position(|join| {
            join.protocol == protocol && join.direction == direction && join.key == key
        });
        if part.first {
            let dropped = at.map(|at| self.give_up(at, total)).is_some();
            if part.last {
                return Joined::Alone;
            }
            if self.open.len() >= limits.joins_per_flow {
                self.give_up(0, total);
            }
            if bytes.len() > limits.join_bytes
                || total.saturating_add(bytes.len()) > limits.carry_total
            {
                return Joined::Missing;
            }
            *total = total.saturating_add(bytes.len());
            let mut frames = Vec::new();
            earlier.iter().for_each(|frame| add_frame(&mut frames, *frame));
            add_frame(&mut frames, frame);
            self.open.push(Join {
                protocol,
                direction,
                key,
                sequence: part.sequence,
                bytes: bytes.to_vec(),
                frames,
                time_ns,
            });
            return Joined::Waiting { dropped };
        }
        let Some(at) = at else { return Joined::Missing };
        let Some(join) = self.open.get_mut(at) else { return Joined::Missing };
        if let (Some((before, modulus)), Some((now, _))) = (join.sequence, part.sequence) {
            if now == before {
                return Joined::Repeated;
            }
            let wanted = before
                .wrapping_add(1)
                .checked_rem(modulus)
                .unwrap_or_else(|| before.wrapping_add(1));
            if now != wanted {
                self.give_up(at, total);
                return Joined::Missing;
            }
        }
        let late = time_ns.saturating_sub(join.time_ns) > limits.fragment_ns;
        let length = join.bytes.len().saturating_add(bytes.len());
        if !late && length > protocol.longest_joined() {
            self.give_up(at, total);
            return Joined::TooLong;
        }
        if late
            || length > limits.join_bytes
            || total.saturating_add(bytes.len()) > limits.carry_total
        {
            self.give_up(at, total);
            return Joined::Missing;
        }
        join.sequence = part.sequence;
        join.time_ns = time_ns;
        join.bytes.extend_from_slice(bytes);
        *total = total.saturating_add(bytes.len());
        earlier.iter().for_each(|frame| add_frame(&mut join.frames, *frame));
        if !part.last {
            add_frame(&mut join.frames, frame);
            return Joined::Waiting { dropped: false };
        }
        let mut join = self.open.remove(at);
        *total = total.saturating_sub(join.bytes.len());
        join.frames.retain(|earlier| *earlier != frame);
        Joined::Whole(join.bytes, join.frames)
    }

    fn give_up(&mut self, at: usize, total: &mut usize) {
        let join = self.open.remove(at);
        *total = total.saturating_sub(join.bytes.len());
    }

    /// Gives up what is open in one direction, after a gap; says how many.
    pub fn gap(&mut self, direction: Direction, total: &mut usize) -> u64 {
        let before = self.open.len();
        self.open.retain(|join| {
            let keep = join.direction != direction;
            if !keep {
                *total = total.saturating_sub(join.bytes.len());
            }
            keep
        });
        u64::try_from(before.saturating_sub(self.open.len())).unwrap_or_default()
    }

    /// Gives up everything, at the end of a flow.
    pub fn finish(&mut self, total: &mut usize) -> u64 {
        let open = std::mem::take(&mut self.open);
        for join in &open {
            *total = total.saturating_sub(join.bytes.len());
        }
        u64::try_from(open.len()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(first: bool, last: bool, sequence: Option<u16>, number: u64) -> Arrival {
        Arrival {
            protocol: ProtocolId::FIRST,
            direction: Direction::AToB,
            key: 1,
            part: Part { first, last, sequence: sequence.map(|at| (at, 64)) },
            frame: FrameId { file: 0, number },
            time_ns: 0,
        }
    }

    /// Feeds fragments of one byte each, their own number; the last outcome.
    fn feed(fragments: &[(bool, bool, Option<u16>)]) -> (Joined, usize) {
        let (mut joins, mut total) = (Joins::default(), 0);
        let mut outcome = Joined::Missing;
        for (number, (first, last, sequence)) in (1..).zip(fragments) {
            let arrival = arrival(*first, *last, *sequence, number);
            let byte = [u8::try_from(number).unwrap()];
            outcome = joins.fragment(&arrival, &[], &byte, &Limits::default(), &mut total);
        }
        (outcome, total)
    }

    #[test]
    fn a_whole_that_is_longer_than_its_protocol_allows_is_given_up_and_told() {
        let (mut joins, mut total) = (Joins::default(), 0);
        let mut fragment = |first, number: u64| {
            let arrival =
                Arrival { protocol: ProtocolId::Dnp3, ..arrival(first, false, None, number) };
            joins.fragment(&arrival, &[], &[0; 249], &Limits::default(), &mut total)
        };
        let outcomes: Vec<_> = (1..=51).map(|number| fragment(number == 1, number)).collect();

        assert_eq!(Joined::Waiting { dropped: false }, outcomes[48]);
        assert_eq!([Joined::TooLong, Joined::Missing], outcomes[49..]);
        assert_eq!(0, total);
    }

    fn frame(number: u64) -> FrameId {
        FrameId { file: 0, number }
    }

    #[test]
    fn fragments_become_their_whole() {
        let joined =
            feed(&[(true, false, Some(62)), (false, false, Some(63)), (false, true, Some(0))]);

        assert_eq!((Joined::Whole(vec![1, 2, 3], vec![frame(1), frame(2)]), 0), joined);
    }

    #[test]
    fn a_whole_of_one_fragment_waits_for_nothing() {
        assert_eq!((Joined::Alone, 0), feed(&[(true, true, Some(9))]));
    }

    #[test]
    fn a_missing_part_delivers_nothing() {
        assert_eq!((Joined::Missing, 0), feed(&[(true, false, Some(1)), (false, true, Some(3))]));
        assert_eq!((Joined::Missing, 0), feed(&[(false, true, Some(3))]));
    }

    #[test]
    fn a_fragment_that_comes_twice_counts_once() {
        let joined =
            feed(&[(true, false, Some(1)), (false, false, Some(2)), (false, false, Some(2))]);

        assert_eq!((Joined::Repeated, 2), joined);
    }

    #[test]
    fn a_new_beginning_gives_the_old_one_up() {
        let joined = feed(&[(true, false, None), (true, false, None)]);

        assert_eq!((Joined::Waiting { dropped: true }, 1), joined);
    }

    #[test]
    fn a_flow_keeps_a_few_wholes_at_a_time() {
        let (mut joins, mut total) = (Joins::default(), 0);
        let limits = Limits::default();
        for key in 0..100 {
            let arrival = Arrival { key, ..arrival(true, false, None, key) };
            joins.fragment(&arrival, &[], &[0; 10], &limits, &mut total);
        }

        assert_eq!((limits.joins_per_flow, 40), (joins.open.len(), total));
        assert_eq!((4, 0), (joins.gap(Direction::AToB, &mut total), total));
    }
}
