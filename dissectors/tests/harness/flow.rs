//! One flow, run as the engine runs it: framing with carry, children, fragments
//! put together, open requests.

use dissectors::anomaly::Anomaly;
use dissectors::dissector::{Context, Direction, Frame, Frames, OpenRequest, Sender, Transport};
use dissectors::pdu::{Pdu, Role};
use dissectors::registry::{FlowState, ProtocolId};
use dissectors::sink::{Carried, Claim, Content, Sink};

/// Deepest nesting of children and joined fragments.
const MAX_DEPTH: usize = 8;
/// Longest joined message.
const MAX_JOINED: usize = 65_536;

/// How bytes travel.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    /// Who frames them.
    pub protocol: ProtocolId,
    /// What carries them.
    pub transport: Transport,
    /// Which side sends them, as far as the flow is known.
    pub sender: Sender,
    /// Where they go.
    pub direction: Direction,
    /// The sender's port.
    pub source_port: u16,
    /// The receiver's port.
    pub destination_port: u16,
    /// The layer that hands them over; then they are one message, and not framed.
    pub parent: Option<ProtocolId>,
    /// What that layer knows.
    pub carried: Carried,
}

impl Way {
    /// A context for bytes that begin and end with a segment.
    #[must_use]
    pub fn context<'a>(&self, open: &'a [OpenRequest]) -> Context<'a> {
        Context {
            direction: self.direction,
            sender: self.sender,
            source_port: self.source_port,
            destination_port: self.destination_port,
            parent: self.parent,
            carried: self.carried,
            open,
            ..Context::bare(self.transport)
        }
    }
}

/// What came of bytes.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The PDUs: of each message its own, then those of its children and of what was joined.
    pub pdus: Vec<Pdu>,
    /// What was said about assets.
    pub claims: Vec<Claim>,
    /// What was transferred.
    pub contents: Vec<Content>,
    /// How many fragments there were.
    pub fragments: usize,
    /// Who handed a part of a message to whom.
    pub children: Vec<(ProtocolId, ProtocolId)>,
    /// The messages that were framed.
    pub framed: Vec<Vec<u8>>,
    /// What could not be framed, and why.
    pub refused: Vec<Anomaly>,
    /// Bytes that wait for the rest of their message.
    pub waiting: usize,
}

/// Fragments that wait for the rest.
struct Join {
    protocol: ProtocolId,
    direction: Direction,
    key: u64,
    bytes: Vec<u8>,
    next: Option<u16>,
}

/// A flow and all that is remembered of it.
pub struct Flow {
    states: Vec<FlowState>,
    open: Vec<OpenRequest>,
    joins: Vec<Join>,
    carry: [Vec<u8>; 2],
}

impl Flow {
    /// A flow that just began.
    pub fn new() -> Self {
        Self { states: Vec::new(), open: Vec::new(), joins: Vec::new(), carry: [vec![], vec![]] }
    }

    /// Takes a segment or datagram; decodes what is whole and keeps the rest of a
    /// stream. What cannot be framed is passed over byte by byte.
    pub fn feed(&mut self, way: &Way, bytes: &[u8], out: &mut Outcome) {
        if way.parent.is_some() {
            self.take_message(way, bytes, out);
            return;
        }
        let mut carry = std::mem::take(self.carry_of(way.direction));
        let carried = carry.len();
        carry.extend_from_slice(bytes);
        let mut at = 0;
        while at < carry.len() {
            let rest = &carry[at..];
            let cx = Context { segment_start: at == 0 && carried == 0, ..way.context(&[]) };
            match check_frame(way.protocol, rest, &Context { open: &self.open, ..cx }) {
                Frame::Pdu(n) => {
                    let cx = Context { segment_end: n == rest.len(), ..cx };
                    self.decode(way, &rest[..n], &cx, 0, out);
                    out.framed.push(rest[..n].to_vec());
                    at += n;
                }
                Frame::Skip(n) => at += n,
                Frame::NeedBytes(_) if way.transport == Transport::Tcp => break,
                Frame::NeedBytes(_) => {
                    out.refused.push(Anomaly::LengthMismatch);
                    at = carry.len();
                }
                Frame::Bad(anomaly) => {
                    out.refused.push(anomaly);
                    at += 1;
                }
            }
        }
        carry.drain(..at.min(carry.len()));
        out.waiting = carry.len();
        *self.carry_of(way.direction) = carry;
    }

    /// Decodes `message` as it is, without framing it.
    pub fn take_message(&mut self, way: &Way, message: &[u8], out: &mut Outcome) {
        self.decode(way, message, &way.context(&[]), 0, out);
    }

    fn carry_of(&mut self, direction: Direction) -> &mut Vec<u8> {
        match direction {
            Direction::AToB => &mut self.carry[0],
            Direction::BToA => &mut self.carry[1],
        }
    }

    /// Decodes one message, then what it hands on.
    fn decode(
        &mut self,
        way: &Way,
        message: &[u8],
        cx: &Context<'_>,
        depth: usize,
        out: &mut Outcome,
    ) {
        let mut sink = Sink::new();
        sink.begin(way.protocol);
        let mut state = self.state(way.protocol);
        state.decode(message, &Context { open: &self.open, ..*cx }, &mut sink);
        self.keep(state);
        self.follow(way, message, cx, depth, &sink, out);
    }

