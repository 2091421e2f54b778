//! User data: the functions of ROSCTR 7, in groups.
//!
//! ```text
//!  parameter  00 01 12 | length | method | type, group | subfunction | sequence
//!             [ data unit reference | more follows | error ]     type 0 push, 4 request, 8 response
//!  data       return code | type | length | bytes
//!  mode transition: 01 00 10 | 10 | 00 | 00 | mode | 00, without data
//! ```
//!
//! An answer that does not fit into one message comes in parts. The client asks for each
//! further part with the same subfunction and the sequence number of the first.
//!
//! Source: groups and subfunctions as tshark 4.0.17 names them; layouts on captures
//! (tia_s300_downloadHwConfig for parts and mode transitions, wincc_s300 for messages).

use super::error;
use super::fields::{DEVICE_TIME, ERROR_CODE, MORE_FOLLOWS, OPERATING_MODE, RETURN_CODE, SEQUENCE};
use super::function::unconfirm;
use super::item::{self, Data};
use super::{Flow, Message, alarm, catalogue, cyclic, programmer, status, szl, time};
use crate::anomaly::Anomaly;
use crate::dissector::{Context, Sender};
use crate::operation::{Class, Operation};
use crate::pdu::{Pdu, Role};
use crate::reader::Reader;
use crate::registry::ProtocolId;
use crate::sink::{Attribute, Sink, Subject};
use crate::target::{Space, Span, Target};
use crate::value::Value;

const BSEND: Space = Space::new("bsend");

/// Function groups.
const MODE: u8 = 0;
const PROGRAMMER: u8 = 1;
const CYCLIC: u8 = 2;
const BLOCK: u8 = 3;
const CPU: u8 = 4;
const SECURITY: u8 = 5;
const PBC: u8 = 6;
const CLOCK: u8 = 7;
const NC: u8 = 15;

/// Subfunctions of the CPU.
const READ_SZL: u8 = 1;
const MESSAGE_SERVICE: u8 = 2;

/// The codes of what lists blocks, and of the system status lists.
pub(super) const LISTS: [u16; 3] = [code(BLOCK, 1), code(BLOCK, 2), code(CPU, READ_SZL)];

const fn code(group: u8, subfunction: u8) -> u16 {
    (group as u16) << 8 | subfunction as u16
}

/// The parameter of user data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub role: Role,
    group: u8,
    pub subfunction: u8,
    pub sequence: u8,
    /// What joins the parts of one answer; 0 where there is only one.
    pub reference: u8,
    pub more: bool,
    error: u16,
}

impl Head {
    pub(super) fn read(parameter: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(parameter);
        reader.skip(5)?;
        let kind = reader.u8()?;
        let mut head = Self {
            role: match kind >> 4 {
                0 | 3 => Role::Event,
                4 | 7 => Role::Request,
                8 | 11 => Role::Response,
                _ => Role::Unknown,
            },
            group: kind & 0x0f,
            subfunction: reader.u8()?,
            sequence: reader.u8()?,
            reference: 0,
            more: false,
            error: 0,
        };
        if let (Some(reference), Some(more), Some(error)) =
            (reader.u8(), reader.u8(), reader.u16_be())
        {
            head.reference = reference;
            head.more = more != 0;
            head.error = error;
        }
        Some(head)
    }

    const fn code(&self) -> u16 {
        code(self.group, self.subfunction)
    }

    /// Which side must have sent it. Blocks of data (BSEND) go both ways.
    pub(super) const fn sender(&self) -> Sender {
        match (self.group, self.role) {
            (PBC | NC, _) | (_, Role::Unknown) => Sender::Unknown,
            (_, Role::Request) => Sender::Client,
            (_, Role::Response | Role::Event) => Sender::Server,
        }
    }
}

