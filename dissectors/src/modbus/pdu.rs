//! Function and data, the same on every transport of Modbus.
//!
//! Source: MODBUS Application Protocol Specification V1.1b3; sections in brackets [S].

use super::function::{self, EXCEPTION, FILE_REFERENCE, Fit, UMAS};
use crate::anomaly::Anomaly;
use crate::dissector::{Context, OpenRequest, Sender};
use crate::operation::{Class, Operation};
use crate::pdu::{Pdu, Role, Status};
use crate::reader::{Reader, byte, u16_be_at};
use crate::registry::ProtocolId;
use crate::sink::{Attribute, Carried, Sink, Subject};
use crate::target::{Space, Span, Target};
use crate::value::Value;

crate::fields! {
    SUBFUNCTION "subfunction" Integer "Diagnostics subfunction, or MEI type of function 43.";
    AND_MASK "and_mask" Integer "AND mask of mask_write_register.";
    OR_MASK "or_mask" Integer "OR mask of mask_write_register.";
    COMM_STATUS "comm_status" Integer "Status word of the event counter and log; 65535 is busy.";
    EVENT_COUNT "event_count" Integer "Messages that the server completed.";
    MESSAGE_COUNT "message_count" Integer "Messages that the server saw.";
    EVENTS "events" Bytes "Communication events, newest first.";
    SERVER_ID "server_id" Text "What report_server_id answers, without the run indicator.";
    RUNNING "running" Bool "Run indicator of report_server_id.";
    READ_CODE "read_code" Integer "What identification is asked for: 1 basic, 2 regular, 3 extended, 4 one object.";
    CONFORMITY "conformity" Integer "Conformity level of the device identification.";
    MORE_FOLLOWS "more_follows" Bool "Whether further identification objects are to be asked for.";
    OBJECT_ID "object_id" Integer "Identification object asked for, or to be asked for next.";
    VENDOR_NAME "vendor_name" Text "Identification object 0.";
    PRODUCT_CODE "product_code" Text "Identification object 1.";
    REVISION "revision" Text "Identification object 2.";
    VENDOR_URL "vendor_url" Text "Identification object 3.";
    PRODUCT_NAME "product_name" Text "Identification object 4.";
    MODEL_NAME "model_name" Text "Identification object 5.";
    USER_APPLICATION_NAME "user_application_name" Text "Identification object 6.";
    OTHER_OBJECT "other_object" Bytes "Identification object past 6: its number, then its bytes.";
    TRANSACTION_ID "transaction_id" Integer "Transaction identifier of the header.";
}

/// Longest PDU that the specification allows (4.1).
const MAX_PDU: usize = 253;
/// Most registers, and their bytes, in a FIFO answer (6.18).
const MAX_FIFO: u32 = 31;
/// Highest record number of a file (6.14).
const MAX_RECORD: u32 = 9999;

const COILS: Space = Space::new("coil");
const DISCRETE_INPUTS: Space = Space::new("di");
const INPUT_REGISTERS: Space = Space::new("ir");
const HOLDING_REGISTERS: Space = Space::new("hr");
const FILES: Space = Space::new("file");

/// A PDU as its transport found it.
pub(crate) struct Message<'a> {
    /// All bytes of the message, header included.
    pub whole: &'a [u8],
    /// Function and data, a part of `whole`.
    pub pdu: &'a [u8],
    /// The addressed station.
    pub unit: u8,
    /// What joins an answer to it, if it is a request.
    pub pairing_key: u64,
    /// The open request that it answers, if it is a response.
    pub asked: Option<&'a OpenRequest>,
}

/// Whether `pdu` can be the answer of `asked`, as far as its counts and echoes tell.
pub(crate) fn answers(pdu: &[u8], asked: &Pdu) -> bool {
    let quantity = asked.quantity.unwrap_or(0);
    let count = u32::from(byte(pdu, 1).unwrap_or(0));
    match byte(pdu, 0) {
        Some(1 | 2) => count == quantity.div_ceil(8),
        Some(3 | 4) => count == quantity.saturating_mul(2),
        Some(5 | 6 | 15 | 16 | 22) => {
            let first = asked.target.as_ref().and_then(Target::interval).map(|(first, _)| first);
            first == u16_be_at(pdu, 1).map(u32::from)
        }
        _ => true,
    }
}

