//! The pipeline: every stage in its order, for one frame after the other.
//!
//! ```text
//! decode ─► duplicate ─► defragment ─► flow ─► reassembly ─► identify ─► dissect
//!                                                     pairing ─► observer ◄─┘
//! ```
//!
//! Time is the running maximum of packet times, until the clock is set back for good. A
//! frame from the past keeps its own time in what it says; durations never run backwards.

mod arrive;
mod flows;
mod watch;

use dissectors::dissector::FrameId;

use crate::arp::Arps;
use crate::capture::Frame;
use crate::counters::Counters;
use crate::decode::decode_frame;
use crate::delta::Deltas;
use crate::dissect::{Sinks, Waits};
use crate::duplicate::DuplicateFilter;
use crate::flow::{DIRECTIONS, FlowTable, Settled};
use crate::fragment::Defragmenter;
use crate::history::History;
use crate::interface::Interfaces;
use crate::known_servers::KnownServers;
use crate::limits::Limits;
use crate::mirror::Mirrors;
use crate::observation::{KnownConversation, Observation};
use crate::observer::{Asked, Observer};
use crate::pdu_log::PduLogging;
use crate::reassembly::Reassembly;
use crate::shift::Shifts;
use crate::timestamp::{Clock, Passed};
use crate::wanted::Wanted;

/// Packet time between two sweeps over the flows, each at a whole second.
const TICK_NS: i64 = 1_000_000_000;
/// Sweeps of a time without a frame that are made one by one: past that, nothing is decided
/// but the end of TCP flows that were silent for a day.
const SWEEPS: i64 = 300;
/// The same for requests that matter and have no answer yet.
const EARLY_TICK_NS: i64 = 200_000_000;

/// What a run of the engine is to do.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The bounds.
    pub limits: Limits,
    /// Whether the second copies of mirrored packets are analysed too.
    pub keep_duplicates: bool,
    /// Whether every PDU is written to the log, see [`Engine::take_pdus`].
    pub pdu_log: PduLogging,
    /// Whether it is said what happens to rhythms, and what stays unanswered.
    pub rhythm: bool,
    /// Whether it is said how well interfaces and conversations were seen.
    pub health: bool,
    /// Whether it is said which senders may not be who they say.
    pub spoof: bool,
    /// Whether it is told what objects held before a change.
    pub previous: bool,
    /// Whether it is told what becomes of written values, and of the quality of points.
    pub points: bool,
    /// Whether a behaviour leaves whenever it reads addresses that it did not read before.
    pub ranges: bool,
    /// Packet time after which the counts of everything that changed leave, again
    /// and again; none for at the end alone.
    pub delta_ns: Option<i64>,
    /// What leaves one by one though it would be folded.
    pub wanted: Vec<Wanted>,
    /// Packet time after which a request that matters leaves without waiting on for its
    /// answer; it leaves again with it. None for never.
    pub early_ns: Option<i64>,
}

/// Frames in, observations out.
pub struct Engine {
    limits: Limits,
    keep_duplicates: bool,
    pdu_log: bool,
    /// Whether interfaces are watched.
    watches: bool,
    deltas: Option<Deltas>,
    spoof: Option<Box<Spoof>>,
    interfaces: Interfaces,
    mirrors: Mirrors,
    clock: Clock,
    /// The moment at hand: a whole second that is looked at, or that of the latest frame.
    now_ns: Option<i64>,
    /// When flows are looked at next, and when those that wait.
    tick_due_ns: i64,
    early_due_ns: i64,
    /// How long a request that matters may wait.
    early_ns: i64,
    counters: Counters,
    duplicates: DuplicateFilter,
    fragments: Defragmenter,
    flows: FlowTable,
    reassembly: Reassembly,
    sinks: Sinks,
    waiting: Waits,
    servers: KnownServers,
    history: History,
    observer: Observer,
}

/// What is remembered to tell forged packets.
struct Spoof {
    arps: Arps,
    shifts: Shifts,
}

/// Where a packet came from.
#[derive(Clone, Copy)]
struct Arrival<'a> {
    frame: FrameId,
    earlier: &'a [FrameId],
    time_ns: i64,
    wire_len: u32,
    /// Whether fragments of it disagreed about its bytes.
    conflict: bool,
}

