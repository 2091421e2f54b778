//! Frames taken out of capture files once more, and written as a capture of their own.

use std::path::{Path, PathBuf};

use engine::capture::FileFacts;
use engine::capture::writer::{Source, Writer, Written};
use engine::selection::{Bounds, Picked, Wanted, select};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::fault::errors::CaptureError;
use crate::fault::{caught, engine_error};

/// A frame taken out of a capture file.
#[pyclass(frozen, module = "otmon._engine")]
pub struct SelectedFrame {
    picked: Picked,
    source: Source,
    #[pyo3(get)]
    file: String,
}

#[pymethods]
impl SelectedFrame {
    #[getter]
    const fn number(&self) -> u64 {
        self.picked.number
    }

    #[getter]
    const fn time_ns(&self) -> i64 {
        self.picked.time_ns
    }

    #[getter]
    const fn link_type(&self) -> u16 {
        self.picked.link_type
    }

    #[getter]
    const fn original_length(&self) -> u32 {
        self.picked.original_len
    }

    #[getter]
    const fn reason(&self) -> &'static str {
        self.picked.reason.as_str()
    }

    #[getter]
    fn transport(&self) -> Option<&'static str> {
        self.picked.ends.map(|ends| ends.transport)
    }

    #[getter]
    fn source_ip(&self) -> Option<String> {
        self.picked.ends.map(|ends| ends.source.0.to_string())
    }

    #[getter]
    fn source_port(&self) -> Option<u16> {
        self.picked.ends.map(|ends| ends.source.1)
    }

    #[getter]
    fn destination_ip(&self) -> Option<String> {
        self.picked.ends.map(|ends| ends.destination.0.to_string())
    }

    #[getter]
    fn destination_port(&self) -> Option<u16> {
        self.picked.ends.map(|ends| ends.destination.1)
    }

    #[getter]
    fn data<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.picked.bytes)
    }
}

/// Frames that were taken out of capture files.
#[pyclass(frozen, module = "otmon._engine")]
pub struct Selection {
    #[pyo3(get)]
    frames: Vec<Py<SelectedFrame>>,
    #[pyo3(get)]
    missing_count: u64,
    #[pyo3(get)]
    left_out_count: u64,
    #[pyo3(get)]
    errors: Vec<String>,
}

/// Takes frames out of capture files, with what stands around them in their flows.
#[pyfunction]
#[pyo3(signature = (wanted, *, context = 5, most_frames = 200, most_bytes = 1 << 20))]
pub fn select_frames(
    py: Python<'_>,
    wanted: Vec<(PathBuf, Vec<u64>)>,
    context: usize,
    most_frames: usize,
    most_bytes: usize,
) -> PyResult<Selection> {
    let wanted: Vec<Wanted> =
        wanted.into_iter().map(|(path, frames)| Wanted { path, frames }).collect();
    let bounds = Bounds { context, frames: most_frames, bytes: most_bytes };
    let found = py.detach(|| caught(|| select(&wanted, bounds)));
    let found = found
        .map_err(|fault| engine_error(&fault))?
        .map_err(|error| CaptureError::new_err(error.to_string()))?;
    Selection::new(py, found)
}

impl Selection {
    /// What was picked, for Python.
    pub fn new(py: Python<'_>, found: engine::selection::Selection) -> PyResult<Self> {
        let files = found.files;
        let frames = found.frames.into_iter().map(|picked| {
            let facts = files.get(picked.file as usize);
            let file = facts.map_or_else(String::new, |facts| facts.path.display().to_string());
            let source = source_of(&picked, facts, &file);
            Py::new(py, SelectedFrame { picked, source, file })
        });
        Ok(Selection {
            frames: frames.collect::<PyResult<_>>()?,
            missing_count: found.missing_count,
            left_out_count: found.left_out_count,
            errors: files
                .iter()
                .filter_map(|facts| facts.error.as_ref())
                .map(ToString::to_string)
                .collect(),
        })
    }
}

/// Where a frame was captured, as far as its file tells.
fn source_of(picked: &Picked, facts: Option<&FileFacts>, file: &str) -> Source {
    // Names are kept in the order of interfaces only where each has one.
    let name = facts
        .filter(|facts| u64::try_from(facts.interface_names.len()) == Ok(facts.interface_count))
        .and_then(|facts| facts.interface_names.get(picked.interface as usize).cloned());
    // Evidence is passed on: the folders of this machine are nobody's business.
    let file = Path::new(file).file_name().map_or(file.into(), |name| name.to_string_lossy());
    let description = format!("interface {} of {file}", picked.interface);
    Source { link_type: picked.link_type, name, description }
}

/// Writes frames as a pcapng capture: its bytes.
#[pyfunction]
pub fn write_capture<'py>(
    py: Python<'py>,
    frames: Vec<(Py<SelectedFrame>, String)>,
    comment: &str,
) -> PyResult<Bound<'py, PyBytes>> {
    let program = concat!("otmon ", env!("CARGO_PKG_VERSION"));
    let bytes = caught(|| {
        let mut writer = Writer::new(comment, program);
        for (frame, comment) in &frames {
            let SelectedFrame { picked, source, .. } = frame.get();
            let written = Written {
                time_ns: picked.time_ns,
                original_len: picked.original_len,
                bytes: &picked.bytes,
                comment,
            };
            writer.frame(source, written);
        }
        writer.finish()
    });
    Ok(PyBytes::new(py, &bytes.map_err(|fault| engine_error(&fault))?))
}
