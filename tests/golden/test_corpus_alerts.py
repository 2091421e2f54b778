"""Every rule on every capture of the corpus; what is benign raises nothing.

An alert that is wrong stands in `known_fps.yml` with its reason, or is gone.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from differential import captures
from places import ROOT

import otmon
from otmon.config import Config
from otmon.errors import CaptureError
from otmon.ruleset import site

GOLDEN = Path(__file__).with_name("corpus_alerts.tsv")
KNOWN = yaml.safe_load((ROOT / "tests" / "known_fps.yml").read_text(encoding="utf-8"))
BENIGN = ("lab/plant-normal", "lab/dnp3-polling", "lab/modbus-udp", "public/it-")
"""Captures of normal work, and of networks without industrial devices."""
SEARCHES = (
    "public/it-scan/",
    "public/it-attack/",
    "public/it-arp/zeek.zeek__nmap-vsn",
    "public/it-icmpv6/OISF.suricata-verify__rsmurf6",
)
"""Those of them that show searches and attacks."""
MADE_UP = {
    (
        f"public/{name}",
        "Packets from an address that no device may have",
    ): "who published it replaced the addresses, some by reserved ones"
    for name in (
        "it-http/ntop.nDPI__http_ua_splitted_in_two_pkts.pcapng",
        "it-mdns/ntop.nDPI__dnscrypt-v2.pcap",
        "it-snmp/ntop.nDPI__snmp.pcap",
    )
}
"""What is true of captures of normal work, but was made so afterwards, with the reason."""
OTHERS = ("roc",)
"""Folders of protocols without a dissector in which an alert is wrong."""

Counts = Counter[tuple[str, str]]


@pytest.fixture(scope="module")
def counts(corpus: Path) -> Iterator[Counts]:
    """Alerts by capture and rule. The rules are read once."""
    rules = site.site_rules(Config())
    names = [f"public/{row['file']}" for row in captures.manifest(corpus)]
    names += [f"lab/{path.name}" for path in captures.lab(corpus)]
    names += [f"tristation/{path.name}" for path in sorted((corpus / "tristation").glob("*.pcap*"))]
    found: Counts = Counter()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(site, "site_rules", lambda _config: rules)
        for name in names:
            try:
                alerts = otmon.analyze(corpus / name).alerts
            except CaptureError:
                continue  # no capture at all; test_corpus says which
            found.update((name, alert.rule.title) for alert in alerts)
    yield found


def test_each_rule_raises_what_it_raised_before(counts: Counts) -> None:
    rows = [f"{name}\t{title}\t{count}" for (name, title), count in sorted(counts.items())]
    text = "\n".join(["capture\trule\talerts", *rows]) + "\n"
    if os.environ.get("OTMON_GOLDEN") == "write":
        GOLDEN.write_text(text, encoding="utf-8")

    assert GOLDEN.read_text(encoding="utf-8") == text, "intended? then: make golden"


def test_benign_captures_raise_nothing(counts: Counts) -> None:
    benign = [pair for pair in counts if pair[0].startswith(BENIGN) and pair not in MADE_UP]

    assert [] == sorted(pair for pair in benign if not pair[0].startswith(SEARCHES))


def test_what_is_wrong_is_known_and_argued(counts: Counts) -> None:
    wrong = {
        (name, title, count)
        for (name, title), count in counts.items()
        if name.startswith(tuple(f"public/{folder}/" for folder in OTHERS))
    }

    assert {(one["capture"], one["rule"], one["count"]) for one in KNOWN} == wrong
    assert all(one["reason"] and one["reviewer"] for one in KNOWN)
