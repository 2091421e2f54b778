"""What appears becomes a statement: it is learned, or waits for a person; and what ends it."""

from __future__ import annotations

from otmon.baseline import learn
from otmon.baseline.book import Book, EdgeKey, is_known, statement_id
from otmon.baseline.deed import Deed
from otmon.baseline.judging import Judge
from otmon.baseline.learn import Site
from otmon.baseline.novelty import of_deed, of_edge, widest
from otmon.baseline.ranges import merged, outside
from otmon.config import Baseline as Settings
from otmon.fields import DANGER_CLASSES
from otmon.model.statement import Edge, Key, Range, Statement


class Learner:
    """Makes statements of what none covers, and changes their states as time passes."""

    def __init__(self, book: Book, site: Site, settings: Settings, judge: Judge) -> None:
        """Takes the statements, how far and how long they are learned, and who judges by them."""
        self._book = book
        self._site = site
        self._settings = settings
        self._judge = judge
        self.said_normal = False
        """Whether a person has said that what this run sees is normal."""

    def site_learns(self, time_ns: int) -> bool:
        """Whether conversations that appear now are learned."""
        site = self._site
        if site.learning and site.since_ns is not None:
            site.learning = time_ns - site.since_ns <= self._settings.learning_days * learn.DAY_NS
        return site.learning or self.said_normal

    # What appears

    def make_edge(
        self, edge: EdgeKey, time_ns: int, frame: str | None, *, may_learn: bool
    ) -> Edge | None:
        """An edge between two that did not talk in a protocol before; none without room."""
        client, server, _ = edge
        learning = (
            self.said_normal or self.site_learns(time_ns) or self._accepted(client, server, time_ns)
        )
        made = Edge(*edge, not learning, time_ns, time_ns, time_ns)
        if not self._book.add_edge(made):
            return None
        key = Key("edge", *edge)
        state = "learning"
        novel: tuple[str, ...] = ()
        if not learning:
            state, novel = "pending", of_edge(self._book, client, server)
            if "asset" in novel:
                self._ask_for(client, server, time_ns, frame)
        elif not may_learn:
            state = "pending"
        self._book.add(_statement(key, state, novel, time_ns, frame))
        return made

    def make(self, deed: Deed, time_ns: int, frame: str, *, may_learn: bool) -> Statement | None:
        """A statement for something that none covers; none without room."""
        edge = self._book.edge(deed.edge)
        if edge is None:
            edge = self.make_edge(deed.edge, time_ns, frame, may_learn=may_learn)
            if edge is None:
                return None
        state = "learning"
        novel: tuple[str, ...] = ()
        if not self._is_learned(edge, time_ns):
            novel = of_deed(self._book, deed)
            state = "pending" if novel else "learned"
        else:
            learn.noted_new(edge, time_ns)
        if not novel and (deed.operation_class in DANGER_CLASSES or not may_learn):
            state = "pending"
        statement = _statement(deed.key, state, novel, time_ns, frame)
        statement.ranges = merged(deed.ranges)
        return statement if self._book.add(statement) else None

    def make_fact(self, key: Key, time_ns: int, frame: str, *, may_learn: bool) -> Statement | None:
        """A statement for a fact of a session; none of an edge that is not known."""
        edge = self._book.edge(key[1:4])
        if edge is None:
            return None
        learns = self._is_learned(edge, time_ns)
        state = "learning" if learns and may_learn else "pending"
        statement = _statement(key, state, () if learns else ("session",), time_ns, frame)
        return statement if self._book.add(statement) else None

    def reach(
        self,
        statement: Statement,
        beyond: tuple[Range, ...],
        time_ns: int,
        frame: str,
        *,
        may_learn: bool,
    ) -> Statement | None:
        """The statement for a read outside the addresses that its own covers.

        That one, widened, where it is still learned, or no more normal than the read;
        else one of its own. None without room.
        """
        edge = self._book.edge(statement.key[1:4])
        learns = edge is not None and may_learn and self._is_learned(edge, time_ns)
        if learns or not is_known(statement):
            learn.widen(statement, beyond)
            self._book.changed[statement.key] = None
            if edge is not None and learns:
                learn.noted_new(edge, time_ns)
            return statement
        key = statement.key._replace(kind="outside")
        extra = self._book.get(key)
        if extra is None:
            extra = _statement(key, "pending", ("read_range",), time_ns, frame)
            extra.ranges = merged(beyond)
            return extra if self._book.add(extra) else None
        if outside(beyond, extra.ranges):
            learn.widen(extra, beyond)
            self._book.changed[key] = None
            self._judge.forget(key)
        return extra

    # What becomes of it

    def review(self, statement: Statement, time_ns: int, *, may_learn: bool) -> None:
        """Looks at a statement when what it covers is seen: it may have ended, or be learned."""
        self._age(statement, time_ns)
        if statement.state in ("pending", "expired"):
            self._reconsider(statement, may_learn=may_learn)

    def _age(self, statement: Statement, time_ns: int) -> None:
        """Lets end what a person gave an end, and what was not seen for long."""
        until = statement.until_ns
        if until is not None and time_ns > until and statement.state in ("approved", "muted"):
            statement.novel = statement.novel or (widest(statement.key),)
            self._restate(statement, "pending")
        elif statement.state == "learned":
            absent = self._site.watched_days(statement.last_seen_ns, time_ns)
            if absent > self._settings.expire_days:
                statement.novel = (widest(statement.key),)
                self._restate(statement, "expired")

    def _reconsider(self, statement: Statement, *, may_learn: bool) -> None:
        """Learns what waits for a person, where a person has said that it is normal now.

        Or where it waits only because a maintenance window named it when it was
        seen first.
        """
        edge = self._book.edge(statement.key[1:4])
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
        self._book.set_state(statement, state)
        self._judge.forget(statement.key)

    def _is_learned(self, edge: Edge, time_ns: int) -> bool:
        """Whether an edge still learns; one past its time enforces from now on."""
        if self.said_normal:
            return True
        if edge.enforcing:
            return False
        if learn.may_learn(edge, self._settings, time_ns):
            return True
        learn.enforce(self._book, edge, time_ns, self._site.hours)
        self._judge.forget_all()
        return False

    def _accepted(self, client: str, server: str, time_ns: int) -> bool:
        """Whether a person has lately accepted one of the devices."""
        for asset in (client, server):
            statement = self._book.get(Key("asset", asset, "", ""))
            if statement is not None and statement.state == "approved":
                accepted = statement.settled_ns or 0
                if time_ns - accepted <= self._settings.asset_learning_days * learn.DAY_NS:
                    return True
        return False

    def _ask_for(self, client: str, server: str, time_ns: int, frame: str | None) -> None:
        """Makes devices wait for a person who says that they take part."""
        for asset in (client, server):
            key = Key("asset", asset, "", "")
            if not self._book.knows_asset(asset) and self._book.get(key) is None:
                self._book.add(_statement(key, "pending", ("asset",), time_ns, frame))


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
