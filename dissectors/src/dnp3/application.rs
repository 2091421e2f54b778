//! The application layer: function, internal indications and objects of a message.
//!
//! ```text
//!  0         1          2      4
//!  | control | function | (IIN)| object headers and objects ...
//!  control: FIR 80, FIN 40, CON 20, UNS 10, sequence 0f; IIN in responses only
//! ```
//!
//! Source: IEEE 1815-2012, 4.2.

use super::flow::Flow;
use super::found::Found;
use super::link::Addresses;
use super::objects::Objects;
use super::{attribute, field, function, iin};
use crate::anomaly::Anomaly;
use crate::dissector::{Context, OpenRequest};
use crate::operation::Class;
use crate::pdu::{Item, Pdu, Role, Status};
use crate::reader::Reader;
use crate::registry::ProtocolId;
use crate::sink::{ContentKind, Sink, Subject};
use crate::target::Space;
use crate::value::{Value, text};

/// Reads an application message into one PDU. `false` where there is not even a
/// function code.
pub(super) fn decode(
    flow: &mut Flow,
    link: Addresses,
    bytes: &[u8],
    cx: &Context<'_>,
    out: &mut Sink,
) -> bool {
    let mut reader = Reader::new(bytes);
    let (Some(octet), Some(code)) = (reader.u8(), reader.u8()) else { return false };
    let sequence = octet & 0x0f;
    let direction = link;
    let from_master = function::is_from_master(code).unwrap_or(link.from_master);
    let link = Addresses { from_master, ..link };
    let role = match code {
        function::RESPONSE | function::AUTHENTICATION_RESPONSE => Role::Response,
        function::UNSOLICITED => Role::Event,
        0..=127 => Role::Request,
        _ if link.from_master => Role::Request,
        _ => Role::Response,
    };
    let key = u64::from(link.pair()) << 4 | u64::from(sequence);
    // Only the first fragment of a response carries the sequence of its request.
    let answers = role == Role::Response && octet & 0x80 != 0;
    let request = answers.then(|| cx.request(ProtocolId::Dnp3, key)).flatten();
    let operation = function::operation(code);
    let pdu = out.pdu(role, code.into(), operation);
    pdu.unit(link.outstation());
    pdu.field(field::SOURCE, link.source)
        .field(field::DESTINATION, link.destination)
        .field(field::SEQUENCE, sequence)
        .field(field::FIRST, octet & 0x80 != 0)
        .field(field::FINAL, octet & 0x40 != 0)
        .field(field::CONFIRM, octet & 0x20 != 0)
        .field(field::UNSOLICITED, octet & 0x10 != 0);
    pdu.unconfirmed =
        role == Role::Request && (function::is_unanswered(code) || link.is_broadcast());
    if answers || role == Role::Request && code != function::CONFIRM && !pdu.unconfirmed {
        pdu.pairing_key(key);
    }
    pdu.phase = function::phase(code).or(request.and_then(|open| open.pdu.phase));
    note_departures(code, octet, role, direction, pdu);
    let mut found = Found::default();
    if code >= function::RESPONSE && function::is_known(code) {
        match reader.array() {
            Some([first, second]) => iin::push(first, second, pdu),
            None => {
                pdu.anomaly(Anomaly::LengthMismatch);
            }
        }
    }
    if function::is_known(code) {
        let asked = request.map(|open| &*open.pdu);
        let files = &mut flow.files;
        Objects { code, role, link, request: asked, files, found: &mut found, pdu }
            .read(&mut reader);
    }
    if found.challenges {
        step_aside(pdu);
    }
    // A challenge is no answer to what is asked, also where its object was cut off.
    let answers = !found.challenges && code != function::AUTHENTICATION_RESPONSE;
    settle(code, request.filter(|_| answers), &found, pdu);
    if role == Role::Request && !function::is_aside(code) {
        let previous = flow.asked(link.pair(), code, sequence, found.digest);
        if code == function::OPERATE && previous.is_missing_select() {
            pdu.anomaly(Anomaly::OperateWithoutSelect);
        }
    }
    if role == Role::Event {
        let restarted = pdu.anomalies.contains(Anomaly::RestartSeen);
        if flow.misses_report(link.pair(), sequence, restarted) {
            pdu.anomaly(Anomaly::SequenceGap);
        }
    }
    hand_on(role, link, &found, flow, out);
    true
}

