//! Modbus RTU: the serial form, over TCP or UDP through serial servers and radios,
//! and on serial lines themselves.
//!
//! ```text
//!  | unit | fc | data ... | crc low | crc high |     data big-endian; no header, no length
//! ```
//!
//! Nothing but function and checksum tells where a message ends. Functions and
//! data are those of [`crate::modbus`].
//!
//! Source: MODBUS over Serial Line, Specification and Implementation Guide V1.02,
//! 2.5.1 (message, CRC) and 2.2 (broadcast) [S].

use crate::anomaly::Anomaly;
use crate::crc::crc_16;
use crate::dissector::{
    Context, Dissector, Frame, OffPort, OpenRequest, Probe, Registration, Sender, Transport,
};
use crate::field::Field;
use crate::modbus::function::{
    self, Fit, Length, fit, is_plausible, request_length, response_length,
};
use crate::modbus::pdu::{self, Message};
use crate::pdu::Role;
use crate::reader::{Reader, byte};
use crate::registry::ProtocolId;
use crate::sink::Sink;

/// Unit before the PDU and checksum after it.
const AROUND: usize = 3;
/// Shortest message: a request of one byte.
const SHORTEST: usize = AROUND + 1;
/// Longest message (2.5.1.1).
const LONGEST: usize = 256;
/// The unit that every station listens to, and none answers (2.2).
const BROADCAST: u8 = 0;

/// Whether the last two of `bytes` are the checksum of the others.
fn is_sound(bytes: &[u8]) -> bool {
    bytes.len() >= SHORTEST && bytes.iter().fold(0xffff, |crc, byte| crc_16(crc, *byte)) == 0
}

/// Function and data of a message.
fn pdu_of(message: &[u8]) -> &[u8] {
    message.get(1..message.len().saturating_sub(2)).unwrap_or_default()
}

/// Whether another protocol may well have made a sound message: one function byte
/// beside a checksum says little; and ROC Plus has the same checksum, and its usual
/// group 2 in the place of the function, so that its messages without data look
/// like reads of 256, 512, 768 ... bits [V].
fn is_ambiguous(message: &[u8]) -> bool {
    message.len() == SHORTEST || matches!(message, [_, 1 | 2, _, _, _, 0, _, _])
}

/// What is known of where the message at the front ends.
enum End {
    /// After so many bytes, and its checksum is right.
    Sound(usize),
    /// So many bytes must be there to tell.
    Needs(usize),
    /// Its function gives the length, its checksum is wrong.
    Unsound,
    /// Not told by its function, and no checksum fits so far.
    Open,
}

/// Where the message at the front of `bytes` ends, if a side sent it whose PDUs
/// are as long as `length` says.
fn end(bytes: &[u8], length: fn(&[u8]) -> Length) -> End {
    // The last two may be checksum: lengths are read from what is there all the same.
    match length(bytes.get(1..).unwrap_or_default()) {
        Length::Needs(n) => End::Needs(n.saturating_add(AROUND)),
        Length::Exact(n) => {
            let n = n.saturating_add(AROUND);
            match bytes.get(..n) {
                None => End::Needs(n),
                Some(message) if is_sound(message) => End::Sound(n),
                Some(_) => End::Unsound,
            }
        }
        Length::Open(least) => {
            let mut crc = 0xffff;
            let least = least.saturating_add(AROUND);
            for (at, next) in bytes.iter().take(LONGEST).enumerate() {
                crc = crc_16(crc, *next);
                let n = at.saturating_add(1);
                if crc == 0 && n >= least {
                    return End::Sound(n);
                }
            }
            End::Open
        }
    }
}

/// Modbus RTU.
pub struct ModbusRtu;

/// What is remembered of a flow: the requests so far. A line carries one request
/// at a time, so that an answer belongs to the latest one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flow {
    requests: u32,
}

/// The fields of Modbus but the transaction of its header, the last.
const FIELDS: &[Field] = match pdu::FIELDS.split_last() {
    Some((_, fields)) => fields,
    None => &[],
};

impl Dissector for ModbusRtu {
    /// What a device says of itself, with whether it runs.
    const SINGLY: &'static [u16] = &[17];

    const REGISTRATION: Registration = Registration {
        id: ProtocolId::ModbusRtu,
        name: "modbus_rtu",
        // Serial servers use any port; many gateways use that of Modbus/TCP.
        tcp: &[502],
        udp: &[502],
        parents: &[],
        max_pdu: LONGEST,
        resync_window: 4096,
        off_port: OffPort::Paired,
        open_requests: 16,
        fields: FIELDS,
    };

    type Flow = Flow;

