"""Addresses that move: ARP that names another device, masters and stations from another place.

A redundant pair that hands an address over, a virtual router and a proxy move
addresses, too: virtual hardware addresses and devices with many addresses are
left alone, and so is one whose former holder has not been heard for long.
"""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from otmon.detectors.bounded import Json, Recent, Told
from otmon.detectors.detector import Detector
from otmon.detectors.finding import finding
from otmon.fields import CHANGE_CLASSES
from otmon.model.event import Event
from otmon.thresholds import AddressThresholds

if TYPE_CHECKING:
    from otmon._engine import Address, Arp, HeaderShift

SECOND = 1_000_000_000
TWICE_SHARE = 0.25
"""Share of second copies from which the sensor sees both sides of something."""
TWICE_NS = 300 * SECOND
"""For how long that is taken to go on."""
MAX_HOPS = 3
"""Routers between the two sides."""
MAX_INTERFACES = 1_024
MAX_BINDINGS = 20_000
"""Pairs of hardware and IP address that are known; the longest unheard goes first."""
MAX_OWNED = 8
"""IP addresses that are kept per hardware address."""
_VIRTUAL = ("00:00:5e:00:01:", "00:00:5e:00:02:", "00:00:0c:07:ac:", "00:00:0c:9f:f")
"""How hardware addresses of virtual routers begin: VRRP, HSRP [S: RFC 9568; D: Cisco]."""


_NO_MAC = "00:00:00:00:00:00"
"""What frames of a machine to itself have; there its loopback address is right. So it is
where programs put a made-up link layer before such frames, which no vendor has given out."""


@functools.lru_cache(maxsize=4096)
def _illegal(ip: str, mac: str) -> str | None:
    """What a sender's address is, where no device on a wire may have it; none where one may.

    Without an address yet, a device sends from 0.0.0.0 or ::. [S: RFC 1122, 3.2.1.3;
    RFC 4291, 2.5.3 and 2.7]
    """
    # Most addresses of a plant, without the parsing.
    if ip.startswith(("10.", "192.168.")):
        return None
    address = ipaddress.ip_address(ip)
    if address.is_multicast:
        return "the address of a group"
    if address.is_loopback and mac != _NO_MAC and not int(mac[:2], 16) & 3:
        return "the address of a machine to itself"
    if address.version == 4 and int(address) == 0xFFFFFFFF:
        return "the address of everybody"
    if address.version == 4 and int(address) >> 28 == 0xF:
        return "a reserved address"
    if address.version == 4 and int(address) >> 24 == 0 and int(address):
        return "an address of no network"
    return None


@dataclass(slots=True)
class _Binding:
    """Which hardware address an IP address was last told to have."""

    mac: str
    first_ns: int
    last_ns: int


