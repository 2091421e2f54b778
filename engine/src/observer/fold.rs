//! An exchange on its way into the behaviours, part by part.

use std::sync::Arc;

use dissectors::operation::Class;
use dissectors::pdu::{Item, Pdu, Role, Status};
use dissectors::value::Value;

use super::{FlowMemo, Observer};
use crate::behaviour::{Key, Noted, Occurrence, TargetRef};
use crate::counters::Counters;
use crate::exchange::Exchange;
use crate::observation::{FlowFacts, Observation};

impl Observer {
    /// Counts an exchange in the behaviours of its parts.
    pub(super) fn fold(
        &mut self,
        facts: &Arc<FlowFacts>,
        memo: &mut FlowMemo,
        exchange: &Exchange<'_>,
        conversation: u32,
        source: u32,
        counters: &mut Counters,
    ) -> Folded {
        let mut fold =
            Fold { observer: self, facts, memo, exchange, conversation, source, counters };
        let asking = exchange.asking;
        let mut folded = Folded::default();
        if asking.items.is_empty() {
            let target =
                asking.target.as_ref().or(exchange.answer.and_then(|own| own.target.as_ref()));
            let values = &exchange.carrying.values;
            let part = Part { target, class: exchange.class, status: exchange.status, values };
            folded.add(fold.note(asking, asking.role, &part), true);
        }
        for (at, item) in asking.items.iter().enumerate() {
            let part = exchange.part(at, item);
            let noted = fold.note(asking, asking.role, &part);
            folded.add(noted, part.class == exchange.class);
        }
        let read = (!exchange.class.is_change()).then_some(exchange.answer).flatten();
        if let Some(answer) = read.filter(|answer| !std::ptr::eq(*answer, asking)) {
            for (at, item) in answer.items.iter().enumerate() {
                let by_place = answer.items.len() == asking.items.len()
                    && asking.items.get(at).is_some_and(|own| own.target == item.target);
                if item.target.is_none() || by_place || asking.target == item.target {
                    continue;
                }
                let part = exchange.answered_part(answer, item);
                let noted = if exchange.asks_for(&part) {
                    fold.note(asking, asking.role, &part)
                } else {
                    fold.note(answer, Role::Response, &part)
                };
                folded.changed |= noted.is_none_or(|noted| noted.changed);
            }
        }
        folded
    }

    /// Notes what the objects of a part hold now, and of a change what they held before.
    #[inline(never)]
    fn remember(&mut self, facts: &FlowFacts, pdu: &Pdu, part: &Part<'_>) {
        let (Some(objects), Some(target)) = (&mut self.objects, part.target) else { return };
        if part.values.is_empty() {
            return;
        }
        let of = (facts, pdu.protocol, pdu.unit);
        if part.class.is_change()
            && let Some(previous) = &mut self.previous
        {
            match objects.before(of, target, part.values.len()) {
                Some(before) => previous.extend(before),
                None => self.previous = None,
            }
        }
        if !part.status.is_failure() {
            objects.note(of, target, part.values);
        }
    }
}

/// What became of an exchange in the behaviours of its parts.
#[derive(Clone, Copy, Default)]
pub(super) struct Folded {
    /// Of all parts, with the slot of the first.
    pub(super) noted: Option<Noted>,
    /// The number of the first behaviour of the highest class.
    highest: Option<u64>,
    /// Whether a part carried other values than the last time, as far as is known.
    pub(super) changed: bool,
}

impl Folded {
    /// Adds a part, of which `highest` says whether its class is that of the exchange.
    fn add(&mut self, part: Option<Noted>, highest: bool) {
        self.changed |= part.is_none_or(|part| part.changed);
        let Some(part) = part else { return };
        if highest && self.highest.is_none() {
            self.highest = Some(part.number);
        }
        self.noted = Some(self.noted.map_or(part, |all| all.and(part)));
    }

    /// The number of the behaviour that stands for all.
    pub(super) fn behaviour(&self) -> Option<u64> {
        self.highest.or(self.noted.map(|noted| noted.number))
    }
}

