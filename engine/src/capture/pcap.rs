//! pcap files: every byte order, resolution and record header that exists.
//!
//! ```text
//!  file    | magic | version | zone | sigfigs | snap length | link type |   24 bytes
//!  record  | seconds | fraction | captured | original | ...             |   16 to 28 bytes
//!
//!  magic       a1b2c3d4 microseconds, a1b23c4d nanoseconds, a1b2cd34 modified by
//!              Kuznetzov: interface, protocol and packet type follow the lengths
//!  link type   bits 0-15 type, 16-25 class, 26 FCS length present, 28-31 that
//!              length in units of 2 bytes
//! ```
//!
//! Sources: draft-ietf-opsawg-pcap [S]; the longer record headers of patched
//! libpcaps (20, 24, 28 bytes) as Wireshark 4.0 reads them [V].

use super::error::Problem;
use super::file::{Container, FileFacts, Head, MAX_BULK, MAX_FRAME, Resolution, SCAN, is_bulk};
use super::window::Window;

const FILE_HEADER: usize = 24;
/// The shortest record header: what all of them begin with.
const RECORD: usize = 16;
/// Seconds between two frames beyond which the second one has to prove itself.
const DAY: u32 = 86_400;
/// Records looked at to tell the length of record headers.
const TRIED: usize = 8;

/// Which of the two lengths comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lengths {
    CapturedFirst,
    OriginalFirst,
    /// Whichever is smaller was captured.
    Either,
}

/// The records of a pcap file.
#[derive(Debug)]
pub(super) struct Pcap {
    big: bool,
    lengths: Lengths,
    header: usize,
    /// Fractions of a second, and nanoseconds in one.
    units: u32,
    unit_ns: u32,
    link_type: u16,
    fcs: u8,
    /// The second of the last frame.
    last: Option<u32>,
    /// Bytes left of a frame that was longer than [`MAX_FRAME`].
    rest: u64,
    /// The position up to which no record could be found.
    barren: u64,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    seconds: u32,
    fraction: u32,
    captured: u32,
    original: u32,
}

impl Record {
    fn is_zero(&self) -> bool {
        (self.seconds, self.fraction, self.captured, self.original) == (0, 0, 0, 0)
    }

    fn len(&self) -> usize {
        usize::try_from(self.captured).unwrap_or(usize::MAX)
    }
}

/// What to do with a record that looks odd.
enum Verdict {
    Take,
    Skip(usize),
    Stop,
}