/// The part that a PDU plays: its bytes decide, then what the flow knows, then
/// whether it answers something.
fn role(message: &Message<'_>, code: u8, cx: &Context<'_>) -> Role {
    match (function::fit(message.pdu), cx.sender) {
        _ if code >= EXCEPTION => Role::Response,
        // What a client sends without having been asked is no answer: a write
        // cut off after its quantity looks like one.
        (Fit { request: false, response: true }, Sender::Client) if message.asked.is_none() => {
            Role::Request
        }
        (Fit { request: true, response: false }, _) => Role::Request,
        (Fit { request: false, response: true }, _) => Role::Response,
        (_, Sender::Client) => Role::Request,
        (_, Sender::Server) => Role::Response,
        (_, Sender::Unknown) if message.asked.is_some() => Role::Response,
        (_, Sender::Unknown) => Role::Unknown,
    }
}

/// Reads function and data into a PDU, and hands UMAS on.
pub(crate) fn decode(message: &Message<'_>, cx: &Context<'_>, out: &mut Sink) {
    let Some(code) = byte(message.pdu, 0) else { return };
    let role = role(message, code, cx);
    let base = code & !EXCEPTION;
    let sub = match base {
        8 => u16_be_at(message.pdu, 1),
        43 => byte(message.pdu, 1).map(u16::from),
        _ => None,
    };
    let asked =
        message.asked.filter(|asked| role == Role::Response && asked.pdu.code == u16::from(base));
    let operation = match asked {
        // A negative answer carries neither subfunction nor address: the request has them.
        Some(asked) if code >= EXCEPTION => asked.pdu.operation,
        None if code >= EXCEPTION => function::operation(base, None).with_class(Class::Exception),
        _ => function::operation(base, sub),
    };
    let key = asked.and_then(|asked| asked.pdu.pairing_key).unwrap_or(message.pairing_key);
    let pdu = out.pdu(role, base.into(), operation);
    pdu.unit(message.unit).pairing_key(key);
    note_departures(message, code, sub, operation, cx, pdu);
    let mut reader = Reader::new(message.pdu.get(1..).unwrap_or_default());
    let whole = if code >= EXCEPTION {
        refused(&mut reader, asked.map(|asked| &asked.pdu), pdu)
    } else if role == Role::Response {
        // Only the side that answers confirms; and what fits both sides confirms a
        // change only if that was asked for.
        let certain = function::fit(message.pdu) == Fit { request: false, response: true };
        if cx.sender == Sender::Client {
            pdu.anomaly(Anomaly::IllegalState);
        } else if certain || asked.is_some() || !operation.class().is_change() {
            pdu.status(Status::Ok);
        }
        response(base, &mut reader, asked.map(|asked| &asked.pdu), pdu)
    } else {
        request(base, &mut reader, pdu)
    };
    if whole.is_none() {
        pdu.anomaly(Anomaly::LengthMismatch);
    } else if !reader.is_empty() {
        pdu.anomaly(Anomaly::TrailingBytes);
    }
    if role == Role::Response && code < EXCEPTION {
        claims(base, message, out);
    }
    if code == UMAS {
        let part = message.pdu.get(1..).unwrap_or_default();
        let carried = Carried {
            unit: Some(message.unit.into()),
            pairing_key: Some(key),
            code: Some(UMAS.into()),
        };
        out.child(ProtocolId::Umas, message.whole, part, carried);
    }
}

