//! TPKT and COTP class 0: who opens which ISO transport connection, and what it carries.
//!
//! ```text
//!  0    1    2         4    5
//!  | 03 | 00 | length  | li | type | ...          big-endian; length counts all of it
//!  DT      li 2, f0, end of message 0x80 | number, user data
//!  CR, CC  li n, e0 / d0, destination reference, source reference, class, parameters
//!  DR      li n, 80, destination reference, source reference, reason, parameters
//!  ER      li n, 70, destination reference, cause, parameters
//!          parameter: code, length, value; c0 TPDU size, c1 calling TSAP, c2 called TSAP
//! ```
//!
//! S7comm, S7comm-plus, MMS and RDP all run over it, so a connection alone is
//! only a sign on port 102; elsewhere it waits for the S7 message that shows whose it is.
//!
//! Sources: RFC 1006, 6 (TPKT); ITU-T X.224 / ISO 8073, 13 (TPDUs), 13.3.4 (parameters),
//! 13.5.3 (reasons), 13.12.3 (causes). Numbered TSAPs of S7: bytes of captures.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt::Write as _;

use crate::anomaly::Anomaly;
use crate::dissector::{
    Context, Direction, Dissector, Frame, OffPort, Probe, Registration, Sender, Transport,
};
use crate::operation::{Class, Operation};
use crate::pdu::{Pdu, Role, Status};
use crate::reader::{Reader, byte, u16_be_at};
use crate::registry::ProtocolId;
use crate::s7comm;
use crate::sink::{Attribute, Carried, Part, Sink, Subject};
use crate::value::{Value, text};

crate::fields! {
    SOURCE_REFERENCE "source_reference" Integer "Reference of the connection at the sender.";
    DESTINATION_REFERENCE "destination_reference" Integer "Reference of the connection at the receiver; 0 where it has none yet.";
    CALLING_TSAP "source_tsap" Text "Transport selector of the caller: text, or its bytes as in 01.02.";
    CALLED_TSAP "destination_tsap" Text "Transport selector of the called side: text, or its bytes as in 01.02.";
    TPDU_SIZE "tpdu_size" Integer "Longest TPDU in bytes that the sender proposes or accepts.";
    TRANSPORT_CLASS "class" Integer "Transport class, 0 to 4.";
    REASON "reason" Text "Why a connection was closed or a TPDU rejected.";
    CONNECTION_TYPE "connection_type" Text "What a numbered S7 selector asks for: pg (programming device), op (operator panel) or other.";
    RACK "rack" Integer "Rack that a numbered S7 selector addresses.";
    SLOT "slot" Integer "Slot that a numbered S7 selector addresses.";
}

/// Bytes of the TPKT header.
const TPKT: usize = 4;
/// Shortest packet: TPKT header and a DT without user data.
const SHORTEST: usize = 7;
/// The port of ISO transport over TCP.
const PORT: u16 = 102;

/// What joins the answer to a connection request: a TCP connection carries one
/// transport connection, and some stacks answer with another reference.
const CONNECTION: u64 = 0;

/// TPDU types; the low four bits of the others carry a credit.
const CR: u8 = 0xe0;
const CC: u8 = 0xd0;
const DR: u8 = 0x80;
const DC: u8 = 0xc0;
const DT: u8 = 0xf0;
const ER: u8 = 0x70;
const ED: u8 = 0x10;

const OPEN_CONNECTION: Operation = Operation::new("open_connection", Class::SessionOpen);
const CLOSE_CONNECTION: Operation = Operation::new("close_connection", Class::SessionClose);
const REPORT_ERROR: Operation = Operation::new("report_error", Class::SessionClose);
const EXPEDITED_DATA: Operation = Operation::new("expedited_data", Class::Unknown);

/// One TPKT packet, taken apart.
#[derive(Clone, Copy)]
struct Tpdu<'a> {
    kind: u8,
    /// What follows the type within the header.
    header: &'a [u8],
    user_data: &'a [u8],
}