/// Anomalies of function and control octet.
fn note_departures(code: u8, octet: u8, role: Role, link: Addresses, pdu: &mut Pdu) {
    if !function::is_known(code) {
        pdu.anomaly(Anomaly::UnknownFunction);
    }
    if function::is_obsolete(code) {
        pdu.anomaly(Anomaly::ObsoleteFunction);
    }
    match (role, code) {
        // Both sides confirm.
        (_, function::CONFIRM) => {}
        (Role::Request, _) if !link.from_master => {
            pdu.anomaly(Anomaly::RequestFromServer);
        }
        (Role::Response | Role::Event, _) if link.from_master => {
            pdu.anomaly(Anomaly::IllegalType);
        }
        // A master's request asks for no confirmation and is never unsolicited.
        (Role::Request, _) => {
            if octet & 0x20 != 0 {
                pdu.anomaly(Anomaly::ConfirmRequested);
            }
            if octet & 0x10 != 0 {
                pdu.anomaly(Anomaly::ReservedBits);
            }
        }
        _ => {}
    }
}

/// Takes a challenge, or the answer to one, out of the pairing: the message that
/// is challenged stays open, and its answer comes when the challenge was met.
fn step_aside(pdu: &mut Pdu) {
    pdu.pairing_key = None;
    pdu.phase = None;
    pdu.status = Status::None;
    pdu.unconfirmed = pdu.role == Role::Request;
}

/// Sets what only the whole message tells: operation, class and status.
fn settle(code: u8, request: Option<&OpenRequest>, found: &Found<'_>, pdu: &mut Pdu) {
    if code == function::READ && found.polled == 0b1111 {
        pdu.operation = function::INTEGRITY_POLL;
    }
    // An object's own outcome says more than the indications.
    if let Some(failure) = found.failure {
        pdu.status(failure);
    }
    let class = match (code, request) {
        (function::RESPONSE | function::AUTHENTICATION_RESPONSE, Some(open)) => {
            Some(open.pdu.class())
        }
        (function::RESPONSE, None) if pdu.status.is_failure() && pdu.items.is_empty() => {
            Some(Class::Exception)
        }
        _ => found.class,
    };
    if let Some(class) = class {
        pdu.operation = pdu.operation.with_class(class);
    }
    if let (function::RESPONSE, Some(open)) = (code, request)
        && open.pdu.phase.is_some()
        && !pdu.items.is_empty()
        && !repeats(&open.pdu, pdu)
    {
        pdu.anomaly(Anomaly::ValueMismatch);
    }
}

/// Whether the answer to a command repeats the command.
fn repeats(request: &Pdu, answer: &Pdu) -> bool {
    let same = |(a, b): (&Value, &Value)| match (a, b) {
        (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
        _ => a == b,
    };
    request.values.len() == answer.values.len()
        && request.values.iter().zip(&answer.values).all(same)
        && told(request).map(|item| &item.target).eq(told(answer).map(|item| &item.target))
}

/// The parts of a command that its answer repeats: not the proof that it carries.
fn told(pdu: &Pdu) -> impl Iterator<Item = &Item> {
    let proof = Space::numbered("g", 120);
    pdu.items.iter().filter(move |item| item.target.as_ref().is_none_or(|own| own.space != proof))
}

/// Hands claims and content to the engine.
fn hand_on(role: Role, link: Addresses, found: &Found<'_>, flow: &Flow, out: &mut Sink) {
    if role != Role::Request {
        for (variation, value) in found.claims.iter().flatten() {
            if let Some((attribute, source)) = attribute::claim(*variation) {
                let subject = Subject::Unit(link.outstation().into());
                out.claim(subject, attribute, value, source, 95);
            }
        }
    }
    if let Some(block) = found.content {
        let transfer = u64::from(link.outstation()) << 32 | u64::from(block.handle);
        let name = text(flow.files.name(link.outstation(), block.handle).unwrap_or_default());
        let to_server = role == Role::Request;
        out.content(transfer, ContentKind::File, &name, to_server, block.bytes, block.last);
    }
}
