"""Operations as Elasticsearch stores them: what may be asked of them, and how it is written."""

from __future__ import annotations

INDEX = "logs-otmon.operation-*"
"""Where operations are stored, a document for what was done again and again in a minute."""

_OF_AN_END = "address ip mac asset.id asset.role asset.vendor asset.zone asset.purdue_level"
STORED = frozenset(
    [
        *("@timestamp", "event.outcome", "network.protocol", "network.transport"),
        "observer.ingress.interface.name",
        *("network.vlan.id", "ot.anomaly", "ot.answered", "ot.function.code", "ot.function.name"),
        *("ot.object.address_high", "ot.object.address_low", "ot.object.id", "ot.object.type"),
        *("ot.operation.class", "ot.operation.is_program", "ot.operation.is_write", "ot.role"),
        *("ot.status.code", "ot.status.name", "ot.unit.id", "destination.port", "server.port"),
        *(f"{end}.{name}" for end in ("source", "destination") for name in _OF_AN_END.split()),
        *(f"{end}.asset.{name}" for end in ("source", "destination")
          for name in ("criticality", "is_new")),
        *(f"{end}.{name}" for end in ("client", "server") for name in ("address", "ip", "mac")),
    ]
)  # fmt: skip
"""Fields of rules that stored operations have. Of another, a query would find nothing; with
"not" before it, everything."""


class RefusedError(Exception):
    """A rule that a query cannot say."""


def stored_text(field: str, text: str) -> str:
    """A text that a rule asks for, as it stands in stored operations."""
    # ECS writes `00-1B-1B-AA-BB-CC` what rules write with colons.
    return text.replace(":", "-") if field.endswith(".mac") else text
