//! What is told where somebody asks for it: calls and their answers, rhythms, losses,
//! forged packets, the health of interfaces.

use std::sync::Arc;

use dissectors::dissector::FrameId;

use super::{FlowMemo, Observer};
use crate::calls::{Call, CallMemo};
use crate::conversation::Host;
use crate::observation::{
    Arp, FlowFacts, HeaderShift, Health, NoReply, Observation, Rhythm, ShiftKind,
};
use crate::shift::{Shifted, is_told};
use crate::timestamp::Clock;

impl Observer {
    /// A client calls: a request was read, or sent again.
    #[inline]
    pub fn call(
        &mut self,
        facts: &Arc<FlowFacts>,
        memo: &mut FlowMemo,
        call: Call,
        unit: Option<u32>,
        frame: FrameId,
        time_ns: i64,
    ) {
        if self.calls.is_some() {
            self.note_call(facts, memo, call, unit, frame, time_ns);
        }
    }

    #[inline(never)]
    fn note_call(
        &mut self,
        facts: &Arc<FlowFacts>,
        memo: &mut FlowMemo,
        call: Call,
        unit: Option<u32>,
        frame: FrameId,
        time_ns: i64,
    ) {
        if let Some(calls) = &mut self.calls {
            calls.call(facts, &mut memo.calls, call, unit, frame, time_ns);
        }
    }

    /// A server answers.
    #[inline]
    pub fn answer(
        &mut self,
        facts: &Arc<FlowFacts>,
        memo: &mut FlowMemo,
        unit: Option<u32>,
        time_ns: i64,
    ) {
        if self.calls.is_some() {
            self.note_answer(facts, memo, unit, time_ns);
        }
    }

    #[inline(never)]
    fn note_answer(
        &mut self,
        facts: &Arc<FlowFacts>,
        memo: &mut FlowMemo,
        unit: Option<u32>,
        time_ns: i64,
    ) {
        if let Some(calls) = &mut self.calls {
            calls.answer(facts, &mut memo.calls, unit, time_ns);
        }
    }

    /// Whether there is something to say of calls that stay unanswered.
    #[inline]
    #[must_use]
    pub fn has_call_news(&self) -> bool {
        self.calls.as_ref().is_some_and(|calls| calls.has_news())
    }

    /// What there is to say of calls since the last time, to be completed and emitted.
    pub fn take_call_news(&mut self) -> Vec<NoReply> {
        self.calls.as_mut().map(|calls| calls.take_news()).unwrap_or_default()
    }

    /// Emits that calls stay unanswered; `last_seen_ns` tells when a host last sent
    /// a frame.
    pub fn no_reply(&mut self, mut told: NoReply, last_seen_ns: impl Fn(Host) -> Option<i64>) {
        told.server_last_seen_ns = last_seen_ns(Host::from(&told.flow.server));
        self.emit(Observation::NoReply(Box::new(told)));
    }

    /// A client tries to open a connection.
    #[cold]
    pub fn opens(&mut self, facts: FlowFacts, frame: FrameId, time_ns: i64) {
        if let Some(calls) = &mut self.calls {
            let memo = &mut CallMemo::default();
            calls.call(&Arc::new(facts), memo, Call::Open, None, frame, time_ns);
        }
    }

    /// A server accepts a connection, or refuses it.
    #[cold]
    pub fn opened(&mut self, facts: &FlowFacts, refused: bool) {
        if let Some(calls) = &mut self.calls {
            calls.opened(facts, refused);
        }
    }

    /// What a sender of ARP did.
    pub fn arp(&mut self, arp: Arp) {
        self.emit(Observation::Arp(Box::new(arp)));
    }

