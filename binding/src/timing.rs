//! The classes of observations about rhythm, and about what the sensor saw.

use std::sync::Arc;

use engine::observation as record;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::convert::{self, PyFrame};
use crate::of_flow::of_flow;
use crate::shared::Ends;

/// What happened to a rhythm.
#[pyclass(frozen, module = "otmon._engine")]
pub struct Rhythm(pub Box<record::Rhythm>, pub Arc<Ends>);

of_flow!(Rhythm {
    #[getter]
    fn kind<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        convert::word(py, self.0.kind.as_str())
    }
    #[getter]
    fn id(&self) -> String {
        format!("{:032x}", self.0.id)
    }
    #[getter]
    fn behaviour(&self) -> u64 {
        self.0.behaviour
    }
    #[getter]
    fn conversation(&self) -> u64 {
        self.0.conversation
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
    fn operation(&self) -> String {
        self.0.operation.to_string()
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
    fn interval(&self) -> Option<(u32, u32)> {
        self.0.interval
    }
    #[getter]
    fn time_ns(&self) -> i64 {
        self.0.time_ns
    }
    #[getter]
    fn count(&self) -> u64 {
        self.0.count
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
    fn period_ns(&self) -> Option<f64> {
        self.0.period_ns
    }
    #[getter]
    fn deviation_ns(&self) -> Option<f64> {
        self.0.deviation_ns
    }
    #[getter]
    fn deadline_ns(&self) -> Option<i64> {
        self.0.deadline_ns
    }
    #[getter]
    fn observed_ns(&self) -> Option<f64> {
        self.0.observed_ns
    }
    #[getter]
    fn burst_count(&self) -> Option<u64> {
        self.0.burst_count
    }
    #[getter]
    fn usual_count(&self) -> Option<u64> {
        self.0.usual_count
    }
    #[getter]
    fn client_last_seen_ns(&self) -> Option<i64> {
        self.0.client_last_seen_ns
    }
    #[getter]
    fn server_last_seen_ns(&self) -> Option<i64> {
        self.0.server_last_seen_ns
    }
    #[getter]
    fn unanswered_count(&self) -> u64 {
        self.0.unanswered_count
    }
    fn __repr__(&self) -> String {
        format!("<Rhythm {} {}>", self.0.kind.as_str(), self.0.operation)
    }
});

/// Calls that stay unanswered.
#[pyclass(frozen, module = "otmon._engine")]
pub struct NoReply(pub Box<record::NoReply>, pub Arc<Ends>);

of_flow!(NoReply {
    #[getter]
    fn answered(&self) -> bool {
        self.0.answered
    }
    #[getter]
    fn protocol<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        self.0.protocol.map(|protocol| convert::protocol(py, protocol))
    }
    #[getter]
    fn unit(&self) -> Option<u32> {
        self.0.unit
    }
    #[getter]
    fn request_count(&self) -> u64 {
        self.0.request_count
    }
    #[getter]
    fn repeat_count(&self) -> u64 {
        self.0.repeat_count
    }
    #[getter]
    fn open_count(&self) -> u64 {
        self.0.open_count
    }
    #[getter]
    fn refused_count(&self) -> u64 {
        self.0.refused_count
    }
    #[getter]
    fn since_ns(&self) -> i64 {
        self.0.since_ns
    }
    #[getter]
    fn time_ns(&self) -> i64 {
        self.0.time_ns
    }
    #[getter]
    fn last_answer_ns(&self) -> Option<i64> {
        self.0.last_answer_ns
    }
    #[getter]
    fn frames(&self) -> (PyFrame, PyFrame) {
        (convert::frame(self.0.frames.0), convert::frame(self.0.frames.1))
    }
    #[getter]
    fn server_last_seen_ns(&self) -> Option<i64> {
        self.0.server_last_seen_ns
    }
    fn __repr__(&self) -> String {
        format!("<NoReply {} requests, {} opens>", self.0.request_count, self.0.open_count)
    }
});

/// What was lost of a conversation.
#[pyclass(frozen, module = "otmon._engine")]
pub struct Loss(pub Box<record::Loss>, pub Arc<Ends>);

of_flow!(Loss {
    #[getter]
    fn protocol<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        self.0.protocol.map(|protocol| convert::protocol(py, protocol))
    }
    #[getter(from_ns)]
    fn begin_ns(&self) -> i64 {
        self.0.from_ns
    }
    #[getter]
    fn until_ns(&self) -> i64 {
        self.0.until_ns
    }
    #[getter]
    fn gap_count(&self) -> u64 {
        self.0.gap_count
    }
    #[getter]
    fn gap_bytes(&self) -> u64 {
        self.0.gap_bytes
    }
    fn __repr__(&self) -> String {
        format!("<Loss {} bytes>", self.0.gap_bytes)
    }
});

/// How well an interface was seen.
#[pyclass(frozen, module = "otmon._engine")]
pub struct Health(pub Box<record::Health>);

#[pymethods]
impl Health {
    #[getter]
    fn sequence(&self) -> u64 {
        self.0.sequence
    }
    #[getter]
    fn kind<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        convert::word(py, self.0.kind.as_str())
    }
    #[getter]
    fn interface(&self) -> u32 {
        self.0.interface
    }
    #[getter]
    fn file(&self) -> u32 {
        self.0.file
    }
    #[getter(from_ns)]
    fn begin_ns(&self) -> i64 {
        self.0.from_ns
    }
    #[getter]
    fn until_ns(&self) -> i64 {
        self.0.until_ns
    }
    #[getter]
    fn frames(&self) -> u64 {
        self.0.frames
    }
    #[getter]
    fn bytes(&self) -> u64 {
        self.0.bytes
    }
    #[getter]
    fn gap_bytes(&self) -> u64 {
        self.0.gap_bytes
    }
    #[getter]
    fn dropped_packets(&self) -> u64 {
        self.0.dropped_packets
    }
    #[getter]
    fn duplicate_frames(&self) -> u64 {
        self.0.duplicate_frames
    }
    #[getter]
    fn truncated_frames(&self) -> u64 {
        self.0.truncated_frames
    }
    #[getter]
    fn tcp_frames(&self) -> u64 {
        self.0.tcp_frames
    }
    #[getter]
    fn one_sided_frames(&self) -> u64 {
        self.0.one_sided_frames
    }
    #[getter]
    fn late_frames(&self) -> u64 {
        self.0.late_frames
    }
    #[getter]
    fn mirror_gap_frames(&self) -> u64 {
        self.0.mirror_gap_frames
    }
    #[getter]
    fn fault_count(&self) -> u64 {
        self.0.fault_count
    }
    #[getter]
    fn unread_bytes(&self) -> u64 {
        self.0.unread_bytes
    }
    #[getter]
    fn left_out_count(&self) -> u64 {
        self.0.left_out_count
    }
    fn __repr__(&self) -> String {
        format!("<Health {} of interface {}>", self.0.kind.as_str(), self.0.interface)
    }
}
