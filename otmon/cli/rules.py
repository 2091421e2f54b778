"""`otmon rules`: what alerts, whether it is sound, and why."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from otmon.cli import console, options
from otmon.cli.complaints import complain
from otmon.cli.site import today
from otmon.config import Config, load
from otmon.errors import RuleError, UsageError

if TYPE_CHECKING:
    from otmon.model.alert import Alert
    from otmon.ruleset.load import RuleSet

_paths = click.argument("paths", metavar="[PATH]...", nargs=-1, type=click.Path(path_type=Path))
_captures = click.option(
    "--captures",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the captures of the examples are. [default: pcaps beside the rule folder]",
)
_named = click.argument("names", metavar="RULE...", nargs=-1, required=True)


@click.group(cls=options.Commands)
def rules() -> None:
    """Show, check, prove and explain the rules that alert.

    \b
    Examples:
      otmon rules list
      otmon rules explain "S7 controller stopped"
      otmon rules lint --fix site-rules/
      otmon rules test site-rules/
    """


@rules.command("list")
@options.config
@options.output_format("table", "json")
@click.option("--off", "only_off", is_flag=True, help="Only rules that are not used, with why.")
def list_rules(config: str | None, output_format: str, only_off: bool) -> None:
    """List every rule: level, status, techniques, examples, and who switched it off.

    Examples count captures on which the rule must fire, then those on which it
    must be silent. A rule without the first kind stays experimental.
    """
    from otmon.cli import rule_tables
    from otmon.ruleset.describe import described

    found = _site(config)
    rows = [one for one in described(found) if one.off or not only_off]
    if output_format == "json":
        json.dump([one.document() for one in rows], sys.stdout, indent=1, ensure_ascii=False)
        sys.stdout.write("\n")
    else:
        rule_tables.rules(console.out(), rows)
    complain(map(str, found.errors))


@rules.command("lint")
@_paths
@options.config
@_captures
@click.option("--fix", is_flag=True, help="Write files in their canonical form first.")
def lint_rules(
    paths: tuple[Path, ...], config: str | None, captures: Path | None, fix: bool
) -> None:
    """Check the form and the meaning of rules.

    PATH is a rule file or a folder of them; without it, the rules that come
    with otmon and those of the site. Exit status 4 if there is an error;
    warnings are for a reviewer to weigh.
    """
    from otmon._engine import protocols
    from otmon.fields import catalogue
    from otmon.ruleset.canonical import form, has_inner_comments
    from otmon.ruleset.lint import lint
    from otmon.ruleset.lint_deprecated import write_down
    from otmon.ruleset.load import load_rules

    site = load(config)
    fields = catalogue(protocols())
    folders = _folders(paths, site)
    if fix:
        for source in load_rules(folders, fields, experimental=True).sources.values():
            if source.text != form(source) and not has_inner_comments(source):
                source.path.write_text(form(source), encoding="utf-8")
                console.err().print(f"otmon: {source.path} is now in canonical form.")
        for folder in filter(Path.is_dir, folders):
            for title in write_down(load_rules([folder], fields, experimental=True), folder):
                console.err().print(f"otmon: {title} is written down as deprecated.")
    errors = 0
    for folder in folders:
        place = captures or _captures_of(folder)
        for finding in lint(load_rules([folder], fields, experimental=True), fields, place):
            errors += finding.severity == "error"
            click.echo(str(finding))
    for error in _site(config).errors:
        if error.path.suffix == ".toml" or error.path in map(site.place, site.rules.filters):
            errors += 1
            click.echo(f"{error}")
    if errors:
        raise RuleError(f"{errors} errors in rules. Correct them: each line says what to do.")


@rules.command("test")
@_paths
@options.config
@_captures
def test_rules(paths: tuple[Path, ...], config: str | None, captures: Path | None) -> None:
    """Run the examples of rules: each fires on the captures it names, and on no near miss.

    PATH is a rule file or a folder of them; without it, the rules that come
    with otmon and those of the site. Rules of a site are held together with
    the others, as they are on the site. Exit status 4 if one does not behave as told.
    """
    from otmon._engine import protocols
    from otmon.fields import catalogue
    from otmon.ruleset.examples import Scene, examples, proofs
    from otmon.ruleset.load import load_rules
    from otmon.runs import analyze

    site = load(config)
    passed = failed = 0
    for folder in _folders(paths, site):
        place = captures or _captures_of(folder)
        if place is None:
            raise UsageError(f"{folder} has no captures beside it. Name them with --captures.")

        def alerts(scene: Scene, folder: Path = folder) -> Sequence[Alert]:
            told = load(scene.config) if scene.config else site
            return analyze(
                scene.capture, baseline=scene.baseline, config=_with_rules(told, folder)
            ).alerts

        rules_here = load_rules([folder], catalogue(protocols()), experimental=True)
        for _, failures in proofs(examples(rules_here), place, alerts):
            failed += bool(failures)
            passed += not failures
            for failure in failures:
                click.echo(str(failure))
    console.err().print(f"otmon: {passed} examples behave as told.")
    if failed:
        raise RuleError(f"{failed} examples do not behave as told. Each line says what was seen.")


@rules.command("explain")
@_named
@options.config
def explain_rule(names: tuple[str, ...], config: str | None) -> None:
    """Say in an analyst's words when a rule alerts, why that matters, and what to do.

    RULE is a title, a name or an id, or the start of one.
    """
    from otmon._engine import protocols
    from otmon.cli import rule_tables
    from otmon.fields import catalogue
    from otmon.ruleset.describe import described

    found = _site(config)
    every = described(found)
    fields = catalogue(protocols())
    for name in names:
        fitting = [one for one in every if one.is_called(name)] or [
            one for one in every if one.starts_with(name)
        ]
        if len(fitting) != 1:
            listed = ", ".join(one.title for one in fitting[:5]) or "none"
            raise UsageError(f"{name!r} is not one rule but {listed}. See otmon rules list.")
        rule_tables.explained(console.out(), fitting[0], fields)


@rules.command("convert")
@click.argument("names", metavar="[RULE]...", nargs=-1)
@click.option("--to", "target", type=click.Choice(["kibana"]), required=True, help="For what.")
@click.option(
    "--output",
    "-o",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the rules are written. [default: standard output]",
)
@options.config
def convert_rules(
    names: tuple[str, ...], target: str, output: Path | None, config: str | None
) -> None:
    """Turn event rules into detection rules of Kibana, one JSON object a line.

    They search operations that are stored in Elasticsearch, and are switched
    off until somebody wants them. What a query cannot say is left out and
    told, correlations above all. Exceptions of the site ([rules] filters)
    come along as exception lists. Nothing is looked up on a network.
    """
    from otmon._engine import protocols
    from otmon.fields import catalogue
    from otmon.ruleset.convert import converted
    from otmon.ruleset.describe import described

    found = _site(config, folded=False)
    fields = catalogue(protocols())
    every = [one for one in described(found) if not one.off]
    wanted = [one for one in every if not names or any(map(one.is_called, names))]
    missing = [name for name in names if not any(one.is_called(name) for one in every)]
    if missing:
        raise UsageError(f"There is no rule {', '.join(missing)}. See otmon rules list.")
    done = converted(wanted, fields, today())
    text = "".join(f"{json.dumps(one, ensure_ascii=False)}\n" for one in done.made)
    if output is None:
        sys.stdout.write(text)
    else:
        from otmon.evidence.frames import save

        save(text.encode(), output, private=False)
    complain(f"left out: {line}" for line in done.refused)
    if names and done.refused:
        raise RuleError("Not every rule could be converted. Its line above says why.")


def _site(config: str | None, *, folded: bool = True) -> RuleSet:
    """Every rule as the site wants it."""
    from otmon._engine import protocols
    from otmon.fields import catalogue
    from otmon.ruleset.site import site_rules

    return site_rules(load(config), catalogue(protocols()), folded=folded)


def _folders(paths: Sequence[Path], site: Config) -> list[Path]:
    from otmon.ruleset.load import shipped_rules

    for path in paths:
        if not path.exists():
            raise UsageError(f"{path} does not exist. Name a rule file or a folder of rules.")
    return [*paths] or [shipped_rules(), *map(site.place, site.rules.directories)]


def _with_rules(site: Config, folder: Path) -> Config:
    """The site with the rules of a folder, experimental ones included."""
    from otmon.ruleset.load import shipped_rules

    words = site.rules
    places = {place.resolve() for place in (shipped_rules(), *map(site.place, words.directories))}
    above = {folder.resolve(), *folder.resolve().parents}
    further = () if places & above else (str(folder.resolve()),)
    own = dataclasses.replace(words, directories=(*words.directories, *further), experimental=True)
    return dataclasses.replace(site, rules=own)


def _captures_of(folder: Path) -> Path | None:
    """The captures of the examples: `pcaps` beside the rule folder, or in one above it."""
    for above in folder.resolve().parents:
        if (above / "pcaps").is_dir():
            return above / "pcaps"
    return None
