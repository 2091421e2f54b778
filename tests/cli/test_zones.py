"""`otmon assets zones`: a draft that the site can take over."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner
from places import PCAPS

import otmon
from otmon.cli import group
from otmon.config import load

PLANT = str(PCAPS / "demo" / "plant.pcapng")
NORMAL = str(PCAPS / "demo" / "plant_normal.pcapng")


def draft(*arguments: str) -> str:
    """What the command prints."""
    ran = CliRunner().invoke(group, ["assets", "zones", *arguments], catch_exceptions=False)

    assert 0 == ran.exit_code
    return ran.stdout


def test_the_draft_is_a_configuration_under_which_its_own_traffic_crosses_no_border(
    tmp_path: Path,
) -> None:
    config = tmp_path / "otmon.toml"
    config.write_text(draft(NORMAL), encoding="utf-8")
    settings = load(config)
    titles = [alert.rule.title for alert in otmon.analyze(NORMAL, config=settings).alerts]

    assert [
        ("supervision 10.20.1.0/24", 2.0),
        ("control 10.20.2.0/24", 1.0),
        ("control 10.20.3.0/24", 1.0),
    ] == [(zone.name, zone.level) for zone in settings.zones]
    assert ["supervision 10.20.1.0/24"] * 2 == [one.source for one in settings.conduits]
    assert [] == titles


def test_what_changes_a_controller_is_named_and_not_proposed() -> None:
    text = draft(PLANT)

    assert "#   10.20.1.66 to 10.20.2.21: s7comm mode_stop\n" in text
    assert "mode_stop" not in "".join(
        line for line in text.splitlines() if not line.startswith("#")
    )


def test_the_draft_of_a_state_is_that_of_its_captures(tmp_path: Path) -> None:
    state = str(tmp_path / "site.otmon")
    CliRunner().invoke(group, ["baseline", "learn", NORMAL, "--state", state])

    assert draft(NORMAL) == draft("--state", state)
