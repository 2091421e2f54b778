"""Which part of the network a frame was seen in: addresses are unique only there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from otmon.site_description import Segment

Vlan = int | None
Frame = tuple[int, int]


def _nowhere(_number: int) -> str:
    return ""


class Segments:
    """The segments of a site, by VLAN id and interface; the first that fits holds."""

    def __init__(self, segments: Sequence[Segment] = (), rest: str = "default") -> None:
        """Takes the segments, and the name of what none of them names."""
        self.interface: Callable[[int], str] = _nowhere
        """The interface, or the capture file, by its number in frames."""
        self._segments: Sequence[Segment] = ()
        self._rest = rest
        self._joined: dict[Vlan, Vlan] = {}
        self.configure(segments, rest)
        first: dict[str, int] = {}
        for own in segments:
            for vlan in () if own.interfaces else own.vlans:
                same = first.setdefault(own.name, vlan)
                if same != vlan:
                    self._joined[vlan] = same

    def configure(self, segments: Sequence[Segment], rest: str) -> None:
        """Takes changed segments. VLANs that are joined stay what they were until the next run."""
        self._segments = segments
        self._rest = rest
        self.by_interface = any(own.interfaces for own in segments)

    def vlan(self, vlan: Vlan) -> Vlan:
        """The VLAN that stands for one that is joined with others."""
        return self._joined.get(vlan, vlan) if self._joined else vlan

    def of(self, vlan: Vlan, frame: Frame | None = None) -> str:
        """The segment of a VLAN, as far as it is told by an interface of the frame's."""
        seen_at = "" if frame is None or not self.by_interface else self.interface(frame[0])
        for own in self._segments:
            if not own.interfaces and not own.vlans:
                continue
            if own.interfaces and not _is_among(seen_at, own.interfaces):
                continue
            if not own.vlans or vlan in own.vlans:
                return own.name
        return self._rest if vlan is None else f"vlan {vlan}"

    def may_be(self, vlan: Vlan, segment: str) -> bool:
        """Whether what was seen in a VLAN before can have been in a segment."""
        if self.of(vlan) == segment:
            return True
        return any(
            own.name == segment and own.interfaces and (not own.vlans or vlan in own.vlans)
            for own in self._segments
        )


def _is_among(place: str, names: Sequence[str]) -> bool:
    """Whether an interface or a file is named, a file with its folder or without."""
    plain = place.replace("\\", "/")
    return bool(place) and any(plain == name or plain.endswith(f"/{name}") for name in names)
