//! What payloads are worth as one protocol, and what is believed of that.

use dissectors::anomaly::Anomaly;
use dissectors::dissector::{Context, Direction, Frame, OffPort, Probe, Sender, Transport};
use dissectors::pdu::Role;
use dissectors::registry::{FlowState, ProtocolId};
use dissectors::sink::Sink;

use super::ends::{Place, is_registered, ports_of, vote};
use super::held::Held;
use crate::dissect::View;
use crate::flow::{DIRECTIONS, Sides};
use crate::observation::IdentifiedBy;
use crate::reassembly::Chunk;

/// What held payloads are worth as one protocol.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Judgement {
    pub(super) strong: bool,
    pub(super) pairs: u32,
    /// Whether an answer follows so closely from its request that this alone is enough.
    pub(super) proven: bool,
    pub(super) pdus: Sides<u32>,
    /// Bytes of PDUs.
    pub(super) fitting: usize,
    /// Bytes that are no PDU, or the beginning of one without its end.
    pub(super) misfit: usize,
    pub(super) open_end: bool,
    /// PDUs that must come from the client, less those from the server, by direction.
    pub(super) votes: Sides<i32>,
}

impl Judgement {
    /// Whether all there is is one request and its answer.
    pub(super) const fn is_one_exchange(&self) -> bool {
        self.pairs == 1
            && self.pdus.a_to_b == 1
            && self.pdus.b_to_a == 1
            && self.misfit == 0
            && !self.open_end
    }
}

/// Whether the rest of a segment is whole messages by their own lengths, on the port
/// of the protocol: what breaks a rule of its function is a malformed message there,
/// not another protocol.
pub(super) fn is_exact(
    protocol: ProtocolId,
    bytes: &[u8],
    cx: &Context<'_>,
    view: &View<'_>,
) -> bool {
    if view.identity.key.transport() != Transport::Tcp || !is_registered(protocol, view) {
        return false;
    }
    let mut rest = bytes;
    while let Frame::Pdu(n @ 1..) = protocol.frame(rest, cx) {
        match rest.get(n..) {
            Some([]) => return true,
            Some(next) => rest = next,
            None => return false,
        }
    }
    false
}

/// The protocols that may own a flow, with their bits: those that no other
/// protocol has to hand its bytes to.
pub(super) fn candidates(
    view: &View<'_>,
    refused: Option<ProtocolId>,
) -> impl Iterator<Item = (u64, ProtocolId)> {
    let transport = view.identity.key.transport();
    ProtocolId::ALL.iter().copied().filter_map(move |protocol| {
        let facts = protocol.registration();
        let direct = facts.parents.is_empty() || !ports_of(protocol, transport).is_empty();
        let bit = 1u64.checked_shl(protocol as u32)?;
        (direct && refused != Some(protocol)).then_some((bit, protocol))
    })
}

pub(super) fn context<'a>(direction: Direction, chunk: &Chunk<'_>, view: &View<'_>) -> Context<'a> {
    let (source_port, destination_port) = view.identity.key.ports(direction);
    Context {
        direction,
        source_port,
        destination_port,
        time_ns: chunk.time_ns,
        segment_start: chunk.start,
        ..Context::bare(view.identity.key.transport())
    }
}

/// Which side sent the first PDU of `bytes`.
pub(super) fn sender_of(protocol: ProtocolId, bytes: &[u8], cx: &Context<'_>) -> Sender {
    match protocol.frame(bytes, cx) {
        Frame::Pdu(n) => protocol.sender(bytes.get(..n).unwrap_or(bytes), cx),
        Frame::NeedBytes(_) | Frame::Skip(_) | Frame::Bad(_) => Sender::Unknown,
    }
}

