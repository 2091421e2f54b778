//! The rhythm of what comes again and again: its period, its lateness, its bursts.
//!
//! A rhythm belongs to one place of a conversation (unit, operation, target,
//! address range), however it is answered: a poll that fails is still a poll.
//! Period and deviation are a median and a median distance over tumbling windows
//! of intervals, so that single lost frames change neither. Deadlines wait in a
//! wheel of packet time; one is looked at no more than once per deadline.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

use dissectors::dissector::FrameId;

use super::index::BuildIdentity;
use super::key::Key;
use crate::observation::RhythmKind;

/// Intervals by which a period is judged.
const WINDOW: usize = 20;
/// Windows in a row that are off before the period is another one.
const OFF: u8 = 3;
/// Share of the period that its deviation may be.
const STEADY: f32 = 0.2;
/// Share of the period, and number of deviations, that a window may be off.
const TOLERATED: (f32, f32) = (0.25, 4.0);
const SECOND_NS: i64 = 1_000_000_000;
/// The shortest deadline.
const SHORTEST_NS: i64 = 10 * SECOND_NS;
/// Packet time in which occurrences are counted to tell bursts.
const RATE_NS: i64 = 10 * SECOND_NS;
/// Counts by which the usual rate is known.
const RATES_KNOWN: u32 = 30;
/// Occurrences that a burst has at least, and times the usual that it has.
const BURST: (u32, u32) = (20, 5);
/// Occurrences from which on a place has a rhythm of its own.
const FIRST: u32 = 2;
/// Time that no occurrence is noticed late: the clock was set back.
pub const SET_BACK_NS: i64 = 60 * SECOND_NS;
/// Seconds that the wheel turns round.
const WHEEL: i64 = 256;
/// Bits of a link that number a slot; the rest tell whose it was.
const SLOT_BITS: u32 = 24;
const SLOTS: u32 = (1 << SLOT_BITS) - 1;

/// What happened to a rhythm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct News {
    /// Its slot.
    pub slot: u32,
    /// What.
    pub kind: RhythmKind,
    /// Packet time.
    pub time_ns: i64,
    /// The last time before.
    pub last_seen_ns: i64,
    /// Period and deviation before.
    pub period: Option<(f32, f32)>,
    /// The new period, or how long it stayed away.
    pub observed_ns: Option<f32>,
    /// Of a burst: the count, and the usual one.
    pub burst: Option<(u32, u32)>,
}

/// What leaves of a rhythm beside its news.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// The behaviour that showed it last.
    pub behaviour: u32,
    /// Its address range.
    pub range: Option<(u32, u32)>,
    /// Occurrences.
    pub count: u64,
    /// The frame of the latest.
    pub frame: FrameId,
}

/// One occurrence, as far as its rhythm is concerned.
#[derive(Clone, Copy, Debug)]
pub struct Beat<'a> {
    /// What it is.
    pub key: &'a Key<'a>,
    /// The slot of its behaviour.
    pub behaviour: u32,
    /// Its address range.
    pub range: Option<(u32, u32)>,
    /// How often it was seen before.
    pub before: u32,
    /// Packet time.
    pub time_ns: i64,
    /// The frame.
    pub frame: FrameId,
    /// The interface.
    pub interface: u32,
    /// Whether it is sent when something happens, so that it has no period.
    pub spontaneous: bool,
}

#[derive(Debug)]
struct Rhythm {
    hash: u64,
    last_ns: i64,
    frame: FrameId,
    behaviour: u32,
    interface: u32,
    range: Option<(u32, u32)>,
    count: u64,
    /// The learned period and deviation, in nanoseconds.
    period: Option<(f32, f32)>,
    intervals: [f32; WINDOW],
    filled: u8,
    off: u8,
    generation: u8,
    live: bool,
    overdue: bool,
    /// Whether it is in the wheel.
    waits: bool,
    bursting: bool,
    /// The ten seconds at hand, and the occurrences in them.
    rate_window: i64,
    rate: u32,
    /// The 99th percentile of such counts.
    usual: Option<u32>,
    rates: Rates,
}

