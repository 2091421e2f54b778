//! Calls that nobody answers: who asks whom again and again in vain.
//!
//! A line is a client and a server with its port, over all flows; each station
//! behind a server has a row of its own beside. Requests, what the client sends
//! again, and attempts to connect count in the line until an answer of the
//! protocol comes. An attempt to connect that is accepted is no such answer.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use dissectors::dissector::{FrameId, Transport};

use crate::conversation::Host;
use crate::observation::{FlowFacts, NoReply};
use crate::timestamp::set_back;

/// Calls in a row, and time since the first, from which on they are told.
const CALLS: u64 = 8;
const AFTER_NS: i64 = 10_000_000_000;
/// Time from which on they are told only when it has doubled.
const OFTEN_NS: i64 = 60_000_000_000;

/// Stations that a flow remembers.
const STATIONS: usize = 4;

/// What a flow remembers of its rows: slots plus one; 0 is none yet.
#[derive(Clone, Copy, Debug, Default)]
pub struct CallMemo {
    line: u32,
    /// The stations addressed lately, each at the place of its number.
    stations: [(u32, u32); STATIONS],
}

/// Who calls whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Line {
    client: Host,
    server: Host,
    transport: Transport,
    port: u16,
    vlan: Option<u16>,
}

impl Line {
    fn of(facts: &FlowFacts) -> Self {
        Self {
            client: Host::from(&facts.client),
            server: Host::from(&facts.server),
            transport: facts.transport,
            port: facts.server.port,
            vlan: facts.vlan,
        }
    }
}

/// How a client calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// A request.
    Request,
    /// A segment sent again.
    Repeat,
    /// An attempt to open a connection.
    Open,
}

#[derive(Clone, Copy, Debug, Default)]
struct Row {
    requests: u64,
    repeats: u64,
    opens: u64,
    refused: u64,
    since_ns: i64,
    time_ns: i64,
    tell_ns: i64,
    last_answer_ns: Option<i64>,
    first: FrameId,
    last: FrameId,
    told: bool,
    /// Whether a protocol was ever spoken.
    spoken: bool,
}

impl Row {
    const fn calls(&self) -> u64 {
        self.requests.saturating_add(self.repeats).saturating_add(self.opens)
    }

    /// Counts a call; whether it is time to tell.
    fn call(&mut self, call: Call, frame: FrameId, time_ns: i64) -> bool {
        if self.calls() == 0 {
            self.since_ns = time_ns;
            self.first = frame;
            self.tell_ns = time_ns.saturating_add(AFTER_NS);
            self.refused = 0;
        }
        let count = match call {
            Call::Request => &mut self.requests,
            Call::Repeat => &mut self.repeats,
            Call::Open => &mut self.opens,
        };
        *count = count.saturating_add(1);
        self.spoken |= call == Call::Request;
        self.last = frame;
        self.time_ns = self.time_ns.max(time_ns);
        if self.calls() < CALLS || time_ns < self.tell_ns {
            return false;
        }
        let since = time_ns.saturating_sub(self.since_ns);
        let next = if since < OFTEN_NS { AFTER_NS } else { since };
        self.tell_ns = time_ns.saturating_add(next);
        self.told = true;
        true
    }

    /// Begins anew with an answer.
    #[inline]
    const fn answer(&mut self, time_ns: i64) {
        self.requests = 0;
        self.repeats = 0;
        self.opens = 0;
        self.refused = 0;
        self.told = false;
        self.spoken = true;
        self.last_answer_ns = Some(time_ns);
    }

    fn record(&self, facts: &Arc<FlowFacts>, unit: Option<u32>, answered: bool) -> NoReply {
        NoReply {
            sequence: 0,
            answered,
            flow: Arc::clone(facts),
            protocol: facts.protocol,
            unit,
            request_count: self.requests,
            repeat_count: self.repeats,
            open_count: self.opens,
            refused_count: self.refused,
            since_ns: self.since_ns,
            time_ns: self.time_ns,
            last_answer_ns: self.last_answer_ns,
            frames: (self.first, self.last),
            server_last_seen_ns: None,
        }
    }
}

/// All lines and stations.
#[derive(Debug)]
pub struct Calls {
    rows: Vec<Row>,
    lines: HashMap<Line, u32>,
    stations: HashMap<(u32, u32), u32>,
    /// Lines on which nobody spoke yet, oldest first: the first to go.
    silent: VecDeque<(Line, u32)>,
    most: usize,
    /// What is to be told.
    news: Vec<NoReply>,
    /// Lines and stations not kept for want of room.
    pub overflow_count: u64,
}

