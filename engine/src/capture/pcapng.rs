//! pcapng files: sections of blocks, each section with its own byte order and
//! interfaces, each interface with its own link type, clock and snap length.
//!
//! ```text
//!  block     | type | total length | body ... padded to 4 | total length |
//!  SHB       0a0d0d0a  byte order magic, version, section length, options
//!  IDB       1         link type, reserved, snap length, options
//!  EPB       6         interface, time (2 words), captured, original, bytes, options
//!  PB        2         interface, drops (2 half words), then as EPB
//!  SPB       3         original, bytes
//!  NRB 4, ISB 5, DSB 10, journal 9, custom bad / 40000bad
//! ```
//!
//! Source: draft-ietf-opsawg-pcapng [S]; which blocks count as frames: Wireshark
//! 4.0 [V].

use super::error::Problem;
use super::file::{Container, FileFacts, Head, MAX_BULK, MAX_FRAME, Resolution, SCAN, is_bulk};
use super::options::{self, Options};
use super::window::Window;

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const NAMES: u32 = 4;
const STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;
const JOURNAL: u32 = 9;
const SECRETS: u32 = 10;
/// System calls that sysdig recorded.
const SYSTEM_CALLS: [u32; 6] = [0x204, 0x208, 0x216, 0x217, 0x221, 0x222];
const CUSTOM: u32 = 0x0000_0bad;
const CUSTOM_NO_COPY: u32 = 0x4000_0bad;

/// The byte order magic, read in the order of the section.
const ORDER: u32 = 0x1a2b_3c4d;
/// Type, length, and the length again at the end.
const FRAME_OF_BLOCK: usize = 12;
/// Bytes of a block up to which it is read whole and its two lengths compared:
/// the longest frame, with as much again for its options.
const MAX_BLOCK: usize = MAX_FRAME * 2;
/// Interfaces of one section. More are not described: their frames are skipped.
const MAX_INTERFACES: usize = 65_536;

/// How the time stamps of an interface become nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clock {
    /// So many nanoseconds each.
    Times(u64),
    /// A decimal power below nanoseconds.
    Over(u128),
    /// Binary fractions of a second.
    Shift(u32),
}

impl Clock {
    /// The clock that `if_tsresol` names.
    fn of(resolution: Resolution) -> Self {
        match resolution {
            Resolution::Decimal(power @ 0..=9) => {
                let zeros = 9_u32.saturating_sub(u32::from(power));
                Self::Times(10_u64.checked_pow(zeros).unwrap_or(1))
            }
            Resolution::Decimal(power) => {
                let zeros = u32::from(power).saturating_sub(9);
                Self::Over(10_u128.checked_pow(zeros).unwrap_or(u128::MAX))
            }
            Resolution::Binary(power) => Self::Shift(u32::from(power)),
            Resolution::Mixed => Self::Times(1_000),
        }
    }

    /// Nanoseconds since 1970 of a time stamp; the last moment that fits where
    /// it is later.
    #[inline]
    fn time_ns(self, stamp: u64, offset_ns: i128) -> i64 {
        if let (Self::Times(factor), 0) = (self, offset_ns) {
            let time = stamp.checked_mul(factor).and_then(|time| i64::try_from(time).ok());
            return time.unwrap_or(i64::MAX);
        }
        let wide = u128::from(stamp);
        let since = match self {
            Self::Times(factor) => wide.saturating_mul(u128::from(factor)),
            Self::Over(divisor) => wide.checked_div(divisor).unwrap_or_default(),
            Self::Shift(power) => {
                wide.saturating_mul(1_000_000_000).checked_shr(power).unwrap_or_default()
            }
        };
        let time = i128::try_from(since).unwrap_or(i128::MAX).saturating_add(offset_ns);
        i64::try_from(time).unwrap_or(if time < 0 { i64::MIN } else { i64::MAX })
    }
}

#[derive(Clone, Copy, Debug)]
struct Interface {
    link_type: u16,
    fcs: u8,
    snap_len: u32,
    clock: Clock,
    offset_ns: i128,
    /// Drops that its statistics told last; they only ever rise.
    dropped_by_interface: u64,
    dropped_by_system: u64,
}

/// The records of a pcapng file.
#[derive(Debug)]
pub(super) struct Pcapng {
    /// None before the first section.
    big: Option<bool>,
    interfaces: Vec<Interface>,
    /// Interfaces of the sections before.
    base: u32,
    /// Bytes left of a block that was longer than [`MAX_BLOCK`].
    rest: u64,
    /// The position up to which no block could be found.
    barren: u64,
}

