//! What somebody wants to be told one by one, though it would be folded: the single
//! reads that rules look at.
//!
//! A request says no more than what can be judged before folding. It may let through
//! more than its rule matches, never less: the rule looks again.

use std::collections::HashMap;

use dissectors::field::FieldId;
use dissectors::operation::{Class, Operation};
use dissectors::pdu::{Item, Pdu};
use dissectors::registry::ProtocolId;
use dissectors::target::{Span, Target};
use dissectors::value::Value;

use crate::behaviour::digest;
use crate::exchange::Exchange;

/// Exchanges that leave one by one: those for which everything given here holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// The protocol of the request, or of what stands alone.
    pub protocol: ProtocolId,
    /// The class of the operation or of one of its parts.
    pub class: Option<Class>,
    /// The name of the operation.
    pub operation: Option<String>,
    /// The function code.
    pub code: Option<u16>,
    /// The station behind the endpoint.
    pub unit: Option<u32>,
    /// The space of the target, such as `hr`, `DB10` or `g30v1`.
    pub space: Option<String>,
    /// The lowest and the highest element; what reaches into them holds. Of a bit its
    /// byte counts. A target without numbers does not hold.
    pub range: Option<(u32, u32)>,
    /// The lowest and the highest value; one of the values lies between them.
    pub values: Option<(f64, f64)>,
    /// Whether only values count that are other than those before at the same place.
    pub changes: bool,
    /// The name of a field of the question, of which only values count that are other
    /// than the last one of the same conversation and station.
    pub field: Option<String>,
}

impl Wanted {
    /// Everything of a protocol.
    #[must_use]
    pub const fn all_of(protocol: ProtocolId) -> Self {
        Self {
            protocol,
            class: None,
            operation: None,
            code: None,
            unit: None,
            space: None,
            range: None,
            values: None,
            changes: false,
            field: None,
        }
    }

    fn holds(&self, exchange: &Exchange<'_>, changed: bool) -> bool {
        let Exchange { asking, answer, .. } = *exchange;
        let unit = asking.unit.or(answer.and_then(|answer| answer.unit));
        self.class.is_none_or(|class| classes(exchange) & bit(class) != 0)
            && self.code.is_none_or(|code| code == asking.code)
            && self.unit.is_none_or(|own| unit == Some(own))
            && (changed || !self.changes)
            && self.operation.as_ref().is_none_or(|own| is_called(asking.operation, own))
            && self.has_target(asking, answer)
            && self.values.is_none_or(|range| has_value(exchange, range))
    }

    fn has_target(&self, asking: &Pdu, answer: Option<&Pdu>) -> bool {
        if self.space.is_none() && self.range.is_none() {
            return true;
        }
        std::iter::once(asking).chain(answer).any(|pdu| {
            let part = |item: &Item| {
                let indices = pdu.indices.get(item.indices.clone()).unwrap_or_default();
                item.target.as_ref().is_some_and(|target| self.is_target(target, indices))
            };
            pdu.target.as_ref().is_some_and(|target| self.is_target(target, &[]))
                || pdu.items.iter().any(part)
        })
    }

    fn is_target(&self, target: &Target, indices: &[u32]) -> bool {
        let space = self.space.as_ref().is_none_or(|own| target.space.is(own));
        space
            && self.range.is_none_or(|(first, last)| {
                let own = match target.span {
                    Span::Bit { byte, .. } => Some((byte, byte)),
                    _ => target.interval(),
                };
                own.is_some_and(|own| own.0 <= last && own.1 >= first)
                    || indices.iter().any(|index| (first..=last).contains(index))
            })
    }
}

fn is_called(operation: Operation, name: &str) -> bool {
    operation.name().map_or_else(|| operation.to_string() == name, |own| own == name)
}

/// One bit for each class.
const fn bit(class: Class) -> u64 {
    1 << (class as u8)
}

const _: () = assert!(Class::ALL.len() <= 64);

/// The classes of an exchange and of its parts.
fn classes(exchange: &Exchange<'_>) -> u64 {
    let parts = exchange.asking.items.iter().filter_map(|item| item.class);
    parts.fold(bit(exchange.class), |all, class| all | bit(class))
}

fn has_value(exchange: &Exchange<'_>, (lowest, highest): (f64, f64)) -> bool {
    exchange.carrying.values.iter().any(|value| {
        #[expect(clippy::cast_precision_loss, reason = "a bound that lets through too much")]
        let value = match value {
            Value::Bool(value) => f64::from(u8::from(*value)),
            Value::Signed(value) => *value as f64,
            Value::Unsigned(value) => *value as f64,
            Value::Float(value) => *value,
            Value::Text(_) | Value::Word(_) | Value::Bytes(_) | Value::Time(_) => return false,
        };
        (lowest..=highest).contains(&value)
    })
}

/// The value of a field of the question, as a digest.
fn field(exchange: &Exchange<'_>, name: &str) -> Option<u64> {
    let fields = exchange.asking.protocol.registration().fields;
    let mut given = exchange.asking.fields.iter();
    let is_it = |id: FieldId| fields.get(usize::from(id.0)).is_some_and(|own| own.name == name);
    given.find(|(id, _)| is_it(*id)).map(|(_, value)| digest(std::slice::from_ref(value)))
}

/// Protocol, place among what is wanted of it, conversation and station.
type Place = (ProtocolId, usize, u32, Option<u32>);

/// All that is wanted, found by protocol and class.
#[derive(Debug)]
pub struct Watch {
    /// By protocol: the classes of which something is wanted, and what.
    of: Vec<(u64, Vec<Wanted>)>,
    /// The values that fields had last; past `most` all is told once more.
    fields: HashMap<Place, u64>,
    most: usize,
}

impl Watch {
    /// Of so many at most; none where nothing is wanted.
    #[must_use]
    pub fn new(wanted: Vec<Wanted>, most: usize) -> Option<Box<Self>> {
        let mut of = vec![(0, Vec::new()); ProtocolId::ALL.len()];
        let mut any = false;
        for own in wanted.into_iter().take(most) {
            if let Some((classes, list)) = of.get_mut(own.protocol as usize) {
                *classes |= own.class.map_or(u64::MAX, bit);
                list.push(own);
                any = true;
            }
        }
        any.then(|| Box::new(Self { of, fields: HashMap::new(), most }))
    }

    /// Whether an exchange of a conversation is wanted; `changed` tells whether its values
    /// are other than those before.
    #[must_use]
    pub fn wants(&mut self, exchange: &Exchange<'_>, conversation: u32, changed: bool) -> bool {
        let asking = exchange.asking;
        let Some((wanted, list)) = self.of.get(asking.protocol as usize) else { return false };
        if classes(exchange) & wanted == 0 {
            return false;
        }
        let mut any = false;
        for (at, own) in list.iter().enumerate() {
            if any && own.field.is_none() || !own.holds(exchange, changed) {
                continue;
            }
            let Some(name) = &own.field else {
                any = true;
                continue;
            };
            let Some(now) = field(exchange, name) else { continue };
            if self.fields.len() >= self.most {
                self.fields.clear();
            }
            let place = (asking.protocol, at, conversation, asking.unit);
            any |= self.fields.insert(place, now) != Some(now);
        }
        any
    }
}
