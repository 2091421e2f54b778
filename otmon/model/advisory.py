"""What somebody published of weaknesses in products."""

from __future__ import annotations

from dataclasses import dataclass

STATUSES = ("affected", "fixed", "not_affected", "unknown")
"""What an advisory can say of a product; `unknown` is looked into."""


@dataclass(frozen=True, slots=True)
class Product:
    """A product that an advisory names."""

    vendor: str
    names: tuple[str, ...]
    """Family and name, from the general to the exact."""
    codes: tuple[str, ...]
    """Order codes and model numbers that it helps to find it by."""
    versions: str
    """Of which firmware it speaks: `<2.9.2`, `vers:intdot/>=2|<4.2`, `V1.2`; empty for all."""
    status: str = "affected"


@dataclass(frozen=True, slots=True)
class Advisory:
    """One weakness in some products."""

    id: str
    """As its publisher calls it: `SSA-123456`, `ICSA-18-240-02`."""
    title: str
    cve: str | None
    score: float | None
    """CVSS base score."""
    products: tuple[Product, ...]
    source: str
    """The file that it stands in."""


@dataclass(frozen=True, slots=True)
class Match:
    """What an advisory means for a device."""

    id: str
    cve: str | None
    title: str
    score: float | None
    """CVSS base score, as far as the advisory has one."""
    verdict: str
    """`affected`, `maybe`, or `not`: the product is named, this firmware is not."""
    why: str
    source: str
