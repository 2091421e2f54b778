//! One capture file being read, and what is known about it.

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

use super::Frame;
use super::compressed;
use super::error::{CaptureError, Problem};
use super::format::Kind;
use super::input::Opened;
use super::pcap::Pcap;
use super::pcapng::Pcapng;
use super::window::Window;

/// Bytes kept of one frame; the rest of a longer one is cut off as by a snap length.
///
/// 256 KiB is the largest snap length that capture tools take (libpcap
/// `MAXIMUM_SNAPLEN`), and above any frame of Ethernet with offloads (64 KiB).
pub(super) const MAX_FRAME: usize = 262_144;

/// Bytes claimed by a record of USB or D-Bus that are believed; of any other
/// link type a record longer than [`MAX_FRAME`] is damage.
pub(super) const MAX_BULK: usize = 128 << 20;

/// Bytes searched for the next record after a damaged one.
pub(super) const SCAN: usize = 1 << 20;

/// Comments, interface names and resolved names kept of a file, and bytes of each.
pub(super) const KEPT: usize = 256;

/// Link types whose records are legitimately longer than [`MAX_FRAME`]
/// [V: the limits of Wireshark 4.0 for D-Bus and USBPcap; S: LINKTYPE_ registry].
pub(super) fn is_bulk(link_type: u16) -> bool {
    matches!(link_type, 186 | 189 | 220 | 231 | 249 | 266 | 288 | 293 | 294 | 295)
}

/// The container format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    /// pcap.
    Pcap,
    /// pcapng.
    Pcapng,
    /// No file: frames as they pass an interface.
    Interface,
}

/// How the file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// gzip.
    Gzip,
    /// zstd.
    Zstd,
}

/// The order of bytes in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteOrder {
    /// Lowest byte first.
    Little,
    /// Highest byte first.
    Big,
    /// Sections of both.
    Mixed,
}

/// The unit of time stamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// 10 to the minus this power of a second.
    Decimal(u8),
    /// 2 to the minus this power of a second.
    Binary(u8),
    /// Interfaces of several units.
    Mixed,
}

impl FileFacts {
    /// Frames that the capturing machine says it lost: what an interface did not
    /// take, and what the system did not deliver. The drops noted on single frames
    /// are the same ones once more.
    #[must_use]
    pub fn dropped_packets(&self) -> u64 {
        let told = self.dropped_by_interface.saturating_add(self.dropped_by_system);
        told.max(self.dropped_before_frames)
    }
}

impl Container {
    /// `pcap`, `pcapng` or `interface`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pcap => "pcap",
            Self::Pcapng => "pcapng",
            Self::Interface => "interface",
        }
    }
}

impl Compression {
    /// `gzip` or `zstd`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

impl ByteOrder {
    /// `little`, `big` or `mixed`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Little => "little",
            Self::Big => "big",
            Self::Mixed => "mixed",
        }
    }
}

impl std::fmt::Display for Resolution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Decimal(0) => f.write_str("s"),
            Self::Decimal(3) => f.write_str("ms"),
            Self::Decimal(6) => f.write_str("us"),
            Self::Decimal(9) => f.write_str("ns"),
            Self::Decimal(power) => write!(f, "10^-{power} s"),
            Self::Binary(power) => write!(f, "2^-{power} s"),
            Self::Mixed => f.write_str("mixed"),
        }
    }
}

/// What is known about an input; the counts rise while it is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileFacts {
    /// Where it is; `-` is standard input.
    pub path: PathBuf,
    /// Bytes on disk; 0 where that is not known.
    pub size: u64,
    /// The container, by its magic.
    pub container: Option<Container>,
    /// How it is compressed.
    pub compression: Option<Compression>,
    /// The order of bytes.
    pub byte_order: Option<ByteOrder>,
    /// The unit of time stamps.
    pub resolution: Option<Resolution>,
    /// LINKTYPE_ values that it declares, sorted.
    pub link_types: Vec<u16>,
    /// Frames.
    pub packets: u64,
    /// Records that Wireshark numbers like frames, but which carry none: custom
    /// blocks, journal entries, system calls, frames of unknown interfaces.
    pub other_records: u64,
    /// Bytes of them on the wire.
    pub bytes: u64,
    /// The earliest packet time.
    pub first_seen_ns: Option<i64>,
    /// The latest packet time.
    pub last_seen_ns: Option<i64>,
    /// Frames without a time of their own: they have that of the frame before.
    pub untimed_packets: u64,
    /// Whether it ends inside a record.
    pub truncated: bool,
    /// Bytes passed over because they are no record.
    pub skipped_bytes: u64,
    /// Why it could not be read, or not to its end.
    pub error: Option<CaptureError>,
    /// Whether it was read later than its time: too many files overlap.
    pub late: bool,
    /// Interfaces that it declares, over all sections.
    pub interface_count: u64,
    /// Their names, in order, as far as they have one; not all of very many.
    pub interface_names: Vec<String>,
    /// Comments of people and programs; not all of very many.
    pub comments: Vec<String>,
    /// How many comments there are.
    pub comment_count: u64,
    /// Addresses that the capturing machine had names for; not all of very many.
    pub names: Vec<(IpAddr, String)>,
    /// Frames that the capturing machine lost, as noted on the frames that follow.
    pub dropped_before_frames: u64,
    /// Frames that the interfaces dropped (`isb_ifdrop`).
    pub dropped_by_interface: u64,
    /// Frames that the operating system dropped (`isb_osdrop`).
    pub dropped_by_system: u64,
    /// Decryption secrets in the file: dropped unread.
    pub secrets_blocks: u64,
}

