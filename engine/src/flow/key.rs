//! What tells one flow from another.

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use dissectors::dissector::{Direction, Transport};

use crate::observation::Endpoint;
use crate::packet::Mac;

/// An address as two numbers; IPv4 and MAC addresses take the low one.
pub(super) type Address = [u64; 2];

/// What tells one flow from another; end A is the one with the lower address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FlowKey {
    a: Address,
    b: Address,
    a_port: u16,
    b_port: u16,
    vlan: u16,
    kind: Kind,
}

/// Hashes all words at once: one by one costs a keyed hash thrice as much.
impl Hash for FlowKey {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        let ([a, b], [c, d]) = (self.a, self.b);
        let rest = u64::from(self.a_port) << 48
            | u64::from(self.b_port) << 32
            | u64::from(self.vlan) << 16
            | u64::from(self.kind as u8);
        state.write([a, b, c, d, rest].map(u64::to_le_bytes).as_flattened());
    }
}

/// What the addresses of a key are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    TcpV4,
    TcpV6,
    UdpV4,
    UdpV6,
    /// Hardware addresses; both ports are the ethertype.
    Ethernet,
    /// File and interface of a serial line; `a_port` tells sent from received.
    Serial,
}

/// The end of a flow that answers. It has a port: neither Ethernet nor a serial line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ServerKey {
    address: Address,
    port: u16,
    vlan: u16,
    kind: Kind,
}

const fn number(ip: IpAddr) -> Address {
    match ip {
        IpAddr::V4(ip) => [0, ip.to_bits() as u64],
        IpAddr::V6(ip) => {
            let [a, b, c, d, e, f, g, h] = ip.segments();
            [
                (a as u64) << 48 | (b as u64) << 32 | (c as u64) << 16 | d as u64,
                (e as u64) << 48 | (f as u64) << 32 | (g as u64) << 16 | h as u64,
            ]
        }
    }
}

fn mac_number(mac: Mac) -> Address {
    let [a, b, c, d, e, f] = mac;
    [0, u64::from_be_bytes([0, 0, a, b, c, d, e, f])]
}

impl FlowKey {
    /// The key of a packet between two IP ends, and the way the packet went.
    #[inline]
    pub fn ip(
        source: (IpAddr, u16),
        destination: (IpAddr, u16),
        vlan: Option<u16>,
        tcp: bool,
    ) -> (Self, Direction) {
        let kind = match (tcp, source.0) {
            (true, IpAddr::V4(_)) => Kind::TcpV4,
            (true, IpAddr::V6(_)) => Kind::TcpV6,
            (false, IpAddr::V4(_)) => Kind::UdpV4,
            (false, IpAddr::V6(_)) => Kind::UdpV6,
        };
        Self::ordered(
            (number(source.0), source.1),
            (number(destination.0), destination.1),
            vlan,
            kind,
        )
    }

    /// The key of a frame between two hardware addresses.
    pub fn ethernet(
        source: Mac,
        destination: Mac,
        ethertype: u16,
        vlan: Option<u16>,
    ) -> (Self, Direction) {
        Self::ordered(
            (mac_number(source), ethertype),
            (mac_number(destination), ethertype),
            vlan,
            Kind::Ethernet,
        )
    }

    /// The key of a serial line.
    pub const fn serial(file: u32, interface: u32) -> Self {
        Self {
            a: [file as u64, interface as u64],
            b: [0; 2],
            a_port: 0,
            b_port: 0,
            vlan: u16::MAX,
            kind: Kind::Serial,
        }
    }

    #[inline]
    fn ordered(
        source: (Address, u16),
        destination: (Address, u16),
        vlan: Option<u16>,
        kind: Kind,
    ) -> (Self, Direction) {
        let forward = source <= destination;
        let (a, b) = if forward { (source, destination) } else { (destination, source) };
        let key =
            Self { a: a.0, b: b.0, a_port: a.1, b_port: b.1, vlan: vlan.unwrap_or(u16::MAX), kind };
        (key, if forward { Direction::AToB } else { Direction::BToA })
    }

    /// What carries the flow.
    pub const fn transport(&self) -> Transport {
        match self.kind {
            Kind::TcpV4 | Kind::TcpV6 => Transport::Tcp,
            Kind::UdpV4 | Kind::UdpV6 => Transport::Udp,
            Kind::Ethernet => Transport::Ethernet,
            Kind::Serial => Transport::Serial,
        }
    }

    /// Outermost VLAN id.
    pub const fn vlan(&self) -> Option<u16> {
        if self.vlan == u16::MAX { None } else { Some(self.vlan) }
    }

    /// The receiver of packets that go `direction`, as the server of the flow.
    pub const fn server(&self, direction: Direction) -> Option<ServerKey> {
        let (address, port) = match direction {
            Direction::AToB => (self.b, self.b_port),
            Direction::BToA => (self.a, self.a_port),
        };
        match self.kind {
            Kind::Ethernet | Kind::Serial => None,
            Kind::TcpV4 | Kind::TcpV6 | Kind::UdpV4 | Kind::UdpV6 => {
                Some(ServerKey { address, port, vlan: self.vlan, kind: self.kind })
            }
        }
    }

    /// Ports of sender and receiver.
    #[inline]
    pub const fn ports(&self, direction: Direction) -> (u16, u16) {
        match (self.kind, direction) {
            (Kind::Ethernet | Kind::Serial, _) => (0, 0),
            (_, Direction::AToB) => (self.a_port, self.b_port),
            (_, Direction::BToA) => (self.b_port, self.a_port),
        }
    }

    /// The sender of packets that go `direction`.
    pub fn sender(&self, direction: Direction, mac: Option<Mac>) -> Endpoint {
        let (address, port) = match direction {
            Direction::AToB => (self.a, self.a_port),
            Direction::BToA => (self.b, self.b_port),
        };
        let [high, low] = address;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "IPv4 addresses are the low 32 bits of the number"
        )]
        let ip = match self.kind {
            Kind::TcpV4 | Kind::UdpV4 => Some(IpAddr::V4(Ipv4Addr::from_bits(low as u32))),
            Kind::TcpV6 | Kind::UdpV6 => {
                Some(IpAddr::V6(Ipv6Addr::from_bits(u128::from(high) << 64 | u128::from(low))))
            }
            Kind::Ethernet | Kind::Serial => None,
        };
        let mac = mac.or_else(|| {
            (self.kind == Kind::Ethernet).then(|| {
                let [_, _, a, b, c, d, e, f] = low.to_be_bytes();
                [a, b, c, d, e, f]
            })
        });
        Endpoint { mac, ip, port: if ip.is_some() { port } else { 0 } }
    }

    /// A cheap mix for the cache of recent flows. What it maps to is compared
    /// by the whole key, so that nobody gains by aiming at it but a slower look-up.
    #[inline]
    pub(super) fn mix(&self) -> usize {
        let [_, a] = self.a;
        let [_, b] = self.b;
        let ports = u64::from(self.a_port) << 16 | u64::from(self.b_port);
        let mixed = (a ^ b.rotate_left(24) ^ ports.rotate_left(40) ^ u64::from(self.vlan))
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 51) as u16 as usize
    }
}

pub(super) const fn source_of(key: &FlowKey, direction: Direction) -> Address {
    match direction {
        Direction::AToB => key.a,
        Direction::BToA => key.b,
    }
}
