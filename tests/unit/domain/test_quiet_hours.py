"""Quiet hours, over midnight and over the change of clocks."""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from foundation.clock import Saved, saved
from gateway.domain.quiet import QuietHours

NIGHT = QuietHours(time(22), time(7), ZoneInfo("Europe/Amsterdam"))


def at(*parts: int) -> Saved:
    return saved(datetime(*parts, tzinfo=UTC))  # type: ignore[arg-type, misc]  # year to minute


def test_they_span_midnight() -> None:
    assert not NIGHT.at(at(2026, 11, 24, 20, 59))
    assert NIGHT.at(at(2026, 11, 24, 21, 0))
    assert NIGHT.at(at(2026, 11, 25, 5, 59))
    assert not NIGHT.at(at(2026, 11, 25, 6, 0))


def test_within_a_day() -> None:
    noon = QuietHours(time(12), time(14), ZoneInfo("UTC"))
    assert [noon.at(at(2026, 11, 24, hour, 0)) for hour in (11, 12, 13, 14)] == [False, True, True, False]


def test_equal_times_are_no_quiet_hours() -> None:
    never = QuietHours(time(12), time(12), ZoneInfo("UTC"))
    assert not any(never.at(at(2026, 11, 24, hour, 0)) for hour in range(24))


def test_the_next_change_follows_the_zones_clock() -> None:
    assert NIGHT.next_change(at(2026, 11, 24, 12, 0)) == at(2026, 11, 24, 21, 0)
    assert NIGHT.next_change(at(2026, 11, 24, 21, 0)) == at(2026, 11, 25, 6, 0)
    # Summer time begins in this night: the hours are one shorter.
    assert NIGHT.next_change(at(2026, 3, 28, 22, 0)) == at(2026, 3, 29, 5, 0)
