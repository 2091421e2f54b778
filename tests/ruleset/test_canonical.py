"""A rule file has one form, in which nothing of it is lost."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
import yaml

from otmon.ruleset.canonical import canonical, form, has_inner_comments
from otmon.ruleset.load import load_rules
from otmon.ruleset.source import Source

RULES = load_rules(experimental=True)


def source(text: str) -> Source:
    text = textwrap.dedent(text)
    return Source(Path("x.yml"), Path(), text, yaml.safe_load(text))


@pytest.mark.parametrize("one", RULES.sources.values(), ids=lambda one: one.path.stem)
def test_the_form_of_a_rule_means_the_same(one: Source):
    assert yaml.safe_load(one.text) == yaml.safe_load(form(one))


def test_the_form_is_its_own_form():
    text = canonical({"otmon": {"tests": {}, "impact": "view"}, "title": "A", "x": [{"a": [1]}]})

    assert text == canonical(yaml.safe_load(text))


def test_keys_stand_in_their_order_and_maps_in_lists_are_close():
    document = {
        "otmon": {"tests": {"positive": [{"count": 1, "capture": "a"}]}, "impact": "view"},
        "detection": {"condition": "x", "x": [{"b": 1, "a": ["c", "d"]}]},
        "title": "It was seen",
    }

    assert textwrap.dedent("""\
        title: It was seen
        detection:
            x:
                - b: 1
                  a:
                      - c
                      - d
            condition: x
        otmon:
            impact: view
            tests:
                positive:
                    - capture: a
                      count: 1
        """) == canonical(document)


def test_comments_on_top_stay():
    assert form(source("# made by us\ntitle: A\n")) == "# made by us\ntitle: A\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# on top\ntitle: A\n", False),
        ("title: A  # beside\n", True),
        ("title: A\n# below\nstatus: test\n", True),
        ("title: 'not # one'\n", False),
        ("title: not#one\n", False),
    ],
)
def test_a_comment_that_no_form_can_keep_is_seen(text, expected):
    assert expected is has_inner_comments(source(text))
