"""Reads a site's advisories: CSAF 2.0 documents, or a table; nothing is ever downloaded.

A table is CSV with a head, of which `id`, `vendor` and `model` must be there:

```text
id,vendor,model,firmware,title,cve,score
SSA-123456,Siemens,6ES7 315-2EH14-0AB0,<V3.2.9,Denial of service,CVE-2019-0001,7.5
```

What cannot be used is named with its file and line, and the rest is used.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from otmon.model.advisory import Advisory, Product

MAX_BYTES = 32 * 1024 * 1024
"""Size of a file from which it is not read."""
MAX_FILES = 20_000
MAX_ADVISORIES = 100_000
MAX_PRODUCTS = 2_000
"""Products of one weakness."""
MAX_DEPTH = 30
"""Branches in branches of a product tree."""
MAX_PROBLEMS = 50
NEEDED = ("id", "vendor", "model")
COLUMNS = (*NEEDED, "firmware", "title", "cve", "score")
_STATUS = {
    "known_affected": "affected",
    "first_affected": "affected",
    "last_affected": "affected",
    "under_investigation": "unknown",
    "fixed": "fixed",
    "first_fixed": "fixed",
    "known_not_affected": "not_affected",
}
"""Product groups of CSAF 2.0, 3.2.3.9 [S], and what they mean here."""


@dataclass(slots=True)
class Read:
    """What the lists hold."""

    advisories: list[Advisory] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """What could not be used: file, line and why."""

    def note(self, path: Path, line: int | None, why: str) -> None:
        """Notes what cannot be used."""
        if len(self.problems) < MAX_PROBLEMS:
            place = str(path) if line is None else f"{path}:{line}"
            self.problems.append(f"{place}: {why}; it is left out")


def read_advisories(paths: Iterable[Path]) -> Read:
    """Everything on the lists that can be used.

    Args:
        paths: Files, or folders of which every .json and .csv file is read.
    """
    read = Read()
    for path in _files(paths, read):
        if len(read.advisories) >= MAX_ADVISORIES:
            read.note(path, None, f"there are more than {MAX_ADVISORIES:,} advisories")
            break
        try:
            if path.stat().st_size > MAX_BYTES:
                read.note(path, None, f"it is larger than {MAX_BYTES // 1024 // 1024} MiB")
                continue
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
            read.note(path, None, f"it cannot be read: {reason}")
            continue
        if text.lstrip()[:1] in ("{", "["):
            _read_csaf(path, text, read)
        else:
            _read_table(path, text, read)
    return read


def _files(paths: Iterable[Path], read: Read) -> Iterator[Path]:
    count = 0
    for path in paths:
        inside = (
            sorted(one for kind in ("*.json", "*.csv") for one in path.rglob(kind))
            if path.is_dir()
            else [path]
        )
        if not inside:
            read.note(path, None, "the folder has no .json or .csv file")
        for one in inside:
            count += 1
            if count > MAX_FILES:
                read.note(path, None, f"there are more than {MAX_FILES:,} files")
                return
            yield one


def _read_table(path: Path, text: str, read: Read) -> None:
    lines = csv.reader(text.splitlines(), delimiter=_delimiter(text))
    try:
        head = [name.strip().lower() for name in next(lines, [])]
        missing = [name for name in NEEDED if name not in head]
        if missing:
            read.note(
                path, 1, f"the head has no {', '.join(missing)}: {','.join(COLUMNS)} is asked"
            )
            return
        odd = [name for name in head if name not in COLUMNS]
        if odd:
            read.note(path, 1, f"column {', '.join(odd)} is none of {', '.join(COLUMNS)}")
        for cells in lines:
            if not any(cells) or cells[0].lstrip().startswith("#"):
                continue
            if len(read.advisories) >= MAX_ADVISORIES:
                return
            row = {name: cell.strip() for name, cell in zip(head, cells, strict=False)}
            one = _of_row(path, row, lines.line_num, read)
            if one is not None:
                read.advisories.append(one)
    except csv.Error as error:
        read.note(path, lines.line_num, f"no CSV: {error}")


def _delimiter(text: str) -> str:
    head = text.splitlines()[0] if text.strip() else ""
    return ";" if head.count(";") > head.count(",") else ","


def _of_row(path: Path, row: Mapping[str, str], line: int, read: Read) -> Advisory | None:
    empty = [name for name in NEEDED if not row.get(name)]
    if empty:
        read.note(path, line, f"{', '.join(empty)} is empty")
        return None
    score = None
    if row.get("score"):
        try:
            score = float(row["score"])
        except ValueError:
            read.note(path, line, f"score {row['score']!r} is no number")
            return None
        if not 0 <= score <= 10:
            read.note(path, line, f"score {score:g} is not from 0 to 10")
            return None
    product = Product(row["vendor"], (row["model"],), (row["model"],), row.get("firmware", ""))
    cve = row.get("cve") or None
    return Advisory(row["id"], row.get("title", ""), cve, score, (product,), path.name)


def _read_csaf(path: Path, text: str, read: Read) -> None:
    try:
        document = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else None
        read.note(path, line, f"no JSON: {getattr(error, 'msg', 'too deep')}")
        return
    lines = _Lines(text)
    about = _table(_table(document).get("document"))
    if not about or "csaf_version" not in about:
        read.note(path, 1, "no CSAF document: it has no document.csaf_version")
        return
    name = _table(about.get("tracking")).get("id")
    if not isinstance(name, str) or not name:
        read.note(path, 1, "it has no document.tracking.id")
        return
    title = _text(about.get("title"))
    products: dict[str, Product] = {}
    tree = _table(document.get("product_tree"))
    for branch in _list(tree.get("branches")):
        _grow(_table(branch), (), products, MAX_DEPTH)
    for one in map(_table, _list(tree.get("full_product_names"))):
        _add(one, (), products)
    for one in map(_table, _list(tree.get("relationships"))):
        whole = _table(one.get("full_product_name"))
        part = products.get(_text(one.get("product_reference")))
        host = products.get(_text(one.get("relates_to_product_reference")))
        key = _text(whole.get("product_id"))
        if key and (part or host):
            # Firmware on a device: the device is the product, the firmware has the versions.
            base = host or part
            assert base is not None
            versions = (part.versions if part is not None else "") or base.versions
            products[key] = Product(base.vendor, base.names, base.codes, versions)
    found = 0
    for number, weakness in enumerate(map(_table, _list(document.get("vulnerabilities")))):
        advisory = _weakness(weakness, name, title, products, path)
        if advisory is None:
            mark = _text(weakness.get("cve"))
            why = f"vulnerabilities[{number}] {mark}".rstrip() + " names no product that is known"
            read.note(path, lines.of(mark), why)
        else:
            read.advisories.append(advisory)
            found += 1
    if not found and not _list(document.get("vulnerabilities")):
        read.note(path, 1, "it has no vulnerabilities")


def _grow(
    branch: Mapping[str, Any],
    above: tuple[tuple[str, str], ...],
    into: dict[str, Product],
    depth: int,
) -> None:
    """Takes the products of a branch and of those below it."""
    if depth == 0:
        return
    path = (*above, (_text(branch.get("category")), _text(branch.get("name"))))
    product = _table(branch.get("product"))
    if product:
        _add(product, path, into)
    for below in _list(branch.get("branches")):
        _grow(_table(below), path, into, depth - 1)


def _add(
    product: Mapping[str, Any], path: tuple[tuple[str, str], ...], into: dict[str, Product]
) -> None:
    key = _text(product.get("product_id"))
    if not key:
        return
    vendor = next((name for kind, name in path if kind == "vendor"), "")
    names = [name for kind, name in path if kind in ("product_family", "product_name")]
    names = names or [_text(product.get("name"))]
    versions = next(
        (name for kind, name in reversed(path) if kind.startswith("product_version")), ""
    )
    helper = _table(product.get("product_identification_helper"))
    codes = [
        code
        for kind in ("skus", "model_numbers")
        for code in _list(helper.get(kind))
        if isinstance(code, str)
    ]
    into[key] = Product(vendor or _first_word(names), tuple(names), tuple(codes), versions)


def _weakness(
    weakness: Mapping[str, Any], name: str, title: str, known: Mapping[str, Product], path: Path
) -> Advisory | None:
    products: list[Product] = []
    for group, ids in _table(weakness.get("product_status")).items():
        status = _STATUS.get(group)
        if status is None:
            continue
        for key in _list(ids):
            product = known.get(key) if isinstance(key, str) else None
            if product is not None and len(products) < MAX_PRODUCTS:
                products.append(
                    Product(product.vendor, product.names, product.codes, product.versions, status)
                )
    if not products:
        return None
    scores = [
        score
        for one in map(_table, _list(weakness.get("scores")))
        for kind in ("cvss_v3", "cvss_v2")
        if isinstance(score := _table(one.get(kind)).get("baseScore"), int | float)
    ]
    return Advisory(
        name,
        _text(weakness.get("title")) or title,
        _text(weakness.get("cve")) or None,
        float(max(scores)) if scores else None,
        tuple(products),
        path.name,
    )


class _Lines:
    """Where in a file a text stands."""

    def __init__(self, text: str) -> None:
        self._text = text

    def of(self, mark: str) -> int | None:
        """The line of the first place; none where it is not there."""
        place = self._text.find(f'"{mark}"') if mark else -1
        return None if place < 0 else self._text.count("\n", 0, place) + 1


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _first_word(names: list[str]) -> str:
    return names[0].split(" ", 1)[0] if names and names[0] else ""
