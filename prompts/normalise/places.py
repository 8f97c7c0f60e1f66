"""Postcodes, roads, house numbers. Rules only; no I/O."""

from __future__ import annotations

import re

from prompts.normalise.numbers import cardinal, decimal, pair, roman
from prompts.normalise.rule import MARKS, rule

_STREET = (
    r"(?:straat|str\.|laan|ln\.|weg|plein|pl\.|gracht|kade|singel|dijk|steeg|pad|hof|dreef|plantsoen|park|markt|brug|baan"
    r"|burg|wal|vest|haven|ring|akker|akkers|veld|velden|kamp|erf|hoek|berg|dam|zoom|horst|oord|laantje|boulevard|allee"
    r"|weide|waard|meent|brink|wijk|hoeve|poort|bocht|tuin|kwartier|sloot|vaart|zijde|end|eind|einde|rak|slag|straatje|passage)"
)
_AFTER_STREET = rf"(?P<keep>(?:[A-ZÀ-Ý][\w'.{MARKS}\-]*[ ])*[\w'\-{MARKS}]*{_STREET} (?:nr\.? |nummer )?)"
_FLOORS = {
    "hs": "huis",
    "huis": "huis",
    "bg": "begane grond",
    "bis": "bis",
    "bel": "bel",
    "sous": "sous",
    "rd": "rood",
    "zw": "zwart",
}
_ADDITION = r"(?:[ \-/]?(?P<addition>bis|hs|huis|bg|rd|zw|I{1,3}|IV|VI{0,3}|[a-zA-Z](?![\w'/])|(?<=[\-/])\d{1,4}))?"


def house_number(number: str, addition: str | None) -> str:
    """`12`, `a` → `twaalf A`; `3`, `II` → `drie twee hoog`; `12`, `16` → `twaalf tot en met zestien`."""
    said = cardinal(int(number))
    if not addition:
        return said
    if addition.isdigit():
        later = int(addition) > int(number) and (int(addition) - int(number)) % 2 == 0
        return f"{said} tot en met {cardinal(int(addition))}" if later else f"{said}, {cardinal(int(addition))}"
    if addition.lower() in _FLOORS:
        return f"{said} {_FLOORS[addition.lower()]}"
    if roman(addition) and addition not in "VX":
        return f"{said} {cardinal(roman(addition))} hoog"
    return f"{said} {addition.upper()}"


def _postcode(match: re.Match[str]) -> str:
    figures = match["figures"]
    said = f"{pair(figures[:2])} {pair(figures[2:])}"
    letters = match.groupdict().get("letters")
    return f"{said}, {' '.join(letters.upper())}" if letters else said


def _road(match: re.Match[str]) -> str:
    return f"{match['letter'].upper()} {cardinal(int(match['number']))}"


def _hectometre(match: re.Match[str]) -> str:
    side = {"li": " links", "re": " rechts"}.get((match["side"] or "").lower(), "")
    return f"hectometerpaal {decimal(match['number'].replace('.', ','))}{side}"


PLACE_RULES = (
    rule(
        "postcode",
        r"(?<![\w,.\-])(?<!in )(?<!sinds )(?P<figures>[1-9]\d{3}) ?(?P<letters>(?!SA|SD|SS)[A-Z]{2})(?![\w\-])",
        _postcode,
        ("3434 AB", "vierendertig vierendertig, A B"),
        ("1012AB", "tien twaalf, A B"),
        ("9203 PK", "tweeënnegentig nul drie, P K"),
    ),
    rule(
        "postcode, small letters",
        r"(?<![\w,.\-])(?P<keep>postcode:? )(?P<figures>[1-9]\d{3})(?: ?(?P<letters>[A-Za-z]{2})(?![\w\-]))?(?!\w)",
        _postcode,
        ("postcode 3511", "postcode vijfendertig elf"),
        ("postcode 3511 ab", "postcode vijfendertig elf, A B"),
        flags=re.IGNORECASE,
    ),
    rule(
        "postcode area",
        r"(?P<keep>postcodegebied(?:en)?:? )(?P<figures>[1-9]\d{3})(?!\w)",
        _postcode,
        ("postcodegebied 3511", "postcodegebied vijfendertig elf"),
    ),
    rule(
        "road",
        r"(?<![\w\-.,])(?P<letter>[ANES])(?:[ \-]?)(?P<number>\d{1,3})(?![\w\-]|[.,]\d)",
        _road,
        ("A27", "A zevenentwintig"),
        ("N201", "N tweehonderdeen"),
        ("E30", "E dertig"),
    ),
    rule(
        "two roads",
        r"(?<![\w\-.,])(?P<letter>[ANE])(?P<number>\d{1,3})[\-/](?P<letter2>[ANE])(?P<number2>\d{1,3})(?![\w\-])",
        lambda match: f"{_road(match)}, {match['letter2']} {cardinal(int(match['number2']))}",
        ("A1/A28", "A een, A achtentwintig"),
    ),
    rule(
        "hectometre post",
        r"(?<!\w)(?:hmp|hectometerpaal|hm-paal|hmpaal)\.? (?P<number>\d{1,3}[.,]\d)(?: ?(?P<side>[LR][ie]))?(?!\w)",
        _hectometre,
        ("hmp 45,3 Re", "hectometerpaal vijfenveertig komma drie rechts"),
        flags=re.IGNORECASE,
    ),
    rule(
        "house number",
        rf"{_AFTER_STREET}(?P<number>\d{{1,4}}){_ADDITION}(?![\w{MARKS}]|[.,:]\d)(?! (?:meter|"
        rf"m|km|cm|uur|jaar|minuten|jongens|mannen|personen)\b)",
        lambda match: house_number(match["number"], match["addition"]),
        ("Dorpsstraat 12", "Dorpsstraat twaalf"),
        ("Dorpsstraat 12a", "Dorpsstraat twaalf A"),
        ("Amstelstraat 250 t/m 260", "Amstelstraat tweehonderdvijftig t/m 260"),
        ("Lange Nieuwstraat 3-II", "Lange Nieuwstraat drie twee hoog"),
        ("Kerkweg 24 bis", "Kerkweg vierentwintig bis"),
        ("Marktplein 12-16", "Marktplein twaalf tot en met zestien"),
        ("Hooigracht 7-hs", "Hooigracht zeven huis"),
    ),
    rule(
        "house number, named so",
        rf"(?<!\w)(?P<keep>(?:huisnummers?|nummer|nrs?\.?|perceel) )(?!(?:112|113|144)\b)"
        rf"(?P<number>\d{{1,4}}){_ADDITION}(?![\w{MARKS}]|[.,:]\d)",
        lambda match: house_number(match["number"], match["addition"]),
        ("huisnummer 14b", "huisnummer veertien B"),
        ("nr. 7", "nr. zeven"),
    ),
)
