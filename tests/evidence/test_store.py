"""A sensor's evidence stays within its bound on disk."""

from __future__ import annotations

import os
from pathlib import Path

from otmon.evidence.frames import Evidence
from otmon.evidence.store import EvidenceStore


def evidence(size: int) -> Evidence:
    return Evidence((), bytes(size), (), {})


def test_the_oldest_makes_room(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path / "site.evidence", 1_000)
    for number in range(1, 5):
        path = store.add(number, evidence(300))
        os.utime(path, ns=(number, number))

    left = sorted(path.name for path in (tmp_path / "site.evidence").iterdir())
    assert ["alert-2.pcapng", "alert-3.pcapng", "alert-4.pcapng"] == left


def test_what_is_there_already_counts(tmp_path: Path) -> None:
    folder = tmp_path / "site.evidence"
    EvidenceStore(folder, 1_000).add(1, evidence(900))
    EvidenceStore(folder, 1_000).add(2, evidence(900))

    assert ["alert-2.pcapng"] == [path.name for path in folder.iterdir()]


def test_the_latest_is_kept_even_if_it_is_larger_than_the_bound(tmp_path: Path) -> None:
    path = EvidenceStore(tmp_path, 100).add(7, evidence(900))

    assert (900, 0o600) == (path.stat().st_size, path.stat().st_mode & 0o777)


def test_a_year_of_alerts_never_takes_more_than_its_bound_and_one(tmp_path: Path) -> None:
    folder, most = tmp_path / "site.evidence", 20_000
    store = EvidenceStore(folder, most)
    held = []
    for number in range(365 * 4):
        size = 100 + number * 37 % 900
        store.add(number, evidence(size))
        held.append(sum(path.stat().st_size for path in folder.iterdir()))

    assert max(held) <= most
    assert min(held[100:]) > most // 2
    assert (folder / f"alert-{365 * 4 - 1}.pcapng").exists()
