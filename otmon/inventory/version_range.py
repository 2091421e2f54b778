"""Firmware versions, and the ranges of them that advisories name.

Vendors count in ways of their own. What cannot be ordered with confidence is not:
whoever asks is told that nobody knows.
"""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

_PREFIX = re.compile(
    r"^(?:firmware|version|release|revision|rev|ver|fw|sv|v)[\s.:_-]*", re.IGNORECASE
)
_PARTS = re.compile(r"\d+|[a-z]+", re.IGNORECASE)
_SCHEME = re.compile(r"^vers:[a-z0-9.+-]+/", re.IGNORECASE)
_ALL = re.compile(r"^(?:\*|all(?: versions?)?|any|vers:all/\*)?$", re.IGNORECASE)
_CONSTRAINT = re.compile(
    r"(?P<sign><=|>=|!=|<|>|=|≤|≥)?\s*(?P<version>(?:v|r|version|fw|firmware)?[\s.]?\d[\w.+-]*)"
    r"(?P<tail>\s+(?:and|or) (?:prior|earlier|below|older))?",
    re.IGNORECASE,
)
_BEFORE = re.compile(r"\b(?:prior to|before|earlier than|older than|below)\b", re.IGNORECASE)
_SIGNS = {"≤": "<=", "≥": ">=", "": "="}

Part = int | str


class Constraint(NamedTuple):
    """One end of a range."""

    sign: str
    version: str


@functools.lru_cache(maxsize=16_384)
def parts(version: str) -> tuple[Part, ...]:
    """The numbers and letters of a version, without what only says that it is one."""
    plain = _PREFIX.sub("", version.strip())
    # A build or date behind a blank says nothing of the order: `V3.2.8 (2011)`.
    plain = re.split(r"[\s(,;+]", plain, maxsplit=1)[0] or plain
    return tuple(
        int(part) if part.isdigit() and len(part) < 18 else part.lower()
        for part in _PARTS.findall(plain)
    )


def compare(one: str, other: str) -> int | None:
    """Whether a version is lower (-1), the same (0) or higher (1); none where that is not known."""
    first, second = parts(one), parts(other)
    if not first or not second:
        return None
    for place in range(max(len(first), len(second))):
        here = first[place] if place < len(first) else 0
        there = second[place] if place < len(second) else 0
        if here == there:
            continue
        if isinstance(here, int) and isinstance(there, int):
            return -1 if here < there else 1
        if isinstance(here, str) and isinstance(there, str) and len(here) == len(there) == 1:
            # `R15A` and `R15B`: single letters count on.
            return -1 if here < there else 1
        return None
    return 0


@functools.lru_cache(maxsize=16_384)
def constraints(text: str) -> tuple[Constraint, ...] | None:
    """The ends of a range; empty for all versions, none where the text is not understood."""
    plain = _SCHEME.sub("", text.strip())
    if _ALL.match(plain) or _ALL.match(text.strip()):
        return ()
    before = bool(_BEFORE.search(plain))
    found = []
    for match in _CONSTRAINT.finditer(plain):
        sign = match["sign"] or ""
        sign = _SIGNS.get(sign, sign)
        if match["sign"] is None and match["tail"]:
            sign = "<="
        elif match["sign"] is None and before:
            sign = "<"
        found.append(Constraint(sign, match["version"].strip()))
    if found:
        return tuple(found)
    return None if parts(plain) == () else (Constraint("=", plain),)


def holds(text: str, version: str) -> bool | None:
    """Whether a version is in a range; none where that cannot be told.

    The ends are those of one interval after the other: `>=2|<3|>=4|<5`.
    """
    ends = constraints(text)
    if ends is None:
        return None
    if not ends:
        return True
    unknown = False
    inside: bool | None = None
    """Whether the interval that is open so far can hold it; none where there is none."""
    for end in ends:
        order = compare(version, end.version)
        if order is None:
            unknown = True
            if end.sign in ("<", "<="):
                inside = None
            continue
        if end.sign == "=":
            if order == 0:
                return True
        elif end.sign == "!=":
            if order == 0:
                return False
        elif end.sign in (">", ">="):
            inside = order > 0 or (order == 0 and end.sign == ">=")
        else:
            below = order < 0 or (order == 0 and end.sign == "<=")
            if below and inside is not False:
                return True
            inside = None
    if inside:
        return True
    return None if unknown else False
