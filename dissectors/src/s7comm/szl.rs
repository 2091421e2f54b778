//! System status lists (SZL): what a controller says about itself.
//!
//! ```text
//!  request   list 2 | index 2
//!  answer    list 2 | index 2 | record length 2 | records 2 | records ...
//! ```
//!
//! Source: SIMATIC S7-300/400 System Software for System and Standard Functions, chapter
//! "System Status Lists" (records of 0x0011, 0x001c, 0x0424, 0x0132, 0x00a0);
//! captures cisagov s7ident and snap7, ITI step7_s300_readDiagData.

use super::fields::{
    EVENT_ID, INDEX, MODE_SELECTOR, OPERATING_MODE, PREVIOUS_MODE, PROTECTION_LEVEL, RECORD_COUNT,
    RECORD_LENGTH,
};
use super::userdata::{Head, Parts, UnderWay, further_part};
use super::{Flow, time};
use crate::anomaly::Anomaly;
use crate::operation::{Class, Operation};
use crate::pdu::{Pdu, Role};
use crate::reader::{Reader, u16_be_at};
use crate::sink::{Attribute, Part, Sink, Subject};
use crate::target::{Space, Span, Target};
use crate::value::{Value, text};

const SZL: Space = Space::new("SZL");
const SOURCE: &str = "read_szl";
/// The same of the memory card, which can be put into another controller.
const CARD: &str = "read_szl_memory_card";
/// A device's own answer to a question about itself.
const CONFIDENCE: u8 = 95;
/// Siemens among the manufacturers of PROFIBUS International.
const SIEMENS: u16 = 42;

/// The target of a list.
pub(super) const fn target(id: u16, index: u16) -> Target {
    Target::new(SZL, Span::Entry { list: id as u32, index: index as u32 })
}

/// What reading a list is for: identity or state.
const fn operation(id: u16) -> Operation {
    const IDENTIFY: Operation = Operation::new("read_szl", Class::Identify);
    const READ: Operation = Operation::new("read_szl", Class::Read);
    match id & 0x00ff {
        0x11 | 0x1c => IDENTIFY,
        _ => READ,
    }
}

/// The word of an operating mode in a status list.
const fn mode(code: u8) -> Option<&'static str> {
    Some(match code {
        1..=4 => "stop",
        5 | 7 => "startup",
        8 => "run",
        0x0a => "hold",
        0x0d => "defect",
        _ => return None,
    })
}

/// The word of the mode that a transition led to.
pub(super) const fn mode_of_transition(code: u8) -> Option<&'static str> {
    Some(match code {
        0 => "stop",
        1 | 3 | 6 => "startup",
        2 => "run",
        4 => "hold",
        9 => "run_redundant",
        11 => "link_up",
        12 => "update",
        _ => return None,
    })
}

/// The joined parts of a list begin with its header, as one part does.
pub(super) fn joined(whole: &[u8], out: &mut Sink) {
    let mut reader = Reader::new(whole);
    let Some(list) = List::read(&mut reader) else { return };
    for record in list.records(reader.rest()) {
        claim(list.id, record, out);
    }
}

/// Header of a list.
#[derive(Clone, Copy)]
struct List {
    id: u16,
    index: u16,
    record_length: u16,
    count: u16,
}

impl List {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            id: reader.u16_be()?,
            index: reader.u16_be()?,
            record_length: reader.u16_be()?,
            count: reader.u16_be()?,
        })
    }

    fn records<'a>(&self, bytes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let count = if self.record_length == 0 { 0 } else { self.count };
        bytes.chunks_exact(usize::from(self.record_length).max(1)).take(count.into())
    }

    /// What the next part goes on with, after a part with `length` bytes of records.
    fn under_way(&self, length: usize) -> Parts {
        let record = usize::from(self.record_length);
        let begun = length.checked_rem(record).unwrap_or(0);
        let left = if begun == 0 { 0 } else { record.saturating_sub(begun) };
        Parts::Szl {
            id: self.id,
            index: self.index,
            record: self.record_length,
            left_of_record: u16::try_from(left).unwrap_or(0),
        }
    }
}

/// Reads a request for a list, or an answer. `None` where it ends too early.
pub(super) fn read(flow: &mut Flow, head: &Head, bytes: &[u8], out: &mut Sink) -> Option<()> {
    if head.role == Role::Response {
        return answer(flow, head, bytes, out);
    }
    let pdu = out.pdus_mut().last_mut()?;
    if bytes.is_empty() {
        further_part(flow, head, pdu);
        if let Some(Target { span: Span::Entry { list, .. }, .. }) = pdu.target {
            pdu.operation = operation(u16::try_from(list).unwrap_or(0));
        }
        return Some(());
    }
    let mut reader = Reader::new(bytes);
    let (id, index) = (reader.u16_be()?, reader.u16_be()?);
    pdu.operation = operation(id);
    pdu.target(target(id, index));
    Some(())
}

