//! Capture files: the only I/O in Rust, and receive only.

/// One frame as captured.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Nanoseconds since 1970.
    pub time_ns: i64,
    /// The file it came from, counted from 0 in the order of opening.
    pub file: u32,
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
