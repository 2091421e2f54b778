//! The two ends of a flow: on whose ports they are, and which of them is the client.

use core::cmp::Ordering;

use dissectors::dissector::{Direction, Sender, Transport};
use dissectors::registry::ProtocolId;

use crate::counters::Counters;
use crate::dissect::{RoleSource, View, Work};
use crate::flow::Sides;
use crate::known_servers::KnownServers;

/// The ports of a protocol.
pub(super) const fn ports_of(protocol: ProtocolId, transport: Transport) -> &'static [u16] {
    match transport {
        Transport::Tcp => protocol.registration().tcp,
        Transport::Udp => protocol.registration().udp,
        Transport::Ethernet | Transport::Serial => &[],
    }
}

/// Whether one end of the flow has a port of the protocol. A serial line has no
/// ports, and every protocol is at home there.
pub(super) fn is_registered(protocol: ProtocolId, view: &View<'_>) -> bool {
    let transport = view.identity.key.transport();
    let (a, b) = view.identity.key.ports(Direction::AToB);
    let ports = ports_of(protocol, transport);
    transport == Transport::Serial || ports.contains(&a) || ports.contains(&b)
}

/// Where a flow is, seen from a protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// On a port of the protocol.
    OwnPort,
    /// At a server of which other flows have shown that it speaks the protocol.
    KnownServer,
    /// Anywhere else.
    Elsewhere,
}

pub(super) fn place_of(
    protocol: ProtocolId,
    client: Direction,
    view: &View<'_>,
    servers: &mut KnownServers,
) -> Place {
    if is_registered(protocol, view) {
        return Place::OwnPort;
    }
    match view.identity.key.server(client) {
        Some(server) if servers.knows(server, protocol) => Place::KnownServer,
        Some(_) | None => Place::Elsewhere,
    }
}

/// Adds the only exchange of a flow to those of its server; whether that makes the
/// server known.
pub(super) fn add_exchange(
    protocol: ProtocolId,
    client: Direction,
    view: &View<'_>,
    work: &mut Work<'_>,
) -> bool {
    let key = &view.identity.key;
    let (client_port, _) = key.ports(client);
    let Some(server) = key.server(client) else { return false };
    let (known, evicted) = work.servers.exchange(server, protocol, client_port);
    count_evicted(evicted, work.counters);
    known
}

pub(super) fn count_evicted(evicted: bool, counters: &mut Counters) {
    let count = &mut counters.known_servers_evicted;
    *count = count.saturating_add(u64::from(evicted));
}

pub(super) const fn vote(votes: &mut Sides<i32>, direction: Direction, sender: Sender) {
    let vote = votes.get_mut(direction);
    *vote = match sender {
        Sender::Client => vote.saturating_add(1),
        Sender::Server => vote.saturating_sub(1),
        Sender::Unknown => *vote,
    };
}

/// Who is the client: the SYN says so, else what the PDUs are, else the ports,
/// else who spoke first. What the PDUs are comes before the SYN where each of
/// them names its sender: a DNP3 outstation may open the connection.
pub(super) fn client_of(
    protocol: ProtocolId,
    votes: &Sides<i32>,
    view: &View<'_>,
) -> (Direction, RoleSource) {
    let for_a = votes.a_to_b.saturating_sub(votes.b_to_a);
    match (view.syn, for_a) {
        (Some(opener), _) if !protocol.names_sender() => (opener, RoleSource::Syn),
        (_, 1..) => (Direction::AToB, RoleSource::Bytes),
        (_, ..0) => (Direction::BToA, RoleSource::Bytes),
        (Some(opener), 0) => (opener, RoleSource::Syn),
        (None, 0) => (client_by_port(view, Some(protocol)), RoleSource::Port),
    }
}

/// Ports over 1023 on which servers listen, whatever the port at the other end: a capture that
/// begins within a connection shows nothing else of who opened it. Industrial protocols that no
/// dissector reads, then usual others (IANA registry [S]; vendors' port lists [D]).
const SERVER_PORTS: [u16; 30] = [
    1911, 2222, 2404, 4840, 4911, 5006, 5007, 5094, 9600, 11740, 18245, 18246, 20256, 34962, 34964,
    44818, 47808, 48898, 48899, 1433, 1883, 3306, 3389, 5432, 5671, 5672, 5900, 8080, 8443, 8883,
];
/// The port of DHCPv6 servers (RFC 8415, 7.2): that of its clients is lower.
const DHCPV6_SERVER: u16 = 547;

/// Who is the client as far as ports tell: the end with the likelier port is the server.
pub(crate) fn client_by_port(view: &View<'_>, protocol: Option<ProtocolId>) -> Direction {
    let key = &view.identity.key;
    let transport = key.transport();
    let (a, b) = key.ports(Direction::AToB);
    let likely = |port: u16| match protocol {
        Some(protocol) => u8::from(ports_of(protocol, transport).contains(&port)),
        None if ProtocolId::ALL.iter().any(|any| ports_of(*any, transport).contains(&port)) => 2,
        None => u8::from(port == DHCPV6_SERVER || SERVER_PORTS.contains(&port)),
    };
    match likely(a).cmp(&likely(b)).then(b.cmp(&a)) {
        Ordering::Greater => Direction::BToA,
        Ordering::Less => Direction::AToB,
        Ordering::Equal => view.first,
    }
}
