//! The classes of observations: each wraps a record and converts on access.

use std::sync::Arc;

use engine::observation as record;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};

use crate::convert::{self, PyFrame};
use crate::of_flow::of_flow;
use crate::shared::{self, Ends, Shape, Shared};
use crate::spoof::{Arp, HeaderShift};
use crate::timing::{Health, Loss, NoReply, Rhythm};

/// What client and server had done before.
#[pyclass(frozen, get_all, module = "otmon._engine")]
pub struct History {
    read_count: u64,
    change_count: u64,
    first_seen_ns: i64,
}

/// One operation that matters by itself.
#[pyclass(frozen, module = "otmon._engine")]
pub struct Transaction(Box<record::Transaction>, Arc<Ends>, Arc<Shape>);

of_flow!(Transaction {
    #[getter]
    fn behaviour(&self) -> Option<u64> {
        self.0.behaviour
    }
    #[getter]
    fn relation(&self) -> Option<u64> {
        // A unit has 32 bits, and there may be none: 33 bits for both.
        let unit = self.0.unit.map_or(0, |unit| u64::from(unit).saturating_add(1));
        self.0.conversation.map(|conversation| u64::from(conversation) << 33 | unit)
    }
    #[getter]
    fn time_ns(&self) -> i64 {
        self.0.time_ns
    }
    #[getter]
    fn frames(&self) -> Vec<PyFrame> {
        let request = convert::frames(self.0.request_frames.as_ref());
        request.chain(convert::frames(self.0.response_frames.as_ref())).collect()
    }
    #[getter]
    fn request_frames(&self) -> Vec<PyFrame> {
        convert::frames(self.0.request_frames.as_ref()).collect()
    }
    #[getter]
    fn response_frames(&self) -> Vec<PyFrame> {
        convert::frames(self.0.response_frames.as_ref()).collect()
    }
    #[getter]
    fn latency_ns(&self) -> Option<i64> {
        self.0.latency_ns
    }
    #[getter]
    fn protocol<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        convert::protocol(py, self.0.protocol)
    }
    #[getter]
    fn role<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        convert::word(py, self.0.role.as_str())
    }
    #[getter]
    fn answered(&self) -> bool {
        self.0.answered
    }
    #[getter]
    fn function_code(&self) -> u16 {
        self.0.code
    }
    #[getter]
    fn operation<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        self.2.operation.bind(py).clone()
    }
    #[getter]
    fn operation_class<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        convert::class(py, self.0.class)
    }
    #[getter]
    fn unit(&self) -> Option<u32> {
        self.0.unit
    }
    #[getter]
    fn targets<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, &self.0.targets)
    }
    #[getter]
    fn quantity(&self) -> Option<u32> {
        self.0.quantity
    }
    #[getter]
    fn values<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        convert::values(py, &self.0.values)
    }
    #[getter]
    fn value_texts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        convert::texts(py, &self.0.values)
    }
    #[getter]
    fn value_count(&self) -> usize {
        self.0.value_count
    }
    #[getter]
    fn previous_values<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        convert::values(py, &self.0.previous_values)
    }
    #[getter]
    fn status<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        self.0.status.as_str().map(|text| convert::word(py, text))
    }
    #[getter]
    fn status_code(&self) -> Option<u32> {
        self.0.status.code()
    }
    #[getter]
    fn status_text<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        shared::text(py, self.2.status_text.as_ref())
    }
    #[getter]
    fn outcome<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        convert::outcome(py, self.0.status)
    }
    #[getter]
    fn unit_text<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        self.0.unit.map(|unit| convert::unit(py, unit))
    }
    #[getter]
    fn phase<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        self.0.phase.map(|phase| convert::word(py, phase.as_str()))
    }
    #[getter]
    fn anomalies<'py>(&self, py: Python<'py>) -> Bound<'py, PyTuple> {
        self.2.anomalies.bind(py).clone()
    }
    #[getter]
    fn shape(&self) -> u64 {
        self.2.number
    }
    #[getter]
    fn fields<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        convert::fields(py, self.0.protocol, &self.0.fields)
    }
    fn field<'py>(&self, py: Python<'py>, name: &str) -> Option<Bound<'py, PyAny>> {
        convert::field(py, self.0.protocol, &self.0.fields, name)
    }
    #[getter]
    fn history(&self) -> History {
        let record::History { read_count, change_count, first_seen_ns } = self.0.history;
        History { read_count, change_count, first_seen_ns }
    }
    fn __repr__(&self) -> String {
        let own = &self.0;
        let targets = own.targets.join(", ");
        format!("<Transaction {} {} {targets}>", own.protocol.registration().name, own.operation)
    }
});

