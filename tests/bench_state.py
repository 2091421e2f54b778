"""What the state of a large site costs: seconds, memory, bytes on disk.

    make bench-state

A baseline of 200,000 statements between 10,000 devices is learned into a state,
written, written again after a tenth was counted on, and loaded by another run.
Nothing here passes or fails; the aim is below 500 MB.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from places import PCAPS

import otmon
from otmon.baseline.book import statement_id
from otmon.baseline_memory import BaselineMemory
from otmon.config import Baseline, Config
from otmon.model.statement import Habit, Key, Party, Statement
from otmon.site_memory import SiteMemory, nothing_known
from otmon.state import assets, summary
from otmon.state.site_file import SiteFile

DEVICES = 10_000
STATEMENTS = 200_000
START_NS = 1_700_000_000 * 1_000_000_000
DAY_NS = 86_400 * 1_000_000_000


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print the CPU time of the block, and the highest resident memory so far."""
    begun = time.process_time()
    yield
    seconds = time.process_time() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_000
    print(f"{what:44} {seconds:7.2f} s  {peak:6.0f} MB")


def statements() -> Iterator[Statement]:
    """Controllers that are polled and written, each by one of ten clients."""
    for number in range(STATEMENTS):
        server = 10 + number % (DEVICES - 10)
        turn = number // (DEVICES - 10)
        change = turn % 2 == 1
        key = Key(
            "change" if change else "read",
            f"a-{server % 10:010d}",
            f"a-{server:010d}",
            "modbus",
            1,
            "write" if change else "read",
            "write_single_register" if change else "read_holding_registers",
            f"hr:{turn}" if change else f"hr{turn}",
        )
        yield Statement(
            statement_id(key),
            key,
            "learned",
            START_NS,
            START_NS + DAY_NS,
            count=1_000,
            ranges=() if change else ((100, 140), (200, 210)),
            frames=("plant.pcapng#12",),
            habits={"any": Habit(500_000_000, 5_000_000, 1_000, "integer", 0.0, 100.0)},
        )


def main() -> int:
    """Learn, write, count on, write, load."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "site.otmon"
        with SiteFile.open(path) as site:
            memory = BaselineMemory(site, Baseline())
            book = memory.baseline.book
            with timed(f"{DEVICES:,} devices, {STATEMENTS:,} statements learned"):
                for number in range(DEVICES):
                    ip = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
                    book.add_party(Party(f"a-{number:010d}", ip, ip, None, None))
                for statement in statements():
                    book.add(statement)
            save(site, memory, "written, all of it")
            for statement in list(book.statements())[: STATEMENTS // 10]:
                memory.baseline.count(statement, 5, START_NS + DAY_NS, START_NS + 2 * DAY_NS)
            save(site, memory, "written, a tenth counted on")
            save(site, memory, "written, nothing new")
            del memory, book
        with SiteFile.open(path) as site:
            devices(site, Path(folder))
        with SiteFile.open(path) as site, timed("statements loaded by the next run"):
            loaded = BaselineMemory(site, Baseline())
        assert len(loaded.baseline.book) == STATEMENTS, len(loaded.baseline.book)
        print(f"{'on disk':44} {summary.disk_bytes(path) / 1e6:7.1f} MB")
    return 0


def devices(site: SiteFile, folder: Path) -> None:
    """Writes and loads as many devices, all like a controller of the demo."""
    otmon.analyze(PCAPS / "demo" / "plant.pcapng", state=folder / "demo.otmon")
    with SiteFile.open(folder / "demo.otmon") as demo:
        model = max(assets.load(demo.db).records, key=lambda record: len(str(record)))
    records = []
    for number in range(DEVICES):
        mac, ip = f"00:1b:1b:00:{number >> 8:02x}:{number & 255:02x}", f"10.9.{number >> 8}"
        text = json.dumps(model).replace(model["macs"][0], mac)
        text = text.replace(model["ips"][0], f"{ip}.{number & 255}")
        records.append({**json.loads(text), "id": f"a-{number:010d}", "number": number})
    with timed(f"{DEVICES:,} devices written"), site.transaction() as db:
        assets.save(db, records, {}, DAY_NS)
    with timed(f"{DEVICES:,} devices loaded by the next run"):
        SiteMemory(site, Config(), nothing_known([])).inventory()


def save(site: SiteFile, memory: BaselineMemory, what: str) -> None:
    """One checkpoint."""
    with timed(what), site.transaction() as db:
        memory.save(db)
    memory.saved()


if __name__ == "__main__":
    sys.exit(main())
