//! Programs and functions on their way, in pieces of whole words.
//!
//! ```text
//!  0     2      4        6        8       10          little-endian, 16 bits each
//!  | id  | next | words  | offset | count | count x 4 bytes of program ...
//! ```
//!
//! `words` is the length of the whole, `offset` and `count` say which part stands here,
//! all in words of four bytes. The same layout goes both ways [V].
//!
//! The last word is the CRC-32 of what is before it [pub]. What TRITON brought in has
//! its own mark in the word before: the CRC-32 of all before that, exclusive or a
//! constant, by which it knew its own code again [V frames 75, 92, 140, 142, 887].

use crate::anomaly::Anomaly;
use crate::crc::crc_32;
use crate::pdu::Pdu;
use crate::reader::Reader;
use crate::sink::{ContentKind, Sink};
use crate::target::{Space, Span, Target};

use super::{KNOWN_CODE, PROGRAM_ID, PROGRAM_NEXT, PROGRAM_OFFSET, PROGRAM_SIZE, SIGNATURE_MATCH};

/// Bytes of a word.
const WORD: u32 = 4;
/// What TRITON mixes into the checksum of its own code [V].
const SIGNATURE: u32 = 0x7b52_41d3;

/// How code begins that is known for what it does, and its name [V].
const KNOWN: &[(&[u8], &str)] = &[
    (&[0x80, 0, 0x40, 0x3c, 0, 0, 0x62, 0x80, 0x40, 0, 0x80, 0x3c], "triton_implant"),
    (&[0xff, 0xff, 0x60, 0x38, 2, 0, 0, 0x44, 0x20, 0, 0x80, 0x4e], "triton_clean_up"),
];

/// What is transferred.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A program.
    #[default]
    Program,
    /// A function that programs call.
    Function,
}

impl Kind {
    const fn space(self) -> Space {
        match self {
            Self::Program => Space::new("program"),
            Self::Function => Space::new("function"),
        }
    }

    /// The object with this number.
    pub const fn target(self, id: u16) -> Target {
        Target::new(self.space(), Span::range(id as u32, 1))
    }
}

/// One way of a flow: what is being transferred, and how far it is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Transfer {
    kind: Kind,
    id: u16,
    /// Its number in the flow.
    number: u32,
    /// Bytes of the whole.
    size: u32,
    /// Bytes seen of it, from the first on without a hole; none is under way at 0.
    seen: u32,
    /// Bytes of it before the last piece, should that come again.
    before: u32,
    /// The register of CRC-32 over what comes before the mark.
    crc: u32,
    /// The mark, as far as it was seen.
    mark: u32,
}

/// A piece as it stands in a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece<'a> {
    kind: Kind,
    id: u16,
    size: u32,
    offset: u32,
    bytes: &'a [u8],
}

impl<'a> Piece<'a> {
    /// Reads a piece and tells its PDU what it is. `None` where it ends too early;
    /// a piece without words is none.
    pub fn read(kind: Kind, reader: &mut Reader<'a>, pdu: &mut Pdu) -> Option<Option<Self>> {
        let id = reader.u16_le()?;
        let next = reader.u16_le()?;
        let size = u32::from(reader.u16_le()?).saturating_mul(WORD);
        let offset = u32::from(reader.u16_le()?).saturating_mul(WORD);
        let count = u32::from(reader.u16_le()?).saturating_mul(WORD);
        pdu.target(kind.target(id)).quantity(count);
        pdu.field(PROGRAM_ID, id).field(PROGRAM_SIZE, size).field(PROGRAM_OFFSET, offset);
        if kind == Kind::Program {
            pdu.field(PROGRAM_NEXT, next);
        }
        if offset.saturating_add(count) > size {
            pdu.anomaly(Anomaly::AddressOverflow);
            return Some(None);
        }
        let bytes = reader.take(usize::try_from(count).ok()?)?;
        if offset == 0
            && let Some((_, name)) = KNOWN.iter().find(|(code, _)| bytes.starts_with(code))
        {
            pdu.field(KNOWN_CODE, *name);
        }
        Some((count > 0).then_some(Self { kind, id, size, offset, bytes }))
    }
}

impl Transfer {
    /// Takes a piece in; whether the mark of TRITON is in the whole that it ends.
    fn add(&mut self, piece: &Piece<'_>, transfers: &mut u32) -> Step {
        let same =
            self.seen > 0 && (self.kind, self.id, self.size) == (piece.kind, piece.id, piece.size);
        if same && piece.offset == self.before && piece.offset < self.seen && self.seen < self.size
        {
            return Step::Repeated;
        }
        if piece.offset == 0 {
            *transfers = transfers.wrapping_add(1);
            *self = Self {
                kind: piece.kind,
                id: piece.id,
                number: *transfers,
                size: piece.size,
                crc: u32::MAX,
                ..Self::default()
            };
        } else if !same || piece.offset != self.seen {
            *self = Self::default();
            return Step::Missing;
        }
        let (mark, end) = (self.size.saturating_sub(2 * WORD), self.size.saturating_sub(WORD));
        let mut at = piece.offset;
        for byte in piece.bytes {
            if at < mark {
                self.crc = crc_32(self.crc, *byte);
            } else if at < end {
                self.mark = self.mark >> 8 | u32::from(*byte) << 24;
            }
            at = at.saturating_add(1);
        }
        self.before = self.seen;
        self.seen = at;
        if self.seen < self.size {
            return Step::Taken { last: false };
        }
        Step::Taken { last: true }
    }