/// How often each count of occurrences was reached, in steps of half a doubling.
#[derive(Clone, Copy, Debug, Default)]
struct Rates {
    bins: [u16; 32],
    total: u32,
}

impl Rates {
    /// 0, 1, 2, 3, 4 to 5, 6 to 7, 8 to 11, and so on.
    fn bin(count: u32) -> usize {
        let Some(octave) = count.checked_ilog2().filter(|octave| *octave > 0) else {
            return count as usize;
        };
        let half = count >> octave.saturating_sub(1) & 1;
        (octave.saturating_mul(2).saturating_add(half) as usize).min(31)
    }

    /// The largest count of a bin.
    const fn upper(bin: u32) -> u32 {
        if bin < 3 {
            return bin;
        }
        let base = 1_u32 << (bin / 2);
        let half = if bin.is_multiple_of(2) { base / 2 } else { base };
        base.saturating_add(half).saturating_sub(1)
    }

    fn add(&mut self, count: u32, times: u16) {
        let full = self.bins.get(Self::bin(count)).is_some_and(|bin| *bin > u16::MAX - (1 << 12));
        if full {
            self.bins.iter_mut().for_each(|bin| *bin /= 2);
            self.total = self.bins.iter().map(|bin| u32::from(*bin)).sum();
        }
        if let Some(bin) = self.bins.get_mut(Self::bin(count)) {
            *bin = bin.saturating_add(times);
            self.total = self.total.saturating_add(times.into());
        }
    }

    /// The 99th percentile, once enough is known.
    fn usual(&self) -> Option<u32> {
        if self.total < RATES_KNOWN {
            return None;
        }
        let wanted = self.total.saturating_sub(self.total / 100);
        let mut sum = 0_u32;
        let mut bins = (0_u32..).zip(self.bins);
        let found = bins.find(|(_, times)| {
            sum = sum.saturating_add((*times).into());
            sum >= wanted
        });
        found.map(|(bin, _)| Self::upper(bin))
    }
}

impl Rhythm {
    fn new(hash: u64, generation: u8, beat: &Beat<'_>) -> Self {
        Self {
            hash,
            last_ns: beat.time_ns,
            frame: beat.frame,
            behaviour: beat.behaviour,
            interface: beat.interface,
            range: beat.range,
            count: u64::from(beat.before).saturating_add(1),
            period: None,
            intervals: [0.0; WINDOW],
            filled: 0,
            off: 0,
            generation,
            live: true,
            overdue: false,
            waits: false,
            bursting: false,
            rate_window: beat.time_ns.div_euclid(RATE_NS),
            rate: 0,
            usual: None,
            rates: Rates::default(),
        }
    }

    /// How long it may stay away.
    fn deadline_ns(&self) -> Option<i64> {
        self.period.map(deadline_ns)
    }

    /// Counts an occurrence; whether the rate is a burst from now on.
    fn count_rate(&mut self, time_ns: i64) -> bool {
        let window = time_ns.div_euclid(RATE_NS);
        if window != self.rate_window {
            self.rates.add(self.rate, 1);
            let empty = window.saturating_sub(self.rate_window).saturating_sub(1).clamp(0, 1 << 12);
            self.rates.add(0, u16::try_from(empty).unwrap_or_default());
            self.usual = self.rates.usual();
            self.rate_window = window;
            self.rate = 0;
            self.bursting = false;
        }
        self.rate = self.rate.saturating_add(1);
        let Some(usual) = self.usual else { return false };
        let burst =
            !self.bursting && self.rate >= BURST.0 && self.rate > usual.saturating_mul(BURST.1);
        self.bursting |= burst;
        burst
    }

