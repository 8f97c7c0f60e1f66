"""Amounts, measures, ages and the numbers that are left. Rules only; no I/O."""

from __future__ import annotations

import re

from prompts.normalise.numbers import cardinal, decimal, digits, ordinal
from prompts.normalise.rule import MARKS, rule

_JOINS = re.compile(rf"[^\W\d_]|[{MARKS}]")
_NUMBER = r"\d{1,3}(?:\.\d{3})+(?:,\d+)?|\d+(?:,\d+)?"
_CURRENCIES = {"€": "euro", "EUR": "euro", "$": "dollar", "£": "pond"}

_UNITS = {
    "km/u": "kilometer per uur", "km/h": "kilometer per uur", "km/uur": "kilometer per uur",
    "kmh": "kilometer per uur", "m/s": "meter per seconde",
    "km": "kilometer", "hm": "hectometer", "cm": "centimeter", "mm": "millimeter", "mtr": "meter",
    "m²": "vierkante meter", "m2": "vierkante meter", "m³": "kubieke meter", "m3": "kubieke meter", "ha": "hectare",
    "m": "meter", "kg": "kilo", "kilo": "kilo", "gr": "gram", "g": "gram", "mg": "milligram", "ltr": "liter", "l": "liter",
    "ml": "milliliter", "cl": "centiliter", "cc": "cc", "pk": "pk", "kW": "kilowatt", "kWh": "kilowattuur", "V": "volt",
    "°C": "graden", "°": "graden", "%": "procent", "‰": "promille", "min": "minuten", "sec": "seconden", "s": "seconden",
    "jr": "jaar", "jrs": "jaar", "mnd": "maanden", "wk": "weken", "dgn": "dagen", "dg": "dagen", "st": "stuks", "x": "keer",
    "inch": "inch", "\"": "inch", "kB": "kilobyte", "GB": "gigabyte", "p.p": "per persoon",
}  # fmt: skip
_ONE = {
    "minuten": "minuut",
    "seconden": "seconde",
    "maanden": "maand",
    "weken": "week",
    "dagen": "dag",
    "stuks": "stuk",
    "graden": "graad",
}
_UNIT = "|".join(re.escape(unit) for unit in sorted(_UNITS, key=len, reverse=True))
_RANGE = r" ?[-–] ?| ?(?:a|à|tot|/) ?"


def _amount(match: re.Match[str]) -> str:
    currency = _CURRENCIES[match["sign"]]
    whole, _, cents = match["number"].replace(".", "").partition(",")
    if match["scale"]:
        return f"{decimal(match['number'])} {match['scale']} {currency}"
    euros = int(whole)
    if len(cents) == 2 and int(cents):
        said = f"{cardinal(int(cents))}" + (" cent" if not euros else "")
        return said if not euros else f"{cardinal(euros)} {currency} {said}"
    return f"{cardinal(euros)} {currency}"


def _number_of(text: str) -> str:
    return decimal(text) if "," in text or re.fullmatch(r"\d{1,3}(\.\d{3})+", text) else decimal(text.replace(".", ","))


def _measure(match: re.Match[str]) -> str:
    unit = _UNITS[match["unit"] if match["unit"] in _UNITS else match["unit"].lower()]
    if match["number"] == "1":
        unit = _ONE.get(unit, unit)
    return f"{_number_of(match['number'])} {unit}"


def _length(match: re.Match[str]) -> str:
    """Metres and centimetres as bodies are measured: `1,85 m` → `een meter vijfentachtig`."""
    metres, centimetres = int(match["metres"]), int(match["centimetres"])
    return f"{cardinal(metres)} meter" + (f" {cardinal(centimetres)}" if centimetres else "")


def _length_range(match: re.Match[str]) -> str:
    first = f"{cardinal(int(match['metres']))} meter {cardinal(int(match['centimetres']))}"
    last = f"{cardinal(int(match['metres2']))} meter {cardinal(int(match['centimetres2']))}"
    return f"{first} tot {last}"


