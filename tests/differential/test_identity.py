"""What tshark shows of identities is claimed by otmon with the same text, and nothing else is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from differential import captures, identity, oracle
from differential.identity import Reading
from places import PCAPS

NOT_CLAIMED = {
    "url": "object 3 of Modbus: the vendor's page says no more than its name; it is in the PDU",
}
"""What devices say that is no claim, and why.

Of SZL 0x0011 the boot loader (index 0x81) and the release of the programmer's file, of 0x001C
the copyright, profile and OEM numbers are not read here at all: they identify no device. What
SZL 0x0424 and 0x0132 say is a state: `s7comm.py` compares it in each message.
"""
AT_A_TIME = 2


def captures_of(corpus: Path, protocol: str) -> list[Path]:
    """Captures of the corpus that carry a protocol, and the project's own."""
    found = [corpus / name for name in captures.with_protocol(corpus, protocol)]
    return found + sorted((PCAPS / protocol).glob("*.pcapng"))


@pytest.fixture(scope="module", params=identity.LAYERS)
def readings(
    request: pytest.FixtureRequest, corpus: Path, tshark: str
) -> dict[str, tuple[Reading, Reading]]:
    """What tshark shows and what otmon claims, by capture, of one protocol."""
    protocol = request.param

    def both(path: Path) -> tuple[Reading, Reading]:
        layers, where = ("ip", *identity.LAYERS[protocol]), identity.WHERE[protocol]
        packets = oracle.packets(tshark, path, layers, where=where)
        return identity.of_tshark(packets, protocol), identity.of_otmon(path, protocol)

    paths = captures_of(corpus, protocol)
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        found = {path.name: pair for path, pair in zip(paths, pool.map(both, paths), strict=True)}
    shown = [said for theirs, _ in found.values() for said in theirs]
    by_attribute = sorted({said.attribute for said in shown})
    print(f"\n{protocol}: {len(shown)} values in {len(found)} captures: {by_attribute}")
    assert shown
    return found


def test_what_tshark_shows_is_claimed_with_the_same_text_frame_and_count(
    readings: dict[str, tuple[Reading, Reading]],
) -> None:
    wrong = {
        f"{name}: {said}": (seen, ours.get(said))
        for name, (theirs, ours) in readings.items()
        for said, seen in theirs.items()
        if said.attribute not in NOT_CLAIMED and ours.get(said) != seen
    }

    assert {} == wrong


def test_nothing_is_claimed_that_tshark_does_not_show(
    readings: dict[str, tuple[Reading, Reading]],
) -> None:
    invented = [
        f"{name}: {said}"
        for name, (theirs, ours) in readings.items()
        for said in ours.keys() - theirs.keys()
    ]

    assert [] == invented