    /// Judges a full window of intervals: what is new about the period.
    fn judge(&mut self) -> Option<(RhythmKind, Option<f32>)> {
        let (median, deviation) = median_and_deviation(self.intervals);
        let steady = deviation <= STEADY * median;
        let Some((period, usual)) = self.period else {
            if !steady {
                return None;
            }
            self.period = Some((median, deviation));
            return Some((RhythmKind::Periodic, None));
        };
        if (median - period).abs() <= (TOLERATED.0 * period).max(TOLERATED.1 * usual) {
            self.off = 0;
            // What drifts with the plant is followed.
            self.period =
                Some((period + (median - period) / 8.0, usual + (deviation - usual) / 8.0));
            return None;
        }
        self.off = self.off.saturating_add(1);
        if self.off < OFF {
            return None;
        }
        self.off = 0;
        self.period = steady.then_some((median, deviation));
        Some((RhythmKind::PeriodChange, Some(median)))
    }
}

/// max(10 s, 5 x period, period + 10 x deviation).
fn deadline_ns((period, deviation): (f32, f32)) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "periods are far below 2^63 ns")]
    let longest = (5.0 * period).max(period + 10.0 * deviation) as i64;
    longest.max(SHORTEST_NS)
}

/// The median, and the median distance from it.
fn median_and_deviation(mut intervals: [f32; WINDOW]) -> (f32, f32) {
    let middle = |values: &mut [f32; WINDOW]| {
        values.sort_unstable_by(f32::total_cmp);
        match values.get(WINDOW / 2 - 1..=WINDOW / 2) {
            Some([low, high]) => low.midpoint(*high),
            _ => 0.0,
        }
    };
    let median = middle(&mut intervals);
    intervals.iter_mut().for_each(|interval| *interval = (*interval - median).abs());
    (median, middle(&mut intervals))
}

/// All rhythms.
#[derive(Debug)]
pub struct Rhythms {
    all: Vec<Rhythm>,
    free: Vec<u32>,
    /// By a keyed hash of the place.
    by_hash: HashMap<u64, u32, BuildIdentity>,
    state: RandomState,
    wheel: Vec<Vec<u32>>,
    /// The second up to which the wheel has turned.
    turned_s: Option<i64>,
    most: usize,
    news: Vec<News>,
    /// Periods and deviations of an earlier run.
    known: HashMap<u128, (f32, f32)>,
    /// Places that have no rhythm for want of room.
    pub overflow_count: u64,
}

