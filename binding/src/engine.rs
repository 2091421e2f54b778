//! The class `Engine`: opens inputs, waits for batches, ends.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use engine::PduLogging;
use engine::capture::live::{Live, LiveOptions, Size, filter};
use engine::capture::sandbox::lock_in;
use engine::capture::{Compression, Container, FileFacts};
use engine::dissectors::registry::ProtocolId;
use engine::observation::{Endpoint, History, KnownConversation, Observation};
use engine::selection::{Bounds, Selection as Picks};
use pyo3::prelude::*;
use pyo3::sync::MutexExt as _;
use pyo3::types::{PyBytes, PyList};

use crate::fault::errors::{CaptureError, OptionsError};
use crate::fault::{caught, engine_error};
use crate::observation::to_python;
use crate::selection::Selection;
use crate::shared::Shared;
use crate::wanted::{Wanted, taken};
use crate::worker::{Batch, Known, Options, Waited, Worker};

/// Sizes of a ring: two blocks at least, so that one can be read while the other is filled.
const RING_MIB: std::ops::RangeInclusive<u32> = 2..=1024;

/// Bytes kept of a frame where nobody asks for fewer: above any frame with offloads.
const MAX_SNAP: u32 = 262_144;

/// How long Python's signals may wait.
const SLICE: Duration = Duration::from_millis(100);

/// The facts about an input file.
#[pyclass(frozen, get_all, module = "otmon._engine")]
pub struct CaptureFile {
    path: String,
    format: Option<&'static str>,
    compression: Option<&'static str>,
    size: u64,
    link_types: Vec<u16>,
    packets: u64,
    bytes: u64,
    first_seen_ns: Option<i64>,
    last_seen_ns: Option<i64>,
    truncated: bool,
    skipped_bytes: u64,
    untimed_packets: u64,
    late: bool,
    dropped_packets: u64,
    comments: Vec<String>,
    error: Option<String>,
}

impl From<FileFacts> for CaptureFile {
    fn from(facts: FileFacts) -> Self {
        Self {
            dropped_packets: facts.dropped_packets(),
            path: facts.path.to_string_lossy().into_owned(),
            format: facts.container.map(Container::as_str),
            compression: facts.compression.map(Compression::as_str),
            size: facts.size,
            link_types: facts.link_types,
            packets: facts.packets,
            bytes: facts.bytes,
            first_seen_ns: facts.first_seen_ns,
            last_seen_ns: facts.last_seen_ns,
            truncated: facts.truncated,
            skipped_bytes: facts.skipped_bytes,
            untimed_packets: facts.untimed_packets,
            late: facts.late,
            comments: facts.comments,
            error: facts.error.map(|error| error.to_string()),
        }
    }
}

/// How an interface is, and what it lost.
#[pyclass(frozen, get_all, module = "otmon._engine")]
pub struct Interface {
    name: String,
    received: u64,
    ring_drops: u64,
    ring_freezes: u64,
    driver_drops: u64,
    sent: u64,
    running: bool,
    reopened: u64,
}

/// Client, server, VLAN, protocol, reads, changes, time of the first one: see the stub.
type KnownTalk = (String, String, Option<u16>, String, u64, u64, i64);

/// A conversation of an earlier run; none where its protocol or an address is no longer one.
fn known(
    (client, server, vlan, protocol, reads, changes, first): &KnownTalk,
) -> Option<KnownConversation> {
    Some(KnownConversation {
        client: endpoint(client)?,
        server: endpoint(server)?,
        vlan: *vlan,
        protocol: *ProtocolId::ALL.iter().find(|id| id.registration().name == protocol)?,
        history: History { read_count: *reads, change_count: *changes, first_seen_ns: *first },
    })
}

