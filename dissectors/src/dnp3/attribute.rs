//! Device attributes (group 0): what an outstation says about itself.
//!
//! ```text
//!  0      1        2
//!  | type | length | value ...       numbers little-endian
//! ```
//!
//! Source: IEEE 1815-2012, 4.5 and A.1; names of variations as tshark 4.0.17 has them.

use super::field;
use super::point;
use crate::anomaly::Anomaly;
use crate::pdu::Pdu;
use crate::reader::Reader;
use crate::sink::Attribute;
use crate::value::Value;

/// Reads type, length and value of an attribute and gives the value's bytes.
pub(super) fn read<'a>(reader: &mut Reader<'a>, pdu: &mut Pdu) -> Option<&'a [u8]> {
    let [kind, length] = reader.array()?;
    // An extended list counts on past 255.
    let length = usize::from(length).saturating_add(if kind == 255 { 256 } else { 0 });
    let bytes = reader.take(length)?;
    let (name, value) = match kind {
        1 => ("vstr", Value::text(bytes)),
        2 => ("uint", unsigned(bytes)),
        3 => ("int", signed(bytes)),
        4 => ("flt", float(bytes)),
        5 => ("ostr", Value::bytes(bytes)),
        6 => ("bstr", Value::bytes(bytes)),
        7 => (
            "time",
            point::time(&mut Reader::new(bytes)).map_or_else(|| Value::bytes(bytes), Value::Time),
        ),
        8 => ("uncd", Value::text(bytes)),
        254 => ("u8bs8list", Value::bytes(bytes)),
        255 => ("u8bs8exlist", Value::bytes(bytes)),
        _ => {
            pdu.anomaly(Anomaly::IllegalType);
            ("unknown", Value::bytes(bytes))
        }
    };
    pdu.value(value).field(field::ATTRIBUTE_TYPE, name);
    Some(bytes)
}

fn unsigned(bytes: &[u8]) -> Value {
    if bytes.len() > 8 {
        return Value::bytes(bytes);
    }
    bytes.iter().rev().fold(0u64, |all, byte| all << 8 | u64::from(*byte)).into()
}

fn signed(bytes: &[u8]) -> Value {
    let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    if bytes.len() > 8 {
        return Value::bytes(bytes);
    }
    let start = if negative { -1i64 } else { 0 };
    Value::Signed(bytes.iter().rev().fold(start, |all, byte| all << 8 | i64::from(*byte)))
}

fn float(bytes: &[u8]) -> Value {
    let mut reader = Reader::new(bytes);
    match bytes.len() {
        4 => reader.array().map(f32::from_le_bytes).map(Value::from),
        8 => reader.array().map(f64::from_le_bytes).map(Value::from),
        _ => None,
    }
    .unwrap_or_else(|| Value::bytes(bytes))
}

/// What an attribute claims, and how that is known.
pub(super) const fn claim(variation: u8) -> Option<(Attribute, &'static str)> {
    Some(match variation {
        242 => (Attribute::Firmware, "g0v242"),
        243 => (Attribute::Hardware, "g0v243"),
        245 => (Attribute::Location, "g0v245"),
        246 => (Attribute::Tag, "g0v246"),
        247 => (Attribute::StationName, "g0v247"),
        248 => (Attribute::Serial, "g0v248"),
        250 => (Attribute::Model, "g0v250"),
        252 => (Attribute::Vendor, "g0v252"),
        _ => return None,
    })
}
