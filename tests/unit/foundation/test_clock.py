"""Two clocks that never mix: moments that are saved survive a step of the wall clock's own zone."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from foundation.clock import Clocks, saved


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        saved(datetime(2026, 1, 1))  # noqa: DTZ001 - the naive one is the point


def test_any_zone_is_saved_as_utc() -> None:
    amsterdam = timezone(timedelta(hours=1))
    assert saved(datetime(2026, 1, 1, 13, tzinfo=amsterdam)).isoformat() == "2026-01-01T12:00:00+00:00"


def test_between_the_clocks() -> None:
    clocks = Clocks(lambda: 500.0, lambda: datetime(2026, 1, 1, tzinfo=UTC))
    later = clocks.saved_after(90)
    assert clocks.until(later) == 90
    assert clocks.at(later) == 590.0
