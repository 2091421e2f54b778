//! Variables: how items address them, and the values they hold.
//!
//! ```text
//!  address   12 | length | syntax | ...                 length counts from the syntax on
//!  syntax 10      10 | type | count | DB | area | address            byte * 8 + bit, or a number
//!  syntax b0      b0 | areas | (length | DB | start) ...
//!  syntax b2      b2 | ff | area 1 | area 2 or DB | crc | (kind, number) ...
//!  syntax 82-84   | area, unit | column | line | module | lines
//!  syntax a2      a2 | .. | .. | .. | parameter | index
//!  data      return code | type | length | bytes        padded to even, except the last
//! ```
//!
//! Sources: types, areas and syntaxes as tshark 4.0.17 names them; the layouts were
//! checked on captures (wincc_s300_setup-alarm-read-write, manual-test-capture) where
//! they occur there.

use alloc::format;
use alloc::string::String;
use core::fmt::Write as _;

use super::fields::{AREAS, SPECIFICATION, SYNTAX, TRANSPORT_SIZE};
use super::time;
use crate::anomaly::Anomaly;
use crate::pdu::{Pdu, Status};
use crate::reader::Reader;
use crate::target::{Space, Span, Target};
use crate::value::{Value, text};

const INPUTS: Space = Space::new("I");
const OUTPUTS: Space = Space::new("Q");
const FLAGS: Space = Space::new("M");
const PERIPHERY: Space = Space::new("P");
const LOCAL: Space = Space::new("L");
const CALLER_LOCAL: Space = Space::new("V");
const COUNTERS: Space = Space::new("C");
const TIMERS: Space = Space::new("T");
const IEC_COUNTERS: Space = Space::new("IEC_C");
const IEC_TIMERS: Space = Space::new("IEC_T");
const RECORD: Space = Space::new("record");
const SYSTEM_INFO: Space = Space::new("SYS");
const SYSTEM_FLAGS: Space = Space::new("SM");
const ANALOG_INPUTS: Space = Space::new("AI");
const ANALOG_OUTPUTS: Space = Space::new("AQ");
const SYMBOL: Space = Space::new("symbol");
const NCK: Space = Space::new("nck");
const DRIVE: Space = Space::new("drive");

/// Types of a single bit, of counters and of timers, in addresses.
const BIT: u8 = 1;
const COUNTER: u8 = 28;
const TIMER: u8 = 29;

/// An item's address.
#[derive(Debug)]
pub(super) struct Address {
    pub target: Option<Target>,
    pub quantity: Option<u32>,
    pub syntax: u8,
    /// The type of its elements, where the syntax has one.
    pub element: Option<u8>,
    /// Whether it lies in the inputs or outputs.
    pub process_image: bool,
    pub anomaly: Option<Anomaly>,
}

/// Bytes of one element of a type; a bit, counter or timer has an address of its own.
const fn element_size(element: u8) -> u32 {
    match element {
        4 | 5 | 9 | 12 | COUNTER | TIMER => 2,
        6..=8 | 10 | 11 => 4,
        15 => 8,
        _ => 1,
    }
}

/// The space of an area code, and whether its addresses are numbers.
const fn space(area: u8, db: u16) -> Option<(Space, bool)> {
    Some(match area {
        0x81 => (INPUTS, false),
        0x82 => (OUTPUTS, false),
        0x83 => (FLAGS, false),
        0x84 => (Space::numbered("DB", db as u32), false),
        0x85 => (Space::numbered("DI", db as u32), false),
        0x86 => (LOCAL, false),
        0x87 => (CALLER_LOCAL, false),
        0x80 => (PERIPHERY, false),
        0x1c => (COUNTERS, true),
        0x1d => (TIMERS, true),
        0x1e => (IEC_COUNTERS, true),
        0x1f => (IEC_TIMERS, true),
        0x01 => (RECORD, false),
        0x03 => (SYSTEM_INFO, false),
        0x05 => (SYSTEM_FLAGS, false),
        0x06 => (ANALOG_INPUTS, false),
        0x07 => (ANALOG_OUTPUTS, false),
        _ => return None,
    })
}

impl Address {
    const fn of(syntax: u8) -> Self {
        Self {
            target: None,
            quantity: None,
            syntax,
            element: None,
            process_image: false,
            anomaly: None,
        }
    }

