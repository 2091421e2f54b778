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
mod function;
mod header;
mod iin;
mod object;
mod objects;
mod point;

use crate::anomaly::Anomaly;
use crate::dissector::{
    Context, Direction, Dissector, Frame, OffPort, Probe, Registration, Sender, Transport,
};
use crate::operation::Class;
use crate::pdu::Role;
use crate::reader::Reader;
use crate::registry::ProtocolId;
use crate::sink::{Part, Sink};

/// Bytes of the link header, its checksum included.
const HEADER: usize = 10;
/// Most bytes of user data in one link frame.
const MAX_DATA: usize = 250;
/// Longest link frame: header, 250 bytes of user data, 16 checksums of blocks.
const MAX_FRAME: usize = 292;

/// A link header whose checksum fits.
#[derive(Clone, Copy, Debug)]
struct LinkHeader {
    /// Bytes of user data.
    data: usize,
    control: u8,
    addresses: Addresses,
}

impl LinkHeader {
    /// Reads the header at the front of `bytes`.
    fn read(bytes: &[u8]) -> Result<Self, Frame> {
        let mut reader = Reader::new(bytes);
        for start in [0x05, 0x64] {
            match reader.u8() {
                Some(byte) if byte == start => {}
                Some(_) => return Err(Frame::Bad(Anomaly::Malformed)),
                None => return Err(Frame::NeedBytes(HEADER)),
            }
        }
        let mut reader = Reader::new(bytes);
        let Some(covered) = reader.array::<8>() else { return Err(Frame::NeedBytes(HEADER)) };
        let Some(crc) = reader.u16_le() else { return Err(Frame::NeedBytes(HEADER)) };
        if crc::crc(&covered) != crc {
            return Err(Frame::Bad(Anomaly::BadChecksum));
        }
        let [_, _, length, control, destination @ .., source_low, source_high] = covered;
        let Some(data) = length.checked_sub(5) else {
            return Err(Frame::Bad(Anomaly::LengthMismatch));
        };
        let addresses = Addresses {
            source: u16::from_le_bytes([source_low, source_high]),
            destination: u16::from_le_bytes(destination),
            from_master: control & 0x80 != 0,
        };
        Ok(Self { data: data.into(), control, addresses })
    }

    /// Bytes of the whole frame.
    const fn frame_length(&self) -> usize {
        let checksums = self.data.div_ceil(16).saturating_mul(2);
        HEADER.saturating_add(self.data).saturating_add(checksums)
    }

    /// Whether the frame begins an exchange.
    const fn is_primary(&self) -> bool {
        self.control & 0x40 != 0
    }

    /// Link function code.
    const fn function(&self) -> u8 {
        self.control & 0x0f
    }

    /// Whether the frame's function is one that carries user data.
    const fn carries_data(&self) -> bool {
        self.is_primary() && matches!(self.function(), 3 | 4)
    }
}

/// Copies the user data of `frame` without its checksums.
fn user_data<'b>(
    frame: &[u8],
    length: usize,
    buffer: &'b mut [u8; MAX_DATA],
) -> Result<&'b [u8], Anomaly> {
    let mut reader = Reader::new(frame.get(HEADER..).unwrap_or_default());
    let data = buffer.get_mut(..length).ok_or(Anomaly::LengthMismatch)?;
    for block in data.chunks_mut(16) {
        let bytes = reader.take(block.len()).ok_or(Anomaly::LengthMismatch)?;
        let crc = reader.u16_le().ok_or(Anomaly::LengthMismatch)?;
        if crc::crc(bytes) != crc {
            return Err(Anomaly::BadChecksum);
        }
        block.copy_from_slice(bytes);
    }
    Ok(data)
}

/// Who talks to whom on the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Addresses {
    source: u16,
    destination: u16,
    from_master: bool,
}

impl Addresses {
    const fn outstation(self) -> u16 {
        if self.from_master { self.destination } else { self.source }
    }

    const fn master(self) -> u16 {
        if self.from_master { self.source } else { self.destination }
    }

