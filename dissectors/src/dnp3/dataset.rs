//! Data sets (groups 85 to 88): their descriptions, and their values.
//!
//! ```text
//!  0        1      2      3              4
//!  | length | code | type | most bytes   | ancillary value ...     an element of a description
//!  | length | value ...                                            an element of a data set
//! ```
//!
//! Source: IEEE 1815-2012, 5.4 [M]; the layout of descriptions [V].

use super::point;
use crate::pdu::Pdu;
use crate::reader::Reader;
use crate::target::Span;
use crate::value::Value;

/// Reads the elements of a prototype or descriptor: names and texts are values,
/// the number that the first element gives goes to the target.
pub(super) fn description(reader: &mut Reader<'_>, pdu: &mut Pdu) -> Option<()> {
    let mut count = 0u32;
    while !reader.is_empty() {
        let length = reader.u8()?;
        let mut element = Reader::new(reader.take(length.into())?);
        let [code, _type, _most] = element.array()?;
        let ancillary = element.rest();
        match (code, ancillary) {
            // The number of the prototype or data set.
            (1, [number]) => set_number((*number).into(), pdu),
            (1, [low, high]) => set_number(u16::from_le_bytes([*low, *high]).into(), pdu),
            // A UUID of its own, and of the prototype that stands in its place.
            (1 | 2 | 6, _) => {
                pdu.value(Value::bytes(ancillary));
            }
            // Name space, name, name of a data element, control.
            _ => {
                pdu.value(point::octets(ancillary));
            }
        }
        count = count.saturating_add(1);
    }
    if let Some(item) = pdu.items.last_mut() {
        item.quantity = Some(count);
    }
    Some(())
}

fn set_number(number: u32, pdu: &mut Pdu) {
    if let Some(target) = pdu.items.last_mut().and_then(|item| item.target.as_mut()) {
        target.span = Span::range(number, 1);
    }
}

/// Reads the values of a data set; their types stand in its descriptor.
pub(super) fn values(reader: &mut Reader<'_>, pdu: &mut Pdu) -> Option<()> {
    while !reader.is_empty() {
        let length = reader.u8()?;
        pdu.value(Value::bytes(reader.take(length.into())?));
    }
    Some(())
}
