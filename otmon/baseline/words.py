"""Statements as sentences that an engineer of the plant can sign."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from otmon.baseline.learn import is_steady
from otmon.model.statement import ANY_MODE, Habit, Key, Range, Statement

Names = Callable[[str], str]
"""What people call the device of an id."""

MAX_RANGES = 6
"""Address ranges that a sentence lists."""
MAX_VALUES = 6
"""Distinct values that a sentence lists."""
MIN_INTERVALS = 3
"""Intervals from which a sentence tells the period."""

PROTOCOLS: Mapping[str, str] = {
    "modbus": "Modbus",
    "modbus_rtu": "Modbus RTU",
    "umas": "UMAS",
    "s7comm": "S7comm",
    "dnp3": "DNP3",
    "iec104": "IEC 104",
    "bacnet": "BACnet",
    "goose": "GOOSE",
    "opcua": "OPC UA",
    "enip": "EtherNet/IP",
    "cip": "CIP",
    "mms": "MMS",
    "tristation": "TriStation",
}
"""How people write the names of protocols."""

_SPACES: Mapping[str, tuple[str, str]] = {
    "hr": ("holding register", "holding registers"),
    "ir": ("input register", "input registers"),
    "coil": ("coil", "coils"),
    "di": ("discrete input", "discrete inputs"),
    "M": ("flag byte", "flag bytes"),
    "I": ("input byte", "input bytes"),
    "Q": ("output byte", "output bytes"),
    "T": ("timer", "timers"),
    "C": ("counter", "counters"),
}
"""Address spaces in the words of those who use them: one, several."""

_DNP3_GROUPS: Mapping[int, tuple[str, str]] = {
    1: ("binary input", "binary inputs"),
    2: ("events of binary input", "events of binary inputs"),
    3: ("double-bit input", "double-bit inputs"),
    4: ("events of double-bit input", "events of double-bit inputs"),
    10: ("binary output", "binary outputs"),
    11: ("events of binary output", "events of binary outputs"),
    12: ("binary output", "binary outputs"),
    13: ("command to binary output", "commands to binary outputs"),
    20: ("counter", "counters"),
    21: ("frozen counter", "frozen counters"),
    22: ("events of counter", "events of counters"),
    23: ("events of frozen counter", "events of frozen counters"),
    30: ("analog input", "analog inputs"),
    31: ("frozen analog input", "frozen analog inputs"),
    32: ("events of analog input", "events of analog inputs"),
    34: ("dead band of analog input", "dead bands of analog inputs"),
    40: ("analog output", "analog outputs"),
    41: ("analog output", "analog outputs"),
    42: ("events of analog output", "events of analog outputs"),
    43: ("command to analog output", "commands to analog outputs"),
    50: ("time", "times"),
    70: ("file", "files"),
    80: ("internal indication", "internal indications"),
}
"""Object groups of DNP3 in words: one, several (IEEE 1815-2012, annex A) [S]."""

_DNP3_CLASSES: Mapping[str, str] = {
    "g60v1": "class 0 data",
    "g60v2": "class 1 events",
    "g60v3": "class 2 events",
    "g60v4": "class 3 events",
}

_SENTENCES: Mapping[str, str] = {
    "read": "{client} reads {thing} of {server}",
    "config_read": "{client} reads the configuration of {server} ({what})",
    "browse": "{client} lists what {server} holds ({what})",
    "identify": "{client} asks {server} what it is ({what})",
    "subscribe": "{client} subscribes to {thing} of {server}",
    "keepalive": "{client} keeps in touch with {server} ({what})",
    "write": "{client} writes {thing} of {server}",
    "command": "{client} commands {thing} of {server}",
    "config_write": "{client} changes the configuration of {server} ({what})",
    "time_set": "{client} sets the clock of {server} ({what})",
    "alarm_ack": "{client} acknowledges alarms of {server} ({what})",
    "report_enable": "{client} switches on reports of {server} ({thing})",
    "report_disable": "{client} switches off reports of {server} ({thing})",
    "firmware_update": "{client} updates firmware of {server} ({what})",
    "program_download": "{client} loads program into {server} ({what})",
    "program_delete": "{client} deletes program of {server} ({what})",
    "program_upload": "{client} reads program out of {server} ({what})",
    "factory_reset": "{client} resets the memory of {server} ({what})",
    "mode_stop": "{client} stops {server} ({what})",
    "mode_start": "{client} starts {server} ({what})",
    "mode_other": "{client} changes the operating mode of {server} ({what})",
    "restart": "{client} restarts {server} ({what})",
    "force": "{client} forces {thing} of {server}",
    "auth_change": "{client} changes users or protection of {server} ({what})",
    "auth_login": "{client} logs in to {server} ({what})",
    "auth_fail": "{client} fails to log in to {server} ({what})",
    "alarm_config": "{client} changes alarms of {server} ({what})",
    "file_read": "{client} reads a file of {server} ({what})",
    "file_write": "{client} writes a file to {server} ({what})",
    "file_delete": "{client} deletes a file of {server} ({what})",
    "diag_clear": "{client} clears diagnostics of {server} ({what})",
    "lock": "{client} reserves {server} ({what})",
    "unlock": "{client} releases {server} ({what})",
    "discover_broadcast": "{client} asks who is there on {server} ({what})",
    "session_open": "{client} opens sessions with {server} ({what})",
    "session_close": "{client} closes sessions with {server} ({what})",
}
"""By operation class, the closed list of what operations do."""

_VALUED = frozenset(("write", "command", "force"))
"""Classes whose values say what is done to the process."""

_USUAL = frozenset(
    (
        "read",
        "read_coils",
        "read_discrete_inputs",
        "read_holding_registers",
        "read_input_registers",
        "read_var",
        "response",
        "unsolicited_response",
        "write",
        "write_single_coil",
        "write_single_register",
        "write_var",
        "disable_unsolicited",
        "enable_unsolicited",
    )
)
"""Operations that need not be named where what they address is."""


def protocol_name(protocol: str) -> str:
    """How people write the name of a protocol."""
    return PROTOCOLS.get(protocol, protocol)


def says(statement: Statement, names: Names) -> str:
    """The sentence of a statement: who does what to whom, and how."""
    sentence = says_key(statement.key, names, statement.ranges)
    return sentence + _habits(statement)


def says_key(key: Key, names: Names, ranges: Sequence[Range] = ()) -> str:
    """The same, but for how it is done."""
    client, server = names(key.client), names(key.server)
    match key.kind:
        case "asset":
            return f"{client} takes part"
        case "edge":
            if key.protocol.startswith(("tcp/", "udp/", "ip/", "ethernet")):
                return f"{client} uses {key.protocol} of {server}"
            return f"{client} speaks {protocol_name(key.protocol)} with {server}"
        case "session":
            return f"{client} comes to {server} with {key.operation} {key.target}"
        case "exception":
            refusal = key.status.replace("_", " ")
            unit = "" if key.unit is None else f" unit {key.unit}"
            return f"{server}{unit} refuses {key.operation} of {client}: {refusal}"
    if key.unit is not None:
        server += f" unit {key.unit}"
    return _filled(key, client, server, ranges)


def _filled(key: Key, client: str, server: str, ranges: Sequence[Range]) -> str:
    """The sentence of an operation, with these words for its ends."""
    if key.kind == "stream":
        template = "{client} sends {what} to {server}"
    elif _is_report(key):
        template = "{server} reports {thing} to {client}"
    else:
        template = _SENTENCES.get(key.operation_class, "{client} does {what} to {server}")
    sentence = template.format(
        client=client,
        server=server,
        thing=_thing(key, ranges),
        what=_what(key, ranges),
    )
    named = key.operation in _USUAL or "{what}" in template or not _target(key, ranges)
    return sentence if named else f"{sentence} with {key.operation}"


def _is_report(key: Key) -> bool:
    """Whether the server sends it unasked."""
    return key.kind != "stream" and key.operation == "unsolicited_response"


def says_briefly(statement: Statement) -> str:
    """The same under a heading that names the two and their protocol."""
    key = statement.key
    server = "it" if key.unit is None else f"unit {key.unit}"
    match key.kind:
        case "asset":
            return "takes part"
        case "edge":
            return "talks to it"
        case "session":
            return f"comes with {key.operation} {key.target}"
        case "exception":
            unit = "" if key.unit is None else f" by unit {key.unit}"
            return f"is refused {key.operation}{unit}: {key.status.replace('_', ' ')}"
    if _is_report(key):
        sentence = f"hears of {_thing(key, statement.ranges)} from {server}"
    else:
        sentence = _filled(key, "", server, statement.ranges).strip()
    return sentence + _habits(statement)


def _what(key: Key, ranges: Sequence[Range]) -> str:
    """The operation in the protocol's own word, with what it addresses."""
    addressed = _target(key, ranges)
    return f"{key.operation} {addressed}" if addressed else key.operation


