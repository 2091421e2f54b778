//! What a frame turned out to carry, as slices of its bytes.

use std::net::IpAddr;

/// A hardware address.
pub type Mac = [u8; 6];

/// The link layer of the innermost packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Who sent the frame; none on links without addresses and inside layer 3 tunnels.
    pub source: Option<Mac>,
    /// Whom it was sent to.
    pub destination: Option<Mac>,
    /// The outermost VLAN id of the innermost Ethernet frame, the segment of the
    /// flow. A priority tag (id 0) names none.
    pub vlan: Option<u16>,
    /// What the packet was carried in (mirror or overlay): the innermost of them.
    pub tunnel: Option<Tunnel>,
    /// The sequence number that a redundant network (PRP, HSR) gave the frame.
    /// Both copies have the same; which is the second, the duplicate filter tells.
    pub redundancy: Option<u16>,
}

/// What wrapped the packet. The outer addresses never become assets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tunnel {
    /// GRE, NVGRE.
    Gre,
    /// ERSPAN I, II, III.
    Erspan,
    /// VXLAN.
    Vxlan,
    /// GENEVE.
    Geneve,
    /// TZSP.
    Tzsp,
    /// GTP-U.
    Gtp,
    /// Teredo.
    Teredo,
    /// MPLS in UDP.
    Mpls,
    /// IP in IP.
    IpInIp,
}

/// An IP packet.
#[derive(Clone, Copy, Debug)]
pub struct Ip {
    /// Sender.
    pub source: IpAddr,
    /// Receiver.
    pub destination: IpAddr,
    /// Time to live or hop limit.
    pub ttl: u8,
    /// Identification (IPv4, or of an IPv6 fragment).
    pub id: Option<u32>,
}

/// A TCP segment.
#[derive(Clone, Copy, Debug)]
pub struct Tcp<'a> {
    /// Sender's port.
    pub source_port: u16,
    /// Receiver's port.
    pub destination_port: u16,
    /// Sequence number of the first payload byte (of the SYN where it is set).
    pub sequence: u32,
    /// Acknowledgement number; meaningless without the ACK flag.
    pub acknowledgement: u32,
    /// Flags as on the wire: FIN 1, SYN 2, RST 4, PSH 8, ACK 16.
    pub flags: u8,
    /// The payload that was captured.
    pub payload: &'a [u8],
    /// Payload bytes that the snap length cut off.
    pub cut: u32,
}

/// A UDP datagram.
#[derive(Clone, Copy, Debug)]
pub struct Udp<'a> {
    /// Sender's port.
    pub source_port: u16,
    /// Receiver's port.
    pub destination_port: u16,
    /// The payload that was captured.
    pub payload: &'a [u8],
    /// Payload bytes that the snap length cut off.
    pub cut: u32,
}

/// A piece of an IP packet.
#[derive(Clone, Copy, Debug)]
pub struct Fragment<'a> {
    /// The protocol number of the whole.
    pub protocol: u8,
    /// Where the piece begins, in bytes.
    pub offset: u32,
    /// Whether more follow.
    pub more: bool,
    /// Its bytes that were captured.
    pub bytes: &'a [u8],
    /// Bytes of it that the snap length cut off.
    pub cut: u32,
    /// Tunnels around it: what is put together from it is inside them too.
    pub depth: u8,
}

/// What the innermost layer that was understood carries.
#[derive(Clone, Copy, Debug)]
pub enum Payload<'a> {
    /// TCP.
    Tcp(Ip, Tcp<'a>),
    /// UDP.
    Udp(Ip, Udp<'a>),
    /// A piece of an IP packet; put together it is decoded again.
    Fragment(Ip, Fragment<'a>),
    /// Another IP protocol, by number.
    OtherIp(Ip, u8),
    /// ARP: who says that it has which address.
    Arp {
        /// Sender's hardware address as the message has it.
        mac: Mac,
        /// Sender's protocol address.
        ip: IpAddr,
        /// The address asked for.
        target: IpAddr,
        /// Whether it is an answer.
        reply: bool,
    },
    /// Another ethertype, or an LLC frame (`ethertype` 0).
    Ethernet {
        /// The ethertype.
        ethertype: u16,
        /// Bytes after it; of an LLC frame from its DSAP on.
        bytes: &'a [u8],
        /// Bytes that the snap length cut off.
        cut: u32,
    },
    /// Bytes of a serial line.
    Serial {
        /// The link type, which names the line: 250 any (SEL RTAC), 165 BACnet
        /// MS/TP, 257 PROFIBUS.
        link_type: u16,
        /// Whether the capturing device sent them; none where that is not told.
        sent: Option<bool>,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// Nothing that could be read further. Why is a word for the counters:
    /// `empty`, `unknown_link_type`, `unknown_ppp_protocol`, `truncated` (by the
    /// snap length), `malformed`, `tag_depth`, `tunnel_depth`, `encrypted`,
    /// `line_status` (a serial line's event without bytes).
    Nothing(&'static str),
}

/// A decoded frame.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// The link layer.
    pub link: Link,
    /// What it carries.
    pub payload: Payload<'a>,
    /// The captured bytes after the innermost IP header, ethertype or serial
    /// header, cut to their length: a transport header and its payload, say.
    pub body: &'a [u8],
}
