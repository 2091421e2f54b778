"""The engine's records held against the baseline, each thing once however often it repeats."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from otmon.baseline import events
from otmon.baseline.book import is_known
from otmon.baseline.compare import Baseline
from otmon.baseline.deed import FOLDED_CLASSES, Deed, folded
from otmon.baseline.deviation import Deviation, Frame
from otmon.baseline.habits import Habits
from otmon.baseline.judging import Found
from otmon.baseline.parties import Parties, Who
from otmon.fields import CHANGE_CLASSES
from otmon.model.event import Event
from otmon.model.service import CARRIERS
from otmon.model.statement import Key, Range, Statement, Verdict

if TYPE_CHECKING:
    from otmon._engine import Address, Behaviour, Conversation, Transaction

SESSION_CLASSES = frozenset(
    ("auth_login", "auth_fail", "auth_change", "lock", "unlock", "session_open")
)
"""Classes whose operations say who comes, and with what."""
SESSION_FACTS = {
    "umas.client_name": "client software",
    "dnp3.auth_user": "user",
}
"""Fields of protocols that say so, each with the word for it."""

_NOTHING = Found(Verdict("enforcing"))


class _Seen:
    """What is remembered of a behaviour of this run."""

    __slots__ = ("beyond", "counted", "intervals", "statement")

    def __init__(self, statement: Statement, intervals: Sequence[Range]) -> None:
        self.statement = statement
        self.intervals = intervals
        self.counted = 0
        self.beyond: Statement | None = None
        """The latest that covers addresses beyond those of the first."""


class Watch:
    """One run's records on their way into the baseline."""

    def __init__(
        self,
        baseline: Baseline,
        who: Who,
        name: Who,
        file_name: Callable[[int], str],
        is_public: Callable[[str], bool],
        in_window: Callable[[Behaviour | Transaction | Conversation], bool] | None = None,
        mode: Callable[[int], str] | None = None,
        crosses: Callable[[Behaviour | Transaction | Conversation, int], bool] | None = None,
    ) -> None:
        """Takes what names the ends of a record.

        Args:
            baseline: What is known.
            who: Gives the id of an address.
            name: Gives what people call the device at an address.
            file_name: The path of an input file, by its number in frames.
            is_public: Whether an IP address is outside the site.
            in_window: Whether a maintenance window names a record, and says
                nothing of learning; none where there are no windows.
            mode: The operating mode of the site at a time; none where there is but one.
            crosses: Whether a record goes between zones where no conduit lets it.
        """
        baseline.begin_run()
        self._baseline = baseline
        self._parties = Parties(baseline, who, name)
        self._file_name = file_name
        self._is_public = is_public
        self._in_window = in_window
        self._habits = Habits(mode)
        self._crosses = crosses
        self._seen: dict[int, _Seen] = {}
        self._flows: dict[int, int] = {}

    def renew(
        self,
        in_window: Callable[[Behaviour | Transaction | Conversation], bool] | None,
        mode: Callable[[int], str] | None,
    ) -> None:
        """Goes on with other maintenance windows and operating modes."""
        self._in_window = in_window
        self._habits.renew(mode)

    def deviations(self) -> Iterator[Deviation]:
        """Every deviation so far, in the order of first sight."""
        return self._baseline.deviations()

    def behaviour(self, record: Behaviour, *, tells: bool = True) -> Found:
        """Takes a behaviour, new or with new counts; gives what is said of it.

        Args:
            record: The behaviour.
            tells: Whether events are made of it: those of a notable operation
                are made of the transaction that follows.
        """
        number = record.behaviour
        seen = None if number is None else self._seen.get(number)
        intervals = record.intervals
        found = _NOTHING
        if seen is None or intervals != seen.intervals:
            deed = self._deed(record, record.target, tuple(intervals))
            if deed is None:
                return _NOTHING
            time_ns = record.first_seen_ns if seen is None else record.last_seen_ns
            found = self._baseline.look(
                deed,
                time_ns,
                self._frame(record.latest_frame),
                may_learn=self._may_learn(record),
                tells=tells,
            )
            if found.statement is None:
                return found
            if seen is None:
                seen = _Seen(found.statement, intervals)
                if number is not None:
                    self._seen[number] = seen
            elif found.statement is not seen.statement:
                self._baseline.noted(found.statement, time_ns)
                seen.beyond = found.statement
            seen.intervals = intervals
            self._baseline.show(found, (record.latest_frame,))
        more = record.count - seen.counted
        if more > 0:
            seen.counted = record.count
            self._note(seen.statement, partial(self._habits.behaviour, seen.statement, record))
            self._baseline.count(seen.statement, more, record.first_seen_ns, record.last_seen_ns)
        return found

    def deviates(self, record: Behaviour) -> bool:
        """Whether a behaviour is no part of what is normal, and nobody has muted it."""
        number = record.behaviour
        seen = None if number is None else self._seen.get(number)
        if seen is None:
            return False
        statements = (seen.statement, seen.beyond)
        return any(
            one is not None and one.state != "muted" and not is_known(one) for one in statements
        )

    def transaction(self, record: Transaction) -> Found:
        """Takes an operation; gives what is said of it, of several parts the most unusual."""
        number = record.behaviour
        seen = None if number is None else self._seen.get(number)
        if (
            seen is not None
            and len(record.targets) < 2
            and record.operation_class not in FOLDED_CLASSES
        ):
            found = self._baseline.again(
                seen.statement, record.time_ns, may_learn=self._may_learn(record)
            )
        else:
            found = self._parts(record)
        if record.operation_class in CHANGE_CLASSES:
            found = self._baseline.at_hour(found, record.time_ns)
        elif record.operation_class in SESSION_CLASSES:
            found = self._session(record, found)
        statement = found.statement
        if statement is not None:
            if found.verdict.novel or found.tell:
                self._baseline.show(found, tuple(record.frames))
            if statement.key.kind == "change":
                self._note(statement, partial(self._habits.operation, statement, record))
        return found

    def _note(self, statement: Statement, note: Callable[[], None]) -> None:
        """Notes a habit; what only makes it a little more certain is kept at the end."""
        before = _roughly(statement)
        note()
        if before != _roughly(statement):
            self._baseline.book.changed[statement.key] = None

    def knows(self, record: Transaction) -> bool:
        """Whether anything that a request does is known already, so that it may be settled."""
        deeds = (self._deed(record, target, ()) for target in record.targets or (None,))
        return any(deed is not None and self._baseline.knows(deed) for deed in deeds)

    def _session(self, record: Transaction, found: Found) -> Found:
        """Judges who logs in, and with what; what is said of the operation goes before."""
        for name, words in SESSION_FACTS.items():
            value = record.fields.get(name)
            if value is None:
                continue
            key = Key(
                "session", *self._parties.ends(record), record.protocol, None, "", words, str(value)
            )
            fact = self._baseline.fact(
                key,
                record.time_ns,
                self._frame(record.frames[0]) if record.frames else "",
                may_learn=self._may_learn(record),
            )
            if not found.verdict.novel and fact.verdict.novel:
                found = fact._replace(tell=(*found.tell, *fact.tell))
        return found

    def complete(self, event: Event) -> None:
        """Gives what a detector found its verdict: values, rhythm and order are habits, too."""
        events.complete(event, self._baseline.book)

    def conversation(self, record: Conversation) -> Found:
        """Takes a conversation, new or with new counts; gives what is said of it."""
        known = self._flows.get(record.id, 0)
        self._flows[record.id] = record.flow_count
        edge = self._parties.edge(record)
        if not known:
            self._baseline.identified(edge, self._parties.names_before(record))
        if self._parties.is_a_rest(record, edge):
            return _NOTHING
        found = _NOTHING
        dissected = record.protocol is not None and record.protocol not in CARRIERS
        if not (known and dissected):
            # Of what is dissected the first operation tells, with its frames.
            found = self._baseline.conversation(
                edge, record.first_seen_ns, may_learn=self._may_learn(record), tells=not dissected
            )
        self._baseline.talked(edge, record.flow_count - known, record.last_seen_ns)
        return found

    def address(self, record: Address) -> None:
        """Takes a pair of hardware and IP address: where a known device is seen as well."""
        self._parties.address(record)

    def finish(self) -> None:
        """The run has ended: habits are kept, and devices get the ids that they have now."""
        book = self._baseline.book
        for seen in self._seen.values():
            if seen.statement.habits and book.get(seen.statement.key) is seen.statement:
                book.changed[seen.statement.key] = None
        self._parties.finish()

    def _may_learn(self, record: Behaviour | Transaction | Conversation) -> bool:
        """Whether it may become normal by itself.

        What comes from outside the site waits for a person, and so does what
        is done in a maintenance window or crosses between zones without a conduit.
        """
        client, server = record.client_ip, record.server_ip
        if (client is not None and self._is_public(client)) or (
            server is not None and self._is_public(server)
        ):
            return False
        if self._in_window is not None and self._in_window(record):
            return False
        return self._crosses is None or not self._crosses(record, _time_of(record))

    def _parts(self, record: Transaction) -> Found:
        best = _NOTHING
        tell: list[str] = []
        may_learn = self._may_learn(record)
        frame = self._frame(record.frames[0]) if record.frames else ""
        for target in record.targets or (None,):
            ranges: tuple[Range, ...] = ()
            if record.operation_class in FOLDED_CLASSES:
                target, ranges = folded(target)
            deed = self._deed(record, target, ranges)
            if deed is None:
                continue
            found = self._baseline.look(deed, record.time_ns, frame, may_learn=may_learn)
            tell += (event for event in found.tell if event not in tell)
            if "novel_operation" in tell and "novel_object" in tell:
                # All of it is one operation, told as such.
                tell.remove("novel_object")
            if best.statement is None or (found.verdict.novel and not best.verdict.novel):
                best = found
        return best._replace(tell=tuple(tell))

    def _deed(
        self, record: Behaviour | Transaction, target: str | None, ranges: tuple[Range, ...]
    ) -> Deed | None:
        """What a record says was done; none where loss may have made it what it is."""
        if record.protocol in CARRIERS or record.role == "unknown":
            return None
        if record.role == "response" and not record.answered:
            # Its request was not seen: what it answers is not known.
            return None
        status = record.status
        return Deed(
            *self._parties.ends(record),
            record.protocol,
            record.unit,
            record.operation_class,
            record.operation,
            target,
            ranges,
            None if status == "ok" else status,
            group=_is_group(record.server_ip, record.server_mac),
            answered=record.answered or record.role != "request",
        )

    def _frame(self, frame: Frame) -> str:
        path = self._file_name(frame[0])
        return f"{path.replace(chr(92), '/').rpartition('/')[2]}#{frame[1]}"


def _roughly(statement: Statement) -> list[tuple[object, ...]]:
    """The habits of a statement, without what changes each time that it is seen."""
    return [
        (mode, one.kind, one.low, one.high, one.value_count, one.intervals.bit_length())
        for mode, one in statement.habits.items()
    ]


def _time_of(record: Behaviour | Transaction | Conversation) -> int:
    time_ns: int = record.time_ns if hasattr(record, "time_ns") else record.last_seen_ns
    return time_ns


def _is_group(ip: str | None, mac: str | None) -> bool:
    """Whether an address is that of many: multicast or broadcast."""
    if mac is not None and int(mac[:2], 16) & 1:
        return True
    return ip is not None and (ip == "255.255.255.255" or ip.startswith("ff"))