    /// Reads the next address. `None` where it ends too early.
    pub(super) fn read<'a>(reader: &mut Reader<'a>) -> Option<(Self, &'a [u8])> {
        let kind = reader.u8()?;
        let length = reader.u8()?;
        let specification = reader.take(length.into())?;
        let mut rest = Reader::new(specification);
        let syntax = rest.u8()?;
        let mut address = match syntax {
            0x10 => any(&mut rest)?,
            0x82..=0x84 => numerical_control(syntax, &mut rest)?,
            0xa2 => drive(&mut rest)?,
            0xb0 => areas(&mut rest)?,
            0xb2 => symbol(&mut rest)?,
            _ => Self { anomaly: Some(Anomaly::UnknownObject), ..Self::of(syntax) },
        };
        if kind != 0x12 {
            address.anomaly = Some(Anomaly::IllegalType);
        }
        Some((address, specification))
    }

    /// Writes the address into `pdu`: as a part of its own when there are
    /// `several`, else as what the whole PDU addresses.
    pub(super) fn put(self, specification: &[u8], several: bool, pdu: &mut Pdu) {
        if several {
            let quantity = self.quantity;
            let Some(item) = pdu.item(self.target) else { return };
            item.quantity = quantity;
        } else {
            pdu.target = self.target;
            pdu.quantity = self.quantity;
        }
        if let Some(element) = self.element {
            pdu.field(TRANSPORT_SIZE, element);
        }
        match self.syntax {
            0x10 => {}
            0xb0 => {
                let mut reader = Reader::new(specification.get(2..).unwrap_or_default());
                pdu.field(SYNTAX, self.syntax).field(AREAS, Value::Text(list(&mut reader).into()));
            }
            0x82..=0x84 | 0xa2 | 0xb2 => {
                pdu.field(SYNTAX, self.syntax);
            }
            _ => {
                pdu.field(SYNTAX, self.syntax).field(SPECIFICATION, Value::bytes(specification));
            }
        }
        if let Some(anomaly) = self.anomaly {
            pdu.anomaly(anomaly);
        }
    }
}

/// The address of an element of a type in an area, S7ANY.
pub(super) fn any(reader: &mut Reader<'_>) -> Option<Address> {
    let element = reader.u8()?;
    let count = reader.u16_be()?;
    let db = reader.u16_be()?;
    let area = reader.u8()?;
    let at = reader.u24_be()?;
    let mut address = Address {
        element: Some(element),
        quantity: Some(count.into()),
        process_image: matches!(area, 0x80..=0x82),
        ..Address::of(0x10)
    };
    let Some((space, numbered)) = space(area, db) else {
        address.target = Some(Target::new(Space::numbered("area", area.into()), Span::Whole));
        address.anomaly = Some(Anomaly::UnknownObject);
        return Some(address);
    };
    let (byte, bit) = (at >> 3, u8::try_from(at & 7).unwrap_or(0));
    let count = u32::from(count);
    let span = if numbered {
        Span::range(at, count)
    } else if element == BIT {
        Span::Bit { byte, bit }
    } else {
        if bit != 0 {
            address.anomaly = Some(Anomaly::ReservedBits);
        }
        Span::range(byte, count.saturating_mul(element_size(element)))
    };
    if count == 0 {
        address.anomaly = Some(Anomaly::CountOutOfRange);
    }
    address.target = Some(Target::new(space, span));
    Some(address)
}

/// An address in a numerical control: `nck:C1/127/5/1`, being area and unit,
/// module, line and column.
fn numerical_control(syntax: u8, reader: &mut Reader<'_>) -> Option<Address> {
    let place = reader.u8()?;
    let column = reader.u16_be()?;
    let line = reader.u16_be()?;
    let module = reader.u8()?;
    let lines = reader.u8()?;
    let area = match place >> 5 {
        0 => "N",
        1 => "B",
        2 => "C",
        3 => "A",
        4 => "T",
        5 => "V",
        6 => "H",
        _ => "M",
    };
    let name = format!("{area}{}/{module}/{line}/{column}", place & 0x1f);
    Some(Address {
        target: Some(Target::new(NCK, Span::Named(name.into()))),
        quantity: Some(lines.into()),
        ..Address::of(syntax)
    })
}

