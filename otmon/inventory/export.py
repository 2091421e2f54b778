"""Inventories as tables for other programs: a row a device."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from otmon.model.asset import IDENTITY, Asset
from otmon.model.document import render_time

COLUMNS = (
    "id",
    "name",
    "ip",
    "mac",
    "vlan",
    "gateway",
    "unit",
    *IDENTITY,
    "roles",
    "role_candidates",
    "purdue_level",
    "zone",
    "criticality",
    "safety",
    "state",
    "confirmed",
    "routed",
    "protocols",
    "modules",
    "first_seen",
    "last_seen",
)
"""The columns of the plain export, in order."""

NETBOX_COLUMNS = (
    "name",
    "role",
    "manufacturer",
    "device_type",
    "serial",
    "status",
    "site",
    "description",
    "comments",
)
"""Columns of the import of devices of NetBox 3.6 and later [D]; role, manufacturer, device_type,
status and site must be there."""

_NETBOX_STATUS = {"active": "active", "stale": "offline", "gone": "offline"}
NETBOX_NAME, NETBOX_SERIAL = 64, 50
"""Characters that NetBox has for a name and for a serial number [D]."""
UNKNOWN = "Unknown"
"""What NetBox is told where a name must be and none is known."""
SEPARATOR = "; "


def rows(assets: Iterable[Asset]) -> list[list[Any]]:
    """The cells of the plain export."""
    return [[_cell(asset, column) for column in COLUMNS] for asset in assets]


def netbox_rows(assets: Iterable[Asset], site: str) -> list[list[str]]:
    """The cells of NetBox's import; devices that are no part of the site are left out."""
    rows, names = [], set()
    for asset in assets:
        if not asset.confirmed or "public_peer" in asset.roles:
            continue
        row = _netbox(asset, site)
        if row[0] in names:
            # NetBox wants a name once in a site; that of the project may be everybody's.
            row[0] = f"{row[0][: NETBOX_NAME - len(asset.id) - 1]} {asset.id}"
        names.add(row[0])
        rows.append(row)
    return rows


def csv_text(columns: Sequence[str], cells: Iterable[Sequence[Any]]) -> str:
    """A table as RFC 4180 has it; nothing in it becomes a formula in a spreadsheet."""
    into = io.StringIO()
    writer = csv.writer(into)
    writer.writerow(columns)
    writer.writerows([_plain(cell) for cell in row] for row in cells)
    return into.getvalue()


def _cell(asset: Asset, column: str) -> Any:
    value = getattr(asset, column)
    if column == "modules":
        return SEPARATOR.join(module.name for module in value)
    if column in ("first_seen", "last_seen"):
        return render_time(value)
    if isinstance(value, tuple):
        return SEPARATOR.join(value)
    return value


def _netbox(asset: Asset, site: str) -> list[str]:
    addresses = [*asset.ip, *asset.mac]
    name = asset.name or asset.station_name or asset.hostname or (addresses or [asset.id])[0]
    if asset.unit is not None and asset.name is None:
        name = f"{name} unit {asset.unit}"
    said = {
        "firmware": asset.firmware,
        "hardware": asset.hardware,
        "order code": asset.order_code,
        "zone": asset.zone,
        "protocols": ", ".join(asset.protocols),
        "otmon id": asset.id,
    }
    return [
        name[:NETBOX_NAME],
        asset.roles[0] if asset.roles else UNKNOWN,
        asset.vendor or UNKNOWN,
        asset.model or asset.order_code or UNKNOWN,
        (asset.serial or "")[:NETBOX_SERIAL],
        _NETBOX_STATUS.get(asset.state, "decommissioning"),
        site,
        ", ".join(addresses)[:200],
        SEPARATOR.join(f"{word} {value}" for word, value in said.items() if value),
    ]


def _plain(cell: Any) -> Any:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    # What traffic says is text, also where a spreadsheet would reckon with it.
    if isinstance(cell, str) and cell[:1] in "=+-@\t\r" and cell:
        return f"'{cell}"
    return cell
