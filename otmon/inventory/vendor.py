"""The vendor behind a hardware address, from the IEEE's public listing."""

from __future__ import annotations

import functools
from importlib import resources

from otmon.inventory.maker import maker

_CORPORATE_TAIL = (
    " co., ltd",
    " co.,ltd",
    " gmbh & co. kg",
    " gmbh",
    " corporation",
    " inc",
    " ltd",
)


@functools.cache
def _assignments() -> dict[str, str]:
    """Assignments of 6, 7 and 9 hexadecimal digits, each with its holder."""
    listing = resources.files("otmon.vendored").joinpath("oui.tsv").read_text(encoding="utf-8")
    return dict(line.split("\t", 1) for line in listing.splitlines())


@functools.lru_cache(maxsize=65_536)
def vendor(mac: str) -> str | None:
    """Who was assigned this address, or none.

    Args:
        mac: As `00:1b:1b:12:34:56`. Locally administered and group addresses
            belong to nobody.
    """
    digits = mac.replace(":", "").upper()
    if int(digits[1], 16) & 0b11:
        return None
    assignments = _assignments()
    for length in (9, 7, 6):
        holder = assignments.get(digits[:length])
        if holder is not None:
            return maker(holder) or _tidy(holder)
    return None


def _tidy(holder: str) -> str:
    """The holder's name as people say it: `Siemens AG,` is `Siemens AG`."""
    name = holder.strip(" ,.")
    lowered = name.lower()
    for tail in _CORPORATE_TAIL:
        if lowered.endswith(tail):
            return name[: -len(tail)].rstrip(" ,.")
    return name
