"""What leaves the engine as observations, and what they say."""

from __future__ import annotations

from pathlib import Path

import pytest
from boundary.polls import CLIENT, CLIENT_MAC, SERVER, SERVER_MAC, START, last_of, observed
from places import PCAPS

from otmon import _engine


def test_polls_are_one_behaviour_with_addresses_period_and_values(capture: Path) -> None:
    everything = observed(_engine.Engine([str(capture)]))
    behaviours = {one.operation: one for one in last_of(_engine.Behaviour, everything)}
    poll = behaviours["read_holding_registers"]

    assert (CLIENT, CLIENT_MAC, 50_000) == (poll.client_ip, poll.client_mac, poll.client_port)
    assert (SERVER, SERVER_MAC, 502) == (poll.server_ip, poll.server_mac, poll.server_port)
    assert ("modbus", 7, "read", "ok") == (
        poll.protocol,
        poll.unit,
        poll.operation_class,
        poll.status,
    )
    assert ("hr", [(100, 101)], 3) == (poll.target, poll.intervals, poll.count)
    assert (1e9, 2e6) == (poll.period_ns, poll.latency_ns)
    assert poll.values is not None
    assert ("integer", 0.0, 2.0, 2) == (
        poll.values.kind,
        poll.values.min,
        poll.values.max,
        poll.values.change_count,
    )


def test_a_write_is_a_transaction_with_values_frames_and_history(capture: Path) -> None:
    everything = observed(_engine.Engine([str(capture)]))
    [write, refused] = [one for one in everything if isinstance(one, _engine.Transaction)]

    assert ("write_single_register", "write", ("hr:5",), [0x0102]) == (
        write.operation,
        write.operation_class,
        write.targets,
        write.values,
    )
    assert ([(0, 10), (0, 11)], 2_000_000) == (write.frames, write.latency_ns)
    assert (START + 5) * 10**9 == write.time_ns
    assert {"modbus.transaction_id": 4} == write.fields
    assert (3, 0) == (write.history_read_count, write.history_change_count)
    assert ("illegal_data_address", 2) == (refused.status, refused.status_code)


@pytest.mark.parametrize(
    ("known", "history"),
    [
        ((CLIENT, SERVER, None, "modbus", 40, 2, START * 10**9 - 5), (43, 2, START * 10**9 - 5)),
        ((CLIENT, SERVER, 7, "modbus", 40, 2, 5), (3, 0, (START + 1) * 10**9)),
        ((SERVER, CLIENT, None, "modbus", 40, 2, 5), (3, 0, (START + 1) * 10**9)),
        ((CLIENT, SERVER, None, "s7comm", 40, 2, 5), (3, 0, (START + 1) * 10**9)),
        ((CLIENT, SERVER, None, "no longer", 40, 2, 5), (3, 0, (START + 1) * 10**9)),
        (("no address", SERVER, None, "modbus", 40, 2, 5), (3, 0, (START + 1) * 10**9)),
        ((CLIENT, SERVER, None, "modbus", 40, 2, (START + 9) * 10**9), (3, 0, (START + 1) * 10**9)),
    ],
    ids=["known", "vlan", "direction", "protocol", "forgotten", "broken", "later"],
)
def test_history_begins_with_what_was_done_before_the_run(
    capture: Path,
    known: tuple[str, str, int | None, str, int, int, int],
    history: tuple[int, int, int],
) -> None:
    everything = observed(_engine.Engine([str(capture)], conversations=[known]))
    write = next(one for one in everything if isinstance(one, _engine.Transaction))

    assert history == (
        write.history_read_count,
        write.history_change_count,
        write.history_first_seen_ns,
    )


def test_a_transaction_names_its_behaviour_which_left_before(capture: Path) -> None:
    everything = observed(_engine.Engine([str(capture)]))
    operations: dict[int, str] = {}
    named = []
    for one in everything:
        if isinstance(one, _engine.Behaviour):
            operations.setdefault(one.behaviour, one.operation)
        elif isinstance(one, _engine.Transaction):
            assert one.behaviour is not None
            named.append(operations[one.behaviour])

    assert ["write_single_register", "read_input_registers"] == named
    assert [1, 2, 3] == sorted(operations)


def test_a_conversation_counts_packets_and_classes(capture: Path) -> None:
    everything = observed(_engine.Engine([str(capture)]))
    [talk] = last_of(_engine.Conversation, everything)

    assert ("modbus", 13, {"write": 1, "read": 4}, 1, 5) == (
        talk.protocol,
        talk.packets,
        talk.classes,
        talk.failure_count,
        talk.answered_count,
    )


def test_both_senders_are_addresses(capture: Path) -> None:
    everything = observed(_engine.Engine([str(capture)]))
    addresses = {(one.mac, one.ip) for one in everything if isinstance(one, _engine.Address)}

    assert {(CLIENT_MAC, CLIENT), (SERVER_MAC, SERVER)} == addresses


def test_sequence_counts_every_observation(capture: Path) -> None:
    everything = observed(_engine.Engine([str(capture)]), limit=3)

    assert list(range(1, len(everything) + 1)) == [one.sequence for one in everything]


def test_observations_cannot_be_changed(capture: Path) -> None:
    [first, *_] = observed(_engine.Engine([str(capture)]))

    with pytest.raises(AttributeError):
        first.sequence = 0  # type: ignore[misc]  # the point of the test


def test_what_is_written_is_a_target_once_where_more_is_read_beside_it() -> None:
    everything = observed(_engine.Engine([str(PCAPS / "modbus" / "functions.pcapng")]))

    (written,) = (
        one
        for one in everything
        if isinstance(one, _engine.Transaction) and one.operation == "read_write_registers"
    )
    assert ("hr:14-16",) == written.targets
