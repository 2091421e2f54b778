"""Why an alert was raised and what it means, as one document in an analyst's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from otmon.evidence.frames import EvidenceFrame
from otmon.evidence.notation import notation
from otmon.evidence.wireshark import Layer
from otmon.model.alert import Alert

PROTOCOLS: Mapping[str, str] = {
    "modbus": "Modbus has no log-in: whoever reaches the device on its port can read and write it.",
    "modbus_rtu": "Modbus has no log-in: whoever reaches the line can read and write its stations.",
    "umas": "UMAS, in Modbus function 90, programs Schneider controllers. A reservation keeps "
    "other clients out only as long as they respect it.",
    "s7comm": "S7comm of S7-300 and S7-400 has no log-in of its own. Unless a password protects "
    "the CPU, whoever reaches port 102 can stop it, and read and load its program.",
    "dnp3": "DNP3 without Secure Authentication believes every master. An outstation obeys "
    "whoever sends from the right link address.",
    "tristation": "TriStation has no log-in. The key switch of the controller is what stands "
    "between a client and the safety program: on RUN it refuses changes.",
}
"""What an analyst should know of a protocol before judging an alert."""

_FACTS = {"vendor": "", "model": "", "order_code": "", "firmware": "fw ", "hostname": ""}
"""What a device is told by, each with the word before it."""

MAX_ENDS = 4
"""Of several clients or servers, how many are described."""

MAX_DEVIATIONS = 6
"""Deviations from the baseline that are told."""

_TECHNIQUES = "https://attack.mitre.org/techniques/"


@dataclass(frozen=True, slots=True)
class Device:
    """One end of an alert, as the inventory knows it."""

    part: str
    """`client` or `server`."""
    address: str
    asset: str | None
    """Its id; none where it is no known device."""
    words: str
    """Roles, vendor, model, what it is."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a rule's condition, and what it met."""

    text: str
    met: str | None
    """The value on which it held; none where it is no test, or did not have to hold."""


@dataclass(frozen=True, slots=True)
class ExplainedRule:
    """The rule of an alert, and how it held."""

    id: str
    title: str
    about: str
    lines: tuple[Line, ...]
    path: str | None
    """Its file; none where the rule is not there any more."""
    changed: bool
    """Whether the rule is another one now than the one that raised the alert."""


@dataclass(frozen=True, slots=True)
class ExplainedFrame:
    """A frame of the alert, decoded twice."""

    frame: EvidenceFrame
    own: tuple[tuple[str, ...], ...]
    """The messages that otmon found in it, each as lines."""
    wireshark: tuple[Layer, ...]
    """The layers that Wireshark found in it."""


@dataclass(frozen=True, slots=True)
class Technique:
    """A technique of ATT&CK for ICS."""

    id: str
    name: str
    link: str


@dataclass(frozen=True, slots=True)
class RelatedAlert:
    """An alert near this one, with the same client or server."""

    id: int
    level: str
    title: str
    message: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything that helps to judge an alert."""

    alert: Alert
    notation: tuple[str, ...]
    """What the short names of what was touched stand for."""
    devices: tuple[Device, ...]
    meaning: tuple[str, ...]
    """Why it matters, general things last."""
    baseline: tuple[str, ...]
    """What was known to be normal."""
    rule: ExplainedRule
    severity: tuple[str, ...]
    """The factors, and what they come to."""
    frames: tuple[ExplainedFrame, ...]
    remarks: tuple[str, ...]
    """Why frames or Wireshark's opinion are missing, and the like."""
    techniques: tuple[Technique, ...]
    related: tuple[RelatedAlert, ...]


@dataclass(frozen=True, slots=True)
class KnownRule:
    """A rule as it is now."""

    description: str
    about: str
    lines: Sequence[str]
    path: str
    version: str


def explain(
    alert: Alert,
    *,
    rule: KnownRule | None,
    assets: Sequence[Mapping[str, Any]],
    class_meanings: Mapping[str, str],
    deviations: Sequence[Mapping[str, Any]],
    related: Sequence[Alert],
    frames: Sequence[ExplainedFrame],
    remarks: Sequence[str],
) -> Explanation:
    """Puts together what is known of an alert.

    Args:
        alert: The alert.
        rule: Its rule, where there still is one.
        assets: The devices of the inventory, as documents.
        class_meanings: What each operation class does.
        deviations: What differed from the baseline, as documents.
        related: Alerts near it.
        frames: Its frames.
        remarks: What is missing, and why.
    """
    conditions, factors = _split(alert.why)
    return Explanation(
        alert=alert,
        notation=notation(alert.protocol, (row.target for row in alert.violations)),
        devices=tuple(_device(part, address, assets) for part, address in _ends(alert)),
        meaning=tuple(_meaning(alert, rule, conditions, class_meanings)),
        baseline=(*_baseline(alert), *_deviations(alert, deviations)),
        rule=_rule(alert, rule, conditions),
        severity=factors,
        frames=tuple(frames),
        remarks=tuple(remarks),
        techniques=tuple(
            Technique(number, name, _TECHNIQUES + number.replace(".", "/") + "/")
            for number, name in zip(alert.techniques, alert.technique_names, strict=True)
        ),
        related=tuple(
            RelatedAlert(one.id, one.level, one.rule.title, one.message) for one in related
        ),
    )