/// What a block turned out to be.
enum Found {
    Frame,
    Other,
    /// Well framed, but its content is not: nothing to be had from it.
    Bad,
    Stop(Problem),
}

impl Pcapng {
    /// Sections are read as they come.
    pub fn start(facts: &mut FileFacts) -> Self {
        facts.container = Some(Container::Pcapng);
        Self { big: None, interfaces: Vec::new(), base: 0, rest: 0, barren: 0 }
    }

    fn word(&self, bytes: [u8; 4]) -> u32 {
        options::word(self.big == Some(true), bytes)
    }

    /// Reads blocks up to the next frame, into `head`; false at the end of what
    /// can be read.
    #[inline]
    pub fn advance(&mut self, window: &mut Window, facts: &mut FileFacts, head: &mut Head) -> bool {
        loop {
            if self.rest > 0 && !self.finish(window, facts) {
                return false;
            }
            let ahead = window.want(FRAME_OF_BLOCK);
            let Some([k0, k1, k2, k3, l0, l1, l2, l3, rest @ ..]) =
                ahead.first_chunk::<FRAME_OF_BLOCK>().copied()
            else {
                facts.truncated |= !ahead.is_empty();
                return false;
            };
            let mut kind = self.word([k0, k1, k2, k3]);
            let before = self.big;
            if kind == SECTION {
                // Its type reads the same both ways; its order is the first thing in it.
                let order = [options::word(false, rest), options::word(true, rest)];
                match order {
                    [ORDER, _] => self.big = Some(false),
                    [_, ORDER] => self.big = Some(true),
                    _ => kind = 0,
                }
            }
            let len = usize::try_from(self.word([l0, l1, l2, l3])).unwrap_or(usize::MAX);
            let Some(len) = self.framed(kind, len, window, facts) else {
                self.big = before;
                if self.resynchronise(kind, len, window, facts) {
                    continue;
                }
                return false;
            };
            if len > MAX_BLOCK {
                if self.long_block(kind, len, window, facts, head) {
                    return true;
                }
                continue;
            }
            let mark = window.mark();
            window.consume(len);
            let block = window.at(mark, len);
            head.mark = mark;
            match self.block(kind, block, facts, head) {
                Found::Frame => return true,
                Found::Other => {}
                Found::Bad => facts.skip(len as u64),
                Found::Stop(problem) => {
                    facts.fail(problem);
                    return false;
                }
            }
        }
    }

    /// The length of the block ahead, if it is one: both its lengths agree, or it
    /// is a long one of a kind that may be.
    #[inline]
    fn framed(
        &self,
        kind: u32,
        len: usize,
        window: &mut Window,
        facts: &FileFacts,
    ) -> Option<usize> {
        if kind == 0 || self.big.is_none() {
            return None;
        }
        if len > MAX_BLOCK {
            let long = match kind {
                ENHANCED_PACKET | PACKET | SIMPLE_PACKET
                    if facts.link_types.iter().any(|kind| is_bulk(*kind)) =>
                {
                    MAX_BULK.saturating_add(MAX_BLOCK)
                }
                NAMES | JOURNAL | SECRETS | CUSTOM | CUSTOM_NO_COPY => MAX_BULK,
                _ => 0,
            };
            return (len <= long).then_some(len);
        }
        // Some writers forget the padding in the length, some forget it at all.
        let padded = len.checked_next_multiple_of(4)?;
        for whole in [len, padded] {
            let ahead = window.want(whole);
            let tail = ahead.get(whole.checked_sub(4)?..whole)?.first_chunk::<4>()?;
            if len >= FRAME_OF_BLOCK && usize::try_from(self.word(*tail)) == Ok(len) {
                return Some(whole);
            }
        }
        None
    }

    /// Passes over the rest of a long block.
    #[cold]
    fn finish(&mut self, window: &mut Window, facts: &mut FileFacts) -> bool {
        let there = window.skip(self.rest);
        let whole = there == self.rest;
        self.rest = 0;
        facts.truncated |= !whole;
        whole
    }

    /// Reads the front of a block that is too long to be held.
    #[cold]
    fn long_block(
        &mut self,
        kind: u32,
        len: usize,
        window: &mut Window,
        facts: &mut FileFacts,
        head: &mut Head,
    ) -> bool {
        window.want(MAX_BLOCK);
        let mark = window.mark();
        let held = window.ahead().len().min(MAX_BLOCK);
        let front = window.at(mark, held);
        head.mark = mark;
        let found = self.block(kind, front, facts, head);
        window.consume(held);
        self.rest = len.saturating_sub(MAX_BLOCK) as u64;
        match found {
            Found::Frame => return true,
            Found::Bad => facts.skip(len as u64),
            Found::Other | Found::Stop(_) => {}
        }
        false
    }

