//! How something recurs: its addresses, its rhythm and its values.

use dissectors::value::Value;

use super::key::Mixer;
use super::rhythm::SET_BACK_NS;
use crate::observation::ValueFacts;

/// Values that a write is known to carry.
const SEEN_VALUES: usize = 16;
/// Standard deviation over mean, squared, below which a rhythm is steady.
const STEADY: f64 = 0.3 * 0.3;

/// Address intervals, in order, merged where the hole between them is small.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Intervals(Vec<(u32, u32)>);

impl Intervals {
    /// Adds the addresses `first` to `last`; holes up to 4 addresses or 5 % of
    /// the merged span close, and past `most` intervals the smallest hole does.
    /// Whether any of them was outside the intervals before.
    pub fn add(&mut self, first: u32, last: u32, most: usize) -> bool {
        if self.0.iter().any(|(low, high)| *low <= first && last <= *high) {
            return false;
        }
        let at = self.0.partition_point(|(low, _)| *low < first);
        self.0.insert(at, (first, last));
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(self.0.len());
        for (low, high) in self.0.drain(..) {
            match merged.last_mut() {
                Some((start, end)) if hole(*end, low) <= tolerated(*start, high.max(*end)) => {
                    *end = high.max(*end);
                }
                _ => merged.push((low, high)),
            }
        }
        while merged.len() > most.max(1) {
            let holes = merged.windows(2).map(|pair| match pair {
                [(_, end), (start, _)] => hole(*end, *start),
                _ => u32::MAX,
            });
            let smallest = holes.enumerate().min_by_key(|(_, size)| *size).map_or(0, |(at, _)| at);
            let (_, high) = merged.remove(smallest.saturating_add(1));
            if let Some((_, end)) = merged.get_mut(smallest) {
                *end = high.max(*end);
            }
        }
        self.0 = merged;
        true
    }

    /// All of them.
    #[must_use]
    pub fn to_vec(&self) -> Vec<(u32, u32)> {
        self.0.clone()
    }
}

/// Addresses between two intervals.
const fn hole(end: u32, start: u32) -> u32 {
    start.saturating_sub(end).saturating_sub(1)
}

/// The largest hole that closes in a span.
fn tolerated(first: u32, last: u32) -> u32 {
    (last.saturating_sub(first) / 20).max(4)
}

/// One address range and its rhythm (Welford).
#[derive(Clone, Copy, Debug)]
struct Group {
    range: (u32, u32),
    intervals: u32,
    /// Where its rhythm is kept; 0 is nowhere.
    rhythm: u32,
    last_seen_ns: i64,
    mean_ns: f64,
    /// Sum of the squared distances from the mean.
    squares: f64,
    /// Digest of the last values; 0 is none yet.
    values: u64,
}

impl Group {
    const fn new(range: (u32, u32), time_ns: i64) -> Self {
        Self {
            range,
            intervals: 0,
            rhythm: 0,
            last_seen_ns: time_ns,
            mean_ns: 0.0,
            squares: 0.0,
            values: 0,
        }
    }

    #[inline]
    fn again(&mut self, time_ns: i64) {
        let interval = time_ns.saturating_sub(self.last_seen_ns);
        // The same exchange once more, or a clock that was set back.
        if interval <= 0 {
            if interval < -SET_BACK_NS {
                self.last_seen_ns = time_ns;
            }
            return;
        }
        self.last_seen_ns = time_ns;
        self.intervals = self.intervals.saturating_add(1);
        #[expect(clippy::cast_precision_loss, reason = "a mean of nanoseconds")]
        let interval = interval as f64;
        let distance = interval - self.mean_ns;
        self.mean_ns += distance / f64::from(self.intervals);
        self.squares += distance * (interval - self.mean_ns);
    }

    /// Whether the standard deviation is below 0.3 of the mean.
    #[inline]
    fn is_steady(&self) -> bool {
        self.intervals > 1
            && self.squares < STEADY * self.mean_ns * self.mean_ns * f64::from(self.intervals)
    }
}

