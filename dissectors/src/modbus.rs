//! Modbus/TCP: who reads or writes which coils and registers of which unit.
//!
//! ```text
//!  0       2       4       6     7     8
//!  | txid  | proto | length| unit| fc  | data ...     all big-endian; length counts unit + PDU
//! ```
//!
//! Sources: MODBUS Application Protocol Specification V1.1b3 (functions, limits,
//! exception codes); MODBUS Messaging on TCP/IP Implementation Guide V1.0b, 3.1.3 (header).

use crate::anomaly::Anomaly;
use crate::dissector::{
    Context, Dissector, Frame, OffPort, Probe, Registration, Sender, Transport,
};
use crate::operation::{Class, Operation};
use crate::pdu::{Pdu, Role, Status};
use crate::reader::{Reader, byte, u16_be_at};
use crate::registry::ProtocolId;
use crate::sink::Sink;
use crate::target::{Space, Span, Target};
use crate::value::Value;

crate::fields! {
    TRANSACTION_ID "transaction_id" Integer "Transaction identifier of the header.";
    SUBFUNCTION "subfunction" Integer "Diagnostics subfunction, or MEI type of function 43.";
    AND_MASK "and_mask" Integer "AND mask of mask_write_register.";
    OR_MASK "or_mask" Integer "OR mask of mask_write_register.";
    READ_TARGET "read_target" Text "What read_write_registers reads besides what it writes.";
}

/// Bytes before the PDU: transaction, protocol, length, unit.
const HEADER: usize = 7;
/// Longest PDU that the specification allows.
const MAX_PDU: usize = 253;
/// Function 90 carries longer PDUs: seen with a length field of 0x00ff and more.
const MAX_UMAS: usize = 1024;

const COILS: Space = Space::new("coil");
const DISCRETE_INPUTS: Space = Space::new("di");
const INPUT_REGISTERS: Space = Space::new("ir");
const HOLDING_REGISTERS: Space = Space::new("hr");

/// The operation of a function code; diagnostics and MEI depend on `sub`.
fn operation(code: u8, sub: Option<u16>) -> Operation {
    use Class::{
        DiagClear, FileRead, FileWrite, Identify, Keepalive, Read, ReportDisable, Restart, Write,
    };
    match (code, sub) {
        (1, _) => Operation::new("read_coils", Read),
        (2, _) => Operation::new("read_discrete_inputs", Read),
        (3, _) => Operation::new("read_holding_registers", Read),
        (4, _) => Operation::new("read_input_registers", Read),
        (5, _) => Operation::new("write_single_coil", Write),
        (6, _) => Operation::new("write_single_register", Write),
        (7, _) => Operation::new("read_exception_status", Read),
        (8, Some(0)) => Operation::new("loopback", Keepalive),
        (8, Some(1)) => Operation::new("restart_communications", Restart),
        (8, Some(3)) => Operation::new("change_ascii_delimiter", Class::ConfigWrite),
        (8, Some(4)) => Operation::new("force_listen_only", ReportDisable),
        (8, Some(10 | 20)) => Operation::new("clear_counters", DiagClear),
        (8, _) => Operation::new("diagnostics", Read),
        (11, _) => Operation::new("comm_event_counter", Read),
        (12, _) => Operation::new("comm_event_log", Read),
        (15, _) => Operation::new("write_multiple_coils", Write),
        (16, _) => Operation::new("write_multiple_registers", Write),
        (17, _) => Operation::new("report_server_id", Identify),
        (20, _) => Operation::new("read_file_record", FileRead),
        (21, _) => Operation::new("write_file_record", FileWrite),
        (22, _) => Operation::new("mask_write_register", Write),
        (23, _) => Operation::new("read_write_registers", Write),
        (24, _) => Operation::new("read_fifo", Read),
        (43, Some(13)) => Operation::new("canopen_general_reference", Class::Proprietary),
        (43, Some(14)) => Operation::new("read_device_identification", Identify),
        (65..=72 | 100..=110, _) => Operation::proprietary(code.into()),
        _ => Operation::unknown(code.into()),
    }
}

