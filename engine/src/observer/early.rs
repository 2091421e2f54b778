//! Requests that matter, told before their answers have come.

use std::sync::Arc;

use dissectors::dissector::OpenRequest;
use dissectors::operation::Class;

use super::{FlowMemo, Observer, Pair};
use crate::conversation::Place;
use crate::exchange::Exchange;
use crate::observation::{FlowFacts, History, Observation};

/// Changes in a conversation from which on its writes may be a habit of which each one is
/// no news: they wait for their answers.
const HABIT: u64 = 100;

impl Observer {
    /// Tells of a request that waits for its answer, where it matters by itself.
    ///
    /// Nothing is counted: that is done once it is known how it went.
    pub fn early(&mut self, facts: &Arc<FlowFacts>, memo: FlowMemo, open: &OpenRequest) {
        if self.quiet {
            return;
        }
        let frames = (Some(&open.frames), None);
        let Some(exchange) = Exchange::new(&Pair { request: Some(open), answer: None }) else {
            return;
        };
        if !exchange.class.is_notable() || exchange.asking.cyclic {
            return;
        }
        let place = memo.conversation.filter(|place| self.conversations.has(*place));
        let known = place.and_then(|place| self.conversations.so_far(place));
        let history =
            known.unwrap_or(History { first_seen_ns: open.time_ns, ..History::default() });
        if exchange.class == Class::Write && history.change_count >= HABIT {
            return;
        }
        let most = self.limits.observation_values;
        let mut record =
            exchange.transaction(facts, frames, None, (place.map(Place::id), history), most);
        record.awaits = true;
        self.emit(Observation::Transaction(Box::new(record)));
    }
}
