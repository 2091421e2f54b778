"""Which mode a site is in, by a value that a controller shows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from places import PCAPS

import otmon
from otmon import _engine
from otmon.baseline.exchange import export
from otmon.baseline.reading import read
from otmon.baseline.words import says
from otmon.baseline_memory import BaselineMemory
from otmon.config import Config, load
from otmon.errors import ConfigError
from otmon.operating_modes import MEMORY, OperatingModes, wanted_of_modes
from otmon.runs import learn_into
from otmon.site_calendar import SiteCalendar
from otmon.site_description import Mode, Watched
from otmon.state import memories
from otmon.state.site_file import SiteFile
from tests.records import SECOND, START, Transaction

SITE = PCAPS / "sites" / "batches.toml"
BATCHES = PCAPS / "baseline" / "batches.pcapng"
MIXED = PCAPS / "baseline" / "batch_mixed.pcapng"


def watching(*modes: Mode) -> OperatingModes:
    """The modes of a site; every device is the asset `a-plc`."""
    config = Config(modes=modes)
    return OperatingModes(config, SiteCalendar(config), lambda *_: "a-plc")


def register(value: float | None = None, **other: object) -> Watched:
    where = {"server": "10.0.0.11", "protocol": "modbus", "target": "hr:200", "unit": 1}
    return Watched(**(where | {"value": value} | other))


def shown(of: OperatingModes, seconds: float, *values: int, **other: object) -> None:
    """Holding registers from 199 on are read."""
    facts = {"unit": 1, "targets": (f"hr:199-{198 + len(values)}",), "values": list(values)}
    facts |= {"time_ns": START + round(seconds * SECOND), "status": "ok"}
    of.take(Transaction(**(facts | other)))


def at(of: OperatingModes, seconds: float) -> str:
    return of.at(START + round(seconds * SECOND))


def test_a_mode_holds_from_when_its_value_is_seen_until_another_is() -> None:
    of = watching(Mode("one", when=register(1)), Mode("two", when=register(2)))
    assert "any" == at(of, 0)
    shown(of, 10, 7, 1)
    shown(of, 20, 8, 1)
    shown(of, 30, 8, 2)
    shown(of, 40, 8, 3)

    assert ["one", "one", "two", "any"] == [at(of, seconds) for seconds in (10, 29, 35, 41)]


@pytest.mark.parametrize(
    "other",
    [
        {"unit": 2},
        {"status": "illegal_data_address"},
        {"protocol": "umas"},
        {"server_ip": "10.0.0.12"},
        {"targets": ("ir:199-200",)},
        {"targets": ("hr:100-101",)},
        {"values": ["on", "off"]},
    ],
    ids=str,
)
def test_what_is_not_that_value_says_nothing(other: dict[str, object]) -> None:
    of = watching(Mode("one", when=register(1)))
    shown(of, 10, 7, 1, **other)

    assert "any" == at(of, 20)


@pytest.mark.parametrize("server", ["a-plc", "10.0.0.11", "00:00:5E:00:53:11"])
def test_the_device_is_named_by_id_or_address(server: str) -> None:
    of = watching(Mode("one", when=register(1, server=server)))
    shown(of, 10, 7, 1)

    assert "one" == at(of, 20)


def test_several_values_may_be_one_mode() -> None:
    of = watching(Mode("slow", when=register(low=10, high=19)), Mode("fast", when=register(low=20)))
    modes = []
    for second, value in enumerate((9, 10, 19, 20, 65_535)):
        shown(of, second, 0, value)
        modes.append(at(of, second))

    assert ["any", "slow", "slow", "fast", "fast"] == modes


def test_value_and_calendar_have_to_agree() -> None:
    # The records begin on a Tuesday.
    of = watching(Mode("monday", days=("mon",), when=register(1)), Mode("one", when=register(1)))
    shown(of, 10, 7, 1)

    assert ["one", "monday"] == [at(of, 20), at(of, 20 + 6 * 86_400)]


def test_a_restart_goes_on_with_the_last_value() -> None:
    modes = (Mode("one", when=register(1)), Mode("two", when=register(2)))
    before, after = watching(*modes), watching(*modes)
    shown(before, 10, 7, 1)
    shown(before, 30, 7, 2)
    after.restore(json.loads(json.dumps(before.memory())))

    assert "two" == at(after, 40)


def test_the_engine_tells_the_value_each_time_that_it_changes() -> None:
    (wanted,) = wanted_of_modes(Config(modes=(Mode("one", when=register(1)), Mode("night"))))

    assert wanted == _engine.Wanted(
        "modbus", unit=1, space="hr", addresses=(200, 200), changes=True
    )


@pytest.mark.parametrize(
    ("when", "wrong"),
    [
        ("", "it needs a value, or else low or high"),
        (", value = 1, low = 2", "it needs a value, or else low or high"),
        (", low = 3, high = -2", "low 3 is above high -2"),
        (
            ', value = 1, protocol = "modbuss"',
            r"no protocol that is dissected .did you mean 'modbus'",
        ),
    ],
)
def test_a_value_that_cannot_be_is_refused(tmp_path: Path, when: str, wrong: str) -> None:
    path = tmp_path / "otmon.toml"
    where = 'server = "10.0.0.1", protocol = "modbus", target = "hr:1"'
    if "protocol" in when:
        where = 'server = "10.0.0.1", target = "hr:1"'
    path.write_text(f'[[modes]]\nname = "one"\nwhen = {{{where}{when}}}\n')
    with pytest.raises(ConfigError, match=wrong):
        load(path)


def told(capture: Path, config: Config) -> list[str]:
    """What is alerted, and what was normal by that."""
    return [alert.message for alert in otmon.analyze(capture, config=config).alerts]


def test_the_set_point_of_another_product_is_told_where_modes_are_known() -> None:
    """Both set points are written every hour: only the mode says that one is out of place."""
    knows = load(SITE)

    assert ([], [], []) == (told(BATCHES, Config()), told(BATCHES, knows), told(MIXED, Config()))
    (message,) = told(MIXED, knows)
    assert "wrote 900 to hr:101 of 10.20.2.11; until now one of 500" in message


def test_statements_tell_values_and_rhythm_of_each_mode(tmp_path: Path) -> None:
    config = load(SITE)
    learn_into(BATCHES, tmp_path / "site.otmon", config=config)
    with SiteFile.open(tmp_path / "site.otmon") as site:
        baseline = BaselineMemory(site, config.baseline).baseline
        said = sorted(says(one, baseline.book.name) for one in baseline.book.statements())

    assert [
        "10.20.1.10 reads holding registers 198-201 of mixer unit 1"
        "; product 1, every 20 s; product 2, every 40 s",
        "10.20.1.10 speaks Modbus with mixer",
        "10.20.1.10 writes holding register 101 of mixer unit 1"
        "; product 1: always 500, every 3 min; product 2: always 900",
    ] == said


def test_a_baseline_with_modes_is_exported_and_read_back(tmp_path: Path) -> None:
    config = load(SITE)
    learn_into(BATCHES, tmp_path / "site.otmon", config=config)
    with SiteFile.open(tmp_path / "site.otmon") as site:
        baseline = BaselineMemory(site, config.baseline).baseline
    text = "".join(export(baseline.book, baseline.site, "mixing plant"))
    known = read(text, "export")

    assert text == "".join(export(known.book, known.site, "mixing plant"))


def test_a_state_goes_on_in_the_mode_that_was_seen_last(tmp_path: Path) -> None:
    state = tmp_path / "site.otmon"
    otmon.analyze(BATCHES, state=state, config=load(SITE))
    with SiteFile.open(state) as site:
        version, ((*place, _, value),) = memories.load(site.db)[MEMORY]

    assert (1, ["mixer", "modbus", 1, "hr:200"], 1.0) == (version, place, value)
