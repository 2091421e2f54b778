//! All flows: where each is found, which is forgotten, and when each is looked at.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

use dissectors::dissector::{Direction, FrameId};

use super::key::{Address, FlowKey, source_of};
use super::{DIRECTIONS, Flow, Identity, IdleLimits, Sides};
use crate::conversation::Host;
use crate::identify::Application;
use crate::limits::Limits;
use crate::reassembly::Waiting;
use crate::slots;
use crate::timestamp::set_back;

/// A slot number that stands for none.
const NONE: u32 = u32::MAX;
/// Entries of the cache of recent flows.
const RECENT: usize = 8192;
/// Slots looked at to find the flow that is forgotten for a new one.
const CANDIDATES: usize = 16;
/// Slots of a turn over the table, at least.
const TURN: usize = 128;
/// Slots looked at to find another flow of the same source.
const SOURCE_CANDIDATES: usize = 64;

/// Flows of one source.
type SourceCounts = HashMap<Address, u32>;

/// All flows.
pub(crate) struct FlowTable {
    flows: Vec<Flow>,
    /// When the flow of each slot is to be looked at next, though nothing comes.
    due_ns: Vec<i64>,
    free: Vec<u32>,
    /// The flows in which something waits, where somebody asks.
    waiting: Option<Vec<u32>>,
    heads: Vec<u32>,
    recent: Box<[u32]>,
    hasher: RandomState,
    sources: SourceCounts,
    hand: u32,
    swept: u32,
    opened: u64,
    live: usize,
    limit: usize,
    source_limit: usize,
    idle: IdleLimits,
}

/// What stands in the way of one more flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// Nothing.
    Free,
    /// This flow has to go first.
    After(u32),
    /// Its source holds its share, and none of its flows was found.
    Refused,
}

impl FlowTable {
    pub fn new(limits: &Limits, lists_waiting: bool) -> Self {
        Self {
            flows: Vec::new(),
            due_ns: Vec::new(),
            free: Vec::new(),
            waiting: lists_waiting.then(Vec::new),
            heads: vec![NONE; 1024],
            recent: vec![NONE; RECENT].into_boxed_slice(),
            hasher: RandomState::new(),
            sources: SourceCounts::default(),
            hand: 0,
            swept: 0,
            opened: 0,
            live: 0,
            limit: limits.flows.clamp(1, (NONE as usize).saturating_sub(1)),
            source_limit: limits
                .flows
                .saturating_mul(limits.flows_per_source_percent)
                .checked_div(100)
                .unwrap_or_default()
                .max(1),
            idle: IdleLimits {
                tcp: limits.tcp_idle_ns,
                udp: limits.udp_idle_ns,
                closed: limits.closed_ns,
                opening: limits.opening_ns,
                armed: limits.answer_ns,
            },
        }
    }

    /// How many flows there are now.
    pub fn live(&self) -> u64 {
        u64::try_from(self.live).unwrap_or(u64::MAX)
    }

    /// The flow in a slot.
    #[inline]
    pub fn get_mut(&mut self, slot: u32) -> Option<&mut Flow> {
        self.flows.get_mut(slot as usize).filter(|flow| flow.live)
    }

    fn bucket(&self, key: &FlowKey) -> usize {
        #[expect(clippy::cast_possible_truncation, reason = "any bits of the hash will do")]
        let hash = self.hasher.hash_one(key) as usize;
        hash & self.heads.len().saturating_sub(1)
    }

    /// The slot of a flow.
    #[inline]
    pub fn find(&mut self, key: &FlowKey) -> Option<u32> {
        let mix = key.mix() % RECENT;
        let recent = self.recent.get(mix).copied().unwrap_or(NONE);
        if let Some(flow) = self.flows.get(recent as usize)
            && flow.live
            && flow.identity.key == *key
        {
            return Some(recent);
        }
        let mut slot = self.heads.get(self.bucket(key)).copied().unwrap_or(NONE);
        while let Some(flow) = self.flows.get(slot as usize) {
            if flow.identity.key == *key {
                if let Some(recent) = self.recent.get_mut(mix) {
                    *recent = slot;
                }
                return Some(slot);
            }
            slot = flow.chain;
        }
        None
    }

    /// Whether a flow that a packet of `direction` opens has room.
    pub fn room(&mut self, key: &FlowKey, direction: Direction) -> Room {
        let source = source_of(key, direction);
        let held = self.sources.get(&source).copied().unwrap_or_default() as usize;
        if held >= self.source_limit {
            return self.victim(SOURCE_CANDIDATES, Some(source)).map_or(Room::Refused, Room::After);
        }
        if self.live < self.limit {
            return Room::Free;
        }
        self.victim(CANDIDATES, None).map_or(Room::Refused, Room::After)
    }

