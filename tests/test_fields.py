"""The field catalogue agrees with what the engine says of itself."""

from __future__ import annotations

import importlib.util

import pytest

from otmon.fields import (
    ANOMALIES,
    CHANGE_CLASSES,
    DANGER_CLASSES,
    FIELDS,
    NOTABLE_CLASSES,
    OPERATION_CLASSES,
    PROGRAM_CLASSES,
    catalogue,
)

built = pytest.mark.skipif(
    importlib.util.find_spec("otmon._engine") is None, reason="the engine is not built"
)


@built
def test_the_closed_lists_are_those_of_the_engine():
    from otmon import _engine

    classes = _engine.classes()

    assert OPERATION_CLASSES == tuple(one.name for one in classes)
    assert NOTABLE_CLASSES == {one.name for one in classes if one.notable}
    assert CHANGE_CLASSES == {one.name for one in classes if one.change}
    assert ANOMALIES == tuple(one.name for one in _engine.anomalies())


@built
def test_the_catalogue_has_the_fields_of_every_protocol():
    from otmon import _engine

    fields = catalogue(_engine.protocols())

    assert "modbus.transaction_id" in fields
    assert set(FIELDS) < set(fields)


def test_groups_of_classes_are_of_the_list():
    assert set(OPERATION_CLASSES) >= NOTABLE_CLASSES >= CHANGE_CLASSES >= DANGER_CLASSES
    assert set(OPERATION_CLASSES) >= PROGRAM_CLASSES


def test_every_field_is_described_in_a_sentence():
    assert [] == [name for name, field in FIELDS.items() if not field.description.endswith(".")]
