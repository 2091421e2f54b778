"""What holds for every test: no network but loopback; captures found or skipped by name."""

from __future__ import annotations

import os
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from places import ROOT, absent

if TYPE_CHECKING:
    # What needs the engine is imported where it is used: some tests go without.
    from otmon.config import Config
    from otmon.ruleset.load import RuleSet
    from otmon.state.site_file import SiteFile


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Refuse every connection that would leave this machine."""
    real = socket.socket.connect

    def connect(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else "127.0.0.1"
        if host not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test tried to connect to {address!r}")
        real(self, address)  # type: ignore[arg-type]  # the real one checks it

    monkeypatch.setattr(socket.socket, "connect", connect)
    yield


@pytest.fixture(autouse=True, scope="session")
def cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the last analysis of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True, scope="session")
def interrupts() -> None:
    """Ctrl-C reaches what tests start, also where a shell runs them in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def rules_are_read_once() -> Iterator[None]:
    """The rules of each configuration: otherwise most of the time would go into reading them."""
    from otmon.ruleset import site as ruleset

    known: dict[str, RuleSet] = {}
    read = ruleset.site_rules

    def remembered(config: Config) -> RuleSet:
        name = repr(config)
        if name not in known:
            known[name] = read(config)
        return known[name]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ruleset, "site_rules", remembered)
        yield


@pytest.fixture
def site(tmp_path: Path) -> Iterator[SiteFile]:
    """A state that knows nothing yet."""
    from otmon.state.site_file import SiteFile

    with SiteFile.open(tmp_path / "site.otmon", durable=False) as site:
        yield site


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder with third-party captures."""
    path = Path(os.environ.get("OTMON_CAPTURES", ROOT.parent / "shared" / "corpus"))
    path = path if path.is_absolute() else ROOT / path
    if not (path / "public" / "MANIFEST.tsv").is_file():
        absent(f"the folder of captures {path}", "OTMON_REQUIRE_CAPTURES")
    return path


@pytest.fixture(scope="session")
def tshark() -> str:
    """The program that tests compare with."""
    found = shutil.which("tshark")
    if found is None:
        absent("tshark", "OTMON_REQUIRE_TSHARK")
    return str(found)
