"""What a leg tells of voices and beeps, and how saying and waiting are interrupted."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundation.sound import Sound
from ivr.call import EndCause, Ending, Overheard
from ivr.media.messages import Beep, Talking
from tests.unit.calls.test_leg import NUMBER, REMOTE, Bench

SOUND = Sound(Path("/prompts/a"), 10_000)


@pytest.fixture
def up() -> Bench:
    bench = Bench()
    bench.leg.answered_with(REMOTE)
    return bench


def test_voices_and_beeps_are_told_only_while_somebody_wants_to_know(up: Bench) -> None:
    told: list[tuple[Overheard, int]] = []
    up.media.tell(Beep(NUMBER, 0, 1000, 300))
    up.leg.overhear(lambda what, milliseconds: told.append((what, milliseconds)))
    up.media.tell(Talking(NUMBER, 0, True, 200))
    up.media.tell(Talking(NUMBER, 0, False, 3000))
    up.media.tell(Beep(NUMBER, 0, 1000, 400))
    up.leg.overhear(None)
    up.media.tell(Beep(NUMBER, 0, 1000, 500))
    assert told == [(Overheard.VOICE_BEGAN, 200), (Overheard.VOICE_OVER, 3000), (Overheard.BEEP, 400)]
    assert [asked for asked in up.media.asked if asked[0] == "listen for"] == [
        ("listen for", True, True),
        ("listen for", False, False),
    ]


def test_a_leg_that_is_over_listens_for_nothing(up: Bench) -> None:
    up.leg.ended(Ending(EndCause.HUNG_UP, "them"))
    up.leg.overhear(lambda what, milliseconds: None)
    assert ("listen for", True, True) not in up.media.asked


def test_an_interrupted_sound_counts_what_was_sent_of_it(up: Bench) -> None:
    up.wait(up.leg.say(SOUND))
    up.leg.interrupt()
    assert up.results == [], "media says how much of it was sent"
    up.media.ends(milliseconds=2500)
    assert up.results == [None]
    assert up.leg.heard_milliseconds == 2500


def test_a_wait_for_a_key_is_interrupted_at_once(up: Bench) -> None:
    up.wait(up.leg.key(60))
    up.leg.interrupt()
    assert up.results == [None]
    assert up.idle()


def test_an_interrupt_in_a_pause_changes_nothing(up: Bench) -> None:
    up.wait(up.leg.pause(1))
    up.leg.interrupt()
    assert up.results == []
    up.clock.advance(1)
    assert up.results == [None]
