//! Function and data, the same on every transport of Modbus: the part a PDU
//! plays, what it answers, and what is said of both.
//!
//! Source: MODBUS Application Protocol Specification V1.1b3; sections in brackets [S].

use super::function::{self, EXCEPTION, Fit, UMAS};
use super::{identity, request, response};
use crate::anomaly::Anomaly;
use crate::dissector::{Context, OpenRequest, Sender};
use crate::operation::{Class, Operation};
use crate::pdu::{Pdu, Role, Status};
use crate::reader::{Reader, byte, u16_be_at};
use crate::registry::ProtocolId;
use crate::sink::{Carried, Sink};
use crate::target::Target;

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

/// The diagnostic that nothing answers (V1.1b3, 6.8: "Force Listen Only Mode ... No response
/// is returned").
const LISTEN_ONLY: u16 = 4;
/// Longest PDU that the specification allows (4.1).
const MAX_PDU: usize = 253;

/// A PDU as its transport found it.
pub(crate) struct Message<'a> {
    /// All bytes of the message, header included.
    pub whole: &'a [u8],
    /// Function and data, a part of `whole`.
    pub pdu: &'a [u8],
    /// The addressed station.
    pub unit: u8,
    /// Transaction identifier of the header, on transports that have one.
    pub transaction: Option<u16>,
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
fn role(message: &Message<'_>, code: u8, fit: Fit, cx: &Context<'_>) -> Role {
    match (fit, cx.sender) {
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
    let fit = function::fit(message.pdu);
    let role = role(message, code, fit, cx);
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
    // A device that is told to listen only obeys without a word; it may refuse, though.
    pdu.unconfirmed = role == Role::Request && base == 8 && sub == Some(LISTEN_ONLY);
    // Before the content: what comes after the first item belongs to an item.
    if let Some(transaction) = message.transaction {
        pdu.field(TRANSACTION_ID, transaction);
    }
    note_departures(message, code, sub, operation, cx, pdu);
    let mut reader = Reader::new(message.pdu.get(1..).unwrap_or_default());
    let whole = if code >= EXCEPTION {
        refused(&mut reader, asked.map(|asked| &*asked.pdu), pdu)
    } else if role == Role::Response {
        // Only the side that answers confirms; and what fits both sides confirms a
        // change only if that was asked for.
        let certain = fit == Fit { request: false, response: true };
        if cx.sender == Sender::Client {
            pdu.anomaly(Anomaly::IllegalState);
        } else if certain || asked.is_some() || !operation.class().is_change() {
            pdu.status(Status::Ok);
        }
        response::read(base, &mut reader, asked.map(|asked| &*asked.pdu), pdu)
    } else {
        request::read(base, &mut reader, pdu)
    };
    if whole.is_none() || code == UMAS && message.pdu.len() < 3 {
        pdu.anomaly(Anomaly::LengthMismatch);
    } else if !reader.is_empty() {
        pdu.anomaly(Anomaly::TrailingBytes);
    }
    if role == Role::Response && code < EXCEPTION {
        identity::claims(base, message, out);
    }
    if base == UMAS {
        // UMAS hears of a refusal, too: its request would stay open.
        let part = message.pdu.get(1..).unwrap_or_default();
        let carried = Carried {
            unit: Some(message.unit.into()),
            pairing_key: Some(key),
            code: Some(code.into()),
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