impl<'a> Tpdu<'a> {
    /// `None` where the header runs past the packet.
    fn read(packet: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(packet.get(TPKT..)?);
        let length = reader.u8()?;
        let mut header = Reader::new(reader.take(length.into())?);
        let kind = header.u8()? & 0xf0;
        Some(Self { kind, header: header.rest(), user_data: reader.rest() })
    }

    /// Whether a DT ends its message.
    fn ends_message(&self) -> bool {
        byte(self.header, 0).is_some_and(|number| number & 0x80 != 0)
    }
}

/// Why a connection was refused or closed.
const fn reason(code: u8) -> Status {
    let name = match code {
        0 => "reason_not_specified",
        1 => "congestion_at_tsap",
        2 => "session_entity_not_attached",
        3 => "address_unknown",
        128 => "normal_disconnect",
        129 => "remote_congestion",
        130 => "negotiation_failed",
        131 => "duplicate_source_reference",
        132 => "mismatched_references",
        133 => "protocol_error",
        135 => "reference_overflow",
        136 => "connection_refused",
        138 => "invalid_header_length",
        _ => "unknown_reason",
    };
    Status::failed(code as u32, name)
}

/// Why a TPDU was rejected.
const fn cause(code: u8) -> Status {
    let name = match code {
        0 => "reason_not_specified",
        1 => "invalid_parameter_code",
        2 => "invalid_tpdu_type",
        3 => "invalid_parameter_value",
        _ => "unknown_cause",
    };
    Status::failed(code as u32, name)
}

/// A selector as text where it is text, else its bytes as `01.02`.
fn selector(bytes: &[u8]) -> Box<str> {
    if !bytes.is_empty() && bytes.iter().all(|b| matches!(b, 0x20..=0x7e)) {
        return text(bytes);
    }
    let mut out = String::new();
    for (n, b) in bytes.iter().take(32).enumerate() {
        let _ = write!(out, "{}{b:02x}", if n == 0 { "" } else { "." });
    }
    out.into_boxed_str()
}

/// What the numbered selector of an S7 controller asks for: the kind of
/// connection, then rack (3 bits) and slot (5 bits).
fn numbered(selector: &[u8]) -> Option<(&'static str, u8, u8)> {
    let [kind, place] = *selector else { return None };
    let kind = match kind {
        1 => "pg",
        2 => "op",
        3 => "other",
        _ => return None,
    };
    Some((kind, place >> 5, place & 0x1f))
}

/// What a connection's opening says about the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    ProgrammingDevice,
    OperatorPanel,
    EngineeringSystem,
    Hmi,
}

impl Caller {
    fn of(called: &[u8]) -> Option<Self> {
        match called {
            b"SIMATIC-ROOT-ES" => Some(Self::EngineeringSystem),
            b"SIMATIC-ROOT-HMI" => Some(Self::Hmi),
            _ => match numbered(called)?.0 {
                "pg" => Some(Self::ProgrammingDevice),
                "op" => Some(Self::OperatorPanel),
                _ => None,
            },
        }
    }

    /// The role it speaks for, and how far: most libraries call as programming
    /// device, whatever they are.
    const fn claim(self) -> (&'static [u8], u8) {
        match self {
            Self::ProgrammingDevice => (b"engineering_station", 20),
            Self::OperatorPanel => (b"hmi", 40),
            Self::EngineeringSystem => (b"engineering_station", 60),
            Self::Hmi => (b"hmi", 60),
        }
    }
}

/// What is remembered of a transport connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flow {
    /// Whether a message is unfinished, from A to B and back.
    unfinished: [bool; 2],
    /// The caller's reference, once the opening was seen and nothing was lost since.
    opened: Option<u16>,
    /// What the opening said, until an S7 message from the caller bears it out.
    caller: Option<(Direction, Caller)>,
}

impl Flow {
    fn unfinished(&mut self, direction: Direction) -> &mut bool {
        let [forth, back] = &mut self.unfinished;
        match direction {
            Direction::AToB => forth,
            Direction::BToA => back,
        }
    }
}

