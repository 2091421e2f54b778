//! The engine: frames in, observations out.
//!
//! ```text
//! capture ─► decode ─► duplicate ─► defragment ─► flow ─► reassembly ─► identify
//!         ─► dissect ─► pairing ─► observer (behaviour, conversation, claim, content)
//! ```
//!
//! [`engine::Engine`] calls the stages in this order and holds no logic of its own.
//! Nothing here but [`capture`] does I/O, and nothing asks the time: it comes
//! from packets. Live, the capture says how late it is.

#![deny(unsafe_code)]

mod address;
mod arp;
mod behaviour;
mod calls;
pub mod capture;
mod claim;
mod content;
mod conversation;
pub mod counters;
pub mod decode;
mod delta;
mod dissect;
pub mod duplicate;
pub mod engine;
mod exchange;
mod flow;
pub mod fragment;
mod history;
mod identify;
mod interface;
mod join;
mod known_servers;
pub mod limits;
mod loss;
mod mirror;
mod objects;
pub mod observation;
pub mod observer;
pub mod packet;
mod pairing;
mod pdu_json;
mod pdu_log;
mod points;
mod reassembly;
pub mod recent;
pub mod selection;
mod shift;
mod slots;
mod timestamp;
mod token_bucket;
pub mod wanted;

pub use dissectors;
pub use engine::{Engine, Options};
pub use pdu_log::PduLogging;
