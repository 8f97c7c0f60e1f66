"""How people say by SMS that they want no more of them. Pure; no I/O."""

from __future__ import annotations

import re

STOP_WORDS = frozenset(
    {
        "STOP",
        "STOPP",
        "STOPPEN",
        "STOPALL",
        "STOP BURGERNET",
        "BURGERNET STOP",
        "AFMELDEN",
        "MELD AF",
        "MELD MIJ AF",
        "AF",
        "UIT",
        "BURGERNET UIT",
        "UITSCHRIJVEN",
        "UITZETTEN",
        "OPZEGGEN",
        "END",
        "QUIT",
        "CANCEL",
        "UNSUBSCRIBE",
        "ARRET",
        "ARRÊT",
        "ABMELDEN",
        "IPTAL",
        "DUR",
        "KONIEC",
    }
)

_DECORATION = re.compile(r"[^\w\s]+")
_COURTESY = re.compile(r"\b(AUB|ALSTUBLIEFT|A U B|SVP|PLEASE|GRAAG|DANK|DANK U|BEDANKT)\b")


def wants_stop(text: str) -> bool:
    """Whether the whole message asks for it; a sentence that merely holds the word does not."""
    bare = _DECORATION.sub(" ", text.upper())
    return " ".join(_COURTESY.sub(" ", bare).split()) in STOP_WORDS
