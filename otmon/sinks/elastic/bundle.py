"""Documents as files, for a network that nothing may leave: written here, replayed there.

A file is bulk NDJSON in gzip. It gets its name when it is complete, and the
manifest has its number, SHA-256 and count. What is read is never trusted: only
the streams of otmon, and only documents that are added.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from otmon.errors import OptionsError
from otmon.sinks import ledger, outbox
from otmon.sinks.elastic.catalogue import LATEST, STREAMS
from otmon.sinks.elastic.documents import MAX_DOCUMENT_BYTES, PRIORITIES
from otmon.sinks.outbox import Document, Row, Store

MANIFEST = "MANIFEST.jsonl"
FILE_BYTES = 64 << 20
"""Size at which a file is complete, before compression."""
FILE_NS = 600_000_000_000
"""After so long a document that waits makes a file, however small, in nanoseconds."""
MOST_ROWS = 40_000
"""Documents of a file."""
FULL_WAIT_S = 60.0
"""How long a folder that is full is left alone, in seconds."""
_SERIES = "sequence.file"
_BATCH = 2_000
_NAME = re.compile(r"otmon-[A-Za-z0-9_.-]+-(\d{6,})\.ndjson\.gz")
_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class File:
    """A file of documents."""

    path: Path
    documents: int


class Writer:
    """Writes what waits into files, and takes it out of the queue.

    Files that nobody takes away have a bound: what is too much waits in the queue,
    which has a bound of its own and knows what matters least.
    """

    def __init__(
        self,
        store: Store,
        folder: Path,
        sensor: str,
        *,
        room: int,
        clock_ns: Callable[[], int],
        log: Callable[[str], None] = lambda line: None,
    ) -> None:
        """Takes what it needs; `room` is for all files of the folder, in bytes."""
        self.files: list[File] = []
        """What was written since the last step began."""
        self.reason = ""
        """Why it does not write, where it does not."""
        self._store = store
        self._folder = folder
        self._sensor = re.sub(r"[^A-Za-z0-9_.-]", "_", sensor)
        self._room = room
        self._clock_ns = clock_ns
        self._log = log

    def step(self) -> float | None:
        """Write a file, if there is enough for one or it has waited for long enough."""
        self.files.clear()
        with self._store.reading() as db:
            size, oldest_ns = outbox.waiting(db)
        if oldest_ns is None:
            return None
        if size < FILE_BYTES and self._clock_ns() - oldest_ns < FILE_NS:
            return None
        return 0.0 if self._write_one() else FULL_WAIT_S

    def finish(self) -> None:
        """Write all that waits."""
        while self._write_one():
            pass

    def _write_one(self) -> bool:
        """Write a file, and say whether there may be more."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            used = sum(path.stat().st_size for path in self._folder.glob("*.ndjson.gz"))
            if used >= self._room:
                self._become(
                    f"the files in {self._folder} take {used >> 20} MiB, as much as they may. "
                    "Take them away, or raise [elastic] outbox_mib; what is not written waits."
                )
                return False
            with self._store.reading() as db:
                rows = outbox.batch(db, at_most=MOST_ROWS, max_bytes=FILE_BYTES, now_ns=2**62)
            if rows:
                self.files.append(_written(self._store, self._folder, self._sensor, rows))
        except OSError as error:
            self._become(
                f"{self._folder} cannot be written: {error.strerror}. Make room, or name a folder "
                "that you may write to; what was not written waits in the outbox."
            )
            return False
        self._become("")
        return bool(rows)

    def _become(self, reason: str) -> None:
        if reason == self.reason:
            return
        if reason:
            self._log(reason)
        self.reason = reason
        with self._store.transaction() as db:
            state = "paused" if reason else "writing files"
            ledger.note(db, state=state, reason=reason, since=str(self._clock_ns()))


def _written(store: Store, folder: Path, sensor: str, rows: list[Row]) -> File:
    with store.reading() as db:
        last = ledger.numbers(db).get(_SERIES, 0)
    # The folder may hold files of others; the state knows of those that were taken away.
    number = max(last, _last_number(folder)) + 1
    path = folder / f"otmon-{sensor}-{number:06d}.ndjson.gz"
    part = folder / f".{path.name}.part"
    # Without a time in its head the same documents make the same bytes.
    with part.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as file:
        for row in rows:
            file.write(_line(row.document))
    with part.open("rb") as done:
        os.fsync(done.fileno())
        digest = hashlib.file_digest(done, "sha256").hexdigest()
    entry = {"number": number, "file": path.name, "sha256": digest, "documents": len(rows)}
    part.replace(path)
    with (folder / MANIFEST).open("a", encoding="utf-8") as manifest:
        manifest.write(json.dumps(entry) + "\n")
        manifest.flush()
        os.fsync(manifest.fileno())
    with store.transaction() as db:
        outbox.acknowledge(db, rows)
        ledger.count(db, {"written": len(rows)})
        ledger.continue_from(db, {_SERIES: number})
        outbox.shrink(db)
    return File(path, len(rows))


