"""Times and dates. Rules only; no I/O."""

from __future__ import annotations

import re

from prompts.normalise.numbers import cardinal, year
from prompts.normalise.rule import rule

MONTHS = (
    "januari", "februari", "maart", "april", "mei", "juni",
    "juli", "augustus", "september", "oktober", "november", "december",
)  # fmt: skip
_MONTH_NAMES = {name[:3]: name for name in MONTHS} | {"mrt": "maart", "sept": "september", "okt": "oktober"}
_MONTH = (
    r"(?P<month>januari|februari|maart|april|mei|juni|juli|augustus|september|oktober|"
    r"november|december|(?:jan|feb|mrt|apr|jun|jul|aug|sept?|okt|nov|dec)\b\.?)"
)
_DAYS = {
    "ma": "maandag",
    "di": "dinsdag",
    "wo": "woensdag",
    "do": "donderdag",
    "vr": "vrijdag",
    "za": "zaterdag",
    "zo": "zondag",
}


def _clock(hour: str, minute: str | None) -> str | None:
    hours, minutes = int(hour), int(minute or 0)
    if hours > 24 or minutes > 59:
        return None
    return f"{cardinal(hours)} uur" + (f" {cardinal(minutes)}" if minutes else "")


def _time(match: re.Match[str]) -> str | None:
    return _clock(match["hour"], match["minute"])


def _time_range(match: re.Match[str]) -> str | None:
    begin = _clock(match["hour"], match["minute"])
    end = _clock(match["hour2"], match["minute2"])
    return f"{begin} tot {end}" if begin and end else None


def _hour_range(match: re.Match[str]) -> str:
    return f"{cardinal(int(match['first']))} tot {cardinal(int(match['last']))} uur"


def _full_year(text: str) -> str:
    number = int(text)
    if len(text) == 2:
        number += 1900 if number > 40 else 2000
    return year(number)


def _numeric_date(match: re.Match[str]) -> str | None:
    day, month = int(match["day"]), int(match["month"])
    if not (1 <= day <= 31 and 1 <= month <= 12):
        return None
    said = f"{cardinal(day)} {MONTHS[month - 1]}"
    return f"{said} {_full_year(match['year'])}" if match["year"] else said


def _iso_date(match: re.Match[str]) -> str | None:
    return _numeric_date(match)


def _written_date(match: re.Match[str]) -> str | None:
    day = int(match["day"])
    if not 1 <= day <= 31:
        return None
    written = match["month"].lower().rstrip(".")
    month = written if written in MONTHS else _MONTH_NAMES[written]
    said = f"{cardinal(day)} {month}"
    return f"{said} {_full_year(match['year'])}" if match["year"] else said


