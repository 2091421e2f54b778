"""Where a result leads: commands that work as they stand."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from otmon.fields import CHANGE_CLASSES, OPERATION_CLASSES
from otmon.model.result import Result

NAMED_FILES = 4
"""Capture files up to which a command names each of them."""

_ABOUT_ALERT = ("explain {id}", "alerts show {id}", "evidence {id} -o alert-{id}.pcapng")
_ABOUT_ALL = ("alerts list", "assets list", "baseline show", "report")


def next_steps(document: Result, state: str | None, *, kept: bool) -> list[str]:
    """The commands that lead on from a result.

    Args:
        document: The result.
        state: The state file that the analysis continued.
        kept: Whether it is kept as the user's last analysis, where there is no state.
    """
    files = [file.path for file in document.capture.files]
    path = None
    if "-" not in files and len(files) <= NAMED_FILES:
        path = " ".join(map(shlex.quote, files))
    lines = []
    if kept or state:
        at = f" --state {shlex.quote(state)}" if state else ""
        first = document.alerts[0].id if document.alerts else None
        after = [words.format(id=first) for words in _ABOUT_ALERT if first is not None]
        after += _ABOUT_ALL if document.alerts else _ABOUT_ALL[1:]
        for words in after:
            # Only a site remembers what is normal: without one the files say it.
            about = at
            if words.startswith("baseline") and not state:
                if path is None or not document.protocols:
                    continue
                about = f" {path}"
            lines.append(f"otmon {words}{about}")
    return lines if path is None else [*lines, *_next_in_files(document, path)]


def _next_in_files(document: Result, path: str) -> Iterator[str]:
    """The commands that look into the capture files again."""
    if document.protocols:
        for alert in document.alerts[:1]:
            if alert.protocol and alert.evidence.frames and alert.evidence.file:
                place = shlex.quote(alert.evidence.file)
                yield f"otmon pdus --frame {alert.evidence.frames[0]} {place}"
        seen = {token for talk in document.conversations for token in talk.classes}
        changes = [one for one in ("write", *OPERATION_CLASSES) if one in seen & CHANGE_CLASSES]
        narrowed = f" | jq 'select(.class == \"{changes[0]}\")'" if changes else ""
        yield f"otmon pdus {path}{narrowed}"
    yield f"otmon analyze --format json {path}"
