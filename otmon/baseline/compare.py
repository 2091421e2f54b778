"""What is done, held against what is normal: verdicts, and the deviations they rest on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from otmon.baseline import hours, learn
from otmon.baseline.book import Book, EdgeKey, is_known, statement_id
from otmon.baseline.deed import Deed
from otmon.baseline.deviation import Deviation, Deviations, Frame, Telling
from otmon.baseline.learn import Site
from otmon.baseline.nearest import expected_of
from otmon.baseline.novelty import of_deed, of_edge, widest
from otmon.baseline.ranges import merged, outside
from otmon.baseline.words import says_key
from otmon.config import Baseline as Settings
from otmon.fields import DANGER_CLASSES
from otmon.model.statement import Edge, Key, Range, Statement, Verdict

NO_NEWS = Verdict("enforcing")
"""What is said of things that no statement covers and that are no news."""


class Found(NamedTuple):
    """What the baseline says of one deed."""

    verdict: Verdict
    tell: tuple[str, ...] = ()
    """Types of the events to be made of it: what was not told before in this run."""
    statement: Statement | None = None
    """The statement that covers it."""


class Baseline:
    """The statements of a site at work: takes what is done, learns it or judges it."""

    def __init__(
        self,
        book: Book | None = None,
        site: Site | None = None,
        settings: Settings | None = None,
    ) -> None:
        """Takes what is known so far, and how long things are learned."""
        self.book = Book() if book is None else book
        self.site = Site() if site is None else site
        self.settings = Settings() if settings is None else settings
        self.hour_of_week: Callable[[int], int] = _hour_of_week
        """The hour of the week at a time, by the clocks of the site; 0 is Monday's first."""
        self._verdicts: dict[Key, Verdict] = {}
        self._telling = Telling()
        self._deviations = Deviations()
        self.now_ns = 0
        self.said_normal = False
        """Whether a person has said that what this run sees is normal."""
        self.sources: tuple[str, ...] = ()
        """Where it was learned or read from."""
        self.remarks: tuple[str, ...] = ()
        """What could not be read of it, in words."""

    @property
    def learns(self) -> bool:
        """Whether what appears is learned."""
        return self.said_normal or self.site.learning

    def begin_run(self) -> None:
        """Forgets what was told and found: a new run over other captures begins."""
        self._verdicts.clear()
        self._telling = Telling()
        self._deviations = Deviations()

    def rename(self, ids: Mapping[str, str]) -> None:
        """Takes other ids for devices."""
        self.book.rename(ids)
        self._verdicts.clear()

    def take_over(self, statements: Mapping[str, Statement | None], edges: Iterable[Edge]) -> None:
        """Takes what people settled somewhere else: statements by id, None for gone."""
        for edge in edges:
            self.book.set_edge(edge)
        for identity, statement in statements.items():
            if statement is not None:
                self.book.replace(statement)
            else:
                known = self.book.by_id(identity)
                if known is not None:
                    self.book.remove(known)
        self._verdicts.clear()

    def enforce_all(self) -> None:
        """Ends all learning: a person says that what was seen is normal."""
        self.site.learning = False
        for edge in list(self.book.edges()):
            learn.enforce(self.book, edge, self.now_ns, self.site.hours)
        self._verdicts.clear()

    def enforce_saturated(self) -> int:
        """Ends the learning of the edges that show nothing new any more; how many."""
        self._site_learns(self.now_ns)
        ended = learn.enforce_saturated(self.book, self.settings, self.now_ns, self.site.hours)
        if ended:
            self._verdicts.clear()
        return ended

    def conversation(
        self, edge: EdgeKey, time_ns: int, *, may_learn: bool, tells: bool = True
    ) -> Found:
        """Judges that two devices talk in a protocol; learns it where that is due."""
        self._watch(time_ns)
        key = Key("edge", *edge)
        statement = self.book.get(key)
        if statement is None:
            if self._make_edge(edge, time_ns, None, may_learn=may_learn) is None:
                return Found(NO_NEWS)
            statement = self.book.get(key)
            if statement is None:
                return Found(NO_NEWS)
        return self._found(statement, time_ns, may_learn=may_learn, tells=tells)

    def identified(self, edge: EdgeKey, names: Iterable[str]) -> None:
        """Learns what is spoken in conversations that were known by their ports alone.

        Between the first packet of a connection and the first message, a run may end. What
        is settled stays: a person's word, what was learned for good, and news.

        Args:
            edge: Client, server and protocol.
            names: What such conversations of the two were called.
        """
        client, server, protocol = edge
        for name in names:
            unknown = (client, server, name)
            key = Key("edge", *unknown)
            head, known = self.book.get(key), self.book.edge(unknown)
            if head is None or known is None or head.author is not None:
                continue
            if self.said_normal or not known.enforcing:
                # It counted connections; from now on it counts operations.
                head.count = 0
                self.book.identify(unknown, protocol)
                self._verdicts.pop(key, None)

    def look(
        self,
        deed: Deed,
        time_ns: int,
        frame: str,
        *,
        may_learn: bool = True,
        tells: bool = True,
    ) -> Found:
        """Judges a deed; learns it where that is due.

        Args:
            deed: What was done.
            time_ns: When.
            frame: The frame that shows it, in words.
            may_learn: Whether it may become normal by itself.
            tells: Whether events may be made of it now.
        """
        self._watch(time_ns)
        key = deed.key
        statement = self.book.get(key) or self._covering(deed)
        if statement is None:
            statement = self._make(deed, key, time_ns, frame, may_learn=may_learn)
            if statement is None:
                return Found(NO_NEWS)
        elif deed.ranges and statement.key == key:
            beyond = outside(deed.ranges, statement.ranges)
            if beyond:
                return self._beyond(
                    deed, statement, beyond, time_ns, frame, may_learn=may_learn, tells=tells
                )
        return self._found(statement, time_ns, may_learn=may_learn, tells=tells)

    def knows(self, deed: Deed) -> bool:
        """Whether something is known of a deed, settled or not, whatever its answer will be."""
        answered = deed._replace(failure=None, answered=True)
        return any(
            self.book.get(one.key) is not None or self._covering(one) is not None
            for one in (deed, answered)
        )

    def fact(self, key: Key, time_ns: int, frame: str, *, may_learn: bool) -> Found:
        """Judges a fact of a session: who logs in, with what; learns it where that is due."""
        self._watch(time_ns)
        statement = self.book.get(key)
        edge = self.book.edge(key[1:4])
        if statement is None:
            if edge is None:
                return Found(NO_NEWS)
            learns = self._is_learned(edge, time_ns)
            state = "learning" if learns and may_learn else "pending"
            novel = () if learns else ("session",)
            statement = _statement(key, state, novel, time_ns, frame)
            if not self.book.add(statement):
                return Found(NO_NEWS)
        found = self._found(statement, time_ns, may_learn=may_learn)
        self.count(statement, 1, time_ns, time_ns)
        return found

    def _covering(self, deed: Deed) -> Statement | None:
        """What covers a deed of which something was not seen.

        Without its answer, nobody knows whether it was refused as it always is;
        without its request, nobody knows what it addressed.
        """
        operation = (deed.unit, deed.operation_class, deed.operation)
        if not deed.answered:
            refused = self.book.alike(deed.edge, operation, refused=True)
            if refused is not None:
                return refused
        if deed.failure is not None or deed.group or (deed.target and ":" in deed.target):
            return None
        if deed.target and deed.folded:
            return None
        return self.book.alike(deed.edge, operation, space=deed.target or "")

    def again(self, statement: Statement, time_ns: int, *, may_learn: bool) -> Found:
        """Judges a deed that a statement is known to cover."""
        self._watch(time_ns)
        return self._found(statement, time_ns, may_learn=may_learn)

    def at_hour(self, found: Found, time_ns: int) -> Found:
        """Counts a change in its hour while that is learned; else judges whether it is usual."""
        statement = found.statement
        edge = None if statement is None else self.book.edge(statement.key[1:4])
        if statement is None or edge is None or statement.key.kind != "change":
            return found
        hour = self.hour_of_week(time_ns)
        doing = statement.key.operation_class
        if not edge.enforcing:
            hours.note(edge, doing, hour)
            return found
        if found.verdict.novel or not hours.is_unusual(edge, doing, hour):
            return found
        verdict = replace(
            found.verdict,
            novel=("time_of_day",),
            expected=f"usual hours are {hours.usual(edge.hours[doing])}",
            observed=f"{says_key(statement.key, self.book.name)}, {hours.name(hour)}",
        )
        return Found(
            verdict, self._telling.once(("novel_time_of_day", *edge_of(edge), doing)), statement
        )

    def talked(self, key: EdgeKey, flows: int, last_ns: int) -> None:
        """Counts flows of an edge."""
        edge = self.book.edge(key)
        if edge is not None:
            edge.flows += flows
            edge.last_seen_ns = max(edge.last_seen_ns, last_ns)
            head = self.book.get(Key("edge", *key))
            if head is not None and "/" in head.key.protocol:
                # What is not dissected has no operations to count.
                head.count += flows
                head.last_seen_ns = max(head.last_seen_ns, last_ns)
                self.book.seen_again(head)
                self._deviations.count(head.key, flows, last_ns)
            self.book.changed_edges[key] = None

    def count(self, statement: Statement, count: int, first_ns: int, last_ns: int) -> None:
        """Counts how often more something was seen, until when."""
        statement.count += count
        statement.first_seen_ns = min(statement.first_seen_ns, first_ns)
        statement.last_seen_ns = max(statement.last_seen_ns, last_ns)
        self.now_ns = max(self.now_ns, last_ns)
        self.book.seen_again(statement)
        edge_key = statement.key[1:4]
        edge = self.book.edge(edge_key)
        if edge is not None:
            learn.used(edge, first_ns, last_ns, count)
            self.book.changed_edges[edge_key] = None
            head = self.book.get(Key("edge", *edge_key))
            if head is not None and head is not statement:
                head.count += count
                head.last_seen_ns = max(head.last_seen_ns, last_ns)
                self.book.seen_again(head)
                self._deviations.count(head.key, count, last_ns)
        self._deviations.count(statement.key, count, last_ns)

    def noted(self, statement: Statement, time_ns: int) -> None:
        """Counts once what is counted elsewhere, too: a read beyond what was read before."""
        statement.count += 1
        statement.last_seen_ns = max(statement.last_seen_ns, time_ns)
        self.book.seen_again(statement)
        self._deviations.count(statement.key, 1, time_ns)

    def show(self, found: Found, frames: tuple[Frame, ...]) -> None:
        """Adds frames to the deviation that a deed is."""
        if found.statement is not None:
            self._deviations.show(found.statement.key, frames)

    def deviations(self) -> Iterator[Deviation]:
        """Every deviation of this run, in the order of first sight."""
        return iter(self._deviations)

    def _watch(self, time_ns: int) -> None:
        if time_ns > self.now_ns:
            self.now_ns = time_ns
        self.site.watch(time_ns, self.hour_of_week)

    def _found(
        self, statement: Statement, time_ns: int, *, may_learn: bool, tells: bool = True
    ) -> Found:
        """The verdict on a deed that a statement covers."""
        self._age(statement, time_ns)
        if statement.state in ("pending", "expired"):
            self._reconsider(statement, time_ns, may_learn=may_learn)
        key = statement.key
        verdict = self._verdicts.get(key)
        if verdict is None:
            verdict = self._verdicts[key] = self._judge(statement, time_ns)
        if not verdict.novel and verdict.statement_state != "rejected":
            return Found(verdict, (), statement)
        return Found(verdict, self._telling.events(statement, verdict) if tells else (), statement)

    def _judge(self, statement: Statement, time_ns: int) -> Verdict:
        edge = self.book.edge(statement.key[1:4])
        enforcing = edge is None or edge.enforcing
        state = "enforcing" if enforcing else "learning"
        unsaturated = edge is not None and edge.unsaturated
        known = is_known(statement)
        novel = () if known else statement.novel
        if not novel and statement.state != "rejected":
            return Verdict(
                state,
                (),
                statement.id,
                statement.state,
                None,
                None,
                statement.first_seen_ns,
                statement.count,
                unsaturated,
            )
        observed = says_key(statement.key, self.book.name, statement.ranges)
        nearest, expected = expected_of(self.book, statement, self.book.name)
        if statement.state == "rejected":
            expected = f"never: {statement.reason or 'rejected'}"
            if statement.author:
                expected += f" ({statement.author})"
        elif statement.state == "expired":
            expected = f"not any more: last seen {_day(statement.last_seen_ns)}"
        self._deviations.add(
            Deviation(statement, novel, expected, observed, nearest, time_ns, time_ns)
        )
        return Verdict(
            state,
            novel,
            statement.id,
            statement.state,
            expected,
            observed,
            statement.first_seen_ns,
            statement.count,
            unsaturated,
        )

    def _age(self, statement: Statement, time_ns: int) -> None:
        """Lets end what a person gave an end, and what was not seen for long."""
        until = statement.until_ns
        if until is not None and time_ns > until and statement.state in ("approved", "muted"):
            statement.novel = statement.novel or (widest(statement.key),)
            self._restate(statement, "pending")
        elif statement.state == "learned":
            absent = self.site.watched_days(statement.last_seen_ns, time_ns)
            if absent > self.settings.expire_days:
                statement.novel = (widest(statement.key),)
                self._restate(statement, "expired")

    def _reconsider(self, statement: Statement, time_ns: int, *, may_learn: bool) -> None:
        """Learns what waits for a person, where a person has said that it is normal now.

        Or where it waits only because a maintenance window named it when it was
        seen first.
        """
        edge = self.book.edge(statement.key[1:4])
        if not (self.said_normal or (edge is not None and not edge.enforcing)):
            return
        if statement.novel:
            if not self.said_normal:
                return
            statement.novel = ()
            self._restate(statement, "pending")
        if statement.key.kind == "outside":
            return
        if may_learn and statement.key.operation_class not in DANGER_CLASSES:
            self._restate(statement, "learning")

    def _restate(self, statement: Statement, state: str) -> None:
        self.book.set_state(statement, state)
        self._verdicts.pop(statement.key, None)

    def _make_edge(
        self, edge: EdgeKey, time_ns: int, frame: str | None, *, may_learn: bool
    ) -> Edge | None:
        client, server, _ = edge
        learning = (
            self.said_normal
            or self._site_learns(time_ns)
            or self._accepted(client, server, time_ns)
        )
        made = Edge(*edge, not learning, time_ns, time_ns, time_ns)
        if not self.book.add_edge(made):
            return None
        key = Key("edge", *edge)
        state = "learning"
        novel: tuple[str, ...] = ()
        if not learning:
            state, novel = "pending", of_edge(self.book, client, server)
            if "asset" in novel:
                self._ask_for(client, server, time_ns, frame)
        elif not may_learn:
            state = "pending"
        self.book.add(_statement(key, state, novel, time_ns, frame))
        return made

    def _site_learns(self, time_ns: int) -> bool:
        """Whether conversations that appear now are learned."""
        site = self.site
        if site.learning and site.since_ns is not None:
            site.learning = time_ns - site.since_ns <= self.settings.learning_days * learn.DAY_NS
        return site.learning or self.said_normal

    def _accepted(self, client: str, server: str, time_ns: int) -> bool:
        """Whether a person has lately accepted one of the devices."""
        for asset in (client, server):
            statement = self.book.get(Key("asset", asset, "", ""))
            if statement is not None and statement.state == "approved":
                accepted = statement.settled_ns or 0
                if time_ns - accepted <= self.settings.asset_learning_days * learn.DAY_NS:
                    return True
        return False

    def _ask_for(self, client: str, server: str, time_ns: int, frame: str | None) -> None:
        """Makes devices wait for a person who says that they take part."""
        for asset in (client, server):
            key = Key("asset", asset, "", "")
            if not self.book.knows_asset(asset) and self.book.get(key) is None:
                self.book.add(_statement(key, "pending", ("asset",), time_ns, frame))

    def _make(
        self, deed: Deed, key: Key, time_ns: int, frame: str, *, may_learn: bool
    ) -> Statement | None:
        """A statement for something that none covers."""
        edge = self.book.edge(deed.edge)
        if edge is None:
            edge = self._make_edge(deed.edge, time_ns, frame, may_learn=may_learn)
            if edge is None:
                return None
        state = "learning"
        novel: tuple[str, ...] = ()
        if not self._is_learned(edge, time_ns):
            novel = of_deed(self.book, deed)
            state = "pending" if novel else "learned"
        else:
            learn.noted_new(edge, time_ns)
        if not novel and (deed.operation_class in DANGER_CLASSES or not may_learn):
            state = "pending"
        statement = _statement(key, state, novel, time_ns, frame)
        statement.ranges = merged(deed.ranges)
        return statement if self.book.add(statement) else None

    def _is_learned(self, edge: Edge, time_ns: int) -> bool:
        """Whether an edge still learns; one past its time enforces from now on."""
        if self.said_normal:
            return True
        if edge.enforcing:
            return False
        if learn.may_learn(edge, self.settings, time_ns):
            return True
        learn.enforce(self.book, edge, time_ns, self.site.hours)
        self._verdicts.clear()
        return False

    def _beyond(
        self,
        deed: Deed,
        statement: Statement,
        beyond: tuple[Range, ...],
        time_ns: int,
        frame: str,
        *,
        may_learn: bool,
        tells: bool,
    ) -> Found:
        """Judges a read outside the addresses that its statement covers."""
        edge = self.book.edge(deed.edge)
        learns = edge is not None and may_learn and self._is_learned(edge, time_ns)
        if learns or not is_known(statement):
            learn.widen(statement, beyond)
            self.book.changed[statement.key] = None
            if edge is not None and learns:
                learn.noted_new(edge, time_ns)
            return self._found(statement, time_ns, may_learn=may_learn, tells=tells)
        key = statement.key._replace(kind="outside")
        extra = self.book.get(key)
        if extra is None:
            extra = _statement(key, "pending", ("read_range",), time_ns, frame)
            extra.ranges = merged(beyond)
            if not self.book.add(extra):
                return Found(NO_NEWS)
        elif outside(beyond, extra.ranges):
            learn.widen(extra, beyond)
            self.book.changed[key] = None
            self._verdicts.pop(key, None)
        return self._found(extra, time_ns, may_learn=may_learn, tells=tells)


def edge_of(edge: Edge) -> EdgeKey:
    """Client, server and protocol of an edge."""
    return edge.client, edge.server, edge.protocol


def _hour_of_week(time_ns: int) -> int:
    # 1 January 1970 was a Thursday.
    return (time_ns // learn.HOUR_NS + 72) % hours.WEEK_HOURS


def _statement(
    key: Key, state: str, novel: tuple[str, ...], time_ns: int, frame: str | None
) -> Statement:
    return Statement(
        statement_id(key),
        key,
        state,
        time_ns,
        time_ns,
        novel=novel,
        frames=(frame,) if frame else (),
    )


def _day(time_ns: int) -> str:
    from otmon.model.document import render_time

    return render_time(time_ns)[:10]
