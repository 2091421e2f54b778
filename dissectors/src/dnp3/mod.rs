//! DNP3: which master reads, commands or reconfigures which points of which outstation.
//!
//! ```text
//!  0       2       3         4             6        8
//!  | 05 64 | length| control | destination | source | crc | 16 bytes, crc | ... crc
//!  control: DIR 80 (from the master), PRM 40, FCB 20, FCV or DFC 10, function 0f
//!  length counts control, addresses and user data, no checksums; little-endian
//!  user data: transport octet FIN 80, FIR 40, sequence 3f; then application bytes
//! ```
//!
//! Every application fragment is a PDU, and every link frame without user data.
//! Point numbers, values, flags and times stand in the PDU's lists; its items are
//! the object headers, one for each point of a command. `unit` is the outstation.
//!
//! Source: IEEE 1815-2012, 8 (transport), 9 (link) and 13 (IP networking).

mod application;
mod attribute;
mod authentication;
mod control;
mod crc;
mod dataset;
mod field;
mod file;
mod flow;
mod found;
mod function;
mod header;
mod iin;
mod link;
mod object;
mod objects;
mod point;

use flow::Flow;
use link::{Addresses, HEADER, LinkHeader, MAX_DATA, MAX_FRAME, user_data};

use crate::anomaly::Anomaly;
use crate::dissector::{
    Context, Direction, Dissector, Frame, OffPort, Probe, Registration, Sender, Transport,
};
use crate::pdu::Role;
use crate::registry::ProtocolId;
use crate::sink::{Part, Sink};

/// DNP3 over TCP, UDP and serial lines.
pub struct Dnp3;

impl Dissector for Dnp3 {
    /// Fragments of the application layer have 2048 bytes unless a device profile says
    /// otherwise [S: IEEE 1815-2012, clause 4.2]; here six times as many.
    const LONGEST_JOINED: usize = 12_288;

    const REGISTRATION: Registration = Registration {
        id: ProtocolId::Dnp3,
        name: "dnp3",
        tcp: &[20000],
        udp: &[20000],
        parents: &[],
        max_pdu: MAX_FRAME,
        resync_window: 4096,
        off_port: OffPort::Strong,
        open_requests: 32,
        fields: field::FIELDS,
    };

    const NAMES_SENDER: bool = true;

    type Flow = Flow;

    fn probe(bytes: &[u8], _cx: &Context<'_>) -> Probe {
        match LinkHeader::read(bytes) {
            Ok(_) => Probe::Strong,
            Err(Frame::NeedBytes(_)) => Probe::NeedMore,
            Err(_) => Probe::No,
        }
    }

    fn frame(bytes: &[u8], cx: &Context<'_>) -> Frame {
        match LinkHeader::read(bytes) {
            Ok(header) if header.frame_length() <= bytes.len() => Frame::Pdu(header.frame_length()),
            // A datagram has no rest to wait for.
            Ok(_) if cx.transport == Transport::Udp => Frame::Pdu(bytes.len()),
            Ok(header) => Frame::NeedBytes(header.frame_length()),
            Err(Frame::NeedBytes(_)) if cx.transport == Transport::Udp => {
                Frame::Bad(Anomaly::LengthMismatch)
            }
            Err(frame) => frame,
        }
    }

    fn sender(pdu: &[u8], _cx: &Context<'_>) -> Sender {
        let Ok(header) = LinkHeader::read(pdu) else { return Sender::Unknown };
        // Some masters leave the DIR bit clear: their function codes tell on them.
        let message = pdu.get(HEADER..).filter(|_| header.carries_data()).unwrap_or_default();
        let told = match message {
            [octet, _, code, ..] if octet & 0x40 != 0 => function::is_from_master(*code),
            _ => None,
        };
        match (header.addresses.from_master, told) {
            (true, None | Some(true)) => Sender::Client,
            (false, None | Some(false)) => Sender::Server,
            _ => Sender::Unknown,
        }
    }

    fn decode(flow: &mut Flow, bytes: &[u8], cx: &Context<'_>, out: &mut Sink) {
        if cx.after_gap || cx.transport == Transport::Udp {
            // A lost datagram leaves no trace.
            flow.lossy = true;
        }
        let Ok(header) = LinkHeader::read(bytes) else { return };
        if !header.carries_data() {
            link::push(&header, None, out, cx);
            return;
        }
        let mut buffer = [0; MAX_DATA];
        let data = match user_data(bytes, header.data, &mut buffer) {
            Ok(data) => data,
            Err(anomaly) => {
                flow.lossy = true;
                link::push(&header, Some(anomaly), out, cx);
                return;
            }
        };
        let Some((octet, message)) = data.split_first() else {
            link::push(&header, Some(Anomaly::LengthMismatch), out, cx);
            return;
        };
        let (first, last) = (octet & 0x40 != 0, octet & 0x80 != 0);
        if first && last {
            if !application::decode(flow, header.addresses, message, cx, out) {
                link::push(&header, Some(Anomaly::LengthMismatch), out, cx);
            }
        } else {
            let sequence = Some((u16::from(octet & 0x3f), 64));
            out.fragment(header.addresses.key(), Part { first, last, sequence }, message);
        }
    }

    fn joined(flow: &mut Flow, key: u64, whole: &[u8], cx: &Context<'_>, out: &mut Sink) {
        let link = Addresses::from_key(key);
        if !application::decode(flow, link, whole, cx, out) {
            // Fragments of one byte in all: not even a function code.
            let role = if link.from_master { Role::Request } else { Role::Response };
            let pdu = out.pdu(role, 4, function::link(4, true).0);
            pdu.unit(link.outstation()).anomaly(Anomaly::LengthMismatch);
            pdu.field(field::LAYER, "link")
                .field(field::SOURCE, link.source)
                .field(field::DESTINATION, link.destination);
        }
    }

    fn gap(flow: &mut Flow, _direction: Direction, _lost: Option<u32>) {
        flow.lose();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pdu::MAX_ITEMS;
    use alloc::vec::Vec;

    /// An outstation's response from 10 to 1 with these objects, put together.
    fn joined(objects: &[u8]) -> Sink {
        let mut message = Vec::from([0xc0, function::RESPONSE, 0, 0]);
        message.extend_from_slice(objects);
        let link = Addresses { source: 10, destination: 1, from_master: false };
        let mut sink = Sink::new();
        sink.begin(ProtocolId::Dnp3);
        let cx = Context::bare(Transport::Tcp);
        Dnp3::joined(&mut Flow::default(), link.key(), &message, &cx, &mut sink);
        sink
    }

    #[test]
    fn more_bits_than_are_kept_are_cut_and_noticed() {
        let mut objects = Vec::from([1, 1, 1, 0, 0, 0xff, 0xff]);
        objects.extend_from_slice(&[0xff; 8192]);
        let sink = joined(&objects);

        let [pdu] = sink.pdus() else { panic!("one PDU") };
        assert_eq!(MAX_ITEMS, pdu.values.len());
        assert!(pdu.anomalies.contains(Anomaly::ItemsTruncated));
    }

    #[test]
    fn a_count_without_bytes_makes_no_items() {
        // g110v0, octet strings without octets, four thousand million of them.
        let sink = joined(&[110, 0, 9, 0xff, 0xff, 0xff, 0xff, 60, 2, 9, 0xff, 0xff, 0xff, 0xff]);

        let [pdu] = sink.pdus() else { panic!("one PDU") };
        assert_eq!((1, 0), (pdu.items.len(), pdu.values.len()));
        assert!(pdu.anomalies.contains(Anomaly::Malformed));
    }
}
