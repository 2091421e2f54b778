//! The thread that reads frames and feeds the engine, and its way to Python.
//!
//! It runs without the GIL and hands over batches through a bounded channel.
//! Where Python is slow it waits, if it reads files, since they do not run away;
//! [`crate::live`] says what it does where frames come from an interface.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use engine::capture::live::{InterfaceHealth, Live};
use engine::capture::{FileFacts, Frame, Timeline, expand};
use engine::counters::Counters;
use engine::limits::Limits;
use engine::observation::{KnownConversation, Observation};
use engine::recent::RecentFrames;
use engine::selection::{Bounds, Selection, select_recent};
use engine::wanted::Wanted;
use engine::{Engine, PduLogging};

use crate::fault::caught;
use crate::live;

/// Batches that may wait for Python: enough to go on with while it is busy, and not
/// so many that they are what a run needs most memory for.
const WAITING_BATCHES: usize = 8;
/// Observations, and bytes of the PDU log, that are worth a batch.
const FULL_OBSERVATIONS: usize = 1024;
const FULL_PDUS: usize = 256 << 10;
/// Frames after which the thread looks for them, and for a wish to stop.
pub const LOOK: u64 = 1024;
/// Frames after which counters and file facts are told, and any batch goes.
const PUBLISH: u64 = 65_536;

/// What to read, and how.
#[derive(Debug, Default)]
pub struct Options {
    /// Files, directories, or `-` for standard input.
    pub paths: Vec<PathBuf>,
    /// Whether second copies of mirrored packets count.
    pub keep_duplicates: bool,
    /// Whether the log of PDUs is written.
    pub pdu_log: PduLogging,
    /// Whether rhythms are watched.
    pub rhythm: bool,
    /// Whether the health of interfaces is told.
    pub health: bool,
    /// Whether it is told which senders may not be who they say.
    pub spoof: bool,
    /// Whether it is told what objects held before a change.
    pub previous: bool,
    /// Whether it is told what becomes of written values, and of the quality of points.
    pub points: bool,
    /// Whether it is told when behaviours read new addresses.
    pub ranges: bool,
    /// Packet time after which counts leave, again and again.
    pub delta_ns: Option<i64>,
    /// Packet time after which a request that matters leaves before its answer.
    pub early_ns: Option<i64>,
    /// What was done before this run.
    pub known: Known,
    /// What leaves one by one though it would be folded.
    pub wanted: Vec<Wanted>,
}

/// What an earlier run had.
#[derive(Debug, Default)]
pub struct Known {
    /// What ends had done.
    pub conversations: Vec<KnownConversation>,
    /// Digests of behaviours.
    pub behaviours: Vec<u128>,
    /// Digests of rhythms, with period and deviation.
    pub rhythms: Vec<(u128, f64, f64)>,
}

impl Known {
    /// Teaches the engine all of it.
    fn teach(&self, engine: &mut Engine) {
        self.conversations.iter().for_each(|known| engine.know(known));
        self.behaviours.iter().for_each(|id| engine.know_behaviour(*id));
        for (id, period_ns, deviation_ns) in &self.rhythms {
            engine.know_rhythm(*id, *period_ns, *deviation_ns);
        }
    }
}

/// What the thread hands over at a time.
#[derive(Debug, Default)]
pub struct Batch {
    /// Observations, oldest first.
    pub observations: Vec<Observation>,
    /// Whole JSON lines.
    pub pdus: Vec<u8>,
    /// Packet time up to which everything is in it or went before; none before the first frame.
    pub until_ns: Option<i64>,
}

impl Batch {
    /// Takes what the engine has.
    pub fn take(&mut self, engine: &mut Engine) {
        let mut observations = engine.drain();
        let mut pdus = engine.take_pdus();
        if self.is_empty() {
            *self = Self { observations, pdus, until_ns: None };
        } else {
            self.observations.append(&mut observations);
            self.pdus.append(&mut pdus);
        }
        self.until_ns = engine.now_ns();
    }

    /// Whether there is nothing in it.
    pub const fn is_empty(&self) -> bool {
        self.observations.is_empty() && self.pdus.is_empty()
    }

    const fn is_full(&self) -> bool {
        self.observations.len() >= FULL_OBSERVATIONS || self.pdus.len() >= FULL_PDUS
    }
}

/// What the thread says about itself while it runs.
#[derive(Debug, Default)]
pub struct Shared {
    stop: Arc<AtomicBool>,
    read: AtomicU64,
    total: AtomicU64,
    /// Packet time; 0 before the first frame.
    now_ns: AtomicI64,
    counters: Mutex<Counters>,
    files: Mutex<Vec<FileFacts>>,
    interfaces: Mutex<Vec<InterfaceHealth>>,
    /// The latest frames of interfaces.
    recent: Mutex<Option<RecentFrames>>,
    /// What was done before this run, and the thread has not learned yet.
    known: Mutex<Known>,
    /// What is to leave one by one from now on, where that was said anew.
    wanted: Mutex<Option<Vec<Wanted>>>,
    fault: Mutex<Option<String>>,
}