/// Departures from the specification that show before the data is read.
fn note_departures(
    message: &Message<'_>,
    code: u8,
    sub: Option<u16>,
    operation: Operation,
    cx: &Context<'_>,
    pdu: &mut Pdu,
) {
    if function::is_reserved(code & !EXCEPTION, sub) {
        pdu.anomaly(Anomaly::ReservedFunction);
    } else if operation.class() == Class::Unknown {
        pdu.anomaly(Anomaly::UnknownFunction);
    }
    if pdu.role == Role::Request && cx.sender == Sender::Server {
        pdu.anomaly(Anomaly::RequestFromServer);
    }
    if code >= EXCEPTION && cx.sender == Sender::Client {
        pdu.anomaly(Anomaly::ExceptionByClient);
    }
    if message.pdu.len() > MAX_PDU && code != UMAS {
        pdu.anomaly(Anomaly::Oversize);
    }
}

/// Reads a negative answer to `asked`.
fn refused(reader: &mut Reader<'_>, asked: Option<&Pdu>, pdu: &mut Pdu) -> Option<()> {
    if let Some(asked) = asked {
        pdu.target.clone_from(&asked.target);
        pdu.quantity = asked.quantity;
    }
    pdu.status(function::exception(reader.u8()?));
    Some(())
}

/// Reads the data of a request. `None` where it ends too early.
fn request(code: u8, reader: &mut Reader<'_>, pdu: &mut Pdu) -> Option<()> {
    match code {
        1 => addressed(COILS, 2000, reader, pdu).map(drop),
        2 => addressed(DISCRETE_INPUTS, 2000, reader, pdu).map(drop),
        3 => addressed(HOLDING_REGISTERS, 125, reader, pdu).map(drop),
        4 => addressed(INPUT_REGISTERS, 125, reader, pdu).map(drop),
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
            let quantity = addressed(COILS, 1968, reader, pdu)?;
            let bits = counted(quantity.div_ceil(8), reader, pdu)?;
            push_bits(bits, quantity, pdu);
            Some(())
        }
        16 => {
            let quantity = addressed(HOLDING_REGISTERS, 123, reader, pdu)?;
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
            addressed(HOLDING_REGISTERS, 125, reader, pdu)?;
            let (read, read_quantity) = (pdu.target.take(), pdu.quantity);
            add_item(read, read_quantity, Some(Class::Read), pdu);
            let quantity = addressed(HOLDING_REGISTERS, 121, reader, pdu)?;
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

/// Reads the data of a response to `asked`. `None` where it ends too early.
fn response(code: u8, reader: &mut Reader<'_>, asked: Option<&Pdu>, pdu: &mut Pdu) -> Option<()> {
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
                15 => addressed(COILS, 1968, reader, pdu).map(drop)?,
                16 => addressed(HOLDING_REGISTERS, 123, reader, pdu).map(drop)?,
                _ => request(code, reader, pdu)?,
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
        17 => {
            let bytes = reader.u8()?;
            let (text, running) = server_id(reader.take(bytes.into())?);
            pdu.field(SERVER_ID, Value::text(text));
            if let Some(running) = running {
                pdu.field(RUNNING, running);
            }
            Some(())
        }
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
                identification(reader, pdu)?;
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

/// Address and quantity; gives the quantity.
fn addressed(space: Space, limit: u16, reader: &mut Reader<'_>, pdu: &mut Pdu) -> Option<u32> {
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
fn take<'a>(bytes: u32, wanted: u32, reader: &mut Reader<'a>, pdu: &mut Pdu) -> Option<&'a [u8]> {
    if bytes != wanted {
        pdu.anomaly(Anomaly::LengthMismatch);
    }
    reader.take(usize::try_from(bytes).ok()?)
}

/// Bits, lowest first, of which `count` mean something.
fn push_bits(bytes: &[u8], count: u32, pdu: &mut Pdu) {
    let bits = bytes.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1));
    pdu.extend_values(bits.take(usize::try_from(count).unwrap_or(usize::MAX)));
}

/// Registers, as unsigned 16-bit numbers.
fn push_registers(bytes: &[u8], pdu: &mut Pdu) {
    let (registers, odd) = bytes.as_chunks::<2>();
    pdu.extend_values(registers.iter().map(|register| u16::from_be_bytes(*register)));
    if !odd.is_empty() {
        pdu.anomaly(Anomaly::LengthMismatch);
    }
}

