"""`otmon monitor` as a program would use it, told of alerts by somebody who is very slow."""

import json
import select
import sys
import threading

from otmon.config import Config
from otmon.live_view import News, View
from otmon.monitor import Source, Wishes, monitor

state, pause_s = sys.argv[1], float(sys.argv[2])
wishes = Wishes()
last: list[View] = []


def show(view: View) -> None:
    """Keeps how things are."""
    if not last:
        print("watching", flush=True)
    last[:] = [view]


def tell(_news: News) -> None:
    """Takes its time."""
    select.select([], [], [], pause_s)


def wait_for_the_end() -> None:
    """Stops when standard input ends."""
    sys.stdin.read()
    wishes.stop = True


threading.Thread(target=wait_for_the_end, daemon=True).start()
monitor(Source(["tap0"]), state, Config, wishes, show, tell)
(view,) = last
(sight,) = view.interfaces
print(json.dumps({"packets": sight.packets, "lost": sight.dropped, "left_out": view.left_out}))
