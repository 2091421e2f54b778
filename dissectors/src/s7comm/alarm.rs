//! Messages of the CPU: who subscribes to which, diagnostic events, and alarms that come, go,
//! are acknowledged and locked.
//!
//! ```text
//!  subscribe    events | .. | name 8 [ alarm type | .. ]
//!  diagnostic   event 2 | priority | OB | .. .. | information 2 | 4 | time 8
//!  alarm        time 8 | .. | count | objects             locks and acknowledgements by the
//!  object       12 | length | syntax | values | event 4 | states | values ...   client: no time
//!    states     16 event, state, acknowledged going, coming; 1c four bytes more; 19 only the
//!               last two; 15 none
//! ```
//!
//! Source: layouts as tshark 4.0.17 reads them; captures wincc_s300_setup-alarm-read-write
//! (subscriptions, alarm query), step7_s300_readDiagData.

use alloc::string::String;

use super::fields::{
    ACKNOWLEDGED, ALARM_TYPE, DEVICE_TIME, EVENT_ID, EVENT_STATE, EVENTS, ORGANISATION_BLOCK,
    PRIORITY, SUBSCRIBER,
};
use super::item::{self, Data};
use super::time;
use super::userdata::Head;
use crate::anomaly::Anomaly;
use crate::operation::{Class, Operation};
use crate::pdu::{Pdu, Role};
use crate::reader::Reader;
use crate::target::{Space, Span, Target};
use crate::value::{Value, text};

const ALARM: Space = Space::new("alarm");
const EVENT: Space = Space::new("event");

/// The operation of a subfunction of the CPU.
pub(super) const fn operation(subfunction: u8) -> Operation {
    match subfunction {
        1 => Operation::new("read_szl", Class::Read),
        2 => Operation::new("message_service", Class::Subscribe),
        3 => Operation::new("diagnostic_message", Class::Read),
        5 => Operation::new("alarm_8_indication", Class::Read),
        6 => Operation::new("notify_indication", Class::Read),
        7 => Operation::new("lock_alarm", Class::AlarmConfig),
        8 => Operation::new("unlock_alarm", Class::AlarmConfig),
        9 => Operation::new("scan_indication", Class::Read),
        0x0b => Operation::new("acknowledge_alarm", Class::AlarmAck),
        0x0c => Operation::new("alarm_acknowledged_indication", Class::Read),
        0x0d => Operation::new("alarm_locked_indication", Class::AlarmConfig),
        0x0e => Operation::new("alarm_unlocked_indication", Class::AlarmConfig),
        0x11 => Operation::new("alarm_sq_indication", Class::Read),
        0x12 => Operation::new("alarm_s_indication", Class::Read),
        0x13 => Operation::new("query_alarms", Class::Read),
        0x16 => Operation::new("notify_8_indication", Class::Read),
        _ => Operation::unknown(0x400 | subfunction as u16),
    }
}

/// The target of an alarm or event by its number: `alarm:0x6000000a`.
fn target(space: Space, number: u32, width: usize) -> Target {
    Target::new(space, Span::Named(alloc::format!("{number:#0width$x}").into()))
}

/// Reads what a message of the CPU says, system status lists apart.
pub(super) fn read(head: &Head, reader: &mut Reader<'_>, pdu: &mut Pdu) -> Option<()> {
    let role = head.role;
    if reader.is_empty() {
        return Some(());
    }
    match (head.subfunction, role) {
        (2, Role::Request) => subscription(reader, pdu),
        (3, Role::Event) => diagnostic(reader, pdu),
        (5 | 6 | 0x0c | 0x11 | 0x12 | 0x16, Role::Event) => {
            coming(reader, pdu)?;
            objects(reader, role, pdu)
        }
        (9, Role::Event) => {
            reader.skip(2)?;
            coming(reader, pdu)?;
            reader.skip(2)?;
            objects(reader, role, pdu)
        }
        (7 | 8 | 0x0b | 0x0d | 0x0e, Role::Request | Role::Event) => objects(reader, role, pdu),
        (7 | 8 | 0x0b, Role::Response) => results(reader, pdu),
        (0x13, Role::Request) => query(reader, pdu),
        (0x13, Role::Response) => {
            // Of the alarms themselves no capture is known: only how the query went.
            reader.skip(2)?;
            match reader.u8()? {
                // There is none to tell of.
                0x0a => pdu.quantity(0u8),
                code => pdu.status(item::return_code(code)),
            };
            Some(())
        }
        _ => Some(()),
    }
}