def _thing(key: Key, ranges: Sequence[Range]) -> str:
    """What is addressed; where nothing is, the operation."""
    return _target(key, ranges) or key.operation.replace("_", " ")


def _target(key: Key, ranges: Sequence[Range]) -> str:
    space, colon, rest = key.target.partition(":")
    if not colon:
        rest = _ranges(ranges)
    if not space:
        return ""
    if key.protocol == "dnp3":
        return _dnp3(space, rest)
    several = "," in rest or "-" in rest
    if space in _SPACES:
        return f"{_SPACES[space][several]} {rest}".rstrip()
    if re.fullmatch(r"D[BI]\d+", space) and rest:
        bit = "." in rest
        return f"{space} {'bit' if bit else 'bytes' if several else 'byte'} {rest}"
    return f"{space}:{rest}" if colon else f"{space} {rest}".rstrip()


def _dnp3(space: str, rest: str) -> str:
    if space in _DNP3_CLASSES:
        return _DNP3_CLASSES[space]
    found = re.fullmatch(r"g(\d+)(v\d+)?", space)
    words = _DNP3_GROUPS.get(int(found[1])) if found else None
    if words is None:
        return f"{space} {rest}".rstrip()
    several = not rest or "," in rest or "-" in rest
    return f"{words[several]} {rest} ({space})".replace("  ", " ")


