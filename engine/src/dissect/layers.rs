//! One message and what is inside it: layer by layer, whole or joined from fragments.

use dissectors::anomaly::{Anomalies, Anomaly};
use dissectors::dissector::{Context, Direction, OpenRequest, Sender};
use dissectors::operation::Class;
use dissectors::registry::{FlowState, ProtocolId};
use dissectors::sink::{Carried, Part, Sink};

use super::{Carrier, Session, View, Work, count_bytes_u64};
use crate::join::{Arrival, Joined};
use crate::observer::Origin;

impl Session {
    /// Reads one message of any layer, with all that is inside it.
    #[expect(clippy::too_many_arguments, reason = "the parts of one call, taken apart once")]
    pub(super) fn message(
        &mut self,
        layer: Layer,
        bytes: &[u8],
        carried: Carried,
        origin: &Carrier<'_>,
        budget: &mut usize,
        view: &View<'_>,
        work: &mut Work<'_>,
    ) {
        let mut sink = work.sinks.take(layer.depth);
        let left_out = sink.left_out();
        sink.begin(layer.protocol);
        self.running = layer.protocol;
        let after_gap = self.is_after_gap(origin.direction);
        let Self { state, children, ring, client, .. } = self;
        let cx = layer.context(*client, carried, origin, ring.open(), after_gap, view);
        #[cfg(test)]
        super::tests::fault_injected(bytes);
        state_of(state, children, layer.protocol).decode(bytes, &cx, &mut sink);
        count_bytes_u64(
            &mut work.counters.items_left_out,
            sink.left_out().saturating_sub(left_out),
        );
        self.found(layer, bytes, &mut sink, origin, budget, view, work);
        work.sinks.put(layer.depth, sink);
    }

    /// Hands on what a dissector found in one message.
    #[expect(clippy::too_many_arguments, reason = "the parts of one call, taken apart once")]
    fn found(
        &mut self,
        layer: Layer,
        bytes: &[u8],
        sink: &mut Sink,
        origin: &Carrier<'_>,
        budget: &mut usize,
        view: &View<'_>,
        work: &mut Work<'_>,
    ) {
        let deeper = layer.depth.saturating_add(1);
        let too_deep = deeper > work.limits.depth && !sink.children().is_empty();
        if too_deep {
            self.pending.add(Anomaly::DepthExceeded);
        }
        for pdu in sink.pdus_mut() {
            if self.truncated {
                // What a dissector finds wrong with it is the cut.
                pdu.anomalies = Anomalies::NONE;
                pdu.anomaly(Anomaly::Truncated);
                if pdu.operation.class() == Class::Unknown {
                    continue;
                }
            }
            self.emit(pdu, origin, view, work);
        }
        let told_by = Origin {
            protocol: layer.protocol,
            from_client: origin.direction == self.client,
            frame: origin.last,
            time_ns: origin.time_ns,
        };
        // Half a name or half a file would be a false one.
        if !self.truncated {
            for claim in sink.claims() {
                work.observer.claim(&self.facts, claim, told_by);
            }
            for content in sink.contents() {
                let piece = sink.copied(&content.bytes);
                work.observer.content(&self.facts, content, piece, told_by, work.counters);
            }
        }
        self.fragments(layer, sink, origin, budget, view, work);
        self.children(layer, bytes, sink, origin, budget, view, work);
    }

    /// Joins the fragments that a message hands on, and reads what is whole.
    fn fragments(
        &mut self,
        layer: Layer,
        sink: &Sink,
        origin: &Carrier<'_>,
        budget: &mut usize,
        view: &View<'_>,
        work: &mut Work<'_>,
    ) {
        for fragment in sink.fragments() {
            let arrival = Arrival {
                protocol: layer.protocol,
                direction: origin.direction,
                key: fragment.key,
                // Behind what was cut off nothing fits any more: what is there is read.
                part: Part { last: fragment.part.last || self.truncated, ..fragment.part },
                frame: origin.last,
                time_ns: origin.time_ns,
            };
            let part = sink.copied(&fragment.bytes);
            let joined = self.joins.fragment(
                &arrival,
                origin.earlier,
                part,
                work.limits,
                &mut work.waiting.carry,
            );
            match joined {
                Joined::Alone => {
                    self.whole(layer, fragment.key, part, origin, budget, view, work);
                }
                Joined::Whole(whole, earlier) => {
                    let origin = Carrier { earlier: &earlier, ..*origin };
                    let mut budget = whole.len().saturating_mul(4);
                    self.whole(layer, fragment.key, &whole, &origin, &mut budget, view, work);
                }
                Joined::Waiting { dropped: false } | Joined::Repeated => {}
                Joined::TooLong => {
                    work.counters.joins_dropped = work.counters.joins_dropped.saturating_add(1);
                    self.unreadable(Anomaly::Oversize, origin.last, origin.time_ns, work);
                }
                Joined::Waiting { dropped: true } | Joined::Missing => {
                    work.counters.joins_dropped = work.counters.joins_dropped.saturating_add(1);
                    // The sensor may have missed the part; only on a whole
                    // flow was it the sender who left it out.
                    let whole = view.complete && !view.midstream && !self.truncated;
                    if whole && self.unsettled == 0 {
                        self.pending.add(Anomaly::FragmentMissing);
                    }
                }
            }
        }
    }

