//! Whole layers as bytes, for the tests of this folder.

use super::{decode, length};
use crate::counters::Counters;
use crate::packet::{Ip, Packet, Payload, Tcp, Tunnel, Udp};

/// Addresses of an Ethernet frame: to 02:..:01, from 02:..:02.
pub(super) const ETHERNET: &[u8] = &[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
/// The ethertypes of IP.
pub(super) const IPV4: &[u8] = &[0x08, 0x00];
pub(super) const IPV6: &[u8] = &[0x86, 0xdd];
/// VLAN tags with id 7 and 9.
pub(super) const TAG_7: &[u8] = &[0x81, 0x00, 0xe0, 0x07];
pub(super) const TAG_9: &[u8] = &[0x88, 0xa8, 0x00, 0x09];
/// Ports 1025 and 502, sequence 1, acknowledgement 2, PSH and ACK, "pdu".
pub(super) const TCP: &[u8] = &[
    0x04, 0x01, 0x01, 0xf6, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x18, 0x01, 0, 0, 0, 0, 0, b'p', b'd',
    b'u',
];
/// Ports 1025 and 20000, length 12, "pdu!".
pub(super) const UDP: &[u8] = &[0x04, 0x01, 0x4e, 0x20, 0, 12, 0, 0, b'p', b'd', b'u', b'!'];

/// An IPv4 packet from 10.0.0.1 to 10.0.0.2, id 7, TTL 64.
pub(super) fn ipv4(protocol: u8, body: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(body.len()).unwrap().saturating_add(20).to_be_bytes();
    let mut head = [0x45, 0, high, low, 0, 7, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    let (words, _) = head.as_chunks::<2>();
    let sum: u32 = words.iter().map(|word| u32::from(u16::from_be_bytes(*word))).sum();
    let folded = u16::try_from((sum & 0xffff).wrapping_add(sum >> 16)).unwrap();
    head[10..12].copy_from_slice(&(!folded).to_be_bytes());
    [&head, body].concat()
}

/// An IPv6 packet from fd00::1 to fd00::2.
pub(super) fn ipv6(next: u8, body: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(body.len()).unwrap().to_be_bytes();
    let mut head = vec![0x60, 0, 0, 0, high, low, next, 64];
    for last in [1, 2] {
        head.extend([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    }
    [&head, body].concat()
}

/// A UDP datagram from port 1025.
pub(super) fn datagram(to: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().saturating_add(8).to_be_bytes();
    [&[0x04, 0x01], &to.to_be_bytes()[..], &length, &[0, 0], payload].concat()
}

/// An Ethernet frame from 02:..:04 to 02:..:03 that carries [`TCP`] on VLAN 7.
pub(super) fn inner_frame() -> Vec<u8> {
    [&[2, 0, 0, 0, 0, 3, 2, 0, 0, 0, 0, 4], TAG_7, IPV4, &ipv4(6, TCP)].concat()
}

/// A frame read whole.
pub(super) fn read(link_type: u16, bytes: &[u8]) -> Packet<'_> {
    decode(link_type, bytes, length(bytes), &mut Counters::new())
}

pub(super) fn tcp<'a>(packet: &Packet<'a>) -> (Ip, Tcp<'a>) {
    let Payload::Tcp(ip, tcp) = packet.payload else { panic!("TCP: {packet:?}") };
    (ip, tcp)
}

pub(super) fn udp<'a>(packet: &Packet<'a>) -> (Ip, Udp<'a>) {
    let Payload::Udp(ip, udp) = packet.payload else { panic!("UDP: {packet:?}") };
    (ip, udp)
}

pub(super) fn nothing(packet: &Packet<'_>) -> &'static str {
    let Payload::Nothing(why) = packet.payload else { panic!("nothing: {packet:?}") };
    why
}

/// The ethertype and what follows it.
pub(super) fn ethernet<'a>(packet: &Packet<'a>) -> (u16, &'a [u8]) {
    let Payload::Ethernet { ethertype, bytes, .. } = packet.payload else {
        panic!("an ethertype: {packet:?}")
    };
    (ethertype, bytes)
}

/// The tunnel, the VLAN and the sender of a packet that carries [`TCP`].
pub(super) fn tunnelled(packet: &Packet<'_>) -> (Option<Tunnel>, Option<u16>, Option<[u8; 6]>) {
    assert_eq!(b"pdu", tcp(packet).1.payload);
    (packet.link.tunnel, packet.link.vlan, packet.link.source)
}
