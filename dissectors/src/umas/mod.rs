//! UMAS: how Schneider's engineering software reads, writes, programs and stops
//! Modicon controllers. It travels in Modbus function 90.
//!
//! ```text
//!  request    | key | function            | data ...     little-endian
//!  response   | key | fe done, fd refused | data ...     no function code: its request has it
//! ```
//!
//! `key` is 0 without a reservation; the answer to `take_reservation` gives the
//! one that the client then shows.
//!
//! Sources: bytes of modicon_test.pcap, a 140 CPU 311 10 and its software, frames
//! named below [V]; code lists published by several people who took the protocol
//! apart, and the variable layout of an open client [pub]. No specification is public.

mod function;
mod identity;
mod variable;

use alloc::borrow::Cow;
use alloc::vec::Vec;

use crate::anomaly::Anomaly;
use crate::dissector::{
    Context, Direction, Dissector, Frame, OffPort, Probe, Registration, Sender,
};
use crate::modbus::function as modbus;
use crate::name::Name;
use crate::operation::{Class, Operation};
use crate::pdu::{Pdu, Role, Status};
use crate::reader::{Reader, byte};
use crate::registry::ProtocolId;
use crate::sink::{Attribute, ContentKind, Sink, Subject};
use crate::target::{Space, Span, Target};
use crate::value::Value;
use function::{needs_reservation, operation, target};
use identity::{asks_for_project, identity, project};
use variable::{variable_values, variables};

crate::fields! {
    KEY "key" Integer "Reservation key shown by the sender; 0 is none.";
    RESERVATION "reservation" Integer "Reservation key that the controller gave out.";
    CLIENT_NAME "client_name" Text "Host name of the client that takes the reservation.";
    MAX_FRAME "max_frame" Integer "Longest message that the controller takes, in bytes.";
    CPU_NAME "cpu_name" Text "Name of the controller's CPU.";
    FIRMWARE "firmware" Text "Firmware version of the CPU.";
    PROJECT_NAME "project_name" Text "Name of the project in the controller.";
    PROJECT_VERSION "project_version" Integer "Version counter of the project.";
    CREATED "created" Text "When the project was created, by the engineer's clock.";
    MODIFIED "modified" Text "When the project was changed, by the engineer's clock.";
    SUBCODE "subcode" Integer "What kind of information is asked for.";
    BLOCK "block" Integer "Number of the program block, or how many there were.";
    CHECKSUM "checksum" Integer "Checksum of the project that variables belong to.";
    BYTES "bytes" Bytes "Data that is not told apart further, at most 64 bytes.";
}

/// The answer was done.
const DONE: u8 = 0xfe;
/// The answer was refused.
const REFUSED: u8 = 0xfd;
/// What a refusal is called; its numbers are not published.
const REFUSAL: Name = Name::new("refused");
/// Most that is handed over.
const MAX_PDU: usize = 1024;

/// Memory counts within a block: `mem:19:100-255`.
const MEMORY: &str = "mem:";

/// Who holds the controller, as far as this flow tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Reservation {
    /// The flow began before, or bytes were lost.
    #[default]
    NotKnown,
    /// Given back.
    Free,
    /// Taken; the client must show this key.
    Held(u8),
}

/// What is remembered of a flow.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flow {
    reservation: Reservation,
    /// Transfers of programs begun so far.
    transfers: u32,
}

/// UMAS inside Modbus function 90.
pub struct Umas;

impl Dissector for Umas {
    const REGISTRATION: Registration = Registration {
        id: ProtocolId::Umas,
        name: "umas",
        tcp: &[],
        udp: &[],
        parents: &[ProtocolId::Modbus, ProtocolId::ModbusRtu],
        max_pdu: MAX_PDU,
        resync_window: 0,
        off_port: OffPort::Never,
        open_requests: 64,
        fields: FIELDS,
    };

    type Flow = Flow;

    fn probe(_bytes: &[u8], _cx: &Context<'_>) -> Probe {
        // Without function 90 around it nothing marks it.
        Probe::No
    }

    fn frame(bytes: &[u8], _cx: &Context<'_>) -> Frame {
        match bytes.len() {
            0 | 1 => Frame::NeedBytes(2),
            n if n <= MAX_PDU => Frame::Pdu(n),
            _ => Frame::Bad(Anomaly::Oversize),
        }
    }

    fn sender(pdu: &[u8], _cx: &Context<'_>) -> Sender {
        match byte(pdu, 1) {
            Some(DONE | REFUSED) => Sender::Server,
            Some(code) if operation(code).class() != Class::Unknown => Sender::Client,
            _ => Sender::Unknown,
        }
    }

