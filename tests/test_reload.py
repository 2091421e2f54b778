"""What a reload takes anew, and what it says that only a restart takes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from places import PCAPS

from otmon import _engine
from otmon.config import Config, Monitor, Site, load
from otmon.pipeline import Analysis
from otmon.reload import left_for_a_restart
from otmon.thresholds import Detectors, ScanThresholds, SensorThresholds


@pytest.mark.parametrize(
    ("now", "left"),
    [
        (Config(), []),
        (Config(site=Site(networks=("203.0.113.0/24",), time_zone="Europe/Vienna")), []),
        (Config(site=Site(name="other")), ["site.name"]),
        (Config(detectors=Detectors(scan=ScanThresholds(address_count=3))), []),
        (Config(monitor=Monitor(evidence_mib=1, pdu_log_mib=5, disk_free_mib=2)), []),
        (
            Config(monitor=Monitor(ring_mib=8, pdu_log="pdus")),
            ["monitor.ring_mib", "monitor.pdu_log"],
        ),
    ],
)
def test_what_a_reload_cannot_take_is_named(now: Config, left: list[str]) -> None:
    assert left == left_for_a_restart(Config(), now)


def reloaded(capture: str, *configs: Config) -> Counter[str]:
    """The titles of alerts of a run whose configuration is read anew in between."""
    engine = _engine.Engine([str(PCAPS / capture)], health=True, rhythm=True, spoof=True)
    first, *others = configs
    run = Analysis(engine, first)
    observations = []
    while (batch := engine.read_batch(timeout_s=1.0)) is not None:
        observations += batch
    parts = len(configs)
    size = -(-len(observations) // parts)
    for turn in range(parts):
        run.take_all(observations[turn * size : (turn + 1) * size])
        if others:
            run.renew(others.pop(0))
    run._finish()
    return Counter(one.rule.title for one in run.result().alerts)


@pytest.mark.parametrize(
    "capture", ["network/service_sweep.pcapng", "modbus/unit_sweep.pcapng", "demo/plant.pcapng"]
)
def test_a_reload_of_the_same_in_the_middle_changes_no_alert(capture: str) -> None:
    assert reloaded(capture, Config()) == reloaded(capture, *[Config()] * 4)


def test_a_detector_takes_its_new_thresholds() -> None:
    quiet = Config(detectors=Detectors(scan=replace(ScanThresholds(), enabled=False)))
    capture = "network/service_sweep.pcapng"
    loud, silenced = reloaded(capture, Config()), reloaded(capture, quiet)

    assert loud - silenced
    assert silenced == reloaded(capture, quiet, quiet)


def test_every_key_of_the_configuration_can_be_compared(tmp_path: Path) -> None:
    path = tmp_path / "otmon.toml"
    path.write_text('[detectors.sensor]\nsilent_s = 1\n[elastic]\nsensor = "x"\n')

    assert SensorThresholds().silent_s != load(path).detectors.sensor.silent_s
    assert ["elastic.sensor"] == left_for_a_restart(Config(), load(path))
