//! A request and its answer, looked at as one operation.

use std::sync::Arc;

use dissectors::anomaly::Anomalies;
use dissectors::dissector::{FrameId, Frames};
use dissectors::field::{FieldId, FieldSet};
use dissectors::operation::Class;
use dissectors::pdu::{Item, Pdu, Status};
use dissectors::target::Target;
use dissectors::value::Value;

use crate::observation::{FlowFacts, History, Transaction};
use crate::observer::Pair;

/// Most targets of a transaction.
const MAX_TARGETS: usize = 16;

/// What a request and its answer amount to.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// The request.
    pub request: Option<&'a Pdu>,
    /// The answer, or the message that stands alone.
    pub answer: Option<&'a Pdu>,
    /// The one that says what is done: the request where there is one.
    pub asking: &'a Pdu,
    /// The one whose values count: of a change the request, else the answer.
    pub carrying: &'a Pdu,
    /// Class of the operation: that of the request; a refused log-in is `auth_fail`.
    pub class: Class,
    /// How it went: of several parts the first failure.
    pub status: Status,
    /// Packet time of its first PDU.
    pub time_ns: i64,
    /// Time from request to answer.
    pub latency_ns: Option<i64>,
    /// Departures from the specification in either PDU.
    pub anomalies: Anomalies,
    /// The frame that completed its first PDU.
    pub frame: FrameId,
}

/// The class of an operation: a response has that of its request, and a refused
/// log-in is `auth_fail`.
#[must_use]
pub fn class(request: Option<&Pdu>, answer: Option<&Pdu>) -> Class {
    let own = request.or(answer).map_or(Class::Unknown, Pdu::class);
    let failed = answer.is_some_and(|answer| status(answer).is_failure());
    if own == Class::AuthLogin && failed { Class::AuthFail } else { own }
}

/// How a PDU went: its own status, or the first failure among its parts, where none was done.
#[must_use]
pub fn status(pdu: &Pdu) -> Status {
    if pdu.status.is_failure() {
        return pdu.status;
    }
    let mut parts = pdu.items.iter().map(|item| item.status);
    let Some(failure) = parts.clone().find(|status| status.is_failure()) else {
        return pdu.status;
    };
    if parts.any(|status| status == Status::Ok) {
        Status::Partly { code: failure.code().unwrap_or_default() }
    } else {
        failure
    }
}

impl<'a> Exchange<'a> {
    /// None where a pair has neither side.
    #[inline]
    #[must_use]
    pub fn new(pair: &Pair<'a>) -> Option<Self> {
        let request = pair.request.map(|open| &*open.pdu);
        let answer = pair.answer.map(|answer| answer.pdu);
        let asking = request.or(answer)?;
        let class = class(request, answer);
        let changes = class.is_change();
        let carrying = match (request, answer) {
            (Some(request), Some(answer)) => {
                let written = changes && !request.values.is_empty();
                if written || answer.values.is_empty() { request } else { answer }
            }
            _ => asking,
        };
        let time_ns = match (pair.request, pair.answer) {
            (Some(open), _) => open.time_ns,
            (None, Some(answer)) => answer.time_ns,
            (None, None) => return None,
        };
        let frames = pair.request.map(|open| &open.frames).or(pair.answer.map(|own| own.frames))?;
        let latency_ns = match (pair.request, pair.answer) {
            (Some(open), Some(answer)) => {
                Some(answer.time_ns.saturating_sub(open.time_ns)).filter(|time| *time >= 0)
            }
            _ => None,
        };
        let mut anomalies = asking.anomalies;
        anomalies.add_all(answer.map_or(Anomalies::NONE, |answer| answer.anomalies));
        Some(Self {
            request,
            answer,
            asking,
            carrying,
            class,
            status: answer.map_or(Status::None, status),
            time_ns,
            latency_ns,
            anomalies,
            frame: frames.last,
        })
    }

    /// Whether a request was answered.
    #[inline]
    #[must_use]
    pub const fn answered(&self) -> bool {
        self.request.is_some() && self.answer.is_some()
    }

    /// Whether a request waits for an answer that was not seen.
    #[inline]
    #[must_use]
    pub fn unanswered(&self) -> bool {
        self.answer.is_none() && self.request.is_some_and(|request| !request.unconfirmed)
    }

    /// Whether it leaves for what it is, however often it was seen: the observation of its
    /// behaviour is then no further news.
    #[must_use]
    pub fn speaks_for_itself(&self) -> bool {
        self.class.is_notable()
            || !self.anomalies.is_empty()
            || !matches!(self.status, Status::None | Status::Ok)
            || self.unanswered()
    }

    /// PDUs of it that were seen.
    #[inline]
    #[must_use]
    pub fn pdus(&self) -> u64 {
        u64::from(self.request.is_some()).saturating_add(self.answer.is_some().into())
    }

