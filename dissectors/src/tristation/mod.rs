//! TriStation: how the engineering software of Triconex safety controllers reads,
//! changes, runs and halts them. UDP; closed, and known since TRITON spoke it.
//!
//! ```text
//!  0      1         2        4
//!  | type | channel | length | command, of `length` bytes ... | crc |   all little-endian
//!
//!  4           5           6          7          8   10         12       14
//!  | direction | direction | function | sequence | 0 | checksum | length | data ...
//! ```
//!
//! `crc` is CRC-16/ARC of everything before it. `checksum` is the length and the sum of
//! all bytes of the command but its own, 16 bits; the second length counts from the
//! direction on, as the first does. Requests have two zeros as direction, answers two
//! ones: what is published as the number of a connection never differed from it. An
//! answer has the channel and sequence of its request and a number of its own.
//! All of that holds in each of the 896 messages of the capture named below [V].
//!
//! This file frames, pairs and names messages; [`function`] knows the numbers,
//! [`program`] reads programs on their way, [`state`] what a controller says of itself.
//!
//! Sources: bytes of triton_malware_exec_nozomi_bsd3.pcap, TRITON and a Tricon 3008,
//! frames named below [V]; names and layouts published by people who took the protocol
//! or the malware apart [pub]. No specification is public.

pub(crate) mod function;
pub(crate) mod program;
pub(crate) mod state;

use crate::anomaly::Anomaly;
use crate::crc::crc_16;
use crate::dissector::{
    Context, Dissector, Frame, OffPort, Probe, Registration, Sender, Transport,
};
use crate::operation::{Class, Operation};
use crate::pdu::{Pdu, Role, Status};
use crate::reader::{Reader, byte};
use crate::registry::ProtocolId;
use crate::sink::Sink;
use crate::value::Value;
use program::{Content, Kind, Piece, Transfer};
use state::Told;

crate::fields! {
    CHANNEL "channel" Integer "Channel of the connection.";
    SEQUENCE "sequence" Integer "Sequence number of the command.";
    REPLY "reply" Text "Name of the answer.";
    REPLY_CODE "reply_code" Integer "Number of the answer.";
    PROGRAM_ID "program_id" Integer "Number of the program or function that is transferred.";
    PROGRAM_NEXT "program_next" Integer "Number of the program that is to run after it.";
    PROGRAM_SIZE "program_size" Integer "Length of the whole program or function, in bytes.";
    PROGRAM_OFFSET "program_offset" Integer "Where in it this piece stands, in bytes.";
    SIGNATURE_MATCH "signature_match" Bool "Whether the whole program carries the mark by which TRITON knows its own code; told with its last piece.";
    KNOWN_CODE "known_code" Text "What is known of the code that the program begins with: triton_implant, triton_clean_up.";
    PROJECT_NAME "project_name" Text "Name of the project.";
    PROJECT_VERSION "project_version" Text "Major and minor version of the project.";
    PROJECT_TIME "project_time" Time "When the project was built.";
    FUNCTION_COUNT "function_count" Integer "Functions of the project.";
    PROGRAM_COUNT "program_count" Integer "Programs of the project.";
    KEY_STATE "key_state" Text "Position of the key switch: stop, program, run, remote.";
    RUN_STATE "run_state" Text "State of the control program: running, halted, paused.";
    LOAD_STATE "load_state" Integer "How far a download is, as the controller counts it.";
    SINGLE_SCAN "single_scan" Bool "Whether the control program runs scan by scan.";
    CP_VALID "cp_valid" Bool "Whether the control program is valid.";
    MODEL "model" Text "Generation of the controller.";
    SERIAL "serial" Text "Serial number of the controller.";
    MODULES "modules" Text "Modules by slot.";
    BYTES "bytes" Bytes "Data that is not told apart further, at most 64 bytes.";
}

/// Type, channel and length.
const HEADER: usize = 4;
/// The checksum at the end.
const CRC: usize = 2;
/// What comes before the data of a command.
const COMMAND: usize = 10;
/// Around the command.
const AROUND: usize = HEADER + CRC;
/// Longest message that is framed. A controller sends 1 050 bytes at most [V]; a
/// datagram of one Ethernet frame holds 1 472.
const MAX_PDU: usize = 2048;

