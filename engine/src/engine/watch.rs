//! What is told while flows go on, where somebody asks: rhythms, the health of
//! interfaces, forged packets, counts.

use std::collections::HashMap;

use dissectors::dissector::Direction;

use super::flows::{unidentified, whose};
use super::{Arrival, Engine, TICK_NS};
use crate::conversation::Host;
use crate::observer::FlowTotals;
use crate::packet::{Ip, Tcp};

impl Engine {
    /// Says what happened to interfaces and rhythms up to now.
    #[cold]
    pub(super) fn watch(&mut self, now_ns: i64) {
        self.interfaces.tick(now_ns, &self.counters);
        if self.interfaces.has_news() {
            self.tell_health();
        }
        let interfaces = &self.interfaces;
        let lag_ns = self.limits.answer_ns.saturating_add(self.flows.lag_ns(TICK_NS));
        self.observer.tick(now_ns, lag_ns, |interface| interfaces.seen_since_ns(interface));
        if self.observer.has_rhythm_news() || self.observer.has_call_news() {
            let news = self.observer.take_rhythm_news();
            let calls = self.observer.take_call_news();
            let mut seen = HashMap::new();
            for call in &calls {
                seen.insert(Host::from(&call.flow.server), i64::MIN);
            }
            for rhythm in &news {
                for end in [&rhythm.flow.client, &rhythm.flow.server] {
                    seen.insert(Host::from(end), i64::MIN);
                }
            }
            self.flows.add_last_seen(&mut seen);
            self.observer.add_last_seen(&mut seen);
            for rhythm in news {
                let last = |host: Host| seen.get(&host).copied().filter(|last| *last > i64::MIN);
                self.observer.rhythm(rhythm, last);
            }
            for call in calls {
                let last = |host: Host| seen.get(&host).copied().filter(|last| *last > i64::MIN);
                self.observer.no_reply(call, last);
            }
        }
    }

    /// Tells what there is to say of interfaces.
    #[cold]
    pub(super) fn tell_health(&mut self) {
        for health in self.interfaces.take_news() {
            self.observer.health(health);
        }
    }

    /// Tells of requests that matter, though their answers have not come yet.
    pub(super) fn tell_early(&mut self) {
        let until_ns = self.now_ns.unwrap_or(i64::MIN).saturating_sub(self.early_ns);
        let waiting = self.flows.take_waiting();
        for slot in &waiting {
            self.with_application(*slot, |application, _, work| {
                if let Some(session) = application.session_mut() {
                    session.tell_early(until_ns, work);
                }
            });
        }
        self.flows.still_waiting(waiting);
    }

    /// Tells the counts of everything that changed, of flows that go on, too.
    #[cold]
    pub(super) fn tell_deltas(&mut self) {
        for slot in self.flows.slots() {
            self.count_flow(slot);
        }
        self.observer.flush(&mut self.counters);
    }

    /// Counts what a flow that goes on carried since it was last counted.
    pub(super) fn count_flow(&mut self, slot: u32) {
        let (Some(flow), Some(deltas)) = (self.flows.get_mut(slot), &mut self.deltas) else {
            return;
        };
        // Whose flow it is decides where it is counted.
        if flow.application.is_undecided() {
            return;
        }
        let (client, facts, memo) = whose(flow);
        // Whether all was in vain, its end shows.
        let totals = FlowTotals { vain: false, ..flow.totals(client, i64::MIN) };
        if let Some(since) = deltas.since(slot, totals) {
            self.observer.flow_counted(&facts, memo, since);
        }
    }

    /// Says what senders of ARP did.
    #[cold]
    pub(super) fn tell_arps(&mut self) {
        let Some(spoof) = &mut self.spoof else { return };
        self.counters.arp_evicted = spoof.arps.evicted_count;
        for arp in spoof.arps.take_news() {
            self.observer.arp(arp);
        }
    }

    /// Holds the header of a packet against those before it in its flow.
    #[cold]
    pub(super) fn note_header(
        &mut self,
        slot: u32,
        direction: Direction,
        ip: &Ip,
        arrival: Arrival<'_>,
    ) {
        let (Some(spoof), Some(flow)) = (&mut self.spoof, self.flows.get_mut(slot)) else {
            return;
        };
        let place = (slot, flow.identity.id);
        let shifted = spoof.shifts.note(place, direction, ip, arrival.frame);
        for shifted in shifted.into_iter().flatten() {
            let (client, facts, _) = whose(flow);
            self.observer.shifted(facts, direction == client, shifted, arrival.time_ns);
        }
    }

    /// Counts an attempt to connect, and what becomes of it.
    #[cold]
    pub(super) fn handshake(
        &mut self,
        slot: u32,
        direction: Direction,
        tcp: &Tcp<'_>,
        arrival: Arrival<'_>,
    ) {
        let Some(flow) = self.flows.get_mut(slot) else { return };
        let silent = !flow.halves.a_to_b.talked && !flow.halves.b_to_a.talked;
        let accepted = *flow.halves.get(direction.reverse());
        let view = flow.parts().view;
        if tcp.is_reset() {
            // Refused, where nothing but the other side's SYN came before.
            let refused = silent && view.syn == Some(direction.reverse()) && !accepted.is_acking();
            if refused {
                self.observer.opened(&unidentified(&view, direction.reverse()), true);
            }
        } else if tcp.is_acknowledging() {
            self.observer.opened(&unidentified(&view, direction.reverse()), false);
        } else if silent && !accepted.syn {
            let facts = unidentified(&view, direction);
            self.observer.opens(facts, arrival.frame, arrival.time_ns);
        }
    }
}
