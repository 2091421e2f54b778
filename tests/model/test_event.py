"""Events give the fields of the catalogue."""

from __future__ import annotations

import datetime

from otmon.fields import FIELDS
from otmon.model.context import AssetFacts
from otmon.model.event import (
    event_from_behaviour,
    event_from_content,
    event_from_transaction,
    stands_alone,
)
from tests.records import START, Behaviour, Content, Surroundings, Transaction


def test_a_transaction_gives_who_asked_whom_for_what():
    event = event_from_transaction(Transaction(values=[7, True, b"\x01"], value_count=3))

    assert {
        "source.ip": "10.0.0.66",
        "client.address": "10.0.0.66",
        "destination.ip": "10.0.0.11",
        "network.protocol": "modbus",
        "ot.function.name": "read_holding_registers",
        "ot.unit.id": "1",
        "ot.object.id": ("hr:100-139",),
        "ot.object.type": ("hr",),
        "ot.object.address_low": (100,),
        "ot.object.address_high": (139,),
        "ot.value": ("7", "true", "01"),
        "ot.value_number": (7.0, 1.0),
        "event.outcome": "success",
        "ot.first_seen": False,
        "@timestamp": START,
    } == {
        name: event.get(name)
        for name in (
            "source.ip",
            "client.address",
            "destination.ip",
            "network.protocol",
            "ot.function.name",
            "ot.unit.id",
            "ot.object.id",
            "ot.object.type",
            "ot.object.address_low",
            "ot.object.address_high",
            "ot.value",
            "ot.value_number",
            "event.outcome",
            "ot.first_seen",
            "@timestamp",
        )
    }


def test_every_field_of_an_operation_is_in_the_catalogue():
    events = [
        event_from_transaction(Transaction()),
        event_from_behaviour(Behaviour()),
        event_from_content(Content()),
    ]

    assert set() == {name for event in events for name in event.likeness.layout.getters} - set(
        FIELDS
    )


def test_every_field_of_the_catalogue_can_be_asked_for():
    for event in (
        event_from_transaction(Transaction()),
        event_from_behaviour(Behaviour()),
        event_from_content(Content()),
    ):
        for name in FIELDS:
            event.get(name)


def test_the_fields_of_a_protocol_are_those_of_its_record():
    event = event_from_transaction(Transaction(fields={"modbus.transaction_id": 9}))

    assert 9 == event.get("modbus.transaction_id")
    assert None is event.get("modbus.and_mask")


def test_a_refusal_is_a_failure_and_silence_is_unknown():
    outcomes = [
        event_from_transaction(Transaction(status=status)).get("event.outcome")
        for status in ("ok", "illegal_function", None)
    ]

    assert ["success", "failure", "unknown"] == outcomes


def test_a_behaviour_is_seen_for_the_first_time():
    event = event_from_behaviour(Behaviour())

    assert (True, ("hr",), ((0, 1),)) == (
        event.get("ot.first_seen"),
        event.get("ot.object.id"),
        event.frames,
    )


def test_without_an_ip_the_hardware_address_is_the_address():
    event = event_from_transaction(Transaction(client_ip=None))

    assert "00:00:5e:00:53:66" == event.get("client.address")


def test_roles_come_from_the_inventory_when_they_are_asked_for():
    facts = {"10.0.0.66": AssetFacts("a-1", ("engineering_station",), criticality="high")}
    event = event_from_transaction(Transaction(), Surroundings(facts))

    assert ("engineering_station",) == event.get("source.asset.role")
    assert "high" == event.get("source.asset.criticality")
    assert () == event.get("destination.asset.role")
    assert None is event_from_transaction(Transaction()).get("source.asset.role")


def test_site_time_windows_and_quality_come_from_the_context_when_they_are_asked_for():
    zone = datetime.timezone(datetime.timedelta(hours=5))
    event = event_from_transaction(
        Transaction(), Surroundings(window="turnaround", seen="lossy", zone=zone)
    )
    asked = (
        "site_time.weekday",
        "site_time.hour",
        "maintenance.window",
        "maintenance.name",
        "capture.quality",
    )

    assert ("wednesday", 3, True, "turnaround", "lossy") == event.several(asked)
    assert (None,) * 5 == event_from_transaction(Transaction()).several(asked)


def test_a_behaviour_stands_alone_where_no_transaction_tells_of_it():
    assert stands_alone(Behaviour())
    assert stands_alone(Behaviour(role="event", answered=False, status=None))
    assert not stands_alone(Behaviour(operation_class="write"))
    assert not stands_alone(Behaviour(status="illegal_function"))
    assert not stands_alone(Behaviour(answered=False, status=None))
    assert not stands_alone(Behaviour(anomalies=("trailing_bytes",)))
