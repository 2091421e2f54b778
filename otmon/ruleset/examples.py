"""Whether rules fire on the captures that they name, and are silent on others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from otmon.model.alert import Alert
from otmon.ruleset.load import RuleSet
from otmon.ruleset.source import Source


@dataclass(frozen=True, slots=True)
class Scene:
    """A capture, and what is known of the site when it is judged."""

    capture: Path
    config: Path | None = None
    """What the site says of itself; none for a site of which nothing is known."""
    baseline: Path | None = None
    """The capture that was learned as normal before."""


Analyse = Callable[[Scene], Sequence[Alert]]
"""Gives the alerts that all rules together raise on a scene."""


@dataclass(frozen=True, slots=True)
class Example:
    """What a rule says of one capture."""

    rule_id: str
    title: str
    source: Source
    place: tuple[str | int, ...]
    capture: str
    count: int
    """Alerts of this rule that are expected: none on a negative example."""
    frames: tuple[int, ...]
    """Frames that must be in the evidence."""
    config: str | None = None
    baseline: str | None = None

    @property
    def line(self) -> int:
        """Where it stands in the file of the rule."""
        return self.source.line(self.place)

    def scene(self, folder: Path) -> Scene:
        """Its files in `folder`."""
        return Scene(
            folder / self.capture,
            None if self.config is None else folder / self.config,
            None if self.baseline is None else folder / self.baseline,
        )


@dataclass(frozen=True, slots=True)
class Failure:
    """An example that does not behave as told."""

    example: Example
    message: str

    def __str__(self) -> str:
        place = f"{self.example.source.path}:{self.example.line}"
        return f"{place}: {self.example.capture}: {self.message}"


def examples(rules: RuleSet) -> Iterator[Example]:
    """Every example of every rule, in the order of the rules' ids."""
    for one in rules.rules:
        source = rules.sources[one.rule.id]
        tests = source.document["otmon"].get("tests") or {}
        for kind in ("positive", "negative"):
            for place, told in enumerate(tests.get(kind) or ()):
                yield Example(
                    rule_id=one.rule.id,
                    title=one.rule.title,
                    source=source,
                    place=("otmon", "tests", kind, place),
                    capture=str(told["capture"]),
                    count=int(told.get("count", 1)) if kind == "positive" else 0,
                    frames=tuple(told.get("frames") or ()),
                    config=told.get("config"),
                    baseline=told.get("baseline"),
                )


def failures(some: Iterable[Example], captures: Path, analyse: Analyse) -> Iterator[Failure]:
    """The examples that do not behave as told; each scene is judged once.

    Args:
        some: The examples.
        captures: The folder that their captures are named in.
        analyse: Runs all rules on one scene.
    """
    for _, messages in proofs(some, captures, analyse):
        yield from messages


def proofs(
    some: Iterable[Example], captures: Path, analyse: Analyse
) -> Iterator[tuple[Example, list[Failure]]]:
    """Every example with what is wrong about it: nothing where it behaves as told."""
    known: dict[Scene, Sequence[Alert]] = {}
    for example in some:
        named = (example.capture, example.config, example.baseline)
        absent = [one for one in named if one is not None and not (captures / one).is_file()]
        if absent:
            yield example, [Failure(example, f"{', '.join(absent)} does not exist")]
            continue
        scene = example.scene(captures)
        if scene not in known:
            known[scene] = analyse(scene)
        alerts = [one for one in known[scene] if one.rule.id == example.rule_id]
        yield example, [Failure(example, message) for message in _wrong(example, alerts)]


def _wrong(example: Example, alerts: Sequence[Alert]) -> Iterator[str]:
    if len(alerts) != example.count:
        said = "; ".join(alert.message for alert in alerts) or "silent"
        yield f"{example.title}: {len(alerts)} alerts instead of {example.count}: {said}"
    seen = {frame for alert in alerts for frame in alert.evidence.frames}
    missing = [frame for frame in example.frames if frame not in seen]
    if missing:
        yield f"{example.title}: frames {missing} are not in the evidence"
