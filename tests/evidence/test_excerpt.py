"""Bytes that an alert carries: the right ones, few of them, and none where there is a doubt."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest
from places import PCAPS
from scapy.utils import RawPcapNgReader

import otmon
from otmon.evidence.excerpt import FRAME_BYTES, MOST_BYTES, MOST_FRAMES, excerpts
from otmon.evidence.source import KnownCapture
from otmon.model.alert import Alert, AlertEvidence
from otmon.model.document import Time

STOP = PCAPS / "s7comm" / "stop_start.pcapng"
DOWNLOAD = PCAPS / "s7comm" / "download_ob1.pcapng"


@pytest.fixture(scope="module")
def alerts() -> list[Alert]:
    return [one for path in (STOP, DOWNLOAD) for one in numbered(path)]


def numbered(path: Path) -> list[Alert]:
    """The alerts of a capture, with numbers that those of another have not."""
    found = otmon.analyze(path).alerts
    return [dataclasses.replace(one, id=one.id + 100 * len(path.name)) for one in found]


def frames(path: Path) -> list[bytes]:
    """The bytes of each frame, as another program reads them."""
    with RawPcapNgReader(str(path)) as reader:
        return [data for data, _ in reader]


def test_an_excerpt_is_the_front_of_the_first_frames_of_its_alert(alerts):
    there = {str(path): frames(path) for path in (STOP, DOWNLOAD)}
    found = excerpts(alerts, [])

    assert {one.id for one in alerts if one.evidence.file} == set(found) != set()
    for one in alerts:
        if one.id not in found:
            continue
        excerpt, own = found[one.id], there[str(one.evidence.file)]
        assert one.evidence.frames[: len(excerpt.frames)] == excerpt.frames
        whole = [own[number - 1] for number in excerpt.frames]
        assert all(
            data.startswith(bytes.fromhex(text)) and text
            for data, text in zip(whole, excerpt.hex, strict=True)
        )


def test_an_excerpt_has_bounds(alerts):
    download = max(alerts, key=lambda one: len(one.evidence.frames))
    every = tuple(range(1, len(frames(Path(str(download.evidence.file)))) + 1))
    evidence = dataclasses.replace(download.evidence, frames=every)
    (excerpt,) = excerpts([dataclasses.replace(download, evidence=evidence)], []).values()

    assert MOST_FRAMES == len(excerpt.frames) == len(excerpt.hex)
    assert max(map(len, excerpt.hex)) <= 2 * FRAME_BYTES
    assert sum(map(len, excerpt.hex)) <= 2 * MOST_BYTES


@pytest.mark.parametrize(
    "file", [None, "-", "gone.pcapng"], ids=["no frame", "standard input", "a file that is gone"]
)
def test_an_alert_without_frames_at_hand_has_none(alerts, file):
    one = dataclasses.replace(alerts[0], evidence=AlertEvidence(file, (1,), ()))

    assert {} == excerpts([one], [])


def test_frames_of_another_time_are_those_of_another_capture(alerts):
    later = Time(alerts[0].first_seen + 7_200 * 1_000_000_000)
    one = dataclasses.replace(alerts[0], first_seen=later, last_seen=later)

    assert {} == excerpts([one], [])


def test_a_file_that_has_changed_gives_none(alerts, tmp_path):
    path = tmp_path / "a.pcapng"
    shutil.copy(STOP, path)
    one = dataclasses.replace(
        alerts[0], evidence=dataclasses.replace(alerts[0].evidence, file=str(path))
    )
    size = path.stat().st_size

    assert {one.id} == set(excerpts([one], [KnownCapture(str(path), size, None, 2**62)]))
    assert {} == excerpts([one], [KnownCapture(str(path), size - 1, None, 2**62)])
