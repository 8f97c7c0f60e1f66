"""The demo's story: every event is a line with the person's name, and what people write is no markup."""

import io

import pytest
from rich.console import Console

from lab.events import Did, Event
from lab.story import Teller
from lab.town import Person, Town

ANNA = Person("Anna de Wit", "+31612340001", (52.0, 5.0), "1234AB")
TOWN = Town("T", "T", 52.0, 5.0, 100.0, 0.1, (ANNA,))


def told(event: Event) -> str:
    out = io.StringIO()
    Teller(Console(file=out, width=200), TOWN, {"desk-7": "Meldkamer Oost 7"})(event)
    return out.getvalue()


@pytest.mark.parametrize("did", list(Did))
def test_every_event_is_told_with_the_name(did: Did) -> None:
    assert "Anna de Wit" in told(Event(did, ANNA.phone, "486", 1200))


def test_desks_have_their_names_and_strangers_their_number() -> None:
    assert "Meldkamer Oost 7 picks up" in told(Event(Did.PICKED_UP, "desk-7"))
    assert "+31612349999 picks up" in told(Event(Did.PICKED_UP, "+31612349999"))


def test_what_people_write_is_shown_as_it_is() -> None:
    assert "[red]hoi[/red]" in told(Event(Did.REPLIED, ANNA.phone, "[red]hoi[/red]"))


def test_seconds_of_speech_are_told() -> None:
    assert "heard 12.3 s of speech and hung up" in told(Event(Did.HEARD, ANNA.phone, "us", 12340))
