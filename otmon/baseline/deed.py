"""What somebody did, reduced to what statements tell apart."""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

from otmon.fields import CHANGE_CLASSES
from otmon.model.statement import Key, Range

FOLDED_CLASSES = frozenset(("read", "subscribe", "browse", "identify", "keepalive", "config_read"))
"""Classes whose targets are told apart by address space, and remembered as ranges."""

LINK_CLASSES = frozenset(("session_open", "session_close", "keepalive"))
"""Classes of what keeps a connection alive: of no news between two that talk anyway."""

_RANGE = re.compile(r"(\d+)(?:\.\d+)?(?:-(\d+))?")
_ENTRY = re.compile(r"(0x[0-9a-f]+)/(\d+)")
_PART = re.compile(r"\d+/(\d+)(?:-(\d+))?")


class Deed(NamedTuple):
    """One operation as statements see it."""

    client: str
    server: str
    protocol: str
    unit: int | None
    operation_class: str
    operation: str
    target: str | None
    """As the protocol writes it; of a folded class the space alone may do."""
    ranges: tuple[Range, ...]
    """The addresses, where the class is folded."""
    failure: str | None
    """The name of the refusal; none where there was none."""
    group: bool = False
    """Whether it is sent to a group, so that nobody is a server."""
    answered: bool = True
    """Whether its answer was seen: without it, nobody knows how it went."""

    @property
    def folded(self) -> bool:
        """Whether its target is told apart by address space only."""
        return self.operation_class in FOLDED_CLASSES

    @property
    def edge(self) -> tuple[str, str, str]:
        """The conversation that it belongs to."""
        return self.client, self.server, self.protocol

    @property
    def key(self) -> Key:
        """The key of the statement that covers it."""
        if self.failure is not None:
            return Key(
                "exception",
                self.client,
                self.server,
                self.protocol,
                self.unit,
                operation_class=self.operation_class,
                operation=self.operation,
                status=self.failure,
            )
        if self.group:
            kind = "stream"
        elif self.folded:
            kind = "read"
        elif self.operation_class in CHANGE_CLASSES:
            kind = "change"
        else:
            kind = "other"
        return Key(
            kind,
            self.client,
            self.server,
            self.protocol,
            self.unit,
            self.operation_class,
            self.operation,
            self.target or "",
        )


@functools.lru_cache(maxsize=16_384)
def folded(target: str | None) -> tuple[str | None, tuple[Range, ...]]:
    """The address space of a target, and the addresses in it: `hr:100-103` is `hr`, 100 to 103.

    As the engine folds them: a bit is its byte, an entry of a list the list
    with the entry's number, a name the space that it is in.
    """
    if target is None:
        return None, ()
    space, colon, rest = target.partition(":")
    if not colon:
        return space, ()
    entry = _ENTRY.fullmatch(rest)
    if entry:
        number = int(entry[2])
        return f"{space}:{entry[1]}", ((number, number),)
    found = _RANGE.fullmatch(rest) or _PART.fullmatch(rest)
    if found:
        low = int(found[1])
        return space, ((low, int(found[2] or low)),)
    return space, ()
