//! What a device says of itself: its server id, and its identification objects.
//!
//! Source: MODBUS Application Protocol Specification V1.1b3; sections in brackets [S].

use super::pdu::{
    CONFORMITY, MODEL_NAME, MORE_FOLLOWS, Message, OBJECT_ID, OTHER_OBJECT, PRODUCT_CODE,
    PRODUCT_NAME, READ_CODE, REVISION, RUNNING, SERVER_ID, USER_APPLICATION_NAME, VENDOR_NAME,
    VENDOR_URL,
};
use crate::anomaly::Anomaly;
use crate::pdu::Pdu;
use crate::reader::Reader;
use crate::sink::{Attribute, Sink, Subject};
use crate::value::Value;

const OBJECT: &str = "read_device_identification";
/// Of the product's name, which is rather a family. The model's name is another value of
/// the same attribute, and need not stand in the same answer: it must not look as if one
/// had become the other.
const PRODUCT_OBJECT: &str = "read_device_identification_product_name";

/// Reads the answer of report_server_id (6.13).
pub(super) fn server(reader: &mut Reader<'_>, pdu: &mut Pdu) -> Option<()> {
    let bytes = reader.u8()?;
    let (text, running) = server_id(reader.take(bytes.into())?);
    pdu.field(SERVER_ID, Value::text(text));
    if let Some(running) = running {
        pdu.field(RUNNING, running);
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

/// Reads the objects of a device identification (6.21).
pub(super) fn objects(reader: &mut Reader<'_>, pdu: &mut Pdu) -> Option<()> {
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
pub(super) fn claims(code: u8, message: &Message<'_>, out: &mut Sink) {
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
                let (attribute, source, confidence) = match id {
                    0 => (Attribute::Vendor, OBJECT, 95),
                    1 => (Attribute::OrderCode, OBJECT, 95),
                    2 => (Attribute::Firmware, OBJECT, 95),
                    4 => (Attribute::Model, PRODUCT_OBJECT, 94),
                    5 => (Attribute::Model, OBJECT, 95),
                    6 => (Attribute::Tag, OBJECT, 95),
                    _ => continue,
                };
                out.claim(subject, attribute, bytes, source, confidence);
            }
        }
        _ => {}
    }
}