    /// The record that leaves.
    #[must_use]
    pub fn transaction(
        &self,
        facts: &Arc<FlowFacts>,
        frames: (Option<&Frames>, Option<&Frames>),
        behaviour: Option<u64>,
        (conversation, history): (Option<u32>, History),
        most_values: usize,
    ) -> Transaction {
        let other = self.answer.unwrap_or(self.asking);
        let values = &self.carrying.values;
        Transaction {
            sequence: 0,
            behaviour,
            conversation,
            flow: Arc::clone(facts),
            time_ns: self.time_ns,
            request_frames: frames.0.cloned(),
            response_frames: frames.1.cloned(),
            latency_ns: self.latency_ns,
            protocol: self.asking.protocol,
            role: self.asking.role,
            answered: self.answered(),
            awaits: false,
            first: false,
            code: self.asking.code,
            operation: self.asking.operation,
            class: self.class,
            unit: self.asking.unit.or(other.unit),
            targets: self.targets(),
            quantity: self
                .asking
                .quantity
                .or(other.quantity)
                .or_else(|| only_quantity(self.asking)),
            values: values.iter().take(most_values).cloned().collect(),
            value_count: values.len(),
            previous_values: Vec::new(),
            status: self.status,
            phase: self.asking.phase.or(other.phase),
            anomalies: self.anomalies,
            fields: self.fields(),
            history,
        }
    }

    /// What is addressed; of several parts, those of the highest class.
    fn targets(&self) -> Vec<String> {
        let named =
            |pdu: &Pdu| pdu.target.is_some() || pdu.items.iter().any(|i| i.target.is_some());
        let pdu = match self.answer {
            Some(answer) if !named(self.asking) => answer,
            _ => self.asking,
        };
        let own = pdu.target.as_ref();
        let items = parts_of_highest_class(pdu).filter_map(|item| item.target.as_ref());
        // A message of one part may be about the same as that.
        let others = items.filter(|&target| Some(target) != own);
        own.into_iter().chain(others).take(MAX_TARGETS).map(Target::text).collect()
    }

    /// The fields of both: of the answer where both have one, of the first part
    /// of the highest class where several have.
    fn fields(&self) -> Vec<(FieldId, Value)> {
        let answer = self.answer.filter(|answer| {
            self.request.is_none_or(|request| request.protocol == answer.protocol)
        });
        let count = |pdu: Option<&Pdu>| pdu.map_or(0, |pdu| pdu.fields.len());
        let most = count(self.request).saturating_add(count(answer));
        let mut fields: Vec<(FieldId, Value)> = Vec::with_capacity(most);
        for pdu in self.request.into_iter().chain(answer) {
            let shared = pdu.items.first().map_or(pdu.fields.len(), |item| item.fields.start);
            let of_all = pdu.fields.get(..shared).unwrap_or_default();
            let mut told = FieldSet::default();
            for field in of_all {
                told.add(field.0);
                set(&mut fields, field);
            }
            for item in parts_of_highest_class(pdu) {
                for field in pdu.fields.get(item.fields.clone()).unwrap_or_default() {
                    if told.add(field.0) {
                        set(&mut fields, field);
                    }
                }
            }
        }
        fields
    }

    /// The part of the answer that belongs to part `at` of the question.
    #[must_use]
    pub fn answer_to(&self, at: usize, item: &Item) -> Option<(&'a Pdu, &'a Item)> {
        let answer = self.answer.filter(|answer| !std::ptr::eq(*answer, self.asking))?;
        let fits = answer.items.len() == self.asking.items.len();
        let same = |own: &&Item| own.target.is_none() || own.target == item.target;
        answer.items.get(at).filter(|own| fits && same(own)).map(|own| (answer, own))
    }
}

/// The parts whose class is that of the PDU.
fn parts_of_highest_class(pdu: &Pdu) -> impl Iterator<Item = &Item> {
    let (own, highest) = (pdu.operation.class(), pdu.class());
    pdu.items.iter().filter(move |item| item.class.unwrap_or(own) == highest)
}

/// Sets a field, in the place of the one before it where there is one.
#[inline]
fn set(fields: &mut Vec<(FieldId, Value)>, field: &(FieldId, Value)) {
    match fields.iter_mut().find(|(id, _)| *id == field.0) {
        Some((_, place)) => place.clone_from(&field.1),
        None => fields.push(field.clone()),
    }
}

fn only_quantity(pdu: &Pdu) -> Option<u32> {
    match pdu.items.as_slice() {
        [item] => item.quantity,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use dissectors::operation::Operation;
    use dissectors::pdu::Role;
    use dissectors::registry::ProtocolId;

    use super::*;

    const REFUSED: Status = Status::failed(3, "object_access_denied");

    /// An answer with a status for each of its parts.
    fn answer(parts: &[Status]) -> Pdu {
        let write = Operation::new("write_var", Class::Write);
        let mut pdu = Pdu::new(ProtocolId::FIRST, Role::Response, 5, write);
        pdu.status(Status::Ok);
        for &part in parts {
            pdu.item(None).unwrap().status = part;
        }
        pdu
    }

    #[test]
    fn an_answer_that_refuses_every_part_is_a_refusal() {
        assert_eq!(REFUSED, status(&answer(&[REFUSED, REFUSED])));
    }

    #[test]
    fn an_answer_that_refuses_some_parts_is_none_but_refuses() {
        let mixed = status(&answer(&[Status::Ok, REFUSED]));

        assert_eq!(Status::Partly { code: 3 }, mixed);
        assert_eq!((false, true), (mixed.is_failure(), mixed.refuses()));
        assert_eq!(mixed, status(&answer(&[REFUSED, Status::Ok])));
    }

    #[test]
    fn an_answer_that_refuses_nothing_is_done() {
        assert_eq!(Status::Ok, status(&answer(&[Status::Ok, Status::Ok])));
    }
}
