"""The report as a workbook for assessors: a sheet for each kind of thing, nothing left out."""

from __future__ import annotations

import datetime
import io
from collections.abc import Iterable, Sequence
from typing import Any

from otmon.errors import OtmonError
from otmon.model.document import render_time
from otmon.report.content import Content, changes_of, roles_of

MAX_TEXT = 32_767
"""Characters of a cell [Excel's limit]."""
MAX_ROWS = 1_048_575
"""Rows below the head of a sheet [Excel's limit]."""
WIDEST = 60
"""Columns are at most so many characters wide."""

Rows = Iterable[Sequence[Any]]


class WorkbookError(OtmonError):
    """The workbook cannot be made."""


def workbook(content: Content) -> bytes:
    """The workbook.

    Raises:
        WorkbookError: XlsxWriter is not installed.
    """
    sheets = (
        ("Summary", ("what", "value"), _summary(content)),
        ("Alerts", _ALERTS, _alerts(content)),
        ("Violations", _VIOLATIONS, _violations(content)),
        ("Devices", _DEVICES, _devices(content)),
        ("Claims", _CLAIMS, _claims(content)),
        ("Weaknesses", _WEAKNESSES, _weaknesses(content)),
        ("Conversations", _CONVERSATIONS, _conversations(content)),
        ("Transfers", _TRANSFERS, _transfers(content)),
    )
    return sheets_as_xlsx(content.title, content.capture["last_seen"], sheets)


def sheets_as_xlsx(
    title: str, last_ns: int | None, sheets: Iterable[tuple[str, Sequence[str], Rows]]
) -> bytes:
    """A workbook of any tables.

    Args:
        title: Of the workbook.
        last_ns: The time of the traffic, which is that of the workbook.
        sheets: Each with its name, columns and rows.

    Raises:
        WorkbookError: XlsxWriter is not installed.
    """
    try:
        import xlsxwriter
    except ImportError as error:
        raise WorkbookError(
            "A workbook needs XlsxWriter, which is not installed. "
            "Install it: `pip install 'otmon[report]'`."
        ) from error
    into = io.BytesIO()
    # What traffic says is text: it never becomes a formula or a link.
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(into, options)
    # The same analysis gives the same bytes: the time is that of the traffic.
    created = datetime.datetime(2000, 1, 1)
    if last_ns is not None:
        created = datetime.datetime.fromisoformat(render_time(last_ns)[:19])
    book.set_properties({"title": title, "created": created})
    head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
    body = book.add_format({"valign": "top"})
    for name, columns, rows in sheets:
        _sheet(book.add_worksheet(name), columns, rows, head, body)
    book.close()
    return into.getvalue()


def _sheet(sheet: Any, columns: Sequence[str], rows: Rows, head: Any, body: Any) -> None:
    widths = [len(column) for column in columns]
    count = 0
    for place, column in enumerate(columns):
        sheet.write_string(0, place, column, head)
    for count, row in enumerate(rows, 1):
        if count > MAX_ROWS:
            break
        for place, value in enumerate(row):
            if value is None or value == "":
                continue
            if isinstance(value, int | float) and not isinstance(value, bool):
                sheet.write_number(count, place, value, body)
                shown = f"{value}"
            else:
                shown = str(value)[:MAX_TEXT]
                sheet.write_string(count, place, shown, body)
            widths[place] = max(widths[place], len(shown))
    for place, width in enumerate(widths):
        sheet.set_column(place, place, min(width, WIDEST) + 2)
    sheet.freeze_panes(1, 0)
    if count:
        sheet.autofilter(0, 0, min(count, MAX_ROWS), len(columns) - 1)


def _clock(time_ns: int | None) -> str | None:
    return None if time_ns is None else render_time(time_ns)[:23].replace("T", " ")


def _summary(content: Content) -> Rows:
    capture = content.capture
    yield "title", content.title
    yield "written by", f"otmon {content.version}"
    yield "first frame (UTC)", _clock(capture["first_seen"])
    yield "last frame (UTC)", _clock(capture["last_seen"])
    for file in capture["files"]:
        yield "capture file", file["path"]
        if file["error"]:
            yield "error", file["error"]
    yield "frames", capture["packets"]
    yield "bytes", capture["bytes"]
    yield "industrial messages", capture["pdus"]
    yield "bytes missing", capture["gap_bytes"]
    yield "duplicate frames", capture["duplicate_frames"]
    yield "bytes left undecoded", capture["undecoded_bytes"]
    yield "one direction only", "yes" if capture["one_sided"] else "no"
    for remark in (*capture["remarks"], *capture["rule_errors"]):
        yield "remark", remark
    for protocol in content.protocols:
        yield f"messages of {protocol['name']}", protocol["pdus"]
    for level, count in content.level_counts():
        yield f"{level} alerts", count
    yield "devices", len(content.assets)


_ALERTS = (
    "no", "level", "severity", "status", "title", "message", "client", "server", "protocol",
    "count", "refused", "first seen (UTC)", "last seen (UTC)", "techniques", "why", "check next",
    "looks the same", "capture", "frames", "rule", "rule version",
)  # fmt: skip


