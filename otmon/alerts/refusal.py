"""Whether what a match tells of took effect: what a device refused was only tried."""

from __future__ import annotations

from otmon.fields import CHANGE_CLASSES
from otmon.model.event import Event
from otmon.model.rule import Match

_EFFECTIVE = CHANGE_CLASSES | {"program_upload", "file_read"}
"""Classes whose operations are nothing where they are refused. A question that is refused has
still been asked, and what is refused to many questions is what a search is known by."""


_OF_DEEDS = frozenset(("ot_operation", "ot_anomaly"))
"""Categories whose events say what a client did."""


def is_deed(event: Event) -> bool:
    """Whether an event tells of what a client did, which an answer allows or refuses.

    What is told of a device or of the form of a message is neither.
    """
    return event.category in _OF_DEEDS


def refusals(match: Match) -> tuple[int, int]:
    """How many of the operations of a match were refused, and of how many.

    Of a group those count that would have had an effect. A rule about refusals
    has none: they are what it tells.
    """
    if match.rule.is_about_refusals:
        return 0, 0
    event = match.event
    if match.group is None:
        return int(event.has_failed), 1
    steps = [one for one in (*match.members, event) if one.operation_class in _EFFECTIVE]
    return sum(one.has_failed for one in steps), len(steps)
