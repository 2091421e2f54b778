"""What the Python side does in a second on one core: rules alone, and the whole pipeline.

`bench.py` runs this as lanes of its own. CPU time of the one thread, so that
what else runs on the machine hardly matters. Nothing here passes or fails.
"""

from __future__ import annotations

import gc
import struct
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from otmon import _engine
from otmon.cli import GARBAGE_AFTER
from otmon.config import Config
from otmon.model.event import Event
from otmon.model.likeness import Likenesses
from otmon.pipeline import Analysis
from otmon.ruleset.compile import compile_condition
from otmon.ruleset.condition import EventRule
from otmon.ruleset.correlate import correlators
from otmon.ruleset.judge import Judge
from otmon.ruleset.load import load_rules

RUNS = 3
UNINDEXED_EVENTS = 20_000
"""Events that every rule is held against one by one: enough to tell, and soon done."""
MANY_HOSTS, MANY_BEHAVIOURS = 10_000, 200_000


def observations(capture: Path) -> list[_engine.Observation]:
    """Everything that the engine tells of a capture."""
    engine = _engine.Engine([capture])
    found: list[_engine.Observation] = []
    while (batch := engine.read_batch()) is not None:
        found += batch
    return found


def events_of(told: Sequence[_engine.Observation]) -> list[Event]:
    """The operations among observations, as a run makes events of them."""
    likenesses = Likenesses()
    found = []
    for one in told:
        if isinstance(one, _engine.Transaction):
            found.append(Event(likenesses.of_transaction(one)[0], one, one.time_ns))
        elif isinstance(one, _engine.Behaviour) and one.new:
            found.append(Event(likenesses.of_behaviour(one), one, one.first_seen_ns))
    return found


def best_of(runs: int, prepare: Callable[[], Callable[[], int]]) -> tuple[float, int]:
    """The least CPU seconds of the work that `prepare` gives, and what it counted."""
    least, counted = float("inf"), 0
    for _ in range(runs):
        work = prepare()
        # A process begins with nothing to collect; what was before is not part of the work.
        gc.collect()
        begun = time.thread_time()
        counted = work()
        least = min(least, time.thread_time() - begun)
    return least, counted


def unindexed(rules: Sequence[EventRule], correlations: Sequence[object]) -> Callable[[Event], int]:
    """Every rule held against every event, one after the other."""
    counting = correlators(correlations)  # type: ignore[arg-type]  # what load_rules gives
    silent = {
        member
        for one in counting
        for rule in one.correlations
        if not rule.generate
        for member in rule.members
    }
    every = [
        (
            rule,
            compile_condition(rule.condition),
            [one for one in counting if any(rule.rule.id in c.members for c in one.correlations)],
        )
        for rule in sorted(rules, key=lambda rule: rule.rule.id)
    ]

    def judge(event: Event) -> int:
        count = 0
        for rule, holds, counted_by in every:
            if rule.category not in (None, event.category):
                continue
            if rule.service not in (None, event.service) or not holds(event):
                continue
            count += rule.rule.id not in silent
            for one in counted_by:
                count += len(one.observe(rule.rule.id, event))
        return count

    return judge


def rules_lane(capture: Path) -> None:
    """Events per second through the shipped rules, and the ratio to holding each against each."""
    events = events_of(observations(capture))
    rules = load_rules()
    few = events[:UNINDEXED_EVENTS]

    def indexed(some: Sequence[Event]) -> Callable[[], Callable[[], int]]:
        def prepare() -> Callable[[], int]:
            judge = Judge(rules.events, rules.correlations).judge
            return lambda: sum(len(judge(event)) for event in some)

        return prepare

    def plain() -> Callable[[], int]:
        judge = unindexed(rules.events, rules.correlations)
        return lambda: sum(map(judge, few))

    seconds, matches = best_of(RUNS, indexed(events))
    quick, quick_matches = best_of(RUNS, indexed(few))
    slow, slow_matches = best_of(1, plain)
    count = len(rules.events) + len(rules.correlations)
    print(f"\n-- rules alone, one core: {count} rules, {len(events):,} events of {capture.name}")
    print(f"indexed                 {len(events) / seconds:12,.0f} events/s {matches:8,} matches")
    print(f"indexed, first {len(few):6,}   {len(few) / quick:12,.0f} events/s")
    print(f"unindexed, the same     {len(few) / slow:12,.0f} events/s")
    print(f"the index makes it      {slow / quick:12.1f} times as fast")
    if quick_matches != slow_matches:
        raise SystemExit(f"{quick_matches} matches with the index, {slow_matches} without")


def pipeline_lane(capture: Path) -> None:
    """Observations per second through inventory, detectors, rules and alerts."""
    told = observations(capture)

    def prepare() -> Callable[[], int]:
        analysis = Analysis(_engine.Engine([capture]), Config())

        def work() -> int:
            analysis.take_all(told)
            return len(told)

        return work

    seconds, count = best_of(RUNS, prepare)
    print(f"\n-- Python side alone, one core: {count:,} observations of {capture.name}")
    print(f"inventory to alerts     {count / seconds:12,.0f} observations/s")


def many(into: Path) -> Path:
    """A capture of 10,000 hosts, half of which write 40 registers each in the other half."""
    pairs = MANY_HOSTS // 2
    made = into / "many.pcap"
    with made.open("wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1))
        for turn in range(MANY_BEHAVIOURS // pairs):
            out.writelines(_write(pair, turn) for pair in range(pairs))
    return made


def _write(pair: int, turn: int) -> bytes:
    pdu = struct.pack(">HHHBBHH", turn + 1, 0, 6, 1, 6, turn, 1)
    return b"".join(_frames(pair, turn, pdu))


def _frames(pair: int, turn: int, pdu: bytes) -> Iterator[bytes]:
    """Request and answer of one write, 10 ms apart."""
    ends = [(number, struct.pack(">BBH", 10, 10 + side, pair)) for side, number in ((0, 1), (1, 2))]
    offset = 1 + turn * len(pdu)
    for side in (0, 1):
        (_, source), (_, target) = ends[side], ends[1 - side]
        ports = (50_000, 502) if side == 0 else (502, 50_000)
        answered = offset + (len(pdu) if side == 1 else 0)
        tcp = struct.pack(">HHIIBBHHH", *ports, offset, answered, 0x50, 0x18, 8192, 0, 0) + pdu
        number = turn * 2 + side + 1
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), number, 0x4000, 64, 6, 0)
        frame = b"\x02\x00" + target + b"\x02\x00" + source + b"\x08\x00"
        frame += ip + source + target + tcp
        micros = (turn * MANY_HOSTS + pair * 2 + side) * 100
        time_s, rest = divmod(micros, 1_000_000)
        yield struct.pack("<IIII", 1_700_000_000 + time_s, rest, len(frame), len(frame)) + frame


if __name__ == "__main__":
    # As `otmon` does: with the usual threshold looking for garbage is most of what is measured.
    gc.set_threshold(GARBAGE_AFTER)
    what, path = sys.argv[1], Path(sys.argv[2])
    if what == "many":
        print(many(path))
    else:
        {"rules": rules_lane, "pipeline": pipeline_lane}[what](path)
