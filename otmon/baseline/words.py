"""Statements as sentences that an engineer of the plant can sign."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from otmon.baseline.learn import is_steady
from otmon.baseline.vocabulary import DNP3_CLASSES, DNP3_GROUPS, GROUPS, PORTS, PROTOCOLS, SPACES
from otmon.model.statement import ANY_MODE, Habit, Key, Range, Statement

Names = Callable[[str], str]
"""What people call the device of an id."""

MAX_RANGES = 6
"""Address ranges that a sentence lists."""
MAX_VALUES = 6
"""Distinct values that a sentence lists."""
MIN_INTERVALS = 3
"""Intervals from which a sentence tells the period."""

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
        "read_szl",
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


_ADDRESS = re.compile(r"[0-9a-f.:]+( vlan \d+)?")
"""Who is named by an address has never sent a frame."""
_HOW: Mapping[str, str] = {"integrity_poll": "in an integrity poll"}
"""Operations that say how something is done, in words."""


_NEWS: Mapping[str, str] = {"mode_transition": "its operating mode changed"}
"""Operations by which a server tells unasked what happened in it, in words."""


def protocol_name(protocol: str) -> str:
    """How people write the name of a protocol; of a port what is registered for it as well."""
    usual = PORTS.get(protocol)
    return PROTOCOLS.get(protocol, protocol) if usual is None else f"{usual} ({protocol})"


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
                return _undissected(key, client, server)
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


def _undissected(key: Key, client: str, server: str) -> str:
    """The sentence of a conversation of which only the ends and the port are known."""
    if key.protocol == "ethernet":
        usual = GROUPS.get(key.server[:11], "Ethernet frames")
        return f"{client} sends {usual} to {server}"
    if _ADDRESS.fullmatch(key.server):
        # An address that nobody has: a broadcast, or somebody who never answered.
        return f"{client} sends {protocol_name(key.protocol)} to {server}"
    return f"{client} uses {protocol_name(key.protocol)} of {server}"


def _filled(key: Key, client: str, server: str, ranges: Sequence[Range]) -> str:
    """The sentence of an operation, with these words for its ends."""
    if key.kind == "stream":
        template = "{client} sends {what} to {server}"
    elif _is_report(key):
        template = (
            "{server} reports {thing} to {client}"
            if key.target
            else "{server} announces itself to {client} (unsolicited response without data)"
        )
    elif key.operation in _NEWS:
        template = f"{{server}} tells {{client}} that {_NEWS[key.operation]}"
    elif key.protocol == "dnp3" and key.operation == "write" and key.target.startswith("g80"):
        template = "{client} clears indications of {server} ({what})"
    else:
        template = _SENTENCES.get(key.operation_class, "{client} does {what} to {server}")
    sentence = template.format(
        client=client,
        server=server,
        thing=_thing(key, ranges),
        what=_what(key, ranges),
    )
    named = (
        key.operation in _USUAL
        or key.operation in _NEWS
        or "{what}" in template
        or not _target(key, ranges)
    )
    return sentence if named else f"{sentence} {_HOW.get(key.operation, f'with {key.operation}')}"


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
    if _is_report(key) and key.target:
        sentence = f"hears of {_thing(key, statement.ranges)} from {server}"
    elif _is_report(key):
        sentence = f"hears that {server} is there (unsolicited response without data)"
    elif key.operation in _NEWS:
        sentence = f"hears from {server} that {_NEWS[key.operation]}"
    else:
        sentence = _filled(key, "", server, statement.ranges).strip()
    return sentence + _habits(statement)


def _what(key: Key, ranges: Sequence[Range]) -> str:
    """The operation in the protocol's own word, with what it addresses."""
    addressed = _target(key, ranges)
    if addressed and key.operation in _USUAL:
        return addressed
    return f"{key.operation} {addressed}" if addressed else key.operation


def _thing(key: Key, ranges: Sequence[Range]) -> str:
    """What is addressed; where nothing is, the operation."""
    return _target(key, ranges) or key.operation.removeprefix("read_").replace("_", " ")


def _target(key: Key, ranges: Sequence[Range]) -> str:
    space, colon, rest = key.target.partition(":")
    if not colon:
        rest = _ranges(ranges)
    if not space:
        return ""
    if key.protocol == "dnp3":
        return _dnp3(space, rest)
    several = "," in rest or "-" in rest
    if space in SPACES:
        return f"{SPACES[space][several]} {rest}".rstrip()
    if re.fullmatch(r"D[BI]\d+", space) and rest:
        bit = "." in rest
        return f"{space} {'bit' if bit else 'bytes' if several else 'byte'} {rest}"
    return f"{space}:{rest}" if colon else f"{space} {rest}".rstrip()


def _dnp3(space: str, rest: str) -> str:
    if space in DNP3_CLASSES:
        return DNP3_CLASSES[space]
    found = re.fullmatch(r"g(\d+)(v\d+)?", space)
    words = DNP3_GROUPS.get(int(found[1])) if found else None
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
