//! S7comm: who reads, writes, programs, starts and stops a SIMATIC S7-300/400, or a 1200/1500
//! that allows PUT/GET.
//!
//! ```text
//!  0    1        2          4           6           8            10
//!  | 32 | ROSCTR | reserved | reference | parameter | data       | error class | code |
//!                                         length      length       only ROSCTR 2 and 3
//!  then the parameter (function, items) and the data                        all big-endian
//! ```
//!
//! It comes inside COTP ([`crate::tpkt`]). Siemens never published it.
//!
//! Sources: layouts as checked on public captures (ITI ICS-Security-Tools, cisagov
//! icsnpp-s7comm, plc4x) with tshark 4.0.17 as reference; names of codes from STEP 7's
//! documentation (SFC and SFB reference, SSL reference).

mod alarm;
mod block;
mod catalogue;
mod cyclic;
mod error;
mod fields;
mod function;
mod item;
mod pi_service;
pub(crate) mod plus;
mod programmer;
mod szl;
mod time;
mod userdata;

use crate::anomaly::Anomaly;
use crate::dissector::{
    Context, Direction, Dissector, Frame, OffPort, Probe, Registration, Sender,
};
use crate::operation::{Class, Operation};
use crate::pdu::{Pdu, Role, Status};
use crate::reader::{Reader, byte};
use crate::registry::ProtocolId;
use crate::sink::Sink;
use fields::{ERROR_CODE, FIELDS, PDU_REFERENCE, ROSCTR};
use userdata::Head;

/// The first byte of every message.
pub(crate) const PROTOCOL: u8 = 0x32;

/// Kinds of message.
const JOB: u8 = 1;
const ACK: u8 = 2;
const ACK_DATA: u8 = 3;
const USERDATA: u8 = 7;

/// The fixed part of a message, and its two parts.
#[derive(Clone, Copy, Debug)]
struct Message<'a> {
    rosctr: u8,
    reserved: u16,
    reference: u16,
    /// Error class and code of an answer.
    error: Option<u16>,
    parameter: &'a [u8],
    data: &'a [u8],
    /// Whether the lengths of the header fit the bytes.
    fits: bool,
    /// What stands after the two parts.
    trailing: &'a [u8],
}

impl<'a> Message<'a> {
    /// `None` where the header is cut short.
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        reader.u8()?;
        let rosctr = reader.u8()?;
        let reserved = reader.u16_be()?;
        let reference = reader.u16_be()?;
        let parameter_length = usize::from(reader.u16_be()?);
        let data_length = usize::from(reader.u16_be()?);
        let error = match rosctr {
            ACK | ACK_DATA => Some(reader.u16_be()?),
            _ => None,
        };
        let parameter = reader.take_up_to(parameter_length);
        let data = reader.take_up_to(data_length);
        Some(Self {
            rosctr,
            reserved,
            reference,
            error,
            parameter,
            data,
            fits: parameter.len() == parameter_length && data.len() == data_length,
            trailing: reader.rest(),
        })
    }

    /// What joins an answer to its job; user data counts apart.
    fn pairing_key(&self) -> u64 {
        u64::from(self.rosctr == USERDATA) << 16 | u64::from(self.reference)
    }

    /// Begins a PDU with what the header says.
    fn pdu<'s>(
        &self,
        role: Role,
        code: u16,
        operation: Operation,
        out: &'s mut Sink,
    ) -> &'s mut Pdu {
        let pdu = out.pdu(role, code, operation);
        pdu.pairing_key(self.pairing_key());
        pdu.field(ROSCTR, self.rosctr).field(PDU_REFERENCE, self.reference);
        if let Some(error) = self.error {
            pdu.status(status(error));
            if error != 0 {
                pdu.field(ERROR_CODE, error);
            }
        }
        if self.reserved != 0 {
            pdu.anomaly(Anomaly::ReservedBits);
        }
        if !self.fits {
            pdu.anomaly(Anomaly::LengthMismatch);
        }
        if !self.trailing.is_empty() {
            pdu.anomaly(Anomaly::TrailingBytes);
        }
        pdu
    }
}

