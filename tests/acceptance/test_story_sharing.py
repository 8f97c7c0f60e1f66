"""Who comes first when there are more people than lines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from twisted.internet.defer import Deferred

from gateway.domain.action import Kind
from gateway.domain.outcomes import MessageKind, Outcome
from gateway.engine.channel import Message
from gateway.engine.voice_prompts import Prepared, VoicePrompts
from gateway.settings import KeySettings
from tests.acceptance.scripted_channels import says
from tests.acceptance.scripted_people import ScriptedLibrary
from tests.acceptance.town import BOTH, Town


def test_the_nearest_are_called_first(tmp_path: Path) -> None:
    town = Town(tmp_path)
    far, near, middle = (town.lives(f"+3161234560{n}", metres) for n, metres in enumerate((900, 10, 400)))
    town.starts_up()
    town.voice.places = 1
    town.acts()
    town.passes(60)
    assert town.voice.numbers() == [near, middle, far]


def test_never_more_than_there_is_room_for(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.population(1_200)
    town.starts_up()
    town.voice.places = 150
    action = town.acts(area=None)
    town.passes(130)
    assert town.voice.most_in_use == 150
    assert town.counts(action) == {"voice": {"heard": 500}}


def test_two_actions_share_in_turn(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.population(100)
    town.starts_up()
    town.voice.places = 10
    first = town.acts()
    town.passes(1)
    second = town.acts()
    town.voice.usual = lambda: says(Outcome.HEARD, 1.0)
    town.passes(40)
    later = [left.attempt.key.action for left in town.voice.left[20:80]]
    assert 25 <= later.count(first) <= 35
    assert 25 <= later.count(second) <= 35


def test_an_urgent_action_comes_before_others(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.population(60)
    town.starts_up()
    town.voice.places = 5
    town.voice.usual = lambda: says(Outcome.HEARD, 1.0)
    town.acts()
    town.passes(2)
    urgent = town.acts(kind=Kind.MISSING_PERSON)
    already = len(town.voice.left)
    town.passes(20)
    assert {left.attempt.key.action for left in town.voice.left[already + 5 : already + 50]} == {urgent}


def test_nobody_is_called_by_two_actions_at_once(tmp_path: Path) -> None:
    town = Town(tmp_path)
    number = town.lives("+31612345601")
    town.starts_up()
    town.acts()
    town.acts()
    town.passes(5)
    assert town.voice.numbers() == [number]
    town.passes(30)
    assert town.voice.numbers() == [number, number]


def test_who_has_no_place_now_does_not_hold_up_those_behind(tmp_path: Path) -> None:
    town = Town(tmp_path)
    numbers = town.population(30)
    town.starts_up()
    town.voice.refused = frozenset(numbers[:20])
    action = town.acts()
    town.passes(20)
    assert set(town.voice.numbers()) == set(numbers[20:])
    town.voice.refused = frozenset()
    town.passes(20)
    assert town.counts(action) == {"voice": {"heard": 30}}


def test_while_draining_nothing_new_is_begun(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.population(30)
    town.starts_up()
    town.voice.places = 5
    town.acts()
    town.passes(1)
    town.engine.drain()
    town.passes(60)
    assert len(town.voice.left) == 5


def test_the_closing_message_is_the_operators_or_a_plain_one(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.lives("+31612345601")
    town.starts_up()
    for own in ("Gevonden, dank u.", None):
        action = town.acts()
        town.passes(30)
        town.closes(action, own)
        town.passes(30)
    said = [message for message in town.voice.prepared if message.kind is MessageKind.CLOSING]
    assert said[0].texts["nl"] == "Gevonden, dank u."
    assert spoken(said[1]).count("beëindigd") == 1


def test_an_exercise_says_so_on_the_phone_and_in_the_text(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.lives("+31612345601", channels=BOTH)
    town.starts_up()
    drill = replace(town.drafts(channels=BOTH, message="Let op."), exercise=True)
    action = town.wait(town.engine.create(drill, "j.operator")).action.id
    town.wait(town.engine.start(action, "j.operator"))
    town.passes(30)
    town.closes(action)
    town.passes(30)
    assert [spoken(message).count("oefening") for message in town.voice.prepared] == [1, 1]
    written = [message.texts["nl"] for message in town.sms.prepared]
    assert written[0] == "Oefening: Let op."
    assert written[1].startswith("Oefening: De Burgernet-actie is beëindigd")


def spoken(message: Message) -> str:
    """All that a phone hears of a message, in Dutch."""
    library = ScriptedLibrary()
    prompts = VoicePrompts(library, KeySettings())
    sounds: list[Prepared] = []
    Deferred.fromCoroutine(prompts.prepare(message)).addCallback(sounds.append)
    return library.words(sounds[0].message("nl"))
