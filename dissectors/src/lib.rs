//! ICS protocol dissectors: bytes in, PDUs out.
//!
//! Each protocol is one file with pure functions over bytes; [`dissector`] holds
//! the contract, [`registry`] the list. Copy `modbus` to add one.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod anomaly;
pub mod dissector;
pub mod field;
pub mod name;
pub mod operation;
pub mod pdu;
pub mod reader;
pub mod registry;
pub mod sink;
pub mod target;
pub mod value;

mod crc;
mod dnp3;
mod modbus;
mod modbus_rtu;
mod s7comm;
mod tpkt;
mod tristation;
mod umas;