/// The length of the message that begins with `bytes`, as its header has it:
/// `None` where there are too few bytes to tell, `Some(None)` where it is none.
pub(crate) fn length(bytes: &[u8]) -> Option<Option<usize>> {
    let header = match (byte(bytes, 0)?, byte(bytes, 1)) {
        (PROTOCOL, Some(JOB | USERDATA)) => 10usize,
        (PROTOCOL, Some(ACK | ACK_DATA)) => 12,
        (PROTOCOL, None) => return None,
        _ => return Some(None),
    };
    let mut reader = Reader::new(bytes);
    reader.skip(6)?;
    let parameter = reader.u16_be()?;
    let data = reader.u16_be()?;
    Some(Some(header.saturating_add(parameter.into()).saturating_add(data.into())))
}

/// Which side must have sent a whole message.
///
/// In a download the controller asks for each block and the client answers, so
/// those functions tell nothing.
pub(crate) fn sender(bytes: &[u8]) -> Sender {
    let Some(message) = Message::read(bytes) else { return Sender::Unknown };
    let client_asks = byte(message.parameter, 0).is_some_and(function::is_asked_by_client);
    match message.rosctr {
        JOB if client_asks => Sender::Client,
        ACK_DATA if client_asks => Sender::Server,
        USERDATA if item::is_whole(message.data) => {
            Head::read(message.parameter).map_or(Sender::Unknown, |head| head.sender())
        }
        _ => Sender::Unknown,
    }
}

/// What is remembered of a flow.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flow {
    /// Whether a setup was seen, or its absence was already noted.
    set_up: bool,
    /// Uploads by their number.
    uploads: block::Uploads,
    /// The latest subscription to cyclic data.
    subscription: Option<cyclic::Subscription>,
    /// The latest answer in parts.
    under_way: Option<userdata::UnderWay>,
}

/// S7comm, inside COTP.
pub struct S7comm;

impl Dissector for S7comm {
    /// Lists of blocks, and system status lists: whether they say another thing than
    /// before is told from each.
    const SINGLY: &'static [u16] = &userdata::LISTS;

    const REGISTRATION: Registration = Registration {
        id: ProtocolId::S7comm,
        name: "s7comm",
        tcp: &[],
        udp: &[],
        parents: &[ProtocolId::Cotp],
        max_pdu: u16::MAX as usize,
        resync_window: 0,
        off_port: OffPort::Never,
        open_requests: 32,
        fields: FIELDS,
    };

    type Flow = Flow;

    fn probe(bytes: &[u8], cx: &Context<'_>) -> Probe {
        if cx.parent != Some(ProtocolId::Cotp) {
            return Probe::No;
        }
        match length(bytes) {
            None => Probe::NeedMore,
            Some(Some(length)) if length == bytes.len() => Probe::Strong,
            Some(_) => Probe::No,
        }
    }

    fn frame(bytes: &[u8], _cx: &Context<'_>) -> Frame {
        match byte(bytes, 0) {
            None => Frame::NeedBytes(1),
            Some(PROTOCOL) => Frame::Pdu(bytes.len()),
            Some(_) => Frame::Bad(Anomaly::Version),
        }
    }

    fn sender(message: &[u8], _cx: &Context<'_>) -> Sender {
        sender(message)
    }

    fn decode(flow: &mut Flow, bytes: &[u8], cx: &Context<'_>, out: &mut Sink) {
        if byte(bytes, 0) != Some(PROTOCOL) {
            return;
        }
        let Some(message) = Message::read(bytes) else {
            let rosctr = byte(bytes, 1).unwrap_or(0).into();
            out.pdu(Role::Unknown, rosctr, Operation::unknown(rosctr))
                .field(ROSCTR, rosctr)
                .anomaly(Anomaly::LengthMismatch);
            return;
        };
        match message.rosctr {
            JOB => function::job(flow, &message, cx, out),
            ACK | ACK_DATA => function::acknowledgement(flow, &message, cx, out),
            USERDATA => userdata::userdata(flow, &message, cx, out),
            rosctr => {
                let code = rosctr.into();
                message
                    .pdu(Role::Unknown, code, Operation::unknown(code), out)
                    .anomaly(Anomaly::IllegalType);
            }
        }
    }

    fn joined(_flow: &mut Flow, _key: u64, whole: &[u8], _cx: &Context<'_>, out: &mut Sink) {
        szl::joined(whole, out);
    }

    fn gap(flow: &mut Flow, _direction: Direction, _lost: Option<u32>) {
        flow.under_way = None;
    }
}

/// How an answer went by its error class and code.
fn status(error: u16) -> Status {
    match error {
        0 => Status::Ok,
        code => Status::failed(code.into(), error::name(code)),
    }
}

