//! What a controller says of itself: its state, its project, its modules.
//!
//! The state of the control program was seen on a controller [V frame 4]; the layouts
//! of the other answers are published [pub], and read as far as they reach.

use core::fmt::Write as _;

use alloc::string::String;

use crate::pdu::Pdu;
use crate::reader::{Reader, byte};
use crate::sink::{Attribute, Sink, Subject};
use crate::value::{Value, text};

use super::{
    CP_VALID, FUNCTION_COUNT, KEY_STATE, LOAD_STATE, MODEL, MODULES, PROGRAM_COUNT, PROJECT_NAME,
    PROJECT_TIME, PROJECT_VERSION, RUN_STATE, SERIAL, SINGLE_SCAN, function,
};

const NANOSECONDS: i64 = 1_000_000_000;
/// Belief in what a device says of itself, in percent.
const OWN_WORDS: u8 = 95;
/// Most bytes of the name of a project.
const NAME: usize = 10;

/// What an answer says besides its PDU.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    /// Attribute, value, how it is known.
    claims: [Option<(Attribute, String, &'static str)>; 4],
    /// The modules, and how they are known.
    modules: Option<(String, &'static str)>,
}

impl Told {
    fn add(&mut self, attribute: Attribute, value: &[u8], source: &'static str) {
        if let Some(free) = self.claims.iter_mut().find(|claim| claim.is_none()) {
            *free = Some((attribute, text(value).into(), source));
        }
    }

    /// Makes claims of it, about the controller that sent it.
    pub fn hand_over(&self, out: &mut Sink) {
        for (attribute, value, source) in self.claims.iter().flatten() {
            out.claim(Subject::Sender, *attribute, value.as_bytes(), source, OWN_WORDS);
        }
        if let Some((modules, source)) = &self.modules {
            for module in modules.split("; ") {
                let attribute = Attribute::Module;
                out.claim(Subject::Sender, attribute, module.as_bytes(), source, OWN_WORDS);
            }
        }
    }
}

/// Reads the data of an answer. `None` where it ends too early.
pub(crate) fn read(reply: u8, data: &[u8], pdu: &mut Pdu, told: &mut Told) -> Option<()> {
    match reply {
        function::CP_STATUS => cp_status(data, pdu, told),
        function::CHASSIS_STATUS => chassis_status(data, pdu, told),
        function::MODULE_VERSIONS => module_versions(data, pdu, told),
        function::ATTACHED => attached(data, pdu, told),
        _ => Some(()),
    }
}

/// The position of the key switch.
const fn key_state(number: u8) -> &'static str {
    match number {
        0 => "stop",
        1 => "program",
        2 => "run",
        3 => "remote",
        _ => "unknown",
    }
}

const fn run_state(number: u8) -> &'static str {
    match number {
        0 => "running",
        1 => "halted",
        2 => "paused",
        _ => "unknown",
    }
}

