//! The data of a request, and what requests and responses have in common.
//!
//! Source: MODBUS Application Protocol Specification V1.1b3; sections in brackets [S].

use super::function::{FILE_REFERENCE, most};
use super::pdu::{AND_MASK, OBJECT_ID, OR_MASK, READ_CODE, SUBFUNCTION};
use crate::anomaly::Anomaly;
use crate::operation::Class;
use crate::pdu::Pdu;
use crate::reader::{Reader, byte};
use crate::target::{Space, Span, Target};

/// Highest record number of a file (6.14).
const MAX_RECORD: u32 = 9999;

pub(super) const COILS: Space = Space::new("coil");
pub(super) const DISCRETE_INPUTS: Space = Space::new("di");
pub(super) const INPUT_REGISTERS: Space = Space::new("ir");
pub(super) const HOLDING_REGISTERS: Space = Space::new("hr");
const FILES: Space = Space::new("file");

/// Reads the data of a request. `None` where it ends too early.
pub(super) fn read(code: u8, reader: &mut Reader<'_>, pdu: &mut Pdu) -> Option<()> {
    match code {
        1 => addressed(COILS, most(1), reader, pdu).map(drop),
        2 => addressed(DISCRETE_INPUTS, most(2), reader, pdu).map(drop),
        3 => addressed(HOLDING_REGISTERS, most(3), reader, pdu).map(drop),
        4 => addressed(INPUT_REGISTERS, most(4), reader, pdu).map(drop),
        5 => {
            one(COILS, reader, pdu)?;
            let value = reader.u16_be()?;
            pdu.value(value == 0xff00);
            if !matches!(value, 0 | 0xff00) {
                pdu.anomaly(Anomaly::Malformed);
            }
            Some(())
        }
        6 => {
            one(HOLDING_REGISTERS, reader, pdu)?;
            pdu.value(reader.u16_be()?);
            Some(())
        }
        7 | 11 | 12 | 17 => Some(()),
        8 => diagnostics(reader, pdu),
        15 => {
            let quantity = addressed(COILS, most(15), reader, pdu)?;
            let bits = counted(quantity.div_ceil(8), reader, pdu)?;
            push_bits(bits, quantity, pdu);
            Some(())
        }
        16 => {
            let quantity = addressed(HOLDING_REGISTERS, most(16), reader, pdu)?;
            push_registers(counted(quantity.saturating_mul(2), reader, pdu)?, pdu);
            Some(())
        }
        20 | 21 => file_request(code, reader, pdu),
        22 => {
            one(HOLDING_REGISTERS, reader, pdu)?;
            pdu.field(AND_MASK, reader.u16_be()?);
            pdu.field(OR_MASK, reader.u16_be()?);
            Some(())
        }
        23 => {
            // The PDU's own target is what is written; both are items.
            addressed(HOLDING_REGISTERS, most(3), reader, pdu)?;
            let (read, read_quantity) = (pdu.target.take(), pdu.quantity);
            add_item(read, read_quantity, Some(Class::Read), pdu);
            let quantity = addressed(HOLDING_REGISTERS, most(23), reader, pdu)?;
            add_item(pdu.target.clone(), pdu.quantity, Some(Class::Write), pdu);
            push_registers(counted(quantity.saturating_mul(2), reader, pdu)?, pdu);
            Some(())
        }
        24 => one(HOLDING_REGISTERS, reader, pdu).map(|_| pdu.quantity = None),
        43 => {
            let mei = reader.u8()?;
            pdu.field(SUBFUNCTION, mei);
            if mei == 14 {
                pdu.field(READ_CODE, reader.u8()?);
                pdu.field(OBJECT_ID, reader.u8()?);
            } else {
                reader.take_up_to(usize::MAX);
            }
            Some(())
        }
        _ => {
            reader.take_up_to(usize::MAX);
            Some(())
        }
    }
}

