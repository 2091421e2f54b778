"""What a run puts into the outbox: with `pipeline`, the wiring of the remote sink.

Everything is put in within the transaction that writes what it tells of.
Nothing in here opens a connection: sending is another process, or comes after.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from otmon import _engine
from otmon.config import Config
from otmon.evidence.excerpt import excerpts
from otmon.evidence.source import KnownCapture
from otmon.fields import NOTABLE_CLASSES, catalogue
from otmon.model.alert import Alert, Excerpt
from otmon.model.asset import Asset
from otmon.model.internet import Outside
from otmon.model.rule import Rule
from otmon.news import (
    Around,
    RuleOf,
    alert_news,
    asset_news,
    places,
    told_assets,
    told_of,
    untold_alerts,
)
from otmon.ruleset.site import site_rules
from otmon.sinks import dead_letters, ledger, outbox, told
from otmon.sinks.elastic import documents
from otmon.sinks.elastic.documents import Draft, Facts, Find, Moment, Sensor, Talked
from otmon.sinks.elastic.intervals import Interval, Intervals
from otmon.sinks.outbox import Bounds, Document, Failure
from otmon.state import captures
from otmon.state.site_file import SiteFile
from otmon.state.site_file import now_ns as wall_ns

MOST_DRAFTS = 40_000
"""Documents that a sensor holds in memory while its state cannot be written."""
SPOOL_AT = 2_000
"""Documents that a run over files holds in memory before they go into its spool."""


def bounds_of(config: Config) -> Bounds:
    """How much may wait."""
    settings = config.elastic
    return Bounds(settings.outbox_mib << 20, settings.outbox_max_age_hours)


class Shipping:
    """Collects what a run has to tell, and puts it into the outbox."""

    def __init__(self, config: Config, sensor: Sensor, spool: SiteFile | None = None) -> None:
        """Takes who sends; a spool keeps a long run over files out of memory."""
        every_ns = round(config.elastic.interval_seconds * 1e9)
        self.sensor = sensor
        self.interval_ns = every_ns
        self.tells_each = config.elastic.operations == "notable"
        """Whether it wants operations one by one, too."""
        self._config = config
        self._rule_of = rules_of(config)
        self._bounds = bounds_of(config)
        self._most_bytes = config.elastic.max_document_kib << 10
        self._spool = spool
        self._drafts: list[Draft] = []
        self._shed: dict[str, int] = {}
        """What was dropped since it could not be written, as the outbox counts it."""
        self._operations: Intervals[_engine.Behaviour, int] = Intervals(every_ns, 0)
        self._conversations: Intervals[_engine.Conversation, Talked] = Intervals(every_ns, Talked())
        self._facts: Facts = lambda ip, mac, vlan: None
        self._deviates: Callable[[_engine.Behaviour], bool] = lambda one: False
        self._place = (-1, -1)
        self._index = 0
        """Flow and packet time of the last operation that was told by itself, and its number."""
        self._assets_ns: int | None = None
        """The packet time at which devices were told last."""
        self._places: dict[str, Asset] = {}
        """Devices by id and by address, as of then."""

    def renew(self, config: Config) -> None:
        """Go on with what a changed configuration says of the site, and with its rules."""
        self.sensor = dataclasses.replace(self.sensor, is_outside=Outside(config.site.networks))
        self._rule_of = rules_of(config)

    def begin(self, site: SiteFile) -> None:
        """Go on with the numbers and the devices of a state."""
        with site.reading() as db:
            numbers = ledger.numbers(db)
            self.know(told_assets(db))
        if self._spool is not None:
            with self._spool.transaction() as own:
                ledger.continue_from(own, numbers)

    # While the run goes on

    def behaviour(self, one: _engine.Behaviour) -> None:
        """Take what a behaviour has come to."""
        over = self._operations.see(one.behaviour, one, one.count)
        if over is not None:
            self._add(self._operation(over))

    def conversation(self, one: _engine.Conversation) -> None:
        """Take what a conversation has come to."""
        over = self._conversations.see(one.id, one, documents.talked(one))
        if over is not None:
            self._add(self._conversation(over))

    def _operation(self, over: Interval[_engine.Behaviour, int]) -> Draft:
        return documents.operation(
            self.sensor,
            over.now,
            over.before,
            self._facts,
            new=over.new,
            deviates=self._deviates(over.now),
        )

    def _conversation(self, over: Interval[_engine.Conversation, Talked]) -> Draft:
        return documents.conversation(
            self.sensor,
            over.now,
            over.before,
            self._facts,
            new=over.new,
            interval_ns=self.interval_ns,
        )

    def transaction(self, one: _engine.Transaction, behaviour: str | None) -> None:
        """Take one operation, where its class is notable or it is no plain success."""
        plain = one.status == "ok" and not one.anomalies
        if plain and one.operation_class not in NOTABLE_CLASSES:
            return
        place = (one.flow_id, one.time_ns)
        self._index = self._index + 1 if place == self._place else 0
        self._place = place
        self._add(documents.notable(self.sensor, one, behaviour, self._index, self._facts))

    def health(self, time_ns: int, figures: Mapping[str, Any]) -> None:
        """Take how the sensor is."""
        self._add(documents.sensor_health(self.sensor, time_ns, figures))

    def inform(self, facts: Facts, deviates: Callable[[_engine.Behaviour], bool]) -> None:
        """Learn who knows the devices at the time of an event, and who knows what is normal."""
        self._facts = facts
        self._deviates = deviates

    def know(self, assets: Iterable[Asset]) -> None:
        """Take the devices that documents name."""
        self._places = places(assets)

    def _around(self, db: Any = None) -> Around:
        return around_of(self._config, self._find, self._rule_of, db)

    def _find(self, address: str | None) -> Asset | None:
        return None if address is None else self._places.get(address)

    def _add(self, draft: Draft) -> None:
        self._drafts.append(draft)
        if self._spool is None:
            if len(self._drafts) > MOST_DRAFTS:
                self._make_room()
        elif len(self._drafts) >= SPOOL_AT:
            with self._spool.transaction() as db:
                self._put(db, self._drafts)
            self.saved()

    def _make_room(self) -> None:
        """Drops what matters least, the oldest first; never alerts."""
        worst = max(documents.PRIORITIES[one.stream] for one in self._drafts)
        if worst == 0:
            return
        left: list[Draft] = []
        gone = 0
        for one in self._drafts:
            if gone < MOST_DRAFTS // 4 and documents.PRIORITIES[one.stream] == worst:
                gone += 1
            else:
                left.append(one)
        self._drafts = left
        name = f"dropped.memory.{worst}"
        self._shed[name] = self._shed.get(name, 0) + gone

    # At checkpoints and at the end

    def is_due(self, now_ns: int | None) -> bool:
        """Whether an interval has passed since devices were told."""
        if now_ns is None:
            return False
        return self._assets_ns is None or now_ns - self._assets_ns >= self.interval_ns

    def write(
        self,
        db: Any,
        assets: Callable[[], Sequence[Asset]] | None,
        now_ns: int | None,
        *,
        ended: bool = False,
    ) -> None:
        """Put everything that is to be told into the outbox of a state.

        It is forgotten here when `saved` says that the transaction was kept; else it is put in
        again the next time.

        Args:
            db: A connection inside the transaction that writes the state.
            assets: Gives the devices, where they are to be told.
            now_ns: How far packet time has come.
            ended: Whether nothing more will come: intervals end now.
        """
        news: list[Draft] = []
        if assets is not None:
            everybody = assets()
            self.know(everybody)
            self._assets_ns = now_ns
            news += asset_news(db, self.sensor, everybody)
        self._end_intervals(None if ended else now_ns)
        news += alert_news(db, self.sensor, self._around(db))
        if self._spool is not None:
            _move(self._spool, db, self._bounds)
        self._put(db, [*self._drafts, *news])
        ledger.count(db, self._shed)

    def saved(self) -> None:
        """Forget what was written: it is in the state now."""
        self._drafts.clear()
        self._shed.clear()

    def write_result(self, found: Iterable[Alert], assets: Sequence[Asset]) -> None:
        """Put everything of a run without a state into the spool, which is its outbox."""
        assert self._spool is not None  # a run without a state has one
        with self._spool.transaction() as db:
            self.know(assets)
            self._end_intervals(None)
            news = [*asset_news(db, self.sensor, assets)]
            news += told_of(self.sensor, [*found], self._around())
            self._put(db, [*self._drafts, *news])
        self.saved()

    def _end_intervals(self, now_ns: int | None) -> None:
        for done in self._operations.end(now_ns):
            self._add(self._operation(done))
        for talk in self._conversations.end(now_ns):
            self._add(self._conversation(talk))

    def _put(self, db: Any, drafts: Sequence[Draft]) -> None:
        put(db, self.sensor, drafts, self._bounds, self._most_bytes)


def put(
    db: Any,
    sensor: Sensor,
    drafts: Sequence[Draft],
    bounds: Bounds,
    most_bytes: int = documents.MAX_DOCUMENT_BYTES,
) -> None:
    """Gives drafts their numbers and puts them into an outbox."""
    now_ns = wall_ns()
    counts: dict[str, int] = {}
    for draft in drafts:
        counts[draft.stream] = counts.get(draft.stream, 0) + 1
    numbers = {stream: ledger.next_in(db, stream, count) for stream, count in counts.items()}
    ready: list[Document] = []
    dead: list[tuple[Document, Failure]] = []
    for draft in drafts:
        number = numbers[draft.stream]
        numbers[draft.stream] += 1
        made = documents.finished(sensor, draft, number, now_ns, most_bytes)
        if isinstance(made, tuple):
            dead.append(made)
        else:
            ready.append(made)
        if draft.about is not None and not isinstance(made, tuple):
            told.remember_alert(db, made, draft.about, raised=draft.stream == "alert")
    outbox.put(db, ready, bounds)
    dead_letters.lament(db, dead, bounds)


def around_of(config: Config, find: Find, rule_of: RuleOf, db: Any = None) -> Around:
    """What is known around alerts; with a state it knows captures again."""

    def show(found: Sequence[Alert]) -> Mapping[int, Excerpt]:
        if not config.elastic.evidence_excerpt or not found:
            return {}
        taken = [] if db is None else captures.taken(db)
        known = [KnownCapture(one.path, one.size, one.sha256, taken_ns) for one, taken_ns in taken]
        return excerpts(found, known)

    return Around(find, rule_of, show)


def rules_of(config: Config) -> RuleOf:
    """What gives the rules of a site, which are read when the first is asked for."""

    @functools.cache
    def rules() -> Mapping[str, Rule]:
        every = site_rules(config, catalogue(_engine.protocols()))
        return {one.rule.id: one.rule for one in every.rules}

    return lambda name: rules().get(name)


def tell(db: Any, config: Config, sensor: Sensor) -> None:
    """Puts into an outbox what became of alerts since it was told of last."""
    _put_alerts(db, config, sensor, alert_news)


def tell_alerts_again(db: Any, config: Config, sensor: Sensor) -> None:
    """Puts every alert of a state into its outbox again as it was told, and what became of it."""
    tell(db, config, sensor)
    _put_alerts(db, config, sensor, untold_alerts)
    outbox.put(db, told.documents(db), bounds_of(config))


def _put_alerts(
    db: Any,
    config: Config,
    sensor: Sensor,
    make: Callable[[Any, Sensor, Around], list[Draft]],
) -> None:
    by_place = places(told_assets(db))
    around = around_of(config, lambda name: by_place.get(name or ""), rules_of(config), db)
    drafts = make(db, sensor, around)
    put(db, sensor, drafts, bounds_of(config), config.elastic.max_document_kib << 10)


def delivery(db: Any) -> dict[str, Any]:
    """How the outbox is, for `otmon.sensor.*`."""
    found = outbox.status(db)
    counts = found.counts
    age_ns = 0 if found.oldest_ns is None else max(0, wall_ns() - found.oldest_ns)
    acknowledged = found.facts.get("last_ack_at")
    return {
        "outbox_rows": found.rows,
        "outbox_bytes": found.bytes,
        "outbox_oldest_age_s": age_ns // 1_000_000_000,
        "delivered": counts.get("delivered", 0),
        "duplicates": counts.get("duplicates", 0),
        "retried": counts.get("retried", 0),
        "dead_letter": counts.get("dead_letter", 0),
        "dropped_documents": sum(n for name, n in counts.items() if name.startswith("dropped.")),
        "last_ack_at": None if acknowledged is None else Moment(int(acknowledged)),
    }


def _move(spool: SiteFile, db: Any, bounds: Bounds) -> None:
    """Moves what waits in a spool into an outbox."""
    while True:
        with spool.transaction() as own:
            rows = outbox.batch(own, at_most=SPOOL_AT, max_bytes=64 << 20, now_ns=2**62)
            if not rows:
                ledger.continue_from(db, ledger.numbers(own))
                return
            outbox.put(db, [row.document for row in rows], bounds)
            outbox.acknowledge(own, rows)
