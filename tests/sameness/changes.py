"""Ways in which the same attack looks different on the wire, and ways in which it is none."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import replace

from sameness.wire import ACK, FIN, NS, RST, SYN, TCP, Frame

ARP = b"\x08\x06"
Change = Callable[[list[Frame]], list[Frame]]


def _each(change: Callable[[Frame], list[Frame]]) -> Change:
    return lambda frames: [out for frame in frames for out in change(frame)]


def _cut(frame: Frame, size: int) -> list[Frame]:
    """A segment as several of `size` bytes, a microsecond apart."""
    if frame.protocol != TCP or len(frame.payload) <= size:
        return [frame]
    return [
        replace(
            frame,
            time_ns=frame.time_ns + place * 1000,
            sequence=(frame.sequence + at) % 2**32,
            payload=frame.payload[at : at + size],
        )
        for place, at in enumerate(range(0, len(frame.payload), size))
    ]


def segmented(size: int) -> Change:
    """Segments of `size` bytes at most."""
    return _each(lambda frame: _cut(frame, size))


def _retransmitted(frame: Frame) -> list[Frame]:
    again = replace(frame, time_ns=frame.time_ns + 300_000)
    return [frame, again] if frame.protocol == TCP and frame.payload else [frame]


def _reordered(frame: Frame) -> list[Frame]:
    """A segment in up to eight parts, the last one first."""
    parts = _cut(frame, max(1, -(-len(frame.payload) // 8)))
    times = [part.time_ns for part in parts]
    return [replace(part, time_ns=at) for part, at in zip(reversed(parts), times, strict=True)]


def _mirrored(frame: Frame) -> list[Frame]:
    return [frame, replace(frame, time_ns=frame.time_ns + 5_000)]


def moved_port(frames: list[Frame]) -> list[Frame]:
    """Servers on other ports."""
    return [replace(frame, ports=tuple(_other(port) for port in frame.ports)) for frame in frames]


def _other(port: int) -> int:
    return port + 30_000 if port < 32_000 else port


def _tagged(*tags: int) -> Change:
    return lambda frames: [replace(frame, tags=tags) for frame in frames]


def ipv6(frames: list[Frame]) -> list[Frame]:
    """The same hosts with addresses of IPv6."""
    return [
        replace(frame, ips=(six(frame.ips[0]), six(frame.ips[1]))) if frame.ips else frame
        for frame in frames
        if frame.ips
    ]


def six(ip: str) -> str:
    """The address of IPv6 that stands for one of IPv4."""
    return str(ipaddress.ip_address(b"\xfd" + bytes(11) + ipaddress.ip_address(ip).packed))


def moved_hosts(frames: list[Frame]) -> list[Frame]:
    """Other hosts: another network, other network cards."""
    return [
        replace(
            frame,
            macs=(_card(frame.macs[0]), _card(frame.macs[1])),
            ips=(moved(frame.ips[0]), moved(frame.ips[1])) if frame.ips else None,
            rest=_moved_arp(frame.rest) if frame.rest[:2] == ARP else frame.rest,
        )
        for frame in frames
        if frame.ips or frame.rest[:2] == ARP
    ]


def _moved_arp(rest: bytes) -> bytes:
    """An ARP message of other hosts."""
    out = rest[:10]
    for at in (10, 20):
        ip = str(ipaddress.ip_address(rest[at + 6 : at + 10]))
        card = rest[at : at + 6]
        out += (_card(card) if any(card) else card) + ipaddress.ip_address(moved(ip)).packed
    return out + rest[30:]


def moved(ip: str) -> str:
    """The address that stands for another one."""
    first, second, rest = ip.split(".", 2)
    return f"{first}.{int(second) ^ 0x40}.{rest}"


def _card(mac: bytes) -> bytes:
    return mac if mac[0] & 1 else mac[:3] + bytes([mac[3] ^ 0x55]) + mac[4:]


def later(frames: list[Frame]) -> list[Frame]:
    """More than a year later, in the middle of a second."""
    shift = 400 * 86_400 * NS + 123_456_000
    return [replace(frame, time_ns=frame.time_ns + shift) for frame in frames]


def without_handshake(frames: list[Frame]) -> list[Frame]:
    """A capture that begins when all connections are open."""
    opened: set[object] = set()
    kept = []
    for frame in frames:
        if frame.protocol == TCP and frame.flow not in opened:
            if not frame.payload:
                continue
            opened.add(frame.flow)
        kept.append(frame)
    return kept


SAME: dict[str, Change] = {
    "split at every byte": segmented(1),
    "retransmitted": _each(_retransmitted),
    "reordered": _each(_reordered),
    "mirrored twice": _each(_mirrored),
    "behind a VLAN": _tagged(42),
    "behind two VLANs": _tagged(7, 42),
    "over IPv6": ipv6,
    "between other hosts": moved_hosts,
    "at another time": later,
    "without its handshakes": without_handshake,
    "on other ports": moved_port,
}
"""What must raise the same alerts, by name."""


def swapped(frames: list[Frame]) -> list[Frame]:
    """Each message sent by the other side: requests come from the server's port."""
    numbers: dict[object, dict[tuple[str, int], int]] = {}
    out = []
    for frame in frames:
        if not frame.ips or frame.protocol != TCP:
            out.append(frame.sent_back() if frame.ips and frame.payload else frame)
            continue
        sent = numbers.setdefault(frame.flow, {})
        if frame.payload:
            frame = frame.sent_back()
        assert frame.ips
        own, peer = zip(frame.ips, frame.ports, strict=True)
        if frame.flags & SYN:
            sent[own] = frame.sequence
        frame = replace(
            frame,
            sequence=sent.get(own, frame.sequence),
            acknowledged=sent.get(peer, 0) if frame.flags & ACK else 0,
        )
        sent[own] = (frame.sequence + len(frame.payload) + bool(frame.flags & (SYN | FIN))) % 2**32
        out.append(frame)
    return out


