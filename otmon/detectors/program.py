"""Programs, firmware and files that were transferred, and whether they differ from the last.

The digest of each is kept per server and name, for each direction: what a
server gives out may carry other headers than what it was given. A transfer that
was not seen whole is told and marked, and never compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from otmon.detectors.bounded import Json, Recent
from otmon.detectors.detector import Detector
from otmon.detectors.finding import finding
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
    categories = frozenset(("ot_file",))
    says: ClassVar[Mapping[str, str]] = {
        "program_image": "A program or a block of one was transferred.",
        "firmware_image": "Firmware was transferred.",
        "file_image": "A file was transferred.",
        "program_changed": "What was transferred differs from what was last under its name.",
        "executable": "What was transferred can be run by a computer, by its first bytes.",
        "test_file": "What was transferred is the test file of virus scanners.",
    }

    def __init__(self, settings: ProgramThresholds | None = None) -> None:
        self.settings = settings or ProgramThresholds()
        self._known: Recent[tuple[object, ...], _Known] = Recent(self.settings.programs)

    def observe(self, event: Event) -> Iterable[Event]:
        """Takes a transfer that has ended."""
        return list(self._judged(event, event.record))

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
        """The digests."""
        return self._known.written(lambda one: [one.sha256, one.size, one.time_ns, one.client])

    def restore(self, memory: Json) -> None:
        """Takes them."""
        self._known.read(memory, lambda one: _Known(*one))
