"""No second, wherever it begins, holds more than the rate; and nearly all of it is used."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.clock import Monotonic
from foundation.rate import Rate


def _busiest_second(moments: list[float]) -> int:
    """The most events that any closed window of one second holds."""
    most = first = 0
    for last, moment in enumerate(moments):
        while moment - moments[first] > 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most


def _run(per_second: float, seconds: float, latenesses: list[float]) -> list[float]:
    """Take as fast as the rate lets us, each time woken a little too late, as a real timer does."""
    rate, now, moments = Rate(per_second), 0.0, []
    turn = 0
    while now < seconds:
        wait = rate.wait(Monotonic(now))
        if wait > 0:
            now += wait + latenesses[turn % len(latenesses)]
            turn += 1
            continue
        rate.take(Monotonic(now))
        moments.append(now)
    return moments


@given(
    per_second=st.integers(3, 600).map(lambda tenths: tenths / 10),
    lateness=st.lists(st.floats(0, 0.004), min_size=1, max_size=7),
)
@settings(max_examples=150, deadline=None)
def test_no_second_holds_more_than_the_rate(per_second: float, lateness: list[float]) -> None:
    moments = _run(per_second, 20, lateness)
    assert _busiest_second(moments) <= max(per_second, 1)


@pytest.mark.parametrize("per_second", [1, 5, 20, 300])
def test_at_least_95_percent_of_the_rate_is_used(per_second: int) -> None:
    moments = _run(per_second, 30, [0.0005])
    assert len(moments) >= 0.95 * per_second * 30


@pytest.mark.parametrize("idle", [0.5, 5.0, 500.0])
def test_idle_time_saves_up_no_burst(idle: float) -> None:
    rate = Rate(10)
    rate.take(Monotonic(0.0))
    now = idle
    rate.take(Monotonic(now))
    assert rate.wait(Monotonic(now)) == pytest.approx(0.1, abs=0.11)
    moments = []
    while len(moments) < 30:
        now += max(rate.wait(Monotonic(now)), 1e-6)
        if rate.wait(Monotonic(now)) == 0:
            rate.take(Monotonic(now))
            moments.append(now)
    assert _busiest_second(moments) <= 10
    assert max(later - earlier for earlier, later in pairwise(moments)) < 0.2


def test_below_one_a_second_waits_the_whole_interval() -> None:
    rate = Rate(0.25)
    rate.take(Monotonic(100.0))
    assert rate.wait(Monotonic(100.0)) >= 4.0


def test_a_heavy_event_counts_by_its_weight() -> None:
    rate = Rate(10)
    for _ in range(3):
        assert rate.wait(Monotonic(0.0), weight=3) == 0 or rate.wait(Monotonic(0.0), weight=3) > 0
    rate.take(Monotonic(0.0), weight=9)
    assert rate.wait(Monotonic(0.5), weight=3) > 0.4
    assert rate.wait(Monotonic(0.95), weight=1) == 0.0


def test_no_rate_never_waits() -> None:
    rate = Rate(None)
    rate.take(Monotonic(0.0))
    assert rate.wait(Monotonic(0.0)) == 0.0


@pytest.mark.parametrize("wrong", [0, -1])
def test_a_rate_of_nothing_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        Rate(wrong)
