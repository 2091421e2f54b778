"""What happened, as a sentence of an analyst."""

from __future__ import annotations

from collections.abc import Mapping

from otmon.alerts.refusal import is_deed, refusals
from otmon.fields import CHANGE_CLASSES, PARTLY_REFUSED
from otmon.model.event import Event, listed
from otmon.model.rule import Match

MAX_VALUES = 4
"""Values that a message shows."""

_PROTOCOLS = {
    "modbus": "Modbus",
    "modbus_rtu": "Modbus RTU",
    "umas": "UMAS",
    "s7comm": "S7comm",
    "dnp3": "DNP3",
    "tristation": "TriStation",
}

_SENTENCES: Mapping[str, str] = {
    "firmware_update": "{client} updated firmware of {server}",
    "program_download": "{client} loaded program into {server}",
    "program_delete": "{client} deleted program of {server}",
    "factory_reset": "{client} reset the memory of {server}",
    "mode_stop": "{client} stopped the controller {server}",
    "restart": "{client} restarted {server}",
    "force": "{client} forced inputs or outputs of {server}",
    "mode_start": "{client} started the controller {server}",
    "mode_other": "{client} changed the operating mode of {server}",
    "command": "{client} commanded {server}",
    "write": "{client} wrote to {server}",
    "config_write": "{client} changed the configuration of {server}",
    "auth_change": "{client} changed users or protection of {server}",
    "time_set": "{client} set the clock of {server}",
    "report_disable": "{client} silenced reports of {server}",
    "alarm_config": "{client} changed alarms of {server}",
    "file_write": "{client} wrote a file to {server}",
    "file_delete": "{client} deleted a file of {server}",
    "diag_clear": "{client} cleared diagnostics of {server}",
    "lock": "{client} reserved {server}",
    "unlock": "{client} released {server}",
    "program_upload": "{client} read program out of {server}",
    "auth_login": "{client} logged in to {server}",
    "file_read": "{client} read a file of {server}",
    "identify": "{client} asked {server} what it is",
    "browse": "{client} listed what {server} holds",
}


_DID: Mapping[str, str] = {
    "write": "wrote to",
    "command": "commanded",
    "config_write": "changed the configuration of",
    "time_set": "set the clock of",
    "alarm_ack": "acknowledged alarms of",
    "report_disable": "silenced reports of",
}
"""What a client did, for sentences that hold for several classes."""

_WHOLE = frozenset(("restart", "factory_reset", "diag_clear"))
"""Classes that are about a device as a whole: what their messages name besides is noise."""

_VALUED = CHANGE_CLASSES - _WHOLE - {"mode_start", "mode_stop", "mode_other", "report_disable"}
"""Classes whose values matter."""


_MANY = {"client": "several clients", "server": "several servers"}
"""What is said where it was no single one."""

_FIELDS: Mapping[str, tuple[str, str]] = {
    "newest": ("client.address", "a client"),
    "operation": ("ot.function.name", "unknown operation"),
    "target": ("ot.object.id", "nothing named"),
    "unit": ("ot.unit.id", "none"),
    "value": ("ot.value", "none"),
    "status": ("ot.status.name", "none"),
    "anomalies": ("ot.anomaly", "none"),
    "file": ("file.name", "unnamed"),
    "expected": ("anomaly.expected", "unknown"),
    "observed": ("anomaly.observed", "unknown"),
}
"""The field behind a place of a sentence, and what is said where there is none."""


class _Places(dict[str, str]):
    """What the places of a sentence stand for, found as they are asked for."""

    def __init__(self, event: Event, client: str | None, server: str | None, count: int) -> None:
        super().__init__(
            client=client or _MANY["client"], server=server or _MANY["server"], count=str(count)
        )
        self._event = event

    def __missing__(self, place: str) -> str:
        event = self._event
        if place == "did":
            return _DID.get(event.operation_class or "", "changed something in")
        if place == "protocol":
            return _protocol(event) or "unknown protocol"
        field, otherwise = _FIELDS[place]
        return event.text(field) or otherwise


def message_of(match: Match, client: str | None, server: str | None, count: int) -> str:
    """The sentence of an alert: who did what to whom, how, and what came of it.

    Args:
        match: What raised it.
        client: Who did it, None where several did.
        server: To whom, None where it was done to several.
        count: How many operations it stands for.
    """
    event = match.event
    template = match.rule.message or _SENTENCES.get(event.operation_class or "")
    if template is None:
        ends = f"{client or _MANY['client']} to {server or _MANY['server']}"
        sentence = f"{match.rule.title}: {ends}"
    else:
        sentence = template.format_map(_Places(event, client, server, count))
    if match.group is not None:
        protocol = _protocol(event)
        said = f"{sentence} ({protocol})" if protocol else sentence
        return f"{said}{_outcome_of_group(match)}"
    return f"{sentence}{_detail(event)}{_outcome(match)}"


def _protocol(event: Event) -> str | None:
    name = event.service
    return None if name is None else _PROTOCOLS.get(name, name)


def _detail(event: Event) -> str:
    """The protocol's own words, in brackets, with the value where one was set."""
    words = [_protocol(event), event.text("ot.function.name") or event.text("file.name")]
    said = " ".join(word for word in words if word)
    target, unit = event.text("ot.object.id"), event.text("ot.unit.id")
    if target and event.operation_class not in _WHOLE:
        said += f" on {target}"
    values = event.get("ot.value") if event.operation_class in _VALUED else None
    if isinstance(values, tuple) and values:
        said += f" = {listed(values, MAX_VALUES)}"
    if unit:
        said += f", unit {unit}"
    return f" ({said})" if said else ""


def _outcome_of_group(match: Match) -> str:
    """What came of a group's operations, where it is not what the sentence says."""
    refused, done = refusals(match)
    if not refused:
        return ""
    if refused == done:
        return ", but was refused each time" if done > 1 else ", but was refused"
    if not match.is_sequence:
        return ", part of it refused"
    steps = [one for one in (*match.members, match.event) if one.has_failed]
    names = dict.fromkeys(one.text("ot.function.name") or "one step" for one in steps)
    return f", but {' and '.join(names)} {'was' if len(names) == 1 else 'were'} refused"


def _outcome(match: Match) -> str:
    event, outcome = match.event, match.event.get("event.outcome")
    if event.get("ot.status.name") == PARTLY_REFUSED:
        return ", part of it refused"
    if outcome == "success":
        return ", accepted" if is_deed(event) and event.get("ot.role") == "request" else ""
    if outcome == "failure":
        status = (event.text("ot.status.name") or "no reason given").replace("_", " ")
        if match.rule.is_about_refusals:
            return f": {status}"
        return f", but was refused: {status}" if is_deed(event) else f"; the answer: {status}"
    # What a device tells unasked has no answer to be seen.
    asks = event.get("ot.role") != "event"
    return ", no answer seen" if asks and event.get("ot.answered") is False else ""
