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
use super::fields::{
    AUTHOR, BLOCK_CHECKSUM, BLOCK_NAME, BLOCK_VERSION, CODE_LENGTH, CODE_TIME, DEVICE_TIME,
    ERROR_CODE, FAMILY, FILE_SYSTEM, INTERFACE_TIME, KNOW_HOW_PROTECTED, LANGUAGE, LOAD_LENGTH,
    LOCAL_DATA_LENGTH, MORE_FOLLOWS, OPERATING_MODE, RETURN_CODE, SEQUENCE,
};
use super::function::unconfirm;
use super::item::{self, Data};
use super::{Flow, Message, alarm, block, cyclic, programmer, status, szl, time};
use crate::anomaly::Anomaly;
use crate::dissector::{Context, Sender};
use crate::operation::{Class, Operation};
use crate::pdu::{Pdu, Role};
use crate::reader::Reader;
use crate::registry::ProtocolId;
use crate::sink::{Attribute, Sink, Subject};
use crate::target::{Space, Span, Target};
use crate::value::{Value, text};

const BLOCKS: Space = Space::new("blocks");
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

/// The code of a subscription to messages, request and answer.
const MESSAGE_SERVICE: u16 = 0x0402;

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
        (self.group as u16) << 8 | self.subfunction as u16
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
        BLOCK => match subfunction {
            1 => Operation::new("list_blocks", Class::Browse),
            2 => Operation::new("list_blocks_of_type", Class::Browse),
            3 => Operation::new("get_block_info", Class::Identify),
            _ => Operation::unknown(0x300 | subfunction as u16),
        },
        CPU => match subfunction {
            1 => Operation::new("read_szl", Class::Read),
            2 => Operation::new("message_service", Class::Subscribe),
            3 => Operation::new("diagnostic_message", Class::Read),
            5 => Operation::new("alarm_8_indication", Class::Read),
            6 => Operation::new("notify_indication", Class::Read),
            7 => Operation::new("lock_alarm", Class::AlarmConfig),
            8 => Operation::new("unlock_alarm", Class::AlarmConfig),
            9 => Operation::new("scan_indication", Class::Read),
            0x0b => Operation::new("acknowledge_alarm", Class::AlarmAck),
            0x0c => Operation::new("alarm_acknowledged_indication", Class::Read),
            0x0d => Operation::new("alarm_locked_indication", Class::AlarmConfig),
            0x0e => Operation::new("alarm_unlocked_indication", Class::AlarmConfig),
            0x11 => Operation::new("alarm_sq_indication", Class::Read),
            0x12 => Operation::new("alarm_s_indication", Class::Read),
            0x13 => Operation::new("query_alarms", Class::Read),
            0x16 => Operation::new("notify_8_indication", Class::Read),
            _ => Operation::unknown(0x400 | subfunction as u16),
        },
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
            Self::Blocks { kind } => blocks(kind),
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

