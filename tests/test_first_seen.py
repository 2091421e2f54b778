"""Whatever is done for the first time is told as such by one event, and only by one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether
from scapy.packet import Packet
from scapy.utils import wrpcap

import otmon
from otmon import _engine
from otmon.model.event import event_from_behaviour, event_from_transaction, stands_alone

SCANNER = "10.0.0.66"
IDENTITY = bytes.fromhex("2b0e0100")
"""Read device identification, the basic objects."""
NAMED = bytes.fromhex("2b0e01010000010003414243")
READ, REGISTERS = bytes.fromhex("0300640002"), bytes.fromhex("030400010002")
REFUSED = bytes.fromhex("8302")
WRITE = bytes.fromhex("0600640007")


def asked(server: str, port: int, *exchanges: tuple[bytes, bytes | None]) -> Iterator[Packet]:
    """A connection in which requests of function codes are answered, or not."""
    start = 1_700_000_000 + int(server.rpartition(".")[2])
    sent = {True: 1000, False: 9000}
    messages: list[tuple[bool, bytes, str]] = [(True, b"", "S"), (False, b"", "SA")]
    messages.append((True, b"", "A"))
    for number, (request, answer) in enumerate(exchanges, 1):
        for from_client, pdu in ((True, request), (False, answer)):
            if pdu is not None:
                header = number.to_bytes(2) + bytes(2) + (len(pdu) + 1).to_bytes(2) + b"\1"
                messages.append((from_client, header + pdu, "PA"))
    for at, (from_client, payload, flags) in enumerate(messages):
        ends = (SCANNER, server) if from_client else (server, SCANNER)
        ports = (50_000, port) if from_client else (port, 50_000)
        macs = [f"02:00:00:00:00:{int(ip.rpartition('.')[2]):02x}" for ip in ends]
        frame = (
            Ether(src=macs[0], dst=macs[1])
            / IP(src=ends[0], dst=ends[1])
            / TCP(
                sport=ports[0],
                dport=ports[1],
                flags=flags,
                seq=sent[from_client],
                ack=sent[not from_client],
            )
            / payload
        )
        frame.time = start + at / 100
        sent[from_client] += len(payload) + ("S" in flags)
        yield frame


def firsts(capture: Path) -> list[tuple[str, str | None, int]]:
    """The events that say of themselves that they are the first, as a run judges them."""
    engine, told = _engine.Engine([str(capture)]), []
    while (batch := engine.read_batch()) is not None:
        for one in batch:
            if isinstance(one, _engine.Transaction):
                event = event_from_transaction(one)
            elif isinstance(one, _engine.Behaviour) and one.new and stands_alone(one):
                event = event_from_behaviour(one)
            else:
                continue
            if event.get("ot.first_seen"):
                told.append((one.operation, one.status, event.frames[0][1]))
    return told


@pytest.mark.parametrize("port", [502, 10_502], ids=["at_its_port", "off_port"])
def test_a_scan_for_identities_is_seen_on_any_port(tmp_path: Path, port: int) -> None:
    capture = tmp_path / "scan.pcap"
    devices = [f"10.0.0.{number}" for number in range(10, 16)]
    wrpcap(str(capture), [frame for ip in devices for frame in asked(ip, port, (IDENTITY, NAMED))])
    alerts = otmon.analyze(capture).alerts

    assert "Many devices asked what they are" in [alert.rule.title for alert in alerts]


@pytest.mark.parametrize("port", [502, 10_502], ids=["at_its_port", "off_port"])
def test_each_thing_that_is_done_is_told_once_as_the_first(tmp_path: Path, port: int) -> None:
    capture = tmp_path / "firsts.pcap"
    exchanges: list[tuple[bytes, bytes | None]] = [
        *((READ, REGISTERS), (READ, REGISTERS), (WRITE, WRITE), (WRITE, WRITE)),
        *((READ, REFUSED), (READ, REFUSED)),
    ]
    wrpcap(str(capture), list(asked("10.0.0.10", port, *exchanges)))

    assert [
        ("read_holding_registers", "ok", 4),
        ("write_single_register", "ok", 8),
        ("read_holding_registers", "illegal_data_address", 12),
    ] == sorted(firsts(capture), key=lambda one: one[2])
