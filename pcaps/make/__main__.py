"""Makes the shipped captures: `python -m pcaps.make [--check]`.

With --check nothing is written; the exit status is 1 if a capture differs from
what its script makes.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import tempfile
from pathlib import Path

import pcaps.make
from pcaps.make.case import CASES

HERE = Path(__file__).resolve().parent.parent


def main(arguments: list[str]) -> int:
    """Write every case, or compare it with what is there."""
    for found in pkgutil.iter_modules(pcaps.make.__path__):
        if found.name != "__main__":
            importlib.import_module(f"pcaps.make.{found.name}")
    if arguments != ["--check"]:
        for case in CASES:
            case.write(HERE)
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        for case in CASES:
            case.write(Path(scratch))
        made = {path.relative_to(scratch) for path in Path(scratch).rglob("*.*")}
        kept = {
            path.relative_to(HERE)
            for suffix in ("*.pcapng", "*.toml")
            for path in HERE.rglob(suffix)
            # What a site says of itself is written by hand.
            if path.parent.name != "sites"
        }
        stale = sorted(str(path) for path in made ^ kept)
        stale += sorted(
            str(path)
            for path in made & kept
            if (Path(scratch) / path).read_bytes() != (HERE / path).read_bytes()
        )
    for path in stale:
        print(f"pcaps/{path} is not what its script makes: run `make pcaps`", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
