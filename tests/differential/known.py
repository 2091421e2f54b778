"""The list of differences that are argued for, and what is left when they are taken off."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from differential.compare import Difference

LIST = Path(__file__).with_name("known.toml")


@dataclass(frozen=True, slots=True)
class Known:
    """Differences of one kind on one capture, and why they are as they should be."""

    protocol: str
    capture: str
    facts: tuple[str, ...]
    right: str
    """Who is right: `otmon`, `tshark` or `both`, where the bytes allow two readings."""
    reason: str
    frames: tuple[int, ...] = ()
    count: int = 0
    """How many there are, where they are too many to name."""

    @property
    def wanted(self) -> int:
        """How many differences it stands for."""
        return self.count or len(self.frames) * len(self.facts)

    def covers(self, difference: Difference) -> bool:
        """Whether it is about `difference`."""
        return (
            (self.protocol, self.capture) == (difference.protocol, difference.capture)
            and difference.fact in self.facts
            and (not self.frames or difference.frame in self.frames)
        )


def load(protocol: str) -> list[Known]:
    """The entries of the list that are about `protocol`."""
    entries = tomllib.loads(LIST.read_text(encoding="utf-8"))["difference"]
    known = [
        Known(**{name: tuple(v) if isinstance(v, list) else v for name, v in entry.items()})
        for entry in entries
        if entry["protocol"] == protocol
    ]
    for entry in known:
        assert bool(entry.frames) != bool(entry.count), f"either frames or count: {entry}"
        assert entry.right in ("otmon", "tshark", "both"), entry
        assert len(entry.reason) > 20, entry
    return known


def unlisted(differences: Iterable[Difference], known: list[Known]) -> list[Difference]:
    """The differences that nothing in the list is about."""
    return [one for one in differences if not any(entry.covers(one) for entry in known)]


def stale(differences: Iterable[Difference], known: list[Known]) -> list[str]:
    """The entries that no longer hold as they are written, and how it is now."""
    found: Counter[int] = Counter()
    for one in differences:
        found.update(at for at, entry in enumerate(known) if entry.covers(one))
    return [
        f"{entry.protocol} {entry.capture} {', '.join(entry.facts)}: {found[at]} of {entry.wanted}"
        for at, entry in enumerate(known)
        if found[at] != entry.wanted
    ]
