"""What otmon raises for people to act on, each with its exit status.

Malformed traffic is never among them: it is data, with anomalies. The text of
an error is two sentences: what is wrong, what to do.
"""

from __future__ import annotations

from typing import ClassVar


class OtmonError(Exception):
    """Anything that keeps otmon from doing what it was asked to."""

    exit_status: ClassVar[int] = 3
    """What the command line exits with."""


class UsageError(OtmonError):
    """The command line asks for something that does not exist or contradicts itself."""

    exit_status = 2


class CaptureError(OtmonError):
    """No input is usable: missing, not a capture, or not readable by this user."""

    exit_status = 3


class OptionsError(OtmonError):
    """An option or the configuration has a value that cannot be used."""

    exit_status = 3


class ConfigError(OptionsError):
    """The configuration file has a key or a value that cannot be used."""


class StateError(OtmonError):
    """The state file cannot be opened, read or written; what it holds is untouched."""

    exit_status = 3


class EngineError(OtmonError):
    """The engine failed: a fault in otmon, not in the capture."""

    exit_status = 3


class RuleError(OtmonError):
    """A rule cannot be used."""

    exit_status = 4


class SinkError(OtmonError):
    """A sink did not take what was sent to it; nothing is lost."""

    exit_status = 5
