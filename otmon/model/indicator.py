"""Something that a site looks out for."""

from __future__ import annotations

from dataclasses import dataclass

KINDS = ("address", "name", "sha256", "bytes")
"""What can stand on a list: IP or MAC address; host or file name; digest; bytes in hexadecimal."""


@dataclass(frozen=True, slots=True)
class Indicator:
    """One line of a list."""

    kind: str
    value: str
    """In lower case; of bytes, hexadecimal digits."""
    meaning: str
    """What a sighting of it would mean, in the words of the list."""
    source: str
    """The list that it stands on."""
