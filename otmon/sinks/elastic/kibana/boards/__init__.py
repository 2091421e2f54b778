"""The dashboards, each in its own module, and the saved searches that they show."""

from __future__ import annotations

from otmon.sinks.elastic.kibana.boards import (
    assets,
    attack,
    boundary,
    investigation,
    operations,
    overview,
    sensors,
    vulnerabilities,
)
from otmon.sinks.elastic.kibana.boards.searches import SEARCHES as SEARCHES

BOARDS = (
    overview.BOARD,
    attack.BOARD,
    assets.BOARD,
    operations.BOARD,
    boundary.BOARD,
    vulnerabilities.BOARD,
    sensors.BOARD,
    investigation.BOARD,
)
