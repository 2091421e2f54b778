//! What the function codes of link and application layer do.
//!
//! Sources: IEEE 1815-2012, 4.4 (application functions) and 9.2.4.1.3 (link functions).

use crate::operation::{Class, Operation};
use crate::pdu::{Phase, Status};

/// Asks for application confirmation of a response.
pub(super) const CONFIRM: u8 = 0;
/// Reads objects.
pub(super) const READ: u8 = 1;
/// Writes objects.
pub(super) const WRITE: u8 = 2;
/// Announces a command.
pub(super) const SELECT: u8 = 3;
/// Carries out a selected command.
pub(super) const OPERATE: u8 = 4;
/// Carries out a command at once.
pub(super) const DIRECT_OPERATE: u8 = 5;
/// The same, without an answer.
pub(super) const DIRECT_OPERATE_NO_ACK: u8 = 6;
/// Freezes objects at a time.
pub(super) const FREEZE_AT_TIME: u8 = 11;
/// The same, without an answer.
pub(super) const FREEZE_AT_TIME_NO_ACK: u8 = 12;
/// Assigns objects to classes.
pub(super) const ASSIGN_CLASS: u8 = 22;
/// Opens a file.
pub(super) const OPEN_FILE: u8 = 25;
/// Answers a request.
pub(super) const RESPONSE: u8 = 129;
/// Reports without being asked.
pub(super) const UNSOLICITED: u8 = 130;
/// Answers in an authentication exchange.
pub(super) const AUTHENTICATION_RESPONSE: u8 = 131;

/// A read of all four classes.
pub(super) const INTEGRITY_POLL: Operation = Operation::new("integrity_poll", Class::Read);

/// The operation of an application function code. The class of reads and writes
/// follows their objects; that of responses their request.
pub(super) const fn operation(code: u8) -> Operation {
    use Class::{
        AuthLogin, Command, ConfigWrite, FileDelete, FileRead, Keepalive, ModeOther, ModeStart,
        ModeStop, ProgramDownload, Read, ReportDisable, ReportEnable, Restart, SessionClose,
        TimeSet, Write,
    };
    match code {
        0 => Operation::new("confirm", Keepalive),
        1 => Operation::new("read", Read),
        2 => Operation::new("write", Write),
        3 => Operation::new("select", Command),
        4 => Operation::new("operate", Command),
        5 => Operation::new("direct_operate", Command),
        6 => Operation::new("direct_operate_no_ack", Command),
        7 => Operation::new("freeze", Command),
        8 => Operation::new("freeze_no_ack", Command),
        9 => Operation::new("freeze_clear", Command),
        10 => Operation::new("freeze_clear_no_ack", Command),
        11 => Operation::new("freeze_at_time", Command),
        12 => Operation::new("freeze_at_time_no_ack", Command),
        13 => Operation::new("cold_restart", Restart),
        14 => Operation::new("warm_restart", Restart),
        15 => Operation::new("initialize_data", ConfigWrite),
        16 => Operation::new("initialize_application", ModeOther),
        17 => Operation::new("start_application", ModeStart),
        18 => Operation::new("stop_application", ModeStop),
        19 => Operation::new("save_configuration", ConfigWrite),
        20 => Operation::new("enable_unsolicited", ReportEnable),
        21 => Operation::new("disable_unsolicited", ReportDisable),
        22 => Operation::new("assign_class", ConfigWrite),
        23 => Operation::new("delay_measure", Read),
        24 => Operation::new("record_current_time", TimeSet),
        25 => Operation::new("open_file", FileRead),
        26 => Operation::new("close_file", SessionClose),
        27 => Operation::new("delete_file", FileDelete),
        28 => Operation::new("get_file_info", FileRead),
        29 => Operation::new("authenticate_file", AuthLogin),
        30 => Operation::new("abort_file", SessionClose),
        31 => Operation::new("activate_configuration", ProgramDownload),
        32 => Operation::new("authenticate", AuthLogin),
        33 => Operation::new("authenticate_no_ack", AuthLogin),
        129 => Operation::new("response", Read),
        130 => Operation::new("unsolicited_response", Read),
        131 => Operation::new("authentication_response", AuthLogin),
        _ => Operation::unknown(code as u16),
    }
}

/// Whether a source names the code.
pub(super) const fn is_known(code: u8) -> bool {
    matches!(code, 0..=33 | RESPONSE..=AUTHENTICATION_RESPONSE)
}

/// Whether the standard has withdrawn the function.
pub(super) const fn is_obsolete(code: u8) -> bool {
    matches!(code, 15 | 19)
}