/// All blocks of one type.
fn blocks(kind: [u8; 2]) -> Target {
    let name = block::block_type(kind).map_or_else(|| text(&kind), Into::into);
    Target::new(BLOCKS, Span::Named(name))
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
        .map(|open| &open.pdu)
        .filter(|request| request.code == head.code());
    let mut body = Reader::new(message.data);
    let data = Data::read(&mut body, true);
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
    let mut reader = Reader::new(bytes);
    let whole = match head.group {
        MODE => {
            if let Some(mode) = szl::mode_of_transition(head.subfunction) {
                pdu.field(OPERATING_MODE, mode);
            }
            Some(())
        }
        PROGRAMMER => programmer::read(&head, &mut reader, open, pdu),
        CYCLIC => cyclic::read(flow, &head, message.reference, &mut reader, open, pdu),
        BLOCK => block_functions(flow, &head, &mut reader, pdu),
        CPU if head.subfunction == 1 => {
            szl::read(flow, &head, bytes, out);
            return;
        }
        CPU => alarm::read(&head, &mut reader, pdu),
        PBC => block_send(&mut reader, pdu),
        CLOCK => clock(&mut reader, pdu),
        // The password stays here. Programs of a numerical control are not known well enough.
        _ => Some(()),
    };
    if whole.is_none() {
        pdu.anomaly(Anomaly::LengthMismatch);
    }
    if head.role == Role::Response && (head.sender(), cx.sender) == (Sender::Server, Sender::Client)
    {
        unconfirm(pdu);
    }
    if head.code() == MESSAGE_SERVICE && alarm::is_hmi(bytes) {
        out.claim(Subject::Sender, Attribute::Role, b"hmi", "message_service_subscriber", 60);
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
        matches!((head.group, head.subfunction), (BLOCK, _) | (CPU, 1) | (CLOCK, 1 | 3));
    match data.map(|data| data.return_code) {
        None | Some(0xff | 0x00) => {}
        Some(0x0a) if !brings_data => {}
        Some(code) => {
            pdu.status(item::return_code(code)).field(RETURN_CODE, code);
        }
    }
}

/// Lists of blocks, and what one block is.
fn block_functions(
    flow: &mut Flow,
    head: &Head,
    reader: &mut Reader<'_>,
    pdu: &mut Pdu,
) -> Option<()> {
    match (head.subfunction, head.role) {
        (1, Role::Response) => {
            while !reader.is_empty() {
                let kind = reader.array()?;
                let count = reader.u16_be()?;
                if let Some(item) = pdu.item(Some(blocks(kind))) {
                    item.quantity = Some(count.into());
                }
                pdu.value(count);
            }
        }
        (2, Role::Request) if !reader.is_empty() => {
            pdu.target(blocks(reader.array()?));
        }
        (2, Role::Request) => further_part(flow, head, pdu),
        (2, Role::Response) => {
            let kind = list_under_way(flow, head, pdu);
            let mut count = 0u32;
            while !reader.is_empty() {
                let number = reader.u16_be()?;
                reader.skip(1)?;
                let language = block::language(reader.u8()?);
                let target = kind.map(|kind| block::numbered(kind, number));
                pdu.item(target);
                pdu.value(number);
                if let Some(language) = language {
                    pdu.field(LANGUAGE, language);
                }
                count = count.saturating_add(1);
            }
            pdu.quantity(count);
        }
        (3, Role::Request) => {
            if let Some((target, memory)) = block::eight(reader.take(8)?) {
                pdu.target(target);
                if let Some(memory) = memory {
                    pdu.field(FILE_SYSTEM, memory);
                }
            } else {
                pdu.anomaly(Anomaly::Malformed);
            }
        }
        (3, Role::Response) => block_info(reader, pdu)?,
        _ => {}
    }
    Some(())
}

/// Takes the target of a request for a further part from what is under way.
pub(super) fn further_part(flow: &Flow, head: &Head, pdu: &mut Pdu) {
    if let Some(under_way) = flow.under_way.filter(|way| way.sequence == head.sequence) {
        pdu.target(under_way.parts.target());
    }
}

/// The type of the blocks in a list, remembered while further parts follow.
fn list_under_way(flow: &mut Flow, head: &Head, pdu: &mut Pdu) -> Option<[u8; 2]> {
    let before =
        flow.under_way.filter(|way| way.reference == head.reference && head.reference != 0);
    let kind = match before.map(|way| way.parts) {
        Some(Parts::Blocks { kind }) => Some(kind),
        _ => match &pdu.target {
            Some(Target { span: Span::Named(name), .. }) => block::code(name),
            _ => None,
        },
    };
    flow.under_way = match kind {
        Some(kind) if head.more => Some(UnderWay {
            sequence: head.sequence,
            reference: head.reference,
            parts: Parts::Blocks { kind },
        }),
        _ => None,
    };
    kind
}

/// What a controller says about one block.
fn block_info(reader: &mut Reader<'_>, pdu: &mut Pdu) -> Option<()> {
    // Lengths, the magic 7070, version and attributes.
    reader.skip(10)?;
    if let Some(word) = block::language(reader.u8()?) {
        pdu.field(LANGUAGE, word);
    }
    reader.skip(3)?;
    pdu.field(LOAD_LENGTH, reader.u32_be()?);
    if reader.u32_be()? == block::KNOW_HOW {
        pdu.field(KNOW_HOW_PROTECTED, true);
    }
    pdu.field(CODE_TIME, time::block_time(reader.array()?));
    pdu.field(INTERFACE_TIME, time::block_time(reader.array()?));
    reader.skip(4)?;
    pdu.field(LOCAL_DATA_LENGTH, reader.u16_be()?);
    pdu.field(CODE_LENGTH, reader.u16_be()?);
    for field in [AUTHOR, FAMILY, BLOCK_NAME] {
        let name = text(reader.take(8)?);
        if !name.is_empty() {
            pdu.field(field, Value::Text(name));
        }
    }
    let version = reader.u8()?;
    pdu.field(
        BLOCK_VERSION,
        Value::Text(alloc::format!("{}.{}", version >> 4, version & 15).into()),
    );
    reader.skip(1)?;
    pdu.field(BLOCK_CHECKSUM, reader.u16_be()?);
    Some(())
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
