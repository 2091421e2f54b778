"""Who sends: the name and the id of a sensor, and by what it is reached."""

from __future__ import annotations

import hashlib
import ipaddress
import socket
from collections.abc import Sequence
from pathlib import Path

from otmon.config import Config
from otmon.model.internet import Outside
from otmon.sinks.elastic.documents import Sensor

_INTERFACES = Path("/sys/class/net")
_NET = Path("/proc/net")
_GLOBAL_SCOPE = "00"
"""Of an address of IPv6, neither of the link nor of the machine itself."""
MOST_ADDRESSES = 32
"""Addresses of a sensor that its documents name: a host of containers has very many."""


def sensor_of(
    config: Config, captures: Sequence[str] = (), interfaces: Sequence[str] = ()
) -> Sensor:
    """Who sends: what the site says; for captures of nobody a name made of their bytes."""
    host = socket.gethostname()
    named = config.elastic.sensor
    if named is None and captures:
        identity = f"analyze:{_digest(captures)}"
    else:
        identity = f"{config.site.name}:{named or host}"
    return Sensor(
        id=identity,
        site=config.site.name,
        name=named or host,
        namespace=config.elastic.namespace,
        hostname=host,
        interfaces=tuple(interfaces),
        mac=tuple(filter(None, map(_mac_of, interfaces))),
        # Captures say nothing of the machine that reads them.
        ip=tuple(_own_addresses()) if interfaces else (),
        tags=config.elastic.tags,
        is_outside=Outside(config.site.networks),
    )


def _mac_of(interface: str) -> str | None:
    """The hardware address of an interface of this machine."""
    try:
        text = (_INTERFACES / interface / "address").read_text("ascii").strip()
    except (OSError, ValueError):
        return None
    return text.replace(":", "-").upper() or None


def _own_addresses() -> list[str]:
    """The addresses by which this machine can be reached, as the kernel lists them.

    Those of all interfaces: the one that watches has none, and people reach a sensor by
    another. Read from files, since a sensor opens no socket to ask.
    """
    found: dict[str, None] = {}
    address = ""
    for line in _lines(_NET / "fib_trie"):
        words = line.split()
        if words[:1] == ["|--"]:
            address = words[1]
        elif words[:3] == ["/32", "host", "LOCAL"] and not address.startswith("127."):
            found[address] = None
    for line in _lines(_NET / "if_inet6"):
        number, _, _, scope, *_ = line.split()
        if scope == _GLOBAL_SCOPE:
            found[str(ipaddress.IPv6Address(int(number, 16)))] = None
    return [*found][:MOST_ADDRESSES]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("ascii").splitlines()
    except (OSError, ValueError):
        return []


def _digest(captures: Sequence[str]) -> str:
    """The same for the same captures, wherever they are."""
    whole = hashlib.sha256()
    for path in captures:
        if not Path(path).is_file():
            whole.update(path.encode("utf-8", "surrogateescape"))
            continue
        with Path(path).open("rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()[:16]
