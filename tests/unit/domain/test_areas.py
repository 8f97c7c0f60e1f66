"""Circles and polygons: what the grid says is what geometry says."""

from __future__ import annotations

import math
import random

import numpy
import pytest

from gateway.domain.action import Circle, Polygon
from gateway.domain.areas import METRES_A_DEGREE, AreaFault, CircleShape, PolygonShape, Shape, cell, cell_runs

SQUARE = Polygon((((5.0, 52.0), (5.1, 52.0), (5.1, 52.08), (5.0, 52.08), (5.0, 52.0)),))
HOLE = ((5.03, 52.02), (5.07, 52.02), (5.07, 52.05), (5.03, 52.05), (5.03, 52.02))


def found(shape: Shape, latitude: float, longitude: float) -> bool:
    """As the store asks: by cell first, then by point where the cell is on the edge."""
    number = cell(latitude, longitude)
    for run in cell_runs(shape):
        if run.first <= number <= run.last:
            return run.inside or bool(shape.contains(numpy.array([latitude]), numpy.array([longitude]))[0])
    return False


@pytest.mark.parametrize(
    "shape",
    [
        CircleShape(Circle(52.05, 5.05, 2_500.0)),
        CircleShape(Circle(52.05, 5.05, 30.0)),
        PolygonShape(SQUARE),
        PolygonShape(Polygon((*SQUARE.rings, HOLE))),
    ],
)
def test_the_grid_finds_exactly_the_points_inside(shape: Shape) -> None:
    chance = random.Random(7)
    south, west, north, east = shape.bounds
    for _ in range(300):
        latitude = chance.uniform(south - 0.01, north + 0.01)
        longitude = chance.uniform(west - 0.01, east + 0.01)
        inside = bool(shape.contains(numpy.array([latitude]), numpy.array([longitude]))[0])
        assert found(shape, latitude, longitude) is inside


def test_a_circle_is_a_distance_in_metres() -> None:
    shape = CircleShape(Circle(52.0, 5.0, 1_000.0))
    north = 999.0 / METRES_A_DEGREE
    east = 1_001.0 / (METRES_A_DEGREE * math.cos(math.radians(52.0)))
    assert found(shape, 52.0 + north, 5.0)
    assert not found(shape, 52.0, 5.0 + east)


@pytest.mark.parametrize(
    "polygon",
    [
        Polygon(()),
        Polygon((((5.0, 52.0), (5.1, 52.0)),)),
        Polygon((((5.0, 52.0), (5.1, 52.1), (5.1, 52.0), (5.0, 52.1), (5.0, 52.0)),)),
        Polygon((((252.0, 5.0), (252.1, 5.0), (252.1, 5.1), (252.0, 5.0)),)),
    ],
)
def test_what_is_no_polygon_is_refused(polygon: Polygon) -> None:
    with pytest.raises(AreaFault):
        PolygonShape(polygon)


@pytest.mark.parametrize("circle", [Circle(99.0, 5.0, 10.0), Circle(52.0, 5.0, 0.0), Circle(52.0, 5.0, 1e6)])
def test_what_is_no_circle_is_refused(circle: Circle) -> None:
    with pytest.raises(AreaFault):
        CircleShape(circle)


def test_an_area_larger_than_a_country_is_refused() -> None:
    world = Polygon((((-170.0, -60.0), (170.0, -60.0), (170.0, 60.0), (-170.0, 60.0), (-170.0, -60.0)),))
    with pytest.raises(AreaFault, match="larger than a country"):
        cell_runs(PolygonShape(world))