/// Bytes up to the first zero.
fn name(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Minor version, major version, time: eight bytes.
fn version(reader: &mut Reader<'_>, pdu: &mut Pdu) -> Option<()> {
    let minor = reader.u16_le()?;
    let major = reader.u16_le()?;
    let mut version = String::new();
    let _ = write!(version, "{major}.{minor}");
    pdu.field(PROJECT_VERSION, Value::Text(version.into_boxed_str()));
    let seconds = i64::from(reader.u32_le()?);
    pdu.field(PROJECT_TIME, Value::Time(seconds.saturating_mul(NANOSECONDS)));
    Some(())
}

/// What a client announces when it begins a change [V frame 71].
///
/// ```text
///  | name 10 | new version 8 | running version 8 | name 10 | ? 2 | functions 2 | programs 2 |
/// ```
pub(crate) fn announced_change(reader: &mut Reader<'_>, pdu: &mut Pdu) -> Option<()> {
    pdu.field(PROJECT_NAME, Value::text(name(reader.take(NAME)?)));
    version(reader, pdu)?;
    reader.skip(8 + NAME + 2)?;
    pdu.field(FUNCTION_COUNT, reader.u16_le()?);
    pdu.field(PROGRAM_COUNT, reader.u16_le()?);
    Some(())
}

fn cp_status(data: &[u8], pdu: &mut Pdu, told: &mut Told) -> Option<()> {
    let mut reader = Reader::new(data);
    reader.skip(4)?;
    pdu.field(LOAD_STATE, reader.u8()?);
    pdu.field(SINGLE_SCAN, reader.u8()? != 0);
    pdu.field(CP_VALID, reader.u8()? != 0);
    pdu.field(KEY_STATE, key_state(reader.u8()?));
    pdu.field(RUN_STATE, run_state(reader.u8()?));
    reader.skip(49)?;
    version(&mut reader, pdu)?;
    project(&mut reader, pdu, told, "tristation_cp_status")?;
    told.add(Attribute::Vendor, b"Triconex", "tristation_cp_status");
    told.add(Attribute::Role, b"safety_controller", "tristation_cp_status");
    Some(())
}

/// The name of the project in the controller, its engineers' name for what it does.
fn project(
    reader: &mut Reader<'_>,
    pdu: &mut Pdu,
    told: &mut Told,
    source: &'static str,
) -> Option<()> {
    let project = name(reader.take(NAME)?);
    pdu.field(PROJECT_NAME, Value::text(project));
    told.add(Attribute::Tag, project, source);
    Some(())
}

/// [pub]: node, run state, key, version, scan times, project; slots from byte 166 on.
fn chassis_status(data: &[u8], pdu: &mut Pdu, told: &mut Told) -> Option<()> {
    const SLOTS: usize = 166;
    const SLOT: usize = 32;
    let mut reader = Reader::new(data);
    reader.skip(3)?;
    pdu.field(RUN_STATE, run_state(reader.u8()?));
    pdu.field(KEY_STATE, key_state(reader.u8()?));
    reader.skip(27)?;
    project(&mut reader, pdu, told, "tristation_chassis_status")?;
    told.add(Attribute::Role, b"safety_controller", "tristation_chassis_status");
    let slots = data.get(SLOTS..).unwrap_or_default();
    let types = slots.chunks_exact(SLOT).map(|slot| (byte(slot, 2).unwrap_or(0), None));
    modules(types, pdu, told, "tristation_chassis_status");
    Some(())
}

/// [pub]: chassis, presence, 16 slots of type and three firmware numbers; from byte
/// 450 on the controller's assembly, revision and serial number.
fn module_versions(data: &[u8], pdu: &mut Pdu, told: &mut Told) -> Option<()> {
    const SLOTS: usize = 2;
    const SLOT: usize = 8;
    const CONTROLLER: usize = 450;
    if byte(data, 1)? != 0xff {
        return Some(());
    }
    let slots = data.get(SLOTS..SLOTS + 16 * SLOT)?;
    let types = slots.chunks_exact(SLOT).map(|slot| {
        let mut reader = Reader::new(slot);
        let kind = reader.u16_le().and_then(|kind| u8::try_from(kind).ok());
        (kind.unwrap_or(0), reader.u16_le())
    });
    modules(types, pdu, told, "tristation_module_versions");
    told.add(Attribute::Role, b"safety_controller", "tristation_module_versions");
    let mut reader = Reader::new(data.get(CONTROLLER..).unwrap_or_default());
    if let (Some(_), Some(serial)) = (reader.take(9), reader.take(8)) {
        let serial = name(serial);
        if !serial.is_empty() && serial.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ')
        {
            pdu.field(SERIAL, Value::text(serial));
            told.add(Attribute::Serial, serial, "tristation_module_versions");
        }
    }
    Some(())
}

/// Says which modules stand in which slots.
fn modules(
    slots: impl Iterator<Item = (u8, Option<u16>)>,
    pdu: &mut Pdu,
    told: &mut Told,
    source: &'static str,
) {
    let mut list = String::new();
    for (slot, (kind, firmware)) in slots.take(16).enumerate() {
        if kind == 0 {
            continue;
        }
        if !list.is_empty() {
            list.push_str("; ");
        }
        let _ = match model(kind) {
            Some(model) => write!(list, "slot {slot}: {model}"),
            None => write!(list, "slot {slot}: type {kind}"),
        };
        if let Some(firmware) = firmware.filter(|firmware| *firmware != 0) {
            let _ = write!(list, " firmware {firmware}");
        }
    }
    if !list.is_empty() {
        pdu.field(MODULES, Value::Text(text(list.as_bytes())));
        told.modules = Some((list, source));
    }
}

/// [pub]: generation of the main processors.
fn attached(data: &[u8], pdu: &mut Pdu, told: &mut Told) -> Option<()> {
    let (generation, release) = (byte(data, 3)?, byte(data, 4)?);
    let mut model = String::new();
    let _ = match generation {
        0 => write!(model, "Tricon v9"),
        10 => write!(model, "Tricon v10.{release}"),
        _ => return Some(()),
    };
    pdu.field(MODEL, Value::Text(text(model.as_bytes())));
    told.add(Attribute::Vendor, b"Triconex", "tristation_attach");
    told.add(Attribute::Model, model.as_bytes(), "tristation_attach");
    told.add(Attribute::Role, b"safety_controller", "tristation_attach");
    Some(())
}

/// The order number of a module, by its type [pub]: processors, and what talks to
/// the outside. Cards of inputs and outputs go by their type.
const fn model(kind: u8) -> Option<&'static str> {
    Some(match kind {
        255 => "3008 main processor",
        48 => "4119 communication",
        49 => "4200 remote extender",
        50 => "6211 communication",
        51 => "4509 Data Highway",
        52 => "4409 Safety Manager",
        53 => "6215 Data Highway",
        55 => "4329 network communication",
        56 => "4609 advanced communication",
        57 => "4351B Tricon communication",
        58 => "4352B Tricon communication",
        59 => "4353 OPC communication",
        60 => "4354 OPC communication",
        84 => "4351 Tricon communication",
        85 => "4352 Tricon communication",
        86 => "4351A Tricon communication",
        87 => "4352A Tricon communication",
        _ => return None,
    })
}
