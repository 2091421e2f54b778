"""Transfers are compared with the last of the same name, if they were seen whole."""

from __future__ import annotations

from otmon.detectors.program import Program
from tests.detectors.seeing import restarted, said, transfer, types


def test_other_bytes_under_the_same_name_are_a_change():
    found = said([Program()], transfer(0, sha256="aa" * 32), transfer(9, sha256="bb" * 32))

    assert ["program_image", "program_image", "program_changed"] == [
        one.get("anomaly.type") for one in found
    ]


def test_the_same_bytes_are_none():
    assert ["program_image"] * 2 == types(Program(), transfer(0), transfer(9))


def test_what_was_not_seen_whole_is_never_compared():
    assert ["program_image"] * 2 == types(
        Program(),
        transfer(0, sha256="aa" * 32),
        transfer(9, sha256="bb" * 32, complete=False),
    )


def test_directions_names_and_servers_are_told_apart():
    others = ({"to_server": False}, {"name": "OB35"}, {"server_ip": "10.0.0.12"})

    assert ["program_image"] * 4 == types(
        Program(),
        transfer(0, sha256="aa" * 32),
        *[transfer(9, sha256="bb" * 32, **other) for other in others],
    )


def test_the_digest_of_last_year_is_still_known_after_a_restart():
    old = Program()
    said([old], transfer(0, sha256="aa" * 32))

    assert ["program_image", "program_changed"] == types(
        restarted(old, Program()), transfer(365 * 86_400, sha256="bb" * 32)
    )


def test_what_a_computer_runs_is_told_by_its_first_bytes():
    assert ["file_image", "executable"] == types(
        Program(), transfer(0, kind="file", head=b"MZ\x90\x00")
    )


def test_the_test_file_of_virus_scanners_is_told_as_such():
    head = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD"

    assert ["file_image", "test_file"] == types(Program(), transfer(0, kind="file", head=head))
