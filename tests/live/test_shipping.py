"""What a sensor has to send waits in its state, and another process sends it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from elastic_stub import Stub
from live.frames import frames_of
from live.test_monitor import STOPPED, Monitor
from live.wire import Wire
from places import absent

from otmon.cli import main
from otmon.runs import analyze
from otmon.sinks import outbox
from otmon.sinks.elastic.catalogue import SENSOR
from otmon.state import alerts
from otmon.state.site_file import SiteFile


def waiting(state: Path, dataset: str | None = None) -> list[dict[str, Any]]:
    """The documents that wait to be sent, in their order; of one dataset, or all."""
    with SiteFile.open(state, read_only=True) as site, site.reading() as db:
        rows = outbox.batch(db, at_most=100_000, max_bytes=1 << 30, now_ns=2**62)
    bodies = (json.loads(row.document.body) for row in rows)
    return [one for one in bodies if dataset in (None, one["event"]["dataset"])]


def kinds(state: Path) -> Counter[str]:
    return Counter(one["event"]["dataset"].removeprefix("otmon.") for one in waiting(state))


def test_a_server_that_cannot_be_reached_loses_nothing_and_stops_nobody(
    wire: Wire, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    state, config = tmp_path / "site.sqlite", tmp_path / "otmon.toml"
    # Nothing listens in the namespace of the sensor.
    config.write_text('[elastic]\nhosts = ["http://127.0.0.1:9"]\nsensor = "tap-1"\n')
    monitor = Monitor(wire, state, "--config", str(config))
    wire.send(frames_of(STOPPED))
    monitor.until(" alert ")
    assert 0 == monitor.stop()

    with SiteFile.open(state, read_only=True) as site, site.reading() as db:
        found = alerts.load(db, folded=False)
        how = outbox.status(db)
    left = kinds(state)
    assert len(found) == left["alert"] > 0
    assert min(left["operation"], left["conversation"], left["sensor"]) > 0
    assert ("backing off", True) == (how.facts["state"], "reached" in how.facts["reason"])

    with Stub() as stub, pytest.raises(SystemExit) as ended:
        main(["elastic", "send", "--state", str(state), "--config", str(config),
              "--elastic", stub.url])  # fmt: skip
    assert not ended.value.code
    assert Counter() == kinds(state)
    sent = [one for one in stub.bodies.values() if one["event"]["kind"] == "alert"]
    assert sorted(one.rule.title for one in found) == sorted(one["rule"]["name"] for one in sent)
    assert {"site:tap-1"} == {one["observer"]["serial_number"] for one in sent}
    capfd.readouterr()


AT_TIMES = {"remarks", "last_ack_at", "clock_offset_ms", "clock_error_ms"}
"""What a sensor says of itself only where there is something to say."""


def test_a_sensor_says_of_itself_all_that_its_stream_has(wire: Wire, tmp_path: Path) -> None:
    state, config = tmp_path / "site.sqlite", tmp_path / "otmon.toml"
    config.write_text('[elastic]\nhosts = ["http://127.0.0.1:9"]\n')
    monitor = Monitor(wire, state, "--config", str(config), "--no-send")
    wire.send(frames_of(STOPPED))
    monitor.until(" alert ")
    assert 0 == monitor.stop()

    *_, last = waiting(state, "otmon.sensor")
    said = last["otmon"]["sensor"]
    assert {name.removeprefix("otmon.sensor.") for name in SENSOR} - AT_TIMES == set(
        said
    ) - AT_TIMES
    assert said["packets"] > 0 < said["cpu_pct"]
    assert (0, ["tap0"]) == (said["decode_errors"], said["capture_interfaces"])


def test_where_people_wish_it_a_live_alert_carries_bytes_of_its_saved_frames(
    wire: Wire, tmp_path: Path
) -> None:
    state, config = tmp_path / "site.sqlite", tmp_path / "otmon.toml"
    config.write_text('[elastic]\nhosts = ["http://127.0.0.1:9"]\nevidence_excerpt = true\n')
    monitor = Monitor(wire, state, "--config", str(config), "--no-send")
    wire.send(frames_of(STOPPED))
    monitor.until(" alert ")
    assert 0 == monitor.stop()

    raised = waiting(state, "otmon.alert")
    sent = [frame.hex() for frame in frames_of(STOPPED)]
    assert raised
    for one in raised:
        carried = one["otmon"]["evidence"]["excerpt_hex"]
        assert carried and all(any(each.startswith(text) for each in sent) for text in carried)


def test_a_sensor_that_goes_on_tells_no_alert_twice(wire: Wire, tmp_path: Path) -> None:
    state, config = tmp_path / "site.sqlite", tmp_path / "otmon.toml"
    config.write_text('[elastic]\nhosts = ["http://127.0.0.1:9"]\n')
    for _ in range(2):
        monitor = Monitor(wire, state, "--config", str(config), "--no-send")
        wire.send(frames_of(STOPPED))
        wire.run("sleep", "2")
        # What came is written at the end at the latest.
        monitor.stop()

    with SiteFile.open(state, read_only=True) as site, site.reading() as db:
        found = alerts.load(db, folded=False)
    documents = waiting(state)
    raised = [one for one in documents if one["event"]["kind"] == "alert"]
    assert sorted(str(one.id) for one in found) == sorted(
        one["otmon"]["alert"]["id"] for one in raised
    )
    numbers = [
        one["event"]["sequence"]
        for one in documents
        if one["event"]["dataset"] == "otmon.operation"
    ]
    assert [*range(1, len(numbers) + 1)] == sorted(numbers)


def test_what_would_be_sent_can_be_written_into_files(
    wire: Wire, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    state, folder = tmp_path / "site.sqlite", tmp_path / "over"
    monitor = Monitor(wire, state, "--elastic-dry-run", str(folder))
    wire.send(frames_of(STOPPED))
    monitor.until(" alert ")
    assert 0 == monitor.stop()

    with SiteFile.open(state, read_only=True) as site, site.reading() as db:
        found = alerts.load(db, folded=False)
    assert Counter() == kinds(state)
    with Stub() as stub, pytest.raises(SystemExit) as ended:
        main(["elastic", "replay", "--elastic", stub.url, str(folder)])
    assert not ended.value.code
    sent = [one for one in stub.bodies.values() if one["event"]["kind"] == "alert"]
    assert sorted(one.rule.title for one in found) == sorted(one["rule"]["name"] for one in sent)
    capfd.readouterr()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk that a few megabytes fill."""
    place = tmp_path / "small"
    place.mkdir()
    given = ["mount", "-t", "tmpfs", "-o", "size=8m", "otmon-test", str(place)]
    if os.getuid() != 0 or subprocess.run(given, check=False).returncode != 0:
        absent("the right to make a small disk (root, and `mount`)", "OTMON_REQUIRE_NETNS")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_neither_ends_the_watch_nor_costs_what_was_seen(
    wire: Wire, tmp_path: Path, small_disk: Path
) -> None:
    state, config = small_disk / "site.sqlite", tmp_path / "otmon.toml"
    config.write_text(
        '[elastic]\nhosts = ["http://127.0.0.1:9"]\n[state]\ncheckpoint_seconds = 1\n'
    )
    monitor = Monitor(wire, state, "--config", str(config), "--no-send")
    filler = small_disk / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 16))
    wire.send(frames_of(STOPPED))
    monitor.until("is full")
    filler.unlink()
    monitor.until(" alert ")
    assert 0 == monitor.stop()

    # That the disk was full is an alert itself.
    titles = [one.rule.title for one in analyze(STOPPED).alerts]
    expected = sorted([*titles, "Sensor cannot keep up"])
    with SiteFile.open(state, read_only=True) as site, site.reading() as db:
        found = alerts.load(db, folded=False)
    documents = waiting(state)
    assert expected == sorted(one.rule.title for one in found)
    assert expected == sorted(
        one["rule"]["name"] for one in documents if one["event"]["kind"] == "alert"
    )
    assert {"asset", "asset_latest", "operation", "conversation", "sensor"} <= {
        one["event"]["dataset"].removeprefix("otmon.") for one in documents
    }
