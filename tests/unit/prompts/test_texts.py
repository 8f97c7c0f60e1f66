"""The fixed texts: every language has all of them, filled in, and speaks what it must."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest

from prompts import texts
from prompts.phrases.texts import Texts
from prompts.shape import segments
from prompts.texts import LANGUAGES, Keys

BRACES = re.compile(r"\{(\w+)\}")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_fills_in_what_dutch_fills_in(language: str) -> None:
    for field in fields(Texts):
        dutch, other = getattr(LANGUAGES["nl"], field.name), getattr(LANGUAGES[language], field.name)
        assert set(BRACES.findall(other)) == set(BRACES.findall(dutch)), field.name


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_left_unfilled(language: str) -> None:
    spoken = [
        texts.alert("Een bericht", language, exercise=True),
        texts.closing("Een bericht", language, exercise=True),
        texts.correction("Een bericht", language),
        texts.welcome_action("Vermist", language),
        texts.choose_action({"1": "Vermist", "2": "Inbraak"}, language),
        texts.whisper("Vermist", "1", language),
        texts.whisper(None, "1", language),
        texts.confirm_seen(language),
        texts.ask_stop("9", language),
        *texts.fixed(language),
    ]
    assert [text for text in spoken if "{" in text or "}" in text] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_alert_names_the_sender_and_says_the_number_twice(language: str) -> None:
    said = texts.alert("Vermist: een jongen.", language)
    lines = said.split("\n")
    assert len(lines[0].split()) == 1
    assert said.count("0800-0011") == 2
    assert "Vermist: een jongen.\n" in said


def test_the_closing_of_the_service_that_people_know() -> None:
    said = texts.closing("De jongen is terecht")
    assert said.endswith("De jongen is terecht.\nActie beëindigd. Bedankt voor uw medewerking.")


def test_the_keys_are_those_that_are_set() -> None:
    said = texts.keys_menu(Keys(repeat="4", seen="5", operator="6", stop="7"))
    assert re.findall(r"Toets (\d)", said) == ["4", "5", "6", "7"]


def test_an_exercise_says_so() -> None:
    assert "Dit is een oefening." in texts.alert("Proef", exercise=True)
    assert "oefening" not in texts.alert("Proef")


def test_a_language_without_texts_speaks_dutch() -> None:
    assert texts.texts_for("xx") is LANGUAGES["nl"]
    assert texts.texts_for("en-GB") is LANGUAGES["en"]


def test_where_a_message_pauses() -> None:
    plan = segments("Burgernet.\nVermist: een man, kaal. Bel nul acht, elf")
    assert [(part.words, part.pause) for part in plan] == [
        ("Burgernet.", 700),
        ("Vermist:", 300),
        ("een man,", 300),
        ("kaal.", 450),
        ("Bel nul acht,", 300),
        ("elf", 450),
    ]
    assert segments(" ,. \n !") == []
