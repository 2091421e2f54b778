"""Transfers are compared with the last of the same name, if they were seen whole."""

from __future__ import annotations

from otmon.detectors.program import Program
from tests.detectors.seeing import operation, restarted, said, transfer, types


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


def listed(seconds: float, *numbers: int, kind: str = "FC", **facts):
    """A controller lists its blocks of one type."""
    more = {
        "protocol": "s7comm",
        "operation": "list_blocks_of_type",
        "operation_class": "browse",
        "targets": (f"blocks:{kind}",),
        "values": list(numbers),
        "value_count": len(numbers),
    }
    return operation(seconds, **(more | facts))


def test_another_list_of_blocks_names_what_is_new_and_what_is_gone():
    (found,) = said([Program()], listed(0, 1, 2, 7), listed(9, 1, 2, 1869))

    assert ("ot_file", "block_list_changed", "FC1869 new; FC7 gone") == (
        found.category,
        found.get("anomaly.type"),
        found.get("anomaly.observed"),
    )


def test_the_same_blocks_in_another_order_are_no_change():
    assert [] == types(Program(), listed(0, 1, 2), listed(9, 2, 1))


def test_lists_of_other_types_and_controllers_are_told_apart():
    others = ({"kind": "DB"}, {"server_ip": "10.0.0.12"})

    assert [] == types(Program(), listed(0, 1), *[listed(9, 2, **other) for other in others])


def test_a_list_in_parts_or_too_long_is_not_compared():
    part = {"fields": {"s7comm.more_follows": True}}

    assert [] == types(
        Program(), listed(0, 1), listed(1, 2, **part), listed(2, 1, 2, value_count=300)
    )


def test_how_many_blocks_there_are_is_compared_as_well():
    def counts(seconds: float, blocks: int):
        targets = ("blocks:OB", "blocks:FC")
        return listed(seconds, 2, blocks, operation="list_blocks", targets=targets)

    (found,) = said([Program()], counts(0, 30), counts(9, 31))

    assert "31 FC, before 30" == found.get("anomaly.observed")


def test_the_blocks_are_known_over_a_restart():
    old = Program()
    said([old], listed(0, 1))

    assert ["block_list_changed"] == types(restarted(old, Program()), listed(9, 1, 9999))


def told(seconds: float, name: str | None = "Pumps", version: int = 8, **facts):
    """A controller says what project it holds; of no name: one of its tables."""
    fields = {"umas.project_version": version, "umas.modified": "2026-01-14 12:59:12"}
    fields |= {"umas.project_name": name}
    of = {"protocol": "umas", "operation": "read_project_info", "operation_class": "identify"}
    return operation(seconds, fields=fields, **{**of, **facts})


def shown(seconds: float, checksum: int, **facts):
    """A client reads variables whose places it has from a project."""
    of = {"protocol": "umas", "operation": "read_variables", "fields": {"umas.checksum": checksum}}
    return operation(seconds, **{**of, **facts})


def test_a_controller_that_tells_of_another_project_is_told():
    found = said([Program()], told(0), told(5), told(9, version=9), told(12, version=9))

    assert ["project Pumps, version 9, changed at 2026-01-14 12:59:12"] == [
        one.get("anomaly.observed") for one in found
    ]
    assert ["project_changed"] == types(Program(), told(0), told(9, name="Fans"))


def test_tables_of_a_project_and_other_controllers_say_nothing_of_it():
    others = ({"server_ip": "10.0.0.99"}, {"unit": 7}, {"name": None}, {"status": "refused"})

    assert [] == types(Program(), told(0), *[told(9, version=9, **other) for other in others])


def test_a_client_that_goes_by_another_project_is_told_once():
    assert ["other_project_used"] == types(
        Program(), shown(0, 1), shown(1, 1), shown(2, 2), shown(3, 2)
    )


def test_a_new_client_is_held_against_the_one_before_it():
    laptop = {"client_ip": "10.0.0.67"}

    assert [] == types(Program(), shown(0, 1), shown(1, 1, **laptop))
    assert ["other_project_used"] == types(Program(), shown(0, 1), shown(1, 2, **laptop))
    # Each goes by its own from then on.
    assert ["other_project_used"] == types(
        Program(), shown(0, 1), shown(1, 2, **laptop), shown(2, 1), shown(3, 2, **laptop)
    )


def test_projects_are_known_after_a_restart():
    old = Program()
    said([old], told(0), shown(1, 1))

    assert ["project_changed", "other_project_used"] == types(
        restarted(old, Program()), told(2, version=9), shown(3, 2)
    )
