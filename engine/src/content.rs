//! Digests of programs, firmware and files on their way. Nothing of them is kept.

use std::sync::Arc;

use dissectors::dissector::FrameId;
use dissectors::registry::ProtocolId;
use dissectors::sink::{self, ContentKind};
use sha2::{Digest, Sha256};

use crate::counters::Counters;
use crate::limits::Limits;
use crate::observation::{Content, FlowFacts};
use crate::observer::Origin;

#[derive(Debug)]
struct Transfer {
    flow: Arc<FlowFacts>,
    key: u64,
    protocol: ProtocolId,
    kind: ContentKind,
    name: Box<str>,
    to_server: bool,
    hash: Sha256,
    head: Vec<u8>,
    size: u64,
    whole: bool,
    first: (FrameId, i64),
    last: (FrameId, i64),
}

impl Transfer {
    fn is(&self, facts: &FlowFacts, content: &sink::Content, protocol: ProtocolId) -> bool {
        self.flow.id == facts.id
            && self.key == content.transfer
            && self.to_server == content.to_server
            && self.protocol == protocol
    }

    fn observation(self, complete: bool) -> Content {
        Content {
            sequence: 0,
            flow: self.flow,
            protocol: self.protocol,
            kind: self.kind,
            name: self.name,
            to_server: self.to_server,
            size: self.size,
            sha256: self.hash.finalize().into(),
            head: self.head.into_boxed_slice(),
            complete: complete && self.whole,
            first_seen_ns: self.first.1,
            last_seen_ns: self.last.1,
            frames: (self.first.0, self.last.0),
        }
    }
}

/// The transfers that are under way, oldest first.
#[derive(Debug)]
pub struct Contents {
    open: Vec<Transfer>,
    most: usize,
    most_bytes: u64,
}

impl Contents {
    /// None yet.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self { open: Vec::new(), most: limits.contents, most_bytes: limits.content_bytes }
    }

    /// Adds a piece; the observations of transfers that end by it. Past the bound
    /// of transfers the oldest is given up.
    pub fn note(
        &mut self,
        facts: &Arc<FlowFacts>,
        content: &sink::Content,
        bytes: &[u8],
        origin: Origin,
        counters: &mut Counters,
    ) -> Vec<Content> {
        let mut ended = Vec::new();
        let here = (origin.frame, origin.time_ns);
        let known = self.open.iter().position(|own| own.is(facts, content, origin.protocol));
        let at = match known {
            Some(at) => at,
            None => {
                if self.open.len() >= self.most && !self.open.is_empty() {
                    counters.contents_dropped = counters.contents_dropped.saturating_add(1);
                    ended.push(self.open.remove(0).observation(false));
                }
                self.open.push(Transfer {
                    flow: Arc::clone(facts),
                    key: content.transfer,
                    protocol: origin.protocol,
                    kind: content.kind,
                    name: content.name.clone(),
                    to_server: content.to_server,
                    hash: Sha256::new(),
                    head: Vec::new(),
                    size: 0,
                    whole: true,
                    first: here,
                    last: here,
                });
                self.open.len().saturating_sub(1)
            }
        };
        if let Some(own) = self.open.get_mut(at) {
            own.add(bytes, self.most_bytes, counters);
            own.last = here;
            if own.name.is_empty() {
                own.name.clone_from(&content.name);
            }
            if content.last {
                let own = self.open.remove(at);
                counters.contents = counters.contents.saturating_add(1);
                ended.push(own.observation(true));
            }
        }
        ended
    }

    /// Bytes of a flow were lost: its transfers are not whole.
    pub fn gap(&mut self, facts: &FlowFacts) {
        for own in self.open.iter_mut().filter(|own| own.flow.id == facts.id) {
            own.whole = false;
        }
    }

    /// A flow ended: so did its transfers, before their last piece.
    pub fn flow_ended(&mut self, facts: &FlowFacts) -> Vec<Content> {
        if !self.open.iter().any(|own| own.flow.id == facts.id) {
            return Vec::new();
        }
        let of_flow = |own: &mut Transfer| own.flow.id == facts.id;
        self.open.extract_if(.., of_flow).map(|own| own.observation(false)).collect()
    }
}

impl Transfer {
    fn add(&mut self, bytes: &[u8], most: u64, counters: &mut Counters) {
        let room = most.saturating_sub(self.size);
        let kept = bytes.get(..usize::try_from(room).unwrap_or(usize::MAX)).unwrap_or(bytes);
        if kept.len() < bytes.len() && self.whole {
            self.whole = false;
            counters.contents_dropped = counters.contents_dropped.saturating_add(1);
        }
        self.hash.update(kept);
        let missing = Content::HEAD.saturating_sub(self.head.len());
        self.head.extend_from_slice(kept.get(..missing).unwrap_or(kept));
        self.size = self.size.saturating_add(u64::try_from(kept.len()).unwrap_or(0));
    }
}