impl Pcap {
    /// Reads the file header.
    pub fn start(window: &mut Window, facts: &mut FileFacts) -> Result<Self, Problem> {
        let Some(header) = window.want(FILE_HEADER).first_chunk::<FILE_HEADER>() else {
            return Err(Problem::CutInHeader);
        };
        let [m0, m1, m2, m3, a0, a1, b0, b1, .., l0, l1, l2, l3] = *header;
        let big = matches!(m0, 0xa1);
        let word = |bytes| if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) };
        let half = |bytes| if big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) };
        let magic = word([m0, m1, m2, m3]);
        let version = (half([a0, a1]), half([b0, b1]));
        let link = word([l0, l1, l2, l3]);
        // AIX writes nanoseconds under the common magic and version 2.2 [V: Wireshark].
        let nano = magic == 0xa1b2_3c4d || version == (2, 2);
        let lengths = match version {
            (2, 0 | 1) | (543, _) => Lengths::OriginalFirst,
            (2, 3) => Lengths::Either,
            _ => Lengths::CapturedFirst,
        };
        let (units, unit_ns) = if nano { (1_000_000_000, 1) } else { (1_000_000, 1_000) };
        let [_, _, t1, t0] = link.to_be_bytes();
        let fcs = if link & 0x0400_0000 == 0 { 0 } else { (link >> 28).to_le_bytes()[0] << 1 };
        let mut this = Self {
            big,
            lengths,
            header: RECORD,
            units,
            unit_ns,
            link_type: u16::from_be_bytes([t1, t0]),
            fcs,
            last: None,
            rest: 0,
            barren: 0,
        };
        window.consume(FILE_HEADER);
        this.header = this.header_len(window.ahead(), magic == 0xa1b2_cd34);
        facts.container = Some(Container::Pcap);
        facts.order(big);
        facts.resolve(Resolution::Decimal(if nano { 9 } else { 6 }));
        facts.declare(this.link_type);
        facts.interface_count = 1;
        Ok(this)
    }

    /// The length of record headers: what the magic says, unless the first
    /// records only make sense with another one.
    fn header_len(&self, ahead: &[u8], modified: bool) -> usize {
        let (usual, others): (usize, &[usize]) =
            if modified { (24, &[28, RECORD]) } else { (RECORD, &[24, 20]) };
        if self.chain(ahead, usual).is_some() {
            return usual;
        }
        let fits = |len: &&usize| self.chain(ahead, **len).is_some_and(|count| count > 1);
        others.iter().find(fits).copied().unwrap_or(usual)
    }

    /// How many of the first records are plausible, up to what is in memory;
    /// none if one is not.
    fn chain(&self, ahead: &[u8], header: usize) -> Option<usize> {
        let mut at = 0_usize;
        let mut last = None;
        for count in 0..TRIED {
            let Some(record) = self.record(ahead.get(at..).unwrap_or_default()) else {
                return Some(count);
            };
            if !self.is_plausible(&record, last) {
                return None;
            }
            last = Some(record.seconds);
            at = at.saturating_add(header).saturating_add(record.len());
        }
        Some(TRIED)
    }

    fn record(&self, ahead: &[u8]) -> Option<Record> {
        if self.big { self.record_in::<true>(ahead) } else { self.record_in::<false>(ahead) }
    }

    #[inline]
    fn record_in<const BIG: bool>(&self, ahead: &[u8]) -> Option<Record> {
        let words = ahead.first_chunk::<RECORD>()?;
        let [s0, s1, s2, s3, f0, f1, f2, f3, c0, c1, c2, c3, o0, o1, o2, o3] = *words;
        let word = |bytes| if BIG { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) };
        let (first, second) = (word([c0, c1, c2, c3]), word([o0, o1, o2, o3]));
        let (captured, original) = match self.lengths {
            Lengths::CapturedFirst => (first, second),
            Lengths::OriginalFirst => (second, first),
            Lengths::Either => (first.min(second), first.max(second)),
        };
        let (seconds, fraction) = (word([s0, s1, s2, s3]), word([f0, f1, f2, f3]));
        Some(Record { seconds, fraction, captured, original })
    }

    /// Reads the next frame into `head`; false at the end of what can be read.
    #[inline]
    pub fn advance(&mut self, window: &mut Window, facts: &mut FileFacts, head: &mut Head) -> bool {
        if self.big {
            self.advance_in::<true>(window, facts, head)
        } else {
            self.advance_in::<false>(window, facts, head)
        }
    }

    #[inline]
    fn advance_in<const BIG: bool>(
        &mut self,
        window: &mut Window,
        facts: &mut FileFacts,
        head: &mut Head,
    ) -> bool {
        if self.rest == 0 {
            let ahead = window.ahead();
            if let Some(record) = self.record_in::<BIG>(ahead) {
                let whole = self.header.wrapping_add(record.len());
                if !self.is_odd(&record) && whole <= ahead.len() {
                    self.take(&record, record.len(), window, head);
                    return true;
                }
            }
        }
        self.advance_slowly(window, facts, head)
    }

    /// Reads the next frame where more bytes are needed, or something is odd.
    #[cold]
    fn advance_slowly(
        &mut self,
        window: &mut Window,
        facts: &mut FileFacts,
        head: &mut Head,
    ) -> bool {
        if self.rest > 0 && !self.finish(window, facts) {
            return false;
        }
        loop {
            let Some(record) = self.record(window.want(self.header)) else {
                facts.truncated |= !window.ahead().is_empty();
                return false;
            };
            if self.is_odd(&record) {
                match self.judge(&record, window, facts) {
                    Verdict::Take => {}
                    Verdict::Skip(count) => {
                        window.consume(count);
                        facts.skip(count as u64);
                        continue;
                    }
                    Verdict::Stop => return false,
                }
            }
            let len = record.len().min(MAX_FRAME);
            let whole = self.header.saturating_add(len);
            if window.want(whole).len() < whole {
                facts.truncated = true;
                return false;
            }
            self.take(&record, len, window, head);
            self.rest = record.len().saturating_sub(len) as u64;
            return true;
        }
    }

    /// Describes the record ahead, of which `len` bytes are in memory, and leaves
    /// it behind.
    #[inline]
    fn take(&mut self, record: &Record, len: usize, window: &mut Window, head: &mut Head) {
        head.mark = window.mark().wrapping_add(self.header);
        window.consume(self.header.wrapping_add(len));
        self.last = Some(record.seconds);
        let fraction = u64::from(record.fraction).wrapping_mul(u64::from(self.unit_ns));
        // Seconds and fraction have 32 bits each: the sum is below 2^63.
        head.time_ns =
            i64::from(record.seconds).wrapping_mul(1_000_000_000).wrapping_add_unsigned(fraction);
        head.len = len;
        head.original_len = record.original.max(record.captured);
        head.link_type = self.link_type;
        head.cut_fcs(self.fcs);
    }

    /// Passes over the rest of a frame of which only the front was kept.
    #[cold]
    fn finish(&mut self, window: &mut Window, facts: &mut FileFacts) -> bool {
        let there = window.skip(self.rest);
        let whole = there == self.rest;
        self.rest = 0;
        facts.truncated |= !whole;
        whole
    }

    /// Whether a record needs a second look. Old and broken writers make odd
    /// records in sound files, so this alone decides nothing.
    #[inline]
    fn is_odd(&self, record: &Record) -> bool {
        record.captured > record.original
            || record.len() > MAX_FRAME
            || record.fraction >= self.units
            || self.last.map_or(record.is_zero(), |last| last.abs_diff(record.seconds) > DAY)
    }

    /// Whether a record can be found by its looks, `last` being the second of a
    /// sound record near it.
    fn is_plausible(&self, record: &Record, last: Option<u32>) -> bool {
        record.captured <= record.original
            && usize::try_from(record.original).is_ok_and(|len| len <= MAX_FRAME)
            && record.fraction < self.units
            && !record.is_zero()
            && last.is_none_or(|last| last.abs_diff(record.seconds) <= DAY)
    }

    #[cold]
    fn judge(&mut self, record: &Record, window: &mut Window, facts: &mut FileFacts) -> Verdict {
        if record.is_zero() {
            return Self::zeros(window, facts);
        }
        let bulk = is_bulk(self.link_type) && record.len() <= MAX_BULK;
        if bulk && record.captured <= record.original {
            return Verdict::Take;
        }
        if record.len() <= MAX_FRAME && self.leads_on(record, window) {
            return Verdict::Take;
        }
        if let Some(at) = self.scan(window) {
            return Verdict::Skip(at);
        }
        if record.len() <= MAX_FRAME {
            // Nothing better follows: a sound frame of its length, or the last one.
            return Verdict::Take;
        }
        let what = "the record claims more bytes than a frame can have";
        facts.fail(Problem::Damaged { offset: window.position(), what });
        Verdict::Stop
    }

    /// Passes over a run of zeros, however long: the hole of a crashed disk or
    /// the end of a file that was made larger than needed.
    fn zeros(window: &mut Window, facts: &mut FileFacts) -> Verdict {
        facts.skip(window.skip_zeros());
        if window.want(1).is_empty() {
            facts.truncated = true;
            return Verdict::Stop;
        }
        Verdict::Skip(0)
    }

    /// Whether two possible records or the end of the file follow `record`.
    fn leads_on(&self, record: &Record, window: &mut Window) -> bool {
        let mut at = self.header.saturating_add(record.len());
        for _ in 0..2 {
            let ahead = window.want(at.saturating_add(self.header));
            if ahead.len() == at {
                return true;
            }
            let Some(next) = self.record(ahead.get(at..).unwrap_or_default()) else {
                return false;
            };
            if next.is_zero() || next.len() > MAX_FRAME {
                return false;
            }
            at = at.saturating_add(self.header).saturating_add(next.len());
        }
        true
    }

    /// How far ahead the next plausible record is that a plausible one or the end
    /// of the file follows.
    fn scan(&mut self, window: &mut Window) -> Option<usize> {
        let here = window.position();
        let known = usize::try_from(self.barren.saturating_sub(here)).unwrap_or(SCAN);
        let ahead = window.want(SCAN.saturating_add(MAX_FRAME).saturating_add(64));
        let found = (known.max(1)..SCAN.min(ahead.len()))
            .find(|at| self.begins_here(ahead.get(*at..).unwrap_or_default()));
        if found.is_none() {
            self.barren = here.saturating_add(SCAN as u64);
        }
        found
    }

    fn begins_here(&self, ahead: &[u8]) -> bool {
        let mut ahead = ahead;
        let mut last = self.last;
        // Without a time to compare with, one more record has to agree.
        let wanted = if last.is_some() { 2_u8 } else { 3 };
        for count in 0..wanted {
            let Some(record) = self.record(ahead) else {
                return count > 0;
            };
            if record.captured == 0 || !self.is_plausible(&record, last) {
                return false;
            }
            last = Some(record.seconds);
            let Some(rest) = ahead.get(self.header.saturating_add(record.len())..) else {
                return false;
            };
            ahead = rest;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(bytes: &'static [u8]) -> Window {
        Window::new(Box::new(bytes), 1_024)
    }

    #[test]
    fn the_link_type_word_also_tells_the_frame_check_sequence() {
        let header = b"\xa1\xb2\xc3\xd4\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\x24\x05\0\x71";
        let mut facts = FileFacts::default();
        let pcap = Pcap::start(&mut window(header), &mut facts).unwrap();

        assert_eq!((0x71, 4, true, 1_000_000), (pcap.link_type, pcap.fcs, pcap.big, pcap.units));
    }

    #[test]
    fn aix_counts_nanoseconds_under_the_common_magic() {
        let header = b"\xa1\xb2\xc3\xd4\0\x02\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01";
        let mut facts = FileFacts::default();
        let pcap = Pcap::start(&mut window(header), &mut facts).unwrap();

        assert_eq!(1_000_000_000, pcap.units);
        assert_eq!(Some(Resolution::Decimal(9)), facts.resolution);
    }
}