def answers_alone(frames: list[Frame]) -> list[Frame]:
    """Only what servers send."""
    clients = {}
    for frame in frames:
        if frame.ips and frame.protocol == TCP and frame.flags & (SYN | ACK | RST) == SYN:
            clients[frame.flow] = (frame.ips[0], frame.ports[0])
    return [
        frame
        for frame in frames
        if not frame.ips or clients.get(frame.flow) != (frame.ips[0], frame.ports[0])
    ]


def _modbus(change: Callable[[bool, bytes], bytes]) -> Change:
    """Changes the PDU behind each Modbus/TCP header; it is told whether the client sends it."""

    def adu(frame: Frame) -> list[Frame]:
        payload = frame.payload
        if 502 not in frame.ports or len(payload) < 8:
            return [frame]
        pdu = change(frame.ports[1] == 502, payload[7:])
        head = payload[:4] + (len(pdu) + 1).to_bytes(2, "big") + payload[6:7]
        return [replace(frame, payload=head + pdu)]

    return lambda frames: renumbered(_each(adu)(frames))


def renumbered(frames: list[Frame]) -> list[Frame]:
    """Sequence numbers that fit payloads of other lengths; nothing may be sent twice before."""
    numbers: dict[object, dict[tuple[str, int], int]] = {}
    out = []
    for frame in frames:
        if frame.ips and frame.protocol == TCP:
            sent = numbers.setdefault(frame.flow, {})
            own, peer = zip(frame.ips, frame.ports, strict=True)
            if frame.flags & SYN:
                sent[own] = frame.sequence
            frame = replace(
                frame,
                sequence=sent.setdefault(own, frame.sequence),
                acknowledged=sent.get(peer, frame.acknowledged) if frame.flags & ACK else 0,
            )
            length = len(frame.payload) + bool(frame.flags & (SYN | FIN))
            sent[own] = (frame.sequence + length) % 2**32
        out.append(frame)
    return out


READ, VALUE = b"\x03\x00\x64\x00\x01", b"\x03\x02\x00\x07"
as_reads: Change = _modbus(lambda asked, _pdu: READ if asked else VALUE)
"""Each Modbus request as the read of one register, each answer as its value."""
