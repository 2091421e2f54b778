//! What a function does, what it is about, and who may ask for it.
//!
//! Sources: as in the module that asks, with its marks.

use crate::operation::{Class, Operation};
use crate::target::{Space, Span, Target};

const PROGRAM: Target = Target::new(Space::new("program"), Span::Whole);
const IO_OBJECTS: Target = Target::new(Space::new("io"), Span::Whole);

/// The operation of a function code. Those without a mark were seen [V].
pub(super) const fn operation(code: u8) -> Operation {
    macro_rules! operation {
        ($name:literal, $class:ident) => {
            const { Operation::new($name, Class::$class) }
        };
    }
    match code {
        0x01 => operation!("init_comm", SessionOpen),
        0x02 => operation!("read_plc_id", Identify),
        0x03 => operation!("read_project_info", Identify),
        0x04 => operation!("read_plc_status", Read),
        0x06 => operation!("read_card_info", Identify), // [pub]
        0x0a => operation!("echo", Keepalive),
        0x10 => operation!("take_reservation", Lock),
        0x11 => operation!("release_reservation", Unlock), // [pub]
        0x12 => operation!("keep_reservation", Keepalive),
        0x20 => operation!("read_memory_block", Read),
        0x21 => operation!("write_memory_block", Write), // [M]
        0x22 => operation!("read_variables", Read),      // [pub]
        0x23 => operation!("write_variables", Write),    // [pub]
        0x24 => operation!("read_coils_registers", Read), // [pub]
        0x25 => operation!("write_coils_registers", Write), // [pub]
        0x26 => operation!("read_dictionary", Browse),   // [pub]
        // A Modicon M221 takes and gives its program by these, in published experiments.
        0x28 => operation!("read_program_memory", ProgramUpload), // [pub]
        0x29 => operation!("write_program_memory", ProgramDownload), // [pub]
        0x72 => operation!("continue_upload", ProgramUpload),     // [pub]
        // Public lists call 30 to 32 an upload and 33 to 35 a download. Class and
        // name follow the bytes: 33 to 35 moved 12 555 of them to the client [V].
        0x30 => operation!("begin_download", ProgramDownload), // [pub]
        0x31 => operation!("download_block", ProgramDownload), // [pub]
        0x32 => operation!("end_download", ProgramDownload),   // [pub]
        0x33 => operation!("begin_upload", ProgramUpload),
        0x34 => operation!("upload_block", ProgramUpload),
        0x35 => operation!("end_upload", ProgramUpload),
        0x36 => operation!("backup", FileWrite), // [M]
        0x39 => operation!("read_ethernet_data", ConfigRead), // [pub]
        0x40 => operation!("start_plc", ModeStart), // [pub]
        0x41 => operation!("stop_plc", ModeStop), // [pub]
        0x50 => operation!("monitor", Read),
        0x58 => operation!("check_plc", Read),
        0x6d | 0x6e => operation!("authenticate", AuthLogin), // [M]
        0x70 => operation!("read_io_object", Read),           // [pub]
        0x71 => operation!("write_io_object", Force),         // [pub]
        0x73 => operation!("read_module_status", Read),       // [pub]
        _ => Operation::unknown(code as u16),
    }
}

/// What the whole of a program is, or nothing, by function code.
pub(super) const fn target(code: u8) -> Option<Target> {
    match code {
        0x28 | 0x29 | 0x30..=0x35 | 0x72 => Some(PROGRAM),
        0x70 | 0x71 => Some(IO_OBJECTS),
        _ => None,
    }
}

/// Whether a controller does this only for the client that reserved it.
pub(super) const fn needs_reservation(code: u8) -> bool {
    matches!(code, 0x29 | 0x30..=0x32 | 0x40 | 0x41 | 0x71)
}
