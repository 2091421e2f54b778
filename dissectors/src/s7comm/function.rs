//! Jobs and their acknowledgements: the functions of ROSCTR 1, 2 and 3.
//!
//! Source: codes as tshark 4.0.17 names them; layouts on captures.

use super::fields::{MAX_AMQ_CALLED, MAX_AMQ_CALLING, PDU_LENGTH};
use super::item::{self, Address, Data};
use super::{ACKNOWLEDGE, Flow, Message, block, pi_service};
use crate::anomaly::Anomaly;
use crate::dissector::{Context, Sender};
use crate::operation::{Class, Operation};
use crate::pdu::{Pdu, Role, Status};
use crate::reader::{Reader, byte};
use crate::registry::ProtocolId;
use crate::sink::Sink;

pub(super) const READ_VAR: u8 = 0x04;
pub(super) const WRITE_VAR: u8 = 0x05;
pub(super) const REQUEST_DOWNLOAD: u8 = 0x1a;
pub(super) const DOWNLOAD_BLOCK: u8 = 0x1b;
pub(super) const DOWNLOAD_ENDED: u8 = 0x1c;
pub(super) const START_UPLOAD: u8 = 0x1d;
pub(super) const UPLOAD: u8 = 0x1e;
pub(super) const END_UPLOAD: u8 = 0x1f;
pub(super) const PI_SERVICE: u8 = 0x28;
pub(super) const PLC_STOP: u8 = 0x29;
pub(super) const SETUP: u8 = 0xf0;

/// The operation of a function code; that of a PI service depends on its name.
const fn operation(code: u8) -> Operation {
    const CPU_SERVICES: Operation = Operation::new("cpu_services", Class::Proprietary);
    const READ: Operation = Operation::new("read_var", Class::Read);
    const WRITE: Operation = Operation::new("write_var", Class::Write);
    const REQUEST: Operation = Operation::new("request_download", Class::ProgramDownload);
    const BLOCK: Operation = Operation::new("download_block", Class::ProgramDownload);
    const ENDED: Operation = Operation::new("download_ended", Class::ProgramDownload);
    const START: Operation = Operation::new("start_upload", Class::ProgramUpload);
    const NEXT: Operation = Operation::new("upload", Class::ProgramUpload);
    const END: Operation = Operation::new("end_upload", Class::ProgramUpload);
    const PI: Operation = Operation::new("pi_service", Class::Proprietary);
    const STOP: Operation = Operation::new("plc_stop", Class::ModeStop);
    const SET_UP: Operation = Operation::new("setup_communication", Class::SessionOpen);
    match code {
        0x00 => CPU_SERVICES,
        READ_VAR => READ,
        WRITE_VAR => WRITE,
        REQUEST_DOWNLOAD => REQUEST,
        DOWNLOAD_BLOCK => BLOCK,
        DOWNLOAD_ENDED => ENDED,
        START_UPLOAD => START,
        UPLOAD => NEXT,
        END_UPLOAD => END,
        PI_SERVICE => PI,
        PLC_STOP => STOP,
        SETUP => SET_UP,
        _ => Operation::unknown(code as u16),
    }
}

/// Whether only a client sends jobs of this function.
pub(super) const fn is_asked_by_client(code: u8) -> bool {
    matches!(
        code,
        READ_VAR
            | WRITE_VAR
            | REQUEST_DOWNLOAD
            | START_UPLOAD
            | UPLOAD
            | END_UPLOAD
            | PI_SERVICE
            | PLC_STOP
            | SETUP
    )
}

/// Reads a job.
pub(super) fn job(flow: &mut Flow, message: &Message<'_>, cx: &Context<'_>, out: &mut Sink) {
    let Some(code) = byte(message.parameter, 0) else {
        message.pdu(Role::Request, 0, Operation::unknown(0), out).anomaly(Anomaly::Malformed);
        return;
    };
    let pdu = message.pdu(Role::Request, code.into(), operation(code), out);
    // The transport's key comes only while its opening was seen and nothing was lost.
    if code != SETUP && !flow.set_up && cx.carried.pairing_key.is_some() {
        pdu.anomaly(Anomaly::IllegalState);
    }
    flow.set_up = true;
    if cx.sender == Sender::Server && is_asked_by_client(code) {
        pdu.anomaly(Anomaly::RequestFromServer);
    }
    let mut parameter = Reader::new(message.parameter.get(1..).unwrap_or_default());
    let mut data = Reader::new(message.data);
    let whole = match code {
        READ_VAR => read_request(&mut parameter, pdu),
        WRITE_VAR => write_request(&mut parameter, &mut data, pdu),
        SETUP => setup(&mut parameter, pdu),
        REQUEST_DOWNLOAD..=END_UPLOAD => block::transfer_job(code, flow, &mut parameter, pdu),
        PI_SERVICE => pi_service::read(message.parameter, &mut parameter, pdu),
        PLC_STOP => pi_service::plc_stop(&mut parameter, pdu),
        _ => all(&mut parameter, &mut data),
    };
    finish(code, whole, &parameter, &data, pdu);
}

