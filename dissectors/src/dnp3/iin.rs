//! Internal indications: what an outstation says about itself in every response.
//!
//! Source: IEEE 1815-2012, 4.2.2.6.

use super::field;
use crate::anomaly::Anomaly;
use crate::field::FieldId;
use crate::pdu::{Pdu, Status};

/// Field and anomaly of each bit, from 0x8000 (IIN1.7) down.
const BITS: [(FieldId, Option<Anomaly>); 14] = [
    (field::DEVICE_RESTART, Some(Anomaly::RestartSeen)),
    (field::DEVICE_TROUBLE, Some(Anomaly::DeviceTrouble)),
    (field::LOCAL_CONTROL, None),
    (field::NEED_TIME, None),
    (field::CLASS_3_EVENTS, None),
    (field::CLASS_2_EVENTS, None),
    (field::CLASS_1_EVENTS, None),
    (field::BROADCAST, None),
    (field::CONFIGURATION_CORRUPT, Some(Anomaly::ConfigurationCorrupt)),
    (field::ALREADY_EXECUTING, None),
    (field::EVENT_BUFFER_OVERFLOW, Some(Anomaly::BufferOverflow)),
    (field::PARAMETER_ERROR, None),
    (field::OBJECT_UNKNOWN, None),
    (field::FUNCTION_NOT_SUPPORTED, None),
];

/// IIN2.6 and IIN2.7.
const RESERVED: u16 = 0x00c0;

/// Adds the indications to a response: the number, a field for each bit that is
/// set, and the status that IIN2 tells. `first` is IIN1, `second` IIN2.
pub(super) fn push(first: u8, second: u8, pdu: &mut Pdu) {
    let iin = u16::from_be_bytes([first, second]);
    pdu.field(field::IIN, iin);
    if iin & RESERVED != 0 {
        pdu.anomaly(Anomaly::ReservedBits);
    }
    let mut rest = u16::from_be_bytes([first, second << 2]);
    for (id, anomaly) in BITS {
        if rest & 0x8000 != 0 {
            pdu.field(id, true);
            if let Some(anomaly) = anomaly {
                pdu.anomaly(anomaly);
            }
        }
        rest <<= 1;
    }
    pdu.status(status(second));
}

/// How a request went, as IIN2 has it.
const fn status(second: u8) -> Status {
    if second & 0x01 != 0 {
        Status::failed(0x01, "function_not_supported")
    } else if second & 0x02 != 0 {
        Status::failed(0x02, "object_unknown")
    } else if second & 0x04 != 0 {
        Status::failed(0x04, "parameter_error")
    } else if second & 0x10 != 0 {
        Status::failed(0x10, "already_executing")
    } else {
        Status::Ok
    }
}
