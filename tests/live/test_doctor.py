"""`otmon doctor INTERFACE` says whether an interface is fit to watch a mirror port."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from live.frames import PLANT, frames_of
from live.wire import Wire

OTMON = Path(sys.executable).with_name("otmon")


def findings(wire: Wire, interface: str, listen_s: float = 0) -> list[dict[str, Any]]:
    """What is said of an interface in the namespace of a wire."""
    command = [str(OTMON), "doctor", interface, "--listen", str(listen_s), "--format", "json"]
    done = subprocess.run(
        ["ip", "netns", "exec", wire.namespace, *command],
        capture_output=True,
        text=True,
        check=False,
    )
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def said(found: list[dict[str, Any]], status: str) -> str:
    """All that was found of one status."""
    return "; ".join(one["says"] for one in found if one["status"] == status)


def test_a_quiet_interface_without_address_is_fit(wire: Wire) -> None:
    wire.run("sh", "-c", "ethtool -K tap0 gro off lro off 2>/dev/null || true")
    found = [one for one in findings(wire, "tap0") if one["check"] == "tap0"]

    well = said(found, "ok")
    assert all(
        words in well
        for words in ("it is up", "it has no address", "MTU is 9000", "sends nothing through it")
    )
    assert "" == said(found, "failure")


def test_addresses_ipv6_and_a_short_mtu_are_told_with_their_remedy(wire: Wire) -> None:
    wire.run("ip", "addr", "add", "192.0.2.7/24", "dev", "tap0")
    wire.run("ip", "link", "set", "tap0", "mtu", "1280")
    wire.run("sh", "-c", "echo 0 > /proc/sys/net/ipv6/conf/tap0/disable_ipv6")
    found = findings(wire, "tap0")

    warned = said(found, "warning")
    assert all(words in warned for words in ("192.0.2.7", "IPv6 is on", "its MTU is 1280"))
    assert all(one["advice"] for one in found if one["status"] == "warning")


def test_a_port_without_link_is_a_failure(wire: Wire) -> None:
    wire.run("ip", "link", "set", "src0", "down")

    assert "it has no link" in said(findings(wire, "tap0"), "failure")


def test_what_comes_in_is_heard(wire: Wire) -> None:
    command = [str(OTMON), "doctor", "tap0", "--listen", "6", "--format", "json"]
    doctor = subprocess.Popen(
        ["ip", "netns", "exec", wire.namespace, *command], stdout=subprocess.PIPE, text=True
    )
    for _ in range(6):
        wire.run("sleep", "1")
        wire.send(frames_of(PLANT)[:300])
    output, _ = doctor.communicate(timeout=60)

    assert "industrial messages: " in said(json.loads(output), "ok")
    assert "modbus" in said(json.loads(output), "ok")


def test_an_interface_that_is_not_there_is_told_with_those_that_are(wire: Wire) -> None:
    found = findings(wire, "eth99")

    assert "there is no such interface" == said(found, "failure")
    assert "tap0" in found[-1]["advice"]