def _line(one: Document) -> bytes:
    where: dict[str, Any] = {"_index": one.target, "_id": one.id}
    if one.op == "index":
        where |= {"version": one.version, "version_type": "external_gte"}
    return json.dumps({one.op: where}).encode() + b"\n" + one.body + b"\n"


def _last_number(folder: Path) -> int:
    found = (_NAME.fullmatch(path.name) for path in folder.iterdir())
    return max((int(match[1]) for match in found if match), default=0)


@dataclass(frozen=True, slots=True)
class Read:
    """What was found in files."""

    documents: int
    remarks: tuple[str, ...]
    """Gaps in the numbers, and files that were not written to their end."""


def replay(store: Store, paths: Sequence[Path], bounds: outbox.Bounds) -> Read:
    """Put the documents of files into the queue.

    Raises:
        OptionsError: A file is not what its manifest says, or holds something
            else than documents of otmon. Nothing of that file is taken.
    """
    count = 0
    remarks: list[str] = []
    for path, digest in _files(paths, remarks):
        if digest is not None and _digest(path) != digest:
            raise OptionsError(
                f"{path} is not what its manifest says. Copy it again; nothing of it was sent."
            )
        with store.transaction() as db:
            taken: list[Document] = []
            for document in _documents(path):
                taken.append(document)
                if len(taken) >= _BATCH:
                    count += outbox.put(db, taken, bounds)
                    taken.clear()
            count += outbox.put(db, taken, bounds)
    return Read(count, tuple(remarks))


def _files(paths: Sequence[Path], remarks: list[str]) -> Iterator[tuple[Path, str | None]]:
    for path in paths:
        if not path.is_dir():
            yield path, None
            continue
        known: dict[str, str] = {}
        manifest = path / MANIFEST
        if manifest.is_file():
            for line in manifest.read_text("utf8").splitlines():
                try:
                    entry = json.loads(line)
                    known[str(entry["file"])] = str(entry["sha256"])
                except (ValueError, KeyError, TypeError):
                    remarks.append(f"{manifest}: a line cannot be read; its file is not checked")
        found = sorted((int(m[1]), p) for p in path.iterdir() if (m := _NAME.fullmatch(p.name)))
        if not found:
            raise OptionsError(f"{path} holds no documents of otmon. Name the folder they are in.")
        numbers = [number for number, _ in found]
        missing = sorted(set(range(numbers[0], numbers[-1] + 1)) - set(numbers))
        if missing:
            remarks.append(f"{path}: missing are {', '.join(map(str, missing[:20]))}")
        for _, place in found:
            if place.name not in known:
                remarks.append(f"{place.name}: not in the manifest, so not checked")
            yield place, known.get(place.name)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _documents(path: Path) -> Iterator[Document]:
    try:
        with gzip.open(path, "rb") as file:
            while head := file.readline(4096):
                yield _checked(head, file.readline(2 * MAX_DOCUMENT_BYTES), path)
    except (OSError, EOFError, zlib.error) as error:
        raise OptionsError(
            f"{path} cannot be read ({error}). Copy it again; nothing of it was sent."
        ) from error


def _checked(head: bytes, body: bytes, path: Path) -> Document:
    """A document, if it is one that otmon writes."""
    try:
        ((op, where),) = json.loads(head).items()
        target, identity = where["_index"], where["_id"]
        version = where.get("version", 0)
        content = json.loads(body)
        # `event` comes first again, so that the sender can add when it sent.
        event = content.pop("event")
        event.pop("ingested", None)
        body = json.dumps(
            {"event": event, **content}, ensure_ascii=False, separators=(",", ":")
        ).encode()
        stream = next((one for one in STREAMS if target.startswith(f"{one}-")), None)
        namespace = target[len(stream or "") + 1 :]
        fits = (
            stream is not None
            and re.fullmatch(r"[a-z0-9_.]{1,100}", namespace)
            and op == ("index" if stream == LATEST else "create")
            and _ID.fullmatch(identity)
            and isinstance(version, int)
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        fits = False
    if not fits:
        raise OptionsError(
            f"{path} holds something else than documents of otmon. Nothing of it was sent."
        )
    assert stream is not None
    name = "asset-latest" if stream == LATEST else stream.rpartition(".")[2]
    return Document(PRIORITIES[name], target, op, identity, body, version)
