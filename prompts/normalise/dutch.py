"""The table of all rules for Dutch, in the order in which they are worked. No I/O."""

from __future__ import annotations

from prompts.normalise.abbreviations import ABBREVIATION_RULES, ROMAN_RULES, STREET_RULES
from prompts.normalise.letters import ADDRESS_RULES, LETTER_RULES, SIGN_RULES
from prompts.normalise.moments import MOMENT_RULES
from prompts.normalise.places import PLACE_RULES
from prompts.normalise.plates import PLATE_RULES
from prompts.normalise.quantities import QUANTITY_RULES
from prompts.normalise.rule import Rule
from prompts.normalise.telephone import EMERGENCY_RULES, TELEPHONE_RULES

DUTCH_RULES: tuple[Rule, ...] = (
    *ADDRESS_RULES,
    *STREET_RULES,
    *TELEPHONE_RULES,
    *PLATE_RULES,
    *MOMENT_RULES,
    *PLACE_RULES,
    *EMERGENCY_RULES,
    *QUANTITY_RULES,
    *ROMAN_RULES,
    *ABBREVIATION_RULES,
    *LETTER_RULES,
    *SIGN_RULES,
)