/// Reads an acknowledgement, with or without data.
pub(super) fn acknowledgement(
    flow: &mut Flow,
    message: &Message<'_>,
    cx: &Context<'_>,
    out: &mut Sink,
) {
    let code = byte(message.parameter, 0);
    // A refusal may leave out the function: the job has it.
    let open = cx
        .request(ProtocolId::S7comm, message.pairing_key())
        .map(|open| &*open.pdu)
        .filter(|job| code.is_none_or(|code| job.code == u16::from(code)));
    let (code, operation) = match (open, code) {
        (Some(job), _) => (job.code, job.operation),
        (None, Some(code)) => (code.into(), operation(code)),
        (None, None) if message.error != Some(0) => (0, ACKNOWLEDGE.with_class(Class::Exception)),
        (None, None) => (0, ACKNOWLEDGE),
    };
    let pdu = message.pdu(Role::Response, code, operation, out);
    if let Some(job) = open {
        pdu.target.clone_from(&job.target);
        pdu.quantity = job.quantity;
    }
    let code = u8::try_from(code).unwrap_or(0);
    let from_asking_side = cx.sender == Sender::Client && is_asked_by_client(code);
    if message.parameter.is_empty() {
        if !message.data.is_empty() {
            pdu.anomaly(Anomaly::TrailingBytes);
        }
        if from_asking_side {
            unconfirm(pdu);
        }
        return;
    }
    let mut parameter = Reader::new(message.parameter.get(1..).unwrap_or_default());
    let mut data = Reader::new(message.data);
    let mut piece = None;
    let whole = match code {
        // A refused job comes back without its items.
        READ_VAR | WRITE_VAR if parameter.is_empty() && data.is_empty() => Some(()),
        READ_VAR => read_response(&mut parameter, &mut data, open, pdu),
        WRITE_VAR => write_response(&mut parameter, &mut data, open, pdu),
        SETUP => setup(&mut parameter, pdu),
        REQUEST_DOWNLOAD..=END_UPLOAD => {
            let answer = block::transfer_answer(code, flow, &mut parameter, &mut data, pdu);
            if let Some(job) = open {
                block::ended(code, flow, job);
            }
            piece = answer.flatten();
            answer.map(|_| ())
        }
        // Controllers add a byte to some refusals.
        PI_SERVICE | PLC_STOP if parameter.len() == 1 => all(&mut parameter, &mut data),
        PI_SERVICE | PLC_STOP => Some(()),
        _ => all(&mut parameter, &mut data),
    };
    finish(code, whole, &parameter, &data, pdu);
    if from_asking_side {
        unconfirm(pdu);
    }
    if let Some((bytes, last)) = piece {
        let target = pdu.target.clone();
        block::content(code, target.as_ref(), bytes, last, out);
    }
}

/// Takes back that something was done: only the side that was asked can say so.
pub(super) fn unconfirm(pdu: &mut Pdu) {
    let statuses = pdu.items.iter_mut().map(|item| &mut item.status);
    for status in statuses.chain([&mut pdu.status]) {
        if *status == Status::Ok {
            *status = Status::None;
        }
    }
}

/// Takes what no layout is known of.
fn all(parameter: &mut Reader<'_>, data: &mut Reader<'_>) -> Option<()> {
    parameter.take_up_to(usize::MAX);
    data.take_up_to(usize::MAX);
    Some(())
}

