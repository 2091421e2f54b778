"""What two ends did is remembered over runs, within a bound."""

from __future__ import annotations

from otmon.state import histories
from otmon.state.histories import History, Key
from otmon.state.site_file import SiteFile


def save(site: SiteFile, *kept: tuple[Key, History]) -> None:
    with site.transaction() as db:
        histories.save(db, kept)


def test_what_is_kept_is_loaded_as_it_was(site):
    plain = Key("10.0.0.66", "10.0.0.11", None, "modbus"), History(5, 1, 10, 20)
    tagged = Key("00:00:5e:00:53:66", "10.0.0.11", 7, "modbus"), History(1, 0, 11, 21)
    save(site, plain, tagged)

    assert dict((plain, tagged)) == histories.load(site.db)


def test_the_latest_counts_replace_those_before(site):
    key = Key("10.0.0.66", "10.0.0.11", None, "modbus")
    save(site, (key, History(5, 1, 10, 20)))
    save(site, (key, History(6, 1, 10, 30)))

    assert {key: History(6, 1, 10, 30)} == histories.load(site.db)


def test_past_the_bound_the_longest_quiet_goes(site, monkeypatch):
    monkeypatch.setattr(histories, "MAX_HISTORIES", 3)
    kept = [(Key(f"c{n}", "s", None, "modbus"), History(1, 0, n, n)) for n in range(5)]
    save(site, *kept)

    assert dict(kept[2:]) == histories.load(site.db)
