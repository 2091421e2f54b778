//! The time of the engine, in nanoseconds from packets; clocks that are set back.
//!
//! It is that of the latest packet and does not go back for packets that are merely late: of
//! two interfaces one may be behind the other, and files may not be in order. Where nothing
//! but late packets comes any more the clock was set back, and the engine follows it: what
//! ends, is due or may be told again by the clock would wait for hours otherwise.

/// How far a packet may lie behind the latest without being late.
const LATE_NS: i64 = 1_000_000_000;
/// Late packets in a row, and the time from the first to the latest of them, after which
/// the clock was set back. Whoever waited for an answer then has waited long enough.
const PACKETS: u32 = 8;
const SETTLED_NS: i64 = 10_000_000_000;

/// What a packet says of the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passed {
    /// It goes on.
    On,
    /// The packet is late.
    Late,
    /// The clock was set back by so many nanoseconds.
    SetBack(i64),
}

/// The time of the engine.
#[derive(Debug, Default)]
pub struct Clock {
    now_ns: Option<i64>,
    /// Of the late packets in a row: how many, and the times of the first and the latest.
    late: (u32, i64, i64),
}

impl Clock {
    /// A clock that says so.
    #[must_use]
    pub const fn at(now_ns: i64) -> Self {
        Self { now_ns: Some(now_ns), late: (0, 0, 0) }
    }

    /// Packet time of the latest packet; none before the first.
    #[inline]
    #[must_use]
    pub const fn now_ns(&self) -> Option<i64> {
        self.now_ns
    }

    /// Takes the time of the next packet.
    #[inline]
    pub fn pass(&mut self, time_ns: i64) -> Passed {
        let now_ns = self.now_ns.unwrap_or(time_ns);
        if now_ns.saturating_sub(time_ns) > LATE_NS {
            return self.late(now_ns, time_ns);
        }
        self.late.0 = 0;
        self.now_ns = Some(now_ns.max(time_ns));
        Passed::On
    }

    #[cold]
    fn late(&mut self, now_ns: i64, time_ns: i64) -> Passed {
        let (count, first_ns, latest_ns) = self.late;
        if count == 0 || latest_ns.saturating_sub(time_ns) > LATE_NS {
            self.late = (1, time_ns, time_ns);
            return Passed::Late;
        }
        let latest_ns = latest_ns.max(time_ns);
        self.late = (count.saturating_add(1), first_ns, latest_ns);
        if count < PACKETS || latest_ns.saturating_sub(first_ns) < SETTLED_NS {
            return Passed::Late;
        }
        self.late.0 = 0;
        self.now_ns = Some(latest_ns);
        Passed::SetBack(now_ns.saturating_sub(latest_ns))
    }
}

/// How long something waits that began at `since_ns`. What began after now did so before the
/// clock was set back: for longer than anything may wait.
#[inline]
#[must_use]
pub const fn waited_ns(now_ns: i64, since_ns: i64) -> i64 {
    if since_ns > now_ns { i64::MAX } else { now_ns.saturating_sub(since_ns) }
}

/// A time by a clock that was set back by `step_ns` and says `now_ns` now.
#[must_use]
pub const fn set_back(time_ns: i64, now_ns: i64, step_ns: i64) -> i64 {
    if time_ns > now_ns { time_ns.saturating_sub(step_ns) } else { time_ns }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;
    const HOUR: i64 = 3_600;

    /// What packets at these seconds say, but that time goes on.
    fn said(times: impl IntoIterator<Item = i64>) -> (Vec<Passed>, Option<i64>) {
        let mut clock = Clock::default();
        let said = times
            .into_iter()
            .map(|time| clock.pass(time.saturating_mul(SECOND)))
            .collect::<Vec<_>>();
        let news = said.into_iter().filter(|one| *one != Passed::On).collect();
        (news, clock.now_ns().map(|now| now.div_euclid(SECOND)))
    }

    #[test]
    fn time_is_that_of_the_latest_packet() {
        assert_eq!((vec![], Some(9)), said([5, 9, 8, 9]));
        assert_eq!((vec![Passed::Late], Some(9)), said([5, 9, 7, 9]));
    }

    #[test]
    fn where_only_late_packets_come_the_clock_was_set_back() {
        let (news, now) = said((0..=HOUR).chain(0..30));

        let late = news.iter().filter(|one| **one == Passed::Late).count();
        assert_eq!((10, Some(&Passed::SetBack((HOUR - 10) * SECOND))), (late, news.last()));
        assert_eq!(Some(29), now);
    }

    #[test]
    fn an_interface_that_is_an_hour_behind_another_sets_no_clock_back() {
        let both = (0..100).flat_map(|time| [HOUR + time, time]);

        assert_eq!((vec![Passed::Late; 100], Some(HOUR + 99)), said(both));
    }

    #[test]
    fn a_few_late_packets_far_apart_set_no_clock_back() {
        assert_eq!(Some(HOUR), said([HOUR, 0, 1_000, 2_000, 3_000]).1);
        // Each goes further back.
        assert_eq!(Some(HOUR), said([HOUR].into_iter().chain((0..30).map(|n| 3_000 - n * 100))).1);
    }

    #[test]
    fn what_began_before_the_clock_was_set_back_has_waited_long() {
        assert_eq!((3, i64::MAX), (waited_ns(10, 7), waited_ns(10, 11)));
        assert_eq!((7, 5), (set_back(7, 10, 100), set_back(105, 10, 100)));
    }
}
