"""The rules of the house that a machine can see."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from places import ROOT

PACKAGE = ROOT / "otmon"
PARTS = {
    "inventory", "baseline", "detectors", "ruleset", "alerts", "evidence", "report", "sinks",
    "state", "pdu_log", "pdu_lines",
}  # fmt: skip
"""Parts import the layers below and never one another: `pipeline` passes values between them."""

LAYERS = {
    "cli": {
        "input_faults",
        "sensor_identity",
        "shipping",
        "interface_checks",
        "live_view",
        "monitor",
        "runs",
        "doctor",
        "advisory_lists",
        "baseline_memory",
        "site_memory",
        "model",
        "config",
        "fields",
        "errors",
        "_engine",
        "",
        *PARTS,
    },
    "site_calendar": {"model", "config", "site_description"},
    "operating_modes": {"site_calendar", "site_description", "model", "config", "_engine"},
    "surroundings": {"site_calendar", "model", "inventory", "_engine"},
    "news": {"model", *PARTS},
    "sensor_identity": {"config", "model", "sinks"},
    "shipping": {"news", "model", "config", "fields", "errors", "_engine", *PARTS},
    "sensor_watch": {"model", "thresholds", "_engine", *PARTS},
    "sensor_gauge": set(),
    "live_view": {"model"},
    "live_evidence": {"model", "config", "_engine", "alerts", "evidence"},
    "interface_sights": {"model", "_engine"},
    "fault_log": {"model", *PARTS},
    "monitor": {
        "sensor_gauge",
        "fault_log",
        "interface_sights",
        "live_evidence",
        "live_view",
        "reload",
        "sensor_identity",
        "sensor_watch",
        "shipping",
        "wanted",
        "pipeline",
        "site_memory",
        "model",
        "config",
        "fields",
        "errors",
        "_engine",
        *PARTS,
    },
    "site_memory": {"baseline_memory", "model", "config", "fields", "errors", "_engine", *PARTS},
    "baseline_memory": {"model", "config", "fields", "errors", "_engine", *PARTS},
    "runs": {
        "input_faults",
        "shipping",
        "wanted",
        "pipeline",
        "baseline_memory",
        "site_memory",
        "model",
        "config",
        "errors",
        "_engine",
        *PARTS,
    },
    "result_document": {"model", "_engine", *PARTS},
    "pipeline": {
        "early_matches",
        "run_memory",
        "shipping",
        "wanted",
        "file_names",
        "result_document",
        "site_memory",
        "site_calendar",
        "operating_modes",
        "surroundings",
        "indicator_lists",
        "advisory_lists",
        "model",
        "config",
        "fields",
        "errors",
        "_engine",
        *PARTS,
    },
    "run_memory": {
        "site_memory",
        "operating_modes",
        "file_names",
        "model",
        "config",
        *PARTS,
    },
    "wanted": {"operating_modes", "config", "_engine", "ruleset", "detectors"},
    "file_names": set(),
    "input_faults": set(),
    "early_matches": {"model", "_engine", "alerts"},
    "interface_checks": {"model", "doctor"},
    "doctor": {"model", "config", "fields", "errors", "_engine", *PARTS},
    "model": {"errors", "fields", "_engine"},
    "config": {"errors", "site_description", "thresholds", "toml_tables"},
    "site_description": {"_engine", "fields"},
    "thresholds": set(),
    "toml_tables": {"errors"},
    "indicator_lists": {"errors", "model"},
    "advisory_lists": {"model"},
    "fields": {"_engine"},
    "errors": {"_engine"},
    "vendored": set(),
    "": {"runs", "pdu_lines", "_engine", "model", "errors"},
}
_BELOW = {
    "model",
    "config",
    "input_faults",
    "site_description",
    "thresholds",
    "fields",
    "errors",
    "_engine",
}
"""What every part may import."""
HOMES = {
    "click": {"cli"},
    "rich": {"cli"},
    "re2": {"ruleset"},
    "sigma": {"ruleset"},
    "yaml": {"ruleset", "baseline", "sinks"},
    "elasticsearch": {"sinks"},
    "elastic_transport": {"sinks"},
    "jinja2": {"report"},
    "xlsxwriter": {"report"},
    "sqlite3": {"state", "sinks"},
    "pyshark": {"evidence"},
    "scapy": set(),
}
"""The one part that may import each package."""

FORBIDDEN_NAMES = {"utils", "helpers", "common", "misc", "base", "manager"}


def modules() -> list[Path]:
    """Every module of the package."""
    return sorted(PACKAGE.rglob("*.py"))


def part(path: Path) -> str:
    """The layer or part that a module belongs to; empty for the package itself."""
    inside = path.relative_to(PACKAGE).with_suffix("").parts
    return "" if inside == ("__init__",) else inside[0]


def imports(path: Path) -> Iterator[str]:
    """The dotted names that a module imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            if node.module == "otmon":
                yield from (f"otmon.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_what_its_layer_may(path: Path) -> None:
    """Arrows point down, and parts do not know one another."""
    own = part(path)
    allowed = LAYERS.get(own, _BELOW) | {own, "vendored"}
    wrong = []
    for name in imports(path):
        top, _, rest = name.partition(".")
        if top == "otmon" and rest and rest.split(".")[0] not in allowed:
            wrong.append(name)
        if top in HOMES and own not in HOMES[top]:
            wrong.append(name)

    assert [] == wrong


def test_only_its_own_folder_knows_elasticsearch() -> None:
    """The outbox and everything else work without its client."""
    knowing = {
        path.relative_to(PACKAGE).parent.as_posix()
        for path in modules()
        if {"elasticsearch", "elastic_transport"} & {name.split(".")[0] for name in imports(path)}
    }

    assert knowing == {"sinks/elastic"}


def test_architecture_names_every_module_and_part_that_there_is() -> None:
    """Whoever looks for a room finds it there."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    doors = {one.name for one in PACKAGE.glob("[a-z]*.py")}
    doors |= {f"otmon/{one.parent.name}/" for one in PACKAGE.glob("*/__init__.py")}

    assert [] == sorted(door for door in doors if f"`{door}`" not in text)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_says_what_it_is_for(path: Path) -> None:
    """Each module opens with its one purpose and has a name that means something."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))

    assert docstring
    assert path.stem not in FORBIDDEN_NAMES


def test_packages_hold_no_logic_in_their_init() -> None:
    """`__init__.py` exports; only the command line's group lives in one.

    That of the package exports late, by `__getattr__`: `--help` needs none of it.
    """
    heavy = [
        str(path.relative_to(ROOT))
        for path in modules()
        if path.name == "__init__.py"
        and part(path) != "cli"
        and any(
            isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name != "__getattr__"
            for node in ast.parse(path.read_text(encoding="utf-8")).body
        )
    ]

    assert [] == heavy


def test_every_protocol_has_vectors_captures_and_golden_output() -> None:
    """A protocol without proof is not done."""
    registry = (ROOT / "dissectors" / "src" / "registry.rs").read_text(encoding="utf-8")
    listed = re.search(r"^dissectors! \{(.*?)^\}", registry, re.MULTILINE | re.DOTALL)
    assert listed
    protocols = re.findall(r"= crate::(?:\w+::)+(\w+)", listed[1])

    vectors = {path.stem for path in (ROOT / "dissectors" / "vectors").glob("*.toml")}
    assert len(protocols) == len(vectors), f"{protocols} against {sorted(vectors)}"


def test_no_file_names_a_path_of_this_machine() -> None:
    """What works only here is of no use to anybody else."""
    suspicious = re.compile(r"/work/|/root/|/home/\w+/|/tmp/bench")
    found = [
        str(path.relative_to(ROOT))
        for pattern in ("**/*.py", "**/*.rs", "**/*.md", "**/*.toml", "**/*.yml")
        for path in ROOT.glob(pattern)
        if not {".venv", "target", "bundled"} & set(path.relative_to(ROOT).parts)
        and path != Path(__file__)
        and suspicious.search(path.read_text(encoding="utf-8"))
    ]

    assert [] == found
