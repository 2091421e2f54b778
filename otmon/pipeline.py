"""The only wiring: engine to inventory, detectors, rules, alerts, result document.

`analyze` is the public API. Rules are loaded while the engine
already reads, on its own thread.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otmon import _engine
from otmon.alerts.aggregate import Aggregator
from otmon.baseline.book import is_known
from otmon.baseline.compare import Baseline, Found
from otmon.baseline.learn import learned
from otmon.baseline.watch import Watch, deviation_event
from otmon.baseline_memory import BaselineMemory
from otmon.config import Config
from otmon.detectors.registry import watchers
from otmon.errors import StateError, UsageError
from otmon.indicator_lists import read_indicators
from otmon.inventory.inventory import Inventory
from otmon.model import result as document
from otmon.model.alert import Alert
from otmon.model.document import Deferred, Time
from otmon.model.event import (
    Event,
    Likenesses,
    event_from_content,
    stands_alone,
)
from otmon.model.link_type import link_type_name
from otmon.model.observed import (
    event_from_address,
    event_from_arp,
    event_from_claim,
    event_from_conversation,
    event_from_health,
    event_from_loss,
    event_from_no_reply,
    event_from_rhythm,
    event_from_shift,
)
from otmon.model.result import Result
from otmon.pdu_lines import Paths, Progress, listed
from otmon.ruleset.judge import Judge
from otmon.site_calendar import SiteCalendar
from otmon.site_memory import SiteMemory, look_up, nothing_known
from otmon.state import last_analysis
from otmon.state.site_file import SiteFile
from otmon.surroundings import Surroundings

if TYPE_CHECKING:
    from otmon.shipping import Shipping

ONE_SIDED_SHARE = 0.8
"""Share of TCP flows with one direction only from which a capture is one-sided."""
MIN_TCP_FLOWS = 5
"""Fewer flows do not tell whether a capture is one-sided."""
MAX_SHAPES = 4096
"""Shapes of behaviours of which it is remembered whether they stand alone."""
MAX_KEPT = 20_000
"""Conversations and transfers that are kept of a result."""
WAIT_S = 0.1
"""How long a wait for the engine lasts before progress is drawn and Ctrl-C noticed."""


def analyze(
    paths: Paths,
    *,
    state: str | os.PathLike[str] | None = None,
    keep: bool = False,
    keep_duplicates: bool = False,
    config: Config | None = None,
    baseline: Paths | Baseline | None = None,
    progress: Progress | None = None,
    shipping: Shipping | None = None,
) -> Result:
    """What capture files show, as the document of `otmon analyze --format json`.

    Args:
        paths: One or several capture files, directories of them, or `-` for
            standard input. Several are one timeline.
        state: The site's state file, which the analysis continues; made where
            there is none. Without it that of the configuration, else none.
        keep: Without a state, keep the result as the user's last analysis.
        keep_duplicates: Count frames that a mirror port delivered twice.
        config: What the site says; without it the defaults.
        baseline: What is normal: captures to learn it from, or what was learned.
        progress: Called now and then with the bytes read so far and in all.
        shipping: Gets what is to be sent; it is in the outbox of the state then, else in its
            own.

    Raises:
        CaptureError: No input is usable. Malformed traffic never raises.
        StateError: The state file cannot be used.

    A KeyboardInterrupt ends the reading; what was found so far is the result.
    Nothing of it goes into the state, which takes a capture as a whole.
    """
    config = config or Config()
    before: Analysis | None = None
    if baseline is not None and not isinstance(baseline, Baseline):
        if _are_captures(listed(baseline)):
            before = _learned(baseline, keep_duplicates, config, progress)
            baseline = before.learned
        else:
            baseline = known(baseline, config=config)
    if state is None and config.state.path is not None:
        state = config.place(config.state.path)
    if state is None:
        engine = _engine.Engine(
            listed(paths),
            keep_duplicates=keep_duplicates,
            rhythm=True,
            health=True,
            spoof=True,
            ranges=baseline is not None,
            delta_s=_delta_s(shipping),
        )
        analysis = Analysis(engine, config, baseline=baseline, before=before, shipping=shipping)
        analysis.run(progress)
        result = analysis.result()
        analysis.ship(result)
        return _kept(analysis, result) if keep else result
    with SiteFile.open(state) as site:
        site.claim()
        inputs = look_up(site, listed(paths))
        memory = SiteMemory(site, config, inputs)
        engine = _engine.Engine(
            inputs.paths,
            keep_duplicates=keep_duplicates,
            conversations=memory.known(),
            rhythm=True,
            health=True,
            spoof=True,
            ranges=True,
            delta_s=_delta_s(shipping),
        )
        if shipping is not None:
            shipping.begin(site)
        analysis = Analysis(engine, config, memory, baseline, shipping=shipping)
        analysis.run(progress)
        return analysis.finish()


def _delta_s(shipping: Shipping | None) -> float | None:
    """How often counts of what goes on are wanted."""
    return None if shipping is None else shipping.interval_ns / 1e9


def _own_ports() -> dict[str, frozenset[tuple[str, int]]]:
    """Transports and ports of each dissected protocol."""
    return {
        info.name: frozenset(
            [("tcp", port) for port in info.tcp_ports] + [("udp", port) for port in info.udp_ports]
        )
        for info in _engine.protocols()
    }


def _kept(analysis: Analysis, result: Result) -> Result:
    """The result, kept as the user's last analysis."""
    try:
        with last_analysis.fresh() as site:
            analysis.keep_in(site, result)
    except StateError as error:
        remark = f"the analysis could not be kept: {error}"
        capture = dataclasses.replace(result.capture, remarks=(*result.capture.remarks, remark))
        return dataclasses.replace(result, capture=capture)
    return result


