//! The object header: which points of which object, and how they are numbered.
//!
//! ```text
//!  0      1           2           3
//!  | group| variation | qualifier | range ...     qualifier: prefix code << 4 | range code
//! ```
//!
//! Source: IEEE 1815-2012, 4.2.2.7. That codes 3 to 5 hold a start and a stop, too, is
//! also in Aparian's A-DNP3R manual, table A.7; that they address bytes and count no
//! objects, in Clarke and Reynders, Practical Modern SCADA Protocols, page 122.

use crate::anomaly::Anomaly;
use crate::reader::Reader;
use crate::target::{Space, Span, Target};

/// What stands in front of each object; its width in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prefix {
    /// Nothing.
    None,
    /// The number of the point.
    Index(u8),
    /// How many bytes the object has.
    Size(u8),
}

/// The points that a header names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Points {
    /// All of them.
    All,
    /// Those from first to last, both included.
    Range(u32, u32),
    /// Whatever lies between two virtual addresses.
    Addresses(u32, u32),
    /// So many.
    Count(u32),
}

/// An object header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) group: u8,
    pub(super) variation: u8,
    pub(super) qualifier: u8,
    pub(super) prefix: Prefix,
    pub(super) points: Points,
}

/// A number of `width` bytes, low byte first.
pub(super) fn number(width: u8, reader: &mut Reader<'_>) -> Option<u32> {
    match width {
        1 => reader.u8().map(u32::from),
        2 => reader.u16_le().map(u32::from),
        _ => reader.u32_le(),
    }
}

impl Header {
    /// Reads the header at the front; the anomaly where it cannot be read.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Anomaly> {
        let [group, variation, qualifier] = reader.array().ok_or(Anomaly::LengthMismatch)?;
        let prefix = match qualifier >> 4 {
            0 => Prefix::None,
            1 => Prefix::Index(1),
            2 => Prefix::Index(2),
            3 => Prefix::Index(4),
            4 => Prefix::Size(1),
            5 => Prefix::Size(2),
            6 => Prefix::Size(4),
            _ => return Err(Anomaly::ReservedBits),
        };
        let width = match qualifier & 0x0f {
            0 | 3 | 7 | 11 => 1,
            1 | 4 | 8 => 2,
            2 | 5 | 9 => 4,
            6 => 0,
            _ => return Err(Anomaly::ReservedBits),
        };
        let points = match qualifier & 0x0f {
            code @ 0..=5 => {
                let first = number(width, reader).ok_or(Anomaly::LengthMismatch)?;
                let last = number(width, reader).ok_or(Anomaly::LengthMismatch)?;
                if code < 3 { Points::Range(first, last) } else { Points::Addresses(first, last) }
            }
            6 => Points::All,
            _ => Points::Count(number(width, reader).ok_or(Anomaly::LengthMismatch)?),
        };
        Ok(Self { group, variation, qualifier, prefix, points })
    }

    /// Whether the range ends before it starts: then nothing behind it can be trusted.
    pub(super) const fn is_backward(&self) -> bool {
        match self.points {
            Points::Range(first, last) | Points::Addresses(first, last) => first > last,
            Points::All | Points::Count(_) => false,
        }
    }

    /// Whether prefix and range fit each other.
    pub(super) const fn is_sound(&self) -> bool {
        match (self.prefix, self.points, self.qualifier & 0x0f) {
            (Prefix::None, Points::All | Points::Range(..), _)
            | (Prefix::None | Prefix::Size(_), Points::Addresses(..), _)
            | (Prefix::Size(_), Points::Count(_), _) => true,
            (Prefix::None | Prefix::Index(_), Points::Count(_), code) => code != 11,
            _ => false,
        }
    }

    /// How many points it names; none where it names all of them, or addresses.
    pub(super) const fn count(&self) -> Option<u32> {
        match self.points {
            Points::All | Points::Addresses(..) => None,
            Points::Range(first, last) => {
                Some(last.saturating_sub(first).saturating_add((first <= last) as u32))
            }
            Points::Count(count) => Some(count),
        }
    }

    /// The number of the point at `offset`, where the header tells it.
    pub(super) const fn index(&self, offset: u32) -> Option<u32> {
        match self.points {
            Points::Range(first, _) => Some(first.saturating_add(offset)),
            Points::All | Points::Addresses(..) | Points::Count(_) => None,
        }
    }

    /// Points `first` to `last` of the object, or the object as a whole.
    pub(super) fn target(&self, points: Option<(u32, u32)>) -> Target {
        // The variation of a class or of an attribute says which one it is.
        let space = match (self.group, self.variation) {
            (60, 1) => Space::new("g60v1"),
            (60, 2) => Space::new("g60v2"),
            (60, 3) => Space::new("g60v3"),
            (60, 4) => Space::new("g60v4"),
            (0, variation) => Space::numbered("g0v", variation.into()),
            (group, _) => Space::numbered("g", group.into()),
        };
        match points {
            // Attribute set 0 is the standard's; it has no number in the target.
            Some((0, 0)) if self.group == 0 => Target::new(space, Span::Whole),
            Some((first, last)) => Target::new(space, Span::Range { first, last }),
            None => Target::new(space, Span::Whole),
        }
    }

    /// The points as the header has them.
    pub(super) const fn range(&self) -> Option<(u32, u32)> {
        match self.points {
            Points::Range(first, last) => Some((first, last)),
            Points::All | Points::Addresses(..) | Points::Count(_) => None,
        }
    }
}
