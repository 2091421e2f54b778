//! These bytes are these PDUs: every vector of every protocol, see [`harness::vector`].
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking, also in the functions it calls"
)]

mod harness;

use dissectors::anomaly::Anomaly;
use dissectors::dissector::{Frame, Probe};
use dissectors::pdu::{Item, Pdu};
use dissectors::sink::{Claim, Content, Subject};
use dissectors::value::Value as Wire;
use harness::flow::{Outcome, check_frame};
use harness::vector::{File, Vector, files};
use toml::{Table, Value};

#[test]
fn these_bytes_are_these_pdus() {
    let mut failures = Vec::new();
    for file in files() {
        for vector in &file.vectors {
            let differences = differences(&file, vector);
            if !differences.is_empty() {
                failures.push(format!(
                    "{}: {}\n    {}",
                    file.protocol.registration().name,
                    vector.name,
                    differences.join("\n    ")
                ));
            }
        }
    }

    assert!(failures.is_empty(), "\n\n{}\n", failures.join("\n\n"));
}

/// What differs from what the vector's file says; one line each.
fn differences(file: &File, vector: &Vector) -> Vec<String> {
    let mut flow = file.flow_before(vector, |way| way);
    let mut found = Vec::new();
    let expected = |key: &str| vector.table.get(key);
    let cx = vector.way.context(&[]);
    if let Some(expected) = expected("probe") {
        let probe = probe_word(vector.way.protocol.probe(&vector.bytes, &cx));
        compare("probe", expected, Some(&Value::from(probe)), &mut found);
    }
    if let Some(expected) = expected("sender_by_bytes") {
        let sender = vector.way.protocol.sender(&vector.bytes, &cx);
        let word = format!("{sender:?}").to_lowercase();
        compare("sender_by_bytes", expected, Some(&Value::from(word)), &mut found);
    }
    let mut out = Outcome::default();
    flow.feed(&vector.way, &vector.bytes, &mut out);
    if let Some(expected) = expected("frame") {
        let frame = frame_words(check_frame(vector.way.protocol, &vector.bytes, &cx));
        compare("frame", expected, Some(&Value::from(frame)), &mut found);
    } else {
        for anomaly in &out.refused {
            found.push(format!("cannot be framed: {}", anomaly.as_str()));
        }
        if out.waiting > 0 {
            found.push(format!("{} bytes wait for the rest of their message", out.waiting));
        }
    }
    let pdus: Vec<Table> = out.pdus.iter().map(pdu_table).collect();
    compare_list("pdu", expected("pdu"), &pdus, &mut found);
    if let Some(expected) = expected("claims") {
        let claims: Vec<Table> = out.claims.iter().map(claim_table).collect();
        compare_list("claims", Some(expected), &claims, &mut found);
    }
    if let Some(expected) = expected("contents") {
        let contents: Vec<Table> = out.contents.iter().map(content_table).collect();
        compare_list("contents", Some(expected), &contents, &mut found);
    }
    if let Some(expected) = expected("children") {
        let names = out.children.iter().map(|(_, child)| Value::from(child.registration().name));
        compare("children", expected, Some(&Value::Array(names.collect())), &mut found);
    }
    if let Some(expected) = expected("fragments") {
        compare("fragments", expected, Some(&integer(out.fragments)), &mut found);
    }
    found
}

/// Compares tables one by one, and how many there are.
fn compare_list(name: &str, expected: Option<&Value>, actual: &[Table], found: &mut Vec<String>) {
    let empty = Vec::new();
    let expected = expected.map_or(&empty, |list| list.as_array().expect("a list of tables"));
    for (at, expected) in expected.iter().enumerate() {
        let name = format!("{name} {}", at + 1);
        let expected = expected.as_table().expect("a list of tables");
        match actual.get(at) {
            Some(actual) => compare_table(&name, expected, actual, found),
            None => found.push(format!("{name}: expected, but there is none")),
        }
    }
    for (at, actual) in actual.iter().enumerate().skip(expected.len()) {
        found.push(format!("{name} {}: not expected: {actual}", at + 1));
    }
}