/// The operation of a group and subfunction.
const fn operation(group: u8, subfunction: u8) -> Operation {
    const MODE_TRANSITION: Operation = Operation::new("mode_transition", Class::ModeOther);
    match group {
        MODE => MODE_TRANSITION,
        PROGRAMMER => programmer::operation(subfunction),
        CYCLIC => cyclic::operation(subfunction),
        BLOCK => catalogue::operation(subfunction),
        CPU => alarm::operation(subfunction),
        SECURITY => match subfunction {
            1 => Operation::new("plc_password", Class::AuthLogin),
            2 => Operation::new("clear_password", Class::SessionClose),
            _ => Operation::unknown(0x500 | subfunction as u16),
        },
        PBC => Operation::new("block_send", Class::Write),
        CLOCK => match subfunction {
            1 | 3 => Operation::new("read_clock", Class::Read),
            2 | 4 => Operation::new("set_clock", Class::TimeSet),
            _ => Operation::unknown(0x700 | subfunction as u16),
        },
        NC => match subfunction {
            1 => Operation::new("nc_request_download", Class::ProgramDownload),
            2 => Operation::new("nc_download_block", Class::ProgramDownload),
            3 => Operation::new("nc_continue_download", Class::ProgramDownload),
            4 => Operation::new("nc_download_ended", Class::ProgramDownload),
            6 => Operation::new("nc_start_upload", Class::ProgramUpload),
            7 => Operation::new("nc_upload", Class::ProgramUpload),
            8 => Operation::new("nc_continue_upload", Class::ProgramUpload),
            _ => Operation::unknown(0xf00 | subfunction as u16),
        },
        _ => Operation::unknown((group as u16) << 8 | subfunction as u16),
    }
}

/// What the parts of an answer that is under way are about.
#[derive(Clone, Copy, Debug)]
pub(super) enum Parts {
    Szl { id: u16, index: u16, record: u16, left_of_record: u16 },
    Blocks { kind: [u8; 2] },
}

impl Parts {
    fn target(self) -> Target {
        match self {
            Self::Szl { id, index, .. } => szl::target(id, index),
            Self::Blocks { kind } => catalogue::blocks(kind),
        }
    }
}

/// An answer in parts that is under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct UnderWay {
    pub sequence: u8,
    pub reference: u8,
    pub parts: Parts,
}

/// Reads user data.
pub(super) fn userdata(flow: &mut Flow, message: &Message<'_>, cx: &Context<'_>, out: &mut Sink) {
    let Some(head) = Head::read(message.parameter) else {
        message.pdu(Role::Unknown, 0, Operation::unknown(0), out).anomaly(Anomaly::LengthMismatch);
        return;
    };
    let open = (head.role == Role::Response)
        .then(|| cx.request(ProtocolId::S7comm, message.pairing_key()))
        .flatten()
        .map(|open| &*open.pdu)
        .filter(|request| request.code == head.code());
    let mut body = Reader::new(message.data);
    let data = Data::read(&mut body, true);
    let pdu = begin(&head, message, cx, out);
    if data.is_none() && !message.data.is_empty() || data.is_some_and(|data| data.short) {
        pdu.anomaly(Anomaly::LengthMismatch);
    }
    if !body.is_empty() {
        pdu.anomaly(Anomaly::TrailingBytes);
    }
    if let Some(open) = open {
        pdu.operation = open.operation;
        pdu.target.clone_from(&open.target);
        pdu.quantity = open.quantity;
    }
    if head.role == Role::Response {
        answer_status(&head, data, pdu);
        if pdu.status.is_failure() {
            return;
        }
    }
    let bytes = data.map(|data| data.bytes).unwrap_or_default();
    if read(flow, &head, message.reference, bytes, open, out).is_none()
        && let Some(pdu) = out.pdus_mut().last_mut()
    {
        pdu.anomaly(Anomaly::LengthMismatch);
    }
    if head.role == Role::Response
        && (head.sender(), cx.sender) == (Sender::Server, Sender::Client)
        && let Some(pdu) = out.pdus_mut().last_mut()
    {
        unconfirm(pdu);
    }
}

/// Begins a PDU with what the parameter says.
fn begin<'s>(
    head: &Head,
    message: &Message<'_>,
    cx: &Context<'_>,
    out: &'s mut Sink,
) -> &'s mut Pdu {
    let pdu = message.pdu(head.role, head.code(), operation(head.group, head.subfunction), out);
    if head.role == Role::Event {
        // Nothing answers a push, and all have reference 0.
        pdu.pairing_key = None;
    }
    if (head.role, head.sender(), cx.sender) == (Role::Request, Sender::Client, Sender::Server) {
        pdu.anomaly(Anomaly::RequestFromServer);
    }
    if head.group != MODE {
        pdu.field(SEQUENCE, head.sequence);
    }
    if head.more {
        pdu.field(MORE_FOLLOWS, true);
    }
    if pdu.operation == Operation::unknown(head.code()) {
        pdu.anomaly(Anomaly::UnknownFunction);
    }
    if head.role == Role::Unknown {
        pdu.anomaly(Anomaly::IllegalType);
    }
    pdu
}