    /// Of the next flows at the hand, the one that is missed least: closed
    /// before open, unknown before identified, and the longest silent.
    fn victim(&mut self, candidates: usize, source: Option<Address>) -> Option<u32> {
        let mut found: Option<((bool, bool, i64), u32)> = None;
        for _ in 0..candidates.min(self.flows.len()) {
            let slot = self.hand;
            self.hand = self.hand.wrapping_add(1);
            if self.hand as usize >= self.flows.len() {
                self.hand = 0;
            }
            let Some(flow) = self.get_mut(slot) else { continue };
            if source.is_some_and(|source| source != source_of(&flow.identity.key, flow.opened_by))
            {
                continue;
            }
            let rank = (!flow.closed(), flow.application.is_identified(), flow.latest_ns());
            if found.is_none_or(|(best, _)| rank < best) {
                found = Some((rank, slot));
            }
        }
        found.map(|(_, slot)| slot)
    }

    /// Of the next flows at the hand, the identified one that is missed least.
    pub fn session_victim(&mut self) -> Option<u32> {
        let mut found: Option<((bool, i64), u32)> = None;
        let mut seen = 0usize;
        for _ in 0..self.flows.len() {
            let slot = self.hand;
            self.hand = self.hand.wrapping_add(1);
            if self.hand as usize >= self.flows.len() {
                self.hand = 0;
            }
            let Some(flow) = self.get_mut(slot) else { continue };
            if !flow.application.is_identified() {
                continue;
            }
            let rank = (!flow.closed(), flow.latest_ns());
            if found.is_none_or(|(best, _)| rank < best) {
                found = Some((rank, slot));
            }
            seen = seen.saturating_add(1);
            if seen >= CANDIDATES {
                break;
            }
        }
        found.map(|(_, slot)| slot)
    }

    /// Opens a flow. There must be room.
    pub fn open(
        &mut self,
        key: FlowKey,
        direction: Direction,
        (interface, frame): (u32, FrameId),
        time_ns: i64,
    ) -> Option<u32> {
        self.opened = self.opened.saturating_add(1);
        let flow = Flow {
            identity: Identity { key, id: self.opened, interface, frame, macs: Sides::default() },
            last_ns: Sides { a_to_b: time_ns, b_to_a: time_ns },
            traffic: Sides::default(),
            halves: Sides::default(),
            waiting: None,
            application: Application::default(),
            first_ns: time_ns,
            syn: None,
            chain: NONE,
            opened_by: direction,
            live: true,
            armed: false,
        };
        let due_ns = time_ns.saturating_add(flow.idle_limit(&self.idle));
        let slot = slots::put(&mut self.flows, &mut self.free, flow)?;
        self.due_ns.resize(self.flows.len(), 0);
        *self.due_ns.get_mut(slot as usize)? = due_ns;
        self.live = self.live.saturating_add(1);
        let count = self.sources.entry(source_of(&key, direction)).or_default();
        *count = count.saturating_add(1);
        if self.live > self.heads.len() {
            self.rehash();
        } else {
            self.link(slot);
        }
        Some(slot)
    }

    fn link(&mut self, slot: u32) {
        let Some(flow) = self.flows.get(slot as usize) else { return };
        let bucket = self.bucket(&flow.identity.key);
        if let (Some(head), Some(flow)) =
            (self.heads.get_mut(bucket), self.flows.get_mut(slot as usize))
        {
            flow.chain = std::mem::replace(head, slot);
        }
    }

    fn rehash(&mut self) {
        self.heads = vec![NONE; self.heads.len().saturating_mul(2)];
        for slot in 0..u32::try_from(self.flows.len()).unwrap_or(NONE) {
            if self.get_mut(slot).is_some() {
                self.link(slot);
            }
        }
    }

