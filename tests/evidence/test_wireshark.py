"""Wireshark's opinion is had where it can be, and its absence is told."""

from __future__ import annotations

import builtins
import importlib.util

import pytest
from places import PCAPS, absent

from otmon.evidence import wireshark
from otmon.evidence.wireshark import WiresharkError, decode

STOP = PCAPS / "s7comm" / "stop_start.pcapng"


@pytest.fixture
def pyshark(tshark):
    """The package, where there is a tshark as well."""
    if importlib.util.find_spec("pyshark") is None:
        absent("pyshark", "OTMON_REQUIRE_TSHARK")
    return importlib.import_module("pyshark.capture.capture")


def test_wireshark_decodes_the_frames_asked_for(pyshark):
    found = decode(STOP.read_bytes(), {8, 10})

    assert {8, 10} == found.keys()
    layers = {layer.name: layer.lines for layer in found[8]}
    assert {"eth", "ip", "tcp", "tpkt", "cotp", "s7comm"} <= layers.keys()
    assert "Protocol Id: 0x32" in layers["s7comm"]


def test_without_tshark_it_is_told_what_to_install(monkeypatch):
    monkeypatch.setattr(wireshark.shutil, "which", lambda _name: None)

    with pytest.raises(WiresharkError, match=r"tshark is not installed.*Install it"):
        decode(b"", set())


def test_without_pyshark_it_is_told_what_to_install(monkeypatch):
    monkeypatch.setattr(wireshark.shutil, "which", lambda name: name)
    load = builtins.__import__

    def refuse(name: str, *rest: object) -> object:
        if name.startswith("pyshark"):
            raise ImportError(name)
        return load(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)

    with pytest.raises(WiresharkError, match=r"pip install 'otmon\[wireshark\]'"):
        decode(b"", set())


def lose_the_status(pyshark, monkeypatch):
    """What pyshark does where asyncio did not learn how tshark ended."""

    async def crash(self, process):
        raise pyshark.TSharkCrashException("seems to have crashed (retcode: 255)")

    monkeypatch.setattr(pyshark.Capture, "_cleanup_subprocess", crash)


def test_a_lost_exit_status_of_tshark_costs_nothing_that_was_decoded(pyshark, monkeypatch):
    lose_the_status(pyshark, monkeypatch)

    assert {8, 10} == decode(STOP.read_bytes(), {8, 10}).keys()


def test_a_tshark_that_ended_before_the_frames_came_is_told(pyshark, monkeypatch):
    lose_the_status(pyshark, monkeypatch)

    with pytest.raises(WiresharkError, match=r"tshark failed.*Open the capture in Wireshark"):
        decode(STOP.read_bytes(), {8, 10_000})


def test_no_line_names_a_frame_by_its_place_in_the_extract(pyshark):
    capture = (PCAPS / "modbus" / "unit_sweep.pcapng").read_bytes()
    found = decode(capture, set(range(1, 20)))

    lines = [line for layers in found.values() for layer in layers for line in layer.lines]
    assert any("Time from request" in line for line in lines)
    assert [] == [line for line in lines if line.startswith("Request Frame")]
