"""One leg towards its conversation: keys that are not lost, waiting that leaves nothing behind, INFO beside RTP."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from foundation.clock import Clocks, Saved
from foundation.endpoints import Address
from foundation.sound import Sound
from ivr.call import CallEnded, CallRecord, EndCause, Ending, LegId
from ivr.leg import MOST_HOLD_SECONDS, Leg
from ivr.leg_state import TRANSITIONS, LegEvent, LegState
from ivr.media.messages import Digit, MediaFlowing, MediaLegId, Played, PlayEnded, PlayId, Recorded, Remote, Tone
from ivr.media.port import MediaEvent, MediaLeg

SECOND = Sound(Path("/said/second"), 1000)
REMOTE = Remote(Address("192.0.2.2", 40000), "PCMA", 8)
NUMBER = MediaLegId(0)


class Media(MediaLeg):
    """Records what is asked of it."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self._plays = itertools.count(1)

    @property
    def address(self) -> Address:
        return Address("192.0.2.1", 20000)

    def listen(self, listener: Callable[[MediaEvent], None], lost: Callable[[], None]) -> None:
        self.tell, self.lose = listener, lost

    def connect(self, remote: Remote) -> None:
        self.asked.append(("connect", remote.direction))

    def play(self, sound: Sound, *, report_at: int | None = None, stop_on_digits: str = "") -> PlayId:
        self.asked.append(("play", sound.stem.name, report_at, stop_on_digits))
        return PlayId(next(self._plays))

    def play_tone(self, tone: Tone, milliseconds: int | None = None) -> PlayId:
        self.asked.append(("tone", tone))
        return PlayId(next(self._plays))

    def stop_playing(self, play: PlayId) -> None:
        self.asked.append(("stop", play))

    def bridge(self, other: MediaLeg) -> None:
        self.asked.append(("bridge",))

    def unbridge(self) -> None:
        self.asked.append(("unbridge",))

    def record(self, path: Path, maximum_milliseconds: int) -> None:
        self.asked.append(("record", path.name, maximum_milliseconds))

    def stop_recording(self) -> None:
        self.asked.append(("stop recording",))

    def send_digit(self, digit: str, milliseconds: int = 100) -> None:
        self.asked.append(("digit", digit))

    def listen_for(self, *, talking: bool = False, beep: bool = False) -> None:
        self.asked.append(("listen for", talking, beep))

    def close(self) -> None:
        self.asked.append(("close",))

    def ends(self, play: int = 1, milliseconds: int = 1000, digit: str | None = None) -> None:
        self.tell(PlayEnded(NUMBER, 0, PlayId(play), milliseconds, digit is None, digit))

    def presses(self, digit: str) -> None:
        self.tell(Digit(NUMBER, 0, digit, 100))


class Signalling:
    def __init__(self) -> None:
        self.asked: list[str] = []

    def answer(self, leg: LegId) -> None:
        self.asked.append("answer")

    def end(self, leg: LegId, cause: EndCause) -> None:
        self.asked.append(f"end {cause}")


class Bench:
    def __init__(self, *, incoming: bool = False) -> None:
        self.clock = Clock()
        self.media = Media()
        self.signalling = Signalling()
        at = datetime(2026, 3, 1, tzinfo=UTC)
        record = CallRecord(LegId("a"), "in" if incoming else "out", "a@x", "kpn", None, None, Saved(at))
        self.leg = Leg(record, self.media, self.signalling, Clocks(self.clock.seconds, lambda: at), self.clock)
        self.results: list[Any] = []

    def wait(self, work: Any) -> Deferred[Any]:
        running = Deferred.fromCoroutine(work)
        running.addCallbacks(self.results.append, lambda failure: self.results.append(failure.value))
        return running

    def idle(self) -> bool:
        return self.clock.getDelayedCalls() == []


@pytest.fixture
def up() -> Bench:
    bench = Bench()
    bench.leg.answered_with(REMOTE)
    return bench


def test_what_the_table_leaves_out_moves_nothing() -> None:
    for state, event in itertools.product(LegState, LegEvent):
        assert (state is LegState.OVER) <= ((state, event) not in TRANSITIONS)
        assert (state, LegEvent.ENDED) in TRANSITIONS or state is LegState.OVER


def test_a_late_answer_after_the_hang_up_changes_nothing() -> None:
    bench = Bench()
    bench.leg.hang_up(EndCause.CANCELLED)
    bench.leg.answered_with(REMOTE)
    assert bench.leg.state is LegState.OVER
    assert bench.leg.record.answered_at is None
    assert ("connect", "sendrecv") not in bench.media.asked


def test_hanging_up_twice_asks_once_and_never_raises(up: Bench) -> None:
    up.leg.hang_up()
    up.leg.hang_up()
    assert up.signalling.asked == ["end hung_up"]


