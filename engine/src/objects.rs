//! What the objects of servers held when they were last read or written, so that a
//! write can be told with the values before it.
//!
//! Registers and coils are known one by one, whatever range showed them; other
//! objects are known by the whole range, bit or name that was addressed.

use std::collections::HashMap;

use dissectors::dissector::Transport;
use dissectors::registry::ProtocolId;
use dissectors::target::{Span, Target};
use dissectors::value::Value;

use crate::conversation::Host;
use crate::observation::FlowFacts;

/// Ranges known of one space; the one that was not seen for longest goes first.
const RANGES: usize = 64;
/// Values of one range.
const VALUES: usize = 256;

/// Where the numbers of objects count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Place {
    server: Host,
    port: u16,
    vlan: Option<u16>,
    transport: Transport,
    protocol: ProtocolId,
    unit: Option<u32>,
    space: (u64, u32),
    part: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Shape {
    /// One value for each of these elements.
    Elements(u32, u32),
    /// All values of what was addressed.
    Whole(Span),
}

#[derive(Debug)]
struct Known {
    shape: Shape,
    values: Vec<Value>,
    /// Rises with everything that is noted: packet times may go back.
    turn: u64,
}

/// All objects whose values are known.
#[derive(Debug)]
pub struct Objects {
    places: HashMap<Place, Vec<Known>>,
    /// Values kept, and how many at most.
    count: usize,
    most: usize,
    turn: u64,
    /// Values that were not kept, or left, because there were too many.
    pub overflow_count: u64,
}

fn place(facts: &FlowFacts, protocol: ProtocolId, unit: Option<u32>, target: &Target) -> Place {
    let part = match target.span {
        Span::Part { part, .. } => Some(part),
        _ => None,
    };
    Place {
        server: Host::from(&facts.server),
        port: facts.server.port,
        vlan: facts.vlan,
        transport: facts.transport,
        protocol,
        unit,
        space: target.space.id(),
        part,
    }
}

fn shape(target: &Target, count: usize) -> Shape {
    match target.span {
        Span::Range { first, last } | Span::Part { first, last, .. }
            if u32::try_from(count) == Ok(last.saturating_sub(first).saturating_add(1)) =>
        {
            Shape::Elements(first, last)
        }
        _ => Shape::Whole(target.span.clone()),
    }
}

impl Objects {
    /// None yet; at most so many values.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { places: HashMap::new(), count: 0, most, turn: 0, overflow_count: 0 }
    }

    /// Notes the values that were read or written.
    pub fn note(
        &mut self,
        (facts, protocol, unit): (&FlowFacts, ProtocolId, Option<u32>),
        target: &Target,
        values: &[Value],
    ) {
        if values.is_empty() || values.len() > VALUES {
            return;
        }
        let place = place(facts, protocol, unit, target);
        let shape = shape(target, values.len());
        let full = self.count.saturating_add(values.len()) > self.most;
        if full && !self.places.contains_key(&place) {
            self.overflow_count = self.overflow_count.saturating_add(count_of(values));
            return;
        }
        self.turn = self.turn.saturating_add(1);
        let ranges = self.places.entry(place).or_default();
        let at = match ranges.iter().position(|known| known.shape == shape) {
            Some(at) => at,
            None => {
                if full || ranges.len() >= RANGES {
                    let oldest = ranges.iter().enumerate().min_by_key(|(_, known)| known.turn);
                    let Some((oldest, _)) = oldest else { return };
                    let gone = ranges.swap_remove(oldest);
                    self.count = self.count.saturating_sub(gone.values.len());
                    if full {
                        let gone = count_of(&gone.values);
                        self.overflow_count = self.overflow_count.saturating_add(gone);
                    }
                }
                ranges.push(Known { shape, values: Vec::new(), turn: 0 });
                ranges.len().saturating_sub(1)
            }
        };
        let Some(known) = ranges.get_mut(at) else { return };
        self.count = self.count.saturating_sub(known.values.len()).saturating_add(values.len());
        known.values.clear();
        known.values.extend_from_slice(values);
        known.turn = self.turn;
    }

    /// The values known before of what is to hold `count` values; none where one of
    /// them is not known.
    #[must_use]
    pub fn before(
        &self,
        (facts, protocol, unit): (&FlowFacts, ProtocolId, Option<u32>),
        target: &Target,
        count: usize,
    ) -> Option<Vec<Value>> {
        let ranges = self.places.get(&place(facts, protocol, unit, target))?;
        match shape(target, count) {
            Shape::Elements(first, last) => {
                (first..=last).take(VALUES).map(|element| latest(ranges, element)).collect()
            }
            whole @ Shape::Whole(_) => {
                ranges.iter().find(|known| known.shape == whole).map(|known| known.values.clone())
            }
        }
    }
}

