"""A callback from 0800-0011 to the owner, and every way in which somebody is not there."""

from __future__ import annotations

from pathlib import Path

import pytest
from twisted.internet.defer import Deferred

from foundation.clock import Saved
from gateway.domain.action import Recipient
from gateway.domain.identifiers import ActionId, DeskId
from ivr.call import ToDesk, ToTrunk
from tests.acceptance.callback_story import ACTION, NUMBER, Story
from tests.acceptance.scripted_telephone import EPOCH, advance


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(tmp_path)


def test_a_caller_reaches_the_owner_of_the_action(story: Story) -> None:
    story.caller.hears("de rode fiets").is_connected_to("desk-7").waits(5).hangs_up()
    story.people.desk("desk-7").hears("de rode fiets").presses("1").is_connected_to(NUMBER.e164)
    story.call()
    assert story.people.unmet == []
    assert story.everybody_is_off_the_phone()
    assert story.house.counted == [ACTION]
    assert story.rung() == ["desk-7"]
    incoming, outgoing = story.house.calls.values()
    assert (incoming.direction, incoming.action, incoming.number) == ("in", ACTION, NUMBER)
    assert (outgoing.direction, outgoing.desk) == ("out", DeskId("desk-7"))
    assert outgoing.ended_at is not None


def test_the_whisper_says_how_far_and_never_the_number(story: Story) -> None:
    story.caller.is_connected_to("desk-7").hangs_up()
    story.call()
    whisper = story.people.desk("desk-7").heard[0]
    assert "400 meter" in whisper
    assert "612345678" not in whisper


def test_the_caller_hears_it_ring_after_the_greeting(story: Story) -> None:
    story.people.desk("desk-7").rings(3)
    story.caller.hears("(ringback)").is_connected_to("desk-7").hangs_up()
    story.call()
    assert story.people.unmet == []


def test_a_key_skips_the_greeting(story: Story) -> None:
    story.people.desk("desk-7").rings(3)
    story.caller.hears("de rode fiets").presses("1").hears("(ringback)").hangs_up()
    story.call(2)
    assert story.caller.heard[-1] == "(ringback)"


def test_keys_pass_through_the_bridge(story: Story) -> None:
    story.caller.is_connected_to("desk-7").presses("5").waits(5).hangs_up()
    story.people.desk("desk-7").hears("fiets").presses("1").hears_key("5")
    story.call()
    assert story.people.unmet == []


def test_a_busy_owner_leads_to_the_deputy(story: Story) -> None:
    story.people.desk("desk-7").is_busy()
    story.caller.is_connected_to("desk-8").hangs_up()
    story.call()
    assert story.people.unmet == []
    assert story.rung() == ["desk-7", "desk-8"]


def test_an_absent_owner_s_deputy_is_rung_alone_first(story: Story) -> None:
    story.house.present = ["desk-10", "desk-9", "desk-8"]
    story.people.desk("desk-8").does_not_answer()
    story.people.desk("desk-10").rings(2)
    story.caller.is_connected_to("desk-9").hangs_up()
    story.call(60)
    assert story.people.unmet == []
    assert story.rung() == ["desk-8", "desk-9", "desk-10"]
    alone, together, also = [placed.at for placed in story.telephone.placed]
    assert together - alone >= 20
    assert also - together < 1


def test_an_absent_owner_without_a_deputy_leaves_it_to_the_whole_room_at_once(story: Story) -> None:
    story.house.recipients[NUMBER] = [Recipient(NUMBER, ACTION, DeskId("desk-9"), 420.0, Saved(EPOCH))]
    story.house.present = ["desk-7", "desk-8"]
    story.people.desk("desk-7").rings(3)
    story.caller.is_connected_to("desk-8").hangs_up()
    story.call()
    assert story.people.unmet == []
    first, second = [placed.at for placed in story.telephone.placed]
    assert second - first < 1


def test_the_whole_room_rings_when_owner_and_deputy_are_not_there(story: Story) -> None:
    story.people.desk("desk-7").does_not_answer()
    story.people.desk("desk-8").declines()
    story.people.desk("desk-9").rings(2)
    story.people.desk("desk-10").rings(3)
    story.caller.is_connected_to("desk-9").waits(10).hangs_up()
    story.call(60)
    assert story.people.unmet == []
    assert story.rung() == ["desk-7", "desk-8", "desk-9", "desk-10"]
    assert story.everybody_is_off_the_phone()


def test_a_voicemail_at_the_desk_never_takes_a_call(story: Story) -> None:
    story.people.desk("desk-7").rings(1).waits(60)
    story.caller.is_connected_to("desk-8").hangs_up()
    story.call(60)
    assert story.people.unmet == []
    assert story.people.desk("desk-7").connected_to is None


def test_nobody_is_there_and_a_tip_is_recorded(story: Story) -> None:
    story.house.present = ["desk-7"]
    story.people.desk("desk-7").declines()
    story.caller.hears("(beep)").waits(10).presses("#").hears("Uw tip")
    story.call(60)
    assert story.people.unmet == []
    ((path, milliseconds, caller, action),) = story.house.tips
    assert path.exists()
    assert 8500 < milliseconds < 10500
    assert (caller, action) == (NUMBER, ACTION)
    assert story.everybody_is_off_the_phone()


def test_a_tip_is_kept_when_the_caller_just_hangs_up(story: Story) -> None:
    story.house.present = []
    story.caller.hears("(beep)").waits(5).hangs_up()
    story.call(60)
    assert len(story.house.tips) == 1
    assert story.everybody_is_off_the_phone()


def test_an_empty_tip_is_not_kept(story: Story) -> None:
    story.house.present = []
    story.caller.hears("(beep)").waits(0.5).presses("#").hears("niets gehoord")
    story.call(60)
    assert story.people.unmet == []
    assert story.house.tips == []
    assert list(story.tips.iterdir()) == []


