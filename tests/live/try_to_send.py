"""Tries every way to send from inside a capturing process, and tells what the kernel said."""

import ctypes
import errno
import json
import os
import select
import socket
import struct
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from otmon import _engine

libc = ctypes.CDLL(None, use_errno=True)
FRAME = bytes.fromhex("02000000000102000000000288b5") + bytes(50)
NUMBERS = {
    "x86_64": {"sendmmsg": 307, "pwritev2": 328, "copy_file_range": 326, "io_uring_setup": 425,
               "bpf": 321, "ptrace": 101, "pidfd_getfd": 438},
    "aarch64": {"sendmmsg": 269, "pwritev2": 287, "copy_file_range": 285, "io_uring_setup": 425,
                "bpf": 280, "ptrace": 117, "pidfd_getfd": 438},
}[os.uname().machine]  # fmt: skip
SOL_PACKET, PACKET_TX_RING = 263, 13

asked = json.loads(sys.argv[1])
engine = None
file = Path(f"/tmp/otmon-try-{os.getpid()}")
file.write_bytes(FRAME)
source = os.open(file, os.O_RDONLY)
file.unlink()
pipe_out, pipe_in = os.pipe()
os.write(pipe_in, FRAME)
if asked.get("unlocked"):
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    wire.bind((asked["interfaces"][0], 0))
    fd = wire.fileno()
else:
    user = asked.get("user")
    engine = _engine.Engine.live(
        asked["interfaces"], user=tuple(user) if user else None, writable=asked.get("writable")
    )
    (fd,) = (
        int(one.name)
        for one in Path("/proc/self/fd").iterdir()
        if one.is_symlink() and str(one.readlink()).startswith("socket:")
    )
print("watching", flush=True)


class Vector(ctypes.Structure):
    """struct iovec."""

    _fields_ = (("base", ctypes.c_char_p), ("length", ctypes.c_size_t))


class Message(ctypes.Structure):
    """struct mmsghdr, of which the first part is struct msghdr."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint),
        ("vectors", ctypes.POINTER(Vector)),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
        ("sent", ctypes.c_uint),
    )


vector = Vector(FRAME, len(FRAME))
message = Message(vectors=ctypes.pointer(vector), vector_count=1)
offset = ctypes.c_longlong(0)
pointer = ctypes.byref


def numbered(name: str, *arguments: object) -> int:
    """A system call that the C library may not have."""
    return int(libc.syscall(NUMBERS[name], *arguments))


ways: dict[str, Callable[[], int]] = {
    "send": lambda: libc.send(fd, FRAME, len(FRAME), 0),
    "sendto": lambda: libc.sendto(fd, FRAME, len(FRAME), 0, None, 0),
    "sendmsg": lambda: libc.sendmsg(fd, pointer(message), 0),
    "sendmmsg": lambda: numbered("sendmmsg", fd, pointer(message), 1, 0),
    "write": lambda: libc.write(fd, FRAME, len(FRAME)),
    "writev": lambda: libc.writev(fd, pointer(vector), 1),
    "pwrite": lambda: libc.pwrite(fd, FRAME, len(FRAME), offset),
    "pwritev": lambda: libc.pwritev(fd, pointer(vector), 1, offset),
    "pwritev2": lambda: numbered("pwritev2", fd, pointer(vector), 1, -1, -1, 0),
    "sendfile": lambda: libc.sendfile(fd, source, pointer(ctypes.c_longlong(0)), len(FRAME)),
    "splice": lambda: libc.splice(pipe_out, None, fd, None, len(FRAME), 0),
    "vmsplice": lambda: libc.vmsplice(fd, pointer(vector), 1, 0),
    "copy_file_range": lambda: numbered("copy_file_range", source, None, fd, None, 10, 0),
    "dup": lambda: libc.dup(fd),
    "dup2": lambda: libc.dup2(fd, 200),
    "dup3": lambda: libc.dup3(fd, 201, 0),
    "fcntl_dupfd": lambda: libc.fcntl(fd, 0, 202),
    "fcntl_dupfd_cloexec": lambda: libc.fcntl(fd, 1030, 203),
    "setsockopt_tx_ring": lambda: libc.setsockopt(
        fd, SOL_PACKET, PACKET_TX_RING, struct.pack("4I", 4096, 1, 2048, 2), 16
    ),
    "detach_filter": lambda: libc.setsockopt(fd, socket.SOL_SOCKET, 27, b"\0\0\0\0", 4),
    "new_packet_socket": lambda: libc.socket(socket.AF_PACKET, socket.SOCK_RAW, 0),
    "new_inet_socket": lambda: libc.socket(socket.AF_INET, socket.SOCK_DGRAM, 0),
    "connect": lambda: libc.connect(fd, b"\0" * 16, 16),
    "io_uring": lambda: numbered("io_uring_setup", 1, ctypes.create_string_buffer(120)),
    "bpf": lambda: numbered("bpf", 0, None, 0),
    "ptrace": lambda: numbered("ptrace", 0, 0, 0, 0),
    "pidfd_getfd": lambda: numbered("pidfd_getfd", -1, fd, 0),
}


def outcome(way: Callable[[], int]) -> str:
    """`done`, or the name of the error."""
    ctypes.set_errno(0)
    return "done" if way() >= 0 else errno.errorcode[ctypes.get_errno()]


found = {name: outcome(way) for name, way in ways.items()}
status = dict(
    line.split(":", 1) for line in Path("/proc/thread-self/status").read_text().splitlines()
)
while not select.select([sys.stdin], [], [], 0.05)[0]:
    pass
select.select([], [], [], 1.5)
if engine is not None:
    engine.close()
    while engine.read_batch() is not None:
        pass
# A file that is opened now can be written: none gets the number of the socket.
with tempfile.TemporaryFile(dir=(asked.get("writable") or [None])[0]) as after:
    after.write(b"still writes")


def change(path: str) -> str:
    """`done`, or why the file cannot be written."""
    try:
        with Path(path).open("a", encoding="ascii") as opened:
            opened.write("x")
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "done"


print(
    json.dumps(
        {
            "locked": found,
            "frames": engine.counters()["frames"] if engine else 0,
            "capabilities": {
                name: int(status[name], 16)
                for name in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb")
            },
            "uids": status["Uid"].split(),
            "no_new_privs": status["NoNewPrivs"].strip(),
            "seccomp": status["Seccomp"].strip(),
            "confined": engine is not None and engine.confined,
            "changed": {path: change(path) for path in asked.get("change", ())},
        }
    )
)
