//! The classes of observations: each wraps a record and converts on access.

use std::sync::Arc;

use engine::observation as record;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyString};

use crate::behaviour::Behaviour;
use crate::convert::{self, PyFrame};
use crate::of_flow::of_flow;
use crate::points::{PointQuality, Readback};
use crate::shared::{Ends, Shared};
use crate::spoof::{Arp, HeaderShift};
use crate::timing::{Health, Loss, NoReply, Rhythm};
use crate::transaction::Transaction;

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
    fn left(&self) -> bool {
        self.0.left
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
pub struct Address(Box<record::Address>);

#[pymethods]
impl Address {
    #[getter]
    fn sequence(&self) -> u64 {
        self.0.sequence
    }
    #[getter]
    fn left(&self) -> bool {
        self.0.left
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
            Py::new(py, Transaction(own, ends, shape, PyOnceLock::new()))?.into_any()
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
        record::Observation::Readback(own) => {
            let ends = shared.ends(py, &own.flow);
            Py::new(py, Readback(own, ends))?.into_any()
        }
        record::Observation::PointQuality(own) => {
            let ends = shared.ends(py, &own.flow);
            Py::new(py, PointQuality(own, ends))?.into_any()
        }
        record::Observation::Arp(own) => Py::new(py, Arp(own))?.into_any(),
        record::Observation::Health(own) => Py::new(py, Health(own))?.into_any(),
    })
}
