//! The classes of observations about senders that may not be who they say.

use std::sync::Arc;

use engine::observation as record;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::convert::{self, PyFrame};
use crate::of_flow::of_flow;
use crate::shared::Ends;

/// The ARP messages of a sender.
#[pyclass(frozen, module = "otmon._engine")]
pub struct Arp(pub Box<record::Arp>);

#[pymethods]
impl Arp {
    #[getter]
    fn sequence(&self) -> u64 {
        self.0.sequence
    }
    #[getter]
    fn mac(&self) -> String {
        convert::mac(self.0.mac)
    }
    #[getter]
    fn ip(&self) -> String {
        self.0.ip.to_string()
    }
    #[getter]
    fn vlan(&self) -> Option<u16> {
        self.0.vlan
    }
    #[getter]
    fn interface(&self) -> u32 {
        self.0.interface
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
    fn request_count(&self) -> u64 {
        self.0.request_count
    }
    #[getter]
    fn target_count(&self) -> u64 {
        self.0.target_count
    }
    #[getter]
    fn silent_count(&self) -> u64 {
        self.0.silent_count
    }
    #[getter]
    fn reply_count(&self) -> u64 {
        self.0.reply_count
    }
    #[getter]
    fn unasked_count(&self) -> u64 {
        self.0.unasked_count
    }
    #[getter]
    fn gratuitous_count(&self) -> u64 {
        self.0.gratuitous_count
    }
    #[getter]
    fn frames(&self) -> (PyFrame, PyFrame) {
        (convert::frame(self.0.frames.0), convert::frame(self.0.frames.1))
    }
    fn __repr__(&self) -> String {
        format!("<Arp {} asks for {}>", self.0.ip, self.0.target_count)
    }
}

/// Something in a flow that another machine may have sent.
#[pyclass(frozen, module = "otmon._engine")]
pub struct HeaderShift(pub Box<record::HeaderShift>, pub Arc<Ends>);

of_flow!(HeaderShift {
    #[getter]
    fn kind<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        convert::word(py, self.0.kind.as_str())
    }
    #[getter(from_client)]
    fn is_from_client(&self) -> bool {
        self.0.from_client
    }
    #[getter]
    fn time_ns(&self) -> i64 {
        self.0.time_ns
    }
    #[getter]
    fn values(&self) -> Option<(u32, u32)> {
        self.0.values
    }
    #[getter]
    fn frames(&self) -> (PyFrame, PyFrame) {
        (convert::frame(self.0.frames.0), convert::frame(self.0.frames.1))
    }
    #[getter]
    fn count(&self) -> u32 {
        self.0.count
    }
    fn __repr__(&self) -> String {
        format!("<HeaderShift {} x {}>", self.0.kind.as_str(), self.0.count)
    }
});
