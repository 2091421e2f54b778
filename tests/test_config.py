"""`otmon.toml`: defaults, and errors that name file, line and the nearest key."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest

from otmon import config
from otmon.errors import ConfigError
from otmon.site_description import AssetWords, spans
from otmon.toml_tables import keys, meanings


def written(folder: Path, text: str) -> Path:
    path = folder / "otmon.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as error:
        config.load(written(folder, text))
    return str(error.value).removeprefix(f"{folder}/")


def test_without_a_file_everything_has_its_default():
    assert config.Config() == config.load(None)
    assert 30.0 == config.load(None).alerts.mute_days


def test_an_empty_file_changes_nothing_but_where_paths_begin(tmp_path):
    read = config.load(written(tmp_path, ""))

    assert config.Config().baseline == read.baseline
    assert tmp_path / "rules" == read.place("rules")


def test_what_is_written_is_read_with_its_types(tmp_path):
    read = config.load(
        written(
            tmp_path,
            """
            [site]
            name = "waterworks"
            time_zone = "Europe/Vienna"
            [[zones]]
            name = "control"
            level = 1
            [[zones]]
            name = "office"
            level = 3.5
            [[conduits]]
            from = "office"
            to = "control"
            classes = ["read"]
            [[maintenance]]
            name = "turnaround"
            from = 2026-12-24T06:00:00
            to = 2026-12-24T18:00:00Z
            servers = ["10.0.0.0/24"]
            [rules.severities]
            "S7 controller stopped" = "high"
            """,
        )
    )

    assert ("waterworks", "Europe/Vienna") == (read.site.name, read.site.time_zone)
    assert [("control", 1.0), ("office", 3.5)] == [(z.name, z.level) for z in read.zones]
    assert ("office", "control") == (read.conduits[0].source, read.conduits[0].destination)
    assert datetime.datetime(2026, 12, 24, 6) == read.maintenance[0].begin
    assert {"S7 controller stopped": "high"} == dict(read.rules.severities)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[baseline]\n# days\nlearning_day = 3\n",
            "otmon.toml:3: [baseline] 'learning_day' is not known here. "
            "Did you mean 'learning_days'?",
        ),
        ("[alert]\n", "otmon.toml:1: 'alert' is not known here. Did you mean 'alerts'?"),
        (
            '[[zones]]\nname = "a"\n[[zones]]\nname = "b"\nlevle = 1\n',
            "otmon.toml:5: [zones] 'levle' is not known here. Did you mean 'level'?",
        ),
        (
            '[[zones]]\nname = "a"\n\n[[zones]]\nlevel = 1\n',
            "otmon.toml:4: [zones] 'name' is missing. Add it.",
        ),
        (
            '[baseline]\nlearning_days = "ten"\n',
            "otmon.toml:2: [baseline] 'learning_days' has to be a number. Correct it.",
        ),
        (
            "[baseline]\nlearning_days = -1\n",
            "otmon.toml:2: [baseline] 'learning_days' is below zero. Give it a size.",
        ),
        (
            '[site]\ntime_zone = "Vienna"\n',
            "otmon.toml:1: time_zone 'Vienna' is no time zone known here. Correct it.",
        ),
        (
            '[[maintenance]]\nname = "x"\ndays = ["mon"]\nservers = ["a"]\nclasses = ["writes"]\n',
            "otmon.toml:1: [maintenance] 'writes' is no operation class (did you mean 'write'?). "
            "Correct it.",
        ),
        (
            '[[maintenance]]\nname = "x"\ndays = ["mon"]\n',
            "otmon.toml:1: [maintenance] a window names clients, servers or zones: "
            "it is not for everything. Correct it.",
        ),
        (
            '[[modes]]\nname = "night"\nhours = ["22-06"]\n',
            "otmon.toml:1: [modes] '22-06' is no span of hours such as 06:00-14:00. Correct it.",
        ),
        (
            '[[assets]]\nmatch = "10.0.0.1"\n[[assets]]\nmatch = "foo"\n',
            "otmon.toml:3: [assets] match 'foo' is no IP or MAC address, and no id such as "
            "a-kvd4fa2rv2. Correct it.",
        ),
        (
            '[[conduits]]\nfrom = "a"\nto = "b"\n',
            "otmon.toml: conduits: 'a' is no zone of this file. Correct it.",
        ),
        (
            '[site]\nnetworks = "10.0.0.0/8"\n',
            "otmon.toml:2: [site] 'networks' is a list. Put it in brackets.",
        ),
    ],
)
def test_what_cannot_be_used_is_named_with_file_line_and_advice(tmp_path, text, said):
    assert said == refusal(tmp_path, text)


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("FE80:0::0001", "fe80::1"),
        ("00:80:F4:10:02:11", "00:80:f4:10:02:11"),
        ("00-80-f4-10-02-11", "00:80:f4:10:02:11"),
        ("0080.f410.0211", "00:80:f4:10:02:11"),
        ("a-kvd4fa2rv2", "a-kvd4fa2rv2"),
        ("a-kvd4", None),
        ("10.0.0.0/24", None),
        ("00:80-f4", None),
        ("", None),
    ],
)
def test_an_asset_is_named_by_id_or_by_an_address_as_people_write_it(match, expected):
    if expected is None:
        with pytest.raises(ValueError, match="is no IP or MAC address"):
            AssetWords(match)
    else:
        assert expected == AssetWords(match).key


def test_what_is_no_toml_and_what_is_not_there_say_so(tmp_path):
    assert "otmon.toml is no TOML" in refusal(tmp_path, "[site\n")
    with pytest.raises(ConfigError, match=r"cannot be read: No such file.* --config"):
        config.load(tmp_path / "none.toml")


def tables(kind: Any) -> Iterator[Any]:
    """Every dataclass that is a table of the file."""
    for key in keys(kind):
        inner = get_args(key.kind)[0] if get_origin(key.kind) is tuple else key.kind
        if dataclasses.is_dataclass(inner):
            yield inner
            yield from tables(inner)


@pytest.mark.parametrize("kind", sorted(set(tables(config.Config)), key=str), ids=str)
def test_every_key_says_what_it_means(kind):
    said = meanings(kind)
    plain = [key.name for key in keys(kind) if not dataclasses.is_dataclass(key.kind)]

    assert [] == [key for key in plain if not said[key].endswith(".")]


def test_hours_over_midnight_end_before_they_begin():
    assert [(1320, 360), (0, 1440)] == list(spans(("22:00-06:00", "00:00-24:00")))


def test_what_a_plant_measures_may_be_below_zero(tmp_path):
    limit = '[[detectors.value.limits]]\nserver = "a"\nobject = "hr:1"\nlow = -40\n'
    (found,) = config.load(written(tmp_path, limit)).detectors.value.limits

    assert (-40.0, float("inf")) == (found.low, found.high)