def known(
    paths: Paths,
    *,
    keep_duplicates: bool = False,
    config: Config | None = None,
    progress: Progress | None = None,
) -> Baseline:
    """What is normal, as an export or a state file says, or as captures show.

    Raises:
        CaptureError: No input is usable.
        StateError: The state file cannot be used.
        UsageError: The export says something that is not so.
    """
    inputs = listed(paths)
    config = config or Config()
    kinds = {_kind_of(path) for path in inputs}
    if _are_captures(inputs):
        return learn(inputs, keep_duplicates=keep_duplicates, config=config, progress=progress)
    if len(inputs) > 1:
        raise UsageError(
            "A baseline is one export, one state file, or captures. Name one of these."
        )
    (path,) = inputs
    if kinds == {"state"}:
        with SiteFile.open(path, read_only=True) as site:
            return BaselineMemory(site, config.baseline).baseline
    from otmon.baseline import exchange

    said = exchange.read(Path(path).read_text(encoding="utf-8"), os.fspath(path))
    baseline = Baseline(said.book, said.site, config.baseline)
    baseline.sources = (os.fspath(path),)
    return baseline


def _are_captures(paths: Sequence[str | os.PathLike[str]]) -> bool:
    """Whether all of them are to be learned from."""
    return {_kind_of(path) for path in paths} == {"capture"}


def _kind_of(path: str | os.PathLike[str]) -> str:
    """Whether a path is a `state` file, an `export` of a baseline, or else a `capture`."""
    place = Path(path)
    if not place.is_file():
        return "capture"
    with place.open("rb") as file:
        head = file.read(4096)
    if head.startswith(b"SQLite format 3\0"):
        return "state"
    return "export" if b"\notmon_baseline:" in b"\n" + head else "capture"


def learn_into(
    paths: Paths,
    state: str | os.PathLike[str],
    *,
    keep_duplicates: bool = False,
    config: Config | None = None,
    progress: Progress | None = None,
) -> Result:
    """Learns captures of which a person says that they are normal, into a state file.

    Raises:
        CaptureError: No input is usable.
        StateError: The state file cannot be used.
    """
    config = config or Config()
    with SiteFile.open(state) as site:
        site.claim()
        inputs = look_up(site, listed(paths))
        memory = SiteMemory(site, config, inputs)
        engine = _engine.Engine(
            inputs.paths,
            keep_duplicates=keep_duplicates,
            conversations=memory.known(),
            rhythm=True,
            health=True,
            spoof=True,
            ranges=True,
        )
        analysis = Analysis(engine, config, memory)
        analysis.learn_all(progress)
        return analysis.finish()


