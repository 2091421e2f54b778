"""What otmon itself says of a frame: its messages, in lines that people read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

MAX_VALUES = 16
"""Values of a message that are shown."""


def message_lines(pdu: Mapping[str, Any]) -> Iterator[str]:
    """A message of `otmon pdus`, a line for each thing that it says."""
    code = pdu["function_code"]
    yield f"{pdu['protocol']}: {pdu['role']} {pdu['operation']} (function {code}, {pdu['class']})"
    if pdu["unit"] is not None:
        yield f"unit: {pdu['unit']}"
    yield from _addressed(pdu)
    # A single item repeats what the message itself says.
    for item in pdu["items"] if len(pdu["items"]) > 1 else ():
        yield from _addressed(item, "item: ")
    if pdu["status"] is not None:
        number = f" ({pdu['status_code']})" if pdu["status_code"] is not None else ""
        yield f"status: {pdu['status']}{number}"
    if pdu["transaction"] is not None:
        took = f", after {pdu['latency_ms']:.1f} ms" if pdu["latency_ms"] is not None else ""
        yield f"answers frame {pdu['transaction']}{took}"
    for name, value in (pdu.get(pdu["protocol"]) or {}).items():
        if value is not False:
            yield f"{name}: {_plain(value)}"
    if pdu["anomalies"]:
        yield f"anomalies: {', '.join(pdu['anomalies'])}"
    if len(pdu["frames"]) > 1:
        yield f"in frames {', '.join(map(str, pdu['frames']))}"


def _addressed(part: Mapping[str, Any], before: str = "") -> Iterator[str]:
    target, quantity = part.get("target"), part.get("quantity")
    if target is not None:
        count = f", {quantity} elements" if quantity not in (None, 0, 1) else ""
        yield f"{before}on {target}{count}"
    if part.get("values"):
        yield f"{before}values: {_listed(part['values'])}"


def _listed(values: Iterable[Any]) -> str:
    shown = [_plain(value) for value in values]
    if len(shown) > 2 and len(set(shown)) == 1:
        return f"{shown[0]} ({len(shown)} times)"
    more = f" and {len(shown) - MAX_VALUES} more" if len(shown) > MAX_VALUES else ""
    return f"{', '.join(shown[:MAX_VALUES])}{more}"


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return _listed(value)
    return str(value)
