"""The double itself: it keeps the promises of `ivr.call.Telephone` that stories rest on."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from foundation.telephone_numbers import PhoneNumber
from ivr.call import Call, Caller, Refused, SavedDialog, Telephone, ToTrunk
from tests.acceptance.scripted_people import Neighbourhood
from tests.acceptance.scripted_telephone import ScriptedTelephone, advance, scripted_trunk

NUMBER = PhoneNumber("+31612345678")


class Journal:
    def __init__(self) -> None:
        self.last: dict[str, SavedDialog] = {}
        self.held: Deferred[None] | None = None

    async def save(self, dialog: SavedDialog) -> None:
        if self.held is not None:
            await self.held
        self.last[dialog.call_id] = dialog


class Story:
    def __init__(self) -> None:
        self.clock = Clock()
        self.people = Neighbourhood(self.clock)
        self.journal = Journal()
        self.telephone: Telephone = ScriptedTelephone(self.people, journal=self.journal)
        self.results: list[Any] = []

    def run(self, work: Any, seconds: float = 10) -> Deferred[Any]:
        running = Deferred.fromCoroutine(work)
        running.addCallbacks(self.results.append, lambda failure: self.results.append(failure.value))
        advance(self.clock, seconds)
        return running


@pytest.fixture
def story() -> Story:
    return Story()


def test_a_crash_leaves_people_on_the_line_until_the_next_process_ends_them(story: Story) -> None:
    story.run(story.telephone.dial(ToTrunk("kpn", NUMBER, 25)))
    assert isinstance(story.telephone, ScriptedTelephone)
    story.telephone.crash()
    advance(story.clock, 60)
    assert story.people.on_the_phone == [NUMBER.e164]
    left = [dialog for dialog in story.journal.last.values() if dialog.state != "over"]
    assert [dialog.state for dialog in left] == ["up"]
    after = ScriptedTelephone(story.people, journal=story.journal)
    story.run(after.end_orphans(left), 1)
    assert story.people.on_the_phone == []
    assert after.orphans_ended == [left[0].call_id]


def test_a_call_that_is_cancelled_while_it_is_saved_does_not_leave(story: Story) -> None:
    story.journal.held = Deferred()
    dialling = story.run(story.telephone.dial(ToTrunk("kpn", NUMBER, 25)))
    dialling.cancel()
    assert isinstance(story.results[0], CancelledError)
    assert story.people.person(NUMBER.e164).calls == 0


def test_an_ended_call_is_journalled_as_over(story: Story) -> None:
    story.people.person(NUMBER.e164).hangs_up()
    story.run(story.telephone.dial(ToTrunk("kpn", NUMBER, 25)))
    assert [dialog.state for dialog in story.journal.last.values()] == ["over"]


def test_draining_waits_and_then_hangs_up(story: Story) -> None:
    story.run(story.telephone.dial(ToTrunk("kpn", NUMBER, 25)))
    story.run(story.telephone.drain(5), 3)
    assert story.people.on_the_phone == [NUMBER.e164]
    advance(story.clock, 3)
    assert story.people.on_the_phone == []
    story.run(story.telephone.dial(ToTrunk("kpn", NUMBER, 25)))
    assert isinstance(story.results[-1], Refused)


def test_what_a_story_expected_and_did_not_see_is_told(story: Story) -> None:
    story.people.person(NUMBER.e164).hears("Burgernet").presses("1")
    story.run(story.telephone.dial(ToTrunk("kpn", NUMBER, 25)))
    call: Call = story.results[0]
    call.hang_up()
    advance(story.clock, 1)
    assert len(story.people.unmet) == 1
    assert "did not hear 'Burgernet'" in story.people.unmet[0]


def test_each_call_has_its_own_script_and_the_last_one_stays(story: Story) -> None:
    person = story.people.person(NUMBER.e164).is_busy().next_time().rings(1)
    for _ in range(3):
        story.run(story.telephone.dial(ToTrunk("kpn", NUMBER, 25)))
    assert [line.up for line in person.lines] == [False, True, True]


def test_channels_are_the_real_trunks(story: Story) -> None:
    telephone = ScriptedTelephone(story.people, [scripted_trunk("a", channels=2, reserved_for_callbacks=1)])
    assert telephone.reserve_alert(NUMBER, frozenset(), 0.0) == "a"
    assert telephone.reserve_alert(NUMBER, frozenset(), 0.0) is None
    telephone.release_alert("a", NUMBER)
    assert telephone.alert_capacity(0.0)[0] == 1


def test_somebody_calls_us(story: Story) -> None:
    callers: list[Caller] = []

    async def handler(call: Call, caller: Caller) -> None:
        callers.append(caller)
        await call.answer()
        await call.pause(3)

    story.telephone.on_incoming(handler)
    assert isinstance(story.telephone, ScriptedTelephone)
    line = story.telephone.calls_us(NUMBER.e164, "0800-0011", private=True)
    advance(story.clock, 1)
    assert line.up
    advance(story.clock, 5)
    assert line.over
    assert callers == [Caller(NUMBER, True, "kpn")]