    fn probe(bytes: &[u8], cx: &Context<'_>) -> Probe {
        let mut rest = bytes;
        let mut found = if bytes.is_empty() { Probe::NeedMore } else { Probe::Weak };
        while !rest.is_empty() {
            // A length rule, its counts, and the checksum must all hold.
            let exact = |length: fn(&[u8]) -> Length| match end(rest, length) {
                End::Sound(n) => {
                    rest.split_at_checked(n).filter(|(message, _)| is_plausible(pdu_of(message)))
                }
                _ => None,
            };
            let message = exact(request_length).or_else(|| exact(response_length));
            if let Some((message, tail)) = message {
                if !is_ambiguous(message) {
                    found = Probe::Strong;
                }
                rest = tail;
                continue;
            }
            let waits = |length| matches!(end(rest, length), End::Needs(n) if n <= LONGEST);
            let waits = waits(request_length) || waits(response_length);
            let more = cx.transport == Transport::Tcp && waits && bytes.len() < LONGEST;
            return if more { Probe::NeedMore } else { Probe::No };
        }
        found
    }

    fn frame(bytes: &[u8], cx: &Context<'_>) -> Frame {
        let is_stream = cx.transport == Transport::Tcp;
        let need = |n: usize| match n {
            _ if !is_stream => Frame::Bad(Anomaly::LengthMismatch),
            n if n > LONGEST => Frame::Bad(Anomaly::Oversize),
            n => Frame::NeedBytes(n),
        };
        if bytes.len() < SHORTEST {
            return need(SHORTEST);
        }
        let request = end(bytes, request_length);
        let response = end(bytes, response_length);
        let (likely, other) = match cx.sender {
            Sender::Server => (response, request),
            Sender::Client | Sender::Unknown => (request, response),
        };
        match (likely, other, cx.sender) {
            (End::Sound(n), ..) | (_, End::Sound(n), _) => Frame::Pdu(n),
            (End::Needs(a), End::Needs(b), Sender::Unknown) => need(a.min(b)),
            (End::Needs(n), ..) | (End::Unsound, End::Needs(n), Sender::Unknown) => need(n),
            // A station drops what the line damaged: it is no write, whatever it says.
            (End::Unsound, ..) => Frame::Bad(Anomaly::BadChecksum),
            (End::Open, ..) if bytes.len() >= LONGEST => Frame::Bad(Anomaly::BadChecksum),
            (End::Open, ..) => need(bytes.len().saturating_add(1)),
        }
    }

    fn sender(message: &[u8], _cx: &Context<'_>) -> Sender {
        if !is_sound(message) {
            return Sender::Unknown;
        }
        match fit(pdu_of(message)) {
            Fit { request: true, response: false } => Sender::Client,
            Fit { request: false, response: true } => Sender::Server,
            _ => Sender::Unknown,
        }
    }

    fn decode(flow: &mut Flow, whole: &[u8], cx: &Context<'_>, out: &mut Sink) {
        let mut reader = Reader::new(whole);
        let Some(unit) = reader.u8() else { return };
        let next = flow.requests.wrapping_add(1);
        let message = Message {
            whole,
            pdu: pdu_of(whole),
            unit,
            transaction: None,
            pairing_key: u64::from(next) << 8 | u64::from(unit),
            asked: asked(unit, pdu_of(whole), cx),
        };
        pdu::decode(&message, cx, out);
        if let [pdu, ..] = out.pdus_mut() {
            if pdu.role == Role::Request {
                flow.requests = next;
                if unit == BROADCAST {
                    pdu.unconfirmed = true;
                    pdu.pairing_key = None;
                }
            }
            if !is_sound(whole) {
                pdu.anomaly(Anomaly::BadChecksum);
            }
        }
    }
}

/// The open request that a message going this way would answer: the latest to its
/// unit with its function, and one whose counts or echo fit before others.
fn asked<'a>(unit: u8, pdu: &[u8], cx: &Context<'a>) -> Option<&'a OpenRequest> {
    let code = u16::from(byte(pdu, 0)? & !function::EXCEPTION);
    let mut latest = None;
    for open in cx.open.iter().rev() {
        if open.pdu.protocol == ProtocolId::ModbusRtu
            && open.direction != cx.direction
            && open.pdu.unit == Some(unit.into())
            && open.pdu.code == code
        {
            if pdu::answers(pdu, &open.pdu) {
                return Some(open);
            }
            latest = latest.or(Some(open));
        }
    }
    latest
}

#[cfg(test)]
mod tests {
    use super::is_sound;
    use crate::crc::crc_16;

    #[test]
    fn the_checksum_is_that_of_the_specification() {
        // MODBUS over Serial Line V1.02, 6.2.2: 02 07 gives 0x1241, sent 41 12.
        assert_eq!(0x1241, [2, 7].iter().fold(0xffff, |crc, byte| crc_16(crc, *byte)));
        assert!(is_sound(&[2, 7, 0x41, 0x12]));
        assert!(!is_sound(&[2, 7, 0x12, 0x41]));
    }
}
