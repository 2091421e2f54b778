"""What is told of networks, devices and baselines is told however it looks on the wire.

`test_sameness.py` does this with operations. Here a capture is changed together with the
capture that its normal is learned from and with the words of its site.
"""

from __future__ import annotations

import functools
import importlib.util
import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from places import PCAPS
from sameness.changes import SAME, Change, moved, six
from sameness.protocols import other_units
from sameness.wire import read, write

from otmon.config import load
from otmon.model.alert import Alert
from otmon.ruleset.examples import Scene, examples
from otmon.ruleset.load import load_rules

pytestmark = [
    pytest.mark.usefixtures("rules_are_read_once"),
    pytest.mark.skipif(
        importlib.util.find_spec("otmon._engine") is None, reason="the engine is not built"
    ),
]

OF_SITES = ("network", "inventory", "baseline")
OF_RECORDERS = ("network/clock_back.pcapng", "network/recorder_drops.pcapng")
"""What these show is the recorder's own word, or the order of its records."""
SCENES = sorted(
    {
        (one.capture, one.baseline, one.config)
        for one in examples(load_rules())
        if one.count
        and (one.config or one.baseline or one.capture.startswith(OF_SITES))
        and one.capture not in OF_RECORDERS
    },
    key=str,
)
"""Capture, baseline and words of the site."""
CHANGES: dict[str, Change] = {**SAME, "with other units": other_units}
NAMES: dict[str, Callable[[str], str]] = {"over IPv6": six, "between other hosts": moved}
IPV4 = re.compile(r"(\d+\.\d+\.\d+\.\d+)(?:/(\d+))?")

NO_IPV6 = "the addresses of the capture are public, or a group, only in IPv4"
ARP = "there is no ARP in IPv6"
CALLS = "calls are seen by the handshakes"
PORT = "a port is all that is known of it"
FIRST = "a server on another port is known by its second exchange"
UNLIKE: dict[tuple[str | None, ...], str] = {
    ("on other ports", "inventory/recorder_writes.pcapng", None): PORT,
    ("on other ports", "baseline/collection.pcapng"): FIRST,
    ("on other ports", "baseline/second_protocol.pcapng"): FIRST,
    ("on other ports", "demo/plant.pcapng"): FIRST,
    ("on other ports", "inventory/controller_asks.pcapng"): FIRST,
    ("on other ports", "inventory/replaced.pcapng"): FIRST,
    ("on other ports", "network/cloud.pcapng"): PORT,
    ("on other ports", "network/multicast_search.pcapng"): PORT,
    ("on other ports", "network/proxy.pcapng"): PORT,
    ("on other ports", "network/flood.pcapng"): PORT,
    ("on other ports", "network/other_protocol.pcapng"): PORT,
    ("on other ports", "network/remote_access.pcapng"): PORT,
    ("on other ports", "network/service_sweep.pcapng"): PORT,
    ("over IPv6", "inventory/public_peer.pcapng"): NO_IPV6,
    ("over IPv6", "network/illegal_addresses.pcapng"): NO_IPV6,
    ("over IPv6", "network/cloud.pcapng"): NO_IPV6,
    ("over IPv6", "network/multicast_search.pcapng"): NO_IPV6,
    ("over IPv6", "inventory/back.pcapng"): ARP,
    ("over IPv6", "inventory/two_with_one_address.pcapng"): ARP,
    ("over IPv6", "network/arp_rebind.pcapng"): ARP,
    ("over IPv6", "network/arp_scan.pcapng"): ARP,
    ("without its handshakes", "demo/plant.pcapng"): CALLS,
    ("without its handshakes", "network/address_scan.pcapng"): CALLS,
    ("without its handshakes", "network/connection_flood.pcapng"): CALLS,
    ("without its handshakes", "network/device_returns.pcapng"): CALLS,
    ("without its handshakes", "network/device_silent.pcapng"): CALLS,
    ("without its handshakes", "network/flood.pcapng"): CALLS,
    ("without its handshakes", "network/illegal_addresses.pcapng"): CALLS,
    ("without its handshakes", "network/port_scan.pcapng"): CALLS,
    ("without its handshakes", "network/service_sweep.pcapng"): CALLS,
    ("behind a VLAN", "inventory/other_segment.pcapng"): "a segment is a VLAN: there is but one",
    ("behind two VLANs", "inventory/other_segment.pcapng"): "a segment is a VLAN: there is but one",
    ("retransmitted", "network/mirror_one_sided.pcapng"): "that frames come twice is told as well",
    ("mirrored twice", "network/mirror_one_sided.pcapng"): "that frames come twice is told as well",
    ("split at every byte", "network/capture_loss.pcapng"): "more is sent then, and as much lost",
    ("split at every byte", "network/unreadable.pcapng"): "crumbs are something else on the port",
    ("reordered", "network/unreadable.pcapng"): "crumbs are something else on the port",
    ("over IPv6", "inventory/other_segment.pcapng"): ARP,
}
"""What has no equal on the wire, by change and capture, and where it matters by config."""
NAMED_BY_FILES = (
    "behind a VLAN",
    "behind two VLANs",
    "between other hosts",
    "with other units",
)
"""Changes of what the statements of a written baseline name: segment, hosts, units."""
OF_NO_UNIT = (("with other units", "modbus/umas_reserve_stop.pcapng"),)
"""Unit 0 is the controller itself, and stays."""
Said = Counter[tuple[object, ...]]