/// A parameter of a drive: `drive:p2010[1]`.
fn drive(reader: &mut Reader<'_>) -> Option<Address> {
    reader.skip(5)?;
    let parameter = reader.u16_be()?;
    let index = reader.u16_be()?;
    let name = format!("p{parameter}[{index}]");
    Some(Address {
        target: Some(Target::new(DRIVE, Span::Named(name.into()))),
        ..Address::of(0xa2)
    })
}

/// Several areas of data blocks in one item; the target is the first.
fn areas(reader: &mut Reader<'_>) -> Option<Address> {
    let count = reader.u8()?;
    let mut address = Address::of(0xb0);
    let (areas, _) = reader.rest().as_chunks::<5>();
    let mut total = 0u32;
    for &[length, d, b, s, t] in areas.iter().take(count.into()) {
        let space = Space::numbered("DB", u16::from_be_bytes([d, b]).into());
        let span = Span::range(u16::from_be_bytes([s, t]).into(), length.into());
        address.target.get_or_insert(Target::new(space, span));
        total = total.saturating_add(length.into());
    }
    address.quantity = Some(total);
    if areas.len() != usize::from(count) {
        address.anomaly = Some(Anomaly::CountOutOfRange);
    }
    Some(address)
}

/// All areas of such an item.
fn list(reader: &mut Reader<'_>) -> String {
    let mut out = String::new();
    let (areas, _) = reader.rest().as_chunks::<5>();
    for (n, &[length, d, b, s, t]) in areas.iter().take(16).enumerate() {
        let space = Space::numbered("DB", u16::from_be_bytes([d, b]).into());
        let span = Span::range(u16::from_be_bytes([s, t]).into(), length.into());
        let separator = if n == 0 { "" } else { ", " };
        let _ = write!(out, "{separator}{}", Target::new(space, span));
    }
    out
}

/// A symbol of an S7-1200 by its numbers: `symbol:DB1/10.2`.
fn symbol(reader: &mut Reader<'_>) -> Option<Address> {
    reader.skip(1)?;
    let root = reader.u16_be()?;
    let area = reader.u16_be()?;
    reader.skip(4)?;
    let mut name = match (root, area) {
        (0x8a0e, db) => format!("DB{db}"),
        (0, 0x50) => String::from("I"),
        (0, 0x51) => String::from("Q"),
        (0, 0x52) => String::from("M"),
        (0, 0x53) => String::from("C"),
        (0, 0x54) => String::from("T"),
        (root, area) => format!("{root:04x}{area:04x}"),
    };
    let mut separator = '/';
    let (numbers, _) = reader.take_up_to(64).as_chunks::<4>();
    for number in numbers {
        let _ = write!(name, "{separator}{}", u32::from_be_bytes(*number) & 0x0fff_ffff);
        separator = '.';
    }
    Some(Address {
        target: Some(Target::new(SYMBOL, Span::Named(text(name.as_bytes())))),
        process_image: root == 0 && matches!(area, 0x50 | 0x51),
        ..Address::of(0xb2)
    })
}

/// The name of an item's return code.
pub(super) const fn return_code(code: u8) -> Status {
    let name = match code {
        0xff => return Status::Ok,
        0x00 => "reserved",
        0x01 => "hardware_error",
        0x03 => "object_access_denied",
        0x05 => "invalid_address",
        0x06 => "data_type_not_supported",
        0x07 => "data_type_inconsistent",
        0x0a => "object_does_not_exist",
        _ => "unknown_return_code",
    };
    Status::failed(code as u32, name)
}

/// The data of one item.
#[derive(Clone, Copy, Debug)]
pub(super) struct Data<'a> {
    pub return_code: u8,
    /// The type that tells how its length counts.
    pub kind: u8,
    pub bytes: &'a [u8],
    /// Whether its length ran past the message.
    pub short: bool,
}

