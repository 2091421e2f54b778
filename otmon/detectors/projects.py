"""The projects that controllers say they hold, and by which clients address variables.

A project carries a name, a version that rises with each change, and when it was changed. Who
reads or writes variables by their place shows the checksum of the project that he took the
places from. Both are what a program is known by where its bytes were never seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from otmon.detectors.bounded import Json, Recent

if TYPE_CHECKING:
    from otmon._engine import Transaction

TELLS = "read_project_info"
"""The operation by which a controller says what project it holds."""
SHOWS = frozenset(("read_variables", "write_variables"))
"""Those by which a client shows from what project it has the places of variables."""
WANTED = (
    {"protocol": "umas", "operation": TELLS},
    *({"protocol": "umas", "operation": name, "field": "checksum"} for name in sorted(SHOWS)),
)
"""What the engine has to tell one by one."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A project that is another than before."""

    type: str
    expected: str
    observed: str
    since_ns: int


class Projects:
    """The projects that are known, over a restart, too."""

    def __init__(self, most: int) -> None:
        """Takes how many controllers, and clients of them, are known at most."""
        self._told: Recent[tuple[object, ...], tuple[str, int]] = Recent(most)
        self._shown: Recent[tuple[object, ...], tuple[int, int]] = Recent(most)

    @property
    def evicted_count(self) -> int:
        """Controllers and clients that were forgotten because there were too many."""
        return self._told.evicted_count + self._shown.evicted_count

    def take(self, record: Transaction) -> Iterator[Difference]:
        """What a done operation shows that is another than before."""
        controller = (record.server_address, record.vlan, record.protocol, record.unit)
        if record.operation == TELLS:
            yield from self._take_told(controller, record)
        else:
            yield from self._take_shown(controller, record)

    def _take_told(
        self, controller: tuple[object, ...], record: Transaction
    ) -> Iterator[Difference]:
        name, changed = record.field("umas.project_name"), record.field("umas.modified")
        version = record.field("umas.project_version")
        if not (isinstance(name, str) and isinstance(changed, str) and isinstance(version, int)):
            return  # one of its tables was asked for
        now = f"project {name}, version {version}, changed at {changed}"
        before = self._told.get(controller)
        self._told.put(controller, (now, record.time_ns))
        if before is not None and before[0] != now:
            yield Difference("project_changed", before[0], now, before[1])

    def _take_shown(
        self, controller: tuple[object, ...], record: Transaction
    ) -> Iterator[Difference]:
        now = record.field("umas.checksum")
        if not isinstance(now, int):
            return
        own = (record.client_address, *controller)
        before = self._shown.get(own)
        whose = ""
        if before is None:
            # A client that is new is held against the one that was there last.
            before, whose = self._shown.get(controller), " of the client before it"
        for key in (own, controller):
            self._shown.put(key, (now, record.time_ns))
        if before is not None and before[0] != now:
            yield Difference(
                "other_project_used",
                f"checksum {before[0]:08x}{whose}",
                f"checksum {now:08x}",
                before[1],
            )

    def written(self) -> Json:
        """All as JSON."""
        return [self._told.written(list), self._shown.written(list)]

    def read(self, written: Json) -> None:
        """Takes what `written` gave."""
        told, shown = written
        self._told.read(told, lambda one: (str(one[0]), int(one[1])))
        self._shown.read(shown, lambda one: (int(one[0]), int(one[1])))
