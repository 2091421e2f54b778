//! What is wrong with an input, and what to do about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why an input could not be read, or not to its end.
///
/// The text is two sentences: what is wrong, what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureError {
    /// The input: `-` is standard input.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// No input was named.
    NothingNamed,
    /// There is no such file.
    Missing,
    /// The system does not let this user read it.
    Denied,
    /// A directory was given where a file is needed.
    Directory,
    /// A directory without capture files.
    NoCaptures,
    /// Not one byte.
    Empty,
    /// It ends before its first record could begin.
    CutInHeader,
    /// The first bytes are of no capture file.
    NotACapture,
    /// A file that another program has to convert.
    Foreign {
        /// What it is.
        format: &'static str,
        /// The command that converts it; `FILE` stands for its path.
        convert: &'static str,
        /// Whether it is certainly a capture: archives may hold anything.
        capture: bool,
    },
    /// Compressed twice.
    Nested,
    /// A pcapng section of a version that nobody defined.
    Version(u16, u16),
    /// No record could be found any more.
    Damaged {
        /// Where, in bytes of the decompressed file.
        offset: u64,
        /// What was there instead.
        what: &'static str,
    },
    /// The compressed data is corrupt.
    Corrupt(String),
    /// The system could not read it.
    Unreadable(String),
    /// No interface was named.
    NoInterfaceNamed,
    /// More interfaces than can be captured at a time, which is this many.
    TooManyInterfaces(usize),
    /// An interface was named twice.
    InterfaceTwice,
    /// There is no such interface.
    NoInterface,
    /// The system does not let this process capture.
    CaptureDenied,
    /// An interface of a kind (`ARPHRD_`) whose frames otmon does not read.
    NotReadable(u16),
    /// The system refused a step of opening an interface.
    NotCaptured(&'static str, String),
    /// None of several inputs is usable: the reasons in their order.
    NoneUsable(Vec<CaptureError>),
}

impl CaptureError {
    /// An error about the input `path`.
    pub(super) fn new(path: &Path, problem: Problem) -> Self {
        Self { path: path.to_owned(), problem }
    }

    /// What a failed system call says about the input `path`.
    pub(super) fn from_io(path: &Path, error: &io::Error) -> Self {
        let problem = match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Problem::Missing,
            io::ErrorKind::PermissionDenied => Problem::Denied,
            io::ErrorKind::IsADirectory => Problem::Directory,
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                Problem::Corrupt(error.to_string())
            }
            _ => Problem::Unreadable(error.to_string()),
        };
        Self::new(path, problem)
    }
}

/// A path as a terminal may show it: control characters escaped.
fn shown(path: &Path) -> String {
    if path == Path::new("-") {
        return "standard input".to_owned();
    }
    path.to_string_lossy()
        .chars()
        .flat_map(|c| {
            let (plain, escaped) =
                if c.is_control() { (None, Some(c.escape_default())) } else { (Some(c), None) };
            plain.into_iter().chain(escaped.into_iter().flatten())
        })
        .collect()
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = shown(&self.path);
        match &self.problem {
            Problem::NothingNamed => f.write_str(
                "No capture was named. Name capture files or directories, or `-` for standard input.",
            ),
            Problem::Missing => write!(f, "{path} does not exist. Check the path."),
            Problem::Denied => write!(
                f,
                "{path} may not be read by this user. Give yourself read permission on it, or run as its owner."
            ),
            Problem::Directory => write!(
                f,
                "{path} is a directory, and a file is needed here. Name the capture files in it."
            ),
            Problem::NoCaptures => write!(
                f,
                "{path} has no capture files. Name the files themselves, or the directory that has them: directories inside it are not searched."
            ),
            Problem::Empty => write!(
                f,
                "{path} is empty. Check that the capture had been written before it was copied or read."
            ),
            Problem::CutInHeader => write!(
                f,
                "{path} ends inside its file header. Copy it again if the original is whole."
            ),
            Problem::NotACapture => write!(
                f,
                "{path} is not a capture file. Give a pcap or pcapng file, plain or compressed with gzip or zstd."
            ),
            Problem::Foreign { format, convert, .. } => write!(
                f,
                "{path} is {format}, which otmon does not read. Convert it first: {}",
                convert.replace("FILE", &path)
            ),
            Problem::Nested => write!(
                f,
                "{path} is compressed more than once. Decompress it once and give the result."
            ),
            Problem::Version(major, minor) => write!(
                f,
                "{path} has a section of pcapng version {major}.{minor}, which is not defined. Everything before it was read; write it again with `editcap FILE out.pcapng`."
            ),
            Problem::Damaged { offset, what } => write!(
                f,
                "{path} is damaged at byte {offset}: {what}, and no record follows within 1 MiB. Everything before it was read; copy the file again if the original is whole."
            ),
            Problem::Corrupt(what) => write!(
                f,
                "{path} does not decompress: {what}. Everything before the fault was read; copy the file again if the original is whole."
            ),
            Problem::Unreadable(what) => write!(
                f,
                "{path} could not be read: {what}. Everything before the fault was read; check the disk or the connection."
            ),
            Problem::NoInterfaceNamed => f.write_str(
                "No interface was named. Name the interface that the mirror port is connected to, as `ip link` lists it.",
            ),
            Problem::TooManyInterfaces(most) => {
                write!(f, "More than {most} interfaces were named. Run one more otmon for the others.")
            }
            Problem::InterfaceTwice => {
                write!(f, "Interface {path} was named twice. Name each interface once.")
            }
            Problem::NoInterface => write!(
                f,
                "There is no interface {path}. Name one that `ip link` lists."
            ),
            Problem::CaptureDenied => write!(
                f,
                "This process may not capture from {path}. Run it as root, or as a service with CAP_NET_RAW; do not give the Python binary capabilities."
            ),
            Problem::NotReadable(hardware) => write!(
                f,
                "Interface {path} is of a kind that otmon does not read (ARPHRD {hardware}). Name an Ethernet interface."
            ),
            Problem::NotCaptured(step, why) => write!(
                f,
                "Interface {path} cannot be captured: to {step} failed: {why}. Check that the interface exists and that memory for the ring is free."
            ),
            Problem::NoneUsable(errors) => {
                write!(f, "None of the {} inputs can be read. Each of them says why:", errors.len())?;
                for error in errors.iter().take(10) {
                    write!(f, "\n  {error}")?;
                }
                let more = errors.len().saturating_sub(10);
                if more > 0 {
                    write!(f, "\n  and {more} more")?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for CaptureError {}