def _measure_range(match: re.Match[str]) -> str:
    unit = _UNITS[match["unit"] if match["unit"] in _UNITS else match["unit"].lower()]
    return f"{_number_of(match['first'])} tot {_number_of(match['last'])} {unit}"


def _years_range(match: re.Match[str]) -> str:
    between = "tot" if match["between"].strip() in "-–/" else "à"
    return f"{cardinal(int(match['first']))} {between} {cardinal(int(match['last']))}{match['rest']}"


def _yearling(match: re.Match[str]) -> str:
    """`12-jarige` → `twaalfjarige`; a range before it: `15- à 16-jarige`."""
    return cardinal(int(match["number"])) + match["rest"]


def _ordinal(match: re.Match[str]) -> str:
    return ordinal(int(match["number"]))


def _slash(match: re.Match[str]) -> str:
    """`2/3` is two or three, `1/4` one out of four."""
    first, last = int(match["first"]), int(match["last"])
    return f"{cardinal(first)} {'of' if last == first + 1 else 'op'} {cardinal(last)}"


def _long(match: re.Match[str]) -> str:
    text = match["number"]
    said = digits(text) if len(text) > 6 or (text.startswith("0") and len(text) > 1) else cardinal(int(text))
    if match["dash"]:
        return f"{said} "
    before, after = match.string[: match.start()][-1:], match.string[match.end() :][:1]
    return f"{' ' if _JOINS.fullmatch(before) else ''}{said}{' ' if _JOINS.fullmatch(after) else ''}"


