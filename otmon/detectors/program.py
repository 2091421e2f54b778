"""Programs, firmware and files that were transferred, and whether they differ from the last.

The digest of each is kept per server and name, for each direction: what a
server gives out may carry other headers than what it was given. A transfer that
was not seen whole is told and marked, and never compared. Beside the transfers stand
what a controller says of its program: the lists of its blocks, and its project.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from otmon.detectors.bounded import Json, Recent
from otmon.detectors.detector import Detector
from otmon.detectors.finding import finding
from otmon.detectors.projects import SHOWS, TELLS, WANTED, Projects
from otmon.model.event import Event
from otmon.thresholds import ProgramThresholds

if TYPE_CHECKING:
    from otmon._engine import Content

_IMAGES = {"program": "program_image", "firmware": "firmware_image", "file": "file_image"}

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"MZ", "a Windows program"),
    (b"\x7fELF", "a Linux or VxWorks program"),
    (b"\xfe\xed\xfa\xce", "a macOS program"),
    (b"\xfe\xed\xfa\xcf", "a macOS program"),
    (b"\xcf\xfa\xed\xfe", "a macOS program"),
    (b"\xca\xfe\xba\xbe", "Java classes"),
    (b"#!", "a script"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office document or installer"),
)
"""First bytes of what can be run, with what it then is [S: file formats' own documents]."""
_TEST_FILE = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR"
"""How the harmless test file of virus scanners begins [D: eicar.org]."""


_LISTS = frozenset(("list_blocks", "list_blocks_of_type"))
"""Operations that ask a controller for its blocks: how many of each type, or which of one."""
_OPERATIONS = _LISTS | SHOWS | {TELLS}
"""Operations that say something of the program of a controller."""
MAX_LISTED = 256
"""Blocks of one list that are compared; a longer one is not."""
_SHOWN = 8
"""Blocks that a finding names."""


@dataclass(frozen=True, slots=True)
class _Blocks:
    """What a controller said that it holds."""

    blocks: dict[str, int]
    """Numbers of blocks; or how many there are of each type."""
    time_ns: int


@dataclass(frozen=True, slots=True)
class _Known:
    """What was transferred last under a name."""

    sha256: str
    size: int
    time_ns: int
    client: str | None


class Program(Detector):
    """Tells of every transfer, and of those whose bytes are not those of the last one."""

    name = "program"
    version = 2
    categories = frozenset(("ot_file", "ot_operation"))
    wanted = WANTED
    says: ClassVar[Mapping[str, str]] = {
        "program_image": "A program or a block of one was transferred.",
        "firmware_image": "Firmware was transferred.",
        "file_image": "A file was transferred.",
        "program_changed": "What was transferred differs from what was last under its name.",
        "block_list_changed": "A controller says that it holds other blocks than it said before.",
        "project_changed": "A controller says that it holds another project than it said before.",
        "other_project_used": "A client has the places of variables from another project.",
        "executable": "What was transferred can be run by a computer, by its first bytes.",
        "test_file": "What was transferred is the test file of virus scanners.",
    }
    watches = (
        "Transfers, put together and hashed; the lists of blocks that S7 controllers give "
        "out; name, version and time of the project that Modicon controllers tell over UMAS, "
        "and the checksum of it that clients show with the variables that they ask for. "
        "Something must have been transferred, listed, told or shown before."
    )
    silent = (
        "Of transfers that were not seen whole, of lists that come in parts or have more "
        "than 256 blocks."
    )

    def __init__(self, settings: ProgramThresholds | None = None) -> None:
        self.settings = settings or ProgramThresholds()
        self._known: Recent[tuple[object, ...], _Known] = Recent(self.settings.programs)
        self._blocks: Recent[tuple[object, ...], _Blocks] = Recent(self.settings.block_lists)
        self._projects = Projects(self.settings.block_lists)

    def wants(self, event: Event) -> bool:
        """Transfers, and what was said of the program of a controller."""
        if event.category == "ot_file":
            return True
        if event.get("ot.function.name") not in _OPERATIONS or event.is_behaviour:
            return False
        return event.get("ot.role") == "request" and event.get("event.outcome") == "success"

    def observe(self, event: Event) -> Iterable[Event]:
        """Takes a transfer that has ended, or what was said of a program."""
        if event.category == "ot_operation":
            record = event.record
            is_list = record.operation in _LISTS
            return list(self._listed(event) if is_list else self._of_project(event))
        return list(self._judged(event, event.record))

    def _listed(self, event: Event) -> Iterator[Event]:
        record = event.record
        listed = _listed(record.operation, record.targets, record.values, record.value_count)
        # What comes in parts would have to be put together first: the counts tell of it.
        if listed is None or record.field("s7comm.more_follows"):
            return
        what, blocks = listed
        key = (record.server_address, record.vlan, record.protocol, record.unit, what)
        last = self._blocks.get(key)
        self._blocks.put(key, _Blocks(blocks, event.time_ns))
        if last is None or last.blocks == blocks:
            return
        yield finding(
            self,
            event,
            "block_list_changed",
            category="ot_file",
            expected=f"the blocks of the list before, of {what}",
            observed=_changes(last.blocks, blocks),
            since_ns=last.time_ns,
        )

    def _of_project(self, event: Event) -> Iterator[Event]:
        for one in self._projects.take(event.record):
            yield finding(
                self,
                event,
                one.type,
                category="ot_file",
                expected=one.expected,
                observed=one.observed,
                since_ns=one.since_ns,
            )

    def _judged(self, event: Event, content: Content) -> Iterator[Event]:
        whole = "whole" if content.complete else "not seen whole"
        way = "to the device" if content.to_server else "from the device"
        yield finding(
            self,
            event,
            _IMAGES[content.kind],
            category="ot_file",
            expected="none",
            observed=f"{content.size} bytes {way}, {whole}",
        )
        yield from self._by_magic(event, content)
        if not content.complete or not content.name:
            return
        key = (content.server_address, content.protocol, content.kind, content.name)
        directed = (*key, content.to_server)
        last = self._known.get(directed)
        self._known.put(
            directed,
            _Known(content.sha256, content.size, content.last_seen_ns, content.client_address),
        )
        if last is None or last.sha256 == content.sha256:
            return
        yield finding(
            self,
            event,
            "program_changed",
            category="ot_file",
            expected=f"{last.size} bytes, SHA-256 {last.sha256[:16]}, as {last.client} moved them",
            observed=f"{content.size} bytes, SHA-256 {content.sha256[:16]}",
            since_ns=last.time_ns,
        )

    def _by_magic(self, event: Event, content: Content) -> Iterator[Event]:
        head: bytes = getattr(content, "head", b"")
        if head.startswith(_TEST_FILE):
            yield self._magic(event, "test_file", "the EICAR test file")
            return
        kind = next((what for magic, what in _MAGIC if head.startswith(magic)), None)
        if kind is not None:
            yield self._magic(event, "executable", kind)

    def _magic(self, event: Event, type: str, what: str) -> Event:
        return finding(
            self,
            event,
            type,
            category="ot_file",
            expected="nothing that a computer runs",
            observed=what,
        )

    def memory(self) -> Json:
        """The digests, and the lists of blocks."""
        return {
            "known": self._known.written(
                lambda one: [one.sha256, one.size, one.time_ns, one.client]
            ),
            "blocks": self._blocks.written(lambda one: [one.blocks, one.time_ns]),
            "projects": self._projects.written(),
        }

    def restore(self, memory: Json) -> None:
        """Takes them."""
        self._known.read(memory["known"], lambda one: _Known(*one))
        self._blocks.read(memory["blocks"], lambda one: _Blocks(*one))
        # An older otmon did not write these.
        self._projects.read(memory.get("projects", [[], []]))


def _listed(
    operation: str, targets: tuple[str, ...], values: list[object], count: int
) -> tuple[str, dict[str, int]] | None:
    """What a list is of, and the blocks in it; none where it cannot be told."""
    if operation == "list_blocks":
        kinds = [kind for space, _, kind in (one.partition(":") for one in targets) if kind]
        if len(kinds) != len(values) or not kinds:
            return None
        counts = zip(kinds, values, strict=True)
        return "blocks", {kind: one for kind, one in counts if isinstance(one, int)}
    if len(targets) != 1 or count > MAX_LISTED or len(values) != count:
        return None
    space, _, kind = targets[0].partition(":")
    if space != "blocks":
        return None
    return kind, {f"{kind}{number}": 1 for number in values}


def _changes(before: dict[str, int], now: dict[str, int]) -> str:
    """What is new, gone, or there in another number."""
    changed = [f"{name} new" for name in now if name not in before]
    changed += [f"{name} gone" for name in before if name not in now]
    both = (name for name in now if before.get(name, now[name]) != now[name])
    changed += [f"{now[name]} {name}, before {before[name]}" for name in both]
    more = f"; {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
    return "; ".join(changed[:_SHOWN]) + more