impl Shared {
    fn publish_progress(&self, timeline: &Timeline) {
        let (read, total) = timeline.progress();
        self.read.store(read, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
    }

    fn publish(&self, timeline: &Timeline, engine: &Engine) {
        self.publish_progress(timeline);
        self.publish_facts(timeline.files(), engine);
    }

    /// Tells what is known of the inputs and what was counted.
    pub fn publish_facts(&self, files: &[FileFacts], engine: &Engine) {
        self.now_ns.store(engine.now_ns().unwrap_or_default(), Ordering::Relaxed);
        locked(&self.counters).clone_from(engine.counters());
        files.clone_into(&mut locked(&self.files));
    }

    /// Tells how the interfaces are.
    pub fn publish_interfaces(&self, health: Vec<InterfaceHealth>) {
        *locked(&self.interfaces) = health;
    }

    /// Keeps a frame for evidence; where somebody is looking through those that are
    /// kept, in `late` until the next one.
    pub fn keep(&self, frame: &Frame<'_>, late: &mut RecentFrames) {
        let Ok(mut recent) = self.recent.try_lock() else { return late.push(frame) };
        let Some(recent) = recent.as_mut() else { return };
        if !late.is_empty() {
            recent.take_over(late);
        }
        recent.push(frame);
    }

    /// Teaches the engine what was done before this run.
    pub fn teach(&self, engine: &mut Engine) {
        let known = std::mem::take(&mut *locked(&self.known));
        known.teach(engine);
        if let Some(wanted) = locked(&self.wanted).take() {
            engine.watch_for(wanted);
        }
    }

    /// Whether somebody asked the thread to end.
    pub fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// The end of what the thread has to say.
#[derive(Debug)]
pub enum Waited {
    /// A batch.
    Batch(Batch),
    /// None came in time.
    TimedOut,
    /// There will be no more.
    Ended,
    /// The thread panicked: message and place.
    Failed(String),
}

/// A running thread.
#[derive(Debug)]
pub struct Worker {
    shared: Arc<Shared>,
    batches: Mutex<Receiver<Batch>>,
    opened: Mutex<Receiver<Result<(), String>>>,
}

impl Worker {
    /// Starts the thread, which opens the inputs first: see [`Worker::opened`].
    pub fn start(options: Options) -> Result<Self, String> {
        Self::spawn(Shared::default(), move |shared, send, tell_opened| {
            let (mut timeline, mut engine) = match open(options, &shared.stop) {
                Ok(both) => both,
                Err(problem) => {
                    let _ = tell_opened.send(Err(problem));
                    return;
                }
            };
            shared.publish(&timeline, &engine);
            let _ = tell_opened.send(Ok(()));
            read(&mut timeline, &mut engine, shared, send);
        })
    }

    /// Starts the thread on interfaces that are open already; the paths of `options` do not
    /// count. `evidence` is the room for the latest frames, in bytes; `backlog` that for
    /// observations that wait for Python.
    pub fn watch(
        mut live: Live,
        options: &Options,
        evidence: usize,
        backlog: usize,
    ) -> Result<Self, String> {
        let mut engine = make_engine(options);
        let recent = Some(RecentFrames::new(evidence)).filter(|_| evidence > 0);
        let shared = Shared { recent: Mutex::new(recent), ..Shared::default() };
        live::tell(&mut live, &engine, &shared);
        Self::spawn(shared, move |shared, send, _| {
            live::watch(&mut live, &mut engine, shared, send, backlog);
        })
    }

    fn spawn(
        shared: Shared,
        work: impl FnOnce(&Shared, &SyncSender<Batch>, SyncSender<Result<(), String>>) + Send + 'static,
    ) -> Result<Self, String> {
        let shared = Arc::new(shared);
        let (send, batches) = sync_channel(WAITING_BATCHES);
        let (tell_opened, opened) = sync_channel(1);
        let own = Arc::clone(&shared);
        let run = move || {
            if let Err(fault) = caught(|| work(&own, &send, tell_opened)) {
                *locked(&own.fault) = Some(fault);
            }
        };
        thread::Builder::new()
            .name("otmon-engine".to_owned())
            .spawn(run)
            .map_err(|error| format!("the thread did not start: {error}"))?;
        Ok(Self { shared, batches: Mutex::new(batches), opened: Mutex::new(opened) })
    }

    /// Waits until the inputs are open: none where it takes longer, else whether
    /// one is usable, or a text for people about why not.
    pub fn opened(&self, time: Duration) -> Result<Option<Result<(), String>>, String> {
        match locked(&self.opened).recv_timeout(time) {
            Ok(result) => Ok(Some(result)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => {
                Err(locked(&self.shared.fault).take().unwrap_or_default())
            }
        }
    }

    /// Waits for the next batch.
    pub fn wait(&self, time: Duration) -> Waited {
        let batches = locked(&self.batches);
        match batches.recv_timeout(time) {
            Ok(batch) => Waited::Batch(batch),
            Err(RecvTimeoutError::Timeout) => Waited::TimedOut,
            Err(RecvTimeoutError::Disconnected) => {
                let fault = locked(&self.shared.fault).take();
                fault.map_or(Waited::Ended, Waited::Failed)
            }
        }
    }

    /// Asks the thread to end; what it found so far still comes.
    pub fn stop(&self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }

    /// Has the thread learn what was done before this run, where it watches interfaces.
    pub fn know(&self, mut known: Known) {
        let mut waiting = locked(&self.shared.known);
        waiting.conversations.append(&mut known.conversations);
        waiting.behaviours.append(&mut known.behaviours);
        waiting.rhythms.append(&mut known.rhythms);
    }

    /// Says anew what leaves one by one, where the thread watches interfaces.
    pub fn watch_for(&self, wanted: Vec<Wanted>) {
        *locked(&self.shared.wanted) = Some(wanted);
    }

    /// Bytes of the inputs read, and in all.
    pub fn progress(&self) -> (u64, u64) {
        (self.shared.read.load(Ordering::Relaxed), self.shared.total.load(Ordering::Relaxed))
    }

    /// Picks frames out of the latest ones, for each list of wanted ones; nothing at all where
    /// none are kept.
    pub fn select_recent(&self, wanted: &[Vec<(u32, u64)>], bounds: Bounds) -> Vec<Selection> {
        let recent = locked(&self.shared.recent);
        recent.as_ref().map_or_else(Vec::new, |recent| select_recent(recent, wanted, bounds))
    }

    /// Packet time, as it was lately; none before the first frame.
    pub fn now_ns(&self) -> Option<i64> {
        Some(self.shared.now_ns.load(Ordering::Relaxed)).filter(|now_ns| *now_ns != 0)
    }

    /// The engine's counters, as they were lately.
    pub fn counters(&self) -> BTreeMap<String, u64> {
        locked(&self.shared.counters).named()
    }

    /// The facts about the input files, as they were lately.
    pub fn files(&self) -> Vec<FileFacts> {
        locked(&self.shared.files).clone()
    }

    /// How the interfaces are, as they were lately; nothing where files are read.
    pub fn interfaces(&self) -> Vec<InterfaceHealth> {
        locked(&self.shared.interfaces).clone()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What a lock guards; a panic of another holder leaves it usable.
fn locked<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

fn open(options: Options, stop: &Arc<AtomicBool>) -> Result<(Timeline, Engine), String> {
    let inputs = expand(&options.paths).map_err(|error| error.to_string())?;
    let timeline =
        Timeline::open_until(inputs, Arc::clone(stop)).map_err(|error| error.to_string())?;
    let engine = make_engine(&options);
    Ok((timeline, engine))
}

fn make_engine(options: &Options) -> Engine {
    let mut engine = Engine::new(engine::Options {
        limits: Limits::default(),
        keep_duplicates: options.keep_duplicates,
        pdu_log: options.pdu_log,
        rhythm: options.rhythm,
        health: options.health,
        spoof: options.spoof,
        previous: options.previous,
        points: options.points,
        ranges: options.ranges,
        delta_ns: options.delta_ns,
        wanted: options.wanted.clone(),
        early_ns: options.early_ns,
    });
    options.known.teach(&mut engine);
    engine
}

/// Tells the engine of frames that the capturing machines lost beyond `before`; how
/// many they lost in all.
fn tell_dropped(timeline: &Timeline, engine: &mut Engine, before: u64) -> u64 {
    let all = timeline.files().iter().map(FileFacts::dropped_packets).fold(0, u64::saturating_add);
    if all > before {
        engine.dropped(None, all.saturating_sub(before));
    }
    all.max(before)
}

/// Reads to the end, or until somebody says stop or nobody listens.
fn read(timeline: &mut Timeline, engine: &mut Engine, shared: &Shared, send: &SyncSender<Batch>) {
    let mut batch = Batch::default();
    let mut frames = 0u64;
    let mut dropped = 0u64;
    while let Some(frame) = timeline.next() {
        engine.push(&frame);
        frames = frames.wrapping_add(1);
        if !frames.is_multiple_of(LOOK) {
            continue;
        }
        dropped = tell_dropped(timeline, engine, dropped);
        batch.take(engine);
        shared.publish_progress(timeline);
        if frames.is_multiple_of(PUBLISH) {
            shared.publish(timeline, engine);
        }
        if (batch.is_full() || frames.is_multiple_of(PUBLISH))
            && !batch.is_empty()
            && send.send(std::mem::take(&mut batch)).is_err()
        {
            return;
        }
        if shared.is_stopping() {
            break;
        }
    }
    tell_dropped(timeline, engine, dropped);
    engine.finish();
    batch.take(engine);
    shared.publish(timeline, engine);
    // Where nobody listens any more, nobody misses it.
    let _ = send.send(batch);
}
