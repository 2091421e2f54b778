"""DNP3 in the words in which tshark and otmon are compared."""

from __future__ import annotations

import datetime
import re
import struct
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from differential.compare import Beginning, Facts, Message
from differential.oracle import Layer, Packet

LAYERS = ("dnp3",)
PROTOCOLS = {"dnp3"}
PREFERENCES: dict[str, tuple[str, ...]] = {}

VALUE_BITS = {**dict.fromkeys((1, 2, 10, 11), 0x80), **dict.fromkeys((3, 4), 0xC0)}
"""Bits of a quality octet that are the value, by group."""
OPERATIONS = ("nul", "pulse_on", "pulse_off", "latch_on", "latch_off")
"""Operation types of a control block, by number."""
RESERVED = "reserved"
"""An operation type or a state of a control block to which the standard gives no name."""
STATUSES = {"too_many_operations": 8, "reserved_status": RESERVED}
"""States of a control block that requests of the corpus have, as they are compared."""
NAMED_STATUSES = {*range(19), 126, 127}
ATTRIBUTES, CLOCKS, FILES = 0, {50, 51, 52}, 70
CONTROLS = {12, 41}
SINGLES = {*CONTROLS, ATTRIBUTES}
"""Groups that otmon gives an item per object, whose headers it does not tell apart."""
MEASURED = {*range(1, 44), 80}
"""Groups whose points both read."""
FILE_INFORMATION = 7
"""The variation of files of which tshark reads the size only."""
NUMBERS = (
    *("dnp3.al.bit", "dnp3.al.2bit", "dnp3.al.ana.int", "dnp3.al.cnt", "dnp3.al.anaout.int"),
    *("dnp3.al.da.int8", "dnp3.al.da.uint32"),
)
FLOATS = {
    **{"dnp3.al.ana.float": "<f", "dnp3.al.anaout.float": "<f"},
    **{"dnp3.al.ana.double": "<d", "dnp3.al.anaout.double": "<d"},
}
BROKEN = {"length_mismatch", "malformed", "unknown_object", "reserved_bits"}
"""Anomalies that say that otmon reads no further."""
READ = ("objects", "points", "files", "times")
"""Facts that a break cuts short."""
UNREAD = {"dnp3.unknown_object", "dnp3.unknown_group0_variation", "dnp3.al.unknown_data_chunk"}
"""Fields that say that tshark does not know an object; it often shows more after it."""
BACKWARD = "dnp3.num_items_neg"
"""The field that says that a range ends before it starts."""
COUNTED, ADDRESSED, RANGES = {7, 8, 9, 11}, {3, 4, 5}, {*range(10), 11}
"""Range codes that count, those of virtual addresses, and all that are not reserved."""
PREFIXES = range(7)
"""Prefix codes that are not reserved."""


class Halted(tuple[Any, ...]):
    """What otmon has read when it calls a message broken, and stops."""

    __slots__ = ()


class Broken(tuple[Any, ...]):
    """What tshark has read until the first object that it cannot read.

    Equal to what otmon has read when it stops at the same place: just as much, with or
    without the header at which both stop. Only what tshark does not know may otmon read.
    """

    last: tuple[Any, ...]
    """The header of the object, where that is what cannot be read."""
    unknown: bool
    """Whether tshark does not know the object."""

    def __new__(cls, before: Iterable[Any], last: Iterable[Any], unknown: bool) -> Broken:
        """What stands before the break, the header with the break, and its kind."""
        made = super().__new__(cls, before)
        made.last, made.unknown = tuple(last), unknown
        return made

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Halted):
            return tuple(other) in (tuple(self), tuple(self) + self.last)
        return self.unknown and Beginning(tuple(self) + self.last) == other

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = tuple.__hash__


def of_tshark(packets: Iterable[Packet]) -> Iterator[Message]:
    """What tshark says: messages of the application, and those of the link itself."""
    for packet in packets:
        for layer in packet.layers:
            ends: Facts = {
                "source": layer.number("dnp3.src"),
                "destination": layer.number("dnp3.dst"),
            }
            function = layer.number("dnp3.al.func")
            if function is not None:
                facts = ends | {"function": function} | _application(layer)
                yield Message(packet.frame, ("application", function, *ends.values()), facts)
            elif layer.text("dnp3.tr.ctl") is None and ends["source"] is not None:
                function = layer.number("dnp3.ctl.prifunc")
                if function is None:
                    function = layer.number("dnp3.ctl.secfunc")
                facts = {"function": function, **ends}
                yield Message(packet.frame, ("link", function, *ends.values()), facts)


