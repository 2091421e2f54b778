"""Log-ins: who came in, who did not, and how badly what they said was kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar

from otmon.detectors.bounded import Json, Told
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


class Auth(Detector):
    """Tells log-ins apart: accepted, refused, readable by all, without a password, by default."""

    name = "auth"
    categories = frozenset(("ot_operation",))
    says: ClassVar[Mapping[str, str]] = {
        "login_ok": "A log-in was accepted.",
        "login_failed": "A log-in was refused.",
        "cleartext_credential": "A password crossed the network so that anybody can read it.",
        "anonymous_login": "Somebody came in without a password.",
        "default_credential": "Somebody used a password that every manual names.",
    }

    def __init__(self, settings: AuthThresholds | None = None) -> None:
        self.settings = settings or AuthThresholds()
        self._told: Told[tuple[object, ...]] = Told(self.settings.repeat_s * SECOND, MAX_TOLD)

    def wants(self, event: Event) -> bool:
        """Log-ins, and file commands that carry a user."""
        return event.operation_class in _CLASSES or (
            event.service == "dnp3" and event.operation_class in _FILE_CLASSES
        )

    def observe(self, event: Event) -> Iterable[Event]:
        """Takes an operation that may be a log-in."""
        # Most operations of DNP3 come here, and have none: only that is looked for.
        secret = event.get(f"{event.service}.auth_secret")
        if secret is None and event.operation_class not in _CLASSES:
            return ()
        return list(self._judged(event, secret))

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
        elif isinstance(secret, str) and secret.startswith("default"):
            name = secret.partition(":")[2] or "a known one"
            yield from self._once(event, "default_credential", "a password of the site", name)
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
        """What was told."""
        return self._told.written()

    def restore(self, memory: Json) -> None:
        """Takes it."""
        self._told.read(memory)
