//! A value as a protocol carries it.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt::Write as _;

/// Longest text kept, in characters.
pub const MAX_TEXT: usize = 128;
/// Longest byte string kept.
pub const MAX_BYTES: usize = 64;

/// One value: of a point, a register, a field.
#[derive(Clone, Debug)]
pub enum Value {
    /// A coil or another single bit.
    Bool(bool),
    /// A signed number.
    Signed(i64),
    /// An unsigned number.
    Unsigned(u64),
    /// A number with a fraction.
    Float(f64),
    /// Text, at most [`MAX_TEXT`] characters, without control characters; made by [`text`].
    Text(Box<str>),
    /// A compiled-in word: text that takes no memory.
    Word(&'static str),
    /// At most [`MAX_BYTES`] bytes; made by [`Value::bytes`].
    Bytes(Box<[u8]>),
    /// Nanoseconds since 1970, as the device has them.
    Time(i64),
}

impl Value {
    /// A byte string, cut at [`MAX_BYTES`].
    #[must_use]
    pub fn bytes(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.get(..MAX_BYTES).unwrap_or(bytes).into())
    }

    /// Text from the wire; see [`text`].
    #[must_use]
    pub fn text(bytes: &[u8]) -> Self {
        Self::Text(text(bytes))
    }

    /// A compiled-in word.
    #[must_use]
    pub const fn word(word: &'static str) -> Self {
        Self::Word(word)
    }

    /// The text of a text or word.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Word(word) => Some(word),
            Self::Bool(_)
            | Self::Signed(_)
            | Self::Unsigned(_)
            | Self::Float(_)
            | Self::Bytes(_)
            | Self::Time(_) => None,
        }
    }

    /// The value as a number, where it is one.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "53 bits are enough to compare process values"
        )]
        match *self {
            Self::Bool(bit) => Some(f64::from(u8::from(bit))),
            Self::Signed(number) => Some(number as f64),
            Self::Unsigned(number) => Some(number as f64),
            Self::Float(number) => Some(number),
            Self::Text(_) | Self::Word(_) | Self::Bytes(_) | Self::Time(_) => None,
        }
    }
}

/// A word is the same as its text from the wire.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Bool(own), Self::Bool(other)) => own == other,
            (Self::Signed(own), Self::Signed(other)) | (Self::Time(own), Self::Time(other)) => {
                own == other
            }
            (Self::Unsigned(own), Self::Unsigned(other)) => own == other,
            (Self::Float(own), Self::Float(other)) => own == other,
            (Self::Bytes(own), Self::Bytes(other)) => own == other,
            _ => self.as_text().is_some_and(|own| other.as_text() == Some(own)),
        }
    }
}

impl From<bool> for Value {
    fn from(bit: bool) -> Self {
        Self::Bool(bit)
    }
}
impl From<u8> for Value {
    fn from(number: u8) -> Self {
        Self::Unsigned(number.into())
    }
}
impl From<u16> for Value {
    fn from(number: u16) -> Self {
        Self::Unsigned(number.into())
    }
}
impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Unsigned(number.into())
    }
}
impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Unsigned(number)
    }
}
impl From<i16> for Value {
    fn from(number: i16) -> Self {
        Self::Signed(number.into())
    }
}
impl From<i32> for Value {
    fn from(number: i32) -> Self {
        Self::Signed(number.into())
    }
}
impl From<f32> for Value {
    fn from(number: f32) -> Self {
        Self::Float(number.into())
    }
}
impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}
impl From<&'static str> for Value {
    fn from(word: &'static str) -> Self {
        Self::word(word)
    }
}

/// Text from the wire, fit for a terminal: trailing NULs and spaces go, bytes
/// that are no UTF-8 become U+FFFD, control characters become `\xNN`, and what
/// is longer than [`MAX_TEXT`] characters is cut.
#[must_use]
pub fn text(bytes: &[u8]) -> Box<str> {
    let end =
        bytes.iter().rposition(|b| !matches!(b, 0 | b' ')).map_or(0, |at| at.saturating_add(1));
    let kept = bytes.get(..end.min(4 * MAX_TEXT)).unwrap_or_default();
    let mut out = String::new();
    let mut count = 0usize;
    for chunk in kept.utf8_chunks() {
        for c in chunk.valid().chars().chain((!chunk.invalid().is_empty()).then_some('\u{fffd}')) {
            if count >= MAX_TEXT {
                return out.into_boxed_str();
            }
            count = count.saturating_add(1);
            if c.is_control() {
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            } else {
                out.push(c);
            }
        }
    }
    out.into_boxed_str()
}

#[cfg(test)]
mod tests {
    use super::{MAX_TEXT, text};

    #[test]
    fn control_characters_never_reach_a_terminal() {
        assert_eq!("a\\x1b[31mb", &*text(b"a\x1b[31mb\0\0  "));
        assert_eq!("\u{fffd}ok", &*text(b"\xffok"));
        assert_eq!(MAX_TEXT, text(&[b'x'; 1000]).len());
    }
}
