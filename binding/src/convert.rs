//! The engine's values as Python objects.

use std::net::IpAddr;

use engine::dissectors::anomaly::Anomalies;
use engine::dissectors::dissector::{FrameId, Frames};
use engine::dissectors::field::FieldId;
use engine::dissectors::operation::Class;
use engine::dissectors::pdu::Status;
use engine::dissectors::registry::ProtocolId;
use engine::dissectors::value::Value;
use engine::packet::Mac;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

/// A frame as Python has it: the number of its file, and its own number in it.
pub type PyFrame = (u32, u64);

/// The words of closed lists and the full names of fields, each made once.
struct Words {
    classes: Vec<Py<PyString>>,
    protocols: Vec<Py<PyString>>,
    fields: Vec<Vec<Py<PyString>>>,
    /// The lowest numbers: most units are among them.
    numbers: Vec<Py<PyString>>,
}

static WORDS: PyOnceLock<Words> = PyOnceLock::new();

fn words(py: Python<'_>) -> &Words {
    WORDS.get_or_init(py, || {
        let word = |text: &str| PyString::intern(py, text).unbind();
        let full = |protocol: &ProtocolId| {
            let facts = protocol.registration();
            facts.fields.iter().map(|f| word(&format!("{}.{}", facts.name, f.name))).collect()
        };
        Words {
            classes: Class::ALL.iter().map(|class| word(class.as_str())).collect(),
            protocols: ProtocolId::ALL.iter().map(|p| word(p.registration().name)).collect(),
            fields: ProtocolId::ALL.iter().map(full).collect(),
            numbers: (0..256).map(|number: u32| word(&number.to_string())).collect(),
        }
    })
}

/// A compiled-in word.
pub fn word<'py>(py: Python<'py>, text: &'static str) -> Bound<'py, PyString> {
    PyString::intern(py, text)
}

/// The token of a class.
pub fn class(py: Python<'_>, class: Class) -> Bound<'_, PyString> {
    match words(py).classes.get(class as usize) {
        Some(text) => text.bind(py).clone(),
        None => word(py, class.as_str()),
    }
}

/// The name of a protocol.
pub fn protocol(py: Python<'_>, protocol: ProtocolId) -> Bound<'_, PyString> {
    match words(py).protocols.get(protocol as usize) {
        Some(text) => text.bind(py).clone(),
        None => word(py, protocol.registration().name),
    }
}

/// The number of a station as text.
pub fn unit(py: Python<'_>, unit: u32) -> Bound<'_, PyString> {
    let known = usize::try_from(unit).ok().and_then(|unit| words(py).numbers.get(unit));
    known.map_or_else(|| PyString::new(py, &unit.to_string()), |text| text.bind(py).clone())
}

/// How an operation went: `success`, of a part at least, `failure`, the protocol's own
/// refusal, or `unknown`.
pub fn outcome(py: Python<'_>, status: Status) -> Bound<'_, PyString> {
    match status {
        Status::None => word(py, "unknown"),
        Status::Ok | Status::Partly { .. } => word(py, "success"),
        Status::Failed { .. } => word(py, "failure"),
    }
}

/// A value: bool, int, float, str or bytes; a time is an int of nanoseconds.
pub fn value<'py>(py: Python<'py>, value: &Value) -> Bound<'py, PyAny> {
    match value {
        Value::Bool(bit) => PyBool::new(py, *bit).to_owned().into_any(),
        Value::Signed(number) | Value::Time(number) => PyInt::new(py, *number).into_any(),
        Value::Unsigned(number) => PyInt::new(py, *number).into_any(),
        Value::Float(number) => PyFloat::new(py, *number).into_any(),
        Value::Text(text) => PyString::new(py, text).into_any(),
        Value::Word(text) => word(py, text).into_any(),
        Value::Bytes(bytes) => PyBytes::new(py, bytes).into_any(),
    }
}

/// Values in their order.
pub fn values<'py>(py: Python<'py>, values: &[Value]) -> PyResult<Bound<'py, PyList>> {
    PyList::new(py, values.iter().map(|item| value(py, item)))
}

/// The same as text: `true` and `false`, bytes in hexadecimal.
pub fn texts<'py>(py: Python<'py>, values: &[Value]) -> PyResult<Bound<'py, PyTuple>> {
    let text = |value: &Value| match value {
        Value::Bool(bit) => Ok(word(py, if *bit { "true" } else { "false" })),
        Value::Signed(number) | Value::Time(number) => Ok(PyString::new(py, &number.to_string())),
        Value::Unsigned(number) => Ok(PyString::new(py, &number.to_string())),
        // Python knows best how Python writes them.
        Value::Float(number) => PyFloat::new(py, *number).str(),
        Value::Text(text) => Ok(PyString::new(py, text)),
        Value::Word(text) => Ok(word(py, text)),
        Value::Bytes(bytes) => Ok(PyString::new(py, &hexadecimal(bytes))),
    };
    PyTuple::new(py, values.iter().map(text).collect::<PyResult<Vec<_>>>()?)
}

/// A protocol's fields by their full names; the last of one name counts.
pub fn fields<'py>(
    py: Python<'py>,
    protocol: ProtocolId,
    fields: &[(FieldId, Value)],
) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    let names = words(py).fields.get(protocol as usize);
    for (FieldId(id), content) in fields {
        if let Some(name) = names.and_then(|names| names.get(usize::from(*id))) {
            dict.set_item(name.bind(py), value(py, content))?;
        }
    }
    Ok(dict)
}

/// One of a protocol's fields by its full name, the last of them.
pub fn field<'py>(
    py: Python<'py>,
    protocol: ProtocolId,
    fields: &[(FieldId, Value)],
    name: &str,
) -> Option<Bound<'py, PyAny>> {
    let facts = protocol.registration();
    let name = name.strip_prefix(facts.name)?.strip_prefix('.')?;
    let named = |id: &FieldId| facts.fields.get(usize::from(id.0)).is_some_and(|f| f.name == name);
    fields.iter().rev().find(|(id, _)| named(id)).map(|(_, content)| value(py, content))
}

/// The names of anomalies, in the order of their list.
pub fn anomalies(py: Python<'_>, set: Anomalies) -> PyResult<Bound<'_, PyTuple>> {
    if set.is_empty() {
        return Ok(PyTuple::empty(py));
    }
    PyTuple::new(py, set.iter().map(|a| word(py, a.as_str())).collect::<Vec<_>>())
}

/// An IP address as text.
pub fn ip(address: Option<IpAddr>) -> Option<String> {
    address.map(|address| address.to_string())
}

/// A hardware address as text: `00:1b:1b:00:00:01`.
pub fn mac([a, b, c, d, e, f]: Mac) -> String {
    format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
}

/// One frame.
pub fn frame(frame: FrameId) -> PyFrame {
    (frame.file, frame.number)
}

/// The frames of a message, oldest first.
pub fn frames(frames: Option<&Frames>) -> impl Iterator<Item = PyFrame> {
    frames
        .into_iter()
        .flat_map(|frames| frames.earlier.iter().chain(std::iter::once(&frames.last)))
        .map(|id| frame(*id))
}

/// Bytes in hexadecimal.
pub fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
