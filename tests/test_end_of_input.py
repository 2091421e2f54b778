"""What is told only when the input ends is judged by the time at which it ended."""

from __future__ import annotations

from pathlib import Path

from lossy import frames as loss
from places import PCAPS

import otmon
from otmon.config import Config, Rules

ODD_PORT = """\
title: Odd port seen
id: 00000000-0000-4000-8000-00000000000a
name: odd_port
status: test
logsource: {product: otmon, category: ot_flow}
level: low
detection: {seen: {anomaly.type: ot_on_unusual_port}, condition: seen}
otmon: {impact: control, confidence: 0.3}
"""
SELDOM = """\
title: Odd port seen seldom
id: 00000000-0000-4000-8000-00000000000b
status: test
level: low
otmon: {impact: control, confidence: 0.3}
correlation:
    type: event_count
    rules: [odd_port]
    group-by: [client.ip]
    timespan: 1m
    condition: {lt: 5}
"""


def test_a_window_that_ended_before_the_input_is_judged_though_nothing_comes_after_it(
    tmp_path: Path,
) -> None:
    frames = loss.frames_of(PCAPS / "tristation" / "odd_port.pcapng")
    # Of the conversation is told at the end: ten minutes later, by a frame of somebody else.
    later = (frames[-1][0] + 600 * 10**9, loss.frames_of(PCAPS / "network/arp_scan.pcapng")[0][1])
    capture = loss.write(tmp_path / "later.pcap", [*frames, later])
    for name, text in (("odd_port.yml", ODD_PORT), ("seldom.yml", SELDOM)):
        (tmp_path / name).write_text(text)
    config = Config(rules=Rules(directories=(str(tmp_path),)))

    found = {one.rule.title for one in otmon.analyze(capture, config=config).alerts}
    assert {"Odd port seen seldom"} == found
