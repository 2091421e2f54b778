"""Watches interfaces until standard input ends, then prints what was seen as JSON."""

import json
import select
import sys
from collections import Counter

from otmon import _engine

asked = json.loads(sys.argv[1])
engine = _engine.Engine.live(asked.pop("interfaces"), **asked)
is_log = asked.get("pdu_log", False)
print("watching", flush=True)

kinds: Counter[str] = Counter()
lines: list[str] = []
seen = -1


def take() -> bool:
    """Takes what there is; false at the end."""
    if is_log:
        found = engine.read_pdus()
        lines.extend(found.decode().splitlines())
        return bool(found)
    batch = engine.read_batch(timeout_s=0.1)
    kinds.update(type(one).__name__ for one in batch or ())
    return batch is not None


while not select.select([sys.stdin], [], [], 0.05)[0]:
    if not is_log:
        take()
# What was sent is in the ring or was dropped: wait until the kernel counts no more.
while (now := engine.interfaces()[0].received) != seen or engine.counters()["frames"] < sum(
    one.received - one.ring_drops for one in engine.interfaces()
):
    seen = now
    select.select([], [], [], 1.2)
engine.close()
while take():
    pass
names = ("received", "ring_drops", "ring_freezes", "driver_drops", "sent", "running", "reopened")
print(
    json.dumps(
        {
            "kinds": kinds,
            "lines": lines,
            "counters": engine.counters(),
            "files": [
                (file.path, file.format, file.packets, file.link_types) for file in engine.files()
            ],
            "interfaces": [
                {"name": one.name, **{name: getattr(one, name) for name in names}}
                for one in engine.interfaces()
            ],
        }
    )
)