/// Reads the parameters of a CR or CC, giving the called selector.
fn parameters<'a>(bytes: &'a [u8], pdu: &mut Pdu) -> Option<&'a [u8]> {
    let mut called = None;
    let mut reader = Reader::new(bytes);
    while !reader.is_empty() {
        let (Some(code), Some(length)) = (reader.u8(), reader.u8()) else {
            pdu.anomaly(Anomaly::LengthMismatch);
            break;
        };
        let Some(value) = reader.take(length.into()) else {
            pdu.anomaly(Anomaly::LengthMismatch);
            break;
        };
        match (code, value) {
            (0xc0, [exponent @ 7..=13]) => {
                pdu.field(TPDU_SIZE, 1u32 << exponent);
            }
            (0xc0, _) => {
                pdu.anomaly(Anomaly::Malformed);
            }
            (0xc1, _) => {
                pdu.field(CALLING_TSAP, Value::Text(selector(value)));
            }
            (0xc2, _) => {
                pdu.field(CALLED_TSAP, Value::Text(selector(value)));
                called = Some(value);
            }
            _ => {}
        }
    }
    if let Some((kind, rack, slot)) = called.and_then(numbered) {
        pdu.field(CONNECTION_TYPE, kind).field(RACK, rack).field(SLOT, slot);
    }
    called
}

/// Reads a CR or CC.
fn opening(flow: &mut Flow, tpdu: &Tpdu<'_>, cx: &Context<'_>, out: &mut Sink) {
    let role = if tpdu.kind == CR { Role::Request } else { Role::Response };
    let pdu = out.pdu(role, tpdu.kind.into(), OPEN_CONNECTION);
    pdu.pairing_key(CONNECTION);
    if role == Role::Response {
        pdu.status(Status::Ok);
    }
    let mut reader = Reader::new(tpdu.header);
    let (Some(destination), Some(source), Some(class)) =
        (reader.u16_be(), reader.u16_be(), reader.u8())
    else {
        pdu.anomaly(Anomaly::LengthMismatch);
        return;
    };
    pdu.field(SOURCE_REFERENCE, source)
        .field(DESTINATION_REFERENCE, destination)
        .field(TRANSPORT_CLASS, class >> 4);
    let called = parameters(reader.rest(), pdu);
    if role == Role::Request {
        flow.opened = Some(source);
        flow.caller = called.and_then(Caller::of).map(|caller| (cx.direction, caller));
    } else if flow.opened.is_some_and(|reference| reference != destination) {
        pdu.anomaly(Anomaly::ValueMismatch);
    }
}

/// Reads a DR, DC or ER. One that ends a connection request answers it. Else it
/// is an event: class 0 confirms no disconnect, though some stacks do.
fn ending(tpdu: &Tpdu<'_>, cx: &Context<'_>, out: &mut Sink) {
    let mut reader = Reader::new(tpdu.header);
    let destination = reader.u16_be();
    let source = if tpdu.kind == ER { None } else { reader.u16_be() };
    let why = match tpdu.kind {
        DR => reader.u8().map(reason),
        ER => reader.u8().map(cause),
        _ => None,
    };
    let open = cx.request(ProtocolId::Cotp, CONNECTION).map(|open| &open.pdu);
    let (role, operation) = match (open, tpdu.kind) {
        (Some(open), _) => (Role::Response, open.operation),
        (None, ER) => (Role::Event, REPORT_ERROR),
        (None, _) => (Role::Event, CLOSE_CONNECTION),
    };
    let pdu = out.pdu(role, tpdu.kind.into(), operation);
    if let Some(destination) = destination {
        pdu.field(DESTINATION_REFERENCE, destination);
    }
    if role == Role::Response {
        pdu.pairing_key(CONNECTION);
    }
    if let Some(source) = source {
        pdu.field(SOURCE_REFERENCE, source);
    }
    match why.and_then(|why| Some((why, why.as_str()?))) {
        Some((why, _)) if role == Role::Response => {
            pdu.status(why);
        }
        Some((_, word)) => {
            pdu.field(REASON, word);
        }
        None if tpdu.kind == DC && source.is_some() => {}
        None => {
            pdu.anomaly(Anomaly::LengthMismatch);
        }
    }
}

