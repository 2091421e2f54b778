//! Written values that read back differently.
//!
//! A write that was accepted waits until its cells were read, by whomever. A cell
//! that holds what was written is as it should be, whatever becomes of it later. One
//! that three reads show to hold something else, over longer than an open request
//! lasts, is different. Whoever writes to a cell in between begins anew: what is not
//! known to have been accepted makes the cell unknown. Whether a difference means
//! anything (many devices clear their command words) others judge by what is usual.

use std::collections::HashMap;
use std::sync::Arc;

use dissectors::dissector::{FrameId, Transport};
use dissectors::operation::Class;
use dissectors::pdu::{Item, Pdu, Phase};
use dissectors::registry::ProtocolId;
use dissectors::target::Target;
use dissectors::value::Value;

use super::cells::{Cell, Ground, MOST, find, gather, ground};
use super::crowd::Crowd;
use crate::conversation::Host;
use crate::exchange::Exchange;
use crate::observation::{DifferentCell, Endpoint, FlowFacts, Observation, Readback};

/// Writes of one space that wait; the oldest is given up.
const WRITES: usize = 32;
/// Reads that show something else before a cell is different.
const READS: u8 = 3;
/// Time that it must do so: a request without an answer is given up before.
const SETTLED_NS: i64 = 6_000_000_000;
/// Reads after which a write is judged by the cells that were read.
const ENOUGH: u8 = 6;
/// Time after which a write is given up.
const FORGOTTEN_NS: i64 = 3_600_000_000_000;
/// Times that it is told of the same objects that they read back as before.
const TOLD: u8 = 16;
/// Different cells that are named.
const NAMED: usize = 16;

/// Whose cells they are, and where they count.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Place {
    server: Host,
    port: u16,
    vlan: Option<u16>,
    transport: Transport,
    protocol: ProtocolId,
    unit: Option<u32>,
    ground: Ground,
}

/// What is known of a cell of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Not read yet, or read so often as something else.
    Open(u8),
    /// It holds what was written.
    Same,
    /// It holds something else.
    Different,
}

#[derive(Debug)]
struct Write {
    cells: Vec<(Cell, State, u64)>,
    target: Target,
    writer: Endpoint,
    time_ns: i64,
    frame: FrameId,
    first_read: Option<FrameId>,
    reads: u8,
}

#[derive(Debug, Default)]
struct Cells {
    waiting: Vec<Write>,
    /// How often what was told of a target, and whether it was different.
    told: HashMap<Target, (u8, bool)>,
}

impl Cells {
    /// Cells of writes that wait.
    fn size(&self) -> usize {
        self.waiting.iter().map(|write| write.cells.len()).fold(0, usize::saturating_add)
    }
}

/// All writes that wait to be read back.
#[derive(Debug)]
pub(super) struct Readbacks {
    places: HashMap<Place, Cells>,
    /// Their cells, by station.
    waiting: Crowd,
    /// Targets of which it is known what was told.
    targets: usize,
    most: usize,
    pub(super) overflow_count: u64,
    scratch: Vec<Cell>,
}

impl Readbacks {
    pub(super) fn new(most: usize) -> Self {
        Self {
            places: HashMap::new(),
            waiting: Crowd::new(),
            targets: 0,
            most,
            overflow_count: 0,
            scratch: Vec::new(),
        }
    }

    /// Whether a read may be that of a written value.
    #[inline]
    pub(super) fn waits(&self, facts: &FlowFacts, exchange: &Exchange<'_>) -> bool {
        self.waiting.has(&facts.server, exchange.carrying.unit.or(exchange.asking.unit))
    }

    /// Notes an exchange that changes something, or that may read what was written.
    #[inline(never)]
    pub(super) fn note(
        &mut self,
        facts: &Arc<FlowFacts>,
        exchange: &Exchange<'_>,
        frame: FrameId,
        told: &mut Vec<Observation>,
    ) {
        if exchange.class.is_change() {
            self.change(facts, exchange);
        } else if !exchange.status.refuses() {
            let pdu = exchange.carrying;
            if let (true, Some(target)) = (pdu.items.is_empty(), &pdu.target) {
                let read = Read { facts, pdu, exchange, frame, target };
                self.read(&read, &pdu.values, &pdu.indices, told);
            }
            for item in &pdu.items {
                if let Some(target) = &item.target {
                    let read = Read { facts, pdu, exchange, frame, target };
                    let indices = pdu.indices.get(item.indices.clone()).unwrap_or_default();
                    let values = pdu.values.get(item.values.clone()).unwrap_or_default();
                    self.read(&read, values, indices, told);
                }
            }
        }
    }