/// Holds payloads against one protocol, as dissecting them would.
pub(super) fn weigh(
    protocol: ProtocolId,
    held: &Held,
    view: &View<'_>,
    sink: &mut Sink,
) -> Judgement {
    let mut judgement = Judgement::default();
    let mut state = FlowState::new(protocol);
    let mut streams = Sides::<Vec<u8>>::default();
    let mut open: Vec<(u64, Direction, Box<[u8]>)> = Vec::new();
    let datagrams = view.identity.key.transport() == Transport::Udp;
    for (payload, bytes) in held.iter() {
        let stream = streams.get_mut(payload.direction);
        if datagrams || payload.after_gap {
            judgement.misfit = judgement.misfit.saturating_add(stream.len());
            stream.clear();
        }
        let mut start = stream.is_empty();
        stream.extend_from_slice(bytes);
        let mut at = 0usize;
        while at < stream.len() {
            let here = stream.get(at..).unwrap_or_default();
            let chunk = Chunk {
                bytes: here,
                frame: payload.frame,
                earlier: &[],
                time_ns: payload.time_ns,
                sequence: payload.sequence,
                start,
                cut: 0,
            };
            let cx = context(payload.direction, &chunk, view);
            let probe = protocol.probe(here, &cx);
            let framed = match probe {
                Probe::No if !is_exact(protocol, here, &cx, view) => Frame::Bad(Anomaly::Malformed),
                Probe::No | Probe::NeedMore | Probe::Weak | Probe::Strong => {
                    protocol.frame(here, &cx)
                }
            };
            match framed {
                Frame::Pdu(n) if n >= 1 && n <= here.len() && probe != Probe::NeedMore => {
                    let pdu = here.get(..n).unwrap_or_default();
                    judgement.fitting = judgement.fitting.saturating_add(n);
                    vote(&mut judgement.votes, payload.direction, protocol.sender(pdu, &cx));
                    let count = judgement.pdus.get_mut(payload.direction);
                    *count = count.saturating_add(1);
                    judgement.strong |= probe == Probe::Strong;
                    sink.begin(protocol);
                    state.decode(pdu, &cx, sink);
                    for found in sink.pdus() {
                        let Some(key) = found.pairing_key else { continue };
                        let asked = (key, payload.direction.reverse());
                        let place = open.iter().position(|open| (open.0, open.1) == asked);
                        // What fits both sides, as the echo of a write does, asks
                        // first and answers then.
                        match (found.role, place) {
                            (Role::Request, _) | (Role::Unknown, None) => {
                                open.push((key, payload.direction, pdu.into()));
                            }
                            (Role::Response | Role::Unknown, Some(place)) => {
                                let (_, _, request) = open.remove(place);
                                judgement.proven |= protocol.proves(&request, pdu);
                                judgement.pairs = judgement.pairs.saturating_add(1);
                            }
                            (Role::Response | Role::Event, _) => {}
                        }
                    }
                    at = at.saturating_add(n);
                }
                Frame::Skip(n) if n >= 1 => at = at.saturating_add(n),
                Frame::NeedBytes(_) => {
                    judgement.strong |= probe == Probe::Strong;
                    break;
                }
                Frame::Pdu(_) if probe == Probe::NeedMore => break,
                Frame::Pdu(_) | Frame::Skip(_) | Frame::Bad(_) => {
                    // The next segment may begin with a PDU.
                    judgement.misfit = judgement.misfit.saturating_add(here.len());
                    at = stream.len();
                }
            }
            start = false;
        }
        stream.drain(..at.min(stream.len()));
    }
    judgement.open_end = DIRECTIONS.iter().any(|side| !streams.get(*side).is_empty());
    judgement
}

/// The table of evidence: what is believed of a protocol, and how far.
pub(super) fn decide(
    judgement: &Judgement,
    protocol: ProtocolId,
    place: Place,
    last: bool,
) -> Option<(IdentifiedBy, u8)> {
    let Judgement { strong, pairs, proven, pdus, fitting, misfit, open_end, .. } = *judgement;
    let total = pdus.a_to_b.saturating_add(pdus.b_to_a);
    // Of both sides one more: some of their PDUs should have fitted.
    let enough = if pdus.a_to_b == 0 || pdus.b_to_a == 0 { 3 } else { 4 };
    let whole = total >= 1 && !open_end;
    let in_a_row = misfit == 0 && (total >= enough || (last && whole));
    // Messages of another protocol may look like some of this one, but not most of them.
    let paired = protocol.registration().off_port == OffPort::Paired && misfit < fitting;
    if strong {
        Some((IdentifiedBy::Probe, 90))
    } else {
        match place {
            Place::OwnPort if pairs >= 1 => Some((IdentifiedBy::Pairing, 90)),
            Place::OwnPort if in_a_row => Some((IdentifiedBy::Port, 60)),
            Place::KnownServer if pairs >= 1 || in_a_row => Some((IdentifiedBy::Association, 90)),
            Place::Elsewhere if paired && (pairs >= 2 || proven) => {
                Some((IdentifiedBy::Pairing, 80))
            }
            Place::OwnPort | Place::KnownServer | Place::Elsewhere => None,
        }
    }
}