/// What an earlier run had.
fn earlier(
    conversations: &[KnownTalk],
    behaviours: &[String],
    rhythms: &[(String, f64, f64)],
) -> PyResult<Known> {
    let digest = |text: &str| {
        let digest = u128::from_str_radix(text, 16).ok().filter(|_| text.len() == 32);
        digest.ok_or_else(|| {
            OptionsError::new_err(format!("{text:?} is no id. Give 32 hexadecimal digits."))
        })
    };
    let with_digest = |(id, period, deviation): &(String, f64, f64)| {
        digest(id).map(|id| (id, *period, *deviation))
    };
    Ok(Known {
        conversations: conversations.iter().filter_map(known).collect(),
        behaviours: behaviours.iter().map(|id| digest(id)).collect::<PyResult<_>>()?,
        rhythms: rhythms.iter().map(with_digest).collect::<PyResult<_>>()?,
    })
}

/// An end by its IP or hardware address.
fn endpoint(address: &str) -> Option<Endpoint> {
    if let Ok(ip) = address.parse() {
        return Some(Endpoint { mac: None, ip: Some(ip), port: 0 });
    }
    let bytes: Option<Vec<u8>> =
        address.split(':').map(|byte| u8::from_str_radix(byte, 16).ok()).collect();
    Some(Endpoint { mac: Some(bytes?.try_into().ok()?), ip: None, port: 0 })
}

/// Handed over by the thread, but not yet to Python.
#[derive(Default)]
struct Waiting {
    observations: VecDeque<Observation>,
    pdus: Vec<u8>,
    /// How many bytes of `pdus` went to Python.
    pdus_taken: usize,
    /// Packet time up to which all observations are here, and up to which Python has them.
    until_ns: Option<i64>,
    taken_ns: Option<i64>,
    ended: bool,
}

impl Waiting {
    fn add(&mut self, batch: Batch) {
        self.observations.extend(batch.observations);
        self.until_ns = self.until_ns.max(batch.until_ns);
        if !self.has_pdus() {
            self.pdus = batch.pdus;
            self.pdus_taken = 0;
        } else {
            // Two threads read: what the other one has not taken stays in front.
            self.pdus.extend(batch.pdus);
        }
    }

    fn take(&mut self, limit: usize) -> Vec<Observation> {
        let count = limit.min(self.observations.len());
        let taken = self.observations.drain(..count).collect();
        if self.observations.is_empty() {
            self.taken_ns = self.until_ns;
        }
        taken
    }

    fn has_observations(&mut self) -> bool {
        !self.observations.is_empty()
    }

    fn has_pdus(&mut self) -> bool {
        self.pdus_taken < self.pdus.len()
    }

    /// Takes whole lines, within `limit` bytes where that holds one.
    fn take_lines(&mut self, limit: usize) -> &[u8] {
        let lines = self.pdus.get(self.pdus_taken..).unwrap_or_default();
        let lines = lines.get(..whole_lines(lines, limit)).unwrap_or_default();
        self.pdus_taken = self.pdus_taken.saturating_add(lines.len());
        lines
    }
}