    /// Searches the next block after something that is none. False at the end of
    /// what can be read.
    #[cold]
    fn resynchronise(
        &mut self,
        kind: u32,
        len: usize,
        window: &mut Window,
        facts: &mut FileFacts,
    ) -> bool {
        let zeros = if kind == 0 && len == 0 { window.skip_zeros() } else { 0 };
        if zeros > 0 {
            facts.skip(zeros);
            if window.want(1).is_empty() {
                facts.truncated = true;
                return false;
            }
        }
        // What is ahead is no block, unless zeros came before it.
        let first = usize::from(zeros == 0);
        let here = window.position();
        let known = usize::try_from(self.barren.saturating_sub(here)).unwrap_or(SCAN);
        let ahead = window.want(SCAN.saturating_add(MAX_BLOCK));
        let found = (known.max(first)..SCAN.min(ahead.len()))
            .find(|at| self.begins_block(ahead.get(*at..).unwrap_or_default()));
        if let Some(at) = found {
            window.consume(at);
            facts.skip(at as u64);
            return true;
        }
        self.barren = here.saturating_add(SCAN as u64);
        let cut = kind != 0 && (FRAME_OF_BLOCK..=MAX_BLOCK).contains(&len) && ahead.len() < len;
        if cut || self.big.is_none() && ahead.len() < FRAME_OF_BLOCK {
            facts.truncated = true;
        } else {
            let what = "the two lengths of the block do not agree";
            facts.fail(Problem::Damaged { offset: here, what });
        }
        false
    }

    /// Whether a block of a known kind whose two lengths agree begins here.
    fn begins_block(&self, ahead: &[u8]) -> bool {
        let Some([k0, k1, k2, k3, l0, l1, l2, l3, o0, o1, o2, o3]) =
            ahead.first_chunk::<FRAME_OF_BLOCK>().copied()
        else {
            return false;
        };
        let kind = self.word([k0, k1, k2, k3]);
        let big = match kind {
            SECTION if options::word(true, [o0, o1, o2, o3]) == ORDER => true,
            SECTION if options::word(false, [o0, o1, o2, o3]) == ORDER => false,
            INTERFACE..=ENHANCED_PACKET | JOURNAL | SECRETS | CUSTOM | CUSTOM_NO_COPY => {
                match self.big {
                    Some(big) => big,
                    None => return false,
                }
            }
            _ => return false,
        };
        let stated = options::word(big, [l0, l1, l2, l3]);
        let Ok(len) = usize::try_from(stated) else { return false };
        if len % 4 != 0 || len > MAX_BLOCK || len <= FRAME_OF_BLOCK {
            return false;
        }
        let tail = ahead.get(len.saturating_sub(4)..len).and_then(<[u8]>::first_chunk::<4>);
        tail.is_some_and(|tail| options::word(big, *tail) == stated)
    }

    /// Reads one block; `head.mark` is where in the window it begins.
    #[inline]
    fn block(&mut self, kind: u32, block: &[u8], facts: &mut FileFacts, head: &mut Head) -> Found {
        match kind {
            ENHANCED_PACKET => self.packet(block, facts, head, false),
            PACKET => self.packet(block, facts, head, true),
            _ => self.other(kind, block, facts, head),
        }
    }

