//! What a controller says of itself and of its project.
//!
//! Source: bytes of modicon_test.pcap, frames named below [V].

use core::fmt::Write as _;

use alloc::borrow::Cow;
use alloc::string::String;

use super::{CPU_NAME, CREATED, FIRMWARE, Found, MODIFIED, PROJECT_NAME, PROJECT_VERSION, SUBCODE};
use crate::pdu::Pdu;
use crate::reader::Reader;
use crate::sink::Attribute;
use crate::value::{Value, text};

/// The CPU's name and versions [V frame 6].
pub(super) fn identity<'a>(
    reader: &mut Reader<'a>,
    pdu: &mut Pdu,
    found: &mut Found<'a>,
) -> Option<()> {
    // Two bytes of range, four of type, two of model; then the version, binary coded decimal.
    reader.skip(8)?;
    let [minor, major] = reader.array()?;
    let mut firmware = String::new();
    let _ = write!(firmware, "{major:x}.{minor:02x}");
    // Patch, internal and hardware version, crash code, two bytes not known.
    reader.skip(12)?;
    let length = reader.u8()?;
    let name = reader.take(length.into())?;
    pdu.field(CPU_NAME, Value::text(name));
    pdu.field(FIRMWARE, Value::Text(text(firmware.as_bytes())));
    for (attribute, value) in [
        (Attribute::Vendor, Cow::from(&b"Schneider Electric"[..])),
        (Attribute::Model, name.into()),
        (Attribute::Firmware, firmware.into_bytes().into()),
    ] {
        found.claims.push((attribute, value, "umas_read_plc_id", 95));
    }
    Some(())
}

/// Whether the project's name was asked for, not one of its tables.
pub(super) fn asks_for_project(asked: &Pdu) -> bool {
    asked.fields.contains(&(SUBCODE, Value::Unsigned(0)))
}

/// The project's name and times [V frame 12].
pub(super) fn project<'a>(
    reader: &mut Reader<'a>,
    pdu: &mut Pdu,
    found: &mut Found<'a>,
) -> Option<()> {
    reader.skip(18)?;
    for field in [CREATED, MODIFIED] {
        // Weekday, second, minute, hour, day, month, year.
        let [_, second, minute, hour, day, month, low, high] = reader.array()?;
        let year = u16::from_le_bytes([low, high]);
        let mut time = String::new();
        let _ = write!(time, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}");
        pdu.field(field, Value::Text(text(time.as_bytes())));
    }
    pdu.field(PROJECT_VERSION, reader.u32_le()?);
    let length = reader.u8()?;
    let name = reader.take(length.into())?;
    pdu.field(PROJECT_NAME, Value::text(name));
    found.claims.push((Attribute::Tag, name.into(), "umas_read_project_info", 95));
    Some(())
}
