"""Watching interfaces: the pipeline of `analyze` without an end.

Everything that is learned goes into the state every few seconds, so that a
sensor that is killed goes on where it was. Nothing in here waits for the
network: frames are read by the engine's own thread, whatever Python does.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from otmon import _engine
from otmon.config import Config
from otmon.errors import CaptureError, OptionsError, OtmonError, StateError
from otmon.fault_log import FaultLog
from otmon.interface_sights import InterfaceSights
from otmon.live_evidence import LiveEvidence
from otmon.live_view import News, Progress, View, faults_of, learned_of, progress
from otmon.model.observed import event_from_notice
from otmon.model.statement import Edge
from otmon.pdu_log import PduLog
from otmon.pipeline import Analysis
from otmon.reload import left_for_a_restart
from otmon.sensor_gauge import Gauge
from otmon.sensor_identity import sensor_of
from otmon.sensor_watch import SensorWatch
from otmon.shipping import Shipping, delivery
from otmon.site_memory import DELTA_S, SiteMemory, nothing_known
from otmon.state import alerts
from otmon.state.site_file import SiteFile
from otmon.wanted import wanted_from_the_start

SHOW_S = 1.0
"""How often the screen is told how things are, in seconds."""
TELL_S = 0.25
"""How long people wait for what they have to be told, where writing it is cheap, in seconds."""
DEAR = 4
"""Times as long as a write took that the next one waits, unless it is due."""
WAIT_S = 0.25
"""How long one look at the engine lasts at most, in seconds: signals wait as long."""
EARLY_S = 0.4
"""How long a request that matters may wait for its answer before it is told, in packet time."""
UNSEEN_NS = 24 * 3_600 * 1_000_000_000
"""Time of watching after which it is worth a word that an asset of the site was never seen."""
LATEST = 20
"""Alerts that are shown, the latest."""
MAX_BEHAVIOURS = 300_000
"""Behaviours that a run remembers: more than the engine does at a time."""
MAX_CONTENTS = 1_000
"""Transfers that a run remembers."""


@dataclass(slots=True)
class Wishes:
    """What people want of a run; set by signal handlers, met between two batches."""

    stop: bool = False
    reload: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """What is captured, and how."""

    interfaces: Sequence[str]
    filter: str | None = None
    snap_length: int | None = None
    promiscuous: bool = True
    ring_mib: int = 64
    user: tuple[int, int] | None = None


def monitor(
    source: Source,
    state: str | os.PathLike[str],
    load: Callable[[], Config],
    wishes: Wishes,
    show: Callable[[View], None],
    tell: Callable[[News], None],
    *,
    ships: bool = False,
) -> None:
    """Watch until somebody wishes to stop; what was found is in the state then.

    Args:
        source: The interfaces.
        state: The site's state file; made where there is none.
        load: Gives the configuration, now and whenever a reload is wished.
        wishes: Looked at between two batches.
        show: Called about every second.
        tell: Called for each alert that people have to be told of.
        ships: Whether what is to be sent is put into the outbox of the state, though the
            configuration names no server.

    Raises:
        CaptureError: An interface cannot be captured, or the process not locked in.
        StateError: The state file cannot be used.
    """
    config = load()
    own = [Path(state).absolute().parent]
    if config.monitor.pdu_log is not None:
        own.append(config.place(config.monitor.pdu_log).absolute())
    # The state is opened by who uses it: where another user is named, that one.
    engine = _engine.Engine.live(
        source.interfaces,
        filter=source.filter,
        snap_length=source.snap_length,
        promiscuous=source.promiscuous,
        ring_mib=source.ring_mib,
        user=source.user,
        writable=own,
        evidence_mib=config.monitor.evidence_ring_mib,
        backlog=config.monitor.backlog,
        pdu_log=config.monitor.pdu_log is not None,
        delta_s=DELTA_S,
        early_s=EARLY_S,
        rhythm=True,
        health=True,
        spoof=True,
        points=config.detectors.looks_at_points,
        ranges=True,
        wanted=wanted_from_the_start(config),
    )
    with SiteFile.open(state) as site:
        site.claim()
        _Watch(engine, site, config, ships=ships).watch(load, wishes, show, tell)


class _Watch(Analysis):
    """A run over interfaces."""

    def __init__(
        self, engine: _engine.Engine, site: SiteFile, config: Config, *, ships: bool
    ) -> None:
        self._names = [file.path for file in engine.files()]
        self._site = site
        memory = SiteMemory(site, config, nothing_known([]), sensor=",".join(self._names))
        shipping = None
        if ships or config.elastic.hosts:
            shipping = Shipping(config, sensor_of(config, interfaces=self._names))
            shipping.begin(site)
        super().__init__(engine, config, memory, shipping=shipping, interfaces=self._names)
        self._live_memory = memory
        self._started = config
        """The configuration of the start."""
        self._ended = False
        engine.know(memory.known())
        engine.watch(self._wanted)
        self._began_s = time.monotonic()
        self._sights = InterfaceSights(engine, self._names, self._began_s)
        with site.reading() as db:
            self._told = alerts.last_change(db)
        folder = site.path.with_name(f"{site.path.name}.evidence")
        self._evidence = LiveEvidence(engine, self._names, folder, config.monitor)
        self._log = None
        if config.monitor.pdu_log is not None:
            self._log = PduLog(
                config.place(config.monitor.pdu_log),
                config.monitor.pdu_log_file_mib << 20,
                config.monitor.pdu_log_mib << 20,
                config.monitor.pdu_log_days,
            )
        self._complaints: dict[str, str] = {}
        """What cannot be written, by what it is."""
        self._fault_log = FaultLog(site, ",".join(self._names))
        self._sensor_watch = SensorWatch(
            self._names,
            config.detectors.sensor,
            site.path.absolute().parent,
            config.monitor.disk_free_mib << 20,
        )
        self._gauge = Gauge()
        self._resumed = False
        self._latest: deque[News] = deque(maxlen=LATEST)
        self._remarks: tuple[str, ...] = (*self._rule_errors, *self._list_errors)

    def watch(
        self,
        load: Callable[[], Config],
        wishes: Wishes,
        show: Callable[[View], None],
        tell: Callable[[News], None],
    ) -> None:
        """Take batches until the engine ends, which it does when somebody wishes to stop."""
        saved_s = shown_s = self._began_s
        took_s = 0.0
        stopping = False
        while (batch := self._engine.read_batch(timeout_s=WAIT_S)) is not None:
            if batch:
                self._resume()
            for observation in batch:
                self._take[type(observation)](observation)
            self._write_log()
            if wishes.reload:
                wishes.reload = False
                self._reload(load)
            now_s = time.monotonic()
            view = None
            if now_s - shown_s >= SHOW_S:
                shown_s = now_s
                view = self._view(now_s)
                self._look(view)
            # What people have to be told of does not wait for its turn, unless it is in vain.
            news = self._aggregator.has_news and "state" not in self._complaints
            wait_s = max(TELL_S, DEAR * took_s) if news else self._config.state.checkpoint_seconds
            if now_s - saved_s >= min(wait_s, self._config.state.checkpoint_seconds):
                saved_s = now_s
                self._try_to_save(tell)
                took_s = time.monotonic() - now_s
            if view is not None:
                show(view)
            if wishes.stop and not stopping:
                stopping = True
                # What is in the ring and on its way still comes.
                self._engine.close()
        self._finish()
        self._write_log()
        if self._log is not None:
            self._log.close()
        self._ended = True
        self._save(tell)
        show(self._view(time.monotonic()))

    def _resume(self) -> None:
        """Give the detectors what they remembered, before they are shown anything."""
        if not self._resumed:
            self._resumed = True
            self._live_memory.resume(partial(self._restore, live=True), None)

    def _health(self, health: _engine.Health) -> None:
        self._sensor_watch.take(health)
        super()._health(health)

    def _look(self, view: View) -> None:
        """Judge what the sensor notices of itself."""
        now_ns = self._engine.now_ns()
        if now_ns is None:
            return
        for notice in self._sensor_watch.look(
            time.monotonic(),
            now_ns,
            view.interfaces,
            view.left_out,
            self._complaints,
            (*self._watchers.forgotten_counts(), ("correlations", self._judge.evicted_count)),
        ):
            self._resume()
            # Frames may be ahead of what was taken: time does not pass by this.
            self._show(event_from_notice(notice, self._context))
        self._fault_log.look(faults_of(view), now_ns)

    def _try_to_save(self, tell: Callable[[News], None]) -> None:
        """Write what has changed; a full disk or a locked state never ends the watch.

        What could not be written is in memory, and is written the next time.
        """
        try:
            self._save(tell)
        except StateError as error:
            self._complaints["state"] = str(error)
        else:
            self._complaints.pop("state", None)

    def _save(self, tell: Callable[[News], None]) -> None:
        """Write what has changed into the state, and tell what people have to know."""
        # Frames may be ahead of what was taken: for rules it is as late as that.
        now_ns = self._engine.taken_ns()
        if now_ns is not None and now_ns >= self._due_ns:
            self._advance(now_ns)
        self._inventory.pause()
        self._tell_news()
        if not self._ended and now_ns is not None:
            self._early.settle(now_ns)
        try:
            if self._aggregator.has_news and self._evidence.save(self._aggregator):
                self._complaints.pop("evidence", None)
        except CaptureError as error:
            self._complaints["evidence"] = str(error)
        files = self._engine.files()
        talks = self._conversations.values()
        others: list[Callable[[Any], None]] = [self._fault_log.write]
        if self._shipping is not None:
            others.append(partial(self._ship, self._shipping, now_ns))
        self._live_memory.save(
            self._aggregator,
            self._memories,
            self._inventory,
            talks,
            files,
            None,
            others,
            file_name=self._file_name,
            live=True,
        )
        self._fault_log.written()
        if self._shipping is not None:
            self._shipping.saved()
        if now_ns is not None:
            self._aggregator.forget_before(now_ns)
        self._forget()
        with self._site.reading() as db:
            for change in alerts.changes(db, self._told):
                self._told = change.id
                news = News(change.kind, alerts.one(db, change.number), change.author)
                self._latest.appendleft(news)
                tell(news)

    def _ship(self, shipping: Shipping, now_ns: int | None, db: Any) -> None:
        """Put what is to be sent into the outbox; another process sends it."""
        due = now_ns is not None and (self._ended or shipping.is_due(now_ns))
        if due and now_ns is not None:
            shipping.health(now_ns, self._figures(db))
        shipping.write(
            db,
            partial(self._inventory.assets, self._names.__getitem__) if due else None,
            now_ns,
            ended=self._ended,
        )

    def _figures(self, db: Any) -> dict[str, Any]:
        """How the sensor is, for `otmon.sensor.*`."""
        files = self._engine.files()
        interfaces = self._engine.interfaces()
        counters = self._engine.counters()
        disk = os.statvfs(self._site.path.parent)
        return {
            "uptime_s": round(time.monotonic() - self._began_s),
            "packets": sum(file.packets for file in files),
            "bytes": sum(file.bytes for file in files),
            "dropped_kernel": sum(one.ring_drops + one.driver_drops for one in interfaces),
            "dropped_queue": counters.get("suppressed_backlog", 0),
            "decode_errors": sum(
                count for name, count in counters.items() if name.startswith(("bad.", "panics."))
            ),
            "flows_active": counters.get("flows_active", 0),
            "capture_interfaces": self._names,
            "disk_free_bytes": disk.f_bavail * disk.f_frsize,
            "remarks": [
                *self._remarks,
                *self._complaints.values(),
                *(words for _, words in self._sensor_watch.problems(self._engine.now_ns())),
                *self._unseen(),
            ],
            **self._gauge.figures(),
            **delivery(db),
        }

    def _write_log(self) -> None:
        """Write the PDUs that came along; a full disk costs lines, never the sensor."""
        if self._log is None:
            return
        self._complaints.pop("log", None)
        while lines := self._engine.take_pdus():
            try:
                self._log.write(lines)
            except OptionsError as error:
                self._complaints["log"] = str(error)

    def _forget(self) -> None:
        """Keeps what a run without end remembers within bounds: the state has the rest."""
        if len(self._behaviours) > MAX_BEHAVIOURS:
            self._behaviours.keep_latest(MAX_BEHAVIOURS * 3 // 4)
        del self._contents[:-MAX_CONTENTS]

    def _reload(self, load: Callable[[], Config]) -> None:
        """Take configuration and rules anew; what cannot be used changes nothing."""
        try:
            self.renew(load())
        except OtmonError as error:
            self._remarks = (f"the reload changed nothing: {error}",)
            return
        self._engine.watch(self._wanted)
        config, settings = self._config, self._config.monitor
        self._live_memory.configure(config)
        self._evidence.configure(settings)
        self._sensor_watch.configure(config.detectors.sensor, settings.disk_free_mib << 20)
        if self._log is not None:
            self._log.configure(
                settings.pdu_log_file_mib << 20,
                settings.pdu_log_mib << 20,
                settings.pdu_log_days,
            )
        self._remarks = (*self._rule_errors, *self._list_errors)
        left = left_for_a_restart(self._started, config)
        if left:
            self._remarks += (f"only a restart takes what changed in {', '.join(left)}",)

    def _view(self, now_s: float) -> View:
        counters = self._engine.counters()
        pdus = [(name[5:], count) for name, count in counters.items() if name[:5] == "pdus."]
        with self._site.reading() as db:
            counts = alerts.counts(db)
        edges: Sequence[Edge] = ()
        learning: tuple[Progress, ...] = ()
        if self._baseline is not None:
            book, own = self._baseline.book, self._config.baseline
            edges = [*book.edges()]
            learning = tuple(progress(edges, book.name, own.quiet_hours, own.learning_days))
        learned = learned_of(edges)
        enforcing_count = sum(done for done, _ in learned.values())
        return View(
            site=self._config.site.name,
            state=str(self._site.path),
            uptime_s=now_s - self._began_s,
            interfaces=self._sights.look(now_s),
            device_count=self._inventory.device_count,
            conversation_count=len(self._conversations),
            learning_count=len(edges) - enforcing_count,
            enforcing_count=enforcing_count,
            protocols=tuple(sorted(pdus, key=lambda one: (-one[1], one[0]))),
            learned=learned,
            edges=learning,
            confined=self._engine.confined,
            open_by_level={level: n for (status, level), n in counts.items() if status == "open"},
            latest=tuple(self._latest),
            left_out=counters.get("suppressed_backlog", 0),
            remarks=self._remarks,
            problems=(
                *((f"writing {what}", words) for what, words in self._complaints.items()),
                *self._sensor_watch.problems(self._engine.now_ns()),
                *(("configured assets", words) for words in self._unseen()),
            ),
        )

    def _unseen(self) -> Iterator[str]:
        """What of the configuration was not seen, once that is not only a matter of waiting."""
        if self._ended or self._inventory.watched_ns >= UNSEEN_NS:
            yield from self._inventory.remarks()
