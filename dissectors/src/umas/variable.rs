//! References to variables, and their values.
//!
//! Source: the layout of an open client [pub].

use super::{CHECKSUM, rest};
use crate::anomaly::Anomaly;
use crate::pdu::Pdu;
use crate::reader::Reader;
use crate::target::{Space, Span, Target};
use crate::value::Value;

/// Variables count within a block: `var:2:4660-4663`.
const VARIABLES: &str = "var:";

/// How many bytes a variable of this size index has [pub].
const fn variable_size(index: u8) -> Option<u32> {
    match index {
        1 => Some(1),
        2 => Some(2),
        3 => Some(4),
        4 => Some(8),
        _ => None,
    }
}

/// References to variables, and what is written to them [pub]. The offset stands
/// in another order when it is read: 16 bits above 8, against 16 below 16.
pub(super) fn variables(code: u8, reader: &mut Reader<'_>, pdu: &mut Pdu) -> Option<()> {
    pdu.field(CHECKSUM, reader.u32_le()?);
    let count = reader.u8()?;
    for _ in 0..count {
        let kind = reader.u8()?;
        let block = reader.u16_le()?;
        let offset = if code == 0x22 {
            reader.skip(1)?;
            let high = reader.u16_le()?;
            u32::from(high) << 8 | u32::from(reader.u8()?)
        } else {
            reader.u32_le()?
        };
        let elements = if kind >> 4 == 0 { 1 } else { u32::from(reader.u16_le()?) };
        let Some(size) = variable_size(kind & 0x0f) else {
            pdu.anomaly(Anomaly::UnknownObject);
            rest(reader, pdu);
            return Some(());
        };
        let bytes = size.saturating_mul(elements);
        let variables = Space::numbered(VARIABLES, block.into());
        let target = Target::new(variables, Span::range(offset, bytes));
        if let Some(item) = pdu.item(Some(target)) {
            item.quantity = Some(bytes);
        }
        if code == 0x23 {
            push_value(reader.take(usize::try_from(bytes).ok()?)?, pdu);
        }
    }
    Some(())
}

/// The values of variables, one after the other [pub]; left as bytes where they
/// are not as long as was asked.
pub(super) fn variable_values(reader: &mut Reader<'_>, asked: &Pdu, pdu: &mut Pdu) {
    let sizes = || asked.items.iter().map(|item| item.quantity.unwrap_or(0));
    let wanted = sizes().fold(0u32, u32::saturating_add);
    if usize::try_from(wanted) != Ok(reader.len()) {
        pdu.anomaly(Anomaly::LengthMismatch);
        rest(reader, pdu);
        return;
    }
    for item in &asked.items {
        let bytes = usize::try_from(item.quantity.unwrap_or(0)).unwrap_or(usize::MAX);
        if let Some(answered) = pdu.item(item.target.clone()) {
            answered.quantity = item.quantity;
        }
        push_value(reader.take_up_to(bytes), pdu);
    }
}

/// A variable of up to eight bytes is a number, a longer one bytes.
fn push_value(bytes: &[u8], pdu: &mut Pdu) {
    if bytes.len() <= 8 {
        pdu.value(bytes.iter().rev().fold(0u64, |number, byte| number << 8 | u64::from(*byte)));
    } else {
        pdu.value(Value::bytes(bytes));
    }
}
