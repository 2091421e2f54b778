"""Local time, modes and windows of a site."""

from __future__ import annotations

import datetime

import pytest

from otmon import config
from otmon.operating_modes import OperatingModes
from otmon.site_calendar import End, SiteCalendar

VIENNA = '[site]\ntime_zone = "Europe/Vienna"\n'


def calendar(tmp_path, text: str) -> SiteCalendar:
    path = tmp_path / "otmon.toml"
    path.write_text(VIENNA + text)
    return SiteCalendar(config.load(path))


def modes(tmp_path, text: str) -> OperatingModes:
    of = calendar(tmp_path, text)
    return OperatingModes(config.load(tmp_path / "otmon.toml"), of, lambda *_: None)


def at(text: str) -> int:
    """A UTC time in nanoseconds."""
    moment = datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)
    return round(moment.timestamp()) * 1_000_000_000


def window(of: SiteCalendar, time: str, doing: str = "write", **ends: str) -> str | None:
    client = End(ip="10.0.0.66", mac="AA:bb:cc:00:00:01", asset="a-client")
    server = End(ip=ends.get("server", "10.0.1.11"), zone=ends.get("zone"))
    found = of.window(at(time), doing, client, server)
    return None if found is None else found.name


def test_site_time_follows_daylight_saving(tmp_path):
    of = calendar(tmp_path, "")

    assert [1, 2, 2, 3] == [
        of.site_time(at(time)).hour
        for time in ("2026-01-01T00:30", "2026-07-01T00:30", "2026-10-25T00:30", "2026-10-25T02:30")
    ]


@pytest.mark.parametrize("time_ns", [2**63 - 1, -(2**63)])
def test_a_broken_clock_is_no_error(tmp_path, time_ns):
    assert calendar(tmp_path, "").site_time(time_ns).year in (1677, 2262)


def test_the_first_mode_that_fits_holds_and_any_where_none_does(tmp_path):
    of = modes(
        tmp_path,
        '[[modes]]\nname = "holiday"\ndates = [2026-12-24]\n'
        '[[modes]]\nname = "night"\nhours = ["22:00-06:00"]\n'
        '[[modes]]\nname = "weekend"\ndays = ["sat", "sun"]\n',
    )

    assert ["holiday", "night", "weekend", "any"] == [
        of.at(at(time))
        for time in (
            "2026-12-24T12:00",
            "2026-12-23T22:00",
            "2026-12-26T12:00",
            "2026-12-28T12:00",
        )
    ]
    assert "any" == modes(tmp_path, "").at(0)


def test_hours_over_midnight_belong_to_the_day_on_which_they_begin(tmp_path):
    of = modes(
        tmp_path, '[[modes]]\nname = "saturday night"\ndays = ["sat"]\nhours = ["22:00-06:00"]\n'
    )

    assert [False, True, True, False] == [
        of.at(at(time)) == "saturday night"
        for time in (
            "2026-12-26T02:00",
            "2026-12-26T21:30",
            "2026-12-27T04:30",
            "2026-12-27T21:30",
        )
    ]


def test_a_window_is_exactly_what_it_names(tmp_path):
    of = calendar(
        tmp_path,
        '[[maintenance]]\nname = "turnaround"\nfrom = 2026-12-24T06:00:00\n'
        'to = 2026-12-24T18:00:00Z\nclients = ["10.0.0.66"]\nservers = ["10.0.1.0/24"]\n'
        'classes = ["write", "program_download"]\n',
    )

    assert "turnaround" == window(of, "2026-12-24T05:00:00")
    assert None is window(of, "2026-12-24T04:59:59")
    assert None is window(of, "2026-12-24T18:00:00")
    assert None is window(of, "2026-12-24T12:00:00", doing="restart")
    assert None is window(of, "2026-12-24T12:00:00", server="10.0.2.11")


@pytest.mark.parametrize("named", ["a-client", "aa:bb:cc:00:00:01", "10.0.0.64/28", "laptop"])
def test_a_client_can_be_named_by_id_name_hardware_address_or_subnet(tmp_path, named):
    of = calendar(
        tmp_path,
        '[[assets]]\nmatch = "10.0.0.66"\nname = "laptop"\n'
        f'[[maintenance]]\nname = "weekly"\ndays = ["tue"]\nclients = ["{named}"]\n',
    )

    assert "weekly" == window(of, "2026-12-22T12:00")
    assert None is window(of, "2026-12-23T12:00")


def test_a_window_of_a_zone_is_about_its_servers(tmp_path):
    of = calendar(
        tmp_path,
        '[[maintenance]]\nname = "cell 3"\nhours = ["02:00-04:00"]\nzones = ["cell 3"]\n',
    )

    assert "cell 3" == window(of, "2026-12-22T02:30", zone="cell 3")
    assert None is window(of, "2026-12-22T02:30", zone="cell 4")
