//! Function codes: what they do, and how long their requests and responses are.
//!
//! Source: MODBUS Application Protocol Specification V1.1b3, section 6 and annex A [S].

use crate::operation::{Class, Operation};
use crate::pdu::Status;
use crate::reader::{byte, u16_be_at};

/// Set in the function code of a negative answer.
pub(crate) const EXCEPTION: u8 = 0x80;
/// The envelope of UMAS.
pub(crate) const UMAS: u8 = 90;
/// The only reference type of file records, 6.14.
pub(crate) const FILE_REFERENCE: u8 = 6;

/// The operation of a function code; `sub` is the subfunction of 8, the MEI type of 43.
pub(crate) const fn operation(code: u8, sub: Option<u16>) -> Operation {
    macro_rules! operation {
        ($name:literal, $class:ident) => {
            // Made at compile time: a name's digest is too dear for every PDU.
            const { Operation::new($name, Class::$class) }
        };
    }
    match (code, sub) {
        (1, _) => operation!("read_coils", Read),
        (2, _) => operation!("read_discrete_inputs", Read),
        (3, _) => operation!("read_holding_registers", Read),
        (4, _) => operation!("read_input_registers", Read),
        (5, _) => operation!("write_single_coil", Write),
        (6, _) => operation!("write_single_register", Write),
        (7, _) => operation!("read_exception_status", Read),
        (8, Some(0)) => operation!("loopback", Keepalive),
        (8, Some(1)) => operation!("restart_communications", Restart),
        (8, Some(2)) => operation!("read_diagnostic_register", Read),
        (8, Some(3)) => operation!("change_ascii_delimiter", ConfigWrite),
        (8, Some(4)) => operation!("force_listen_only", ReportDisable),
        (8, Some(10)) => operation!("clear_counters", DiagClear),
        (8, Some(11)) => operation!("read_bus_message_count", Read),
        (8, Some(12)) => operation!("read_bus_error_count", Read),
        (8, Some(13)) => operation!("read_bus_exception_count", Read),
        (8, Some(14)) => operation!("read_server_message_count", Read),
        (8, Some(15)) => operation!("read_server_no_response_count", Read),
        (8, Some(16)) => operation!("read_server_nak_count", Read),
        (8, Some(17)) => operation!("read_server_busy_count", Read),
        (8, Some(18)) => operation!("read_bus_overrun_count", Read),
        (8, Some(20)) => operation!("clear_overrun_counter", DiagClear),
        (8, Some(_)) => operation!("diagnostics", Unknown),
        (8, None) => operation!("diagnostics", Read),
        (11, _) => operation!("comm_event_counter", Read),
        (12, _) => operation!("comm_event_log", Read),
        (15, _) => operation!("write_multiple_coils", Write),
        (16, _) => operation!("write_multiple_registers", Write),
        (17, _) => operation!("report_server_id", Identify),
        (20, _) => operation!("read_file_record", FileRead),
        (21, _) => operation!("write_file_record", FileWrite),
        (22, _) => operation!("mask_write_register", Write),
        (23, _) => operation!("read_write_registers", Write),
        (24, _) => operation!("read_fifo", Read),
        (43, Some(13)) => operation!("canopen_general_reference", Proprietary),
        (43, Some(14)) => operation!("read_device_identification", Identify),
        (43, _) => operation!("encapsulated_interface", Unknown),
        (UMAS, _) => operation!("umas", Proprietary),
        (65..=72 | 100..=110, _) => Operation::proprietary(code as u16),
        _ if is_reserved(code, sub) => Operation::proprietary(code as u16),
        _ => Operation::unknown(code as u16),
    }
}

/// Whether the specification keeps the code out of public use. Annex A; 8/19 and
/// 8/21 and up: 6.8; other MEI types: 6.19.
pub(crate) const fn is_reserved(code: u8, sub: Option<u16>) -> bool {
    match (code, sub) {
        (0 | 9 | 10 | 13 | 14 | 41 | 42 | 91 | 125..=127, _) => true,
        (8, Some(sub)) => matches!(sub, 5..=9 | 19 | 21..),
        (43, Some(mei)) => !matches!(mei, 13 | 14),
        _ => false,
    }
}

