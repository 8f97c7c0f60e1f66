"""IPA of an entry: what the Dutch voice has becomes its phonemes, all else is refused with what to write instead."""

from __future__ import annotations

import pytest

from prompts.ipa import BadIpa, phonemes
from prompts.lexicon import BadLexicon, Entry, Lexicon, parse, shipped
from prompts.normalise import normalise, voiced


@pytest.mark.parametrize(
    ("ipa", "wanted"),
    [
        ("ʃɔfˈøːr", "SOf'Y:r"),
        ("/ɣaːˈraːʒə/", "Qa:'ra:Z@"),
        ("[ˈhœys]", "'hWys"),
        ("kʌut", "kVUt"),
        ("ˌʋaː.tər ˈlin", ",v#a:t@r 'lin"),
        ("ɲɛt͡s", "n^Ets"),
    ],
)
def test_dutch_sounds_become_the_voices_phonemes(ipa: str, wanted: str) -> None:
    assert phonemes(ipa) == wanted


@pytest.mark.parametrize(
    ("ipa", "words"),
    [("smɪθ", "write s or t instead"), ("ba:n", "write ː instead"), ("b#", r"'#' \(character 2"), ("pst", "no vowel")],
)
def test_what_the_voice_does_not_have_is_refused_with_what_to_write(ipa: str, words: str) -> None:
    with pytest.raises(BadIpa, match=words):
        phonemes(ipa)


def test_a_fault_in_a_file_names_its_line() -> None:
    with pytest.raises(BadLexicon, match=r"names\.csv, line 3: the Dutch voice has no 'θ'.*; write s or t instead"):
        parse("written,spoken,kind,ipa\nCitroën,,sound,sitroˈɛn\nSmith,smit,sound,smɪθ\n", "names.csv")


@pytest.mark.parametrize(
    ("line", "words"),
    [("a,,sound", "or leave the second empty and write the IPA"), ("a,b,word,ɑ", "IPA is for the kind sound")],
)
def test_an_entry_has_a_spoken_form_or_ipa(line: str, words: str) -> None:
    with pytest.raises(BadLexicon, match=words):
        parse(f"written,spoken,kind,ipa\n{line}\n")


def test_a_voice_with_phonemes_is_given_the_ipa_and_every_other_one_the_spoken_form() -> None:
    lexicon = Lexicon((Entry("Renault", "renoo", "sound", "rəˈnoː"), Entry("Dacia", "", "sound", "ˈdaːsiaː")))
    said = normalise("Een Renault of Dacia, 1 S.", lexicon=lexicon).said
    assert voiced(said, "nl", lexicon) == "Een renoo of Dacia, één es."
    assert voiced(said, "nl", lexicon, takes_phonemes=True) == "Een [[r@'no:]] of [['da:sia:]], één es."


def test_brackets_in_a_message_are_no_phonemes() -> None:
    said = normalise("Man [[S'Ef]] gezien").said
    assert "[" not in voiced(said, "nl", shipped(), takes_phonemes=True)
    assert "[" not in normalise("Man [[S'Ef]] seen", "en").said
