//! The interfaces that frames come from, how well each is seen, and when it was not.
//!
//! Files that follow one another are one interface, so that a rotated capture is
//! judged as a whole. An interface of which no frame comes for much longer than
//! usual is blind for that time: nobody knows what its devices did.

use std::collections::HashMap;

use crate::capture::Frame;
use crate::counters::Counters;
use crate::observation::{Health, HealthKind};
use crate::timestamp::set_back;

/// Packet time of one window.
const WINDOW_NS: i64 = 10_000_000_000;
/// Time without a frame that is never silence.
const QUIET_NS: i64 = 2_000_000_000;
/// Times the usual longest time between two frames that are silence.
const SILENT: i64 = 3;
/// Windows by which the usual is known.
const PACE: usize = 16;
/// How far back a frame may lie behind the one before without being a jump.
const BACK_NS: i64 = 1_000_000_000;
/// Interfaces told apart; those past it share the last.
const MOST: usize = 1024;
/// Frames of one direction of a flow before it counts as one-sided.
pub const ALONE: u64 = 3;

/// Where a frame came from: its line of files, and its interface in them.
type Key = (u32, u32);

/// All interfaces.
#[derive(Debug)]
pub struct Interfaces {
    /// The interface of the latest frame.
    current: u32,
    key: Key,
    by_key: HashMap<Key, u32>,
    all: Vec<Interface>,
    /// The counters when they were last added to an interface.
    counted: Counted,
    /// What leaves.
    news: Vec<Health>,
    /// Whether anybody asks for that.
    tells: bool,
}

/// The counters that are kept by interface.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    gap_bytes: u64,
    duplicate_frames: u64,
    truncated_frames: u64,
    late_frames: u64,
    mirror_gap_frames: u64,
    fault_count: u64,
    unread_bytes: u64,
    left_out_count: u64,
}

impl Counted {
    fn of(counters: &Counters) -> Self {
        let left_out = [
            counters.flows_evicted,
            counters.flows_refused,
            counters.sessions_evicted,
            counters.behaviours_evicted,
            counters.behaviours_overflow,
            counters.contents_dropped,
        ];
        Self {
            gap_bytes: counters.tcp_gap_bytes,
            duplicate_frames: counters.duplicate_frames,
            truncated_frames: counters.frames_truncated,
            late_frames: counters.time_backwards,
            mirror_gap_frames: counters.mirror_gaps,
            fault_count: counters.panics.iter().sum(),
            unread_bytes: counters.skipped_bytes,
            left_out_count: left_out.iter().sum(),
        }
    }
}

#[derive(Debug)]
struct Interface {
    /// The window at hand.
    window: Health,
    last_ns: i64,
    /// When the capturing machine last said how many frames it lost.
    statistics_ns: i64,
    /// The end of the last time in which nothing was seen.
    blind_ns: i64,
    /// The longest time between two frames in the window of the latest frame, when that
    /// ends, and the longest in those before.
    longest_ns: i64,
    paced_ns: i64,
    pace: [i64; PACE],
    paces: usize,
    /// Whether no frame came for longer than is usual; whether that was told.
    quiet: bool,
    silent: bool,
    jumped: bool,
}

impl Interface {
    fn new(index: u32, frame: &Frame<'_>) -> Self {
        let window = window(index, frame.file, frame.time_ns);
        Self {
            paced_ns: window.until_ns,
            window,
            last_ns: frame.time_ns,
            statistics_ns: frame.time_ns,
            blind_ns: frame.time_ns,
            longest_ns: 0,
            pace: [0; PACE],
            paces: 0,
            quiet: false,
            silent: false,
            jumped: false,
        }
    }

    /// The time without a frame from which on it is silent.
    fn silence_ns(&self) -> i64 {
        let mut pace = self.pace;
        let known = pace.get_mut(..self.paces.min(PACE)).unwrap_or_default();
        known.sort_unstable();
        let usual = known.get(known.len() / 2).copied().unwrap_or(self.longest_ns);
        usual.saturating_mul(SILENT).max(QUIET_NS)
    }

    fn add(&mut self, now: Counted, before: Counted) {
        let own = &mut self.window;
        for (sum, now, before) in [
            (&mut own.gap_bytes, now.gap_bytes, before.gap_bytes),
            (&mut own.duplicate_frames, now.duplicate_frames, before.duplicate_frames),
            (&mut own.truncated_frames, now.truncated_frames, before.truncated_frames),
            (&mut own.late_frames, now.late_frames, before.late_frames),
            (&mut own.mirror_gap_frames, now.mirror_gap_frames, before.mirror_gap_frames),
            (&mut own.fault_count, now.fault_count, before.fault_count),
            (&mut own.unread_bytes, now.unread_bytes, before.unread_bytes),
            (&mut own.left_out_count, now.left_out_count, before.left_out_count),
        ] {
            *sum = sum.saturating_add(now.saturating_sub(before));
        }
    }

