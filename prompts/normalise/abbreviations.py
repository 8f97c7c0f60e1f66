"""Dutch abbreviations, by what stands around them. Rules only; no I/O."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from prompts.normalise.numbers import cardinal, ordinal, roman
from prompts.normalise.rule import MARKS, Rule, rule

_WHOLE = dict(csv.reader((Path(__file__).parents[1] / "abbreviations.csv").read_text("utf-8").splitlines()[1:]))
"""What is written, in small letters, and how it is said."""

_SAMPLES = (
    ("dhr. Jansen", "meneer Jansen"),
    ("ca. 40", "ongeveer 40"),
    ("Utrecht e.o. is", "Utrecht en omgeving is"),
    ("t.h.v. de brug", "ter hoogte van de brug"),
    ("Jansen & Zn", "Jansen en Zn"),
)


def _alternatives(words: dict[str, str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


def _whole(match: re.Match[str]) -> str | None:
    written = match["short"]
    if written.isupper() and len(written) > 2:
        return None  # B.V. is spelled, b.v. is not
    said = _WHOLE[written.lower()]
    if written[0].isupper():
        said = said[0].upper() + said[1:]
    return said + ("." if _ends_sentence(match) else "")


def _ends_sentence(match: re.Match[str]) -> bool:
    """Its dot is the full stop too where nothing follows, or where a sentence begins after `e.o.` and its like."""
    rest = match.string[match.end() :]
    if not match.group().endswith("."):
        return False
    if not rest.strip(" ") or rest.lstrip(" ").startswith("\n"):
        return True
    return match["short"].lower() in _CLOSING and re.match(r" [A-ZÀ-Ý]", rest) is not None


_CLOSING = frozenset(
    ("e.o.", "enz.", "etc.", "e.d.", "jl.", "j.l.", "a.s.", "a.u.b.", "s.v.p.", "z.s.m.", "n.v.t.", "u.")
)


def _after_roman_name(match: re.Match[str]) -> str | None:
    value = roman(match["roman"])
    gap = " " if match.group().endswith("-") else ""
    return f"{match['name']} de {ordinal(value)}{gap}" if value else None


def _roman_part(match: re.Match[str]) -> str | None:
    value = roman(match["roman"])
    return f"{match['what']} {cardinal(value)}" if value else None


ROMAN_RULES: tuple[Rule, ...] = (
    rule(
        "king with a number",
        r"(?<!\w)(?P<name>Willem|Karel|Filips|Philips|Hendrik|Lodewijk|Frederik|Leopold|"
        r"Floris|Napoleon|Johannes Paulus|Boudewijn|Maurits|Jan)[ \-]?(?P<roman>[IVX]+)(?:-(?=[a-z])"
        r"|(?![\w.]))",
        _after_roman_name,
        ("Willem III", "Willem de derde"),
        ("Karel V", "Karel de vijfde"),
        ("Willem III-straat", "Willem de derde straat"),
    ),
    rule(
        "roman numeral",
        r"(?<!\w)(?P<what>[Ff]ase|[Dd]eel|[Bb]lok|[Ww]ereldoorlog|[Gg]ebouw|[Ss]ector|[Kk]"
        r"lasse|[Zz]one|[Pp]erron|[Gg]ate|[Hh]al|[Gg]roep) (?P<roman>[IVX]+)(?![\w])",
        _roman_part,
        ("fase II", "fase twee"),
        ("Wereldoorlog II", "Wereldoorlog twee"),
    ),
)

STREET_RULES: tuple[Rule, ...] = (
    rule(
        "street, shortened",
        r"(?<=[a-zà-ÿ])str\.(?!\w)",
        "straat",
        ("Dorpsstr. is dicht", "Dorpsstraat is dicht"),
        ("Kerkstr., links", "Kerkstraat, links"),
        rewrites=True,
    ),
    rule(
        "lane, shortened", r"(?<=[a-zà-ÿ])ln\.(?!\w)", "laan", ("Parkln. is dicht", "Parklaan is dicht"), rewrites=True
    ),
    rule(
        "square, shortened",
        r"(?<=[a-zà-ÿ])pl\.(?!\w)",
        "plein",
        ("Marktpl. is leeg", "Marktplein is leeg"),
        rewrites=True,
    ),
    rule("square, a word of its own", r"(?<!\w)Pl\.(?=\s|$)", "Plein", ("Pl. 1944", "Plein 1944"), rewrites=True),
    rule(
        "number, joined",
        r"(?<=[a-zà-ÿ])nr\.?(?!\w)",
        "nummer",
        ("huisnr. 4", "huisnummer 4"),
        ("rugnr 10", "rugnummer 10"),
        rewrites=True,
    ),
    rule(
        "saint", r"(?<!\w)St\.?[ \-](?=[A-Z])", lambda _: "Sint ", ("St. Jansstraat", "Sint Jansstraat"), rewrites=True
    ),
)

ABBREVIATION_RULES: tuple[Rule, ...] = (
    rule(
        "year or junior",
        rf"(?<=[{MARKS}\d] )jr\.?(?!\w)|(?<=[{MARKS}\d])jr\.?(?!\w)",
        "jaar",
        ("40 jr.", "40 jaar"),
    ),
    rule("junior", r"(?<=[a-zà-ÿ] )[Jj]r\.?(?!\w)", "junior", ("Jan de Boer jr.", "Jan de Boer junior")),
    rule("senior", r"(?<=[a-zà-ÿ] )[Ss]r\.?(?!\w)", "senior", ("Jan de Boer sr.", "Jan de Boer senior")),
    rule(
        "man or woman",
        r"(?<!\w)(?P<first>man|vrouw|jongen|meisje|hij|zij|hem|en)/(?P<last>man|vrouw|jongen|meisje|hij|zij|haar|of)(?!\w)",
        lambda match: f"{match['first']} of {match['last']}" if match["first"] != "en" else "en of",
        ("man/vrouw", "man of vrouw"),
        ("en/of", "en of"),
    ),
    rule(
        "abbreviation",
        rf"(?<![\w{MARKS}.])(?P<short>{_alternatives(_WHOLE)})(?![\w]|\.\w)",
        _whole,
        *_SAMPLES,
        flags=re.IGNORECASE,
    ),
)