impl FileFacts {
    /// Facts about an input that was not yet read.
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, ..Self::default() }
    }

    /// Records why reading stopped.
    pub(super) fn fail(&mut self, problem: Problem) {
        self.error = Some(CaptureError::new(&self.path, problem));
    }

    /// Adds a declared link type.
    pub(super) fn declare(&mut self, link_type: u16) {
        if let Err(at) = self.link_types.binary_search(&link_type) {
            self.link_types.insert(at, link_type);
        }
    }

    /// Notes the unit of an interface.
    pub(super) fn resolve(&mut self, unit: Resolution) {
        self.resolution = match self.resolution {
            Some(known) if known != unit => Some(Resolution::Mixed),
            _ => Some(unit),
        };
    }

    /// Notes the byte order of a section.
    pub(super) fn order(&mut self, big: bool) {
        let order = if big { ByteOrder::Big } else { ByteOrder::Little };
        self.byte_order = match self.byte_order {
            Some(known) if known != order => Some(ByteOrder::Mixed),
            _ => Some(order),
        };
    }

    /// Counts bytes that are no record.
    pub(super) fn skip(&mut self, count: u64) {
        self.skipped_bytes = self.skipped_bytes.saturating_add(count);
    }

    /// Counts a record that has a number, but no frame.
    pub(super) fn number_other(&mut self) {
        self.other_records = self.other_records.saturating_add(1);
    }

    #[inline]
    fn count(&mut self, head: &Head) {
        self.packets = self.packets.saturating_add(1);
        self.bytes = self.bytes.saturating_add(u64::from(head.original_len));
        let time = head.time_ns;
        if self.last_seen_ns.is_none_or(|last| last < time) {
            self.last_seen_ns = Some(time);
        }
        if self.first_seen_ns.is_none_or(|first| time < first) {
            self.first_seen_ns = Some(time);
        }
    }
}

/// Where the frame that was read last is in the window.
///
/// The order counts: numbers of the same size side by side would be loaded as
/// one right after they were stored as two, which stalls (7 ns per frame).
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(super) struct Head {
    pub time_ns: i64,
    pub original_len: u32,
    pub link_type: u16,
    pub mark: usize,
    pub len: usize,
    pub interface: u32,
}

impl Head {
    /// Takes the frame check sequence of `fcs` bytes off: what it checks was
    /// checked by the network card, and dissectors would take it for payload.
    #[inline]
    pub fn cut_fcs(&mut self, fcs: u8) {
        if fcs > 0 {
            self.original_len = self.original_len.saturating_sub(u32::from(fcs));
            self.len = self.len.min(usize::try_from(self.original_len).unwrap_or(self.len));
        }
    }
}

#[derive(Debug)]
enum Records {
    Pcap(Pcap),
    Pcapng(Box<Pcapng>),
}

/// A capture file being read.
#[derive(Debug)]
pub(super) struct CaptureFile {
    window: Window,
    records: Records,
    head: Head,
}

impl CaptureFile {
    /// Reads the file header of `opened`, with a read buffer of `buffer` bytes.
    ///
    /// None where there is nothing to read; the reason is in `facts`.
    pub fn start(opened: Opened, buffer: usize, facts: &mut FileFacts) -> Option<Self> {
        facts.size = opened.size;
        let (mut window, compression, kind) = compressed::look(opened.source, buffer);
        facts.compression = compression;
        let records = match kind {
            Kind::Pcap => Pcap::start(&mut window, facts).map(Records::Pcap),
            Kind::Pcapng => Ok(Records::Pcapng(Box::new(Pcapng::start(facts)))),
            Kind::Refused(problem) => Err(problem),
            Kind::Gzip | Kind::Zstd => Err(Problem::Nested),
        };
        match records {
            Ok(records) => Some(Self { window, records, head: Head::default() }),
            Err(problem) => {
                facts.fail(problem);
                // The reason of the system or the decompressor is the real one.
                match window.take_failure() {
                    Some(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                        facts.fail(Problem::CutInHeader);
                    }
                    Some(error) => facts.error = Some(CaptureError::from_io(&facts.path, &error)),
                    None => {}
                }
                None
            }
        }
    }

    /// Reads the next frame and returns its time; none at the end of what can be read.
    #[inline]
    pub fn advance(&mut self, facts: &mut FileFacts) -> Option<i64> {
        // The head is written in place, field by field: handed back as a value it
        // would be copied, which costs more than all the rest.
        let read = match &mut self.records {
            Records::Pcap(pcap) => pcap.advance(&mut self.window, facts, &mut self.head),
            Records::Pcapng(pcapng) => pcapng.advance(&mut self.window, facts, &mut self.head),
        };
        if !read {
            self.end(facts);
            return None;
        }
        facts.count(&self.head);
        Some(self.head.time_ns)
    }

    /// The frame that [`CaptureFile::advance`] read.
    #[inline]
    pub fn frame(&self, file: u32, line: u32, number: u64) -> Frame<'_> {
        Frame {
            time_ns: self.head.time_ns,
            file,
            line,
            number,
            interface: self.head.interface,
            link_type: self.head.link_type,
            original_len: self.head.original_len,
            bytes: self.window.at(self.head.mark, self.head.len),
        }
    }

    #[cold]
    fn end(&mut self, facts: &mut FileFacts) {
        if let Some(error) = self.window.take_failure() {
            if error.kind() == io::ErrorKind::UnexpectedEof {
                facts.truncated = true;
            } else {
                facts.error = Some(CaptureError::from_io(&facts.path, &error));
            }
        }
    }
}