    fn decode(flow: &mut Flow, bytes: &[u8], cx: &Context<'_>, out: &mut Sink) {
        if cx.carried.code == Some(u16::from(modbus::UMAS | modbus::EXCEPTION)) {
            let (pdu, _) = begin_answer(REFUSED, cx, out);
            if cx.sender != Sender::Client {
                pdu.status(modbus::exception(byte(bytes, 0).unwrap_or(0)));
            }
            return;
        }
        let mut reader = Reader::new(bytes);
        let (Some(key), Some(code)) = (reader.u8(), reader.u8()) else { return };
        let mut found = Found::default();
        let pdu = match code {
            DONE | REFUSED => answer(flow, code, &mut reader, cx, out, &mut found),
            _ => ask(flow, key, code, &mut reader, cx, out, &mut found),
        };
        pdu.field(KEY, key);
        if found.too_short {
            pdu.anomaly(Anomaly::LengthMismatch);
        }
        found.hand_over(flow.transfers, out);
    }

    fn gap(flow: &mut Flow, _direction: Direction, _lost: Option<u32>) {
        flow.reservation = Reservation::NotKnown;
    }
}

/// What a message gives besides its PDU.
#[derive(Default)]
struct Found<'a> {
    /// It ended before its data did.
    too_short: bool,
    /// What it says about its sender: attribute, value, source, confidence.
    claims: Vec<(Attribute, Cow<'a, [u8]>, &'static str, u8)>,
    /// A part of a program: to the server, its bytes, whether it is the last.
    program: Option<(bool, &'a [u8], bool)>,
}

impl Found<'_> {
    fn hand_over(self, transfers: u32, out: &mut Sink) {
        for (attribute, value, source, confidence) in self.claims {
            out.claim(Subject::Sender, attribute, &value, source, confidence);
        }
        if let Some((to_server, bytes, last)) = self.program {
            let kind = ContentKind::Program;
            out.content(transfers.into(), kind, "program", to_server, bytes, last);
        }
    }
}

/// Begins the PDU of a request and reads its data.
fn ask<'s, 'a>(
    flow: &mut Flow,
    key: u8,
    code: u8,
    reader: &mut Reader<'a>,
    cx: &Context<'_>,
    out: &'s mut Sink,
    found: &mut Found<'a>,
) -> &'s mut Pdu {
    let operation = operation(code);
    let pdu = begin(Role::Request, code, operation, cx, out);
    pdu.target = target(code);
    if operation.class() == Class::Unknown {
        pdu.anomaly(Anomaly::UnknownFunction);
    }
    if cx.sender == Sender::Server {
        pdu.anomaly(Anomaly::RequestFromServer);
    }
    let is_held = match flow.reservation {
        Reservation::Held(held) => key == held,
        Reservation::Free => false,
        Reservation::NotKnown => key != 0,
    };
    if needs_reservation(code) && !is_held {
        pdu.anomaly(Anomaly::IllegalState);
    }
    if matches!(code, 0x30 | 0x33) {
        flow.transfers = flow.transfers.wrapping_add(1);
    }
    found.too_short = request(code, reader, pdu, found).is_none();
    pdu
}

/// Reads the data of a request. `None` where it ends too early.
fn request<'a>(
    code: u8,
    reader: &mut Reader<'a>,
    pdu: &mut Pdu,
    found: &mut Found<'a>,
) -> Option<()> {
    match code {
        0x03 => {
            pdu.field(SUBCODE, reader.u8()?);
        }
        0x10 => {
            // Four bytes not known, then the client's host name [V frame 49]. What
            // follows it on newer controllers comes from a password: not shown.
            reader.skip(4)?;
            let length = reader.u8()?;
            let name = reader.take(length.into())?;
            pdu.field(CLIENT_NAME, Value::text(name));
            found.claims.push((Attribute::Hostname, name.into(), "umas_take_reservation", 90));
        }
        // What these carry comes from a password.
        0x6d | 0x6e => {}
        0x20 | 0x21 => {
            // [V frame 25]
            reader.skip(1)?;
            let block = reader.u16_le()?;
            let offset = reader.u32_le()?;
            let count = reader.u16_le()?;
            let memory = Space::numbered(MEMORY, block.into());
            pdu.target(Target::new(memory, Span::range(offset, count.into()))).quantity(count);
            if code == 0x21 {
                pdu.field(BYTES, Value::bytes(reader.take(count.into())?));
            }
        }
        0x22 | 0x23 => variables(code, reader, pdu)?,
        0x31 => {
            // Block number, count and bytes [pub].
            reader.skip(2)?;
            pdu.field(BLOCK, reader.u16_le()?);
            let count = reader.u16_le()?;
            found.program = Some((true, reader.take(count.into())?, false));
        }
        0x32 => {
            reader.skip(2)?;
            pdu.field(BLOCK, reader.u16_le()?);
            found.program = Some((true, &[], true));
        }
        0x34 | 0x35 => {
            // [V frames 78 and 186]
            reader.skip(2)?;
            pdu.field(BLOCK, reader.u16_le()?);
        }
        _ => rest(reader, pdu),
    }
    Some(())
}

