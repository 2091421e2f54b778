//! Points: flag, number and time of inputs, counters and outputs.
//!
//! Source: IEEE 1815-2012, annex A and 11.9 (data types).

use super::object::{Flag, Number, Stamp};
use crate::reader::Reader;
use crate::value::{Value, text};

/// One point as it stands on the wire.
#[derive(Debug)]
pub(super) struct Point {
    pub(super) value: Value,
    pub(super) flags: Option<u8>,
    pub(super) time_ns: Option<i64>,
    /// A relative time that no common time of occurrence came before.
    pub(super) unanchored: bool,
}

/// Reads a point. `common_ns` is the common time of occurrence, for relative times.
#[inline]
pub(super) fn point(
    (flag, kind, stamp): (Flag, Number, Stamp),
    common_ns: Option<i64>,
    reader: &mut Reader<'_>,
) -> Option<Point> {
    let octet = if flag == Flag::None { 0 } else { reader.u8()? };
    let (flags, state) = match flag {
        Flag::None => (None, Value::Bool(false)),
        Flag::Quality => (Some(octet), Value::Bool(false)),
        Flag::State => (Some(octet & 0x7f), Value::Bool(octet & 0x80 != 0)),
        Flag::DoubleState => (Some(octet & 0x3f), Value::from(octet >> 6)),
    };
    let value = if kind == Number::None { state } else { number(kind, reader)? };
    let (time_ns, unanchored) = match stamp {
        Stamp::None => (None, false),
        Stamp::Absolute => (Some(time(reader)?), false),
        Stamp::Relative => {
            let since = i64::from(reader.u16_le()?).saturating_mul(1_000_000);
            (common_ns.map(|common| common.saturating_add(since)), common_ns.is_none())
        }
    };
    Some(Point { value, flags, time_ns, unanchored })
}

/// Reads a number.
#[inline]
pub(super) fn number(kind: Number, reader: &mut Reader<'_>) -> Option<Value> {
    Some(match kind {
        Number::None => Value::Bool(false),
        Number::U8 => reader.u8()?.into(),
        Number::U16 => reader.u16_le()?.into(),
        Number::U32 => reader.u32_le()?.into(),
        Number::I16 => i16::from_le_bytes(reader.array()?).into(),
        Number::I32 => i32::from_le_bytes(reader.array()?).into(),
        Number::F32 => f32::from_le_bytes(reader.array()?).into(),
        Number::F64 => f64::from_le_bytes(reader.array()?).into(),
        Number::Decimal(bytes) => {
            let digits = reader.take(bytes.into())?.iter().rev();
            let number = digits.flat_map(|byte| [byte >> 4, byte & 0x0f]);
            number
                .fold(0u64, |all, digit| all.saturating_mul(10).saturating_add(digit.into()))
                .into()
        }
    })
}

/// Reads a time in milliseconds since 1970 and gives nanoseconds; what lies past
/// the year 2262 ends there.
pub(super) fn time(reader: &mut Reader<'_>) -> Option<i64> {
    let ms = reader.u48_le()?;
    Some(i64::try_from(ms.saturating_mul(1_000_000)).unwrap_or(i64::MAX))
}

/// Octets as text where they are text, and as bytes where not.
pub(super) fn octets(bytes: &[u8]) -> Value {
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at.saturating_add(1));
    let printable = |c: char| !c.is_control() || matches!(c, '\t' | '\r' | '\n');
    let is_text = bytes
        .get(..end)
        .and_then(|bytes| core::str::from_utf8(bytes).ok())
        .is_some_and(|text| text.chars().all(printable));
    if is_text { Value::Text(text(bytes)) } else { Value::bytes(bytes) }
}
