//! What Python is told when something goes wrong in Rust.
//!
//! Malformed traffic never gets here: it is data. An unusable input is a
//! `CaptureError`; a fault in otmon itself, a panic, is an `EngineError` that
//! says where. `PanicException` would pass through `except Exception`.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};

use pyo3::PyErr;

/// The exceptions of `otmon.errors`.
pub mod errors {
    pyo3::import_exception!(otmon.errors, CaptureError);
    pyo3::import_exception!(otmon.errors, EngineError);
    pyo3::import_exception!(otmon.errors, OptionsError);
}

thread_local! {
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Makes panics remember where they happened instead of printing it: those that
/// the engine catches per packet are counted, the others become exceptions.
pub fn install_quiet_hook() {
    panic::set_hook(Box::new(|info| {
        let message = info.payload_as_str().unwrap_or("no message");
        let text = match info.location() {
            Some(at) => format!("{message}, at {at}"),
            None => message.to_owned(),
        };
        LAST_PANIC.with_borrow_mut(|last| *last = text);
    }));
}

/// Runs `work`; a panic in it becomes its message and place.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|_| LAST_PANIC.take())
}

/// What a fault of otmon itself looks like in Python.
pub fn engine_error(fault: &str) -> PyErr {
    errors::EngineError::new_err(format!(
        "The engine failed: {fault}. Report it together with the capture, if you may share it."
    ))
}
