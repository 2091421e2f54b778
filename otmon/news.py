"""What is new for a remote sink: of devices and alerts, against what it was told before.

What it was told stands in the state, in the transaction of what tells it, so
that a run goes on where the one before ended, and so that alerts can be told
again as they were told then.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from otmon.model.alert import Alert, Excerpt
from otmon.model.asset import Asset
from otmon.model.document import Time, pack, unpack
from otmon.model.rule import Rule
from otmon.sinks import ledger, told
from otmon.sinks.elastic import documents
from otmon.sinks.elastic.documents import Draft, Find, Sensor, Update
from otmon.state import alerts
from otmon.state.alerts import Change

HOUR_NS = 3_600_000_000_000
_CHANGE = "told_change"
"""The fact that says which change of an alert was told last."""
_UNTOLD = ("evidence", "last_seen", "peer_count")
"""What changes of a device with every packet: no news by itself."""
_BY_TRAFFIC = ("raised", "level", "count", "reopened")
"""Changes whose time is that of packets."""
Show = Callable[[Sequence[Alert]], Mapping[int, Excerpt]]
"""Gives the bytes that alerts carry, by their number."""


RuleOf = Callable[[str], Rule | None]
"""The rule of an id, as the site has it now; none where it has none."""


@dataclass(frozen=True, slots=True)
class Around:
    """What is known around alerts."""

    find: Find
    """Gives the device of an address."""
    rule_of: RuleOf = lambda name: None
    show: Show = lambda found: {}
    """Gives the bytes that alerts carry: none, unless people wish it."""


def places(assets: Iterable[Asset]) -> dict[str, Asset]:
    """Devices by their id and by each address; of two with one address the one seen last."""
    found: dict[str, Asset] = {}
    for one in sorted(assets, key=lambda asset: (asset.gateway is None, asset.last_seen)):
        for name in (one.id, *one.ip, *one.mac):
            found[name] = one
    return found


def told_assets(db: Any) -> list[Asset]:
    """The devices as they were told last."""
    return [unpack(Asset, json.loads(text)["asset"]) for text in told.assets(db).values()]


def asset_news(db: Any, sensor: Sensor, assets: Iterable[Asset]) -> Iterator[Draft]:
    """Everything about devices that was not told yet; it counts as told from now on.

    Args:
        db: A connection inside a transaction.
        sensor: Who sends.
        assets: All that there are: one that was told of and is not among them is gone.
    """
    known = told.assets(db)
    for one in assets:
        before = known.pop(one.id, None)
        yield from _news_of(db, sensor, one, before)
    for text in known.values():
        one = unpack(Asset, json.loads(text)["asset"])
        if one.state != "gone":
            gone = dataclasses.replace(one, state="gone")
            yield from _news_of(db, sensor, gone, text)


def _news_of(db: Any, sensor: Sensor, one: Asset, before: str | None) -> list[Draft]:
    """The documents of a device that is not what was told of it."""
    bare = dataclasses.replace(one, evidence=())
    facts = pack(bare)
    was = None if before is None else json.loads(before)
    changed: list[str] = []
    if was is not None:
        changed = [
            name
            for name, value in facts.items()
            if name not in _UNTOLD and was["asset"].get(name) != value
        ]
        seen_again = facts["last_seen"] // HOUR_NS > was["asset"]["last_seen"] // HOUR_NS
        if not changed and not seen_again:
            return []
    revision = one.last_seen // 1_000_000
    if was is not None:
        revision = max(revision, was["revision"] + 1)
    text = json.dumps({"revision": revision, "asset": facts}, separators=(",", ":"))
    told.remember_asset(db, one.id, text)
    drafts = [documents.asset_latest(sensor, one, revision)]
    if was is None:
        drafts.append(documents.asset_change(sensor, one, revision, "discovered", ()))
    elif changed:
        gone = "state" in changed and one.state == "gone"
        action = "disappeared" if gone else "changed"
        drafts.append(documents.asset_change(sensor, one, revision, action, changed))
    before_it = () if was is None else unpack(Asset, was["asset"]).advisories
    return drafts + documents.vulnerabilities(sensor, one, revision, before_it)


def alert_news(db: Any, sensor: Sensor, around: Around) -> list[Draft]:
    """Everything about alerts that was not told yet; it counts as told from now on.

    Args:
        db: A connection inside a transaction.
        sensor: Who sends.
        around: What is known around them.
    """
    after = int(ledger.fact(db, _CHANGE) or 0)
    ledger.note(db, **{_CHANGE: str(max(after, alerts.last_change(db)))})
    return _drafts(sensor, [*_since(db, after)], around)


def untold_alerts(db: Any, sensor: Sensor, around: Around) -> list[Draft]:
    """The documents of alerts that are not among those that were told, and of their updates.

    So are alerts of a state that an older otmon wrote. They are as they are now, but for what
    is known of how they were.
    """
    known = told.alerts(db)
    changed = [*_since(db, 0, known)]
    known |= {one.id for one, change in changed if change.kind == "raised"}
    left = [one for one in alerts.load(db, folded=False) if one.id not in known]
    return told_of(sensor, left, around) + _drafts(sensor, changed, around)


def _since(db: Any, after: int, known: Iterable[int] = ()) -> Iterator[tuple[Alert, Change]]:
    """Each change after one, with its alert as it was then, but for alerts that are known."""
    numbers: dict[int, Alert | None] = dict.fromkeys(known)
    while changes := alerts.changes(db, after):
        for change in changes:
            after = change.id
            if change.number not in numbers:
                found = alerts.load(db, numbers=[change.number])
                numbers[change.number] = found[0] if found else None
            one = numbers[change.number]
            if one is not None:  # else it was dropped since, for its age
                yield _as_of(one, change), change


def told_of(sensor: Sensor, found: Sequence[Alert], around: Around) -> list[Draft]:
    """The documents of alerts as they are."""
    shown = around.show(found)
    return [
        documents.alert(sensor, one, around.find, shown.get(one.id), around.rule_of(one.rule.id))
        for one in found
    ]


def _drafts(sensor: Sensor, changed: Sequence[tuple[Alert, Change]], around: Around) -> list[Draft]:
    raised = [one for one, change in changed if change.kind == "raised"]
    first = iter(told_of(sensor, raised, around))
    drafts = []
    for one, change in changed:
        if change.kind == "raised":
            drafts.append(next(first))
        else:
            update = Update(change.id, change.kind, change.time_ns, change.author, change.note)
            rule = around.rule_of(one.rule.id)
            drafts.append(documents.alert_update(sensor, one, update, around.find, rule))
    return drafts


def _as_of(one: Alert, change: Change) -> Alert:
    """An alert as it was at a change, as far as the change says so."""
    return dataclasses.replace(
        one,
        severity=change.severity,
        level=change.level,
        status=change.status,
        muted_until=one.muted_until if change.status == "muted" else None,
        count=change.count,
        last_seen=Time(change.time_ns) if change.kind in _BY_TRAFFIC else one.last_seen,
    )
