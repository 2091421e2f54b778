//! Requests and their answers in one flow, as one message after the other is read.

use dissectors::anomaly::Anomaly;
use dissectors::dissector::{Direction, Frames, OpenRequest};
use dissectors::operation::Class;
use dissectors::pdu::{Pdu, Role, Status};
use dissectors::registry::ProtocolId;

use super::{Carrier, Session, View, Work, count_anomalies};
use crate::calls::Call;
use crate::counters::Counters;
use crate::observer::{Answer, Pair};
use crate::pairing::asks_the_same;

impl Session {
    /// Hands one PDU on: to the log, and to its request or answer.
    #[inline]
    pub(super) fn emit(
        &mut self,
        pdu: &mut Box<Pdu>,
        origin: &Carrier<'_>,
        view: &View<'_>,
        work: &mut Work<'_>,
    ) {
        Counters::count(&mut work.counters.pdus, pdu.protocol);
        pdu.anomalies.add_all(std::mem::take(&mut self.pending));
        match pdu.role {
            Role::Request => self.request(pdu, origin, view, work),
            Role::Response => self.response(pdu, origin, view, work),
            Role::Event | Role::Unknown => self.alone(pdu, origin, work),
        }
    }

    #[inline]
    fn request(
        &mut self,
        pdu: &mut Box<Pdu>,
        origin: &Carrier<'_>,
        view: &View<'_>,
        work: &mut Work<'_>,
    ) {
        let waits = pdu.pairing_key.is_some();
        if waits && let Some(key) = pdu.pairing_key {
            let varies = self.keys.note(key);
            if !self.ring.open().is_empty() {
                if !varies {
                    self.supersede(pdu.protocol, key, origin, view, work);
                }
                self.check_open(pdu, key, varies, origin.direction, view, work);
            }
        }
        count_anomalies(work.counters, pdu.anomalies);
        if work.pdu_log {
            with_answer(pdu, origin, |answer| work.observer.pdu(&self.facts, answer, None));
        }
        if waits && !pdu.unconfirmed {
            let Self { facts, memo, .. } = self;
            let call = Call::Request;
            work.observer.call(facts, memo, call, pdu.unit, origin.last, origin.time_ns);
        }
        self.ring.push(pdu, origin.direction, origin.last, origin.earlier, origin.time_ns);
        if !waits && let Some((last, before)) = self.ring.open().split_last() {
            let pair = Pair { request: Some(last), answer: None };
            let index = before.len();
            work.observer.pair(&self.facts, &mut self.memo, pair, work.counters);
            self.ring.remove(index);
        }
    }

    /// A client that gives every request the same key asks again only when it has
    /// its answer, or has given it up. What is still open then was answered where
    /// the sensor did not see it, or before the sensor saw the request itself; it
    /// would draw each later answer to the request before. Requests of one segment
    /// were sent together.
    fn supersede(
        &mut self,
        protocol: ProtocolId,
        key: u64,
        origin: &Carrier<'_>,
        view: &View<'_>,
        work: &mut Work<'_>,
    ) {
        while let Some(index) = self.ring.find(protocol, key, origin.direction)
            && self.ring.open().get(index).is_some_and(|open| open.frames.last != origin.last)
        {
            self.give_up(index, !self.answered_early, view, work);
        }
    }

    /// Holds a request against those that are open.
    fn check_open(
        &mut self,
        pdu: &mut Pdu,
        key: u64,
        varies: bool,
        direction: Direction,
        view: &View<'_>,
        work: &mut Work<'_>,
    ) {
        if varies
            && view.complete
            && self.unsettled == 0
            && let Some(at) = self.ring.find(pdu.protocol, key, direction)
            && self.ring.open().get(at).is_some_and(|open| !asks_the_same(&open.pdu, pdu))
        {
            pdu.anomalies.add(Anomaly::DuplicateTransaction);
        }
        let limit = pdu.protocol.registration().open_requests.max(1);
        if view.complete && self.ring.open().len() >= limit {
            pdu.anomalies.add(Anomaly::RequestFlood);
        }
        while self.ring.open().len() >= limit {
            work.counters.open_requests_dropped =
                work.counters.open_requests_dropped.saturating_add(1);
            self.give_up(0, false, view, work);
        }
    }

