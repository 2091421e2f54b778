"""Is an interface fit to watch a mirror port: seen whole, and sending nothing?

Everything is read from the kernel; nothing is changed and nothing is sent. To
hear what comes in, a process of its own captures for a few seconds.
"""

from __future__ import annotations

import array
import ctypes
import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from otmon.model.finding import FAILURE, OK, WARNING, Finding

CAP_NET_RAW = 13
"""The number of the capability that opening a packet socket takes (capabilities(7))."""
LISTEN_S = 5
"""How long an interface is listened to, in seconds."""
MIN_MTU = 1500
MIN_FREE_MB = 700
"""Memory that a sensor may come to need, in MB."""
ONE_SIDED_SHARE = 0.8
"""Share of TCP flows with one direction only from which a mirror port is one-sided."""
MIN_FLOWS = 5
DUPLICATE_SHARE = 0.05

_SIOCETHTOOL = 0x8946
_SIOCGIFADDR = 0x8915
_ETHTOOL_GET = {"GRO": 0x2B, "LRO": 0x25}
"""Commands that ask for an offload (linux/ethtool.h); LRO is a bit of the flags."""
_LRO_FLAG = 1 << 15
_TIME_ERROR = 5
_LANDLOCK_CREATE_RULESET = 444
"""The number of the call on every processor (linux/landlock.h)."""

_LISTENER = """
import json, sys, time
from otmon import _engine
engine = _engine.Engine.live([sys.argv[1]])
end = time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    engine.read_batch(timeout_s=0.2)
engine.close()
while engine.read_batch() is not None:
    pass
one, = engine.interfaces()
facts = {"received": one.received, "lost": one.ring_drops + one.driver_drops}
print(json.dumps({**engine.counters(), **facts}))
"""


def examine(name: str, listen_s: float = LISTEN_S) -> Iterator[Finding]:
    """Every check of an interface.

    Args:
        name: The interface.
        listen_s: How long it is listened to; not at all if 0.
    """
    folder = Path("/sys/class/net") / name
    if not name or "/" in name or not folder.exists():
        known = ", ".join(sorted(one.name for one in Path("/sys/class/net").iterdir()))
        yield Finding(
            name or "interface", FAILURE, "there is no such interface", f"Known: {known}."
        )
        return
    yield _right()
    yield _kernel()
    yield _files()
    yield _link(name, folder)
    yield from _addresses(name)
    yield _mtu(name, folder)
    yield from _offloads(name)
    yield _memory()
    yield _clock()
    sent = _count(folder, "tx_packets")
    if listen_s > 0:
        yield from _heard(name, listen_s)
    else:
        time.sleep(1.0)
    more = _count(folder, "tx_packets") - sent
    if more:
        yield Finding(
            name,
            WARNING,
            f"this machine sent {more:,} frames through it meanwhile",
            "Take its addresses away and stop what speaks on it (DHCP, LLDP, mDNS): "
            f"`ip addr flush dev {name}; ip link set {name} arp off`.",
        )
    else:
        yield Finding(name, OK, "this machine sends nothing through it")


def _right() -> Finding:
    effective = int(_status("CapEff"), 16)
    if effective >> CAP_NET_RAW & 1:
        return Finding("right to capture", OK, "CAP_NET_RAW is there")
    return Finding(
        "right to capture",
        FAILURE,
        "this process may not capture: CAP_NET_RAW is not there",
        "Run it with sudo, or as the service, which has that right alone.",
    )


def _status(field: str) -> str:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(line.split(":", 1)[1].strip() for line in lines if line.startswith(f"{field}:"))


def _kernel() -> Finding:
    filters = Path("/proc/sys/kernel/seccomp/actions_avail")
    release = os.uname().release
    if filters.exists() and "errno" in filters.read_text(encoding="ascii"):
        return Finding("kernel", OK, f"{release}, which can refuse a process to send")
    return Finding(
        "kernel",
        FAILURE,
        f"{release} has no seccomp: otmon captures only where it cannot send",
        "Use a kernel with CONFIG_SECCOMP_FILTER, as every distribution has it.",
    )


def landlock_version() -> int | None:
    """The version of Landlock that the kernel has; none where it has none."""
    version = ctypes.CDLL(None, use_errno=True).syscall(_LANDLOCK_CREATE_RULESET, None, 0, 1)
    return version if version > 0 else None


def _files() -> Finding:
    version = landlock_version()
    if version is None:
        return Finding(
            "files",
            WARNING,
            "the kernel has no Landlock: a sensor may write wherever its user may",
            "Use a kernel from 5.13 on with Landlock among its `lsm=`, or the service, whose unit "
            "confines it.",
        )
    return Finding("files", OK, f"a sensor can write nothing but its own (Landlock {version})")


def _link(name: str, folder: Path) -> Finding:
    state = _text(folder / "operstate")
    if not int(_text(folder / "flags") or "0", 16) & 1:
        advice = f"`ip link set {name} up`."
        return Finding(name, FAILURE, "it is down", advice)
    if _text(folder / "carrier") != "1":
        return Finding(
            name, FAILURE, f"it has no link (state {state})", "Check the cable and the mirror port."
        )
    speed = _text(folder / "speed")
    known = f", {int(speed):,} Mbit/s" if speed.isdigit() else ""
    return Finding(name, OK, f"it is up and has a link{known}")