    fn change(&mut self, facts: &Arc<FlowFacts>, exchange: &Exchange<'_>) {
        let asking = exchange.asking;
        if matches!(asking.phase, Some(Phase::Select | Phase::Cancel)) {
            return;
        }
        if asking.unconfirmed {
            // It may be for all stations, and nobody says what became of it.
            self.places.values_mut().for_each(|place| place.waiting.clear());
            self.waiting.clear();
            return;
        }
        let done = exchange.answered();
        if asking.items.is_empty()
            && let Some(target) = &asking.target
        {
            let values = if done { asking.values.as_slice() } else { &[] };
            if !exchange.status.refuses() {
                self.write(facts, exchange, target, values, &asking.indices);
            }
            return;
        }
        for (at, item) in asking.items.iter().enumerate() {
            let class = item.class.unwrap_or(asking.operation.class());
            let status = exchange.answer_to(at, item).map_or(exchange.status, |own| own.1.status);
            if let (true, false, Some(target)) = (class.is_change(), status.refuses(), &item.target)
            {
                let (values, indices) = parts(asking, item);
                let values = if done { values } else { &[] };
                self.write(facts, exchange, target, values, indices);
            }
        }
    }

    /// A part of a change that was not refused; without `values` nobody knows what it did.
    fn write(
        &mut self,
        facts: &Arc<FlowFacts>,
        exchange: &Exchange<'_>,
        target: &Target,
        values: &[Value],
        indices: &[u32],
    ) {
        let asking = exchange.asking;
        let Some(ground) = ground(asking.protocol, target) else { return };
        let values = match exchange.class {
            Class::Write | Class::Command => values,
            _ => &[],
        };
        let mut cells = std::mem::take(&mut self.scratch);
        gather((asking.protocol, ground), target, values, indices, &mut cells);
        let place = place(facts, asking, ground);
        if self.waiting.has(&facts.server, asking.unit) {
            self.supersede(facts, &place, &cells);
        }
        cells.retain(|cell| cell.value.is_some());
        if !cells.is_empty() && cells.len() < MOST {
            self.wait(facts, exchange, place, target, &cells);
        }
        self.scratch = cells;
    }

    /// Lets a write wait, where there is room.
    fn wait(
        &mut self,
        facts: &FlowFacts,
        exchange: &Exchange<'_>,
        place: Place,
        target: &Target,
        cells: &[Cell],
    ) {
        let full = self.waiting.all().saturating_add(cells.len()) > self.most;
        if full || self.places.len() >= self.most && !self.places.contains_key(&place) {
            self.overflow_count = self.overflow_count.saturating_add(1);
            return;
        }
        let unit = place.unit;
        self.waiting.add(&facts.server, unit, cells.len());
        let own = &mut self.places.entry(place).or_default().waiting;
        if own.len() >= WRITES {
            let oldest = own.remove(0);
            self.waiting.take(&facts.server, unit, oldest.cells.len());
            self.overflow_count = self.overflow_count.saturating_add(1);
        }
        own.push(Write {
            cells: cells.iter().map(|cell| (*cell, State::Open(0), 0)).collect(),
            target: target.clone(),
            writer: facts.client,
            time_ns: exchange.time_ns.saturating_add(exchange.latency_ns.unwrap_or(0)),
            frame: exchange.frame,
            first_read: None,
            reads: 0,
        });
    }

    /// Takes cells out of the writes before: they hold something else now.
    fn supersede(&mut self, facts: &FlowFacts, place: &Place, cells: &[Cell]) {
        let Some(own) = self.places.get_mut(place) else { return };
        let before = own.size();
        own.waiting.retain_mut(|write| {
            write.cells.retain(|(own, ..)| {
                find(cells, own.at).is_none_or(|cell| cell.mask & own.mask == 0)
            });
            !write.cells.is_empty()
        });
        self.waiting.take(&facts.server, place.unit, before.saturating_sub(own.size()));
    }

