"""The API: what `import otmon` gives."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from places import PCAPS

import otmon
from otmon.config import load
from otmon.errors import CaptureError
from otmon.model.result import Result
from otmon.pipeline import Analysis
from otmon.runs import learn

PLANT = PCAPS / "demo" / "plant.pcapng"


def test_analyze_gives_the_result_as_typed_objects() -> None:
    result = otmon.analyze(PLANT)

    assert otmon.__version__ == result.otmon.version
    assert 5_540 == result.capture.packets
    assert "10.20.2.21" in [asset.ip[0] for asset in result.assets]


def test_ctrl_c_keeps_what_was_found() -> None:
    calls = []

    def stop(done: int, total: int) -> None:
        calls.append((done, total))
        if len(calls) == 1:
            raise KeyboardInterrupt

    result = otmon.analyze(PLANT, progress=stop)

    assert result.capture.interrupted
    assert result.capture.packets <= 5_540


def test_a_second_ctrl_c_ends_at_once() -> None:
    def stop(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        otmon.analyze(PLANT, progress=stop)


def test_ctrl_c_after_the_reading_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(analysis: Analysis) -> Result:
        signal.raise_signal(signal.SIGINT)
        return result_of(analysis)

    result_of = Analysis.result
    monkeypatch.setattr(Analysis, "result", interrupted)

    assert 5_540 == otmon.analyze(PLANT).capture.packets
    assert signal.default_int_handler is signal.getsignal(signal.SIGINT)


def test_half_a_baseline_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Analysis, "interrupted", True)

    with pytest.raises(KeyboardInterrupt):
        learn(PLANT)


def test_a_file_that_is_not_there_is_an_error_with_advice() -> None:
    with pytest.raises(CaptureError, match=r"no-such-file.*\. .*\.$"):
        otmon.analyze("no-such-file.pcapng")
    with pytest.raises(otmon.OtmonError, match="no-such-file"):
        list(otmon.pdus("no-such-file.pcapng"))


def test_pdus_come_in_capture_order_with_their_values() -> None:
    rows = list(otmon.pdus(PCAPS / "modbus" / "write_after_reads.pcapng"))
    writes = [row for row in rows if row["class"] == "write" and row["role"] == "request"]

    assert [row["frame"] for row in rows] == sorted(row["frame"] for row in rows)
    assert [("hr:101", [2000]), ("coil:2", [False])] == [
        (row["target"], row["values"]) for row in writes
    ]


def test_a_detector_that_the_site_switched_off_says_nothing(tmp_path: Path) -> None:
    file = tmp_path / "otmon.toml"
    file.write_text("[detectors.newcomer]\nenabled = false\n")
    titles = [alert.rule.title for alert in otmon.analyze(PLANT, config=load(file)).alerts]

    newcomer = "Write or command by a client that has just appeared"
    assert newcomer in [alert.rule.title for alert in otmon.analyze(PLANT).alerts]
    assert newcomer not in titles


def test_assets_of_the_configuration_that_are_not_there_are_named(tmp_path: Path) -> None:
    settings = tmp_path / "otmon.toml"
    settings.write_text(
        "".join(
            f'[[assets]]\nmatch = "{match}"\n'
            for match in ("10.20.2.11", "00-14-22-10-01-10", "10.20.2.99", "00:00:5e:00:53:99")
        )
    )
    given = {"keep": False, "config": load(settings)}
    path = PCAPS / "modbus" / "functions.pcapng"
    expected = (
        "2 of [[assets]] in the configuration match no device: 10.20.2.99, 00:00:5e:00:53:99",
    )

    assert expected == otmon.analyze(path, **given).capture.remarks
    assert expected == otmon.analyze(path, state=tmp_path / "s", **given).capture.remarks


def test_what_a_sensor_missed_names_the_capture_file() -> None:
    paths = [PCAPS / "demo" / "plant_normal.pcapng", PCAPS / "network" / "capture_loss.pcapng"]
    (alert,) = (
        one for one in otmon.analyze(paths).alerts if one.rule.title == "Sensor misses frames"
    )

    assert alert.message.startswith("The sensor misses traffic: capture_loss.pcapng: 40,000 of")


def test_of_several_servers_each_row_names_its_own():
    (alert,) = otmon.analyze(PCAPS / "modbus" / "identify_many.pcapng").alerts
    servers = [row.server for row in alert.violations]

    assert alert.server is None
    assert len(servers) == len(set(servers)) > 1
    assert {None} == {row.client for row in alert.violations}
