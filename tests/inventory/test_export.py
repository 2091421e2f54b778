"""Inventories as tables for other programs."""

from __future__ import annotations

import csv
import io

from inventory.observations import address, claim

from otmon.inventory.export import COLUMNS, NETBOX_COLUMNS, csv_text, netbox_rows, rows
from otmon.inventory.inventory import Inventory
from otmon.model.asset import Asset

PLC = "00:1b:1b:00:00:01"


def one(model: str = "CPU 315", **other: object) -> tuple[Asset, ...]:
    """A controller that says its model."""
    inventory = Inventory()
    inventory.address(address(PLC, "10.0.0.1", **other))
    inventory.claim(claim("10.0.0.1", "model", model))
    return inventory.assets(str)


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_row_has_every_column_in_order() -> None:
    (row,) = read(csv_text(COLUMNS, rows(one())))

    assert list(COLUMNS) == list(row)
    assert ("10.0.0.1", PLC, "CPU 315", "yes") == (
        row["ip"],
        row["mac"],
        row["model"],
        row["confirmed"],
    )


def test_what_a_device_says_is_never_a_formula() -> None:
    (row,) = read(csv_text(COLUMNS, rows(one(model='=HYPERLINK("x")'))))

    assert '\'=HYPERLINK("x")' == row["model"]


def test_netbox_gets_every_column_that_it_must_have() -> None:
    (row,) = read(csv_text(NETBOX_COLUMNS, netbox_rows(one(), "works")))

    assert ("10.0.0.1", "Unknown", "Siemens", "CPU 315", "active", "works") == (
        row["name"],
        row["role"],
        row["manufacturer"],
        row["device_type"],
        row["status"],
        row["site"],
    )


def test_netbox_is_told_of_no_peers_outside_and_of_nobody_seen_once() -> None:
    assert [] == netbox_rows(one(packets=1, last_seen_ns=0), "works")


def test_netbox_gets_every_name_once_and_no_longer_than_it_takes() -> None:
    inventory = Inventory()
    for number in (1, 2):
        inventory.address(address(f"00:1b:1b:00:00:0{number}", f"10.0.0.{number}"))
        inventory.claim(claim(f"10.0.0.{number}", "station_name", "PLC_1 " * 20))
    first, second = (row[0] for row in netbox_rows(inventory.assets(str), "works"))

    assert first != second
    assert (64, 64) == (len(first), len(second))