/// Compares the keys that `expected` has, and `anomalies` always.
fn compare_table(name: &str, expected: &Table, actual: &Table, found: &mut Vec<String>) {
    const KEYS: &[&str] = &[
        "protocol",
        "role",
        "function_code",
        "operation",
        "class",
        "unit",
        "target",
        "quantity",
        "values",
        "indices",
        "flags",
        "times",
        "status",
        "status_code",
        "phase",
        "unconfirmed",
        "cyclic",
        "pairing_key",
        "anomalies",
        "fields",
        "items",
        "subject",
        "attribute",
        "value",
        "source",
        "confidence",
        "transfer",
        "kind",
        "name",
        "to_server",
        "length",
        "last",
    ];
    for (key, expected) in expected {
        let path = format!("{name}, {key}");
        match (key.as_str(), expected, actual.get(key)) {
            ("absent", Value::Array(keys), _) => {
                for key in keys.iter().filter_map(Value::as_str) {
                    let path = format!("{name}, {key}");
                    if let Some(value) = actual.get(key) {
                        found.push(format!("{path}: expected none, got {value}"));
                    }
                }
            }
            ("items", Value::Array(_), Some(Value::Array(items))) => {
                let items: Vec<Table> = items.iter().filter_map(Value::as_table).cloned().collect();
                compare_list(&path, Some(expected), &items, found);
            }
            ("fields", Value::Table(fields), Some(Value::Table(actual))) => {
                for (field, expected) in fields {
                    compare(&format!("{path}.{field}"), expected, actual.get(field), found);
                }
            }
            (key, expected, actual) if KEYS.contains(&key) => {
                compare(&path, expected, actual, found);
            }
            (key, ..) => found.push(format!("{name}: no key is called {key:?}")),
        }
    }
    if let (None, Some(anomalies)) = (expected.get("anomalies"), actual.get("anomalies")) {
        compare(&format!("{name}, anomalies"), &Value::Array(vec![]), Some(anomalies), found);
    }
}

fn compare(path: &str, expected: &Value, actual: Option<&Value>, found: &mut Vec<String>) {
    match actual {
        Some(actual) if same(expected, actual) => {}
        Some(actual) => found.push(format!("{path}: expected {expected}, got {actual}")),
        None => found.push(format!("{path}: expected {expected}, got none")),
    }
}

