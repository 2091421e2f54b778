//! Modbus/TCP: who reads or writes which coils and registers of which unit.
//!
//! ```text
//!  0       2       4       6     7     8
//!  | txid  | proto | length| unit| fc  | data ...     all big-endian; length counts unit + PDU
//! ```
//!
//! This file frames the header and finds the request of an answer. [`function`] knows
//! the codes and their lengths. [`pdu`] reads function and data for every transport of
//! Modbus, with [`request`], [`response`] and, for what devices say of themselves,
//! [`identity`]. [`proof`] says what an exchange is worth away from port 502.
//!
//! Sources: MODBUS Messaging on TCP/IP Implementation Guide V1.0b, 3.1.3 (header) [S];
//! MODBUS Application Protocol Specification V1.1b3 (functions, limits, exceptions) [S].
//! Modbus/UDP is the same in one datagram [V].

pub(crate) mod function;
mod identity;
pub(crate) mod pdu;
mod proof;
mod request;
mod response;

use crate::anomaly::Anomaly;
use crate::dissector::{
    Context, Dissector, Frame, OffPort, OpenRequest, Probe, Registration, Sender, Transport,
};
use crate::reader::{Reader, byte, u16_be_at};
use crate::registry::ProtocolId;
use crate::sink::Sink;
use function::{Fit, fit, is_plausible};
use pdu::Message;

/// Bytes before the PDU: transaction, protocol, length, unit.
const HEADER: usize = 7;
/// Longest PDU that is framed. The specification allows 253, and UMAS negotiates
/// up to 1 024; a longer one than its function allows is framed and named oversize.
const MAX_PDU: usize = 1024;

/// Modbus/TCP and Modbus/UDP.
pub struct Modbus;

impl Dissector for Modbus {
    /// What a device says of itself, with whether it runs.
    const SINGLY: &'static [u16] = &[17];

    const REGISTRATION: Registration = Registration {
        id: ProtocolId::Modbus,
        name: "modbus",
        tcp: &[502],
        udp: &[502],
        parents: &[],
        max_pdu: HEADER + MAX_PDU,
        resync_window: 4096,
        off_port: OffPort::Paired,
        open_requests: 64,
        fields: pdu::FIELDS,
    };

    type Flow = ();

    fn probe(bytes: &[u8], cx: &Context<'_>) -> Probe {
        let Some(end) = end(bytes) else {
            let more = bytes.len() < 6 && cx.transport == Transport::Tcp;
            return if more { Probe::NeedMore } else { Probe::No };
        };
        let Some(pdu) = bytes.get(HEADER..end) else {
            return if cx.transport == Transport::Tcp { Probe::NeedMore } else { Probe::No };
        };
        // There is no magic: what follows must begin like a message, too.
        let next = bytes.get(end..).unwrap_or_default();
        let followed = next.is_empty()
            || (cx.transport == Transport::Tcp
                && matches!(next.get(2..4), None | Some([0, 0]))
                && (next.len() < 6 || self::end(next).is_some()));
        if followed && is_plausible(pdu) { Probe::Weak } else { Probe::No }
    }

    fn frame(bytes: &[u8], cx: &Context<'_>) -> Frame {
        let Some(length) = u16_be_at(bytes, 4) else {
            return match cx.transport {
                Transport::Tcp => Frame::NeedBytes(HEADER + 1),
                _ => Frame::Bad(Anomaly::LengthMismatch),
            };
        };
        match (u16_be_at(bytes, 2), end(bytes)) {
            (Some(0), Some(end)) if end <= bytes.len() => Frame::Pdu(end),
            (Some(0), Some(end)) if cx.transport == Transport::Tcp => Frame::NeedBytes(end),
            // A datagram that was cut: decode names what is missing.
            (Some(0), Some(_)) if bytes.len() > HEADER => Frame::Pdu(bytes.len()),
            (Some(0), Some(_)) => Frame::Bad(Anomaly::LengthMismatch),
            (Some(0), None) if length < 2 => Frame::Bad(Anomaly::LengthMismatch),
            (Some(0), None) => Frame::Bad(Anomaly::Oversize),
            _ => Frame::Bad(Anomaly::Version),
        }
    }

    fn sender(message: &[u8], _cx: &Context<'_>) -> Sender {
        match fit(message.get(HEADER..).unwrap_or_default()) {
            Fit { request: true, response: false } => Sender::Client,
            Fit { request: false, response: true } => Sender::Server,
            _ => Sender::Unknown,
        }
    }

    fn proves(request: &[u8], answer: &[u8]) -> bool {
        let head = |message: &[u8]| Some((u16_be_at(message, 0)?, byte(message, 6)?));
        head(request).is_some()
            && head(request) == head(answer)
            && proof::proves(
                request.get(HEADER..).unwrap_or_default(),
                answer.get(HEADER..).unwrap_or_default(),
            )
    }

    fn decode(_flow: &mut (), whole: &[u8], cx: &Context<'_>, out: &mut Sink) {
        let mut reader = Reader::new(whole);
        let (Some(transaction), Some(_), Some(length), Some(unit)) =
            (reader.u16_be(), reader.u16_be(), reader.u16_be(), reader.u8())
        else {
            return;
        };
        let message = Message {
            whole,
            pdu: reader.rest(),
            unit,
            transaction: Some(transaction),
            pairing_key: pairing_key(transaction, unit),
            asked: asked(transaction, unit, reader.rest(), cx),
        };
        pdu::decode(&message, cx, out);
        if let [pdu, ..] = out.pdus_mut()
            && usize::from(length).saturating_add(6) != whole.len()
        {
            pdu.anomaly(Anomaly::LengthMismatch);
        }
    }
}

/// Where the message ends that `bytes` begin with, by its header; `None` where
/// that cannot be a header.
fn end(bytes: &[u8]) -> Option<usize> {
    let length = usize::from(u16_be_at(bytes, 4)?);
    let end = length.saturating_add(6);
    let fits = u16_be_at(bytes, 2) == Some(0) && length >= 2 && end <= HEADER + MAX_PDU;
    fits.then_some(end)
}

fn pairing_key(transaction: u16, unit: u8) -> u64 {
    u64::from(transaction) << 8 | u64::from(unit)
}

/// The open request that a message going this way would answer.
///
/// Many clients never change the transaction, and some servers answer with
/// another unit: of those with the same transaction and function, the one whose
/// counts or echo fit comes first, then the one of the same unit, then the oldest.
fn asked<'a>(transaction: u16, unit: u8, pdu: &[u8], cx: &Context<'a>) -> Option<&'a OpenRequest> {
    let code = u16::from(byte(pdu, 0)? & !function::EXCEPTION);
    let key = pairing_key(transaction, unit);
    let mut best = None;
    for open in cx.open {
        let opened = open.pdu.pairing_key.unwrap_or(0);
        if open.pdu.protocol != ProtocolId::Modbus
            || open.direction == cx.direction
            || open.pdu.code != code
            || opened >> 8 != u64::from(transaction)
        {
            continue;
        }
        let rank = (pdu::answers(pdu, &open.pdu), opened == key);
        if rank == (true, true) {
            return Some(open);
        }
        if best.is_none_or(|(best, _)| rank > best) {
            best = Some((rank, open));
        }
    }
    best.map(|(_, open)| open)
}
