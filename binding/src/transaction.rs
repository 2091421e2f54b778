//! The class of operations that leave one by one.

use std::sync::Arc;

use engine::observation as record;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

use crate::convert::{self, PyFrame};
use crate::of_flow::of_flow;
use crate::shared::{self, Ends, Shape};

/// One operation that matters by itself, with its targets once somebody has asked for them:
/// of a change a dozen rules and detectors do.
#[pyclass(frozen, module = "otmon._engine")]
pub struct Transaction(
    pub Box<record::Transaction>,
    pub Arc<Ends>,
    pub Arc<Shape>,
    pub PyOnceLock<Py<PyTuple>>,
);

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
    fn awaits(&self) -> bool {
        self.0.awaits
    }
    #[getter]
    fn first_seen(&self) -> bool {
        self.0.first
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
        self.2.role.bind(py).clone()
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
        let make = || PyTuple::new(py, &self.0.targets).map(Bound::unbind);
        self.3.get_or_try_init(py, make).map(|targets| targets.bind(py).clone())
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
        shared::text(py, self.2.status.as_ref())
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
        self.2.outcome.bind(py).clone()
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
    fn file_name(&self) -> Option<&str> {
        None
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
    fn history_read_count(&self) -> u64 {
        self.0.history.read_count
    }
    #[getter]
    fn history_change_count(&self) -> u64 {
        self.0.history.change_count
    }
    #[getter]
    fn history_first_seen_ns(&self) -> i64 {
        self.0.history.first_seen_ns
    }
    fn __repr__(&self) -> String {
        let own = &self.0;
        let targets = own.targets.join(", ");
        format!("<Transaction {} {} {targets}>", own.protocol.registration().name, own.operation)
    }
});