/// Equal; numbers with a fraction to seven digits, which is what 32 bits hold.
fn same(expected: &Value, actual: &Value) -> bool {
    match (expected, actual) {
        (Value::Float(a), Value::Float(b)) => {
            a.to_bits() == b.to_bits() || (a - b).abs() <= a.abs() * 1e-6
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (a, b) => a == b,
    }
}

/// A PDU under the keys of the vector files.
fn pdu_table(pdu: &Pdu) -> Table {
    let mut table = Table::new();
    let mut put = |key: &str, value: Value| table.insert(key.to_owned(), value);
    put("protocol", pdu.protocol.registration().name.into());
    put("role", pdu.role.as_str().into());
    put("function_code", integer(pdu.code));
    put("operation", pdu.operation.to_string().into());
    put("class", pdu.class().as_str().into());
    if let Some(unit) = pdu.unit {
        put("unit", integer(unit));
    }
    if let Some(target) = &pdu.target {
        put("target", target.to_string().into());
    }
    if let Some(quantity) = pdu.quantity {
        put("quantity", integer(quantity));
    }
    if let Some(status) = pdu.status.as_str() {
        put("status", status.into());
    }
    if let Some(code) = pdu.status.code() {
        put("status_code", integer(code));
    }
    if let Some(phase) = pdu.phase {
        put("phase", phase.as_str().into());
    }
    if let Some(key) = pdu.pairing_key {
        put("pairing_key", Value::Integer(key.cast_signed()));
    }
    put("unconfirmed", pdu.unconfirmed.into());
    put("cyclic", pdu.cyclic.into());
    put("anomalies", Value::Array(pdu.anomalies.iter().map(|a| a.as_str().into()).collect()));
    put("values", wires(&pdu.values));
    put("indices", Value::Array(pdu.indices.iter().map(|index| integer(*index)).collect()));
    put("flags", Value::Array(pdu.flags.iter().map(|flags| integer(*flags)).collect()));
    put("times", Value::Array(pdu.times.iter().map(|time| Value::Integer(*time)).collect()));
    put("fields", fields(pdu, 0..pdu.fields.len()));
    put("items", Value::Array(pdu.items.iter().map(|item| item_table(pdu, item)).collect()));
    table
}

fn item_table(pdu: &Pdu, item: &Item) -> Value {
    let mut table = Table::new();
    let mut put = |key: &str, value: Value| table.insert(key.to_owned(), value);
    if let Some(target) = &item.target {
        put("target", target.to_string().into());
    }
    if let Some(quantity) = item.quantity {
        put("quantity", integer(quantity));
    }
    if let Some(class) = item.class {
        put("class", class.as_str().into());
    }
    if let Some(status) = item.status.as_str() {
        put("status", status.into());
    }
    if let Some(code) = item.status.code() {
        put("status_code", integer(code));
    }
    let indices = &pdu.indices[item.indices.clone()];
    let flags = &pdu.flags[item.flags.clone()];
    let times = &pdu.times[item.times.clone()];
    put("values", wires(&pdu.values[item.values.clone()]));
    put("indices", Value::Array(indices.iter().map(|index| integer(*index)).collect()));
    put("flags", Value::Array(flags.iter().map(|flags| integer(*flags)).collect()));
    put("times", Value::Array(times.iter().map(|time| Value::Integer(*time)).collect()));
    put("fields", fields(pdu, item.fields.clone()));
    Value::Table(table)
}

/// Fields by name; one that stands there several times is a list.
fn fields(pdu: &Pdu, range: std::ops::Range<usize>) -> Value {
    let mut table = Table::new();
    for (field, value) in &pdu.fields[range] {
        let field = pdu.protocol.registration().fields[usize::from(field.0)];
        let value = wire(value);
        match table.get_mut(field.name) {
            None => {
                table.insert(field.name.to_owned(), value);
            }
            Some(Value::Array(list)) => list.push(value),
            Some(first) => *first = Value::Array(vec![first.clone(), value]),
        }
    }
    Value::Table(table)
}

fn claim_table(claim: &Claim) -> Table {
    let subject = match claim.subject {
        Subject::Sender => "sender".to_owned(),
        Subject::Receiver => "receiver".to_owned(),
        Subject::Unit(unit) => format!("unit {unit}"),
    };
    Table::from_iter([
        ("subject".to_owned(), subject.into()),
        ("attribute".to_owned(), claim.attribute.as_str().into()),
        ("value".to_owned(), claim.value.to_string().into()),
        ("source".to_owned(), claim.source.into()),
        ("confidence".to_owned(), integer(claim.confidence)),
    ])
}

fn content_table(content: &Content) -> Table {
    Table::from_iter([
        ("transfer".to_owned(), Value::Integer(content.transfer.cast_signed())),
        ("kind".to_owned(), content.kind.as_str().into()),
        ("name".to_owned(), content.name.to_string().into()),
        ("to_server".to_owned(), content.to_server.into()),
        ("length".to_owned(), integer(content.bytes.len())),
        ("last".to_owned(), content.last.into()),
    ])
}

fn wires(values: &[Wire]) -> Value {
    Value::Array(values.iter().map(wire).collect())
}

/// A value as the files write it: bytes as `0x0a0b`, times in nanoseconds.
fn wire(value: &Wire) -> Value {
    match value {
        Wire::Bool(bit) => (*bit).into(),
        Wire::Signed(number) => (*number).into(),
        Wire::Unsigned(number) => integer(*number),
        Wire::Float(number) => (*number).into(),
        Wire::Text(text) => text.to_string().into(),
        Wire::Word(word) => (*word).into(),
        Wire::Bytes(bytes) => {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("0x{digits}").into()
        }
        Wire::Time(time_ns) => (*time_ns).into(),
    }
}

/// A number; one past 63 bits is a text, which TOML can hold.
fn integer(number: impl TryInto<i64> + ToString + Copy) -> Value {
    number.try_into().map_or_else(|_| number.to_string().into(), Value::Integer)
}

fn probe_word(probe: Probe) -> &'static str {
    match probe {
        Probe::No => "no",
        Probe::NeedMore => "need_more",
        Probe::Weak => "weak",
        Probe::Strong => "strong",
    }
}

fn frame_words(frame: Frame) -> String {
    let bad = |anomaly: Anomaly| format!("bad {}", anomaly.as_str());
    match frame {
        Frame::Pdu(n) => format!("pdu {n}"),
        Frame::NeedBytes(n) => format!("need {n}"),
        Frame::Skip(n) => format!("skip {n}"),
        Frame::Bad(anomaly) => bad(anomaly),
    }
}
