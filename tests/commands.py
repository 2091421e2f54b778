"""Commands of otmon run in this process, as a user would type them."""

from __future__ import annotations

from click.testing import CliRunner, Result

from otmon.cli import group


def invoked(*arguments: object, standard_input: str | None = None) -> Result:
    """What a command did: its exit status, what it printed, what it raised."""
    return CliRunner().invoke(group, [*map(str, arguments)], input=standard_input)


def printed(*arguments: object, standard_input: str | None = None) -> bytes:
    """The bytes that a command prints, which has to succeed.

    Raises:
        OtmonError: What it refuses with.
    """
    ran = invoked(*arguments, standard_input=standard_input)
    if ran.exception is not None:
        raise ran.exception
    assert 0 == ran.exit_code
    return ran.stdout_bytes


def run(*arguments: object, standard_input: str | None = None) -> str:
    """What a command prints, which has to succeed.

    Raises:
        OtmonError: What it refuses with.
    """
    return printed(*arguments, standard_input=standard_input).decode()
