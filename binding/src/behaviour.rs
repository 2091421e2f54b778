//! The class of repetition.

use std::sync::Arc;

use engine::observation as record;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use crate::convert::{self, PyFrame};
use crate::of_flow::of_flow;
use crate::shared::{self, Ends, Shape};

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
pub struct Behaviour(pub Box<record::Behaviour>, pub Arc<Ends>, pub Arc<Shape>);

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
        self.2.role.bind(py).clone()
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
    fn file_name(&self) -> Option<&str> {
        None
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
