//! One PDU as one line of JSON, as `otmon pdus` prints it.
//!
//! Written by hand into a buffer that is used again: every key is known, and the
//! log of PDUs must keep up with the capture. Keys are always present, `null` or
//! empty where there is nothing; `indices`, `flags` and `times` and the
//! protocol's own fields only where there are some.

mod text;

use std::io::Write as _;
use std::sync::Arc;

use dissectors::dissector::OpenRequest;
use dissectors::field::FieldId;
use dissectors::operation::Class;
use dissectors::pdu::{Item, Pdu, Role, Status};
use dissectors::registry::ProtocolId;
use dissectors::target::Target;
use dissectors::value::Value;

use self::text::{
    list, write_anomalies, write_frames, write_ip, write_mac, write_milliseconds, write_number,
    write_optional_text, write_text, write_time, write_value,
};
use crate::exchange;
use crate::observation::FlowFacts;
use crate::observer::Answer;

/// Flows whose text is kept: most PDUs come from few.
const FLOWS: usize = 256;

/// A flow, and its text.
type FlowText = (Arc<FlowFacts>, Box<[u8]>);

/// Writes lines, and keeps the text of the flows that were lately written.
#[derive(Debug)]
pub struct Writer {
    flows: Vec<Option<FlowText>>,
}

impl Writer {
    /// A writer that has written nothing.
    #[must_use]
    pub fn new() -> Self {
        Self { flows: vec![None; FLOWS] }
    }

    /// Writes the line of a PDU, newline included; `request` is the one it answers.
    pub fn write(
        &mut self,
        out: &mut Vec<u8>,
        facts: &Arc<FlowFacts>,
        answer: &Answer<'_>,
        request: Option<&OpenRequest>,
    ) {
        write(out, self.flow(facts), answer, request);
    }

    fn flow(&mut self, facts: &Arc<FlowFacts>) -> &[u8] {
        let place = usize::try_from(facts.id).unwrap_or_default() % FLOWS;
        let Some(kept) = self.flows.get_mut(place) else { return b"null" };
        if !kept.as_ref().is_some_and(|(known, _)| Arc::ptr_eq(known, facts)) {
            let mut text = Vec::with_capacity(256);
            write_flow(&mut text, facts);
            *kept = Some((Arc::clone(facts), text.into()));
        }
        kept.as_ref().map_or(b"null", |(_, text)| text)
    }
}

fn write(out: &mut Vec<u8>, flow: &[u8], answer: &Answer<'_>, request: Option<&OpenRequest>) {
    let Answer { pdu, frames, time_ns } = *answer;
    let name = pdu.protocol.registration().name;
    let mut line = Object::begin(out);
    line.number("frame", frames.last.number);
    line.key("frames");
    write_frames(line.out, frames);
    line.number("file", frames.last.file.into());
    line.key("time");
    write_time(line.out, time_ns);
    line.key("flow");
    line.out.extend_from_slice(flow);
    line.text("protocol", name);
    line.text("role", pdu.role.as_str());
    line.number("function_code", pdu.code.into());
    line.shown("operation", &pdu.operation);
    line.text("class", class(pdu, request).as_str());
    line.optional("unit", pdu.unit);
    let only = match pdu.items.as_slice() {
        [item] => Some(item),
        _ => None,
    };
    let target = pdu.target.as_ref().or(only.and_then(|item| item.target.as_ref()));
    line.target(target);
    line.optional("quantity", pdu.quantity.or(only.and_then(|item| item.quantity)));
    // What comes before the first part belongs to the whole.
    let first = if only.is_some() { None } else { pdu.items.first() };
    let ends = |of: fn(&Item) -> usize, len: usize| first.map_or(len, of);
    line.key("values");
    list(line.out, &pdu.values, ends(|i| i.values.start, pdu.values.len()), write_value);
    line.numbers("indices", &pdu.indices, ends(|i| i.indices.start, pdu.indices.len()));
    line.numbers("flags", &pdu.flags, ends(|i| i.flags.start, pdu.flags.len()));
    line.times(&pdu.times, ends(|i| i.times.start, pdu.times.len()));
    let status = match (pdu.status, only) {
        (Status::None, Some(item)) => item.status,
        (status, _) => status,
    };
    line.status(status);
    line.key("phase");
    write_optional_text(line.out, pdu.phase.map(dissectors::pdu::Phase::as_str));
    let transaction = request.map(|open| open.frames.last.number);
    line.key("transaction");
    match transaction {
        Some(number) => write_number(line.out, number),
        None => line.out.extend_from_slice(b"null"),
    }
    line.key("latency_ms");
    match request.map(|open| time_ns.saturating_sub(open.time_ns)) {
        Some(latency) if latency >= 0 => write_milliseconds(line.out, latency),
        _ => line.out.extend_from_slice(b"null"),
    }
    line.key("anomalies");
    write_anomalies(line.out, pdu);
    line.key("items");
    list(line.out, &pdu.items, pdu.items.len(), |out, item| write_item(out, pdu, item, name));
    let shared = ends(|i| i.fields.start, pdu.fields.len());
    line.fields(name, pdu.protocol, pdu.fields.get(..shared).unwrap_or_default());
    line.end();
    out.push(b'\n');
}

