"""Who may do what: the key of a sensor, and the roles of people."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from otmon._engine import version

STREAMS_OF_SENSORS = ("logs-otmon.*-*", "metrics-otmon.*-*")
NEWEST_STATES = ("otmon-asset-latest-*",)

WRITER_KEY: Mapping[str, Any] = {
    "otmon_writer": {
        "cluster": ["monitor"],
        "index": [
            {"names": [*STREAMS_OF_SENSORS], "privileges": ["auto_configure", "create_doc"]},
            {
                "names": [*NEWEST_STATES],
                "privileges": ["auto_configure", "create_index", "index"],
            },
        ],
    }
}
"""What the key of a sensor may do: add documents, and neither read nor delete any."""

_ROLES: Mapping[str, Mapping[str, Any]] = {
    "otmon_analyst": {
        "description": "Reads what otmon sends, and its dashboards.",
        "cluster": [],
        "indices": [
            {
                "names": [*STREAMS_OF_SENSORS, *NEWEST_STATES],
                "privileges": ["read", "view_index_metadata"],
            }
        ],
        "applications": [
            {"application": "kibana-.kibana", "privileges": ["read"], "resources": ["*"]}
        ],
    },
    "otmon_setup": {
        "description": "Runs `otmon elastic setup`: templates, lifecycles, dashboards and rules.",
        "cluster": ["monitor", "manage_index_templates", "manage_ilm"],
        "indices": [
            {
                "names": [*STREAMS_OF_SENSORS, *NEWEST_STATES],
                "privileges": ["manage", "view_index_metadata"],
            }
        ],
        "applications": [
            {"application": "kibana-.kibana", "privileges": ["all"], "resources": ["*"]}
        ],
    },
}
"""Roles by name. In Kibana `read` and `all` are the base privileges of every space."""


def roles() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each role with its name, and with a hash by which a later set-up sees whether it differs."""
    for name, role in _ROLES.items():
        # Servers before 8.15 know no description; it stands with the rest that is ours.
        body = {key: value for key, value in role.items() if key != "description"}
        digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]
        yield (
            name,
            {
                **body,
                "metadata": {
                    "description": role["description"],
                    "otmon_version": version(),
                    "content_hash": digest,
                },
            },
        )


def writer_key(sensor: str) -> dict[str, Any]:
    """The request for the key of a sensor."""
    return {"name": f"otmon-{sensor}", "role_descriptors": dict(WRITER_KEY)}