def test_a_caller_whom_no_action_reached_gets_the_default_room(story: Story) -> None:
    story.house.recipients.clear()
    story.house.present = ["desk-9"]
    story.caller.hears("geen oproep").is_connected_to("desk-9").hangs_up()
    story.call()
    assert story.people.unmet == []
    assert story.house.asked[-1] == (None, "oost")
    assert story.house.counted == []


def test_a_private_number_chooses_the_route_and_is_neither_kept_nor_shown(story: Story) -> None:
    story.house.present = ["desk-7"]
    story.people.desk("desk-7").is_busy()
    story.caller.hears("(beep)").waits(5).hangs_up()
    story.call(60, private=True)
    assert story.rung() == ["desk-7"]
    assert [route.caller for placed in story.telephone.placed if isinstance(route := placed.route, ToDesk)] == [None]
    assert [call.number for call in story.house.calls.values()] == [None, None]
    assert story.house.tips[0][2] is None


@pytest.mark.parametrize("seconds", [0.05, 2.0, 5.2, 6.0, 8.0])
def test_the_caller_hangs_up_at_any_moment_and_no_leg_is_left(story: Story, seconds: float) -> None:
    story.caller.waits(seconds).hangs_up()
    story.call(40)
    assert story.everybody_is_off_the_phone()


def test_the_caller_hangs_up_before_the_desks_invite_left(story: Story) -> None:
    story.journal.held = Deferred()
    story.caller.waits(2).hangs_up()
    story.call(5)
    story.journal.held.callback(None)
    advance(story.clock, 10)
    assert story.rung() == []
    assert story.everybody_is_off_the_phone()


def test_the_desk_hangs_up_and_the_caller_is_let_go(story: Story) -> None:
    story.caller.is_connected_to("desk-7")
    story.people.desk("desk-7").hears("fiets").presses("1").waits(5).hangs_up()
    story.call()
    assert story.people.unmet == []
    assert story.everybody_is_off_the_phone()


def test_a_hand_over_reaches_a_caller_who_waits(story: Story) -> None:
    story.people.desk("desk-7").does_not_answer()
    story.caller.is_connected_to("desk-9").hangs_up()
    story.telephone.calls_us(NUMBER.e164, "0800-0011")
    advance(story.clock, 3)
    story.line.owner_changed(ACTION, DeskId("desk-9"))
    advance(story.clock, 20)
    assert story.people.unmet == []
    assert story.rung() == ["desk-7", "desk-9"]
    assert story.everybody_is_off_the_phone()


@pytest.mark.parametrize("read", ["actions", "desks"])
def test_a_hand_over_before_anybody_rings_reaches_the_new_owner(story: Story, read: str) -> None:
    """Between the look-up of the owner, our 200 and its ACK nobody is rung yet: the former owner never is."""
    story.caller.is_connected_to("desk-9").hangs_up()
    held = story.house.held[read] = Deferred()
    story.telephone.calls_us(NUMBER.e164, "0800-0011")
    advance(story.clock, 1)
    story.line.owner_changed(ACTION, DeskId("desk-8"))
    story.line.owner_changed(ActionId("other"), DeskId("desk-10"))
    story.line.owner_changed(ACTION, DeskId("desk-9"))
    held.callback(None)
    advance(story.clock, 20)
    assert story.people.unmet == []
    assert story.rung() == ["desk-9"]
    assert story.everybody_is_off_the_phone()


def test_the_last_of_two_hand_overs_counts_whichever_is_read_first(story: Story) -> None:
    story.people.desk("desk-7").does_not_answer()
    story.caller.is_connected_to("desk-9").hangs_up()
    story.telephone.calls_us(NUMBER.e164, "0800-0011")
    advance(story.clock, 3)
    held = story.house.held["desks"] = Deferred()
    story.line.owner_changed(ACTION, DeskId("desk-10"))
    story.line.owner_changed(ACTION, DeskId("desk-9"))
    held.callback(None)
    advance(story.clock, 20)
    assert story.people.unmet == []
    assert story.rung() == ["desk-7", "desk-9"]


def test_who_asked_for_the_operator_in_an_alert_goes_the_same_way(story: Story) -> None:
    story.caller.is_connected_to("desk-7").waits(3).hangs_up()

    async def alerted() -> None:
        call = await story.telephone.dial(ToTrunk("kpn", NUMBER, 25))
        await call.answered()
        await story.line.connect(call, ACTION, NUMBER)

    failures: list[object] = []
    Deferred.fromCoroutine(alerted()).addErrback(failures.append)
    advance(story.clock, 30)
    assert failures == []
    assert story.people.unmet == []
    assert story.caller.heard[0] == "(ringback)"
    assert story.everybody_is_off_the_phone()


def test_a_broken_directory_still_takes_a_tip(story: Story) -> None:
    story.house.broken = True
    story.caller.hears("(beep)").waits(5).hangs_up()
    story.call(60)
    assert story.people.unmet == []
    assert story.everybody_is_off_the_phone()
    assert len(list(story.tips.iterdir())) == 1


def test_a_voice_that_fails_leaves_tones(tmp_path: Path) -> None:
    story = Story(tmp_path, voice=False)
    story.people.desk("desk-7").hears("(attention)").presses("1")
    story.caller.is_connected_to("desk-7").hangs_up()
    story.call()
    assert story.people.unmet == []


def test_a_voice_that_fails_leaves_a_beep_for_tips(tmp_path: Path) -> None:
    story = Story(tmp_path, voice=False)
    story.house.present = []
    story.caller.hears("(beep)").waits(5).presses("#")
    story.call(60)
    assert story.people.unmet == []
    assert len(story.house.tips) == 1