impl Rhythms {
    /// None yet.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            all: Vec::new(),
            free: Vec::new(),
            by_hash: HashMap::default(),
            state: RandomState::new(),
            wheel: vec![Vec::new(); 256],
            turned_s: None,
            most: most.min(SLOTS as usize),
            news: Vec::new(),
            known: HashMap::new(),
            overflow_count: 0,
        }
    }

    /// Learns the period and the deviation that a rhythm had in an earlier run.
    pub fn know(&mut self, id: u128, period_ns: f64, deviation_ns: f64) {
        let sound = period_ns > 0.0 && deviation_ns >= 0.0 && period_ns.max(deviation_ns) < 1e18;
        if sound && self.known.len() < self.most {
            #[expect(clippy::cast_possible_truncation, reason = "a period to seven digits")]
            self.known.insert(id, (period_ns as f32, deviation_ns as f32));
        }
    }

    /// Notes an occurrence. `link` is what its place remembers of its rhythm, `id`
    /// its digest.
    #[inline]
    pub fn note(&mut self, link: &mut u32, beat: &Beat<'_>, id: impl FnOnce() -> u128) {
        let slot = match self.linked(*link) {
            Some(slot) => slot,
            None if beat.before < FIRST => return,
            None => {
                let Some(slot) = self.find_or_make(beat, id) else { return };
                *link = self.link(slot);
                slot
            }
        };
        let Some(own) = self.all.get_mut(slot as usize) else { return };
        let away = beat.time_ns.saturating_sub(own.last_ns);
        // The same exchange once more, or a request that was given up late.
        if away <= 0 {
            if away < -SET_BACK_NS {
                own.last_ns = beat.time_ns;
            }
            return;
        }
        let before = News {
            slot,
            kind: RhythmKind::Burst,
            time_ns: beat.time_ns,
            last_seen_ns: own.last_ns,
            period: own.period,
            observed_ns: None,
            burst: None,
        };
        own.last_ns = beat.time_ns;
        own.frame = beat.frame;
        own.behaviour = beat.behaviour;
        own.interface = beat.interface;
        own.count = own.count.saturating_add(1);
        if own.count_rate(beat.time_ns) {
            let burst = Some((own.rate, own.usual.unwrap_or_default()));
            self.news.push(News { burst, ..before });
        }
        if beat.spontaneous {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "an interval to seven digits")]
        let interval = away as f32;
        if own.overdue {
            own.overdue = false;
            let kind = RhythmKind::Returned;
            self.news.push(News { kind, observed_ns: Some(interval), ..before });
        } else if let Some(place) = own.intervals.get_mut(usize::from(own.filled)) {
            *place = interval;
            own.filled = own.filled.saturating_add(1);
            if usize::from(own.filled) == WINDOW {
                own.filled = 0;
                if let Some((kind, observed_ns)) = own.judge() {
                    let period = before.period.or(own.period);
                    self.news.push(News { kind, observed_ns, period, ..before });
                }
            }
        }
        if !own.waits
            && let Some(deadline) = own.deadline_ns()
        {
            let due = beat.time_ns.saturating_add(deadline);
            self.wait(slot, due);
        }
    }

    /// The slot that a link stands for, if it is still the same.
    #[inline]
    fn linked(&self, link: u32) -> Option<u32> {
        let slot = (link & SLOTS).checked_sub(1)?;
        let own = self.all.get(slot as usize)?;
        (own.live && u32::from(own.generation) == link >> SLOT_BITS).then_some(slot)
    }

    fn link(&self, slot: u32) -> u32 {
        let generation = self.all.get(slot as usize).map_or(0, |own| own.generation);
        slot.saturating_add(1) | u32::from(generation) << SLOT_BITS
    }

    #[cold]
    fn find_or_make(&mut self, beat: &Beat<'_>, id: impl FnOnce() -> u128) -> Option<u32> {
        let place = Key { status: dissectors::pdu::Status::None, ..*beat.key };
        let hash = self.state.hash_one((place, beat.range));
        if let Some(slot) = self.by_hash.get(&hash) {
            return Some(*slot);
        }
        let slot = match self.free.pop() {
            Some(slot) => {
                let old = self.all.get_mut(slot as usize)?;
                *old = Rhythm::new(hash, old.generation.wrapping_add(1), beat);
                slot
            }
            None if self.all.len() >= self.most => {
                self.overflow_count = self.overflow_count.saturating_add(1);
                return None;
            }
            None => {
                let slot = u32::try_from(self.all.len()).ok()?;
                self.all.push(Rhythm::new(hash, 0, beat));
                slot
            }
        };
        self.by_hash.insert(hash, slot);
        if !self.known.is_empty()
            && !beat.spontaneous
            && let Some(own) = self.all.get_mut(slot as usize)
        {
            own.period = self.known.get(&id()).copied();
        }
        Some(slot)
    }

    /// Forgets the rhythm of a place whose behaviour goes, unless another behaviour
    /// showed it later.
    pub fn release(&mut self, link: u32, behaviour: u32) {
        let Some(slot) = self.linked(link) else { return };
        let Some(own) = self.all.get_mut(slot as usize) else { return };
        if own.behaviour == behaviour {
            own.live = false;
            self.by_hash.remove(&own.hash);
            // One in the wheel is still named there.
            if !own.waits {
                self.free.push(slot);
            }
        }
    }

    /// Puts a rhythm into the wheel, to be looked at when its time has come or the
    /// wheel has gone round.
    fn wait(&mut self, slot: u32, due_ns: i64) {
        let due_s = due_ns.div_euclid(SECOND_NS).saturating_add(1);
        let turned_s = self.turned_s.unwrap_or_else(|| due_s.saturating_sub(WHEEL));
        let first = turned_s.saturating_add(1);
        let last = turned_s.saturating_add(WHEEL.saturating_sub(1));
        let at = due_s.clamp(first, last).rem_euclid(WHEEL);
        if let Some(own) = self.all.get_mut(slot as usize)
            && let Some(bucket) = self.wheel.get_mut(usize::try_from(at).unwrap_or_default())
        {
            own.waits = true;
            bucket.push(slot);
        }
    }

    /// Turns the wheel to `now_ns`; what is overdue is news. `lag_ns` tells how late an
    /// occurrence of a behaviour may be noticed, `seen_since_ns` from when on an
    /// interface was seen without a break.
    pub fn tick(
        &mut self,
        now_ns: i64,
        lag_ns: impl Fn(u32) -> i64,
        seen_since_ns: impl Fn(u32) -> i64,
    ) {
        let now_s = now_ns.div_euclid(SECOND_NS);
        let from_s = self.turned_s.replace(now_s).unwrap_or(now_s);
        let steps = now_s.saturating_sub(from_s).clamp(0, WHEEL);
        for step in 0..steps {
            let second = now_s.saturating_sub(step);
            let at = usize::try_from(second.rem_euclid(WHEEL)).unwrap_or_default();
            let Some(bucket) = self.wheel.get_mut(at) else { continue };
            for slot in std::mem::take(bucket) {
                self.look(slot, now_ns, &lag_ns, &seen_since_ns);
            }
        }
    }

    fn look(
        &mut self,
        slot: u32,
        now_ns: i64,
        lag_ns: &impl Fn(u32) -> i64,
        seen_since_ns: &impl Fn(u32) -> i64,
    ) {
        let Some(own) = self.all.get_mut(slot as usize) else { return };
        own.waits = false;
        if !own.live {
            self.free.push(slot);
            return;
        }
        let Some(deadline) = own.deadline_ns().filter(|_| !own.overdue) else { return };
        // What was seen before the clock was set back counts from now.
        own.last_ns = own.last_ns.min(now_ns);
        let since_ns = seen_since_ns(own.interface);
        let from_ns = if since_ns == i64::MAX { now_ns } else { own.last_ns.max(since_ns) };
        let due_ns = from_ns.saturating_add(deadline);
        if now_ns < due_ns {
            return self.wait(slot, due_ns);
        }
        let due_ns = due_ns.saturating_add(lag_ns(own.behaviour));
        if now_ns < due_ns {
            return self.wait(slot, due_ns);
        }
        own.overdue = true;
        // What comes after it stayed away is another window.
        own.filled = 0;
        #[expect(clippy::cast_precision_loss, reason = "a time to seven digits")]
        let away = now_ns.saturating_sub(own.last_ns) as f32;
        self.news.push(News {
            slot,
            kind: RhythmKind::Overdue,
            time_ns: now_ns,
            last_seen_ns: own.last_ns,
            period: own.period,
            observed_ns: Some(away),
            burst: None,
        });
    }

    /// Whether something is to leave.
    #[inline]
    #[must_use]
    pub const fn has_news(&self) -> bool {
        !self.news.is_empty()
    }

    /// What is to leave.
    pub fn take_news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// What leaves of a rhythm beside its news.
    #[must_use]
    pub fn facts(&self, slot: u32) -> Option<Facts> {
        let own = self.all.get(slot as usize)?;
        Some(Facts {
            behaviour: own.behaviour,
            range: own.range,
            count: own.count,
            frame: own.frame,
        })
    }
}

/// How long something of this period and deviation may stay away.
#[must_use]
pub fn deadline_of(period: Option<(f32, f32)>) -> Option<i64> {
    period.map(deadline_ns)
}