def _ranges(ranges: Sequence[Range]) -> str:
    listed = [str(low) if low == high else f"{low}-{high}" for low, high in ranges]
    more = len(listed) - MAX_RANGES
    if more > 0:
        return f"{', '.join(listed[:MAX_RANGES])} and {more} more"
    return ", ".join(listed)


def _habits(statement: Statement) -> str:
    """Values and rhythm; by mode where there are several."""
    habits = statement.habits
    if not habits:
        return ""
    key = statement.key
    if len(habits) == 1:
        (habit,) = habits.values()
        return _habit(habit, key)
    said = [(mode, _habit(habit, key)) for mode, habit in sorted(habits.items(), key=_last_any)]
    return "".join(
        f"; {'otherwise' if mode == ANY_MODE else mode}{habit}" for mode, habit in said if habit
    )


def _last_any(of: tuple[str, Habit]) -> tuple[bool, str]:
    return of[0] == ANY_MODE, of[0]


def _habit(habit: Habit, key: Key) -> str:
    values = _values(habit, key) if key.operation_class in _VALUED else ""
    return f"{values}{_rhythm(habit)}"


def _values(habit: Habit, key: Key) -> str:
    if habit.values:
        many = habit.kind == "integer" and len(habit.values) > 2
        if not many or habit.low is None or habit.high is None:
            shown = [*habit.values[:MAX_VALUES]]
            more = len(habit.values) - len(shown)
            if more:
                shown.append(f"{more} more")
            last = shown.pop()
            return f": {', '.join(shown)} or {last}" if shown else f": always {last}"
    if habit.low is None or habit.high is None:
        return ""
    each = "each " if "-" in key.target.partition(":")[2] else ""
    if habit.low == habit.high:
        return f": {each}always {habit.low:g}"
    return f": {each}{habit.low:g} to {habit.high:g}"


def _rhythm(habit: Habit) -> str:
    period, deviation = habit.period_ns, habit.deviation_ns
    if period is None or habit.intervals < MIN_INTERVALS or period <= 0:
        return ""
    if not is_steady(period, deviation or 0.0):
        return ""
    return f", every {duration(period)}"


def duration(nanoseconds: float) -> str:
    """A time span with two digits that mean something: `500 ms`, `2.1 s`, `5 min`."""
    seconds = nanoseconds / 1e9
    if seconds < 1e-3:
        return f"{_digits(seconds * 1e6)} us"
    if seconds < 1:
        return f"{_digits(seconds * 1e3)} ms"
    if seconds < 120:
        return f"{_digits(seconds)} s"
    if seconds < 7200:
        return f"{_digits(seconds / 60)} min"
    if seconds < 172_800:
        return f"{_digits(seconds / 3600)} h"
    return f"{_digits(seconds / 86_400)} d"


def _digits(number: float) -> str:
    rounded = float(f"{number:.2g}")
    return f"{rounded:.0f}" if rounded >= 10 or rounded == int(rounded) else f"{rounded:.1f}"