/// Hands a whole message to the protocol that it begins with. `message` is
/// what this call to the dissector was given.
fn hand_on(flow: &mut Flow, message: &[u8], part: &[u8], cx: &Context<'_>, out: &mut Sink) {
    let plus = s7comm::plus::is_message(part);
    // MMS and TLS are not read yet.
    if !plus && byte(part, 0) != Some(s7comm::PROTOCOL) {
        return;
    }
    if let Some((direction, caller)) = flow.caller
        && direction == cx.direction
    {
        let (role, confidence) = caller.claim();
        out.claim(Subject::Sender, Attribute::Role, role, "cotp_destination_tsap", confidence);
        flow.caller = None;
    }
    if plus {
        s7comm::plus::claim(part, out);
        return;
    }
    let pairing_key = flow.opened.map(|_| CONNECTION);
    let carried = Carried { pairing_key, ..Carried::default() };
    out.child(ProtocolId::S7comm, message, part, carried);
}

/// Whether `packet`, a whole TPKT packet or its front, carries exactly one S7
/// message. `None` where there are too few bytes to tell.
fn is_s7(packet: &[u8]) -> Option<bool> {
    let fixed = packet.get(..packet.len().min(SHORTEST))?;
    for (expected, found) in [3, 0].iter().zip(fixed) {
        if expected != found {
            return Some(false);
        }
    }
    for (expected, found) in [2, DT].iter().zip(fixed.get(TPKT..).unwrap_or_default()) {
        if expected != found {
            return Some(false);
        }
    }
    if byte(packet, 6).is_some_and(|number| number & 0x80 == 0) {
        return Some(false);
    }
    let length = usize::from(u16_be_at(packet, 2)?);
    let message = packet.get(SHORTEST..)?;
    s7comm::length(message).map(|expected| expected == length.checked_sub(SHORTEST))
}

/// Whether the front of a packet is that of a CR or of what answers it, as far as it is there:
/// the header takes all of the packet.
fn is_begun_opening(front: &[u8]) -> bool {
    let length = u16_be_at(front, 2).and_then(|length| length.checked_sub(5));
    let header = byte(front, 4).is_none_or(|own| Some(u16::from(own)) == length);
    header && byte(front, 5).is_none_or(|kind| matches!(kind & 0xf0, CR | CC | DR))
}

/// Whether `packet` is a CR or CC whose lengths are exact.
fn is_opening(packet: &[u8]) -> bool {
    let Some(tpdu) = Tpdu::read(packet) else { return false };
    if !matches!(tpdu.kind, CR | CC) || !tpdu.user_data.is_empty() || tpdu.header.len() < 5 {
        return false;
    }
    let mut reader = Reader::new(tpdu.header.get(5..).unwrap_or_default());
    while !reader.is_empty() {
        let Some(0xc0..=0xcf | 0xf0) = reader.u8() else { return false };
        if reader.u8().and_then(|length| reader.skip(length.into())).is_none() {
            return false;
        }
    }
    true
}

/// TPKT and COTP.
pub struct Cotp;

impl Dissector for Cotp {
    const REGISTRATION: Registration = Registration {
        id: ProtocolId::Cotp,
        name: "cotp",
        tcp: &[PORT],
        udp: &[],
        parents: &[],
        max_pdu: u16::MAX as usize,
        resync_window: 4096,
        off_port: OffPort::Strong,
        open_requests: 32,
        fields: FIELDS,
    };

    const CARRIER: bool = true;

    type Flow = Flow;

    fn probe(bytes: &[u8], cx: &Context<'_>) -> Probe {
        let mut packet = bytes;
        // A sender may begin with data units that carry nothing and end nothing.
        while let Some(rest) = packet.strip_prefix(&[3, 0, 0, 7, 2, DT, 0]) {
            packet = rest;
        }
        match is_s7(packet) {
            None => return Probe::NeedMore,
            Some(true) => return Probe::Strong,
            Some(false) => {}
        }
        if cx.transport != Transport::Tcp {
            return Probe::No;
        }
        match Self::frame(packet, cx) {
            Frame::NeedBytes(_) if is_begun_opening(packet) => Probe::NeedMore,
            Frame::Pdu(end) if is_opening(packet.get(..end).unwrap_or_default()) => Probe::Weak,
            _ => Probe::No,
        }
    }