/// The address ranges that a behaviour asks for, each with its own rhythm: two
/// interleaved polls of one operation would blur into none.
#[derive(Clone, Debug, Default)]
pub struct Groups {
    first: Option<Group>,
    others: Vec<Group>,
    /// Which was noted last: 0 is `first`. The next in turn is expected next.
    noted: usize,
}

/// What an occurrence was to its groups.
#[derive(Debug)]
pub struct GroupNoted<'a> {
    /// Whether the range may be new.
    pub new: bool,
    /// Whether its rhythm is steady.
    pub steady: bool,
    /// The digest of its last values; none where the range has no group.
    pub values: Option<&'a mut u64>,
}

const NO_RANGE: (u32, u32) = (1, 0);

impl Groups {
    /// Counts an occurrence; past `most` ranges it has no rhythm.
    #[inline]
    pub fn note(&mut self, range: Option<(u32, u32)>, time_ns: i64, most: usize) -> GroupNoted<'_> {
        let range = range.unwrap_or(NO_RANGE);
        let Some(at) = self.position(range) else {
            return self.make(range, time_ns, most);
        };
        self.noted = at;
        match self.get_mut(at) {
            Some(group) => {
                group.again(time_ns);
                GroupNoted {
                    new: false,
                    steady: group.is_steady(),
                    values: Some(&mut group.values),
                }
            }
            None => GroupNoted { new: true, steady: false, values: None },
        }
    }

    #[inline]
    fn position(&self, range: (u32, u32)) -> Option<usize> {
        let is = |group: &Group| group.range == range;
        let next = if self.noted < self.others.len() { self.noted.saturating_add(1) } else { 0 };
        if self.get(next).is_some_and(is) {
            return Some(next);
        }
        if self.first.as_ref().is_some_and(is) {
            return Some(0);
        }
        self.others.iter().position(is).map(|at| at.saturating_add(1))
    }

    #[cold]
    fn make(&mut self, range: (u32, u32), time_ns: i64, most: usize) -> GroupNoted<'_> {
        let group = Group::new(range, time_ns);
        if self.first.is_none() {
            self.noted = 0;
            let first = self.first.insert(group);
            return GroupNoted { new: true, steady: false, values: Some(&mut first.values) };
        }
        if self.others.len().saturating_add(1) < most {
            self.others.push(group);
            self.noted = self.others.len();
            let values = self.others.last_mut().map(|group| &mut group.values);
            return GroupNoted { new: true, steady: false, values };
        }
        self.noted = usize::MAX;
        GroupNoted { new: true, steady: false, values: None }
    }

    /// Of the range noted last: how often it was seen before, and the link to its
    /// rhythm; none where the range has no group.
    #[inline]
    pub fn rhythm_mut(&mut self) -> Option<(u32, &mut u32)> {
        self.get_mut(self.noted).map(|group| (group.intervals, &mut group.rhythm))
    }

    /// The links to the rhythms of all ranges.
    pub fn rhythms(&self) -> impl Iterator<Item = u32> {
        self.first.iter().chain(&self.others).map(|group| group.rhythm)
    }

    #[inline]
    fn get(&self, at: usize) -> Option<&Group> {
        match at.checked_sub(1) {
            None => self.first.as_ref(),
            Some(other) => self.others.get(other),
        }
    }

    #[inline]
    fn get_mut(&mut self, at: usize) -> Option<&mut Group> {
        match at.checked_sub(1) {
            None => self.first.as_mut(),
            Some(other) => self.others.get_mut(other),
        }
    }

    /// Mean and standard deviation of the intervals of the most frequent range.
    #[must_use]
    pub fn period(&self) -> Option<(f64, f64)> {
        let mut best = self.first.as_ref()?;
        for group in &self.others {
            if group.intervals > best.intervals {
                best = group;
            }
        }
        let n = f64::from(best.intervals);
        (best.intervals > 0).then(|| (best.mean_ns, (best.squares / n).sqrt()))
    }
}

