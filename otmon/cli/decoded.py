"""otmon's own messages of single frames, found where they are: in the whole capture."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from otmon.cli import console
from otmon.evidence.message import message_lines
from otmon.pdu_lines import pdu_lines

FrameOf = tuple[str, int]
"""A frame: its file as the alert names it, and its number there."""

Messages = dict[FrameOf, list[tuple[str, ...]]]
"""The messages that end in frames, each as lines."""


def messages(
    places: Mapping[str, str], wanted: set[FrameOf]
) -> dict[FrameOf, list[tuple[str, ...]]]:
    """The messages of the frames wanted, each as lines; frames without one are left out.

    Args:
        places: Of each file, where it is.
        wanted: The frames.
    """
    found: Messages = {}
    for path, place in places.items():
        numbers = {number for file, number in wanted if file == path}
        if not numbers:
            continue
        with console.progress("Decoding") as report:
            for lines in pdu_lines(place, progress=report):
                last = 0
                for line in lines.splitlines():
                    # Each line begins {"frame":17, and to parse them all would take its time.
                    last = int(line[9 : line.index(b",")])
                    if last in numbers:
                        pdu: dict[str, Any] = json.loads(line)
                        found.setdefault((path, last), []).append(tuple(message_lines(pdu)))
                if last > max(numbers):
                    break
    return found
