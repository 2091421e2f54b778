"""The documents say what is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from places import ROOT

from otmon.cli import COMMANDS, group

README = ROOT / "README.md"
NAMED = re.compile(r"`([\w./-]+/[\w./-]*\w\.(?:py|rs|md|toml|yml|html|json))`")
"""A file in the text of a document."""
SOURCES = [ROOT / "otmon", ROOT / "engine" / "src", ROOT / "dissectors" / "src"]
"""Where the files of a document may stand, beside the checkout and its own folder."""
DEMO = re.compile(r"(<!-- demo -->\n```text\n)(.*?)(```\n<!-- end of demo -->)", re.DOTALL)


def demo_output() -> str:
    """What `make demo` prints."""
    otmon = Path(sys.executable).with_name("otmon")
    command = [str(otmon), "analyze", "pcaps/demo/plant.pcapng"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = [line.rstrip() for line in ran.stdout.rstrip().splitlines()]
    return "\n".join(lines) + "\n"


def test_the_readme_shows_the_real_output_of_the_demo() -> None:
    text = README.read_text(encoding="utf-8")
    shown = demo_output()
    if os.environ.get("OTMON_GOLDEN") == "write":
        text = DEMO.sub(lambda found: found[1] + shown + found[3], text)
        README.write_text(text, encoding="utf-8")
    found = DEMO.search(text)
    assert found

    assert shown == found[2], "intended or accidental? `make golden` writes it anew"


def test_the_examples_of_the_readme_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for example in re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.S):
        scope: dict[str, object] = {}
        exec(compile(example, "README.md", "exec"), scope)
        assert scope["writes"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_documented(command: str) -> None:
    assert f"## otmon {command}\n" in (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")


def test_generated_documents_are_current() -> None:
    ran = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True
    )

    assert (0, "") == (ran.returncode, ran.stderr)


def test_every_verb_of_the_makefile_is_there_described_and_in_contributing() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    announced = set(re.findall(r"^\.PHONY: (.+)$", makefile, re.M)[0].split())
    described = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.M))

    assert announced == described
    assert announced == set(re.findall(r"^\| `make ([a-z-]+)` \|", contributing, re.M))


def test_links_in_documents_lead_somewhere() -> None:
    broken = [
        f"{document.name}: {link}"
        for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("rules/*.md")]
        for link in re.findall(r"\]\((?!https?://|#)([^)#]+)", document.read_text(encoding="utf-8"))
        if not (document.parent / link).exists()
    ]

    assert [] == broken


def named_commands() -> Iterator[tuple[str, list[str]]]:
    """The commands that documents tell people to type, each with its document and words."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "rules" / "README.md"]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        typed = [
            line.removeprefix("sudo ").removeprefix(".venv/bin/")
            for block in re.findall(r"```(?:text|)\n(.*?)```", text, re.S)
            for line in block.splitlines()
        ]
        typed += re.findall(r"`(otmon [a-z][^`\n]*)`", text)
        for line in typed:
            if line.startswith("otmon "):
                yield page.name, re.split(r" [#|>]+ |\.\.\.", line)[0].split()[1:]


def test_commands_and_options_that_documents_name_are_there() -> None:
    unknown = []
    for page, words in named_commands():
        command: click.Command = group
        rest = [*words]
        while isinstance(command, click.Group) and rest:
            own = command.get_command(click.Context(command), rest[0])
            if own is None:
                break
            command = own
            rest.pop(0)
        options = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
        unknown += [
            f"{page}: otmon {' '.join(words)}: {word}"
            for word in rest
            if re.fullmatch(r"--?[a-z-]+", word) and word not in options | {"--help"}
        ]
        if isinstance(command, click.Group) and rest and re.fullmatch("[a-z-]+", rest[0]):
            unknown.append(f"{page}: there is no otmon {' '.join(words)}")

    assert [] == unknown


def test_every_page_is_linked_from_the_readme() -> None:
    readme = README.read_text(encoding="utf-8")
    pages = [path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md")]

    assert [] == [page for page in pages if f"({page})" not in readme]


def test_every_decision_is_listed_and_linked_from_where_it_matters() -> None:
    folder = ROOT / "docs" / "decisions"
    records = {path.name for path in folder.glob("0*.md")}
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "rules" / "README.md"]
    told = "".join(page.read_text(encoding="utf-8") for page in pages)
    listed = re.findall(r"^\| \[\d{4}\]\((.+?)\)", (folder / "README.md").read_text("utf-8"), re.M)

    assert sorted(records) == listed
    assert set() == {record for record in records if f"decisions/{record})" not in told}


def test_files_that_documents_name_are_there() -> None:
    # Records of decisions are never edited, so they may name what is gone.
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "rules" / "README.md"]
    missing = [
        f"{path.name}: {name}"
        for path in documents
        if path.name != "CHANGELOG.md"
        for name in NAMED.findall(path.read_text(encoding="utf-8"))
        if not any((folder / name).exists() for folder in (ROOT, path.parent, *SOURCES))
    ]

    assert [] == missing
