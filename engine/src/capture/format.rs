//! What a file is, by its first bytes. The suffix never counts.

use super::error::Problem;

/// Bytes that [`Kind::of`] wants to see, if the file has as many.
pub(super) const SIGHT: usize = 512;

/// What a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A pcap file.
    Pcap,
    /// A pcapng file.
    Pcapng,
    /// Compressed with gzip.
    Gzip,
    /// Compressed with zstd.
    Zstd,
    /// Not to be read, and why.
    Refused(Problem),
}

/// A file format that another program has to convert.
struct Foreign {
    magic: &'static [u8],
    format: &'static str,
    convert: &'static str,
}

const EDITCAP: &str = "`editcap FILE out.pcapng`";

/// Formats that are told by their first bytes [S: the descriptions of the
/// compressors; V: files written by editcap 4.0, but for those marked M].
const FOREIGN: &[Foreign] = &[
    foreign(b"\xfd7zXZ\0", "compressed with xz", "`xz -d FILE`"),
    foreign(b"\x04\x22\x4d\x18", "compressed with lz4", "`lz4 -d FILE out.pcap`"),
    foreign(b"\x02\x21\x4c\x18", "compressed with lz4", "`lz4 -d FILE out.pcap`"),
    foreign(b"BZh", "compressed with bzip2", "`bzip2 -d FILE`"),
    foreign(b"\x1f\x9d", "compressed with compress", "`gzip -d FILE`"),
    foreign(b"LZIP", "compressed with lzip", "`lzip -d FILE`"),
    foreign(b"\x89LZO\0", "compressed with lzop", "`lzop -d FILE`"),
    foreign(b"PK\x03\x04", "a zip archive", "`unzip FILE`"),
    foreign(b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "`7z x FILE`"),
    foreign(b"Rar!\x1a\x07", "a RAR archive", "`unrar x FILE`"),
    foreign(b"snoop\0\0\0", "a snoop capture", EDITCAP),
    foreign(b"btsnoop\0", "a Bluetooth snoop capture", EDITCAP),
    foreign(b"RTSS", "a Microsoft Network Monitor 1 capture", EDITCAP),
    foreign(b"GMBU", "a Microsoft Network Monitor 2 capture", EDITCAP),
    foreign(b"\xaa\xaa\xaa\xaa", "an InfoVista 5View capture", EDITCAP),
    foreign(b"TRSNIFF data    \x1a", "a DOS Sniffer capture", EDITCAP),
    foreign(b"XCP\0", "a Windows Sniffer capture", EDITCAP),
    foreign(b"\x01\x10\x4c\0", "a LANalyzer capture", EDITCAP),
    foreign(b"TR\0\x64", "an HP-UX nettl trace", EDITCAP),
    foreign(b"ObserverPktBuffe", "a Network Instruments Observer capture", EDITCAP),
    foreign(b"+---------+-----", "a Tektronix K12 text", EDITCAP),
    foreign(b"\x05VNF", "a Visual Networks capture", EDITCAP),
    // M from here on.
    foreign(b"VL\0\0", "a NetXRay capture", EDITCAP),
    foreign(b"\x00\x00\x02\x00\x12\x05\x00\x10", "a Tektronix K12 capture", EDITCAP),
    foreign(b"iptrace ", "an AIX iptrace capture", EDITCAP),
    foreign(b"\x7fver", "a Savvius (EtherPeek) capture", EDITCAP),
    foreign(b"LOGG", "a Vector BLF log", EDITCAP),
    foreign(b"\xac\x01\x00\x1c", "an Ixia capture", EDITCAP),
    foreign(b"\xab\x01\x00\x1c", "an Ixia capture", EDITCAP),
    foreign(b"\x1c\x00\x01\xac", "an Ixia capture", EDITCAP),
    foreign(b"\x1c\x00\x01\xab", "an Ixia capture", EDITCAP),
];

const fn foreign(magic: &'static [u8], format: &'static str, convert: &'static str) -> Foreign {
    Foreign { magic, format, convert }
}