impl<'a> Data<'a> {
    /// Reads the next item and passes over the padding after it.
    pub(super) fn read(reader: &mut Reader<'a>, last: bool) -> Option<Self> {
        let return_code = reader.u8()?;
        let kind = reader.u8()?;
        let length = usize::from(reader.u16_be()?);
        // A refused item has no data, whatever its length says.
        let length = match (return_code, kind) {
            (0xff | 0x00, 3..=5) => length.div_ceil(8),
            (0xff | 0x00, 1..) => length,
            _ => 0,
        };
        let bytes = reader.take_up_to(length);
        if length % 2 == 1 && !last {
            reader.take_up_to(1);
        }
        Some(Self { return_code, kind, bytes, short: bytes.len() < length })
    }

    /// Adds its values to `pdu`, as the addressed type tells, or its own where
    /// the address is not known.
    pub(super) fn put(&self, element: Option<u8>, pdu: &mut Pdu) {
        if self.short {
            pdu.anomaly(Anomaly::LengthMismatch);
        }
        let element = element.unwrap_or(match self.kind {
            3 => BIT,
            5 => 5,
            6 => 7,
            7 => 8,
            _ => 2,
        });
        let rest = match element {
            BIT => {
                pdu.extend_values(self.bytes.iter().map(|bit| *bit != 0));
                &[]
            }
            4 | 12 | COUNTER | TIMER => {
                each(self.bytes, pdu, |bytes| Value::from(u16::from_be_bytes(bytes)))
            }
            5 => each(self.bytes, pdu, |bytes| Value::from(i16::from_be_bytes(bytes))),
            6 | 10 => each(self.bytes, pdu, |bytes| Value::from(u32::from_be_bytes(bytes))),
            7 | 11 => each(self.bytes, pdu, |bytes| Value::from(i32::from_be_bytes(bytes))),
            8 => each(self.bytes, pdu, |bytes| Value::from(f32::from_be_bytes(bytes))),
            9 => each(self.bytes, pdu, time::date),
            15 => each(self.bytes, pdu, time::date_and_time),
            _ => {
                pdu.extend_values(self.bytes.iter().copied());
                &[]
            }
        };
        if !rest.is_empty() {
            pdu.value(Value::bytes(rest)).anomaly(Anomaly::LengthMismatch);
        }
    }
}

/// Whether the data of a message is exactly one item, or nothing.
pub(super) fn is_whole(data: &[u8]) -> bool {
    let mut reader = Reader::new(data);
    data.is_empty()
        || Data::read(&mut reader, true).is_some_and(|item| !item.short && reader.is_empty())
}

/// Adds a value for every `N` bytes, giving what is left.
fn each<'a, const N: usize>(
    bytes: &'a [u8],
    pdu: &mut Pdu,
    value: impl Fn([u8; N]) -> Value,
) -> &'a [u8] {
    let (elements, rest) = bytes.as_chunks::<N>();
    pdu.extend_values(elements.iter().map(|element| value(*element)));
    rest
}

/// Passes over the byte that makes an address of `specification` even.
pub(super) fn pad(specification: &[u8], reader: &mut Reader<'_>) {
    if specification.len() % 2 == 1 {
        reader.take_up_to(1);
    }
}

/// Adds what an answer says about one item besides its values: as a part of its
/// own when there are `several`, else as how the whole went.
pub(super) fn put_result(
    target: Option<Target>,
    quantity: Option<u32>,
    data: &Data<'_>,
    several: bool,
    pdu: &mut Pdu,
) {
    let status = return_code(data.return_code);
    if !several {
        if pdu.target.is_none() {
            pdu.target = target;
            pdu.quantity = quantity;
        }
        if status.is_failure() {
            pdu.status(status);
        }
    } else if let Some(item) = pdu.item(target) {
        item.quantity = quantity;
        item.status = status;
    }
}

/// What a request said about its `n`th item: target, quantity and element type.
pub(super) fn asked(
    request: &Pdu,
    n: usize,
    several: bool,
) -> (Option<Target>, Option<u32>, Option<u8>) {
    let (target, quantity, fields) = if several {
        let Some(item) = request.items.get(n) else { return (None, None, None) };
        (&item.target, item.quantity, request.fields.get(item.fields.clone()))
    } else {
        (&request.target, request.quantity, request.fields.get(..))
    };
    let element = fields.unwrap_or_default().iter().find_map(|(field, value)| match value {
        Value::Unsigned(element) if *field == TRANSPORT_SIZE => u8::try_from(*element).ok(),
        _ => None,
    });
    (target.clone(), quantity, element)
}