/// The meaning of an exception code, section 7.
pub(crate) const fn exception(code: u8) -> Status {
    macro_rules! failed {
        ($code:literal $name:literal) => {
            const { Status::failed($code, $name) }
        };
    }
    match code {
        1 => failed!(1 "illegal_function"),
        2 => failed!(2 "illegal_data_address"),
        3 => failed!(3 "illegal_data_value"),
        4 => failed!(4 "server_device_failure"),
        5 => failed!(5 "acknowledge"),
        6 => failed!(6 "server_device_busy"),
        7 => failed!(7 "negative_acknowledge"),
        8 => failed!(8 "memory_parity_error"),
        10 => failed!(10 "gateway_path_unavailable"),
        11 => failed!(11 "gateway_target_failed_to_respond"),
        _ => Status::failed(code as u32, "unknown_exception"),
    }
}

/// Whether the specification, or the older one for 7, names the exception code.
pub(super) const fn is_exception(code: u8) -> bool {
    matches!(code, 1..=8 | 10 | 11)
}

/// How long a PDU is, function code included, as far as its first bytes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    /// So many bytes.
    Exact(usize),
    /// So many bytes must be there to tell.
    Needs(usize),
    /// At least so many; nothing in it counts the rest.
    Open(usize),
}

/// How long the request is that begins with `pdu`.
pub(crate) fn request_length(pdu: &[u8]) -> Length {
    match byte(pdu, 0) {
        None => Length::Needs(1),
        Some(1..=6) => Length::Exact(5),
        Some(7 | 11 | 12 | 17) => Length::Exact(1),
        Some(8) => Length::Open(5),
        Some(15 | 16) => counted(pdu, 5),
        Some(20 | 21) => counted(pdu, 1),
        Some(22) => Length::Exact(7),
        Some(23) => counted(pdu, 9),
        Some(24) => Length::Exact(3),
        Some(43) => match byte(pdu, 1) {
            None => Length::Needs(2),
            Some(14) => Length::Exact(4),
            Some(_) => Length::Open(3),
        },
        Some(UMAS) => Length::Open(3),
        Some(_) => Length::Open(1),
    }
}

/// How long the response is that begins with `pdu`.
pub(crate) fn response_length(pdu: &[u8]) -> Length {
    match byte(pdu, 0) {
        None => Length::Needs(1),
        Some(EXCEPTION..) => Length::Exact(2),
        Some(1..=4 | 12 | 17 | 20 | 21 | 23) => counted(pdu, 1),
        Some(5 | 6 | 11 | 15 | 16) => Length::Exact(5),
        Some(7) => Length::Exact(2),
        Some(8) => Length::Open(5),
        Some(22) => Length::Exact(7),
        Some(24) => match u16_be_at(pdu, 1) {
            None => Length::Needs(3),
            Some(count) => Length::Exact(usize::from(count).saturating_add(3)),
        },
        Some(43) => match byte(pdu, 1) {
            None => Length::Needs(2),
            Some(14) => identification_length(pdu),
            Some(_) => Length::Open(3),
        },
        Some(UMAS) => Length::Open(3),
        Some(_) => Length::Open(1),
    }
}

/// The length where a byte count stands at `index`.
fn counted(pdu: &[u8], index: usize) -> Length {
    let head = index.saturating_add(1);
    match byte(pdu, index) {
        None => Length::Needs(head),
        Some(count) => Length::Exact(head.saturating_add(count.into())),
    }
}

/// The length of the answer of 43/14: its objects one after the other.
fn identification_length(pdu: &[u8]) -> Length {
    let Some(count) = byte(pdu, 6) else { return Length::Needs(7) };
    let mut end: usize = 7;
    for _ in 0..count {
        let Some(length) = byte(pdu, end.saturating_add(1)) else {
            return Length::Needs(end.saturating_add(2));
        };
        end = end.saturating_add(2).saturating_add(length.into());
    }
    Length::Exact(end)
}

/// Which sides could have sent a PDU of exactly these bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fit {
    /// It is a well-formed request.
    pub request: bool,
    /// It is a well-formed response.
    pub response: bool,
}

