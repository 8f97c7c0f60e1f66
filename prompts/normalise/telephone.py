"""Telephone numbers in Dutch text, said the way Dutch people say them. Rules only; no I/O."""

from __future__ import annotations

import re

from prompts.normalise.numbers import DIGITS, cardinal, digits, groups, pair
from prompts.normalise.rule import apart, rule

_SHORT_AREAS = frozenset(
    [
        "010",
        "013",
        "015",
        "020",
        "023",
        "024",
        "026",
        "030",
        "033",
        "035",
        "036",
        "038",
        "040",
        "043",
        "045",
        "046",
        "050",
        "053",
        "055",
        "058",
        "070",
        "071",
        "072",
        "073",
        "074",
        "075",
        "076",
        "077",
        "078",
        "079",
    ]
)
_SERVICE = {
    "0800": "nul achthonderd",
    "0900": "nul negenhonderd",
    "0906": "nul negen nul zes",
    "0909": "nul negen nul negen",
}


def area(code: str) -> str:
    """`020` → `nul twintig`, `0343` → `nul drie vier drie`."""
    return f"nul {cardinal(int(code[1:]))}" if len(code) == 3 else digits(code)


def national(number: str) -> str | None:
    """A Dutch number by its national digits; None where it is none."""
    service = _SERVICE.get(number[:4])
    if service is not None:
        rest = number[4:]
        if len(rest) == 4:
            return f"{service}, {pair(rest[:2])} {pair(rest[2:])}"
        return f"{service}, {groups(rest, '322')}" if len(rest) == 7 else None
    if len(number) != 10:
        return None
    if number.startswith("06"):
        return f"nul zes, {groups(number[2:], '2222')}"
    if number[:3] in _SHORT_AREAS or number[1] == "8":
        return f"{area(number[:3])}, {groups(number[3:], '322')}"
    return f"{digits(number[:4])}, {groups(number[4:], '222')}"


def _telephone(match: re.Match[str]) -> str | None:
    figures = re.sub(r"\D", "", match.group().replace("(0)", ""))
    if match.group().startswith(("+31", "0031")):
        return national("0" + re.sub(r"^(00)?31", "", figures))
    return national(figures)


def _foreign(match: re.Match[str]) -> str | None:
    country = match["country"]
    figures = re.sub(r"\D", "", match["rest"])
    if country == "31" or not 6 <= len(figures) <= 12:
        return None
    sizes = "2" * (len(figures) // 2) if len(figures) % 2 == 0 else "3" + "2" * ((len(figures) - 3) // 2)
    return f"plus {cardinal(int(country))}, {groups(figures, sizes)}"


def _municipal(match: re.Match[str]) -> str:
    return f"veertien {area(match['area'])}"


def _emergency(match: re.Match[str]) -> str:
    return " ".join(DIGITS[int(figure)] for figure in match["number"])


_GAP = r"[ \-./]?"

TELEPHONE_RULES = (
    rule(
        "telephone number",
        rf"(?<![\w,.€\-])(?:(?:\+|00)31{_GAP}(?:\(0\))?{_GAP}|\(?0)\d(?:(?:\)?[ \-.]{{0,2}}|/)\d){{5,9}}(?![\d]|[.,]\d)",
        apart(_telephone),
        ("06-12345678", "nul zes, een twee, drie vier, vijf zes, zeven acht"),
        ("+31 6 12 34 56 78", "nul zes, een twee, drie vier, vijf zes, zeven acht"),
        ("0031 (0)6 12345678", "nul zes, een twee, drie vier, vijf zes, zeven acht"),
        ("0343-529850", "nul drie vier drie, vijf twee, negen acht, vijf nul"),
        ("(020) 123 45 67", "nul twintig, een twee drie, vier vijf, zes zeven"),
        ("088-1234567", "nul achtentachtig, een twee drie, vier vijf, zes zeven"),
        ("0800-0011", "nul achthonderd, nul nul elf"),
        ("0900-8844", "nul negenhonderd, achtentachtig vierenveertig"),
        ("0800 1234567", "nul achthonderd, een twee drie, vier vijf, zes zeven"),
    ),
    rule(
        "foreign telephone number",
        r"(?<![\w,.])\+(?P<country>1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]"
        r"|\d{3})(?P<rest>(?:[ \-./]?\d){6,12})(?!\d)",
        apart(_foreign),
        ("+49 30 123456", "plus negenenveertig, drie nul, een twee, drie vier, vijf zes"),
    ),
    rule(
        "municipal number 14+area",
        r"(?<![\w,.\-])14 ?(?P<area>0\d{2,3})(?![\d\w]|[.,]\d)",
        _municipal,
        ("14 030", "veertien nul dertig"),
        ("14020", "veertien nul twintig"),
        ("14 0343", "veertien nul drie vier drie"),
    ),
)

EMERGENCY_RULES = (
    rule(
        "emergency number",
        r"(?<![\w,.€$\-])(?<!bus )(?<!lijn )(?<!tram )(?<!kamer )(?<!pagina )(?<!gate )(?P<number>112)"
        r"(?=\s*(?:[.,;:!?)]|$|\n|of |en |als |bij |voor |te |bellen|direct))(?![.,]\d)",
        _emergency,
        ("bel 112.", "bel een een twee."),
        ("Bij spoed: 112", "Bij spoed: een een twee"),
        ("bij gevaar 112 bellen", "bij gevaar een een twee bellen"),
        flags=re.IGNORECASE,
    ),
    rule(
        "number of a help line",
        r"(?P<keep>\b(?:bel|belt|bellen|via|naar|met|nummer|of) )(?P<number>113|144)(?=\s*(?:[.,;:!?)"
        r"]|$|\n|of |en |als |bij |voor |te ))(?![.,]\d)",
        _emergency,
        ("via 144.", "via een vier vier."),
        ("Bel 113", "Bel een een drie"),
        flags=re.IGNORECASE,
    ),
)
