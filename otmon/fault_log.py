"""From when to when something was not well with a live sensor, as its state keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otmon.model.notice import Fault
from otmon.state import faults
from otmon.state.site_file import SiteFile

MAX_WAITING = 1_000
"""Faults that are over and wait for a state that cannot be written; the oldest goes first."""


class FaultLog:
    """The faults of one sensor; what a run before it left open goes on, or ends."""

    def __init__(self, site: SiteFile, sensor: str) -> None:
        self._sensor = sensor
        with site.reading() as db:
            self._lasting = {one.key: one for one in faults.lasting(db, sensor)}
        self._changed: dict[tuple[str, int], Fault] = {}
        """What the state has not got yet, by what it is and when it began."""

    def look(self, found: Mapping[str, str], now_ns: int) -> None:
        """Takes what is not well at a packet time: words, by what it is."""
        for key, words in found.items():
            known = self._lasting.get(key)
            if known is None or known.words != words:
                self._keep(Fault(key, words, now_ns if known is None else known.began_ns))
        for key in self._lasting.keys() - found.keys():
            over = self._lasting.pop(key)
            self._note(Fault(key, over.words, over.began_ns, max(now_ns, over.began_ns)))

    def _keep(self, fault: Fault) -> None:
        self._lasting[fault.key] = fault
        self._note(fault)

    def _note(self, fault: Fault) -> None:
        while len(self._changed) >= MAX_WAITING:
            del self._changed[next(iter(self._changed))]
        self._changed[fault.key, fault.began_ns] = fault

    def write(self, db: Any) -> None:
        """Writes what has changed, within a transaction."""
        faults.save(db, self._sensor, self._changed.values())

    def written(self) -> None:
        """The transaction was kept."""
        self._changed.clear()