/// The values of a behaviour.
#[pyclass(frozen, module = "otmon._engine")]
pub struct ValueFacts(record::ValueFacts);

#[pymethods]
impl ValueFacts {
    #[getter]
    fn kind<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        convert::word(py, self.0.kind)
    }
    #[getter]
    fn min(&self) -> Option<f64> {
        self.0.min
    }
    #[getter]
    fn max(&self) -> Option<f64> {
        self.0.max
    }
    #[getter]
    fn last<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        convert::value(py, &self.0.last)
    }
    #[getter]
    fn change_count(&self) -> u64 {
        self.0.change_count
    }
}

/// Who does what to whom, again and again.
#[pyclass(frozen, module = "otmon._engine")]
pub struct Behaviour(Box<record::Behaviour>, Arc<Ends>, Arc<Shape>);

of_flow!(Behaviour {
    #[getter]
    fn behaviour(&self) -> u64 {
        self.0.number
    }
    #[getter]
    fn id(&self) -> String {
        format!("{:032x}", self.0.id)
    }
    #[getter(new)]
    fn is_new(&self) -> bool {
        self.0.new
    }
    #[getter]
    fn protocol<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        convert::protocol(py, self.0.protocol)
    }
    #[getter]
    fn role<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        convert::word(py, self.0.role.as_str())
    }
    #[getter]
    fn function_code(&self) -> u16 {
        self.0.code
    }
    #[getter]
    fn operation<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        self.2.operation.bind(py).clone()
    }
    #[getter]
    fn operation_class<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        convert::class(py, self.0.class)
    }
    #[getter]
    fn unit(&self) -> Option<u32> {
        self.0.unit
    }
    #[getter]
    fn target(&self) -> Option<&str> {
        self.0.target.as_deref()
    }
    #[getter]
    fn intervals(&self) -> Vec<(u32, u32)> {
        self.0.intervals.clone()
    }
    #[getter]
    fn status<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        self.0.status.as_str().map(|text| convert::word(py, text))
    }
    #[getter]
    fn status_code(&self) -> Option<u32> {
        self.0.status.code()
    }
    #[getter]
    fn status_text<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        shared::text(py, self.2.status_text.as_ref())
    }
    #[getter]
    fn outcome<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        convert::outcome(py, self.0.status)
    }
    #[getter]
    fn unit_text<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        self.0.unit.map(|unit| convert::unit(py, unit))
    }
    #[getter]
    fn answered(&self) -> bool {
        self.0.answered
    }
    #[getter]
    fn count(&self) -> u64 {
        self.0.count
    }
    #[getter]
    fn first_seen_ns(&self) -> i64 {
        self.0.first_seen_ns
    }
    #[getter]
    fn last_seen_ns(&self) -> i64 {
        self.0.last_seen_ns
    }
    #[getter]
    fn period_ns(&self) -> Option<f64> {
        self.0.period_ns
    }
    #[getter]
    fn period_deviation_ns(&self) -> Option<f64> {
        self.0.period_deviation_ns
    }
    #[getter]
    fn latency_ns(&self) -> Option<f64> {
        self.0.latency_ns
    }
    #[getter]
    fn values(&self) -> Option<ValueFacts> {
        self.0.values.clone().map(ValueFacts)
    }
    #[getter]
    fn anomalies<'py>(&self, py: Python<'py>) -> Bound<'py, PyTuple> {
        self.2.anomalies.bind(py).clone()
    }
    #[getter]
    fn shape(&self) -> u64 {
        self.2.number
    }
    #[getter]
    fn frame(&self) -> PyFrame {
        convert::frame(self.0.frame)
    }
    #[getter]
    fn latest_frame(&self) -> PyFrame {
        convert::frame(self.0.latest_frame)
    }
    #[getter]
    fn overflow(&self) -> bool {
        self.0.overflow
    }
    fn __repr__(&self) -> String {
        let own = &self.0;
        let target = own.target.as_deref().unwrap_or("");
        format!(
            "<Behaviour {} {} {target} x {}>",
            own.protocol.registration().name,
            own.operation,
            own.count
        )
    }
});

