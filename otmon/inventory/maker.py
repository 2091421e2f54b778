"""The makers of industrial equipment, by the many names under which they are listed.

A maker is listed by subsidiaries, former names and plants: whoever looks for the
Schneider devices of a site must also find those of Telemecanique.
"""

from __future__ import annotations

import functools
import re

_MAKERS: tuple[tuple[str, str], ...] = (
    ("Siemens", "siemens(?! home)"),
    ("Schneider Electric", "schneider|telemecanique|modicon|elau|square d|merlin gerin|gould"),
    ("Rockwell Automation", "rockwell|allen.?bradley"),
    ("ABB", "abb|asea brown"),
    ("B&R Industrial Automation", "b ?& ?r industrial|bernecker"),
    ("Hitachi Energy", "hitachi energy"),
    ("Schweitzer Engineering Laboratories", "schweitzer|sel inc"),
    ("GE", "ge|general electric|ge fanuc|ge intelligent"),
    ("Emerson", "emerson(?! radio)|fisher (controls|rosemount)|rosemount"),
    ("Honeywell", "honeywell|yamatake"),
    ("Yokogawa", "yokogawa"),
    ("Mitsubishi Electric", "mitsubishi electric"),
    ("Omron", "omron"),
    ("Triconex", "triconex|invensys|foxboro"),
    ("Phoenix Contact", "phoenix contact"),
    ("Beckhoff", "beckhoff"),
    ("WAGO", "wago"),
    ("Bosch Rexroth", "bosch rexroth|rexroth"),
    ("HIMA", "hima (paul|gmbh)"),
    ("Pilz", "pilz"),
    ("Koyo", "koyo|host engineering|automationdirect"),
    ("Unitronics", "unitronics"),
    ("Red Lion", "red lion|sixnet"),
    ("Opto 22", "opto.?22"),
    ("Delta Electronics", "delta electronics"),
    ("LS Electric", "lsis|ls industrial|ls electric"),
    ("Fuji Electric", "fuji electric"),
    ("Saia-Burgess", "saia"),
    ("Landis+Gyr", r"landis ?[+&] ?gyr"),
    ("Eaton", "eaton|cooper power"),
    ("Johnson Controls", "johnson controls"),
    ("NovaTech", "novatech"),
    ("Motorola Solutions", "motorola solutions"),
)
"""Of each maker of controllers the name in use, and how its names begin; in this order."""
_OTHERS: tuple[tuple[str, str], ...] = (
    ("Moxa", "moxa"),
    ("Hirschmann", "hirschmann|belden"),
    ("RuggedCom", "ruggedcom"),
    ("Westermo", "westermo"),
    ("Advantech", "advantech"),
    ("RTDS Technologies", "rtds"),
    ("HMS Industrial Networks", "hms industrial"),
    ("VirtualBox", "pcs systemtechnik"),
    ("VMware", "vmware"),
    ("Cisco Systems", "cisco"),
    ("Intel", r"intel(?: corp\w*)?"),
    ("HP", "hewlett|hp(?: inc|$)"),
    ("Dell", "dell"),
    ("Lenovo", "lenovo|lcfc"),
    ("Wistron", "wistron"),
)
"""The same of makers of what stands around controllers."""


def _compiled(makers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((name, re.compile(rf"(?:{begin})(?![a-z0-9])")) for name, begin in makers)


_BY_NAME = _compiled(_MAKERS + _OTHERS)
_CONTROLLERS = frozenset(name for name, _ in _MAKERS)


@functools.lru_cache(maxsize=8_192)
def maker(name: str) -> str | None:
    """The maker in use today behind a listed or told name; none where it is not known here."""
    plain = name.strip().lower()
    return next((known for known, begin in _BY_NAME if begin.match(plain)), None)


def makes_controllers(name: str | None) -> bool:
    """Whether a vendor is known for controllers, so that its devices are hardly ever office PCs."""
    return name is not None and maker(name) in _CONTROLLERS
