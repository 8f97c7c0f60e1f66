"""Each row of the tables of rules says of itself what it does; here it is held to that."""

from __future__ import annotations

import pytest

from prompts.normalise.abroad import ABROAD
from prompts.normalise.dutch import DUTCH_RULES
from prompts.normalise.other import OTHER_RULES
from prompts.normalise.rule import Rule, Working

RULES = (*DUTCH_RULES, *OTHER_RULES, *(rule for rules in ABROAD.values() for rule in rules))
EXAMPLES = [(rule, written, spoken) for rule in RULES for written, spoken in rule.examples]


@pytest.mark.parametrize(("rule", "written", "spoken"), EXAMPLES, ids=[f"{r.name}: {w}" for r, w, _ in EXAMPLES])
def test_example(rule: Rule, written: str, spoken: str) -> None:
    working = Working(written)
    working.apply([rule])
    assert working.words() == spoken
    assert {note.rule for note in working.notes} == {rule.name}


def test_every_rule_has_an_example() -> None:
    assert [rule.name for rule in RULES if not rule.examples] == []


def test_no_two_rules_share_a_name() -> None:
    names = [rule.name for rule in RULES]
    assert sorted(set(names)) == sorted(names)
