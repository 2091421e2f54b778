"""What a capture cannot show, in the words of an analyst."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from otmon.input_faults import faults
from otmon.model.amount import counted, size
from otmon.model.result import Capture, NotRead


def warnings(capture: Capture) -> Iterator[str]:
    """What the capture cannot show, in words."""
    yield from faults(capture.files)
    for file in capture.files:
        if file.skipped_bytes:
            yield f"{file.path}: {size(file.skipped_bytes)} of damage passed over"
    if capture.interrupted:
        yield "stopped before the end: what follows covers the part that was read"
    if capture.gap_bytes:
        yield f"gaps: {size(capture.gap_bytes)} were sent that the sensor did not see"
    if capture.one_sided:
        yield "one-sided: most flows show one direction only; check the mirror port"
    if capture.duplicate_frames:
        share = capture.duplicate_frames / max(capture.packets, 1)
        twice = counted(capture.duplicate_frames, "frame")
        yield f"duplicates: {twice} came twice ({share:.1%}), dropped"
    if older := capture.counters.get("time_backwards"):
        share = older / max(capture.packets, 1)
        late = counted(older, "frame")
        yield f"order: {late} ({share:.1%}) came after one that is more than a second newer"
    if capture.undecoded_bytes:
        share = capture.undecoded_bytes / max(capture.bytes, 1)
        yield f"undecoded: {size(capture.undecoded_bytes)} ({share:.1%}) could not be read"
    if capture.not_read:
        yield f"no dissector for: {', '.join(map(_unread, capture.not_read))}"
    if cut := capture.counters.get("frames_truncated"):
        yield f"snap length: {cut:,} frames were cut when they were captured"
    if full := list(full_tables(capture.counters)):
        yield f"full tables: {', '.join(full)}; not all that passed is known"
    if capture.rule_errors:
        yield f"rules: {len(capture.rule_errors)} could not be loaded"


def _unread(one: NotRead) -> str:
    much = counted(one.packets, "frame")
    if one.conversations is not None:
        much = f"{counted(one.conversations, 'conversation')}, {much}"
    sure = " by its port" if "/" in one.told_by else ""
    return f"{one.name}{sure} ({much})"


def full_tables(counters: Mapping[str, int]) -> Iterator[str]:
    """What was left out or forgotten because a table was full, in words."""
    for name, count in counters.items():
        table, _, how = name.rpartition("_")
        kind, dot, detector = name.partition(".")
        if kind == "forgotten":
            yield f"detector {detector} ({count:,})"
        elif how in ("evicted", "overflow", "forgotten") and not dot:
            yield f"{table.replace('_', ' ')} ({count:,})"