/// Reads an answer, or a part of one.
fn answer(flow: &mut Flow, head: &Head, bytes: &[u8], out: &mut Sink) -> Option<()> {
    let before =
        flow.under_way.filter(|way| head.reference != 0 && way.reference == head.reference);
    let pdu = out.pdus_mut().last_mut()?;
    let mut reader = Reader::new(bytes);
    let list = if let Some(Parts::Szl { id, index, record, left_of_record }) =
        before.map(|way| way.parts)
    {
        // The rest of a record that the part before began is read when all parts are joined.
        reader.take_up_to(left_of_record.into());
        List { id, index, record_length: record, count: u16::MAX }
    } else {
        let list = List::read(&mut reader)?;
        pdu.field(RECORD_LENGTH, list.record_length).field(RECORD_COUNT, list.count);
        pdu.quantity(list.count);
        let wanted = usize::from(list.record_length).saturating_mul(list.count.into());
        if !head.more && wanted != reader.len() {
            pdu.anomaly(Anomaly::LengthMismatch);
        }
        list
    };
    let records = reader.rest();
    pdu.operation = operation(list.id);
    pdu.target(target(list.id, list.index));
    for record in list.records(records) {
        describe(list.id, record, pdu);
    }
    flow.under_way = head.more.then(|| UnderWay {
        sequence: head.sequence,
        reference: head.reference,
        parts: list.under_way(records.len()),
    });
    if head.more || before.is_some() {
        let key = u64::from(head.sequence) << 8 | u64::from(head.reference);
        let part = Part { first: before.is_none(), last: !head.more, sequence: None };
        out.fragment(key, part, bytes);
    } else {
        for record in list.records(records) {
            claim(list.id, record, out);
        }
    }
    Some(())
}

/// Adds what one record says to the PDU.
fn describe(id: u16, record: &[u8], pdu: &mut Pdu) -> Option<()> {
    let mut reader = Reader::new(record);
    match id & 0x00ff {
        0x00 => {
            pdu.value(reader.u16_be()?);
        }
        0x11 => {
            let index = reader.u16_be()?;
            let order_code = text(reader.take(20)?);
            pdu.item(None);
            pdu.field(INDEX, index).value(Value::Text(order_code));
            reader.skip(2)?;
            pdu.value(Value::bytes(reader.rest()));
        }
        0x1c => {
            let index = reader.u16_be()?;
            pdu.item(None);
            pdu.field(INDEX, index);
            pdu.value(match index & 0x00ff {
                // Manufacturer and OEM identification are numbers.
                9 | 10 => Value::bytes(reader.rest()),
                _ => Value::text(until_nul(reader.rest())),
            });
        }
        0x24 if record.len() >= 20 => {
            reader.skip(3)?;
            let modes = reader.u8()?;
            if let Some(mode) = mode(modes & 0x0f) {
                pdu.field(OPERATING_MODE, mode);
            }
            if let Some(mode) = mode(modes >> 4) {
                pdu.field(PREVIOUS_MODE, mode);
            }
        }
        0x32 if record.get(..2) == Some(&[0, 4]) => {
            reader.skip(6)?;
            pdu.field(PROTECTION_LEVEL, reader.u16_be()?);
            let selector = match reader.u16_be()? {
                1 => "run",
                2 => "run_p",
                3 => "stop",
                4 => "mres",
                _ => "unknown",
            };
            pdu.field(MODE_SELECTOR, selector);
        }
        0xa0 => {
            let event = reader.u16_be()?;
            reader.skip(10)?;
            let at = time::nanoseconds(reader.array()?);
            pdu.item(None);
            pdu.field(EVENT_ID, event);
            pdu.value(event);
            if let Some(at) = at {
                pdu.time(at);
            }
        }
        _ => {
            pdu.item(None);
            pdu.value(Value::bytes(record));
        }
    }
    Some(())
}

/// A name as C has it.
fn until_nul(name: &[u8]) -> &[u8] {
    name.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Says what one record of an identity list says about the controller.
fn claim(id: u16, record: &[u8], out: &mut Sink) -> Option<()> {
    let mut reader = Reader::new(record);
    let mut say = |attribute, value: &[u8]| {
        out.claim(Subject::Sender, attribute, value, SOURCE, CONFIDENCE);
    };
    match id & 0x00ff {
        0x11 => {
            let index = reader.u16_be()?;
            let order_code = reader.take(20)?;
            if index == 1 {
                say(Attribute::OrderCode, order_code);
                if order_code.starts_with(b"6ES7") || order_code.starts_with(b"6GK") {
                    say(Attribute::Vendor, b"Siemens");
                }
            }
            // Some servers end the record here; what follows says which version it is.
            reader.skip(2)?;
            match (index, reader.array::<4>()?) {
                (6, [high, low, ..]) if [high, low] != [0, 0] => {
                    let version = u16::from_be_bytes([high, low]);
                    say(Attribute::Hardware, alloc::format!("{version}").as_bytes());
                }
                (7, [b'V', b, c, d]) => {
                    say(Attribute::Firmware, alloc::format!("V{b}.{c}.{d}").as_bytes());
                }
                _ => {}
            }
        }
        0x1c => {
            // The upper byte is the number of the CPU in a redundant pair.
            let index = reader.u16_be()? & 0x00ff;
            let name = until_nul(reader.rest());
            match index {
                1 => say(Attribute::StationName, name),
                2 => say(Attribute::Module, name),
                3 => say(Attribute::Tag, name),
                4 if name.starts_with(b"Original Siemens") => say(Attribute::Vendor, b"Siemens"),
                5 => say(Attribute::Serial, name),
                7 => say(Attribute::Model, name),
                8 => out.claim(Subject::Sender, Attribute::Module, name, CARD, CONFIDENCE),
                9 if u16_be_at(record, 2) == Some(SIEMENS) => say(Attribute::Vendor, b"Siemens"),
                11 => say(Attribute::Location, name),
                _ => {}
            }
        }
        _ => {}
    }
    Some(())
}
