"""Once it captures, the process cannot send: the kernel refuses every way there is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from live.frames import numbered
from live.wire import Wire
from places import absent

from otmon.interface_checks import landlock_version

WAYS = (
    "send", "sendto", "sendmsg", "sendmmsg", "write", "writev", "pwrite", "pwritev", "pwritev2",
    "sendfile", "splice", "vmsplice", "copy_file_range", "dup", "dup2", "dup3", "fcntl_dupfd",
    "fcntl_dupfd_cloexec", "setsockopt_tx_ring", "detach_filter", "new_packet_socket",
    "new_inet_socket", "connect", "io_uring", "bpf", "ptrace", "pidfd_getfd",
)  # fmt: skip


def test_every_way_to_send_is_refused_and_capture_goes_on(wire: Wire) -> None:
    sensor = wire.watch(script="try_to_send.py")
    wire.send(numbered(100))
    seen = sensor.stop()

    assert dict.fromkeys(WAYS, "EPERM") == seen["locked"]
    assert (100, 0) == (seen["frames"], wire.sent_by_tap())


def test_the_same_ways_work_on_a_socket_that_is_not_locked_in(wire: Wire) -> None:
    """So the test above would fail if the filter were taken away."""
    sensor = wire.watch(script="try_to_send.py", unlocked=True)
    seen = sensor.stop()

    plain = {"send", "sendto", "sendmsg", "sendmmsg", "write", "writev", "dup", "new_inet_socket"}
    assert dict.fromkeys(plain, "done") == {way: seen["locked"][way] for way in plain}
    assert wire.sent_by_tap() >= 6


def test_a_sensor_makes_no_call_that_sends(wire: Wire) -> None:
    if shutil.which("strace") is None:
        absent("strace", "OTMON_REQUIRE_STRACE")
    sensor = wire.watch(trace=True)
    wire.send(numbered(100))
    seen = sensor.stop()

    sending = ("sendto(", "sendmsg(", "sendmmsg(", "io_uring")
    calls = [line for line in seen["trace"] if any(call in line for call in sending)]
    assert [] == calls
    assert 100 == seen["counters"]["frames"]


def test_the_process_has_no_capability_left(wire: Wire) -> None:
    sensor = wire.watch(script="try_to_send.py", user=[65534, 65534])
    seen = sensor.stop()

    assert {"CapEff": 0, "CapPrm": 0, "CapInh": 0, "CapBnd": 0, "CapAmb": 0} == seen["capabilities"]
    assert (["65534"] * 4, "1", "2") == (seen["uids"], seen["no_new_privs"], seen["seccomp"])


def test_no_file_but_its_own_can_be_changed(wire: Wire, tmp_path: Path) -> None:
    if landlock_version() is None:
        absent("a kernel with Landlock", "OTMON_REQUIRE_LANDLOCK")
    own = tmp_path / "made by the sensor"
    inside, outside = str(own / "state"), str(tmp_path / "others")
    sensor = wire.watch(
        script="try_to_send.py", writable=[str(own)], change=[inside, outside, "/etc/hosts"]
    )
    seen = sensor.stop()

    assert {inside: "done", outside: "EACCES", "/etc/hosts": "EACCES"} == seen["changed"]
    assert seen["confined"]


@pytest.mark.parametrize("name", ["", "nowhere0", "a" * 20])
def test_an_interface_that_does_not_exist_is_named(name: str) -> None:
    from otmon import _engine
    from otmon.errors import CaptureError

    with pytest.raises(CaptureError, match="Name one that `ip link` lists"):
        _engine.Engine.live([name])
