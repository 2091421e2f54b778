//! The data of a response, joined to what was asked.
//!
//! Source: MODBUS Application Protocol Specification V1.1b3; sections in brackets [S].

use super::function::{FILE_REFERENCE, most};
use super::identity;
use super::pdu::{COMM_STATUS, EVENT_COUNT, EVENTS, MESSAGE_COUNT, SUBFUNCTION};
use super::request::{
    self, COILS, HOLDING_REGISTERS, add_item, addressed, diagnostics, push_bits, push_registers,
    take,
};
use crate::anomaly::Anomaly;
use crate::operation::Class;
use crate::pdu::Pdu;
use crate::reader::Reader;
use crate::value::Value;

/// Most registers in a FIFO answer (6.18).
const MAX_FIFO: u32 = 31;

/// Reads the data of a response to `asked`. `None` where it ends too early.
pub(super) fn read(
    code: u8,
    reader: &mut Reader<'_>,
    asked: Option<&Pdu>,
    pdu: &mut Pdu,
) -> Option<()> {
    if let (1..=4 | 24, Some(asked)) = (code, asked) {
        pdu.target.clone_from(&asked.target);
        pdu.quantity = asked.quantity;
    }
    match code {
        1 | 2 => {
            let bytes = reader.u8()?;
            let quantity = pdu.quantity.unwrap_or_else(|| u32::from(bytes).saturating_mul(8));
            push_bits(take(bytes.into(), quantity.div_ceil(8), reader, pdu)?, quantity, pdu);
            Some(())
        }
        3 | 4 => {
            let bytes = reader.u8()?;
            let quantity = pdu.quantity.unwrap_or_else(|| u32::from(bytes / 2));
            push_registers(take(bytes.into(), quantity.saturating_mul(2), reader, pdu)?, pdu);
            Some(())
        }
        5 | 6 | 15 | 16 | 21 | 22 => {
            match code {
                15 => addressed(COILS, most(15), reader, pdu).map(drop)?,
                16 => addressed(HOLDING_REGISTERS, most(16), reader, pdu).map(drop)?,
                _ => request::read(code, reader, pdu)?,
            }
            if asked.is_some_and(|asked| !repeats(code, pdu, asked)) {
                pdu.anomaly(Anomaly::ValueMismatch);
            }
            Some(())
        }
        7 => {
            pdu.value(reader.u8()?);
            Some(())
        }
        8 => {
            diagnostics(reader, pdu)?;
            if asked.is_some_and(|asked| is_loopback(asked) && asked.values != pdu.values) {
                pdu.anomaly(Anomaly::ValueMismatch);
            }
            Some(())
        }
        11 => {
            pdu.field(COMM_STATUS, reader.u16_be()?);
            pdu.field(EVENT_COUNT, reader.u16_be()?);
            Some(())
        }
        12 => {
            let bytes = reader.u8()?;
            let mut log = Reader::new(reader.take(bytes.into())?);
            pdu.field(COMM_STATUS, log.u16_be()?);
            pdu.field(EVENT_COUNT, log.u16_be()?);
            pdu.field(MESSAGE_COUNT, log.u16_be()?);
            pdu.field(EVENTS, Value::bytes(log.rest()));
            Some(())
        }
        17 => identity::server(reader, pdu),
        20 => file_response(reader, asked, pdu),
        23 => {
            let bytes = reader.u8()?;
            if let Some(read) = asked.and_then(|asked| asked.items.first()) {
                pdu.target.clone_from(&read.target);
                pdu.quantity = read.quantity;
            }
            let quantity = pdu.quantity.unwrap_or_else(|| u32::from(bytes / 2));
            push_registers(take(bytes.into(), quantity.saturating_mul(2), reader, pdu)?, pdu);
            Some(())
        }
        24 => {
            let bytes = u32::from(reader.u16_be()?);
            let count = u32::from(reader.u16_be()?);
            pdu.quantity(count);
            if count > MAX_FIFO {
                pdu.anomaly(Anomaly::CountOutOfRange);
            }
            let wanted = count.saturating_mul(2);
            push_registers(take(bytes.saturating_sub(2), wanted, reader, pdu)?, pdu);
            Some(())
        }
        43 => {
            let mei = reader.u8()?;
            pdu.field(SUBFUNCTION, mei);
            if mei == 14 {
                identity::objects(reader, pdu)?;
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

/// Whether a response repeats its request as it must.
fn repeats(code: u8, pdu: &Pdu, asked: &Pdu) -> bool {
    let targets = || pdu.items.iter().map(|item| &item.target);
    match code {
        15 | 16 => pdu.target == asked.target && pdu.quantity == asked.quantity,
        21 => pdu.values == asked.values && targets().eq(asked.items.iter().map(|i| &i.target)),
        22 => {
            pdu.target == asked.target && pdu.fields.iter().all(|mask| asked.fields.contains(mask))
        }
        _ => pdu.target == asked.target && pdu.values == asked.values,
    }
}

/// Whether an answer to `asked` must repeat its data.
fn is_loopback(asked: &Pdu) -> bool {
    asked.operation.class() == Class::Keepalive
}

/// Records, in the order in which they were asked for (6.14).
fn file_response(reader: &mut Reader<'_>, asked: Option<&Pdu>, pdu: &mut Pdu) -> Option<()> {
    let bytes = reader.u8()?;
    let mut records = Reader::new(reader.take(bytes.into())?);
    let mut asked = asked.map(|asked| asked.items.iter());
    while !records.is_empty() {
        let length = usize::from(records.u8()?);
        let mut record = Reader::new(records.take(length)?);
        if record.u8()? != FILE_REFERENCE {
            pdu.anomaly(Anomaly::IllegalType);
        }
        let quantity = u32::try_from(record.len() / 2).ok()?;
        let item = asked.as_mut().map(Iterator::next);
        if item.is_some_and(|item| item.is_none_or(|item| item.quantity != Some(quantity))) {
            pdu.anomaly(Anomaly::LengthMismatch);
        }
        let target = item.flatten().and_then(|item| item.target.clone());
        add_item(target, Some(quantity), None, pdu);
        push_registers(record.rest(), pdu);
    }
    if asked.is_some_and(|mut asked| asked.next().is_some()) {
        pdu.anomaly(Anomaly::LengthMismatch);
    }
    Some(())
}
