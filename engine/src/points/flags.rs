//! Points that change their quality: offline, forced, out of range.
//!
//! Of each point the flags that were told last are kept. Most never change, so that
//! looking at them is comparing bytes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use dissectors::dissector::{FrameId, Transport};
use dissectors::registry::ProtocolId;
use dissectors::target::{Space, Span, Target};

use crate::conversation::Host;
use crate::exchange::Exchange;
use crate::observation::{FlowFacts, Observation, PointQuality};

/// Points of one kind that are looked at; a station has hardly more.
const POINTS: usize = 4096;
/// Points that a station has at least, where room for stations is counted.
const POINTS_USUAL: usize = 16;
/// Points that are named.
const NAMED: usize = 16;
/// What stands for a point that was not seen: no kind has all of these bits.
const UNSEEN: u8 = 0xff;

const GROUP: u64 = Space::numbered("g", 0).id().0;

/// The kinds of points of DNP3, by the groups of their states and of their changes
/// [S: IEEE 1815-2012, annex A], with the bits that tell of their quality: those of
/// counters that rolled over and of outputs that have a state do not.
const KINDS: [(u32, u32, u8); 6] =
    [(1, 2, 0x3f), (3, 4, 0x3f), (10, 11, 0x1f), (20, 22, 0x1f), (30, 32, 0x7f), (40, 42, 0x7f)];

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Place {
    server: Host,
    port: u16,
    vlan: Option<u16>,
    transport: Transport,
    unit: Option<u32>,
}

/// The flags of the points of a station, by kind.
type Kinds = [Vec<u8>; KINDS.len()];

/// The flags of all points.
#[derive(Debug)]
pub(super) struct Flags {
    places: HashMap<Place, Kinds>,
    count: usize,
    most: usize,
    pub(super) overflow_count: u64,
}

impl Flags {
    pub(super) fn new(most: usize) -> Self {
        Self { places: HashMap::new(), count: 0, most, overflow_count: 0 }
    }

    /// Notes what a message says of the quality of points.
    #[inline(never)]
    pub(super) fn note(
        &mut self,
        facts: &Arc<FlowFacts>,
        exchange: &Exchange<'_>,
        frame: FrameId,
        told: &mut Vec<Observation>,
    ) {
        let pdu = exchange.carrying;
        if pdu.protocol != ProtocolId::Dnp3 {
            return;
        }
        let unit = pdu.unit.or(exchange.asking.unit);
        let room = self.most.saturating_sub(self.count);
        let place = place(facts, unit);
        if self.places.len() >= self.most / POINTS_USUAL && !self.places.contains_key(&place) {
            self.overflow_count = self.overflow_count.saturating_add(1);
            return;
        }
        let known = self.places.entry(place).or_default();
        let mut table = Table { room, left_out: 0 };
        for item in &pdu.items {
            let flags = pdu.flags.get(item.flags.clone()).unwrap_or_default();
            let Some(target) = item.target.as_ref().filter(|_| !flags.is_empty()) else { continue };
            let Some((at, group, mask)) = kind(target) else { continue };
            let Some(known) = known.get_mut(at) else { continue };
            let indices = pdu.indices.get(item.indices.clone()).unwrap_or_default();
            for ((before, now), points) in table.changed(known, target, mask, flags, indices) {
                told.push(Observation::PointQuality(Box::new(PointQuality {
                    sequence: 0,
                    flow: Arc::clone(facts),
                    protocol: pdu.protocol,
                    unit,
                    time_ns: time_of(exchange),
                    frame,
                    space: format!("g{group}"),
                    before: (before != UNSEEN).then_some(before),
                    now,
                    points: points.iter().take(NAMED).copied().collect(),
                    count: u32::try_from(points.len()).unwrap_or(u32::MAX),
                })));
            }
        }
        self.count = self.most.saturating_sub(table.room);
        self.overflow_count = self.overflow_count.saturating_add(table.left_out);
    }
}

/// The room that is left in the table.
struct Table {
    room: usize,
    left_out: u64,
}

impl Table {
    /// Points by what they were and are, where that is another thing. One that is seen
    /// first is told where it is not as it should be.
    fn changed(
        &mut self,
        known: &mut Vec<u8>,
        target: &Target,
        mask: u8,
        flags: &[u8],
        indices: &[u32],
    ) -> BTreeMap<(u8, u8), Vec<u32>> {
        let mut changed: BTreeMap<(u8, u8), Vec<u32>> = BTreeMap::new();
        let Span::Range { first, .. } = target.span else { return changed };
        for (offset, flags) in (0u32..).zip(flags) {
            let by_index = usize::try_from(offset).ok().and_then(|at| indices.get(at)).copied();
            let index = by_index.unwrap_or(first.saturating_add(offset));
            let now = flags & mask;
            let Ok(at) = usize::try_from(index) else { continue };
            if at >= known.len() {
                let more = at.saturating_add(1).saturating_sub(known.len());
                if at >= POINTS || more > self.room {
                    self.left_out = self.left_out.saturating_add(1);
                    continue;
                }
                known.resize(at.saturating_add(1), UNSEEN);
                self.room = self.room.saturating_sub(more);
            }
            let Some(own) = known.get_mut(at) else { continue };
            if *own != now {
                let before = std::mem::replace(own, now);
                if before != UNSEEN || now != 1 {
                    changed.entry((before, now)).or_default().push(index);
                }
            }
        }
        changed
    }
}

/// Which kind of points it is, the group of their states, and the bits that tell of
/// their quality.
fn kind(target: &Target) -> Option<(usize, u32, u8)> {
    let (name, number) = target.space.id();
    let mut kinds = KINDS.iter().enumerate();
    let kind = kinds.find(|(_, (state, event, _))| number == *state || number == *event);
    kind.filter(|_| name == GROUP).map(|(at, (state, _, mask))| (at, *state, *mask))
}

fn place(facts: &FlowFacts, unit: Option<u32>) -> Place {
    Place {
        server: Host::from(&facts.server),
        port: facts.server.port,
        vlan: facts.vlan,
        transport: facts.transport,
        unit,
    }
}

fn time_of(exchange: &Exchange<'_>) -> i64 {
    exchange.time_ns.saturating_add(exchange.latency_ns.unwrap_or(0))
}
