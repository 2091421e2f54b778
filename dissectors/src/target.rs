//! What an operation addresses, in its protocol's word.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt::{self, Write as _};

use crate::name::Name;

/// Where the number of a target counts: `hr`, `DB` 10, `g` 30.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Space {
    name: Name,
    number: Option<u32>,
}

impl Space {
    /// A space of its own, such as `hr`.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name: Name::new(name), number: None }
    }

    /// One of numbered spaces, such as `DB10` or `g30`.
    #[must_use]
    pub const fn numbered(name: &'static str, number: u32) -> Self {
        Self { name: Name::new(name), number: Some(number) }
    }

    /// What stands for the space in keys.
    #[must_use]
    pub const fn id(self) -> (u64, u32) {
        (
            self.name.id(),
            match self.number {
                Some(number) => number,
                None => u32::MAX,
            },
        )
    }

    /// Whether a text names it.
    #[must_use]
    pub fn is(self, text: &str) -> bool {
        text.strip_prefix(self.name.as_str()).is_some_and(|rest| match self.number {
            Some(number) => rest.parse() == Ok(number),
            None => rest.is_empty(),
        })
    }
}

impl fmt::Display for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name.as_str())?;
        match self.number {
            Some(number) => number.fmt(f),
            None => Ok(()),
        }
    }
}

/// The part of a space that is addressed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Span {
    /// All of it, or the space has no parts: `g60v1`.
    #[default]
    Whole,
    /// Elements `first` to `last`, both included: `hr:100-139`, `hr:4`.
    Range {
        /// The lowest element.
        first: u32,
        /// The highest element.
        last: u32,
    },
    /// One bit of a byte: `DB10:4.3`.
    Bit {
        /// The byte.
        byte: u32,
        /// The bit, 0 to 7.
        bit: u8,
    },
    /// A list by number, and an index in it: `SZL:0x0011/1`.
    Entry {
        /// The list.
        list: u32,
        /// The index.
        index: u32,
    },
    /// Elements `first` to `last` of a numbered part: `file:4/0-9`.
    Part {
        /// The file, block or segment.
        part: u32,
        /// The lowest element.
        first: u32,
        /// The highest element.
        last: u32,
    },
    /// By name: `block:OB1`, `pi:_INSE`. Made from [`crate::value::text`].
    Named(Box<str>),
}

impl Span {
    /// `quantity` elements from `first` on; none is one element, and what runs
    /// past the last address ends there.
    #[must_use]
    pub const fn range(first: u32, quantity: u32) -> Self {
        Self::Range { first, last: first.saturating_add(quantity.saturating_sub(1)) }
    }

    /// `quantity` elements of `part` from `first` on, as in [`Span::range`].
    #[must_use]
    pub const fn part(part: u32, first: u32, quantity: u32) -> Self {
        Self::Part { part, first, last: first.saturating_add(quantity.saturating_sub(1)) }
    }
}

/// What an operation addresses. Its text is the same wherever it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// Where the numbers count.
    pub space: Space,
    /// The part of it.
    pub span: Span,
}

impl Target {
    /// `span` of `space`.
    #[must_use]
    pub const fn new(space: Space, span: Span) -> Self {
        Self { space, span }
    }

    /// What output calls it.
    #[must_use]
    pub fn text(&self) -> String {
        // Room for the usual target: text that grows is copied.
        let mut text = String::with_capacity(24);
        let _ = write!(text, "{self}");
        text
    }

    /// The address interval as (first, last) where the target has one; a bit is
    /// counted in bits.
    #[must_use]
    pub fn interval(&self) -> Option<(u32, u32)> {
        match self.span {
            Span::Range { first, last } | Span::Part { first, last, .. } => Some((first, last)),
            Span::Bit { byte, bit } => {
                let at = byte.saturating_mul(8).saturating_add(bit.into());
                Some((at, at))
            }
            Span::Entry { index, .. } => Some((index, index)),
            Span::Whole | Span::Named(_) => None,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Number by number: the usual targets are shown often, and a format
        // string costs as much as what it shows.
        self.space.fmt(f)?;
        let end = |f: &mut fmt::Formatter<'_>, first: u32, last: u32| {
            first.fmt(f)?;
            if first == last {
                return Ok(());
            }
            f.write_str("-")?;
            last.fmt(f)
        };
        match &self.span {
            Span::Whole => Ok(()),
            Span::Range { first, last } => {
                f.write_str(":")?;
                end(f, *first, *last)
            }
            Span::Bit { byte, bit } => {
                f.write_str(":")?;
                byte.fmt(f)?;
                f.write_str(".")?;
                bit.fmt(f)
            }
            Span::Entry { list, index } => write!(f, ":{list:#06x}/{index}"),
            Span::Part { part, first, last } => {
                f.write_str(":")?;
                part.fmt(f)?;
                f.write_str("/")?;
                end(f, *first, *last)
            }
            Span::Named(name) => {
                f.write_str(":")?;
                f.write_str(name)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::{Space, Span, Target};
    use std::string::ToString;

    #[test]
    fn a_target_reads_as_its_engineers_write_it() {
        let text = |space, span| Target::new(space, span).to_string();

        assert_eq!("hr:100-139", text(Space::new("hr"), Span::range(100, 40)));
        assert_eq!("hr:4", text(Space::new("hr"), Span::range(4, 1)));
        assert_eq!("DB10:4.3", text(Space::numbered("DB", 10), Span::Bit { byte: 4, bit: 3 }));
        assert_eq!("SZL:0x0011/1", text(Space::new("SZL"), Span::Entry { list: 0x11, index: 1 }));
        assert_eq!("file:4/0-9", text(Space::new("file"), Span::part(4, 0, 10)));
        assert_eq!("block:OB1", text(Space::new("block"), Span::Named("OB1".into())));
        assert_eq!("g60v1", text(Space::new("g60v1"), Span::Whole));
    }

    #[test]
    fn a_space_is_named_by_its_text_alone() {
        let db = Space::numbered("DB", 10);

        assert!(db.is("DB10") && Space::new("hr").is("hr"));
        assert!(!db.is("DB1") && !db.is("DB") && !db.is("DB100") && !db.is("DI10"));
        assert!(!Space::new("hr").is("hr1") && !Space::new("hr").is("h"));
    }

    #[test]
    fn a_range_past_the_last_address_ends_there() {
        assert_eq!(Span::Range { first: u32::MAX, last: u32::MAX }, Span::range(u32::MAX, 8));
    }
}