/// A part of an exchange.
struct Part<'a> {
    target: Option<&'a dissectors::target::Target>,
    class: Class,
    status: Status,
    values: &'a [Value],
}

impl<'a> Exchange<'a> {
    /// Part `at` of the question, with what the answer says of it.
    fn part(&self, at: usize, item: &'a Item) -> Part<'a> {
        let answered = self.answer_to(at, item);
        let status = answered.map_or(item.status, |(_, own)| own.status);
        let values = match answered {
            Some((answer, own)) if !std::ptr::eq(self.carrying, self.asking) => {
                answer.values.get(own.values.clone())
            }
            _ => self.asking.values.get(item.values.clone()),
        };
        Part {
            target: item.target.as_ref(),
            class: item.class.unwrap_or(self.asking.operation.class()),
            status: if status == Status::None { self.status } else { status },
            values: values.unwrap_or_default(),
        }
    }

    /// Whether the question names what a part of the answer is about, as far as
    /// behaviours tell targets apart.
    fn asks_for(&self, part: &Part<'_>) -> bool {
        let wanted = TargetRef::of(part.target, part.class);
        let own = self.asking.operation.class();
        let items = self.asking.items.iter();
        let mut asked = items.map(|item| (item.target.as_ref(), item.class.unwrap_or(own)));
        let whole = (self.asking.target.as_ref(), self.class);
        asked.any(|(target, class)| class == part.class && TargetRef::of(target, class) == wanted)
            || TargetRef::of(whole.0, whole.1) == wanted
    }

    /// A part of the answer, by what it says itself.
    fn answered_part(&self, answer: &'a Pdu, item: &'a Item) -> Part<'a> {
        Part {
            target: item.target.as_ref(),
            class: item.class.unwrap_or(self.class),
            status: if item.status == Status::None { self.status } else { item.status },
            values: answer.values.get(item.values.clone()).unwrap_or_default(),
        }
    }
}

/// An exchange on its way into the behaviours.
struct Fold<'a> {
    observer: &'a mut Observer,
    facts: &'a Arc<FlowFacts>,
    memo: &'a mut FlowMemo,
    exchange: &'a Exchange<'a>,
    conversation: u32,
    source: u32,
    counters: &'a mut Counters,
}

impl Fold<'_> {
    fn note(&mut self, pdu: &Pdu, role: Role, part: &Part<'_>) -> Option<Noted> {
        let exchange = self.exchange;
        let observer = &mut *self.observer;
        let occurrence = Occurrence {
            key: Key {
                conversation: self.conversation,
                protocol: pdu.protocol,
                role,
                unit: pdu.unit,
                operation: pdu.operation,
                class: part.class,
                target: TargetRef::of(part.target, part.class),
                status: part.status,
            },
            target: part.target,
            code: pdu.code,
            flow: self.facts,
            frame: exchange.frame,
            time_ns: exchange.time_ns,
            answered: exchange.answered(),
            latency_ns: exchange.latency_ns,
            values: part.values,
            anomalies: exchange.anomalies,
            exchange: observer.exchanges,
            spontaneous: role == Role::Event && !pdu.cyclic,
        };
        let now_ns = observer.now_ns();
        let noted = observer.behaviours.note(
            &occurrence,
            &mut self.memo.recent,
            &mut observer.conversations,
            self.source,
            now_ns,
            self.counters,
        );
        for evicted in observer.behaviours.take_evicted() {
            observer.emit(Observation::Behaviour(Box::new(evicted)));
        }
        if let Some(Noted { slot, news: true, .. }) = noted
            && let Some(behaviour) = observer.behaviours.observation(slot)
        {
            observer.emit(Observation::Behaviour(Box::new(behaviour)));
        }
        if observer.behaviours.has_rhythm_news() {
            observer.emit_rhythms();
        }
        if observer.objects.is_some() {
            observer.remember(self.facts, pdu, part);
        }
        noted
    }
}