/// The class of a PDU: a response has that of its request.
fn class(pdu: &Pdu, request: Option<&OpenRequest>) -> Class {
    match request {
        Some(open) if pdu.role == Role::Response => exchange::class(Some(&open.pdu), Some(pdu)),
        _ => exchange::class(None, Some(pdu)),
    }
}

fn write_item(out: &mut Vec<u8>, pdu: &Pdu, item: &Item, name: &'static str) {
    let mut object = Object::begin(out);
    object.target(item.target.as_ref());
    object.optional("quantity", item.quantity);
    object.text("class", item.class.unwrap_or(pdu.operation.class()).as_str());
    let values = pdu.values.get(item.values.clone()).unwrap_or_default();
    object.key("values");
    list(object.out, values, values.len(), write_value);
    let indices = pdu.indices.get(item.indices.clone()).unwrap_or_default();
    object.numbers("indices", indices, indices.len());
    let flags = pdu.flags.get(item.flags.clone()).unwrap_or_default();
    object.numbers("flags", flags, flags.len());
    let times = pdu.times.get(item.times.clone()).unwrap_or_default();
    object.times(times, times.len());
    object.status(item.status);
    object.fields(name, pdu.protocol, pdu.fields.get(item.fields.clone()).unwrap_or_default());
    object.end();
}

fn write_flow(out: &mut Vec<u8>, facts: &FlowFacts) {
    let mut flow = Object::begin(out);
    flow.number("id", facts.id);
    flow.text("transport", facts.transport.as_str());
    for (ip, mac, port, end) in [
        ("client_ip", "client_mac", "client_port", &facts.client),
        ("server_ip", "server_mac", "server_port", &facts.server),
    ] {
        flow.key(ip);
        write_ip(flow.out, end.ip);
        flow.key(mac);
        write_mac(flow.out, end.mac);
        flow.number(port, end.port.into());
    }
    flow.optional("vlan", facts.vlan.map(u32::from));
    flow.end();
}

/// A JSON object under construction.
struct Object<'a> {
    out: &'a mut Vec<u8>,
    empty: bool,
}

impl<'a> Object<'a> {
    fn begin(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, empty: true }
    }

    fn end(self) {
        self.out.push(b'}');
    }

    /// Begins a member; keys are compiled in and need no escape.
    fn key(&mut self, key: &str) {
        self.out.reserve(key.len().saturating_add(4));
        if !std::mem::take(&mut self.empty) {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn number(&mut self, key: &str, number: u64) {
        self.key(key);
        write_number(self.out, number);
    }

    fn optional(&mut self, key: &str, number: Option<u32>) {
        self.key(key);
        match number {
            Some(number) => write_number(self.out, number.into()),
            None => self.out.extend_from_slice(b"null"),
        }
    }

    fn text(&mut self, key: &str, text: &str) {
        self.key(key);
        write_text(self.out, text);
    }

    /// A member whose text has no character to escape.
    fn shown(&mut self, key: &str, value: &impl std::fmt::Display) {
        self.key(key);
        let _ = write!(self.out, "\"{value}\"");
    }

    fn target(&mut self, target: Option<&Target>) {
        self.key("target");
        match target {
            Some(target) => write_text(self.out, &target.to_string()),
            None => self.out.extend_from_slice(b"null"),
        }
    }

    fn status(&mut self, status: Status) {
        self.key("status");
        write_optional_text(self.out, status.as_str());
        self.optional("status_code", status.code());
    }

    fn numbers<T: Copy + Into<u64>>(&mut self, key: &str, numbers: &[T], count: usize) {
        if count > 0 {
            self.key(key);
            list(self.out, numbers, count, |out, number| write_number(out, (*number).into()));
        }
    }

    fn times(&mut self, times: &[i64], count: usize) {
        if count > 0 {
            self.key("times");
            list(self.out, times, count, |out, time| write_time(out, *time));
        }
    }

    fn fields(&mut self, name: &str, protocol: ProtocolId, fields: &[(FieldId, Value)]) {
        let all = protocol.registration().fields;
        let named = |id: FieldId| all.get(usize::from(id.0)).map(|field| field.name);
        if fields.is_empty() {
            return;
        }
        self.key(name);
        let mut object = Object::begin(self.out);
        for (at, (id, value)) in fields.iter().enumerate() {
            // A JSON object has a name once: the last one counts.
            let later = fields.iter().skip(at.saturating_add(1)).any(|(other, _)| other == id);
            if let (Some(field), false) = (named(*id), later) {
                object.key(field);
                write_value(object.out, value);
            }
        }
        object.end();
    }
}
