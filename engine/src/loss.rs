//! What was lost of each conversation, window by window.

use std::sync::Arc;

use crate::conversation::Host;
use crate::observation::{FlowFacts, Loss};

/// Packet time of one window.
const WINDOW_NS: i64 = 10_000_000_000;
/// Conversations told of in one window; what else is lost is in the health of the interface.
const MOST: usize = 1024;

/// The losses of the window at hand, in the order of their first.
#[derive(Debug, Default)]
pub struct Losses {
    window: Vec<Loss>,
}

impl Losses {
    /// Notes a hole. Those of a window that ended stay until [`Losses::tick`].
    pub fn add(&mut self, facts: &Arc<FlowFacts>, bytes: u64, now_ns: i64) {
        let from_ns = now_ns.saturating_sub(now_ns.rem_euclid(WINDOW_NS));
        let same = |own: &&mut Loss| own.from_ns == from_ns && is_same(&own.flow, facts);
        let full = self.window.len() >= MOST;
        match self.window.iter_mut().find(same) {
            Some(own) => {
                own.flow = Arc::clone(facts);
                own.gap_count = own.gap_count.saturating_add(1);
                own.gap_bytes = own.gap_bytes.saturating_add(bytes);
            }
            None if full => {}
            None => self.window.push(Loss {
                sequence: 0,
                flow: Arc::clone(facts),
                protocol: facts.protocol,
                from_ns,
                until_ns: from_ns.saturating_add(WINDOW_NS),
                gap_count: 1,
                gap_bytes: bytes,
            }),
        }
    }

    /// The losses of windows that have ended.
    pub fn tick(&mut self, now_ns: i64) -> Vec<Loss> {
        if self.window.iter().all(|own| now_ns < own.until_ns) {
            return Vec::new();
        }
        self.window.extract_if(.., |own| now_ns >= own.until_ns).collect()
    }

    /// All that is left, at the end of the input and where the clock was set back.
    pub fn take(&mut self) -> Vec<Loss> {
        std::mem::take(&mut self.window)
    }
}

/// Whether two flows are of one conversation.
fn is_same(a: &FlowFacts, b: &FlowFacts) -> bool {
    Host::from(&a.client) == Host::from(&b.client)
        && Host::from(&a.server) == Host::from(&b.server)
        && a.server.port == b.server.port
        && a.protocol == b.protocol
        && a.transport == b.transport
        && a.vlan == b.vlan
}