class AddressMoves(Detector):
    """Speaks when an address that somebody holds is claimed by somebody else."""

    name = "address"
    categories = frozenset(("ot_asset", "ot_anomaly", "ot_operation", "ot_sensor"))
    says: ClassVar[Mapping[str, str]] = {
        "arp_rebind": "A device claims by ARP the IP address of another that is still there.",
        "gratuitous_arp_rate": "A device sends many ARP messages that nobody asked for.",
        "header_shift": "Packets of a flow look as if another machine had sent some of them.",
        "tcp_overlap_conflict": "Bytes of a flow were sent twice and differ.",
        "illegal_address": "A packet was sent from an address that no device may have.",
        "link_address_moved": "A station address of the link layer comes from another device.",
    }
    watches = (
        "Senders of ARP and of frames, the headers of packets within a flow, and the link "
        "addresses of DNP3 masters. Who holds an address must have been seen with it first."
    )
    silent = (
        "Of routers and of devices that answer for others; of an address whose holder was "
        "not heard for a day (`held_s`): it was handed over."
    )

    def __init__(self, settings: AddressThresholds | None = None) -> None:
        self.settings = settings or AddressThresholds()
        self._bindings: Recent[tuple[str, int | None], _Binding] = Recent(MAX_BINDINGS)
        self._owned: Recent[tuple[str, int | None], tuple[str, ...]] = Recent(MAX_BINDINGS)
        self._masters: Recent[tuple[object, ...], str] = Recent(MAX_BINDINGS)
        self._told: Told[tuple[object, ...]] = Told(self.settings.repeat_s * SECOND, MAX_BINDINGS)

        self._twice_ns: dict[int, int] = {}
        """Of each interface when most frames last came twice."""

    can_be_spent = True

    def is_spent(self, event: Event) -> bool:
        """Whether the link address of a client was noted: another's is another relation."""
        return event.category == "ot_operation"

    def wants(self, event: Event) -> bool:
        """Addresses that send, and DNP3 requests."""
        if event.category == "ot_asset":
            return hasattr(event.record, "arp") or hasattr(event.record, "gratuitous_count")
        if event.category == "ot_sensor":
            return hasattr(event.record, "duplicate_frames")
        if event.category == "ot_anomaly":
            return hasattr(event.record, "from_client")
        if event.service != "dnp3" or event.get("ot.role") != "request":
            return False
        return event.operation_class in CHANGE_CLASSES

    def observe(self, event: Event) -> Iterable[Event]:
        """Takes a pair of addresses, or an operation that names its link address."""
        if event.category == "ot_sensor":
            health = event.record
            if health.duplicate_frames > TWICE_SHARE * health.frames:
                self._twice_ns[health.interface % MAX_INTERFACES] = health.until_ns
            return ()
        if event.category == "ot_anomaly":
            return list(self._shift(event, event.record))
        if event.category == "ot_asset":
            if hasattr(event.record, "gratuitous_count"):
                return list(self._unasked(event, event.record))
            return list(self._address(event, event.record))
        return list(self._link(event))

    def _address(self, event: Event, address: Address) -> Iterator[Event]:
        ip, mac, vlan = address.ip, address.mac, address.vlan
        if ip is not None and mac is not None and (what := _illegal(ip, mac)) is not None:
            yield from self._is_illegal(event, ip, mac, vlan, what)
        if ip is None or mac is None or ip in ("0.0.0.0", "::") or mac.startswith(_VIRTUAL):
            return
        owned = self._owned.get((mac, vlan)) or ()
        if ip not in owned:
            self._owned.put((mac, vlan), (*owned, ip)[-MAX_OWNED:])
        if not address.arp:
            return
        known = self._bindings.get((ip, vlan))
        if known is None:
            self._bindings.put(
                (ip, vlan), _Binding(mac, address.first_seen_ns, address.last_seen_ns)
            )
            return
        if known.mac == mac:
            known.last_ns = max(known.last_ns, address.last_seen_ns)
            return
        since_ns, before, quiet_ns = known.first_ns, known.mac, event.time_ns - known.last_ns
        self._bindings.put((ip, vlan), _Binding(mac, address.first_seen_ns, address.last_seen_ns))
        others = [one for one in owned if one != ip]
        if not others or len(others) >= self.settings.router_count:
            return  # a device that was exchanged, or a router that answers for others
        if quiet_ns > self.settings.held_s * SECOND:
            return
        if self._told.may((ip, vlan, mac), event.time_ns):
            yield finding(
                self,
                event,
                "arp_rebind",
                category="ot_anomaly",
                expected=f"{ip} at {before}",
                observed=f"{mac}, which is {others[-1]}, says that it is {ip}",
                since_ns=since_ns,
            )

    def _is_illegal(
        self, event: Event, ip: str, mac: str, vlan: int | None, what: str
    ) -> Iterator[Event]:
        if self._told.may(("illegal", ip, vlan, mac), event.time_ns):
            yield finding(
                self,
                event,
                "illegal_address",
                category="ot_anomaly",
                expected="an address of one device",
                observed=f"{ip}, {what}, sent by {mac}",
            )

    def _unasked(self, event: Event, arp: Arp) -> Iterator[Event]:
        count = arp.gratuitous_count + arp.unasked_count
        limit = self.settings.unasked_count
        if count < limit or arp.mac.startswith(_VIRTUAL):
            return
        if self._told.may(("unasked", arp.vlan, arp.mac), event.time_ns):
            yield finding(
                self,
                event,
                "gratuitous_arp_rate",
                category="ot_anomaly",
                expected=f"fewer than {limit} within a minute that nobody asked for",
                observed=f"{count} by {arp.mac} as {arp.ip}",
                since_ns=arp.from_ns,
            )

    def _shift(self, event: Event, shift: HeaderShift) -> Iterator[Event]:
        overlap = shift.kind == "overlap"
        if not overlap and shift.count < self.settings.shift_count:
            return
        if shift.kind == "ttl" and self._is_past_a_router(shift):
            return
        type = "tcp_overlap_conflict" if overlap else "header_shift"
        key = (type, shift.client_address, shift.server_address, shift.server_port)
        if not self._told.may(key, event.time_ns):
            return
        sender = shift.client_address if shift.from_client else shift.server_address
        what = {"ttl": "time to live", "ip_id": "IP identification"}.get(shift.kind, "bytes")
        before, after = shift.values or ("the first copy", "another")
        yield finding(
            self,
            event,
            type,
            category="ot_anomaly",
            expected=f"{what} {before} in packets of {sender}",
            observed=f"{after}, {shift.count} times",
        )

    def _is_past_a_router(self, shift: HeaderShift) -> bool:
        """Whether the sensor sees both sides of a router, and a packet of the other side."""
        before, after = shift.values or (0, 0)
        twice_ns = self._twice_ns.get(shift.interface % MAX_INTERFACES)
        if twice_ns is None or shift.time_ns - twice_ns > TWICE_NS:
            return False
        return abs(before - after) <= MAX_HOPS

    def _link(self, event: Event) -> Iterator[Event]:
        # The fields are those of the answer, where there is one.
        record = event.record
        source = event.get("dnp3.destination" if record.answered else "dnp3.source")
        client = record.client_address
        if not isinstance(source, int) or not isinstance(client, str):
            return
        key = (record.server_address, record.vlan, source)
        known = self._masters.get(key)
        self._masters.put(key, client)
        if known is None or known == client:
            return
        if self._told.may((*key, client), event.time_ns):
            yield finding(
                self,
                event,
                "link_address_moved",
                category="ot_anomaly",
                expected=f"link address {source} at {known}",
                observed=f"link address {source} at {client}",
            )

    def memory(self) -> Json:
        """Who holds what."""
        return {
            "bindings": self._bindings.written(lambda one: [one.mac, one.first_ns, one.last_ns]),
            "owned": self._owned.written(list),
            "masters": self._masters.written(str),
            "told": self._told.written(),
        }

    def restore(self, memory: Json) -> None:
        """Takes it."""
        self._bindings.read(memory["bindings"], lambda one: _Binding(*one))
        self._owned.read(memory["owned"], tuple)
        self._masters.read(memory["masters"], str)
        self._told.read(memory["told"])
