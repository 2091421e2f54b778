"""Storms: so many alerts of one rule at once that they are told as one."""

from __future__ import annotations

from collections import deque

from otmon.alerts.open_alert import UNSAVED, OpenAlert, rule_facts
from otmon.alerts.said import provider_of
from otmon.model.alert import Alert, AlertEvidence, Violation
from otmon.model.document import Time
from otmon.model.rule import Rule, level_of

MAX_ROWS = 100
"""Alerts that the table of a storm names."""


class Storm:
    """One storm: what its alerts have in common, and the first of them."""

    def __init__(self, key: str, rule: Rule, kept: Alert | None, now_ns: int) -> None:
        self.key = key
        self.rule = rule
        self.kept = kept
        """What the state has of it from an earlier run."""
        self.number: int | None = None if kept is None else kept.id
        self.sighted_ns = now_ns
        self.first_ns = now_ns
        self.last_ns = now_ns
        self.count = 0
        """Alerts of this run that it stands for."""
        self.saved_count = 0
        self._severity = 0
        self._confidence = 0.0
        self._clients: set[str | None] = set()
        self._servers: set[str | None] = set()
        self._protocols: set[str | None] = set()
        self._providers: set[str | None] = set()
        self._rows: list[Violation] = []

    def fold(self, alert: OpenAlert) -> None:
        """Takes one more alert in."""
        alert.storm = self
        alert.saved_count = UNSAVED  # the state has to know of the storm, too
        self.count += 1
        self.first_ns = min(self.first_ns, alert.first_ns)
        self.last_ns = max(self.last_ns, alert.last_ns)
        self._severity = max(self._severity, alert.score)
        self._confidence = max(self._confidence, alert.severity.confidence)
        for seen, end in (
            (self._clients, alert.client),
            (self._servers, alert.server),
            (self._protocols, alert.match.event.service),
            (self._providers, provider_of(alert.match)),
        ):
            # Two are enough to know that there are several.
            if len(seen) < 2:
                seen.add(end)
        if len(self._rows) < MAX_ROWS:
            time = Time(alert.first_ns)
            between = f"{alert.client or 'several'} to {alert.server or 'several'}"
            self._rows.append(Violation("alert", between, None, None, 1, time, time))

    @property
    def score(self) -> int:
        """The severity of its worst alert."""
        return max(self._severity, 0 if self.kept is None else self.kept.severity)

    def alert(self, number: int, within_ns: int) -> Alert:
        """What people are told of it."""
        kept, rule = self.kept, self.rule
        rows = ((() if kept is None else kept.violations) + tuple(self._rows))[:MAX_ROWS]
        folded = self.count + (0 if kept is None else kept.folded)
        return Alert(
            id=number,
            fingerprint=self.key[:32],
            rule=rule_facts(rule),
            techniques=tuple(technique.id for technique in rule.techniques),
            technique_names=tuple(technique.name for technique in rule.techniques),
            severity=self.score,
            level=level_of(self.score),
            confidence=self._confidence,
            first_seen=Time(self.first_ns if kept is None else min(self.first_ns, kept.first_seen)),
            last_seen=Time(self.last_ns if kept is None else max(self.last_ns, kept.last_seen)),
            count=folded,
            client=_only(self._clients, None if kept is None else kept.client),
            server=_only(self._servers, None if kept is None else kept.server),
            protocol=_only(self._protocols, None if kept is None else kept.protocol),
            message=f"storm of {folded} alerts: {rule.title}",
            why=(
                f"too many alerts of this rule began within {within_ns // 60_000_000_000} min "
                "to be told one by one",
                f"severity {self.score}: that of the worst of them",
            ),
            violations=rows,
            violations_left_out=folded - len(rows),
            evidence=AlertEvidence(None, (), ()),
            triage=rule.triage,
            false_positives=rule.false_positives,
            folded=folded,
            provider=_only(self._providers, None if kept is None else kept.provider),
        )


class Storms:
    """Notices when a rule raises too many alerts at once."""

    def __init__(self, keys: int, within_ns: int) -> None:
        """Takes how many alerts of a rule within which time are still told one by one."""
        self.within_ns = within_ns
        self._keys = keys
        self._recent: dict[str, deque[OpenAlert]] = {}
        """Of each rule its latest alerts, at most one more than are told one by one."""

    def note(self, alert: OpenAlert) -> list[OpenAlert]:
        """Takes a new alert; of a storm, gives those that are to be folded now."""
        rule = alert.match.rule.id
        recent = self._recent.get(rule)
        if recent is None:
            recent = self._recent[rule] = deque(maxlen=self._keys + 1)
        recent.append(alert)
        if len(recent) <= self._keys or alert.sighted_ns - recent[0].sighted_ns > self.within_ns:
            return []
        return [one for one in recent if one.storm is None]


def _only(seen: set[str | None], before: str | None) -> str | None:
    """What all have in common, or nothing."""
    ends = seen if before is None else seen | {before}
    return next(iter(ends)) if len(ends) == 1 else None
