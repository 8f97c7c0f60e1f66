"""Answering machines, and people who talk over us: who hears the message from its start, and what is believed of it."""

from __future__ import annotations

import pytest

from gateway.domain.attempt import Ended, Heard, Sent
from gateway.domain.outcomes import MessageKind, Outcome
from ivr.call import Overheard
from ivr.flows.alert import AlertManner, Meaning
from ivr.flows.ear import TABLE, Believed, Ear, Sign
from tests.acceptance.scripted_telephone import EPOCH, advance
from tests.acceptance.test_flows_alert import MESSAGE, Story
from tests.acceptance.test_flows_voice import Story as VoiceStory

SECONDS = len(MESSAGE) * 0.06
ONCE = AlertManner(times=1)


@pytest.fixture
def story() -> Story:
    return Story()


def _moments(story: Story) -> list[str]:
    return story.person.heard


def test_a_short_greeting_changes_nothing(story: Story) -> None:
    story.person.talks(1.2)
    heard = story.alert(manner=ONCE)
    assert _moments(story) == [MESSAGE, "Druk een"]
    assert (heard.enough, heard.machine) == (True, False)


def test_somebody_who_goes_on_talking_hears_the_message_from_its_start_once(story: Story) -> None:
    story.person.talks(2.6).waits(0.5).talks(3.0)
    heard = story.alert(manner=ONCE)
    assert _moments(story) == [MESSAGE, "Druk een", MESSAGE, "Druk een"]
    assert (heard.enough, heard.machine) == (True, False)
    assert story.told.news == ["heard"]


def test_a_machine_gets_the_message_after_its_beep_and_nothing_else(story: Story) -> None:
    story.person.talks(8.0).waits(0.5).beeps()
    heard = story.alert(manner=AlertManner(times=2))
    assert heard.machine
    assert not heard.enough
    assert story.told.news == [], "a machine has heard nothing"
    assert _moments(story)[-1] == MESSAGE
    line = story.person.lines[0]
    assert line.now_saying is not None
    assert story.call is not None
    assert story.call.record.ending is not None
    assert story.call.record.ending.by == "us"


def test_a_beep_while_we_wait_for_a_key_is_heard_too(story: Story) -> None:
    story.person.waits(SECONDS + 2.0).beeps()
    heard = story.alert(manner=ONCE)
    assert _moments(story) == [MESSAGE, "Druk een", MESSAGE]
    assert heard.machine
    assert story.told.news == ["heard"], "it was believed before the beep, and what is told is not taken back"


def test_a_greeting_longer_than_the_message_is_not_taken_for_a_listener(story: Story) -> None:
    story.person.talks(SECONDS + 14).beeps()
    heard = story.alert(manner=ONCE)
    assert (heard.machine, heard.enough) == (True, False)
    assert story.told.news == []
    assert _moments(story)[-1] == MESSAGE


def test_somebody_who_talks_to_the_end_has_heard_it_all_the_same(story: Story) -> None:
    story.person.talks(SECONDS + 40)
    heard = story.alert(manner=ONCE)
    assert (heard.machine, heard.enough) == (False, True)
    assert _moments(story) == [MESSAGE, "Druk een"]
    assert story.told.news == ["heard"]


def test_a_key_after_the_beep_is_a_person_who_picked_up(story: Story) -> None:
    story.person.talks(1.0).beeps().waits(1.0).presses("2")
    heard = story.alert(manner=ONCE)
    assert not heard.machine
    assert heard.pressed == (Meaning.SEEN,)
    assert "Dank u. Bel ons." in _moments(story)


def test_a_tone_after_a_key_does_not_begin_the_message_anew(story: Story) -> None:
    story.person.waits(0.5).presses("2").waits(0.5).beeps()
    story.alert(manner=ONCE)
    assert _moments(story).count(MESSAGE) == 1


def test_a_box_that_cuts_the_message_short_is_a_machine_still(story: Story) -> None:
    story.person.talks(1.0).beeps().waits(0.5).hangs_up()
    heard = story.alert(manner=ONCE)
    assert heard.machine
    assert heard.ending is not None


def test_nothing_but_the_table_moves_the_belief() -> None:
    ear = Ear()
    assert ear.overheard(Overheard.VOICE_OVER, 9000)
    assert not ear.overheard(Overheard.VOICE_OVER, 9000), "the message begins anew once"
    assert ear.overheard(Overheard.BEEP, 400)
    assert not ear.overheard(Overheard.BEEP, 400)
    ear.key()
    assert ear.believed is Believed.PERSON
    assert not ear.overheard(Overheard.BEEP, 400)
    assert all((Believed.PERSON, sign) not in TABLE for sign in Sign)