def judged(scene: Scene) -> tuple[Alert, ...]:
    from otmon import analyze

    return tuple(analyze(scene.capture, baseline=scene.baseline, config=load(scene.config)).alerts)


@functools.cache
def expected(scene: Scene) -> tuple[Alert, ...]:
    return judged(scene)


def said(found: Iterable[Alert], name: Callable[[str], str] = str) -> Said:
    """What alerts say, but for their frames, times and belief; `name` gives other addresses."""
    return Counter(
        (
            alert.rule.title,
            alert.client and name(alert.client) if is_ip(alert.client) else None,
            alert.server and name(alert.server) if is_ip(alert.server) else None,
            alert.protocol,
            alert.count,
            frozenset((row.operation, row.target, row.status) for row in alert.violations),
        )
        for alert in found
    )


def is_ip(address: str | None) -> bool:
    return (address is not None and IPV4.fullmatch(address) is not None) or ":" in str(address)


def renamed(text: str, name: Callable[[str], str]) -> str:
    """The words of a site with other addresses in them."""

    def other(found: re.Match[str]) -> str:
        length = found[2]
        if length is not None and name is six:
            length = str(int(length) + 96)
        return name(found[1]) + (f"/{length}" if length else "")

    return IPV4.sub(other, text)


def changed(scene: Scene, change: str, folder: Path) -> Scene:
    """The same scene, with all of it changed alike."""
    name = NAMES.get(change, str)

    def capture(path: Path) -> Path:
        return write(folder / f"{path.stem}.pcap", CHANGES[change](read(path)))

    def words(path: Path) -> Path:
        for one in PCAPS.joinpath("sites").iterdir():
            (folder / one.name).write_text(renamed(one.read_text("utf-8"), name), encoding="utf-8")
        return folder / path.name

    baseline, config = scene.baseline, scene.config
    if baseline is not None and baseline.suffix == ".pcapng":
        baseline = capture(baseline)
    if config is not None:
        config = words(config)
    return Scene(capture(scene.capture), config, baseline)


@pytest.mark.parametrize(("capture", "baseline", "config"), SCENES)
@pytest.mark.parametrize("change", CHANGES)
def test_the_same_is_told_of_the_same_site(
    change: str, capture: str, baseline: str | None, config: str | None, tmp_path: Path
):
    scene = Scene(PCAPS / capture, config and PCAPS / config, baseline and PCAPS / baseline)
    found = judged(changed(scene, change, tmp_path))
    written = baseline is not None and baseline.endswith(".yml")
    named = written and change in NAMED_BY_FILES and (change, capture) not in OF_NO_UNIT

    same = said(expected(scene), NAMES.get(change, str)) == said(found)
    unlike = (change, capture) in UNLIKE or (change, capture, config) in UNLIKE
    assert same is not (unlike or named)
