"""What detectors, correlations and operating modes remember, for the next run to go on with."""

from __future__ import annotations

import json
from collections.abc import Callable

from otmon.config import Config
from otmon.detectors.indicator import IndicatorMatch
from otmon.detectors.watchers import Watchers
from otmon.file_names import FileNames
from otmon.model.context import Context
from otmon.operating_modes import MEMORY as MODES
from otmon.operating_modes import OperatingModes
from otmon.ruleset.judge import Judge
from otmon.site_memory import Memories

CORRELATIONS = "correlations"
"""The name under which a state keeps what correlations have counted."""
PENDING = "pending"
"""The name under which it keeps what detectors hold back for more."""


def memories_of(
    judge: Judge, watchers: Watchers, modes: OperatingModes, file_name: FileNames, now_ns: int
) -> Memories:
    """What must not be forgotten, at a packet time."""
    own = {
        CORRELATIONS: (1, judge.memory(file_name, now_ns)),
        PENDING: (1, watchers.pending(file_name)),
    }
    if modes.watches:
        own[MODES] = (1, modes.memory())
    return {**watchers.memories(), **own}


def restore(
    memories: Memories,
    judge: Judge,
    watchers: Watchers,
    modes: OperatingModes,
    place_of: Callable[[str], int] | None,
    context: Context,
) -> None:
    """Gives all of it back.

    Args:
        memories: What `memories_of` gave.
        judge: Has the correlations.
        watchers: Has the detectors.
        modes: The operating modes.
        place_of: The place of a capture in the input, by its path; none where frames are those
            of interfaces, which are gone.
        context: What events ask for their ends.
    """
    watchers.restore(memories)
    version, pending = memories.get(PENDING, (0, None))
    if version == 1:
        watchers.resume(pending, place_of, context)
    version, kept = memories.get(MODES, (0, None))
    if version == 1:
        modes.restore(kept)
    version, counted = memories.get(CORRELATIONS, (0, None))
    if version == 1:
        judge.restore(counted, place_of, context)


def gone_on(
    before: Watchers,
    fresh: Watchers,
    old: Config,
    new: Config,
    file_name: FileNames,
    place_of: Callable[[str], int],
    context: Context,
) -> Watchers:
    """The detectors as a site wants them now.

    Those whose settings are the same go on; others know what those before them
    remembered, as after a restart.
    """
    same = {
        one.name: one
        for one in before.detectors
        if getattr(old.detectors, one.name) == getattr(new.detectors, one.name)
        and one.name != IndicatorMatch.name
    }
    memories: Memories = {
        name: (version, json.loads(json.dumps(memory)))
        for name, (version, memory) in before.memories().items()
        if name not in same
    }
    pending = json.loads(json.dumps(before.pending(file_name)))
    fresh.restore(memories)
    held = {name: one for name, one in pending.items() if name not in same}
    fresh.resume(held, place_of, context)
    return Watchers([same.get(one.name, one) for one in fresh.detectors], before.quality)