def _application(layer: Layer) -> Facts:
    facts: Facts = {
        "sequence": layer.number("dnp3.al.seq"),
        "first": layer.number("dnp3.al.fir") == 1,
        "final": layer.number("dnp3.al.fin") == 1,
        "confirm": layer.number("dnp3.al.con") == 1,
        "unsolicited": layer.number("dnp3.al.uns") == 1,
    }
    if (iin := layer.number("dnp3.al.iin")) is not None:
        facts["iin"] = iin
    headers: list[tuple[Any, ...]] = []
    points: list[tuple[Any, ...]] = []
    files, times, last = [], [], []
    broken, unknown, base = layer.malformed, False, 0
    for element in layer.element.iter("field"):
        if element.get("name") != "dnp3.al.obj":
            continue
        item = Layer(element)
        number = int(element.get("show", ""), 0)
        group, variation = number >> 8, number & 0xFF
        qualifier = (item.number("dnp3.al.objq.prefix") or 0) << 4
        qualifier |= item.number("dnp3.al.objq.range") or 0
        start, stop = item.number("dnp3.al.range.start"), item.number("dnp3.al.range.stop")
        if start is None:
            start = item.number("dnp3.al.range.abs")
        quantity = item.number("dnp3.al.range.quantity")
        header = (group, variation, qualifier, *_extent(group, qualifier, start, stop, quantity))
        if _is_unreadable(item):
            broken, unknown, last = True, _has(item, UNREAD), [header]
            break
        if group not in SINGLES or header not in headers[-1:]:
            headers.append(header)
        if group == FILES:
            files += [_file(item)] if variation != FILE_INFORMATION else []
            continue
        times += [_milliseconds_of(raw) for raw in _raw(element, "dnp3.al.timestamp")]
        if group in CLOCKS:
            base = times[-1] if times else 0
        # Times of events are relative to the clock before them; otmon has added them up.
        times += [base + _milliseconds_of(raw) for raw in _raw(element, "dnp3.al.reltimestamp")]
        if group in MEASURED:
            shown = (f for f in element if f.get("show", "").startswith("Point Number"))
            points += [_point(group, point) for point in shown]
    if layer.malformed and not last and points and not _is_whole(points[-1]):
        # The bytes end in the middle of it.
        points.pop()
    read: Facts = {"objects": headers, "points": points, "files": files, "times": times}
    for name, parts in read.items():
        if broken:
            at = last if name == "objects" else ()
            facts[name] = Broken(parts, at, unknown)
        elif parts:
            facts[name] = tuple(parts)
    return facts


def _has(item: Layer, names: set[str]) -> bool:
    """Whether an object has a field of one of these names."""
    return any(field.get("name") in names for field in item.element.iter("field"))


def _is_unreadable(item: Layer) -> bool:
    """Whether tshark says of an object, or of its header, that it cannot be read."""
    prefix, code = item.number("dnp3.al.objq.prefix"), item.number("dnp3.al.objq.range")
    if prefix not in PREFIXES or code not in RANGES:
        return True
    if code in COUNTED and item.number("dnp3.al.range.quantity") is None:
        return True
    if code in (0, 1, 2) and item.number("dnp3.al.range.stop") is None:
        return True
    if code in ADDRESSED and item.number("dnp3.al.range.abs") is None:
        return True
    return _has(item, {*UNREAD, BACKWARD})


def _is_whole(point: tuple[Any, ...]) -> bool:
    """Whether tshark has found all bytes of a point; only those of commands tell."""
    group, *_, status = point
    return group not in CONTROLS or status is not None


def _extent(
    group: int, qualifier: int | None, start: int | None, stop: int | None, quantity: int | None
) -> tuple[int | str | None, ...]:
    """First and last index, or how many, as the qualifier has it."""
    if qualifier is None:
        return ()
    if qualifier & 0x0F in ADDRESSED:
        # Of the two virtual addresses tshark reads one, and takes it for a point.
        return ("virtual",) if start is None else ("point", start)
    if group in SINGLES:
        return ()
    match qualifier & 0x0F:
        case 0 | 1 | 2:
            return (start, stop)
        case 7 | 8 | 9 if qualifier >> 4 == 0:
            return (quantity,)
        case _:
            return ()


def _point(group: int, element: ET.Element) -> tuple[Any, ...]:
    """Index, value, flags and status of a point; a control block has its parts besides."""
    point = Layer(element)
    index = point.number("dnp3.al.index")
    if index is None:
        index = point.number("dnp3.al.point_index")
    value: Any = None
    flags = None
    for field in element.iter("field"):
        if field.get("show", "").startswith("Quality"):
            raw = int(field.get("value", "0"), 16)
            bits = VALUE_BITS.get(group, 0)
            flags = raw & ~bits
            value = raw >> 6 if bits == 0xC0 else raw >> 7 if bits else value
        elif field.get("name") in FLOATS:
            form = FLOATS[field.get("name", "")]
            (value,) = struct.unpack(form, bytes.fromhex(field.get("value", "")))
        elif field.get("name") in NUMBERS:
            value = int(field.get("show", ""), 0)
    if (operation := point.number("dnp3.ctl.op")) is not None:
        value = (
            OPERATIONS[operation] if operation < len(OPERATIONS) else RESERVED,
            point.number("dnp3.al.count"),
            point.number("dnp3.al.on_time"),
            point.number("dnp3.al.off_time"),
        )
    return (group, index, value, flags, _status(point.number("dnp3.al.ctrlstatus")))


def _status(code: int | None) -> int | str | None:
    """A state of a control block as it is compared."""
    return code if code is None or code in NAMED_STATUSES else RESERVED


