"""Sends the outbox to Elasticsearch, one request at a time, and waits when it has to.

What the server does not acknowledge stays in the outbox. While a request is on
its way, what the one before it came to is written and the next one is read: the
server never waits for the disk of the sensor. The sender is a loop of its own,
in a process of its own where traffic is captured.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from elasticsearch import Elasticsearch

from otmon.sinks import dead_letters, ledger, outbox
from otmon.sinks.elastic import documents
from otmon.sinks.elastic.bulk import Answer, Bulk, is_plain
from otmon.sinks.elastic.results import Action, Verdict, alone_wait_s, is_hopeless
from otmon.sinks.outbox import Bounds, Document, Failure, Row, Store

BATCH_DOCUMENTS = 1_000
BATCH_BYTES = 4 << 20
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
PAUSE_S = 60.0
"""After how long a paused sender looks whether it may go on."""
MANY_DEAD = 100
"""Dead letters within a minute beyond which something is wrong with more than a document."""
MINUTE_NS = 60_000_000_000
_ALL_IN_VAIN = 8
"""Documents that are refused one by one with 400 before the request itself is suspected."""


@dataclass(slots=True)
class Tally:
    """What became of documents, since the sender began."""

    delivered: int = 0
    duplicates: int = 0
    retried: int = 0
    dead: int = 0


@dataclass(slots=True)
class _Round:
    """What became of the documents of one batch."""

    done: list[Row] = field(default_factory=list)
    put_off: list[tuple[Row, int]] = field(default_factory=list)
    dead: list[tuple[Row, Failure]] = field(default_factory=list)
    fallen: list[tuple[Document, Failure]] = field(default_factory=list)
    duplicates: int = 0
    retried: int = 0
    stopped: Verdict | None = None
    """Why the rest of the batch was not sent."""
    retry_after_s: float | None = None
    shrunk: bool = False


class _Flight:
    """A request on its way, by a thread that nobody has to wait for at the end."""

    def __init__(self, rows: list[Row], ask: Callable[[], Answer]) -> None:
        self.rows = rows
        self._answer: Answer | None = None
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._go, args=(ask,), daemon=True)
        self._thread.start()

    def _go(self, ask: Callable[[], Answer]) -> None:
        try:
            self._answer = ask()
        except BaseException as error:
            self._failed = error

    def landed(self) -> Answer:
        """What the server said, when it has."""
        self._thread.join()
        if self._failed is not None:
            raise self._failed
        assert self._answer is not None  # it came, or asking failed
        return self._answer


class Sender:
    """Takes documents out of a store and gives them to a server."""

    def __init__(
        self,
        store: Store,
        client: Elasticsearch,
        *,
        bounds: Bounds | None = None,
        probe: Callable[[], Document] | None = None,
        clock_ns: Callable[[], int] = time.time_ns,
        chance: Callable[[], float] = random.random,
        log: Callable[[str], None] = lambda line: None,
    ) -> None:
        """Takes what it needs; `probe` makes a document that the server must take, if any."""
        self.tally = Tally()
        self.state = "sending"
        """`sending`, `backing off` or `paused`."""
        self.reason = ""
        self._store = store
        self._bulk = Bulk(client, clock_ns)
        self._bounds = bounds or Bounds()
        self._probe = probe
        self._clock_ns = clock_ns
        self._chance = chance
        self._log = log
        self._limit = BATCH_DOCUMENTS
        self._failures = 0
        self._ready = False
        self._flight: _Flight | None = None
        self._deaths: deque[tuple[int, int]] = deque()
        """When documents were given up within the last minute, and how many."""
        self._told_of_many = False

    def step(self) -> float | None:
        """Send one batch, and say how long to wait before the next in seconds.

        Returns:
            0 where there may be more to send, None where nothing is due.
        """
        if not self._ready:
            refused = self._bulk.get_ready()
            if refused is not None:
                return self._wait(refused, None)
            self._ready = True
        flight, self._flight = self._flight or self._launch(self._next([])), None
        if flight is None:
            self._become("sending", "")
            return None
        # Where all is well the next request leaves as soon as this one is answered.
        ahead = self._next(flight.rows) if self.state == "sending" else []
        took = _Round()
        self._send(flight.rows, flight.landed(), took)
        if took.shrunk:
            self._limit = max(1, min(self._limit, len(flight.rows)) // 2)
        elif took.stopped is None:
            self._flight = self._launch(ahead)
        self._keep(took)
        if took.stopped is not None:
            return self._wait(took.stopped, took.retry_after_s)
        self._failures = 0
        if not took.shrunk:
            self._limit = min(BATCH_DOCUMENTS, self._limit + 1 + self._limit // 8)
        self._become("sending", "")
        return 0.0

    def finish(self) -> None:
        """Leave at once: what is on its way is sent again if its answer was not seen."""

    def drain(self, patience_s: float, sleep: Callable[[float], None] = time.sleep) -> bool:
        """Send until nothing is left, and say whether all of it was taken.

        Args:
            patience_s: How long the server may make no progress, in seconds.
            sleep: Waits.
        """
        waited_s = 0.0
        while True:
            with self._store.reading() as db:
                if outbox.is_empty(db):
                    return True
            wait_s = self.step()
            if wait_s == 0.0:
                waited_s = 0.0
                continue
            wait_s = FIRST_WAIT_S if wait_s is None else wait_s
            if self.state == "paused" or waited_s + wait_s > patience_s:
                return False
            waited_s += wait_s
            sleep(wait_s)

    # One batch

    def _next(self, besides: Sequence[Row]) -> list[Row]:
        """What is to be sent next in one request, besides what is on its way."""
        limit = self._limit if self.state != "paused" else 1
        with self._store.reading() as db:
            rows = outbox.batch(
                db,
                at_most=limit,
                max_bytes=BATCH_BYTES,
                now_ns=self._clock_ns(),
                besides=[row.seq for row in besides],
            )
        # The latest state of devices goes into an index, not into a stream.
        return [row for row in rows if is_plain(row) is is_plain(rows[0])]

    def _launch(self, rows: list[Row]) -> _Flight | None:
        return _Flight(rows, lambda: self._bulk.send(rows)) if rows else None

    def _send(self, rows: list[Row], first: Answer, took: _Round) -> None:
        """Take what the server said of documents; send them in parts where it wants no other."""
        waiting = [rows]
        answers = [first]
        lonely = 0
        while waiting and took.stopped is None:
            part = waiting.pop()
            answer = answers.pop() if answers else self._bulk.send(part)
            said = answer.said
            if not isinstance(said, Verdict):
                self._sort(part, said, took)
                lonely = 0
                continue
            match said.action:
                case Action.SHRINK | Action.SPLIT if len(part) > 1:
                    took.shrunk = took.shrunk or said.action is Action.SHRINK
                    if said.action is Action.SPLIT and lonely == 0:
                        if self._is_form_refused():
                            took.stopped = _form(said)
                            return
                        lonely = 1
                    half = len(part) // 2
                    waiting += [part[half:], part[:half]]
                case Action.SHRINK:
                    took.dead.append((part[0], Failure(413, "too_big", said.reason)))
                case Action.SPLIT:
                    lonely += 1
                    if (lonely in (1, _ALL_IN_VAIN)) and self._is_form_refused():
                        took.stopped = _form(said)
                        return
                    kind = said.kind or "bad_request"
                    took.dead.append((part[0], Failure(400, kind, said.reason)))
                case _:
                    # What is too much at once may be little enough in parts.
                    took.shrunk = took.shrunk or said.status == 429
                    took.stopped = said
                    took.retry_after_s = answer.retry_after_s

    def _is_form_refused(self) -> bool:
        """Whether the server refuses even a document that is known to be good."""
        if self._probe is None:
            return False
        said = self._bulk.send([Row(0, self._probe(), 0)]).said
        return isinstance(said, Verdict) and said.action is Action.SPLIT

    def _sort(self, rows: Sequence[Row], verdicts: Sequence[Verdict], took: _Round) -> None:
        now_ns = self._clock_ns()
        for row, verdict in zip(rows, verdicts, strict=True):
            if verdict.action is Action.ACKNOWLEDGE and not verdict.fallen:
                took.done.append(row)
                continue
            failure = Failure(verdict.status, verdict.kind, verdict.reason)
            match verdict.action:
                case Action.ACKNOWLEDGE:
                    took.done.append(row)
                    took.fallen.append((row.document, failure))
                case Action.DUPLICATE:
                    took.done.append(row)
                    took.duplicates += 1
                case Action.DEAD:
                    took.dead.append((row, failure))
                case Action.RETRY_ALONE:
                    if is_hopeless(row.attempts + 1):
                        took.dead.append((row, failure))
                    else:
                        wait_ns = round(alone_wait_s(row.attempts + 1) * 1e9)
                        took.put_off.append((row, now_ns + wait_ns))
                        took.retried += 1
                case _:
                    took.retried += 1
                    # A pause outweighs a wait: waiting alone would not help.
                    if took.stopped is None or verdict.action is Action.PAUSE:
                        took.stopped = verdict
                    if verdict.action is Action.RETRY and verdict.status == 429:
                        took.shrunk = True

    def _keep(self, took: _Round) -> None:
        """Write what became of a batch, in one transaction."""
        tally = self.tally
        tally.delivered += len(took.done) - took.duplicates
        tally.duplicates += took.duplicates
        tally.retried += took.retried
        tally.dead += len(took.dead) + len(took.fallen)
        if not (took.done or took.dead or took.put_off or took.retried):
            return
        with self._store.transaction() as db:
            outbox.acknowledge(db, took.done)
            outbox.put_off(db, took.put_off)
            dead_letters.bury(db, took.dead, self._bounds)
            dead_letters.lament(db, took.fallen, self._bounds)
            if self._die_quickly(len(took.dead) + len(took.fallen)):
                ledger.note(db, many_dead_at=str(self._clock_ns()))
            ledger.count(
                db,
                {
                    "delivered": len(took.done) - took.duplicates,
                    "duplicates": took.duplicates,
                    "retried": took.retried,
                },
            )
            if took.done:
                ledger.note(db, last_ack_at=str(self._clock_ns()))
            outbox.shrink(db)

    def _die_quickly(self, count: int) -> bool:
        """Whether so many documents were given up within a minute that somebody has to look."""
        if not count:
            return False
        now_ns = self._clock_ns()
        self._deaths.append((now_ns, count))
        while self._deaths[0][0] < now_ns - MINUTE_NS:
            self._deaths.popleft()
        many = sum(died for _, died in self._deaths) > MANY_DEAD
        if many and not self._told_of_many:
            self._log(
                f"more than {MANY_DEAD} documents a minute will never be taken. "
                "See why: otmon elastic status"
            )
        self._told_of_many = many
        return many

    # Waiting

    def _wait(self, why: Verdict, retry_after_s: float | None) -> float:
        self._failures += 1
        if why.action is Action.PAUSE:
            self._become("paused", why.reason)
            # Whoever put it right may have put templates or another server there.
            self._ready = False
            return PAUSE_S
        self._become("backing off", why.reason)
        return max(self._backoff_s(self._failures), retry_after_s or 0.0)

    def _backoff_s(self, failures: int) -> float:
        """Doubles with each failure; jitter keeps many sensors from coming back at once."""
        longest = min(LONGEST_WAIT_S, FIRST_WAIT_S * float(2 ** min(failures - 1, 10)))
        return longest * (0.5 + self._chance() / 2)

    def _become(self, state: str, reason: str) -> None:
        if (state, reason) == (self.state, self.reason):
            return
        if state != self.state or reason:
            self._log(f"{state}: {reason}" if reason else state)
        self.state, self.reason = state, reason
        with self._store.transaction() as db:
            ledger.note(db, state=state, reason=reason, since=str(self._clock_ns()))


def _form(said: Verdict) -> Verdict:
    reason = f"the server refuses every request: {said.reason}"
    return Verdict(Action.PAUSE, said.kind, reason, said.status)


def health_probe(sensor: documents.Sensor, clock_ns: Callable[[], int]) -> Callable[[], Document]:
    """Makes a document that every server with the templates takes."""

    def probe() -> Document:
        now_ns = clock_ns()
        made = documents.finished(sensor, documents.sensor_health(sensor, now_ns, {}), 0, now_ns)
        return made[0] if isinstance(made, tuple) else made

    return probe