/// Somebody who talks to somebody.
#[pyclass(frozen, module = "otmon._engine")]
pub struct Conversation(Box<record::Conversation>, Arc<Ends>);

of_flow!(Conversation {
    #[getter]
    fn id(&self) -> u64 {
        self.0.id
    }
    #[getter(new)]
    fn is_new(&self) -> bool {
        self.0.new
    }
    #[getter]
    fn protocol<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        self.0.protocol.map(|protocol| convert::protocol(py, protocol))
    }
    #[getter]
    fn flow_count(&self) -> u64 {
        self.0.flow_count
    }
    #[getter]
    fn first_seen_ns(&self) -> i64 {
        self.0.first_seen_ns
    }
    #[getter]
    fn last_seen_ns(&self) -> i64 {
        self.0.last_seen_ns
    }
    #[getter]
    fn vain_count(&self) -> u64 {
        self.0.vain_count
    }
    #[getter]
    fn packets(&self) -> u64 {
        self.0.packets
    }
    #[getter]
    fn bytes(&self) -> u64 {
        self.0.bytes
    }
    #[getter]
    fn pdus(&self) -> u64 {
        self.0.pdus
    }
    #[getter]
    fn classes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (class, count) in &self.0.classes {
            dict.set_item(convert::class(py, *class), count)?;
        }
        Ok(dict)
    }
    #[getter]
    fn failure_count(&self) -> u64 {
        self.0.failure_count
    }
    #[getter]
    fn answered_count(&self) -> u64 {
        self.0.answered_count
    }
    #[getter]
    fn one_sided(&self) -> bool {
        self.0.one_sided
    }
    #[getter]
    fn gap_bytes(&self) -> u64 {
        self.0.gap_bytes
    }
    #[getter]
    fn frame(&self) -> PyFrame {
        convert::frame(self.0.flow.frame)
    }
    fn __repr__(&self) -> String {
        let protocol = self.0.protocol.map_or("other", |p| p.registration().name);
        format!("<Conversation {} {protocol}, {} packets>", self.0.id, self.0.packets)
    }
});

/// Addresses that belong together.
#[pyclass(frozen, module = "otmon._engine")]
pub struct Address(record::Address);

#[pymethods]
impl Address {
    #[getter]
    fn sequence(&self) -> u64 {
        self.0.sequence
    }
    #[getter]
    fn mac(&self) -> Option<String> {
        self.0.mac.map(convert::mac)
    }
    #[getter]
    fn ip(&self) -> Option<String> {
        convert::ip(self.0.ip)
    }
    #[getter]
    fn vlan(&self) -> Option<u16> {
        self.0.vlan
    }
    #[getter]
    fn packets(&self) -> u64 {
        self.0.packets
    }
    #[getter]
    fn first_seen_ns(&self) -> i64 {
        self.0.first_seen_ns
    }
    #[getter]
    fn last_seen_ns(&self) -> i64 {
        self.0.last_seen_ns
    }
    #[getter]
    fn arp(&self) -> bool {
        self.0.arp
    }
    #[getter]
    fn ttl(&self) -> u8 {
        self.0.ttl
    }
    #[getter]
    fn frame(&self) -> PyFrame {
        convert::frame(self.0.frame)
    }
    #[getter]
    fn last_frame(&self) -> PyFrame {
        convert::frame(self.0.last_frame)
    }
    fn __repr__(&self) -> String {
        let mac = self.0.mac.map(convert::mac).unwrap_or_default();
        format!("<Address {mac} {}>", convert::ip(self.0.ip).unwrap_or_default())
    }
}

/// Something said about an asset.
#[pyclass(frozen, module = "otmon._engine")]
pub struct Claim(Box<record::Claim>);