def _addresses(name: str) -> Iterator[Finding]:
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        request = struct.pack("16s24x", name.encode()[:15])
        try:
            answer = fcntl.ioctl(asked, _SIOCGIFADDR, request)
            found.append(socket.inet_ntoa(answer[20:24]))
        except OSError:
            pass
    six = _text(Path("/proc/net/if_inet6"))
    for line in six.splitlines():
        digits, *_, device = line.split()
        if device == name:
            found.append(socket.inet_ntop(socket.AF_INET6, bytes.fromhex(digits)))
    if found:
        yield Finding(
            name,
            WARNING,
            f"it has addresses: {', '.join(found)}. It answers whoever asks for them",
            f"`ip addr flush dev {name}`, and leave it out of the network configuration.",
        )
    else:
        yield Finding(name, OK, "it has no address")
    off = _text(Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6"))
    if off == "0":
        yield Finding(
            name,
            WARNING,
            "IPv6 is on: it sends as soon as it comes up",
            f"`sysctl -w net.ipv6.conf.{name}.disable_ipv6=1`.",
        )


def _mtu(name: str, folder: Path) -> Finding:
    mtu = int(_text(folder / "mtu") or "0")
    if mtu < MIN_MTU:
        return Finding(
            name,
            WARNING,
            f"its MTU is {mtu}: longer frames are lost",
            f"`ip link set {name} mtu 9000`, or as much as the driver takes.",
        )
    return Finding(name, OK, f"its MTU is {mtu}; ERSPAN and jumbo frames want 9000")


def _offloads(name: str) -> Iterator[Finding]:
    on = [what for what in _ETHTOOL_GET if _is_on(name, what)]
    if on:
        yield Finding(
            name,
            WARNING,
            f"{' and '.join(on)} put frames together before they are seen: sizes, times and "
            "duplicates are not those of the wire",
            f"`ethtool -K {name} gro off lro off`.",
        )
    else:
        yield Finding(name, OK, "frames are seen as they came: GRO and LRO are off")


def _is_on(name: str, what: str) -> bool:
    value = array.array("I", [_ETHTOOL_GET[what], 0])
    address, _ = value.buffer_info()
    request = struct.pack("16sP16x", name.encode()[:15], address)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            fcntl.ioctl(asked, _SIOCETHTOOL, request)
        except OSError:
            return False
    return bool(value[1] & _LRO_FLAG) if what == "LRO" else bool(value[1])


def _memory() -> Finding:
    lines = _text(Path("/proc/meminfo")).splitlines()
    free_kb = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
    says = f"{free_kb / 1e3:,.0f} MB are available"
    if free_kb / 1e3 < MIN_FREE_MB:
        return Finding(
            "memory",
            WARNING,
            says,
            "Give the machine more, or make the rings smaller: --ring-mib, evidence_ring_mib.",
        )
    return Finding("memory", OK, says)


def _clock() -> Finding:
    source = _text(Path("/sys/devices/system/clocksource/clocksource0/current_clocksource"))
    buffer = ctypes.create_string_buffer(256)
    state = ctypes.CDLL(None).adjtimex(buffer)
    if state == _TIME_ERROR:
        return Finding(
            "clock",
            WARNING,
            f"it is not synchronised (source {source or 'unknown'}): times of several sensors, "
            "and of logs, will not fit together",
            "Run an NTP or PTP client on another interface than the mirror port.",
        )
    return Finding("clock", OK, f"it is synchronised (source {source or 'unknown'})")


def _heard(name: str, listen_s: float) -> Iterator[Finding]:
    done = subprocess.run(
        [sys.executable, "-c", _LISTENER, name, str(listen_s)],
        capture_output=True,
        text=True,
        check=False,
        timeout=listen_s + 60,
    )
    if done.returncode != 0:
        last = done.stderr.strip().rpartition("\n")[2].partition(": ")[2]
        yield Finding(name, FAILURE, f"it cannot be captured: {last}")
        return
    heard: dict[str, Any] = json.loads(done.stdout)
    frames, flows = heard["frames"], heard["flows"]
    if not frames:
        yield Finding(
            name,
            WARNING,
            f"no frame came in {listen_s:g} s",
            "Check that the switch mirrors ports or VLANs to it, and that they carry traffic.",
        )
        return
    known = {key[5:]: count for key, count in heard.items() if key.startswith("pdus.")}
    words = ", ".join(f"{protocol} {count:,}" for protocol, count in sorted(known.items()))
    yield Finding(
        name,
        OK,
        f"{frames:,} frames came in {listen_s:g} s, {frames / listen_s:,.0f} each second; "
        f"industrial messages: {words or 'none'}",
    )
    if heard["lost"]:
        yield Finding(
            name,
            WARNING,
            f"{heard['lost']:,} frames were lost meanwhile",
            "Give it a larger ring (--ring-mib), a filter, or a faster machine.",
        )
    if heard["one_sided_flows"] > ONE_SIDED_SHARE * flows and flows >= MIN_FLOWS:
        yield Finding(
            name,
            WARNING,
            "flows show one direction only",
            "Let the switch mirror what ports receive as well as what they send.",
        )
    if heard["duplicate_frames"] > DUPLICATE_SHARE * frames:
        yield Finding(
            name,
            WARNING,
            f"{100 * heard['duplicate_frames'] / frames:.0f} % of the frames came twice: they "
            "count once, but cost twice",
            "Let the switch mirror each port in one direction, or each link at one end.",
        )


def _count(folder: Path, what: str) -> int:
    return int(_text(folder / "statistics" / what) or "0")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""