def learn(
    paths: Paths,
    *,
    keep_duplicates: bool = False,
    config: Config | None = None,
    progress: Progress | None = None,
) -> Baseline:
    """What is normal, from captures of which a person says that they are.

    Raises:
        CaptureError: No input is usable.
    """
    return _learned(paths, keep_duplicates, config or Config(), progress).learned


def _learned(
    paths: Paths, keep_duplicates: bool, config: Config, progress: Progress | None
) -> Analysis:
    """A run that has learned what is normal, and who is there."""
    engine = _engine.Engine(
        listed(paths),
        keep_duplicates=keep_duplicates,
        rhythm=True,
        health=True,
        spoof=True,
        ranges=True,
    )
    baseline = Baseline(settings=config.baseline)
    baseline.sources = tuple(map(str, listed(paths)))
    analysis = Analysis(engine, config, baseline=baseline)
    analysis.learn_all(progress)
    baseline.said_normal = False
    return analysis


class Analysis:
    """One run from the first frame to the result."""

    def __init__(
        self,
        engine: _engine.Engine,
        config: Config,
        memory: SiteMemory | None = None,
        baseline: Baseline | None = None,
        before: Analysis | None = None,
        shipping: Shipping | None = None,
    ) -> None:
        # Imported here: pySigma takes most of the time that otmon needs to start.
        from otmon.ruleset.site import site_rules

        rules = site_rules(config)
        self._engine = engine
        self._shipping = shipping
        self._config = config
        self._memory = memory
        calendar = self._calendar = SiteCalendar(config)
        self._judge = Judge(rules.events, rules.correlations, calendar.zone)
        self._rule_errors = tuple(str(error) for error in rules.errors)
        self._watchers = watchers(
            config.detectors,
            ports=_own_ports(),
            indicators=read_indicators(map(config.place, config.indicators.files)),
        )
        self._due_ns = self._watchers.due_ns
        """The packet time from which a detector has to be told of it."""
        self._alone: dict[int, bool] = {}
        """Of each shape of behaviour, whether a new one stands alone."""
        self._aggregator = Aggregator(config.alerts)
        if memory is not None:
            memory.begin(self._aggregator)
            self._inventory = memory.inventory()
        elif before is not None:
            self._inventory = before.known_devices()
        else:
            self._inventory = Inventory(config)
        self._context = Surroundings(self._inventory, calendar, self._watchers.quality.of)
        self._likenesses = Likenesses(self._context)
        self._inventory.inform(self._context)
        if shipping is not None:
            shipping.inform(self._inventory.facts)
        self._behaviours: dict[int, _engine.Behaviour] = {}
        self._conversations: dict[int, _engine.Conversation] = {}
        self._contents: list[_engine.Content] = []
        self._interrupted = False
        if baseline is None and memory is not None:
            baseline = memory.baseline()
        self._baseline = baseline
        self._normal = None if self._baseline is None else self._watch_of(self._baseline)
        self._take: dict[type, Callable[[Any], None]] = {
            _engine.Transaction: self._transaction,
            _engine.Behaviour: self._behaviour,
            _engine.Conversation: self._conversation,
            _engine.Address: self._address,
            _engine.Claim: self._claim,
            _engine.Content: self._content,
            _engine.Rhythm: self._rhythm,
            _engine.NoReply: self._no_reply,
            _engine.Health: self._health,
            _engine.Loss: self._loss,
            _engine.Arp: self._arp,
            _engine.HeaderShift: self._shift,
        }

    def run(self, progress: Progress | None) -> None:
        """Take every observation; Ctrl-C ends the reading and keeps what was found."""
        # Outlives an interrupt, so that the rest of a batch is not lost with it.
        pending: Iterator[_engine.Observation] = iter(())
        resume = self._memory
        while True:
            try:
                self.take_all(pending)
                if progress is not None:
                    progress(*self._engine.progress())
                batch = self._engine.read_batch(timeout_s=WAIT_S)
                if batch is None:
                    self._finish()
                    break
                if batch and resume is not None:
                    resume.resume(self._watchers, self._first_seen_ns())
                    resume = None
                pending = iter(batch)
            except KeyboardInterrupt:
                if self._interrupted:
                    raise
                self._interrupted = True
                self._engine.close()

    def take_all(self, observations: Iterable[_engine.Observation]) -> None:
        """Take observations of the engine, in its order."""
        take = self._take
        for observation in observations:
            take[type(observation)](observation)

    def renew(self, config: Config) -> None:
        """Goes on with what a site says now: its rules, names and time zone.

        Correlations that did not change keep what they counted.

        Raises:
            RuleError: Its rules cannot be used; nothing has changed then.
        """
        from otmon.ruleset.site import site_rules

        rules = site_rules(config)
        calendar = SiteCalendar(config)
        self._judge = Judge(rules.events, rules.correlations, calendar.zone, before=self._judge)
        self._rule_errors = tuple(str(error) for error in rules.errors)
        self._inventory.configure(config)
        self._context = Surroundings(self._inventory, calendar, self._watchers.quality.of)
        self._likenesses = Likenesses(self._context)
        self._inventory.inform(self._context)
        self._config = config

    def learn_all(self, progress: Progress | None) -> None:
        """The same for what a person says is normal: at its end all of it is learned."""
        assert self._baseline is not None  # whoever learns has a baseline or a state
        self._baseline.said_normal = True
        self.run(progress)
        if not self._interrupted:
            self._baseline.enforce_all()

    @property
    def learned(self) -> Baseline:
        """What the run has learned to be normal."""
        assert self._baseline is not None  # whoever learns has a baseline
        return self._baseline

    def known_devices(self) -> Inventory:
        """An inventory for another run that knows the devices of this one."""
        files = self._engine.files()
        records = self._inventory.changed_records(lambda number: files[number].path)
        watched_ns = self._inventory.watched_ns
        return Inventory(self._config, remembered=list(records), watched_ns=watched_ns)

    def _first_seen_ns(self) -> int:
        """Packet time of the first frame of all."""
        seen = [file.first_seen_ns for file in self._engine.files()]
        return min((time_ns for time_ns in seen if time_ns is not None), default=0)

    def _transaction(self, transaction: _engine.Transaction) -> None:
        operation, conformance = self._likenesses.of_transaction(transaction)
        time_ns = transaction.time_ns
        event = Event(operation, transaction, time_ns)
        if self._normal is None:
            self._operation(event)
        else:
            self._hold_against(event, self._normal.transaction(transaction))
        if conformance is not None:
            self._watch(Event(conformance, transaction, time_ns))

    def _behaviour(self, behaviour: _engine.Behaviour) -> None:
        self._behaviours[behaviour.behaviour] = behaviour
        if self._shipping is not None:
            self._shipping.behaviour(behaviour)
        if self._inventory.wants(behaviour):
            self._inventory.behaviour(behaviour)
            self._tell_news()
        time_ns = behaviour.last_seen_ns
        if time_ns >= self._due_ns:
            self._advance(time_ns)
        alone = behaviour.new and self._stands_alone(behaviour)
        if self._normal is not None:
            found = self._normal.behaviour(behaviour, tells=alone or not behaviour.new)
            if alone or found.tell:
                self._hold_against(self._event_of(behaviour), found, shown=alone)
        elif alone:
            self._operation(self._event_of(behaviour))

    def _event_of(self, behaviour: _engine.Behaviour) -> Event:
        likeness = self._likenesses.of_behaviour(behaviour)
        return Event(likeness, behaviour, behaviour.first_seen_ns)

    def _hold_against(self, event: Event, found: Found, *, shown: bool = True) -> None:
        """Judge an operation with what the baseline says of it, then its deviations."""
        event.verdict = found.verdict
        if shown:
            self._operation(event)
        for kind in found.tell:
            self._judge_event(deviation_event(event, found, kind))

    def _watch_of(self, baseline: Baseline) -> Watch:
        baseline.hour_of_week = self._calendar.hour_of_week

        def file_name(number: int) -> str:
            return self._engine.files()[number].path

        return Watch(
            baseline,
            self._inventory.asset_id,
            self._inventory.name,
            file_name,
            self._inventory.is_outside,
            in_window=self._context.forbids_learning if self._calendar.has_windows else None,
            mode=self._calendar.mode,
            ports=_ports(),
        )

    def _stands_alone(self, behaviour: _engine.Behaviour) -> bool:
        shape = behaviour.shape
        alone = self._alone.get(shape)
        if alone is None:
            if len(self._alone) >= MAX_SHAPES:
                self._alone.clear()
            alone = self._alone[shape] = stands_alone(behaviour)
        return alone

    def _conversation(self, conversation: _engine.Conversation) -> None:
        self._conversations[conversation.id] = conversation
        if self._shipping is not None:
            self._shipping.conversation(conversation)
        self._inventory.conversation(conversation)
        self._tell_news()
        if self._normal is not None:
            found = self._normal.conversation(conversation)
            if found.tell:
                event = event_from_conversation(conversation, self._context)
                self._hold_against(event, found, shown=False)
        if self._watchers.watch("ot_flow"):
            self._watch(event_from_conversation(conversation, self._context))

    def _address(self, address: _engine.Address) -> None:
        self._inventory.address(address)
        self._tell_news()
        if self._normal is not None:
            self._normal.address(address)
        if self._watchers.watch("ot_asset"):
            self._watch(event_from_address(address, self._context))

    def _claim(self, claim: _engine.Claim) -> None:
        self._inventory.claim(claim)
        self._tell_news()
        if self._watchers.watch("ot_asset"):
            self._watch(event_from_claim(claim, self._context))

    def _content(self, content: _engine.Content) -> None:
        self._contents.append(content)
        self._watch(event_from_content(content, self._context))

    def _rhythm(self, rhythm: _engine.Rhythm) -> None:
        self._watch(event_from_rhythm(rhythm, self._context))

    def _no_reply(self, call: _engine.NoReply) -> None:
        self._watch(event_from_no_reply(call, self._context))

    def _health(self, health: _engine.Health) -> None:
        self._sensor(event_from_health(health, self._context))

    def _loss(self, loss: _engine.Loss) -> None:
        self._sensor(event_from_loss(loss, self._context))

    def _sensor(self, event: Event) -> None:
        """What was missed is known before time passes and a deadline is judged."""
        self._show(event)
        if event.time_ns >= self._due_ns:
            self._advance(event.time_ns)

    def _arp(self, arp: _engine.Arp) -> None:
        self._watch(event_from_arp(arp, self._context))

    def _shift(self, shift: _engine.HeaderShift) -> None:
        self._watch(event_from_shift(shift, self._context))

    def _operation(self, event: Event) -> None:
        """Judge an operation, then what the detectors say of it."""
        if event.time_ns >= self._due_ns:
            self._advance(event.time_ns)
        self._judge_event(event)
        self._show(event)

    def _watch(self, event: Event) -> None:
        """Judge what the detectors say of something that is no operation itself."""
        if event.time_ns >= self._due_ns:
            self._advance(event.time_ns)
        self._show(event)

    def _show(self, event: Event) -> None:
        for shown in self._watchers.show(event):
            self._judge_event(shown)
        self._due_ns = min(self._due_ns, self._watchers.due_ns)

    def _advance(self, time_ns: int) -> None:
        """Tell the detectors how far packet time has come: what repeats is only counted."""
        for shown in self._watchers.advance(time_ns):
            self._judge_event(shown)
        self._aggregator.add_all(self._judge.advance(time_ns))
        self._due_ns = min(self._judge.due_ns, self._watchers.due_ns)

    def _finish(self) -> None:
        """The input has ended: judge what was held back for more of it."""
        self._inventory.finish()
        self._tell_news()
        for shown in self._watchers.finish():
            self._judge_event(shown)
        if self._normal is not None:
            self._normal.finish()

    def _tell_news(self) -> None:
        """Judge what the inventory says of its devices."""
        if self._inventory.has_news:
            for event in self._inventory.take_news():
                if event.time_ns >= self._due_ns:
                    self._advance(event.time_ns)
                self._judge_event(event)

    def _judge_event(self, event: Event) -> None:
        matches = self._judge.judge(event)
        if matches:
            self._aggregator.add_all(matches)
        if self._judge.is_timed:
            self._due_ns = min(self._due_ns, self._judge.due_ns)

    def checkpoint(self, result: Result | None = None) -> None:
        """Write what has changed since the last one into the state, in one transaction.

        Args:
            result: The document of everything taken, where the input has ended.
        """
        if self._memory is not None:
            files = [] if result is None else self._engine.files()
            parts = None if result is None else _parts(result)
            talks = self._conversations.values()
            others = [] if result is None else [*self._shipments(result)]
            self._memory.save(
                self._aggregator, self._watchers, self._inventory, talks, files, parts, others
            )

    def _shipments(self, result: Result) -> Iterator[Callable[[Any], None]]:
        """What puts into the outbox of a state, at the end, what is to be sent."""
        shipping = self._shipping
        if shipping is not None:
            yield lambda db: shipping.write(db, lambda: result.assets, None, ended=True)

    def ship(self, result: Result) -> None:
        """Put what is to be sent into an outbox of its own, where the run has no state."""
        shipping, self._shipping = self._shipping, None
        if shipping is not None and not self._interrupted:
            shipping.write_result(result.alerts, result.assets)

    def finish(self) -> Result:
        """Write everything into the state, unless a person stopped the run, and give the result."""
        assert self._memory is not None  # a run without a state gives its result at once
        result = self.result()
        if self._interrupted:
            self._memory.remarks.append("stopped before the end: nothing was added to the state")
        else:
            self.checkpoint(result)
        # What the state says of alerts, and what there is to say of the state, is known now.
        capture = dataclasses.replace(result.capture, remarks=tuple(self._memory.remarks))
        return dataclasses.replace(result, capture=capture, alerts=self._alerts())

    def keep_in(self, site: SiteFile, result: Result) -> None:
        """Write the result into a new state file."""
        self._memory = SiteMemory(site, self._config, nothing_known([]))
        self.checkpoint(result)

    def result(self) -> Result:
        """The document of everything taken."""
        inventory = self._inventory
        files = self._engine.files()
        counters = {name: count for name, count in self._counters() if count}

        def file_name(number: int) -> str:
            return files[number].path

        return document.Result(
            otmon=document.About(_engine.version(), document.SCHEMA_VERSION),
            capture=self._capture(files, counters),
            protocols=tuple(self._protocols(counters)),
            assets=inventory.assets(file_name),
            conversations=tuple(
                _conversation(talk, inventory) for talk in self._conversations.values()
            ),
            behaviours=Deferred(self._in_order, lambda one: _behaviour(one, inventory)),
            contents=tuple(_content(content, inventory) for content in self._contents),
            baseline=None if self._baseline is None else _normal(self._baseline),
            deviations=tuple(self._deviations()),
            alerts=self._alerts(),
        )

    def _alerts(self) -> Sequence[Alert]:
        names = [file.path for file in self._engine.files()]
        settled = {} if self._memory is None else self._memory.settled
        return self._aggregator.alerts(names.__getitem__, settled)

    def _deviations(self) -> Iterator[document.Deviation]:
        for one in () if self._normal is None else self._normal.deviations():
            yield document.Deviation(
                statement=one.statement.id,
                state=one.statement.state,
                novel=one.novel,
                nearest=one.nearest,
                expected=one.expected,
                observed=one.observed,
                first_seen=Time(one.first_ns),
                last_seen=Time(one.last_ns),
                count=one.count,
                frames=tuple(number for _, number in one.frames),
            )

    def _counters(self) -> Iterator[tuple[str, int]]:
        """What the engine counted, and what rules and alerts left out past their bounds."""
        yield from self._engine.counters().items()
        yield "alerts_left_out", self._aggregator.left_out_count
        yield "matches_settled", self._aggregator.settled_count
        yield "assets_forgotten", self._inventory.forgotten_count
        yield "correlation_groups_evicted", self._judge.evicted_count
        yield "correlation_events_merged", self._judge.merged_count

    def _in_order(self) -> list[_engine.Behaviour]:
        """Every behaviour, in the order in which they were first seen."""
        return sorted(self._last_told(), key=lambda one: (one.first_seen_ns, one.id))

    def _last_told(self) -> Iterable[_engine.Behaviour]:
        """Of each behaviour what was told last: one that was evicted has another number."""
        rows = self._behaviours.values()
        if not self._engine.counters()["behaviours_evicted"]:
            return rows
        return {one.id: one for one in rows}.values()

    def _capture(
        self, files: Sequence[_engine.CaptureFile], counters: dict[str, int]
    ) -> document.Capture:
        first = [file.first_seen_ns for file in files if file.first_seen_ns is not None]
        last = [file.last_seen_ns for file in files if file.last_seen_ns is not None]
        tcp = [talk for talk in self._conversations.values() if talk.transport == "tcp"]
        flows = sum(talk.flow_count for talk in tcp)
        one_sided = counters.get("one_sided_flows", 0)
        return document.Capture(
            files=tuple(_file(file) for file in files),
            packets=counters.get("frames", 0),
            bytes=counters.get("bytes", 0),
            first_seen=Time(min(first)) if first else None,
            last_seen=Time(max(last)) if last else None,
            pdus=sum(count for name, count in counters.items() if name.startswith("pdus.")),
            gap_bytes=counters.get("tcp_gap_bytes", 0),
            duplicate_frames=counters.get("duplicate_frames", 0),
            undecoded_bytes=sum(
                count for name, count in counters.items() if name.startswith("undecoded_bytes.")
            ),
            one_sided=flows >= MIN_TCP_FLOWS and one_sided > ONE_SIDED_SHARE * flows,
            interrupted=self._interrupted,
            rule_errors=self._rule_errors,
            remarks=() if self._memory is None else tuple(self._memory.remarks),
            counters=counters,
        )

    def _protocols(self, counters: dict[str, int]) -> Iterator[document.Protocol]:
        anomalies: dict[str, Counter[str]] = {}
        for behaviour in self._last_told():
            if behaviour.anomalies:
                seen = anomalies.setdefault(behaviour.protocol, Counter())
                seen.update(dict.fromkeys(behaviour.anomalies, behaviour.count))
        by_protocol: dict[str | None, list[_engine.Conversation]] = {}
        for talk in self._conversations.values():
            by_protocol.setdefault(talk.protocol, []).append(talk)
        for info in _engine.protocols():
            talks = by_protocol.get(info.name, [])
            if not counters.get(f"pdus.{info.name}"):
                continue
            yield document.Protocol(
                name=info.name,
                flows=sum(talk.flow_count for talk in talks),
                pdus=counters[f"pdus.{info.name}"],
                anomalies=dict(sorted(anomalies.get(info.name, Counter()).items())),
                identified_by=tuple(sorted({t.identified_by for t in talks if t.identified_by})),
            )