MOMENT_RULES = (
    rule(
        "date, year first",
        r"(?<![\w\-])(?P<year>20\d\d|19\d\d)-(?P<month>\d\d)-(?P<day>\d\d)(?![\w\-])",
        _iso_date,
        ("2026-03-09", "negen maart tweeduizend zesentwintig"),
    ),
    rule(
        "date in figures",
        r"(?<![\w\-/])(?P<day>\d{1,2})(?P<gap>[\-/.])(?P<month>\d{1,2})(?P=gap)(?P<year>(?:19|20)\d\d|\d\d)(?![\w\-/])",
        _numeric_date,
        ("12-03-2026", "twaalf maart tweeduizend zesentwintig"),
        ("3/12/1987", "drie december negentien zevenentachtig"),
        ("01-02-26", "een februari tweeduizend zesentwintig"),
    ),
    rule(
        "day and month in figures",
        r"(?:(?<=dag )|(?<=op )|(?<=vanaf )|(?<=sinds )|(?<=tot )|(?<=d\.d\. ))(?P<day>\d{1,2})"
        r"[\-/](?P<month>\d{1,2})(?P<year>)(?![\w\-/]|[.,]\d| (?:jaar|meter|cm|uur))",
        _numeric_date,
        ("op 12/3", "op twaalf maart"),
        ("maandag 9-3", "maandag negen maart"),
    ),
    rule(
        "date with the month in letters",
        rf"(?<![\w\-])(?P<day>\d{{1,2}})(?:e|de|ste)?[ \-]{_MONTH}(?:[ \-](?P<year>(?:19|20)\d\d)(?!\d))?(?!\w)",
        _written_date,
        ("3 mrt. 2026", "drie maart tweeduizend zesentwintig"),
        ("21 december", "eenentwintig december"),
        ("1 sept", "een september"),
        flags=re.IGNORECASE,
    ),
    rule(
        "short name of a day",
        r"(?<!\w)(?P<day>ma|di|wo|do|vr|za|zo)(?:\.|(?= ?[\ue000-\uf8ff]| \d))(?=\s|$|,)",
        lambda match: _DAYS[match["day"].lower()],
        ("za. 7 uur", "zaterdag 7 uur"),
        flags=re.IGNORECASE,
    ),
    rule(
        "time from and to",
        r"(?<![\w:.,])(?P<hour>\d{1,2})[:.](?P<minute>\d\d)(?: ?(?:uur|u)\b)? ?[-–—/] ?(?P<hour2>\d{1,2})"
        r"[:.](?P<minute2>\d\d)(?: ?(?:uur|u)\b\.?| ?h\b)?(?![\w:]|[.,]\d)",
        _time_range,
        ("14:30-15:00 uur", "veertien uur dertig tot vijftien uur"),
        ("22.15 - 23.00 u", "tweeëntwintig uur vijftien tot drieëntwintig uur"),
    ),
    rule(
        "time",
        r"(?<![\w:.,])(?P<hour>\d{1,2}):(?P<minute>[0-5]\d)(?::[0-5]\d)?(?: ?(?:uur|u|h)\b)?(?![\w:]|[.,]\d)",
        _time,
        ("14:30", "veertien uur dertig"),
        ("14:30 uur", "veertien uur dertig"),
        ("9:00u", "negen uur"),
        ("0:05", "nul uur vijf"),
    ),
    rule(
        "time with a dot or a letter",
        r"(?<![\w:.,])(?P<hour>\d{1,2})(?:[.](?P<minute>[0-5]\d) ?(?:uur|u|h)\b|[uh](?P<minute2>[0-5]\d)\b)",
        lambda match: _clock(match["hour"], match["minute"] or match["minute2"]),
        ("14.30 uur", "veertien uur dertig"),
        ("14u30", "veertien uur dertig"),
    ),
    rule(
        "time with a dot, among times",
        r"(?<!\w)(?P<keep>(?:tussen|om|van|rond|vanaf|tot|omstreeks|sinds) )(?P<hour>[01]?\d|2[0-4])\.(?P<minute>[0-5]\d)"
        r"(?![\w:]|[.,]\d| ?(?:m|meter|euro|km|kg)\b)",
        _time,
        ("tussen 03.00 en 4 uur", "tussen drie uur en 4 uur"),
        flags=re.IGNORECASE,
    ),
    rule(
        "hours from and to",
        r"(?<![\w:.,])(?P<first>\d{1,2}) ?[-–/] ?(?P<last>\d{1,2}) ?(?:uur|u)\b",
        _hour_range,
        ("14-16 uur", "veertien tot zestien uur"),
    ),
    rule(
        "whole hours",
        r"(?<![\w:.,\-/])(?P<hour>\d{1,2}) ?(?:uur|u|h)\b(?!/)",
        lambda match: f"{cardinal(int(match['hour']))} uur",
        ("14u", "veertien uur"),
        ("7 uur", "zeven uur"),
    ),
    rule(
        "decade",
        r"(?P<keep>jaren )['’‘]?(?:19)?(?P<tens>[2-9]0)(?!\d)",
        lambda match: cardinal(int(match["tens"])),
        ("jaren '90", "jaren negentig"),
    ),
    rule(
        "year",
        r"(?<!\w)(?P<keep>(?:in|sinds|uit|jaar|bouwjaar|vanaf|van|anno|eind|begin|plein) )(?P<year>1[5-9]\d\d|20\d\d)"
        r"(?![\w\-]|[.,]\d| ?[A-Z]{2}\b| (?:euro|meter|inwoners|mensen))",
        lambda match: year(int(match["year"])),
        ("bouwjaar 2019", "bouwjaar tweeduizend negentien"),
        ("In 1998", "In negentien achtennegentig"),
        ("Plein 1944", "Plein negentien vierenveertig"),
        flags=re.IGNORECASE,
    ),
)
