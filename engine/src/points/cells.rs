//! The single cells behind targets, so that a write can be held against reads of
//! other ranges: registers, coils, bytes of a data block, points.

use dissectors::registry::ProtocolId;
use dissectors::target::{Space, Span, Target};
use dissectors::value::Value;

/// Cells of one part of a message that are looked at.
pub(super) const MOST: usize = 256;

/// A cell, with what it was given or holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    /// Its number in its space.
    pub(super) at: u32,
    /// Bits, or those of a number with a fraction; none where it is not known what it holds.
    pub(super) value: Option<u64>,
    /// The bits that count.
    pub(super) mask: u64,
}

/// Where cells count, and how they compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Ground {
    /// The space in which they are read.
    pub(super) space: (u64, u32),
    /// Whether they are numbers, which a device may round.
    pub(super) numbers: bool,
}

const HOLDING: (u64, u32) = Space::new("hr").id();
const COILS: (u64, u32) = Space::new("coil").id();
/// Of S7comm, where numbers count things and not bytes, and where nothing is kept.
const NO_BYTES: [(u64, u32); 9] = [
    Space::new("C").id(),
    Space::new("T").id(),
    Space::new("IEC_C").id(),
    Space::new("IEC_T").id(),
    Space::new("P").id(),
    Space::new("record").id(),
    Space::new("SYS").id(),
    Space::new("symbol").id(),
    Space::new("nck").id(),
];
const GROUP: u64 = Space::numbered("g", 0).id().0;
const BINARY_OUTPUTS: Ground = Ground { space: (GROUP, 10), numbers: false };
const ANALOG_OUTPUTS: Ground = Ground { space: (GROUP, 40), numbers: true };

/// Where what a message addresses is read back; none where it never is.
pub(super) fn ground(protocol: ProtocolId, target: &Target) -> Option<Ground> {
    let space = target.space.id();
    match protocol {
        ProtocolId::Modbus | ProtocolId::ModbusRtu => {
            (space == HOLDING || space == COILS).then_some(Ground { space, numbers: false })
        }
        ProtocolId::S7comm => {
            (!NO_BYTES.contains(&space)).then_some(Ground { space, numbers: false })
        }
        // A command is read back as the state of its output, also where that comes as an event.
        ProtocolId::Dnp3 => match space {
            (GROUP, 10..=12) => Some(BINARY_OUTPUTS),
            (GROUP, 40..=42) => Some(ANALOG_OUTPUTS),
            _ => None,
        },
        _ => None,
    }
}

/// Puts the cells of a part of a message into `cells`, in the order of their numbers.
/// Without `values` they are cells that hold nobody knows what.
pub(super) fn gather(
    (protocol, ground): (ProtocolId, Ground),
    target: &Target,
    values: &[Value],
    indices: &[u32],
    cells: &mut Vec<Cell>,
) {
    cells.clear();
    match target.span {
        Span::Bit { byte, bit } => {
            let mask = 1u64 << (bit & 7);
            let value = match values {
                [Value::Bool(set)] => Some(if *set { mask } else { 0 }),
                _ => None,
            };
            cells.push(Cell { at: byte, value, mask });
        }
        Span::Range { first, last } => {
            let count = usize::try_from(last.saturating_sub(first)).unwrap_or(MOST);
            let count = count.saturating_add(1).min(MOST);
            if !indices.is_empty() && indices.len() == values.len() {
                let points = indices.iter().zip(values);
                cells.extend(points.take(MOST).map(|(at, own)| whole(*at, ground.held(own))));
                cells.sort_by_key(|cell| cell.at);
            } else if values.len() == count {
                cells.extend((first..).zip(values).map(|(at, own)| whole(at, ground.held(own))));
            } else if protocol == ProtocolId::S7comm && is_bytes(count, values.len()) {
                let size = count.checked_div(values.len()).unwrap_or(1);
                let bytes =
                    values.iter().flat_map(|value| bytes(value, size).into_iter().take(size));
                cells.extend((first..).zip(bytes).map(|(at, byte)| Cell {
                    at,
                    value: byte.map(u64::from),
                    mask: 0xff,
                }));
            } else {
                cells.extend((first..=last).take(MOST).map(|at| whole(at, None)));
            }
        }
        Span::Whole | Span::Entry { .. } | Span::Part { .. } | Span::Named(_) => {}
    }
}

const fn whole(at: u32, value: Option<u64>) -> Cell {
    Cell { at, value, mask: u64::MAX }
}

/// Whether so many values are as many elements of two, four bytes.
const fn is_bytes(count: usize, values: usize) -> bool {
    values > 0 && (values.saturating_mul(2) == count || values.saturating_mul(4) == count)
}

impl Ground {
    /// What a cell holds; of a command, what its output is to hold. A pulse ends by itself.
    fn held(self, value: &Value) -> Option<u64> {
        match value {
            Value::Word("latch_on") => Some(1),
            Value::Word("latch_off") => Some(0),
            _ if self.numbers => value.number().map(f64::to_bits),
            Value::Bool(set) => Some((*set).into()),
            Value::Unsigned(number) => Some(*number),
            Value::Signed(number) => Some(number.cast_unsigned()),
            Value::Float(number) => Some(number.to_bits()),
            Value::Text(_) | Value::Word(_) | Value::Bytes(_) | Value::Time(_) => None,
        }
    }

    /// Whether a cell holds what was written; a number may have been rounded.
    pub(super) fn is_same(self, written: &Cell, value: u64) -> bool {
        let own = written.value.unwrap_or_default();
        if !self.numbers {
            return (own ^ value) & written.mask == 0;
        }
        let own = f64::from_bits(own);
        (own - f64::from_bits(value)).abs() < 1f64.max(own.abs() * 1e-6)
    }

    /// What people are told of a value.
    pub(super) fn number(self, value: u64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "people are told of it")]
        let whole = value as f64;
        if self.numbers { f64::from_bits(value) } else { whole }
    }
}

/// The cell of a number among cells in the order of theirs.
pub(super) fn find(cells: &[Cell], at: u32) -> Option<&Cell> {
    let first = cells.first()?.at;
    let guess = usize::try_from(at.checked_sub(first)?).ok()?;
    match cells.get(guess) {
        Some(cell) if cell.at == at => Some(cell),
        _ => cells.binary_search_by_key(&at, |cell| cell.at).ok().and_then(|own| cells.get(own)),
    }
}

/// The bytes of a value of two or four; none where nobody knows them.
fn bytes(value: &Value, size: usize) -> [Option<u8>; 4] {
    #[expect(clippy::cast_possible_truncation, reason = "it was read from so many bytes")]
    let word = match value {
        Value::Unsigned(number) => *number as u32,
        Value::Signed(number) => number.cast_unsigned() as u32,
        Value::Float(number) => (*number as f32).to_bits(),
        _ => return [None; 4],
    };
    let [a, b, c, d] = word.to_be_bytes();
    if size == 2 { [Some(c), Some(d), None, None] } else { [Some(a), Some(b), Some(c), Some(d)] }
}
