"""What devices do: who speaks with whom, in which roles, and across which borders."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from otmon.inventory import telling
from otmon.inventory.crossing import Crossings
from otmon.inventory.role import RELAYS, SERVERS
from otmon.inventory.station import Stations
from otmon.model.service import SPOKEN_PACKETS, service_of

if TYPE_CHECKING:
    from otmon._engine import Behaviour, Conversation, Transaction
    from otmon.config import Config
    from otmon.inventory.device import Device
    from otmon.inventory.news import News
    from otmon.inventory.roster import Roster
    from otmon.inventory.segment import Segments, Vlan
    from otmon.inventory.view import Views
    from otmon.inventory.watching import Watching

AWAY = frozenset(("gateway_path_unavailable", "gateway_target_failed_to_respond"))
"""What only gateways answer: Modbus exceptions 10 and 11 [S]."""

ENGINEERING = frozenset(
    (
        "program_download",
        "program_upload",
        "program_delete",
        "firmware_update",
        "mode_start",
        "mode_stop",
        "mode_other",
        "config_write",
        "file_write",
        "lock",
    )
)
"""What only engineering tools do."""


class Traffic:
    """Gives conversations and behaviours to the devices at their ends."""

    def __init__(
        self,
        config: Config,
        segments: Segments,
        roster: Roster,
        watching: Watching,
        views: Views,
        news: News,
    ) -> None:
        """Takes who the devices are, what is known of them, and who is told."""
        self._segments = segments
        self._roster = roster
        self._find = roster.places.find
        self._watching = watching
        self._views = views
        self._news = news
        self._stations = Stations(config.site.name, news, roster, watching)
        self._has_borders = False
        """Whether the site has named zones, in this configuration or one before."""
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Takes conduits and time zone of a configuration, when the views have its zones."""
        zones = self._views.zones
        zone = ZoneInfo(config.site.time_zone)
        self._crossings = Crossings(zones, config.conduits, self._news, zone)
        self._has_borders = self._has_borders or bool(zones)

    def conversation(self, talk: Conversation) -> None:
        """Takes who talks to whom, new or counted on."""
        vlan, number = self._segments.vlan(talk.vlan), talk.id
        self._roster.places.talks(talk, vlan)
        client = self._find(talk.client_ip, talk.client_mac, vlan)
        server = self._find(talk.server_ip, talk.server_mac, vlan)
        if talk.answered_count or (talk.packets and not talk.one_sided):
            self._confirm(client, server, talk.last_seen_ns)
        if talk.protocol is None:
            self._other_traffic(talk, client, server)
            return
        if client is not None:
            client.changes()
            client.activity.asks(talk, client.client_talks.get(number))
            _keep(talk, client.client_talks)
            if client.remembered is not None:
                self._role_changed(client, talk)
        if server is not None:
            server.changes()
            server.activity.answers(talk, server.server_talks.get(number))
            _keep(talk, server.server_talks)

    def wants(self, behaviour: Behaviour) -> bool:
        """Whether a behaviour has to be shown."""
        return behaviour.unit is not None or (behaviour.new and self._looks_at_first())

    def behaviour(self, behaviour: Behaviour, before: int) -> None:
        """Takes what is done, new or counted on: what a station answers makes it known.

        Args:
            behaviour: What is done.
            before: How often it had been when it was shown last.
        """
        vlan = self._segments.vlan(behaviour.vlan)
        server = self._find(behaviour.server_ip, behaviour.server_mac, vlan)
        if behaviour.new and self._looks_at_first():
            self._first(behaviour, server, vlan)
        unit = behaviour.unit
        if unit is None or server is None:
            return
        if behaviour.status in AWAY and RELAYS not in server.activity.services:
            server.changes()
            server.activity.services.add(RELAYS)
        if behaviour.status != "ok":
            return
        self._stations.answers(server, behaviour, unit, before)

    def crosses(self, record: Behaviour | Transaction | Conversation, time_ns: int) -> bool:
        """Whether a record goes from zone to zone where no conduit of the site lets it pass."""
        if not self._crossings.has_conduits:
            return False
        vlan = self._segments.vlan(record.vlan)
        client = self._find(record.client_ip, record.client_mac, vlan)
        server = self._find(record.server_ip, record.server_mac, vlan)
        if client is None or server is None:
            return False
        source, destination = self._views.facts(client).zone, self._views.facts(server).zone
        return self._crossings.is_forbidden(record, source, destination, time_ns)

    def _looks_at_first(self) -> bool:
        """Whether it matters who does something for the first time, and where."""
        watching = self._watching
        return (
            self._has_borders or watching.remembers or watching.learns or self._roster.meets_outside
        )

    def _first(self, behaviour: Behaviour, server: Device | None, vlan: Vlan) -> None:
        """Looks at what is done for the first time: by whom, and across which border."""
        client = self._find(behaviour.client_ip, behaviour.client_mac, vlan)
        if client is None or server is None:
            return
        if behaviour.answered:
            self._confirm(client, server, behaviour.first_seen_ns)
        if client.new and behaviour.operation_class in ENGINEERING and not client.transient_told:
            self._transient(client, behaviour)
        if self._views.zones or client.public or server.public:
            ends = ((client, self._views.facts(client)), (server, self._views.facts(server)))
            self._crossings.behaviour(behaviour, *ends)

    def _confirm(self, client: Device | None, server: Device | None, time_ns: int) -> None:
        """Both ends of what was answered are devices."""
        for device in (client, server):
            if device is not None and not device.confirmed:
                self._roster.confirm(device, time_ns)

    def _other_traffic(
        self, talk: Conversation, client: Device | None, server: Device | None
    ) -> None:
        if talk.packets < SPOKEN_PACKETS or talk.one_sided:
            return
        service = service_of(talk.transport, talk.server_port)
        if service is not None:
            _add_service(client, f"uses {service}")
            _add_service(server, f"serves {service}")
        if self._views.zones and client is not None and server is not None:
            ends = ((client, self._views.facts(client)), (server, self._views.facts(server)))
            self._crossings.conversation(talk, *ends)

    def _transient(self, client: Device, behaviour: Behaviour) -> None:
        if self._views.words.of(client).accepted:
            return
        client.transient_told = True
        telling.transient(self._news, client, behaviour)

    def _role_changed(self, client: Device, talk: Conversation) -> None:
        """A known device asks others for the first time, though it was one that is asked."""
        known = client.remembered or ()
        if client.role_told or client.asked_before or not SERVERS.intersection(known):
            return
        if any(role not in SERVERS and role != "gateway" for role in known):
            return
        client.role_told = True
        telling.asks(self._news, client, known, talk)


def _add_service(device: Device | None, name: str) -> None:
    if device is not None and name not in device.activity.services:
        device.changes()
        device.activity.services.add(name)


def _keep(talk: Conversation, talks: dict[int, Conversation]) -> None:
    """Keeps the latest of a conversation until the engine lets it go."""
    if talk.left:
        talks.pop(talk.id, None)
    else:
        talks[talk.id] = talk