def _parts(result: Result) -> dict[str, Any]:
    """What is kept of a result: all but what is in tables of the state, or without bound."""
    return {
        "otmon": result.otmon,
        "capture": result.capture,
        "protocols": result.protocols,
        "assets": result.assets,
        "conversations": result.conversations[:MAX_KEPT],
        "contents": result.contents[:MAX_KEPT],
        "deviations": result.deviations[:MAX_KEPT],
    }


def _file(file: _engine.CaptureFile) -> document.CaptureFile:
    return document.CaptureFile(
        path=file.path,
        format=file.format,
        link_types=tuple(map(link_type_name, file.link_types)),
        packets=file.packets,
        bytes=file.bytes,
        first_seen=_time(file.first_seen_ns),
        last_seen=_time(file.last_seen_ns),
        truncated=file.truncated,
        skipped_bytes=file.skipped_bytes,
        error=file.error,
    )


@functools.cache
def _ports() -> dict[tuple[str, int], list[str]]:
    """The protocols that have a port as theirs, by transport and port."""
    ports: dict[tuple[str, int], list[str]] = {}
    for info in _engine.protocols():
        for transport, own in (("tcp", info.tcp_ports), ("udp", info.udp_ports)):
            for port in own:
                ports.setdefault((transport, port), []).append(info.name)
    return ports


