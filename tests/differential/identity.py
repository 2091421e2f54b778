"""What devices say of themselves, field by field, as tshark shows it and as otmon claims it."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from differential.oracle import Layer, Packet

from otmon import _engine

LAYERS = {"modbus": ("mbtcp", "modbus"), "s7comm": ("s7comm",), "dnp3": ("dnp3",)}
"""Where it stands, by protocol."""
WHERE = {
    "modbus": "modbus.func_code in {17, 43, 90}",
    "s7comm": "s7comm.data.userdata.szl_id",
    "dnp3": "dnp3.al.obj in {0..255}",
}
"""The packets in which devices say who they are."""
SOURCES = {
    "modbus": ("read_device_identification", "report_server_id", "umas_"),
    "s7comm": ("read_szl",),
    "dnp3": ("g0v",),
}
"""How the sources of claims begin that come from these."""
MODBUS_OBJECTS = ("vendor", "order_code", "firmware", "url", "model", "model", "tag")
"""What the objects of a Modbus identification are, by number."""
S7_NAMES = {
    "s7comm.szl.001c.0001.name": "station_name",
    "s7comm.szl.001c.0002.name": "module",
    "s7comm.szl.001c.0003.tag": "tag",
    "s7comm.szl.001c.0004.copyright": "copyright",
    "s7comm.szl.001c.0005.serialn": "serial",
    "s7comm.szl.001c.0007.cputypname": "model",
    "s7comm.szl.001c.0008.snmcmmc": "module",
    "s7comm.szl.001c.0009.manufacturer_id": "manufacturer",
    "s7comm.szl.001c.000b.loc_id": "location",
}
"""What the names of a controller are, by tshark's fields."""
DNP3_ATTRIBUTES = {
    **{242: "firmware", 243: "hardware", 245: "location", 246: "tag", 247: "station_name"},
    **{248: "serial", 250: "model", 252: "vendor"},
}
"""What the device attributes that identify are, by variation."""


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that a device says of itself."""

    ip: str
    unit: int | None
    """The station behind the address, where it is about one."""
    attribute: str
    text: str


@dataclass(frozen=True, slots=True)
class Seen:
    """Where it was said first, and how often."""

    frame: int
    count: int


Reading = dict[Said, Seen]


def of_otmon(path: Path, protocol: str) -> Reading:
    """The claims of an analysis that come from answers about identity."""
    engine = _engine.Engine([str(path)], keep_duplicates=True)
    claims: Reading = {}
    while (batch := engine.read_batch()) is not None:
        for one in batch:
            if isinstance(one, _engine.Claim) and one.source.startswith(SOURCES[protocol]):
                said = Said(one.subject_ip or "", one.unit, one.attribute, one.value)
                before = claims.get(said, Seen(one.frame[1], 0))
                # It counts what came since it was told last.
                claims[said] = Seen(before.frame, before.count + one.count)
    return claims


def of_tshark(packets: Iterable[Packet], protocol: str) -> Reading:
    """What tshark shows; texts without the blanks that fill them up."""
    said: Reading = {}
    requests: dict[int, bytes] = {}
    for packet in packets:
        ip = next((layer.text("ip.src") for layer in packet.layers if layer.name == "ip"), None)
        header = None
        for layer in packet.layers:
            if layer.name == "mbtcp":
                header = layer
            found: Iterable[tuple[int | None, str, str]] = ()
            if layer.name == "modbus" and header is not None:
                found = _modbus(packet.frame, header, layer, requests)
            elif layer.name == "s7comm":
                found = _s7comm(layer)
            elif layer.name == "dnp3":
                found = _dnp3(layer)
            for unit, attribute, text in found:
                if text.strip():
                    one = Said(ip or "", unit, attribute, text.strip())
                    before = said.get(one, Seen(packet.frame, 0))
                    said[one] = Seen(before.frame, before.count + 1)
    return said


def _modbus(
    frame: int, header: Layer, pdu: Layer, requests: dict[int, bytes]
) -> Iterator[tuple[int | None, str, str]]:
    number = header.number("mbtcp.unit_id")
    unit = None if number in (0, 255) else number
    function, data = pdu.number("modbus.func_code"), _bytes(pdu.text("modbus.data"))
    if pdu.text("modbus.exception_code") is not None:
        return
    if function == 43:
        texts = pdu.all("modbus.object_str_value")
        for identifier, text in zip(pdu.numbers("modbus.object_id"), texts, strict=False):
            yield unit, MODBUS_OBJECTS[identifier], text
    elif function == 17 and data and data[0] == len(data) - 1:
        # A number and the state of the device stand before the text, or the state behind it.
        own = data[1:]
        text = own[2:] if own[1:2] in (b"\x00", b"\xff") else own.rstrip(b"\xff")
        yield unit, "model", text.decode("ascii")
    elif function == 90:
        request = requests.get(pdu.number("modbus.request_frame") or 0)
        if request is None:
            requests[frame] = data
        for attribute, text in _umas(request, data):
            yield None, attribute, text


def _umas(request: bytes | None, data: bytes) -> Iterator[tuple[str, str]]:
    """A second reading of UMAS, of which tshark shows the bytes alone."""
    if request is None:
        if data[1:2] == b"\x10":
            yield "hostname", data[7 : 7 + data[6]].decode("ascii")
    elif request[1:2] == b"\x02" and data[1] == 0xFE:
        yield "vendor", "Schneider Electric"
        yield "model", data[25 : 25 + data[24]].decode("ascii")
        yield "firmware", f"{data[11]:x}.{data[10]:02x}"
    elif request[1:3] == b"\x03\x00" and data[1] == 0xFE:
        yield "tag", data[41 : 41 + data[40]].rstrip(b"\0").decode("ascii")


def _s7comm(pdu: Layer) -> Iterator[tuple[int | None, str, str]]:
    codes = pdu.all("s7comm.szl.xy11.0001.anz")
    versions = zip(
        pdu.numbers("s7comm.szl.xy11.0001.ausbg"),
        pdu.numbers("s7comm.szl.xy11.0001.ausbe"),
        strict=False,
    )
    indices = pdu.numbers("s7comm.szl.xy11.0001.index")
    whole = [*versions, *[None] * len(codes)]
    for index, code, version in zip(indices, codes, whole, strict=False):
        if index == 1:
            yield None, "order_code", code
            if code.startswith(("6ES7", "6GK")):
                yield None, "vendor", "Siemens"
        elif version is None:
            continue
        elif index == 6 and version[0]:
            yield None, "hardware", str(version[0])
        elif index == 7:
            letter, *numbers = struct.pack(">HH", *version)
            if letter == ord("V"):
                yield None, "firmware", "V" + ".".join(map(str, numbers))
    for field, attribute in S7_NAMES.items():
        for text in pdu.all(field):
            if attribute == "copyright":
                if text.startswith("Original Siemens"):
                    yield None, "vendor", "Siemens"
            elif attribute == "manufacturer":
                # 42 is Siemens among the manufacturers of PROFIBUS International.
                if int(text, 0) == 42:
                    yield None, "vendor", "Siemens"
            else:
                yield None, attribute, text


def _dnp3(pdu: Layer) -> Iterator[tuple[int | None, str, str]]:
    if pdu.number("dnp3.al.func") not in (129, 130):
        return
    for element in pdu.element.iter("field"):
        if element.get("name") == "dnp3.al.obj":
            variation = int(element.get("show", ""), 0)
            text = Layer(element).text("dnp3.al.da.value")
            if text is not None and (attribute := DNP3_ATTRIBUTES.get(variation)):
                yield pdu.number("dnp3.src"), attribute, text


def _bytes(shown: str | None) -> bytes:
    return bytes.fromhex((shown or "").replace(":", ""))