/// Types of messages [pub; 1 to 5 V].
const CONNECT: u8 = 1;
const CONNECTED: u8 = 2;
const DISCONNECTED: u8 = 3;
const DISCONNECT: u8 = 4;
const A_COMMAND: u8 = 5;
const PING: u8 = 6;
/// The highest type that has a name.
const LAST_TYPE: u8 = 11;

/// The client speaks.
const REQUEST: u8 = 0;
/// The controller speaks.
const ANSWER: u8 = 1;

/// Pairing keys of what is no command: above every channel and sequence.
const KEY_OF_CONNECT: u64 = 1 << 16;
const KEY_OF_DISCONNECT: u64 = 2 << 16;
const KEY_OF_PING: u64 = 3 << 16;

/// What is remembered of a flow.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flow {
    /// Channel and sequence of the latest command.
    asked: Option<(u8, u8)>,
    /// Transfers of programs begun so far.
    transfers: u32,
    /// What goes to the controller.
    download: Transfer,
    /// What comes from it.
    upload: Transfer,
}

/// TriStation.
pub struct Tristation;

impl Dissector for Tristation {
    const REGISTRATION: Registration = Registration {
        id: ProtocolId::Tristation,
        name: "tristation",
        tcp: &[],
        udp: &[1502],
        parents: &[],
        max_pdu: MAX_PDU,
        resync_window: 0,
        off_port: OffPort::Strong,
        open_requests: 32,
        fields: FIELDS,
    };

    // How often somebody asks for the state tells a workstation from TRITON.
    const SINGLY: &'static [u16] = &[function::GET_CP_STATUS as u16];

    type Flow = Flow;

    fn probe(bytes: &[u8], cx: &Context<'_>) -> Probe {
        if cx.transport != Transport::Udp || end(bytes) != Some(bytes.len()) || !is_sound(bytes) {
            return Probe::No;
        }
        let command = command(bytes);
        let fits = match byte(bytes, 0) {
            Some(A_COMMAND) => {
                let mut reader = Reader::new(command);
                let ends = matches!(reader.array(), Some([REQUEST, REQUEST] | [ANSWER, ANSWER]));
                ends && reader.skip(6).is_some()
                    && reader.u16_le().map(usize::from) == Some(command.len())
            }
            Some(CONNECT..=LAST_TYPE) => command.is_empty(),
            _ => false,
        };
        if fits { Probe::Strong } else { Probe::No }
    }

    fn frame(bytes: &[u8], _cx: &Context<'_>) -> Frame {
        match end(bytes) {
            None => Frame::Bad(Anomaly::LengthMismatch),
            Some(end) if end > MAX_PDU => Frame::Bad(Anomaly::Oversize),
            _ if !matches!(byte(bytes, 0), Some(CONNECT..=LAST_TYPE)) => {
                Frame::Bad(Anomaly::IllegalType)
            }
            Some(end) if end <= bytes.len() => Frame::Pdu(end),
            // A datagram that was cut: decode names what is missing.
            Some(_) => Frame::Pdu(bytes.len()),
        }
    }

    fn sender(message: &[u8], _cx: &Context<'_>) -> Sender {
        if !is_sound(message) {
            return Sender::Unknown;
        }
        match (byte(message, 0), byte(message, 4)) {
            (Some(CONNECT | DISCONNECT), _) | (Some(A_COMMAND), Some(REQUEST)) => Sender::Client,
            (Some(CONNECTED | DISCONNECTED), _) | (Some(A_COMMAND), Some(ANSWER)) => Sender::Server,
            (Some(7..=LAST_TYPE), _) => Sender::Server,
            _ => Sender::Unknown,
        }
    }

