"""Industrial traffic that no dissector reads is named: silence would be a false all-clear."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw
from scapy.utils import wrpcap

import otmon
from otmon.cli import tables
from otmon.cli.quality import warnings
from otmon.cli.tables import industrial_messages
from otmon.model.result import NotRead, Result

CONTROLLER, WORKSTATION = "10.0.0.1", "10.0.0.9"
OPENING = bytes.fromhex("0300001611e00000000100c0010ac1020100c2020102")
OPENED = bytes.fromhex("0300001611d00001000100c0010ac1020100c2020102")
READ = bytes.fromhex("00010000000601030000000a")
ANSWER = bytes.fromhex("000100000017010314") + bytes(20)
S7COMM_PLUS = bytes.fromhex("0300001002f0807201000132000004ca")


def midway(port: int, own: int, payloads: Sequence[tuple[bool, bytes]]) -> list[Packet]:
    """Segments of a connection whose opening was not seen; true is from the client."""
    sent = {True: 1, False: 1}
    packets = []
    for forth, payload in payloads:
        ends = (WORKSTATION, CONTROLLER, own, port)
        source, destination, sport, dport = ends if forth else (ends[1], ends[0], port, own)
        tcp = TCP(sport=sport, dport=dport, flags="PA", seq=sent[forth], ack=sent[not forth])
        packets.append(Ether() / IP(src=source, dst=destination) / tcp / Raw(payload))
        sent[forth] += len(payload)
    return packets


def read(tmp_path: Path, packets: Sequence[Packet]) -> Result:
    for number, packet in enumerate(packets):
        packet.time = number / 10
    path = tmp_path / "capture.pcap"
    wrpcap(str(path), packets)
    return otmon.analyze(path)


def test_an_industrial_port_that_no_dissector_reads_is_named(tmp_path: Path) -> None:
    both = [(False, b"one"), (True, b"two")] * 6
    result = read(tmp_path, midway(2404, 50_000, both))

    assert (NotRead("IEC 60870-5-104", "tcp/2404", 1, 12),) == result.capture.not_read
    assert ["no dissector for: IEC 60870-5-104 by its port (1 conversation, 12 frames)"] == list(
        warnings(result.capture)
    )
    assert "industrial messages: none that otmon reads" == industrial_messages(result)


def test_who_speaks_it_with_whom_is_shown(tmp_path: Path) -> None:
    result = read(tmp_path, midway(2404, 50_000, [(False, b"one"), (True, b"two")] * 6))
    text = io.StringIO()
    tables.result(Console(file=text, width=80), result, everything=True)
    (row,) = (line for line in text.getvalue().splitlines() if line.startswith("  10.0.0.9  10"))

    assert "10.0.0.9 10.0.0.1 IEC 60870-5-104? 12 frames not read" == " ".join(row.split())


def test_a_handshake_alone_says_nothing_of_what_would_follow(tmp_path: Path) -> None:
    result = read(tmp_path, midway(2404, 50_000, [(True, b"one"), (False, b"two")]))

    assert () == result.capture.not_read
    assert "no industrial protocol found" == industrial_messages(result)


def test_a_port_that_others_use_as_well_names_nothing(tmp_path: Path) -> None:
    result = read(tmp_path, midway(4000, 50_000, [(False, b"one"), (True, b"two")] * 6))

    assert () == result.capture.not_read


def test_what_iso_transport_carries_beside_s7comm_is_named(tmp_path: Path) -> None:
    opening = [(True, OPENING), (False, OPENED)]
    result = read(tmp_path, midway(102, 50_000, [*opening, *[(True, S7COMM_PLUS)] * 12]))

    assert (NotRead("S7comm-plus or MMS", "cotp", 1, 14),) == result.capture.not_read


@pytest.mark.parametrize(("ethertype", "name"), [(0x88B8, "GOOSE"), (0x8892, "PROFINET")])
def test_an_industrial_ethertype_is_named(tmp_path: Path, ethertype: int, name: str) -> None:
    frame = Ether(src="02:00:00:00:00:01", dst="01:0c:cd:01:00:01", type=ethertype)
    result = read(tmp_path, [frame / Raw(bytes([n] * 40)) for n in range(3)])

    expected = NotRead(name, f"ethertype 0x{ethertype:04x}", None, 3)
    assert (expected,) == result.capture.not_read


def test_messages_that_are_never_whole_are_not_called_absent(tmp_path: Path) -> None:
    result = read(tmp_path, midway(502, 50_000, [(True, READ), (False, ANSWER)]))
    talks = tuple(replace(talk, pdus=0) for talk in result.conversations)
    never_whole = replace(result, protocols=(), conversations=talks)

    assert "industrial messages: not one whole, of modbus" == industrial_messages(never_whole)


@pytest.mark.parametrize("port", [2404, 4840, 44818, 48898])
def test_who_is_joined_midway_is_the_server_on_its_known_port(tmp_path: Path, port: int) -> None:
    result = read(tmp_path, midway(port, 1057, [(False, b"one"), (True, b"two")] * 3))
    (talk,) = result.conversations

    assert (WORKSTATION, CONTROLLER, port) == (talk.client_ip, talk.server_ip, talk.port)


def test_who_looks_for_a_dhcpv6_server_is_its_client(tmp_path: Path) -> None:
    ends = IPv6(src="fe80::1", dst="ff02::1:2") / UDP(sport=546, dport=547)
    result = read(tmp_path, [Ether() / ends / Raw(b"solicit")])
    (talk,) = result.conversations

    assert ("fe80::1", 547) == (talk.client_ip, talk.port)
