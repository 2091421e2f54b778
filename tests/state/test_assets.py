"""Devices in the state: kept as runs leave them, and as people say."""

from __future__ import annotations

from typing import Any

from otmon.model.asset import Words
from otmon.state import assets, undo
from otmon.state.journal import Action
from otmon.state.site_file import SiteFile


def record(id: str, number: int, **other: Any) -> dict[str, Any]:
    """A device as the inventory leaves it."""
    return {"id": id, "number": number, "gateway": None, "first_ns": 1, "last_ns": 2, **other}


def test_what_is_saved_is_loaded_the_oldest_first(site: SiteFile) -> None:
    with site.transaction() as db:
        assets.save(db, [record("a-2", 2), record("a-1", 1)], {"a-9": "a-1"}, 77)
    kept = assets.load(site.db)

    assert ["a-1", "a-2"] == [one["id"] for one in kept.records]
    assert ({"a-9": "a-1"}, 77) == (kept.aliases, kept.watched_ns)


def test_a_merged_device_is_no_row_any_more(site: SiteFile) -> None:
    with site.transaction() as db:
        assets.save(db, [record("a-1", 1), record("a-2", 2)], {}, 0)
        assets.save(db, [record("a-1", 1, last_ns=9)], {"a-2": "a-1"}, 0)
    kept = assets.load(site.db)

    assert [("a-1", 9)] == [(one["id"], one["last_ns"]) for one in kept.records]


def test_a_forgotten_device_is_gone(site: SiteFile) -> None:
    with site.transaction() as db:
        assets.save(db, [record("a-1", 1), record("a-2", 2)], {}, 0)
        assets.save(db, [], {}, 0, ["a-2"])

    assert ["a-1"] == [one["id"] for one in assets.load(site.db).records]


def test_traffic_never_overwrites_what_a_person_said(site: SiteFile) -> None:
    words = Words(name="pumps", roles=("plc",), author="jd")
    with site.transaction() as db:
        assets.say(db, Action("jd", "set"), {"a-1": words})
        assets.save(db, [record("a-1", 1)], {}, 0)

    assert {"a-1": words} == assets.load(site.db).words


def test_what_was_said_can_be_taken_back(site: SiteFile) -> None:
    first, second = Words(name="pumps", author="jd"), Words(name="filters", author="jd")
    with site.transaction() as db:
        assets.say(db, Action("jd", "set"), {"a-1": first})
    with site.transaction() as db:
        assets.say(db, Action("jd", "set"), {"a-1": second})
    with site.transaction() as db:
        undo.undo(db, None, "jd")
    assert {"a-1": first} == assets.words(site.db)

    with site.transaction() as db:
        undo.undo(db, None, "jd")
    assert {} == assets.words(site.db)