/// The name of an exception code.
const fn exception(code: u8) -> Status {
    let name = match code {
        1 => "illegal_function",
        2 => "illegal_data_address",
        3 => "illegal_data_value",
        4 => "server_device_failure",
        5 => "acknowledge",
        6 => "server_device_busy",
        7 => "negative_acknowledge",
        8 => "memory_parity_error",
        10 => "gateway_path_unavailable",
        11 => "gateway_target_failed_to_respond",
        _ => "unknown_exception",
    };
    Status::failed(code as u32, name)
}

/// Which sides could have sent a PDU of exactly these bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fit {
    pub request: bool,
    pub response: bool,
}

/// Holds the exact length of every function code against `pdu` (function and
/// data). A code without a length rule fits neither.
pub(crate) fn fit(pdu: &[u8]) -> Fit {
    let n = pdu.len();
    let at = |index: usize| byte(pdu, index).map(usize::from);
    let word = |index: usize| u16_be_at(pdu, index);
    // Length as a byte count at `index` has it, the count itself included.
    let counted = |index: usize| {
        at(index).is_some_and(|count| n == index.saturating_add(1).saturating_add(count))
    };
    let even = |index: usize| at(index).is_some_and(|count| count % 2 == 0 && count > 0);
    let (request, response) = match byte(pdu, 0) {
        Some(1 | 2) => (n == 5, counted(1) && at(1) > Some(0)),
        Some(3 | 4) => (n == 5, counted(1) && even(1)),
        Some(5) => {
            let fits = n == 5 && matches!(word(3), Some(0 | 0xff00));
            (fits, fits)
        }
        Some(6) => (n == 5, n == 5),
        Some(7) => (n == 1, n == 2),
        Some(8) => {
            let fits = n >= 5 && n % 2 == 1 && word(1).is_some_and(|sub| sub <= 21);
            (fits, fits)
        }
        Some(11) => (n == 1, n == 5),
        Some(12) => (n == 1, counted(1) && n >= 8),
        Some(15 | 16) => (counted(5), n == 5),
        Some(17) => (n == 1, counted(1) && n > 2),
        Some(20 | 21) => (counted(1), counted(1)),
        Some(22) => (n == 7, n == 7),
        Some(23) => (counted(9) && even(9), counted(1) && even(1)),
        Some(24) => (
            n == 3,
            n >= 5 && word(1).is_some_and(|count| n == usize::from(count).saturating_add(3)),
        ),
        Some(43) => {
            let known = matches!(byte(pdu, 1), Some(13 | 14));
            (known && (n == 4 || byte(pdu, 1) == Some(13)), known && n >= 8)
        }
        Some(0x81..) => (false, n == 2 && matches!(byte(pdu, 1), Some(1..=8 | 10 | 11))),
        _ => (false, false),
    };
    Fit { request, response }
}

