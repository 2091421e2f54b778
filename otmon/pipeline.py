"""The only wiring: engine to inventory, detectors, rules, alerts, result document.

`Analysis` takes what the engine tells, in its order, and passes each thing to
the parts that want it. Who runs it, and over what, is in `runs` and `monitor`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from otmon import _engine, run_memory
from otmon.advisory_lists import read_advisories
from otmon.alerts.aggregate import Aggregator
from otmon.baseline.compare import Baseline
from otmon.baseline.events import deviation_event
from otmon.baseline.judging import Found
from otmon.baseline.watch import Watch
from otmon.config import Config
from otmon.detectors.quality import Quality
from otmon.detectors.registry import watchers
from otmon.detectors.watchers import Watchers
from otmon.early_matches import EarlyMatches
from otmon.file_names import FileNames
from otmon.indicator_lists import read_indicators
from otmon.inventory.advisory import Advisories
from otmon.inventory.inventory import Inventory
from otmon.model.alert import Alert
from otmon.model.context import Context
from otmon.model.event import Event, event_from_content, stands_alone
from otmon.model.internet import Outside
from otmon.model.likeness import Likenesses
from otmon.model.observed import (
    event_from_address,
    event_from_arp,
    event_from_claim,
    event_from_conversation,
    event_from_health,
    event_from_loss,
    event_from_no_reply,
    event_from_quality,
    event_from_readback,
    event_from_rhythm,
    event_from_shift,
)
from otmon.model.result import Result
from otmon.model.service import ports_by_protocol
from otmon.operating_modes import OperatingModes
from otmon.pdu_lines import Progress
from otmon.result_document import Taken, kept_parts, result_of
from otmon.ruleset.judge import Judge
from otmon.site_calendar import SiteCalendar
from otmon.site_memory import Memories, SiteMemory, nothing_known
from otmon.state.site_file import SiteFile
from otmon.surroundings import Surroundings
from otmon.wanted import wanted_besides_rules, wanted_by

if TYPE_CHECKING:
    from otmon.shipping import Shipping

MAX_SHAPES = 4096
"""Shapes of behaviours of which it is remembered whether they stand alone."""
WAIT_S = 0.1
"""How long a wait for the engine lasts before progress is drawn and Ctrl-C noticed."""
OTHERS: Mapping[type, Callable[[Any, Context], Event]] = {
    _engine.Rhythm: event_from_rhythm,
    _engine.NoReply: event_from_no_reply,
    _engine.Arp: event_from_arp,
    _engine.HeaderShift: event_from_shift,
    _engine.Readback: event_from_readback,
    _engine.PointQuality: event_from_quality,
}
"""What nobody but detectors looks at, each with what makes an event of it."""


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
        interfaces: Sequence[str] = (),
    ) -> None:
        # Imported here: pySigma takes most of the time that otmon needs to start.
        from otmon.ruleset.site import site_rules

        rules = site_rules(config)
        self._engine = engine
        self._shipping = shipping
        self._ships_each = shipping is not None and shipping.tells_each
        self._config = config
        self._memory = memory
        calendar = self._calendar = SiteCalendar(config)
        self._judge = Judge(
            rules.events,
            rules.correlations,
            calendar.zone,
            has_baseline=memory is not None or baseline is not None,
        )
        self._wanted = [*wanted_besides_rules(config), *wanted_by(rules.events)]
        """What the rules have to see one by one."""
        self._rule_errors = tuple(str(error) for error in rules.errors)
        self._interfaces = interfaces
        self._file_name = FileNames(lambda: [file.path for file in engine.files()])
        self._watchers = self._make_watchers(config)
        self._due_ns = self._watchers.due_ns
        """The packet time from which a detector has to be told of it."""
        self._alone: dict[int, bool] = {}
        """Of each shape of behaviour, whether a new one stands alone."""
        self._learned_from = before
        self._aggregator = Aggregator(config.alerts)
        self._early = EarlyMatches(self._aggregator)
        if memory is not None:
            memory.begin(self._aggregator)
            self._inventory = memory.inventory()
        elif before is not None:
            self._inventory = before.known_devices()
        else:
            self._inventory = Inventory(config)
        self._context = self._surroundings(config, calendar)
        self._likenesses = Likenesses(self._context)
        self._inventory.inform(self._context)
        self._begin_modes(OperatingModes(config, calendar, self._inventory.asset_id))
        self._advise(config)
        self._inventory.segments.interface = lambda number: engine.files()[number].path
        if shipping is not None:
            shipping.inform(self._inventory.facts, self._deviates)
        self._behaviours = _engine.Behaviours()
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
            _engine.Health: self._health,
            _engine.Loss: self._loss,
            **{kind: partial(self._other, event_of) for kind, event_of in OTHERS.items()},
        }

    def run(self, progress: Progress | None) -> None:
        """Take every observation; Ctrl-C ends the reading and keeps what was found."""
        # Outlives an interrupt, so that the rest of a batch is not lost with it.
        pending: Iterator[_engine.Observation] = iter(())
        resume, before = self._memory, self._learned_from
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
                    resume.resume(self._restore, self._first_seen_ns())
                    resume = None
                if batch and before is not None:
                    before.hand_over(self, self._first_seen_ns())
                    before = None
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

    def _make_watchers(self, config: Config, quality: Quality | None = None) -> Watchers:
        """The detectors that a site wants.

        Raises:
            IndicatorError: A list of it cannot be used.
        """
        return watchers(
            config.detectors,
            ports=ports_by_protocol(),
            indicators=read_indicators(map(config.place, config.indicators.files)),
            interfaces=self._interfaces,
            quality=quality,
            file_name=self._file_name,
        )

    def _surroundings(self, config: Config, calendar: SiteCalendar) -> Surroundings:
        quality = self._watchers.quality.of
        return Surroundings(self._inventory, calendar, quality, Outside(config.site.networks))

    def renew(self, config: Config) -> None:
        """Goes on with what a site says now: its rules, detectors, lists, names and time zone.

        Correlations that did not change keep what they counted, and detectors what they know.

        Raises:
            RuleError: Its rules cannot be used; nothing has changed then.
        """
        from otmon.ruleset.site import site_rules

        rules = site_rules(config)
        calendar = SiteCalendar(config)
        fresh = self._make_watchers(config, self._watchers.quality)
        self._judge = Judge(
            rules.events,
            rules.correlations,
            calendar.zone,
            before=self._judge,
            has_baseline=self._baseline is not None,
        )
        self._wanted = [*wanted_besides_rules(config), *wanted_by(rules.events)]
        self._rule_errors = tuple(str(error) for error in rules.errors)
        self._inventory.configure(config)
        self._context = self._surroundings(config, calendar)
        self._likenesses = Likenesses(self._context)
        self._inventory.inform(self._context)
        paths = [file.path for file in self._engine.files()]
        self._watchers = run_memory.gone_on(
            self._watchers,
            fresh,
            self._config,
            config,
            self._file_name,
            paths.index,
            self._context,
        )
        self._due_ns = min(self._judge.due_ns, self._watchers.due_ns)
        self._aggregator.configure(config.alerts)
        if self._shipping is not None:
            self._shipping.renew(config)
        modes, before = OperatingModes(config, calendar, self._inventory.asset_id), self._modes
        modes.inherit(before)
        self._begin_modes(modes)
        self._advise(config)
        self._calendar, self._config = calendar, config
        if self._baseline is not None and self._normal is not None:
            self._baseline.hour_of_week = calendar.hour_of_week
            in_window = self._context.forbids_learning if calendar.has_windows else None
            self._normal.renew(in_window, self._modes.at if self._modes else None)

    def _begin_modes(self, modes: OperatingModes) -> None:
        """Tells operating modes apart from now on."""
        self._modes = modes
        self._watches_modes = modes.watches
        self._watchers.by_mode(modes.at if modes else None)

    def _advise(self, config: Config) -> None:
        """Takes the site's lists of published weaknesses; what of them is no use is a remark."""
        read = read_advisories(map(config.place, config.advisories.files))
        self._inventory.advisories = Advisories(read.advisories)
        self._list_errors = tuple(read.problems)

    def learn_all(self, progress: Progress | None) -> None:
        """The same for what a person says is normal: at its end all of it is learned."""
        assert self._baseline is not None  # whoever learns has a baseline or a state
        self._baseline.said_normal = True
        self.run(progress)
        if not self._interrupted:
            self._baseline.enforce_all()

    @property
    def interrupted(self) -> bool:
        """Whether a person stopped the reading."""
        return self._interrupted

    @property
    def learned(self) -> Baseline:
        """What the run has learned to be normal."""
        assert self._baseline is not None  # whoever learns has a baseline
        return self._baseline

    def known_devices(self) -> Inventory:
        """An inventory for another run that knows the devices of this one."""
        records = self._inventory.changed_records(self._file_name)
        watched_ns = self._inventory.watched_ns
        return Inventory(self._config, remembered=list(records), watched_ns=watched_ns)

    def hand_over(self, later: Analysis, first_ns: int) -> None:
        """Gives the detectors of a later run what those of this one remember."""
        seen = [file.last_seen_ns for file in self._engine.files()]
        if all(time_ns is None or time_ns <= first_ns for time_ns in seen):
            later._watchers.restore(self._watchers.memories())
            later._modes.inherit(self._modes)

    def _first_seen_ns(self) -> int:
        """Packet time of the first frame of all."""
        seen = [file.first_seen_ns for file in self._engine.files()]
        return min((time_ns for time_ns in seen if time_ns is not None), default=0)

    def _transaction(self, transaction: _engine.Transaction) -> None:
        if transaction.awaits:
            self._judge_early(transaction)
            return
        if self._early.told:
            self._early.take_back(transaction)
        if self._watches_modes:
            self._modes.take(transaction)
        if self._ships_each:
            self._ship_alone(transaction)
        operation, conformance = self._likenesses.of_transaction(transaction)
        time_ns = transaction.time_ns
        event = Event(operation, transaction, time_ns)
        if self._normal is None:
            # The same as `_operation`, in one piece: most of a run is spent here.
            if time_ns >= self._due_ns:
                self._advance(time_ns)
            matches = self._judge.judge(event)
            if matches:
                self._aggregator.add_all(matches)
            if self._judge.is_timed:
                self._due_ns = min(self._due_ns, self._judge.due_ns)
            watchers = self._watchers
            found = watchers.show(event)
            if found:
                for shown in found:
                    self._judge_found(shown)
            if watchers.due_ns < self._due_ns:
                self._due_ns = watchers.due_ns
        else:
            self._hold_against(event, self._normal.transaction(transaction))
        if conformance is not None:
            self._watch(Event(conformance, transaction, time_ns))

    def _judge_early(self, transaction: _engine.Transaction) -> None:
        """Tell at once what a request is, whatever its answer will be; nothing is counted.

        What was done before may be settled by a person: that is known with its answer.
        """
        if self._normal is not None and self._normal.knows(transaction):
            return
        likeness, _ = self._likenesses.of_transaction(transaction)
        matches = self._judge.judge_early(Event(likeness, transaction, transaction.time_ns))
        if matches:
            self._early.add(transaction, matches)

    def _ship_alone(self, transaction: _engine.Transaction) -> None:
        """Send an operation by itself, where people wish it."""
        number = transaction.behaviour
        behaviour = None if number is None else self._behaviours.get(number)
        if self._shipping is not None:
            self._shipping.transaction(transaction, None if behaviour is None else behaviour.id)

    def _behaviour(self, behaviour: _engine.Behaviour) -> None:
        before = self._behaviours.keep(behaviour)
        if self._shipping is not None:
            self._shipping.behaviour(behaviour)
        if self._inventory.wants(behaviour):
            self._inventory.behaviour(behaviour, before)
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

    def _deviates(self, behaviour: _engine.Behaviour) -> bool:
        return self._normal is not None and self._normal.deviates(behaviour)

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

        return Watch(
            baseline,
            self._inventory.asset_id,
            self._inventory.name,
            self._file_name,
            self._inventory.is_outside,
            in_window=self._context.forbids_learning if self._calendar.has_windows else None,
            mode=self._modes.at if self._modes else None,
            crosses=self._inventory.crosses,
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
        if conversation.left:
            self._conversations.pop(conversation.id, None)
        else:
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
        if address.left:
            return
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

    def _other(self, event_of: Callable[[Any, Context], Event], observation: Any) -> None:
        self._watch(event_of(observation, self._context))

    def _health(self, health: _engine.Health) -> None:
        self._sensor(event_from_health(health, self._context))

    def _loss(self, loss: _engine.Loss) -> None:
        self._sensor(event_from_loss(loss, self._context))

    def _sensor(self, event: Event) -> None:
        """What was missed is known before time passes and a deadline is judged."""
        self._show(event)
        if event.time_ns >= self._due_ns:
            self._advance(event.time_ns)

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
        watchers = self._watchers
        for shown in watchers.show(event):
            self._judge_found(shown)
        if watchers.due_ns < self._due_ns:
            self._due_ns = watchers.due_ns

    def _advance(self, time_ns: int) -> None:
        """Tell the detectors how far packet time has come: what repeats is only counted."""
        for shown in self._watchers.advance(time_ns):
            self._judge_found(shown)
        self._aggregator.add_all(self._judge.advance(time_ns))
        self._due_ns = min(self._judge.due_ns, self._watchers.due_ns)

    def _finish(self) -> None:
        """The input has ended: judge what was held back for more of it."""
        self._early.settle(None)
        ended_ns = self._engine.taken_ns()
        if ended_ns is not None and ended_ns >= self._due_ns:
            self._advance(ended_ns)
        self._inventory.finish()
        self._tell_news()
        for shown in self._watchers.finish():
            self._judge_found(shown)
        if self._normal is not None:
            self._normal.finish()

    def _tell_news(self) -> None:
        """Judge what the inventory says of its devices."""
        if self._inventory.has_news:
            for event in self._inventory.take_news():
                if event.time_ns >= self._due_ns:
                    self._advance(event.time_ns)
                self._judge_event(event)

    def _judge_found(self, event: Event) -> None:
        """Judge what a detector says, with what the baseline calls it."""
        if self._normal is not None:
            self._normal.complete(event)
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
            parts = None if result is None else kept_parts(result)
            talks = self._conversations.values()
            others = [] if result is None else [*self._shipments(result)]
            self._memory.save(
                self._aggregator,
                self._memories,
                self._inventory,
                talks,
                files,
                parts,
                others,
                file_name=self._file_name,
            )

    def _memories(self, now_ns: int) -> Memories:
        """What detectors and correlations must not forget."""
        return run_memory.memories_of(
            self._judge, self._watchers, self._modes, self._file_name, now_ns
        )

    def _restore(self, memories: Memories, *, live: bool = False) -> None:
        """Gives detectors and correlations what they knew.

        Args:
            memories: What `_memories` gave.
            live: Whether frames are those of interfaces, which are gone.
        """
        place_of = None if live else self._file_name.earlier
        run_memory.restore(
            memories, self._judge, self._watchers, self._modes, place_of, self._context
        )
        self._due_ns = min(self._due_ns, self._judge.due_ns, self._watchers.due_ns)

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
        capture = dataclasses.replace(result.capture, remarks=self._run_remarks())
        return dataclasses.replace(result, capture=capture, alerts=self._alerts())

    def keep_in(self, site: SiteFile, result: Result) -> None:
        """Write the result of a run that has ended into a new state file."""
        # What correlations hold on to waits for more input: there is none, and room is needed.
        self._judge = Judge(())
        self._likenesses = Likenesses(self._context)
        self._memory = SiteMemory(site, self._config, nothing_known([]))
        self.checkpoint(result)

    def result(self) -> Result:
        """The document of everything taken."""
        normal = self._normal
        return result_of(
            Taken(
                files=self._engine.files(),
                counters={name: count for name, count in self._counters() if count},
                conversations=self._conversations.values(),
                behaviours=self._behaviours,
                contents=self._contents,
                inventory=self._inventory,
                baseline=self._baseline,
                deviations=() if normal is None else tuple(normal.deviations()),
                alerts=self._alerts(),
                interrupted=self._interrupted,
                rule_errors=self._rule_errors,
                remarks=self._run_remarks(),
            )
        )

    def _run_remarks(self) -> tuple[str, ...]:
        kept = () if self._memory is None else self._memory.remarks
        return (*self._list_errors, *self._inventory.remarks(), *kept)

    def _alerts(self) -> Sequence[Alert]:
        settled = {} if self._memory is None else self._memory.settled
        return self._aggregator.alerts(self._file_name, settled)

    def _counters(self) -> Iterator[tuple[str, int]]:
        """What the engine counted, and what rules and alerts left out past their bounds."""
        yield from self._engine.counters().items()
        yield "alerts_left_out", self._aggregator.left_out_count
        yield "matches_settled", self._aggregator.settled_count
        yield "assets_forgotten", self._inventory.forgotten_count
        for name, count in self._watchers.forgotten_counts():
            yield f"forgotten.{name}", count
        yield "correlation_groups_evicted", self._judge.evicted_count
        yield "correlation_events_merged", self._judge.merged_count