    #[inline]
    fn response(
        &mut self,
        pdu: &mut Pdu,
        origin: &Carrier<'_>,
        view: &View<'_>,
        work: &mut Work<'_>,
    ) {
        let asked = origin.direction.reverse();
        let found = pdu.pairing_key.and_then(|key| self.ring.find(pdu.protocol, key, asked));
        let Some(index) = found else {
            return self.unsolicited(pdu, origin, view, work);
        };
        self.answered_early = false;
        if let Some(open) = self.ring.open().get(index) {
            inherit(pdu, open);
            // A gateway that says so answers itself; the station behind it does not.
            let unit = pdu.unit.filter(|_| !is_absent(pdu.status));
            work.observer.answer(&self.facts, &mut self.memo, unit, origin.time_ns);
            count_anomalies(work.counters, pdu.anomalies);
            let facts = &self.facts;
            let memo = &mut self.memo;
            with_answer(pdu, origin, |answer| {
                if work.pdu_log {
                    work.observer.pdu(facts, answer, Some(open));
                }
                let pair = Pair { request: Some(open), answer: Some(answer) };
                work.observer.pair(facts, memo, pair, work.counters);
            });
        }
        self.ring.remove(index);
        work.counters.transactions = work.counters.transactions.saturating_add(1);
        self.unsettled = self.unsettled.saturating_sub(1);
        if !self.paired {
            self.paired = true;
            self.confirm();
        }
    }

    /// An answer to nothing that was seen.
    fn unsolicited(
        &mut self,
        pdu: &mut Pdu,
        origin: &Carrier<'_>,
        view: &View<'_>,
        work: &mut Work<'_>,
    ) {
        self.answered_early = true;
        work.observer.answer(&self.facts, &mut self.memo, pdu.unit, origin.time_ns);
        let could_be_seen = pdu.pairing_key.is_some()
            && view.complete
            && self.unsettled == 0
            && (!view.midstream || self.paired);
        if self.given_up > 0 {
            self.given_up = self.given_up.saturating_sub(1);
        } else if could_be_seen {
            work.counters.unsolicited = work.counters.unsolicited.saturating_add(1);
            pdu.anomalies.add(Anomaly::ResponseWithoutRequest);
        }
        self.alone(pdu, origin, work);
    }

    fn alone(&mut self, pdu: &Pdu, origin: &Carrier<'_>, work: &mut Work<'_>) {
        count_anomalies(work.counters, pdu.anomalies);
        let facts = &self.facts;
        let memo = &mut self.memo;
        with_answer(pdu, origin, |answer| {
            if work.pdu_log {
                work.observer.pdu(facts, answer, None);
            }
            let pair = Pair { request: None, answer: Some(answer) };
            work.observer.pair(facts, memo, pair, work.counters);
        });
    }
}

/// Makes an answer of a PDU for as long as `use_it` runs.
#[inline]
fn with_answer(pdu: &Pdu, origin: &Carrier<'_>, use_it: impl FnOnce(Answer<'_>)) {
    let frames = Frames { last: origin.last, earlier: origin.earlier.to_vec() };
    use_it(Answer { pdu, frames: &frames, time_ns: origin.time_ns });
}

/// Whether a gateway says that the station behind it does not answer.
#[inline]
fn is_absent(status: Status) -> bool {
    status.is_failure()
        && matches!(
            status.as_str(),
            Some("gateway_path_unavailable" | "gateway_target_failed_to_respond")
        )
}

/// Gives an answer what its request says and it does not.
#[inline]
fn inherit(pdu: &mut Pdu, open: &OpenRequest) {
    let asked = open.pdu.class();
    if pdu.operation.class() != asked && pdu.operation.class() != Class::AuthFail {
        pdu.operation = pdu.operation.with_class(asked);
    }
    if pdu.unit.is_none() {
        pdu.unit = open.pdu.unit;
    }
    if pdu.target.is_none() {
        pdu.target.clone_from(&open.pdu.target);
    }
    if pdu.quantity.is_none() {
        pdu.quantity = open.pdu.quantity;
    }
    if pdu.phase.is_none() {
        pdu.phase = open.pdu.phase;
    }
}
