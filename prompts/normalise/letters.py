"""Acronyms, capitals, web and e-mail addresses, signs. Rules only; no I/O."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from prompts.normalise.numbers import cardinal, digits
from prompts.normalise.rule import MARKS, Rule, rule


def _table(name: str) -> dict[str, str]:
    """A table of two columns that lies beside the program, without its header."""
    return dict(csv.reader((Path(__file__).parents[1] / name).read_text("utf-8").splitlines()[1:]))


_KNOWN = _table("acronyms.csv")
_PLACES = {name.upper(): name for name in _table("places.csv")}

_CLUSTER = re.compile(r"[^AEIOUYÀ-Ý]{3}")
_VOWEL = re.compile(r"[AEIOUY]")


def _acronym(match: re.Match[str]) -> str:
    text = match["text"]
    known = _KNOWN.get(text)
    if known == "spelled":
        return " ".join(text)
    if text in _PLACES:
        return _PLACES[text]
    if known == "word":
        return text.lower() if len(text) < 4 else text.capitalize()
    if len(text) <= 3 or not _VOWEL.search(text) or (len(text) <= 5 and _CLUSTER.search(text)):
        return " ".join(text)
    return text.capitalize()


def calmed(text: str) -> str:
    """A text all in capitals in small letters, but for what is spelled; others as they are."""
    letters = [letter for letter in text if letter.isalpha()]
    if len(letters) < 20 or sum(letter.isupper() for letter in letters) < 0.8 * len(letters):
        return text
    return _CAPITALS.sub(_calm_word, text)


def _calm_word(match: re.Match[str]) -> str:
    word = match.group()
    if _KNOWN.get(word) == "spelled":
        return word
    return _PLACES.get(word) or word.lower()


_CAPITALS = re.compile(r"(?<![\w\-])[A-ZÀ-Ý]{2,}(?:-[A-ZÀ-Ý]{2,})*(?![\w\-])")


def _plural(match: re.Match[str]) -> str:
    return f"{' '.join(match['text'])}'s" if match["ending"] == "'s" else " ".join(match["text"])


_SPOKEN_SIGNS = {".": "punt", "@": "apenstaartje", "-": "streepje", "_": "liggend streepje", "/": "schuine streep"}


def _address(text: str) -> str:
    """Word by word; digits one by one; `www` and short endings spelled."""
    said: list[str] = []
    for part in re.findall(r"[a-z]+|\d+|[^\w]|_", text.lower()):
        if part in _SPOKEN_SIGNS:
            said.append(_SPOKEN_SIGNS[part])
        elif part.isdigit():
            said.append(cardinal(int(part)) if len(part) < 3 and not part.startswith("0") else digits(part))
        elif part.isalpha():
            said.append(" ".join(part.upper()) if part in _LETTERED else part)
    return " ".join(said)


_LETTERED = frozenset(("www", "nl", "be", "eu", "fr", "uk", "info@", "ov", "ns", "ggd", "nu"))


def _web(match: re.Match[str]) -> str:
    address = re.sub(r"^https?://", "", match.group(), flags=re.IGNORECASE)
    return _address(address.rstrip("/"))


ADDRESS_RULES: tuple[Rule, ...] = (
    rule(
        "e-mail address",
        r"(?<![\w.])[\w.+\-]+@[\w\-]+(?:\.[\w\-]+)+",
        lambda match: _address(match.group()),
        ("tips@politie.nl", "tips apenstaartje politie punt N L"),
    ),
    rule(
        "web address",
        r"(?:https?://|www\.)[\w\-]+(?:\.[\w\-]+)+(?:/[\w\-/.]*[\w/])?|(?<![\w@.\-])[\w\-]+(?:\.[\w\-]+)*\.(?:nl|com|org|eu|be|info|nu)(?:/[\w\-/.]*[\w/])?(?![\w@])",
        _web,
        ("www.politie.nl", "W W W punt politie punt N L"),
        ("burgernet.nl/actie", "burgernet punt N L schuine streep actie"),
        flags=re.IGNORECASE,
    ),
)

LETTER_RULES: tuple[Rule, ...] = (
    rule(
        "acronym with an ending",
        r"(?<![\w\-])(?P<text>[A-Z]{2,5})(?P<ending>'s|'er|'ers)(?!\w)",
        _plural,
        ("GSM's", "G S M's"),
    ),
    rule(
        "acronym before a dash",
        r"(?<![\w\-])(?P<text>[A-Z]{2,4})-(?=[a-z])",
        lambda match: f"{_acronym(match)} ",
        ("OV-fiets", "O V fiets"),
        ("NS-station", "N S station"),
    ),
    rule(
        "letter before a dash",
        r"(?<![\w\-])(?P<text>[A-Z])-(?=[a-z])",
        lambda match: f"{match['text']} ",
        ("T-shirt", "T shirt"),
    ),
    rule(
        "acronym",
        r"(?<![\w])(?P<text>[A-ZÀ-Ý]{2,})(?![\w'])",
        _acronym,
        ("OV", "O V"),
        ("HAVO", "Havo"),
        ("VERMIST", "Vermist"),
        ("DE", "de"),
        ("AED", "A E D"),
    ),
    rule(
        "initial",
        r"(?<!\w)(?P<text>[A-Z])\.(?= (?:[A-Z][a-zà-ÿ]|de |van |der |den |ter |ten |el |'t ))",
        lambda match: match["text"],
        ("A. de Wit", "A de Wit"),
        ("J. Jansen", "J Jansen"),
    ),
    rule(
        "letters with dots",
        r"(?<![\w.])(?P<text>(?:[A-Z]\.){2,})(?!\w)",
        lambda match: " ".join(match["text"].replace(".", "")),
        ("A.B. Jansen", "A B Jansen"),
    ),
)

SIGN_RULES: tuple[Rule, ...] = (
    rule("plus between", r"(?<=\w) ?\+ ?(?=\w)", " plus ", ("50+ers", "50 plus ers"), ("rood + wit", "rood plus wit")),
    rule("plus after a number", rf"(?<=[{MARKS}\d])\+(?!\w)", " plus", ("60+", "60 plus")),
    rule("equals", r" ?= ?", " is ", ("a = b", "a is b")),
    rule(
        "slash between words",
        r"(?<=[^\W\d_]{2})/(?=[^\W\d_]{2})",
        " of ",
        ("groen/grijs", "groen of grijs"),
    ),
    rule("slash", r" ?/ ?", ", ", ("links / rechts", "links, rechts")),
)
