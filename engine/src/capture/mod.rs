//! Capture files and interfaces: the only I/O in Rust, and receive only.
//!
//! [`expand`] turns what the user named into inputs, [`Timeline`] reads them as
//! one. Damaged files give what is there and say what is missing.

mod compressed;
mod error;
mod file;
mod format;
mod input;
#[cfg(target_os = "linux")]
pub mod live;
mod options;
mod pcap;
mod pcapng;
#[cfg(target_os = "linux")]
pub mod sandbox;
mod timeline;
mod window;
pub mod writer;

pub use error::{CaptureError, Problem};
pub use file::{ByteOrder, Compression, Container, FileFacts, Resolution};
pub use input::{Input, expand};
pub use timeline::Timeline;

/// One frame as captured.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Nanoseconds since 1970.
    pub time_ns: i64,
    /// The file it came from: its index in [`Timeline::files`].
    pub file: u32,
    /// Its line of files: those that follow one another, as rotated captures do.
    pub line: u32,
    /// Its number in the file, counted from 1, as Wireshark counts.
    pub number: u64,
    /// The interface of the file (pcapng), counted from 0 over the whole file.
    pub interface: u32,
    /// LINKTYPE_ value.
    pub link_type: u16,
    /// Bytes on the wire; more than `bytes.len()` where the snap length cut it.
    pub original_len: u32,
    /// The bytes kept.
    pub bytes: &'a [u8],
}
