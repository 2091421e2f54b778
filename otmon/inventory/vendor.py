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
def _listing() -> bytes:
    """The listing: a line for each assignment, in the order of its digits."""
    return resources.files("otmon.vendored").joinpath("oui.tsv").read_bytes()


@functools.lru_cache(maxsize=4_096)
def _assignments(start: bytes) -> dict[str, str]:
    """Assignments of 6, 7 and 9 hexadecimal digits that begin with these 6, each with its holder.

    Sought in the listing as it is: to take apart its 46,000 lines takes longer than most runs.
    """
    listing = _listing()
    low, high = 0, len(listing)
    while low < high:
        middle = (low + high) // 2
        line = max(low, listing.rfind(b"\n", low, middle) + 1)
        if listing[line : line + len(start)] < start:
            low = listing.find(b"\n", middle) + 1 or len(listing)
        else:
            high = line
    found = {}
    while listing.startswith(start, low):
        end = listing.find(b"\n", low) + 1 or len(listing)
        digits, _, holder = listing[low:end].decode("utf-8").rstrip("\n").partition("\t")
        found[digits] = holder
        low = end
    return found


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
    assignments = _assignments(digits[:6].encode())
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
