"""What is said of deeds that a statement covers: verdicts, and the deviations they rest on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from otmon.baseline.book import Book, is_known
from otmon.baseline.deviation import Deviation, Deviations, Frame, Telling
from otmon.baseline.nearest import expected_of
from otmon.baseline.words import says_key
from otmon.model.document import render_time
from otmon.model.statement import Key, Statement, Verdict


class Found(NamedTuple):
    """What the baseline says of one deed."""

    verdict: Verdict
    tell: tuple[str, ...] = ()
    """Types of the events to be made of it: what was not told before in this run."""
    statement: Statement | None = None
    """The statement that covers it."""


class Judge:
    """Gives verdicts, and lists the deviations of a run."""

    def __init__(self, book: Book) -> None:
        """Takes the statements."""
        self._book = book
        self.begin_run()

    def begin_run(self) -> None:
        """Forgets what was said and told: a run begins."""
        self._verdicts: dict[Key, Verdict] = {}
        self._telling = Telling()
        self._deviations = Deviations()

    def forget(self, key: Key) -> None:
        """A statement has changed: what was said of it holds no more."""
        self._verdicts.pop(key, None)

    def forget_all(self) -> None:
        """The same of every statement."""
        self._verdicts.clear()

    def found(self, statement: Statement, time_ns: int, *, tells: bool) -> Found:
        """What is said of a deed that a statement covers.

        Args:
            statement: It.
            time_ns: When the deed was done.
            tells: Whether events may be made of it now.
        """
        key = statement.key
        verdict = self._verdicts.get(key)
        if verdict is None:
            verdict = self._verdicts[key] = self._verdict(statement, time_ns)
        if not verdict.novel and verdict.statement_state != "rejected":
            return Found(verdict, (), statement)
        return Found(verdict, self._telling.events(statement, verdict) if tells else (), statement)

    def once(self, told: tuple[object, ...]) -> tuple[str, ...]:
        """The event of something that was not told before in this run; nothing else."""
        return self._telling.once(told)

    def count(self, key: Key, count: int, last_ns: int) -> None:
        """Counts how often more a deviation was seen, until when."""
        self._deviations.count(key, count, last_ns)

    def show(self, key: Key, frames: tuple[Frame, ...]) -> None:
        """Adds frames to a deviation."""
        self._deviations.show(key, frames)

    def deviations(self) -> Iterator[Deviation]:
        """Every deviation of this run, in the order of first sight."""
        return iter(self._deviations)

    def _verdict(self, statement: Statement, time_ns: int) -> Verdict:
        edge = self._book.edge(statement.key[1:4])
        state = "enforcing" if edge is None or edge.enforcing else "learning"
        novel = () if is_known(statement) else statement.novel
        expected = observed = None
        if novel or statement.state == "rejected":
            expected, observed = self._deviates(statement, novel, time_ns)
        return Verdict(
            state,
            novel,
            statement.id,
            statement.state,
            expected,
            observed,
            statement.first_seen_ns,
            statement.count,
            edge is not None and edge.unsaturated,
        )

    def _deviates(
        self, statement: Statement, novel: tuple[str, ...], time_ns: int
    ) -> tuple[str, str]:
        """Lists a deviation; what was expected, and what was observed."""
        observed = says_key(statement.key, self._book.name, statement.ranges)
        nearest, expected = expected_of(self._book, statement, self._book.name)
        if statement.state == "rejected":
            expected = f"never: {statement.reason or 'rejected'}"
            if statement.author:
                expected += f" ({statement.author})"
        elif statement.state == "expired":
            expected = f"not any more: last seen {render_time(statement.last_seen_ns)[:10]}"
        self._deviations.add(
            Deviation(statement, novel, expected, observed, nearest, time_ns, time_ns)
        )
        return expected, observed