    /// The same for both ways.
    const fn pair(self) -> u32 {
        (self.master() as u32) << 16 | self.outstation() as u32
    }

    /// Whether it goes to all outstations: 0xfffd to 0xffff.
    const fn is_broadcast(self) -> bool {
        self.destination >= 0xfffd
    }

    /// What belongs together in the transport layer.
    const fn key(self) -> u64 {
        (self.from_master as u64) << 32 | (self.source as u64) << 16 | self.destination as u64
    }

    const fn from_key(key: u64) -> Self {
        let [destination_low, destination_high, source_low, source_high, from_master, ..] =
            key.to_le_bytes();
        Self {
            source: u16::from_le_bytes([source_low, source_high]),
            destination: u16::from_le_bytes([destination_low, destination_high]),
            from_master: from_master != 0,
        }
    }
}

/// The last request of a master to an outstation.
#[derive(Clone, Copy, Debug)]
struct Asked {
    pair: u32,
    digest: u64,
    code: u8,
    sequence: u8,
}

/// The last unsolicited response of an outstation to a master.
#[derive(Clone, Copy, Debug)]
struct Reported {
    pair: u32,
    sequence: u8,
}

/// How a request stands to the one before it.
#[derive(Clone, Copy, Debug)]
struct Previous {
    asked: Option<Asked>,
    sequence: u8,
    digest: u64,
    /// Whether every request since the flow's start was seen.
    complete: bool,
}

impl Previous {
    /// Whether an operate has no select of the same objects before it, and none
    /// can have been missed.
    fn is_missing_select(&self) -> bool {
        let Some(asked) = self.asked else { return self.complete };
        let next = asked.sequence.wrapping_add(1) & 0x0f == self.sequence;
        let again = asked.sequence == self.sequence;
        let fits = asked.digest == self.digest
            && (asked.code == function::SELECT && next || asked.code == function::OPERATE && again);
        !fits && (next || self.complete)
    }
}

/// What is remembered of a flow.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flow {
    /// The last requests, newest first.
    asked: [Option<Asked>; 3],
    /// The last unsolicited responses, newest first.
    reported: [Option<Reported>; 2],
    files: file::OpenFiles,
    /// Whether a request may have been missed.
    lossy: bool,
}

impl Flow {
    /// Remembers a request and gives what is known of the one before it.
    fn asked(&mut self, pair: u32, code: u8, sequence: u8, digest: u64) -> Previous {
        let complete = !self.lossy;
        let at = self.asked.iter().position(|asked| asked.is_some_and(|asked| asked.pair == pair));
        let asked = at.and_then(|at| self.asked.get_mut(at)).and_then(Option::take);
        self.lossy |= push_front(&mut self.asked, Asked { pair, digest, code, sequence });
        Previous { asked, sequence, digest, complete }
    }

    /// Remembers an unsolicited response, and says whether one before it is missing.
    /// One that comes again was not confirmed; a restart begins anew.
    fn misses_report(&mut self, pair: u32, sequence: u8, restarted: bool) -> bool {
        let at = self.reported.iter().position(|last| last.is_some_and(|last| last.pair == pair));
        let last = at.and_then(|at| self.reported.get_mut(at)).and_then(Option::take);
        push_front(&mut self.reported, Reported { pair, sequence });
        last.is_some_and(|last| {
            let step = sequence.wrapping_sub(last.sequence) & 0x0f;
            step > 1 && !restarted && !self.lossy
        })
    }

    /// Forgets what a loss may have made untrue.
    fn lose(&mut self) {
        self.asked = Default::default();
        self.reported = Default::default();
        self.lossy = true;
    }
}

/// Puts the newest first; says whether the oldest fell out.
fn push_front<T>(slots: &mut [Option<T>], newest: T) -> bool {
    let mut carried = Some(newest);
    for slot in slots {
        core::mem::swap(slot, &mut carried);
        if carried.is_none() {
            break;
        }
    }
    carried.is_some()
}