    fn decode(flow: &mut Flow, message: &[u8], cx: &Context<'_>, out: &mut Sink) {
        let mut reader = Reader::new(message);
        let (Some(kind), Some(channel), Some(length)) = (reader.u8(), reader.u8(), reader.u16_le())
        else {
            return;
        };
        let mut found = Found::default();
        let whole = usize::from(length).saturating_add(AROUND) == message.len();
        let command = if whole { command(message) } else { reader.rest() };
        // Of a message that is too short for it, the checksum is no part of a head.
        let has_head = usize::from(length) >= COMMAND;
        let pdu = if kind == A_COMMAND && has_head {
            decode_command(flow, channel, command, cx, out, &mut found)
        } else if kind == A_COMMAND {
            headless(command, out, &mut found)
        } else {
            let pdu = decode_connection(flow, kind, cx, out);
            if !command.is_empty() {
                pdu.anomaly(Anomaly::TrailingBytes);
                pdu.field(BYTES, Value::bytes(command));
            }
            pdu
        };
        pdu.field(CHANNEL, channel);
        if !whole || found.too_short {
            pdu.anomaly(Anomaly::LengthMismatch);
        }
        if whole && (!is_sound(message) || found.unsound) {
            pdu.anomaly(Anomaly::BadChecksum);
        }
        if let Some((to_server, content)) = found.content {
            content.hand_over(to_server, out);
        }
        found.told.hand_over(out);
    }
}

/// Where the message ends that `bytes` begin with; `None` where they are too few.
fn end(bytes: &[u8]) -> Option<usize> {
    let mut reader = Reader::new(bytes);
    reader.skip(2)?;
    let length = usize::from(reader.u16_le()?);
    (bytes.len() >= AROUND).then_some(length.saturating_add(AROUND))
}

/// Whether the last two bytes are the checksum of the others.
fn is_sound(message: &[u8]) -> bool {
    message.len() >= AROUND && message.iter().fold(0, |crc, byte| crc_16(crc, *byte)) == 0
}

/// What stands between header and checksum.
fn command(message: &[u8]) -> &[u8] {
    message.get(HEADER..message.len().saturating_sub(CRC)).unwrap_or_default()
}

/// The checksum of a command: its length, and the sum of its bytes but the checksum's.
fn sum(command: &[u8]) -> u16 {
    let length = u16::try_from(command.len()).unwrap_or(u16::MAX);
    let bytes = command.iter().enumerate().filter(|(at, _)| !matches!(at, 6 | 7));
    bytes.fold(length, |sum, (_, byte)| sum.wrapping_add(u16::from(*byte)))
}

/// What a message gives besides its PDU.
#[derive(Default)]
struct Found<'a> {
    /// It ended before its data did.
    too_short: bool,
    /// The checksum of the command is wrong.
    unsound: bool,
    /// A piece of a program, and whether it goes to the controller.
    content: Option<(bool, Content<'a>)>,
    /// What it says about the controller.
    told: Told,
}

/// Reads a message that opens, closes or tries a connection, or refuses it.
fn decode_connection<'s>(
    flow: &mut Flow,
    kind: u8,
    cx: &Context<'_>,
    out: &'s mut Sink,
) -> &'s mut Pdu {
    const CONNECT_OPERATION: Operation = Operation::new("connect", Class::SessionOpen);
    const DISCONNECT_OPERATION: Operation = Operation::new("disconnect", Class::SessionClose);
    const PING_OPERATION: Operation = Operation::new("ping", Class::Keepalive);
    const REFUSAL: Operation = Operation::new("connection_refused", Class::Exception);
    if kind == CONNECT {
        flow.asked = None;
    }
    let open = |key| cx.request(ProtocolId::Tristation, key).is_some();
    let (role, operation, key, status) = match kind {
        CONNECT => (Role::Request, CONNECT_OPERATION, Some(KEY_OF_CONNECT), Status::None),
        CONNECTED => (Role::Response, CONNECT_OPERATION, Some(KEY_OF_CONNECT), Status::Ok),
        DISCONNECT => (Role::Request, DISCONNECT_OPERATION, Some(KEY_OF_DISCONNECT), Status::None),
        DISCONNECTED => (Role::Response, DISCONNECT_OPERATION, Some(KEY_OF_DISCONNECT), Status::Ok),
        // A ping is answered by a ping.
        PING if open(KEY_OF_PING) || cx.sender == Sender::Server => {
            (Role::Response, PING_OPERATION, Some(KEY_OF_PING), Status::Ok)
        }
        PING => (Role::Request, PING_OPERATION, Some(KEY_OF_PING), Status::None),
        _ => {
            let status = Status::failed(kind.into(), refusal(kind));
            let asked = cx.open.iter().find(|open| {
                open.pdu.protocol == ProtocolId::Tristation && open.direction != cx.direction
            });
            let operation = asked.map_or(REFUSAL, |open| open.pdu.operation);
            (Role::Response, operation, asked.and_then(|open| open.pdu.pairing_key), status)
        }
    };
    let pdu = out.pdu(role, kind.into(), operation);
    pdu.pairing_key = key;
    pdu.status(status);
    note_wrong_side(pdu, cx);
    pdu
}

