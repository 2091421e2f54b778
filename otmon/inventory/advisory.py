"""Published weaknesses held against the devices of a site: affected, maybe or not, and why.

A vendor's name alone says nothing. A device is meant where its order code or model is the
product's; it is affected where its own word of its firmware is in the range that is named.
Whatever is less sure is `maybe`.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from otmon.inventory.claim_book import SURE
from otmon.inventory.maker import maker
from otmon.inventory.version_range import constraints, holds
from otmon.model.advisory import Advisory, Match, Product
from otmon.model.asset import Asset

MAX_MATCHES = 256
"""Advisories shown of one device, the most certain and severe first."""
MIN_CODE = 5
"""Characters from which an order code means one product."""

_FAMILIES: tuple[tuple[str, str, str], ...] = (
    # SZL 0x0011 of captures [V]; 6ES7214-1AG40 in a data sheet of CPU 1214C [D]
    ("Siemens", r"6ES7 ?21[1-7]-\d[A-Z]{2}[345]|CPU 121\d", "S7-1200"),
    # 6ES7214-1AD23 is CPU 224, 6ES7216-2BD23 CPU 226: data sheets [D]
    ("Siemens", r"6ES7 ?21[1-6]-\d[A-Z]{2}2|CPU 22\d", "S7-200"),
    # SZL 0x0011 of captures [V]
    ("Siemens", r"6ES7 ?31\d|CPU 31\d", "S7-300"),
    # 6ES7412-2XG00 and 6ES7414-3EM07 in data sheets [D]
    ("Siemens", r"6ES7 ?41\d|CPU 41\d", "S7-400"),
    # 6ES7513-1AL02 and 6ES7516-2PN00 (ET 200pro, told of with the family) [D]
    ("Siemens", r"6ES7 ?51\d|CPU 15\d\d", "S7-1500"),
    # 6ES7155-6AU01 is the interface module of ET 200SP [D]
    ("Siemens", r"6ES7 ?155", "ET 200"),
    # "M340 CPU (BMXP34*)", "M580 (BMEP* and BMEH*)", "Quantum (140CPU65*, 140CPU67*)",
    # "Premium (TSXP57*)": SEVD-2017-048-02 [D]; the first and the third in captures, too [V]
    ("Schneider Electric", r"BMX ?P ?34", "Modicon M340"),
    ("Schneider Electric", r"BME ?[HP] ?58", "Modicon M580"),
    ("Schneider Electric", r"140 ?CPU", "Modicon Quantum"),
    ("Schneider Electric", r"TSX ?P ?57", "Modicon Premium"),
    # TM221CE16R, TM241CE40R and TM251CESC in data sheets [D]
    ("Schneider Electric", r"TM221", "Modicon M221"),
    ("Schneider Electric", r"TM241", "Modicon M241"),
    ("Schneider Electric", r"TM251", "Modicon M251"),
    # "Momentum Unity M1E (171CBU*)" in advisories; 171CCC96030, which 171CBU98090 replaces [D]
    ("Schneider Electric", r"171 ?C(?:BU|CC)", "Modicon Momentum"),
    # 1756-L6x and -L7x, 1769-L2x and -L3x, 5069-L3x: advisory PN1550 [D]
    ("Rockwell Automation", r"1756-L", "ControlLogix"),
    ("Rockwell Automation", r"1769-L|5069-L3", "CompactLogix"),
    # 1766-L32BXBA in answers of controllers [D]; 1763-L16BWA and others: CVE-2017-7924 [D]
    ("Rockwell Automation", r"1766-L", "MicroLogix 1400"),
    ("Rockwell Automation", r"1763-L", "MicroLogix 1100"),
    # SEL-3530 and SEL-3505 are named together as the family, SEL-3555 in CVE-2023-34392 [D]
    ("Schweitzer Engineering Laboratories", r"SEL-35(?:30|55|05)", "RTAC"),
)
"""Of a vendor's order codes and models the family that advisories name, with where each was
found: in captures [V], or in public documents of devices and advisories [D]."""
_PLAIN = frozenset(
    (
        "all", "and", "any", "automation", "controller", "controllers", "cpu", "cpus", "device",
        "devices", "family", "firmware", "for", "from", "incl", "including", "module", "modules",
        "of", "plc", "product", "products", "programmable", "prior", "references", "related",
        "series", "siplus", "simatic", "the", "to", "variants", "version", "versions", "with",
        "logic", "unit", "units",
    )
)  # fmt: skip
"""Words of product names that do not tell one product from another."""
_WORD = re.compile(r"[a-z0-9]+(?:[-./][a-z0-9]+)*")


class _Model(NamedTuple):
    """How far a device is the product."""

    sure: bool
    why: str


class Advisories:
    """The weaknesses that a site's lists name."""

    def __init__(self, advisories: Iterable[Advisory] = ()) -> None:
        """Takes them all; they are found by the maker of a device."""
        self._by_maker: dict[str, list[Advisory]] = {}
        for one in advisories:
            for name in dict.fromkeys(_maker(product.vendor) for product in one.products):
                self._by_maker.setdefault(name, []).append(one)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._by_maker)

    def advise(self, assets: Sequence[Asset]) -> tuple[Asset, ...]:
        """The devices, each with what the advisories mean for it."""
        if not self:
            return tuple(assets)
        return tuple(dataclasses.replace(one, advisories=self.of(one)) for one in assets)

    def of(self, asset: Asset) -> tuple[Match, ...]:
        """What the advisories mean for one device; those of other products are left out."""
        if asset.vendor is None or not (asset.model or asset.order_code):
            return ()
        matches = [
            match
            for one in self._by_maker.get(_maker(asset.vendor), ())
            if (match := _match(asset, one)) is not None
        ]
        matches.sort(
            key=lambda one: (_ORDER[one.verdict], -(one.score or 0.0), one.id, one.cve or "")
        )
        return tuple(matches[:MAX_MATCHES])