/// Emits a link frame that has no application message that can be read.
fn link_pdu(header: &LinkHeader, anomaly: Option<Anomaly>, out: &mut Sink, cx: &Context<'_>) {
    let code = header.function();
    let (operation, status) = function::link(code, header.is_primary());
    let role = if header.is_primary() { Role::Request } else { Role::Response };
    let link = header.addresses;
    // Apart from every key of the application layer.
    let key = 1 << 40 | u64::from(link.pair());
    let pdu = out.pdu(role, code.into(), operation);
    pdu.unit(link.outstation()).status(status);
    pdu.field(field::LAYER, "link")
        .field(field::SOURCE, link.source)
        .field(field::DESTINATION, link.destination);
    if !header.is_primary() && header.control & 0x10 != 0 {
        pdu.field(field::DATA_FLOW_CONTROL, true);
    }
    // User data is acknowledged on the link as well; only a frame that asks for
    // nothing else takes its answer.
    let pairs = match role {
        Role::Request => matches!(code, 0 | 1 | 2 | 9),
        _ => cx.request(ProtocolId::Dnp3, key).is_some(),
    };
    pdu.unconfirmed = role == Role::Request && (!pairs || link.is_broadcast());
    if pairs {
        pdu.pairing_key(key);
    }
    if !function::is_known_link(code, header.is_primary()) {
        pdu.anomaly(Anomaly::UnknownFunction);
    }
    if operation.class() == Class::Restart {
        pdu.anomaly(Anomaly::ObsoleteFunction);
    }
    if let Some(anomaly) = anomaly {
        pdu.anomaly(anomaly);
    } else if header.data > 0 {
        pdu.anomaly(Anomaly::TrailingBytes);
    }
}

/// DNP3 over TCP, UDP and serial lines.
pub struct Dnp3;

impl Dissector for Dnp3 {
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
            link_pdu(&header, None, out, cx);
            return;
        }
        let mut buffer = [0; MAX_DATA];
        let data = match user_data(bytes, header.data, &mut buffer) {
            Ok(data) => data,
            Err(anomaly) => {
                flow.lossy = true;
                link_pdu(&header, Some(anomaly), out, cx);
                return;
            }
        };
        let Some((octet, message)) = data.split_first() else {
            link_pdu(&header, Some(Anomaly::LengthMismatch), out, cx);
            return;
        };
        let (first, last) = (octet & 0x40 != 0, octet & 0x80 != 0);
        if first && last {
            if !application::decode(flow, header.addresses, message, cx, out) {
                link_pdu(&header, Some(Anomaly::LengthMismatch), out, cx);
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

    #[test]
    fn addresses_survive_their_key() {
        for from_master in [false, true] {
            let link = Addresses { source: 0x1234, destination: 0xfffd, from_master };

            assert_eq!(link, Addresses::from_key(link.key()));
        }
    }

    #[test]
    fn only_the_requests_of_one_pair_are_compared() {
        let mut flow = Flow::default();
        for pair in 0..3 {
            assert!(flow.asked(pair, function::SELECT, 1, 7).is_missing_select());
        }

        assert!(!flow.asked(1, function::OPERATE, 2, 7).is_missing_select());
        assert!(flow.asked(2, function::OPERATE, 2, 8).is_missing_select());
    }

    #[test]
    fn a_report_that_is_left_out_is_missed() {
        let mut flow = Flow::default();

        assert!(!flow.misses_report(1, 14, false));
        assert!(!flow.misses_report(1, 15, false));
        assert!(!flow.misses_report(1, 15, false));
        assert!(!flow.misses_report(1, 0, false));
        assert!(flow.misses_report(1, 2, false));
        assert!(!flow.misses_report(1, 7, true));
        assert!(!flow.misses_report(2, 3, false));
    }

    #[test]
    fn after_a_loss_a_missing_select_is_not_claimed() {
        let mut flow = Flow::default();
        Dnp3::gap(&mut flow, Direction::AToB, None);

        assert!(!flow.asked(1, function::OPERATE, 5, 7).is_missing_select());
        // The request just before was seen, and was no select.
        flow.asked(1, function::READ, 6, 7);
        assert!(flow.asked(1, function::OPERATE, 7, 7).is_missing_select());
    }
}