    fn frame(bytes: &[u8], _cx: &Context<'_>) -> Frame {
        if byte(bytes, 0).is_some_and(|version| version != 3) {
            return Frame::Bad(Anomaly::Version);
        }
        if byte(bytes, 1).is_some_and(|reserved| reserved != 0) {
            return Frame::Bad(Anomaly::ReservedBits);
        }
        let Some(length) = u16_be_at(bytes, 2).map(usize::from) else {
            return Frame::NeedBytes(TPKT);
        };
        if length < SHORTEST {
            Frame::Bad(Anomaly::LengthMismatch)
        } else if length <= bytes.len() {
            Frame::Pdu(length)
        } else {
            Frame::NeedBytes(length)
        }
    }

    fn sender(packet: &[u8], _cx: &Context<'_>) -> Sender {
        match Tpdu::read(packet) {
            Some(Tpdu { kind: CR, .. }) => Sender::Client,
            Some(Tpdu { kind: CC, .. }) => Sender::Server,
            Some(Tpdu { kind: DT, user_data, .. }) if is_s7(packet) == Some(true) => {
                s7comm::sender(user_data)
            }
            _ => Sender::Unknown,
        }
    }

    fn decode(flow: &mut Flow, packet: &[u8], cx: &Context<'_>, out: &mut Sink) {
        let Some(tpdu) = Tpdu::read(packet) else {
            let code = byte(packet, 5).unwrap_or(0);
            out.pdu(Role::Unknown, code.into(), Operation::unknown(code.into()))
                .anomaly(Anomaly::LengthMismatch);
            return;
        };
        match tpdu.kind {
            DT => {
                let ends = tpdu.ends_message();
                let unfinished = flow.unfinished(cx.direction);
                if ends && !*unfinished {
                    hand_on(flow, packet, tpdu.user_data, cx, out);
                } else if ends || !tpdu.user_data.is_empty() {
                    let part = Part { first: !*unfinished, last: ends, sequence: None };
                    *unfinished = !ends;
                    out.fragment(0, part, tpdu.user_data);
                }
            }
            CR | CC => opening(flow, &tpdu, cx, out),
            DR | DC | ER => ending(&tpdu, cx, out),
            ED => {
                out.pdu(Role::Event, tpdu.kind.into(), EXPEDITED_DATA);
            }
            kind => {
                out.pdu(Role::Unknown, kind.into(), Operation::unknown(kind.into()))
                    .anomaly(Anomaly::UnknownFunction);
            }
        }
    }

    fn joined(flow: &mut Flow, _key: u64, whole: &[u8], cx: &Context<'_>, out: &mut Sink) {
        hand_on(flow, whole, whole, cx, out);
    }

    fn gap(flow: &mut Flow, direction: Direction, _lost: Option<u32>) {
        *flow.unfinished(direction) = false;
        flow.opened = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use std::string::ToString;
    use std::vec::Vec;

    /// Connection request of a programming device to rack 0, slot 2 (cisagov s7ident, frame 4).
    const CONNECT: &[u8] =
        &[3, 0, 0, 22, 17, 0xe0, 0, 0, 0, 1, 0, 0xc0, 1, 10, 0xc1, 2, 1, 0, 0xc2, 2, 1, 2];
    const READ: &[u8] = &[
        3, 0, 0, 31, 2, 0xf0, 0x80, 0x32, 1, 0, 0, 0, 5, 0, 14, 0, 0, 4, 1, 0x12, 10, 0x10, 2, 0,
        4, 0, 10, 0x84, 0, 0, 32,
    ];

    fn on_port() -> Context<'static> {
        Context { destination_port: PORT, ..Context::bare(Transport::Tcp) }
    }

    fn decode(flow: &mut Flow, packet: &[u8]) -> Sink {
        let mut sink = Sink::new();
        sink.begin(ProtocolId::Cotp);
        Cotp::decode(flow, packet, &on_port(), &mut sink);
        sink
    }

