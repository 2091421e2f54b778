"""The modules that most of a run is spent in, translated to C beside their source.

    python binding/compiled.py tree target/compiled             # a copy of the package with them
    python binding/compiled.py wheel target/compiled dist/*.whl  # from there into a wheel

The source stays what it is: strictly typed Python, from which mypyc makes an extension
module that does the same. Python takes the extension where it fits, and the source
where it does not: in another version of Python. Nothing of the checkout is changed,
since a module that somebody edits must never be run as it was before.
"""

from __future__ import annotations

import base64
import compileall
import hashlib
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent

MODULES = (
    "otmon.model.event",
    "otmon.model.layout",
    "otmon.model.likeness",
    "otmon.ruleset.compile",
    "otmon.ruleset.correlate",
    "otmon.ruleset.gauge",
    "otmon.ruleset.group",
    "otmon.ruleset.judge",
    "otmon.ruleset.measure",
    "otmon.ruleset.temporal",
    "otmon.ruleset.window",
    "otmon.detectors.address",
    "otmon.detectors.bounded",
    "otmon.detectors.conformance",
    "otmon.detectors.device_status",
    "otmon.detectors.exceptions",
    "otmon.detectors.finding",
    "otmon.detectors.first_change",
    "otmon.detectors.newcomer",
    "otmon.detectors.sequence",
    "otmon.detectors.value",
    "otmon.detectors.watchers",
    "otmon.alerts.aggregate",
    "otmon.alerts.open_alert",
    "otmon.alerts.severity",
    "otmon.inventory.activity",
    "otmon.inventory.card",
    "otmon.inventory.inventory",
    "otmon.inventory.places",
    "otmon.inventory.role",
    "otmon.inventory.station",
)
"""What an operation passes through between the engine and its alert, and what an address does."""

# C that may use what was never set is no module: a generator of the watchdog was such a case,
# and runs crashed. Other warnings differ from compiler to compiler.
BUILD = """
from mypyc.build import mypycify
from setuptools import setup

modules = mypycify([{sources}], group_name="otmon", opt_level="2", debug_level="0")
for module in modules:
    module.extra_compile_args += ["-Wno-error", "-Werror=maybe-uninitialized"]
setup(name="otmon", packages=[], ext_modules=modules)
"""


def make_tree(tree: Path) -> None:
    """A copy of the package of this checkout, with the extension modules in it."""
    shutil.rmtree(tree, ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__", "bundled")
    shutil.copytree(ROOT / "otmon", tree / "otmon", ignore=ignored)
    sources = [f"{name.replace('.', '/')}.py" for name in MODULES]
    with tempfile.TemporaryDirectory() as scratch:
        build = Path(scratch) / "build.py"
        build.write_text(BUILD.format(sources=", ".join(map(repr, sources))))
        command = [sys.executable, str(build), "build_ext", "--inplace", "--build-temp", scratch]
        ran = subprocess.run(command, cwd=tree, capture_output=True, text=True)
    if ran.returncode:
        raise SystemExit(ran.stdout + ran.stderr)
    shutil.rmtree(tree / "build", ignore_errors=True)
    # As whoever installs a wheel does: without bytecode each start takes a third longer.
    compileall.compile_dir(tree / "otmon", quiet=1)
    for name in ("rules", "pyproject.toml"):
        (tree / name).symlink_to(ROOT / name)


def add_to_wheel(tree: Path, wheel: Path) -> None:
    """Puts the extension modules of a tree into a wheel, beside their source."""
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    made = sorted(path.relative_to(tree) for path in tree.rglob(f"*{suffix}"))
    fresh = wheel.with_suffix(".new")
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(fresh, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            content = old.read(entry)
            if entry.filename.endswith(".dist-info/RECORD"):
                content += "".join(
                    _record(path, (tree / path).read_bytes()) for path in made
                ).encode()
            new.writestr(entry, content)
        for path in made:
            new.write(tree / path, path)
    fresh.replace(wheel)


def _record(path: Path, content: bytes) -> str:
    """The line of a file in the list of what a wheel holds."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{path.as_posix()},sha256={digest},{len(content)}\n"


def main(what: str, tree: str, *wheels: str) -> None:
    """Makes a tree, or adds what is in one to wheels."""
    if what == "tree":
        make_tree(Path(tree))
    for wheel in wheels:
        add_to_wheel(Path(tree), Path(wheel))


if __name__ == "__main__":
    main(*sys.argv[1:])