impl Calls {
    /// None yet.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            rows: Vec::new(),
            lines: HashMap::new(),
            stations: HashMap::new(),
            silent: VecDeque::new(),
            most,
            news: Vec::new(),
            overflow_count: 0,
        }
    }

    fn line(&mut self, facts: &FlowFacts, memo: &mut CallMemo) -> Option<u32> {
        if let Some(slot) = memo.line.checked_sub(1) {
            return Some(slot);
        }
        let line = Line::of(facts);
        let slot = match self.lines.get(&line) {
            Some(slot) => *slot,
            None => {
                let slot = self.room(facts.protocol.is_none())?;
                self.lines.insert(line, slot);
                if facts.protocol.is_none() {
                    self.silent.push_back((line, slot));
                }
                slot
            }
        };
        // The slot of a line that never spoke may become another one's.
        if facts.protocol.is_some() {
            memo.line = slot.saturating_add(1);
        }
        Some(slot)
    }

    /// A slot for one more row. Lines on which nobody spoke have half of the room.
    fn room(&mut self, silent: bool) -> Option<u32> {
        let full = self.rows.len() >= self.most;
        if full || (silent && self.silent.len() >= self.most / 2) {
            while let Some((line, slot)) = self.silent.pop_front() {
                let row = self.rows.get_mut(slot as usize)?;
                if !row.spoken {
                    *row = Row::default();
                    self.lines.remove(&line);
                    return Some(slot);
                }
            }
        }
        if full {
            self.overflow_count = self.overflow_count.saturating_add(1);
            return None;
        }
        let slot = u32::try_from(self.rows.len()).ok()?;
        self.rows.push(Row::default());
        Some(slot)
    }

    fn station(&mut self, line: u32, unit: u32, memo: &mut CallMemo) -> Option<u32> {
        let place = memo.stations.get_mut(unit as usize % STATIONS)?;
        if let (known, Some(slot)) = (place.0, place.1.checked_sub(1))
            && known == unit
        {
            return Some(slot);
        }
        let slot = match self.stations.get(&(line, unit)) {
            Some(slot) => *slot,
            None => {
                let slot = self.room(false)?;
                self.stations.insert((line, unit), slot);
                slot
            }
        };
        *place = (unit, slot.saturating_add(1));
        Some(slot)
    }

    /// A client calls.
    pub fn call(
        &mut self,
        facts: &Arc<FlowFacts>,
        memo: &mut CallMemo,
        call: Call,
        unit: Option<u32>,
        frame: FrameId,
        time_ns: i64,
    ) {
        let Some(line) = self.line(facts, memo) else { return };
        let mut told = false;
        if let Some(row) = self.rows.get_mut(line as usize) {
            if row.call(call, frame, time_ns) {
                self.news.push(row.record(facts, None, false));
            }
            told = row.told;
        }
        let Some(unit) = unit.filter(|_| call == Call::Request) else { return };
        let Some(station) = self.station(line, unit, memo) else { return };
        // Where nobody answers at all, that is told of the line alone.
        if let Some(row) = self.rows.get_mut(station as usize)
            && row.call(call, frame, time_ns)
            && !told
        {
            self.news.push(row.record(facts, Some(unit), false));
        }
    }

    /// A server answers.
    #[inline]
    pub fn answer(
        &mut self,
        facts: &Arc<FlowFacts>,
        memo: &mut CallMemo,
        unit: Option<u32>,
        time_ns: i64,
    ) {
        let Some(line) = self.line(facts, memo) else { return };
        self.answered(line, facts, None, time_ns);
        let Some(unit) = unit else { return };
        let Some(station) = self.station(line, unit, memo) else { return };
        self.answered(station, facts, Some(unit), time_ns);
    }

    #[inline]
    fn answered(&mut self, slot: u32, facts: &Arc<FlowFacts>, unit: Option<u32>, time_ns: i64) {
        let Some(row) = self.rows.get_mut(slot as usize) else { return };
        if row.told {
            row.time_ns = time_ns;
            self.news.push(row.record(facts, unit, true));
        }
        row.answer(time_ns);
    }

    /// Whether something is to be told.
    #[inline]
    pub const fn has_news(&self) -> bool {
        !self.news.is_empty()
    }

    /// What is to be told.
    pub fn take_news(&mut self) -> Vec<NoReply> {
        std::mem::take(&mut self.news)
    }

    /// A server accepts a connection, or refuses one.
    pub fn opened(&mut self, facts: &FlowFacts, refused: bool) {
        let Some(line) = self.line(facts, &mut CallMemo::default()) else { return };
        let Some(row) = self.rows.get_mut(line as usize) else { return };
        if refused {
            row.refused = row.refused.saturating_add(1);
        } else {
            row.opens = 0;
            row.refused = 0;
        }
    }

    /// The clock was set back by `step_ns` to `now_ns`.
    pub fn set_back(&mut self, now_ns: i64, step_ns: i64) {
        for row in &mut self.rows {
            if row.time_ns > now_ns {
                row.tell_ns = row.tell_ns.saturating_sub(step_ns);
            }
            row.since_ns = set_back(row.since_ns, now_ns, step_ns);
            row.time_ns = set_back(row.time_ns, now_ns, step_ns);
            row.last_answer_ns = row.last_answer_ns.map(|own| set_back(own, now_ns, step_ns));
        }
    }

    /// Calls in a row to a server that nobody answered.
    #[must_use]
    pub fn unanswered(&self, facts: &FlowFacts) -> u64 {
        let slot = self.lines.get(&Line::of(facts));
        slot.and_then(|slot| self.rows.get(*slot as usize)).map_or(0, Row::calls)
    }
}