    /// Holds what is read against what was written.
    fn read(
        &mut self,
        read: &Read<'_>,
        values: &[Value],
        indices: &[u32],
        told: &mut Vec<Observation>,
    ) {
        let Read { facts, pdu, exchange, target, .. } = *read;
        if values.is_empty() {
            return;
        }
        let Some(ground) = ground(pdu.protocol, target) else { return };
        let unit = pdu.unit.or(exchange.asking.unit);
        let place = Place { unit, ..place(facts, pdu, ground) };
        let Some(own) = self.places.get_mut(&place) else { return };
        if own.waiting.is_empty() {
            return;
        }
        gather((pdu.protocol, ground), target, values, indices, &mut self.scratch);
        let (cells, asked_ns, before) = (&self.scratch, exchange.time_ns, own.size());
        let over: Vec<Write> = own
            .waiting
            .extract_if(.., |write| {
                let old = asked_ns.saturating_sub(write.time_ns) > FORGOTTEN_NS;
                // What was asked before the write was done tells of the time before it.
                let asks = asked_ns >= write.time_ns;
                old || asks && write.look(cells, ground, asked_ns, read.frame)
            })
            .collect();
        self.waiting.take(&facts.server, unit, before.saturating_sub(own.size()));
        for write in over {
            if write.is_judged() && is_news(own, &write, &mut self.targets, self.most) {
                told.push(write.told(read, unit, ground));
            }
        }
    }
}

/// A part of a message that says what a target holds.
#[derive(Clone, Copy)]
struct Read<'a> {
    facts: &'a Arc<FlowFacts>,
    pdu: &'a Pdu,
    exchange: &'a Exchange<'a>,
    frame: FrameId,
    target: &'a Target,
}

impl Write {
    /// Whether enough is known of all its cells after a look at what some of them hold.
    fn look(&mut self, cells: &[Cell], ground: Ground, time_ns: i64, frame: FrameId) -> bool {
        let settled = time_ns.saturating_sub(self.time_ns) >= SETTLED_NS;
        let (mut seen, mut open) = (false, false);
        for (own, state, last) in &mut self.cells {
            if let Some(value) = find(cells, own.at).and_then(|cell| cell.value)
                && let State::Open(reads) = *state
            {
                seen = true;
                if ground.is_same(own, value) {
                    *state = State::Same;
                } else {
                    let reads = reads.saturating_add(1);
                    *last = value & own.mask;
                    self.first_read.get_or_insert(frame);
                    let different = settled && reads >= READS;
                    *state = if different { State::Different } else { State::Open(reads) };
                }
            }
            open |= matches!(state, State::Open(_));
        }
        if seen {
            self.reads = self.reads.saturating_add(1);
        }
        !open || settled && self.reads >= ENOUGH
    }

    /// Whether at least one cell was read.
    fn is_judged(&self) -> bool {
        self.cells.iter().any(|(_, state, _)| !matches!(state, State::Open(_)))
    }

    fn is_different(&self) -> bool {
        self.cells.iter().any(|(_, state, _)| *state == State::Different)
    }

    fn told(&self, read: &Read<'_>, unit: Option<u32>, ground: Ground) -> Observation {
        let different = self.cells.iter().filter(|(_, state, _)| *state == State::Different);
        Observation::Readback(Box::new(Readback {
            sequence: 0,
            flow: Arc::clone(read.facts),
            protocol: read.pdu.protocol,
            unit,
            target: self.target.text(),
            writer: self.writer,
            written_ns: self.time_ns,
            time_ns: read.exchange.time_ns,
            frames: (self.frame, self.first_read.unwrap_or(read.frame), read.frame),
            different: different
                .take(NAMED)
                .map(|(cell, _, last)| DifferentCell {
                    at: cell.at,
                    written: ground.number(cell.value.unwrap_or_default()),
                    read: ground.number(*last),
                })
                .collect(),
        }))
    }
}

/// Whether something is to be told of a write: the first times, and what turned.
fn is_news(own: &mut Cells, write: &Write, targets: &mut usize, most: usize) -> bool {
    let different = write.is_different();
    if let Some((count, last)) = own.told.get_mut(&write.target) {
        let news = *count < TOLD || different && !*last;
        *count = count.saturating_add(1).min(TOLD.saturating_mul(4));
        *last = different;
        // What turns again and again has no habit.
        return news && *count < TOLD.saturating_mul(4);
    }
    if *targets < most {
        *targets = targets.saturating_add(1);
        own.told.insert(write.target.clone(), (1, different));
    }
    true
}

fn parts<'a>(pdu: &'a Pdu, item: &Item) -> (&'a [Value], &'a [u32]) {
    (
        pdu.values.get(item.values.clone()).unwrap_or_default(),
        pdu.indices.get(item.indices.clone()).unwrap_or_default(),
    )
}

fn place(facts: &FlowFacts, pdu: &Pdu, ground: Ground) -> Place {
    Place {
        server: Host::from(&facts.server),
        port: facts.server.port,
        vlan: facts.vlan,
        transport: facts.transport,
        protocol: pdu.protocol,
        unit: pdu.unit,
        ground,
    }
}
