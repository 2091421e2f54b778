//! One PDU as one line of JSON, as `otmon pdus` prints it.
//!
//! Written by hand into a buffer that is used again: every key is known, and the
//! log of PDUs must keep up with the capture. Keys are always present, `null` or
//! empty where there is nothing; `indices`, `flags` and `times` and the
//! protocol's own fields only where there are some.

use std::io::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

use dissectors::dissector::{FrameId, Frames, OpenRequest};
use dissectors::field::FieldId;
use dissectors::operation::Class;
use dissectors::pdu::{Item, Pdu, Role, Status};
use dissectors::registry::ProtocolId;
use dissectors::target::Target;
use dissectors::value::Value;

use crate::exchange;
use crate::observation::FlowFacts;
use crate::observer::Answer;
use crate::packet::Mac;

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

fn list<T>(out: &mut Vec<u8>, all: &[T], count: usize, mut write: impl FnMut(&mut Vec<u8>, &T)) {
    out.push(b'[');
    for (at, one) in all.iter().take(count).enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(out, one);
    }
    out.push(b']');
}

fn write_frames(out: &mut Vec<u8>, frames: &Frames) {
    out.push(b'[');
    for FrameId { number, .. } in &frames.earlier {
        write_number(out, *number);
        out.push(b',');
    }
    write_number(out, frames.last.number);
    out.push(b']');
}

fn write_anomalies(out: &mut Vec<u8>, pdu: &Pdu) {
    if pdu.anomalies.is_empty() {
        out.extend_from_slice(b"[]");
        return;
    }
    let all: Vec<_> = pdu.anomalies.iter().collect();
    list(out, &all, all.len(), |out, anomaly| write_text(out, anomaly.as_str()));
}

/// A value; bytes in hexadecimal, a time as text, what is no number as null.
fn write_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Unsigned(number) => write_number(out, *number),
        Value::Signed(number) => {
            if *number < 0 {
                out.push(b'-');
            }
            write_number(out, number.unsigned_abs());
        }
        Value::Float(number) if number.is_finite() => {
            // Rust's shortest form that reads back the same is valid JSON.
            let _ = write!(out, "{number:?}");
        }
        Value::Float(_) => out.extend_from_slice(b"null"),
        Value::Text(text) => write_text(out, text),
        Value::Word(word) => write_text(out, word),
        Value::Bytes(bytes) => {
            out.push(b'"');
            bytes.iter().for_each(|byte| write_hexadecimal(out, *byte));
            out.push(b'"');
        }
        Value::Time(time_ns) => write_time(out, *time_ns),
    }
}

fn write_optional_text(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => write_text(out, text),
        None => out.extend_from_slice(b"null"),
    }
}

/// A JSON string.
fn write_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let plain = |byte: &u8| *byte >= 0x20 && *byte != b'"' && *byte != b'\\';
    if text.as_bytes().iter().all(plain) {
        out.extend_from_slice(text.as_bytes());
    } else {
        for byte in text.bytes() {
            match byte {
                b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
                0..0x20 => {
                    out.extend_from_slice(b"\\u00");
                    write_hexadecimal(out, byte);
                }
                _ => out.push(byte),
            }
        }
    }
    out.push(b'"');
}

fn write_ip(out: &mut Vec<u8>, ip: Option<IpAddr>) {
    match ip {
        Some(IpAddr::V4(ip)) => {
            let [a, b, c, d] = ip.octets();
            out.push(b'"');
            for (at, octet) in [a, b, c, d].into_iter().enumerate() {
                if at > 0 {
                    out.push(b'.');
                }
                write_number(out, octet.into());
            }
            out.push(b'"');
        }
        Some(ip) => {
            let _ = write!(out, "\"{ip}\"");
        }
        None => out.extend_from_slice(b"null"),
    }
}

fn write_mac(out: &mut Vec<u8>, mac: Option<Mac>) {
    let Some(mac) = mac else {
        out.extend_from_slice(b"null");
        return;
    };
    out.push(b'"');
    for (at, byte) in mac.into_iter().enumerate() {
        if at > 0 {
            out.push(b':');
        }
        write_hexadecimal(out, byte);
    }
    out.push(b'"');
}

fn write_hexadecimal(out: &mut Vec<u8>, byte: u8) {
    let digit = |nibble: u8| {
        if nibble < 10 {
            b'0'.wrapping_add(nibble)
        } else {
            b'a'.wrapping_add(nibble.wrapping_sub(10))
        }
    };
    out.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
}

/// A whole number in decimal.
fn write_number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [b'0'; 20];
    let mut used = 0usize;
    for place in digits.iter_mut().rev() {
        let digit = (number % 10) as u8;
        *place = b'0'.wrapping_add(digit);
        used = used.saturating_add(1);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(20usize.saturating_sub(used)..).unwrap_or_default());
}

