"""Rules as text for tests to spoil, and what is told of them."""

from __future__ import annotations

from otmon.ruleset.load import RuleSet

HEAD = """\
title: Something was seen
id: 00000000-0000-4000-8000-00000000000a
status: test
logsource: {product: otmon, category: ot_operation}
level: critical
otmon: {impact: control, confidence: 0.95}
"""
"""All that a rule must have but what it looks for."""
GOOD = """\
title: Modbus communications restarted
id: 00000000-0000-4000-8000-00000000000a
status: test
description: A client restarted the communication port of a device.
references:
    - https://attack.mitre.org/techniques/T0816/
author: otmon
date: 2026-11-25
taxonomy: otmon
logsource:
    product: otmon
    service: modbus
    category: ot_operation
detection:
    selection:
        ot.operation.class: restart
    condition: selection
falsepositives:
    - Diagnostics.
fields:
    - source.ip
level: medium
tags:
    - attack.t0816
    - attack-ics.inhibit-response-function
otmon:
    impact: view
    confidence: 0.8
    message: '{client} restarted {server}'
    triage:
        - Look at the device.
        - Ask the technician.
    evidence:
        - request
    aliases: {}
    tests:
        positive:
            - capture: modbus/restart.pcapng
              count: 1
        negative:
            - capture: modbus/restart.pcapng
              why: it is only an example
"""
"""A rule with all that the lints ask for."""


def errors_in(rules: RuleSet) -> list[str]:
    """What is wrong with rule files, as `file:line: message`."""
    return [f"{error.path.name}:{error.line}: {error.message}" for error in rules.errors]