/// Why there is no connection, by the type of the message [pub].
const fn refusal(kind: u8) -> &'static str {
    match kind {
        7 => "connection_limit_reached",
        8 => "not_connected",
        9 => "main_processors_dead",
        10 => "access_denied",
        11 => "connection_failed",
        _ => "unknown_type",
    }
}

/// Notes that the other side must have sent this; then it confirms nothing.
fn note_wrong_side(pdu: &mut Pdu, cx: &Context<'_>) {
    match (pdu.role, cx.sender) {
        (Role::Request, Sender::Server) => {
            pdu.anomaly(Anomaly::RequestFromServer);
        }
        (Role::Response, Sender::Client) => {
            pdu.anomaly(Anomaly::IllegalState);
            pdu.status(Status::None);
        }
        _ => {}
    }
}

/// Reads a command or its answer.
fn decode_command<'s, 'a>(
    flow: &mut Flow,
    channel: u8,
    command: &'a [u8],
    cx: &Context<'_>,
    out: &'s mut Sink,
    found: &mut Found<'a>,
) -> &'s mut Pdu {
    let mut reader = Reader::new(command);
    let Some([direction, _, number, sequence]) = reader.array() else {
        return headless(command, out, found);
    };
    let key = u64::from(channel) << 8 | u64::from(sequence);
    let is_answer = direction == ANSWER;
    let pdu = if is_answer {
        begin_answer(number, key, cx, out)
    } else {
        begin_request(flow, number, (channel, sequence), cx, out)
    };
    pdu.pairing_key(key).field(SEQUENCE, sequence);
    note_wrong_side(pdu, cx);
    if direction > ANSWER {
        pdu.anomaly(Anomaly::IllegalType);
    }
    let head = (reader.skip(2), reader.u16_le(), reader.u16_le());
    let (Some(()), Some(checksum), Some(length)) = head else {
        found.too_short = true;
        return pdu;
    };
    found.too_short = usize::from(length) != command.len();
    found.unsound = !found.too_short && sum(command) != checksum;
    let read = if is_answer {
        read_answer(flow, number, &mut reader, pdu, found)
    } else {
        read_request(flow, number, &mut reader, pdu, found)
    };
    found.too_short |= read.is_none();
    pdu
}

/// A command that ends before its function does.
fn headless<'s>(command: &[u8], out: &'s mut Sink, found: &mut Found<'_>) -> &'s mut Pdu {
    found.too_short = true;
    let pdu = out.pdu(Role::Unknown, A_COMMAND.into(), Operation::unknown(A_COMMAND.into()));
    if !command.is_empty() {
        pdu.field(BYTES, Value::bytes(command));
    }
    pdu
}

fn begin_request<'s>(
    flow: &mut Flow,
    number: u8,
    asked: (u8, u8),
    cx: &Context<'_>,
    out: &'s mut Sink,
) -> &'s mut Pdu {
    let operation = function::operation(number);
    let pdu = out.pdu(Role::Request, number.into(), operation);
    if operation.class() == Class::Unknown {
        pdu.anomaly(Anomaly::UnknownFunction);
    }
    if cx.sender != Sender::Server {
        // The number after 255 is 1 [V frame 509].
        if let Some((channel, last)) = flow.asked
            && channel == asked.0
            && !matches!(asked.1.wrapping_sub(last), 0 | 1)
            && !(last == u8::MAX && asked.1 == 1)
        {
            pdu.anomaly(Anomaly::SequenceGap);
        }
        flow.asked = Some(asked);
    }
    pdu
}

