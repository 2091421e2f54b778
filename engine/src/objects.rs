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
    time_ns: i64,
}

/// All objects whose values are known.
#[derive(Debug)]
pub struct Objects {
    places: HashMap<Place, Vec<Known>>,
    /// Values kept, and how many at most.
    count: usize,
    most: usize,
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
        Self { places: HashMap::new(), count: 0, most }
    }

    /// Notes the values that were read or written.
    pub fn note(
        &mut self,
        (facts, protocol, unit): (&FlowFacts, ProtocolId, Option<u32>),
        target: &Target,
        values: &[Value],
        time_ns: i64,
    ) {
        if values.is_empty() || values.len() > VALUES {
            return;
        }
        let place = place(facts, protocol, unit, target);
        let shape = shape(target, values.len());
        let full = self.count.saturating_add(values.len()) > self.most;
        if full && !self.places.contains_key(&place) {
            return;
        }
        let ranges = self.places.entry(place).or_default();
        let at = match ranges.iter().position(|known| known.shape == shape) {
            Some(at) => at,
            None => {
                if full || ranges.len() >= RANGES {
                    let oldest = ranges.iter().enumerate().min_by_key(|(_, known)| known.time_ns);
                    let Some((oldest, _)) = oldest else { return };
                    let gone = ranges.swap_remove(oldest);
                    self.count = self.count.saturating_sub(gone.values.len());
                }
                ranges.push(Known { shape, values: Vec::new(), time_ns });
                ranges.len().saturating_sub(1)
            }
        };
        let Some(known) = ranges.get_mut(at) else { return };
        self.count = self.count.saturating_sub(known.values.len()).saturating_add(values.len());
        known.values.clear();
        known.values.extend_from_slice(values);
        known.time_ns = known.time_ns.max(time_ns);
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

/// The value that an element had last.
fn latest(ranges: &[Known], element: u32) -> Option<Value> {
    let value = |known: &Known| match known.shape {
        Shape::Elements(first, last) if (first..=last).contains(&element) => {
            let at = usize::try_from(element.saturating_sub(first)).ok()?;
            known.values.get(at).map(|value| (known.time_ns, value.clone()))
        }
        _ => None,
    };
    let mut best: Option<(i64, Value)> = None;
    for (time_ns, found) in ranges.iter().filter_map(value) {
        if best.as_ref().is_none_or(|(latest, _)| time_ns >= *latest) {
            best = Some((time_ns, found));
        }
    }
    best.map(|(_, found)| found)
}
