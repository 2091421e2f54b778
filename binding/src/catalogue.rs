//! What otmon knows of protocols, classes, anomalies and counters: the one
//! catalogue, from which documents and mappings are made.

use engine::capture::live::filter;
use engine::counters::Counters;
use engine::dissectors::anomaly::Anomaly;
use engine::dissectors::field::Kind;
use engine::dissectors::operation::Class;
use engine::dissectors::registry::ProtocolId;
use pyo3::prelude::*;

use crate::fault::errors::OptionsError;

/// A field that a protocol adds to its PDUs.
#[pyclass(frozen, get_all, module = "otmon._engine")]
#[derive(Clone)]
pub struct FieldInfo {
    name: String,
    kind: &'static str,
    description: &'static str,
}

/// A protocol that otmon dissects.
#[pyclass(frozen, get_all, module = "otmon._engine")]
pub struct ProtocolInfo {
    name: &'static str,
    tcp_ports: Vec<u16>,
    udp_ports: Vec<u16>,
    fields: Vec<FieldInfo>,
}

/// An operation class.
#[pyclass(frozen, get_all, module = "otmon._engine")]
pub struct ClassInfo {
    name: &'static str,
    meaning: &'static str,
    notable: bool,
    change: bool,
}

/// A named departure from a specification.
#[pyclass(frozen, get_all, module = "otmon._engine")]
pub struct AnomalyInfo {
    name: &'static str,
    meaning: &'static str,
}

const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "bool",
        Kind::Integer => "integer",
        Kind::Float => "float",
        Kind::Text => "text",
        Kind::Bytes => "bytes",
        Kind::Time => "time",
    }
}

/// Every protocol, in the order of the registry.
#[pyfunction]
pub fn protocols() -> Vec<ProtocolInfo> {
    let info = |protocol: &ProtocolId| {
        let facts = protocol.registration();
        let field = |field: &engine::dissectors::field::Field| FieldInfo {
            name: format!("{}.{}", facts.name, field.name),
            kind: kind(field.kind),
            description: field.description,
        };
        ProtocolInfo {
            name: facts.name,
            tcp_ports: facts.tcp.to_vec(),
            udp_ports: facts.udp.to_vec(),
            fields: facts.fields.iter().map(field).collect(),
        }
    };
    ProtocolId::ALL.iter().map(info).collect()
}

/// Every operation class, highest rank first.
#[pyfunction]
pub fn classes() -> Vec<ClassInfo> {
    let info = |class: &Class| ClassInfo {
        name: class.as_str(),
        meaning: class.meaning(),
        notable: class.is_notable(),
        change: class.is_change(),
    };
    Class::ALL.iter().map(info).collect()
}

/// Every anomaly.
#[pyfunction]
pub fn anomalies() -> Vec<AnomalyInfo> {
    let info =
        |anomaly: &Anomaly| AnomalyInfo { name: anomaly.as_str(), meaning: anomaly.meaning() };
    Anomaly::ALL.iter().map(info).collect()
}

/// What each plain counter counts, by its name.
#[pyfunction]
pub fn counter_meanings() -> std::collections::BTreeMap<&'static str, &'static str> {
    Counters::MEANINGS.iter().copied().collect()
}

/// The version of otmon.
#[pyfunction]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// The program that a capture filter becomes, as `tcpdump -ddd` prints it.
#[pyfunction]
#[pyo3(signature = (expression, snap_length = 262_144))]
pub fn compile_filter(expression: &str, snap_length: u32) -> PyResult<String> {
    let program = filter::parse(expression, snap_length)
        .map_err(|problem| OptionsError::new_err(problem.to_string()))?;
    let lines = program.iter().map(|one| format!("{} {} {} {}", one.code, one.jt, one.jf, one.k));
    let lines = std::iter::once(program.len().to_string()).chain(lines);
    Ok(lines.collect::<Vec<_>>().join("\n"))
}
