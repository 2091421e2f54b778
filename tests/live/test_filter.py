"""A filter means what libpcap makes of the same words."""

from __future__ import annotations

import ctypes
import ctypes.util

import pytest
from live.frames import frames_of, numbered
from live.wire import Wire
from places import PCAPS, absent
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import ARP, Ether

from otmon._engine import compile_filter
from otmon.errors import OptionsError

EXPRESSIONS = (
    "not port 22",
    "port 502",
    "tcp port 502 or udp port 53",
    "not (tcp src port 502 and dst host 10.20.1.10)",
    "host 10.20.1.10",
    "src net 10.20.0.0/16 and not dst net 10.20.2.0/24",
    "ip6 and host fd00::5",
    "net fd00::/16",
    "src host fd00::5 or arp",
    "ether host 00:1b:1b:10:02:21",
    "ether src host 02:00:00:00:00:02",
    "ether proto 0x88b5",
    "ip proto 17",
    "icmp or icmp6",
    "portrange 100-600",
    "udp src portrange 5000-6000 or tcp dst portrange 1-102",
    "less 100",
    "greater 100 and tcp",
    "arp and host 10.0.0.9",
    "ip or ip6 and not tcp",
    "!tcp && !udp || port 53",
)


def made_here() -> list[bytes]:
    """Packets that no shipped capture has: fragments, options, IPv6, ARP."""
    ends = Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:01")
    six = IPv6(src="fd00::5", dst="fd00::6")
    packets = [
        ends / ARP(psrc="10.0.0.9", pdst="10.0.0.1"),
        ends / IP(dst="10.0.0.1", options=[b"\x07\x07\x04\0\0\0\0\0"]) / TCP(dport=22),
        ends / IP(dst="10.0.0.1", frag=10) / UDP(sport=53, dport=22),
        ends / IP(dst="10.0.0.1") / ICMP(),
        ends / IP(dst="10.0.0.1") / UDP(sport=5353, dport=53) / bytes(200),
        ends / six / TCP(sport=502, dport=40_000),
        ends / six / UDP(sport=5_001, dport=22),
        ends / six / ICMPv6EchoRequest(),
    ]
    return [bytes(packet) for packet in packets]


class Program(ctypes.Structure):
    """struct bpf_program of libpcap."""

    _fields_ = (("length", ctypes.c_uint), ("instructions", ctypes.c_void_p))


class Instruction(ctypes.Structure):
    """struct bpf_insn."""

    _fields_ = (
        ("code", ctypes.c_ushort),
        ("jt", ctypes.c_ubyte),
        ("jf", ctypes.c_ubyte),
        ("k", ctypes.c_uint),
    )


@pytest.fixture(scope="module")
def libpcap() -> ctypes.CDLL:
    """The library that decides what the words mean."""
    name = ctypes.util.find_library("pcap")
    if name is None:
        absent("libpcap", "OTMON_REQUIRE_TSHARK")
    library = ctypes.CDLL(name)
    library.pcap_open_dead.restype = ctypes.c_void_p
    library.bpf_filter.restype = ctypes.c_uint
    return library


def verdicts(libpcap: ctypes.CDLL, instructions: object, frames: list[bytes]) -> list[bool]:
    """Of each frame, whether a program lets it pass."""
    run = libpcap.bpf_filter
    return [bool(run(instructions, frame, len(frame), len(frame))) for frame in frames]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_means_what_libpcap_says(libpcap: ctypes.CDLL, expression: str) -> None:
    frames = [
        frame
        for name in ("demo/plant.pcapng", "modbus/functions.pcapng")
        for frame in frames_of(PCAPS / name)[:400]
        # libpcap looks at a tag that the kernel would have taken out.
        if frame[12:14] != b"\x81\x00"
    ]
    frames += made_here() + numbered(2)
    theirs = Program()
    handle = ctypes.c_void_p(libpcap.pcap_open_dead(1, 65_535))
    assert 0 == libpcap.pcap_compile(
        handle, ctypes.byref(theirs), expression.encode(), 1, ctypes.c_uint(0xFFFFFFFF)
    )
    lines = compile_filter(expression).splitlines()[1:]
    ours = (Instruction * len(lines))(*(Instruction(*map(int, line.split())) for line in lines))

    expected = verdicts(libpcap, ctypes.c_void_p(theirs.instructions), frames)
    assert expected == verdicts(libpcap, ours, frames)
    assert {True, False} == {*expected}


def test_a_tagged_frame_needs_no_word_of_its_own(wire: Wire) -> None:
    tag = bytes.fromhex("81000007")
    web, ssh = (
        bytes(Ether(src="02:00:00:00:00:02") / IP(dst="10.0.0.1") / TCP(dport=port))
        for port in (80, 22)
    )
    sensor = wire.watch(filter="not port 22 and vlan 7")
    wire.send([web, ssh] + [frame[:12] + tag + frame[12:] for frame in (web, ssh)])
    counters = sensor.stop()["counters"]

    assert (1, len(web) + 4) == (counters["frames"], counters["bytes"])


def test_a_filter_that_is_not_understood_says_where() -> None:
    with pytest.raises(OptionsError, match=r"at 'prot'.*tcpdump"):
        compile_filter("prot 22")


def test_a_program_is_taken_as_it_is() -> None:
    text = "2\n40 0 0 12\n6 0 0 96"

    assert text == compile_filter(text)
