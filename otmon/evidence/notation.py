"""The short names in targets, in words: what `hr:` or `g12:` stands for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_MODBUS = {
    "coil": "coils (outputs of one bit)",
    "di": "discrete inputs",
    "hr": "holding registers",
    "ir": "input registers",
}
_NAMES: Mapping[str, Mapping[str, str]] = {
    "modbus": _MODBUS,
    "modbus_rtu": _MODBUS,
    "s7comm": {
        "I": "inputs",
        "Q": "outputs",
        "M": "flags (memory bits)",
        "T": "timers",
        "C": "counters",
        "DB": "data blocks",
        "SZL": "lists of the system state",
        "pi": "a service of the controller itself",
        "block": "blocks of the program",
        "blocks": "lists of blocks",
    },
    "dnp3": {
        # IEEE 1815-2012, annex A: the groups of objects.
        "g1": "inputs of one bit",
        "g2": "events of inputs of one bit",
        "g3": "inputs of two bits",
        "g4": "events of inputs of two bits",
        "g10": "switched outputs",
        "g11": "events of switched outputs",
        "g12": "commands to switched outputs",
        "g13": "events of commands",
        "g20": "counters",
        "g21": "frozen counters",
        "g22": "events of counters",
        "g23": "events of frozen counters",
        "g30": "analogue inputs",
        "g31": "frozen analogue inputs",
        "g32": "events of analogue inputs",
        "g34": "dead bands of analogue inputs",
        "g40": "analogue outputs",
        "g41": "commands to analogue outputs",
        "g42": "events of analogue outputs",
        "g43": "events of analogue commands",
        "g50": "time and date",
        "g51": "common time of events",
        "g52": "a delay, in milliseconds",
        "g60": "classes of events",
        "g70": "files",
        "g80": "state of the outstation (internal indications)",
        "g102": "values of one byte",
        "g110": "texts",
        "g111": "events of texts",
        "g112": "virtual terminal, to the outstation",
        "g113": "virtual terminal, from the outstation",
        "g120": "authentication",
    },
}
"""Of each protocol what begins a target, and what it means."""
_BEGINS = re.compile(r"(?:^|, )(g\d+|[A-Za-z]+)")


def notation(protocol: str | None, targets: Iterable[str | None]) -> tuple[str, ...]:
    """What the short names in `targets` stand for, each once, in their order."""
    names = _NAMES.get(protocol or "", {})
    used = dict.fromkeys(
        name for target in targets if target is not None for name in _BEGINS.findall(target)
    )
    return tuple(f"{name}: {names[name]}" for name in used if name in names)