def _normal(baseline: Baseline) -> document.Normal:
    book = baseline.book
    return document.Normal(
        sources=baseline.sources,
        statements=sum(map(is_known, book.statements())),
        left_out=book.evicted_count + book.left_out_count,
        edges=tuple(
            document.LearnedEdge(
                client=book.name(edge.client),
                server=book.name(edge.server),
                protocol=edge.protocol,
                state="enforcing" if edge.enforcing else "learning",
                statements=known.keys,
                late_share=round(known.late_share, 4),
                unsaturated=edge.unsaturated,
            )
            for edge, known in learned(book)
        ),
    )


def _time(time_ns: int | None) -> Time | None:
    return None if time_ns is None else Time(time_ns)


def _conversation(talk: _engine.Conversation, inventory: Inventory) -> document.Conversation:
    vlan, client_ip, server_ip = talk.vlan, talk.client_ip, talk.server_ip
    return document.Conversation(
        client=inventory.asset_id(client_ip, talk.client_mac, vlan),
        server=inventory.asset_id(server_ip, talk.server_mac, vlan),
        client_ip=client_ip,
        server_ip=server_ip,
        protocol=talk.protocol,
        transport=talk.transport,
        port=talk.server_port,
        first_seen=Time(talk.first_seen_ns),
        last_seen=Time(talk.last_seen_ns),
        flows=talk.flow_count,
        packets=talk.packets,
        bytes=talk.bytes,
        pdus=talk.pdus,
        classes=talk.classes,
        failures=talk.failure_count,
        one_sided=talk.one_sided,
        gap_bytes=talk.gap_bytes,
    )


