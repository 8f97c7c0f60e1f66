"""Pronunciations in the International Phonetic Alphabet, for espeak-ng's Dutch voice. No I/O.

espeak-ng takes phonemes by mnemonics of its own, in double square brackets; the table holds those that its Dutch voice
has. Another voice is given the entry's spoken form.
"""

from __future__ import annotations

import re

_PHONEMES = {
    # vowels
    "aː": "a:", "a": "A", "ɑ": "A", "ɛː": "E:", "ɛ": "E", "eː": "e:", "e": "e:", "ɪː": "I:", "ɪ": "I", "iː": "i", "i": "i",
    "ɔː": "O:", "ɔ": "O", "oː": "o:", "o": "o:", "ʏ": "8", "ɵ": "8", "œ": "8", "yː": "y", "y": "y", "uː": "u", "u": "u",
    "øː": "Y:", "ø": "Y:", "ə": "@", "œy": "Wy", "œʏ": "Wy", "ɛi": "EI", "ɛɪ": "EI", "ʌu": "VU", "ʌʊ": "VU", "ɔu": "VU",
    "ɑu": "VU", "ɑʊ": "VU", "ɑ̃": "A~", "ɔ̃": "O~", "ɛ̃": "E~",
    # consonants
    "p": "p", "b": "b", "t": "t", "d": "d", "k": "k", "ɡ": "g", "g": "g", "f": "f", "v": "v", "s": "s", "z": "z", "x": "x",
    "χ": "x", "ɣ": "Q", "ɦ": "h", "h": "h", "m": "m", "n": "n", "ŋ": "N", "ɲ": "n^", "l": "l", "ɫ": "l", "r": "r", "ʀ": "r",
    "ʁ": "r", "ɾ": "r", "ɹ": "r", "j": "j", "ʋ": "v#", "w": "v#", "ʃ": "S", "ʒ": "Z", "c": "t;", "tʲ": "t;",
    # stress; the boundary of a syllable and the tie are not spoken
    "ˈ": "'", "'": "'", "ˌ": ",", ".": "", "͡": "", " ": " ",
}  # fmt: skip
_LONGEST_FIRST = sorted(_PHONEMES, key=len, reverse=True)
_SYMBOL = re.compile("|".join(map(re.escape, _LONGEST_FIRST)))
_INSTEAD = {
    ":": "ː",
    "θ": "s or t",
    "ð": "d or z",
    "æ": "ɛ",
    "ʌ": "ʏ",
    "ɒ": "ɔ",
    "ɜ": "ø",
    "ʊ": "u",
    "ʔ": "nothing",
    "ˑ": "ː",
}
_VOWEL = re.compile("[aɑɛeɪiɔoʏɵœyuøə]")


class BadIpa(ValueError):
    """Not to be spoken by the Dutch voice; the message says which character, and what to write."""


def phonemes(ipa: str) -> str:
    """`ʃɔfˈøːr` → `SOf'Y:r`. Slashes or brackets around it are left out. Raises BadIpa."""
    plain = ipa.strip().strip("/[]").strip()
    found: list[str] = []
    at = 0
    while at < len(plain):
        match = _SYMBOL.match(plain, at)
        if match is None:
            raise BadIpa(_fault(plain, at))
        found.append(_PHONEMES[match.group()])
        at = match.end()
    if not _VOWEL.search(plain):
        raise BadIpa("the IPA has no vowel in it, so that it is no word; write one as in ʃɔˈføːr (chauffeur)")
    return "".join(found).strip()


def _fault(plain: str, at: int) -> str:
    symbol = plain[at]
    if symbol in _INSTEAD:
        return f"the Dutch voice has no {symbol!r} (character {at + 1} of the IPA); write {_INSTEAD[symbol]} instead"
    known = " ".join(symbol for symbol in _PHONEMES if symbol.strip() and symbol.isalpha())
    return f"{symbol!r} (character {at + 1} of the IPA) is no sound of the Dutch voice; it has {known}"
