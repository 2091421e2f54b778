//! The engine: frames in, observations out.
//!
//! ```text
//! capture ─► decode ─► duplicate ─► defragment ─► flow ─► reassembly ─► identify
//!         ─► dissect ─► pairing ─► observer (behaviour, conversation, claim, content)
//! ```
//!
//! [`engine::Engine`] calls the stages in this order and holds no logic of its own.
//! Nothing here but [`capture`] does I/O, and nothing asks the time: it comes
//! from packets.

pub mod capture;
pub mod counters;
pub mod decode;
mod dissect;
pub mod duplicate;
pub mod engine;
mod flow;
pub mod fragment;
mod identify;
mod join;
pub mod limits;
pub mod observation;
pub mod observer;
pub mod packet;
mod pairing;
mod reassembly;

pub use dissectors;
pub use engine::{Engine, Options};
