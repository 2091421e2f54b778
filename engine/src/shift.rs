//! Headers of a flow that are not like those before: another machine may have sent them.
//!
//! Of each direction the time to live and the run of IP identifications are
//! remembered. A sender that counts its packets does not leave its row for one
//! packet and come back; somebody who forges one cannot know where the row is.

use dissectors::dissector::{Direction, FrameId};

use crate::flow::Sides;
use crate::observation::ShiftKind;
use crate::packet::Ip;

/// Packets in a row with a time to live before another one is a shift.
const STEADY: u8 = 4;
/// Steps of an identification that are counting, and packets in a row that count.
const STEP: u16 = 64;
const RUN: u8 = 8;
/// Distance from its row at which an identification is another one's.
const FAR: u16 = 4096;
/// Shifts of a flow that are told one by one, before only every doubling is.
const FEW: u32 = 4;

/// Something that shifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shifted {
    /// What.
    pub kind: ShiftKind,
    /// The value before, and the one that is different.
    pub values: (u32, u32),
    /// The frame before, and the one that is different.
    pub frames: (FrameId, FrameId),
    /// How often that has happened in this direction of the flow.
    pub count: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Side {
    ttl: u8,
    same_ttl: u8,
    id: u16,
    run: u8,
    last: FrameId,
    /// An identification that left the row, until the next shows who was right.
    stray: Option<(u16, FrameId)>,
    ttl_shifts: u32,
    id_shifts: u32,
}

/// What is remembered of the flow in each slot.
#[derive(Debug, Default)]
pub struct Shifts {
    flows: Vec<(u64, Sides<Side>)>,
}

/// Whether what happened for the `count`th time is told.
#[must_use]
pub const fn is_told(count: u32) -> bool {
    count <= FEW || count.is_power_of_two()
}

impl Shifts {
    /// Notes a packet of flow number `flow`, which is in `slot`.
    pub fn note(
        &mut self,
        (slot, flow): (u32, u64),
        direction: Direction,
        ip: &Ip,
        frame: FrameId,
    ) -> [Option<Shifted>; 2] {
        let slot = slot as usize;
        if slot >= self.flows.len() {
            self.flows.resize(slot.saturating_add(1), (0, Sides::default()));
        }
        let Some((known, sides)) = self.flows.get_mut(slot) else { return [None, None] };
        if *known != flow {
            (*known, *sides) = (flow, Sides::default());
        }
        let side = sides.get_mut(direction);
        let ttl = side.ttl(ip.ttl, frame);
        let id = ip.id.and_then(|id| u16::try_from(id).ok()).and_then(|id| side.id(id, frame));
        side.last = frame;
        [ttl, id]
    }
}

impl Side {
    fn ttl(&mut self, ttl: u8, frame: FrameId) -> Option<Shifted> {
        if self.ttl == ttl {
            self.same_ttl = self.same_ttl.saturating_add(1);
            return None;
        }
        let before = std::mem::replace(&mut self.ttl, ttl);
        let steady = std::mem::replace(&mut self.same_ttl, 1) >= STEADY;
        if !steady {
            return None;
        }
        self.ttl_shifts = self.ttl_shifts.saturating_add(1);
        is_told(self.ttl_shifts).then_some(Shifted {
            kind: ShiftKind::Ttl,
            values: (before.into(), ttl.into()),
            frames: (self.last, frame),
            count: self.ttl_shifts,
        })
    }

    fn id(&mut self, id: u16, frame: FrameId) -> Option<Shifted> {
        // A sender that does not count says nothing.
        if id == 0 {
            self.run = 0;
            return None;
        }
        let ahead = id.wrapping_sub(self.id);
        if ahead <= STEP && ahead > 0 {
            self.id = id;
            self.run = self.run.saturating_add(1);
            let (stray, before) = self.stray.take()?;
            // It went on as if the stray one had not been.
            self.id_shifts = self.id_shifts.saturating_add(1);
            return is_told(self.id_shifts).then_some(Shifted {
                kind: ShiftKind::IpId,
                values: (self.id.wrapping_sub(ahead).into(), stray.into()),
                frames: (self.last, before),
                count: self.id_shifts,
            });
        }
        let far = ahead.min(self.id.wrapping_sub(id)) >= FAR;
        if self.run >= RUN && far && self.stray.is_none() {
            self.stray = Some((id, frame));
        } else if ahead != 0 {
            (self.id, self.run, self.stray) = (id, 0, None);
        }
        None
    }
}