    /// Whether what was seen whole carries the mark of TRITON.
    const fn is_signed(&self) -> bool {
        self.size > 2 * WORD && self.mark == !self.crc ^ SIGNATURE
    }
}

/// What became of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// It continues what was seen.
    Taken {
        /// Whether the whole is there.
        last: bool,
    },
    /// It was there already.
    Repeated,
    /// What comes before it was not seen.
    Missing,
}

/// A piece for the engine to hash, of the transfer with this number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Content<'a> {
    piece: Piece<'a>,
    number: u32,
    last: bool,
}

impl Content<'_> {
    pub fn hand_over(&self, to_server: bool, out: &mut Sink) {
        let name = self.piece.kind.target(self.piece.id).text();
        let kind = ContentKind::Program;
        out.content(self.number.into(), kind, &name, to_server, self.piece.bytes, self.last);
    }
}

/// Follows a piece: says in its PDU what is known of the whole that it ends, and
/// gives what is to be hashed.
pub(crate) fn follow<'a>(
    transfer: &mut Transfer,
    transfers: &mut u32,
    piece: Piece<'a>,
    pdu: &mut Pdu,
) -> Option<Content<'a>> {
    match transfer.add(&piece, transfers) {
        Step::Taken { last } => {
            if last {
                pdu.field(SIGNATURE_MATCH, transfer.is_signed());
            }
            Some(Content { piece, number: transfer.number, last })
        }
        Step::Repeated => None,
        Step::Missing => {
            pdu.anomaly(Anomaly::FragmentMissing);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::{Kind, Piece, SIGNATURE, Step, Transfer};
    use crate::crc::crc_32;

    /// A program of twelve words with the mark of TRITON in the last but one.
    fn signed() -> Vec<u8> {
        let mut code: Vec<u8> = (0..40).collect();
        let crc = !code.iter().fold(u32::MAX, |crc, byte| crc_32(crc, *byte));
        code.extend((crc ^ SIGNATURE).to_le_bytes());
        code.extend([1, 2, 3, 4]);
        code
    }

    /// Hands `code` over in pieces that end at these bytes.
    fn carry(code: &[u8], ends: &[usize]) -> (Transfer, Step) {
        let (mut transfer, mut transfers, mut start) = (Transfer::default(), 0, 0);
        let mut step = Step::Missing;
        for end in ends {
            let piece = Piece {
                kind: Kind::Program,
                id: 3,
                size: code.len().try_into().unwrap(),
                offset: start.try_into().unwrap(),
                bytes: &code[start..*end],
            };
            step = transfer.add(&piece, &mut transfers);
            start = *end;
        }
        (transfer, step)
    }

    #[test]
    fn a_signature_is_found_however_the_program_is_cut() {
        let code = signed();
        for ends in [&[48][..], &[4, 48], &[40, 48], &[40, 44, 48], &[20, 44, 48], &[16, 32, 48]] {
            let (transfer, step) = carry(&code, ends);

            assert_eq!(Step::Taken { last: true }, step, "{ends:?}");
            assert!(transfer.is_signed(), "{ends:?}");
        }
    }

    #[test]
    fn another_program_is_not_signed() {
        let mut code = signed();
        code[7] ^= 1;

        assert!(!carry(&code, &[20, 48]).0.is_signed());
        assert!(!carry(&code[40..], &[8]).0.is_signed());
    }

    #[test]
    fn a_piece_that_comes_twice_counts_once() {
        let code = signed();
        let (mut transfer, _) = carry(&code, &[20, 40]);
        let again =
            Piece { kind: Kind::Program, id: 3, size: 48, offset: 20, bytes: &code[20..40] };

        assert_eq!(Step::Repeated, transfer.add(&again, &mut 0));
        let rest = Piece { offset: 40, bytes: &code[40..], ..again };
        assert_eq!(Step::Taken { last: true }, transfer.add(&rest, &mut 0));
        assert!(transfer.is_signed());
    }

    #[test]
    fn a_piece_without_those_before_it_is_no_program() {
        let code = signed();
        let (mut transfer, _) = carry(&code, &[8]);
        let later = Piece { kind: Kind::Program, id: 3, size: 48, offset: 20, bytes: &code[20..] };

        assert_eq!(Step::Missing, transfer.add(&later, &mut 0));
    }
}