/// Reads function and data into a PDU, for every transport of Modbus.
///
/// `role` is what the flow knows; the bytes decide where it knows nothing.
pub(crate) fn decode_pdu(
    bytes: &[u8],
    unit: u8,
    pairing_key: u64,
    cx: &Context<'_>,
    out: &mut Sink,
) {
    let Some(code) = byte(bytes, 0) else { return };
    let fit = fit(bytes);
    let role = match (cx.sender, fit) {
        (_, Fit { request: true, response: false }) => Role::Request,
        (_, Fit { request: false, response: true }) => Role::Response,
        (Sender::Client, _) => Role::Request,
        (Sender::Server, _) => Role::Response,
        (Sender::Unknown, _) => Role::Unknown,
    };
    let open =
        (role == Role::Response).then(|| cx.request(ProtocolId::Modbus, pairing_key)).flatten();
    let base = code & 0x7f;
    let sub = match base {
        8 => u16_be_at(bytes, 1),
        43 => byte(bytes, 1).map(u16::from),
        _ => None,
    };
    // An error answer carries neither subfunction nor address: the request has them.
    let known = open.filter(|open| open.pdu.code == u16::from(base));
    let operation = match known {
        Some(open) if code >= 0x80 => open.pdu.operation,
        _ => operation(base, sub),
    };
    let pdu = out.pdu(role, base.into(), operation);
    pdu.unit(unit).pairing_key(pairing_key);
    if base == 0 {
        pdu.anomaly(Anomaly::ReservedFunction);
    }
    match (role, cx.sender) {
        (Role::Request, Sender::Server) => {
            pdu.anomaly(Anomaly::RequestFromServer);
        }
        (Role::Response, Sender::Client) if code >= 0x80 => {
            pdu.anomaly(Anomaly::ExceptionByClient);
        }
        _ => {}
    }
    let mut reader = Reader::new(bytes.get(1..).unwrap_or_default());
    if code >= 0x80 {
        pdu.status(exception(reader.u8().unwrap_or(0)));
        return;
    }
    let whole = match role {
        Role::Response => {
            pdu.status(Status::Ok);
            response(base, &mut reader, known.map(|open| &open.pdu), pdu)
        }
        Role::Request | Role::Event | Role::Unknown => request(base, &mut reader, pdu),
    };
    if whole.is_none() {
        pdu.anomaly(Anomaly::LengthMismatch);
    } else if !reader.is_empty() {
        pdu.anomaly(Anomaly::TrailingBytes);
    }
}

/// Reads the data of a request. `None` where it ends too early.
fn request(code: u8, reader: &mut Reader<'_>, pdu: &mut Pdu) -> Option<()> {
    match code {
        1 => addressed(COILS, 2000, reader, pdu)?,
        2 => addressed(DISCRETE_INPUTS, 2000, reader, pdu)?,
        3 => addressed(HOLDING_REGISTERS, 125, reader, pdu)?,
        4 => addressed(INPUT_REGISTERS, 125, reader, pdu)?,
        5 => {
            let address = reader.u16_be()?;
            let value = reader.u16_be()?;
            pdu.target(Target::new(COILS, Span::range(address.into(), 1))).quantity(1u8);
            pdu.value(value == 0xff00);
            if !matches!(value, 0 | 0xff00) {
                pdu.anomaly(Anomaly::Malformed);
            }
        }
        6 => {
            let address = reader.u16_be()?;
            pdu.target(Target::new(HOLDING_REGISTERS, Span::range(address.into(), 1)))
                .quantity(1u8);
            pdu.value(reader.u16_be()?);
        }
        8 => diagnostics(reader, pdu)?,
        15 => {
            let count = addressed_count(COILS, 1968, reader, pdu)?;
            let bytes = reader.u8()?;
            let bits = reader.take(bytes.into())?;
            push_bits(bits, count, pdu);
        }
        16 => {
            addressed_count(HOLDING_REGISTERS, 123, reader, pdu)?;
            let bytes = reader.u8()?;
            push_registers(reader.take(bytes.into())?, pdu);
        }
        22 => {
            let address = reader.u16_be()?;
            pdu.target(Target::new(HOLDING_REGISTERS, Span::range(address.into(), 1)))
                .quantity(1u8);
            pdu.field(AND_MASK, reader.u16_be()?);
            pdu.field(OR_MASK, reader.u16_be()?);
        }
        23 => {
            let read = reader.u16_be()?;
            let read_count = reader.u16_be()?;
            let read_target =
                Target::new(HOLDING_REGISTERS, Span::range(read.into(), read_count.into()));
            pdu.field(READ_TARGET, Value::Text(alloc::format!("{read_target}").into()));
            addressed_count(HOLDING_REGISTERS, 121, reader, pdu)?;
            let bytes = reader.u8()?;
            push_registers(reader.take(bytes.into())?, pdu);
        }
        24 => {
            let address = reader.u16_be()?;
            pdu.target(Target::new(HOLDING_REGISTERS, Span::range(address.into(), 1)));
        }
        _ => {
            reader.take_up_to(usize::MAX);
        }
    }
    Some(())
}

