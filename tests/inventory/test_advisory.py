"""Published weaknesses and the devices that they mean."""

from __future__ import annotations

from typing import Any

import pytest
from inventory.observations import address, claim

from otmon.inventory.advisory import Advisories
from otmon.inventory.inventory import Inventory
from otmon.model.advisory import Advisory, Product
from otmon.model.asset import Asset

SIEMENS, PC = "00:1b:1b:00:00:01", "00:14:22:00:00:02"
S7_300 = {
    "vendor": "Siemens",
    "model": "CPU 315-2 PN/DP",
    "order_code": "6ES7 315-2EH14-0AB0",
    "firmware": "V3.2.8",
}
S7_1200 = {
    "vendor": "Siemens",
    "model": "CPU 1214C DC/DC/DC",
    "order_code": "6ES7 214-1AG40-0XB0",
    "firmware": "V4.4.1",
}
MOMENTUM = {"vendor": "Schneider Electric", "model": "171CCC96030", "firmware": "1.10"}
M221 = {"vendor": "Schneider Electric", "model": "TM221CE24R", "firmware": "1.10"}


def device(said: dict[str, str], **other: Any) -> Asset:
    """A device that says this of itself."""
    inventory = Inventory()
    inventory.address(address(SIEMENS if said["vendor"] == "Siemens" else PC, "10.0.0.1"))
    for attribute, value in said.items():
        inventory.claim(claim("10.0.0.1", attribute, value, **other))
    (asset,) = inventory.assets(str)
    return asset


def verdict(asset: Asset, *products: Product) -> list[str]:
    """What an advisory about these products means for a device."""
    one = Advisory("SSA-1", "a title", "CVE-2026-1", 7.5, products, "list.json")
    return [match.verdict for match in Advisories([one]).of(asset)]


@pytest.mark.parametrize(
    ("said", "product", "expected"),
    [
        (S7_300, Product("Siemens", ("x",), ("6ES7315-2EH14-0AB0",), "<V3.2.9"), ["affected"]),
        (S7_300, Product("Siemens AG", ("x",), ("6ES7315-2EH14-0AB0",), "<V3.2.8"), ["not"]),
        (
            S7_300,
            Product("Siemens", ("SIMATIC S7-300 CPU family",), (), "vers:all/*"),
            ["affected"],
        ),
        (
            S7_300,
            Product("Siemens", ("SIMATIC S7-300 CPU 315-2 PN/DP (6ES7315-2EH14-0AB0)",), (), "<V9"),
            ["affected"],
        ),
        (S7_300, Product("Siemens", ("SIMATIC S7-300 CPU 319-3 PN/DP",), (), "<V9"), ["maybe"]),
        (S7_300, Product("Siemens", ("SIMATIC S7-1500 CPU family",), (), "<V9"), []),
        (S7_300, Product("Siemens", ("SIMATIC",), (), ""), []),
        (S7_300, Product("Rockwell", ("CPU 315-2 PN/DP",), (), ""), []),
        (S7_1200, Product("Siemens", ("SIMATIC S7-1200 CPU family",), (), "<V4.5"), ["affected"]),
        (S7_1200, Product("Siemens", ("SIMATIC S7-200",), (), ""), []),
        (MOMENTUM, Product("Schneider Electric", ("Modicon Momentum",), (), "<2"), ["affected"]),
        (M221, Product("Schneider Electric", ("Modicon M221",), (), "<1.6.2.0"), ["not"]),
        (M221, Product("Schneider Electric", ("Modicon M221",), (), "<1.12"), ["affected"]),
        (
            M221 | {"firmware": ""},
            Product("Schneider Electric", ("Modicon M221",), (), "<1.12"),
            ["maybe"],
        ),
    ],
)
def test_the_product_and_the_firmware_decide(
    said: dict[str, str], product: Product, expected: list[str]
) -> None:
    assert expected == verdict(device({k: v for k, v in said.items() if v}), product)


def test_what_is_fixed_is_not_affected() -> None:
    code = ("6ES7315-2EH14-0AB0",)

    assert ["not"] == verdict(
        device(S7_300),
        Product("Siemens", ("x",), code, "vers:all/*"),
        Product("Siemens", ("x",), code, ">=V3.2.8", "fixed"),
    )


def test_what_another_device_told_makes_it_a_maybe() -> None:
    product = Product("Siemens", ("x",), ("6ES7315-2EH14-0AB0",), "<V9")

    assert ["maybe"] == verdict(device(S7_300, confidence=60), product)


def test_every_match_says_why() -> None:
    product = Product("Siemens", ("x",), ("6ES7315-2EH14-0AB0",), "<V3.2.9")
    one = Advisory("SSA-1", "a title", None, None, (product,), "list.json")
    (match,) = Advisories([one]).of(device(S7_300))

    assert "order code 6ES7315-2EH14-0AB0; firmware V3.2.8 is in <V3.2.9" == match.why


@pytest.mark.parametrize(
    ("vendor", "code", "family"),
    [
        ("Siemens", "6ES7 214-1AG40-0XB0", "SIMATIC S7-1200"),
        ("Siemens", "6ES7 214-1AD23-0XB0", "SIMATIC S7-200"),
        ("Siemens", "6ES7 315-2EH14-0AB0", "SIMATIC S7-300"),
        ("Siemens", "6ES7 414-3EM07-0AB0", "SIMATIC S7-400"),
        ("Siemens", "6ES7 513-1AL02-0AB0", "SIMATIC S7-1500"),
        ("Siemens", "6ES7 155-6AU01-0BN0", "SIMATIC ET 200"),
        ("Schneider Electric", "BMX P34 2020", "Modicon M340"),
        ("Schneider Electric", "BMEP584040", "Modicon M580"),
        ("Schneider Electric", "140 CPU 311 10", "Modicon Quantum"),
        ("Schneider Electric", "TSXP57204M", "Modicon Premium"),
        ("Schneider Electric", "TM221CE16R", "Modicon M221"),
        ("Schneider Electric", "TM241CE40R", "Modicon M241"),
        ("Schneider Electric", "TM251CESC", "Modicon M251"),
        ("Schneider Electric", "171CBU98090", "Modicon Momentum"),
        ("Schneider Electric", "171CCC96030", "Modicon Momentum"),
        ("Rockwell Automation", "1756-L71", "ControlLogix"),
        ("Rockwell Automation", "1769-L33ER", "CompactLogix"),
        ("Rockwell Automation", "5069-L306ER", "CompactLogix"),
        ("Rockwell Automation", "1766-L32BXBA", "MicroLogix 1400"),
        ("Rockwell Automation", "1763-L16BWA", "MicroLogix 1100"),
        ("Schweitzer Engineering Laboratories", "SEL-3530", "RTAC"),
    ],
)
def test_an_order_code_tells_the_family_that_advisories_name(
    vendor: str, code: str, family: str
) -> None:
    own = device({"vendor": vendor, "order_code": code, "firmware": "1.0"})
    others = {"SIMATIC S7-1200", "SIMATIC S7-400", "Modicon M580", "ControlLogix"} - {family}

    assert ["affected"] == verdict(own, Product(vendor, (family,), (), "vers:all/*"))
    assert [[]] * len(others) == [
        verdict(own, Product(vendor, (other,), (), "vers:all/*")) for other in sorted(others)
    ]