/// Notes what does not fit.
fn finish(code: u8, whole: Option<()>, parameter: &Reader<'_>, data: &Reader<'_>, pdu: &mut Pdu) {
    if pdu.operation == Operation::unknown(code.into()) {
        pdu.anomaly(Anomaly::UnknownFunction);
    }
    if whole.is_none() {
        pdu.anomaly(Anomaly::LengthMismatch);
    } else if !parameter.is_empty() || !data.is_empty() {
        pdu.anomaly(Anomaly::TrailingBytes);
    }
}

/// Parallel jobs and the longest message, proposed or agreed.
fn setup(parameter: &mut Reader<'_>, pdu: &mut Pdu) -> Option<()> {
    parameter.skip(1)?;
    pdu.field(MAX_AMQ_CALLING, parameter.u16_be()?);
    pdu.field(MAX_AMQ_CALLED, parameter.u16_be()?);
    pdu.field(PDU_LENGTH, parameter.u16_be()?);
    Some(())
}

/// What a read asks for.
fn read_request(parameter: &mut Reader<'_>, pdu: &mut Pdu) -> Option<()> {
    let count = parameter.u8()?;
    if count == 0 {
        pdu.anomaly(Anomaly::CountOutOfRange);
    }
    for _ in 0..count {
        let (address, specification) = Address::read(parameter)?;
        item::pad(specification, parameter);
        address.put(specification, count > 1, pdu);
    }
    Some(())
}

/// What a write addresses, and the values that it brings.
fn write_request(parameter: &mut Reader<'_>, data: &mut Reader<'_>, pdu: &mut Pdu) -> Option<()> {
    let count = parameter.u8()?;
    if count == 0 {
        pdu.anomaly(Anomaly::CountOutOfRange);
    }
    for n in 1..=count {
        let (address, specification) = Address::read(parameter)?;
        item::pad(specification, parameter);
        let element = address.element;
        if address.process_image {
            pdu.anomaly(Anomaly::WriteToProcessImage);
        }
        address.put(specification, count > 1, pdu);
        Data::read(data, n == count)?.put(element, pdu);
    }
    Some(())
}

/// The values that were read.
fn read_response(
    parameter: &mut Reader<'_>,
    data: &mut Reader<'_>,
    open: Option<&Pdu>,
    pdu: &mut Pdu,
) -> Option<()> {
    let count = parameter.u8()?;
    check_count(count, open, pdu);
    let mut summary = Summary::default();
    for n in 0..count {
        let value = Data::read(data, n.saturating_add(1) == count)?;
        let (target, quantity, element) =
            open.map(|job| item::asked(job, n.into(), count > 1)).unwrap_or_default();
        let status = item::return_code(value.return_code);
        summary.add(status);
        if count > 1
            && let Some(item) = pdu.item(target)
        {
            item.quantity = quantity;
            item.status = status;
        }
        value.put(element, pdu);
    }
    summary.put(pdu);
    Some(())
}

/// How each part of a write went.
fn write_response(
    parameter: &mut Reader<'_>,
    data: &mut Reader<'_>,
    open: Option<&Pdu>,
    pdu: &mut Pdu,
) -> Option<()> {
    let count = parameter.u8()?;
    check_count(count, open, pdu);
    let mut summary = Summary::default();
    for n in 0..count {
        let status = item::return_code(data.u8()?);
        summary.add(status);
        if count > 1 {
            let (target, quantity, _) =
                open.map(|job| item::asked(job, n.into(), true)).unwrap_or_default();
            if let Some(item) = pdu.item(target) {
                item.quantity = quantity;
                item.status = status;
            }
        }
    }
    summary.put(pdu);
    Some(())
}

/// Notes an answer with another number of items than its job.
fn check_count(count: u8, open: Option<&Pdu>, pdu: &mut Pdu) {
    let asked = open.map(|job| job.items.len().max(1));
    if asked.is_some_and(|asked| asked != usize::from(count)) {
        pdu.anomaly(Anomaly::ValueMismatch);
    }
}

/// How a PDU went by its items: it failed if none of them did well.
#[derive(Default)]
struct Summary {
    first_failure: Option<Status>,
    any_ok: bool,
}

impl Summary {
    fn add(&mut self, status: Status) {
        if status.is_failure() {
            self.first_failure.get_or_insert(status);
        } else {
            self.any_ok = true;
        }
    }

    fn put(self, pdu: &mut Pdu) {
        if let (Some(failure), false, Status::Ok) = (self.first_failure, self.any_ok, pdu.status) {
            pdu.status = failure;
        }
    }
}
