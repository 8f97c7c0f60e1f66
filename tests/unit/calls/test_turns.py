"""Those who wait for the wire's turn: in order, never more than the rate, and whoever gives up takes nobody's turn."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from foundation.clock import Monotonic
from ivr.settings import TrunkSettings
from ivr.sip.trunk import Trunk, Use
from ivr.turns import Turns


class Waiting:
    """A trunk of ten calls a second, and callers who wait for it."""

    def __init__(self, callers: int) -> None:
        self.clock = Clock()
        self.trunk = Trunk(
            TrunkSettings.model_validate(
                {"name": "kpn", "proxy": "sip:192.0.2.1", "caller_id": "+31343529850", "calls_per_second": 10}
            )
        )
        self.turns = Turns(self.clock, lambda: Monotonic(self.clock.seconds()))
        self.left: list[tuple[int, float]] = []
        self.waiting = [self._wait(number) for number in range(callers)]

    def _wait(self, number: int) -> Deferred[None]:
        assert self.trunk.take(Use.ALERT)
        waiting = self.turns.wait(self.trunk)
        waiting.addCallback(lambda _: self.left.append((number, self.clock.seconds())))
        return waiting

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.005)):
            self.clock.advance(0.005)


def test_the_first_leaves_at_once_and_the_rest_in_order_at_the_rate() -> None:
    line = Waiting(25)
    assert line.left == [(0, 0.0)]
    line.run(3.0)
    assert [number for number, _ in line.left] == list(range(25))
    moments = [at for _, at in line.left]
    assert all(later - earlier >= 1.0 for earlier, later in zip(moments, moments[10:], strict=False))
    assert line.clock.getDelayedCalls() == []


def test_each_is_woken_once() -> None:
    line = Waiting(25)
    assert len(line.clock.getDelayedCalls()) == 1


def test_whoever_gives_up_takes_nobodys_turn() -> None:
    line = Waiting(3)
    line.waiting[1].addErrback(lambda failure: failure.trap(CancelledError) and None)
    line.waiting[1].cancel()
    line.run(0.15)
    assert [number for number, _ in line.left] == [0, 2]


def test_when_all_give_up_no_timer_is_left_and_the_next_is_served() -> None:
    line = Waiting(3)
    for waiting in line.waiting[1:]:
        waiting.addErrback(lambda failure: failure.trap(CancelledError) and None)
        waiting.cancel()
    assert line.clock.getDelayedCalls() == []
    line.waiting.append(line._wait(9))
    line.run(0.15)
    assert [number for number, _ in line.left] == [0, 9]


def test_who_leaves_when_another_gets_the_turn_is_not_served() -> None:
    """The one served cancels another who waits: the action was closed in the same moment."""
    line = Waiting(4)
    line.waiting[2].addErrback(lambda failure: failure.trap(CancelledError) and None)
    line.waiting[1].addCallback(lambda _: line.waiting[2].cancel())
    line.run(1.0)
    assert [number for number, _ in line.left] == [0, 1, 3]
    assert line.clock.getDelayedCalls() == []
