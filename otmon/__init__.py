"""Passive OT/ICS network security monitor.

    >>> import otmon
    >>> result = otmon.analyze("pcaps/demo/plant.pcapng")
    >>> [alert.rule.title for alert in result.alerts]  # doctest: +SKIP

`analyze` gives the same document as `otmon analyze --format json`, as typed
objects; `pdus` iterates over every application message. What cannot be done
raises an `OtmonError` of two sentences: what is wrong, and what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

try:
    from otmon._engine import version as _version
except ModuleNotFoundError as missing:
    if missing.name != "otmon._engine":
        raise
    raise ImportError(
        "otmon's engine is not built. In a checkout run `make demo`; elsewhere "
        "install the wheel: `pip install otmon`."
    ) from missing

from otmon.errors import OtmonError

if TYPE_CHECKING:
    from otmon.pdu_lines import pdus
    from otmon.runs import analyze

__version__ = _version()
__all__ = ["OtmonError", "__version__", "analyze", "pdus"]


def __getattr__(name: str) -> Any:
    # Imported when they are asked for: `otmon --help` has no need of them.
    if name == "analyze":
        from otmon.runs import analyze

        return analyze
    if name == "pdus":
        from otmon.pdu_lines import pdus

        return pdus
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
