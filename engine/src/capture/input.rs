//! The one door to files: opening what the user named.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::compressed;
use super::error::{CaptureError, Problem};
use super::format::Kind;

/// How long a silent pipe is waited for before the wish to stop is looked at again.
const PATIENCE: Duration = Duration::from_millis(50);

/// A file by path, or standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A file, or a named pipe.
    Path(PathBuf),
    /// Standard input.
    Stdin,
}

/// An input that is open.
pub(super) struct Opened {
    pub source: Box<dyn Read + Send>,
    /// Bytes on disk; 0 where that is not known.
    pub size: u64,
    /// Whether it can be opened again from the start.
    pub repeatable: bool,
    /// Bytes read of it so far.
    pub read: Arc<AtomicU64>,
}

/// Counts what is read.
struct Counted {
    file: File,
    read: Arc<AtomicU64>,
    /// Where somebody may ask to end a wait for bytes; none where they never wait.
    stop: Option<Arc<AtomicBool>>,
}

impl Counted {
    /// Waits for bytes or the end; false where somebody asked to stop before.
    fn wait(&self) -> bool {
        let Some(stop) = &self.stop else { return true };
        loop {
            if stop.load(Ordering::Relaxed) {
                return false;
            }
            if is_ready(&self.file) {
                return true;
            }
        }
    }
}

/// Whether a read would not block, after a while of patience.
#[cfg(target_os = "linux")]
fn is_ready(file: &File) -> bool {
    super::live::wait(&[std::os::fd::AsRawFd::as_raw_fd(file)], PATIENCE)
}

/// Elsewhere a read of a silent pipe blocks: std cannot wait for it.
#[cfg(not(target_os = "linux"))]
const fn is_ready(_: &File) -> bool {
    true
}

impl Read for Counted {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if !self.wait() {
            return Ok(0);
        }
        let count = self.file.read(to)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

impl Input {
    /// What the user calls it: `-` is standard input.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Path(path) => path,
            Self::Stdin => Path::new("-"),
        }
    }

    /// Opens it for reading from the start; what is no file on disk ends early where
    /// `stop` says so.
    pub(super) fn open(&self, stop: &Arc<AtomicBool>) -> Result<Opened, CaptureError> {
        let file = match self {
            Self::Path(path) => open_file(path),
            Self::Stdin => io::stdin().as_fd().try_clone_to_owned().map(File::from),
        };
        let opened = file.and_then(|file| Ok((file.metadata()?, file)));
        let (metadata, file) =
            opened.map_err(|error| CaptureError::from_io(self.path(), &error))?;
        if metadata.is_dir() {
            return Err(CaptureError::new(self.path(), Problem::Directory));
        }
        let repeatable = metadata.is_file() && *self != Self::Stdin;
        let size = if metadata.is_file() { metadata.len() } else { 0 };
        let read = Arc::new(AtomicU64::new(0));
        let stop = (!metadata.is_file()).then(|| Arc::clone(stop));
        let source = Box::new(Counted { file, read: Arc::clone(&read), stop });
        Ok(Opened { source, size, repeatable, read })
    }
}

#[expect(clippy::disallowed_methods, reason = "the door itself: every capture file is opened here")]
fn open_file(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// The inputs that `paths` mean: `-` is standard input, a directory stands for
/// the capture files in it, sorted by name.
///
/// What is a capture file is told by its magic, not by its suffix. Directories
/// inside a directory are not searched. A file named twice is read once.
///
/// # Errors
///
/// Nothing was named, or a directory cannot be read or has no capture files.
pub fn expand(paths: &[PathBuf]) -> Result<Vec<Input>, CaptureError> {
    if paths.is_empty() {
        return Err(CaptureError::new(Path::new(""), Problem::NothingNamed));
    }
    let mut inputs = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    let mut add = |input: Input| {
        let known = fs::canonicalize(input.path()).unwrap_or_else(|_| input.path().to_owned());
        if seen.insert(known) {
            inputs.push(input);
        }
    };
    for path in paths {
        if path == Path::new("-") {
            add(Input::Stdin);
        } else if path.is_dir() {
            captures_in(path)?.into_iter().map(Input::Path).for_each(&mut add);
        } else {
            add(Input::Path(path.clone()));
        }
    }
    Ok(inputs)
}

fn captures_in(directory: &Path) -> Result<Vec<PathBuf>, CaptureError> {
    let fault = |error: io::Error| CaptureError::from_io(directory, &error);
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).map_err(fault)? {
        let path = entry.map_err(fault)?.path();
        // Reading a pipe or device only to look at it would take its bytes away.
        if path.is_file() && is_capture(&path) {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        return Err(CaptureError::new(directory, Problem::NoCaptures));
    }
    paths.sort();
    Ok(paths)
}

/// Whether a file belongs to the captures of its directory: also one that cannot
/// be read, but looks like a capture, so that the user hears about it.
fn is_capture(path: &Path) -> bool {
    let Ok(opened) = Input::Path(path.to_owned()).open(&Arc::default()) else { return true };
    let (_, _, kind) = compressed::look(opened.source, 1 << 14);
    let named_so = || {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        name.contains(".pcap") || name.contains(".cap")
    };
    match kind {
        Kind::Refused(Problem::Foreign { capture: true, .. }) => true,
        Kind::Refused(Problem::Foreign { .. } | Problem::Nested) => named_so(),
        Kind::Refused(_) => false,
        _ => true,
    }
}