/// Holds `pdu` against the exact length, and the count and type fields, of its
/// function code. A code without a rule fits neither side.
pub(crate) fn fit(pdu: &[u8]) -> Fit {
    let exact = |length: Length| match length {
        Length::Exact(n) => n == pdu.len(),
        Length::Open(least) => least <= pdu.len(),
        Length::Needs(_) => false,
    };
    // A client was seen to pad the event counter's request, which then looks like
    // the answer of an idle server [V arkime's modbus.pcap, frame 153].
    let padded = matches!(pdu, [11, 0, 0, 0, 0]);
    Fit {
        request: padded || exact(request_length(pdu)) && is_request(pdu),
        response: exact(response_length(pdu)) && is_response(pdu),
    }
}

/// Most elements that one message addresses, by function code; of 23, those written.
pub(crate) const fn most(code: u8) -> u16 {
    match code {
        1 | 2 => 2000,
        3 | 4 => 125,
        15 => 1968,
        16 => 123,
        23 => 121,
        _ => u16::MAX,
    }
}

/// Whether a probe takes `pdu`: it fits a side, and asks for no more than a message
/// holds. An LDAP unbind request passes every length rule and fails this [V].
pub(crate) fn is_plausible(pdu: &[u8]) -> bool {
    let Fit { request, response } = fit(pdu);
    let within = match (byte(pdu, 0), u16_be_at(pdu, 1), u16_be_at(pdu, 3)) {
        (Some(code @ (1..=4 | 15 | 16)), Some(address), Some(quantity)) => {
            quantity > 0
                && quantity <= most(code)
                && address.checked_add(quantity.saturating_sub(1)).is_some()
        }
        _ => true,
    };
    request && within || response
}

/// What a request of the right length must hold besides.
fn is_request(pdu: &[u8]) -> bool {
    match byte(pdu, 0) {
        Some(1..=4 | 6 | 7 | 11 | 12 | 17 | 22 | 24) => true,
        Some(5) => matches!(u16_be_at(pdu, 3), Some(0 | 0xff00)),
        Some(8) => is_diagnostics(pdu),
        Some(15) => is_counted_as(pdu, 3, 5, |quantity| quantity.div_ceil(8)),
        Some(16) => is_counted_as(pdu, 3, 5, |quantity| quantity.saturating_mul(2)),
        Some(20) => {
            // One or more references, each of type, file, record and length.
            let (references, rest) = pdu.get(2..).unwrap_or_default().as_chunks::<7>();
            !references.is_empty()
                && rest.is_empty()
                && references.iter().all(|[kind, ..]| *kind == FILE_REFERENCE)
        }
        Some(21) => is_file_write(pdu),
        Some(23) => is_counted_as(pdu, 7, 9, |quantity| quantity.saturating_mul(2)),
        Some(43) => match byte(pdu, 1) {
            Some(13) => true,
            Some(14) => matches!(byte(pdu, 2), Some(1..=4)),
            _ => false,
        },
        Some(UMAS) => !matches!(byte(pdu, 2), Some(0xfd | 0xfe)),
        _ => false,
    }
}

/// What a response of the right length must hold besides.
fn is_response(pdu: &[u8]) -> bool {
    let even = |count: u8| count.is_multiple_of(2) && count > 0;
    match byte(pdu, 0) {
        Some(EXCEPTION..) => byte(pdu, 1).is_some_and(is_exception),
        Some(1 | 2) => byte(pdu, 1) > Some(0),
        Some(3 | 4 | 23) => byte(pdu, 1).is_some_and(even),
        Some(5) => matches!(u16_be_at(pdu, 3), Some(0 | 0xff00)),
        Some(6 | 7 | 11 | 15 | 16 | 22) => true,
        Some(8) => is_diagnostics(pdu),
        Some(12) => byte(pdu, 1) >= Some(6),
        Some(17) => byte(pdu, 1) > Some(0),
        Some(20) => {
            let mut rest = pdu.get(2..).unwrap_or_default();
            while let [length, FILE_REFERENCE, tail @ ..] = rest {
                let data = usize::from(*length).saturating_sub(1);
                match tail.get(data..) {
                    Some(next) if data.is_multiple_of(2) && data > 0 => rest = next,
                    _ => return false,
                }
            }
            rest.is_empty() && pdu.len() > 2
        }
        Some(21) => is_file_write(pdu),
        Some(24) => is_counted_as(pdu, 3, 2, |count| count.saturating_mul(2).saturating_add(2)),
        Some(43) => match byte(pdu, 1) {
            Some(13) => true,
            Some(14) => matches!(byte(pdu, 2), Some(1..=4)) && pdu.len() > 7,
            _ => false,
        },
        Some(UMAS) => matches!(byte(pdu, 2), Some(0xfd | 0xfe)),
        _ => false,
    }
}

