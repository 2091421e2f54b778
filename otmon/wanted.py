"""What the engine is asked to tell one by one, because rules and detectors look at it that way."""

from __future__ import annotations

import dataclasses
import functools
import importlib.resources
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from otmon import _engine
from otmon.config import Config
from otmon.detectors.registry import watchers
from otmon.operating_modes import wanted_of_modes

if TYPE_CHECKING:
    from otmon.ruleset.condition import EventRule
    from otmon.ruleset.wanted import Wish


def wanted_from_the_start(config: Config) -> list[_engine.Wanted]:
    """What has to be said before the first frame is read.

    Of the rules that come with otmon it is written down beside them, so that they can be
    read while the engine works already. A site's own rules are read first.
    """
    words, others = config.rules, wanted_besides_rules(config)
    if not words.directories and not words.experimental:
        return [*others, *(_engine.Wanted(**given) for given in _shipped())]
    # Imported here: pySigma takes most of the time that otmon needs to start.
    from otmon.ruleset.site import site_rules

    return [*others, *wanted_by(site_rules(config).events)]


def wanted_besides_rules(config: Config) -> list[_engine.Wanted]:
    """What operating modes and detectors have to see one by one."""
    every = watchers(config.detectors).detectors
    of_detectors = [_engine.Wanted(**given) for one in every for given in one.wanted]
    return [*wanted_of_modes(config), *of_detectors]


def wanted_by(rules: Iterable[EventRule]) -> list[_engine.Wanted]:
    """What these rules have to see one by one."""
    from otmon.ruleset.wanted import wishes

    return [_engine.Wanted(**given(one)) for one in wishes(rules, protocol_names())]


def protocol_names() -> tuple[str, ...]:
    """The protocols that are dissected."""
    return tuple(info.name for info in _engine.protocols())


def given(wish: Wish) -> dict[str, Any]:
    """What a wish says, by the engine's words for it."""
    return {name: value for name, value in dataclasses.asdict(wish).items() if value is not None}


@functools.cache
def _shipped() -> tuple[dict[str, Any], ...]:
    place = importlib.resources.files("otmon.ruleset").joinpath("shipped_wishes.json")
    return tuple(json.loads(place.read_text(encoding="utf-8")))