#[pymethods]
impl Claim {
    #[getter]
    fn sequence(&self) -> u64 {
        self.0.sequence
    }
    #[getter]
    fn subject_ip(&self) -> Option<String> {
        convert::ip(self.0.subject.ip)
    }
    #[getter]
    fn subject_mac(&self) -> Option<String> {
        self.0.subject.mac.map(convert::mac)
    }
    #[getter]
    fn vlan(&self) -> Option<u16> {
        self.0.vlan
    }
    #[getter]
    fn unit(&self) -> Option<u32> {
        self.0.unit
    }
    #[getter]
    fn protocol<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        convert::protocol(py, self.0.protocol)
    }
    #[getter]
    fn attribute<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        convert::word(py, self.0.attribute.as_str())
    }
    #[getter]
    fn value(&self) -> &str {
        &self.0.value
    }
    #[getter]
    fn source<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        convert::word(py, self.0.source)
    }
    #[getter]
    fn confidence(&self) -> u8 {
        self.0.confidence
    }
    #[getter]
    fn count(&self) -> u64 {
        self.0.count
    }
    #[getter]
    fn flow_count(&self) -> u64 {
        self.0.flow_count
    }
    #[getter]
    fn time_ns(&self) -> i64 {
        self.0.time_ns
    }
    #[getter]
    fn last_seen_ns(&self) -> i64 {
        self.0.last_seen_ns
    }
    #[getter]
    fn frame(&self) -> PyFrame {
        convert::frame(self.0.frame)
    }
    #[getter]
    fn last_frame(&self) -> PyFrame {
        convert::frame(self.0.last_frame)
    }
    fn __repr__(&self) -> String {
        format!("<Claim {}={:?}>", self.0.attribute.as_str(), self.0.value)
    }
}

/// Something that was transferred.
#[pyclass(frozen, module = "otmon._engine")]
pub struct Content(Box<record::Content>, Arc<Ends>);

of_flow!(Content {
    #[getter]
    fn protocol<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        convert::protocol(py, self.0.protocol)
    }
    #[getter]
    fn kind<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        convert::word(py, self.0.kind.as_str())
    }
    #[getter]
    fn name(&self) -> &str {
        &self.0.name
    }
    #[getter]
    fn to_server(&self) -> bool {
        self.0.to_server
    }
    #[getter]
    fn size(&self) -> u64 {
        self.0.size
    }
    #[getter]
    fn sha256(&self) -> String {
        convert::hexadecimal(&self.0.sha256)
    }
    #[getter]
    fn head<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.head)
    }
    #[getter]
    fn complete(&self) -> bool {
        self.0.complete
    }
    #[getter]
    fn first_seen_ns(&self) -> i64 {
        self.0.first_seen_ns
    }
    #[getter]
    fn last_seen_ns(&self) -> i64 {
        self.0.last_seen_ns
    }
    #[getter]
    fn frames(&self) -> (PyFrame, PyFrame) {
        (convert::frame(self.0.frames.0), convert::frame(self.0.frames.1))
    }
    fn __repr__(&self) -> String {
        format!("<Content {} {:?}, {} bytes>", self.0.kind.as_str(), self.0.name, self.0.size)
    }
});

/// The Python object of an observation.
pub fn to_python(
    py: Python<'_>,
    shared: &mut Shared,
    observation: record::Observation,
) -> PyResult<Py<PyAny>> {
    Ok(match observation {
        record::Observation::Transaction(own) => {
            let ends = shared.ends(py, &own.flow);
            let shape = shared.shape_of_transaction(py, &own)?;
            Py::new(py, Transaction(own, ends, shape))?.into_any()
        }
        record::Observation::Behaviour(own) => {
            let ends = shared.ends(py, &own.flow);
            let shape = shared.shape_of_behaviour(py, &own)?;
            Py::new(py, Behaviour(own, ends, shape))?.into_any()
        }
        record::Observation::Conversation(own) => {
            let ends = shared.ends(py, &own.flow);
            Py::new(py, Conversation(own, ends))?.into_any()
        }
        record::Observation::Content(own) => {
            let ends = shared.ends(py, &own.flow);
            Py::new(py, Content(own, ends))?.into_any()
        }
        record::Observation::Address(own) => Py::new(py, Address(own))?.into_any(),
        record::Observation::Claim(own) => Py::new(py, Claim(own))?.into_any(),
        record::Observation::Rhythm(own) => {
            let ends = shared.ends(py, &own.flow);
            Py::new(py, Rhythm(own, ends))?.into_any()
        }
        record::Observation::NoReply(own) => {
            let ends = shared.ends(py, &own.flow);
            Py::new(py, NoReply(own, ends))?.into_any()
        }
        record::Observation::Loss(own) => {
            let ends = shared.ends(py, &own.flow);
            Py::new(py, Loss(own, ends))?.into_any()
        }
        record::Observation::HeaderShift(own) => {
            let ends = shared.ends(py, &own.flow);
            Py::new(py, HeaderShift(own, ends))?.into_any()
        }
        record::Observation::Arp(own) => Py::new(py, Arp(own))?.into_any(),
        record::Observation::Health(own) => Py::new(py, Health(own))?.into_any(),
    })
}