/// Frames in, observations out.
#[pyclass(frozen, module = "otmon._engine")]
pub struct Engine {
    worker: Worker,
    waiting: Mutex<Waiting>,
    shared: Mutex<Shared>,
    pdu_log: PduLogging,
    /// Whether the kernel sees to it that no other files than its own are changed.
    confined: bool,
}

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (
        paths, *, keep_duplicates = false, pdu_log = false, rhythm = false, health = false,
        spoof = false, previous = false, points = false, ranges = false, delta_s = None, early_s = None,
        conversations = Vec::new(), behaviours = Vec::new(), rhythms = Vec::new(), wanted = Vec::new(),
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are keywords in Python")]
    fn new(
        py: Python<'_>,
        paths: Vec<PathBuf>,
        keep_duplicates: bool,
        pdu_log: bool,
        rhythm: bool,
        health: bool,
        spoof: bool,
        previous: bool,
        points: bool,
        ranges: bool,
        delta_s: Option<f64>,
        early_s: Option<f64>,
        conversations: Vec<KnownTalk>,
        behaviours: Vec<String>,
        rhythms: Vec<(String, f64, f64)>,
        wanted: Vec<Wanted>,
    ) -> PyResult<Self> {
        let delta_ns = delta_s.map(|time| span("delta_s", time)).transpose()?;
        let early_ns = early_s.map(|time| span("early_s", time)).transpose()?;
        let known = earlier(&conversations, &behaviours, &rhythms)?;
        let logging = if pdu_log { PduLogging::Only } else { PduLogging::Off };
        let options = Options {
            paths,
            keep_duplicates,
            pdu_log: logging,
            rhythm,
            health,
            spoof,
            previous,
            points,
            ranges,
            delta_ns,
            known,
            wanted: taken(wanted)?,
            early_ns,
        };
        let worker = Worker::start(options).map_err(|fault| engine_error(&fault))?;
        loop {
            let opened =
                py.detach(|| worker.opened(SLICE)).map_err(|fault| engine_error(&fault))?;
            match opened {
                Some(usable) => {
                    usable.map_err(CaptureError::new_err)?;
                    break;
                }
                // Standard input may be slow to begin.
                None => py.check_signals()?,
            }
        }
        Ok(Self {
            worker,
            waiting: Mutex::default(),
            shared: Mutex::default(),
            pdu_log: logging,
            confined: false,
        })
    }

    #[staticmethod]
    #[pyo3(signature = (
        interfaces, *, filter = None, snap_length = None, promiscuous = true, ring_mib = 64, user = None,
        writable = None, evidence_mib = 0, backlog = 100_000, keep_duplicates = false, pdu_log = false, observations = true,
        rhythm = false, health = false, spoof = false, previous = false, points = false, ranges = false, delta_s = None,
        early_s = None, wanted = Vec::new(),
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are keywords in Python")]
    fn live(
        py: Python<'_>,
        interfaces: Vec<String>,
        filter: Option<&str>,
        snap_length: Option<u32>,
        promiscuous: bool,
        ring_mib: u32,
        user: Option<(u32, u32)>,
        writable: Option<Vec<PathBuf>>,
        evidence_mib: u16,
        backlog: u32,
        keep_duplicates: bool,
        pdu_log: bool,
        observations: bool,
        rhythm: bool,
        health: bool,
        spoof: bool,
        previous: bool,
        points: bool,
        ranges: bool,
        delta_s: Option<f64>,
        early_s: Option<f64>,
        wanted: Vec<Wanted>,
    ) -> PyResult<Self> {
        let delta_ns = delta_s.map(|time| span("delta_s", time)).transpose()?;
        let early_ns = early_s.map(|time| span("early_s", time)).transpose()?;
        let wanted = taken(wanted)?;
        let wrong = |problem: &dyn std::fmt::Display| OptionsError::new_err(problem.to_string());
        let logging = match (pdu_log, observations) {
            (false, _) => PduLogging::Off,
            (true, false) => PduLogging::Only,
            (true, true) => PduLogging::Beside,
        };
        let filter = match (filter, snap_length) {
            (Some(text), length) => filter::parse(text, length.unwrap_or(MAX_SNAP))
                .map_err(|problem| wrong(&problem))?,
            (None, Some(length)) => filter::snap(length),
            (None, None) => Vec::new(),
        };
        if !RING_MIB.contains(&ring_mib) {
            return Err(wrong(&format!(
                "ring_mib is {ring_mib}. Give {} to {} MiB.",
                RING_MIB.start(),
                RING_MIB.end()
            )));
        }
        let options = LiveOptions {
            interfaces,
            ring: Size { block: 1 << 20, blocks: ring_mib },
            promiscuous,
            filter,
        };
        let (worker, confined) = py.detach(|| {
            let mut live =
                Live::open(&options).map_err(|error| CaptureError::new_err(error.to_string()))?;
            live.stay_open();
            let confined = lock_in(&live.descriptors(), user, writable.as_deref())
                .map_err(|error| CaptureError::new_err(error.to_string()))?;
            let options = Options {
                keep_duplicates,
                pdu_log: logging,
                rhythm,
                health,
                spoof,
                previous,
                points,
                ranges,
                delta_ns,
                wanted,
                early_ns,
                ..Options::default()
            };
            let evidence = usize::from(evidence_mib) << 20;
            let backlog = usize::try_from(backlog).unwrap_or(usize::MAX);
            let worker = Worker::watch(live, &options, evidence, backlog);
            worker.map(|worker| (worker, confined)).map_err(|fault| engine_error(&fault))
        })?;
        Ok(Self {
            worker,
            waiting: Mutex::default(),
            shared: Mutex::default(),
            pdu_log: logging,
            confined,
        })
    }

    #[pyo3(signature = (conversations = Vec::new(), behaviours = Vec::new(), rhythms = Vec::new()))]
    fn know(
        &self,
        conversations: Vec<KnownTalk>,
        behaviours: Vec<String>,
        rhythms: Vec<(String, f64, f64)>,
    ) -> PyResult<()> {
        self.worker.know(earlier(&conversations, &behaviours, &rhythms)?);
        Ok(())
    }

    fn watch(&self, wanted: Vec<Wanted>) -> PyResult<()> {
        self.worker.watch_for(taken(wanted)?);
        Ok(())
    }

    fn interfaces(&self) -> Vec<Interface> {
        let names = self.worker.files().into_iter().map(|facts| facts.path);
        let healths = self.worker.interfaces();
        names
            .zip(healths)
            .map(|(name, health)| Interface {
                name: name.to_string_lossy().into_owned(),
                received: health.received,
                ring_drops: health.ring_drops,
                ring_freezes: health.ring_freezes,
                driver_drops: health.driver_drops,
                sent: health.sent,
                running: health.running,
                reopened: health.reopened,
            })
            .collect()
    }

    #[pyo3(signature = (limit = 4096, timeout_s = 1.0))]
    fn read_batch<'py>(
        &self,
        py: Python<'py>,
        limit: usize,
        timeout_s: f64,
    ) -> PyResult<Option<Bound<'py, PyList>>> {
        if self.pdu_log == PduLogging::Only {
            return Err(OptionsError::new_err(
                "This engine writes the PDU log. Call read_pdus, or open it without pdu_log.",
            ));
        }
        let timeout = duration(timeout_s)?;
        let limit = at_least_one(limit)?;
        let found = self.fill(py, timeout, Waiting::has_observations)?;
        if !found {
            return Ok(None);
        }
        let taken = self.with_waiting(py, |waiting| waiting.take(limit));
        let mut shared = self.shared.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
        let objects = taken
            .into_iter()
            .map(|own| to_python(py, &mut shared, own))
            .collect::<PyResult<Vec<_>>>()?;
        PyList::new(py, objects).map(Some)
    }

    #[pyo3(signature = (limit = 65536))]
    fn read_pdus<'py>(&self, py: Python<'py>, limit: usize) -> PyResult<Bound<'py, PyBytes>> {
        if self.pdu_log == PduLogging::Off {
            return Err(OptionsError::new_err(
                "This engine does not write the PDU log. Open it with pdu_log=True.",
            ));
        }
        let limit = at_least_one(limit)?;
        while self.fill(py, SLICE, Waiting::has_pdus)? {
            // Who holds this lock never waits for Python.
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let lines = waiting.take_lines(limit);
            if !lines.is_empty() {
                return Ok(PyBytes::new(py, lines));
            }
        }
        Ok(PyBytes::new(py, b""))
    }

    #[pyo3(signature = (limit = 1048576))]
    fn take_pdus<'py>(&self, py: Python<'py>, limit: usize) -> PyResult<Bound<'py, PyBytes>> {
        let limit = at_least_one(limit)?;
        // Who holds this lock never waits for Python.
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(PyBytes::new(py, waiting.take_lines(limit)))
    }

    fn files(&self) -> Vec<CaptureFile> {
        self.worker.files().into_iter().map(CaptureFile::from).collect()
    }

    fn counters(&self) -> BTreeMap<String, u64> {
        self.worker.counters()
    }

    #[pyo3(signature = (wanted, *, context = 5, most_frames = 200, most_bytes = 1 << 20))]
    fn recent_frames(
        &self,
        py: Python<'_>,
        wanted: Vec<Vec<(u32, u64)>>,
        context: usize,
        most_frames: usize,
        most_bytes: usize,
    ) -> PyResult<Vec<Selection>> {
        let bounds = Bounds { context, frames: most_frames, bytes: most_bytes };
        let found = py.detach(|| caught(|| self.worker.select_recent(&wanted, bounds)));
        let mut found = found.map_err(|fault| engine_error(&fault))?;
        found.resize_with(wanted.len(), Default::default);
        let files = self.worker.files();
        let with_files = |one| Selection::new(py, Picks { files: files.clone(), ..one });
        found.into_iter().map(with_files).collect()
    }

    fn now_ns(&self) -> Option<i64> {
        self.worker.now_ns()
    }

    fn taken_ns(&self, py: Python<'_>) -> Option<i64> {
        self.with_waiting(py, |waiting| waiting.taken_ns)
    }

    #[getter]
    const fn confined(&self) -> bool {
        self.confined
    }

    fn progress(&self) -> (u64, u64) {
        self.worker.progress()
    }

    fn close(&self) {
        self.worker.stop();
    }
}

