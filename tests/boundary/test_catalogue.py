"""The stub says what the module has, and the catalogue names everything once."""

from __future__ import annotations

import subprocess
import sys

from places import ROOT

from otmon import _engine


def test_stub_and_module_agree() -> None:
    check = [sys.executable, "-m", "mypy.stubtest", "otmon._engine"]
    result = subprocess.run(check, cwd=ROOT, capture_output=True, text=True, check=False)

    assert (0, "") == (result.returncode, result.stderr), result.stdout


def test_the_catalogue_names_everything_once() -> None:
    protocols = _engine.protocols()
    fields = [field.name for protocol in protocols for field in protocol.fields]

    assert {"modbus", "s7comm", "dnp3"} <= {protocol.name for protocol in protocols}
    assert len(fields) == len(set(fields))
    assert all(
        field.name.startswith(f"{protocol.name}.")
        for protocol in protocols
        for field in protocol.fields
    )
    kinds = {field.kind for protocol in protocols for field in protocol.fields}
    assert kinds <= {"bool", "integer", "float", "text", "bytes", "time"}
    classes = [one.name for one in _engine.classes()]
    assert (39, "firmware_update", "keepalive") == (len(classes), classes[0], classes[-1])
    assert all(one.meaning.endswith(".") for one in _engine.classes())
    assert all(one.meaning.endswith(".") for one in _engine.anomalies())
