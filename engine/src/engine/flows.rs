//! The flow of a packet: found, opened, given to its stages, ended.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use dissectors::anomaly::Anomaly;
use dissectors::dissector::{Direction, Transport};

use super::{Arrival, Engine};
use crate::counters::Counters;
use crate::dissect::{View, Work};
use crate::flow::{Flow, FlowKey, Parts, Room};
use crate::identify::{Application, client_by_port};
use crate::interface::ALONE;
use crate::observation::FlowFacts;
use crate::observer::FlowMemo;
use crate::packet::{Ip, Link};
use crate::reassembly::{Reassembly, Step};

impl Engine {
    /// The flow of a packet, opened where it is new, with the packet counted.
    #[inline]
    pub(super) fn flow(
        &mut self,
        key: FlowKey,
        direction: Direction,
        link: &Link,
        ip: Option<&Ip>,
        arrival: Arrival<'_>,
    ) -> Option<u32> {
        let slot = match self.flows.find(&key) {
            Some(slot) => slot,
            None => self.open_flow(key, direction, arrival)?,
        };
        if self.waiting.sessions >= self.limits.sessions {
            self.end_a_session(slot);
        }
        let flow = self.flows.get_mut(slot)?;
        let last_ns = flow.last_ns.get_mut(direction);
        *last_ns = (*last_ns).max(arrival.time_ns);
        let traffic = flow.traffic.get_mut(direction);
        let first = traffic.packets == 0;
        traffic.packets = traffic.packets.saturating_add(1);
        traffic.bytes = traffic.bytes.saturating_add(arrival.wire_len.into());
        if self.watches && ip.is_some() && matches!(key.transport(), Transport::Tcp) {
            let alone =
                traffic.packets > ALONE && flow.traffic.get(direction.reverse()).packets == 0;
            self.interfaces.tcp(alone);
        }
        if arrival.conflict
            && let Some(session) = flow.application.session_mut()
        {
            session.note(Anomaly::OverlapConflict);
        }
        let mac = flow.identity.macs.get_mut(direction);
        if first || *mac != link.source {
            *mac = link.source;
            // The other end's, until it is heard itself: a mirror may never show it.
            let other = flow.identity.macs.get_mut(direction.reverse());
            if other.is_none() {
                *other = link.destination.filter(|[first, ..]| first & 1 == 0);
            }
            self.observer.address(link, ip, false, arrival.frame, arrival.time_ns);
        }
        if self.spoof.is_some()
            && let Some(ip) = ip
        {
            self.note_header(slot, direction, ip, arrival);
        }
        Some(slot)
    }

    #[cold]
    fn open_flow(
        &mut self,
        key: FlowKey,
        direction: Direction,
        arrival: Arrival<'_>,
    ) -> Option<u32> {
        match self.flows.room(&key, direction) {
            Room::Free => {}
            Room::After(slot) => {
                self.counters.flows_evicted = self.counters.flows_evicted.saturating_add(1);
                self.end_flow(slot);
            }
            Room::Refused => {
                self.counters.flows_refused = self.counters.flows_refused.saturating_add(1);
                return None;
            }
        }
        self.counters.flows = self.counters.flows.saturating_add(1);
        let (interface, frame) = (self.interfaces.current(), arrival.frame);
        let slot = self.flows.open(key, direction, (interface, frame), arrival.time_ns);
        self.counters.flows_active = self.flows.live();
        slot
    }

    /// Makes room for one more session, not at the cost of the flow in `keep`.
    #[cold]
    fn end_a_session(&mut self, keep: u32) {
        let Some(slot) = self.flows.session_victim().filter(|slot| *slot != keep) else { return };
        self.counters.sessions_evicted = self.counters.sessions_evicted.saturating_add(1);
        let mut ended = None;
        self.with_application(slot, |application, view, work| {
            ended = application.end_session(view, work);
        });
        drop(ended);
    }

    /// Ends a flow and forgets it.
    pub(super) fn end_flow(&mut self, slot: u32) {
        if self.flows.get_mut(slot).is_none() {
            return;
        }
        let now_ns = self.now_ns.unwrap_or_default();
        self.in_flow(slot, |parts, reassembly, counters, deliver| {
            reassembly.finish(
                &mut parts.stream,
                now_ns,
                counters,
                &mut |direction, step, counters| {
                    deliver(parts.application, direction, step, &parts.view, counters);
                },
            );
        });
        let mut ended = None;
        self.with_application(slot, |application, view, work| {
            application.decide_last(view, work);
            let client = client_of(application, view);
            let session = application.end_session(view, work);
            let (facts, memo) = session.map_or_else(
                || (Arc::new(unidentified(view, client)), FlowMemo::default()),
                |session| (session.facts, session.memo),
            );
            ended = Some((facts, memo, client));
        });
        let Some(flow) = self.flows.get_mut(slot) else { return };
        if matches!(flow.identity.key.transport(), dissectors::dissector::Transport::Tcp)
            && flow.one_sided()
        {
            self.counters.one_sided_flows = self.counters.one_sided_flows.saturating_add(1);
        }
        if let Some((facts, memo, client)) = ended {
            let totals = flow.totals(client, now_ns);
            let since = match &mut self.deltas {
                Some(deltas) => deltas.end(slot, totals),
                None => Some(totals),
            };
            self.observer.flow_ended(&facts);
            if let Some(since) = since {
                self.observer.flow_counted(&facts, memo, since);
            }
        }
        self.reassembly.forget(self.flows.remove(slot));
        self.counters.flows_active = self.flows.live();
    }