/// An answer that does not tell what it answers.
const ACKNOWLEDGE: Operation = Operation::new("acknowledge", Class::Unknown);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dissector::{Frames, OpenRequest, Transport};
    use crate::value::Value;
    use alloc::vec;
    use std::string::ToString;
    use std::vec::Vec;

    /// Reads DB10 bytes 4 to 7 as two words, and M10.0.
    const READ: &[u8] = &[
        0x32, 1, 0, 0, 0, 5, 0, 26, 0, 0, 4, 2, 0x12, 10, 0x10, 4, 0, 2, 0, 10, 0x84, 0, 0, 32,
        0x12, 10, 0x10, 1, 0, 1, 0, 0, 0x83, 0, 0, 80,
    ];
    const READ_ANSWER: &[u8] = &[
        0x32, 3, 0, 0, 0, 5, 0, 2, 0, 13, 0, 0, 4, 2, 0xff, 4, 0, 32, 0, 7, 1, 0, 0xff, 3, 0, 1, 1,
    ];

    fn context(open: &[OpenRequest]) -> Context<'_> {
        let direction = if open.is_empty() { Direction::AToB } else { Direction::BToA };
        Context { direction, open, ..Context::bare(Transport::Tcp) }
    }

    fn decode(bytes: &[u8], open: &[OpenRequest]) -> Pdu {
        let mut sink = Sink::new();
        sink.begin(ProtocolId::S7comm);
        S7comm::decode(&mut Flow::default(), bytes, &context(open), &mut sink);
        let [pdu] = sink.pdus() else { panic!("one PDU") };
        Pdu::clone(pdu)
    }

    #[test]
    fn a_stop_that_names_no_program_addresses_none() {
        let stop = [0x32, 1, 0, 0, 0, 4, 0, 7, 0, 0, 0x29, 0, 0, 0, 0, 0, 0];

        assert_eq!(None, decode(&stop, &[]).target);
    }

    fn open(bytes: &[u8]) -> OpenRequest {
        OpenRequest {
            pdu: decode(bytes, &[]).into(),
            direction: Direction::AToB,
            frames: Frames::default(),
            time_ns: 0,
        }
    }

    #[test]
    fn a_read_names_every_variable() {
        let pdu = decode(READ, &[]);

        let targets: Vec<_> =
            pdu.items.iter().map(|item| item.target.clone().unwrap().to_string()).collect();
        assert_eq!(vec!["DB10:4-7", "M:10.0"], targets);
        assert_eq!(("read_var", Role::Request), (&*pdu.operation.to_string(), pdu.role));
        assert!(pdu.anomalies.is_empty());
    }

    #[test]
    fn an_answer_takes_targets_and_types_from_its_job() {
        let pdu = decode(READ_ANSWER, &[open(READ)]);

        assert_eq!(vec![Value::Unsigned(7), Value::Unsigned(256), Value::Bool(true)], pdu.values);
        assert_eq!("M:10.0", pdu.items[1].target.clone().unwrap().to_string());
        assert_eq!((0..2, 2..3), (pdu.items[0].values.clone(), pdu.items[1].values.clone()));
        assert_eq!(Status::Ok, pdu.items[1].status);
        assert!(pdu.anomalies.is_empty());
    }

    #[test]
    fn a_write_to_outputs_is_noted() {
        let pdu = decode(
            &[
                0x32, 1, 0, 0, 0, 6, 0, 14, 0, 5, 5, 1, 0x12, 10, 0x10, 2, 0, 1, 0, 0, 0x82, 0, 0,
                8, 0, 4, 0, 8, 0x55,
            ],
            &[],
        );

        assert_eq!("Q:1", pdu.target.unwrap().to_string());
        assert_eq!(vec![Value::Unsigned(0x55)], pdu.values);
        assert!(pdu.anomalies.contains(Anomaly::WriteToProcessImage));
    }

    #[test]
    fn a_refused_item_is_the_status_of_a_job_of_one_item() {
        let job = open(&[
            0x32, 1, 0, 0, 0, 6, 0, 14, 0, 0, 4, 1, 0x12, 10, 0x10, 2, 0, 1, 0, 99, 0x84, 0, 0, 8,
        ]);
        let pdu = decode(&[0x32, 3, 0, 0, 0, 6, 0, 2, 0, 4, 0, 0, 4, 1, 0x0a, 0, 0, 0], &[job]);

        assert_eq!(Some("object_does_not_exist"), pdu.status.as_str());
        assert_eq!("DB99:1", pdu.target.unwrap().to_string());
    }
}