    /// An enhanced packet block, or the obsolete packet block that only differs
    /// in its first word.
    #[inline]
    fn packet(&mut self, block: &[u8], facts: &mut FileFacts, head: &mut Head, old: bool) -> Found {
        const HEADER: usize = 28;
        let Some((header, body)) = block.split_first_chunk::<HEADER>() else {
            return Found::Bad;
        };
        let [_, _, _, _, _, _, _, _, words @ ..] = *header;
        let [i0, i1, i2, i3, h0, h1, h2, h3, l0, l1, l2, l3, c0, c1, c2, c3, o0, o1, o2, o3] =
            words;
        let big = self.big == Some(true);
        let id = if old {
            let drops = options::half(big, [i2, i3]);
            if drops != u16::MAX {
                let count = facts.dropped_before_frames.saturating_add(u64::from(drops));
                facts.dropped_before_frames = count;
            }
            u32::from(options::half(big, [i0, i1]))
        } else {
            self.word([i0, i1, i2, i3])
        };
        let captured = self.word([c0, c1, c2, c3]);
        let original = self.word([o0, o1, o2, o3]);
        let interface = usize::try_from(id).ok().and_then(|id| self.interfaces.get(id));
        let (Some(interface), Ok(len)) = (interface, usize::try_from(captured)) else {
            facts.number_other();
            return Found::Bad;
        };
        let kept = len.min(MAX_FRAME);
        // Four bytes of the body are the length at its end.
        if body.len() < kept || len <= MAX_FRAME && body.len().saturating_sub(4) < kept {
            facts.number_other();
            return Found::Bad;
        }
        let stamp =
            u64::from(self.word([h0, h1, h2, h3])) << 32 | u64::from(self.word([l0, l1, l2, l3]));
        let mut fcs = interface.fcs;
        head.mark = head.mark.saturating_add(HEADER);
        head.time_ns = interface.clock.time_ns(stamp, interface.offset_ns);
        head.len = kept;
        head.original_len = original.max(captured);
        head.interface = self.base.saturating_add(id);
        head.link_type = interface.link_type;
        let tail = len.checked_next_multiple_of(4).unwrap_or(len);
        if body.len() > tail.saturating_add(4) {
            let options = body.get(tail..body.len().saturating_sub(4)).unwrap_or_default();
            fcs = Self::packet_options(Options::new(options, big), fcs, facts);
        }
        head.cut_fcs(fcs);
        Found::Frame
    }

    /// Comments and drops; returns the length of the frame check sequence.
    fn packet_options(options: Options<'_>, fcs: u8, facts: &mut FileFacts) -> u8 {
        let mut fcs = fcs;
        for (code, value) in options.clone() {
            match code {
                options::COMMENT => facts.comment(value),
                options::PACKET_FLAGS => {
                    // Bits 5 to 8; zero says nothing.
                    let flags = options.u32(value).unwrap_or_default();
                    let length = (flags >> 5 & 0xf).to_le_bytes()[0];
                    fcs = if length == 0 { fcs } else { length };
                }
                options::PACKET_DROPS => {
                    let drops = options.u64(value).unwrap_or_default();
                    facts.dropped_before_frames = facts.dropped_before_frames.saturating_add(drops);
                }
                _ => {}
            }
        }
        fcs
    }

    #[inline(never)]
    fn other(&mut self, kind: u32, block: &[u8], facts: &mut FileFacts, head: &mut Head) -> Found {
        let body = block.get(8..block.len().saturating_sub(4)).unwrap_or_default();
        match kind {
            SECTION => return self.section(body, facts),
            INTERFACE => return self.interface(body, facts),
            SIMPLE_PACKET => return self.simple_packet(body, facts, head),
            STATISTICS => self.statistics(body, facts),
            NAMES => options::names(body, self.big == Some(true), facts),
            SECRETS => facts.secrets_blocks = facts.secrets_blocks.saturating_add(1),
            JOURNAL | CUSTOM | CUSTOM_NO_COPY => facts.number_other(),
            _ if SYSTEM_CALLS.contains(&kind) => facts.number_other(),
            _ => {}
        }
        Found::Other
    }

    fn section(&mut self, body: &[u8], facts: &mut FileFacts) -> Found {
        let big = self.big == Some(true);
        let Some(([_, _, _, _, a0, a1, b0, b1, _, _, _, _, _, _, _, _], rest)) =
            body.split_first_chunk::<16>()
        else {
            return Found::Bad;
        };
        let version = (options::half(big, [*a0, *a1]), options::half(big, [*b0, *b1]));
        // 1.2 was written by mistake and reads as 1.0 [S].
        if version.0 != 1 {
            return Found::Stop(Problem::Version(version.0, version.1));
        }
        facts.order(big);
        let before = u32::try_from(self.interfaces.len()).unwrap_or(u32::MAX);
        self.base = self.base.saturating_add(before);
        self.interfaces.clear();
        for (code, value) in Options::new(rest, big) {
            if code == options::COMMENT {
                facts.comment(value);
            }
        }
        Found::Other
    }

