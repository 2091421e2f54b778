"""What a run over interfaces shows of itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from places import PCAPS

from otmon import _engine, monitor
from otmon.config import Config
from otmon.live_view import View
from otmon.monitor import Wishes, _Watch
from otmon.site_description import AssetWords
from otmon.state.site_file import SiteFile

CONFIG = Config(assets=(AssetWords("10.20.2.11"), AssetWords("10.20.2.99")))
ABSENT = ("configured assets", "1 of [[assets]] in the configuration match no device: 10.20.2.99")


def views(tmp_path: Path) -> list[View]:
    """What is shown after each batch of a small plant, and at the end."""
    shown: list[View] = []
    engine = _engine.Engine([str(PCAPS / "demo" / "plant.pcapng")])
    with SiteFile.open(tmp_path / "site.otmon", durable=False) as site:
        run = _Watch(engine, site, CONFIG, ships=False)
        run.watch(lambda: CONFIG, Wishes(), shown.append, lambda news: None)
    return shown


@pytest.mark.parametrize(("unseen_ns", "at_first"), [(monitor.UNSEEN_NS, False), (0, True)])
def test_assets_that_were_not_seen_are_named_after_a_day_and_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unseen_ns: int, at_first: bool
) -> None:
    monkeypatch.setattr(monitor, "SHOW_S", 0.0)
    monkeypatch.setattr(monitor, "UNSEEN_NS", unseen_ns)
    first, *_, last = views(tmp_path)

    assert (at_first, True) == (ABSENT in first.problems, ABSENT in last.problems)