    /// Something in a flow that another machine may have sent.
    pub fn shifted(
        &mut self,
        flow: Arc<FlowFacts>,
        from_client: bool,
        shifted: Shifted,
        time_ns: i64,
    ) {
        let Shifted { kind, values, frames, count } = shifted;
        let values = (kind != ShiftKind::Overlap).then_some(values);
        self.emit(Observation::HeaderShift(Box::new(HeaderShift {
            sequence: 0,
            kind,
            flow,
            from_client,
            time_ns,
            values,
            frames,
            count,
        })));
    }

    /// Bytes of a flow were sent twice and differ.
    #[cold]
    pub fn conflict(
        &mut self,
        facts: &Arc<FlowFacts>,
        from_client: bool,
        frames: (FrameId, FrameId),
        count: u32,
        time_ns: i64,
    ) {
        if self.spoof && is_told(count) {
            let kind = ShiftKind::Overlap;
            let shifted = Shifted { kind, values: (0, 0), frames, count };
            self.shifted(Arc::clone(facts), from_client, shifted, time_ns);
        }
    }

    /// How well an interface was seen.
    #[cold]
    pub fn health(&mut self, health: Health) {
        self.emit(Observation::Health(Box::new(health)));
    }

    /// Lets time pass: what is overdue is noticed, and what was lost in a window
    /// that ended is told. A request that stays unanswered is noticed up to `lag_ns`
    /// late. `seen_since_ns` tells from when on an interface was seen without a break.
    pub fn tick(&mut self, now_ns: i64, lag_ns: i64, seen_since_ns: impl Fn(u32) -> i64) {
        if let Some(losses) = &mut self.losses {
            for loss in losses.tick(now_ns) {
                self.emit(Observation::Loss(Box::new(loss)));
            }
        }
        let calls = self.calls.as_ref();
        let waits = |flow: &FlowFacts| calls.is_some_and(|calls| calls.unanswered(flow) > 0);
        let lag_ns = |flow: &FlowFacts| if waits(flow) { lag_ns } else { 0 };
        self.behaviours.tick(now_ns, lag_ns, seen_since_ns);
    }

    /// The clock was set back by `step_ns` to `now_ns`.
    pub fn set_back(&mut self, now_ns: i64, step_ns: i64) {
        self.clock = Clock::at(now_ns);
        for loss in self.losses.as_mut().map(|losses| losses.take()).unwrap_or_default() {
            self.emit(Observation::Loss(Box::new(loss)));
        }
        if let Some(calls) = &mut self.calls {
            calls.set_back(now_ns, step_ns);
        }
    }

    /// Whether something happened to a rhythm.
    #[inline]
    #[must_use]
    pub fn has_rhythm_news(&self) -> bool {
        self.behaviours.has_rhythm_news()
    }

    /// What happened to rhythms since the last time, to be completed and emitted.
    pub fn take_rhythm_news(&mut self) -> Vec<Rhythm> {
        self.behaviours.take_rhythm_news()
    }

    /// Emits what an occurrence meant for its rhythm.
    #[cold]
    pub(super) fn emit_rhythms(&mut self) {
        for news in self.take_rhythm_news() {
            self.rhythm(news, |_| None);
        }
    }

    /// Emits what happened to a rhythm; `last_seen_ns` tells when a host last sent
    /// a frame.
    pub fn rhythm(&mut self, mut rhythm: Rhythm, last_seen_ns: impl Fn(Host) -> Option<i64>) {
        rhythm.client_last_seen_ns = last_seen_ns(Host::from(&rhythm.flow.client));
        rhythm.server_last_seen_ns = last_seen_ns(Host::from(&rhythm.flow.server));
        let calls = self.calls.as_ref();
        rhythm.unanswered_count = calls.map_or(0, |calls| calls.unanswered(&rhythm.flow));
        self.emit(Observation::Rhythm(Box::new(rhythm)));
    }

    /// When the hosts in `seen` last sent a frame that belonged to no flow, too.
    pub fn add_last_seen(&self, seen: &mut std::collections::HashMap<Host, i64>) {
        self.addresses.add_last_seen(seen);
    }
}
