"""The frames behind an alert, as a capture of their own.

They are taken out of the capture files again: those that the alert names, five
before and after each in its flow, and the TCP handshake. A capture that is
passed on says in its comments what it is evidence of, and what each frame is.
"""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from otmon import _engine
from otmon.errors import CaptureError
from otmon.evidence.source import KnownCapture, find
from otmon.model.alert import Alert
from otmon.model.document import Time, render_time

MAX_FRAMES = 200
"""Frames of one capture of evidence."""
MAX_BYTES = 1 << 20
"""Bytes of frames in it."""
CONTEXT = 5
"""Frames of the same flow before and after one that is evidence."""

_TITLE = "Evidence of otmon alert"
"""How the comment of such a capture begins."""
_SIGHT = 256
"""Bytes within which that is, at the front of a file."""


@dataclass(frozen=True, slots=True)
class EvidenceFrame:
    """A frame of evidence, and what it is."""

    place: int
    """Its number in the capture of evidence, counted from 1."""
    file: str
    number: int
    """Its number in the file that it comes from."""
    time: Time
    kind: str
    """`request`, `response` or `message` of the alert, else `handshake` or `context`."""
    source: str | None
    destination: str | None
    length: int

    @property
    def is_evidence(self) -> bool:
        """Whether the alert names it."""
        return self.kind in ("request", "response", "message")


@dataclass(frozen=True, slots=True)
class Evidence:
    """The frames behind an alert."""

    frames: tuple[EvidenceFrame, ...]
    capture: bytes
    """All of it as pcapng."""
    remarks: tuple[str, ...]
    """What is missing, was left out, or makes the files doubtful."""
    paths: Mapping[str, str]
    """Of each capture file, as the alert names it, where it was found."""


def collect(alert: Alert, known: Sequence[KnownCapture], *, context: int = CONTEXT) -> Evidence:
    """Takes the frames of an alert out of their files again.

    Args:
        alert: The alert.
        known: What the state remembers of the files.
        context: Frames before and after in the flow.

    Raises:
        CaptureError: The alert has no frames, or a file is gone or has changed.
    """
    lists = [(one.file, one.frames) for one in alert.evidence.continued]
    if alert.evidence.file is not None:
        lists.insert(0, (alert.evidence.file, alert.evidence.frames))
    if not lists:
        raise CaptureError(
            f"Alert {alert.id} has no frames: it is about something that was not there. "
            f"See `otmon alerts show {alert.id}`."
        )
    paths, remarks = {}, []
    for path, _ in lists:
        place, remark = find(path, known)
        paths[path] = str(place)
        remarks += [remark] if remark else []
    selection = _engine.select_frames(
        [(paths[path], numbers) for path, numbers in lists],
        context=context,
        most_frames=MAX_FRAMES,
        most_bytes=MAX_BYTES,
    )
    names = {place: path for path, place in paths.items()}
    made = make(alert, selection, names, remarks)
    _check_times(alert, made.frames)
    return dataclasses.replace(made, paths=paths)


def make(
    alert: Alert,
    selection: _engine.Selection,
    names: Mapping[str, str] = MappingProxyType({}),
    remarks: Sequence[str] = (),
) -> Evidence:
    """The evidence of an alert, from frames that were taken for it.

    Args:
        alert: The alert.
        selection: The frames.
        names: What the alert calls their files, where they were found elsewhere.
        remarks: What is to be said besides.
    """
    remarks = [*remarks, *selection.errors]
    if selection.missing_count:
        remarks.append(f"{selection.missing_count} frames of the alert are not there any more")
    if selection.left_out_count:
        remarks.append(
            f"{selection.left_out_count} frames were left out: at most {MAX_FRAMES} and 1 MiB"
        )
    frames = tuple(
        _described(place, frame, alert, names) for place, frame in enumerate(selection.frames, 1)
    )
    comments = [_comment(frame, alert) for frame in frames]
    capture = _engine.write_capture(
        list(zip(selection.frames, comments, strict=True)), _about(alert, frames, remarks)
    )
    return Evidence(frames, capture, tuple(remarks), {})


def is_evidence(path: Path) -> bool:
    """Whether a file is evidence that otmon wrote."""
    try:
        with path.open("rb") as file:
            return _TITLE.encode() in file.read(_SIGHT)
    except OSError:
        return False


def save(content: bytes, path: Path, *, private: bool = True) -> None:
    """Writes a file whole or not at all: what was there before stays until then.

    Args:
        content: What goes into it.
        path: Where; what is no file, such as a pipe, is written to as it is.
        private: Whether only its owner may read it, as evidence.

    Raises:
        CaptureError: It cannot be written.
    """
    mode = 0o600 if private else 0o666
    part = path.with_name(f".{path.name}.part")
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(content)
            return
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
        with os.fdopen(handle, "wb") as file:
            if private:
                os.fchmod(handle, mode)
            file.write(content)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise CaptureError(
            f"{path} cannot be written: {error.strerror}. Name another with -o."
        ) from error


def _described(
    place: int, frame: _engine.SelectedFrame, alert: Alert, names: Mapping[str, str]
) -> EvidenceFrame:
    kind = frame.reason
    if kind == "evidence":
        kind = "message"
        if frame.source_ip is not None and alert.client != alert.server:
            kind = {alert.client: "request", alert.server: "response"}.get(frame.source_ip, kind)
    return EvidenceFrame(
        place,
        names.get(frame.file, frame.file),
        frame.number,
        Time(frame.time_ns),
        kind,
        _end(frame.source_ip, frame.source_port),
        _end(frame.destination_ip, frame.destination_port),
        frame.original_length,
    )


def _end(ip: str | None, port: int | None) -> str | None:
    if ip is None or not port:
        return ip
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def _check_times(alert: Alert, frames: Sequence[EvidenceFrame]) -> None:
    """Frames of another time than the alert's are those of another file.

    Raises:
        CaptureError: None of them is of its time.
    """
    own = [frame.time for frame in frames if frame.is_evidence]
    margin = 3_600 * 1_000_000_000
    if own and not any(
        alert.first_seen - margin <= time <= alert.last_seen + margin for time in own
    ):
        raise CaptureError(
            f"The frames of alert {alert.id} are of another time than the alert: "
            "the capture is another one than was analysed. Analyse it again."
        )


def _comment(frame: EvidenceFrame, alert: Alert) -> str:
    where = f"frame {frame.number} of {Path(frame.file).name}"
    if frame.is_evidence:
        return f"{frame.kind} of alert {alert.id} ({alert.rule.title}); {where}"
    return f"{frame.kind}; {where}"


def _about(alert: Alert, frames: Sequence[EvidenceFrame], remarks: Sequence[str]) -> str:
    counts = Counter("evidence" if frame.is_evidence else frame.kind for frame in frames)
    counted = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    files = sorted({Path(frame.file).name for frame in frames})
    lines = [
        f"{_TITLE} {alert.id}: {alert.rule.title}",
        alert.message,
        f"{alert.level}, severity {alert.severity}; seen {alert.count:,} times, from "
        f"{render_time(alert.first_seen)} to {render_time(alert.last_seen)}",
        f"client {alert.client or 'several'}, server {alert.server or 'several'}, "
        f"protocol {alert.protocol or 'none'}",
        f"ATT&CK for ICS {', '.join(alert.techniques) or 'none'}",
        f"rule {alert.rule.id}, version {alert.rule.version}; fingerprint {alert.fingerprint}",
        f"frames of {', '.join(files)}: {counted}",
        *remarks,
    ]
    return "\n".join(lines)