    /// Runs `stage` on a flow whose reassembly may hand bytes on.
    #[inline]
    pub(super) fn in_flow(
        &mut self,
        slot: u32,
        stage: impl FnOnce(
            &mut Parts<'_>,
            &mut Reassembly,
            &mut Counters,
            &mut dyn FnMut(&mut Application, Direction, Step<'_>, &View<'_>, &mut Counters),
        ),
    ) {
        let Some(flow) = self.flows.get_mut(slot) else { return };
        let now_ns = self.now_ns.unwrap_or_default();
        let waited = if self.pdu_log {
            flow.waiting.as_ref().and_then(|waiting| waiting.oldest())
        } else {
            None
        };
        let Self {
            limits,
            pdu_log,
            reassembly,
            sinks,
            waiting,
            servers,
            history,
            observer,
            counters,
            ..
        } = self;
        let mut deliver = |application: &mut Application,
                           direction: Direction,
                           step: Step<'_>,
                           view: &View<'_>,
                           counters: &mut Counters| {
            let mut work = Work {
                limits,
                pdu_log: *pdu_log,
                now_ns,
                counters,
                observer,
                sinks,
                waiting,
                servers,
                history,
            };
            guarded(application, &mut work, |application, work| {
                application.step(direction, step, view, work);
            });
        };
        let mut parts = flow.parts();
        stage(&mut parts, reassembly, counters, &mut deliver);
        if *pdu_log {
            let waits = flow.waiting.as_ref().and_then(|waiting| waiting.oldest());
            if waited != waits {
                waited.into_iter().for_each(|frame| waiting.end(frame));
                waits.into_iter().for_each(|frame| waiting.begin(frame));
            }
        }
    }

    /// Runs `stage` on the application stages of a flow.
    pub(super) fn with_application(
        &mut self,
        slot: u32,
        stage: impl FnOnce(&mut Application, &View<'_>, &mut Work<'_>),
    ) {
        let Some(flow) = self.flows.get_mut(slot) else { return };
        let Parts { view, application, .. } = flow.parts();
        let mut work = Work {
            limits: &self.limits,
            pdu_log: self.pdu_log,
            now_ns: self.now_ns.unwrap_or_default(),
            counters: &mut self.counters,
            observer: &mut self.observer,
            sinks: &mut self.sinks,
            waiting: &mut self.waiting,
            servers: &mut self.servers,
            history: &mut self.history,
        };
        guarded(application, &mut work, |application, work| stage(application, &view, work));
    }
}

/// Runs dissectors so that a fault in one costs no more than the state of its flow.
#[inline]
fn guarded(
    application: &mut Application,
    work: &mut Work<'_>,
    stage: impl FnOnce(&mut Application, &mut Work<'_>),
) {
    let run = AssertUnwindSafe(|| stage(application, work));
    if catch_unwind(run).is_err() {
        application.fault(work);
    }
}

/// The direction of the client's packets, as well as it is known.
fn client_of(application: &mut Application, view: &View<'_>) -> Direction {
    let client = application.session_mut().map(|session| session.client());
    client.or(view.syn).unwrap_or_else(|| client_by_port(view, None))
}

/// The client of a flow, its facts, and what the observer remembers of it.
pub(super) fn whose(flow: &mut Flow) -> (Direction, Arc<FlowFacts>, FlowMemo) {
    let Parts { view, application, .. } = flow.parts();
    let client = client_of(application, &view);
    match application.session_mut() {
        Some(session) => (client, Arc::clone(&session.facts), session.memo),
        None => (client, Arc::new(unidentified(&view, client)), FlowMemo::default()),
    }
}

/// The facts of a flow whose protocol was not found.
pub(super) fn unidentified(view: &View<'_>, client: Direction) -> FlowFacts {
    let identity = view.identity;
    let server = client.reverse();
    FlowFacts {
        id: identity.id,
        client: identity.key.sender(client, *identity.macs.get(client)),
        server: identity.key.sender(server, *identity.macs.get(server)),
        vlan: identity.key.vlan(),
        interface: identity.interface,
        transport: identity.key.transport(),
        protocol: None,
        identified_by: None,
        confidence: 0,
        frame: identity.frame,
    }
}
