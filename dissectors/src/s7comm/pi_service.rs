//! Program invocation (PI) services: insert and delete blocks, start and stop, and what a
//! numerical control offers.
//!
//! ```text
//!  PI service  28 | .. x 7 | argument | name         argument: length 2; name: length 1
//!  PLC stop    29 | .. x 5 | name
//!  blocks      count | .. | (type 2 | number 5 | file system) ...    argument of _INSE, _DELE
//! ```
//!
//! Source: captures tia_s300_downloadHwConfig and cisagov snap7; names of a numerical
//! control's services: SINUMERIK PI services.

use super::block;
use super::fields::{ARGUMENT, FILE_SYSTEM};
use crate::anomaly::Anomaly;
use crate::operation::{Class, Operation};
use crate::pdu::Pdu;
use crate::reader::Reader;
use crate::target::{Space, Span, Target};
use crate::value::{Value, text};

const PI: Space = Space::new("pi");

/// The operation of a PI service.
const fn operation(name: &[u8]) -> Operation {
    const START: Operation = Operation::new("plc_start", Class::ModeStart);
    const INSERT: Operation = Operation::new("insert_block", Class::ProgramDownload);
    const DELETE: Operation = Operation::new("delete_block", Class::ProgramDelete);
    const COPY: Operation = Operation::new("copy_ram_to_rom", Class::ConfigWrite);
    const COMPRESS: Operation = Operation::new("compress_memory", Class::ConfigWrite);
    const LOGIN: Operation = Operation::new("nc_login", Class::AuthLogin);
    const LOGOUT: Operation = Operation::new("nc_logout", Class::SessionClose);
    const DELETE_FILE: Operation = Operation::new("nc_delete_file", Class::FileDelete);
    const COPY_FILE: Operation = Operation::new("nc_copy_file", Class::FileWrite);
    const RENAME_FILE: Operation = Operation::new("nc_rename_file", Class::FileWrite);
    const SELECT: Operation = Operation::new("nc_select_program", Class::ModeOther);
    const OTHER: Operation = Operation::new("pi_service", Class::Proprietary);
    match name {
        b"P_PROGRAM" => START,
        b"_INSE" => INSERT,
        b"_DELE" => DELETE,
        b"_MODU" => COPY,
        b"_GARB" => COMPRESS,
        b"_N_LOGIN_" => LOGIN,
        b"_N_LOGOUT" => LOGOUT,
        b"_N_F_DELE" => DELETE_FILE,
        b"_N_F_COPY" => COPY_FILE,
        b"_N_F_RENA" => RENAME_FILE,
        b"_N_SELECT" => SELECT,
        _ => OTHER,
    }
}

/// The services of a numerical control that take nothing but file names.
const FILE_SERVICES: &[&[u8]] = &[b"_N_F_DELE", b"_N_F_COPY", b"_N_F_RENA", b"_N_SELECT"];

/// Reads a PI service.
pub(super) fn read(parameter: &[u8], reader: &mut Reader<'_>, pdu: &mut Pdu) -> Option<()> {
    let Some((argument, name)) = parts(reader) else {
        // The name ends the message, also where lengths before it are wrong.
        let known = [&b"P_PROGRAM"[..], b"_INSE", b"_DELE", b"_MODU", b"_GARB"];
        if let Some(name) = known.into_iter().find(|name| parameter.ends_with(name)) {
            pdu.operation = operation(name);
            pdu.target(Target::new(PI, Span::Named(text(name))));
        }
        return None;
    };
    pdu.operation = operation(name);
    match (name, argument) {
        (b"_INSE" | b"_DELE", [count, _, blocks @ ..]) => {
            let (names, rest) = blocks.as_chunks::<8>();
            if names.len() != usize::from(*count) || !rest.is_empty() {
                pdu.anomaly(Anomaly::CountOutOfRange);
            }
            if names.is_empty() {
                pdu.target(Target::new(PI, Span::Named(text(name))));
            }
            for block in names {
                let Some((target, memory)) = block::eight(block) else {
                    pdu.anomaly(Anomaly::Malformed);
                    continue;
                };
                if names.len() == 1 {
                    pdu.target(target);
                } else {
                    pdu.item(Some(target));
                }
                if let Some(memory) = memory {
                    pdu.field(FILE_SYSTEM, memory);
                }
            }
        }
        _ => {
            pdu.target(Target::new(PI, Span::Named(text(name))));
            if FILE_SERVICES.contains(&name) {
                nc_arguments(argument, pdu);
            } else if matches!(name, b"P_PROGRAM" | b"_MODU") && !argument.is_empty() {
                // Of other services nobody knows whether the argument is a secret.
                pdu.field(ARGUMENT, Value::text(argument));
            }
        }
    }
    Some(())
}

/// Argument and name of a PI service.
fn parts<'a>(reader: &mut Reader<'a>) -> Option<(&'a [u8], &'a [u8])> {
    reader.skip(7)?;
    let length = reader.u16_be()?;
    let argument = reader.take(length.into())?;
    let length = reader.u8()?;
    Some((argument, reader.take(length.into())?))
}

/// File names, each with its length before it and padded to even.
fn nc_arguments(argument: &[u8], pdu: &mut Pdu) {
    let mut reader = Reader::new(argument);
    while let Some(length) = reader.u8() {
        let Some(name) = reader.take(length.into()) else { break };
        pdu.field(ARGUMENT, Value::text(name));
        if length % 2 == 0 {
            reader.take_up_to(1);
        }
    }
}

/// Reads a stop.
pub(super) fn plc_stop(reader: &mut Reader<'_>, pdu: &mut Pdu) -> Option<()> {
    reader.skip(5)?;
    let length = reader.u8()?;
    let name = reader.take(length.into())?;
    pdu.target(Target::new(PI, Span::Named(text(name))));
    Some(())
}