    /// Begins to look for the longest time between two frames anew, with the frame at hand.
    fn turn_pace(&mut self, time_ns: i64) {
        if let Some(place) = self.pace.get_mut(self.paces % PACE) {
            *place = self.longest_ns;
            self.paces = self.paces.saturating_add(1);
        }
        self.longest_ns = 0;
        self.jumped = false;
        self.paced_ns = window(self.window.interface, self.window.file, time_ns).until_ns;
    }

    /// Begins the window of a time; the one before, where it was not good.
    fn turn(&mut self, time_ns: i64) -> Option<Health> {
        let next = window(self.window.interface, self.window.file, time_ns);
        let before = std::mem::replace(&mut self.window, next);
        is_news(&before).then_some(before)
    }

    const fn mark(&self, kind: HealthKind, from_ns: i64, until_ns: i64) -> Health {
        let Health { interface, file, .. } = self.window;
        Health { kind, ..empty(interface, file, from_ns, until_ns) }
    }
}

/// Whether something in a window was not good.
const fn is_news(window: &Health) -> bool {
    let bad = window.gap_bytes
        | window.duplicate_frames
        | window.truncated_frames
        | window.late_frames
        | window.mirror_gap_frames
        | window.fault_count
        | window.unread_bytes
        | window.left_out_count;
    bad > 0 || window.one_sided_frames.saturating_mul(10) > window.tcp_frames
}

fn window(interface: u32, file: u32, time_ns: i64) -> Health {
    let from_ns = time_ns.saturating_sub(time_ns.rem_euclid(WINDOW_NS));
    empty(interface, file, from_ns, from_ns.saturating_add(WINDOW_NS))
}

const fn empty(interface: u32, file: u32, from_ns: i64, until_ns: i64) -> Health {
    Health {
        sequence: 0,
        kind: HealthKind::Window,
        interface,
        file,
        from_ns,
        until_ns,
        frames: 0,
        bytes: 0,
        gap_bytes: 0,
        dropped_packets: 0,
        duplicate_frames: 0,
        truncated_frames: 0,
        tcp_frames: 0,
        one_sided_frames: 0,
        late_frames: 0,
        mirror_gap_frames: 0,
        fault_count: 0,
        unread_bytes: 0,
        left_out_count: 0,
    }
}

impl Interfaces {
    /// None yet; what happens to them is told where `tells`.
    #[must_use]
    pub fn new(tells: bool) -> Self {
        Self {
            current: 0,
            key: (u32::MAX, u32::MAX),
            by_key: HashMap::new(),
            all: Vec::new(),
            counted: Counted::default(),
            news: Vec::new(),
            tells,
        }
    }

    /// The interface of the latest frame.
    #[inline]
    #[must_use]
    pub const fn current(&self) -> u32 {
        self.current
    }

    /// Makes the interface of a frame the current one; whether it is one that begins.
    #[inline]
    #[must_use]
    pub fn switch(&mut self, frame: &Frame<'_>, counters: &Counters) -> bool {
        let key = (frame.line, frame.interface);
        self.key != key && self.change(key, frame, counters)
    }

    #[cold]
    fn change(&mut self, key: Key, frame: &Frame<'_>, counters: &Counters) -> bool {
        self.settle(counters);
        self.key = key;
        let next = self.all.len().min(MOST.saturating_sub(1));
        let next = u32::try_from(next).unwrap_or_default();
        self.current = match self.by_key.get(&key) {
            Some(known) => *known,
            // The way back from a number past the bound is not kept.
            None if self.by_key.len() >= MOST => next,
            None => {
                self.by_key.insert(key, next);
                next
            }
        };
        let begins = self.current as usize == self.all.len();
        if begins {
            let new = Interface::new(self.current, frame);
            if self.tells {
                let start = new.mark(HealthKind::Start, frame.time_ns, frame.time_ns);
                self.news.push(start);
            }
            self.all.push(new);
        }
        begins
    }

    /// Adds what was counted since the last time to the current interface.
    fn settle(&mut self, counters: &Counters) {
        let now = Counted::of(counters);
        let before = std::mem::replace(&mut self.counted, now);
        if let Some(own) = self.all.get_mut(self.current as usize) {
            own.add(now, before);
        }
    }

