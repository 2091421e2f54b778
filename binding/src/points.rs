//! The classes of observations about single points.

use std::sync::Arc;

use engine::observation as record;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::convert::{self, PyFrame};
use crate::of_flow::of_flow;
use crate::shared::Ends;

/// What the objects of a write held after it.
#[pyclass(frozen, module = "otmon._engine")]
pub struct Readback(pub Box<record::Readback>, pub Arc<Ends>);

of_flow!(Readback {
    #[getter]
    fn protocol<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        convert::protocol(py, self.0.protocol)
    }
    #[getter]
    fn unit(&self) -> Option<u32> {
        self.0.unit
    }
    #[getter]
    fn target(&self) -> &str {
        &self.0.target
    }
    #[getter]
    fn writer(&self) -> Option<String> {
        let writer = &self.0.writer;
        writer.ip.map(|ip| ip.to_string()).or_else(|| writer.mac.map(convert::mac))
    }
    #[getter]
    fn written_ns(&self) -> i64 {
        self.0.written_ns
    }
    #[getter]
    fn time_ns(&self) -> i64 {
        self.0.time_ns
    }
    #[getter]
    fn frames(&self) -> Vec<PyFrame> {
        let (write, first, last) = self.0.frames;
        let frames = [write, first, last].into_iter().map(convert::frame);
        let mut frames: Vec<PyFrame> = frames.collect();
        frames.dedup();
        frames
    }
    #[getter]
    fn different(&self) -> Vec<(u32, f64, f64)> {
        self.0.different.iter().map(|cell| (cell.at, cell.written, cell.read)).collect()
    }
    fn __repr__(&self) -> String {
        format!("<Readback of {}: {} different>", self.0.target, self.0.different.len())
    }
});

/// Points whose quality is now another.
#[pyclass(frozen, module = "otmon._engine")]
pub struct PointQuality(pub Box<record::PointQuality>, pub Arc<Ends>);

of_flow!(PointQuality {
    #[getter]
    fn protocol<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        convert::protocol(py, self.0.protocol)
    }
    #[getter]
    fn unit(&self) -> Option<u32> {
        self.0.unit
    }
    #[getter]
    fn time_ns(&self) -> i64 {
        self.0.time_ns
    }
    #[getter]
    fn frame(&self) -> PyFrame {
        convert::frame(self.0.frame)
    }
    #[getter]
    fn space(&self) -> &str {
        &self.0.space
    }
    #[getter]
    fn before(&self) -> Option<u8> {
        self.0.before
    }
    #[getter]
    fn now(&self) -> u8 {
        self.0.now
    }
    #[getter]
    fn points(&self) -> Vec<u32> {
        self.0.points.clone()
    }
    #[getter]
    fn count(&self) -> u32 {
        self.0.count
    }
    fn __repr__(&self) -> String {
        format!("<PointQuality {} x {}: {:#04x}>", self.0.space, self.0.count, self.0.now)
    }
});
