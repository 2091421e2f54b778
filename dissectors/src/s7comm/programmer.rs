//! Test functions of the programming device: variables watched, modified and forced, program
//! status, breakpoints, and jobs that go on.
//!
//! ```text
//!  | parameter length | data length | parameter ... | data ...
//!  request   parameter: 10 words; the third how often, the tenth the trigger
//!  variables count, (area and type | repetition or bit | DB | start) ...
//!            modify and force: then a value each, as in item.rs
//!  answer    parameter: 2 words; variables: count, a value each
//!  job       function | sequence                     of the job that is meant
//! ```
//!
//! Source: as tshark 4.0.17 reads it; capture step7_s300_readDiagData (program status, jobs).

use super::block;
use super::fields::{JOB_SEQUENCE, JOB_SUBFUNCTION, TRANSPORT_SIZE, TRIGGER};
use super::item::{self, Data};
use super::userdata::Head;
use crate::anomaly::Anomaly;
use crate::operation::{Class, Operation};
use crate::pdu::{Pdu, Role};
use crate::reader::Reader;
use crate::target::{Space, Span, Target};
use crate::value::Value;

const BLOCK_STATUS: u8 = 0x01;
const VARIABLE_STATUS: u8 = 0x02;
const FORCE_SELECTION: u8 = 0x07;
const MODIFY_VARIABLE: u8 = 0x08;
const FORCE: u8 = 0x09;
const READ_JOB: u8 = 0x11;
const BLOCK_STATUS_2: u8 = 0x13;

/// The name of a subfunction.
const fn name(subfunction: u8) -> Option<&'static str> {
    Some(match subfunction {
        BLOCK_STATUS => "block_status",
        VARIABLE_STATUS => "variable_status",
        0x03 => "read_interrupt_stack",
        0x04 => "read_block_stack",
        0x05 => "read_local_stack",
        0x06 => "measure_time",
        FORCE_SELECTION => "force_selection",
        MODIFY_VARIABLE => "modify_variable",
        FORCE => "force",
        0x0a => "set_breakpoint",
        0x0b => "exit_hold",
        0x0c => "memory_reset",
        0x0d => "disable_job",
        0x0e => "enable_job",
        0x0f => "delete_job",
        0x10 => "read_job_list",
        READ_JOB => "read_job",
        0x12 => "replace_job",
        BLOCK_STATUS_2 => "block_status_2",
        0x16 => "flash_led",
        _ => return None,
    })
}

/// The operation of a subfunction. What changes a job takes the job's class
/// where the message names the job.
pub(super) const fn operation(subfunction: u8) -> Operation {
    let Some(name) = name(subfunction) else {
        return Operation::unknown(0x100 | subfunction as u16);
    };
    Operation::new(name, class(subfunction))
}

const fn class(subfunction: u8) -> Class {
    match subfunction {
        FORCE_SELECTION | FORCE => Class::Force,
        MODIFY_VARIABLE => Class::Write,
        0x0a | 0x0b => Class::ModeOther,
        0x0c => Class::FactoryReset,
        0x16 => Class::Command,
        _ => Class::Read,
    }
}