/// Address and quantity; gives the quantity.
pub(super) fn addressed(
    space: Space,
    limit: u16,
    reader: &mut Reader<'_>,
    pdu: &mut Pdu,
) -> Option<u32> {
    let address = u32::from(reader.u16_be()?);
    let quantity = u32::from(reader.u16_be()?);
    pdu.target(Target::new(space, Span::range(address, quantity))).quantity(quantity);
    if quantity == 0 || quantity > limit.into() {
        pdu.anomaly(Anomaly::CountOutOfRange);
    }
    if address.saturating_add(quantity) > 0x1_0000 {
        pdu.anomaly(Anomaly::AddressOverflow);
    }
    Some(quantity)
}

/// The address of one element.
fn one(space: Space, reader: &mut Reader<'_>, pdu: &mut Pdu) -> Option<()> {
    let address = reader.u16_be()?;
    pdu.target(Target::new(space, Span::range(address.into(), 1))).quantity(1u8);
    Some(())
}

/// A byte count, and its bytes, of which `wanted` are right.
fn counted<'a>(wanted: u32, reader: &mut Reader<'a>, pdu: &mut Pdu) -> Option<&'a [u8]> {
    let bytes = reader.u8()?;
    take(bytes.into(), wanted, reader, pdu)
}

/// `bytes` bytes, of which `wanted` are right.
pub(super) fn take<'a>(
    bytes: u32,
    wanted: u32,
    reader: &mut Reader<'a>,
    pdu: &mut Pdu,
) -> Option<&'a [u8]> {
    if bytes != wanted {
        pdu.anomaly(Anomaly::LengthMismatch);
    }
    reader.take(usize::try_from(bytes).ok()?)
}

/// Bits, lowest first, of which `count` mean something.
pub(super) fn push_bits(bytes: &[u8], count: u32, pdu: &mut Pdu) {
    let count = usize::try_from(count).unwrap_or(usize::MAX).min(bytes.len().saturating_mul(8));
    let bit = |at: usize| byte(bytes, at / 8).is_some_and(|byte| byte >> (at % 8) & 1 == 1);
    pdu.extend_values((0..count).map(bit));
}

/// Registers, as unsigned 16-bit numbers.
pub(super) fn push_registers(bytes: &[u8], pdu: &mut Pdu) {
    let (registers, odd) = bytes.as_chunks::<2>();
    pdu.extend_values(registers.iter().map(|register| u16::from_be_bytes(*register)));
    if !odd.is_empty() {
        pdu.anomaly(Anomaly::LengthMismatch);
    }
}

pub(super) fn add_item(
    target: Option<Target>,
    quantity: Option<u32>,
    class: Option<Class>,
    pdu: &mut Pdu,
) {
    if let Some(item) = pdu.item(target) {
        item.quantity = quantity;
        item.class = class;
    }
}

/// Subfunction and data of function 8 (6.8).
pub(super) fn diagnostics(reader: &mut Reader<'_>, pdu: &mut Pdu) -> Option<()> {
    pdu.field(SUBFUNCTION, reader.u16_be()?);
    push_registers(reader.take_up_to(usize::MAX), pdu);
    Some(())
}

/// References of file records, and what is written to them (6.14, 6.15).
fn file_request(code: u8, reader: &mut Reader<'_>, pdu: &mut Pdu) -> Option<()> {
    let bytes = reader.u8()?;
    if bytes == 0 {
        pdu.anomaly(Anomaly::CountOutOfRange);
    }
    let mut references = Reader::new(reader.take(bytes.into())?);
    while !references.is_empty() {
        if references.u8()? != FILE_REFERENCE {
            pdu.anomaly(Anomaly::IllegalType);
        }
        let file = references.u16_be()?;
        let record = u32::from(references.u16_be()?);
        let quantity = u32::from(references.u16_be()?);
        if record.saturating_add(quantity) > MAX_RECORD.saturating_add(1) {
            pdu.anomaly(Anomaly::AddressOverflow);
        }
        let target = Target::new(FILES, Span::part(file.into(), record, quantity));
        add_item(Some(target), Some(quantity), None, pdu);
        if code == 21 {
            let bytes = usize::try_from(quantity.saturating_mul(2)).ok()?;
            push_registers(references.take(bytes)?, pdu);
        }
    }
    Some(())
}
