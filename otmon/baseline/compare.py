"""What is done, held against what is normal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from otmon.baseline import hours, learn
from otmon.baseline.book import Book, EdgeKey
from otmon.baseline.deed import Deed
from otmon.baseline.deviation import Deviation, Frame
from otmon.baseline.judging import Found, Judge
from otmon.baseline.learn import Site
from otmon.baseline.learner import Learner
from otmon.baseline.ranges import outside
from otmon.baseline.words import says_key
from otmon.config import Baseline as Settings
from otmon.model.statement import Edge, Key, Statement, Verdict

NO_NEWS = Verdict("enforcing")
"""What is said of things that no statement covers and that are no news."""


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
        self._judge = Judge(self.book)
        self._learner = Learner(self.book, self.site, self.settings, self._judge)
        self.now_ns = 0
        self.sources: tuple[str, ...] = ()
        """Where it was learned or read from."""
        self.remarks: tuple[str, ...] = ()
        """What could not be read of it, in words."""

    @property
    def said_normal(self) -> bool:
        """Whether a person has said that what this run sees is normal."""
        return self._learner.said_normal

    @said_normal.setter
    def said_normal(self, said: bool) -> None:
        self._learner.said_normal = said

    @property
    def learns(self) -> bool:
        """Whether what appears is learned."""
        return self.said_normal or self.site.learning

    def begin_run(self) -> None:
        """Forgets what was told and found: a new run over other captures begins."""
        self._judge.begin_run()

    def rename(self, ids: Mapping[str, str]) -> None:
        """Takes other ids for devices."""
        self.book.rename(ids)
        self._judge.forget_all()

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
        self._judge.forget_all()

    def enforce_all(self) -> None:
        """Ends all learning: a person says that what was seen is normal."""
        self.site.learning = False
        for edge in list(self.book.edges()):
            learn.enforce(self.book, edge, self.now_ns, self.site.hours)
        self._judge.forget_all()

    def enforce_saturated(self) -> int:
        """Ends the learning of the edges that show nothing new any more; how many."""
        self._learner.site_learns(self.now_ns)
        ended = learn.enforce_saturated(self.book, self.settings, self.now_ns, self.site.hours)
        if ended:
            self._judge.forget_all()
        return ended

    def conversation(
        self, edge: EdgeKey, time_ns: int, *, may_learn: bool, tells: bool = True
    ) -> Found:
        """Judges that two devices talk in a protocol; learns it where that is due."""
        self._watch(time_ns)
        key = Key("edge", *edge)
        statement = self.book.get(key)
        if statement is None:
            if self._learner.make_edge(edge, time_ns, None, may_learn=may_learn) is None:
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
                self._judge.forget(key)

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
            statement = self._learner.make(deed, time_ns, frame, may_learn=may_learn)
        elif deed.ranges and statement.key == key:
            beyond = outside(deed.ranges, statement.ranges)
            if beyond:
                statement = self._learner.reach(
                    statement, beyond, time_ns, frame, may_learn=may_learn
                )
        if statement is None:
            return Found(NO_NEWS)
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
        if statement is None:
            statement = self._learner.make_fact(key, time_ns, frame, may_learn=may_learn)
        if statement is None:
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
        told = ("novel_time_of_day", *statement.key[1:4], doing)
        return Found(verdict, self._judge.once(told), statement)

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
                self._judge.count(head.key, flows, last_ns)
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
                self._judge.count(head.key, count, last_ns)
        self._judge.count(statement.key, count, last_ns)

    def noted(self, statement: Statement, time_ns: int) -> None:
        """Counts once what is counted elsewhere, too: a read beyond what was read before."""
        statement.count += 1
        statement.last_seen_ns = max(statement.last_seen_ns, time_ns)
        self.book.seen_again(statement)
        self._judge.count(statement.key, 1, time_ns)

    def show(self, found: Found, frames: tuple[Frame, ...]) -> None:
        """Adds frames to the deviation that a deed is."""
        if found.statement is not None:
            self._judge.show(found.statement.key, frames)

    def deviations(self) -> Iterator[Deviation]:
        """Every deviation of this run, in the order of first sight."""
        return self._judge.deviations()

    def _watch(self, time_ns: int) -> None:
        if time_ns > self.now_ns:
            self.now_ns = time_ns
        self.site.watch(time_ns, self.hour_of_week)

    def _found(
        self, statement: Statement, time_ns: int, *, may_learn: bool, tells: bool = True
    ) -> Found:
        """The verdict on a deed that a statement covers."""
        self._learner.review(statement, time_ns, may_learn=may_learn)
        return self._judge.found(statement, time_ns, tells=tells)


def _hour_of_week(time_ns: int) -> int:
    # 1 January 1970 was a Thursday.
    return (time_ns // learn.HOUR_NS + 72) % hours.WEEK_HOURS
