//! A decoded packet on its way to the flow that it belongs to.

use dissectors::dissector::Direction;

use super::{Arrival, Engine};
use crate::arp::Message;
use crate::decode::decode_fragments;
use crate::flow::FlowKey;
use crate::packet::{Ip, Link, Packet, Payload, Tcp};
use crate::reassembly::{Chunk, Segment, opens_anew};

/// The link type of a serial line that may carry any protocol.
const SERIAL_ANY: u16 = 250;

impl Engine {
    pub(super) fn packet(&mut self, packet: &Packet<'_>, arrival: Arrival<'_>, interface: u32) {
        let Packet { link, payload, .. } = packet;
        match payload {
            Payload::Tcp(ip, tcp) => self.tcp(link, ip, tcp, arrival),
            Payload::Udp(ip, udp) => {
                let ports = (udp.source_port, udp.destination_port);
                let (key, direction) =
                    FlowKey::ip((ip.source, ports.0), (ip.destination, ports.1), link.vlan, false);
                if let Some(slot) = self.flow(key, direction, link, Some(ip), arrival) {
                    self.datagram(slot, direction, (udp.payload, udp.cut), arrival);
                }
            }
            Payload::Fragment(ip, fragment) => {
                let whole = self.fragments.push(
                    link,
                    ip,
                    fragment,
                    arrival.frame,
                    self.now_ns.unwrap_or_default(),
                    &mut self.counters,
                );
                if let Some(whole) = whole {
                    let packet =
                        decode_fragments(&whole, &mut self.counters, Some(&mut self.mirrors));
                    let arrival = Arrival {
                        earlier: &whole.frames.earlier,
                        conflict: whole.conflict,
                        ..arrival
                    };
                    self.packet(&packet, arrival, interface);
                }
            }
            Payload::Arp { mac, ip, target, reply } => {
                if let Some(spoof) = &mut self.spoof {
                    spoof.arps.note(&Message {
                        mac: *mac,
                        ip: *ip,
                        target: *target,
                        reply: *reply,
                        vlan: link.vlan,
                        interface: self.interfaces.current(),
                        frame: arrival.frame,
                        time_ns: arrival.time_ns,
                    });
                    self.tell_arps();
                }
                let link = Link { source: Some(*mac), ..*link };
                let ip = Ip { source: *ip, destination: *ip, ttl: 0, id: None };
                self.observer.address(&link, Some(&ip), true, arrival.frame, arrival.time_ns);
            }
            Payload::OtherIp(ip, _) => {
                self.observer.address(link, Some(ip), false, arrival.frame, arrival.time_ns);
            }
            Payload::Ethernet { ethertype, bytes, cut } => {
                self.counters.ethertype(*ethertype);
                if let (Some(source), Some(destination)) = (link.source, link.destination) {
                    let (key, direction) =
                        FlowKey::ethernet(source, destination, *ethertype, link.vlan);
                    if let Some(slot) = self.flow(key, direction, link, None, arrival) {
                        self.datagram(slot, direction, (bytes, *cut), arrival);
                    }
                }
            }
            Payload::Serial { link_type: SERIAL_ANY, sent, bytes } => {
                let key = FlowKey::serial(arrival.frame.file, interface);
                let direction =
                    if *sent == Some(false) { Direction::BToA } else { Direction::AToB };
                if let Some(slot) = self.flow(key, direction, link, None, arrival) {
                    self.datagram(slot, direction, (bytes, 0), arrival);
                }
            }
            Payload::Serial { bytes, .. } => {
                let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                self.counters.undecoded("serial_line", len);
            }
            Payload::Nothing(_) => {}
        }
    }

    fn tcp(&mut self, link: &Link, ip: &Ip, tcp: &Tcp<'_>, arrival: Arrival<'_>) {
        let (key, direction) = FlowKey::ip(
            (ip.source, tcp.source_port),
            (ip.destination, tcp.destination_port),
            link.vlan,
            true,
        );
        if tcp.is_opening()
            && let Some(slot) = self.flows.find(&key)
            && self.flows.get_mut(slot).is_some_and(|flow| opens_anew(&flow.halves, direction, tcp))
        {
            self.end_flow(slot);
        }
        let Some(slot) = self.flow(key, direction, link, Some(ip), arrival) else { return };
        if let Some(flow) = self.flows.get_mut(slot) {
            flow.header(direction, tcp);
        }
        if self.watches && (tcp.is_opening() || tcp.is_reset()) {
            self.handshake(slot, direction, tcp, arrival);
        }
        let segment = Segment {
            tcp: *tcp,
            direction,
            frame: arrival.frame,
            earlier: arrival.earlier,
            time_ns: arrival.time_ns,
        };
        let now_ns = self.now_ns.unwrap_or_default();
        self.in_flow(slot, |parts, reassembly, counters, deliver| {
            reassembly.segment(
                &mut parts.stream,
                &segment,
                now_ns,
                counters,
                &mut |direction, step, counters| {
                    deliver(parts.application, direction, step, &parts.view, counters);
                },
            );
        });
        self.flows.arm(slot, now_ns);
    }

    /// Bytes without a stream, and how many behind them the snap length cut off.
    fn datagram(
        &mut self,
        slot: u32,
        direction: Direction,
        (bytes, cut): (&[u8], u32),
        arrival: Arrival<'_>,
    ) {
        if bytes.is_empty() {
            return;
        }
        let chunk = Chunk {
            bytes,
            frame: arrival.frame,
            earlier: arrival.earlier,
            time_ns: arrival.time_ns,
            sequence: 0,
            start: true,
            cut,
        };
        self.with_application(slot, |application, view, work| {
            application.payload(direction, &chunk, view, work);
        });
        self.flows.arm(slot, self.now_ns.unwrap_or_default());
    }
}