    /// Counts a frame of the current interface.
    #[inline(never)]
    pub fn frame(&mut self, frame: &Frame<'_>) {
        let Some(own) = self.all.get_mut(self.current as usize) else { return };
        let time_ns = frame.time_ns;
        let since = time_ns.saturating_sub(own.last_ns);
        if since > own.longest_ns {
            let rotated = frame.file != own.window.file;
            let silence = if rotated { QUIET_NS } else { own.silence_ns() };
            if since > silence {
                let kind = if rotated { HealthKind::Hole } else { HealthKind::Silent };
                if self.tells {
                    self.news.push(own.mark(kind, own.last_ns, time_ns));
                }
                own.blind_ns = time_ns;
            }
            own.longest_ns = since;
        }
        own.quiet = false;
        own.silent = false;
        if since < -BACK_NS && !own.jumped {
            own.jumped = true;
            if self.tells {
                self.news.push(own.mark(HealthKind::Back, own.last_ns, time_ns));
            }
        }
        own.last_ns = time_ns;
        if time_ns >= own.paced_ns {
            own.turn_pace(time_ns);
        }
        own.window.file = frame.file;
        own.window.frames = own.window.frames.saturating_add(1);
        own.window.bytes = own.window.bytes.saturating_add(frame.original_len.into());
    }

    /// Counts a packet of a TCP flow of the current interface.
    #[inline]
    pub fn tcp(&mut self, one_sided: bool) {
        if let Some(own) = self.all.get_mut(self.current as usize) {
            own.window.tcp_frames = own.window.tcp_frames.saturating_add(1);
            let alone = &mut own.window.one_sided_frames;
            *alone = alone.saturating_add(one_sided.into());
        }
    }

    /// Notes frames that the capturing machine lost, since it last said how many, on
    /// the first interface of a line of files; without one, on the current interface.
    pub fn dropped(&mut self, line: Option<u32>, packets: u64) {
        let index = match line {
            Some(line) => self.by_key.get(&(line, 0)).copied(),
            None => Some(self.current),
        };
        let own = index.and_then(|index| self.all.get_mut(index as usize));
        let Some(own) = own else { return };
        let from_ns = std::mem::replace(&mut own.statistics_ns, own.last_ns);
        if packets > 0 && self.tells {
            let mark = own.mark(HealthKind::Dropped, from_ns, own.last_ns);
            self.news.push(Health { dropped_packets: packets, ..mark });
        }
    }

    /// Ends windows, and looks for interfaces that have fallen silent.
    pub fn tick(&mut self, now_ns: i64, counters: &Counters) {
        self.settle(counters);
        for own in &mut self.all {
            if now_ns >= own.window.until_ns {
                self.news.extend(own.turn(now_ns).filter(|_| self.tells));
            }
            let since = now_ns.saturating_sub(own.last_ns);
            own.quiet = since > QUIET_NS && since > own.silence_ns();
            if own.quiet && !own.silent && since > WINDOW_NS {
                own.silent = true;
                if self.tells {
                    self.news.push(own.mark(HealthKind::Silent, own.last_ns, now_ns));
                }
            }
        }
    }

    /// The clock was set back by `step_ns` to `now_ns`: windows of the old time end.
    pub fn set_back(&mut self, now_ns: i64, step_ns: i64, counters: &Counters) {
        self.settle(counters);
        for own in &mut self.all {
            own.last_ns = set_back(own.last_ns, now_ns, step_ns);
            own.statistics_ns = set_back(own.statistics_ns, now_ns, step_ns);
            own.blind_ns = set_back(own.blind_ns, now_ns, step_ns);
            if own.window.from_ns > now_ns {
                self.news.extend(own.turn(own.last_ns).filter(|_| self.tells));
            }
            if own.paced_ns > now_ns.saturating_add(WINDOW_NS) {
                own.turn_pace(own.last_ns);
            }
        }
    }

    /// From when on an interface was seen without a break; never before it is again,
    /// where no frame of it comes now: nobody knows yet whether it is seen.
    #[must_use]
    pub fn seen_since_ns(&self, interface: u32) -> i64 {
        self.all
            .get(interface as usize)
            .map_or(i64::MAX, |own| if own.quiet { i64::MAX } else { own.blind_ns })
    }

    /// Ends all windows, at the end of the input.
    pub fn finish(&mut self, counters: &Counters) {
        self.settle(counters);
        if !self.tells {
            return;
        }
        for own in &mut self.all {
            let end = own.mark(HealthKind::End, own.last_ns, own.last_ns);
            self.news.extend(own.turn(own.window.until_ns));
            self.news.push(end);
        }
    }

    /// What is to leave.
    #[inline]
    pub fn take_news(&mut self) -> Vec<Health> {
        std::mem::take(&mut self.news)
    }

    /// Whether something is to leave.
    #[inline]
    #[must_use]
    pub const fn has_news(&self) -> bool {
        !self.news.is_empty()
    }
}