    fn interface(&mut self, body: &[u8], facts: &mut FileFacts) -> Found {
        let big = self.big == Some(true);
        let Some(([k0, k1, _, _, s0, s1, s2, s3], rest)) = body.split_first_chunk::<8>() else {
            return Found::Bad;
        };
        if self.interfaces.len() >= MAX_INTERFACES {
            return Found::Bad;
        }
        let mut resolution = Resolution::Decimal(6);
        let mut interface = Interface {
            link_type: options::half(big, [*k0, *k1]),
            fcs: 0,
            snap_len: self.word([*s0, *s1, *s2, *s3]),
            clock: Clock::of(resolution),
            offset_ns: 0,
            dropped_by_interface: 0,
            dropped_by_system: 0,
        };
        let options = Options::new(rest, big);
        for (code, value) in options.clone() {
            match (code, value) {
                (options::COMMENT, _) => facts.comment(value),
                (options::INTERFACE_NAME, _) => facts.interface_name(value),
                (options::INTERFACE_RESOLUTION, [power, ..]) => {
                    resolution = if power & 0x80 == 0 {
                        Resolution::Decimal(*power)
                    } else {
                        Resolution::Binary(power & 0x7f)
                    };
                }
                (options::INTERFACE_OFFSET, _) => {
                    let seconds = options.u64(value).unwrap_or_default().cast_signed();
                    interface.offset_ns = i128::from(seconds).saturating_mul(1_000_000_000);
                }
                (options::INTERFACE_FCS, [length, ..]) => {
                    // In bits; early writers put bytes.
                    interface.fcs = if *length >= 8 { length >> 3 } else { *length };
                }
                _ => {}
            }
        }
        interface.clock = Clock::of(resolution);
        facts.resolve(resolution);
        facts.declare(interface.link_type);
        facts.interface_count = facts.interface_count.saturating_add(1);
        self.interfaces.push(interface);
        Found::Other
    }

    /// A frame of the first interface, without time: it gets that of the frame before.
    fn simple_packet(&self, body: &[u8], facts: &mut FileFacts, head: &mut Head) -> Found {
        let (Some((original, bytes)), Some(interface)) =
            (body.split_first_chunk::<4>(), self.interfaces.first())
        else {
            facts.number_other();
            return Found::Bad;
        };
        let original_len = self.word(*original);
        let captured = match interface.snap_len {
            0 => original_len,
            snap_len => original_len.min(snap_len),
        };
        let len = usize::try_from(captured).unwrap_or(usize::MAX).min(bytes.len()).min(MAX_FRAME);
        facts.untimed_packets = facts.untimed_packets.saturating_add(1);
        // The time is still that of the frame before, or zero.
        head.mark = head.mark.saturating_add(12);
        head.len = len;
        head.original_len = original_len;
        head.interface = self.base;
        head.link_type = interface.link_type;
        head.cut_fcs(interface.fcs);
        Found::Frame
    }

    fn statistics(&mut self, body: &[u8], facts: &mut FileFacts) {
        let Some(([i0, i1, i2, i3, ..], rest)) = body.split_first_chunk::<12>() else { return };
        let id = usize::try_from(self.word([*i0, *i1, *i2, *i3])).unwrap_or(usize::MAX);
        let options = Options::new(rest, self.big == Some(true));
        let Some(interface) = self.interfaces.get_mut(id) else { return };
        for (code, value) in options.clone() {
            let (known, total) = match code {
                options::DROPPED_BY_INTERFACE => {
                    (&mut interface.dropped_by_interface, &mut facts.dropped_by_interface)
                }
                options::DROPPED_BY_SYSTEM => {
                    (&mut interface.dropped_by_system, &mut facts.dropped_by_system)
                }
                options::COMMENT => {
                    facts.comment(value);
                    continue;
                }
                _ => continue,
            };
            let count = options.u64(value).unwrap_or_default();
            // Counted from the start of the capture, told again and again.
            *total = total.saturating_add(count.saturating_sub(*known));
            *known = count.max(*known);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_finer_than_nanoseconds_do_not_overflow() {
        let clock = Clock::of(Resolution::Decimal(47));
        assert_eq!(Clock::Over(10_u128.pow(38)), clock);
        assert_eq!(0, clock.time_ns(u64::MAX, 0));
        assert_eq!(Clock::Over(u128::MAX), Clock::of(Resolution::Decimal(127)));
        assert_eq!(999_999_999, Clock::of(Resolution::Binary(64)).time_ns(u64::MAX, 0));
    }

    #[test]
    fn a_block_is_found_by_its_two_lengths() {
        let pcapng = Pcapng { big: Some(false), ..Pcapng::start(&mut FileFacts::default()) };
        let mut block = *b"\x06\0\0\0\x10\0\0\0abcd\x10\0\0\0";
        assert!(pcapng.begins_block(&block));

        block[12] = 0x14;
        assert!(!pcapng.begins_block(&block));
    }
}