def _file(item: Layer) -> tuple[Any, ...]:
    """Name, handle, block and status of a file object, as far as it has them."""
    return tuple(
        (name, value)
        for name, value in (
            ("name", item.text("dnp3.al.file_name")),
            ("handle", item.number("dnp3.al.file.handle")),
            ("block", item.number("dnp3.al.file.blocknum")),
            ("status", item.number("dnp3.al.file.status")),
        )
        if value is not None
    )


def _raw(element: ET.Element, name: str) -> list[str]:
    return [f.get("value", "") for f in element.iter("field") if f.get("name") == name]


def _milliseconds_of(raw: str) -> int:
    return int.from_bytes(bytes.fromhex(raw), "little")


def of_otmon(pdus: Iterable[dict[str, Any]]) -> Iterator[Message]:
    """What otmon says."""
    for pdu in pdus:
        own = pdu["dnp3"]
        ends = (own["source"], own["destination"])
        function = pdu["function_code"]
        facts: Facts = {"source": ends[0], "destination": ends[1], "function": function}
        layer = own.get("layer", "application")
        if layer == "application":
            for name in ("sequence", "first", "final", "confirm", "unsolicited", "iin"):
                facts[name] = own.get(name)
            facts |= _objects(pdu["items"])
        broken = not BROKEN.isdisjoint(pdu["anomalies"])
        if broken:
            facts |= {name: Halted(facts[name]) for name in READ if name in facts}
        yield Message(pdu["frame"], (layer, function, *ends), facts, pdu["flow"]["id"], broken)


def _objects(items: list[dict[str, Any]]) -> Facts:
    headers: list[tuple[Any, ...]] = []
    points: list[tuple[Any, ...]] = []
    files: list[tuple[Any, ...]] = []
    times: list[int] = []
    for (group, variation, qualifier), same in groupby(items, _header):
        parts = list(same)
        for part in parts[:1] if group in SINGLES else parts:
            extent = _extent(group, qualifier, *_span(part["target"]), part["quantity"])
            headers.append((group, variation, qualifier, *extent))
        for part in parts:
            own = part.get("dnp3", {})
            if group == FILES:
                files += [_own_file(part, own)] if variation != FILE_INFORMATION else []
                continue
            times += [_milliseconds(time) for time in part.get("times", ())]
            if group in CLOCKS:
                times += [_milliseconds(v) for v in part["values"] if isinstance(v, str)]
            elif group in MEASURED:
                points += _points(group, part, own)
    return {
        "objects": tuple(headers),
        "points": tuple(points),
        "files": tuple(files),
        "times": tuple(times),
    }


def _header(item: dict[str, Any]) -> tuple[int, int | None, int | None]:
    """Group, variation and qualifier of an item."""
    own = item.get("dnp3", {})
    found = re.match(r"g(\d+)", item["target"] or "")
    return int(found[1]) if found else -1, own.get("variation"), own.get("qualifier")


def _span(target: str | None) -> tuple[int | None, int | None]:
    """First and last index of `g1:0-7`."""
    found = re.fullmatch(r"g[\dv]+:(\d+)(?:-(\d+))?", target or "")
    if found is None:
        return None, None
    return int(found[1]), int(found[2] or found[1])


def _points(group: int, item: dict[str, Any], own: dict[str, Any]) -> list[tuple[Any, ...]]:
    """The points of an item like those of tshark."""
    values = item["values"]
    first, _ = _span(item["target"])
    indices = item.get("indices") or range(first or 0, (first or 0) + len(values))
    flags = item.get("flags") or [None] * len(values)
    status = None
    if group in CONTROLS:
        # A request that repeats an answer's status has failed at nothing yet.
        repeated = STATUSES.get(own.get("command_status"), 0)
        status = repeated if item["status"] in (None, "ok") else _status(item["status_code"])
    if group == 12:
        values = [
            (
                own.get("operation_type"),
                own.get("count"),
                own.get("on_time_ms"),
                own.get("off_time_ms"),
            )
            for _ in values
        ]
    return [
        (group, index, int(value) if isinstance(value, bool) else value, flag, status)
        for index, value, flag in zip(indices, values, flags, strict=False)
    ]


def _own_file(item: dict[str, Any], own: dict[str, Any]) -> tuple[Any, ...]:
    name = (item["target"] or "").partition(":")[2]
    status = 0 if item["status"] in (None, "ok") else item["status_code"]
    variation = own.get("variation")
    told = {
        "name": name if variation == 3 else None,
        "handle": own.get("file_handle") if variation in (4, 5, 6) else None,
        "block": own.get("file_block") if variation in (5, 6) else None,
        "status": status if variation in (4, 6) else None,
    }
    return tuple((name, value) for name, value in told.items() if value is not None)


def _milliseconds(time: str) -> int:
    """Milliseconds since 1970 of an RFC 3339 time."""
    moment = datetime.datetime.fromisoformat(time[:26] + "+00:00")
    since = moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    return since // datetime.timedelta(milliseconds=1)