    #[test]
    fn a_connection_request_names_both_selectors() {
        let sink = decode(&mut Flow::default(), CONNECT);

        let [pdu] = sink.pdus() else { panic!("one PDU") };
        assert_eq!("open_connection", pdu.operation.to_string());
        let field = |id| pdu.fields.iter().find(|(field, _)| *field == id).map(|(_, v)| v.clone());
        assert_eq!(Some(Value::word("01.00")), field(CALLING_TSAP));
        assert_eq!(Some(Value::word("01.02")), field(CALLED_TSAP));
        assert_eq!(Some(Value::Unsigned(1024)), field(TPDU_SIZE));
        assert_eq!(Some(Value::word("pg")), field(CONNECTION_TYPE));
        assert_eq!(Some(Value::Unsigned(2)), field(SLOT));
        assert!(pdu.anomalies.is_empty());
    }

    #[test]
    fn an_s7_message_goes_to_its_dissector() {
        let sink = decode(&mut Flow::default(), READ);

        assert!(sink.pdus().is_empty());
        let [child] = sink.children() else { panic!("one child") };
        assert_eq!((ProtocolId::S7comm, 7..31), (child.protocol, child.bytes.clone()));
    }

    #[test]
    fn an_empty_data_unit_before_the_message_changes_nothing() {
        let mut flow = Flow::default();
        let empty = decode(&mut flow, &[3, 0, 0, 7, 2, DT, 0]);
        let sink = decode(&mut flow, READ);

        assert_eq!((0, 1), (empty.fragments().len(), sink.children().len()));
    }

    #[test]
    fn the_unit_with_the_end_mark_is_the_last_part() {
        let mut flow = Flow::default();
        let parts: Vec<Part> = [(0u8, 0x32u8), (0, 1), (0x80, 2)]
            .iter()
            .flat_map(|(end, byte)| {
                let sink = decode(&mut flow, &[3, 0, 0, 8, 2, DT, *end, *byte]);
                sink.fragments().iter().map(|fragment| fragment.part).collect::<Vec<_>>()
            })
            .collect();

        let part = |first, last| Part { first, last, sequence: None };
        assert_eq!(vec![part(true, false), part(false, false), part(false, true)], parts);
    }

    #[test]
    fn a_message_with_exact_lengths_is_s7_on_any_port() {
        let cx = Context::bare(Transport::Tcp);

        assert_eq!(Probe::Strong, Cotp::probe(READ, &cx));
        assert_eq!(Probe::NeedMore, Cotp::probe(&READ[..4], &cx));
    }

    #[test]
    fn an_opening_is_plausible_on_any_port_and_in_any_number_of_pieces() {
        let cx = Context::bare(Transport::Tcp);

        assert_eq!(Probe::Weak, Cotp::probe(CONNECT, &cx));
        for end in 1..CONNECT.len() {
            assert_eq!(Probe::NeedMore, Cotp::probe(&CONNECT[..end], &cx), "{end} bytes");
        }
        let refusal = [3, 0, 0, 11, 6, 0x80, 0, 1, 0, 2, 0];
        for end in 1..refusal.len() {
            assert_eq!(Probe::NeedMore, Cotp::probe(&refusal[..end], &cx), "{end} bytes of it");
        }
    }

    #[test]
    fn a_remote_desktop_connection_is_not_ours() {
        let mut request = vec![3, 0, 0, 43, 38, 0xe0, 0, 0, 0, 0, 0];
        request.extend_from_slice(b"Cookie: mstshash=user\r\n\x01\0\x08\0\0\0\0\0\0");

        for cx in [Context::bare(Transport::Tcp), on_port()] {
            assert_eq!(Probe::No, Cotp::probe(&request, &cx));
        }
    }

    #[test]
    fn in_a_download_neither_side_gives_itself_away() {
        let mut packet = READ.to_vec();
        packet[17] = 0x1b;

        assert_eq!(Sender::Client, Cotp::sender(READ, &on_port()));
        assert_eq!(Sender::Unknown, Cotp::sender(&packet, &on_port()));
    }
}
