"""otmon and tshark read the same bytes: what they say of each message must be the same.

    pytest -s tests/differential/test_agreement.py      # prints how far they agree

A difference is a defect, or it stands in `known.toml` with the reason why it is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest
from differential import captures, dnp3, known, modbus, oracle, s7comm
from differential.compare import EXTRA, MISSING, Agreement, compare

import otmon

READERS: dict[str, ModuleType] = {"modbus": modbus, "s7comm": s7comm, "dnp3": dnp3}
AT_A_TIME = 2
"""tshark processes beside one another."""
WANTED = 0.999
"""Share of tshark's messages with which otmon must agree, per protocol."""

Agreements = Callable[[str], dict[str, Agreement]]


@pytest.fixture(scope="module")
def agreements(corpus: Path, tshark: str) -> Iterator[Agreements]:
    """Of a protocol the agreement on each capture that carries it; compared once."""
    done: dict[str, dict[str, Agreement]] = {}
    with ThreadPoolExecutor(AT_A_TIME) as pool:

        def of(protocol: str) -> dict[str, Agreement]:
            if protocol not in done:
                reader = READERS[protocol]
                paths = captures.with_protocol(corpus, protocol)

                def both(capture: str) -> Agreement:
                    path = corpus / capture
                    preferences = reader.PREFERENCES.get(capture, ())
                    packets = oracle.packets(tshark, path, reader.LAYERS, preferences)
                    theirs = list(reader.of_tshark(packets))
                    pdus = otmon.pdus(path, keep_duplicates=True)
                    own = (pdu for pdu in pdus if pdu["protocol"] in reader.PROTOCOLS)
                    return compare(protocol, capture, theirs, reader.of_otmon(own))

                done[protocol] = dict(zip(paths, pool.map(both, paths), strict=True))
                print(table(protocol, done[protocol]))
            return done[protocol]

        yield of


def total(agreements: dict[str, Agreement]) -> Agreement:
    """Every capture as one."""
    whole = Agreement()
    for agreement in agreements.values():
        whole.add(agreement)
    return whole


def table(protocol: str, agreements: dict[str, Agreement]) -> str:
    """A line per capture, and what was compared."""
    whole = total(agreements)
    heads = ("PDUs", "agree", "malformed", "%", "extra", "only otmon")
    rows = ["\n{:80}{:>8}{:>8}{:>11}{:>9}{:>7}{:>12}".format(protocol, *heads)]
    for capture, one in [*agreements.items(), ("all captures", whole)]:
        extra = sum(difference.fact == EXTRA for difference in one.differences)
        rows.append(
            f"{capture:80}{one.pdus:8}{one.agreeing:8}{one.malformed:11}{one.share:9.3%}"
            f"{extra:7}{one.only_otmon:12}"
        )
    compared = ", ".join(f"{name} {count}" for name, count in whole.facts.most_common())
    return "\n".join([*rows, f"facts compared: {compared}"])


@pytest.mark.parametrize("protocol", READERS)
def test_every_difference_is_a_listed_one(protocol: str, agreements: Agreements) -> None:
    found = total(agreements(protocol)).differences

    unlisted = known.unlisted(found, known.load(protocol))

    assert [] == [str(difference) for difference in unlisted]


@pytest.mark.parametrize("protocol", READERS)
def test_every_listed_difference_still_occurs(protocol: str, agreements: Agreements) -> None:
    found = total(agreements(protocol)).differences

    assert [] == known.stale(found, known.load(protocol))


@pytest.mark.parametrize("protocol", READERS)
def test_both_say_the_same_of_999_in_1000_messages(protocol: str, agreements: Agreements) -> None:
    found = agreements(protocol)

    assert total(found).share >= WANTED, table(protocol, found)


def test_no_message_is_listed_as_missing_without_otmon_being_right() -> None:
    wrong = [
        entry
        for protocol in READERS
        for entry in known.load(protocol)
        if MISSING in entry.facts and entry.right == "tshark"
    ]

    assert [] == wrong
