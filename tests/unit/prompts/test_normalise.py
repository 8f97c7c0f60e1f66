"""Whole texts: rules together, in other languages, on bad input, and how clear the messages of the benchmark are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.prompts.clarity import HERE, cases, score
from prompts.lexicon import Entry, shipped
from prompts.normalise import normalise, voiced


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("Bel 0800-0011 of bij gevaar 112.", "Bel nul achthonderd, nul nul elf, of bij gevaar een een twee."),
        ("Kenteken 12-ABC-3 op de A2.", "Kenteken twaalf, A B C, drie, op de A twee."),
        ("Bus 112 rijdt niet.", "Bus honderdtwaalf rijdt niet."),
        ("Kamer 112, 1e etage", "Kamer honderdtwaalf, eerste etage"),
        ("Jansen B.V. zoekt, b.v., een man", "Jansen B V zoekt, bijvoorbeeld, een man"),
        ("Ik zie u. Dan bel ik.", "Ik zie u. Dan bel ik."),
        ("VERMIST: MAN MET BMW IN EDE", "Vermist: man met B M W in Ede"),
        ("Man 🚨 gezocht!!! (gevaarlijk)", "Man gezocht! gevaarlijk"),
        ("Tussen 20:00u-21:00u", "Tussen twintig uur tot eenentwintig uur"),
        ("1.250 deelnemers, 3,5 km", "duizend tweehonderdvijftig deelnemers, drie komma vijf kilometer"),
    ],
)
def test_rules_together(written: str, spoken: str) -> None:
    assert normalise(written).words.lower() == spoken.lower()


def test_the_notes_say_which_rule_did_what() -> None:
    notes = normalise("Bel om 14:30 naar 0800-0011.").notes
    assert [(note.rule, note.written, note.spoken) for note in notes] == [
        ("telephone number", "0800-0011", "nul achthonderd, nul nul elf"),
        ("time", "14:30", "veertien uur dertig"),
    ]


def test_the_voice_is_given_sounds_and_people_are_shown_words() -> None:
    normalised = normalise("1 Peugeot, kenteken S-123-BB")
    assert normalised.words == "een Peugeot, kenteken S, een twee drie, B B"
    assert voiced(normalised.said, "nl", shipped()) == "één peuzjoo, kenteken es, één twee drie, B B"


def test_an_operators_word_comes_before_the_rules() -> None:
    lexicon = shipped().with_entries([Entry("RTGM", "regionale meldkamer", "word")])
    assert normalise("Bel RTGM.", lexicon=lexicon).words == "Bel regionale meldkamer."


@pytest.mark.parametrize("language", ["en", "de", "fr", "pl", "tr"])
def test_other_languages_read_numbers_figure_by_figure_and_no_dutch(language: str) -> None:
    words = normalise("Call 0800-0011, plate 12-ABC-3.", language).words
    assert words == "Call 0 8 0 0, 0 0 1 1, plate 1 2, A B C, 3."


@pytest.mark.parametrize(
    ("language", "written", "spoken"),
    [
        (
            "en",
            "Last seen on 09-03-2026 at 14:30 in Dorpsstraat 12a. Call 112 or 0800-0011.",
            "Last seen on the ninth of March twenty twenty-six at two thirty in the afternoon in Dorpsstraat twelve A. "
            "Call one one two or 0 8 0 0, 0 0 1 1.",
        ),
        (
            "de",
            "Zuletzt gesehen am 9.3.2026 um 14:30 Uhr, Kerkweg 3. Wählen Sie 112.",
            "Zuletzt gesehen am neunten März zweitausendsechsundzwanzig um vierzehn Uhr dreißig, Kerkweg drei. "
            "Wählen Sie eins eins zwei.",
        ),
        (
            "fr",
            "Vu le 01/05/2026 à 21h15, Kerkweg 3-7. Appelez le 112.",
            "Vu le premier mai deux mille vingt-six à vingt et une heures quinze, Kerkweg trois à sept. "
            "Appelez le un un deux.",
        ),
        ("pl", "09-03-2026, 14:30", "09-03-2026, 14:30"),
    ],
)
def test_times_dates_and_houses_in_other_languages(language: str, written: str, spoken: str) -> None:
    assert normalise(written, language).words == spoken


@given(st.text(alphabet="0123456789 -./,:hUr1er mayMai", max_size=60), st.sampled_from(["en", "de", "fr"]))
def test_no_text_makes_the_other_languages_fail(text: str, language: str) -> None:
    normalise(text, language)


@given(st.text(max_size=300))
def test_no_text_makes_it_fail(text: str) -> None:
    normalised = normalise(text)
    assert not any("\ue000" <= letter <= "\uf8ff" for letter in normalised.words + normalised.said)


@given(st.text(alphabet="0123456789 -./,:+()abcAB€", max_size=60))
def test_no_figure_is_left_for_the_voice(text: str) -> None:
    assert not any(letter in "0123456789" for letter in normalise(text).said)


def test_the_120_messages_are_clear() -> None:
    assert len(cases(HERE / "messages.txt")) == 120
    assert score(HERE / "messages.txt").share >= 0.99


@pytest.mark.parametrize("name", ["held_out.txt", "held_out_2.txt"])
def test_the_40_that_were_held_out_are_clear(name: str) -> None:
    assert len(cases(HERE / name)) == 40
    assert score(HERE / name).share >= 0.97
