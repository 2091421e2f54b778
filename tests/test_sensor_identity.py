"""Who sends, as every document says it."""

from __future__ import annotations

from pathlib import Path

import pytest
from elastic_drafts import said
from records import START

from otmon import sensor_identity
from otmon.config import Config, Elastic
from otmon.sensor_identity import MOST_ADDRESSES, sensor_of
from otmon.sinks.elastic import documents

ROUTES = """Main:
  +-- 0.0.0.0/0 3 0 4
     |-- 0.0.0.0
        /0 universe UNICAST
     |-- 192.0.2.0
        /24 link UNICAST
Local:
  +-- 0.0.0.0/0 3 0 4
     +-- 127.0.0.0/8 2 0 2
        |-- 127.0.0.1
           /32 host LOCAL
     +-- 192.0.2.0/24 2 0 1
        |-- 192.0.2.7
           /32 host LOCAL
        |-- 192.0.2.255
           /32 link BROADCAST
"""
IPV6 = """00000000000000000000000000000001 01 80 10 80       lo
fe800000000000000210f3fffe000001 02 40 20 80     eth0
20010db8000000000000000000000007 02 40 00 80     eth0
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose kernel lists these addresses."""
    (tmp_path / "fib_trie").write_text(ROUTES)
    (tmp_path / "if_inet6").write_text(IPV6)
    monkeypatch.setattr(sensor_identity, "_NET", tmp_path)
    return tmp_path


def test_a_sensor_says_by_which_addresses_people_reach_it(machine):
    assert ("192.0.2.7", "2001:db8::7") == sensor_of(Config(), interfaces=("tap0",)).ip


def test_captures_say_nothing_of_the_machine_that_reads_them(machine):
    assert () == sensor_of(Config(), captures=("a.pcap",)).ip


def test_of_a_machine_that_says_nothing_there_is_no_address(machine):
    for path in machine.iterdir():
        path.unlink()

    assert () == sensor_of(Config(), interfaces=("tap0",)).ip


def test_a_machine_of_very_many_addresses_names_some_of_them(machine):
    many = [f"|-- 10.0.{n}.1\n/32 host LOCAL\n" for n in range(MOST_ADDRESSES + 1)]
    (machine / "fib_trie").write_text("".join(many))

    assert MOST_ADDRESSES == len(sensor_of(Config(), interfaces=("tap0",)).ip)


def test_addresses_and_the_words_of_a_site_stand_on_every_document(machine):
    sensor = sensor_of(Config(elastic=Elastic(tags=("hall-2",))), interfaces=("tap0",))
    told = said(documents.sensor_health(sensor, START, {}), sensor)

    assert (["192.0.2.7", "2001:db8::7"], ["hall-2"]) == (told["observer"]["ip"], told["tags"])
