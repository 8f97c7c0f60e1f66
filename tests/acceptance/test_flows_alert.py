"""The alert and the closing as people have them: on a fake clock, at a scripted telephone."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from foundation.telephone_numbers import PhoneNumber
from ivr.call import Call, CallEnded, EndCause, ToTrunk
from ivr.flows.alert import AlertManner, AlertSounds, Heard, Meaning, Wish, alert
from ivr.flows.closing import ClosingHeard, ClosingManner, closing
from tests.acceptance.scripted_people import Neighbourhood, Person
from tests.acceptance.scripted_telephone import ScriptedTelephone, advance

NUMBER = PhoneNumber("+31612345678")
MESSAGE = "Burgernet. Wilt u uitkijken naar een rode fiets."


class Told:
    """Records what a conversation tells; `stop` answers when the test says so."""

    def __init__(self) -> None:
        self.news: list[str] = []
        self.saved: Deferred[None] = succeed(None)

    def heard(self) -> None:
        self.news.append("heard")

    def pressed(self, meaning: Meaning) -> None:
        self.news.append(meaning)

    def stop(self) -> Deferred[None]:
        self.news.append("stop saved")
        return self.saved


class Story:
    def __init__(self) -> None:
        self.clock = Clock()
        self.people = Neighbourhood(self.clock)
        self.telephone = ScriptedTelephone(self.people)
        self.told = Told()
        self.results: list[Heard | ClosingHeard | CallEnded] = []
        self.call: Call | None = None

    @property
    def person(self) -> Person:
        return self.people.person(NUMBER.e164)

    def alert(self, seconds: float = 90, manner: AlertManner | None = None) -> Heard:
        async def run() -> None:
            say = self.telephone.library.speech
            sounds = AlertSounds(
                message=await say(MESSAGE),
                menu=await say("Druk een"),
                seen=await say("Dank u. Bel ons."),
                connecting=await say("Ik verbind u door."),
                really_stop=await say("Druk nogmaals negen om te stoppen."),
                stopped=await say("U bent afgemeld."),
                stop_kept=await say("Er is niets veranderd."),
            )
            self.call = await self.telephone.dial(ToTrunk("kpn", NUMBER, 25))
            await self.call.answered()
            self.results.append(await alert(self.call, sounds, manner or AlertManner(), self.told))

        self._run(run(), seconds)
        result = self.results[-1]
        assert isinstance(result, Heard)
        return result

    def closing(self, seconds: float = 60) -> ClosingHeard:
        async def run() -> None:
            message = await self.telephone.library.speech(MESSAGE)
            self.call = await self.telephone.dial(ToTrunk("kpn", NUMBER, 25))
            await self.call.answered()
            self.results.append(await closing(self.call, message, ClosingManner(), self.told.heard))

        self._run(run(), seconds)
        result = self.results[-1]
        assert isinstance(result, ClosingHeard)
        return result

    def _run(self, work: object, seconds: float) -> None:
        failures: list[object] = []
        running = Deferred.fromCoroutine(work)  # type: ignore[arg-type]  # both coroutines above return None
        running.addErrback(failures.append)
        advance(self.clock, seconds)
        assert failures == []
        assert self.people.unmet == []
        assert self.clock.getDelayedCalls() == []


@pytest.fixture
def story() -> Story:
    return Story()


def test_who_only_listens_hears_the_message_twice_and_we_hang_up(story: Story) -> None:
    heard = story.alert()
    assert story.person.heard == [MESSAGE, "Druk een", MESSAGE, "Druk een"]
    assert heard == Heard(len(MESSAGE) * 60, True, (), Wish.NOTHING, None)
    assert story.told.news == ["heard"]
    assert story.call is not None
    assert story.call.record.ending is not None
    assert story.call.record.ending.by == "us"


def test_a_key_repeats_the_message_however_often_it_was_said(story: Story) -> None:
    story.person.hears("Druk een").presses("1").waits(5).hears("Druk een").presses("1")
    heard = story.alert()
    assert story.person.heard.count(MESSAGE) == 4
    assert heard.pressed == (Meaning.REPEAT, Meaning.REPEAT)


def test_a_stuck_repeat_key_does_not_hold_the_channel_for_ever(story: Story) -> None:
    person = story.person
    for _ in range(40):
        person.presses("1").waits(1)
    story.alert(200)
    assert person.heard.count(MESSAGE) <= 14
    assert person.is_on_the_phone is False


def test_a_key_cuts_the_message_short(story: Story) -> None:
    story.person.hears("Burgernet", share=0.5).presses("2").hears("Dank u")
    heard = story.alert()
    assert heard.pressed == (Meaning.SEEN,)
    assert heard.enough is False
    assert 1200 < heard.milliseconds < 1700
    assert story.person.heard == [MESSAGE, "Dank u. Bel ons."]


def test_who_has_seen_it_can_still_ask_for_the_operator(story: Story) -> None:
    story.person.hears("Burgernet").presses("2").hears("Dank u", share=1).presses("3").hears("verbind")
    heard = story.alert(20)
    assert heard.wish is Wish.CONNECT
    assert heard.pressed == (Meaning.SEEN, Meaning.OPERATOR)
    assert story.person.is_on_the_phone
    assert story.call is not None
    story.call.hang_up()


def test_stop_needs_a_second_press_and_is_saved_before_it_is_confirmed(story: Story) -> None:
    story.told.saved = Deferred()
    story.clock.callLater(15, story.told.saved.callback, None)
    story.person.hears("Burgernet").presses("9").hears("nogmaals", share=1).presses("9")
    said_before: list[list[str]] = []
    story.clock.callLater(14.9, lambda: said_before.append(list(story.person.heard)))
    heard = story.alert()
    assert heard.wish is Wish.STOP
    assert story.told.news == ["stop", "stop saved"]
    assert "U bent afgemeld." not in said_before[0]
    assert story.person.heard[-1] == "U bent afgemeld."


def test_stop_without_the_second_press_stops_nothing(story: Story) -> None:
    story.person.hears("Burgernet").presses("9").hears("nogmaals")
    heard = story.alert()
    assert heard.wish is Wish.NOTHING
    assert "stop saved" not in story.told.news
    assert story.person.heard[-3:] == ["Er is niets veranderd.", MESSAGE, "Druk een"]


def test_another_key_at_the_stop_question_is_understood(story: Story) -> None:
    story.person.hears("Burgernet").presses("9").hears("nogmaals").presses("2").hears("Dank u")
    assert story.alert().pressed == (Meaning.STOP, Meaning.SEEN)


def test_a_key_that_means_nothing_proves_a_person_and_does_not_cut_the_message(story: Story) -> None:
    story.person.hears("Burgernet", share=0.2).presses("5")
    heard = story.alert()
    assert heard.pressed == (Meaning.OTHER,)
    assert heard.milliseconds == len(MESSAGE) * 60


def test_a_hang_up_half_way_leaves_what_was_heard(story: Story) -> None:
    story.person.hears("Burgernet", share=0.5).hangs_up()
    heard = story.alert()
    assert heard.enough is False
    assert abs(heard.milliseconds - len(MESSAGE) * 30) < 100
    assert heard.ending is not None
    assert heard.ending.cause is EndCause.HUNG_UP
    assert story.told.news == []


def test_a_hang_up_after_80_percent_is_heard_and_was_told_at_once(story: Story) -> None:
    story.person.hears("Burgernet", share=0.85).hangs_up()
    assert story.alert().enough is True
    assert story.told.news == ["heard"]


def test_a_silent_line_is_spoken_to_all_the_same(story: Story) -> None:
    story.person.is_silent()
    assert story.alert().enough is True


def test_what_is_said_to_a_line_on_hold_is_not_heard(story: Story) -> None:
    story.person.hears("Burgernet", share=0.3).holds().waits(10).hangs_up()
    heard = story.alert()
    assert heard.enough is False
    assert abs(heard.milliseconds - len(MESSAGE) * 18) < 100


def test_the_message_goes_on_when_the_hold_is_over(story: Story) -> None:
    story.person.hears("Burgernet", share=0.3).holds().waits(10).holds(False)
    assert story.alert().enough is True


def test_a_voicemail_is_spoken_to_and_presses_nothing(story: Story) -> None:
    story.person.is_voicemail()
    heard = story.alert()
    assert heard.pressed == ()
    assert heard.enough is True


def test_the_closing_is_said_once(story: Story) -> None:
    heard = story.closing()
    assert story.person.heard == [MESSAGE]
    assert heard == ClosingHeard(len(MESSAGE) * 60, True, 0, None)


def test_the_closing_is_said_again_for_a_key(story: Story) -> None:
    story.person.hears("Burgernet", share=0.2).presses("1")
    assert story.closing().repeats == 1
    assert story.person.heard == [MESSAGE, MESSAGE]


def test_a_hang_up_ends_the_closing(story: Story) -> None:
    story.person.hears("Burgernet", share=0.2).hangs_up()
    heard = story.closing()
    assert heard.enough is False
    assert heard.ending is not None