/// Reads the data of a function into the PDU begun last. `None` where it ends too early.
fn read(
    flow: &mut Flow,
    head: &Head,
    reference: u16,
    bytes: &[u8],
    open: Option<&Pdu>,
    out: &mut Sink,
) -> Option<()> {
    let mut reader = Reader::new(bytes);
    let pdu = out.pdus_mut().last_mut()?;
    match (head.group, head.subfunction) {
        (MODE, mode) => {
            if let Some(mode) = szl::mode_of_transition(mode) {
                pdu.field(OPERATING_MODE, mode);
            }
            Some(())
        }
        (PROGRAMMER, _) => programmer::read(head, &mut reader, open, pdu),
        (CYCLIC, _) => cyclic::read(flow, head, reference, &mut reader, open, pdu),
        (BLOCK, _) => catalogue::read(flow, head, &mut reader, pdu),
        (CPU, READ_SZL) => szl::read(flow, head, bytes, out),
        (CPU, MESSAGE_SERVICE) => {
            alarm::read(head, &mut reader, pdu)?;
            if alarm::is_hmi(bytes) {
                let source = "message_service_subscriber";
                out.claim(Subject::Sender, Attribute::Role, b"hmi", source, 60);
            }
            Some(())
        }
        (CPU, _) => alarm::read(head, &mut reader, pdu),
        (PBC, _) => block_send(&mut reader, pdu),
        (CLOCK, _) => clock(&mut reader, pdu),
        // A password stays here. Programs of a numerical control are not known well enough.
        _ => Some(()),
    }
}

/// How an answer went: by its error, else by the return code of data that it should bring.
fn answer_status(head: &Head, data: Option<Data<'_>>, pdu: &mut Pdu) {
    pdu.status(status(head.error));
    if head.error != 0 {
        pdu.field(ERROR_CODE, head.error);
        if error::is_wrong_password(head.error) {
            pdu.anomaly(Anomaly::PasswordRefused);
        }
        if head.group == SECURITY && head.subfunction == 1 {
            pdu.operation = pdu.operation.with_class(Class::AuthFail);
        }
        return;
    }
    let brings_data =
        matches!((head.group, head.subfunction), (BLOCK, _) | (CPU, READ_SZL) | (CLOCK, 1 | 3));
    match data.map(|data| data.return_code) {
        None | Some(0xff | 0x00) => {}
        Some(0x0a) if !brings_data => {}
        Some(code) => {
            pdu.status(item::return_code(code)).field(RETURN_CODE, code);
        }
    }
}

/// Takes the target of a request for a further part from what is under way.
pub(super) fn further_part(flow: &Flow, head: &Head, pdu: &mut Pdu) {
    if let Some(under_way) = flow.under_way.filter(|way| way.sequence == head.sequence) {
        pdu.target(under_way.parts.target());
    }
}

/// A block of data that a program sends to another, and the number it goes by.
fn block_send(reader: &mut Reader<'_>, pdu: &mut Pdu) -> Option<()> {
    if reader.is_empty() {
        return Some(());
    }
    let [_, _, syntax, _] = reader.array()?;
    if syntax != 0x13 {
        pdu.anomaly(Anomaly::UnknownObject);
        return Some(());
    }
    pdu.target(Target::new(BSEND, Span::range(reader.u32_be()?, 1)));
    if reader.is_empty() {
        return Some(());
    }
    let length = reader.u16_be()?;
    pdu.quantity(length).value(Value::bytes(reader.take(length.into())?));
    Some(())
}

/// The time of a controller: a reserved byte, the century, then eight bytes.
fn clock(reader: &mut Reader<'_>, pdu: &mut Pdu) -> Option<()> {
    if reader.is_empty() {
        return Some(());
    }
    reader.skip(2)?;
    match time::nanoseconds(reader.array()?) {
        Some(nanoseconds) => {
            pdu.field(DEVICE_TIME, Value::Time(nanoseconds));
        }
        None => {
            pdu.anomaly(Anomaly::Malformed);
        }
    }
    Some(())
}