impl Engine {
    /// Waits until `enough` holds, the time is over, or the end; false at the end.
    fn fill(
        &self,
        py: Python<'_>,
        timeout: Duration,
        enough: fn(&mut Waiting) -> bool,
    ) -> PyResult<bool> {
        let mut left = timeout;
        loop {
            if self.with_waiting(py, enough) {
                return Ok(true);
            }
            if self.with_waiting(py, |waiting| waiting.ended) {
                return Ok(false);
            }
            let slice = left.min(SLICE);
            match py.detach(|| self.worker.wait(slice)) {
                Waited::Batch(batch) => self.with_waiting(py, |waiting| waiting.add(batch)),
                Waited::TimedOut => left = left.saturating_sub(slice),
                Waited::Ended => self.with_waiting(py, |waiting| waiting.ended = true),
                Waited::Failed(fault) => {
                    self.with_waiting(py, |waiting| waiting.ended = true);
                    return Err(engine_error(&fault));
                }
            }
            py.check_signals()?;
            if left.is_zero() {
                return Ok(true);
            }
        }
    }

    fn with_waiting<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut Waiting) -> T + Send,
    ) -> T {
        py.detach(|| work(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// Where the last whole line within `limit` bytes ends; at least one line, where there is one.
fn whole_lines(lines: &[u8], limit: usize) -> usize {
    let newline = |byte: &u8| *byte == b'\n';
    let within = lines.get(..limit).unwrap_or(lines);
    let end = within.iter().rposition(newline).or_else(|| lines.iter().position(newline));
    end.map_or(0, |at| at.saturating_add(1))
}

fn duration(seconds: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds).map_err(|_| {
        OptionsError::new_err(format!("timeout_s is {seconds}. Give seconds, 0 or more."))
    })
}

/// Nanoseconds of packet time, of seconds that `name` was given.
fn span(name: &str, seconds: f64) -> PyResult<i64> {
    let time = Duration::try_from_secs_f64(seconds).ok().filter(|time| *time >= SLICE);
    time.and_then(|time| i64::try_from(time.as_nanos()).ok()).ok_or_else(|| {
        OptionsError::new_err(format!("{name} is {seconds}. Give seconds, 0.1 or more."))
    })
}

fn at_least_one(limit: usize) -> PyResult<usize> {
    if limit == 0 {
        return Err(OptionsError::new_err("limit is 0. Give 1 or more."));
    }
    Ok(limit)
}
