"""The way from one dashboard to the next, on top of each."""

from __future__ import annotations

from otmon.sinks.elastic.kibana.panels import Row, Search, Words, row

OVERVIEW = "otmon-overview"
ATTACK = "otmon-attack"
ASSETS = "otmon-assets-board"
OPERATIONS = "otmon-operations-board"
BOUNDARY = "otmon-boundary"
VULNERABILITIES = "otmon-vulnerabilities-board"
SENSORS = "otmon-sensors-board"
INVESTIGATION = "otmon-investigation"

PLACES = {
    OVERVIEW: "Overview",
    ATTACK: "ATT&CK for ICS",
    ASSETS: "Devices",
    OPERATIONS: "Operations",
    BOUNDARY: "IT/OT boundary",
    VULNERABILITIES: "Vulnerabilities",
    SENSORS: "Sensor health",
    INVESTIGATION: "Investigation",
}

EXPLAIN = (
    "On the sensor of an alert (`observer.name`): `otmon explain ID` says why it was raised, frame "
    "by frame; `otmon evidence ID` saves the frames as pcapng. ID is `otmon.alert.id`."
)


def way(here: str, text: str, *searches: Search) -> Row:
    """Links to the other dashboards, and what to do with this one.

    Args:
        here: The dashboard.
        text: What to do with it.
        searches: Those that show its documents one by one, in Discover.
    """
    # Relative links keep the space that one is in.
    links = [
        f"**{title}**" if name == here else f"[{title}](#/view/{name})"
        for name, title in PLACES.items()
    ]
    links += [f"[{one.title}](discover#/view/{one.id})" for one in searches]
    return row(6, Words("Where to go", f"{' · '.join(links)}\n\n{text}"))
