"""Lists of advisories are read; what cannot be used is named, and the rest is used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from otmon.advisory_lists import read_advisories
from otmon.model.advisory import Product

TABLE = """id,vendor,model,firmware,title,cve,score
SSA-1,Siemens,6ES7 315-2EH14-0AB0,<V3.2.9,Packets stop it,CVE-2026-1,7.5
SSA-2,,CPU,,,,
SSA-3,Siemens,CPU 1,,,,much
# a remark

SSA-4,Siemens,CPU 2,,,,
"""


def csaf(**other: Any) -> dict[str, Any]:
    """A document in the form of CSAF 2.0, 3.2 [S]."""
    version = {
        "category": "product_version_range",
        "name": "<V3.2.9",
        "product": {
            "product_id": "P1",
            "name": "CPU 315",
            "product_identification_helper": {"skus": ["6ES7315-2EH14-0AB0"]},
        },
    }
    name = {"category": "product_name", "name": "SIMATIC CPU 315", "branches": [version]}
    vendor = {"category": "vendor", "name": "Siemens", "branches": [name]}
    return {
        "document": {
            "csaf_version": "2.0",
            "title": "Denial of service",
            "tracking": {"id": "SSA-123456"},
        },
        "product_tree": {"branches": [vendor]},
        "vulnerabilities": [
            {
                "cve": "CVE-2026-1",
                "product_status": {"known_affected": ["P1"]},
                "scores": [{"products": ["P1"], "cvss_v3": {"baseScore": 7.5}}],
            }
        ],
    } | other


def write(folder: Path, name: str, content: object) -> Path:
    """A file of the folder."""
    path = folder / name
    text = content if isinstance(content, str) else json.dumps(content, indent=1)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_csaf_document_has_its_products_and_their_state(tmp_path: Path) -> None:
    read = read_advisories([write(tmp_path, "a.json", csaf())])
    (one,) = read.advisories

    assert [] == read.problems
    assert ("SSA-123456", "CVE-2026-1", 7.5, "Denial of service") == (
        one.id,
        one.cve,
        one.score,
        one.title,
    )
    assert (
        Product("Siemens", ("SIMATIC CPU 315",), ("6ES7315-2EH14-0AB0",), "<V3.2.9", "affected"),
    ) == one.products


def test_a_line_of_a_table_that_is_wrong_is_named_and_the_others_are_used(tmp_path: Path) -> None:
    path = write(tmp_path, "plant.csv", TABLE)
    read = read_advisories([path])

    assert ["SSA-1", "SSA-4"] == [one.id for one in read.advisories]
    assert [
        f"{path}:3: vendor is empty; it is left out",
        f"{path}:4: score 'much' is no number; it is left out",
    ] == read.problems


def test_a_file_that_is_wrong_is_named_and_the_others_are_used(tmp_path: Path) -> None:
    bad = write(tmp_path, "bad.json", '{\n "document": {,\n}')
    other = write(tmp_path, "other.json", {"some": "thing"})
    write(tmp_path, "good.json", csaf())
    nobody = write(tmp_path, "nobody.json", csaf(product_tree={}))
    read = read_advisories([tmp_path])

    assert ["SSA-123456"] == [one.id for one in read.advisories]
    assert [
        f"{bad}:2: no JSON: Expecting property name enclosed in double quotes; it is left out",
        f"{nobody}:12: vulnerabilities[0] CVE-2026-1 names no product that is known;"
        " it is left out",
        f"{other}:1: no CSAF document: it has no document.csaf_version; it is left out",
    ] == read.problems


def test_whatever_a_document_holds_nothing_fails(tmp_path: Path) -> None:
    deep: Any = {"category": "vendor", "name": "x"}
    for _ in range(100):
        deep = {"branches": [deep], "name": 3}
    odd = [
        csaf(product_tree={"branches": deep}),
        csaf(product_tree={"branches": [deep, 7, None]}),
        csaf(vulnerabilities={"cve": 1}),
        csaf(vulnerabilities=[None, {"product_status": {"known_affected": [1, {}]}}]),
        csaf(product_tree={"relationships": [{"full_product_name": {"product_id": "P9"}}]}),
        [],
    ]
    for number, document in enumerate(odd):
        write(tmp_path, f"{number}.json", document)
    read = read_advisories([tmp_path])

    assert [] == read.advisories
    assert len(odd) <= len(read.problems)


def test_firmware_on_a_device_is_found_by_the_device(tmp_path: Path) -> None:
    """Siemens writes hardware and its firmware as two products and their relation."""
    tree = csaf()["product_tree"]
    tree["relationships"] = [
        {
            "category": "installed_on",
            "product_reference": "P1",
            "relates_to_product_reference": "H1",
            "full_product_name": {"product_id": "P1-on-H1", "name": "firmware on the CPU"},
        }
    ]
    tree["branches"].append(
        {
            "category": "vendor",
            "name": "Siemens",
            "branches": [
                {
                    "category": "product_name",
                    "name": "CPU hardware",
                    "product": {"product_id": "H1", "name": "CPU hardware"},
                }
            ],
        }
    )
    affected = [{"cve": "CVE-2026-2", "product_status": {"known_affected": ["P1-on-H1"]}}]
    path = write(tmp_path, "a.json", csaf(product_tree=tree, vulnerabilities=affected))
    (one,) = read_advisories([path]).advisories

    assert [("CPU hardware",)] == [product.names for product in one.products]
    assert ["<V3.2.9"] == [product.versions for product in one.products]