/// Which events a client wants to be told.
fn subscription(reader: &mut Reader<'_>, pdu: &mut Pdu) -> Option<()> {
    let events = reader.u8()?;
    reader.skip(1)?;
    let mut words = String::new();
    for (bit, word) in [
        (0x01, "mode_transitions"),
        (0x02, "system_diagnostics"),
        (0x04, "user_messages"),
        (0x80, "alarms"),
    ] {
        if events & bit != 0 {
            if !words.is_empty() {
                words.push(' ');
            }
            words.push_str(word);
        }
    }
    pdu.field(EVENTS, Value::Text(words.into()));
    pdu.field(SUBSCRIBER, Value::Text(text(reader.take(8)?)));
    let kind = if reader.is_empty() { None } else { reader.u8() };
    if let Some(kind) = kind {
        let word = match kind {
            0 | 1 => "scan",
            4 | 5 => "alarm",
            8 | 9 => "alarm_s",
            _ => "unknown",
        };
        pdu.field(ALARM_TYPE, word);
    }
    // The lowest bit of the alarm type switches alarms on and off.
    let ends = match (events & 0x7f, kind) {
        (0, Some(kind)) => kind & 1 == 0,
        (events, _) => events == 0,
    };
    if ends {
        pdu.operation = pdu.operation.with_class(Class::ReportDisable);
    }
    Some(())
}

/// Whether a subscription comes from the run time of an operator panel, which names itself.
pub(super) fn is_hmi(subscription: &[u8]) -> bool {
    subscription.get(2..8) == Some(b"HmiRtm")
}

/// An entry of the diagnostic buffer, as it happens.
fn diagnostic(reader: &mut Reader<'_>, pdu: &mut Pdu) -> Option<()> {
    let event = reader.u16_be()?;
    pdu.target(target(EVENT, event.into(), 6)).field(EVENT_ID, event);
    pdu.field(PRIORITY, reader.u8()?);
    pdu.field(ORGANISATION_BLOCK, reader.u8()?);
    reader.skip(8)?;
    if let Some(nanoseconds) = time::nanoseconds(reader.array()?) {
        pdu.field(DEVICE_TIME, Value::Time(nanoseconds));
    }
    Some(())
}

/// When an alarm came, by the device's clock.
fn coming(reader: &mut Reader<'_>, pdu: &mut Pdu) -> Option<()> {
    if let Some(nanoseconds) = time::nanoseconds(reader.array()?) {
        pdu.field(DEVICE_TIME, Value::Time(nanoseconds));
    }
    Some(())
}

/// The alarms of a message, each with its states and values.
fn objects(reader: &mut Reader<'_>, role: Role, pdu: &mut Pdu) -> Option<()> {
    reader.skip(1)?;
    let count = reader.u8()?;
    for _ in 0..count {
        reader.skip(2)?;
        let syntax = reader.u8()?;
        let values = reader.u8()?;
        let event = reader.u32_be()?;
        let target = target(ALARM, event, 10);
        if count > 1 {
            pdu.item(Some(target));
        } else {
            pdu.target(target);
        }
        match syntax {
            0x16 | 0x1c => {
                pdu.field(EVENT_STATE, reader.u8()?);
                reader.skip(1)?;
                acknowledged(reader, pdu)?;
                if syntax == 0x1c {
                    reader.skip(4)?;
                }
                for n in 0..values {
                    let value = Data::read(reader, n.saturating_add(1) == values)?;
                    value.put(None, pdu);
                }
            }
            0x19 => acknowledged(reader, pdu)?,
            0x15 => {
                if role == Role::Request {
                    reader.take_up_to(2);
                }
            }
            _ => {
                pdu.anomaly(Anomaly::UnknownObject);
                return Some(());
            }
        }
    }
    Some(())
}

/// The signals whose coming is acknowledged; whose going stands before it.
fn acknowledged(reader: &mut Reader<'_>, pdu: &mut Pdu) -> Option<()> {
    reader.skip(1)?;
    pdu.field(ACKNOWLEDGED, reader.u8()?);
    Some(())
}

/// How each alarm of a request went.
fn results(reader: &mut Reader<'_>, pdu: &mut Pdu) -> Option<()> {
    reader.skip(1)?;
    let count = reader.u8()?;
    for _ in 0..count {
        let status = item::return_code(reader.u8()?);
        if count == 1 {
            pdu.status(status);
        } else if let Some(item) = pdu.item(None) {
            item.status = status;
        }
    }
    Some(())
}

/// Which alarms are asked for.
fn query(reader: &mut Reader<'_>, pdu: &mut Pdu) -> Option<()> {
    reader.skip(5)?;
    reader.skip(1)?;
    let by = reader.u8()?;
    reader.skip(1)?;
    let number = reader.u32_be()?;
    match (by, number) {
        (3, event) => {
            pdu.target(target(ALARM, event, 10));
        }
        (_, 1) => {
            pdu.field(ALARM_TYPE, "scan");
        }
        (_, 2) => {
            pdu.field(ALARM_TYPE, "alarm_8");
        }
        (_, 4) => {
            pdu.field(ALARM_TYPE, "alarm_s");
        }
        _ => {
            pdu.field(ALARM_TYPE, "unknown");
        }
    }
    Some(())
}