/// Reads the data of a response to `open`. `None` where it ends too early.
fn response(code: u8, reader: &mut Reader<'_>, open: Option<&Pdu>, pdu: &mut Pdu) -> Option<()> {
    let asked = open.and_then(|open| open.quantity);
    match code {
        1 | 2 => {
            let bytes = reader.u8()?;
            let bits = reader.take(bytes.into())?;
            let count = asked.unwrap_or_else(|| u32::from(bytes).saturating_mul(8));
            if asked.is_some_and(|asked| asked.div_ceil(8) != u32::from(bytes)) {
                pdu.anomaly(Anomaly::LengthMismatch);
            }
            push_bits(bits, count, pdu);
        }
        3 | 4 | 23 => {
            let bytes = reader.u8()?;
            push_registers(reader.take(bytes.into())?, pdu);
            if code != 23 && asked.is_some_and(|asked| asked.saturating_mul(2) != u32::from(bytes))
            {
                pdu.anomaly(Anomaly::LengthMismatch);
            }
        }
        5 | 6 | 8 | 22 => {
            request(code, reader, pdu)?;
            if open.is_some_and(|open| open.values != pdu.values || open.target != pdu.target)
                && code != 8
            {
                pdu.anomaly(Anomaly::ValueMismatch);
            }
        }
        15 => addressed(COILS, 1968, reader, pdu)?,
        16 => addressed(HOLDING_REGISTERS, 123, reader, pdu)?,
        _ => {
            reader.take_up_to(usize::MAX);
        }
    }
    if let (None, Some(open)) = (&pdu.target, open) {
        pdu.target.clone_from(&open.target);
        pdu.quantity = open.quantity;
    }
    Some(())
}

/// Subfunction and data of function 8.
fn diagnostics(reader: &mut Reader<'_>, pdu: &mut Pdu) -> Option<()> {
    pdu.field(SUBFUNCTION, reader.u16_be()?);
    let (words, _) = reader.take_up_to(usize::MAX).as_chunks::<2>();
    for word in words {
        pdu.value(u16::from_be_bytes(*word));
    }
    Some(())
}

/// Address and quantity of a read, or of the answer to a write.
fn addressed(space: Space, limit: u16, reader: &mut Reader<'_>, pdu: &mut Pdu) -> Option<()> {
    addressed_count(space, limit, reader, pdu).map(|_| ())
}

/// The same, giving the quantity.
fn addressed_count(
    space: Space,
    limit: u16,
    reader: &mut Reader<'_>,
    pdu: &mut Pdu,
) -> Option<u32> {
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

/// Bits, lowest first, of which `count` mean something.
fn push_bits(bytes: &[u8], count: u32, pdu: &mut Pdu) {
    let bits = bytes.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1));
    for bit in bits.take(usize::try_from(count).unwrap_or(usize::MAX)) {
        pdu.value(bit);
    }
}

/// Registers, as unsigned 16-bit numbers.
fn push_registers(bytes: &[u8], pdu: &mut Pdu) {
    let (registers, odd) = bytes.as_chunks::<2>();
    for register in registers {
        pdu.value(u16::from_be_bytes(*register));
    }
    if !odd.is_empty() {
        pdu.anomaly(Anomaly::LengthMismatch);
    }
}

/// Modbus/TCP and Modbus/UDP.
pub struct Modbus;

impl Dissector for Modbus {
    const REGISTRATION: Registration = Registration {
        id: ProtocolId::Modbus,
        name: "modbus",
        tcp: &[502],
        udp: &[502],
        parents: &[],
        max_pdu: HEADER + MAX_UMAS,
        resync_window: 4096,
        off_port: OffPort::Paired,
        open_requests: 64,
        fields: FIELDS,
    };

    type Flow = ();

