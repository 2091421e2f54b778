"""What stands on the site's own lists: addresses, names, digests, marks in transferred files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import ClassVar

from otmon.detectors.bounded import Json, Told
from otmon.detectors.detector import Detector
from otmon.detectors.finding import finding
from otmon.model.event import Event
from otmon.model.indicator import Indicator
from otmon.thresholds import IndicatorThresholds

SECOND = 1_000_000_000
MAX_TOLD = 20_000
"""Sightings that were told of; the longest quiet goes first."""


class IndicatorMatch(Detector):
    """Speaks when something is seen that stands on a list of the site."""

    name = "indicator"
    categories = frozenset(("ot_flow", "ot_asset", "ot_file"))
    says: ClassVar[Mapping[str, str]] = {
        "indicator_match": "Something is seen that stands on a list of the site.",
    }
    watches = (
        "Conversations, addresses by ARP, names, digests and first bytes of transfers, held "
        "against the lists of `[indicators]`."
    )
    silent = "Without a list: then it does not run. Nothing is ever downloaded."

    def __init__(
        self,
        settings: IndicatorThresholds | None = None,
        indicators: Sequence[Indicator] = (),
    ) -> None:
        """Takes thresholds, and what stands on the lists."""
        self.settings = settings or IndicatorThresholds()
        self._by_value: dict[tuple[str, str], Indicator] = {
            (one.kind, one.value): one for one in indicators if one.kind != "bytes"
        }
        self._marks = [(bytes.fromhex(one.value), one) for one in indicators if one.kind == "bytes"]
        self._told: Told[tuple[object, ...]] = Told(self.settings.repeat_s * SECOND, MAX_TOLD)

    def observe(self, event: Event) -> Iterable[Event]:
        """Takes a conversation, an address, a claim or a transfer."""
        # Of addresses that flows show, their conversations say more.
        if not getattr(event.record, "arp", True):
            return ()
        return list(self._judged(event))

    def _judged(self, event: Event) -> Iterator[Event]:
        for kind, value in self._seen(event):
            known = self._by_value.get((kind, value))
            if known is not None:
                yield from self._tell(event, known, value)
        head: bytes = getattr(event.record, "head", b"")
        for mark, known in self._marks:
            if head and mark in head:
                yield from self._tell(event, known, "its first bytes")

    def _seen(self, event: Event) -> Iterator[tuple[str, str]]:
        for field in ("client.ip", "server.ip", "client.mac", "server.mac"):
            value = event.get(field)
            if isinstance(value, str):
                yield "address", value
        record = event.record
        if event.category == "ot_file":
            yield "sha256", record.sha256
            yield "name", record.name.lower()
        elif hasattr(record, "attribute"):
            yield "name", record.value.lower()

    def _tell(self, event: Event, known: Indicator, seen: str) -> Iterator[Event]:
        key = (known.kind, known.value, event.get("client.address"), event.get("server.address"))
        if not self._told.may(key, event.time_ns):
            return
        yield finding(
            self,
            event,
            "indicator_match",
            category="ot_anomaly",
            expected=f"nothing of the list {known.source}",
            observed=f"{known.kind} {seen}: {known.meaning or 'listed'}",
        )

    def memory(self) -> Json:
        """What was told."""
        return self._told.written()

    def restore(self, memory: Json) -> None:
        """Takes it."""
        self._told.read(memory)
