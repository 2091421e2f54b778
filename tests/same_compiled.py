"""Every shipped capture gives the same result with the modules that the wheel has as C.

make test-compiled
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from places import PCAPS, ROOT

CAPTURES = sorted((*PCAPS.rglob("*.pcap"), *PCAPS.rglob("*.pcapng")))


def tell() -> None:
    """Print where the package is, and a digest of the result of each capture."""
    import otmon
    from otmon.model.document import json_text
    from otmon.ruleset import judge

    print(otmon.__file__, Path(judge.__file__).suffix)
    for capture in CAPTURES:
        text = "".join(json_text(otmon.analyze(capture)))
        print(hashlib.sha256(text.encode()).hexdigest(), capture.relative_to(PCAPS))


def told(package: Path | None) -> list[str]:
    """What `tell` prints of the package in a folder, or of the checkout."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if package is not None:
        environment["PYTHONPATH"] = str(package.resolve())
    command = [sys.executable, __file__]
    ran = subprocess.run(
        command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    return ran.stdout.splitlines()


def main(package: Path) -> None:
    """Compare; the first line tells that two packages were run, one of them as C."""
    (source, *plain), (translated, *quick) = told(None), told(package)
    if not source.endswith(".py") or not translated.endswith(".so"):
        raise SystemExit(f"not what was to be compared: {source}, {translated}")
    other = [line for line, same in zip(quick, plain, strict=True) if line != same]
    if other:
        raise SystemExit("other results than the source gives:\n" + "\n".join(other))
    print(f"{len(plain)} captures give the same results as C and as source")


if __name__ == "__main__":
    main(Path(sys.argv[1])) if sys.argv[1:] else tell()