impl Engine {
    /// An engine that has seen nothing.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let Options {
            limits,
            keep_duplicates,
            pdu_log,
            rhythm,
            health,
            spoof,
            previous,
            points,
            ranges,
            delta_ns,
            wanted,
            early_ns,
        } = options;
        let mut observer = Observer::new(
            &limits,
            &Asked { pdu_log, rhythm, health, spoof, previous, points, ranges },
        );
        observer.watch(wanted);
        Self {
            keep_duplicates,
            pdu_log: pdu_log != PduLogging::Off,
            watches: rhythm || health,
            deltas: delta_ns.map(Deltas::every),
            spoof: spoof.then(|| {
                Box::new(Spoof { arps: Arps::new(limits.arp), shifts: Shifts::default() })
            }),
            interfaces: Interfaces::new(health),
            mirrors: Mirrors::default(),
            clock: Clock::default(),
            now_ns: None,
            tick_due_ns: i64::MIN,
            early_due_ns: early_ns.map_or(i64::MAX, |_| i64::MIN),
            early_ns: early_ns.unwrap_or(i64::MAX),
            counters: Counters::new(),
            duplicates: DuplicateFilter::new(&limits),
            fragments: Defragmenter::new(&limits),
            flows: FlowTable::new(&limits, early_ns.is_some()),
            reassembly: Reassembly::new(&limits),
            sinks: Sinks::default(),
            waiting: Waits::default(),
            servers: KnownServers::new(limits.known_servers),
            history: History::new(limits.history_bytes),
            observer,
            limits,
        }
    }

    /// Learns what two ends had done before this run, before their first frame.
    pub fn know(&mut self, known: &KnownConversation) {
        self.observer.know(known);
    }

    /// Sets what leaves one by one though it would be folded, in place of what was set
    /// before. What is past the bound is left out.
    pub fn watch_for(&mut self, wanted: Vec<Wanted>) {
        self.observer.watch(wanted);
    }

    /// Learns that an earlier run had a behaviour: it leaves, but not as new.
    pub fn know_behaviour(&mut self, id: u128) {
        self.observer.know_behaviour(id);
    }

    /// Learns the period and the deviation that a rhythm had in an earlier run.
    pub fn know_rhythm(&mut self, id: u128, period_ns: f64, deviation_ns: f64) {
        self.observer.know_rhythm(id, period_ns, deviation_ns);
    }

    /// Takes the next frame in.
    pub fn push(&mut self, frame: &Frame<'_>) {
        let arrival = Arrival {
            frame: FrameId { file: frame.file, number: frame.number },
            earlier: &[],
            time_ns: frame.time_ns,
            wire_len: frame.original_len,
            conflict: false,
        };
        self.counters.frames = self.counters.frames.saturating_add(1);
        self.counters.bytes = self.counters.bytes.saturating_add(frame.original_len.into());
        self.advance(frame.time_ns);
        if self.interfaces.switch(frame, &self.counters) {
            self.tell_health();
        }
        if self.watches {
            self.interfaces.frame(frame);
            if self.interfaces.has_news() {
                self.tell_health();
            }
        }
        if self.pdu_log {
            self.observer.frame(arrival.frame, self.waiting.oldest());
        }
        self.mirrors.switch(self.interfaces.current());
        let packet = decode_frame(
            frame.link_type,
            frame.bytes,
            frame.original_len,
            &mut self.counters,
            Some(&mut self.mirrors),
        );
        if !self.keep_duplicates
            && self.duplicates.is_duplicate(&packet, frame.time_ns, &mut self.counters)
        {
            return;
        }
        self.packet(&packet, arrival, frame.interface);
    }

    /// Lets time pass without a frame. A time before that of the frames changes nothing.
    pub fn tick(&mut self, now_ns: i64) {
        self.advance(now_ns);
    }

    /// Takes note that the capturing machine lost so many frames since the last time:
    /// on the first interface of a line of files, or on that of the latest frame.
    pub fn dropped(&mut self, line: Option<u32>, packets: u64) {
        self.interfaces.dropped(line, packets);
    }

    /// Ends the input: flows end, and everything counted is emitted.
    pub fn finish(&mut self) {
        self.fragments.finish(&mut self.counters);
        let missing = self.mirrors.finish();
        self.counters.mirror_gaps = self.counters.mirror_gaps.saturating_add(missing);
        self.observer.end();
        for slot in self.flows.slots() {
            self.end_flow(slot);
        }
        if self.pdu_log {
            let end = FrameId { file: u32::MAX, number: u64::MAX };
            self.observer.frame(end, None);
        }
        if self.watches {
            self.interfaces.finish(&self.counters);
            self.tell_health();
        }
        if let Some(spoof) = &mut self.spoof {
            spoof.arps.end();
            self.tell_arps();
        }
        self.observer.finish(&mut self.counters);
    }

    /// Takes the observations made since the last call, oldest first.
    pub fn drain(&mut self) -> Vec<Observation> {
        self.observer.take()
    }

    /// Takes the lines of the PDU log that are in order. Empty without `pdu_log`.
    pub fn take_pdus(&mut self) -> Vec<u8> {
        self.observer.take_pdus()
    }

    /// Counts observations that left the engine and got no further.
    pub const fn count_left_out(&mut self, count: u64) {
        self.counters.suppressed_backlog = self.counters.suppressed_backlog.saturating_add(count);
    }

    /// What was counted so far.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Packet time of the latest frame; none before the first.
    #[must_use]
    pub const fn now_ns(&self) -> Option<i64> {
        self.now_ns
    }

    fn advance(&mut self, time_ns: i64) {
        match self.clock.pass(time_ns) {
            Passed::On => {}
            Passed::Late => self.count_late(),
            Passed::SetBack(step_ns) => {
                self.count_late();
                self.set_back(step_ns);
            }
        }
        let now = self.clock.now_ns().unwrap_or(time_ns);
        if now >= self.tick_due_ns {
            self.sweep_up_to(now);
        }
        self.now_ns = Some(now);
        if now >= self.early_due_ns {
            self.early_due_ns = now.saturating_add(EARLY_TICK_NS);
            self.tell_early();
        }
    }

    fn count_late(&mut self) {
        self.counters.time_backwards = self.counters.time_backwards.saturating_add(1);
    }

    /// The clock was set back: what was due by the old time is due by the new one.
    #[cold]
    fn set_back(&mut self, step_ns: i64) {
        let now_ns = self.clock.now_ns().unwrap_or_default();
        self.now_ns = Some(now_ns);
        self.tick_due_ns = now_ns.saturating_sub(now_ns.rem_euclid(TICK_NS));
        if self.early_ns < i64::MAX {
            self.early_due_ns = now_ns;
        }
        self.flows.set_back(now_ns, step_ns);
        // First what still goes by the old time.
        for slot in self.flows.slots() {
            self.look(slot, now_ns);
        }
        self.observer.set_back(now_ns, step_ns);
        if self.watches {
            self.interfaces.set_back(now_ns, step_ns, &self.counters);
            self.tell_health();
        }
    }

    /// Sweeps at each whole second up to `now_ns`, as of that second. So what is found does
    /// not depend on which frame or tick let time pass, nor on whether any came in between.
    #[cold]
    fn sweep_up_to(&mut self, now_ns: i64) {
        let last_ns = now_ns.saturating_sub(now_ns.rem_euclid(TICK_NS));
        let mut due_ns = if self.now_ns.is_some() { self.tick_due_ns } else { last_ns };
        let until_ns = due_ns.saturating_add(SWEEPS.saturating_mul(TICK_NS));
        while due_ns <= last_ns {
            if due_ns > until_ns {
                due_ns = last_ns;
            }
            self.sweep(due_ns);
            due_ns = due_ns.saturating_add(TICK_NS);
        }
        self.tick_due_ns = due_ns;
    }

    /// Looks at flows whose time has come: idle ones end, and what waited too
    /// long is given up.
    fn sweep(&mut self, now_ns: i64) {
        self.now_ns = Some(now_ns);
        let mut turn = self.flows.turn();
        while let Some(slot) = self.flows.next_due(&mut turn, now_ns) {
            self.look(slot, now_ns);
        }
        if self.watches {
            self.watch(now_ns);
        }
        if let Some(spoof) = &mut self.spoof {
            spoof.arps.turn(now_ns);
            self.tell_arps();
        }
        if self.deltas.as_mut().is_some_and(|deltas| deltas.is_due(now_ns)) {
            self.tell_deltas();
        }
    }

    /// Looks at a flow: gives up what waits in it for too long, and ends it where it is idle.
    fn look(&mut self, slot: u32, now_ns: i64) {
        self.in_flow(slot, |parts, reassembly, counters, deliver| {
            for direction in DIRECTIONS {
                reassembly.close_holes(
                    &mut parts.stream,
                    direction,
                    now_ns,
                    counters,
                    &mut |direction, step, counters| {
                        deliver(parts.application, direction, step, &parts.view, counters);
                    },
                );
            }
        });
        self.with_application(slot, |application, view, work| {
            application.decide_late(view, work);
            if let Some(session) = application.session_mut() {
                session.give_up_late(view, work);
            }
        });
        if self.flows.settle(slot, now_ns) == Settled::Ends {
            self.end_flow(slot);
        }
    }
}

#[cfg(test)]
mod tests;