/// Begins a PDU with what Modbus knows of it.
fn begin<'s>(
    role: Role,
    code: u8,
    operation: Operation,
    cx: &Context<'_>,
    out: &'s mut Sink,
) -> &'s mut Pdu {
    let pdu = out.pdu(role, code.into(), operation);
    pdu.unit = cx.carried.unit;
    pdu.pairing_key = cx.carried.pairing_key;
    pdu
}

/// Begins the PDU of an answer with what was asked, and gives that.
fn begin_answer<'s, 'o>(
    status: u8,
    cx: &Context<'o>,
    out: &'s mut Sink,
) -> (&'s mut Pdu, Option<&'o Pdu>) {
    let key = cx.carried.pairing_key;
    let asked = key.and_then(|key| cx.request(ProtocolId::Umas, key)).map(|open| &*open.pdu);
    let operation = match (asked, status) {
        (Some(asked), _) => asked.operation,
        (None, REFUSED) => const { Operation::new("answer", Class::Exception) },
        (None, _) => const { Operation::new("answer", Class::Unknown) },
    };
    let code = asked.and_then(|asked| u8::try_from(asked.code).ok()).unwrap_or(status);
    let pdu = begin(Role::Response, code, operation, cx, out);
    if let Some(asked) = asked {
        pdu.target.clone_from(&asked.target);
        pdu.quantity = asked.quantity;
    }
    (pdu, asked)
}

/// Begins the PDU of an answer and reads its data, by the request's function.
fn answer<'s, 'a>(
    flow: &mut Flow,
    status: u8,
    reader: &mut Reader<'a>,
    cx: &Context<'_>,
    out: &'s mut Sink,
    found: &mut Found<'a>,
) -> &'s mut Pdu {
    let (pdu, asked) = begin_answer(status, cx, out);
    if cx.sender == Sender::Client {
        pdu.anomaly(Anomaly::IllegalState);
    } else if status == REFUSED {
        let code = reader.u8().unwrap_or(0).into();
        pdu.status(Status::Failed { code, name: REFUSAL });
    } else {
        pdu.status(Status::Ok);
    }
    if status == DONE
        && let Some(asked) = asked
    {
        found.too_short = response(flow, asked, reader, pdu, found).is_none();
    } else {
        rest(reader, pdu);
    }
    pdu
}

/// Reads what a done request gave. `None` where it ends too early.
fn response<'a>(
    flow: &mut Flow,
    asked: &Pdu,
    reader: &mut Reader<'a>,
    pdu: &mut Pdu,
    found: &mut Found<'a>,
) -> Option<()> {
    match asked.code {
        0x01 => {
            pdu.field(MAX_FRAME, reader.u16_le()?);
            rest(reader, pdu);
        }
        0x02 => identity(reader, pdu, found)?,
        0x03 if asks_for_project(asked) => project(reader, pdu, found)?,
        0x10 => {
            let key = reader.u8()?;
            pdu.field(RESERVATION, key);
            if pdu.status == Status::Ok {
                flow.reservation = Reservation::Held(key);
            }
        }
        0x11 => {
            if pdu.status == Status::Ok {
                flow.reservation = Reservation::Free;
            }
        }
        0x20 => {
            // [V frame 26]
            reader.skip(1)?;
            let count = reader.u16_le()?;
            if pdu.quantity.is_some_and(|quantity| quantity != count.into()) {
                pdu.anomaly(Anomaly::LengthMismatch);
            }
            pdu.field(BYTES, Value::bytes(reader.take(count.into())?));
        }
        0x22 => variable_values(reader, asked, pdu),
        0x34 => {
            // A first byte of 1 marks the last block; count and bytes [V frames 81, 185].
            let last = reader.u8()? == 1;
            reader.skip(1)?;
            let count = reader.u16_le()?;
            pdu.quantity(count);
            found.program = Some((false, reader.take(count.into())?, last));
        }
        _ => rest(reader, pdu),
    }
    Some(())
}

/// Bytes whose meaning is not known.
fn rest(reader: &mut Reader<'_>, pdu: &mut Pdu) {
    let bytes = reader.take_up_to(usize::MAX);
    if !bytes.is_empty() {
        pdu.field(BYTES, Value::bytes(bytes));
    }
}