def test_everything_asked_after_the_end_raises(up: Bench) -> None:
    up.leg.ended(Ending(EndCause.HUNG_UP, "them", None, 16))
    for work in (up.leg.answered(), up.leg.media_ready(), up.leg.say(SECOND), up.leg.key(1), up.leg.pause(1)):
        up.wait(work)
    assert [type(result) for result in up.results] == [CallEnded] * 5
    with pytest.raises(CallEnded):
        up.leg.tone("beep")
    assert up.leg.heard_milliseconds == 0


def test_what_an_earlier_sound_reached_is_not_credited_to_one_that_never_began(up: Bench) -> None:
    up.wait(up.leg.say(SECOND))
    up.media.ends(milliseconds=1000)
    up.leg.ended(Ending(EndCause.HUNG_UP, "them"))
    up.wait(up.leg.say(SECOND))
    assert up.leg.heard_milliseconds == 0


def test_the_end_is_told_once_and_to_those_who_come_late(up: Bench) -> None:
    told: list[Ending] = []
    up.leg.on_end(told.append)
    ending = Ending(EndCause.HUNG_UP, "them")
    up.leg.ended(ending)
    up.leg.ended(Ending(EndCause.HUNG_UP, "us"))
    up.leg.on_end(told.append)
    assert told == [ending, ending]


def test_sound_both_ways_ends_the_wait(up: Bench) -> None:
    up.wait(up.leg.media_ready())
    assert up.results == []
    up.media.tell(MediaFlowing(NUMBER, 0))
    assert up.results == [None]
    assert up.idle()


def test_a_silent_phone_is_waited_for_400_milliseconds_from_the_answer(up: Bench) -> None:
    up.clock.advance(0.3)
    up.wait(up.leg.media_ready())
    up.clock.advance(0.09)
    assert up.results == []
    up.clock.advance(0.02)
    assert up.results == [None]
    up.wait(up.leg.media_ready())
    assert up.results == [None, None]


def test_a_key_cuts_a_sound_and_is_not_heard_twice(up: Bench) -> None:
    up.wait(up.leg.say(SECOND, barge_in=frozenset("12")))
    assert up.media.asked[-1] == ("play", "second", None, "12")
    up.media.presses("2")
    up.media.ends(milliseconds=300, digit="2")
    assert up.results == ["2"]
    assert up.leg.heard_milliseconds == 300
    up.wait(up.leg.key(1))
    up.clock.advance(1)
    assert up.results == ["2", None]


def test_a_key_whose_cut_is_told_before_its_end_is_not_heard_twice(up: Bench) -> None:
    up.wait(up.leg.say(SECOND, barge_in=frozenset("2")))
    up.media.ends(milliseconds=300, digit="2")
    up.media.presses("2")
    up.wait(up.leg.key(1))
    up.clock.advance(1)
    assert up.results == ["2", None]


def test_a_key_pressed_before_the_sound_answers_at_once(up: Bench) -> None:
    up.media.presses("3")
    up.wait(up.leg.say(SECOND, barge_in=frozenset("3")))
    assert up.results == ["3"]
    assert not any(asked[0] == "play" for asked in up.media.asked)


def test_a_key_that_may_not_cut_waits_for_who_asks(up: Bench) -> None:
    up.media.presses("7")
    up.wait(up.leg.say(SECOND, barge_in=frozenset("1")))
    up.media.ends()
    up.wait(up.leg.key(1))
    assert up.results == [None, "7"]


def test_keys_that_are_not_allowed_are_dropped(up: Bench) -> None:
    up.media.presses("7")
    up.wait(up.leg.key(2, frozenset("1")))
    up.media.presses("8")
    up.media.presses("1")
    assert up.results == ["1"]
    assert up.idle()


def test_a_thousand_keys_take_no_room(up: Bench) -> None:
    for _ in range(1000):
        up.media.presses("5")
    for _ in range(1000):
        up.wait(up.leg.key(0))
        up.clock.advance(0)
    assert up.results.count("5") == 32


def test_a_key_by_info_cuts_a_sound_too(up: Bench) -> None:
    up.wait(up.leg.say(SECOND, barge_in=frozenset("1")))
    up.clock.advance(0.4)
    up.leg.digit("1")
    assert up.results == ["1"]
    assert up.media.asked[-1] == ("stop", 1)
    assert up.leg.heard_milliseconds == 400
    up.media.ends(milliseconds=400)
    assert up.results == ["1"]


def test_a_key_by_info_passes_through_the_bridge(up: Bench) -> None:
    other = Bench()
    other.leg.answered_with(REMOTE)
    up.leg.bridge(other.leg)
    up.leg.digit("4")
    assert other.media.asked[-1] == ("digit", "4")
    up.wait(up.leg.key(1))
    assert up.results == ["4"]


