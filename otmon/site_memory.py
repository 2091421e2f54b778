"""What one run takes out of a site file and leaves in it: with `pipeline`, the wiring.

A capture is taken in once. Files that the state has already are left out; where
it has all of them, the run shows what they hold and changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from otmon import _engine
from otmon.alerts.aggregate import Aggregator
from otmon.baseline.compare import Baseline
from otmon.baseline_memory import BaselineMemory
from otmon.config import Config
from otmon.fields import CHANGE_CLASSES
from otmon.inventory.inventory import Inventory
from otmon.model.alert import KeptAlert
from otmon.state import alerts, assets, captures, histories, memories, results
from otmon.state.captures import STANDARD_INPUT, Capture
from otmon.state.histories import History, Key
from otmon.state.site_file import SiteFile

DELTA_S = 10.0
"""Packet time after which counts of what goes on are told again, where a state learns from them."""
MINUTE_NS = 60 * 1_000_000_000
DAY_NS = 24 * 60 * MINUTE_NS
RETAIN_NS = 60 * MINUTE_NS
"""How often a long run looks for what is over and old."""
Memories = Mapping[str, tuple[int, Any]]
"""What parts of a run leave for the next, by name, with the version of its form."""
NEVER_BEFORE_NS = -(2**63)


@dataclass(frozen=True, slots=True)
class Inputs:
    """The captures that a run reads, and why it does not read others."""

    paths: Sequence[str]
    remarks: tuple[str, ...]
    known: bool
    """Whether the state has all of them: nothing is added then."""
    digests: Mapping[str, Capture]
    """Each file by its bytes."""


class SiteMemory:
    """A site file as one run uses it."""

    def __init__(
        self, site: SiteFile, config: Config, inputs: Inputs, sensor: str = captures.FILES
    ) -> None:
        self._site = site
        self._config = config
        self._inputs = inputs
        self._sensor = sensor
        self._adds = not inputs.known
        self._resumes = False
        self._baseline: BaselineMemory | None = None
        self._retain_ns = NEVER_BEFORE_NS
        """The packet time from which old alerts are looked for again."""
        self.remarks = list(inputs.remarks)
        """What people should know of how the state was used."""
        self.settled: Mapping[int, tuple[str, int | None]] = {}
        """Of each alert that somebody settled its status, and when its mute ends."""
        with site.reading() as db:
            self._histories = histories.load(db)
        self._written: dict[Key, History] = dict(self._histories)

    def configure(self, config: Config) -> None:
        """Takes how long what is over is kept, from now on."""
        self._config = config

    def known(self) -> list[tuple[str, str, int | None, str, int, int, int]]:
        """What was done before this run, as the engine takes it.

        Nothing where the state has all of the run: that was not before it.
        """
        if not self._adds:
            return []
        return [
            (*key, one.read_count, one.change_count, one.first_ns)
            for key, one in self._histories.items()
        ]

    def baseline(self) -> Baseline:
        """What the site knows to be normal; what changes of it is written with all the rest."""
        self._baseline = BaselineMemory(self._site, self._config.baseline)
        return self._baseline.baseline

    def inventory(self) -> Inventory:
        """The inventory of the site, with what it remembers."""
        with self._site.reading() as db:
            kept = assets.load(db)
        live = self._sensor != captures.FILES
        return Inventory(
            self._config,
            remembered=kept.records,
            aliases=kept.aliases,
            words=kept.words,
            watched_ns=kept.watched_ns,
            # Of files a person has said that they are what is normal.
            learning_days=self._config.baseline.learning_days if live else None,
        )

    def begin(self, aggregator: Aggregator) -> None:
        """Makes alerts of the state go on."""
        settings, db = self._config.alerts, self._site.db
        idle_ns = round(settings.idle_minutes * MINUTE_NS)
        span_ns = round(settings.span_hours * 60 * MINUTE_NS)

        def recall(key: str, time_ns: int) -> KeptAlert | None:
            with self._site.reading():
                return alerts.recall(db, key, time_ns, idle_ns, span_ns)

        with self._site.reading():
            last = alerts.last_number(db)
            self.settled = alerts.settled(db)
        if last:
            aggregator.continue_from(recall, last, adds=self._adds)

    def resume(self, restore: Callable[[Memories], None], first_ns: int | None) -> None:
        """Gives parts what they remembered, unless the run begins before that of then ended.

        Args:
            restore: Takes it.
            first_ns: When the run begins; none where it is a sensor that goes on, whatever
                its clock says.
        """
        with self._site.reading() as db:
            position = captures.position(db, self._sensor)
            if position is not None and first_ns is not None and first_ns < position:
                if self._adds:
                    self.remarks.append(
                        "these captures begin before others that the state has seen: "
                        "detectors and correlations began afresh for them"
                    )
                return
            self._resumes = self._adds
            restore(memories.load(db))

    def save(
        self,
        aggregator: Aggregator,
        remembered: Callable[[int], Memories],
        inventory: Inventory,
        conversations: Iterable[_engine.Conversation],
        files: Sequence[_engine.CaptureFile],
        parts: Mapping[str, Any] | None = None,
        others: Iterable[Callable[[Any], None]] = (),
        *,
        file_name: Callable[[int], str],
        live: bool = False,
    ) -> None:
        """Writes what has changed since it was last called, in one transaction.

        Args:
            aggregator: The alerts.
            remembered: Gives what parts must not forget, at a packet time.
            inventory: The devices.
            conversations: Those of the run so far.
            files: The captures that have been read to their end, or the interfaces.
            parts: The document of the run, at its end.
            others: What else to write, given the connection.
            file_name: Gives the path of a capture by its place in the input.
            live: Whether `files` are interfaces: they never come in twice.
        """
        taken = [] if live else [self._taken(file) for file in files if file.packets]
        if not self._adds or self._known_by_facts(taken):
            return
        try:
            self._write(
                aggregator,
                remembered,
                inventory,
                conversations,
                files,
                taken,
                parts,
                others,
                file_name,
            )
        except BaseException:
            # Nothing was kept: the next time everything is written again.
            self._written.clear()
            inventory.save_again()
            raise
        aggregator.saved()
        inventory.saved()
        if self._baseline is not None:
            self._baseline.saved()

    def _write(
        self,
        aggregator: Aggregator,
        remembered: Callable[[int], Memories],
        inventory: Inventory,
        conversations: Iterable[_engine.Conversation],
        files: Sequence[_engine.CaptureFile],
        taken: Sequence[Any],
        parts: Mapping[str, Any] | None,
        others: Iterable[Callable[[Any], None]],
        file_name: Callable[[int], str],
    ) -> None:
        ends = [one.last_seen_ns for one in files if one.last_seen_ns is not None]
        with self._site.transaction() as db:
            alerts.save(db, aggregator.changed(file_name))
            histories.save(db, self._changed_histories(conversations))
            records = inventory.changed_records(file_name)
            forgotten = inventory.forgotten()
            assets.save(db, records, inventory.aliases, inventory.watched_ns, forgotten)
            for write in others:
                write(db)
            if self._baseline is not None:
                self._baseline.save(db)
            if self._resumes:
                # A sensor may have things to remember before its first frame.
                memories.save(db, remembered(max(ends, default=0)))
            captures.add(db, taken)
            if ends:
                captures.set_position(db, self._sensor, max(ends))
                self._retain(db, max(ends))
            if parts is not None:
                results.save(db, parts)
            self.settled = alerts.settled(db)

    def _changed_histories(
        self, conversations: Iterable[_engine.Conversation]
    ) -> Iterator[tuple[Key, History]]:
        """What was done over all runs, of those that did something in this one."""
        now: dict[Key, History] = {}
        for talk in conversations:
            if talk.protocol is None or not talk.classes:
                continue
            client, server = talk.client_address, talk.server_address
            if client is None or server is None:
                continue
            key = Key(client, server, talk.vlan, talk.protocol)
            changes = sum(n for name, n in talk.classes.items() if name in CHANGE_CLASSES)
            reads = sum(talk.classes.values()) - changes
            one = History(reads, changes, talk.first_seen_ns, talk.last_seen_ns)
            before = now.get(key) or self._histories.get(key)
            now[key] = one if before is None else _together(before, one)
        for key, one in now.items():
            if self._written.get(key) != one:
                self._written[key] = one
                yield key, one

    def _retain(self, db: Any, now_ns: int) -> None:
        """Drops what is over and old, now and then."""
        if now_ns < self._retain_ns:
            return
        self._retain_ns = now_ns + RETAIN_NS
        state = self._config.state
        alerts.retain(db, now_ns, round(state.closed_alert_days * DAY_NS), state.max_alerts)

    def _taken(self, file: _engine.CaptureFile) -> Capture:
        known = self._inputs.digests.get(file.path, Capture(file.path, None, None, file.size))
        return replace(
            known,
            packets=file.packets,
            bytes=file.bytes,
            first_ns=file.first_seen_ns,
            last_ns=file.last_seen_ns,
        )

    def _known_by_facts(self, taken: Sequence[Capture]) -> bool:
        """Whether all of it came in before, as far as that can only be told afterwards."""
        if not taken or any(one.sha256 is not None for one in taken):
            return False
        with self._site.reading() as db:
            known = all(captures.taken_by_facts(db, one) for one in taken)
        if known:
            self._adds = False
            self.remarks.append("the state has these packets already: nothing was added to it")
        return known


def look_up(site: SiteFile, paths: Sequence[str | os.PathLike[str]]) -> Inputs:
    """Which captures the state has not taken in yet.

    Raises:
        CaptureError: No input is usable.
    """
    named = [os.fspath(path) for path in paths]
    piped = [path for path in named if path == STANDARD_INPUT]
    listed = [path for path in named if path != STANDARD_INPUT]
    if not listed:
        return Inputs(named, (), False, {})
    # The engine knows which files a directory stands for.
    engine = _engine.Engine(listed)
    engine.close()
    files = [file.path for file in engine.files()]
    with site.reading() as db:
        known = [captures.look_up(db, path) for path in files]
    fresh = [one.capture.path for one in known if one.taken is None]
    digests = {one.capture.path: one.capture for one in known}
    if not fresh and not piped:
        remark = f"{site.path} has all of this already: nothing was added to it"
        return Inputs(files, (remark,), True, digests)
    remarks = tuple(_left_out(one) for one in known if one.taken is not None)
    return Inputs([*piped, *fresh], remarks, False, digests)


def nothing_known(paths: Sequence[str | os.PathLike[str]]) -> Inputs:
    """The captures of a run whose state is new."""
    return Inputs([os.fspath(path) for path in paths], (), False, {})


def _together(before: History, more: History) -> History:
    return History(
        before.read_count + more.read_count,
        before.change_count + more.change_count,
        min(before.first_ns, more.first_ns),
        max(before.last_ns, more.last_ns),
    )


def _left_out(known: captures.Known) -> str:
    path, taken = known.capture.path, known.taken
    if taken is not None and known.grown:
        return (
            f"{path}: left out, it has grown since it was taken in. Cut off what the state has: "
            f"`editcap {path} NEW 1-{taken.packets}`"
        )
    return f"{path}: left out, the state has it already"