/// Whether nobody answers the function, whoever it is sent to.
pub(super) const fn is_unanswered(code: u8) -> bool {
    matches!(code, CONFIRM | DIRECT_OPERATE_NO_ACK | 8 | 10 | FREEZE_AT_TIME_NO_ACK | 33)
}

/// Whether the function comes between others without being one of the master's
/// requests: confirms, and the answer to a challenge of a request.
pub(super) const fn is_aside(code: u8) -> bool {
    matches!(code, CONFIRM | 32 | 33)
}

/// Whether objects follow their headers; the others only name objects, but for
/// those that their header gives a size.
pub(super) const fn carries_objects(code: u8) -> bool {
    !matches!(code, READ | 7..=24)
}

/// The step of a two-step command.
pub(super) const fn phase(code: u8) -> Option<Phase> {
    match code {
        SELECT => Some(Phase::Select),
        OPERATE => Some(Phase::Operate),
        DIRECT_OPERATE | DIRECT_OPERATE_NO_ACK => Some(Phase::Direct),
        _ => None,
    }
}

/// The class of one object in a function whose class its objects decide.
pub(super) const fn object_class(code: u8, group: u8) -> Option<Class> {
    match (code, group) {
        (READ, 0) => Some(Class::Identify),
        (READ, 70) => Some(Class::FileRead),
        (READ, 85 | 86) => Some(Class::Browse),
        (READ, _) => Some(Class::Read),
        (WRITE, 50 | 51) => Some(Class::TimeSet),
        // Clearing the restart bit says that the restart was noticed.
        (WRITE, 80) => Some(Class::AlarmAck),
        (WRITE, 0 | 34 | 82 | 85 | 86) => Some(Class::ConfigWrite),
        (WRITE, 70) => Some(Class::FileWrite),
        (WRITE, _) => Some(Class::Write),
        _ => None,
    }
}

/// The class of a response whose request was not seen, from one of its objects.
pub(super) const fn answered_class(group: u8) -> Class {
    match group {
        0 => Class::Identify,
        12 | 41 => Class::Command,
        70 => Class::FileRead,
        91 => Class::ProgramDownload,
        120 => Class::AuthLogin,
        _ => Class::Read,
    }
}

/// The operation and outcome of a link function. `primary` tells the side that
/// begins an exchange, by the PRM bit.
pub(super) const fn link(code: u8, primary: bool) -> (Operation, Status) {
    use Class::{Keepalive, Restart, SessionOpen, Unknown};
    match (primary, code) {
        (true, 0) => (Operation::new("link_reset", SessionOpen), Status::None),
        (true, 1) => (Operation::new("link_reset_user_process", Restart), Status::None),
        (true, 2) => (Operation::new("link_test", Keepalive), Status::None),
        (true, 3) => (Operation::new("link_confirmed_data", Unknown), Status::None),
        (true, 4) => (Operation::new("link_unconfirmed_data", Unknown), Status::None),
        (true, 9) => (Operation::new("link_status_request", Keepalive), Status::None),
        (false, 0) => (Operation::new("link_ack", Keepalive), Status::Ok),
        (false, 1) => (Operation::new("link_nack", Keepalive), Status::failed(1, "link_nack")),
        (false, 11) => (Operation::new("link_status", Keepalive), Status::Ok),
        (false, 14) => (
            Operation::new("link_not_functioning", Keepalive),
            Status::failed(14, "link_not_functioning"),
        ),
        (false, 15) => (
            Operation::new("link_not_supported", Keepalive),
            Status::failed(15, "link_not_supported"),
        ),
        _ => (Operation::unknown(code as u16), Status::None),
    }
}

/// Whether a source names the link function.
pub(super) const fn is_known_link(code: u8, primary: bool) -> bool {
    matches!((primary, code), (true, 0..=4 | 9) | (false, 0 | 1 | 11 | 14 | 15))
}

/// Whether the function takes a time with it.
pub(super) const fn is_freeze_at_time(code: u8) -> bool {
    matches!(code, FREEZE_AT_TIME | FREEZE_AT_TIME_NO_ACK)
}

/// Which side sends the function: requests come from masters, responses from
/// outstations. None for confirms, which both send, and for unknown codes.
pub(super) const fn is_from_master(code: u8) -> Option<bool> {
    match code {
        1..=33 => Some(true),
        RESPONSE..=AUTHENTICATION_RESPONSE => Some(false),
        _ => None,
    }
}