/// A digest by which values are compared; never 0.
#[inline]
#[must_use]
pub fn digest(values: &[Value]) -> u64 {
    // Four chains side by side: one alone would wait for each multiplication.
    let mut lanes = [Mixer(1), Mixer(2), Mixer(3), Mixer(4)];
    let (fours, rest) = values.as_chunks::<4>();
    for four in fours {
        for (lane, value) in lanes.iter_mut().zip(four) {
            mix(lane, value);
        }
    }
    for (lane, value) in lanes.iter_mut().zip(rest) {
        mix(lane, value);
    }
    let [mut all, others @ ..] = lanes;
    for other in others {
        all.add(other.0);
    }
    all.0 | 1
}

#[inline]
fn mix(mixer: &mut Mixer, value: &Value) {
    match value {
        Value::Bool(bit) => mixer.add((*bit).into()),
        Value::Unsigned(number) => mixer.add(*number),
        Value::Signed(number) | Value::Time(number) => mixer.add(number.cast_unsigned()),
        Value::Float(number) => mixer.add(number.to_bits()),
        Value::Text(text) => text.bytes().for_each(|byte| mixer.add(byte.into())),
        Value::Word(word) => word.bytes().for_each(|byte| mixer.add(byte.into())),
        Value::Bytes(bytes) => bytes.iter().for_each(|byte| mixer.add((*byte).into())),
    }
}

/// The values of a behaviour so far.
#[derive(Clone, Debug)]
pub struct ValueState {
    facts: ValueFacts,
    /// Digests of what a write is known to carry, at most [`SEEN_VALUES`]; none for other
    /// classes. Most writes carry one.
    seen: Option<Vec<u64>>,
}

impl ValueState {
    /// The state after the first values; `remember` where they may settle.
    #[must_use]
    pub fn new(values: &[Value], first: &Value, digest: u64, remember: bool) -> Self {
        let facts = ValueFacts {
            kind: kind(first),
            min: None,
            max: None,
            last: first.clone(),
            change_count: 0,
        };
        let mut state = Self { facts, seen: remember.then(|| vec![digest]) };
        state.widen(values);
        state
    }

    /// Notes values that differ from those before; whether they are usual:
    /// among the few seen, or within the range of the many.
    #[inline]
    pub fn note(&mut self, values: &[Value], first: &Value, digest: u64, changed: bool) -> bool {
        if changed {
            self.facts.change_count = self.facts.change_count.saturating_add(1);
        }
        self.facts.last.clone_from(first);
        let wider = self.widen(values);
        match self.remember(digest) {
            Some(known) => known,
            None => !wider,
        }
    }

    /// The facts that leave.
    #[must_use]
    pub fn facts(&self) -> ValueFacts {
        self.facts.clone()
    }

    /// Whether a digest was seen before; none where too many were.
    fn remember(&mut self, digest: u64) -> Option<bool> {
        let seen = self.seen.as_mut()?;
        if seen.contains(&digest) {
            return Some(true);
        }
        if seen.len() >= SEEN_VALUES {
            return None;
        }
        seen.push(digest);
        Some(false)
    }

    /// Widens the range; whether that was needed.
    fn widen(&mut self, values: &[Value]) -> bool {
        let numbers = values.iter().filter_map(Value::number).filter(|number| !number.is_nan());
        let mut wider = false;
        for number in numbers {
            if self.facts.min.is_none_or(|min| number < min) {
                self.facts.min = Some(number);
                wider = true;
            }
            if self.facts.max.is_none_or(|max| number > max) {
                self.facts.max = Some(number);
                wider = true;
            }
        }
        wider
    }
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "bool",
        Value::Signed(_) | Value::Unsigned(_) => "integer",
        Value::Float(_) => "float",
        Value::Text(_) | Value::Word(_) => "text",
        Value::Bytes(_) => "bytes",
        Value::Time(_) => "time",
    }
}
