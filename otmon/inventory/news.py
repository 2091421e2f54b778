"""What changed on the network, as events: who, what was expected, what was seen, since when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otmon.model.observed import Ends, event_from_ends

if TYPE_CHECKING:
    from otmon.inventory.device import Device
    from otmon.model.context import Context
    from otmon.model.event import Event, FieldValue, Frame

PROVIDER = "inventory"
"""The detector that speaks, in `event.provider`."""
MAX_WAITING = 10_000
"""Events that wait to be taken; a run takes them after every observation."""


class News:
    """Collects events until they are taken."""

    def __init__(self) -> None:
        self.context: Context | None = None
        """What the events ask for the facts of their ends."""
        self.left_out_count = 0
        self.waiting: list[Event] = []
        """What `take` will give."""

    def take(self) -> list[Event]:
        """Everything since the last time, oldest first."""
        taken, self.waiting = self.waiting, []
        return taken

    def tell(
        self,
        type: str,
        device: Device,
        time_ns: int,
        *,
        expected: str,
        observed: str,
        since_ns: int | None = None,
        frames: tuple[Frame | None, ...] = (),
        ip: str | None = None,
        protocol: str | None = None,
        attribute: str | None = None,
    ) -> None:
        """Notes what happened to a device; it is the client of the event.

        Args:
            type: What happened.
            device: To whom.
            time_ns: Packet time at which it came to be true.
            expected: What would have been normal.
            observed: What was seen instead.
            since_ns: Since when the normal held.
            frames: Where both can be seen, as far as this run has them.
            ip: The address that it is about, where the device has several.
            protocol: By which it showed.
            attribute: The attribute that it is about.
        """
        owner = device.gateway or device
        ends = Ends(
            client_ip=ip or next(iter(owner.ips), None),
            client_mac=next(iter(owner.macs), None),
            vlan=device.vlan,
            protocol=protocol,
            frames=tuple(dict.fromkeys(frame for frame in frames if frame is not None)),
        )
        own: dict[str, FieldValue] = {"ot.asset.attribute": attribute}
        if device.unit is not None:
            own["ot.unit.id"] = str(device.unit)
        self.add("ot_asset", type, ends, time_ns, expected, observed, since_ns, own)

    def add(
        self,
        category: str,
        type: str,
        ends: Ends,
        time_ns: int,
        expected: str,
        observed: str,
        since_ns: int | None,
        own: dict[str, FieldValue],
    ) -> None:
        """Notes what happened between two ends."""
        if len(self.waiting) >= MAX_WAITING:
            self.left_out_count += 1
            return
        fields: dict[str, FieldValue] = {
            "event.provider": PROVIDER,
            "anomaly.type": type,
            "anomaly.expected": expected,
            "anomaly.observed": observed,
            "anomaly.since": since_ns,
            "@timestamp": time_ns,
            **own,
        }
        self.waiting.append(event_from_ends(category, time_ns, ends, fields, self.context))