_ORDER = {"affected": 0, "maybe": 1, "not": 2}


def _match(asset: Asset, advisory: Advisory) -> Match | None:
    """The gravest thing that an advisory says of a device; what it says is fixed goes before."""
    said: list[tuple[str, str]] = []
    for product in advisory.products:
        if _maker(product.vendor) != _maker(asset.vendor or ""):
            continue
        model = _is_product(asset, product)
        if model is not None:
            found = _verdict(asset, product, model)
            if found is not None:
                said.append(found)
    if not said:
        return None
    cleared = next((one for one in said if one[0] == "cleared"), None)
    verdict, why = cleared or min(said, key=lambda one: _ORDER[one[0]])
    return Match(
        advisory.id,
        advisory.cve,
        advisory.title,
        advisory.score,
        "not" if verdict == "cleared" else verdict,
        why,
        advisory.source,
    )


def _verdict(asset: Asset, product: Product, model: _Model) -> tuple[str, str] | None:
    firmware = asset.firmware
    named = product.versions or "all versions"
    if product.status in ("fixed", "not_affected"):
        if firmware is None or not holds(product.versions, firmware) or not model.sure:
            return None
        return "cleared", f"{model.why}; firmware {firmware} is {product.status.replace('_', ' ')}"
    inside: bool | None = None
    if constraints(product.versions) == ():
        inside = True
    elif firmware is not None:
        inside = holds(product.versions, firmware)
    if inside is False:
        return "not", f"{model.why}; firmware {firmware} is not in {named}"
    if inside is None:
        known = "its firmware is not known" if firmware is None else f"firmware {firmware}"
        return "maybe", f"{model.why}; {known}, affected is {named}"
    if product.status == "unknown":
        return "maybe", f"{model.why}; its maker looks into it"
    shown = named if firmware is None else f"firmware {firmware} is in {named}"
    doubts = [] if model.sure else ["the model is only alike"]
    for attribute in ("vendor", "model", "order_code", "firmware"):
        doubts += _doubt(asset, attribute)
    if doubts:
        return "maybe", f"{model.why}; {shown}; but {', '.join(doubts)}"
    return "affected", f"{model.why}; {shown}"


def _doubt(asset: Asset, attribute: str) -> list[str]:
    """Why what is shown of a device is not sure: nobody sure has said it."""
    value = getattr(asset, attribute)
    if value is None:
        return []
    rows = [row for row in asset.evidence if row.attribute == attribute and row.value == value]
    believed = max((row.confidence for row in rows), default=1.0)
    # Whose hardware address it is tells the maker well enough, once the model is its own word.
    if believed >= SURE or (attribute == "vendor" and any(row.source == "mac" for row in rows)):
        return []
    return [f"its {attribute.replace('_', ' ')} is told with belief {believed:.2f}"]


def _is_product(asset: Asset, product: Product) -> _Model | None:
    """Whether a device is a product, and how sure that is."""
    own = [_code(one) for one in (asset.order_code, asset.model) if one]
    for code in product.codes:
        plain = _code(code)
        if len(plain) >= MIN_CODE and plain in own:
            return _Model(True, f"order code {code}")
    # Some publishers write the order code into the name.
    for name in product.names:
        for code in own:
            if len(code) >= MIN_CODE and any(c.isdigit() for c in code) and code in _code(name):
                return _Model(True, f"{name} names {asset.order_code or asset.model}")
    wanted = _words(" ".join(product.names[-1:]), _maker(product.vendor))
    if not wanted:
        return None
    told = _words(" ".join(filter(None, (asset.model, asset.order_code))), None)
    if wanted <= told:
        return _Model(True, f"model {asset.model or asset.order_code}")
    family = _family(asset)
    if family is not None and wanted <= (told | _words(family, None)):
        return _Model(True, f"{asset.order_code or asset.model} is of {family}")
    if family is not None and _words(family, None) <= wanted:
        return _Model(False, f"{asset.order_code or asset.model} is of {family}")
    return None


@functools.lru_cache(maxsize=16_384)
def _words(text: str, vendor: str | None) -> frozenset[str]:
    """The words of a name that tell products apart."""
    words = set(_WORD.findall(text.lower().replace("®", " ").replace("™", " ")))
    words = {word for word in words if len(word) > 1 or word.isdigit()} - _PLAIN
    if vendor is not None:
        words -= set(_WORD.findall(vendor.lower()))
    return frozenset(words)


@functools.lru_cache(maxsize=16_384)
def _code(text: str) -> str:
    return re.sub(r"[^A-Z0-9]", "", text.upper())


def _family(asset: Asset) -> str | None:
    name = _maker(asset.vendor or "")
    texts = [one.upper() for one in (asset.order_code, asset.model) if one]
    for vendor, begin, family in _FAMILIES:
        if vendor == name and any(re.match(begin, text) for text in texts):
            return family
    return None


@functools.lru_cache(maxsize=16_384)
def _maker(name: str) -> str:
    return maker(name) or name.strip().lower()
