//! What a PDU asks for: an operation, and its class out of a closed list.

use core::fmt;

use crate::name::Name;

/// Declares [`Class`] once: variant, token and rank (the order of the list).
macro_rules! classes {
    ($($(#[doc = $doc:literal])* $variant:ident $token:literal),+ $(,)?) => {
        /// What an operation does to the plant, protocol apart; highest rank first.
        ///
        /// The class follows what the operation does, not its label. A PDU of
        /// several parts takes the highest ranked class among them, so that a
        /// write cannot hide behind a read.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Class { $($(#[doc = $doc])* $variant),+ }

        impl Class {
            /// Every class, highest rank first.
            pub const ALL: &'static [Class] = &[$(Class::$variant),+];

            /// The token that rules, output and documents use.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Class::$variant => $token),+ }
            }

            /// What it means, in one sentence.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Class::$variant => concat!($($doc),*).trim_ascii()),+ }
            }
        }
    };
}

classes! {
    /// Replaces firmware.
    FirmwareUpdate "firmware_update",
    /// Brings program into a controller.
    ProgramDownload "program_download",
    /// Deletes program.
    ProgramDelete "program_delete",
    /// Returns a device to its delivery state.
    FactoryReset "factory_reset",
    /// Stops a controller.
    ModeStop "mode_stop",
    /// Restarts a device or its communication.
    Restart "restart",
    /// Overrides inputs or outputs.
    Force "force",
    /// Starts a controller.
    ModeStart "mode_start",
    /// Another change of operating mode.
    ModeOther "mode_other",
    /// Select, operate, direct operate.
    Command "command",
    /// Changes a process value.
    Write "write",
    /// Changes configuration.
    ConfigWrite "config_write",
    /// Changes users, passwords or protection.
    AuthChange "auth_change",
    /// Sets a clock.
    TimeSet "time_set",
    /// Silences reports.
    ReportDisable "report_disable",
    /// Changes alarms.
    AlarmConfig "alarm_config",
    /// Brings a file into a device.
    FileWrite "file_write",
    /// Deletes a file.
    FileDelete "file_delete",
    /// Clears diagnostics or counters.
    DiagClear "diag_clear",
    /// Locks or reserves a device.
    Lock "lock",
    /// Ends a lock or reservation.
    Unlock "unlock",
    /// Takes program out of a controller.
    ProgramUpload "program_upload",
    /// Logs in.
    AuthLogin "auth_login",
    /// A log-in that was refused.
    AuthFail "auth_fail",
    /// Asks everybody who is there.
    DiscoverBroadcast "discover_broadcast",
    /// Lists objects.
    Browse "browse",
    /// Asks a device what it is.
    Identify "identify",
    /// Takes a file out of a device.
    FileRead "file_read",
    /// Reads configuration.
    ConfigRead "config_read",
    /// Acknowledges an alarm.
    AlarmAck "alarm_ack",
    /// Switches reports on.
    ReportEnable "report_enable",
    /// Asks for values to be sent from now on.
    Subscribe "subscribe",
    /// Known to be private to a vendor.
    Proprietary "proprietary",
    /// Not known.
    Unknown "unknown",
    /// A negative answer whose request was not seen.
    Exception "exception",
    /// Opens a session.
    SessionOpen "session_open",
    /// Closes a session.
    SessionClose "session_close",
    /// Reads process values.
    Read "read",
    /// Keeps a session alive.
    Keepalive "keepalive",
}

impl Class {
    /// Whether every PDU of this class is worth a record of its own.
    ///
    /// The rest is folded into behaviours: reads, browsing, identification,
    /// sessions and keep-alives repeat.
    #[must_use]
    pub const fn is_notable(self) -> bool {
        (self as u8) <= (Class::Unlock as u8)
            || matches!(
                self,
                Class::ProgramUpload
                    | Class::AuthLogin
                    | Class::AuthFail
                    | Class::DiscoverBroadcast
                    | Class::FileRead
                    | Class::AlarmAck
                    | Class::ReportEnable
                    | Class::Exception
            )
    }

    /// Whether it changes something in the plant or its devices.
    #[must_use]
    pub const fn is_change(self) -> bool {
        (self as u8) <= (Class::DiagClear as u8) || matches!(self, Class::AlarmAck)
    }

    /// Whether behaviours keep the object type alone as target, with the
    /// addresses folded into intervals, instead of the exact object.
    #[must_use]
    pub const fn is_folded_by_space(self) -> bool {
        matches!(
            self,
            Class::Read | Class::Subscribe | Class::Browse | Class::Identify | Class::Keepalive
        )
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An operation: the name of a function code, and what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Operation {
    name: Name,
    class: Class,
    /// Set when the code has no name; it then becomes part of the name.
    code: Option<u16>,
}

impl Operation {
    /// An operation with a name; `name` is snake_case, verb and object.
    #[must_use]
    pub const fn new(name: &'static str, class: Class) -> Self {
        Self { name: Name::new(name), class, code: None }
    }

    /// A code that no source names: `unknown_0x5b`.
    #[must_use]
    pub const fn unknown(code: u16) -> Self {
        Self { name: Name::new("unknown"), class: Class::Unknown, code: Some(code) }
    }

    /// A code that is the vendor's own: `proprietary_0x64`.
    #[must_use]
    pub const fn proprietary(code: u16) -> Self {
        Self { name: Name::new("proprietary"), class: Class::Proprietary, code: Some(code) }
    }

    /// The same operation with another class, where only its content tells
    /// (a DNP3 write of g50 sets the time).
    #[must_use]
    pub const fn with_class(self, class: Class) -> Self {
        Self { class, ..self }
    }

    /// What it does.
    #[must_use]
    pub const fn class(self) -> Class {
        self.class
    }

    /// Its word in output, where that is compiled in; else `Display` makes it.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self.code {
            Some(_) => None,
            None => Some(self.name.as_str()),
        }
    }

    /// What stands for the operation in keys.
    #[must_use]
    pub const fn id(self) -> u64 {
        match self.code {
            Some(code) => self.name.id() ^ ((code as u64) << 40 | 1),
            None => self.name.id(),
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "{}_{code:#04x}", self.name),
            None => f.write_str(self.name.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::{Class, Operation};
    use std::string::ToString;

    #[test]
    fn an_unknown_code_is_part_of_the_name() {
        assert_eq!("unknown_0x5b", Operation::unknown(0x5b).to_string());
        assert_ne!(Operation::unknown(0x5b).id(), Operation::unknown(0x5c).id());
    }

    #[test]
    fn a_write_outranks_a_read() {
        assert!(Class::Write < Class::Read);
    }

    #[test]
    fn reads_are_not_notable_and_writes_are() {
        assert!(!Class::Read.is_notable());
        assert!(!Class::Identify.is_notable());
        assert!(Class::Write.is_notable());
        assert!(Class::Exception.is_notable());
        assert!(!Class::Unknown.is_notable());
    }
}
