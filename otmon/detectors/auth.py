"""Log-ins: who came in, who did not, and how badly what they said was kept.

A device without protection is no event: most have none. One that had it and has
it no longer is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar

from otmon.detectors.bounded import Json, Recent, Told
from otmon.detectors.detector import Detector
from otmon.detectors.finding import finding
from otmon.model.event import Event
from otmon.thresholds import AuthThresholds

SECOND = 1_000_000_000
MAX_TOLD = 20_000
"""Clients and servers that were told of; the longest quiet goes first."""

_CLASSES = frozenset(("auth_login", "auth_fail"))
_FILE_CLASSES = frozenset(("file_read", "file_write", "file_delete"))
_OPEN = frozenset(("s7comm", "umas", "dnp3", "ftp", "telnet", "pcom"))
"""Protocols that carry a password so that anybody who listens can read it [S]."""
_LEVEL = "s7comm.protection_level"
"""The protection in force, in the system status list 0x0232."""
_LEVELS = {1: "no protection", 2: "protection against writing", 3: "a password for everything"}
MAX_PROTECTED = 10_000
"""Devices of which the protection is known; the longest unasked goes first."""


class Auth(Detector):
    """Tells log-ins apart: accepted, refused, readable by all, without a password, by default."""

    name = "auth"
    version = 2
    categories = frozenset(("ot_operation",))
    says: ClassVar[Mapping[str, str]] = {
        "login_ok": "A log-in was accepted.",
        "login_failed": "A log-in was refused.",
        "cleartext_credential": "A password crossed the network so that anybody can read it.",
        "anonymous_login": "Somebody came in without a password.",
        "default_credential": "Somebody used a password that every manual names.",
        "hardcoded_credential": "Somebody used a password that is built into the device.",
        "weak_security": "A device is less protected than it was.",
    }
    watches = (
        "Log-ins, file commands of DNP3 that carry a user, and the protection level that an "
        "S7 controller tells (list 0x0232). `weak_security` needs the level to have been "
        "told twice."
    )
    silent = (
        "Of devices that never were protected, and of passwords that were never seen. "
        "`default_credential` and `hardcoded_credential` wait for protocols that show "
        "passwords."
    )

    def __init__(self, settings: AuthThresholds | None = None) -> None:
        self.settings = settings or AuthThresholds()
        self._told: Told[tuple[object, ...]] = Told(self.settings.repeat_s * SECOND, MAX_TOLD)
        self._levels: Recent[tuple[object, ...], tuple[int, int]] = Recent(MAX_PROTECTED)

    def wants(self, event: Event) -> bool:
        """Log-ins, file commands that carry a user, and what tells of protection."""
        if event.service == "s7comm" and event.get("ot.function.name") == "read_szl":
            return event.get("event.outcome") == "success" and not event.is_behaviour
        return event.operation_class in _CLASSES or (
            event.service == "dnp3" and event.operation_class in _FILE_CLASSES
        )

    def observe(self, event: Event) -> Iterable[Event]:
        """Takes an operation that may be a log-in."""
        if event.service == "s7comm" and event.operation_class not in _CLASSES:
            return list(self._protection(event))
        # Most operations of DNP3 come here, and have none: only that is looked for.
        secret = event.get(f"{event.service}.auth_secret")
        if secret is None and event.operation_class not in _CLASSES:
            return ()
        return list(self._judged(event, secret))

    def _protection(self, event: Event) -> Iterator[Event]:
        level = event.record.field(_LEVEL)
        if not isinstance(level, int) or level not in _LEVELS:
            return
        key = (event.get("server.address"), event.get("network.vlan.id"), event.service)
        last = self._levels.get(key)
        self._levels.put(key, (level, event.time_ns))
        if last is not None and level < last[0]:
            yield finding(
                self,
                event,
                "weak_security",
                category="ot_auth",
                expected=_LEVELS[last[0]],
                observed=_LEVELS[level],
                since_ns=last[1],
            )

    def _judged(self, event: Event, secret: object) -> Iterator[Event]:
        if event.operation_class not in _CLASSES:
            if secret is not None:
                yield from self._secret(event, secret)
            return
        outcome = event.get("event.outcome")
        if outcome == "failure" or event.operation_class == "auth_fail":
            yield self._found(event, "login_failed", "a log-in that is right", "it was refused")
        elif outcome == "success":
            yield self._found(event, "login_ok", "none", "it was accepted")
        if secret is not None:
            yield from self._secret(event, secret)
        elif event.service in _OPEN and event.get("ot.role") == "request":
            yield from self._once(
                event, "cleartext_credential", "a secret that stays one", "it can be read by all"
            )

    def _secret(self, event: Event, secret: object) -> Iterator[Event]:
        if secret == "none":
            yield from self._once(event, "anonymous_login", "a password", "none was given")
        elif isinstance(secret, str) and secret.startswith(("default", "hardcoded")):
            kind, _, name = secret.partition(":")
            type = f"{kind}_credential"
            yield from self._once(event, type, "a password of the site", name or "a known one")
        else:
            yield from self._once(
                event, "cleartext_credential", "a secret that stays one", "it can be read by all"
            )

    def _once(self, event: Event, type: str, expected: str, observed: str) -> Iterator[Event]:
        key = (type, event.get("client.address"), event.get("server.address"), event.service)
        if self._told.may(key, event.time_ns):
            yield self._found(event, type, expected, observed)

    def _found(self, event: Event, type: str, expected: str, observed: str) -> Event:
        return finding(self, event, type, category="ot_auth", expected=expected, observed=observed)

    def memory(self) -> Json:
        """What was told, and the protection of devices."""
        return {"told": self._told.written(), "levels": self._levels.written(list)}

    def restore(self, memory: Json) -> None:
        """Takes it."""
        self._told.read(memory["told"])
        self._levels.read(memory["levels"], tuple)