def _split(why: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The conditions that held, and the factors of the severity."""
    conditions = tuple(one for one in why if not one.startswith("severity "))
    factors = [one for one in why if one.startswith("severity ")]
    parts: list[str] = []
    for one in factors:
        score, _, made_of = one.partition(": ")
        parts += [*made_of.split(" x "), f"together {score.removeprefix('severity ')}"]
    return conditions, tuple(parts)


def _ends(alert: Alert) -> list[tuple[str, str]]:
    """Who takes part, and as what; of several the first few."""
    ends = []
    for part, one in (("client", alert.client), ("server", alert.server)):
        several = dict.fromkeys(getattr(row, part) for row in alert.violations)
        named = [one] if one is not None else [some for some in several if some is not None]
        ends += [(part, address) for address in named[:MAX_ENDS]]
    return ends


def _device(part: str, address: str, assets: Sequence[Mapping[str, Any]]) -> Device:
    for asset in assets:
        if address in (*asset["ip"], *asset["mac"]):
            named = [f"{word}{asset[key]}" for key, word in _FACTS.items() if asset.get(key)]
            roles = list(asset["roles"]) or [f"{one}?" for one in asset.get("role_candidates", ())]
            words = ", ".join([*roles, *named])
            return Device(part, address, asset["id"], words or "nothing more is known of it")
    return Device(part, address, None, "no device of the inventory: it has not answered anybody")


def _meaning(
    alert: Alert,
    rule: KnownRule | None,
    conditions: Sequence[str],
    class_meanings: Mapping[str, str],
) -> list[str]:
    said = [rule.description] if rule is not None else []
    held = _values(conditions).get("ot.operation.class")
    if held is not None and held in class_meanings:
        said.append(f"The class {held} means: {class_meanings[held].lower()}")
    if alert.protocol is not None and alert.protocol in PROTOCOLS:
        said.append(PROTOCOLS[alert.protocol])
    return said


def _values(conditions: Sequence[str]) -> dict[str, str]:
    """The fields that conditions name, with their values."""
    pairs = (one.partition(" is ") for one in conditions)
    return {field: value for field, word, value in pairs if word and " " not in field}


def _baseline(alert: Alert) -> list[str]:
    """What the baseline said of the event that the message tells of."""
    said = alert.baseline
    if said is None:
        return []
    if said.state != "enforcing":
        return ["It was still being learned then: nothing was told as new."]
    if not said.novel:
        return ["The like was done before: it is in the baseline."]
    lines = [f"Not in the baseline; new is: {', '.join(said.novel).replace('_', ' ')}"]
    if said.expected is not None:
        lines.append(f"normal is: {said.expected}")
    if said.observed is not None:
        ids = f" ({', '.join(alert.statements[:2])})" if alert.statements else ""
        lines.append(f"seen was: {said.observed}{ids}")
    return lines


def _deviations(alert: Alert, deviations: Sequence[Mapping[str, Any]]) -> list[str]:
    """What differed from the baseline in the frames of an alert, or in what its ends did."""
    if alert.baseline is not None and alert.baseline.novel:
        return []
    own = set(alert.evidence.frames)
    ends = [end for end in (alert.client, alert.server) if end is not None]
    near = [one for one in deviations if own & set(one["frames"])]
    said = []
    if not near:
        near = [one for one in deviations if ends and all(end in one["observed"] for end in ends)]
        if near:
            said.append("What else the same two did that is not in the baseline:")
    for one in near[:MAX_DEVIATIONS]:
        said.append(f"seen: {one['observed']} ({one['statement']}, {one['state']})")
        if one["expected"]:
            said.append(f"  expected: {one['expected']}")
    if len(near) > MAX_DEVIATIONS:
        said.append(f"and {len(near) - MAX_DEVIATIONS} deviations more")
    return said


def _own(alert: Alert, conditions: Sequence[str]) -> Sequence[str]:
    """The conditions without what baseline and detector said, where that is told by itself."""
    if alert.baseline is None and alert.anomaly is None:
        return conditions
    return [one for one in conditions if not one.startswith(("normal is: ", "seen was: "))]


def _rule(alert: Alert, rule: KnownRule | None, conditions: Sequence[str]) -> ExplainedRule:
    if rule is None:
        held = tuple(Line(one, None) for one in conditions)
        return ExplainedRule(alert.rule.id, alert.rule.title, "", held, None, True)
    values = _values(conditions)
    shown = set()
    lines = []
    for text in rule.lines:
        field = text.strip().removeprefix("not: ").partition(" ")[0]
        met = None if text.strip().startswith("not: ") else values.get(field)
        if met is not None:
            shown.add(field)
        lines.append(Line(text, met))
    lines += [
        Line(one, None)
        for one in _own(alert, conditions)
        if _values([one]).keys() - shown or not _values([one])
    ]
    return ExplainedRule(
        alert.rule.id,
        alert.rule.title,
        rule.about,
        tuple(lines),
        rule.path,
        rule.version != alert.rule.version,
    )
