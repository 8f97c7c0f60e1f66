"""The in-process double behaves as a real worker does, on a clock that the test drives."""

import random
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from foundation.endpoints import Address
from foundation.sound import Sound
from ivr.media.inprocess import Heard, InProcessLeg, InProcessMedia
from ivr.media.messages import Digit, LegClosed, MediaFlowing, Played, PlayEnded, Recorded, Remote
from ivr.media.port import MediaEvent, MediaLost

FAR = Address("198.51.100.1", 4000)
PROMPT = Sound(Path("/nowhere/prompt"), 1000)


class Story:
    def __init__(self) -> None:
        self.clock = Clock()
        self.media = InProcessMedia(self.clock, random.Random(1))
        self.events: list[MediaEvent] = []
        self.losses: list[str] = []

    def leg(self, remote: Remote | None = None) -> InProcessLeg:
        opened: list[InProcessLeg] = []
        Deferred.fromCoroutine(self.media.open()).addCallback(opened.append)
        (leg,) = opened
        leg.listen(self.events.append, lambda: self.losses.append("lost"))
        leg.connect(Remote(FAR, "PCMA", 8) if remote is None else remote)
        return leg

    def run(self, seconds: float) -> None:
        self.clock.pump([0.01] * round(seconds * 100))


def test_a_prompt_a_key_and_the_end():
    story = Story()
    leg = story.leg()
    play = leg.play(PROMPT, report_at=800, stop_on_digits="1")
    assert story.events == []
    story.run(0.9)
    leg.press("1")
    assert [type(event) for event in story.events] == [Played, MediaFlowing, Digit, PlayEnded]
    assert story.events[-1] == PlayEnded(leg.number, leg.generation, play, 900, complete=False, digit="1")
    assert leg.plays == [Heard("/nowhere/prompt", 1000)]
    assert {sent.destination for sent in leg.sent} == {FAR}
    leg.close()
    story.run(0.01)
    assert isinstance(story.events[-1], LegClosed)
    assert story.clock.getDelayedCalls() == []


def test_a_call_made_within_a_listener_is_answered_in_a_later_turn():
    story = Story()
    leg = story.leg()
    plays = []

    def again(event: MediaEvent) -> None:
        story.events.append(event)
        if isinstance(event, PlayEnded) and len(plays) < 2:
            plays.append(leg.play(PROMPT))

    leg.listen(again, lambda: None)
    leg.play(PROMPT)
    story.run(3.2)
    assert [event.complete for event in story.events if isinstance(event, PlayEnded)] == [True, True, True]


def test_a_bridge_and_a_recording(tmp_path):
    story = Story()
    first, second = story.leg(), story.leg(Remote(Address("192.0.2.9", 5000), "PCMA", 8))
    first.bridge(second)
    second.record(tmp_path / "tip.wav", 10_000)
    for _ in range(10):
        first.speak(b"\x2a" * 160)
        second.speak(b"\x33" * 160)
        story.run(0.02)
    assert second.sent[-1].data[12:] == b"\x2a" * 160
    assert first.sent[-1].data[12:] == b"\x33" * 160
    second.close()
    story.run(0.01)
    assert [event.milliseconds for event in story.events if isinstance(event, Recorded)] == [200]
    assert (tmp_path / "tip.wav").exists()


def test_a_lost_worker_is_told_to_every_leg_once_and_opens_nothing():
    story = Story()
    leg, closed = story.leg(), story.leg()
    closed.close()
    story.media.lose()
    assert story.losses == ["lost"]
    leg.play(PROMPT)
    story.run(1)
    assert story.losses == ["lost"]
    failed: list[Exception] = []
    Deferred.fromCoroutine(story.media.open()).addErrback(lambda failure: failed.append(failure.value))
    assert isinstance(failed[0], MediaLost)
    story.media.recover()
    story.leg()


def test_legs_of_two_workers_cannot_be_bridged():
    first, second = Story().leg(), Story().leg()
    with pytest.raises(ValueError, match="near"):
        first.bridge(second)
