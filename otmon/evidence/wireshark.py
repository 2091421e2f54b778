"""Wireshark's opinion on the same frames, through pyshark and tshark."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from otmon.errors import OtmonError

MAX_LINES = 2_000
"""Lines of one frame; a frame with more fields is cut there."""


class WiresharkError(OtmonError):
    """Wireshark's opinion cannot be had."""


_ELSEWHERE = re.compile(
    r"(Request|Response) (Frame|In): |(Frame|Segment): \d+, payload|\d+ DNP 3.0 AL Fragment"
)
"""Lines that name other frames, by their place among those that were decoded: not as the capture
counts them, so that they would lead to the wrong ones."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of a frame, as Wireshark decodes it."""

    name: str
    lines: tuple[str, ...]


def decode(capture: bytes, wanted: Collection[int]) -> dict[int, tuple[Layer, ...]]:
    """What Wireshark says of some frames of a capture, by their place in it, from 1.

    It reads the whole capture, so that it can put together what spans frames.

    Raises:
        WiresharkError: pyshark or tshark is not installed, or failed.
    """
    if shutil.which("tshark") is None:
        raise WiresharkError(
            "tshark is not installed, so Wireshark's decode is not shown. "
            "Install it: `apt install tshark`, or Wireshark itself."
        )
    try:
        import pyshark
        from pyshark.capture.capture import TSharkCrashException
        from pyshark.tshark.tshark import TSharkNotFoundException
    except ImportError as error:
        raise WiresharkError(
            "pyshark is not installed, so Wireshark's decode is not shown. "
            "Install it: `pip install 'otmon[wireshark]'`."
        ) from error
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "evidence.pcapng"
        path.write_bytes(capture)
        loop = asyncio.new_event_loop()
        reader = pyshark.FileCapture(
            str(path),
            keep_packets=False,
            eventloop=loop,
            # What names a network knows is nobody's business, and asking would leave a trace.
            custom_parameters=["-n"],
        )
        found: dict[int, tuple[Layer, ...]] = {}
        try:
            for packet in reader:
                if int(packet.number) in wanted:
                    found[int(packet.number)] = tuple(map(_layer, packet.layers))
        except (TSharkCrashException, TSharkNotFoundException) as error:
            # asyncio can lose the exit status of a tshark that ended well, and says 255
            # then: what was decoded decides.
            if not found.keys() >= set(wanted):
                raise WiresharkError(
                    f"tshark failed: {error}. Open the capture in Wireshark instead."
                ) from error
        finally:
            with contextlib.suppress(TSharkCrashException):
                reader.close()
            # Else it is closed once more when it is collected, on a loop that is gone.
            reader._running_processes.clear()
            loop.close()
        return found


def _layer(layer: Any) -> Layer:
    # The first field of a layer is the layer itself; hidden ones repeat others for filters.
    shown = [
        field.showname or field.show
        for field in layer._get_all_fields_with_alternates()
        if field.hide is not True and (field.showname or field.show)
    ]
    lines = [line for line in shown if not _ELSEWHERE.match(line.lstrip("["))]
    return Layer(layer.layer_name, tuple(lines[:MAX_LINES]))
