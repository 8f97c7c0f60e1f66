"""Several running actions reached a caller: they choose, and nobody who does not is lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred

from foundation.clock import Saved
from gateway.domain.action import Recipient
from gateway.domain.identifiers import ActionId, DeskId
from tests.acceptance.callback_story import NUMBER, Story
from tests.acceptance.scripted_telephone import EPOCH, advance

FIRE, BIKE, CHILD = ActionId("fire"), ActionId("bike"), ActionId("child")
OWNERS = {FIRE: "desk-7", BIKE: "desk-9", CHILD: "desk-10"}
MENU = "Over welke oproep belt u?"


def reached(action: ActionId, minutes: int = 0, *, running: bool = True) -> Recipient:
    at = Saved(EPOCH + timedelta(minutes=minutes))
    return Recipient(NUMBER, action, DeskId(OWNERS.get(action, "desk-8")), 420.0, at, running)


@pytest.fixture
def story(tmp_path: Path) -> Story:
    """The fire is the newest."""
    told = Story(tmp_path)
    told.titles = {FIRE: "de brand", BIKE: "de fiets", CHILD: "het kind."}
    told.house.recipients[NUMBER] = [reached(FIRE, 9), reached(BIKE, 5), reached(CHILD, 1)]
    return told


def test_the_menu_names_each_action_with_its_key_and_leads_to_its_owner(story: Story) -> None:
    story.caller.hears(MENU, share=1.0).presses("2").hears("U belt over: de fiets").is_connected_to("desk-9").hangs_up()
    story.people.desk("desk-9").hears("Beller voor: de fiets").presses("1")
    story.call(60)
    assert story.people.unmet == []
    assert "Toets 1 voor: de brand.\nToets 2 voor: de fiets.\nToets 3 voor: het kind." in story.caller.heard[0]
    assert story.rung() == ["desk-9"]
    assert story.house.counted == [BIKE]
    incoming, outgoing = story.house.calls.values()
    assert (incoming.action, outgoing.action) == (BIKE, BIKE)
    assert story.everybody_is_off_the_phone()


def test_who_was_asked_is_not_welcomed_twice(story: Story) -> None:
    story.caller.hears(MENU).presses("3").is_connected_to("desk-10").hangs_up()
    story.call(60)
    assert sum("Welkom" in words for words in story.caller.heard) == 1


@pytest.mark.parametrize(
    ("keys", "owner"),
    [((), "desk-7"), (("8", "9"), "desk-7"), (("8", "2"), "desk-9"), (("*",), "desk-7")],
    ids=["no key", "a wrong one twice", "a wrong one, then a right one", "a wrong one, then none"],
)
def test_who_does_not_choose_reaches_the_newest(story: Story, keys: tuple[str, ...], owner: str) -> None:
    story.caller.hears(MENU)
    for key in keys:
        story.caller.presses(key).waits(4)
    story.caller.is_connected_to(owner).hangs_up()
    story.call(90)
    assert story.people.unmet == []
    assert story.rung() == [owner]
    assert ("Die toets kennen wij niet." in story.caller.heard) == bool(keys)
    assert story.everybody_is_off_the_phone()


def test_a_line_on_which_nothing_comes_back_is_put_through_all_the_same(story: Story) -> None:
    story.caller.is_silent().is_connected_to("desk-7").hangs_up()
    story.call(60)
    assert story.rung() == ["desk-7"]
    assert story.everybody_is_off_the_phone()


def test_a_key_while_they_are_told_that_they_erred_counts(story: Story) -> None:
    story.caller.hears(MENU).presses("8").hears("Die toets").presses("3").is_connected_to("desk-10").hangs_up()
    story.call(60)
    assert story.rung() == ["desk-10"]
    assert sum(MENU in words for words in story.caller.heard) == 1


def test_at_most_four_are_named(story: Story) -> None:
    story.house.recipients[NUMBER] += [reached(ActionId(f"more-{number}")) for number in range(3)]
    story.caller.hears(MENU).presses("4").is_connected_to("desk-8").hangs_up()
    story.call(60)
    assert story.rung() == ["desk-8"]
    assert "Toets 4" in story.caller.heard[0]
    assert "Toets 5" not in story.caller.heard[0]


def test_actions_of_the_same_name_are_told_apart_by_their_time(story: Story) -> None:
    story.titles[BIKE] = "de brand"
    story.caller.hears(MENU).presses("2").is_connected_to("desk-9").hangs_up()
    story.call(60)
    newest, older = (f"{EPOCH.astimezone() + timedelta(minutes=minutes):%H:%M}" for minutes in (9, 5))
    assert f"Toets 1 voor: de brand, van {newest}.\nToets 2 voor: de brand, van {older}." in story.caller.heard[0]


@pytest.mark.parametrize(
    ("recipients", "owner"),
    [
        ([reached(BIKE)], "desk-9"),
        ([reached(FIRE, running=False), reached(BIKE)], "desk-9"),
        ([reached(FIRE, running=False), reached(BIKE, running=False)], "desk-7"),
    ],
    ids=["one", "one runs and a newer one is over", "all are over"],
)
def test_there_is_no_menu_where_one_action_is_meant(story: Story, recipients: list[Recipient], owner: str) -> None:
    story.house.recipients[NUMBER] = recipients
    story.caller.hears("Welkom bij Burgernet. U belt over").is_connected_to(owner).hangs_up()
    story.call(60)
    assert story.people.unmet == []
    assert story.rung() == [owner]
    assert not any(MENU in words for words in story.caller.heard)


@pytest.mark.parametrize("seconds", [0.0, 3.0, 9.0])
def test_who_hangs_up_in_the_menu_leaves_nothing_behind(story: Story, seconds: float) -> None:
    story.caller.hears(MENU).waits(seconds).hangs_up()
    story.call(60)
    assert story.everybody_is_off_the_phone()
    assert story.rung() == []
    assert story.house.counted == []
    (call,) = story.house.calls.values()
    assert (call.ended_by, call.ended_at is not None) == ("them", True)


@pytest.mark.parametrize("told", [True, False], ids=["on this node", "on another node"])
def test_a_hand_over_while_the_menu_plays_reaches_the_new_owner(story: Story, told: bool) -> None:
    story.caller.hears(MENU).waits(3).presses("2").is_connected_to("desk-8").hangs_up()
    story.telephone.calls_us(NUMBER.e164, "0800-0011")
    advance(story.clock, 2)
    handed = replace(reached(BIKE, 5), owner=DeskId("desk-8"))
    if told:
        story.line.owner_changed(BIKE, DeskId("desk-8"))
    else:
        story.house.recipients[NUMBER][1] = handed
    advance(story.clock, 30)
    assert story.people.unmet == []
    assert story.rung() == ["desk-8"]


def test_a_hand_over_between_the_choice_and_its_look_up_reaches_the_new_owner(story: Story) -> None:
    story.caller.hears(MENU).presses("2").is_connected_to("desk-8").hangs_up()
    story.telephone.calls_us(NUMBER.e164, "0800-0011")
    advance(story.clock, 0.2)
    held = story.house.held["actions"] = Deferred()
    advance(story.clock, 3)
    story.line.owner_changed(BIKE, DeskId("desk-8"))
    held.callback(None)
    advance(story.clock, 30)
    assert story.people.unmet == []
    assert story.rung() == ["desk-8"]


@pytest.mark.parametrize("left", [[reached(BIKE, 5, running=False)], []], ids=["within its grace", "without any grace"])
def test_a_close_while_the_menu_plays_still_reaches_its_owner(story: Story, left: list[Recipient]) -> None:
    story.caller.hears(MENU).waits(3).presses("2").is_connected_to("desk-9").hangs_up()
    story.telephone.calls_us(NUMBER.e164, "0800-0011")
    advance(story.clock, 2)
    story.house.recipients[NUMBER] = left
    advance(story.clock, 30)
    assert story.people.unmet == []
    assert story.rung() == ["desk-9"]


def test_a_close_and_a_hand_over_while_the_menu_plays_reach_the_new_owner(story: Story) -> None:
    story.caller.hears(MENU).waits(3).presses("2").is_connected_to("desk-8").hangs_up()
    story.telephone.calls_us(NUMBER.e164, "0800-0011")
    advance(story.clock, 2)
    story.line.owner_changed(BIKE, DeskId("desk-8"))
    story.house.recipients[NUMBER] = [replace(reached(BIKE, 5, running=False), owner=DeskId("desk-8"))]
    advance(story.clock, 30)
    assert story.people.unmet == []
    assert story.rung() == ["desk-8"]


def test_without_a_voice_the_newest_is_reached(tmp_path: Path) -> None:
    story = Story(tmp_path, voice=False)
    story.house.recipients[NUMBER] = [reached(BIKE), reached(FIRE)]
    story.people.desk("desk-9").hears("(attention)").presses("1")
    story.caller.is_connected_to("desk-9").hangs_up()
    story.call(60)
    assert story.rung() == ["desk-9"]
    assert story.everybody_is_off_the_phone()


def test_titles_that_cannot_be_looked_up_keep_nobody_from_a_desk(story: Story) -> None:
    story.title_fault = OSError("the database is away")
    story.people.desk("desk-7").rings(3).hears("(attention)").presses("1")
    story.caller.hears("(ringback)").is_connected_to("desk-7").hangs_up()
    story.call(60)
    assert story.people.unmet == []
    assert story.everybody_is_off_the_phone()


def test_titles_that_cannot_be_looked_up_keep_nobody_from_leaving_a_tip(story: Story) -> None:
    story.title_fault = OSError("the database is away")
    story.house.present = []
    story.caller.hears("(beep)").waits(5).hangs_up()
    story.call(60)
    assert len(story.house.tips) == 1
    assert story.everybody_is_off_the_phone()