/// Reads a test function.
pub(super) fn read(
    head: &Head,
    reader: &mut Reader<'_>,
    open: Option<&Pdu>,
    pdu: &mut Pdu,
) -> Option<()> {
    if reader.is_empty() {
        return Some(());
    }
    let role = head.role;
    let parameter_length = reader.u16_be()?;
    let data_length = reader.u16_be()?;
    let mut parameter = Reader::new(reader.take(parameter_length.into())?);
    let mut data = Reader::new(reader.take(data_length.into())?);
    if !reader.is_empty() {
        pdu.anomaly(Anomaly::TrailingBytes);
    }
    if role == Role::Request && parameter.skip(18).is_some() {
        pdu.field(TRIGGER, parameter.u16_be()?);
    }
    match (head.subfunction, role) {
        (VARIABLE_STATUS, Role::Request) => {
            let count = data.u16_be()?;
            for _ in 0..count {
                variable(&mut data, count > 1, pdu)?;
            }
        }
        (MODIFY_VARIABLE | FORCE, Role::Request) => {
            new_values(head.subfunction == FORCE, &mut data, pdu)?;
        }
        (VARIABLE_STATUS, Role::Response | Role::Event) => values(&mut data, open, pdu)?,
        (BLOCK_STATUS | BLOCK_STATUS_2, Role::Request) => {
            if let (Some(kind), Some(number)) = (parameter.u16_be(), parameter.u16_be()) {
                pdu.target(block::coded(u8::try_from(kind).unwrap_or(0), number));
            }
        }
        (0x0d..=0x0f | READ_JOB | 0x12, Role::Request) => {
            let function = data.u8()?;
            if let Some(name) = name(function) {
                pdu.field(JOB_SUBFUNCTION, Value::word(name));
                if head.subfunction != READ_JOB {
                    pdu.operation = pdu.operation.with_class(class(function));
                }
            }
            pdu.field(JOB_SEQUENCE, data.u8()?);
        }
        _ => {}
    }
    Some(())
}

/// One variable of a table: its target, and the type of its elements.
fn variable(data: &mut Reader<'_>, several: bool, pdu: &mut Pdu) -> Option<u8> {
    let area = data.u8()?;
    let repetition = data.u8()?;
    let db = data.u16_be()?;
    let start = data.u16_be()?;
    let space = match area >> 4 {
        0 => Some(Space::new("M")),
        1 => Some(Space::new("I")),
        2 => Some(Space::new("Q")),
        3 => Some(Space::new("P")),
        5 => Some(Space::new("T")),
        6 => Some(Space::new("C")),
        7 => Some(Space::numbered("DB", db.into())),
        _ => None,
    };
    let (element, size) = match area & 0x0f {
        0 => (1u8, 0u32),
        1 => (2, 1),
        2 => (4, 2),
        3 => (6, 4),
        // Timers and counters: 16 bits, counted by number.
        _ => (4, 1),
    };
    let quantity = u32::from(repetition);
    let target = space.map(|space| {
        let span = match size {
            0 => Span::Bit { byte: start.into(), bit: repetition & 7 },
            size => Span::range(start.into(), quantity.saturating_mul(size)),
        };
        Target::new(space, span)
    });
    if target.is_none() {
        pdu.anomaly(Anomaly::UnknownObject);
    }
    let quantity = if size == 0 { 1 } else { quantity };
    if several {
        if let Some(item) = pdu.item(target) {
            item.quantity = Some(quantity);
        }
    } else {
        pdu.target = target;
        pdu.quantity = Some(quantity);
    }
    pdu.field(TRANSPORT_SIZE, element);
    Some(element)
}

/// Variables and the values that they are to have: all variables come first.
/// To override inputs and outputs is what forcing is for; to modify them is not.
fn new_values(forced: bool, data: &mut Reader<'_>, pdu: &mut Pdu) -> Option<()> {
    let count = data.u16_be()?;
    let mut values = *data;
    values.skip(usize::from(count).checked_mul(6)?)?;
    for n in 0..count {
        // Areas 1 to 3 are inputs, outputs and periphery.
        if !forced && data.peek().is_some_and(|area| matches!(area >> 4, 1..=3)) {
            pdu.anomaly(Anomaly::WriteToProcessImage);
        }
        let element = variable(data, count > 1, pdu)?;
        Data::read(&mut values, n.saturating_add(1) == count)?.put(Some(element), pdu);
    }
    Some(())
}

/// The values of watched variables.
fn values(data: &mut Reader<'_>, open: Option<&Pdu>, pdu: &mut Pdu) -> Option<()> {
    if data.is_empty() {
        return Some(());
    }
    let count = data.u16_be()?;
    for n in 0..count {
        let value = Data::read(data, n.saturating_add(1) == count)?;
        let (target, quantity, element) =
            open.map(|request| item::asked(request, n.into(), count > 1)).unwrap_or_default();
        item::put_result(target, quantity, &value, count > 1, pdu);
        value.put(element, pdu);
    }
    Some(())
}
