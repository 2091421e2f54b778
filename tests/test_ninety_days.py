"""A sensor for ninety days, by the clock of its packets: memory and state stay within bounds."""

from __future__ import annotations

import datetime
import json
import random
import struct
import zlib
from pathlib import Path
from types import SimpleNamespace

import pytest
from live.frames import commands

from otmon import _engine
from otmon.config import Config, Monitor, State
from otmon.live_view import View
from otmon.monitor import Wishes, _Watch
from otmon.pdu_log import PduLog
from otmon.site_memory import DELTA_S
from otmon.state import summary
from otmon.state.site_file import SiteFile

DAYS = 90
MASTERS = 4
"""Strangers of each day, who send a command each and never come again."""
BEGIN = 1_772_000_000
DAY = 86_400
MAX_ALERTS = 50


@pytest.fixture
def ninety_days(tmp_path: Path) -> Path:
    """A capture of ninety days, each with strangers of its own."""
    path = tmp_path / "ninety.pcap"
    frames = list(commands(masters=DAYS * MASTERS, each=1))
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1))
        for day in range(DAYS):
            for number in range(MASTERS):
                frame = frames[day * MASTERS + number]
                at_s = BEGIN + day * DAY + number * 20_000
                file.write(struct.pack("<IIII", at_s, 0, len(frame), len(frame)) + frame)
    return path


def test_ninety_days_leave_no_more_in_memory_and_state_than_their_bounds(
    ninety_days: Path, tmp_path: Path
) -> None:
    config = Config(
        state=State(max_alerts=MAX_ALERTS, checkpoint_seconds=0.0),
        monitor=Monitor(evidence_ring_mib=0),
    )
    engine = _engine.Engine([str(ninety_days)], rhythm=True, health=True, delta_s=DELTA_S)
    open_alerts: list[int] = []
    views: list[View] = []
    with SiteFile.open(tmp_path / "site.sqlite") as site:
        watch = _Watch(engine, site, config, ships=False)
        batch_of = watch._engine.read_batch

        # Each look takes one day or two: so that state and memory are written in between.
        class Slowly:
            """The engine, whose observations come a few at a time."""

            def __init__(self) -> None:
                self.waiting: list[_engine.Observation] = []
                self.ended = False

            def read_batch(self, timeout_s: float) -> list[_engine.Observation] | None:
                if not self.waiting and not self.ended:
                    found = batch_of(timeout_s=timeout_s)
                    self.ended = found is None
                    self.waiting += found or ()
                if self.ended and not self.waiting:
                    return None
                some, self.waiting = self.waiting[:200], self.waiting[200:]
                open_alerts.append(len(watch._aggregator._all))
                return some

            def now_ns(self) -> int | None:
                seen = [talk.last_seen_ns for talk in watch._conversations.values()]
                return max(seen, default=None)

            taken_ns = now_ns

            def files(self) -> list[object]:
                # The engine has read on: of an interface nothing is known of later.
                known = [
                    {name: getattr(one, name) for name in dir(one) if name[0] != "_"}
                    for one in engine.files()
                ]
                return [SimpleNamespace(**(one | {"last_seen_ns": self.now_ns()})) for one in known]

            def __getattr__(self, name: str) -> object:
                return getattr(engine, name)

        watch._engine = Slowly()  # type: ignore[assignment]  # stands before the real one
        watch.watch(lambda: config, Wishes(), views.append, lambda news: None)
        with site.reading() as db:
            rows = summary.rows(db)

    assert DAYS * MASTERS == len(watch._conversations)
    # Each stranger is an alert or more; of them the latest are kept.
    assert MAX_ALERTS <= rows["alerts"] <= MAX_ALERTS + 10 * MASTERS
    assert rows["alert_changes"] <= 10 * rows["alerts"]
    # What an hour did not add to is in the state alone.
    assert 0 < max(open_alerts) <= 10
    assert rows["assets"] <= DAYS * MASTERS + 1
    # The journal is never shortened: it has what people do, and traffic writes nothing there.
    assert 0 == rows["journal"]
    assert rows["sensor_faults"] <= 1


def test_the_log_of_ninety_days_never_takes_more_than_its_room(tmp_path: Path) -> None:
    chance = random.Random(7)
    room, written = 40_000, 0
    log = PduLog(tmp_path, 5_000, room)
    begin = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    for hour in range(24 * DAYS):
        time = (begin + datetime.timedelta(hours=hour)).isoformat()
        line = {"time": time, "filler": chance.randbytes(chance.randint(10, 400)).hex()}
        log.write(json.dumps(line).encode() + b"\n")
        # The log ends where its sensor is killed; one that begins again counts what is there.
        if hour % 500 == 499:
            log = PduLog(tmp_path, 5_000, room)
        written += 1
        assert sum(one.stat().st_size for one in tmp_path.iterdir()) <= room + 500
    log.close()

    kept = [
        json.loads(line)["time"]
        for path in sorted(tmp_path.iterdir())
        for line in zlib.decompressobj(wbits=31).decompress(path.read_bytes()).splitlines()
    ]
    # What is left is the latest of it, without a hole.
    hours = [begin + datetime.timedelta(hours=hour) for hour in range(written)]
    assert [hour.isoformat() for hour in hours[-len(kept) :]] == kept
    assert 40 <= len(kept) < written