QUANTITY_RULES = (
    rule(
        "amount",
        rf"(?P<sign>€|EUR|\$|£) ?(?P<number>{_NUMBER})(?:,-+|,=)?(?: (?P<scale>duizend|miljoen|miljard))?(?!\w)",
        _amount,
        ("€ 1.250,50", "duizend tweehonderdvijftig euro vijftig"),
        ("€5,-", "vijf euro"),
        ("€ 0,50", "vijftig cent"),
        ("€ 2,5 miljoen", "twee komma vijf miljoen euro"),
        ("EUR 50", "vijftig euro"),
    ),
    rule(
        "length of a person, from and to",
        r"(?<![\w,.])(?P<metres>[12])[,.](?P<centimetres>\d\d)(?: ?m(?:eter)?)? ?(?:[-–/]"
        r"|tot|à|a) ?(?P<metres2>[12])[,.](?P<centimetres2>\d\d) ?(?:m|mtr|meter)\b",
        _length_range,
        ("1,75-1,80 m", "een meter vijfenzeventig tot een meter tachtig"),
    ),
    rule(
        "length of a person",
        r"(?<![\w,.])(?P<metres>\d{1,2})(?:[,.](?P<centimetres>\d\d) ?(?:m|mtr|meter)\b|m(?P<centimetres2>\d\d)\b)",
        lambda match: (
            _length(match)
            if match["centimetres"]
            else f"{cardinal(int(match['metres']))} meter {cardinal(int(match['centimetres2']))}"
        ),
        ("1,85 m", "een meter vijfentachtig"),
        ("1.80 meter", "een meter tachtig"),
        ("1m75", "een meter vijfenzeventig"),
    ),
    rule(
        "length of a person, without unit",
        r"(?<!\w)(?P<keep>(?:ca\.?|circa|ong\.|ongeveer|±|\+/-|plm\.|lengte:?|is|en) )(?P<metres>1)"
        r"[.,](?P<centimetres>[4-9]\d)(?= lang|[,;]|\.(?!\d)|$)",
        _length,
        ("ca. 1.80, slank", "ca. een meter tachtig, slank"),
        ("lengte: 1,75.", "lengte: een meter vijfenzeventig."),
        flags=re.IGNORECASE,
    ),
    rule(
        "years old, from and to",
        r"(?<![\w,.\-])(?P<first>\d{1,3})(?P<between> ?[-–/] ?| à | a )(?P<last>\d{1,3})"
        r"(?P<rest> ?(?:-?jarige|jaar|jongens|mannen|personen|minuten|meter|weken|dagen|"
        r"maanden|kilo|km\b|cm\b|euro|man|keer))",
        _years_range,
        ("20-25 jaar", "twintig tot vijfentwintig jaar"),
        ("15 à 16 jaar", "vijftien à zestien jaar"),
    ),
    rule(
        "measure from and to",
        rf"(?<![\w,.\-])(?P<first>{_NUMBER})(?:{_RANGE})(?P<last>{_NUMBER}) ?(?P<unit>{_UNIT})(?![\w²³/])\.?(?=\W|$)",
        _measure_range,
        ("60-70 kg", "zestig tot zeventig kilo"),
        ("18-20 jr", "achttien tot twintig jaar"),
    ),
    rule(
        "so many years old",
        r"(?<![\w,.])(?P<number>\d{1,3})(?:-| )?(?P<rest>jarigen?)\b",
        _yearling,
        ("12-jarige", "twaalfjarige"),
        ("85 jarige", "vijfentachtigjarige"),
    ),
    rule(
        "age in brackets",
        r" ?\((?P<number>\d{1,2})(?: ?(?:jr\.?|jaar|j))?\)",
        lambda match: f", {cardinal(int(match['number']))} jaar,",
        ("Jan (12)", "Jan, twaalf jaar,"),
    ),
    rule(
        "measure",
        rf"(?<![\w,.])(?P<number>\d+[.,]\d+|{_NUMBER}) ?(?P<unit>{_UNIT})(?![\w²³/'])",
        _measure,
        ("50 km/u", "vijftig kilometer per uur"),
        ("1 min", "een minuut"),
        ("2,5 km", "twee komma vijf kilometer"),
        ("80 %", "tachtig procent"),
        ("14 jr", "veertien jaar"),
        ("3x", "drie keer"),
        ("200m", "tweehonderd meter"),
    ),
    rule(
        "ordinal",
        r"(?<![\w,.\-])(?P<number>\d{1,4})(?:e|de|ste|ᵉ)(?![\w])",
        _ordinal,
        ("1e", "eerste"),
        ("2de", "tweede"),
        ("21ste", "eenentwintigste"),
        ("8e", "achtste"),
        ("100e", "honderdste"),
    ),
    rule(
        "score or ratio",
        r"(?<![\w,.])(?P<first>\d{1,2})/(?P<last>\d{1,2})(?![\w/])",
        _slash,
        ("2/3", "twee of drie"),
        ("1/4", "een op vier"),
    ),
    rule(
        "number from and to",
        r"(?<![\w,.\-])(?P<first>\d{1,4})(?: ?[-–] ?)(?P<last>\d{1,4})(?![\w\-]|[.,]\d)",
        lambda match: (
            f"{cardinal(int(match['first']))} tot {cardinal(int(match['last']))}"
            if int(match["first"]) < int(match["last"])
            else None
        ),
        ("3-4", "drie tot vier"),
    ),
    rule(
        "number with a comma or dots",
        r"(?<![\w,.])(?P<number>\d{1,3}(?:\.\d{3})+(?:,\d+)?|\d+,\d+)(?![\w]|[.,]\d)",
        lambda match: decimal(match["number"]),
        ("1.250", "duizend tweehonderdvijftig"),
        ("3,5", "drie komma vijf"),
        ("12.345,67", "twaalfduizend driehonderdvijfenveertig komma zevenenzestig"),
    ),
    rule(
        "number",
        r"(?P<number>\d+)(?P<dash>-(?=[a-z]{2}))?",
        _long,
        ("4", "vier"),
        ("1250", "duizend tweehonderdvijftig"),
        ("007", "nul nul zeven"),
        ("5-deurs", "vijf deurs"),
    ),
)
