"""Makes the baselines that examples of rules name: `python -m pcaps.make.baselines`.

Each is what `pcaps/baseline/habits.pcapng` or another capture shows, changed by
hand: somebody rejected something, or it was learned in another way or time.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from otmon import runs
from otmon.baseline.book import statement_id
from otmon.baseline.compare import Baseline
from otmon.baseline.exchange import export
from otmon.baseline.learn import DAY_NS, WATCHED
from otmon.model.statement import Statement

PCAPS = Path(__file__).resolve().parent.parent
SET_POINT = "hr:101"


def learned(capture: str) -> Baseline:
    """What a capture shows."""
    return runs.learn(PCAPS / capture)


def about(baseline: Baseline, target: str) -> Statement:
    """The statement about an object."""
    return next(one for one in baseline.book.statements() if one.key.target == target)


def rejected() -> Baseline:
    """Somebody does not want the set point to be changed from the operator station."""
    baseline = learned("baseline/habits.pcapng")
    statement = about(baseline, SET_POINT)
    statement.author, statement.settled_ns = "j.doe", 1_772_521_200 * 10**9
    statement.reason = "set points are changed at the pump"
    baseline.book.set_state(statement, "rejected")
    return baseline


def returned() -> Baseline:
    """Nobody has changed the set point for a hundred days."""
    baseline = learned("baseline/habits.pcapng")
    statement = about(baseline, SET_POINT)
    last = statement.last_seen_ns // DAY_NS
    baseline.site.days = set(range(last - 100, last + 1))
    statement.first_seen_ns -= 100 * DAY_NS
    statement.last_seen_ns -= 100 * DAY_NS
    return baseline


def afternoons() -> Baseline:
    """For four weeks, the set point was changed on workdays from 13 to 17 o'clock only."""
    baseline = learned("baseline/habits.pcapng")
    for edge in baseline.book.edges():
        edge.first_seen_ns -= 28 * DAY_NS
        week = [0] * 168
        for day in range(5):
            week[day * 24 + 13 : day * 24 + 17] = [2, 2, 2, 2]
        edge.hours = {"write": week, WATCHED: [4] * 168}
    return baseline


def other_software() -> Baseline:
    """The engineer's software had another name when the controller was learned."""
    baseline = learned("modbus/umas_reserve_stop.pcapng")
    for statement in list(baseline.book.statements()):
        if statement.key.kind == "session":
            baseline.book.remove(statement)
            key = statement.key._replace(target="UNITY-07")
            moved = dataclasses.replace(statement, key=key, id=statement_id(key))
            baseline.book.add(moved)
    return baseline


def main() -> None:
    """Write all of them."""
    for make in (rejected, returned, afternoons, other_software):
        baseline = make()
        path = PCAPS / "baseline" / f"{make.__name__}.yml"
        path.write_text("".join(export(baseline.book, baseline.site, "waterworks")), "utf-8")


if __name__ == "__main__":
    main()
