"""What a lint is, and what it is shown."""

from __future__ import annotations

import abc
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from otmon.fields import Field
from otmon.ruleset.condition import Condition, CorrelationRule, EventRule
from otmon.ruleset.source import KeyPath, Source

Found = Iterator[tuple[str, KeyPath]]
"""What is wrong, and where in the file."""

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Subject:
    """A rule, with what its lints need to know of the others and of the house."""

    source: Source
    found: EventRule | CorrelationRule
    fields: Mapping[str, Field]
    titles: Counter[str]
    names: Counter[str]
    counted_only: bool
    """Whether it is a member of correlations alone, and raises no alert itself."""
    alerting: Sequence[EventRule]
    """Every rule about single events that alerts by itself."""
    captures: Path | None
    """Where the example captures are; none where they cannot be looked for."""
    is_shipped: bool = False
    """Whether it comes with otmon."""

    @property
    def own(self) -> Mapping[str, object]:
        """What stands under `otmon`."""
        own: Mapping[str, object] = self.source.document["otmon"]
        return own

    @property
    def condition(self) -> Condition | None:
        """The condition, of a rule about single events."""
        return self.found.condition if isinstance(self.found, EventRule) else None

    def examples(self, kind: str) -> list[Mapping[str, object]]:
        """The `positive` or `negative` examples."""
        tests = self.own.get("tests")
        some = tests.get(kind) if isinstance(tests, dict) else None
        return [one for one in some or () if isinstance(one, dict)]


def told_of(source: Source) -> list[Mapping[str, object]]:
    """Every example of a rule file."""
    tests = source.document["otmon"].get("tests")
    kinds = tests.values() if isinstance(tests, dict) else ()
    return [one for some in kinds for one in some or () if isinstance(one, dict)]


class Lint(abc.ABC):
    """One thing that can be wrong with a rule."""

    name: ClassVar[str]
    advice: ClassVar[str]
    severity: ClassVar[Severity] = "error"
    of_deprecated: ClassVar[bool] = False
    """Whether it is about deprecated rules as well, which nobody uses."""

    @abc.abstractmethod
    def check(self, subject: Subject) -> Found:
        """Gives every place where it is."""
