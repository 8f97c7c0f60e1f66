"""The file that says who lives in the lab's town."""

import csv
import io
from pathlib import Path

import pytest

from gateway.domain.outcomes import Outcome
from lab.events import plain
from lab.town import Does, TextFate, read_town

HEAD = '[town]\nname = "T"\nmunicipality = "T"\nlat = 52.0\nlon = 5.0\nradius_m = 100\nring_seconds = 0.1\n'
PERSON = '[[person]]\nname = "Anna"\nphone = "+31612340001"\nat = [52.0, 5.0]\npostcode = "1234 AB"\n'


def test_the_usual_town_holds_every_behaviour_and_only_outcomes_that_exist() -> None:
    town = read_town()
    assert {person.does for person in town.people} >= set(Does)
    assert {person.text for person in town.people} >= {TextFate.DELIVERED, TextFate.UNDELIVERABLE}
    words = {word for person in town.people for word in (person.voice, person.sms) if word is not None}
    assert words <= {outcome.value for outcome in Outcome}
    assert len({person.phone for person in town.people}) == len(town.people)


def test_everybody_is_in_the_participants_file() -> None:
    town = read_town()
    rows = list(csv.DictReader(io.StringIO(town.participants_csv())))
    assert [row["phone"] for row in rows] == [person.phone for person in town.people]
    assert {row["channel"] for row in rows} == {"voice", "sms", "both"}


@pytest.mark.parametrize("line", ['does = "sings"', 'hobby = "chess"', 'text = "lost"'])
def test_an_unknown_word_is_refused_with_the_persons_name(tmp_path: Path, line: str) -> None:
    (tmp_path / "town.toml").write_text(HEAD + PERSON + line)
    with pytest.raises(ValueError, match="Anna"):
        read_town(tmp_path / "town.toml")


def test_a_town_without_a_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "town.toml").write_text('[town]\nname = "T"\n' + PERSON)
    with pytest.raises(ValueError, match=r"\[town\]"):
        read_town(tmp_path / "town.toml")


@pytest.mark.parametrize("written", ["+31612340001", "31612340001", "0031612340001", "0612340001"])
def test_a_number_is_known_in_every_spelling(written: str) -> None:
    assert plain(written) == "+31612340001"