/// The same with at least `width` digits.
fn write_padded(out: &mut Vec<u8>, number: u64, width: usize) {
    let mut least = 1u64;
    for _ in 1..width {
        least = least.saturating_mul(10);
    }
    while least > 1 && number < least {
        out.push(b'0');
        least /= 10;
    }
    write_number(out, number);
}

/// Nanoseconds as milliseconds, to the last digit.
fn write_milliseconds(out: &mut Vec<u8>, time_ns: i64) {
    let time_ns = time_ns.unsigned_abs();
    write_number(out, time_ns / 1_000_000);
    out.push(b'.');
    write_padded(out, time_ns % 1_000_000, 6);
}

/// RFC 3339 in UTC with nanoseconds: `2026-01-02T03:04:05.000000006Z`.
fn write_time(out: &mut Vec<u8>, time_ns: i64) {
    let seconds = time_ns.div_euclid(1_000_000_000);
    let days = seconds.div_euclid(86_400);
    let second_of_day = seconds.rem_euclid(86_400).unsigned_abs();
    let (year, month, day) = date(days);
    out.push(b'"');
    write_padded(out, year, 4);
    out.push(b'-');
    write_padded(out, month, 2);
    out.push(b'-');
    write_padded(out, day, 2);
    for (mark, number) in
        [(b'T', second_of_day / 3600), (b':', second_of_day / 60 % 60), (b':', second_of_day % 60)]
    {
        out.push(mark);
        write_padded(out, number, 2);
    }
    out.push(b'.');
    write_padded(out, time_ns.rem_euclid(1_000_000_000).unsigned_abs(), 9);
    out.extend_from_slice(b"Z\"");
}

/// Year, month and day of a day counted from 1970-01-01, by the proleptic
/// Gregorian calendar. Days are counted from 0000-03-01 in eras of 400 years, so
/// that the leap day is the last of its year.
fn date(days: i64) -> (u64, u64, u64) {
    const DAYS_TO_1970: i64 = 719_468;
    const ERA: i64 = 146_097;
    let days = days.saturating_add(DAYS_TO_1970);
    let era = days.div_euclid(ERA);
    let day = days.rem_euclid(ERA).unsigned_abs();
    let leap_days = (day / 1460).saturating_add(day / 146_096).saturating_sub(day / 36_524);
    let year_of_era = day.saturating_sub(leap_days) / 365;
    let before = year_of_era
        .saturating_mul(365)
        .saturating_add(year_of_era / 4)
        .saturating_sub(year_of_era / 100);
    let day_of_year = day.saturating_sub(before);
    let month_from_march = day_of_year.saturating_mul(5).saturating_add(2) / 153;
    let day_of_month =
        day_of_year.saturating_sub(month_from_march.saturating_mul(153).saturating_add(2) / 5);
    let january = month_from_march >= 10;
    let month = if january {
        month_from_march.saturating_sub(9)
    } else {
        month_from_march.saturating_add(3)
    };
    // Times in i64 nanoseconds lie between 1677 and 2262: the era is 4 or 5.
    let year = era
        .unsigned_abs()
        .saturating_mul(400)
        .saturating_add(year_of_era)
        .saturating_add(january.into());
    (year, month, day_of_month.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_time_is_rfc_3339_with_nanoseconds() {
        let time = |ns| written(|out| write_time(out, ns));

        assert_eq!("\"1970-01-01T00:00:00.000000000Z\"", time(0));
        assert_eq!("\"2024-02-29T23:59:59.999999999Z\"", time(1_709_251_199_999_999_999));
        assert_eq!("\"2000-03-01T00:00:00.000000001Z\"", time(951_868_800_000_000_001));
        assert_eq!("\"1969-12-31T23:59:59.999999999Z\"", time(-1));
        assert_eq!("\"1677-09-21T00:12:43.145224192Z\"", time(i64::MIN));
        assert_eq!("\"2262-04-11T23:47:16.854775807Z\"", time(i64::MAX));
    }

    #[test]
    fn a_value_is_json_whatever_it_holds() {
        let value = |value| written(|out| write_value(out, &value));

        assert_eq!("-9223372036854775808", value(Value::Signed(i64::MIN)));
        assert_eq!("18446744073709551615", value(Value::Unsigned(u64::MAX)));
        assert_eq!("0", value(Value::Unsigned(0)));
        assert_eq!("1.5", value(Value::Float(1.5)));
        assert_eq!("1e300", value(Value::Float(1e300)));
        assert_eq!("null", value(Value::Float(f64::NAN)));
        assert_eq!("\"00ff\"", value(Value::bytes(&[0, 255])));
        assert_eq!(r#""a\"\\\u0001é""#, value(Value::Text("a\"\\\u{1}é".into())));
    }

    #[test]
    fn a_latency_keeps_its_nanoseconds() {
        assert_eq!("12.000345", written(|out| write_milliseconds(out, 12_000_345)));
        assert_eq!("0.000001", written(|out| write_milliseconds(out, 1)));
    }
}