    /// Reads what is inside a message.
    #[expect(clippy::too_many_arguments, reason = "the parts of one call, taken apart once")]
    fn children(
        &mut self,
        layer: Layer,
        bytes: &[u8],
        sink: &Sink,
        origin: &Carrier<'_>,
        budget: &mut usize,
        view: &View<'_>,
        work: &mut Work<'_>,
    ) {
        let deeper = layer.depth.saturating_add(1);
        if deeper > work.limits.depth {
            return;
        }
        for child in sink.children() {
            let part = bytes.get(child.bytes.clone()).unwrap_or_default();
            if part.len().max(1) > *budget {
                count_bytes_u64(&mut work.counters.items_left_out, 1);
                break;
            }
            *budget = budget.saturating_sub(part.len().max(1));
            let inner =
                Layer { protocol: child.protocol, parent: Some(layer.protocol), depth: deeper };
            self.message(inner, part, child.carried, origin, budget, view, work);
        }
    }

    /// Reads a whole that was joined from fragments.
    #[expect(clippy::too_many_arguments, reason = "the parts of one call, taken apart once")]
    fn whole(
        &mut self,
        layer: Layer,
        key: u64,
        bytes: &[u8],
        origin: &Carrier<'_>,
        budget: &mut usize,
        view: &View<'_>,
        work: &mut Work<'_>,
    ) {
        let deeper = Layer { depth: layer.depth.saturating_add(1), ..layer };
        if deeper.depth > work.limits.depth {
            self.pending.add(Anomaly::DepthExceeded);
            return;
        }
        let mut sink = work.sinks.take(deeper.depth);
        let left_out = sink.left_out();
        sink.begin(layer.protocol);
        self.running = layer.protocol;
        let after_gap = self.is_after_gap(origin.direction);
        let Self { state, children, ring, client, .. } = self;
        let cx = layer.context(*client, Carried::default(), origin, ring.open(), after_gap, view);
        state_of(state, children, layer.protocol).joined(key, bytes, &cx, &mut sink);
        count_bytes_u64(
            &mut work.counters.items_left_out,
            sink.left_out().saturating_sub(left_out),
        );
        self.found(deeper, bytes, &mut sink, origin, budget, view, work);
        work.sinks.put(deeper.depth, sink);
    }
}

/// Which protocol reads a message, inside which, and how deep.
#[derive(Clone, Copy)]
pub(super) struct Layer {
    pub(super) protocol: ProtocolId,
    pub(super) parent: Option<ProtocolId>,
    pub(super) depth: usize,
}

impl Layer {
    #[inline]
    fn context<'a>(
        self,
        client: Direction,
        carried: Carried,
        origin: &Carrier<'_>,
        open: &'a [OpenRequest],
        after_gap: bool,
        view: &View<'_>,
    ) -> Context<'a> {
        let (source_port, destination_port) = view.identity.key.ports(origin.direction);
        Context {
            direction: origin.direction,
            sender: if origin.direction == client { Sender::Client } else { Sender::Server },
            transport: view.identity.key.transport(),
            source_port,
            destination_port,
            time_ns: origin.time_ns,
            parent: self.parent,
            carried,
            segment_start: origin.start,
            segment_end: origin.end,
            after_gap,
            open,
        }
    }
}

/// The memory of a protocol within a flow.
#[inline]
pub(super) fn state_of<'a>(
    root: &'a mut FlowState,
    children: &'a mut Vec<FlowState>,
    protocol: ProtocolId,
) -> &'a mut FlowState {
    if root.protocol() == protocol {
        return root;
    }
    let at = children.iter().position(|child| child.protocol() == protocol).unwrap_or_else(|| {
        children.push(FlowState::new(protocol));
        children.len().saturating_sub(1)
    });
    children.get_mut(at).unwrap_or(root)
}

/// The sinks of the layers of one message; boxed, since each is taken out while
/// its layer is read.
#[derive(Debug, Default)]
pub(crate) struct Sinks(Vec<Option<Box<Sink>>>);

impl Sinks {
    #[inline]
    pub fn take(&mut self, depth: usize) -> Box<Sink> {
        self.0.get_mut(depth).and_then(Option::take).unwrap_or_default()
    }

    #[inline]
    pub fn put(&mut self, depth: usize, sink: Box<Sink>) {
        if self.0.len() <= depth {
            self.0.resize_with(depth.saturating_add(1), || None);
        }
        if let Some(place) = self.0.get_mut(depth) {
            *place = Some(sink);
        }
    }
}
