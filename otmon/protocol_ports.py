"""The ports that dissected protocols have as theirs, as the engine knows them."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from otmon import _engine

Port = tuple[str, int]
"""Transport and port."""


@functools.cache
def ports_by_protocol() -> Mapping[str, frozenset[Port]]:
    """Transports and ports of each dissected protocol."""
    return {
        info.name: frozenset(
            [("tcp", port) for port in info.tcp_ports] + [("udp", port) for port in info.udp_ports]
        )
        for info in _engine.protocols()
    }


@functools.cache
def protocols_by_port() -> Mapping[Port, list[str]]:
    """The protocols that have a port as theirs."""
    protocols: dict[Port, list[str]] = {}
    for name, ports in ports_by_protocol().items():
        for port in sorted(ports):
            protocols.setdefault(port, []).append(name)
    return protocols
