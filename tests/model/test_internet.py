"""Which addresses are of the internet."""

from __future__ import annotations

import pytest

from otmon.model.internet import Outside, is_public


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.255.255",
        "172.32.0.1",
        "223.255.255.254",
        "2606:4700::1111",
        "2a00:1450:4001::200e",
    ],
)
def test_what_anybody_on_the_internet_can_have_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("10.1.2.3", "private"),
        ("172.16.0.1", "private"),
        ("192.168.0.1", "private"),
        ("fd00::1", "private"),
        ("100.64.0.1", "shared with a provider"),
        ("100.127.255.254", "shared with a provider"),
        ("169.254.7.7", "link-local"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("fec0::1", "site-local"),
        ("192.0.2.1", "documentation"),
        ("198.51.100.1", "documentation"),
        ("203.0.113.1", "documentation"),
        ("2001:db8::1", "documentation"),
        ("3fff::1", "documentation"),
        ("198.18.0.1", "benchmarks"),
        ("0.0.0.0", "nobody yet"),
        ("::", "nobody yet"),
        ("127.0.0.1", "itself"),
        ("::1", "itself"),
        ("240.0.0.1", "reserved"),
        ("4000::1", "reserved"),
        ("255.255.255.255", "broadcast"),
    ],
)
def test_what_nobody_on_the_internet_can_have_is_not(address: str, kind: str) -> None:
    assert not is_public(address), kind


@pytest.mark.parametrize(
    "address", ["224.0.0.1", "224.0.1.129", "239.192.1.1", "ff02::1", "ff0e::181"]
)
def test_a_group_is_nobody_outside_whatever_its_scope(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("::ffff:8.8.8.8", True),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::808:808", True),
        ("64:ff9b::a00:1", False),
        ("2002:808:808::1", True),
        ("2002:a00:1::1", False),
    ],
)
def test_of_an_address_that_stands_for_one_of_ipv4_that_one_decides(
    address: str, public: bool
) -> None:
    assert public is is_public(address)


@pytest.mark.parametrize("text", ["", "02:00:00:00:00:01", "a-7kxhhhzcza", "1.2.3"])
def test_what_is_no_address_of_ip_is_not_public(text: str) -> None:
    assert not is_public(text)


@pytest.mark.parametrize(
    ("address", "outside"),
    [
        ("134.217.61.131", False),
        ("::ffff:134.217.61.131", False),
        ("134.218.0.1", True),
        ("2a02:8071::1", False),
        ("2a02:8072::1", True),
        ("10.0.0.1", False),
        ("plc", False),
    ],
)
def test_a_public_network_that_a_site_names_is_not_outside(address, outside):
    assert outside == Outside(("134.217.0.0/16", "2a02:8071::/32"))(address)