def test_80_percent_is_told_once(up: Bench) -> None:
    told: list[int] = []
    up.wait(up.leg.say(SECOND, heard_share=0.8, on_heard=told.append))
    assert up.media.asked[-1] == ("play", "second", 800, "")
    up.media.tell(Played(NUMBER, 0, PlayId(1), 800))
    up.media.tell(Played(NUMBER, 0, PlayId(1), 800))
    assert told == [800]


def test_a_hang_up_in_a_sound_leaves_what_was_sent_to_an_open_line(up: Bench) -> None:
    up.wait(up.leg.say(SECOND))
    up.clock.advance(0.3)
    up.leg.connect(replace(REMOTE, direction="recvonly"))
    up.clock.advance(5)
    up.leg.connect(REMOTE)
    up.clock.advance(0.2)
    up.leg.ended(Ending(EndCause.HUNG_UP, "them"))
    assert isinstance(up.results[0], CallEnded)
    assert up.leg.heard_milliseconds == 500
    assert up.idle()


def test_who_holds_us_too_long_is_let_go(up: Bench) -> None:
    up.leg.connect(replace(REMOTE, direction="inactive"))
    up.clock.advance(MOST_HOLD_SECONDS)
    assert up.signalling.asked == ["end hung_up"]


def test_two_who_talk_may_hold_as_long_as_they_like(up: Bench) -> None:
    other = Bench()
    other.leg.answered_with(REMOTE)
    up.leg.bridge(other.leg)
    up.leg.connect(replace(REMOTE, direction="inactive"))
    up.clock.advance(MOST_HOLD_SECONDS)
    assert up.signalling.asked == []


def test_whoever_stops_waiting_stops_the_sound(up: Bench) -> None:
    saying = up.wait(up.leg.say(SECOND))
    saying.cancel()
    assert isinstance(up.results[0], CancelledError)
    assert up.media.asked[-1] == ("stop", 1)
    waiting = up.wait(up.leg.key(60))
    waiting.cancel()
    assert up.idle()
    up.media.presses("1")
    up.wait(up.leg.key(1))
    assert up.results[-1] == "1"


def test_a_recording_ends_by_key_time_or_hang_up(up: Bench) -> None:
    up.wait(up.leg.record_message(Path("/tips/a.wav"), maximum_seconds=10, end_keys=frozenset("#")))
    assert up.media.asked[-1] == ("record", "a.wav", 10000)
    up.media.presses("1")
    up.media.presses("#")
    assert up.media.asked[-1] == ("stop recording",)
    up.media.tell(Recorded(NUMBER, 0, "/tips/a.wav", 3000))
    assert up.results[0].milliseconds == 3000

    up.wait(up.leg.record_message(Path("/tips/b.wav"), maximum_seconds=10, end_keys=frozenset("#")))
    up.leg.ended(Ending(EndCause.HUNG_UP, "them"))
    assert ("close",) not in up.media.asked
    up.media.tell(Recorded(NUMBER, 0, "/tips/b.wav", 4000))
    assert up.results[1].milliseconds == 4000
    assert up.media.asked[-1] == ("close",)
    assert up.idle()


def test_a_recording_that_never_comes_is_not_waited_for_longer_than_two_seconds(up: Bench) -> None:
    up.wait(up.leg.record_message(Path("/tips/a.wav"), maximum_seconds=10, end_keys=frozenset("#")))
    up.clock.advance(10)
    up.clock.advance(2)
    assert up.results[0].milliseconds == 0


def test_a_lost_worker_ends_the_call(up: Bench) -> None:
    up.wait(up.leg.say(SECOND))
    up.media.lose()
    assert up.results[0].ending.cause is EndCause.MEDIA_LOST
    assert up.signalling.asked == ["end media_lost"]


def test_an_incoming_call_is_answered_when_the_ack_came() -> None:
    bench = Bench(incoming=True)
    bench.wait(bench.leg.answer())
    assert bench.signalling.asked == ["answer"]
    assert bench.results == []
    bench.leg.confirmed()
    assert bench.results == [None]
    assert bench.leg.record.answered_at is not None


def test_a_caller_who_is_gone_before_the_ack() -> None:
    bench = Bench(incoming=True)
    bench.wait(bench.leg.answer())
    bench.leg.ended(Ending(EndCause.HUNG_UP, "them"))
    bench.leg.confirmed()
    assert isinstance(bench.results[0], CallEnded)


def test_the_end_of_one_leg_takes_the_bridge_away(up: Bench) -> None:
    other = Bench()
    other.leg.answered_with(REMOTE)
    up.leg.bridge(other.leg)
    other.leg.ended(Ending(EndCause.HUNG_UP, "them"))
    assert ("unbridge",) in other.media.asked
    up.leg.digit("1")
    assert ("digit", "1") not in other.media.asked