def _alerts(content: Content) -> Rows:
    for one in content.alerts:
        yield (
            one.id,
            one.level,
            one.severity,
            one.status,
            one.rule.title,
            one.message,
            one.client or "several",
            one.server or "several",
            one.protocol,
            one.count,
            one.refused,
            _clock(one.first_seen),
            _clock(one.last_seen),
            ", ".join(one.techniques),
            "\n".join(one.why),
            "\n".join(one.triage),
            "\n".join(one.false_positives),
            one.evidence.file,
            " ".join(map(str, one.evidence.frames)),
            one.rule.id,
            one.rule.version,
        )


_VIOLATIONS = (
    "alert", "title", "client", "server", "unit", "operation", "target", "value", "status", "count",
    "first seen (UTC)", "last seen (UTC)",
)  # fmt: skip


def _violations(content: Content) -> Rows:
    for alert in content.alerts:
        for row in alert.violations:
            yield (
                alert.id,
                alert.rule.title,
                row.client or alert.client,
                row.server or alert.server,
                row.unit,
                row.operation,
                row.target,
                row.value,
                row.status,
                row.count,
                _clock(row.first_seen),
                _clock(row.last_seen),
            )


_DEVICES = (
    "id", "address", "ip", "mac", "vlan", "roles", "purdue level", "zone", "vendor", "model",
    "order code", "firmware", "hardware", "serial", "host name", "station name", "behind", "unit",
    "modules", "protocols", "first seen (UTC)", "last seen (UTC)", "alerts",
)  # fmt: skip


def _devices(content: Content) -> Rows:
    for one in content.assets:
        yield (
            one["id"],
            content.addresses[one["id"]],
            ", ".join(one["ip"]),
            ", ".join(one["mac"]),
            one["vlan"],
            roles_of(one),
            one["purdue_level"],
            one["zone"],
            one["vendor"],
            one["model"],
            one["order_code"],
            one["firmware"],
            one["hardware"],
            one["serial"],
            one["hostname"],
            one["station_name"],
            one["gateway"],
            one["unit"],
            "; ".join(module["name"] for module in one["modules"]),
            ", ".join(one["protocols"]),
            _clock(one["first_seen"]),
            _clock(one["last_seen"]),
            ", ".join(str(alert.id) for alert in content.alerts_of(one)),
        )


_CLAIMS = (
    "device", "address", "attribute", "value", "source", "confidence", "count", "capture", "frame",
)  # fmt: skip


def _claims(content: Content) -> Rows:
    for asset in content.assets:
        for claim in asset["evidence"]:
            yield (
                asset["id"],
                content.addresses[asset["id"]],
                claim["attribute"],
                claim["value"],
                claim["source"],
                claim["confidence"],
                claim["count"],
                claim["file"],
                claim["frame"],
            )


_WEAKNESSES = (
    "device", "address", "verdict", "advisory", "CVE", "CVSS", "title", "why", "list",
)  # fmt: skip


def _weaknesses(content: Content) -> Rows:
    for asset in content.assets:
        for match in asset["advisories"]:
            yield (
                asset["id"],
                content.addresses[asset["id"]],
                match["verdict"],
                match["id"],
                match["cve"],
                match["score"],
                match["title"],
                match["why"],
                match["source"],
            )


_CONVERSATIONS = (
    "client", "server", "protocol", "transport", "port", "changes", "what was done", "refused",
    "messages", "packets", "bytes", "bytes missing", "one direction only", "first seen (UTC)",
    "last seen (UTC)",
)  # fmt: skip


def _conversations(content: Content) -> Rows:
    for talk in content.conversations:
        yield (
            content.name_of(talk["client"], talk["client_ip"]),
            content.name_of(talk["server"], talk["server_ip"]),
            talk["protocol"],
            talk["transport"],
            talk["port"],
            changes_of(talk),
            ", ".join(f"{token} {count}" for token, count in talk["classes"].items()),
            talk["failures"],
            talk["pdus"],
            talk["packets"],
            talk["bytes"],
            talk["gap_bytes"],
            "yes" if talk["one_sided"] else "no",
            _clock(talk["first_seen"]),
            _clock(talk["last_seen"]),
        )


_TRANSFERS = (
    "client", "server", "protocol", "kind", "name", "into the server", "bytes", "SHA-256",
    "complete", "first seen (UTC)", "last seen (UTC)", "frames",
)  # fmt: skip


def _transfers(content: Content) -> Rows:
    for item in content.contents:
        yield (
            content.name_of(item["client"], None),
            content.name_of(item["server"], None),
            item["protocol"],
            item["kind"],
            item["name"],
            "yes" if item["to_server"] else "no",
            item["size"],
            item["sha256"],
            "yes" if item["complete"] else "no",
            _clock(item["first_seen"]),
            _clock(item["last_seen"]),
            " to ".join(map(str, item["frames"])),
        )