    /// Forgets a flow and hands over the segments that still wait in it.
    pub fn remove(&mut self, slot: u32) -> Option<Box<Waiting>> {
        let flow = self.get_mut(slot)?;
        flow.live = false;
        let (key, chain) = (flow.identity.key, flow.chain);
        let opened_by = flow.opened_by;
        flow.application = Application::default();
        let waiting = flow.waiting.take();
        // Unlinks it from its bucket.
        let bucket = self.bucket(&key);
        let head = self.heads.get(bucket).copied().unwrap_or(NONE);
        if head == slot {
            if let Some(head) = self.heads.get_mut(bucket) {
                *head = chain;
            }
        } else {
            let mut before = head;
            while let Some(flow) = self.flows.get_mut(before as usize) {
                if flow.chain == slot {
                    flow.chain = chain;
                    break;
                }
                before = flow.chain;
            }
        }
        let source = source_of(&key, opened_by);
        if let Some(count) = self.sources.get_mut(&source) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.sources.remove(&source);
            }
        }
        self.live = self.live.saturating_sub(1);
        self.free.push(slot);
        waiting
    }

    /// Sees to it that a flow is looked at soon if something in it waits.
    #[inline]
    pub fn arm(&mut self, slot: u32, now_ns: i64) {
        if let Some(flow) = self.flows.get_mut(slot as usize)
            && !flow.armed
            && flow.is_waiting()
            && let Some(due_ns) = self.due_ns.get_mut(slot as usize)
        {
            flow.armed = true;
            *due_ns = now_ns.saturating_add(self.idle.armed);
            if let Some(waiting) = &mut self.waiting {
                waiting.push(slot);
            }
        }
    }

    /// The next flow in this turn over the table whose time has come. A turn ends
    /// after a share of the slots; `None` then.
    pub fn next_due(&mut self, turn: &mut Turn, now_ns: i64) -> Option<u32> {
        while turn.left > 0 {
            turn.left = turn.left.saturating_sub(1);
            let slot = self.swept;
            self.swept = slot.wrapping_add(1);
            if self.swept as usize >= self.due_ns.len() {
                self.swept = 0;
            }
            if self.due_ns.get(slot as usize).is_some_and(|due_ns| *due_ns <= now_ns) {
                return Some(slot);
            }
        }
        None
    }

    /// Begins a turn over a share of the table.
    pub fn turn(&self) -> Turn {
        let share = self.due_ns.len().div_ceil(32).max(TURN);
        Turn { left: share.min(self.due_ns.len()) }
    }

    /// Whether a flow that was looked at has been silent for so long that it is
    /// forgotten; if not, sets when it is looked at next.
    pub fn settle(&mut self, slot: u32, now_ns: i64) -> Settled {
        let idle = self.idle;
        let Some(flow) = self.flows.get_mut(slot as usize).filter(|flow| flow.live) else {
            if let Some(due_ns) = self.due_ns.get_mut(slot as usize) {
                *due_ns = i64::MAX;
            }
            return Settled::Stays;
        };
        let end_ns = flow.latest_ns().saturating_add(flow.idle_limit(&idle));
        if end_ns < now_ns {
            return Settled::Ends;
        }
        flow.armed = flow.is_waiting();
        if let Some(due_ns) = self.due_ns.get_mut(slot as usize) {
            *due_ns = if flow.armed { now_ns.saturating_add(idle.armed) } else { end_ns };
        }
        Settled::Stays
    }

    /// The clock was set back by `step_ns` to `now_ns`: flows go by the new time. Each is to
    /// be looked at.
    pub fn set_back(&mut self, now_ns: i64, step_ns: i64) {
        for flow in self.flows.iter_mut().filter(|flow| flow.live) {
            let Sides { a_to_b, b_to_a } = &mut flow.last_ns;
            for time_ns in [a_to_b, b_to_a, &mut flow.first_ns] {
                *time_ns = set_back(*time_ns, now_ns, step_ns);
            }
        }
    }

    /// Takes the flows in which something waits, or did lately; none where nobody asked.
    pub fn take_waiting(&mut self) -> Vec<u32> {
        self.waiting.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Keeps of such flows those in which something may still wait.
    pub fn still_waiting(&mut self, mut taken: Vec<u32>) {
        let flows = &self.flows;
        let waits = |slot: u32| flows.get(slot as usize).is_some_and(|own| own.live && own.armed);
        if let Some(waiting) = &mut self.waiting {
            taken.append(waiting);
            taken.retain(|slot| waits(*slot));
            taken.sort_unstable();
            taken.dedup();
            *waiting = taken;
        }
    }

    /// How long it may take until a flow that is due is looked at, where a turn
    /// begins every `tick_ns`.
    pub fn lag_ns(&self, tick_ns: i64) -> i64 {
        let share = self.turn().left.max(1);
        let turns = self.due_ns.len().div_ceil(share).saturating_add(1);
        tick_ns.saturating_mul(i64::try_from(turns).unwrap_or(i64::MAX))
    }

    /// When the hosts in `seen` last sent a frame in a flow.
    pub fn add_last_seen(&self, seen: &mut HashMap<Host, i64>) {
        for flow in self.flows.iter().filter(|flow| flow.live) {
            for direction in DIRECTIONS {
                let sent = flow.traffic.get(direction).packets > 0;
                let mac = *flow.identity.macs.get(direction);
                let host = Host::from(&flow.identity.key.sender(direction, mac));
                if let Some(last_ns) = seen.get_mut(&host).filter(|_| sent) {
                    *last_ns = (*last_ns).max(*flow.last_ns.get(direction));
                }
            }
        }
    }

    /// Every slot, in order.
    pub fn slots(&self) -> std::ops::Range<u32> {
        0..u32::try_from(self.flows.len()).unwrap_or(NONE)
    }
}

/// A turn over a share of the table.
pub(crate) struct Turn {
    left: usize,
}

/// What becomes of a flow that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// It stays.
    Stays,
    /// It has been silent for too long.
    Ends,
}