    fn probe(bytes: &[u8], _cx: &Context<'_>) -> Probe {
        let (Some(0), Some(length)) = (u16_be_at(bytes, 2), u16_be_at(bytes, 4)) else {
            return if bytes.len() < 6 { Probe::NeedMore } else { Probe::No };
        };
        let end = usize::from(length).saturating_add(6);
        if length < 2 || end > HEADER + MAX_UMAS {
            return Probe::No;
        }
        let Some(pdu) = bytes.get(HEADER..end) else { return Probe::NeedMore };
        let fit = fit(pdu);
        if fit.request || fit.response { Probe::Weak } else { Probe::No }
    }

    fn frame(bytes: &[u8], cx: &Context<'_>) -> Frame {
        let Some(length) = u16_be_at(bytes, 4) else { return Frame::NeedBytes(8) };
        let end = usize::from(length).saturating_add(6);
        let limit = if byte(bytes, 7) == Some(90) { MAX_UMAS } else { MAX_PDU };
        if u16_be_at(bytes, 2) != Some(0) {
            Frame::Bad(Anomaly::Version)
        } else if length < 2 {
            Frame::Bad(Anomaly::LengthMismatch)
        } else if end > HEADER.saturating_add(limit) {
            if bytes.len() < 8 { Frame::NeedBytes(8) } else { Frame::Bad(Anomaly::Oversize) }
        } else if cx.transport == Transport::Udp || end <= bytes.len() {
            Frame::Pdu(end.min(bytes.len()))
        } else {
            Frame::NeedBytes(end)
        }
    }

    fn sender(pdu: &[u8], _cx: &Context<'_>) -> Sender {
        match fit(pdu.get(HEADER..).unwrap_or_default()) {
            Fit { request: true, response: false } => Sender::Client,
            Fit { request: false, response: true } => Sender::Server,
            _ => Sender::Unknown,
        }
    }

    fn decode(_flow: &mut (), bytes: &[u8], cx: &Context<'_>, out: &mut Sink) {
        let mut reader = Reader::new(bytes);
        let (Some(transaction), Some(_), Some(_), Some(unit)) =
            (reader.u16_be(), reader.u16_be(), reader.u16_be(), reader.u8())
        else {
            return;
        };
        let key = u64::from(transaction) << 8 | u64::from(unit);
        decode_pdu(reader.rest(), unit, key, cx, out);
        if let [pdu, ..] = out.pdus_mut() {
            pdu.field(TRANSACTION_ID, transaction);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    const READ: &[u8] = &[0, 1, 0, 0, 0, 6, 1, 3, 0, 100, 0, 40];

    #[test]
    fn a_read_names_its_registers() {
        let mut sink = Sink::new();
        sink.begin(ProtocolId::Modbus);
        Modbus::decode(&mut (), READ, &Context::bare(Transport::Tcp), &mut sink);

        let [pdu] = sink.pdus() else { panic!("one PDU") };
        assert_eq!("read_holding_registers", alloc::format!("{}", pdu.operation));
        assert_eq!("hr:100-139", alloc::format!("{}", pdu.target.clone().unwrap()));
        assert_eq!((Some(1), Some(40), Role::Request), (pdu.unit, pdu.quantity, pdu.role));
        assert!(pdu.anomalies.is_empty());
    }

    #[test]
    fn a_write_carries_its_values() {
        let bytes = [0, 2, 0, 0, 0, 11, 1, 16, 0, 5, 0, 2, 4, 0, 7, 1, 0];
        let mut sink = Sink::new();
        sink.begin(ProtocolId::Modbus);
        Modbus::decode(&mut (), &bytes, &Context::bare(Transport::Tcp), &mut sink);

        assert_eq!(vec![Value::Unsigned(7), Value::Unsigned(256)], sink.pdus()[0].values);
    }

    #[test]
    fn a_length_rule_tells_requests_from_responses() {
        assert_eq!(Fit { request: true, response: false }, fit(&READ[7..]));
        assert_eq!(Fit { request: false, response: true }, fit(&[3, 2, 0, 1]));
        assert_eq!(Fit { request: true, response: true }, fit(&[6, 0, 1, 0, 2]));
        assert_eq!(Fit { request: false, response: false }, fit(&[3, 2, 0, 1, 0, 0]));
    }
}