def test_an_attempt_that_met_a_machine_ends_as_voicemail() -> None:
    story = VoiceStory()
    story.person.talks(5.0).waits(0.3).beeps()
    attempt = story.send()
    advance(story.clock, 120)
    assert story.kinds(attempt) == [Sent, Ended]
    assert story.outcome(attempt) is Outcome.VOICEMAIL
    assert story.nothing_leaked()
    assert "rode fiets" in story.person.heard[-1]


def test_an_attempt_whose_machine_was_picked_up_is_confirmed() -> None:
    story = VoiceStory()
    story.person.talks(5.0).beeps().waits(2.0).presses("2")
    attempt = story.send()
    advance(story.clock, 120)
    assert story.outcome(attempt) is Outcome.HEARD_CONFIRMED


def test_a_closing_is_said_from_its_start_after_a_machines_beep() -> None:
    story = Story()
    story.person.talks(5.0).waits(0.5).beeps()
    heard = story.closing()
    assert (heard.machine, heard.enough) == (True, False)
    assert story.told.news == [], "a machine has heard nothing"
    # At once, after the greeting, after the beep.
    assert story.person.heard == [MESSAGE] * 3
    assert story.call is not None
    assert story.call.heard_milliseconds == len(MESSAGE) * 60, "the machine holds all of it"
    assert story.call.record.ended_at is not None
    # Answered after 5 s, begins anew when the beep is over; nobody waits for a machine's key.
    over = (story.call.record.ended_at - EPOCH).total_seconds()
    assert over == pytest.approx(5 + 0.2 + 5.6 + 0.5 + 0.4 + SECONDS, abs=0.5)


def test_a_greeting_longer_than_the_closing_is_waited_for() -> None:
    story = Story()
    story.person.talks(SECONDS + 12).beeps()
    heard = story.closing(120)
    assert (heard.machine, heard.enough) == (True, False)
    assert story.told.news == []
    assert story.person.heard[-1] == MESSAGE


def test_whoever_talks_over_the_closing_hears_it_from_its_start_once() -> None:
    story = Story()
    story.person.talks(2.6).waits(0.5).talks(3.0)
    heard = story.closing()
    assert story.person.heard == [MESSAGE, MESSAGE]
    assert (heard.enough, heard.machine) == (True, False)
    assert story.told.news == ["heard"]


def test_a_short_hello_does_not_begin_the_closing_anew() -> None:
    story = Story()
    story.person.talks(1.2)
    assert story.closing().enough
    assert story.person.heard == [MESSAGE]


def test_whoever_talks_through_all_of_the_closing_has_heard_it() -> None:
    story = Story()
    story.person.talks(SECONDS + 40)
    heard = story.closing()
    assert (heard.machine, heard.enough) == (False, True)
    assert story.person.heard == [MESSAGE]


def test_what_was_held_back_while_they_talked_is_told_when_they_are_still() -> None:
    """Not only at the end of the call: a crash before that would call them again."""
    story = VoiceStory()
    story.person.hears("rode fiets", share=0.7).talks(2.0)
    attempt = story.send(kind=MessageKind.CLOSING)
    advance(story.clock, 12)
    assert story.kinds(attempt) == [Sent], "80 % was said by then, and they talk"
    advance(story.clock, 2)
    assert story.kinds(attempt) == [Sent, Heard]


def test_a_key_in_a_machines_closing_is_a_person_who_picked_up() -> None:
    story = Story()
    story.person.talks(1.0).beeps().waits(1.0).presses("1")
    heard = story.closing()
    assert (heard.machine, heard.enough, heard.repeats) == (False, True, 1)


def test_a_machine_that_cuts_the_closing_short_is_a_machine_still() -> None:
    story = Story()
    story.person.talks(1.0).beeps().waits(0.5).hangs_up()
    heard = story.closing()
    assert heard.machine
    assert heard.ending is not None


def test_a_closing_that_met_a_machine_ends_as_voicemail() -> None:
    story = VoiceStory()
    story.person.talks(5.0).waits(0.3).beeps()
    attempt = story.send(kind=MessageKind.CLOSING)
    advance(story.clock, 120)
    assert story.kinds(attempt) == [Sent, Ended]
    assert story.outcome(attempt) is Outcome.VOICEMAIL
    assert story.nothing_leaked()


def test_a_call_is_kept_from_the_moment_that_it_is_placed() -> None:
    story = VoiceStory()
    story.person.rings(3)
    story.send()
    advance(story.clock, 1)
    (ringing,) = story.calls.values()
    assert (ringing.answered_at, ringing.ended_at) == (None, None)
    advance(story.clock, 120)
    (over,) = story.calls.values()
    assert over.answered_at is not None
    assert over.ended_at is not None