impl Kind {
    /// What a file that begins with `bytes` is.
    pub fn of(bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return Self::Refused(Problem::Empty);
        }
        if let Some(magic) = bytes.first_chunk::<4>() {
            match u32::from_be_bytes(*magic) {
                0xa1b2_c3d4 | 0xd4c3_b2a1 | 0xa1b2_3c4d | 0x4d3c_b2a1 | 0xa1b2_cd34
                | 0x34cd_b2a1 => return Self::Pcap,
                0x0a0d_0d0a => return Self::Pcapng,
                // A skippable frame may come first: parallel compressors do that.
                0x28b5_2ffd => return Self::Zstd,
                skippable if skippable & 0xf0ff_ffff == 0x502a_4d18 => return Self::Zstd,
                _ => {}
            }
        }
        if bytes.starts_with(&[0x1f, 0x8b]) {
            return Self::Gzip;
        }
        let known = FOREIGN.iter().find(|known| bytes.starts_with(known.magic));
        if let Some(Foreign { format, convert, .. }) = known {
            return Self::foreign(format, convert);
        }
        if bytes.get(257..262) == Some(b"ustar") {
            return Self::foreign("a tar archive", "`tar -xf FILE`");
        }
        if is_erf(bytes) {
            return Self::foreign("an Endace ERF capture", EDITCAP);
        }
        Self::Refused(Problem::NotACapture)
    }

    fn foreign(format: &'static str, convert: &'static str) -> Self {
        Self::Refused(Problem::Foreign { format, convert, capture: convert == EDITCAP })
    }
}

/// Whether two ERF records follow each other: the format has no magic.
///
/// A record is a 64-bit little-endian time, type, flags, length (big-endian, of
/// the whole record), loss count, length on the wire [S: Endace ERF types].
fn is_erf(bytes: &[u8]) -> bool {
    let mut at = 0_usize;
    let mut last = 0;
    for count in 0_u8..3 {
        let Some(rest) = bytes.get(at..) else { return count > 1 };
        let Some((record, _)) = rest.split_first_chunk::<16>() else {
            return count > 1 || (count > 0 && rest.is_empty());
        };
        let [_, _, _, _, s0, s1, s2, s3, kind, _, l0, l1, ..] = *record;
        let seconds = u32::from_le_bytes([s0, s1, s2, s3]);
        let length = u16::from_be_bytes([l0, l1]);
        // Records about the capture have no time. The first of these cards was
        // built after 1988.
        let dated = seconds == 0 || seconds > 567_993_600 && seconds >= last;
        if !dated || !(1..=48).contains(&(kind & 0x7f)) || length < 16 {
            return false;
        }
        last = seconds;
        at = at.saturating_add(usize::from(length));
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(bytes: &[u8]) -> &'static str {
        match Kind::of(bytes) {
            Kind::Refused(Problem::Foreign { format, .. }) => format,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_magic_decides() {
        assert_eq!(Kind::Pcap, Kind::of(b"\xd4\xc3\xb2\xa1\x02\0\x04\0"));
        assert_eq!(Kind::Pcap, Kind::of(b"\xa1\xb2\x3c\x4d"));
        assert_eq!(Kind::Pcap, Kind::of(b"\x34\xcd\xb2\xa1"));
        assert_eq!(Kind::Pcapng, Kind::of(b"\x0a\x0d\x0d\x0a"));
        assert_eq!(Kind::Gzip, Kind::of(b"\x1f\x8b\x08"));
        assert_eq!(Kind::Zstd, Kind::of(b"\x28\xb5\x2f\xfd"));
        assert_eq!(Kind::Zstd, Kind::of(b"\x5c\x2a\x4d\x18"));
    }

    #[test]
    fn a_format_that_is_not_read_is_called_by_its_name() {
        assert_eq!("compressed with xz", format(b"\xfd7zXZ\0\0"));
        assert_eq!("a snoop capture", format(b"snoop\0\0\0\0\0\0\x02"));
        assert_eq!("a Microsoft Network Monitor 2 capture", format(b"GMBU\0\x02"));
    }

    #[test]
    fn erf_is_known_by_two_records_that_follow_each_other() {
        let mut record = [0_u8; 64];
        record[4..8].copy_from_slice(&1_500_000_000_u32.to_le_bytes());
        record[8] = 2;
        record[10..12].copy_from_slice(&64_u16.to_be_bytes());

        assert_eq!("an Endace ERF capture", format(&[record, record].concat()));
    }

    #[test]
    fn anything_else_is_not_a_capture() {
        assert_eq!(Kind::Refused(Problem::NotACapture), Kind::of(b"# a text"));
        assert_eq!(Kind::Refused(Problem::NotACapture), Kind::of(&[0; 512]));
        assert_eq!(Kind::Refused(Problem::NotACapture), Kind::of(b"\xa1"));
        assert_eq!(Kind::Refused(Problem::Empty), Kind::of(b""));
    }
}
