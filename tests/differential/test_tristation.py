"""TriStation against a second reading, and against what is known of TRITON's capture."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from differential import tristation
from places import PCAPS, absent

import otmon

SHIPPED = [
    PCAPS / "tristation" / f"{name}.pcapng"
    for name in ("broadcast", "change", "halt", "run_refused", "triton_like", "workstation")
]


@pytest.fixture(scope="module")
def triton(corpus: Path) -> Path:
    """The public capture of the malware at work."""
    path = corpus / "tristation" / "triton_malware_exec_nozomi_bsd3.pcap"
    if not path.is_file():
        absent("the capture of TRITON", "OTMON_REQUIRE_CAPTURES")
    return path


def of_otmon(path: Path) -> list[dict[str, Any]]:
    return list(otmon.pdus(path, keep_duplicates=True))


def as_read(pdu: dict[str, Any]) -> tuple[Any, ...]:
    """Frame, side, number, sequence; connections have no number of a command."""
    added = pdu["tristation"]
    number = pdu["function_code"] if "sequence" in added else None
    return pdu["frame"], pdu["role"] != "response", number, added.get("sequence")


def agree(path: Path) -> None:
    every = tristation.messages(path)
    pdus = of_otmon(path)

    expected = [(one.frame, one.from_client, one.function, one.sequence) for one in every]
    assert expected == [as_read(pdu) for pdu in pdus]
    assert [one.sound for one in every] == ["bad_checksum" not in p["anomalies"] for p in pdus]
    marked = [pdu["frame"] for pdu in pdus if pdu["tristation"].get("signature_match")]
    assert tristation.signed(every) == marked


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_second_reading_of_the_bytes_says_the_same(path: Path) -> None:
    agree(path)


def test_a_second_reading_of_triton_says_the_same(triton: Path) -> None:
    agree(triton)


def test_triton_did_what_its_capture_is_known_for(triton: Path) -> None:
    pdus = of_otmon(triton)
    asked = Counter(p["function_code"] for p in pdus if p["role"] == "request")
    answered = Counter(p["function_code"] for p in pdus if p["role"] == "response")

    # Connect is type 1 and disconnect type 4: they are counted with function 1.
    assert Counter({19: 338, 66: 72, 65: 26, 1: 3 + 1, 11: 3, 55: 3, 20: 1, 4: 1}) == asked
    answers = {108: 338, 163: 63, 162: 20, 100: 16, 102: 3, 103: 3, 153: 3, 2: 1, 3: 1}
    assert Counter(answers) == answered
    assert all(pdu["transaction"] for pdu in pdus if pdu["role"] == "response")
    (run,) = [pdu for pdu in pdus if pdu["transaction"] == 891]
    assert (892, "control_program_not_halted") == (run["frame"], run["status"])


def test_the_mark_of_triton_is_found_in_programs_put_together(triton: Path) -> None:
    marked = [p["frame"] for p in of_otmon(triton) if p["tristation"].get("signature_match")]

    # 874 ends the third piece of a program of 2,564 bytes: the code that three commands
    # brought in, which were taken out of the capture; their numbers are missing at frame 153.
    assert [75, 92, 140, 142, 874, 887] == marked


def test_what_was_taken_out_of_the_capture_is_a_gap(triton: Path) -> None:
    gaps = [pdu["frame"] for pdu in of_otmon(triton) if "sequence_gap" in pdu["anomalies"]]

    assert [153] == gaps


def test_triton_raises_the_alerts_that_it_must(triton: Path) -> None:
    alerts = {one.rule.title: (one.level, one.count) for one in otmon.analyze(triton).alerts}

    must = {
        "Safety controller changed over TriStation": ("critical", 10),
        "Safety program changed in the order that TRITON used": ("critical", 2),
        "Program with the marks of TRITON in a safety controller": ("critical", 6),
        "Program read out of a controller": ("medium", 98),
    }
    assert must == {title: alerts.get(title) for title in must}
    assert "high" == alerts["State of a safety controller asked very often"][0]
