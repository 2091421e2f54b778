//! The thread that reads frames and feeds the engine, and its way to Python.
//!
//! It runs without the GIL and hands over batches through a bounded channel:
//! where Python is slow it waits, since files do not run away.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use engine::observation::Observation;

/// Batches that may wait for Python.
const WAITING_BATCHES: usize = 64;

/// What to read, and how.
#[derive(Debug, Default)]
pub struct Options {
    /// Files, directories, or `-` for standard input.
    pub paths: Vec<PathBuf>,
    /// Whether second copies of mirrored packets count.
    pub keep_duplicates: bool,
    /// Whether the log of PDUs is written instead of observations.
    pub pdu_log: bool,
}

/// What the thread hands over at a time.
#[derive(Debug, Default)]
pub struct Batch {
    /// Observations, oldest first.
    pub observations: Vec<Observation>,
    /// Whole JSON lines.
    pub pdus: Vec<u8>,
}

/// The facts about an input file.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// As it was named, or found in a directory.
    pub path: String,
    /// `pcap`, `pcapng`, and what it is packed with.
    pub format: String,
    /// LINKTYPE_ values of its interfaces.
    pub link_types: Vec<u16>,
    /// Frames read.
    pub packets: u64,
    /// Bytes of them on the wire.
    pub bytes: u64,
    /// Packet time of the first one.
    pub first_seen_ns: Option<i64>,
    /// Packet time of the last one.
    pub last_seen_ns: Option<i64>,
    /// Whether it ends in the middle of a record.
    pub truncated: bool,
    /// Bytes passed over because they were damaged.
    pub skipped_bytes: u64,
    /// Why it was not read to its end.
    pub error: Option<String>,
}

/// What the thread says about itself while it runs.
#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    read: AtomicU64,
    total: AtomicU64,
    counters: Mutex<BTreeMap<String, u64>>,
    files: Mutex<Vec<File>>,
    fault: Mutex<Option<String>>,
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
}

impl Worker {
    /// Opens the inputs and starts reading.
    ///
    /// # Errors
    ///
    /// A text for people, where no input is usable.
    pub fn start(options: &Options) -> Result<Self, String> {
        let missing = |path: &&PathBuf| path.as_os_str() != "-" && !path.exists();
        if let Some(path) = options.paths.iter().find(missing) {
            return Err(format!("{} does not exist. Check the path.", path.display()));
        }
        let shared = Arc::new(Shared::default());
        let (send, batches) = sync_channel(WAITING_BATCHES);
        let own = Arc::clone(&shared);
        let (keep_duplicates, pdu_log) = (options.keep_duplicates, options.pdu_log);
        let run = move || {
            let work = || read(&own, &send, keep_duplicates, pdu_log);
            if let Err(fault) = crate::fault::caught(work) {
                *own.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
            }
        };
        thread::Builder::new()
            .name("otmon-engine".to_owned())
            .spawn(run)
            .map_err(|error| format!("The engine's thread did not start: {error}. Try again."))?;
        Ok(Self { shared, batches: Mutex::new(batches) })
    }

    /// Waits for the next batch.
    pub fn wait(&self, time: Duration) -> Waited {
        let batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        match batches.recv_timeout(time) {
            Ok(batch) => Waited::Batch(batch),
            Err(RecvTimeoutError::Timeout) => Waited::TimedOut,
            Err(RecvTimeoutError::Disconnected) => {
                let fault = self.shared.fault.lock().unwrap_or_else(PoisonError::into_inner).take();
                fault.map_or(Waited::Ended, Waited::Failed)
            }
        }
    }

    /// Asks the thread to end; what it found so far still comes.
    pub fn stop(&self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }

    /// Bytes of the inputs read, and in all.
    pub fn progress(&self) -> (u64, u64) {
        (self.shared.read.load(Ordering::Relaxed), self.shared.total.load(Ordering::Relaxed))
    }

    /// The engine's counters, as of the last batch.
    pub fn counters(&self) -> BTreeMap<String, u64> {
        self.shared.counters.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The facts about the input files, as of the last batch.
    pub fn files(&self) -> Vec<File> {
        self.shared.files.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Nothing is read yet: the stages are being built.
fn read(_shared: &Shared, _send: &SyncSender<Batch>, _keep_duplicates: bool, _pdu_log: bool) {}
