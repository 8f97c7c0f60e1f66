"""Times, dates, house numbers and emergency numbers in English, German and French. Rules only; no I/O.

Addresses are Dutch ones: a street is known by the end of its name. Days come before months, as everywhere in Europe.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from num2words import num2words

from prompts.normalise.rule import Rule, Say, rule

_STREET = (
    r"(?P<keep>[\w'\-]*(?:straat|laan|weg|plein|gracht|kade|singel|dijk|steeg|hof|dreef|markt|straße|strasse|platz|gasse"
    r"|allee|[Ss]treet|[Rr]oad|[Aa]venue|[Ll]ane|[Ss]quare) )"
)


@dataclass(frozen=True, slots=True)
class Speech:
    """How one language says them. `clock` is given hour and minute; `date` what was found, day, month and year. `hours` is a
    pattern for whole hours, `unit` for what stands behind a time. `digits` begin with 0. `called`: what before a number
    makes it one to call."""

    language: str
    months: tuple[str, ...]
    digits: tuple[str, ...]
    until: str
    clock: Callable[[int, int], str]
    date: Callable[[re.Match[str], int, int, int | None], str]
    called: str
    unit: str
    hours: str

    def cardinal(self, number: int) -> str:
        return str(num2words(number, lang=self.language))

    def year(self, number: int) -> str:
        return str(num2words(number, lang=self.language, to="year"))

    def ordinal(self, number: int) -> str:
        return str(num2words(number, lang=self.language, to="ordinal"))


def _english_clock(hour: int, minute: int) -> str:
    part = "in the morning" if hour < 12 else "in the afternoon" if hour < 18 else "in the evening"
    part = "at night" if hour in (0, 24) else part
    said = ENGLISH.cardinal((hour - 1) % 12 + 1)
    if not minute:
        return "twelve noon" if hour == 12 else "midnight" if hour in (0, 24) else f"{said} o'clock {part}"
    return f"{said} {'oh ' if minute < 10 else ''}{ENGLISH.cardinal(minute)} {part}"


def _english_date(match: re.Match[str], day: int, month: int, year: int | None) -> str:
    article = "" if re.search(r"\bthe $", match.string[: match.start()], re.IGNORECASE) else "the "
    said = f"{article}{ENGLISH.ordinal(day)} of {ENGLISH.months[month - 1]}"
    return f"{said} {ENGLISH.year(year)}" if year else said


def _german_clock(hour: int, minute: int) -> str:
    hours = "ein" if hour == 1 else GERMAN.cardinal(hour)
    return f"{hours} Uhr" + (f" {GERMAN.cardinal(minute)}" if minute else "")


def _german_date(match: re.Match[str], day: int, month: int, year: int | None) -> str:
    """`am neunten März`, but `Montag, neunter März`, which is `der neunte März`."""
    oblique = re.search(r"\b(?:am|vom|zum|dem|den|seit|bis|ab|im|beim) $", match.string[: match.start()], re.IGNORECASE)
    said = f"{GERMAN.ordinal(day)}{'n' if oblique else ''} {GERMAN.months[month - 1]}"
    return f"{said} {GERMAN.year(year)}" if year else said


def _french_clock(hour: int, minute: int) -> str:
    hours = re.sub(r"\bun$", "une", FRENCH.cardinal(hour))
    return f"{hours} heure{'s' if hour > 1 else ''}" + (f" {FRENCH.cardinal(minute)}" if minute else "")


def _french_date(match: re.Match[str], day: int, month: int, year: int | None) -> str:
    said = f"{'premier' if day == 1 else FRENCH.cardinal(day)} {FRENCH.months[month - 1]}"
    return f"{said} {FRENCH.cardinal(year)}" if year else said


ENGLISH = Speech(
    "en",
    ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
     "December"),
    ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    "to", _english_clock, _english_date, r"(?:call|dial|ring|phone) ",
    r"(?: ?(?:hours|hrs|h)\b)?", r"(?P<hour>\d{1,2})(?P<minute>[0-5]\d) ?(?:hours|hrs)\b",
)  # fmt: skip
GERMAN = Speech(
    "de",
    ("Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November",
     "Dezember"),
    ("null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"),
    "bis", _german_clock, _german_date, r"(?:wählen Sie|rufen Sie|Notruf|unter|an die) (?:die )?",
    r"(?: ?(?:Uhr|h)\b)?", r"(?P<hour>\d{1,2})(?P<minute>) Uhr\b",
)  # fmt: skip
FRENCH = Speech(
    "fr",
    ("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre",
     "décembre"),
    ("zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf"),
    "à", _french_clock, _french_date, r"(?:appelez|appeler|composez) (?:le )?",
    r"(?: ?(?:heures|h)\b)?", r"(?P<hour>\d{1,2}) ?h(?:eures?\b| ?(?P<minute>[0-5]\d)\b|\b)",
)  # fmt: skip


def _rules(speech: Speech, examples: dict[str, tuple[tuple[str, str], ...]]) -> tuple[Rule, ...]:
    def time(match: re.Match[str]) -> str | None:
        hour, minute = int(match["hour"]), int(match["minute"] or 0)
        return speech.clock(hour, minute) if hour <= 24 and minute <= 59 else None

    def date(match: re.Match[str]) -> str | None:
        day, month = int(match["day"]), int(match["month"])
        fits = 1 <= day <= 31 and 1 <= month <= 12
        return speech.date(match, day, month, int(match["year"])) if fits else None

    def written_date(match: re.Match[str]) -> str | None:
        month = [name.lower() for name in speech.months].index(match["month"].lower()) + 1
        day, year = int(match["day"]), match["year"]
        return speech.date(match, day, month, int(year) if year else None) if 1 <= day <= 31 else None

    def house(match: re.Match[str]) -> str:
        said = speech.cardinal(int(match["number"]))
        if match["last"]:
            return f"{said} {speech.until} {speech.cardinal(int(match['last']))}"
        return f"{said} {match['addition'].upper()}" if match["addition"] else said

    def emergency(match: re.Match[str]) -> str:
        return " ".join(speech.digits[int(figure)] for figure in match["number"])

    months = "|".join(speech.months)
    rows: tuple[tuple[str, str, Say], ...] = (
        ("date, year first", r"(?<![\w\-])(?P<year>20\d\d|19\d\d)-(?P<month>\d\d)-(?P<day>\d\d)(?![\w\-])", date),
        (
            "date in figures",
            r"(?<![\w\-/.])(?P<day>\d{1,2})(?P<gap>[\-/.])(?P<month>\d{1,2})(?P=gap)(?P<year>(?:19|20)\d\d)(?![\w\-/])",
            date,
        ),
        (
            "date with the month in letters",
            rf"(?<![\w\-])(?P<day>\d{{1,2}})(?:\.|st|nd|rd|th|er)? (?P<month>{months})"
            r"(?:,? (?P<year>(?:19|20)\d\d)(?!\d))?(?!\w)",
            written_date,
        ),
        ("time", rf"(?<![\w:.,])(?P<hour>\d{{1,2}}):(?P<minute>[0-5]\d){speech.unit}(?![\w:]|[.,]\d)", time),
        ("time in hours", rf"(?<![\w:.,\-/]){speech.hours}", time),
        (
            "house number",
            rf"{_STREET}(?P<number>\d{{1,4}})(?:-(?P<last>\d{{1,4}})|[ \-]?(?P<addition>[a-z])\b)?(?!\w|[.,:]\d| k?m\b)",
            house,
        ),
        ("emergency number", rf"(?<!\w)(?P<keep>{speech.called})(?P<number>112|113|144)(?![\w\-]|[.,]\d)", emergency),
    )
    return tuple(
        rule(f"{name}, {speech.language}", pattern, say, *examples[name], flags=re.IGNORECASE)
        for name, pattern, say in rows
    )


ABROAD: dict[str, tuple[Rule, ...]] = {
    "en": _rules(
        ENGLISH,
        {
            "date, year first": (("2026-03-09", "the ninth of March twenty twenty-six"),),
            "date in figures": (("on 21/12/1987", "on the twenty-first of December nineteen eighty-seven"),),
            "date with the month in letters": (
                ("on 1 May", "on the first of May"),
                ("the 3rd June 2026", "the third of June twenty twenty-six"),
            ),
            "time": (
                ("14:30", "two thirty in the afternoon"),
                ("9:05", "nine oh five in the morning"),
                ("20:00 hrs", "eight o'clock in the evening"),
                ("12:00", "twelve noon"),
                ("0:15", "twelve fifteen at night"),
            ),
            "time in hours": (("1430 hours", "two thirty in the afternoon"),),
            "house number": (("Dorpsstraat 12a", "Dorpsstraat twelve A"), ("Kerkweg 3-7", "Kerkweg three to seven")),
            "emergency number": (("Call 112", "Call one one two"),),
        },
    ),
    "de": _rules(
        GERMAN,
        {
            "date, year first": (("am 2026-03-09", "am neunten März zweitausendsechsundzwanzig"),),
            "date in figures": (("seit 1.5.2026", "seit ersten Mai zweitausendsechsundzwanzig"),),
            "date with the month in letters": (
                ("am 3. Oktober", "am dritten Oktober"),
                ("Montag, 7. Juli 1987", "Montag, siebte Juli neunzehnhundertsiebenundachtzig"),
            ),
            "time": (("14:30 Uhr", "vierzehn Uhr dreißig"), ("1:05", "ein Uhr fünf"), ("20:00", "zwanzig Uhr")),
            "time in hours": (("14 Uhr", "vierzehn Uhr"),),
            "house number": (
                ("Kerkstraat 12a", "Kerkstraat zwölf A"),
                ("Hauptstraße 3-7", "Hauptstraße drei bis sieben"),
            ),
            "emergency number": (("Rufen Sie 112", "Rufen Sie eins eins zwei"),),
        },
    ),
    "fr": _rules(
        FRENCH,
        {
            "date, year first": (("2026-03-09", "neuf mars deux mille vingt-six"),),
            "date in figures": (("le 01/05/2026", "le premier mai deux mille vingt-six"),),
            "date with the month in letters": (("le 1er juin", "le premier juin"), ("le 14 août", "le quatorze août")),
            "time": (
                ("14:30", "quatorze heures trente"),
                ("1:00", "une heure"),
                ("21:15", "vingt et une heures quinze"),
            ),
            "time in hours": (("14h30", "quatorze heures trente"), ("8 h", "huit heures"), ("9 heures", "neuf heures")),
            "house number": (("Dorpsstraat 12 b", "Dorpsstraat douze B"), ("Kerkweg 3-7", "Kerkweg trois à sept")),
            "emergency number": (("appelez le 112", "appelez le un un deux"),),
        },
    ),
}
"""By language; worked before the rules that every language other than Dutch shares."""
