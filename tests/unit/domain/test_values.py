"""Values that are made quickly are the same values."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass, field, fields

import pytest

from gateway.domain.attempt import Accepted, Attempt, Receipted, Sent, Wire
from gateway.domain.delivery import Delivery, Situation
from gateway.domain.values import quickly_made


@quickly_made
@dataclass(frozen=True, slots=True)
class Point:
    east: int
    north: int = 7


def test_they_are_made_by_position_by_name_and_with_defaults() -> None:
    assert (Point(1).east, Point(1).north) == (1, 7)
    assert Point(1, 2) == Point(north=2, east=1)
    assert repr(Point(1, 2)) == "Point(east=1, north=2)"
    assert len({Point(1), Point(1, 7)}) == 1


def test_they_are_still_frozen_and_still_need_their_fields() -> None:
    with pytest.raises(FrozenInstanceError):
        Point(1).east = 2  # type: ignore[misc]  # that is the point
    with pytest.raises(TypeError, match="east"):
        Point()  # type: ignore[call-arg]  # that is the point


def test_what_can_not_be_made_quickly_is_said_when_the_class_is_made() -> None:
    @dataclass(frozen=True, slots=True)
    class Listed:
        many: list[int] = field(default_factory=list)

    with pytest.raises(TypeError, match="many has no plain default"):
        quickly_made(Listed)


@pytest.mark.parametrize("kind", [Accepted, Attempt, Delivery, Receipted, Sent, Situation, Wire])
def test_the_values_of_the_hot_path_carry_every_field(kind: type) -> None:
    names = [each.name for each in fields(kind)]
    made = kind(**{name: f"a {name}" for name in names})
    assert [getattr(made, name) for name in names] == [f"a {name}" for name in names]