fn add_item(target: Option<Target>, quantity: Option<u32>, class: Option<Class>, pdu: &mut Pdu) {
    if let Some(item) = pdu.item(target) {
        item.quantity = quantity;
        item.class = class;
    }
}

/// Subfunction and data of function 8 (6.8).
fn diagnostics(reader: &mut Reader<'_>, pdu: &mut Pdu) -> Option<()> {
    pdu.field(SUBFUNCTION, reader.u16_be()?);
    push_registers(reader.take_up_to(usize::MAX), pdu);
    Some(())
}

/// Whether an answer to `asked` must repeat its data.
fn is_loopback(asked: &Pdu) -> bool {
    asked.operation.class() == Class::Keepalive
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

/// What a server says of itself, and its run indicator (6.13).
///
/// How long the identifier is depends on the device. Where its second byte can
/// be the indicator, it is, as devices with a one-byte identifier have it; else
/// the last byte, if that can be.
fn server_id(data: &[u8]) -> (&[u8], Option<bool>) {
    match data {
        [_, run @ (0 | 0xff), text @ ..] => (text, Some(*run == 0xff)),
        [text @ .., run @ (0 | 0xff)] => (text, Some(*run == 0xff)),
        text => (text, None),
    }
}

/// The objects of a device identification (6.21).
fn identification(reader: &mut Reader<'_>, pdu: &mut Pdu) -> Option<()> {
    pdu.field(READ_CODE, reader.u8()?);
    pdu.field(CONFORMITY, reader.u8()?);
    let more = reader.u8()?;
    if !matches!(more, 0 | 0xff) {
        pdu.anomaly(Anomaly::Malformed);
    }
    pdu.field(MORE_FOLLOWS, more != 0);
    pdu.field(OBJECT_ID, reader.u8()?);
    let count = reader.u8()?;
    for _ in 0..count {
        let id = reader.u8()?;
        let length = reader.u8()?;
        let bytes = reader.take(length.into())?;
        let field = match id {
            0 => VENDOR_NAME,
            1 => PRODUCT_CODE,
            2 => REVISION,
            3 => VENDOR_URL,
            4 => PRODUCT_NAME,
            5 => MODEL_NAME,
            6 => USER_APPLICATION_NAME,
            _ => {
                let mut object = alloc::vec![id];
                object.extend_from_slice(bytes);
                pdu.field(OTHER_OBJECT, Value::bytes(&object));
                continue;
            }
        };
        pdu.field(field, Value::text(bytes));
    }
    Some(())
}

/// What a response says about the device that sent it. Stations behind a gateway
/// are subjects of their own; 0 and 255 mean the device itself.
fn claims(code: u8, message: &Message<'_>, out: &mut Sink) {
    let subject = match message.unit {
        0 | 255 => Subject::Sender,
        unit => Subject::Unit(unit.into()),
    };
    let mut reader = Reader::new(message.pdu.get(1..).unwrap_or_default());
    match code {
        17 => {
            let data = reader.u8().map(|bytes| reader.take_up_to(bytes.into()));
            let (text, _) = server_id(data.unwrap_or_default());
            // Free text, often a vendor and a model in one: less sure than an object.
            if text.len() > 3 && text.iter().all(|b| matches!(b, b' '..=b'~' | 0)) {
                out.claim(subject, Attribute::Model, text, "report_server_id", 60);
            }
        }
        43 if reader.u8() == Some(14) && reader.skip(5).is_some() => {
            while let (Some(id), Some(length)) = (reader.u8(), reader.u8()) {
                let Some(bytes) = reader.take(length.into()) else { break };
                let attribute = match id {
                    0 => Attribute::Vendor,
                    1 => Attribute::OrderCode,
                    2 => Attribute::Firmware,
                    4 | 5 => Attribute::Model,
                    6 => Attribute::Tag,
                    _ => continue,
                };
                out.claim(subject, attribute, bytes, "read_device_identification", 95);
            }
        }
        _ => {}
    }
}