/// Whether the byte count at `count` is what the quantity at `quantity` needs.
fn is_counted_as(pdu: &[u8], quantity: usize, count: usize, bytes: fn(u16) -> u16) -> bool {
    match (u16_be_at(pdu, quantity), byte(pdu, count)) {
        (Some(quantity), Some(count)) => bytes(quantity) == u16::from(count) && count > 0,
        _ => false,
    }
}

/// Diagnostics: a subfunction that was ever given out, and words.
fn is_diagnostics(pdu: &[u8]) -> bool {
    pdu.len() % 2 == 1 && u16_be_at(pdu, 1).is_some_and(|sub| sub <= 21)
}

/// One or more references with their records; the response repeats the request.
fn is_file_write(pdu: &[u8]) -> bool {
    let mut rest = pdu.get(2..).unwrap_or_default();
    while let [FILE_REFERENCE, _, _, _, _, high, low, tail @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low])).saturating_mul(2);
        match tail.get(length..) {
            Some(next) if length > 0 => rest = next,
            _ => return false,
        }
    }
    rest.is_empty() && pdu.len() > 2
}

#[cfg(test)]
mod tests {
    use super::{Fit, Length, fit, request_length, response_length};

    const REQUEST: Fit = Fit { request: true, response: false };
    const RESPONSE: Fit = Fit { request: false, response: true };
    const BOTH: Fit = Fit { request: true, response: true };
    const NEITHER: Fit = Fit { request: false, response: false };

    #[test]
    fn a_length_rule_tells_requests_from_responses() {
        assert_eq!(REQUEST, fit(&[3, 0, 100, 0, 40]));
        assert_eq!(RESPONSE, fit(&[3, 2, 0, 1]));
        assert_eq!(REQUEST, fit(&[20, 7, 6, 0, 4, 0, 0, 0, 2]));
        assert_eq!(RESPONSE, fit(&[20, 6, 5, 6, 0, 1, 0, 2]));
        assert_eq!(RESPONSE, fit(&[0x83, 2]));
    }

    #[test]
    fn an_echo_fits_both_sides() {
        assert_eq!(BOTH, fit(&[6, 0, 1, 0, 2]));
        assert_eq!(BOTH, fit(&[5, 0, 1, 0xff, 0]));
        assert_eq!(BOTH, fit(&[21, 9, 6, 0, 4, 0, 7, 0, 1, 0x12, 0x34]));
    }

    #[test]
    fn three_bytes_of_coils_fit_both_sides() {
        assert_eq!(BOTH, fit(&[1, 3, 0, 0, 8]));
    }

    #[test]
    fn lengths_that_are_off_by_one_fit_neither_side() {
        assert_eq!(NEITHER, fit(&[3, 2, 0, 1, 0, 0]));
        assert_eq!(NEITHER, fit(&[16, 0, 1, 0, 2, 4, 0, 0, 0]));
        assert_eq!(NEITHER, fit(&[5, 0, 1, 0x12, 0]));
        assert_eq!(NEITHER, fit(&[0x83, 9]));
        assert_eq!(NEITHER, fit(&[]));
    }

    #[test]
    fn a_beginning_tells_how_much_is_missing() {
        assert_eq!(Length::Needs(6), request_length(&[16, 0, 1]));
        assert_eq!(Length::Exact(10), request_length(&[16, 0, 1, 0, 2, 4]));
        assert_eq!(Length::Needs(9), response_length(&[43, 14, 1, 1, 0, 0, 1]));
        assert_eq!(Length::Exact(12), response_length(&[43, 14, 1, 1, 0, 0, 1, 0, 3]));
    }
}