def _behaviour(behaviour: _engine.Behaviour, inventory: Inventory) -> document.Behaviour:
    vlan, facts = behaviour.vlan, behaviour.values
    return document.Behaviour(
        id=behaviour.id,
        client=inventory.asset_id(behaviour.client_ip, behaviour.client_mac, vlan),
        server=inventory.asset_id(behaviour.server_ip, behaviour.server_mac, vlan),
        protocol=behaviour.protocol,
        role=behaviour.role,
        unit=behaviour.unit,
        operation=behaviour.operation,
        function_code=behaviour.function_code,
        operation_class=behaviour.operation_class,
        target=behaviour.target,
        intervals=tuple(
            str(first) if first == last else f"{first}-{last}"
            for first, last in behaviour.intervals
        ),
        status=behaviour.status,
        answered=behaviour.answered,
        count=behaviour.count,
        first_seen=Time(behaviour.first_seen_ns),
        last_seen=Time(behaviour.last_seen_ns),
        period_ms=_milliseconds(behaviour.period_ns),
        latency_ms=_milliseconds(behaviour.latency_ns),
        values=facts and _values(facts),
        anomalies=behaviour.anomalies,
        overflow=behaviour.overflow,
    )


def _values(facts: _engine.ValueFacts) -> document.Values:
    last = facts.last
    return document.Values(
        kind=facts.kind,
        min=facts.min,
        max=facts.max,
        last=last.hex() if isinstance(last, bytes) else last,
        changes=facts.change_count,
    )


def _milliseconds(duration_ns: float | None) -> float | None:
    """Rounded to the microsecond, which is what most captures have."""
    return None if duration_ns is None else round(duration_ns / 1e6, 3)


def _content(content: _engine.Content, inventory: Inventory) -> document.Content:
    return document.Content(
        client=inventory.asset_id(content.client_ip, content.client_mac, content.vlan),
        server=inventory.asset_id(content.server_ip, content.server_mac, content.vlan),
        protocol=content.protocol,
        kind=content.kind,
        name=content.name,
        to_server=content.to_server,
        size=content.size,
        sha256=content.sha256,
        complete=content.complete,
        first_seen=Time(content.first_seen_ns),
        last_seen=Time(content.last_seen_ns),
        frames=tuple(number for _, number in content.frames),
    )
