"""Documents as files: complete, numbered, within bounds, and never trusted when read."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from otmon.errors import OptionsError
from otmon.sinks import outbox
from otmon.sinks.elastic import bundle
from otmon.sinks.elastic.bundle import MANIFEST, Writer
from otmon.sinks.outbox import Bounds, Document
from otmon.state.site_file import SiteFile

TARGET = "logs-otmon.alert-default"


class Clock:
    """A clock that stands where it is put."""

    now_ns = 0

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "over"


Make = Callable[..., Writer]


@pytest.fixture
def make(site: SiteFile, folder: Path, clock: Clock) -> Make:
    return lambda room=1 << 30: Writer(site, folder, "tap 1", room=room, clock_ns=clock)


def fill(site: SiteFile, first: int, count: int, size: int = 10) -> None:
    with site.transaction() as db:
        outbox.put(
            db,
            [
                Document(0, TARGET, "create", f"{n:032x}", b'{"event":{"id":"%d","x":"%s"}}' % (
                    n, b"x" * size
                ))
                for n in range(first, first + count)
            ],
        )  # fmt: skip


def rows(site: SiteFile) -> int:
    with site.reading() as db:
        return outbox.status(db).rows


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.gz"))


def oldest_ns(site: SiteFile) -> int:
    with site.reading() as db:
        _, oldest = outbox.waiting(db)
    assert oldest is not None
    return oldest


def test_a_file_is_complete_when_there_is_enough_for_one(site, folder, make, monkeypatch, clock):
    monkeypatch.setattr(bundle, "FILE_BYTES", 10_000)
    fill(site, 0, 3)
    clock.now_ns = oldest_ns(site)
    writer = make()
    assert writer.step() is None
    fill(site, 3, 30, size=1_000)

    assert 0.0 == writer.step()
    assert ["otmon-tap_1-000001.ndjson.gz"] == names(folder)
    assert 0 < rows(site) < 33


def test_a_file_is_complete_when_its_first_document_has_waited_long_enough(
    site, folder, make, clock
):
    fill(site, 0, 3)
    writer = make()
    clock.now_ns = oldest_ns(site) + bundle.FILE_NS - 1
    assert writer.step() is None
    clock.now_ns += 1

    assert 0.0 == writer.step()
    assert 0 == rows(site)
    (entry,) = map(json.loads, (folder / MANIFEST).read_text().splitlines())
    assert (1, 3, "otmon-tap_1-000001.ndjson.gz") == (
        entry["number"],
        entry["documents"],
        entry["file"],
    )


def test_at_the_end_all_that_waits_is_written(site, folder, make, monkeypatch):
    monkeypatch.setattr(bundle, "FILE_BYTES", 5_000)
    fill(site, 0, 30, size=1_000)
    make().finish()

    assert 0 == rows(site)
    assert len(names(folder)) > 3


def test_numbers_go_on_after_files_were_taken_away(site, folder, make):
    fill(site, 0, 1)
    make().finish()
    for path in folder.iterdir():
        path.unlink()
    fill(site, 1, 1)
    make().finish()

    assert ["otmon-tap_1-000002.ndjson.gz"] == names(folder)


def test_files_that_nobody_takes_away_have_a_bound_and_the_rest_waits(site, folder, make, clock):
    writer = make(room=100)
    fill(site, 0, 5)
    writer.finish()
    fill(site, 5, 5)
    clock.now_ns = oldest_ns(site) + bundle.FILE_NS

    assert bundle.FULL_WAIT_S == writer.step()
    assert "Take them away" in writer.reason
    assert 5 == rows(site)
    with site.reading() as db:
        assert "paused" == outbox.status(db).facts["state"]

    (folder / names(folder)[0]).unlink()
    assert 0.0 == writer.step()
    assert (0, "") == (rows(site), writer.reason)


def test_a_folder_that_cannot_be_written_keeps_everything(site, tmp_path, clock):
    (tmp_path / "file").touch()
    writer = Writer(site, tmp_path / "file", "tap-1", room=1 << 30, clock_ns=clock)
    fill(site, 0, 5)
    writer.finish()

    assert "cannot be written" in writer.reason
    assert 5 == rows(site)


# Read again


def replayed(store: SiteFile, *paths: Path) -> bundle.Read:
    return bundle.replay(store, paths, Bounds())


@pytest.fixture
def other(tmp_path: Path) -> Iterator[SiteFile]:
    with SiteFile.open(tmp_path / "other.otmon", durable=False) as site:
        yield site


def test_what_was_written_is_read_again_and_nothing_doubles(site, folder, make, other):
    fill(site, 0, 5)
    make().finish()

    assert bundle.Read(5, ()) == replayed(other, folder)
    assert bundle.Read(0, ()) == replayed(other, folder)
    assert 5 == rows(other)


def test_a_file_that_was_changed_is_refused_and_a_missing_one_is_told(site, folder, make, other):
    for number in range(3):
        fill(site, number, 1)
        make().finish()
    first, second, third = names(folder)
    (folder / second).unlink()
    (remark,) = replayed(other, folder).remarks
    assert "missing are 2" in remark

    (folder / third).write_bytes((folder / first).read_bytes())
    with pytest.raises(OptionsError, match="not what its manifest says"):
        replayed(other, folder)


@pytest.mark.parametrize(
    "line",
    [
        {"create": {"_index": "somebody-elses", "_id": "a" * 32}},
        {"create": {"_index": "logs-otmon.alert-default,other", "_id": "a" * 32}},
        {"create": {"_index": ".security", "_id": "a" * 32}},
        {"delete": {"_index": TARGET, "_id": "a" * 32}},
        {"index": {"_index": TARGET, "_id": "a" * 32}},
        {"create": {"_index": TARGET, "_id": "../x"}},
        {"create": {"_index": "otmon-asset-latest-default", "_id": "a" * 32}},
        {"create": {"_index": TARGET, "_id": "a" * 32}, "delete": {}},
    ],
)
def test_only_documents_that_otmon_writes_are_taken_from_a_file(tmp_path, other, line):
    path = tmp_path / "otmon-x-000001.ndjson.gz"
    with gzip.open(path, "wb") as file:
        good = {"create": {"_index": TARGET, "_id": "b" * 32}}
        for head in (good, line):
            file.write(json.dumps(head).encode() + b"\n" + b'{"event":{"id":"x"}}\n')

    with pytest.raises(OptionsError, match="something else"):
        replayed(other, path)
    assert 0 == rows(other)


@pytest.mark.parametrize("body", [b"", b"\x1f\x8b", b"no gzip at all"])
def test_a_file_that_cannot_be_read_is_refused(tmp_path, other, body):
    path = tmp_path / "x.ndjson.gz"
    path.write_bytes(body)
    if body:
        with pytest.raises(OptionsError, match="cannot be read"):
            replayed(other, path)
    assert 0 == rows(other)
