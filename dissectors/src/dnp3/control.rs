//! Commands: control relay output blocks and analog output blocks.
//!
//! ```text
//!  0        1       2         6          10
//!  | control| count | on time | off time | status      times in ms, little-endian
//!  control: trip/close code << 6 | clear << 5 | queue << 4 | operation type
//! ```
//!
//! Sources: IEEE 1815-2012, A.8.1 (block, status codes), A.23 (analog output block).

use super::field;
use crate::anomaly::Anomaly;
use crate::pdu::{Pdu, Status};
use crate::reader::Reader;

/// What became of a command.
pub(super) const fn status(code: u8) -> Status {
    let name = match code {
        0 => return Status::Ok,
        1 => "timeout",
        2 => "no_select",
        3 => "format_error",
        4 => "not_supported",
        5 => "already_active",
        6 => "hardware_error",
        7 => "local_control",
        8 => "too_many_operations",
        9 => "not_authorized",
        10 => "automation_inhibit",
        11 => "processing_limited",
        12 => "out_of_range",
        13 => "downstream_local",
        14 => "already_complete",
        15 => "blocked",
        16 => "cancelled",
        17 => "blocked_other_master",
        18 => "downstream_fail",
        126 => "non_participating",
        127 => "undefined_error",
        _ => "reserved_status",
    };
    Status::failed(code as u32, name)
}

/// Reads a control block into value and fields, and gives its status.
pub(super) fn block(reader: &mut Reader<'_>, pdu: &mut Pdu) -> Option<u8> {
    let [control, count] = reader.array()?;
    let on_time = reader.u32_le()?;
    let off_time = reader.u32_le()?;
    let status = reader.u8()?;
    let operation = match control & 0x0f {
        0 => "nul",
        1 => "pulse_on",
        2 => "pulse_off",
        3 => "latch_on",
        4 => "latch_off",
        _ => {
            pdu.anomaly(Anomaly::Malformed);
            "reserved"
        }
    };
    let pair = match control >> 6 {
        0 => None,
        1 => Some("close"),
        2 => Some("trip"),
        _ => {
            pdu.anomaly(Anomaly::Malformed);
            Some("reserved")
        }
    };
    pdu.value(match (pair, control & 0x0f) {
        (Some("close"), 0) => "close",
        (Some("close"), 1) => "close_pulse_on",
        (Some("close"), 2) => "close_pulse_off",
        (Some("close"), 3) => "close_latch_on",
        (Some("close"), 4) => "close_latch_off",
        (Some("trip"), 0) => "trip",
        (Some("trip"), 1) => "trip_pulse_on",
        (Some("trip"), 2) => "trip_pulse_off",
        (Some("trip"), 3) => "trip_latch_on",
        (Some("trip"), 4) => "trip_latch_off",
        (Some("reserved"), _) => "reserved",
        _ => operation,
    });
    pdu.field(field::OPERATION_TYPE, operation);
    if let Some(pair) = pair {
        pdu.field(field::TRIP_CLOSE, pair);
    }
    if control & 0x20 != 0 {
        pdu.field(field::CLEAR, true);
    }
    if control & 0x10 != 0 {
        pdu.field(field::QUEUE, true);
    }
    pdu.field(field::COUNT, count)
        .field(field::ON_TIME_MS, on_time)
        .field(field::OFF_TIME_MS, off_time);
    Some(status)
}