fn count_of(values: &[Value]) -> u64 {
    u64::try_from(values.len()).unwrap_or(u64::MAX)
}

/// The value that an element had last.
fn latest(ranges: &[Known], element: u32) -> Option<Value> {
    let value = |known: &Known| match known.shape {
        Shape::Elements(first, last) if (first..=last).contains(&element) => {
            let at = usize::try_from(element.saturating_sub(first)).ok()?;
            known.values.get(at).map(|value| (known.turn, value.clone()))
        }
        _ => None,
    };
    let mut best: Option<(u64, Value)> = None;
    for (turn, found) in ranges.iter().filter_map(value) {
        if best.as_ref().is_none_or(|(latest, _)| turn >= *latest) {
            best = Some((turn, found));
        }
    }
    best.map(|(_, found)| found)
}

#[cfg(test)]
mod tests {
    use dissectors::dissector::FrameId;
    use dissectors::target::Space;

    use super::*;
    use crate::observation::Endpoint;

    fn flow(server: u8) -> FlowFacts {
        let end = Endpoint { mac: None, ip: Some([10, 0, 0, server].into()), port: 502 };
        FlowFacts {
            id: 1,
            client: end,
            server: end,
            vlan: None,
            interface: 0,
            transport: Transport::Tcp,
            protocol: None,
            identified_by: None,
            confidence: 0,
            frame: FrameId { file: 0, number: 1 },
        }
    }

    fn registers(first: u32, last: u32) -> Target {
        Target::new(Space::new("hr"), Span::Range { first, last })
    }

    #[test]
    fn values_past_the_bound_are_counted() {
        let mut objects = Objects::new(4);
        let values = vec![Value::Unsigned(1); 3];
        let note = |objects: &mut Objects, server, first| {
            let of = (&flow(server), ProtocolId::Modbus, None);
            objects.note(of, &registers(first, first + 2), &values);
            objects.before(of, &registers(first, first + 2), 3).is_some()
        };

        // Of another server there is no room; of the same the older range makes it.
        assert_eq!((true, 0), (note(&mut objects, 1, 10), objects.overflow_count));
        assert_eq!((false, 3), (note(&mut objects, 2, 10), objects.overflow_count));
        assert_eq!((true, 6), (note(&mut objects, 1, 20), objects.overflow_count));
    }

    #[test]
    fn of_two_ranges_the_one_noted_later_says_what_a_register_holds() {
        let mut objects = Objects::new(100);
        let facts = flow(1);
        let of = (&facts, ProtocolId::Modbus, None);
        objects.note(of, &registers(10, 11), &[Value::Unsigned(1), Value::Unsigned(1)]);
        objects.note(of, &registers(11, 12), &[Value::Unsigned(2), Value::Unsigned(2)]);

        let found = objects.before(of, &registers(10, 12), 3);
        assert_eq!(Some(vec![1, 2, 2]), found.map(numbers));
    }

    fn numbers(values: Vec<Value>) -> Vec<u64> {
        let number = |value| if let Value::Unsigned(own) = value { own } else { 0 };
        values.into_iter().map(number).collect()
    }
}