/// Begins the PDU of an answer: it does what its request asked for, or, where that
/// was not seen, what such an answer is given to.
fn begin_answer<'s>(number: u8, key: u64, cx: &Context<'_>, out: &'s mut Sink) -> &'s mut Pdu {
    let asked = cx.request(ProtocolId::Tristation, key).map(|open| &*open.pdu);
    let (name, functions) = function::reply(number).unwrap_or(("", &[]));
    let status = function::status(number, None);
    let operation = match (asked, functions) {
        (Some(asked), _) => asked.operation,
        (None, [first, ..]) => function::operation(*first),
        (None, []) if status.is_failure() => const { Operation::new("answer", Class::Exception) },
        (None, []) => Operation::unknown(number.into()),
    };
    let pdu = out.pdu(Role::Response, number.into(), operation);
    pdu.status(status).field(REPLY_CODE, number);
    if name.is_empty() {
        if !status.is_failure() {
            pdu.anomaly(Anomaly::UnknownFunction);
        }
    } else {
        pdu.field(REPLY, name);
    }
    if let Some(asked) = asked {
        pdu.target.clone_from(&asked.target);
        let fits = functions.iter().any(|function| asked.code == u16::from(*function));
        if !functions.is_empty() && !fits {
            pdu.anomaly(Anomaly::IllegalType);
        }
    }
    pdu
}

/// Reads the data of a request. `None` where it ends too early.
fn read_request<'a>(
    flow: &mut Flow,
    number: u8,
    reader: &mut Reader<'a>,
    pdu: &mut Pdu,
    found: &mut Found<'a>,
) -> Option<()> {
    match number {
        function::START_DOWNLOAD_CHANGE => state::announced_change(reader, pdu)?,
        function::ALLOCATE_PROGRAM | function::ALLOCATE_FUNCTION => {
            let kind =
                if number == function::ALLOCATE_PROGRAM { Kind::Program } else { Kind::Function };
            let piece = Piece::read(kind, reader, pdu)?;
            if let Some(piece) = piece {
                let to = (&mut flow.download, &mut flow.transfers);
                found.content =
                    program::follow(to.0, to.1, piece, pdu).map(|content| (true, content));
            }
        }
        function::UPLOAD_PROGRAM | function::UPLOAD_FUNCTION => {
            // Number, four bytes not known, offset in words [V frames 5, 59].
            let kind =
                if number == function::UPLOAD_PROGRAM { Kind::Program } else { Kind::Function };
            let id = reader.u16_le()?;
            reader.skip(4)?;
            let offset = u32::from(reader.u16_le()?).saturating_mul(4);
            pdu.target(kind.target(id));
            pdu.field(PROGRAM_ID, id).field(PROGRAM_OFFSET, offset);
        }
        _ => {}
    }
    rest(reader, pdu);
    Some(())
}

/// Reads the data of an answer. `None` where it ends too early.
fn read_answer<'a>(
    flow: &mut Flow,
    number: u8,
    reader: &mut Reader<'a>,
    pdu: &mut Pdu,
    found: &mut Found<'a>,
) -> Option<()> {
    match number {
        function::REJECTED => {
            let reason = reader.u8()?;
            // From the client's side it refuses nothing.
            if pdu.status.is_failure() {
                pdu.status(function::status(number, Some(reason)));
            }
            rest(reader, pdu);
        }
        function::PROGRAM_UPLOADED | function::FUNCTION_UPLOADED => {
            let kind =
                if number == function::PROGRAM_UPLOADED { Kind::Program } else { Kind::Function };
            if let Some(piece) = Piece::read(kind, reader, pdu)? {
                let from = (&mut flow.upload, &mut flow.transfers);
                found.content =
                    program::follow(from.0, from.1, piece, pdu).map(|content| (false, content));
            }
            rest(reader, pdu);
        }
        function::CP_STATUS
        | function::CHASSIS_STATUS
        | function::MODULE_VERSIONS
        | function::ATTACHED => state::read(number, reader.rest(), pdu, &mut found.told)?,
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