    /// Takes what a dissector found, and follows its children and fragments.
    fn follow(
        &mut self,
        way: &Way,
        message: &[u8],
        cx: &Context<'_>,
        depth: usize,
        sink: &Sink,
        out: &mut Outcome,
    ) {
        for pdu in sink.pdus() {
            self.pair(pdu, way.direction);
            out.pdus.push(Pdu::clone(pdu));
        }
        out.claims.extend_from_slice(sink.claims());
        out.contents.extend_from_slice(sink.contents());
        if depth >= MAX_DEPTH {
            return;
        }
        for child in sink.children() {
            out.children.push((way.protocol, child.protocol));
            let inner = Way { protocol: child.protocol, ..*way };
            let cx = Context { parent: Some(way.protocol), carried: child.carried, ..*cx };
            self.decode(&inner, &message[child.bytes.clone()], &cx, depth + 1, out);
        }
        for fragment in sink.fragments() {
            out.fragments += 1;
            let bytes = sink.copied(&fragment.bytes);
            let Some(whole) = self.join(way, fragment.key, fragment.part, bytes) else { continue };
            let mut sink = Sink::new();
            sink.begin(way.protocol);
            let mut state = self.state(way.protocol);
            let open = Context { open: &self.open, ..*cx };
            state.joined(fragment.key, &whole, &open, &mut sink);
            self.keep(state);
            self.follow(way, &whole, cx, depth + 1, &sink, out);
        }
    }

    /// Remembers a request until its answer comes, as the engine's pairing does.
    fn pair(&mut self, pdu: &Pdu, direction: Direction) {
        let Some(key) = pdu.pairing_key else { return };
        match pdu.role {
            Role::Request => {
                let limit = pdu.protocol.registration().open_requests;
                let count = |open: &[OpenRequest]| {
                    open.iter().filter(|open| open.pdu.protocol == pdu.protocol).count()
                };
                if count(&self.open) >= limit
                    && let Some(oldest) =
                        self.open.iter().position(|open| open.pdu.protocol == pdu.protocol)
                {
                    self.open.remove(oldest);
                }
                self.open.push(OpenRequest {
                    pdu: Box::new(pdu.clone()),
                    direction,
                    frames: Frames::default(),
                    time_ns: 0,
                });
            }
            Role::Response => {
                let answered = self.open.iter().position(|open| {
                    open.pdu.protocol == pdu.protocol
                        && open.pdu.pairing_key == Some(key)
                        && open.direction != direction
                });
                if let Some(answered) = answered {
                    self.open.remove(answered);
                }
            }
            Role::Event | Role::Unknown => {}
        }
    }

    /// The whole, once its last fragment is there and none is missing.
    fn join(
        &mut self,
        way: &Way,
        key: u64,
        part: dissectors::sink::Part,
        bytes: &[u8],
    ) -> Option<Vec<u8>> {
        let found = self.joins.iter().position(|join| {
            join.protocol == way.protocol && join.direction == way.direction && join.key == key
        });
        let mut join = match (found.map(|at| self.joins.remove(at)), part.first) {
            (_, true) => Join {
                protocol: way.protocol,
                direction: way.direction,
                key,
                bytes: Vec::new(),
                next: None,
            },
            (Some(join), false) => join,
            (None, false) => return None,
        };
        if let Some((number, count)) = part.sequence {
            if join.next.is_some_and(|next| next != number) {
                return None;
            }
            let next = number.wrapping_add(1);
            join.next = Some(if next >= count { 0 } else { next });
        }
        join.bytes.extend_from_slice(bytes);
        if join.bytes.len() > MAX_JOINED {
            return None;
        }
        if part.last {
            return Some(join.bytes);
        }
        self.joins.push(join);
        None
    }

    fn state(&self, protocol: ProtocolId) -> FlowState {
        let found = self.states.iter().find(|state| state.protocol() == protocol);
        found.copied().unwrap_or_else(|| FlowState::new(protocol))
    }

    fn keep(&mut self, state: FlowState) {
        self.states.retain(|old| old.protocol() != state.protocol());
        self.states.push(state);
    }
}

/// What `frame` says, held against what every dissector promises of it.
pub fn check_frame(protocol: ProtocolId, bytes: &[u8], cx: &Context<'_>) -> Frame {
    let registration = protocol.registration();
    let frame = protocol.frame(bytes, cx);
    let (name, given, most) = (registration.name, bytes.len(), registration.max_pdu);
    match frame {
        Frame::Pdu(n) => {
            assert!(n >= 1 && n <= given && n <= most, "{name}: {n} of {given} bytes are a PDU");
        }
        Frame::NeedBytes(n) => {
            assert!(n > given && n <= most, "{name}: of {given} bytes given, {n} are needed");
        }
        Frame::Skip(n) => {
            assert!(n >= 1 && n <= given, "{name}: {n} of {given} bytes are filler");
        }
        Frame::Bad(_) => {}
    }
    frame
}
